//! A block of frames, decoded, with the ticks that fall into it.

use super::setup::{Setup, Setups};
use super::ticks::Ticker;
use crate::base::{KeyedHash, Timestamp};
use crate::capture::{Block, Fill, Notice, PortNews, Source};
use crate::wire::{Decoder, Packet};
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// What travels from the reader to the workers. Recycled.
pub(super) struct Batch {
    pub(super) block: Block,
    pub(super) packets: Vec<Packet>,
    /// Ticks, before which packet each falls, and what was read until then.
    pub(super) ticks: Vec<(u32, Timestamp, Seen)>,
    /// News of capture points, and before which packet each falls.
    pub(super) notices: Vec<(u32, Notice)>,
    /// When the block was read, for the latency histograms only.
    pub(super) read_at: Instant,
    /// From this batch on the run goes by another setup.
    pub(super) setup: Option<Arc<Setup>>,
    /// What is left out of it because the box is overloaded (see `shed`).
    pub(super) level: u8,
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
    pub(super) kernel_drops: u64,
    pub(super) card_drops: u64,
    pub(super) shed: u64,
}

/// The wall clock: for latency, never for results.
#[allow(clippy::disallowed_methods)]
pub(super) fn wall() -> Instant {
    Instant::now()
}

impl Batch {
    pub(super) fn new() -> Batch {
        Batch {
            block: Block::default(),
            packets: Vec::new(),
            ticks: Vec::new(),
            notices: Vec::new(),
            read_at: wall(),
            setup: None,
            level: 0,
            last: false,
        }
    }
}

/// Reads, decodes and marks ticks.
pub(super) struct Feeder {
    source: Box<dyn Source>,
    setups: Setups,
    pub(super) decoder: Decoder,
    ticker: Ticker,
    pub(super) first_ts: Option<Timestamp>,
    pub(super) last_ts: Option<Timestamp>,
    seen: Seen,
}

impl Feeder {
    pub(super) fn new(source: Box<dyn Source>, hash: KeyedHash, setups: Setups) -> Feeder {
        Feeder { source, setups, decoder: Decoder::new(hash), ticker: Ticker::default(), first_ts: None, last_ts: None, seen: Seen::default() }
    }
    /// Fills a batch; the last one ends with a final tick.
    pub(super) fn fill(&mut self, batch: &mut Batch) {
        batch.packets.clear();
        batch.ticks.clear();
        batch.notices.clear();
        batch.setup = self.setups.next();
        let fill = self.source.fill(&mut batch.block);
        batch.level = self.source.level();
        batch.last = fill == Fill::End;
        batch.read_at = wall();
        match fill {
            Fill::End => batch.ticks.push((0, self.ticker.last(), self.seen())),
            Fill::Quiet(now) => {
                let seen = self.seen();
                self.ticker.quiet(now, |t| batch.ticks.push((0, t, seen)));
            }
            Fill::Frames => self.frames(batch),
        }
    }
    /// The frames, and between them what the capture points have to say, which is nothing nearly always.
    fn frames(&mut self, batch: &mut Batch) {
        let said = std::mem::take(&mut batch.block.notices);
        let mut done = 0;
        for notice in &said {
            let upto = (notice.at as usize).clamp(done, batch.block.frames.len());
            self.some(batch, done..upto);
            done = upto;
            self.notice(notice, batch);
        }
        self.some(batch, done..batch.block.frames.len());
        batch.block.notices = said;
    }
    fn some(&mut self, batch: &mut Batch, range: Range<usize>) {
        let Block { buf, frames, .. } = &mut batch.block;
        for f in frames.get(range).unwrap_or_default() {
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
    /// Takes news of a capture point in.
    fn notice(&mut self, notice: &Notice, batch: &mut Batch) {
        let at = batch.packets.len() as u32;
        let seen = self.seen();
        self.ticker.advance(notice.ts, |t| batch.ticks.push((at, t, seen)));
        match notice.news {
            PortNews::Dropped { kernel, card } => {
                self.seen.kernel_drops += kernel;
                self.seen.card_drops += card;
            }
            PortNews::Shed { frames } => self.seen.shed += frames,
            PortNews::Down | PortNews::Up => {}
        }
        batch.notices.push((at, *notice));
    }
    /// What was read until now.
    pub(super) fn seen(&self) -> Seen {
        with_decoder(self.seen, &self.decoder)
    }
    pub(super) fn source(&mut self) -> &mut dyn Source {
        &mut *self.source
    }
}

fn with_decoder(seen: Seen, decoder: &Decoder) -> Seen {
    let c = decoder.counters();
    Seen { snapped: c.snapped, undecoded: c.undecoded, ..seen }
}
