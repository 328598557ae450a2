//! The journal of views: what it gives back is what the sensor showed, at every second, whatever happens to the spool.

use spanward::base::{Span, Timestamp};
use spanward::capture::{Replay, ReplayOptions};
use spanward::detect::Signatures;
use spanward::engine::journal::{Journal, JournalError, Recorder, View};
use spanward::engine::{Options, replay};
use spanward::event::Event;
use spanward::incident::Kept;
use spanward::output::{Run, Sink, SinkError};
use spanward::site::Site;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

type Views = Arc<Mutex<Vec<(Timestamp, View)>>>;

/// A recorder that is watched: every view it writes is kept beside it.
struct Watched(Recorder, Views);

impl Sink for Watched {
    fn event(&mut self, event: &Event, run: &Run<'_>) {
        self.0.event(event, run);
    }
    fn finding(&mut self, kept: &Kept, run: &Run<'_>) {
        self.0.finding(kept, run);
    }
    fn tick(&mut self, now: Timestamp, run: &Run<'_>) {
        self.0.tick(now, run);
        self.1.lock().unwrap().push((now, self.0.view().clone()));
    }
    fn finish(&mut self, run: &Run<'_>) -> Result<(), SinkError> {
        let r = self.0.finish(run);
        let mut all = self.1.lock().unwrap();
        let last = all.last().map(|v| v.0).unwrap_or_default();
        all.push((last, self.0.view().clone()));
        r
    }
}

/// Replays with a journal in `dir`.
fn record(capture: &Path, dir: &Path, cap: u64, workers: usize, to: Option<Timestamp>) -> Vec<(Timestamp, View)> {
    let source = Replay::open(&[capture.to_path_buf()], ReplayOptions { to, ..ReplayOptions::default() }).unwrap();
    let words = Arc::new(Signatures::embedded().unwrap());
    let mut options = Options::new(Arc::new(Site::default()), words.clone());
    options.workers = workers;
    let views = Views::default();
    let outcome = replay(source, &options, vec![Box::new(Watched(Recorder::create(dir, cap, words), views.clone()))], &mut |_| {}).unwrap();
    assert_eq!(outcome.failure, None);
    assert!(outcome.sink_errors.is_empty(), "{:?}", outcome.sink_errors);
    Arc::try_unwrap(views).unwrap().into_inner().unwrap()
}

fn frame(out: &mut Vec<u8>, us: u64, src: [u8; 4], dst: [u8; 4], ports: (u16, u16), flags: u8, payload: usize) {
    let (secs, len) = (1_795_255_200 + (us / 1_000_000) as u32, 54 + payload as u32);
    for v in [secs, (us % 1_000_000) as u32, len, len] {
        out.extend(v.to_le_bytes());
    }
    out.extend([2, 0, dst[0], dst[1], dst[2], dst[3], 2, 0, src[0], src[1], src[2], src[3], 8, 0]);
    out.extend([0x45, 0]);
    out.extend((40 + payload as u16).to_be_bytes());
    out.extend([0, us as u8, 0x40, 0, 64, 6, 0, 0]);
    out.extend(src);
    out.extend(dst);
    for p in [ports.0, ports.1] {
        out.extend(p.to_be_bytes());
    }
    out.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 32, 0, 0, 0, 0, 0]);
    out.extend(vec![0; payload]);
}

/// A ward at work, with a terminal that tries SMB on all of them: hosts appear, flows begin and end, findings grow.
fn ward(seconds: u64) -> Vec<u8> {
    let mut out = Vec::new();
    for v in [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 1] {
        out.extend(v.to_le_bytes());
    }
    for s in 0..seconds {
        for i in 0..8u64 {
            let (n, us) = (s * 8 + i, s * 1_000_000 + i * 100_000);
            let host = [10, 20, (n / 200) as u8 + 1, (n % 200) as u8 + 10];
            let port = 40_000 + (n % 20_000) as u16;
            let server = [10, 20, 0, 5];
            frame(&mut out, us, host, server, (port, 443), 2, 0);
            frame(&mut out, us + 10, server, host, (443, port), 0x12, 0);
            frame(&mut out, us + 20, host, server, (port, 443), 0x18, (n % 1000) as usize);
            frame(&mut out, us + 30, host, server, (port, 443), 0x14, 0);
            frame(&mut out, us + 40, [10, 20, 0, 66], host, (port, 445), 2, 0);
        }
    }
    out
}

