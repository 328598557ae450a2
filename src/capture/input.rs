//! One input: its stream, its format and the walk over its records, straight into a block's buffer.
//!
//! `read(2)` goes into [`Block::buf`] and frames point into it: no copy and no system call per packet. Only the record that is cut by
//! the end of the buffer is copied, to the start of the next block. The buffer grows beyond its usual size only for a record that is
//! longer, only as its bytes arrive, and never beyond the length that the format accepts.

use super::block::Block;
use super::fault::{Damage, Fault, FaultKind};
use super::pcap::{self, PcapWalk};
use super::pcapng::{self, NgWalk};
use super::pcapng_write::Remark;
use super::source::{Notice, PortNews};
use super::stream::{self, Bytes, Stream};
use crate::base::Timestamp;
use crate::wire::{Frame, Linktype};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes read into a block at most, unless one record is longer.
pub(super) const TARGET: usize = 128 << 10;
const LEAST: usize = 64 << 10;
/// Frames in a block at most.
pub(super) const MAX_FRAMES: usize = 1024;
/// So many frames are aimed at when packets are small.
const AIM: usize = 768;
/// News between two frames at most. A recording of ours has a handful; of a file made of news alone the rest is not told.
const MAX_NEWS: usize = 256;
/// Interfaces of one file at most.
const MAX_INTERFACES: usize = 4096;

/// One packet record, as a format's walk finds it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    /// Nanoseconds since 1970, as the file says.
    pub ts: u64,
    /// Where the packet starts in the record.
    pub data: u32,
    pub cap: u32,
    pub orig: u32,
    /// Interface within the file.
    pub iface: u16,
    /// Bytes of the whole record.
    pub len: usize,
}

/// What a recording says beside frames.
#[derive(Clone, Copy, Debug)]
pub(super) struct News {
    /// Nanoseconds since 1970, as the file says.
    pub ts: u64,
    /// Interface within the file.
    pub iface: u16,
    pub what: Remark,
    /// Bytes of the whole record.
    pub len: usize,
}

/// What a recording says of its times.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    /// They are to be taken as they are: a sensor's clock has admitted them.
    pub admitted: bool,
    /// It reaches up to this time, in nanoseconds since 1970, though there may be no frame any more.
    pub until: Option<u64>,
}

/// What stands at a position of the buffer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Record(Record),
    /// Not repeated: it is taken when it is seen.
    News(News),
    /// A block without a packet, of this length.
    Other(usize),
    /// The record is not complete: this many bytes are needed, counted from its start.
    Need(usize),
}

/// A capture format. A step that yields a record must change nothing that a repetition would not: the record may be looked at twice.
pub(super) trait Walk {
    fn step(&mut self, at: &[u8]) -> Result<Step, Damage>;
}

/// The interfaces that a file describes, over all its sections. The same place with the same link type in a later section is the same interface.
#[derive(Debug, Default)]
pub(super) struct Interfaces {
    known: BTreeMap<(u16, u32), u16>,
    /// By number within the file: place in the section, LINKTYPE_ number, name.
    pub list: Vec<(u16, u32, Option<String>)>,
}

impl Interfaces {
    /// The number within the file; `None` when there are too many.
    pub fn describe(&mut self, place: u16, linktype: u32, name: Option<String>) -> Option<u16> {
        if let Some(local) = self.known.get(&(place, linktype)) {
            return Some(*local);
        }
        let local = u16::try_from(self.list.len()).ok().filter(|n| usize::from(*n) < MAX_INTERFACES)?;
        self.known.insert((place, linktype), local);
        self.list.push((place, linktype, name));
        Some(local)
    }
}

#[derive(Debug)]
enum Format {
    Start,
    Pcap(PcapWalk),
    Ng(NgWalk),
}

enum Stop {
    Need(usize),
    Damage(Damage),
    Bound,
    Full,
    Foreign,
}

