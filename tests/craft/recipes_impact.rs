//! Captures of what an intruder comes for: files encrypted, backups destroyed, notes printed, defences silenced; and of the honest work that looks like it.

use super::further::Further;
use super::hospital::*;
use super::net::{Host, MS, Net, S};
use super::recipes::{Recipe, START};
use super::smb::{LOGON_FAILURE, Logon, Open, Smb, use_files};
use super::stories::STOLEN;
use super::tcp::{Tcp, refused};
use super::{remote, tls, ward};

/// When the story begins: the network has been seen for a while.
const T: u64 = START + 60 * S;
const NURSE: Logon = Logon { domain: "HILL", user: "nurse3", workstation: "WARD-PC02" };
const CLERK: Logon = Logon { domain: "HILL", user: "clerk", workstation: "OFFICE-02" };
const BACKUP_AS: Logon = Logon { domain: "HILL", user: "svc-backup", workstation: "BACKUP" };
const INTRUDER: Logon = Logon { domain: "HILL", user: STOLEN, workstation: "WARD-PC07" };

/// Content that keeps what the name promises: text, or the first bytes of its kind and then packed data.
fn document(net: &mut Net, name: &str, n: usize) -> Vec<u8> {
    let mut data = net.rng.bytes(n);
    let first: &[u8] = match name.rsplit('.').next() {
        Some("docx" | "xlsx") => b"PK\x03\x04\x14\0\x06\0",
        Some("pdf") => b"%PDF-1.7\r\n%\xe2\xe3",
        Some("jpg") => b"\xff\xd8\xff\xe1\0\x18Exif",
        Some("gz") => b"\x1f\x8b\x08\0",
        _ => {
            data.iter_mut().for_each(|b| *b = b"etaoin shrdlu,0123456789\r\nABCDEF"[usize::from(*b) % 32]);
            return data;
        }
    };
    data[..first.len()].copy_from_slice(first);
    data
}

/// The share's files: name and length.
fn names(n: usize) -> Vec<(String, usize)> {
    let ending = ["docx", "txt", "xlsx", "pdf", "csv"];
    (0..n).map(|i| (format!("2026\\{}\\doc{i:02}.{}", ["round", "duty", "orders"][i % 3], ending[i % 5]), 700 + 61 * i)).collect()
}

fn session(net: &mut Net, t: u64, a: &Host, b: &Host, who: &Logon, share: &str) -> Smb {
    let mut s = Smb::connect(net, t, a, b);
    s.logon(net, who, 0).tree(net, "IPC$", 0).tree(net, share, 0);
    s
}

/// One client reads, overwrites and renames file after file, and leaves a note in each directory.
fn encrypt(net: &mut Net, s: &mut Smb, files: &[(String, usize)], pace: u64) {
    for dir in ["2026", "2026\\round", "2026\\duty", "2026\\orders"] {
        s.list(net, dir);
        let note = document(net, "note.txt", 700);
        s.store(net, &format!("{dir}\\HOW_TO_GET_BACK.txt"), &note, true);
    }
    for (name, n) in files {
        let (old, new) = (document(net, name, *n), net.rng.bytes(*n + 48));
        s.fetch(net, name, &old);
        s.store(net, name, &new, false).rename(net, name, &format!("{name}.hk2q"));
        s.tcp.wait(pace);
    }
}

pub const RANSOMWARE_SMB: Recipe = Recipe {
    id: "ransomware-smb",
    attack: |net| {
        let mut s = session(net, T, &WARD[6], &FILES, &INTRUDER, "ward3");
        encrypt(net, &mut s, &names(18), 60 * MS);
        s.close(net);
        let mut s = session(net, T + 20 * S, &WARD[6], &EMR, &INTRUDER, "export");
        encrypt(net, &mut s, &names(5), 60 * MS);
        s.close(net);
    },
    benign: |net| {
        backup_run(net, T);
        office_saves(net, T + 3 * S);
        batches(net, T + 20 * S);
        let mut s = session(net, T + 40 * S, &OFFICE[1], &FILES, &CLERK, "archive");
        // A year is moved to the archive, another set gets an ending by a tool; old logs are turned.
        for (name, _) in names(12) {
            s.rename(net, &name, &format!("archive\\{name}"));
        }
        for i in 0..12 {
            s.rename(net, &format!("list\\a{i}.csv"), &format!("list\\a{i}.csv.old"));
            s.rename(net, &format!("log\\b{i}.log"), &format!("log\\b{i}.log.1"));
        }
        s.close(net);
    },
    site: "",
    attack_is: &[
        "WARD-PC07, with a stolen administrator's account, lists the directories of the file server's share, leaves HOW_TO_GET_BACK.txt in four of them, then reads eighteen documents, writes noise over each and renames it to `.hk2q`.",
        "Twenty seconds later the same on the record server's export share, five files.",
    ],
    benign_is: &[
        "A backup run that reads everything and writes an archive elsewhere; a restore; a virus scan that deletes one file.",
        "Office saves (temporary file written, original renamed away, temporary renamed over it, old deleted); pictures rotated in place; PDFs printed anew; lists compressed one by one and the originals deleted.",
        "A year moved to the archive, a mass rename by a tool, logs turned.",
    ],
    traps: &[
        "Compressed documents have the entropy of noise: only their first bytes tell.",
        "An office save deletes and replaces the original as ransomware does; what it writes is a document.",
    ],
};

