//! Services of protection and backup that somebody stops, deletes or disables over the service control manager.

use super::super::{Finding, Subject, hop};
use super::{ID, Tuning};
use crate::base::{Addr, Outcome, Service, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::FlowInfo;
use crate::protocols::dcerpc::{self, Call};
use crate::protocols::field::cut;
use std::collections::BTreeSet;

/// Names of protection services; what ends in a star begins like this.
const PROTECTION: &[&str] = &[
    "windefend",
    "wdnissvc",
    "sense",
    "wscsvc",
    "securityhealthservice",
    "mpssvc",
    "sophos*",
    "savservice",
    "savadminservice",
    "hmpalertsvc",
    "mcshield",
    "mfemms",
    "mfefire",
    "mfevtp",
    "mfeesp",
    "mfetp",
    "mfewc",
    "masvc",
    "macmnsvc",
    "mcafee*",
    "ntrtscan",
    "tmlisten",
    "tmccsf",
    "tmbmserver",
    "ds_agent",
    "symantec*",
    "sepmasterservice*",
    "sepscanservice",
    "smcservice",
    "avp",
    "avp1*",
    "avp2*",
    "avp.*",
    "klnagent",
    "ekrn",
    "csfalconservice",
    "csagent",
    "cylancesvc",
    "cbdefense",
    "carbonblack*",
    "sentinelagent",
    "sentinelstaticengine",
    "sentinelhelperservice",
    "epsecurityservice",
    "epprotectedservice",
    "bdredline*",
    "xagt",
    "elastic agent",
    "elastic endpoint",
    "elasticendpoint",
    "sysmon",
    "sysmon64",
];
/// Names of backup services. Helpers that a backup server puts on its clients for an hour, and takes away, are not among them.
const BACKUP: &[&str] = &[
    "vss",
    "swprv",
    "wbengine",
    "veeambackupsvc",
    "veeambrokersvc",
    "veeamcatalogsvc",
    "veeamcloudsvc",
    "veeamdeploysvc",
    "veeamdeploymentservice",
    "veeamendpointbackupsvc",
    "veeammountsvc",
    "veeamnfssvc",
    "veeamtransportsvc",
    "acronis*",
    "acrsch2svc",
    "backupexec*",
    "arcserve*",
];
/// Handles and originators remembered.
const OPEN: usize = 4_096;
/// Services listed, and held open on one association.
const LISTED: usize = 64;
/// Bytes kept of a name.
const NAME: usize = 128;

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

impl Stops {
    /// Hosts that lost a protection service.
    fn unprotected(&self) -> usize {
        self.done.iter().filter(|s| is_one_of(&s.1, PROTECTION)).map(|s| s.0).collect::<BTreeSet<Addr>>().len()
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct Services {
    /// Services opened on an association, in order, and whether each was stopped since. Calls do not tell by which handle.
    open: BoundedMap<(u64, u128), Vec<(String, bool)>>,
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
                let open = self.open.entry(handle, Vec::new);
                if open.len() >= LISTED {
                    open.remove(0);
                }
                open.push((cut(&call.target.to_lowercase(), NAME), false));
                return None;
            }
            "CloseServiceHandle" => {
                self.close(handle);
                return None;
            }
            "ControlService" if call.value == "stop" => {}
            "DeleteService" => {}
            "ChangeServiceConfigW" if call.value == "disabled" => {}
            _ => return None,
        }
        let name = self.strike(handle).filter(|n| is_one_of(n, PROTECTION) || is_one_of(n, BACKUP))?;
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
    /// The service that a stop is meant for: the one opened last that was not stopped yet, so opening all and then stopping all counts all.
    fn strike(&mut self, handle: (u64, u128)) -> Option<String> {
        let open = self.open.get_mut(&handle)?;
        let at = open.iter().rposition(|o| !o.1).or_else(|| open.len().checked_sub(1))?;
        let service = open.get_mut(at)?;
        service.1 = true;
        Some(service.0.clone())
    }
    /// A handle is closed: of what was stopped, else of what was only looked at.
    fn close(&mut self, handle: (u64, u128)) {
        let Some(open) = self.open.get_mut(&handle) else { return };
        match open.iter().rposition(|o| o.1) {
            Some(at) => drop(open.remove(at)),
            None => drop(open.pop()),
        }
    }
}

fn is_one_of(name: &str, all: &[&str]) -> bool {
    all.iter().any(|g| g.strip_suffix('*').map_or(name == *g, |start| name.starts_with(start)))
}

fn tell(orig: Addr, stops: &mut Stops, admin: bool, now: Timestamp, tuning: &Tuning) -> Option<Finding> {
    let (done, tried) = (stops.done.len(), stops.tried.len());
    let severity = match () {
        // Protection that disappears from so many hosts is somebody's decision: it is asked for, also in the administrator's name.
        () if admin && stops.unprotected() >= tuning.mass => Severity::Medium,
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
