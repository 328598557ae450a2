//! A device: a thing with an identity on the network.

use crate::base::{Addr, Mac, Timestamp};
use crate::site::{Entry, Role, Site};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A stable id: `mac-00:11:22:33:44:55`, or `ip-10.0.0.5` for a host behind a gateway whose MAC is not seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceId {
    /// Known by its MAC.
    Mac(Mac),
    /// Known by its address only, behind a gateway.
    Addr(Addr),
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceId::Mac(m) => write!(f, "mac-{m}"),
            DeviceId::Addr(a) => write!(f, "ip-{a}"),
        }
    }
}

impl FromStr for DeviceId {
    type Err = String;
    fn from_str(s: &str) -> Result<DeviceId, String> {
        let wrong = || format!("`{s}` is no device (expected one such as mac-00:11:22:aa:bb:cc or ip-10.0.0.5)");
        match s.split_once('-') {
            Some(("mac", m)) => m.parse().map(DeviceId::Mac).map_err(|_| wrong()),
            Some(("ip", a)) => a.parse().map(DeviceId::Addr).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}

impl TryFrom<String> for DeviceId {
    type Error = String;
    fn try_from(s: String) -> Result<DeviceId, String> {
        s.parse()
    }
}

impl From<DeviceId> for String {
    fn from(id: DeviceId) -> String {
        id.to_string()
    }
}

/// What a person decided of a device: it stands above the ledger as long as it lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    /// `investigating`, `authorised` or `refused`.
    pub state: Status,
    /// When it ends; never if none.
    pub until: Option<Timestamp>,
}

impl Decision {
    /// The device's status by it at a time.
    pub fn status(&self, now: Timestamp) -> Status {
        if self.until.is_some_and(|t| t <= now) { Status::Expired } else { self.state }
    }
}

/// What the ledger and the person on duty say of a device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
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
    /// Ledger status, or what was decided.
    pub status: Status,
    /// What a person decided of it.
    pub decision: Option<Decision>,
    /// Number of the first packet.
    pub first_packet: u64,
}

impl Status {
    /// The word in files.
    pub const fn word(self) -> &'static str {
        match self {
            Status::Listed => "listed",
            Status::Unlisted => "unlisted",
            Status::New => "new",
            Status::Investigating => "investigating",
            Status::Authorised => "authorised",
            Status::Refused => "refused",
            Status::Expired => "expired",
        }
    }
}

impl Device {
    /// Most addresses kept: IPv6 privacy addresses come by the dozen, the oldest leaves.
    pub const MAX_ADDRS: usize = 16;
    /// Most names kept.
    pub const MAX_NAMES: usize = 8;
    /// Longest name kept, in bytes.
    pub const MAX_NAME: usize = 64;

    /// A device known by its MAC.
    pub(super) fn of_mac(mac: Mac, ts: Timestamp, packet: u64) -> Device {
        Device { mac: Some(mac), randomised: mac.is_local(), vendor: super::vendor(mac), ..Device::blank(DeviceId::Mac(mac), ts, packet) }
    }
    /// A device behind a gateway, known by its address only.
    pub(super) fn of_addr(a: Addr, ts: Timestamp, packet: u64) -> Device {
        Device { addrs: vec![a], ..Device::blank(DeviceId::Addr(a), ts, packet) }
    }
    /// A device that was known before a restart, with what follows from its id; the rest is the caller's.
    pub fn restored(id: DeviceId, first_seen: Timestamp, last_seen: Timestamp, first_packet: u64) -> Device {
        let fresh = match id {
            DeviceId::Mac(m) => Device::of_mac(m, first_seen, first_packet),
            DeviceId::Addr(a) => Device::of_addr(a, first_seen, first_packet),
        };
        Device { last_seen, ..fresh }
    }
    fn blank(id: DeviceId, ts: Timestamp, packet: u64) -> Device {
        Device {
            id,
            mac: None,
            addrs: Vec::new(),
            vendor: "",
            randomised: false,
            names: Vec::new(),
            role: Role::Unknown,
            gateway: false,
            zone: String::new(),
            vlan: None,
            first_seen: ts,
            last_seen: ts,
            status: Status::New,
            decision: None,
            first_packet: packet,
        }
    }
    /// Adds an address; returns whether it is new here.
    pub(super) fn hold(&mut self, a: Addr) -> bool {
        if self.addrs.contains(&a) {
            return false;
        }
        if self.addrs.len() >= Self::MAX_ADDRS {
            self.addrs.remove(0);
        }
        self.addrs.push(a);
        true
    }
    /// Takes an address away.
    pub(super) fn release(&mut self, a: Addr) {
        self.addrs.retain(|x| *x != a);
    }
    /// Adds a name, newest last; returns whether it is new here. Names differ by more than case.
    pub(super) fn call(&mut self, name: &str) -> bool {
        let name = name.trim();
        let usable = !name.is_empty() && name.len() <= Self::MAX_NAME && !name.chars().any(char::is_control);
        if !usable || self.names.iter().any(|n| n.eq_ignore_ascii_case(name)) {
            return false;
        }
        if self.names.len() >= Self::MAX_NAMES {
            self.names.remove(0);
        }
        self.names.push(name.to_owned());
        true
    }
    /// Zone (by the first address that stands in one, else by VLAN), ledger status and the ledger's role, after something changed.
    pub(super) fn place(&mut self, site: &Site) {
        let by_addr = self.addrs.iter().map(|a| site.zone_name(*a)).find(|z| !z.is_empty());
        let by_vlan = || self.vlan.and_then(|v| site.zones.of_vlan(v)).and_then(|z| site.zones.get(z)).map(|z| z.name.as_str());
        if let Some(z) = by_addr.or_else(by_vlan)
            && self.zone != z
        {
            self.zone = z.to_owned();
        }
        let entry = self.ledger_entry(site);
        self.status = match entry {
            Some(_) => Status::Listed,
            None if site.ledger.is_empty() => Status::New,
            None => Status::Unlisted,
        };
        if let Some(d) = self.decision {
            self.status = d.status(self.last_seen);
        }
        if let Some(role) = entry.map(|e| e.role).filter(|r| *r != Role::Unknown) {
            self.role = role;
            self.gateway |= role == Role::Gateway;
        }
    }
    /// The ledger's line for this device: by MAC; by address, if that line names no other MAC; by name, if the line has neither.
    pub fn ledger_entry<'a>(&self, site: &'a Site) -> Option<&'a Entry> {
        let ledger = &site.ledger;
        let by_mac = self.mac.and_then(|m| ledger.by_mac(m));
        let fits = |e: &&Entry| e.mac.is_none() || self.mac.is_none() || e.mac == self.mac;
        let by_addr = || self.addrs.iter().filter_map(|a| ledger.by_addr(*a)).find(fits);
        let named = |e: &&Entry| e.mac.is_none() && e.ips.is_empty() && self.names.iter().any(|n| n.eq_ignore_ascii_case(&e.name));
        by_mac.or_else(by_addr).or_else(|| if self.names.is_empty() { None } else { ledger.iter().find(named) })
    }
}
