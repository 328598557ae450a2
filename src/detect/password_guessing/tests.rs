//! Guesses, sprays, and people who mistype.

use super::super::testing::*;
use super::*;
use crate::protocols::{Message, kerberos::Kerberos, ntlmssp::Ntlm, rdp::Rdp, smb::Smb, vnc::Vnc};
use crate::site::{Role, Site};

const REFUSED: u32 = 0xc000_006d;

fn stage(site: Site) -> Stage {
    Stage::new(site, build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap())
}

fn logon(t: f64, orig: &str, resp: &str, user: &str, status: u32) -> Vec<Event> {
    let f = flow(at(t), orig, resp, 445);
    let smb = |ms: u64, m| message(at(t) + Span::millis(ms), f, false, Message::Smb(Box::new(m)));
    let ntlm = Ntlm { kind: 3, user: Some(user.into()), domain: Some("HOSP".into()), ..Ntlm::default() };
    vec![smb(1, Smb::Ntlm(ntlm)), smb(2, Smb::Session { status, session: 1, guest: false, encrypted: false, kerberos: false })]
}

fn asked(t: f64, orig: &str, user: &str, error: Option<i32>) -> Vec<Event> {
    let f = flow(at(t), orig, "10.10.20.5", 88);
    let k = |ms: u64, k| message(at(t) + Span::millis(ms), f, true, Message::Kerberos(Box::new(k)));
    let ask = Kerberos { kind: 10, client: Some(user.into()), realm: "HOSP".into(), preauth: true, ..Kerberos::default() };
    vec![k(1, ask), k(3, Kerberos { kind: if error.is_some() { 30 } else { 11 }, error, ..Kerberos::default() })]
}

fn desktop(t: f64, orig: &str, resp: &str, payload: [u64; 2], secs: f64) -> Vec<Event> {
    let f = flow(at(t), orig, resp, 3389);
    vec![ended(record(f, at(t + secs), payload))]
}

const FAILED: [u64; 2] = [1_100, 2_000];
const PC: &str = "10.10.30.12";

#[test]
fn sixty_tries_and_then_a_success_are_high_with_the_account() {
    let mut s = stage(hospital());
    let tries = (0..60).flat_map(|i| logon(f64::from(i) * 0.07, PC, "10.10.20.10", "doctor", REFUSED));
    s.play(tries.chain(logon(4.6, PC, "10.10.20.10", "doctor", 0)).collect());
    let f = s.findings()[0].clone();
    assert_eq!((f.severity, f.outcome, f.count, f.user.as_deref()), (Severity::High, Outcome::Succeeded, 60, Some("HOSP\\doctor")));
    assert_eq!(f.evidence["user_source"], "ntlm");
}

#[test]
fn without_a_success_one_account_is_medium_and_slowly_low() {
    let mut s = stage(hospital());
    s.play((0..60).flat_map(|i| logon(f64::from(i) * 0.07, PC, "10.10.20.10", "doctor", REFUSED)).collect());
    assert_eq!((s.worst(), s.findings()[0].outcome), (Some(Severity::Medium), Outcome::Failed));
    // A service with an old password, all day long.
    let mut s = stage(hospital());
    s.play((0..400).flat_map(|i| logon(f64::from(i) * 15.0, PC, "10.10.20.10", "svc-scan", REFUSED)).collect());
    assert_eq!(s.worst(), Some(Severity::Low));
    assert_eq!(s.findings()[0].evidence["shape"], "one account, slowly: a service with an old password?");
    // And the same of a management server is for the record.
    let mut s = stage(hospital());
    s.play((0..400).flat_map(|i| logon(f64::from(i) * 15.0, "10.10.20.5", "10.10.20.10", "svc-scan", REFUSED)).collect());
    assert_eq!(s.worst(), Some(Severity::Info));
}

#[test]
fn a_spray_is_found_over_ntlm_and_over_kerberos() {
    let mut s = stage(hospital());
    s.play((0..14).flat_map(|i| logon(f64::from(i) * 2.0, PC, "10.10.20.5", &format!("user{i}"), REFUSED)).collect());
    s.end();
    assert_eq!((s.worst(), s.findings()[0].count), (Some(Severity::High), 14));
    let mut s = stage(hospital());
    s.play((0..7).flat_map(|i| asked(f64::from(i) * 20.0, PC, &format!("user{i}"), Some(if i % 2 == 0 { 6 } else { 24 }))).collect());
    assert_eq!(s.worst(), Some(Severity::Medium));
    // One of them is let in.
    let mut s = stage(hospital());
    let hit = asked(65.0, PC, "tanaka", None);
    s.play((0..7).flat_map(|i| asked(f64::from(i) * 20.0, PC, &format!("user{i}"), Some(24))).chain(hit).collect());
    let f = s.findings()[0].clone();
    assert_eq!((f.severity, f.outcome, f.user.as_deref()), (Severity::High, Outcome::Succeeded, Some("tanaka@HOSP")));
}

