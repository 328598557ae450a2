//! Every capture of `captures/`: how it is made, and what its `RECIPE.md` says.

use super::background::day;
use super::hospital::{self, *};
use super::net::{DAY, Host, MS, Net, S, router_mac};
use super::recipes_exec::{ADMIN_SHARE, DCSYNC, EXPLOIT_SHAPE, REMOTE_EXEC, WORM_PAYLOAD};
use super::smb::{Logon, Smb, use_admin_share, use_files};
use super::stories::{self, *};
use super::tcp::{Tcp, refused, unanswered};
use super::{dhcp, link, names, recipes_logon, remote, tls, ward};

/// Half past ten in the morning in Tokyo, a Saturday.
pub const START: u64 = DAY + 90 * 60 * S;

/// One detector's captures.
pub struct Recipe {
    /// Detector id.
    pub id: &'static str,
    /// The finding's capture, and its twin that must stay silent.
    pub attack: fn(&mut Net),
    pub benign: fn(&mut Net),
    /// What the site file declares beside the hospital.
    pub site: &'static str,
    /// What they hold, for `RECIPE.md`.
    pub attack_is: &'static [&'static str],
    pub benign_is: &'static [&'static str],
    pub traps: &'static [&'static str],
}

/// All of them, in the order of HOUSE section 8.
pub const RECIPES: &[Recipe] = &[
    UNKNOWN_DEVICE,
    ADDRESS_CONFLICT,
    ROGUE_DHCP,
    CLINICAL_EGRESS,
    EGRESS_ATTEMPT,
    POLICY_VIOLATION,
    SCAN,
    DARK_CONTACT,
    SMB_FANOUT,
    RDP_FANOUT,
    NEW_ADMIN_EDGE,
    ADMIN_SHARE,
    REMOTE_EXEC,
    DCSYNC,
    EXPLOIT_SHAPE,
    WORM_PAYLOAD,
    SPREAD_PATH,
    super::recipes_impact::RANSOMWARE_SMB,
    super::recipes_impact::BACKUP_ATTACK,
    super::recipes_impact::PRINTER_BURST,
    super::recipes_impact::TERMINAL_TO_TERMINAL,
    recipes_logon::PASSWORD_GUESSING,
    recipes_logon::SHARED_LOCAL_ADMIN,
    recipes_logon::KERBEROS_ABUSE,
    recipes_logon::NAME_POISONING,
    recipes_logon::AD_RECON,
    super::recipes_impact::DEFENCE_SILENCE,
];

/// The demonstration: some seven minutes of one morning.
pub fn demo() -> Net {
    let mut net = hospital::network(0x0d31_0001);
    day(&mut net, START, 450, 1);
    stories::laptop_joins(&mut net, START + 120 * S);
    stories::upload(&mut net, START + 200 * S, &WARD[3], "files.bluecloud-storage.example", 320_000);
    stories::supplier_chain(&mut net, START + 270 * S, &[WARD[0], WARD[1], WARD[4], WARD[5], WARD[8], WARD[9]]);
    net
}

/// A quiet hospital with one story in it.
pub fn made(seed: u64, story: fn(&mut Net)) -> Net {
    let mut net = hospital::network(seed);
    day(&mut net, START, 130, 8);
    story(&mut net);
    net
}

/// When the story begins: the network has been seen for a while.
const T: u64 = START + 60 * S;
const NURSE: Logon = Logon { domain: "HILL", user: "nurse3", workstation: "WARD-PC01" };
const BACKUP_AS: Logon = Logon { domain: "HILL", user: "svc-backup", workstation: "BACKUP" };
const ADMIN_AS: Logon = Logon { domain: "HILL", user: "svc-itam", workstation: "ITAM" };

