//! What was learned from the traffic: devices, bindings, names, roles, the service ledger, baseline edges, accounts. Knows no verdicts.
#![forbid(unsafe_code)]

mod accounts;
mod bindings;
mod device;
mod devices;
mod edges;
mod gateways;
mod memory;
mod names;
mod naming;
mod roles;
mod services;
#[cfg(test)]
mod tests;
mod uses;

pub use accounts::{ANONYMOUS, Account, Accounts, Issued};
pub use bindings::{Binding, Hold, How};
pub use device::{Decision, Device, DeviceId, Status};
pub use edges::{Edge, Edges};
pub use memory::Memory;
pub use names::Names;
pub use services::{Offer, Services, Users};
pub use uses::{Joint, Use, Uses};

use crate::base::{Addr, Mac, Timestamp};
use crate::event::Event;
use crate::site::{Country, Geo, Network, Role, Site};
use std::sync::Arc;

/// Manufacturer by the first three bytes; empty if unknown or randomised.
fn vendor(mac: Mac) -> &'static str {
    crate::site::vendor(mac).unwrap_or_default()
}

/// Everything learned. Updated with every event before the detectors see it.
#[derive(Debug)]
pub struct Assets {
    site: Arc<Site>,
    geo: Arc<Geo>,
    devices: devices::Devices,
    /// Names of addresses: DNS answers, SNI, Host.
    pub names: Names,
    /// Who offers what.
    pub services: Services,
    /// Remote-administration edges seen, with first and last time.
    pub edges: Edges,
    /// Who uses which service of whom.
    pub uses: Uses,
    /// Who logged on where.
    pub accounts: Accounts,
}

impl Assets {
    /// Nothing learned yet.
    pub fn new(site: Arc<Site>) -> Assets {
        Assets {
            site,
            geo: Arc::default(),
            devices: devices::Devices::default(),
            names: Names::default(),
            services: Services::default(),
            edges: Edges::default(),
            uses: Uses::default(),
            accounts: Accounts::default(),
        }
    }
    /// With other tables of countries and networks than the one in the program.
    pub fn with_geo(self, geo: Arc<Geo>) -> Assets {
        Assets { geo, ..self }
    }
    /// Goes on by what is declared now: zones, roles and ledger status of every device follow.
    pub fn adopt(&mut self, site: Arc<Site>, geo: Arc<Geo>) {
        self.devices.place_all(&site);
        (self.site, self.geo) = (site, geo);
    }
    /// The country of a public address.
    pub fn country(&self, a: Addr) -> Option<Country> {
        self.geo.country(a)
    }
    /// Who announces a public address, if a `--geoip` file has networks.
    pub fn network(&self, a: Addr) -> Option<Network> {
        self.geo.network(a)
    }
    /// Learns from one event; false if all it told was known in this minute already: a device seen again where it was.
    pub fn update(&mut self, event: &Event) -> bool {
        let news = self.devices.update(&self.site, event);
        self.names.update(event);
        if let Some((a, service)) = self.services.update(event)
            && let Some(role) = roles::learned(&self.services, a, service)
            && let Some(d) = self.devices.by_addr_mut(a)
            && roles::outranks(role, d.role)
        {
            d.role = role;
        }
        self.edges.update(event);
        self.uses.update(&self.site, event);
        self.accounts.update(event);
        news
    }
    /// Who holds an address, and who disputes it.
    pub fn binding(&self, a: Addr) -> Option<&Binding> {
        self.devices.binding(a)
    }
    /// The device that holds an address now, if it is known beyond doubt.
    pub fn device_of(&self, a: Addr) -> Option<&Device> {
        self.devices.by_addr(a)
    }
    /// The device with a MAC.
    pub fn device_by_mac(&self, m: Mac) -> Option<&Device> {
        self.devices.by_mac(m)
    }
    /// Is this the MAC of a gateway: by ledger role, VRRP/HSRP/GLBP address, or because it sends for many addresses that are not its own?
    pub fn is_gateway(&self, m: Mac) -> bool {
        self.devices.is_gateway(m) || self.site.ledger.by_mac(m).is_some_and(|e| e.role == Role::Gateway)
    }
    /// Every address and MAC of the one device behind `addr` or `mac` (disputed addresses excluded), for `orig_all`.
    pub fn all_names_of(&self, addr: Option<Addr>, mac: Option<Mac>) -> Vec<String> {
        self.devices.identities(addr, mac)
    }
    /// Role by ledger, else as learned.
    pub fn role(&self, a: Addr) -> Role {
        self.site.role(self.device_of(a).and_then(|d| d.mac), a).unwrap_or_else(|| self.device_of(a).map_or(Role::Unknown, |d| d.role))
    }
    /// What people call a host: by the ledger, else its newest own name, else a name that others asked for.
    pub fn name_of(&self, a: Addr) -> Option<&str> {
        let device = self.device_of(a);
        let listed = device.and_then(|d| d.mac).and_then(|m| self.site.ledger.by_mac(m)).or_else(|| self.site.ledger.by_addr(a));
        let own = || device.and_then(|d| d.names.last()).map(String::as_str);
        listed.map(|e| e.name.as_str()).filter(|n| !n.is_empty()).or_else(own).or_else(|| self.names.of(a))
    }
    /// All devices, in order of first sight.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        let mut all: Vec<&Device> = self.devices.iter().collect();
        all.sort_by_key(|d| (d.first_packet, d.id));
        all.into_iter()
    }
    /// Entries held and evicted over all tables, by table name.
    pub fn held(&self) -> Vec<(&'static str, usize, u64)> {
        let mut all = self.devices.held().to_vec();
        all.push(self.names.held());
        all.extend(self.services.held());
        all.extend(self.edges.held());
        all.push(self.uses.held());
        all.extend(self.accounts.held());
        all
    }
    /// When learning began.
    pub fn since(&self) -> Option<Timestamp> {
        self.devices.since()
    }
}
