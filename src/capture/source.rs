//! What the engine asks of a place that frames come from: a capture file, a mirror port.

use super::block::Block;
use super::fault::Fault;
use crate::base::Timestamp;
use crate::wire::Weird;

/// What became of a [`Source::fill`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fill {
    /// The block holds at least one frame or one notice.
    Frames,
    /// No frame for now; packet time has come this far, and no later frame will have an earlier time. Live ports say so, and recordings of them
    /// at their end.
    Quiet(Timestamp),
    /// Every input has been read as far as it can be, or the sensor was told to stop.
    End,
}

/// What a capture point has to say beside frames, at its place among them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Notice {
    /// Packet time.
    pub ts: Timestamp,
    /// It was said before this frame of the block (the number of frames: behind the last).
    pub at: u32,
    /// Capture interface.
    pub iface: u16,
    /// What.
    pub news: PortNews,
}

/// News of a capture point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PortNews {
    /// Frames lost since the last such notice: in the kernel's ring, and in the card or its driver.
    Dropped {
        /// By the kernel: the box did not read fast enough.
        kernel: u64,
        /// By the card or its driver.
        card: u64,
    },
    /// Frames of which only the head was kept since the last such notice, because the box was overloaded.
    Shed {
        /// Frames.
        frames: u64,
    },
    /// The port has no link, was taken away, or cannot be read.
    Down,
    /// It is read again.
    Up,
}

/// A place that frames come from.
pub trait Source: Send {
    /// Empties the block and fills it with the next frames. A live port comes back within a tenth of a second, with or without frames.
    fn fill(&mut self, block: &mut Block) -> Fill;
    /// Inputs that could not be read to their end.
    fn faults(&self) -> &[Fault];
    /// Takes odd things of the input itself since the last call.
    fn weirds(&mut self) -> Vec<Weird>;
    /// Name of a capture interface, as frames number it.
    fn interface(&self, number: u16) -> Option<&str>;
    /// How overloaded the box is: 0 not at all, 1 contents are not judged, 2 bulk payload is not read, 3 the tails of bulk frames are not even kept.
    fn level(&self) -> u8 {
        0
    }
    /// Bytes read, and of how many, where that is known.
    fn progress(&self) -> (u64, Option<u64>) {
        (0, None)
    }
}
