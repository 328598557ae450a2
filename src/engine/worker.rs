//! A worker: a set of shards.

use super::batch::{Batch, Seen};
use super::setup::Setup;
use super::shard::{Ahead, Shard};
use super::told::Weirds;
use super::{Options, SHARDS};
use crate::base::Timestamp;
use crate::capture::Notice;
use crate::event::{Coverage, Event, EventKind};
use crate::site::Site;
use crate::wire::Packet;
use crossbeam::channel::Receiver;
use std::sync::Arc;
use std::time::Instant;

/// What a worker hands over at a tick.
pub(super) struct Handover {
    pub(super) now: Timestamp,
    /// Events of each of the worker's shards, in shard order: (shard, events).
    pub(super) events: Vec<(u8, Vec<Event>)>,
    /// Sum over the worker's shards since the run began; filled on whole seconds and at the end.
    pub(super) coverage: Option<Coverage>,
    /// A second has passed, or the run is over: detectors look at their windows.
    pub(super) windows: bool,
    pub(super) flows: u64,
    /// When the block was read that held the tick.
    pub(super) read_at: Instant,
    /// What the reader had counted when the tick fell.
    pub(super) seen: Seen,
    pub(super) last: Option<Last>,
    /// The run goes by another setup from here on.
    pub(super) setup: Option<Arc<Setup>>,
}

/// What a worker leaves at the end of the run.
pub(super) struct Last {
    pub(super) weirds: Weirds,
    pub(super) load: (usize, usize, usize, usize),
}

/// Packets that are looked at ahead of time: enough that their loads overlap, few enough that what they fetched is still there.
const AHEAD: usize = 32;

/// A shard of another worker.
const OTHERS: u8 = u8::MAX;

/// One of the worker's own packets in a block.
#[derive(Clone, Copy, Default)]
struct Own {
    packet: u32,
    at: u8,
    ahead: Ahead,
}

/// Shards `me, me + of, me + 2·of …`.
pub(super) struct Worker {
    site: Arc<Site>,
    shards: Vec<Shard>,
    /// By shard: where it stands in `shards`, or [`OTHERS`].
    places: [u8; SHARDS],
    me: usize,
    of: usize,
    /// A setup that the analyst has not been told of.
    setup: Option<Arc<Setup>>,
    /// Lists that the analyst is done with, to be written again.
    empty: Receiver<Vec<Event>>,
}

