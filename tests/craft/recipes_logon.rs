//! Captures of what is done with accounts and names: guesses, one password for all, tickets, answers that are somebody else's.

use super::hospital::*;
use super::kerberos::{AES, OLD, RC4, UNKNOWN, User, WINDOWS, WRONG};
use super::net::{Host, MS, Net, S};
use super::recipes::{Recipe, START};
use super::rpc::{self, Ndr, Rpc, SRVSVC, SVCCTL};
use super::smb::{LOGON_FAILURE, Logon, Smb, use_admin_share, use_files};
use super::{link, names, remote};

/// When the story begins.
const T: u64 = START + 60 * S;

/// A logon over SMB and nothing more.
fn logon(net: &mut Net, t: u64, a: &Host, b: &Host, who: &Logon, status: u32) {
    let mut s = Smb::connect(net, t, a, b);
    s.logon(net, who, status);
    s.tcp.close(net);
}

const ACCOUNTS: [&str; 14] = [
    "sato",
    "suzuki",
    "takahashi",
    "tanaka",
    "ito",
    "watanabe",
    "yamamoto",
    "nakamura",
    "kobayashi",
    "kato",
    "yoshida",
    "yamada",
    "sasaki",
    "yamaguchi",
];

pub const PASSWORD_GUESSING: Recipe = Recipe {
    id: "password-guessing",
    attack: |net| {
        for i in 0..30u64 {
            let who = Logon { domain: "HILL", user: ["administrator", "admin"][(i % 2) as usize], workstation: "OFFICE-05" };
            logon(net, T + i * 200 * MS, &OFFICE[4], &EMR, &who, LOGON_FAILURE);
        }
        use_files(net, T + 7 * S, &OFFICE[4], &EMR, &Logon { domain: "HILL", user: "admin", workstation: "OFFICE-05" }, "karte", 3_000);
        // A few passwords on many accounts, slowly, at the key distribution centre; one is let in.
        for (i, name) in ACCOUNTS.iter().enumerate() {
            let user = User { at: &WARD[5], kdc: &INFRA, name, etypes: WINDOWS };
            let t = T + 10 * S + i as u64 * 4 * S;
            if *name == "kato" {
                user.logon(net, t);
            } else {
                user.refused(net, t, if i % 5 == 4 { UNKNOWN } else { WRONG });
            }
        }
        // Desktops of the laboratory server, one after the other, until one opens.
        for i in 0..9u64 {
            remote::desktop_refused(net, T + 12 * S + i * 900 * MS, &SUPPLIER, &LAB, "acme-maint");
        }
        remote::desktop(net, T + 21 * S, &SUPPLIER, &LAB, "acme-maint", 30);
    },
    benign: |net| {
        // A nurse mistypes: Windows asks twice each time, then tries the file server too.
        let nurse = User { at: &WARD[1], kdc: &INFRA, name: "nurse3", etypes: WINDOWS };
        let as_nurse = Logon { domain: "HILL", user: "nurse3", workstation: "WARD-PC02" };
        for i in 0..4u64 {
            let t = nurse.refused_unproven(net, T + i * 7 * S, super::kerberos::PROVE);
            let t = nurse.refused(net, t + 2 * MS, WRONG);
            nurse.refused(net, t + 30 * MS, WRONG);
            logon(net, t + 200 * MS, &WARD[1], &FILES, &as_nurse, LOGON_FAILURE);
        }
        nurse.logon(net, T + 30 * S);
        use_files(net, T + 31 * S, &WARD[1], &FILES, &as_nurse, "ward3", 2_000);
        // A person at a remote desktop, wrong three times.
        for i in 0..3u64 {
            remote::desktop_refused(net, T + 5 * S + i * 9 * S, &OFFICE[1], &LAB, "clerk");
        }
        remote::desktop(net, T + 34 * S, &OFFICE[1], &LAB, "clerk", 15);
        // A copier whose password was changed, and people behind a server with many desktops who mistype and get in.
        for i in 0..9u64 {
            logon(net, T + i * 6 * S, &COPIER, &OFFICE[0], &Logon { domain: "", user: "scan", workstation: "MFP-OFFICE" }, LOGON_FAILURE);
        }
        for (i, user) in ACCOUNTS.iter().enumerate().take(8) {
            let who = Logon { domain: "HILL", user, workstation: "LAB" };
            let t = T + i as u64 * 6 * S;
            logon(net, t, &LAB, &FILES, &who, LOGON_FAILURE);
            logon(net, t + 4 * S, &LAB, &FILES, &who, 0);
        }
    },
    site: "",
    attack_is: &[
        "OFFICE-05 tries two accounts on the record server thirty times in six seconds and is let in as one of them (NTLM over SMB).",
        "WARD-PC06 tries one password on fourteen accounts at the domain controller, one every four seconds (Kerberos); one is let in.",
        "The supplier's host opens nine remote desktops on the laboratory server that end within the logon, then one that is worked in.",
    ],
    benign_is: &[
        "A nurse who mistypes four times (each asked twice by Kerberos and once by SMB) and gets in; a clerk at a remote desktop, wrong three times.",
        "A copier whose password was changed; eight people behind one server who each mistype once and get in.",
    ],
    traps: &[
        "Error 25 of the key distribution centre is no refusal.",
        "Windows turns one wrong password into several refusals.",
        "Closed flows are told late: a success may be told before refusals that are older.",
    ],
};

