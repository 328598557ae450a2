//! Replay equals live: what the sensor found on a mirror port and what a replay of its recording finds are the same bytes.

use crate::house::{Feed, cable, file, in_namespace, ip};
use spanward::capture::{Fill, Live, LiveOptions, Replay, ReplayOptions};
use spanward::detect::Signatures;
use spanward::engine::{self, Options, Outcome, Start};
use spanward::output::{Eve, Flows, OutFile, Report, Sink};
use spanward::site::Site;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn options(site: &Path, workers: usize) -> Options {
    let site = if site.exists() { Site::load(site).unwrap() } else { Site::default() };
    Options { workers, ..Options::new(Arc::new(site), Arc::new(Signatures::embedded().unwrap())) }
}

fn sinks(dir: &Path, options: &Options) -> Vec<Box<dyn Sink>> {
    std::fs::create_dir_all(dir).unwrap();
    let open = |name: &str| OutFile::in_dir(dir, name).opened().unwrap();
    vec![Box::new(Flows::new(open("flows.jsonl"))), Box::new(Eve::new(open("eve.jsonl"), options.signatures.clone()))]
}

/// Everything that a run leaves, as files hold it.
struct Left {
    report: String,
    flows: String,
    eve: String,
    findings: usize,
}

fn left(outcome: &Outcome, dir: &Path) -> Left {
    assert!(outcome.failure.is_none() && outcome.faults.is_empty() && outcome.sink_errors.is_empty(), "{:?} {:?}", outcome.failure, outcome.faults);
    let report = Report::new(&outcome.run(), &*outcome.signatures, &[]);
    let text = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    Left {
        report: String::from_utf8(report.object()).unwrap(),
        flows: text("flows.jsonl"),
        eve: text("eve.jsonl"),
        findings: outcome.book.findings().len(),
    }
}

/// The first line that differs, for a person to read.
fn same(what: &str, live: &str, replay: &str) {
    let mut lines = live.lines().zip(replay.lines()).enumerate();
    if let Some((n, (a, b))) = lines.find(|(_, (a, b))| a != b) {
        let at = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
        let near = |s: &str| s.chars().skip(at.saturating_sub(150)).take(300).collect::<String>();
        panic!("{what}, line {}:\n live   {}\n replay {}", n + 1, near(a), near(b));
    }
    assert_eq!(live.lines().count(), replay.lines().count(), "{what}");
}

/// Runs the sensor on these ports with a recording, while `during` happens; then replays the recording with other numbers of workers.
fn live_and_replay(site: &Path, ports: &[&str], tail: Duration, during: impl FnOnce()) -> Left {
    let dir = tempfile::tempdir().unwrap();
    let recording = dir.path().join("recording");
    let stop = Arc::new(AtomicBool::new(false));
    let record = Some(recording.clone());
    let setup = LiveOptions { record, ..LiveOptions::new(ports.iter().map(|p| (*p).to_owned()).collect()) };
    let live = Live::open(setup, Arc::clone(&stop)).unwrap();
    let (waker, board) = (live.waker().unwrap(), live.board());
    let out = dir.path().join("live");
    let opts = options(site, 2);
    let all = sinks(&out, &opts);
    let thread = std::thread::spawn(move || engine::resume(Box::new(live), &opts, all, Start::default(), &mut |_| {}).unwrap());
    during();
    std::thread::sleep(tail);
    stop.store(true, Ordering::Relaxed);
    waker.wake();
    let outcome = thread.join().unwrap();
    let status = board.read();
    eprintln!("{} packets, {:?}", outcome.coverage.packets, status.ports);
    assert_eq!(status.record.as_ref().map(|r| (r.frames, r.missing)), Some((outcome.coverage.packets, 0)), "{status:?}");
    let live = left(&outcome, &out);
    for workers in [1, 3] {
        let out = dir.path().join(format!("replay-{workers}"));
        let opts = options(site, workers);
        let all = sinks(&out, &opts);
        let replay = Replay::open(std::slice::from_ref(&recording), ReplayOptions::default()).unwrap();
        let replay = left(&engine::replay(replay, &opts, all, &mut |_| {}).unwrap(), &out);
        same("report", &live.report, &replay.report);
        same("flows", &live.flows, &replay.flows);
        same("eve", &live.eve, &replay.eve);
    }
    live
}

#[test]
fn a_replay_of_the_recording_finds_the_same() {
    in_namespace("equal::a_replay_of_the_recording_finds_the_same", || {
        cable("span0", "feed0");
        let mut feed = Feed::new("feed0");
        for (dir, capture, speed) in [("demo", "incident.pcap", 40.0), ("smb-fanout", "attack.pcap", 40.0), ("ransomware-smb", "attack.pcap", 40.0)] {
            let dir = file("captures").join(dir);
            let sent = std::cell::Cell::new(0);
            let left = live_and_replay(&dir.join("site.toml"), &["span0"], Duration::from_millis(2500), || {
                sent.set(feed.play(&dir.join(capture), speed, usize::MAX));
            });
            eprintln!("{}: {} frames, {} findings, the same live and in replays", dir.display(), sent.get(), left.findings);
            assert!(left.findings > 0 && sent.get() > 1000);
        }
    });
}

#[test]
fn two_ports_a_link_that_fails_and_a_long_silence_replay_to_the_same() {
    in_namespace("equal::two_ports_a_link_that_fails_and_a_long_silence_replay_to_the_same", || {
        cable("span0", "feed0");
        cable("span1", "feed1");
        let dir = file("captures/scan");
        let left = live_and_replay(&dir.join("site.toml"), &["span0", "span1"], Duration::from_secs(12), || {
            // The second port is heard first.
            Feed::new("feed1").play(&dir.join("attack.pcap"), 60.0, 700);
            ip("link set feed0 down");
            std::thread::sleep(Duration::from_millis(1500));
            ip("link set feed0 up");
            std::thread::sleep(Duration::from_millis(1500));
            Feed::new("feed0").play(&dir.join("attack.pcap"), 60.0, usize::MAX);
        });
        assert!(left.findings > 0);
    });
}

#[test]
fn a_recording_of_silence_is_no_fault() {
    in_namespace("equal::a_recording_of_silence_is_no_fault", || {
        cable("span0", "feed0");
        let dir = tempfile::tempdir().unwrap();
        let stop = Arc::new(AtomicBool::new(true));
        let mut live = Live::open(LiveOptions { record: Some(dir.path().into()), ..LiveOptions::new(vec!["span0".into()]) }, stop).unwrap();
        let mut block = spanward::capture::Block::default();
        while spanward::capture::Source::fill(&mut live, &mut block) != Fill::End {}
        let outcome = engine::replay(
            Replay::open(&[dir.path().into()], ReplayOptions::default()).unwrap(),
            &options(Path::new("none"), 1),
            Vec::new(),
            &mut |_| {},
        );
        assert_eq!(outcome.unwrap().faults, []);
    });
}
