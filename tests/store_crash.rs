//! What was told is on the disk, whatever ends the sensor: a child keeps findings and says the id of each when it is committed; it is killed in the
//! middle of that, again and again, and every id that it said must be in the store.

use spanward::assets::Assets;
use spanward::base::{Addr, Lang, Mac, Severity, Span, Timestamp};
use spanward::detect::{Finding, Subject};
use spanward::engine::keeper::{Keeper, Told};
use spanward::event::{Coverage, Event, EventKind, Sighting};
use spanward::incident::{Admitted, Book};
use spanward::output::{BareWords, Run, Sink};
use spanward::site::Site;
use spanward::store::{self, Keep, Reader, Store};
use spanward::wire::Vlans;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

const DIR: &str = "SPANWARD_CRASH_DIR";

struct Moment<'a> {
    site: &'a Site,
    assets: &'a Assets,
    coverage: &'a Coverage,
    ts: Timestamp,
}

impl<'a> Moment<'a> {
    fn run(&self, book: &'a Book) -> Run<'a> {
        let (site, assets, coverage) = (self.site, self.assets, self.coverage);
        Run { site, assets, book, coverage, flows: 0, first_ts: None, last_ts: Some(self.ts), weirds: &[], lang: Lang::En }
    }
}

/// The child: finds and keeps until it is killed, or until its standard input ends.
#[test]
#[ignore = "started by the test below, as a child"]
fn child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let opened = Store::open(&Path::new(&dir).join(store::FILE)).unwrap();
    assert_eq!(opened.moved, None, "damaged");
    let before = opened.store.load().unwrap();
    let site = Arc::new(Site::default());
    let mut assets = Assets::new(site.clone());
    assets.restore(before.memory);
    let mut book = Book::restore(before.pages);
    let tell = Box::new(|t: Told| {
        if let Told::Finding { kept, saved: true, .. } = t {
            let mut out = std::io::stdout().lock();
            writeln!(out, "saved {} {}", kept.id, kept.rev).unwrap();
            out.flush().unwrap();
        }
    });
    let mut keeper = Keeper::start(opened.store, Keep::default(), Arc::new(BareWords), Lang::En, tell);
    let coverage = Coverage::default();
    let first = book.numbers().0;
    for n in first.. {
        let ts = Timestamp::new(1_795_000_000 + n, 0);
        let (mac, addr) = (Mac::from_u64(0x0000_0e00_0000 + n % 3_000), Addr::v4(0x0a00_0001 + (n % 3_000) as u32));
        let seen = Sighting { mac, to: Mac::BROADCAST, vlan: Vlans::default(), addr: Some(addr), ttl: 64, forwarded: false, iface: 0 };
        assets.update(&Event { ts, packet: n, kind: EventKind::Sighting(seen) });
        // Every third is a revision of an earlier story.
        let story = if n % 3 == 0 { n / 2 } else { n };
        let mut f = Finding::new("scan", story.to_string(), ts, Severity::High, Subject::both(addr, mac));
        f.set("padding", "x".repeat((n % 900) as usize));
        let admitted = book.admit(f, &site, &assets, &coverage);
        let (Admitted::New(at) | Admitted::Revised(at) | Admitted::Same(at)) = admitted;
        let kept = book.findings()[at].clone();
        let now = Moment { site: &site, assets: &assets, coverage: &coverage, ts };
        keeper.finding(&kept, &now.run(&book));
        if n % 7 == 0 {
            book.settle(&site, &assets);
            keeper.tick(ts + Span::secs(n), &now.run(&book));
        }
        std::thread::sleep(Duration::from_micros(300));
    }
}

/// Starts a child, lets it live so long after its first word, kills it, and returns what it said.
fn live_and_die(dir: &Path, so_long: Duration) -> BTreeMap<String, u32> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(DIR, dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let (heard, lines) = mpsc::channel();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let mut line = String::new();
        // A line that was cut by the end was not said.
        while out.read_line(&mut line).is_ok() && line.ends_with('\n') {
            if let Some((id, rev)) = line.trim_end().strip_prefix("saved ").and_then(|l| l.split_once(' ')) {
                let _ = heard.send((id.to_owned(), rev.parse::<u32>().unwrap()));
            }
            line.clear();
        }
    });
    let first = lines.recv_timeout(Duration::from_secs(60)).expect("the child says something");
    std::thread::sleep(so_long);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert!(!status.success(), "it did not end by itself");
    reader.join().unwrap();
    let mut said = BTreeMap::new();
    for (id, rev) in std::iter::once(first).chain(lines.try_iter()) {
        let known: &mut u32 = said.entry(id).or_default();
        *known = rev.max(*known);
    }
    said
}

#[test]
fn nothing_that_was_told_is_lost_when_the_sensor_is_killed_sixty_times() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join(store::FILE);
    let mut all: BTreeMap<String, u32> = BTreeMap::new();
    let mut seed = 0x5eed_u64;
    for round in 0..60 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        for (id, rev) in live_and_die(dir.path(), Duration::from_micros(seed >> 46)) {
            let known = all.entry(id).or_default();
            *known = rev.max(*known);
        }
        store::check(&db).unwrap_or_else(|e| panic!("round {round}: {e}"));
        let there: BTreeMap<String, u32> = Reader::open(&db).unwrap().revisions().unwrap().into_iter().collect();
        for (id, rev) in &all {
            assert!(there.get(id).is_some_and(|r| r >= rev), "round {round}: {id} rev {rev} was told and is not there: {:?}", there.get(id));
        }
    }
    println!("60 kills, {} findings told, all of them in the store", all.len());
    assert!(all.len() > 300, "only {} findings were told: does the child still work under load?", all.len());
}
