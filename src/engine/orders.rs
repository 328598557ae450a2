//! What people order of a running sensor: decisions, notes, mutes, learning. Orders wait in a short queue and are carried out at a tick of packet time,
//! by the analyst, each with its line in the audit trail. Where they come from (a socket, a screen) is no matter here.

use crate::assets::{Assets, Decision, DeviceId, Status};
use crate::base::{Lang, Span, Timestamp};
use crate::detect::DETECTORS;
use crate::incident::{Book, Fits, Mute};
use crate::output::pick;
use crate::store::{Audit, Change, Deed, Forgotten, Loaded, Muted, Note, Reply, Verdict};
use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use serde::{Deserialize, Serialize};

/// Orders that wait. Whoever gives more is told to wait.
const QUEUE: usize = 256;
/// Orders carried out in one tick: they are given by people.
const A_TICK: usize = 64;
/// Longest reason or note, in characters.
const TEXT: usize = 1_000;
/// Longest name of a person.
const NAME: usize = 64;
/// Longest time of a mute. What is to be silent for longer belongs into the policy or the ledger.
const LONGEST_MUTE: Span = Span::hours(24 * 92);

/// Who gives an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct By {
    /// What people call them.
    pub name: String,
    /// The user of the box, as the system says; none for the sensor itself.
    pub uid: Option<u32>,
}

/// An order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Order {
    /// A device is authorised, refused or looked into; without a state the decision is taken back.
    Decide {
        /// Which.
        device: DeviceId,
        /// What.
        state: Option<Status>,
        /// Until when.
        #[serde(default)]
        until: Option<Timestamp>,
        /// Why.
        #[serde(default)]
        why: String,
    },
    /// A finding or incident was taken note of.
    Acknowledge {
        /// Its id.
        target: String,
    },
    /// A note about a finding, an incident or a device.
    Note {
        /// Its id.
        target: String,
        /// What.
        text: String,
    },
    /// Findings that are not to be shown for a time.
    Mute {
        /// Which.
        fits: Fits,
        /// Until when.
        until: Timestamp,
        /// Why.
        why: String,
    },
    /// They are shown again.
    Unmute {
        /// The mute's number.
        number: u64,
    },
    /// An incident is over.
    Close {
        /// Its id.
        incident: String,
        /// Why.
        why: String,
    },
    /// It is not.
    Reopen {
        /// Its id.
        incident: String,
    },
    /// Nothing is learned for now.
    PauseLearning {
        /// Why.
        why: String,
    },
    /// Learning goes on.
    ResumeLearning,
    /// What was learned in a time is thrown away.
    Forget {
        /// From.
        from: Timestamp,
        /// To.
        to: Timestamp,
        /// Why.
        why: String,
    },
}

/// Why an order was not carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal(&'static str, &'static str);

impl Refusal {
    /// For people.
    pub fn words(&self, lang: Lang) -> &'static str {
        pick(lang, self.0, self.1)
    }
}

const WHY: Refusal = Refusal("a reason is needed, of at most 1,000 characters", "理由を入力してください（1,000 文字まで）");
const STATE: Refusal =
    Refusal("a device can be authorised, refused or investigating", "機器の状態は「許可」「拒否」「調査中」のいずれかにしてください");
const PAST: Refusal = Refusal("that time is over already", "期限がすでに過ぎています");
const LONG: Refusal = Refusal("at most 92 days", "期限は 92 日以内にしてください");
const NOTHING: Refusal = Refusal(
    "a mute has to name a detector, an originator, a responder or a service",
    "抑止の条件（検知名・発信元・宛先・サービス）を 1 つ以上指定してください",
);
const DETECTOR: Refusal = Refusal("there is no such detector", "その検知名はありません");
const TARGET: Refusal = Refusal("there is no finding, incident or device of this id", "その番号の検知・インシデント・機器はありません");
const MANY: Refusal = Refusal("there are too many mutes: end some first", "抑止の数が上限に達しています。先に不要なものを解除してください");
const SPAN: Refusal = Refusal("the time ends before it begins", "終了が開始より前になっています");
const MUTE: Refusal = Refusal("there is no mute of this number", "その番号の抑止はありません");

/// The answer to an order: it was carried out, or why not.
#[derive(Debug)]
pub enum Answer {
    /// It was; whether it is on the disk comes over this.
    Carried(Receiver<crate::store::Carried>),
    /// It was not.
    Refused(Refusal),
}

struct Asked {
    by: By,
    order: Order,
    answer: Sender<Answer>,
}

