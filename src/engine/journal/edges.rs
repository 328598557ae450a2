//! Who administers whom: SMB, RDP, RPC and their like, one row for each pair and service, tried or answered.

use super::living::Grown;
use super::traffic::place;
use super::view::Changes;
use crate::assets::Assets;
use crate::base::{Addr, FiveTuple, Outcome, Service, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind};
use crate::site::Site;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Rows kept; the one that was longest without news leaves.
const ROWS: usize = 2048;
/// Rows of one originator; what it tries beyond is counted in one row per service, so that a sweep does not push out the others.
const PER_HOST: u32 = 128;
/// Originators whose rows are counted.
const HOSTS: usize = 16_384;
/// Accounts named in a row.
const USERS: usize = 4;

/// One host's work on another.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct EdgeRecord {
    /// First contact.
    pub first_ts: String,
    /// Newest.
    pub last_ts: String,
    /// Originator.
    pub orig: String,
    /// What people call it.
    pub orig_name: String,
    /// Its zone.
    pub zone: String,
    /// Responder; `…` for all beyond the rows of one originator.
    pub resp: String,
    /// What people call it.
    pub resp_name: String,
    /// Its zone.
    pub to_zone: String,
    /// `smb rdp rpc winrm ssh vnc telnet` …
    pub service: String,
    /// Contacts whose outcome is known.
    pub contacts: u64,
    /// Of these, answered.
    pub answered: u64,
    /// IP bytes from the originator.
    pub orig_bytes: u64,
    /// IP bytes from the responder.
    pub resp_bytes: u64,
    /// Accounts seen on it, oldest first, at most four.
    pub users: Vec<String>,
}

type Key = (Addr, Addr, Service);

/// Gathers the rows.
#[derive(Debug)]
pub(super) struct Edges {
    rows: BoundedMap<Key, ()>,
    hosts: BoundedMap<Addr, u32>,
}

/// What one event says about a pair.
#[derive(Default)]
struct Said<'a> {
    contacts: u64,
    answered: u64,
    user: Option<&'a str>,
}

impl Edges {
    pub(super) fn new() -> Edges {
        Edges { rows: BoundedMap::new(ROWS), hosts: BoundedMap::new(HOSTS) }
    }
    /// One event; what changes is noted in `changed`.
    pub(super) fn event(
        &mut self,
        event: &Event,
        grown: Grown,
        (site, assets): (&Site, &Assets),
        all: &mut BTreeMap<String, EdgeRecord>,
        changed: &mut Changes<EdgeRecord>,
    ) {
        let user = |uid: u64| assets.accounts.of(uid).map(|a| a.user.as_str()).filter(|u| !u.is_empty());
        let (tuple, service, said) = match &event.kind {
            EventKind::Contact(c) => {
                (c.flow.tuple, c.flow.service, Said { contacts: 1, answered: u64::from(c.outcome >= Outcome::Answered), user: None })
            }
            EventKind::Contacts(c) => {
                let service = Service::of_port(c.example.proto, c.example.resp_port);
                (c.example, service, Said { contacts: c.attempted + c.refused, ..Said::default() })
            }
            EventKind::Flow(r) | EventKind::FlowAlive(r) | EventKind::FlowGrown(r) => {
                (r.info.tuple, r.info.service, Said { user: user(r.info.uid), ..Said::default() })
            }
            EventKind::Message { flow, .. } if flow.service.is_remote_admin() => match user(flow.uid) {
                Some(user) => (flow.tuple, flow.service, Said { user: Some(user), ..Said::default() }),
                None => return,
            },
            _ => return,
        };
        if !service.is_remote_admin() {
            return;
        }
        self.told((tuple, service, event.ts), &said, grown, (site, assets), all, changed);
    }
    fn told(
        &mut self,
        (t, service, ts): (FiveTuple, Service, Timestamp),
        said: &Said<'_>,
        grown: Grown,
        (site, assets): (&Site, &Assets),
        all: &mut BTreeMap<String, EdgeRecord>,
        changed: &mut Changes<EdgeRecord>,
    ) {
        let key = self.row((t.orig, t.resp, service), all, changed);
        let id = text(&key);
        let is_known = |r: &EdgeRecord| said.user.is_none_or(|u| r.users.iter().any(|known| known == u));
        if said.contacts == 0 && grown == Grown::default() && all.get(&id).is_some_and(is_known) {
            return;
        }
        let r = all.entry(id.clone()).or_insert_with(|| blank(&key, &t, ts, site));
        r.last_ts = ts.to_string();
        r.contacts += said.contacts;
        r.answered += said.answered;
        r.orig_bytes += grown.bytes[0];
        r.resp_bytes += grown.bytes[1];
        if let Some(u) = said.user.filter(|_| !is_known(r) && r.users.len() < USERS) {
            r.users.push(u.to_owned());
        }
        if let Some(name) = assets.name_of(t.orig) {
            name.clone_into(&mut r.orig_name);
        }
        if let Some(name) = assets.name_of(t.resp).filter(|_| r.resp != "…") {
            name.clone_into(&mut r.resp_name);
        }
        changed.gone.retain(|g| *g != id);
        changed.set.insert(id, r.clone());
    }
    /// The row that a pair falls into; makes room for it.
    fn row(&mut self, key: Key, all: &mut BTreeMap<String, EdgeRecord>, changed: &mut Changes<EdgeRecord>) -> Key {
        if self.rows.touch(&key).is_some() {
            return key;
        }
        let held = self.hosts.entry(key.0, || 0);
        let key = if *held >= PER_HOST { (key.0, Addr::NONE, key.2) } else { key };
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

fn text((orig, resp, service): &Key) -> String {
    if *resp == Addr::NONE { format!("{orig}>…/{service}") } else { format!("{orig}>{resp}/{service}") }
}

fn blank((orig, resp, service): &Key, t: &FiveTuple, ts: Timestamp, site: &Site) -> EdgeRecord {
    EdgeRecord {
        first_ts: ts.to_string(),
        orig: orig.to_string(),
        zone: place(site, *orig).to_owned(),
        resp: if *resp == Addr::NONE { "…".to_owned() } else { resp.to_string() },
        to_zone: if *resp == Addr::NONE { String::new() } else { place(site, t.resp).to_owned() },
        service: service.word().to_owned(),
        ..EdgeRecord::default()
    }
}
