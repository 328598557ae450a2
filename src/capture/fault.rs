//! Inputs that could not be read to their end: which file, where, what was found and what was expected. Exit code 3.

use std::fmt;
use thiserror::Error;

/// What is wrong with one input. Everything before it was delivered; other inputs go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The input as it was named, or as it was found in a directory.
    pub file: String,
    /// Where reading stopped: bytes from the start of the capture (of the unpacked data, if it is compressed).
    pub offset: u64,
    /// Number of the record or block that could not be read, from 1.
    pub record: u64,
    /// Frames of this input before that point; all of them were delivered.
    pub frames: u64,
    /// What happened.
    pub kind: FaultKind,
}

/// The kinds of [`Fault`].
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum FaultKind {
    /// No such file, no permission.
    #[error("cannot be opened: {0}")]
    Open(String),
    /// Nothing in it.
    #[error("is empty; a pcap or pcapng capture was expected")]
    Empty,
    /// Neither pcap nor pcapng.
    #[error("is no capture but {0}; pcap or pcapng was expected, plain or packed with gzip or zstd")]
    NotCapture(String),
    /// A directory without any capture.
    #[error("holds no capture file ({0} other files were skipped)")]
    NoCapture(u64),
    /// The read failed, or the compressed data is damaged.
    #[error("cannot be read on after byte {offset}: {message}")]
    Read {
        /// Bytes of (unpacked) data read before.
        offset: u64,
        /// The system's or the decompressor's words.
        message: String,
    },
    /// The structure of the capture is broken.
    #[error("damaged at byte {offset} (record {record}): {damage}")]
    Damaged {
        /// As [`Fault::offset`].
        offset: u64,
        /// As [`Fault::record`].
        record: u64,
        /// What was found and what was expected.
        damage: Damage,
    },
    /// More captures overlap in time than are read at once.
    #[error("was left out: more than {0} captures overlap in time here")]
    TooMany(usize),
    /// A directory tree that is too large or too deep.
    #[error("was not searched to its end: {0}")]
    Search(String),
}

/// How the structure of a capture is broken: what was found, what was expected.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum Damage {
    /// The file ends inside a record.
    #[error("the file ends after {have} of the {need} bytes of this record")]
    Cut {
        /// Bytes that are there.
        have: u64,
        /// Bytes that were announced.
        need: u64,
    },
    /// A captured length beyond reason.
    #[error("packet length {found} is larger than {limit}")]
    PacketLength {
        /// Captured length in the record.
        found: u32,
        /// The largest accepted.
        limit: u32,
    },
    /// A pcapng block length beyond reason.
    #[error("block length {found} is larger than {limit}")]
    BlockLength {
        /// Length in the block.
        found: u32,
        /// The largest accepted.
        limit: u32,
    },
    /// A pcapng block length that cannot be.
    #[error("block length {found} is not a multiple of 4 that is at least {least}")]
    BlockShape {
        /// Length in the block.
        found: u32,
        /// The smallest that this kind of block can have.
        least: u32,
    },
    /// The two lengths of a pcapng block differ.
    #[error("block length {head} at its start, but {tail} at its end")]
    BlockTail {
        /// Length at the start.
        head: u32,
        /// Length at the end.
        tail: u32,
    },
    /// The packet does not fit into its pcapng block.
    #[error("packet length {found} in a block that has room for {room}")]
    PacketRoom {
        /// Captured length.
        found: u32,
        /// Bytes of the block that can hold it.
        room: u32,
    },
    /// A packet of a pcapng interface that was never described.
    #[error("packet of interface {found}, but {known} interfaces were described")]
    Interface {
        /// Interface number.
        found: u32,
        /// Interfaces described in this section.
        known: usize,
    },
    /// Too many pcapng interfaces.
    #[error("more than {0} interfaces")]
    Interfaces(usize),
    /// No byte-order magic in a section header.
    #[error("byte-order magic {found:08x}, 1a2b3c4d was expected")]
    ByteOrder {
        /// The four bytes, most significant first.
        found: u32,
    },
    /// A version of the format that nobody has defined.
    #[error("format version {major}.{minor}, {expected} was expected")]
    Version {
        /// Major number.
        major: u16,
        /// Minor number.
        minor: u16,
        /// What is read.
        expected: &'static str,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            FaultKind::Damaged { .. } => write!(f, "{}: {}; ", self.file, self.kind)?,
            FaultKind::Read { .. } => write!(f, "{} {}; ", self.file, self.kind)?,
            _ => return write!(f, "{} {}", self.file, self.kind),
        }
        match self.frames {
            0 => write!(f, "no packet stands before it"),
            1 => write!(f, "the one packet before it was analysed"),
            n => write!(f, "the {n} packets before it were analysed"),
        }
    }
}

/// Why a replay cannot begin at all. Exit code 2.
#[derive(Debug, Error)]
pub enum OpenError {
    /// `--filter` is no filter.
    #[error("--filter '{text}': {message} (a filter as tcpdump takes it was expected, such as 'host 10.1.2.3 and port 445')")]
    Filter {
        /// As given.
        text: String,
        /// libpcap's words.
        message: String,
    },
    /// Standard input can be read once.
    #[error("'-' (standard input) is given {0} times; it can be read once")]
    StdinTwice(usize),
    /// Nothing to read.
    #[error("no capture is given")]
    NoInput,
}
