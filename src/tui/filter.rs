//! The language of the filter line: `host:10.20.0.0/16 sev:>=high -detector:scan smb /PC-\d+/ ~wrd`.
//!
//! All parts must hold. `field:value` looks at one field, a word at all of them (as a part of it, without regard to case), `/…/` is a regular
//! expression, `~word` finds letters in that order with gaps, and `-` before any part turns it round.

use crate::base::{Addr, Cidr, Mac, Severity};
use regex_lite::{Regex, RegexBuilder};
use std::borrow::Cow;

/// What a part looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// Originators.
    Src,
    /// Responders.
    Dst,
    /// Either.
    Host,
    /// Zones.
    Zone,
    /// Accounts.
    User,
    /// SMB shares and files.
    Share,
    /// Ports.
    Port,
    /// Services.
    App,
    /// Detector.
    Detector,
    /// Status of devices.
    Status,
    /// Everything else that a row says.
    Other,
}

/// The fields that can be named, with their names.
pub const FIELDS: &[(&str, Field)] = &[
    ("src", Field::Src),
    ("dst", Field::Dst),
    ("host", Field::Host),
    ("zone", Field::Zone),
    ("user", Field::User),
    ("share", Field::Share),
    ("port", Field::Port),
    ("app", Field::App),
    ("detector", Field::Detector),
    ("status", Field::Status),
];
/// Parts that are no texts: severity, time.
pub const OTHERS: &[&str] = &["sev", "since"];

/// A longer filter is no filter that a person typed.
const MAX: usize = 512;

/// What a row gives to look at.
pub trait Fields {
    /// Calls `see` with every value and the field it belongs to.
    fn each<'a>(&'a self, see: &mut dyn FnMut(Field, Cow<'a, str>));
    /// Severity as a word, if it has one.
    fn severity(&self) -> Option<&str> {
        None
    }
    /// Newest time, RFC 3339.
    fn last(&self) -> &str;
}

#[derive(Clone, Debug)]
enum Value {
    Net(Cidr),
    Mac(Mac),
    /// Lower case.
    Part(String),
    Fuzzy(String),
    Regex(Box<Regex>),
}

#[derive(Clone, Debug)]
enum Test {
    Text(Option<Field>, Value),
    /// At least, exactly or at most this severity.
    Severity(std::cmp::Ordering, Severity),
    /// Not before this time, RFC 3339.
    Since(String),
}

/// A filter that was understood.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The parts; true = turned round.
    parts: Vec<(bool, Test)>,
}

/// Why a filter was not understood: the part, and what to write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// No such field.
    Field(String),
    /// No such severity.
    Severity(String),
    /// No such time.
    Time(String),
    /// No such regular expression.
    Regex(String),
    /// Longer than a filter can be.
    Long,
}

impl Filter {
    /// Reads a filter. `now` (RFC 3339) is what `since:10m` counts back from.
    pub fn parse(text: &str, now: &str) -> Result<Filter, Wrong> {
        if text.len() > MAX {
            return Err(Wrong::Long);
        }
        let parts = words(text).into_iter().map(|w| part(&w, now)).collect::<Result<_, _>>()?;
        Ok(Filter { parts })
    }
    /// Does it keep everything?
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }
    /// Does it keep this row?
    pub fn keeps(&self, row: &dyn Fields) -> bool {
        self.parts.iter().all(|(turned, test)| holds(test, row) != *turned)
    }
}

/// Words at spaces; a regular expression or a quoted text may hold spaces.
fn words(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut word = String::new();
    let mut until: Option<char> = None;
    for c in text.chars() {
        match until {
            Some(q) if c == q => {
                if q == '/' {
                    word.push(c);
                }
                until = None;
            }
            Some(_) => word.push(c),
            None if c == '"' => until = Some('"'),
            None if c == '/' && (word.is_empty() || word == "-" || word.ends_with(':')) => {
                word.push(c);
                until = Some('/');
            }
            None if c.is_whitespace() => out.extend(Some(std::mem::take(&mut word)).filter(|w| !w.is_empty())),
            None => word.push(c),
        }
    }
    out.extend(Some(word).filter(|w| !w.is_empty()));
    out
}

