//! The files that a running sensor writes: flows and EVE as events come, findings when they are on the disk.

use crate::base::{Lang, Severity, Timestamp};
use crate::cli::say;
use crate::detect::Signatures;
use crate::engine::keeper::Told;
use crate::event::Event;
use crate::incident::Kept;
use crate::output::{Eve, Flows, OutFile, Run, Sink, SinkError, append, pick};
use crate::store::{Deed, Reply};
use crossbeam::channel::{Receiver, Sender, bounded};
use std::path::Path;
use std::sync::Arc;

/// Findings on their way from the writer of the store to the other files.
const WAITING: usize = 4096;

/// Takes findings that are on the disk to where they are written elsewhere.
pub(super) struct Committed(Sender<Box<Kept>>);

impl Committed {
    pub(super) fn take(&self, told: Told) {
        if let Told::Finding { kept, .. } = told {
            // Full: the analyst is far behind; the finding is in the store and in findings.jsonl.
            let _ = self.0.try_send(kept);
        }
    }
}

/// The sinks of a sensor. The store sees findings at once; the others when the store has them, so that nothing is told that a crash could lose.
pub(super) struct Outputs {
    store: Vec<Box<dyn Sink>>,
    files: Vec<Box<dyn Sink>>,
    committed: Receiver<Box<Kept>>,
}

impl Outputs {
    /// Opens the files.
    pub(super) fn open(dir: &Path, eve: Option<&str>, words: &Arc<Signatures>) -> Result<(Outputs, Committed), SinkError> {
        let mut files: Vec<Box<dyn Sink>> = vec![
            Box::new(Flows::new(OutFile::appended(dir, "flows.jsonl").opened()?)),
            Box::new(Eve::new(OutFile::appended(dir, "eve.jsonl").opened()?, words.clone())),
        ];
        if let Some(path) = eve {
            files.push(Box::new(Eve::new(OutFile::in_place(path).opened()?, words.clone())));
        }
        let (to, committed) = bounded(WAITING);
        Ok((Outputs { store: Vec::new(), files, committed }, Committed(to)))
    }
    /// Adds the one that sees findings first.
    pub(super) fn first(&mut self, store: Box<dyn Sink>) {
        self.store.push(store);
    }
    /// Adds one that sees everything as it happens.
    pub(super) fn add(&mut self, sink: Box<dyn Sink>) {
        self.store.push(sink);
    }
    fn pass_on(&mut self, run: &Run<'_>) {
        while let Ok(kept) = self.committed.try_recv() {
            self.files.iter_mut().for_each(|f| f.finding(&kept, run));
        }
    }
}

impl Sink for Outputs {
    fn event(&mut self, event: &Event, run: &Run<'_>) {
        if !self.committed.is_empty() {
            self.pass_on(run);
        }
        self.store.iter_mut().chain(&mut self.files).for_each(|s| s.event(event, run));
    }
    fn finding(&mut self, kept: &Kept, run: &Run<'_>) {
        self.store.iter_mut().for_each(|s| s.finding(kept, run));
    }
    fn tick(&mut self, now: Timestamp, run: &Run<'_>) {
        self.pass_on(run);
        self.store.iter_mut().chain(&mut self.files).for_each(|s| s.tick(now, run));
    }
    fn deed(&mut self, deed: &Deed, reply: &mut Option<Reply>, run: &Run<'_>) {
        self.store.iter_mut().for_each(|s| s.deed(deed, reply, run));
    }
    fn finish(&mut self, run: &Run<'_>) -> Result<(), SinkError> {
        // The store first: what it commits last is passed on before the files are closed.
        let kept: Vec<_> = self.store.iter_mut().map(|s| s.finish(run)).collect();
        self.pass_on(run);
        let written: Vec<_> = self.files.iter_mut().map(|s| s.finish(run)).collect();
        kept.into_iter().chain(written).collect()
    }
}

/// `findings.jsonl`: every finding and revision, a line each, once it is on the disk.
pub(super) struct Journal {
    file: OutFile,
    line: Vec<u8>,
}

impl Journal {
    pub(super) fn open(dir: &Path) -> Result<Journal, SinkError> {
        Ok(Journal { file: OutFile::appended(dir, "findings.jsonl").opened()?, line: Vec::new() })
    }
    /// Writes what was committed, and says what the person at the console should know.
    pub(super) fn put(&mut self, told: &Told, lang: Lang) {
        match told {
            Told::Finding { record, saved, .. } => {
                self.line.clear();
                append(&mut self.line, record);
                self.line.push(b'\n');
                self.file.put(&self.line);
                self.file.flush();
                let mark = if *saved { "" } else { pick(lang, " [not saved]", "［未保存］") };
                // What is milder is in the files and on the screens; the console and the system's journal have what somebody should look at.
                if record.rev == 1 && record.severity.parse().is_ok_and(|s: Severity| s >= Severity::Medium) {
                    say(&format!("{} {} {}: {}{mark}", record.ts, record.severity, record.detector, record.summary));
                }
            }
            Told::Refused(why) => {
                say(&format!("{}: {why}", pick(lang, "findings cannot be saved, capture goes on", "結果を保存できません。受信は続けています")))
            }
            Told::Recovered => say(pick(lang, "findings are saved again", "結果の保存が回復しました")),
            Told::Incident { .. } | Told::Merged { .. } | Told::Deed { .. } | Told::Saved(_) => {}
        }
    }
}
