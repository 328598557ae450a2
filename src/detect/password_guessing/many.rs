//! One account that many hosts are refused for: guessing that is spread over them, or a program on all of them with an old password. Only low: who is
//! let in leaves the list.

use super::super::{Finding, Scene, Subject};
use super::source::plain;
use super::tries::Try;
use super::{ID, Tuning};
use crate::base::{Addr, Outcome, Severity, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::FlowInfo;

/// Most hosts kept of one account.
const KEPT: usize = 128;

/// One account.
#[derive(Debug, Default)]
struct Account {
    refused: Vec<(Addr, Addr, Timestamp, FlowInfo)>,
    said: usize,
}

/// All accounts.
#[derive(Debug)]
pub(super) struct Many {
    accounts: BoundedMap<String, Account>,
}

impl Many {
    pub fn new() -> Many {
        Many { accounts: BoundedMap::new(8_192) }
    }
    pub fn held(&self) -> (usize, u64) {
        (self.accounts.len(), self.accounts.evicted())
    }
    pub fn admit(&mut self, t: &Try, m: &Tuning, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some(name) = t.account.as_deref() else { return };
        if t.good && !self.accounts.contains(&plain(name)) {
            return;
        }
        let a = self.accounts.entry(plain(name), Account::default);
        a.refused.retain(|r| r.0 != t.from && t.at.since(r.2) <= m.window);
        if t.good {
            return;
        }
        if a.refused.len() < KEPT {
            a.refused.push((t.from, t.to, t.at, t.flow));
        }
        if a.refused.len() >= m.sources && a.refused.len() >= 2 * a.said {
            a.said = a.refused.len();
            out.extend(finding(t, a, scene));
        }
    }
}

fn finding(t: &Try, a: &Account, scene: &Scene<'_>) -> Option<Finding> {
    let mut f = Finding::new(ID, format!("account:{}", plain(t.account.as_deref()?)), scene.now, Severity::Low, Subject::addr(t.from));
    f.first_ts = a.refused.iter().map(|r| r.2).min()?;
    (f.last_ts, f.service, f.outcome, f.count) = (t.at, t.service, Outcome::Failed, a.refused.len() as u64);
    for (_, to, _, flow) in &a.refused {
        f.add_resp(*to);
        f.add_flow(flow);
    }
    f.user.clone_from(&t.account);
    f.set("user_source", t.source);
    f.set("accounts", 1);
    f.set("tried", vec![t.account.clone()]);
    f.set("shape", "one account from many hosts");
    f.set("reasons", vec!["guessing that is spread over them, or a program with an old password on all of them"]);
    f.set("sources", a.refused.iter().take(Finding::MAX_RESP).map(|r| r.0.to_string()).collect::<Vec<_>>());
    f.set("most_in_a_minute", a.refused.len());
    f.set("locked", t.locked);
    f.set("seconds", (f.last_ts.since(f.first_ts).as_secs_f64() * 10.0).round() / 10.0);
    Some(f)
}
