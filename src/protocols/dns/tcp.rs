//! DNS over TCP: messages behind a length of two bytes (RFC 1035, 4.2.2; RFC 7766).

use super::shape::{self, Family, Fit};
use super::{PORT, PORT_LLMNR, has_port};
use crate::base::Timestamp;
use crate::protocols::{Message, Probe, Side, StreamParser, Verdict};

/// Header and the shortest question.
const MESSAGE_MIN: usize = 17;

pub(super) fn probe(p: &Probe<'_>) -> Verdict {
    let Some((length, rest)) = p.payload.split_first_chunk::<2>() else { return Verdict::NotForUs };
    let length = usize::from(u16::from_be_bytes(*length));
    if length < MESSAGE_MIN || has_port(p, PORT_LLMNR) {
        return Verdict::NotForUs;
    }
    let usual_port = has_port(p, PORT);
    if rest.is_empty() {
        return if usual_port { Verdict::Unsure } else { Verdict::NotForUs }; // some send the length in a segment of its own
    }
    match (shape::fit(rest.get(..length).unwrap_or(rest), Family::Unicast), rest.len() >= length) {
        (Some(Fit::Whole), true) => Verdict::Certain,
        (Some(_), false) if usual_port => Verdict::Certain,
        _ => Verdict::NotForUs,
    }
}

pub(super) fn parser() -> Box<dyn StreamParser> {
    Box::<Stream>::default()
}

/// Both directions of one flow.
#[derive(Default)]
struct Stream {
    sides: [Half; 2],
}

/// One direction: the length and as much of the message as has come, at most 64 KiB.
#[derive(Default)]
struct Half {
    held: Vec<u8>,
    /// Bytes were lost: wait for a segment that starts with a message.
    lost: bool,
    /// What came was no DNS.
    dead: bool,
}

impl Half {
    fn data(&mut self, mut bytes: &[u8], out: &mut Vec<Message>) {
        if self.lost && !starts_message(bytes) {
            return;
        }
        self.lost = false;
        while !self.dead && !bytes.is_empty() {
            let missing = self.whole_length().unwrap_or(2).saturating_sub(self.held.len());
            let (now, rest) = bytes.split_at(missing.min(bytes.len()));
            self.held.extend_from_slice(now);
            bytes = rest;
            if self.whole_length() == Some(self.held.len()) {
                self.message(out);
            }
        }
    }
    /// Length of the message with its prefix, once the prefix is there.
    fn whole_length(&self) -> Option<usize> {
        self.held.first_chunk::<2>().map(|n| 2 + usize::from(u16::from_be_bytes(*n)))
    }
    fn message(&mut self, out: &mut Vec<Message>) {
        let held = std::mem::take(&mut self.held);
        let body = held.get(2..).unwrap_or_default();
        if shape::fit(body, Family::Unicast).is_some() || is_continued_transfer(body) {
            super::parse(body, false, out);
        } else {
            out.push(Message::Weird("dns_tcp_not_dns", 0));
            self.dead = true;
        }
    }
}

/// Later messages of a zone transfer may come without the question (RFC 5936, 2.2).
fn is_continued_transfer(body: &[u8]) -> bool {
    matches!(body, [_, _, flags, _, 0, 0, ..] if flags & 0xf8 == 0x80) && body.len() >= 12
}

/// Does a segment begin with a length and a message that fit each other?
fn starts_message(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return false };
    let length = usize::from(u16::from_be_bytes(*length));
    rest.get(..length).is_some_and(|m| shape::fit(m, Family::Unicast) == Some(Fit::Whole))
}

impl StreamParser for Stream {
    fn data(&mut self, from: Side, _ts: Timestamp, bytes: &[u8], out: &mut Vec<Message>) {
        if let Some(half) = self.sides.get_mut(from.index()) {
            half.data(bytes, out);
        }
    }
    fn gap(&mut self, from: Side, _lost: u64) {
        if let Some(half) = self.sides.get_mut(from.index()) {
            half.held = Vec::new();
            half.lost = true;
        }
    }
    fn done(&self) -> bool {
        self.sides.iter().all(|h| h.dead)
    }
    fn held(&self) -> usize {
        self.sides.iter().map(|h| h.held.capacity()).sum()
    }
}
