//! The terminal UI: what is wrong, what and from where, what to do. `app` changes by messages and knows no terminal; `view` draws it; `run` has
//! the terminal, the keys and the clock. The same screens serve a replay, a journal and a running sensor: all three are a [`Feed`].
#![forbid(unsafe_code)]

pub mod acts;
pub mod app;
pub mod export;
pub mod feed;
pub mod filter;
pub mod keys;
pub mod look;
pub mod pane;
pub mod plain;
pub mod run;
pub mod sensor;
pub mod text;
pub mod theme;
pub mod view;
pub mod width;

pub use acts::{Act, Acts, SessionActs};
pub use app::{App, Effect, Msg};
pub use feed::{Feed, JournalFeed, News, Order};
pub use look::Look;