fn put(dir: &Path, bytes: &[u8]) -> PathBuf {
    let path = dir.join("x.pcap");
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Every view but those of the last tick, which the end of the run replaces.
fn before_the_end(all: &[(Timestamp, View)]) -> impl Iterator<Item = &(Timestamp, View)> {
    let last = all.last().unwrap().0;
    all.iter().filter(move |v| v.0 < last)
}

#[test]
fn every_second_comes_back_as_it_was_and_the_last_as_the_run_ended() {
    let tmp = tempfile::tempdir().unwrap();
    let capture = put(tmp.path(), &ward(45));
    let dir = tmp.path().join("journal");
    let all = record(&capture, &dir, 1 << 26, 1, None);
    assert!(all.len() > 40, "{} views", all.len());
    let journal = Journal::open(&dir).unwrap();
    assert_eq!((journal.dropped(), journal.damage().count(), journal.times().count()), (0, 0, all.len()));
    for (ts, view) in before_the_end(&all) {
        assert_eq!(journal.state_at(*ts).unwrap(), *view, "{ts}");
        assert_eq!(journal.state_at(*ts + Span::millis(999)).unwrap().ts, view.ts);
    }
    let (last, end) = all.last().unwrap();
    assert!(end.ended && end.flows.len() == 50 && end.findings.len() > 1 && end.devices.len() > 300, "{} devices", end.devices.len());
    assert!(end.zones["inside>inside"].contacts > 300, "{:?}", end.zones);
    assert!(end.flows.values().all(|f| f.orig_bytes + f.resp_bytes >= 300));
    for ts in [*last, *last + Span::hours(1)] {
        assert_eq!(journal.state_at(ts).unwrap(), *end);
    }
    let early = journal.state_at(Timestamp(1)).unwrap_err();
    assert!(matches!(early, JournalError::Before { dropped: 0, .. }) && early.to_string().contains("it begins at 2026-"), "{early}");
}

#[test]
fn a_run_cut_short_showed_the_same() {
    let tmp = tempfile::tempdir().unwrap();
    let mut captures = vec![put(tmp.path(), &ward(30))];
    let shared = std::env::var_os("SPANWARD_SHARED").map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")), PathBuf::from);
    match shared.join("bed/captures/incident.pcap") {
        bed if bed.exists() => captures.push(bed),
        bed => println!("skipped: {} is not there", bed.display()),
    }
    for (n, capture) in captures.iter().enumerate() {
        let dir = |name: &str| tmp.path().join(format!("{n}{name}"));
        let all = record(capture, &dir("whole"), 1 << 26, 1, None);
        let whole = Journal::open(&dir("whole")).unwrap();
        for part in [3, 5, 8] {
            let at = all[all.len() * part / 10].0;
            record(capture, &dir("cut"), 1 << 26, 1, Some(at + Span::millis(1)));
            let cut = Journal::open(&dir("cut")).unwrap();
            let (seen, was) = (cut.state_at(at - Span::millis(1)).unwrap(), whole.state_at(at - Span::millis(1)).unwrap());
            assert_eq!(seen, was, "{} at {at}", capture.display());
        }
    }
}

fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).map(|p| (p.clone(), std::fs::read(p).unwrap())).collect();
    all.sort();
    all
}

#[test]
fn a_full_spool_drops_its_oldest_and_says_so_and_workers_change_nothing() {
    let tmp = tempfile::tempdir().unwrap();
    let capture = put(tmp.path(), &ward(120));
    let dir = tmp.path().join("journal");
    let cap = 1 << 18;
    let all = record(&capture, &dir, cap, 1, None);
    let kept = files(&dir);
    let size: usize = kept.iter().map(|f| f.1.len()).sum();
    assert!(size as u64 <= cap && size as u64 > cap / 2, "{size} bytes");
    let journal = Journal::open(&dir).unwrap();
    assert!(journal.dropped() > 0);
    let (first, _) = journal.span();
    let mut compared = 0;
    for (ts, view) in before_the_end(&all) {
        if *ts < first {
            assert!(matches!(journal.state_at(*ts), Err(JournalError::Before { .. })));
        } else {
            assert_eq!(journal.state_at(*ts).unwrap(), *view, "{ts}");
            compared += 1;
        }
    }
    assert!(compared > 5, "{compared} views kept");
    // A second run replaces the first, and any number of workers writes the same bytes.
    record(&capture, &dir, cap, 3, None);
    assert!(files(&dir) == kept, "workers changed the bytes");
}

#[test]
fn a_damaged_spool_is_read_up_to_the_damage() {
    let tmp = tempfile::tempdir().unwrap();
    let capture = put(tmp.path(), &ward(25));
    let dir = tmp.path().join("journal");
    let all = record(&capture, &dir, 1 << 26, 1, None);
    let [(path, whole)] = &files(&dir)[..] else { panic!("one segment was expected") };
    for part in 0..40 {
        let cut = whole.len() * part / 40;
        std::fs::write(path, &whole[..cut]).unwrap();
        match Journal::open(&dir) {
            Ok(j) => {
                let (_, last) = j.span();
                let (ts, view) = all.iter().find(|v| v.0 == last).unwrap();
                assert_eq!(j.state_at(*ts).unwrap(), *view);
                let hidden = j.state_at(last + Span::secs(5));
                assert_eq!(hidden.is_err(), j.damage().count() > 0);
                for e in j.damage() {
                    assert!(e.to_string().contains("00000001.journal is damaged at byte "), "{e}");
                }
            }
            Err(e) => assert!(cut < 4000, "{cut}: {e}"),
        }
    }
    let mut state = 7u64;
    for _ in 0..60 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut bad = whole.clone();
        let at = (state >> 33) as usize % bad.len();
        bad[at] ^= 1 << (state >> 60 & 7);
        std::fs::write(path, &bad).unwrap();
        let Ok(j) = Journal::open(&dir) else { continue };
        for (ts, view) in before_the_end(&all) {
            // A flipped bit is found: a view is right, or it is not shown.
            if let Ok(shown) = j.state_at(*ts) {
                assert!(shown == *view || shown.ts < view.ts, "byte {at} at {ts}");
            }
        }
    }
    std::fs::remove_file(path).unwrap();
    assert!(Journal::open(&dir).unwrap_err().to_string().contains("holds no journal"));
}
