//! The pcapng format (draft-ietf-opsawg-pcapng): sections of blocks, each with its length at both ends.
//! Read are section headers, interface descriptions, the three kinds of packet block, and of interface statistics what was lost; all others are
//! skipped by their length.

use super::fault::Damage;
use super::input::{Interfaces, News, Record, Step, Walk};
use super::pcap::HARD_LIMIT;
use super::pcapng_write::Remark;
use super::source::PortNews;
use pcap_parser::{PcapError, pcapng};

/// Type of a section header block; a palindrome, so that it reads the same in both byte orders.
pub(super) const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE: u32 = 3;
const STATISTICS: u32 = 5;
const ENHANCED: u32 = 6;
/// Interfaces of one section. A file can describe any number; no capture of people has that many.
const MAX_INTERFACES: usize = 4096;

/// Ticks to nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ticks {
    Times(u64),
    Per(u64),
    Binary(u8),
}

impl Ticks {
    /// From `if_tsresol`: a negative power of ten, or of two if the high bit is set.
    fn new(tsresol: u8) -> Ticks {
        match tsresol {
            r if r & 0x80 != 0 => Ticks::Binary(r & 0x7f),
            r if r <= 9 => Ticks::Times(10u64.pow(9 - u32::from(r))),
            r => Ticks::Per(10u64.checked_pow(u32::from(r) - 9).unwrap_or(u64::MAX)),
        }
    }
    #[inline]
    fn nanos(self, ticks: u64) -> u64 {
        match self {
            Ticks::Times(n) => ticks.saturating_mul(n),
            Ticks::Per(n) => ticks / n,
            Ticks::Binary(bits) => u64::try_from((u128::from(ticks) * 1_000_000_000) >> bits).unwrap_or(u64::MAX),
        }
    }
}

/// One interface of the current section.
#[derive(Clone, Copy, Debug)]
struct Port {
    /// Number within the file.
    local: u16,
    snaplen: u32,
    ticks: Ticks,
    /// Seconds to add.
    offset: i64,
    /// Frames lost so far as the file says: by the kernel, by the card.
    lost: [u64; 2],
}

impl Port {
    #[inline]
    fn time(&self, high: u32, low: u32) -> u64 {
        let ns = self.ticks.nanos(u64::from(high) << 32 | u64::from(low));
        if self.offset == 0 { ns } else { ns.saturating_add_signed(self.offset.saturating_mul(1_000_000_000)) }
    }
}

/// Block by block through a pcapng capture.
#[derive(Debug, Default)]
pub(super) struct NgWalk {
    big: bool,
    ports: Vec<Port>,
    last: u64,
    /// The interfaces of all sections.
    pub interfaces: Interfaces,
}

