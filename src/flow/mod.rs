//! Packets of one five-tuple: tables, conn_state and history as Zeek writes them, reassembly, copies seen once. Knows no protocols' meaning.
#![forbid(unsafe_code)]

mod community_id;
mod copies;
mod record;
mod reorder;
mod state;
mod table;

pub use community_id::{CommunityId, community_id};
pub use copies::{Copies, Copy, Mark};
pub use record::{Flow, Turn, bit};
pub use reorder::{Piece, Reorder};
pub use state::{ConnState, History, Shape};
pub use table::FlowTable;
