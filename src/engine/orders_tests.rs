//! Orders are carried out once, at a tick, by whoever may, and what makes no sense is refused with a reason.

use super::*;
use crate::base::Severity;
use crate::detect::testing::{a, arp, at, hospital, mac_of};
use crate::detect::{Finding, Subject};
use crate::event::Coverage;
use crate::site::Site;
use std::sync::Arc;

struct Room {
    site: Arc<Site>,
    assets: Assets,
    book: Book,
    duty: Duty,
    desk: Desk,
}

impl Room {
    fn new() -> Room {
        let (site, (desk, orders)) = (Arc::new(hospital()), super::desk());
        let mut duty = Duty::default();
        duty.listen(Some(orders));
        let mut assets = Assets::new(site.clone());
        assets.update(&arp(at(0.0), 1, "10.10.10.77", "10.10.10.1"));
        Room { site, assets, book: Book::default(), duty, desk }
    }
    fn find(&mut self, detector: &'static str, secs: f64, severity: Severity) {
        let f = Finding::new(detector, "x".into(), at(secs), severity, Subject::addr(a("10.10.10.77")));
        self.book.admit(f, &self.site, &self.assets, &Coverage::default());
        self.book.settle(&self.site, &self.assets);
    }
    fn tick(&mut self, secs: f64) -> Vec<(Deed, Option<Reply>)> {
        self.duty.tick(at(secs), &mut self.assets, &mut self.book)
    }
    /// One order, carried out at once.
    fn order(&mut self, secs: f64, order: Order) -> Result<Deed, &'static str> {
        let answered = self.desk.ask(By { name: "tanaka\u{1b}[31m".into(), uid: Some(1001) }, order).unwrap();
        let mut done = self.tick(secs);
        match answered.try_recv().unwrap() {
            Answer::Carried(_) => Ok(done.pop().unwrap().0),
            Answer::Refused(r) => {
                assert!(done.is_empty() && !r.words(Lang::Ja).is_ascii());
                Err(r.words(Lang::En))
            }
        }
    }
    fn id(&self) -> DeviceId {
        DeviceId::Mac(mac_of(a("10.10.10.77")))
    }
    fn status(&self) -> Status {
        self.assets.device_of(a("10.10.10.77")).unwrap().status
    }
}

fn decide_until(device: DeviceId, state: Status, until: Option<f64>) -> Order {
    Order::Decide { device, state: Some(state), until: until.map(at), why: "納品".into() }
}

#[test]
fn a_decision_changes_the_status_and_ends_on_packet_time() {
    let mut r = Room::new();
    assert_eq!(r.status(), Status::Unlisted);
    let id = r.id();
    let deed = r.order(5.0, decide_until(id, Status::Authorised, Some(100.0))).unwrap();
    assert_eq!((deed.audit.who.as_str(), deed.audit.uid, deed.audit.action.as_str()), ("tanaka[31m", Some(1001), "authorised"));
    assert!(matches!(deed.change, Change::Decided(Verdict { state: Some(Status::Authorised), .. })));
    assert_eq!((r.status(), r.tick(99.0).len()), (Status::Authorised, 0));
    let ended = r.tick(100.0);
    assert_eq!((r.status(), ended.len(), ended[0].0.audit.action.as_str(), ended[0].0.audit.uid), (Status::Expired, 1, "expired", None));
    assert!(r.tick(101.0).is_empty(), "it ends once");
    r.order(102.0, Order::Decide { device: id, state: None, until: None, why: String::new() }).unwrap();
    assert_eq!(r.status(), Status::Unlisted);
    assert_eq!(r.order(103.0, decide_until(id, Status::Authorised, Some(50.0))), Err("that time is over already"));
    assert_eq!(r.order(103.0, decide_until(id, Status::Listed, None)), Err("a device can be authorised, refused or investigating"));
    let no_reason = Order::Decide { device: id, state: Some(Status::Refused), until: None, why: " \u{7}".into() };
    assert_eq!(r.order(103.0, no_reason), Err("a reason is needed, of at most 1,000 characters"));
    assert_eq!(r.status(), Status::Unlisted);
}

#[test]
fn what_is_not_there_cannot_be_acknowledged_closed_or_unmuted() {
    let mut r = Room::new();
    r.find("scan", 1.0, Severity::High);
    let ack = |t: &str| Order::Acknowledge { target: t.into() };
    assert!(matches!(r.order(2.0, ack("F000001")).unwrap().change, Change::Acknowledged { rev: 1, .. }));
    assert!(r.order(2.0, ack("I0001")).is_ok());
    let none = Err("there is no finding, incident or device of this id");
    for t in ["F000009", "I0002", "", "F", "mac-00:00:00:00:00:01"] {
        assert_eq!(r.order(2.0, ack(t)), none, "{t}");
    }
    assert_eq!(r.order(2.0, Order::Close { incident: "I0009".into(), why: "x".into() }), none);
    assert_eq!(r.order(2.0, Order::Unmute { number: 1 }), Err("there is no mute of this number"));
    assert_eq!(r.order(2.0, Order::Note { target: "F000009".into(), text: "x".into() }), none);
    let long = Order::Note { target: "F000001".into(), text: "あ".repeat(1_001) };
    assert!(r.order(2.0, long).is_err());
    assert!(r.order(2.0, Order::Note { target: r.id().to_string(), text: "電話した".into() }).is_ok());
    assert!(r.order(2.0, Order::Reopen { incident: "I0001".into() }).is_ok());
}

