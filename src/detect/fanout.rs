//! What the fan-out detectors share: per originator, the distinct responders it opened sessions to within a window, each with a weight that says
//! how unusual it is for such a responder to be visited; and the sum, judged together with confirming behaviour. Novelty alone never alarms.

use super::sessions::{Session, Shares, admin_service};
use super::signature::{Signature, SignatureError};
use super::{Finding, Scene, Subject};
use crate::base::{Addr, FiveTuple, Outcome, Service, Severity, Span, Timestamp};
use crate::bounded::{BoundedMap, DistinctCounter};
use crate::event::FlowInfo;
use crate::site::{Role, ZoneKind};

/// Most responders kept per originator; beyond, only their number is estimated. Raising it costs memory, not precision of the verdict.
const MAX_TARGETS: usize = 128;
/// An edge that existed this long before is habit, not spread.
const HABIT: Span = Span::hours(24);

/// The numbers of one fan-out detector.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    /// Distinct responders, at least.
    pub targets: usize,
    /// Score at which confirmed behaviour is `medium`.
    pub confirmed: f64,
    /// Score at which mere number is `medium`.
    pub plain: f64,
    /// Score at which it is `high`.
    pub high: f64,
    /// Responders that did not answer or refused, from which on the fan-out looks like a search.
    pub failures: usize,
    /// The time in which they are counted together.
    pub window: Span,
    /// That many responders within this time are no person's work.
    pub burst: Span,
}

impl Measure {
    pub fn from_signature(s: &Signature) -> Result<Measure, SignatureError> {
        let [targets, confirmed, plain, high, failures, window, burst] =
            s.require_all(["targets", "confirmed", "plain", "high", "failures", "window", "burst"])?;
        let (window, burst) = (Span::secs(window as u64), Span::secs(burst as u64));
        Ok(Measure { targets: targets as usize, confirmed, plain, high, failures: failures as usize, window, burst })
    }
}

/// One responder.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub addr: Addr,
    pub service: Service,
    pub first_ts: Timestamp,
    pub last_ts: Timestamp,
    pub lives: bool,
    pub logged_on: bool,
    pub shares: Shares,
    pub tuple: FiveTuple,
    pub packet: u64,
    pub user: Option<String>,
    pub user_source: &'static str,
}

#[derive(Debug, Default)]
struct Source {
    targets: Vec<Target>,
    beyond: DistinctCounter,
    failed: Vec<(Addr, Timestamp)>,
    flow: FlowInfo,
    said: Option<(Severity, u64)>,
}

/// All originators.
#[derive(Debug)]
pub(super) struct Fan {
    id: &'static str,
    measure: Measure,
    sources: BoundedMap<Addr, Source>,
}

