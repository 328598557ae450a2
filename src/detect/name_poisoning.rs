//! `name-poisoning`: a host answers for names that are not its own (LLMNR, NetBIOS, mDNS) so that others log on to it, and passes their logons on (ATT&CK
//! T1557.001). One name is anybody's own; several, one that another host has, or the proxy's are not. A logon that is passed on shows the same challenge twice.

use super::hosts::{is_outsider, is_server};
use super::sessions::admin_service;
use super::signature::{Signature, SignatureError};
use super::{Detector, Finding, Scene, Subject};
use crate::base::{Addr, Outcome, Service, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowInfo, Interest};
use crate::protocols::{Message, dcerpc::Rpc, dns::Dns, http::Auth, nbns::Nbns, ntlmssp::Ntlm, smb::Smb};

/// Detector id.
pub const ID: &str = "name-poisoning";
/// Most names and victims kept of one host.
const KEPT: usize = 64;
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
    flow: FlowInfo,
}

/// One host that answers.
#[derive(Debug, Default)]
struct Host {
    answers: Vec<Answered>,
    /// Another host has one of the names.
    conflict: Option<Addr>,
    /// Who logged on to it after an answer, as whom.
    victims: Vec<(Addr, String, FlowInfo)>,
    /// Logons passed on to: from whom, to whom, over the web alone.
    relayed: Vec<(Addr, Addr, bool)>,
    said: Option<(Severity, usize, usize)>,
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
    owners: BoundedMap<String, Addr>,
    /// Name services that are asked directly: their flows.
    servers: BoundedMap<u64, ()>,
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
        let name = n.name.to_lowercase();
        if n.group || name.is_empty() || name.starts_with('*') || matches!(n.suffix, 0x1b..=0x1e) {
            return None;
        }
        if !n.response {
            match n.opcode {
                // A name service is asked directly; everybody is asked by broadcast.
                0 if !other.is_multicast() && !is_broadcast(other) => {
                    self.servers.insert(flow.uid, ());
                }
                0 => {
                    self.asked.insert(name, ts);
                }
                5 | 8 | 9 => {
                    self.owners.entry(name, || sender);
                }
                _ => {}
            }
            return None;
        }
        let answer = n.opcode == 0 && n.rcode == 0 && n.addrs.contains(&sender) && !self.servers.contains(&flow.uid);
        answer.then(|| self.answered(ts, flow, name, (sender, other), scene))
    }
    fn multicast(&mut self, ts: Timestamp, flow: &FlowInfo, d: &Dns, (sender, other): (Addr, Addr), scene: &Scene<'_>) -> Option<Addr> {
        if !d.response {
            self.asked.insert(label(&d.name), ts);
            return None;
        }
        // In multicast DNS everybody tells his own name unasked, and some tell for others that sleep.
        let mine = d.addrs.iter().filter(|a| a.1 == sender).map(|a| label(&a.0));
        let name = mine.into_iter().find(|n| flow.service == Service::Llmnr || self.is_asked(n, ts))?;
        Some(self.answered(ts, flow, name, (sender, other), scene))
    }
    fn is_asked(&self, name: &str, ts: Timestamp) -> bool {
        self.asked.get(&name.to_owned()).is_some_and(|at| ts.since(*at) <= Span::secs(5))
    }
    fn answered(&mut self, ts: Timestamp, flow: &FlowInfo, name: String, (sender, to): (Addr, Addr), scene: &Scene<'_>) -> Addr {
        let owner = *self.owners.entry(name.clone(), || sender);
        let host = self.hosts.entry(sender, Host::default);
        host.answers.retain(|a| ts.since(a.at) <= self.tuning.window);
        if owner != sender && is_another(scene, owner, sender) {
            host.conflict = Some(owner);
        }
        let known = host.answers.iter().any(|a| a.name == name && a.to == to);
        if !known && host.answers.len() < KEPT {
            host.answers.push(Answered { name, at: ts, to, flow: *flow });
        }
        sender
    }
    fn ntlm(&mut self, ts: Timestamp, flow: &FlowInfo, n: &Ntlm, scene: &Scene<'_>) -> Option<Addr> {
        let t = flow.tuple;
        if let (2, Some(challenge)) = (n.kind, n.challenge) {
            return self.challenged(ts, flow, challenge);
        }
        let host = self.hosts.get_mut(&t.resp).filter(|_| n.kind == 3 && !n.anonymous)?;
        let lured = host.answers.iter().any(|a| a.to == t.orig && ts.since(a.at) <= self.tuning.after);
        if !lured || host.victims.iter().any(|v| v.0 == t.orig) || host.victims.len() >= KEPT {
            return None;
        }
        let user = scene.assets.accounts.of(flow.uid).map(|a| a.user.clone())?;
        host.victims.push((t.orig, user, *flow));
        Some(t.resp)
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
        if from == to || host.relayed.iter().any(|r| r.0 == from && r.1 == to) || host.relayed.len() >= KEPT {
            return None;
        }
        host.relayed.push((from, to, web(old.service) && web(new.service)));
        Some(middle)
    }
}

