//! Writes pcapng (draft-ietf-opsawg-pcapng): one little-endian section, times in nanoseconds, every block whole in one `write_all`.
//!
//! Beside frames it writes *news*: what a capture point lost or kept back, as interface statistics blocks, which every reader shows or skips.
//! Counts of lost frames stand in their own options (running totals, as the format wants them); what the format has no word for stands in
//! a comment that begins with [`MARK`]. [`super::Replay`] reads both back as [`Notice`]s.

use super::block::Block;
use super::linktype;
use super::source::{Notice, PortNews};
use crate::base::Timestamp;
use crate::wire::{Frame, Linktype};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};

/// How our comments begin.
pub(super) const MARK: &str = "spanward: ";
/// The longest comment of a frame that is written; a longer one is cut. The format allows 65,535 bytes.
const MAX_COMMENT: usize = 4096;
/// Frames are never longer (see the reader's own limit).
const MAX_FRAME: usize = 1 << 24;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const STATISTICS: u32 = 5;
const ENHANCED: u32 = 6;

/// What a recording says of itself, beside what capture points say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Remark {
    /// News of the capture point.
    Port(PortNews),
    /// Frames that were captured and analysed but are not in this recording.
    Unrecorded(Missing),
    /// The number that the next frame had in the run that wrote this.
    Next(u64),
    /// Whoever wrote this has made the times usable already: they are to be taken as they are.
    Times,
    /// The recording reaches up to this time, though no frame came any more.
    Until,
}

/// Frames that a recording lacks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Missing {
    /// How many.
    pub frames: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// Time of the first.
    pub from: Timestamp,
    /// Time of the last.
    pub to: Timestamp,
    /// Why.
    pub cause: Cause,
}

/// Why frames are not in a recording.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cause {
    /// The disk did not keep up and the queue was full.
    Slow,
    /// The disk was full, or its free space below the floor.
    Full,
    /// The disk refused for another reason.
    Error,
}

impl Cause {
    /// The word used in files.
    pub const fn word(self) -> &'static str {
        match self {
            Cause::Slow => "slow",
            Cause::Full => "full",
            Cause::Error => "error",
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remark::Port(PortNews::Dropped { kernel, card }) => write!(f, "{MARK}dropped kernel={kernel} card={card}"),
            Remark::Port(PortNews::Shed { frames }) => write!(f, "{MARK}shed frames={frames}"),
            Remark::Port(PortNews::Down) => write!(f, "{MARK}port down"),
            Remark::Port(PortNews::Up) => write!(f, "{MARK}port up"),
            Remark::Next(number) => write!(f, "{MARK}next frame={number}"),
            Remark::Times => write!(f, "{MARK}times admitted"),
            Remark::Until => write!(f, "{MARK}until"),
            Remark::Unrecorded(m) => {
                let (frames, bytes, from, to) = (m.frames, m.bytes, m.from.0, m.to.0);
                write!(f, "{MARK}unrecorded frames={frames} bytes={bytes} from={from} to={to} cause={}", m.cause.word())
            }
        }
    }
}

impl Remark {
    /// Reads what [`fmt::Display`] wrote. `None` for everybody else's comments.
    pub fn parse(text: &str) -> Option<Remark> {
        let mut words = text.strip_prefix(MARK)?.split(' ');
        let verb = words.next()?;
        if verb == "port" {
            return match (words.next()?, words.next()) {
                ("down", None) => Some(Remark::Port(PortNews::Down)),
                ("up", None) => Some(Remark::Port(PortNews::Up)),
                _ => None,
            };
        }
        let mut number = |key: &str| words.next()?.strip_prefix(key)?.strip_prefix('=')?.parse::<u64>().ok();
        match verb {
            "shed" => Some(Remark::Port(PortNews::Shed { frames: number("frames")? })),
            "next" => Some(Remark::Next(number("frame")?)),
            "times" => (words.next()? == "admitted").then_some(Remark::Times),
            "until" => Some(Remark::Until),
            "unrecorded" => {
                let (frames, bytes) = (number("frames")?, number("bytes")?);
                let (from, to) = (Timestamp(number("from")?), Timestamp(number("to")?));
                let cause = match words.next()?.strip_prefix("cause=")? {
                    "slow" => Cause::Slow,
                    "full" => Cause::Full,
                    _ => Cause::Error,
                };
                Some(Remark::Unrecorded(Missing { frames, bytes, from, to, cause }))
            }
            _ => None,
        }
    }
}

/// A capture interface as the section knows it.
#[derive(Debug)]
struct Port {
    local: u32,
    /// Running totals: lost by the kernel, by the card.
    lost: [u64; 2],
}

/// A pcapng section being written.
#[derive(Debug)]
pub struct PcapngWriter<W> {
    out: W,
    /// By the run's interface number.
    ports: BTreeMap<u16, Port>,
    scratch: Vec<u8>,
}

