//! What the book is made of, for a store to keep, and a book made of it again: ids, revisions and stories go on where they were.

use super::book::{Book, Kept, Links};
use super::story::Incident;
use crate::base::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One incident with what links findings to it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Story {
    /// As it is told.
    pub incident: Incident,
    pub(super) links: Links,
    /// When a person closed it.
    #[serde(default)]
    pub closed: Option<Timestamp>,
}

/// A book on paper.
#[derive(Clone, Default, Debug)]
pub struct Pages {
    /// Findings, in any order.
    pub findings: Vec<Kept>,
    /// Incidents, in any order.
    pub stories: Vec<Story>,
    /// The highest numbers ever given to findings and incidents: they are given once.
    pub numbers: (u64, u64),
}

/// The number in `F000012` or `I0003`.
pub fn number(id: &str) -> Option<u64> {
    id.get(1..)?.parse().ok()
}

impl Book {
    /// An incident with its links, by its place.
    pub fn story(&self, at: usize) -> Option<Story> {
        let (incident, links, number) = (self.incidents.get(at)?, self.links.get(at)?, self.numbers.get(at)?);
        Some(Story { incident: incident.clone(), links: links.clone(), closed: self.closed.get(number).copied() })
    }
    /// The highest numbers ever given to findings and incidents.
    pub fn numbers(&self) -> (u64, u64) {
        (self.next, self.opened)
    }
    /// Everything, for a store.
    pub fn pages(&self) -> Pages {
        let stories = (0..self.incidents.len()).filter_map(|at| self.story(at)).collect();
        Pages { findings: self.kept.clone(), stories, numbers: (self.next, self.opened) }
    }
    /// A book of what was kept. Ids that cannot be ours are left out; of too much the oldest is.
    pub fn restore(pages: Pages) -> Book {
        let by_number: BTreeMap<u64, Kept> = pages.findings.into_iter().filter_map(|k| Some((number(&k.id)?, k))).collect();
        let stories: BTreeMap<u64, Story> = pages.stories.into_iter().filter_map(|s| Some((number(&s.incident.id)?, s))).collect();
        let mut book = Book::default();
        (book.next, book.opened) = pages.numbers;
        for (seq, k) in by_number.into_iter().rev().take(super::book::MAX_FINDINGS).collect::<Vec<_>>().into_iter().rev() {
            book.next = book.next.max(seq);
            book.index.insert((k.finding.detector, k.finding.story.clone()), seq);
            book.kept.push(k);
            book.seqs.push(seq);
        }
        for (n, story) in stories.into_iter().rev().take(super::book::MAX_INCIDENTS).collect::<Vec<_>>().into_iter().rev() {
            book.opened = book.opened.max(n);
            book.take_up(n, story);
        }
        book
    }
    /// These detectors begin anew: what they say of a story from now on is joined to what was said. The findings so far.
    pub fn resume(&mut self, detectors: &[&str]) -> Vec<&Kept> {
        let anew = |k: &Kept| detectors.contains(&k.finding.detector);
        let theirs: Vec<u64> = self.kept.iter().zip(&self.seqs).filter(|(k, _)| anew(k)).map(|(_, seq)| *seq).collect();
        self.resumed.extend(&theirs);
        self.unsaid.extend(theirs);
        self.kept.iter().filter(|k| anew(k)).collect()
    }
    fn take_up(&mut self, n: u64, story: Story) {
        let Story { incident, mut links, closed } = story;
        links.members.retain(|s| self.seqs.binary_search(s).is_ok());
        for (names, index) in [(&mut links.own, &mut self.by_own), (&mut links.entered, &mut self.by_entered)] {
            names.retain(|name| {
                let room = self.names < super::book::MAX_NAMES;
                if room {
                    self.names += 1;
                    index.entry(name.clone()).or_default().insert(n);
                } else {
                    self.unnamed += 1;
                }
                room
            });
        }
        self.closed.extend(closed.map(|ts| (n, ts)));
        self.incidents.push(incident);
        self.links.push(links);
        self.numbers.push(n);
    }
}