#[test]
fn mutes_need_a_reason_an_end_and_something_they_name() {
    let mut r = Room::new();
    let fits = |json: &str| serde_json::from_str::<Fits>(json).unwrap();
    let mute = |json: &str, until: f64| Order::Mute { fits: fits(json), until: at(until), why: "点検".into() };
    for (json, until, why) in [
        ("{}", 50.0, "a mute has to name"),
        (r#"{"detector":"nonsense"}"#, 50.0, "there is no such detector"),
        (r#"{"detector":"scan"}"#, 0.5, "that time is over"),
        (r#"{"detector":"scan"}"#, 86_400.0 * 93.0, "at most 92 days"),
    ] {
        assert!(r.order(1.0, mute(json, until)).unwrap_err().starts_with(why), "{json}");
    }
    assert!(matches!(r.order(1.0, mute(r#"{"detector":"scan"}"#, 50.0)).unwrap().change, Change::Muted(Muted { number: 1, .. })));
    r.find("scan", 2.0, Severity::High);
    assert_eq!((r.book.findings()[0].muted, r.book.incidents().len()), (1, 0));
    let ended = r.tick(50.0);
    assert_eq!((ended.len(), &ended[0].0.change), (1, &Change::Unmuted(1)));
    assert!(matches!(r.order(51.0, mute(r#"{"orig":"10.10.10.77"}"#, 80.0)).unwrap().change, Change::Muted(Muted { number: 2, .. })));
    assert!(r.order(52.0, Order::Unmute { number: 2 }).is_ok());
}

#[test]
fn nothing_is_learned_while_a_serious_incident_goes_on_or_a_person_wishes_it() {
    let mut r = Room::new();
    r.tick(0.0);
    assert!(!r.assets.is_paused());
    r.find("ransomware-smb", 1.0, Severity::Critical);
    r.tick(2.0);
    assert!(r.assets.is_paused());
    r.order(3.0, Order::Close { incident: "I0001".into(), why: "訓練".into() }).unwrap();
    assert!(!r.assets.is_paused());
    r.order(4.0, Order::PauseLearning { why: "工事".into() }).unwrap();
    assert!(r.assets.is_paused());
    r.order(5.0, Order::ResumeLearning).unwrap();
    assert!(!r.assets.is_paused());
    let forget = |from, to| Order::Forget { from: at(from), to: at(to), why: "侵入中の学習".into() };
    assert_eq!(r.order(6.0, forget(9.0, 1.0)), Err("the time ends before it begins"));
    assert!(r.order(6.0, forget(1.0, 9.0)).unwrap().audit.detail.ends_with("(0)"));
}

#[test]
fn a_full_desk_says_so_and_the_analyst_never_waits() {
    let mut r = Room::new();
    let by = || By { name: "x".into(), uid: None };
    let asked: Vec<_> = (0..QUEUE).map(|_| r.desk.ask(by(), Order::ResumeLearning).unwrap()).collect();
    assert_eq!(r.desk.ask(by(), Order::ResumeLearning).unwrap_err(), Busy::Full);
    assert_eq!(r.tick(1.0).len(), A_TICK);
    // Whoever hangs up stops nobody.
    drop(asked);
    assert_eq!((r.tick(2.0).len(), r.tick(3.0).len(), r.tick(4.0).len(), r.tick(5.0).len()), (A_TICK, A_TICK, A_TICK, 0));
    let desk = r.desk.clone();
    drop(r);
    assert_eq!(desk.ask(by(), Order::ResumeLearning).unwrap_err(), Busy::Over);
}

#[test]
fn orders_are_read_from_json_and_nothing_else_is() {
    let read = |s: &str| serde_json::from_str::<Order>(s);
    let until = "2026-12-01T00:00:00Z";
    let decide = read(&format!(r#"{{"order":"decide","device":"mac-00:11:22:33:44:55","state":"authorised","until":"{until}","why":"x"}}"#));
    assert!(matches!(decide.unwrap(), Order::Decide { state: Some(Status::Authorised), .. }));
    assert!(read(&format!(r#"{{"order":"mute","fits":{{"orig":"10.0.0.0/8"}},"until":"{until}","why":"x"}}"#)).is_ok());
    assert!(read(r#"{"order":"resume-learning"}"#).is_ok());
    for wrong in [
        r#"{"order":"shutdown"}"#,
        r#"{"order":"decide","device":"x","state":null}"#,
        r#"{"order":"mute","fits":{"all":true},"until":"2026-12-01T00:00:00Z","why":"x"}"#,
        r#"{"order":"acknowledge","target":"F1","as":"root"}"#,
        r#"{"order":"forget","from":"yesterday","to":"now","why":"x"}"#,
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}
