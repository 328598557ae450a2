//! `spread-path`: remote-administration sessions that follow from one another, A to B, then B to C while the first was alive or not long over
//! (after Hopper, Ho et al., USENIX Security 2021, on wire sessions instead of logon logs; ATT&CK T1021, T1570). The originator of the finding is
//! the first hop's: where it began.

use super::hosts::{is_administrator, is_server, is_task, is_terminal};
use super::sessions::{Content, Session, Sessions, admin_service};
use super::signature::{Signature, SignatureError};
use super::{Detector, Finding, Scene, Subject};
use crate::base::{Addr, FiveTuple, Outcome, Service, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, Interest};
use crate::site::{Role, ZoneKind};

/// Detector id.
pub const ID: &str = "spread-path";
/// Most edges remembered per host and direction. More would let a busy jump host crowd nothing out, at the cost of longer walks.
const MAX_EDGES: usize = 32;
/// Most hops of one path's tree.
const MAX_HOPS: usize = 64;
/// Longest way back to the first hop.
const MAX_DEPTH: usize = 16;

/// The numbers of `signatures/spread-path.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// A hop follows from a session into its source this long after that was last seen.
    after: Span,
    /// An edge first seen this long before is habit.
    habit: Span,
    /// Points for `medium`.
    medium: f64,
    /// Points for `high`.
    high: f64,
    /// Ordinary hours, by the hospital's clock.
    hours: (f64, f64),
}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        let [after, habit, medium, high, from, until] = s.require_all(["after", "habit", "medium", "high", "day_from", "day_until"])?;
        Ok(Tuning { after: Span::secs(after as u64), habit: Span::secs(habit as u64), medium, high, hours: (from, until) })
    }
}

/// How an administrator came in: an expected way at an expected hour needs no word, at another hour a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    FrontDoor,
    AtNight,
    Other,
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(SpreadPath::new(Tuning::from_signature(s)?)))
}

/// One edge that was used.
#[derive(Clone, Debug, PartialEq)]
struct Step {
    from: Addr,
    to: Addr,
    via: Service,
    start: Timestamp,
    last: Timestamp,
    ended: bool,
    habit: bool,
    admin_share: bool,
    user: Option<String>,
    user_source: &'static str,
    tuple: FiveTuple,
    packet: u64,
}

impl Step {
    /// Can `next` follow from this step?
    fn causes(&self, next: &Step, after: Span) -> bool {
        self.to == next.from && self.from != next.to && self.start <= next.start && (!self.ended || next.start.since(self.last) <= after)
    }
}

/// State.
#[derive(Debug)]
pub struct SpreadPath {
    tuning: Tuning,
    sessions: Sessions,
    into: BoundedMap<Addr, Vec<Step>>,
    out_of: BoundedMap<Addr, Vec<Step>>,
    said: BoundedMap<Addr, (Severity, usize)>,
}

