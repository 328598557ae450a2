//! The command line as scripts see it: exit codes, standard output, files. Captures are made here, byte by byte.

#[path = "craft/pcap.rs"]
mod pcap;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A capture of frames one millisecond apart.
fn capture(frames: Vec<Vec<u8>>) -> Vec<u8> {
    let timed: Vec<(u64, Vec<u8>)> = (0u64..).map(|ms| 1_795_255_200_000_000_000 + ms * 1_000_000).zip(frames).collect();
    pcap::file(&timed)
}

/// One TCP segment without payload between two hosts of 10.20.1.0/24.
fn tcp(src: u8, dst: u8, sport: u16, dport: u16, flags: u8, seq: u32, ack: u32) -> Vec<u8> {
    let mut f = vec![2, 0, 0, 0, 0, dst, 2, 0, 0, 0, 0, src, 8, 0];
    f.extend([0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 20, 1, src, 10, 20, 1, dst]);
    f.extend(sport.to_be_bytes());
    f.extend(dport.to_be_bytes());
    f.extend(seq.to_be_bytes());
    f.extend(ack.to_be_bytes());
    f.extend([0x50, flags, 0x20, 0, 0, 0, 0, 0]);
    f
}

/// A whole, empty connection to port 445.
fn connection() -> Vec<u8> {
    let (a, b, p) = (33, 40, 50_123);
    capture(vec![
        tcp(a, b, p, 445, 0x02, 1, 0),
        tcp(b, a, 445, p, 0x12, 9, 2),
        tcp(a, b, p, 445, 0x10, 2, 10),
        tcp(a, b, p, 445, 0x11, 2, 10),
        tcp(b, a, 445, p, 0x11, 10, 3),
        tcp(a, b, p, 445, 0x10, 3, 11),
    ])
}

fn spanward(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_spanward")).args(args).stdin(Stdio::null()).output().unwrap()
}

fn code(args: &[&str]) -> i32 {
    spanward(args).status.code().unwrap()
}

fn said(o: &Output) -> String {
    String::from_utf8_lossy(&o.stderr).into_owned()
}

struct Folder {
    dir: tempfile::TempDir,
}

impl Folder {
    fn new() -> Folder {
        let f = Folder { dir: tempfile::tempdir().unwrap() };
        f.put("x.pcap", &connection());
        f
    }
    fn put(&self, name: &str, bytes: &[u8]) -> String {
        let p = self.dir.path().join(name);
        std::fs::write(&p, bytes).unwrap();
        p.display().to_string()
    }
    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }
}

fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var("SPANWARD_SHARED").unwrap_or(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").to_owned());
    let p = Path::new(&root).join(name);
    if !p.exists() {
        println!("skipped: {} is not there", p.display());
    }
    p.exists().then_some(p)
}

