//! What a shard has to say: the events of a tick, in order, and what it counted without saying it one by one.

use super::listing::Listing;
use crate::base::{Outcome, Timestamp};
use crate::event::{Contact, Coverage, Event, EventKind, FlowInfo, FlowRecord};
use crate::flow::{Flow, bit};
use crate::protocols::Message;
use crate::wire::Weird;
use std::collections::BTreeMap;

/// Different weird names of protocols kept per shard.
const WEIRDS: usize = 256;

/// Odd input by (layer, name): how often, and the first.
pub(super) type Weirds = BTreeMap<(&'static str, &'static str), (Weird, u64)>;

/// What one shard tells.
#[derive(Default)]
pub(super) struct Told {
    /// Events since the last tick, in order.
    pub(super) events: Vec<Event>,
    /// Counts since the run began.
    pub(super) coverage: Coverage,
    /// Odd input of protocols.
    pub(super) weirds: Weirds,
    listing: Listing,
}

impl Told {
    #[inline]
    pub(super) fn emit(&mut self, ts: Timestamp, packet: u64, kind: EventKind) {
        self.events.push(Event { ts, packet, kind });
    }
    /// Counts odd input and keeps the first of each kind.
    pub(super) fn weird(&mut self, ts: Timestamp, number: u64, layer: &'static str, name: &'static str, offset: u32) {
        let full = self.weirds.len() >= WEIRDS;
        match self.weirds.get_mut(&(layer, name)) {
            Some(w) => w.1 += 1,
            None if full => {}
            None => drop(self.weirds.insert((layer, name), (Weird { ts, number, name, layer, offset }, 1))),
        }
    }
    /// Tells the outcome of an opening; true if it was an answer.
    pub(super) fn contact(&mut self, flow: &mut Flow, outcome: Outcome, ts: Timestamp, packet: u64) -> bool {
        flow.bits |= bit::TOLD;
        let answered = outcome == Outcome::Answered;
        if flow.has(bit::GROUP) && !answered {
            flow.bits |= bit::LISTED;
            return false;
        }
        if answered || self.listing.admit(flow.tuple().orig) {
            flow.bits |= bit::LISTED;
            let contact = Contact { flow: info(flow), outcome, shape: flow.shape, icmp: None, tries: flow.packets[0] };
            self.emit(ts, packet, EventKind::Contact(contact));
        } else {
            self.listing.count(flow, outcome);
            self.coverage.unlisted_flows += 1;
        }
        answered
    }
    /// Tells the outcome of an opening that waited long enough.
    pub(super) fn attempt(&mut self, flow: &mut Flow, now: Timestamp) {
        self.contact(flow, flow.outcome().unwrap_or(Outcome::Attempted), now, flow.first_packet);
    }
    /// Tells a flow with its counts.
    pub(super) fn flow(&mut self, kind: fn(FlowRecord) -> EventKind, flow: &Flow, evicted: bool, ts: Timestamp, packet: u64) {
        self.emit(ts, packet, kind(record(flow, evicted)));
    }
    /// Tells the messages that a reader found on a flow.
    pub(super) fn say(&mut self, found: &mut Vec<(bool, Message)>, flow: &Flow, ts: Timestamp, packet: u64) {
        let (layer, flow) = (flow.service.word(), info(flow));
        for (from_orig, message) in found.drain(..) {
            match message {
                Message::Weird(name, offset) => self.weird(ts, packet, layer, name, offset),
                message => self.emit(ts, packet, EventKind::Message { flow, from_orig, message }),
            }
        }
    }
    /// The tick ends: the summaries of what was not listed.
    pub(super) fn close(&mut self, now: Timestamp) {
        let events = &mut self.events;
        self.listing.close(|kind| events.push(Event { ts: now, packet: 0, kind }));
    }
}

/// What events say of a flow.
fn info(f: &Flow) -> FlowInfo {
    FlowInfo {
        uid: f.first_packet,
        tuple: f.tuple(),
        confidence: f.confidence,
        service: f.service,
        recognised: f.has(bit::RECOGNISED),
        vlan: f.vlan,
        mac: f.mac,
        tunnel: f.tunnel,
        ttl: f.ttl,
        first_ts: f.first_ts,
        first_packet: f.first_packet,
    }
}

fn record(f: &Flow, evicted: bool) -> FlowRecord {
    let wide = |p: [u32; 2]| p.map(u64::from);
    FlowRecord {
        info: info(f),
        last_ts: f.last_ts,
        last_packet: f.last_packet(),
        packets: wide(f.packets),
        bytes: f.bytes,
        payload: f.payload,
        retrans: f.retrans,
        gaps: f.gaps.map(u32::from),
        missed: wide(f.missed),
        state: f.conn_state(),
        history: f.history,
        outcome: f.outcome().unwrap_or(Outcome::Attempted),
        evicted,
    }
}
