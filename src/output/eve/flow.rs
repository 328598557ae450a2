//! `flow` lines.

use super::{ether, head};
use crate::base::Service;
use crate::event::{Event, FlowRecord};
use crate::flow::{ConnState, community_id};
use crate::output::line::Line;

/// One flow that ended.
pub(super) fn write(l: &mut Line, event: &Event, f: &FlowRecord) {
    head(l, event, &f.info, "flow");
    if f.info.recognised {
        l.word("app_proto", app_proto(f.info.service));
    } else {
        l.word("app_proto", "failed");
    }
    let [[op, rp], [ob, rb]] = [f.packets, f.bytes];
    l.object("flow");
    l.uint("pkts_toserver", op);
    l.uint("pkts_toclient", rp);
    l.uint("bytes_toserver", ob);
    l.uint("bytes_toclient", rb);
    l.time("start", f.info.first_ts);
    l.time("end", f.last_ts);
    l.uint("age", f.duration().0 / 1_000_000_000);
    l.word("state", if f.is_tcp() { tcp_flow_state(f.state) } else { udp_flow_state(f) });
    l.word("reason", if f.evicted { "forced" } else { "timeout" });
    l.close();
    ether(l, f.info.mac);
    l.ascii("community_id", community_id(&f.info.tuple).as_bytes());
    if f.is_tcp() {
        tcp(l, f);
    }
}

const fn tcp_flow_state(s: ConnState) -> &'static str {
    match s {
        ConnState::S0 | ConnState::SH | ConnState::RSTOS0 => "new",
        ConnState::S1 | ConnState::S2 | ConnState::S3 | ConnState::OTH => "established",
        _ => "closed",
    }
}

fn udp_flow_state(f: &FlowRecord) -> &'static str {
    let [_, back] = f.packets;
    if back == 0 { "new" } else { "established" }
}

fn tcp(l: &mut Line, f: &FlowRecord) {
    let h = f.history.as_str().as_bytes();
    let seen = |any: &[u8]| h.iter().any(|c| any.contains(c));
    l.object("tcp");
    for (name, letters) in [("syn", b"SsHh"), ("fin", b"FfFf"), ("rst", b"RrRr"), ("ack", b"AaHh")] {
        if seen(letters) {
            l.flag(name, true);
        }
    }
    let [orig_gaps, resp_gaps] = f.gaps;
    if orig_gaps > 0 {
        l.flag("ts_gap", true);
    }
    if resp_gaps > 0 {
        l.flag("tc_gap", true);
    }
    l.word("state", tcp_state(f.state));
    l.close();
}

const fn tcp_state(s: ConnState) -> &'static str {
    match s {
        ConnState::S0 | ConnState::SH | ConnState::RSTOS0 => "syn_sent",
        ConnState::RSTRH | ConnState::SHR => "syn_recv",
        ConnState::S1 | ConnState::OTH => "established",
        ConnState::S2 => "fin_wait1",
        ConnState::S3 => "close_wait",
        ConnState::SF | ConnState::REJ | ConnState::RSTO | ConnState::RSTR => "closed",
    }
}

/// Suricata's names of application protocols where they differ from ours.
pub(super) fn app_proto(s: Service) -> &'static str {
    match s {
        Service::Kerberos => "krb5",
        Service::Vnc => "rfb",
        Service::Rpc => "dcerpc",
        s => s.word(),
    }
}