#[test]
fn exit_codes_are_the_contracts() {
    let f = Folder::new();
    let x = f.path("x.pcap");
    assert_eq!(code(&["replay", &x]), 0);
    // 2: the command line or a config file.
    let site = f.put("bad.toml", b"[zones.ward]\nnetwork = [\"10.0.0.0/8\"]\n");
    for wrong in [
        vec!["replay"],
        vec![],
        vec!["replay", "--no-such-flag", &x],
        vec!["run"],
        vec!["replay", "--filter", "no such filter", &x],
        vec!["replay", "--from", "yesterday", &x],
        vec!["replay", "--from", "2026-11-21T10:00:00Z", "--to", "2026-11-21T09:00:00Z", &x],
        vec!["replay", "--workers", "0", &x],
        vec!["replay", "--fail-on", "loud", &x],
        vec!["replay", "--clinical", "10.0.0.0/33", &x],
        vec!["replay", "--eve", "-", "--format", "json", &x],
        vec!["replay", "--signatures", "/nonexistent", &x],
        vec!["replay", "-q", "-v", &x],
        vec!["replay", "-c", &site, &x],
    ] {
        let o = spanward(&wrong);
        assert_eq!(o.status.code(), Some(2), "{wrong:?}: {}", said(&o));
        assert!(o.stdout.is_empty() && !o.stderr.is_empty(), "{wrong:?}");
    }
    let o = said(&spanward(&["replay", "-c", &site, &x]));
    assert!(o.contains("bad.toml:2") && o.contains("networks"), "{o}");
    // 3: an input.
    let empty = f.put("empty.pcap", b"");
    let rubbish = f.put("rubbish.txt", b"hello, this is no capture at all");
    let mut half = connection();
    half.truncate(half.len() - 10);
    let half = f.put("half.pcap", &half);
    let dir = f.path("rubbish");
    std::fs::create_dir(&dir).unwrap();
    std::fs::write(Path::new(&dir).join("a.txt"), "nothing").unwrap();
    for damaged in [&empty, &rubbish, &half, &dir, &f.path("missing.pcap")] {
        let o = spanward(&["replay", "-q", damaged, &x]);
        assert_eq!(o.status.code(), Some(3), "{damaged}: {}", said(&o));
        assert!(said(&o).contains(damaged.as_str()), "{damaged}: {}", said(&o));
        assert!(!o.stdout.is_empty(), "what was read is reported");
    }
    // 4: output. It wins over damage; the text is still printed.
    if Path::new("/dev/full").exists() {
        let o = spanward(&["replay", "--eve", "/dev/full", &half]);
        assert_eq!(o.status.code(), Some(4), "{}", said(&o));
        assert!(said(&o).contains("/dev/full") && !o.stdout.is_empty());
    }
    // What cannot even be opened is said before anything is read.
    for (option, path, words) in
        [("-o", x.clone(), "takes a directory"), ("-o", format!("{x}/out"), "cannot write"), ("--eve", format!("{x}/e"), "cannot write")]
    {
        let o = spanward(&["replay", option, &path, &x]);
        assert_eq!(o.status.code(), Some(4), "{}", said(&o));
        assert!(said(&o).contains(&path) && said(&o).contains(words) && o.stdout.is_empty(), "{}", said(&o));
    }
    let o = spanward(&["replay", "-q", "--signatures", &dir, &x]);
    assert!(o.status.code() == Some(2) && said(&o).contains("holds no signature"), "{}", said(&o));
    let o = spanward(&["replay", "-q", "--eve", "-", &half]);
    assert!(o.status.code() == Some(3) && said(&o).contains("half.pcap"), "quiet is not silent about errors: {}", said(&o));
    let o = spanward(&["replay", "-q", &rubbish]);
    assert!(said(&o).contains("but text"), "{}", said(&o));
    let page = String::from_utf8_lossy(&o.stdout);
    assert!(page.contains("No packet was analysed") && !page.contains("No incident"), "{page}");
    for ok in [&["--help"][..], &["--version"], &["replay", "--help"], &["completions", "bash"], &["man"]] {
        assert_eq!(code(ok), 0, "{ok:?}");
    }
}

fn keys(v: &Value) -> Vec<&str> {
    v.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn json_is_one_object_and_the_files_agree_with_it() {
    let f = Folder::new();
    let (x, out) = (f.path("x.pcap"), f.path("out"));
    let o = spanward(&["replay", "-o", &out, "--format", "json", &x]);
    assert!(o.status.success(), "{}", said(&o));
    let v: Value = serde_json::from_slice(&o.stdout).unwrap();
    let mut want = vec!["schema", "packets", "bytes", "flows", "first_ts", "last_ts", "coverage", "devices", "findings", "incidents"];
    want.sort();
    assert_eq!(keys(&v), want);
    assert_eq!((v["schema"].as_u64(), v["packets"].as_u64(), v["flows"].as_u64()), (Some(1), Some(6), Some(1)));
    assert_eq!(v["first_ts"], "2026-11-21T10:00:00.000000000Z");
    for name in ["devices", "findings", "incidents"] {
        let file: Value = serde_json::from_slice(&std::fs::read(format!("{out}/{name}.json")).unwrap()).unwrap();
        assert_eq!(file[name], v[name], "{name}");
    }
    let flows = std::fs::read_to_string(format!("{out}/flows.jsonl")).unwrap();
    let flow: Value = serde_json::from_str(flows.lines().next().unwrap()).unwrap();
    assert_eq!((flow["conn_state"].as_str(), flow["service"].as_str()), (Some("SF"), Some("smb")), "{flow}");
    let mut names: Vec<_> = std::fs::read_dir(&out).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["devices.json", "eve.jsonl", "findings.json", "flows.jsonl", "incidents.json", "summary.json", "weird.json"]);
    // The same again over the old files, with two workers: the same bytes.
    let again = f.path("again");
    assert_eq!(code(&["replay", "-q", "-o", &again, "--workers", "2", &x]), 0);
    assert_eq!(code(&["replay", "-q", "-o", &again, "--workers", "1", &x]), 0);
    for n in names {
        assert_eq!(std::fs::read(format!("{out}/{n}")).unwrap(), std::fs::read(format!("{again}/{n}")).unwrap(), "{n}");
    }
}

