//! Frames by hand: Ethernet with an 802.1Q tag, ARP (RFC 826), IPv4 (RFC 791), IPv6 (RFC 8200), ICMP (RFC 792), UDP (RFC 768), TCP (RFC 9293),
//! with right checksums, padded as a wire pads.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A hardware address.
pub type Mac = [u8; 6];
/// To everyone.
pub const BROADCAST: Mac = [0xff; 6];

/// The internet checksum (RFC 1071).
pub fn checksum(parts: &[&[u8]]) -> u16 {
    let bytes = parts.concat();
    let sum: u32 = bytes.chunks(2).map(|c| u32::from(c[0]) << 8 | u32::from(*c.get(1).unwrap_or(&0))).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    !((sum & 0xffff) + (sum >> 16)) as u16
}

/// An Ethernet II frame without its check sequence, padded to the 60 bytes of a wire.
pub fn eth(dst: Mac, src: Mac, vlan: Option<u16>, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut f = [dst, src].concat();
    if let Some(v) = vlan {
        f.extend([0x81, 0x00]);
        f.extend(v.to_be_bytes());
    }
    f.extend(ethertype.to_be_bytes());
    f.extend(payload);
    f.resize(f.len().max(60), 0);
    f
}

/// An 802.3 frame with a length field, as spanning tree and CDP use it.
pub fn llc(dst: Mac, src: Mac, payload: &[u8]) -> Vec<u8> {
    eth(dst, src, None, payload.len() as u16, payload)
}

/// An ARP packet.
pub fn arp(op: u16, sender: (Mac, Ipv4Addr), target: (Mac, Ipv4Addr)) -> Vec<u8> {
    [&[0, 1, 8, 0, 6, 4][..], &op.to_be_bytes(), &sender.0, &sender.1.octets(), &target.0, &target.1.octets()].concat()
}

/// The fields of an IPv4 header that vary.
#[derive(Clone, Copy, Debug)]
pub struct Ip {
    pub src: Ipv4Addr,
    pub dst: Ipv4Addr,
    pub proto: u8,
    pub ttl: u8,
    pub id: u16,
}

/// An IPv4 packet that may not be fragmented.
pub fn ipv4(ip: &Ip, payload: &[u8]) -> Vec<u8> {
    let total = (20 + payload.len()) as u16;
    let mut h =
        [&[0x45, 0][..], &total.to_be_bytes(), &ip.id.to_be_bytes(), &[0x40, 0, ip.ttl, ip.proto, 0, 0], &ip.src.octets(), &ip.dst.octets()].concat();
    let sum = checksum(&[&h]);
    h[10..12].copy_from_slice(&sum.to_be_bytes());
    h.extend(payload);
    h
}

/// An IPv6 packet.
pub fn ipv6(src: Ipv6Addr, dst: Ipv6Addr, next: u8, hops: u8, payload: &[u8]) -> Vec<u8> {
    [&[0x60, 0, 0, 0][..], &(payload.len() as u16).to_be_bytes(), &[next, hops], &src.octets(), &dst.octets(), payload].concat()
}

/// The pseudo header of both families.
fn pseudo(src: IpAddr, dst: IpAddr, proto: u8, len: usize) -> Vec<u8> {
    match (src, dst) {
        (IpAddr::V4(s), IpAddr::V4(d)) => [&s.octets()[..], &d.octets(), &[0, proto], &(len as u16).to_be_bytes()].concat(),
        (IpAddr::V6(s), IpAddr::V6(d)) => [&s.octets()[..], &d.octets(), &(len as u32).to_be_bytes(), &[0, 0, 0, proto]].concat(),
        _ => unreachable!("both ends are of one family"),
    }
}

/// Writes the checksum of a transport header at `at`.
fn sealed(mut l4: Vec<u8>, at: usize, src: IpAddr, dst: IpAddr, proto: u8) -> Vec<u8> {
    let sum = checksum(&[&pseudo(src, dst, proto, l4.len()), &l4]);
    let sum = if sum == 0 && proto == 17 { 0xffff } else { sum };
    l4[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    l4
}

/// A UDP datagram.
pub fn udp(src: IpAddr, dst: IpAddr, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let len = (8 + payload.len()) as u16;
    let l4 = [&ports.0.to_be_bytes()[..], &ports.1.to_be_bytes(), &len.to_be_bytes(), &[0, 0], payload].concat();
    sealed(l4, 6, src, dst, 17)
}

/// TCP flags.
pub mod flag {
    pub const FIN: u8 = 1;
    pub const SYN: u8 = 2;
    pub const RST: u8 = 4;
    pub const PSH: u8 = 8;
    pub const ACK: u8 = 16;
}

/// What varies in a TCP header.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    pub ports: (u16, u16),
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    pub window: u16,
}

/// A TCP segment; `options` are padded to four bytes by the caller.
pub fn tcp(src: Ipv4Addr, dst: Ipv4Addr, s: &Segment, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let words = (5 + options.len() / 4) as u8;
    let l4 = [
        &s.ports.0.to_be_bytes()[..],
        &s.ports.1.to_be_bytes(),
        &s.seq.to_be_bytes(),
        &s.ack.to_be_bytes(),
        &[words << 4, s.flags],
        &s.window.to_be_bytes(),
        &[0, 0, 0, 0],
        options,
        payload,
    ]
    .concat();
    sealed(l4, 16, src.into(), dst.into(), 6)
}

/// An ICMP message; `rest` is the second word.
pub fn icmp(kind: u8, code: u8, rest: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut m = [&[kind, code, 0, 0][..], &rest, payload].concat();
    let sum = checksum(&[&m]);
    m[2..4].copy_from_slice(&sum.to_be_bytes());
    m
}

/// An ICMPv6 message.
pub fn icmp6(src: Ipv6Addr, dst: Ipv6Addr, kind: u8, body: &[u8]) -> Vec<u8> {
    sealed([&[kind, 0, 0, 0][..], body].concat(), 2, src.into(), dst.into(), 58)
}
