//! Who uses which service of whom: what would stop if a host were cut off. Learned from flows inside the site that carried data both ways (or, without
//! a connection, were answered), so that a search for open ports makes nobody a user.

use crate::base::{Addr, Confidence, Outcome, Service, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowRecord};
use crate::site::Site;

/// Most uses (user, host, protocol, port): 5,000 devices with 25 each. The longest unused leaves.
const USES: usize = 131_072;

/// One host's use of a service of another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Use {
    /// What it is, by content if recognised, else by the port.
    pub service: Service,
    /// First packet of the first flow.
    pub first_ts: Timestamp,
    /// Last packet of the last one.
    pub last_ts: Timestamp,
    /// Flows that ended.
    pub flows: u64,
}

/// A use with the two hosts it joins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Joint {
    /// Who uses it.
    pub user: Addr,
    /// Who offers it.
    pub host: Addr,
    /// IP protocol.
    pub proto: u8,
    /// Port.
    pub port: u16,
    /// The use.
    pub of: Use,
}

/// All uses, capped.
#[derive(Debug)]
pub struct Uses {
    table: BoundedMap<(Addr, Addr, u8, u16), Use>,
}

impl Default for Uses {
    fn default() -> Self {
        Uses { table: BoundedMap::new(USES) }
    }
}

impl Uses {
    pub(super) fn update(&mut self, site: &Site, event: &Event) {
        match &event.kind {
            EventKind::Flow(r) => self.add(site, r, 1),
            EventKind::FlowAlive(r) => self.add(site, r, 0),
            _ => {}
        }
    }
    fn add(&mut self, site: &Site, r: &FlowRecord, flows: u64) {
        let t = r.info.tuple;
        let [up, down] = r.payload;
        let used = r.outcome >= Outcome::Answered && down > 0 && (up > 0 || !r.is_tcp()) && r.info.confidence > Confidence::First;
        if !used || !matches!(t.proto, 6 | 17 | 132) || t.resp.is_multicast() || !site.is_inside(t.orig) || !site.is_inside(t.resp) {
            return;
        }
        let fresh = Use { service: r.info.service, first_ts: r.info.first_ts, last_ts: r.last_ts, flows };
        match self.table.touch(&(t.orig, t.resp, t.proto, t.resp_port)) {
            Some(u) => {
                u.first_ts = u.first_ts.min(fresh.first_ts);
                u.last_ts = u.last_ts.max(fresh.last_ts);
                u.flows += flows;
                if r.info.recognised {
                    u.service = fresh.service;
                }
            }
            None => drop(self.table.insert((t.orig, t.resp, t.proto, t.resp_port), fresh)),
        }
    }
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Joint> {
        self.table.iter().map(|((user, host, proto, port), of)| Joint { user: *user, host: *host, proto: *proto, port: *port, of: *of })
    }
    /// Takes up what was known before a restart; the longest unused first.
    pub(super) fn restore(&mut self, mut all: Vec<Joint>) {
        all.sort_by_key(|j| (j.of.last_ts, j.user, j.host, j.proto, j.port));
        for j in all {
            self.table.insert((j.user, j.host, j.proto, j.port), j.of);
        }
    }
    /// Forgets the uses that were first seen in a time; returns how many.
    pub(super) fn forget(&mut self, from: Timestamp, to: Timestamp) -> usize {
        let before = self.table.len();
        self.table.retain(|_, u| !(from..=to).contains(&u.first_ts));
        before - self.table.len()
    }
    pub(super) fn held(&self) -> (&'static str, usize, u64) {
        ("uses", self.table.len(), self.table.evicted())
    }
}
