//! What a store promises: whole commits, what comes back is what went in, and a refusal of everything that is none of ours.

use super::*;
use crate::assets::{Binding, Device, DeviceId, Edge, Hold, How, Joint, Memory, Status, Use};
use crate::base::{Addr, Mac, Service, Severity, Span, Timestamp};
use crate::bounded::DistinctCounter;
use crate::detect::{Finding, Subject};
use crate::event::Coverage;
use crate::incident::{Fits, Kept, Story};
use std::path::{Path, PathBuf};

pub(super) fn at(secs: u64) -> Timestamp {
    Timestamp::new(1_795_292_000 + secs, 0)
}

fn addr(n: u32) -> Addr {
    Addr::v4(0x0a0a_0000 + n)
}

pub(super) fn kept(n: u64, rev: u32, secs: u64) -> Kept {
    let mut finding = Finding::new("scan", format!("story {n}"), at(secs), Severity::High, Subject::addr(addr(n as u32)));
    finding.set("names", vec!["'; DROP TABLE findings; --", "\u{202e}\u{0}\"\\", "患者 端末"]);
    Kept { id: format!("F{n:06}"), rev, finding, orig_all: vec![], coverage: Coverage::default(), incident: "I0001".into(), muted: 0 }
}

fn row(n: u64, rev: u32, secs: u64) -> FindingRow {
    let k = kept(n, rev, secs);
    let record = serde_json::json!({ "id": k.id, "rev": rev, "summary": "a sentence; 'quoted'" }).to_string();
    FindingRow { kept: k, record }
}

fn story(n: u64, rev: u32, secs: u64) -> IncidentRow {
    let text = format!(
        r#"{{"incident":{{"id":"I{n:04}","rev":{rev},"opened":"{0}","last_ts":"{0}","severity":"high","stage":"spread","patient_zero":"10.10.0.1",
        "origin":"local","clues":[{{"Nobody":5}}],"stages":{{"spread":"{0}"}},"accounts":[],"hosts":[],"path":[],"findings":["F000001"],"files_lost":0}},
        "links":{{"members":[1],"own":["10.10.0.1"],"entered":[],"first":"{0}","last":"{0}"}}}}"#,
        at(secs)
    );
    let story: Story = serde_json::from_str(&text).unwrap();
    IncidentRow { story, record: format!("{{\"id\":\"I{n:04}\",\"rev\":{rev}}}") }
}

fn device(n: u32, seen: u64) -> Device {
    let mut d = Device::restored(DeviceId::Mac(Mac::from_u64(0x0000_0e00_0000 + u64::from(n))), at(0), at(seen), u64::from(n));
    (d.addrs, d.names, d.zone) = (vec![addr(n)], vec![format!("PC-{n}"), "x\u{1b}[31m'--".into()], "ward".into());
    d
}

fn learned(n: u32, secs: u64) -> Memory {
    let mac = Mac::from_u64(u64::from(n));
    let hold = Hold { mac, how: How::Lease, since: at(0), last: at(secs), vlan: Some(10), ttl: 64 };
    let rival = Hold { mac: Mac::from_u64(99), how: How::Frame, ..hold };
    let mut users = DistinctCounter::default();
    users.add(7);
    let of = Use { service: Service::Unknown, first_ts: at(0), last_ts: at(secs), flows: 3 };
    Memory {
        devices: vec![device(n, secs)],
        bindings: vec![(addr(n), Binding { holder: hold, rival: Some(rival).filter(|_| n.is_multiple_of(2)) })],
        edges: vec![(addr(n), addr(1), Service::Smb, Edge { first_ts: at(0), last_ts: at(secs), flows: 5, held_back: n.is_multiple_of(2) })],
        offers: vec![((addr(n), 6, 445), at(1))],
        users: vec![((addr(n), Service::Smb), users)],
        uses: vec![Joint { user: addr(n), host: addr(1), proto: 6, port: 445, of }],
        places: vec![("hosp\\x".into(), addr(n), at(secs))],
        since: Some(at(0)),
    }
}

