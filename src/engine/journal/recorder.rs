//! The sink that keeps the view and writes the journal.

use super::desk::Desk;
use super::edges::Edges;
use super::egress::Outside;
use super::health::{self, Facts, Health};
use super::living::Living;
use super::rates::{Rates, STEP};
use super::serves;
use super::spool::{Kind, Spool};
use super::tops::Tops;
use super::traffic;
use super::view::{Counters, Delta, View};
use crate::assets::Device;
use crate::base::{Span, Timestamp};
use crate::event::Event;
use crate::incident::{Around, Incident, Kept};
use crate::output::record::{BlockedRecord, CoverageRecord, DeviceRecord, FindingRecord, IncidentRecord};
use crate::output::{Run, Sink, SinkError, Words};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Packet time from one key frame to the next.
const KEY_EVERY: Span = Span::secs(10);

/// Keeps the view of a run and writes it to a spool, second by second.
pub struct Recorder {
    spool: Spool,
    words: Arc<dyn Words + Send + Sync>,
    view: View,
    delta: Delta,
    living: Living,
    outside: Outside,
    edges: Edges,
    rates: Rates,
    tops: Tops,
    blocked: Vec<BlockedRecord>,
    /// Devices as last written, in the order of the assets.
    devices: Vec<Device>,
    key: Option<Timestamp>,
    now: Timestamp,
}

impl Recorder {
    /// A journal in `dir` of at most `cap` bytes; an earlier one there is replaced. `words` makes findings readable.
    pub fn create(dir: &Path, cap: u64, words: Arc<dyn Words + Send + Sync>) -> Recorder {
        Recorder {
            spool: Spool::create(dir, cap),
            words,
            view: View::default(),
            delta: Delta::default(),
            living: Living::new(),
            outside: Outside::new(),
            edges: Edges::new(),
            rates: Rates::default(),
            tops: Tops::default(),
            blocked: Vec::new(),
            devices: Vec::new(),
            key: None,
            now: Timestamp::default(),
        }
    }
    /// Also tells which detectors cannot run, and why.
    pub fn with_blocked(self, blocked: Vec<BlockedRecord>) -> Recorder {
        Recorder { blocked, ..self }
    }
    /// What people did, as the store has it; shown from the next tick on.
    pub fn set_desk(&mut self, desk: Desk) {
        if desk != self.view.desk {
            self.delta.desk = Some(desk.clone());
            self.view.desk = desk;
        }
    }
    /// The view as last written.
    pub fn view(&self) -> &View {
        &self.view
    }
    /// Segments dropped at the cap so far.
    pub fn dropped(&self) -> u64 {
        self.spool.dropped()
    }
    /// Brings the view up to date and writes it.
    fn write(&mut self, now: Timestamp, run: &Run<'_>, ended: bool) {
        self.counters(run);
        self.learned(run);
        self.told(run, ended);
        self.health(now, run, ended);
        self.rates.tick(now, run.coverage, &mut self.view.rates, &mut self.delta.rates);
        (self.now, self.view.ts, self.view.ended) = (now, now.to_string(), ended);
        let mut delta = std::mem::take(&mut self.delta);
        if self.spool.wants_key() || self.key.is_none_or(|k| now.since(k) >= KEY_EVERY) {
            self.key = Some(now);
            return self.spool.put(Kind::Key, now, &self.view);
        }
        (delta.ts, delta.ended) = (self.view.ts.clone(), ended);
        self.spool.put(Kind::Delta, now, &delta);
    }
    /// What was declared is told once; how the tables are, once in a step.
    fn health(&mut self, now: Timestamp, run: &Run<'_>, ended: bool) {
        let fresh = self.key.is_none();
        if fresh {
            self.view.facts = Facts::of(run, std::mem::take(&mut self.blocked));
            self.delta.facts = Some(self.view.facts.clone());
        }
        if fresh || ended || now.secs() / STEP != self.now.secs() / STEP {
            self.view.health = Health::of(run);
            self.delta.health = Some(self.view.health.clone());
        }
        if ended || now.secs() / 60 != self.now.secs() / 60 {
            serves::update(run, &mut self.view.serves, &mut self.delta.serves);
        }
    }
    fn counters(&mut self, run: &Run<'_>) {
        let text = |t: Option<Timestamp>| t.map(|t| t.to_string()).unwrap_or_default();
        let now = Counters {
            packets: run.coverage.packets,
            bytes: run.coverage.bytes,
            flows: run.flows,
            first_ts: text(run.first_ts),
            last_ts: text(run.last_ts),
            coverage: CoverageRecord::from(run.coverage),
        };
        if now != self.view.counters {
            self.delta.counters = Some(now.clone());
            self.view.counters = now;
        }
    }
    /// Devices that are new or different. Most are neither: they are compared in place.
    fn learned(&mut self, run: &Run<'_>) {
        let mut n = 0;
        for d in run.assets.devices() {
            match self.devices.get_mut(n) {
                Some(known) if known == d => {}
                Some(known) if known.id == d.id => {
                    known.clone_from(d);
                    self.set(d);
                }
                Some(_) => return self.learned_anew(run),
                None => {
                    self.devices.push(d.clone());
                    self.set(d);
                }
            }
            n += 1;
        }
        if n < self.devices.len() {
            self.learned_anew(run);
        }
    }
    fn set(&mut self, d: &Device) {
        let record = DeviceRecord::from(d);
        self.delta.devices.set.insert(d.id.to_string(), record.clone());
        self.view.devices.insert(d.id.to_string(), record);
    }
    /// Devices left: the whole list is compared by id.
    fn learned_anew(&mut self, run: &Run<'_>) {
        self.devices = run.assets.devices().cloned().collect();
        let now: BTreeMap<String, DeviceRecord> = self.devices.iter().map(|d| (d.id.to_string(), DeviceRecord::from(d))).collect();
        let changes = &mut self.delta.devices;
        changes.set.retain(|id, _| now.contains_key(id));
        changes.gone.extend(self.view.devices.keys().filter(|id| !now.contains_key(*id)).cloned());
        let new = now.iter().filter(|(id, r)| self.view.devices.get(*id) != Some(r));
        changes.set.extend(new.map(|(id, r)| (id.clone(), r.clone())));
        self.view.devices = now;
    }
    /// Findings and incidents by id and revision.
    fn told(&mut self, run: &Run<'_>, ended: bool) {
        for k in run.book.findings() {
            if self.view.findings.get(&k.id).is_none_or(|f| f.rev != k.rev || f.incident != k.incident) {
                let mut record = FindingRecord::new(k, &*self.words, run.lang);
                record.evidence.values_mut().for_each(settle);
                self.delta.findings.set.insert(k.id.clone(), record.clone());
                self.view.findings.insert(k.id.clone(), record);
            }
        }
        // At the end once more: what stops if a host is cut off is learned without a finding too.
        let is_new = |i: &&Incident, view: &View| ended || view.incidents.get(&i.id).is_none_or(|r| r.rev != i.rev);
        let new: Vec<&Incident> = run.book.incidents().iter().filter(|i| is_new(i, &self.view)).collect();
        if new.is_empty() {
            return;
        }
        let around = Around::of(run.assets, run.book);
        for i in new {
            let record = IncidentRecord::new(i, run, &around, &*self.words, run.lang);
            if self.view.incidents.get(&i.id) != Some(&record) {
                self.delta.incidents.set.insert(i.id.clone(), record.clone());
                self.view.incidents.insert(i.id.clone(), record);
            }
        }
    }
}

