//! A working day: terminals at the record, pictures to the archive, orders, prints, names, time, monitoring, the office on the web, and the chatter
//! of every local network. None of it is anybody's alarm.

use super::hospital::*;
use super::net::{Host, MS, Net, S};
use super::smb::{Logon, use_files};
use super::{dhcp, link, names, tls, ward};

/// How busy it is: 1 is a demo's day, more is quieter.
pub fn day(net: &mut Net, from: u64, secs: u64, quiet: u64) {
    let until = from + secs * S;
    for (i, pc) in WARD.iter().enumerate() {
        terminal(net, from + i as u64 * 1_700 * MS, until, pc, quiet);
    }
    for (i, pc) in OFFICE.iter().enumerate() {
        office(net, from + i as u64 * 2_300 * MS, until, pc, quiet);
    }
    machines(net, from, until, quiet);
    services(net, from, until, quiet);
    chatter(net, from, until);
}

/// Times from `from` on, about `every` seconds apart.
fn times(net: &mut Net, from: u64, until: u64, every: u64) -> Vec<u64> {
    let mut all = Vec::new();
    let mut t = from + net.rng.range(0, 3_000) * MS;
    while t < until {
        all.push(t);
        t += every * S + net.rng.range(0, 2_000) * MS - S;
    }
    all
}

/// A ward terminal logs on to its share and then works with the record, the pictures and the portal.
fn terminal(net: &mut Net, from: u64, until: u64, pc: &Host, quiet: u64) {
    link::ipv6_start(net, from + 900 * MS, pc);
    link::gratuitous(net, from + 100 * MS, pc.vlan, pc.mac, pc.ip);
    for t in times(net, from + 8 * S, until, 128 * quiet) {
        ward::time(net, t, pc, &INFRA);
    }
    for t in times(net, from + 40 * S, until, 300) {
        dhcp::renew(net, t, pc, &DHCP);
    }
    if is_idle(pc, quiet) {
        return;
    }
    names::lookup(net, from + 2 * S, pc, &INFRA, "files.hill.example", &[FILES.ip]);
    let nurse = Logon { domain: "HILL", user: "nurse3", workstation: pc.name };
    use_files(net, from + 2_100 * MS, pc, &FILES, &nurse, "ward3", 1_200);
    for t in times(net, from + 5 * S, until, 50 * quiet) {
        let t = names::lookup(net, t, pc, &INFRA, "emr.hill.example", &[EMR.ip]);
        tls::visit(net, t + MS, pc, &EMR, 443, Some("emr.hill.example"), 600, 1_400);
    }
    for t in times(net, from + 17 * S, until, 110 * quiet) {
        let t = names::lookup(net, t, pc, &INFRA, "portal.hill.example", &[INFRA.ip]);
        tls::http(net, t + MS, pc, &INFRA, 80, "portal.hill.example", "/duty.html", 900);
    }
    for t in times(net, from + 25 * S, until, 140 * quiet) {
        tls::visit(net, t, pc, &PACS, 443, Some("pacs.hill.example"), 500, 9_000 / quiet as usize);
    }
    for t in times(net, from + 31 * S, until, 190 * quiet) {
        ward::print(net, t, pc, &WARD_PRINTER, 4_000 / quiet as usize);
    }
}

/// In a quiet hour only every third computer is worked at.
fn is_idle(pc: &Host, quiet: u64) -> bool {
    quiet > 1 && !pc.ip.octets()[3].is_multiple_of(3)
}

/// An office computer reads mail and news.
fn office(net: &mut Net, from: u64, until: u64, pc: &Host, quiet: u64) {
    link::gratuitous(net, from + 100 * MS, pc.vlan, pc.mac, pc.ip);
    if is_idle(pc, quiet) {
        return;
    }
    for t in times(net, from + 3 * S, until, 38 * quiet) {
        let (name, site) = *net.rng.pick(&SITES);
        let t = names::lookup_outside(net, t, pc, &INFRA, &FORWARDER, name, &[site.ip]);
        tls::visit(net, t + MS, pc, &site, 443, Some(name), 600, 4_000 / quiet as usize);
    }
    let clerk = Logon { domain: "HILL", user: "clerk", workstation: pc.name };
    for t in times(net, from + 12 * S, until, 260 * quiet).into_iter().filter(|t| t + 10 * S < until) {
        use_files(net, t, pc, &FILES, &clerk, "office", 3_000);
    }
}

/// Modalities, orders, the copier.
fn machines(net: &mut Net, from: u64, until: u64, quiet: u64) {
    for (h, every, bytes) in [(CT, 75, 20_000), (US, 95, 12_000)] {
        link::gratuitous(net, from + 300 * MS, h.vlan, h.mac, h.ip);
        for t in times(net, from + 9 * S, until, every * quiet) {
            ward::store_images(net, t, &h, &PACS, bytes / quiet as usize);
        }
    }
    for (i, t) in times(net, from + 2 * S, until, 14 * quiet).into_iter().enumerate() {
        ward::order(net, t, &EMR, &ENGINE, 20_000 + i as u64);
    }
    for h in [WARD_PRINTER, COPIER] {
        for t in times(net, from + 6 * S, until, 60) {
            names::mdns_announce(net, t, &h);
        }
    }
}

/// Time, names, monitoring, copies of the directory.
fn services(net: &mut Net, from: u64, until: u64, quiet: u64) {
    for h in [EMR, ENGINE, PACS, FILES, LAB, BACKUP, ADMIN, INFRA2] {
        link::gratuitous(net, from + 150 * MS, h.vlan, h.mac, h.ip);
        for t in times(net, from + 4 * S, until, 128) {
            ward::time(net, t, &h, &INFRA);
        }
    }
    for t in times(net, from + 11 * S, until, 64) {
        ward::time(net, t, &INFRA, &CLOCK);
    }
    for (i, t) in times(net, from + 15 * S, until, 60 * quiet).into_iter().enumerate() {
        let mut t = t;
        for h in [WARD[0], WARD[5], CT, US, WARD_PRINTER, COPIER, EMR, PACS, FILES, LAB, BACKUP, INFRA, SUPPLIER] {
            net.ping(t, &ADMIN, h.ip, i as u16);
            t += 210 * MS;
        }
        ward::counter(net, t, &ADMIN, &WARD_PRINTER);
        ward::counter(net, t + 300 * MS, &ADMIN, &COPIER);
    }
}

/// What nobody asked for and every network has.
fn chatter(net: &mut Net, from: u64, until: u64) {
    for (i, pc) in WARD.iter().chain(&OFFICE).enumerate() {
        for t in times(net, from + (i as u64 * 3 + 2) * S, until, 130) {
            match net.rng.range(0, 5) {
                0 => names::netbios_register(net, t, pc),
                1 => names::netbios_query(net, t, pc, "FILES"),
                2 => names::llmnr_query(net, t, pc, "wpad"),
                3 => names::mdns_printers(net, t, pc),
                4 => names::ssdp_search(net, t, pc),
                _ => link::neighbour(net, t, pc, if pc.vlan == 110 { &WARD_PRINTER } else { &COPIER }),
            }
        }
    }
    for t in times(net, from, until, 2) {
        link::spanning_tree(net, t);
    }
    for t in times(net, from + S, until, 30) {
        link::lldp(net, t);
    }
    for vlan in [110, 130] {
        for t in times(net, from + 5 * S, until, 120) {
            link::router_advertisement(net, t, vlan);
        }
    }
}
