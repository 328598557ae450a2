//! Many ports (or IP protocols) of one host, most of them failing: a port scan. One story per originator, whatever the number of hosts it does it to.

use super::super::signature::{Signature, SignatureError};
use super::super::{Finding, Scene, Subject};
use crate::base::{Addr, FiveTuple, Severity, Span, Timestamp};
use crate::bounded::{BoundedMap, DistinctCounter};
use crate::event::{Contact, Contacts, Event, Shape};
use std::collections::BTreeMap;

/// Numbers of the port scan.
#[derive(Clone, Copy, Debug)]
pub struct PortTuning {
    /// Failing ports of one host.
    pub ports: u64,
    /// Failing TCP ports of one host, if all within [`PortTuning::fast`] and none answered.
    pub ports_fast: u64,
    /// … this time.
    pub fast: Span,
    /// Failing UDP ports of one host.
    pub ports_udp: u64,
    /// Failing ports of a host on the internet.
    pub ports_outward: u64,
    /// IP protocols of one host.
    pub protocols: u64,
    /// Shapes that no program sends (FIN, NULL, XMAS without a connection) against one host, from which on somebody tries them out.
    pub shapes: u32,
    /// Share of contacts that failed.
    pub share: f64,
    /// Fewer failures than this before `quiet` are no part of what comes after it.
    pub least: u64,
    pub quiet: Span,
    /// A pause this long begins anew.
    pub pause: Span,
}

impl PortTuning {
    pub fn from_signature(s: &Signature) -> Result<PortTuning, SignatureError> {
        let [ports, ports_fast, ports_udp, ports_outward, protocols] =
            s.require_all(["ports", "ports_fast", "ports_udp", "ports_outward", "protocols"])?.map(|n| n as u64);
        let [fast, pause, quiet] = s.require_all(["fast", "ports_pause", "pause"])?.map(|n| Span::secs(n as u64));
        let [shapes, least] = s.require_all(["shapes", "least"])?.map(|n| n as u64);
        let share = s.require("ports_share")?;
        Ok(PortTuning { ports, ports_fast, fast, ports_udp, ports_outward, protocols, shapes: shapes as u32, share, least, quiet, pause })
    }
}

/// One originator and one host.
#[derive(Debug)]
struct Pair {
    ports: DistinctCounter,
    failed: u64,
    ok: u64,
    udp: bool,
    /// One bit for each of FIN, NULL and XMAS.
    shapes: u8,
    protocols: bool,
    /// First failure of the story.
    first_ts: Timestamp,
    last_failed: Timestamp,
    last_ts: Timestamp,
    /// Distinct ports known only by a summary's estimate.
    summed: u64,
}

impl Pair {
    fn new(ts: Timestamp) -> Pair {
        let ports = DistinctCounter::default();
        Pair { ports, failed: 0, ok: 0, udp: false, shapes: 0, protocols: false, first_ts: ts, last_failed: ts, last_ts: ts, summed: 0 }
    }
    fn ports(&self) -> u64 {
        u64::from(self.ports.count()).min(self.failed) + self.summed
    }
}

/// One originator's story.
#[derive(Debug, Default)]
struct Story {
    /// Ports by host, most 64 hosts.
    hosts: BTreeMap<Addr, u64>,
    order: Vec<Addr>,
    flows: Vec<FiveTuple>,
    packets: Vec<u64>,
    first_ts: Timestamp,
    last_ts: Timestamp,
    ok: u64,
    kind: &'static str,
    said: bool,
    dirty: bool,
    next: Timestamp,
}

/// All pairs.
#[derive(Debug)]
pub struct PortScans {
    tuning: PortTuning,
    pairs: BoundedMap<(Addr, Addr, u8), Pair>,
    stories: BoundedMap<Addr, Story>,
    dirty: Vec<Addr>,
    /// Told already and changed since: looked at when a second has passed.
    waiting: Vec<Addr>,
}

