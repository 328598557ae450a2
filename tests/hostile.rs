//! Bad input: no file makes it panic, hang or grow without bound. Real captures of every kind, cut and with flipped bits; lengths that lie;
//! bombs; a clock that jumps. `SPANWARD_TEST_ALL=1` takes all mutations instead of a seeded sample.

use spanward::capture::{Replay, ReplayOptions};
use spanward::detect::Signatures;
use spanward::engine::{Options, Outcome, replay};
use spanward::output::{BareWords, Eve, Flows, OutFile, Report, Sink};
use spanward::site::Site;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Longest time for one file. Far above what any takes even on a loaded machine: it is meant for what never ends.
const PATIENCE: Duration = Duration::from_secs(90);
/// Live flows of these runs; far below what floods here hold, so that eviction happens.
const FLOWS: usize = 1 << 13;
/// Seed of samples and mutations; `SPANWARD_TEST_SEED` takes another number.
const SEED: u64 = 0x5eed_0f5e_ed0f;

struct Rng(u64);

impl Rng {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if n == 0 { 0 } else { (self.0 >> 33) as usize % n }
    }
}

fn seeded() -> Rng {
    Rng(std::env::var("SPANWARD_TEST_SEED").map_or(SEED, |s| s.parse().expect("SPANWARD_TEST_SEED is a number")))
}

fn signatures() -> Arc<Signatures> {
    static ALL: OnceLock<Arc<Signatures>> = OnceLock::new();
    ALL.get_or_init(|| Arc::new(Signatures::embedded().unwrap())).clone()
}

/// Replays one input with every output, and holds it against what must be true of any input.
fn survive(path: &Path, what: &str) -> Outcome {
    let source = Replay::open(&[path.to_path_buf()], ReplayOptions::default()).unwrap_or_else(|e| panic!("{what}: {e}"));
    let site = Site { lang: spanward::base::Lang::En, ..Site::default() };
    let mut options = Options::new(Arc::new(site), signatures());
    options.max_flows = FLOWS;
    let null = || OutFile::over(Box::new(std::io::sink()), "nothing".into(), None);
    let sinks: Vec<Box<dyn Sink>> = vec![Box::new(Flows::new(null())), Box::new(Eve::new(null(), signatures()))];
    let outcome = replay(source, &options, sinks, &mut |_| {}).unwrap();
    assert_eq!(outcome.failure, None, "{what}");
    for (table, held, _) in &outcome.held {
        let cap = if table.ends_with("bytes") { 64 << 20 } else { 300_000 };
        assert!(*held <= cap, "{what}: {table} holds {held}");
    }
    let report = Report::new(&outcome.run(), &BareWords, &[]).object();
    assert!(serde_json::from_slice::<serde_json::Value>(&report).is_ok(), "{what}: the report is no JSON");
    outcome
}

/// Runs `work` aside; it names each input before it begins with it. One that takes too long is named.
fn watched(work: impl FnOnce(&mut dyn FnMut(&str)) + Send + 'static) {
    let (say, said) = channel::<String>();
    let worker = std::thread::spawn(move || work(&mut |name| drop(say.send(name.to_owned()))));
    let mut now = String::new();
    loop {
        match said.recv_timeout(PATIENCE) {
            Ok(name) => now = name,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => panic!("{now}: still running after {PATIENCE:?}"),
        }
    }
    if let Err(panic) = worker.join() {
        eprintln!("while at {now}");
        std::panic::resume_unwind(panic);
    }
}

/// Names an input that was not survived, so that the next ones are tried too.
fn attempt(path: &Path, what: &str, failed: &mut Vec<String>) {
    if std::panic::catch_unwind(|| survive(path, what)).is_err() {
        failed.push(what.to_owned());
    }
    assert!(failed.len() < 20, "too many:\n{}", failed.join("\n"));
}

fn corpus() -> Option<Vec<PathBuf>> {
    let root = std::env::var_os("SPANWARD_SHARED").map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")), PathBuf::from);
    let Ok(classes) = std::fs::read_dir(root.join("pcaps")) else {
        println!("skipped: no captures at {}", root.join("pcaps").display());
        return None;
    };
    let dirs = classes.map(|d| d.unwrap().path()).filter(|p| p.is_dir());
    let mut all: Vec<PathBuf> = dirs.flat_map(|d| std::fs::read_dir(d).unwrap().map(|f| f.unwrap().path())).collect();
    all.sort();
    Some(all)
}

