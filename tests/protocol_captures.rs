//! The parsers of ARP, ND, DHCP, DNS, NetBIOS names, TLS and QUIC over the shared corpus: what the corpus says of each capture must be read out of
//! it, tls-parser must see the same ClientHellos, and nothing may be recognised that is not there.
//! `SPANWARD_FACTS=1` prints every fact, to be held against another tool.

mod frames;

use frames::{each_frame, shared};
use spanward::base::{FlowKey, KeyedHash, Service, Timestamp, proto};
use spanward::protocols::{DatagramParser, Message, PROTOCOLS, Probe, Protocol, Reader, Side, StreamParser, Verdict, arp, nd};
use spanward::wire::{Decoder, Frame, Kind, Packet};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// What the engine does with a flow, without its caps: probes while nobody is certain, then one reader.
struct Flow {
    orig_is_a: bool,
    ports: (u16, u16),
    tries: [u8; 2],
    found: Option<&'static Protocol>,
    parser: Option<Box<dyn StreamParser>>,
    dialog: Option<Box<dyn DatagramParser>>,
    halves: [Half; 2],
}

#[derive(Default)]
struct Half {
    next: Option<u32>,
    early: BTreeMap<u32, Vec<u8>>,
    unread: Vec<Vec<u8>>,
}

/// What was read of one capture.
#[derive(Default)]
struct Seen {
    messages: Vec<(Service, Message)>,
    /// Recognised flows: service, protocol number, ports.
    flows: Vec<(Service, u8, u16, u16)>,
    /// Payloads that hold a whole ClientHello in one record, for the oracle.
    hellos: Vec<Vec<u8>>,
}

fn read_capture(path: &Path) -> Seen {
    let (mut decoder, mut seen, mut flows) = (Decoder::new(KeyedHash::new(7)), Seen::default(), HashMap::new());
    let mut packets = Vec::new();
    each_frame(path, |f| {
        let mut buf = f.bytes.to_vec();
        let frame = Frame { number: 1, cap_len: buf.len() as u32, orig_len: f.orig_len, linktype: f.linktype, admitted: true, ..Frame::default() };
        packets.clear();
        decoder.decode(&mut buf, &frame, &mut packets);
        for p in &packets {
            packet(p, &buf, &mut flows, &mut seen);
        }
    });
    seen
}

fn packet(p: &Packet, buf: &[u8], flows: &mut HashMap<FlowKey, Flow>, seen: &mut Seen) {
    let payload = buf.get(p.payload as usize..(p.payload + p.payload_len) as usize).unwrap_or_default();
    match p.kind {
        Kind::Arp => seen.messages.extend(arp::parse(payload).map(|a| (Service::Unknown, Message::Arp(a)))),
        Kind::Icmp6 => seen.messages.extend(nd::parse(p.src, buf.get(p.icmp()).unwrap_or_default()).map(|n| (Service::Unknown, Message::Nd(n)))),
        Kind::Tcp | Kind::Udp => transport(p, payload, flows, seen),
        _ => {}
    }
}

fn transport(p: &Packet, payload: &[u8], flows: &mut HashMap<FlowKey, Flow>, seen: &mut Seen) {
    let (key, is_a) = p.key();
    let flow = flows.entry(key).or_insert_with(|| Flow {
        orig_is_a: is_a,
        ports: (p.sport, p.dport),
        tries: [0; 2],
        found: None,
        parser: None,
        dialog: None,
        halves: Default::default(),
    });
    let from = if is_a == flow.orig_is_a { Side::Orig } else { Side::Resp };
    if p.kind == Kind::Udp {
        datagram(flow, from, payload, p.proto, seen);
        return;
    }
    let half = &mut flow.halves[from.index()];
    let syn = p.tcp_flags & 2 != 0;
    let seq = p.seq.wrapping_add(u32::from(syn));
    if syn {
        (half.next, half.early) = (Some(seq), BTreeMap::new());
    }
    if payload.is_empty() {
        return;
    }
    half.early.entry(seq).or_insert_with(|| payload.to_vec());
    let mut next = half.next.unwrap_or(seq);
    let mut ready = Vec::new();
    while let Some((seq, bytes)) = half.early.iter().find(|(s, _)| next.wrapping_sub(**s) < 1 << 30).map(|(s, b)| (*s, b.clone())) {
        half.early.remove(&seq);
        if let Some(new) = bytes.get(next.wrapping_sub(seq) as usize..).filter(|n| !n.is_empty()) {
            next = next.wrapping_add(new.len() as u32);
            ready.push(new.to_vec());
        }
    }
    half.next = Some(next);
    for bytes in ready {
        segment(flow, from, &bytes, seen);
    }
}

