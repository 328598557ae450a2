//! The store on a real disk: one that is full and becomes free again, and how large it grows in 90 days of 5,000 devices.
#![allow(clippy::disallowed_methods, reason = "these tests wait for a disk, and measure it")]

use spanward::assets::{Assets, Binding, Device, DeviceId, Edge, Hold, How, Joint, Memory, Use};
use spanward::base::{Addr, Lang, Mac, Service, Severity, Span, Timestamp};
use spanward::bounded::DistinctCounter;
use spanward::detect::{Finding, Subject};
use spanward::engine::keeper::{Keeper, Told};
use spanward::event::Coverage;
use spanward::incident::{Admitted, Book};
use spanward::output::{BareWords, Run, Sink};
use spanward::site::Site;
use spanward::store::{self, Batch, FILE, FindingRow, Keep, Reader, Store};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, atomic::Ordering};
use std::time::{Duration, Instant};

const DAY: Span = Span::hours(24);

/// A file system of its own in memory, of so many bytes; taken away again at the end.
struct Small {
    dir: tempfile::TempDir,
}

impl Small {
    fn mount(size: &str) -> Option<Small> {
        let dir = tempfile::tempdir().ok()?;
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(dir.path()).output().ok()?;
        done.status.success().then_some(Small { dir })
    }
    fn again(&self, how: &str) {
        let done = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(self.dir.path()).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.dir.path()).output();
    }
}

fn wait(told: &Receiver<Told>, what: &str, mut is: impl FnMut(&Told) -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while let Ok(t) = told.recv_timeout(end.saturating_duration_since(Instant::now())) {
        if is(&t) {
            return;
        }
    }
    panic!("{what} was never told");
}

#[test]
fn a_full_disk_stops_nothing_and_what_was_found_meanwhile_is_kept_when_there_is_room() {
    let Some(disk) = Small::mount("1m") else {
        println!("skipped: no file system can be mounted here (it takes the super-user)");
        return;
    };
    let (site, coverage) = (Arc::new(Site::default()), Coverage::default());
    let (assets, mut book) = (Assets::new(site.clone()), Book::default());
    let store = Store::open(&disk.dir.path().join(FILE)).unwrap().store;
    let (heard, told) = mpsc::channel();
    let tell = Box::new(move |t| heard.send(t).unwrap());
    let mut keeper = Keeper::start(store, Keep::default(), Arc::new(BareWords), Lang::En, tell);
    let counts = keeper.counts();
    let run = |book: &Book, keeper: &mut Keeper, at: Option<usize>| {
        let run =
            Run { site: &site, assets: &assets, book, coverage: &coverage, flows: 0, first_ts: None, last_ts: None, weirds: &[], lang: Lang::En };
        match at {
            Some(at) => keeper.finding(&book.findings()[at], &run),
            None => keeper.finish(&run).unwrap(),
        }
    };
    let find = |n: u64, keeper: &mut Keeper, book: &mut Book| {
        let mut f = Finding::new("scan", n.to_string(), Timestamp::new(1_795_000_000 + n, 0), Severity::High, Subject::mac(Mac::from_u64(n)));
        f.set("padding", "x".repeat(20_000));
        let Admitted::New(at) = book.admit(f, &site, &assets, &coverage) else { panic!() };
        run(book, keeper, Some(at));
    };
    let mut n = 0;
    while !counts.refusing.load(Ordering::Relaxed) {
        n += 1;
        assert!(n < 500, "the disk is never full");
        find(n, &mut keeper, &mut book);
        std::thread::sleep(Duration::from_millis(2));
    }
    wait(&told, "the refusal", |t| matches!(t, Told::Refused(why) if why.contains("full")));
    find(n + 1, &mut keeper, &mut book);
    wait(&told, "the finding", |t| matches!(t, Told::Finding { kept, saved: false, .. } if kept.id == format!("F{:06}", n + 1)));
    store::check(&disk.dir.path().join(FILE)).unwrap();
    disk.again("size=64m");
    wait(&told, "the recovery", |t| matches!(t, Told::Saved(ids) if ids.contains(&format!("F{:06}", n + 1))));
    run(&book, &mut keeper, None);
    store::check(&disk.dir.path().join(FILE)).unwrap();
    let there = Reader::open(&disk.dir.path().join(FILE)).unwrap().revisions().unwrap();
    assert_eq!(there.len() as u64, n + 1, "every one of them");
    println!("full after {n} findings; {} refusals; all {} kept when there was room", counts.refused.load(Ordering::Relaxed), there.len());
}

#[test]
fn a_disk_that_may_only_be_read_is_read_and_says_why_no_sensor_runs_on_it() {
    let Some(disk) = Small::mount("8m") else {
        println!("skipped: no file system can be mounted here (it takes the super-user)");
        return;
    };
    let path = disk.dir.path().join(FILE);
    let mut s = Store::open(&path).unwrap().store;
    s.commit(&Batch { findings: vec![finding(1, Timestamp::new(1_795_000_000, 0))], numbers: (1, 0), ..Batch::default() }).unwrap();
    s.close().unwrap();
    disk.again("ro");
    let e = Store::open(&path).unwrap_err().to_string();
    assert!(e.contains("cannot open") && e.contains("Read-only file system"), "{e}");
    assert_eq!(Reader::open(&path).unwrap().findings().unwrap().len(), 1);
    store::check(&path).unwrap();
}

