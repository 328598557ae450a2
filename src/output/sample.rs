//! A made-up run for the tests of this module: one terminal that opens SMB to another, one finding about it, one of every event that is written.

use super::Run;
use crate::assets::Assets;
use crate::base::{Addr, Confidence, FiveTuple, Lang, Mac, Outcome, Service, Severity, Timestamp};
use crate::detect::{Finding, Subject};
use crate::event::{Contacts, Coverage, Event, EventKind, FlowInfo, FlowRecord};
use crate::flow::{ConnState, History};
use crate::incident::Book;
use crate::protocols::{Message, arp, dhcp, dns, http, kerberos::Kerberos, ntlmssp, rdp, smb, tls};
use crate::site::Site;
use crate::wire::{Tunnel, Vlans, Weird};
use std::sync::Arc;

/// Holds what a [`Run`] borrows.
pub struct Sample {
    site: Arc<Site>,
    assets: Assets,
    pub book: Book,
    coverage: Coverage,
    weirds: Vec<(Weird, u64)>,
}

/// The sample's clock.
pub const T: Timestamp = Timestamp::new(1_795_255_200, 123_456_789);

/// An address from text.
pub fn addr(s: &str) -> Addr {
    s.parse().unwrap()
}

/// The sample's flow.
pub fn info() -> FlowInfo {
    FlowInfo {
        uid: 0xf3c0_0000_0000_0007,
        tuple: FiveTuple { orig: addr("10.20.1.33"), resp: addr("10.20.1.40"), orig_port: 50_123, resp_port: 445, proto: 6 },
        confidence: Confidence::Syn,
        service: Service::Smb,
        recognised: true,
        vlan: [Vlans([20, 0]), Vlans::default()],
        mac: [Mac([2, 0, 0, 0, 0, 0x33]), Mac([2, 0, 0, 0, 0, 0x40])],
        tunnel: Tunnel::None,
        ttl: 128,
        first_ts: T,
        first_packet: 17,
    }
}

/// The sample's flow with counts.
pub fn record() -> FlowRecord {
    let mut history = History::default();
    for l in b"ShADadFf" {
        history.add(*l);
    }
    FlowRecord {
        info: info(),
        last_ts: T + crate::base::Span::secs(3),
        last_packet: 99,
        packets: [20, 18],
        bytes: [4000, 9000],
        payload: [3000, 8000],
        retrans: [1, 0],
        gaps: [0, 0],
        missed: [0, 0],
        state: ConnState::SF,
        history,
        outcome: Outcome::Succeeded,
        evicted: false,
    }
}

fn messages() -> Vec<Message> {
    let mac = Mac([2, 0, 0, 0, 0, 0x33]);
    vec![
        Message::Arp(arp::Arp { op: 1, sender_mac: mac, sender: addr("10.20.1.33"), target_mac: Mac::ZERO, target: addr("10.20.1.1") }),
        Message::Dhcp(Box::new(dhcp::Dhcp {
            op: 1,
            xid: 7,
            kind: 3,
            chaddr: mac,
            requested: Some(addr("10.20.1.33")),
            host_name: Some("PC\u{202e}\"\\".into()),
            parameters: vec![1, 3, 6],
            client_id: vec![1, 2, 0],
            ..Default::default()
        })),
        Message::Dhcp(Box::new(dhcp::Dhcp {
            op: 2,
            kind: 5,
            chaddr: mac,
            yiaddr: addr("10.20.1.33"),
            giaddr: addr("10.20.1.1"),
            routers: vec![addr("10.20.1.1")],
            dns: vec![addr("10.30.0.5")],
            lease: Some(600),
            prefix_len: Some(24),
            ..Default::default()
        })),
        Message::Dns(Box::new(dns::Dns { id: 5, name: "pacs.example".into(), qtype: 1, counts: (1, 0), ..Default::default() })),
        Message::Dns(Box::new(dns::Dns {
            id: 5,
            response: true,
            name: "pacs.example".into(),
            qtype: 1,
            addrs: vec![("pacs.example".into(), addr("10.30.0.9")), ("pacs.example".into(), addr("2001:db8::9"))],
            names: vec![("www.example".into(), "pacs.example".into())],
            counts: (1, 3),
            ..Default::default()
        })),
        Message::Tls(Box::new(tls::Hello {
            version: 0x0304,
            sni: Some("a.example".into()),
            alpn: vec!["h2".into()],
            ja3: "0".repeat(32).as_str().into(),
            ja4: "t13d".into(),
            ..Default::default()
        })),
        Message::Tls(Box::new(tls::Hello { server: true, version: 0x0303, ..Default::default() })),
        Message::Http(Box::new(http::Request { method: "GET".into(), host: Some("a".into()), target: "/".into(), ..Default::default() })),
        Message::HttpAuth(Box::new(http::Auth::Ntlm(ntlmssp::Ntlm {
            kind: 3,
            user: Some("admin".into()),
            domain: Some("CLINIC".into()),
            workstation: Some("TERM2".into()),
            ..Default::default()
        }))),
        Message::Smb(Box::new(smb::Smb::Negotiated { dialect: 0x0311, server_guid: [1; 16], system_time: 0 })),
        Message::Smb(Box::new(smb::Smb::Ntlm(ntlmssp::Ntlm { kind: 3, user: Some("admin".into()), ..Default::default() }))),
        Message::Smb(Box::new(smb::Smb::Session { status: 0xc000_006d, session: 9, guest: false, encrypted: false, kerberos: false })),
        Message::Smb(Box::new(smb::Smb::Tree { path: "\\\\10.20.1.40\\ADMIN$".into(), status: 0, kind: 1 })),
        Message::Rdp(Box::new(rdp::Rdp::Request { cookie: Some("admin".into()), protocols: 3 })),
        Message::Rdp(Box::new(rdp::Rdp::Confirm { protocol: 2 })),
        Message::Rdp(Box::new(rdp::Rdp::Client { name: "EVIL".into(), build: 19041 })),
        Message::Kerberos(Box::new(Kerberos { kind: 10, client: Some("doctor".into()), offered: vec![18, 23], ..Kerberos::default() })),
        Message::Kerberos(Box::new(Kerberos {
            kind: 13,
            realm: "HOSP.LOCAL".into(),
            client: Some("doctor".into()),
            service: Some("cifs/emr01".into()),
            etype: Some(18),
            ticket_etype: Some(23),
            ..Kerberos::default()
        })),
        Message::Kerberos(Box::new(Kerberos { kind: 30, error: Some(24), ..Kerberos::default() })),
        Message::Weird("smb_header_cut", 4),
    ]
}

