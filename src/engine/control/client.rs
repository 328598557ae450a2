//! The viewer's side: connects, keeps the view up to date, asks, and comes back by itself when the sensor was away.

use super::frame::{Frames, SAID_CAP, pack, unpack};
use super::peer::Who;
use super::protocol::{Ask, Code, Error, Request, Said, Standing, VERSION, Welcome};
use crate::base::Lang;
use crate::engine::batch::wall;
use crate::engine::journal::{Delta, View};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The sensor must take a request within this time.
const WRITE: Duration = Duration::from_secs(2);
/// How long connecting may take, until the sensor has said who it is.
const HELLO: Duration = Duration::from_secs(5);
/// First and longest wait before trying to come back.
const AGAIN: Duration = Duration::from_millis(250);
const AGAIN_MOST: Duration = Duration::from_secs(8);
/// Messages kept while an answer is waited for; the view itself is always up to date.
const KEPT: usize = 1024;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("no sensor answers on {}: is `spanward run` running? ({reason})", path.display())]
    Nobody {
        /// Socket.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// No right to connect.
    #[error("you may not connect to {}: you need to be a member of its group (usually `spanward`)", .0.display())]
    Denied(PathBuf),
    /// The sensor speaks another version.
    #[error("the sensor speaks version {sensor} of the protocol, this program version {VERSION}: use programs of one release")]
    Version {
        /// The sensor's.
        sensor: u32,
    },
    /// The sensor has refused.
    #[error("{}", .0.text)]
    Refused(Error),
    /// The other side speaks something else.
    #[error("what answers on {} is no sensor: {reason}", path.display())]
    Nonsense {
        /// Socket.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The connection is lost.
    #[error("the connection to the sensor is lost: {0}")]
    Lost(String),
    /// No answer in time.
    #[error("the sensor did not answer in time")]
    Late,
}

/// What happened since it was last asked.
#[derive(Clone, PartialEq, Debug)]
pub enum News {
    /// A whole view: see [`Client::view`].
    View,
    /// What became different; [`Client::view`] has it already.
    Delta(Box<Delta>),
    /// How the sensor stands: see [`Client::standing`].
    Standing,
    /// An answer.
    Answer {
        /// Of the request.
        id: u64,
        /// What was asked for, or why it was refused.
        value: Result<Value, Error>,
    },
    /// The connection was lost; it is tried again.
    Lost(String),
    /// The sensor is there again.
    Back,
}

/// A connection to a sensor.
pub struct Client {
    path: PathBuf,
    lang: Lang,
    link: Option<Link>,
    welcome: Welcome,
    who: Who,
    may_act: bool,
    view: View,
    /// Number of the view; 0 = none yet.
    at: u64,
    standing: Standing,
    hz: Option<u8>,
    next_id: u64,
    news: VecDeque<News>,
    again: (Duration, Instant),
}

/// A living connection.
struct Link {
    stream: UnixStream,
    frames: Frames,
}

impl Link {
    fn open(path: &Path) -> Result<Link, ClientError> {
        let wrong = |e: io::Error| match e.kind() {
            ErrorKind::PermissionDenied => ClientError::Denied(path.to_owned()),
            _ => ClientError::Nobody { path: path.to_owned(), reason: e },
        };
        let stream = UnixStream::connect(path).map_err(wrong)?;
        stream.set_nonblocking(true).map_err(wrong)?;
        Ok(Link { stream, frames: Frames::new(SAID_CAP) })
    }
    /// Waits until the socket can be read (or written), at most until then.
    fn wait(&self, flags: PollFlags, until: Instant) -> io::Result<bool> {
        let left = until.saturating_duration_since(wall());
        let timeout = Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(&self.stream, flags)], Some(&timeout)) {
            Ok(n) => Ok(n > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }
    fn send(&mut self, request: &Request) -> io::Result<()> {
        let frame = pack(request, false)?;
        let mut rest = frame.as_slice();
        let until = wall() + WRITE;
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(n) => rest = rest.get(n..).unwrap_or(&[]),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock && wall() < until => drop(self.wait(PollFlags::OUT, until)?),
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
    /// The next message, if one comes in time.
    fn next(&mut self, until: Instant) -> Result<Option<Said>, String> {
        let mut buf = [0; 64 << 10];
        loop {
            match self.frames.next_frame() {
                Ok(Some(frame)) => return unpack(frame).map(Some),
                Ok(None) => {}
                Err(len) => return Err(format!("a message of {len} bytes")),
            }
            match self.stream.read(&mut buf) {
                Ok(0) => return Err("the other side closed it".to_owned()),
                Ok(n) => self.frames.push(buf.get(..n).unwrap_or(&[])),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    if wall() >= until || !self.wait(PollFlags::IN, until).map_err(|e| e.to_string())? && wall() >= until {
                        return Ok(None);
                    }
                }
                Err(e) => return Err(e.to_string()),
            }
        }
    }
}

impl Client {
    /// Connects, and fails at once if that is not possible. Later losses are made good by [`Client::next`].
    pub fn connect(path: &Path, lang: Lang) -> Result<Client, ClientError> {
        let now = wall();
        let mut client = Client {
            path: path.to_owned(),
            lang,
            link: None,
            welcome: Welcome { version: VERSION, server: String::new(), can: Vec::new(), lang, site: String::new() },
            who: Who::default(),
            may_act: false,
            view: View::default(),
            at: 0,
            standing: Standing::default(),
            hz: None,
            next_id: 1,
            news: VecDeque::new(),
            again: (AGAIN, now),
        };
        client.link()?;
        Ok(client)
    }
    /// What the sensor said of itself.
    pub const fn welcome(&self) -> &Welcome {
        &self.welcome
    }
    /// Who the sensor takes us for.
    pub const fn who(&self) -> &Who {
        &self.who
    }
    /// We may act.
    pub const fn may_act(&self) -> bool {
        self.may_act
    }
    /// The newest view; empty before the first came.
    pub const fn view(&self) -> &View {
        &self.view
    }
    /// How the sensor stands.
    pub const fn standing(&self) -> &Standing {
        &self.standing
    }
    /// Is the connection alive?
    pub const fn connected(&self) -> bool {
        self.link.is_some()
    }
    /// Subscribes to the view, at so many differences per second (1 to 4).
    pub fn subscribe(&mut self, hz: u8) -> Result<(), ClientError> {
        self.hz = Some(hz);
        self.ask(Ask::Subscribe { hz }).map(drop)
    }
    /// Asks something; the answer comes as [`News::Answer`] with the number that is returned.
    pub fn ask(&mut self, ask: Ask) -> Result<u64, ClientError> {
        let id = self.next_id;
        self.next_id += 1;
        let Some(link) = &mut self.link else { return Err(ClientError::Lost("not connected".to_owned())) };
        match link.send(&Request { id, ask }) {
            Ok(()) => Ok(id),
            Err(e) => {
                // What the sensor said before it closed is worth more than the fact that it did.
                let said = self.last_words();
                self.lose(&said.clone().unwrap_or_else(|| e.to_string()));
                Err(ClientError::Lost(said.unwrap_or_else(|| e.to_string())))
            }
        }
    }
    /// Asks and waits for the answer. Views that come meanwhile are taken in.
    pub fn request(&mut self, ask: Ask, timeout: Duration) -> Result<Value, ClientError> {
        let wanted = self.ask(ask)?;
        let until = wall() + timeout;
        while let Some(link) = &mut self.link {
            let said = match link.next(until) {
                Ok(Some(said)) => said,
                Ok(None) => return Err(ClientError::Late),
                Err(reason) => {
                    self.lose(&reason);
                    return Err(ClientError::Lost(reason));
                }
            };
            match self.take(said) {
                Some(News::Answer { id, value }) if id == wanted => return value.map_err(ClientError::Refused),
                Some(news) if self.news.len() < KEPT => self.news.push_back(news),
                _ => {}
            }
        }
        Err(ClientError::Lost("the connection ended".to_owned()))
    }
    /// The next thing that happens, if it does in time. A lost connection is tried again, less and less often.
    pub fn next(&mut self, timeout: Duration) -> Option<News> {
        if let Some(news) = self.news.pop_front() {
            return Some(news);
        }
        let until = wall() + timeout;
        loop {
            let Some(link) = &mut self.link else { return self.come_back(until) };
            match link.next(until) {
                Ok(None) => return None,
                Ok(Some(said)) => {
                    if let Some(news) = self.take(said) {
                        return Some(news);
                    }
                }
                Err(reason) => self.lose(&reason),
            }
            if let Some(news) = self.news.pop_front() {
                return Some(news);
            }
        }
    }
    /// Takes a message in.
    fn take(&mut self, said: Said) -> Option<News> {
        match said {
            Said::View { n, view } => {
                (self.view, self.at) = (*view, n);
                Some(News::View)
            }
            Said::Delta { n, delta } if n == self.at + 1 => {
                self.view.apply((*delta).clone());
                self.at = n;
                Some(News::Delta(delta))
            }
            Said::Delta { .. } => {
                // A difference to something else than we have: a whole view sets that right.
                let hz = self.hz.unwrap_or(0);
                let _ = self.ask(Ask::Subscribe { hz });
                None
            }
            Said::Standing(standing) => {
                self.standing = standing;
                Some(News::Standing)
            }
            Said::Answer { id, value } => Some(News::Answer { id, value: Ok(value) }),
            Said::Error(e) if e.id == 0 => {
                self.lose(&e.text);
                None
            }
            Said::Error(e) => Some(News::Answer { id: e.id, value: Err(e) }),
            Said::Hello(_) | Said::Known { .. } => None,
        }
    }
    /// Why the sensor closed the connection, if it said so.
    fn last_words(&mut self) -> Option<String> {
        let link = self.link.as_mut()?;
        while let Ok(Some(said)) = link.next(wall()) {
            if let Said::Error(e) = said
                && e.id == 0
            {
                return Some(e.text);
            }
        }
        None
    }
    fn lose(&mut self, reason: &str) {
        if self.link.take().is_some() {
            self.again = (AGAIN, wall() + AGAIN);
            self.at = 0;
            self.news.push_back(News::Lost(reason.to_owned()));
        }
    }
    fn come_back(&mut self, until: Instant) -> Option<News> {
        let (wait, at) = self.again;
        std::thread::sleep(at.min(until).saturating_duration_since(wall()));
        if wall() < at {
            return None;
        }
        let back = self.link().and_then(|()| match self.hz {
            Some(hz) => self.subscribe(hz),
            None => Ok(()),
        });
        if back.is_ok() {
            return Some(News::Back);
        }
        self.link = None;
        let longer = (wait * 2).min(AGAIN_MOST);
        self.again = (longer, wall() + longer);
        None
    }
    /// Connects and learns who is who.
    fn link(&mut self) -> Result<(), ClientError> {
        let mut link = Link::open(&self.path)?;
        let nonsense = |reason: String| ClientError::Nonsense { path: self.path.clone(), reason };
        let until = wall() + HELLO;
        let welcome = match link.next(until).map_err(nonsense)? {
            Some(Said::Hello(w)) => w,
            Some(Said::Error(e)) => return Err(ClientError::Refused(e)),
            Some(_) => return Err(nonsense("it did not say hello".to_owned())),
            None => return Err(ClientError::Late),
        };
        if welcome.version != VERSION {
            return Err(ClientError::Version { sensor: welcome.version });
        }
        let client = concat!("spanward ", env!("CARGO_PKG_VERSION")).to_owned();
        let hello = Ask::Hello { version: VERSION, lang: self.lang, zstd: true, client };
        let sent = link.send(&Request { id: 0, ask: hello });
        match link.next(until) {
            Ok(Some(Said::Known { who, may_act })) => (self.who, self.may_act) = (who, may_act),
            Ok(Some(Said::Error(e))) => {
                return Err(if e.code == Code::Version { ClientError::Version { sensor: welcome.version } } else { ClientError::Refused(e) });
            }
            Ok(Some(_)) => return Err(nonsense("it did not say who we are".to_owned())),
            Ok(None) => return Err(ClientError::Late),
            Err(reason) => return Err(ClientError::Lost(sent.err().map_or(reason, |e| e.to_string()))),
        }
        self.welcome = welcome;
        self.link = Some(link);
        Ok(())
    }
}