impl<W: Write> PcapngWriter<W> {
    /// Begins a section. `application` is who wrote it; `comment` what it is, for whoever opens it.
    pub fn new(out: W, application: &str, comment: &str) -> io::Result<PcapngWriter<W>> {
        let mut w = PcapngWriter { out, ports: BTreeMap::new(), scratch: Vec::with_capacity(2048) };
        w.open(SECTION);
        w.u32(0x1a2b_3c4d);
        w.scratch.extend_from_slice(&[1, 0, 0, 0]);
        w.scratch.extend_from_slice(&[0xff; 8]);
        w.option(4, application.as_bytes());
        w.option(1, comment.as_bytes());
        w.end_options();
        w.close()?;
        Ok(w)
    }
    /// Is this interface described already?
    pub fn knows(&self, iface: u16) -> bool {
        self.ports.contains_key(&iface)
    }
    /// Describes an interface of the run; does nothing the second time.
    pub fn describe(&mut self, iface: u16, linktype: Linktype, name: &str) -> io::Result<()> {
        if self.knows(iface) {
            return Ok(());
        }
        let local = u32::try_from(self.ports.len()).unwrap_or(u32::MAX);
        self.open(INTERFACE);
        self.scratch.extend_from_slice(&linktype::number(linktype).to_le_bytes());
        self.scratch.extend_from_slice(&[0; 6]);
        self.option(2, name.as_bytes());
        self.option(9, &[9]);
        self.end_options();
        self.close()?;
        self.ports.insert(iface, Port { local, lost: [0; 2] });
        Ok(())
    }
    /// One frame; `bytes` may be fewer than were captured. An interface that nobody described has no name.
    pub fn frame(&mut self, frame: &Frame, bytes: &[u8], comment: Option<&str>) -> io::Result<()> {
        self.describe(frame.iface, frame.linktype, "")?;
        let Some(local) = self.ports.get(&frame.iface).map(|p| p.local) else { return Ok(()) };
        let bytes = bytes.get(..bytes.len().min(MAX_FRAME)).unwrap_or_default();
        self.open(ENHANCED);
        self.u32(local);
        self.time(frame.ts);
        self.u32(bytes.len() as u32);
        self.u32(frame.orig_len.max(bytes.len() as u32));
        self.scratch.extend_from_slice(bytes);
        self.pad();
        if let Some(comment) = comment {
            self.option(1, comment.as_bytes());
            self.end_options();
        }
        self.close()
    }
    /// News of a capture point.
    pub fn notice(&mut self, notice: &Notice) -> io::Result<()> {
        self.remark(notice.iface, notice.ts, Remark::Port(notice.news))
    }
    /// Frames that were not written here.
    pub fn missing(&mut self, iface: u16, missing: Missing) -> io::Result<()> {
        self.remark(iface, missing.to, Remark::Unrecorded(missing))
    }
    pub(super) fn remark(&mut self, iface: u16, ts: Timestamp, remark: Remark) -> io::Result<()> {
        self.describe(iface, Linktype::Ethernet, "")?;
        let Some(port) = self.ports.get_mut(&iface) else { return Ok(()) };
        if let Remark::Port(PortNews::Dropped { kernel, card }) = remark {
            port.lost = [port.lost[0].saturating_add(kernel), port.lost[1].saturating_add(card)];
        }
        let (local, [kernel, card]) = (port.local, port.lost);
        self.open(STATISTICS);
        self.u32(local);
        self.time(ts);
        self.option(5, &card.to_le_bytes());
        self.option(7, &kernel.to_le_bytes());
        self.option(1, remark.to_string().as_bytes());
        self.end_options();
        self.close()
    }
    /// All frames and news of a block in their order. `name` names an interface that was not described yet.
    pub fn block<'a>(&mut self, block: &Block, name: impl Fn(u16) -> Option<&'a str>) -> io::Result<()> {
        let mut said = block.notices.iter().peekable();
        for (n, f) in block.frames.iter().enumerate() {
            while let Some(notice) = said.next_if(|s| s.at as usize <= n) {
                self.describe(notice.iface, Linktype::Ethernet, name(notice.iface).unwrap_or_default())?;
                self.notice(notice)?;
            }
            if !self.knows(f.iface) {
                self.describe(f.iface, f.linktype, name(f.iface).unwrap_or_default())?;
            }
            self.frame(f, block.bytes(f), None)?;
        }
        for notice in said {
            self.describe(notice.iface, Linktype::Ethernet, name(notice.iface).unwrap_or_default())?;
            self.notice(notice)?;
        }
        Ok(())
    }
    /// Hands over what a buffer holds back.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
    /// Where the bytes go.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }
    /// Ends the section.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn open(&mut self, kind: u32) {
        self.scratch.clear();
        self.u32(kind);
        self.u32(0);
    }
    fn u32(&mut self, v: u32) {
        self.scratch.extend_from_slice(&v.to_le_bytes());
    }
    fn time(&mut self, ts: Timestamp) {
        self.u32((ts.0 >> 32) as u32);
        self.u32(ts.0 as u32);
    }
    fn pad(&mut self) {
        let whole = self.scratch.len().next_multiple_of(4);
        self.scratch.resize(whole, 0);
    }
    /// An option; an empty one is left out, a long one is cut at a character.
    fn option(&mut self, code: u16, value: &[u8]) {
        let mut len = value.len().min(MAX_COMMENT);
        while len < value.len() && value.get(len).is_some_and(|b| b & 0xc0 == 0x80) {
            len -= 1;
        }
        let Some(value) = value.get(..len).filter(|v| !v.is_empty()) else { return };
        self.scratch.extend_from_slice(&code.to_le_bytes());
        self.scratch.extend_from_slice(&(len as u16).to_le_bytes());
        self.scratch.extend_from_slice(value);
        self.pad();
    }
    fn end_options(&mut self) {
        self.u32(0);
    }
    fn close(&mut self) -> io::Result<()> {
        let len = (self.scratch.len() as u32 + 4).to_le_bytes();
        self.scratch.extend_from_slice(&len);
        if let Some(head) = self.scratch.get_mut(4..8) {
            head.copy_from_slice(&len);
        }
        self.out.write_all(&self.scratch)
    }
}
