//! What one originator sent to the internet, gathered for the egress detectors: destinations, ports, names, bytes.

use super::{Finding, Scene, Subject};
use crate::base::{Addr, Confidence, Outcome, Service, Severity, Timestamp, proto};
use crate::bounded::{BoundedMap, DistinctCounter};
use crate::event::{Contact, FlowInfo, FlowRecord, Shape};
use crate::site::{Action, Place, ZoneKind};
use crate::wire::Vlans;
use std::collections::{BTreeMap, BTreeSet};

/// Originators remembered.
const ORIGINATORS: usize = 16_384;
/// Originators of an inventory (no zone is declared) that are listed; beyond it they are counted.
const INVENTORY: usize = 2_048;
/// Destinations, ports, services and proxied names listed for one originator.
const LISTED: usize = 64;
/// Long flows whose bytes are followed while they live.
const LIVING: usize = 8_192;

/// Why a flow to the internet concerns us, and how much.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Concern {
    /// The policy says that this must not be: a clinical or supplier zone.
    Forbidden(ZoneKind),
    /// No such zone is declared: an inventory of who leaves at all.
    Inventory,
}

/// Does traffic from `from` to the internet concern the egress detectors?
pub(super) fn concern(scene: &Scene<'_>, from: Addr, service: Service) -> Option<Concern> {
    let site = scene.site;
    let strict = [ZoneKind::Clinical, ZoneKind::Vendor];
    if !strict.iter().any(|k| site.zones.has(*k)) {
        return (site.is_inside(from) && !from.is_link_local()).then_some(Concern::Inventory);
    }
    let kind = site.kind(from).filter(|k| strict.contains(k))?;
    let verdict = site.policy.judge_at(&site.zones, site.place(from), Place::Internet, service, scene.now);
    (verdict.action == Action::Alert).then_some(Concern::Forbidden(kind))
}

/// Is it known well enough who began, and was it a request at all? The answer to a connection from outside is not egress.
pub(super) fn began(c: &Contact) -> bool {
    let f = &c.flow;
    match (c.shape, f.tuple.proto) {
        (Shape::Backscatter, _) => false,
        (Shape::Icmp, _) | (_, proto::SCTP) => true,
        (_, proto::ICMP | proto::ICMP6) => false,
        (_, proto::TCP) => f.confidence > Confidence::First,
        // Both ends may have begun: a well-known port on our side only means that we answer.
        (_, proto::UDP) => f.confidence > Confidence::First || Service::of_port(proto::UDP, f.tuple.orig_port) == Service::Unknown,
        _ => true,
    }
}

/// One originator's story.
#[derive(Debug)]
struct Story {
    concern: Concern,
    first_ts: Timestamp,
    last_ts: Timestamp,
    outcome: Outcome,
    dests: BTreeMap<Addr, u64>,
    order: Vec<Addr>,
    distinct: DistinctCounter,
    ports: BTreeSet<(u8, u16)>,
    services: BTreeSet<Service>,
    proxied: BTreeSet<String>,
    refused_by: BTreeSet<Addr>,
    contacts: u64,
    bytes: [u64; 2],
    flows: Vec<FlowInfo>,
    spoken: u64,
    dirty: bool,
    /// Stands in the list of those to look at when the tick ends.
    marked: bool,
}

/// All stories of one detector.
#[derive(Debug)]
pub(super) struct Outbound {
    id: &'static str,
    stories: BoundedMap<Addr, Story>,
    living: BoundedMap<u64, [u64; 2]>,
    dirty: Vec<Addr>,
    unlisted: u64,
}

impl Outbound {
    pub(super) fn new(id: &'static str) -> Outbound {
        Outbound { id, stories: BoundedMap::new(ORIGINATORS), living: BoundedMap::new(LIVING), dirty: Vec::new(), unlisted: 0 }
    }
    pub(super) fn held(&self) -> (usize, u64) {
        (self.stories.len() + self.living.len(), self.stories.evicted() + self.living.evicted() + self.unlisted)
    }

    /// Is there room for a story of this originator? An inventory ends at [`INVENTORY`] lines: more would help nobody.
    fn has_room(&mut self, concern: Concern, orig: Addr) -> bool {
        let room = concern != Concern::Inventory || self.stories.len() < INVENTORY || self.stories.contains(&orig);
        self.unlisted += u64::from(!room);
        room
    }

