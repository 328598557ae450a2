//! Devices, bindings, gateways, names, services and edges, learned from events.

use super::*;
use crate::base::{Cidr, Confidence, FiveTuple, Outcome, Service, Span, proto};
use crate::event::{Contact, EventKind, FlowInfo, Shape, Sighting};
use crate::protocols::{Message, arp::Arp, dhcp::Dhcp, nbns::Nbns, nd::Nd};
use crate::site::{Entry, Ledger, Zone, ZoneKind, Zones};
use crate::wire::Vlans;

fn addr(s: &str) -> Addr {
    s.parse().unwrap()
}
fn mac(s: &str) -> Mac {
    s.parse().unwrap()
}
fn at(secs: u64) -> Timestamp {
    Timestamp::new(1_795_292_000 + secs, 0)
}
const HOST: &str = "00:00:0e:10:10:11";
const EVIL: &str = "00:07:40:66:66:66";
const ROUTER: &str = "00:00:0c:00:00:10";

fn site(entries: Vec<Entry>) -> Arc<Site> {
    let net: Cidr = "10.10.10.0/24".parse().unwrap();
    let zone = Zone { name: "ward".into(), kind: ZoneKind::Clinical, networks: vec![net], vlans: vec![10] };
    Arc::new(Site { declared: true, zones: Zones::new(vec![zone]), ledger: Ledger::new(entries), ..Site::default() })
}
fn seen(ts: Timestamp, m: &str, a: &str, ttl: u8, forwarded: bool) -> Event {
    let kind = Sighting { mac: mac(m), to: Mac::BROADCAST, vlan: Vlans([10, 0]), addr: Some(addr(a)), ttl, forwarded, iface: 0 };
    Event { ts, packet: 1, kind: EventKind::Sighting(kind) }
}
fn arp_vlan(ts: Timestamp, op: u16, m: &str, sender: &str, target: &str, vlan: u16) -> Event {
    let message = Message::Arp(Arp { op, sender_mac: mac(m), sender: addr(sender), target_mac: Mac::ZERO, target: addr(target) });
    Event { ts, packet: 1, kind: EventKind::Link { mac: mac(m), vlan: Vlans([vlan, 0]), message } }
}
fn arp(ts: Timestamp, op: u16, m: &str, sender: &str, target: &str) -> Event {
    arp_vlan(ts, op, m, sender, target, 10)
}
fn dhcp(ts: Timestamp, frame: &str, d: Dhcp) -> Event {
    let from_orig = d.op == 1;
    let flow = FlowInfo { mac: [mac(frame), mac(frame)], vlan: [Vlans([10, 0]); 2], service: Service::Dhcp, ..FlowInfo::default() };
    Event { ts, packet: 1, kind: EventKind::Message { flow, from_orig, message: Message::Dhcp(Box::new(d)) } }
}
fn learn(site: Arc<Site>, events: &[Event]) -> Assets {
    let mut assets = Assets::new(site);
    events.iter().for_each(|e| {
        assets.update(e);
    });
    assets
}
fn names(assets: &Assets, a: &str) -> Vec<String> {
    assets.all_names_of(Some(addr(a)), None)
}

#[test]
fn a_host_is_bound_by_arp_and_by_its_own_frames() {
    let assets = learn(site(vec![]), &[arp(at(0), 1, HOST, "10.10.10.11", "10.10.10.1"), seen(at(1), EVIL, "10.10.10.77", 64, false)]);
    assert_eq!(names(&assets, "10.10.10.11"), ["10.10.10.11", HOST]);
    assert_eq!(names(&assets, "10.10.10.77"), ["10.10.10.77", EVIL]);
    let d = assets.device_of(addr("10.10.10.77")).unwrap();
    assert_eq!((d.zone.as_str(), d.status, d.id.to_string().as_str()), ("ward", Status::New, "mac-00:07:40:66:66:66"));
}