/// Everything is read, an archive is written on the backup server; some of it is restored; a scanner deletes one file.
fn backup_run(net: &mut Net, t: u64) {
    let mut s = session(net, t, &BACKUP, &FILES, &BACKUP_AS, "ward3");
    for (name, n) in names(14) {
        let data = document(net, &name, n);
        s.fetch(net, &name, &data);
    }
    s.close(net);
    let mut s = session(net, t + S, &FILES, &BACKUP, &BACKUP_AS, "store");
    let archive = net.rng.bytes(16_000);
    s.store(net, "files-2026-11-21.part", &archive, true).rename(net, "files-2026-11-21.part", "files-2026-11-21.vbk");
    s.close(net);
    let mut s = session(net, t + 2 * S, &BACKUP, &EMR, &BACKUP_AS, "export");
    for (name, n) in names(8) {
        let data = document(net, &name, n);
        s.store(net, &name, &data, true);
    }
    s.close(net);
    let mut s = session(net, t + 10 * S, &ADMIN, &FILES, &Logon { user: "svc-itam", workstation: "ITAM", ..BACKUP_AS }, "ward3");
    for (name, n) in names(10) {
        let data = document(net, &name, n);
        s.fetch(net, &name, &data);
    }
    s.delete(net, &names(10)[7].0);
    s.close(net);
}

fn office_saves(net: &mut Net, t: u64) {
    let mut s = session(net, t, &WARD[1], &FILES, &NURSE, "ward3");
    for (i, (name, n)) in names(15).into_iter().enumerate().filter(|(_, f)| f.0.ends_with("x")) {
        let (old, new) = (document(net, &name, n), document(net, &name, n + 90));
        s.fetch(net, &name, &old);
        let temp = format!("2026\\~WRD{i:04}.tmp");
        s.store(net, &temp, &new, true);
        s.rename(net, &name, &format!("2026\\~WRL{i:04}.tmp")).rename(net, &temp, &name).delete(net, &format!("2026\\~WRL{i:04}.tmp"));
        s.tcp.wait(900 * MS);
    }
    s.close(net);
}

fn batches(net: &mut Net, t: u64) {
    let mut s = session(net, t, &OFFICE[1], &FILES, &CLERK, "office");
    for i in 0..10 {
        let (jpg, pdf, csv) = (format!("wound\\p{i}.jpg"), format!("forms\\f{i}.pdf"), format!("lists\\l{i}.csv"));
        let (a, b) = (document(net, &jpg, 1_500 + 31 * i), document(net, &jpg, 1_500 + 31 * i));
        s.fetch(net, &jpg, &a).store(net, &jpg, &b, false);
        let b = document(net, &pdf, 900 + 77 * i);
        s.store(net, &pdf, &b, false);
        let (a, b) = (document(net, &csv, 1_500 + 11 * i), document(net, "x.gz", 700 + 3 * i));
        s.fetch(net, &csv, &a).store(net, &format!("{csv}.gz"), &b, true).delete(net, &csv);
    }
    s.close(net);
}

/// A file under encryption: read, written back, renamed in one handle.
fn rewrite(net: &mut Net, s: &mut Smb, name: &str, n: usize, to: &str) {
    let (old, new) = (net.rng.bytes(n), net.rng.bytes(n + 32));
    let id = s.open(net, name, &Open::default());
    s.get(net, &id, &old);
    s.put(net, &id, &new);
    s.set_name(net, &id, to);
    s.shut(net, &id);
    s.tcp.wait(150 * MS);
}

