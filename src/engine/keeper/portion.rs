//! What waits to be written: of each thing its newest form, never more than so many things.

use super::Counts;
use crate::assets::{DeviceId, Memory};
use crate::base::Timestamp;
use crate::event::Coverage;
use crate::incident::{Kept, Story, number};
use crate::output::record::IncidentRecord;
use crate::store::{Deed, Reply};
use std::collections::BTreeMap;

/// Most findings that wait; beyond, the mildest and oldest is told but not kept.
const FINDINGS: usize = 20_000;
/// Most deeds that wait: people do not do more.
const DEEDS: usize = 4_096;

/// Things to write in one commit.
#[derive(Debug, Default)]
pub(super) struct Portion {
    /// Findings by number; is there something to tell of them, or are they only to be written?
    pub findings: BTreeMap<u64, (Kept, bool)>,
    /// Incidents by number.
    pub incidents: BTreeMap<u64, (Box<Story>, Box<IncidentRecord>)>,
    /// Incidents that are part of another now.
    pub merged: Vec<(String, String)>,
    /// What people did, in order.
    pub deeds: Vec<(Deed, Option<Reply>)>,
    /// What was learned.
    pub learned: Memory,
    /// Devices of which only the last sight is new.
    pub seen: Vec<(DeviceId, Timestamp)>,
    /// It holds a sweep over everything learned.
    pub swept: bool,
    /// What was seen and what not in this run.
    pub coverage: Option<Coverage>,
    /// Numbers given.
    pub numbers: (u64, u64),
    /// Packet time.
    pub now: Timestamp,
}

impl Portion {
    pub(super) fn is_empty(&self) -> bool {
        let told = self.findings.is_empty() && self.incidents.is_empty() && self.merged.is_empty() && self.deeds.is_empty();
        told && self.seen.is_empty() && !self.swept && self.learned == Memory::default()
    }
    /// A finding; an older revision that still waits is replaced.
    pub(super) fn finding(&mut self, n: u64, k: Kept, tell: bool, counts: &Counts) {
        if let Some((old, told)) = self.findings.get_mut(&n) {
            if old.rev < k.rev && *told {
                Counts::add(&counts.superseded, 1);
            }
            // What comes back from a disk that refused it may be older than what was found meanwhile.
            if old.rev <= k.rev {
                *old = k;
            }
            *told |= tell;
            return;
        }
        if self.findings.len() >= FINDINGS {
            let mildest = self.findings.iter().min_by_key(|(n, (k, _))| (k.finding.severity, **n)).map(|(n, _)| *n);
            mildest.map(|n| self.findings.remove(&n));
            Counts::add(&counts.lost, 1);
        }
        self.findings.insert(n, (k, tell));
    }
    /// An incident; an older form that still waits is replaced.
    pub(super) fn incident(&mut self, story: Story, record: IncidentRecord, counts: &Counts) {
        let Some(n) = number(&story.incident.id) else { return };
        let newer = self.incidents.get(&n).is_none_or(|(old, _)| old.incident.rev <= story.incident.rev);
        if newer && self.incidents.insert(n, (Box::new(story), Box::new(record))).is_some() {
            Counts::add(&counts.superseded, 1);
        }
    }
    /// A deed; its reply comes back if there is no room for it.
    pub(super) fn deed(&mut self, deed: Deed, reply: Option<Reply>, counts: &Counts) -> Option<Reply> {
        if self.deeds.len() >= DEEDS {
            Counts::add(&counts.lost, 1);
            return reply;
        }
        self.deeds.push((deed, reply));
        None
    }
    /// Takes in a later portion.
    pub(super) fn add(&mut self, later: Portion, counts: &Counts) {
        for (n, (k, tell)) in later.findings {
            self.finding(n, k, tell, counts);
        }
        for (_, (story, record)) in later.incidents {
            self.incident(*story, *record, counts);
        }
        self.merged.extend(later.merged);
        for (deed, reply) in later.deeds {
            if let Some(back) = self.deed(deed, reply, counts) {
                // Whoever asked may be gone.
                let _ = back.try_send(crate::store::Carried { saved: false });
            }
        }
        // Of two rows about one thing the later one is written later.
        self.learned.add(later.learned);
        self.seen.extend(later.seen);
        self.swept |= later.swept;
        self.coverage = later.coverage.or(self.coverage);
        self.numbers = (self.numbers.0.max(later.numbers.0), self.numbers.1.max(later.numbers.1));
        self.now = self.now.max(later.now);
    }
}
