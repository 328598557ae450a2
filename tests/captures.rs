//! The captures that we make: the recipes give the same bytes as the files in `captures/`, and the engine finds in them what is written down,
//! or nothing. `UPDATE=1 cargo test --test captures` writes captures, site files, ledger, recipes and findings anew; read the diff before commit.
mod craft;

use craft::further::{self, FURTHER};
use craft::recipes::{self, RECIPES, Recipe};
use craft::{hospital, pcap, wrap};
use serde_json::Value;
use spanward::base::Severity;
use spanward::capture::{Replay, ReplayOptions};
use spanward::detect::{DETECTORS, Signatures};
use spanward::engine::{Options, replay};
use spanward::output::Report;
use spanward::site::Site;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

fn dir(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(name)
}

fn updating() -> bool {
    std::env::var_os("UPDATE").is_some_and(|v| v == "1")
}

/// The file is what the recipe gives; or is made so.
fn same(path: &Path, bytes: &[u8], wrong: &mut Vec<String>) {
    if updating() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    } else if fs::read(path).ok().as_deref() != Some(bytes) {
        wrong.push(format!("{} is not what its recipe gives: UPDATE=1 rewrites it", path.display()));
    }
}

/// The one object of `--format json`, of a capture beside a site file.
fn report(capture: &Path) -> Value {
    report_of(capture, &capture.with_file_name("site.toml"), 1)
}

fn report_of(capture: &Path, site: &Path, workers: usize) -> Value {
    report_with(capture, site, workers, &[])
}

/// What a detector says it wants to see is all it needs: with every event shown to every detector the findings are the same.
#[test]
fn detectors_name_all_the_events_they_need() {
    let signatures = Arc::new(Signatures::embedded().unwrap());
    let mut seen = 0;
    for id in DETECTORS.iter().map(|d| d.0).chain(["demo"]) {
        let site = Arc::new(Site::load(&dir(id).join("site.toml")).unwrap());
        for capture in fs::read_dir(dir(id)).unwrap().map(|f| f.unwrap().path()).filter(|f| f.extension().is_some_and(|e| e == "pcap")) {
            let told = |every_event| {
                let source = Replay::open(std::slice::from_ref(&capture), ReplayOptions::default()).unwrap();
                let options = Options { every_event, ..Options::new(site.clone(), signatures.clone()) };
                let outcome = replay(source, &options, Vec::new(), &mut |_| {}).unwrap();
                assert_eq!(outcome.failure, None);
                let report: Value = serde_json::from_slice(&Report::new(&outcome.run(), &*signatures, &[]).object()).unwrap();
                golden(&report)
            };
            assert_eq!(told(false), told(true), "{}", capture.display());
            seen += 1;
        }
    }
    assert!(seen >= 2 * DETECTORS.len(), "{seen}");
}

/// The same, where some oddities are meant.
fn report_with(capture: &Path, site: &Path, workers: usize, odd: &[&str]) -> Value {
    let site = Site::load(site).unwrap();
    assert!(site.warnings.is_empty(), "{}: {:?}", capture.display(), site.warnings);
    let signatures = Arc::new(Signatures::embedded().unwrap());
    let source = Replay::open(&[capture.to_path_buf()], ReplayOptions::default()).unwrap();
    let options = Options { workers, ..Options::new(Arc::new(site), signatures.clone()) };
    let outcome = replay(source, &options, Vec::new(), &mut |_| {}).unwrap();
    assert_eq!(outcome.failure, None);
    assert!(outcome.faults.is_empty(), "{:?}", outcome.faults);
    assert!(outcome.weirds.iter().all(|w| odd.contains(&w.0.name)), "{}: {:?}", capture.display(), outcome.weirds);
    let report = Report::new(&outcome.run(), &*signatures, &[]);
    serde_json::from_slice(&report.object()).unwrap()
}

fn findings(report: &Value) -> Vec<&Value> {
    report["findings"].as_array().unwrap().iter().collect()
}

fn severity(f: &Value) -> Severity {
    f["severity"].as_str().unwrap().parse().unwrap()
}

fn short(f: &Value) -> String {
    format!("{} {} {} ({})", f["severity"], f["detector"], f["orig"], f["summary"])
}