fn everything() -> bool {
    std::env::var_os("SPANWARD_TEST_ALL").is_some()
}

#[test]
fn every_capture_of_the_corpus_is_survived() {
    let Some(all) = corpus() else { return };
    watched(move |at| {
        let mut failed = Vec::new();
        for path in &all {
            let name = path.display().to_string();
            at(&name);
            attempt(path, &name, &mut failed);
        }
        assert!(failed.is_empty(), "{}", failed.join("\n"));
    });
}

#[test]
fn cut_and_flipped_captures_are_survived() {
    let Some(mut all) = corpus() else { return };
    let mut rng = seeded();
    if !everything() {
        let mut sample = Vec::new();
        for _ in 0..120 {
            sample.push(all.swap_remove(rng.below(all.len())));
        }
        all = sample;
    }
    watched(move |at| {
        let (dir, mut failed) = (tempfile::tempdir().unwrap(), Vec::new());
        let file = dir.path().join("x.pcap");
        for path in &all {
            let whole = std::fs::read(path).unwrap();
            if whole.len() > 1 << 20 && !everything() {
                continue;
            }
            for round in 0..4 {
                let mut bytes = whole.clone();
                let what = if round < 2 {
                    let cut = rng.below(bytes.len());
                    bytes.truncate(cut);
                    format!("{} cut at {cut}", path.display())
                } else {
                    // A few in the headers of the file and its first packets, the rest anywhere.
                    let flips: Vec<(usize, u8)> = (0..1 + rng.below(40))
                        .map(|i| (rng.below(if i % 4 == 0 { bytes.len().min(200) } else { bytes.len() }), 1 << rng.below(8)))
                        .filter(|f| f.0 < whole.len())
                        .collect();
                    flips.iter().for_each(|(i, bit)| bytes[*i] ^= bit);
                    format!("{} with {flips:?}", path.display())
                };
                std::fs::write(&file, &bytes).unwrap();
                at(&what);
                attempt(&file, &what, &mut failed);
            }
        }
        assert!(failed.is_empty(), "{}", failed.join("\n"));
    });
}

/// A classic pcap's header: LINKTYPE_ETHERNET, microseconds.
fn header() -> Vec<u8> {
    [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 65_535, 1].iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// A record of one frame.
fn put(out: &mut Vec<u8>, secs: u32, us: u32, frame: &[u8], (len, orig): (u32, u32)) {
    out.extend([secs, us, len, orig].iter().flat_map(|v| v.to_le_bytes()));
    out.extend(frame);
}

/// A SYN between two hosts.
fn syn(n: u32) -> Vec<u8> {
    let mut f = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 40, 0, n as u8, 0, 0, 60, 6, 0, 0, 10, 0, 0, 1, 10, 1];
    f.extend((n as u16).to_be_bytes());
    f.extend([0x80, 1, 1, 0xbd, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 4, 0, 0, 0, 0, 0]);
    f
}

fn survive_bytes(name: &str, bytes: &[u8]) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    survive(&path, name)
}

#[test]
fn what_is_no_capture_is_named_and_survived() {
    watched(|at| {
        at("empty");
        assert_eq!(survive_bytes("empty.pcap", b"").faults.len(), 1);
        at("header only");
        assert!(survive_bytes("header.pcap", &header()).faults.is_empty());
        at("a directory of rubbish");
        let dir = tempfile::tempdir().unwrap();
        let mut rng = Rng(SEED);
        let magics: [&[u8]; 8] =
            [b"", b"\x0a\x0d\x0d\x0a", b"\xd4\xc3\xb2\xa1", b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"\xa1\xb2\x3c\x4d", b"MZ", b"{\"a\":1}"];
        for n in 0..64usize {
            let mut bytes = magics[n % magics.len()].to_vec();
            bytes.extend((0..rng.below(3000)).map(|_| rng.below(256) as u8));
            std::fs::write(dir.path().join(format!("{n}.{}", ["pcap", "txt", "gz", "zst", "pcapng"][n % 5])), bytes).unwrap();
        }
        std::fs::create_dir(dir.path().join("deep")).unwrap();
        let outcome = survive(dir.path(), "a directory of rubbish");
        assert!(!outcome.faults.is_empty());
    });
}

