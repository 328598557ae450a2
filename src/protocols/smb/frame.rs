//! Messages in the stream: the four-byte header of NetBIOS sessions and Direct TCP (RFC 1002, 4.3.1; [MS-SMB2] 2.1), compounds inside, and the
//! way back into step after a hole.

use super::super::field::{array_at, u16_at, u32_at};
use super::super::stream::{Pending, Step};
use super::super::{Message, Side, StreamParser};
use super::files::Files;
use super::life::{Sealed, Work};
use super::rewrites::Rewrites;
use super::{Smb, v1, v2};
use crate::base::{Span, Timestamp};
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// The most that is held of one message: no session setup, negotiation or tree connect has more to say.
pub(super) const HELD: usize = 16 * 1024;
/// Bytes read in search of a message without finding one, after which the flow is given up.
const HOPELESS: u64 = 4 << 20;
/// What a message must show to be believed: length, protocol id, and the header's first fields.
const SHOWN: usize = 4 + 20;

const NBSS_MESSAGE: u8 = 0x00;
const NBSS_REQUEST: u8 = 0x81;
const NBSS_KEEPALIVE: u8 = 0x85;

/// How a payload begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Begins {
    /// With an SMB message or a NetBIOS session request.
    Smb,
    /// As SMB does, but it ends too early to tell.
    TooShort,
    /// With something else.
    Other,
}

/// Does the payload begin with SMB?
pub(super) fn begins(b: &[u8]) -> Begins {
    match b {
        [NBSS_REQUEST, 0, 0, 68, 32, rest @ ..] if rest.iter().take(32).all(|c| (b'A'..=b'P').contains(c)) => {
            if rest.len() >= 32 {
                Begins::Smb
            } else {
                Begins::TooShort
            }
        }
        [NBSS_MESSAGE, _, _, _, 0xfc..=0xff, b'S', b'M', b'B', ..] if b.len() < SHOWN => Begins::TooShort,
        _ if believable(b) => Begins::Smb,
        _ => Begins::Other,
    }
}

/// Is there a whole message header (length included) at the beginning, with fields that random bytes would not have?
fn believable(b: &[u8]) -> bool {
    let (Some(len), Some(m)) = (length(b), b.get(4..SHOWN)) else { return false };
    match m {
        [0xfe, b'S', b'M', b'B', 64, 0, ..] => len >= v2::HEADER && u16_at(m, 12).is_some_and(|c| c <= v2::LAST_COMMAND),
        [0xff, b'S', b'M', b'B', command, ..] => len >= v1::HEADER + 3 && v1::known(*command),
        [0xfd, b'S', b'M', b'B', ..] => len > 52,
        [0xfc, b'S', b'M', b'B', ..] => len > 16,
        _ => false,
    }
}

/// The length in a message header (24 bits; NetBIOS uses 17 of them).
fn length(b: &[u8]) -> Option<usize> {
    let [NBSS_MESSAGE, high, mid, low] = array_at(b, 0)? else { return None };
    Some(u32::from_be_bytes([0, high, mid, low]) as usize)
}

/// Where the next believable message begins, if it shows itself whole.
pub(super) fn find(b: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + candidate(b.get(from..)?)?;
        if believable(b.get(at..)?) {
            return Some(at);
        }
        from = at + 1;
    }
}

/// Finds the letters of the protocol id; made once.
static LETTERS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"SMB"));

/// Where something that looks like length and protocol id begins.
fn candidate(b: &[u8]) -> Option<usize> {
    let mut from = 5;
    loop {
        let at = from + LETTERS.find(b.get(from..)?)?;
        let start = at.checked_sub(5)?;
        if matches!(b.get(start..at), Some([NBSS_MESSAGE, _, _, _, 0xfc..=0xff])) {
            return Some(start);
        }
        from = at + 1;
    }
}

/// Where a direction stands.
#[derive(Clone, Copy, Debug, Default)]
enum Place {
    /// Before the first byte seen, which need not begin a message.
    #[default]
    Start,
    /// Before a message's four-byte header.
    Boundary,
    /// Inside a message, so many bytes before its end.
    Inside(usize),
    /// Out of step: so many bytes were searched.
    Lost(u64),
}

/// Reads both directions of one connection.
#[derive(Debug)]
pub(super) struct Reader {
    sides: [(Pending, Place); 2],
    messages: Messages,
    hopeless: bool,
}

/// What both directions share.
#[derive(Debug)]
pub(super) struct Messages {
    v1: v1::Outstanding,
    v2: v2::Outstanding,
    files: Files,
    sealed: Sealed,
    rewrites: Rewrites,
    sealed_told: Timestamp,
    side: usize,
    told: Told,
}

