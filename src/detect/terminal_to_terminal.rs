//! `terminal-to-terminal`: a computer that people work at is entered from another one (ATT&CK T1021). In a hospital the terminals talk to servers;
//! what they have to say to each other is next to nothing.

use super::hosts::{is_administrator, is_maintained, is_task, is_terminal};
use super::sessions::{Change, Content, Session, Sessions, admin_service};
use super::signature::{Signature, SignatureError};
use super::{Detector, Finding, Scene, Subject};
use crate::base::{Addr, Outcome, Service, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowInfo, Interest};
use crate::protocols::Message;
use crate::protocols::smb::life::{Life, Magic, Work};
use crate::site::{Role, Site, ZoneKind};

/// Detector id.
pub const ID: &str = "terminal-to-terminal";

/// Visits remembered per terminal.
const VISITS: usize = 64;

/// The numbers of `signatures/terminal-to-terminal.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    known: Span,
    window: Span,
    targets: usize,
    sealed: usize,
}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        let [known, window, targets, sealed] = s.require_all(["known", "window", "targets", "sealed"])?;
        Ok(Tuning { known: Span::secs(known as u64), window: Span::secs(window as u64), targets: targets as usize, sealed: sealed as usize })
    }
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(TerminalToTerminal::new(Tuning::from_signature(s)?)))
}

/// What was done in a visit, from little to much.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Deed {
    /// Files on an ordinary share, a list of shares, a printer: colleagues.
    Files,
    /// Encrypted SMB: colleagues, or anything.
    Sealed,
    /// An administrative share was refused.
    AdminRefused,
    /// An interactive session was worked in.
    Worked,
    /// A program was left.
    Program,
    /// An administrative share was used.
    Admin,
}

impl Deed {
    const fn word(self) -> &'static str {
        match self {
            Deed::Files => "files on an ordinary share",
            Deed::Sealed => "encrypted SMB",
            Deed::AdminRefused => "an administrative share was refused",
            Deed::Worked => "an interactive session was worked in",
            Deed::Program => "a program was copied there",
            Deed::Admin => "an administrative share was used",
        }
    }
}

/// One terminal visited.
#[derive(Clone, Debug)]
struct Visit {
    to: Addr,
    via: Service,
    first: Timestamp,
    last: Timestamp,
    deed: Deed,
    /// The pair has done this for days.
    old: bool,
    user: Option<String>,
    user_source: &'static str,
    flow: FlowInfo,
}

/// State.
#[derive(Debug)]
pub struct TerminalToTerminal {
    tuning: Tuning,
    sessions: Sessions,
    visits: BoundedMap<Addr, Vec<Visit>>,
    said: BoundedMap<Addr, (Severity, usize, Timestamp)>,
    /// Accounts that were let into administrative shares, anywhere.
    admins: BoundedMap<String, ()>,
}

