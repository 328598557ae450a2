//! The classic capture file (draft-ietf-opsawg-pcap): a 24-byte header, then records of 16 bytes and the packet.
//! Microseconds or nanoseconds, both byte orders, and the old "modified" format with 24-byte record headers.

use super::fault::Damage;
use super::input::{Record, Step, Walk};

/// The largest captured length that is accepted when the header does not ask for more (libpcap's own maximum).
pub(super) const LIMIT: u32 = 262_144;
/// The largest that is accepted whatever the header asks for: bounds the read buffer.
pub(super) const HARD_LIMIT: u32 = 16 << 20;
/// Bytes of the file header.
pub(super) const HEADER: usize = 24;

/// Record by record through a classic capture.
#[derive(Debug)]
pub(super) struct PcapWalk {
    swapped: bool,
    nanos_per_tick: u32,
    record_header: usize,
    limit: u32,
    minor: u16,
    /// LINKTYPE_ number of every frame.
    pub linktype: u32,
}

/// Magic number, as read in little-endian: (other byte order, nanoseconds per tick, bytes of a record header).
pub(super) const fn magic(word: u32) -> Option<(bool, u32, usize)> {
    match word {
        0xa1b2_c3d4 => Some((false, 1000, 16)),
        0xd4c3_b2a1 => Some((true, 1000, 16)),
        0xa1b2_3c4d => Some((false, 1, 16)),
        0x4d3c_b2a1 => Some((true, 1, 16)),
        0xa1b2_cd34 => Some((false, 1000, 24)),
        0x34cd_b2a1 => Some((true, 1000, 24)),
        _ => None,
    }
}

#[inline]
fn word(b: &[u8], at: usize, swapped: bool) -> u32 {
    let w = b.get(at..).and_then(|b| b.first_chunk()).map_or(0, |c| u32::from_le_bytes(*c));
    if swapped { w.swap_bytes() } else { w }
}

impl PcapWalk {
    /// From the file header. `None`: this is no classic capture.
    pub fn new(header: &[u8; HEADER]) -> Option<Result<PcapWalk, Damage>> {
        let (swapped, nanos_per_tick, record_header) = magic(word(header, 0, false))?;
        let version = word(header, 4, swapped);
        // Two 16-bit fields read as one word: which half comes first depends on the byte order.
        let (major, minor) = if swapped { ((version >> 16) as u16, version as u16) } else { (version as u16, (version >> 16) as u16) };
        if major != 2 {
            return Some(Err(Damage::Version { major, minor, expected: "2.4" }));
        }
        let limit = word(header, 16, swapped).clamp(LIMIT, HARD_LIMIT);
        // The upper bits hold the length of a frame check sequence.
        let linktype = word(header, 20, swapped) & 0x03ff_ffff;
        Some(Ok(PcapWalk { swapped, nanos_per_tick, record_header, limit, minor, linktype }))
    }
    /// Before version 2.4 some writers had the two lengths the other way round.
    #[inline]
    fn lengths(&self, a: u32, b: u32) -> (u32, u32) {
        if self.minor < 3 || self.minor == 3 && a > b { (b, a) } else { (a, b) }
    }
}

impl Walk for PcapWalk {
    #[inline]
    fn step(&mut self, at: &[u8]) -> Result<Step, Damage> {
        let Some(head) = at.first_chunk::<16>() else { return Ok(Step::Need(self.record_header)) };
        let (cap, orig) = self.lengths(word(head, 8, self.swapped), word(head, 12, self.swapped));
        if cap > self.limit {
            return Err(Damage::PacketLength { found: cap, limit: self.limit });
        }
        let len = self.record_header + cap as usize;
        if at.len() < len {
            return Ok(Step::Need(len));
        }
        let ts = u64::from(word(head, 0, self.swapped)) * 1_000_000_000 + u64::from(word(head, 4, self.swapped)) * u64::from(self.nanos_per_tick);
        Ok(Step::Record(Record { ts, data: self.record_header as u32, cap, orig, iface: 0, len }))
    }
}
