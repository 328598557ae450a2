//! The engine as a whole: the same bytes whatever the number of workers; nothing lost from the counts.
use spanward::base::Timestamp;
use spanward::capture::{Replay, ReplayOptions};
use spanward::detect::Signatures;
use spanward::engine::{Options, replay};
use spanward::event::{Event, EventKind};
use spanward::incident::Kept;
use spanward::output::{Run, Sink, SinkError};
use spanward::site::Site;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

fn shared() -> Option<PathBuf> {
    let dir =
        std::env::var_os("SPANWARD_SHARED").map(PathBuf::from).unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")));
    dir.is_dir().then_some(dir)
}

/// Writes down everything that passes by.
struct Everything(Arc<Mutex<Vec<String>>>);

impl Sink for Everything {
    fn event(&mut self, event: &Event, _: &Run<'_>) {
        self.0.lock().unwrap().push(format!("{event:?}"));
    }
    fn finding(&mut self, kept: &Kept, _: &Run<'_>) {
        self.0.lock().unwrap().push(format!("{kept:?}"));
    }
    fn tick(&mut self, now: Timestamp, _: &Run<'_>) {
        self.0.lock().unwrap().push(format!("tick {now}"));
    }
    fn finish(&mut self, run: &Run<'_>) -> Result<(), SinkError> {
        self.0.lock().unwrap().push(format!("{:?} {:?} {} {:?} {:?}", run.coverage, run.weirds, run.flows, run.first_ts, run.last_ts));
        Ok(())
    }
}

fn run(paths: &[PathBuf], workers: usize, max_flows: usize) -> Vec<String> {
    let source = Replay::open(paths, ReplayOptions::default()).unwrap();
    let mut options = Options::new(Arc::new(Site::default()), Arc::new(Signatures::embedded().unwrap()));
    (options.workers, options.max_flows) = (workers, max_flows);
    let all = Arc::new(Mutex::new(Vec::new()));
    let outcome = replay(source, &options, vec![Box::new(Everything(all.clone()))], &mut |_| {}).unwrap();
    assert_eq!(outcome.failure, None);
    assert!(outcome.sink_errors.is_empty());
    Arc::try_unwrap(all).unwrap().into_inner().unwrap()
}

/// Hands out a few bytes at a time, as a pipe does.
struct Trickle(std::io::Cursor<Vec<u8>>);

impl std::io::Read for Trickle {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = out.len().min(7001);
        self.0.read(&mut out[..n])
    }
}

#[test]
fn a_pipe_gives_the_same_report_as_the_file() {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/demo/");
    let report = |source: Replay| {
        let site = Site::load(std::path::Path::new(&format!("{demo}site.toml"))).unwrap();
        let options = Options::new(Arc::new(site), Arc::new(Signatures::embedded().unwrap()));
        let all = Arc::new(Mutex::new(Vec::new()));
        replay(source, &options, vec![Box::new(Everything(all.clone()))], &mut |_| {}).unwrap();
        Arc::try_unwrap(all).unwrap().into_inner().unwrap()
    };
    let path = PathBuf::from(format!("{demo}incident.pcap"));
    let trickle = Trickle(std::io::Cursor::new(std::fs::read(&path).unwrap()));
    let pipe = report(Replay::from_readers(vec![("-".into(), Box::new(trickle))], ReplayOptions::default()).unwrap());
    let file = report(Replay::open(&[path], ReplayOptions::default()).unwrap());
    assert!(file.len() > 1000);
    assert_eq!(pipe.iter().zip(&file).position(|(a, b)| a != b), None);
    assert_eq!(pipe.len(), file.len());
}

/// A flood of SYNs, each from another address, written by hand.
fn flood(packets: u32) -> tempfile::NamedTempFile {
    let mut b = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
    for i in 0..packets {
        let us = i * 2;
        for v in [1_800_000_000 + us / 1_000_000, us % 1_000_000, 54, 54] {
            b.extend(v.to_le_bytes());
        }
        let src = 0x0b00_0000u32.wrapping_add(i.wrapping_mul(2_654_435_761));
        b.extend([0, 0, 0x0c, 0, 0, 1, 0, 5, 0x69, 1, 2, 3, 8, 0, 0x45, 0, 0, 40, 0, i as u8, 0, 0, 60, 6, 0, 0]);
        b.extend(src.to_be_bytes());
        b.extend([10, 30, 0, 5]);
        b.extend([(i >> 8) as u8 | 4, i as u8, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 4, 0, 0, 0, 0, 0]);
    }
    let f = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(f.path(), b).unwrap();
    f
}

#[test]
fn a_flood_that_overflows_the_table_gives_the_same_bytes_with_any_number_of_workers() {
    let f = flood(60_000);
    let paths = [f.path().to_path_buf()];
    let one = run(&paths, 1, 4096);
    assert!(one.iter().any(|l| l.contains("Contacts")), "the flood is summarised");
    for workers in [1, 2, 3, 5] {
        assert_eq!(run(&paths, workers, 4096), one, "{workers} workers");
    }
}

#[test]
fn nothing_is_lost_from_the_counts() {
    let f = flood(30_000);
    let counted = Arc::new(Mutex::new((0u64, 0u64)));
    struct Count(Arc<Mutex<(u64, u64)>>);
    impl Sink for Count {
        fn event(&mut self, event: &Event, _: &Run<'_>) {
            let mut c = self.0.lock().unwrap();
            match &event.kind {
                EventKind::Flow(r) => c.0 += r.packets[0] + r.packets[1],
                EventKind::Contacts(s) => c.1 += s.packets,
                _ => {}
            }
        }
        fn finding(&mut self, _: &Kept, _: &Run<'_>) {}
        fn finish(&mut self, _: &Run<'_>) -> Result<(), SinkError> {
            Ok(())
        }
    }
    let source = Replay::open(&[f.path().to_path_buf()], ReplayOptions::default()).unwrap();
    let options = Options::new(Arc::new(Site::default()), Arc::new(Signatures::embedded().unwrap()));
    replay(source, &options, vec![Box::new(Count(counted.clone()))], &mut |_| {}).unwrap();
    let (listed, summed) = *counted.lock().unwrap();
    assert_eq!(listed + summed, 30_000);
    assert!(summed > listed, "most of a flood is summarised: {listed} listed, {summed} summed");
}

#[test]
fn the_beds_captures_give_the_same_bytes_with_any_number_of_workers() {
    let Some(shared) = shared() else { return println!("skipped: no shared captures here") };
    for name in ["incident", "scan", "benign_day", "arp_spoof"] {
        let paths = [shared.join(format!("bed/captures/{name}.pcap"))];
        let one = run(&paths, 1, 1 << 20);
        assert!(one.len() > 50, "{name}: {} lines", one.len());
        for workers in [2, 3] {
            assert_eq!(run(&paths, workers, 1 << 20), one, "{name}, {workers} workers");
        }
    }
}
