//! How a person wants to see things: language, colours, characters, clock.

use super::text::T;
use super::theme::{ASCII, Glyphs, Theme, Tone, UNICODE};
use crate::base::Lang;
use crate::output::text_table::{Text, fill};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use ratatui::style::Style;

/// How to show things.
#[derive(Clone, Debug)]
pub struct Look {
    /// Language of the screen.
    pub lang: Lang,
    /// Colours.
    pub theme: Theme,
    /// Characters.
    pub glyphs: Glyphs,
    /// Show the hospital's time, if it is declared.
    pub local: bool,
    zone: Option<TimeZone>,
    name: String,
}

impl Look {
    /// In a language and with colours; `ascii` draws with ASCII only.
    pub fn new(lang: Lang, theme: Theme, ascii: bool) -> Look {
        Look { lang, theme, glyphs: if ascii { ASCII } else { UNICODE }, local: true, zone: None, name: String::new() }
    }
    /// The hospital's time zone; an unknown or empty one means UTC.
    pub fn set_zone(&mut self, name: &str) {
        if name != self.name {
            name.clone_into(&mut self.name);
            self.zone = if name.is_empty() { None } else { TimeZoneDatabase::bundled().get(name).ok() };
        }
    }
    /// A text in the screen's language.
    pub fn t(&self, t: T) -> &'static str {
        t.get(self.lang)
    }
    /// A text with its places filled.
    pub fn fill(&self, t: T, args: &[&str]) -> String {
        fill(self.t(t), args)
    }
    /// The screen's word for a word of our files.
    pub fn word<'a>(&self, word: &'a str) -> &'a str {
        match T::of_word(word) {
            Some(t) => t.get(self.lang),
            None => Text::of_word(word, self.lang),
        }
    }
    /// A tone's style.
    pub fn style(&self, tone: Tone) -> Style {
        self.theme.style(tone)
    }
    fn local(&self) -> Option<&TimeZone> {
        self.zone.as_ref().filter(|_| self.local)
    }
    /// `10:00:00` of an RFC 3339 time.
    pub fn clock(&self, ts: &str) -> String {
        self.format(ts, "%H:%M:%S")
    }
    /// `11-21 10:00:00`.
    pub fn day_clock(&self, ts: &str) -> String {
        self.format(ts, "%m-%d %H:%M:%S")
    }
    /// `2026-11-21 10:00:00 JST`.
    pub fn whole(&self, ts: &str) -> String {
        self.format(ts, "%Y-%m-%d %H:%M:%S %Z")
    }
    /// `2026-11-21`.
    pub fn day(&self, ts: &str) -> String {
        self.format(ts, "%Y-%m-%d")
    }
    fn format(&self, ts: &str, how: &str) -> String {
        let Ok(t) = ts.parse::<jiff::Timestamp>() else { return String::new() };
        let zone = self.local().cloned().unwrap_or(TimeZone::UTC);
        t.to_zoned(zone).strftime(how).to_string()
    }
    /// The instant that a person means by `hh:mm`, `hh:mm:ss` or a whole time, near the day of `now`.
    pub fn instant(&self, text: &str, now: &str) -> Option<jiff::Timestamp> {
        let text = text.trim();
        if let Ok(t) = text.parse::<jiff::Timestamp>() {
            return Some(t);
        }
        let zone = self.local().cloned().unwrap_or(TimeZone::UTC);
        if let Ok(t) = text.replace(' ', "T").parse::<jiff::civil::DateTime>()
            && text.len() > 10
        {
            return t.to_zoned(zone).ok().map(|z| z.timestamp());
        }
        let day = now.parse::<jiff::Timestamp>().ok()?.to_zoned(zone.clone()).date();
        let time: jiff::civil::Time = if text.len() == 5 { format!("{text}:00").parse().ok()? } else { text.parse().ok()? };
        day.to_datetime(time).to_zoned(zone).ok().map(|z| z.timestamp())
    }
    /// A number of bytes for people: `1.2 MB`.
    pub fn bytes(&self, n: u64) -> String {
        let (mut v, mut unit) = (n as f64, "B");
        for next in ["kB", "MB", "GB", "TB"] {
            if v < 1000.0 {
                break;
            }
            v /= 1000.0;
            unit = next;
        }
        if unit == "B" { format!("{n} B") } else { format!("{v:.1} {unit}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_the_hospitals_if_it_says_where_it_is() {
        let mut l = Look::new(Lang::Ja, Theme::Dark, false);
        let ts = "2026-11-21T01:35:22.000000000Z";
        assert_eq!(l.whole(ts), "2026-11-21 01:35:22 UTC");
        l.set_zone("Asia/Tokyo");
        assert_eq!((l.whole(ts).as_str(), l.clock(ts).as_str()), ("2026-11-21 10:35:22 JST", "10:35:22"));
        assert_eq!(l.instant("10:36", ts).unwrap().to_string(), "2026-11-21T01:36:00Z");
        assert_eq!(l.instant("2026-11-21 10:36:01", ts).unwrap().to_string(), "2026-11-21T01:36:01Z");
        l.local = false;
        assert_eq!(l.instant("01:36:05", ts).unwrap().to_string(), "2026-11-21T01:36:05Z");
        assert_eq!((l.instant("soon", ts), l.clock("no time").as_str()), (None, ""));
        l.set_zone("Mars/Olympus");
        assert_eq!(l.clock(ts), "01:35:22");
    }

    #[test]
    fn bytes_are_short() {
        let l = Look::new(Lang::En, Theme::Dark, false);
        assert_eq!([0, 999, 1000, 5_309_773].map(|n| l.bytes(n)), ["0 B", "999 B", "1.0 kB", "5.3 MB"]);
    }
}
