//! Many inputs as one stream of blocks, in the order of packet time.
//!
//! Inputs that do not overlap in time are read one after the other, straight into the caller's blocks. Where several overlap, each reads
//! into a stage of its own and frames are copied from there, the earliest raw time first, the command line's order among equals. The first
//! block is always put together that way: it needs 64 frames, of whatever file, to set the clock. Merging goes by raw times; the
//! clock filter, the frame numbers, `--from/--to` and `--filter` come after it.
//!
//! Capture interfaces: each (input, interface in it) is one. When an input has ended, its numbers are free, and a later input
//! with the same link type at the same place takes the lowest: files that a ring of `tcpdump -G` rotated are one capture point.

use super::block::Block;
use super::clock::{Clock, WITNESSES};
use super::discover::{Directory, Found};
use super::fault::{Fault, FaultKind, OpenError};
use super::filter::Filter;
use super::input::{Input, MAX_FRAMES, Origin, Outcome, TARGET};
use super::linktype;
use super::source::{Fill, Notice, PortNews, Source};
use super::stream::Bytes;
use crate::base::Timestamp;
use crate::wire::{Frame, Linktype, Weird};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Inputs kept open after they were looked at; of more, only the first record is read and they are opened again when their time comes.
const KEEP_OPEN: usize = 64;
/// Inputs that may overlap in time: bounds memory and file descriptors.
const MAX_ACTIVE: usize = 512;
/// Weirds kept for the engine to fetch; further ones are dropped (they are examples, not counts).
const MAX_WEIRDS: usize = 4096;
/// Lost frames that recordings can tell of in all: more than any link carries in a year, so that sums of hostile numbers stay sums.
const MAX_LOST: u64 = 1 << 50;
/// (File, link type) pairs of which it is remembered that they were told.
const MAX_TOLD: usize = 65_536;

/// What decides whose turn it is: raw time of the next frame, then rank on the command line.
type Key = (u64, u32);

/// What narrows a replay.
#[derive(Clone, Debug, Default)]
pub struct ReplayOptions {
    /// A filter in libpcap's language.
    pub filter: Option<String>,
    /// Frames before this time are not admitted.
    pub from: Option<Timestamp>,
    /// Frames at or after this time are not admitted.
    pub to: Option<Timestamp>,
}

/// A capture interface of the run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// The file, and the interface's own name if the file has one: `a.pcapng:eth0`.
    pub name: String,
    /// LINKTYPE_ number.
    pub linktype: u32,
    /// The times of its frames are to be taken as they are.
    trusted: bool,
    program: usize,
}

/// Capture files as a source of blocks.
#[derive(Debug)]
pub struct Replay {
    /// Not begun; the earliest last.
    pending: Vec<Input>,
    /// Begun, in no order.
    active: Vec<Input>,
    directories: Vec<Directory>,
    interfaces: Vec<Interface>,
    free: BTreeMap<(u32, u16), BTreeSet<u16>>,
    told: BTreeSet<(String, u32)>,
    options: ReplayOptions,
    filter: Option<Filter>,
    clock: Clock,
    number: u64,
    faults: Vec<Fault>,
    weirds: Vec<Weird>,
    read: u64,
    total: Option<u64>,
    /// Lost frames told so far.
    lost: u64,
    /// Where the recordings among the inputs end, if they say so.
    until: Option<u64>,
}

