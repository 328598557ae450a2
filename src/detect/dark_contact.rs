//! `dark-contact`: someone knocks on the administration ports of addresses that nobody holds (ATT&CK T1018, T1046). Users never do that; worms and
//! intruders who look around do. Addresses are learned to be unused from ARP silence and from the silence around them.

use super::hosts::is_administrator;
use super::sessions::admin_service;
use super::signature::{Signature, SignatureError};
use super::{Detector, Finding, Scene, Subject};
use crate::base::{Addr, FiveTuple, Outcome, Service, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Contact, Event, EventKind, Interest, Shape};
use crate::protocols::Message;

/// Detector id.
pub const ID: &str = "dark-contact";
/// Most dark addresses kept per originator; beyond, they are only counted.
const MAX_DARK: usize = 64;

/// The numbers of `signatures/dark-contact.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// Dark addresses for `medium` and for `high`.
    medium: u64,
    high: u64,
    /// Unanswered ARP questions, asked at least this far apart in sum, after which an address is unused.
    asked: u64,
    /// Stations that answered in the same network, without which its silence says nothing.
    neighbours: u32,
    /// How long dark contacts of one originator count together.
    window: Span,
}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        let [medium, high, asked, neighbours, window] = s.require_all(["medium", "high", "asked", "neighbours", "window"])?;
        Ok(Tuning { medium: medium as u64, high: high as u64, asked: asked as u64, neighbours: neighbours as u32, window: Span::secs(window as u64) })
    }
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(DarkContact::new(Tuning::from_signature(s)?)))
}

#[derive(Debug, Default)]
struct Source {
    dark: Vec<(Addr, Timestamp, FiveTuple, u64)>,
    /// Every dark address, for the count beyond those listed.
    all: crate::bounded::DistinctCounter,
    arp: bool,
    said: u64,
    services: Vec<Service>,
}

/// State.
#[derive(Debug)]
pub struct DarkContact {
    tuning: Tuning,
    /// Addresses that showed life, with the time of the last sign.
    alive: BoundedMap<Addr, Timestamp>,
    /// Living addresses per network (IPv4 /24, IPv6 /64).
    networks: BoundedMap<u128, crate::bounded::DistinctCounter>,
    /// Questions for an address since it last showed life.
    asked: BoundedMap<Addr, u64>,
    sources: BoundedMap<Addr, Source>,
}

impl DarkContact {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> DarkContact {
        DarkContact {
            tuning,
            alive: BoundedMap::new(65_536),
            networks: BoundedMap::new(8_192),
            asked: BoundedMap::new(65_536),
            sources: BoundedMap::new(8_192),
        }
    }
    fn live(&mut self, a: Addr, ts: Timestamp) {
        if a.is_unspecified() || a.is_multicast() {
            return;
        }
        // Who lives already is counted in its network.
        match self.alive.touch(&a) {
            Some(last) => *last = ts,
            None => {
                self.networks.entry(network(a), Default::default).add(a.0 as u64 ^ (a.0 >> 64) as u64);
                self.alive.insert(a, ts);
            }
        }
        if !self.asked.is_empty() {
            self.asked.remove(&a);
        }
    }
    /// Does nobody hold this address? And is that known from ARP?
    fn is_dark(&self, a: Addr, scene: &Scene<'_>) -> Option<bool> {
        if !scene.site.is_inside(a) || self.alive.contains(&a) || scene.site.ledger.by_addr(a).is_some() || scene.assets.device_of(a).is_some() {
            return None;
        }
        let asked = self.asked.get(&a).copied().unwrap_or(0) >= self.tuning.asked;
        let around = self.networks.get(&network(a)).map_or(0, |n| n.count());
        (asked || around >= self.tuning.neighbours).then_some(asked)
    }
    fn contact(&mut self, c: &Contact, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let t = c.flow.tuple;
        match c.outcome {
            Outcome::Attempted => {}
            // A router's "unreachable" is no life of the host; a reset is.
            Outcome::Refused if c.icmp.is_some() => {}
            _ => {
                self.live(t.orig, scene.now);
                self.live(t.resp, scene.now);
                return;
            }
        }
        let service = admin_service(&c.flow);
        if c.shape != Shape::Syn || c.tries > 4 || !service.is_remote_admin() || scene.site.is_internet(t.orig) {
            return;
        }
        let Some(arp) = self.is_dark(t.resp, scene) else { return };
        let (window, now) = (self.tuning.window, scene.now);
        let s = self.sources.entry(t.orig, Source::default);
        s.dark.retain(|d| now.since(d.1) <= window);
        if s.dark.iter().any(|d| d.0 == t.resp) {
            return;
        }
        s.all.add(t.resp.0 as u64 ^ (t.resp.0 >> 64) as u64);
        if s.dark.len() < MAX_DARK {
            s.dark.push((t.resp, c.flow.first_ts, t, c.flow.first_packet));
        }
        let listed = s.dark.len() as u64;
        let count = if s.dark.len() < MAX_DARK { listed } else { listed.max(u64::from(s.all.count())) };
        s.arp |= arp;
        if !s.services.contains(&service) {
            s.services.push(service);
        }
        // Spoken at one, at the steps, and at every doubling.
        if s.said == 0 || count >= 2 * s.said || count == self.tuning.medium || count == self.tuning.high {
            s.said = count;
            let f = finding(t.orig, s, count, &self.tuning, scene);
            out.push(f);
        }
    }
}

