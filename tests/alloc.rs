//! A packet of a flow that is known and that no protocol reader wants costs no allocation: counted by an allocator that counts.

use spanward::capture::{Replay, ReplayOptions};
use spanward::detect::Signatures;
use spanward::engine::{Options, replay};
use spanward::site::Site;
use std::alloc::{GlobalAlloc, Layout, System};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

struct Counting;

static CALLS: AtomicU64 = AtomicU64::new(0);

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        CALLS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Flows that go on side by side.
const FLOWS: u32 = 500;
/// Nanoseconds from one packet to the next: the captures lie within one second, because at a second's end detectors look at what they know.
const STEP: u64 = 2_000;

fn ipv4(frame: &mut Vec<u8>, n: u32, proto: u8, (src, dst): (u32, u32), transport: &[u8]) {
    frame.extend([2, 0, 0, 0, 1, (dst & 0xff) as u8, 2, 0, 0, 0, 0, (src & 0xff) as u8, 8, 0, 0x45, 0]);
    frame.extend((20 + transport.len() as u16).to_be_bytes());
    // Another identification for each: a packet like the one before it would be its copy.
    frame.extend((n as u16).to_be_bytes());
    frame.extend([0, 0, 64, proto, 0, 0]);
    frame.extend(src.to_be_bytes());
    frame.extend(dst.to_be_bytes());
    frame.extend(transport);
}

/// Packet `n` of flows between pairs of hosts, TCP and UDP in turn, of a protocol that nobody knows.
fn plain(n: u32) -> Vec<u8> {
    let (flow, turn) = (n % FLOWS, n / FLOWS);
    let (src, dst) = (0x0a00_0100 + flow % 50, 0x0a00_0200 + flow % 70);
    let (a, b, sport, dport) = if turn.is_multiple_of(2) { (src, dst, 20_000 + flow, 30_000u32) } else { (dst, src, 30_000, 20_000 + flow) };
    let ports = [(sport as u16).to_be_bytes(), (dport as u16).to_be_bytes()].concat();
    let payload = [0xa5; 100];
    let mut frame = Vec::new();
    if flow.is_multiple_of(2) {
        let seq = (turn / 2) * 100 + 1;
        let tcp = [&ports[..], &seq.to_be_bytes(), &1u32.to_be_bytes(), &[0x50, 0x10, 1, 0, 0, 0, 0, 0], &payload].concat();
        ipv4(&mut frame, n, 6, (a, b), &tcp);
    } else {
        ipv4(&mut frame, n, 17, (a, b), &[&ports[..], &108u16.to_be_bytes(), &[0, 0], &payload].concat());
    }
    frame
}

/// Packet `n` of a client that asks for another name each time: an event with texts for each.
fn question(n: u32) -> Vec<u8> {
    let name = format!("h{n:07}");
    let mut dns = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, name.len() as u8];
    dns.extend(name.as_bytes());
    dns.extend(b"\x07example\x00\x00\x01\x00\x01");
    let mut udp = [40_000u16.to_be_bytes(), 53u16.to_be_bytes(), (8 + dns.len() as u16).to_be_bytes(), [0, 0]].concat();
    udp.extend(dns);
    let mut frame = Vec::new();
    ipv4(&mut frame, n, 17, (0x0a00_0101, 0x0a00_0202), &udp);
    frame
}

fn capture(dir: &tempfile::TempDir, name: &str, packets: u32, frame: impl Fn(u32) -> Vec<u8>) -> PathBuf {
    let mut file = [0xa1b2_3c4du32.to_le_bytes(), 0x0004_0002u32.to_le_bytes(), [0; 4], [0; 4], 65_535u32.to_le_bytes(), 1u32.to_le_bytes()].concat();
    for n in 0..packets {
        let (ts, frame) = (u64::from(n) * STEP, frame(n));
        let len = (frame.len() as u32).to_le_bytes();
        let (secs, nanos) = (1_700_000_000 + (ts / 1_000_000_000) as u32, (ts % 1_000_000_000) as u32);
        file.extend([secs.to_le_bytes(), nanos.to_le_bytes(), len, len].concat());
        file.extend(frame);
    }
    let path = dir.path().join(name);
    std::fs::write(&path, file).unwrap();
    path
}

/// Allocations of a whole replay.
fn count(path: PathBuf, packets: u32) -> u64 {
    let source = Replay::open(&[path], ReplayOptions::default()).unwrap();
    let options = Options::new(Arc::new(Site::default()), Arc::new(Signatures::embedded().unwrap()));
    let before = CALLS.load(Ordering::Relaxed);
    let outcome = replay(source, &options, Vec::new(), &mut |_| {}).unwrap();
    let calls = CALLS.load(Ordering::Relaxed) - before;
    assert_eq!((outcome.failure, outcome.coverage.packets), (None, u64::from(packets)));
    calls
}

#[test]
fn a_packet_of_a_known_flow_costs_no_allocation() {
    let dir = tempfile::tempdir().unwrap();
    let of = |frame: fn(u32) -> Vec<u8>| {
        let [short, long] = [20_000, 120_000].map(|n| count(capture(&dir, &n.to_string(), n, frame), n));
        long.saturating_sub(short) as f64 / 100_000.0
    };
    let (plain, question) = (of(plain), of(question));
    println!("allocations a packet: {plain} of plain flows, {question} of questions");
    // What is left belongs to ticks.
    assert!(plain < 0.001, "{plain} allocations a packet");
    // The count counts: an event with a text costs some.
    assert!(question > 1.0, "{question} allocations a question");
}