#[test]
fn lists_read_what_a_replay_wrote_and_name_damage() {
    let f = Folder::new();
    let (x, out) = (f.path("x.pcap"), f.path("out"));
    assert_eq!(code(&["replay", "-q", "-o", &out, &x]), 0);
    let table = String::from_utf8(spanward(&["flows", &out, "--host", "10.20.1.33"]).stdout).unwrap();
    assert!(table.starts_with("TS ") && table.contains("10.20.1.40"), "{table}");
    assert!(spanward(&["flows", &out, "--host", "10.99.0.0/16", "--format", "json"]).stdout.is_empty());
    let csv = String::from_utf8(spanward(&["flows", &out, "--format", "csv"]).stdout).unwrap();
    assert_eq!(csv.lines().count(), 2, "{csv}");
    for list in ["devices", "findings", "incidents"] {
        let o = spanward(&[list, &out, "--format", "json"]);
        let v: Value = serde_json::from_slice(&o.stdout).unwrap();
        assert_eq!(v["schema"], 1, "{list}");
        let o = spanward(&[list, &f.path("nowhere")]);
        assert_eq!(o.status.code(), Some(3));
        assert!(said(&o).contains(&format!("{list}.json")), "{}", said(&o));
    }
    let flows = std::fs::read(format!("{out}/flows.jsonl")).unwrap();
    std::fs::write(format!("{out}/flows.jsonl"), [&flows[..], &flows[..40]].concat()).unwrap();
    let o = spanward(&["flows", &out]);
    assert_eq!(o.status.code(), Some(3));
    assert!(said(&o).contains("flows.jsonl:2: ") && !o.stdout.is_empty(), "{}", said(&o));
}

