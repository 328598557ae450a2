//! Fragments: put together once, in bounded memory, with overlaps seen.

use super::build::*;
use super::*;
use crate::base::Span;

/// The fragments of a UDP datagram, each with its own frame.
fn split(payload: &[u8], id: u16, size: usize) -> Vec<Vec<u8>> {
    let datagram = udp(5000, 53, payload);
    let n = datagram.len().div_ceil(size);
    let piece = |(i, part): (usize, &[u8])| {
        let more = if i + 1 < n { 0x2000 } else { 0 };
        eth(0x0800, &ipv4_full(A, B, 17, id, (i * size / 8) as u16 | more, &[], part))
    };
    datagram.chunks(size).enumerate().map(piece).collect()
}

fn split6(payload: &[u8], id: u32, size: usize) -> Vec<Vec<u8>> {
    let datagram = udp(5000, 53, payload);
    let n = datagram.len().div_ceil(size);
    let piece = |(i, part): (usize, &[u8])| eth(0x86dd, &ipv6(44, &frag6(17, (i * size) as u16, i + 1 < n, id, part)));
    datagram.chunks(size).enumerate().map(piece).collect()
}

fn text(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i * 7 / 3) as u8).collect()
}

#[test]
fn any_order_gives_one_datagram() {
    let want = text(1000);
    for frames in [split(&want, 1, 400), split6(&want, 1, 400)] {
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [0, 2, 1]] {
            let mut b = Bench::new();
            let mut all = Vec::new();
            for (i, at) in order.into_iter().enumerate() {
                let out = b.eth(&frames[at]);
                assert_eq!((out[0].kind, out[0].proto, out[0].sport, out[0].hash), (Kind::Fragment, 17, 0, 0));
                assert_eq!(out.len(), if i == 2 { 2 } else { 1 });
                all.extend(out);
            }
            let p = all[3];
            assert!(p.has(flag::REASSEMBLED | flag::MAC) && !p.has(flag::CUT));
            assert_eq!((p.kind, p.sport, p.dport, p.number, p.shard), (Kind::Udp, 5000, 53, 3, all[0].shard));
            assert_eq!(b.payload(&p), want);
            let whole = if p.has(flag::V6) { eth(0x86dd, &ipv6(17, &udp(5000, 53, &want))) } else { eth(0x0800, &ipv4(17, &udp(5000, 53, &want))) };
            let same = b.eth(&whole)[0];
            assert_eq!((p.hash, p.ip_len), (same.hash, same.ip_len));
            assert!(b.weird_names().is_empty());
            assert_eq!((b.decoder.counters().fragments, b.decoder.counters().reassembled, b.decoder.held()), (3, 1, 0));
        }
    }
}

#[test]
fn copies_of_a_mirror_port_are_no_overlap() {
    let want = text(600);
    let mut b = Bench::new();
    let mut whole = 0;
    for f in split(&want, 9, 304) {
        for _ in 0..2 {
            whole += b.eth(&f).iter().filter(|p| p.has(flag::REASSEMBLED)).count();
        }
    }
    assert_eq!((whole, b.weird_names().len(), b.decoder.held()), (1, 0, 0));
    // The same identification later is a new datagram.
    b.ts = b.ts + Span::secs(1);
    for f in split(&want, 9, 304) {
        whole += b.eth(&f).iter().filter(|p| p.has(flag::REASSEMBLED)).count();
    }
    assert_eq!(whole, 2);
}

#[test]
fn overlap_first_wins_and_is_told() {
    let mut b = Bench::new();
    let part = |units: u16, more: bool, bytes: &[u8]| eth(0x0800, &ipv4_full(A, B, 17, 3, units | if more { 0x2000 } else { 0 }, &[], bytes));
    let first = udp(1, 2, &[1; 120]);
    b.eth(&part(0, true, &first[..96]));
    b.eth(&part(8, true, &[9; 40]));
    assert_eq!(b.weird_names(), ["fragment_tiny", "fragment_overlap"]);
    let out = b.eth(&part(13, false, &[1; 24]));
    assert_eq!(out.len(), 2);
    let mut want = [1u8; 120];
    want[88..96].fill(9);
    assert_eq!(b.payload(&out[1]), want);
}

#[test]
fn wrong_fragments_are_refused() {
    let part =
        |id: u16, units: u16, more: bool, bytes: &[u8]| eth(0x0800, &ipv4_full(A, B, 17, id, units | if more { 0x2000 } else { 0 }, &[], bytes));
    let cases = [
        (vec![part(1, 0, true, &[0; 70])], "fragment_length"),
        (vec![part(2, 8189, false, &[0; 100])], "fragment_over_64k"),
        (vec![part(3, 8, false, &[0; 80]), part(3, 8, false, &[0; 88])], "fragment_ends_differ"),
        (vec![part(4, 8, false, &[0; 80]), part(4, 16, true, &[0; 80])], "fragment_ends_differ"),
        (vec![part(5, 80, true, &[0; 80]), part(5, 8, false, &[0; 80])], "fragment_ends_differ"),
    ];
    for (frames, name) in cases {
        let mut b = Bench::new();
        for f in &frames {
            assert_eq!(b.eth(f).len(), 1);
        }
        assert_eq!((b.weird_names(), b.decoder.counters().fragments_refused), (vec![name], 1));
    }
    // Cut by the snap length: not odd, but of no use.
    let mut b = Bench::new();
    let f = part(6, 0, true, &[0; 80]);
    assert_eq!(b.cut(Linktype::Ethernet, &f[..60], f.len())[0].kind, Kind::Fragment);
    assert_eq!((b.weird_names().len(), b.decoder.counters().fragments_refused, b.decoder.held()), (0, 1, 0));
}

#[test]
fn floods_stay_within_the_caps() {
    let mut b = Bench::new();
    for id in 0..20_000u16 {
        let mut f = eth(0x0800, &ipv4_full(A, B, 17, id, 0x2000, &[], &[1; 1400]));
        f[26] = (id >> 8) as u8;
        b.eth(&f);
        b.buf.truncate(7);
        assert!(b.decoder.held() <= 8 << 20);
    }
    let c = b.decoder.counters();
    assert_eq!((c.fragments, c.fragments_evicted), (20_000, 20_000 - 1024));
    b.ts = b.ts + Span::secs(31);
    b.eth(&eth(0x0800, &ipv4_full(A, B, 17, 1, 0x2000, &[], &[1; 80])));
    assert_eq!(b.decoder.counters().fragments_expired, 1024);
    // Tiny pieces of one datagram.
    for units in 0..70u16 {
        b.eth(&eth(0x0800, &ipv4_full(A, B, 17, 2, 0x2000 | (units * 2), &[], &[1; 8])));
    }
    assert!(b.weird_names().contains(&"fragment_too_many"));
}

#[test]
fn a_fragmented_tunnel_is_read_through() {
    let inner = ipv4(6, &tcp(1, 445, 0x18, &text(900)));
    let gre = cat(&[&[0, 0, 8, 0], &inner]);
    let (a, z) = gre.split_at(480);
    let mut b = Bench::new();
    b.eth(&eth(0x0800, &ipv4_full(A, B, 47, 5, 0x2000, &[], a)));
    let out = b.eth(&eth(0x0800, &ipv4_full(A, B, 47, 5, 60, &[], z)));
    let p = out[1];
    assert_eq!((p.kind, p.tunnel, p.dport, p.payload_len), (Kind::Tcp, Tunnel::Gre, 445, 900));
    assert!(p.has(flag::REASSEMBLED | flag::OUTER_MAC) && p.outer > p.frame);
}
