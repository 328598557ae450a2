//! Nothing is told as saved that is not on the disk; nothing waits for the disk; nothing grows without end while the disk refuses.
#![allow(clippy::disallowed_methods, reason = "these tests wait for a disk, and measure it")]

use super::*;
use crate::assets::{Assets, Status};
use crate::base::{Lang, Severity};
use crate::detect::testing::{a, arp, at, finding_of};
use crate::engine::orders::{self, By, Order};
use crate::event::Coverage;
use crate::incident::{Admitted, Book, Fits, Mute};
use crate::output::BareWords;
use crate::site::Site;
use crate::store::{FILE, Reader};
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

/// A sensor without packets.
struct Sensor {
    site: Arc<Site>,
    assets: Assets,
    book: Book,
    keeper: Keeper,
    told: Arc<Mutex<Vec<Told>>>,
    dir: PathBuf,
    coverage: Coverage,
}

fn run<'a>(site: &'a Site, assets: &'a Assets, book: &'a Book, coverage: &'a Coverage) -> Run<'a> {
    Run { site, assets, book, coverage, flows: 0, first_ts: Some(at(0.0)), last_ts: Some(at(900.0)), weirds: &[], lang: Lang::En }
}

impl Sensor {
    fn new(dir: &std::path::Path) -> Sensor {
        let site = Arc::new(crate::detect::testing::hospital());
        let (told, path) = (Arc::new(Mutex::new(Vec::new())), dir.join(FILE));
        let (heard, db) = (told.clone(), path.clone());
        let tell = Box::new(move |t: Told| {
            // What is told as saved is there for whoever looks at this moment.
            if let Told::Finding { kept, saved: true, .. } = &t {
                let there = Reader::open(&db).unwrap().revisions().unwrap();
                assert!(there.contains(&(kept.id.clone(), kept.rev)), "{}", kept.id);
            }
            heard.lock().unwrap().push(t);
        });
        let store = Store::open(&path).unwrap().store;
        let before = store.load().unwrap();
        let mut assets = Assets::new(site.clone());
        assets.restore(before.memory);
        let keeper = Keeper::start(store, Keep::default(), Arc::new(BareWords), Lang::En, tell);
        Sensor { assets, book: Book::restore(before.pages), site, keeper, told, dir: dir.to_owned(), coverage: Coverage::default() }
    }
    fn find(&mut self, detector: &'static str, secs: f64, orig: &str, severity: Severity) {
        let f = finding_of(detector, secs, orig, severity);
        if let Admitted::New(n) | Admitted::Revised(n) = self.book.admit(f, &self.site, &self.assets, &self.coverage) {
            let kept = self.book.findings()[n].clone();
            self.keeper.finding(&kept, &run(&self.site, &self.assets, &self.book, &self.coverage));
        }
    }
    fn tick(&mut self, secs: f64) {
        self.book.settle(&self.site, &self.assets);
        self.keeper.tick(at(secs), &run(&self.site, &self.assets, &self.book, &self.coverage));
    }
    fn finish(mut self) -> Result<Vec<Told>, SinkError> {
        self.book.settle(&self.site, &self.assets);
        self.keeper.finish(&run(&self.site, &self.assets, &self.book, &self.coverage))?;
        Ok(std::mem::take(&mut *self.told.lock().unwrap()))
    }
    /// Waits until something was told.
    fn until(&self, what: &str, is: impl Fn(&Told) -> bool) {
        let began = Instant::now();
        while !self.told.lock().unwrap().iter().any(&is) {
            assert!(began.elapsed() < Duration::from_secs(20), "{what} was never told: {:?}", self.told.lock().unwrap());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    /// Another connection that makes the store refuse findings, as a full disk would, until it is told otherwise.
    fn refuse(&self, on: bool) {
        let c = rusqlite::Connection::open(self.dir.join(FILE)).unwrap();
        c.busy_timeout(Duration::from_secs(5)).unwrap();
        let trigger = "CREATE TRIGGER full BEFORE INSERT ON findings BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END";
        c.execute_batch(if on { trigger } else { "DROP TRIGGER full" }).unwrap();
    }
}

fn findings(told: &[Told]) -> Vec<(String, u32, bool)> {
    let one = |t: &Told| match t {
        Told::Finding { kept, saved, .. } => Some((kept.id.clone(), kept.rev, *saved)),
        _ => None,
    };
    told.iter().filter_map(one).collect()
}

#[test]
fn a_finding_is_told_when_it_is_on_the_disk_and_an_incident_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut s = Sensor::new(dir.path());
    s.assets.update(&arp(at(0.0), 1, "10.10.10.77", "10.10.10.1"));
    s.find("scan", 1.0, "10.10.10.77", Severity::High);
    s.until("the finding", |t| matches!(t, Told::Finding { saved: true, .. }));
    let young = Reader::open(&dir.path().join(FILE)).unwrap().devices().unwrap();
    assert_eq!(young.len(), 1, "its device is kept with it, before any sweep");
    s.find("scan", 2.0, "10.10.10.77", Severity::High);
    s.tick(3.0);
    let told = s.finish().unwrap();
    assert_eq!(findings(&told).last().unwrap(), &("F000001".to_owned(), 2, true));
    assert!(told.iter().any(|t| matches!(t, Told::Incident { record, saved: true } if record.id == "I0001")));
    let r = Reader::open(&dir.path().join(FILE)).unwrap();
    assert_eq!((r.findings().unwrap().len(), r.incidents().unwrap().len()), (1, 1));
    let record: FindingRecord = serde_json::from_str(&r.findings().unwrap()[0]).unwrap();
    assert_eq!((record.id.as_str(), record.rev, record.incident.as_str()), ("F000001", 2, "I0001"));
    assert!(!Store::open(&dir.path().join(FILE)).unwrap().unclean, "it was closed in good order");
}

#[test]
fn what_the_disk_refuses_is_told_at_once_as_not_saved_and_kept_when_the_disk_takes_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut s = Sensor::new(dir.path());
    s.refuse(true);
    s.find("scan", 1.0, "10.10.10.77", Severity::High);
    s.until("the refusal", |t| matches!(t, Told::Refused(why) if why.contains("full")));
    s.until("the finding", |t| matches!(t, Told::Finding { saved: false, .. }));
    // What is found meanwhile is told without waiting for the disk.
    s.find("dcsync", 2.0, "10.10.10.78", Severity::Critical);
    s.find("scan", 3.0, "10.10.10.77", Severity::High);
    s.until("the second", |t| matches!(t, Told::Finding { kept, saved: false, .. } if kept.id == "F000002"));
    assert!(s.keeper.counts().refusing.load(Ordering::Relaxed));
    s.refuse(false);
    s.until("the recovery", |t| matches!(t, Told::Saved(ids) if ids.contains(&"F000001".to_owned()) && ids.contains(&"F000002".to_owned())));
    assert!(!s.keeper.counts().refusing.load(Ordering::Relaxed));
    let told = s.finish().unwrap();
    assert_eq!(told.iter().filter(|t| matches!(t, Told::Refused(_))).count(), 1, "one line, not one a second");
    let there = Reader::open(&dir.path().join(FILE)).unwrap().revisions().unwrap();
    assert_eq!(there, [("F000001".to_owned(), 2), ("F000002".to_owned(), 1)], "the newest revision");
}

