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
    /// Ticks, before which packet each falls, and what was read until then.
    pub(super) ticks: Vec<(u32, Timestamp, Seen)>,
    /// When the block was read, for the latency histograms only.
    pub(super) read_at: Instant,
    /// The run ends with this batch.
    pub(super) last: bool,
}

/// What the reader counted since the run began. Taken at each tick, not at the end of a block: blocks of a pipe end elsewhere than blocks of a file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) frames: u64,
    pub(super) bytes: u64,
    pub(super) filtered: u64,
    pub(super) snapped: u64,
    pub(super) undecoded: u64,
}

/// The wall clock: for latency, never for results.
#[allow(clippy::disallowed_methods)]
pub(super) fn wall() -> Instant {
    Instant::now()
}

impl Batch {
    pub(super) fn new() -> Batch {
        Batch { block: Block::default(), packets: Vec::new(), ticks: Vec::new(), read_at: wall(), last: false }
    }
}

/// Reads, decodes and marks ticks.
pub(super) struct Feeder {
    source: Replay,
    pub(super) decoder: Decoder,
    ticker: Ticker,
    pub(super) first_ts: Option<Timestamp>,
    pub(super) last_ts: Option<Timestamp>,
    seen: Seen,
}

impl Feeder {
    pub(super) fn new(source: Replay, hash: KeyedHash) -> Feeder {
        Feeder { source, decoder: Decoder::new(hash), ticker: Ticker::default(), first_ts: None, last_ts: None, seen: Seen::default() }
    }
    /// Fills a batch; the last one ends with a final tick.
    pub(super) fn fill(&mut self, batch: &mut Batch) {
        batch.packets.clear();
        batch.ticks.clear();
        batch.last = matches!(self.source.fill(&mut batch.block), Fill::End);
        batch.read_at = wall();
        if batch.last {
            batch.ticks.push((0, self.ticker.last(), self.seen()));
            return;
        }
        let Block { buf, frames } = &mut batch.block;
        for f in frames.iter() {
            if !f.admitted {
                self.seen.filtered += 1;
            } else {
                let at = batch.packets.len() as u32;
                let (seen, decoder) = (self.seen, &self.decoder);
                self.ticker.advance(f.ts, |t| batch.ticks.push((at, t, with_decoder(seen, decoder))));
                self.decoder.decode(buf, f, &mut batch.packets);
                self.first_ts.get_or_insert(f.ts);
                self.last_ts = Some(f.ts);
            }
            self.seen.frames += 1;
            self.seen.bytes += u64::from(f.orig_len);
        }
    }
    /// What was read until now.
    pub(super) fn seen(&self) -> Seen {
        with_decoder(self.seen, &self.decoder)
    }
    pub(super) fn source(&mut self) -> &mut Replay {
        &mut self.source
    }
}

fn with_decoder(seen: Seen, decoder: &Decoder) -> Seen {
    let c = decoder.counters();
    Seen { snapped: c.snapped, undecoded: c.undecoded, ..seen }
}
