//! The list commands read a sensor's store while it writes, the ledger comes back in its own columns, and `store` copies, puts back and checks.

use spanward::assets::{Device, DeviceId, Memory, Status};
use spanward::base::{Addr, Mac, Severity, Timestamp};
use spanward::detect::{Finding, Subject};
use spanward::event::Coverage;
use spanward::incident::Kept;
use spanward::store::{Audit, Batch, Change, Deed, FILE, FindingRow, Store, VERSION, Verdict};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn at(secs: u64) -> Timestamp {
    Timestamp::new(1_795_292_000 + secs, 0)
}

fn mac(n: u64) -> Mac {
    Mac::from_u64(0x0000_0e10_0000 + n)
}

fn device(n: u64, name: &str, status: Status) -> Device {
    let mut d = Device::restored(DeviceId::Mac(mac(n)), at(0), at(60 + n), n);
    (d.addrs, d.names, d.zone, d.status) = (vec![Addr::v4(0x0a0a_0000 + n as u32)], vec![name.to_owned()], "ward".into(), status);
    d
}

fn finding(n: u64, detector: &'static str, severity: Severity, muted: u64) -> FindingRow {
    let finding = Finding::new(detector, n.to_string(), at(n), severity, Subject::addr(Addr::v4(0x0a0a_0000 + n as u32)));
    let kept = Kept { id: format!("F{n:06}"), rev: 1, finding, orig_all: vec![], coverage: Coverage::default(), incident: String::new(), muted };
    let record = spanward::output::record::FindingRecord::new(&kept, &spanward::output::BareWords, spanward::base::Lang::En);
    FindingRow { kept, record: serde_json::to_string(&record).unwrap() }
}

fn decided(n: u64, state: Status, until: Option<Timestamp>) -> Deed {
    let audit = Audit { ts: at(9), who: "tanaka".into(), uid: Some(1000), action: "x".into(), target: String::new(), detail: String::new() };
    let device = DeviceId::Mac(mac(n));
    Deed { audit, change: Change::Decided(Verdict { device, state: Some(state), until, ts: at(9), who: "tanaka".into(), why: "検査用".into() }) }
}

struct Folder {
    dir: tempfile::TempDir,
}

impl Folder {
    /// A store with a writer, as beside a running sensor.
    fn with_store() -> (Folder, Store) {
        let f = Folder { dir: tempfile::tempdir().unwrap() };
        let mut store = Store::open(&f.path().join(FILE)).unwrap().store;
        let devices = vec![
            device(1, "PC-1", Status::Refused),
            device(2, "=cmd|'/c calc'!A1", Status::Authorised),
            device(3, "x\u{1b}[31m\u{202e}", Status::Unlisted),
        ];
        let batch = Batch {
            findings: vec![finding(1, "scan", Severity::High, 0), finding(2, "dcsync", Severity::Low, 0), finding(3, "scan", Severity::High, 7)],
            deeds: vec![decided(1, Status::Refused, None), decided(2, Status::Authorised, Some(at(86_400 * 30)))],
            learned: Memory { devices, ..Memory::default() },
            numbers: (3, 0),
            ..Batch::default()
        };
        store.commit(&batch).unwrap();
        (f, store)
    }
    fn path(&self) -> &Path {
        self.dir.path()
    }
    fn put(&self, name: &str, text: &[u8]) -> String {
        let p = self.path().join(name);
        std::fs::write(&p, text).unwrap();
        p.display().to_string()
    }
    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_spanward")).args(args).current_dir(self.path()).stdin(Stdio::null()).output().unwrap()
    }
    fn said(&self, args: &[&str]) -> String {
        let o = self.run(args);
        assert_eq!(o.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&o.stderr));
        String::from_utf8(o.stdout).unwrap()
    }
    fn refused(&self, args: &[&str]) -> (i32, String) {
        let o = self.run(args);
        (o.status.code().unwrap(), String::from_utf8_lossy(&o.stderr).into_owned())
    }
}

