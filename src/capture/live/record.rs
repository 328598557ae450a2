//! `--record DIR`: every frame that was admitted, with its time to the nanosecond, in a pcapng file per hour. Losses and states of the
//! interfaces stand among the frames, in their places, so that a replay of the directory is the run once more.
//!
//! The reader copies a block into a queue and goes on; a thread of its own writes. When the disk does not keep up, or refuses, the recording lacks
//! frames and says how many and why; capture and detection lose nothing.

use crate::base::Timestamp;
use crate::capture::block::Block;
use crate::capture::input::plain;
use crate::capture::pcapng_write::{Cause, Missing, PcapngWriter, Remark};
use crate::wire::Linktype;
use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Blocks that wait for the disk at most.
const QUEUE: usize = 256;
/// Bytes that wait for the disk at most.
const QUEUE_BYTES: usize = 32 << 20;
/// After a refusal the disk is tried again when so much packet time has passed.
const AGAIN: u64 = 1_000_000_000;
/// Files of one second at most: several when the sensor is started over and over.
const NAMES: u32 = 1000;

/// An interface as the recording names it.
pub(super) type Name = (String, Linktype);

/// How a recording stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RecordStatus {
    /// Frames written.
    pub frames: u64,
    /// Frames that are not in the recording.
    pub missing: u64,
    /// What the disk said, if it refuses.
    pub trouble: Option<String>,
    /// The file being written.
    pub file: Option<PathBuf>,
}

/// Frames left out, and the interface of the first.
type Hole = Option<(u16, Missing)>;

/// What waits for the disk.
struct Chunk {
    block: Block,
    /// Frames before this block that found no room in the queue.
    hole: Hole,
    /// The recording ends at this time.
    until: Option<Timestamp>,
}

/// Writes a recording beside the capture.
pub(super) struct Recorder {
    to: Option<Sender<Chunk>>,
    back: Receiver<Block>,
    hole: Hole,
    waiting: Arc<AtomicUsize>,
    status: Arc<Mutex<RecordStatus>>,
    thread: Option<JoinHandle<()>>,
}

