//! Who answers what takes time: a thread of its own, so that a slow disk under one viewer's page makes no other viewer wait.

use super::hub::Bell;
use super::peer::Who;
use super::protocol::{Ask, Code};
use crate::base::Lang;
use crate::engine::metrics::Board;
use crate::engine::orders::Order;
use crate::output::pick;
use crossbeam::channel::{Receiver, Sender, bounded};
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Requests that wait for the desk, over all viewers.
const WAITING: usize = 64;

/// The result of a request: an answer, or why not, for a person.
pub type Done<T> = Result<T, (Code, String)>;

/// What the sensor answers and does for viewers.
pub trait Desk: Send {
    /// Carries an order out and says what became of it. Who asks has the right to act.
    fn order(&mut self, who: &Who, order: Order, lang: Lang) -> Done<Value>;
    /// Reads site file, ledger and signatures again.
    fn reload(&mut self, who: &Who, lang: Lang) -> Done<Value>;
}

/// A request on its way to the desk.
pub(super) struct Job {
    pub(super) viewer: u64,
    pub(super) id: u64,
    pub(super) who: Who,
    pub(super) lang: Lang,
    pub(super) ask: Ask,
}

/// An answer on its way back.
pub(super) struct Reply {
    pub(super) viewer: u64,
    pub(super) id: u64,
    pub(super) done: Done<Value>,
}

/// The server's way to the desk.
pub(super) struct Tray {
    pub(super) jobs: Sender<Job>,
    pub(super) replies: Receiver<Reply>,
}

/// The desk's thread: begins at once, ends when the tray is gone.
pub(super) fn open(mut desk: Box<dyn Desk>, board: Arc<Board>, bell: Bell) -> std::io::Result<(Tray, std::thread::JoinHandle<()>)> {
    let (jobs, todo) = bounded::<Job>(WAITING);
    let (done, replies) = bounded::<Reply>(WAITING);
    let thread = std::thread::Builder::new().name("desk".into()).spawn(move || {
        for job in todo {
            let (viewer, id) = (job.viewer, job.id);
            let answer = catch_unwind(AssertUnwindSafe(|| answer(desk.as_mut(), &board, job)));
            let answer = answer.unwrap_or_else(|_| Err((Code::Failed, "this request could not be answered; the sensor goes on".to_owned())));
            if done.send(Reply { viewer, id, done: answer }).is_err() {
                return;
            }
            bell.ring();
        }
    })?;
    Ok((Tray { jobs, replies }, thread))
}

fn answer(desk: &mut dyn Desk, board: &Arc<Board>, job: Job) -> Done<Value> {
    let lang = job.lang;
    match job.ask {
        Ask::Act { order } => desk.order(&job.who, order, lang),
        Ask::Reload => desk.reload(&job.who, lang),
        Ask::Metrics => Ok(json!({ "text": board.text() })),
        Ask::Hello { .. } | Ask::Subscribe { .. } | Ask::Unsubscribe | Ask::Ping => {
            Err((Code::Invalid, pick(lang, "this is no question", "回答できる要求ではありません").to_owned()))
        }
    }
}
