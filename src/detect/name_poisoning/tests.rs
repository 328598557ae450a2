//! Attack and benign twins of `name-poisoning`.

use super::super::testing::*;
use super::*;
use crate::base::proto;

const BAD: &str = "10.10.10.77";

fn stage() -> Stage {
    Stage::new(crate::site::Site::default(), build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap())
}

fn ask(t: f64, from: &str, name: &str) -> Event {
    let f = FlowInfo { service: Service::Llmnr, ..flow_of(at(t), from, "224.0.0.252", 5355, proto::UDP) };
    message(at(t), f, true, Message::Dns(Box::new(Dns { name: name.into(), qtype: 1, ..Dns::default() })))
}

fn answer(t: f64, from: &str, to: &str, name: &str, addr: &str) -> Vec<Event> {
    let f = FlowInfo { service: Service::Llmnr, ..flow_of(at(t + 0.01), to, from, 5355, proto::UDP) };
    let d = Dns { response: true, name: name.into(), addrs: vec![(name.into(), a(addr))], ..Dns::default() };
    vec![ask(t, to, name), message(at(t + 0.01), f, false, Message::Dns(Box::new(d)))]
}

fn logon(t: f64, from: &str, to: &str, challenge: u8, status: u32) -> Vec<Event> {
    let f = flow(at(t), from, to, 445);
    let smb = |ms, m| message(at(t) + Span::millis(ms), f, false, Message::Smb(Box::new(m)));
    let two = Ntlm { kind: 2, challenge: Some([challenge; 8]), server_name: Some("X".into()), ..Ntlm::default() };
    let three = Ntlm { kind: 3, user: Some("nurse3".into()), domain: Some("HOSP".into()), ..Ntlm::default() };
    let end = Smb::Session { status, session: 1, guest: false, encrypted: false, kerberos: false };
    vec![smb(1, Smb::Ntlm(two)), smb(2, Smb::Ntlm(three)), smb(3, end)]
}

#[test]
fn who_answers_for_all_names_and_is_logged_on_to_is_high() {
    let mut s = stage();
    let names = ["filesrv", "printsrv", "intranet", "emr"];
    let all = names.iter().enumerate().flat_map(|(i, n)| answer(i as f64 * 10.0, BAD, "10.10.10.12", n, BAD));
    s.play(all.clone().collect());
    assert_eq!((s.worst(), s.findings()[0].count), (Some(Severity::Medium), 4));
    let mut s = stage();
    s.play(all.chain(logon(35.0, "10.10.10.12", BAD, 9, 0xc000_0022)).collect());
    let f = s.findings()[0].clone();
    assert_eq!((f.severity, f.outcome, f.user.as_deref()), (Severity::High, Outcome::Succeeded, Some("HOSP\\nurse3")));
}

#[test]
fn the_proxys_name_alone_is_medium() {
    let mut s = stage();
    s.play(answer(0.0, BAD, "10.10.10.12", "wpad", BAD));
    assert_eq!(s.worst(), Some(Severity::Medium));
}

#[test]
fn one_s_own_name_an_alias_and_answers_for_others_are_silent() {
    let mut s = stage();
    let own = (0..20).flat_map(|i| {
        answer(f64::from(i) * 10.0, "10.10.20.10", &format!("10.10.10.{}", 11 + i), if i % 2 == 0 { "files" } else { "files-old" }, "10.10.20.10")
    });
    let logons = (0..20).flat_map(|i| logon(f64::from(i) * 10.0 + 1.0, &format!("10.10.10.{}", 11 + i), "10.10.20.10", 50 + i as u8, 0));
    // A proxy for those that sleep tells their addresses, not its own: in multicast DNS.
    let asleep = (0..9).flat_map(|i| {
        answer(300.0 + f64::from(i), "10.10.20.50", "10.10.10.12", &format!("pc{i}"), &format!("10.10.10.{}", 60 + i)).into_iter().map(mdns)
    });
    s.play(own.chain(logons).chain(asleep).collect());
    assert!(s.said.is_empty(), "{:?}", s.said);
}

fn mdns(mut e: Event) -> Event {
    if let EventKind::Message { flow, .. } = &mut e.kind {
        flow.service = Service::Mdns;
    }
    e
}

fn netbios(t: f64, i: u32, given: &str) -> Vec<Event> {
    let f = flow_of(at(0.0), "10.10.10.12", BAD, 137, proto::UDP);
    let n = Nbns { name: format!("SRV{i}"), response: true, suffix: 0x20, addrs: vec![a(given)], ..Nbns::default() };
    vec![message(at(t), FlowInfo { service: Service::Nbns, ..f }, false, Message::Nbns(Box::new(n)))]
}

#[test]
fn a_question_to_the_victim_makes_no_name_service_of_the_poisoner() {
    let q = |orig: bool| {
        let f = FlowInfo { service: Service::Nbns, ..flow_of(at(0.0), "10.10.10.12", BAD, 137, proto::UDP) };
        vec![message(at(0.0), f, orig, Message::Nbns(Box::new(Nbns { name: "WARD2".into(), ..Nbns::default() })))]
    };
    let answers: Vec<Event> = (0..4).flat_map(|i| netbios(1.0 + f64::from(i), i, BAD)).collect();
    assert_eq!(stage().play([q(false), answers.clone()].concat()).worst(), Some(Severity::Medium));
    assert_eq!(stage().play([q(true), answers].concat()).worst(), None, "a name service that is asked");
}