/// A computer's own administrator.
const fn local(h: &Host, workstation: &'static str) -> Logon {
    Logon { domain: h.name, user: "Administrator", workstation }
}

pub const SHARED_LOCAL_ADMIN: Recipe = Recipe {
    id: "shared-local-admin",
    attack: |net| {
        for (i, h) in [WARD[1], WARD[3], WARD[6], OFFICE[2], US].iter().enumerate() {
            use_admin_share(net, T + i as u64 * 8 * S, &WARD[8], h, &local(h, "WARD-PC09"), "Temp\\run.exe", 6_000);
        }
    },
    benign: |net| {
        for (i, h) in [WARD[1], WARD[3], WARD[6], OFFICE[2]].iter().enumerate() {
            use_admin_share(net, T + i as u64 * 8 * S, &ADMIN, h, &local(h, "ITAM"), "Temp\\itam.xml", 3_000);
        }
        // One storage box with an account of its own that many use; a domain account on several servers; one repair.
        for (i, pc) in [WARD[0], WARD[2], WARD[4], OFFICE[1]].iter().enumerate() {
            use_files(
                net,
                T + 3 * S + i as u64 * 6 * S,
                pc,
                &BACKUP,
                &Logon { domain: "BACKUP", user: "share", workstation: pc.name },
                "transfer",
                2_000,
            );
        }
        for (i, h) in [FILES, LAB, EMR].iter().enumerate() {
            use_files(
                net,
                T + 5 * S + i as u64 * 7 * S,
                &OFFICE[3],
                h,
                &Logon { domain: "HILL", user: "clerk", workstation: "OFFICE-04" },
                "data",
                1_000,
            );
        }
        use_files(net, T + 30 * S, &LAB, &OFFICE[4], &local(&OFFICE[4], "LAB"), "reports", 4_000);
    },
    site: "",
    attack_is: &["WARD-PC09 goes by ADMIN$ into five computers, each time as that computer's own `Administrator`: one password for all."],
    benign_is: &[
        "The management server (listed) does the same.",
        "Many computers use one storage box with the box's own account; a clerk's domain account on three servers; a server that leaves reports on one computer as that computer's own administrator.",
    ],
    traps: &["The domain of the logon is the responder's name; it is known from the challenge."],
};

/// What a tool offers that wants the weak key: it first, the strong one behind.
const WEAK_FIRST: &[i32] = &[23, 18];

