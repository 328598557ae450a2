//! One capture interface: its packet socket, opened again whenever the interface comes back, and its counters.

use super::load::{Gauge, OVERHEAD};
use super::news::{LiveNews, PortStatus};
use super::program::program;
use super::time::LiveTime;
use super::{HOLD, Shape};
use crate::base::{Span, Timestamp};
use crate::capture::block::Block;
use crate::capture::filter::{Filter, words};
use crate::capture::input::{MAX_FRAMES, TARGET};
use crate::capture::port::{self, PassivityProof, PortCounters};
use crate::capture::{PortNews, linktype, sys};
use crate::wire::{Frame, Linktype};
use pcap::{Active, Capture, Packet, Precision};
use rustix::fd::{AsFd, BorrowedFd};

/// The kernel hands a part of the ring over when it is full or this old, in milliseconds.
const BLOCK_TIMEOUT: i32 = 10;
/// Frames read between two looks at how full the block is.
const CHUNK: usize = 64;
/// Time for the frames of before the start to come out of the ring.
const JOINING: u64 = 200_000_000;
/// First and longest wait between two tries to open.
const RETRY: [u64; 2] = [100_000_000, 5_000_000_000];
/// No frame for so long is worth a line.
const SILENCE: u64 = 60_000_000_000;

struct Socket {
    capture: Capture<Active>,
    linktype: u32,
    /// Frames of before this moment are not wanted, and until when such may still come.
    since: Timestamp,
    joined: Option<u64>,
    /// The kernel's drop counter, which wraps.
    drops: u32,
}

/// A capture interface by name.
pub(super) struct Port {
    name: String,
    /// Its name now, and the kernel's number of it, which a new name does not change.
    called: String,
    index: Option<u32>,
    number: u16,
    shape: Shape,
    socket: Option<Socket>,
    retry: (u64, u64),
    up: bool,
    spare: bool,
    gauge: Gauge,
    /// Frames that wait for those of other interfaces.
    pub stage: Block,
    pub cursor: usize,
    /// Time of the last frame read.
    last: Timestamp,
    /// Before this moment no frame is in the ring any more.
    bare: Timestamp,
    counters: Option<PortCounters>,
    status: PortStatus,
    heard: u64,
    silent: bool,
    news: Vec<PortNews>,
    /// Not told yet: lost by the kernel, by the card; cut.
    lost: [u64; 2],
    cut: u64,
}

/// Why an interface could not be opened.
pub(super) enum Refused {
    /// It is not there, or switched off.
    Absent(String),
    /// The system does not let us.
    Forbidden(String),
    /// The filter cannot stand before a packet socket.
    Filter(String),
}

impl Port {
    pub fn new(name: &str, number: u16, shape: Shape, time: &LiveTime) -> Port {
        Port {
            name: name.to_owned(),
            called: name.to_owned(),
            index: None,
            number,
            shape,
            socket: None,
            retry: (0, RETRY[0]),
            up: true,
            spare: false,
            gauge: Gauge::new(u64::from(shape.ring), time.mono()),
            stage: Block::default(),
            cursor: 0,
            last: Timestamp(0),
            bare: Timestamp(0),
            counters: None,
            status: PortStatus { name: name.to_owned(), ..PortStatus::default() },
            heard: time.mono(),
            silent: false,
            news: Vec::new(),
            lost: [0; 2],
            cut: 0,
        }
    }
    pub fn name(&self) -> &str {
        &self.name
    }
    pub fn status(&self) -> PortStatus {
        PortStatus { up: self.up && self.socket.is_some(), ..self.status.clone() }
    }
    /// How a recording names it.
    pub fn recorded_as(&self) -> (String, Linktype) {
        (self.name.clone(), self.socket.as_ref().map_or(Linktype::Ethernet, |s| linktype::decoded_as(s.linktype)))
    }
    /// What to wait for, unless frames of it wait already.
    pub fn waits_for(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().filter(|_| self.staged().is_none()).map(|s| s.capture.as_fd())
    }

