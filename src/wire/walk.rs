//! One pass over the layers of a frame, from the outside in.

use super::fragments::Fragments;
use super::weirds::Weirds;
use super::{Frame, Kind, Linktype, Packet, Tunnel, Weird, flag};
use crate::base::{KeyedHash, Mac};

/// Wrappings taken off one frame at most. Real nesting ends at four; beyond eight it is an attack on the reader, and the outer packet is described.
pub(super) const MAX_DEPTH: u8 = 8;

/// What stands at the current position. Every step either ends or moves the position forward, so the walk ends.
pub(super) enum Next {
    /// An Ethernet header.
    Ethernet,
    /// What an EtherType (or 802.3 length) announces.
    Type(u16),
    /// An IP header.
    Ip,
    /// A PPP protocol field.
    Ppp,
    /// Nothing more to read.
    Done,
}

/// A step's result: what comes next, and where.
pub(super) type Step = (Next, usize);

/// Ends the walk.
pub(super) const DONE: Step = (Next::Done, 0);

/// The state of one walk. All positions count from the start of the block's buffer.
pub(super) struct Walk<'a> {
    /// The buffer up to the end of what may be read; shortened as inner lengths become known.
    pub d: &'a [u8],
    /// Where the innermost known length ends on the wire; beyond `d` when the frame was cut.
    pub wire_end: usize,
    /// Where the frame (or reassembled datagram) starts: offsets of weirds count from here.
    pub origin: usize,
    pub p: Packet,
    pub weirds: &'a mut Weirds,
    pub fragments: &'a mut Fragments,
    /// Where the outermost IP header starts.
    pub first_ip: Option<u32>,
    /// The outer packet, complete, in case the inside of a tunnel turns out unreadable.
    pub fallback: Option<Packet>,
    /// A datagram that this frame's fragment completed: header and payload.
    pub whole: Option<Vec<u8>>,
}

/// A packet with what is known before decoding.
pub(super) fn blank(f: &Frame) -> Packet {
    let mut flags = if f.admitted { flag::ADMITTED } else { 0 };
    if f.cap_len < f.orig_len {
        flags |= flag::SNAPPED;
    }
    Packet { ts: f.ts, number: f.number, frame: f.off, cap_len: f.cap_len, orig_len: f.orig_len, iface: f.iface, flags, ..Packet::default() }
}

impl Walk<'_> {
    /// Reads a frame from its first byte.
    pub(super) fn frame(&mut self, linktype: Linktype) {
        let pos = self.origin;
        let first = match linktype {
            Linktype::Ethernet => (Next::Ethernet, pos),
            Linktype::Raw => (Next::Ip, pos),
            Linktype::Sll => self.sll(pos),
            Linktype::Sll2 => self.sll2(pos),
            Linktype::Null => self.loopback(pos, true),
            Linktype::Loop => self.loopback(pos, false),
            Linktype::Unknown => DONE,
        };
        self.run(first);
    }
    /// Walks on from a layer.
    pub(super) fn run(&mut self, first: Step) {
        let (mut next, mut pos) = first;
        loop {
            (next, pos) = match next {
                Next::Ethernet => self.ethernet(pos),
                Next::Type(t) => self.ethertype(t, pos),
                Next::Ip => self.ip(pos),
                Next::Ppp => self.ppp(pos),
                Next::Done => break,
            };
        }
    }
    /// The described packet, with the fields that need all others.
    pub(super) fn finish(&mut self, hash: &KeyedHash) -> Packet {
        if let (Kind::Other, Some(outer)) = (self.p.kind, self.fallback.take()) {
            self.p = outer;
        }
        let p = &mut self.p;
        p.outer = match self.first_ip {
            Some(at) if p.tunnel != Tunnel::None && at != p.l3 => at,
            _ => 0,
        };
        if p.payload_len < p.wire_payload_len {
            p.flags |= flag::CUT;
        }
        p.hash = match p.kind {
            Kind::Tcp | Kind::Udp | Kind::Icmp4 | Kind::Icmp6 | Kind::Sctp | Kind::Ip => p.key().0.hash(hash),
            Kind::Other | Kind::Arp | Kind::Fragment | Kind::Link => 0,
        };
        let pair = match p.kind {
            Kind::Other | Kind::Link => self.macs(),
            _ => (self.p.src.0, self.p.dst.0),
        };
        self.p.shard = (hash.pair(pair.0, pair.1) >> 58) as u8;
        self.p
    }
    /// The MAC pair of the described packet as numbers; zeros without an Ethernet header.
    fn macs(&self) -> (u128, u128) {
        let mac = |at: usize| self.d.get(at..).and_then(Mac::read).map_or(0, |m| u128::from(m.to_u64()));
        let l2 = self.p.l2 as usize;
        if self.p.has(flag::MAC) { (mac(l2 + 6), mac(l2)) } else { (0, 0) }
    }
    /// Notes odd input found at `pos`.
    pub(super) fn weird(&mut self, layer: &'static str, name: &'static str, pos: usize) {
        let offset = pos.saturating_sub(self.origin) as u32;
        self.weirds.note(Weird { ts: self.p.ts, number: self.p.number, name, layer, offset });
    }
    /// Notes odd input and ends the walk.
    pub(super) fn stop(&mut self, layer: &'static str, name: &'static str, pos: usize) -> Step {
        self.weird(layer, name, pos);
        DONE
    }
    /// What follows ends `len` bytes after `pos`, unless something outer ends before.
    pub(super) fn narrow(&mut self, pos: usize, len: usize) {
        let end = pos.saturating_add(len);
        self.wire_end = self.wire_end.min(end);
        if let Some(d) = self.d.get(..end) {
            self.d = d;
        }
    }
    /// Sets the payload: from `pos` to the end of what was captured and of what the headers announce.
    pub(super) fn payload(&mut self, pos: usize) {
        let pos = pos.min(self.d.len());
        self.p.payload = pos as u32;
        self.p.payload_len = (self.d.len() - pos).min(self.wire_end.saturating_sub(pos)) as u32;
        self.p.wire_payload_len = self.wire_end.saturating_sub(pos) as u32;
    }
    /// Takes a wrapping off, if the depth allows. Call it when the outer packet is complete and the inside has been looked at.
    pub(super) fn unwrap_tunnel(&mut self, tunnel: Tunnel, pos: usize) -> bool {
        if self.p.depth >= MAX_DEPTH {
            self.weird("tunnel", "tunnel_too_deep", pos);
            return false;
        }
        if self.first_ip.is_some() && self.p.kind != Kind::Other {
            self.fallback = Some(self.p);
        }
        let p = &mut self.p;
        let fresh = Packet {
            ts: p.ts,
            number: p.number,
            frame: p.frame,
            cap_len: p.cap_len,
            orig_len: p.orig_len,
            l2: p.l2,
            l3: 0,
            vlan: p.vlan,
            iface: p.iface,
            flags: p.flags & !(flag::V6 | flag::CUT) | if p.has(flag::MAC) { flag::OUTER_MAC } else { 0 },
            tunnel,
            depth: p.depth + 1,
            ..Packet::default()
        };
        *p = fresh;
        true
    }
}
