//! QUIC Initial packets (RFC 9000, 17.2.2; keys RFC 9001, 5.2; version 2 RFC 9369): the ClientHello inside. Anyone who sees the first packet can
//! open it: its keys come from the connection id that stands in it. Read are the originator's Initials, each datagram by itself.

mod initial;

use super::cursor::Cursor;
use super::tls::hello;
use super::{Message, Probe, Protocol, Reader, Side, Verdict};
use crate::base::Service;
use initial::{Initial, Version};

/// Registry line.
pub const PROTOCOL: Protocol = Protocol { service: Service::Quic, probe, reader: Reader::Datagram(read) };

/// QUIC packets opened of one datagram.
const PACKETS_MAX: usize = 4;
/// CRYPTO frames taken of one datagram: Chrome makes some twenty of a ClientHello.
const PIECES_MAX: usize = 256;
/// Bytes of connection ids of the versions that are known.
const CID_MAX: usize = 20;

fn probe(p: &Probe<'_>) -> Verdict {
    let mut c = Cursor::new(p.payload);
    let (Some(first), Some(version), Some(dcid), Some(scid)) = (c.u8(), c.u32(), c.vec8(), c.vec8()) else { return Verdict::NotForUs };
    let long = first & 0xc0 == 0xc0 && dcid.len() <= CID_MAX && scid.len() <= CID_MAX;
    let Some(version) = Version::of(version).filter(|_| long) else { return Verdict::NotForUs };
    if version.is_initial(first) {
        // A connection begins with an id of at least eight bytes, and every Initial has a length that leaves room for its tag.
        let fits = Initial::read(p.payload).is_some_and(|i| i.is_possible());
        return if fits && (p.from == Side::Resp || dcid.len() >= 8 || !scid.is_empty()) { Verdict::Certain } else { Verdict::NotForUs };
    }
    if c.len() >= 20 { Verdict::Certain } else { Verdict::NotForUs }
}

fn read(p: &Probe<'_>, out: &mut Vec<Message>) {
    if p.from == Side::Resp {
        return; // those are under the other end's keys, made of an id that is not in them
    }
    let mut crypto = Crypto::default();
    let mut rest = p.payload;
    for _ in 0..PACKETS_MAX {
        let Some(packet) = Initial::read(rest) else { break };
        rest = packet.behind;
        if let Some(plain) = packet.open() {
            crypto.read_frames(&plain);
        }
    }
    let message = crypto.prefix();
    if message.is_empty() {
        out.extend(crypto.pieces.first().map(|(offset, _)| Message::Weird("quic_hello_split", *offset as u32)));
        return;
    }
    match hello::parse(&message, true) {
        // Of a hello in several datagrams only what names the responder is worth telling.
        Some(h) if hello::is_whole(&message) || h.sni.is_some() => out.push(Message::Tls(Box::new(h))),
        Some(_) => out.push(Message::Weird("quic_hello_split", message.len() as u32)),
        None if hello::is_whole(&message) => out.push(Message::Weird("quic_no_hello", 0)),
        None => out.push(Message::Weird("quic_hello_split", message.len() as u32)),
    }
}

/// The pieces of the CRYPTO stream in one datagram: in any order, repeated, overlapping.
#[derive(Default)]
struct Crypto {
    pieces: Vec<(u64, Vec<u8>)>,
}

impl Crypto {
    /// Walks the frames that an Initial may have (RFC 9000, 12.4); any other ends the walk.
    fn read_frames(&mut self, plain: &[u8]) {
        let mut c = Cursor::new(plain);
        while let Some(kind) = initial::varint(&mut c) {
            let known = match kind {
                0 | 1 => Some(()),
                2 | 3 => skip_ack(&mut c, kind == 3),
                6 => self.read_crypto(&mut c),
                _ => None,
            };
            if known.is_none() {
                return;
            }
        }
    }
    fn read_crypto(&mut self, c: &mut Cursor<'_>) -> Option<()> {
        let (offset, length) = (initial::varint(c)?, initial::varint(c)?);
        let data = c.take(usize::try_from(length).ok()?)?;
        if self.pieces.len() < PIECES_MAX {
            self.pieces.push((offset, data.to_vec()));
        }
        Some(())
    }
    /// The stream from its beginning to the first hole. Not longer than the datagram.
    fn prefix(&mut self) -> Vec<u8> {
        self.pieces.sort_by_key(|(offset, _)| *offset);
        let mut out = Vec::new();
        for (offset, data) in &self.pieces {
            let Some(known) = (out.len() as u64).checked_sub(*offset) else { break };
            out.extend_from_slice(usize::try_from(known).ok().and_then(|n| data.get(n..)).unwrap_or_default());
        }
        out
    }
}

/// Skips an ACK frame behind its type: every range has two numbers, the last with counts three more (RFC 9000, 19.3).
fn skip_ack(c: &mut Cursor<'_>, counts: bool) -> Option<()> {
    let (_largest, _delay, ranges, _first) = (initial::varint(c)?, initial::varint(c)?, initial::varint(c)?, initial::varint(c)?);
    for _ in 0..ranges {
        initial::varint(c)?;
        initial::varint(c)?;
    }
    for _ in 0..if counts { 3 } else { 0 } {
        initial::varint(c)?;
    }
    Some(())
}

#[cfg(test)]
mod tests;
