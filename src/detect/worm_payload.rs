//! `worm-payload`: the same program, or the same service, is put on several hosts: by a worm from one to the next, or by hand before the
//! encryption begins (ATT&CK T1570, T1569.002). A file is the same by size and first bytes, whatever it is called.

use super::admin_share::{is_admin, is_named_program, is_program};
use super::hosts::{is_server, is_terminal};
use super::pair::{Excuse, account, cut, excuse};
use super::signature::{Signature, SignatureError};
use super::{Detector, Finding, Scene, Subject};
use crate::base::{Addr, Outcome, Service, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowInfo, Interest};
use crate::protocols::Message;
use crate::protocols::dcerpc::{self, Rpc};
use crate::protocols::smb::life::{Life, Work};

/// Detector id.
pub const ID: &str = "worm-payload";

/// The numbers of `signatures/worm-payload.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// So many hosts with the same make it a spread.
    hosts: usize,
    /// So many make it high by mere number.
    many: usize,
    /// Within this time.
    window: Span,
}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        let [hosts, many, window] = s.require_all(["hosts", "many", "window"])?;
        Ok(Tuning { hosts: hosts as usize, many: many as usize, window: Span::secs(window as u64) })
    }
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(WormPayload::new(Tuning::from_signature(s)?)))
}

/// Things remembered: files and services.
const THINGS: usize = 8192;
/// Bytes kept of a name.
const NAME: usize = 128;

/// What is the same on several hosts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Thing {
    /// A file by size and the hash of its beginning.
    File(u64, u64),
    /// A service by its name and program.
    Service(String, String),
}

/// One host that got it.
#[derive(Clone, Debug)]
struct Got {
    ts: Timestamp,
    from: Addr,
    to: Addr,
    flow: FlowInfo,
    packet: u64,
    name: String,
    admin: bool,
}

/// Who has it, in order of arrival.
#[derive(Clone, Debug, Default)]
struct Spread {
    got: Vec<Got>,
    said: Option<(Severity, usize)>,
}

impl Spread {
    /// A host that got it passed it on.
    fn went_on(got: &[&Got]) -> bool {
        got.iter().any(|g| got.iter().any(|h| h.to == g.from && h.ts <= g.ts))
    }
    /// What is judged: what others than administrators left, if it is a spread by itself, else what administrators distribute. An administrator that
    /// has it from somebody else is none any more.
    fn counted(&self, least: usize, scene: &Scene<'_>) -> (bool, Vec<&Got>) {
        let is_admin = |g: &Got| excuse(scene, g.from, g.to) == Excuse::Administrator;
        let infected = |g: &Got| self.got.iter().any(|h| h.to == g.from && h.ts <= g.ts && !is_admin(h));
        let (others, distributed): (Vec<&Got>, Vec<&Got>) = self.got.iter().partition(|g| !is_admin(g) || infected(g));
        if others.len() >= least { (false, others) } else { (true, distributed) }
    }
}

/// State.
#[derive(Debug)]
pub struct WormPayload {
    tuning: Tuning,
    spreads: BoundedMap<Thing, Spread>,
}

