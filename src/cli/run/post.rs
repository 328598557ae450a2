//! Orders that come over the control socket: to the analyst, and the answer back.

use super::signals::Reloading;
use crate::base::Lang;
use crate::engine::control::{Code, Desk, Done, Who};
use crate::engine::orders::{self, Answer, Busy, By, Order};
use crate::output::pick;
use serde_json::{Value, json};
use std::time::Duration;

/// The analyst carries orders out at ticks, which come ten times per second, and the disk may take a moment.
const PATIENCE: Duration = Duration::from_secs(3);

/// Gives orders and waits for what becomes of them.
pub(super) struct Post {
    pub(super) orders: orders::Desk,
    pub(super) reloading: Reloading,
}

impl Desk for Post {
    fn order(&mut self, who: &Who, order: Order, lang: Lang) -> Done<Value> {
        let by = By { name: who.name.clone(), uid: Some(who.uid) };
        let busy = |_: Busy| {
            (
                Code::Busy,
                pick(lang, "the sensor is busy: try again in a moment", "センサーが混み合っています。少し待ってから再度お試しください").to_owned(),
            )
        };
        let late = || {
            (Code::Busy, pick(lang, "no answer yet: look whether it was done", "応答がまだありません。反映されたか画面で確認してください").to_owned())
        };
        match self.orders.ask(by, order).map_err(busy)?.recv_timeout(PATIENCE).map_err(|_| late())? {
            Answer::Refused(why) => Err((Code::Invalid, why.words(lang).to_owned())),
            Answer::Carried(saved) => {
                let saved = saved.recv_timeout(PATIENCE).is_ok_and(|c| c.saved);
                Ok(json!({ "saved": saved }))
            }
        }
    }
    fn reload(&mut self, _: &Who, lang: Lang) -> Done<Value> {
        match self.reloading.reload() {
            Ok(()) => Ok(Value::Bool(true)),
            Err(why) => Err((Code::Invalid, format!("{why}\n{}", pick(lang, "nothing is changed", "設定は変更していません")))),
        }
    }
}
