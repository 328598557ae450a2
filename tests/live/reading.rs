//! What the source gives: every frame, in order, with usable times.

use crate::house::{Feed, cable, in_namespace, ip, numbered};
use spanward::base::Timestamp;
use spanward::capture::{Block, Fill, Live, LiveError, LiveNews, LiveOptions, Notice, PortNews, Source, StatusBoard};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A frame as it was given: time, interface, its bytes.
type Given = (Timestamp, u64, u16, Vec<u8>);

/// A source that is read in a thread of its own.
pub struct Reading {
    pub frames: Vec<Given>,
    pub notices: Vec<Notice>,
    pub quiet: Vec<Timestamp>,
    pub longest: Duration,
    pub weirds: Vec<&'static str>,
}

pub struct Reader {
    stop: Arc<AtomicBool>,
    waker: spanward::capture::Waker,
    pub board: Arc<StatusBoard>,
    pub news: Arc<Mutex<Vec<LiveNews>>>,
    thread: std::thread::JoinHandle<Reading>,
}

impl Reader {
    pub fn begin(mut options: LiveOptions) -> Reader {
        let news = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&news);
        options.tell = Box::new(move |n| {
            eprintln!("  {}", n.text(spanward::base::Lang::En));
            told.lock().unwrap().push(n.clone());
        });
        let stop = Arc::new(AtomicBool::new(false));
        let live = Live::open(options, Arc::clone(&stop)).unwrap();
        let (waker, board) = (live.waker().unwrap(), live.board());
        Reader { stop, waker, board, news, thread: std::thread::spawn(move || read(live)) }
    }
    pub fn end(self) -> Reading {
        self.stop.store(true, Ordering::Relaxed);
        self.waker.wake();
        self.thread.join().unwrap()
    }
}

fn read(mut live: Live) -> Reading {
    let mut r = Reading { frames: Vec::new(), notices: Vec::new(), quiet: Vec::new(), longest: Duration::ZERO, weirds: Vec::new() };
    let mut block = Block::default();
    let mut last = Timestamp(0);
    loop {
        let began = Instant::now();
        let fill = live.fill(&mut block);
        r.longest = r.longest.max(began.elapsed());
        for n in &block.notices {
            assert!(n.ts >= last, "a notice before the frames before it");
        }
        for f in &block.frames {
            assert!(f.ts >= last, "time ran back: {:?} after {last:?}", f.ts);
            assert_eq!(f.number, r.frames.len() as u64 + 1);
            last = f.ts;
            r.frames.push((f.ts, u64::from(f.orig_len), f.iface, block.bytes(f).to_vec()));
        }
        r.notices.extend(&block.notices);
        match fill {
            Fill::Frames => {}
            Fill::Quiet(t) => {
                assert!(t >= last, "time ran back in silence");
                last = t;
                r.quiet.push(t);
            }
            Fill::End => break,
        }
    }
    r.weirds = live.weirds().iter().map(|w| w.name).collect();
    r
}

fn wall() -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::new(now.as_secs(), now.subsec_nanos())
}