/// Are these two machines? A computer on cable and on Wi-Fi, or with a new address, has the same names on both; the one that answers here has one that
/// the owner has not.
fn is_another(scene: &Scene<'_>, owner: Addr, sender: Addr) -> bool {
    let (Some(x), Some(y)) = (scene.assets.device_of(owner), scene.assets.device_of(sender)) else { return false };
    let has = |n: &String| x.names.iter().any(|o| o.eq_ignore_ascii_case(n));
    x.id != y.id && !x.names.is_empty() && y.names.iter().any(|n| !has(n))
}

/// The last address of a usual network, or all of them.
fn is_broadcast(a: Addr) -> bool {
    a.is_v4() && a.0 as u8 == 255
}

/// The host's part of a name.
fn label(name: &str) -> String {
    name.split('.').next().unwrap_or(name).to_lowercase()
}

impl Host {
    fn names(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.answers.iter().map(|a| a.name.as_str()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
    fn judge(&self, me: Addr, m: &Tuning, scene: &Scene<'_>) -> Option<(Severity, Vec<&'static str>)> {
        let names = self.names();
        let number = m.names.iter().filter(|n| names.len() >= **n).count() as f64;
        let proxy = names.contains(&PROXY);
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
        if host.said.is_some_and(|s| severity <= s.0 && names <= s.1 && done <= s.2) {
            return;
        }
        let severity = host.said.map_or(severity, |s| s.0.max(severity));
        host.said = Some((severity, names, done));
        out.push(finding(me, host, severity, reasons, scene));
    }
    fn held(&self) -> (usize, u64) {
        let (a, b, c, d, e) = (&self.hosts, &self.asked, &self.owners, &self.servers, &self.challenges);
        (a.len() + b.len() + c.len() + d.len() + e.len(), a.evicted() + b.evicted() + c.evicted() + d.evicted() + e.evicted())
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
    for (from, to, _) in &host.relayed {
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

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::base::proto;

    const BAD: &str = "10.10.10.77";

    fn stage() -> Stage {
        Stage::new(crate::site::Site::default(), build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap())
    }

    fn ask(t: f64, from: &str, name: &str) -> Event {
        let f = FlowInfo { service: Service::Llmnr, ..flow_of(at(t), from, "224.0.0.252", 5355, proto::UDP) };
        message(at(t), f, true, Message::Dns(Box::new(Dns { name: name.into(), qtype: 1, ..Dns::default() })))
    }

    fn answer(t: f64, from: &str, to: &str, name: &str, addr: &str) -> Vec<Event> {
        let f = FlowInfo { service: Service::Llmnr, ..flow_of(at(t + 0.01), to, from, 5355, proto::UDP) };
        let d = Dns { response: true, name: name.into(), addrs: vec![(name.into(), a(addr))], ..Dns::default() };
        vec![ask(t, to, name), message(at(t + 0.01), f, false, Message::Dns(Box::new(d)))]
    }

    fn logon(t: f64, from: &str, to: &str, challenge: u8, status: u32) -> Vec<Event> {
        let f = flow(at(t), from, to, 445);
        let smb = |ms, m| message(at(t) + Span::millis(ms), f, false, Message::Smb(Box::new(m)));
        let two = Ntlm { kind: 2, challenge: Some([challenge; 8]), server_name: Some("X".into()), ..Ntlm::default() };
        let three = Ntlm { kind: 3, user: Some("nurse3".into()), domain: Some("HOSP".into()), ..Ntlm::default() };
        let end = Smb::Session { status, session: 1, guest: false, encrypted: false, kerberos: false };
        vec![smb(1, Smb::Ntlm(two)), smb(2, Smb::Ntlm(three)), smb(3, end)]
    }

    #[test]
    fn who_answers_for_all_names_and_is_logged_on_to_is_high() {
        let mut s = stage();
        let names = ["filesrv", "printsrv", "intranet", "emr"];
        let all = names.iter().enumerate().flat_map(|(i, n)| answer(i as f64 * 10.0, BAD, "10.10.10.12", n, BAD));
        s.play(all.clone().collect());
        assert_eq!((s.worst(), s.findings()[0].count), (Some(Severity::Medium), 4));
        let mut s = stage();
        s.play(all.chain(logon(35.0, "10.10.10.12", BAD, 9, 0xc000_0022)).collect());
        let f = s.findings()[0].clone();
        assert_eq!((f.severity, f.outcome, f.user.as_deref()), (Severity::High, Outcome::Succeeded, Some("HOSP\\nurse3")));
    }

    #[test]
    fn the_proxys_name_alone_is_medium() {
        let mut s = stage();
        s.play(answer(0.0, BAD, "10.10.10.12", "wpad", BAD));
        assert_eq!(s.worst(), Some(Severity::Medium));
    }

    #[test]
    fn one_s_own_name_an_alias_and_answers_for_others_are_silent() {
        let mut s = stage();
        let own = (0..20).flat_map(|i| {
            answer(f64::from(i) * 10.0, "10.10.20.10", &format!("10.10.10.{}", 11 + i), if i % 2 == 0 { "files" } else { "files-old" }, "10.10.20.10")
        });
        let logons = (0..20).flat_map(|i| logon(f64::from(i) * 10.0 + 1.0, &format!("10.10.10.{}", 11 + i), "10.10.20.10", 50 + i as u8, 0));
        // A proxy for those that sleep tells their addresses, not its own.
        let asleep =
            (0..9).flat_map(|i| answer(300.0 + f64::from(i), "10.10.20.50", "10.10.10.12", &format!("pc{i}"), &format!("10.10.10.{}", 60 + i)));
        s.play(own.chain(logons).chain(asleep).collect());
        assert!(s.said.is_empty(), "{:?}", s.said);
    }

    #[test]
    fn a_computer_with_a_new_address_keeps_its_name_and_its_visitors() {
        let mut s = stage();
        let all = [
            vec![arp(at(0.0), 2, "10.10.10.30", "10.10.10.30"), arp(at(0.0), 2, "10.10.10.31", "10.10.10.31")],
            answer(1.0, "10.10.10.30", "10.10.10.12", "pc30", "10.10.10.30"),
            answer(60.0, "10.10.10.31", "10.10.10.12", "pc30", "10.10.10.31"),
            logon(61.0, "10.10.10.12", "10.10.10.31", 9, 0xc000_006d),
        ];
        s.play(all.concat());
        assert!(s.said.is_empty(), "{:?}", s.said);
    }

    #[test]
    fn a_logon_that_is_passed_on_shows_its_challenge_twice() {
        let mut s = stage();
        // First the middle asks the target, then it asks the victim the same.
        s.play([logon(5.0, BAD, "10.10.20.10", 7, 0), logon(5.2, "10.10.10.12", BAD, 7, 0xc000_0022)].concat());
        let f = s.findings()[0].clone();
        assert_eq!((f.severity, f.orig.addr, &f.evidence["relayed_to"][0]), (Severity::High, Some(a(BAD)), &serde_json::json!("10.10.20.10")));
        // Two that have nothing to do with each other, and a server that always asks the same.
        let mut s = stage();
        s.play([logon(5.0, "10.10.10.11", "10.10.20.10", 7, 0), logon(5.2, "10.10.10.12", "10.10.20.10", 7, 0)].concat());
        assert!(s.said.is_empty(), "{:?}", s.said);
    }
}