#[test]
fn bindings_made_before_a_gateway_was_recognised_are_withdrawn() {
    let early = [seen(at(0), ROUTER, "10.10.20.5", 64, false), seen(at(1), ROUTER, "10.10.30.5", 64, false)];
    let assets = learn(site(vec![]), &early);
    assert_eq!(names(&assets, "10.10.20.5"), ["10.10.20.5", "10.10.30.5", ROUTER], "as long as nothing speaks against it");
    let mut all = early.to_vec();
    all.push(seen(at(2), ROUTER, "10.10.40.5", 64, false));
    let assets = learn(site(vec![]), &all);
    for a in ["10.10.20.5", "10.10.30.5", "10.10.40.5"] {
        assert_eq!(names(&assets, a), [a]);
        assert_eq!(assets.device_of(addr(a)).unwrap().id.to_string(), format!("ip-{a}"));
    }
    assert!(assets.is_gateway(mac(ROUTER)));
}

#[test]
fn a_gateway_keeps_its_own_address_and_no_other() {
    let entry = Entry { mac: Some(mac(ROUTER)), role: Role::Gateway, ..Entry::default() };
    let events = [
        arp(at(0), 2, ROUTER, "10.10.10.1", "10.10.10.11"),
        seen(at(1), ROUTER, "10.10.20.5", 63, true),
        seen(at(2), ROUTER, "203.0.113.9", 50, false),
    ];
    let assets = learn(site(vec![entry]), &events);
    assert_eq!(names(&assets, "10.10.10.1"), ["10.10.10.1", ROUTER]);
    assert_eq!(names(&assets, "10.10.20.5"), ["10.10.20.5"]);
    assert!(assets.device_of(addr("203.0.113.9")).is_none(), "the internet has no devices");
    assert_eq!(assets.all_names_of(Some(addr("10.10.20.5")), Some(mac(ROUTER))), ["10.10.20.5"]);
    assert_eq!(assets.device_by_mac(mac(ROUTER)).unwrap().status, Status::Listed);
}

#[test]
fn the_nearer_frame_wins_whichever_copy_came_first() {
    let assets = learn(site(vec![]), &[seen(at(0), ROUTER, "10.10.10.11", 63, false), seen(at(1), HOST, "10.10.10.11", 64, false)]);
    assert_eq!(names(&assets, "10.10.10.11"), ["10.10.10.11", HOST]);
    let assets = learn(site(vec![]), &[seen(at(0), HOST, "10.10.10.11", 64, false), seen(at(1), ROUTER, "10.10.10.11", 63, true)]);
    assert_eq!(names(&assets, "10.10.10.11"), ["10.10.10.11", HOST]);
}

#[test]
fn a_spoofer_holds_neither_its_victims_addresses_nor_loses_its_own() {
    let assets = learn(
        site(vec![]),
        &[
            arp(at(0), 1, HOST, "10.10.10.11", "10.10.10.1"),
            arp(at(0), 2, ROUTER, "10.10.10.1", "10.10.10.11"),
            arp(at(1), 1, EVIL, "10.10.10.79", "10.10.10.11"),
            arp(at(2), 2, EVIL, "10.10.10.1", "10.10.10.11"),
            arp(at(2), 2, EVIL, "10.10.10.11", "10.10.10.1"),
            seen(at(3), EVIL, "10.10.10.11", 63, true),
        ],
    );
    assert_eq!(names(&assets, "10.10.10.79"), ["10.10.10.79", EVIL]);
    assert_eq!(names(&assets, "10.10.10.11"), ["10.10.10.11"], "disputed: no MAC beyond doubt");
    assert_eq!(assets.all_names_of(None, Some(mac(EVIL))), ["10.10.10.79", EVIL]);
    assert!(assets.binding(addr("10.10.10.1")).unwrap().rival.is_some());
    assert!(assets.device_of(addr("10.10.10.11")).is_none());
}

