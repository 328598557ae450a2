//! One originator: the responders that it visited within the window, and those that failed.

use super::super::sessions::Session;
use super::target::Target;
use super::verdict::Verdict;
use super::{MAX_TARGETS, Measure};
use crate::base::{Addr, Severity, Span, Timestamp};
use crate::bounded::DistinctCounter;
use crate::event::FlowInfo;

/// After this long responders are named that are too few for a word of their own.
pub(super) const PAUSE: Span = Span::mins(1);

/// One originator.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub targets: Vec<Target>,
    pub beyond: DistinctCounter,
    /// Responders that failed, with the time of the try.
    pub failed: Vec<(Addr, Timestamp)>,
    pub flow: FlowInfo,
    pub said: Option<(Severity, u64)>,
    /// When that was said.
    pub said_at: Timestamp,
    pub dirty: bool,
    /// More responders are known than were said.
    pub late: bool,
}

impl Source {
    pub fn failed(&mut self, resp: Addr, at: Timestamp, window: Span) {
        self.failed.retain(|f| at.since(f.1) <= window && f.0 != resp);
        if self.failed.len() < MAX_TARGETS {
            self.failed.push((resp, at));
        }
    }
    pub fn admit(&mut self, session: &Session, m: &Measure) {
        let (t, now) = (session.flow.tuple, session.last_ts);
        self.flow = session.flow;
        self.targets.retain(|x| now.since(x.last_ts) <= m.window);
        self.failed.retain(|f| f.0 != t.resp);
        if let Some(x) = self.targets.iter_mut().find(|x| x.addr == t.resp) {
            x.admit(session, m.burst);
            return;
        }
        self.beyond.add(t.resp.0 as u64 ^ (t.resp.0 >> 64) as u64);
        if self.targets.len() < MAX_TARGETS {
            self.targets.push(Target::new(session));
        }
    }
    /// Is there more to say than last time? Beyond 16 responders doublings are, and whatever has come together in a minute: each must be named.
    pub fn is_news(&self, v: &Verdict, now: Timestamp) -> bool {
        let due = |count: u64| v.count <= 16 || v.count >= 2 * count || now.since(self.said_at) >= PAUSE;
        self.said.is_none_or(|(severity, count)| v.severity > severity || v.count > count && due(count))
    }
}
