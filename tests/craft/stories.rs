//! What intruders and other uninvited guests do, step by step, on the hospital's network.

use super::frame::{self};
use super::hospital::*;
use super::net::{Host, MS, Net, S, gateway_of, vlan_of};
use super::smb::{ACCESS_DENIED, LOGON_FAILURE, Logon, Smb, use_admin_share};
use super::tcp::{half_open, prohibited, refused, unanswered};
use super::{dhcp, link, names, remote, tls};
use std::net::Ipv4Addr;

/// The administrator's account that intruders get hold of.
pub const STOLEN: &str = "adm-kondo";

/// An address in a network of the hospital.
pub fn at(net: u8, last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 40, net, last)
}

/// The unlisted laptop is plugged in, gets an address, asks for names, and tries doors. When it was done.
pub fn laptop_joins(net: &mut Net, t: u64) -> u64 {
    net.join(LAPTOP);
    link::ipv6_start(net, t, &LAPTOP);
    let t = dhcp::join(net, t + 400 * MS, &dhcp::windows(&LAPTOP), &DHCP, LAPTOP.ip);
    names::netbios_register(net, t + 300 * MS, &LAPTOP);
    names::llmnr_query(net, t + 500 * MS, &LAPTOP, "wpad");
    names::mdns_announce(net, t + 700 * MS, &LAPTOP);
    names::lookup(net, t + S, &LAPTOP, &INFRA, "emr.hill.example", &[EMR.ip]);
    let mut t = t + 2 * S;
    for h in [EMR, FILES, PACS] {
        t = net.ping(t, &LAPTOP, h.ip, 1).unwrap_or(t) + 400 * MS;
    }
    t = tls::visit(net, t, &LAPTOP, &EMR, 443, Some("emr.hill.example"), 500, 1_800) + S;
    let me = Logon { domain: "NOTE-K", user: "k", workstation: "NOTE-K" };
    let mut s = Smb::connect(net, t, &LAPTOP, &FILES);
    s.logon(net, &me, LOGON_FAILURE);
    s.tcp.close(net)
}

/// A terminal puts files into a storage in the cloud.
pub fn upload(net: &mut Net, t: u64, pc: &Host, name: &str, bytes: usize) -> u64 {
    let t = names::lookup_outside(net, t, pc, &INFRA, &FORWARDER, name, &[STORAGE.ip]);
    let mut c = tls::open(net, t + MS, pc, &STORAGE, 443, Some(name));
    let mut left = bytes;
    while left > 0 {
        let n = left.min(32_000);
        tls::exchange(net, &mut c, n, 240);
        c.wait(120 * MS);
        left -= n;
    }
    c.wait(30 * MS).close(net)
}

/// SYNs to one port of many addresses: half-open where someone answers, refused where nothing listens, silence elsewhere.
pub fn sweep(net: &mut Net, t: u64, from: &Host, network: u8, lasts: impl Iterator<Item = u8>, port: u16, listens: &[Host], gap: u64) -> u64 {
    let mut t = t;
    for last in lasts {
        let ip = at(network, last);
        match net.holder(ip).filter(|h| h.ip != from.ip) {
            Some(h) if listens.contains(&h) => {
                half_open(net, t, from, &h, port);
            }
            Some(h) => {
                refused(net, t, from, &h, port);
            }
            None if ip != from.ip && ip != gateway_of(ip) => unanswered(net, t, from, ip, port, 1),
            None => {}
        }
        t += gap;
    }
    t
}

/// Everyone with Windows file sharing on.
pub fn windows_hosts() -> Vec<Host> {
    let mut all = WARD.to_vec();
    all.extend(OFFICE);
    all.extend([INFRA, INFRA2, EMR, FILES, LAB, ADMIN, PACS, CT]);
    all
}

/// From one host by the administrative share into others, one after the other, with the stolen account.
pub fn spread(net: &mut Net, t: u64, from: &Host, into: &[Host], gap: u64, bytes: usize) -> u64 {
    let who = Logon { domain: "HILL", user: STOLEN, workstation: from.name };
    let mut t = t;
    for h in into {
        t = use_admin_share(net, t, from, h, &who, "Temp\\svchost32.exe", bytes) + gap;
    }
    t
}

