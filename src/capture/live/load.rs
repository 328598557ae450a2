//! How far behind the reader is, and what is to be left out because of it.
//!
//! The gauge is lag: now, less the time of the frame being read. It is set against the time that the ring lasts at the present rate: at a
//! quarter, a half and three quarters of it another level is reached, at once. A level is left when the lag has been below half its threshold for a
//! second, so that the sensor does not sway.

use crate::base::Span;

/// Shares of the ring's time at which a level begins, in percent.
const LEVELS: [u64; 3] = [25, 50, 75];
/// Time below half the threshold before a level is left.
const CALM: u64 = 1_000_000_000;
/// Bounds of the ring's time: below, the error of a block time-out would be an overload; above, a sensor seconds behind would not know.
const SHORTEST: u64 = 200_000_000;
const LONGEST: u64 = 10_000_000_000;
/// What the ring holds of a frame beside its bytes: `tpacket3_hdr`, the address, alignment.
pub(super) const OVERHEAD: u64 = 96;
/// The rate is that of about so long.
const WINDOW: u64 = 500_000_000;

/// Levels of overload: 0, nothing is left out.
#[derive(Debug)]
pub(super) struct Gauge {
    ring: u64,
    /// Bytes per second.
    rate: u64,
    bytes: u64,
    since: u64,
    level: u8,
    calm_since: Option<u64>,
}

impl Gauge {
    pub fn new(ring: u64, mono: u64) -> Gauge {
        Gauge { ring, rate: 0, bytes: 0, since: mono, level: 0, calm_since: None }
    }
    /// So many bytes of the ring were read, the last of them so late. The level from now on.
    pub fn update(&mut self, bytes: u64, lag: Span, mono: u64) -> u8 {
        self.bytes += bytes;
        let elapsed = mono.saturating_sub(self.since);
        if elapsed >= WINDOW {
            let now = u64::try_from(u128::from(self.bytes) * 1_000_000_000 / u128::from(elapsed)).unwrap_or(u64::MAX);
            self.rate = (self.rate / 2).saturating_add(now / 2);
            (self.bytes, self.since) = (0, mono);
        }
        let percent = lag.0.saturating_mul(100) / self.lasts().max(1);
        let due = LEVELS.iter().filter(|l| percent >= **l).count() as u8;
        let calm = LEVELS.get(usize::from(self.level).wrapping_sub(1)).is_none_or(|l| percent < l / 2);
        if due > self.level {
            (self.level, self.calm_since) = (due, None);
        } else if self.level > 0 && calm {
            let since = *self.calm_since.get_or_insert(mono);
            if mono.saturating_sub(since) >= CALM {
                (self.level, self.calm_since) = (self.level - 1, Some(mono));
            }
        } else {
            self.calm_since = None;
        }
        self.level
    }
    /// Time that the ring lasts at the present rate.
    fn lasts(&self) -> u64 {
        let exact = u128::from(self.ring) * 1_000_000_000 / u128::from(self.rate.max(1));
        u64::try_from(exact).unwrap_or(u64::MAX).clamp(SHORTEST, LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;
    const RING: u64 = 64 << 20;

    /// 64 MiB/s: the ring lasts a second.
    fn busy() -> (Gauge, u64) {
        let mut g = Gauge::new(RING, 0);
        let mut at = 0;
        for _ in 0..100 {
            at += 100 * MS;
            assert_eq!(g.update(RING / 10, Span::millis(5), at), 0);
        }
        (g, at)
    }

    #[test]
    fn levels_rise_at_once_at_a_quarter_a_half_and_three_quarters_of_the_ring() {
        let (mut g, mut at) = busy();
        for (lag, level) in [(240, 0), (260, 1), (490, 1), (510, 2), (740, 2), (760, 3), (5000, 3)] {
            at += MS;
            assert_eq!(g.update(RING / 1000, Span::millis(lag), at), level, "{lag} ms");
        }
        let (mut g, at) = busy();
        assert_eq!(g.update(RING / 1000, Span::millis(800), at + MS), 3);
    }

    #[test]
    fn a_level_is_left_slowly_and_one_at_a_time() {
        let (mut g, mut at) = busy();
        let mut step = |g: &mut Gauge, lag| {
            at += 100 * MS;
            g.update(RING / 10, Span::millis(lag), at)
        };
        assert_eq!(step(&mut g, 800), 3);
        // Below the threshold, but not by half: it stays.
        assert!((0..50).all(|_| step(&mut g, 500) == 3));
        // One restless moment begins the second again.
        assert!((0..9).all(|_| step(&mut g, 100) == 3));
        assert_eq!(step(&mut g, 500), 3);
        let levels: Vec<u8> = (0..40).map(|_| step(&mut g, 10)).collect();
        assert_eq!(levels.iter().map(|l| usize::from(*l)).sum::<usize>(), 10 * 3 + 10 * 2 + 10, "{levels:?}");
    }

    #[test]
    fn a_quiet_link_is_never_overloaded_by_a_block_time_out() {
        let mut g = Gauge::new(RING, 0);
        assert!((1..1000).all(|i| g.update(200, Span::millis(40), i * 100 * MS) == 0));
        // But a sensor that is three seconds behind is, whatever the rate.
        assert_eq!(g.update(200, Span::secs(3), 1001 * 100 * MS), 1);
    }
}