#[test]
fn lists_read_the_store_while_the_sensor_writes() {
    let (f, store) = Folder::with_store();
    let devices = f.said(&["devices"]);
    assert!(devices.contains("PC-1") && devices.contains("authorised") && devices.contains("2026-11-2"), "{devices}");
    assert!(devices.contains("x\\u{1b}[31m\\u{202e}"), "nothing acts on a terminal: {devices}");
    let json: serde_json::Value = serde_json::from_str(&f.said(&["findings", "--format", "json"])).unwrap();
    let ids: Vec<&str> = json["findings"].as_array().unwrap().iter().map(|f| f["id"].as_str().unwrap()).collect();
    assert_eq!((json["schema"].as_u64(), ids), (Some(1), vec!["F000001", "F000002"]), "what is muted is not listed");
    assert_eq!(f.said(&["findings", "--severity", "high", "--format", "csv"]).lines().count(), 2);
    assert_eq!(f.said(&["devices", "--status", "refused", "--format", "csv"]).lines().count(), 2);
    assert!(f.said(&["devices", "--format", "csv"]).contains("'=cmd|'/c calc'!A1"), "a spreadsheet gets text");
    let none: serde_json::Value = serde_json::from_str(&f.said(&["incidents", "--format", "json", f.path().to_str().unwrap()])).unwrap();
    assert_eq!(none["incidents"].as_array().unwrap().len(), 0);
    drop(store);
}

#[test]
fn without_a_store_the_files_of_a_replay_are_read_and_a_bad_store_says_what_it_is() {
    let f = Folder { dir: tempfile::tempdir().unwrap() };
    f.put("devices.json", b"{\"schema\":1,\n\"devices\":[]}\n");
    f.said(&["devices"]);
    f.put(FILE, b"this is a text, whatever its name says, and it is long enough to be looked at");
    let (code, said) = f.refused(&["devices"]);
    assert!(code == 3 && said.contains("damaged"), "{code} {said}");
    let (g, store) = Folder::with_store();
    store.close().unwrap();
    rusqlite::Connection::open(g.path().join(FILE)).unwrap().pragma_update(None, "user_version", VERSION + 1).unwrap();
    for args in [&["findings"][..], &["store", "check"], &["store", "backup", "copy.db"]] {
        let (code, said) = g.refused(args);
        assert!(code == 3 && said.contains("newer spanward"), "{args:?}: {code} {said}");
    }
    assert!(!g.path().join("copy.db").exists());
}

#[test]
fn the_ledger_comes_back_with_the_decisions_in_its_own_columns() {
    let (f, store) = Folder::with_store();
    let ledger = "機器名,IPアドレス,MACアドレス,種別,備考\r\n受付1,10.10.0.1,00-00-0E-10-00-01,端末,窓口\r\nプリンタ,10.10.0.200,,プリンタ,\r\n";
    f.put("ledger.csv", &encoding_rs::SHIFT_JIS.encode(ledger).0);
    let site =
        f.put("site.toml", "[site]\nname = \"病院\"\nlanguage = \"ja\"\ntimezone = \"Asia/Tokyo\"\n[ledger]\nfile = \"ledger.csv\"\n".as_bytes());
    let o = f.run(&["devices", "-q", "-c", &site, "--format", "csv"]);
    assert_eq!(o.status.code(), Some(0), "{}", String::from_utf8_lossy(&o.stderr));
    let (text, _, bad) = encoding_rs::SHIFT_JIS.decode(&o.stdout);
    assert!(!bad);
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(lines[0], "機器名,IPアドレス,MACアドレス,種別,備考");
    assert_eq!(lines[1], "受付1,10.10.0.1,00-00-0E-10-00-01,端末,窓口 / 使用不可（tanaka、2026-11-22）: 検査用");
    assert_eq!(lines[2], "プリンタ,10.10.0.200,,プリンタ,");
    assert!(lines[3].starts_with("'=cmd|'/c calc'!A1,10.10.0.2,00-00-0E-10-00-02,,許可、期限 2026-12-22（tanaka、2026-11-22）"), "{}", lines[3]);
    assert_eq!(lines.len(), 5, "what nobody decided about is not in it: {text}");
    // A filter chooses whose decisions are written.
    let o = f.run(&["devices", "-q", "-c", &site, "--format", "csv", "--status", "refused"]);
    assert_eq!(encoding_rs::SHIFT_JIS.decode(&o.stdout).0.split("\r\n").count(), 4);
    // The other forms list devices, as ever.
    assert!(f.said(&["devices", "-q", "-c", &site]).contains("PC-1"));
    drop(store);
}

