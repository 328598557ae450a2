//! Truncation at every byte, flipped bits, random bytes: never a panic, never an offset outside the buffer.

use super::build::*;
use super::*;
use proptest::prelude::*;

const LINKTYPES: [Linktype; 7] =
    [Linktype::Ethernet, Linktype::Sll, Linktype::Sll2, Linktype::Raw, Linktype::Null, Linktype::Loop, Linktype::Unknown];

/// Frames of all shapes.
fn all() -> Vec<Vec<u8>> {
    let six = cat(&[&[60, 0, 1, 4, 0, 0, 0, 0], &[51, 0, 1, 4, 0, 0, 0, 0], &[6, 4], &[0; 22], &tcp(1, 2, 0x18, b"data")]);
    let mut v: Vec<Vec<u8>> = wrapped().into_iter().map(|(_, bytes)| bytes).collect();
    v.extend([
        eth(0x0800, &ipv4(6, &tcp(1, 2, 0x18, b"data"))),
        eth(0x0800, &ipv4(17, &udp(53, 2, b"data"))),
        eth(0x0800, &ipv4_full(A, B, 1, 1, 0, &[7, 7, 4, 0, 0, 0, 0, 0], &icmp(8, 0, b"data"))),
        eth(0x0800, &ipv4(132, &[1; 20])),
        eth(0x86dd, &ipv6(0, &six)),
        eth(0x86dd, &ipv6(44, &frag6(17, 8, true, 7, &[3; 64]))),
        eth(0x0800, &ipv4_full(A, B, 17, 3, 0x2000, &[], &[3; 64])),
        eth(0x0806, &arp(1, A, B)),
        eth(9, &[0xaa, 0xaa, 3, 0, 0, 0, 8, 6, 1]),
        eth(0x88e5, &[0; 40]),
        eth(0x0800, &ipv4(17, &udp(3544, 2, &cat(&[&[0, 1, 0, 0], &[0; 9], &[0; 8], &ipv6(6, &syn())])))),
    ]);
    v
}

#[test]
fn every_truncation_and_every_flipped_bit() {
    for bytes in all() {
        let mut b = Bench::new();
        for len in 0..=bytes.len() {
            b.cut(Linktype::Ethernet, &bytes[..len], bytes.len());
            b.eth(&bytes[..len]);
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            b.eth(&flipped);
        }
    }
}

#[test]
fn a_frame_outside_its_buffer_is_blank() {
    let mut b = Bench::new();
    for (off, cap_len) in [(0, u32::MAX), (u32::MAX, u32::MAX), (8, 0), (7, 1)] {
        let f = Frame { off, cap_len, orig_len: 9, admitted: true, ..Frame::default() };
        let mut out = Vec::new();
        b.decoder.decode(&mut b.buf, &f, &mut out);
        assert_eq!((out.len(), out[0].kind, out[0].payload_len), (1, Kind::Other, 0));
    }
}

#[test]
fn frames_not_admitted_are_counted_only() {
    let bytes = eth(0x0800, &ipv4(6, &syn()));
    let mut b = Bench::new();
    b.buf.extend_from_slice(&bytes);
    let f = Frame { off: 7, cap_len: bytes.len() as u32, orig_len: bytes.len() as u32, ..Frame::default() };
    let mut out = Vec::new();
    b.decoder.decode(&mut b.buf, &f, &mut out);
    assert_eq!((out.len(), out[0].kind, out[0].has(flag::ADMITTED), out[0].orig_len), (1, Kind::Other, false, 54));
}

#[test]
fn weirds_are_bounded() {
    let mut b = Bench::new();
    for _ in 0..10_000 {
        b.eth(&[1, 2, 3]);
    }
    assert_eq!(b.weird_names().len(), 256);
    assert_eq!(b.weird_names().len(), 0);
    let (key, n) = b.decoder.weird_counts().first_key_value().unwrap();
    assert_eq!((*key, n.count, n.first.number), (("ethernet", "ethernet_header_cut"), 10_000, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200), extra in 0usize..3000, link in 0usize..7) {
        let mut b = Bench::new();
        b.cut(LINKTYPES[link], &bytes, bytes.len() + extra);
        b.eth(&eth(0x0800, &ipv4(bytes.first().copied().unwrap_or(0), &bytes)));
        b.eth(&eth(0x86dd, &ipv6(bytes.first().copied().unwrap_or(0), &bytes)));
    }

    /// The fast path answers what the slow path answers, whatever the damage.
    #[test]
    fn fast_is_slow(at in 0usize..30, hits in proptest::collection::vec((0usize..80, any::<u8>()), 0..4), len in 0usize..120, extra in 0usize..40) {
        let frames = all();
        let mut bytes = frames[at % frames.len()].clone();
        for (pos, value) in hits {
            if let Some(b) = bytes.get_mut(pos) {
                *b = value;
            }
        }
        bytes.truncate(len.max(14));
        let mut b = Bench::new();
        let fast = b.cut(Linktype::Ethernet, &bytes, bytes.len() + extra);
        let mut c = Bench::new();
        c.buf.extend_from_slice(&bytes);
        let (cap_len, orig_len) = (bytes.len() as u32, (bytes.len() + extra) as u32);
        let f = Frame { ts: c.ts, number: 1, off: 7, cap_len, orig_len, iface: 3, linktype: Linktype::Ethernet, admitted: true };
        let mut slow = Vec::new();
        c.decoder.decode_slowly(&mut c.buf, &f, &mut slow);
        prop_assert_eq!(format!("{fast:?}"), format!("{slow:?}"));
        prop_assert_eq!(b.weird_names(), c.weird_names());
    }
}
