//! Where views come from: a journal that is played, or that is still being written; a running sensor (`engine::control`). All of it happens in a
//! thread of its own: the screen never waits for it.

use crate::base::{Severity, Span, Timestamp};
use crate::engine::journal::{Delta, Journal, JournalError, Step, View};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How a sensor itself stands: what only it can know, such as its disk, its store, and what it still may do.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Standing {
    /// Numbers by name.
    pub samples: BTreeMap<String, f64>,
    /// Short texts by name.
    pub notes: BTreeMap<String, String>,
}

/// What a feed has to say.
#[derive(Clone, Debug)]
pub enum News {
    /// Nothing for now.
    Nothing,
    /// Everything.
    View(Box<View>),
    /// What became different.
    Delta(Box<Delta>),
    /// What is recorded: from when to when, and the times at which findings appeared with the worst of them.
    Recorded(Timestamp, Timestamp, Vec<(Timestamp, Severity)>),
    /// How the sensor itself stands.
    Standing(Standing),
    /// The sensor cannot be reached; it will be tried again.
    Lost(String),
    /// It can be reached again.
    Back,
    /// Nothing more will come, and why, if it was not the end of what is recorded.
    Ended(Option<String>),
}

/// What a person wants of what is recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Play this many times as fast as it happened; 0 = stand still.
    Play(u32),
    /// So many views forward or back.
    Step(i32),
    /// The view of a time.
    Seek(Timestamp),
}

/// A source of views.
pub trait Feed: Send {
    /// Waits for news, at most this long.
    fn next(&mut self, wait: Duration) -> News;
    /// Takes an order; a running sensor has no use for one.
    fn order(&mut self, _order: Order) {}
    /// Is it something recorded, that can be played?
    fn is_replay(&self) -> bool {
        false
    }
}

/// Looks for what was written since at most this often.
const REFRESH: Duration = Duration::from_millis(100);
/// Views shown while playing at most this often.
const FRAME: Duration = Duration::from_millis(100);
/// Records looked through for findings at one time, so that orders do not wait.
const LOOKED: usize = 2000;
/// Times of findings kept for the scrub bar.
const MARKS: usize = 10_000;

/// A journal, whole or still being written.
pub struct JournalFeed {
    dir: PathBuf,
    journal: Option<Journal>,
    /// It may still grow.
    grows: bool,
    /// Stay at its end while it grows.
    follow: bool,
    times: Vec<Timestamp>,
    /// The view shown, and its time.
    view: View,
    at: Timestamp,
    /// Where playing is, in packet time; finer than views.
    cursor: Timestamp,
    speed: u32,
    tick: Instant,
    refreshed: Option<Instant>,
    /// Times at which findings appeared, up to `looked`.
    marks: Vec<(Timestamp, Severity)>,
    known: BTreeSet<String>,
    looked: Timestamp,
    told: (Timestamp, Timestamp, usize),
    due: bool,
    failed: Option<String>,
}