fn probe_of<'a>(flow: &Flow, from: Side, payload: &'a [u8]) -> Probe<'a> {
    Probe { payload, from, orig_port: flow.ports.0, resp_port: flow.ports.1, ts: Timestamp(0) }
}

/// The surest verdict on this payload; a certain one makes the flow that protocol's.
fn recognise(flow: &mut Flow, from: Side, payload: &[u8], stream: bool) -> Verdict {
    let tries = flow.tries[from.index()];
    if payload.is_empty() || tries >= 4 || flow.found.is_some() {
        return Verdict::NotForUs;
    }
    flow.tries[from.index()] = tries + 1;
    let p = probe_of(flow, from, payload);
    let lines = || PROTOCOLS.iter().filter(|l| matches!(l.reader, Reader::Stream(_)) == stream);
    flow.found = lines().find(|l| (l.probe)(&p) == Verdict::Certain);
    lines().map(|l| (l.probe)(&p)).max().unwrap_or(Verdict::NotForUs)
}

fn datagram(flow: &mut Flow, from: Side, payload: &[u8], number: u8, seen: &mut Seen) {
    let was = flow.found.is_some();
    recognise(flow, from, payload, false);
    let Some(line) = flow.found else { return };
    if !was {
        seen.flows.push((line.service, number, flow.ports.0, flow.ports.1));
    }
    let (mut out, p) = (Vec::new(), probe_of(flow, from, payload));
    match line.reader {
        _ if payload.is_empty() => {}
        Reader::Datagram(read) => read(&p, &mut out),
        Reader::Dialog(make) if flow.dialog.is_some() || (line.probe)(&p) == Verdict::Certain => {
            let parser = flow.dialog.get_or_insert_with(make);
            parser.datagram(&p, &mut out);
            assert!(parser.held() <= 1 << 20, "{}", line.service);
            if parser.done() {
                flow.dialog = None;
            }
        }
        _ => {}
    }
    seen.messages.extend(out.into_iter().map(|m| (line.service, m)));
}

fn segment(flow: &mut Flow, from: Side, bytes: &[u8], seen: &mut Seen) {
    if flow.found.is_none() {
        if recognise(flow, from, bytes, true) == Verdict::NotForUs {
            flow.halves[from.index()].unread.clear();
            return;
        }
        flow.halves[from.index()].unread.push(bytes.to_vec());
        let Some(line) = flow.found else { return };
        let Reader::Stream(make) = line.reader else { return };
        seen.flows.push((line.service, proto::TCP, flow.ports.0, flow.ports.1));
        flow.parser = Some(make());
        for side in [Side::Orig, Side::Resp] {
            for held in std::mem::take(&mut flow.halves[side.index()].unread) {
                feed(flow, side, &held, seen);
            }
        }
        if let [22, 3, _, hi, lo, 1, ..] = bytes
            && 5 + usize::from(u16::from_be_bytes([*hi, *lo])) <= bytes.len()
        {
            seen.hellos.push(bytes.to_vec());
        }
    } else {
        feed(flow, from, bytes, seen);
    }
}

fn feed(flow: &mut Flow, from: Side, bytes: &[u8], seen: &mut Seen) {
    let (Some(parser), Some(line)) = (&mut flow.parser, flow.found) else { return };
    if !parser.done() {
        let mut out = Vec::new();
        parser.data(from, Timestamp(0), bytes, &mut out);
        assert!(parser.held() <= 1 << 20, "{}", line.service);
        seen.messages.extend(out.into_iter().map(|m| (line.service, m)));
    }
}

