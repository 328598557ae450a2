//! Keeps what the sensor finds and learns in the store, and passes a finding on only when it is on the disk. The analyst never waits for the disk:
//! what changed is handed to one writer thread over a short queue; while the queue is full, the newest form of each thing waits here.

mod portion;
mod sweep;
mod writer;
#[cfg(test)]
mod tests;

use crate::base::{Severity, Timestamp};
use crate::event::Event;
use crate::incident::{Around, Incident, Kept, number};
use crate::output::record::{FindingRecord, IncidentRecord};
use crate::output::{Run, Sink, SinkError, Words};
use crate::store::{Carried, Deed, Keep, Reply, Store};
use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use portion::Portion;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use sweep::Sweep;

/// Portions on their way to the writer.
const QUEUE: usize = 64;
/// Packet time in which an incident that only goes on is told once: what stops if a host is cut off takes a look over all uses. A new one, or one that
/// has become worse, does not wait.
const RETOLD: crate::base::Span = crate::base::Span::secs(5);
/// Longest waits for the disk when the sensor stops, until it takes what was found last and until it has written it: a service has five seconds.
const LAST: (Duration, Duration) = (Duration::from_millis(1_500), Duration::from_secs(3));

/// What the writer passes on when it is on the disk, or when the disk refused it.
#[derive(Clone, Debug)]
pub enum Told {
    /// A finding, new or revised.
    Finding {
        /// As the analyst has it.
        kept: Box<Kept>,
        /// As it is written.
        record: Box<FindingRecord>,
        /// On the disk. If not, it is to be marked so.
        saved: bool,
    },
    /// An incident, new or told anew.
    Incident {
        /// As it is written.
        record: Box<IncidentRecord>,
        /// On the disk.
        saved: bool,
    },
    /// An incident turned out to be part of another.
    Merged {
        /// The one.
        id: String,
        /// The other.
        into: String,
    },
    /// A person did something.
    Deed {
        /// What.
        deed: Box<Deed>,
        /// On the disk.
        saved: bool,
    },
    /// What was passed on unsaved is on the disk now: ids of findings and incidents.
    Saved(Vec<String>),
    /// The disk refuses, and why. It is tried again.
    Refused(String),
    /// The disk takes again.
    Recovered,
}

/// Takes what the writer passes on.
pub type Teller = Box<dyn FnMut(Told) + Send>;

/// Counts of the keeper, for everybody who shows them.
#[derive(Debug, Default)]
pub struct Counts {
    /// Commits.
    pub commits: AtomicU64,
    /// Findings and revisions on the disk.
    pub findings: AtomicU64,
    /// Commits that the disk refused.
    pub refused: AtomicU64,
    /// Revisions that were replaced by a newer one before they were written.
    pub superseded: AtomicU64,
    /// Findings and deeds that found no room while the disk was slow: told, but not kept.
    pub lost: AtomicU64,
    /// Longest commit so far, in microseconds.
    pub longest: AtomicU64,
    /// Rows that left the store because they were too old.
    pub pruned: AtomicU64,
    /// Rows that left because a table was full.
    pub evicted: AtomicU64,
    /// Portions that wait for the writer now.
    pub waiting: AtomicU64,
    /// The disk refuses now.
    pub refusing: AtomicBool,
    /// What was learned is still being written.
    pub sweeping: AtomicBool,
}

impl Counts {
    fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }
}

/// What a finding looked like when it was handed over last.
type Seen = (u32, String, u64);

/// The sink that keeps.
pub struct Keeper {
    to: Option<Sender<Portion>>,
    over: Receiver<Result<(), String>>,
    words: Arc<dyn Words + Send + Sync>,
    counts: Arc<Counts>,
    path: String,
    portion: Portion,
    findings: HashMap<u64, Seen>,
    /// Revision and severity of each incident as handed over.
    incidents: BTreeMap<String, (u32, Severity)>,
    /// When incidents were told anew for the last time.
    retold: Timestamp,
    sweep: Sweep,
    begun: bool,
}

