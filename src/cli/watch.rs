//! The terminal UI on the command line: how it looks, and a replay that it follows while it runs.

use super::{Common, Exit, Stop};
use crate::base::{Lang, Timestamp};
use crate::capture::{Block, Fault, Fill, Source};
use crate::engine::journal::{Recorder, SPOOL};
use crate::engine::{self, Options, Outcome, Start};
use crate::event::Event;
use crate::incident::Kept;
use crate::output::record::BlockedRecord;
use crate::output::{Run, Sink, SinkError, pick};
use crate::tui::theme::Theme;
use crate::tui::{App, JournalFeed, Look, SessionActs, run};
use crate::wire::Weird;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How the screen looks.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Screen {
    /// Lines instead of a screen: for screen readers
    #[arg(long)]
    pub plain: bool,
    /// Draw with ASCII only: serial lines, terminals with wide ambiguous characters
    #[arg(long)]
    pub ascii: bool,
    /// Colours: dark, light, contrast, safe (for any colour sense), none [default: dark; none with NO_COLOR]
    #[arg(long, value_name = "NAME", value_parser = theme)]
    pub theme: Option<Theme>,
    /// Use the mouse
    #[arg(long)]
    pub mouse: bool,
}

fn theme(word: &str) -> Result<Theme, String> {
    Theme::named(word).ok_or_else(|| format!("`{word}` is none of {}", Theme::ALL.iter().map(|t| t.word()).collect::<Vec<_>>().join(", ")))
}

impl Screen {
    fn look(&self, lang: Lang) -> Look {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let theme = self.theme.unwrap_or(if refused { Theme::None } else { Theme::Dark });
        Look::new(lang, theme, self.ascii)
    }
    /// Shows a feed until the person ends it.
    pub fn show(&self, lang: Lang, common: &Common, feed: Box<dyn crate::tui::Feed>, acts: Box<dyn crate::tui::Acts>) -> Result<(), Stop> {
        let terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
        if !self.plain && !terminal {
            return Err(Stop::new(Exit::Usage, "the terminal UI needs a terminal; --plain reads commands and writes lines"));
        }
        let who = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|v| std::env::var(v).ok()).unwrap_or_default();
        let app = App::new(self.look(lang), feed.is_replay(), &who);
        let options = run::Options { plain: self.plain, mouse: self.mouse };
        let ended = run::run(app, feed, acts, options).map_err(|e| Stop::new(Exit::Output, format!("cannot use the terminal: {e}")))?;
        if common.verbose && !ended.latency.is_empty() {
            let q = |q: f64| ended.latency.value_at_quantile(q);
            super::say(&format!(
                "key to screen: {} keys, p50 {} µs, p99 {} µs, most {} µs",
                ended.latency.len(),
                q(0.5),
                q(0.99),
                ended.latency.max()
            ));
        }
        Ok(())
    }
}

/// What a replay that is watched is made of.
pub struct Watched<'a> {
    /// The captures.
    pub source: Box<dyn Source>,
    /// How to analyse them.
    pub options: Options,
    /// Other outputs.
    pub sinks: Vec<Box<dyn Sink>>,
    /// Where the journal goes, if it is kept.
    pub journal: Option<PathBuf>,
    /// So many times as fast as it happened; none = as fast as it can be read.
    pub speed: Option<f64>,
    /// How it looks.
    pub screen: &'a Screen,
}

