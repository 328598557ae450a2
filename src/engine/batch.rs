//! A block of frames, decoded, with the ticks that fall into it.

use super::ticks::Ticker;
use crate::base::{KeyedHash, Timestamp};
use crate::capture::{Block, Fill, Replay};
use crate::wire::{Decoder, Packet};
use std::time::Instant;

/// What travels from the reader to the workers. Recycled.
pub(super) struct Batch {
    pub(super) block: Block,
    pub(super) packets: Vec<Packet>,
    /// Ticks, and before which packet each falls.
    pub(super) ticks: Vec<(u32, Timestamp)>,
    /// When the block was read, for the latency histograms only.
    pub(super) read_at: Instant,
    /// The run ends with this batch.
    pub(super) last: bool,
    /// Frames and bytes of this batch, and those left out.
    pub(super) frames: u64,
    pub(super) bytes: u64,
    pub(super) filtered: u64,
}

/// The wall clock: for latency, never for results.
#[allow(clippy::disallowed_methods)]
pub(super) fn wall() -> Instant {
    Instant::now()
}

impl Batch {
    pub(super) fn new() -> Batch {
        Batch { block: Block::default(), packets: Vec::new(), ticks: Vec::new(), read_at: wall(), last: false, frames: 0, bytes: 0, filtered: 0 }
    }
}

/// Reads, decodes and marks ticks.
pub(super) struct Feeder {
    source: Replay,
    pub(super) decoder: Decoder,
    ticker: Ticker,
    pub(super) first_ts: Option<Timestamp>,
    pub(super) last_ts: Option<Timestamp>,
    pub(super) packets: u64,
}

impl Feeder {
    pub(super) fn new(source: Replay, hash: KeyedHash) -> Feeder {
        Feeder { source, decoder: Decoder::new(hash), ticker: Ticker::default(), first_ts: None, last_ts: None, packets: 0 }
    }
    /// Fills a batch; the last one ends with a final tick.
    pub(super) fn fill(&mut self, batch: &mut Batch) {
        batch.packets.clear();
        batch.ticks.clear();
        (batch.frames, batch.bytes, batch.filtered) = (0, 0, 0);
        batch.last = matches!(self.source.fill(&mut batch.block), Fill::End);
        batch.read_at = wall();
        if batch.last {
            batch.ticks.push((0, self.ticker.last()));
            return;
        }
        let Block { buf, frames } = &mut batch.block;
        for f in frames.iter() {
            batch.frames += 1;
            batch.bytes += u64::from(f.orig_len);
            if !f.admitted {
                batch.filtered += 1;
                continue;
            }
            let at = batch.packets.len() as u32;
            self.ticker.advance(f.ts, |t| batch.ticks.push((at, t)));
            self.decoder.decode(buf, f, &mut batch.packets);
            self.first_ts.get_or_insert(f.ts);
            self.last_ts = Some(f.ts);
        }
        self.packets += batch.frames;
    }
    pub(super) fn source(&mut self) -> &mut Replay {
        &mut self.source
    }
}