impl NgWalk {
    #[inline]
    fn u32(&self, b: &[u8], at: usize) -> u32 {
        let w = b.get(at..).and_then(|b| b.first_chunk()).map_or([0; 4], |c| *c);
        if self.big { u32::from_be_bytes(w) } else { u32::from_le_bytes(w) }
    }
    #[inline]
    fn u16(&self, b: &[u8], at: usize) -> u16 {
        let w = b.get(at..).and_then(|b| b.first_chunk()).map_or([0; 2], |c| *c);
        if self.big { u16::from_be_bytes(w) } else { u16::from_le_bytes(w) }
    }
    fn u64(&self, b: &[u8]) -> u64 {
        let w = b.first_chunk().map_or([0; 8], |c| *c);
        if self.big { u64::from_be_bytes(w) } else { u64::from_le_bytes(w) }
    }
    /// The length of a block, once it is believable.
    #[inline]
    fn length(&self, at: &[u8], least: u32) -> Result<usize, Damage> {
        let found = self.u32(at, 4);
        if found > HARD_LIMIT {
            return Err(Damage::BlockLength { found, limit: HARD_LIMIT });
        }
        if found < least || !found.is_multiple_of(4) {
            return Err(Damage::BlockShape { found, least });
        }
        Ok(found as usize)
    }
    /// Sets the byte order of the section that begins here.
    fn section(&mut self, at: &[u8]) -> Result<(), Damage> {
        self.big = match self.u32(at, 8) {
            0x1a2b_3c4d => self.big,
            0x4d3c_2b1a => !self.big,
            found => return Err(Damage::ByteOrder { found }),
        };
        Ok(())
    }
    fn begin(&mut self, block: &[u8]) -> Result<(), Damage> {
        let (major, minor) = (self.u16(block, 12), self.u16(block, 14));
        // 1.2 is written by some tools and reads the same.
        if major != 1 || !matches!(minor, 0 | 2) {
            return Err(Damage::Version { major, minor, expected: "1.0" });
        }
        self.ports.clear();
        Ok(())
    }
    fn describe(&mut self, block: &[u8]) -> Result<(), Damage> {
        if self.ports.len() >= MAX_INTERFACES {
            return Err(Damage::Interfaces(MAX_INTERFACES));
        }
        let mut port = Port { local: 0, snaplen: self.u32(block, 12), ticks: Ticks::new(6), offset: 0, lost: [0; 2] };
        let mut name = None;
        let mut rest = block.get(16..block.len().saturating_sub(4)).unwrap_or(&[]);
        while let Some((after, code, value)) = self.option(rest) {
            match (code, value) {
                (0, _) => break,
                (2, v) => name = Some(String::from_utf8_lossy(v.get(..v.len().min(64)).unwrap_or(v)).into_owned()),
                (9, [r]) => port.ticks = Ticks::new(*r),
                (14, v) if v.len() == 8 => {
                    let (high, low) = if self.big { (self.u32(v, 0), self.u32(v, 4)) } else { (self.u32(v, 4), self.u32(v, 0)) };
                    port.offset = (u64::from(high) << 32 | u64::from(low)) as i64;
                }
                _ => {}
            }
            rest = after;
        }
        let described = self.interfaces.describe(self.ports.len() as u16, u32::from(self.u16(block, 8)), name);
        port.local = described.ok_or(Damage::Interfaces(MAX_INTERFACES))?;
        self.ports.push(port);
        Ok(())
    }
    /// One option: what follows it, its code, its value without padding.
    fn option<'a>(&self, rest: &'a [u8]) -> Option<(&'a [u8], u16, &'a [u8])> {
        let parse = if self.big { pcapng::parse_option_be::<PcapError<&[u8]>> } else { pcapng::parse_option_le::<PcapError<&[u8]>> };
        let (after, option) = parse(rest).ok()?;
        let value = rest.get(4..4 + usize::from(option.len))?;
        Some((after, option.code.0, value))
    }
    /// A packet block of either kind: the interface and where the packet stands.
    #[inline]
    fn packet(&mut self, block: &[u8], iface: u32) -> Result<Step, Damage> {
        let Some(port) = self.ports.get(iface as usize) else {
            return Err(Damage::Interface { found: iface, known: self.ports.len() });
        };
        let (cap, orig, room) = (self.u32(block, 20), self.u32(block, 24), (block.len() - 32) as u32);
        if cap > room {
            return Err(Damage::PacketRoom { found: cap, room });
        }
        let ts = port.time(self.u32(block, 12), self.u32(block, 16));
        self.last = ts;
        Ok(Step::Record(Record { ts, data: 28, cap, orig, iface: port.local, len: block.len() }))
    }
    /// Interface statistics: what was lost since the last ones, or what a comment of ours says. Whatever is wrong in them is no news.
    fn statistics(&mut self, block: &[u8]) -> Option<News> {
        if block.len() < 24 {
            return None;
        }
        let iface = self.u32(block, 8) as usize;
        let (ts, local) = self.ports.get(iface).map(|p| (p.time(self.u32(block, 12), self.u32(block, 16)), p.local))?;
        let (mut lost, mut said) = ([None; 2], None);
        let mut rest = block.get(20..block.len().saturating_sub(4)).unwrap_or(&[]);
        while let Some((after, code, value)) = self.option(rest) {
            match (code, value.len()) {
                (0, _) => break,
                (1, _) => said = said.or_else(|| Remark::parse(std::str::from_utf8(value).ok()?)),
                (5, 8) => lost[1] = Some(self.u64(value)),
                (7, 8) => lost[0] = Some(self.u64(value)),
                _ => {}
            }
            rest = after;
        }
        let port = self.ports.get_mut(iface)?;
        // Totals: what is new is the difference. A total that went back begins anew.
        let [kernel, card] = [0, 1].map(|i: usize| {
            let (had, has) = (port.lost.get_mut(i)?, lost.get(i).copied()??);
            Some(has.saturating_sub(std::mem::replace(had, has)))
        });
        let dropped = PortNews::Dropped { kernel: kernel.unwrap_or(0), card: card.unwrap_or(0) };
        let what = match said {
            Some(said) => said,
            None if dropped != (PortNews::Dropped { kernel: 0, card: 0 }) => Remark::Port(dropped),
            None => return None,
        };
        Some(News { ts, iface: local, what, len: block.len() })
    }
    /// A simple packet block: interface 0, no time of its own; it takes that of the packet before.
    fn simple(&self, block: &[u8]) -> Result<Step, Damage> {
        let Some(port) = self.ports.first() else { return Err(Damage::Interface { found: 0, known: 0 }) };
        let (orig, room) = (self.u32(block, 8), (block.len() - 16) as u32);
        let snaplen = if port.snaplen == 0 { u32::MAX } else { port.snaplen };
        let cap = orig.min(snaplen);
        // The block is padded to four bytes: a packet that is longer than the block does not fit.
        if cap > room {
            return Err(Damage::PacketRoom { found: cap, room });
        }
        Ok(Step::Record(Record { ts: self.last, data: 12, cap, orig, iface: port.local, len: block.len() }))
    }
}

impl Walk for NgWalk {
    #[inline]
    fn step(&mut self, at: &[u8]) -> Result<Step, Damage> {
        if at.len() < 12 {
            return Ok(Step::Need(12));
        }
        let kind = self.u32(at, 0);
        if kind == SECTION {
            self.section(at)?;
        }
        let least = match kind {
            SECTION => 28,
            INTERFACE => 20,
            PACKET | ENHANCED => 32,
            SIMPLE => 16,
            _ => 12,
        };
        let len = self.length(at, least)?;
        let Some(block) = at.get(..len) else { return Ok(Step::Need(len)) };
        let tail = self.u32(block, len - 4);
        if tail as usize != len {
            return Err(Damage::BlockTail { head: len as u32, tail });
        }
        match kind {
            ENHANCED => return self.packet(block, self.u32(block, 8)),
            PACKET => return self.packet(block, u32::from(self.u16(block, 8))),
            SIMPLE => return self.simple(block),
            SECTION => self.begin(block)?,
            INTERFACE => self.describe(block)?,
            STATISTICS => {
                if let Some(news) = self.statistics(block) {
                    return Ok(Step::News(news));
                }
            }
            _ => {}
        }
        Ok(Step::Other(len))
    }
}
