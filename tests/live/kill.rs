//! A sensor that is killed while it records: what it had written is read, and the next one begins beside it.

use crate::house::{Feed, cable, in_namespace, numbered};
use spanward::capture::{Block, Fill, Live, LiveOptions, Replay, ReplayOptions, Source};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Where the process to be killed records to.
const VICTIM: &str = "SPANWARD_TEST_RECORD_TO";
const ROUNDS: u64 = 12;

/// Not a test by itself: the process that is killed.
#[test]
fn victim() {
    let Some(dir) = std::env::var_os(VICTIM).map(PathBuf::from) else { return };
    let mut live = Live::open(LiveOptions { record: Some(dir), ..LiveOptions::new(vec!["span0".into()]) }, Arc::default()).unwrap();
    let mut block = Block::default();
    while live.fill(&mut block) != Fill::End {}
}

#[test]
fn a_recording_cut_short_by_a_kill_is_read_as_far_as_it_reaches() {
    in_namespace("kill::a_recording_cut_short_by_a_kill_is_read_as_far_as_it_reaches", || {
        cable("span0", "feed0");
        let dir = tempfile::tempdir().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let sender = std::thread::spawn(move || {
            let (mut feed, mut n) = (Feed::new("feed0"), 0u32);
            while !stopped.load(Ordering::Relaxed) {
                feed.send(&numbered(n, 60 + n as usize % 1300, None));
                n += 1;
                if n.is_multiple_of(20) {
                    std::thread::sleep(Duration::from_micros(400));
                }
            }
        });
        let mut torn = 0;
        for round in 0..ROUNDS {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "kill::victim", "--nocapture"])
                .env(VICTIM, dir.path())
                .stdout(std::process::Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis(500 + round * 37));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        sender.join().unwrap();
        let mut all = 0;
        for file in std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path()) {
            let mut replay = Replay::open(&[file], ReplayOptions::default()).unwrap();
            let (mut block, mut frames) = (Block::default(), Vec::new());
            while replay.fill(&mut block) == Fill::Frames {
                frames.extend(block.frames.iter().map(|f| u32::from_be_bytes(*block.bytes(f).last_chunk().unwrap())));
            }
            // The last record may be torn; nothing else is wrong, and nothing is missing before it.
            torn += replay.faults().len();
            assert!(replay.faults().len() <= 1, "{:?}", replay.faults());
            assert!(frames.len() > 100 && frames.windows(2).all(|w| w[1] == w[0] + 1), "{} frames", frames.len());
            all += frames.len();
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count() as u64, ROUNDS);
        eprintln!("killed {ROUNDS} times: {all} frames read, {torn} files with a torn last record");
    });
}