/// Where orders are given. Clones serve many.
#[derive(Clone, Debug)]
pub struct Desk {
    to: Sender<Asked>,
}

/// Where the analyst takes them.
#[derive(Debug)]
pub struct Orders {
    from: Receiver<Asked>,
}

/// The queue is full, or the sensor has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Busy {
    /// Too many orders wait.
    Full,
    /// Nobody takes orders any more.
    Over,
}

/// A desk and the place where its orders come out.
pub fn desk() -> (Desk, Orders) {
    let (to, from) = bounded(QUEUE);
    (Desk { to }, Orders { from })
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").field("by", &self.by).field("order", &self.order).finish()
    }
}

impl Desk {
    /// Gives an order. The answer comes at the next tick; never waits.
    pub fn ask(&self, by: By, order: Order) -> Result<Receiver<Answer>, Busy> {
        let (answer, answered) = bounded(1);
        match self.to.try_send(Asked { by, order, answer }) {
            Ok(()) => Ok(answered),
            Err(TrySendError::Full(_)) => Err(Busy::Full),
            Err(TrySendError::Disconnected(_)) => Err(Busy::Over),
        }
    }
}

/// The analyst's part: carries orders out, ends what ends by itself, and stops learning while a serious incident goes on.
#[derive(Debug, Default)]
pub(super) struct Duty {
    orders: Option<Orders>,
    paused: bool,
    last_mute: u64,
}

/// Text of a person as it is kept: without control characters, of a sane length; `None` if there is nothing left or too much.
fn text(s: &str) -> Option<String> {
    let s: String = s.trim().chars().filter(|c| !c.is_control() || *c == '\n').collect();
    (!s.is_empty() && s.chars().count() <= TEXT).then_some(s)
}