#[test]
fn nothing_acts_on_what_is_no_terminal_and_a_closed_pipe_is_quiet() {
    let f = Folder::new();
    let x = f.path("x.pcap");
    let o = spanward(&["replay", "-q", "--lang", "ja", &x]);
    assert!(!o.stdout.contains(&0x1b) && o.stderr.is_empty(), "{}", said(&o));
    assert!(String::from_utf8(o.stdout).unwrap().contains("パケット 6"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_spanward"))
        .args(["replay", "-q", "--eve", "-", &x])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let o = child.wait_with_output().unwrap();
    assert!(o.status.success() && o.stderr.is_empty(), "{:?} {}", o.status, said(&o));
}

#[test]
fn an_incident_of_the_bed_reads_well_in_every_form() {
    let (Some(capture), Some(site), Some(schema)) = (shared("bed/captures/incident.pcap"), shared("bed/site.toml"), shared("eve/schema.json")) else {
        return;
    };
    let (capture, site) = (capture.display().to_string(), site.display().to_string());
    let f = Folder::new();
    let eve = f.path("eve.jsonl");
    let o = spanward(&["replay", "-q", "-c", &site, "--eve", &eve, "--format", "json", "--fail-on", "info", &capture]);
    let v: Value = serde_json::from_slice(&o.stdout).unwrap();
    let found = !v["findings"].as_array().unwrap().is_empty();
    assert_eq!(o.status.code(), Some(i32::from(found)), "{}", said(&o));
    let tool = Command::new("python3").args(["-c", "import jsonschema"]).output().is_ok_and(|o| o.status.success());
    if tool {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/eve_schema.py");
        let o = Command::new("python3").arg(script).arg(schema).arg(&eve).output().unwrap();
        assert!(o.status.success(), "{}", String::from_utf8_lossy(&o.stdout));
    }
    for line in std::fs::read_to_string(&eve).unwrap().lines() {
        let v: Value = serde_json::from_str(line).unwrap();
        assert!(v["timestamp"].as_str().unwrap().ends_with("+0000"), "{line}");
    }
}

#[test]
fn check_says_what_was_understood_and_what_will_run() {
    let f = Folder::new();
    let site = f.put("site.toml", b"[zones.ward]\nkind = \"office\"\nnetworks = [\"10.20.0.0/16\"]\n");
    let geo = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/geo/asn.mmdb");
    let o = spanward(&["check", "-c", &site, "--geoip", geo, "--lang", "en"]);
    let text = String::from_utf8_lossy(&o.stdout).into_owned();
    assert_eq!(o.status.code(), Some(0), "{text}{}", said(&o));
    assert!(text.contains("10.20.0.0/16") && text.contains("Detectors that will run") && text.contains("smb-fanout"), "{text}");
    assert!(text.contains("asn.mmdb") && text.ends_with("all valid\n"), "{text}");
    // Every detector is named, whether it can run or not.
    for signature in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/signatures")).unwrap() {
        let id = signature.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned();
        assert!(text.contains(&id), "{id} in\n{text}");
    }
    // What would stop a replay stops the check, after it has looked at everything.
    let bad = f.put("bad.toml", b"[zonse]\n");
    let o = spanward(&["check", "-c", &bad, "--lang", "ja"]);
    let text = String::from_utf8_lossy(&o.stdout).into_owned();
    assert_eq!(o.status.code(), Some(2), "{text}");
    assert!(text.contains("bad.toml:1:2") && text.contains("シグネチャ") && !text.contains("すべて有効"), "{text}");
}

#[test]
fn check_as_one_object() {
    let f = Folder::new();
    f.put("ledger.csv", "機器名,ＩＰアドレス,MACアドレス,種別\nEMR,10.2.0.1,00:00:0e:00:00:01,サーバ\nx,,y,\n".as_bytes());
    let site = f.put(
        "site.toml",
        "[site]\nname = \"a\u{202e}b\"\nlanguage = \"ja\"\ntimezone = \"Asia/Tokyo\"\n[zones.ward]\nkind = \"clinical\"\nnetworks = [\"10.1.0.0/16\"]\nvlans = [10]\n\
         [[policy]]\nfrom = \"ward\"\nto = \"internet\"\nservices = [\"dns\"]\naction = \"allow\"\nowner = \"IT\"\nexpires = 2026-12-31\n\
         [vendors.acme]\nsources = [\"10.9.0.1\"]\nwindows = [{ days = [\"sat\"], from = \"22:00\", to = \"02:00\" }]\n[ledger]\nfile = \"ledger.csv\"\n"
            .as_bytes(),
    );
    let geo = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/geo/asn.mmdb");
    let o = spanward(&["check", "-c", &site, "--geoip", geo, "--format", "json"]);
    assert!(o.status.success() && o.stderr.is_empty(), "{}", said(&o));
    let v: Value = serde_json::from_slice(&o.stdout).unwrap();
    let names = "detectors errors geoip lang ledger policy schema signatures site valid vendors warnings zones";
    assert_eq!(keys(&v).join(" "), names);
    assert_eq!((&v["schema"], &v["valid"], &v["lang"]), (&1.into(), &true.into(), &"ja".into()));
    assert_eq!((&v["site"]["name"], &v["site"]["timezone"], &v["site"]["declared"]), (&"a\u{202e}b".into(), &"Asia/Tokyo".into(), &true.into()));
    assert_eq!(v["zones"][0].to_string(), r#"{"kind":"clinical","name":"ward","networks":["10.1.0.0/16"],"vlans":[10]}"#);
    assert_eq!(
        (&v["policy"][0]["expires"], &v["policy"][0]["services"][0], &v["policy"][0]["action"]),
        (&"2026-12-31".into(), &"dns".into(), &"allow".into())
    );
    assert_eq!(v["vendors"][0]["windows"][0], "sat 22:00 – 02:00");
    let l = &v["ledger"];
    assert_eq!(
        (l["rows"].as_u64(), l["entries"].as_u64(), l["refused"].as_u64(), l["roles"]["server"].as_u64()),
        (Some(2), Some(1), Some(1), Some(1))
    );
    assert_eq!(l["columns"][0].to_string(), r#"{"by":"header","column":"mac","header":"MACアドレス","number":3}"#);
    assert!(
        v["warnings"].as_array().unwrap().iter().any(|w| w.as_str().unwrap().contains("ledger.csv:3: `y` is no MAC address")),
        "{}",
        v["warnings"]
    );
    assert_eq!((&v["geoip"][0]["networks"], &v["errors"]), (&true.into(), &Value::Array(vec![])));
    let detectors = v["detectors"].as_array().unwrap();
    assert!(detectors.iter().all(|d| d["runs"] == d["reason"].is_null()) && detectors.iter().any(|d| d["id"] == "smb-fanout" && d["runs"] == true));
    // The terminal never gets what steers it.
    assert!(!String::from_utf8(o.stdout).unwrap().contains('\u{202e}'));
    // What cannot run says why, in the chosen language.
    let office = f.put("office.toml", b"[zones.o]\nkind = \"office\"\nnetworks = [\"10.1.0.0/16\"]\n");
    let of =
        |lang: &str| -> Value { serde_json::from_slice(&spanward(&["check", "-c", &office, "--format", "json", "--lang", lang]).stdout).unwrap() };
    let reason = |v: &Value| v["detectors"].as_array().unwrap().iter().find_map(|d| d["reason"].as_str().map(str::to_owned)).unwrap();
    assert_ne!(reason(&of("en")), reason(&of("ja")));
}

#[test]
fn check_of_what_is_wrong_is_still_one_object() {
    let f = Folder::new();
    let bad = f.put("bad.toml", b"# a site\n[zonse]\n");
    let no_ledger = f.put("no.toml", b"[ledger]\nfile = \"none.csv\"\n");
    let rubbish = f.put("x.mmdb", b"no database");
    for (args, file, line) in [
        (vec!["-c", &bad], "bad.toml", 2),
        (vec!["-c", &no_ledger], "no.toml", 2),
        (vec!["-c", "/nonexistent/site.toml"], "/nonexistent/site.toml", 0),
        (vec!["--geoip", &rubbish], "x.mmdb", 0),
        (vec!["--signatures", "/nonexistent"], "/nonexistent", 0),
    ] {
        let o = spanward(&[&["check", "--format", "json"], &args[..]].concat());
        assert_eq!(o.status.code(), Some(2), "{args:?}: {}", said(&o));
        let v: Value = serde_json::from_slice(&o.stdout).unwrap();
        let e = &v["errors"][0];
        assert!(v["valid"] == false && e["file"].as_str().unwrap().ends_with(file) && e["line"] == line, "{args:?}: {e}");
        assert!(!e["message"].as_str().unwrap().is_empty());
        assert!(v["site"].is_null() == args.contains(&"-c"), "what could be read is told: {v}");
    }
}

/// What a newcomer copies out of the README is a valid site file.
#[test]
fn the_readmes_site_file_is_valid() {
    let f = Folder::new();
    f.put("ledger.csv", "name,ip,mac\nxray,10.10.0.5,00:00:0c:00:00:05\n".as_bytes());
    let toml = include_str!("../README.md").split("```toml\n").nth(1).and_then(|t| t.split("```").next()).unwrap();
    let o = spanward(&["check", "-c", &f.put("site.toml", toml.as_bytes())]);
    assert_eq!(o.status.code(), Some(0), "{}{}", String::from_utf8_lossy(&o.stdout), said(&o));
}