/// What became of a [`Input::read`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// There is more.
    More,
    /// The next frame is at or beyond the bound.
    Bound,
    /// That was all, or all that can be read.
    Done,
}

/// Where an input's bytes come from.
#[derive(Debug)]
pub(super) enum Origin {
    /// An ordinary file: can be opened again.
    File(PathBuf),
    /// Standard input or a pipe: once only, and what has come is passed on at once.
    Pipe(PathBuf),
    /// Bytes that were handed in.
    Reader,
}

/// One input of a replay.
#[derive(Debug)]
pub(super) struct Input {
    pub name: String,
    /// Rank on the command line: decides between frames of the same time.
    pub order: u32,
    /// The directory in which it was found; `None` if it was named itself.
    pub found_in: Option<usize>,
    /// Bytes on disk, if known.
    pub size: Option<u64>,
    /// Raw time of the first frame.
    pub first: u64,
    /// Frames waiting to be merged, with raw times and the file's own interface numbers.
    pub stage: Block,
    pub cursor: usize,
    pub done: bool,
    pub fault: Option<Fault>,
    /// What the file says of its times.
    pub times: Times,
    /// The run's number of each of the file's interfaces, once a frame of it was delivered.
    pub ports: Vec<Option<u16>>,
    origin: Origin,
    stream: Option<Stream>,
    format: Format,
    carry: Vec<u8>,
    base: u64,
    records: u64,
    frames: u64,
    want: usize,
    eof: bool,
    count: Arc<AtomicU64>,
}