fn nap(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

#[test]
fn every_frame_in_order_with_its_tag_and_its_time() {
    in_namespace("reading::every_frame_in_order_with_its_tag_and_its_time", || {
        cable("span0", "feed0");
        let mut feed = Feed::new("feed0");
        // Sent before the start: not wanted.
        feed.send(&numbered(9999, 60, None));
        let began = wall();
        let reader = Reader::begin(LiveOptions::new(vec!["span0".into()]));
        for n in 0..20_000 {
            feed.send(&numbered(n, 60 + (n as usize * 37) % 1400, [None, Some(10), Some(4000)][n as usize % 3]));
            if n % 500 == 0 {
                nap(5);
            }
        }
        let sent = wall();
        nap(1200);
        let board = reader.board.read();
        let r = reader.end();
        assert_eq!(r.frames.len(), 20_000);
        for (n, (ts, orig, iface, bytes)) in r.frames.iter().enumerate() {
            let want = numbered(n as u32, 60 + (n * 37) % 1400, [None, Some(10), Some(4000)][n % 3]);
            assert!(*bytes == want && *orig == want.len() as u64 && *iface == 0, "frame {n}");
            assert!(*ts >= began && *ts <= sent, "frame {n}: {ts:?} not in {began:?}..{sent:?}");
        }
        assert!(r.notices.is_empty(), "{:?}", r.notices);
        let p = &board.ports[0];
        assert!(p.up && p.frames == 20_000 && p.kernel_drops == 0 && p.card_drops == 0 && p.passivity.as_ref().unwrap().holds(), "{board:?}");
    });
}

#[test]
fn a_silent_link_tells_the_time_ten_times_a_second_and_stops_at_once() {
    in_namespace("reading::a_silent_link_tells_the_time_ten_times_a_second_and_stops_at_once", || {
        cable("span0", "feed0");
        let reader = Reader::begin(LiveOptions::new(vec!["span0".into()]));
        nap(2000);
        let (now, began) = (wall(), Instant::now());
        let r = reader.end();
        assert!(began.elapsed() < Duration::from_millis(300), "{:?}", began.elapsed());
        assert!(r.frames.is_empty() && (15..60).contains(&r.quiet.len()), "{}", r.quiet.len());
        assert!(r.longest < Duration::from_millis(150), "{:?}", r.longest);
        let last = *r.quiet.last().unwrap();
        assert!(last.0.abs_diff(now.0) < 200_000_000, "{last:?} at {now:?}");
    });
}

#[test]
fn frames_of_two_ports_come_in_the_order_of_their_times() {
    in_namespace("reading::frames_of_two_ports_come_in_the_order_of_their_times", || {
        cable("span0", "feed0");
        cable("span1", "feed1");
        let reader = Reader::begin(LiveOptions::new(vec!["span0".into(), "span1".into()]));
        let mut feeds = [Feed::new("feed0"), Feed::new("feed1")];
        // Alternating, with pauses longer than a block time-out, and long runs of one port.
        let mut way = Vec::new();
        for n in 0..6000u32 {
            let port = if n < 3000 { n as usize % 2 } else { usize::from(n / 700 % 2 == 0) };
            feeds[port].send(&numbered(n, 200, Some(port as u16 + 1)));
            way.push(port as u16);
            if n % 250 == 0 {
                nap(15);
            }
        }
        nap(200);
        let r = reader.end();
        assert_eq!(r.frames.len(), 6000);
        let order: Vec<u32> = r.frames.iter().map(|f| u32::from_be_bytes(*f.3.last_chunk().unwrap())).collect();
        let misplaced = order.iter().enumerate().filter(|(n, got)| *n as u32 != **got).count();
        assert_eq!(misplaced, 0, "the kernel stamped them in this order");
        assert!(r.frames.iter().zip(way).all(|(f, port)| f.2 == port));
    });
}

#[test]
fn an_interface_that_goes_and_comes_back_is_told_and_read_again() {
    in_namespace("reading::an_interface_that_goes_and_comes_back_is_told_and_read_again", || {
        cable("span0", "feed0");
        let reader = Reader::begin(LiveOptions::new(vec!["span0".into()]));
        Feed::new("feed0").send(&numbered(1, 60, None));
        nap(300);
        // The cable is pulled, and put in again: the same socket goes on.
        ip("link set feed0 down");
        nap(1300);
        ip("link set feed0 up");
        nap(1300);
        Feed::new("feed0").send(&numbered(2, 60, None));
        nap(300);
        // Another name.
        ip("link set span0 down");
        ip("link set span0 name other0");
        ip("link set other0 up");
        nap(1300);
        Feed::new("feed0").send(&numbered(3, 60, None));
        nap(300);
        // Taken away, and another of the old name comes.
        ip("link del other0");
        nap(1300);
        cable("span0", "feed0");
        nap(5500);
        Feed::new("feed0").send(&numbered(4, 60, None));
        nap(300);
        let news = reader.news.lock().unwrap().clone();
        let r = reader.end();
        let numbers: Vec<u32> = r.frames.iter().map(|f| u32::from_be_bytes(*f.3.last_chunk().unwrap())).collect();
        assert_eq!(numbers, [1, 2, 3, 4]);
        let states: Vec<PortNews> = r.notices.iter().map(|n| n.news).filter(|n| matches!(n, PortNews::Down | PortNews::Up)).collect();
        assert!(states.len() >= 4 && states.len().is_multiple_of(2), "{states:?}");
        assert!(states.chunks(2).all(|c| c == [PortNews::Down, PortNews::Up]), "{states:?}");
        assert!(news.iter().any(|n| matches!(n, LiveNews::Renamed { to, .. } if to == "other0")), "{news:?}");
    });
}

#[test]
fn a_name_that_is_no_interface_is_an_error_that_lists_those_there_are() {
    in_namespace("reading::a_name_that_is_no_interface_is_an_error_that_lists_those_there_are", || {
        cable("span0", "feed0");
        let open = |names: &[&str]| Live::open(LiveOptions::new(names.iter().map(|n| (*n).into()).collect()), Arc::default());
        let said = |names: &[&str]| open(names).err().map(|e| e.to_string()).unwrap_or_default();
        assert_eq!(said(&["eth9"]), "there is no interface eth9; there are: feed0, span0");
        assert_eq!(said(&[]), "no interface is given; there are: feed0, span0");
        assert_eq!(said(&["span0", "span0"]), "the interface span0 is given twice");
        assert!(said(&["../lo"]).starts_with("there is no interface"));
        let bad = LiveOptions { filter: Some("icpm".into()), ..LiveOptions::new(vec!["span0".into()]) };
        assert!(matches!(Live::open(bad, Arc::default()), Err(LiveError::Filter(_))));
        // One that is not there yet beside one that is: the sensor begins.
        assert!(open(&["span0", "eth9"]).is_ok());
        // One that is switched off: the sensor begins.
        ip("link set span0 down");
        assert!(open(&["span0"]).is_ok());
    });
}

#[test]
fn a_filter_means_what_it_means_in_a_replay() {
    in_namespace("reading::a_filter_means_what_it_means_in_a_replay", || {
        cable("span0", "feed0");
        let mut feed = Feed::new("feed0");
        let frames: Vec<Vec<u8>> = (0..6).map(|n| numbered(n, [60, 1200][n as usize % 2], [None, Some(10), Some(20)][n as usize / 2])).collect();
        let all = [
            "udp",
            "not udp",
            "vlan",
            "not vlan",
            "vlan 10",
            "not vlan 10",
            "vlan 20 and udp",
            "greater 1000",
            "not (vlan 10 and greater 1000)",
            "udp or vlan 10",
        ];
        for text in all {
            let reader = Reader::begin(LiveOptions { filter: Some(text.into()), ..LiveOptions::new(vec!["span0".into()]) });
            frames.iter().for_each(|f| feed.send(f));
            nap(120);
            let r = reader.end();
            let filter = spanward::capture::Filter::new(text).unwrap();
            let want: Vec<&Vec<u8>> = frames.iter().filter(|f| filter.admits(0, f, f.len() as u32)).collect();
            assert_eq!(r.frames.iter().map(|f| &f.3).collect::<Vec<_>>(), want, "{text}");
        }
    });
}
