//! One growing story: what an incident is, and how it is told from its findings.

use super::Kept;
use super::origin::{Clue, Question, patient_zero};
use super::path::{Hop, MAX_PATH, path};
use super::stage::{Stage, enters, stage_of};
use crate::assets::Assets;
use crate::base::{Outcome, Severity, Timestamp};
use crate::site::Site;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Most accounts told of one incident.
const MAX_ACCOUNTS: usize = 32;

/// The words of `origin`.
const ORIGINS: &[Origin] = &["supplier", "unlisted-device", "local", "beacon", "internet", "unknown"];
/// One of them.
type Origin = &'static str;

fn origin<'de, D: Deserializer<'de>>(d: D) -> Result<Origin, D::Error> {
    let word = String::deserialize(d)?;
    Ok(ORIGINS.iter().copied().find(|o| *o == word).unwrap_or("unknown"))
}

/// One growing story.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
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
    #[serde(deserialize_with = "origin")]
    pub origin: Origin,
    /// What speaks for it.
    pub clues: Vec<Clue>,
    /// The stages that it came through, each with its first evidence.
    pub stages: BTreeMap<Stage, Timestamp>,
    /// Accounts that were used, in the order of their first use.
    pub accounts: Vec<(String, Timestamp)>,
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
            clues: Vec::new(),
            stages: BTreeMap::new(),
            accounts: Vec::new(),
            hosts: Vec::new(),
            path: Vec::new(),
            findings: Vec::new(),
            files_lost: 0,
        }
    }
    /// Tells the story anew from its findings; the revision rises if anything changed.
    pub(super) fn tell(&mut self, members: &[&Kept], site: &Site, assets: &Assets) {
        let old = self.clone();
        let weighty: Vec<&&Kept> = members.iter().filter(|k| k.finding.severity >= Severity::Medium).collect();
        self.findings = members.iter().map(|k| k.id.clone()).collect();
        self.opened = weighty.iter().map(|k| k.finding.first_ts).min().unwrap_or(self.opened);
        self.last_ts = members.iter().map(|k| k.finding.last_ts).max().unwrap_or(self.last_ts);
        self.stages = stages(&weighty);
        self.stage = self.stages.keys().next_back().copied().unwrap_or(Stage::Entry);
        self.severity = combined(weighty.iter().map(|k| k.finding.severity).max().unwrap_or_default(), &self.stages);
        self.path = path(&weighty);
        self.patient_zero = patient_zero(&weighty, &self.path);
        let (zero, path) = (self.patient_zero.as_str(), self.path.as_slice());
        (self.origin, self.clues) = Question { zero, members, path, stage: self.stage, opened: self.opened, site, assets }.answer();
        self.accounts = accounts(&weighty, &self.path);
        self.hosts = hosts(&self.patient_zero, &weighty, &self.path);
        self.files_lost = members.iter().filter_map(|k| k.finding.evidence.get("files_lost")?.as_u64()).sum();
        if old != *self {
            self.rev += 1;
        }
    }
}

/// The worst of its findings; two stages of one attack are high, spread with a search and a way out is critical.
fn combined(worst: Severity, stages: &BTreeMap<Stage, Timestamp>) -> Severity {
    let has = |s| stages.contains_key(&s);
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

/// The stages that findings stand for, with their first evidence.
fn stages(members: &[&&Kept]) -> BTreeMap<Stage, Timestamp> {
    let mut all = BTreeMap::new();
    for k in members {
        let first = all.entry(stage_of(k.finding.detector)).or_insert(k.finding.first_ts);
        *first = k.finding.first_ts.min(*first);
    }
    all
}

/// Accounts of the steps, and those that findings name without a step (a guessed password), by first use.
fn accounts(members: &[&&Kept], path: &[Hop]) -> Vec<(String, Timestamp)> {
    let mut first: BTreeMap<&str, Timestamp> = BTreeMap::new();
    let steps = path.iter().filter_map(|h| Some((h.user.as_deref()?, h.ts)));
    let named =
        members.iter().filter(|k| k.finding.outcome == Outcome::Succeeded).filter_map(|k| Some((k.finding.user.as_deref()?, k.finding.first_ts)));
    for (user, ts) in steps.chain(named) {
        let at = first.entry(user).or_insert(ts);
        *at = ts.min(*at);
    }
    let mut all: Vec<(String, Timestamp)> = first.into_iter().map(|(user, ts)| (user.to_owned(), ts)).collect();
    all.sort_by(|a, b| a.1.cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
    all.truncate(MAX_ACCOUNTS);
    all
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
