//! Packet time. Nothing here looks at the wall clock.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

/// A length of time in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Span(pub u64);

impl Span {
    /// `n` nanoseconds.
    pub const fn nanos(n: u64) -> Self {
        Span(n)
    }
    /// `n` microseconds.
    pub const fn micros(n: u64) -> Self {
        Span(n.saturating_mul(1_000))
    }
    /// `n` milliseconds.
    pub const fn millis(n: u64) -> Self {
        Span(n.saturating_mul(1_000_000))
    }
    /// `n` seconds.
    pub const fn secs(n: u64) -> Self {
        Span(n.saturating_mul(1_000_000_000))
    }
    /// `n` minutes.
    pub const fn mins(n: u64) -> Self {
        Span::secs(n.saturating_mul(60))
    }
    /// `n` hours.
    pub const fn hours(n: u64) -> Self {
        Span::secs(n.saturating_mul(3600))
    }
    /// In seconds, for display and ratios.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

/// Nanoseconds since 1970-01-01T00:00:00Z, as the capture says. Ends in the year 2554.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// From seconds and nanoseconds; saturates at the end of the range.
    pub const fn new(secs: u64, nanos: u32) -> Self {
        Timestamp(secs.saturating_mul(1_000_000_000).saturating_add(nanos as u64))
    }
    /// Whole seconds since the epoch.
    pub const fn secs(self) -> u64 {
        self.0 / 1_000_000_000
    }
    /// The part below a second, in nanoseconds.
    pub const fn subsec_nanos(self) -> u32 {
        (self.0 % 1_000_000_000) as u32
    }
    /// Time passed since `earlier`; zero if that is later.
    pub const fn since(self, earlier: Timestamp) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
    /// The broken-down UTC date: year, month, day, hour, minute, second.
    pub fn civil(self) -> (i64, u32, u32, u32, u32, u32) {
        let s = self.secs();
        let (days, rem) = ((s / 86_400) as i64, (s % 86_400) as u32);
        // Howard Hinnant's civil_from_days, days since 1970-01-01.
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
        let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
        let year = yoe + era * 400 + i64::from(month <= 2);
        (year, month, day, rem / 3600, rem % 3600 / 60, rem % 60)
    }
}

impl Add<Span> for Timestamp {
    type Output = Timestamp;
    fn add(self, s: Span) -> Timestamp {
        Timestamp(self.0.saturating_add(s.0))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Timestamp;
    fn sub(self, s: Span) -> Timestamp {
        Timestamp(self.0.saturating_sub(s.0))
    }
}

/// RFC 3339 in UTC with nanoseconds: `2026-11-21T10:00:00.000000000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (y, mo, d, h, mi, s) = self.civil();
        write!(f, "{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}.{:09}Z", self.subsec_nanos())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Timestamp, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// RFC 3339 with a zone, from 1970 to 2554.
impl FromStr for Timestamp {
    type Err = String;
    fn from_str(s: &str) -> Result<Timestamp, String> {
        let t: jiff::Timestamp =
            s.trim().parse().map_err(|_| format!("`{s}` is no time (expected one such as 2026-11-21T10:00:00Z or 2026-11-21T19:00:00+09:00)"))?;
        u64::try_from(t.as_nanosecond()).map(Timestamp).map_err(|_| format!("`{s}` lies outside of 1970 to 2554"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_dates_agree_with_a_calendar_crate() {
        for secs in (0..20_000_000_000u64).step_by(86_399 * 7 + 11) {
            let t = Timestamp::new(secs, 0);
            let z = jiff::Timestamp::from_second(secs as i64).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
            let want = (z.year() as i64, z.month() as u32, z.day() as u32, z.hour() as u32, z.minute() as u32, z.second() as u32);
            assert_eq!(t.civil(), want, "{secs}");
            if secs > 18_000_000_000 {
                break;
            }
        }
    }

    #[test]
    fn display_is_rfc_3339_with_nanoseconds() {
        assert_eq!(Timestamp::new(1_795_255_200, 5).to_string(), "2026-11-21T10:00:00.000000005Z");
    }

    #[test]
    fn what_is_written_is_read() {
        for ns in [0, 1, 1_795_255_200_000_000_005, u64::MAX] {
            assert_eq!(Timestamp(ns).to_string().parse::<Timestamp>(), Ok(Timestamp(ns)));
        }
        for s in ["", "2026-11-21", "1969-12-31T23:59:59Z", "2600-01-01T00:00:00Z"] {
            assert!(s.parse::<Timestamp>().is_err(), "{s}");
        }
    }

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp(5) - Span(9), Timestamp(0));
        assert_eq!(Timestamp(u64::MAX) + Span(9), Timestamp(u64::MAX));
        assert_eq!(Timestamp(1).since(Timestamp(9)), Span(0));
    }
}