const UNKNOWN_DEVICE: Recipe = Recipe {
    id: "unknown-device",
    attack: |net| {
        stories::laptop_joins(net, T);
        // Another one comes without DHCP, with an address of its own choice.
        let quiet = Host { name: "", mac: [0x00, 0x1b, 0x21, 0x0c, 0x77, 0x31], ip: at(20, 199), vlan: 120, ttl: 64 };
        net.join(quiet);
        link::gratuitous(net, T + 40 * S, 120, quiet.mac, quiet.ip);
        for (i, h) in [FILES, EMR, PACS].iter().enumerate() {
            net.ping(T + 42 * S + i as u64 * S, &quiet, h.ip, 1);
        }
    },
    benign: |net| {
        // A listed terminal comes back with another address, by DHCP.
        net.leave(WARD[9]);
        let moved = Host { ip: at(10, 88), ..WARD[9] };
        net.join(moved);
        let t = dhcp::join(net, T, &dhcp::windows(&moved), &DHCP, moved.ip);
        names::lookup(net, t + S, &moved, &INFRA, "emr.hill.example", &[EMR.ip]);
        tls::visit(net, t + 2 * S, &moved, &EMR, 443, Some("emr.hill.example"), 700, 2_000);
        // Two routers with one virtual address, as after an exchange of the core switch.
        for i in 0..20 {
            link::vrrp(net, T + i * S, 130, at(30, 1), 30, at(30, 254), 110);
        }
        for (i, (name, site)) in SITES.iter().enumerate() {
            let t = names::lookup_outside(net, T + (i as u64 * 5 + 2) * S, &OFFICE[1], &INFRA, &FORWARDER, name, &[site.ip]);
            tls::visit(net, t, &OFFICE[1], site, 443, Some(name), 600, 3_000);
        }
    },
    site: "",
    attack_is: &[
        "A laptop (Buffalo adapter, in no ledger) is plugged in on the ward: IPv6 start, DHCP through the router's relay, ARP probes, NetBIOS, LLMNR and mDNS names, pings, the record's web page, a refused SMB logon.",
        "A second device (Intel adapter) appears in the server network with a fixed address and no DHCP: one gratuitous ARP and three pings.",
    ],
    benign_is: &[
        "Everything listed. One terminal gets another address by DHCP than the ledger has.",
        "A virtual router (VRRP) in the office network; its MAC is in no ledger.",
        "Hosts seen only behind the router or the firewall, spanning tree and LLDP from a switch port's own MAC.",
    ],
    traps: &[
        "The same frames are seen twice, from the device's MAC and from the router's.",
        "The relay's MAC sends DHCP for the laptop; the device is chaddr's.",
    ],
};

