//! The clock filter: makes packet time usable before anything else sees it. It looks at nothing but the times in file order: deterministic.
//!
//! * A backward step is clamped to the last time; one of more than a second is a `clock_back` weird (one per excursion).
//! * A forward jump of more than an hour is not believed until 64 packets in a row stand beyond it and agree among themselves (each within
//!   an hour of the one before). Until then packets carry the last believed time; the 64th moves the clock. One `clock_jump` weird per jump.
//! * The first packets choose the start: among the first 64 times those that agree are grouped, so that one bogus first time (zero, or the
//!   year 2106) sets no clock (see `start`).
//!
//! What it costs: after a quiet night without one packet in more than an hour, the first 63 packets of the morning carry the time of the
//! last packet of the evening; on a mirror port that is a fraction of a second of traffic. Traffic that never has two packets within an
//! hour of each other stays at its first time; such a capture shows a `clock_jump`, and its times are not to be used.

use crate::base::{Span, Timestamp};
use crate::wire::Weird;

/// A forward step longer than this has to be believed first. Smaller: quiet nights lose more; larger: a wrong clock does more harm.
pub const JUMP: Span = Span::hours(1);
/// Packets that have to agree before a jump is believed, and packets that choose the start.
pub const WITNESSES: usize = 64;
/// Backward steps up to this are the reordering of a multi-queue card and are not worth a word.
const REORDER: Span = Span::secs(1);
/// 1990-01-01: no capture is older; an earlier time is a clock that was never set.
const PLAUSIBLE: Timestamp = Timestamp::new(631_152_000, 0);

/// The filter's state. [`Clock::admit`] turns raw times into times that never go back and never leap unbelieved.
#[derive(Debug, Default)]
pub struct Clock {
    now: Option<Timestamp>,
    run: usize,
    run_last: Timestamp,
    back: bool,
}

impl Clock {
    /// A clock that has seen nothing.
    pub fn new() -> Clock {
        Clock::default()
    }
    /// Has the clock been set?
    pub fn is_set(&self) -> bool {
        self.now.is_some()
    }
    /// Sets the start from the raw times of the first packets (at most `WITNESSES` are looked at). Does nothing once the clock is set.
    pub fn set(&mut self, raw: impl Iterator<Item = Timestamp>) {
        if self.now.is_none() {
            let first: Vec<Timestamp> = raw.take(WITNESSES).collect();
            self.now = start(&first);
        }
    }
    /// The time of a packet whose time a sensor has admitted: it is believed, and never goes back.
    pub fn trust(&mut self, raw: Timestamp) -> Timestamp {
        let now = self.now.map_or(raw, |now| now.max(raw));
        (self.now, self.run, self.back) = (Some(now), 0, false);
        now
    }
    /// The last packet's time, or this one if it is later.
    pub fn not_before(&self, raw: Timestamp) -> Timestamp {
        self.now.map_or(raw, |now| now.max(raw))
    }
    /// Is this an ordinary time, at or a little after the last one? Then it is the last one now, and usable as it is.
    #[inline]
    pub fn passes(&mut self, raw: Timestamp) -> bool {
        let plain = self.run == 0 && !self.back && self.now.is_some_and(|now| raw >= now && raw.since(now) <= JUMP);
        if plain {
            self.now = Some(raw);
        }
        plain
    }
    /// The nearest usable time to that of something that is no packet: not before the last packet, and not more than an hour behind it. It moves
    /// no clock.
    pub fn bounds(&self, raw: Timestamp) -> Timestamp {
        self.now.map_or(raw, |now| raw.clamp(now, now + JUMP))
    }
    /// The usable time of the next packet, and a weird if something is wrong with the raw one.
    #[inline]
    pub fn admit(&mut self, raw: Timestamp, number: u64) -> (Timestamp, Option<Weird>) {
        let now = *self.now.get_or_insert(raw);
        if raw >= now && raw.since(now) <= JUMP {
            (self.run, self.back) = (0, false);
            self.now = Some(raw);
            return (raw, None);
        }
        self.doubt(raw, now, number)
    }
    #[cold]
    fn doubt(&mut self, raw: Timestamp, now: Timestamp, number: u64) -> (Timestamp, Option<Weird>) {
        let weird = |name| Some(Weird { ts: now, number, name, layer: "clock", offset: 0 });
        if raw < now {
            self.run = 0;
            let told = self.back || now.since(raw) <= REORDER;
            self.back |= !told;
            return (now, if told { None } else { weird("clock_back") });
        }
        let first = self.run == 0;
        let agrees = raw.since(self.run_last) <= JUMP && self.run_last.since(raw) <= JUMP;
        self.run = if first || !agrees { 1 } else { self.run + 1 };
        self.run_last = raw;
        if self.run >= WITNESSES {
            (self.run, self.back) = (0, false);
            self.now = Some(raw);
            return (raw, None);
        }
        (now, if first { weird("clock_jump") } else { None })
    }
}

#[derive(Clone, Copy)]
struct Group {
    min: Timestamp,
    max: Timestamp,
    len: usize,
}

/// The time at which the run starts. Times within an hour of each other form a group. The group of the first packet is believed, unless
/// an *earlier* group has at least as many members (the first clock ran ahead: it could never go back), or a *later* one
/// has more than eight where the first packet stands alone, or is the only one with a time after 1990 (the first clock was not set).
fn start(raw: &[Timestamp]) -> Option<Timestamp> {
    let first = *raw.first()?;
    let groups = groups(raw);
    let mut best = *groups.iter().find(|g| g.min <= first && first <= g.max)?;
    for g in groups {
        let (plausible, had) = (g.max >= PLAUSIBLE, best.max >= PLAUSIBLE);
        let wins = if g.min < best.min { g.len >= best.len && plausible == had } else { best.len == 1 && g.len > 8 || plausible && !had };
        if wins {
            best = g;
        }
    }
    // The first member of the group in file order: the ordinary case keeps the first packet's own time.
    raw.iter().copied().find(|t| best.min <= *t && *t <= best.max)
}