pub(super) fn open(path: &Path) -> Store {
    let o = Store::open(path).unwrap();
    assert_eq!(o.moved, None);
    o.store
}

struct Folder {
    dir: tempfile::TempDir,
}

impl Folder {
    fn new() -> Folder {
        Folder { dir: tempfile::tempdir().unwrap() }
    }
    fn db(&self) -> PathBuf {
        self.dir.path().join(FILE)
    }
    fn filled(&self) -> Store {
        let mut s = open(&self.db());
        let batch =
            Batch { findings: vec![row(1, 1, 5), row(2, 1, 6)], incidents: vec![story(1, 1, 6)], numbers: (2, 1), now: at(6), ..Batch::default() };
        s.commit(&Batch { learned: learned(2, 6), ..batch }).unwrap();
        s
    }
}

fn deed(change: Change) -> Deed {
    let audit = Audit { ts: at(9), who: "tanaka".into(), uid: Some(1000), action: "decide".into(), target: "x".into(), detail: "'; --".into() };
    Deed { audit, change }
}

fn verdict(n: u64, state: Option<Status>, until: Option<Timestamp>) -> Verdict {
    Verdict { device: DeviceId::Mac(Mac::from_u64(n)), state, until, ts: at(9), who: "tanaka".into(), why: "納品機器".into() }
}

#[test]
fn what_went_in_comes_back() {
    let f = Folder::new();
    let mut s = f.filled();
    s.commit(&Batch { learned: learned(3, 9), now: at(9), ..Batch::default() }).unwrap();
    s.close().unwrap();
    let o = Store::open(&f.db()).unwrap();
    assert_eq!((o.unclean, o.version, o.moved), (false, VERSION, None));
    let l = o.store.load().unwrap();
    assert_eq!((l.skipped, l.pages.numbers), (0, (2, 1)));
    let mut findings = l.pages.findings.clone();
    findings.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(findings, [kept(1, 1, 5), kept(2, 1, 6)]);
    assert_eq!(l.pages.stories, [story(1, 1, 6).story]);
    for (n, secs) in [(2, 6), (3, 9)] {
        let want = learned(n, secs);
        assert!(l.memory.devices.contains(&want.devices[0]) && l.memory.bindings.contains(&want.bindings[0]), "{:#?}", l.memory);
        assert!(l.memory.edges.contains(&want.edges[0]) && l.memory.offers.contains(&want.offers[0]) && l.memory.users.contains(&want.users[0]));
        assert!(l.memory.uses.contains(&want.uses[0]) && l.memory.places.contains(&want.places[0]));
    }
    assert_eq!((l.memory.since, l.last_ts), (Some(at(0)), Some(at(9))));
}

#[test]
fn a_newer_revision_wins_and_a_late_older_one_changes_nothing() {
    let f = Folder::new();
    let mut s = f.filled();
    s.commit(&Batch { findings: vec![row(1, 4, 20)], numbers: (2, 1), ..Batch::default() }).unwrap();
    s.commit(&Batch { findings: vec![row(1, 2, 10)], ..Batch::default() }).unwrap();
    assert_eq!(Reader::open(&f.db()).unwrap().revisions().unwrap(), [("F000001".to_owned(), 4), ("F000002".to_owned(), 1)]);
}

#[test]
fn addresses_that_change_hands_leave_a_history() {
    let f = Folder::new();
    let mut s = open(&f.db());
    for (mac, secs) in [(1, 0), (2, 100), (1, 200)] {
        let hold = Hold { mac: Mac::from_u64(mac), how: How::Claim, since: at(secs), last: at(secs + 9), vlan: None, ttl: 0 };
        let learned = Memory { bindings: vec![(addr(5), Binding { holder: hold, rival: None })], ..Memory::default() };
        s.commit(&Batch { learned, ..Batch::default() }).unwrap();
    }
    let sql = "SELECT group_concat(mac || held, ' ') FROM (SELECT * FROM bindings ORDER BY since)";
    let told: String = s.conn.query_row(sql, [], |r| r.get(0)).unwrap();
    assert_eq!(told, "00:00:00:00:00:01past 00:00:00:00:00:02past 00:00:00:00:00:01holder");
    assert_eq!(s.load().unwrap().memory.bindings.len(), 1);
}