impl Input {
    /// An input that is not open yet.
    pub fn new(name: String, order: u32, found_in: Option<usize>, origin: Origin) -> Input {
        Input {
            name,
            order,
            found_in,
            size: None,
            first: 0,
            stage: Block::default(),
            cursor: 0,
            done: false,
            fault: None,
            times: Times::default(),
            ports: Vec::new(),
            origin,
            stream: None,
            format: Format::Start,
            carry: Vec::new(),
            base: 0,
            records: 0,
            frames: 0,
            want: LEAST,
            eof: false,
            count: Arc::default(),
        }
    }
    /// Gives it its bytes.
    pub fn attach(&mut self, bytes: std::io::Result<Bytes>) {
        match bytes {
            Err(e) => self.fail(0, FaultKind::Open(plain(&e))),
            Ok(bytes) => match Stream::new(bytes, Arc::clone(&self.count)) {
                Err(e) => self.fail(0, FaultKind::Read { offset: 0, message: reading(&e) }),
                Ok(mut stream) => {
                    self.carry = std::mem::take(&mut stream.front);
                    self.stream = Some(stream);
                }
            },
        }
    }
    /// Opens it if it is a file that is not open, and stages its first frames.
    pub fn prepare(&mut self) {
        if let (None, false, Origin::File(path) | Origin::Pipe(path)) = (&self.stream, self.done, &self.origin) {
            let bytes = stream::open(path);
            self.attach(bytes);
        }
        self.restage();
        if let Some(f) = self.head() {
            self.first = f.ts.0;
        }
    }
    /// Closes a file that was looked at, so that thousands of them need neither descriptors nor memory; [`Input::prepare`] opens it again.
    pub fn put_away(&mut self) {
        if self.done || !matches!(self.origin, Origin::File(_)) {
            return;
        }
        let origin = std::mem::replace(&mut self.origin, Origin::Reader);
        let fresh = Input::new(std::mem::take(&mut self.name), self.order, self.found_in, origin);
        *self = Input { first: self.first, size: self.size, ..fresh };
    }
    /// Bytes read so far, as they lie on disk.
    pub fn bytes_read(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
    /// Does a read wait for somebody to write?
    pub fn is_pipe(&self) -> bool {
        !matches!(self.origin, Origin::File(_))
    }
    /// The next staged frame.
    #[inline]
    pub fn head(&self) -> Option<&Frame> {
        self.stage.frames.get(self.cursor)
    }
    /// Reads on until a frame is staged or the input ends. Does nothing while frames wait.
    pub fn restage(&mut self) {
        if self.cursor < self.stage.frames.len() {
            return;
        }
        let mut stage = std::mem::take(&mut self.stage);
        self.cursor = 0;
        stage.frames.clear();
        stage.notices.clear();
        while stage.frames.is_empty() && !self.done {
            self.read(&mut stage, None);
        }
        self.stage = stage;
    }
    /// Interface `local` of the file: its place in the section, its LINKTYPE_ number, its name.
    pub fn interface(&self, local: u16) -> (u16, u32, Option<&str>) {
        match &self.format {
            Format::Pcap(w) => (0, w.linktype, None),
            Format::Ng(w) => w.interfaces.list.get(usize::from(local)).map_or((local, u32::MAX, None), |(p, l, n)| (*p, *l, n.as_deref())),
            Format::Start => (local, u32::MAX, None),
        }
    }
    /// Fills the block with frames whose raw time is below `bound`, and adds the news among them. Interface numbers are the file's own.
    pub fn read(&mut self, block: &mut Block, bound: Option<u64>) -> Outcome {
        block.frames.clear();
        let outcome = self.fill(block, bound);
        self.frames += block.frames.len() as u64;
        if let Some(fault) = &mut self.fault {
            fault.frames = self.frames;
        }
        outcome
    }
    fn fill(&mut self, block: &mut Block, bound: Option<u64>) -> Outcome {
        let Block { buf, frames, notices } = block;
        let mut filled = self.take_carry(buf);
        let mut pos = 0;
        let outcome = loop {
            let need = match self.walk(buf.get(..filled).unwrap_or(&[]), &mut pos, (frames, notices), bound) {
                Stop::Need(need) => need,
                Stop::Bound => break Outcome::Bound,
                Stop::Full => break Outcome::More,
                Stop::Damage(damage) => return self.damaged(pos, damage),
                Stop::Foreign => return self.foreign(buf.get(..filled).unwrap_or(&[])),
            };
            if !frames.is_empty() && (filled >= self.want || self.is_pipe()) {
                break Outcome::More;
            }
            if self.eof {
                return self.end(pos, buf.get(pos..filled).unwrap_or(&[]), need);
            }
            if frames.is_empty() && pos > 0 {
                buf.copy_within(pos..filled, 0);
                (self.base, filled, pos) = (self.base + pos as u64, filled - pos, 0);
            }
            if filled >= buf.len() {
                buf.resize(filled + need.clamp(1, TARGET), 0);
            }
            filled += self.more(buf.get_mut(filled..).unwrap_or(&mut []), filled);
            if self.done {
                return Outcome::Done;
            }
        };
        self.keep(buf.get(pos..filled).unwrap_or(&[]), pos, frames.len());
        outcome
    }
    fn take_carry(&mut self, buf: &mut Vec<u8>) -> usize {
        let kept = self.carry.len();
        // What the decoder appended behind the buffer, or an unusually long record, is not kept for ever.
        if buf.len() > 2 * TARGET && kept < TARGET {
            buf.truncate(TARGET);
            buf.shrink_to(TARGET);
        }
        let size = self.want.max(kept);
        if buf.len() < size {
            buf.resize(size, 0);
        }
        if let Some(front) = buf.get_mut(..kept) {
            front.copy_from_slice(&self.carry);
        }
        self.carry.clear();
        kept
    }
    /// The rest of a block goes to the start of the next; the next read is sized by the packets of this one.
    fn keep(&mut self, rest: &[u8], used: usize, frames: usize) {
        self.carry.extend_from_slice(rest);
        if self.carry.capacity() > 4 * TARGET && self.carry.len() < TARGET {
            self.carry.shrink_to(TARGET);
        }
        self.base += used as u64;
        if let Some(mean) = used.checked_div(frames) {
            self.want = mean.saturating_mul(AIM).clamp(LEAST, TARGET);
        }
    }
    /// Reads once: up to the wanted size, or into all the space if one record needs it.
    fn more(&mut self, space: &mut [u8], filled: usize) -> usize {
        let most = if filled < self.want { (self.want - filled).min(space.len()) } else { space.len() };
        match self.stream.as_mut().map_or(Ok(0), |s| s.read(space.get_mut(..most).unwrap_or(&mut []))) {
            Ok(0) => self.eof = true,
            Ok(n) => return n.min(most),
            Err(e) => {
                let offset = self.base + filled as u64;
                self.fail(offset, FaultKind::Read { offset, message: reading(&e) });
            }
        }
        0
    }
    fn walk(&mut self, buf: &[u8], pos: &mut usize, out: (&mut Vec<Frame>, &mut Vec<Notice>), bound: Option<u64>) -> Stop {
        if let Format::Start = self.format
            && let Err(stop) = self.recognise(buf, pos)
        {
            return stop;
        }
        match &mut self.format {
            Format::Pcap(w) => walk(w, buf, pos, out, &mut self.records, &mut self.times, bound),
            Format::Ng(w) => walk(w, buf, pos, out, &mut self.records, &mut self.times, bound),
            Format::Start => Stop::Need(pcap::HEADER),
        }
    }
    /// What format is it? Decided by the first four bytes.
    fn recognise(&mut self, buf: &[u8], pos: &mut usize) -> Result<(), Stop> {
        let first = u32::from_le_bytes(*buf.first_chunk().ok_or(Stop::Need(4))?);
        if first == pcapng::SECTION {
            self.format = Format::Ng(NgWalk::default());
            return Ok(());
        }
        if pcap::magic(first).is_none() {
            return Err(Stop::Foreign);
        }
        let header = buf.first_chunk().ok_or(Stop::Need(pcap::HEADER))?;
        match PcapWalk::new(header) {
            Some(Ok(walk)) => self.format = Format::Pcap(walk),
            Some(Err(damage)) => return Err(Stop::Damage(damage)),
            None => return Err(Stop::Foreign),
        }
        *pos = pcap::HEADER;
        Ok(())
    }
    fn end(&mut self, pos: usize, rest: &[u8], need: usize) -> Outcome {
        match (&self.format, rest.len()) {
            (Format::Start, 0) => self.fail(0, FaultKind::Empty),
            (Format::Start, 1..=3) => return self.foreign(rest),
            (_, 0) => self.finish(),
            (_, have) => return self.damaged(pos, Damage::Cut { have: have as u64, need: need as u64 }),
        }
        Outcome::Done
    }
    fn foreign(&mut self, begins: &[u8]) -> Outcome {
        self.fail(0, FaultKind::NotCapture(looks_like(begins)));
        Outcome::Done
    }
    fn damaged(&mut self, pos: usize, damage: Damage) -> Outcome {
        let (offset, record) = (self.base + pos as u64, self.records + 1);
        self.fail(offset, FaultKind::Damaged { offset, record, damage });
        Outcome::Done
    }
    fn fail(&mut self, offset: u64, kind: FaultKind) {
        self.fault = Some(Fault { file: self.name.clone(), offset, record: self.records + 1, frames: self.frames, kind });
        self.finish();
    }
    fn finish(&mut self) {
        self.done = true;
        self.stream = None;
        self.carry = Vec::new();
    }
}

/// The walk over one buffer: turns records into frames until something stops it. Monomorphic per format.
#[inline]
fn walk<W: Walk>(
    walk: &mut W,
    buf: &[u8],
    pos: &mut usize,
    (frames, notices): (&mut Vec<Frame>, &mut Vec<Notice>),
    records: &mut u64,
    times: &mut Times,
    bound: Option<u64>,
) -> Stop {
    while frames.len() < MAX_FRAMES {
        match walk.step(buf.get(*pos..).unwrap_or(&[])) {
            Ok(Step::Record(r)) => {
                if bound.is_some_and(|b| r.ts >= b) {
                    return Stop::Bound;
                }
                frames.push(Frame {
                    ts: Timestamp(r.ts),
                    number: 0,
                    off: (*pos as u32).saturating_add(r.data),
                    cap_len: r.cap,
                    orig_len: r.orig.max(r.cap),
                    iface: r.iface,
                    linktype: Linktype::Unknown,
                    admitted: true,
                });
                *pos += r.len;
            }
            Ok(Step::News(n)) => {
                match n.what {
                    Remark::Times => times.admitted = true,
                    Remark::Until => times.until = Some(n.ts),
                    _ => tell(&n, frames.len(), notices),
                }
                *pos += n.len.max(1);
            }
            Ok(Step::Other(len)) => *pos += len.max(1),
            Ok(Step::Need(need)) => return Stop::Need(need),
            Err(damage) => return Stop::Damage(damage),
        }
        *records += 1;
    }
    Stop::Full
}

/// Keeps news in their place among the frames. Losses at one place become one; of much else at one place the rest is not told.
fn tell(news: &News, at: usize, notices: &mut Vec<Notice>) {
    let said = match news.what {
        Remark::Port(said) => said,
        // For whoever reads the recording, a frame that is not in it was lost before it.
        Remark::Unrecorded(m) => PortNews::Dropped { kernel: m.frames, card: 0 },
        Remark::Next(_) | Remark::Times | Remark::Until => return,
    };
    let at = u32::try_from(at).unwrap_or(u32::MAX);
    let here = notices.iter().rev().take_while(|n| n.at == at).count();
    match (notices.last_mut().filter(|n| n.at == at && n.iface == news.iface).map(|n| &mut n.news), said) {
        (Some(PortNews::Dropped { kernel, card }), PortNews::Dropped { kernel: k, card: c }) => {
            (*kernel, *card) = (kernel.saturating_add(k), card.saturating_add(c));
        }
        _ if here >= MAX_NEWS => {}
        _ => notices.push(Notice { ts: Timestamp(news.ts), at, iface: news.iface, news: said }),
    }
}

/// What a failed read means: only unpacking ends unexpectedly, a plain file just ends.
fn reading(e: &std::io::Error) -> String {
    match e.kind() {
        std::io::ErrorKind::UnexpectedEof => "the compressed data end too early, the file was not copied or written to its end".to_string(),
        _ => plain(e),
    }
}

/// What a file that is no capture seems to be: people drop other things into a directory of captures.
fn looks_like(begins: &[u8]) -> String {
    const KNOWN: [(&[u8], &str); 8] = [
        (b"%PDF", "a PDF document"),
        (b"PK\x03\x04", "a ZIP archive (unpack it first)"),
        (b"7z\xbc\xaf", "a 7z archive (unpack it first)"),
        (b"\xfd7zX", "packed with xz (unpack it first)"),
        (b"BZh", "packed with bzip2 (unpack it first)"),
        (b"snoo", "a snoop capture (convert it with editcap)"),
        (b"\x7fELF", "a program"),
        (b"{", "JSON"),
    ];
    if let Some((_, name)) = KNOWN.iter().find(|(magic, _)| begins.starts_with(magic)) {
        return (*name).to_string();
    }
    let first = begins.get(..begins.len().min(4)).unwrap_or_default();
    if first.iter().all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace()) {
        return "text".to_string();
    }
    let hex: Vec<String> = first.iter().map(|b| format!("{b:02x}")).collect();
    format!("something that begins with {}", hex.join(" "))
}

/// The system's words without its error number.
pub(super) fn plain(e: &std::io::Error) -> String {
    let text = e.to_string();
    text.split(" (os error").next().unwrap_or_default().to_string()
}