/// What is said once per connection.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    encrypted: bool,
    compressed: bool,
    out_of_step: bool,
    overflow: bool,
    forgotten: bool,
    lies: bool,
}

/// Bytes of a transform header and of a compression header ([MS-SMB2] 2.2.41 and 2.2.42).
const TRANSFORM: usize = 52;
const COMPRESSION: usize = 16;
/// Encrypted traffic is told after so long, or so many bytes.
const SEALED_AFTER: Span = Span::secs(10);
const SEALED_BYTES: u64 = 64 << 20;

impl Reader {
    pub(super) fn new() -> Self {
        Reader {
            sides: [(Pending::new(HELD), Place::Start), (Pending::new(HELD), Place::Start)],
            messages: Messages {
                v1: v1::Outstanding::new(),
                v2: v2::Outstanding::new(),
                files: Files::new(),
                sealed: Sealed::default(),
                rewrites: Rewrites::default(),
                sealed_told: Timestamp(0),
                side: 0,
                told: Told::default(),
            },
            hopeless: false,
        }
    }
}

impl StreamParser for Reader {
    fn data(&mut self, from: Side, ts: Timestamp, bytes: &[u8], out: &mut Vec<Message>) {
        let [orig, resp] = &mut self.sides;
        let (pending, place) = if from == Side::Orig { orig } else { resp };
        let messages = &mut self.messages;
        (messages.files.now, messages.side) = (ts, from.index());
        pending.feed(bytes, |window| messages.step(place, window, out));
        self.hopeless |= matches!(place, Place::Lost(n) if *n > HOPELESS);
        messages.files.look(out);
        messages.tell_sealed(false, out);
        messages.tell_overflow(out);
    }
    fn end(&mut self, out: &mut Vec<Message>) {
        self.messages.files.end(out);
        self.messages.end_rewrites();
        self.messages.tell_sealed(true, out);
    }
    fn gap(&mut self, from: Side, lost: u64) {
        let [orig, resp] = &mut self.sides;
        let (pending, place) = if from == Side::Orig { orig } else { resp };
        if !pending.gap(lost) {
            *place = Place::Lost(0);
        }
        self.messages.rewrites.lost();
        self.messages.v1.lost();
    }
    fn spare(&mut self, spare: bool) {
        self.messages.files.spare = spare;
    }
    fn done(&self) -> bool {
        self.hopeless
    }
    fn held(&self) -> usize {
        let [orig, resp] = &self.sides;
        orig.0.held() + resp.0.held() + self.messages.v1.held() + self.messages.v2.held() + self.messages.files.held()
    }
}