#[test]
fn what_people_did_is_kept_with_who_and_why() {
    let f = Folder::new();
    let mut s = f.filled();
    let fits = Fits { detector: Some("scan".into()), ..Fits::default() };
    let mute = Muted { number: 3, fits: fits.clone(), until: at(500), ts: at(9), who: "tanaka".into(), why: "点検".into() };
    let deeds = vec![
        deed(Change::Decided(verdict(1, Some(Status::Authorised), Some(at(100))))),
        deed(Change::Decided(verdict(1, Some(Status::Refused), None))),
        deed(Change::Decided(verdict(2, Some(Status::Authorised), None))),
        deed(Change::Decided(verdict(2, None, None))),
        deed(Change::Acknowledged { target: "F000001".into(), rev: 1 }),
        deed(Change::Noted(Note { target: "F000001".into(), ts: at(9), who: "tanaka".into(), text: "電話済み".into() })),
        deed(Change::Muted(mute.clone())),
        deed(Change::Closed { incident: "I0001".into(), at: Some(at(9)) }),
        deed(Change::Paused { why: "工事".into() }),
        deed(Change::Only),
    ];
    s.commit(&Batch { deeds, ..Batch::default() }).unwrap();
    let l = s.load().unwrap();
    assert_eq!(l.verdicts, [verdict(1, Some(Status::Refused), None)]);
    assert_eq!((&l.mutes[..], l.last_mute, l.paused, l.pages.stories[0].closed), (&[mute][..], 3, true, Some(at(9))));
    s.commit(&Batch { deeds: vec![deed(Change::Unmuted(3)), deed(Change::Resumed)], ..Batch::default() }).unwrap();
    let l = s.load().unwrap();
    assert_eq!((l.mutes.len(), l.last_mute, l.paused), (0, 3, false));
    let r = Reader::open(&f.db()).unwrap();
    assert_eq!((r.audit(99).unwrap().len(), r.notes("F000001").unwrap()[0].text.as_str(), r.acknowledged().unwrap().len()), (12, "電話済み", 1));
    assert_eq!(r.audit(1).unwrap()[0].uid, Some(1000));
    let (seen, all) = r.preview(&fits, at(6), 10).unwrap();
    assert_eq!((seen[0].id.as_str(), seen[0].severity.as_str(), all), ("F000002", "high", 1));
    assert!(s.conn.execute("UPDATE audit SET who = 'nobody'", []).is_err(), "the trail is not rewritten");
}

#[test]
fn forgetting_a_time_takes_what_was_learned_in_it_from_the_store() {
    let f = Folder::new();
    let mut s = open(&f.db());
    s.commit(&Batch { learned: learned(2, 6), ..Batch::default() }).unwrap();
    let forget = |from, to| Batch { deeds: vec![deed(Change::Forgot(Forgotten { from, to }))], ..Batch::default() };
    s.commit(&forget(at(50), at(60))).unwrap();
    assert_eq!(s.load().unwrap().memory.edges.len(), 1);
    s.commit(&forget(at(0), at(0))).unwrap();
    let m = s.load().unwrap().memory;
    assert_eq!((m.edges.len(), m.uses.len(), m.offers.len(), m.devices.len()), (0, 0, 1, 1), "its service was first used a second later");
}

#[test]
fn a_commit_is_whole_or_nothing() {
    let f = Folder::new();
    let mut s = f.filled();
    let mut bad = row(9, 1, 9);
    bad.record = "no JSON".into();
    let batch = Batch { findings: vec![row(8, 1, 8), bad], numbers: (9, 1), learned: learned(7, 7), ..Batch::default() };
    assert!(s.commit(&batch).is_err());
    assert_eq!(Reader::open(&f.db()).unwrap().revisions().unwrap().len(), 2);
    assert_eq!(s.load().unwrap().pages.numbers, (2, 1));
}

