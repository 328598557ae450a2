//! Attack and benign twins of `defence-silence`.

use super::super::testing::*;
use super::*;
use crate::event::Shape;
use crate::protocols::dcerpc::{self, Auth, Call, Interface};

const EDR: &str = "10.10.20.60";
const MIN: f64 = 60.0;

fn stage() -> Stage {
    Stage::new(hospital(), build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap())
}
fn touch(secs: f64, host: u32, to: &str, port: u16, outcome: Outcome) -> Event {
    let f = flow(at(secs), &format!("10.10.10.{host}"), to, port);
    contact(at(secs + 0.01), f, outcome, Shape::Syn)
}
/// Hosts report every ten minutes from one minute to another, and use the record all day.
fn reports(hosts: std::ops::Range<u32>, from: u32, to: u32) -> Vec<Event> {
    let times = (from..to).step_by(10);
    times.flat_map(|m| hosts.clone().map(move |h| touch(f64::from(m) * MIN + f64::from(h), h, EDR, 8014, Outcome::Answered))).collect()
}
fn work(hosts: std::ops::Range<u32>, from: u32, to: u32) -> Vec<Event> {
    let times = (from..to).step_by(5);
    times.flat_map(|m| hosts.clone().map(move |h| touch(f64::from(m) * MIN + 7.0 + f64::from(h), h, "10.10.20.10", 443, Outcome::Answered))).collect()
}
fn say(parts: Vec<Vec<Event>>) -> Vec<(Severity, String, u64)> {
    let mut s = stage();
    s.play(parts.concat());
    s.findings().iter().map(|f| (f.severity, f.story.clone(), f.count)).collect()
}

#[test]
fn several_hosts_that_fall_silent_while_awake_are_told_and_one_is_low() {
    let four = say(vec![reports(11..15, 0, 120), reports(15..18, 0, 300), work(11..18, 0, 300)]);
    assert_eq!(four, [(Severity::Medium, format!("{EDR}:8014:silent"), 4)]);
    let one = say(vec![reports(11..12, 0, 120), reports(12..18, 0, 300), work(11..18, 0, 300)]);
    assert_eq!(one, [(Severity::Low, format!("{EDR}:8014:silent"), 1)]);
    let seven = say(vec![reports(11..18, 0, 120), reports(18..19, 0, 300), work(11..19, 0, 300)]);
    assert_eq!(seven[0].0, Severity::High);
}

#[test]
fn a_server_that_answers_nobody_is_told() {
    let tries = |to: u32| {
        (120..to).step_by(10).flat_map(|m| (11..15).map(move |h| touch(f64::from(m) * MIN + f64::from(h), h, EDR, 8014, Outcome::Attempted)))
    };
    let down = say(vec![reports(11..15, 0, 120), tries(200).collect(), work(11..15, 0, 240)]);
    assert_eq!(down, [(Severity::Medium, format!("{EDR}:8014:down"), 4)]);
    let restart = say(vec![reports(11..15, 0, 120), tries(140).collect(), reports(11..15, 140, 240), work(11..15, 0, 240)]);
    assert_eq!(restart, [], "twenty minutes of updates");
}

#[test]
fn night_holes_moves_and_what_was_never_learned_are_silent() {
    let night = say(vec![reports(11..18, 0, 120), work(11..18, 0, 120), reports(11..18, 720, 900), work(11..18, 720, 900)]);
    assert_eq!(night, [], "switched off at night");
    let late = say(vec![reports(11..18, 0, 120), work(11..18, 0, 120), work(11..18, 720, 735), reports(11..18, 735, 900), work(11..18, 735, 900)]);
    assert_eq!(late, [], "reports a while after it was switched on");
    let moved = (130..300)
        .step_by(10)
        .flat_map(|m| (11..18).map(move |h| touch(f64::from(m) * MIN + f64::from(h), h, "10.10.20.61", 8014, Outcome::Answered)));
    let to = say(vec![reports(11..18, 0, 120), reports(18..19, 0, 300), moved.collect(), work(11..19, 0, 300)]);
    assert_eq!(to, [], "another server took over");
    let never = say(vec![reports(11..18, 0, 30), reports(18..19, 0, 300), work(11..19, 0, 300)]);
    assert_eq!(never, [], "three reports are no habit");
    let web = (0..12).flat_map(|m| (11..15).map(move |h| touch(f64::from(m) * 10.0 * MIN + f64::from(h), h, "10.10.20.20", 443, Outcome::Answered)));
    assert_eq!(say(vec![web.collect(), work(11..15, 0, 300)]), [], "a web page that nobody needs any more");
}