pub const RANSOMWARE_SEALED: Further = Further {
    id: "ransomware-smb",
    name: "attack-sealed",
    story: |net| {
        let mut s = session(net, T, &WARD[6], &FILES, &INTRUDER, "ward3");
        s.seal();
        for (name, n) in names(16) {
            rewrite(net, &mut s, &name, n, &format!("{name}.hk2q"));
        }
        s.close(net);
    },
    orig: Some(WARD[6]),
    is: "The same under SMB3 encryption: nothing but sizes. Sixteen files are read, written back 32 bytes longer and renamed.",
};

pub const RANSOMWARE_SLOW: Further = Further {
    id: "ransomware-smb",
    name: "attack-slow",
    story: |net| {
        let mut s = session(net, T, &OFFICE[3], &FILES, &Logon { workstation: "OFFICE-04", ..CLERK }, "office");
        for (i, (name, n)) in names(6).into_iter().enumerate() {
            let (old, new) = (document(net, &name, n), net.rng.bytes(n + 528));
            s.fetch(net, &name, &old);
            s.store(net, &format!("2026\\{i}f3a{}", 7 * i), &new, true).delete(net, &name);
            s.tcp.wait(25 * S);
        }
        s.close(net);
    },
    orig: Some(OFFICE[3]),
    is: "Low and slow, as an ordinary user: every 25 seconds one document is read, an encrypted copy is written under a name of chance without an ending, the original is deleted. No note.",
};

pub const BENIGN_SEALED: Further = Further {
    id: "ransomware-smb",
    name: "benign-sealed",
    story: |net| {
        let mut s = session(net, T, &WARD[1], &FILES, &NURSE, "ward3");
        s.seal();
        // Copied down, then up, in turn; documents saved with another length; one list that a program keeps in a file.
        for (name, n) in names(14) {
            let (down, up) = (net.rng.bytes(n), net.rng.bytes(2 * n + 300));
            s.fetch(net, &name, &down).store(net, &format!("new\\{name}"), &up, true);
        }
        for (name, n) in names(12) {
            let (old, new) = (net.rng.bytes(n), net.rng.bytes(n * 3 / 2));
            s.fetch(net, &name, &old).store(net, "2026\\~t.tmp", &new, true).rename(net, "2026\\~t.tmp", &name);
        }
        for _ in 0..14 {
            rewrite(net, &mut s, "state.dat", 2_000, "state.dat");
        }
        s.close(net);
        let mut s = session(net, T + 30 * S, &BACKUP, &FILES, &BACKUP_AS, "ward3");
        s.seal();
        for (name, n) in names(20) {
            let data = net.rng.bytes(n);
            s.fetch(net, &name, &data);
        }
        s.close(net);
    },
    orig: None,
    is: "Encrypted SMB: files copied down and up in turn, documents saved with another length and renamed over, one state file rewritten again and again; a backup run.",
};

pub const BACKUP_ATTACK: Recipe = Recipe {
    id: "backup-attack",
    attack: |net| {
        // The account is tried, then let in; what is on the share is deleted job by job.
        for i in 0..9 {
            let mut s = Smb::connect(net, T + i * 3 * S, &WARD[6], &BACKUP);
            s.logon(net, &INTRUDER, LOGON_FAILURE);
            s.tcp.close(net);
        }
        let mut s = session(net, T + 30 * S, &WARD[6], &BACKUP, &INTRUDER, "repository");
        s.list(net, "jobs");
        for i in 0..9 {
            s.delete(net, &format!("jobs\\emr-2026-11-{:02}.vbk", 12 + i));
            s.tcp.wait(300 * MS);
        }
        s.close(net);
    },
    benign: |net| {
        // The database server keeps its last copies on the backup server: a new one, the oldest goes.
        let sql = Logon { domain: "HILL", user: "svc-sql", workstation: "EMR" };
        let mut s = session(net, T, &EMR, &BACKUP, &sql, "sql");
        for db in ["karte", "orders", "master", "msdb", "model"] {
            let copy = net.rng.bytes(6_000);
            s.store(net, &format!("{db}-1121.bak.tmp"), &copy, true).rename(net, &format!("{db}-1121.bak.tmp"), &format!("{db}-1121.bak"));
            s.delete(net, &format!("{db}-1107.bak"));
        }
        s.close(net);
        // The backup server's own work: reads, and its retention on the file server's share.
        let mut s = session(net, T + 5 * S, &BACKUP, &FILES, &BACKUP_AS, "backup-stage");
        for i in 0..8 {
            s.delete(net, &format!("stage\\part{i}.vib"));
        }
        s.close(net);
        // A user's own old copies on an ordinary share, and two of them at that.
        let mut s = session(net, T + 9 * S, &OFFICE[1], &FILES, &CLERK, "office");
        s.delete(net, "budget.xlsx.bak").delete(net, "list.bak");
        s.close(net);
        // An inventory, by hand: a wrong password once.
        let mut s = Smb::connect(net, T + 12 * S, &ADMIN, &BACKUP);
        s.logon(net, &BACKUP_AS, LOGON_FAILURE);
        s.tcp.close(net);
        let mut s = session(net, T + 15 * S, &ADMIN, &BACKUP, &BACKUP_AS, "repository");
        s.list(net, "jobs");
        s.close(net);
    },
    site: "",
    attack_is: &[
        "WARD-PC07 is refused nine times by the backup server, then let in, lists the repository and deletes nine backup files within three seconds.",
    ],
    benign_is: &[
        "The record server's database keeps its copies on the backup server: five new ones under a temporary name, the five oldest deleted.",
        "The backup server's own retention on the file server; two old copies of a user's deleted; the management server that looks, after one wrong password.",
    ],
    traps: &["Retention deletes as many backups as an intruder does; what it made before tells them apart."],
};

