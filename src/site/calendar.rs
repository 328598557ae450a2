//! The site's time zone and days off. Zones come from the tz database built into the program, so that every machine computes the same.

use crate::base::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// Local time of the hospital.
#[derive(Clone, Debug)]
pub struct Calendar {
    /// IANA name, as `Asia/Tokyo`.
    pub timezone: String,
    /// The site file names the zone: without one nobody knows when it is night there.
    pub declared: bool,
    /// Days on which the day's staff is away; sorted.
    pub holidays: Vec<Date>,
    zone: TimeZone,
}

impl Default for Calendar {
    fn default() -> Calendar {
        Calendar { timezone: "UTC".to_owned(), declared: false, holidays: Vec::new(), zone: TimeZone::UTC }
    }
}

impl Calendar {
    /// The calendar of an IANA time zone; `Err` holds the nearest known name, if one is near.
    pub fn new(timezone: &str, mut holidays: Vec<Date>) -> Result<Calendar, Option<String>> {
        let db = TimeZoneDatabase::bundled();
        let Ok(zone) = db.get(timezone) else {
            let known: Vec<String> = db.available().map(|n| n.as_str().to_owned()).collect();
            return Err(super::document::nearest(timezone, known.iter().map(String::as_str)).map(str::to_owned));
        };
        holidays.sort();
        holidays.dedup();
        let timezone = zone.iana_name().unwrap_or(timezone).to_owned();
        Ok(Calendar { timezone, declared: true, holidays, zone })
    }
    /// What the wall clock of the hospital shows.
    pub fn local(&self, ts: Timestamp) -> DateTime {
        jiff::Timestamp::from_nanosecond(i128::from(ts.0)).map(|t| self.zone.to_datetime(t)).unwrap_or(DateTime::MAX)
    }
    /// The instant at which the hospital's clock shows `local`; a time that a change of summer time skips or repeats is read as jiff's "compatible".
    pub fn instant(&self, local: DateTime) -> Timestamp {
        let ns = self.zone.to_timestamp(local).map_or(i128::MAX, |t| t.as_nanosecond());
        Timestamp(u64::try_from(ns.max(0)).unwrap_or(u64::MAX))
    }
    /// The first instant after the day.
    pub fn end_of_day(&self, day: Date) -> Timestamp {
        day.tomorrow().map_or(Timestamp(u64::MAX), |next| self.instant(next.to_datetime(jiff::civil::Time::midnight())))
    }
    /// Is the day of this instant declared as a day off?
    pub fn is_holiday(&self, ts: Timestamp) -> bool {
        self.holidays.binary_search(&self.local(ts).date()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_day_ends_at_local_midnight() {
        let c = Calendar::new("Asia/Tokyo", vec![date(2026, 11, 23)]).unwrap();
        assert_eq!(c.end_of_day(date(2026, 11, 21)).to_string(), "2026-11-21T15:00:00.000000000Z");
        assert!(c.is_holiday(Timestamp::new(1_795_359_600, 0)), "2026-11-23 00:00 in Tokyo");
        assert!(!c.is_holiday(Timestamp::new(1_795_359_599, 0)));
        assert_eq!(c.local(Timestamp::new(1_795_255_200, 0)).to_string(), "2026-11-21T19:00:00");
        assert_eq!(c.local(Timestamp(u64::MAX)).year(), 2554);
    }

    #[test]
    fn summer_time_and_far_days_are_no_trap() {
        let c = Calendar::new("Europe/Berlin", vec![]).unwrap();
        assert_eq!(c.end_of_day(date(2026, 3, 28)).to_string(), "2026-03-28T23:00:00.000000000Z");
        assert_eq!(c.end_of_day(date(2026, 3, 29)).to_string(), "2026-03-29T22:00:00.000000000Z");
        assert_eq!(c.end_of_day(Date::MAX), Timestamp(u64::MAX));
        assert_eq!(c.end_of_day(date(1800, 1, 1)), Timestamp(0));
    }

    #[test]
    fn a_misspelt_zone_is_answered_with_its_neighbour() {
        assert_eq!(Calendar::new("Asia/Tokio", vec![]).unwrap_err().as_deref(), Some("Asia/Tokyo"));
        assert_eq!(Calendar::new("Mars/Olympus_Mons", vec![]).unwrap_err(), None);
    }
}