/// One of every event that some sink writes.
pub fn events() -> Vec<Event> {
    let ev = |kind| Event { ts: T, packet: 17, kind };
    let mut out: Vec<Event> = messages()
        .into_iter()
        .map(|message| match message {
            Message::Arp(_) => ev(EventKind::Link { mac: Mac([2, 0, 0, 0, 0, 0x33]), vlan: Vlans([20, 0]), message }),
            message => ev(EventKind::Message { flow: info(), from_orig: true, message }),
        })
        .collect();
    out.push(ev(EventKind::Flow(record())));
    out.push(ev(EventKind::Contacts(Contacts {
        source: addr("203.0.113.0"),
        bits: 120,
        attempted: 200,
        refused: 3,
        packets: 203,
        bytes: 12_000,
        responders: 190,
        ports: 1,
        example: info().tuple,
        mac: Mac([2, 0, 0, 0, 0, 1]),
        vlan: Vlans::default(),
    })));
    out
}

/// The sample's finding.
pub fn finding() -> Finding {
    let mut f = Finding::new("smb-fanout", "10.20.1.33".into(), T, Severity::High, Subject::both(addr("10.20.1.33"), Mac([2, 0, 0, 0, 0, 0x33])));
    f.outcome = Outcome::Answered;
    f.service = Service::Smb;
    f.add_resp(addr("10.20.1.40"));
    f.add_resp(addr("10.20.1.41"));
    f.count = 2;
    f.add_flow(&info());
    f.set("hosts", 2);
    f.set("name", "PC\u{202e}x");
    f
}

impl Sample {
    /// The run at its end.
    pub fn made() -> Sample {
        let site = Arc::new(Site::default());
        let assets = Assets::new(site.clone());
        let coverage = Coverage { packets: 1000, bytes: 500_000, missed_bytes: 1, tcp_bytes: 2, ..Default::default() };
        let mut book = Book::default();
        book.admit(finding(), &site, &assets, &coverage);
        book.settle(&site, &assets);
        let weirds = vec![(Weird { ts: T, number: 3, name: "ipv4_header_cut", layer: "ipv4", offset: 14 }, 5)];
        Sample { site, assets, book, coverage, weirds }
    }
    /// As sinks see it.
    pub fn run(&self) -> Run<'_> {
        Run {
            site: &self.site,
            assets: &self.assets,
            book: &self.book,
            coverage: &self.coverage,
            flows: 1,
            first_ts: Some(T),
            last_ts: Some(T + crate::base::Span::secs(60)),
            weirds: &self.weirds,
            lang: Lang::En,
        }
    }
}
