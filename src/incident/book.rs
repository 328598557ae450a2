//! The book of findings and incidents.

use crate::assets::Assets;
use crate::base::{Addr, Outcome, Service, Severity, Timestamp};
use crate::detect::Finding;
use crate::event::Coverage;
use crate::site::Site;
use serde::Serialize;
use std::collections::BTreeMap;

/// How far an attack has come (入口→偵察→権限→横展開→持出し→暗号化).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// A way in: unknown device, supplier line, inbound.
    Entry,
    /// Looking around.
    Recon,
    /// Credentials.
    Privilege,
    /// Moving to other hosts.
    Spread,
    /// Data gathered or sent out.
    Staging,
    /// Encryption, destruction.
    Impact,
}

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

/// A finding as it is kept: with its id, revision and the coverage under which it was made.
#[derive(Clone, PartialEq, Debug)]
pub struct Kept {
    /// `F000001` in order of first emission.
    pub id: String,
    /// 1 at first, +1 with every update.
    pub rev: u32,
    /// The newest form.
    pub finding: Finding,
    /// Every address and MAC of the originator.
    pub orig_all: Vec<String>,
    /// Coverage at the last update.
    pub coverage: Coverage,
    /// Id of its incident; empty if it belongs to none (info and inventory).
    pub incident: String,
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

/// Keeps findings (one per story, revised) and builds incidents from them.
#[derive(Debug, Default)]
pub struct Book {
    kept: Vec<Kept>,
    index: BTreeMap<(&'static str, String), usize>,
    incidents: Vec<Incident>,
}

impl Book {
    /// Takes a finding in; returns the index of the kept one and whether it is new.
    pub fn admit(&mut self, finding: Finding, _site: &Site, assets: &Assets, coverage: &Coverage) -> (usize, bool) {
        let key = (finding.detector, finding.story.clone());
        let orig_all = assets.all_names_of(finding.orig.addr, finding.orig.mac);
        if let Some(&i) = self.index.get(&key)
            && let Some(k) = self.kept.get_mut(i)
        {
            k.rev += 1;
            k.finding = finding;
            k.orig_all = orig_all;
            k.coverage = *coverage;
            return (i, false);
        }
        let i = self.kept.len();
        self.kept.push(Kept { id: format!("F{:06}", i + 1), rev: 1, finding, orig_all, coverage: *coverage, incident: String::new() });
        self.index.insert(key, i);
        (i, true)
    }
    /// All findings in order of first emission.
    pub fn findings(&self) -> &[Kept] {
        &self.kept
    }
    /// All incidents in order of opening.
    pub fn incidents(&self) -> &[Incident] {
        &self.incidents
    }
}
