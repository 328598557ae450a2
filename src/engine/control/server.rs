//! The thread that serves viewers: one loop over all connections, none of which it ever waits for.

use super::desk::{self, Desk, Job, Tray};
use super::hub::{Bell, Seat};
use super::listen::Listening;
use super::peer::{People, Rights, Who};
use super::protocol::{Ask, Code, Said, VERSION, Welcome};
use super::stream::{Both, Stream};
use super::viewer::{Viewer, Want};
use crate::base::Lang;
use crate::engine::batch::wall;
use crate::engine::log::{Log, Priority};
use crate::engine::metrics::Board;
use crate::output::pick;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The loop comes round this often when nothing happens, to see who has been silent for too long.
const ROUND: Timespec = Timespec { tv_sec: 0, tv_nsec: 250_000_000 };
/// After the system had no room for another connection, none is taken for this long.
const REST: Duration = Duration::from_secs(1);
/// Connections taken in one round.
const TAKEN: usize = 32;
/// Places that are kept for people who may act: readers cannot lock them out.
const KEPT: usize = 16;
/// Bytes of answers that wait to be read, over all viewers: beyond, viewers are asked to come again.
const ANSWERS: usize = 128 << 20;
/// Time between two messages on how the sensor stands.
const STANDING: Duration = Duration::from_secs(1);

/// What viewers are held to.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Viewers at once.
    pub viewers: usize,
    /// A viewer that takes nothing for this long is cut.
    pub deaf: Duration,
    /// A viewer that has not said what it is within this time is cut.
    pub hello: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { viewers: 256, deaf: Duration::from_secs(30), hello: Duration::from_secs(5) }
    }
}

/// What the server is started with.
pub struct Start {
    /// The socket.
    pub socket: Listening,
    /// Where views come from: the other end is with the analyst.
    pub seat: Seat,
    /// Who answers and acts.
    pub desk: Box<dyn Desk>,
    /// Counters.
    pub board: Arc<Board>,
    /// Log.
    pub log: Log,
    /// Names of users, as read at start.
    pub people: People,
    /// Who may act.
    pub rights: Rights,
    /// Language of the site.
    pub lang: Lang,
    /// Name of the site.
    pub site: String,
    /// Limits.
    pub limits: Limits,
}

