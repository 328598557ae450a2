//! Sweeps below IP: one station asks by ARP (RFC 826) or neighbour solicitation (RFC 4861) for many addresses that nobody holds. Routers do that
//! for others, with reason: they are left out.

use super::super::signature::{Signature, SignatureError};
use super::super::{Finding, Scene, Subject};
use crate::base::{Addr, Mac, Service, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind};
use crate::protocols::Message;
use crate::site::Role;
use crate::wire::Vlans;

/// Most unanswered questions kept per station.
const MAX_OPEN: usize = 512;
/// A station answers within this time or is taken for absent.
const ANSWER: Span = Span::millis(900);

#[derive(Debug)]
struct Asker {
    addr: Addr,
    vlan: Vlans,
    /// Asked for, not answered, oldest first.
    open: Vec<(Addr, Timestamp, u64)>,
    beyond: u64,
    said: u64,
    six: bool,
}

/// Numbers of the sweep.
#[derive(Clone, Copy, Debug)]
pub struct LinkTuning {
    /// Unanswered distinct addresses.
    pub targets: usize,
    /// Within this time.
    pub window: Span,
}

impl LinkTuning {
    pub fn from_signature(s: &Signature) -> Result<LinkTuning, SignatureError> {
        let [targets, window] = s.require_all(["arp", "arp_window"])?;
        Ok(LinkTuning { targets: targets as usize, window: Span::secs(window as u64) })
    }
}

/// All stations that ask.
#[derive(Debug)]
pub struct LinkSweeps {
    tuning: LinkTuning,
    askers: BoundedMap<Mac, Asker>,
    changed: Vec<Mac>,
}

impl LinkSweeps {
    pub fn new(tuning: LinkTuning) -> LinkSweeps {
        LinkSweeps { tuning, askers: BoundedMap::new(8_192), changed: Vec::new() }
    }
    pub fn held(&self) -> (usize, u64) {
        (self.askers.len(), self.askers.evicted())
    }
    pub fn event(&mut self, event: &Event, scene: &Scene<'_>) {
        let EventKind::Link { mac, vlan, message } = &event.kind else { return };
        match message {
            Message::Arp(a) if a.op == 1 && !a.is_gratuitous() && !a.is_probe() => {
                self.ask(*mac, *vlan, a.sender, a.target, event, scene, false);
            }
            Message::Arp(a) if a.op == 2 => self.answer(a.target_mac, a.sender),
            Message::Nd(n) if n.kind == 135 && !n.source.is_unspecified() => self.ask(*mac, *vlan, n.source, n.target, event, scene, true),
            Message::Nd(n) if n.kind == 136 => {
                // The solicited one is addressed by the destination, which the message does not name: the target is alive for everyone.
                let askers: Vec<Mac> = self.askers.iter().filter(|(_, a)| a.six).map(|(m, _)| *m).take(64).collect();
                for m in askers {
                    self.answer(m, n.target);
                }
            }
            _ => {}
        }
    }
    #[allow(clippy::too_many_arguments)]
    fn ask(&mut self, mac: Mac, vlan: Vlans, sender: Addr, target: Addr, event: &Event, scene: &Scene<'_>, six: bool) {
        let window = self.tuning.window;
        let known = scene.assets.device_of(target).is_some();
        let asker = self.askers.entry(mac, || Asker { addr: sender, vlan, open: Vec::new(), beyond: 0, said: 0, six });
        (asker.addr, asker.vlan, asker.six) = (sender, vlan, asker.six || six);
        if known || asker.open.iter().any(|o| o.0 == target) {
            return;
        }
        if asker.said == 0 {
            asker.open.retain(|o| event.ts.since(o.1) <= window);
        }
        if asker.open.len() >= MAX_OPEN {
            asker.beyond += 1;
            return;
        }
        asker.open.push((target, event.ts, event.packet));
        if self.changed.len() < 1024 && self.changed.last() != Some(&mac) && !self.changed.contains(&mac) {
            self.changed.push(mac);
        }
    }
    fn answer(&mut self, asker: Mac, target: Addr) {
        if let Some(a) = self.askers.get_mut(&asker) {
            a.open.retain(|o| o.0 != target);
        }
    }
    pub fn tick(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        for mac in std::mem::take(&mut self.changed) {
            let is_router = scene.assets.is_gateway(mac) || scene.site.ledger.by_mac(mac).is_some_and(|e| e.role == Role::Gateway);
            let Some(a) = self.askers.get_mut(&mac).filter(|_| !is_router) else { continue };
            a.open.retain(|o| scene.assets.device_of(o.0).is_none());
            let dead = a.open.iter().filter(|o| scene.now.since(o.1) >= ANSWER).count();
            if dead < a.open.len() {
                self.changed.push(mac);
            }
            let count = dead as u64 + a.beyond;
            if dead >= self.tuning.targets && (a.said == 0 || count > a.said) {
                a.said = count;
                out.push(finding(mac, a, count, scene));
            }
        }
    }
}

fn finding(mac: Mac, a: &Asker, count: u64, scene: &Scene<'_>) -> Finding {
    let role = scene.assets.role(a.addr);
    let expected = scene.site.may_administer(a.addr) || matches!(role, Role::Management | Role::Infrastructure | Role::Gateway);
    let subject = if a.addr.is_unspecified() { Subject::mac(mac) } else { Subject::both(a.addr, mac) };
    let severity = if expected { Severity::Info } else { Severity::Medium };
    let kind = if a.six { "nd-sweep" } else { "arp-sweep" };
    let mut f = Finding::new(super::ID, format!("{mac}>{kind}"), scene.now, severity, subject);
    f.service = Service::Unknown;
    f.first_ts = a.open.first().map_or(scene.now, |o| o.1);
    f.last_ts = a.open.last().map_or(scene.now, |o| o.1);
    for (addr, _, packet) in &a.open {
        f.add_resp(*addr);
        f.add_packet(*packet);
    }
    f.add_vlan(a.vlan);
    f.count = count;
    f.set("kind", kind);
    f.set("unanswered", count);
    f.set("seconds", (f.last_ts.since(f.first_ts).as_secs_f64() * 10.0).round() / 10.0);
    f
}