impl Keeper {
    /// Begins to keep in an open store. `tell` runs on the writer's thread: it must not wait for long.
    pub fn start(store: Store, keep: Keep, words: Arc<dyn Words + Send + Sync>, lang: crate::base::Lang, tell: Teller) -> Keeper {
        let ((to, portions), (done, over)) = (bounded(QUEUE), bounded(1));
        let (path, counts) = (store.path().display().to_string(), Arc::new(Counts::default()));
        let writer = writer::Writer::new(store, keep, words.clone(), lang, tell, counts.clone());
        let thread = std::thread::Builder::new().name("store".to_owned()).spawn(move || {
            // Nobody waits for it when the sensor ended in another way.
            let _ = done.send(writer.run(&portions));
        });
        let to = thread.ok().map(|_| to);
        Keeper {
            to,
            over,
            words,
            counts,
            path,
            portion: Portion::default(),
            findings: HashMap::new(),
            incidents: BTreeMap::new(),
            retold: Timestamp(0),
            sweep: Sweep::default(),
            begun: false,
        }
    }
    /// Its counts.
    pub fn counts(&self) -> Arc<Counts> {
        self.counts.clone()
    }
    /// What the book held before the first event came out of the store: it is not written again.
    fn begin(&mut self, run: &Run<'_>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        for k in run.book.findings() {
            self.findings.extend(number(&k.id).map(|n| (n, (k.rev, k.incident.clone(), k.muted))));
        }
        self.incidents.extend(run.book.incidents().iter().map(|i| (i.id.clone(), (i.rev, i.severity))));
    }
    /// Hands over what has gathered, if there is room; else it waits here.
    fn hand_over(&mut self, run: &Run<'_>) {
        if self.portion.is_empty() {
            return;
        }
        self.portion.numbers = run.book.numbers();
        let Some(to) = &self.to else { return };
        let portion = std::mem::take(&mut self.portion);
        Counts::add(&self.counts.waiting, 1);
        if let Err(TrySendError::Full(back) | TrySendError::Disconnected(back)) = to.try_send(portion) {
            self.counts.waiting.fetch_sub(1, Ordering::Relaxed);
            self.portion = back;
        }
    }
    fn put(&mut self, k: &Kept, tell: bool) {
        let Some(n) = number(&k.id) else { return };
        self.findings.insert(n, (k.rev, k.incident.clone(), k.muted));
        self.portion.finding(n, k.clone(), tell && k.muted == 0, &self.counts);
    }
    /// Incidents that were told anew, and findings that moved with them.
    fn stories(&mut self, now: Timestamp, run: &Run<'_>, all: bool) {
        let book = run.book;
        let known = |i: &Incident| self.incidents.get(&i.id).copied();
        let new: Vec<usize> = (0..).zip(book.incidents()).filter(|(_, i)| known(i).is_none_or(|(rev, _)| rev != i.rev)).map(|(n, _)| n).collect();
        let moved = book.incidents().len() != self.incidents.len();
        let worse = moved || new.iter().filter_map(|at| book.incidents().get(*at)).any(|i| known(i).is_none_or(|(_, was)| i.severity > was));
        if new.is_empty() && !moved || !worse && !all && now.since(self.retold) < RETOLD {
            return;
        }
        self.retold = now;
        let around = Around::about(run.assets, book, new.iter().filter_map(|at| book.incidents().get(*at)));
        for at in new {
            let Some(story) = book.story(at) else { continue };
            let record = IncidentRecord::new(&story.incident, run, &around, &*self.words, run.lang);
            self.incidents.insert(story.incident.id.clone(), (story.incident.rev, story.incident.severity));
            self.portion.incident(story, record, &self.counts);
        }
        let mut into: BTreeMap<String, String> = BTreeMap::new();
        for k in book.findings() {
            let known = number(&k.id).and_then(|n| self.findings.get(&n));
            let Some((_, was, muted)) = known.filter(|(_, was, muted)| *was != k.incident || *muted != k.muted) else { continue };
            if !was.is_empty() && *muted == k.muted {
                into.insert(was.clone(), k.incident.clone());
            }
            self.put(k, false);
        }
        let here: std::collections::BTreeSet<&str> = book.incidents().iter().map(|i| i.id.as_str()).collect();
        let gone: Vec<String> = self.incidents.keys().filter(|id| !here.contains(id.as_str())).cloned().collect();
        for id in gone {
            self.incidents.remove(&id);
            self.portion.merged.extend(into.remove(&id).map(|into| (id, into)));
        }
    }
    /// Learned things that changed since the last sweep; all of them at the end.
    fn learned(&mut self, now: Timestamp, run: &Run<'_>, all: bool) {
        // One sweep at a time waits for the disk; what was not swept is swept later.
        let busy = self.portion.swept || self.counts.refusing.load(Ordering::Relaxed) || self.counts.sweeping.load(Ordering::Relaxed);
        if all || !busy {
            self.sweep.run(now, run.assets, &mut self.portion, all);
            self.counts.sweeping.store(true, Ordering::Relaxed);
            self.portion.coverage = Some(*run.coverage);
        }
    }
}