/// A server that runs. Stops when dropped.
pub struct Server {
    stop: Arc<AtomicBool>,
    bell: Bell,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts it.
    pub fn start(start: Start) -> io::Result<Server> {
        let stop = Arc::new(AtomicBool::new(false));
        let bell = start.seat.bell.clone();
        let (tray, _) = desk::open(start.desk, Arc::clone(&start.board), bell.clone())?;
        let mut serving = Serving {
            socket: start.socket,
            seat: start.seat,
            tray,
            board: start.board,
            log: start.log,
            people: start.people,
            rights: start.rights,
            lang: start.lang,
            site: start.site,
            limits: start.limits,
            stream: Stream::default(),
            viewers: Vec::new(),
            next: 1,
            resting: None,
            stood: None,
            stop: Arc::clone(&stop),
        };
        let thread = std::thread::Builder::new().name("control".into()).spawn(move || serving.run())?;
        Ok(Server { stop, bell, thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.bell.ring();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Serving {
    socket: Listening,
    seat: Seat,
    tray: Tray,
    board: Arc<Board>,
    log: Log,
    people: People,
    rights: Rights,
    lang: Lang,
    site: String,
    limits: Limits,
    stream: Stream,
    viewers: Vec<Viewer>,
    next: u64,
    /// No connections are taken until then.
    resting: Option<Instant>,
    stood: Option<Instant>,
    stop: Arc<AtomicBool>,
}

impl Serving {
    fn run(&mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            let ready = self.wait();
            let now = wall();
            self.seat.bell.quiet();
            while let Ok(turn) = self.seat.from.try_recv() {
                self.stream.take(turn);
            }
            self.replies();
            self.hear(&ready, now);
            self.stand(now);
            for v in &mut self.viewers {
                v.feed(&mut self.stream, now);
                if v.waits() {
                    v.write(now);
                }
                v.judge(&self.limits, now);
            }
            self.leave();
            if self.resting.is_none_or(|until| now >= until) {
                self.resting = None;
                self.accept(now);
            }
            self.board.socket.viewers.store(self.viewers.len() as u64, Ordering::Relaxed);
        }
        self.farewell();
    }
    /// Waits until there is something to do; says which viewers have something to read.
    fn wait(&self) -> Vec<bool> {
        let mut fds = Vec::with_capacity(self.viewers.len() + 2);
        fds.push(PollFd::from_borrowed_fd(self.seat.bell.fd(), PollFlags::IN));
        let listener = if self.resting.is_some() { PollFlags::empty() } else { PollFlags::IN };
        fds.push(PollFd::new(&self.socket.listener, listener));
        for v in &self.viewers {
            let mut events = if v.leaving.is_some() { PollFlags::empty() } else { PollFlags::IN };
            events.set(PollFlags::OUT, v.waits());
            fds.push(PollFd::new(&v.stream, events));
        }
        let _ = poll(&mut fds, Some(&ROUND));
        fds.iter().skip(2).map(|f| f.revents().intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR)).collect()
    }
    fn replies(&mut self) {
        while let Ok(mut reply) = self.tray.replies.try_recv() {
            if self.viewers.iter().map(Viewer::own_bytes).sum::<usize>() > ANSWERS {
                let text = pick(self.lang, "too many answers wait to be read: ask again", "未読の回答が多すぎます。再度お試しください");
                reply.done = Err((Code::Busy, text.to_owned()));
            }
            if let Some(v) = self.viewers.iter_mut().find(|v| v.id == reply.viewer) {
                v.answered(reply);
            }
        }
    }
    /// Reads what viewers say.
    fn hear(&mut self, ready: &[bool], now: Instant) {
        let mut want = Vec::new();
        for (v, _) in self.viewers.iter_mut().zip(ready).filter(|(_, ready)| **ready) {
            v.read(now, &mut want);
            for w in want.drain(..) {
                self.board.socket.requests.fetch_add(1, Ordering::Relaxed);
                match w {
                    Want::Say(said) => v.say(&said),
                    Want::Desk { id, ask } => {
                        if ask.acts() {
                            self.board.socket.acts.fetch_add(1, Ordering::Relaxed);
                            act_logged(&self.log, v, &ask);
                        }
                        let job = Job { viewer: v.id, id, who: v.who.clone(), lang: v.lang, ask };
                        match self.tray.jobs.try_send(job) {
                            Ok(()) => v.at_desk(),
                            Err(_) => v.busy(id),
                        }
                    }
                }
            }
        }
    }
    /// Tells viewers once per second how the sensor stands.
    fn stand(&mut self, now: Instant) {
        let due = self.stood.is_none_or(|at| now.saturating_duration_since(at) >= STANDING);
        if !due || !self.viewers.iter().any(Viewer::subscribed) {
            return;
        }
        self.stood = Some(now);
        if let Some(both) = Both::of(&Said::Standing(self.board.standing())) {
            self.viewers.iter_mut().for_each(|v| v.offer(&both));
        }
    }
    /// Lets go of viewers that are gone or cut.
    fn leave(&mut self) {
        let (log, board) = (&self.log, &self.board);
        self.viewers.retain(|v| {
            if v.gone
                && let Some(code) = v.cut
            {
                board.socket.cut.fetch_add(1, Ordering::Relaxed);
                let word = serde_json::to_value(code).ok().and_then(|w| w.as_str().map(str::to_owned)).unwrap_or_default();
                log.line(
                    Priority::Warning,
                    "viewer-cut",
                    ("a viewer was disconnected", "閲覧接続を切断しました"),
                    &[("user", &v.who.name), ("pid", &v.who.pid), ("reason", &word)],
                );
            }
            !v.gone
        });
    }
    fn accept(&mut self, now: Instant) {
        for _ in 0..TAKEN {
            match self.socket.listener.accept() {
                Ok((stream, _)) => self.welcome(stream, now),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.resting = Some(now + REST);
                    return;
                }
            }
        }
    }
    fn welcome(&mut self, stream: UnixStream, now: Instant) {
        // One that cannot be asked who it is, or is gone already, is nobody.
        let Ok(who) = Who::of(&stream, &self.people) else { return };
        if stream.set_nonblocking(true).is_err() {
            return;
        }
        let may_act = self.rights.may_act(&who);
        let mut viewer = Viewer::new(self.next, stream, who, may_act, self.lang, now);
        self.next += 1;
        viewer.say(&Said::Hello(Welcome {
            version: VERSION,
            server: concat!("spanward ", env!("CARGO_PKG_VERSION")).to_owned(),
            can: ["zstd", "standing", "acts", "metrics"].map(str::to_owned).to_vec(),
            lang: self.lang,
            site: self.site.clone(),
        }));
        let places = if may_act { self.limits.viewers } else { self.limits.viewers.saturating_sub(KEPT).max(1) };
        if self.viewers.len() >= places {
            self.board.socket.refused.fetch_add(1, Ordering::Relaxed);
            let text = pick(
                self.lang,
                "too many viewers are connected: close one and try again",
                "接続数が上限に達しています。不要な画面を閉じてから再度お試しください",
            );
            viewer.cut(Code::Full, text, now);
            viewer.cut = None;
            // One try: who is refused is not kept.
            return viewer.write(now);
        }
        self.viewers.push(viewer);
    }
    /// Tells viewers that the sensor stops.
    fn farewell(&mut self) {
        let now = wall();
        while let Ok(turn) = self.seat.from.try_recv() {
            self.stream.take(turn);
        }
        for v in &mut self.viewers {
            v.feed(&mut self.stream, now + STANDING);
            v.write(now);
            let text = pick(v.lang, "the sensor stops", "センサーを停止します");
            v.cut(Code::Stopping, text, now);
            v.write(now);
            let _ = v.stream.flush();
        }
    }
}

fn act_logged(log: &Log, v: &Viewer, ask: &Ask) {
    let what = serde_json::to_string(ask).unwrap_or_default();
    log.line(
        Priority::Notice,
        "act",
        ("somebody acts through the control socket", "制御ソケット経由の操作を受け付けました"),
        &[("user", &v.who.name), ("uid", &v.who.uid), ("pid", &v.who.pid), ("act", &what)],
    );
}