#[test]
fn forged_probing_and_proxied_arp_bind_nothing() {
    let forged = Message::Arp(Arp { op: 2, sender_mac: mac(HOST), sender: addr("10.10.10.11"), target_mac: Mac::ZERO, target: addr("10.10.10.1") });
    let mut events = vec![
        Event { ts: at(0), packet: 1, kind: EventKind::Link { mac: mac(EVIL), vlan: Vlans::default(), message: forged } },
        arp(at(1), 1, EVIL, "0.0.0.0", "10.10.10.50"),
    ];
    for i in 0..12u32 {
        events.push(arp(at(2), 2, ROUTER, &Addr::v4(0x0a0a_0a64 + i).to_string(), "10.10.10.11"));
    }
    let assets = learn(site(vec![]), &events);
    assert_eq!(names(&assets, "10.10.10.11"), ["10.10.10.11"]);
    assert_eq!(names(&assets, "10.10.10.50"), ["10.10.10.50"]);
    assert_eq!(names(&assets, "10.10.10.100"), ["10.10.10.100"], "an answerer for many is a proxy");
}

#[test]
fn one_router_with_a_leg_in_each_vlan_disputes_nothing() {
    let other = "00:00:0c:00:00:20";
    let assets = learn(
        site(vec![]),
        &[arp_vlan(at(0), 2, ROUTER, "10.10.10.1", "10.10.10.11", 10), arp_vlan(at(1), 1, other, "10.10.10.1", "10.10.20.5", 20)],
    );
    assert_eq!(names(&assets, "10.10.10.1"), ["10.10.10.1", ROUTER]);
}

#[test]
fn dhcp_binds_the_hardware_address_and_never_the_relay() {
    let relay = addr("10.10.10.1");
    let ask = Dhcp { op: 1, kind: 3, chaddr: mac(HOST), giaddr: relay, host_name: Some("TERM1".into()), ..Dhcp::default() };
    let ack =
        Dhcp { op: 2, kind: 5, chaddr: mac(HOST), giaddr: relay, yiaddr: addr("10.10.10.11"), host_name: Some("pool-11".into()), ..Dhcp::default() };
    let assets = learn(site(vec![]), &[dhcp(at(0), ROUTER, ask), dhcp(at(0), ROUTER, ack)]);
    assert_eq!(names(&assets, "10.10.10.11"), ["10.10.10.11", HOST]);
    let d = assets.device_of(addr("10.10.10.11")).unwrap();
    assert_eq!((d.names.clone(), d.zone.as_str()), (vec!["TERM1".to_string()], "ward"));
    assert!(assets.device_by_mac(mac(ROUTER)).is_none());
    let forged = Dhcp { op: 1, kind: 1, chaddr: mac("02:00:00:00:00:99"), ..Dhcp::default() };
    assert_eq!(learn(site(vec![]), &[dhcp(at(0), EVIL, forged)]).devices().count(), 0, "a starvation attack makes no devices");
}

#[test]
fn a_lease_that_passes_on_and_a_take_over_after_silence_are_no_dispute() {
    let ack = |m: &str| Dhcp { op: 2, kind: 5, chaddr: mac(m), yiaddr: addr("10.10.10.11"), giaddr: addr("10.10.10.1"), ..Dhcp::default() };
    let assets = learn(site(vec![]), &[dhcp(at(0), ROUTER, ack(HOST)), dhcp(at(9), ROUTER, ack(EVIL))]);
    assert_eq!(names(&assets, "10.10.10.11"), ["10.10.10.11", EVIL]);
    assert!(assets.device_by_mac(mac(HOST)).unwrap().addrs.is_empty());
    let claim = |ts, m| arp(ts, 1, m, "10.10.10.9", "10.10.10.9");
    let assets = learn(site(vec![]), &[claim(at(0), HOST), claim(at(700), EVIL)]);
    assert_eq!(names(&assets, "10.10.10.9"), ["10.10.10.9", EVIL]);
}

