//! Reassembly of IPv4 and IPv6 fragments in bounded memory (RFC 791, 3.2; RFC 8200, 4.5). Overlapping bytes: the first received wins (RFC 5722 forbids
//! overlap; choosing one reading and saying so is the best a listener can do).

use crate::base::{Addr, Span, Timestamp};
use std::collections::BTreeMap;

/// Datagrams held at once. More than this in half a minute is a flood of fragments; the oldest are given up.
const MAX_DATAGRAMS: usize = 1024;
/// Bytes held at once, with what each part costs beside its bytes.
const MAX_BYTES: usize = 8 << 20;
/// Fragments of one datagram: 64 KiB need 45 on Ethernet.
const MAX_PARTS: u32 = 64;
/// What an IP length field can say.
const MAX_LENGTH: usize = 65_535;
/// How long a datagram may wait for its fragments (Linux: 30 s).
const TIMEOUT: Span = Span::secs(30);
/// How long copies of fragments still arrive after their datagram is complete: a mirror port shows a packet twice within some milliseconds.
const COPIES: Span = Span::millis(50);
/// Bookkeeping charged per part, so that tiny fragments cannot take more memory than the cap says.
const PART_COST: usize = 64;

/// What the fragments of one datagram share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Key {
    pub src: Addr,
    pub dst: Addr,
    pub id: u32,
    pub proto: u8,
    pub v6: bool,
}

/// One fragment.
pub(super) struct Piece<'a> {
    pub ts: Timestamp,
    /// The IP header that the datagram gets if this is its first fragment.
    pub head: &'a [u8],
    /// In bytes.
    pub offset: u32,
    pub more: bool,
    pub bytes: &'a [u8],
    /// Not all of it was captured.
    pub is_cut: bool,
}

