//! One file handle: its life so far, what is sampled of its content, and the association that goes on over it if it is a pipe.

use super::super::dcerpc::{Channel, Pipe};
use super::super::{Message, Side};
use super::life::{Content, Life, Magic, Work};
use super::sample::Sampler;
use crate::base::Timestamp;

/// Reading at the end is no failure.
const END_OF_FILE: u32 = 0xc000_0011;
const NO_MORE_FILES: u32 = 0x8000_0006;
/// More data than the request had room for: a success of pipes.
const BUFFER_OVERFLOW: u32 = 0x8000_0005;

/// A request on a handle, as its answer needs it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Op {
    /// Of the file's beginning?
    Read {
        start: bool,
    },
    Write {
        len: u32,
    },
    Rename(Box<str>),
    Delete(bool),
    End(u64),
    List,
    /// Written to a pipe, the answer is read from it.
    Transceive,
    Close,
}

impl Op {
    /// Bytes of its name.
    pub(super) fn text(&self) -> usize {
        if let Op::Rename(to) = self { to.len() } else { 0 }
    }
}

/// A handle, or an open on its way.
#[derive(Debug, Default)]
pub(super) struct Open {
    pub(super) life: Life,
    pub(super) tree: u32,
    pub(super) told_at: Timestamp,
    pub(super) told_bytes: u64,
    pub(super) changed: bool,
    pub(super) marked: bool,
    pub(super) reads: Sampler,
    pub(super) writes: Sampler,
    pub(super) pipe: Option<Box<Channel>>,
}

impl Open {
    pub(super) fn weight(&self) -> usize {
        let l = &self.life;
        let texts = l.path.len() + l.renamed_to.as_ref().map_or(0, |r| r.len());
        size_of::<Open>() + 96 + texts + self.histograms() * 512 + self.pipe.as_ref().map_or(0, |p| p.held() + size_of::<Channel>())
    }
    pub(super) fn histograms(&self) -> usize {
        usize::from(self.reads.busy()) + usize::from(self.writes.busy())
    }
    /// Tells the life so far; it goes on.
    pub(super) fn tell(&mut self, now: Timestamp, out: &mut Vec<Message>) {
        self.reads.settle(&mut self.life.read);
        self.writes.settle(&mut self.life.written);
        out.push(Message::SmbWork(Box::new(Work::Life(self.life.clone()))));
        self.life.part += 1;
        (self.told_at, self.changed) = (now, false);
        self.told_bytes = self.life.read.bytes + self.life.written.bytes;
    }
    /// Tells the last part of the life, and what a pipe still has to tell; of a handle that is only forgotten, not if nothing is new.
    pub(super) fn tell_last(&mut self, out: &mut Vec<Message>) {
        if let Some(p) = self.pipe.as_mut() {
            p.end(out);
        }
        if self.changed || self.life.closed {
            self.reads.settle(&mut self.life.read);
            self.writes.settle(&mut self.life.written);
            out.push(Message::SmbWork(Box::new(Work::Life(std::mem::take(&mut self.life)))));
        }
    }
    /// It may carry DCE/RPC: it is a pipe, or nobody knows what its tree is, and nothing was written yet.
    pub(super) fn may_call(&self) -> bool {
        self.pipe.is_none() && self.life.written.calls == 0 && (self.life.pipe || self.life.share.is_empty())
    }
    /// What is first written says whether DCE/RPC goes on there; other things use pipes too.
    pub(super) fn recognise(&mut self, first: &[u8]) {
        if self.may_call() && Channel::begins(first) {
            self.life.pipe = true;
            self.pipe = Some(Box::new(Channel::new(Some(Pipe { name: self.life.path.clone(), file: self.life.file }))));
        }
    }
    pub(super) fn failed(&mut self, status: u32) {
        self.life.failed = (self.life.failed.0.saturating_add(1), status);
    }
    pub(super) fn refused(&mut self, op: &Op, status: u32) {
        if let Op::Write { len } = op {
            self.life.written.bytes = self.life.written.bytes.saturating_sub(u64::from(*len));
        }
        if !matches!(status, END_OF_FILE | NO_MORE_FILES) {
            self.failed(status);
        }
    }
    pub(super) fn done(&mut self, op: Op, body: &Body<'_>, room: bool, out: &mut Vec<Message>) {
        match op {
            Op::Read { start } => {
                self.life.read.calls = self.life.read.calls.saturating_add(1);
                self.life.read.bytes += u64::from(body.len);
                match self.pipe.as_mut() {
                    Some(p) => body.feed(p, Side::Resp, out),
                    None => sample(&mut self.reads, &mut self.life.read, body.seen, start, room),
                }
            }
            Op::Transceive => {
                self.life.read.calls = self.life.read.calls.saturating_add(1);
                self.life.read.bytes += u64::from(body.len);
                if let Some(p) = self.pipe.as_mut() {
                    body.feed(p, Side::Resp, out);
                }
            }
            Op::Rename(to) => self.life.renamed_to = Some(to),
            Op::Delete(marked) => {
                self.marked = marked;
                self.life.deleted = marked;
            }
            Op::End(at) => self.life.truncated = Some(at),
            Op::List => self.life.listings = self.life.listings.saturating_add(1),
            Op::Write { .. } | Op::Close => {}
        }
    }
}

/// The request succeeded as far as handles go.
pub(super) fn fine(status: u32) -> bool {
    status & 0x8000_0000 == 0 || status == BUFFER_OVERFLOW
}

/// Takes content into the sample; a file's beginning says what it is.
pub(super) fn sample(sampler: &mut Sampler, content: &mut Content, seen: &[u8], start: bool, room: bool) {
    if start && content.magic == Magic::Unknown {
        content.magic = Magic::of(seen);
    }
    if start && content.head == 0 {
        content.head = super::sample::head(seen);
    }
    if sampler.wants(room) > 0 {
        sampler.take(seen, content);
    }
}

/// Content of a message: how long it is, and what of it is there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Body<'a> {
    pub(super) len: u32,
    pub(super) seen: &'a [u8],
    /// It is the file's beginning.
    pub(super) start: bool,
}

impl Body<'_> {
    pub(super) fn feed(&self, pipe: &mut Channel, from: Side, out: &mut Vec<Message>) {
        pipe.data(from, self.seen, out);
        let missing = u64::from(self.len).saturating_sub(self.seen.len() as u64);
        if missing > 0 {
            pipe.gap(from, missing);
        }
    }
}
