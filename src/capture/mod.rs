//! Where frames come from: live ports, capture files, pipes. Yields [`Block`]s; knows nothing of what frames mean.
//!
//! [`Replay`] reads capture files (pcap, pcapng; plain, gzip, zstd), pipes and directories, merges them by packet time and passes every
//! frame through the clock filter and the `--filter`. Damage never ends a run: it is a [`Fault`], and everything before it is delivered.

mod block;
mod bpf;
mod clock;
mod discover;
mod fault;
mod filter;
mod input;
mod linktype;
mod live;
mod pcap;
mod pcapng;
mod port;
mod pcapng_write;
mod replay;
mod source;
mod stream;
pub(crate) mod sys;
#[cfg(test)]
mod testfile;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_news;

pub use block::Block;
pub use clock::Clock;
pub use fault::{Damage, Fault, FaultKind, OpenError};
pub use filter::Filter;
pub use live::{Live, LiveError, LiveNews, LiveOptions, PortStatus, RecordStatus, Status, StatusBoard, Step, Waker};
pub use pcapng_write::{Cause, Missing, PcapngWriter};
pub use port::{PassivityProof, PortCounters, PortFacts, Remark};
pub use replay::{Interface, Replay, ReplayOptions};
pub use source::{Fill, Notice, PortNews, Source};
pub use sys::{Now, Ring};
