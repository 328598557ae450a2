//! Scans of every shape, and the busy hosts that only look like them.
use super::super::testing::*;
use super::*;
use crate::event::FlowInfo;

fn stage(site: crate::site::Site) -> Stage {
    Stage::new(site, build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap())
}

fn lost(ts: f64, orig: &str, resp: String, port: u16) -> Event {
    contact(at(ts + 5.0), flow(at(ts), orig, &resp, port), Outcome::Attempted, Shape::Syn)
}

fn of(ts: f64, orig: &str, resp: &str, port: u16, p: u8) -> FlowInfo {
    flow_of(at(ts), orig, resp, port, p)
}

#[test]
fn seven_failures_speak_and_six_do_not() {
    for (n, want) in [(6, None), (7, Some(Severity::High)), (60, Some(Severity::High))] {
        let mut s = stage(Site::default());
        s.play((0..n).map(|i| lost(f64::from(i) * 0.01, "10.0.0.5", format!("10.0.0.{}", 100 + i), 445)).collect());
        assert_eq!(s.worst(), want, "{n}");
        if n == 60 {
            assert_eq!((s.findings().len(), s.findings()[0].count), (1, 60));
        }
    }
}

#[test]
fn a_slow_sweep_over_hours_is_found() {
    let mut s = stage(Site::default());
    s.play((0..9).map(|i| lost(f64::from(i) * 700.0, "10.0.0.5", format!("10.0.1.{i}"), 80)).collect());
    assert_eq!(s.worst(), Some(Severity::Medium));
}

#[test]
fn known_good_contacts_do_not_hide_a_sweep() {
    let mut s = stage(Site::default());
    let mut ev = Vec::new();
    for i in 0..20 {
        let ts = f64::from(i);
        ev.push(lost(ts, "10.0.0.5", format!("10.0.1.{i}"), 445));
        for k in 0..3 {
            ev.push(contact(at(ts + 5.0), flow(at(ts), "10.0.0.5", &format!("10.0.{}.{i}", 2 + k), 445), Outcome::Answered, Shape::Syn));
        }
    }
    s.play(ev);
    assert!(s.worst() >= Some(Severity::Medium));
}

#[test]
fn sweep_and_ports_of_one_originator_are_two_findings_and_high_from_the_supplier() {
    let mut s = stage(hospital());
    let mut ev: Vec<Event> = (20..120).map(|i| lost(0.01 * f64::from(i), "10.10.40.10", format!("10.10.10.{i}"), 445)).collect();
    for p in 1..=64 {
        ev.push(contact(at(8.0), of(7.9, "10.10.40.10", "10.10.10.11", 1000 + p, 6), Outcome::Refused, Shape::Syn));
    }
    let example = of(7.9, "10.10.40.10", "10.10.10.11", 2000, 6).tuple;
    ev.push(Event {
        ts: at(8.1),
        packet: 0,
        kind: EventKind::Contacts(Contacts {
            source: example.orig,
            bits: 128,
            attempted: 0,
            refused: 136,
            packets: 136,
            bytes: 9_000,
            responders: 1,
            ports: 136,
            example,
            mac: crate::base::Mac::ZERO,
            vlan: crate::wire::Vlans::default(),
        }),
    });
    s.play(ev);
    let f = s.findings();
    let stories: Vec<&str> = f.iter().map(|f| f.story.as_str()).collect();
    assert!(stories.contains(&"10.10.40.10>sweep") && stories.contains(&"10.10.40.10>ports") && f.len() == 2, "{stories:?}");
    assert!(f.iter().all(|f| f.severity == Severity::High));
    let ports = f.iter().find(|f| f.evidence["kind"] == "ports").unwrap();
    assert!(ports.evidence["ports"].as_u64().unwrap() > 180, "{:?}", ports.evidence);
}

#[test]
fn ten_ports_at_once_are_a_port_scan_and_so_are_ip_protocols() {
    let mut s = stage(Site::default());
    s.play((0..10).map(|p| lost(0.0001 * f64::from(p), "192.168.2.154", "192.168.2.22".into(), 20 + p as u16)).collect());
    assert_eq!((s.worst(), s.findings()[0].evidence["kind"].as_str()), (Some(Severity::Medium), Some("ports")));
    let mut s = stage(Site::default());
    s.play((50..70).map(|p| contact(at(5.0), of(0.0, "10.0.0.1", "10.0.0.2", 0, p), Outcome::Attempted, Shape::Other)).collect());
    assert_eq!(s.findings()[0].evidence["kind"], "protocols");
}

