//! What is known of each file on each share, joined over the handles by which one client worked on it: read before, written since, gone.

use super::content::{Look, ending, new_ending, promises, stem};
use crate::base::{Addr, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::protocols::smb::life::Life;
use foldhash::fast::FixedState;
use std::collections::VecDeque;
use std::hash::BuildHasher;

/// Files remembered, over all clients; the longest untouched leaves. Ransomware returns to a file within seconds.
const FILES: usize = 32_768;
/// New encrypted files that wait for their originals to be deleted, by client.
const WAITING: usize = 32;
/// Clients with such files.
const CLIENTS: usize = 1_024;
/// Endings known per share, over all shares.
const ENDINGS: usize = 16_384;
/// What was read or written so long ago has nothing to do with what happens now.
const TOGETHER: Span = Span::mins(10);
/// The answer was not seen.
const PENDING: u32 = 0x0000_0103;

/// How a file was lost.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum How {
    /// Known content was overwritten with encrypted content.
    Overwritten,
    /// What is written is not what the name says.
    Contradicts,
    /// An encrypted copy appeared and the original was deleted.
    Replaced,
    /// An encrypted copy was renamed over it.
    RenamedOver,
    /// Content not captured: read, written back as long, renamed with an ending.
    Rewritten,
    /// Renamed with the ending that lost files have; the rest was not seen.
    Renamed,
}

impl How {
    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            How::Overwritten => "overwritten with encrypted content",
            How::Contradicts => "overwritten with content that contradicts its name",
            How::Replaced => "replaced by an encrypted copy",
            How::RenamedOver => "an encrypted copy was renamed over it",
            How::Rewritten => "read, written back and renamed; the content was not captured",
            How::Renamed => "renamed like the files that were lost",
        }
    }
}

/// What one handle's life did to a file.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Told {
    /// A file was lost: its name, how, bytes written, and a new ending if one is known.
    Lost { path: Box<str>, how: How, bytes: u64, ending: Option<String> },
    /// A file was renamed and got a new ending; nothing else of it was seen.
    Renamed { path: Box<str>, ending: String },
    /// A lost file has a new ending.
    Ending(String),
}

/// One file, as one client met it.
#[derive(Clone, Copy, Debug, Default)]
struct File {
    ts: Timestamp,
    /// Its size when it was opened.
    size: u64,
    read: Look,
    written: Look,
    /// It was there before the client wrote.
    existed: bool,
    /// Made by the client, encrypted.
    cipher: bool,
    deleted: bool,
    lost: bool,
    renamed: bool,
}

/// A new encrypted file.
#[derive(Clone, Debug)]
struct Cipher {
    ts: Timestamp,
    /// Its name, and its name without the ending it has.
    key: u64,
    without: u64,
    bytes: u64,
    server: Addr,
    ending: String,
}

/// Where a handle works: client, server, share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub client: Addr,
    pub server: Addr,
    pub share: &'a str,
}

/// All files.
#[derive(Debug)]
pub(super) struct Files {
    files: BoundedMap<u64, File>,
    ciphers: BoundedMap<Addr, VecDeque<Cipher>>,
    endings: BoundedMap<u64, Timestamp>,
    hasher: FixedState,
}

