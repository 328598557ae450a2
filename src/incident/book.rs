//! The book of findings and incidents: one finding per story, one incident per set of findings that share hosts and time.

use super::mute::Mutes;
use super::story::{Incident, names};
use crate::assets::Assets;
use crate::base::{Severity, Span, Timestamp};
use crate::detect::Finding;
use crate::event::Coverage;
use crate::site::Site;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Most findings kept; beyond, the mildest and oldest leave. An incident's findings leave last.
pub(super) const MAX_FINDINGS: usize = 20_000;
/// Most incidents kept; beyond, those that are over for longest leave. Their findings keep their number.
pub(super) const MAX_INCIDENTS: usize = 10_000;
/// Most findings of one incident; further ones belong to it but are not listed.
const MAX_MEMBERS: usize = 512;
/// Most names of hosts by which incidents are found, over all of them; beyond, a finding joins by the names that are there.
pub(super) const MAX_NAMES: usize = 262_144;
/// Findings this far apart are not one story.
const APART: Span = Span::hours(24);

/// A finding as it is kept: with its id, revision and the coverage under which it was made.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Kept {
    /// `F000001` in order of first emission.
    pub id: String,
    /// 1 at first, +1 with every update.
    pub rev: u32,
    /// The newest form.
    pub finding: Finding,
    /// Every address and MAC of the originator.
    pub orig_all: Vec<String>,
    /// Coverage at the last update.
    pub coverage: Coverage,
    /// Id of its incident; empty if it belongs to none (info and inventory).
    pub incident: String,
    /// The number of the mute that hides it; 0 if it is shown.
    #[serde(default)]
    pub muted: u64,
}

/// What became of a finding that a detector said: its place among the findings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admitted {
    /// Nothing like it was known.
    New(usize),
    /// Its story goes on.
    Revised(usize),
    /// It was said before the sensor was restarted, word for word.
    Same(usize),
}

/// What links findings to an incident, beside what is told of it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Links {
    /// Sequence numbers of its findings.
    pub(super) members: BTreeSet<u64>,
    /// Hosts that did something, by every name.
    pub(super) own: BTreeSet<String>,
    /// Hosts that were entered.
    pub(super) entered: BTreeSet<String>,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

