//! What a detector says.

use crate::base::{Addr, FiveTuple, Mac, Outcome, Service, Severity, Timestamp};
use crate::event::FlowInfo;
use crate::wire::Vlans;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Whom a finding is about: an address if it had one at the time, else a MAC. Order is by address, then MAC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Subject {
    /// IP address.
    pub addr: Option<Addr>,
    /// MAC, where the device itself (and not its gateway) was seen.
    pub mac: Option<Mac>,
}

impl Subject {
    /// Known by its address.
    pub fn addr(a: Addr) -> Subject {
        Subject { addr: Some(a), mac: None }
    }
    /// Known by its MAC.
    pub fn mac(m: Mac) -> Subject {
        Subject { addr: None, mac: Some(m) }
    }
    /// Known by both.
    pub fn both(a: Addr, m: Mac) -> Subject {
        Subject { addr: Some(a), mac: Some(m) }
    }
    /// The address, else the MAC, as text.
    pub fn word(&self) -> String {
        match (self.addr, self.mac) {
            (Some(a), _) => a.to_string(),
            (None, Some(m)) => m.to_string(),
            (None, None) => String::new(),
        }
    }
}

/// Numbers and names that prove the finding; keys are stable words, values are what templates and analysts read.
pub type Evidence = BTreeMap<Cow<'static, str>, Value>;

/// A detector's id, as the registry has it.
pub type DetectorId = &'static str;

/// An id that was written down, as the registry has it. What a detector said that exists no more cannot go on.
fn registered<'de, D: Deserializer<'de>>(d: D) -> Result<DetectorId, D::Error> {
    let id = String::deserialize(d)?;
    let known = super::DETECTORS.iter().map(|d| d.0).find(|known| *known == id);
    known.ok_or_else(|| serde::de::Error::custom(format!("there is no detector `{id}`")))
}

/// Most items of an evidence list that goes on after a restart: as many as an incident's path has steps.
const MAX_LIST: usize = 256;

/// An evidence value that was known before a restart, and what is known now.
fn joined(old: &Value, new: &Value) -> Value {
    match (old, new) {
        (Value::Number(a), Value::Number(b)) if a.as_f64() > b.as_f64() => old.clone(),
        (Value::Array(a), Value::Array(b)) => {
            let mut all = a.clone();
            for item in b {
                if all.len() < MAX_LIST && !all.contains(item) {
                    all.push(item.clone());
                }
            }
            Value::Array(all)
        }
        (_, Value::Null) => old.clone(),
        _ => new.clone(),
    }
}

/// One thing a detector found. Emitting a finding again with the same `detector` and `story` updates the one that is there (its `rev` rises);
/// the book that keeps them adds `id`, `orig_all`, `zone` (if empty), ATT&CK ids, texts, coverage and the incident.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// Detector id.
    #[serde(deserialize_with = "registered")]
    pub detector: DetectorId,
    /// What makes this the same story when it is emitted again: unique within the detector, e.g. `10.0.0.5` or `10.0.0.5>sweep:445`.
    pub story: String,
    /// Packet time at which the detector spoke.
    pub ts: Timestamp,
    /// First evidence.
    pub first_ts: Timestamp,
    /// Last evidence.
    pub last_ts: Timestamp,
    /// How bad; never above what the signature's text justifies.
    pub severity: Severity,
    /// How far it got.
    pub outcome: Outcome,
    /// Whom it is about.
    pub orig: Subject,
    /// Responders, in the order in which they were met; at most 64 are kept.
    pub resp: Vec<Addr>,
    /// Service, if one.
    pub service: Service,
    /// Account, with its source in `evidence["user_source"]`; or null with the reason there.
    pub user: Option<String>,
    /// Zone of the originator by name; filled in by the book when empty.
    pub zone: String,
    /// VLANs.
    pub vlan: Vec<u16>,
    /// Distinct responders (or tries, for guessing).
    pub count: u64,
    /// Proof.
    pub evidence: Evidence,
    /// Five-tuples of the flows that prove it (at most 32): written as community ids.
    pub flows: Vec<FiveTuple>,
    /// Packet numbers that prove it (at most 32).
    pub packets: Vec<u64>,
}

impl Finding {
    /// Most responders listed.
    pub const MAX_RESP: usize = 64;
    /// Most flows and packets listed.
    pub const MAX_PROOF: usize = 32;