impl Duty {
    pub(super) fn listen(&mut self, orders: Option<Orders>) {
        self.orders = orders;
    }
    /// Does an order wait?
    pub(super) fn is_asked(&self) -> bool {
        self.orders.as_ref().is_some_and(|o| !o.from.is_empty())
    }
    /// Decisions and pauses of before a restart. Before the devices come back, so that they come back with them.
    pub(super) fn recall(&mut self, before: &Loaded, assets: &mut Assets) {
        (self.paused, self.last_mute) = (before.paused, before.last_mute);
        for v in &before.verdicts {
            assets.decide(v.device, v.state.map(|state| Decision { state, until: v.until }));
        }
    }
    pub(super) fn mute(&mut self, mutes: Vec<Muted>, book: &mut Book) {
        for m in mutes {
            book.mutes.add(Mute { number: m.number, fits: m.fits, until: m.until });
        }
    }
    /// What was done at this tick, each with where its answer goes.
    pub(super) fn tick(&mut self, now: Timestamp, assets: &mut Assets, book: &mut Book) -> Vec<(Deed, Option<Reply>)> {
        let mut done: Vec<(Deed, Option<Reply>)> = Vec::new();
        let own = |action: &str, target: String, change| (Deed { audit: line(now, &itself(), action, target, String::new()), change }, None);
        done.extend(assets.expire(now).into_iter().map(|id| own("expired", id.to_string(), Change::Only)));
        done.extend(book.mutes.expire(now).into_iter().map(|n| own("mute-ended", n.to_string(), Change::Unmuted(n))));
        for _ in 0..A_TICK {
            let Some(asked) = self.orders.as_ref().and_then(|o| o.from.try_recv().ok()) else { break };
            match self.carry_out(&asked.by, asked.order, now, assets, book) {
                Ok(deed) => {
                    let (reply, carried) = bounded(1);
                    // Whoever asked may be gone; the order stands.
                    let _ = asked.answer.try_send(Answer::Carried(carried));
                    done.push((deed, Some(reply)));
                }
                Err(refusal) => drop(asked.answer.try_send(Answer::Refused(refusal))),
            }
        }
        assets.pause(self.paused || book.is_tense(now));
        done
    }
    fn carry_out(&mut self, by: &By, order: Order, now: Timestamp, assets: &mut Assets, book: &mut Book) -> Result<Deed, Refusal> {
        let who: String = by.name.chars().filter(|c| !c.is_control()).take(NAME).collect();
        let by = By { name: who.clone(), uid: by.uid };
        let deed = |action: &str, target: String, detail: &str, change| Deed { audit: line(now, &by, action, target, detail.to_owned()), change };
        Ok(match order {
            Order::Decide { device, state, until, why } => {
                let why = if state.is_some() { text(&why).ok_or(WHY)? } else { text(&why).unwrap_or_default() };
                let verdict = decide(device, state, until, now, assets)?;
                let action = state.map_or("undecided", Status::word);
                let verdict = Verdict { who: by.name.clone(), why: why.clone(), ..verdict };
                deed(action, device.to_string(), &why, Change::Decided(verdict))
            }
            Order::Acknowledge { target } => {
                let rev = revision(book, &target).ok_or(TARGET)?;
                deed("acknowledged", target.clone(), "", Change::Acknowledged { target, rev })
            }
            Order::Note { target, text: said } => {
                let said = text(&said).ok_or(WHY)?;
                let known = revision(book, &target).is_some() || target.parse::<DeviceId>().is_ok();
                if !known {
                    return Err(TARGET);
                }
                let note = Note { target: target.clone(), ts: now, who, text: said.clone() };
                deed("noted", target, &said, Change::Noted(note))
            }
            Order::Mute { fits, until, why } => {
                let why = text(&why).ok_or(WHY)?;
                self.mute_new(&fits, until, now, book)?;
                let muted = Muted { number: self.last_mute, fits, until, ts: now, who, why: why.clone() };
                deed("muted", self.last_mute.to_string(), &why, Change::Muted(muted))
            }
            Order::Unmute { number } => {
                if !book.mutes.end(number) {
                    return Err(MUTE);
                }
                deed("unmuted", number.to_string(), "", Change::Unmuted(number))
            }
            Order::Close { incident, why } => {
                let why = text(&why).ok_or(WHY)?;
                if !book.close(&incident, Some(now)) {
                    return Err(TARGET);
                }
                deed("closed", incident.clone(), &why, Change::Closed { incident, at: Some(now) })
            }
            Order::Reopen { incident } => {
                if !book.close(&incident, None) {
                    return Err(TARGET);
                }
                deed("reopened", incident.clone(), "", Change::Closed { incident, at: None })
            }
            Order::PauseLearning { why } => {
                let why = text(&why).ok_or(WHY)?;
                self.paused = true;
                deed("learning-paused", String::new(), &why, Change::Paused { why: why.clone() })
            }
            Order::ResumeLearning => {
                self.paused = false;
                deed("learning-resumed", String::new(), "", Change::Resumed)
            }
            Order::Forget { from, to, why } => {
                let why = text(&why).ok_or(WHY)?;
                if from > to {
                    return Err(SPAN);
                }
                let n = assets.forget(from, to);
                deed("forgot", format!("{from}/{to}"), &format!("{why} ({n})"), Change::Forgot(Forgotten { from, to }))
            }
        })
    }
    fn mute_new(&mut self, fits: &Fits, until: Timestamp, now: Timestamp, book: &mut Book) -> Result<(), Refusal> {
        let known = |d: &String| DETECTORS.iter().any(|(id, _)| id == d);
        match () {
            () if fits.is_empty() => return Err(NOTHING),
            () if !fits.detector.as_ref().is_none_or(known) => return Err(DETECTOR),
            () if until <= now => return Err(PAST),
            () if until > now + LONGEST_MUTE => return Err(LONG),
            () => {}
        }
        if !book.mutes.add(Mute { number: self.last_mute + 1, fits: fits.clone(), until }) {
            return Err(MANY);
        }
        self.last_mute += 1;
        Ok(())
    }
}

/// Who acts when a time is over.
fn itself() -> By {
    By { name: "spanward".to_owned(), uid: None }
}

fn line(ts: Timestamp, by: &By, action: &str, target: String, detail: String) -> Audit {
    Audit { ts, who: by.name.clone(), uid: by.uid, action: action.to_owned(), target, detail }
}

/// The revision of a finding or incident.
fn revision(book: &Book, id: &str) -> Option<u32> {
    let finding = || book.findings().iter().find(|k| k.id == id).map(|k| k.rev);
    finding().or_else(|| book.incidents().iter().find(|i| i.id == id).map(|i| i.rev))
}

fn decide(device: DeviceId, state: Option<Status>, until: Option<Timestamp>, now: Timestamp, assets: &mut Assets) -> Result<Verdict, Refusal> {
    if !state.is_none_or(|s| matches!(s, Status::Authorised | Status::Refused | Status::Investigating)) {
        return Err(STATE);
    }
    if until.is_some_and(|t| t <= now) {
        return Err(PAST);
    }
    assets.decide(device, state.map(|state| Decision { state, until }));
    Ok(Verdict { device, state, until, ts: now, who: String::new(), why: String::new() })
}

#[cfg(test)]
#[path = "orders_tests.rs"]
mod tests;