#[test]
fn people_mistype() {
    let mut s = stage(hospital());
    // Five tries, each asked twice, then the right one.
    let one = |user: &'static str, t: f64| {
        (0..5).flat_map(move |i| {
            let t = t + f64::from(i) * 6.0;
            [
                asked(t, PC, user, Some(25)),
                asked(t + 0.05, PC, user, Some(24)),
                asked(t + 0.2, PC, user, Some(24)),
                logon(t + 0.4, PC, "10.10.20.10", user, REFUSED),
            ]
            .concat()
        })
    };
    s.play(one("nurse3", 0.0).chain(asked(40.0, PC, "nurse3", None)).chain(logon(41.0, PC, "10.10.20.10", "nurse3", 0)).collect());
    assert!(s.said.is_empty(), "{:?}", s.said);
    // Ten people behind a terminal server, within ten minutes, and each gets in in the end.
    let mut s = stage(hospital());
    let all = (0..10).flat_map(|i| {
        let (t, user) = (f64::from(i) * 50.0, format!("nurse{i}"));
        [
            logon(t, "10.10.20.20", "10.10.20.10", &user, REFUSED),
            logon(t + 5.0, "10.10.20.20", "10.10.20.10", &user, REFUSED),
            logon(t + 11.0, "10.10.20.20", "10.10.20.10", &user, 0),
        ]
        .concat()
    });
    s.play(all.collect());
    assert!(s.said.is_empty(), "{:?}", s.said);
    // Nobody guesses without a name.
    let mut s = stage(hospital());
    let nameless = |t: f64| {
        let mut all = logon(t, PC, "10.10.20.10", "", REFUSED);
        if let EventKind::Message { message: Message::Smb(m), .. } = &mut all[0].kind {
            **m = Smb::Ntlm(Ntlm { kind: 3, anonymous: true, ..Ntlm::default() });
        }
        all
    };
    s.play((0..50).flat_map(|i| nameless(f64::from(i) * 0.1)).collect());
    assert!(s.said.is_empty(), "{:?}", s.said);
}

#[test]
fn desktops_that_end_within_the_logon() {
    let tries = |n: u32, gap: f64, orig: &'static str| (0..n).flat_map(move |i| desktop(f64::from(i) * gap, orig, "10.10.20.20", FAILED, 0.3));
    let mut s = stage(hospital());
    s.play(tries(8, 0.7, "10.10.40.10").chain(desktop(6.0, "10.10.40.10", "10.10.20.20", [9_000, 90_000], 22.0)).collect());
    let f = s.findings()[0].clone();
    assert_eq!((f.severity, f.outcome, f.count, f.service), (Severity::High, Outcome::Succeeded, 8, crate::base::Service::Rdp));
    // A person who mistypes: the desktop asks for the certificate, and again.
    let mut s = stage(hospital());
    s.play(tries(5, 8.0, PC).chain(desktop(44.0, PC, "10.10.20.20", [9_000, 90_000], 60.0)).collect());
    assert!(s.said.is_empty(), "{:?}", s.said);
    // Looks at the certificate are no logons.
    let mut s = stage(hospital());
    s.play((0..50).flat_map(|i| desktop(f64::from(i), PC, "10.10.20.20", [480, 1_500], 0.1)).collect());
    assert!(s.said.is_empty(), "{:?}", s.said);
    // By hand, but all the time.
    let mut s = stage(hospital());
    s.play(tries(16, 40.0, PC).collect());
    assert_eq!(s.worst(), Some(Severity::Medium));
}

/// A desktop that agreed on a network-level logon: the verdict on the wire, and which end closed first.
fn judged(t: f64, payload: [u64; 2], verdict: Option<bool>, first_end: u8, missed: u64) -> Vec<Event> {
    let f = flow(at(t), PC, "10.10.20.20", 3389);
    let rdp = |ms: u64, m| message(at(t) + Span::millis(ms), f, false, Message::Rdp(Box::new(m)));
    let mut r = record(f, at(t + 0.4), payload);
    r.history.add(first_end);
    r.missed = [0, missed];
    let mut all = vec![rdp(5, Rdp::Confirm { protocol: 2 }), ended(r)];
    all.extend(verdict.map(|accepted| rdp(300, Rdp::Logon { accepted })));
    all
}

