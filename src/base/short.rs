//! Text of a few bytes that stands where it is used: no allocation for what always fits.

use std::fmt;
use std::ops::Deref;

/// At most `N` bytes of text (`N` up to 255).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Short<const N: usize> {
    len: u8,
    bytes: [u8; N],
}

impl<const N: usize> Short<N> {
    /// The text as far as it fits, cut between characters.
    pub fn new(text: &str) -> Self {
        let mut short = Short::default();
        let most = N.min(usize::from(u8::MAX));
        let len = (0..=text.len().min(most)).rev().find(|n| text.is_char_boundary(*n)).unwrap_or(0);
        if let (Some(to), Some(from)) = (short.bytes.get_mut(..len), text.as_bytes().get(..len)) {
            to.copy_from_slice(from);
            short.len = len as u8;
        }
        short
    }
    /// The text's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl<const N: usize> Default for Short<N> {
    fn default() -> Self {
        Short { len: 0, bytes: [0; N] }
    }
}

impl<const N: usize> Deref for Short<N> {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl<const N: usize> From<&str> for Short<N> {
    fn from(text: &str) -> Self {
        Short::new(text)
    }
}

impl<const N: usize> fmt::Debug for Short<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<const N: usize> fmt::Display for Short<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_fits_and_never_half_a_character() {
        assert_eq!(&*Short::<4>::new("abc"), "abc");
        assert_eq!(&*Short::<4>::new("abcde"), "abcd");
        assert_eq!(&*Short::<4>::new("ab\u{3042}"), "ab");
        assert_eq!(&*Short::<5>::new("ab\u{3042}"), "ab\u{3042}");
        assert!(Short::<4>::default().is_empty());
    }
}
