//! What a viewer shows at one packet time, and the difference between two of these.

use super::desk::Desk;
use super::edges::EdgeRecord;
use super::egress::EgressRecord;
use super::health::{Facts, Health, PortRecord};
use super::rates::Rate;
use super::serves::ServesRecord;
use super::tops::TopFlow;
use super::traffic::ZoneTraffic;
use crate::output::record::{CoverageRecord, DeviceRecord, FindingRecord, IncidentRecord};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Everything a viewer shows at one packet time. Keys are ids, so that every list has one order.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct View {
    /// The tick it stands for, RFC 3339.
    pub ts: String,
    /// The run was over: all flows are ended, all counts are final.
    pub ended: bool,
    /// Counts since the run began.
    pub counters: Counters,
    /// Traffic by `from>to` zone.
    pub zones: BTreeMap<String, ZoneTraffic>,
    /// Devices by id.
    pub devices: BTreeMap<String, DeviceRecord>,
    /// Findings by id.
    pub findings: BTreeMap<String, FindingRecord>,
    /// Incidents by id.
    pub incidents: BTreeMap<String, IncidentRecord>,
    /// The largest flows known by then, live or ended, by uid.
    pub flows: BTreeMap<String, TopFlow>,
    /// What was declared, and what cannot run.
    #[serde(default)]
    pub facts: Facts,
    /// Who inside reached for what on the internet, by `host>to:port/transport`.
    #[serde(default)]
    pub egress: BTreeMap<String, EgressRecord>,
    /// Who administers whom, by `orig>resp/service`.
    #[serde(default)]
    pub edges: BTreeMap<String, EdgeRecord>,
    /// What others use of a host, by its address; brought up to date every minute.
    #[serde(default)]
    pub serves: BTreeMap<String, ServesRecord>,
    /// The last hour in steps of ten seconds, by the step's first second.
    #[serde(default)]
    pub rates: BTreeMap<String, Rate>,
    /// Capture points by number.
    #[serde(default)]
    pub ports: BTreeMap<String, PortRecord>,
    /// Tables and odd input.
    #[serde(default)]
    pub health: Health,
    /// What people did.
    #[serde(default)]
    pub desk: Desk,
}

/// Counts since the run began.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Frames read.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// Flows begun, listed or not.
    pub flows: u64,
    /// First packet's time; empty before.
    pub first_ts: String,
    /// Newest event's time; at the end, the last packet's.
    pub last_ts: String,
    /// What was seen and what not.
    pub coverage: CoverageRecord,
}

/// What became different in a table.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Changes<T> {
    /// New or different, by id.
    #[serde(default = "BTreeMap::new", skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, T>,
    /// No longer there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<String>,
}

impl<T> Default for Changes<T> {
    fn default() -> Self {
        Changes { set: BTreeMap::new(), gone: Vec::new() }
    }
}

impl<T> Changes<T> {
    /// Nothing changed?
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.gone.is_empty()
    }
    /// Takes one out of a table and notes it.
    pub(super) fn leave(&mut self, id: &str, all: &mut BTreeMap<String, T>) {
        all.remove(id);
        self.set.remove(id);
        if !self.gone.iter().any(|g| g == id) {
            self.gone.push(id.to_owned());
        }
    }
    /// Takes a later difference in: both together are one.
    fn merge(&mut self, later: Changes<T>) {
        if self.is_empty() {
            *self = later;
            return;
        }
        later.gone.iter().for_each(|id| drop(self.set.remove(id)));
        self.set.extend(later.set);
        let gone: BTreeSet<String> = later.gone.into_iter().chain(std::mem::take(&mut self.gone)).collect();
        self.gone = gone.into_iter().filter(|id| !self.set.contains_key(id)).collect();
    }
    fn apply(self, to: &mut BTreeMap<String, T>) {
        self.gone.iter().for_each(|id| drop(to.remove(id)));
        to.extend(self.set);
    }
}

/// What became different since the view before.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Delta {
    /// The tick.
    pub ts: String,
    /// The run was over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ended: bool,
    /// Counts, if any of them changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counters: Option<Counters>,
    /// Traffic between zones.
    #[serde(default = "Changes::default", skip_serializing_if = "Changes::is_empty")]
    pub zones: Changes<ZoneTraffic>,
    /// Devices.
    #[serde(default = "Changes::default", skip_serializing_if = "Changes::is_empty")]
    pub devices: Changes<DeviceRecord>,
    /// Findings.
    #[serde(default = "Changes::default", skip_serializing_if = "Changes::is_empty")]
    pub findings: Changes<FindingRecord>,
    /// Incidents.
    #[serde(default = "Changes::default", skip_serializing_if = "Changes::is_empty")]
    pub incidents: Changes<IncidentRecord>,
    /// Largest flows.
    #[serde(default = "Changes::default", skip_serializing_if = "Changes::is_empty")]
    pub flows: Changes<TopFlow>,
    /// What was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Facts>,
    /// Traffic to the internet.
    #[serde(default = "Changes::default", skip_serializing_if = "Changes::is_empty")]
    pub egress: Changes<EgressRecord>,
    /// Remote administration.
    #[serde(default = "Changes::default", skip_serializing_if = "Changes::is_empty")]
    pub edges: Changes<EdgeRecord>,
    /// What others use of hosts.
    #[serde(default = "Changes::default", skip_serializing_if = "Changes::is_empty")]
    pub serves: Changes<ServesRecord>,
    /// The last hour.
    #[serde(default = "Changes::default", skip_serializing_if = "Changes::is_empty")]
    pub rates: Changes<Rate>,
    /// Capture points.
    #[serde(default = "Changes::default", skip_serializing_if = "Changes::is_empty")]
    pub ports: Changes<PortRecord>,
    /// Tables and odd input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// What people did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desk: Option<Desk>,
}