impl Files {
    pub fn new() -> Files {
        Files {
            files: BoundedMap::new(FILES),
            ciphers: BoundedMap::new(CLIENTS),
            endings: BoundedMap::new(ENDINGS),
            hasher: FixedState::with_seed(0x7261_6e73),
        }
    }
    pub fn held(&self) -> (usize, u64) {
        let (a, b, c) = (&self.files, &self.ciphers, &self.endings);
        (a.len() + b.len() + c.len(), a.evicted() + b.evicted() + c.evicted())
    }
    fn key(&self, p: &Place<'_>, path: &str) -> u64 {
        self.hasher.hash_one((p.client, p.server, p.share.to_lowercase(), path.to_lowercase()))
    }
    fn ending_key(&self, p: &Place<'_>, end: &str) -> u64 {
        self.hasher.hash_one((p.server, p.share.to_lowercase(), end))
    }
    /// Was a file with this ending used in the share before the client's story began?
    pub fn knows_ending(&self, p: &Place<'_>, end: &str, before: Timestamp) -> bool {
        self.endings.get(&self.ending_key(p, end)).is_some_and(|ts| *ts < before)
    }
    /// A handle's life so far.
    pub fn update(&mut self, p: &Place<'_>, life: &Life, now: Timestamp) -> Vec<Told> {
        let path: Box<str> = if life.named { life.path.clone() } else { format!("?{:x}", life.file).into() };
        let key = self.key(p, &path);
        let mut file = self.files.get(&key).copied().filter(|f| now.since(f.ts) <= TOGETHER).unwrap_or_default();
        let seen = (life.read.calls > 0).then(|| Look::of(&life.read)).filter(|l| !l.is_empty());
        let wrote = (life.written.calls > 0).then(|| Look::of(&life.written)).filter(|l| !l.is_empty());
        let created = made_it(life);
        if created == Some(true) && life.part == 0 {
            // A new file; one of this name that was read and deleted just before is its original.
            let original = Some(file).filter(|f| f.deleted && !f.lost);
            file = File { existed: original.is_some(), read: original.map_or_else(Look::default, |f| f.read), ..File::default() };
        }
        (file.ts, file.size) = (now, file.size.max(life.size));
        file.existed |= created == Some(false) || seen.is_some();
        // What was read after something else was written is no longer what the file was.
        if let Some(l) = seen.filter(|_| file.written.is_empty()) {
            file.read = l;
        }
        let mut told = Vec::new();
        if let Some(l) = wrote {
            file.written = l;
            self.wrote(p, &path, &mut file, created == Some(true), &mut told);
        }
        let plain_use = file.existed && !file.lost && !file.cipher && wrote.is_none() && life.renamed_to.is_none();
        if plain_use && life.named && !ending(&path).is_empty() {
            let k = self.ending_key(p, &ending(&path));
            self.endings.entry(k, || now);
        }
        if let Some(to) = life.renamed_to.as_deref().filter(|to| !to.is_empty()) {
            self.renamed(p, &path, to, &mut file, &mut told);
        } else if life.deleted && !file.deleted {
            file.deleted = true;
            self.deleted(p, &path, key, &mut file, &mut told);
        }
        self.files.insert(key, file);
        told
    }
    /// Content was written: is it what the file was, or what its name promises?
    fn wrote(&mut self, p: &Place<'_>, path: &str, file: &mut File, created: bool, told: &mut Vec<Told>) {
        let w = file.written;
        if file.lost || file.cipher || !w.is_cipher() {
            return;
        }
        // A database is written here and there; what is encrypted is written from its beginning, or most of it.
        let whole = w.has_start() || w.bytes >= file.size.max(file.read.bytes) / 2;
        let was_plain = w.has_start() && file.read.has_magic() || whole && file.read.is_orderly();
        let how = match () {
            () if created && !file.existed => None,
            () if was_plain => Some(How::Overwritten),
            () if w.has_start() && file.read.is_empty() && promises(path) => Some(How::Contradicts),
            () => return,
        };
        match how {
            Some(how) => {
                file.lost = true;
                told.push(Told::Lost { path: path.into(), how, bytes: w.bytes, ending: None });
            }
            None => {
                file.cipher = true;
                self.remember(p, path, w.bytes, file.ts, told);
            }
        }
    }
    /// A new encrypted file: its original may be gone already, or go soon.
    fn remember(&mut self, p: &Place<'_>, path: &str, bytes: u64, ts: Timestamp, told: &mut Vec<Told>) {
        let original = stem(path);
        let gone = self.key(p, original);
        if let Some(f) = self.files.get_mut(&gone).filter(|f| f.deleted && !f.lost && f.read.is_plain() && ts.since(f.ts) <= TOGETHER) {
            f.lost = true;
            told.push(Told::Lost { path: original.into(), how: How::Replaced, bytes, ending: Some(ending(path)) });
            return;
        }
        let cipher = Cipher { ts, key: self.key(p, path), without: gone, bytes, server: p.server, ending: ending(path) };
        let all = self.ciphers.entry(p.client, VecDeque::new);
        if all.len() >= WAITING {
            all.pop_front();
        }
        all.push_back(cipher);
    }
    /// A file is deleted: by its name, its stem or its length it may be the original of a new encrypted one.
    fn deleted(&mut self, p: &Place<'_>, path: &str, key: u64, file: &mut File, told: &mut Vec<Told>) {
        if file.lost || file.cipher {
            return;
        }
        let (by_stem, own_stem) = (promises(path) || file.read.is_plain(), self.key(p, stem(path)));
        let length = Some(file.read.bytes).filter(|_| file.read.is_plain());
        let Some(all) = self.ciphers.get_mut(&p.client) else { return };
        let fits = |c: &Cipher| {
            let named = by_stem && (c.without == key || c.without == own_stem);
            let long = length.is_some_and(|n| (n..=n.saturating_add(4096)).contains(&c.bytes));
            c.server == p.server && file.ts.since(c.ts) <= TOGETHER && (named || long)
        };
        let Some(c) = all.iter().position(fits).and_then(|at| all.remove(at)) else { return };
        file.lost = true;
        told.push(Told::Lost { path: path.into(), how: How::Replaced, bytes: c.bytes, ending: Some(c.ending) });
    }
    /// A file gets another name: what is known of it goes along.
    fn renamed(&mut self, p: &Place<'_>, path: &str, to: &str, file: &mut File, told: &mut Vec<Told>) {
        if std::mem::replace(&mut file.renamed, true) {
            return;
        }
        let to_key = self.key(p, to);
        let target = self.files.get(&to_key).copied().filter(|t| file.ts.since(t.ts) <= TOGETHER);
        if file.cipher {
            self.moved_in(p, path, to, file, target, told);
        } else if let Some(end) = new_ending(path, to) {
            let blind = file.written.is_blind() && file.written.is_as_long_as(&file.read);
            let path = path.into();
            told.push(match file.lost {
                true => Told::Ending(end),
                false if blind => Told::Lost { path, how: How::Rewritten, bytes: file.written.bytes, ending: Some(end) },
                false => Told::Renamed { path, ending: end },
            });
            file.lost |= blind;
        }
        self.files.insert(to_key, File { existed: true, renamed: false, deleted: false, ..*file });
        (file.read, file.written, file.cipher) = (Look::default(), Look::default(), false);
    }
    /// A new encrypted file takes its final name: that of an original, or one made of it.
    fn moved_in(&mut self, p: &Place<'_>, path: &str, to: &str, file: &mut File, target: Option<File>, told: &mut Vec<Told>) {
        let old = self.key(p, path);
        if let Some(all) = self.ciphers.get_mut(&p.client) {
            all.retain(|c| c.key != old);
        }
        match target {
            Some(t) if !t.lost && (t.read.is_plain() || t.existed && t.read.is_empty() && promises(to)) => {
                (file.lost, file.cipher) = (true, false);
                let how = if t.read.is_plain() { How::RenamedOver } else { How::Contradicts };
                told.push(Told::Lost { path: to.into(), how, bytes: file.written.bytes, ending: None });
            }
            _ => self.remember(p, to, file.written.bytes, file.ts, told),
        }
    }
}

/// Did this open make the file? None if nobody can tell.
fn made_it(life: &Life) -> Option<bool> {
    match (life.status, life.action, life.disposition) {
        _ if !life.named => Some(false),
        (PENDING, _, 1 | 4) => Some(false),
        (PENDING, _, 2) => Some(true),
        (PENDING, ..) => None,
        (0, 2, _) => Some(true),
        (0, ..) => Some(false),
        _ => None,
    }
}
