//! Tickets as attackers and as old devices ask for them.

use super::super::testing::*;
use super::*;

const PC: &str = "10.10.10.12";
const WINDOWS: &[i32] = &[18, 17, 23, 24];

fn stage() -> Stage {
    Stage::new(hospital(), build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap())
}

fn kdc(t: f64, orig: &str, from_orig: bool, k: Kerberos) -> Event {
    message(at(t), flow(at(t.floor()), orig, "10.10.20.5", 88), from_orig, Message::Kerberos(Box::new(Kerberos { realm: "HOSP".into(), ..k })))
}

/// A ticket to a service; each in a flow of its own second.
fn service(t: f64, orig: &str, name: &str, offered: &[i32], etype: i32, session: i32) -> Vec<Event> {
    let ask = Kerberos { kind: 12, service: Some(name.into()), offered: offered.into(), ..Kerberos::default() };
    let give = Kerberos {
        kind: 13,
        client: Some("nurse3".into()),
        service: Some(name.into()),
        etype: Some(session),
        ticket_etype: Some(etype),
        ..Kerberos::default()
    };
    vec![kdc(t, orig, true, ask), kdc(t + 0.01, orig, false, give)]
}

fn logon(t: f64, orig: &str, user: &str, offered: &[i32], proof: bool, prompted: bool) -> Vec<Event> {
    let ask = |preauth| Kerberos { kind: 10, client: Some(user.into()), offered: offered.into(), preauth, ..Kerberos::default() };
    let ticket = Some(user.bytes().map(u128::from).sum::<u128>() * 1_000 + t as u128);
    let krbtgt = Some("krbtgt/HOSP".to_owned());
    let give = Kerberos {
        kind: 11,
        client: Some(user.into()),
        service: krbtgt,
        etype: offered.first().copied(),
        ticket_etype: Some(18),
        ticket,
        ..Kerberos::default()
    };
    let mut all = Vec::new();
    if prompted {
        all.push(kdc(t, orig, true, ask(false)));
        all.push(kdc(t + 0.01, orig, false, Kerberos { kind: 30, error: Some(25), ..Kerberos::default() }));
    }
    all.push(kdc(t + 0.02, orig, true, ask(proof)));
    all.push(kdc(t + 0.03, orig, false, give));
    all
}

fn worst(events: Vec<Event>) -> Option<Severity> {
    stage().play(events).worst()
}

#[test]
fn tickets_of_many_services_with_the_weak_key() {
    let name = |i: u32| format!("MSSQLSvc/sql{i}.hosp.local:1433");
    let asked = |n: u32, gap: f64, offered: &'static [i32], session: i32| {
        (0..n).flat_map(move |i| service(f64::from(i) * gap, PC, &name(i), offered, 23, session)).collect::<Vec<_>>()
    };
    assert_eq!(worst(asked(6, 1.0, &[23, 18], 18)), Some(Severity::High));
    assert_eq!(worst(asked(6, 1.0, WINDOWS, 18)), Some(Severity::Medium), "as Windows asks, but many at once");
    assert_eq!(worst(asked(3, 20.0, &[23], 18)), Some(Severity::Medium));
    for (few, why) in [(asked(4, 100.0, WINDOWS, 18), "a day's work"), (asked(2, 1.0, &[23, 18], 18), "two services")] {
        assert_eq!(worst(few), None, "{why}");
    }
    assert_eq!(worst(asked(6, 1.0, &[23], 23)), Some(Severity::Low), "a client and a realm that know nothing else");
    // File servers and computers of an old domain; and services with strong keys.
    let shares = (0..40).flat_map(|i| service(f64::from(i), PC, &format!("cifs/files{i}"), WINDOWS, 23, 23));
    assert_eq!(worst(shares.collect()), None);
    let strong = (0..40).flat_map(|i| service(f64::from(i), PC, &name(i), WINDOWS, 18, 18));
    assert_eq!(worst(strong.collect()), None);
}

#[test]
fn answers_without_a_proof() {
    let asked = |n: u32, offered: &'static [i32]| {
        (0..n).flat_map(move |i| logon(f64::from(i), PC, &format!("user{i}"), offered, false, false)).collect::<Vec<_>>()
    };
    assert_eq!(worst(asked(1, &[23])), Some(Severity::Low));
    assert_eq!(worst(asked(2, &[23])), Some(Severity::Medium));
    assert_eq!(worst(asked(3, &[23])), Some(Severity::High));
    assert_eq!(worst(asked(1, WINDOWS)), None, "a realm that asks nobody for a proof");
    assert_eq!(worst(asked(6, WINDOWS)), Some(Severity::Low));
}