impl Sink for Keeper {
    fn event(&mut self, _: &Event, run: &Run<'_>) {
        if !self.begun {
            self.begin(run);
        }
    }
    fn finding(&mut self, kept: &Kept, run: &Run<'_>) {
        self.begin(run);
        self.portion.now = kept.finding.ts;
        let o = kept.finding.orig;
        // A finding's device is kept with it, however young it is.
        let device = o.addr.and_then(|a| run.assets.device_of(a)).or_else(|| o.mac.and_then(|m| run.assets.device_by_mac(m)));
        if let Some(d) = device {
            self.sweep.device(d, &mut self.portion);
        }
        self.put(kept, true);
        self.hand_over(run);
    }
    fn tick(&mut self, now: Timestamp, run: &Run<'_>) {
        self.begin(run);
        self.portion.now = now;
        self.stories(now, run, false);
        if self.sweep.is_due(now) {
            self.learned(now, run, false);
        }
        self.hand_over(run);
    }
    fn deed(&mut self, deed: &Deed, reply: &mut Option<Reply>, run: &Run<'_>) {
        self.begin(run);
        self.portion.now = deed.audit.ts;
        // A device about which something was decided is written with it.
        if let Some(d) = deed.audit.target.parse().ok().and_then(|id| run.assets.device(id)) {
            self.sweep.device(d, &mut self.portion);
        }
        if let Some(reply) = self.portion.deed(deed.clone(), reply.take(), &self.counts) {
            // Whoever asked may be gone.
            let _ = reply.try_send(Carried { saved: false });
        }
        self.hand_over(run);
    }
    fn finish(&mut self, run: &Run<'_>) -> Result<(), SinkError> {
        self.begin(run);
        let now = run.last_ts.unwrap_or(self.portion.now);
        self.stories(now, run, true);
        self.portion.now = now;
        self.learned(now, run, true);
        self.portion.numbers = run.book.numbers();
        let failed = |reason: &str| Err(SinkError { path: self.path.clone(), reason: reason.to_owned() });
        let Some(to) = self.to.take() else { return failed("the thread that writes could not be started") };
        Counts::add(&self.counts.waiting, 1);
        if to.send_timeout(std::mem::take(&mut self.portion), LAST.0).is_err() {
            return failed("the disk did not take what was found last");
        }
        drop(to);
        match self.over.recv_timeout(LAST.1) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => failed(&reason),
            Err(_) => failed("the disk did not take what was found last in time"),
        }
    }
}
