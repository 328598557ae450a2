//! What the person on duty does not want to hear of for a time: kept and counted, not shown, and told again when the time is over.

use super::Kept;
use crate::base::{Addr, Cidr, Mac, Service, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Most mutes at a time: whoever needs more should change the policy or the ledger.
const MAX_MUTES: usize = 1_024;

/// Whom a mute is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Who {
    /// Addresses.
    Net(Cidr),
    /// One device.
    Mac(Mac),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Net(n) => n.fmt(f),
            Who::Mac(m) => m.fmt(f),
        }
    }
}

impl FromStr for Who {
    type Err = String;
    fn from_str(s: &str) -> Result<Who, String> {
        let wrong = |_| format!("`{s}` is no address, network or MAC");
        s.parse().map(Who::Net).or_else(|_| s.parse().map(Who::Mac)).map_err(wrong)
    }
}

impl TryFrom<String> for Who {
    type Error = String;
    fn try_from(s: String) -> Result<Who, String> {
        s.parse()
    }
}

impl From<Who> for String {
    fn from(w: Who) -> String {
        w.to_string()
    }
}

/// Which findings. What is not given fits all; at least one must be.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fits {
    /// Detector id.
    pub detector: Option<String>,
    /// The originator: its address, or any of its MACs.
    pub orig: Option<Who>,
    /// All responders stand in this network. A finding about others too is shown.
    pub resp: Option<Cidr>,
    /// Service.
    pub service: Option<Service>,
}

impl Fits {
    /// Would fit every finding.
    pub fn is_empty(&self) -> bool {
        *self == Fits::default()
    }
    /// Does it fit this one?
    pub fn covers(&self, k: &Kept) -> bool {
        let f = &k.finding;
        let orig = |w: &Who| match w {
            Who::Net(n) => f.orig.addr.is_some_and(|a| n.contains(a)),
            Who::Mac(m) => f.orig.mac == Some(*m) || k.orig_all.iter().any(|n| n.parse() == Ok(*m)),
        };
        let inside = |n: &Cidr| !f.resp.is_empty() && f.resp.iter().all(|a: &Addr| n.contains(*a));
        self.detector.as_ref().is_none_or(|d| d == f.detector)
            && self.orig.as_ref().is_none_or(orig)
            && self.resp.as_ref().is_none_or(inside)
            && self.service.is_none_or(|s| s == f.service)
    }
}

/// One mute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mute {
    /// Its number, from 1.
    pub number: u64,
    /// What it hides.
    pub fits: Fits,
    /// When it ends by itself.
    pub until: Timestamp,
}

/// The mutes that are in force.
#[derive(Debug, Default)]
pub struct Mutes {
    all: Vec<Mute>,
    hidden: u64,
}

impl Mutes {
    /// Puts one in force; false if there are too many.
    pub fn add(&mut self, mute: Mute) -> bool {
        let room = self.all.len() < MAX_MUTES;
        if room {
            self.all.push(mute);
        }
        room
    }
    /// Ends one before its time; false if there is none of this number.
    pub fn end(&mut self, number: u64) -> bool {
        let before = self.all.len();
        self.all.retain(|m| m.number != number);
        self.all.len() != before
    }
    /// Takes out what has ended by itself; returns their numbers.
    pub fn expire(&mut self, now: Timestamp) -> Vec<u64> {
        let gone = self.all.iter().filter(|m| m.until <= now).map(|m| m.number).collect();
        self.all.retain(|m| m.until > now);
        gone
    }
    /// The number of the mute that hides a finding now; 0 if none.
    pub(super) fn over(&mut self, k: &Kept) -> u64 {
        let number = self.all.iter().find(|m| m.until > k.finding.ts && m.fits.covers(k)).map_or(0, |m| m.number);
        self.hidden += u64::from(number != 0);
        number
    }
    pub(super) fn held(&self) -> (&'static str, usize, u64) {
        ("mutes", self.all.len(), 0)
    }
    /// Findings and revisions that were not shown.
    pub fn hidden(&self) -> u64 {
        self.hidden
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Severity;
    use crate::detect::{Finding, Subject};
    use crate::event::Coverage;

    fn kept(orig: &str, resp: &[&str]) -> Kept {
        let mut finding = Finding::new("scan", "x".into(), Timestamp::new(100, 0), Severity::High, Subject::addr(orig.parse().unwrap()));
        finding.resp = resp.iter().map(|a| a.parse().unwrap()).collect();
        let (id, orig_all) = ("F000001".to_owned(), vec![orig.to_owned(), "00:11:22:33:44:55".to_owned()]);
        Kept { id, rev: 1, finding, orig_all, coverage: Coverage::default(), incident: String::new(), muted: 0 }
    }
    fn fits(json: &str) -> Fits {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_mute_hides_what_it_names_and_nothing_beside() {
        let k = kept("10.0.0.5", &["10.1.0.1", "10.1.0.2"]);
        for yes in [
            r#"{"detector":"scan"}"#,
            r#"{"orig":"10.0.0.5"}"#,
            r#"{"orig":"10.0.0.0/8","resp":"10.1.0.0/16"}"#,
            r#"{"orig":"00-11-22-33-44-55","service":"unknown"}"#,
        ] {
            assert!(fits(yes).covers(&k), "{yes}");
        }
        for no in [r#"{"detector":"dcsync"}"#, r#"{"orig":"10.0.0.6"}"#, r#"{"resp":"10.1.0.1"}"#, r#"{"service":"smb"}"#] {
            assert!(!fits(no).covers(&k), "{no}");
        }
        assert!(!fits(r#"{"resp":"0.0.0.0/0"}"#).covers(&kept("10.0.0.5", &[])), "who reached nobody is not hidden by whom he reached");
        assert!(serde_json::from_str::<Fits>(r#"{"orig":"nurse"}"#).is_err() && fits("{}").is_empty());
    }

    #[test]
    fn a_mute_ends_by_itself_or_by_order() {
        let mut m = Mutes::default();
        let mute = |number, until| Mute { number, fits: fits(r#"{"detector":"scan"}"#), until: Timestamp::new(until, 0) };
        assert!(m.add(mute(1, 50)) && m.add(mute(2, 200)));
        let k = kept("10.0.0.5", &[]);
        assert_eq!((m.over(&k), m.hidden()), (2, 1), "the first had ended when the finding was made");
        assert_eq!(m.expire(Timestamp::new(60, 0)), [1]);
        assert!(m.end(2) && !m.end(2));
        assert_eq!(m.over(&k), 0);
        assert!((3..2_000).filter(|n| m.add(mute(*n, 500))).count() == MAX_MUTES);
    }
}
