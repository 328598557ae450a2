//! Events for unit tests, made as the engine makes them: a stage with a site, assets and one detector.

use super::{Detector, Finding, Scene};
use crate::assets::Assets;
use crate::base::{Addr, Confidence, FiveTuple, Mac, Outcome, Service, Severity, Timestamp, proto};
use crate::event::{Contact, Event, EventKind, FlowInfo, FlowRecord, Shape};
use crate::flow::{ConnState, History};
use crate::protocols::{Message, arp::Arp, smb::Smb};
use crate::site::{Entry, Ledger, Role, Site, Zone, ZoneKind, Zones};
use crate::wire::{Tunnel, Vlans};
use std::sync::Arc;

/// An address from text.
pub fn a(s: &str) -> Addr {
    s.parse().unwrap()
}

/// A time in seconds after an arbitrary start.
pub fn at(secs: f64) -> Timestamp {
    Timestamp(1_795_292_000_000_000_000 + (secs * 1e9) as u64)
}

/// The MAC that belongs to an address in these tests.
pub fn mac_of(addr: Addr) -> Mac {
    Mac::from_u64(0x0002_b300_0000_u64 & 0xffff_0000_0000 | (addr.0 as u64 & 0xffff_ffff))
}

/// A flow from `orig` to `resp:port`; the uid is made of its tuple.
pub fn flow(ts: Timestamp, orig: &str, resp: &str, port: u16) -> FlowInfo {
    flow_of(ts, orig, resp, port, proto::TCP)
}

/// A flow with a protocol number of its own.
pub fn flow_of(ts: Timestamp, orig: &str, resp: &str, port: u16, p: u8) -> FlowInfo {
    let (orig, resp) = (a(orig), a(resp));
    let orig_port = if matches!(p, proto::TCP | proto::UDP) { 40_000 + (ts.0 / 1_000_000 % 20_000) as u16 } else { 8 };
    let tuple = FiveTuple { orig, resp, orig_port, resp_port: port, proto: p };
    FlowInfo {
        uid: ts.0 ^ (resp.0 as u64) << 20 ^ u64::from(port) ^ (orig.0 as u64) << 40,
        tuple,
        confidence: Confidence::Syn,
        service: Service::of_port(p, port),
        recognised: false,
        vlan: [Vlans::default(); 2],
        mac: [mac_of(orig), mac_of(resp)],
        tunnel: Tunnel::None,
        ttl: 64,
        first_ts: ts,
        first_packet: 1 + ts.0 / 1_000_000 % 100_000,
    }
}

/// The outcome of a flow's opening.
pub fn contact(ts: Timestamp, flow: FlowInfo, outcome: Outcome, shape: Shape) -> Event {
    Event { ts, packet: flow.first_packet, kind: EventKind::Contact(Contact { flow, outcome, shape, icmp: None, tries: 1 }) }
}

/// A message on a flow.
pub fn message(ts: Timestamp, flow: FlowInfo, from_orig: bool, message: Message) -> Event {
    Event { ts, packet: flow.first_packet + 3, kind: EventKind::Message { flow, from_orig, message } }
}

/// A record of a flow with payload in both directions.
pub fn record(flow: FlowInfo, last_ts: Timestamp, payload: [u64; 2]) -> FlowRecord {
    let packets = payload.map(|p| 3 + p / 1000);
    FlowRecord {
        info: flow,
        last_ts,
        last_packet: flow.first_packet + 20,
        packets,
        bytes: [payload[0] + 40 * packets[0], payload[1] + 40 * packets[1]],
        payload,
        retrans: [0; 2],
        gaps: [0; 2],
        missed: [0; 2],
        state: ConnState::SF,
        history: History::default(),
        outcome: Outcome::Answered,
        evicted: false,
    }
}

/// The end of a flow.
pub fn ended(record: FlowRecord) -> Event {
    Event { ts: record.last_ts, packet: record.last_packet, kind: EventKind::Flow(record) }
}