impl Replay {
    /// Opens files, directories and `-`. What cannot be read becomes a fault; only a bad filter or an unusable command line is an error.
    pub fn open(paths: &[PathBuf], options: ReplayOptions) -> Result<Replay, OpenError> {
        if paths.is_empty() {
            return Err(OpenError::NoInput);
        }
        match paths.iter().filter(|p| p.as_path() == Path::new("-")).count() {
            0 | 1 => {}
            n => return Err(OpenError::StdinTwice(n)),
        }
        let filter = options.filter.as_deref().map(Filter::new).transpose()?;
        let found = Found::new(paths);
        Ok(Replay::begin(found, options, filter))
    }
    /// Reads captures from anything: pipes, slices of bytes. Each comes with the name it has in messages.
    pub fn from_readers(readers: Vec<(String, Box<dyn std::io::Read + Send>)>, options: ReplayOptions) -> Result<Replay, OpenError> {
        let filter = options.filter.as_deref().map(Filter::new).transpose()?;
        let mut found = Found::default();
        for (order, (name, bytes)) in readers.into_iter().enumerate() {
            let bytes: Bytes = bytes;
            let mut input = Input::new(name, u32::try_from(order).unwrap_or(u32::MAX), None, Origin::Reader);
            input.attach(Ok(bytes));
            found.inputs.push(input);
        }
        Ok(Replay::begin(found, options, filter))
    }
    /// Reads one capture from bytes in memory (fuzzing, tests).
    pub fn from_bytes(bytes: Vec<u8>, options: ReplayOptions) -> Result<Replay, OpenError> {
        Replay::from_readers(vec![("capture".to_string(), Box::new(std::io::Cursor::new(bytes)))], options)
    }