/// The laboratory supplier's host logs on to the laboratory server; from there someone looks for terminals and goes into them. `terminals` are
/// the victims; when it was over.
pub fn supplier_chain(net: &mut Net, t: u64, terminals: &[Host]) -> u64 {
    let end = remote::desktop(net, t, &SUPPLIER, &LAB, "acme-maint", 100);
    let t = t + 40 * S;
    let windows = windows_hosts();
    let t = sweep(net, t, &LAB, 10, 20..36, 445, &windows, 180 * MS) + 2 * S;
    spread(net, t, &LAB, terminals, 1_500 * MS, 24_000).max(end)
}

/// A shy try at an administrative share that is denied.
pub fn denied(net: &mut Net, t: u64, from: &Host, to: &Host) -> u64 {
    let who = Logon { domain: "HILL", user: "nurse3", workstation: from.name };
    let mut s = Smb::connect(net, t, from, to);
    s.logon(net, &who, 0).tree(net, "C$", ACCESS_DENIED);
    s.tcp.close(net)
}

/// Ports of one host, most of them closed.
pub fn port_scan(net: &mut Net, t: u64, from: &Host, to: &Host, ports: impl Iterator<Item = u16>, open: &[u16], gap: u64) -> u64 {
    let mut t = t;
    for p in ports {
        if open.contains(&p) {
            half_open(net, t, from, to, p);
        } else {
            refused(net, t, from, to, p);
        }
        t += gap;
    }
    t
}

/// The laptop tells a terminal that it is the gateway, and the gateway that it is the terminal, and hands on what it gets.
pub fn arp_spoof(net: &mut Net, t: u64, victim: &Host, secs: u64) -> u64 {
    net.join(LAPTOP);
    let gateway = (super::net::router_mac(victim.vlan), gateway_of(victim.ip));
    net.resolve(t, (LAPTOP.mac, LAPTOP.ip), victim.vlan, gateway.1);
    net.resolve(t + 40 * MS, (LAPTOP.mac, LAPTOP.ip), victim.vlan, victim.ip);
    let t = t + S;
    for i in 0..secs / 2 {
        let now = t + i * 2 * S;
        link::arp_answer(net, now, victim.vlan, LAPTOP.mac, gateway.1, (victim.mac, victim.ip));
        link::arp_answer(net, now + 3 * MS, victim.vlan, LAPTOP.mac, victim.ip, gateway);
        // The victim's own word goes on meanwhile, by way of the laptop.
        let port = net.port(victim.ip);
        let question = names::question(0x77 + i as u16, 0x0100, "emr.hill.example");
        let l4 = frame::udp(victim.ip.into(), INFRA.ip.into(), (port, 53), &question);
        let ip = |ttl| frame::ipv4(&frame::Ip { src: victim.ip, dst: INFRA.ip, proto: 17, ttl, id: 0x4400 + i as u16 }, &l4);
        net.frame(now + S, victim.vlan, victim.mac, LAPTOP.mac, 0x0800, &ip(128));
        net.frame(now + S + 300_000, victim.vlan, LAPTOP.mac, gateway.0, 0x0800, &ip(127));
        net.frame(now + S + 310_000, vlan_of(INFRA.ip), super::net::router_mac(120), INFRA.mac, 0x0800, &ip(126));
        let answer = names::answer(0x77 + i as u16, "emr.hill.example", &[EMR.ip]);
        let l4 = frame::udp(INFRA.ip.into(), victim.ip.into(), (53, port), &answer);
        let ip = |ttl| frame::ipv4(&frame::Ip { src: INFRA.ip, dst: victim.ip, proto: 17, ttl, id: 0x6600 + i as u16 }, &l4);
        net.frame(now + S + 700_000, 120, INFRA.mac, super::net::router_mac(120), 0x0800, &ip(128));
        net.frame(now + S + 710_000, victim.vlan, gateway.0, LAPTOP.mac, 0x0800, &ip(127));
        net.frame(now + S + 990_000, victim.vlan, LAPTOP.mac, victim.mac, 0x0800, &ip(126));
        if i % 10 == 9 {
            // The gateway, alive, is asked and answers for itself.
            link::arp_answer(net, now + S + 2_000_000, victim.vlan, gateway.0, gateway.1, (WARD[8].mac, WARD[8].ip));
        }
    }
    t + secs * S
}

