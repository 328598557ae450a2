//! One frame as layers. Turns the bytes of a frame into a [`Packet`]: a compact description with offsets into the block's buffer.
//! Knows nothing of flows. Parsing never fails: what could be read is yielded, plus a [`Weird`] that says where and why it stopped.
#![forbid(unsafe_code)]

mod frame;
mod packet;
mod icmp;
mod read;
mod weirds;
mod fast;
mod walk;
mod link;
mod wrap;
mod udp_tunnel;
mod ip;
mod fragments;
mod transport;
mod decoder;

pub use decoder::{Counters, Decoder};
pub use frame::{Frame, Linktype};
pub use icmp::icmp_ports;
pub use packet::{Kind, Packet, Tunnel, Vlans, Weird, flag, tcp};
pub use weirds::WeirdCount;

#[cfg(test)]
mod build;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_wrapped;
#[cfg(test)]
mod tests_fragments;
#[cfg(test)]
mod tests_hostile;