#[test]
fn one_writes_and_others_read_meanwhile() {
    let f = Folder::new();
    let mut s = f.filled();
    let r = Reader::open(&f.db()).unwrap();
    let e = Store::open(&f.db()).unwrap_err();
    assert!(matches!(e, StoreError::InUse { .. }) && e.to_string().contains("stop the sensor first"), "{e}");
    s.commit(&Batch { findings: vec![row(3, 1, 9)], ..Batch::default() }).unwrap();
    assert_eq!(r.findings().unwrap().len(), 2, "a reader sees one moment");
    drop(r);
    let r = Reader::open(&f.db()).unwrap();
    assert_eq!((r.findings().unwrap().len(), r.incidents().unwrap().len(), r.devices().unwrap().len()), (3, 1, 1));
    assert_eq!(r.devices().unwrap()[0].names, ["PC-2", "x\u{1b}[31m'--"]);
}

#[test]
fn a_damaged_store_is_put_aside_and_numbers_are_not_given_twice() {
    let f = Folder::new();
    f.filled().close().unwrap();
    // Not a database at all.
    std::fs::write(f.db(), b"hello, this is a text and no database, whatever its name says").unwrap();
    assert!(matches!(Reader::open(&f.db()), Err(StoreError::Corrupt { .. })));
    let o = Store::open(&f.db()).unwrap();
    let moved = o.moved.unwrap();
    assert!(moved.to.ends_with("spanward.db.corrupt-1") && moved.to.exists(), "{moved:?}");
    assert_eq!(o.store.load().unwrap().pages.numbers, (0, 0));
    drop(o.store);
    // Cut in the middle, while nobody closed it.
    let g = Folder::new();
    let mut s = g.filled();
    s.commit(&Batch { findings: (10..400).map(|n| row(n, 1, n)).collect(), numbers: (399, 1), ..Batch::default() }).unwrap();
    s.conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(s);
    let whole = std::fs::read(g.db()).unwrap();
    let mut cut = whole.clone();
    for b in cut.iter_mut().skip(whole.len() / 2).take(20_000) {
        *b ^= 0x5a;
    }
    std::fs::write(g.db(), &cut).unwrap();
    let o = Store::open(&g.db()).unwrap();
    assert!(o.moved.is_some());
    assert_eq!(o.store.load().unwrap().pages.numbers, (399, 1), "the damaged one still told them");
}

#[test]
fn every_length_of_a_cut_store_opens_or_is_put_aside() {
    let f = Folder::new();
    f.filled().close().unwrap();
    let whole = std::fs::read(f.db()).unwrap();
    let mut aside = 0;
    for n in (0..whole.len()).step_by(whole.len() / 40) {
        let g = Folder::new();
        std::fs::write(g.db(), &whole[..n]).unwrap();
        let o = Store::open(&g.db()).unwrap();
        aside += u32::from(o.moved.is_some());
        assert!(o.store.load().is_ok(), "cut to {n}");
        let _ = Reader::open(&g.db()).unwrap();
    }
    assert!(aside > 10, "{aside}");
}

#[test]
fn what_is_newer_or_a_strangers_is_left_as_it_is() {
    let f = Folder::new();
    f.filled().close().unwrap();
    rusqlite::Connection::open(f.db()).unwrap().pragma_update(None, "user_version", VERSION + 4).unwrap();
    for e in [Store::open(&f.db()).unwrap_err(), Reader::open(&f.db()).unwrap_err(), check(&f.db()).unwrap_err()] {
        let text = e.to_string();
        assert!(text.contains(&format!("version {}", VERSION + 4)) && text.contains(&format!("up to {VERSION}")), "{text}");
    }
    let g = Folder::new();
    rusqlite::Connection::open(g.db()).unwrap().execute_batch("CREATE TABLE patients (name)").unwrap();
    let before = std::fs::read(g.db()).unwrap();
    assert!(matches!(Store::open(&g.db()), Err(StoreError::Foreign { .. })));
    assert_eq!(std::fs::read(g.db()).unwrap(), before);
    assert!(matches!(Reader::open(&g.dir.path().join("none.db")), Err(StoreError::Io { .. })));
    assert!(matches!(Store::open(&g.dir.path().join("no/such/dir.db")), Err(StoreError::Io { .. })));
}

