//! Differential test: on every capture of the shared corpus the decoder must say what etherparse says, and the fast path what the slow path says.
//! Where they differ on purpose the reason stands in `excuse`.

mod frames;

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};
use frames::{Captured, each_frame, shared};
use spanward::base::{Addr, KeyedHash, Timestamp, proto};
use spanward::wire::{Decoder, Frame, Kind, Linktype, Packet, Tunnel, flag};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            files(&path, out);
        } else if path.extension().is_none_or(|e| e != "tsv" && e != "md" && e != "json") {
            out.push(path);
        }
    }
}

/// What can be compared: an IP packet as two readers see it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct View {
    kind: Kind,
    src: Addr,
    dst: Addr,
    ttl: u8,
    ip_id: u16,
    proto: u8,
    sport: u16,
    dport: u16,
    seq: u32,
    ack: u32,
    window: u16,
    tcp_flags: u8,
    l3: usize,
    payload: usize,
    payload_len: usize,
}

fn ours(p: &Packet, base: usize) -> View {
    View {
        kind: p.kind,
        src: p.src,
        dst: p.dst,
        ttl: p.ttl,
        ip_id: p.ip_id,
        proto: p.proto,
        sport: p.sport,
        dport: p.dport,
        seq: p.seq,
        ack: p.ack,
        window: p.window,
        tcp_flags: p.tcp_flags,
        l3: p.l3 as usize - base,
        payload: p.payload as usize - base,
        payload_len: p.payload_len as usize,
    }
}

fn theirs(s: &LaxSlicedPacket<'_>, bytes: &[u8]) -> Option<View> {
    let place = |inner: &[u8]| inner.as_ptr() as usize - bytes.as_ptr() as usize;
    let (src, dst, ttl, ip_id, l3, payload): (IpAddr, IpAddr, _, _, _, _) = match s.net.as_ref()? {
        LaxNetSlice::Ipv4(ip) => {
            let h = ip.header();
            (h.source_addr().into(), h.destination_addr().into(), h.ttl(), h.identification(), place(h.slice()), ip.payload())
        }
        LaxNetSlice::Ipv6(ip) => {
            let h = ip.header();
            (h.source_addr().into(), h.destination_addr().into(), h.hop_limit(), 0, place(h.slice()), ip.payload())
        }
        LaxNetSlice::Arp(_) => return None,
    };
    let mut v = View {
        kind: if payload.fragmented { Kind::Fragment } else { Kind::Ip },
        src: src.into(),
        dst: dst.into(),
        ttl,
        ip_id,
        proto: payload.ip_number.0,
        sport: 0,
        dport: 0,
        seq: 0,
        ack: 0,
        window: 0,
        tcp_flags: 0,
        l3,
        payload: place(payload.payload),
        payload_len: payload.payload.len(),
    };
    let body = |v: &mut View, b: &[u8]| (v.payload, v.payload_len) = (place(b), b.len());
    match s.transport.as_ref() {
        Some(TransportSlice::Tcp(t)) => {
            v.kind = Kind::Tcp;
            (v.sport, v.dport, v.seq, v.ack) = (t.source_port(), t.destination_port(), t.sequence_number(), t.acknowledgment_number());
            (v.window, v.tcp_flags) = (t.window_size(), t.slice()[13]);
            body(&mut v, t.payload());
        }
        Some(TransportSlice::Udp(u)) => {
            v.kind = Kind::Udp;
            (v.sport, v.dport) = (u.source_port(), u.destination_port());
            body(&mut v, u.payload());
        }
        Some(TransportSlice::Icmpv4(i)) => icmp(&mut v, Kind::Icmp4, i.slice(), bytes),
        Some(TransportSlice::Icmpv6(i)) => icmp(&mut v, Kind::Icmp6, i.slice(), bytes),
        Some(TransportSlice::Igmp(_)) | None => {}
    }
    Some(v)
}

/// etherparse counts some ICMP bodies as header; here the header is always eight bytes.
fn icmp(v: &mut View, kind: Kind, message: &[u8], bytes: &[u8]) {
    v.kind = kind;
    (v.sport, v.dport) = (message[0].into(), message[1].into());
    v.payload = message.as_ptr() as usize - bytes.as_ptr() as usize + 8;
    v.payload_len = message.len() - 8;
}