impl TerminalToTerminal {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> TerminalToTerminal {
        TerminalToTerminal {
            tuning,
            sessions: Sessions::new(16_384, |s| s == Service::Smb || s.is_interactive()),
            visits: BoundedMap::new(8_192),
            said: BoundedMap::new(8_192),
            admins: BoundedMap::new(1_024),
        }
    }
    /// A visit from one place of work to another, if nobody expects it.
    fn concerns(scene: &Scene<'_>, orig: Addr, resp: Addr) -> bool {
        is_terminal(scene, orig)
            && is_terminal(scene, resp)
            && !scene.site.may_administer(orig)
            && !is_administrator(scene.assets.role(orig))
            && !is_task(scene, orig, resp)
            && !is_maintained(scene, orig, resp)
    }
    fn session(&mut self, s: &Session, change: Change, scene: &Scene<'_>) -> Option<Addr> {
        let t = s.flow.tuple;
        let via = admin_service(&s.flow);
        if via == Service::Smb && s.shares.admin {
            s.user.iter().for_each(|u| {
                self.admins.insert(u.to_lowercase(), ());
            });
        }
        if !matches!(change, Change::Entered | Change::Lives | Change::Ended) || !Self::concerns(scene, t.orig, t.resp) {
            return None;
        }
        let deed = deed(s, via)?;
        // How long this pair has known each other this way.
        let old = scene.assets.edges.is_habit(t.orig, t.resp, via, s.flow.first_ts, self.tuning.known);
        self.visit(&s.flow, via, deed, old, s.last_ts, (s.user.as_deref(), s.user_source));
        Some(t.orig)
    }
    fn visit(&mut self, flow: &FlowInfo, via: Service, deed: Deed, old: bool, now: Timestamp, user: (Option<&str>, &'static str)) {
        let (window, t) = (self.tuning.window, flow.tuple);
        let all = self.visits.entry(t.orig, Vec::new);
        all.retain(|v| now.since(v.last) <= window);
        let room = all.len() < VISITS;
        match all.iter_mut().find(|v| (v.to, v.via) == (t.resp, via)) {
            Some(v) => {
                (v.last, v.deed) = (now, v.deed.max(deed));
                if let Some(u) = user.0 {
                    (v.user, v.user_source) = (Some(u.to_owned()), user.1);
                }
            }
            None if room => {
                let (user, user_source) = (user.0.map(str::to_owned), user.1);
                all.push(Visit { to: t.resp, via, first: flow.first_ts, last: now, deed, old, user, user_source, flow: *flow });
            }
            None => {}
        }
    }
    /// A file written to a terminal: a program is no document.
    fn life(&mut self, flow: &FlowInfo, life: &Life, scene: &Scene<'_>) -> Option<Addr> {
        let program = matches!(life.written.magic, Magic::Pe | Magic::Elf | Magic::Lnk);
        if !program || life.pipe || !Self::concerns(scene, flow.tuple.orig, flow.tuple.resp) {
            return None;
        }
        self.visit(flow, Service::Smb, Deed::Program, false, scene.now, (None, ""));
        Some(flow.tuple.orig)
    }
    fn is_admin(&self, v: &Visit) -> bool {
        let Some(user) = v.user.as_deref().map(str::to_lowercase) else { return false };
        let name = user.rsplit('\\').next().unwrap_or(&user);
        name == "administrator" || self.admins.contains(&user)
    }
    fn judge(&self, orig: Addr) -> Option<(Severity, Vec<&Visit>, Vec<&'static str>)> {
        let all: Vec<&Visit> = self.visits.get(&orig)?.iter().collect();
        // Encrypted SMB with one or two colleagues is a folder; with more it is no longer.
        let sealed = all.iter().filter(|v| v.deed == Deed::Sealed && !v.old).count() > self.tuning.targets;
        let is_odd = |v: &&Visit| v.deed >= Deed::AdminRefused && !(v.old && v.deed == Deed::Worked) || sealed && v.deed == Deed::Sealed && !v.old;
        let odd: Vec<&Visit> = all.iter().copied().filter(is_odd).collect();
        let mut hosts: Vec<Addr> = odd.iter().map(|v| v.to).collect();
        hosts.sort_unstable();
        hosts.dedup();
        let by_admin = odd.iter().any(|v| v.deed >= Deed::Worked && self.is_admin(v));
        let share = odd.iter().any(|v| v.deed == Deed::Admin);
        let mut reasons: Vec<&'static str> = odd.iter().map(|v| v.deed.word()).collect();
        if odd.is_empty() {
            // Colleagues who share a folder: said once, as long as it is new. Nobody has that many colleagues with encrypted folders.
            let fresh: Vec<&Visit> = all.into_iter().filter(|v| !v.old).collect();
            reasons.extend(fresh.iter().map(|v| v.deed.word()));
            reasons.sort_unstable();
            reasons.dedup();
            let mut sealed: Vec<Addr> = fresh.iter().filter(|v| v.deed == Deed::Sealed).map(|v| v.to).collect();
            sealed.sort_unstable();
            sealed.dedup();
            let walk = sealed.len() >= self.tuning.sealed;
            reasons.extend(walk.then_some("several terminals"));
            return (!fresh.is_empty()).then_some((if walk { Severity::Medium } else { Severity::Low }, fresh, reasons));
        }
        reasons.sort_unstable();
        reasons.dedup();
        reasons.extend((hosts.len() >= self.tuning.targets).then_some("several terminals"));
        reasons.extend(by_admin.then_some("an administrator's account"));
        let sure = odd.iter().filter(|v| v.deed != Deed::Sealed).count();
        let high = share || by_admin || sure > 0 && hosts.len() >= self.tuning.targets;
        Some((if high { Severity::High } else { Severity::Medium }, odd, reasons))
    }
    fn speak(&mut self, orig: Addr, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some((severity, visits, reasons)) = self.judge(orig) else { return };
        let mut hosts: Vec<Addr> = visits.iter().map(|v| v.to).collect();
        hosts.sort_unstable();
        hosts.dedup();
        let said = self.said.get(&orig).copied().filter(|s| scene.now.since(s.2) <= self.tuning.window);
        if said.is_some_and(|(s, n, _)| severity < s || severity == s && hosts.len() < 2 * n) {
            return;
        }
        let mut f = Finding::new(ID, orig.to_string(), scene.now, severity, Subject::addr(orig));
        f.outcome = if visits.iter().any(|v| v.deed != Deed::AdminRefused) { Outcome::Succeeded } else { Outcome::Refused };
        f.first_ts = visits.iter().map(|v| v.first).min().unwrap_or(scene.now);
        f.last_ts = visits.iter().map(|v| v.last).max().unwrap_or(scene.now);
        f.count = hosts.len() as u64;
        for v in &visits {
            f.add_resp(v.to);
            f.add_flow(&v.flow);
            f.service = v.via;
        }
        let named = visits.iter().find(|v| v.user.is_some());
        f.user = named.and_then(|v| v.user.clone());
        f.set("user_source", named.map_or("none: the logon was not readable", |v| v.user_source));
        f.set("reasons", reasons);
        let hop = |v: &&Visit| {
            let outcome = if v.deed == Deed::AdminRefused { Outcome::Refused } else { Outcome::Succeeded };
            super::hop(v.first, orig, v.to, v.via, v.user.as_deref(), outcome)
        };
        f.set("hops", visits.iter().map(hop).collect::<Vec<_>>());
        out.push(f);
        self.said.insert(orig, (severity, hosts.len(), scene.now));
    }
}

/// What a session shows; nothing yet, or not worth a word.
fn deed(s: &Session, via: Service) -> Option<Deed> {
    if via != Service::Smb {
        return s.lives.then_some(Deed::Worked);
    }
    if s.shares.admin {
        return Some(Deed::Admin);
    }
    if s.shares.admin_denied {
        return Some(Deed::AdminRefused);
    }
    match s.shares.content() {
        Content::Sealed => Some(Deed::Sealed),
        Content::Files => Some(Deed::Files),
        _ => None,
    }
}

impl Detector for TerminalToTerminal {
    fn id(&self) -> &'static str {
        ID
    }
    fn blocked(&self, site: &Site) -> Option<(&'static str, &'static str)> {
        let zone = site.zones.has(ZoneKind::Clinical) || site.zones.has(ZoneKind::Office);
        let none = !zone && !site.ledger.iter().any(|e| matches!(e.role, Role::Terminal | Role::Modality));
        none.then_some((
            "no terminal is declared: no clinical or office zone, none in the ledger",
            "端末が宣言されていません（診療・事務ゾーンも台帳の端末もありません）",
        ))
    }
    fn interest(&self) -> Interest {
        Interest::ADMIN | Interest::FILES
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let news = match &event.kind {
            EventKind::Message { flow, message: Message::SmbWork(w), .. } => match w.as_ref() {
                Work::Life(life) => self.life(flow, life, scene),
                _ => None,
            },
            _ => match self.sessions.update(event, scene) {
                Some((s, change)) => self.session(&s, change, scene),
                None => None,
            },
        };
        if let Some(orig) = news {
            self.speak(orig, scene, out);
        }
    }
    fn held(&self) -> (usize, u64) {
        let (s, v, d, a) = (self.sessions.held(), &self.visits, &self.said, &self.admins);
        (s.0 + v.len() + d.len() + a.len(), s.1 + v.evicted() + d.evicted() + a.evicted())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::protocols::smb::life::Content as Bytes;

    fn say(ev: Vec<Event>) -> Option<Severity> {
        let site = hospital_with(&[("10.10.30.40", Role::Management), ("10.10.30.90", Role::Printer)]);
        let mut s = Stage::new(site, build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap());
        s.play(ev).worst()
    }

    #[test]
    fn a_desktop_is_medium_a_second_one_or_an_administrative_share_high() {
        let rdp = |n: u32, t: f64| session(at(t), "10.10.10.11", &format!("10.10.10.{n}"), 3389, 60);
        assert_eq!(say(rdp(12, 0.0)), Some(Severity::Medium));
        assert_eq!(say(rdp(12, 0.0).into_iter().chain(rdp(13, 300.0)).collect()), Some(Severity::High));
        assert_eq!(say(smb_session(at(0.0), "10.10.10.11", "10.10.30.12", &["IPC$", "C$"])), Some(Severity::High));
        let mut refused = smb_session(at(0.0), "10.10.10.11", "10.10.10.12", &["IPC$", "C$"]);
        for e in &mut refused {
            if let EventKind::Message { message: Message::Smb(m), .. } = &mut e.kind
                && let crate::protocols::smb::Smb::Tree { path, status, .. } = m.as_mut()
                && path.ends_with("C$")
            {
                *status = 0xc000_0022;
            }
        }
        assert_eq!(say(refused), Some(Severity::Medium));
    }

    #[test]
    fn encrypted_smb_with_a_colleague_is_low_with_three_medium() {
        let sealed = |n: u32| {
            let f = FlowInfo { recognised: true, ..flow(at(f64::from(n)), "10.10.10.11", &format!("10.10.10.{n}"), 445) };
            message(at(f64::from(n)), f, true, Message::Smb(Box::new(crate::protocols::smb::Smb::Encrypted)))
        };
        assert_eq!(say(vec![sealed(12), sealed(13)]), Some(Severity::Low));
        assert_eq!(say(vec![sealed(12), sealed(13), sealed(14)]), Some(Severity::Medium));
    }

    #[test]
    fn an_account_that_administers_elsewhere_makes_it_high() {
        let mut ev = smb_session_as(at(0.0), "10.10.20.5", "10.10.20.10", &["ADMIN$"], "kondo");
        let f = FlowInfo { recognised: true, ..flow(at(60.0), "10.10.10.11", "10.10.10.12", 445) };
        ev.extend(smb_session_as(at(60.0), "10.10.10.11", "10.10.10.12", &["share"], "kondo"));
        let written = Bytes { bytes: 9_000, calls: 1, magic: Magic::Pe, ..Bytes::default() };
        let life = Life { share: "\\\\X\\share".into(), path: "a.exe".into(), named: true, closed: true, written, ..Life::default() };
        ev.push(message(at(60.2), f, true, Message::SmbWork(Box::new(Work::Life(life)))));
        assert_eq!(say(ev), Some(Severity::High));
    }

    #[test]
    fn colleagues_a_copier_and_administrators_are_low_or_silent() {
        let days = |n: u32| f64::from(n) * 86_400.0;
        let folder = (0..4).flat_map(|d| smb_session(at(days(d)), "10.10.10.11", "10.10.10.12", &["IPC$", "share"])).collect();
        assert_eq!(say(folder), Some(Severity::Low));
        assert_eq!(say(smb_session(at(0.0), "10.10.10.11", "10.10.10.12", &["IPC$"])), None, "a look at a printer");
        assert_eq!(say(session(at(0.0), "10.10.30.40", "10.10.10.12", 3389, 60)), None, "management");
        assert_eq!(say(session(at(0.0), "10.10.10.11", "10.10.20.10", 3389, 60)), None, "a server");
        assert_eq!(say(smb_session(at(0.0), "10.10.30.90", "10.10.10.12", &["scan"])), None, "a copier");
        let f = flow(at(0.0), "10.10.10.11", "10.10.10.12", 3389);
        assert_eq!(say(vec![contact(at(0.0), f, Outcome::Answered, crate::event::Shape::Syn), ended(record(f, at(0.4), [2_100, 2_400]))]), None);
    }
}
