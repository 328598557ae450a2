//! What of an originator's visits is one story: from the first unusual one on. And how it is told.

use super::super::{Finding, Scene, Subject};
use super::source::Source;
use super::target::Target;
use super::verdict::Verdict;
use super::{Measure, UNUSUAL, Weigh};
use crate::base::{Addr, Outcome, Span, Timestamp};
use crate::bounded::DistinctCounter;
use crate::event::FlowInfo;

/// Most accounts named.
const MAX_USERS: usize = 8;

/// The visits of one story with their weights, in the order in which the responders were met.
pub(super) struct Story<'a> {
    pub orig: Addr,
    pub targets: Vec<(&'a Target, f64)>,
    pub failed: &'a [(Addr, Timestamp)],
    pub beyond: &'a DistinctCounter,
}

impl<'a> Story<'a> {
    /// Visits from the first unusual one on, and those that ran up to it at the story's own pace as the same account; all of them if none is unusual.
    pub fn of(orig: Addr, source: &'a Source, m: &Measure, scene: &Scene<'_>, weigh: Weigh) -> Story<'a> {
        let mut targets: Vec<(&Target, f64)> = source.targets.iter().map(|t| (t, weigh(scene, orig, t))).collect();
        let mut unusual: Vec<&Target> = targets.iter().filter(|t| t.1 >= UNUSUAL).map(|t| t.0).collect();
        unusual.sort_by_key(|t| t.first_ts());
        if let Some(first) = unusual.first().map(|t| t.first_ts()) {
            let start = run_up(first, &unusual, &targets, m);
            let one_of_them = |t: &Target| unusual.iter().any(|u| u.visit.user == t.visit.user);
            targets.retain(|t| t.1 >= UNUSUAL || t.0.first_ts() >= first || t.0.first_ts() >= start && one_of_them(t.0));
        }
        Story { orig, targets, failed: &source.failed, beyond: &source.beyond }
    }
    /// Tries that failed and ran up to the first visit, without a longer pause than a burst's, belong to it.
    fn since(&self, first: Timestamp, m: &Measure) -> Timestamp {
        let mut times: Vec<Timestamp> = self.failed.iter().map(|f| f.1).filter(|t| *t < first).collect();
        times.sort_unstable();
        times.iter().rev().fold(first, |start, t| if start.since(*t) <= m.burst { *t } else { start })
    }
    /// Accounts with what weighs the visits under them, the most telling first. Those of unusual visits count alone, if one has an account.
    fn users(&self) -> Vec<(&str, &'static str, f64)> {
        let mut all: Vec<(&str, &'static str, f64)> = Vec::new();
        for least in [UNUSUAL, 0.0] {
            for (t, weight) in self.targets.iter().filter(|t| t.1 >= least) {
                let Some(user) = t.visit.user.as_deref() else { continue };
                match all.iter_mut().find(|u| u.0 == user) {
                    Some(u) => u.2 += weight,
                    None => all.push((user, t.visit.user_source, *weight)),
                }
            }
            if !all.is_empty() {
                break;
            }
        }
        all.sort_by(|a, b| b.2.total_cmp(&a.2));
        all.truncate(MAX_USERS);
        all
    }
    pub fn finding(&self, id: &'static str, flow: &FlowInfo, m: &Measure, scene: &Scene<'_>, v: &Verdict) -> Finding {
        let mut f = Finding::new(id, self.orig.to_string(), scene.now, v.severity, Subject::addr(self.orig));
        let (mut first, mut last) = (scene.now, Timestamp(0));
        for (t, _) in &self.targets {
            first = first.min(t.first_ts());
            last = last.max(t.last_ts);
            f.add_resp(t.addr);
            if f.flows.len() < Finding::MAX_PROOF {
                f.flows.push(t.visit.flow.tuple);
            }
            f.add_packet(t.visit.flow.first_packet);
            f.outcome = f.outcome.max(outcome(t));
            f.service = t.service;
        }
        (f.first_ts, f.last_ts) = (if v.searched { self.since(first, m) } else { first }, last);
        for vlan in flow.vlan {
            f.add_vlan(vlan);
        }
        f.count = v.count;
        let users = self.users();
        let nobody = self.targets.first().map_or("", |t| t.0.visit.user_source);
        f.set("user_source", users.first().map_or(nobody, |u| u.1));
        f.user = users.first().map(|u| u.0.to_owned());
        f.set("users", users.iter().map(|u| u.0).collect::<Vec<_>>());
        f.set("score", (v.score * 100.0).round() / 100.0);
        f.set("failed_responders", v.failures);
        f.set("refused_logons", v.refused);
        f.set("admin_shares", v.admin_shares);
        f.set("terminals", v.terminals);
        f.set("burst", v.burst);
        f.set("seconds", (f.last_ts.since(f.first_ts).as_secs_f64() * 10.0).round() / 10.0);
        if let Some(why) = v.milder {
            f.set("milder", why);
        }
        f.set("hops", self.hops());
        f
    }
    /// The steps, for the incident's path.
    fn hops(&self) -> Vec<serde_json::Value> {
        let mut all: Vec<&Target> = self.targets.iter().map(|t| t.0).collect();
        all.sort_by_key(|t| (t.first_ts(), t.addr));
        let told = all.iter().take(Finding::MAX_RESP);
        told.map(|t| super::super::hop(t.first_ts(), t.visit.flow.tuple.orig, t.addr, t.service, t.visit.user.as_deref(), outcome(t))).collect()
    }
}

/// Back from the first unusual visit through visits as one of its accounts, no further apart than three times what lies between unusual ones (at most
/// a burst; a second is no pause for anybody).
fn run_up(first: Timestamp, unusual: &[&Target], all: &[(&Target, f64)], m: &Measure) -> Timestamp {
    let gaps = unusual.windows(2).filter_map(|w| Some(w.last()?.first_ts().since(w.first()?.first_ts())));
    let pace = gaps.max().map_or(m.burst, |g| Span(3 * g.0).max(Span::secs(1)).min(m.burst));
    let is_one = |t: &Target| unusual.iter().any(|u| u.visit.user == t.visit.user);
    let mut before: Vec<Timestamp> = all.iter().filter(|t| t.0.first_ts() < first && is_one(t.0)).map(|t| t.0.first_ts()).collect();
    before.sort_unstable();
    before.iter().rev().fold(first, |start, t| if start.since(*t) <= pace { *t } else { start })
}

fn outcome(t: &Target) -> Outcome {
    if t.logged_on || t.lives { Outcome::Succeeded } else { Outcome::Answered }
}
