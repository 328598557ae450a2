//! `scan`: someone looks around (ATT&CK T1046, T1018, T1595). Horizontal by a threshold random walk over first contacts (`walk`), vertical by
//! failing ports of one host (`ports`), below IP by questions for absent stations (`link`). Memory is 30 days of packet time, bounded.

mod link;
mod ports;
#[cfg(test)]
mod tests;
mod walk;

use super::hosts::is_administrator;
use super::signature::{Signature, SignatureError};
use super::{Detector, Finding, Scene, Subject};
use crate::base::{Addr, Outcome, Service, Severity, Span, Timestamp, proto};
use crate::bounded::BoundedMap;
use crate::event::{Contact, Contacts, Event, EventKind, Interest, Shape};
use crate::site::ZoneKind;
use link::{LinkSweeps, LinkTuning};
use ports::{PortScans, PortTuning};
use std::collections::BTreeMap;
use walk::{Family, Walk};

/// Detector id.
pub const ID: &str = "scan";
/// Contacts before a zone's own success rate is believed, and the most that one originator contributes to them.
const LEARN: (u64, u64) = (500, 20);

/// The numbers of `signatures/scan.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// Probability that a benign first contact succeeds, before the zone's own is learned; the learned one is at most `theta0_max`.
    theta0: f64,
    theta0_max: f64,
    /// Probability that a scanner's first contact succeeds.
    theta1: f64,
    /// False alarm and detection probability that set the walk's height.
    alpha: f64,
    beta: f64,
    /// Failed hosts of a TCP walk, at least, however low the zone's own failure rate; then for shapes that no program sends; for stray ACKs; for UDP; for ICMP.
    least: u64,
    stealth: u64,
    ack: u64,
    udp: u64,
    icmp: u64,
    /// Failed hosts of the internet on one port; on web and name ports.
    outward: u64,
    outward_web: u64,
    /// UDP, ICMP, ACK and outward contacts count together only without a longer pause.
    pause: Span,
    /// Failures this far apart, with as many successes in between, are not one story.
    run_up: Span,
    /// How long an originator is remembered.
    memory: Span,
    ports: PortTuning,
    link: LinkTuning,
}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        let [theta0, theta0_max, theta1, alpha, beta] = s.require_all(["theta0", "theta0_max", "theta1", "alpha", "beta"])?;
        let [stealth, ack, udp, icmp, outward, outward_web] =
            s.require_all(["stealth", "ack", "udp", "icmp", "outward", "outward_web"])?.map(|n| n as u64);
        let least = s.require("least")? as u64;
        let [pause, run_up, memory] = s.require_all(["pause", "run_up", "memory"])?.map(|n| Span::secs(n as u64));
        let (ports, link) = (PortTuning::from_signature(s)?, LinkTuning::from_signature(s)?);
        // A walk needs two different probabilities strictly between 0 and 1, whatever a signature says.
        let inner = |p: f64| p.clamp(1e-6, 1.0 - 1e-6);
        let (theta0, theta1) = (inner(theta0), inner(theta1).min(inner(theta0) / 1.01));
        let theta0_max = inner(theta0_max).max(theta0);
        Ok(Tuning {
            theta0,
            theta0_max,
            theta1,
            alpha: inner(alpha),
            beta: inner(beta),
            least,
            stealth,
            ack,
            udp,
            icmp,
            outward,
            outward_web,
            pause,
            run_up,
            memory,
            ports,
            link,
        })
    }
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(Scan::new(Tuning::from_signature(s)?)))
}

/// How a zone's first contacts ended, for the learned rate.
#[derive(Clone, Copy, Debug, Default)]
struct Rate {
    ok: u64,
    failed: u64,
}

#[derive(Debug)]
struct Source {
    walks: BTreeMap<Family, Walk>,
    taught: u64,
    said: Option<(Severity, u64)>,
    next: Timestamp,
    dirty: bool,
}

/// State.
#[derive(Debug)]
pub struct Scan {
    tuning: Tuning,
    /// First contacts: originator, responder, family.
    first: BoundedMap<(Addr, Addr, Family), ()>,
    sources: BoundedMap<Addr, Source>,
    rates: BoundedMap<Option<u16>, Rate>,
    dirty: Vec<Addr>,
    /// Told already and changed since: looked at when a second has passed, so that many of them cost an event nothing.
    waiting: Vec<Addr>,
    ports: PortScans,
    link: LinkSweeps,
}

