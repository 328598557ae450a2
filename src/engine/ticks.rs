//! Where ticks fall: every 100 ms of packet time. In a stretch without packets an empty tick changes nothing, so fewer are issued: whole seconds
//! when it has lasted two seconds, whole minutes after two hours (longer than any time-out), hours after a day, days after a month: a clock that
//! is wrong by a century costs little. How far apart they are depends on the stretch so far and on nothing later: a live port, which does not
//! know how long a silence will last, issues the same ticks as a replay.

use super::TICK;
use crate::base::Timestamp;

/// Issues ticks as packet time passes.
#[derive(Debug, Default)]
pub(super) struct Ticker {
    /// The first tick behind the last packet; 0 before the first packet.
    from: u64,
    /// The last tick that was issued.
    last: u64,
}

const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const fn after(t: u64, step: u64) -> u64 {
    (t / step + 1).saturating_mul(step)
}

impl Ticker {
    /// A packet at `ts`: calls `out` for every tick at or before it that was not issued yet.
    #[inline]
    pub(super) fn advance(&mut self, ts: Timestamp, mut out: impl FnMut(Timestamp)) {
        if ts.0 < self.from {
            return;
        }
        if self.from != 0 {
            // A long step ends where the silence ends: from there on every second.
            while let Some(t) = self.next(ts.0).or_else(|| Some(after(self.last, SECOND))).filter(|t| *t <= ts.0 && *t > self.last) {
                out(Timestamp(t));
                self.last = t;
            }
        }
        self.from = after(ts.0, TICK.0);
    }
    /// No packet, but time has come to `now`: calls `out` for the ticks that are due whatever comes later.
    pub(super) fn quiet(&mut self, now: Timestamp, mut out: impl FnMut(Timestamp)) {
        while let Some(t) = self.next(now.0).filter(|t| *t <= now.0 && *t > self.last) {
            out(Timestamp(t));
            self.last = t;
        }
    }
    /// The next tick if the stretch without packets lasts until `horizon`. None: it is far into a silence, and no long step ends by then.
    fn next(&self, horizon: u64) -> Option<u64> {
        if self.from == 0 {
            return None;
        }
        if self.last < self.from {
            return Some(self.from);
        }
        let step = match self.last - self.from {
            done if done < 2 * SECOND => return Some(after(self.last, TICK.0)),
            done if done < 2 * HOUR => return Some(after(self.last, SECOND)),
            done if done < DAY => MINUTE,
            done if done < 30 * DAY => HOUR,
            _ => DAY,
        };
        [step, HOUR, MINUTE].into_iter().filter(|s| *s <= step).map(|s| after(self.last, s)).find(|n| *n <= horizon)
    }
    /// The tick that ends the run: the next whole second.
    pub(super) fn last(&self) -> Timestamp {
        Timestamp(self.from.max(self.last).div_ceil(SECOND).saturating_mul(SECOND))
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
        assert_eq!(all[..3], [1100, 1200, 1300]);
        assert_eq!(all[20..24], [3100, 4000, 5000, 6000]);
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

    #[test]
    fn a_live_port_issues_the_ticks_of_a_replay() {
        let mut rng = 7u64;
        for round in 0..300 {
            let (mut live, mut replay) = (Ticker::default(), Ticker::default());
            let (mut a, mut b) = (Vec::new(), Vec::new());
            let mut now = 1_700_000_000_000 + round * 977;
            for _ in 0..40 {
                rng = crate::base::mix64(rng);
                let wait = [0, 3, 90, 150, 1900, 2300, 7000, 61_000, 7_300_000, 90_000_000][rng as usize % 10] + rng % 50;
                // The live port looks up now and then.
                let looks = 1 + rng % 9;
                for n in 1..=looks {
                    live.quiet(Timestamp((now + wait * n / (looks + 1)) * 1_000_000), |t| a.push(t));
                }
                now += wait;
                live.advance(Timestamp(now * 1_000_000), |t| a.push(t));
                replay.advance(Timestamp(now * 1_000_000), |t| b.push(t));
            }
            assert_eq!(a, b, "round {round}");
            assert_eq!(live.last(), replay.last());
        }
    }
}
