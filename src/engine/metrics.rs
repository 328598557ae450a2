//! The sensor's counters in one list: as Prometheus text (exposition format 0.0.4), and as samples for viewers.

use super::control::Standing;
use super::keeper::Counts;
use crate::base::{Severity, Timestamp};
use crate::capture::StatusBoard;
use crate::event::Coverage;
use crate::event::Event;
use crate::incident::Kept;
use crate::output::{Run, Sink, SinkError};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Counts of the control socket.
#[derive(Debug, Default)]
pub struct SocketCounts {
    /// Viewers now.
    pub viewers: AtomicU64,
    /// Requests.
    pub requests: AtomicU64,
    /// Requests that changed something.
    pub acts: AtomicU64,
    /// Viewers that were cut.
    pub cut: AtomicU64,
    /// Viewers for whom there was no room.
    pub refused: AtomicU64,
}

/// What the analyst counts, as of the last second of packet time.
#[derive(Clone, Debug, Default)]
struct Analysed {
    now: Timestamp,
    coverage: Coverage,
    flows: u64,
    findings: BTreeMap<&'static str, u64>,
    incidents: u64,
    tables: Vec<(&'static str, u64, u64)>,
}

/// Where all counters come together.
#[derive(Debug, Default)]
pub struct Board {
    /// The control socket's.
    pub socket: SocketCounts,
    analysed: Mutex<Analysed>,
    ports: OnceLock<Arc<StatusBoard>>,
    store: OnceLock<Arc<Counts>>,
    notes: Mutex<BTreeMap<String, String>>,
}

/// A value with its name. The name of a counter ends in `_total`, which the text form adds.
struct Sample {
    name: &'static str,
    help: &'static str,
    counter: bool,
    labels: Vec<(&'static str, String)>,
    value: f64,
}

impl Board {
    /// Counters of the capture.
    pub fn set_ports(&self, ports: Arc<StatusBoard>) {
        let _ = self.ports.set(ports);
    }
    /// Counters of the store.
    pub fn set_store(&self, store: Arc<Counts>) {
        let _ = self.store.set(store);
    }
    /// A short text about the sensor itself: what the process may still do, for instance.
    pub fn note(&self, name: &str, text: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), text);
    }
    /// The list: whatever is counted stands here once.
    fn samples(&self) -> Vec<Sample> {
        let mut all = Vec::new();
        self.analysed(&mut all);
        self.captured(&mut all);
        self.stored(&mut all);
        let s = &self.socket;
        let load = |n: &AtomicU64| n.load(Ordering::Relaxed) as f64;
        all.push(gauge("spanward_viewers", "Viewers attached to the control socket.", load(&s.viewers)));
        all.push(counter("spanward_requests", "Requests on the control socket.", load(&s.requests)));
        all.push(counter("spanward_acts", "Requests that changed something.", load(&s.acts)));
        all.push(counter("spanward_viewers_cut", "Viewers that were disconnected.", load(&s.cut)));
        all.push(counter("spanward_viewers_refused", "Viewers for whom there was no room.", load(&s.refused)));
        all
    }
    fn analysed(&self, all: &mut Vec<Sample>) {
        let a = self.analysed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let c = &a.coverage;
        for (name, help, value) in [
            ("spanward_packets_received", "Frames read.", c.packets),
            ("spanward_bytes_received", "Bytes on the wire of the frames read.", c.bytes),
            ("spanward_flows", "Flows begun.", a.flows),
            ("spanward_filtered_packets", "Frames left out by the filter.", c.filtered),
            ("spanward_shed_packets", "Frames not parsed in full because the box was overloaded.", c.shed),
            ("spanward_missed_bytes", "TCP payload acknowledged but not captured.", c.missed_bytes),
            ("spanward_tcp_bytes", "TCP payload captured.", c.tcp_bytes),
            ("spanward_duplicate_packets", "Copies removed.", c.duplicates),
            ("spanward_one_way_flows", "Flows of which one direction was seen.", c.one_way_flows),
            ("spanward_snapped_packets", "Frames cut by the snap length.", c.snapped),
            ("spanward_undecoded_packets", "Frames of which nothing could be decoded.", c.undecoded),
            ("spanward_evicted_flows", "Flows evicted by a full table.", c.evicted_flows),
            ("spanward_unlisted_flows", "Flows counted in summaries only.", c.unlisted_flows),
            ("spanward_unparsed_flows", "Flows whose payload reading was given up at a cap.", c.unparsed_flows),
        ] {
            all.push(counter(name, help, value as f64));
        }
        all.push(gauge("spanward_packet_time_seconds", "Packet time, seconds since 1970.", a.now.secs() as f64));
        all.push(gauge("spanward_loss_ratio", "Estimated share of TCP payload lost before the box.", c.loss_estimate()));
        all.push(gauge("spanward_incidents", "Incidents in the book.", a.incidents as f64));
        for severity in Severity::ALL {
            let n = a.findings.get(severity.word()).copied().unwrap_or_default();
            all.push(labelled("spanward_findings", "Findings in the book.", false, ("severity", severity.word().to_owned()), n as f64));
        }
        for (table, held, evicted) in a.tables {
            all.push(labelled("spanward_table_entries", "Entries held.", false, ("table", table.to_owned()), held as f64));
            all.push(labelled("spanward_table_evicted", "Entries evicted.", true, ("table", table.to_owned()), evicted as f64));
        }
    }
    fn captured(&self, all: &mut Vec<Sample>) {
        let Some(board) = self.ports.get() else { return };
        let status = board.read();
        all.push(gauge("spanward_capture_lag_seconds", "How far the reader is behind.", status.lag as f64 / 1e9));
        all.push(gauge("spanward_overload_level", "Overload level, 0 to 3.", f64::from(status.level)));
        for p in status.ports {
            let sent = p.passivity.as_ref().map_or(0, |p| p.sent());
            for (name, help, is_counter, value) in [
                ("spanward_interface_up", "1 if the interface is read.", false, u64::from(p.up)),
                ("spanward_interface_packets", "Frames read.", true, p.frames),
                ("spanward_kernel_dropped", "Frames dropped by the kernel.", true, p.kernel_drops),
                ("spanward_card_dropped", "Frames dropped by the card or its driver.", true, p.card_drops),
                ("spanward_interface_sent", "Frames the box sent on the mirror port since it began: 0.", true, sent),
            ] {
                all.push(labelled(name, help, is_counter, ("iface", p.name.clone()), value as f64));
            }
        }
    }
    fn stored(&self, all: &mut Vec<Sample>) {
        let Some(c) = self.store.get() else { return };
        let load = |n: &AtomicU64| n.load(Ordering::Relaxed) as f64;
        all.push(counter("spanward_store_commits", "Commits of the store.", load(&c.commits)));
        all.push(counter("spanward_store_refused", "Commits that the disk refused.", load(&c.refused)));
        all.push(counter("spanward_store_lost", "Findings told but not kept.", load(&c.lost)));
        all.push(gauge("spanward_store_longest_commit_seconds", "Longest commit.", load(&c.longest) / 1e6));
        all.push(gauge("spanward_store_refusing", "1 while the disk refuses.", f64::from(u8::from(c.refusing.load(Ordering::Relaxed)))));
    }
    /// For viewers.
    pub fn standing(&self) -> Standing {
        let name = |s: &Sample| {
            let labels: Vec<String> = s.labels.iter().map(|(k, v)| format!("{k}={v:?}")).collect();
            let total = if s.counter { "_total" } else { "" };
            if labels.is_empty() { format!("{}{total}", s.name) } else { format!("{}{total}{{{}}}", s.name, labels.join(",")) }
        };
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Standing { samples: self.samples().iter().map(|s| (name(s), s.value)).collect(), notes }
    }
    /// For Prometheus.
    pub fn text(self: &Arc<Self>) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Listed(Arc::clone(self))));
        let mut text = String::new();
        // A string takes everything.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        text
    }
    fn update(&self, now: Timestamp, run: &Run<'_>) {
        let mut findings = BTreeMap::new();
        for k in run.book.findings() {
            *findings.entry(k.finding.severity.word()).or_default() += 1;
        }
        let tables = run.assets.held().into_iter().chain(run.book.held()).map(|(name, held, evicted)| (name, held as u64, evicted)).collect();
        let incidents = run.book.incidents().len() as u64;
        let analysed = Analysed { now, coverage: *run.coverage, flows: run.flows, findings, incidents, tables };
        *self.analysed.lock().unwrap_or_else(PoisonError::into_inner) = analysed;
    }
}