impl Scan {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> Scan {
        Scan {
            tuning,
            first: BoundedMap::new(131_072),
            sources: BoundedMap::new(16_384),
            rates: BoundedMap::new(256),
            dirty: Vec::new(),
            waiting: Vec::new(),
            ports: PortScans::new(tuning.ports),
            link: LinkSweeps::new(tuning.link),
        }
    }
    fn contact(&mut self, c: &Contact, ts: Timestamp, scene: &Scene<'_>) {
        let t = c.flow.tuple;
        let failed = match c.outcome {
            Outcome::Refused => true,
            // Many packets without an answer: the other direction is not mirrored; nothing can be said.
            Outcome::Attempted if c.tries > 4 => return,
            Outcome::Attempted => true,
            _ => false,
        };
        if is_no_opening(c) {
            return;
        }
        if matches!(c.shape, Shape::Syn | Shape::Fin | Shape::Null | Shape::Xmas | Shape::Midstream | Shape::Udp | Shape::Other) {
            self.ports.contact(c, ts, failed, scene);
        }
        let Some(family) = Family::of(c.shape, &t) else { return };
        if self.first.touch(&(t.orig, t.resp, family)).is_some() {
            return;
        }
        self.first.insert((t.orig, t.resp, family), ());
        let (up, down) = self.steps(t.orig, scene);
        let memory = self.tuning.memory;
        let (tuning, since) = (self.tuning, c.flow.first_ts);
        let source = self.sources.entry(t.orig, Source::new);
        source.walks.retain(|_, w| ts.since(w.last_ts) <= memory);
        let teaches = source.taught < LEARN.1 && source.walks.values().all(|w| w.failed < 4);
        source.taught += u64::from(teaches);
        let w = source.walk(family, since);
        if ts.since(w.last_ts) > tuning.pause {
            (w.recent, w.outward) = (0, 0);
        }
        w.last_ts = ts;
        if failed {
            let known = scene.site.ledger.by_addr(t.resp).is_some() || scene.assets.device_of(t.resp).is_some();
            // A known device that does not answer may be switched off; one that refuses what is no administration, asked by a stale setting.
            let step = if known && (c.outcome == Outcome::Attempted || family != Family::Admin) { up / 2.0 } else { up };
            let outward = is_outward(t.orig, t.resp, scene);
            w.outward += u64::from(outward);
            w.dark += u64::from(!known && family == Family::Admin && c.outcome == Outcome::Attempted && !outward);
            w.fail(1, if outward { 0.0 } else { step }, since, &tuning);
            w.list(&t, c.flow.first_packet, since);
            self.mark(t.orig);
        } else {
            w.succeed(down);
        }
        if teaches {
            let zone = scene.site.zones.of(t.orig).map(|z| z.0);
            let r = self.rates.entry(zone, Rate::default);
            if failed { r.failed += 1 } else { r.ok += 1 }
        }
    }
    /// What a failure and a success are worth in the originator's zone.
    fn steps(&self, orig: Addr, scene: &Scene<'_>) -> (f64, f64) {
        let m = &self.tuning;
        let zone = scene.site.zones.of(orig).map(|z| z.0);
        let learned = self.rates.get(&zone).filter(|r| r.ok + r.failed >= LEARN.0).map(|r| r.ok as f64 / (r.ok + r.failed) as f64);
        let theta0 = learned.unwrap_or(m.theta0).clamp(m.theta0, m.theta0_max);
        (((1.0 - m.theta1) / (1.0 - theta0)).ln(), (theta0 / m.theta1).ln())
    }
    fn contacts(&mut self, c: &Contacts, ts: Timestamp, scene: &Scene<'_>) {
        if c.bits != 128 || c.example.resp.is_multicast() {
            return;
        }
        if c.ports > c.responders {
            self.ports.contacts(c, ts, scene);
            return;
        }
        let shape = match c.example.proto {
            proto::UDP => Shape::Udp,
            proto::ICMP | proto::ICMP6 => Shape::Icmp,
            proto::TCP => Shape::Syn,
            _ => return,
        };
        let Some(family) = Family::of(shape, &c.example) else { return };
        let (up, _) = self.steps(c.source, scene);
        let outward = is_outward(c.source, c.example.resp, scene);
        let w = self.sources.entry(c.source, Source::new).walk(family, ts);
        let n = u64::from(c.responders);
        w.last_ts = ts;
        w.outward += if outward { n } else { 0 };
        w.fail(n, if outward { 0.0 } else { up }, ts, &self.tuning);
        w.list(&c.example, 0, ts);
        self.mark(c.source);
    }
    fn mark(&mut self, orig: Addr) {
        if let Some(s) = self.sources.get_mut(&orig)
            && !s.dirty
        {
            s.dirty = true;
            self.dirty.push(orig);
        }
    }
    /// Has this family's walk left the ground?
    fn is_scan(&self, w: &Walk) -> bool {
        let m = &self.tuning;
        let inward = w.recent.saturating_sub(w.outward);
        let mostly = w.failure_share() >= 0.5;
        let (port, most) = w.worst_port();
        let service = Service::of_port(proto::TCP, port);
        let need = if matches!(service, Service::Http | Service::Tls | Service::Dns) { m.outward_web } else { m.outward };
        let out = matches!(w.family, Family::Admin | Family::Web | Family::Tcp) && w.outward >= need && most >= need && w.failure_share() >= 0.8;
        out || match w.family {
            Family::Admin | Family::Web | Family::Tcp => w.failed >= m.least && w.height() >= (m.beta / m.alpha).ln(),
            Family::Stealth => inward >= m.stealth && mostly,
            Family::Ack => inward >= m.ack && w.failure_share() >= 0.8,
            Family::Udp => inward >= m.udp && w.failure_share() >= 0.8,
            Family::Icmp => mostly && (inward >= m.icmp || w.outward >= m.outward_web),
        }
    }
    fn speak(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        for orig in std::mem::take(&mut self.dirty) {
            let Some(s) = self.sources.get(&orig) else { continue };
            let hit: Vec<&Walk> = s.walks.values().filter(|w| self.is_scan(w)).collect();
            if hit.is_empty() || s.said.is_some() && scene.now < s.next {
                match self.sources.get_mut(&orig) {
                    Some(s) if hit_is_pending(s) => self.waiting.push(orig),
                    Some(s) => s.dirty = false,
                    None => {}
                }
                continue;
            }
            let least = self.tuning.least;
            let f = sweep(orig, &hit, least, scene);
            let told: Vec<Family> = hit.iter().map(|w| w.family).collect();
            let Some(s) = self.sources.get_mut(&orig) else { continue };
            s.walks.values_mut().filter(|w| told.contains(&w.family)).for_each(|w| w.tell(least));
            s.dirty = false;
            s.next = later(scene.now, f.first_ts);
            if s.said.is_none_or(|x| f.severity > x.0 || f.count > x.1) {
                s.said = Some((f.severity, f.count));
                out.push(f);
            }
        }
    }
}

