//! `new-admin-edge`: a remote-administration session between two hosts that never had one (ATT&CK T1021). Novelty is a prior, never an alarm by
//! itself: a finding needs a session that is worked in, and behaviour that does not fit the two hosts.

use super::hosts::{is_administrator, is_server, is_task, is_terminal};
use super::sessions::{Change, Content, Session, Sessions, admin_service};
use super::signature::{Signature, SignatureError};
use super::{Detector, Finding, Scene, Subject};
use crate::base::{Addr, Outcome, Service, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, Interest};
use crate::site::ZoneKind;

/// Detector id.
pub const ID: &str = "new-admin-edge";

/// The numbers of `signatures/new-admin-edge.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// An edge first seen this long before is known.
    known: Span,
    /// A session into the source counts as its cause this long after it was last seen.
    chain: Span,
    /// Points for `medium`.
    medium: f64,
    /// Points for `high`.
    high: f64,
}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        let [known, chain, medium, high] = s.require_all(["known", "chain", "medium", "high"])?;
        Ok(Tuning { known: Span::secs(known as u64), chain: Span::secs(chain as u64), medium, high })
    }
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(NewAdminEdge::new(Tuning::from_signature(s)?)))
}

/// The last session into a host.
#[derive(Clone, Debug)]
struct Inbound {
    uid: u64,
    from: Addr,
    via: Service,
    start: Timestamp,
    last: Timestamp,
    ended: bool,
    lives: bool,
}

/// State.
#[derive(Debug)]
pub struct NewAdminEdge {
    tuning: Tuning,
    sessions: Sessions,
    inbound: BoundedMap<Addr, Inbound>,
    said: BoundedMap<(Addr, Addr, Service), Severity>,
}

impl NewAdminEdge {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> NewAdminEdge {
        NewAdminEdge {
            tuning,
            sessions: Sessions::new(16_384, |s| s == Service::Smb || s.is_interactive()),
            inbound: BoundedMap::new(16_384),
            said: BoundedMap::new(16_384),
        }
    }
    fn reach(&mut self, s: &Session, via: Service) {
        if !via.is_interactive() && !s.shares.admin {
            return;
        }
        let t = s.flow.tuple;
        let new = Inbound { uid: s.flow.uid, from: t.orig, via, start: s.flow.first_ts, last: s.last_ts, ended: s.ended, lives: s.lives };
        match self.inbound.touch(&t.resp) {
            // A session that is worked in is not displaced by one that only spoke.
            Some(old) if old.uid != new.uid && old.lives && !new.lives => {}
            Some(old) => *old = new,
            None => {
                self.inbound.insert(t.resp, new);
            }
        }
    }
    /// The session into `host` that was alive, or not long over, when the host opened one itself.
    fn cause(&self, host: Addr, start: Timestamp) -> Option<&Inbound> {
        self.inbound.get(&host).filter(|i| i.start <= start && (i.lives || !i.ended) && start.since(i.last) <= self.tuning.chain)
    }
    fn judge(&self, s: &Session, via: Service, scene: &Scene<'_>) -> (f64, Vec<&'static str>) {
        let t = s.flow.tuple;
        let admin = scene.site.may_administer(t.orig) || is_administrator(scene.assets.role(t.orig));
        let (from_pc, to_pc) = (is_terminal(scene, t.orig), is_terminal(scene, t.resp));
        let chained = self.cause(t.orig, s.flow.first_ts).is_some_and(|i| i.from != t.resp && !scene.site.may_administer(i.from));
        // Files on an ordinary share, or a look at what shares there are, is no administration, whoever does it: half a sign between two terminals,
        // none from a server. What is encrypted may be anything.
        let files = via == Service::Smb && s.is_plain();
        let signs = [
            ("new edge", 1.0, true),
            ("the source itself was reached by remote administration just before", 2.0, chained),
            ("terminal to terminal", if files { 1.0 } else { 2.0 }, from_pc && to_pc),
            ("server to terminal", 2.0, !files && !from_pc && to_pc && is_server(scene, t.orig, via)),
            (
                "into the clinical zone",
                1.0,
                scene.site.kind(t.resp) == Some(ZoneKind::Clinical) && scene.site.kind(t.orig) != Some(ZoneKind::Clinical),
            ),
            ("from a supplier or guest zone", 1.0, matches!(scene.site.kind(t.orig), Some(ZoneKind::Vendor | ZoneKind::Guest))),
            ("from the internet", 2.0, scene.site.is_internet(t.orig) && scene.site.is_inside(t.resp)),
            ("administrative share", 2.0, s.shares.admin),
        ];
        if admin {
            return (0.0, vec!["the source is expected to administer others"]);
        }
        if files && is_task(scene, t.orig, t.resp) {
            return (0.0, vec!["it is the source's task to have files there"]);
        }
        let hit = signs.iter().filter(|x| x.2);
        (hit.clone().map(|x| x.1).sum(), hit.map(|x| x.0).collect())
    }
}

