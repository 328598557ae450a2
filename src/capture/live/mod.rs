//! Live capture: one packet socket per interface (a TPACKET_V3 ring through libpcap), one reader for all of them.
//!
//! The reader passes frames on in the order of their times, from whatever interface, as a replay does: numbers and order of the packets are
//! those of the recording, and a replay of it gives the same result. Where there are several interfaces, a frame waits until no other can
//! still bring an earlier one: the kernel hands frames over in parts of the ring, each at most a block time-out late.
//!
//! Nothing here ends a run but the order to stop: an interface that is gone is told, and tried again until it is back.

mod load;
mod news;
mod port;
mod program;
mod record;
mod time;

use super::block::Block;
use super::fault::{Fault, OpenError};
use super::filter::Filter;
use super::input::{MAX_FRAMES, TARGET};
use super::source::{Fill, Notice, Source};
use super::sys::{self, Now};
use crate::base::{Span, Timestamp};
use crate::wire::Weird;
use port::{Port, Refused};
use record::Recorder;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use thiserror::Error;
use time::LiveTime;

pub use news::{LiveNews, PortStatus, Status, StatusBoard};
pub use record::RecordStatus;
pub use time::Step;

/// A frame is at most this late: the block time-out, the timer's coarseness, and a busy processor.
const HOLD: Span = Span::millis(30);
/// Longest wait for a frame; after it the time is told.
const WAIT: u64 = 90_000_000;
/// Wait while frames of one interface wait for another.
const SHORT_WAIT: u64 = 5_000_000;
/// Between two looks at counters and interfaces.
const TEND: u64 = 1_000_000_000;
/// After the order to stop, what the rings hold is read, at most for so long.
const DRAIN: u64 = 2_000_000_000;
/// Memory that a block keeps after a burst of very long frames.
const KEEP: usize = 4 * TARGET;
/// Weirds kept for the engine to fetch.
const MAX_WEIRDS: usize = 256;

/// Ring and length of every socket.
#[derive(Clone, Copy, Debug)]
struct Shape {
    ring: u32,
    snaplen: u32,
}

/// How a live capture is set up.
pub struct LiveOptions {
    /// Names of the interfaces, in the order in which frames number them.
    pub interfaces: Vec<String>,
    /// Ring of each interface in bytes: 1 MiB to 1 GiB.
    pub ring: u32,
    /// Bytes kept of a frame.
    pub snaplen: u32,
    /// A filter in libpcap's language, with the meaning it has in a replay. What it refuses never leaves the kernel.
    pub filter: Option<String>,
    /// Directory for a recording of everything that is admitted, which replays to the same result.
    pub record: Option<PathBuf>,
    /// Gets what is worth a line in the log. Called by the reader: it must be quick.
    pub tell: Box<dyn FnMut(&LiveNews) + Send>,
}

impl LiveOptions {
    /// A ring that holds half a second of a full gigabit link.
    pub const RING: u32 = 64 << 20;
    /// No frame is longer.
    pub const SNAPLEN: u32 = 262_144;

    /// These interfaces, everything else as usual, and no log.
    pub fn new(interfaces: Vec<String>) -> LiveOptions {
        LiveOptions { interfaces, ring: Self::RING, snaplen: Self::SNAPLEN, filter: None, record: None, tell: Box::new(|_| {}) }
    }
}

