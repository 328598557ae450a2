//! Services of protection and backup that somebody stops, deletes or disables over the service control manager.

use super::super::{Finding, Subject, hop};
use super::{ID, Tuning};
use crate::base::{Addr, Outcome, Service, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::FlowInfo;
use crate::protocols::dcerpc::{self, Call};
use std::collections::BTreeSet;

/// Parts of the names of protection and backup services.
const GUARDS: &[&str] = &[
    "windefend",
    "wdnissvc",
    "mssense",
    "sense",
    "wscsvc",
    "securityhealth",
    "mpssvc",
    "sophos",
    "savservice",
    "mcshield",
    "mfe",
    "macmnsvc",
    "ntrtscan",
    "tmlisten",
    "tmccsf",
    "ds_agent",
    "symantec",
    "sepmaster",
    "smcservice",
    "ccsvchst",
    "avp",
    "klnagent",
    "ekrn",
    "csfalcon",
    "csagent",
    "cylance",
    "cbdefense",
    "carbonblack",
    "sentinel",
    "epsecurity",
    "bdredline",
    "fireeye",
    "xagt",
    "elastic",
    "sysmon",
    "veeam",
    "vss",
    "acronis",
    "backupexec",
    "wbengine",
    "swprv",
    "arcserve",
];
/// Handles and originators remembered.
const OPEN: usize = 4_096;
/// Services listed.
const LISTED: usize = 64;

/// One originator's stops.
#[derive(Debug, Default)]
struct Stops {
    first: Timestamp,
    last: Timestamp,
    done: BTreeSet<(Addr, String)>,
    tried: BTreeSet<(Addr, String)>,
    said: Option<(Severity, usize)>,
    flow: Option<FlowInfo>,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Services {
    /// The service that was opened last on an association.
    open: BoundedMap<(u64, u128), String>,
    stops: BoundedMap<Addr, Stops>,
    last_stop: Option<Timestamp>,
}

impl Services {
    pub fn new() -> Services {
        Services { open: BoundedMap::new(OPEN), stops: BoundedMap::new(OPEN), last_stop: None }
    }
    pub fn held(&self) -> (usize, u64) {
        (self.open.len() + self.stops.len(), self.open.evicted() + self.stops.evicted())
    }
    /// Was protection stopped from afar within this time?
    pub fn stopped_since(&self, now: Timestamp, span: Span) -> bool {
        self.last_stop.is_some_and(|t| now.since(t) <= span)
    }
    /// One call; what is to be told of its originator.
    pub fn call(&mut self, flow: &FlowInfo, call: &Call, admin: bool, now: Timestamp, tuning: &Tuning) -> Option<Finding> {
        if call.interface.name != "svcctl" {
            return None;
        }
        let handle = (flow.uid, call.pipe.as_ref().map_or(0, |p| p.file));
        let done = matches!(call.outcome, dcerpc::Outcome::Returned(Some(0)));
        match call.operation() {
            "OpenServiceW" | "OpenServiceA" if !call.target.is_empty() => {
                self.open.insert(handle, call.target.to_lowercase());
                return None;
            }
            "ControlService" if call.value == "stop" => {}
            "DeleteService" => {}
            "ChangeServiceConfigW" if call.value == "disabled" => {}
            _ => return None,
        }
        let name = self.open.get(&handle).filter(|n| GUARDS.iter().any(|g| n.contains(g)))?.clone();
        let (orig, server) = (flow.tuple.orig, flow.tuple.resp);
        let stops = self.stops.entry(orig, Stops::default);
        if now.since(stops.last) > tuning.window {
            *stops = Stops { first: now, ..Stops::default() };
        }
        stops.last = now;
        stops.flow.get_or_insert(*flow);
        let set = if done { &mut stops.done } else { &mut stops.tried };
        if set.len() < LISTED {
            set.insert((server, name));
        }
        if done && !admin {
            self.last_stop = Some(now);
        }
        tell(orig, stops, admin, now, tuning)
    }
}

fn tell(orig: Addr, stops: &mut Stops, admin: bool, now: Timestamp, tuning: &Tuning) -> Option<Finding> {
    let (done, tried) = (stops.done.len(), stops.tried.len());
    let severity = match () {
        () if admin => Severity::Info,
        () if done >= tuning.stops => Severity::High,
        () if done + tried >= tuning.stops => Severity::Medium,
        () => Severity::Low,
    };
    if stops.said.is_some_and(|(s, n)| severity <= s && done + tried < 2 * n) {
        return None;
    }
    stops.said = Some((severity, done + tried));
    let mut f = Finding::new(ID, format!("{orig}:services"), now, severity, Subject::addr(orig));
    (f.first_ts, f.last_ts, f.service, f.count) = (stops.first, now, Service::Rpc, (done + tried) as u64);
    f.outcome = if done > 0 { Outcome::Succeeded } else { Outcome::Refused };
    stops.flow.iter().for_each(|flow| f.add_flow(flow));
    let mut hosts: Vec<Addr> = stops.done.iter().chain(&stops.tried).map(|s| s.0).collect();
    hosts.sort_unstable();
    hosts.dedup();
    hosts.iter().for_each(|h| f.add_resp(*h));
    f.set("reasons", ["protection services were stopped from afar"]);
    let listed =
        |set: &BTreeSet<(Addr, String)>| set.iter().map(|s| serde_json::json!({"host": s.0.to_string(), "service": s.1})).collect::<Vec<_>>();
    f.set("stopped", listed(&stops.done));
    f.set("tried", listed(&stops.tried));
    f.set("user_source", "none: calls are told without their logon");
    f.set("hops", hosts.iter().map(|h| hop(stops.first, orig, *h, Service::Rpc, None, f.outcome)).collect::<Vec<_>>());
    Some(f)
}