fn groups(raw: &[Timestamp]) -> Vec<Group> {
    let mut sorted = raw.to_vec();
    sorted.sort_unstable();
    let mut groups: Vec<Group> = Vec::new();
    for t in sorted {
        match groups.last_mut() {
            Some(g) if t.since(g.max) <= JUMP => {
                g.max = t;
                g.len += 1;
            }
            _ => groups.push(Group { min: t, max: t, len: 1 }),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u64 = 1_795_255_200;
    const BOGUS: u64 = 4_294_967_295;

    fn run(secs: &[u64]) -> (Vec<u64>, Vec<(&'static str, u64)>) {
        let raw: Vec<Timestamp> = secs.iter().map(|s| Timestamp::new(*s, 0)).collect();
        let mut c = Clock::new();
        c.set(raw.iter().copied());
        let (mut out, mut weird) = (Vec::new(), Vec::new());
        for (i, t) in raw.iter().enumerate() {
            let (ts, w) = c.admit(*t, i as u64 + 1);
            out.push(ts.secs());
            weird.extend(w.map(|w| (w.name, w.number)));
        }
        (out, weird)
    }

    #[test]
    fn ordinary_times_pass_unchanged() {
        let secs: Vec<u64> = (0..500).map(|i| T + i * 3600).collect();
        assert_eq!(run(&secs), (secs.clone(), vec![]));
        assert_eq!(run(&[]), (vec![], vec![]));
    }

    #[test]
    fn backward_steps_are_clamped_and_told_once() {
        let (out, weird) = run(&[T, T + 10, T + 9, T + 2, T + 3, T + 11, T + 1]);
        assert_eq!(out, [T, T + 10, T + 10, T + 10, T + 10, T + 11, T + 11]);
        assert_eq!(weird, [("clock_back", 4), ("clock_back", 7)]);
    }

    #[test]
    fn a_single_packet_in_2106_changes_nothing() {
        let mut secs: Vec<u64> = (0..200).map(|i| T + i).collect();
        secs[100] = BOGUS;
        let (out, weird) = run(&secs);
        assert_eq!((out[99], out[100], out[101]), (T + 99, T + 99, T + 101));
        assert_eq!(weird, [("clock_jump", 101)]);
    }

    #[test]
    fn the_64th_packet_in_agreement_moves_the_clock() {
        let mut secs: Vec<u64> = (0..100).map(|i| T + i).collect();
        secs.extend((0..100).map(|i| T + 100_000 + i));
        let (out, weird) = run(&secs);
        assert!(out[100..163].iter().all(|t| *t == T + 99), "{out:?}");
        assert_eq!(out[163], T + 100_063);
        assert_eq!(out[199], T + 100_099);
        assert_eq!(weird, [("clock_jump", 101)]);
    }

    #[test]
    fn sixty_three_packets_are_not_enough_and_a_return_resets_the_count() {
        let mut secs: Vec<u64> = (0..100).map(|i| T + i).collect();
        secs.extend([BOGUS; 63]);
        secs.push(T + 100);
        secs.extend([BOGUS; 63]);
        secs.push(T + 101);
        let (out, weird) = run(&secs);
        assert!(out.iter().all(|t| *t <= T + 101));
        assert_eq!(weird, [("clock_jump", 101), ("clock_jump", 165)]);
    }

    #[test]
    fn witnesses_must_agree_among_themselves() {
        let mut secs: Vec<u64> = (0..100).map(|i| T + i).collect();
        // Bit-flipped times: all far ahead, none near another.
        secs.extend((0..300).map(|i| T + 1_000_000 + (i * 7919 % 300) * 100_000));
        let (out, _) = run(&secs);
        assert!(out[100..].iter().all(|t| *t == T + 99));
    }

    #[test]
    fn a_bogus_first_packet_does_not_set_the_clock() {
        for bogus in [0, BOGUS, T + 200_000, T - 200_000] {
            let mut secs: Vec<u64> = (0..100).map(|i| T + i).collect();
            secs[0] = bogus;
            let (out, _) = run(&secs);
            assert_eq!((out[0], out[1], out[99]), (T + 1, T + 1, T + 99), "{bogus}");
        }
        assert_eq!(run(&[BOGUS, T]).0, [T, T]);
        assert_eq!(run(&[0, T, T + 1]).0, [T, T, T + 1]);
    }

    #[test]
    fn a_bogus_packet_among_the_first_does_not_either() {
        for bogus in [0, BOGUS] {
            assert_eq!(run(&[T, bogus, T + 1]).0, [T, T, T + 1], "{bogus}");
        }
    }

    #[test]
    fn made_up_times_from_zero_are_as_good_as_any() {
        assert_eq!(run(&[0, 1, 2, 3]).0, [0, 1, 2, 3]);
    }

    #[test]
    fn a_quiet_night_costs_the_first_63_packets_only() {
        let mut secs = vec![T, T + 1];
        secs.extend((0..80).map(|i| T + 30_000 + i));
        let (out, _) = run(&secs);
        assert_eq!(out.iter().filter(|t| **t == T + 1).count(), 64);
        assert_eq!(out[81], T + 30_079);
    }
}
