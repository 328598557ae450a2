//! Further captures of some detectors beside the two of `recipes.rs`: the same scene turned malicious, another way to attack, another honest twin.

use super::frame::Mac;
use super::hospital::{self, *};
use super::net::{Host, MS, Net, S};
use super::recipes::START;
use super::recipes_exec::{EXEC_BY_SUPPLIER, EXEC_PRINTING};
use super::smb::{ACCESS_DENIED, LOGON_FAILURE, Logon, Smb, use_admin_share, use_files};
use super::stories::{self, STOLEN, at};
use super::tcp::{half_open, refused, unanswered};
use super::{link, remote, ward};

/// One further capture.
pub struct Further {
    /// Detector id.
    pub id: &'static str,
    /// File name in the detector's directory; what begins with `attack` must be found, what begins with `benign` must stay silent.
    pub name: &'static str,
    pub story: fn(&mut Net),
    /// Of whom the detector must speak.
    pub orig: Option<Host>,
    /// What it holds, for `RECIPE.md`.
    pub is: &'static str,
}

impl Further {
    pub fn is_attack(&self) -> bool {
        self.name.starts_with("attack")
    }
}

/// When the story begins.
const T: u64 = START + 60 * S;
/// The second and third sessions of those who come in through one address.
const MAINTAINERS: [&str; 3] = ["acme-1", "acme-2", "acme-3"];

/// All of them.
pub const FURTHER: &[Further] = &[
    EXEC_BY_SUPPLIER,
    EXEC_PRINTING,
    Further {
        id: "address-conflict",
        name: "attack-neighbour",
        story: |net| {
            stories::nd_spoof(net, T, &WARD[2], 25, 255);
        },
        orig: Some(LAPTOP),
        is: "Spoofing by IPv6 neighbour discovery: the laptop tells WARD-PC03 every two seconds, unasked, that it is the router, and the router that it is WARD-PC03.",
    },
    Further {
        id: "address-conflict",
        name: "benign-cluster",
        story: cluster,
        orig: None,
        is: "A file server as a load-balanced cluster (its two nodes answer with one virtual MAC, from masked MACs of their own); two routers that take over from each other and back; a team of two cards that fails over and back; a server whose IPv6 addresses a partner takes over; a server that moves to another machine.",
    },
    Further {
        id: "scan",
        name: "attack-slow",
        story: slow_scan,
        orig: Some(WARD[6]),
        is: "A scan by hand over more than three hours: WARD-PC07, which had its files open before, tries one address every four to seven minutes, by SMB or RDP.",
    },
    Further {
        id: "scan",
        name: "benign-slow",
        story: slow_day,
        orig: None,
        is: "Three hours of an office computer with old settings: a server that is gone, a printer that is gone, two colleagues' computers that are off, between many that are on; and monitoring all the time.",
    },
    Further {
        id: "smb-fanout",
        name: "attack-copier",
        story: copier,
        orig: Some(COPIER),
        is: "The copier's scene turned malicious: the copier leaves one scan as always, then somebody on it tries an account on ten computers; eight refuse the logon, two let it in and deny ADMIN$.",
    },
    Further {
        id: "smb-fanout",
        name: "benign-copiers",
        story: many_scans,
        orig: None,
        is: "A busy copier that leaves scans on six computers and is refused by one whose password was changed; the archive that fetches from two modalities again and again.",
    },
    Further {
        id: "rdp-fanout",
        name: "attack-supplier",
        story: |net| {
            let all = [EMR, PACS, LAB, FILES, BACKUP, ENGINE, INFRA, INFRA2];
            for (i, h) in all.iter().enumerate() {
                remote::desktop_refused(net, T + i as u64 * 2_700 * MS, &SUPPLIER, h, "acme-maint");
            }
        },
        orig: Some(SUPPLIER),
        is: "The supplier's host opens remote desktops on eight servers in twenty seconds; each carries a logon and nothing more: somebody tries where an account is good.",
    },
    Further {
        id: "rdp-fanout",
        name: "benign-gateway",
        story: |net| {
            for (i, h) in [LAB, EMR, PACS, FILES].iter().enumerate() {
                for (k, user) in MAINTAINERS.iter().take(2 + i % 2).enumerate() {
                    remote::desktop(net, T + (i as u64 * 4 + k as u64 * 4) * S, &SUPPLIER, h, user, 18);
                }
            }
        },
        orig: None,
        is: "Several people come in through the one address at which the supplier's line ends: two or three desktops at once on each of four servers, all worked in.",
    },
    Further {
        id: "new-admin-edge",
        name: "attack-archive",
        story: |net| {
            let me = Logon { domain: "PACS", user: "dicom", workstation: "PACS" };
            use_files(net, T, &PACS, &CT, &me, "export", 9_000);
            let who = Logon { domain: "HILL", user: STOLEN, workstation: "PACS" };
            use_admin_share(net, T + 20 * S, &PACS, &WARD[4], &who, "Temp\\svchost32.exe", 20_000);
            use_admin_share(net, T + 30 * S, &PACS, &CT, &who, "Temp\\svchost32.exe", 20_000);
        },
        orig: Some(PACS),
        is: "The archive's scene turned malicious: it fetches pictures as always, then goes by ADMIN$ into a ward terminal and into the tomograph.",
    },
    Further {
        id: "spread-path",
        name: "attack-management",
        story: |net| {
            remote::desktop(net, T, &SUPPLIER, &ADMIN, "acme-maint", 50);
            remote::desktop(net, T + 5 * S, &ADMIN, &EMR, STOLEN, 15);
            let who = Logon { domain: "HILL", user: STOLEN, workstation: "ITAM" };
            use_admin_share(net, T + 22 * S, &ADMIN, &WARD[2], &who, "Temp\\svchost32.exe", 3_000);
        },
        orig: Some(SUPPLIER),
        is: "The management server's scene turned malicious: it is not an administrator who enters it, but the supplier.",
    },
    super::recipes_impact::RANSOMWARE_SEALED,
    super::recipes_impact::RANSOMWARE_SLOW,
    super::recipes_impact::BENIGN_SEALED,
];