fn addr(n: u32) -> Addr {
    Addr::v4(0x0a0a_0000 + n)
}

/// What 5,000 devices leave in 90 days: 30 addresses of the past for every second one, 25 services used and 4 remote administrations each.
fn ninety_days(first: Timestamp) -> Memory {
    let mut m = Memory { since: Some(first), ..Memory::default() };
    for n in 0..5_000u32 {
        let mac = Mac::from_u64(0x0000_0e00_0000 + u64::from(n));
        let mut d = Device::restored(DeviceId::Mac(mac), first, first + Span(DAY.0 * 90), u64::from(n));
        (d.addrs, d.names, d.zone) = (vec![addr(n)], vec![format!("WARD-PC{n:04}"), format!("ward-pc{n:04}.hosp.example")], "clinical".into());
        m.devices.push(d);
        for lease in 0..if n % 2 == 0 { 30u64 } else { 1 } {
            let since = first + Span(DAY.0 * 3 * lease);
            let holder = Hold { mac, how: How::Lease, since, last: since + DAY, vlan: Some(110), ttl: 128 };
            m.bindings.push((addr(n + 5_000 * (lease as u32 % 3)), Binding { holder, rival: None }));
        }
        let of = Use { service: Service::Smb, first_ts: first, last_ts: first + DAY, flows: 1_234 };
        let of_it = |k: u32| Joint { user: addr(n), host: addr(k * 7 % 300), proto: 6, port: 400 + k as u16, of };
        m.uses.extend((0..25).map(of_it));
        let edge = Edge { first_ts: first, last_ts: first + DAY, flows: 99, held_back: false };
        m.edges.extend((0..4).map(|k| (addr(n), addr(k * 11), Service::Smb, edge)));
        m.offers.extend((0..3u16).map(|k| ((addr(n), 6, 135 + k), first)));
        m.users.push(((addr(n), Service::Smb), DistinctCounter::default()));
        m.places.extend((0..3).map(|k| (format!("hosp\\user{:04}", n + k), addr(k * 13), first)));
    }
    m
}

fn finding(n: u64, ts: Timestamp) -> FindingRow {
    let mut finding = Finding::new("scan", n.to_string(), ts, Severity::Medium, Subject::addr(addr(n as u32)));
    finding.resp = (0..20).map(addr).collect();
    finding.set("hosts", (0..20).map(|k| addr(k).to_string()).collect::<Vec<_>>());
    let kept = spanward::incident::Kept {
        id: format!("F{n:06}"),
        rev: 1,
        finding,
        orig_all: vec![],
        coverage: Coverage::default(),
        incident: String::new(),
        muted: 0,
    };
    let record = spanward::output::record::FindingRecord::new(&kept, &BareWords, Lang::En);
    FindingRow { kept, record: serde_json::to_string(&record).unwrap() }
}

fn size(path: &Path) -> f64 {
    std::fs::metadata(path).unwrap().len() as f64 / 1e6
}

#[test]
fn ninety_days_of_five_thousand_devices_take_less_than_fifty_megabytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    let mut store = Store::open(&path).unwrap().store;
    let first = Timestamp::new(1_795_000_000, 0);
    let memory = ninety_days(first);
    let rows = memory.devices.len() + memory.bindings.len() + memory.uses.len() + memory.edges.len() + memory.offers.len() + memory.places.len();
    let began = Instant::now();
    store.commit(&Batch { learned: memory.clone(), now: first, ..Batch::default() }).unwrap();
    let written = began.elapsed();
    for day in 0..90u64 {
        let now = first + Span(DAY.0 * day);
        let findings = (0..20).map(|n| finding(day * 20 + n + 1, now)).collect();
        store.commit(&Batch { findings, numbers: (day * 20 + 20, 0), now, ..Batch::default() }).unwrap();
        store.prune(now, &Keep::default()).unwrap();
    }
    let began = Instant::now();
    let seen = memory.devices.iter().map(|d| (d.id, d.last_seen)).collect();
    store.commit(&Batch { seen, ..Batch::default() }).unwrap();
    let minute = began.elapsed();
    drop(store);
    let began = Instant::now();
    let opened = Store::open(&path).unwrap();
    assert!(opened.unclean && opened.moved.is_none());
    let checked = began.elapsed();
    let began = Instant::now();
    let loaded = opened.store.load().unwrap();
    let read = began.elapsed();
    assert_eq!((loaded.memory.devices.len(), loaded.memory.uses.len(), loaded.skipped), (5_000, 125_000, 0));
    opened.store.close().unwrap();
    println!(
        "{rows} rows and 1,800 findings: {:.1} MB; written in {written:?}, a minute's last sights in {minute:?}, checked in {checked:?}, read in {read:?}",
        size(&path)
    );
    assert!(size(&path) < 50.0, "{} MB", size(&path));
}
