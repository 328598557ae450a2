//! EVE: the line-JSON of Suricata, for dashboards that exist. A derived view; every line is valid against Suricata's published schema, whose
//! objects are closed, so what is ours stands in `alert.metadata`, `alert.context` and `metadata.flowints` only (`docs/EVE.md`).

mod alert;
mod flow;
mod krb5;
mod message;
mod sid;
mod state;

use super::file::OutFile;
use super::line::{Clock, Line};
use super::{Run, Sink, SinkError, Words};
use crate::base::{FiveTuple, Mac, Outcome, Severity, Span, Timestamp, mix64, proto};
use crate::event::{Event, EventKind, FlowInfo};
use crate::incident::Kept;
use crate::protocols::Message;
use crate::wire::Vlans;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How often `stats` lines are written, in packet time.
const STATS_EVERY: Span = Span::mins(1);

/// The sink of `eve.jsonl`.
pub struct Eve {
    file: OutFile,
    line: Line,
    words: Arc<dyn Words + Send + Sync>,
    next_stats: Option<Timestamp>,
    alerts: u64,
    /// What was last said of a finding: a story is told again when it became worse or got further, and once more at the end if it grew.
    told: BTreeMap<String, (Severity, Outcome, u32)>,
    /// Odd input that already had lines of its own.
    odd: BTreeSet<&'static str>,
}

impl Eve {
    /// Into a file.
    pub fn new(file: OutFile, words: Arc<dyn Words + Send + Sync>) -> Eve {
        Eve { file, line: Line::new(Clock::Eve), words, next_stats: None, alerts: 0, told: BTreeMap::new(), odd: BTreeSet::new() }
    }
    fn alert(&mut self, k: &Kept, run: &Run<'_>) {
        self.told.insert(k.id.clone(), (k.finding.severity, k.finding.outcome, k.rev));
        self.alerts += 1;
        alert::write(&mut self.line, k, &*self.words, run.lang);
        self.file.put(self.line.end());
    }
    fn stats(&mut self, now: Timestamp, run: &Run<'_>) {
        state::stats(&mut self.line, now, run, self.alerts);
        self.file.put(self.line.end());
    }
}

impl Sink for Eve {
    fn event(&mut self, event: &Event, _run: &Run<'_>) {
        let l = &mut self.line;
        let written = match &event.kind {
            EventKind::Flow(f) => {
                flow::write(l, event, f);
                true
            }
            EventKind::Message { flow, from_orig, message } => {
                if let Message::Weird(name, _) = message {
                    self.odd.insert(name);
                }
                message::write(l, event, flow, *from_orig, message)
            }
            EventKind::Link { mac, vlan, message: Message::Arp(a) } => {
                message::arp(l, event, *mac, *vlan, a);
                true
            }
            _ => false,
        };
        if written {
            self.file.put(self.line.end());
        }
    }
    fn finding(&mut self, kept: &Kept, run: &Run<'_>) {
        let worse = |t: &(Severity, Outcome, u32)| kept.finding.severity > t.0 || kept.finding.outcome > t.1;
        if self.told.get(&kept.id).is_none_or(worse) {
            self.alert(kept, run);
        }
    }
    fn tick(&mut self, now: Timestamp, run: &Run<'_>) {
        let due = *self.next_stats.get_or_insert(now + STATS_EVERY);
        if now >= due {
            self.next_stats = Some(now + STATS_EVERY);
            self.stats(now, run);
        }
        self.file.flush();
    }
    fn finish(&mut self, run: &Run<'_>) -> Result<(), SinkError> {
        for k in run.book.findings() {
            if self.told.get(&k.id).is_none_or(|t| t.2 < k.rev) {
                self.alert(k, run);
            }
        }
        for (w, count) in run.weirds.iter().filter(|(w, _)| !self.odd.contains(w.name)) {
            state::anomaly(&mut self.line, w, *count);
            self.file.put(self.line.end());
        }
        self.stats(run.last_ts.unwrap_or_default(), run);
        self.file.finish()
    }
}

/// A number that is the same for every line of a flow and that JavaScript readers keep exactly (below 2^53).
fn flow_id(uid: u64) -> u64 {
    if uid < 1 << 53 { uid } else { mix64(uid) >> 11 }
}

/// The head of every line. Inlined, as all that follows: names known where it is called are written by one instruction or two.
#[inline(always)]
fn begin(l: &mut Line, ts: Timestamp, kind: &str) {
    l.begin();
    l.time("timestamp", ts);
    l.word("event_type", kind);
}

/// What identifies a flow; source is the originator.
#[inline(always)]
fn head(l: &mut Line, event: &Event, i: &FlowInfo, kind: &str) {
    begin(l, event.ts, kind);
    l.uint("flow_id", flow_id(i.uid));
    if event.packet != 0 {
        l.uint("pcap_cnt", event.packet);
    }
    vlan(l, i.vlan);
    tuple(l, &i.tuple);
}

/// VLANs of both directions, each once.
#[inline]
fn vlan(l: &mut Line, v: [Vlans; 2]) {
    let [Vlans([a, b]), Vlans([c, d])] = v;
    let tags = if v[0] == v[1] { [a, b, 0, 0] } else { [a, b, c, d] };
    if tags != [0; 4] {
        l.list("vlan", tags.into_iter().filter(|t| *t != 0), |l, t| l.number(u64::from(t)));
    }
}

