//! One captured frame before decoding.

use crate::base::Timestamp;

/// Link types that spanward decodes (pcap LINKTYPE_ values).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
#[repr(u8)]
pub enum Linktype {
    /// LINKTYPE_ETHERNET (1).
    #[default]
    Ethernet,
    /// LINKTYPE_LINUX_SLL (113).
    Sll,
    /// LINKTYPE_LINUX_SLL2 (276).
    Sll2,
    /// LINKTYPE_RAW (101), LINKTYPE_IPV4 (228), LINKTYPE_IPV6 (229), and DLT_RAW 12/14: an IP header comes first.
    Raw,
    /// LINKTYPE_NULL (0): a protocol family in the capturing host's byte order.
    Null,
    /// LINKTYPE_LOOP (108): a protocol family in network byte order.
    Loop,
    /// Any other: counted as undecoded.
    Unknown,
}

/// One frame in a block's buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Frame {
    /// Packet time after the clock filter.
    pub ts: Timestamp,
    /// Number in the run, from 1, in the order the engine sees them.
    pub number: u64,
    /// Start in the block's buffer.
    pub off: u32,
    /// Captured bytes.
    pub cap_len: u32,
    /// Bytes on the wire.
    pub orig_len: u32,
    /// Capture interface: files and pcapng interfaces in order of appearance over the run.
    pub iface: u16,
    /// How the first bytes are to be read.
    pub linktype: Linktype,
    /// False when `--filter` or `--from/--to` leaves the frame out: it is counted, not decoded.
    pub admitted: bool,
}
