//! What viewers may see: findings and incidents that are on the disk (or that the disk refused), and what people did.

use crate::engine::journal::{DecisionRecord, Desk, Gate, MuteRecord, NoteRecord, Taken};
use crate::engine::keeper::Told;
use crate::output::record::{FindingRecord, IncidentRecord};
use crate::store::{Change, Deed, Loaded, Muted, Note, Verdict};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Findings that wait to be shown, and incidents: the book holds no more. Of more, the oldest leave.
const WAITING: usize = 20_000;

#[derive(Default)]
struct State {
    /// What was told since the recorder asked last, by id: of each the newest.
    findings: BTreeMap<String, (FindingRecord, bool)>,
    incidents: BTreeMap<String, IncidentRecord>,
    /// Shown as not saved.
    unsaved: BTreeMap<String, FindingRecord>,
    moved: bool,
    desk: Desk,
    changed: bool,
}

/// Shared by the writer of the store, which tells, and the recorder of the view, which asks.
#[derive(Clone, Default)]
pub(super) struct Released(Arc<Mutex<State>>);

impl Released {
    /// What people had done when the sensor began.
    pub(super) fn of(before: &Loaded) -> Released {
        let mut s = State { changed: true, ..State::default() };
        before.verdicts.iter().for_each(|v| decided(&mut s.desk, v));
        before.mutes.iter().for_each(|m| muted(&mut s.desk, m));
        Released(Arc::new(Mutex::new(s)))
    }
    /// The writer has something to tell.
    pub(super) fn told(&self, told: &Told) {
        let mut s = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match told {
            Told::Finding { record, saved, .. } => s.finding(record, *saved),
            Told::Incident { record, .. } => {
                s.incidents.insert(record.id.clone(), (**record).clone());
                if s.incidents.len() > WAITING {
                    s.incidents.pop_first();
                }
            }
            Told::Merged { id, .. } => {
                s.incidents.remove(id);
                s.moved = true;
            }
            Told::Saved(ids) => {
                for id in ids {
                    if let Some(record) = s.unsaved.remove(id) {
                        s.finding(&record, true);
                    }
                }
            }
            Told::Deed { deed, .. } => s.changed |= done(&mut s.desk, deed),
            Told::Refused(_) | Told::Recovered => {}
        }
    }
}

impl State {
    fn finding(&mut self, record: &FindingRecord, saved: bool) {
        if saved {
            self.unsaved.remove(&record.id);
        } else {
            self.unsaved.insert(record.id.clone(), record.clone());
        }
        self.findings.insert(record.id.clone(), (record.clone(), saved));
        if self.findings.len() > WAITING {
            self.findings.pop_first();
        }
        if self.unsaved.len() > WAITING {
            self.unsaved.pop_first();
        }
    }
}

impl Gate for Released {
    fn take(&self) -> Taken {
        let mut s = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Taken {
            findings: std::mem::take(&mut s.findings).into_values().collect(),
            incidents: std::mem::take(&mut s.incidents).into_values().collect(),
            moved: std::mem::take(&mut s.moved),
            desk: std::mem::take(&mut s.changed).then(|| s.desk.clone()),
        }
    }
}

/// Takes a deed in; true if it changed what is shown.
fn done(desk: &mut Desk, deed: &Deed) -> bool {
    match &deed.change {
        Change::Decided(v) => decided(desk, v),
        Change::Acknowledged { target, .. } => {
            let seen = desk.seen.entry(target.clone()).or_default();
            (seen.ts, seen.who) = (deed.audit.ts.to_string(), deed.audit.who.clone());
        }
        Change::Noted(Note { target, ts, who, text }) => {
            desk.seen.insert(target.clone(), NoteRecord { ts: ts.to_string(), who: who.clone(), note: text.clone() });
        }
        Change::Muted(m) => muted(desk, m),
        Change::Unmuted(number) => drop(desk.mutes.remove(&number.to_string())),
        Change::Closed { .. } | Change::Paused { .. } | Change::Resumed | Change::Forgot(_) | Change::Only => return false,
    }
    true
}

fn decided(desk: &mut Desk, v: &Verdict) {
    let id = v.device.to_string();
    let Some(state) = v.state else { return drop(desk.decisions.remove(&id)) };
    let until = v.until.map(|t| t.to_string()).unwrap_or_default();
    let record = DecisionRecord { ts: v.ts.to_string(), who: v.who.clone(), status: state.word().to_owned(), reason: v.why.clone(), until };
    desk.decisions.insert(id, record);
}

fn muted(desk: &mut Desk, m: &Muted) {
    let record = MuteRecord {
        ts: m.ts.to_string(),
        who: m.who.clone(),
        reason: m.why.clone(),
        until: m.until.to_string(),
        detector: m.fits.detector.clone().unwrap_or_default(),
        orig: m.fits.orig.map(|w| w.to_string()).unwrap_or_default(),
    };
    desk.mutes.insert(m.number.to_string(), record);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::BareWords;
    use crate::output::sample::Sample;

    fn finding(rev: u32, saved: bool) -> Told {
        let kept = Sample::made().book.findings()[0].clone();
        let record = FindingRecord { rev, ..FindingRecord::new(&kept, &BareWords, crate::base::Lang::En) };
        Told::Finding { kept: Box::new(kept), record: Box::new(record), saved }
    }
    fn taken(r: &Released) -> Vec<(u32, bool)> {
        r.take().findings.iter().map(|(f, saved)| (f.rev, *saved)).collect()
    }

    #[test]
    fn a_viewer_gets_the_newest_that_is_on_the_disk_once_and_a_mark_that_is_taken_off() {
        let r = Released::default();
        assert_eq!(taken(&r), []);
        r.told(&finding(1, true));
        r.told(&finding(2, true));
        assert_eq!(taken(&r), [(2, true)]);
        assert_eq!(taken(&r), []);
        r.told(&finding(3, false));
        assert_eq!(taken(&r), [(3, false)]);
        let Told::Finding { record, .. } = finding(3, false) else { unreachable!() };
        r.told(&Told::Saved(vec![record.id.clone()]));
        r.told(&Told::Saved(vec![record.id, "F999999".into()]));
        assert_eq!(taken(&r), [(3, true)]);
        assert_eq!(taken(&r), []);
    }
}