#[test]
fn privacy_addresses_do_not_flood_a_device() {
    let mut events = Vec::new();
    for i in 0..100u64 {
        let target = addr(&format!("2001:db8:1::{i:x}"));
        let nd = Nd { kind: 136, source: target, target, mac: Some(mac(HOST)), lifetime: 0, prefix: None, is_override: true };
        events.push(Event { ts: at(i), packet: 1, kind: EventKind::Link { mac: mac(HOST), vlan: Vlans::default(), message: Message::Nd(nd) } });
    }
    let assets = learn(site(vec![]), &events);
    let d = assets.device_by_mac(mac(HOST)).unwrap();
    assert_eq!((d.addrs.len(), d.gateway), (Device::MAX_ADDRS, false));
    assert_eq!(d.addrs.last(), Some(&addr("2001:db8:1::63")));
}

#[test]
fn the_ledger_knows_by_mac_by_address_and_by_name() {
    let by_ip = Entry { ips: vec![addr("10.10.10.12")], role: Role::Printer, ..Entry::default() };
    let other = Entry { mac: Some(mac(HOST)), ips: vec![addr("10.10.10.13")], ..Entry::default() };
    let by_name = Entry { name: "CT-1".into(), role: Role::Modality, ..Entry::default() };
    let nbns = Message::Nbns(Box::new(Nbns { opcode: 5, name: "ct-1".into(), ..Nbns::default() }));
    let flow = FlowInfo { tuple: FiveTuple { orig: addr("10.10.10.14"), ..FiveTuple::default() }, ..FlowInfo::default() };
    let events = [
        arp(at(0), 1, EVIL, "10.10.10.12", "10.10.10.1"),
        arp(at(0), 1, "00:07:40:66:66:67", "10.10.10.13", "10.10.10.1"),
        arp(at(0), 1, "00:07:40:66:66:68", "10.10.10.14", "10.10.10.1"),
        Event { ts: at(1), packet: 2, kind: EventKind::Message { flow, from_orig: true, message: nbns } },
    ];
    let assets = learn(site(vec![by_ip, other, by_name]), &events);
    let status = |a: &str| assets.device_of(addr(a)).map(|d| (d.status, d.role)).unwrap();
    assert_eq!(status("10.10.10.12"), (Status::Listed, Role::Printer));
    assert_eq!(status("10.10.10.13"), (Status::Unlisted, Role::Unknown), "the address of another MAC's line");
    assert_eq!(status("10.10.10.14"), (Status::Listed, Role::Modality));
}

#[test]
fn who_answers_for_many_names_has_none_of_them() {
    let say = |t: u64, from: &str, service, m| {
        let flow = FlowInfo { service, tuple: FiveTuple { orig: addr(from), ..FiveTuple::default() }, ..FlowInfo::default() };
        Event { ts: at(t), packet: 2, kind: EventKind::Message { flow, from_orig: true, message: m } }
    };
    let llmnr = |t, from: &str, name: &str| {
        let dns = crate::protocols::dns::Dns { response: true, addrs: vec![(name.into(), addr(from))], ..Default::default() };
        say(t, from, Service::Llmnr, Message::Dns(Box::new(dns)))
    };
    let nbns = |t, from: &str, name: &str, response| {
        let n = Nbns { opcode: if response { 0 } else { 5 }, response, name: name.into(), ..Nbns::default() };
        say(t, from, Service::Nbns, Message::Nbns(Box::new(n)))
    };
    let (evil, host) = ("10.10.10.66", "10.10.10.12");
    let seen = [arp(at(0), 1, EVIL, evil, "10.10.10.1"), arp(at(0), 1, HOST, host, "10.10.10.1")];
    let own = nbns(1, evil, "LAPTOP-9", false);
    let lured = ["files", "wpad", "LAPTOP-9", "proxy"].iter().enumerate().map(|(i, n)| llmnr(2 + i as u64, evil, n));
    let poisoner: Vec<Event> = seen.iter().cloned().chain([own]).chain(lured).chain([nbns(9, evil, "PRINT01", true)]).collect();
    let names = |assets: &Assets, a: &str| assets.device_of(addr(a)).unwrap().names.clone();
    assert_eq!(names(&learn(site(vec![]), &poisoner[..5]), evil), ["LAPTOP-9", "files", "wpad"], "two could be its own");
    assert_eq!(names(&learn(site(vec![]), &poisoner), evil), ["LAPTOP-9"], "its own registration stays");
    // A computer answers for itself, in every spelling, all day; names that change in the course of days are its own.
    let plain = (0..40).map(|i| llmnr(1 + i * 60, host, if i % 2 == 0 { "WARD3" } else { "ward3" }));
    let slow = (0..6).map(|i| llmnr(10_000 + i * 4_000, host, &format!("ward3-{i}")));
    let assets = learn(site(vec![]), &seen.iter().cloned().chain(plain).chain(slow).collect::<Vec<_>>());
    assert_eq!(names(&assets, host).len(), 7);
}

