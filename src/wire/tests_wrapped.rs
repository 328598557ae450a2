//! Wrappings: the inner packet is described, the outer remembered, and what only looks like a wrapping is left alone.

use super::build::*;
use super::*;

fn one(bytes: &[u8]) -> (Packet, Bench) {
    let mut b = Bench::new();
    let out = b.eth(bytes);
    assert_eq!(out.len(), 1);
    (out[0], b)
}

#[test]
fn inner_packets_are_described() {
    let plain = one(&eth(0x0800, &ipv4(6, &syn()))).0;
    for (word, bytes) in wrapped() {
        let (p, mut b) = one(&bytes);
        assert_eq!(b.weird_names(), Vec::<&str>::new(), "{word}");
        assert_eq!(
            (p.kind, p.hash, p.shard, p.dport, p.tcp_flags, p.ip_len),
            (Kind::Tcp, plain.hash, plain.shard, 445, tcp::SYN, 40),
            "{word} {p:?}"
        );
        assert_eq!((p.tunnel.word(), p.depth), (word, 1));
        let has_outer_ip = !matches!(p.tunnel, Tunnel::Mpls | Tunnel::Pppoe);
        assert_eq!(p.outer != 0, has_outer_ip, "{word}");
        assert!(p.outer == 0 || matches!(b.buf[p.outer as usize] >> 4, 4 | 6));
        // Either the inner frame's own MACs and tag, or the outer ones, marked as such.
        let is_inner = b.buf[p.l2 as usize] == 6;
        assert!(p.has(flag::MAC) && p.has(flag::OUTER_MAC) != is_inner, "{word}");
        assert_eq!(is_inner, p.vlan.inner() == Some(30), "{word}");
    }
}

#[test]
fn ipv6_inside() {
    let six = ipv6(6, &syn());
    let plain = one(&eth(0x86dd, &six)).0;
    let bubble = ipv6(59, b"");
    let outer = |proto: u8, payload: &[u8]| eth(0x0800, &ipv4(proto, payload));
    let teredo = |payload: &[&[u8]]| outer(17, &udp(40_000, 3544, &payload.concat()));
    let auth = [0, 1, 1, 2, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 0];
    let origin = [0, 0, 1, 2, 3, 4, 5, 6];
    let cases = [
        (Tunnel::IpIp, outer(41, &six)),
        (Tunnel::IpIp, eth(0x86dd, &ipv6(41, &six))),
        (Tunnel::Teredo, teredo(&[&six])),
        (Tunnel::Teredo, teredo(&[&origin, &six])),
        (Tunnel::Teredo, teredo(&[&auth, &origin, &six])),
        (Tunnel::Pppoe, eth(0x8864, &cat(&[&[0x11, 0, 0, 5, 0, 62, 0x57], &six]))),
        (Tunnel::Mpls, eth(0x8847, &cat(&[&[0, 0, 0x21, 64], &six]))),
    ];
    for (tunnel, bytes) in cases {
        let (p, _) = one(&bytes);
        assert_eq!((p.tunnel, p.kind, p.hash, p.depth), (tunnel, Kind::Tcp, plain.hash, 1), "{tunnel:?}");
        assert!(p.has(flag::V6 | flag::OUTER_MAC));
    }
    let (p, _) = one(&teredo(&[&bubble]));
    assert_eq!((p.tunnel, p.kind, p.proto, p.payload_len), (Tunnel::Teredo, Kind::Ip, 59, 0));
}

#[test]
fn ports_alone_prove_nothing() {
    for (dport, payload) in [
        (4789u16, &[7u8; 60][..]),
        (4789, &[8, 0, 0, 0, 1, 2, 3, 4, 5]),
        (8472, &[8, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 8, 0]),
        (6081, &[0; 40]),
        (6081, &[0x40, 0, 8, 0, 0, 0, 0, 0, 0x45]),
        (3544, &[0x60; 30]),
        (3544, &[0; 2]),
        (3544, &[]),
    ] {
        let (p, mut b) = one(&eth(0x0800, &ipv4(17, &udp(1234, dport, payload))));
        assert_eq!((p.kind, p.tunnel, p.dport, b.payload(&p), p.outer), (Kind::Udp, Tunnel::None, dport, payload, 0));
        assert!(b.weird_names().is_empty());
    }
    // A length that does not fit is no Teredo.
    let mut six = ipv6(6, &syn());
    six[5] += 1;
    assert_eq!(one(&eth(0x0800, &ipv4(17, &udp(1234, 3544, &six)))).0.tunnel, Tunnel::None);
}