#[test]
fn a_desktops_verdict_goes_before_its_shape_and_a_look_at_the_certificate_is_no_try() {
    let play = |n: u32, gap: f64, verdict, first_end, missed| {
        let mut s = stage(hospital());
        s.play((0..n).flat_map(|i| judged(f64::from(i) * gap, FAILED, verdict, first_end, missed)).collect());
        s.end();
        s.findings().first().map(|f| (f.severity, f.count))
    };
    assert_eq!(play(8, 0.7, Some(false), b'F', 0), Some((Severity::Medium, 8)), "each refusal counts once");
    assert_eq!(play(40, 0.7, Some(true), b'F', 0), None, "let in, and gone again");
    assert_eq!(play(40, 0.7, None, b'F', 0), None, "the client looked at the certificate and went");
    assert_eq!(play(8, 0.7, None, b'f', 0), Some((Severity::Medium, 8)), "an old server hangs up");
    assert_eq!(play(8, 0.7, None, b'F', 400), Some((Severity::Medium, 8)), "a verdict may have been missed");
    // Refusals of another size than a shape would tell, and the success by its verdict, however little is drawn.
    let mut s = stage(hospital());
    let tries = (0..8).flat_map(|i| judged(f64::from(i) * 0.7, [9_000, 600], Some(false), b'F', 0));
    s.play(tries.chain(judged(6.0, FAILED, Some(true), b'F', 0)).collect());
    let f = s.findings()[0].clone();
    assert_eq!((f.severity, f.outcome, f.count), (Severity::High, Outcome::Succeeded, 8));
}

#[test]
fn a_vnc_password_is_guessed_and_one_without_a_password_is_not() {
    let tries = |n: u32, gap: f64, security, accepted| {
        (0..n).map(move |i| {
            let t = f64::from(i) * gap;
            message(at(t + 0.1), flow(at(t), PC, "10.10.20.20", 5900), false, Message::Vnc(Vnc::Logon { security, accepted }))
        })
    };
    let mut s = stage(hospital());
    s.play(
        tries(30, 1.0, 2, false)
            .chain([message(at(33.0), flow(at(32.0), PC, "10.10.20.20", 5900), false, Message::Vnc(Vnc::Logon { security: 2, accepted: true }))])
            .collect(),
    );
    let f = s.findings()[0].clone();
    assert_eq!((f.severity, f.outcome, f.count, f.service), (Severity::High, Outcome::Succeeded, 30, crate::base::Service::Vnc));
    for quiet in [tries(5, 4.0, 2, false), tries(60, 1.0, 1, true), tries(60, 1.0, 1, false)] {
        let mut s = stage(hospital());
        s.play(quiet.collect());
        assert!(s.said.is_empty(), "{:?}", s.said);
    }
}

#[test]
fn one_account_on_many_computers_but_not_a_copier_with_a_changed_password() {
    let all = |n: u32| (0..n).flat_map(|i| logon(f64::from(i) * 5.0, PC, &format!("10.10.10.{}", 11 + i), "administrator", REFUSED));
    let mut s = stage(hospital());
    s.play(all(6).collect());
    s.end();
    assert_eq!((s.worst(), s.findings()[0].resp.len()), (Some(Severity::Medium), 6));
    let mut s = stage(hospital());
    s.play(all(3).collect());
    assert!(s.said.is_empty(), "{:?}", s.said);
    let mut s = stage(hospital_with(&[("10.10.30.90", Role::Printer)]));
    s.play((0..12).flat_map(|i| logon(f64::from(i) * 20.0, "10.10.30.90", "10.10.30.11", "scan", REFUSED)).collect());
    assert!(s.said.is_empty(), "{:?}", s.said);
}

#[test]
fn short_shells_at_once_and_jobs_one_after_the_other() {
    let shells = |n: u32, gap: f64, payload: [u64; 2]| {
        (0..n).flat_map(move |i| {
            let f = flow(at(f64::from(i) * gap), PC, "10.10.20.20", 22);
            vec![ended(record(f, at(f64::from(i) * gap + 2.0), payload))]
        })
    };
    for (n, gap, payload, expected) in [
        (47, 0.2, [2_100, 2_300], Some(Severity::Medium)),
        (40, 1.4, [2_100, 2_300], Some(Severity::Low)),
        (8, 0.1, [845, 2_123], Some(Severity::Low)),
        (20, 2.0, [2_100, 2_300], None),
        (90, 0.2, [2_900, 40_000], None),
    ] {
        let mut s = stage(hospital());
        s.play(shells(n, gap, payload).collect());
        assert_eq!(s.worst(), expected, "{n} every {gap} s");
    }
}

#[test]
fn one_account_from_many_hosts_is_low_unless_they_are_let_in() {
    let hosts = |good: bool| {
        (0..9).flat_map(move |i| {
            let (t, from) = (f64::from(i) * 30.0, format!("10.10.10.{}", 11 + i));
            let mut all = logon(t, &from, "10.10.20.10", "doctor", REFUSED);
            if good {
                all.extend(logon(t + 4.0, &from, "10.10.20.10", "doctor", 0));
            }
            all
        })
    };
    let mut s = stage(hospital());
    s.play(hosts(false).collect());
    assert_eq!((s.worst(), s.findings()[0].evidence["shape"].as_str()), (Some(Severity::Low), Some("one account from many hosts")));
    let mut s = stage(hospital());
    s.play(hosts(true).collect());
    assert!(s.said.is_empty(), "{:?}", s.said);
}
