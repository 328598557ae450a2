//! Frames by hand, for tests: each function puts one layer before its payload.

use super::{Decoder, Frame, Linktype, Packet};
use crate::base::{KeyedHash, Timestamp};

pub(super) const A: [u8; 4] = [10, 0, 0, 1];
pub(super) const B: [u8; 4] = [203, 0, 113, 5];

pub(super) fn cat(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}
pub(super) fn eth(t: u16, payload: &[u8]) -> Vec<u8> {
    cat(&[&[2, 0, 0, 0, 0, 0xbb, 2, 0, 0, 0, 0, 0xaa], &t.to_be_bytes(), payload])
}
/// Another Ethernet header, as an inner frame has.
pub(super) fn inner_eth(t: u16, payload: &[u8]) -> Vec<u8> {
    cat(&[&[6, 0, 0, 0, 0, 0xdd, 6, 0, 0, 0, 0, 0xcc], &t.to_be_bytes(), payload])
}
/// The part of a tag behind its own EtherType.
pub(super) fn tag(id: u16, t: u16, payload: &[u8]) -> Vec<u8> {
    cat(&[&id.to_be_bytes(), &t.to_be_bytes(), payload])
}
pub(super) fn ipv4_full(src: [u8; 4], dst: [u8; 4], proto: u8, id: u16, frag: u16, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let header = 20 + options.len();
    let total = (header + payload.len()) as u16;
    let fixed =
        [0x40 | (header / 4) as u8, 0, (total >> 8) as u8, total as u8, (id >> 8) as u8, id as u8, (frag >> 8) as u8, frag as u8, 64, proto, 0, 0];
    cat(&[&fixed, &src, &dst, options, payload])
}
pub(super) fn ipv4(proto: u8, payload: &[u8]) -> Vec<u8> {
    ipv4_full(A, B, proto, 0x1234, 0x4000, &[], payload)
}
pub(super) fn addr6(last: u8) -> [u8; 16] {
    let mut a = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    a[15] = last;
    a
}
pub(super) fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let len = (payload.len() as u16).to_be_bytes();
    cat(&[&[0x60, 0, 0, 0], &len, &[next, 61], &addr6(1), &addr6(2), payload])
}
/// An IPv6 fragment header with its payload.
pub(super) fn frag6(next: u8, offset: u16, more: bool, id: u32, payload: &[u8]) -> Vec<u8> {
    cat(&[&[next, 0], &(offset | u16::from(more)).to_be_bytes(), &id.to_be_bytes(), payload])
}
pub(super) fn tcp(sport: u16, dport: u16, flags: u8, payload: &[u8]) -> Vec<u8> {
    cat(&[&sport.to_be_bytes(), &dport.to_be_bytes(), &[0, 0, 0, 7, 0, 0, 0, 9, 0x50, flags, 0x20, 0, 0, 0, 0, 0], payload])
}
pub(super) fn udp(sport: u16, dport: u16, payload: &[u8]) -> Vec<u8> {
    cat(&[&sport.to_be_bytes(), &dport.to_be_bytes(), &(8 + payload.len() as u16).to_be_bytes(), &[0, 0], payload])
}
pub(super) fn icmp(kind: u8, code: u8, payload: &[u8]) -> Vec<u8> {
    cat(&[&[kind, code, 0, 0, 0, 1, 0, 2], payload])
}
pub(super) fn arp(op: u16, sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    cat(&[&[0, 1, 8, 0, 6, 4], &op.to_be_bytes(), &[2, 0, 0, 0, 0, 0xaa], &sender, &[0; 6], &target])
}
pub(super) fn syn() -> Vec<u8> {
    tcp(50_000, 445, super::tcp::SYN, b"")
}

