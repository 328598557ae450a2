//! One responder of a fan-out: the visit to it that tells most, and what all visits had in common.

use super::super::sessions::{Content, Session, USED_SPAN, admin_service};
use crate::base::{Addr, Service, Span, Timestamp};

/// One responder.
#[derive(Clone, Debug)]
pub(in super::super) struct Target {
    pub addr: Addr,
    pub service: Service,
    /// The visit that tells most; of equals the newest, if it came after a pause or as somebody else.
    pub visit: Session,
    /// Last evidence of any visit.
    pub last_ts: Timestamp,
    /// Some visit was worked in.
    pub lives: bool,
    /// Some visit logged on.
    pub logged_on: bool,
    /// Some visit's logon was refused.
    pub refused: bool,
    /// Another visit beside it, and whether any two lasted at the same time.
    beside: Option<Life>,
    at_once: bool,
}

/// How long a visit lasted.
#[derive(Clone, Copy, Debug)]
struct Life {
    uid: u64,
    from: Timestamp,
    last: Timestamp,
    ended: bool,
}

impl Life {
    fn of(s: &Session) -> Life {
        Life { uid: s.flow.uid, from: s.flow.first_ts, last: s.last_ts, ended: s.ended }
    }
    fn until(&self, now: Timestamp) -> Timestamp {
        if self.ended { self.last } else { self.last.max(now) }
    }
    /// Do both last for as long as it takes to work, at the same time?
    fn is_at_once(&self, other: &Life, now: Timestamp) -> bool {
        let (from, to) = (self.from.max(other.from), self.until(now).min(other.until(now)));
        from < to && to.since(from) >= USED_SPAN
    }
}

impl Target {
    pub fn new(session: &Session) -> Target {
        Target {
            addr: session.flow.tuple.resp,
            service: admin_service(&session.flow),
            visit: session.clone(),
            last_ts: session.last_ts,
            lives: session.lives,
            logged_on: session.logged_on,
            refused: session.refused,
            beside: None,
            at_once: false,
        }
    }
    /// When the visit began.
    pub fn first_ts(&self) -> Timestamp {
        self.visit.flow.first_ts
    }
    /// A session that is new, or newer. A visit after `pause`, or as somebody else, is another one: it takes the place of the one before unless it
    /// tells less. So an honest visit in the morning lends neither its time nor its account to the night's.
    pub fn admit(&mut self, session: &Session, pause: Span) {
        let new = Life::of(session);
        self.at_once |= [Some(Life::of(&self.visit)), self.beside].iter().flatten().any(|l| l.uid != new.uid && l.is_at_once(&new, session.last_ts));
        if new.uid == self.visit.flow.uid {
            self.visit = session.clone();
        } else {
            let displaced = self.is_displaced_by(session, pause);
            let other = if displaced { Life::of(&self.visit) } else { new };
            if self.beside.is_none_or(|b| b.uid == other.uid || b.uid == new.uid || b.ended) {
                self.beside = Some(other);
            }
            if displaced {
                self.visit = session.clone();
            }
        }
        self.last_ts = self.last_ts.max(session.last_ts);
        self.lives |= session.lives;
        self.logged_on |= session.logged_on;
        self.refused |= session.refused;
    }
    fn is_displaced_by(&self, new: &Session, pause: Span) -> bool {
        let (old, weight) = (&self.visit, |s: &Session| (s.refused, s.shares.content(), s.lives));
        let somebody_else = new.user.is_some() && new.user != old.user;
        let later = new.flow.first_ts > old.flow.first_ts;
        weight(new) > weight(old) || later && weight(new) == weight(old) && (somebody_else || new.flow.first_ts.since(old.last_ts) > pause)
    }
    /// Are there, or were there, two visits at the same time, for as long as it takes to work? A refused logon is over sooner.
    pub fn is_at_once(&self, now: Timestamp) -> bool {
        self.at_once || self.beside.is_some_and(|b| b.is_at_once(&Life::of(&self.visit), now))
    }
    /// Every logon was refused.
    pub fn is_refused(&self) -> bool {
        self.refused && !self.logged_on
    }
    /// Reached an administrative share, or was kept from it.
    pub fn is_administered(&self) -> bool {
        self.visit.shares.content() == Content::Admin
    }
}
