//! TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792, 4443), SCTP (RFC 9260). A header that no host would accept leaves the packet [`Kind::Ip`].

use super::Kind;
use super::fast::maybe_tunnel;
use super::read::{at, be16};
use super::walk::{DONE, Step, Walk};

impl Walk<'_> {
    pub(super) fn tcp(&mut self, pos: usize) -> Step {
        if self.wire_end < pos + 20 {
            return self.stop("tcp", "tcp_too_short", pos);
        }
        // Up to the flags is enough for a flow; the window may be cut.
        let Some(h) = at::<14>(self.d, pos) else {
            return self.stop("tcp", "tcp_header_cut", pos);
        };
        let header = usize::from(h[12] >> 4) * 4;
        if header < 20 || pos + header > self.wire_end {
            return self.stop("tcp", "tcp_data_offset", pos + 12);
        }
        let p = &mut self.p;
        p.kind = Kind::Tcp;
        p.sport = u16::from_be_bytes([h[0], h[1]]);
        p.dport = u16::from_be_bytes([h[2], h[3]]);
        p.seq = u32::from_be_bytes([h[4], h[5], h[6], h[7]]);
        p.ack = u32::from_be_bytes([h[8], h[9], h[10], h[11]]);
        p.tcp_flags = h[13];
        p.window = be16(self.d, pos + 14).unwrap_or(0);
        self.body(pos + header);
        DONE
    }
    pub(super) fn udp(&mut self, pos: usize) -> Step {
        if self.wire_end < pos + 8 {
            return self.stop("udp", "udp_too_short", pos);
        }
        let Some(h) = at::<8>(self.d, pos) else {
            return self.stop("udp", "udp_header_cut", pos);
        };
        let (sport, dport) = (u16::from_be_bytes([h[0], h[1]]), u16::from_be_bytes([h[2], h[3]]));
        let room = self.wire_end - pos;
        match usize::from(u16::from_be_bytes([h[4], h[5]])) {
            // A jumbogram or segmentation offload: the IP length rules.
            0 => {}
            1..8 => return self.stop("udp", "udp_length", pos + 4),
            n if n > room => self.weird("udp", "udp_length_over_packet", pos + 4),
            n => {
                if n < room {
                    self.weird("udp", "udp_length_under_packet", pos + 4);
                }
                self.narrow(pos, n);
            }
        }
        self.p.kind = Kind::Udp;
        self.p.sport = sport;
        self.p.dport = dport;
        self.body(pos + 8);
        if maybe_tunnel(sport, dport) { self.udp_tunnel(sport, dport, pos + 8) } else { DONE }
    }
    pub(super) fn icmp(&mut self, kind: Kind, pos: usize) -> Step {
        if self.wire_end < pos + 8 {
            return self.stop("icmp", "icmp_too_short", pos);
        }
        let Some(h) = at::<8>(self.d, pos) else {
            return self.stop("icmp", "icmp_header_cut", pos);
        };
        self.p.kind = kind;
        self.p.sport = u16::from(h[0]);
        self.p.dport = u16::from(h[1]);
        self.body(pos + 8);
        DONE
    }
    pub(super) fn sctp(&mut self, pos: usize) -> Step {
        let Some(h) = at::<12>(self.d, pos) else {
            return self.stop("sctp", "sctp_header_cut", pos);
        };
        self.p.kind = Kind::Sctp;
        self.p.sport = u16::from_be_bytes([h[0], h[1]]);
        self.p.dport = u16::from_be_bytes([h[2], h[3]]);
        self.body(pos + 12);
        DONE
    }
    /// The payload behind a transport header, which itself may be cut in its options.
    fn body(&mut self, pos: usize) {
        let wire = self.wire_end.saturating_sub(pos);
        self.payload(pos);
        self.p.wire_payload_len = wire as u32;
    }
}
