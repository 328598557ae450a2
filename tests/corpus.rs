//! Other people's captures as judge of the detectors: ordinary traffic must stay quiet, and what is known to be in the attack captures must be
//! found. Needs the shared captures beside the repository (or under SPANWARD_SHARED); without them it says so and does nothing. A seeded sample
//! by default; everything, with the whole table, by `SPANWARD_TEST_ALL=1 cargo test --release --test corpus -- --nocapture`.

use spanward::base::{Cidr, Severity};
use spanward::capture::{Replay, ReplayOptions};
use spanward::detect::{Finding, Signatures};
use spanward::engine::{Options, replay};
use spanward::incident::Kept;
use spanward::site::Site;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Captures of a class taken into the default sample, beside those of the tables below.
const SAMPLE: usize = 12;
/// Larger captures wait for the full run.
const SAMPLE_BYTES: u64 = 2 << 20;
/// Classes without an attack: nothing at `medium` or above but what [`EXPLAINED`] lists.
const QUIET: [&str; 5] = ["C8-benign-enterprise", "C9-malformed", "C10-encap", "C11-identity", "C11-ot"];

/// What is known to be in a capture and is found: file (its end), detector, originator (or one of its names), least severity, least count.
const FOUND: &[(&str, &str, &str, Severity, u64)] = &[
    ("na-arpSpoofing.pcap", "address-conflict", "00:e0:4d:3c:25:7b", Severity::High, 2),
    ("hs-arpScan.pcap", "scan", "10.0.0.128", Severity::Medium, 250),
    ("hs-icmpScan.pcap", "scan", "10.0.0.128", Severity::Medium, 230),
    ("hs-icmpScan.pcapng", "scan", "10.0.0.128", Severity::Medium, 230),
    ("hs-sh-IPscan.pcapng", "scan", "192.168.231.128", Severity::Medium, 1),
    ("hs-tcp_ackPingSweepRand.pcapng", "scan", "10.0.0.128", Severity::Medium, 230),
    ("hs-tcp_synPingSweepRand.pcapng", "scan", "10.0.0.128", Severity::Medium, 230),
    ("hs-udpScan.pcap", "scan", "246.237.45.150", Severity::Low, 80),
    ("ps-tcp_ack.pcap", "scan", "10.0.0.135", Severity::Medium, 3),
    ("ps-tcp_syn.pcap", "scan", "10.0.0.140", Severity::Medium, 3),
    ("ps-udp.pcap", "scan", "10.0.0.135", Severity::Medium, 3),
    ("pcaps__port_scan.pcap", "scan", "192.168.2.154", Severity::Medium, 1),
    ("scan_with_zero_windows.pcap", "scan", "10.0.0.1", Severity::High, 10),
    ("synscan.pcap", "scan", "172.16.0.8", Severity::Medium, 1),
    ("nmap_tcp_22_ipv6.pcap", "scan", "fc00::200:ff:fe00:10", Severity::Medium, 250),
    ("test7-malicious.pcap", "scan", "192.168.2.16", Severity::Medium, 76),
    ("test8-malicious.pcap", "scan", "192.168.1.247", Severity::Medium, 250),
    ("pcap__tcp_scan.pcapng", "scan", "192.168.1.178", Severity::Medium, 1),
    ("445_scan.pcap", "scan", "176.192.150.3", Severity::Medium, 9),
    ("purplesharp_ad_playbook_I_2020-10-22042947.cap", "rdp-fanout", "172.18.39.5", Severity::Medium, 3),
    ("filecontainer-smb.pcap", "new-admin-edge", "192.168.202.115", Severity::Medium, 1),
    ("tests__smb-filename__input.pcap", "new-admin-edge", "10.4.30.101", Severity::Medium, 1),
    ("20171220_smb_mimikatz_copy_to_host.pcap", "new-admin-edge", "192.168.10.31", Severity::Medium, 1),
    ("smb-smb1-ascii.pcap", "new-admin-edge", "10.10.0.3", Severity::Medium, 1),
    ("20171220_smb_psexec_add_user.pcap", "new-admin-edge", "192.168.10.31", Severity::Medium, 1),
];