#[test]
fn a_disk_that_never_takes_is_an_error_at_the_end_and_nothing_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut s = Sensor::new(dir.path());
    s.refuse(true);
    let began = Instant::now();
    for n in 0..600u32 {
        s.find("scan", f64::from(n), &format!("10.10.{}.{}", n / 250, n % 250 + 1), Severity::Medium);
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(s.keeper.portion.findings.len() <= 600);
    let e = s.finish().unwrap_err();
    // A box that is busy beside may be too late to hear it.
    assert!(e.to_string().contains("refused") || e.to_string().contains("in time"), "{e}");
}

#[test]
fn of_what_waits_the_newest_revision_counts_and_the_mildest_leaves_first() {
    let counts = Counts::default();
    let mut p = Portion::default();
    let book = |n: u64, rev: u32, severity| {
        let finding = finding_of("scan", 1.0, "10.0.0.1", severity);
        Kept { id: format!("F{n:06}"), rev, finding, orig_all: vec![], coverage: Coverage::default(), incident: String::new(), muted: 0 }
    };
    for (rev, tell) in [(1, true), (3, false), (2, true)] {
        p.finding(7, book(7, rev, Severity::High), tell, &counts);
    }
    assert_eq!((p.findings[&7].0.rev, p.findings[&7].1), (3, true));
    for n in 10..20_010 {
        p.finding(n, book(n, 1, if n == 30 { Severity::Low } else { Severity::Medium }), true, &counts);
    }
    assert_eq!((p.findings.len(), p.findings.contains_key(&7), p.findings.contains_key(&30)), (20_000, true, false));
    assert_eq!((counts.lost.load(Ordering::Relaxed), counts.superseded.load(Ordering::Relaxed)), (1, 1));
}

