//! `dcsync`: somebody who is no domain controller asks one for the passwords of the domain as controllers do among themselves, or makes himself
//! one (DCSync, DCShadow; ATT&CK T1003.006, T1207). Judged by the operation: every logon binds to the same interface and cracks names there.

use super::hosts::{is_administrator, is_domain_controller};
use super::pair::account;
use super::signature::{Signature, SignatureError};
use super::{Detector, Finding, Scene, Subject};
use crate::base::{Addr, Outcome, Service, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowInfo, Interest};
use crate::protocols::Message;
use crate::protocols::dcerpc::{self, Call, Rpc};
use crate::site::Role;

/// Detector id.
pub const ID: &str = "dcsync";

/// The numbers of `signatures/dcsync.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// How long a host that asks may take to show itself as a controller before it is spoken of.
    settle: Span,
    /// Bytes of a sealed answer from which on it holds objects and is no error.
    data: u32,
    /// Replication that went on for so long is a habit.
    habit: Span,
    /// What was said is said again when it happens after so long.
    again: Span,
}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        let [settle, data, habit, again] = s.require_all(["settle", "data", "habit", "again"])?;
        let [settle, habit, again] = [settle, habit, again].map(|n| Span::secs(n as u64));
        Ok(Tuning { settle, data: data as u32, habit, again })
    }
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(DcSync::new(Tuning::from_signature(s)?)))
}

/// Operations of drsuapi ([MS-DRSR] 4.1).
const REPLICA_SYNC: u16 = 2;
const GET_CHANGES: u16 = 3;
const REPLICA_ADD: u16 = 5;
const ADD_ENTRY: u16 = 17;

/// Pairs remembered: controllers are few, and nobody else asks.
const PAIRS: usize = 4096;

/// What one host asked of a controller.
#[derive(Clone, Debug)]
struct Asked {
    flow: FlowInfo,
    first_ts: Timestamp,
    last_ts: Timestamp,
    packets: Vec<u64>,
    /// Requests for changes, entries added.
    changes: u32,
    shadow: u32,
    outcome: Outcome,
    sent: u64,
    received: u64,
    /// What was said of it, and when.
    said: Option<(Severity, Outcome, Timestamp)>,
    /// It asked since it was last judged, or could not be judged yet.
    open: bool,
}

/// State.
#[derive(Debug)]
pub struct DcSync {
    tuning: Tuning,
    asked: BoundedMap<(Addr, Addr), Asked>,
    /// Hosts that showed themselves as controllers: another told them of news, or a controller asked them.
    replicas: BoundedMap<Addr, ()>,
}