impl SpreadPath {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> SpreadPath {
        SpreadPath {
            tuning,
            sessions: Sessions::new(16_384, |s| s == Service::Smb || s.is_interactive()),
            into: BoundedMap::new(8_192),
            out_of: BoundedMap::new(8_192),
            said: BoundedMap::new(8_192),
        }
    }
    /// Keeps a step; a further session on the same edge prolongs it. True if it is new.
    fn keep(&mut self, step: &Step) -> bool {
        let after = self.tuning.after;
        let new = remember(self.into.entry(step.to, Vec::new), step, after);
        remember(self.out_of.entry(step.from, Vec::new), step, after);
        new
    }
    /// The steps back from `step` to where it began, `step` first.
    fn back(&self, step: &Step) -> Vec<Step> {
        let mut path = vec![step.clone()];
        while let Some(cur) = path.last()
            && path.len() < MAX_DEPTH
        {
            let before = self.into.get(&cur.from).into_iter().flatten();
            let best = before.filter(|s| s.causes(cur, self.tuning.after) && !path.iter().any(|p| p.to == s.to)).max_by_key(|s| (s.start, s.from));
            match best {
                Some(s) => path.push(s.clone()),
                None => break,
            }
        }
        path
    }
    /// Everything that follows from the first step, in time order.
    fn tree(&self, root: &Step) -> Vec<Step> {
        let mut all = vec![root.clone()];
        let mut i = 0;
        while let Some(cur) = all.get(i).cloned()
            && all.len() < MAX_HOPS
        {
            i += 1;
            let next: Vec<Step> = self
                .out_of
                .get(&cur.to)
                .into_iter()
                .flatten()
                .filter(|s| cur.causes(s, self.tuning.after) && !s.habit && s.to != root.from && !all.iter().any(|x| x.to == s.to))
                .take(MAX_HOPS - all.len())
                .cloned()
                .collect();
            all.extend(next);
        }
        all.sort_by_key(|s| (s.start, s.from, s.to));
        all
    }
    fn judge(&self, tree: &[Step], scene: &Scene<'_>) -> Option<(f64, Vec<&'static str>)> {
        let root = tree.first()?;
        if scene.site.may_administer(root.from) || is_administrator(scene.assets.role(root.from)) {
            return None;
        }
        let stranger = matches!(scene.site.kind(root.from), Some(ZoneKind::Vendor | ZoneKind::Guest)) || scene.site.is_internet(root.from);
        let depth = self.depth(tree);
        let later = tree.get(1..).unwrap_or_default();
        let mut users = tree.iter().filter_map(|s| s.user.as_deref());
        let switched = users.next().is_some_and(|first| users.any(|u| !u.eq_ignore_ascii_case(first)));
        let signs = [
            ("three hops or more in a row", 2.0, depth >= 3),
            ("one host went on to several", 1.0, tree.len() > depth),
            ("began in a supplier or guest zone or on the internet", 2.0, stranger),
            (
                "reached a terminal or the clinical zone from elsewhere",
                1.0,
                later.iter().any(|s| is_terminal(scene, s.to) && !is_terminal(scene, s.from)),
            ),
            ("terminal to terminal", 1.0, later.iter().any(|s| is_terminal(scene, s.to) && is_terminal(scene, s.from))),
            ("administrative share", 1.0, later.iter().any(|s| s.admin_share)),
            ("another account after the first hop", 1.0, switched),
        ];
        let hit = signs.iter().filter(|x| x.2);
        Some((hit.clone().map(|x| x.1).sum(), hit.map(|x| x.0).collect()))
    }
    /// Administrators enter a host that the ledger lists for management (or for inventory and distribution, role infrastructure; not a backup) by a
    /// remote desktop or shell, from a listed terminal outside the wards, and go on from there: that is what it is for. Nobody had entered that place of work before, or it were not the first hop. What goes on from a host
    /// that is not for management is another matter, and so is whoever comes from a ward, a supplier, a guest or outside.
    fn way(&self, tree: &[Step], scene: &Scene<'_>) -> Way {
        let Some((root, later)) = tree.split_first() else { return Way::Other };
        let site = scene.site;
        let workplace = site.ledger.by_addr(root.from).is_some_and(|e| e.role == Role::Terminal)
            && matches!(site.kind(root.from), Some(ZoneKind::Office | ZoneKind::Server | ZoneKind::Management));
        let for_management = site.ledger.by_addr(root.to).is_some_and(|e| matches!(e.role, Role::Management | Role::Infrastructure))
            || site.kind(root.to) == Some(ZoneKind::Management);
        let through = root.via.is_interactive() && for_management && later.iter().all(|s| site.may_administer(s.from));
        if !workplace || !through {
            return Way::Other;
        }
        // Without a declared time zone nobody knows when it is night there.
        if !site.calendar.declared {
            return Way::FrontDoor;
        }
        let local = site.calendar.local(root.start);
        let hour = f64::from(local.hour()) + f64::from(local.minute()) / 60.0;
        if (self.tuning.hours.0..self.tuning.hours.1).contains(&hour) { Way::FrontDoor } else { Way::AtNight }
    }
    /// The longest chain in the tree.
    fn depth(&self, tree: &[Step]) -> usize {
        let mut depth: Vec<usize> = Vec::with_capacity(tree.len());
        for s in tree {
            let before = tree.iter().zip(&depth).filter(|(p, _)| p.causes(s, self.tuning.after)).map(|(_, d)| *d).max();
            depth.push(before.unwrap_or(0) + 1);
        }
        depth.into_iter().max().unwrap_or(0)
    }
    fn finding(&self, tree: &[Step], severity: Severity, score: f64, reasons: Vec<&'static str>, scene: &Scene<'_>) -> Option<Finding> {
        let root = tree.first()?;
        let mut f = Finding::new(ID, root.from.to_string(), scene.now, severity, Subject::addr(root.from));
        f.first_ts = root.start;
        f.last_ts = tree.iter().map(|s| s.last).max().unwrap_or(root.last);
        (f.service, f.outcome) = (tree.last()?.via, Outcome::Succeeded);
        f.count = tree.len() as u64;
        let user = tree.iter().rev().find_map(|s| s.user.clone().map(|u| (u, s.user_source)));
        f.set("user_source", user.as_ref().map_or(root.user_source, |u| u.1));
        f.user = user.map(|u| u.0);
        for s in tree {
            f.add_resp(s.to);
            if f.flows.len() < Finding::MAX_PROOF {
                f.flows.push(s.tuple);
            }
            f.add_packet(s.packet);
        }
        let path: Vec<_> = tree.iter().map(|s| super::hop(s.start, s.from, s.to, s.via, s.user.as_deref(), Outcome::Succeeded)).collect();
        f.set("path", path);
        f.set("hops_in_a_row", self.depth(tree));
        let words: Vec<String> = tree.iter().map(|s| format!("{} > {} ({})", s.from, s.to, s.via)).collect();
        f.set("way", words.join(", "));
        f.set("score", score);
        f.set("reasons", reasons);
        Some(f)
    }
}

