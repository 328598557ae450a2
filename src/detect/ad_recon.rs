//! `ad-recon`: somebody asks computers and the domain who is who: accounts and groups (ATT&CK T1087, T1069), sessions, shares and services of many hosts
//! (T1135, T1049, T1033, T1018). Judged by the calls, their number and on how many hosts; what logons and file managers ask by themselves is left out.

use super::hosts::{is_administrator, is_outsider, is_server, is_terminal};
use super::signature::{Signature, SignatureError};
use super::{Detector, Finding, Scene, Subject};
use crate::base::{Addr, Outcome, Service, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowInfo, Interest};
use crate::protocols::Message;
use crate::protocols::dcerpc::{Call, Outcome as Answer, Rpc};

/// Detector id.
pub const ID: &str = "ad-recon";
/// Most questions kept of one source.
const KEPT: usize = 256;
/// After so long the same is told again.
const AGAIN: Span = Span::hours(24);
/// "Access denied", as a code that is returned and as a fault.
const DENIED: u32 = 5;

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    /// All accounts of a domain or computer.
    Users,
    /// All groups.
    Groups,
    /// Who is in a group.
    Members,
    /// Names of many numbers.
    Numbers,
    /// Who works from where.
    Sessions,
    /// Which shares there are.
    Shares,
    /// Whether one may administer: the service manager.
    Rights,
}

impl Kind {
    const ALL: [Kind; 7] = [Kind::Users, Kind::Groups, Kind::Members, Kind::Numbers, Kind::Sessions, Kind::Shares, Kind::Rights];
    const fn word(self) -> &'static str {
        match self {
            Kind::Users => "accounts",
            Kind::Groups => "groups",
            Kind::Members => "members of groups",
            Kind::Numbers => "names of many numbers",
            Kind::Sessions => "who works from where",
            Kind::Shares => "shares",
            Kind::Rights => "where one may administer",
        }
    }
    fn of(c: &Call, numbers: u32) -> Option<Kind> {
        Some(match (c.interface.name, c.operation()) {
            (
                "samr",
                "SamrEnumerateUsersInDomain" | "SamrQueryDisplayInformation" | "SamrQueryDisplayInformation2" | "SamrQueryDisplayInformation3",
            ) => Kind::Users,
            ("samr", "SamrEnumerateGroupsInDomain" | "SamrEnumerateAliasesInDomain") => Kind::Groups,
            ("samr", "SamrGetMembersInGroup" | "SamrGetMembersInAlias") => Kind::Members,
            // A logon looks up a few; who counts through the numbers asks for one after the other.
            ("lsarpc", "LsarLookupSids" | "LsarLookupSids2" | "LsarLookupSids3") if c.nth >= numbers => Kind::Numbers,
            ("srvsvc", "NetrSessionEnum") | ("wkssvc", "NetrWkstaUserEnum") => Kind::Sessions,
            ("srvsvc", "NetrShareEnum" | "NetrShareEnumSticky") => Kind::Shares,
            ("svcctl", "OpenSCManagerW" | "OpenSCManagerA") => Kind::Rights,
            _ => return None,
        })
    }
}

/// The numbers of `signatures/ad-recon.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// Hosts asked for their sessions; so many are `high`.
    sessions: usize,
    sessions_high: usize,
    shares: usize,
    /// Hosts that denied the service manager.
    rights: usize,
    /// Hosts asked for accounts, groups or members.
    hosts: usize,
    /// Kinds of listings of one host.
    kinds: usize,
    /// Lookups of numbers on one association.
    numbers: u32,
    window: Span,
}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        let [sessions, sessions_high, shares, rights] = s.require_all(["sessions", "sessions_high", "shares", "rights"])?.map(|n| n as usize);
        let [hosts, kinds, numbers, window] = s.require_all(["hosts", "kinds", "numbers", "window"])?;
        let window = Span::secs(window as u64);
        Ok(Tuning { sessions, sessions_high, shares, rights, hosts: hosts as usize, kinds: kinds as usize, numbers: numbers as u32, window })
    }
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(AdRecon::new(Tuning::from_signature(s)?)))
}

/// One host that was asked one thing.
#[derive(Clone, Debug)]
struct Question {
    kind: Kind,
    to: Addr,
    first: Timestamp,
    last: Timestamp,
    answered: bool,
    denied: bool,
    flow: FlowInfo,
}

/// One host that asks.
#[derive(Debug, Default)]
struct Source {
    questions: Vec<Question>,
    /// The worst said, how many questions there were, and when.
    said: Option<(Severity, usize, Timestamp)>,
}

/// State.
#[derive(Debug)]
pub struct AdRecon {
    tuning: Tuning,
    sources: BoundedMap<Addr, Source>,
}