impl PortScans {
    pub fn new(tuning: PortTuning) -> PortScans {
        PortScans { tuning, pairs: BoundedMap::new(65_536), stories: BoundedMap::new(4_096), dirty: Vec::new(), waiting: Vec::new() }
    }
    pub fn held(&self) -> (usize, u64) {
        (self.pairs.len() + self.stories.len(), self.pairs.evicted() + self.stories.evicted())
    }
    /// One contact.
    pub fn contact(&mut self, c: &Contact, ts: Timestamp, failed: bool, scene: &Scene<'_>) {
        let t = c.flow.tuple;
        let class = class_of(c.shape);
        let pause = self.tuning.pause;
        let pair = self.pairs.entry((t.orig, t.resp, class), || Pair::new(c.flow.first_ts));
        if ts.since(pair.last_ts) > pause {
            *pair = Pair::new(c.flow.first_ts);
        }
        pair.last_ts = ts;
        pair.udp |= c.shape == Shape::Udp;
        pair.protocols |= c.shape == Shape::Other;
        pair.shapes |= shape_bit(c.shape);
        if !failed {
            pair.ok += 1;
            return;
        }
        let at = c.flow.first_ts;
        if pair.failed == 0 || pair.failed < self.tuning.least && at.since(pair.last_failed) > self.tuning.quiet {
            pair.first_ts = at;
        }
        pair.last_failed = at;
        pair.failed += 1;
        pair.ports.add(u64::from(t.resp_port) | u64::from(t.proto) << 16);
        self.weigh((t.orig, t.resp, class), t, c.flow.first_packet, scene);
    }
    /// A host says that it does not speak this IP protocol.
    pub fn no_protocol(&mut self, t: &FiveTuple, event: &Event, scene: &Scene<'_>) {
        let key = (t.orig, t.resp, class_of(Shape::Other));
        let pair = self.pairs.entry(key, || Pair::new(event.ts));
        pair.last_ts = event.ts;
        pair.protocols = true;
        pair.failed += 1;
        pair.ports.add(u64::from(t.resp_port) | u64::from(t.proto) << 16);
        self.weigh(key, *t, event.packet, scene);
    }
    /// A summary whose ports are many and whose responders are few.
    pub fn contacts(&mut self, c: &Contacts, ts: Timestamp, scene: &Scene<'_>) {
        let t = c.example;
        let class = class_of(if t.proto == crate::base::proto::UDP { Shape::Udp } else { Shape::Syn });
        let pair = self.pairs.entry((t.orig, t.resp, class), || Pair::new(ts));
        pair.last_ts = ts;
        pair.udp |= class == 1;
        pair.failed += c.attempted + c.refused;
        pair.summed += u64::from(c.ports);
        self.weigh((t.orig, t.resp, class), t, 0, scene);
    }
    fn weigh(&mut self, key: (Addr, Addr, u8), t: FiveTuple, packet: u64, scene: &Scene<'_>) {
        let m = &self.tuning;
        let Some(p) = self.pairs.get(&key) else { return };
        let outward = scene.site.is_inside(t.orig) && scene.site.is_internet(t.resp);
        let ports = p.ports();
        let need = match () {
            () if p.protocols => m.protocols,
            () if outward => m.ports_outward,
            () if p.udp => m.ports_udp,
            () if p.shapes & (NULL | XMAS) != 0 && p.shapes.count_ones() >= m.shapes => u64::from(m.shapes),
            () if p.shapes != 0 || p.ok == 0 && p.last_ts.since(p.first_ts) <= m.fast => m.ports_fast,
            () => m.ports,
        };
        if ports < need || (p.failed as f64) < m.share * (p.failed + p.ok) as f64 {
            return;
        }
        let (first, last, ok) = (p.first_ts, p.last_ts, p.ok);
        let kind = if p.protocols { "protocols" } else { "ports" };
        let s = self.stories.entry(t.orig, || Story { first_ts: first, kind, ..Story::default() });
        let room = s.hosts.len() < Finding::MAX_RESP || s.hosts.contains_key(&t.resp);
        if room && s.hosts.insert(t.resp, ports).is_none() {
            s.order.push(t.resp);
        }
        if s.flows.len() < Finding::MAX_PROOF {
            s.flows.push(t);
            s.packets.push(packet);
        }
        s.first_ts = s.first_ts.min(first);
        (s.last_ts, s.ok, s.kind) = (last, s.ok.max(ok), kind);
        if !s.dirty {
            s.dirty = true;
            self.dirty.push(t.orig);
        }
    }
    /// The run ends: what waits is said.
    pub fn end(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        self.dirty.append(&mut self.waiting);
        for orig in &self.dirty {
            if let Some(s) = self.stories.get_mut(orig) {
                s.next = scene.now;
            }
        }
        self.speak(scene, out);
    }
    /// A second has passed: those that wait are looked at again.
    pub fn tick(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        self.dirty.append(&mut self.waiting);
        self.speak(scene, out);
    }
    /// Speaks of what changed: at once the first time, later at growing intervals.
    pub fn speak(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        for orig in std::mem::take(&mut self.dirty) {
            let Some(s) = self.stories.get_mut(&orig) else { continue };
            if s.said && scene.now < s.next {
                self.waiting.push(orig);
                continue;
            }
            (s.dirty, s.said) = (false, true);
            s.next = super::later(scene.now, s.first_ts);
            out.push(finding(orig, s, scene));
        }
    }
}

const FIN: u8 = 1;
const NULL: u8 = 2;
const XMAS: u8 = 4;

/// A FIN may be left over from a connection older than the capture; no stack ever sends the other two.
fn shape_bit(shape: Shape) -> u8 {
    match shape {
        Shape::Fin => FIN,
        Shape::Null => NULL,
        Shape::Xmas => XMAS,
        _ => 0,
    }
}

/// TCP, UDP and other protocols are counted apart.
fn class_of(shape: Shape) -> u8 {
    match shape {
        Shape::Udp => 1,
        Shape::Other => 2,
        _ => 0,
    }
}

fn finding(orig: Addr, s: &Story, scene: &Scene<'_>) -> Finding {
    let severity = super::severity(orig, s.order.first().copied().unwrap_or_default(), scene, Severity::Medium);
    let mut f = Finding::new(super::ID, format!("{orig}>ports"), scene.now, severity, Subject::addr(orig));
    (f.first_ts, f.last_ts) = (s.first_ts, s.last_ts);
    for a in &s.order {
        f.add_resp(*a);
    }
    f.flows.clone_from(&s.flows);
    for p in &s.packets {
        f.add_packet(*p);
    }
    f.count = s.order.len() as u64;
    let ports: u64 = s.hosts.values().copied().max().unwrap_or(0);
    f.set("kind", s.kind);
    f.set("ports", ports);
    f.set("answered", s.ok);
    f.set("seconds", (f.last_ts.since(f.first_ts).as_secs_f64() * 10.0).round() / 10.0);
    f
}