impl Recorder {
    /// Begins a recording in a directory, which is made if need be.
    pub fn begin(dir: &Path, names: Vec<Name>) -> io::Result<Recorder> {
        std::fs::create_dir_all(dir)?;
        let (status, waiting) = (Arc::<Mutex<RecordStatus>>::default(), Arc::<AtomicUsize>::default());
        let (to, chunks) = bounded::<Chunk>(QUEUE);
        let (recycle, back) = bounded(QUEUE);
        let mut disk = Disk { dir: dir.to_owned(), names, open: None, hole: None, retry: 0, status: Arc::clone(&status) };
        let weight = Arc::clone(&waiting);
        let thread = std::thread::Builder::new().name("record".into()).spawn(move || {
            while let Ok(chunk) = chunks.recv() {
                disk.take(&chunk, chunks.is_empty());
                weight.fetch_sub(chunk.block.buf.len(), Ordering::Relaxed);
                // Nobody waits for it: one that is not taken is freed.
                let _ = recycle.try_send(chunk.block);
            }
        })?;
        Ok(Recorder { to: Some(to), back, hole: None, waiting, status, thread: Some(thread) })
    }
    /// How it stands. Frames that found no room in the queue are counted at once.
    pub fn status(&self) -> RecordStatus {
        let mut status = lock(&self.status).clone();
        status.missing += self.hole.map_or(0, |(_, m)| m.frames);
        status
    }
    /// The next block of the run.
    pub fn block(&mut self, block: &Block) {
        let mut copy = self.back.try_recv().unwrap_or_default();
        copy.buf.clone_from(&block.buf);
        copy.frames.clone_from(&block.frames);
        copy.notices.clone_from(&block.notices);
        let hole = self.hole.take();
        self.send(Chunk { block: copy, hole, until: None });
    }
    fn send(&mut self, chunk: Chunk) {
        let Some(to) = &self.to else { return };
        let bytes = chunk.block.buf.len();
        let full = self.waiting.fetch_add(bytes, Ordering::Relaxed) > QUEUE_BYTES;
        let chunk = if full { Err(TrySendError::Full(chunk)) } else { to.try_send(chunk) };
        if let Err(TrySendError::Full(chunk) | TrySendError::Disconnected(chunk)) = chunk {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            self.hole = chunk.hole;
            add(&mut self.hole, &chunk.block, Cause::Slow);
        }
    }
    /// The run is over: what waits is written, and the recording says how far it reaches.
    pub fn end(&mut self, until: Timestamp) {
        let Some(to) = self.to.take() else { return };
        let chunk = Chunk { block: Block::default(), hole: self.hole.take(), until: Some(until) };
        // The queue empties or the disk refuses: the writer never stops taking.
        let _ = to.send(chunk);
        drop(to);
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has told so on standard error.
            let _ = thread.join();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.to = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread that writes.
struct Disk {
    dir: PathBuf,
    names: Vec<Name>,
    open: Option<Open>,
    hole: Hole,
    retry: u64,
    status: Arc<Mutex<RecordStatus>>,
}

/// A file being written.
struct Open {
    hour: u64,
    /// It holds a frame. What a file without one says is told by no reader, so one is not left before.
    begun: bool,
    writer: PcapngWriter<BufWriter<File>>,
}

impl Disk {
    fn take(&mut self, chunk: &Chunk, flush: bool) {
        if let Some((iface, m)) = chunk.hole {
            merge(&mut self.hole, iface, m);
            lock(&self.status).missing += m.frames;
        }
        if let Err(e) = self.write(chunk, flush) {
            let full = matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
            add(&mut self.hole, &chunk.block, if full { Cause::Full } else { Cause::Error });
            self.open = None;
            let mut status = lock(&self.status);
            status.missing += chunk.block.frames.len() as u64;
            status.trouble = Some(plain(&e));
        } else {
            let mut status = lock(&self.status);
            status.frames += chunk.block.frames.len() as u64;
            status.trouble = None;
        }
    }
    fn write(&mut self, chunk: &Chunk, flush: bool) -> io::Result<()> {
        let block = &chunk.block;
        let times = block.frames.first().map(|f| f.ts).into_iter().chain(block.notices.first().map(|n| n.ts)).chain(chunk.until);
        let Some(ts) = times.min() else { return Ok(()) };
        self.turn(ts, block.frames.is_empty())?;
        let Some(Open { begun, writer, .. }) = &mut self.open else { return Ok(()) };
        *begun |= !block.frames.is_empty();
        if let Some((iface, m)) = self.hole {
            writer.missing(iface, m)?;
            self.hole = None;
        }
        let names = &self.names;
        writer.block(block, |n| names.get(usize::from(n)).map(|n| n.0.as_str()))?;
        if let Some(until) = chunk.until {
            writer.remark(0, until, Remark::Until)?;
        }
        if flush || chunk.until.is_some() { writer.flush() } else { Ok(()) }
    }
    /// The file of this hour. News alone begin no file if there is one.
    fn turn(&mut self, ts: Timestamp, frameless: bool) -> io::Result<()> {
        let hour = ts.secs() / 3600;
        if self.open.as_ref().is_some_and(|o| o.hour == hour || !o.begun || frameless) {
            return Ok(());
        }
        if let Some(mut old) = self.open.take() {
            old.writer.flush()?;
        }
        if ts.0 < self.retry {
            return Err(io::Error::other(lock(&self.status).trouble.clone().unwrap_or_default()));
        }
        self.retry = ts.0.saturating_add(AGAIN);
        let (path, file) = self.create(ts)?;
        let mut w =
            PcapngWriter::new(BufWriter::with_capacity(1 << 20, file), concat!("spanward ", env!("CARGO_PKG_VERSION")), "spanward run --record")?;
        for (n, (name, linktype)) in self.names.iter().enumerate() {
            w.describe(u16::try_from(n).unwrap_or(u16::MAX), *linktype, name)?;
        }
        w.remark(0, ts, Remark::Times)?;
        self.open = Some(Open { hour, begun: false, writer: w });
        self.retry = 0;
        lock(&self.status).file = Some(path);
        Ok(())
    }
    fn create(&self, ts: Timestamp) -> io::Result<(PathBuf, File)> {
        let (y, mo, d, h, mi, s) = ts.civil();
        for n in 0..NAMES {
            let again = if n == 0 { String::new() } else { format!("-{n}") };
            let path = self.dir.join(format!("spanward-{y:04}{mo:02}{d:02}T{h:02}{mi:02}{s:02}Z{again}.pcapng"));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                other => return other.map(|file| (path, file)),
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "no name for a new file is free"))
    }
}

/// Adds the frames of a block to those left out.
fn add(hole: &mut Hole, block: &Block, cause: Cause) {
    let (Some(first), Some(last)) = (block.frames.first(), block.frames.last()) else { return };
    let bytes = block.frames.iter().map(|f| u64::from(f.orig_len)).sum();
    merge(hole, first.iface, Missing { frames: block.frames.len() as u64, bytes, from: first.ts, to: last.ts, cause });
}

fn merge(hole: &mut Hole, iface: u16, more: Missing) {
    match hole {
        None => *hole = Some((iface, more)),
        Some((_, m)) => {
            (m.frames, m.bytes) = (m.frames + more.frames, m.bytes + more.bytes);
            (m.from, m.to) = (m.from.min(more.from), m.to.max(more.to));
            m.cause = m.cause.max(more.cause);
        }
    }
}

fn lock<T>(m: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Fill, Notice, PortNews, Replay, ReplayOptions};
    use crate::wire::Frame;