/// Already spoken of, and changed since: it stays in line until its interval is over.
fn hit_is_pending(s: &Source) -> bool {
    s.said.is_some()
}

impl Source {
    fn new() -> Source {
        Source { walks: BTreeMap::new(), taught: 0, said: None, next: Timestamp(0), dirty: false }
    }
    fn walk(&mut self, family: Family, now: Timestamp) -> &mut Walk {
        self.walks.entry(family).or_insert_with(|| Walk::new(family, now))
    }
}

impl Detector for Scan {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::CONTACT | Interest::CONTACTS | Interest::LINK | Interest::ICMP
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        match &event.kind {
            EventKind::Contact(c) => self.contact(c, event.ts, scene),
            EventKind::Contacts(c) => self.contacts(c, event.ts, scene),
            EventKind::Link { .. } => self.link.event(event, scene),
            // Protocol unreachable (RFC 792, type 3 code 2): the answer alone shows what was asked.
            EventKind::IcmpError { quoted, kind: 3, code: 2, .. } => self.ports.no_protocol(quoted, event, scene),
            _ => return,
        }
        if !self.dirty.is_empty() {
            self.speak(scene, out);
        }
        self.ports.speak(scene, out);
    }
    fn tick(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        self.dirty.append(&mut self.waiting);
        self.speak(scene, out);
        self.ports.tick(scene, out);
        self.link.tick(scene, out);
    }
    fn end(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        self.dirty.append(&mut self.waiting);
        for orig in &self.dirty {
            if let Some(s) = self.sources.get_mut(orig) {
                s.next = scene.now;
            }
        }
        self.speak(scene, out);
        self.ports.end(scene, out);
    }
    fn held(&self) -> (usize, u64) {
        let (p, l) = (self.ports.held(), self.link.held());
        (self.first.len() + self.sources.len() + p.0 + l.0, self.first.evicted() + self.sources.evicted() + p.1 + l.1)
    }
}

/// Group and broadcast addresses, answers taken for openings (backscatter), and chatter that is unanswered by nature.
fn is_no_opening(c: &Contact) -> bool {
    let t = &c.flow.tuple;
    let broadcast = t.resp.is_multicast() || t.resp.is_unspecified() || t.resp.as_v4().is_some_and(|a| a & 0xff == 0xff);
    let server_port = Service::of_port(t.proto, t.orig_port) != Service::Unknown || t.orig_port < 1024;
    let back = matches!(c.shape, Shape::Udp | Shape::Midstream)
        && server_port
        && t.orig_port != t.resp_port
        && Service::of_port(t.proto, t.resp_port) == Service::Unknown;
    let chatter = c.shape == Shape::Udp
        && matches!(
            c.flow.service,
            Service::Syslog
                | Service::Nbns
                | Service::Nbdgm
                | Service::Dns
                | Service::Ntp
                | Service::Mdns
                | Service::Llmnr
                | Service::Ssdp
                | Service::Wsd
                | Service::Dhcp
                | Service::Dhcpv6
        )
        || t.proto == proto::UDP && t.resp_port == 162;
    broadcast || c.shape == Shape::Backscatter || back || chatter
}