const ADDRESS_CONFLICT: Recipe = Recipe {
    id: "address-conflict",
    attack: |net| {
        stories::arp_spoof(net, T, &WARD[2], 50);
    },
    benign: |net| {
        // A virtual router changes its master: the same virtual MAC from another port, a gratuitous ARP.
        let shared = [0, 0, 0x5e, 0, 1, 10];
        for i in 0..10 {
            link::vrrp(net, T + i * S, 130, at(30, 2), 10, at(30, 254), 110);
        }
        link::gratuitous(net, T + 13 * S, 130, shared, at(30, 254));
        for i in 14..24 {
            link::vrrp(net, T + i * S, 130, at(30, 3), 10, at(30, 254), 100);
        }
        // The same by Cisco's protocol (RFC 2281): the virtual MAC announces itself from another port.
        for i in 0..3 {
            link::gratuitous(net, T + 5 * S + i * 9 * S, 130, [0x00, 0x00, 0x0c, 0x07, 0xac, 0x0a], at(30, 253));
        }
        // Two cards of one server answer in turn for its one address.
        for i in 0..8u64 {
            let (ts, pc) = (T + 4 * S + i * 3 * S, (ADMIN.mac, ADMIN.ip));
            let card = if i % 2 == 0 { EMR } else { EMR_CARD_2 };
            link::arp_question(net, ts, 120, pc, EMR.ip);
            link::arp_answer(net, ts + MS, 120, card.mac, EMR.ip, pc);
        }
        // The file server fails over to its partner, whose network card has another MAC: three gratuitous ARPs, and the old one is silent.
        net.leave(FILES);
        let partner = FILES_B;
        net.join(partner);
        for i in 0..3 {
            link::gratuitous(net, T + 20 * S + i * S, 120, partner.mac, partner.ip);
        }
        use_files(net, T + 25 * S, &WARD[4], &partner, &NURSE, "ward3", 2_000);
        // A lease ends and its address goes to another listed terminal.
        net.leave(WARD[9]);
        let next = Host { ip: WARD[9].ip, ..WARD[7] };
        net.leave(WARD[7]);
        net.join(next);
        let t = dhcp::join(net, T + 30 * S, &dhcp::windows(&next), &DHCP, next.ip);
        tls::visit(net, t + S, &next, &EMR, 443, Some("emr.hill.example"), 700, 2_000);
        // A Wi-Fi bridge answers for the cart computers behind it, when asked.
        let bridge = BRIDGE.mac;
        link::gratuitous(net, T + 35 * S, 110, bridge, BRIDGE.ip);
        for i in 0..4u8 {
            for round in 0..3u64 {
                let ts = T + 36 * S + round * 12 * S + u64::from(i) * 700 * MS;
                link::arp_question(net, ts, 110, (router_mac(110), at(10, 1)), at(10, 220 + i));
                link::arp_answer(net, ts + 3 * MS, 110, bridge, at(10, 220 + i), (router_mac(110), at(10, 1)));
            }
        }
    },
    site: "",
    attack_is: &[
        "The laptop tells WARD-PC03 every two seconds that it is the gateway, and the gateway that it is WARD-PC03, and hands on the traffic between them (time to live one lower).",
        "The gateway is alive and answers for itself when another terminal asks.",
    ],
    benign_is: &[
        "A virtual router (VRRP) whose master changes, and one by HSRP.",
        "A server with two network cards that answer in turn for its one address.",
        "A file server that fails over to its partner: another MAC, three gratuitous ARPs, the old MAC silent.",
        "A lease that ended: its address goes to another listed terminal by DHCP.",
        "A Wi-Fi bridge that answers, when asked, for the four carts behind it.",
    ],
    traps: &[
        "Each routed packet shows the victim's address behind the router's MAC too.",
        "Unsolicited answers, not answers, are what spoofing is made of.",
    ],
};

const ROGUE_DHCP: Recipe = Recipe {
    id: "rogue-dhcp",
    attack: |net| {
        stories::wifi_router(net, T);
    },
    benign: |net| {
        // Two servers answer by the same relay: failover partners with the same settings.
        let second = dhcp::Server { host: INFRA2, id: INFRA2.ip, ..DHCP };
        for (i, pc) in [WARD[2], WARD[6], WARD[9]].iter().enumerate() {
            let c = dhcp::windows(pc);
            let xid = net.rng.next() as u32;
            let t = T + i as u64 * 9 * S;
            let q = dhcp::request(&c, dhcp::DISCOVER, xid, vec![]);
            dhcp::broadcast(net, t, 110, &q);
            dhcp::relayed(net, t, 110, &DHCP, &q, dhcp::OFFER, pc.ip);
            let t = dhcp::relayed(net, t + MS, 110, &second, &q, dhcp::OFFER, at(10, 60 + i as u8)) + 5 * MS;
            let chosen = if i == 1 { second } else { DHCP };
            let ip = if i == 1 { at(10, 61) } else { pc.ip };
            let q = dhcp::request(&c, dhcp::REQUEST, xid, vec![(50, ip.octets().to_vec()), (54, chosen.id.octets().to_vec())]);
            dhcp::broadcast(net, t, 110, &q);
            dhcp::relayed(net, t, 110, &chosen, &q, dhcp::ACK, ip);
        }
        dhcp::inform(net, T + 40 * S, &WARD[0], &second);
        dhcp::inform(net, T + 41 * S, &OFFICE[0], &DHCP);
        // A terminal asks for its old address and is told no.
        let c = dhcp::windows(&WARD[5]);
        let q = dhcp::request(&c, dhcp::REQUEST, 0x5151, vec![(50, at(30, 55).octets().to_vec())]);
        dhcp::broadcast(net, T + 44 * S, 110, &q);
        dhcp::relayed(net, T + 44 * S, 110, &DHCP, &q, dhcp::NAK, std::net::Ipv4Addr::UNSPECIFIED);
        dhcp::join(net, T + 46 * S, &c, &DHCP, WARD[5].ip);
    },
    site: "",
    attack_is: &[
        "A small Wi-Fi router (Buffalo), plugged in by its LAN port, offers addresses on the ward with itself as router and name server. It stands nearer than the relay, so it wins twice; the hospital's own offers come half a millisecond late.",
    ],
    benign_is: &[
        "Two listed servers (failover partners) both answer through the relay; one client takes the second's offer.",
        "Answers to INFORM, renewals by unicast, a refusal (NAK) with a new lease after it.",
    ],
    traps: &[
        "Answers come from the relay's address and MAC: the server is told by option 54.",
        "Each relayed message is there twice: between relay and server, and on the ward.",
    ],
};

