//! Traffic between zones.

use super::living::Grown;
use super::view::Changes;
use crate::base::{Addr, Outcome, Service, Timestamp};
use crate::event::{Event, EventKind, FlowRecord};
use crate::site::{Action, Place, Site};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Pairs of zones listed; what comes beyond is counted under [`OTHER`].
const PAIRS: usize = 4096;
/// Where traffic of further pairs is counted.
const OTHER: &str = "…";

/// Traffic that hosts of one zone began with hosts of another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ZoneTraffic {
    /// Contacts whose outcome is known, those in summaries included.
    pub contacts: u64,
    /// Of these, answered.
    pub answered: u64,
    /// Of these, told one by one and not permitted by the site's policy.
    #[serde(default)]
    pub alerts: u64,
    /// Packets of flows told so far.
    pub packets: u64,
    /// IP bytes from originators.
    pub orig_bytes: u64,
    /// IP bytes from responders.
    pub resp_bytes: u64,
}

/// One event; what changes is noted in `changed`. `grown` is what its flow added to what was counted before.
pub(super) fn count(event: &Event, grown: Grown, site: &Site, all: &mut BTreeMap<String, ZoneTraffic>, changed: &mut Changes<ZoneTraffic>) {
    match &event.kind {
        EventKind::Contact(c) => {
            let t = c.flow.tuple;
            let unwanted = is_unwanted(site, (t.orig, t.resp), c.flow.service, event.ts);
            add(site, (t.orig, t.resp), all, changed, |z| {
                z.contacts += 1;
                z.answered += u64::from(c.outcome >= Outcome::Answered);
                z.alerts += u64::from(unwanted);
            });
        }
        EventKind::Contacts(c) => add(site, (c.example.orig, c.example.resp), all, changed, |z| {
            z.contacts += c.attempted + c.refused;
            z.packets += c.packets;
            z.orig_bytes += c.bytes;
        }),
        EventKind::Flow(r) | EventKind::FlowAlive(r) | EventKind::FlowGrown(r) => record(r, grown, site, all, changed),
        _ => {}
    }
}

fn record(r: &FlowRecord, grown: Grown, site: &Site, all: &mut BTreeMap<String, ZoneTraffic>, changed: &mut Changes<ZoneTraffic>) {
    add(site, (r.info.tuple.orig, r.info.tuple.resp), all, changed, |z| {
        z.packets += grown.packets;
        z.orig_bytes += grown.bytes[0];
        z.resp_bytes += grown.bytes[1];
    });
}

/// Does the policy want an alert for this pair?
pub(super) fn is_unwanted(site: &Site, (from, to): (Addr, Addr), service: Service, now: Timestamp) -> bool {
    site.judge_at(from, to, service, now).action == Action::Alert
}

fn add(
    site: &Site,
    (from, to): (Addr, Addr),
    all: &mut BTreeMap<String, ZoneTraffic>,
    changed: &mut Changes<ZoneTraffic>,
    f: impl FnOnce(&mut ZoneTraffic),
) {
    let mut key = format!("{}>{}", place(site, from), place(site, to));
    if all.len() >= PAIRS && !all.contains_key(&key) {
        OTHER.clone_into(&mut key);
    }
    let z = all.entry(key.clone()).or_default();
    f(z);
    changed.set.insert(key, *z);
}

/// A zone's name, else what an address outside of all zones is.
pub(super) fn place(site: &Site, a: Addr) -> &str {
    match site.place(a) {
        Place::Zone(z) => site.zones.get(z).map_or("", |z| z.name.as_str()),
        Place::Inside => "inside",
        Place::Internet => "internet",
        Place::Nowhere => "group",
    }
}