impl Messages {
    fn step(&mut self, place: &mut Place, w: &[u8], out: &mut Vec<Message>) -> Step {
        match *place {
            Place::Start | Place::Boundary => self.boundary(place, w, out),
            Place::Inside(left) => {
                let (step, taken) = self.inside(left, w, out);
                if taken > 0 {
                    *place = if taken < left { Place::Inside(left - taken) } else { Place::Boundary };
                }
                step
            }
            Place::Lost(searched) => search(place, searched, w),
        }
    }
    /// The four bytes before a message, and the first of the message itself.
    fn boundary(&mut self, place: &mut Place, w: &[u8], out: &mut Vec<Message>) -> Step {
        let Some([kind, _, _, low]) = array_at(w, 0) else { return Step::Need(4) };
        match (kind, length(w)) {
            (NBSS_MESSAGE, Some(0)) => return Step::Take(4),
            (NBSS_MESSAGE, Some(len)) if len >= SHOWN - 4 => {
                if w.len() < SHOWN {
                    return Step::Need(SHOWN);
                }
                if believable(w) {
                    *place = Place::Inside(len);
                    return Step::Take(4);
                }
            }
            (NBSS_REQUEST..=NBSS_KEEPALIVE, _) if w.get(1..3) == Some(&[0, 0]) => return Step::Take(4 + u64::from(low)),
            _ => {}
        }
        // A capture that began in the middle is not odd; losing the place without a hole is.
        if matches!(place, Place::Boundary) && !std::mem::replace(&mut self.told.out_of_step, true) {
            out.push(Message::Weird("smb_out_of_step", 0));
        }
        *place = Place::Lost(0);
        search(place, 0, w)
    }
    /// A message, or the next one of a compound. Returns the step and how much of the frame it takes (0 = it waits).
    fn inside(&mut self, left: usize, w: &[u8], out: &mut Vec<Message>) -> (Step, usize) {
        let Some(id) = array_at::<4>(w, 0) else { return (Step::Need(left.min(4)), 0) };
        let extent = match id {
            [0xfe, b'S', b'M', b'B'] => v2::extent(w, left, &self.v2, &mut self.files),
            [0xff, b'S', b'M', b'B'] => v1::extent(w, left, &mut self.files),
            [0xfd, b'S', b'M', b'B'] => {
                self.encrypted(left, out);
                Ok((0, left))
            }
            [0xfc, b'S', b'M', b'B'] if w.len() < COMPRESSION.min(left) => Err(COMPRESSION),
            [0xfc, b'S', b'M', b'B'] => {
                self.compressed(w, left, out);
                Ok((0, left))
            }
            _ => Ok((0, left)),
        };
        let (wanted, whole) = match extent {
            Ok(e) => e,
            Err(more) => return (Step::Need(more.min(left)), 0),
        };
        let wanted = wanted.min(HELD).min(left);
        let Some(m) = w.get(..wanted) else { return (Step::Need(wanted), 0) };
        match id {
            [0xfe, ..] if wanted > 0 => v2::read(m, left, &mut self.v2, &mut self.files, out),
            [0xff, ..] if wanted > 0 => v1::read(m, left, &mut self.v1, &mut self.files, out),
            _ => {}
        }
        let whole = whole.clamp(1, left.max(1));
        (Step::Take(whole as u64), whole)
    }
    fn encrypted(&mut self, left: usize, out: &mut Vec<Message>) {
        if !std::mem::replace(&mut self.told.encrypted, true) {
            out.push(Message::Smb(Box::new(Smb::Encrypted)));
            self.sealed_told = self.files.now;
        }
        let bytes = left.saturating_sub(TRANSFORM);
        self.sealed.encrypted(self.side, bytes);
        let written = self.rewrites.message(self.side, bytes);
        self.sealed.rewrote(written);
    }
    /// The last file rewritten has no other behind it.
    fn end_rewrites(&mut self) {
        let written = self.rewrites.end();
        self.sealed.rewrote(written);
    }
    /// Only the header is read. Its offset and length must lie inside what there is, or make sense when unpacked.
    fn compressed(&mut self, w: &[u8], left: usize, out: &mut Vec<Message>) {
        if !std::mem::replace(&mut self.told.compressed, true) {
            out.push(Message::Weird("smb_compressed", 0));
        }
        self.sealed.compressed(self.side);
        let (Some(original), Some(offset)) = (u32_at(w, 4), u32_at(w, 12)) else { return };
        let there = left.saturating_sub(COMPRESSION) as u32;
        let lies = offset > there || original.checked_add(offset).is_none();
        if lies && !std::mem::replace(&mut self.told.lies, true) {
            out.push(Message::SmbWork(Box::new(Work::Compressed { original, offset, there })));
        }
    }
    fn tell_sealed(&mut self, end: bool, out: &mut Vec<Message>) {
        if !self.told.encrypted && !self.told.compressed {
            return;
        }
        let [up, down] = self.sealed.bytes;
        let waited = self.files.now.since(self.sealed_told);
        // A file that was rewritten is told at once: it may be the tenth that is lost.
        let due = end || self.sealed.rewritten > 0 || up + down >= SEALED_BYTES || waited >= SEALED_AFTER;
        if due && self.sealed != Sealed::default() {
            self.sealed_told = self.files.now;
            out.push(Message::SmbWork(Box::new(Work::Sealed(std::mem::take(&mut self.sealed)))));
        }
    }
    fn tell_overflow(&mut self, out: &mut Vec<Message>) {
        if self.v1.evicted() + self.v2.evicted() > 0 && !std::mem::replace(&mut self.told.overflow, true) {
            out.push(Message::Weird("smb_requests_unanswered", 0));
        }
        if self.files.forgotten > 0 && !std::mem::replace(&mut self.told.forgotten, true) {
            out.push(Message::Weird("smb_handles_forgotten", 0));
        }
    }
}

/// Where in the last seven bytes a message may begin that does not show itself yet.
fn tail(w: &[u8]) -> Option<usize> {
    let may = |b: &[u8]| b.iter().zip(0..).all(|(c, i)| matches!((i, *c), (0, NBSS_MESSAGE) | (1..=3, _) | (4, 0xfc..=0xff) | (5, b'S') | (6, b'M')));
    (w.len().saturating_sub(7)..w.len()).find(|at| w.get(*at..).is_some_and(may))
}

/// Looks for the next believable message.
fn search(place: &mut Place, searched: u64, w: &[u8]) -> Step {
    let skip = match candidate(w) {
        Some(0) if w.len() < SHOWN => return Step::Need(SHOWN),
        Some(0) if believable(w) => {
            *place = Place::Inside(length(w).unwrap_or(0));
            return Step::Take(4);
        }
        Some(0) => 1,
        Some(at) => at,
        None => match tail(w) {
            Some(0) => return Step::Need(8),
            Some(at) => at,
            None => w.len(),
        },
    };
    *place = Place::Lost(searched.saturating_add(skip as u64));
    Step::Take(skip as u64)
}