/// What leaves the hospital with good reason, and what only looks as if it left.
fn good_ways_out(net: &mut Net) {
    for (i, (name, site)) in SITES.iter().enumerate() {
        let t = T + i as u64 * 4 * S;
        let t = names::lookup_outside(net, t, &OFFICE[2], &INFRA, &FORWARDER, name, &[site.ip]);
        tls::visit(net, t, &OFFICE[2], site, 443, Some(name), 900, 4_000);
    }
    // A terminal speaks TLS with a server inside whose name looks public, and asks for a name outside without going there.
    tls::visit(net, T + 30 * S, &WARD[1], &PACS, 443, Some("viewer.pictures.example"), 600, 3_000);
    names::lookup_outside(net, T + 34 * S, &WARD[6], &INFRA, &FORWARDER, "ctldl.update.example", &[SITES[2].1.ip]);
    ward::time(net, T + 36 * S, &INFRA2, &CLOCK);
    ward::store_images(net, T + 40 * S, &CT, &PACS, 30_000);
}

const CLINICAL_EGRESS: Recipe = Recipe {
    id: "clinical-egress",
    attack: |net| {
        stories::upload(net, T, &WARD[3], "files.bluecloud-storage.example", 120_000);
        // The same without a name, on another port, and plain.
        tls::visit(net, T + 20 * S, &WARD[3], &STORAGE, 8443, None, 6_000, 900);
        tls::http(net, T + 30 * S, &WARD[3], &SITES[2].1, 80, "cdn.pictures.example", "/a.gif", 700);
    },
    benign: good_ways_out,
    site: "",
    attack_is: &[
        "WARD-PC04 asks the hospital's resolver for a storage in the cloud and uploads 120 kB over TLS with that name (SNI); then TLS on port 8443 without a name, and one plain HTTP page.",
    ],
    benign_is: &[
        "Office computers on the web, the resolver's own questions, time from outside: all allowed by policy.",
        "A terminal that speaks TLS with a server inside under a public-looking name, and one that resolves a name outside without going there.",
    ],
    traps: &[
        "The firewall is behind a transit VLAN: each packet is seen on the ward and there, but not beyond.",
        "The destinations are documentation addresses (RFC 5737), in no country.",
    ],
};

const EGRESS_ATTEMPT: Recipe = Recipe {
    id: "egress-attempt",
    attack: |net| {
        stories::blocked(net, T, &WARD[3], "files.bluecloud-storage.example");
    },
    benign: |net| {
        good_ways_out(net);
        // The office is refused somewhere; a terminal misses a host inside that is off, and one that refuses.
        super::tcp::prohibited(net, T + 44 * S, &OFFICE[4], &FIREWALL, STORAGE.ip, 25);
        unanswered(net, T + 50 * S, &WARD[2], OLD.ip, 443, 3);
        refused(net, T + 58 * S, &WARD[2], &ENGINE, 8080);
    },
    site: "",
    attack_is: &[
        "WARD-PC04 resolves a storage in the cloud; the firewall refuses port 443 with ICMP 'administratively prohibited' and drops port 8443 without a word.",
    ],
    benign_is: &[
        "What `clinical-egress/benign.pcap` holds.",
        "An office computer that the firewall refuses.",
        "A terminal whose connections fail inside: a listed server that is off, a port that is closed.",
    ],
    traps: &[
        "The refusal quotes the packet as it was behind the router, one hop lower.",
        "SYNs are repeated after one and three seconds: three packets are one try.",
    ],
};