/// From inside to the internet, where dead peers are ordinary.
fn is_outward(orig: Addr, resp: Addr, scene: &Scene<'_>) -> bool {
    scene.site.is_internet(resp) && scene.site.is_inside(orig)
}

/// When to speak again: after an eighth of the story's age, a second at least.
fn later(now: Timestamp, first: Timestamp) -> Timestamp {
    now + Span(now.since(first).0 / 8).max(Span::secs(1))
}

/// By whom: administrators are expected to look around, suppliers and guests are not, the internet does it all day.
fn severity(orig: Addr, resp: Addr, scene: &Scene<'_>, base: Severity) -> Severity {
    if scene.site.may_administer(orig) || is_administrator(scene.assets.role(orig)) {
        Severity::Info
    } else if scene.site.is_internet(orig) {
        if resp.is_private() { Severity::Medium } else { Severity::Low }
    } else if matches!(scene.site.kind(orig), Some(ZoneKind::Vendor | ZoneKind::Guest)) {
        Severity::High
    } else {
        base
    }
}

fn sweep(orig: Addr, hit: &[&Walk], least: u64, scene: &Scene<'_>) -> Finding {
    let dark: u64 = hit.iter().map(|w| w.dark).sum();
    let mut f = Finding::new(ID, String::new(), scene.now, Severity::Medium, Subject::addr(orig));
    let mut distinct = crate::bounded::DistinctCounter::default();
    let (mut failed, mut ok, mut most_failed, mut ports) = (0, 0, 0, Vec::new());
    f.first_ts = hit.iter().map(|w| w.begun(least)).min().unwrap_or(scene.now);
    f.last_ts = hit.iter().map(|w| w.last_ts).max().unwrap_or(scene.now);
    for w in hit {
        distinct.merge(&w.distinct);
        let (no, yes) = w.counts(least);
        (failed, ok, most_failed) = (failed + no, ok + yes, most_failed.max(no));
        for p in w.proofs(least) {
            f.add_resp(p.tuple.resp);
            if f.flows.len() < Finding::MAX_PROOF {
                f.flows.push(p.tuple);
            }
            f.add_packet(p.packet);
        }
        ports.extend(w.ports.iter().map(|p| p.0));
    }
    ports.sort_unstable();
    ports.dedup();
    let only = hit.first().filter(|_| hit.len() == 1).map(|w| w.family);
    let kind = match only {
        Some(Family::Udp) => "udp-sweep",
        Some(Family::Icmp) => "icmp-sweep",
        Some(Family::Stealth) => "stealth-sweep",
        _ => "sweep",
    };
    let base = if dark >= 3 { Severity::High } else { Severity::Medium };
    f.severity = severity(orig, f.resp.first().copied().unwrap_or_default(), scene, base);
    f.story = format!("{orig}>sweep");
    let most = hit.iter().map(|w| w.worst_port()).max_by_key(|p| p.1).map_or(0, |p| p.0);
    let udp = only == Some(Family::Udp);
    f.service = if only == Some(Family::Icmp) { Service::Unknown } else { Service::of_port(if udp { proto::UDP } else { proto::TCP }, most) };
    // Up to the listed number it is exact, beyond an estimate that no summary exceeds.
    let listed = f.resp.len() as u64;
    f.count = if listed < Finding::MAX_RESP as u64 { listed.max(most_failed) } else { u64::from(distinct.count()).max(most_failed) };
    f.set("kind", kind);
    f.set("failed", failed);
    f.set("answered", ok);
    f.set("dark_admin_hosts", dark);
    if only != Some(Family::Icmp) {
        f.set("ports", ports);
    }
    f.set("families", hit.iter().map(|w| w.family.word()).collect::<Vec<_>>());
    f.set("height", hit.iter().map(|w| (w.height() * 100.0).round() / 100.0).fold(0.0, f64::max));
    f.set("seconds", (f.last_ts.since(f.first_ts).as_secs_f64() * 10.0).round() / 10.0);
    f.outcome = if ok > 0 { Outcome::Answered } else { Outcome::Attempted };
    f
}