impl WormPayload {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> WormPayload {
        WormPayload { tuning, spreads: BoundedMap::new(THINGS) }
    }
    fn got(&mut self, thing: Thing, new: Got, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let window = self.tuning.window;
        let s = self.spreads.entry(thing.clone(), Spread::default);
        if s.got.last().is_some_and(|g| new.ts.since(g.ts) > window) {
            *s = Spread::default();
        }
        if s.got.len() >= Finding::MAX_RESP || s.got.iter().any(|g| g.to == new.to) {
            return;
        }
        s.got.push(new);
        self.speak(&thing, scene, out);
    }
    fn judge(&self, distributed: bool, all: &[&Got], scene: &Scene<'_>) -> (Severity, Vec<&'static str>) {
        if distributed {
            return (Severity::Info, vec!["distributed by an administrator"]);
        }
        let pcs = all.iter().filter(|g| is_terminal(scene, g.to)).count();
        let signs = [
            ("a host that got it passed it on", Spread::went_on(all)),
            ("into administrative shares", all.iter().filter(|g| g.admin).count() >= 2),
            ("onto terminals", pcs >= 2),
            ("by several hosts", all.iter().any(|g| Some(g.from) != all.first().map(|f| f.from))),
            ("onto many hosts", all.len() >= self.tuning.many),
        ];
        let reasons: Vec<_> = signs.iter().filter(|s| s.1).map(|s| s.0).collect();
        // What passes itself on is a worm; two other signs together are no accident either.
        let high = Spread::went_on(all) || reasons.len() >= 2;
        (if high { Severity::High } else { Severity::Medium }, reasons)
    }
    fn speak(&mut self, thing: &Thing, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some(s) = self.spreads.get(thing) else { return };
        let (distributed, got) = s.counted(self.tuning.hosts, scene);
        let n = got.len();
        if n < self.tuning.hosts {
            return;
        }
        let (severity, reasons) = self.judge(distributed, &got, scene);
        if s.said.is_some_and(|said| severity <= said.0 && n <= said.1) {
            return;
        }
        out.extend(self.finding(thing, &got, severity, reasons, scene));
        if let Some(s) = self.spreads.get_mut(thing) {
            s.said = Some((severity, n));
        }
    }
    fn finding(&self, thing: &Thing, got: &[&Got], severity: Severity, reasons: Vec<&'static str>, scene: &Scene<'_>) -> Option<Finding> {
        let first = got.first()?;
        let key = match thing {
            Thing::File(bytes, head) => format!("file:{bytes}:{head:016x}"),
            Thing::Service(name, _) => format!("service:{name}"),
        };
        let mut f = Finding::new(ID, key, scene.now, severity, Subject::addr(first.from));
        (f.first_ts, f.last_ts, f.outcome) = (first.ts, got.last()?.ts, Outcome::Succeeded);
        f.service = if matches!(thing, Thing::File(..)) { Service::Smb } else { Service::Rpc };
        f.count = got.len() as u64;
        let mut names: Vec<&str> = Vec::new();
        let mut hops = Vec::new();
        for g in got {
            f.add_resp(g.to);
            f.add_flow(&g.flow);
            f.add_packet(g.packet);
            if names.len() < 8 && !names.contains(&g.name.as_str()) {
                names.push(&g.name);
            }
            let user = account(scene, [g.flow.uid]).0;
            hops.push(super::hop(g.ts, g.from, g.to, f.service, user.as_deref(), Outcome::Succeeded));
        }
        let (user, source) = account(scene, got.iter().map(|g| g.flow.uid));
        f.user = user;
        f.set("user_source", source);
        f.set("names", serde_json::json!(names));
        match thing {
            Thing::File(bytes, head) => {
                f.set("what", "file");
                f.set("bytes", *bytes);
                f.set("first_bytes_hash", format!("{head:016x}"));
            }
            Thing::Service(_, program) => {
                f.set("what", "service");
                f.set("program", program.clone());
            }
        }
        f.set("reasons", reasons);
        f.set("hops", hops);
        Some(f)
    }
}

/// A program that arrived whole on a host that is not there for users' files: (its thing, the name).
fn arrived(l: &Life, flow: &FlowInfo, scene: &Scene<'_>) -> Option<(Thing, String)> {
    let name = l.renamed_to.as_deref().unwrap_or(&l.path);
    let is_program = is_program(l.written.magic) || is_named_program(name);
    let whole = l.closed && !l.directory && !l.pipe && !l.deleted && l.written.head != 0;
    let there = is_admin(&l.share) || !is_server(scene, flow.tuple.resp, Service::Smb);
    (whole && is_program && there).then(|| (Thing::File(l.written.bytes, l.written.head), cut(&format!("{}\\{name}", l.share), NAME).to_owned()))
}

/// A service by its name and program, as Windows compares them.
fn service(name: &str, program: &str) -> Thing {
    Thing::Service(cut(name, NAME).to_lowercase(), cut(program, NAME).to_lowercase())
}