    const T: u64 = 1_795_255_200;

    fn block(at: u64, frames: u64) -> Block {
        let mut b = Block::default();
        for n in 0..frames {
            let off = b.buf.len() as u32;
            b.buf.extend([n as u8; 60]);
            let ts = Timestamp::new(T + at, n as u32);
            b.frames.push(Frame { ts, number: n + 1, off, cap_len: 60, orig_len: 60, iface: (n % 2) as u16, admitted: true, ..Frame::default() });
        }
        b
    }
    fn names() -> Vec<Name> {
        vec![("span0".into(), Linktype::Ethernet), ("span1".into(), Linktype::Ethernet)]
    }
    /// Times and interfaces of the frames, notices, where the recording ends, names.
    type Recorded = (Vec<(u64, u16)>, Vec<PortNews>, Option<Timestamp>, Vec<String>);

    fn read(dir: &Path) -> Recorded {
        let mut replay = Replay::open(&[dir.to_owned()], ReplayOptions::default()).unwrap();
        let (mut block, mut frames, mut news, mut until) = (Block::default(), Vec::new(), Vec::new(), None);
        loop {
            match replay.fill(&mut block) {
                Fill::Frames => {
                    frames.extend(block.frames.iter().map(|f| (f.ts.0, f.iface)));
                    news.extend(block.notices.iter().map(|n| n.news));
                }
                Fill::Quiet(t) => until = Some(t),
                Fill::End => break,
            }
        }
        assert!(replay.faults().is_empty(), "{:?}", replay.faults());
        (frames, news, until, replay.interfaces().iter().map(|i| i.name.clone()).collect())
    }

