//! Frames of every shape through the whole decoder.

use super::build::*;
use super::*;
use crate::base::{Addr, proto};

fn a(s: &str) -> Addr {
    s.parse().unwrap()
}

fn one(bytes: &[u8]) -> (Packet, Bench) {
    let mut b = Bench::new();
    let out = b.eth(bytes);
    assert_eq!(out.len(), 1);
    (out[0], b)
}

/// A SYN from A to B, wherever it stands.
fn is_syn(p: &Packet) {
    assert_eq!((p.kind, p.src, p.dst, p.sport, p.dport), (Kind::Tcp, a("10.0.0.1"), a("203.0.113.5"), 50_000, 445), "{p:?}");
    assert_eq!((p.seq, p.ack, p.window, p.tcp_flags, p.ttl, p.proto, p.ip_id), (7, 9, 0x2000, tcp::SYN, 64, 6, 0x1234));
    assert_eq!((p.ip_len, p.payload_len, p.wire_payload_len), (40, 0, 0));
    assert_eq!(p.hash, p.key().0.hash(&crate::base::KeyedHash::new(1)));
}

#[test]
fn plain_tcp_with_padding() {
    let mut bytes = eth(0x0800, &ipv4(6, &syn()));
    bytes.resize(60, 0xff);
    let (p, mut b) = one(&bytes);
    is_syn(&p);
    assert_eq!((p.l2, p.l3, p.payload, p.vlan, p.tunnel), (7, 21, 61, Vlans::default(), Tunnel::None));
    assert!(p.has(flag::MAC | flag::ADMITTED) && !p.has(flag::SNAPPED) && !p.has(flag::V6));
    assert!(b.weird_names().is_empty());
}

#[test]
fn fast_and_slow_agree() {
    // The same packets, once as the fast path likes them, once behind a priority tag that it leaves alone.
    let frames = [ipv4(6, &tcp(1, 2, 0x18, b"hello")), ipv4(17, &udp(53, 1024, b"answer"))];
    for ip in frames {
        let (fast, b) = one(&eth(0x8100, &tag(7, 0x0800, &ip)));
        let (slow, c) = one(&eth(0x8100, &tag(0, 0x8100, &tag(7, 0x0800, &ip))));
        assert_eq!(b.payload(&fast), c.payload(&slow));
        let moved = Packet { l3: slow.l3 - 4, payload: slow.payload - 4, cap_len: slow.cap_len - 4, orig_len: slow.orig_len - 4, ..slow };
        assert_eq!(format!("{fast:?}"), format!("{moved:?}"));
    }
}

#[test]
fn any_number_of_tags() {
    let inner = ipv4(6, &syn());
    let (p, _) = one(&eth(0x88a8, &tag(100, 0x8100, &tag(0x2000 | 20, 0x0800, &inner))));
    is_syn(&p);
    assert_eq!((p.vlan, p.vlan.inner()), (Vlans([100, 20]), Some(20)));
    let (p, _) = one(&eth(0x9100, &tag(1, 0x9200, &tag(2, 0x88a8, &tag(3, 0x8100, &tag(4, 0x0800, &inner))))));
    is_syn(&p);
    assert_eq!(p.vlan, Vlans([1, 4]));
    let (p, _) = one(&eth(0x8100, &tag(0, 0x0800, &inner)));
    assert_eq!(p.vlan.inner(), None);
}

#[test]
fn ipv6_with_and_without_extensions() {
    let (p, _) = one(&eth(0x86dd, &ipv6(6, &syn())));
    assert_eq!((p.kind, p.src, p.dst, p.dport, p.ttl, p.ip_len), (Kind::Tcp, a("2001:db8::1"), a("2001:db8::2"), 445, 61, 60));
    assert!(p.has(flag::V6));
    let options = cat(&[&[60, 0, 1, 4, 0, 0, 0, 0], &[6, 0, 1, 4, 0, 0, 0, 0], &syn()]);
    let (q, _) = one(&eth(0x86dd, &ipv6(0, &options)));
    assert_eq!((q.kind, q.proto, q.hash, q.payload), (Kind::Tcp, 6, p.hash, p.payload + 16));
    let atomic = frag6(6, 0, false, 9, &syn());
    let (q, _) = one(&eth(0x86dd, &ipv6(44, &atomic)));
    assert_eq!((q.kind, q.hash), (Kind::Tcp, p.hash));
}

#[test]
fn icmp_directions_share_a_key() {
    let (ping, b) = one(&eth(0x0800, &ipv4(1, &icmp(8, 0, b"abc"))));
    let (pong, _) = one(&eth(0x0800, &ipv4_full(B, A, 1, 5, 0, &[], &icmp(0, 0, b"abc"))));
    assert_eq!((ping.kind, ping.sport, ping.dport, b.payload(&ping)), (Kind::Icmp4, 8, 0, &b"abc"[..]));
    assert_eq!((ping.hash, ping.shard, ping.key().0), (pong.hash, pong.shard, pong.key().0));
    assert_eq!(b.buf[ping.icmp()], icmp(8, 0, b"abc"));
    let (other, _) = one(&eth(0x0800, &ipv4(1, &icmp(13, 0, b"abc"))));
    assert_ne!(ping.hash, other.hash);
    let (unreachable, _) = one(&eth(0x0800, &ipv4(1, &icmp(3, 1, b"abc"))));
    assert_eq!((unreachable.sport, unreachable.dport), (3, 1));
    let (ns, _) = one(&eth(0x86dd, &ipv6(58, &icmp(135, 0, &addr6(2)))));
    assert_eq!((ns.kind, ns.proto, ns.sport), (Kind::Icmp6, proto::ICMP6, 135));
}

