//! `flows.jsonl`: one line per flow that ended, and one per summary of unlisted contacts, so that the counts lose nothing (`docs/JSON.md`).

use super::file::OutFile;
use super::line::{Clock, Line};
use super::{Run, Sink, SinkError};
use crate::base::{Addr, Timestamp, proto};
use crate::event::{Contacts, Event, EventKind, FlowRecord};
use crate::flow::community_id;
use crate::incident::Kept;
use crate::wire::Vlans;

/// The sink of `flows.jsonl`.
pub struct Flows {
    file: OutFile,
    line: Line,
}

impl Flows {
    /// Into a file.
    pub fn new(file: OutFile) -> Flows {
        Flows { file, line: Line::new(Clock::Nanos) }
    }
}

impl Sink for Flows {
    fn event(&mut self, event: &Event, _run: &Run<'_>) {
        match &event.kind {
            EventKind::Flow(f) => flow(&mut self.line, f),
            EventKind::Contacts(c) => contacts(&mut self.line, event, c),
            _ => return,
        }
        self.file.put(self.line.end());
    }
    fn finding(&mut self, _kept: &Kept, _run: &Run<'_>) {}
    fn tick(&mut self, _now: Timestamp, _run: &Run<'_>) {
        self.file.flush();
    }
    fn finish(&mut self, _run: &Run<'_>) -> Result<(), SinkError> {
        self.file.finish()
    }
}

fn begin(l: &mut Line, kind: &str) {
    l.begin();
    l.uint("schema", u64::from(super::record::SCHEMA));
    l.word("type", kind);
}

fn vlans(l: &mut Line, k: &'static str, v: Vlans) {
    l.list(k, v.list(), |l, v| l.number(u64::from(v)));
}

/// One flow with all its counts.
fn flow(l: &mut Line, f: &FlowRecord) {
    let i = &f.info;
    let t = &i.tuple;
    begin(l, "flow");
    l.time("ts", i.first_ts);
    l.time("last_ts", f.last_ts);
    l.display("uid", format_args!("{:016x}", i.uid));
    l.addr("orig", t.orig);
    l.uint("orig_port", u64::from(t.orig_port));
    l.addr("resp", t.resp);
    l.uint("resp_port", u64::from(t.resp_port));
    l.word("proto", proto::name(t.proto));
    l.uint("ip_proto", u64::from(t.proto));
    l.word("service", i.service.word());
    l.flag("recognised", i.recognised);
    l.word("conn_state", f.state.word());
    l.word("history", f.history.as_str());
    l.word("outcome", f.outcome.word());
    l.word("confidence", i.confidence.word());
    let [[op, rp], [ob, rb], [oy, ry], [om, rm]] = [f.packets, f.bytes, f.payload, f.missed];
    let [[or, rr], [og, rg]] = [f.retrans, f.gaps];
    l.uint("orig_pkts", op);
    l.uint("resp_pkts", rp);
    l.uint("orig_bytes", ob);
    l.uint("resp_bytes", rb);
    l.uint("orig_payload", oy);
    l.uint("resp_payload", ry);
    l.uint("orig_retrans", u64::from(or));
    l.uint("resp_retrans", u64::from(rr));
    l.uint("orig_gaps", u64::from(og));
    l.uint("resp_gaps", u64::from(rg));
    l.uint("orig_missed", om);
    l.uint("resp_missed", rm);
    let ([ov, rv], [om, rm]) = (i.vlan, i.mac);
    vlans(l, "orig_vlan", ov);
    vlans(l, "resp_vlan", rv);
    l.mac("orig_mac", om);
    l.mac("resp_mac", rm);
    l.word("tunnel", i.tunnel.word());
    l.ascii("community_id", community_id(t).as_bytes());
    l.flag("evicted", f.evicted);
    l.uint("first_packet", i.first_packet);
    l.uint("last_packet", f.last_packet);
}

/// A summary of contacts that were not listed one by one.
fn contacts(l: &mut Line, event: &Event, c: &Contacts) {
    begin(l, "contacts");
    l.time("ts", event.ts);
    l.addr("source", c.source);
    l.uint("prefix_len", u64::from(prefix_len(c.source, c.bits)));
    l.uint("attempted", c.attempted);
    l.uint("refused", c.refused);
    l.uint("pkts", c.packets);
    l.uint("bytes", c.bytes);
    l.uint("responders", u64::from(c.responders));
    l.uint("ports", u64::from(c.ports));
    l.addr("example_orig", c.example.orig);
    l.uint("example_orig_port", u64::from(c.example.orig_port));
    l.addr("example_resp", c.example.resp);
    l.uint("example_resp_port", u64::from(c.example.resp_port));
    l.word("proto", proto::name(c.example.proto));
    l.mac("mac", c.mac);
    vlans(l, "vlan", c.vlan);
}

/// The prefix length in the address family's own count.
fn prefix_len(a: Addr, bits: u8) -> u8 {
    if a.is_v4() { bits.saturating_sub(96) } else { bits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::sample::{self, Sample};
    use serde_json::Value;

    #[test]
    fn every_flow_and_every_summary_has_its_line() {
        let (sample, dir) = (Sample::made(), tempfile::tempdir().unwrap());
        let mut sink = Flows::new(OutFile::in_dir(dir.path(), "flows.jsonl"));
        for e in sample::events() {
            sink.event(&e, &sample.run());
        }
        sink.finish(&sample.run()).unwrap();
        let text = std::fs::read_to_string(dir.path().join("flows.jsonl")).unwrap();
        let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        let f = &lines[0];
        assert_eq!((f["type"].as_str(), f["schema"].as_u64()), (Some("flow"), Some(1)));
        assert_eq!((f["orig"].as_str(), f["resp_port"].as_u64()), (Some("10.20.1.33"), Some(445)));
        assert_eq!(f["conn_state"], "SF");
        assert_eq!(f["orig_vlan"], serde_json::json!([20]));
        assert!(f.get("resp_vlan").is_none());
        assert_eq!(f["orig_bytes"], 4000);
        assert_eq!(f["community_id"], community_id(&sample::info().tuple).as_str());
        let c = &lines[1];
        assert_eq!((c["type"].as_str(), c["prefix_len"].as_u64(), c["attempted"].as_u64()), (Some("contacts"), Some(24), Some(200)));
    }
}