    /// A contact with the internet.
    pub(super) fn contact(&mut self, concern: Concern, c: &Contact, ts: Timestamp) {
        if !self.has_room(concern, c.flow.tuple.orig) {
            return;
        }
        let s = self.story(concern, c.flow.tuple.orig, c.flow.first_ts);
        s.outcome = s.outcome.max(c.outcome);
        s.refused_by.extend(c.icmp.map(|i| i.2).filter(|_| s.refused_by.len() < 8));
        s.flow(&c.flow, ts);
        self.mark(c.flow.tuple.orig);
    }

    /// Contacts that were counted, not listed.
    pub(super) fn counted(&mut self, concern: Concern, orig: Addr, example: Addr, contacts: u64, refused: bool, ts: Timestamp) {
        if !self.has_room(concern, orig) {
            return;
        }
        let s = self.story(concern, orig, ts);
        s.outcome = s.outcome.max(if refused { Outcome::Refused } else { Outcome::Attempted });
        s.last_ts = s.last_ts.max(ts);
        s.contacts += contacts;
        s.meet(example);
        self.mark(orig);
    }

    /// A request to a proxy for a name outside.
    pub(super) fn proxied(&mut self, concern: Concern, f: &FlowInfo, name: &str, ts: Timestamp) {
        if !self.has_room(concern, f.tuple.orig) {
            return;
        }
        let s = self.story(concern, f.tuple.orig, f.first_ts);
        s.outcome = s.outcome.max(Outcome::Answered);
        if s.proxied.len() < LISTED {
            s.dirty |= s.proxied.insert(name.to_owned());
        }
        s.flow(f, ts);
        self.mark(f.tuple.orig);
    }

    /// A hello or request told a destination's name: the finding is to say it.
    pub(super) fn renamed(&mut self, f: &FlowInfo) {
        if let Some(s) = self.stories.get_mut(&f.tuple.orig).filter(|s| s.dests.contains_key(&f.tuple.resp)) {
            s.dirty = true;
            self.mark(f.tuple.orig);
        }
    }

    /// Counts of a flow, at its end or while it lives.
    pub(super) fn record(&mut self, r: &FlowRecord, ended: bool) {
        let known = self.stories.get(&r.info.tuple.orig).is_some_and(|s| s.dests.contains_key(&r.info.tuple.resp));
        if !known {
            return;
        }
        let before = self.living.remove(&r.info.uid).unwrap_or_default();
        if !ended {
            self.living.insert(r.info.uid, r.payload);
        }
        let Some(s) = self.stories.get_mut(&r.info.tuple.orig) else { return };
        for ((sum, now), old) in s.bytes.iter_mut().zip(r.payload).zip(before) {
            *sum += now.saturating_sub(old);
        }
        s.last_ts = s.last_ts.max(r.last_ts);
        if s.bytes.iter().sum::<u64>() > s.spoken.saturating_mul(2) {
            s.dirty = true;
        }
        self.mark(r.info.tuple.orig);
    }

    fn story(&mut self, concern: Concern, orig: Addr, first_ts: Timestamp) -> &mut Story {
        let s = self.stories.entry(orig, || Story {
            concern,
            first_ts,
            last_ts: first_ts,
            outcome: Outcome::Attempted,
            dests: BTreeMap::new(),
            order: Vec::new(),
            distinct: DistinctCounter::default(),
            ports: BTreeSet::new(),
            services: BTreeSet::new(),
            proxied: BTreeSet::new(),
            refused_by: BTreeSet::new(),
            contacts: 0,
            bytes: [0; 2],
            flows: Vec::new(),
            spoken: 0,
            dirty: true,
            marked: false,
        });
        s.first_ts = s.first_ts.min(first_ts);
        s
    }

    fn mark(&mut self, orig: Addr) {
        if let Some(s) = self.stories.get_mut(&orig).filter(|s| !s.marked) {
            s.marked = true;
            self.dirty.push(orig);
        }
    }

    /// Says the first word of a story at once; what follows is said at the end of the tick.
    pub(super) fn speak(&mut self, orig: Addr, severity: impl Fn(Concern) -> Severity, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        if let Some(s) = self.stories.get_mut(&orig).filter(|s| s.spoken == 0) {
            out.push(s.finding(self.id, orig, severity(s.concern), scene));
            s.said();
        }
    }

    /// Says what changed since the last tick.
    pub(super) fn tick(&mut self, severity: impl Fn(Concern) -> Severity, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        for orig in std::mem::take(&mut self.dirty) {
            let Some(s) = self.stories.get_mut(&orig) else { continue };
            s.marked = false;
            if s.dirty {
                out.push(s.finding(self.id, orig, severity(s.concern), scene));
                s.said();
            }
        }
    }
}

