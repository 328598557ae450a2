//! One frame as layers. Turns the bytes of a frame into a [`Packet`]: a compact description with offsets into the block's buffer.
//! Knows nothing of flows. Parsing never fails: what could be read is yielded, plus a [`Weird`] that says where and why it stopped.
#![forbid(unsafe_code)]

mod frame;
mod packet;

pub use frame::{Frame, Linktype};
pub use packet::{Kind, Packet, Tunnel, Vlans, Weird, flag, tcp};
