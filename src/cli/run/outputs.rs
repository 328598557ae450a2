//! The files that a running sensor writes: flows and EVE as events come, findings when they are on the disk.

use crate::base::{Lang, Severity, Timestamp};
use crate::cli::say;
use crate::detect::Signatures;
use crate::engine::keeper::Told;
use crate::event::Event;
use crate::incident::Kept;
use crate::output::record::FindingRecord;
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
pub(super) struct FindingsLog {
    file: OutFile,
    line: Vec<u8>,
    /// A line could not be written, and that was said.
    failing: bool,
}

impl FindingsLog {
    pub(super) fn open(dir: &Path) -> Result<FindingsLog, SinkError> {
        Ok(FindingsLog { file: OutFile::appended(dir, "findings.jsonl").opened()?, line: Vec::new(), failing: false })
    }
    fn write(&mut self, record: &FindingRecord, lang: Lang) {
        self.line.clear();
        append(&mut self.line, record);
        self.line.push(b'\n');
        // What failed before is tried again first.
        self.file.flush();
        self.file.put(&self.line);
        self.file.flush();
        let fails = !self.file.takes();
        if fails && !self.failing {
            say(pick(
                lang,
                "findings.jsonl cannot be written: lines are missing there until the disk takes them again",
                "findings.jsonl に書き込めません。ディスクが回復するまで、このファイルには行が欠けます",
            ));
        }
        self.failing = fails;
    }
    /// Writes what was committed, and says what the person at the console should know.
    pub(super) fn put(&mut self, told: &Told, lang: Lang) {
        match told {
            Told::Finding { record, saved, .. } => {
                self.write(record, lang);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::sample::{self, Sample};
    use crate::store::{Audit, Change};
    use std::sync::Mutex;

    /// Writes down what it is given.
    struct Ear(&'static str, Arc<Mutex<Vec<String>>>);

    impl Sink for Ear {
        fn event(&mut self, _: &Event, _: &Run<'_>) {
            self.1.lock().unwrap().push(format!("{} event", self.0));
        }
        fn finding(&mut self, _: &Kept, _: &Run<'_>) {
            self.1.lock().unwrap().push(format!("{} finding", self.0));
        }
        fn deed(&mut self, _: &Deed, reply: &mut Option<Reply>, _: &Run<'_>) {
            self.1.lock().unwrap().push(format!("{} deed {}", self.0, reply.take().is_some()));
        }
        fn finish(&mut self, _: &Run<'_>) -> Result<(), SinkError> {
            self.1.lock().unwrap().push(format!("{} end", self.0));
            Ok(())
        }
    }

    #[test]
    fn files_hear_of_a_finding_when_it_is_on_the_disk_and_the_store_of_every_deed() {
        let (made, heard) = (Sample::made(), Arc::new(Mutex::new(Vec::new())));
        let run = made.run();
        let (to, committed) = bounded(WAITING);
        let mut o = Outputs { store: Vec::new(), files: vec![Box::new(Ear("file", heard.clone()))], committed };
        o.first(Box::new(Ear("store", heard.clone())));
        let said = || std::mem::take(&mut *heard.lock().unwrap());
        let kept = made.book.findings()[0].clone();
        o.finding(&kept, &run);
        assert_eq!(said(), ["store finding"]);
        let record = FindingRecord::new(&kept, &crate::output::BareWords, Lang::En);
        Committed(to).take(Told::Finding { kept: Box::new(kept), record: Box::new(record), saved: true });
        o.event(&sample::events()[0], &run);
        assert_eq!(said(), ["file finding", "store event", "file event"]);
        let audit = Audit { ts: sample::T, who: "a".into(), uid: None, action: "noted".into(), target: "F000001".into(), detail: String::new() };
        let (reply, _) = bounded(1);
        o.deed(&Deed { audit, change: Change::Only }, &mut Some(reply), &run);
        assert_eq!(said(), ["store deed true"]);
        o.finish(&run).unwrap();
        assert_eq!(said(), ["store end", "file end"]);
    }
}