/// One finding per line, so that a diff can be read.
fn golden(report: &Value) -> String {
    let lines: Vec<String> = findings(report).iter().map(|f| f.to_string()).collect();
    if lines.is_empty() { "[]\n".to_owned() } else { format!("[\n{}\n]\n", lines.join(",\n")) }
}

fn is_built(id: &str) -> bool {
    DETECTORS.iter().any(|d| d.0 == id)
}

/// Seeds follow from the id, so that a recipe's bytes do not depend on its place in the list.
fn seed(id: &str, which: u64) -> u64 {
    id.bytes().fold(0xcbf2_9ce4_8422_2325 ^ which, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// What the recipes give that the files do not have; in an update the files are written, once.
fn cooked() -> &'static [String] {
    static ONCE: OnceLock<Vec<String>> = OnceLock::new();
    ONCE.get_or_init(cook)
}

fn cook() -> Vec<String> {
    let mut wrong = Vec::new();
    let demo = pcap::file(&recipes::demo().capture());
    if demo.len() >= 6 << 20 {
        wrong.push(format!("the demo has {} bytes", demo.len()));
    }
    same(&dir("demo/incident.pcap"), &demo, &mut wrong);
    same(&dir("demo/site.toml"), hospital::site("ledger.csv", "").as_bytes(), &mut wrong);
    same(&dir("demo/ledger.csv"), hospital::ledger().as_bytes(), &mut wrong);
    for r in RECIPES {
        for (which, story) in [(1, r.attack), (2, r.benign)] {
            let name = if which == 1 { "attack" } else { "benign" };
            let bytes = pcap::file(&recipes::made(seed(r.id, which), story).capture());
            if bytes.len() >= 1 << 20 {
                wrong.push(format!("{} {name}: {} bytes", r.id, bytes.len()));
            }
            same(&dir(r.id).join(format!("{name}.pcap")), &bytes, &mut wrong);
        }
        same(&dir(r.id).join("site.toml"), hospital::site("../demo/ledger.csv", r.site).as_bytes(), &mut wrong);
        same(&dir(r.id).join("RECIPE.md"), words(r).as_bytes(), &mut wrong);
    }
    for f in FURTHER {
        let bytes = pcap::file(&further::made(seed(f.id, seed(f.name, 0)), f).capture());
        if bytes.len() >= 1 << 20 {
            wrong.push(format!("{} {}: {} bytes", f.id, f.name, bytes.len()));
        }
        same(&dir(f.id).join(format!("{}.pcap", f.name)), &bytes, &mut wrong);
    }
    wrong
}

#[test]
fn the_recipes_are_true() {
    assert!(cooked().is_empty(), "{}", cooked().join("\n"));
    let without: Vec<&str> = DETECTORS.iter().map(|d| d.0).filter(|id| !RECIPES.iter().any(|r| r.id == *id)).collect();
    assert!(without.is_empty(), "detectors without a recipe in tests/craft/recipes.rs: {without:?}");
}

/// The text of `RECIPE.md`.
fn words(r: &Recipe) -> String {
    let list = |lines: &[&str]| lines.iter().map(|l| format!("* {l}\n")).collect::<String>();
    format!(
        "# {id}: how these captures were made\n\n\
         Both are generated by `tests/craft/recipes.rs` (`UPDATE=1 cargo test --test captures` writes them, the test without `UPDATE` asserts that the \
         recipe still gives these bytes). They show the Hospital of the Hill (`../demo/RECIPE.md`) for some two and a half minutes from 2026-11-21 10:30 \
         in Tokyo, as an ingress mirror of its core switch sees it, with a quiet day's background. No packet was recorded anywhere, no name or address \
         is anybody's.\n\n\
         ## attack.pcap\n\n{attack}\n\
         `attack.findings.json` holds every finding of every detector, exactly.\n\n\
         ## benign.pcap\n\n{benign}\n\
         `{id}` must say nothing above `info` here (which is how it notes hosts that are listed as administrators), and no detector \
         anything at `medium` or above.\n\n\
         {further}## Traps\n\n{traps}",
        id = r.id,
        attack = list(r.attack_is),
        benign = list(r.benign_is),
        traps = list(r.traps),
        further = FURTHER.iter().filter(|f| f.id == r.id).map(|f| format!("## {}.pcap\n\n* {}\n\n", f.name, f.is)).collect::<String>(),
    )
}

/// What an honest capture's detector says above `info` (which is what it says of hosts that are listed as administrators: kept, never shown as a
/// finding of its own), and what any says at `medium` or above.
fn noise(id: &str, name: &str) -> Vec<String> {
    let report = report(&dir(id).join(name));
    let loud = |f: &&&Value| f["detector"] == id && severity(f) > Severity::Info || severity(f) >= Severity::Medium;
    findings(&report).iter().filter(loud).map(|f| format!("{id}: {name} is not silent: {}", short(f))).collect()
}

/// A scene turned malicious is found, and by its originator; further twins stay as silent as the first.
#[test]
fn further_attacks_are_found_and_further_twins_stay_silent() {
    let mut wrong = Vec::new();
    if updating() {
        cooked();
    }
    for f in FURTHER.iter().filter(|f| is_built(f.id)) {
        let name = format!("{}.pcap", f.name);
        if !f.is_attack() {
            wrong.extend(noise(f.id, &name));
            continue;
        }
        let attack = report(&dir(f.id).join(&name));
        let names: Vec<String> = f.orig.iter().flat_map(|h| [h.ip.to_string(), h.mac.map(|b| format!("{b:02x}")).join(":")]).collect();
        let mine = |x: &Value| x["orig_all"].as_array().unwrap().iter().any(|o| names.iter().any(|n| o == n.as_str()));
        let is_it = |x: &&Value| x["detector"] == f.id && severity(x) >= Severity::Medium && mine(x);
        if !findings(&attack).into_iter().any(|x| is_it(&x)) {
            let all: Vec<String> = findings(&attack).into_iter().map(short).collect();
            wrong.push(format!("{}: {name} gives no finding of it at medium or above, only\n  {}", f.id, all.join("\n  ")));
        }
        same(&dir(f.id).join(format!("{}.findings.json", f.name)), golden(&attack).as_bytes(), &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Neighbour discovery that came through a router (hop limit below 255, RFC 4861 7.1) is no neighbour's word: whoever sends it owns nothing by it.
#[test]
fn what_was_routed_is_no_neighbours_word() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("x.pcap");
    let told = |hops: u8| {
        let mut net = recipes::made(7, |_| {});
        craft::stories::nd_spoof(&mut net, recipes::START + 60_000_000_000, &hospital::WARD[2], 25, hops);
        fs::write(&path, pcap::file(&net.capture())).unwrap();
        let r = report_with(&path, &dir("demo/site.toml"), 1, &["nd_not_from_the_link"]);
        let laptop = hospital::LAPTOP.mac.map(|b| format!("{b:02x}")).join(":");
        let holds: usize = r["devices"].as_array().unwrap().iter().filter(|d| d["mac"] == *laptop).map(|d| d["ips"].as_array().unwrap().len()).sum();
        (findings(&r).iter().any(|f| f["detector"] == "address-conflict"), holds)
    };
    assert!(told(255).0, "a neighbour's word is heard");
    let (conflict, holds) = told(254);
    assert!(!conflict && holds <= 1, "one hop away: a conflict: {conflict}, {holds} addresses");
}

#[test]
fn attacks_are_found_exactly_and_their_twins_stay_silent() {
    let mut wrong = Vec::new();
    if updating() {
        cooked();
    }
    for r in RECIPES.iter().filter(|r| is_built(r.id)) {
        let attack = report(&dir(r.id).join("attack.pcap"));
        if !findings(&attack).iter().any(|f| f["detector"] == r.id && severity(f) >= Severity::Medium) {
            let all: Vec<String> = findings(&attack).into_iter().map(short).collect();
            wrong.push(format!("{}: attack.pcap gives no finding of it at medium or above, only\n  {}", r.id, all.join("\n  ")));
        }
        same(&dir(r.id).join("attack.findings.json"), golden(&attack).as_bytes(), &mut wrong);
        wrong.extend(noise(r.id, "benign.pcap"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_demo_tells_its_story() {
    if updating() {
        cooked();
    }
    let r = report(&dir("demo/incident.pcap"));
    let all = findings(&r);
    let mut wrong = Vec::new();
    let laptop = hospital::LAPTOP.ip.to_string();
    let (upload, server, supplier) = (hospital::WARD[3].ip.to_string(), hospital::LAB.ip.to_string(), hospital::SUPPLIER.ip.to_string());
    for (id, orig) in [("unknown-device", &laptop), ("clinical-egress", &upload), ("smb-fanout", &server), ("spread-path", &supplier)] {
        if is_built(id) && !all.iter().any(|f| f["detector"] == id && f["orig"] == **orig && severity(f) >= Severity::High) {
            wrong.push(format!("{id} of {orig} is missing"));
        }
    }
    for f in &all {
        let mine = [&laptop, &upload, &server, &supplier].iter().any(|a| f["orig"] == ***a);
        if !mine && severity(f) >= Severity::Medium {
            wrong.push(format!("of the background: {}", short(f)));
        }
    }
    let incidents = r["incidents"].as_array().unwrap();
    for (zero, origin) in [(&laptop, "unlisted-device"), (&upload, "local"), (&supplier, "supplier")] {
        if !incidents.iter().any(|i| i["patient_zero"] == **zero && i["origin"] == origin) {
            wrong.push(format!("no incident that began at {zero} ({origin})"));
        }
    }
    if std::env::var_os("SHOW").is_some_and(|v| v == "1") {
        all.iter().for_each(|f| println!("{}", short(f)));
        println!("{}", serde_json::to_string_pretty(&r["incidents"]).unwrap());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What of a finding does not depend on how the port was mirrored.
fn essence(r: &Value) -> Vec<String> {
    let mut all: Vec<String> = findings(r)
        .iter()
        .map(|f| format!("{} {} {} {} {} {} {}", f["detector"], f["orig"], f["severity"], f["outcome"], f["count"], f["resp"], f["user"]))
        .collect();
    all.sort();
    all
}

#[test]
fn wrapped_tagged_twice_or_doubled_it_is_the_same_story() {
    if updating() {
        cooked();
    }
    let frames = recipes::demo().capture();
    let plain = essence(&report(&dir("demo/incident.pcap")));
    assert!(plain.len() > 3);
    let scratch = tempfile::tempdir().unwrap();
    for (name, other) in [("erspan", wrap::erspan(&frames)), ("double-tagged", wrap::double_tagged(&frames)), ("doubled", wrap::doubled(&frames))] {
        let path = scratch.path().join("x.pcap");
        fs::write(&path, pcap::file(&other)).unwrap();
        assert_eq!(essence(&report_of(&path, &dir("demo/site.toml"), 1)), plain, "{name}");
    }
}

#[test]
fn any_number_of_workers_gives_the_same_report() {
    if updating() {
        cooked();
    }
    let site = dir("demo/site.toml");
    for name in ["demo/incident.pcap", "scan/attack.pcap", "address-conflict/benign.pcap"] {
        let one = report_of(&dir(name), &site, 1);
        for workers in [2, 3] {
            assert_eq!(report_of(&dir(name), &site, workers), one, "{name}, {workers} workers");
        }
    }
}

#[test]
fn without_a_single_syn_the_story_is_still_there() {
    if updating() {
        cooked();
    }
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("x.pcap");
    fs::write(&path, pcap::file(&wrap::without_openings(&recipes::demo().capture()))).unwrap();
    let told = |r: &Value| -> BTreeSet<String> {
        // Knocking on unused addresses is made of SYNs only.
        let high = findings(r).into_iter().filter(|f| severity(f) >= Severity::High && f["detector"] != "dark-contact" && f["detector"] != "scan");
        high.map(|f| format!("{} {}", f["detector"], f["orig"])).collect()
    };
    let plain = told(&report(&dir("demo/incident.pcap")));
    assert!(!plain.is_empty());
    assert_eq!(told(&report_of(&path, &dir("demo/site.toml"), 1)), plain);
}