#[test]
fn names_that_lead_to_another_address_count_and_so_does_the_logon_there() {
    let other = "10.10.10.78";
    let answers: Vec<Event> = (0..4).flat_map(|i| netbios(1.0 + f64::from(i), i, other)).collect();
    let mut s = stage();
    s.play([answers, logon(6.0, "10.10.10.12", other, 9, 0xc000_0022)].concat());
    let f = s.findings()[0].clone();
    assert_eq!((f.severity, f.orig.addr, f.resp.first()), (Severity::High, Some(a(BAD)), Some(&a("10.10.10.12"))));
}

#[test]
fn who_tells_the_true_addresses_of_others_and_a_shuffle_of_addresses_are_silent() {
    let answers: Vec<Event> = (0..9).flat_map(|i| netbios(1.0 + f64::from(i), i, &format!("10.10.20.{}", 60 + i))).collect();
    assert_eq!(stage().play(answers).worst(), None, "a proxy of the name service");
    // Two computers change their addresses; each keeps its name.
    let moved = |t: f64, who: &str, to: &str| {
        let arp = |e: Event| match e.kind {
            EventKind::Link { vlan, message: Message::Arp(x), .. } => {
                let mac = mac_of(a(who));
                Event { kind: EventKind::Link { mac, vlan, message: Message::Arp(crate::protocols::arp::Arp { sender_mac: mac, ..x }) }, ..e }
            }
            kind => Event { kind, ..e },
        };
        arp(super::super::testing::arp(at(t), 2, to, to))
    };
    let (x, y) = ("10.10.10.30", "10.10.10.31");
    let all = [
        vec![moved(0.0, x, x), moved(0.1, y, y)],
        answer(1.0, x, "10.10.10.12", "pc30", x),
        answer(2.0, y, "10.10.10.12", "pc31", y),
        vec![moved(600.0, x, y), moved(600.1, y, x)],
        answer(601.0, y, "10.10.10.12", "pc30", y),
        answer(602.0, x, "10.10.10.12", "pc31", x),
        logon(603.0, "10.10.10.12", y, 9, 0xc000_006d),
    ];
    let mut s = stage();
    s.play(all.concat());
    assert!(s.said.is_empty(), "{:?}", s.said);
}

#[test]
fn the_same_two_days_later_is_told_again() {
    let all = |t: f64| (0..4).flat_map(move |i| answer(t + f64::from(i), BAD, "10.10.10.12", &format!("srv{i}"), BAD));
    let mut s = stage();
    s.play(all(0.0).collect());
    let before = s.said.len();
    s.play(all(60.0).collect());
    assert_eq!(s.said.len(), before);
    s.play(all(172_800.0).collect());
    assert!(s.said.len() > before);
    // Who was caught two days ago is no victim of today.
    let mut s = stage();
    s.play(all(0.0).chain(logon(5.0, "10.10.10.12", BAD, 9, 0xc000_0022)).collect());
    let before = s.said.len();
    s.play(all(172_800.0).collect());
    assert!(s.said.len() > before && s.said.iter().skip(before).all(|f| f.severity < Severity::High), "{:?}", s.said);
}

#[test]
fn a_computer_with_a_new_address_keeps_its_name_and_its_visitors() {
    let mut s = stage();
    let all = [
        vec![arp(at(0.0), 2, "10.10.10.30", "10.10.10.30"), arp(at(0.0), 2, "10.10.10.31", "10.10.10.31")],
        answer(1.0, "10.10.10.30", "10.10.10.12", "pc30", "10.10.10.30"),
        answer(60.0, "10.10.10.31", "10.10.10.12", "pc30", "10.10.10.31"),
        logon(61.0, "10.10.10.12", "10.10.10.31", 9, 0xc000_006d),
    ];
    s.play(all.concat());
    assert!(s.said.is_empty(), "{:?}", s.said);
}

#[test]
fn a_logon_that_is_passed_on_shows_its_challenge_twice() {
    let mut s = stage();
    // First the middle asks the target, then it asks the victim the same.
    s.play([logon(5.0, BAD, "10.10.20.10", 7, 0), logon(5.2, "10.10.10.12", BAD, 7, 0xc000_0022)].concat());
    let f = s.findings()[0].clone();
    assert_eq!((f.severity, f.orig.addr, &f.evidence["relayed_to"][0]), (Severity::High, Some(a(BAD)), &serde_json::json!("10.10.20.10")));
    // Two that have nothing to do with each other, and a server that always asks the same.
    let mut s = stage();
    s.play([logon(5.0, "10.10.10.11", "10.10.20.10", 7, 0), logon(5.2, "10.10.10.12", "10.10.20.10", 7, 0)].concat());
    assert!(s.said.is_empty(), "{:?}", s.said);
}