/// A long story between a morning and noon: the quiet day is the recipe's own, monitoring goes on.
fn monitoring(net: &mut Net, from: u64, secs: u64) {
    for (i, t) in (from..from + secs * S).step_by(600 * S as usize).enumerate() {
        for (k, h) in [WARD[0], CT, EMR, FILES, LAB, WARD_PRINTER].iter().enumerate() {
            net.ping(t + k as u64 * 200 * MS, &ADMIN, h.ip, i as u16);
        }
        ward::time(net, t + 3 * S, &WARD[(i * 3) % 10], &INFRA);
        ward::counter(net, t + 4 * S, &ADMIN, &COPIER);
    }
}

fn slow_scan(net: &mut Net) {
    let nurse = Logon { domain: "HILL", user: "nurse3", workstation: "WARD-PC07" };
    use_files(net, T, &WARD[6], &FILES, &nurse, "ward3", 2_000);
    monitoring(net, T + 100 * S, 12_000);
    let mut t = T + 1_500 * S;
    for i in 0..32u8 {
        let (ip, port) = (at(if i % 3 == 0 { 20 } else { 10 }, 33 + i * 5), if i % 4 == 3 { 3389 } else { 445 });
        match net.holder(ip) {
            Some(h) => {
                half_open(net, t, &WARD[6], &h, port);
            }
            None => unanswered(net, t, &WARD[6], ip, port, 1),
        }
        t += net.rng.range(240, 420) * S;
    }
}

fn slow_day(net: &mut Net) {
    monitoring(net, T + 100 * S, 10_000);
    let clerk = Logon { domain: "HILL", user: "clerk", workstation: "OFFICE-02" };
    net.leave(OFFICE[4]);
    net.leave(OFFICE[5]);
    for round in 0..5u64 {
        let t = T + 120 * S + round * 1_900 * S;
        use_files(net, t, &OFFICE[1], &FILES, &clerk, "office", 2_000);
        unanswered(net, t + 20 * S, &OFFICE[1], OLD.ip, 445, 3);
        unanswered(net, t + 60 * S, &OFFICE[1], at(10, 202), 9100, 3);
        unanswered(net, t + 100 * S, &OFFICE[1], OFFICE[4 + (round % 2) as usize].ip, 445, 3);
        let other = [EMR, PACS, LAB, INFRA, OFFICE[0]][round as usize];
        use_files(net, t + 300 * S, &OFFICE[1], &other, &clerk, "office", 1_000);
        refused(net, t + 400 * S, &OFFICE[1], &ENGINE, 445);
    }
}