/// A remote-administration flow has carried 16 KiB.
pub fn grown(record: FlowRecord) -> Event {
    Event { ts: record.last_ts, packet: record.last_packet, kind: EventKind::FlowGrown(record) }
}

/// An ARP request or reply.
pub fn arp(ts: Timestamp, op: u16, sender: &str, target: &str) -> Event {
    let (sender, target) = (a(sender), a(target));
    let mac = mac_of(sender);
    let target_mac = if op == 2 { mac_of(target) } else { Mac::ZERO };
    let message = Message::Arp(Arp { op, sender_mac: mac, sender, target_mac, target });
    Event { ts, packet: 7, kind: EventKind::Link { mac, vlan: Vlans::default(), message } }
}

/// The events of one SMB session: contact, logon, tree connects, end.
pub fn smb_session(ts: Timestamp, orig: &str, resp: &str, trees: &[&str]) -> Vec<Event> {
    let mut f = flow(ts, orig, resp, 445);
    let ms = |n: u64| ts + crate::base::Span::millis(n);
    let mut out = vec![contact(ms(1), f, Outcome::Answered, Shape::Syn)];
    f.recognised = true;
    let smb = |n, m| message(ms(n), f, false, Message::Smb(Box::new(m)));
    out.push(smb(2, Smb::Negotiated { dialect: 0x0311, server_guid: [1; 16], system_time: 0 }));
    out.push(smb(4, Smb::Session { status: 0, session: 1, guest: false, encrypted: false, kerberos: false }));
    for t in trees {
        out.push(smb(6, Smb::Tree { path: format!("\\\\{resp}\\{t}"), status: 0, kind: 1 }));
    }
    out.push(ended(record(f, ms(400), [9_000, 5_000])));
    out
}

/// The same as an account, by NTLM.
pub fn smb_session_as(ts: Timestamp, orig: &str, resp: &str, trees: &[&str], user: &str) -> Vec<Event> {
    let mut all = smb_session(ts, orig, resp, trees);
    let ntlm = crate::protocols::ntlmssp::Ntlm { kind: 3, user: Some(user.into()), ..Default::default() };
    let f = FlowInfo { recognised: true, ..flow(ts, orig, resp, 445) };
    all.insert(2, message(ts + crate::base::Span::millis(3), f, true, Message::Smb(Box::new(Smb::Ntlm(ntlm)))));
    all
}

/// A session over SMB whose logon is refused.
pub fn smb_refused(ts: Timestamp, orig: &str, resp: &str) -> Vec<Event> {
    let mut all = smb_session(ts, orig, resp, &[]);
    for e in &mut all {
        if let EventKind::Message { message: Message::Smb(m), .. } = &mut e.kind
            && let Smb::Session { status, .. } = m.as_mut()
        {
            *status = 0xc000_006d;
        }
    }
    all
}

/// The events of one interactive session that lives for `secs` seconds.
pub fn session(ts: Timestamp, orig: &str, resp: &str, port: u16, secs: u64) -> Vec<Event> {
    let f = flow(ts, orig, resp, port);
    let last = ts + crate::base::Span::secs(secs);
    let mid = ts + crate::base::Span::secs(1);
    vec![contact(ts, f, Outcome::Answered, Shape::Syn), grown(record(f, mid, [3_000, 17_000])), ended(record(f, last, [9_000, 60_000]))]
}

/// A detector on a site.
pub struct Stage {
    /// What was declared.
    pub site: Arc<Site>,
    /// What was learned.
    pub assets: Assets,
    detector: Box<dyn Detector>,
    next_tick: Timestamp,
    /// Everything it said.
    pub said: Vec<Finding>,
}