fn part(word: &str, now: &str) -> Result<(bool, Test), Wrong> {
    let (turned, word) = match word.strip_prefix('-').or_else(|| word.strip_prefix('!')) {
        Some(rest) if !rest.is_empty() => (true, rest),
        _ => (false, word),
    };
    let test = match word.split_once(':') {
        Some(("sev", v)) => severity(v)?,
        Some(("since", v)) => Test::Since(since(v, now)?),
        Some((name, v)) if !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase()) => match FIELDS.iter().find(|f| f.0 == name) {
            Some((_, field)) => Test::Text(Some(*field), value(v, *field)?),
            None => return Err(Wrong::Field(name.to_owned())),
        },
        _ => Test::Text(None, value(word, Field::Other)?),
    };
    Ok((turned, test))
}

fn value(v: &str, field: Field) -> Result<Value, Wrong> {
    if let Some(pattern) = v.strip_prefix('/') {
        let pattern = pattern.strip_suffix('/').unwrap_or(pattern);
        let made = RegexBuilder::new(pattern).case_insensitive(true).size_limit(1 << 20).build();
        return made.map(|r| Value::Regex(Box::new(r))).map_err(|_| Wrong::Regex(pattern.to_owned()));
    }
    if let Some(letters) = v.strip_prefix('~') {
        return Ok(Value::Fuzzy(letters.to_lowercase()));
    }
    let named = matches!(field, Field::Src | Field::Dst | Field::Host);
    if named && let Ok(net) = v.parse::<Cidr>() {
        return Ok(Value::Net(net));
    }
    if named && let Ok(mac) = v.parse::<Mac>() {
        return Ok(Value::Mac(mac));
    }
    Ok(Value::Part(v.to_lowercase()))
}

fn severity(v: &str) -> Result<Test, Wrong> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let (how, word) = match (v.strip_prefix(">="), v.strip_prefix("<=")) {
        (Some(rest), _) => (Greater, rest),
        (_, Some(rest)) => (Less, rest),
        _ => (Equal, v.strip_prefix('=').unwrap_or(v)),
    };
    let found = Severity::ALL.iter().find(|s| !word.is_empty() && s.word().starts_with(word));
    found.map(|s| Test::Severity(how, *s)).ok_or_else(|| Wrong::Severity(word.to_owned()))
}

/// `10m`, `2h`, `7d` before now, or a time as RFC 3339 writes it, as much of it as one likes from the left.
fn since(v: &str, now: &str) -> Result<String, Wrong> {
    let wrong = || Wrong::Time(v.to_owned());
    if v.len() >= 10 && v.get(4..5) == Some("-") {
        return Ok(v.to_owned());
    }
    let span = span(v).ok_or_else(wrong)?;
    let now: jiff::Timestamp = now.parse().map_err(|_| wrong())?;
    now.checked_sub(jiff::SignedDuration::from_secs(span)).map(|t| format!("{t:.9}")).map_err(|_| wrong())
}

/// Seconds of `90s`, `10m`, `2h`, `7d`, `4w`.
pub fn span(v: &str) -> Option<i64> {
    let unit = v.chars().last()?;
    let n: i64 = v.strip_suffix(unit)?.parse().ok().filter(|n| (0..=100_000).contains(n))?;
    let secs = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return None,
    };
    Some(n * secs)
}

fn holds(test: &Test, row: &dyn Fields) -> bool {
    match test {
        Test::Since(ts) => row.last() >= ts.as_str(),
        Test::Severity(how, want) => {
            let is = row.severity().and_then(|w| w.parse::<Severity>().ok());
            is.is_some_and(|s| s == *want || s.cmp(want) == *how)
        }
        Test::Text(field, value) => {
            let mut found = false;
            row.each(&mut |f, text| found = found || (looks_at(*field, f) && fits(value, &text)));
            found
        }
    }
}

