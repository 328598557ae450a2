//! TLS ClientHello and ServerHello (RFC 8446, 4.1; RFC 5246, 7.4.1), JA3 and JA4: what comes before a connection is encrypted. Encrypted records
//! are never held.

mod fingerprint;
pub(super) mod hello;
mod memo;

use super::cursor::Cursor;
use super::stream::{Pending, Step};
use super::{Message, Probe, Protocol, Reader, Side, StreamParser, Verdict};
use crate::base::{Service, Short, Timestamp};

/// JA3 or JA3S: an MD5 in hexadecimal.
pub type Ja3 = Short<32>;
/// JA4 of a client.
pub type Ja4 = Short<36>;

/// What a hello says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hello {
    /// True for a ServerHello.
    pub server: bool,
    /// Highest version offered or the one chosen (0x0303 = TLS 1.2, 0x0304 = 1.3).
    pub version: u16,
    /// Server name indication.
    pub sni: Option<String>,
    /// ALPN protocols, at most 8.
    pub alpn: Vec<String>,
    /// JA3 (client) or JA3S (server) as MD5 in hexadecimal; empty when only part of the hello was captured.
    pub ja3: Ja3,
    /// JA4 of the client; empty for a server, and when only part of the hello was captured.
    pub ja4: Ja4,
    /// Cipher suite chosen by the server.
    pub cipher: u16,
    /// Came out of a QUIC Initial.
    pub quic: bool,
}

/// Registry line.
pub const PROTOCOL: Protocol = Protocol { service: Service::Tls, probe, reader: Reader::Stream(|| Box::new(Stream::new())) };

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const HEARTBEAT: u8 = 24;
const HEADER: usize = 5;
/// 2^14 bytes of content and what encryption adds (RFC 5246, 6.2.3).
const RECORD_MAX: usize = 16_384 + 2048;
/// A longer hello is not read (post-quantum key shares make some 2 KiB).
const HELLO_MAX: usize = 65_536;
/// Segments before the first record that are taken for what precedes TLS on the same connection (SMTP, LDAP, a proxy's CONNECT).
const SKIPPED_MAX: u8 = 16;
/// After its own hello an end sends at most early data before it has the other's; more than this means that the other's was not seen.
const WAIT_MAX: u64 = 65_536;

/// Type and content length of a record header.
fn record(b: &[u8]) -> Option<(u8, usize)> {
    let [kind, 3, minor, hi, lo] = *b.first_chunk::<HEADER>()? else { return None };
    let length = usize::from(u16::from_be_bytes([hi, lo]));
    let known = matches!(kind, CHANGE_CIPHER_SPEC..=HEARTBEAT) && minor <= 4;
    if known && length <= RECORD_MAX { Some((kind, length)) } else { None }
}

fn probe(p: &Probe<'_>) -> Verdict {
    let b = p.payload;
    if b.is_empty() {
        return Verdict::NotForUs;
    }
    if b.len() < HEADER {
        let starts_hello = b.iter().zip([HANDSHAKE, 3]).all(|(have, want)| *have == want);
        return if starts_hello { Verdict::Unsure } else { Verdict::NotForUs };
    }
    let Some((kind, length)) = record(b) else { return Verdict::NotForUs };
    match (kind, b.get(HEADER)) {
        (HANDSHAKE, None) => Verdict::Unsure,
        (HANDSHAKE, Some(1 | 2)) => probe_hello(b, length),
        _ if fills_records(b) => Verdict::Certain,
        _ => Verdict::NotForUs,
    }
}

/// A hello's record may be shorter than the hello, but the hello's own length and version must be possible.
fn probe_hello(b: &[u8], record_length: usize) -> Verdict {
    let mut c = Cursor::new(b.get(HEADER + 1..).unwrap_or_default());
    match (c.u24(), c.array::<2>()) {
        (Some(length), Some([3 | 0x7f, _])) if record_length > 0 && (38..=HELLO_MAX as u32).contains(&length) => Verdict::Certain,
        (Some(length), None) if length <= HELLO_MAX as u32 => Verdict::Unsure,
        (None, _) => Verdict::Unsure,
        _ => Verdict::NotForUs,
    }
}

/// The middle of a connection: records that follow each other to the end of the payload, or one of data that reaches beyond it.
fn fills_records(b: &[u8]) -> bool {
    let mut rest = b;
    while let Some((kind, length)) = record(rest) {
        let Some(body) = rest.get(HEADER..).filter(|r| r.len() >= length) else { return kind == APPLICATION_DATA };
        let possible = match kind {
            CHANGE_CIPHER_SPEC => body.first() == Some(&1) && length == 1,
            ALERT => (2..256).contains(&length),
            _ => length >= 4,
        };
        if !possible {
            return false;
        }
        rest = body.get(length..).unwrap_or_default();
    }
    // What is left can only be the beginning of a header.
    rest.len() < HEADER && matches!(rest, [] | [CHANGE_CIPHER_SPEC..=HEARTBEAT] | [CHANGE_CIPHER_SPEC..=HEARTBEAT, 3, ..])
}

/// Both directions of one connection until both hellos are read.
struct Stream {
    sides: [Half; 2],
}

/// One direction.
struct Half {
    pending: Pending,
    records: Records,
    /// Bytes that came after this end's hello was read.
    after: u64,
}