impl AdRecon {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> AdRecon {
        AdRecon { tuning, sources: BoundedMap::new(8_192) }
    }
    /// The host that asks, if this is something new of it.
    fn admit(&mut self, ts: Timestamp, flow: &FlowInfo, c: &Call, kind: Kind) -> Option<Addr> {
        let t = flow.tuple;
        let source = self.sources.entry(t.orig, Source::default);
        source.questions.retain(|q| ts.since(q.last) <= self.tuning.window);
        let denied = matches!(c.outcome, Answer::Returned(Some(DENIED)) | Answer::Fault(DENIED));
        let answered = matches!(c.outcome, Answer::Returned(_)) && !denied;
        let room = source.questions.len() < KEPT;
        match source.questions.iter_mut().find(|q| q.kind == kind && q.to == t.resp) {
            Some(q) => {
                let old = (q.answered, q.denied);
                (q.last, q.answered, q.denied) = (ts, q.answered | answered, q.denied | denied);
                (old != (q.answered, q.denied)).then_some(t.orig)
            }
            None if room => {
                source.questions.push(Question { kind, to: t.resp, first: ts, last: ts, answered, denied, flow: *flow });
                Some(t.orig)
            }
            None => None,
        }
    }
}

impl Source {
    fn hosts(&self, is: impl Fn(&Question) -> bool) -> usize {
        let mut all: Vec<Addr> = self.questions.iter().filter(|q| is(q)).map(|q| q.to).collect();
        all.sort_unstable();
        all.dedup();
        all.len()
    }
    /// How many kinds of listings one host was asked for, at most.
    fn kinds(&self) -> usize {
        let listing = |q: &&Question| matches!(q.kind, Kind::Users | Kind::Groups | Kind::Members | Kind::Numbers);
        let mut all: Vec<Addr> = self.questions.iter().filter(listing).map(|q| q.to).collect();
        all.sort_unstable();
        all.chunk_by(|x, y| x == y).map(<[Addr]>::len).max().unwrap_or(0)
    }
    fn judge(&self, orig: Addr, m: &Tuning, scene: &Scene<'_>) -> Option<(Severity, Vec<&'static str>)> {
        let of = |kind: Kind| self.hosts(|q| q.kind == kind);
        let sessions = of(Kind::Sessions);
        let listed = self.hosts(|q| matches!(q.kind, Kind::Users | Kind::Groups | Kind::Members));
        let denied = self.hosts(|q| q.kind == Kind::Rights && q.denied);
        let kinds = self.kinds();
        // Servers join directories and list them; people at terminals do not.
        let works = is_terminal(scene, orig) || is_outsider(scene, orig) || !is_server(scene, orig, Service::Smb);
        let signs = [
            ("who works on many computers", Severity::High, sessions >= m.sessions_high && works),
            ("who works on several computers", Severity::Medium, sessions >= m.sessions),
            ("accounts and groups of several computers", Severity::Medium, listed >= m.hosts),
            ("many computers that denied their service manager", Severity::Medium, denied >= m.rights),
            ("accounts, groups and their members, all of them", Severity::Medium, kinds >= m.kinds && works),
            ("numbers, one after the other", Severity::Medium, of(Kind::Numbers) > 0 && works),
            ("shares of many computers", Severity::Low, of(Kind::Shares) >= m.shares),
            ("all accounts or groups", Severity::Low, kinds > 0),
            ("who works on one computer", Severity::Low, sessions > 0 && works),
        ];
        let hit = signs.iter().filter(|s| s.2);
        let worst = hit.clone().map(|s| s.1).max()?;
        let severity = if scene.site.may_administer(orig) || is_administrator(scene.assets.role(orig)) { Severity::Info } else { worst };
        Some((severity, hit.filter(|s| s.1 == worst).map(|s| s.0).collect()))
    }
}

impl Detector for AdRecon {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::RPC
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let EventKind::Message { flow, message: Message::Rpc(m), .. } = &event.kind else { return };
        let Rpc::Call(c) = m.as_ref() else { return };
        let Some(kind) = Kind::of(c, self.tuning.numbers) else { return };
        let (Some(orig), tuning) = (self.admit(event.ts, flow, c, kind), self.tuning) else { return };
        let Some(source) = self.sources.get_mut(&orig) else { return };
        let Some((severity, reasons)) = source.judge(orig, &tuning, scene) else { return };
        let asked = source.questions.len();
        let said = source.said.filter(|s| event.ts.since(s.2) <= AGAIN);
        // What is milder than what was said is no news; the same is at twice as many.
        if said.is_some_and(|s| severity < s.0 || severity == s.0 && asked < 2 * s.1) {
            return;
        }
        source.said = Some((severity, asked, event.ts));
        out.push(finding(orig, source, severity, reasons, scene));
    }
    fn held(&self) -> (usize, u64) {
        (self.sources.len(), self.sources.evicted())
    }
}

