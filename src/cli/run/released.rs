//! What viewers may see: findings and incidents that are on the disk (or that the disk refused), and what people did.

use crate::engine::journal::{DecisionRecord, Desk, Gate, MuteRecord, NoteRecord};
use crate::engine::keeper::Told;
use crate::store::{Change, Deed, Loaded, Muted, Note, Verdict};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Ids remembered. The book holds fewer; of more, the oldest are long gone from it.
const IDS: usize = 65_536;

#[derive(Default)]
struct State {
    /// The newest revision of each finding and incident, and whether it is saved.
    ids: BTreeMap<String, (u32, bool)>,
    desk: Desk,
    changed: bool,
}

/// Shared by the writer of the store, which tells, and the recorder of the view, which asks.
#[derive(Clone, Default)]
pub(super) struct Released(Arc<Mutex<State>>);

impl Released {
    /// What was on the disk when the sensor began.
    pub(super) fn of(before: &Loaded) -> Released {
        let mut s = State { changed: true, ..State::default() };
        s.ids.extend(before.pages.findings.iter().map(|k| (k.id.clone(), (k.rev, true))));
        s.ids.extend(before.pages.stories.iter().map(|s| (s.incident.id.clone(), (s.incident.rev, true))));
        before.verdicts.iter().for_each(|v| decided(&mut s.desk, v));
        before.mutes.iter().for_each(|m| muted(&mut s.desk, m));
        Released(Arc::new(Mutex::new(s)))
    }
    /// The writer has something to tell.
    pub(super) fn take(&self, told: &Told) {
        let mut s = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match told {
            Told::Finding { record, saved, .. } => drop(s.ids.insert(record.id.clone(), (record.rev, *saved))),
            Told::Incident { record, saved } => drop(s.ids.insert(record.id.clone(), (record.rev, *saved))),
            Told::Merged { id, .. } => drop(s.ids.remove(id)),
            Told::Saved(ids) => ids.iter().for_each(|id| {
                if let Some(known) = s.ids.get_mut(id) {
                    known.1 = true;
                }
            }),
            Told::Deed { deed, .. } => s.changed |= done(&mut s.desk, deed),
            Told::Refused(_) | Told::Recovered => {}
        }
        while s.ids.len() > IDS {
            s.ids.pop_first();
        }
    }
}

impl Gate for Released {
    fn passes(&self, id: &str, rev: u32) -> Option<bool> {
        let s = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        s.ids.get(id).filter(|(known, _)| rev <= *known).map(|(_, saved)| *saved)
    }
    fn desk(&self) -> Option<Desk> {
        let mut s = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut s.changed).then(|| s.desk.clone())
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
