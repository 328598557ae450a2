//! A running sensor as a source of views, and as the place where acts go: the two ends of its control socket.

use super::acts::{Act, Acts};
use super::feed::{Feed, News, Standing};
use crate::assets::Status;
use crate::base::{Lang, Timestamp};
use crate::engine::control::{self, Ask, Client, ClientError};
use crate::engine::journal::{DecisionRecord, Desk, MuteRecord};
use crate::engine::orders::Order;
use crate::incident::Fits;
use crate::output::pick;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Differences per second: people do not read faster.
const HZ: u8 = 4;
/// How long an act may take: the sensor carries it out at its next tick and waits for the disk.
const PATIENCE: Duration = Duration::from_secs(8);

/// The sensor's desk as it was seen last: an act that takes a mute back needs the sensor's number of it.
type Seen = Arc<Mutex<Desk>>;

/// Views of a running sensor.
pub struct SensorFeed {
    client: Client,
    seen: Seen,
}

/// Acts that go to a running sensor.
pub struct SensorActs {
    client: Client,
    seen: Seen,
    lang: Lang,
}

/// Attaches to the sensor's socket.
pub fn attach(path: &Path, lang: Lang) -> Result<(SensorFeed, SensorActs), ClientError> {
    let mut client = Client::connect(path, lang)?;
    client.subscribe(HZ)?;
    let seen = Seen::default();
    let acts = SensorActs { client: Client::connect(path, lang)?, seen: seen.clone(), lang };
    Ok((SensorFeed { client, seen }, acts))
}

impl SensorFeed {
    /// The site's language.
    pub const fn lang(&self) -> Lang {
        self.client.welcome().lang
    }
    fn desk(&self, desk: &Desk) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone_from(desk);
    }
}

impl Feed for SensorFeed {
    fn next(&mut self, wait: Duration) -> News {
        match self.client.next(wait) {
            Some(control::News::View) => {
                self.desk(&self.client.view().desk);
                News::View(Box::new(self.client.view().clone()))
            }
            Some(control::News::Delta(delta)) => {
                if let Some(desk) = &delta.desk {
                    self.desk(desk);
                }
                News::Delta(delta)
            }
            Some(control::News::Lost(why)) => News::Lost(why),
            Some(control::News::Back) => News::Back,
            Some(control::News::Standing) => {
                let s = self.client.standing();
                News::Standing(Standing { samples: s.samples.clone(), notes: s.notes.clone() })
            }
            Some(control::News::Answer { .. }) | None => News::Nothing,
        }
    }
}

impl Acts for SensorActs {
    fn act(&mut self, act: &Act) -> Result<(), String> {
        self.orders(act)?.into_iter().try_for_each(|order| self.give(order))
    }
}

impl SensorActs {
    fn give(&mut self, order: Order) -> Result<(), String> {
        // A connection that was lost meanwhile is made anew by looking for news.
        if !self.client.connected() {
            let _ = self.client.next(Duration::from_secs(1));
        }
        match self.client.request(Ask::Act { order }, PATIENCE) {
            Ok(_) => Ok(()),
            Err(ClientError::Refused(e)) => Err(e.text),
            Err(e) => Err(e.to_string()),
        }
    }
    fn orders(&self, act: &Act) -> Result<Vec<Order>, String> {
        Ok(match act {
            Act::Seen(ids, Some(note)) => {
                let each = |id: &String| {
                    let text = note.note.trim();
                    let note = (!text.is_empty()).then(|| Order::Note { target: id.clone(), text: text.to_owned() });
                    [Some(Order::Acknowledge { target: id.clone() }), note].into_iter().flatten()
                };
                ids.iter().flat_map(each).collect()
            }
            Act::Seen(_, None) => return Err(self.say("what was acknowledged stays so on a sensor", "センサー上の確認済みの記録は取り消せません")),
            Act::Mute(_, Some(m)) => vec![mute(m)?],
            Act::Mute(id, None) => vec![Order::Unmute { number: self.number(id)? }],
            Act::Decide(all) => all.iter().map(|(id, d)| decide(id, d.as_ref())).collect::<Result<_, _>>()?,
        })
    }
    /// The sensor's number of a mute. The screen asks by it as soon as the sensor has told it; nobody else's mute is ended in its place.
    fn number(&self, id: &str) -> Result<u64, String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let number = seen.mutes.get_key_value(id).and_then(|(k, _)| k.parse().ok());
        number.ok_or_else(|| self.say("the sensor has no such mute", "その抑止はセンサーにありません"))
    }
    fn say(&self, en: &str, ja: &str) -> String {
        pick(self.lang, en, ja).to_owned()
    }
}

fn mute(m: &MuteRecord) -> Result<Order, String> {
    let some = |s: &str| (!s.is_empty()).then(|| s.to_owned());
    let orig = some(&m.orig).map(|o| o.parse()).transpose()?;
    let fits = Fits { detector: some(&m.detector), orig, ..Fits::default() };
    Ok(Order::Mute { fits, until: m.until.parse()?, why: m.reason.clone() })
}

fn decide(id: &str, d: Option<&DecisionRecord>) -> Result<Order, String> {
    let device = id.parse()?;
    let d = d.cloned().unwrap_or_default();
    // `new` is what a device is that nothing was decided about.
    let state = match d.status.as_str() {
        "" | "new" => None,
        "authorised" => Some(Status::Authorised),
        "refused" => Some(Status::Refused),
        "investigating" => Some(Status::Investigating),
        other => return Err(format!("a device cannot be `{other}` by decision")),
    };
    let until = if d.until.is_empty() { None } else { Some(d.until.parse::<Timestamp>()?) };
    Ok(Order::Decide { device, state, until, why: d.reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: &str = "mac-00:00:0e:01:02:03";

    #[test]
    fn what_a_person_decides_becomes_the_sensors_order() {
        let d = DecisionRecord {
            status: "authorised".into(),
            reason: "new printer".into(),
            until: "2026-12-01T00:00:00Z".into(),
            ..DecisionRecord::default()
        };
        let order = decide(DEVICE, Some(&d)).unwrap();
        assert!(matches!(order, Order::Decide { state: Some(Status::Authorised), until: Some(_), .. }), "{order:?}");
        assert!(matches!(decide(DEVICE, None), Ok(Order::Decide { state: None, .. })));
        assert!(decide(DEVICE, Some(&DecisionRecord { status: "liked".into(), ..d })).is_err());
        let m = MuteRecord {
            detector: "scan".into(),
            orig: "10.1.2.3".into(),
            until: "2026-12-01T00:00:00Z".into(),
            reason: "scanner".into(),
            ..MuteRecord::default()
        };
        assert!(matches!(mute(&m), Ok(Order::Mute { fits: Fits { orig: Some(_), .. }, .. })));
        assert!(mute(&MuteRecord { orig: "nobody".into(), ..m.clone() }).is_err() && mute(&MuteRecord { until: "soon".into(), ..m }).is_err());
    }
}
