//! Devices and egress on the bed's captures: who is named, as whom, and that nobody else is.
use spanward::base::Severity;
use spanward::capture::{Replay, ReplayOptions};
use spanward::detect::Signatures;
use spanward::engine::{Options, replay};
use spanward::incident::Kept;
use spanward::site::Site;
use std::path::PathBuf;
use std::sync::Arc;

const MINE: [&str; 6] = ["unknown-device", "address-conflict", "rogue-dhcp", "clinical-egress", "egress-attempt", "policy-violation"];
const LAPTOP: &str = "00:07:40:66:66:66";

fn shared() -> Option<PathBuf> {
    let dir =
        std::env::var_os("SPANWARD_SHARED").map(PathBuf::from).unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")));
    dir.is_dir().then_some(dir)
}

fn findings(site: Site, capture: PathBuf) -> Vec<Kept> {
    let source = Replay::open(&[capture], ReplayOptions::default()).unwrap();
    let options = Options::new(Arc::new(site), Arc::new(Signatures::embedded().unwrap()));
    let outcome = replay(source, &options, Vec::new(), &mut |_| {}).unwrap();
    outcome.book.findings().iter().filter(|k| MINE.contains(&k.finding.detector)).cloned().collect()
}

/// `(detector, every name of the originator)` at medium or above, sorted.
fn said(all: &[Kept]) -> Vec<(&'static str, String)> {
    let loud = all.iter().filter(|k| k.finding.severity >= Severity::Medium);
    let mut out: Vec<_> =
        loud.map(|k| (k.finding.detector, k.orig_all.iter().filter(|n| !n.starts_with("fe80")).cloned().collect::<Vec<_>>().join(" "))).collect();
    out.sort();
    out
}

#[test]
fn the_bed_with_its_ledger() {
    let Some(shared) = shared() else { return println!("skipped: no shared captures here") };
    let laptop = |ip: &str| format!("{ip} {LAPTOP}");
    let term = |n: u32| format!("10.10.10.{n} 00:00:0e:10:10:{n}");
    let want: &[(&str, Vec<(&str, String)>)] = &[
        ("benign_day", vec![]),
        ("smb_spread", vec![]),
        ("rdp_chain", vec![]),
        ("rogue_laptop", vec![("unknown-device", laptop("10.10.10.121"))]),
        ("rogue_static", vec![("unknown-device", laptop("10.10.10.77"))]),
        ("rogue_macclone", vec![("address-conflict", term(13))]),
        ("rogue_dhcp", vec![("rogue-dhcp", laptop("10.10.10.66")), ("unknown-device", laptop("10.10.10.66"))]),
        ("arp_spoof", vec![("address-conflict", laptop("10.10.10.79")), ("unknown-device", laptop("10.10.10.79"))]),
        ("scan", vec![("unknown-device", laptop("10.10.10.78"))]),
        ("clinical_internet", vec![("clinical-egress", term(12)), ("egress-attempt", term(12))]),
        ("clinical_internet_blocked", vec![("egress-attempt", term(12))]),
        ("beacon", vec![("clinical-egress", term(11))]),
        ("incident", vec![("clinical-egress", term(13))]),
    ];
    let mut wrong = Vec::new();
    for (name, expected) in want {
        let site = Site::load(&shared.join("bed/site.toml")).unwrap();
        let all = findings(site, shared.join(format!("bed/captures/{name}.pcap")));
        let got = said(&all);
        if got != *expected {
            wrong.push(format!("{name}: {got:?}\n  wanted {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn without_a_site_file_only_contradictions_are_loud() {
    let Some(shared) = shared() else { return println!("skipped: no shared captures here") };
    for name in ["benign_day", "rogue_laptop", "clinical_internet", "beacon"] {
        let all = findings(Site::default(), shared.join(format!("bed/captures/{name}.pcap")));
        assert_eq!(said(&all), [], "{name}");
    }
    let all = findings(Site::default(), shared.join("bed/captures/arp_spoof.pcap"));
    assert_eq!(said(&all), [("address-conflict", format!("10.10.10.79 {LAPTOP}"))]);
}

/// Ordinary traffic of others: nothing loud of these detectors. `SPANWARD_CORPUS=1` lists what is said instead of asserting on every file.
#[test]
fn ordinary_traffic_is_quiet() {
    let Some(shared) = shared() else { return println!("skipped: no shared captures here") };
    let mut loud = Vec::new();
    for class in ["C8-benign-enterprise", "C1-device"] {
        let Ok(dir) = std::fs::read_dir(shared.join("pcaps").join(class)) else { continue };
        let mut files: Vec<PathBuf> = dir.flatten().map(|e| e.path()).filter(|p| p.is_file()).collect();
        files.sort();
        for f in files.into_iter().filter(|f| f.metadata().is_ok_and(|m| m.len() < 4 << 20)) {
            let name = f.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if Replay::open(std::slice::from_ref(&f), ReplayOptions::default()).is_err() {
                continue;
            }
            let all = findings(Site::default(), f);
            loud.extend(said(&all).into_iter().map(|s| format!("{class}/{name}: {s:?}")));
        }
    }
    println!("{}", loud.join("\n"));
    if std::env::var_os("SPANWARD_CORPUS").is_none() {
        assert!(loud.iter().all(|l| !l.starts_with("C8")), "{}", loud.join("\n"));
    }
}