const POLICY_VIOLATION: Recipe = Recipe {
    id: "policy-violation",
    attack: |net| {
        remote::desktop(net, T, &OFFICE[3], &EMR, "clerk", 20);
        tls::visit(net, T + 40 * S, &SUPPLIER, &CT, 443, None, 900, 2_000);
        unanswered(net, T + 50 * S, &SUPPLIER, at(10, 240), 443, 3);
    },
    benign: |net| {
        remote::desktop(net, T, &SUPPLIER, &LAB, "acme-maint", 20);
        tls::visit(net, T + 5 * S, &OFFICE[3], &EMR, 443, Some("emr.hill.example"), 900, 3_000);
        tls::visit(net, T + 25 * S, &CT, &SUPPLIER, 443, None, 700, 700);
        use_files(net, T + 30 * S, &OFFICE[4], &FILES, &Logon { domain: "HILL", user: "clerk", workstation: "OFFICE-05" }, "office", 2_000);
        remote::desktop(net, T + 40 * S, &ADMIN, &EMR, "adm-ito", 15);
    },
    site: hospital::SERVERS_ARE_ADMINISTERED_FROM_ONE,
    attack_is: &[
        "OFFICE-04 works on the record server by RDP: the policy says `alert` for RDP and SSH from office to server.",
        "The supplier's host opens TLS to the tomograph, and tries an address of the ward that nobody holds: `alert` for anything from supplier to ward.",
    ],
    benign_is: &[
        "The supplier on the server that it maintains, the office on the record's web page and on the file server, the management server by RDP.",
        "The tomograph calls the supplier: the other direction of a pair that has a rule.",
    ],
    traps: &["A rule holds for the originator's zone: answers are no contacts."],
};

const SCAN: Recipe = Recipe {
    id: "scan",
    attack: |net| {
        let windows = windows_hosts();
        let t = stories::sweep(net, T, &WARD[6], 20, 1..64, 445, &windows, 90 * MS) + 5 * S;
        let t = stories::sweep(net, t, &WARD[6], 10, 2..60, 445, &windows, 90 * MS) + 5 * S;
        stories::port_scan(net, t, &WARD[6], &EMR, (1..140).chain([443, 445, 3389, 8080]), &[135, 443, 445, 3389], 25 * MS);
    },
    benign: |net| {
        for round in 0..4 {
            for (i, pc) in OFFICE.iter().enumerate() {
                let (name, site) = SITES[(round + i) % SITES.len()];
                let t = T + (round as u64 * 12 + i as u64 * 2) * S;
                let t = names::lookup_outside(net, t, pc, &INFRA, &FORWARDER, name, &[site.ip]);
                tls::visit(net, t, pc, &site, 443, Some(name), 500, 1_500);
            }
        }
        // A page with dead links: advertising hosts that do not answer.
        for i in 0..6u8 {
            unanswered(net, T + u64::from(i) * 300 * MS, &OFFICE[1], [203, 0, 113, 200 + i].into(), 443, 3);
        }
        // Monitoring pings everything that is listed; one is off.
        let mut t = T + 3 * S;
        for h in WARD.iter().chain(&OFFICE).chain(&[CT, US, WARD_PRINTER, COPIER, EMR, ENGINE, PACS, FILES, LAB, BACKUP, SUPPLIER, OLD]) {
            net.ping(t, &ADMIN, h.ip, 7);
            t += 150 * MS;
        }
        // Printers are looked for by broadcast; an old printer is gone.
        for (i, pc) in WARD.iter().enumerate().take(5) {
            let ts = T + 10 * S + i as u64 * 2 * S;
            let (port, all) = (net.port(pc.ip), at(10, 255));
            net.udp(ts, pc, all, (port, 161), b"\x30\x26\x02\x01\x00\x04\x06public\xa1\x19\x02\x01\x01\x02\x01\x00\x02\x01\x00\x30\x0e\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x01\x00\x05\x00");
            names::mdns_printers(net, ts + S, pc);
            unanswered(net, ts + 2 * S, pc, at(10, 202), 9100, 3);
        }
        // The router looks for many at once, as after its table was cleared.
        for i in 0..60u8 {
            let ts = T + 20 * S + u64::from(i) * 40 * MS;
            link::arp_question(net, ts, 110, (router_mac(110), at(10, 1)), at(10, 20 + i));
            if let Some(h) = net.holder(at(10, 20 + i)) {
                link::arp_answer(net, ts + MS, 110, h.mac, h.ip, (router_mac(110), at(10, 1)));
            }
        }
        // A server goes down for a minute and everyone's terminal notices.
        for (i, pc) in WARD.iter().enumerate() {
            refused(net, T + 30 * S + i as u64 * 130 * MS, pc, &ENGINE, 443);
        }
    },
    site: "",
    attack_is: &[
        "WARD-PC07 sends SYNs to port 445 of 63 addresses of the server network, then of 58 of its own: answered and reset, refused, or nobody there. Its own network sees the ARP questions.",
        "Then 143 ports of the record server, nearly all refused, in four seconds.",
    ],
    benign_is: &[
        "Browsing by six computers, one page with six dead hosts; monitoring that pings every listed host, one of them off.",
        "Printers looked for by broadcast and mDNS; a printer that is gone, missed by five terminals.",
        "The router asks for sixty addresses at once; a service that is down refuses ten terminals.",
    ],
    traps: &[
        "Half of the failures are silence behind the router: the router's ARP questions are the only trace in the other network.",
        "Each SYN is seen twice where the target answers.",
    ],
};

