//! One growing story: what an incident is, and how it is told from its findings.

use super::Kept;
use super::stage::{Stage, enters, stage_of};
use crate::base::{Addr, Outcome, Service, Severity, Timestamp};
use crate::site::{Site, ZoneKind};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Most steps and hosts told of one incident.
const MAX_PATH: usize = 256;

/// One step of a path.
#[derive(Clone, PartialEq, Debug)]
pub struct Hop {
    /// When the step was made.
    pub ts: Timestamp,
    /// From whom.
    pub from: Addr,
    /// To whom.
    pub to: Addr,
    /// By what.
    pub via: Service,
    /// As whom, if known.
    pub user: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
}

impl Hop {
    /// From a detector's evidence (`detect::hop`).
    fn read(v: &Value) -> Option<Hop> {
        let text = |k: &str| v.get(k).and_then(Value::as_str);
        Some(Hop {
            ts: Timestamp(v.get("ts_ns")?.as_u64()?),
            from: text("from")?.parse().ok()?,
            to: text("to")?.parse().ok()?,
            via: text("via")?.parse().ok()?,
            user: text("user").map(str::to_owned),
            outcome: text("outcome")?.parse().unwrap_or_default(),
        })
    }
}

/// One growing story.
#[derive(Clone, PartialEq, Debug)]
pub struct Incident {
    /// `I0001` in order of opening.
    pub id: String,
    /// Rises with every change.
    pub rev: u32,
    /// First evidence.
    pub opened: Timestamp,
    /// Last evidence.
    pub last_ts: Timestamp,
    /// Worst severity, raised by combination.
    pub severity: Severity,
    /// How far it came.
    pub stage: Stage,
    /// Where it began: address or MAC.
    pub patient_zero: String,
    /// `supplier unlisted-device local beacon internet unknown`.
    pub origin: &'static str,
    /// Every host of the story.
    pub hosts: Vec<String>,
    /// The path, in time order.
    pub path: Vec<Hop>,
    /// Ids of its findings.
    pub findings: Vec<String>,
    /// Files known to be lost.
    pub files_lost: u64,
}

impl Incident {
    /// An incident that has nothing yet.
    pub(super) fn new(id: String, ts: Timestamp) -> Incident {
        Incident {
            id,
            rev: 0,
            opened: ts,
            last_ts: ts,
            severity: Severity::Info,
            stage: Stage::Entry,
            patient_zero: String::new(),
            origin: "unknown",
            hosts: Vec::new(),
            path: Vec::new(),
            findings: Vec::new(),
            files_lost: 0,
        }
    }
    /// Tells the story anew from its findings; the revision rises if anything changed.
    pub(super) fn tell(&mut self, members: &[&Kept], site: &Site) {
        let old = self.clone();
        let weighty: Vec<&&Kept> = members.iter().filter(|k| k.finding.severity >= Severity::Medium).collect();
        self.findings = members.iter().map(|k| k.id.clone()).collect();
        self.opened = weighty.iter().map(|k| k.finding.first_ts).min().unwrap_or(self.opened);
        self.last_ts = members.iter().map(|k| k.finding.last_ts).max().unwrap_or(self.last_ts);
        let stages: BTreeSet<Stage> = weighty.iter().map(|k| stage_of(k.finding.detector)).collect();
        self.stage = stages.last().copied().unwrap_or(Stage::Entry);
        self.severity = combined(weighty.iter().map(|k| k.finding.severity).max().unwrap_or_default(), &stages);
        self.path = path(&weighty);
        self.patient_zero = patient_zero(&weighty, &self.path);
        self.origin = origin(&self.patient_zero, members, &self.path, self.stage, site);
        self.hosts = hosts(&self.patient_zero, &weighty, &self.path);
        self.files_lost = members.iter().filter_map(|k| k.finding.evidence.get("files_lost")?.as_u64()).sum();
        if old != *self {
            self.rev += 1;
        }
    }
}

/// The worst of its findings; two stages of one attack are high, spread with a search and a way out is critical.
fn combined(worst: Severity, stages: &BTreeSet<Stage>) -> Severity {
    let has = |s| stages.contains(&s);
    let before = has(Stage::Recon) || has(Stage::Privilege);
    let after = has(Stage::Staging) || has(Stage::Impact);
    if has(Stage::Spread) && (before && after || has(Stage::Impact)) {
        Severity::Critical
    } else if has(Stage::Spread) && (before || after) {
        worst.max(Severity::High)
    } else {
        worst
    }
}

