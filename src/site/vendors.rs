//! Suppliers: from where they come, what they maintain, and when they said they would.

use super::Calendar;
use crate::base::{Addr, Cidr, Timestamp};
use jiff::civil::{Date, DateTime, Time, Weekday};

/// When a supplier announced to work. Weekly windows repeat in the hospital's local time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Window {
    /// Once, from the first instant until just before the second.
    Once {
        /// Start.
        from: Timestamp,
        /// End, not included.
        to: Timestamp,
        /// What for.
        note: String,
    },
    /// Every week on these days; a window whose end is not after its start runs past midnight.
    Weekly {
        /// Days on which it starts.
        days: Vec<Weekday>,
        /// Local start.
        from: Time,
        /// Local end, not included.
        to: Time,
        /// What for.
        note: String,
    },
}

impl Window {
    /// Is the window open?
    pub fn contains(&self, ts: Timestamp, calendar: &Calendar) -> bool {
        match self {
            Window::Once { from, to, .. } => (*from..*to).contains(&ts),
            Window::Weekly { days, from, to, .. } => {
                let now = calendar.local(ts);
                let started = |day: Date| days.contains(&day.weekday());
                let yesterday = || now.date().yesterday().is_ok_and(started);
                if from < to {
                    started(now.date()) && (*from..*to).contains(&now.time())
                } else {
                    started(now.date()) && now.time() >= *from || now.time() < *to && yesterday()
                }
            }
        }
    }
    /// What the window is for.
    pub fn note(&self) -> &str {
        match self {
            Window::Once { note, .. } | Window::Weekly { note, .. } => note,
        }
    }
}

/// One supplier.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Vendor {
    /// Its name in the site file.
    pub name: String,
    /// From where it comes.
    pub sources: Vec<Cidr>,
    /// What it maintains.
    pub hosts: Vec<Cidr>,
    /// When it announced to work; empty = whenever.
    pub windows: Vec<Window>,
}

impl Vendor {
    /// Does this supplier come from here?
    pub fn comes_from(&self, a: Addr) -> bool {
        self.sources.iter().any(|n| n.contains(a))
    }
    /// Does it maintain this host?
    pub fn maintains(&self, a: Addr) -> bool {
        self.hosts.iter().any(|n| n.contains(a))
    }
    /// Has it announced to work now? True without any declared window.
    pub fn is_announced(&self, now: Timestamp, calendar: &Calendar) -> bool {
        self.windows.is_empty() || self.windows.iter().any(|w| w.contains(now, calendar))
    }
}

/// `2026-11-21T09:00`, with seconds or not, a blank instead of the `T` or not.
pub(super) fn local_time(s: &str) -> Option<DateTime> {
    let shape = s.len() >= 16 && !s.ends_with(['Z', 'z', ']']) && !s.get(11..).is_some_and(|t| t.contains(['+', '-']));
    shape.then(|| s.parse().ok()).flatten()
}

/// `09:00`; `24:00` is no time, write `00:00`.
pub(super) fn clock_time(s: &str) -> Option<Time> {
    let shape = s.len() >= 5 && s.chars().all(|c| c.is_ascii_digit() || c == ':');
    shape.then(|| s.parse().ok()).flatten()
}

/// `mon` … `sun`.
pub(super) fn weekday(s: &str) -> Option<Weekday> {
    const DAYS: [&str; 7] = WEEKDAYS;
    let i = DAYS.iter().position(|d| *d == s)?;
    Weekday::from_monday_zero_offset(i as i8).ok()
}

/// The words for days of the week, Monday first.
pub(super) const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekly_windows_may_cross_midnight() {
        let c = Calendar::new("Asia/Tokyo", vec![]).unwrap();
        let w = Window::Weekly {
            days: vec![weekday("sat").unwrap()],
            from: clock_time("22:00").unwrap(),
            to: clock_time("02:00").unwrap(),
            note: String::new(),
        };
        let at = |s: &str| w.contains(c.instant(local_time(s).unwrap()), &c);
        assert!(at("2026-11-21T22:00") && at("2026-11-22T01:59") && at("2026-11-21T23:59"));
        assert!(!at("2026-11-21T21:59") && !at("2026-11-22T02:00") && !at("2026-11-22T22:00") && !at("2026-11-21T01:00"));
    }

    #[test]
    fn an_announced_day_ends() {
        let c = Calendar::new("Asia/Tokyo", vec![]).unwrap();
        let t = |s: &str| c.instant(local_time(s).unwrap());
        let v =
            Vendor { windows: vec![Window::Once { from: t("2026-11-21T09:00"), to: t("2026-11-21T17:00"), note: "CT".into() }], ..Vendor::default() };
        assert!(v.is_announced(t("2026-11-21T09:00"), &c) && !v.is_announced(t("2026-11-21T17:00"), &c));
        assert!(Vendor::default().is_announced(t("2026-11-21T17:00"), &c));
    }

    #[test]
    fn only_local_times_are_read() {
        for s in ["2026-11-21T09:00Z", "2026-11-21T09:00+09:00", "2026-11-21", "09:00", ""] {
            assert_eq!(local_time(s), None, "{s}");
        }
        assert!(local_time("2026-11-21 09:00").is_some() && local_time("2026-11-21T09:00:00").is_some());
        assert_eq!((clock_time("24:00"), clock_time("9"), weekday("Mon")), (None, None, None));
    }
}
