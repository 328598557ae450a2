//! The sink that keeps the view: it writes the journal, shows the view to viewers that are attached, or both.

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
use crate::base::{Lang, Span, Timestamp};
use crate::event::Event;
use crate::incident::{Around, Incident, Kept};
use crate::output::record::{BlockedRecord, CoverageRecord, DeviceRecord, FindingRecord, IncidentRecord};
use crate::output::{Run, Sink, SinkError, Words, pick};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// Packet time from one key frame to the next.
const KEY_EVERY: Span = Span::secs(10);
/// Packet time from one view that is shown to the next. People do not read faster.
const SHOW_EVERY: Span = Span::millis(250);

/// Where views go while they are made. What it does takes no time: the analyst waits for it.
pub trait Audience: Send {
    /// The view, and what became different since it was shown before.
    fn show(&mut self, view: &View, delta: Delta);
}

/// What the store has taken, or the disk refused, since the last time it was asked for; and what people did.
#[derive(Debug, Default)]
pub struct Taken {
    /// Findings, and whether they are saved.
    pub findings: Vec<(FindingRecord, bool)>,
    /// Incidents.
    pub incidents: Vec<IncidentRecord>,
    /// Findings may belong to other incidents than before.
    pub moved: bool,
    /// What people did, if that changed.
    pub desk: Option<Desk>,
}

/// Where a recorder that holds back what is not saved finds what is.
pub trait Gate: Send {
    /// Takes it.
    fn take(&self) -> Taken;
}