#[test]
fn lengths_that_lie_are_survived() {
    watched(|at| {
        for len in [u32::MAX, u32::MAX - 15, 0x8000_0000, 0x7fff_ffff, 1 << 24] {
            at(&format!("length {len}"));
            let mut classic = header();
            put(&mut classic, 1_795_255_200, 0, &syn(1), (54, 54));
            put(&mut classic, 1_795_255_200, 1, &syn(2), (len, len));
            let outcome = survive_bytes("long.pcap", &classic);
            assert!(!outcome.faults.is_empty() && outcome.coverage.packets >= 1, "length {len}");
            // A frame that claims to have been that long on the wire is possible, only cut.
            let mut snapped = header();
            put(&mut snapped, 1_795_255_200, 0, &syn(1), (54, len));
            assert_eq!(survive_bytes("snapped.pcap", &snapped).coverage.packets, 1);
            let mut ng = vec![0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0];
            ng.extend([0xff; 8]);
            ng.extend(28u32.to_le_bytes());
            ng.extend(6u32.to_le_bytes());
            ng.extend(len.to_le_bytes());
            ng.extend([0; 64]);
            assert!(!survive_bytes("long.pcapng", &ng).faults.is_empty(), "block length {len}");
        }
    });
}

/// Most memory this process ever had, in MiB.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kb| kb / 1024)
}

#[test]
fn bombs_are_streamed() {
    // 48 MiB of zeros in a few kilobytes: records of no length, and one record that never ends.
    let zeros = vec![0u8; 1 << 20];
    let gz = |head: &[u8], mib: usize| {
        let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        e.write_all(head).unwrap();
        (0..mib).for_each(|_| e.write_all(&zeros).unwrap());
        e.finish().unwrap()
    };
    let zst = |head: &[u8], mib: usize| {
        let mut e = zstd::Encoder::new(Vec::new(), 1).unwrap();
        e.write_all(head).unwrap();
        (0..mib).for_each(|_| e.write_all(&zeros).unwrap());
        e.finish().unwrap()
    };
    let mut endless = header();
    put(&mut endless, 1_795_255_200, 0, &[], (u32::MAX, u32::MAX));
    let inputs = [
        ("records.pcap.gz", gz(&header(), 12), true),
        ("records.pcap.zst", zst(&header(), 12), true),
        ("endless.pcap.gz", gz(&endless, 48), false),
        ("nothing.pcap.zst", zst(b"", 48), false),
        ("bomb in a bomb.gz", gz(&gz(&header(), 48), 0), false),
    ];
    watched(move |at| {
        let before = peak();
        for (name, bytes, frames) in inputs {
            assert!(bytes.len() < 1 << 20, "{name}: {} bytes", bytes.len());
            at(name);
            let outcome = survive_bytes(name, &bytes);
            assert_eq!(outcome.coverage.packets > 100_000, frames, "{name}: {} packets", outcome.coverage.packets);
        }
        if let (Some(before), Some(after)) = (before, peak()) {
            assert!(after < before + 400, "memory grew from {before} MiB to {after} MiB");
        }
    });
}

#[test]
fn a_clock_that_jumps_to_2106_and_back_is_survived() {
    watched(|at| {
        let base = 1_795_255_200u32;
        for (name, middle) in [("one frame", 1u32), ("long enough to be believed", 500)] {
            at(name);
            let mut out = header();
            for n in 0..500 {
                put(&mut out, base + n / 100, n % 100 * 10_000, &syn(n), (54, 54));
            }
            for n in 0..middle {
                put(&mut out, u32::MAX - 60 + n / 100, n % 100 * 10_000, &syn(500 + n), (54, 54));
            }
            for n in 0..500 {
                put(&mut out, base + 10 + n / 100, n % 100 * 10_000, &syn(2000 + n), (54, 54));
            }
            // Fractions beyond a second, and time zero.
            put(&mut out, base, u32::MAX, &syn(1), (54, 54));
            put(&mut out, 0, 0, &syn(1), (54, 54));
            let outcome = survive_bytes("clock.pcap", &out);
            assert_eq!(outcome.coverage.packets, u64::from(1002 + middle), "{name}");
            assert!(outcome.weirds.iter().any(|(w, _)| w.name.contains("clock") || w.layer.contains("capture")), "{name}: {:?}", outcome.weirds);
        }
    });
}