impl Detector for NewAdminEdge {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::ADMIN
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some((s, change)) = self.sessions.update(event, scene) else { return };
        let (t, via) = (s.flow.tuple, admin_service(&s.flow));
        if s.speaks {
            self.reach(&s, via);
        }
        let worked_in = if via == Service::Smb {
            let known = s.shares.content() != Content::Unknown || s.ended || s.lives;
            let entered = matches!(change, Change::Entered | Change::Lives | Change::Ended);
            s.logged_on && known && (s.shares.admin || is_terminal(scene, t.resp)) && entered
        } else {
            s.lives && change == Change::Lives
        };
        let old = scene.assets.edges.is_habit(t.orig, t.resp, via, s.flow.first_ts, self.tuning.known);
        if !worked_in || old {
            return;
        }
        let (score, reasons) = self.judge(&s, via, scene);
        let severity = match score {
            x if x >= self.tuning.high => Severity::High,
            x if x >= self.tuning.medium => Severity::Medium,
            x if x >= 2.0 => Severity::Low,
            _ => return,
        };
        let key = (t.orig, t.resp, via);
        if self.said.get(&key).is_some_and(|x| *x >= severity) {
            return;
        }
        self.said.insert(key, severity);
        out.push(self.finding(&s, via, severity, score, reasons, scene));
    }
    fn held(&self) -> (usize, u64) {
        let (a, b, c) = (self.sessions.held(), &self.inbound, &self.said);
        (a.0 + b.len() + c.len(), a.1 + b.evicted() + c.evicted())
    }
}

