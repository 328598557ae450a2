//! The socket as a viewer finds it: many viewers, deaf ones, hostile ones, people without rights.

use super::*;
use crate::base::Lang;
use crate::engine::batch::wall;
use crate::engine::journal::{Audience, Delta, View};
use crate::engine::log::Log;
use crate::engine::metrics::Board;
use crate::engine::orders::Order;
use crate::output::record::DeviceRecord;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Carries orders out after a while, or fails.
struct Clerk;

impl Desk for Clerk {
    fn order(&mut self, who: &Who, order: Order, _: Lang) -> Done<Value> {
        match order {
            Order::Acknowledge { target } if target == "slow" => {
                std::thread::sleep(Duration::from_millis(300));
                Ok(json!({ "by": who.uid }))
            }
            Order::Acknowledge { target } if target == "broken" => panic!("an order that cannot be carried out"),
            _ => Err((Code::Invalid, "no such thing".to_owned())),
        }
    }
    fn reload(&mut self, who: &Who, _: Lang) -> Done<Value> {
        Ok(json!({ "by": who.uid }))
    }
}

fn acknowledge(target: &str) -> Ask {
    Ask::Act { order: Order::Acknowledge { target: target.to_owned() } }
}

struct Bench {
    hub: Hub,
    view: View,
    board: Arc<Board>,
    path: PathBuf,
    _server: Server,
    _dir: tempfile::TempDir,
}

impl Bench {
    fn new(rights: Rights, limits: Limits) -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        let socket = Listening::open(&Place { path: path.clone(), group: None }).unwrap();
        let (hub, seat) = hub().unwrap();
        let board = Arc::new(Board::default());
        let start = Start {
            socket,
            seat,
            desk: Box::new(Clerk),
            board: board.clone(),
            log: Log::into_fn(Lang::En, true, |_| {}),
            people: People::default(),
            rights,
            lang: Lang::En,
            site: "Hospital".into(),
            limits,
        };
        Bench { hub, view: View::default(), board, path, _server: Server::start(start).unwrap(), _dir: dir }
    }
    fn quick() -> Bench {
        Bench::new(
            Rights { service: u32::MAX, act: None },
            Limits { deaf: Duration::from_millis(700), hello: Duration::from_millis(500), ..Limits::default() },
        )
    }
    /// One more view, `size` bytes of which are new.
    fn publish(&mut self, n: u64, size: usize) {
        let mut delta = Delta { ts: n.to_string(), ..Delta::default() };
        delta.devices.set.insert(format!("d{n}"), DeviceRecord { role: "x".repeat(size), ..DeviceRecord::default() });
        self.view.apply(delta.clone());
        self.hub.show(&self.view, delta);
    }
    fn client(&self) -> Client {
        Client::connect(&self.path, Lang::En).unwrap()
    }
}

/// Follows until the view has this time.
fn follow(c: &mut Client, ts: &str) -> bool {
    let until = wall() + Duration::from_secs(20);
    while c.view().ts != ts && wall() < until {
        c.next(Duration::from_millis(200));
    }
    c.view().ts == ts
}

fn raw(path: &Path, bytes: &[u8]) -> Vec<u8> {
    let mut s = UnixStream::connect(path).unwrap();
    s.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let _ = s.write_all(bytes);
    let mut said = Vec::new();
    let _ = s.read_to_end(&mut said);
    said
}

fn last_error(said: &[u8]) -> Option<Error> {
    let mut frames = Frames::new(1 << 20);
    frames.push(said);
    let mut last = None;
    while let Ok(Some(f)) = frames.next_frame() {
        if let Ok(Said::Error(e)) = unpack(f) {
            last = Some(e);
        }
    }
    last
}

fn hello(version: u32) -> Vec<u8> {
    pack(&json!({ "ask": "hello", "version": version, "lang": "ja" }), false).unwrap()
}

#[test]
fn two_hundred_viewers_see_the_same_and_nobody_waits_for_them() {
    let mut b = Bench::new(Rights::default(), Limits::default());
    let mut viewers: Vec<Client> = (0..200).map(|_| b.client()).collect();
    viewers.iter_mut().for_each(|v| v.subscribe(4).unwrap());
    // None of them reads while this goes on.
    let mut slowest = Duration::ZERO;
    for n in 1..=40 {
        let begun = wall();
        b.publish(n, 20_000);
        slowest = slowest.max(begun.elapsed());
        std::thread::sleep(Duration::from_millis(25));
    }
    println!("publishing to 200 viewers that do not read: {slowest:?} at most");
    assert!(slowest < Duration::from_millis(100), "{slowest:?}");
    for v in &mut viewers {
        assert!(follow(v, "40"));
        assert_eq!(*v.view(), b.view);
    }
}

#[test]
fn a_viewer_that_never_reads_is_cut_and_the_others_are_served() {
    let mut b = Bench::quick();
    let mut deaf = UnixStream::connect(&b.path).unwrap();
    deaf.write_all(&hello(VERSION)).unwrap();
    deaf.write_all(&pack(&json!({ "ask": "subscribe" }), false).unwrap()).unwrap();
    let mut reader = b.client();
    reader.subscribe(4).unwrap();
    let until = wall() + Duration::from_secs(10);
    let mut n = 0;
    while b.board.socket.cut.load(Ordering::Relaxed) == 0 {
        assert!(wall() < until, "it was not cut");
        n += 1;
        b.publish(n, 50_000);
        reader.next(Duration::from_millis(50));
    }
    assert!(follow(&mut reader, &n.to_string()));
}

