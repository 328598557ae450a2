//! Bounds-checked reads of numbers in network order.

/// `N` bytes at `pos`, if they are there.
#[inline]
pub(super) fn at<const N: usize>(d: &[u8], pos: usize) -> Option<&[u8; N]> {
    d.get(pos..)?.first_chunk::<N>()
}

/// One byte at `pos`.
#[inline]
pub(super) fn byte(d: &[u8], pos: usize) -> Option<u8> {
    d.get(pos).copied()
}

/// A 16-bit number at `pos`.
#[inline]
pub(super) fn be16(d: &[u8], pos: usize) -> Option<u16> {
    at::<2>(d, pos).map(|b| u16::from_be_bytes(*b))
}

/// A 32-bit number at `pos`.
#[inline]
pub(super) fn be32(d: &[u8], pos: usize) -> Option<u32> {
    at::<4>(d, pos).map(|b| u32::from_be_bytes(*b))
}
