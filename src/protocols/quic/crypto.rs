//! The CRYPTO stream of one connection's Initials (RFC 9000, 19.6): pieces in any order, repeated and overlapping, over any number of datagrams.

use super::super::cursor::Cursor;
use super::super::tls::{Hello, hello};
use super::initial::varint;

/// CRYPTO frames taken of one packet: Chrome makes some twenty of a ClientHello.
const PIECES_MAX: usize = 256;
/// Stretches kept that do not touch each other.
const RUNS_MAX: usize = 256;
/// Bytes of the stream that are kept; nothing beyond belongs to a hello that is read (post-quantum key shares make 2 KiB).
pub(super) const STREAM_MAX: usize = 65_536;
/// Bytes of the stream that are searched for a server name; it stands in the first 4 KiB of a real hello.
const SEARCHED: usize = 8192;
/// They are searched in windows of this many bytes …
const WINDOW: usize = 544;
/// … that overlap by more than the longest server name and its header.
const OVERLAP: usize = 272;

/// What the frames of a packet added.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Growth {
    /// There were CRYPTO frames.
    pub(super) crypto: bool,
    /// They held bytes that were not known.
    pub(super) grew: bool,
    /// They held other bytes where some were known already (RFC 9000, 2.2 forbids it); the earlier ones stay.
    pub(super) differs: bool,
}

/// The stream as far as it is known.
#[derive(Default)]
pub(super) struct Crypto {
    /// Stretches by offset, none touching the next.
    runs: Vec<(usize, Vec<u8>)>,
}

impl Crypto {
    /// Walks the frames that an Initial may have (RFC 9000, 12.4); any other ends the walk.
    pub(super) fn read_frames(&mut self, plain: &[u8]) -> Growth {
        let mut c = Cursor::new(plain);
        let mut pieces = Vec::new();
        while let Some(kind) = varint(&mut c) {
            let known = match kind {
                0 | 1 => Some(()),
                2 | 3 => skip_ack(&mut c, kind == 3),
                6 => read_crypto(&mut c, &mut pieces),
                _ => None,
            };
            if known.is_none() {
                break;
            }
        }
        self.add(&pieces)
    }
    /// Joins pieces with what is known.
    fn add(&mut self, pieces: &[(usize, &[u8])]) -> Growth {
        let mut growth = Growth { crypto: !pieces.is_empty(), ..Growth::default() };
        if pieces.is_empty() {
            return growth;
        }
        let known = self.known();
        let old = std::mem::take(&mut self.runs);
        let mut all: Vec<(usize, &[u8])> = old.iter().map(|(at, run)| (*at, run.as_slice())).chain(pieces.iter().copied()).collect();
        all.sort_by_key(|(at, _)| *at); // stable: of equals the earlier known
        for (at, bytes) in all {
            growth.differs |= self.join(at, bytes);
        }
        growth.grew = self.known() > known;
        growth
    }
    /// Bytes known.
    pub(super) fn known(&self) -> usize {
        self.runs.iter().map(|r| r.1.len()).sum()
    }
    /// Adds a piece that begins no earlier than any before it. True if it says something else where both speak.
    fn join(&mut self, at: usize, bytes: &[u8]) -> bool {
        match self.runs.last_mut() {
            Some((start, run)) if at <= *start + run.len() => {
                let (both, new) = bytes.split_at((*start + run.len() - at).min(bytes.len()));
                let differs = run.get(at - *start..).is_some_and(|have| !have.starts_with(both));
                run.extend_from_slice(new);
                differs
            }
            _ => {
                if self.runs.len() < RUNS_MAX {
                    self.runs.push((at, bytes.to_vec()));
                }
                false
            }
        }
    }
    /// The stream's beginning, to the first hole.
    fn beginning(&self) -> Option<&[u8]> {
        self.runs.first().filter(|r| r.0 == 0).map(|r| r.1.as_slice())
    }
    /// The first message, once all of it is there; inside, the hello if it is one.
    pub(super) fn whole(&self) -> Option<Option<Hello>> {
        let message = self.beginning().filter(|m| hello::is_whole(m))?;
        Some(hello::parse(message, true))
    }
    /// What names the responder, wherever its piece lies in the first bytes of the stream: browsers scatter the hello over frames and datagrams.
    /// No fingerprint: it would be wrong.
    pub(super) fn partly(&self) -> Option<Hello> {
        let begun = self.beginning().and_then(|m| hello::parse(m, true));
        if begun.as_ref().is_some_and(|h| h.sni.is_some()) {
            return begun;
        }
        let sni = self.runs.iter().take_while(|(at, _)| *at < SEARCHED).find_map(|(_, run)| windows(run).find_map(hello::find_server_name))?;
        // QUIC has no other TLS than 1.3 (RFC 9001, 4.2).
        let known = begun.unwrap_or_else(|| Hello { version: 0x0304, quic: true, ..Hello::default() });
        Some(Hello { sni: Some(sni), ..known })
    }
    /// Bytes in memory.
    pub(super) fn held(&self) -> usize {
        self.runs.capacity() * size_of::<(usize, Vec<u8>)>() + self.runs.iter().map(|r| r.1.capacity()).sum::<usize>()
    }
}

/// Windows over a stretch in which each server name lies whole: the search costs its square, so it must not see 64 KiB at once.
fn windows(run: &[u8]) -> impl Iterator<Item = &[u8]> {
    let run = run.get(..SEARCHED).unwrap_or(run);
    (0..run.len()).step_by(WINDOW - OVERLAP).map(|at| run.get(at..run.len().min(at + WINDOW)).unwrap_or_default())
}

/// Reads a CRYPTO frame behind its type; what lies beyond the stream that is kept is left out.
fn read_crypto<'a>(c: &mut Cursor<'a>, pieces: &mut Vec<(usize, &'a [u8])>) -> Option<()> {
    let (offset, length) = (varint(c)?, varint(c)?);
    let data = c.take(usize::try_from(length).ok()?)?;
    let at = usize::try_from(offset).ok().filter(|at| *at < STREAM_MAX && !data.is_empty() && pieces.len() < PIECES_MAX);
    pieces.extend(at.map(|at| (at, data.get(..STREAM_MAX - at).unwrap_or(data))));
    Some(())
}

/// Skips an ACK frame behind its type: every range has two numbers, the last with counts three more (RFC 9000, 19.3).
fn skip_ack(c: &mut Cursor<'_>, counts: bool) -> Option<()> {
    let (_largest, _delay, ranges, _first) = (varint(c)?, varint(c)?, varint(c)?, varint(c)?);
    for _ in 0..ranges {
        varint(c)?;
        varint(c)?;
    }
    for _ in 0..if counts { 3 } else { 0 } {
        varint(c)?;
    }
    Some(())
}