#[test]
fn an_unclean_end_is_noticed() {
    let f = Folder::new();
    drop(f.filled());
    let o = Store::open(&f.db()).unwrap();
    assert!(o.unclean && o.moved.is_none());
    o.store.close().unwrap();
    assert!(!Store::open(&f.db()).unwrap().unclean);
}

#[test]
fn backups_are_whole_and_only_what_is_whole_is_put_back() {
    let f = Folder::new();
    let mut s = f.filled();
    let copy = f.dir.path().join("copy.db");
    assert!(backup(&f.db(), &copy).unwrap() > 4_096);
    assert_eq!(check(&copy).unwrap(), VERSION);
    assert!(matches!(backup(&f.db(), &copy), Err(StoreError::Exists { .. })));
    assert!(matches!(restore(&copy, &f.db()), Err(StoreError::InUse { .. })), "a sensor uses it");
    s.commit(&Batch { findings: vec![row(3, 1, 9)], numbers: (3, 1), ..Batch::default() }).unwrap();
    drop(s);
    let kept = restore(&copy, &f.db()).unwrap().unwrap();
    assert_eq!(Reader::open(&kept).unwrap().findings().unwrap().len(), 3, "what stood there is kept");
    let o = Store::open(&f.db()).unwrap();
    assert_eq!((o.unclean, o.store.load().unwrap().pages.findings.len()), (false, 2));
    drop(o);
    std::fs::write(&copy, &std::fs::read(&copy).unwrap()[..8_192]).unwrap();
    assert!(restore(&copy, &f.db()).is_err());
    assert_eq!(Reader::open(&f.db()).unwrap().findings().unwrap().len(), 2, "nothing was touched");
    assert!(!f.dir.path().join("spanward.db.partial").exists());
    let nothing = f.dir.path().join("empty.db");
    std::fs::write(&nothing, b"").unwrap();
    assert!(check(&nothing).unwrap_err().to_string().contains("there is nothing in it"));
}

#[test]
fn what_is_old_leaves_and_what_a_person_decided_stays() {
    let f = Folder::new();
    let mut s = f.filled();
    let day = Span::hours(24).0 / 1_000_000_000;
    s.commit(&Batch { findings: vec![row(3, 1, 300 * day)], learned: learned(8, 300 * day), ..Batch::default() }).unwrap();
    let decided = Verdict { device: device(2, 0).id, ..verdict(0, Some(Status::Authorised), None) };
    s.commit(&Batch { deeds: vec![deed(Change::Decided(decided))], ..Batch::default() }).unwrap();
    let keep = Keep { told: Span::hours(24 * 100), learned: Span::hours(24 * 100), flows: Span::hours(24) };
    let pruned = s.prune(at(301 * day), &keep).unwrap();
    assert!(pruned.aged >= 7 && pruned.evicted == 0 && !pruned.more, "{pruned:?}");
    let l = s.load().unwrap();
    assert_eq!((l.pages.findings.len(), l.pages.stories.len(), l.pages.numbers), (1, 0, (3, 1)));
    assert_eq!((l.memory.devices.len(), l.memory.edges.len(), l.memory.bindings.len(), l.memory.offers.len()), (2, 1, 1, 1));
    assert_eq!(s.prune(at(301 * day), &keep).unwrap(), Pruned::default());
}

