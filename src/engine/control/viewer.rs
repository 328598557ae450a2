//! One viewer: what came from it, what waits for it, and when it is cut.

use super::desk::Reply;
use super::frame::{Frames, REQUEST_CAP, unpack};
use super::peer::Who;
use super::protocol::{Ask, Code, Error, Request, Said, VERSION};
use super::server::Limits;
use super::stream::{Both, Stream};
use crate::base::Lang;
use crate::output::pick;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes read or written in one round, so that one viewer does not keep the others waiting.
const ROUND: usize = 256 << 10;
/// Frames that wait for a viewer before differences are left to later.
const QUEUED: usize = 4;
/// Requests of one viewer that are at the desk.
const OPEN: u32 = 8;
/// Requests at once, and per second in the long run.
const BURST: f64 = 40.0;
const PER_SECOND: f64 = 20.0;
/// How long the last words of a viewer that is cut may take.
const LEAVE: Duration = Duration::from_secs(1);

/// What a viewer wants of the server.
pub(super) enum Want {
    /// Take this to the desk.
    Desk { id: u64, ask: Ask },
    /// Say this.
    Say(Said),
}

/// A frame that waits for a viewer.
struct Waiting {
    frame: Arc<[u8]>,
    /// Made for this viewer alone.
    own: bool,
}

/// A connection.
pub(super) struct Viewer {
    pub(super) id: u64,
    pub(super) who: Who,
    pub(super) may_act: bool,
    pub(super) lang: Lang,
    pub(super) stream: UnixStream,
    zstd: bool,
    known: bool,
    frames: Frames,
    out: VecDeque<Waiting>,
    /// Bytes of the first frame that are written.
    sent: usize,
    /// Time between differences; none = not subscribed.
    pace: Option<Duration>,
    due: Instant,
    /// Number of the view it has.
    at: u64,
    open: u32,
    budget: f64,
    counted: Instant,
    /// Something waits since then, and nothing could be written.
    stuck: Option<Instant>,
    heard: Instant,
    /// It is cut: what is left to be said is said until then.
    pub(super) leaving: Option<Instant>,
    pub(super) gone: bool,
    /// Why it was cut.
    pub(super) cut: Option<Code>,
}

