//! A sensor is given another site file while it runs: what it knows stays, what it says goes by the new one.
use spanward::capture::{Block, Fault, Fill, Replay, ReplayOptions, Source};
use spanward::detect::Signatures;
use spanward::engine::{Options, Outcome, Resetting, Setup, Start, resetting, resume};
use spanward::site::{Geo, Site};
use spanward::wire::Weird;
use std::path::Path;
use std::sync::Arc;

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/demo/");

/// Reads the demonstration's capture, and gives a setup before one of its blocks.
struct Halfway {
    replay: Replay,
    before: u64,
    to: Resetting,
    setup: Option<Setup>,
}

impl Source for Halfway {
    fn fill(&mut self, block: &mut Block) -> Fill {
        if self.replay.frames() >= self.before
            && let Some(setup) = self.setup.take()
        {
            assert!(self.to.give(setup));
        }
        self.replay.fill(block)
    }
    fn faults(&self) -> &[Fault] {
        self.replay.faults()
    }
    fn weirds(&mut self) -> Vec<Weird> {
        self.replay.weirds().collect()
    }
    fn interface(&self, number: u16) -> Option<&str> {
        Source::interface(&self.replay, number)
    }
}

fn site() -> Site {
    Site::load(Path::new(&format!("{DEMO}site.toml"))).unwrap()
}

fn outcome(begin: Site, then: Option<Site>, workers: usize) -> Outcome {
    let replay = Replay::open(&[format!("{DEMO}incident.pcap").into()], ReplayOptions::default()).unwrap();
    let signatures = Arc::new(Signatures::embedded().unwrap());
    let mut options = Options::new(Arc::new(begin), signatures.clone());
    options.workers = workers;
    let (to, setups) = resetting();
    let setup = then.map(|site| Setup { site: Arc::new(site), signatures, geo: Arc::new(Geo::embedded()) });
    // The first block cannot be the place: it is read before anything is known.
    let source = Halfway { replay, before: 1500, to, setup };
    let outcome = resume(Box::new(source), &options, Vec::new(), Start { setups, ..Start::default() }, &mut |_| {}).unwrap();
    assert_eq!(outcome.failure, None);
    outcome
}

fn findings(o: &Outcome) -> Vec<String> {
    o.book.findings().iter().map(|k| format!("{k:?}")).collect()
}

#[test]
fn the_same_files_read_again_change_nothing() {
    let (plain, again) = (outcome(site(), None, 1), outcome(site(), Some(site()), 2));
    assert!(findings(&plain).len() > 5);
    assert_eq!(findings(&plain), findings(&again));
    assert_eq!(plain.book.incidents(), again.book.incidents());
    assert_eq!(plain.assets.devices().collect::<Vec<_>>(), again.assets.devices().collect::<Vec<_>>());
}

#[test]
fn zones_and_ledger_count_from_there_on_for_devices_known_before_too() {
    let bare = outcome(Site::default(), None, 1);
    let declared = outcome(Site::default(), Some(site()), 1);
    let zones = |o: &Outcome| o.assets.devices().filter(|d| !d.zone.is_empty()).count();
    assert_eq!(zones(&bare), 0);
    assert_eq!(zones(&declared), zones(&outcome(site(), None, 1)));
    assert!(!bare.blocked.is_empty() || declared.blocked.is_empty());
    assert_eq!(declared.blocked, outcome(site(), None, 1).blocked);
    assert_eq!(findings(&declared), findings(&outcome(Site::default(), Some(site()), 3)));
    assert_ne!(findings(&declared), findings(&bare));
}