/// A printer is asked for its state.
fn poll(net: &mut Net, t: u64, a: &Host, printer: &Host) {
    let mut c = Tcp::open(net, t, a, printer, 9100);
    c.up(net, b"\x1b%-12345X@PJL INFO STATUS\r\n\x1b%-12345X")
        .wait(20 * MS)
        .down(net, b"@PJL INFO STATUS\r\nCODE=10001\r\nDISPLAY=\"READY\"\r\nONLINE=TRUE\r\n");
    c.close(net);
}

pub const PRINTER_BURST: Recipe = Recipe {
    id: "printer-burst",
    attack: |net| {
        for (i, p) in PRINTERS.iter().chain([&WARD_PRINTER, &COPIER]).enumerate() {
            ward::print(net, T + i as u64 * 3 * S, &LAB, p, 3_400 + i);
            ward::print(net, T + i as u64 * 3 * S + S, &WARD[6], p, 3_400 + i);
        }
    },
    benign: |net| {
        // The laboratory server prints labels where they are needed, all of one length, all the time; wards print documents of their own.
        for i in 0..20u64 {
            let p = [&PRINTERS[0], &PRINTERS[1], &PRINTERS[2], &PRINTERS[3], &WARD_PRINTER][(i * 3 % 5) as usize];
            ward::print(net, T + i * 3 * S, &LAB, p, 620);
        }
        for (i, pc) in WARD.iter().enumerate() {
            ward::print(net, T + i as u64 * 6 * S, pc, &PRINTERS[i % 2], 2_000 + 700 * i);
        }
        // One person's document, on a second printer when the first jams.
        ward::print(net, T + 5 * S, &OFFICE[2], &COPIER, 5_200);
        ward::print(net, T + 50 * S, &OFFICE[2], &WARD_PRINTER, 5_200);
        for (i, p) in PRINTERS.iter().chain([&WARD_PRINTER, &COPIER]).enumerate() {
            poll(net, T + 8 * S + i as u64 * 400 * MS, &OFFICE[4], p);
            ward::counter(net, T + 9 * S + i as u64 * 400 * MS, &ADMIN, p);
        }
    },
    site: "",
    attack_is: &[
        "On a Saturday WARD-PC07 sends a job of some 3,500 bytes to six printers, one every three seconds. The laboratory server prints the same to the same printers, a second before: of a server that is no news.",
    ],
    benign_is: &[
        "The laboratory server prints twenty labels of one length to five printers; ten terminals print documents of different lengths; one person prints a document again on a second printer.",
        "All printers are asked for their state, over port 9100 and by SNMP.",
    ],
    traps: &["Labels are alike, short, and go to many printers all day: who prints tells them from a note."],
};

