//! The one analyst: merges the shards' events in order, pairs what belongs together across address pairs, learns, detects, writes.

use super::channels::Channels;
use super::orders::Duty;
use super::told::Weirds;
use super::worker::{Handover, Last, merge};
use super::{EngineError, Latency, Options, Setups, Start, batch};
use crate::assets::Assets;
use crate::base::{Addr, FiveTuple, Outcome, Timestamp};
use crate::bounded::BoundedMap;
use crate::detect::{DETECTORS, Detector, Finding, Scene, Signatures};
use crate::event::{Coverage, Event, EventKind, Interest};
use crate::incident::{Admitted, Book};
use crate::output::{Run, Sink, SinkError};
use crate::protocols::Message;
use crate::site::Site;
use crate::store::Carried;
use crate::wire::Weird;
use crossbeam::channel::Sender;
use std::sync::Arc;
use std::time::Instant;

/// A detector that cannot run on this site, and why, in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// Its id.
    pub detector: &'static str,
    /// Why, in English.
    pub en: &'static str,
    /// Why, in Japanese.
    pub ja: &'static str,
}

/// The detectors that run on a site, and those that cannot.
type Enlisted = (Vec<(Interest, Box<dyn Detector>)>, Vec<Blocked>);

pub(super) fn enlist(site: &Site, signatures: &Signatures) -> Result<Enlisted, EngineError> {
    let (mut detectors, mut blocked): Enlisted = Default::default();
    for (id, make) in DETECTORS {
        let d = make(signatures.require(id)?)?;
        match d.blocked(site) {
            Some((en, ja)) => blocked.push(Blocked { detector: id, en, ja }),
            None => detectors.push((d.interest(), d)),
        }
    }
    Ok((detectors, blocked))
}

/// The detectors that cannot run on a site, and why; an error if a run would refuse to start.
pub fn blocked(site: &Site, signatures: &Signatures) -> Result<Vec<Blocked>, EngineError> {
    enlist(site, signatures).map(|(_, blocked)| blocked)
}

/// ICMP errors remembered until the outcome of the contact they quote is told.
const ERRORS: usize = 16_384;

/// Events of the longest list that is written again; longer ones were a burst, and their memory is given back.
const AGAIN: usize = 4096;

/// Detectors by the kinds of events they want: one bit for each, by its place. An event is shown to few of them, and to no others it costs anything.
pub(super) struct Wanted([u128; Interest::KINDS]);

impl Wanted {
    pub(super) fn by(detectors: &[(Interest, Box<dyn Detector>)]) -> Wanted {
        let mut all = [0; Interest::KINDS];
        for (n, (interest, _)) in detectors.iter().enumerate() {
            for kind in interest.kinds() {
                if let Some(set) = all.get_mut(kind) {
                    *set |= 1 << n;
                }
            }
        }
        Wanted(all)
    }
    /// Places of the detectors that want one of these kinds, in order.
    #[inline]
    fn of(&self, kinds: Interest) -> impl Iterator<Item = usize> {
        let mut left = kinds.kinds().fold(0, |all, kind| all | self.0.get(kind).copied().unwrap_or(0));
        std::iter::from_fn(move || {
            let place = (left != 0).then(|| left.trailing_zeros() as usize);
            left &= left.wrapping_sub(1);
            place
        })
    }
}

const _: () = assert!(DETECTORS.len() <= u128::BITS as usize);

/// State of the analyst.
pub(super) struct Analyst {
    pub(super) options: Options,
    pub(super) assets: Assets,
    pub(super) detectors: Vec<(Interest, Box<dyn Detector>)>,
    pub(super) wanted: Wanted,
    pub(super) blocked: Vec<Blocked>,
    pub(super) book: Book,
    duty: Duty,
    sinks: Vec<Box<dyn Sink>>,
    errors: BoundedMap<FiveTuple, (u8, u8, Addr)>,
    channels: Channels,
    pub(super) coverage: Coverage,
    pub(super) flows: u64,
    first_ts: Option<Timestamp>,
    last_ts: Option<Timestamp>,
    pub(super) weirds: Weirds,
    pub(super) latency: Latency,
    findings: Vec<Finding>,
    /// Keys of a tick's events: time, shard, place in the shard's list. One number each, so that sorting them is cheap.
    order: Vec<u128>,
    /// A tick's events, as they came from the shards.
    lists: Vec<Vec<Event>>,
    pub(super) load: (usize, usize, usize, usize),
}