impl DcSync {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> DcSync {
        DcSync { tuning, asked: BoundedMap::new(PAIRS), replicas: BoundedMap::new(PAIRS) }
    }
    fn is_controller(&self, a: Addr, scene: &Scene<'_>) -> bool {
        is_domain_controller(scene, a) || self.replicas.contains(&a)
    }
    fn call(&mut self, event: &Event, flow: &FlowInfo, c: &Call, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let (orig, resp) = (flow.tuple.orig, flow.tuple.resp);
        match c.op {
            // Who is told by another that there is news is on that one's list of partners. Who tells may be anybody with rights.
            REPLICA_SYNC => {
                self.replicas.insert(resp, ());
            }
            GET_CHANGES | REPLICA_ADD | ADD_ENTRY if !self.is_controller(orig, scene) => {
                self.note(event, flow, c);
                self.speak((orig, resp), scene, false, out);
            }
            // A controller asks: then the other is one, unless it became one a moment ago by an entry of its own.
            GET_CHANGES if self.asked.get(&(resp, orig)).is_none_or(|a| a.shadow == 0) => {
                self.replicas.insert(resp, ());
            }
            _ => {}
        }
    }
    fn note(&mut self, event: &Event, flow: &FlowInfo, c: &Call) {
        let (outcome, again) = (self.outcome(c), self.tuning.again);
        let a = self.asked.entry((flow.tuple.orig, flow.tuple.resp), || Asked {
            flow: *flow,
            first_ts: event.ts,
            last_ts: event.ts,
            packets: Vec::new(),
            changes: 0,
            shadow: 0,
            outcome,
            sent: 0,
            received: 0,
            said: None,
            open: true,
        });
        (a.flow, a.last_ts, a.open) = (*flow, event.ts, true);
        if a.said.is_some_and(|s| event.ts.since(s.2) > again) {
            a.said = None;
        }
        a.outcome = a.outcome.max(outcome);
        if c.op == GET_CHANGES {
            a.changes += 1;
        } else {
            a.shadow += 1;
        }
        a.sent += u64::from(c.sent);
        a.received += u64::from(c.received);
        if a.packets.len() < Finding::MAX_PROOF {
            a.packets.push(event.packet);
        }
    }
    /// The interface is always sealed: of an answer only its size says whether it holds objects.
    fn outcome(&self, c: &Call) -> Outcome {
        match c.outcome {
            dcerpc::Outcome::Returned(Some(0)) => Outcome::Succeeded,
            dcerpc::Outcome::Returned(None) if c.op != GET_CHANGES || c.received >= self.tuning.data => Outcome::Succeeded,
            dcerpc::Outcome::Returned(None) => Outcome::Answered,
            dcerpc::Outcome::Returned(Some(_)) | dcerpc::Outcome::Fault(_) => Outcome::Refused,
            dcerpc::Outcome::Unanswered => Outcome::Attempted,
        }
    }
    /// How bad it is, once it may be said: an account of a person is no controller's; who shows none gets the time to show itself.
    fn judge(&self, a: &Asked, scene: &Scene<'_>, at_end: bool) -> Option<(Severity, Vec<&'static str>)> {
        let orig = a.flow.tuple.orig;
        let account = scene.assets.accounts.of(a.flow.uid);
        let person = account.is_some_and(|x| !x.name.ends_with('$'));
        let connector = account.is_none_or(|x| is_connector(&x.name));
        if self.is_controller(orig, scene) || !(person || at_end || scene.now.since(a.first_ts) >= self.tuning.settle) {
            return None;
        }
        let mut reasons = vec!["it is seen to answer neither Kerberos nor LDAP and takes no part in replication"];
        if person {
            reasons.push("a person's account");
        }
        if a.shadow > 0 {
            reasons.push("it entered a domain controller of its own");
        }
        let declared = is_declared(scene, orig);
        let listed = declared || scene.site.may_administer(orig) || is_administrator(scene.assets.role(orig));
        let severity = match a.outcome {
            // A connector that copies the directory to the cloud does this for a living. A person on such a host is another matter: it may be taken.
            _ if declared && connector || !declared && listed && (!person || a.last_ts.since(a.first_ts) >= self.tuning.habit) => Severity::Low,
            _ if listed && !declared && !at_end && scene.now.since(a.first_ts) < self.tuning.habit => return None,
            _ if listed => Severity::Medium,
            Outcome::Succeeded => Severity::High,
            Outcome::Answered | Outcome::Attempted | Outcome::Refused | Outcome::Failed => Severity::Medium,
        };
        if listed {
            reasons.push("listed as a server or administrator");
        }
        Some((severity, reasons))
    }
    /// All that could not be judged when it happened.
    fn speak_all(&mut self, scene: &Scene<'_>, at_end: bool, out: &mut Vec<Finding>) {
        let mut all: Vec<(Addr, Addr)> = self.asked.iter().filter(|a| a.1.open).map(|a| *a.0).collect();
        all.sort_unstable();
        for key in all {
            self.speak(key, scene, at_end, out);
        }
    }
    fn speak(&mut self, key: (Addr, Addr), scene: &Scene<'_>, at_end: bool, out: &mut Vec<Finding>) {
        if self.is_controller(key.0, scene) {
            self.asked.remove(&key);
            return;
        }
        let Some(a) = self.asked.get(&key) else { return };
        let Some((severity, reasons)) = self.judge(a, scene, at_end) else { return };
        let said = a.said;
        let worse = said.is_none_or(|s| severity > s.0 || severity == s.0 && a.outcome > s.1);
        let now = if worse { Some((severity, a.outcome, scene.now)) } else { said };
        if worse {
            out.push(self.finding(a, severity, reasons, scene));
        }
        if let Some(a) = self.asked.get_mut(&key) {
            (a.said, a.open) = (now, false);
        }
    }
    fn finding(&self, a: &Asked, severity: Severity, reasons: Vec<&'static str>, scene: &Scene<'_>) -> Finding {
        let (orig, resp) = (a.flow.tuple.orig, a.flow.tuple.resp);
        let (user, source) = account(scene, [a.flow.uid]);
        let mut f = Finding::new(ID, format!("{orig}>{resp}"), scene.now, severity, Subject::addr(orig));
        (f.first_ts, f.last_ts, f.outcome, f.service, f.count) = (a.first_ts, a.last_ts, a.outcome, Service::Rpc, 1);
        f.add_resp(resp);
        f.add_flow(&a.flow);
        a.packets.iter().for_each(|p| f.add_packet(*p));
        f.user = user;
        f.set("user_source", source);
        f.set("techniques", if a.shadow > 0 { vec!["T1003.006", "T1207"] } else { vec!["T1003.006"] });
        f.set("requests_for_changes", a.changes);
        f.set("entries_added", a.shadow);
        f.set("bytes_sent", a.sent);
        f.set("bytes_received", a.received);
        f.set("reasons", reasons);
        f.set("hops", vec![super::hop(a.first_ts, orig, resp, Service::Rpc, f.user.as_deref(), a.outcome)]);
        f
    }
}