/// What looks like an attack and is none, or none that these detectors tell: file, detector that must say nothing at `medium`.
const NOT_FOUND: &[(&str, &str)] = &[
    // Answers to forged openings come from the attacked.
    ("backscatter.trace", "scan"),
    // Nobody was reached: there is no SMB at all.
    ("eternalblue-failed-patched-win7.pcap", "smb-fanout"),
    // Eighteen packets: one web server that answers and two hosts that refuse. A browser with two old bookmarks does the same.
    ("nmap_tcp_22_ipv4.pcap", "scan"),
    // The list of shares of three hosts by IPC$, one of them a directory server: what an inventory asks. The desktops that follow are told (rdp-fanout).
    ("purplesharp_ad_playbook_I_2020-10-22042947.cap", "smb-fanout"),
    // An exploit against one host is no fan-out.
    ("eternalblue-success-unpatched-win7.pcap", "smb-fanout"),
];

/// Clinical hosts that reach the internet, once somebody says that their network is clinical: file, originator, answered.
const EGRESS: &[(&str, &str, bool)] = &[
    ("pcap__zoom2.pcap", "192.168.1.178", true),
    ("pcap__whatsapp.pcap", "192.168.2.100", true),
    ("pcap__whatsapp_login_call.pcap", "192.168.2.4", true),
    ("pcap__steam.pcapng", "192.168.88.231", true),
    ("pcap__quic_interop_V.pcapng", "192.168.1.128", true),
    ("pcap__openvpn.pcap", "192.168.43.18", true),
    ("pcap__zoom_p2p.pcapng", "192.168.12.156", false),
    ("30a385ed-171e-4f15-ac3f-08c96be7bfd1.pcap", "192.168.100.20", true),
];

/// Findings at `medium` in quiet classes, with the reason.
const EXPLAINED: &[(&str, &str)] = &[
    // Filed as ordinary traffic, and both are exploits: the null session, PeekNamedPipe, NT transaction and its TRANS2 continuations of MS17-010 from
    // packet 109 on; and one TRANS2 SESSION_SETUP, the question whether DoublePulsar is there.
    ("smb2-09-trunc-file-logging__input.pcap", "exploit-shape"),
    ("pcap__smbv1.pcap", "exploit-shape"),
];

struct Row {
    class: String,
    file: String,
    bytes: u64,
}