#[test]
fn arp_and_link_protocols() {
    let mut bytes = eth(0x0806, &arp(1, [10, 0, 0, 9], [10, 0, 0, 1]));
    bytes.resize(60, 0);
    let (p, _) = one(&bytes);
    assert_eq!((p.kind, p.src, p.dst, p.l3, p.payload_len, p.hash), (Kind::Arp, a("10.0.0.9"), a("10.0.0.1"), 21, 28, 0));
    // STP, and CDP over SNAP: the field is a length.
    for llc in [&[0x42, 0x42, 3, 0, 0][..], &[0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0, 1, 2]] {
        let mut bytes = eth(llc.len() as u16, llc);
        bytes.resize(60, 0);
        let (p, b) = one(&bytes);
        assert_eq!((p.kind, b.payload(&p)), (Kind::Link, llc));
    }
    let snap = cat(&[&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &ipv4(6, &syn())]);
    is_syn(&one(&eth(snap.len() as u16, &snap)).0);
    assert_eq!(one(&eth(0x88cc, &[2, 7, 4])).0.kind, Kind::Link);
    let (p, b) = one(&eth(0x1234 | 0x8000, &[0; 46]));
    assert_eq!((p.kind, b.decoder.undecoded()), (Kind::Other, 1));
}

#[test]
fn other_link_types() {
    let ip = ipv4(6, &syn());
    let sll = cat(&[&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 0xaa, 0, 0, 8, 0], &ip]);
    let sll2 = cat(&[&[8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 0xaa, 0, 0], &ip]);
    let cases = [
        (Linktype::Sll, sll),
        (Linktype::Sll2, sll2),
        (Linktype::Raw, ip.clone()),
        (Linktype::Null, cat(&[&[2, 0, 0, 0], &ip])),
        (Linktype::Null, cat(&[&[0, 0, 0, 2], &ip])),
        (Linktype::Loop, cat(&[&[0, 0, 0, 2], &ip])),
    ];
    for (linktype, bytes) in cases {
        let mut b = Bench::new();
        let p = b.on(linktype, &bytes)[0];
        is_syn(&p);
        assert!(!p.has(flag::MAC), "{linktype:?}");
    }
    let mut b = Bench::new();
    assert_eq!(b.on(Linktype::Unknown, &[1, 2, 3])[0].kind, Kind::Other);
}

#[test]
fn lengths_that_lie() {
    let lies: [(&str, Vec<u8>, Kind); 8] = [
        ("ip_version_mismatch", eth(0x0800, &ipv6(6, &syn())), Kind::Other),
        ("ipv4_header_length", eth(0x0800, &[&[0x44][..], &ipv4(6, &syn())[1..]].concat()), Kind::Other),
        ("ipv4_total_length", eth(0x0800, &[&[0x45, 0, 0, 10][..], &ipv4(6, &syn())[4..]].concat()), Kind::Ip),
        ("ipv4_length_over_frame", eth(0x0800, &[&[0x45, 0, 1, 0][..], &ipv4(6, &syn())[4..]].concat()), Kind::Tcp),
        ("tcp_data_offset", eth(0x0800, &ipv4(6, &[&syn()[..12], &[0x40], &syn()[13..]].concat())), Kind::Ip),
        ("tcp_data_offset", eth(0x0800, &ipv4(6, &[&syn()[..12], &[0xf0], &syn()[13..]].concat())), Kind::Ip),
        ("udp_length", eth(0x0800, &ipv4(17, &[0, 1, 0, 2, 0, 7, 0, 0, 9, 9, 9])), Kind::Ip),
        ("udp_length_over_packet", eth(0x0800, &ipv4(17, &[0, 1, 0, 2, 1, 7, 0, 0, 9, 9, 9])), Kind::Udp),
    ];
    for (name, bytes, kind) in lies {
        let (p, mut b) = one(&bytes);
        assert_eq!(b.weird_names(), [name]);
        assert_eq!(p.kind, kind, "{name}");
    }
    let (p, mut b) = one(&eth(0x0800, &ipv4(17, &[0, 1, 0, 2, 0, 9, 0, 0, 9, 8, 7])));
    assert_eq!((b.weird_names(), b.payload(&p)), (vec!["udp_length_under_packet"], &[9u8][..]));
}

#[test]
fn segmentation_offload_has_no_length() {
    let mut ip = ipv4(6, &tcp(1, 2, 0x10, &vec![5; 100_000]));
    ip[2..4].fill(0);
    let (p, _) = one(&eth(0x0800, &ip));
    assert_eq!((p.kind, p.payload_len, p.ip_len), (Kind::Tcp, 100_000, 100_040));
}

#[test]
fn snapped_frames_yield_what_is_there() {
    let whole = eth(0x0800, &ipv4(6, &tcp(1, 2, 0x18, &[7; 1000])));
    let mut b = Bench::new();
    let p = b.cut(Linktype::Ethernet, &whole[..96], whole.len())[0];
    assert!(p.has(flag::SNAPPED | flag::CUT));
    assert_eq!((p.kind, p.payload_len, p.wire_payload_len), (Kind::Tcp, 42, 1000));
    let p = b.cut(Linktype::Ethernet, &whole[..48], whole.len())[0];
    assert_eq!((p.kind, p.tcp_flags, p.wire_payload_len, b.weird_names().len()), (Kind::Tcp, 0x18, 1000, 0));
    let p = b.cut(Linktype::Ethernet, &whole[..40], whole.len())[0];
    assert_eq!((p.kind, p.proto, b.weird_names()), (Kind::Ip, 6, vec!["tcp_header_cut"]));
    assert_eq!(b.decoder.counters().snapped, 3);
}
