//! The times of live frames. The kernel stamps them with the wall clock, which somebody may set; packet time must neither stop nor run back.
//!
//! The difference of the wall clock and of a clock that nobody sets tells when it was set. Set forward, packet time goes along (a box whose
//! battery is dead starts in 1970). Set back, packet time runs on with the other clock, ahead of the wall clock, and loses that lead slowly.
//! No frame is later than now, and none is earlier than the one before it (whoever passes them on sees to that): `capture::Clock`, which
//! doubts long leaps in files, has nothing to doubt here, and a recording says that its times are to be taken as they are.

use crate::base::Timestamp;
use crate::capture::sys::Now;

/// A smaller change of the difference is the steering of a time service, or two readings that were far apart. A set clock jumps further: such
/// services step from 128 ms on.
const STEP: u64 = 20_000_000;
/// A lead is lost at one part in so many: slow enough that no rhythm is mistaken for another, an hour in four days.
const SLEW: u64 = 100;
/// Between the kernel's stamp and our reading of the same clock there may be the error of a reading.
const SLACK: u64 = 1_000_000;

/// Somebody set the wall clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// Packet time at which it was noticed.
    pub ts: Timestamp,
    /// Backwards?
    pub back: bool,
    /// By how many nanoseconds.
    pub by: u64,
}

/// Turns the kernel's times into packet times.
#[derive(Debug)]
pub(super) struct LiveTime {
    clock: fn() -> Now,
    now: Now,
    /// By how much packet time is ahead of the wall clock.
    lead: u64,
    /// The lead before the last step: frames that were stamped before it are still under way.
    before: u64,
    steps: Vec<Step>,
}

/// Steps kept until somebody asks.
const MAX_STEPS: usize = 64;

