//! Precision and recall over every capture whose truth is written down: the recordings of `captures/variants`, the detectors' own captures, and,
//! beside the repository, the bed's scenarios and the captures that others made. `cargo test --test variants -- --nocapture` prints the table.
//!
//! It fails when a built detector misses what a truth asks of it, speaks at `medium` or above of honest work, or names another account; what is
//! known to be missed stands in [`KNOWN`] with the reason. `VARIANTS=word` runs only captures whose name holds the word.

#[path = "variants/cases.rs"]
mod cases;
#[path = "variants/score.rs"]
mod score;

use cases::{Case, Kind};
use score::{Heard, Score, Verdict};
use spanward::base::Severity;
use spanward::capture::{Replay, ReplayOptions};
use spanward::detect::Signatures;
use spanward::engine::{Options, replay};
use spanward::event::Event;
use spanward::incident::Kept;
use spanward::output::{Run, Sink, SinkError};
use spanward::site::Site;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What is known to be missed or wrongly said: capture, detector, reason. It is printed, and said when it is no longer so.
const KNOWN: &[(&str, &str, &str)] = &[
    (
        "variants/guess-slowly",
        "password-guessing",
        "one account and one try in four minutes is what a stored password that has expired looks like (service-with-old-password)",
    ),
    ("sharpsc_start", "remote-exec", "a service that is there is started, nothing is made or brought: an administrator's everyday call"),
];

/// Notes when each finding first came to `medium`: the newest form alone would not tell how long it took.
struct Ear(Arc<Mutex<BTreeMap<String, i64>>>);

impl Sink for Ear {
    fn event(&mut self, _: &Event, _: &Run<'_>) {}
    fn finding(&mut self, kept: &Kept, _: &Run<'_>) {
        if kept.finding.severity >= Severity::Medium {
            self.0.lock().unwrap().entry(kept.id.clone()).or_insert(kept.finding.ts.0 as i64);
        }
    }
    fn finish(&mut self, _: &Run<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}

/// What the engine says of one capture at `medium` or above.
fn listen(case: &Case, signatures: &Arc<Signatures>) -> Vec<Heard> {
    let site = match &case.site {
        Some(path) => Site::load(path).unwrap(),
        None => Site::default(),
    };
    let first = Arc::new(Mutex::new(BTreeMap::new()));
    let source = Replay::open(std::slice::from_ref(&case.capture), ReplayOptions::default()).unwrap();
    let options = Options::new(Arc::new(site), signatures.clone());
    let outcome = replay(source, &options, vec![Box::new(Ear(first.clone()))], &mut |_| {}).unwrap();
    let first = first.lock().unwrap();
    let heard = |k: &Kept| {
        let f = &k.finding;
        let zero = outcome.book.incidents().iter().find(|i| i.id == k.incident).map(|i| i.patient_zero.clone());
        Heard {
            detector: f.detector,
            severity: f.severity,
            orig: f.orig.word(),
            orig_all: k.orig_all.clone(),
            resp: f.resp.iter().map(ToString::to_string).collect(),
            user: f.user.clone(),
            at: first.get(&k.id).copied().unwrap_or(f.ts.0 as i64),
            files: f.evidence.get("files_lost").and_then(|v| v.as_u64()),
            zero,
        }
    };
    outcome.book.findings().iter().filter(|k| k.finding.severity >= Severity::Medium).map(heard).collect()
}

#[test]
fn every_capture_with_a_truth() {
    let only = std::env::var("VARIANTS").unwrap_or_default();
    let signatures = Arc::new(Signatures::embedded().unwrap());
    let cases: Vec<Case> = cases::all().into_iter().filter(|c| c.name.contains(&only)).collect();
    assert!(!cases.is_empty(), "no capture of that name");
    let (mut score, mut wrong, mut known) = (Score::default(), Vec::new(), Vec::new());
    println!("{:44} {:58} {:>9} {:>6}  verdict", "capture", "expected > found", "delay", "files");
    for case in &cases {
        let heard = listen(case, &signatures);
        for line in score::judge(case, &heard, &mut score) {
            let reason = KNOWN.iter().find(|k| case.name.contains(k.0) && line.detectors.iter().any(|d| d == k.1)).map(|k| k.2);
            if case.kind != Kind::Benign || line.verdict != Verdict::Met {
                println!("{}", line.row(&case.name));
            }
            match (line.verdict.is_wrong(), reason) {
                (true, Some(reason)) => known.push(format!("{}: {}: {reason}", case.name, line.detectors.join("|"))),
                (true, None) => wrong.push(line.row(&case.name)),
                (false, Some(_)) if line.verdict == Verdict::Met => known.push(format!("{}: is met by now: take it off KNOWN", case.name)),
                _ => {}
            }
        }
    }
    println!("\n{}", score.table());
    for k in &known {
        println!("known: {k}");
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