#[test]
fn updates_once_a_day_and_a_console_s_page_are_no_reports() {
    // Five connections within two minutes in the morning, eight days long; switched off at night, while the servers talk on.
    let mornings = (0..8u32).flat_map(|d| {
        let checks = (11..18)
            .flat_map(move |h| (0..5).map(move |k| touch(f64::from(d * 1440) * MIN + f64::from(h + 25 * k), h, EDR, 8530, Outcome::Answered)));
        checks.chain(work(11..18, d * 1440, d * 1440 + 480)).chain(work(99..100, d * 1440 + 480, d * 1440 + 1440))
    });
    assert_eq!(say(vec![mornings.collect()]), []);
    // 10.10.20.5 is listed as management.
    let page = (0..8).flat_map(|m| (11..18).map(move |h| touch(f64::from(m) * 10.0 * MIN + f64::from(h), h, "10.10.20.5", 443, Outcome::Answered)));
    assert_eq!(say(vec![page.collect(), work(11..18, 0, 300), work(5..6, 0, 300)]), []);
}

fn stop(secs: f64, from: &str, host: u32, service: &str, returned: u32) -> Vec<Event> {
    let f = flow(at(secs), from, &format!("10.10.20.{host}"), 445);
    let call = |op, target: &str, value: &str| {
        let outcome = dcerpc::Outcome::Returned(Some(returned));
        let interface = Interface::named("svcctl").unwrap();
        let c = Call {
            pipe: None,
            interface,
            op,
            auth: Auth::default(),
            sealed: false,
            outcome,
            sent: 60,
            received: 24,
            nth: 1,
            target: target.into(),
            value: value.into(),
        };
        Message::Rpc(Box::new(Rpc::Call(c)))
    };
    let (opens, stops) = (service.split(','), service.split(',').map(|_| call(1, "", "stop")));
    let all = opens.map(|s| call(16, s, "")).chain(stops);
    all.enumerate().map(|(i, c)| message(at(secs + 0.01 * i as f64), f, true, c)).collect()
}

#[test]
fn protection_stopped_on_several_hosts_is_high_and_the_management_s_own_is_not() {
    let all = |from: &str, returned| (0..4).flat_map(|i| stop(f64::from(i) * 5.0, from, 10 + i, "WinDefend", returned)).collect::<Vec<_>>();
    assert_eq!(say(vec![all("10.10.10.12", 0)])[0].0, Severity::High);
    assert_eq!(say(vec![all("10.10.10.12", 5)])[0].0, Severity::Medium, "refused");
    assert_eq!(say(vec![all("10.10.20.5", 0)])[0].0, Severity::Info);
    assert_eq!(say(vec![stop(0.0, "10.10.10.12", 10, "WinDefend", 0)])[0].0, Severity::Low);
    assert_eq!(say(vec![(0..9).flat_map(|i| stop(f64::from(i) * 5.0, "10.10.10.12", 10 + i, "Spooler", 0)).collect()]), []);
    let five = (0..5).flat_map(|i| stop(f64::from(i) * 5.0, "10.10.20.5", 10 + i, "Sense", 0)).collect();
    assert_eq!(say(vec![five]).last().map(|f| f.0), Some(Severity::Medium), "nobody's daily work");
}

#[test]
fn all_opened_then_all_stopped_counts_all_and_names_alike_count_nothing() {
    let three = say(vec![stop(0.0, "10.10.10.12", 10, "WinDefend,Sense,SepMasterService", 0)]);
    assert_eq!(three.last().map(|f| (f.0, f.2)), Some((Severity::High, 3)));
    let seen = say(vec![stop(0.0, "10.10.10.12", 10, "WinDefend,Spooler", 0).into_iter().take(3).collect()]);
    assert_eq!(seen, [], "the one opened last is stopped");
    let alike = "hasplms,SentinelKeysServer,SensorService,SensrSvc,mfeedservice,VeeamVssSupport,elasticsearch";
    assert_eq!(say(vec![stop(0.0, "10.10.10.12", 10, alike, 0)]), []);
}