fn contact(orig: &str, resp: &str, port: u16, ts: Timestamp, confidence: Confidence) -> Event {
    let tuple = FiveTuple { orig: addr(orig), resp: addr(resp), orig_port: 40_000, resp_port: port, proto: proto::TCP };
    let flow = FlowInfo { tuple, service: Service::of_port(6, port), confidence, first_ts: ts, ..FlowInfo::default() };
    let contact = Contact { flow, outcome: Outcome::Answered, shape: Shape::Syn, icmp: None, tries: 1 };
    Event { ts, packet: 1, kind: EventKind::Contact(contact) }
}

#[test]
fn services_edges_and_roles() {
    let mut events = vec![arp(at(0), 1, HOST, "10.10.10.20", "10.10.10.1")];
    for i in 0..5u32 {
        events.push(contact(&Addr::v4(0x0a0a_0a1e + i).to_string(), "10.10.10.20", 445, at(1), Confidence::Syn));
    }
    events.push(contact("10.10.10.30", "10.10.10.21", 445, at(2), Confidence::Syn));
    events.push(contact("10.10.10.30", "10.10.10.22", 445, at(2), Confidence::First));
    let assets = learn(site(vec![]), &events);
    assert!(assets.services.offers(addr("10.10.10.20"), 6, 445));
    assert!(!assets.services.offers(addr("10.10.10.22"), 6, 445), "who originated is not known");
    assert_eq!(assets.services.users_of(addr("10.10.10.20"), Service::Smb), 5);
    assert_eq!(assets.role(addr("10.10.10.20")), Role::Server);
    assert_eq!(assets.edges.fan_out(addr("10.10.10.30"), Service::Smb), 2);
    assert_eq!(assets.edges.get(addr("10.10.10.30"), addr("10.10.10.21"), Service::Smb).unwrap().flows, 1);
    assert_eq!(assets.since(), Some(at(0)));
    assert!(assets.held().iter().any(|h| h.0 == "admin_edges" && h.1 == 6));
}

/// An order in which lists can be compared.
fn sorted(mut m: Memory) -> Memory {
    m.devices.sort_by_key(|d| d.id);
    m.bindings.sort_by_key(|b| b.0);
    m.edges.sort_by_key(|e| (e.0, e.1, e.2));
    m.offers.sort();
    m.users.sort_by_key(|u| u.0);
    m.uses.sort_by_key(|j| (j.user, j.host, j.proto, j.port));
    m.places.sort();
    m
}

fn answered(ts: Timestamp, orig: &str, resp: &str) -> Event {
    let tuple = FiveTuple { orig: addr(orig), resp: addr(resp), orig_port: 50_000, resp_port: 445, proto: proto::TCP };
    let flow = FlowInfo { tuple, service: Service::Smb, confidence: Confidence::Syn, first_ts: ts, ..FlowInfo::default() };
    Event { ts, packet: 1, kind: EventKind::Contact(Contact { flow, outcome: Outcome::Answered, shape: Shape::Syn, icmp: None, tries: 1 }) }
}

