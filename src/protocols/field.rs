//! Fields at offsets as Windows protocols lay them out ([MS-DTYP] 2.2 and 2.3): little-endian numbers, UTF-16 and OEM text. Everything that lies
//! outside the bytes is None or empty, never a panic.
#![forbid(unsafe_code)]

use encoding_rs::{SHIFT_JIS, UTF_16LE, WINDOWS_1252};

/// One byte at an offset.
pub fn u8_at(b: &[u8], at: usize) -> Option<u8> {
    b.get(at).copied()
}

/// A little-endian 16-bit number at an offset.
pub fn u16_at(b: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(array_at(b, at)?))
}

/// A little-endian 32-bit number at an offset.
pub fn u32_at(b: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(array_at(b, at)?))
}

/// A little-endian 64-bit number at an offset.
pub fn u64_at(b: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(array_at(b, at)?))
}

/// `N` bytes at an offset.
pub fn array_at<const N: usize>(b: &[u8], at: usize) -> Option<[u8; N]> {
    b.get(at..)?.first_chunk::<N>().copied()
}

/// `len` bytes at an offset, or as many of them as are there.
pub fn cut_at(b: &[u8], at: usize, len: usize) -> &[u8] {
    let tail = b.get(at..).unwrap_or_default();
    tail.get(..len).unwrap_or(tail)
}

/// UTF-16LE text of at most `max` characters. Half a surrogate pair becomes U+FFFD, an odd last byte is left out.
pub fn utf16(b: &[u8], max: usize) -> String {
    // A character takes at most two units of two bytes; what lies beyond would be cut anyway.
    let b = cut_at(b, 0, (b.len() & !1).min(max.saturating_mul(4)));
    cut(&UTF_16LE.decode_without_bom_handling(b).0, max)
}

/// Text in the sender's OEM code page, which the wire does not name, of at most `max` characters: UTF-8 or CP932 if it is valid as such, else Latin.
pub fn oem(b: &[u8], max: usize) -> String {
    let b = cut_at(b, 0, max.saturating_mul(4));
    if let Ok(s) = std::str::from_utf8(b) {
        return cut(s, max);
    }
    match SHIFT_JIS.decode_without_bom_handling_and_without_replacement(b) {
        Some(s) => cut(&s, max),
        None => cut(&WINDOWS_1252.decode_without_bom_handling(b).0, max),
    }
}

/// The bytes before the first NUL byte, or all.
pub fn before_nul(b: &[u8]) -> &[u8] {
    cut_at(b, 0, b.iter().position(|c| *c == 0).unwrap_or(b.len()))
}

/// The bytes before the first UTF-16 NUL, or all.
pub fn before_wide_nul(b: &[u8]) -> &[u8] {
    cut_at(b, 0, b.chunks_exact(2).position(|c| c == [0, 0]).map_or(b.len(), |n| n * 2))
}

/// The first `max` characters.
pub fn cut(s: &str, max: usize) -> String {
    match s.char_indices().nth(max) {
        Some((end, _)) => s.get(..end).unwrap_or_default().to_owned(),
        None => s.to_owned(),
    }
}

/// Runs a foreign parser; a panic in it is an error here.
pub(super) fn guarded<T>(parse: impl FnOnce() -> T) -> Result<T, ()> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(parse)).map_err(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stop_at_the_end() {
        let b = [1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!((u8_at(&b, 7), u8_at(&b, 8)), (Some(8), None));
        assert_eq!((u16_at(&b, 6), u16_at(&b, 7)), (Some(0x0807), None));
        assert_eq!((u32_at(&b, 0), u32_at(&b, usize::MAX)), (Some(0x0403_0201), None));
        assert_eq!((u64_at(&b, 0), u64_at(&b, 1)), (Some(0x0807_0605_0403_0201), None));
        assert_eq!((cut_at(&b, 6, 9), cut_at(&b, 9, 1)), ([7u8, 8].as_slice(), [].as_slice()));
    }

    #[test]
    fn text_is_cut_and_repaired() {
        assert_eq!(utf16(b"a\0\x00\xd8b\0c", 9), "a\u{fffd}b");
        assert_eq!(utf16(&[0x3d, 0xd8, 0x00, 0xde, 0x41, 0], 1), "\u{1f600}");
        assert_eq!(utf16(b"\xff\xfea\0", 9), "\u{feff}a");
        assert_eq!(oem(b"TERM-03", 4), "TERM");
        assert_eq!(oem(&[0x8e, 0xf3, 0x95, 0x74], 9), "受付");
        assert_eq!(oem(&[0xfc, 0xff], 9), "üÿ");
        assert_eq!(before_nul(b"ab\0c"), b"ab");
        assert_eq!(before_wide_nul(b"a\0\0b\0\0c\0"), b"a\0\0b");
        assert_eq!(cut("日本語", 2), "日本");
    }
}
