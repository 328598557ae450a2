//! What a person does beside looking: acknowledge, mute, decide. On a replay it is kept in the session; on a sensor it is sent there.

use crate::engine::journal::{DecisionRecord, Desk, MuteRecord, NoteRecord};

/// One act. Each has its opposite, so that it can be undone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// Findings or incidents were seen; `None` takes it back.
    Seen(Vec<String>, Option<NoteRecord>),
    /// Findings that match are not shown for a while; `None` takes it back.
    Mute(String, Option<MuteRecord>),
    /// Something was decided about devices; `None` takes it back. Each with its own decision, so that undo restores what was there.
    Decide(Vec<(String, Option<DecisionRecord>)>),
}

/// Where acts go.
pub trait Acts: Send {
    /// Does it; an error says what to tell the person.
    fn act(&mut self, act: &Act) -> Result<(), String>;
}

/// Acts of a session that has no sensor: the desk in the app is all there is.
#[derive(Clone, Copy, Debug, Default)]
pub struct SessionActs;

impl Acts for SessionActs {
    fn act(&mut self, _act: &Act) -> Result<(), String> {
        Ok(())
    }
}

/// Applies an act to a desk and returns its opposite.
pub fn apply(desk: &mut Desk, act: Act) -> Act {
    match act {
        Act::Seen(ids, note) => {
            let before = ids.first().and_then(|id| desk.seen.get(id)).cloned();
            for id in &ids {
                match &note {
                    Some(n) => drop(desk.seen.insert(id.clone(), n.clone())),
                    None => drop(desk.seen.remove(id)),
                }
            }
            Act::Seen(ids, before)
        }
        Act::Mute(id, mute) => {
            let before = match mute {
                Some(m) => desk.mutes.insert(id.clone(), m),
                None => desk.mutes.remove(&id),
            };
            Act::Mute(id, before)
        }
        Act::Decide(all) => {
            let put = |(id, d): (String, Option<DecisionRecord>)| {
                let before = match d {
                    Some(d) => desk.decisions.insert(id.clone(), d),
                    None => desk.decisions.remove(&id),
                };
                (id, before)
            };
            Act::Decide(all.into_iter().map(put).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_act_can_be_taken_back() {
        let mut desk = Desk::default();
        let note = NoteRecord { who: "a".into(), ..NoteRecord::default() };
        let decision = |s: &str| Some(DecisionRecord { status: s.into(), ..DecisionRecord::default() });
        desk.decisions.insert("d1".into(), decision("new").unwrap());
        let before = desk.clone();
        let acts = [
            Act::Seen(vec!["F1".into(), "F2".into()], Some(note)),
            Act::Mute("1".into(), Some(MuteRecord::default())),
            Act::Decide(vec![("d1".into(), decision("refused")), ("d2".into(), decision("authorised"))]),
        ];
        let undo: Vec<Act> = acts.into_iter().map(|a| apply(&mut desk, a)).collect();
        assert_eq!((desk.seen.len(), desk.mutes.len(), desk.decisions.len()), (2, 1, 2));
        for a in undo.into_iter().rev() {
            apply(&mut desk, a);
        }
        assert_eq!(desk, before);
    }
}