#[test]
fn what_was_learned_comes_back_whole() {
    let events = [
        arp(at(0), 1, HOST, "10.10.10.11", "10.10.10.1"),
        seen(at(1), EVIL, "10.10.10.77", 64, false),
        arp(at(2), 1, EVIL, "10.10.10.11", "10.10.10.1"),
        seen(at(3), ROUTER, "10.10.20.5", 63, true),
        answered(at(4), "10.10.10.11", "10.10.10.77"),
    ];
    let before = learn(site(vec![]), &events);
    let mut after = Assets::new(site(vec![]));
    after.restore(before.memory());
    assert_eq!(sorted(after.memory()), sorted(before.memory()));
    assert!(before.binding(addr("10.10.10.11")).unwrap().rival.is_some(), "the dispute is part of it");
    assert_eq!((after.edges.fan_out(addr("10.10.10.11"), Service::Smb), after.edges.came_to(addr("10.10.10.77")).count()), (1, 1));
    // Learning goes on: the device is the one that was there, and a gateway stays one.
    after.update(&arp(at(900), 1, HOST, "10.10.10.12", "10.10.10.1"));
    assert_eq!(after.device_by_mac(mac(HOST)).unwrap().first_seen, at(0));
    assert!(after.is_gateway(mac(ROUTER)));
}

#[test]
fn a_decision_stands_above_the_ledger_until_its_time_is_over() {
    let listed = Entry { mac: Some(mac(HOST)), name: "PC".into(), ..Entry::default() };
    let mut assets = learn(site(vec![listed]), &[arp(at(0), 1, HOST, "10.10.10.11", "10.10.10.1")]);
    let status = |a: &Assets, m| a.device_by_mac(mac(m)).unwrap().status;
    let (host, evil) = (DeviceId::Mac(mac(HOST)), DeviceId::Mac(mac(EVIL)));
    assets.decide(host, Some(Decision { state: Status::Refused, until: None }));
    // Decided before it was ever seen.
    assets.decide(evil, Some(Decision { state: Status::Authorised, until: Some(at(100)) }));
    assets.update(&seen(at(10), EVIL, "10.10.10.77", 64, false));
    assert_eq!((status(&assets, HOST), status(&assets, EVIL)), (Status::Refused, Status::Authorised));
    assert_eq!((assets.expire(at(99)), assets.expire(at(100)), assets.expire(at(101))), (vec![], vec![evil], vec![]));
    assert_eq!(status(&assets, EVIL), Status::Expired);
    let mut after = Assets::new(site(vec![]));
    after.decide(evil, Some(Decision { state: Status::Authorised, until: Some(at(1_000)) }));
    after.restore(assets.memory());
    assert_eq!((status(&after, EVIL), status(&after, HOST)), (Status::Authorised, Status::New), "the decisions and the ledger of today count");
    after.decide(evil, None);
    assert_eq!(status(&after, EVIL), Status::New);
    assert_eq!("mac-00:07:40:66:66:66".parse(), Ok(evil));
    for wrong in ["", "mac-", "mac-zz", "ip-10.0.0", "00:07:40:66:66:66"] {
        assert!(wrong.parse::<DeviceId>().is_err(), "{wrong}");
    }
}

#[test]
fn what_is_first_seen_in_an_incident_never_becomes_a_habit_and_a_time_can_be_forgotten() {
    let (a, b, c, day) = ("10.10.10.11", "10.10.10.12", "10.10.10.13", Span::hours(24));
    let mut assets = learn(site(vec![]), &[answered(at(0), a, b)]);
    let habit = |assets: &Assets, to: &str, ts| assets.edges.is_habit(addr(a), addr(to), Service::Smb, ts, day);
    assets.pause(true);
    assets.update(&answered(at(10), a, c));
    assets.update(&answered(at(200_000), a, c));
    assert!(habit(&assets, b, at(200_000)) && !habit(&assets, c, at(200_000)), "what was known before stays known");
    assets.pause(false);
    assets.update(&answered(at(200_001), a, c));
    assert!(!habit(&assets, c, at(200_002)) && habit(&assets, c, at(300_000)), "it is learned from then on");
    assert_eq!((assets.forget(at(200_000), at(200_001)), assets.edges.fan_out(addr(a), Service::Smb)), (1, 1));
    assert!(assets.edges.get(addr(a), addr(c), Service::Smb).is_none() && assets.edges.came_to(addr(c)).next().is_none());
    assert!(assets.services.offers(addr(c), 6, 445), "its service was known before that time");
}