/// Keeps the view of a run and writes it to a spool, second by second.
pub struct Recorder {
    spool: Option<Spool>,
    audience: Option<Box<dyn Audience>>,
    gate: Option<Box<dyn Gate>>,
    /// What became different since the last record of the spool.
    unwritten: Delta,
    shown: Timestamp,
    /// What was known before the first event is in the view.
    begun: bool,
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
        Recorder { spool: Some(Spool::create(dir, cap)), ..Recorder::unwritten(words) }
    }
    /// Keeps a view without a journal.
    pub fn unwritten(words: Arc<dyn Words + Send + Sync>) -> Recorder {
        Recorder {
            spool: None,
            audience: None,
            gate: None,
            unwritten: Delta::default(),
            shown: Timestamp::default(),
            begun: false,
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
    /// Shows the view four times per second of packet time.
    pub fn show_to(self, audience: Box<dyn Audience>) -> Recorder {
        Recorder { audience: Some(audience), ..self }
    }
    /// Holds findings and incidents back until they are saved.
    pub fn gated(self, gate: Box<dyn Gate>) -> Recorder {
        Recorder { gate: Some(gate), ..self }
    }
    /// The view as last written.
    pub fn view(&self) -> &View {
        &self.view
    }
    /// Segments dropped at the cap so far.
    pub fn dropped(&self) -> u64 {
        self.spool.as_ref().map_or(0, Spool::dropped)
    }
    /// Brings the view up to date and shows it.
    fn turn(&mut self, now: Timestamp, run: &Run<'_>, ended: bool) {
        self.counters(run);
        self.learned(run);
        match self.gate.as_ref().map(|g| g.take()) {
            Some(taken) => self.taken(taken, run),
            None => self.found(run, ended),
        }
        self.health(now, run, ended);
        self.rates.tick(now, run.coverage, &mut self.view.rates, &mut self.delta.rates);
        (self.view.ts, self.view.ended, self.shown) = (now.to_string(), ended, now);
        let mut delta = std::mem::take(&mut self.delta);
        (delta.ts, delta.ended) = (self.view.ts.clone(), ended);
        let Some(audience) = &mut self.audience else { return self.unwritten.merge(delta) };
        if self.spool.is_some() {
            self.unwritten.merge(delta.clone());
        }
        audience.show(&self.view, delta);
    }
    /// Brings the view up to date, shows and writes it.
    fn write(&mut self, now: Timestamp, run: &Run<'_>, ended: bool) {
        self.turn(now, run, ended);
        self.now = now;
        let Some(spool) = &mut self.spool else { return };
        let delta = std::mem::take(&mut self.unwritten);
        if spool.wants_key() || self.key.is_none_or(|k| now.since(k) >= KEY_EVERY) {
            self.key = Some(now);
            return spool.put(Kind::Key, now, &self.view);
        }
        spool.put(Kind::Delta, now, &delta);
    }
    /// What was declared is told once; how the tables are, once in a step.
    fn health(&mut self, now: Timestamp, run: &Run<'_>, ended: bool) {
        let fresh = self.view.ts.is_empty();
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
    /// What came out of the store when the sensor began: it is saved. Before the first event, so that nothing else is in the book.
    fn begin(&mut self, run: &Run<'_>) {
        if !std::mem::replace(&mut self.begun, true) && self.gate.is_some() {
            for k in run.book.findings().iter().filter(|k| k.muted == 0) {
                self.show(FindingRecord::new(k, &*self.words, run.lang));
            }
            self.stories(run, false);
        }
    }
    /// What the store took.
    fn taken(&mut self, taken: Taken, run: &Run<'_>) {
        for (mut record, saved) in taken.findings {
            if !saved {
                record.title = format!("{} {}", record.title, unsaved(run.lang));
            }
            self.show(record);
        }
        let moved = taken.moved || !taken.incidents.is_empty();
        taken.incidents.into_iter().for_each(|i| self.tell(i));
        if let Some(desk) = taken.desk.filter(|d| *d != self.view.desk) {
            self.delta.desk = Some(desk.clone());
            self.view.desk = desk;
        }
        for k in run.book.findings().iter().filter(|_| moved) {
            if let Some(known) = self.view.findings.get_mut(&k.id).filter(|f| f.incident != k.incident) {
                known.incident.clone_from(&k.incident);
                self.delta.findings.set.insert(k.id.clone(), known.clone());
            }
        }
        self.left(run);
    }
    /// Findings and incidents by id and revision, as soon as they are in the book.
    fn found(&mut self, run: &Run<'_>, ended: bool) {
        for k in run.book.findings() {
            if self.view.findings.get(&k.id).is_none_or(|f| f.rev != k.rev || f.incident != k.incident) {
                self.show(FindingRecord::new(k, &*self.words, run.lang));
            }
        }
        self.left(run);
        // At the end once more: what stops if a host is cut off is learned without a finding too.
        self.stories(run, ended);
    }
    fn show(&mut self, mut record: FindingRecord) {
        record.evidence.values_mut().for_each(settle);
        self.delta.findings.set.insert(record.id.clone(), record.clone());
        self.view.findings.insert(record.id.clone(), record);
    }
    fn tell(&mut self, record: IncidentRecord) {
        if self.view.incidents.get(&record.id) != Some(&record) {
            self.delta.incidents.set.insert(record.id.clone(), record.clone());
            self.view.incidents.insert(record.id.clone(), record);
        }
    }
    /// Incidents whose revision is new; all of them if asked.
    fn stories(&mut self, run: &Run<'_>, all: bool) {
        let is_new = |i: &&Incident, view: &View| all || view.incidents.get(&i.id).is_none_or(|r| r.rev != i.rev);
        let new: Vec<&Incident> = run.book.incidents().iter().filter(|i| is_new(i, &self.view)).collect();
        if new.is_empty() {
            return;
        }
        let around = Around::about(run.assets, run.book, new.iter().copied());
        for i in new {
            self.tell(IncidentRecord::new(i, run, &around, &*self.words, run.lang));
        }
    }
    /// Findings and incidents that the book no longer has: evicted, or part of another.
    fn left(&mut self, run: &Run<'_>) {
        let (view, delta) = (&mut self.view, &mut self.delta);
        if view.findings.len() > run.book.findings().len() {
            let there: BTreeSet<&str> = run.book.findings().iter().map(|k| k.id.as_str()).collect();
            let gone: Vec<String> = view.findings.keys().filter(|id| !there.contains(id.as_str())).cloned().collect();
            gone.iter().for_each(|id| delta.findings.leave(id, &mut view.findings));
        }
        let there: BTreeSet<&str> = run.book.incidents().iter().map(|i| i.id.as_str()).collect();
        let gone: Vec<String> = view.incidents.keys().filter(|id| !there.contains(id.as_str())).cloned().collect();
        gone.iter().for_each(|id| delta.incidents.leave(id, &mut view.incidents));
    }
}

/// The mark of what the disk refused.
const fn unsaved(lang: Lang) -> &'static str {
    pick(lang, "[not saved]", "［未保存］")
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
        self.begin(run);
        let (grown, known) = (self.living.grown(event), (run.site, run.assets));
        let (view, delta) = (&mut self.view, &mut self.delta);
        traffic::count(event, grown, run.site, &mut view.zones, &mut delta.zones);
        self.outside.event(event, grown, known, &mut view.egress, &mut delta.egress);
        self.edges.event(event, grown, known, &mut view.edges, &mut delta.edges);
        self.rates.event(event, run.site);
        health::port(event, &mut view.ports, &mut delta.ports);
        self.tops.event(event, &mut self.view.flows, &mut self.delta.flows);
        if self.audience.is_some() && event.ts.since(self.shown) >= SHOW_EVERY {
            self.turn(event.ts, run, false);
        }
    }
    fn finding(&mut self, _: &Kept, _: &Run<'_>) {}
    fn tick(&mut self, now: Timestamp, run: &Run<'_>) {
        self.write(now, run, false);
    }
    fn finish(&mut self, run: &Run<'_>) -> Result<(), SinkError> {
        self.write(self.now, run, true);
        self.spool.as_mut().map_or(Ok(()), Spool::finish)
    }
}
