//! `ransomware-smb`: a client encrypts the files of a share: existing files are overwritten, replaced or renamed over with encrypted content, one after
//! the other (ATT&CK T1486). In the clear by content, joined over handles; under encryption by sizes alone.

mod content;
mod files;
mod story;
#[cfg(test)]
mod tests;

use super::signature::{Signature, SignatureError};
use super::{Detector, Finding, Scene};
use crate::base::{Addr, Span};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowInfo, Interest};
use crate::protocols::Message;
use crate::protocols::smb::life::{Life, Work};
use content::Look;
use files::{Files, How, Place, Told};
use foldhash::fast::FixedState;
use std::hash::BuildHasher;
use story::{Lost, Story};

/// Detector id.
pub const ID: &str = "ransomware-smb";

/// Clients with a story; the longest quiet leaves.
const STORIES: usize = 4_096;

/// The numbers of `signatures/ransomware-smb.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    files: u64,
    files_marked: u64,
    contradicting: u64,
    note_directories: usize,
    critical_files: u64,
    critical_servers: u64,
    sealed_files: u64,
    sealed_many: u64,
    sealed_window: Span,
    pause: Span,
}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        let [files, files_marked, contradicting, note] = s.require_all(["files", "files_marked", "contradicting", "note_directories"])?;
        let [critical_files, critical_servers] = s.require_all(["critical_files", "critical_servers"])?;
        let [sealed_files, sealed_many, sealed_window, pause] = s.require_all(["sealed_files", "sealed_many", "sealed_window", "pause"])?;
        Ok(Tuning {
            files: files as u64,
            files_marked: files_marked as u64,
            contradicting: contradicting as u64,
            note_directories: note as usize,
            critical_files: critical_files as u64,
            critical_servers: critical_servers as u64,
            sealed_files: sealed_files as u64,
            sealed_many: sealed_many as u64,
            sealed_window: Span::secs(sealed_window as u64),
            pause: Span::secs(pause as u64),
        })
    }
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(RansomwareSmb::new(Tuning::from_signature(s)?)))
}

/// State.
#[derive(Debug)]
pub struct RansomwareSmb {
    tuning: Tuning,
    files: Files,
    stories: BoundedMap<Addr, Story>,
    hasher: FixedState,
}

impl RansomwareSmb {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> RansomwareSmb {
        RansomwareSmb { tuning, files: Files::new(), stories: BoundedMap::new(STORIES), hasher: FixedState::with_seed(0x6e6f_7465) }
    }
    fn story(&mut self, client: Addr, scene: &Scene<'_>) -> &mut Story {
        let (now, pause) = (scene.now, self.tuning.pause);
        let story = self.stories.entry(client, || Story::new(now));
        if story.is_over(now, pause) {
            *story = Story::new(now);
        }
        story
    }
    fn life(&mut self, flow: &FlowInfo, life: &Life, scene: &Scene<'_>) -> bool {
        let granted = life.status & 0x8000_0000 == 0;
        if life.pipe || !granted {
            return false;
        }
        let (client, server) = (flow.tuple.orig, flow.tuple.resp);
        if life.directory {
            if life.listings > 0 && life.closed {
                self.story(client, scene).listed(life.listings);
            }
            return false;
        }
        let share = life.share.rsplit('\\').next().unwrap_or_default();
        let place = Place { client, server, share };
        let told = self.files.update(&place, life, scene.now);
        self.note(flow, life, share, scene);
        let mut news = false;
        for t in told {
            news |= self.take(flow, share, t, scene);
        }
        news
    }
    /// A short text file may be a note.
    fn note(&mut self, flow: &FlowInfo, life: &Life, share: &str, scene: &Scene<'_>) {
        let written = Look::of(&life.written);
        let made = matches!(life.action, 2 | 3) || life.status != 0 && life.disposition != 1;
        if !life.closed || !made || life.written.bytes == 0 || !written.is_text() {
            return;
        }
        let folder = life.path.rsplit_once('\\').map_or("", |p| p.0);
        let directory = self.hasher.hash_one((flow.tuple.resp, share.to_lowercase(), folder.to_lowercase()));
        self.story(flow.tuple.orig, scene).wrote_text(&life.path, life.written.bytes, directory);
    }
    /// What became of a file goes into the client's story; false if it says nothing.
    fn take(&mut self, flow: &FlowInfo, share: &str, told: Told, scene: &Scene<'_>) -> bool {
        let (client, server) = (flow.tuple.orig, flow.tuple.resp);
        let since = self.stories.get(&client).map_or(scene.now, Story::since);
        let place = Place { client, server, share };
        let (path, how, bytes, ending) = match told {
            Told::Lost { path, how, bytes, ending } => (path, how, bytes, ending.filter(|e| !e.is_empty())),
            Told::Renamed { path, ending } => (path, How::Renamed, 0, Some(ending)),
            Told::Ending(end) => ("".into(), How::Renamed, 0, Some(end)),
        };
        // An ending that files of this share had before says nothing.
        let ending = ending.filter(|e| !self.files.knows_ending(&place, e, since));
        let account = scene.assets.accounts.of(flow.uid);
        let story = self.story(client, scene);
        let file = Lost { ts: scene.now, server, share: share.to_owned(), path, how };
        match (how, ending) {
            (How::Renamed, None) => return false,
            (How::Renamed, Some(end)) if file.path.is_empty() => story.ending(end),
            (How::Renamed, Some(end)) => story.renamed(file, end),
            (_, ending) => {
                story.lose(file, bytes, flow);
                ending.into_iter().for_each(|e| story.ending(e));
                account.into_iter().for_each(|a| story.account(&a.user, a.source));
            }
        }
        true
    }
    fn speak(&mut self, client: Addr, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let tuning = self.tuning;
        out.extend(self.stories.get_mut(&client).and_then(|s| s.speak(client, scene, &tuning, false)));
    }
    fn tell_all(&mut self, scene: &Scene<'_>, all: bool, out: &mut Vec<Finding>) {
        let tuning = self.tuning;
        let mut told: Vec<Finding> = Vec::new();
        self.stories.retain(|client, s| {
            if s.is_told() || all {
                told.extend(s.speak(*client, scene, &tuning, all));
            }
            true
        });
        told.sort_by(|a, b| a.story.cmp(&b.story));
        out.append(&mut told);
    }
}

impl Detector for RansomwareSmb {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::FILES
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let EventKind::Message { flow, message, .. } = &event.kind else { return };
        let news = match message {
            Message::SmbWork(w) => match w.as_ref() {
                Work::Life(life) => self.life(flow, life, scene),
                Work::Sealed(s) if s.rewritten > 0 => {
                    let account = scene.assets.accounts.of(flow.uid);
                    let story = self.story(flow.tuple.orig, scene);
                    story.rewrote(s.rewritten, s.rewritten_bytes, flow.tuple.resp, flow, scene.now);
                    account.into_iter().for_each(|a| story.account(&a.user, a.source));
                    true
                }
                _ => false,
            },
            _ => false,
        };
        if news {
            self.speak(flow.tuple.orig, scene, out);
        }
    }
    fn tick(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        self.tell_all(scene, false, out);
    }
    fn end(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        self.tell_all(scene, true, out);
    }
    fn held(&self) -> (usize, u64) {
        let (f, s) = (self.files.held(), &self.stories);
        (f.0 + s.len(), f.1 + s.evicted())
    }
}