impl LiveTime {
    pub fn new(clock: fn() -> Now) -> LiveTime {
        LiveTime { clock, now: clock(), lead: 0, before: 0, steps: Vec::new() }
    }
    /// Reads the clocks. Packet time now.
    pub fn observe(&mut self) -> Timestamp {
        let (was, is) = (self.now, (self.clock)());
        let elapsed = is.mono.saturating_sub(was.mono);
        let expected = was.real.0.saturating_add(elapsed);
        self.now = is;
        self.lead -= self.lead.min(elapsed / SLEW);
        let (ahead, behind) = (is.real.0.saturating_sub(expected), expected.saturating_sub(is.real.0));
        if ahead > STEP {
            self.before = self.lead;
            self.lead = self.lead.saturating_sub(ahead);
            self.note(false, ahead);
        } else if behind > STEP {
            self.before = self.lead;
            self.lead = self.lead.saturating_add(behind);
            self.note(true, behind);
        }
        self.packet_now()
    }
    fn note(&mut self, back: bool, by: u64) {
        let ts = self.packet_now();
        if self.steps.len() < MAX_STEPS {
            self.steps.push(Step { ts, back, by });
        }
    }
    /// Packet time when the clocks were last read.
    pub fn packet_now(&self) -> Timestamp {
        Timestamp(self.now.real.0.saturating_add(self.lead))
    }
    /// Nanoseconds of the steady clock when the clocks were last read.
    pub fn mono(&self) -> u64 {
        self.now.mono
    }
    /// Packet time of a frame with this kernel time, where `last` is the one before it. It may be earlier than `last`; it is never later than now.
    #[inline]
    pub fn admit(&mut self, raw: Timestamp, last: Timestamp) -> Timestamp {
        let t = Timestamp(raw.0.saturating_add(self.lead));
        if t >= last && t.0 <= self.packet_now().0.saturating_add(SLACK) { t } else { self.doubt(raw, last) }
    }
    #[cold]
    fn doubt(&mut self, raw: Timestamp, last: Timestamp) -> Timestamp {
        let t = raw.0.saturating_add(self.lead);
        // A little back is the order of a card with several queues.
        if t < last.0 && last.0 - t <= STEP {
            return Timestamp(t);
        }
        let now = self.observe().0.saturating_add(SLACK);
        let (new, old) = (raw.0.saturating_add(self.lead), raw.0.saturating_add(self.before));
        Timestamp(if new <= now { new } else { old.min(now) })
    }
    /// Takes the steps noticed since the last call.
    pub fn steps(&mut self) -> Vec<Step> {
        std::mem::take(&mut self.steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    const S: u64 = 1_000_000_000;
    const T: u64 = 1_795_255_200 * S;

    thread_local!(static CLOCK: Cell<(u64, u64)> = const { Cell::new((T, 5 * S)) });
    fn clock() -> Now {
        CLOCK.with(|c| Now { real: Timestamp(c.get().0), mono: c.get().1 })
    }
    /// Time passes, and the wall clock is set by so much beside.
    fn pass(nanos: u64, set: i64) {
        CLOCK.with(|c| c.set(((c.get().0 + nanos).saturating_add_signed(set), c.get().1 + nanos)));
    }
    fn real() -> Timestamp {
        clock().real
    }

    #[test]
    fn ordinary_times_pass_and_steering_is_no_step() {
        let mut t = LiveTime::new(clock);
        let mut last = Timestamp(0);
        for i in 0..1000 {
            pass(S / 10, if i % 2 == 0 { 50_000 } else { -50_000 });
            t.observe();
            let got = t.admit(real(), last);
            assert_eq!(got, real());
            last = got;
        }
        assert_eq!(t.steps(), []);
    }

    #[test]
    fn set_back_packet_time_runs_on_and_the_lead_is_lost_slowly() {
        let mut t = LiveTime::new(clock);
        pass(S, 0);
        t.observe();
        let early = real();
        pass(S / 1000, -3600 * S as i64);
        // Under way: stamped by the old clock, read after the step was noticed.
        t.observe();
        let last = t.admit(early, early);
        assert_eq!(last, early, "not an hour ahead");
        let steps = t.steps();
        assert!(matches!(steps.as_slice(), [Step { back: true, by, .. }] if by.abs_diff(3600 * S) < S / 100), "{steps:?}");
        let mut before = last;
        for _ in 0..100 {
            pass(S, 0);
            t.observe();
            let now = t.admit(real(), before);
            let went = now.0 - before.0;
            assert!((S * 98 / 100..=S + S / 100).contains(&went), "a second took {went}");
            before = now;
        }
        // After some days it is the wall clock again.
        for _ in 0..500 {
            pass(1000 * S, 0);
            t.observe();
        }
        assert_eq!(t.admit(real(), before), real());
        assert_eq!(t.steps(), []);
    }

    #[test]
    fn a_frame_that_comes_with_the_step_is_where_it_belongs() {
        for set in [-3600, -2, 2, 3600, 56 * 365 * 86_400] {
            let mut t = LiveTime::new(clock);
            pass(S, 0);
            let last = {
                t.observe();
                t.admit(real(), Timestamp(0))
            };
            // Nobody has read the clocks since.
            pass(S / 20, set * S as i64);
            let got = t.admit(real(), last);
            let want = if set > 0 { real().0 } else { last.0 + S / 20 };
            assert!(got.0.abs_diff(want) <= 2 * SLACK, "{set}: {} after {}", got.0, last.0);
            assert_eq!(t.steps().iter().map(|s| s.back).collect::<Vec<_>>(), [set < 0]);
            assert_eq!(t.steps(), [], "told once");
        }
    }

    #[test]
    fn a_step_forward_first_takes_back_what_a_step_back_gave() {
        let mut t = LiveTime::new(clock);
        pass(S, -600 * S as i64);
        let led = t.observe();
        pass(S, 600 * S as i64);
        let now = t.observe();
        assert!(now.0 - led.0 <= S + S / 50 && now.0.abs_diff(real().0) < S / 50);
    }

    #[test]
    fn no_frame_is_later_than_now() {
        let mut t = LiveTime::new(clock);
        pass(S, 0);
        let now = t.observe();
        for raw in [u64::MAX, T + 99 * 365 * 86_400 * S] {
            assert!(t.admit(Timestamp(raw), now).0 <= now.0 + SLACK);
        }
        assert_eq!(t.admit(Timestamp(0), Timestamp(0)), Timestamp(0));
    }
}