/// The same question to etherparse, by link type; `None` where it has no reader.
fn ask<'a>(t: Linktype, bytes: &'a [u8]) -> Option<LaxSlicedPacket<'a>> {
    match t {
        Linktype::Ethernet => LaxSlicedPacket::from_ethernet(bytes).ok(),
        Linktype::Raw => LaxSlicedPacket::from_ip(bytes).ok(),
        Linktype::Null | Linktype::Loop => LaxSlicedPacket::from_ip(bytes.get(4..)?).ok(),
        Linktype::Sll => LaxSlicedPacket::from_ip(bytes.get(16..)?).ok(),
        Linktype::Sll2 => LaxSlicedPacket::from_ip(bytes.get(20..)?).ok(),
        Linktype::Unknown => None,
    }
}

/// Why the two may differ on a frame, if they may.
fn excuse(p: &Packet, us: &View, them: &View, weirds: &[&'static str]) -> Option<&'static str> {
    for w in weirds {
        let reason = match *w {
            "ip_version_mismatch" => "etherparse believes the version nibble; an EtherType that says otherwise is no IP here",
            "null_family" => "the loopback family is not IP",
            "ipv4_total_length" => "a total length shorter than the header: no host accepts it; etherparse takes the rest of the frame",
            "udp_length" => "a UDP length below 8: no host accepts it; etherparse takes the rest",
            "tcp_data_offset" => "a data offset beyond the packet or below 5: etherparse reports the former only if not captured",
            "ip_extension_cut" => "the payload of a packet with cut extension headers is counted from the cut header",
            "ipv6_hop_by_hop_not_first" => "read on with a weird; etherparse stops",
            _ => continue,
        };
        return Some(reason);
    }
    if us.kind == Kind::Tcp && them.kind == Kind::Ip && them.payload_len < 60 && us.payload_len == 0 {
        return Some("TCP options cut by the snap length: ports and flags are read all the same");
    }
    if p.tunnel != Tunnel::None && *us == (View { payload_len: us.payload_len, ..them.clone() }) && us.payload_len < them.payload_len {
        if p.has(flag::CUT) {
            return Some("an outer length ends the inner packet before its own");
        }
        if p.proto == 59 {
            return Some("no next header and no payload length: nothing follows; etherparse takes the rest");
        }
    }
    if us.kind == Kind::Sctp {
        return Some("etherparse has no SCTP");
    }
    if matches!(us.kind, Kind::Icmp4 | Kind::Icmp6) && them.kind == Kind::Ip {
        return Some("etherparse wants 20 bytes of timestamp messages");
    }
    if us.kind == Kind::Fragment && p.has(flag::V6) && us.payload < them.payload {
        return Some("etherparse reads extension headers behind a fragment header, which are the datagram's");
    }
    if p.has(flag::V6) && matches!(them.proto, 135 | 139 | 140) {
        return Some("etherparse does not skip mobility, HIP and shim6 headers");
    }
    if p.proto == proto::UDP && p.kind == Kind::Udp && them.payload_len != us.payload_len && p.ip_len > 65_535 {
        return Some("segmentation offload");
    }
    None
}

#[derive(Default)]
struct Tally {
    files: u64,
    frames: u64,
    compared: u64,
    inner: u64,
    fast_slow: u64,
    kinds: BTreeMap<String, u64>,
    tunnels: BTreeMap<&'static str, u64>,
    excused: BTreeMap<&'static str, u64>,
    wrong: Vec<String>,
}

/// One frame through both decoders and etherparse.
fn compare(n: &mut Tally, path: &Path, number: u64, t: Linktype, bytes: &[u8], orig_len: u32, fast: &mut Decoder, slow: &mut Decoder) {
    let mut buf = vec![0x55; 3];
    buf.extend_from_slice(bytes);
    let f = Frame { ts: Timestamp(number * 1_000), number, off: 3, cap_len: bytes.len() as u32, orig_len, iface: 0, linktype: t, admitted: true };
    let (mut out, mut again) = (Vec::new(), Vec::new());
    let mut other = buf.clone();
    fast.decode(&mut buf, &f, &mut out);
    slow.decode_slowly(&mut other, &f, &mut again);
    let mut complain = |what: &str, a: String, b: String| {
        if n.wrong.len() < 20 {
            n.wrong.push(format!("{} #{number} {t:?} {what}\n  ours   {a}\n  theirs {b}", path.display()));
        }
    };
    if format!("{out:?}") != format!("{again:?}") {
        complain("fast and slow differ", format!("{out:?}"), format!("{again:?}"));
    }
    n.fast_slow += 1;
    let weirds: Vec<_> = fast.weirds().iter().map(|w| w.name).collect();
    for p in &out {
        assert!(p.payload_range().end <= buf.len() && p.icmp().end <= buf.len() && p.l3 as usize <= buf.len());
        *n.kinds.entry(format!("{:?}", p.kind)).or_default() += 1;
        *n.tunnels.entry(p.tunnel.word()).or_default() += 1;
        if matches!(p.kind, Kind::Other | Kind::Arp | Kind::Link) {
            continue;
        }
        // The innermost packet alone, wherever it was found.
        let end = if p.has(flag::REASSEMBLED) { buf.len() } else { 3 + bytes.len() };
        let alone = &buf[p.l3 as usize..end];
        let us = ours(p, p.l3 as usize);
        match LaxSlicedPacket::from_ip(alone).ok().and_then(|s| theirs(&s, alone)) {
            Some(them) if same(&us, &them, p) => n.inner += 1,
            Some(them) => match excuse(p, &us, &them, &weirds) {
                Some(why) => *n.excused.entry(why).or_default() += 1,
                None => complain("inner packet differs", format!("{us:?}"), format!("{them:?} weirds {weirds:?}")),
            },
            None if weirds.iter().any(|w| matches!(*w, "ipv4_options_cut" | "ipv4_total_length")) => {
                *n.excused.entry("options cut, or a length without room for them: addresses are read all the same").or_default() += 1
            }
            None => complain("etherparse reads no IP", format!("{us:?}"), String::new()),
        }
    }
    // The whole frame, with its link layers.
    let Some(p) = out.first().filter(|p| p.tunnel == Tunnel::None) else { return };
    let them = ask(t, bytes).and_then(|s| theirs(&s, bytes).map(|v| (v, s)));
    match them {
        Some((v, s)) if !matches!(p.kind, Kind::Other | Kind::Arp | Kind::Link) => {
            let us = ours(p, 3);
            let tags: Vec<u16> = s.vlan_ids().iter().map(|v| v.value()).filter(|v| *v != 0).collect();
            let ends = [tags.first().copied().unwrap_or(0), tags.get(1..).and_then(|r| r.last()).copied().unwrap_or(0)];
            if !same(&us, &v, p) {
                match excuse(p, &us, &v, &weirds) {
                    Some(why) => *n.excused.entry(why).or_default() += 1,
                    None => complain("frame differs", format!("{us:?}"), format!("{v:?} weirds {weirds:?}")),
                }
            } else if t == Linktype::Ethernet && p.vlan.0 != ends {
                complain("tags differ", format!("{:?}", p.vlan), format!("{tags:?}"));
            } else {
                n.compared += 1;
            }
        }
        // etherparse found IP and we did not.
        Some((v, _)) => {
            let us = ours(&Packet { frame: 3, l3: 3, payload: 3, ..*p }, 3);
            match excuse(p, &us, &v, &weirds) {
                Some(why) => *n.excused.entry(why).or_default() += 1,
                None if matches!(t, Linktype::Sll | Linktype::Sll2) => {}
                None => complain("we read no IP", format!("{us:?}"), format!("{v:?} weirds {weirds:?}")),
            }
        }
        None => {}
    }
}

/// Equal, but for how far the payload of an overlong or cut packet reaches.
fn same(us: &View, them: &View, p: &Packet) -> bool {
    let mut them = them.clone();
    // An offload frame, or an IPv6 jumbogram: etherparse may take padding behind the packet into it.
    if p.ip_len > 65_535 {
        them.payload_len = us.payload_len;
    }
    *us == them
}

#[test]
fn every_capture_agrees_with_etherparse() {
    let Some(shared) = shared() else { return };
    let mut paths = Vec::new();
    files(&shared.join("pcaps"), &mut paths);
    files(&shared.join("bed/captures"), &mut paths);
    let mut n = Tally::default();
    for path in &paths {
        n.files += 1;
        let (mut fast, mut slow) = (Decoder::new(KeyedHash::new(1)), Decoder::new(KeyedHash::new(1)));
        let mut number = 0;
        each_frame(path, |Captured { linktype: t, bytes, orig_len, .. }| {
            number += 1;
            n.frames += 1;
            compare(&mut n, path, number, t, bytes, orig_len, &mut fast, &mut slow);
        });
    }
    println!("{} files, {} frames: {} whole frames and {} innermost packets agree with etherparse", n.files, n.frames, n.compared, n.inner);
    println!("fast and slow path agree on {} frames", n.fast_slow);
    println!("kinds {:?}\ntunnels {:?}", n.kinds, n.tunnels);
    for (why, count) in &n.excused {
        println!("{count:8} {why}");
    }
    assert!(n.wrong.is_empty(), "{}", n.wrong.join("\n"));
}
