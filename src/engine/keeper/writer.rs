//! The one thread that writes. What has gathered while it wrote goes into its next commit; what the disk refuses is told with the mark *not saved*,
//! waits, and is tried again.

use super::portion::Portion;
use super::{Counts, Teller, Told};
use crate::assets::{DeviceId, Memory};
use crate::base::{Lang, Span, Timestamp};
use crate::incident::Kept;
use crate::output::record::FindingRecord;
use crate::output::{Words, append};
use crate::store::{Batch, Carried, FindingRow, IncidentRow, Keep, Store, StoreError};
use crossbeam::channel::{Receiver, RecvTimeoutError};
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// From one try to the next while the disk refuses.
const AGAIN: Duration = Duration::from_secs(1);
/// Portions that go into one commit at most: nobody waits behind more.
const GROUP: usize = 32;
/// Rows of what was learned that are written in one commit: a finding waits for no more.
const ROWS: usize = 4_000;
/// Packet time from one clearing of what is too old or too much to the next.
const CLEARING: Span = Span::mins(1);

pub(super) struct Writer {
    store: Store,
    keep: Keep,
    words: Arc<dyn Words + Send + Sync>,
    lang: Lang,
    tell: Teller,
    counts: Arc<Counts>,
    /// Refused by the disk, and told as such.
    refused: Option<Portion>,
    tried: Option<Instant>,
    /// What was learned, on its way to the disk in small commits.
    learned: Memory,
    seen: Vec<(DeviceId, Timestamp)>,
    cleared: Timestamp,
    /// There is more to clear.
    unclear: bool,
    now: Timestamp,
}

/// The wall clock: how long a commit took and when to try again, never for results.
#[allow(clippy::disallowed_methods)]
fn wall() -> Instant {
    Instant::now()
}

fn json(v: &impl Serialize) -> String {
    let mut out = Vec::new();
    append(&mut out, v);
    String::from_utf8(out).unwrap_or_default()
}

