//! The sensor's own log: one line per event, for the journal with a priority and keys, else for a person.

use crate::base::Lang;
use crate::output::clean::clean;
use crate::output::pick;
use std::fmt::{Display, Write as _};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much a line matters: the numbers of syslog (RFC 5424, section 6.2.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Priority {
    /// Something failed, and somebody must see to it.
    Error = 3,
    /// Something is not as it should be; the sensor goes on.
    Warning = 4,
    /// Normal, and worth knowing.
    Notice = 5,
    /// For the record.
    Info = 6,
}

/// Letters of one value: what comes from the network or from viewers does not fill the journal.
const VALUE: usize = 512;

/// Where lines go.
#[derive(Clone)]
pub struct Log {
    lang: Lang,
    /// The journal reads: `<4>` before the line, keys behind the text.
    journal: bool,
    /// Nothing below this is written.
    least: Priority,
    out: Arc<dyn Fn(&str) + Send + Sync>,
    lost: Arc<AtomicU64>,
}

impl Log {
    /// A log on standard error; lines have the journal's form when it is the journal that reads them.
    pub fn stderr(lang: Lang, least: Priority) -> Log {
        let journal = std::env::var("JOURNAL_STREAM").is_ok_and(|j| reads_stderr(&j));
        let lost = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&lost);
        let out = Arc::new(move |line: &str| {
            // One write per line, so that lines of several threads do not mix.
            if std::io::stderr().lock().write_all(line.as_bytes()).is_err() {
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        Log { lang, journal, least, out, lost }
    }
    /// A log into a function: for tests, and for a screen that owns the terminal.
    pub fn into_fn(lang: Lang, journal: bool, out: impl Fn(&str) + Send + Sync + 'static) -> Log {
        Log { lang, journal, least: Priority::Info, out: Arc::new(out), lost: Arc::default() }
    }
    /// Lines that could not be written.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
    /// One line: an id for programs, a text for people (English, Japanese), and what belongs to it.
    pub fn line(&self, priority: Priority, event: &str, (en, ja): (&str, &str), keys: &[(&str, &dyn Display)]) {
        if priority > self.least {
            return;
        }
        let mut line = String::new();
        let _ = match self.journal {
            true => write!(line, "<{}>{} event={event}", priority as u8, clean(pick(self.lang, en, ja))),
            false => write!(line, "spanward: {}", clean(pick(self.lang, en, ja))),
        };
        for (key, value) in keys {
            let value = value.to_string();
            let short: String = value.chars().take(VALUE).collect();
            let _ = write!(line, " {key}={}", quoted(&short));
        }
        line.push('\n');
        (self.out)(&line);
    }
}

/// A value on one line that can be told from what follows.
fn quoted(value: &str) -> String {
    let plain = !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c == '"' || c == '=' || c == '\\');
    let safe = clean(value);
    if plain { safe.into_owned() } else { format!("\"{}\"", safe.replace('\\', "\\\\").replace('"', "\\\"")) }
}

/// Is standard error the stream that the journal named (`device:inode`)?
fn reads_stderr(stream: &str) -> bool {
    let Ok(stat) = rustix::fs::fstat(std::io::stderr()) else { return false };
    stream == format!("{}:{}", stat.st_dev, stat.st_ino)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    fn caught(lang: Lang, journal: bool) -> (Log, Arc<Mutex<String>>) {
        let text = Arc::new(Mutex::new(String::new()));
        let into = Arc::clone(&text);
        (Log::into_fn(lang, journal, move |l| into.lock().unwrap().push_str(l)), text)
    }

    #[test]
    fn the_journal_gets_priorities_and_keys() {
        let (log, text) = caught(Lang::En, true);
        log.line(Priority::Warning, "viewer-cut", ("a viewer was disconnected", "x"), &[("user", &"yuki"), ("why", &"does not read")]);
        assert_eq!(*text.lock().unwrap(), "<4>a viewer was disconnected event=viewer-cut user=yuki why=\"does not read\"\n");
    }

    #[test]
    fn a_person_gets_a_sentence_in_their_language() {
        let (log, text) = caught(Lang::Ja, false);
        log.line(Priority::Error, "x", ("disk full", "ディスクの空きがありません"), &[("path", &"/var")]);
        assert_eq!(*text.lock().unwrap(), "spanward: ディスクの空きがありません path=/var\n");
    }

    #[test]
    fn no_value_makes_a_second_line_or_steers_the_terminal() {
        let (log, text) = caught(Lang::En, true);
        let long = "a".repeat(10_000);
        log.line(Priority::Info, "x", ("t", "t"), &[("a", &"one\n<0>two\" b=3\\"), ("c", &"\u{1b}[2J"), ("e", &""), ("l", &long)]);
        let text = text.lock().unwrap();
        assert_eq!(text.lines().count(), 1);
        assert!(text.contains(r#"a="one\\u{a}<0>two\" b=3\\""#), "{text}");
        assert!(text.contains("c=\\u{1b}[2J e=\"\"") && text.len() < 700, "{text}");
    }

    #[test]
    fn only_the_journals_own_stream_counts() {
        assert!(!reads_stderr("1:2") && !reads_stderr("nonsense"));
        let stat = rustix::fs::fstat(std::io::stderr()).unwrap();
        assert!(reads_stderr(&format!("{}:{}", stat.st_dev, stat.st_ino)));
    }
}