fn finding(orig: Addr, s: &Source, severity: Severity, reasons: Vec<&'static str>, scene: &Scene<'_>) -> Finding {
    let mut f = Finding::new(ID, orig.to_string(), scene.now, severity, Subject::addr(orig));
    f.first_ts = s.questions.iter().map(|q| q.first).min().unwrap_or(scene.now);
    f.last_ts = s.questions.iter().map(|q| q.last).max().unwrap_or(scene.now);
    (f.service, f.count) = (s.questions.last().map_or(Service::Rpc, |q| q.flow.service), s.hosts(|_| true) as u64);
    f.outcome = match () {
        () if s.questions.iter().any(|q| q.answered) => Outcome::Succeeded,
        () if s.questions.iter().any(|q| q.denied) => Outcome::Failed,
        () => Outcome::Attempted,
    };
    for q in &s.questions {
        f.add_resp(q.to);
        f.add_flow(&q.flow);
    }
    let account = s.questions.iter().rev().find_map(|q| scene.assets.accounts.of(q.flow.uid));
    f.user = account.map(|a| a.user.clone());
    let nobody = s.questions.last().map_or("", |q| scene.assets.accounts.source(q.flow.uid));
    f.set("user_source", account.map_or(nobody, |a| a.source));
    f.set("asked", Kind::ALL.iter().filter(|k| s.questions.iter().any(|q| q.kind == **k)).map(|k| k.word()).collect::<Vec<_>>());
    f.set("denied", s.hosts(|q| q.denied));
    f.set("reasons", reasons);
    f
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::protocols::dcerpc::{Auth, Interface};

    const PC: &str = "10.10.30.12";

    fn stage() -> Stage {
        Stage::new(hospital(), build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap())
    }

    fn call(t: f64, orig: &str, resp: &str, interface: &str, op: u16, code: u32, nth: u32) -> Event {
        let c = Call {
            pipe: None,
            interface: Interface::named(interface).unwrap(),
            op,
            auth: Auth::default(),
            sealed: false,
            outcome: Answer::Returned(Some(code)),
            sent: 80,
            received: 200,
            nth,
            target: String::new(),
            value: String::new(),
        };
        message(at(t), flow(at(t), orig, resp, 445), true, Message::Rpc(Box::new(Rpc::Call(c))))
    }

    fn on(n: u32, orig: &'static str, interface: &'static str, op: u16, code: u32) -> Vec<Event> {
        (0..n).map(|i| call(f64::from(i) * 2.0, orig, &format!("10.10.10.{}", 11 + i), interface, op, code, 1)).collect()
    }

    fn worst(events: Vec<Event>) -> Option<Severity> {
        stage().play(events).worst()
    }

    #[test]
    fn sessions_of_many_computers() {
        assert_eq!(worst(on(9, PC, "srvsvc", 12, 0)), Some(Severity::High));
        assert_eq!(worst(on(4, PC, "wkssvc", 2, 0)), Some(Severity::Medium));
        assert_eq!(worst(on(1, PC, "srvsvc", 12, 0)), Some(Severity::Low), "who looks after one server, or begins");
        assert_eq!(worst(on(9, "10.10.20.5", "srvsvc", 12, 0)), Some(Severity::Info));
    }

    #[test]
    fn what_was_said_is_said_at_twice_as_many_and_again_another_day() {
        let later = |all: Vec<Event>, secs: u64| all.into_iter().map(move |e| Event { ts: e.ts + Span::secs(secs), ..e });
        let mut s = stage();
        s.play(on(64, PC, "srvsvc", 12, 0));
        assert!(s.said.len() <= 8, "low at 1, 2, then medium at 3, 6, high at 8, 16, 32, 64: {}", s.said.len());
        let before = s.said.len();
        s.play(later(on(1, PC, "srvsvc", 12, 0), 3_600).collect());
        assert_eq!(s.said.len(), before, "one question after that is no news, and not grave");
        s.play(later(on(9, PC, "srvsvc", 12, 0), 172_800).collect());
        assert!(s.said.len() > before && s.worst() == Some(Severity::High));
    }

    #[test]
    fn a_search_for_where_one_may_administer() {
        assert_eq!(worst(on(6, PC, "svcctl", 15, DENIED)), Some(Severity::Medium));
        assert_eq!(worst(on(6, PC, "svcctl", 15, 0)), None, "who may, does: another detector's matter");
        let mut s = stage();
        s.play(on(6, PC, "svcctl", 15, DENIED));
        assert_eq!(s.findings()[0].outcome, Outcome::Failed);
    }

    #[test]
    fn one_look_at_a_group_is_low_and_all_of_them_medium() {
        let dc = |ops: &[u16]| ops.iter().enumerate().map(|(i, op)| call(i as f64, PC, "10.10.20.5", "samr", *op, 0, 1)).collect::<Vec<_>>();
        assert_eq!(worst(dc(&[0, 5, 7, 17, 19, 25])), Some(Severity::Low));
        assert_eq!(worst(dc(&[13, 11, 25])), Some(Severity::Medium));
        assert_eq!(worst(on(4, PC, "samr", 33, 0)), Some(Severity::Medium), "local groups of several computers");
        // What a logon asks, and a file manager.
        assert_eq!(worst(dc(&[0, 5, 6, 7, 17, 34, 36, 39])), None);
        let sids = |nth| vec![call(0.0, PC, "10.10.20.5", "lsarpc", 15, 0, nth)];
        assert_eq!((worst(sids(8)), worst(sids(256))), (None, Some(Severity::Medium)));
        assert_eq!(worst(on(4, PC, "srvsvc", 15, 0)), None, "people look at shares");
        assert_eq!(worst(on(9, PC, "srvsvc", 15, 0)), None);
    }
}