impl Stage {
    /// On a site of one's own.
    pub fn new(site: Site, detector: Box<dyn Detector>) -> Stage {
        let site = Arc::new(site);
        Stage { assets: Assets::new(site.clone()), site, detector, next_tick: at(0.0), said: Vec::new() }
    }
    /// Without a site file.
    pub fn bare(detector: Box<dyn Detector>) -> Stage {
        Stage::new(Site::default(), detector)
    }
    /// Gives it events in time order, with a tick for every second between them, and one after the last.
    pub fn play(&mut self, mut events: Vec<Event>) -> &mut Stage {
        events.sort_by_key(|e| e.ts);
        for e in &events {
            self.tick_to(e.ts);
            self.assets.update(e);
            let scene = Scene { site: &self.site, assets: &self.assets, now: e.ts };
            self.detector.event(e, &scene, &mut self.said);
        }
        if let Some(last) = events.last() {
            self.tick_to(last.ts + crate::base::Span::secs(2));
        }
        self
    }
    /// Tells the detector what was found before a restart.
    pub fn recall(&mut self, before: &Finding) {
        self.detector.recall(before);
    }
    /// Ends the run.
    pub fn end(&mut self) {
        let scene = Scene { site: &self.site, assets: &self.assets, now: self.next_tick };
        self.detector.end(&scene, &mut self.said);
    }
    fn tick_to(&mut self, ts: Timestamp) {
        if ts.since(self.next_tick) > crate::base::Span::mins(10) {
            self.next_tick = ts - crate::base::Span::secs(2);
        }
        while self.next_tick <= ts {
            let scene = Scene { site: &self.site, assets: &self.assets, now: self.next_tick };
            self.detector.tick(&scene, &mut self.said);
            self.next_tick = self.next_tick + crate::base::Span::secs(1);
        }
    }
    /// The newest form of each story, in order of first emission.
    pub fn findings(&self) -> Vec<&Finding> {
        let mut out: Vec<&Finding> = Vec::new();
        for f in &self.said {
            match out.iter_mut().find(|o| o.story == f.story) {
                Some(o) => *o = f,
                None => out.push(f),
            }
        }
        out
    }
    /// The worst severity said.
    pub fn worst(&self) -> Option<Severity> {
        self.findings().iter().map(|f| f.severity).max()
    }
}

/// A hospital: clinical 10.10.10/24 (terminals .11 to .19), server 10.10.20/24 (.5 infrastructure, .10 and .20 servers), office 10.10.30/24
/// (.11 and .12 terminals), vendor 10.10.40/24 (.10).
pub fn hospital() -> Site {
    hospital_with(&[])
}

/// The same with more lines in its ledger.
pub fn hospital_with(more: &[(&str, Role)]) -> Site {
    let zone = |name: &str, kind, net: &str| Zone { name: name.into(), kind, networks: vec![net.parse().unwrap()], vlans: vec![] };
    let entry = |ip: String, role| Entry { ips: vec![a(&ip)], name: ip, role, ..Entry::default() };
    let mut entries: Vec<Entry> = (11..20).map(|n| entry(format!("10.10.10.{n}"), Role::Terminal)).collect();
    entries.extend((11..13).map(|n| entry(format!("10.10.30.{n}"), Role::Terminal)));
    entries.push(entry("10.10.20.5".into(), Role::Infrastructure));
    entries.extend([10, 20].map(|n| entry(format!("10.10.20.{n}"), Role::Server)));
    entries.push(entry("10.10.40.10".into(), Role::Vendor));
    entries.extend(more.iter().map(|(ip, role)| entry((*ip).to_owned(), *role)));
    Site {
        name: "test".into(),
        declared: true,
        zones: Zones::new(vec![
            zone("clinical", ZoneKind::Clinical, "10.10.10.0/24"),
            zone("server", ZoneKind::Server, "10.10.20.0/24"),
            zone("office", ZoneKind::Office, "10.10.30.0/24"),
            zone("vendor", ZoneKind::Vendor, "10.10.40.0/24"),
        ]),
        ledger: Ledger::new(entries),
        ..Site::default()
    }
}

/// A finding about an address, and nothing more.
pub fn finding_of(detector: &'static str, secs: f64, orig: &str, severity: Severity) -> Finding {
    Finding::new(detector, orig.to_owned(), at(secs), severity, super::Subject::addr(a(orig)))
}