const fn gauge(name: &'static str, help: &'static str, value: f64) -> Sample {
    Sample { name, help, counter: false, labels: Vec::new(), value }
}

const fn counter(name: &'static str, help: &'static str, value: f64) -> Sample {
    Sample { name, help, counter: true, labels: Vec::new(), value }
}

fn labelled(name: &'static str, help: &'static str, counter: bool, label: (&'static str, String), value: f64) -> Sample {
    Sample { name, help, counter, labels: vec![label], value }
}

/// The list as the library's encoder wants it.
#[derive(Debug)]
struct Listed(Arc<Board>);

impl Collector for Listed {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        // One family stands together.
        let mut families: BTreeMap<&'static str, Vec<Sample>> = BTreeMap::new();
        for s in self.0.samples() {
            families.entry(s.name).or_default().push(s);
        }
        for samples in families.into_values() {
            let Some(first) = samples.first() else { continue };
            let kind = if first.counter { ConstCounter::new(0u64).metric_type() } else { ConstGauge::new(0f64).metric_type() };
            let help = first.help.trim_end_matches('.').to_owned();
            let mut family = encoder.encode_descriptor(first.name, &help, None, kind)?;
            for s in &samples {
                let one = family.encode_family(&s.labels)?;
                if s.counter { ConstCounter::new(s.value).encode(one)? } else { ConstGauge::new(s.value).encode(one)? }
            }
        }
        Ok(())
    }
}

