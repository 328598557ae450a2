//! Any bytes as a capture file, plain or compressed: never a panic, frames inside the buffer, time never back, a bounded buffer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spanward::capture::{Block, Fill, Replay, ReplayOptions};

fuzz_target!(|data: &[u8]| {
    let Ok(mut replay) = Replay::from_bytes(data.to_vec(), ReplayOptions::default()) else { return };
    let mut block = Block::default();
    let mut last = Default::default();
    while replay.fill(&mut block) == Fill::Frames {
        assert!(!block.frames.is_empty() && block.buf.len() <= (16 << 20) + (1 << 20));
        for f in &block.frames {
            assert_eq!(block.bytes(f).len(), f.cap_len as usize);
            assert!(f.ts >= last && f.orig_len >= f.cap_len);
            last = f.ts;
        }
        replay.weirds();
    }
    assert!(replay.faults().len() <= 1);
});
