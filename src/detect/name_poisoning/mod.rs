//! `name-poisoning`: a host answers for names that are not its own (LLMNR, NetBIOS, mDNS) so that others log on to it, and passes their logons on (ATT&CK
//! T1557.001). One name is anybody's own; several, one that another host has, or the proxy's are not. A logon that is passed on shows the same challenge twice.

#[cfg(test)]
mod tests;

use super::hosts::{is_outsider, is_server};
use super::sessions::admin_service;
use super::signature::{Signature, SignatureError};
use super::{Detector, Finding, Scene, Subject};
use crate::assets::DeviceId;
use crate::base::{Addr, Outcome, Service, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowInfo, Interest};
use crate::protocols::field::cut;
use crate::protocols::{Message, dcerpc::Rpc, dns::Dns, http::Auth, nbns::Nbns, ntlmssp::Ntlm, smb::Smb};
use std::collections::{BTreeMap, BTreeSet};

/// Detector id.
pub const ID: &str = "name-poisoning";
/// Most names and victims kept of one host.
const KEPT: usize = 64;
/// Characters kept of a name.
const NAME: usize = 128;
/// How long a name's owner is believed, and a dispute about it: addresses are given anew.
const OWNED: Span = Span::hours(4);
/// After so long the same is told again.
const AGAIN: Span = Span::hours(24);
/// A name under which browsers look for a proxy.
const PROXY: &str = "wpad";

/// The numbers of `signatures/name-poisoning.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// Different names that one host answers for: one point, two, three.
    names: [usize; 3],
    medium: f64,
    high: f64,
    /// A logon this long after the answer is its consequence.
    after: Span,
    /// A challenge seen again this soon was passed on.
    relay: Span,
    window: Span,
}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        let [few, some, many, medium, high] = s.require_all(["names", "names_some", "names_many", "medium", "high"])?;
        let [after, relay, window] = s.require_all(["after", "relay", "window"])?.map(|n| Span::secs(n as u64));
        Ok(Tuning { names: [few, some, many].map(|n| n as usize), medium, high, after, relay, window })
    }
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(NamePoisoning::new(Tuning::from_signature(s)?)))
}

/// One name that was answered for.
#[derive(Clone, Debug)]
struct Answered {
    name: String,
    at: Timestamp,
    to: Addr,
    /// The address that was given for it: the answerer's own, or where it wants the victim to go.
    given: Addr,
    flow: FlowInfo,
}

/// Who has a name: the address, the device behind it if it is known, and when it last said so.
#[derive(Clone, Copy, Debug)]
struct Owner {
    addr: Addr,
    device: Option<DeviceId>,
    at: Timestamp,
}

/// One host that answers.
#[derive(Debug, Default)]
struct Host {
    answers: Vec<Answered>,
    /// Another host has one of the names.
    conflict: Option<Timestamp>,
    /// Who logged on to it after an answer, as whom.
    victims: Vec<(Addr, String, FlowInfo)>,
    /// Logons passed on to: from whom, to whom, over the web alone, when.
    relayed: Vec<(Addr, Addr, bool, Timestamp)>,
    said: Option<(Severity, usize, usize, Timestamp)>,
}

/// A challenge as it was first seen.
#[derive(Clone, Copy, Debug)]
struct Challenge {
    uid: u64,
    orig: Addr,
    service: Service,
    resp: Addr,
    at: Timestamp,
}

/// State.
#[derive(Debug)]
pub struct NamePoisoning {
    tuning: Tuning,
    hosts: BoundedMap<Addr, Host>,
    /// Names that were asked for by multicast, and by whom.
    asked: BoundedMap<String, Timestamp>,
    /// Who has a name by its own registration, or by the first answer.
    owners: BoundedMap<String, Owner>,
    /// Hosts that were asked directly, as name services are: the flow, and who was asked.
    servers: BoundedMap<(u64, Addr), ()>,
    /// Where answers sent hosts: who answered whoever was sent to this address.
    lures: BoundedMap<(Addr, Addr), Addr>,
    challenges: BoundedMap<[u8; 8], Challenge>,
}