impl Story {
    fn flow(&mut self, f: &FlowInfo, ts: Timestamp) {
        self.last_ts = self.last_ts.max(ts);
        self.contacts += 1;
        self.dirty |= self.contacts.is_power_of_two();
        self.meet(f.tuple.resp);
        if self.ports.len() < LISTED && matches!(f.tuple.proto, proto::TCP | proto::UDP | proto::SCTP) {
            self.dirty |= self.ports.insert((f.tuple.proto, f.tuple.resp_port));
        }
        self.dirty |= self.services.insert(f.service);
        if self.flows.len() < Finding::MAX_PROOF {
            self.flows.push(*f);
        }
    }
    fn meet(&mut self, a: Addr) {
        self.distinct.add(a.0 as u64 ^ (a.0 >> 64) as u64);
        if let Some(n) = self.dests.get_mut(&a) {
            *n += 1;
        } else if self.dests.len() < LISTED {
            self.dests.insert(a, 1);
            self.order.push(a);
            self.dirty = true;
        }
    }
    fn said(&mut self) {
        self.dirty = false;
        self.spoken = self.bytes.iter().sum::<u64>().max(1024);
    }
    fn finding(&self, id: &'static str, orig: Addr, severity: Severity, scene: &Scene<'_>) -> Finding {
        let mac = scene.assets.device_of(orig).and_then(|d| d.mac);
        let mut f = Finding::new(id, orig.to_string(), scene.now, severity, Subject { addr: Some(orig), mac });
        (f.first_ts, f.last_ts, f.outcome) = (self.first_ts, self.last_ts, self.outcome);
        f.zone = scene.site.zone_name(orig).to_owned();
        self.order.iter().for_each(|a| f.add_resp(*a));
        self.flows.iter().for_each(|x| f.add_flow(&FlowInfo { vlan: [x.vlan[0], Vlans::default()], ..*x }));
        f.count = if self.order.len() < LISTED { self.order.len() as u64 } else { u64::from(self.distinct.count()).max(LISTED as u64) };
        let mut services = self.services.iter().filter(|s| **s != Service::Unknown);
        f.service = services.next().filter(|_| services.next().is_none() || self.services.len() == 1).copied().unwrap_or_default();
        let names: BTreeMap<String, &str> = self.order.iter().filter_map(|a| scene.assets.names.of(*a).map(|n| (a.to_string(), n))).collect();
        let mut distinct: Vec<&str> = names.values().copied().chain(self.proxied.iter().map(String::as_str)).collect();
        distinct.sort_unstable();
        distinct.dedup();
        f.set("names", distinct);
        f.set("name_of", serde_json::to_value(&names).unwrap_or_default());
        f.set("ports", self.ports.iter().map(|(p, n)| format!("{}/{n}", proto::name(*p))).collect::<Vec<_>>());
        f.set("services", self.services.iter().map(|s| s.word()).collect::<Vec<_>>());
        let countries: BTreeSet<String> = self.order.iter().filter_map(|a| scene.assets.country(*a)).map(|c| c.to_string()).collect();
        f.set("countries", countries.into_iter().collect::<Vec<_>>());
        let networks: BTreeSet<String> = self.order.iter().filter_map(|a| scene.assets.network(*a)).map(|n| n.to_string()).collect();
        if !networks.is_empty() {
            f.set("networks", networks.into_iter().collect::<Vec<_>>());
        }
        f.set("contacts", self.contacts);
        f.set("bytes_out", self.bytes[0]);
        f.set("bytes_in", self.bytes[1]);
        if !self.proxied.is_empty() {
            f.set("proxied", self.proxied.iter().cloned().collect::<Vec<_>>());
        }
        if !self.refused_by.is_empty() {
            f.set("refused_by", self.refused_by.iter().map(Addr::to_string).collect::<Vec<_>>());
        }
        f.set("user_source", "a connection to the internet names no account");
        f
    }
}

/// A proxy's target as a name outside: with a dot, and no name or address of the inside.
pub(super) fn outside_name<'a>(scene: &Scene<'_>, host: &'a str) -> Option<&'a str> {
    let host = match host.rsplit_once(':') {
        Some((h, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !h.contains(':') => h,
        _ => host,
    };
    if let Ok(a) = host.trim_matches(['[', ']']).parse::<Addr>() {
        return scene.site.is_internet(a).then_some(host);
    }
    let inside = ["local", "lan", "internal", "localdomain", "home.arpa", "corp", "intra"];
    let tail = |t: &str| host.strip_suffix(t).is_some_and(|h| h.ends_with('.'));
    (host.contains('.') && !inside.iter().any(|t| tail(t))).then_some(host)
}