/// The same below IPv6: unasked, overriding neighbour advertisements to a terminal (that the laptop is the router) and to the router (that it is the
/// terminal), every two seconds. Beyond a router (`hops` below 255) nobody can speak for a neighbour.
pub fn nd_spoof(net: &mut Net, t: u64, victim: &Host, rounds: u64, hops: u8) -> u64 {
    net.join(LAPTOP);
    let router = super::net::router_mac(victim.vlan);
    let (gateway, me) = (link::link_local(router), link::link_local(victim.mac));
    link::ipv6_start(net, t, &LAPTOP);
    // The terminal asks for its router and is answered; the router asks back.
    link::neighbour_question(net, t + S, victim, gateway);
    link::neighbour_claim(net, t + S + MS, victim.vlan, router, gateway, victim.mac, 255);
    link::neighbour_claim(net, t + S + 2 * MS, victim.vlan, victim.mac, me, router, 255);
    for i in 0..rounds {
        let now = t + 5 * S + i * 2 * S;
        link::neighbour_claim(net, now, victim.vlan, LAPTOP.mac, gateway, victim.mac, hops);
        link::neighbour_claim(net, now + 4 * MS, victim.vlan, LAPTOP.mac, me, router, hops);
        if i % 8 == 7 {
            link::neighbour_question(net, now + S, &WARD[8], gateway);
            link::neighbour_claim(net, now + S + MS, victim.vlan, router, gateway, WARD[8].mac, 255);
        }
    }
    t + 5 * S + rounds * 2 * S
}

/// A small Wi-Fi router, plugged in by its LAN port, hands out addresses in the ward.
pub fn wifi_router(net: &mut Net, t: u64) -> u64 {
    let mac = [0x00, 0x07, 0x40, 0x2d, 0x11, 0x90];
    let router = Host { name: "AP-BUFFALO", mac, ip: at(10, 254), vlan: 110, ttl: 64 };
    net.join(router);
    link::gratuitous(net, t, 110, mac, router.ip);
    let rogue = dhcp::Server { host: router, id: router.ip, router: router.ip, dns: router.ip, lease: 86_400 };
    let mut t = t + 2 * S;
    for (i, pc) in [WARD[7], WARD[8]].iter().enumerate() {
        let c = dhcp::windows(pc);
        let xid = net.rng.next() as u32;
        let ip = at(10, 150 + i as u8);
        let q = dhcp::request(&c, dhcp::DISCOVER, xid, vec![]);
        dhcp::broadcast(net, t, 110, &q);
        // It stands nearer and answers first; the hospital's own offer comes too late.
        let offered = dhcp::local(net, t + MS, 110, &rogue, &q, dhcp::OFFER, ip);
        dhcp::relayed(net, t + MS / 2, 110, &DHCP, &q, dhcp::OFFER, pc.ip);
        let q = dhcp::request(&c, dhcp::REQUEST, xid, vec![(50, ip.octets().to_vec()), (54, router.ip.octets().to_vec())]);
        dhcp::broadcast(net, offered + 9 * MS, 110, &q);
        let up = dhcp::local(net, offered + 10 * MS, 110, &rogue, &q, dhcp::ACK, ip);
        net.leave(*pc);
        let moved = Host { ip, ..*pc };
        net.join(moved);
        let t2 = dhcp::announce(net, up + 20 * MS, &c, ip);
        t = net.ask(t2, &moved, &router, 53, &names::question(5, 0x100, "emr.hill.example"), &names::answer(5, "emr.hill.example", &[EMR.ip]))
            + 3 * S;
    }
    t
}

/// The firewall refuses a terminal's way out.
pub fn blocked(net: &mut Net, t: u64, pc: &Host, name: &str) -> u64 {
    let t = names::lookup_outside(net, t, pc, &INFRA, &FORWARDER, name, &[STORAGE.ip]);
    prohibited(net, t + MS, pc, &FIREWALL, STORAGE.ip, 443);
    unanswered(net, t + 5 * S, pc, STORAGE.ip, 8443, 3);
    t + 9 * S
}
