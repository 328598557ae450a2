//! One flow: 192 bytes, three cache lines, for IPv4 and IPv6 alike.

use super::state::Letter;
use super::{ConnState, History, Shape};
use crate::base::{Addr, Confidence, FiveTuple, FlowKey, Mac, Outcome, Service, Span, Timestamp, proto};
use crate::wire::{Packet, Tunnel, Vlans, flag, tcp};

/// Bits of [`Flow::bits`].
pub mod bit {
    /// The key's `a` end is the originator.
    pub const A_IS_ORIG: u16 = 1 << 0;
    /// The outcome of the opening is known and was told.
    pub const TOLD: u16 = 1 << 1;
    /// Told one by one, not in a summary.
    pub const LISTED: u16 = 1 << 2;
    /// The originator sent a SYN.
    pub const SYN: u16 = 1 << 3;
    /// The responder sent a SYN-ACK.
    pub const SYN_ACK: u16 = 1 << 4;
    /// The originator sent a FIN.
    pub const FIN_ORIG: u16 = 1 << 5;
    /// The responder sent a FIN.
    pub const FIN_RESP: u16 = 1 << 6;
    /// The originator sent a RST.
    pub const RST_ORIG: u16 = 1 << 7;
    /// The responder sent a RST.
    pub const RST_RESP: u16 = 1 << 8;
    /// The service was recognised by content.
    pub const RECOGNISED: u16 = 1 << 9;
    /// Nothing more is wanted of the payload.
    pub const DEAF: u16 = 1 << 10;
    /// `FlowGrown` was told.
    pub const GROWN: u16 = 1 << 11;
    /// The originator's next sequence number is known.
    pub const SEQ_ORIG: u16 = 1 << 12;
    /// The responder's next sequence number is known.
    pub const SEQ_RESP: u16 = 1 << 13;
    /// The first packet went to a group address: no answer is due.
    pub const GROUP: u16 = 1 << 14;
    /// The originator showed that it was answered (acknowledged data, went on after its SYN) though no answer was captured.
    pub const ONE_WAY: u16 = 1 << 15;
}

/// The state of one flow. Index 0 is the originator, 1 the responder.
///
/// Three cache lines: what every packet needs, what it counts, and what is written at the first packets only.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub struct Flow {
    /// The lower end's address.
    a: Addr,
    /// The higher end's address.
    b: Addr,
    a_port: u16,
    b_port: u16,
    /// IP protocol number.
    pub proto: u8,
    /// What it speaks.
    pub service: Service,
    /// Payloads looked at for recognition.
    pub probes: u8,
    /// Bits of [`bit`].
    pub bits: u16,
    /// Letters that stand in the history already: [`History`]'s bits.
    seen: u16,
    /// Last packet's number, its lower half.
    last_number: u32,
    /// Last packet's time.
    pub last_ts: Timestamp,
    /// Place of its payload reader, plus one; 0 = none.
    pub reader: u32,

    /// IP bytes.
    pub bytes: [u64; 2],
    /// Payload bytes on the wire, without retransmissions.
    pub payload: [u64; 2],
    /// Packets.
    pub packets: [u32; 2],
    /// TCP: sequence number expected next.
    pub next_seq: [u32; 2],
    /// TCP: retransmitted segments.
    pub retrans: [u32; 2],
    /// TCP: bytes passed over and not seen.
    pub missed: [u32; 2],

    /// First packet's time.
    pub first_ts: Timestamp,
    /// First packet's number; also the flow's unique id: a packet begins at most one flow.
    pub first_packet: u64,
    /// TCP: gaps.
    pub gaps: [u16; 2],
    /// VLAN tags of each direction's first packet.
    pub vlan: [Vlans; 2],
    /// Source MAC of each direction's first packet.
    pub mac: [Mac; 2],
    /// Zeek's history.
    pub history: History,
    /// Why the originator is believed to be it.
    pub confidence: Confidence,
    /// How it was wrapped.
    pub tunnel: Tunnel,
    /// Time to live of the first packet.
    pub ttl: u8,
    /// What opened it.
    pub shape: Shape,
}

const _: () = assert!(size_of::<Flow>() == 192);

/// What a packet did to a flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turn {
    /// 0 sent by the originator, 1 by the responder.
    pub side: usize,
    /// The first packet of the responder just came.
    pub answered: bool,
    /// TCP: all of the payload was seen before.
    pub old: bool,
}

