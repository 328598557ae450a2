//! Where ticks fall: every 100 ms of packet time. In a quiet stretch fewer are issued, because an empty tick changes nothing: whole seconds for
//! two hours (longer than any time-out), then whole minutes, hours after a day, days after a month: a clock that is wrong by a century costs little.

use super::TICK;
use crate::base::Timestamp;

/// Issues ticks as packet time passes.
#[derive(Debug, Default)]
pub(super) struct Ticker {
    next: u64,
}

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

impl Ticker {
    /// Calls `out` for every tick at or before `ts` that was not issued yet.
    #[inline]
    pub(super) fn advance(&mut self, ts: Timestamp, mut out: impl FnMut(Timestamp)) {
        if ts.0 < self.next {
            return;
        }
        if self.next == 0 {
            self.next = (ts.0 / TICK.0 + 1).saturating_mul(TICK.0);
            return;
        }
        let from = self.next;
        // A time at the end of time has no tick behind it.
        while self.next <= ts.0 && self.next < u64::MAX {
            out(Timestamp(self.next));
            let gap = ts.0 - self.next;
            let step = match self.next - from {
                _ if gap < 2 * SECOND => TICK.0,
                done if done < 2 * HOUR => SECOND,
                done if done < DAY => MINUTE,
                done if done < 30 * DAY => HOUR,
                _ => DAY,
            };
            // Long steps end where the silence ends: the tick behind it comes within a second.
            let after = |step: u64| (self.next / step + 1).saturating_mul(step);
            let steps = [step, HOUR, MINUTE].into_iter().filter(|s| *s <= step && *s > SECOND);
            self.next = steps.map(after).find(|n| *n <= ts.0).unwrap_or_else(|| after(step.min(SECOND)));
        }
    }
    /// The tick that ends the run: the next whole second.
    pub(super) fn last(&self) -> Timestamp {
        Timestamp(self.next.div_ceil(SECOND).saturating_mul(SECOND))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(times: &[u64]) -> Vec<u64> {
        let mut t = Ticker::default();
        let mut all = Vec::new();
        for ms in times {
            t.advance(Timestamp(ms * 1_000_000), |x| all.push(x.0 / 1_000_000));
        }
        all
    }

    #[test]
    fn every_hundred_milliseconds_and_every_whole_second_of_a_quiet_stretch() {
        assert_eq!(ticks(&[1010, 1050, 1099, 1100, 1350]), [1100, 1200, 1300]);
        let all = ticks(&[1010, 11_010]);
        assert_eq!(&all[..4], [1100, 2000, 3000, 4000]);
        assert_eq!(*all.last().unwrap(), 11_000);
        assert!((2..=11).all(|s| all.contains(&(s * 1000))));
    }

    #[test]
    fn the_end_of_time_has_no_tick_behind_it() {
        let mut t = Ticker::default();
        let mut n = 0;
        for ts in [u64::MAX - 5, u64::MAX, u64::MAX] {
            t.advance(Timestamp(ts), |_| n += 1);
        }
        assert!(n <= 1, "{n}");
        assert_eq!(t.last(), Timestamp(u64::MAX));
        let mut t = Ticker::default();
        for ts in [1, u64::MAX - 1, u64::MAX] {
            t.advance(Timestamp(ts), |_| n += 1);
        }
        assert!(n < 300_000, "{n}");
    }

    #[test]
    fn a_month_of_silence_costs_few_ticks() {
        assert!(ticks(&[1010, 31 * 86_400_000]).len() < 10_000);
        // The first tick behind a silence of whatever length.
        for hours in [1, 3, 30, 1000, 100_000] {
            let end = 1010 + hours * 3_600_000 + 12_345;
            let all = ticks(&[1010, end, end + 1000]);
            let first = all.iter().find(|t| **t > end).unwrap();
            assert!(first - end <= 1000, "{hours} h: {first} after {end}");
        }
        assert!(ticks(&[1010, 140 * 366 * 86_400_000]).len() < 70_000);
    }
}