pub const TERMINAL_TO_TERMINAL: Recipe = Recipe {
    id: "terminal-to-terminal",
    attack: |net| {
        remote::desktop(net, T, &WARD[6], &WARD[2], "nurse3", 30);
        remote::desktop(net, T + 40 * S, &WARD[6], &OFFICE[3], "nurse3", 20);
    },
    benign: |net| {
        // Colleagues: a shared folder is `low` by design and not here; a look at a neighbour's printer, a wrong password, a dropped connection.
        let mut s = Smb::connect(net, T, &OFFICE[1], &OFFICE[2]);
        s.logon(net, &CLERK, 0).tree(net, "IPC$", 0);
        s.close(net);
        remote::desktop_refused(net, T + 5 * S, &OFFICE[3], &OFFICE[4], "clerk4");
        Tcp::open(net, T + 8 * S, &WARD[1], &WARD[2], 3389).reset(net, 0);
        // Those who may: the management server on terminals, terminals on servers, a copier that leaves scans.
        remote::desktop(net, T + 10 * S, &ADMIN, &WARD[4], "adm-ito", 15);
        remote::desktop(net, T + 20 * S, &OFFICE[1], &LAB, "clerk", 12);
        let scans = Logon { domain: "", user: "scan", workstation: "MFP-OFFICE" };
        use_files(net, T + 30 * S, &COPIER, &OFFICE[0], &scans, "scan", 4_000);
        use_files(net, T + 34 * S, &WARD[4], &FILES, &NURSE, "ward3", 4_000);
    },
    site: "",
    attack_is: &["WARD-PC07 works on WARD-PC03 by RDP for half a minute, then on OFFICE-04: two terminals from one, with a user's account."],
    benign_is: &[
        "A look at a neighbour's shares, a refused logon, a connection that is dropped.",
        "The management server on a terminal; a terminal on two servers; a copier that leaves a scan on an office computer.",
    ],
    traps: &["A shared folder between two colleagues is a `low` finding by design, so it is not in the benign capture."],
};

/// An agent reports to the server of the virus protection.
fn report(net: &mut Net, t: u64, pc: &Host) {
    let (ask, answer) = (net.rng.bytes(220), net.rng.bytes(90));
    let mut c = Tcp::open(net, t, pc, &ADMIN, 8014);
    c.up(net, &ask).wait(8 * MS).down(net, &answer).wait(2 * MS);
    c.close(net);
}

/// Hosts report every eight minutes and use the record in between, from one minute to another.
fn reports(net: &mut Net, pcs: &[Host], from: u64, until: u64) {
    for m in (from..until).step_by(8) {
        for (i, pc) in pcs.iter().enumerate() {
            report(net, T + m * 60 * S + i as u64 * 11 * S, pc);
        }
    }
}
fn at_work(net: &mut Net, pcs: &[Host], from: u64, until: u64) {
    for m in (from..until).step_by(12) {
        for (i, pc) in pcs.iter().enumerate() {
            tls::visit(net, T + m * 60 * S + (i as u64 * 13 + 5) * S, pc, &EMR, 443, Some("emr.hill.example"), 200, 300);
        }
    }
}
/// The capture goes on: somebody asks for the time every few minutes.
fn goes_on(net: &mut Net, until: u64) {
    for k in 0..until * 60 / 200 {
        ward::time(net, T + k * 200 * S, &WARD[(k % 10) as usize], &INFRA);
    }
}

pub const DEFENCE_SILENCE: Recipe = Recipe {
    id: "defence-silence",
    attack: |net| {
        goes_on(net, 106);
        reports(net, &WARD[..3], 1, 58);
        reports(net, &WARD[3..5], 1, 106);
        at_work(net, &WARD[..5], 2, 106);
    },
    benign: |net| {
        goes_on(net, 106);
        reports(net, &WARD[..2], 1, 58);
        at_work(net, &WARD[..2], 2, 58);
        reports(net, &WARD[..1], 92, 106);
        at_work(net, &WARD[..1], 91, 106);
        reports(net, &WARD[2..5], 1, 58);
        for m in [62, 70] {
            for (i, pc) in WARD[2..5].iter().enumerate() {
                refused(net, T + m * 60 * S + i as u64 * 9 * S, pc, &ADMIN, 8014);
            }
        }
        reports(net, &WARD[2..5], 78, 106);
        at_work(net, &WARD[2..5], 2, 106);
    },
    site: "",
    attack_is: &[
        "Five ward terminals report to the virus protection's server (port 8014) every eight minutes for nearly an hour; then three of them stop, but go on working with the record.",
    ],
    benign_is: &[
        "Two terminals are switched off after an hour, one of them comes back.",
        "The server is restarted and refuses everybody for a quarter of an hour; then all report again.",
    ],
    traps: &["A computer that is switched off reports no more, either: only one that works on is silent."],
};
