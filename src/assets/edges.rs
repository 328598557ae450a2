//! Remote-administration edges: who used SMB, RDP, RPC, WinRM, SSH, VNC, Telnet to whom, since when.

use crate::base::{Addr, Confidence, Outcome, Service, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowInfo};

/// Most edges; the longest unused leaves.
const EDGES: usize = 65_536;
/// Who came in last is remembered, so many per host.
const CAME: usize = 16;

/// One edge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edge {
    /// First answered flow.
    pub first_ts: Timestamp,
    /// Last answered flow.
    pub last_ts: Timestamp,
    /// Answered flows.
    pub flows: u64,
    /// It was first seen while nothing was to be learned: it is no habit, however old it grows.
    pub held_back: bool,
}

/// All edges, capped.
#[derive(Debug)]
pub struct Edges {
    table: BoundedMap<(Addr, Addr, Service), Edge>,
    out: BoundedMap<(Addr, Service), u32>,
    /// The newest edges into a host, newest last.
    into: BoundedMap<Addr, Vec<(Addr, Service)>>,
    /// A serious incident goes on, or a person wishes it: what is new is not learned.
    pub(super) paused: bool,
}

impl Default for Edges {
    fn default() -> Self {
        Edges { table: BoundedMap::new(EDGES), out: BoundedMap::new(EDGES), into: BoundedMap::new(EDGES / 4), paused: false }
    }
}

impl Edges {
    pub(super) fn update(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Contact(c) if c.outcome == Outcome::Answered && c.flow.confidence > Confidence::First => self.add(&c.flow, event.ts),
            // On another port than its own a service is known as such only later, by content.
            EventKind::Flow(r) | EventKind::FlowGrown(r)
                if r.info.recognised
                    && r.outcome >= Outcome::Answered
                    && Service::of_port(r.info.tuple.proto, r.info.tuple.resp_port) != r.info.service
                    && self.get(r.info.tuple.orig, r.info.tuple.resp, r.info.service).is_none_or(|e| e.first_ts != r.info.first_ts) =>
            {
                self.add(&r.info, r.info.first_ts)
            }
            _ => {}
        }
    }
    fn add(&mut self, f: &FlowInfo, ts: Timestamp) {
        if !f.service.is_remote_admin() {
            return;
        }
        let key = (f.tuple.orig, f.tuple.resp, f.service);
        self.came(f.tuple.resp, (f.tuple.orig, f.service));
        if let Some(e) = self.table.touch(&key) {
            e.last_ts = e.last_ts.max(ts);
            e.flows += 1;
            if e.held_back && !self.paused {
                // It is learned from now on.
                (e.held_back, e.first_ts) = (false, ts);
            }
            return;
        }
        self.put(key, Edge { first_ts: ts, last_ts: ts, flows: 1, held_back: self.paused });
    }
    fn put(&mut self, key: (Addr, Addr, Service), edge: Edge) {
        *self.out.entry((key.0, key.2), || 0) += 1;
        let left = self.table.insert(key, edge);
        if let Some(((orig, _, service), _)) = left {
            self.fewer(orig, service);
        }
    }
    fn fewer(&mut self, orig: Addr, service: Service) {
        if let Some(n) = self.out.get_mut(&(orig, service)) {
            *n = n.saturating_sub(1);
        }
    }
    /// Takes up what was known before a restart; the longest unused first.
    pub(super) fn restore(&mut self, mut edges: Vec<(Addr, Addr, Service, Edge)>) {
        edges.sort_by_key(|(orig, resp, service, e)| (e.last_ts, *orig, *resp, *service));
        for (orig, resp, service, e) in edges {
            self.came(resp, (orig, service));
            self.put((orig, resp, service), e);
        }
    }
    /// Forgets the edges that were first seen in a time; returns how many.
    pub(super) fn forget(&mut self, from: Timestamp, to: Timestamp) -> usize {
        let learned = |e: &Edge| from <= e.first_ts && e.first_ts <= to;
        let gone: Vec<(Addr, Addr, Service)> = self.table.iter().filter(|(_, e)| learned(e)).map(|(key, _)| *key).collect();
        for (orig, resp, service) in &gone {
            self.table.remove(&(*orig, *resp, *service));
            self.fewer(*orig, *service);
            if let Some(came) = self.into.get_mut(resp) {
                came.retain(|c| *c != (*orig, *service));
            }
        }
        gone.len()
    }
    /// Is it a habit: known for longer than `age` at a time, and learned?
    pub fn is_habit(&self, orig: Addr, resp: Addr, service: Service, at: Timestamp, age: Span) -> bool {
        self.get(orig, resp, service).is_some_and(|e| !e.held_back && at.since(e.first_ts) > age)
    }
    fn came(&mut self, resp: Addr, who: (Addr, Service)) {
        let came = self.into.entry(resp, Vec::new);
        if came.last() != Some(&who) {
            came.retain(|c| *c != who);
            if came.len() >= CAME {
                came.remove(0);
            }
            came.push(who);
        }
    }
    /// The edge, if it was ever answered.
    pub fn get(&self, orig: Addr, resp: Addr, service: Service) -> Option<&Edge> {
        self.table.get(&(orig, resp, service))
    }
    /// Distinct responders that `orig` reached with a service.
    pub fn fan_out(&self, orig: Addr, service: Service) -> u32 {
        self.out.get(&(orig, service)).copied().unwrap_or(0)
    }
    /// The newest edges into a host, newest first; at most sixteen.
    pub fn came_to(&self, resp: Addr) -> impl Iterator<Item = (Addr, Service, &Edge)> {
        let came = self.into.get(&resp).into_iter().flatten().rev();
        came.filter_map(move |(orig, service)| Some((*orig, *service, self.get(*orig, resp, *service)?)))
    }
    /// All of them, with originator, responder and service.
    pub fn iter(&self) -> impl Iterator<Item = (Addr, Addr, Service, Edge)> {
        self.table.iter().map(|((orig, resp, service), e)| (*orig, *resp, *service, *e))
    }
    pub(super) fn held(&self) -> [(&'static str, usize, u64); 3] {
        [
            ("admin_edges", self.table.len(), self.table.evicted()),
            ("admin_fan_out", self.out.len(), self.out.evicted()),
            ("admin_came", self.into.len(), self.into.evicted()),
        ]
    }
}
