//! The journal: what a viewer would show, second by second of packet time, so that live viewers and time travel read the same thing.
//!
//! A [`Recorder`] is a sink. It keeps one [`View`] and writes it to a spool: whole every ten seconds of packet time (a key frame), else what
//! changed since the second before. A [`Journal`] reads a spool and answers with the view at any time that is kept. Without a recorder nothing
//! of this is computed.

mod desk;
mod edges;
mod egress;
mod health;
mod living;
mod rates;
mod reader;
mod recorder;
mod serves;
mod spool;
mod tops;
mod traffic;
mod view;

pub use desk::{DecisionRecord, Desk, MuteRecord, NoteRecord};
pub use edges::EdgeRecord;
pub use egress::EgressRecord;
pub use health::{Facts, Health, PortRecord};
pub use rates::Rate;
pub use reader::{Journal, JournalError, Step};
pub use recorder::{Audience, Gate, Recorder, Taken};
pub use serves::ServesRecord;
pub use spool::SPOOL;
pub use tops::TopFlow;
pub use traffic::ZoneTraffic;
pub use view::{Changes, Counters, Delta, View};