fn no_protocol(ts: f64, p: u8) -> Event {
    let quoted = of(ts, "10.0.0.128", "10.0.0.67", 0, p).tuple;
    Event { ts: at(ts), packet: 1, kind: EventKind::IcmpError { quoted, kind: 3, code: 2, by: quoted.resp } }
}

#[test]
fn a_protocol_scan_shows_in_the_answers_alone_and_one_tunnel_that_is_refused_is_none() {
    let mut s = stage(Site::default());
    s.play((60..80).map(|p| no_protocol(0.0, p)).collect());
    let f = s.findings();
    assert_eq!((f.len(), f[0].evidence["kind"].as_str(), f[0].orig.addr), (1, Some("protocols"), Some(a("10.0.0.128"))));
    let mut s = stage(Site::default());
    s.play((0..200).map(|i| no_protocol(f64::from(i), [47, 50, 89][i as usize % 3])).collect());
    assert!(s.said.is_empty());
}

#[test]
fn the_end_of_the_run_tells_the_whole_count() {
    let mut s = stage(Site::default());
    s.play((0..60).map(|i| lost(0.001 * f64::from(i), "10.0.0.5", format!("10.0.0.{}", 100 + i), 445)).collect());
    s.end();
    assert_eq!((s.findings().len(), s.findings()[0].count), (1, 60));
    let mut s = stage(Site::default());
    s.play((0..40).map(|p| lost(0.0001 * f64::from(p), "10.0.0.5", "10.0.0.9".into(), 20 + p as u16)).collect());
    s.end();
    assert!(s.findings()[0].evidence["ports"].as_u64().unwrap() >= 38, "an estimate");
}

#[test]
fn where_everything_succeeds_a_few_dead_entries_are_no_scan() {
    let warm = || {
        (0..40u32).flat_map(|pc| {
            (0..20).map(move |i| {
                let f = flow(at(0.1), &format!("10.0.4.{pc}"), &format!("10.0.1.{i}"), 443);
                contact(at(0.2), f, Outcome::Answered, Shape::Syn)
            })
        })
    };
    for (n, want) in [(4, None), (9, Some(Severity::Medium))] {
        let mut s = stage(Site::default());
        s.play(warm().chain((0..n).map(|i| lost(1.0, "10.0.5.5", format!("10.0.9.{i}"), 8080))).collect());
        assert_eq!(s.worst(), want, "{n}");
    }
}

#[test]
fn icmp_udp_and_stealth_sweeps() {
    for (shape, p, n, kind) in [
        (Shape::Icmp, 1, 18, "icmp-sweep"),
        (Shape::Udp, 17, 40, "udp-sweep"),
        (Shape::Xmas, 6, 5, "stealth-sweep"),
        (Shape::Midstream, 6, 256, "sweep"),
    ] {
        let mut s = stage(Site::default());
        s.play((0..n).map(|i| contact(at(5.0), of(0.0, "10.0.0.1", &format!("10.0.1.{i}"), 80, p), Outcome::Attempted, shape)).collect());
        assert_eq!(s.findings().len(), 1, "{shape:?}");
        assert_eq!(s.findings()[0].evidence["kind"], kind);
    }
}

#[test]
fn an_arp_sweep_is_found_and_a_router_may_ask() {
    let mut s = stage(hospital());
    s.play((20..250).map(|i| arp(at(0.005 * f64::from(i)), 1, "10.10.10.78", &format!("10.10.10.{i}"))).collect());
    let f = s.findings();
    assert_eq!((f.len(), f[0].severity, f[0].evidence["kind"].as_str()), (1, Severity::Medium, Some("arp-sweep")));
    assert_eq!(f[0].orig.mac, Some(mac_of(a("10.10.10.78"))));
    let mut site = hospital();
    let router = crate::site::Entry { mac: Some(mac_of(a("10.10.10.1"))), role: crate::site::Role::Gateway, ..Default::default() };
    site.ledger = crate::site::Ledger::new(vec![router]);
    let mut s = stage(site);
    s.play((20..250).map(|i| arp(at(0.005 * f64::from(i)), 1, "10.10.10.1", &format!("10.10.10.{i}"))).collect());
    assert!(s.said.is_empty());
}