impl Flow {
    /// A flow that begins with this packet. `known` says whether an end is known to offer the service on its port (`a` end, `b` end).
    /// Asked only when the packet itself does not tell.
    pub fn begin(key: FlowKey, src_is_a: bool, p: &Packet, known: impl FnOnce() -> (bool, bool)) -> Flow {
        let (src_is_orig, confidence) = Self::originator(p, || {
            let (a, b) = known();
            if src_is_a { (a, b) } else { (b, a) }
        });
        let mut f = Flow::of(key);
        (f.first_ts, f.first_packet, f.tunnel, f.ttl, f.confidence) = (p.ts, p.number, p.tunnel, p.ttl, confidence);
        (f.last_ts, f.last_number) = (p.ts, p.number as u32);
        f.set(bit::A_IS_ORIG, src_is_orig == src_is_a);
        f.shape = Self::shape_of(p);
        f.service = Service::of_port(f.proto, f.tuple().resp_port);
        f
    }
    /// A flow with nothing but its key.
    pub fn of(key: FlowKey) -> Flow {
        Flow { a: key.a, b: key.b, a_port: key.a_port, b_port: key.b_port, proto: key.proto, ..Flow::default() }
    }
    /// Both ends.
    #[inline]
    pub fn key(&self) -> FlowKey {
        FlowKey { a: self.a, b: self.b, a_port: self.a_port, b_port: self.b_port, proto: self.proto }
    }
    /// Is this its key?
    #[inline]
    pub fn is(&self, key: &FlowKey) -> bool {
        self.a == key.a && self.b == key.b && (self.a_port, self.b_port, self.proto) == (key.a_port, key.b_port, key.proto)
    }
    /// Last packet's number. A flow of more than 2^32 packets of the run is told as if it had ended earlier.
    pub fn last_packet(&self) -> u64 {
        self.first_packet + u64::from(self.last_number.wrapping_sub(self.first_packet as u32))
    }
    /// Adds a letter to the history, unless it stands there.
    #[inline]
    fn note(&mut self, letter: Letter, side: usize) {
        let bit = 1 << (letter as u16 * 2 + side as u16);
        if self.seen & bit == 0 {
            self.seen |= bit;
            self.history.add(letter.text(side));
        }
    }
    /// Is the sender the originator, and why? `known` = (source offers the service on its port, destination does).
    fn originator(p: &Packet, known: impl FnOnce() -> (bool, bool)) -> (bool, Confidence) {
        if p.proto == proto::TCP && p.tcp_flags & tcp::SYN != 0 {
            return (p.tcp_flags & tcp::ACK == 0, Confidence::Syn);
        }
        if matches!(p.proto, proto::ICMP | proto::ICMP6) {
            let is_reply = matches!((p.proto, p.sport), (proto::ICMP, 0 | 14 | 16 | 18) | (proto::ICMP6, 129 | 136));
            return (!is_reply, Confidence::Port);
        }
        let service = |port: u16| Service::of_port(p.proto, port) != Service::Unknown;
        match (service(p.sport), service(p.dport)) {
            (false, true) => return (true, Confidence::Port),
            (true, false) => return (false, Confidence::Port),
            _ => {}
        }
        match known() {
            (false, true) => return (true, Confidence::Ledger),
            (true, false) => return (false, Confidence::Ledger),
            _ => {}
        }
        match (p.sport < 1024, p.dport < 1024) {
            (false, true) => (true, Confidence::Port),
            (true, false) => (false, Confidence::Port),
            _ => (true, Confidence::First),
        }
    }
    fn shape_of(p: &Packet) -> Shape {
        match p.proto {
            proto::TCP => match p.tcp_flags & 0x3f {
                0 => Shape::Null,
                f if f & tcp::SYN != 0 && f & tcp::ACK == 0 => Shape::Syn,
                f if f & tcp::SYN != 0 || f & tcp::RST != 0 => Shape::Backscatter,
                f if f & (tcp::FIN | tcp::PSH | tcp::URG) == tcp::FIN | tcp::PSH | tcp::URG && f & tcp::ACK == 0 => Shape::Xmas,
                f if f & tcp::FIN != 0 && f & tcp::ACK == 0 => Shape::Fin,
                _ => Shape::Midstream,
            },
            proto::UDP => Shape::Udp,
            proto::ICMP | proto::ICMP6 => Shape::Icmp,
            _ => Shape::Other,
        }
    }
    /// Is this bit set?
    #[inline]
    pub fn has(&self, b: u16) -> bool {
        self.bits & b != 0
    }
    /// Sets or clears a bit.
    #[inline]
    pub fn set(&mut self, b: u16, on: bool) {
        if on {
            self.bits |= b;
        } else {
            self.bits &= !b;
        }
    }
    /// Originator and responder.
    pub fn tuple(&self) -> FiveTuple {
        let t = FiveTuple { orig: self.a, resp: self.b, orig_port: self.a_port, resp_port: self.b_port, proto: self.proto };
        if self.has(bit::A_IS_ORIG) { t } else { t.flipped() }
    }
    /// Whose packet is it: 0 originator, 1 responder.
    #[inline]
    pub fn side(&self, src_is_a: bool) -> usize {
        usize::from(self.has(bit::A_IS_ORIG) != src_is_a)
    }
    /// Counts a packet and follows the TCP state. The sender's MAC is asked for at the first packet of a direction.
    #[inline]
    pub fn update(&mut self, src_is_a: bool, p: &Packet, mac: impl FnOnce() -> Mac) -> Turn {
        let side = self.side(src_is_a);
        self.last_ts = p.ts;
        self.last_number = p.number as u32;
        let first = at(&self.packets, side) == 0;
        if first {
            put(&mut self.vlan, side, p.vlan);
            put(&mut self.mac, side, mac());
        }
        add32(&mut self.packets, side, 1);
        add64(&mut self.bytes, side, u64::from(p.ip_len));
        let mut turn = Turn { side, answered: first && side == 1, old: false };
        if p.proto == proto::TCP {
            turn.old = self.follow(side, p);
        } else {
            if p.wire_payload_len > 0 {
                self.note(Letter::D, side);
            }
            add64(&mut self.payload, side, u64::from(p.wire_payload_len));
        }
        turn
    }
    /// TCP flags and sequence numbers; true when all of the payload was seen before.
    fn follow(&mut self, side: usize, p: &Packet) -> bool {
        let f = p.tcp_flags;
        let (syn, ack, fin, rst) = (f & tcp::SYN != 0, f & tcp::ACK != 0, f & tcp::FIN != 0, f & tcp::RST != 0);
        if syn {
            self.bits |= if ack { bit::SYN_ACK } else { bit::SYN };
            self.note(if ack { Letter::H } else { Letter::S }, side);
        }
        if ack && !syn && !rst && !fin && p.wire_payload_len == 0 {
            self.note(Letter::A, side);
        }
        // The originator goes on after its SYN, or acknowledges data: it was answered, seen or not.
        if side == 0
            && ack
            && !rst
            && !self.has(bit::ONE_WAY)
            && at(&self.packets, 1) == 0
            && (self.has(bit::SYN) && !syn || at(&self.packets, 0) > 2 && p.wire_payload_len > 0)
        {
            self.bits |= bit::ONE_WAY;
        }
        let old = self.advance(side, p, syn, fin);
        if p.wire_payload_len > 0 && !old {
            self.note(Letter::D, side);
        }
        if fin {
            self.bits |= if side == 0 { bit::FIN_ORIG } else { bit::FIN_RESP };
            self.note(Letter::F, side);
        }
        if rst {
            self.bits |= if side == 0 { bit::RST_ORIG } else { bit::RST_RESP };
            self.note(Letter::R, side);
        }
        old
    }
    fn advance(&mut self, side: usize, p: &Packet, syn: bool, fin: bool) -> bool {
        let len = p.wire_payload_len;
        let consumed = len.wrapping_add(u32::from(syn)).wrapping_add(u32::from(fin));
        if consumed == 0 {
            return false;
        }
        let known = if side == 0 { bit::SEQ_ORIG } else { bit::SEQ_RESP };
        let end = p.seq.wrapping_add(consumed);
        if !self.has(known) {
            self.bits |= known;
            put(&mut self.next_seq, side, end);
            add64(&mut self.payload, side, u64::from(len));
            return false;
        }
        let ahead = p.seq.wrapping_sub(at(&self.next_seq, side)) as i32;
        let fresh = end.wrapping_sub(at(&self.next_seq, side)) as i32;
        if ahead > 0 {
            // Passed over: lost on the way to the box, or still to come out of order.
            if let Some(g) = self.gaps.get_mut(side) {
                *g = g.saturating_add(1);
            }
            add32(&mut self.missed, side, ahead as u32);
            self.note(Letter::G, side);
        }
        if fresh > 0 {
            put(&mut self.next_seq, side, end);
            add64(&mut self.payload, side, u64::from(len.min(fresh as u32)));
            return false;
        }
        if len <= 1 && ahead == -1 {
            return true; // keep-alive (RFC 9293, 3.8.4)
        }
        // Late data fills what was passed over before it counts as sent again.
        let hole = at(&self.missed, side);
        if hole >= len && len > 0 {
            put(&mut self.missed, side, hole - len);
            add64(&mut self.payload, side, u64::from(len));
            if hole == len
                && let Some(g) = self.gaps.get_mut(side)
            {
                *g = g.saturating_sub(1);
            }
        } else if len > 0 || syn {
            add32(&mut self.retrans, side, 1);
            self.note(Letter::T, side);
        }
        true
    }
    /// TCP: both sides closed, or one reset.
    pub fn is_closed(&self) -> bool {
        self.has(bit::RST_ORIG | bit::RST_RESP) || self.has(bit::FIN_ORIG) && self.has(bit::FIN_RESP)
    }
    /// The outcome of the opening, if the packets show it already.
    pub fn outcome(&self) -> Option<Outcome> {
        let answered = at(&self.packets, 1) > 0;
        if self.proto != proto::TCP {
            return answered.then_some(Outcome::Answered);
        }
        let only_reset = self.has(bit::RST_RESP) && !self.has(bit::SYN_ACK) && at(&self.payload, 1) == 0;
        if only_reset && at(&self.packets, 1) <= at(&self.packets, 0).max(1) {
            return Some(Outcome::Refused);
        }
        if self.shape == Shape::Backscatter && at(&self.packets, 0) == 0 {
            // Only the responder's side: it answers someone. One packet alone proves nothing.
            return (at(&self.packets, 1) > 1 && !self.has(bit::RST_RESP)).then_some(Outcome::Answered);
        }
        (answered && at(&self.packets, 0) > 0 || self.has(bit::ONE_WAY)).then_some(Outcome::Answered)
    }
    /// Only one direction was seen although the other must exist.
    pub fn is_one_way(&self) -> bool {
        self.proto == proto::TCP && (self.has(bit::ONE_WAY) && at(&self.packets, 1) == 0 || at(&self.packets, 0) == 0 && at(&self.packets, 1) > 1)
    }
    /// When the flow has been quiet long enough to be over. An opening's outcome is known after [`Flow::ATTEMPT`].
    pub fn timeout(&self) -> Span {
        let answered = at(&self.packets, 1) > 0 || self.has(bit::ONE_WAY);
        match (self.proto, answered) {
            (proto::TCP, _) if self.is_closed() => Span::secs(5),
            (proto::TCP, true) => Span::mins(10),
            (proto::TCP, false) if self.shape == Shape::Midstream => Span::mins(1),
            (proto::TCP, false) => Span::secs(10),
            (_, true) => Span::secs(60),
            (_, false) => Span::secs(30),
        }
    }
    /// An opening without an answer for this long is an attempt.
    pub const ATTEMPT: Span = Span::secs(5);

