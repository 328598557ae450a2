//! Who inside reached for what on the internet: one row for each host, destination and port.

use super::living::Grown;
use super::traffic::is_unwanted;
use super::view::Changes;
use crate::assets::Assets;
use crate::base::{Addr, FiveTuple, Outcome, Service, Timestamp, proto};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind};
use crate::site::{Site, ZoneKind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rows kept; the one that was longest without news leaves.
const ROWS: usize = 1024;
/// Rows of one host; what it reaches beyond is counted in one row, so that a host that sweeps the internet does not push out the others.
const PER_HOST: u32 = 64;
/// Hosts whose rows are counted.
const HOSTS: usize = 16_384;

/// One host's traffic to one place outside.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EgressRecord {
    /// First contact.
    pub first_ts: String,
    /// Newest.
    pub last_ts: String,
    /// The host inside.
    pub host: String,
    /// What people call it.
    pub name: String,
    /// Its zone.
    pub zone: String,
    /// It stands in a clinical zone.
    pub clinical: bool,
    /// The place outside; `…` for all beyond the rows of one host.
    pub to: String,
    /// Its port.
    pub port: u16,
    /// Transport.
    pub proto: String,
    /// Service.
    pub service: String,
    /// The name it was asked for by.
    pub to_name: String,
    /// Country, two letters.
    pub country: String,
    /// Who announces it.
    pub network: String,
    /// Contacts whose outcome is known.
    pub contacts: u64,
    /// Of these, answered.
    pub answered: u64,
    /// The policy does not permit it.
    pub unwanted: bool,
    /// IP bytes out.
    pub orig_bytes: u64,
    /// IP bytes in.
    pub resp_bytes: u64,
}

type Key = (Addr, Addr, u16, u8);

/// Gathers the rows.
#[derive(Debug)]
pub(super) struct Outside {
    rows: BoundedMap<Key, ()>,
    hosts: BoundedMap<Addr, u32>,
}

/// What one event says about a pair.
struct Said {
    tuple: FiveTuple,
    service: Service,
    ts: Timestamp,
    contacts: u64,
    answered: u64,
    grown: Grown,
}

impl Outside {
    pub(super) fn new() -> Outside {
        Outside { rows: BoundedMap::new(ROWS), hosts: BoundedMap::new(HOSTS) }
    }
    /// One event; what changes is noted in `changed`.
    pub(super) fn event(
        &mut self,
        event: &Event,
        grown: Grown,
        (site, assets): (&Site, &Assets),
        all: &mut BTreeMap<String, EgressRecord>,
        changed: &mut Changes<EgressRecord>,
    ) {
        let Some(said) = said(event, grown) else { return };
        if !site.is_internet(said.tuple.resp) || !site.is_inside(said.tuple.orig) {
            return;
        }
        let key = self.row(&said.tuple, all, changed);
        let id = text(&key);
        let r = all.entry(id.clone()).or_insert_with(|| blank(&key, &said, site));
        update(r, &said, site, assets);
        changed.gone.retain(|g| *g != id);
        changed.set.insert(id, r.clone());
    }
    /// The row that a pair falls into; makes room for it.
    fn row(&mut self, t: &FiveTuple, all: &mut BTreeMap<String, EgressRecord>, changed: &mut Changes<EgressRecord>) -> Key {
        let key = (t.orig, t.resp, t.resp_port, t.proto);
        if self.rows.touch(&key).is_some() {
            return key;
        }
        let held = self.hosts.entry(t.orig, || 0);
        let key = if *held >= PER_HOST { (t.orig, Addr::NONE, 0, 0) } else { key };
        if self.rows.touch(&key).is_some() {
            return key;
        }
        *held += 1;
        if let Some((old, ())) = self.rows.insert(key, ()) {
            if let Some(n) = self.hosts.get_mut(&old.0) {
                *n = n.saturating_sub(1);
            }
            changed.leave(&text(&old), all);
        }
        key
    }
}

fn said(event: &Event, grown: Grown) -> Option<Said> {
    let (tuple, service, contacts, answered, grown) = match &event.kind {
        EventKind::Contact(c) => (c.flow.tuple, c.flow.service, 1, u64::from(c.outcome >= Outcome::Answered), grown),
        EventKind::Contacts(c) => {
            let grown = Grown { packets: c.packets, bytes: [c.bytes, 0] };
            (c.example, Service::of_port(c.example.proto, c.example.resp_port), c.attempted + c.refused, 0, grown)
        }
        EventKind::Flow(r) | EventKind::FlowAlive(r) | EventKind::FlowGrown(r) => (r.info.tuple, r.info.service, 0, 0, grown),
        _ => return None,
    };
    Some(Said { tuple, service, ts: event.ts, contacts, answered, grown })
}

fn text((host, to, port, transport): &Key) -> String {
    if *to == Addr::NONE { format!("{host}>…") } else { format!("{host}>{to}:{port}/{}", proto::name(*transport)) }
}

fn blank((host, to, port, transport): &Key, said: &Said, site: &Site) -> EgressRecord {
    let rest = *to == Addr::NONE;
    EgressRecord {
        first_ts: said.ts.to_string(),
        host: host.to_string(),
        zone: super::traffic::place(site, *host).to_owned(),
        clinical: site.kind(*host) == Some(ZoneKind::Clinical),
        to: if rest { "…".to_owned() } else { to.to_string() },
        port: *port,
        proto: if rest { String::new() } else { proto::name(*transport).to_string() },
        ..EgressRecord::default()
    }
}

fn update(r: &mut EgressRecord, said: &Said, site: &Site, assets: &Assets) {
    let t = &said.tuple;
    r.last_ts = said.ts.to_string();
    said.service.word().clone_into(&mut r.service);
    r.contacts += said.contacts;
    r.answered += said.answered;
    r.orig_bytes += said.grown.bytes[0];
    r.resp_bytes += said.grown.bytes[1];
    r.unwanted |= is_unwanted(site, (t.orig, t.resp), said.service, said.ts);
    if let Some(name) = assets.name_of(t.orig) {
        name.clone_into(&mut r.name);
    }
    if r.to == "…" {
        return;
    }
    if let Some(name) = assets.name_of(t.resp) {
        name.clone_into(&mut r.to_name);
    }
    if r.country.is_empty() {
        r.country = assets.country(t.resp).map(|c| c.to_string()).unwrap_or_default();
        r.network = assets.network(t.resp).map(|n| n.to_string()).unwrap_or_default();
    }
}