#[inline]
fn tuple(l: &mut Line, t: &FiveTuple) {
    l.addr("src_ip", t.orig);
    let ports = matches!(t.proto, proto::TCP | proto::UDP | proto::SCTP);
    if ports {
        l.uint("src_port", u64::from(t.orig_port));
    }
    l.addr("dest_ip", t.resp);
    if ports {
        l.uint("dest_port", u64::from(t.resp_port));
    } else if matches!(t.proto, proto::ICMP | proto::ICMP6) {
        l.uint("icmp_type", u64::from(t.orig_port));
        l.uint("icmp_code", u64::from(t.resp_port));
    }
    match t.proto {
        proto::TCP => l.word("proto", "TCP"),
        proto::UDP => l.word("proto", "UDP"),
        p => l.word("proto", proto_name(p)),
    }
}

/// Suricata's names of IP protocols.
const fn proto_name(p: u8) -> &'static str {
    match p {
        proto::TCP => "TCP",
        proto::UDP => "UDP",
        proto::ICMP => "ICMP",
        proto::ICMP6 => "IPv6-ICMP",
        proto::SCTP => "SCTP",
        47 => "GRE",
        50 => "ESP",
        _ => "IP",
    }
}

fn ether(l: &mut Line, mac: [Mac; 2]) {
    let [src, dst] = mac;
    if src == Mac::ZERO && dst == Mac::ZERO {
        return;
    }
    l.object("ether");
    if src != Mac::ZERO {
        l.mac("src_mac", src);
    }
    if dst != Mac::ZERO {
        l.mac("dest_mac", dst);
    }
    l.close();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::BareWords;
    use crate::output::sample::{self, Sample};
    use serde_json::Value;
    use std::process::Command;

    fn lines() -> (String, Vec<Value>) {
        let (sample, dir) = (Sample::made(), tempfile::tempdir().unwrap());
        let run = sample.run();
        let mut sink = Eve::new(OutFile::in_dir(dir.path(), "eve.jsonl"), Arc::new(BareWords));
        for e in sample::events() {
            sink.event(&e, &run);
        }
        sink.finding(&run.book.findings()[0], &run);
        sink.finding(&run.book.findings()[0], &run);
        sink.tick(sample::T, &run);
        sink.tick(sample::T + Span::secs(61), &run);
        sink.finish(&run).unwrap();
        let text = std::fs::read_to_string(dir.path().join("eve.jsonl")).unwrap();
        let v = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        (text, v)
    }

    #[test]
    fn one_line_of_each_kind() {
        let (_, lines) = lines();
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for l in &lines {
            *kinds.entry(l["event_type"].as_str().unwrap()).or_default() += 1;
        }
        let want = [
            ("alert", 1),
            ("anomaly", 2),
            ("arp", 1),
            ("dhcp", 2),
            ("dns", 2),
            ("flow", 1),
            ("http", 2),
            ("krb5", 3),
            ("rdp", 3),
            ("smb", 4),
            ("stats", 2),
            ("tls", 2),
        ];
        assert_eq!(kinds.into_iter().collect::<Vec<_>>(), want);
        let flow = lines.iter().find(|l| l["event_type"] == "flow").unwrap();
        assert_eq!(flow["timestamp"], "2026-11-21T10:00:00.123456+0000");
        assert_eq!((flow["src_ip"].as_str(), flow["dest_port"].as_u64()), (Some("10.20.1.33"), Some(445)));
        assert_eq!((flow["flow"]["state"].as_str(), flow["flow"]["bytes_toserver"].as_u64()), (Some("closed"), Some(4000)));
        let alert = lines.iter().find(|l| l["event_type"] == "alert").unwrap();
        assert_eq!((alert["alert"]["severity"].as_u64(), alert["alert"]["gid"].as_u64()), (Some(1), Some(1)));
        assert_eq!(alert["alert"]["context"]["evidence"]["hosts"], 2);
        assert!(lines.iter().all(|l| l.get("flow_id").is_none_or(|f| f.as_u64().unwrap() < 1 << 53)));
    }

    #[test]
    fn every_line_is_valid_against_suricatas_schema() {
        let schema = std::env::var("SPANWARD_SHARED").unwrap_or(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").to_owned()) + "/eve/schema.json";
        let tool = Command::new("python3").args(["-c", "import jsonschema"]).output().is_ok_and(|o| o.status.success());
        if !std::path::Path::new(&schema).exists() || !tool {
            println!("skipped: needs {schema} and python3 with jsonschema");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("eve.jsonl");
        std::fs::write(&path, lines().0).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/eve_schema.py");
        let out = Command::new("python3").arg(script).arg(&schema).arg(&path).output().unwrap();
        assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    }

    #[test]
    fn a_story_is_told_again_only_when_it_got_worse() {
        let (sample, dir) = (Sample::made(), tempfile::tempdir().unwrap());
        let mut sink = Eve::new(OutFile::in_dir(dir.path(), "e"), Arc::new(BareWords));
        let mut k = sample.book.findings()[0].clone();
        for (severity, rev) in [(Severity::High, 1), (Severity::High, 2), (Severity::Critical, 3), (Severity::High, 4)] {
            k.finding.severity = severity;
            k.rev = rev;
            sink.finding(&k, &sample.run());
        }
        assert_eq!(sink.alerts, 2);
    }
}
