//! Who may talk to whom.

use super::{ZoneId, ZoneKind, Zones};
use crate::base::{Service, Timestamp};
use serde::{Deserialize, Serialize};

/// Where one end of a flow stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Place {
    /// In a declared zone.
    Zone(ZoneId),
    /// A private address in no declared zone.
    Inside,
    /// A public address in no declared zone.
    Internet,
    /// Multicast, unspecified, loopback.
    Nowhere,
}

/// What is done about a flow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Expected.
    Allow,
    /// Noted.
    Info,
    /// Not expected: a finding.
    Alert,
}

/// One declared rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// Source zone, or `None` for the internet.
    pub from: Option<ZoneId>,
    /// Destination zone, or `None` for the internet.
    pub to: Option<ZoneId>,
    /// Services; empty = all.
    pub services: Vec<Service>,
    /// What is done.
    pub action: Action,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The instant from which the rule no longer applies: the end of its last day in the site's time zone.
    pub expires: Option<Timestamp>,
}

impl Rule {
    /// Does the rule apply at `now` (packet time)?
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|end| now < end)
    }
}

/// All rules, in the order of the file: the first that fits decides.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Policy {
    /// The rules.
    pub rules: Vec<Rule>,
}

/// What the policy says of one flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Verdict<'a> {
    /// What is done.
    pub action: Action,
    /// The declared rule, or `None` for the built-in default.
    pub rule: Option<&'a Rule>,
}

impl Policy {
    /// [`Policy::judge_at`] before any rule has expired.
    pub fn judge(&self, zones: &Zones, from: Place, to: Place, service: Service) -> Verdict<'_> {
        self.judge_at(zones, from, to, service, Timestamp(0))
    }
    /// The first rule in force at `now` that fits; else: inside↔inside allowed, clinical|vendor→internet alert, others↔internet info.
    pub fn judge_at(&self, zones: &Zones, from: Place, to: Place, service: Service, now: Timestamp) -> Verdict<'_> {
        let fits = |place: Place, want: Option<ZoneId>| match (place, want) {
            (Place::Zone(z), Some(w)) => z == w,
            (Place::Internet, None) => true,
            _ => false,
        };
        let speaks_of = |r: &Rule| r.services.is_empty() || r.services.contains(&service);
        if let Some(rule) = self.rules.iter().find(|r| fits(from, r.from) && fits(to, r.to) && speaks_of(r) && r.is_in_force(now)) {
            return Verdict { action: rule.action, rule: Some(rule) };
        }
        let strict = matches!(from, Place::Zone(z) if zones.get(z).is_some_and(|z| matches!(z.kind, ZoneKind::Clinical | ZoneKind::Vendor)));
        let action = match (from, to) {
            (_, Place::Internet) if strict => Action::Alert,
            (Place::Internet, _) | (_, Place::Internet) => Action::Info,
            _ => Action::Allow,
        };
        Verdict { action, rule: None }
    }
}