impl Detector for SpreadPath {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::ADMIN
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some((s, _)) = self.sessions.update(event, scene) else { return };
        let Some(step) = self.step(&s, scene) else { return };
        if !self.keep(&step) {
            return;
        }
        let Some(root) = self.back(&step).pop() else { return };
        let tree = self.tree(&root);
        if tree.len() < 2 || tree.iter().skip(1).all(|s| s.habit) {
            return;
        }
        let way = self.way(&tree, scene);
        let Some((score, reasons)) = self.judge(&tree, scene).filter(|_| way != Way::FrontDoor) else { return };
        let severity = match score {
            x if x >= self.tuning.high && way == Way::Other => Severity::High,
            x if x >= self.tuning.medium => Severity::Medium,
            _ => Severity::Low,
        };
        let said = self.said.get(&root.from).copied().unwrap_or_default();
        if said.1 > 0 && severity <= said.0 && tree.len() <= said.1 {
            return;
        }
        self.said.insert(root.from, (severity.max(said.0), tree.len()));
        out.extend(self.finding(&tree, severity.max(said.0), score, reasons, scene));
    }
    fn held(&self) -> (usize, u64) {
        let a = self.sessions.held();
        (a.0 + self.into.len() + self.out_of.len() + self.said.len(), a.1 + self.into.evicted() + self.out_of.evicted() + self.said.evicted())
    }
}

impl SpreadPath {
    /// A session as a step of a path: interactive ones that are worked in; SMB ones into an administrative share, or into a host that is nobody's
    /// file server. Reading files from a file server leads nowhere, nor does a look at what shares there are, nor files where it is somebody's task to
    /// have them.
    fn step(&self, s: &Session, scene: &Scene<'_>) -> Option<Step> {
        let (t, via) = (s.flow.tuple, admin_service(&s.flow));
        let is_step = match via {
            Service::Smb => s.logged_on && self.is_smb_step(s, scene),
            _ => s.lives,
        };
        let habit = scene.assets.edges.is_habit(t.orig, t.resp, via, s.flow.first_ts, self.tuning.habit);
        is_step.then(|| Step {
            from: t.orig,
            to: t.resp,
            via,
            start: s.flow.first_ts,
            last: s.last_ts,
            ended: s.ended,
            habit,
            admin_share: s.shares.admin,
            user: s.user.clone(),
            user_source: s.user_source,
            tuple: t,
            packet: s.flow.first_packet,
        })
    }
}