/// Where one direction is.
#[derive(Default)]
struct Records {
    /// Bytes of the current handshake record still to come.
    left: usize,
    /// The hello as far as it has come, without record headers.
    hello: Vec<u8>,
    /// Nothing more is to be read.
    finished: bool,
    /// A record has been found.
    synced: bool,
    /// Segments skipped before that.
    skipped: u8,
    /// A hole in the capture ended the hello early: to be told with the next bytes.
    cut: bool,
    /// There will be no hello on the other side either.
    hopeless: bool,
}

impl Records {
    /// Does TLS begin with this segment, or has it begun already? What comes before it in the clear is skipped by whole segments.
    fn begins(&mut self, bytes: &[u8], out: &mut Vec<Message>) -> bool {
        let short = bytes.len() < HEADER && bytes.first() == Some(&HANDSHAKE);
        self.synced |= short || record(bytes).is_some();
        if !self.synced {
            self.skipped += 1;
            if self.skipped >= SKIPPED_MAX {
                out.push(Message::Weird("tls_no_record", 0));
                self.give_up();
            }
        }
        self.synced
    }
    fn step(&mut self, window: &[u8], out: &mut Vec<Message>) -> Step {
        if self.left > 0 {
            return self.fragment(window, out);
        }
        if window.len() < HEADER {
            return Step::Need(HEADER);
        }
        match record(window) {
            Some((HANDSHAKE, length)) => {
                self.left = length;
                Step::Take(HEADER as u64)
            }
            Some((CHANGE_CIPHER_SPEC | HEARTBEAT, length)) => Step::Take((HEADER + length) as u64),
            // Data or an alert instead of a hello: it went by before the capture began, or it is not coming.
            Some(_) => self.give_up(),
            None => {
                out.push(Message::Weird("tls_bad_record", 0));
                self.give_up()
            }
        }
    }
    /// Bytes inside a handshake record.
    fn fragment(&mut self, window: &[u8], out: &mut Vec<Message>) -> Step {
        let here = window.get(..self.left).unwrap_or(window);
        self.left -= here.len();
        let missing = self.hello_length().unwrap_or(4).saturating_sub(self.hello.len());
        let (now, mut later) = here.split_at(missing.min(here.len()));
        self.hello.extend_from_slice(now);
        if !matches!(self.hello.first(), Some(1 | 2)) {
            return self.give_up(); // an encrypted or later handshake message
        }
        if let Some(length) = self.hello_length() {
            if length > HELLO_MAX {
                out.push(Message::Weird("tls_hello_too_long", 1));
                return self.give_up();
            }
            let missing = length.saturating_sub(self.hello.len());
            later = later.get(..missing).unwrap_or(later);
            self.hello.extend_from_slice(later);
            if self.hello.len() >= length {
                self.tell(out);
                return Step::Stop;
            }
        }
        Step::Take(here.len() as u64)
    }
    /// Length of the handshake message with its header, once the header is there.
    fn hello_length(&self) -> Option<usize> {
        let mut c = Cursor::new(self.hello.get(1..)?);
        c.u24().map(|n| 4 + n as usize)
    }
    fn tell(&mut self, out: &mut Vec<Message>) {
        let bytes = std::mem::take(&mut self.hello);
        match hello::parse(&bytes, false) {
            Some(h) => out.push(Message::Tls(Box::new(h))),
            None => out.push(Message::Weird("tls_hello_unreadable", bytes.len() as u32)),
        }
        self.finished = true;
        self.cut = false;
    }
    fn give_up(&mut self) -> Step {
        (self.finished, self.hopeless, self.hello) = (true, true, Vec::new());
        Step::Stop
    }
}

impl Stream {
    fn new() -> Stream {
        let half = || Half { pending: Pending::new(HEADER), records: Records::default(), after: 0 };
        Stream { sides: [half(), half()] }
    }
}

impl StreamParser for Stream {
    fn data(&mut self, from: Side, _ts: Timestamp, bytes: &[u8], out: &mut Vec<Message>) {
        for half in self.sides.iter_mut().filter(|h| h.records.cut) {
            half.records.tell(out);
            out.push(Message::Weird("tls_hello_cut", 0));
        }
        let Some(half) = self.sides.get_mut(from.index()) else { return };
        if half.records.finished {
            half.after = half.after.saturating_add(bytes.len() as u64);
        } else {
            let Half { pending, records, .. } = half;
            if records.begins(bytes, out) {
                pending.feed(bytes, |window| records.step(window, out));
            }
        }
    }
    fn gap(&mut self, from: Side, lost: u64) {
        let Some(half) = self.sides.get_mut(from.index()) else { return };
        if half.records.finished {
            half.after = half.after.saturating_add(lost);
        } else if !half.pending.gap(lost) {
            half.records.cut = half.records.hello.len() > 4;
            half.records.finished = true;
        }
    }
    fn done(&self) -> bool {
        let waits = self.sides.iter().any(|h| h.records.cut);
        let read = self.sides.iter().all(|h| h.records.finished);
        !waits && (read || self.sides.iter().any(|h| h.records.hopeless || h.after > WAIT_MAX))
    }
    fn held(&self) -> usize {
        self.sides.iter().map(|h| h.pending.held() + h.records.hello.capacity()).sum()
    }
}

#[cfg(test)]
mod tests;