/// Fifteen digits come back from JSON as they went in; more of them may come back with another last one.
fn settle(v: &mut Value) {
    match v {
        Value::Number(n) if n.is_f64() => {
            let rounded = n.as_f64().and_then(|f| format!("{f:.14e}").parse::<f64>().ok());
            *v = rounded.map_or(Value::Null, Value::from);
        }
        Value::Array(items) => items.iter_mut().for_each(settle),
        Value::Object(map) => map.values_mut().for_each(settle),
        _ => {}
    }
}

impl Sink for Recorder {
    fn event(&mut self, event: &Event, run: &Run<'_>) {
        let (grown, known) = (self.living.grown(event), (run.site, run.assets));
        let (view, delta) = (&mut self.view, &mut self.delta);
        traffic::count(event, grown, run.site, &mut view.zones, &mut delta.zones);
        self.outside.event(event, grown, known, &mut view.egress, &mut delta.egress);
        self.edges.event(event, grown, known, &mut view.edges, &mut delta.edges);
        self.rates.event(event, run.site);
        health::port(event, &mut view.ports, &mut delta.ports);
        self.tops.event(event, &mut self.view.flows, &mut self.delta.flows);
    }
    fn finding(&mut self, _: &Kept, _: &Run<'_>) {}
    fn tick(&mut self, now: Timestamp, run: &Run<'_>) {
        self.write(now, run, false);
    }
    fn finish(&mut self, run: &Run<'_>) -> Result<(), SinkError> {
        self.write(self.now, run, true);
        self.spool.finish()
    }
}