    fn begin(found: Found, options: ReplayOptions, filter: Option<Filter>) -> Replay {
        let sizes: Option<u64> = found.inputs.iter().map(|i| i.size).sum();
        let mut replay = Replay {
            pending: Vec::new(),
            active: Vec::new(),
            directories: found.directories,
            interfaces: Vec::new(),
            free: BTreeMap::new(),
            told: BTreeSet::new(),
            options,
            filter,
            clock: Clock::new(),
            number: 0,
            faults: found.faults,
            weirds: Vec::new(),
            read: 0,
            total: sizes,
            lost: 0,
            until: None,
        };
        let many = found.inputs.len() > KEEP_OPEN;
        for mut input in found.inputs {
            input.prepare();
            let begins = input.head().is_some();
            if !replay.is_skipped(&input)
                && let Some(d) = input.found_in.and_then(|d| replay.directories.get_mut(d))
            {
                d.captures += 1;
            }
            if !begins {
                replay.close(input);
                continue;
            }
            if many {
                input.put_away();
            }
            replay.pending.push(input);
        }
        replay.pending.sort_by_key(|i| std::cmp::Reverse((i.first, i.order)));
        for d in replay.directories.iter().filter(|d| d.captures == 0) {
            let kind = FaultKind::NoCapture(d.skipped);
            replay.faults.push(Fault { file: d.name.clone(), offset: 0, record: 0, frames: 0, kind });
        }
        replay
    }
    /// Inputs that could not be read to their end, in the order in which that was found out. Any fault means exit code 3.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
    /// Takes the weirds since the last call: clock jumps, unknown link types.
    pub fn weirds(&mut self) -> std::vec::Drain<'_, Weird> {
        self.weirds.drain(..)
    }
    /// The capture interfaces met so far; a frame's `iface` is the place in this list.
    pub fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }
    /// Files in directories that are no captures.
    pub fn skipped(&self) -> u64 {
        self.directories.iter().map(|d| d.skipped).sum()
    }
    /// Frames delivered so far.
    pub fn frames(&self) -> u64 {
        self.number
    }
    /// Bytes read from disk, and of how many; unknown with a pipe.
    pub fn progress(&self) -> (u64, Option<u64>) {
        let open: u64 = self.active.iter().chain(&self.pending).map(Input::bytes_read).sum();
        (self.read + open, self.total)
    }

    /// Empties the block and fills it with the next frames, at most about a thousand or 128 KiB (one packet may be longer).
    pub fn fill(&mut self, block: &mut Block) -> Fill {
        block.frames.clear();
        block.notices.clear();
        if !self.clock.is_set() {
            self.merge(block, WITNESSES);
        }
        while block.frames.is_empty() {
            self.enter_due();
            match self.active.as_mut_slice() {
                [] if block.notices.is_empty() => return self.end(),
                // Without a first frame there is no time at which anything could be told.
                [] if !self.clock.is_set() => {
                    block.notices.clear();
                    return Fill::End;
                }
                [] => break,
                [only] if only.head().is_none() => self.pass(block),
                _ => self.merge(block, 1),
            }
        }
        self.finish(block);
        Fill::Frames
    }

    /// All is read. A recording may reach further than its last frame.
    fn end(&mut self) -> Fill {
        let until = self.until.take().map(Timestamp).filter(|t| self.clock.is_set() && *t == self.clock.not_before(*t));
        let (from, to) = (self.options.from, self.options.to);
        match until.filter(|t| from.is_none_or(|from| *t >= from) && to.is_none_or(|to| *t < to)) {
            Some(t) => Fill::Quiet(t),
            None => Fill::End,
        }
    }
    /// One input, straight into the block, up to where the next input begins.
    fn pass(&mut self, block: &mut Block) {
        let Some(mut input) = self.active.pop() else { return };
        let bound = self.pending.last().map(|next| bound((next.first, next.order), input.order));
        // Those of a read before, in which no frame was found, have the run's numbers already.
        let mut before = std::mem::take(&mut block.notices);
        let outcome = if input.done { Outcome::Done } else { input.read(block, bound) };
        // Nearly always one interface: looked up once per run of frames.
        let (mut local, mut placed) = (None, (0, Linktype::Unknown));
        for (i, f) in block.frames.iter_mut().enumerate() {
            if local == Some(f.iface) {
                (f.iface, f.linktype) = placed;
                continue;
            }
            local = Some(f.iface);
            self.place(f, &mut input, i as u64);
            placed = (f.iface, f.linktype);
        }
        let mut notices = std::mem::take(&mut block.notices);
        notices.iter_mut().for_each(|n| self.place_notice(n, &mut input));
        before.append(&mut notices);
        before.truncate(MAX_FRAMES);
        block.notices = before;
        match outcome {
            Outcome::Done => self.close(input),
            Outcome::More => self.active.push(input),
            Outcome::Bound => {
                self.active.push(input);
                self.enter();
            }
        }
    }

    /// Several inputs through their stages, until the block is full, or one input is left and at least `least` frames are there.
    fn merge(&mut self, block: &mut Block, least: usize) {
        let mut end = 0;
        while block.frames.len() < MAX_FRAMES && end < TARGET {
            let enough = block.frames.len() >= least;
            if enough && (self.is_alone() || self.active.iter().any(|i| i.is_pipe() && i.head().is_none())) {
                return;
            }
            self.restage(block);
            self.enter_due();
            let Some((chosen, until)) = self.earliest() else { return };
            self.copy_run(block, chosen, until, &mut end);
        }
    }
    /// One input is left, and nothing of it is staged.
    fn is_alone(&self) -> bool {
        matches!(self.active.as_slice(), [only] if only.head().is_none())
    }
    /// Every input in the merge shows its next frame; those that have none left are closed.
    fn restage(&mut self, block: &mut Block) {
        let mut i = 0;
        while let Some(input) = self.active.get_mut(i) {
            input.restage();
            if input.head().is_some() {
                i += 1;
            } else {
                let mut input = self.active.swap_remove(i);
                self.hand_on(block, &mut input);
                self.close(input);
            }
        }
    }
    /// Staged news whose place has come go into the block.
    fn hand_on(&mut self, block: &mut Block, input: &mut Input) {
        let cursor = input.cursor as u32;
        let due = input.stage.notices.iter().take_while(|n| n.at <= cursor).count();
        if due == 0 {
            return;
        }
        let at = block.frames.len() as u32;
        let notices: Vec<Notice> = input.stage.notices.drain(..due).collect();
        for mut n in notices {
            self.place_notice(&mut n, input);
            block.notices.push(Notice { at, ..n });
        }
    }
    fn place_notice(&mut self, n: &mut Notice, input: &mut Input) {
        let mut stand_in = Frame { ts: n.ts, iface: n.iface, ..Frame::default() };
        self.place(&mut stand_in, input, u64::from(n.at));
        n.iface = stand_in.iface;
    }
    /// Begins the inputs whose first frame is due: earlier than any staged one, or there is no other.
    fn enter_due(&mut self) {
        while let Some(next) = self.pending.last() {
            let due = (next.first, next.order);
            if self.active.iter().any(|i| i.head().is_none_or(|f| (f.ts.0, i.order) <= due)) {
                return;
            }
            self.enter();
        }
    }
    fn enter(&mut self) {
        let Some(mut input) = self.pending.pop() else { return };
        if self.active.len() >= MAX_ACTIVE {
            let kind = FaultKind::TooMany(MAX_ACTIVE);
            self.faults.push(Fault { file: input.name.clone(), offset: 0, record: 0, frames: 0, kind });
            return;
        }
        input.prepare();
        if input.head().is_some() { self.active.push(input) } else { self.close(input) }
    }
    /// The input with the earliest frame, and the raw time at which another's turn comes.
    fn earliest(&self) -> Option<(usize, Option<u64>)> {
        let mut second: Option<Key> = self.pending.last().map(|p| (p.first, p.order));
        let mut best: Option<(Key, usize)> = None;
        for (i, input) in self.active.iter().enumerate() {
            let Some(key) = input.head().map(|f| (f.ts.0, input.order)) else { continue };
            match best {
                Some((b, _)) if b <= key => second = Some(second.map_or(key, |s| s.min(key))),
                Some((b, _)) => {
                    second = Some(second.map_or(b, |s| s.min(b)));
                    best = Some((key, i));
                }
                None => best = Some((key, i)),
            }
        }
        let (key, i) = best?;
        Some((i, second.map(|s| bound(s, key.1))))
    }
    /// Copies staged frames of one input until another's turn comes (at least one, so that there is progress).
    fn copy_run(&mut self, block: &mut Block, chosen: usize, until: Option<u64>, end: &mut usize) {
        let mut input = self.active.swap_remove(chosen);
        let start = block.frames.len();
        while let Some(mut f) = input.head().copied() {
            let turn_over = block.frames.len() > start && until.is_some_and(|u| f.ts.0 >= u);
            if turn_over || block.frames.len() >= MAX_FRAMES || *end >= TARGET {
                break;
            }
            self.hand_on(block, &mut input);
            append(block, &mut f, &input.stage, end);
            self.place(&mut f, &mut input, block.frames.len() as u64);
            block.frames.push(f);
            input.cursor += 1;
        }
        if input.head().is_none() {
            self.hand_on(block, &mut input);
        }
        self.active.push(input);
    }

    /// Gives a frame the run's interface number and its link type, in place of the file's.
    #[inline]
    fn place(&mut self, f: &mut Frame, input: &mut Input, ahead: u64) {
        let number = match input.ports.get(usize::from(f.iface)) {
            Some(Some(number)) => *number,
            _ => self.register(f, input, ahead),
        };
        f.iface = number;
        f.linktype = self.interfaces.get(usize::from(number)).map_or(Linktype::Unknown, |i| linktype::decoded_as(i.linktype));
    }
    #[cold]
    fn register(&mut self, f: &Frame, input: &mut Input, ahead: u64) -> u16 {
        // In a recording of ours they are numbered as the sensor numbered them, not as their first frames came.
        let earlier = if input.times.admitted { f.iface } else { 0 };
        for before in 0..earlier {
            if input.ports.get(usize::from(before)).is_none_or(Option::is_none) {
                self.number(&Frame { iface: before, ..*f }, input, ahead);
            }
        }
        self.number(f, input, ahead)
    }
    fn number(&mut self, f: &Frame, input: &mut Input, ahead: u64) -> u16 {
        let (place, linktype, name) = input.interface(f.iface);
        let name = match name {
            Some(n) if input.times.admitted => n.to_owned(),
            Some(n) => format!("{}:{n}", input.name),
            None => input.name.clone(),
        };
        let free = self.free.get_mut(&(linktype, place)).and_then(BTreeSet::pop_first);
        let number = free.unwrap_or_else(|| self.new_interface(name, linktype));
        let local = usize::from(f.iface);
        if input.ports.len() <= local {
            input.ports.resize(local + 1, None);
        }
        if let Some(port) = input.ports.get_mut(local) {
            *port = Some(number);
        }
        if let Some(i) = self.interfaces.get_mut(usize::from(number)) {
            i.trusted = input.times.admitted;
        }
        self.tell_linktype(f, input, linktype, number, ahead);
        number
    }
    /// Beyond 65,535 interfaces, one with the same link type is shared.
    fn new_interface(&mut self, name: String, linktype: u32) -> u16 {
        if self.interfaces.len() < usize::from(u16::MAX) {
            let program = self.filter.as_mut().map_or(0, |filter| filter.program(linktype));
            self.interfaces.push(Interface { name, linktype, trusted: false, program });
            return (self.interfaces.len() - 1) as u16;
        }
        let shared = self.interfaces.iter().position(|i| i.linktype == linktype);
        shared.and_then(|i| u16::try_from(i).ok()).unwrap_or(u16::MAX)
    }
    /// One weird per (file, link type) that is not decoded, and per link type for which the filter has no meaning. `offset` is the LINKTYPE_ number.
    fn tell_linktype(&mut self, f: &Frame, input: &Input, linktype: u32, iface: u16, ahead: u64) {
        let unknown = linktype::decoded_as(linktype) == Linktype::Unknown;
        let program = self.interfaces.get(usize::from(iface)).map_or(0, |i| i.program);
        let unfiltered = self.filter.as_ref().is_some_and(|filter| !filter.is_usable(program));
        if !(unknown || unfiltered) || self.told.len() >= MAX_TOLD || !self.told.insert((input.name.clone(), linktype)) {
            return;
        }
        let number = self.number + ahead + 1;
        for (_, name) in [(unknown, "unknown_linktype"), (unfiltered, "filter_without_meaning")].iter().filter(|(is, _)| *is) {
            self.weird(Weird { ts: f.ts, number, name, layer: "capture", offset: linktype });
        }
    }
    fn weird(&mut self, weird: Weird) {
        if self.weirds.len() < MAX_WEIRDS {
            self.weirds.push(weird);
        }
    }

    /// Numbers, times and admission, in the final order.
    fn finish(&mut self, block: &mut Block) {
        let trusted = |iface: u16| self.interfaces.get(usize::from(iface)).is_some_and(|i| i.trusted);
        if !self.clock.is_set() && !block.frames.first().is_some_and(|f| trusted(f.iface)) {
            self.clock.set(block.frames.iter().map(|f| f.ts));
        }
        let Block { buf, frames, notices } = block;
        let (mut news, mut weirds) = (notices.iter_mut().peekable(), Vec::new());
        for (i, f) in frames.iter_mut().enumerate() {
            while let Some(n) = news.next_if(|n| n.at as usize <= i) {
                let bounded = if trusted(n.iface) { self.clock.not_before(n.ts) } else { self.clock.bounds(n.ts) };
                n.ts = bounded.min(f.ts.max(self.clock.bounds(Timestamp(0))));
            }
            self.number += 1;
            f.number = self.number;
            if self.clock.passes(f.ts) {
                continue;
            }
            if trusted(f.iface) {
                f.ts = self.clock.trust(f.ts);
                continue;
            }
            let (ts, weird) = self.clock.admit(f.ts, f.number);
            f.ts = ts;
            weirds.extend(weird);
        }
        news.for_each(|n| n.ts = if trusted(n.iface) { self.clock.not_before(n.ts) } else { self.clock.bounds(n.ts) });
        self.settle(notices);
        weirds.into_iter().for_each(|w| self.weird(w));
        if self.options.from.is_some() || self.options.to.is_some() {
            let (from, to) = (self.options.from, self.options.to);
            frames.iter_mut().for_each(|f| f.admitted = from.is_none_or(|from| f.ts >= from) && to.is_none_or(|to| f.ts < to));
        }
        let Some(filter) = &self.filter else { return };
        for f in frames.iter_mut().filter(|f| f.admitted) {
            let start = f.off as usize;
            let bytes = buf.get(start..start + f.cap_len as usize).unwrap_or(&[]);
            let program = self.interfaces.get(usize::from(f.iface)).map_or(usize::MAX, |i| i.program);
            f.admitted = filter.admits(program, bytes, f.orig_len);
        }
    }

    /// Leaves out news that are outside of `--from/--to`, and bounds what they can claim.
    fn settle(&mut self, notices: &mut Vec<Notice>) {
        let (from, to) = (self.options.from, self.options.to);
        notices.retain(|n| from.is_none_or(|from| n.ts >= from) && to.is_none_or(|to| n.ts < to));
        for n in notices {
            let mut claim = |lost: &mut u64| {
                *lost = (*lost).min(MAX_LOST - self.lost);
                self.lost += *lost;
            };
            match &mut n.news {
                PortNews::Dropped { kernel, card } => [kernel, card].into_iter().for_each(claim),
                PortNews::Shed { frames } => claim(frames),
                PortNews::Down | PortNews::Up => {}
            }
        }
    }

    /// A file in a directory that is no capture is skipped, not a fault.
    fn is_skipped(&self, input: &Input) -> bool {
        let foreign = matches!(&input.fault, Some(f) if matches!(f.kind, FaultKind::Empty | FaultKind::NotCapture(_)));
        foreign && input.found_in.is_some()
    }
    fn close(&mut self, mut input: Input) {
        if input.times.admitted {
            self.until = self.until.max(input.times.until);
        }
        self.read += input.bytes_read().max(input.size.unwrap_or(0));
        let skipped = self.is_skipped(&input);
        match (input.fault.take(), input.found_in.and_then(|d| self.directories.get_mut(d))) {
            (Some(_), Some(d)) if skipped => d.skipped += 1,
            (Some(fault), _) => self.faults.push(fault),
            (None, _) => {}
        }
        for (local, number) in input.ports.iter().enumerate() {
            let (place, linktype, _) = input.interface(u16::try_from(local).unwrap_or(u16::MAX));
            if let Some(number) = number {
                self.free.entry((linktype, place)).or_default().insert(*number);
            }
        }
    }
}