fn put(frames: &mut Vec<(&'static str, Vec<u8>)>, name: &'static str, bytes: Vec<u8>) {
    frames.push((name, bytes));
}

/// An Ethernet frame of every shape that has a SYN from A to B inside a wrapping.
pub(super) fn wrapped() -> Vec<(&'static str, Vec<u8>)> {
    let ip = ipv4(6, &syn());
    let frame = inner_eth(0x8100, &tag(30, 0x0800, &ip));
    let outer = |proto: u8, payload: &[u8]| eth(0x8100, &tag(99, 0x0800, &ipv4_full([192, 0, 2, 1], [192, 0, 2, 2], proto, 7, 0, &[], payload)));
    let gre = |flags: u16, proto: u16, rest: &[&[u8]]| outer(47, &cat(&[&flags.to_be_bytes(), &proto.to_be_bytes(), &rest.concat()]));
    let over_udp = |port: u16, header: &[u8], payload: &[u8]| outer(17, &udp(50_001, port, &cat(&[header, payload])));
    let six = |next: u8, payload: &[u8]| eth(0x86dd, &ipv6(next, payload));
    let word = [0, 0, 0, 9];
    let mut v = Vec::new();
    put(&mut v, "mpls", eth(0x8847, &cat(&[&[0, 1, 0, 64, 0, 2, 1, 64], &ip])));
    put(&mut v, "mpls", eth(0x8847, &cat(&[&[0, 1, 1, 64, 0, 0, 0, 0], &frame])));
    put(&mut v, "mpls", eth(0x8847, &cat(&[&[0, 1, 1, 64], &frame])));
    put(&mut v, "pppoe", eth(0x8864, &cat(&[&[0x11, 0, 0, 5, 0, 42, 0, 0x21], &ip])));
    put(&mut v, "gre", gre(0, 0x0800, &[&ip]));
    put(&mut v, "gre", gre(0xb000, 0x0800, &[&word, &word, &word, &ip]));
    put(&mut v, "gre", gre(0x4000, 0x0800, &[&word, &[8, 0, 0, 4], &word, &[0, 0, 0, 0], &ip]));
    put(&mut v, "gre", gre(0x3081, 0x880b, &[&word, &word, &word, &[0xff, 3, 0, 0x21], &ip]));
    put(&mut v, "gre", gre(0x2000, 0x6558, &[&word, &frame]));
    put(&mut v, "erspan", gre(0, 0x88be, &[&frame]));
    put(&mut v, "erspan", gre(0x1000, 0x88be, &[&word, &[0x10, 30, 0, 1, 0, 0, 0, 0], &frame]));
    put(&mut v, "erspan", gre(0x1000, 0x22eb, &[&word, &[0x20, 30, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], &frame]));
    put(&mut v, "erspan", gre(0x1000, 0x22eb, &[&word, &[0x20, 30, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1], &[0; 8], &frame]));
    put(&mut v, "vxlan", over_udp(4789, &[8, 0, 0, 0, 0, 0, 5, 0], &frame));
    put(&mut v, "vxlan", over_udp(8472, &[0x88, 8, 0, 1, 0, 0, 5, 0], &frame));
    put(&mut v, "geneve", over_udp(6081, &[2, 0, 0x65, 0x58, 0, 0, 5, 0, 1, 2, 3, 1, 9, 9, 9, 9], &frame));
    put(&mut v, "geneve", over_udp(6081, &[0, 0, 8, 0, 0, 0, 5, 0], &ip));
    put(&mut v, "ipip", outer(4, &ip));
    put(&mut v, "ipip", six(4, &ip));
    v
}

/// A decoder with its buffer; the buffer starts with some bytes, so that offsets are never accidentally right.
pub(super) struct Bench {
    pub decoder: Decoder,
    pub buf: Vec<u8>,
    number: u64,
    pub ts: Timestamp,
}

impl Bench {
    pub(super) fn new() -> Bench {
        Bench { decoder: Decoder::new(KeyedHash::new(1)), buf: vec![0xee; 7], number: 0, ts: Timestamp::new(1_000, 0) }
    }
    pub(super) fn on(&mut self, linktype: Linktype, bytes: &[u8]) -> Vec<Packet> {
        self.cut(linktype, bytes, bytes.len())
    }
    pub(super) fn eth(&mut self, bytes: &[u8]) -> Vec<Packet> {
        self.on(Linktype::Ethernet, bytes)
    }
    /// A frame that was longer on the wire.
    pub(super) fn cut(&mut self, linktype: Linktype, bytes: &[u8], orig_len: usize) -> Vec<Packet> {
        self.number += 1;
        let (off, cap_len) = (self.buf.len() as u32, bytes.len() as u32);
        self.buf.extend_from_slice(bytes);
        let orig_len = orig_len as u32;
        let f = Frame { ts: self.ts, number: self.number, off, cap_len, orig_len, iface: 3, linktype, admitted: true };
        let mut out = Vec::new();
        self.decoder.decode(&mut self.buf, &f, &mut out);
        assert!(!out.is_empty());
        for p in &out {
            check(p, &self.buf);
            assert_eq!((p.ts, p.number, p.frame, p.cap_len, p.orig_len, p.iface), (f.ts, f.number, off, cap_len, orig_len, 3));
        }
        out
    }
    pub(super) fn payload(&self, p: &Packet) -> &[u8] {
        &self.buf[p.payload_range()]
    }
    pub(super) fn weird_names(&mut self) -> Vec<&'static str> {
        self.decoder.weirds().iter().map(|w| w.name).collect()
    }
}

/// What holds for every packet: all offsets lie inside the buffer.
pub(super) fn check(p: &Packet, buf: &[u8]) {
    let len = buf.len();
    assert!(p.payload_range().end <= len, "{p:?}");
    assert!(p.payload_len <= p.wire_payload_len, "{p:?}");
    assert!(p.l3 as usize <= len && p.outer as usize <= len && p.icmp().end <= len, "{p:?}");
    assert!(!p.has(super::flag::MAC) || p.l2 as usize + 14 <= len, "{p:?}");
    assert!(p.shard < 64, "{p:?}");
    assert_eq!(p.has(super::flag::CUT), p.payload_len < p.wire_payload_len, "{p:?}");
}