#[test]
fn what_is_no_message_is_answered_with_an_error_and_the_end() {
    let b = Bench::quick();
    let deep = format!("{{\"ask\":\"act\",\"order\":{}", "[".repeat(30_000));
    let frame = |text: &str| [&(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
    for (bytes, code) in [
        ([hello(VERSION), u32::MAX.to_le_bytes().to_vec()].concat(), Code::Malformed),
        ([hello(VERSION), frame(&deep)].concat(), Code::Malformed),
        ([hello(VERSION), frame("{}")].concat(), Code::Malformed),
        ([hello(VERSION), frame("")].concat(), Code::Malformed),
        (hello(VERSION + 1), Code::Version),
        (frame("{\"ask\":\"ping\"}"), Code::Malformed),
        ([hello(VERSION), frame("{\"ask\":\"ping\"}").repeat(1000)].concat(), Code::Flood),
        // Half a frame, and nothing more.
        (frame("{\"ask\":\"ping\"}")[..9].to_vec(), Code::Malformed),
    ] {
        let error = last_error(&raw(&b.path, &bytes));
        assert_eq!(error.as_ref().map(|e| (e.id, e.code)), Some((0, code)), "{error:?}");
    }
    let mut c = b.client();
    assert_eq!(c.request(Ask::Ping, Duration::from_secs(5)).unwrap(), json!(true));
}

#[test]
fn another_version_is_told_in_the_words_of_the_viewer() {
    let b = Bench::quick();
    let text = last_error(&raw(&b.path, &hello(99))).unwrap().text;
    // In the language that the viewer asked for, although it speaks another version.
    assert!(text.contains("センサー: 1") && text.contains("閲覧側: 99"), "{text}");
}

#[test]
fn whoever_may_only_read_cannot_act() {
    let me = rustix::process::geteuid().as_raw();
    if me != 0 {
        let b = Bench::quick();
        let refused = b.client().request(Ask::Reload, Duration::from_secs(5));
        assert!(matches!(refused, Err(ClientError::Refused(Error { code: Code::Forbidden, .. }))));
    }
    // Root may act everywhere; the rule itself has its own test beside `Rights`.
    let b = Bench::new(Rights { service: me, act: None }, Limits::default());
    let mut c = b.client();
    assert!(c.may_act());
    assert_eq!(c.request(Ask::Reload, Duration::from_secs(5)).unwrap(), json!({ "by": me }));
}

#[test]
fn requests_are_answered_beside_each_other() {
    let b = Bench::new(Rights::default(), Limits::default());
    if !b.client().may_act() {
        return println!("skipped: only root may act on this bench");
    }
    let (mut slow, mut c) = (b.client(), b.client());
    slow.ask(acknowledge("slow")).unwrap();
    // The desk is busy; the socket is not.
    let begun = wall();
    assert_eq!(c.request(Ask::Ping, Duration::from_secs(5)).unwrap(), json!(true));
    assert!(begun.elapsed() < Duration::from_millis(250), "{:?}", begun.elapsed());
    let broken = c.request(acknowledge("broken"), Duration::from_secs(5));
    assert!(matches!(broken, Err(ClientError::Refused(Error { code: Code::Failed, .. }))));
    let none = c.request(acknowledge("x"), Duration::from_secs(5));
    assert!(matches!(none, Err(ClientError::Refused(Error { code: Code::Invalid, .. }))));
    let text = c.request(Ask::Metrics, Duration::from_secs(5)).unwrap();
    assert!(text["text"].as_str().unwrap().contains("spanward_viewers 2"), "{text}");
}

#[test]
fn readers_cannot_take_every_place() {
    let b = Bench::new(Rights::default(), Limits { viewers: 3, ..Limits::default() });
    let _all: Vec<Client> = (0..3).map(|_| b.client()).collect();
    assert!(matches!(Client::connect(&b.path, Lang::En), Err(ClientError::Refused(_) | ClientError::Lost(_))));
    assert_eq!(b.board.socket.refused.load(Ordering::Relaxed), 1);
}

#[test]
fn a_client_comes_back_when_the_sensor_does() {
    let mut b = Bench::quick();
    let mut c = b.client();
    c.subscribe(4).unwrap();
    b.publish(1, 1);
    assert!(follow(&mut c, "1"));
    let path = b.path.clone();
    drop(b);
    let mut lost = false;
    while let Some(news) = c.next(Duration::from_secs(2)) {
        if let News::Lost(why) = news {
            assert_eq!(why, "the sensor stops");
            lost = true;
            break;
        }
    }
    assert!(lost && !c.connected());
    assert!(matches!(Client::connect(&path, Lang::En), Err(ClientError::Nobody { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_bytes_stop_the_server(bytes in proptest::collection::vec(any::<u8>(), 0..300), known in any::<bool>()) {
        use std::sync::OnceLock;
        static BENCH: OnceLock<Bench> = OnceLock::new();
        let b = BENCH.get_or_init(Bench::quick);
        let mut s = UnixStream::connect(&b.path).unwrap();
        if known {
            s.write_all(&hello(VERSION)).unwrap();
        }
        let _ = s.write_all(&bytes);
        drop(s);
        let mut c = b.client();
        prop_assert_eq!(c.request(Ask::Ping, Duration::from_secs(5)).unwrap(), json!(true));
    }
}
