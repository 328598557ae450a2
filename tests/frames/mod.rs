//! The frames of a capture file as `pcap-parser` reads them, for tests that must not read it with the reader they test. One place for all of them.
#![allow(dead_code)]

use flate2::read::MultiGzDecoder;
use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader};
use spanward::wire::Linktype;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

/// The shared folder: beside the repository, or where the environment says.
pub fn shared() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared");
    let dir = std::env::var_os("SPANWARD_SHARED").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    if !dir.is_dir() {
        println!("skipped: no shared folder (SPANWARD_SHARED, or {beside})");
        return None;
    }
    Some(dir)
}

/// One frame.
pub struct Captured<'a> {
    pub linktype: Linktype,
    pub bytes: &'a [u8],
    /// Length on the wire.
    pub orig_len: u32,
    /// Since 1970; 0 in pcapng.
    pub ns: u64,
}

fn linktype(n: i32) -> Linktype {
    match n {
        1 => Linktype::Ethernet,
        113 => Linktype::Sll,
        276 => Linktype::Sll2,
        12 | 14 | 101 | 228 | 229 => Linktype::Raw,
        0 => Linktype::Null,
        108 => Linktype::Loop,
        _ => Linktype::Unknown,
    }
}

/// Calls back for each frame of a pcap or pcapng file, gzipped or not, up to where it is damaged.
pub fn each_frame(path: &Path, mut f: impl FnMut(Captured<'_>)) {
    let Ok(mut bytes) = std::fs::read(path) else { return };
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        // A cut archive still yields what stands before the cut.
        let _ = MultiGzDecoder::new(bytes.as_slice()).take(256 << 20).read_to_end(&mut plain);
        bytes = plain;
    }
    let Ok(mut reader) = create_reader(bytes.len() + 64, Cursor::new(bytes)) else { return };
    let (mut file_type, mut unit, mut interfaces, mut is_full) = (Linktype::Unknown, 1000, Vec::new(), false);
    loop {
        match reader.next() {
            Ok((used, block)) => {
                match block {
                    PcapBlockOwned::LegacyHeader(h) => {
                        file_type = linktype(h.network.0);
                        unit = if h.is_nanosecond_precision() { 1 } else { 1000 };
                    }
                    PcapBlockOwned::Legacy(b) => {
                        let ns = u64::from(b.ts_sec) * 1_000_000_000 + u64::from(b.ts_usec) * unit;
                        f(captured(file_type, b.data, b.caplen, b.origlen, ns));
                    }
                    PcapBlockOwned::NG(Block::SectionHeader(_)) => interfaces.clear(),
                    PcapBlockOwned::NG(Block::InterfaceDescription(d)) => interfaces.push(linktype(d.linktype.0)),
                    PcapBlockOwned::NG(Block::EnhancedPacket(b)) => {
                        let t = interfaces.get(b.if_id as usize).copied().unwrap_or(Linktype::Unknown);
                        f(captured(t, b.data, b.caplen, b.origlen, 0));
                    }
                    PcapBlockOwned::NG(Block::SimplePacket(b)) => {
                        f(captured(interfaces.first().copied().unwrap_or(Linktype::Unknown), b.data, b.origlen, b.origlen, 0));
                    }
                    PcapBlockOwned::NG(_) => {}
                }
                reader.consume(used);
            }
            // The buffer holds the whole file: more cannot come.
            Err(PcapError::Incomplete(_)) if !is_full => {
                is_full = true;
                if reader.refill().is_err() {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

/// Data of a block may be padded.
fn captured(linktype: Linktype, data: &[u8], len: u32, orig_len: u32, ns: u64) -> Captured<'_> {
    Captured { linktype, bytes: data.get(..len as usize).unwrap_or(data), orig_len, ns }
}