pub const KERBEROS_ABUSE: Recipe = Recipe {
    id: "kerberos-abuse",
    attack: |net| {
        // A user's ticket, then tickets of eight service accounts within seconds, with the weak key.
        let user = User { at: &OFFICE[3], kdc: &INFRA, name: "clerk", etypes: WINDOWS };
        let (t, tgt) = user.logon(net, T);
        let (mut t, weak) = (t + 4 * S, User { etypes: WEAK_FIRST, ..user });
        for name in ["MSSQLSvc/lab.hill.example:1433", "MSSQLSvc/emr.hill.example:1433", "HTTP/portal.hill.example", "svc-pacs/pacs.hill.example"] {
            t = weak.ticket(net, t, &tgt, name, RC4).0 + 90 * MS;
            t = weak.ticket(net, t, &tgt, &name.replace(".hill", "-2.hill"), RC4).0 + 90 * MS;
        }
        // Accounts that need no proof, asked for by one host.
        for (i, name) in ["svc-scan", "svc-fax", "svc-old"].iter().enumerate() {
            let old = User { at: &OFFICE[5], kdc: &INFRA, name, etypes: OLD };
            old.given_unproven(net, T + 20 * S + i as u64 * S, RC4);
        }
        // A hash in a password's place, and then a file server with the ticket; and a ticket on a host that was never given it.
        let nurse = User { at: &WARD[6], kdc: &INFRA, name: "nurse3", etypes: WINDOWS };
        nurse.logon(net, T);
        let stolen = User { at: &WARD[6], kdc: &INFRA, name: super::stories::STOLEN, etypes: OLD };
        let (t, tgt) = stolen.given(net, T + 30 * S);
        let (t, ticket) = User { etypes: WINDOWS, ..stolen }.ticket(net, t + S, &tgt, "cifs/files.hill.example", AES);
        let token = ticket.token(net);
        let mut s = Smb::connect(net, t, &WARD[6], &FILES);
        s.logon_by(net, &token, 0).tree(net, "C$", 0).read(net, "Users\\list.txt", 2_000);
        let t = s.close(net);
        User { at: &WARD[2], etypes: WINDOWS, ..stolen }.ticket(net, t + 3 * S, &tgt, "cifs/emr.hill.example", AES);
    },
    benign: |net| {
        // A morning: everybody logs on, and has files and one or two old services.
        for (i, pc) in WARD.iter().take(6).enumerate() {
            let user = User { at: pc, kdc: &INFRA, name: ACCOUNTS[i], etypes: WINDOWS };
            let (mut t, tgt) = user.logon(net, T + i as u64 * 4 * S);
            for (name, etype) in [
                ("cifs/files.hill.example", AES),
                ("LDAP/dc1.hill.example", AES),
                ("HTTP/portal.hill.example", RC4),
                ("MSSQLSvc/lab.hill.example:1433", RC4),
            ] {
                t = user.ticket(net, t + 40 * MS, &tgt, name, etype).0;
            }
            let (t, ticket) = user.ticket(net, t, &tgt, "cifs/files.hill.example", AES);
            let token = ticket.token(net);
            let mut s = Smb::connect(net, t, pc, &FILES);
            s.logon_by(net, &token, 0).tree(net, "ward3", 0).read(net, "plan.xlsx", 1_500);
            s.close(net);
        }
        // A storage box that knows nothing but the weak key.
        let old = User { at: &BACKUP, kdc: &INFRA, name: "backup$", etypes: OLD };
        let (t, tgt) = old.logon(net, T + 8 * S);
        old.ticket(net, t, &tgt, "ldap/dc1.hill.example", RC4);
        // An inventory that asks for every file server at once.
        let admin = User { at: &ADMIN, kdc: &INFRA, name: "svc-itam", etypes: WINDOWS };
        let (mut t, tgt) = admin.logon(net, T + 30 * S);
        for h in WARD {
            t = admin.ticket(net, t + 10 * MS, &tgt, &format!("cifs/{}", h.name), AES).0;
        }
        // An account that needs no proof, by its own program.
        User { at: &LAB, kdc: &INFRA, name: "svc-lab", etypes: WINDOWS }.given_unproven(net, T + 20 * S, AES);
    },
    site: "",
    attack_is: &[
        "OFFICE-04 logs on, then asks within two seconds for tickets of eight service accounts, the weak key (RC4) first.",
        "OFFICE-06 asks without a proof for three accounts that need none, with the weak key.",
        "WARD-PC07, which uses AES, logs on as the stolen account with RC4 alone and goes to the file server's C$ with the ticket; WARD-PC03 then shows that ticket too.",
    ],
    benign_is: &[
        "Six people log on, each with tickets to a file server, the directory and two services that have the weak key.",
        "A storage box that knows nothing but RC4; an inventory that asks for ten file servers at once; one account that needs no proof.",
    ],
    traps: &["RC4 alone is an old device's habit; a ticket to a computer's account cannot be guessed from."],
};