    /// Opens the socket. Needs `CAP_NET_RAW` and nothing else.
    pub fn open(&mut self, filter: &mut Option<Filter>, time: &mut LiveTime) -> Result<(), Refused> {
        let (called, index) = self.whereabouts().ok_or_else(|| Refused::Absent("there is no such interface".into()))?;
        if !port::is_on(&called) {
            return Err(Refused::Absent("it is switched off".into()));
        }
        let capture = self.activate(&called).map_err(|e| refusal(&e))?;
        let linktype = linktype::of_dlt(capture.get_datalink().0);
        if let Some(f) = filter.as_mut() {
            f.program(linktype);
        }
        let mut socket = Socket { capture, linktype, since: Timestamp(0), joined: Some(0), drops: 0 };
        socket.attach(filter.as_ref(), self.shape.snaplen, self.spare).map_err(Refused::Filter)?;
        // An old kernel shows what the box sends itself. That is nothing on a mirror port, and the transmit counter tells.
        let _ = sys::ignore_outgoing(&socket.capture);
        socket.drops = socket.capture.stats().map(|s| s.dropped).unwrap_or(0);
        let now = sys::now();
        time.observe();
        (socket.since, socket.joined) = (now.real, Some(now.mono.saturating_add(JOINING)));
        self.socket = Some(socket);
        (self.called, self.index) = (called, Some(index));
        self.counters = PortCounters::read(&self.called);
        if let Some(c) = self.counters {
            let at_start = self.status.passivity.as_ref().map_or(c.tx_packets, |p| p.at_start.min(c.tx_packets));
            self.status.passivity = Some(PassivityProof { name: self.name.clone(), at_start, now: c.tx_packets });
        }
        (self.heard, self.silent) = (time.mono(), false);
        self.bare = Timestamp(time.packet_now().0.saturating_sub(HOLD.0));
        Ok(())
    }
    /// The interface of the name that was given; if there is none, the one that had it and is called otherwise now.
    fn whereabouts(&self) -> Option<(String, u32)> {
        let given = port::index(&self.name).map(|index| (self.name.clone(), index));
        given.or_else(|| self.index.and_then(|index| Some((port::name_of(index)?, index))))
    }
    fn activate(&self, called: &str) -> Result<Capture<Active>, pcap::Error> {
        Capture::from_device(called)?
            .promisc(true)
            .snaplen(i32::try_from(self.shape.snaplen).unwrap_or(i32::MAX))
            .buffer_size(i32::try_from(self.shape.ring).unwrap_or(i32::MAX))
            .timeout(BLOCK_TIMEOUT)
            .precision(Precision::Nano)
            .open()?
            .setnonblock()
    }
    /// Tries to open a closed port if it is time to.
    pub fn retry(&mut self, filter: &mut Option<Filter>, time: &mut LiveTime, tell: &mut dyn FnMut(&LiveNews)) {
        if self.socket.is_some() || time.mono() < self.retry.0 {
            return;
        }
        let was = (self.called.clone(), self.index);
        let opened = self.open(filter, time).is_ok();
        let wait = if opened { RETRY[0] } else { (self.retry.1 * 2).min(RETRY[1]) };
        self.retry = (time.mono().saturating_add(self.retry.1), wait);
        if opened {
            if was.0 != self.called && was.1 == self.index {
                tell(&LiveNews::Renamed { from: was.0, to: self.called.clone() });
            }
            self.rise(tell);
        }
    }
    /// Of long frames of bulk protocols only the head from now on, or everything again.
    pub fn spare(&mut self, spare: bool, filter: Option<&Filter>) {
        if self.spare != spare {
            self.spare = spare;
            if let Some(s) = &mut self.socket {
                // The program of before stays if the kernel refuses: then nothing is cut.
                let _ = s.attach(filter, self.shape.snaplen, spare);
            }
        }
    }
    /// How far this port is behind, as a level of overload.
    pub fn level(&mut self, frames: usize, bytes: usize, time: &LiveTime) -> u8 {
        let lag = if frames == 0 { Span(0) } else { time.packet_now().since(self.last) };
        self.gauge.update(bytes as u64 + frames as u64 * OVERHEAD, lag, time.mono())
    }
    /// Now, less the time of the last frame read.
    pub fn lag(&self, time: &LiveTime) -> Span {
        time.packet_now().since(self.last)
    }