/// IPv4 /24, IPv6 /64.
fn network(a: Addr) -> u128 {
    if a.is_v4() { a.0 >> 8 << 8 } else { a.0 >> 64 << 64 | 1 }
}

impl Detector for DarkContact {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::CONTACT | Interest::LINK
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        match &event.kind {
            EventKind::Contact(c) => self.contact(c, scene, out),
            EventKind::Link { message: Message::Arp(a), .. } => {
                if !a.is_probe() {
                    self.live(a.sender, event.ts);
                }
                if a.op == 1 && !a.is_gratuitous() && !self.alive.contains(&a.target) {
                    *self.asked.entry(a.target, || 0) += 1;
                }
            }
            EventKind::Link { message: Message::Nd(n), .. } if n.kind == 136 => self.live(n.target, event.ts),
            _ => {}
        }
    }
    fn held(&self) -> (usize, u64) {
        let held = self.alive.len() + self.networks.len() + self.asked.len() + self.sources.len();
        (held, self.alive.evicted() + self.networks.evicted() + self.asked.evicted() + self.sources.evicted())
    }
}

fn finding(orig: Addr, s: &Source, count: u64, m: &Tuning, scene: &Scene<'_>) -> Finding {
    let severity = match count {
        _ if scene.site.may_administer(orig) || is_administrator(scene.assets.role(orig)) => Severity::Info,
        n if n >= m.high => Severity::High,
        n if n >= m.medium => Severity::Medium,
        _ => Severity::Low,
    };
    let mut f = Finding::new(ID, orig.to_string(), scene.now, severity, Subject::addr(orig));
    f.first_ts = s.dark.iter().map(|d| d.1).min().unwrap_or(scene.now);
    f.last_ts = s.dark.iter().map(|d| d.1).max().unwrap_or(scene.now);
    for (addr, _, tuple, packet) in &s.dark {
        f.add_resp(*addr);
        if f.flows.len() < Finding::MAX_PROOF {
            f.flows.push(*tuple);
        }
        f.add_packet(*packet);
    }
    f.service = s.services.first().copied().unwrap_or_default();
    f.count = count;
    f.set("services", s.services.iter().map(|x| x.word()).collect::<Vec<_>>());
    f.set("known_from", if s.arp { "unanswered ARP questions" } else { "silence among answering neighbours" });
    f
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::site::Site;

    fn stage(site: Site) -> Stage {
        Stage::new(site, build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap())
    }

    fn lost(ts: f64, orig: &str, resp: &str) -> Event {
        contact(at(ts + 5.0), flow(at(ts), orig, resp, 445), Outcome::Attempted, Shape::Syn)
    }

    fn lively() -> Vec<Event> {
        (30..36).map(|n| arp(at(0.1), 1, &format!("10.10.10.{n}"), "10.10.10.1")).collect()
    }

    #[test]
    fn one_is_low_three_are_high() {
        for (n, want) in [(1, Severity::Low), (2, Severity::Medium), (3, Severity::High), (9, Severity::High)] {
            let mut s = stage(hospital());
            let mut ev = lively();
            ev.extend((0..n).map(|i| lost(1.0 + f64::from(i), "10.10.10.12", &format!("10.10.10.{}", 200 + i))));
            s.play(ev);
            assert_eq!((s.findings().len(), s.worst()), (1, Some(want)), "{n}");
        }
    }

    #[test]
    fn arp_silence_marks_an_address_even_in_a_quiet_network() {
        let mut s = stage(hospital());
        let mut ev: Vec<Event> = (0..3).map(|i| arp(at(f64::from(i)), 1, "10.10.30.1", "10.10.30.77")).collect();
        ev.push(lost(4.0, "10.10.40.10", "10.10.30.77"));
        s.play(ev);
        assert_eq!(s.findings()[0].evidence["known_from"], "unanswered ARP questions");
    }

    #[test]
    fn known_devices_quiet_networks_other_ports_and_administrators_are_nothing() {
        let mut s = stage(hospital());
        let mut ev = lively();
        ev.extend((11..20).map(|n| lost(1.0, "10.10.10.35", &format!("10.10.10.{n}"))));
        ev.extend((11..20).map(|n| lost(1.0, "10.10.10.35", &format!("10.10.77.{n}"))));
        ev.extend((200..210).map(|n| contact(at(9.0), flow(at(2.0), "10.10.10.35", &format!("10.10.10.{n}"), 80), Outcome::Attempted, Shape::Syn)));
        ev.extend((30..36).map(|n| lost(3.0, "10.10.10.12", &format!("10.10.10.{n}"))));
        s.play(ev);
        assert!(s.said.is_empty(), "{:?}", s.said);
        let mut ev = lively();
        ev.extend((200..210).map(|n| lost(3.0, "10.10.20.5", &format!("10.10.10.{n}"))));
        s.play(ev);
        assert_eq!(s.worst(), Some(Severity::Info));
    }
}