fn looks_at(want: Option<Field>, is: Field) -> bool {
    match want {
        None => true,
        Some(Field::Host) => matches!(is, Field::Src | Field::Dst | Field::Host),
        Some(w) => w == is || (is == Field::Host && matches!(w, Field::Src | Field::Dst)),
    }
}

fn fits(value: &Value, text: &str) -> bool {
    match value {
        Value::Net(n) => text.parse::<Addr>().is_ok_and(|a| n.contains(a)),
        Value::Mac(m) => text.parse::<Mac>().is_ok_and(|t| t == *m),
        Value::Part(p) => contains(text, p),
        Value::Fuzzy(p) => in_order(text, p),
        Value::Regex(r) => r.is_match(text),
    }
}

/// Is `part` (lower case) in the text, without regard to case?
fn contains(text: &str, part: &str) -> bool {
    if text.is_ascii() && part.is_ascii() {
        let (t, p) = (text.as_bytes(), part.as_bytes());
        return p.is_empty() || t.windows(p.len()).any(|w| w.eq_ignore_ascii_case(p));
    }
    text.to_lowercase().contains(part)
}

fn in_order(text: &str, letters: &str) -> bool {
    let mut chars = text.chars().flat_map(char::to_lowercase);
    letters.chars().all(|l| chars.any(|c| c == l))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Row;
    impl Fields for Row {
        fn each<'a>(&'a self, see: &mut dyn FnMut(Field, Cow<'a, str>)) {
            for (f, v) in [
                (Field::Src, "10.20.1.33"),
                (Field::Dst, "10.20.1.40"),
                (Field::User, "HILL\\adm-kondo"),
                (Field::App, "smb"),
                (Field::Other, "病棟端末 PC-07"),
                (Field::Detector, "smb-fanout"),
                (Field::Host, "00:11:22:aa:bb:cc"),
            ] {
                see(f, v.into());
            }
        }
        fn severity(&self) -> Option<&str> {
            Some("high")
        }
        fn last(&self) -> &str {
            "2026-11-21T10:00:00.000000000Z"
        }
    }
    const NOW: &str = "2026-11-21T10:05:00.000000000Z";

    #[test]
    fn the_language_says_what_it_says() {
        for (text, want) in [
            ("", true),
            ("src:10.20.0.0/16", true),
            ("dst:10.20.1.33", false),
            ("host:10.20.1.33", true),
            ("host:00-11-22-AA-BB-CC", true),
            ("src:10.20.1.3", false),
            ("user:KONDO app:smb", true),
            ("user:kondo app:rdp", false),
            ("-app:rdp", true),
            ("!app:smb", false),
            ("sev:>=high", true),
            ("sev:>=crit", false),
            ("sev:<=medium", false),
            ("sev:high", true),
            ("since:10m", true),
            ("since:1m", false),
            ("since:2026-11-21", true),
            ("since:2026-11-22", false),
            ("/pc-\\d+/", true),
            ("detector:/^smb/", true),
            ("/adm kondo/", false),
            ("~hlknd", true),
            ("~kdnoh", false),
            ("端末", true),
            ("\"病棟端末 PC\"", true),
            ("-", true),
        ] {
            assert_eq!(Filter::parse(text, NOW).unwrap().keeps(&Row), want, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |t: &str| Filter::parse(t, NOW).unwrap_err();
        assert_eq!(wrong("hots:1"), Wrong::Field("hots".into()));
        assert_eq!(wrong("sev:>=evil"), Wrong::Severity("evil".into()));
        assert_eq!(wrong("since:soon"), Wrong::Time("soon".into()));
        assert_eq!(wrong("/(/"), Wrong::Regex("(".into()));
        assert_eq!(wrong(&"x".repeat(600)), Wrong::Long);
        assert!(Filter::parse("since:99999999999d", NOW).is_err());
    }

    proptest! {
        #[test]
        fn anything_typed_is_read_or_refused(s in "\\PC{0,80}") {
            if let Ok(f) = Filter::parse(&s, NOW) {
                f.keeps(&Row);
            }
        }
    }
}