    /// Reads what the ring holds into a block, until that is full. The number of frames, and the reason if the port is gone.
    pub fn read(&mut self, block: &mut Block, floor: Timestamp, time: &mut LiveTime) -> (usize, Option<String>) {
        let Some(Socket { capture, linktype, since, joined, .. }) = &mut self.socket else { return (0, None) };
        let mut taker = Taker {
            last: self.last.max(floor),
            late: 0,
            cut: 0,
            least: if self.spare { self.shape.snaplen } else { 0 },
            iface: self.number,
            linktype: linktype::decoded_as(*linktype),
            since: *since,
            joined: *joined,
            block,
            time,
        };
        let (start, bytes) = (taker.block.frames.len(), taker.block.buf.len());
        let asked = taker.time.packet_now();
        let mut gone = None;
        let mut bare = false;
        while taker.block.frames.len() < MAX_FRAMES && taker.block.buf.len() < TARGET {
            let room = (MAX_FRAMES - taker.block.frames.len()).min((TARGET - taker.block.buf.len()) / 2048 + 1).min(CHUNK);
            match capture.dispatch(Some(room), |p| taker.take(&p)) {
                Ok(n) if n >= room => {}
                Ok(_) => {
                    bare = true;
                    break;
                }
                Err(e) => {
                    gone = Some(words(&e));
                    break;
                }
            }
        }
        let frames = taker.block.frames.len() - start;
        let read = taker.block.buf.len() - bytes;
        (self.last, *joined) = (taker.last, taker.joined);
        self.status.cut += taker.cut;
        let (late, cut) = (taker.late, taker.cut);
        self.count(frames, read, cut, time.mono());
        if bare {
            self.bare = Timestamp(asked.0.saturating_sub(HOLD.0));
        }
        self.status.late += late;
        (frames, gone)
    }
    fn count(&mut self, frames: usize, bytes: usize, cut: u64, mono: u64) {
        self.status.frames += frames as u64;
        self.status.bytes += bytes as u64;
        self.cut += cut;
        if frames > 0 {
            self.heard = mono;
            self.status.last_frame = Some(self.last);
        }
    }
    /// The next frame that waits.
    pub fn staged(&self) -> Option<&Frame> {
        self.stage.frames.get(self.cursor)
    }
    /// Reads the next frames into the stage, if none waits.
    pub fn restage(&mut self, time: &mut LiveTime) -> (usize, usize, Option<String>) {
        if self.staged().is_some() {
            return (0, 0, None);
        }
        let mut stage = std::mem::take(&mut self.stage);
        stage.frames.clear();
        stage.buf.clear();
        let (n, gone) = self.read(&mut stage, Timestamp(0), time);
        let bytes = stage.buf.len();
        (self.stage, self.cursor) = (stage, 0);
        (n, bytes, gone)
    }
    /// No frame of this port with an earlier time will come any more. None: it says nothing (it is closed).
    pub fn watermark(&self) -> Option<Timestamp> {
        self.socket.as_ref()?;
        Some(self.stage.frames.last().filter(|_| self.staged().is_some()).map_or(self.bare, |f| f.ts))
    }