impl NamePoisoning {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> NamePoisoning {
        NamePoisoning {
            tuning,
            hosts: BoundedMap::new(4_096),
            asked: BoundedMap::new(8_192),
            owners: BoundedMap::new(16_384),
            servers: BoundedMap::new(4_096),
            lures: BoundedMap::new(8_192),
            challenges: BoundedMap::new(8_192),
        }
    }
    /// The host that this event is about, if it showed something.
    fn admit(&mut self, event: &Event, scene: &Scene<'_>) -> Option<Addr> {
        let EventKind::Message { flow, from_orig, message } = &event.kind else { return None };
        let (sender, other) = if *from_orig { (flow.tuple.orig, flow.tuple.resp) } else { (flow.tuple.resp, flow.tuple.orig) };
        match message {
            Message::Nbns(n) => self.netbios(event.ts, flow, n, (sender, other), scene),
            Message::Dns(d) if matches!(flow.service, Service::Llmnr | Service::Mdns) => self.multicast(event.ts, flow, d, (sender, other), scene),
            Message::Smb(m) => match m.as_ref() {
                Smb::Ntlm(n) => self.ntlm(event.ts, flow, n, scene),
                _ => None,
            },
            Message::HttpAuth(m) => match m.as_ref() {
                Auth::Ntlm(n) => self.ntlm(event.ts, flow, n, scene),
                _ => None,
            },
            Message::Rpc(m) => match m.as_ref() {
                Rpc::Ntlm(n) => self.ntlm(event.ts, flow, n, scene),
                _ => None,
            },
            _ => None,
        }
    }
    fn netbios(&mut self, ts: Timestamp, flow: &FlowInfo, n: &Nbns, (sender, other): (Addr, Addr), scene: &Scene<'_>) -> Option<Addr> {
        let name = cut(&n.name.to_lowercase(), NAME);
        if n.group || name.is_empty() || name.starts_with('*') || matches!(n.suffix, 0x1b..=0x1e) {
            return None;
        }
        if !n.response {
            match n.opcode {
                // A name service is asked directly; everybody is asked by broadcast.
                0 if !other.is_multicast() && !is_broadcast(other) => {
                    self.servers.insert((flow.uid, other), ());
                }
                0 => {
                    self.asked.insert(name, ts);
                }
                5 | 8 | 9 => {
                    self.own(name, sender, ts, scene);
                }
                _ => {}
            }
            return None;
        }
        if n.opcode != 0 || n.rcode != 0 || self.servers.contains(&(flow.uid, sender)) {
            return None;
        }
        let given = n.addrs.iter().find(|a| **a == sender).or_else(|| n.addrs.first()).copied()?;
        self.answered(ts, flow, name, (sender, other, given), scene)
    }
    fn multicast(&mut self, ts: Timestamp, flow: &FlowInfo, d: &Dns, (sender, other): (Addr, Addr), scene: &Scene<'_>) -> Option<Addr> {
        if !d.response {
            self.asked.insert(label(&d.name), ts);
            return None;
        }
        // In multicast DNS everybody tells his own name unasked, and some tell for others that sleep.
        let llmnr = flow.service == Service::Llmnr;
        let own = d.addrs.iter().find(|a| a.1 == sender && (llmnr || self.is_asked(&label(&a.0), ts)));
        let (name, given) = own.or_else(|| d.addrs.first().filter(|_| llmnr)).map(|a| (label(&a.0), a.1))?;
        self.answered(ts, flow, name, (sender, other, given), scene)
    }
    fn is_asked(&self, name: &str, ts: Timestamp) -> bool {
        self.asked.get(&name.to_owned()).is_some_and(|at| ts.since(*at) <= Span::secs(5))
    }
    fn answered(&mut self, ts: Timestamp, flow: &FlowInfo, name: String, who: (Addr, Addr, Addr), scene: &Scene<'_>) -> Option<Addr> {
        let (sender, to, given) = who;
        if is_same(scene, sender, given) {
            self.own(name.clone(), sender, ts, scene);
        }
        // Whoever tells a name's true address poisons nobody: a computer with two cards, a reflector.
        let owner = self.owners.get(&name).copied().filter(|o| ts.since(o.at) <= OWNED);
        if given != sender && owner.is_some_and(|o| is_same(scene, o.addr, given)) {
            return None;
        }
        let foreign = owner.is_some_and(|o| is_another(scene, o, sender));
        let host = self.hosts.entry(sender, Host::default);
        host.forget(ts, self.tuning.window);
        host.conflict = if foreign { Some(ts) } else { host.conflict };
        let known = host.answers.iter().any(|a| a.name == name && a.to == to);
        if !known && host.answers.len() < KEPT {
            host.answers.push(Answered { name, at: ts, to, given, flow: *flow });
        }
        self.lures.insert((to, given), sender);
        Some(sender)
    }
    /// Somebody says that a name is his: the first is believed for some hours after he last said so.
    fn own(&mut self, name: String, addr: Addr, at: Timestamp, scene: &Scene<'_>) {
        let new = Owner { addr, device: scene.assets.device_of(addr).map(|d| d.id), at };
        let owner = self.owners.entry(name, || new);
        let same = owner.device == new.device && (owner.device.is_some() || owner.addr == addr);
        if same || at.since(owner.at) > OWNED {
            *owner = new;
        }
    }
    fn ntlm(&mut self, ts: Timestamp, flow: &FlowInfo, n: &Ntlm, scene: &Scene<'_>) -> Option<Addr> {
        let t = flow.tuple;
        if let (2, Some(challenge)) = (n.kind, n.challenge) {
            return self.challenged(ts, flow, challenge);
        }
        let liar = *self.lures.get(&(t.orig, t.resp)).filter(|_| n.kind == 3 && !n.anonymous)?;
        let host = self.hosts.get_mut(&liar)?;
        host.forget(ts, self.tuning.window);
        let lured = host.answers.iter().any(|a| a.to == t.orig && a.given == t.resp && ts.since(a.at) <= self.tuning.after);
        if !lured || host.victims.iter().any(|v| v.0 == t.orig) || host.victims.len() >= KEPT {
            return None;
        }
        let user = scene.assets.accounts.of(flow.uid).map(|a| a.user.clone())?;
        host.victims.push((t.orig, user, *flow));
        Some(liar)
    }
    /// The same eight bytes to two hosts: who stands between them passes logons on.
    fn challenged(&mut self, ts: Timestamp, flow: &FlowInfo, challenge: [u8; 8]) -> Option<Addr> {
        let t = flow.tuple;
        let new = Challenge { uid: flow.uid, orig: t.orig, resp: t.resp, service: admin_service(flow), at: ts };
        let old = *self.challenges.entry(challenge, || new);
        if old.uid == flow.uid || ts.since(old.at) > self.tuning.relay {
            self.challenges.insert(challenge, new);
            return None;
        }
        // What it asked of one host it asks of another.
        let (middle, from, to) = match () {
            () if t.resp == old.orig => (t.resp, t.orig, old.resp),
            () if t.orig == old.resp => (t.orig, old.orig, t.resp),
            () => return None,
        };
        let web = |s| matches!(s, Service::Http | Service::Tls | Service::Unknown);
        let host = self.hosts.entry(middle, Host::default);
        host.forget(ts, self.tuning.window);
        if from == to || host.relayed.iter().any(|r| r.0 == from && r.1 == to) || host.relayed.len() >= KEPT {
            return None;
        }
        host.relayed.push((from, to, web(old.service) && web(new.service), ts));
        Some(middle)
    }
}