/// The account of a computer, or of Microsoft's connector to its cloud, which makes them with these beginnings (MSOL_0a1b2c3d4e5f).
fn is_connector(name: &str) -> bool {
    let name = name.to_lowercase();
    name.ends_with('$') || ["msol_", "aad_", "sync_"].iter().any(|p| name.starts_with(p))
}

/// The ledger says that it serves or administers, and nobody works at it.
fn is_declared(scene: &Scene<'_>, a: Addr) -> bool {
    let mac = scene.assets.device_of(a).and_then(|d| d.mac);
    matches!(scene.site.role(mac, a), Some(Role::Infrastructure | Role::Management | Role::Server))
}

impl Detector for DcSync {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::RPC
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let EventKind::Message { flow, message: Message::Rpc(r), .. } = &event.kind else { return };
        if let Rpc::Call(c) = r.as_ref()
            && c.interface.name == "drsuapi"
        {
            self.call(event, flow, c, scene, out);
        }
    }
    fn tick(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        self.speak_all(scene, false, out);
    }
    fn end(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        self.speak_all(scene, true, out);
    }
    fn held(&self) -> (usize, u64) {
        (self.asked.len() + self.replicas.len(), self.asked.evicted() + self.replicas.evicted())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::event::Shape;
    use crate::protocols::dcerpc::{Auth, Interface};
    use crate::protocols::ntlmssp::Ntlm;

    const PC: &str = "10.10.10.12";
    const DC: &str = "10.10.20.20";
    const DC2: &str = "10.10.20.10";

    fn stage(site: crate::site::Site) -> Stage {
        Stage::new(site, build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap())
    }
    fn rpc(secs: f64, orig: &str, resp: &str, r: Rpc) -> Event {
        let f = FlowInfo { service: Service::Rpc, recognised: true, ..flow(at(0.0), orig, resp, 49_674) };
        message(at(secs), f, false, Message::Rpc(Box::new(r)))
    }
    fn call(secs: f64, orig: &str, resp: &str, op: u16, outcome: dcerpc::Outcome, received: u32) -> Event {
        let c = Call {
            pipe: None,
            interface: Interface::named("drsuapi").unwrap(),
            op,
            auth: Auth { kind: 9, level: 6 },
            sealed: true,
            outcome,
            sent: 336,
            received,
            nth: 1,
            target: String::new(),
            value: String::new(),
        };
        rpc(secs, orig, resp, Rpc::Call(c))
    }
    fn sealed(secs: f64, orig: &str, resp: &str, op: u16, received: u32) -> Event {
        call(secs, orig, resp, op, dcerpc::Outcome::Returned(None), received)
    }
    fn logon(secs: f64, orig: &str, resp: &str, user: &str) -> Event {
        rpc(secs, orig, resp, Rpc::Ntlm(Ntlm { kind: 3, user: Some(user.into()), domain: Some("HILL".into()), ..Ntlm::default() }))
    }
    fn answers(a: &str) -> Vec<Event> {
        [88, 389].iter().map(|p| contact(at(0.0), flow(at(0.0), "10.10.10.15", a, *p), crate::base::Outcome::Answered, Shape::Syn)).collect()
    }

    #[test]
    fn a_terminal_that_gets_changes_is_high_at_once_with_a_persons_account() {
        let mut s = stage(hospital());
        s.play(vec![logon(0.9, PC, DC, "adm-kondo"), sealed(1.0, PC, DC, 12, 176), sealed(1.1, PC, DC, 3, 4752)]);
        let f = s.findings();
        assert_eq!((f.len(), f[0].severity, f[0].outcome), (1, Severity::High, Outcome::Succeeded));
        assert_eq!((f[0].user.as_deref(), f[0].ts), (Some("HILL\\adm-kondo"), at(1.1)));
    }

    #[test]
    fn without_an_account_it_is_said_when_nothing_showed_a_controller() {
        let mut s = stage(crate::site::Site::default());
        s.play(vec![sealed(1.0, "10.0.0.5", "10.0.0.9", 3, 2448)]);
        assert!(s.said.is_empty());
        s.end();
        assert_eq!(s.worst(), Some(Severity::High));
        let mut s = stage(crate::site::Site::default());
        s.play(vec![sealed(1.0, "10.0.0.5", "10.0.0.9", 3, 2448), sealed(200.0, "10.0.0.7", "10.0.0.9", 12, 100)]);
        assert_eq!(s.worst(), Some(Severity::High), "while the run goes on");
    }

    #[test]
    fn what_was_refused_or_answered_by_little_is_medium() {
        for (outcome, received, want) in [
            (dcerpc::Outcome::Fault(5), 0, Outcome::Refused),
            (dcerpc::Outcome::Returned(None), 96, Outcome::Answered),
            (dcerpc::Outcome::Unanswered, 0, Outcome::Attempted),
        ] {
            let mut s = stage(hospital());
            s.play(vec![logon(0.9, PC, DC, "x"), call(1.0, PC, DC, 3, outcome, received)]);
            assert_eq!((s.worst(), s.findings()[0].outcome), (Some(Severity::Medium), want));
        }
    }

    #[test]
    fn every_logon_and_real_replication_are_silent() {
        let mut s = stage(hospital());
        let mut ev = vec![sealed(1.0, PC, DC, 0, 60), sealed(1.1, PC, DC, 12, 176), sealed(1.2, PC, DC, 16, 300), sealed(1.3, PC, DC, 13, 40)];
        ev.extend(answers(DC));
        ev.extend(answers(DC2));
        ev.push(sealed(2.0, DC2, DC, 3, 90_000));
        s.play(ev).end();
        assert!(s.said.is_empty());
        // The capture begins in the middle: one tells the other of news, which then asks; or they ask each other.
        let mut s = stage(crate::site::Site::default());
        s.play(vec![sealed(1.0, DC, DC2, 2, 16), sealed(1.1, DC2, DC, 3, 1376), sealed(2.0, DC2, DC, 2, 16)]).end();
        assert!(s.said.is_empty(), "{:?}", s.said);
    }

    #[test]
    fn a_controller_of_its_own_is_a_shadow() {
        let mut s = stage(hospital());
        let mut ev = answers(DC);
        ev.extend([logon(0.5, PC, DC, "adm-kondo"), sealed(1.0, PC, DC, 17, 60), sealed(1.2, DC, PC, 3, 900), sealed(1.5, PC, DC, 5, 16)]);
        s.play(ev);
        let f = s.findings();
        assert_eq!((f[0].severity, f[0].evidence["techniques"].clone()), (Severity::High, serde_json::json!(["T1003.006", "T1207"])));
    }

    #[test]
    fn a_connector_of_infrastructure_is_low() {
        let mut s = stage(hospital());
        s.play((0..5).map(|n| sealed(f64::from(n) * 180.0, "10.10.20.5", DC, 3, 5_000)).collect()).end();
        assert_eq!(s.worst(), Some(Severity::Low));
    }

    #[test]
    fn a_persons_account_is_low_from_a_declared_host_alone() {
        let play = |from: &str| {
            let mut s = stage(hospital());
            s.play(vec![logon(0.9, from, DC, "MSOL_0a1b2c"), sealed(1.0, from, DC, 3, 5_000)]);
            s.worst()
        };
        assert_eq!((play("10.10.20.5"), play(PC), play("10.10.20.99")), (Some(Severity::Low), Some(Severity::High), Some(Severity::High)));
        // An administrator at such a host: the host may be taken.
        for from in ["10.10.20.5", "10.10.20.10"] {
            let mut s = stage(hospital());
            s.play(vec![logon(0.9, from, DC, "adm-kondo"), sealed(1.0, from, DC, 3, 5_000)]);
            assert_eq!(s.worst(), Some(Severity::Medium), "{from}");
        }
    }

    #[test]
    fn what_goes_on_is_said_once_a_day() {
        let mut s = stage(hospital());
        let day = |n: u32| f64::from(n) * 3600.0 + 1.0;
        s.play(vec![logon(0.9, PC, DC, "adm-kondo")]);
        s.play((0..24).map(|n| sealed(day(n), PC, DC, 3, 5_000)).collect());
        assert_eq!(s.said.len(), 1, "one story of a day");
        s.play(vec![sealed(day(26), PC, DC, 3, 5_000)]);
        assert_eq!(s.said.len(), 2, "the next day it is said again");
    }

    #[test]
    fn all_that_wait_are_told_of_at_the_end() {
        let mut s = stage(hospital());
        // Nobody shows an account: all of them wait.
        s.play((1..200).map(|n| sealed(1.0, &format!("10.10.10.{n}"), DC, 3, 2448)).collect());
        assert!(s.said.is_empty());
        s.end();
        assert_eq!(s.findings().len(), 199);
    }
}