impl Detector for WormPayload {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::RPC | Interest::FILES
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let EventKind::Message { flow, message, .. } = &event.kind else { return };
        let (from, to) = (flow.tuple.orig, flow.tuple.resp);
        let new = |name, admin| Got { ts: event.ts, from, to, flow: *flow, packet: event.packet, name, admin };
        match message {
            Message::SmbWork(w) => {
                if let Work::Life(l) = w.as_ref()
                    && let Some((thing, name)) = arrived(l, flow, scene)
                {
                    self.got(thing, new(name, is_admin(&l.share)), scene, out);
                }
            }
            Message::Rpc(r) => {
                if let Rpc::Call(c) = r.as_ref()
                    && (c.interface.name, c.outcome) == ("svcctl", dcerpc::Outcome::Returned(Some(0)))
                    && matches!(c.op, 12 | 24 | 44 | 45 | 60)
                    && !c.target.is_empty()
                {
                    self.got(service(&c.target, &c.value), new(cut(&c.target, NAME).to_owned(), true), scene, out);
                }
            }
            _ => {}
        }
    }
    fn held(&self) -> (usize, u64) {
        (self.spreads.len(), self.spreads.evicted())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::protocols::dcerpc::{Auth, Call, Interface};
    use crate::protocols::smb::life::{Content, Magic};

    fn stage(site: crate::site::Site) -> Stage {
        Stage::new(site, build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap())
    }
    fn file(secs: f64, from: &str, to: &str, share: &str, name: &str, (bytes, head): (u64, u64)) -> Event {
        let l = Life {
            share: format!("\\\\{to}\\{share}").into(),
            path: name.into(),
            closed: true,
            written: Content { bytes, head, magic: Magic::Pe, ..Content::default() },
            ..Life::default()
        };
        message(at(secs), flow(at(secs), from, to, 445), false, Message::SmbWork(Box::new(Work::Life(l))))
    }
    fn create(secs: f64, from: &str, to: &str, name: &str, code: u32) -> Event {
        let c = Call {
            pipe: None,
            interface: Interface::named("svcctl").unwrap(),
            op: 12,
            auth: Auth::default(),
            sealed: false,
            outcome: dcerpc::Outcome::Returned(Some(code)),
            sent: 100,
            received: 24,
            nth: 1,
            target: name.into(),
            value: "C:\\x.exe".into(),
        };
        message(at(secs), flow(at(secs), from, to, 445), false, Message::Rpc(Box::new(Rpc::Call(c))))
    }
    const A: (u64, u64) = (90_112, 7);

    #[test]
    fn the_same_program_under_other_names_on_three_hosts() {
        let mut s = stage(crate::site::Site::default());
        s.play(vec![file(0.0, "10.0.0.5", "10.0.0.6", "ADMIN$", "a.exe", A), file(9.0, "10.0.0.5", "10.0.0.7", "ADMIN$", "b.dat", A)]);
        assert!(s.said.is_empty());
        s.play(vec![file(20.0, "10.0.0.5", "10.0.0.8", "C$", "c.exe", A)]);
        let f = s.findings();
        assert_eq!((f.len(), f[0].severity, f[0].count), (1, Severity::Medium, 3));
        assert_eq!(f[0].evidence["hops"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn what_passes_itself_on_is_high_and_begins_at_the_first() {
        let mut s = stage(crate::site::Site::default());
        s.play(vec![
            file(0.0, "10.0.0.5", "10.0.0.6", "ADMIN$", "a.exe", A),
            file(5.0, "10.0.0.6", "10.0.0.7", "ADMIN$", "a.exe", A),
            file(9.0, "10.0.0.7", "10.0.0.8", "ADMIN$", "a.exe", A),
        ]);
        assert_eq!((s.worst(), s.findings()[0].orig.addr), (Some(Severity::High), Some(a("10.0.0.5"))));
    }

    #[test]
    fn different_programs_file_servers_and_a_long_time_are_none() {
        let mut s = stage(hospital());
        let mut ev: Vec<Event> =
            (11..17).map(|n| file(f64::from(n), "10.10.10.12", &format!("10.10.30.{n}"), "tools", "x.exe", (n as u64, n as u64))).collect();
        ev.extend(["10.10.20.5", "10.10.20.10", "10.10.20.20"].map(|to| file(50.0, "10.10.10.12", to, "tools", "setup.exe", A)));
        ev.extend((11..15).map(|n| file(f64::from(n) * 20_000.0, "10.10.10.13", &format!("10.10.30.{n}"), "tools", "y.exe", (5, 5))));
        s.play(ev);
        assert!(s.said.is_empty(), "{:?}", s.said);
    }

    #[test]
    fn one_installation_by_hand_among_a_distribution_is_noted_only() {
        let admin = |range: std::ops::Range<u32>| range.map(|n| file(f64::from(n), "10.10.20.5", &format!("10.10.10.{n}"), "ADMIN$", "a.exe", A));
        let mut s = stage(hospital());
        s.play(admin(11..14).chain([file(14.5, "10.10.10.19", "10.10.10.30", "C$", "a.exe", A)]).chain(admin(15..19)).collect());
        assert_eq!((s.worst(), s.findings()[0].orig.addr), (Some(Severity::Info), Some(a("10.10.20.5"))));
        s.play((31..34).map(|n| file(f64::from(n), "10.10.10.19", &format!("10.10.10.{n}"), "C$", "a.exe", A)).collect());
        let worst = s.findings().into_iter().max_by_key(|f| f.severity).unwrap();
        assert_eq!((worst.severity, worst.orig.addr), (Severity::High, Some(a("10.10.10.19"))), "a spread beside it");
    }

    #[test]
    fn an_administrator_that_has_it_from_a_terminal_passes_it_on() {
        let mut s = stage(hospital());
        s.play(vec![file(0.0, "10.10.10.19", "10.10.20.5", "ADMIN$", "a.exe", A)]);
        s.play((11..14).map(|n| file(f64::from(n), "10.10.20.5", &format!("10.10.10.{n}"), "ADMIN$", "a.exe", A)).collect());
        assert_eq!(s.worst(), Some(Severity::High));
    }

    #[test]
    fn distribution_is_noted_and_a_service_on_terminals_is_high() {
        let give = |from: &str| (11..15).map(|n| create(f64::from(n), from, &format!("10.10.10.{n}"), "updater", 0)).collect::<Vec<_>>();
        let mut s = stage(hospital());
        s.play(give("10.10.20.5"));
        assert_eq!(s.worst(), Some(Severity::Info));
        let mut s = stage(hospital());
        s.play(give("10.10.10.19"));
        assert_eq!((s.worst(), s.findings()[0].service), (Some(Severity::High), Service::Rpc));
        let mut s = stage(hospital());
        s.play((11..15).map(|n| create(f64::from(n), "10.10.10.19", &format!("10.10.10.{n}"), "updater", 5)).collect());
        assert!(s.said.is_empty(), "refused");
    }
}
