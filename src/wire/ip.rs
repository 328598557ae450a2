//! IPv4 (RFC 791) with options and IPv6 (RFC 8200) with extension headers. The length in the IP header rules over the frame's, which may be padded.

use super::fragments::{Key, Piece, Put};
use super::read::{at, be16};
use super::walk::{DONE, Next, Step, Walk};
use super::{Kind, Tunnel, flag};
use crate::base::{Addr, proto};
use etherparse::{IpAuthHeaderSlice, Ipv6FragmentHeaderSlice, Ipv6RawExtHeaderSlice};

/// A fragment's place in its datagram.
#[derive(Clone, Copy)]
struct Place {
    id: u32,
    /// In bytes.
    offset: u32,
    more: bool,
}

/// How the chain of extension headers ended.
enum Chain {
    /// At this protocol.
    Upper(u8, usize),
    /// At a fragment of this protocol.
    Fragment(Place, u8, usize),
    /// Broken, noted.
    Broken(u8, usize),
}

impl Walk<'_> {
    /// An IP header of either version.
    pub(super) fn ip(&mut self, pos: usize) -> Step {
        match self.d.get(pos).map(|b| b >> 4) {
            Some(4) => self.ipv4(pos),
            Some(6) => self.ipv6(pos),
            Some(_) => self.stop("ip", "ip_version", pos),
            None => self.stop("ip", "ip_header_cut", pos),
        }
    }
    fn ipv4(&mut self, pos: usize) -> Step {
        let Some(h) = at::<20>(self.d, pos) else {
            return self.stop("ipv4", "ipv4_header_cut", pos);
        };
        let header = usize::from(h[0] & 15) * 4;
        if header < 20 {
            return self.stop("ipv4", "ipv4_header_length", pos);
        }
        let p = &mut self.p;
        p.kind = Kind::Ip;
        p.l3 = pos as u32;
        p.src = Addr::v4(u32::from_be_bytes([h[12], h[13], h[14], h[15]]));
        p.dst = Addr::v4(u32::from_be_bytes([h[16], h[17], h[18], h[19]]));
        p.ip_id = u16::from_be_bytes([h[4], h[5]]);
        p.proto = h[9];
        p.ttl = h[8];
        let upper = h[9];
        let frag = u16::from_be_bytes([h[6], h[7]]);
        let place = Place { id: u32::from(p.ip_id), offset: u32::from(frag & 0x1fff) * 8, more: frag & 0x2000 != 0 };
        self.first_ip.get_or_insert(pos as u32);
        let total = match usize::from(u16::from_be_bytes([h[2], h[3]])) {
            // Segmentation offload of more than 64 KiB leaves the field empty.
            0 => self.wire_end.saturating_sub(pos),
            n => n,
        };
        self.p.ip_len = total as u32;
        if total < header {
            self.p.payload = self.d.len() as u32;
            return self.stop("ipv4", "ipv4_total_length", pos);
        }
        self.ends("ipv4", "ipv4_length_over_frame", pos, total);
        if frag & 0x8000 != 0 {
            self.weird("ipv4", "ipv4_reserved_flag", pos + 6);
        }
        let body = pos + header;
        if body > self.d.len() {
            self.payload(body);
            return self.stop("ipv4", "ipv4_options_cut", pos);
        }
        if place.offset != 0 || place.more {
            let d = self.d;
            return self.fragment(place, upper, body, d.get(pos..body).unwrap_or_default());
        }
        match self.chain(upper, body, false) {
            Chain::Upper(upper, at) => self.transport(upper, at),
            Chain::Fragment(_, upper, at) | Chain::Broken(upper, at) => self.unreadable(upper, at),
        }
    }
    fn ipv6(&mut self, pos: usize) -> Step {
        let Some(h) = at::<40>(self.d, pos).copied() else {
            return self.stop("ipv6", "ipv6_header_cut", pos);
        };
        let (Some(src), Some(dst)) = (at::<16>(&h, 8), at::<16>(&h, 24)) else { return DONE };
        let p = &mut self.p;
        p.kind = Kind::Ip;
        p.l3 = pos as u32;
        p.flags |= flag::V6;
        p.src = Addr::v6(*src);
        p.dst = Addr::v6(*dst);
        p.proto = h[6];
        p.ttl = h[7];
        self.first_ip.get_or_insert(pos as u32);
        let total = match usize::from(u16::from_be_bytes([h[4], h[5]])) {
            // A jumbogram (RFC 2675) or segmentation offload says 0; without a next header it really is empty.
            0 if h[6] != 59 => self.wire_end.saturating_sub(pos),
            n => 40 + n,
        };
        self.p.ip_len = total as u32;
        self.ends("ipv6", "ipv6_length_over_frame", pos, total);
        match self.chain(h[6], pos + 40, true) {
            Chain::Upper(upper, at) => self.transport(upper, at),
            Chain::Broken(upper, at) => self.unreadable(upper, at),
            Chain::Fragment(place, upper, at) => {
                let mut head = h;
                head[6] = upper;
                self.fragment(place, upper, at, &head)
            }
        }
    }
    /// Ends what may be read with the IP packet. A packet longer than its frame was on the wire is read as far as the frame goes.
    fn ends(&mut self, layer: &'static str, name: &'static str, pos: usize, total: usize) {
        let end = pos.saturating_add(total);
        if end > self.wire_end {
            self.weird(layer, name, pos);
        }
        self.wire_end = end;
        if let Some(d) = self.d.get(..end) {
            self.d = d;
        }
    }
    /// Extension headers of IPv6; of IPv4 only the authentication header (RFC 4302).
    fn chain(&mut self, first: u8, start: usize, v6: bool) -> Chain {
        let (mut next, mut pos) = (first, start);
        loop {
            let rest = self.d.get(pos..).unwrap_or_default();
            let read = match next {
                51 => IpAuthHeaderSlice::from_slice(rest).map(|h| (h.next_header().0, h.slice().len())).ok(),
                // Options, routing, mobility (RFC 6275), host identity (RFC 7401), shim6 (RFC 5533).
                0 | 43 | 60 | 135 | 139 | 140 if v6 => Ipv6RawExtHeaderSlice::from_slice(rest).map(|h| (h.next_header().0, h.slice().len())).ok(),
                44 if v6 => match Ipv6FragmentHeaderSlice::from_slice(rest) {
                    Ok(h) if h.is_fragmenting_payload() => {
                        let place = Place { id: h.identification(), offset: u32::from(h.fragment_offset().value()) * 8, more: h.more_fragments() };
                        return Chain::Fragment(place, h.next_header().0, pos + 8);
                    }
                    // An atomic fragment (RFC 6946) is a whole packet.
                    Ok(h) => Some((h.next_header().0, 8)),
                    Err(_) => None,
                },
                _ => return Chain::Upper(next, pos),
            };
            let Some((upper, len)) = read else {
                self.weird(if v6 { "ipv6" } else { "ipv4" }, "ip_extension_cut", pos);
                return Chain::Broken(next, pos);
            };
            if next == 0 && pos != start {
                self.weird("ipv6", "ipv6_hop_by_hop_not_first", pos);
            }
            (next, pos) = (upper, pos + len);
        }
    }
    /// A packet of which only the IP part can be read.
    pub(super) fn unreadable(&mut self, upper: u8, pos: usize) -> Step {
        self.p.kind = Kind::Ip;
        self.p.proto = upper;
        self.payload(pos);
        DONE
    }
    fn fragment(&mut self, place: Place, upper: u8, pos: usize, head: &[u8]) -> Step {
        self.unreadable(upper, pos);
        self.p.kind = Kind::Fragment;
        let v6 = self.p.has(flag::V6);
        if place.more && self.p.wire_payload_len < 64 {
            self.weird("ip", "fragment_tiny", pos);
        }
        let bytes = self.d.get(pos..).unwrap_or_default();
        let key = Key { src: self.p.src, dst: self.p.dst, id: place.id, proto: upper, v6 };
        let is_cut = self.p.payload_len < self.p.wire_payload_len;
        let piece = Piece { ts: self.p.ts, head, offset: place.offset, more: place.more, bytes, is_cut };
        match self.fragments.put(key, piece) {
            Put::Kept => {}
            Put::Odd(name) => self.weird("ip", name, pos),
            Put::Whole(datagram, odd) => {
                if let Some(name) = odd {
                    self.weird("ip", name, pos);
                }
                self.whole = Some(datagram);
            }
        }
        DONE
    }
    /// IP in IP: only if the inside is what the protocol number says.
    pub(super) fn ip_in_ip(&mut self, upper: u8, pos: usize) -> Step {
        let want = if upper == 4 { 4 } else { 6 };
        if self.d.get(pos).map(|b| b >> 4) != Some(want) {
            return self.stop("ip", "ipip_payload", pos);
        }
        if self.unwrap_tunnel(Tunnel::IpIp, pos) { (Next::Ip, pos) } else { DONE }
    }
    /// What an IP protocol number announces. The packet is described as that protocol before any wrapping is taken off.
    fn transport(&mut self, upper: u8, pos: usize) -> Step {
        self.unreadable(upper, pos);
        match upper {
            proto::TCP => self.tcp(pos),
            proto::UDP => self.udp(pos),
            proto::ICMP => self.icmp(Kind::Icmp4, pos),
            proto::ICMP6 => self.icmp(Kind::Icmp6, pos),
            proto::SCTP => self.sctp(pos),
            4 | 41 => self.ip_in_ip(upper, pos),
            47 => self.gre(pos),
            // MPLS in IP (RFC 4023).
            137 if be16(self.d, pos).is_some() => self.mpls(pos),
            _ => DONE,
        }
    }
}
