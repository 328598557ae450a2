//! Classic capture files (draft-ietf-opsawg-pcap): little endian, nanoseconds, Ethernet.

/// A file of frames in time order; `frames` are (nanoseconds since 1970, bytes).
pub fn file(frames: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(24 + frames.iter().map(|f| 16 + f.1.len()).sum::<usize>());
    for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        out.extend(word.to_le_bytes());
    }
    for (ts, bytes) in frames {
        let len = bytes.len() as u32;
        for word in [(ts / 1_000_000_000) as u32, (ts % 1_000_000_000) as u32, len, len] {
            out.extend(word.to_le_bytes());
        }
        out.extend(bytes);
    }
    out
}
