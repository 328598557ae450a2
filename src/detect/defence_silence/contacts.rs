//! Who keeps in touch with which defence server, how often, and who stopped although he is awake.

use super::Tuning;
use crate::base::{Addr, Span, Timestamp};
use crate::bounded::BoundedMap;
use std::collections::{BTreeMap, BTreeSet};

/// Agents (host, server, port), and hosts known to be awake; the longest untouched leaves.
const AGENTS: usize = 16_384;
/// Servers.
const SERVERS: usize = 256;
/// Hosts remembered per server.
const LISTED: usize = 256;
/// A host that opened nothing for so long may have been asleep.
const ASLEEP: Span = Span::mins(30);

/// Where a host reports to.
pub(super) type Server = (Addr, u16);

/// One host's habit with one server.
#[derive(Clone, Copy, Debug)]
struct Habit {
    first: Timestamp,
    last: Timestamp,
    /// Contacts, those shortly after each other as one, and when the last of them began.
    contacts: u32,
    counted: Timestamp,
    /// The longest time awake without a contact, whether a contact or sleep ended it.
    pause: Span,
    silent: bool,
}

/// When a host last opened something, and since when it does without a long pause.
#[derive(Clone, Copy, Debug)]
struct Awake {
    since: Timestamp,
    last: Timestamp,
}

/// What a server does.
#[derive(Debug, Default)]
struct State {
    answered: Timestamp,
    /// Hosts that were used to it and are not answered any more: since when, how often.
    failing: BTreeMap<Addr, (Timestamp, u32)>,
    /// Hosts that fell silent.
    silent: BTreeMap<Addr, Timestamp>,
}

/// What is to be told of a server.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum News {
    /// These hosts fell silent, with the time of their last contact.
    Silent(Vec<(Addr, Timestamp)>),
    /// It answers none of these any more, since the first of them tried.
    Down(Vec<Addr>, Timestamp),
}

/// All habits.
#[derive(Debug)]
pub(super) struct Contacts {
    agents: BoundedMap<(Addr, Server), Habit>,
    awake: BoundedMap<Addr, Awake>,
    servers: BoundedMap<Server, State>,
    /// The capture had a hole until here: nobody was silent before.
    resumed: Timestamp,
    heard: Timestamp,
}

