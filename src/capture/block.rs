//! A block: some hundred frames in one buffer.

use super::source::Notice;
use crate::wire::Frame;

/// Up to about a thousand frames and the buffer that holds them. Buffers are recycled: in steady state nothing is allocated.
#[derive(Debug, Default)]
pub struct Block {
    /// File bytes as read; frames point into it. The decoder may append reassembled datagrams behind them.
    pub buf: Vec<u8>,
    /// The frames, in order.
    pub frames: Vec<Frame>,
    /// What the capture points have to say, in order.
    pub notices: Vec<Notice>,
}

impl Block {
    /// The captured bytes of a frame; empty if the frame lies outside the buffer (which a reader never makes).
    #[inline]
    pub fn bytes(&self, f: &Frame) -> &[u8] {
        let start = f.off as usize;
        self.buf.get(start..start.saturating_add(f.cap_len as usize)).unwrap_or(&[])
    }
}
