//! Traffic between zones, and how much of a living flow is counted already.

use super::view::Changes;
use crate::base::Addr;
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowRecord};
use crate::site::{Place, Site};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Pairs of zones listed; what comes beyond is counted under [`OTHER`].
const PAIRS: usize = 4096;
/// Where traffic of further pairs is counted.
const OTHER: &str = "…";
/// Living flows whose counted part is remembered. One that is forgotten counts twice: more long flows than this live in no hospital.
const LIVING: usize = 65_536;

/// Traffic that hosts of one zone began with hosts of another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ZoneTraffic {
    /// Contacts whose outcome is known, those in summaries included.
    pub contacts: u64,
    /// Of these, answered.
    pub answered: u64,
    /// Packets of flows told so far.
    pub packets: u64,
    /// IP bytes from originators.
    pub orig_bytes: u64,
    /// IP bytes from responders.
    pub resp_bytes: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    packets: u64,
    bytes: [u64; 2],
}

/// Gathers traffic by zone.
#[derive(Debug)]
pub(super) struct Traffic {
    living: BoundedMap<u64, Counted>,
}

impl Traffic {
    pub(super) fn new() -> Traffic {
        Traffic { living: BoundedMap::new(LIVING) }
    }
    /// One event; what changes is noted in `changed`.
    pub(super) fn event(&mut self, event: &Event, site: &Site, all: &mut BTreeMap<String, ZoneTraffic>, changed: &mut Changes<ZoneTraffic>) {
        match &event.kind {
            EventKind::Contact(c) => add(site, (c.flow.tuple.orig, c.flow.tuple.resp), all, changed, |z| {
                z.contacts += 1;
                z.answered += u64::from(c.outcome >= crate::base::Outcome::Answered);
            }),
            EventKind::Contacts(c) => add(site, (c.example.orig, c.example.resp), all, changed, |z| {
                z.contacts += c.attempted + c.refused;
                z.packets += c.packets;
                z.orig_bytes += c.bytes;
            }),
            EventKind::FlowAlive(r) | EventKind::FlowGrown(r) => self.record(r, true, site, all, changed),
            EventKind::Flow(r) => self.record(r, false, site, all, changed),
            _ => {}
        }
    }
    fn record(&mut self, r: &FlowRecord, lives: bool, site: &Site, all: &mut BTreeMap<String, ZoneTraffic>, changed: &mut Changes<ZoneTraffic>) {
        let before = self.living.remove(&r.info.uid).unwrap_or_default();
        let now = Counted { packets: r.packets[0] + r.packets[1], bytes: r.bytes };
        if lives {
            self.living.insert(r.info.uid, now);
        }
        add(site, (r.info.tuple.orig, r.info.tuple.resp), all, changed, |z| {
            z.packets += now.packets.saturating_sub(before.packets);
            z.orig_bytes += now.bytes[0].saturating_sub(before.bytes[0]);
            z.resp_bytes += now.bytes[1].saturating_sub(before.bytes[1]);
        });
    }
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
fn place(site: &Site, a: Addr) -> &str {
    match site.place(a) {
        Place::Zone(z) => site.zones.get(z).map_or("", |z| z.name.as_str()),
        Place::Inside => "inside",
        Place::Internet => "internet",
        Place::Nowhere => "group",
    }
}