impl Contacts {
    pub fn new() -> Contacts {
        Contacts {
            agents: BoundedMap::new(AGENTS),
            awake: BoundedMap::new(AGENTS),
            servers: BoundedMap::new(SERVERS),
            resumed: Timestamp(0),
            heard: Timestamp(0),
        }
    }
    pub fn held(&self) -> (usize, u64) {
        let (a, b, c) = (&self.agents, &self.awake, &self.servers);
        (a.len() + b.len() + c.len(), a.evicted() + b.evicted() + c.evicted())
    }
    /// Something was captured; after a long nothing everybody starts anew.
    pub fn hear(&mut self, now: Timestamp, hole: Span) {
        if now.since(self.heard) > hole {
            self.resumed = now;
        }
        self.heard = self.heard.max(now);
    }
    /// A host opened something and was answered.
    pub fn wake(&mut self, host: Addr, now: Timestamp) {
        let a = self.awake.entry(host, || Awake { since: now, last: now });
        let before = *a;
        let slept = now.since(before.last) > ASLEEP;
        if slept {
            a.since = now;
        }
        a.last = a.last.max(now);
        if slept {
            self.sleep(host, before);
        }
    }
    /// A time awake is over: who reports once a day was silent for the rest of it, and that is its habit.
    fn sleep(&mut self, host: Addr, awake: Awake) {
        let since = if self.resumed <= awake.last { awake.since.max(self.resumed) } else { awake.since };
        for (server, _) in self.servers.iter() {
            if let Some(h) = self.agents.get_mut(&(host, *server)) {
                h.pause = h.pause.max(awake.last.since(h.last.max(since)));
            }
        }
    }
    /// Since when the host is awake without a pause that nobody saw.
    fn awake_since(&self, host: Addr) -> Option<(Timestamp, Timestamp)> {
        self.awake.get(&host).map(|a| (a.since.max(self.resumed), a.last))
    }
    /// A defence server answered a host; a long connection counts as one contact whenever it is heard of.
    pub fn answered(&mut self, host: Addr, server: Server, now: Timestamp, apart: Span) {
        let awake = self.awake_since(host).map_or(now, |a| a.0);
        let new = Habit { first: now, last: now, contacts: 0, counted: now, pause: Span(0), silent: false };
        let h = self.agents.entry((host, server), || new);
        // What the host slept, or nothing was captured, is no pause of its own.
        h.pause = h.pause.max(now.since(h.last.max(awake)));
        if h.contacts == 0 || now.since(h.counted) >= apart {
            (h.contacts, h.counted) = (h.contacts.saturating_add(1), now);
        }
        (h.last, h.silent) = (h.last.max(now), false);
        let s = self.servers.entry(server, State::default);
        s.answered = s.answered.max(now);
        s.failing.clear();
        s.silent.remove(&host);
    }
    /// A host that is used to this server tried, and was not answered.
    pub fn failed(&mut self, host: Addr, server: Server, now: Timestamp, tuning: &Tuning) {
        let Some(h) = self.agents.get(&(host, server)) else { return };
        let (learned, last) = (is_learned(h, tuning), h.last);
        let Some(s) = self.servers.get_mut(&server) else { return };
        if learned && now >= s.answered.max(last) && (s.failing.len() < LISTED || s.failing.contains_key(&host)) {
            s.failing.entry(host).or_insert((now, 0)).1 += 1;
        }
    }
    /// Once in a while: who is silent by now, which server is down?
    pub fn look(&mut self, now: Timestamp, tuning: &Tuning) -> Vec<(Server, News)> {
        let changed = self.fall_silent(now, tuning);
        let mut all: Vec<(Server, News)> = Vec::new();
        for (server, s) in self.servers.iter() {
            if changed.contains(server) {
                let near = s.silent.iter().filter(|(_, last)| now.since(**last) <= tuning.together).map(|(h, last)| (*h, *last));
                all.push((*server, News::Silent(near.collect())));
            }
            let down: Vec<Addr> = s.failing.iter().filter(|(_, f)| f.1 >= 2).map(|(h, _)| *h).collect();
            let since = s.failing.values().map(|f| f.0).min().unwrap_or(now);
            if down.len() >= tuning.hosts && now.since(since.max(self.resumed)) >= tuning.down {
                all.push((*server, News::Down(down, since)));
            }
        }
        all.sort_by_key(|a| a.0);
        all
    }
    fn fall_silent(&mut self, now: Timestamp, tuning: &Tuning) -> BTreeSet<Server> {
        let mut late: Vec<(Addr, Server, Timestamp)> = Vec::new();
        for ((host, server), h) in self.agents.iter() {
            if h.silent || !is_learned(h, tuning) {
                continue;
            }
            let Some((since, last)) = self.awake_since(*host) else { continue };
            let patience = Span(h.pause.0.saturating_mul(tuning.pauses)).max(tuning.patience);
            let waited = last.since(h.last.max(since));
            // It tries and is not answered: that is the server's silence. The server must be there for somebody.
            let state = self.servers.get(server);
            let tries = state.is_some_and(|s| s.failing.contains_key(host));
            let there = state.is_some_and(|s| s.answered > h.last) || self.awake.get(&server.0).is_some_and(|a| a.last > h.last);
            if waited > patience && now.since(last) <= ASLEEP && !tries && there && !self.moved(*host, *server, h.last) {
                late.push((*host, *server, h.last));
            }
        }
        for (host, server, last) in &late {
            if let Some(h) = self.agents.get_mut(&(*host, *server)) {
                h.silent = true;
            }
            if let Some(s) = self.servers.get_mut(server).filter(|s| s.silent.len() < LISTED) {
                s.silent.insert(*host, *last);
            }
        }
        late.into_iter().map(|l| l.1).collect()
    }
    /// The host reports to another server of the same kind now.
    fn moved(&self, host: Addr, server: Server, since: Timestamp) -> bool {
        self.servers
            .iter()
            .any(|(other, _)| other.1 == server.1 && *other != server && self.agents.get(&(host, *other)).is_some_and(|h| h.last > since))
    }
}

fn is_learned(h: &Habit, tuning: &Tuning) -> bool {
    h.contacts >= tuning.contacts && h.counted.since(h.first) >= tuning.learned
}
