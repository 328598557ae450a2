//! `stats` and `anomaly` lines: what was seen, what was not, what was odd.

use super::begin;
use crate::base::Timestamp;
use crate::output::Run;
use crate::output::line::Line;
use crate::wire::Weird;

/// Counters since the run began, in Suricata's places.
pub(super) fn stats(l: &mut Line, now: Timestamp, run: &Run<'_>, alerts: u64) {
    let c = run.coverage;
    begin(l, now, "stats");
    l.object("stats");
    l.uint("uptime", now.since(run.first_ts.unwrap_or(now)).0 / 1_000_000_000);
    l.object("capture");
    l.uint("kernel_packets", c.packets);
    l.uint("kernel_drops", c.kernel_drops);
    l.close();
    l.object("decoder");
    l.uint("pkts", c.packets);
    l.uint("bytes", c.bytes);
    l.uint("invalid", c.undecoded);
    l.close();
    l.object("flow");
    l.uint("total", run.flows);
    l.uint("emerg_mode_entered", u64::from(c.evicted_flows > 0));
    l.close();
    l.object("detect");
    l.uint("alert", alerts);
    l.close();
    l.close();
}

/// The first of one kind of odd input; how often it was seen stands in the open `metadata.flowints`.
pub(super) fn anomaly(l: &mut Line, w: &Weird, count: u64) {
    begin(l, w.ts, "anomaly");
    if w.number != 0 {
        l.uint("pcap_cnt", w.number);
    }
    l.object("anomaly");
    let stream = matches!(w.layer, "tcp" | "flow" | "reassembly");
    l.word("type", if stream { "stream" } else { "decode" });
    l.word("event", w.name);
    l.word("layer", w.layer);
    l.close();
    l.object("metadata");
    l.object("flowints");
    l.uint("count", count);
    l.uint("offset", u64::from(w.offset));
    l.close();
    l.close();
}