    /// Looks at counters and state, about once a second. News go to `tell`.
    pub fn tend(&mut self, time: &LiveTime, tell: &mut dyn FnMut(&LiveNews)) {
        self.follow(tell);
        if let Some(s) = &mut self.socket {
            let drops = s.capture.stats().map(|st| st.dropped).unwrap_or(s.drops);
            let kernel = u64::from(drops.wrapping_sub(s.drops));
            s.drops = drops;
            self.drop(kernel);
        }
        self.cards(tell);
        let silent = self.socket.is_some() && self.up && time.mono().saturating_sub(self.heard) >= SILENCE;
        if silent != self.silent {
            self.silent = silent;
            let secs = time.mono().saturating_sub(self.heard) / 1_000_000_000;
            tell(&if silent { LiveNews::Silent { name: self.name.clone(), secs } } else { LiveNews::Heard(self.name.clone()) });
        }
    }
    fn drop(&mut self, kernel: u64) {
        self.status.kernel_drops += kernel;
        self.lost[0] += kernel;
    }
    /// What the card lost, and what it sent.
    fn cards(&mut self, tell: &mut dyn FnMut(&LiveNews)) {
        let Some(now) = PortCounters::read(&self.called) else { return };
        let card = self.counters.map_or(0, |was| now.missed.saturating_sub(was.missed));
        self.counters = Some(now);
        self.status.card_drops += card;
        self.lost[1] += card;
        let Some(proof) = &mut self.status.passivity else { return };
        let before = proof.sent();
        proof.at_start = proof.at_start.min(now.tx_packets);
        proof.now = now.tx_packets;
        // The first frame is told, and then each time that there are twice as many.
        if proof.sent().checked_ilog2() > before.checked_ilog2() {
            tell(&LiveNews::Sent { name: self.name.clone(), frames: proof.sent() });
        }
    }
    /// The interface may have lost its link or its name, or be gone.
    fn follow(&mut self, tell: &mut dyn FnMut(&LiveNews)) {
        if self.socket.is_none() {
            return;
        }
        // Under another name libpcap reads no more, and another interface of this name is another.
        if self.whereabouts() != self.index.map(|index| (self.called.clone(), index)) {
            return self.close("it was taken away", tell);
        }
        match port::is_up(&self.called) {
            true => self.rise(tell),
            false => self.fall("it has no link", tell),
        }
    }
    /// The socket is of no use any more.
    pub fn close(&mut self, why: &str, tell: &mut dyn FnMut(&LiveNews)) {
        if let Some(mut s) = self.socket.take() {
            let drops = s.capture.stats().map(|st| st.dropped).unwrap_or(s.drops);
            self.drop(u64::from(drops.wrapping_sub(s.drops)));
        }
        self.fall(why, tell);
    }
    /// It cannot be read.
    pub fn fall(&mut self, why: &str, tell: &mut dyn FnMut(&LiveNews)) {
        if std::mem::replace(&mut self.up, false) {
            tell(&LiveNews::Down { name: self.name.clone(), why: why.to_owned() });
            self.news.push(PortNews::Down);
        }
    }
    /// It can be read again.
    pub fn rise(&mut self, tell: &mut dyn FnMut(&LiveNews)) {
        if !std::mem::replace(&mut self.up, true) {
            tell(&LiveNews::Up(self.name.clone()));
            self.news.push(PortNews::Up);
        }
    }
    /// Takes what is to be told in the stream: losses of one moment as one.
    pub fn news(&mut self) -> impl Iterator<Item = PortNews> {
        let [kernel, card] = std::mem::take(&mut self.lost);
        let frames = std::mem::take(&mut self.cut);
        let dropped = (kernel + card > 0).then_some(PortNews::Dropped { kernel, card });
        let shed = (frames > 0).then_some(PortNews::Shed { frames });
        dropped.into_iter().chain(shed).chain(std::mem::take(&mut self.news))
    }
}

impl Socket {
    fn attach(&mut self, filter: Option<&Filter>, snaplen: u32, spare: bool) -> Result<(), String> {
        let code = program(filter, self.linktype, snaplen, spare).ok_or("it has no meaning on this kind of interface")?;
        sys::attach_filter(&self.capture, &code).map_err(|e| e.to_string())
    }
}

/// Takes frames from the ring into a block.
struct Taker<'a> {
    last: Timestamp,
    late: u64,
    cut: u64,
    /// Frames shorter than this and than on the wire were cut because of overload; 0: none is.
    least: u32,
    iface: u16,
    linktype: Linktype,
    since: Timestamp,
    joined: Option<u64>,
    block: &'a mut Block,
    time: &'a mut LiveTime,
}

impl Taker<'_> {
    #[inline]
    fn take(&mut self, p: &Packet<'_>) {
        let raw = Timestamp::new(u64::try_from(p.header.ts.tv_sec).unwrap_or(0), u32::try_from(p.header.ts.tv_usec).unwrap_or(0));
        if self.joined.is_some() && self.is_old(raw) {
            return;
        }
        let ts = self.time.admit(raw, self.last);
        self.late += u64::from(ts < self.last);
        self.last = ts.max(self.last);
        let (cap_len, orig_len) = (p.data.len() as u32, p.header.len);
        self.cut += u64::from(cap_len < orig_len && cap_len < self.least);
        let off = self.block.buf.len() as u32;
        self.block.buf.extend_from_slice(p.data);
        let Taker { iface, linktype, .. } = *self;
        self.block.frames.push(Frame { ts: self.last, number: 0, off, cap_len, orig_len, iface, linktype, admitted: true });
    }
    /// Was in the ring before the filter stood there. Not asked for long: the clock may be set back.
    #[cold]
    fn is_old(&mut self, raw: Timestamp) -> bool {
        let old = raw < self.since && self.joined.is_some_and(|until| self.time.mono() < until);
        if !old {
            self.joined = None;
        }
        old
    }
}

fn refusal(e: &pcap::Error) -> Refused {
    let text = words(e);
    let forbidden = ["permission", "Operation not permitted"].iter().any(|w| text.contains(w));
    if forbidden { Refused::Forbidden(text) } else { Refused::Absent(text) }
}