#[test]
fn a_backup_is_taken_from_a_running_sensor_and_put_back_when_it_has_stopped() {
    let (f, mut store) = Folder::with_store();
    assert!(f.said(&["store", "check"]).contains("3 devices, 2 findings, 0 incidents, 2 decisions, 1 findings muted"));
    f.said(&["store", "backup", "copy.db"]);
    assert!(f.said(&["store", "check", "copy.db", "--lang", "ja"]).contains("機器 3 台、検知 2 件"));
    assert_eq!(f.refused(&["store", "backup", "copy.db"]).0, 4, "nothing is overwritten");
    let (code, said) = f.refused(&["store", "restore", "copy.db"]);
    assert!(code == 4 && said.contains("stop the sensor first"), "{said}");
    store.commit(&Batch { findings: vec![finding(4, "scan", Severity::Low, 0)], numbers: (4, 0), ..Batch::default() }).unwrap();
    store.close().unwrap();
    assert!(f.said(&["findings"]).contains("F000004"));
    f.said(&["store", "restore", "copy.db"]);
    assert!(!f.said(&["findings"]).contains("F000004"));
    let kept: PathBuf = f.path().join("spanward.db.before-1");
    assert!(f.said(&["store", "check", kept.to_str().unwrap()]).contains("3 findings"));
    f.put("cut.db", &std::fs::read(f.path().join("copy.db")).unwrap()[..10_000]);
    let (code, said) = f.refused(&["store", "restore", "cut.db"]);
    assert!(code == 3 && said.contains("damaged"), "{code} {said}");
    f.said(&["store", "check"]);
}

/// What `docs/STORE.md` says is so: its questions have answers, its tables and columns are there, and none is left out.
#[test]
fn the_page_about_the_store_is_true() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/STORE.md")).unwrap();
    let (f, store) = Folder::with_store();
    let db = rusqlite::Connection::open(f.path().join(FILE)).unwrap();
    let sql: String = page.split("```sql").skip(1).filter_map(|b| b.split("```").next()).collect();
    let lines = sql.lines().filter(|l| !l.starts_with('.') && !l.starts_with("--")).collect::<Vec<_>>().join("\n");
    let questions: Vec<&str> = lines.split(';').map(str::trim).filter(|q| !q.is_empty()).collect();
    assert!(questions.len() >= 7, "{}", questions.len());
    for q in questions {
        let mut s = db.prepare(q).unwrap_or_else(|e| panic!("{e}: {q}"));
        let mut rows = s.query([]).unwrap();
        while rows.next().unwrap().is_some() {}
    }
    let mut s = db
        .prepare("SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'");
    let columns: Vec<(String, String)> = s.as_mut().unwrap().query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap().map(Result::unwrap).collect();
    assert!(columns.len() > 100, "{}", columns.len());
    for (table, column) in &columns {
        let is_about = |l: &&str| l.strip_prefix("| ").and_then(|l| l.split('|').next()).is_some_and(|first| first.contains(&format!("`{table}`")));
        let row = page.lines().find(is_about).unwrap_or_else(|| panic!("{table} is not on the page"));
        let named = row.split(['`', ' ', ';']).any(|word| word == column);
        assert!(named, "{table}.{column} is not on the page: {row}");
    }
    drop(store);
}
