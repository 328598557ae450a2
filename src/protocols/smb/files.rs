//! File handles of one connection: opened, used, closed, each within a table of fixed size, whatever the dialect. `v1_files` and `v2_files` read the
//! messages and call this.

use super::super::{Message, Side};
use super::PENDING;
use super::handle::{Body, Op, Open, fine, sample};
use super::life::{Life, Work};
use super::sample::PIECE;
use crate::base::{Span, Timestamp};
use crate::bounded::BoundedMap;
use std::sync::Arc;

/// Trees of a connection.
const TREES: usize = 64;
/// Bytes that a tree is counted as: no share's name is longer.
const TREE: usize = 2048;
/// Opens that wait for their answer.
const OPENING: usize = 64;
/// Open handles; beyond, or beyond [`BYTES`], the longest unused is told as it is and forgotten.
const OPENS: usize = 512;
/// Bytes that open handles may take.
const BYTES: usize = 128 * 1024;
/// Requests on handles that wait for their answer.
const REQUESTS: usize = 512;
/// Histograms at a time.
const SAMPLING: usize = 64;
/// A life is told again after so many bytes,
const TELL_BYTES: u64 = 64 << 20;
/// and after so long, if anything happened.
const TELL_AFTER: Span = Span::secs(10);
/// Refused opens told one by one.
const REFUSED_TOLD: u32 = 64;
/// Delete on close, among CreateOptions.
const DELETE_ON_CLOSE: u32 = 0x1000;

/// Which handle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Key {
    /// By its id.
    Id(u128),
    /// The one that the open with this message id will get.
    Opening(u64),
}

/// A tree connected.
#[derive(Debug)]
struct Tree {
    share: Arc<str>,
    pipe: bool,
}

/// What an open asks for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) session: u64,
    pub(super) tree: u32,
    pub(super) path: Box<str>,
    pub(super) disposition: u8,
    pub(super) access: u32,
    pub(super) options: u32,
}

/// What the answer grants.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Granted {
    pub(super) file: u128,
    pub(super) action: u8,
    pub(super) size: u64,
    pub(super) directory: bool,
}

/// All handles of a connection.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) now: Timestamp,
    /// No sample of content is begun.
    pub(super) spare: bool,
    trees: BoundedMap<(u64, u32), Tree>,
    opening: BoundedMap<u64, Box<Open>>,
    open: BoundedMap<u128, Box<Open>>,
    /// Message ids of opens that related requests speak of, and what they got.
    links: BoundedMap<u64, u128>,
    requests: BoundedMap<u64, (Key, Op)>,
    /// Bytes of the names in them.
    names: usize,
    bytes: usize,
    sampling: usize,
    refused: u32,
    next_look: Timestamp,
    /// Answers were seen.
    pub(super) answered: bool,
    /// Handles told before their end because there were too many.
    pub(super) forgotten: u64,
}

