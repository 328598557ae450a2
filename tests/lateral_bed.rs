//! The recorded hospital scenarios against the lateral detectors: what each capture's truth expects of them is found, and the benign day is
//! silent. Needs the shared recordings beside the repository (or under SPANWARD_SHARED); without them it says so and does nothing.

use spanward::base::Severity;
use spanward::capture::{Replay, ReplayOptions};
use spanward::detect::Signatures;
use spanward::engine::{Options, Outcome, replay};
use spanward::site::Site;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const LATERAL: [&str; 6] = ["scan", "dark-contact", "smb-fanout", "rdp-fanout", "new-admin-edge", "spread-path"];

fn shared() -> Option<PathBuf> {
    let dir = std::env::var_os("SPANWARD_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    if !dir.is_dir() {
        println!("skipped: no shared recordings");
        return None;
    }
    Some(dir)
}

fn run(capture: &Path, site: Option<&Path>) -> Outcome {
    run_with(capture, site, &[])
}

fn run_with(capture: &Path, site: Option<&Path>, clinical: &[spanward::base::Cidr]) -> Outcome {
    let site = Arc::new(Site::open(site, clinical).unwrap());
    let source = Replay::open(&[capture.to_path_buf()], ReplayOptions::default()).unwrap();
    replay(source, &Options::new(site, Arc::new(Signatures::embedded().unwrap())), Vec::new(), &mut |_| {}).unwrap()
}

fn tell(name: &str, o: &Outcome) {
    for k in o.book.findings().iter().filter(|k| LATERAL.contains(&k.finding.detector)) {
        let f = &k.finding;
        let evidence = serde_json::to_string(&f.evidence).unwrap();
        let short: String = evidence.chars().take(230).collect();
        println!("{name}: {} {} {} orig={} n={} {} {}", k.incident, f.detector, f.severity, f.orig.word(), f.count, f.outcome, short);
    }
    for i in o.book.incidents() {
        println!(
            "{name}: {} {} {:?} zero={} {} hops={} findings={}",
            i.id,
            i.severity,
            i.stage,
            i.patient_zero,
            i.origin,
            i.path.len(),
            i.findings.len()
        );
    }
}

fn has(o: &Outcome, detector: &str, orig: &str, count: u64) -> usize {
    let fits = |f: &spanward::detect::Finding| f.detector == detector && f.severity >= Severity::Medium && f.count >= count;
    let by = |k: &&spanward::incident::Kept| k.finding.orig.word() == orig || k.orig_all.iter().any(|n| n == orig);
    o.book.findings().iter().filter(by).filter(|k| fits(&k.finding)).count()
}

#[test]
fn the_bed_s_lateral_scenarios() {
    let Some(shared) = shared() else { return };
    let bed = shared.join("bed");
    let mut wrong = Vec::new();
    for (name, wanted) in [
        ("benign_day", vec![]),
        ("scan", vec![("scan", "10.10.40.10", 1, 2), ("scan", "10.10.10.78", 1, 1)]),
        ("rdp_chain", vec![("spread-path", "10.10.40.10", 3, 1), ("new-admin-edge", "10.10.20.10", 1, 1)]),
        ("smb_spread", vec![("smb-fanout", "10.10.10.12", 6, 1)]),
        ("smb_spread_enc", vec![("smb-fanout", "10.10.10.12", 6, 1)]),
        ("incident", vec![("scan", "10.10.20.20", 1, 1), ("smb-fanout", "10.10.20.20", 3, 1)]),
    ] {
        let o = run(&bed.join(format!("captures/{name}.pcap")), Some(&bed.join("site.toml")));
        tell(name, &o);
        for (detector, orig, count, times) in &wanted {
            let got = has(&o, detector, orig, *count);
            if got < *times {
                wrong.push(format!("{name}: {detector} by {orig}: {got} of {times}"));
            }
        }
        let lateral = o.book.findings().iter().filter(|k| LATERAL.contains(&k.finding.detector) && k.finding.severity >= Severity::Medium);
        if wanted.is_empty() && lateral.count() > 0 {
            wrong.push(format!("{name}: not silent"));
        }
        if name == "rdp_chain" && o.book.incidents().iter().all(|i| i.path.len() < 3 || i.origin != "supplier") {
            wrong.push(format!("{name}: no incident with three hops from the supplier"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Without a ledger nobody is known as administrator: what was done must tell an inventory from a spread.
#[test]
fn without_a_ledger_an_inventory_is_no_spread_and_the_attacks_keep_their_weight() {
    let Some(shared) = shared() else { return };
    let captures = shared.join("bed/captures");
    let clinical = ["10.10.10.0/24".parse().unwrap()];
    let mut wrong = Vec::new();
    for zones in [&clinical[..], &[]] {
        let o = run_with(&captures.join("benign_day.pcap"), None, zones);
        tell("benign_day without a ledger", &o);
        let loud = o.book.findings().iter().filter(|k| LATERAL.contains(&k.finding.detector) && k.finding.severity >= Severity::Medium);
        wrong.extend(loud.map(|k| format!("benign_day: {} by {}", k.finding.detector, k.finding.orig.word())));
        for (name, detector, orig, least) in [
            ("smb_spread", "smb-fanout", "10.10.10.12", Severity::High),
            ("smb_spread", "new-admin-edge", "10.10.10.12", Severity::Medium),
            ("smb_spread_enc", "smb-fanout", "10.10.10.12", Severity::High),
            ("scan", "scan", "10.10.40.10", Severity::High),
            ("incident", "scan", "10.10.20.20", Severity::High),
            ("incident", "spread-path", "10.10.40.10", Severity::Medium),
            ("rdp_chain", "spread-path", "10.10.40.10", Severity::Medium),
            ("rdp_chain", "new-admin-edge", "10.10.20.10", Severity::Medium),
        ] {
            let o = run_with(&captures.join(format!("{name}.pcap")), None, zones);
            let is = |k: &&spanward::incident::Kept| k.finding.detector == detector && k.finding.orig.word() == orig && k.finding.severity >= least;
            if !o.book.findings().iter().any(|k| is(&k)) {
                wrong.push(format!("{name}: no {detector} by {orig} at {least}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Ordinary enterprise traffic, without a site file: nothing lateral at high.
#[test]
fn ordinary_traffic_is_not_high() {
    let Some(shared) = shared() else { return };
    let only = std::env::var("LATERAL_CLASS").unwrap_or_else(|_| "C8-benign-enterprise".into());
    let (mut high, mut medium) = (Vec::new(), 0);
    for class in only.split(',') {
        let mut files: Vec<PathBuf> = shared.join("pcaps").join(class).read_dir().unwrap().map(|f| f.unwrap().path()).collect();
        files.sort();
        for file in files.iter().filter(|f| f.metadata().unwrap().len() < 2_000_000) {
            let o = run(file, None);
            let name = file.file_name().unwrap().to_string_lossy();
            if only != "C8-benign-enterprise" {
                tell(&name, &o);
            }
            for k in o.book.findings().iter().filter(|k| LATERAL.contains(&k.finding.detector) && k.finding.severity >= Severity::Medium) {
                medium += 1;
                tell(&name, &o);
                if k.finding.severity >= Severity::High {
                    high.push(format!("{name}: {} by {}", k.finding.detector, k.finding.orig.word()));
                }
            }
        }
    }
    println!("at medium or above: {medium}");
    assert!(only != "C8-benign-enterprise" || high.is_empty(), "{high:#?}");
}