impl Watched<'_> {
    /// Runs the replay beside the screen; ends with what was read until the person ended it.
    pub fn run(self, common: &Common) -> Result<Outcome, Stop> {
        let Watched { source, options, mut sinks, journal, speed, screen } = self;
        let scratch = if journal.is_none() {
            Some(Scratch::make().map_err(|e| Stop::new(Exit::Output, format!("cannot keep the journal: {e}")))?)
        } else {
            None
        };
        let Some(dir) = journal.as_deref().or(scratch.as_ref().map(|s| s.0.as_path())).map(Path::to_owned) else {
            return Err(Stop::new(Exit::Output, "there is no place for the journal"));
        };
        let stop = Arc::new(AtomicBool::new(false));
        let (blocked, lang) = (recorded(&options)?, options.lang);
        sinks.push(Box::new(Recorder::create(&dir, SPOOL, options.signatures.clone()).with_blocked(blocked)));
        sinks.extend(speed.map(|factor| Box::new(Pace { factor, begun: None, stop: stop.clone() }) as Box<dyn Sink>));
        let source = Box::new(Stoppable { source, stop: stop.clone() });
        let engine =
            std::thread::Builder::new().name("replay".into()).spawn(move || engine::resume(source, &options, sinks, Start::default(), &mut |_| {}));
        let engine = engine.map_err(|e| Stop::new(Exit::Output, format!("cannot start the replay: {e}")))?;
        let shown = screen.show(lang, common, Box::new(JournalFeed::new(&dir, true)), Box::new(SessionActs));
        stop.store(true, Ordering::Relaxed);
        let outcome = engine.join().map_err(|_| Stop::new(Exit::Output, "the replay failed"))?;
        shown?;
        outcome.map_err(|e| Stop::new(Exit::Usage, e))
    }
}

/// Detectors that cannot run, for the journal.
pub fn recorded(options: &Options) -> Result<Vec<BlockedRecord>, Stop> {
    let blocked = engine::blocked(&options.site, &options.signatures).map_err(|e| Stop::new(Exit::Usage, e))?;
    let reason = |b: &engine::Blocked| pick(options.lang, b.en, b.ja).to_owned();
    Ok(blocked.iter().map(|b| BlockedRecord { detector: b.detector.to_owned(), reason: reason(b) }).collect())
}

/// A directory that only we can read, gone when it is no longer needed.
struct Scratch(PathBuf);

impl Scratch {
    fn make() -> io::Result<Scratch> {
        use std::os::unix::fs::DirBuilderExt;
        let mut last = io::Error::other("no free name");
        for n in 0..100 {
            let dir = std::env::temp_dir().join(format!("spanward-{}-{n}", std::process::id()));
            match std::fs::DirBuilder::new().mode(0o700).create(&dir) {
                Ok(()) => return Ok(Scratch(dir)),
                Err(e) => last = e,
            }
        }
        Err(last)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A source that ends when the person does.
struct Stoppable {
    source: Box<dyn Source>,
    stop: Arc<AtomicBool>,
}

impl Source for Stoppable {
    fn fill(&mut self, block: &mut Block) -> Fill {
        if self.stop.load(Ordering::Relaxed) {
            block.frames.clear();
            block.notices.clear();
            return Fill::End;
        }
        self.source.fill(block)
    }
    fn faults(&self) -> &[Fault] {
        self.source.faults()
    }
    fn weirds(&mut self) -> Vec<Weird> {
        self.source.weirds()
    }
    fn interface(&self, number: u16) -> Option<&str> {
        self.source.interface(number)
    }
    fn progress(&self) -> (u64, Option<u64>) {
        self.source.progress()
    }
}

/// Holds a replay back to the pace of its packets.
struct Pace {
    factor: f64,
    begun: Option<(Timestamp, Instant)>,
    stop: Arc<AtomicBool>,
}

impl Sink for Pace {
    fn event(&mut self, _: &Event, _: &Run<'_>) {}
    fn finding(&mut self, _: &Kept, _: &Run<'_>) {}
    fn tick(&mut self, ts: Timestamp, _: &Run<'_>) {
        let (first, begun) = *self.begun.get_or_insert_with(|| (ts, now()));
        let due = Duration::try_from_secs_f64(ts.since(first).as_secs_f64() / self.factor).unwrap_or_default();
        while !self.stop.load(Ordering::Relaxed) {
            let left = due.saturating_sub(now().duration_since(begun));
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }
    fn finish(&mut self, _: &Run<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}

/// The wall clock: a pace is about the person who watches.
#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}
