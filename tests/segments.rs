//! Through the whole engine: however a stream is cut into segments, whatever of it is sent twice, and in whatever order the segments of a window come,
//! the messages of SMB, DCE/RPC and RDP are the same.
mod craft;

use craft::net::{DAY, Host, MS, Net, S};
use craft::rng::Rng;
use craft::smb::{Logon, Smb};
use craft::{pcap, remote};
use proptest::prelude::*;
use spanward::capture::{Replay, ReplayOptions};
use spanward::detect::Signatures;
use spanward::engine::{Options, replay};
use spanward::event::{Event, EventKind};
use spanward::incident::Kept;
use spanward::output::{Run, Sink, SinkError};
use spanward::site::Site;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

type Frames = Vec<(u64, Vec<u8>)>;

fn host(n: u8) -> Host {
    Host { name: "HOST", mac: [0x00, 0x14, 0x22, 0x10, 0x01, n], ip: Ipv4Addr::new(10, 40, 20, 100 + n), vlan: 120, ttl: 128 }
}

/// Files on a share, and two remote desktops, within one VLAN: nothing is seen twice.
fn story() -> Frames {
    let (a, b, c) = (host(1), host(2), host(3));
    let mut net = Net::new(0x5e93_0001, &[a, b, c]);
    let who = Logon { domain: "HILL", user: "nurse3", workstation: "WARD-PC01" };
    let mut s = Smb::connect(&mut net, DAY, &a, &b);
    s.logon(&mut net, &who, 0).tree(&mut net, "IPC$", 0).tree(&mut net, "karte", 0);
    s.read(&mut net, "2026\\plan.xlsx", 40_000).write(&mut net, "2026\\note.txt", 9_000).read(&mut net, "a.txt", 300);
    s.close(&mut net);
    remote::desktop(&mut net, DAY + 2 * S, &a, &c, "acme-maint", 2);
    remote::desktop_refused(&mut net, DAY + 9 * S + 5 * MS, &a, &c, "acme-maint");
    net.capture()
}

/// Keeps what was read, by flow.
struct Messages(Arc<Mutex<Vec<String>>>);

impl Sink for Messages {
    fn event(&mut self, event: &Event, _: &Run<'_>) {
        if let EventKind::Message { flow, from_orig, message } = &event.kind {
            self.0.lock().unwrap().push(format!("{:?} {from_orig} {message:?}", flow.tuple));
        }
    }
    fn finding(&mut self, _: &Kept, _: &Run<'_>) {}
    fn finish(&mut self, _: &Run<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}

fn messages(frames: &Frames) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.pcap");
    std::fs::write(&path, pcap::file(frames)).unwrap();
    let source = Replay::open(&[path], ReplayOptions::default()).unwrap();
    let options = Options { workers: 1, ..Options::new(Arc::new(Site::default()), Arc::new(Signatures::embedded().unwrap())) };
    let all = Arc::new(Mutex::new(Vec::new()));
    replay(source, &options, vec![Box::new(Messages(all.clone()))], &mut |_| {}).unwrap();
    let mut all = std::mem::take(&mut *all.lock().unwrap());
    all.sort();
    all
}

/// The payload's place in a tagged TCP segment, if it has one.
fn payload(f: &[u8]) -> Option<(usize, usize)> {
    let (ip, tag) = (18, [0x81, 0x00]);
    if f.get(12..14)? != tag || f.get(16..18)? != [8, 0] || *f.get(ip + 9)? != 6 {
        return None;
    }
    let tcp = ip + usize::from(f.get(ip)? & 15) * 4;
    let at = tcp + usize::from(f.get(tcp + 12)? >> 4) * 4;
    let end = ip + usize::from(u16::from_be_bytes([*f.get(ip + 2)?, *f.get(ip + 3)?]));
    (end > at + 1 && end <= f.len()).then_some((at, end))
}

/// The part of a segment from `from` to `to` bytes of its payload, under a fresh IP id; the FIN goes with its end.
fn piece(f: &[u8], from: usize, to: usize, id: u16) -> Vec<u8> {
    let (at, end) = payload(f).unwrap();
    let mut out = [&f[..at], &f[at + from..at + to]].concat();
    let len = (out.len() - 18) as u16;
    out[20..22].copy_from_slice(&len.to_be_bytes());
    out[22..24].copy_from_slice(&id.to_be_bytes());
    let tcp = 18 + usize::from(f[18] & 15) * 4;
    let seq = u32::from_be_bytes(f[tcp + 4..tcp + 8].try_into().unwrap()).wrapping_add(from as u32);
    out[tcp + 4..tcp + 8].copy_from_slice(&seq.to_be_bytes());
    if at + to < end {
        out[tcp + 13] &= !1;
    }
    out
}

/// Each segment in one to four parts, some of them twice, in any order.
fn torn(frames: &Frames, seed: u64) -> Frames {
    let (mut rng, mut id, mut out) = (Rng::new(seed), 1u16, Vec::new());
    for (ts, f) in frames {
        let Some((at, end)) = payload(f) else {
            out.push((*ts, f.clone()));
            continue;
        };
        let mut cuts: Vec<usize> = (0..rng.range(0, 3)).map(|_| rng.range(1, (end - at - 1) as u64) as usize).collect();
        cuts.extend([0, end - at]);
        cuts.sort_unstable();
        cuts.dedup();
        let mut parts: Vec<Vec<u8>> = Vec::new();
        for w in cuts.windows(2) {
            for _ in 0..1 + rng.range(0, 4) / 4 {
                id = id.wrapping_add(1);
                parts.push(piece(f, w[0], w[1], id));
            }
        }
        // The last segment stays last: behind the end of a stream nothing is expected.
        let fin = f[18 + usize::from(f[18] & 15) * 4 + 13] & 1 != 0;
        for i in (1..parts.len()).rev().filter(|_| !fin) {
            parts.swap(i, rng.range(0, i as u64) as usize);
        }
        out.extend(parts.into_iter().map(|p| (*ts, p)));
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_cut_any_copy_any_order_gives_the_same_messages(seed in any::<u64>()) {
        let frames = story();
        let whole = messages(&frames);
        prop_assert!(whole.iter().filter(|m| m.contains("SmbWork")).count() >= 3 && whole.iter().any(|m| m.contains("Logon { accepted: true }")), "{:?}", whole);
        let torn = messages(&torn(&frames, seed));
        prop_assert_eq!(whole, torn);
    }
}