pub const NAME_POISONING: Recipe = Recipe {
    id: "name-poisoning",
    attack: |net| {
        net.join(LAPTOP);
        link::gratuitous(net, T, 110, LAPTOP.mac, LAPTOP.ip);
        for (i, name) in ["filesv", "wpad", "intranet", "prn-ward3"].iter().enumerate() {
            let (t, pc) = (T + 3 * S + i as u64 * 9 * S, &WARD[i * 2]);
            names::llmnr_exchange(net, t, pc, &LAPTOP, name, LAPTOP.ip);
            let t = names::netbios_exchange(net, t + 400 * MS, pc, &LAPTOP, name);
            if i % 2 == 0 {
                let who = Logon { domain: "HILL", user: ACCOUNTS[i], workstation: pc.name };
                logon(net, t + 20 * MS, pc, &LAPTOP, &who, super::smb::ACCESS_DENIED);
            }
        }
        // The last one's logon is passed on to the file server: the laptop asks there first, and hands the challenge on.
        let who = Logon { domain: "HILL", user: ACCOUNTS[6], workstation: WARD[6].name };
        let challenge = net.rng.bytes(8);
        let mut there = Smb::connect(net, T + 32 * S, &LAPTOP, &FILES);
        let mut here = Smb::connect(net, T + 31 * S + 900 * MS, &WARD[6], &LAPTOP);
        there.logon_to(net, &who, &challenge, 0).tree(net, "C$", 0).read(net, "Users\\list.txt", 3_000);
        here.logon_to(net, &who, &challenge, super::smb::ACCESS_DENIED);
        here.tcp.close(net);
        there.close(net);
    },
    benign: |net| {
        // Hosts that answer for their own names, one with an alias; people log on to them.
        for (i, pc) in WARD.iter().enumerate().take(8) {
            let t = T + i as u64 * 6 * S;
            names::llmnr_exchange(net, t, &OFFICE[0], &OFFICE[3], "OFFICE-04", OFFICE[3].ip);
            names::netbios_exchange(net, t + S, pc, &WARD[9], "WARD-PC10");
            let alias = if i % 2 == 0 { "lab" } else { "lab-old" };
            let t = names::llmnr_exchange(net, t + 2 * S, &EMR, &LAB, alias, LAB.ip);
            logon(net, t + 50 * MS, &EMR, &LAB, &Logon { domain: "HILL", user: "svc-emr", workstation: "EMR" }, 0);
        }
        // One that tells the addresses of others, which sleep.
        for (i, pc) in OFFICE.iter().enumerate().skip(1) {
            names::llmnr_exchange(net, T + 5 * S + i as u64 * 5 * S, &OFFICE[0], &COPIER, pc.name, pc.ip);
        }
        for i in 0..5u64 {
            names::llmnr_query(net, T + 7 * S + i * 8 * S, &WARD[3], "nobody");
        }
    },
    site: "",
    attack_is: &[
        "The unlisted laptop answers four ward terminals for four names that are not its own (LLMNR and NetBIOS), one of them `wpad`; two of them log on to it by NTLM and are refused.",
        "A third logon is passed on: the laptop asks the file server for a challenge, gives it to the terminal, and is in the file server's C$.",
    ],
    benign_is: &[
        "Hosts that answer for their own names, a server with an alias that is then logged on to.",
        "A host that tells the addresses of five others; questions that nobody answers.",
    ],
    traps: &["A name that is answered becomes a name of the device: the answers themselves are no proof of ownership."],
};

