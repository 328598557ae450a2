//! The service ledger: which host answered on which port.

use crate::base::{Addr, Confidence, Outcome, Service, Timestamp};
use crate::bounded::{BoundedMap, DistinctCounter};
use crate::event::{Event, EventKind};

/// Most services (host, protocol, port), and as many counters of their users. A client whose ephemeral port was taken for a service costs a
/// line here; the longest unused leaves.
const SERVICES: usize = 65_536;

/// A service of a host (address, protocol, port), and when it was first used.
pub type Offer = ((Addr, u8, u16), Timestamp);
/// The counter of a service's users.
pub type Users = ((Addr, Service), DistinctCounter);

/// Who offers what.
#[derive(Debug)]
pub struct Services {
    offered: BoundedMap<(Addr, u8, u16), Timestamp>,
    users: BoundedMap<(Addr, Service), DistinctCounter>,
}

impl Default for Services {
    fn default() -> Self {
        Services { offered: BoundedMap::new(SERVICES), users: BoundedMap::new(SERVICES) }
    }
}

impl Services {
    /// Learns from an answered contact; returns the responder and its service when there is something new to judge its role by.
    pub(super) fn update(&mut self, event: &Event) -> Option<(Addr, Service)> {
        let EventKind::Contact(c) = &event.kind else { return None };
        let f = &c.flow;
        let offered = c.outcome == Outcome::Answered && f.confidence > Confidence::First && !f.tuple.resp.is_multicast();
        if !offered || !matches!(f.tuple.proto, 6 | 17 | 132) {
            return None;
        }
        self.offered.entry((f.tuple.resp, f.tuple.proto, f.tuple.resp_port), || f.first_ts);
        if f.service == Service::Unknown {
            return None;
        }
        let users = self.users.entry((f.tuple.resp, f.service), DistinctCounter::default);
        let before = *users;
        users.add(f.tuple.orig.0 as u64 ^ (f.tuple.orig.0 >> 64) as u64);
        (before != *users).then_some((f.tuple.resp, f.service))
    }
    /// Did this host ever answer on this port?
    pub fn offers(&self, a: Addr, proto: u8, port: u16) -> bool {
        self.offered.contains(&(a, proto, port))
    }
    /// Distinct hosts that used a service of this host, counted up to 255.
    pub fn users_of(&self, a: Addr, service: Service) -> u32 {
        self.users.get(&(a, service)).map_or(0, |u| u.count().min(255))
    }
    /// When the service was first used.
    pub fn since(&self, a: Addr, proto: u8, port: u16) -> Option<Timestamp> {
        self.offered.get(&(a, proto, port)).copied()
    }
    /// All services, and when each was first used.
    pub fn offered(&self) -> impl Iterator<Item = Offer> {
        self.offered.iter().map(|(k, ts)| (*k, *ts))
    }
    /// The counters of their users.
    pub fn users(&self) -> impl Iterator<Item = Users> {
        self.users.iter().map(|(k, n)| (*k, *n))
    }
    /// Takes up what was known before a restart.
    pub(super) fn restore(&mut self, mut offers: Vec<Offer>, mut users: Vec<Users>) {
        offers.sort_by_key(|(k, ts)| (*ts, *k));
        users.sort_by_key(|(k, _)| *k);
        for (k, ts) in offers {
            self.offered.insert(k, ts);
        }
        for (k, n) in users {
            self.users.insert(k, n);
        }
    }
    /// Forgets the services that were first used in a time; returns how many.
    pub(super) fn forget(&mut self, from: Timestamp, to: Timestamp) -> usize {
        let before = self.offered.len();
        self.offered.retain(|_, ts| !(from..=to).contains(ts));
        before - self.offered.len()
    }
    pub(super) fn held(&self) -> [(&'static str, usize, u64); 2] {
        [("services", self.offered.len(), self.offered.evicted()), ("service_users", self.users.len(), self.users.evicted())]
    }
}
