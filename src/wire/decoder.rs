//! The decoder: fast path, slow path, reassembled datagrams, counters.

use super::fragments::Fragments;
use super::walk::{Next, Walk, blank};
use super::weirds::Weirds;
use super::{Frame, Kind, Linktype, Packet, Weird, WeirdCount, fast, flag};
use crate::base::KeyedHash;
use std::collections::BTreeMap;

/// Datagrams that one frame may complete: a fragment inside a reassembled tunnel may complete an inner datagram, and so on.
const MAX_WHOLE: usize = 4;

/// What the decoder could not do fully, each by its cause.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Frames shorter than on the wire.
    pub snapped: u64,
    /// Frames of which nothing above the link layer is known.
    pub undecoded: u64,
    /// Frames that carried a fragment.
    pub fragments: u64,
    /// Datagrams put together.
    pub reassembled: u64,
    /// Datagrams given up: fragments missing after the time-out.
    pub fragments_expired: u64,
    /// Datagrams given up because a cap was reached (number, bytes, fragments of one datagram).
    pub fragments_evicted: u64,
    /// Fragments that could not be used: cut by the snap length, or wrong.
    pub fragments_refused: u64,
}

/// Turns frames into packets. One per reader; holds the fragments that wait for the rest.
#[derive(Debug)]
pub struct Decoder {
    hash: KeyedHash,
    weirds: Weirds,
    fragments: Fragments,
    counters: Counters,
}

impl Decoder {
    /// A decoder whose packets carry hashes and shards by this key.
    pub fn new(hash: KeyedHash) -> Decoder {
        Decoder { hash, weirds: Weirds::default(), fragments: Fragments::default(), counters: Counters::default() }
    }
    /// Decodes one frame. The frame points into `buf`; a datagram put together from fragments is appended to it. Pushes one packet, and behind the
    /// [`Kind::Fragment`] that completes a datagram that datagram's packet ([`flag::REASSEMBLED`], same frame and number). A frame that is not
    /// admitted yields a bare packet of [`Kind::Other`].
    #[inline]
    pub fn decode(&mut self, buf: &mut Vec<u8>, frame: &Frame, out: &mut Vec<Packet>) {
        if frame.cap_len < frame.orig_len {
            self.counters.snapped += 1;
        }
        let start = frame.off as usize;
        // Offsets are 32 bits wide: buffers end long before that.
        let end = start.saturating_add(frame.cap_len as usize).min(u32::MAX as usize);
        let Some(d) = buf.get(start..end) else {
            out.push(blank(frame));
            return;
        };
        if frame.linktype == Linktype::Ethernet && frame.admitted && fast::push(d, frame, &self.hash, out) {
            return;
        }
        self.slow(buf, end, frame, out);
    }
    /// The same without the fast path: for differential tests and measurements.
    #[doc(hidden)]
    pub fn decode_slowly(&mut self, buf: &mut Vec<u8>, frame: &Frame, out: &mut Vec<Packet>) {
        let end = (frame.off as usize).saturating_add(frame.cap_len as usize).min(buf.len());
        self.slow(buf, end, frame, out);
    }
    /// The weirds noted since the last call (at most some hundred; the rest only counted).
    pub fn weirds(&mut self) -> Vec<Weird> {
        self.weirds.take()
    }
    /// All weirds of the run, by layer and name.
    pub const fn weird_counts(&self) -> &BTreeMap<(&'static str, &'static str), WeirdCount> {
        self.weirds.counts()
    }
    /// What could not be decoded, by cause.
    pub fn counters(&self) -> Counters {
        let (fragments_expired, fragments_evicted, fragments_refused) = self.fragments.given_up();
        Counters { fragments_expired, fragments_evicted, fragments_refused, ..self.counters }
    }
    /// Frames of which nothing above the link layer is known.
    pub const fn undecoded(&self) -> u64 {
        self.counters.undecoded
    }
    /// Bytes of fragments held now.
    pub const fn held(&self) -> usize {
        self.fragments.held()
    }

    #[inline(never)]
    fn slow(&mut self, buf: &mut Vec<u8>, end: usize, frame: &Frame, out: &mut Vec<Packet>) {
        if !frame.admitted {
            out.push(blank(frame));
            return;
        }
        let origin = frame.off as usize;
        let mut walk = Walk {
            d: buf.get(..end).unwrap_or_default(),
            wire_end: origin.saturating_add(frame.orig_len.max(frame.cap_len) as usize),
            origin,
            p: blank(frame),
            weirds: &mut self.weirds,
            fragments: &mut self.fragments,
            first_ip: None,
            fallback: None,
            whole: None,
        };
        walk.frame(frame.linktype);
        let mut p = walk.finish(&self.hash);
        let mut whole = walk.whole.take();
        let mut first_ip = walk.first_ip;
        self.count(&p);
        out.push(p);
        for _ in 0..MAX_WHOLE {
            let Some(datagram) = whole.take() else { return };
            let at = buf.len();
            if at.saturating_add(datagram.len()) > u32::MAX as usize {
                return;
            }
            buf.extend_from_slice(&datagram);
            self.counters.reassembled += 1;
            let mut walk = Walk {
                d: buf.as_slice(),
                wire_end: buf.len(),
                origin: at,
                p: unfragmented(&p),
                weirds: &mut self.weirds,
                fragments: &mut self.fragments,
                first_ip: first_ip.filter(|ip| *ip != p.l3),
                fallback: None,
                whole: None,
            };
            walk.run((Next::Ip, at));
            p = walk.finish(&self.hash);
            whole = walk.whole.take();
            first_ip = walk.first_ip;
            self.count(&p);
            out.push(p);
        }
    }
    fn count(&mut self, p: &Packet) {
        match p.kind {
            Kind::Other => self.counters.undecoded += 1,
            Kind::Fragment => self.counters.fragments += 1,
            _ => {}
        }
    }
}

/// What a reassembled packet has from the fragment that completed it.
fn unfragmented(p: &Packet) -> Packet {
    Packet {
        ts: p.ts,
        number: p.number,
        frame: p.frame,
        cap_len: p.cap_len,
        orig_len: p.orig_len,
        l2: p.l2,
        vlan: p.vlan,
        iface: p.iface,
        flags: p.flags & !(flag::CUT | flag::V6) | flag::REASSEMBLED,
        tunnel: p.tunnel,
        depth: p.depth,
        ..Packet::default()
    }
}