#[test]
fn a_logon_with_the_weak_key_alone() {
    let normal = |t: f64, user: &str| logon(t, PC, user, WINDOWS, true, true);
    let weak = |t: f64, user: &str, prompted| logon(t, PC, user, &[23], true, prompted);
    assert_eq!(worst([normal(0.0, "nurse3"), weak(60.0, "adm-kondo", false)].concat()), Some(Severity::Medium));
    let elsewhere = logon(0.0, "10.10.10.13", "adm-kondo", WINDOWS, true, true);
    assert_eq!(worst([elsewhere, weak(60.0, "adm-kondo", false)].concat()), Some(Severity::Medium));
    // An old storage box asks, is asked for the proof, and knows nothing else.
    assert_eq!(worst((0..20).flat_map(|i| weak(f64::from(i) * 300.0, "nas$", true)).collect()), Some(Severity::Info));
    assert_eq!(worst((0..20).flat_map(|i| normal(f64::from(i) * 300.0, "nurse3")).collect()), None);
}

#[test]
fn a_ticket_that_was_given_to_another_host() {
    let ticket = |t: f64, orig: &str, user: &str, given: f64| {
        let hash = Some(user.bytes().map(u128::from).sum::<u128>() * 1_000 + given as u128);
        kdc(t, orig, true, Kerberos { kind: 12, service: Some("cifs/files".into()), ticket: hash, offered: WINDOWS.into(), ..Kerberos::default() })
    };
    let given = |hosts: &[&str]| {
        let mut all: Vec<Event> = hosts.iter().map(|h| arp(at(0.0), 2, h, h)).collect();
        all.extend(logon(1.0, PC, "adm-kondo", WINDOWS, true, true));
        all
    };
    let other = "10.10.10.13";
    assert_eq!(worst([given(&[PC, other]), vec![ticket(9.0, other, "adm-kondo", 1.0)]].concat()), Some(Severity::High));
    assert_eq!(worst([given(&[PC]), vec![ticket(9.0, PC, "adm-kondo", 1.0)]].concat()), None);
    // Its address went to another computer in between, and it got a new one itself.
    let mut lease = given(&[other]);
    lease.extend([arp(at(5.0), 2, PC, PC), ticket(9.0, other, "adm-kondo", 1.0)]);
    assert_eq!(worst(lease), Some(Severity::Low));
    // A laptop that came from the cable to the air is in no ledger with this address: nobody knows the two apart.
    assert_eq!(worst([given(&[PC, "10.10.10.90"]), vec![ticket(9.0, "10.10.10.90", "adm-kondo", 1.0)]].concat()), Some(Severity::Low));
}

/// An account that is asked about, and what the answer is; with a proof some seconds later, or never.
fn asked(t: f64, orig: &str, user: &str, error: i32, proof: Option<f64>) -> Vec<Event> {
    let ask = |preauth| Kerberos { kind: 10, client: Some(user.into()), offered: WINDOWS.into(), preauth, ..Kerberos::default() };
    let mut all = vec![kdc(t, orig, true, ask(false)), kdc(t + 0.01, orig, false, Kerberos { kind: 30, error: Some(error), ..Kerberos::default() })];
    all.extend(proof.map(|later| kdc(t + later, orig, true, ask(true))));
    all
}

#[test]
fn accounts_that_are_asked_about_and_not_logged_on_to() {
    let names = |n: u32, gap: f64, proof: Option<f64>| {
        (0..n).flat_map(move |i| asked(f64::from(i) * gap, PC, &format!("user{i}"), if i % 7 == 6 { 6 } else { 25 }, proof)).collect::<Vec<_>>()
    };
    let mut s = stage();
    s.play(names(30, 1.0, None)).end();
    let f = s.findings()[0].clone();
    assert_eq!((f.severity, f.count, f.outcome, f.evidence["what"].as_str()), (Severity::Medium, 30, Outcome::Attempted, Some(NAMES)));
    assert_eq!(f.evidence["reasons"].as_array().unwrap().len(), 2);
    // Said while it goes on, not only in the end; and by fewer than so many it is not.
    assert_eq!(worst(names(40, 5.0, None)), Some(Severity::Medium));
    let over = |events| {
        let mut s = stage();
        s.play(events).end();
        s.worst()
    };
    assert_eq!(over(names(8, 1.0, None)), None, "a few");
    assert_eq!(over(names(30, 90.0, None)), None, "over a day");
    // A terminal server or a gateway: everybody who asks logs on, at once or as fast as people type; some mistype their names.
    assert_eq!(over(names(60, 3.0, Some(0.05))), None);
    assert_eq!(over(names(60, 3.0, Some(12.0))), None);
    let mistyped = (0..12).flat_map(|i| asked(f64::from(i) * 40.0 + 0.5, PC, &format!("typo{i}"), 6, None));
    assert_eq!(over(names(60, 8.0, Some(0.05)).into_iter().chain(mistyped).collect()), None);
    // A probe that looks whether the centre is alive.
    assert_eq!(over((0..600).flat_map(|i| asked(f64::from(i), PC, "healthcheck", 25, None)).collect()), None);
}
