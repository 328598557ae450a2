//! Devices and their addresses.

use crate::base::{Addr, Mac, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind};
use crate::site::{Role, Site};
use serde::Serialize;
use std::fmt;

/// A stable id: `mac-00:11:22:33:44:55`, or `ip-10.0.0.5` for a host behind a gateway whose MAC is not seen.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct DeviceId(pub String);

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What the ledger and the person on duty say of a device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// In the ledger.
    Listed,
    /// There is a ledger, and it is not in it.
    #[default]
    Unlisted,
    /// No ledger to compare with.
    New,
    /// Someone looks into it.
    Investigating,
    /// Permitted by decision.
    Authorised,
    /// Refused by decision.
    Refused,
    /// The permission ran out.
    Expired,
}

/// A thing with an identity on the network.
#[derive(Clone, PartialEq, Debug)]
pub struct Device {
    /// Stable id.
    pub id: DeviceId,
    /// MAC, if it was seen itself.
    pub mac: Option<Mac>,
    /// Addresses now bound to it, oldest first; capped.
    pub addrs: Vec<Addr>,
    /// Manufacturer by OUI; empty if unknown or randomised.
    pub vendor: &'static str,
    /// Randomised or software-set MAC.
    pub randomised: bool,
    /// Names: DHCP, NBNS, mDNS, NTLM; newest last; capped.
    pub names: Vec<String>,
    /// Role as learned.
    pub role: Role,
    /// Forwards for others.
    pub gateway: bool,
    /// Zone by name; empty if none.
    pub zone: String,
    /// VLAN last seen on.
    pub vlan: Option<u16>,
    /// First seen.
    pub first_seen: Timestamp,
    /// Last seen.
    pub last_seen: Timestamp,
    /// Ledger status.
    pub status: Status,
    /// Number of the first packet.
    pub first_packet: u64,
}

/// The table of devices.
#[derive(Debug)]
pub(super) struct Devices {
    by_mac: BoundedMap<Mac, Device>,
    since: Option<Timestamp>,
}

impl Default for Devices {
    fn default() -> Self {
        Devices { by_mac: BoundedMap::new(65_536), since: None }
    }
}

impl Devices {
    pub(super) fn update(&mut self, _site: &Site, event: &Event) {
        self.since.get_or_insert(event.ts);
        if let EventKind::Sighting(_) = event.kind {}
    }
    pub(super) fn by_addr(&self, _a: Addr) -> Option<&Device> {
        None
    }
    pub(super) fn by_mac(&self, m: Mac) -> Option<&Device> {
        self.by_mac.get(&m)
    }
    pub(super) fn is_gateway(&self, m: Mac) -> bool {
        m.is_virtual_router() || self.by_mac(m).is_some_and(|d| d.gateway)
    }
    pub(super) fn identities(&self, addr: Option<Addr>, mac: Option<Mac>) -> Vec<String> {
        addr.map(|a| a.to_string()).into_iter().chain(mac.map(|m| m.to_string())).collect()
    }
    pub(super) fn iter(&self) -> impl Iterator<Item = &Device> {
        self.by_mac.values()
    }
    pub(super) fn len(&self) -> usize {
        self.by_mac.len()
    }
    pub(super) fn evicted(&self) -> u64 {
        self.by_mac.evicted()
    }
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.since
    }
}