impl Writer {
    pub(super) fn new(store: Store, keep: Keep, words: Arc<dyn Words + Send + Sync>, lang: Lang, tell: Teller, counts: Arc<Counts>) -> Writer {
        Writer {
            store,
            keep,
            words,
            lang,
            tell,
            counts,
            refused: None,
            tried: None,
            learned: Memory::default(),
            seen: Vec::new(),
            cleared: Timestamp(0),
            unclear: false,
            now: Timestamp(0),
        }
    }
    /// Writes until nobody hands anything over any more; then says whether all of it is on the disk.
    pub(super) fn run(mut self, portions: &Receiver<Portion>) -> Result<(), String> {
        loop {
            let idle = self.refused.is_some() || self.learned.rows() + self.seen.len() == 0;
            match portions.recv_timeout(if idle { AGAIN } else { Duration::ZERO }) {
                Ok(mut first) => {
                    let mut taken = 1;
                    while let Some(more) = (taken < GROUP).then(|| portions.try_recv().ok()).flatten() {
                        first.add(more, &self.counts);
                        taken += 1;
                    }
                    self.counts.waiting.fetch_sub(taken as u64, Ordering::Relaxed);
                    self.write(first);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.again(false);
            self.learn();
            self.clear();
        }
        self.again(true);
        while self.refused.is_none() && self.learned.rows() + self.seen.len() > 0 && self.learn() {}
        match self.refused {
            _ if self.refused.is_some() || self.learned.rows() > 0 => Err("the disk refused what was found last".to_owned()),
            _ => self.store.close().map_err(|e| e.to_string()),
        }
    }
    fn batch(&self, p: &Portion) -> (Batch, Vec<FindingRecord>) {
        let records: Vec<FindingRecord> = p.findings.values().map(|(k, _)| FindingRecord::new(k, &*self.words, self.lang)).collect();
        let row = |(kept, record): (&Kept, &FindingRecord)| FindingRow { kept: kept.clone(), record: json(record) };
        let batch = Batch {
            findings: p.findings.values().map(|(k, _)| k).zip(&records).map(row).collect(),
            incidents: p.incidents.values().map(|(s, r)| IncidentRow { story: (**s).clone(), record: json(r) }).collect(),
            merged: p.merged.clone(),
            deeds: p.deeds.iter().map(|(d, _)| d.clone()).collect(),
            learned: p.learned.clone(),
            seen: p.seen.clone(),
            coverage: p.coverage,
            numbers: p.numbers,
            now: p.now,
        };
        (batch, records)
    }
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let began = wall();
        let result = self.store.commit(batch);
        let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.counts.longest.fetch_max(took, Ordering::Relaxed);
        match &result {
            Ok(()) => {
                Counts::add(&self.counts.commits, 1);
                Counts::add(&self.counts.findings, batch.findings.len() as u64);
            }
            Err(_) => Counts::add(&self.counts.refused, 1),
        }
        result
    }
    /// New things: told when they are written, or when they could not be.
    fn write(&mut self, mut p: Portion) {
        self.now = self.now.max(p.now);
        if std::mem::take(&mut p.swept) {
            self.learned.add(std::mem::take(&mut p.learned));
            self.seen.append(&mut p.seen);
        }
        if p.is_empty() && p.coverage.is_none() {
            return;
        }
        let (batch, records) = self.batch(&p);
        // While older things wait for the disk, newer ones are not tried on their own: one refusal a second is enough.
        let result = if self.refused.is_some() { None } else { Some(self.commit(&batch)) };
        let saved = matches!(result, Some(Ok(())));
        if let Some(Err(e)) = &result {
            self.counts.refusing.store(true, Ordering::Relaxed);
            (self.tell)(Told::Refused(e.to_string()));
            self.tried = Some(wall());
        }
        for ((kept, tell), record) in p.findings.values().zip(records) {
            if *tell {
                (self.tell)(Told::Finding { kept: Box::new(kept.clone()), record: Box::new(record), saved });
            }
        }
        for (_, record) in p.incidents.values() {
            (self.tell)(Told::Incident { record: record.clone(), saved });
        }
        for (id, into) in &p.merged {
            (self.tell)(Told::Merged { id: id.clone(), into: into.clone() });
        }
        for (deed, reply) in &p.deeds {
            (self.tell)(Told::Deed { deed: Box::new(deed.clone()), saved });
            if let Some(r) = reply {
                // Whoever asked may be gone.
                let _ = r.try_send(Carried { saved });
            }
        }
        if saved {
            return;
        }
        p.deeds.iter_mut().for_each(|(_, reply)| *reply = None);
        match &mut self.refused {
            Some(old) => old.add(p, &self.counts),
            None => self.refused = Some(p),
        }
    }
    /// Tries what the disk refused.
    fn again(&mut self, now: bool) {
        let due = now || self.tried.is_none_or(|t| t.elapsed() >= AGAIN);
        if !due {
            return;
        }
        let Some(p) = self.refused.take() else { return };
        let (batch, _) = self.batch(&p);
        self.tried = Some(wall());
        if self.commit(&batch).is_err() {
            self.refused = Some(p);
            return;
        }
        self.counts.refusing.store(false, Ordering::Relaxed);
        let findings = p.findings.values().filter(|(_, told)| *told).map(|(k, _)| k.id.clone());
        let ids = findings.chain(p.incidents.values().map(|(s, _)| s.incident.id.clone())).collect();
        (self.tell)(Told::Recovered);
        (self.tell)(Told::Saved(ids));
    }
    /// A part of what was learned; false if the disk does not take it.
    fn learn(&mut self) -> bool {
        if self.refused.is_some() {
            return false;
        }
        let learned = self.learned.take(ROWS);
        let room = ROWS.saturating_sub(learned.rows());
        let seen = self.seen.split_off(self.seen.len().saturating_sub(room));
        let batch = Batch { learned, seen, now: self.now, ..Batch::default() };
        let there = batch.learned.rows() + batch.seen.len() > 0;
        let result = if there { self.commit(&batch) } else { Ok(()) };
        if let Err(e) = &result {
            (self.tell)(Told::Refused(e.to_string()));
            self.refused = Some(Portion { learned: batch.learned, seen: batch.seen, ..Portion::default() });
            self.tried = Some(wall());
            self.counts.refusing.store(true, Ordering::Relaxed);
        }
        if self.learned.rows() + self.seen.len() == 0 {
            self.counts.sweeping.store(false, Ordering::Relaxed);
        }
        result.is_ok()
    }
    /// What is too old or too much leaves, a little at a time.
    fn clear(&mut self) {
        if self.refused.is_some() || !self.unclear && self.now.since(self.cleared) < CLEARING {
            return;
        }
        self.cleared = self.now;
        match self.store.prune(self.now, &self.keep) {
            Ok(p) => {
                self.unclear = p.more;
                Counts::add(&self.counts.pruned, p.aged as u64);
                Counts::add(&self.counts.evicted, p.evicted as u64);
            }
            // The next commit says it to people.
            Err(_) => Counts::add(&self.counts.refused, 1),
        }
    }
}
