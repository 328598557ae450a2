//! The common packet in one straight line: Ethernet, at most one tag, IPv4 without options or IPv6 without extension headers, TCP or UDP.
//! Whatever is not exactly that, or lies about its length, is left to the slow path.

use super::read::at;
use super::{Frame, Kind, Packet, Tunnel, Vlans, flag};
use crate::base::{Addr, FlowKey, KeyedHash, proto};

/// UDP ports behind which a tunnel may hide: VXLAN (two), Geneve, and Teredo in both directions.
#[inline]
pub(super) const fn maybe_tunnel(sport: u16, dport: u16) -> bool {
    matches!(dport, 4789 | 8472 | 6081 | 3544) || sport == 3544
}

/// What the two IP headers have in common. Positions count from the start of the frame.
struct Ip {
    src: Addr,
    dst: Addr,
    vlan: u16,
    l3: usize,
    /// Where the transport header starts.
    l4: usize,
    /// Where the IP packet ends on the wire.
    end: usize,
    id: u16,
    proto: u8,
    ttl: u8,
    flags: u8,
}

/// What the two transport headers have in common.
struct Transport {
    kind: Kind,
    sport: u16,
    dport: u16,
    seq: u32,
    ack: u32,
    window: u16,
    tcp_flags: u8,
    payload: usize,
}

/// Pushes the packet and says true, or leaves everything as it was.
#[inline(always)]
pub(super) fn push(d: &[u8], f: &Frame, hash: &KeyedHash, out: &mut Vec<Packet>) -> bool {
    let Some(e) = at::<18>(d, 0) else { return false };
    let (vlan, ethertype, l3) = match u16::from_be_bytes([e[12], e[13]]) {
        0x8100 | 0x88a8 => (u16::from_be_bytes([e[14], e[15]]) & 0x0fff, u16::from_be_bytes([e[16], e[17]]), 18),
        t => (0, t, 14),
    };
    match ethertype {
        0x0800 => ipv4(d, f, hash, vlan, l3, out),
        0x86dd => ipv6(d, f, hash, vlan, l3, out),
        _ => None,
    }
    .is_some()
}

#[inline(always)]
fn ipv4(d: &[u8], f: &Frame, hash: &KeyedHash, vlan: u16, l3: usize, out: &mut Vec<Packet>) -> Option<()> {
    let h = at::<20>(d, l3)?;
    // Version 4 without options; neither More Fragments, nor an offset, nor the reserved bit.
    if h[0] != 0x45 || u16::from_be_bytes([h[6], h[7]]) & 0xbfff != 0 {
        return None;
    }
    let src = u32::from_be_bytes([h[12], h[13], h[14], h[15]]);
    let dst = u32::from_be_bytes([h[16], h[17], h[18], h[19]]);
    let ip = Ip {
        src: Addr::v4(src),
        dst: Addr::v4(dst),
        vlan,
        l3,
        l4: l3 + 20,
        end: l3 + u16::from_be_bytes([h[2], h[3]]) as usize,
        id: u16::from_be_bytes([h[4], h[5]]),
        proto: h[9],
        ttl: h[8],
        flags: flag::MAC,
    };
    let t = transport(d, f, &ip)?;
    // The order of `FlowKey::new`, in one comparison.
    let is_a = u64::from(src) << 16 | u64::from(t.sport) <= u64::from(dst) << 16 | u64::from(t.dport);
    let (a, b, a_port, b_port) = if is_a { (src, dst, t.sport, t.dport) } else { (dst, src, t.dport, t.sport) };
    let key = FlowKey { a: Addr::v4(a), b: Addr::v4(b), a_port, b_port, proto: ip.proto };
    emit(d, f, &ip, &t, key.hash_and_pair(hash), out);
    Some(())
}