impl Delta {
    /// Takes a later difference in: both together are one.
    pub fn merge(&mut self, later: Delta) {
        self.ts = later.ts;
        self.ended = later.ended;
        self.counters = later.counters.or(self.counters.take());
        self.facts = later.facts.or(self.facts.take());
        self.health = later.health.or(self.health.take());
        self.desk = later.desk.or(self.desk.take());
        self.zones.merge(later.zones);
        self.devices.merge(later.devices);
        self.findings.merge(later.findings);
        self.incidents.merge(later.incidents);
        self.flows.merge(later.flows);
        self.egress.merge(later.egress);
        self.edges.merge(later.edges);
        self.serves.merge(later.serves);
        self.rates.merge(later.rates);
        self.ports.merge(later.ports);
    }
}

impl View {
    /// Takes a difference in.
    pub fn apply(&mut self, d: Delta) {
        self.ts = d.ts;
        self.ended = d.ended;
        if let Some(c) = d.counters {
            self.counters = c;
        }
        d.zones.apply(&mut self.zones);
        d.devices.apply(&mut self.devices);
        d.findings.apply(&mut self.findings);
        d.incidents.apply(&mut self.incidents);
        d.flows.apply(&mut self.flows);
        d.egress.apply(&mut self.egress);
        d.edges.apply(&mut self.edges);
        d.serves.apply(&mut self.serves);
        d.rates.apply(&mut self.rates);
        d.ports.apply(&mut self.ports);
        replace(&mut self.facts, d.facts);
        replace(&mut self.health, d.health);
        replace(&mut self.desk, d.desk);
    }
}

fn replace<T>(old: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *old = new;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_that_changes_nothing_is_a_time_only() {
        let d = Delta { ts: "2026-11-21T10:00:00.000000000Z".into(), ..Delta::default() };
        let json = serde_json::to_string(&d).unwrap();
        assert_eq!(json, "{\"ts\":\"2026-11-21T10:00:00.000000000Z\"}");
        assert_eq!(serde_json::from_str::<Delta>(&json).unwrap(), d);
    }

    #[test]
    fn what_is_gone_leaves_and_what_is_set_stays() {
        let mut v = View::default();
        let mut d = Delta::default();
        d.devices.set.insert("a".into(), DeviceRecord::default());
        d.devices.set.insert("b".into(), DeviceRecord::default());
        v.apply(d);
        let mut d = Delta { ended: true, counters: Some(Counters { packets: 5, ..Counters::default() }), ..Delta::default() };
        d.devices.gone.push("a".into());
        d.devices.set.insert("b".into(), DeviceRecord { role: "pacs".into(), ..DeviceRecord::default() });
        v.apply(d);
        assert_eq!(v.devices.keys().collect::<Vec<_>>(), ["b"]);
        assert_eq!((v.devices["b"].role.as_str(), v.counters.packets, v.ended), ("pacs", 5, true));
        v.apply(Delta::default());
        assert_eq!((v.counters.packets, v.ended), (5, false));
    }

    #[test]
    fn two_differences_in_one_do_what_both_do_in_turn() {
        let change = |set: &[(&str, &str)], gone: &[&str]| {
            let mut d = Delta::default();
            let device = |role: &str| DeviceRecord { role: role.to_owned(), ..DeviceRecord::default() };
            d.devices.set = set.iter().map(|(id, role)| ((*id).to_owned(), device(role))).collect();
            d.devices.gone = gone.iter().map(|id| (*id).to_owned()).collect();
            d
        };
        let mut steps = [
            change(&[("a", "1"), ("b", "1")], &[]),
            change(&[("b", "2")], &["a"]),
            change(&[("a", "3")], &["c"]),
            change(&[("c", "1")], &["a", "b"]),
        ];
        steps[1].counters = Some(Counters { packets: 7, ..Counters::default() });
        let (mut one_by_one, mut all) = (View::default(), Delta::default());
        for d in &steps {
            one_by_one.apply(d.clone());
            all.merge(d.clone());
            let mut at_once = View::default();
            at_once.apply(all.clone());
            assert_eq!(at_once, one_by_one);
        }
        assert_eq!((all.devices.gone.len(), one_by_one.counters.packets), (2, 7));
    }
}
