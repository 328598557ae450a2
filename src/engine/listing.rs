//! Which contacts of a tick are told one by one, and the summaries of the rest. The analyst's load grows with hosts, never with packets;
//! nothing is lost from the counts.

use crate::base::{Addr, Outcome, mix64};
use crate::bounded::DistinctCounter;
use crate::event::{Contacts, EventKind};
use crate::flow::Flow;

/// Failed contacts of one source that are listed in a tick of a shard.
const PER_SOURCE: u32 = 32;
/// Failed contacts of all sources that are listed in a tick of a shard.
const PER_TICK: u32 = 64;
/// Sources, and prefixes of sources, that have a summary of their own in a tick of a shard.
const SUMMARIES: usize = 64;
/// Prefix that unlisted sources fall into: /24 for IPv4, /64 for IPv6.
const fn prefix_bits(a: Addr) -> u8 {
    if a.is_v4() { 120 } else { 64 }
}

/// Whose summary it is: prefix length and first address. Summaries are handed out in this order.
type Whose = (u8, Addr);
/// All sources beyond those that have a summary of their own or of their prefix.
const REST: Whose = (0, Addr::NONE);

#[derive(Debug)]
struct Summary {
    contacts: Contacts,
    responders: DistinctCounter,
    ports: DistinctCounter,
}

impl Summary {
    fn new((bits, source): Whose, flow: &Flow) -> Summary {
        let contacts = Contacts {
            source,
            bits,
            attempted: 0,
            refused: 0,
            packets: 0,
            bytes: 0,
            responders: 0,
            ports: 0,
            example: flow.tuple(),
            mac: flow.mac[0],
            vlan: flow.vlan[0],
        };
        Summary { contacts, responders: DistinctCounter::default(), ports: DistinctCounter::default() }
    }
    fn whose(&self) -> Whose {
        (self.contacts.bits, self.contacts.source)
    }
}

/// The book of one shard's current tick. A flood looks something up here for each of its packets, so nothing here is larger than its caps.
#[derive(Debug)]
pub(super) struct Listing {
    listed: u32,
    /// Failed contacts of each source that was listed: at most [`PER_TICK`] sources.
    sources: Vec<(Addr, u32)>,
    summaries: Vec<Summary>,
    /// By hash of whose it is: place in `summaries` plus one; 0 = none. Probed in line.
    index: [u8; PLACES],
    hosts: usize,
    prefixes: usize,
}

/// Places of the index: twice as many as there can be summaries.
const PLACES: usize = 256;
const _: () = assert!(2 * (2 * SUMMARIES) <= PLACES && 2 * SUMMARIES < u8::MAX as usize);

impl Default for Listing {
    fn default() -> Self {
        Listing { listed: 0, sources: Vec::new(), summaries: Vec::new(), index: [0; PLACES], hosts: 0, prefixes: 0 }
    }
}

impl Listing {
    /// May this failed contact be listed?
    pub(super) fn admit(&mut self, source: Addr) -> bool {
        if self.listed >= PER_TICK {
            return false;
        }
        let n = match self.sources.iter_mut().find(|s| s.0 == source) {
            Some((_, n)) => n,
            None => &mut self.sources.push_mut((source, 0)).1,
        };
        *n += 1;
        let ok = *n <= PER_SOURCE;
        self.listed += u32::from(ok);
        ok
    }
    /// Counts an unlisted contact.
    pub(super) fn count(&mut self, flow: &Flow, outcome: Outcome) {
        let t = flow.tuple();
        let at = self.place(t.orig, flow);
        let Some(s) = self.summaries.get_mut(at) else { return };
        match outcome {
            Outcome::Refused => s.contacts.refused += 1,
            _ => s.contacts.attempted += 1,
        }
        s.contacts.packets += u64::from(flow.packets[0]) + u64::from(flow.packets[1]);
        s.contacts.bytes += flow.bytes[0] + flow.bytes[1];
        s.responders.add(t.resp.0 as u64 ^ (t.resp.0 >> 64) as u64);
        s.ports.add(u64::from(t.resp_port));
    }
    /// Under which summary a source falls: its own while there is room, then its prefix's, then one for all.
    fn place(&mut self, a: Addr, flow: &Flow) -> usize {
        let host = match self.find((128, a)) {
            Ok(at) => return at,
            Err(free) => free,
        };
        if self.hosts < SUMMARIES {
            self.hosts += 1;
            return self.add((128, a), host, flow);
        }
        let bits = prefix_bits(a);
        let prefix = (bits, Addr(a.0 & (u128::MAX << (128 - u32::from(bits)))));
        let free = match self.find(prefix) {
            Ok(at) => return at,
            Err(free) => free,
        };
        if self.prefixes < SUMMARIES {
            self.prefixes += 1;
            return self.add(prefix, free, flow);
        }
        match self.find(REST) {
            Ok(at) => at,
            Err(free) => self.add(REST, free, flow),
        }
    }
    /// Where a summary stands, or the place of the index where it belongs.
    #[inline]
    fn find(&self, whose: Whose) -> Result<usize, usize> {
        let (bits, Addr(a)) = whose;
        let mut slot = mix64(a as u64 ^ ((a >> 64) as u64).rotate_left(32) ^ u64::from(bits)) as usize % PLACES;
        loop {
            match self.index.get(slot).copied().unwrap_or(0) {
                0 => return Err(slot),
                n if self.summaries.get(usize::from(n) - 1).is_some_and(|s| s.whose() == whose) => return Ok(usize::from(n) - 1),
                _ => slot = (slot + 1) % PLACES,
            }
        }
    }
    #[cold]
    fn add(&mut self, whose: Whose, slot: usize, flow: &Flow) -> usize {
        self.summaries.push(Summary::new(whose, flow));
        if let Some(place) = self.index.get_mut(slot) {
            *place = self.summaries.len() as u8;
        }
        self.summaries.len() - 1
    }
    /// The tick ends: hands out the summaries, in a fixed order, and begins anew.
    pub(super) fn close(&mut self, mut out: impl FnMut(EventKind)) {
        if self.listed == 0 && self.summaries.is_empty() {
            return;
        }
        (self.listed, self.hosts, self.prefixes) = (0, 0, 0);
        self.sources.clear();
        if !self.summaries.is_empty() {
            self.index = [0; PLACES];
            self.summaries.sort_unstable_by_key(Summary::whose);
        }
        for mut s in self.summaries.drain(..) {
            s.contacts.responders = s.responders.count();
            s.contacts.ports = s.ports.count();
            out(EventKind::Contacts(s.contacts));
        }
    }
}

