//! The largest flows, live or ended, by IP bytes told so far.

use super::view::Changes;
use crate::base::proto;
use crate::event::{Event, EventKind, FlowRecord};
use crate::output::record::uid;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Flows listed.
const LISTED: usize = 50;

/// One of the largest flows.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct TopFlow {
    /// First packet's time.
    pub ts: String,
    /// Newest packet's time.
    pub last_ts: String,
    /// Originator.
    pub orig: String,
    /// Its port.
    pub orig_port: u16,
    /// Responder.
    pub resp: String,
    /// Its port.
    pub resp_port: u16,
    /// Transport.
    pub proto: String,
    /// Service.
    pub service: String,
    /// Zeek's connection state.
    pub conn_state: String,
    /// Packets of both directions.
    pub packets: u64,
    /// IP bytes from the originator.
    pub orig_bytes: u64,
    /// IP bytes from the responder.
    pub resp_bytes: u64,
    /// It goes on.
    pub live: bool,
}

/// Ranks flows.
#[derive(Debug, Default)]
pub(super) struct Tops {
    /// (bytes, the other way round of uid): the first is the smallest; of equals the younger leaves.
    order: BTreeSet<(u64, u64)>,
    bytes: BTreeMap<u64, u64>,
}

impl Tops {
    /// One event; what changes is noted in `changed`.
    pub(super) fn event(&mut self, event: &Event, all: &mut BTreeMap<String, TopFlow>, changed: &mut Changes<TopFlow>) {
        match &event.kind {
            EventKind::FlowAlive(r) | EventKind::FlowGrown(r) => self.record(r, true, all, changed),
            EventKind::Flow(r) => self.record(r, false, all, changed),
            _ => {}
        }
    }
    fn record(&mut self, r: &FlowRecord, live: bool, all: &mut BTreeMap<String, TopFlow>, changed: &mut Changes<TopFlow>) {
        let (id, size) = (r.info.uid, r.bytes[0] + r.bytes[1]);
        if let Some(before) = self.bytes.remove(&id) {
            self.order.remove(&(before, !id));
        }
        self.order.insert((size, !id));
        self.bytes.insert(id, size);
        if self.order.len() > LISTED
            && let Some((_, last)) = self.order.pop_first()
        {
            self.bytes.remove(&!last);
            if last == !id && !all.contains_key(&uid(id)) {
                return;
            }
            let gone = uid(!last);
            all.remove(&gone);
            changed.set.remove(&gone);
            if !changed.gone.contains(&gone) {
                changed.gone.push(gone);
            }
            if last == !id {
                return;
            }
        }
        let (key, flow) = (uid(id), flow(r, live));
        changed.gone.retain(|g| *g != key);
        changed.set.insert(key.clone(), flow.clone());
        all.insert(key, flow);
    }
}

fn flow(r: &FlowRecord, live: bool) -> TopFlow {
    let t = r.info.tuple;
    TopFlow {
        ts: r.info.first_ts.to_string(),
        last_ts: r.last_ts.to_string(),
        orig: t.orig.to_string(),
        orig_port: t.orig_port,
        resp: t.resp.to_string(),
        resp_port: t.resp_port,
        proto: proto::name(t.proto).to_string(),
        service: r.info.service.word().to_owned(),
        conn_state: r.state.word().to_owned(),
        packets: r.packets[0] + r.packets[1],
        orig_bytes: r.bytes[0],
        resp_bytes: r.bytes[1],
        live,
    }
}
