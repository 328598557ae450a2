//! Remembers what was computed from the same bytes before: a pure function made cheap, in bounded memory.

use foldhash::fast::FixedState;
use std::hash::BuildHasher;

/// Places of a memo: one for each of the programs that speak TLS in a network, and some.
const PLACES: usize = 256;
/// Longer ingredients are computed anew each time.
const LONGEST: usize = 1024;

/// The bytes that a result is computed from, each list behind its length, so that different ingredients are different bytes.
#[derive(Debug, Default)]
pub(super) struct Ingredients(Vec<u8>);

impl Ingredients {
    pub(super) fn number(&mut self, v: u16) -> &mut Self {
        self.0.extend_from_slice(&v.to_le_bytes());
        self
    }
    pub(super) fn bytes(&mut self, b: &[u8]) -> &mut Self {
        self.number(b.len() as u16);
        self.0.extend_from_slice(b);
        self
    }
    pub(super) fn list(&mut self, pairs: &[[u8; 2]]) -> &mut Self {
        self.bytes(pairs.as_flattened())
    }
    /// The last of the ingredients: its length follows from the whole.
    pub(super) fn numbers(&mut self, items: impl Iterator<Item = u16>) -> &mut Self {
        items.for_each(|v| self.0.extend_from_slice(&v.to_le_bytes()));
        self
    }
}

/// Results by their ingredients. A newer one takes the place of an older one that falls into it.
#[derive(Debug, Default)]
pub(super) struct Memo<T> {
    places: Vec<(Vec<u8>, T)>,
}

impl<T: Copy + Default> Memo<T> {
    /// The result of these ingredients, computed unless it is remembered.
    pub(super) fn of(&mut self, ingredients: Ingredients, compute: impl FnOnce() -> T) -> T {
        let Ingredients(bytes) = ingredients;
        if bytes.len() > LONGEST {
            return compute();
        }
        if self.places.is_empty() {
            self.places.resize(PLACES, (Vec::new(), T::default()));
        }
        let at = FixedState::with_seed(0x0074_6c73).hash_one(bytes.as_slice()) as usize % PLACES;
        match self.places.get_mut(at) {
            Some((known, result)) if *known == bytes => *result,
            Some(place) => {
                *place = (bytes, compute());
                place.1
            }
            None => compute(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(n: u16) -> Ingredients {
        let mut i = Ingredients::default();
        i.number(n).bytes(&[1, 2]);
        i
    }

    #[test]
    fn computes_once_and_never_takes_another_result() {
        let mut memo = Memo::default();
        let mut computed = 0;
        for _ in 0..3 {
            for n in 0..20_000u16 {
                assert_eq!(memo.of(of(n), || n), n);
            }
            assert_eq!(memo.of(of(7), || 7), 7);
            memo.of(of(7), || {
                computed += 1;
                7
            });
        }
        assert_eq!(computed, 0);
        assert!(memo.places.len() <= PLACES);
    }

    #[test]
    fn lists_do_not_run_into_each_other() {
        let (mut a, mut b) = (Ingredients::default(), Ingredients::default());
        a.bytes(&[1]).bytes(&[2, 3]);
        b.bytes(&[1, 2]).bytes(&[3]);
        assert_ne!(a.0, b.0);
    }
}