/// Link-layer events and sightings told in a tick of a shard: a ring of what was told lately, and a cap.
#[derive(Debug)]
pub(super) struct Lately {
    /// By place: the rest of a key, and the period in which it was told.
    told: Vec<(u32, u32)>,
    in_tick: u32,
}

/// Places of the ring of what was told lately.
const TOLD: usize = 1024;
/// Most link events (sightings, ARP, neighbour discovery, ICMP errors) a shard tells in one tick.
const LINK_PER_TICK: u32 = 64;

impl Default for Lately {
    fn default() -> Self {
        Lately { told: vec![(0, 0); TOLD], in_tick: 0 }
    }
}

/// Whether to tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tell {
    /// Yes.
    Now,
    /// It was told already.
    Known,
    /// The tick's cap is reached: count it.
    Full,
}

impl Lately {
    /// Touches what [`Lately::admit`] will want. The number means nothing.
    #[inline]
    pub(super) fn warm(&self, key: u64) -> u64 {
        self.told.get((key >> 32) as usize % TOLD).map_or(0, |slot| u64::from(slot.0))
    }
    /// Tell this thing unless it was told in the same `period` of time.
    #[inline]
    pub(super) fn admit(&mut self, key: u64, period: u32) -> Tell {
        // The key is mixed already.
        let rest = key as u32;
        let Some(slot) = self.told.get_mut((key >> 32) as usize % TOLD) else { return Tell::Full };
        if *slot == (rest, period) {
            return Tell::Known;
        }
        if self.in_tick >= LINK_PER_TICK {
            return Tell::Full;
        }
        self.in_tick += 1;
        *slot = (rest, period);
        Tell::Now
    }
    /// Tell a thing that is news each time, within the cap.
    pub(super) fn admit_any(&mut self) -> bool {
        self.in_tick += 1;
        self.in_tick <= LINK_PER_TICK
    }
    /// The tick ends.
    pub(super) fn close(&mut self) {
        self.in_tick = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::FlowKey;

    #[test]
    fn a_flood_is_summarised_and_exactly_counted() {
        let mut l = Listing::default();
        let (mut listed, mut told) = (0u64, Vec::new());
        for i in 0..10_000u32 {
            let (key, a_first) = FlowKey::new(Addr::v4(0x0a00_0000 + i * 300), Addr::v4(0xc0a8_0001), 1000, 80, 6);
            let mut f = Flow::of(key);
            (f.packets, f.bytes) = ([1, 0], [40, 0]);
            f.set(crate::flow::bit::A_IS_ORIG, a_first);
            if l.admit(f.tuple().orig) {
                listed += 1;
            } else {
                l.count(&f, Outcome::Attempted);
            }
        }
        l.close(|e| told.push(e));
        let sum: u64 = told.iter().map(|e| if let EventKind::Contacts(c) = e { c.attempted } else { 0 }).sum();
        assert_eq!(listed + sum, 10_000);
        assert_eq!(listed, 64);
        assert!(told.len() <= 129, "{}", told.len());
    }

    #[test]
    fn one_source_is_capped_alone() {
        let mut l = Listing::default();
        let n = (0..1000).filter(|_| l.admit(Addr::v4(5))).count();
        assert_eq!(n, 32);
        assert!(l.admit(Addr::v4(6)));
    }
}
