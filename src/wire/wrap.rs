//! Wrappings that are no UDP tunnel: MPLS (RFC 3032, 4385), PPPoE (RFC 2516), PPP, GRE (RFC 2784, 2890, 2637), ERSPAN I to III.

use super::Tunnel;
use super::read::{at, be16, be32, byte};
use super::walk::{DONE, Next, Step, Walk};

/// EtherTypes believed behind the two addresses of an Ethernet frame that only a guess says is one.
const fn is_usual(t: u16) -> bool {
    matches!(t, 0x0800 | 0x86dd | 0x0806 | 0x8100 | 0x88a8 | 0x8847 | 0x8848 | 0x8863 | 0x8864 | 0x88cc | 0x9000)
}

impl Walk<'_> {
    /// MPLS label stack. What follows is not announced and has to be guessed (RFC 4928): IP by version and length, else a pseudowire's Ethernet frame.
    pub(super) fn mpls(&mut self, pos: usize) -> Step {
        let mut inner = pos;
        loop {
            let Some(label) = be32(self.d, inner) else {
                return self.stop("mpls", "mpls_label_cut", inner);
            };
            inner += 4;
            if label & 0x100 != 0 {
                break;
            }
        }
        let next = if self.is_plausible_ip(inner) {
            (Next::Ip, inner)
        } else {
            match byte(self.d, inner).map(|b| b >> 4) {
                None => return self.stop("mpls", "mpls_payload_cut", inner),
                // An associated channel (RFC 5586): OAM of the pseudowire itself.
                Some(1) if !self.is_usual_ethernet(inner) => {
                    return if self.unwrap_tunnel(Tunnel::Mpls, inner) { self.link_protocol(inner) } else { DONE };
                }
                Some(nibble) => match self.pseudowire(nibble, inner) {
                    Some(at) => (Next::Ethernet, at),
                    None => return self.stop("mpls", "mpls_payload_unknown", inner),
                },
            }
        };
        if self.unwrap_tunnel(Tunnel::Mpls, inner) { next } else { DONE }
    }
    /// Does an IP packet that fits start here?
    pub(super) fn is_plausible_ip(&self, pos: usize) -> bool {
        let room = self.wire_end.saturating_sub(pos);
        match byte(self.d, pos) {
            Some(v @ 0x45..=0x4f) => {
                let len = usize::from(be16(self.d, pos + 2).unwrap_or(0));
                let header = usize::from(v & 15) * 4;
                at::<20>(self.d, pos).is_some() && (len == 0 || (header..=room).contains(&len))
            }
            Some(0x60..=0x6f) => at::<40>(self.d, pos).is_some() && usize::from(be16(self.d, pos + 4).unwrap_or(0)) + 40 <= room,
            _ => false,
        }
    }
    /// Where a pseudowire's Ethernet frame starts: behind a control word (RFC 4385), whose first nibble is 0, or at once. Many MAC addresses begin
    /// with zeros too, so a usual EtherType in its place decides first.
    fn pseudowire(&self, nibble: u8, pos: usize) -> Option<usize> {
        let is_length = |at: usize| be16(self.d, at + 12).is_some_and(|t| t < 0x0600);
        let may_be_word = nibble == 0;
        if be32(self.d, pos) == Some(0) {
            Some(pos + 4)
        } else if self.is_usual_ethernet(pos) {
            Some(pos)
        } else if may_be_word && (self.is_usual_ethernet(pos + 4) || is_length(pos + 4) || !is_length(pos)) {
            Some(pos + 4)
        } else {
            is_length(pos).then_some(pos)
        }
    }
    fn is_usual_ethernet(&self, pos: usize) -> bool {
        be16(self.d, pos + 12).is_some_and(is_usual)
    }
    /// PPPoE session stage.
    pub(super) fn pppoe(&mut self, pos: usize) -> Step {
        let Some([kind, code, _, _, hi, lo]) = at::<6>(self.d, pos).copied() else {
            return self.stop("pppoe", "pppoe_header_cut", pos);
        };
        if kind != 0x11 || code != 0 {
            self.weird("pppoe", "pppoe_header_bad", pos);
            return self.link_protocol(pos);
        }
        if !self.unwrap_tunnel(Tunnel::Pppoe, pos) {
            return self.link_protocol(pos);
        }
        self.narrow(pos + 6, usize::from(u16::from_be_bytes([hi, lo])));
        (Next::Ppp, pos + 6)
    }
    /// PPP's protocol field (RFC 1661), behind the address and control bytes of RFC 1662 or without them.
    pub(super) fn ppp(&mut self, pos: usize) -> Step {
        let pos = if be16(self.d, pos) == Some(0xff03) { pos + 2 } else { pos };
        let (protocol, inner) = match (byte(self.d, pos), be16(self.d, pos)) {
            // A compressed field is one odd byte.
            (Some(b), _) if b & 1 != 0 => (u16::from(b), pos + 1),
            (_, Some(p)) => (p, pos + 2),
            _ => return self.stop("ppp", "ppp_protocol_cut", pos),
        };
        match protocol {
            0x0021 => (Next::Type(0x0800), inner),
            0x0057 => (Next::Type(0x86dd), inner),
            0x0281 => (Next::Type(0x8847), inner),
            _ => self.link_protocol(pos),
        }
    }
    /// GRE behind an IP header that is already described.
    pub(super) fn gre(&mut self, pos: usize) -> Step {
        let (Some(flags), Some(protocol)) = (be16(self.d, pos), be16(self.d, pos + 2)) else {
            return self.stop("gre", "gre_header_cut", pos);
        };
        let version = flags & 7;
        if version > 1 {
            return self.stop("gre", "gre_version", pos);
        }
        let mut inner = pos + 4;
        // Checksum and offset come together if either the checksum or the routing bit is set; then key, sequence and (PPTP) acknowledgement.
        for mask in [0xc000, 0x2000, 0x1000, if version == 1 { 0x0080 } else { 0 }] {
            inner += if flags & mask != 0 { 4 } else { 0 };
        }
        if flags & 0x4000 != 0 && version == 0 {
            match self.gre_routes(inner) {
                Some(end) => inner = end,
                None => return self.stop("gre", "gre_routing_cut", inner),
            }
        }
        let (tunnel, next) = match protocol {
            0x0800 | 0x86dd | 0x8847 | 0x8848 => (Tunnel::Gre, (Next::Type(protocol), inner)),
            0x0806 | 0x8100 | 0x88a8 => (Tunnel::Gre, (Next::Type(protocol), inner)),
            0x6558 => (Tunnel::Gre, (Next::Ethernet, inner)),
            0x880b => (Tunnel::Gre, (Next::Ppp, inner)),
            // Type I has no header of its own and no sequence number; type II has eight bytes and one.
            0x88be => (Tunnel::Erspan, (Next::Ethernet, if flags & 0x1000 != 0 { inner + 8 } else { inner })),
            0x22eb => {
                let Some(last) = byte(self.d, inner + 11) else {
                    return self.stop("erspan", "erspan_header_cut", inner);
                };
                (Tunnel::Erspan, (Next::Ethernet, inner + if last & 1 != 0 { 20 } else { 12 }))
            }
            _ => return DONE,
        };
        // A keepalive or an empty PPTP acknowledgement carries nothing: it stays a GRE packet.
        if inner >= self.wire_end || !self.unwrap_tunnel(tunnel, inner) { DONE } else { next }
    }
    /// Skips the source route entries of RFC 1701; the end of the list.
    fn gre_routes(&self, mut pos: usize) -> Option<usize> {
        loop {
            let [a, b, _, len] = *at::<4>(self.d, pos)?;
            pos += 4 + usize::from(len);
            if [a, b, len] == [0, 0, 0] {
                return Some(pos);
            }
        }
    }
}