/// One line per message that this test looks at.
fn facts(seen: &Seen) -> Vec<String> {
    let dash = |s: &Option<String>| s.clone().unwrap_or_else(|| "-".to_owned());
    let fact = |(service, m): &(Service, Message)| match m {
        Message::Dhcp(d) => Some(format!("dhcp {}/{}/{}/msg{}", d.chaddr, dash(&d.host_name), dash(&d.vendor_class), d.kind)),
        Message::Dhcpv6(d) => Some(format!("dhcpv6 {} {:06x} {:?} {:?}", d.kind, d.xid, d.client_mac, d.addrs)),
        Message::Dns(d) => Some(format!("{service} {} {} {} {:?} {:?}", if d.response { "r" } else { "q" }, d.qtype, d.name, d.addrs, d.names)),
        Message::Nbns(n) => Some(format!("nbns {} {}<{:02x}> {:?}", n.opcode, n.name, n.suffix, n.addrs)),
        Message::Tls(h) if h.server => Some(format!("{service} ja3s {} {:04x} {:04x}", h.ja3, h.version, h.cipher)),
        Message::Tls(h) => Some(format!("{service} ja3 {} {} sni={} alpn={}", h.ja3, h.ja4, dash(&h.sni), h.alpn.join(","))),
        Message::Nd(n) => Some(format!("nd {} {} {} {:?} {:?} {}", n.kind, n.source, n.target, n.mac, n.prefix, n.lifetime)),
        Message::Arp(a) => Some(format!("arp {} {} {} {}", a.op, a.sender_mac, a.sender, a.target)),
        Message::Weird(name, at) => Some(format!("{service} weird {name} {at}")),
        _ => None,
    };
    seen.messages.iter().filter_map(fact).collect()
}

/// JA3 as tls-parser's fields make it.
fn ja3_by_oracle(record: &[u8]) -> Option<String> {
    use md5::{Digest, Md5};
    use tls_parser::{TlsExtension, TlsExtensionType, TlsMessage, TlsMessageHandshake, parse_tls_extensions, parse_tls_plaintext};
    let (_, plain) = parse_tls_plaintext(record).ok()?;
    let TlsMessage::Handshake(TlsMessageHandshake::ClientHello(c)) = plain.msg.first()? else { return None };
    let (_, extensions) = parse_tls_extensions(c.ext.unwrap_or_default()).ok()?;
    let join = |v: Vec<u16>| v.into_iter().filter(|v| v & 0x0f0f != 0x0a0a || v >> 8 != v & 255).map(|v| v.to_string()).collect::<Vec<_>>().join("-");
    let (mut groups, mut points) = (Vec::new(), Vec::new());
    for e in &extensions {
        match e {
            TlsExtension::EllipticCurves(g) => groups = g.iter().map(|g| g.0).collect(),
            TlsExtension::EcPointFormats(p) => points = p.iter().map(|p| u16::from(*p)).collect(),
            _ => {}
        }
    }
    let kinds = extensions.iter().map(|e| if let TlsExtension::Grease(g, _) = e { *g } else { TlsExtensionType::from(e).0 }).collect();
    let text = format!("{},{},{},{},{}", c.version.0, join(c.ciphers.iter().map(|c| c.0).collect()), join(kinds), join(groups), join(points));
    Some(Md5::digest(text).iter().map(|b| format!("{b:02x}")).collect())
}

/// The value of `name=` in a line of truth, up to the next word.
fn truth<'a>(line: &'a str, name: &str) -> Vec<&'a str> {
    let at = line.find(&format!(" {name}=")).map(|i| i + name.len() + 2).or_else(|| line.starts_with(&format!("{name}=")).then_some(name.len() + 1));
    let Some(rest) = at.and_then(|i| line.get(i..)) else { return Vec::new() };
    // Vendor classes hold blanks: the value ends where the next `word=` begins.
    let end = rest.match_indices(' ').find(|(i, _)| rest[i + 1..].split(' ').next().is_some_and(|w| w.contains('='))).map_or(rest.len(), |(i, _)| i);
    rest[..end].split(',').collect()
}