#[test]
fn benign_twins_stay_silent() {
    let mut ev = Vec::new();
    // Browsing, dead peers on the internet, backscatter, late answers of a resolver, a one-way mirror, an answered ping sweep, unicast chatter.
    for i in 0..78 {
        ev.push(contact(at(1.0), of(0.9, "10.0.0.5", &format!("198.51.100.{i}"), 443, 6), Outcome::Answered, Shape::Syn));
        ev.push(contact(at(2.0), of(1.9, "10.0.0.6", &format!("203.0.113.{i}"), 6_000 + i, 6), Outcome::Attempted, Shape::Syn));
        ev.push(contact(at(3.0), of(2.9, &format!("198.51.100.{i}"), "10.0.0.7", 4_000 + i, 6), Outcome::Attempted, Shape::Backscatter));
        let mut late = of(3.9, "10.0.0.53", "10.0.0.8", 50_000 + i, 17);
        late.tuple.orig_port = 53;
        ev.push(contact(at(4.0), late, Outcome::Refused, Shape::Udp));
        let one_way = contact(at(5.0), of(1.0, "10.0.0.9", &format!("10.0.1.{i}"), 445, 6), Outcome::Attempted, Shape::Syn);
        let EventKind::Contact(mut c) = one_way.kind else { panic!() };
        c.tries = 9;
        ev.push(Event { kind: EventKind::Contact(c), ..one_way });
        ev.push(contact(at(6.0), of(5.9, "10.0.0.10", &format!("10.0.2.{i}"), 0, 1), Outcome::Answered, Shape::Icmp));
        ev.push(contact(at(7.0), of(6.9, "10.0.0.11", &format!("10.0.3.{i}"), 137, 17), Outcome::Attempted, Shape::Udp));
    }
    let mut s = stage(Site::default());
    s.play(ev);
    assert!(s.said.is_empty(), "{:?}", s.said);
    // Three PCs that are switched off, among servers that answer; and the inventory host.
    let mut s = stage(hospital());
    let mut ev: Vec<Event> = (11..14).map(|i| lost(1.0, "10.10.30.11", format!("10.10.10.{i}"), 445)).collect();
    ev.extend((11..20).map(|i| lost(1.0, "10.10.20.5", format!("10.10.10.{}", i + 100), 445)));
    s.play(ev);
    assert!(s.worst().is_none_or(|w| w < Severity::Medium), "{:?}", s.said);
}

use crate::site::Site;

#[test]
fn the_story_begins_at_its_first_failure_in_a_row_and_lists_nothing_older() {
    let mut s = stage(Site::default());
    let ok = |ts: f64, n: u32| contact(at(ts), flow(at(ts), "10.0.0.5", &format!("10.0.3.{n}"), 445), Outcome::Answered, Shape::Syn);
    let mut ev = vec![ok(0.0, 1), lost(60.0, "10.0.0.5", "10.0.9.9".into(), 445), ok(90.0, 2), ok(3_000.0, 3)];
    ev.extend((0..20).map(|i| lost(7_200.0 + f64::from(i), "10.0.0.5", format!("10.0.0.{}", 100 + i), 445)));
    // What is honest afterwards ends nothing and begins nothing.
    ev.push(ok(7_225.0, 4));
    ev.push(lost(9_600.0, "10.0.0.5", "10.0.0.140".into(), 445));
    s.play(ev);
    s.end();
    let f = s.findings();
    assert_eq!((f.len(), f[0].first_ts, f[0].count), (1, at(7_200.0), 21), "{:?}", f[0].evidence);
    assert!(!f[0].resp.contains(&a("10.0.9.9")));
}

#[test]
fn two_shapes_that_no_program_sends_are_a_scan_of_few_ports_and_one_is_none() {
    let sent = |ts: f64, port, shape| contact(at(ts), of(ts, "10.0.0.5", "10.0.0.9", port, 6), Outcome::Refused, shape);
    let mut s = stage(Site::default());
    s.play(vec![sent(0.0, 3389, Shape::Syn), sent(8.0, 3390, Shape::Fin), sent(16.0, 3391, Shape::Null), sent(22.0, 3392, Shape::Xmas)]);
    assert_eq!((s.worst(), s.findings()[0].evidence["kind"].as_str()), (Some(Severity::Medium), Some("ports")));
    let mut s = stage(Site::default());
    s.play(vec![sent(0.0, 3389, Shape::Syn), sent(8.0, 3390, Shape::Fin), sent(9.0, 3391, Shape::Fin), sent(10.0, 445, Shape::Syn)]);
    assert!(s.said.is_empty(), "leftovers of connections older than the capture");
}
