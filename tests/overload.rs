//! What is still found when the box cannot keep up: levels of overload forced on captures.

use spanward::capture::{Block, Fault, Fill, Replay, ReplayOptions, Source};
use spanward::detect::Signatures;
use spanward::engine::{self, Options, Outcome, Start};
use spanward::site::Site;
use spanward::wire::Weird;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A capture read by a box that is always so overloaded.
struct Overloaded(Replay, u8);

impl Source for Overloaded {
    fn fill(&mut self, block: &mut Block) -> Fill {
        self.0.fill(block)
    }
    fn faults(&self) -> &[Fault] {
        self.0.faults()
    }
    fn weirds(&mut self) -> Vec<Weird> {
        self.0.weirds().collect()
    }
    fn interface(&self, number: u16) -> Option<&str> {
        Source::interface(&self.0, number)
    }
    fn level(&self) -> u8 {
        self.1
    }
}

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures")
}

fn run(dir: &Path, capture: &str, level: u8) -> Outcome {
    let site = dir.join("site.toml");
    let site = if site.exists() { Site::load(&site).unwrap() } else { Site::default() };
    let options = Options::new(Arc::new(site), Arc::new(Signatures::embedded().unwrap()));
    let replay = Replay::open(&[dir.join(capture)], ReplayOptions::default()).unwrap();
    engine::resume(Box::new(Overloaded(replay, level)), &options, Vec::new(), Start::default(), &mut |_| {}).unwrap()
}

/// Detector and originators of every finding.
fn found(outcome: &Outcome) -> BTreeSet<(String, String)> {
    outcome.book.findings().iter().map(|k| (k.finding.detector.to_owned(), format!("{:?}", k.finding.orig))).collect()
}

/// Detectors whose findings may be missing at a level, because they live on what is left out.
const MAY_MISS: [(u8, &[&str]); 3] = [(0, &[]), (1, &[]), (2, &[])];

#[test]
fn overload_hides_nothing_but_what_is_said() {
    let mut lost = Vec::new();
    for dir in std::fs::read_dir(captures()).unwrap().map(|e| e.unwrap().path()).filter(|p| p.join("attack.pcap").exists()) {
        let whole = found(&run(&dir, "attack.pcap", 0));
        for (level, may_miss) in MAY_MISS {
            let got = found(&run(&dir, "attack.pcap", level));
            for f in whole.difference(&got).filter(|f| !may_miss.contains(&f.0.as_str())) {
                lost.push(format!("{} at level {level}: {f:?}", dir.file_name().unwrap().display()));
            }
            for f in got.difference(&whole) {
                lost.push(format!("{} at level {level}: {f:?} is new", dir.file_name().unwrap().display()));
            }
        }
    }
    assert!(lost.is_empty(), "{}", lost.join("\n"));
}

#[test]
fn what_is_left_out_is_counted_by_cause_and_nothing_is_at_level_0() {
    let dir = captures().join("ransomware-smb");
    let at = |level| run(&dir, "attack.pcap", level).coverage;
    let (none, one, two) = (at(0), at(1), at(2));
    assert_eq!((none.shed, none.shed_content, none.shed_payload, none.shed_cut, none.shed_bytes), (0, 0, 0, 0, 0));
    assert!(one.shed_content > 0 && one.shed_payload == 0 && one.shed_bytes >= 1024 * one.shed_content, "{one:?}");
    assert!(two.shed_content == one.shed_content && two.shed == two.shed_content + two.shed_payload, "{two:?}");
}