impl Viewer {
    pub(super) fn new(id: u64, stream: UnixStream, who: Who, may_act: bool, lang: Lang, now: Instant) -> Viewer {
        Viewer {
            id,
            who,
            may_act,
            lang,
            stream,
            zstd: false,
            known: false,
            frames: Frames::new(REQUEST_CAP),
            out: VecDeque::new(),
            sent: 0,
            pace: None,
            due: now,
            at: 0,
            open: 0,
            budget: BURST,
            counted: now,
            stuck: None,
            heard: now,
            leaving: None,
            gone: false,
            cut: None,
        }
    }
    /// Is anything waiting to be written?
    pub(super) fn waits(&self) -> bool {
        !self.out.is_empty()
    }
    pub(super) const fn subscribed(&self) -> bool {
        self.pace.is_some() && self.leaving.is_none()
    }
    /// Bytes that wait and were made for this viewer alone.
    pub(super) fn own_bytes(&self) -> usize {
        self.out.iter().filter(|w| w.own).map(|w| w.frame.len()).sum()
    }
    fn push(&mut self, frame: Arc<[u8]>, own: bool) {
        self.out.push_back(Waiting { frame, own });
    }
    /// Says something.
    pub(super) fn say(&mut self, said: &Said) {
        if let Some(both) = Both::of(said) {
            self.push(both.pick(self.zstd), true);
        }
    }
    /// Says something that all viewers are told, unless much is waiting already: the next one will be newer.
    pub(super) fn offer(&mut self, both: &Both) {
        if self.subscribed() && self.out.len() < QUEUED {
            self.push(both.pick(self.zstd), false);
        }
    }
    /// Ends the connection after saying why.
    pub(super) fn cut(&mut self, code: Code, text: &str, now: Instant) {
        if self.leaving.is_some() {
            return;
        }
        // What waits is of no use any more, but a frame that is begun must end.
        self.out.truncate(usize::from(self.sent > 0));
        self.say(&Said::Error(Error { id: 0, code, text: text.to_owned() }));
        self.leaving = Some(now + LEAVE);
        self.cut = Some(code);
    }
    fn refuse(&mut self, id: u64, code: Code, text: &str) {
        self.say(&Said::Error(Error { id, code, text: text.to_owned() }));
    }
    /// Reads what came; what it asks for is handed to `want`.
    pub(super) fn read(&mut self, now: Instant, want: &mut Vec<Want>) {
        let mut buf = [0; 16 << 10];
        let mut left = ROUND;
        while left > 0 && self.leaving.is_none() {
            match self.stream.read(&mut buf) {
                Ok(0) => {
                    self.gone = true;
                    return;
                }
                Ok(n) => {
                    left = left.saturating_sub(n);
                    self.frames.push(buf.get(..n).unwrap_or(&[]));
                    self.take(now, want);
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.gone = true;
                    return;
                }
            }
        }
    }
    /// Takes the whole frames that came.
    fn take(&mut self, now: Instant, want: &mut Vec<Want>) {
        while self.leaving.is_none() {
            let request = match self.frames.next_frame() {
                Ok(None) => return,
                // A packed request could unpack to anything: none is that long.
                Ok(Some(frame)) if frame.first() == Some(&b'{') => unpack::<Request>(frame).ok(),
                Ok(Some(_)) | Err(_) => None,
            };
            if !self.pays(now) {
                let text = pick(self.lang, "too many requests: the connection is closed", "要求が多すぎるため、接続を終了します");
                return self.cut(Code::Flood, text, now);
            }
            match request {
                Some(r) => self.request(r, now, want),
                None => {
                    let text = pick(self.lang, "this is no message that the sensor knows", "センサーが解釈できないメッセージです");
                    self.cut(Code::Malformed, text, now);
                }
            }
        }
    }
    fn pays(&mut self, now: Instant) -> bool {
        let earned = now.saturating_duration_since(self.counted).as_secs_f64() * PER_SECOND;
        self.budget = (self.budget + earned).min(BURST);
        (self.counted, self.heard) = (now, now);
        self.budget -= 1.0;
        self.budget >= 0.0
    }
    fn request(&mut self, r: Request, now: Instant, want: &mut Vec<Want>) {
        match r.ask {
            Ask::Hello { version, lang, zstd, .. } => self.hello(version, lang, zstd, now),
            _ if !self.known => {
                let text = pick(self.lang, "the first message must be `hello`", "最初のメッセージは hello でなければなりません");
                self.cut(Code::Malformed, text, now);
            }
            Ask::Subscribe { hz } => {
                let hz = if hz == 0 { 4 } else { hz.min(4) };
                self.pace = Some(Duration::from_millis(1000 / u64::from(hz)));
                (self.at, self.due) = (0, now);
                want.push(Want::Say(Said::Answer { id: r.id, value: serde_json::json!({ "hz": hz }) }));
            }
            Ask::Unsubscribe => {
                self.pace = None;
                want.push(Want::Say(Said::Answer { id: r.id, value: true.into() }));
            }
            Ask::Ping => want.push(Want::Say(Said::Answer { id: r.id, value: true.into() })),
            ask if ask.acts() && !self.may_act => {
                let text = pick(
                    self.lang,
                    "you may read here but not act: ask the administrator for membership of the acting group",
                    "閲覧のみ許可されています。操作するには、管理者に操作用グループへの追加を依頼してください",
                );
                self.refuse(r.id, Code::Forbidden, text);
            }
            _ if self.open >= OPEN => self.busy(r.id),
            ask => want.push(Want::Desk { id: r.id, ask }),
        }
    }
    /// A request is at the desk now.
    pub(super) const fn at_desk(&mut self) {
        self.open += 1;
    }
    /// The desk has no room.
    pub(super) fn busy(&mut self, id: u64) {
        let text = pick(self.lang, "the sensor is busy: ask again in a moment", "センサーが混み合っています。少し待ってから再度お試しください");
        self.refuse(id, Code::Busy, text);
    }
    fn hello(&mut self, version: u32, lang: Lang, zstd: bool, now: Instant) {
        self.lang = lang;
        if version != VERSION {
            let text = match lang {
                Lang::En => {
                    format!("the sensor speaks version {VERSION} of this protocol, the viewer version {version}: use programs of one release")
                }
                Lang::Ja => {
                    format!("通信の版が異なります(センサー: {VERSION}、閲覧側: {version})。同じリリースのプログラムを使用してください")
                }
            };
            return self.cut(Code::Version, &text, now);
        }
        (self.zstd, self.known) = (zstd, true);
        let said = Said::Known { who: self.who.clone(), may_act: self.may_act };
        self.say(&said);
    }
    /// The desk has answered.
    pub(super) fn answered(&mut self, reply: Reply) {
        self.open = self.open.saturating_sub(1);
        match reply.done {
            Ok(value) => {
                let said = Said::Answer { id: reply.id, value };
                match Both::of(&said) {
                    Some(both) => self.push(both.pick(self.zstd), true),
                    None => {
                        let text = pick(self.lang, "the answer is too large: ask for less of it", "回答が大きすぎます。範囲を絞ってください");
                        self.refuse(reply.id, Code::Invalid, text);
                    }
                }
            }
            Err((code, text)) => self.refuse(reply.id, code, &text),
        }
    }
    /// Queues what the stream has for it.
    pub(super) fn feed(&mut self, stream: &mut Stream, now: Instant) {
        let Some(pace) = self.pace.filter(|_| self.leaving.is_none()) else { return };
        if now < self.due || self.at >= stream.newest() {
            return;
        }
        while self.out.len() < QUEUED {
            let Some((n, frame)) = stream.after(self.at, self.zstd) else { break };
            self.push(frame, false);
            self.at = n;
        }
        // A moment early is on time: the next one that comes must not be missed for its sake.
        self.due = now + pace.mul_f64(0.9);
    }
    /// Writes what waits, as far as it is taken.
    pub(super) fn write(&mut self, now: Instant) {
        let mut left = ROUND;
        while let Some(Waiting { frame, .. }) = self.out.front() {
            let rest = frame.get(self.sent..).unwrap_or(&[]);
            if left == 0 {
                return;
            }
            let part = rest.get(..rest.len().min(left)).unwrap_or(rest);
            match self.stream.write(part) {
                Ok(n) => {
                    self.stuck = None;
                    self.sent += n;
                    left -= n.min(left);
                    if self.sent >= frame.len() {
                        self.out.pop_front();
                        self.sent = 0;
                    }
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    self.stuck.get_or_insert(now);
                    return;
                }
                Err(_) => {
                    self.gone = true;
                    return;
                }
            }
        }
    }
    /// Judges whether it has taken too long.
    pub(super) fn judge(&mut self, limits: &Limits, now: Instant) {
        let passed = |since: Instant, limit: Duration| now.saturating_duration_since(since) >= limit;
        if let Some(end) = self.leaving {
            self.gone |= now >= end || self.out.is_empty();
        } else if self.stuck.is_some_and(|s| passed(s, limits.deaf)) {
            // Nothing can be said to somebody who does not read.
            (self.gone, self.cut) = (true, Some(Code::Deaf));
        } else if !self.known && passed(self.heard, limits.hello) {
            let text = pick(self.lang, "no `hello` came in time", "時間内に hello が届きませんでした");
            self.cut(Code::Malformed, text, now);
        } else if self.frames.waiting() > 0 && passed(self.heard, limits.deaf) && self.known && !self.subscribed() {
            let text = pick(self.lang, "a message was begun and not ended", "メッセージが途中で途切れました");
            self.cut(Code::Malformed, text, now);
        }
    }
}