#[test]
fn rows_that_cannot_be_ours_are_counted_and_left_out() {
    let f = Folder::new();
    let s = f.filled();
    s.conn
        .execute_batch(
            "UPDATE findings SET state = json_set(state, '$.finding.detector', 'retired') WHERE num = 1;
             UPDATE devices SET id = 'mac-nonsense';
             UPDATE edges SET orig = 'nobody';
             INSERT INTO uses VALUES ('10.0.0.1', '10.0.0.2', 999, -5, 'smb', -1, 5, 1);
             INSERT INTO users VALUES ('10.0.0.1', 'smb', x'00');",
        )
        .unwrap();
    let l = s.load().unwrap();
    assert_eq!((l.skipped, l.pages.findings.len(), l.memory.devices.len(), l.memory.edges.len(), l.memory.uses.len()), (5, 1, 0, 0, 1));
    assert_eq!(Reader::open(&f.db()).unwrap().findings().unwrap().len(), 2, "people still read what was said");
}

#[test]
fn flow_logs_are_found_by_time() {
    let f = Folder::new();
    let mut s = open(&f.db());
    for n in 0..5u64 {
        let (first_ts, last_ts) = (at(n * 3_600), at(n * 3_600 + 3_599));
        s.add_segment(&Segment { path: format!("flows/{n}.jsonl.zst"), kind: "flows".into(), first_ts, last_ts, records: 9, bytes: 99 }).unwrap();
    }
    s.drop_segment("flows/2.jsonl.zst").unwrap();
    let found = Reader::open(&f.db()).unwrap().segments("flows", at(3_700), at(4 * 3_600)).unwrap();
    assert_eq!(found.iter().map(|s| s.path.as_str()).collect::<Vec<_>>(), ["flows/1.jsonl.zst", "flows/3.jsonl.zst", "flows/4.jsonl.zst"]);
}

#[test]
fn a_closed_store_in_a_directory_that_is_not_ours_is_read_as_it_lies() {
    use std::os::unix::fs::PermissionsExt;
    let f = Folder::new();
    f.filled().close().unwrap();
    assert!(!f.dir.path().join("spanward.db-wal").exists());
    std::fs::set_permissions(f.dir.path(), std::fs::Permissions::from_mode(0o555)).unwrap();
    let read = Reader::open(&f.db()).and_then(|r| r.findings());
    let refused = Store::open(&f.dir.path().join("new.db"));
    std::fs::set_permissions(f.dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(read.unwrap().len(), 2);
    // The super-user may write everywhere.
    assert!(rustix::process::geteuid().is_root() || matches!(refused, Err(StoreError::Io { .. })));
}

#[test]
fn a_flood_of_devices_does_not_fill_the_disk_and_pushes_out_itself() {
    let f = Folder::new();
    let mut s = open(&f.db());
    s.commit(&Batch { learned: learned(2, 3_000), ..Batch::default() }).unwrap();
    let flood = |n: u64| {
        let mut d = Device::restored(DeviceId::Mac(Mac::from_u64(0x0200_0000_0000 + n)), at(5_000), at(5_000), n);
        d.names = vec![format!("x{n}")];
        d
    };
    let decided = Verdict { device: flood(0).id, ..verdict(0, Some(Status::Refused), None) };
    let learned = Memory { devices: (0..135_000).map(flood).collect(), ..Memory::default() };
    s.commit(&Batch { learned, deeds: vec![deed(Change::Decided(decided))], ..Batch::default() }).unwrap();
    let (mut evicted, mut calls) = (0, 0);
    loop {
        let p = s.prune(at(5_001), &Keep::default()).unwrap();
        (evicted, calls) = (evicted + p.evicted, calls + 1);
        if !p.more {
            break;
        }
    }
    assert_eq!((evicted, calls), (135_001 - 131_072, 2));
    let ids: Vec<String> = Reader::open(&f.db()).unwrap().devices().unwrap().into_iter().map(|d| d.id).collect();
    assert_eq!(ids.len(), 131_072);
    assert!(
        ids.contains(&device(2, 0).id.to_string()) && ids.contains(&flood(0).id.to_string()),
        "who was there longer, and who was decided about, stay"
    );
}