#[test]
fn incidents_that_become_one_are_one_in_the_store_and_their_findings_move_silently() {
    let dir = tempfile::tempdir().unwrap();
    let mut s = Sensor::new(dir.path());
    s.find("scan", 1.0, "10.10.10.77", Severity::High);
    s.find("scan", 1.0, "10.10.10.78", Severity::High);
    s.tick(2.0);
    s.until("two incidents", |t| matches!(t, Told::Incident { record, .. } if record.id == "I0002"));
    let mut path = finding_of("spread-path", 3.0, "10.10.10.77", Severity::High);
    path.set(
        "path",
        vec![crate::detect::hop(at(3.0), a("10.10.10.77"), a("10.10.10.78"), crate::base::Service::Rdp, None, crate::base::Outcome::Succeeded)],
    );
    let Admitted::New(n) = s.book.admit(path, &s.site, &s.assets, &s.coverage) else { panic!() };
    let kept = s.book.findings()[n].clone();
    s.keeper.finding(&kept, &run(&s.site, &s.assets, &s.book, &s.coverage));
    s.tick(4.0);
    let told = s.finish().unwrap();
    assert!(told.iter().any(|t| matches!(t, Told::Merged { id, into } if id == "I0002" && into == "I0001")), "{told:?}");
    assert_eq!(findings(&told).len(), 3, "nothing is told twice");
    let r = Reader::open(&dir.path().join(FILE)).unwrap();
    let of = |t: &String| serde_json::from_str::<FindingRecord>(t).unwrap().incident;
    assert_eq!((r.incidents().unwrap().len(), r.findings().unwrap().iter().map(of).collect::<Vec<_>>()), (1, vec!["I0001".to_owned(); 3]));
}

#[test]
fn what_is_muted_is_kept_and_not_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut s = Sensor::new(dir.path());
    s.book.mutes.add(Mute { number: 1, fits: Fits { detector: Some("scan".into()), ..Fits::default() }, until: at(50.0) });
    s.find("scan", 1.0, "10.10.10.77", Severity::High);
    s.find("dcsync", 1.0, "10.10.10.78", Severity::High);
    let dir = s.dir.clone();
    let told = s.finish().unwrap();
    assert_eq!(findings(&told), [("F000002".to_owned(), 1, true)]);
    let r = Reader::open(&dir.join(FILE)).unwrap();
    assert_eq!((r.findings().unwrap().len(), r.revisions().unwrap().len(), r.hidden().unwrap()), (1, 2, vec![(1, 1)]));
}

#[test]
fn a_deed_is_answered_when_it_is_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut s = Sensor::new(dir.path());
    let (desk, from) = orders::desk();
    let mut duty = orders::Duty::default();
    duty.listen(Some(from));
    let device = "mac-00:11:22:33:44:55".parse().unwrap();
    let order = Order::Decide { device, state: Some(Status::Authorised), until: None, why: "納品".into() };
    let answered = desk.ask(By { name: "tanaka".into(), uid: Some(7) }, order).unwrap();
    for (deed, mut reply) in duty.tick(at(5.0), &mut s.assets, &mut s.book) {
        s.keeper.deed(&deed, &mut reply, &run(&s.site, &s.assets, &s.book, &s.coverage));
    }
    let orders::Answer::Carried(carried) = answered.recv().unwrap() else { panic!() };
    assert_eq!(carried.recv_timeout(Duration::from_secs(10)), Ok(Carried { saved: true }));
    let r = Reader::open(&dir.path().join(FILE)).unwrap();
    assert_eq!((r.verdicts().unwrap()[0].why.as_str(), r.audit(9).unwrap()[0].uid), ("納品", Some(7)));
    drop(s);
}

