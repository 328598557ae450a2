//! One host that tries logons: per target, service and account how often it was refused, how fast, and whether it was let in.

use super::tries::Try;
use crate::base::{Addr, Outcome, Service, Severity, Span, Timestamp};
use crate::event::FlowInfo;

/// Most of them kept of one source; beyond, refusals are only counted.
const AIMS: usize = 256;

/// Accounts are compared in this form: their name alone, in small letters.
pub(super) fn plain(account: &str) -> String {
    let name = account.rsplit('\\').next().unwrap_or(account);
    name.split('@').next().unwrap_or(name).to_lowercase()
}

/// The pace is measured over this long.
const MINUTE: Span = Span::secs(60);
/// Windows asks for a ticket twice with the same wrong password, with another kind of key: refusals closer together are one try.
const SAME_TRY: Span = Span::secs(1);

/// One target, service and account.
#[derive(Clone, Debug)]
pub(super) struct Aim {
    pub to: Addr,
    pub service: Service,
    /// As first named, and its plain form.
    pub account: Option<String>,
    pub plain: Option<String>,
    pub source: &'static str,
    /// Refusals, and the most within a minute.
    pub refused: u32,
    pub fastest: u32,
    pub first: Timestamp,
    pub last: Timestamp,
    minute: (Timestamp, u32),
    /// Let in before the first refusal.
    pub good_before: bool,
    /// Let in last; refusals that are older belong to the series before it.
    pub good: Option<(Timestamp, FlowInfo)>,
    pub locked: bool,
    pub flow: FlowInfo,
}

impl Aim {
    fn new(t: &Try) -> Aim {
        Aim {
            to: t.to,
            service: t.service,
            account: t.account.clone(),
            plain: t.account.as_deref().map(plain),
            source: t.source,
            refused: 0,
            fastest: 0,
            first: t.at,
            last: t.at,
            minute: (t.at, 0),
            good_before: false,
            good: None,
            locked: false,
            flow: t.flow,
        }
    }
    fn admit(&mut self, t: &Try) {
        self.locked |= t.locked;
        if t.good {
            self.good = Some((t.at, t.flow));
            return;
        }
        // What ends is told late: an older refusal is no new series.
        if self.good.take_if(|g| g.0 < t.at).is_some() {
            // Refused again: who was let in between had mistyped, or always could.
            self.good_before = true;
            (self.refused, self.fastest, self.minute) = (0, 0, (t.at, 0));
        }
        let again = self.refused > 0 && t.at >= self.last && t.at.since(self.last) < SAME_TRY;
        if self.refused == 0 {
            (self.first, self.flow) = (t.at, t.flow);
        }
        (self.first, self.last) = (self.first.min(t.at), self.last.max(t.at));
        if self.service == Service::Kerberos && again {
            return;
        }
        self.refused += 1;
        if t.at.since(self.minute.0) > MINUTE {
            self.minute = (t.at, 0);
        }
        self.minute.1 += 1;
        self.fastest = self.fastest.max(self.minute.1);
    }
    /// Was it let in after it had been refused?
    pub fn good_after(&self) -> Option<Timestamp> {
        self.good.map(|g| g.0).filter(|_| self.refused > 0)
    }
    /// Was it let in without having been refused first?
    pub fn resides(&self) -> bool {
        self.good_before || self.good.is_some() && self.refused == 0
    }
}

/// One source.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub aims: Vec<Aim>,
    /// Refusals beyond what is kept.
    pub beyond: u64,
    pub said: Option<(Severity, Outcome, u64)>,
    pub said_at: Timestamp,
    pub dirty: bool,
}

impl Source {
    pub fn admit(&mut self, t: &Try, window: Span) {
        self.aims.retain(|a| t.at.since(a.last) <= window);
        let key = t.account.as_deref().map(plain);
        if let Some(a) = self.aims.iter_mut().find(|a| a.to == t.to && a.service == t.service && a.plain == key) {
            a.admit(t);
        } else if self.aims.len() < AIMS {
            let mut a = Aim::new(t);
            a.admit(t);
            self.aims.push(a);
        } else {
            self.beyond += u64::from(!t.good);
        }
    }
    /// Was this account ever let in from here?
    pub fn is_good(&self, account: &str) -> bool {
        self.aims.iter().any(|a| a.plain.as_deref() == Some(account) && (a.good_before || a.good.is_some()))
    }
    /// Accounts that were let in from here, besides those that were first refused.
    pub fn residents(&self) -> usize {
        let mut all: Vec<&str> = self.aims.iter().filter(|a| a.resides()).filter_map(|a| a.plain.as_deref()).collect();
        all.sort_unstable();
        all.dedup();
        all.len()
    }
}