impl NewAdminEdge {
    fn finding(&self, s: &Session, via: Service, severity: Severity, score: f64, reasons: Vec<&'static str>, scene: &Scene<'_>) -> Finding {
        let t = s.flow.tuple;
        let story = format!("{}>{}:{}", t.orig, t.resp, via.word());
        let mut f = Finding::new(ID, story, scene.now, severity, Subject::addr(t.orig));
        (f.first_ts, f.last_ts, f.service, f.count, f.outcome) = (s.flow.first_ts, s.last_ts, via, 1, Outcome::Succeeded);
        f.add_resp(t.resp);
        f.add_flow(&s.flow);
        f.user.clone_from(&s.user);
        f.set("user_source", s.user_source);
        f.set("score", score);
        f.set("reasons", reasons);
        if let Some(i) = self.cause(t.orig, s.flow.first_ts) {
            f.set("reached_from", i.from.to_string());
            f.set("reached_via", i.via.word());
            f.set("reached_ts", i.start.to_string());
        }
        f.set("hops", vec![super::hop(s.flow.first_ts, t.orig, t.resp, via, s.user.as_deref(), Outcome::Succeeded)]);
        f
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn stage(site: crate::site::Site) -> Stage {
        Stage::new(site, build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap())
    }

    #[test]
    fn the_last_hop_of_a_chain_into_a_terminal_is_high() {
        let mut s = stage(hospital());
        let mut ev = session(at(0.0), "10.10.40.10", "10.10.20.20", 3389, 30);
        ev.extend(session(at(5.0), "10.10.20.20", "10.10.20.10", 3389, 20));
        ev.extend(session(at(10.0), "10.10.20.10", "10.10.10.13", 3389, 6));
        s.play(ev);
        let f = s.findings();
        let last = f.iter().find(|f| f.orig.addr == Some(a("10.10.20.10"))).unwrap();
        assert_eq!(last.severity, Severity::High);
        assert_eq!(last.evidence["reached_from"], "10.10.20.20");
        let middle = f.iter().find(|f| f.orig.addr == Some(a("10.10.20.20"))).unwrap();
        assert_eq!(middle.severity, Severity::Medium);
        assert!(f.iter().all(|f| f.orig.addr != Some(a("10.10.40.10")) || f.severity < Severity::Medium), "the supplier's own hop is expected");
    }

    #[test]
    fn one_office_session_a_refused_logon_and_an_administrator_are_no_finding_of_weight() {
        let mut s = stage(hospital());
        let mut ev = session(at(0.0), "10.10.30.11", "10.10.20.20", 3389, 30);
        ev.extend(session(at(5.0), "10.10.20.5", "10.10.10.13", 3389, 20));
        ev.extend(smb_session(at(6.0), "10.10.20.5", "10.10.10.12", &["IPC$", "C$"]));
        ev.extend(smb_session(at(7.0), "10.10.10.12", "10.10.20.10", &["IPC$", "karte"]));
        let f = flow(at(40.0), "10.10.10.11", "10.10.10.12", 3389);
        ev.push(ended(record(f, at(40.3), [2_100, 2_400])));
        s.play(ev);
        assert!(s.worst().is_none_or(|w| w < Severity::Medium), "{:?}", s.said);
    }

    #[test]
    fn a_short_quiet_session_counts_when_it_ends_and_terminal_to_terminal_is_medium() {
        let mut s = stage(hospital());
        let f = flow(at(0.0), "10.10.10.11", "10.10.10.12", 3389);
        s.play(vec![contact(at(0.0), f, Outcome::Answered, crate::event::Shape::Syn), ended(record(f, at(6.6), [4_000, 5_500]))]);
        assert_eq!(s.worst(), Some(Severity::Medium));
    }

    #[test]
    fn files_on_a_share_are_no_administration_and_an_archive_at_its_task_is_silent() {
        let site = || hospital_with(&[("10.10.20.30", crate::site::Role::Pacs), ("10.10.10.61", crate::site::Role::Modality)]);
        let play = |from: &str, to: &str, trees: &[&str]| {
            let mut s = stage(site());
            s.play(smb_session(at(0.0), from, to, trees));
            s.worst()
        };
        assert_eq!(play("10.10.20.30", "10.10.10.61", &["IPC$", "export"]), None);
        assert!(play("10.10.20.30", "10.10.10.61", &["IPC$", "ADMIN$"]) >= Some(Severity::High));
        assert!(play("10.10.20.30", "10.10.10.13", &["IPC$", "C$"]) >= Some(Severity::High));
        for trees in [&["IPC$"][..], &["IPC$", "share"]] {
            assert_eq!(play("10.10.20.20", "10.10.10.13", trees), Some(Severity::Low), "a server that looks at {trees:?}");
            assert_eq!(play("10.10.10.12", "10.10.10.13", trees), Some(Severity::Low), "a colleague's computer, {trees:?}");
        }
    }

    #[test]
    fn what_is_encrypted_may_be_anything() {
        let mut s = stage(hospital());
        let mut ev = smb_session(at(0.0), "10.10.20.20", "10.10.10.13", &["IPC$"]);
        let f = crate::event::FlowInfo { recognised: true, ..flow(at(0.0), "10.10.20.20", "10.10.10.13", 445) };
        let sealed = crate::protocols::Message::Smb(Box::new(crate::protocols::smb::Smb::Encrypted));
        ev.insert(ev.len() - 1, message(at(0.01), f, true, sealed));
        s.play(ev);
        assert_eq!(s.worst(), Some(Severity::Medium));
    }
}