/// What became of a fragment.
pub(super) enum Put {
    /// It waits, or it was a copy.
    Kept,
    /// It is odd in the way named, or overlapped.
    Odd(&'static str),
    /// It completed this datagram: header and payload. It may itself have been odd.
    Whole(Vec<u8>, Option<&'static str>),
}

#[derive(Debug)]
struct Part {
    start: usize,
    bytes: Vec<u8>,
}

impl Part {
    fn end(&self) -> usize {
        self.start + self.bytes.len()
    }
}

#[derive(Debug, Default)]
struct Datagram {
    serial: u64,
    first: Timestamp,
    head: Vec<u8>,
    /// Length of the payload, known from the last fragment.
    total: Option<usize>,
    /// Sorted, without overlap.
    parts: Vec<Part>,
    fragments: u32,
    /// When it was complete; kept for a while to know late copies.
    done: Option<Timestamp>,
}

impl Datagram {
    fn cost(&self) -> usize {
        self.head.len() + self.parts.iter().map(|p| p.bytes.len() + PART_COST).sum::<usize>()
    }
    fn is_complete(&self) -> bool {
        !self.head.is_empty() && self.total == Some(self.parts.iter().map(|p| p.bytes.len()).sum())
    }
    /// Adds the bytes nobody sent before. `None`: an exact copy; else whether it overlapped.
    fn add(&mut self, offset: usize, bytes: &[u8]) -> Option<bool> {
        let end = offset + bytes.len();
        let cut = |from: usize, to: usize| bytes.get(from - offset..to - offset).unwrap_or_default();
        let (mut at, mut overlaps, mut differs, mut fresh) = (offset, false, false, Vec::new());
        for part in self.parts.iter().filter(|p| p.end() > offset && p.start < end) {
            if part.start > at {
                fresh.push(Part { start: at, bytes: cut(at, part.start).to_vec() });
            }
            let (lo, hi) = (part.start.max(offset), part.end().min(end));
            overlaps = true;
            differs |= part.bytes.get(lo - part.start..hi - part.start) != Some(cut(lo, hi));
            at = hi;
        }
        if overlaps && fresh.is_empty() && at >= end && !differs {
            return None;
        }
        if at < end {
            fresh.push(Part { start: at, bytes: cut(at, end).to_vec() });
        }
        self.parts.append(&mut fresh);
        self.parts.sort_unstable_by_key(|p| p.start);
        Some(overlaps)
    }
    /// The last fragment tells the length; all others must lie before it.
    fn ends_agree(&mut self, end: usize, more: bool) -> bool {
        let reach = self.parts.last().map_or(0, Part::end);
        match (self.total, more) {
            (Some(total), true) => end <= total,
            (Some(total), false) => end == total,
            (None, true) => true,
            (None, false) => {
                let fits = reach <= end;
                if fits {
                    self.total = Some(end);
                }
                fits
            }
        }
    }
    /// Header and payload, with the header's length set and its fragment fields cleared.
    fn join(&mut self, v6: bool) -> Option<Vec<u8>> {
        let mut out = std::mem::take(&mut self.head);
        let head = out.len();
        for part in std::mem::take(&mut self.parts) {
            out.extend_from_slice(&part.bytes);
        }
        let len = u16::try_from(if v6 { out.len() - head } else { out.len() }).ok()?.to_be_bytes();
        let at = if v6 { 4 } else { 2 };
        out.get_mut(at..at + 2)?.copy_from_slice(&len);
        if !v6 {
            out.get_mut(6..8)?.fill(0);
        }
        Some(out)
    }
}

/// All datagrams that wait.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    map: BTreeMap<Key, Datagram>,
    /// Oldest first.
    order: BTreeMap<u64, Key>,
    serial: u64,
    held: usize,
    expired: u64,
    evicted: u64,
    refused: u64,
}

impl Fragments {
    /// Bytes held now.
    pub(super) const fn held(&self) -> usize {
        self.held
    }
    /// Given up: expired, evicted by a cap, fragments refused.
    pub(super) const fn given_up(&self) -> (u64, u64, u64) {
        (self.expired, self.evicted, self.refused)
    }
    pub(super) fn put(&mut self, key: Key, piece: Piece<'_>) -> Put {
        self.expire(piece.ts);
        if piece.is_cut {
            self.refused += 1;
            return Put::Kept;
        }
        let offset = piece.offset as usize;
        let end = offset + piece.bytes.len();
        if piece.bytes.is_empty() || piece.more && !piece.bytes.len().is_multiple_of(8) {
            return self.refuse("fragment_length");
        }
        if end + if key.v6 { 0 } else { piece.head.len().max(20) } > MAX_LENGTH {
            return self.refuse("fragment_over_64k");
        }
        match self.map.get(&key).and_then(|d| d.done) {
            Some(done) if piece.ts.since(done) <= COPIES => return Put::Kept,
            Some(_) => self.forget(&key),
            None => {}
        }
        self.add(key, &piece, offset, end)
    }
    fn add(&mut self, key: Key, piece: &Piece<'_>, offset: usize, end: usize) -> Put {
        let (serial, order) = (&mut self.serial, &mut self.order);
        let d = self.map.entry(key).or_insert_with(|| {
            *serial += 1;
            order.insert(*serial, key);
            Datagram { serial: *serial, first: piece.ts, ..Datagram::default() }
        });
        let before = d.cost();
        if !d.ends_agree(end, piece.more) {
            return self.refuse("fragment_ends_differ");
        }
        let odd = match d.add(offset, piece.bytes) {
            None => return Put::Kept,
            Some(overlaps) => overlaps.then_some("fragment_overlap"),
        };
        if offset == 0 && d.head.is_empty() {
            d.head = piece.head.to_vec();
        }
        d.fragments += 1;
        self.held += d.cost() - before;
        if d.is_complete() {
            self.held -= d.cost();
            d.done = Some(piece.ts);
            return match d.join(key.v6) {
                Some(datagram) => Put::Whole(datagram, odd),
                None => self.refuse("fragment_over_64k"),
            };
        }
        if d.fragments >= MAX_PARTS {
            self.evicted += 1;
            self.forget(&key);
            return Put::Odd("fragment_too_many");
        }
        while self.held > MAX_BYTES || self.map.len() > MAX_DATAGRAMS {
            let Some((_, oldest)) = self.order.first_key_value() else { break };
            let oldest = *oldest;
            self.evicted += u64::from(self.map.get(&oldest).is_some_and(|d| d.done.is_none()));
            self.forget(&oldest);
        }
        odd.map_or(Put::Kept, Put::Odd)
    }
    fn refuse(&mut self, name: &'static str) -> Put {
        self.refused += 1;
        Put::Odd(name)
    }
    fn forget(&mut self, key: &Key) {
        if let Some(d) = self.map.remove(key) {
            self.order.remove(&d.serial);
            self.held = self.held.saturating_sub(d.cost());
        }
    }
    fn expire(&mut self, now: Timestamp) {
        while let Some((_, key)) = self.order.first_key_value() {
            let key = *key;
            let (since, is_done) = self.map.get(&key).map_or((now, true), |d| (d.first, d.done.is_some()));
            if now.since(since) <= TIMEOUT {
                break;
            }
            self.expired += u64::from(!is_done);
            self.forget(&key);
        }
    }
}
