//! A reader that cannot keep up: what it loses, what it leaves out, and that it says both.

use crate::house::{Feed, cable, in_namespace};
use spanward::capture::{Block, Fill, Live, LiveNews, LiveOptions, PortNews, Source};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A TCP segment to this port, with so many bytes in all.
fn segment(port: u16, len: usize) -> Vec<u8> {
    let mut f = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0];
    f.extend(((len - 14) as u16).to_be_bytes());
    f.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0x30, 0x39]);
    f.extend(port.to_be_bytes());
    f.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 4, 0, 0, 0, 0, 0]);
    f.resize(len, 7);
    f
}

#[test]
fn a_slow_reader_sheds_in_order_counts_its_losses_and_recovers() {
    in_namespace("overload::a_slow_reader_sheds_in_order_counts_its_losses_and_recovers", || {
        cable("span0", "feed0");
        let (stop, calm) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let news = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&news);
        let tell = Box::new(move |n: &LiveNews| told.lock().unwrap().push(n.clone()));
        let mut live = Live::open(LiveOptions { ring: 8 << 20, tell, ..LiveOptions::new(vec!["span0".into()]) }, Arc::clone(&stop)).unwrap();
        let board = live.board();
        let (stopped, calmed) = (Arc::clone(&stop), Arc::clone(&calm));
        let sender = std::thread::spawn(move || {
            let mut feed = Feed::new("feed0");
            // Bulk of a file server; a short message of it; remote desktop, which is never cut; a long answer of a name server.
            let frames = [segment(445, 1400), segment(445, 1400), segment(445, 300), segment(3389, 1400), segment(53, 1400)];
            let (began, mut sent) = (Instant::now(), 0u64);
            while began.elapsed() < Duration::from_secs(4) {
                frames.iter().for_each(|f| feed.send(f));
                sent += frames.len() as u64;
            }
            calmed.store(true, Ordering::Relaxed);
            std::thread::sleep(Duration::from_secs(6));
            stopped.store(true, Ordering::Relaxed);
            sent
        });
        let (mut block, mut got, mut cut, mut dropped, mut shed, mut levels) = (Block::default(), 0u64, 0u64, 0, 0, Vec::new());
        loop {
            let fill = live.fill(&mut block);
            if levels.last() != Some(&live.level()) {
                levels.push(live.level());
            }
            for f in &block.frames {
                got += 1;
                let port = u16::from_be_bytes(*block.bytes(f)[36..].first_chunk().unwrap());
                if f.cap_len < f.orig_len {
                    cut += 1;
                    assert!(port == 445 && f.orig_len == 1400 && f.cap_len == 256, "port {port}: {f:?}");
                }
            }
            for n in &block.notices {
                match n.news {
                    PortNews::Dropped { kernel, card } => (dropped, _) = (dropped + kernel, assert_eq!(card, 0)),
                    PortNews::Shed { frames } => shed += frames,
                    _ => {}
                }
            }
            match fill {
                Fill::End => break,
                Fill::Frames if !calm.load(Ordering::Relaxed) => std::thread::sleep(Duration::from_millis(15)),
                _ => {}
            }
        }
        let sent = sender.join().unwrap();
        eprintln!("sent {sent}, read {got}, cut {cut}, lost {dropped}; levels {levels:?}");
        assert_eq!(got + dropped, sent, "every frame is read or counted as lost");
        assert!(levels.contains(&3) && cut > 0 && cut == shed, "{shed}");
        assert_eq!((levels.last(), board.read().level), (Some(&0), 0));
        // On the way down no level is left out.
        let down = levels.iter().rposition(|l| *l == 3).unwrap();
        assert_eq!(levels[down..], [3, 2, 1, 0]);
        assert_eq!(news.lock().unwrap().last(), Some(&LiveNews::Overload(0)));
    });
}