/// Are these two machines? A computer on cable and on Wi-Fi, or with a new address, has the same names on both; the one that answers here has one that
/// the owner has not. The owner is the device that it was, whoever has its address now.
fn is_another(scene: &Scene<'_>, owner: Owner, sender: Addr) -> bool {
    let (Some(x), Some(y)) = (scene.assets.device_of(owner.addr), scene.assets.device_of(sender)) else { return false };
    let has = |n: &String| x.names.iter().any(|o| o.eq_ignore_ascii_case(n));
    owner.device == Some(x.id) && x.id != y.id && !x.names.is_empty() && y.names.iter().any(|n| !has(n))
}

/// One address, or two of one device.
fn is_same(scene: &Scene<'_>, x: Addr, y: Addr) -> bool {
    let id = |a: Addr| scene.assets.device_of(a).map(|d| d.id);
    x == y || id(x).is_some() && id(x) == id(y)
}

/// The last address of a usual network, or all of them.
fn is_broadcast(a: Addr) -> bool {
    a.is_v4() && a.0 as u8 == 255
}

/// The host's part of a name.
fn label(name: &str) -> String {
    cut(&name.split('.').next().unwrap_or(name).to_lowercase(), NAME)
}

impl Host {
    /// What is long ago is no part of the story: answers of another hour, disputes and deeds of another day.
    fn forget(&mut self, now: Timestamp, window: Span) {
        self.answers.retain(|a| now.since(a.at) <= window);
        self.conflict = self.conflict.filter(|at| now.since(*at) <= OWNED);
        self.victims.retain(|v| now.since(v.2.first_ts) <= AGAIN);
        self.relayed.retain(|r| now.since(r.3) <= AGAIN);
    }
    /// The names that lead to one address, where they are most: who answers for others truly sends everybody elsewhere.
    fn names(&self) -> Vec<&str> {
        let mut all: BTreeMap<Addr, BTreeSet<&str>> = BTreeMap::new();
        for a in &self.answers {
            all.entry(a.given).or_default().insert(&a.name);
        }
        all.into_values().max_by_key(BTreeSet::len).unwrap_or_default().into_iter().collect()
    }
    fn judge(&self, me: Addr, m: &Tuning, scene: &Scene<'_>) -> Option<(Severity, Vec<&'static str>)> {
        let names = self.names();
        let number = m.names.iter().filter(|n| names.len() >= **n).count() as f64;
        let proxy = self.answers.iter().any(|a| a.name == PROXY);
        let foreign = self.conflict.is_some() && !names.is_empty();
        let web = self.relayed.iter().all(|r| r.2);
        let lured = !self.victims.is_empty() && (number >= 2.0 || proxy || foreign);
        let passed = !self.relayed.is_empty();
        let signs = [
            ("it answers for many names", number, number > 0.0),
            ("it answers for the proxy's name", 2.0, proxy),
            ("another host has this name", 1.0, foreign),
            ("who was answered logged on to it", 2.0, lured),
            ("a logon was passed on to another host", if web { 1.0 } else { 4.0 }, passed),
            ("a host that is not of the house", 1.0, is_outsider(scene, me) && (number >= 2.0 || proxy || foreign)),
            ("others have files there", -1.0, is_server(scene, me, Service::Smb)),
        ];
        let hit = signs.iter().filter(|s| s.2);
        let score: f64 = hit.clone().map(|s| s.1).sum();
        let severity = match score {
            x if x >= m.high => Severity::High,
            x if x >= m.medium => Severity::Medium,
            x if x >= 1.0 && (number >= 1.0 || passed) => Severity::Low,
            _ => return None,
        };
        Some((severity, hit.map(|s| s.0).collect()))
    }
}

