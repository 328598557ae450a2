//! Every capture of the shared corpus: packet counts as tshark established them, and no truncation or bit flip that panics, hangs or grows.

use spanward::capture::{Block, Fill, Replay, ReplayOptions};
use std::path::PathBuf;

fn corpus() -> Option<PathBuf> {
    let root = std::env::var("SPANWARD_SHARED").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").to_string());
    let dir = PathBuf::from(root).join("pcaps");
    if dir.join("manifest.tsv").is_file() {
        return Some(dir);
    }
    println!("skipped: no shared corpus (set SPANWARD_SHARED)");
    None
}

struct Row {
    file: PathBuf,
    name: String,
    packets: Option<u64>,
}

fn rows(dir: &std::path::Path) -> Vec<Row> {
    let text = std::fs::read_to_string(dir.join("manifest.tsv")).unwrap();
    let mut lines = text.lines().map(|l| l.split('\t').collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let column = |name| header.iter().position(|h| *h == name).unwrap();
    let (packets, local) = (column("packets"), column("local"));
    lines.map(|l| Row { file: dir.join(l[local]), name: l[local].to_string(), packets: l[packets].parse().ok() }).collect()
}

/// Frames, faults as text, and the largest buffer.
fn drain(mut replay: Replay) -> (u64, Vec<String>, usize) {
    let (mut block, mut buffer, mut last) = (Block::default(), 0, Default::default());
    while replay.fill(&mut block) == Fill::Frames {
        buffer = buffer.max(block.buf.capacity());
        for f in &block.frames {
            assert!(f.ts >= last && block.bytes(f).len() == f.cap_len as usize);
            last = f.ts;
        }
        replay.weirds();
    }
    (replay.frames(), replay.faults().iter().map(ToString::to_string).collect(), buffer)
}

/// Every row with a packet count agrees. Rows without one (`?`) are damaged files, which have a fault here, and link types that tshark
/// could not read.
#[test]
fn packet_counts_are_those_of_the_manifest() {
    let Some(dir) = corpus() else { return };
    let (mut wrong, mut faults, mut total) = (Vec::new(), 0, 0);
    for row in rows(&dir) {
        let (frames, fault, buffer) = drain(Replay::open(&[row.file], ReplayOptions::default()).unwrap());
        assert!(fault.len() <= 1 && buffer <= 20 << 20, "{}: {fault:?} {buffer}", row.name);
        total += frames;
        faults += fault.len();
        if row.packets.is_some_and(|w| w != frames) {
            wrong.push(format!("{}: {frames} frames, {:?} in the manifest, {fault:?}", row.name, row.packets));
        } else if !fault.is_empty() {
            println!("{}", fault[0]);
        }
    }
    println!("{total} frames, {faults} damaged files");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_whole_corpus_at_once_in_time_order() {
    let Some(dir) = corpus() else { return };
    let run = || {
        let mut replay = Replay::open(std::slice::from_ref(&dir), ReplayOptions::default()).unwrap();
        let (mut block, mut digest, mut last) = (Block::default(), 0u64, Default::default());
        while replay.fill(&mut block) == Fill::Frames {
            for f in &block.frames {
                assert!(f.ts >= last);
                last = f.ts;
                digest = digest.wrapping_mul(0x100_0000_01b3) ^ f.ts.0 ^ u64::from(f.iface) << 48 ^ u64::from(f.cap_len);
            }
        }
        (replay.frames(), digest, replay.faults().len(), replay.skipped(), replay.interfaces().len())
    };
    let first = run();
    println!("{first:?}");
    assert_eq!(first, run());
}

#[test]
fn cut_and_flipped_files_yield_what_is_before_the_damage() {
    let Some(dir) = corpus() else { return };
    let mut seed = 0x0bad_5eed_0bad_5eedu64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed as usize
    };
    for row in rows(&dir).into_iter().step_by(5) {
        let file = std::fs::read(&row.file).unwrap();
        let whole = drain(Replay::from_bytes(file.clone(), ReplayOptions::default()).unwrap()).0;
        let cut = random() % file.len().max(1);
        assert!(drain(Replay::from_bytes(file[..cut].to_vec(), ReplayOptions::default()).unwrap()).0 <= whole);
        for _ in 0..3 {
            let mut file = file.clone();
            for _ in 0..1 + random() % 8 {
                let (at, bit) = (random() % file.len(), random() % 8);
                file[at] ^= 1 << bit;
            }
            let (_, faults, buffer) = drain(Replay::from_bytes(file, ReplayOptions::default()).unwrap());
            assert!(faults.len() <= 1 && buffer <= 40 << 20);
        }
    }
}