    /// A finding about `orig` with everything else empty.
    pub fn new(detector: &'static str, story: String, ts: Timestamp, severity: Severity, orig: Subject) -> Finding {
        Finding {
            detector,
            story,
            ts,
            first_ts: ts,
            last_ts: ts,
            severity,
            outcome: Outcome::Attempted,
            orig,
            resp: Vec::new(),
            service: Service::Unknown,
            user: None,
            zone: String::new(),
            vlan: Vec::new(),
            count: 0,
            evidence: Evidence::from([("user_source".into(), Value::from("none: no logon was seen"))]),
            flows: Vec::new(),
            packets: Vec::new(),
        }
    }
    /// Takes in what was found of the same story before the sensor was restarted: the detector began anew, the story did not. Numbers never fall,
    /// lists never lose, and packets are counted anew in every run.
    pub fn resume(&mut self, before: &Finding) {
        self.first_ts = self.first_ts.min(before.first_ts);
        self.last_ts = self.last_ts.max(before.last_ts);
        self.severity = self.severity.max(before.severity);
        self.outcome = self.outcome.max(before.outcome);
        self.count = self.count.max(before.count);
        let resp = std::mem::replace(&mut self.resp, before.resp.clone());
        resp.into_iter().for_each(|a| self.add_resp(a));
        let flows = std::mem::replace(&mut self.flows, before.flows.clone());
        let room = Self::MAX_PROOF.saturating_sub(self.flows.len());
        self.flows.extend(flows.into_iter().filter(|f| !before.flows.contains(f)).take(room));
        for v in &before.vlan {
            if !self.vlan.contains(v) && self.vlan.len() < 8 {
                self.vlan.push(*v);
            }
        }
        if self.user.is_none() && before.user.is_some() {
            self.user.clone_from(&before.user);
            self.evidence.remove("user_source");
        }
        for (key, old) in &before.evidence {
            let value = self.evidence.get(key).map_or_else(|| old.clone(), |new| joined(old, new));
            self.evidence.insert(key.clone(), value);
        }
    }
    /// Does it say what the other one said? When it was said and by which packets and flows it is proved does not count.
    pub fn says_the_same(&self, other: &Finding) -> bool {
        let bare = |f: &Finding| Finding {
            ts: Timestamp(0),
            first_ts: Timestamp(0),
            last_ts: Timestamp(0),
            packets: Vec::new(),
            flows: Vec::new(),
            ..f.clone()
        };
        bare(self) == bare(other)
    }
    /// Adds a responder unless listed or full.
    pub fn add_resp(&mut self, a: Addr) {
        if self.resp.len() < Self::MAX_RESP && !self.resp.contains(&a) {
            self.resp.push(a);
        }
    }
    /// Adds a flow (and its first packet) as proof.
    pub fn add_flow(&mut self, f: &FlowInfo) {
        if self.flows.len() < Self::MAX_PROOF && !self.flows.contains(&f.tuple) {
            self.flows.push(f.tuple);
        }
        self.add_packet(f.first_packet);
        for v in f.vlan {
            self.add_vlan(v);
        }
    }
    /// Adds a packet number as proof.
    pub fn add_packet(&mut self, n: u64) {
        if n != 0 && self.packets.len() < Self::MAX_PROOF && !self.packets.contains(&n) {
            self.packets.push(n);
        }
    }
    /// Adds a frame's VLAN (the inner tag).
    pub fn add_vlan(&mut self, v: Vlans) {
        if let Some(v) = v.inner()
            && !self.vlan.contains(&v)
            && self.vlan.len() < 8
        {
            self.vlan.push(v);
        }
    }
    /// Sets one evidence value.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        self.evidence.insert(key.into(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn scan(count: u64, resp: &[&str], hosts: Value) -> Finding {
        let orig = Subject::both("10.0.0.5".parse().unwrap(), "00:11:22:33:44:55".parse().unwrap());
        let mut f = Finding::new("scan", "10.0.0.5".into(), Timestamp::new(9, 5), Severity::Medium, orig);
        (f.count, f.resp) = (count, resp.iter().map(|a| a.parse().unwrap()).collect());
        f.set("hosts", hosts);
        f
    }

    #[test]
    fn what_is_written_down_is_read_as_it_was() {
        let mut f = scan(3, &["10.0.0.9"], json!([1, "\u{202e}x"]));
        f.flows.push(FiveTuple::default());
        f.user = Some("HOSP\\x".into());
        let text = serde_json::to_string(&f).unwrap();
        assert_eq!(serde_json::from_str::<Finding>(&text).unwrap(), f);
        let gone = serde_json::from_str::<Finding>(&text.replace("\"scan\"", "\"retired\"")).unwrap_err();
        assert!(gone.to_string().contains("there is no detector `retired`"), "{gone}");
    }

    #[test]
    fn a_story_goes_on_after_a_restart_and_loses_nothing() {
        let mut before = scan(40, &["10.0.0.9", "10.0.0.8"], json!(["a", "b"]));
        (before.severity, before.user) = (Severity::High, Some("x".into()));
        before.set("user_source", "ntlm");
        before.set("ports", 9);
        let mut now = scan(2, &["10.0.0.7", "10.0.0.9"], json!(["c", "a"]));
        now.first_ts = Timestamp::new(99, 0);
        now.set("ports", 1);
        now.resume(&before);
        assert_eq!((now.count, now.severity, now.first_ts, now.user.as_deref()), (40, Severity::High, before.first_ts, Some("x")));
        assert_eq!(now.resp.iter().map(|a| a.to_string()).collect::<Vec<_>>(), ["10.0.0.9", "10.0.0.8", "10.0.0.7"]);
        assert_eq!(
            (&now.evidence["hosts"], &now.evidence["ports"], &now.evidence["user_source"]),
            (&json!(["a", "b", "c"]), &json!(9), &json!("ntlm"))
        );
        let mut again = scan(1, &["10.0.0.9"], json!(["b"]));
        assert!(!again.says_the_same(&before));
        again.resume(&before);
        assert!(again.says_the_same(&before));
    }
}