impl Detector for NamePoisoning {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::NAME | Interest::ADMIN | Interest::RPC | Interest::OTHER
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some(me) = self.admit(event, scene) else { return };
        let tuning = self.tuning;
        let Some(host) = self.hosts.get_mut(&me) else { return };
        let Some((severity, reasons)) = host.judge(me, &tuning, scene) else { return };
        let (names, done) = (host.names().len(), host.victims.len() + host.relayed.len());
        let said = host.said.filter(|s| event.ts.since(s.3) <= AGAIN);
        if said.is_some_and(|s| severity <= s.0 && names <= s.1 && done <= s.2) {
            return;
        }
        let severity = said.map_or(severity, |s| s.0.max(severity));
        host.said = Some((severity, names, done, event.ts));
        out.push(finding(me, host, severity, reasons, scene));
    }
    fn held(&self) -> (usize, u64) {
        let (a, b, c, d, e, f) = (&self.hosts, &self.asked, &self.owners, &self.servers, &self.challenges, &self.lures);
        let held = [a.len(), b.len(), c.len(), d.len(), e.len(), f.len()].iter().sum();
        (held, a.evicted() + b.evicted() + c.evicted() + d.evicted() + e.evicted() + f.evicted())
    }
}

fn finding(me: Addr, host: &Host, severity: Severity, reasons: Vec<&'static str>, scene: &Scene<'_>) -> Finding {
    let mut f = Finding::new(ID, me.to_string(), scene.now, severity, Subject::addr(me));
    f.first_ts = host.answers.iter().map(|a| a.at).min().unwrap_or(scene.now);
    f.service = host.answers.last().map_or(Service::Smb, |a| a.flow.service);
    let names = host.names();
    f.count = names.len() as u64;
    f.outcome = if host.victims.is_empty() && host.relayed.is_empty() { Outcome::Attempted } else { Outcome::Succeeded };
    for (victim, _, flow) in &host.victims {
        f.add_resp(*victim);
        f.add_flow(flow);
    }
    for (from, to, ..) in &host.relayed {
        f.add_resp(*from);
        f.add_resp(*to);
    }
    for a in &host.answers {
        if !a.to.is_multicast() {
            f.add_resp(a.to);
        }
        f.add_flow(&a.flow);
    }
    f.user = host.victims.last().map(|v| v.1.clone());
    f.set("user_source", if f.user.is_some() { "ntlm" } else { "none: nobody logged on yet" });
    f.set("names", names.into_iter().take(16).collect::<Vec<_>>());
    f.set("victims", host.victims.iter().map(|v| v.1.clone()).collect::<Vec<_>>());
    f.set("relayed_to", host.relayed.iter().map(|r| r.1.to_string()).collect::<Vec<_>>());
    f.set("reasons", reasons);
    f
}