/// Security account manager, workstation service.
const SAMR: (u128, u16) = (0x12345778_1234_abcd_ef00_0123456789ac, 1);
const WKSSVC: (u128, u16) = (0x6bffd098_a112_3610_9833_46c3f87e345a, 1);

/// Calls with a handle and a code as their result, one after the other.
fn calls(net: &mut Net, smb: &mut Smb, pipe: &str, interface: (u128, u16), ops: &[(u16, u32)]) {
    let mut rpc = Rpc::pipe(net, smb, pipe, interface);
    for (op, code) in ops {
        rpc.call(net, *op, Ndr::new().handle().u32(0), Ndr::new().handle().u32(*code));
    }
    rpc.close(net);
}

pub const AD_RECON: Recipe = Recipe {
    id: "ad-recon",
    attack: |net| {
        // First the domain: accounts, groups, who is in them; then who works where, and where one may administer.
        let who = Logon { domain: "HILL", user: "clerk", workstation: "OFFICE-03" };
        let mut s = rpc::pipes(net, T, &OFFICE[2], &INFRA, &who);
        calls(net, &mut s, "samr", SAMR, &[(0, 0), (5, 0), (7, 0), (13, 0), (13, 0), (11, 0), (15, 0), (19, 0), (25, 0), (19, 0), (25, 0)]);
        s.close(net);
        let all = [EMR, FILES, LAB, PACS, WARD[0], WARD[2], WARD[4], WARD[6], OFFICE[0], OFFICE[4]];
        for (i, h) in all.iter().enumerate() {
            let mut s = rpc::pipes(net, T + 6 * S + i as u64 * 3 * S, &OFFICE[2], h, &who);
            calls(net, &mut s, "srvsvc", SRVSVC, &[(12, 0), (15, 0)]);
            calls(net, &mut s, "wkssvc", WKSSVC, &[(2, if i % 3 == 0 { 0 } else { 5 })]);
            calls(net, &mut s, "svcctl", SVCCTL, &[(15, 5)]);
            s.close(net);
        }
    },
    benign: |net| {
        // Logons: a few lookups at the domain controller, each time.
        for (i, pc) in [WARD[1], WARD[3], OFFICE[1], OFFICE[4]].iter().enumerate() {
            let who = Logon { domain: "HILL", user: ACCOUNTS[i], workstation: pc.name };
            let mut s = rpc::pipes(net, T + i as u64 * 9 * S, pc, &INFRA, &who);
            calls(net, &mut s, "samr", SAMR, &[(0, 0), (5, 0), (7, 0), (17, 0), (34, 0), (36, 0), (39, 0)]);
            s.close(net);
            // And a look at the shares of the file server.
            let mut s = rpc::pipes(net, T + 3 * S + i as u64 * 9 * S, pc, &FILES, &who);
            calls(net, &mut s, "srvsvc", SRVSVC, &[(15, 0), (21, 0)]);
            s.close(net);
        }
        // The management server takes stock of everybody.
        let itam = Logon { domain: "HILL", user: "svc-itam", workstation: "ITAM" };
        for (i, h) in WARD.iter().take(6).enumerate() {
            let mut s = rpc::pipes(net, T + 2 * S + i as u64 * 7 * S, &ADMIN, h, &itam);
            calls(net, &mut s, "srvsvc", SRVSVC, &[(12, 0), (15, 0)]);
            calls(net, &mut s, "samr", SAMR, &[(0, 0), (7, 0), (15, 0), (33, 0)]);
            s.close(net);
        }
    },
    site: "",
    attack_is: &[
        "OFFICE-03 asks the domain controller for all accounts, groups and their members, then ten computers for their sessions and users and for their service manager, which all of them deny.",
    ],
    benign_is: &[
        "Four logons with their lookups at the domain controller and a look at the file server's shares.",
        "The management server (listed) asks six terminals for sessions and local groups.",
    ],
    traps: &["Lookups at the domain controller are part of every logon; only listings count."],
};