const DARK_CONTACT: Recipe = Recipe {
    id: "dark-contact",
    attack: |net| {
        for (i, (net_no, last, port)) in [(20, 90, 445), (20, 91, 3389), (20, 93, 445), (10, 240, 445), (20, 94, 5985)].into_iter().enumerate() {
            unanswered(net, T + i as u64 * 14 * S, &WARD[6], at(net_no, last), port, 3);
        }
    },
    benign: |net| {
        // Not in use, but no administration: a printer that is gone, a web server that is gone.
        unanswered(net, T, &WARD[1], at(10, 202), 9100, 3);
        unanswered(net, T + 5 * S, &WARD[2], at(20, 95), 80, 3);
        net.ping(T + 6 * S, &ADMIN, at(20, 95), 1);
        // In use: listed but off, refused, switched off only now.
        unanswered(net, T + 12 * S, &WARD[3], OLD.ip, 445, 3);
        refused(net, T + 20 * S, &WARD[4], &ENGINE, 445);
        net.leave(WARD[8]);
        unanswered(net, T + 25 * S, &WARD[0], WARD[8].ip, 445, 3);
        unanswered(net, T + 35 * S, &OFFICE[0], [203, 0, 113, 222].into(), 22, 3);
    },
    site: "",
    attack_is: &["WARD-PC07 knocks, slowly, on five addresses that nobody holds: SMB, RDP and WinRM. Too few and too slow for a scan."],
    benign_is: &[
        "Unused addresses on other ports: a printer and a web server that are gone, a ping.",
        "Administration ports of addresses that are somebody's: a listed server that is off, one that refuses, a terminal that was switched off a minute ago, a host on the internet.",
    ],
    traps: &[
        "A single old drive mapping is a `low` finding by design, so it is not in the benign capture.",
        "Behind a router, silence is all there is to see; the router's three ARP questions tell that nobody is there.",
    ],
};