    #[test]
    fn a_recording_is_the_run_once_more() {
        let dir = tempfile::tempdir().unwrap();
        let mut r = Recorder::begin(dir.path(), names()).unwrap();
        // Two hours; a night between without a frame, after which a file would be doubted.
        let mut blocks = vec![block(10, 7), block(3500, 5), block(3700, 3), block(40_000, 2), block(40_001, 70)];
        let ts = Timestamp::new(T + 20_000, 0);
        blocks.insert(3, Block { notices: vec![Notice { ts, at: 0, iface: 1, news: PortNews::Down }], ..Block::default() });
        // The first frame of the run is of the second interface.
        blocks[0].frames.remove(0);
        blocks.iter().for_each(|b| r.block(b));
        r.end(Timestamp::new(T + 50_000, 5));
        assert_eq!((r.status().frames, r.status().missing, r.status().trouble), (86, 0, None));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3, "one for each hour with a frame in it");
        let (frames, news, until, names) = read(dir.path());
        let want: Vec<_> = blocks.iter().flat_map(|b| &b.frames).map(|f| (f.ts.0, f.iface)).collect();
        assert_eq!(frames, want);
        assert_eq!((news.as_slice(), until), ([PortNews::Down].as_slice(), Some(Timestamp::new(T + 50_000, 5))));
        assert_eq!(names, ["span0", "span1"]);
    }

    #[test]
    fn a_disk_that_refuses_leaves_a_hole_that_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let mut r = Recorder::begin(&dir.path().join("rec"), names()).unwrap();
        r.block(&block(1, 4));
        let wait = |r: &Recorder, f: fn(&RecordStatus) -> bool| {
            while !f(&r.status()) {
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        };
        wait(&r, |s| s.frames == 4);
        // The directory is gone when the next hour begins; a second later it is there again.
        std::fs::rename(dir.path().join("rec"), dir.path().join("away")).unwrap();
        r.block(&block(3600, 3));
        wait(&r, |s| s.missing == 3 && s.trouble.is_some());
        r.block(&block(3600, 2));
        wait(&r, |s| s.missing == 5);
        std::fs::rename(dir.path().join("away"), dir.path().join("rec")).unwrap();
        r.block(&block(3602, 1));
        r.end(Timestamp::new(T + 3603, 0));
        assert_eq!((r.status().frames, r.status().missing, r.status().trouble), (5, 5, None));
        let (frames, news, ..) = read(&dir.path().join("rec"));
        assert_eq!(frames.len(), 5);
        assert_eq!(news, [PortNews::Dropped { kernel: 5, card: 0 }]);
    }

    #[test]
    fn a_full_queue_is_a_hole_and_never_waits() {
        let dir = tempfile::tempdir().unwrap();
        let mut r = Recorder::begin(dir.path(), names()).unwrap();
        r.waiting.store(QUEUE_BYTES + 1, Ordering::Relaxed);
        r.block(&block(1, 4));
        r.block(&block(2, 3));
        assert_eq!(r.status().missing, 7);
        r.waiting.store(0, Ordering::Relaxed);
        r.block(&block(3, 2));
        r.end(Timestamp::new(T + 4, 0));
        assert_eq!((r.status().frames, r.status().missing), (2, 7));
        let (frames, news, ..) = read(dir.path());
        assert_eq!((frames.len(), news), (2, vec![PortNews::Dropped { kernel: 7, card: 0 }]));
    }

    #[test]
    fn a_file_that_claims_to_be_a_recording_cannot_turn_time_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut w = PcapngWriter::new(File::create(dir.path().join("x.pcapng")).unwrap(), "somebody", "").unwrap();
        w.remark(0, Timestamp::new(T, 0), Remark::Times).unwrap();
        for at in [10, 5, 20_000, 0] {
            let b = block(at, 1);
            w.frame(&b.frames[0], b.bytes(&b.frames[0]), None).unwrap();
        }
        w.remark(0, Timestamp::new(T + 9, 0), Remark::Until).unwrap();
        drop(w);
        let (frames, _, until, _) = read(dir.path());
        assert_eq!(frames.iter().map(|f| f.0 / 1_000_000_000 - T).collect::<Vec<_>>(), [10, 10, 20_000, 20_000]);
        assert_eq!(until, None, "it cannot end before its last frame");
    }

    #[test]
    fn two_runs_in_one_second_do_not_overwrite_each_other() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..3 {
            let mut r = Recorder::begin(dir.path(), names()).unwrap();
            r.block(&block(1, 1));
            r.end(Timestamp::new(T + 1, 9));
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
    }
}