/// Why a live capture cannot begin. Exit code 2.
#[derive(Debug, Error)]
pub enum LiveError {
    /// No name was given.
    #[error("no interface is given; there are: {}", list(.there))]
    NoInterface {
        /// The interfaces of the box.
        there: Vec<String>,
    },
    /// None of the names is one.
    #[error("there is no interface {}; there are: {}", list(.asked), list(.there))]
    Unknown {
        /// As given.
        asked: Vec<String>,
        /// The interfaces of the box.
        there: Vec<String>,
    },
    /// The same name twice.
    #[error("the interface {0} is given twice")]
    Twice(String),
    /// Missing right.
    #[error("{name} cannot be opened: {why}; spanward needs the capability CAP_NET_RAW (run it as the service, or as root)")]
    Forbidden {
        /// Interface.
        name: String,
        /// In the system's words.
        why: String,
    },
    /// `--filter` is no filter.
    #[error(transparent)]
    Filter(#[from] OpenError),
    /// The kernel does not take the filter.
    #[error("--filter '{text}': {why}")]
    KernelFilter {
        /// As given.
        text: String,
        /// In the system's words.
        why: String,
    },
    /// The directory of the recording cannot be written.
    #[error("cannot record to {}: {}", dir.display(), super::input::plain(why))]
    Record {
        /// As given.
        dir: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// The system has no more of something.
    #[error("cannot begin to capture: {0}")]
    System(#[from] std::io::Error),
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

/// Wakes a reader that waits for frames, so that it looks at the order to stop at once.
#[derive(Debug)]
pub struct Waker(OwnedFd);

impl Waker {
    /// Wakes it.
    pub fn wake(&self) {
        // Only a counter at its end refuses, and then the reader is awake.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }
}

/// Mirror ports as a source of blocks.
pub struct Live {
    ports: Vec<Port>,
    filter: Option<Filter>,
    time: LiveTime,
    tell: Box<dyn FnMut(&LiveNews) + Send>,
    stop: Arc<AtomicBool>,
    wake: OwnedFd,
    board: Arc<StatusBoard>,
    /// Time of the last frame passed on, or that was told in silence.
    last: Timestamp,
    number: u64,
    level: u8,
    late: u64,
    lag: u64,
    tended: u64,
    /// The order to stop came at this packet time, and reading ends when the steady clock shows that.
    ending: Option<(Timestamp, u64)>,
    ended: bool,
    weirds: Vec<Weird>,
    recorder: Option<Recorder>,
    /// What the disk said last of the recording.
    trouble: Option<String>,
}

impl Live {
    /// Opens the interfaces. One that is not there now is told and tried again; only when none of the names is an interface is that an error.
    pub fn open(options: LiveOptions, stop: Arc<AtomicBool>) -> Result<Live, LiveError> {
        Live::open_with(options, stop, sys::now)
    }
    fn open_with(options: LiveOptions, stop: Arc<AtomicBool>, clock: fn() -> Now) -> Result<Live, LiveError> {
        let LiveOptions { interfaces, ring, snaplen, filter: text, record, mut tell } = options;
        known(&interfaces)?;
        let mut filter = text.as_deref().map(Filter::new).transpose()?;
        let mut time = LiveTime::new(clock);
        let shape = Shape { ring: ring.clamp(1 << 20, 1 << 30), snaplen: snaplen.clamp(64, LiveOptions::SNAPLEN) };
        let mut ports = Vec::new();
        for (number, name) in interfaces.iter().enumerate() {
            let mut port = Port::new(name, u16::try_from(number).unwrap_or(u16::MAX), shape, &time);
            match port.open(&mut filter, &mut time) {
                Ok(()) => tell(&LiveNews::Opened(name.clone())),
                Err(Refused::Absent(why)) => port.fall(&why, &mut tell),
                Err(Refused::Forbidden(why)) => return Err(LiveError::Forbidden { name: name.clone(), why }),
                Err(Refused::Filter(why)) => return Err(LiveError::KernelFilter { text: text.unwrap_or_default(), why }),
            }
            ports.push(port);
        }
        let wake = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(std::io::Error::from)?;
        let last = Timestamp(time.observe().0.saturating_sub(HOLD.0));
        let tended = time.mono();
        let board = Arc::default();
        let (number, level, late, lag) = (0, 0, 0, 0);
        let (ending, ended, weirds) = (None, false, Vec::new());
        let recorder = record.map(|dir| begin(&dir, &ports)).transpose()?;
        let live = Live {
            ports,
            recorder,
            trouble: None,
            filter,
            time,
            tell,
            stop,
            wake,
            board,
            last,
            number,
            level,
            late,
            lag,
            tended,
            ending,
            ended,
            weirds,
        };
        live.show();
        Ok(live)
    }
    /// Wakes the reader after the order to stop was given; without it that takes up to a tenth of a second.
    pub fn waker(&self) -> std::io::Result<Waker> {
        Ok(Waker(self.wake.try_clone()?))
    }
    /// Where the status is, a new one every second.
    pub fn board(&self) -> Arc<StatusBoard> {
        Arc::clone(&self.board)
    }

    fn next(&mut self, block: &mut Block) -> Fill {
        self.time.observe();
        self.heed();
        self.tend(block);
        self.gather(block);
        if is_empty(block) && self.ending.is_none() {
            self.wait();
            self.time.observe();
            self.gather(block);
        }
        self.steps();
        let over = self.is_over(block);
        if is_empty(block) {
            return self.quiet(over);
        }
        self.ended |= over;
        self.finish(block);
        if let Some(r) = &mut self.recorder {
            r.block(block);
        }
        if over {
            self.close();
        }
        Fill::Frames
    }
    /// Is there an order to stop?
    fn heed(&mut self) {
        if self.ending.is_none() && self.stop.load(Ordering::Relaxed) {
            self.ending = Some((self.time.packet_now(), self.time.mono().saturating_add(DRAIN)));
        }
    }
    /// Everything of before the order to stop has been read, or there is no more time for it.
    fn is_over(&self, block: &Block) -> bool {
        let Some((at, deadline)) = self.ending else { return false };
        let read = if is_empty(block) { self.watermark().is_none_or(|w| w >= at) } else { block.frames.last().is_some_and(|f| f.ts >= at) };
        read || self.time.mono() >= deadline
    }
    /// No frame: how far packet time has come.
    fn quiet(&mut self, over: bool) -> Fill {
        self.ended = over;
        // Closed interfaces bring nothing.
        let now = self.watermark().unwrap_or_else(|| Timestamp(self.time.packet_now().0.saturating_sub(HOLD.0)));
        self.last = self.last.max(now);
        if over {
            self.close();
        } else if self.ending.is_some() {
            self.sleep(SHORT_WAIT);
        }
        Fill::Quiet(self.last)
    }
    /// The run is over.
    fn close(&mut self) {
        if let Some(r) = &mut self.recorder {
            r.end(self.last);
        }
        self.show();
    }
    /// Before this moment no frame will come any more.
    fn watermark(&self) -> Option<Timestamp> {
        self.ports.iter().filter_map(Port::watermark).min()
    }

    /// Takes what the rings hold.
    fn gather(&mut self, block: &mut Block) {
        let Live { ports, time, tell, last, level, .. } = self;
        let mut reached = 0;
        if let [port] = ports.as_mut_slice() {
            let (n, gone) = port.read(block, *last, time);
            reached = port.level(n, block.buf.len(), time);
            if let Some(why) = gone {
                port.close(&why, tell);
            }
        } else {
            for port in ports.iter_mut() {
                let (n, bytes, gone) = port.restage(time);
                reached = reached.max(if port.staged().is_some() && n == 0 { *level } else { port.level(n, bytes, time) });
                if let Some(why) = gone {
                    port.close(&why, tell);
                }
            }
            self.merge(block);
        }
        self.lag = if block.frames.is_empty() { 0 } else { self.ports.iter().map(|p| p.lag(&self.time).0).min().unwrap_or(0) };
        self.shed(reached);
    }
    /// Passes on staged frames, the earliest first, that no other interface can precede any more.
    fn merge(&mut self, block: &mut Block) {
        let until = if self.ports.iter().all(|p| p.watermark().is_none()) { Some(Timestamp(u64::MAX)) } else { self.watermark() };
        let Some(until) = until else { return };
        while block.frames.len() < MAX_FRAMES && block.buf.len() < TARGET {
            let heads = self.ports.iter().enumerate().filter_map(|(n, p)| Some((p.staged()?.ts, n)));
            let Some((ts, n)) = heads.min().filter(|(ts, _)| *ts <= until) else { return };
            let Some(port) = self.ports.get_mut(n) else { return };
            let Some(mut f) = port.staged().copied() else { return };
            let off = block.buf.len() as u32;
            block.buf.extend_from_slice(port.stage.bytes(&f));
            (f.off, f.ts) = (off, ts.max(self.last));
            self.late += u64::from(ts < self.last);
            self.last = f.ts;
            block.frames.push(f);
            port.cursor += 1;
        }
    }
    /// The level of overload that was reached.
    fn shed(&mut self, level: u8) {
        if level == self.level {
            return;
        }
        for port in &mut self.ports {
            port.spare(level >= 3, self.filter.as_ref());
        }
        // Each rise is told, and the end of it all.
        if level > self.level || level == 0 {
            (self.tell)(&LiveNews::Overload(level));
        }
        self.level = level;
    }

    /// Counters and interfaces, once a second; interfaces that are gone are tried when their time comes.
    fn tend(&mut self, block: &mut Block) {
        let Live { ports, filter, time, tell, .. } = self;
        ports.iter_mut().for_each(|p| p.retry(filter, time, tell));
        if time.mono().saturating_sub(self.tended) >= TEND {
            self.tended = time.mono();
            ports.iter_mut().for_each(|p| p.tend(time, tell));
            self.recording();
            self.show();
        }
        for (n, port) in self.ports.iter_mut().enumerate() {
            let (ts, iface) = (self.last, u16::try_from(n).unwrap_or(u16::MAX));
            block.notices.extend(port.news().map(|news| Notice { ts, at: 0, iface, news }));
        }
    }
    /// Tells when the disk refuses the recording, and when it takes it again.
    fn recording(&mut self) {
        let Some(RecordStatus { trouble, missing, .. }) = self.recorder.as_ref().map(Recorder::status) else { return };
        if trouble.is_some() != self.trouble.is_some() {
            (self.tell)(&LiveNews::Recording { trouble: trouble.clone(), missing });
            self.trouble = trouble;
        }
    }
    fn show(&self) {
        let ports: Vec<PortStatus> = self.ports.iter().map(Port::status).collect();
        let late = self.late + ports.iter().map(|p| p.late).sum::<u64>();
        let record = self.recorder.as_ref().map(Recorder::status);
        self.board.write(Status { now: self.last, lag: self.lag, level: self.level, late, ports, record });
    }
    /// Somebody set the clock: told once.
    fn steps(&mut self) {
        for step in self.time.steps() {
            (self.tell)(&LiveNews::Clock(step));
            let name = if step.back { "clock_set_back" } else { "clock_set_forward" };
            if self.weirds.len() < MAX_WEIRDS {
                self.weirds.push(Weird { ts: step.ts, number: self.number + 1, name, layer: "clock", offset: 0 });
            }
        }
    }
    /// Waits for a frame.
    fn wait(&self) {
        let staged = self.ports.iter().any(|p| p.staged().is_some());
        self.sleep(if staged { SHORT_WAIT } else { WAIT });
    }
    fn sleep(&self, nanos: u64) {
        let limit = Timespec { tv_sec: 0, tv_nsec: i64::try_from(nanos).unwrap_or(0) };
        let sockets = self.ports.iter().filter_map(Port::waits_for);
        let mut fds: Vec<PollFd<'_>> = sockets.chain([self.wake.as_fd()]).map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        // A signal ends the wait early, which is as good.
        let _ = rustix::event::poll(&mut fds, Some(&limit));
        if fds.last().is_some_and(|f| !f.revents().is_empty()) {
            let _ = rustix::io::read(&self.wake, &mut [0u8; 8]);
        }
    }
    /// Numbers, in the final order.
    fn finish(&mut self, block: &mut Block) {
        for f in &mut block.frames {
            self.number += 1;
            f.number = self.number;
        }
        if let Some(f) = block.frames.last() {
            self.last = f.ts;
        }
    }
}

impl Source for Live {
    fn fill(&mut self, block: &mut Block) -> Fill {
        block.frames.clear();
        block.notices.clear();
        block.buf.clear();
        block.buf.shrink_to(KEEP);
        if self.ended { Fill::End } else { self.next(block) }
    }
    fn faults(&self) -> &[Fault] {
        &[]
    }
    fn weirds(&mut self) -> Vec<Weird> {
        std::mem::take(&mut self.weirds)
    }
    fn level(&self) -> u8 {
        self.level
    }
    fn interface(&self, number: u16) -> Option<&str> {
        self.ports.get(usize::from(number)).map(Port::name)
    }
}

fn begin(dir: &Path, ports: &[Port]) -> Result<Recorder, LiveError> {
    let names = ports.iter().map(Port::recorded_as).collect();
    Recorder::begin(dir, names).map_err(|why| LiveError::Record { dir: dir.to_owned(), why })
}

fn is_empty(block: &Block) -> bool {
    block.frames.is_empty() && block.notices.is_empty()
}

/// Is any of the names an interface, and none given twice?
fn known(asked: &[String]) -> Result<(), LiveError> {
    let there = super::port::interfaces;
    if asked.is_empty() {
        return Err(LiveError::NoInterface { there: there() });
    }
    if let Some((_, twice)) = asked.iter().enumerate().find(|(n, name)| asked.iter().take(*n).any(|other| other == *name)) {
        return Err(LiveError::Twice(twice.clone()));
    }
    if asked.iter().all(|name| super::port::index(name).is_none()) {
        return Err(LiveError::Unknown { asked: asked.to_vec(), there: there() });
    }
    Ok(())
}
