//! Odd input, counted per layer and name, with the first of each as an example.

use super::Weird;
use std::collections::BTreeMap;

/// Weirds kept between two drains. More only means a longer list of examples nobody reads; all are counted anyway.
const KEPT: usize = 256;

/// How often one kind of weird was seen, and where first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WeirdCount {
    /// Times seen.
    pub count: u64,
    /// The first of them.
    pub first: Weird,
}

/// Counts by (layer, name): both are fixed words of this program, so the table is bounded by its source.
#[derive(Debug, Default)]
pub(super) struct Weirds {
    counts: BTreeMap<(&'static str, &'static str), WeirdCount>,
    recent: Vec<Weird>,
}

impl Weirds {
    pub(super) fn note(&mut self, w: Weird) {
        self.counts.entry((w.layer, w.name)).and_modify(|c| c.count += 1).or_insert(WeirdCount { count: 1, first: w });
        if self.recent.len() < KEPT {
            self.recent.push(w);
        }
    }
    pub(super) fn take(&mut self) -> Vec<Weird> {
        std::mem::take(&mut self.recent)
    }
    pub(super) const fn counts(&self) -> &BTreeMap<(&'static str, &'static str), WeirdCount> {
        &self.counts
    }
}