#[test]
fn what_was_learned_is_written_as_it_changes_and_whole_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut s = Sensor::new(dir.path());
    let count = |what: &str| {
        let c = rusqlite::Connection::open(dir.path().join(FILE)).unwrap();
        c.query_row(&format!("SELECT {what}"), [], |r| r.get::<_, i64>(0)).unwrap()
    };
    s.assets.update(&arp(at(0.0), 1, "10.10.10.11", "10.10.10.1"));
    s.tick(1.0);
    s.assets.update(&arp(at(30.0), 1, "10.10.10.12", "10.10.10.1"));
    s.tick(30.0);
    let before = s.keeper.counts();
    let began = Instant::now();
    while count("count(*) FROM bindings") < 2 && began.elapsed() < Duration::from_secs(10) {
        // A tick comes every second; while one look is being written there is no other.
        s.tick(61.0);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!((count("count(*) FROM devices"), count("count(*) FROM bindings")), (2, 2));
    s.assets.update(&arp(at(100.0), 1, "10.10.10.11", "10.10.10.1"));
    s.tick(122.0);
    s.finish().unwrap();
    assert_eq!(count("max(last_seen) FROM seen"), at(100.0).0 as i64);
    assert_eq!(count("max(last) FROM bindings"), at(100.0).0 as i64, "the end is exact");
    assert_eq!(before.lost.load(Ordering::Relaxed), 0);
}

#[test]
fn a_slow_disk_makes_nobody_wait_and_the_newest_revision_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut s = Sensor::new(dir.path());
    // Another writer holds the file: every commit waits for it.
    let other = rusqlite::Connection::open(dir.path().join(FILE)).unwrap();
    other.busy_timeout(Duration::from_secs(5)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (began, mut longest) = (Instant::now(), Duration::ZERO);
    for n in 0..1_000u32 {
        let one = Instant::now();
        s.find("scan", f64::from(n), &format!("10.10.10.{}", n % 200 + 1), Severity::Medium);
        longest = longest.max(one.elapsed());
    }
    assert!(began.elapsed() < Duration::from_secs(4) && longest < Duration::from_millis(500), "{:?}, longest {longest:?}", began.elapsed());
    other.execute_batch("COMMIT").unwrap();
    let counts = s.keeper.counts();
    let told = s.finish().unwrap();
    assert!(counts.superseded.load(Ordering::Relaxed) > 500 && counts.lost.load(Ordering::Relaxed) == 0, "{counts:?}");
    assert!(findings(&told).iter().all(|(_, _, saved)| *saved));
    let there = Reader::open(&dir.path().join(FILE)).unwrap().revisions().unwrap();
    assert_eq!((there.len(), there.iter().all(|(_, rev)| *rev == 5)), (200, true));
}

/// How long the analyst is held up by a look at everything that 5,000 devices leave. Measured, not judged: `cargo test -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn how_long_a_sweep_takes() {
    use crate::assets::{Device, DeviceId, Edge, Joint, Memory, Use};
    use crate::base::{Addr, Mac, Service};
    let (dir, addr) = (tempfile::tempdir().unwrap(), |n: u32| Addr::v4(0x0a0a_0000 + n));
    let mut s = Sensor::new(dir.path());
    let mut m = Memory::default();
    for n in 0..5_000u32 {
        m.devices.push(Device::restored(DeviceId::Mac(Mac::from_u64(0x0e00_0000 + u64::from(n))), at(0.0), at(60.0), 1));
        let of = Use { service: Service::Smb, first_ts: at(0.0), last_ts: at(60.0), flows: 1 };
        m.uses.extend((0..25).map(|k| Joint { user: addr(n), host: addr(k), proto: 6, port: k as u16, of }));
        let edge = Edge { first_ts: at(0.0), last_ts: at(60.0), flows: 1, held_back: false };
        m.edges.extend((0..4).map(|k| (addr(n), addr(k), Service::Smb, edge)));
    }
    s.assets.restore(m);
    for (what, secs) in [("first", 61.0), ("a minute later", 122.0), ("an hour later", 3_700.0)] {
        let began = Instant::now();
        s.tick(secs);
        println!("{what}: {:?}", began.elapsed());
        std::thread::sleep(Duration::from_secs(4));
    }
    s.find("ransomware-smb", 3_701.0, "10.10.0.5", Severity::Critical);
    let began = Instant::now();
    s.tick(3_702.0);
    println!("with a new incident: {:?}", began.elapsed());
    let began = Instant::now();
    s.finish().unwrap();
    println!("all of it, written at the end: {:?}", began.elapsed());
}