impl Files {
    pub(super) fn new() -> Files {
        Files {
            now: Timestamp(0),
            spare: false,
            trees: BoundedMap::new(TREES),
            opening: BoundedMap::new(OPENING),
            open: BoundedMap::new(OPENS),
            links: BoundedMap::new(OPENING),
            requests: BoundedMap::new(REQUESTS),
            names: 0,
            bytes: 0,
            sampling: 0,
            refused: 0,
            next_look: Timestamp(0),
            answered: false,
            forgotten: 0,
        }
    }
    /// Bytes this takes in memory.
    pub(super) fn held(&self) -> usize {
        self.bytes + self.names + self.trees.len() * TREE + (self.requests.len() + self.links.len()) * 64
    }
    /// A tree was connected.
    pub(super) fn tree(&mut self, session: u64, tree: u32, share: &str, kind: u8) {
        let pipe = kind == 2 || kind == 0 && share.to_ascii_uppercase().ends_with("IPC$");
        self.trees.insert((session, tree), Tree { share: share.into(), pipe });
    }
    /// A tree is given up: so are its handles.
    pub(super) fn leave(&mut self, session: u64, tree: u32, out: &mut Vec<Message>) {
        let gone: Vec<u128> = self.open.iter().filter(|(_, o)| (o.life.session, o.tree) == (session, tree)).map(|o| *o.0).collect();
        for id in gone {
            self.close(id, out);
        }
        self.trees.remove(&(session, tree));
    }
    /// An open is asked for.
    pub(super) fn ask(&mut self, message: u64, asked: Asked, out: &mut Vec<Message>) {
        let tree = self.trees.get(&(asked.session, asked.tree));
        let pipe = tree.is_some_and(|t| t.pipe);
        let life = Life {
            share: tree.map_or_else(Arc::default, |t| t.share.clone()),
            path: asked.path,
            named: true,
            pipe,
            directory: asked.options & 1 != 0,
            session: asked.session,
            opened: self.now,
            disposition: asked.disposition,
            access: asked.access,
            options: asked.options,
            status: PENDING,
            ..Life::default()
        };
        // The same number twice: the first is not answered any more.
        if let Some(mut old) = self.opening.remove(&message) {
            self.forget(&mut old, out);
        }
        let marked = asked.options & DELETE_ON_CLOSE != 0;
        let open = Box::new(Open { life, tree: asked.tree, told_at: self.now, changed: true, marked, ..Open::default() });
        self.bytes += open.weight();
        if let Some((_, mut old)) = self.opening.insert(message, open) {
            self.forget(&mut old, out);
        }
    }
    /// An open is answered.
    pub(super) fn grant(&mut self, message: u64, status: u32, granted: Granted, out: &mut Vec<Message>) {
        let Some(mut open) = self.opening.remove(&message) else { return };
        open.life.status = status;
        // Warnings grant nothing either: a symbolic link in the path is one ([MS-SMB2] 2.2.2.2.1).
        if status & 0x8000_0000 != 0 {
            self.refuse(open, status, out);
            return;
        }
        (open.life.file, open.life.action, open.life.size) = (granted.file, granted.action, granted.size);
        open.life.directory |= granted.directory;
        self.links.insert(message, granted.file);
        self.keep(granted.file, open, out);
    }
    fn refuse(&mut self, open: Box<Open>, status: u32, out: &mut Vec<Message>) {
        self.bytes = self.bytes.saturating_sub(open.weight());
        self.sampling = self.sampling.saturating_sub(open.histograms());
        self.refused = self.refused.saturating_add(1);
        // Not found (name, path, file): everybody looks for names that are not there.
        let absent = matches!(status, 0xc000_0034 | 0xc000_003a | 0xc000_000f);
        if !absent && (self.refused <= REFUSED_TOLD || self.refused.is_power_of_two()) {
            let life = Life { refused: self.refused, closed: true, ..open.life };
            out.push(Message::SmbWork(Box::new(Work::Life(life))));
        }
    }
    fn keep(&mut self, file: u128, open: Box<Open>, out: &mut Vec<Message>) {
        if self.open.contains(&file) {
            self.close(file, out);
        }
        if let Some((_, mut old)) = self.open.insert(file, open) {
            self.forget(&mut old, out);
        }
        self.shrink(out);
    }
    /// Within the budget again: the longest unused leave.
    fn shrink(&mut self, out: &mut Vec<Message>) {
        while self.bytes > BYTES && self.open.len() > 1 {
            let oldest = self.open.iter().next().map(|o| *o.0);
            let Some(mut old) = oldest.and_then(|id| self.open.remove(&id)) else { return };
            self.forget(&mut old, out);
        }
    }
    fn forget(&mut self, old: &mut Open, out: &mut Vec<Message>) {
        self.forgotten += 1;
        self.drop_counts(old);
        old.tell_last(out);
    }
    fn drop_counts(&mut self, open: &Open) {
        self.bytes = self.bytes.saturating_sub(open.weight());
        self.sampling = self.sampling.saturating_sub(open.histograms());
    }
    fn close(&mut self, file: u128, out: &mut Vec<Message>) {
        let Some(mut open) = self.open.remove(&file) else { return };
        self.drop_counts(&open);
        (open.life.closed, open.life.deleted) = (true, open.marked);
        open.tell_last(out);
    }
    /// Where no answers are captured, the request is all there is.
    fn close_unanswered(&mut self, key: Key, out: &mut Vec<Message>) {
        match key {
            Key::Id(id) => self.close(id, out),
            Key::Opening(message) => {
                let Some(mut open) = self.opening.remove(&message) else { return };
                self.drop_counts(&open);
                (open.life.closed, open.life.deleted) = (true, open.marked);
                open.tell_last(out);
            }
        }
    }
    /// Does something to a handle, and keeps the books.
    fn on<R>(&mut self, key: Key, act: impl FnOnce(&mut Open) -> R) -> Option<R> {
        let id = match key {
            Key::Opening(message) if self.opening.contains(&message) => None,
            Key::Opening(message) => Some(*self.links.get(&message)?),
            Key::Id(id) => Some(id),
        };
        let open = match (id, key) {
            (Some(id), _) => self.open.touch(&id)?,
            (None, Key::Opening(message)) => self.opening.get_mut(&message)?,
            _ => return None,
        };
        let (weight, histograms) = (open.weight(), open.histograms());
        open.changed = true;
        let done = act(open);
        self.bytes = (self.bytes + open.weight()).saturating_sub(weight);
        self.sampling = (self.sampling + open.histograms()).saturating_sub(histograms);
        Some(done)
    }
    /// A handle that was opened before the capture began, or on another connection.
    fn meet(&mut self, key: Key, session: u64, tree: u32, out: &mut Vec<Message>) {
        let Key::Id(file) = key else { return };
        if file == u128::MAX || self.open.contains(&file) {
            return;
        }
        let known = self.trees.get(&(session, tree));
        let pipe = known.is_some_and(|t| t.pipe);
        let share = known.map_or_else(Arc::default, |t| t.share.clone());
        let life = Life { share, session, file, pipe, opened: self.now, status: PENDING, ..Life::default() };
        let open = Box::new(Open { life, tree, told_at: self.now, changed: true, ..Open::default() });
        self.bytes += open.weight();
        self.keep(file, open, out);
    }
    /// May another sample of content be begun?
    fn has_room(&self) -> bool {
        self.sampling < SAMPLING && !self.spare
    }
    /// Bytes of content wanted of a read's answer or a write: all that can be had for a pipe.
    pub(super) fn wants(&mut self, key: Key, write: bool) -> usize {
        let room = self.has_room();
        let known = match key {
            Key::Id(id) => self.open.get(&id),
            Key::Opening(m) => self.opening.get(&m).or_else(|| self.open.get(self.links.get(&m)?)),
        };
        match known {
            Some(o) if o.pipe.is_some() || o.may_call() => usize::MAX,
            // The beginning says what a file is, and is looked at whatever the load.
            Some(o) if self.spare && if write { &o.life.written } else { &o.life.read }.calls == 0 => PIECE,
            Some(o) => if write { &o.writes } else { &o.reads }.wants(room),
            None => PIECE,
        }
    }
    /// The handle that a read's answer belongs to.
    pub(super) fn asked(&self, message: u64) -> Option<(Key, &Op)> {
        self.requests.get(&message).map(|r| (r.0, &r.1))
    }
    /// A request on a handle.
    pub(super) fn request(&mut self, message: u64, key: Key, op: Op, (session, tree): (u64, u32), out: &mut Vec<Message>) {
        match op {
            Op::Close if !self.answered => return self.close_unanswered(key, out),
            Op::Read { .. } | Op::Rename(_) | Op::Delete(_) | Op::End(_) | Op::Transceive => self.meet(key, session, tree, out),
            _ => {}
        }
        self.wait(message, key, op);
    }
    /// A request waits for its answer. The same number twice: the first is not answered any more.
    fn wait(&mut self, message: u64, key: Key, op: Op) {
        self.answered_to(message);
        self.names += op.text();
        if let Some((_, (_, old))) = self.requests.insert(message, (key, op)) {
            self.names = self.names.saturating_sub(old.text());
        }
    }
    fn answered_to(&mut self, message: u64) -> Option<(Key, Op)> {
        let (key, op) = self.requests.remove(&message)?;
        self.names = self.names.saturating_sub(op.text());
        Some((key, op))
    }
    /// Bytes are written: `seen` of `len` are there.
    pub(super) fn write(&mut self, message: u64, key: Key, tree: (u64, u32), body: Body<'_>, out: &mut Vec<Message>) {
        self.meet(key, tree.0, tree.1, out);
        let room = self.has_room();
        self.on(key, |o| {
            o.recognise(body.seen);
            o.life.written.calls = o.life.written.calls.saturating_add(1);
            o.life.written.bytes += u64::from(body.len);
            match o.pipe.as_mut() {
                Some(p) => body.feed(p, Side::Orig, out),
                None => sample(&mut o.writes, &mut o.life.written, body.seen, body.start, room),
            }
        });
        self.wait(message, key, Op::Write { len: body.len });
        self.shrink(out);
    }
    /// A request is answered; `body` is what was read.
    pub(super) fn answer(&mut self, message: u64, status: u32, body: Body<'_>, out: &mut Vec<Message>) {
        if status == PENDING {
            return;
        }
        let Some((key, op)) = self.answered_to(message) else { return };
        if op == Op::Close && fine(status) {
            let id = if let Key::Opening(m) = key { self.links.get(&m).copied() } else { None };
            match (key, id) {
                (Key::Id(id), _) | (_, Some(id)) => self.close(id, out),
                _ => {}
            }
            return;
        }
        let (room, now) = (self.has_room(), self.now);
        self.on(key, |o| {
            if !fine(status) {
                return o.refused(&op, status);
            }
            o.done(op, &body, room, out);
            if o.life.read.bytes + o.life.written.bytes >= o.told_bytes + TELL_BYTES {
                o.tell(now, out);
            }
        });
        self.shrink(out);
    }
    /// Once in a while: lives that go on are told.
    pub(super) fn look(&mut self, out: &mut Vec<Message>) {
        let now = self.now;
        if now < self.next_look {
            return;
        }
        self.next_look = now + TELL_AFTER;
        self.open.retain(|_, o| {
            if o.changed && now.since(o.told_at) >= TELL_AFTER {
                o.tell(now, out);
            }
            true
        });
    }
    /// The connection is over.
    pub(super) fn end(&mut self, out: &mut Vec<Message>) {
        let tell = |o: &mut Box<Open>, out: &mut Vec<Message>| {
            o.tell_last(out);
            false
        };
        self.opening.retain(|_, o| tell(o, out));
        self.open.retain(|_, o| tell(o, out));
        (self.bytes, self.sampling) = (0, 0);
    }
    /// A file renamed or deleted by name, without a handle (SMB 1).
    pub(super) fn named(&self, asked: Asked, status: u32, renamed_to: Option<Box<str>>, out: &mut Vec<Message>) {
        let share = self.trees.get(&(asked.session, asked.tree)).map_or_else(Arc::default, |t| t.share.clone());
        let done = fine(status);
        let life = Life {
            share,
            path: asked.path,
            named: true,
            opened: self.now,
            status,
            deleted: renamed_to.is_none() && done,
            renamed_to: renamed_to.filter(|_| done),
            closed: true,
            ..Life::default()
        };
        out.push(Message::SmbWork(Box::new(Work::Life(life))));
    }
}
