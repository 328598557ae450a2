//! How much was seen lately: an hour in steps of ten seconds, for the little graphs.

use super::view::Changes;
use crate::base::{Span, Timestamp};
use crate::event::{Coverage, Event, EventKind};
use crate::site::Site;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Seconds of one step.
pub const STEP: u64 = 10;
/// Steps kept: an hour.
const STEPS: u64 = 360;
/// Zones counted in one step.
const ZONES: usize = 32;

/// What one step saw.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Rate {
    /// Frames.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// Contacts by the zone that began them.
    pub zones: BTreeMap<String, u64>,
}

/// Gathers the steps.
#[derive(Debug, Default)]
pub(super) struct Rates {
    packets: u64,
    bytes: u64,
    /// Contacts since the last tick, by zone.
    zones: BTreeMap<String, u64>,
}

impl Rates {
    /// Counts a contact.
    pub(super) fn event(&mut self, event: &Event, site: &Site) {
        let (zone, n) = match &event.kind {
            EventKind::Contact(c) => (super::traffic::place(site, c.flow.tuple.orig), 1),
            EventKind::Contacts(c) => (super::traffic::place(site, c.example.orig), c.attempted + c.refused),
            _ => return,
        };
        if let Some(seen) = self.zones.get_mut(zone) {
            *seen += n;
        } else if self.zones.len() < ZONES {
            self.zones.insert(zone.to_owned(), n);
        }
    }
    /// A tick passed: what came since the last one belongs to the step in which it ends.
    pub(super) fn tick(&mut self, now: Timestamp, c: &Coverage, all: &mut BTreeMap<String, Rate>, changed: &mut Changes<Rate>) {
        let (packets, bytes) = (c.packets.saturating_sub(self.packets), c.bytes.saturating_sub(self.bytes));
        (self.packets, self.bytes) = (c.packets, c.bytes);
        let id = step(now - Span(1));
        let r = all.entry(id.clone()).or_default();
        let is_news = packets > 0 || !self.zones.is_empty() || *r == Rate::default();
        r.packets += packets;
        r.bytes += bytes;
        for (zone, n) in std::mem::take(&mut self.zones) {
            *r.zones.entry(zone).or_default() += n;
        }
        if is_news {
            changed.set.insert(id, r.clone());
        }
        let oldest = step(now - Span::secs(STEP * STEPS));
        while let Some(first) = all.keys().next().filter(|k| **k < oldest).cloned() {
            changed.leave(&first, all);
        }
    }
}

/// A step's key: the second it begins at, so that text sorts as time.
fn step(ts: Timestamp) -> String {
    format!("{:011}", ts.secs() / STEP * STEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_kept_and_nothing_is_lost_from_the_counts() {
        let (mut rates, mut all, mut seen) = (Rates::default(), BTreeMap::new(), 0);
        for s in 0..7200u64 {
            seen += s % 7;
            let c = Coverage { packets: seen, bytes: seen * 100, ..Coverage::default() };
            rates.tick(Timestamp::new(1_000_000 + s, 0), &c, &mut all, &mut Changes::default());
        }
        assert!(all.len() <= 361, "{} steps", all.len());
        let sum: u64 = all.values().map(|r: &Rate| r.packets).sum();
        let want: u64 = (7200 - 3600..7200u64).map(|s| s % 7).sum();
        assert!(sum.abs_diff(want) < 70, "{sum} {want}");
        assert!(all.values().all(|r| r.bytes == r.packets * 100));
    }
}