fn copier(net: &mut Net) {
    let scans = Logon { domain: "", user: "scan", workstation: "MFP-OFFICE" };
    use_files(net, T, &COPIER, &OFFICE[0], &scans, "scan", 4_000);
    let who = Logon { domain: "HILL", user: STOLEN, workstation: "MFP-OFFICE" };
    for (i, h) in WARD.iter().enumerate() {
        let mut s = Smb::connect(net, T + 20 * S + i as u64 * 3 * S, &COPIER, h);
        if i % 4 == 3 {
            s.logon(net, &who, 0).tree(net, "IPC$", 0).tree(net, "ADMIN$", ACCESS_DENIED);
        } else {
            s.logon(net, &who, LOGON_FAILURE);
        }
        s.tcp.close(net);
    }
}

fn many_scans(net: &mut Net) {
    let scans = Logon { domain: "", user: "scan", workstation: "MFP-OFFICE" };
    for (i, h) in [OFFICE[0], OFFICE[2], OFFICE[3], OFFICE[4], OFFICE[5], FILES].iter().enumerate() {
        use_files(net, T + i as u64 * 9 * S, &COPIER, h, &scans, "scan", 4_000);
    }
    let mut s = Smb::connect(net, T + 57 * S, &COPIER, &OFFICE[1]);
    s.logon(net, &scans, LOGON_FAILURE);
    s.tcp.close(net);
    let me = Logon { domain: "PACS", user: "dicom", workstation: "PACS" };
    for round in 0..3u64 {
        for (i, h) in [CT, US].iter().enumerate() {
            use_files(net, T + (round * 20 + i as u64 * 5) * S, &PACS, h, &me, "export", 6_000);
        }
    }
}

/// A node of the cluster as its frames show it: the cluster's address behind a masked MAC.
const fn node(n: u8) -> Host {
    Host { name: "files", mac: [0x02, n, 10, 40, 20, 30], ip: FILES.ip, vlan: 120, ttl: 128 }
}

fn cluster(net: &mut Net) {
    // Load balancing: one virtual MAC in the answers, masked MACs in the frames, both nodes alive.
    net.leave(FILES);
    let shared: Mac = [0x02, 0xbf, 10, 40, 20, 30];
    for i in 0..10u64 {
        let t = T + i * 4 * S;
        let asker = [(EMR.mac, EMR.ip), (LAB.mac, LAB.ip)][(i % 2) as usize];
        link::arp_question(net, t, 120, asker, FILES.ip);
        let answer = super::frame::arp(2, (shared, FILES.ip), asker);
        net.frame(t + MS, 120, node(1 + (i % 2) as u8).mac, asker.0, 0x0806, &answer);
    }
    // Routers that take over from each other: there and back, twice.
    let virtual_mac = [0, 0, 0x5e, 0, 1, 30];
    for i in 0..4u64 {
        let master = if i % 2 == 0 { ROUTER_A } else { ROUTER_B };
        link::gratuitous(net, T + i * 12 * S, 130, virtual_mac, at(30, 254));
        for k in 0..6 {
            link::vrrp(net, T + i * 12 * S + k * S, 130, master.ip, 30, at(30, 254), 110 - i as u8);
        }
    }
    // A team fails over to its second card and back.
    for (after, card) in [(3, EMR), (17, EMR_CARD_2), (41, EMR)] {
        for k in 0..3 {
            link::gratuitous(net, T + after * S + k * 100 * MS, 120, card.mac, EMR.ip);
        }
    }
    // The partner of the laboratory's server takes its IPv6 addresses over and says so three times, to all.
    let all: Mac = [0x33, 0x33, 0, 0, 0, 1];
    let mine = [link::link_local(LAB.mac), std::net::Ipv6Addr::new(0xfd00, 0x20, 0, 0, 0, 0, 0, 0x40)];
    for (i, a) in mine.iter().enumerate() {
        link::neighbour_question(net, T + 6 * S + i as u64 * S, &EMR, *a);
        link::neighbour_claim(net, T + 6 * S + i as u64 * S + MS, 120, LAB.mac, *a, EMR.mac, 255);
        for k in 0..3 {
            link::neighbour_claim(net, T + 33 * S + k * S + i as u64 * MS, 120, FILES_B.mac, *a, all, 255);
        }
    }
    // A virtual machine moves to another host of the farm: the same MAC from another port, announced three times.
    for k in 0..3 {
        link::gratuitous(net, T + 30 * S + k * 500 * MS, 120, LAB.mac, LAB.ip);
    }
}

/// A quiet hospital with one story in it.
pub fn made(seed: u64, f: &Further) -> Net {
    let mut net = hospital::network(seed);
    super::background::day(&mut net, START, 130, 8);
    (f.story)(&mut net);
    net
}