/// All steps that findings prove, each edge once at its earliest, in time order.
fn path(members: &[&&Kept]) -> Vec<Hop> {
    let mut edges: BTreeMap<(Addr, Addr, Service), Hop> = BTreeMap::new();
    for k in members {
        let steps = ["path", "hops"].iter().filter_map(|key| k.finding.evidence.get(*key)?.as_array());
        for hop in steps.flatten().filter_map(Hop::read) {
            let key = (hop.from, hop.to, hop.via);
            if let Some(old) = edges.get_mut(&key) {
                old.ts = old.ts.min(hop.ts);
                old.outcome = old.outcome.max(hop.outcome);
                old.user = old.user.take().or(hop.user);
            } else if edges.len() < MAX_PATH {
                edges.insert(key, hop);
            }
        }
    }
    let mut all: Vec<Hop> = edges.into_values().collect();
    all.sort_by_key(|h| (h.ts, h.from, h.to, h.via));
    all
}

/// From the earliest finding's originator back along the path to where it began.
fn patient_zero(members: &[&&Kept], path: &[Hop]) -> String {
    let Some(first) = members.iter().min_by_key(|k| (k.finding.first_ts, &k.id)) else { return String::new() };
    let (mut at, mut ts) = (first.finding.orig, first.finding.first_ts);
    if let Some(hop) = path.first().filter(|h| h.ts < ts) {
        (at, ts) = (crate::detect::Subject::addr(hop.from), hop.ts);
    }
    let mut seen = BTreeSet::new();
    while let Some(a) = at.addr
        && seen.insert(a)
        && let Some(h) = path.iter().find(|h| h.to == a && h.ts <= ts && !seen.contains(&h.from))
    {
        (at, ts) = (crate::detect::Subject::addr(h.from), h.ts);
    }
    at.word()
}

/// How it came in, as far as the wire shows.
fn origin(zero: &str, members: &[&Kept], path: &[Hop], stage: Stage, site: &Site) -> &'static str {
    let about =
        |k: &&&Kept, detector: &str| k.finding.detector == detector && (k.finding.orig.word() == zero || k.orig_all.iter().any(|n| n == zero));
    let addr = zero.parse::<Addr>().ok();
    if addr.is_some_and(|a| site.kind(a) == Some(ZoneKind::Vendor)) {
        return "supplier";
    }
    if members.iter().any(|k| about(&k, "unknown-device")) {
        return "unlisted-device";
    }
    if addr.is_some_and(|a| site.is_internet(a)) {
        return "internet";
    }
    if members.iter().any(|k| about(&k, "beacon")) {
        return "beacon";
    }
    let entered = addr.is_some_and(|a| path.iter().any(|h| h.to == a));
    if addr.is_some_and(|a| site.is_inside(a)) && !entered && stage >= Stage::Recon { "local" } else { "unknown" }
}

/// Patient zero, then the others in the order in which they came in.
fn hosts(zero: &str, members: &[&&Kept], path: &[Hop]) -> Vec<String> {
    let mut out = vec![zero.to_owned()];
    let mut add = |h: String| {
        if !h.is_empty() && out.len() < MAX_PATH && !out.contains(&h) {
            out.push(h);
        }
    };
    for h in path {
        add(h.from.to_string());
        add(h.to.to_string());
    }
    for k in members {
        // A finding about a MAC and one about its address speak of one host.
        if !k.orig_all.iter().any(|n| n == zero) {
            add(k.finding.orig.word());
        }
    }
    out
}

/// The names under which a finding's hosts are known: its own, and those it entered.
pub(super) fn names(k: &Kept, site: &Site) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut own: BTreeSet<String> = k.orig_all.iter().cloned().collect();
    own.insert(k.finding.orig.word());
    own.retain(|n| !n.is_empty());
    let mut entered = BTreeSet::new();
    if enters(k.finding.detector) && k.finding.outcome >= Outcome::Answered {
        entered.extend(k.finding.resp.iter().filter(|a| site.is_inside(**a)).map(|a| a.to_string()));
    }
    if let Some(steps) = k.finding.evidence.get("path").and_then(Value::as_array) {
        let hops = steps.iter().filter_map(Hop::read);
        own.extend(hops.flat_map(|h| [h.from.to_string(), h.to.to_string()]));
    }
    (own, entered)
}