impl Worker {
    pub(super) fn new(me: usize, of: usize, options: &Options, empty: Receiver<Vec<Event>>) -> Worker {
        let mut places = [OTHERS; SHARDS];
        let mine = places.iter_mut().skip(me).step_by(of).enumerate();
        let shards = mine.map(|(at, place)| {
            *place = at as u8;
            Shard::new(options.max_flows / SHARDS)
        });
        Worker { site: Arc::clone(&options.site), shards: shards.collect(), places, me, of, setup: None, empty }
    }
    /// Takes a batch through the state; `out` gets a handover at each tick.
    pub(super) fn run(&mut self, batch: &Batch, mut out: impl FnMut(Handover)) {
        if let Some(setup) = &batch.setup {
            self.site = Arc::clone(&setup.site);
            self.setup = Some(Arc::clone(setup));
        }
        self.shards.iter_mut().for_each(|s| s.level = batch.level);
        let mut ticks = batch.ticks.iter().peekable();
        let buf = batch.block.buf.as_slice();
        let mut done = 0usize;
        let mut notices = batch.notices.iter().peekable();
        while let Some((at, now, seen)) = ticks.next() {
            self.packets(batch.packets.get(done..*at as usize).unwrap_or(&[]), buf);
            done = *at as usize;
            while let Some((_, n)) = notices.next_if(|(_, n)| n.ts < *now) {
                self.notice(n);
            }
            if batch.last && ticks.peek().is_none() {
                self.finish(*now, *seen, batch, &mut out);
            } else {
                out(self.tick(*now, *seen, batch));
            }
        }
        self.packets(batch.packets.get(done..).unwrap_or(&[]), buf);
        notices.for_each(|(_, n)| self.notice(n));
    }
    /// News of a capture point is told by the first shard, whichever worker has it: behind the shard's packets of the same time.
    fn notice(&mut self, notice: &Notice) {
        if self.me == 0
            && let Some(first) = self.shards.first_mut()
        {
            first.told.emit(notice.ts, 0, EventKind::Port { iface: notice.iface, news: notice.news });
        }
    }
    /// Takes the worker's own packets, some at a time.
    fn packets(&mut self, packets: &[Packet], buf: &[u8]) {
        let mut some = [Own::default(); AHEAD];
        let mut n = 0;
        for (i, p) in packets.iter().enumerate() {
            let at = self.places.get(p.shard as usize).copied().unwrap_or(OTHERS);
            if at == OTHERS {
                continue;
            }
            if let Some(slot) = some.get_mut(n) {
                *slot = Own { packet: i as u32, at, ahead: Ahead::of(p, buf, &self.site) };
                n += 1;
            }
            if n == AHEAD {
                self.some(packets, buf, &mut some);
                n = 0;
            }
        }
        self.some(packets, buf, some.get_mut(..n).unwrap_or_default());
    }
    /// First what they need is fetched, stage by stage for all of them; then they are taken through the state.
    fn some(&mut self, packets: &[Packet], buf: &[u8], some: &mut [Own]) {
        let mut touched = 0;
        for o in some.iter_mut() {
            if let (Some(p), Some(s)) = (packets.get(o.packet as usize), self.shards.get(usize::from(o.at))) {
                touched ^= s.warm_places(p, &mut o.ahead);
            }
        }
        for o in some.iter_mut() {
            touched ^= self.shards.get(usize::from(o.at)).map_or(0, |s| s.warm_flow(&mut o.ahead));
        }
        for o in some.iter() {
            touched ^= self.shards.get(usize::from(o.at)).map_or(0, |s| s.warm_reader(&o.ahead));
        }
        std::hint::black_box(touched);
        for o in some.iter() {
            if let (Some(p), Some(s)) = (packets.get(o.packet as usize), self.shards.get_mut(usize::from(o.at))) {
                s.packet(p, buf, &o.ahead);
            }
        }
    }
    fn tick(&mut self, now: Timestamp, seen: Seen, batch: &Batch) -> Handover {
        for s in &mut self.shards {
            s.tick(now);
        }
        let events = self.pending();
        let second = now.subsec_nanos() == 0;
        let mut handover = self.hand_over(now, seen, batch, events, second, second);
        handover.setup = self.setup.take();
        handover
    }
    /// The run is over. Shard by shard, so that a million flows that end at once are not all events at once; every worker hands over as often.
    fn finish(&mut self, now: Timestamp, seen: Seen, batch: &Batch, out: &mut impl FnMut(Handover)) {
        let events = self.pending();
        out(self.hand_over(now, seen, batch, events, true, false));
        for shard in 0..SHARDS {
            let mut events = Vec::new();
            if shard % self.of == self.me
                && let Some(s) = self.shards.get_mut(shard / self.of)
            {
                // One list serves shard after shard, with room for all that they hold: fresh memory costs more than what is written into it.
                if let Ok(room) = self.empty.try_recv() {
                    s.told.events = room;
                }
                s.told.events.reserve(s.load().0 + 16);
                s.finish(now);
                events.push((shard as u8, std::mem::take(&mut s.told.events)));
            }
            let last = shard + 1 == SHARDS;
            let mut handover = self.hand_over(now, seen, batch, events, last, last);
            handover.last = last.then(|| self.leave());
            out(handover);
        }
    }
    /// Events written down since the last handover, in shard order.
    fn pending(&mut self) -> Vec<(u8, Vec<Event>)> {
        let (me, of, empty) = (self.me, self.of, &self.empty);
        let mine = self.shards.iter_mut().enumerate().filter(|(_, s)| !s.told.events.is_empty());
        mine.map(|(n, s)| {
            let events = &mut s.told.events;
            let room = empty.try_recv().unwrap_or_else(|_| Vec::with_capacity(events.len()));
            ((n * of + me) as u8, std::mem::replace(events, room))
        })
        .collect()
    }
    fn hand_over(&self, now: Timestamp, seen: Seen, batch: &Batch, events: Vec<(u8, Vec<Event>)>, counted: bool, windows: bool) -> Handover {
        let sum = |mut c: Coverage, s: &Shard| {
            c.add(&s.told.coverage);
            c
        };
        Handover {
            now,
            events,
            windows,
            coverage: counted.then(|| self.shards.iter().fold(Coverage::default(), sum)),
            flows: self.shards.iter().map(|s| s.flows).sum(),
            read_at: batch.read_at,
            seen,
            last: None,
            setup: None,
        }
    }
    fn leave(&mut self) -> Last {
        let mut weirds = Weirds::new();
        let mut load = (0, 0, 0, 0);
        for s in &mut self.shards {
            for (k, (w, n)) in std::mem::take(&mut s.told.weirds) {
                merge(&mut weirds, k, w, n);
            }
            let l = s.load();
            load = (load.0 + l.0, load.1 + l.1, load.2 + l.2, load.3 + l.3);
        }
        Last { weirds, load }
    }
}

/// Adds a count of odd input; the earliest example stays.
pub(super) fn merge(all: &mut Weirds, key: (&'static str, &'static str), w: crate::wire::Weird, n: u64) {
    let e = all.entry(key).or_insert((w, 0));
    e.1 += n;
    if (w.number, w.offset) < (e.0.number, e.0.offset) {
        e.0 = w;
    }
}
