//! How random content is: a histogram over a bounded sample, given back as soon as the sample is complete.

use super::life::Content;
use crate::base::mix64;
use std::sync::LazyLock;

/// Bytes looked at of one request.
pub(super) const PIECE: usize = 512;
/// Requests looked at.
const PIECES: u8 = 8;

/// The sample of one direction of a handle.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    histogram: Option<Box<[u16; 256]>>,
    pieces: u8,
}

impl Sampler {
    /// Bytes wanted of the next request; `room` says whether a new histogram may be begun.
    pub(super) fn wants(&self, room: bool) -> usize {
        if self.pieces < PIECES && (room || self.histogram.is_some()) { PIECE } else { 0 }
    }
    /// Holds a histogram.
    pub(super) fn busy(&self) -> bool {
        self.histogram.is_some()
    }
    /// Takes a piece of content in.
    pub(super) fn take(&mut self, bytes: &[u8], content: &mut Content) {
        let bytes = bytes.get(..PIECE).unwrap_or(bytes);
        if self.pieces >= PIECES || bytes.is_empty() {
            return;
        }
        let histogram = self.histogram.get_or_insert_with(|| Box::new([0; 256]));
        for b in bytes {
            if let Some(n) = histogram.get_mut(usize::from(*b)) {
                *n += 1;
            }
        }
        content.sampled += bytes.len() as u16;
        self.pieces += 1;
        if self.pieces >= PIECES {
            self.settle(content);
            self.histogram = None;
        }
    }
    /// Writes the entropy of what was sampled so far.
    pub(super) fn settle(&self, content: &mut Content) {
        if let Some(h) = &self.histogram {
            content.entropy = entropy(h);
        }
    }
}

/// A hash of a piece of content; 0 if there is none. Not keyed: it knows files again, nobody gains by two with the same.
pub(super) fn head(bytes: &[u8]) -> u64 {
    let bytes = bytes.get(..PIECE).unwrap_or(bytes);
    if bytes.is_empty() {
        return 0;
    }
    let words = bytes.chunks(8).map(|c| c.iter().fold(c.len() as u64, |w, b| w << 8 ^ u64::from(*b)));
    words.fold(mix64(bytes.len() as u64), |h, w| mix64(h ^ w)).max(1)
}

/// n · log2 n for the counts that samples mostly have: a logarithm costs more than all the rest.
static SMALL: LazyLock<[f64; 64]> = LazyLock::new(|| std::array::from_fn(|n| by_logarithm(n as u16)));

fn by_logarithm(n: u16) -> f64 {
    let n = f64::from(n);
    if n > 1.0 { n * n.log2() } else { 0.0 }
}

/// Shannon entropy in thousandths of a bit.
fn entropy(histogram: &[u16; 256]) -> u16 {
    let small = &*SMALL;
    let (mut all, mut sum) = (0u32, 0.0);
    for n in histogram.iter().filter(|n| **n > 0) {
        all += u32::from(*n);
        sum += small.get(usize::from(*n)).copied().unwrap_or_else(|| by_logarithm(*n));
    }
    if all == 0 {
        return 0;
    }
    let all = f64::from(all);
    ((all.log2() - sum / all).max(0.0) * 1000.0).round() as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pieces: &[&[u8]]) -> Content {
        let (mut s, mut c) = (Sampler::default(), Content::default());
        pieces.iter().for_each(|p| s.take(p, &mut c));
        s.settle(&mut c);
        c
    }

    #[test]
    fn text_zeros_and_chance() {
        assert_eq!(of(&[&[0; 4096]]), Content { sampled: 512, entropy: 0, ..Content::default() });
        let text = "the quick brown fox jumps over the lazy dog. ".repeat(20);
        assert!((3500..4600).contains(&of(&[text.as_bytes()]).entropy));
        let mut x = 1u64;
        let chance: Vec<u8> = (0..5000)
            .map(|_| {
                x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (x >> 56) as u8
            })
            .collect();
        let pieces: Vec<&[u8]> = chance.chunks(600).collect();
        let c = of(&pieces);
        assert_eq!(c.sampled, 4096);
        assert!(c.entropy > 7900, "{}", c.entropy);
        assert!(of(&[&chance[..512]]).entropy > 7400);
    }

    #[test]
    fn the_same_beginning_has_the_same_hash() {
        let (a, mut b) = ([7u8; 700], [7u8; 700]);
        assert_eq!(head(&a), head(&a[..600]));
        b[511] = 8;
        assert_ne!(head(&a), head(&b));
        assert_ne!(head(&a[..16]), head(&a[..17]));
        assert_eq!(head(&[]), 0);
    }

    #[test]
    fn nothing_is_held_once_the_sample_is_complete() {
        let (mut s, mut c) = (Sampler::default(), Content::default());
        assert_eq!((s.wants(false), s.wants(true)), (0, PIECE));
        for i in 0..20 {
            assert_eq!(s.busy(), (1..8).contains(&i));
            s.take(&[7; 9], &mut c);
        }
        assert_eq!((s.wants(true), c.sampled, c.entropy), (0, 72, 0));
    }
}
