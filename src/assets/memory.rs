//! What was learned, as lists: for a store to keep, and to go on with after a restart. Decisions of people come in here too.

use super::{Assets, Binding, Decision, Device, DeviceId, Edge, Joint, Offer, Users};
use crate::base::{Addr, Service, Timestamp};

/// Everything learned that outlives a restart. Names by which addresses were asked for and open logons do not: they come again within the hour.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Memory {
    /// Devices.
    pub devices: Vec<Device>,
    /// Who holds which address.
    pub bindings: Vec<(Addr, Binding)>,
    /// Remote administration: originator, responder, service.
    pub edges: Vec<(Addr, Addr, Service, Edge)>,
    /// Who offers what.
    pub offers: Vec<Offer>,
    /// How many use it.
    pub users: Vec<Users>,
    /// Who uses what of whom.
    pub uses: Vec<Joint>,
    /// Accounts in lower case and the hosts that let them in.
    pub places: Vec<(String, Addr, Timestamp)>,
    /// When learning began.
    pub since: Option<Timestamp>,
}

impl Memory {
    /// How many rows that is.
    pub fn rows(&self) -> usize {
        let hosts = self.devices.len() + self.bindings.len() + self.offers.len() + self.users.len();
        hosts + self.edges.len() + self.uses.len() + self.places.len()
    }
    /// Takes rows out, at most so many.
    pub fn take(&mut self, most: usize) -> Memory {
        fn part<T>(from: &mut Vec<T>, room: &mut usize) -> Vec<T> {
            let taken = from.split_off(from.len().saturating_sub(*room));
            *room -= taken.len();
            taken
        }
        let room = &mut most.max(1);
        Memory {
            devices: part(&mut self.devices, room),
            bindings: part(&mut self.bindings, room),
            edges: part(&mut self.edges, room),
            offers: part(&mut self.offers, room),
            users: part(&mut self.users, room),
            uses: part(&mut self.uses, room),
            places: part(&mut self.places, room),
            since: self.since,
        }
    }
    /// Adds rows behind those that are there.
    pub fn add(&mut self, later: Memory) {
        self.devices.extend(later.devices);
        self.bindings.extend(later.bindings);
        self.edges.extend(later.edges);
        self.offers.extend(later.offers);
        self.users.extend(later.users);
        self.uses.extend(later.uses);
        self.places.extend(later.places);
        self.since = self.since.or(later.since);
    }
}

impl Assets {
    /// Everything that outlives a restart, in no order that matters.
    pub fn memory(&self) -> Memory {
        Memory {
            devices: self.devices.iter().cloned().collect(),
            bindings: self.devices.bindings().collect(),
            edges: self.edges.iter().collect(),
            offers: self.services.offered().collect(),
            users: self.services.users().collect(),
            uses: self.uses.iter().collect(),
            places: self.accounts.places().map(|(user, host, ts)| (user.to_owned(), host, ts)).collect(),
            since: self.since(),
        }
    }
    /// Takes up what was known before a restart. The site is today's: zones, ledger and roles are looked up anew.
    pub fn restore(&mut self, memory: Memory) {
        self.devices.restore(&self.site, memory.devices, memory.bindings, memory.since);
        self.edges.restore(memory.edges);
        self.services.restore(memory.offers, memory.users);
        self.uses.restore(memory.uses);
        self.accounts.restore(memory.places);
    }
    /// A device by its id.
    pub fn device(&self, id: DeviceId) -> Option<&Device> {
        match id {
            DeviceId::Mac(m) => self.devices.by_mac(m),
            DeviceId::Addr(a) => self.devices.by_addr(a).filter(|d| d.id == id),
        }
    }
    /// All devices, in no order that matters.
    pub fn each_device(&self) -> impl Iterator<Item = &Device> {
        self.devices.iter()
    }
    /// Who holds which address.
    pub fn bindings(&self) -> impl Iterator<Item = (Addr, Binding)> {
        self.devices.bindings()
    }
    /// A person decides of a device (or takes it back): the status changes at once, and whenever the device is seen.
    pub fn decide(&mut self, id: DeviceId, decision: Option<Decision>) {
        self.devices.decide(&self.site, id, decision);
    }
    /// Ends decisions whose time is over; the devices they were about.
    pub fn expire(&mut self, now: Timestamp) -> Vec<DeviceId> {
        self.devices.expire(now)
    }
    /// Learns what is usual, or not for now: what is first seen meanwhile is never a habit.
    pub fn pause(&mut self, paused: bool) {
        self.edges.paused = paused;
    }
    /// Is nothing learned for now?
    pub fn is_paused(&self) -> bool {
        self.edges.paused
    }
    /// Forgets what was learned in a time: edges, services and uses that were first seen in it. How many there were.
    pub fn forget(&mut self, from: Timestamp, to: Timestamp) -> usize {
        self.edges.forget(from, to) + self.services.forget(from, to) + self.uses.forget(from, to)
    }
}
