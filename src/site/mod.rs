//! What the hospital declared: zones, policy, ledger, suppliers, calendar. TOML and CSV in, [`Site`] out. Knows nothing of what was observed.
#![forbid(unsafe_code)]

mod advice;
mod calendar;
mod document;
mod geo;
mod ledger;
mod load;
mod oui;
mod policy;
mod schema;
mod settings;
mod vendors;
mod zones;
#[cfg(test)]
mod tests;

pub use calendar::Calendar;
pub use document::{ConfigError, Document, hint, nearest, read_capped};
pub use geo::{Country, Geo, GeoReport, Network};
pub use ledger::{Addition, Column, ColumnGuess, ColumnNames, Entry, Ledger, LedgerReport, Role, Unwritable};
pub use load::SiteError;
pub use oui::vendor;
pub use policy::{Action, Place, Policy, Rule, Verdict};
pub use settings::{Bytes, Capture, Keep, Notify, Output, Privacy};
pub use vendors::{Vendor, Window};
pub use zones::{Zone, ZoneId, ZoneKind, Zones};

use crate::base::{Addr, Lang, Service, Timestamp};
use crate::wire::Vlans;
use std::path::PathBuf;

/// The whole declaration. Without a site file: one undeclared inside zone of private addresses.
#[derive(Debug, Default)]
pub struct Site {
    /// The hospital's name.
    pub name: String,
    /// Language of files; the screen may choose another.
    pub lang: Lang,
    /// Is there a site file (or `--clinical`)? Without one, the four detectors that need a declaration report at `info`.
    pub declared: bool,
    /// Networks with a meaning.
    pub zones: Zones,
    /// Who may talk to whom.
    pub policy: Policy,
    /// The devices that the hospital knows.
    pub ledger: Ledger,
    /// How the ledger was read; `None` without one.
    pub ledger_report: Option<LedgerReport>,
    /// Time zone and days off.
    pub calendar: Calendar,
    /// Suppliers, in the order of the file.
    pub vendors: Vec<Vendor>,
    /// `[capture]`.
    pub capture: Capture,
    /// `[output]`; paths are complete.
    pub output: Output,
    /// `[notify]`.
    pub notify: Notify,
    /// `[privacy]`.
    pub privacy: Privacy,
    /// The site file, if there is one.
    pub path: Option<PathBuf>,
    /// What is valid but probably not meant.
    pub warnings: Vec<String>,
}

impl Site {
    /// Where an address stands: in a zone, on the internet, inside but undeclared, or nowhere (multicast, unspecified).
    pub fn place(&self, a: Addr) -> Place {
        match self.zones.of(a) {
            Some(z) => Place::Zone(z),
            None if a.is_unspecified() || a.is_multicast() || a.is_loopback() => Place::Nowhere,
            None if a.is_private() => Place::Inside,
            None => Place::Internet,
        }
    }
    /// The zone's kind, if the address stands in one.
    pub fn kind(&self, a: Addr) -> Option<ZoneKind> {
        self.zones.of(a).and_then(|z| self.zones.get(z)).map(|z| z.kind)
    }
    /// The zone's name; empty if none.
    pub fn zone_name(&self, a: Addr) -> &str {
        self.zones.of(a).and_then(|z| self.zones.get(z)).map_or("", |z| z.name.as_str())
    }
    /// A frame without an address of any zone belongs to the zone that declares its VLAN.
    pub fn zone_of_vlan(&self, v: Vlans) -> Option<ZoneId> {
        v.inner().and_then(|v| self.zones.of_vlan(v))
    }
    /// Is this an address of the internet (public, in no declared zone)?
    pub fn is_internet(&self, a: Addr) -> bool {
        matches!(self.place(a), Place::Internet)
    }
    /// Inside: in a declared zone or private.
    pub fn is_inside(&self, a: Addr) -> bool {
        matches!(self.place(a), Place::Zone(_) | Place::Inside)
    }
    /// What the policy says of a flow.
    pub fn judge(&self, from: Addr, to: Addr, service: Service) -> Verdict<'_> {
        self.policy.judge(&self.zones, self.place(from), self.place(to), service)
    }
    /// What the policy says of a flow at a packet time: expired rules no longer speak.
    pub fn judge_at(&self, from: Addr, to: Addr, service: Service, now: Timestamp) -> Verdict<'_> {
        self.policy.judge_at(&self.zones, self.place(from), self.place(to), service, now)
    }
    /// The supplier that comes from this address; the first declared of several.
    pub fn vendor_at(&self, from: Addr) -> Option<&Vendor> {
        self.vendors.iter().find(|v| v.comes_from(from))
    }
    /// The ledger's role for an address (or for the MAC, which counts more).
    pub fn role(&self, mac: Option<crate::base::Mac>, addr: Addr) -> Option<Role> {
        mac.and_then(|m| self.ledger.by_mac(m)).or_else(|| self.ledger.by_addr(addr)).map(|e| e.role)
    }
    /// Ledger role `infrastructure`, `management` or `backup`, or a zone of kind management or backup: expected to administer others.
    pub fn may_administer(&self, addr: Addr) -> bool {
        self.ledger.by_addr(addr).is_some_and(|e| matches!(e.role, Role::Infrastructure | Role::Management | Role::Backup))
            || matches!(self.kind(addr), Some(ZoneKind::Management | ZoneKind::Backup))
    }
}