const SMB_FANOUT: Recipe = Recipe {
    id: "smb-fanout",
    attack: |net| {
        let windows = windows_hosts();
        let t = stories::sweep(net, T, &WARD[6], 10, 20..40, 445, &windows, 150 * MS) + S;
        stories::spread(net, t, &WARD[6], &[WARD[0], WARD[1], WARD[2], WARD[4], WARD[7], FILES, LAB], 900 * MS, 16_000);
    },
    benign: |net| {
        let mut t = T;
        // Listed as backup: every server's drive.
        for h in [EMR, FILES, LAB, PACS, INFRA, WARD[0], WARD[1]] {
            t = use_admin_share(net, t, &BACKUP, &h, &BACKUP_AS, "backup\\list.txt", 1_500) + 600 * MS;
        }
        // Listed as IT's own: inventory of every terminal.
        for h in WARD.iter().chain(&OFFICE[..3]) {
            t = use_admin_share(net, t, &ADMIN, h, &ADMIN_AS, "Temp\\itam.xml", 1_000) + 300 * MS;
        }
        // A nurse's terminal uses the file server, the record's share and the archive's.
        for h in [FILES, EMR, PACS] {
            use_files(net, T + 4 * S, &WARD[0], &h, &NURSE, "ward3", 2_000);
        }
        // The archive fetches pictures from two modalities; the copier puts scans onto the file server and three computers.
        let me = Logon { domain: "PACS", user: "dicom", workstation: "PACS" };
        use_files(net, T + 30 * S, &PACS, &CT, &me, "export", 9_000);
        use_files(net, T + 34 * S, &PACS, &US, &me, "export", 6_000);
        let scans = Logon { domain: "", user: "scan", workstation: "MFP-OFFICE" };
        for (i, h) in [FILES, OFFICE[0], OFFICE[2], OFFICE[3]].iter().enumerate() {
            use_files(net, T + 22 * S + i as u64 * 25 * S, &COPIER, h, &scans, "scan", 4_000);
        }
    },
    site: "",
    attack_is: &[
        "WARD-PC07 looks for port 445 on its own network (eleven addresses are nobody's), then goes with a stolen administrator's account (NTLM, HILL\\adm-kondo) by ADMIN$ into seven hosts and leaves a file.",
    ],
    benign_is: &[
        "The backup server (listed as such) in seven hosts' administrative shares; IT's inventory server (listed) in thirteen.",
        "A terminal that uses three file servers; the picture archive that fetches from two modalities; a copier that puts scans onto a file server and three computers.",
    ],
    traps: &["Half-open probes of the sweep are no sessions.", "Files are 16 kB so that the capture stays small; the shape is what counts."],
};

const RDP_FANOUT: Recipe = Recipe {
    id: "rdp-fanout",
    attack: |net| {
        refused(net, T - 8 * S, &OFFICE[5], &INFRA2, 3389);
        refused(net, T - 6 * S, &OFFICE[5], &ENGINE, 3389);
        refused(net, T - 4 * S, &OFFICE[5], &BACKUP, 3389);
        for (i, h) in [EMR, PACS, LAB, FILES].iter().enumerate() {
            remote::desktop(net, T + i as u64 * 15 * S, &OFFICE[5], h, stories::STOLEN, 12);
        }
        remote::shell(net, T + 62 * S, &OFFICE[5], &BACKUP, 8);
    },
    benign: |net| {
        for (i, h) in [EMR, PACS, LAB, FILES, INFRA].iter().enumerate() {
            remote::desktop(net, T + i as u64 * 12 * S, &ADMIN, h, "adm-ito", 8);
        }
        remote::shell(net, T + 5 * S, &ADMIN, &ENGINE, 6);
        // A terminal server and its users; one types the wrong password first.
        remote::desktop_refused(net, T + 2 * S, &OFFICE[0], &LAB, "clerk1");
        for (i, pc) in OFFICE.iter().enumerate().take(4) {
            remote::desktop(net, T + 6 * S + i as u64 * 7 * S, pc, &LAB, "clerk", 10);
        }
        // One person on two machines.
        remote::desktop(net, T + 50 * S, &OFFICE[0], &FILES, "clerk1", 8);
        // Pings and web pages are no sessions.
        Tcp::open(net, T + 55 * S, &OFFICE[1], &EMR, 3389).reset(net, 0);
    },
    site: "",
    attack_is: &[
        "OFFICE-06 is refused by three servers, then works on four by RDP (cookie `adm-kondo`, CredSSP inside TLS) and on one by SSH, within some seventy seconds.",
    ],
    benign_is: &[
        "The management server (listed) on five servers by RDP and one by SSH.",
        "A server that many log on to, one of them with a wrong password first; a person who works on two servers; a connection that is opened and dropped.",
    ],
    traps: &["The user name in the cookie is a claim.", "A refused logon inside TLS shows only as a short session."],
};

