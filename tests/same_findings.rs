//! One recorded story, however the mirror shows it: as it is, in an ERSPAN II tunnel, double-tagged, and with every frame doubled.
//! (`captures.rs` asks the same of the captures we make.)
mod frames;
#[path = "craft/pcap.rs"]
mod pcap;

use spanward::capture::{Replay, ReplayOptions};
use spanward::detect::Signatures;
use spanward::engine::{Options, replay};
use spanward::site::Site;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Nanoseconds since 1970 and bytes.
type Record = (u64, Vec<u8>);

fn read(path: &Path) -> Vec<Record> {
    let mut out = Vec::new();
    frames::each_frame(path, |f| out.push((f.ns, f.bytes.to_vec())));
    assert!(!out.is_empty(), "{}", path.display());
    out
}

/// ERSPAN type II (draft-foschiano-erspan): outer Ethernet, IPv4, GRE with a sequence number, the 8-byte header, the mirrored frame.
fn in_erspan(records: &[Record]) -> Vec<Record> {
    let wrap = |(n, r): (usize, &Record)| {
        let mut b = vec![0, 0x50, 0x56, 9, 9, 9, 0, 0, 0x0c, 7, 7, 7, 8, 0];
        let total = (20 + 8 + 8 + r.1.len()) as u16;
        b.extend([0x45, 0]);
        b.extend(total.to_be_bytes());
        b.extend([0, n as u8, 0, 0, 255, 47, 0, 0, 10, 99, 0, 1, 10, 99, 0, 2]);
        b.extend([0x10, 0, 0x88, 0xbe]);
        b.extend((n as u32).to_be_bytes());
        b.extend([0x10, 10, 0, 1, 0, 0, 0, 1]);
        b.extend(&r.1);
        (r.0, b)
    };
    records.iter().enumerate().map(wrap).collect()
}

fn double_tagged(records: &[Record]) -> Vec<Record> {
    let tag = |r: &Record| {
        let mut b = r.1[..12].to_vec();
        b.extend([0x88, 0xa8, 0x0f, 0xa0]);
        b.extend(&r.1[12..]);
        (r.0, b)
    };
    records.iter().map(tag).collect()
}

fn doubled(records: &[Record]) -> Vec<Record> {
    records.iter().flat_map(|r| [r.clone(), r.clone()]).collect()
}

/// What was found, without what must differ (packet numbers, byte and packet counts): detector, story, severity, outcome, whom, responders, count, VLAN
/// of the host, and the incident it belongs to.
fn findings(capture: Vec<u8>, site: &Path) -> Vec<String> {
    let source = Replay::from_bytes(capture, ReplayOptions::default()).unwrap();
    let options = Options::new(Arc::new(Site::load(site).unwrap()), Arc::new(Signatures::embedded().unwrap()));
    let outcome = replay(source, &options, Vec::new(), &mut |_| {}).unwrap();
    assert_eq!(outcome.failure, None);
    let mut all: Vec<String> = outcome
        .book
        .findings()
        .iter()
        .map(|k| {
            let f = &k.finding;
            let mut resp = f.resp.clone();
            resp.sort();
            format!("{} {} {} {} {} {resp:?} {} {:?} {}", f.detector, f.story, f.severity, f.outcome, f.orig.word(), f.count, k.orig_all, k.incident)
        })
        .collect();
    all.sort();
    let incidents = outcome.book.incidents().iter().map(|i| {
        let path: Vec<String> = i.path.iter().map(|h| format!("{}>{} {}", h.from, h.to, h.via)).collect();
        format!("incident {} {} {:?} {} {:?} {path:?}", i.id, i.severity, i.stage, i.patient_zero, i.hosts)
    });
    all.extend(incidents);
    all
}

fn check(capture: &Path, site: &Path) {
    let records = read(capture);
    let plain = findings(pcap::file(&records), site);
    assert!(!plain.is_empty(), "{}: no findings at all", capture.display());
    for (name, records) in [("ERSPAN II", in_erspan(&records)), ("double-tagged", double_tagged(&records)), ("doubled", doubled(&records))] {
        let got = findings(pcap::file(&records), site);
        assert_eq!(got, plain, "{}: {name} against plain", capture.display());
    }
}

#[test]
fn the_beds_incident_is_found_however_it_is_mirrored() {
    let shared =
        std::env::var_os("SPANWARD_SHARED").map(PathBuf::from).unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")));
    if !shared.is_dir() {
        return println!("skipped: no shared captures here");
    }
    check(&shared.join("bed/captures/incident.pcap"), &shared.join("bed/site.toml"));
}
