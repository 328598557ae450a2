//! Reading numbers and byte runs in network order from a slice that may end anywhere.

use std::borrow::Cow;

/// What is left of a message. Every read either succeeds and moves on, or returns `None` and leaves the rest where it was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Starts at the first byte of `bytes`.
    pub(crate) const fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { rest: bytes }
    }
    /// Bytes not yet read.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }
    /// Number of bytes not yet read.
    pub(crate) const fn len(&self) -> usize {
        self.rest.len()
    }
    /// Nothing left.
    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }
    /// The next `n` bytes.
    pub(crate) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(head)
    }
    /// The next `n` bytes, or all that is left when there are fewer; the flag says whether all `n` were there.
    pub(crate) fn take_up_to(&mut self, n: usize) -> (&'a [u8], bool) {
        let whole = n <= self.rest.len();
        let (head, rest) = self.rest.split_at(n.min(self.rest.len()));
        self.rest = rest;
        (head, whole)
    }
    /// The next `N` bytes as an array.
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*head)
    }
    /// One byte.
    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }
    /// Two bytes.
    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }
    /// Three bytes.
    pub(crate) fn u24(&mut self) -> Option<u32> {
        self.array().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }
    /// Four bytes.
    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }
    /// A run behind a length of one byte.
    pub(crate) fn vec8(&mut self) -> Option<&'a [u8]> {
        let mut c = *self;
        let n = c.u8()?;
        let run = c.take(usize::from(n))?;
        *self = c;
        Some(run)
    }
    /// A run behind a length of two bytes.
    pub(crate) fn vec16(&mut self) -> Option<&'a [u8]> {
        let mut c = *self;
        let n = c.u16()?;
        let run = c.take(usize::from(n))?;
        *self = c;
        Some(run)
    }
}

/// Text that a device put into a message: UTF-8, else CP932 (what Windows in Japan sends), cut at the first NUL, without control characters,
/// trimmed, at most `max` bytes long.
pub(crate) fn text(bytes: &[u8], max: usize) -> String {
    let bytes = bytes.split(|b| *b == 0).next().unwrap_or_default();
    let bytes = bytes.get(..max).unwrap_or(bytes);
    // Nearly all text is this.
    if bytes.iter().fold(true, |plain, b| plain & b.is_ascii_graphic()) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let read: Cow<'_, str> = match std::str::from_utf8(bytes) {
        Ok(s) => Cow::Borrowed(s),
        // A cut in the middle of a character is not a reason to read the whole in another code.
        Err(e) if e.error_len().is_none() && e.valid_up_to() > 0 => String::from_utf8_lossy(bytes.get(..e.valid_up_to()).unwrap_or_default()),
        Err(_) => encoding_rs::SHIFT_JIS.decode_without_bom_handling(bytes).0,
    };
    let mut out = String::new();
    for c in read.trim().chars().filter(|c| !c.is_control() && *c != '\u{fffd}') {
        if out.len() + c.len_utf8() > max {
            break;
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_read_moves_nothing() {
        let mut c = Cursor::new(&[1, 2, 3]);
        assert_eq!(c.u32(), None);
        assert_eq!(c.vec16(), None);
        assert_eq!(c.vec8(), Some(&[2u8][..]));
        assert_eq!(c.vec8(), None);
        assert_eq!(c.take_up_to(9), (&[3u8][..], false));
        assert!(c.is_empty());
    }

    #[test]
    fn text_of_devices() {
        assert_eq!(text(b"TERM3\0\0junk", 255), "TERM3");
        assert_eq!(text("受付１".as_bytes(), 255), "受付１");
        assert_eq!(text(&[0x8e, 0xf3, 0x95, 0x74], 255), "受付");
        assert_eq!(text(b"a\x1b[31m\x07b", 255), "a[31mb");
        assert_eq!(text("ああああ".as_bytes(), 8), "ああ");
        assert!(text(&[0xa1; 400], 255).len() <= 255);
    }
}
