//! Link-layer and DHCP events for unit tests, and a hospital whose ledger lists MACs.

use super::testing::{a, hospital};
use crate::base::{Addr, Mac, Service, Timestamp};
use crate::event::{Event, EventKind, FlowInfo, Sighting};
use crate::protocols::{Message, arp::Arp, dhcp::Dhcp, nd::Nd};
use crate::site::{Entry, Ledger, Role, Site};
use crate::wire::Vlans;

/// A listed terminal, 10.10.10.11.
pub const TERM1: &str = "00:00:0e:10:10:11";
/// The listed router of the clinical network, 10.10.10.1.
pub const ROUTER: &str = "00:00:0c:00:00:10";
/// The listed name and address server, 10.10.20.5.
pub const INFRA: &str = "00:05:69:20:20:05";
/// Not listed.
pub const EVIL: &str = "00:07:40:66:66:66";

/// A MAC from text.
pub fn mac(s: &str) -> Mac {
    s.parse().unwrap()
}

/// The hospital of [`hospital`] with MACs in its ledger.
pub fn ledgered() -> Site {
    let e = |m: &str, ip: &str, name: &str, role| Entry { mac: Some(mac(m)), ips: vec![a(ip)], name: name.into(), role, ..Entry::default() };
    let entries = vec![
        e(TERM1, "10.10.10.11", "term1", Role::Terminal),
        e(ROUTER, "10.10.10.1", "router", Role::Gateway),
        e(INFRA, "10.10.20.5", "infra", Role::Infrastructure),
    ];
    Site { ledger: Ledger::new(entries), ..hospital() }
}

/// A frame with an address.
pub fn sighting(ts: Timestamp, m: &str, addr: Option<&str>, ttl: u8) -> Event {
    let s = Sighting { mac: mac(m), to: Mac::BROADCAST, vlan: Vlans([10, 0]), addr: addr.map(a), ttl, forwarded: false, iface: 0 };
    Event { ts, packet: 5, kind: EventKind::Sighting(s) }
}

/// A frame without an address to a MAC.
pub fn sighting_to(ts: Timestamp, m: &str, to: &str) -> Event {
    let s = Sighting { mac: mac(m), to: mac(to), vlan: Vlans([10, 0]), addr: None, ttl: 0, forwarded: false, iface: 0 };
    Event { ts, packet: 5, kind: EventKind::Sighting(s) }
}

/// The same event on no VLAN.
pub fn untagged(mut e: Event) -> Event {
    match &mut e.kind {
        EventKind::Sighting(s) => s.vlan = Vlans::default(),
        EventKind::Link { vlan, .. } => *vlan = Vlans::default(),
        _ => {}
    }
    e
}

/// ARP from a MAC of one's choice.
pub fn arp_from(ts: Timestamp, op: u16, m: &str, sender: &str, target: &str) -> Event {
    let message = Message::Arp(Arp { op, sender_mac: mac(m), sender: a(sender), target_mac: Mac::ZERO, target: a(target) });
    Event { ts, packet: 6, kind: EventKind::Link { mac: mac(m), vlan: Vlans([10, 0]), message } }
}

/// An ARP answer with its receiver's MAC in it.
pub fn arp_to(ts: Timestamp, m: &str, sender: &str, to: &str, target: &str) -> Event {
    let message = Message::Arp(Arp { op: 2, sender_mac: mac(m), sender: a(sender), target_mac: mac(to), target: a(target) });
    Event { ts, packet: 6, kind: EventKind::Link { mac: mac(m), vlan: Vlans([10, 0]), message } }
}

/// A neighbour advertisement that overrides, asked for by nobody.
pub fn advertised(ts: Timestamp, m: &str, target: &str) -> Event {
    let nd = Nd { kind: 136, source: a(target), target: a(target), mac: Some(mac(m)), lifetime: 0, prefix: None, is_override: true };
    Event { ts, packet: 6, kind: EventKind::Link { mac: mac(m), vlan: Vlans([10, 0]), message: Message::Nd(nd) } }
}

fn dhcp(ts: Timestamp, frame: &str, d: Dhcp) -> Event {
    let from_orig = d.op == 1;
    let flow = FlowInfo { mac: [mac(frame), mac(frame)], vlan: [Vlans([10, 0]); 2], service: Service::Dhcp, ..FlowInfo::default() };
    Event { ts, packet: 8, kind: EventKind::Message { flow, from_orig, message: Message::Dhcp(Box::new(d)) } }
}

/// A DHCP request.
pub fn dhcp_ask(ts: Timestamp, m: &str, name: &str, class: &str) -> Event {
    let (host_name, vendor_class) = (Some(name.to_owned()), Some(class.to_owned()));
    dhcp(ts, m, Dhcp { op: 1, kind: 3, chaddr: mac(m), host_name, vendor_class, giaddr: Addr::v4(0), ciaddr: Addr::v4(0), ..Dhcp::default() })
}

/// A DHCP answer of a kind (2 offer, 5 acknowledgement) from `server` through `relay` (`0.0.0.0` = none), with itself or another as router.
pub fn dhcp_answer(ts: Timestamp, frame: &str, kind: u8, server: &str, relay: &str, yours: &str, router: &str) -> Event {
    let d = Dhcp {
        op: 2,
        kind,
        chaddr: mac(TERM1),
        server: Some(a(server)),
        giaddr: a(relay),
        yiaddr: a(yours),
        ciaddr: Addr::v4(0),
        routers: vec![a(router)],
        dns: vec![a(router)],
        ..Dhcp::default()
    };
    dhcp(ts, frame, d)
}