fn shared() -> Option<PathBuf> {
    let dir = std::env::var_os("SPANWARD_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let dir = dir.join("pcaps");
    if !dir.join("manifest.tsv").is_file() {
        println!("skipped: no shared captures");
        return None;
    }
    Some(dir)
}

fn all() -> bool {
    std::env::var_os("SPANWARD_TEST_ALL").is_some()
}

fn manifest(dir: &Path) -> Vec<Row> {
    let text = std::fs::read_to_string(dir.join("manifest.tsv")).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split('\t').collect();
    let at = |name: &str| names.iter().position(|n| *n == name).unwrap();
    let (class, file, bytes) = (at("class"), at("local"), at("bytes"));
    let row = |l: &str| {
        let f: Vec<&str> = l.split('\t').collect();
        Row { class: f[class].into(), file: f[file].into(), bytes: f[bytes].parse().unwrap_or(0) }
    };
    lines.map(row).filter(|r| dir.join(&r.file).is_file()).collect()
}

/// The same sample every time: those whose name's hash is smallest.
fn sample(rows: Vec<Row>) -> Vec<Row> {
    if all() {
        return rows;
    }
    let hash = |s: &str| s.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    let mut by_class: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for r in rows.into_iter().filter(|r| r.bytes <= SAMPLE_BYTES) {
        by_class.entry(r.class.clone()).or_default().push(r);
    }
    let mut out = Vec::new();
    for (_, mut rows) in by_class {
        rows.sort_by_key(|r| hash(&r.file));
        out.extend(rows.into_iter().take(SAMPLE));
    }
    out
}

fn run(capture: &Path, clinical: &[&str]) -> Vec<Kept> {
    let clinical: Vec<Cidr> = clinical.iter().map(|c| c.parse().unwrap()).collect();
    let site = Arc::new(Site::open(None, &clinical).unwrap());
    let Ok(source) = Replay::open(&[capture.to_path_buf()], ReplayOptions::default()) else { return Vec::new() };
    let outcome = replay(source, &Options::new(site, Arc::new(Signatures::embedded().unwrap())), Vec::new(), &mut |_| {}).unwrap();
    assert_eq!(outcome.failure, None, "{}", capture.display());
    outcome.book.findings().to_vec()
}

fn is_by(k: &Kept, orig: &str) -> bool {
    k.finding.orig.word() == orig || k.orig_all.iter().any(|n| n == orig)
}

fn told(f: &Finding) -> String {
    let resp: Vec<String> = f.resp.iter().take(3).map(|a| a.to_string()).collect();
    format!("{} {} {} {} x{} {}", f.severity, f.detector, f.outcome, f.orig.word(), f.count, resp.join(" "))
}

/// Files and findings by severity, per class.
#[derive(Default)]
struct Table(BTreeMap<String, [usize; 6]>);

impl Table {
    fn add(&mut self, class: &str, findings: &[Kept]) {
        let row = self.0.entry(class.into()).or_default();
        row[0] += 1;
        for k in findings {
            row[1 + k.finding.severity as usize] += 1;
        }
    }
    fn print(&self) {
        println!("{:22} {:>6} {:>6} {:>6} {:>6} {:>6} {:>8}", "class", "files", "info", "low", "medium", "high", "critical");
        for (class, n) in &self.0 {
            println!("{class:22} {:>6} {:>6} {:>6} {:>6} {:>6} {:>8}", n[0], n[1], n[2], n[3], n[4], n[5]);
        }
    }
}

#[test]
fn ordinary_traffic_is_quiet() {
    let Some(dir) = shared() else { return };
    let (mut table, mut wrong) = (Table::default(), Vec::new());
    for row in sample(manifest(&dir)) {
        let findings = run(&dir.join(&row.file), &[]);
        table.add(&row.class, &findings);
        for f in findings.iter().map(|k| &k.finding).filter(|f| f.severity >= Severity::Medium) {
            let explained = EXPLAINED.iter().any(|e| row.file.ends_with(e.0) && f.detector == e.1);
            if QUIET.contains(&row.class.as_str()) && !explained {
                wrong.push(format!("{}: {}", row.file, told(f)));
            } else if all() {
                println!("{}: {}", row.file, told(f));
            }
        }
    }
    table.print();
    assert!(wrong.is_empty(), "not quiet:\n{}", wrong.join("\n"));
}

#[test]
fn what_is_in_the_attack_captures_is_found() {
    let Some(dir) = shared() else { return };
    let (rows, mut wrong) = (manifest(&dir), Vec::new());
    let mut seen: BTreeMap<&str, Vec<Kept>> = BTreeMap::new();
    for end in FOUND.iter().map(|e| e.0).chain(NOT_FOUND.iter().map(|e| e.0)) {
        match rows.iter().find(|r| r.file.ends_with(end)) {
            Some(r) => drop(seen.entry(end).or_insert_with(|| run(&dir.join(&r.file), &[]))),
            None => println!("not there: {end}"),
        }
    }
    for (end, detector, orig, severity, count) in FOUND {
        let Some(all) = seen.get(end) else { continue };
        let mine = all.iter().filter(|k| k.finding.detector == *detector && is_by(k, orig));
        if !mine.clone().any(|k| k.finding.severity >= *severity && k.finding.count >= *count) {
            let got: Vec<String> = all.iter().filter(|k| k.finding.severity > Severity::Info).map(|k| told(&k.finding)).collect();
            wrong.push(format!("{end}: {detector} by {orig} x{count} at {severity}: {got:?}"));
        }
    }
    for (end, detector) in NOT_FOUND {
        let all = seen.get(end).into_iter().flatten().map(|k| &k.finding);
        wrong.extend(all.filter(|f| f.detector == *detector && f.severity >= Severity::Medium).map(|f| format!("{end}: {}", told(f))));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_clinical_network_that_reaches_the_internet_is_named() {
    let Some(dir) = shared() else { return };
    let (rows, mut wrong) = (manifest(&dir), Vec::new());
    for (end, orig, answered) in EGRESS {
        let Some(r) = rows.iter().find(|r| r.file.ends_with(end)) else { continue };
        let (detector, severity) = if *answered { ("clinical-egress", Severity::High) } else { ("egress-attempt", Severity::Medium) };
        let is_told = |found: &[Kept], least| found.iter().any(|k| k.finding.detector == detector && is_by(k, orig) && k.finding.severity >= least);
        if !is_told(&run(&dir.join(&r.file), &["192.168.0.0/16"]), severity) {
            wrong.push(format!("{end}: no {detector} by {orig}"));
        }
        // Without a site nobody knows what is clinical.
        if is_told(&run(&dir.join(&r.file), &[]), Severity::Low) {
            wrong.push(format!("{end}: {detector} by {orig} although no zone is declared"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
