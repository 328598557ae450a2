//! Any bytes as a capture through everything: a run that fails nowhere, whose packets are all counted, the same with two workers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spanward::capture::{Replay, ReplayOptions};
use spanward::detect::Signatures;
use spanward::engine::{Options, replay};
use spanward::event::Event;
use spanward::incident::Kept;
use spanward::output::{Run, Sink, SinkError};
use spanward::site::Site;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

/// A small hospital, so that zones, policies and a ledger take part.
const SITE: &str = r#"
[zones.ward]
kind = "clinical"
networks = ["10.0.0.0/16", "2001:db8::/64"]
[zones.office]
kind = "office"
networks = ["192.168.0.0/16"]
[zones.supplier]
kind = "vendor"
networks = ["172.16.0.0/12"]
"#;

static SETUP: LazyLock<(Arc<Site>, Arc<Signatures>)> = LazyLock::new(|| {
    let site = Site::parse("site.toml", SITE.as_bytes(), Path::new("/nonexistent")).expect("the site is right");
    (Arc::new(site), Arc::new(Signatures::embedded().expect("shipped signatures are right")))
});

/// Keeps what the findings say.
struct Findings(Arc<Mutex<Vec<String>>>);

impl Sink for Findings {
    fn event(&mut self, _: &Event, _: &Run<'_>) {}
    fn finding(&mut self, kept: &Kept, _: &Run<'_>) {
        self.0.lock().expect("nobody panicked").push(format!("{kept:?}"));
    }
    fn finish(&mut self, _: &Run<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Counts and findings of one run.
fn run(data: &[u8], workers: usize) -> Option<(String, Vec<String>)> {
    let source = Replay::from_bytes(data.to_vec(), ReplayOptions::default()).ok()?;
    let (site, signatures) = &*SETUP;
    let mut options = Options::new(site.clone(), signatures.clone());
    (options.workers, options.max_flows) = (workers, 4096);
    let findings = Arc::new(Mutex::new(Vec::new()));
    let outcome = replay(source, &options, vec![Box::new(Findings(findings.clone()))], &mut |_| {}).expect("shipped signatures suffice");
    assert_eq!(outcome.failure, None);
    assert!(outcome.sink_errors.is_empty() && outcome.faults.len() <= 1);
    let counts = format!("{:?} {} {:?} {:?} {:?}", outcome.coverage, outcome.flows, outcome.first_ts, outcome.last_ts, outcome.weirds);
    let findings = findings.lock().expect("nobody panicked").clone();
    Some((counts, findings))
}

fuzz_target!(|data: &[u8]| {
    let one = run(data, 1);
    // Threads are dear: one input in sixteen, chosen by its bytes so that it stays the same.
    if data.iter().fold(0u8, |a, b| a.wrapping_mul(31).wrapping_add(*b)) % 16 == 0 {
        assert_eq!(run(data, 2), one);
    }
});
