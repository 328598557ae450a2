//! What people on duty did: acknowledged, muted, decided. A live sensor fills it from its store; a replay leaves it empty.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that was done, by what it is about.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Desk {
    /// Findings and incidents that somebody has seen, by id.
    pub seen: BTreeMap<String, NoteRecord>,
    /// What is not shown for a while, by number.
    pub mutes: BTreeMap<String, MuteRecord>,
    /// What was decided about devices, by device id.
    pub decisions: BTreeMap<String, DecisionRecord>,
}

/// Somebody has seen it.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NoteRecord {
    /// When.
    pub ts: String,
    /// Who.
    pub who: String,
    /// What they say.
    pub note: String,
}

/// Findings that match are not shown, until it runs out.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MuteRecord {
    /// When it was made.
    pub ts: String,
    /// By whom.
    pub who: String,
    /// Why.
    pub reason: String,
    /// Until when.
    pub until: String,
    /// Detector, or empty for all.
    pub detector: String,
    /// Originator, or empty for all.
    pub orig: String,
}

/// What was decided about a device.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DecisionRecord {
    /// When.
    pub ts: String,
    /// By whom.
    pub who: String,
    /// `new investigating authorised refused`.
    pub status: String,
    /// Why.
    pub reason: String,
    /// Until when; empty for ever.
    pub until: String,
}

impl MuteRecord {
    /// Does it hide this finding at this time? Times are RFC 3339 as we write them, which sort as text.
    pub fn hides(&self, detector: &str, orig: &str, now: &str) -> bool {
        let fits = |want: &str, is: &str| want.is_empty() || want == is;
        now < self.until.as_str() && fits(&self.detector, detector) && fits(&self.orig, orig)
    }
}

impl DecisionRecord {
    /// The device's status by this decision at a time.
    pub fn status_at(&self, now: &str) -> &str {
        if !self.until.is_empty() && now >= self.until.as_str() { "expired" } else { &self.status }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ran_out_hides_and_permits_no_longer() {
        let m = MuteRecord { until: "2026-11-28T00:00:00Z".into(), detector: "scan".into(), orig: "10.0.0.9".into(), ..MuteRecord::default() };
        assert!(m.hides("scan", "10.0.0.9", "2026-11-27T23:59:59Z"));
        assert!(!m.hides("scan", "10.0.0.9", "2026-11-28T00:00:00Z"));
        assert!(!m.hides("scan", "10.0.0.8", "2026-11-21T00:00:00Z") && !m.hides("beacon", "10.0.0.9", "2026-11-21T00:00:00Z"));
        let d = DecisionRecord { status: "authorised".into(), until: "2026-11-28T00:00:00Z".into(), ..DecisionRecord::default() };
        assert_eq!((d.status_at("2026-11-27"), d.status_at("2026-11-29")), ("authorised", "expired"));
        assert_eq!(DecisionRecord { status: "refused".into(), ..DecisionRecord::default() }.status_at("2099"), "refused");
    }
}
