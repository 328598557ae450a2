//! The steps of a story, and which of them follows from which: an intruder goes on from where he was let in before (after Hopper, Ho et al., USENIX
//! Security 2021).

use super::Kept;
use crate::base::{Addr, Outcome, Service, Span, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Most steps told of one incident.
pub(super) const MAX_PATH: usize = 256;
/// A step follows from one into its source at most this much earlier: longer, and it is another day's work.
const FOLLOWS: Span = Span::hours(24);

/// One step of a path.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Hop {
    /// When the step was made.
    pub ts: Timestamp,
    /// From whom.
    pub from: Addr,
    /// To whom.
    pub to: Addr,
    /// By what.
    pub via: Service,
    /// As whom, if known.
    pub user: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// The step it follows from, by its place in the path.
    pub after: Option<usize>,
    /// It was made as another account than the last known one on the way to it.
    pub switched: bool,
}

impl Hop {
    /// From a detector's evidence (`detect::hop`).
    pub(super) fn read(v: &Value) -> Option<Hop> {
        let text = |k: &str| v.get(k).and_then(Value::as_str);
        Some(Hop {
            ts: Timestamp(v.get("ts_ns")?.as_u64()?),
            from: text("from")?.parse().ok()?,
            to: text("to")?.parse().ok()?,
            via: text("via")?.parse().ok()?,
            user: text("user").map(str::to_owned),
            outcome: text("outcome")?.parse().unwrap_or_default(),
            after: None,
            switched: false,
        })
    }
}

/// All steps that findings prove, each edge once at its earliest, in time order, each with the one it follows from.
pub(super) fn path(members: &[&&Kept]) -> Vec<Hop> {
    let mut edges: BTreeMap<(Addr, Addr, Service), Hop> = BTreeMap::new();
    for k in members {
        let steps = ["path", "hops"].iter().filter_map(|key| k.finding.evidence.get(*key)?.as_array());
        for hop in steps.flatten().filter_map(Hop::read) {
            let key = (hop.from, hop.to, hop.via);
            if let Some(old) = edges.get_mut(&key) {
                old.ts = old.ts.min(hop.ts);
                old.outcome = old.outcome.max(hop.outcome);
                old.user = old.user.take().or(hop.user);
            } else if edges.len() < MAX_PATH {
                edges.insert(key, hop);
            }
        }
    }
    let mut all: Vec<Hop> = edges.into_values().collect();
    all.sort_by_key(|h| (h.ts, h.from, h.to, h.via));
    join(&mut all);
    all
}

/// Each step follows from the newest one into its source that got in; steps stand in time order. With equal times the earlier place counts.
fn join(path: &mut [Hop]) {
    let mut into: BTreeMap<Addr, usize> = BTreeMap::new();
    // The last account known on the way to each step, the step's own included.
    let mut known: Vec<Option<String>> = Vec::with_capacity(path.len());
    for i in 0..path.len() {
        let Some(h) = path.get(i) else { break };
        let (from, to, ts) = (h.from, h.to, h.ts);
        let before = into.get(&from).copied().filter(|p| path.get(*p).is_some_and(|p| ts.since(p.ts) <= FOLLOWS));
        let held = before.and_then(|p| known.get(p).cloned().flatten());
        let Some(h) = path.get_mut(i) else { break };
        h.after = before;
        h.switched = matches!((&held, &h.user), (Some(a), Some(b)) if !is_same(a, b));
        known.push(h.user.clone().or(held));
        if h.outcome >= Outcome::Answered && h.outcome != Outcome::Failed {
            into.insert(to, i);
        }
    }
}

/// One account, however it was written: without regard to case, and to the domain where a logon names none or only its first label.
fn is_same(a: &str, b: &str) -> bool {
    let parts = |s: &str| {
        let (domain, name) = s.split_once('\\').or_else(|| s.split_once('@').map(|(name, realm)| (realm, name))).unwrap_or(("", s));
        (domain.split('.').next().unwrap_or_default().to_lowercase(), name.to_lowercase())
    };
    let ((a_domain, a_name), (b_domain, b_name)) = (parts(a), parts(b));
    a_name == b_name && (a_domain == b_domain || a_domain.is_empty() || b_domain.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing::{a, at};

    fn hop(ts: f64, from: &str, to: &str, user: Option<&str>, outcome: Outcome) -> Hop {
        let user = user.map(str::to_owned);
        Hop { ts: at(ts), from: a(from), to: a(to), via: Service::Rdp, user, outcome, after: None, switched: false }
    }

    #[test]
    fn a_step_follows_from_the_newest_one_into_its_source_and_another_account_is_told() {
        let ok = Outcome::Succeeded;
        let mut p = [
            hop(0.0, "10.0.0.1", "10.0.0.2", Some("HOSP\\vendor"), ok),
            hop(5.0, "10.0.0.3", "10.0.0.2", None, ok),
            hop(9.0, "10.0.0.2", "10.0.0.4", Some("hosp\\Admin"), ok),
            hop(10.0, "10.0.0.9", "10.0.0.4", Some("x"), Outcome::Refused),
            hop(11.0, "10.0.0.4", "10.0.0.5", None, ok),
            hop(12.0, "10.0.0.5", "10.0.0.6", Some("ADMIN@hosp.example"), ok),
            hop(13.0, "10.0.0.5", "10.0.0.7", Some("PC5\\admin"), ok),
            hop(200_000.0, "10.0.0.7", "10.0.0.8", None, ok),
        ];
        join(&mut p);
        assert_eq!(p.iter().map(|h| h.after).collect::<Vec<_>>(), [None, None, Some(1), None, Some(2), Some(4), Some(4), None]);
        assert_eq!(p.iter().map(|h| h.switched).collect::<Vec<_>>(), [false, false, false, false, false, false, true, false]);
    }
}