impl SpreadPath {
    fn is_smb_step(&self, s: &Session, scene: &Scene<'_>) -> bool {
        let resp = s.flow.tuple.resp;
        let nobodys = is_terminal(scene, resp) || !is_server(scene, resp, Service::Smb);
        match s.shares.content() {
            Content::Admin => s.shares.admin || is_terminal(scene, resp),
            Content::Files => nobodys && !is_task(scene, s.flow.tuple.orig, resp),
            Content::Sealed => is_terminal(scene, resp) || nobodys && s.shares.disk,
            Content::Unknown => is_terminal(scene, resp) && (s.ended || s.lives),
            Content::Pipes => false,
        }
    }
}

/// True if the edge was not there, or was over for longer than `after`.
fn remember(list: &mut Vec<Step>, step: &Step, after: Span) -> bool {
    if let Some(old) = list.iter_mut().find(|s| s.from == step.from && s.to == step.to && s.via == step.via) {
        let again = old.ended && step.start.since(old.last) > after;
        if again {
            *old = step.clone();
            return true;
        }
        // Flow records may come out of order: the earliest start counts, and a parallel session keeps the edge alive.
        old.start = old.start.min(step.start);
        old.ended = if step.last >= old.last { step.ended } else { old.ended };
        old.last = old.last.max(step.last);
        old.admin_share |= step.admin_share;
        if old.user.is_none() {
            (old.user, old.user_source) = (step.user.clone(), step.user_source);
        }
        return false;
    }
    if list.len() >= MAX_EDGES {
        let oldest = list.iter().enumerate().min_by_key(|(_, s)| s.last).map(|(i, _)| i);
        if let Some(i) = oldest {
            list.remove(i);
        }
    }
    list.push(step.clone());
    true
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn stage(site: crate::site::Site) -> Stage {
        Stage::new(site, build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap())
    }

    fn way(f: &Finding) -> Vec<(String, String)> {
        let hops = f.evidence["path"].as_array().unwrap();
        hops.iter().map(|h| (h["from"].as_str().unwrap().into(), h["to"].as_str().unwrap().into())).collect()
    }

    #[test]
    fn nested_sessions_make_one_path_whose_first_host_is_patient_zero() {
        let mut s = stage(hospital());
        let mut ev = session(at(0.0), "10.10.40.10", "10.10.20.20", 3389, 24);
        ev.extend(session(at(5.0), "10.10.20.20", "10.10.20.10", 3389, 15));
        // The last hop is short and quiet: known only when it ends.
        let f = flow(at(10.0), "10.10.20.10", "10.10.10.13", 3389);
        ev.push(ended(record(f, at(16.6), [4_000, 5_500])));
        s.play(ev);
        let f = s.findings();
        assert_eq!((f.len(), f[0].severity, f[0].orig.addr), (1, Severity::High, Some(a("10.10.40.10"))));
        let hosts = ["10.10.40.10", "10.10.20.20", "10.10.20.10", "10.10.10.13"];
        let want: Vec<(String, String)> = hosts.windows(2).map(|w| (w[0].to_owned(), w[1].to_owned())).collect();
        assert_eq!(way(f[0]), want);
    }

    #[test]
    fn a_first_hop_that_is_learned_last_still_becomes_the_root() {
        let mut s = stage(hospital());
        let first = flow(at(0.0), "10.10.40.10", "10.10.20.20", 3389);
        let mut ev = session(at(5.0), "10.10.20.20", "10.10.10.13", 3389, 5);
        ev.push(ended(record(first, at(30.0), [4_000, 5_500])));
        s.play(ev);
        assert_eq!(s.findings()[0].orig.addr, Some(a("10.10.40.10")));
        assert_eq!(way(s.findings()[0]).len(), 2);
    }

    #[test]
    fn rdp_then_smb_to_terminals_fans_out_from_one_root() {
        let mut s = stage(hospital());
        let mut ev = session(at(0.0), "10.10.40.10", "10.10.20.20", 3389, 30);
        ev.extend(smb_session(at(5.0), "10.10.20.20", "10.10.10.11", &["share"]));
        ev.extend(smb_session(at(6.0), "10.10.20.20", "10.10.10.13", &["share"]));
        s.play(ev);
        assert_eq!((s.worst(), s.findings()[0].count), (Some(Severity::High), 3));
    }

    #[test]
    fn file_server_users_backups_and_administrators_make_no_path() {
        let mut s = stage(hospital());
        let mut ev = Vec::new();
        for pc in 11..16 {
            ev.extend(smb_session(at(f64::from(pc)), &format!("10.10.10.{pc}"), "10.10.20.10", &["karte"]));
        }
        ev.extend(smb_session(at(30.0), "10.10.20.10", "10.10.20.20", &["backup"]));
        ev.extend(session(at(40.0), "10.10.20.5", "10.10.20.20", 3389, 600));
        ev.extend(session(at(60.0), "10.10.20.20", "10.10.20.10", 3389, 300));
        s.play(ev);
        assert!(s.worst().is_none_or(|w| w < Severity::Medium), "{:?}", s.said);
    }

    #[test]
    fn an_effect_before_its_cause_is_none() {
        let mut s = stage(hospital());
        let mut ev = session(at(0.0), "10.10.20.20", "10.10.10.13", 3389, 5);
        ev.extend(session(at(60.0), "10.10.40.10", "10.10.20.20", 3389, 5));
        s.play(ev);
        assert!(s.said.is_empty());
    }

    /// Into the management server, and from there to a server by desktop and to two terminals by their administrative shares.
    fn through_management(hour: f64, from: &str, onward: bool) -> Stage {
        through(hospital_with(&[("10.10.20.6", Role::Management)]), hour, from, onward)
    }

    fn through(site: crate::site::Site, hour: f64, from: &str, onward: bool) -> Stage {
        let calendar = crate::site::Calendar::new("Europe/Lisbon", vec![]).unwrap();
        let mut s = stage(crate::site::Site { calendar, ..site });
        let t = |secs: f64| at(hour * 3_600.0 + secs);
        let mut ev = session(t(0.0), from, "10.10.20.6", 3389, 600);
        ev.extend(session(t(30.0), "10.10.20.6", "10.10.20.10", 3389, 60));
        ev.extend(smb_session(t(120.0), "10.10.20.6", "10.10.10.11", &["IPC$", "ADMIN$"]));
        ev.extend(smb_session(t(130.0), "10.10.20.6", "10.10.10.13", &["IPC$", "ADMIN$"]));
        if onward {
            ev.extend(smb_session(t(140.0), "10.10.10.13", "10.10.10.14", &["IPC$", "ADMIN$"]));
        }
        s.play(ev);
        s
    }

    #[test]
    fn administrators_enter_by_the_front_door() {
        // The clock of these tests begins at 20:13.
        assert_eq!(through_management(0.0, "10.10.30.11", false).worst(), None);
        assert_eq!(through_management(5.0, "10.10.30.11", false).worst(), Some(Severity::Medium), "the same after one o'clock at night");
        assert_eq!(through_management(0.0, "10.10.30.77", false).worst(), Some(Severity::Medium), "from a computer that is not listed");
        assert_eq!(through_management(0.0, "10.10.10.12", false).worst(), Some(Severity::Medium), "from a ward");
        assert_eq!(through_management(0.0, "10.10.40.10", false).worst(), Some(Severity::High), "from a supplier");
        assert_eq!(through_management(0.0, "10.10.30.11", true).worst(), Some(Severity::High), "and on from a terminal");
        let server = hospital_with(&[("10.10.20.6", Role::Backup)]);
        assert_eq!(through(server, 0.0, "10.10.30.11", false).worst(), Some(Severity::Medium), "a backup server is no way in");
    }

    #[test]
    fn a_look_at_shares_leads_nowhere() {
        let mut s = stage(hospital());
        let mut ev = session(at(0.0), "10.10.30.11", "10.10.20.20", 3389, 60);
        ev.extend((11..17).flat_map(|n| smb_session(at(f64::from(n)), "10.10.20.20", &format!("10.10.10.{n}"), &["IPC$"])));
        s.play(ev);
        assert!(s.said.is_empty(), "{:?}", s.said);
    }
}