    /// Zeek's conn_state for what was seen.
    pub fn conn_state(&self) -> ConnState {
        if self.proto != proto::TCP {
            let answered = at(&self.packets, 1) > 0;
            return if at(&self.packets, 0) == 0 {
                ConnState::OTH
            } else if answered {
                ConnState::SF
            } else {
                ConnState::S0
            };
        }
        let (syn, syn_ack) = (self.has(bit::SYN), self.has(bit::SYN_ACK));
        let (fo, fr, ro, rr) = (self.has(bit::FIN_ORIG), self.has(bit::FIN_RESP), self.has(bit::RST_ORIG), self.has(bit::RST_RESP));
        match (syn, syn_ack) {
            (true, true) if rr => ConnState::RSTR,
            (true, true) if ro => ConnState::RSTO,
            (true, true) if fo && fr => ConnState::SF,
            (true, true) if fo => ConnState::S2,
            (true, true) if fr => ConnState::S3,
            (true, true) => ConnState::S1,
            (true, false) if rr => ConnState::REJ,
            (true, false) if ro => ConnState::RSTOS0,
            (true, false) if fo => ConnState::SH,
            (true, false) if at(&self.packets, 1) > 0 => ConnState::OTH,
            (true, false) => ConnState::S0,
            (false, true) if rr => ConnState::RSTRH,
            (false, true) if fr && !fo => ConnState::SHR,
            _ => ConnState::OTH,
        }
    }
    /// Was the frame sent to a group address?
    pub fn note_group(&mut self, p: &Packet, to: Mac) {
        if p.dst.is_multicast() || p.has(flag::MAC) && to.is_group() {
            self.bits |= bit::GROUP;
        }
    }
}

#[inline]
fn at<T: Copy + Default>(pair: &[T; 2], side: usize) -> T {
    let [a, b] = *pair;
    if side == 0 { a } else { b }
}

#[inline]
fn put<T>(pair: &mut [T; 2], side: usize, v: T) {
    let [a, b] = pair;
    *(if side == 0 { a } else { b }) = v;
}

#[inline]
fn add32(pair: &mut [u32; 2], side: usize, n: u32) {
    let [a, b] = pair;
    let slot = if side == 0 { a } else { b };
    *slot = slot.saturating_add(n);
}

#[inline]
fn add64(pair: &mut [u64; 2], side: usize, n: u64) {
    let [a, b] = pair;
    let slot = if side == 0 { a } else { b };
    *slot = slot.saturating_add(n);
}
