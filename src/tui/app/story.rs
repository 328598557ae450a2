//! What is derived once per view: names of hosts, which incidents are open, what is muted.

use crate::engine::journal::{Desk, View};
use crate::output::record::{FindingRecord, IncidentRecord};
use crate::output::text::rank;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What people call hosts.
#[derive(Clone, Debug, Default)]
pub struct Names {
    by_addr: HashMap<String, String>,
    /// Device ids by address or MAC.
    devices: HashMap<String, String>,
}

impl Names {
    /// From devices, and from what the tables of the view call them.
    pub fn of(view: &View) -> Names {
        let mut n = Names::default();
        for e in view.edges.values() {
            n.call(&e.orig, &e.orig_name);
            n.call(&e.resp, &e.resp_name);
        }
        for e in view.egress.values() {
            n.call(&e.host, &e.name);
            n.call(&e.to, &e.to_name);
        }
        for d in view.devices.values() {
            for a in d.ips.iter().chain(Some(&d.mac).filter(|m| !m.is_empty())) {
                n.devices.insert(a.clone(), d.id.clone());
                if !n.by_addr.contains_key(a) {
                    n.call(a, d.names.last().map_or("", String::as_str));
                }
            }
        }
        n
    }
    fn call(&mut self, addr: &str, name: &str) {
        if !addr.is_empty() && !name.is_empty() && addr != name {
            self.by_addr.insert(addr.to_owned(), name.to_owned());
        }
    }
    /// A host's name; empty if it has none.
    pub fn name(&self, addr: &str) -> &str {
        self.by_addr.get(addr).map_or("", String::as_str)
    }
    /// The device behind an address or MAC.
    pub fn device(&self, addr: &str) -> Option<&str> {
        self.devices.get(addr).map(String::as_str)
    }
    /// `10.20.1.33 (ward-pc03)`.
    pub fn titled(&self, addr: &str) -> String {
        match self.name(addr) {
            "" => addr.to_owned(),
            name => format!("{addr} ({name})"),
        }
    }
}

/// The state of what was told.
#[derive(Clone, Debug, Default)]
pub struct Stories {
    /// Of which view and desk.
    pub(super) generation: Option<u64>,
    /// Incidents nobody has acknowledged, worst and newest first.
    pub open: Vec<String>,
    /// All of them, the open ones first.
    pub all: Vec<String>,
    /// Findings that are muted.
    pub muted: BTreeSet<String>,
    /// Findings by severity that are neither muted nor seen.
    pub findings: BTreeMap<String, usize>,
    /// What people did, here and elsewhere.
    pub desk: Desk,
    /// Pairs of hosts that findings call new or that a story came by: `orig>resp`.
    pub new_edges: BTreeSet<(String, String)>,
}

impl Stories {
    /// Of a view.
    pub fn of(view: &View, desk: &Desk, generation: u64) -> Stories {
        let mut s = Stories { generation: Some(generation), desk: desk.clone(), ..Stories::default() };
        let hidden = |f: &FindingRecord| desk.mutes.values().any(|m| m.hides(&f.detector, &f.orig, &view.ts));
        if !desk.mutes.is_empty() {
            s.muted = view.findings.values().filter(|f| hidden(f)).map(|f| f.id.clone()).collect();
        }
        for f in view.findings.values() {
            if f.detector == "new-admin-edge" {
                s.new_edges.extend(f.resp.iter().map(|r| (f.orig.clone(), r.clone())));
            }
            if !s.muted.contains(&f.id) && !desk.seen.contains_key(&f.id) {
                *s.findings.entry(f.severity.clone()).or_default() += 1;
            }
        }
        let mut all: Vec<&IncidentRecord> = view.incidents.values().collect();
        all.sort_by(|a, b| rank(&b.severity).cmp(&rank(&a.severity)).then_with(|| b.last_ts.cmp(&a.last_ts)));
        for i in &all {
            s.new_edges.extend(i.path.iter().map(|h| (h.from.clone(), h.to.clone())));
        }
        let is_open =
            |i: &IncidentRecord| !desk.seen.contains_key(&i.id) && (i.findings.is_empty() || i.findings.iter().any(|f| !s.muted.contains(f)));
        let (open, closed): (Vec<&IncidentRecord>, Vec<&IncidentRecord>) = all.into_iter().partition(|i| is_open(i));
        s.open = open.iter().map(|i| i.id.clone()).collect();
        s.all = open.into_iter().chain(closed).map(|i| i.id.clone()).collect();
        s
    }
}
