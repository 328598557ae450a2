//! QUIC Initial packets (RFC 9000, 17.2.2; keys RFC 9001, 5.2; version 2 RFC 9369): the ClientHello inside. Anyone who sees the first packet can
//! open it: its keys come from the connection id that stands in it. Read are the originator's Initials, each datagram by itself.

mod initial;

use super::cursor::Cursor;
use super::tls::{Hello, hello};
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
    match crypto.hello() {
        Some(h) => out.push(Message::Tls(Box::new(h))),
        // A hello in several datagrams whose name is in another one is nothing odd: post-quantum key shares make it so.
        None if crypto.first_run().is_some_and(|run| hello::is_whole(&run)) => out.push(Message::Weird("quic_no_hello", 0)),
        None => {}
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
    /// The hello, if it is whole; else what names the responder, wherever its piece lies: browsers scatter the hello over frames and datagrams.
    fn hello(&mut self) -> Option<Hello> {
        let runs = self.runs();
        let from_start = runs.iter().find(|(offset, _)| *offset == 0).and_then(|(_, run)| Some((hello::parse(run, true)?, hello::is_whole(run))));
        match from_start {
            Some((h, true)) => Some(h),
            Some((h, false)) if h.sni.is_some() => Some(h),
            other => {
                let sni = runs.iter().find_map(|(_, run)| hello::find_server_name(run))?;
                // QUIC has no other TLS than 1.3 (RFC 9001, 4.2).
                let known = other.map_or_else(|| Hello { version: 0x0304, quic: true, ..Hello::default() }, |(h, _)| h);
                Some(Hello { sni: Some(sni), ..known })
            }
        }
    }
    /// The stream's beginning, to the first hole.
    fn first_run(&mut self) -> Option<Vec<u8>> {
        self.runs().into_iter().find(|(offset, _)| *offset == 0).map(|(_, run)| run)
    }
    /// The pieces joined where they touch: offset and bytes, in order. Together not longer than the datagram.
    fn runs(&mut self) -> Vec<(u64, Vec<u8>)> {
        self.pieces.sort_by_key(|(offset, _)| *offset);
        let mut runs: Vec<(u64, Vec<u8>)> = Vec::new();
        for (offset, data) in &self.pieces {
            match runs.last_mut() {
                Some((start, run)) if *offset <= *start + run.len() as u64 => {
                    let known = usize::try_from(*start + run.len() as u64 - offset).unwrap_or(usize::MAX);
                    run.extend_from_slice(data.get(known..).unwrap_or_default());
                }
                _ => runs.push((*offset, data.clone())),
            }
        }
        runs
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