impl Analyst {
    pub(super) fn new(options: &Options, sinks: Vec<Box<dyn Sink>>) -> Result<Analyst, EngineError> {
        let (detectors, blocked) = enlist(&options.site, &options.signatures)?;
        Ok(Analyst {
            assets: Assets::new(Arc::clone(&options.site)).with_geo(Arc::clone(&options.geo)),
            options: options.clone(),
            wanted: Wanted::by(&detectors),
            detectors,
            blocked,
            book: Book::default(),
            duty: Duty::default(),
            sinks,
            errors: BoundedMap::new(ERRORS),
            channels: Channels::default(),
            coverage: Coverage::default(),
            flows: 0,
            first_ts: None,
            last_ts: None,
            weirds: Weirds::new(),
            latency: Latency::new(),
            findings: Vec::new(),
            order: Vec::new(),
            lists: Vec::new(),
            load: (0, 0, 0, 0),
        })
    }
    /// Goes on with what was known before a restart, and listens to people.
    pub(super) fn begin(&mut self, start: Start) -> Setups {
        self.duty.listen(start.orders);
        if let Some(before) = start.before {
            self.duty.recall(&before, &mut self.assets);
            self.assets.restore(before.memory);
            self.book = Book::restore(before.pages);
            self.duty.mute(before.mutes, &mut self.book);
            let all: Vec<&str> = self.detectors.iter().map(|(_, d)| d.id()).collect();
            self.remind(&all);
        }
        start.setups
    }
    /// Tells detectors that begin anew what they had found.
    pub(super) fn remind(&mut self, anew: &[&str]) {
        for k in self.book.resume(anew) {
            if let Some((_, d)) = self.detectors.iter_mut().find(|(_, d)| d.id() == k.finding.detector) {
                d.recall(&k.finding);
            }
        }
    }
    /// One tick's handovers, one from each worker in worker order. The lists go back empty.
    pub(super) fn tick(&mut self, handovers: Vec<Handover>, empty: &Sender<Vec<Event>>) {
        let Some(first) = handovers.first() else { return };
        let (now, read_at) = (first.now, first.read_at);
        let seen = first.seen;
        let mut sum = first.coverage.is_some().then(Coverage::default);
        let (windows, ended) = (first.windows, first.last.is_some());
        let setup = first.setup.clone();
        self.flows = handovers.iter().map(|h| h.flows).sum();
        let mut order = std::mem::take(&mut self.order);
        let mut lists = std::mem::take(&mut self.lists);
        for h in handovers {
            if let (Some(sum), Some(c)) = (sum.as_mut(), &h.coverage) {
                sum.add(c);
            }
            for (shard, mine) in h.events {
                // A shard's list may be any of the lists, its place in the order is the shard's; the events of one shard come in order.
                let list = lists.len() as u128;
                order.extend(mine.iter().enumerate().map(|(n, e)| u128::from(e.ts.0) << 64 | u128::from(shard) << 56 | list << 40 | n as u128));
                lists.push(mine);
            }
            if let Some(last) = h.last {
                self.leave(last);
            }
        }
        order.sort_unstable();
        if let Some(mut sum) = sum {
            (sum.packets, sum.bytes, sum.filtered) = (seen.frames, seen.bytes, seen.filtered);
            (sum.snapped, sum.undecoded) = (seen.snapped, seen.undecoded);
            (sum.kernel_drops, sum.card_drops) = (seen.kernel_drops, seen.card_drops);
            sum.shed += seen.shed;
            sum.shed_cut = seen.shed;
            self.coverage = sum;
        }
        for key in order.drain(..) {
            let (list, n) = ((key >> 40) as usize & 0xffff, key as usize & ((1 << 40) - 1));
            if let Some(event) = lists.get_mut(list).and_then(|l| l.get_mut(n)) {
                self.event(event, read_at);
            }
        }
        self.order = order;
        for mut list in lists.drain(..) {
            list.clear();
            if list.capacity() <= AGAIN {
                // Nobody waits for it: one that is not taken is freed.
                let _ = empty.try_send(list);
            }
        }
        self.lists = lists;
        if let Some(setup) = setup {
            self.adopt(&setup);
        }
        // People wait for these: not until the second is full.
        if self.duty.is_asked() {
            self.deeds(now);
        }
        if windows {
            self.second(now, read_at);
        }
        if ended {
            let scene = Scene { site: &self.options.site, assets: &self.assets, now };
            for (_, d) in &mut self.detectors {
                d.end(&scene, &mut self.findings);
            }
            self.admit(read_at);
            self.book.settle(&self.options.site, &self.assets);
        }
    }
    fn leave(&mut self, last: Last) {
        for (k, (w, n)) in last.weirds {
            merge(&mut self.weirds, k, w, n);
        }
        let l = last.load;
        self.load = (self.load.0 + l.0, self.load.1 + l.1, self.load.2 + l.2, self.load.3 + l.3);
    }
    fn event(&mut self, event: &mut Event, read_at: Instant) {
        self.first_ts.get_or_insert(event.ts);
        self.last_ts = Some(event.ts);
        self.amend(event);
        let event = &*event;
        let news = self.assets.update(event);
        let scene = Scene { site: &self.options.site, assets: &self.assets, now: event.ts };
        let every = self.options.every_event;
        let kinds = if every { Interest::ALL } else { Interest::of(event) };
        if news || every {
            for at in self.wanted.of(kinds) {
                if let Some((_, d)) = self.detectors.get_mut(at) {
                    d.event(event, &scene, &mut self.findings);
                }
            }
        }
        self.each_sink(|s, run| s.event(event, run));
        self.admit(read_at);
    }
    /// What another address pair knows of an event: an ICMP error amends the outcome of the contact it quotes, whichever side of the tick it came on;
    /// a file handle has the name that it has on another channel of its session.
    fn amend(&mut self, event: &mut Event) {
        match &mut event.kind {
            EventKind::Message { message: Message::Smb(_) | Message::SmbWork(_), .. } => self.channels.amend(event),
            EventKind::IcmpError { quoted, kind, code, by } => drop(self.errors.insert(*quoted, (*kind, *code, *by))),
            EventKind::Contact(c) if c.outcome == Outcome::Attempted => {
                if let Some(e) = self.errors.get(&c.flow.tuple) {
                    c.outcome = Outcome::Refused;
                    c.icmp = Some(*e);
                }
            }
            EventKind::Flow(r) if r.outcome == Outcome::Attempted && self.errors.contains(&r.info.tuple) => r.outcome = Outcome::Refused,
            _ => {}
        }
    }
    fn second(&mut self, now: Timestamp, read_at: Instant) {
        self.deeds(now);
        let event = Event { ts: now, packet: 0, kind: EventKind::Coverage(Box::new(self.coverage)) };
        let scene = Scene { site: &self.options.site, assets: &self.assets, now };
        for (_, d) in &mut self.detectors {
            d.event(&event, &scene, &mut self.findings);
            d.tick(&scene, &mut self.findings);
        }
        self.admit(read_at);
        self.book.settle(&self.options.site, &self.assets);
        self.each_sink(|s, run| {
            s.event(&event, run);
            s.tick(now, run);
        });
    }
    /// What people ordered, and what ended by itself.
    fn deeds(&mut self, now: Timestamp) {
        for (deed, mut reply) in self.duty.tick(now, &mut self.assets, &mut self.book) {
            self.each_sink(|s, run| s.deed(&deed, &mut reply, run));
            if let Some(reply) = reply {
                // Nobody keeps it. Whoever asked may be gone.
                let _ = reply.try_send(Carried { saved: false });
            }
        }
    }
    /// Takes the findings of the last event into the book and tells the sinks.
    fn admit(&mut self, read_at: Instant) {
        if self.findings.is_empty() {
            return;
        }
        self.latency.finding.saturating_record(micros(read_at));
        let mut findings = std::mem::take(&mut self.findings);
        for f in findings.drain(..) {
            let (Admitted::New(at) | Admitted::Revised(at)) = self.book.admit(f, &self.options.site, &self.assets, &self.coverage) else { continue };
            let mut sinks = std::mem::take(&mut self.sinks);
            if let Some(kept) = self.book.findings().get(at) {
                let run = self.run(&[]);
                for s in &mut sinks {
                    s.finding(kept, &run);
                }
            }
            self.sinks = sinks;
        }
        self.findings = findings;
    }
    fn run<'a>(&'a self, weirds: &'a [(Weird, u64)]) -> Run<'a> {
        Run {
            site: &self.options.site,
            assets: &self.assets,
            book: &self.book,
            coverage: &self.coverage,
            flows: self.flows,
            first_ts: self.first_ts,
            last_ts: self.last_ts,
            weirds,
            lang: self.options.lang,
        }
    }
    fn each_sink(&mut self, mut f: impl FnMut(&mut dyn Sink, &Run<'_>)) {
        if self.sinks.is_empty() {
            return;
        }
        let mut sinks = std::mem::take(&mut self.sinks);
        let run = self.run(&[]);
        for s in &mut sinks {
            f(s.as_mut(), &run);
        }
        self.sinks = sinks;
    }
    /// Closes the sinks.
    pub(super) fn finish(&mut self, weirds: &[(Weird, u64)], first_ts: Option<Timestamp>, last_ts: Option<Timestamp>) -> Vec<SinkError> {
        (self.first_ts, self.last_ts) = (first_ts, last_ts);
        let sinks = std::mem::take(&mut self.sinks);
        let run = self.run(weirds);
        sinks.into_iter().filter_map(|mut s| s.finish(&run).err()).collect()
    }
    /// A block is through.
    pub(super) fn block_done(&mut self, read_at: Instant) {
        self.latency.block.saturating_record(micros(read_at));
    }
    /// Entries held and evicted by the analyst's tables.
    pub(super) fn held(&self) -> Vec<(String, usize, u64)> {
        let detectors = self.detectors.iter().map(|(_, d)| {
            let (n, evicted) = d.held();
            (d.id().to_owned(), n, evicted)
        });
        let assets = self.assets.held().into_iter().map(|(name, n, evicted)| (name.to_owned(), n, evicted));
        let channels = self.channels.held().map(|(name, n, evicted)| (name.to_owned(), n, evicted));
        assets.chain(detectors).chain([("icmp errors".to_owned(), self.errors.len(), self.errors.evicted())]).chain(channels).collect()
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(batch::wall().saturating_duration_since(since).as_micros()).unwrap_or(u64::MAX).max(1)
}
