//! What a detector says.

use crate::base::{Addr, FiveTuple, Mac, Outcome, Service, Severity, Timestamp};
use crate::event::FlowInfo;
use crate::wire::Vlans;
use serde_json::Value;
use std::collections::BTreeMap;

/// Whom a finding is about: an address if it had one at the time, else a MAC. Order is by address, then MAC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
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
pub type Evidence = BTreeMap<&'static str, Value>;

/// One thing a detector found. Emitting a finding again with the same `detector` and `story` updates the one that is there (its `rev` rises);
/// the book that keeps them adds `id`, `orig_all`, `zone` (if empty), ATT&CK ids, texts, coverage and the incident.
#[derive(Clone, PartialEq, Debug)]
pub struct Finding {
    /// Detector id.
    pub detector: &'static str,
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
            evidence: Evidence::from([("user_source", Value::from("none: no logon was seen"))]),
            flows: Vec::new(),
            packets: Vec::new(),
        }
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
        self.evidence.insert(key, value.into());
    }
}