#[test]
fn unreadable_insides_leave_the_outer_packet() {
    let cases = [
        (47, cat(&[&[0, 0, 8, 0], &[0x44; 30]]), "ipv4_header_length"),
        (47, cat(&[&[0, 0, 0x65, 0x58], &[1; 5]]), "ethernet_header_cut"),
        (47, cat(&[&[0, 2, 8, 0], &[0x45; 30]]), "gre_version"),
        (4, vec![0x60; 60], "ipip_payload"),
        (41, vec![0x45; 60], "ipip_payload"),
    ];
    for (proto, payload, name) in cases {
        let (p, mut b) = one(&eth(0x0800, &ipv4(proto, &payload)));
        assert_eq!((p.kind, p.proto, p.tunnel, p.depth, b.payload(&p)), (Kind::Ip, proto, Tunnel::None, 0, &payload[..]), "{name}");
        assert_eq!(b.weird_names(), [name]);
        assert!(!p.has(flag::OUTER_MAC));
    }
    // A keepalive: nothing inside.
    let (p, mut b) = one(&eth(0x0800, &ipv4(47, &[0, 0, 0, 0])));
    assert_eq!((p.kind, b.weird_names().len()), (Kind::Ip, 0));
    // An unknown payload.
    assert_eq!(one(&eth(0x0800, &ipv4(47, &[0, 0, 0x12, 0x34, 1, 2, 3]))).0.tunnel, Tunnel::None);
}

#[test]
fn nesting_ends_at_eight() {
    let mut inner = ipv4(6, &syn());
    for _ in 0..8 {
        inner = ipv4(4, &inner);
    }
    let (p, _) = one(&eth(0x0800, &inner));
    assert_eq!((p.kind, p.depth, p.dport), (Kind::Tcp, 8, 445));
    let (p, mut b) = one(&eth(0x0800, &ipv4(4, &inner)));
    assert_eq!((p.kind, p.depth, p.proto, b.weird_names()), (Kind::Ip, 8, 4, vec!["tunnel_too_deep"]));
}

#[test]
fn tags_of_other_makers() {
    let ip = ipv4(6, &syn());
    let frames = [
        eth(0x8926, &cat(&[&[0x80, 1, 0, 2, 8, 0], &ip])),
        eth(0xf1c1, &cat(&[&[0, 0, 0, 9, 8, 0], &ip])),
        eth(0x8909, &cat(&[&[1, 1, 0, 1, 0, 7, 8, 0], &ip])),
        eth(0x893f, &cat(&[&[0; 6], &[8, 0], &ip])),
        eth(0x88e5, &cat(&[&[0, 0, 0, 0, 0, 1, 8, 0], &ip, &[0xcc; 16]])),
        eth(0x88e5, &cat(&[&[0x20, 0, 0, 0, 0, 1], &[1; 8], &[8, 0], &ip, &[0xcc; 16]])),
        eth(0x88e7, &cat(&[&[0, 0, 0, 9], &inner_eth(0x0800, &ip)])),
        eth(0x8903, &cat(&[&[0, 32], &inner_eth(0x0800, &ip)])),
    ];
    for bytes in frames {
        let (p, mut b) = one(&bytes);
        assert_eq!((p.kind, p.dport, p.payload_len, b.weird_names().len()), (Kind::Tcp, 445, 0, 0), "{bytes:02x?}");
    }
    let (p, mut b) = one(&eth(0x88e5, &[0x0c; 60]));
    assert_eq!((p.kind, b.weird_names()), (Kind::Other, vec!["macsec_encrypted"]));
}

#[test]
fn padding_behind_a_wrapping_is_no_payload() {
    for (word, mut bytes) in wrapped() {
        bytes.extend([0xff; 20]);
        let (p, _) = one(&bytes);
        assert_eq!((p.tunnel.word(), p.payload_len, p.wire_payload_len, p.ip_len), (word, 0, 0, 40));
    }
}
