//! Packets of one five-tuple: tables, conn_state and history as Zeek writes them, reassembly, copies seen once. Knows no protocols' meaning.
#![forbid(unsafe_code)]

mod community_id;
mod state;

pub use community_id::community_id;
pub use state::{ConnState, History};