/// What a responder's visit weighs.
pub(super) type Weigh = fn(&Scene<'_>, Addr, &Target) -> f64;

/// A judged fan-out.
struct Verdict {
    severity: Severity,
    count: u64,
    score: f64,
    failures: usize,
    admin_shares: usize,
    terminals: usize,
    burst: bool,
}

impl Fan {
    pub fn new(id: &'static str, measure: Measure) -> Fan {
        Fan { id, measure, sources: BoundedMap::new(8_192) }
    }
    pub fn held(&self) -> (usize, u64) {
        (self.sources.len(), self.sources.evicted())
    }
    /// A contact that failed: it may belong to a search for responders.
    pub fn failed(&mut self, orig: Addr, resp: Addr, now: Timestamp) {
        let window = self.measure.window;
        let s = self.sources.entry(orig, Source::default);
        s.failed.retain(|f| now.since(f.1) <= window && f.0 != resp);
        if s.failed.len() < MAX_TARGETS {
            s.failed.push((resp, now));
        }
    }
    /// A session that speaks, entered or lives.
    pub fn session(&mut self, session: &Session, scene: &Scene<'_>, weigh: Weigh, out: &mut Vec<Finding>) {
        let t = session.flow.tuple;
        let service = admin_service(&session.flow);
        if scene.assets.edges.get(t.orig, t.resp, service).is_some_and(|e| session.flow.first_ts.since(e.first_ts) > HABIT) {
            return;
        }
        let measure = self.measure;
        let source = self.sources.entry(t.orig, Source::default);
        source.flow = session.flow;
        source.admit(session, service, measure.window);
        let verdict = source.judge(t.orig, &measure, scene, weigh);
        let Some(verdict) = verdict.filter(|v| source.is_news(v)) else { return };
        source.said = Some((verdict.severity, verdict.count));
        out.push(source.finding(self.id, t.orig, scene, &verdict));
    }
}

impl Source {
    fn admit(&mut self, session: &Session, service: Service, window: Span) {
        let t = session.flow.tuple;
        let now = session.last_ts;
        self.targets.retain(|x| now.since(x.last_ts) <= window);
        self.failed.retain(|f| f.0 != t.resp);
        if let Some(x) = self.targets.iter_mut().find(|x| x.addr == t.resp) {
            x.last_ts = now;
            x.lives |= session.lives;
            x.logged_on |= session.logged_on;
            x.shares.ipc |= session.shares.ipc;
            x.shares.admin |= session.shares.admin;
            x.shares.disk |= session.shares.disk;
            x.shares.admin_denied |= session.shares.admin_denied;
            if x.user.is_none() {
                (x.user, x.user_source) = (session.user.clone(), session.user_source);
            }
            return;
        }
        self.beyond.add(t.resp.0 as u64 ^ (t.resp.0 >> 64) as u64);
        if self.targets.len() >= MAX_TARGETS {
            return;
        }
        self.targets.push(Target {
            addr: t.resp,
            service,
            first_ts: session.flow.first_ts,
            last_ts: now,
            lives: session.lives,
            logged_on: session.logged_on,
            shares: session.shares,
            tuple: t,
            packet: session.flow.first_packet,
            user: session.user.clone(),
            user_source: session.user_source,
        });
    }
    /// Is there more to say than last time? Beyond 16 responders only doublings are.
    fn is_news(&self, v: &Verdict) -> bool {
        self.said.is_none_or(|(severity, count)| v.severity > severity || v.count > count && (v.count <= 16 || v.count >= 2 * count))
    }
    fn judge(&self, orig: Addr, m: &Measure, scene: &Scene<'_>, weigh: Weigh) -> Option<Verdict> {
        let n = self.targets.len();
        if n < m.targets {
            return None;
        }
        let failures = self.failed.len();
        let admin_shares = self.targets.iter().filter(|t| t.shares.admin || t.shares.admin_denied).count();
        let terminals = self.targets.iter().filter(|t| is_terminal(scene, t.addr)).count();
        let searched = failures >= m.failures;
        let stranger = matches!(scene.site.kind(orig), Some(ZoneKind::Vendor | ZoneKind::Guest)) || scene.site.is_internet(orig);
        let mut score: f64 = self.targets.iter().map(|t| weigh(scene, orig, t)).sum();
        score += if searched { 1.0 } else { 0.0 } + if stranger { 1.0 } else { 0.0 };
        let burst = self.is_burst(m);
        // Pace alone is also an inventory's or a backup's: it confirms, but does not make it high.
        let telling = searched || admin_shares >= 2 || terminals >= 2 || stranger;
        let confirmed = telling || burst;
        let severity = if scene.site.may_administer(orig) || is_administrator(scene.assets.role(orig)) {
            Severity::Info
        } else if score >= m.high && telling || score >= m.confirmed && searched && terminals.max(admin_shares) >= 2 {
            Severity::High
        } else if score >= m.plain || confirmed && score >= m.confirmed {
            Severity::Medium
        } else {
            return None;
        };
        let count = if n < MAX_TARGETS { n as u64 } else { u64::from(self.beyond.count()).max(n as u64) };
        Some(Verdict { severity, count, score, failures, admin_shares, terminals, burst })
    }
    /// Were enough responders first visited within the burst time?
    fn is_burst(&self, m: &Measure) -> bool {
        let mut firsts: Vec<Timestamp> = self.targets.iter().map(|t| t.first_ts).collect();
        firsts.sort_unstable();
        firsts.windows(m.targets.max(1)).any(|w| matches!((w.first(), w.last()), (Some(a), Some(b)) if b.since(*a) <= m.burst))
    }
    fn finding(&self, id: &'static str, orig: Addr, scene: &Scene<'_>, v: &Verdict) -> Finding {
        let mut f = Finding::new(id, orig.to_string(), scene.now, v.severity, Subject::addr(orig));
        let (mut first, mut last) = (scene.now, Timestamp(0));
        let mut users: Vec<String> = Vec::new();
        for t in &self.targets {
            first = first.min(t.first_ts);
            last = last.max(t.last_ts);
            f.add_resp(t.addr);
            if f.flows.len() < Finding::MAX_PROOF {
                f.flows.push(t.tuple);
            }
            f.add_packet(t.packet);
            f.outcome = f.outcome.max(if t.logged_on || t.lives { Outcome::Succeeded } else { Outcome::Answered });
            if let Some(u) = t.user.as_ref().filter(|u| !users.contains(u) && users.len() < 8) {
                users.push(u.clone());
                f.set("user_source", t.user_source);
            }
        }
        (f.first_ts, f.last_ts) = (first, last);
        for vlan in self.flow.vlan {
            f.add_vlan(vlan);
        }
        f.service = self.targets.last().map_or(Service::Unknown, |t| t.service);
        f.count = v.count;
        f.user = users.first().cloned();
        if users.is_empty() {
            f.set("user_source", "none: the logon was not readable");
        }
        f.set("users", users);
        f.set("score", (v.score * 100.0).round() / 100.0);
        f.set("failed_responders", v.failures);
        f.set("admin_shares", v.admin_shares);
        f.set("terminals", v.terminals);
        f.set("burst", v.burst);
        f.set("seconds", (last.since(first).as_secs_f64() * 10.0).round() / 10.0);
        f.set("hops", self.hops());
        f
    }
    /// The steps, for the incident's path.
    fn hops(&self) -> Vec<serde_json::Value> {
        let mut all: Vec<&Target> = self.targets.iter().collect();
        all.sort_by_key(|t| (t.first_ts, t.addr));
        all.iter()
            .take(Finding::MAX_RESP)
            .map(|t| {
                let outcome = if t.logged_on || t.lives { Outcome::Succeeded } else { Outcome::Answered };
                super::hop(t.first_ts, t.tuple.orig, t.addr, t.service, t.user.as_deref(), outcome)
            })
            .collect()
    }
}

/// A host that people work at, or a modality: nobody's server. By ledger or learned role, else by a clinical or office zone without a role.
pub(super) fn is_terminal(scene: &Scene<'_>, a: Addr) -> bool {
    match scene.assets.role(a) {
        Role::Terminal | Role::Modality | Role::Phone => true,
        Role::Unknown => matches!(scene.site.kind(a), Some(ZoneKind::Clinical | ZoneKind::Office)),
        _ => false,
    }
}

/// A host that others are expected to visit: by ledger or learned role, or because several hosts use it, or it offers directory services.
pub(super) fn is_server(scene: &Scene<'_>, a: Addr, service: Service) -> bool {
    let role = scene.assets.role(a);
    matches!(role, Role::Server | Role::Infrastructure | Role::Management | Role::Backup | Role::Pacs)
        || scene.assets.services.users_of(a, service) >= 3
        || [88, 389, 53].iter().any(|p| scene.assets.services.offers(a, crate::base::proto::TCP, *p))
}

/// Expected to administer others.
pub(super) fn is_administrator(role: Role) -> bool {
    matches!(role, Role::Infrastructure | Role::Management | Role::Backup)
}