fn captures(shared: &Path) -> Vec<(PathBuf, String)> {
    let manifest = std::fs::read_to_string(shared.join("pcaps/manifest.tsv")).unwrap_or_default();
    manifest
        .lines()
        .skip(1)
        .filter_map(|l| {
            let columns: Vec<&str> = l.split('\t').collect();
            Some((shared.join("pcaps").join(columns.get(14)?), (*columns.get(13)?).to_owned()))
        })
        .collect()
}

/// Captures whose truth is not read, and why.
const EXCUSED: &[&str] = &[
    "capwap",          // inside CAPWAP
    "ieee802.11",      // radio frames
    "test901",         // a section version that does not exist
    "ppp__quic",       // link type PPP
    "quic-go_quic-go", // link type PPP
    "rdp2",            // TLS inside RDP over UDP
    "schtask_create",  // the truth's column holds more than names
    "bug-2430",        // packets in reverse order
    "bug-2769",        // begins in the middle of the hello
    "quic-2",          // drafts before 29
    "quic-mvfst",      // drafts before 29
    "quic_interop_V",  // drafts before 29
    "quic_t5",         // Google's own QUIC
    "quic_0RTT",       // Google's own QUIC
];

#[test]
fn what_the_corpus_says_is_read() {
    let Some(shared) = shared() else { return };
    let verbose = std::env::var_os("SPANWARD_FACTS").is_some();
    let (mut missing, mut checked) = (Vec::new(), BTreeMap::<&str, usize>::new());
    for (path, line) in captures(&shared) {
        let facts = facts(&read_capture(&path));
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if verbose {
            facts.iter().for_each(|f| println!("FACT\t{}\t{f}", path.display()));
        }
        let dhcp: BTreeSet<String> = truth(&line, "dhcp").into_iter().map(|t| format!("dhcp {t}")).collect();
        let sni: BTreeSet<String> = truth(&line, "sni").into_iter().map(|t| format!(" sni={} ", t.to_lowercase())).collect();
        for (kind, wanted) in [("dhcp", dhcp), ("sni", sni)] {
            for want in wanted {
                *checked.entry(kind).or_default() += 1;
                if !facts.iter().any(|f| f.contains(&want)) && !EXCUSED.iter().any(|e| name.contains(e)) {
                    missing.push(format!("{name}: {want}"));
                }
            }
        }
    }
    println!("{checked:?}, missing {}", missing.len());
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn tls_parser_sees_the_same_hellos() {
    let Some(shared) = shared() else { return };
    let (mut compared, mut unread) = (0, 0);
    // Mangled hellos are read to different points.
    for (path, _) in captures(&shared).into_iter().filter(|(p, _)| !p.to_string_lossy().contains("C9-malformed")) {
        let seen = read_capture(&path);
        let ours: BTreeSet<&str> =
            seen.messages.iter().filter_map(|(_, m)| if let Message::Tls(h) = m { Some(h.ja3.as_str()) } else { None }).collect();
        for record in &seen.hellos {
            match ja3_by_oracle(record) {
                Some(ja3) => {
                    assert!(ours.contains(ja3.as_str()), "{}: {ja3}", path.display());
                    compared += 1;
                }
                None => unread += 1,
            }
        }
    }
    println!("{compared} ClientHellos agree, {unread} the other does not read");
}

#[test]
fn nothing_is_recognised_that_is_not_there() {
    let Some(shared) = shared() else { return };
    let mut table = BTreeMap::<(Service, u8, u16), (usize, String)>::new();
    for (path, _) in captures(&shared) {
        for (service, number, _, resp) in read_capture(&path).flows {
            let entry =
                table.entry((service, number, resp)).or_insert_with(|| (0, path.file_name().unwrap_or_default().to_string_lossy().into_owned()));
            entry.0 += 1;
        }
    }
    for ((service, number, port), (n, example)) in &table {
        // Told for the reader: by content a service may be anywhere. These have ports of their own.
        assert!(!matches!(service, Service::Dhcp | Service::Dhcpv6) || matches!(port, 67 | 68 | 546 | 547), "{service} {port}: {example}");
        if Service::of_port(*number, *port) != *service {
            println!("FLOW {service} {number}/{port}: {n} ({example})");
        }
    }
}
