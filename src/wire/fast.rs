//! The common packet in one straight line: Ethernet, at most one tag, IPv4 without options or IPv6 without extension headers, TCP or UDP.
//! Whatever is not exactly that, or lies about its length, is left to the slow path.

use super::read::at;
use super::{Frame, Kind, Packet, Vlans, flag};
use crate::base::{Addr, FlowKey, KeyedHash, proto};

/// UDP ports behind which a tunnel may hide: VXLAN (two), Geneve, and Teredo in both directions.
#[inline]
pub(super) const fn maybe_tunnel(sport: u16, dport: u16) -> bool {
    matches!(dport, 4789 | 8472 | 6081 | 3544) || sport == 3544
}

/// What the two IP headers have in common.
struct Ip {
    src: Addr,
    dst: Addr,
    /// Length of the header.
    header: usize,
    /// Length of header and payload.
    total: usize,
    id: u16,
    proto: u8,
    ttl: u8,
    flags: u8,
}

#[inline(always)]
fn ipv4(d: &[u8], l3: usize) -> Option<Ip> {
    let h = at::<20>(d, l3)?;
    // Version 4 without options; neither More Fragments, nor an offset, nor the reserved bit.
    if h[0] != 0x45 || u16::from_be_bytes([h[6], h[7]]) & 0xbfff != 0 {
        return None;
    }
    Some(Ip {
        src: Addr::v4(u32::from_be_bytes([h[12], h[13], h[14], h[15]])),
        dst: Addr::v4(u32::from_be_bytes([h[16], h[17], h[18], h[19]])),
        header: 20,
        total: u16::from_be_bytes([h[2], h[3]]) as usize,
        id: u16::from_be_bytes([h[4], h[5]]),
        proto: h[9],
        ttl: h[8],
        flags: 0,
    })
}

#[inline(always)]
fn ipv6(d: &[u8], l3: usize) -> Option<Ip> {
    let h = at::<40>(d, l3)?;
    let len = u16::from_be_bytes([h[4], h[5]]) as usize;
    if h[0] >> 4 != 6 || len == 0 {
        return None;
    }
    Some(Ip {
        src: at::<16>(h, 8).map(|b| Addr::v6(*b))?,
        dst: at::<16>(h, 24).map(|b| Addr::v6(*b))?,
        header: 40,
        total: 40 + len,
        id: 0,
        proto: h[6],
        ttl: h[7],
        flags: flag::V6,
    })
}

/// Pushes the packet and says true, or leaves everything as it was.
#[inline(always)]
pub(super) fn push(d: &[u8], f: &Frame, hash: &KeyedHash, out: &mut Vec<Packet>) -> bool {
    let Some(p) = decode(d, f, hash) else { return false };
    out.push(p);
    true
}

#[inline(always)]
fn decode(d: &[u8], f: &Frame, hash: &KeyedHash) -> Option<Packet> {
    let e = at::<18>(d, 0)?;
    let (vlan, ethertype, l3) = match u16::from_be_bytes([e[12], e[13]]) {
        0x8100 | 0x88a8 => (u16::from_be_bytes([e[14], e[15]]) & 0x0fff, u16::from_be_bytes([e[16], e[17]]), 18),
        t => (0, t, 14),
    };
    let ip = match ethertype {
        0x0800 => ipv4(d, l3)?,
        0x86dd => ipv6(d, l3)?,
        _ => return None,
    };
    let wire_end = l3 + ip.total;
    if wire_end > f.orig_len.max(f.cap_len) as usize {
        return None;
    }
    let l4 = l3 + ip.header;
    let mut p = Packet { kind: Kind::Udp, ..Packet::default() };
    let payload = match ip.proto {
        proto::TCP => {
            let h = at::<20>(d, l4)?;
            let header = (h[12] >> 4) as usize * 4;
            if header < 20 {
                return None;
            }
            p.kind = Kind::Tcp;
            p.sport = u16::from_be_bytes([h[0], h[1]]);
            p.dport = u16::from_be_bytes([h[2], h[3]]);
            p.seq = u32::from_be_bytes([h[4], h[5], h[6], h[7]]);
            p.ack = u32::from_be_bytes([h[8], h[9], h[10], h[11]]);
            p.tcp_flags = h[13];
            p.window = u16::from_be_bytes([h[14], h[15]]);
            l4 + header
        }
        proto::UDP => {
            let h = at::<8>(d, l4)?;
            p.sport = u16::from_be_bytes([h[0], h[1]]);
            p.dport = u16::from_be_bytes([h[2], h[3]]);
            if u16::from_be_bytes([h[4], h[5]]) as usize + ip.header != ip.total || maybe_tunnel(p.sport, p.dport) {
                return None;
            }
            l4 + 8
        }
        _ => return None,
    };
    // Beyond the IP packet or beyond what was captured: the header lies or is cut.
    if payload > wire_end || payload > d.len() {
        return None;
    }
    let wire = wire_end - payload;
    let have = wire.min(d.len() - payload);
    p.flags = flag::MAC
        | ip.flags
        | if f.admitted { flag::ADMITTED } else { 0 }
        | if f.cap_len < f.orig_len { flag::SNAPPED } else { 0 }
        | if have < wire { flag::CUT } else { 0 };
    p.ts = f.ts;
    p.number = f.number;
    p.frame = f.off;
    p.cap_len = f.cap_len;
    p.orig_len = f.orig_len;
    p.iface = f.iface;
    p.l2 = f.off;
    p.l3 = f.off + l3 as u32;
    p.payload = f.off + payload as u32;
    p.payload_len = have as u32;
    p.wire_payload_len = wire as u32;
    p.ip_len = ip.total as u32;
    p.src = ip.src;
    p.dst = ip.dst;
    p.vlan = Vlans([vlan, 0]);
    p.ip_id = ip.id;
    p.proto = ip.proto;
    p.ttl = ip.ttl;
    p.hash = FlowKey::new(ip.src, ip.dst, p.sport, p.dport, ip.proto).0.hash(hash);
    p.shard = (hash.pair(ip.src.0, ip.dst.0) >> 58) as u8;
    Some(p)
}