const NEW_ADMIN_EDGE: Recipe = Recipe {
    id: "new-admin-edge",
    attack: |net| {
        remote::desktop(net, T, &SUPPLIER, &LAB, "acme-maint", 40);
        let who = Logon { domain: "HILL", user: STOLEN, workstation: "LAB" };
        use_admin_share(net, T + 20 * S, &LAB, &WARD[4], &who, "Temp\\svchost32.exe", 20_000);
    },
    benign: |net| {
        remote::desktop(net, T, &ADMIN, &WARD[4], "adm-ito", 15);
        use_admin_share(net, T + 20 * S, &ADMIN, &OFFICE[2], &ADMIN_AS, "Temp\\itam.xml", 3_000);
        use_files(net, T + 24 * S, &WARD[4], &FILES, &NURSE, "ward3", 4_000);
        use_admin_share(net, T + 30 * S, &BACKUP, &LAB, &BACKUP_AS, "backup\\list.txt", 5_000);
        remote::desktop(net, T + 35 * S, &OFFICE[1], &LAB, "clerk", 12);
    },
    site: "",
    attack_is: &[
        "The supplier works on the laboratory server by RDP; while he does, that server goes by ADMIN$ into a ward terminal with an administrator's account.",
    ],
    benign_is: &[
        "The management server on a terminal by RDP and SMB for the first time; the backup server on a server.",
        "A terminal that has files on the file server; an office computer on a server by RDP: new, but nothing else speaks against it.",
    ],
    traps: &["Every edge is new in a short capture: novelty alone must not speak."],
};

const SPREAD_PATH: Recipe = Recipe {
    id: "spread-path",
    attack: |net| {
        remote::desktop(net, T, &SUPPLIER, &LAB, "acme-maint", 60);
        remote::desktop(net, T + 15 * S, &LAB, &EMR, stories::STOLEN, 40);
        stories::spread(net, T + 35 * S, &EMR, &[WARD[0], WARD[5]], 2 * S, 16_000);
    },
    benign: |net| {
        // The management server as a jump host: administrators come in, go out.
        remote::desktop(net, T, &OFFICE[0], &ADMIN, "adm-ito", 50);
        remote::desktop(net, T + 5 * S, &ADMIN, &EMR, "adm-ito", 15);
        use_admin_share(net, T + 22 * S, &ADMIN, &WARD[2], &ADMIN_AS, "Temp\\itam.xml", 3_000);
        // The supplier on his server, which uses the file server as always.
        remote::desktop(net, T + 10 * S, &SUPPLIER, &LAB, "acme-maint", 30);
        let lab = Logon { domain: "HILL", user: "svc-lab", workstation: "LAB" };
        use_files(net, T + 20 * S, &LAB, &FILES, &lab, "results", 6_000);
        // Two that have nothing to do with each other: the second began before the first.
        remote::desktop(net, T + 2 * S, &FILES, &PACS, "svc", 10);
        remote::desktop(net, T + 30 * S, &OFFICE[4], &FILES, "clerk", 12);
        let mut s = Smb::connect(net, T + 45 * S, &WARD[3], &FILES);
        s.logon(net, &NURSE, 0).tree(net, "ward3", 0).read(net, "a.docx", 3_000);
        s.close(net);
    },
    site: "",
    attack_is: &[
        "Supplier to laboratory server (RDP), from there to the record server (RDP, another account), from there by ADMIN$ into two ward terminals, each while the session before was alive.",
    ],
    benign_is: &[
        "Administrators who go by way of the management server (listed as such).",
        "The supplier on his server, which meanwhile stores results on the file server, where it always does.",
        "Two sessions out of which no path can be made: the one that leaves began before the one that arrives.",
    ],
    traps: &["The routed copies of one session have other MACs and VLANs: they are one step, not two."],
};
