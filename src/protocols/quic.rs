//! QUIC Initial packets (RFC 9000, 17.2.2; keys RFC 9001, 5.2; version 2 RFC 9369): the ClientHello inside. Anyone who sees the first packet can
//! open it: its keys come from the connection id that stands in it. Read are the originator's Initials, until the hello is whole: with post-quantum
//! key shares it takes two datagrams or more.

mod crypto;
mod initial;

use super::cursor::Cursor;
use super::tls::Hello;
use super::{DatagramParser, Message, Probe, Protocol, Reader, Side, Verdict};
use crate::base::Service;
use crypto::{Crypto, Growth};
use initial::{Initial, Keys, Version};

/// Registry line.
pub const PROTOCOL: Protocol = Protocol { service: Service::Quic, probe, reader: Reader::Dialog(|| Box::new(Opening::default())) };

/// QUIC packets opened of one datagram.
const PACKETS_MAX: usize = 4;
/// The originator's datagrams that are waited for. A post-quantum hello takes two or three; each may be sent again several times.
const DATAGRAMS_MAX: u8 = 32;
/// Datagrams that show that the responder has the whole hello, after which no piece of it is waited for: one may overtake the last piece.
const LATE_MAX: u8 = 4;
/// Connections followed at a time: a Retry makes a second one out of the first (RFC 9000, 17.2.5.2).
const CONNECTIONS_MAX: usize = 2;
/// Searches for a name in what is known of one connection, each with new bytes: they cost more than everything else here.
const SEARCHES_MAX: u8 = 4;
/// Bytes of connection ids of the versions that are known.
const CID_MAX: usize = 20;

fn probe(p: &Probe<'_>) -> Verdict {
    // Data packets have a short header: most datagrams end here.
    if p.payload.first().is_none_or(|first| first & 0xc0 != 0xc0) {
        return Verdict::NotForUs;
    }
    let mut c = Cursor::new(p.payload);
    let (Some(first), Some(version), Some(dcid), Some(scid)) = (c.u8(), c.u32(), c.vec8(), c.vec8()) else { return Verdict::NotForUs };
    let long = dcid.len() <= CID_MAX && scid.len() <= CID_MAX;
    let Some(version) = Version::of(version).filter(|_| long) else { return Verdict::NotForUs };
    if version.is_initial(first) {
        // A connection begins with an id of at least eight bytes, and every Initial has a length that leaves room for its tag.
        let fits = Initial::read(p.payload).is_some_and(|i| i.is_possible());
        return if fits && (p.from == Side::Resp || dcid.len() >= 8 || !scid.is_empty()) { Verdict::Certain } else { Verdict::NotForUs };
    }
    if c.len() >= 20 { Verdict::Certain } else { Verdict::NotForUs }
}

/// One flow's hello while it is on its way.
#[derive(Default)]
struct Opening {
    connections: Vec<Connection>,
    datagrams: u8,
    late: u8,
    /// What was told last: a Retry, and a hello that is sent again, tell the same once more.
    told: Option<Box<Hello>>,
}

/// What stands under the keys of one connection id.
struct Connection {
    version: Version,
    keys: Keys,
    crypto: Crypto,
    /// The whole hello was told, or is none.
    whole: bool,
    /// Nothing is known that was not searched.
    searched: bool,
    searches: u8,
}

impl Connection {
    fn new(version: Version, keys: Keys) -> Connection {
        Connection { version, keys, crypto: Crypto::default(), whole: false, searched: false, searches: 0 }
    }
    /// What is known of a hello that is not whole, if something was added since this was asked.
    fn partly(&mut self) -> Option<Hello> {
        if self.whole || self.searched || self.searches >= SEARCHES_MAX {
            return None;
        }
        (self.searched, self.searches) = (true, self.searches + 1);
        self.crypto.partly()
    }
}

impl DatagramParser for Opening {
    fn datagram(&mut self, p: &Probe<'_>, out: &mut Vec<Message>) {
        let mut rest = p.payload;
        for _ in 0..PACKETS_MAX {
            let Some(packet) = Initial::read(rest) else { break };
            rest = packet.behind;
            // The responder's are under other keys, made of an id that is not in them.
            if p.from == Side::Orig {
                self.initial(&packet, out);
            }
        }
        self.datagrams = self.datagrams.saturating_add(u8::from(p.from == Side::Orig));
        self.late = self.late.saturating_add(u8::from(initial::is_later(rest)));
        if self.late > 0 || self.datagrams >= DATAGRAMS_MAX {
            self.finish(out);
        }
    }
    fn finish(&mut self, out: &mut Vec<Message>) {
        for c in &mut self.connections {
            tell(&mut self.told, c.partly(), out);
        }
    }
    fn done(&self) -> bool {
        let waiting = self.connections.iter().any(|c| !c.whole);
        match self.late {
            _ if self.connections.is_empty() || self.datagrams >= DATAGRAMS_MAX => true,
            0 => false,
            late => late >= LATE_MAX || !waiting,
        }
    }
    fn held(&self) -> usize {
        let told = self.told.as_ref().map_or(0, |h| size_of::<Hello>() + h.ja3.len() + h.ja4.len() + h.sni.as_ref().map_or(0, String::len));
        size_of::<Opening>() + told + self.connections.iter().map(|c| size_of::<Connection>() + c.crypto.held()).sum::<usize>()
    }
}

impl Opening {
    fn initial(&mut self, packet: &Initial<'_>, out: &mut Vec<Message>) {
        let Some((at, plain)) = self.open(packet, out) else { return };
        let Some(c) = self.connections.get_mut(at).filter(|c| !c.whole) else { return };
        let growth = c.crypto.read_frames(&plain);
        if growth.differs {
            out.push(Message::Weird("quic_crypto_differs", 0));
        }
        match growth {
            Growth { grew: true, .. } => {
                c.searched = false;
                let Some(hello) = c.crypto.whole() else { return };
                c.whole = true;
                c.crypto = Crypto::default();
                match hello {
                    Some(h) => tell(&mut self.told, Some(h), out),
                    None => out.push(Message::Weird("quic_no_hello", 0)),
                }
            }
            // Sent again, so nobody answers: what is known so far may be all that comes.
            Growth { crypto: true, .. } => tell(&mut self.told, c.partly(), out),
            _ => {}
        }
    }
    /// Decrypts a packet and finds its connection. Keys come from the id of the originator's very first packet and stay when it goes over to the id
    /// that the responder chose; so the keys that are known are tried first, then those of the packet's own id, which begin a connection.
    fn open(&mut self, packet: &Initial<'_>, out: &mut Vec<Message>) -> Option<(usize, Vec<u8>)> {
        let mut known = self.connections.iter().enumerate().filter(|(_, c)| c.version == packet.version);
        if let Some(found) = known.find_map(|(at, c)| Some((at, packet.open(&c.keys)?))) {
            return Some(found);
        }
        let keys = Keys::of(packet.version, packet.dcid)?;
        let plain = packet.open(&keys)?;
        if self.connections.len() >= CONNECTIONS_MAX {
            self.finish(out);
            self.connections.remove(0);
        }
        self.connections.push(Connection::new(packet.version, keys));
        Some((self.connections.len() - 1, plain))
    }
}

/// Tells a hello unless it was told just before.
fn tell(told: &mut Option<Box<Hello>>, hello: Option<Hello>, out: &mut Vec<Message>) {
    let Some(hello) = hello.map(Box::new).filter(|h| told.as_ref() != Some(h)) else { return };
    out.push(Message::Tls(hello.clone()));
    *told = Some(hello);
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::half_hello;