#[inline(always)]
fn ipv6(d: &[u8], f: &Frame, hash: &KeyedHash, vlan: u16, l3: usize, out: &mut Vec<Packet>) -> Option<()> {
    let h = at::<40>(d, l3)?;
    let len = u16::from_be_bytes([h[4], h[5]]) as usize;
    if h[0] >> 4 != 6 || len == 0 {
        return None;
    }
    let ip = Ip {
        src: at::<16>(h, 8).map(|b| Addr::v6(*b))?,
        dst: at::<16>(h, 24).map(|b| Addr::v6(*b))?,
        vlan,
        l3,
        l4: l3 + 40,
        end: l3 + 40 + len,
        id: 0,
        proto: h[6],
        ttl: h[7],
        flags: flag::MAC | flag::V6,
    };
    let t = transport(d, f, &ip)?;
    let key = FlowKey::new(ip.src, ip.dst, t.sport, t.dport, ip.proto).0;
    emit(d, f, &ip, &t, key.hash_and_pair(hash), out);
    Some(())
}

#[inline(always)]
fn transport(d: &[u8], f: &Frame, ip: &Ip) -> Option<Transport> {
    let t = match ip.proto {
        proto::TCP => {
            let h = at::<20>(d, ip.l4)?;
            let header = (h[12] >> 4) as usize * 4;
            if header < 20 {
                return None;
            }
            Transport {
                kind: Kind::Tcp,
                sport: u16::from_be_bytes([h[0], h[1]]),
                dport: u16::from_be_bytes([h[2], h[3]]),
                seq: u32::from_be_bytes([h[4], h[5], h[6], h[7]]),
                ack: u32::from_be_bytes([h[8], h[9], h[10], h[11]]),
                window: u16::from_be_bytes([h[14], h[15]]),
                tcp_flags: h[13],
                payload: ip.l4 + header,
            }
        }
        proto::UDP => {
            let h = at::<8>(d, ip.l4)?;
            let (sport, dport) = (u16::from_be_bytes([h[0], h[1]]), u16::from_be_bytes([h[2], h[3]]));
            if u16::from_be_bytes([h[4], h[5]]) as usize + ip.l4 != ip.end || maybe_tunnel(sport, dport) {
                return None;
            }
            Transport { kind: Kind::Udp, sport, dport, seq: 0, ack: 0, window: 0, tcp_flags: 0, payload: ip.l4 + 8 }
        }
        _ => return None,
    };
    // A length beyond the frame, or headers beyond the packet or beyond what was captured: the slow path says what is wrong.
    let is_sound = ip.end <= f.orig_len.max(f.cap_len) as usize && t.payload <= ip.end && t.payload <= d.len();
    is_sound.then_some(t)
}

#[inline(always)]
fn emit(d: &[u8], f: &Frame, ip: &Ip, t: &Transport, (hash, pair): (u64, u64), out: &mut Vec<Packet>) {
    let wire = ip.end - t.payload;
    let have = wire.min(d.len() - t.payload);
    let is_snapped = u8::from(f.cap_len < f.orig_len) * flag::SNAPPED;
    let is_cut = u8::from(have < wire) * flag::CUT;
    out.push(Packet {
        ts: f.ts,
        number: f.number,
        src: ip.src,
        dst: ip.dst,
        hash,
        seq: t.seq,
        ack: t.ack,
        frame: f.off,
        cap_len: f.cap_len,
        orig_len: f.orig_len,
        l2: f.off,
        l3: f.off + ip.l3 as u32,
        outer: 0,
        payload: f.off + t.payload as u32,
        payload_len: have as u32,
        wire_payload_len: wire as u32,
        ip_len: (ip.end - ip.l3) as u32,
        sport: t.sport,
        dport: t.dport,
        vlan: Vlans([ip.vlan, 0]),
        window: t.window,
        ip_id: ip.id,
        iface: f.iface,
        proto: ip.proto,
        tcp_flags: t.tcp_flags,
        ttl: ip.ttl,
        shard: (pair >> 58) as u8,
        kind: t.kind,
        // Only admitted frames come here.
        flags: ip.flags | flag::ADMITTED | is_snapped | is_cut,
        tunnel: Tunnel::None,
        depth: 0,
    });
}