impl Source for Replay {
    fn fill(&mut self, block: &mut Block) -> Fill {
        Replay::fill(self, block)
    }
    fn faults(&self) -> &[Fault] {
        Replay::faults(self)
    }
    fn weirds(&mut self) -> Vec<Weird> {
        Replay::weirds(self).collect()
    }
    fn interface(&self, number: u16) -> Option<&str> {
        self.interfaces.get(usize::from(number)).map(|i| i.name.as_str())
    }
    fn progress(&self) -> (u64, Option<u64>) {
        Replay::progress(self)
    }
}

/// The raw time at which the turn of input `order` ends when another's next frame is `other`.
fn bound(other: Key, order: u32) -> u64 {
    if order < other.1 { other.0.saturating_add(1) } else { other.0 }
}

/// Copies a frame's bytes behind what the block holds.
fn append(block: &mut Block, f: &mut Frame, from: &Block, end: &mut usize) {
    let bytes = from.bytes(f);
    let to = *end + bytes.len();
    if block.buf.len() < to {
        block.buf.resize(to.max(TARGET), 0);
    }
    if let Some(space) = block.buf.get_mut(*end..to) {
        space.copy_from_slice(bytes);
    }
    f.off = u32::try_from(*end).unwrap_or(u32::MAX);
    *end = to;
}