/// Keeps findings (one per story, revised) and builds incidents from them.
#[derive(Debug, Default)]
pub struct Book {
    pub(super) kept: Vec<Kept>,
    /// Sequence numbers of `kept`, ascending.
    pub(super) seqs: Vec<u64>,
    pub(super) index: BTreeMap<(&'static str, String), u64>,
    pub(super) incidents: Vec<Incident>,
    pub(super) links: Vec<Links>,
    /// Numbers of `incidents`, ascending.
    pub(super) numbers: Vec<u64>,
    /// Incidents by the names of hosts that did something in them.
    pub(super) by_own: BTreeMap<String, BTreeSet<u64>>,
    /// And by those of hosts that were only entered.
    pub(super) by_entered: BTreeMap<String, BTreeSet<u64>>,
    /// Names in both, counted once per incident; and those that had no room.
    pub(super) names: usize,
    pub(super) unnamed: u64,
    /// Numbers of incidents that are to be told anew.
    dirty: BTreeSet<u64>,
    pub(super) opened: u64,
    pub(super) next: u64,
    evicted: u64,
    unopened: u64,
    retired: u64,
    /// Findings of before a restart: what is said of them now is joined to what was said.
    pub(super) resumed: BTreeSet<u64>,
    /// Those of them of which nothing was said since.
    pub(super) unsaid: BTreeSet<u64>,
    /// When a person closed an incident, by its number.
    pub(super) closed: BTreeMap<u64, Timestamp>,
    /// What is not to be shown for a time.
    pub mutes: Mutes,
}

impl Book {
    /// Takes a finding in.
    pub fn admit(&mut self, mut finding: Finding, site: &Site, assets: &Assets, coverage: &Coverage) -> Admitted {
        if finding.zone.is_empty()
            && let Some(a) = finding.orig.addr
        {
            site.zone_name(a).clone_into(&mut finding.zone);
        }
        let mut orig_all = assets.all_names_of(finding.orig.addr, finding.orig.mac);
        for name in [finding.orig.addr.map(|a| a.to_string()), finding.orig.mac.map(|m| m.to_string())].into_iter().flatten() {
            if !orig_all.contains(&name) {
                orig_all.push(name);
            }
        }
        let key = (finding.detector, finding.story.clone());
        let (seq, new) = match self.index.get(&key).copied() {
            Some(seq) => {
                let (resumed, unsaid) = (self.resumed.contains(&seq), self.unsaid.remove(&seq));
                let at = self.position(seq).unwrap_or(0);
                if let Some(k) = self.kept.get_mut(at) {
                    if resumed {
                        finding.resume(&k.finding);
                    }
                    if unsaid && finding.says_the_same(&k.finding) {
                        k.finding.last_ts = finding.last_ts;
                        return Admitted::Same(at);
                    }
                    k.rev += 1;
                    (k.finding, k.orig_all, k.coverage) = (finding, orig_all, *coverage);
                }
                (seq, false)
            }
            None => {
                if self.kept.len() >= MAX_FINDINGS {
                    self.evict();
                }
                self.next += 1;
                let id = format!("F{:06}", self.next);
                self.kept.push(Kept { id, rev: 1, finding, orig_all, coverage: *coverage, incident: String::new(), muted: 0 });
                self.seqs.push(self.next);
                self.index.insert(key, self.next);
                (self.next, true)
            }
        };
        let at = self.position(seq).unwrap_or(0);
        let muted = self.kept.get(at).map_or(0, |k| self.mutes.over(k));
        if let Some(k) = self.kept.get_mut(at) {
            k.muted = muted;
        }
        // What nobody wants to hear of opens no incident; one that is open goes on.
        if muted == 0 || self.kept.get(at).is_some_and(|k| !k.incident.is_empty()) {
            self.link(seq, site);
        }
        if new { Admitted::New(at) } else { Admitted::Revised(at) }
    }
    /// A person closes an incident, or opens it again; false if there is none of this id.
    pub fn close(&mut self, id: &str, at: Option<Timestamp>) -> bool {
        let Some(n) = self.numbers.iter().copied().find(|n| super::number(id) == Some(*n)) else { return false };
        match at {
            Some(ts) => drop(self.closed.insert(n, ts)),
            None => drop(self.closed.remove(&n)),
        }
        true
    }
    /// Is a serious incident going on: high or worse, with evidence of the last day, and not closed since by a person?
    pub fn is_tense(&self, now: Timestamp) -> bool {
        let closed = |n: &u64, last: Timestamp| self.closed.get(n).is_some_and(|ts| *ts >= last);
        let mut all = self.incidents.iter().zip(&self.numbers);
        all.any(|(i, n)| i.severity >= Severity::High && i.last_ts + APART > now && !closed(n, i.last_ts))
    }
    /// All findings in order of first emission.
    pub fn findings(&self) -> &[Kept] {
        &self.kept
    }
    /// All incidents in order of opening.
    pub fn incidents(&self) -> &[Incident] {
        &self.incidents
    }
    fn position(&self, seq: u64) -> Option<usize> {
        self.seqs.binary_search(&seq).ok()
    }
    fn kept(&self, seq: u64) -> Option<&Kept> {
        self.position(seq).and_then(|i| self.kept.get(i))
    }
    /// Makes room: a hundredth of the book leaves at once, the mildest and oldest first, those of incidents last.
    fn evict(&mut self) {
        let mut order: Vec<(bool, Severity, u64)> =
            self.kept.iter().zip(&self.seqs).map(|(k, s)| (!k.incident.is_empty(), k.finding.severity, *s)).collect();
        order.sort_unstable();
        let gone: BTreeSet<u64> = order.iter().take(MAX_FINDINGS / 100).map(|o| o.2).collect();
        self.evicted += gone.len() as u64;
        self.index.retain(|_, s| !gone.contains(s));
        self.resumed.retain(|s| !gone.contains(s));
        self.unsaid.retain(|s| !gone.contains(s));
        let mut seqs = self.seqs.iter();
        self.kept.retain(|_| seqs.next().is_some_and(|s| !gone.contains(s)));
        self.seqs.retain(|s| !gone.contains(s));
        for l in &mut self.links {
            l.members.retain(|s| !gone.contains(s));
        }
    }
    /// Finds the incident of a finding, opens one, or makes one of several.
    fn link(&mut self, seq: u64, site: &Site) {
        let Some(k) = self.kept(seq) else { return };
        let weighty = k.finding.severity >= Severity::Medium;
        let (own, entered) = names(k, site);
        let (first, last) = (k.finding.first_ts, k.finding.last_ts);
        // Numbers rise with the order of opening: the first hit is the oldest. A host that both only entered (a file server, say) links nothing.
        let acted = own.iter().chain(entered.iter().filter(|_| weighty)).filter_map(|n| self.by_own.get(n));
        let came = own.iter().filter(|_| weighty).filter_map(|n| self.by_entered.get(n));
        let mut near: BTreeSet<u64> = acted.chain(came).flatten().copied().collect();
        near.extend(k.incident.get(1..).and_then(|n| n.parse::<u64>().ok()));
        let is_hit = |l: &Links| {
            let in_time = first <= l.last + APART && l.first <= last + APART;
            let shares =
                || own.iter().any(|n| l.own.contains(n) || weighty && l.entered.contains(n)) || weighty && entered.iter().any(|n| l.own.contains(n));
            l.members.contains(&seq) || in_time && shares()
        };
        let places = near.into_iter().filter_map(|n| self.numbers.binary_search(&n).ok());
        let hits: Vec<usize> = places.filter(|i| self.links.get(*i).is_some_and(is_hit)).collect();
        let Some(at) = hits.first().copied().or_else(|| if weighty { self.open(first) } else { None }) else { return };
        for i in hits.iter().skip(1).rev() {
            self.fold(at, *i);
        }
        if let Some(l) = self.links.get_mut(at) {
            if l.members.len() < MAX_MEMBERS {
                l.members.insert(seq);
            }
            if weighty {
                let number = self.numbers.get(at).copied().unwrap_or_default();
                for (names, held, index) in [(own, &mut l.own, &mut self.by_own), (entered, &mut l.entered, &mut self.by_entered)] {
                    for name in names.into_iter().filter(|n| !held.contains(n)).collect::<Vec<_>>() {
                        if self.names >= MAX_NAMES {
                            self.unnamed += 1;
                            continue;
                        }
                        self.names += 1;
                        index.entry(name.clone()).or_default().insert(number);
                        held.insert(name);
                    }
                }
                (l.first, l.last) = (l.first.min(first), l.last.max(last));
            }
        }
        let id = self.incidents.get(at).map(|i| i.id.clone()).unwrap_or_default();
        if let Some(k) = self.position(seq).and_then(|i| self.kept.get_mut(i)) {
            k.incident = id;
        }
        self.dirty.extend(self.numbers.get(at));
    }
    fn open(&mut self, ts: Timestamp) -> Option<usize> {
        if self.incidents.len() >= MAX_INCIDENTS {
            self.retire(ts);
        }
        if self.incidents.len() >= MAX_INCIDENTS {
            self.unopened += 1;
            return None;
        }
        self.opened += 1;
        self.incidents.push(Incident::new(format!("I{:04}", self.opened), ts));
        self.numbers.push(self.opened);
        self.links.push(Links { first: ts, last: ts, ..Links::default() });
        Some(self.incidents.len() - 1)
    }
    /// Makes room: of the incidents that are over at `now`, a hundredth of the book leaves at once, those that are over for longest first.
    fn retire(&mut self, now: Timestamp) {
        let over = self.links.iter().zip(&self.numbers).filter(|(l, _)| l.last + APART < now);
        let mut order: Vec<(Timestamp, u64)> = over.map(|(l, n)| (l.last, *n)).collect();
        order.sort_unstable();
        for (_, number) in order.into_iter().take(MAX_INCIDENTS / 100) {
            let Ok(at) = self.numbers.binary_search(&number) else { continue };
            let (old, ..) = (self.links.remove(at), self.incidents.remove(at), self.numbers.remove(at));
            for (names, index) in [(&old.own, &mut self.by_own), (&old.entered, &mut self.by_entered)] {
                for name in names {
                    if index.get_mut(name).is_some_and(|numbers| numbers.remove(&number) && numbers.is_empty()) {
                        index.remove(name);
                    }
                }
            }
            self.names = self.names.saturating_sub(old.own.len() + old.entered.len());
            self.dirty.remove(&number);
            self.closed.remove(&number);
            self.retired += 1;
        }
    }
    /// Two incidents turn out to be one: the older keeps its id, the younger's findings move.
    fn fold(&mut self, into: usize, from: usize) {
        if into >= from || from >= self.links.len() {
            return;
        }
        let (old, _, gone) = (self.links.remove(from), self.incidents.remove(from), self.numbers.remove(from));
        let number = self.numbers.get(into).copied().unwrap_or_default();
        for (names, index) in [(&old.own, &mut self.by_own), (&old.entered, &mut self.by_entered)] {
            for name in names {
                if let Some(numbers) = index.get_mut(name) {
                    numbers.remove(&gone);
                    numbers.insert(number);
                }
            }
        }
        self.dirty.remove(&gone);
        self.closed.remove(&gone);
        let id = self.incidents.get(into).map(|i| i.id.clone()).unwrap_or_default();
        for seq in &old.members {
            if let Some(k) = self.position(*seq).and_then(|i| self.kept.get_mut(i)) {
                k.incident.clone_from(&id);
            }
        }
        if let Some(l) = self.links.get_mut(into) {
            let room = MAX_MEMBERS.saturating_sub(l.members.len());
            l.members.extend(old.members.into_iter().take(room));
            let before = l.own.len() + l.entered.len() + old.own.len() + old.entered.len();
            l.own.extend(old.own);
            l.entered.extend(old.entered);
            self.names = self.names.saturating_sub(before - l.own.len() - l.entered.len());
            (l.first, l.last) = (l.first.min(old.first), l.last.max(old.last));
        }
    }
    /// Tells the incidents that changed anew: at the end of a tick, so that a burst of findings costs one telling.
    pub fn settle(&mut self, site: &Site, assets: &Assets) {
        for number in std::mem::take(&mut self.dirty) {
            if let Ok(at) = self.numbers.binary_search(&number) {
                self.tell(at, site, assets);
            }
        }
    }
    /// Entries held and entries that found no room or had to leave, by table.
    pub fn held(&self) -> [(&'static str, usize, u64); 4] {
        [
            ("findings", self.kept.len(), self.evicted),
            ("incidents", self.incidents.len(), self.unopened + self.retired),
            ("incident_names", self.names, self.unnamed),
            self.mutes.held(),
        ]
    }
    fn tell(&mut self, at: usize, site: &Site, assets: &Assets) {
        let Some(l) = self.links.get(at) else { return };
        let members: Vec<&Kept> = l.members.iter().filter_map(|s| self.seqs.binary_search(s).ok().and_then(|i| self.kept.get(i))).collect();
        if let Some(i) = self.incidents.get_mut(at) {
            i.tell(&members, site, assets);
        }
    }
}