impl JournalFeed {
    /// The journal in `dir`; `grows` if a run is writing it now. A whole one is shown from its end: what happened stands there.
    pub fn new(dir: &Path, grows: bool) -> JournalFeed {
        JournalFeed {
            dir: dir.to_owned(),
            journal: None,
            grows,
            follow: true,
            times: Vec::new(),
            view: View::default(),
            at: Timestamp::default(),
            cursor: Timestamp::default(),
            speed: 0,
            tick: now(),
            refreshed: None,
            marks: Vec::new(),
            known: BTreeSet::new(),
            looked: Timestamp::default(),
            told: (Timestamp::default(), Timestamp::default(), 0),
            due: false,
            failed: None,
        }
    }
    /// Opens the journal, or reads on in it.
    fn refresh(&mut self) {
        let due = self.refreshed.is_none_or(|t| now().duration_since(t) >= REFRESH);
        if !due || (self.journal.is_some() && !self.grows) {
            return;
        }
        self.refreshed = Some(now());
        let read = match &mut self.journal {
            Some(j) => j.refresh(),
            None => Journal::open(&self.dir).map(|j| self.journal = Some(j)),
        };
        match read {
            Ok(()) => self.took(),
            // A run that has just begun has written nothing yet.
            Err(_) if self.grows => {}
            Err(e) => self.failed = Some(e.to_string()),
        }
    }
    fn took(&mut self) {
        let Some(j) = &self.journal else { return };
        let before = self.times.len();
        self.times = j.times().collect();
        // The last view of a run has the time of the one before it.
        if let Some(last) = self.times.last().copied().filter(|_| self.follow && self.times.len() != before) {
            self.show(last);
        }
    }
    /// Brings the view to the newest one at or before a time.
    fn show(&mut self, ts: Timestamp) {
        let n = self.times.partition_point(|t| *t <= ts).max(1);
        let Some(at) = self.times.get(n - 1).copied() else { return };
        let made = if at > self.at && at.since(self.at) <= Span::secs(10) { self.forward(at) } else { self.state(at) };
        match made {
            Ok(()) => (self.at, self.due) = (at, true),
            Err(e) => self.failed = Some(e.to_string()),
        }
    }
    fn state(&mut self, at: Timestamp) -> Result<(), JournalError> {
        if let Some(j) = &self.journal {
            self.view = j.state_at(at)?;
        }
        Ok(())
    }
    /// A little forward: only what became different is read.
    fn forward(&mut self, at: Timestamp) -> Result<(), JournalError> {
        let Some(j) = &self.journal else { return Ok(()) };
        let view = &mut self.view;
        j.walk(self.at, |ts, step| {
            if ts <= at {
                match step {
                    Step::View(v) => *view = *v,
                    Step::Delta(d) => view.apply(*d),
                }
            }
            ts < at
        })
    }
    /// Looks on for findings, for the scrub bar.
    fn look(&mut self) {
        let Some(j) = &self.journal else { return };
        let mut left = LOOKED;
        let (known, marks, looked) = (&mut self.known, &mut self.marks, &mut self.looked);
        let walked = j.walk(*looked, |ts, step| {
            let found = match &step {
                Step::View(v) => &v.findings,
                Step::Delta(d) => &d.findings.set,
            };
            let new = found.iter().filter(|(id, _)| known.insert((*id).clone()));
            let worst = new.filter_map(|(_, f)| f.severity.parse().ok()).max();
            if let Some(worst) = worst.filter(|_| marks.len() < MARKS) {
                marks.push((ts, worst));
            }
            *looked = ts;
            left -= 1;
            left > 0
        });
        if walked.is_err() {
            // What is damaged is told when it is shown; here it only ends the search.
            self.looked = self.times.last().copied().unwrap_or_default();
        }
    }
    /// Goes on with playing.
    fn play(&mut self) {
        let passed = now().duration_since(self.tick);
        if self.speed == 0 || passed < FRAME {
            return;
        }
        self.tick = now();
        let nanos = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
        self.cursor = self.cursor + Span(nanos.saturating_mul(u64::from(self.speed)));
        let end = self.times.last().copied().unwrap_or_default();
        if self.cursor >= end {
            self.cursor = end;
        }
        let next = self.times.partition_point(|t| *t <= self.cursor);
        if self.times.get(next.saturating_sub(1)).is_some_and(|t| *t > self.at) {
            self.show(self.cursor);
        }
    }
    fn news(&mut self) -> News {
        if let Some(why) = self.failed.take() {
            return News::Ended(Some(why));
        }
        if self.due {
            self.due = false;
            return News::View(Box::new(self.view.clone()));
        }
        let span = (self.times.first().copied().unwrap_or_default(), self.times.last().copied().unwrap_or_default());
        if (span.0, span.1, self.marks.len()) != self.told && !self.times.is_empty() {
            self.told = (span.0, span.1, self.marks.len());
            return News::Recorded(span.0, span.1, self.marks.clone());
        }
        News::Nothing
    }
}

impl Feed for JournalFeed {
    fn next(&mut self, wait: Duration) -> News {
        let until = now() + wait;
        loop {
            self.refresh();
            self.look();
            self.play();
            let news = self.news();
            let left = until.saturating_duration_since(now());
            if !matches!(news, News::Nothing) || left.is_zero() {
                return news;
            }
            std::thread::sleep(left.min(Duration::from_millis(10)));
        }
    }
    fn order(&mut self, order: Order) {
        match order {
            Order::Play(speed) => {
                self.follow = false;
                // From its end there is nothing to play: from the beginning, then.
                if speed > 0 && self.speed == 0 && self.times.last() == Some(&self.at) && !self.grows {
                    self.show(self.times.first().copied().unwrap_or_default());
                }
                (self.speed, self.cursor, self.tick) = (speed, self.at.max(self.cursor.min(self.at + Span::secs(1))), now());
                self.cursor = self.cursor.max(self.at);
            }
            Order::Step(by) => {
                let at = self.times.partition_point(|t| *t <= self.at).saturating_sub(1);
                let to = at.saturating_add_signed(by as isize).min(self.times.len().saturating_sub(1));
                self.follow = false;
                if let Some(ts) = self.times.get(to).copied() {
                    self.show(ts);
                    self.cursor = self.at;
                }
            }
            Order::Seek(ts) => {
                let last = self.times.last().copied().unwrap_or_default();
                self.follow = ts >= last && self.grows;
                self.show(ts.clamp(self.times.first().copied().unwrap_or_default(), last));
                self.cursor = self.at;
            }
        }
    }
    fn is_replay(&self) -> bool {
        true
    }
}

/// The wall clock: how fast to play is about the person who watches.
#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}