/// Tells the board once per second of packet time what the analyst counts.
pub struct BoardSink(pub Arc<Board>);

impl Sink for BoardSink {
    fn event(&mut self, _: &Event, _: &Run<'_>) {}
    fn finding(&mut self, _: &Kept, _: &Run<'_>) {}
    fn tick(&mut self, now: Timestamp, run: &Run<'_>) {
        self.0.update(now, run);
    }
    fn finish(&mut self, run: &Run<'_>) -> Result<(), SinkError> {
        self.0.update(run.last_ts.unwrap_or_default(), run);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::sample::{self, Sample as Made};

    #[test]
    fn every_counter_is_in_both_forms_under_one_name() {
        let made = Made::made();
        let board = Arc::new(Board::default());
        BoardSink(board.clone()).tick(sample::T, &made.run());
        board.socket.viewers.store(3, Ordering::Relaxed);
        let (text, standing) = (board.text(), board.standing());
        assert!(text.contains("# TYPE spanward_packets_received counter") && text.ends_with("# EOF\n"), "{text}");
        for (name, value) in &standing.samples {
            let line = text.lines().find(|l| l.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with(' ')));
            let shown: f64 = line.unwrap_or_else(|| panic!("{name} is not in the text")).rsplit(' ').next().unwrap().parse().unwrap();
            assert_eq!(shown, *value, "{name}");
        }
        assert!(standing.samples.len() > 25);
        assert_eq!(standing.samples["spanward_viewers"], 3.0);
        assert!(standing.samples.contains_key("spanward_findings{severity=\"high\"}"));
    }

    #[test]
    fn a_name_from_the_system_breaks_no_line() {
        let board = Arc::new(Board::default());
        board.note("a", "b\nc".to_owned());
        assert_eq!(board.standing().notes["a"], "b\nc");
        assert!(board.text().lines().all(|l| l.starts_with('#') || l.starts_with("spanward_")));
    }
}
