//! A sensor that was restarted in the middle goes on where it was: the same captures are read in one run, and in two with the store between them.

use spanward::base::{Severity, Span, Timestamp};
use spanward::capture::{Replay, ReplayOptions};
use spanward::detect::Signatures;
use spanward::engine::keeper::{Keeper, Told};
use spanward::engine::{Options, Outcome, Start, replay, resume};
use spanward::output::record::DeviceRecord;
use spanward::site::Site;
use spanward::store::{self, Keep, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

struct Bench {
    signatures: Arc<Signatures>,
    options: Options,
    capture: PathBuf,
}

/// What a restarted sensor told: ids with their revisions, in order.
type Heard = Vec<(String, u32)>;

impl Bench {
    fn new(capture: &Path) -> Bench {
        let signatures = Arc::new(Signatures::embedded().unwrap());
        let site = Arc::new(Site::load(&capture.with_file_name("site.toml")).unwrap());
        Bench { options: Options::new(site, signatures.clone()), signatures, capture: capture.to_owned() }
    }
    fn source(&self, from: Option<Timestamp>, to: Option<Timestamp>) -> Replay {
        Replay::open(std::slice::from_ref(&self.capture), ReplayOptions { from, to, ..ReplayOptions::default() }).unwrap()
    }
    fn unbroken(&self) -> Outcome {
        replay(self.source(None, None), &self.options, Vec::new(), &mut |_| {}).unwrap()
    }
    /// One life of the sensor, from one time to another.
    fn life(&self, dir: &Path, from: Option<Timestamp>, to: Option<Timestamp>) -> (Outcome, Heard) {
        let store = Store::open(&dir.join(store::FILE)).unwrap().store;
        let before = store.load().unwrap();
        assert_eq!(before.skipped, 0);
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ear = heard.clone();
        let tell = Box::new(move |t: Told| {
            if let Told::Finding { kept, saved, .. } = t {
                assert!(saved);
                ear.lock().unwrap().push((kept.id.clone(), kept.rev));
            }
        });
        let keeper = Keeper::start(store, Keep::default(), self.signatures.clone(), self.options.lang, tell);
        let start = Start { before: Some(before), ..Start::default() };
        let outcome = resume(Box::new(self.source(from, to)), &self.options, vec![Box::new(keeper)], start, &mut |_| {}).unwrap();
        assert!(outcome.sink_errors.is_empty() && outcome.failure.is_none(), "{:?}", outcome.sink_errors);
        let heard = std::mem::take(&mut *heard.lock().unwrap());
        (outcome, heard)
    }
    /// Two lives with a restart at a share of the time; what the second one knew at its end and told.
    fn broken(&self, whole: &Outcome, at: f64) -> (Outcome, Heard, Heard) {
        let dir = tempfile::tempdir().unwrap();
        let (first, last) = (whole.first_ts.unwrap(), whole.last_ts.unwrap());
        let middle = first + Span((last.since(first).0 as f64 * at) as u64);
        let (_, heard) = self.life(dir.path(), None, Some(middle));
        let (outcome, later) = self.life(dir.path(), Some(middle), None);
        (outcome, heard, later)
    }
}

fn captures(which: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let mut all: Vec<PathBuf> = std::fs::read_dir(root)
        .unwrap()
        .map(|d| d.unwrap().path())
        .filter(|d| d.join("site.toml").exists())
        .flat_map(|d| std::fs::read_dir(d).unwrap().map(|f| f.unwrap().path()))
        .filter(|f| f.extension().is_some_and(|e| e == "pcap") && which(&f.file_stem().unwrap().to_string_lossy()))
        .collect();
    all.sort();
    all
}

/// Stories by detector, with the worst that was said of them.
fn stories(o: &Outcome) -> BTreeMap<(&'static str, String), Severity> {
    o.book.findings().iter().map(|k| ((k.finding.detector, k.finding.story.clone()), k.finding.severity)).collect()
}

fn devices(o: &Outcome) -> BTreeMap<String, DeviceRecord> {
    let record = |d| DeviceRecord { first_packet: 0, ..DeviceRecord::from(d) };
    o.assets.devices().map(record).map(|d| (d.id.clone(), d)).collect()
}

fn name(p: &Path) -> String {
    p.iter().rev().take(2).collect::<Vec<_>>().iter().rev().map(|s| s.to_string_lossy()).collect::<Vec<_>>().join("/")
}

#[test]
fn a_restart_makes_no_alarm() {
    let mut wrong = Vec::new();
    let all = captures(|n| n.starts_with("benign"));
    assert!(all.len() > 25, "{}", all.len());
    for c in &all {
        let bench = Bench::new(c);
        let whole = bench.unbroken();
        let known = stories(&whole);
        for at in [0.2, 0.5, 0.8] {
            let (broken, ..) = bench.broken(&whole, at);
            for (story, severity) in stories(&broken) {
                if severity >= Severity::Medium && known.get(&story).is_none_or(|s| *s < severity) {
                    wrong.push(format!("{} at {at}: {story:?} {severity}", name(c)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a window over the restart would have to see is lost or milder: detectors begin to count anew. Nothing that was told is.
#[test]
fn what_was_told_before_a_restart_is_no_news_after_it_and_keeps_its_number() {
    let (mut all, mut weaker, mut wrong) = (0, Vec::new(), Vec::new());
    for c in captures(|n| n.starts_with("attack") || n == "incident") {
        let bench = Bench::new(&c);
        let whole = bench.unbroken();
        let known = stories(&whole);
        for at in [0.3, 0.6] {
            let (broken, before, after) = bench.broken(&whole, at);
            let at = format!("{} at {at}", name(&c));
            let findings = broken.book.findings();
            let numbers: BTreeSet<&str> = findings.iter().map(|k| k.id.as_str()).collect();
            let told = stories(&broken);
            assert!(numbers.len() == findings.len() && told.len() == findings.len(), "{at}: one story has two findings, or a number was given twice");
            let highest: BTreeMap<&String, u32> = before.iter().map(|(id, rev)| (id, *rev)).collect();
            for (id, rev) in &after {
                assert!(highest.get(id).is_none_or(|old| rev > old), "{at}: {id} rev {rev} was told before the restart");
            }
            assert!(highest.keys().all(|id| numbers.contains(id.as_str())), "{at}: a finding of before the restart is gone");
            all += known.len();
            weaker.extend(known.iter().filter(|(s, sev)| told.get(s).is_none_or(|t| t < sev)).map(|s| format!("{at}: {s:?}")));
            // A story may be told by its second half alone, under the host that goes on with it; it is then no worse than the whole one.
            let worst = known.values().max().copied();
            wrong.extend(
                told.iter()
                    .filter(|(s, sev)| !known.contains_key(s) && Some(**sev) >= worst.max(Some(Severity::High)))
                    .map(|s| format!("{at}: {s:?}")),
            );
        }
    }
    assert!(wrong.is_empty(), "worse than without a restart:\n{}", wrong.join("\n"));
    println!("of {all} stories, {} are missing or milder:\n{}", weaker.len(), weaker.join("\n"));
    assert!(all > 150 && weaker.len() * 10 <= all, "{} of {all}", weaker.len());
}

/// All of it comes back. A device that is seen again in the minute of the restart is looked at anew, so its last sight may be a little later; and names that
/// a poisoner answered for are only taken away from it by the count of one life.
#[test]
fn the_same_devices_are_known() {
    let (mut seen, mut renamed) = (0, BTreeSet::new());
    for c in captures(|n| n == "incident" || n == "attack" || n == "benign") {
        let bench = Bench::new(&c);
        let whole = bench.unbroken();
        let (broken, ..) = bench.broken(&whole, 0.5);
        let (a, b) = (devices(&whole), devices(&broken));
        seen += a.len();
        assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>(), "{}", name(&c));
        for (one, two) in a.values().zip(b.values()) {
            assert!(two.last_seen >= one.last_seen, "{}: {two:?}", name(&c));
            if one.names != two.names {
                assert!(one.names.iter().all(|n| two.names.contains(n)), "{}: {two:?}", name(&c));
                renamed.insert(name(&c));
            }
            let same = DeviceRecord { last_seen: one.last_seen.clone(), names: one.names.clone(), ..two.clone() };
            assert_eq!(&same, one, "{}", name(&c));
        }
    }
    assert!(seen > 2_000, "{seen}");
    assert_eq!(renamed.into_iter().collect::<Vec<_>>(), ["name-poisoning/attack.pcap"]);
}
