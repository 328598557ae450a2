//! Which captures are run, and what is true in each.

use serde_json::Value;
use spanward::detect::DETECTORS;
use std::fs;
use std::path::{Path, PathBuf};

/// What a capture is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Something must be found; whatever else is said of the attackers is true.
    Attack,
    /// Something must be found; what else is said is not judged, since its truth is not written down.
    Partly,
    /// Nothing may be said at `medium` or above.
    Benign,
}

/// One thing that must be found: one of these detectors, about this originator.
pub struct Expected {
    pub detectors: Vec<String>,
    pub orig: Option<String>,
    pub resp: Vec<String>,
    pub user: Option<String>,
}

/// One capture with its truth.
pub struct Case {
    pub name: String,
    pub kind: Kind,
    pub capture: PathBuf,
    pub site: Option<PathBuf>,
    pub attackers: Vec<String>,
    pub zero: Option<String>,
    pub starts: Option<i64>,
    /// When each file was destroyed.
    pub lost: Vec<i64>,
    pub expected: Vec<Expected>,
}

impl Case {
    fn new(name: String, kind: Kind, capture: PathBuf, site: Option<PathBuf>) -> Case {
        let (attackers, lost, expected) = (Vec::new(), Vec::new(), Vec::new());
        Case { name, kind, capture, site, attackers, zero: None, starts: None, lost, expected }
    }
    fn expects(mut self, detectors: &[&str]) -> Case {
        let detectors = detectors.iter().map(|d| (*d).to_owned()).collect();
        self.expected.push(Expected { detectors, orig: None, resp: Vec::new(), user: None });
        self
    }
}

pub fn is_built(id: &str) -> bool {
    DETECTORS.iter().any(|d| d.0 == id)
}

pub fn all() -> Vec<Case> {
    let mut cases = variants();
    cases.extend(own());
    match shared() {
        None => println!("skipped: the bed's scenarios and the captures of others (no shared recordings beside the repository)"),
        Some(dir) => {
            cases.extend(bed(&dir.join("bed")));
            cases.extend(others(&dir.join("pcaps")));
        }
    }
    cases
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn shared() -> Option<PathBuf> {
    let dir = std::env::var_os("SPANWARD_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    dir.is_dir().then_some(dir)
}

fn sorted(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir).into_iter().flatten().map(|f| f.unwrap().path()).collect();
    files.sort();
    files
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn strings(v: &Value) -> Vec<String> {
    v.as_array().into_iter().flatten().filter_map(|s| s.as_str().map(str::to_owned)).collect()
}

fn text(v: &Value) -> Option<String> {
    v.as_str().map(str::to_owned)
}

/// `captures/variants`: recorded on the bed of `tests/bed`.
fn variants() -> Vec<Case> {
    let dir = root().join("captures/variants");
    let mut cases = Vec::new();
    for path in sorted(&dir) {
        let Some(name) = name_of(&path).strip_suffix(".truth.json").map(str::to_owned) else { continue };
        let truth = json(&path);
        let kind = if truth["kind"] == "attack" { Kind::Attack } else { Kind::Benign };
        let mut case = Case::new(format!("variants/{name}"), kind, dir.join(format!("{name}.pcap")), Some(dir.join("site.toml")));
        case.attackers = strings(&truth["attackers"]);
        case.zero = text(&truth["patient_zero"]);
        case.starts = truth["starts_ns"].as_i64();
        case.lost = truth["lost_ns"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
        for e in truth["expected"].as_array().into_iter().flatten() {
            let (detectors, resp) = (strings(&e["detectors"]), strings(&e["resp"]));
            case.expected.push(Expected { detectors, orig: text(&e["orig"]), resp, user: text(&e["user"]) });
        }
        cases.push(case);
    }
    cases
}

/// The detectors' own captures, made by recipe.
fn own() -> Vec<Case> {
    let mut cases = Vec::new();
    for id in DETECTORS.iter().map(|d| d.0) {
        let dir = root().join("captures").join(id);
        for path in sorted(&dir) {
            let file = name_of(&path);
            let Some(stem) = file.strip_suffix(".pcap") else { continue };
            let kind = match stem {
                s if s.starts_with("attack") => Kind::Partly,
                s if s.starts_with("benign") => Kind::Benign,
                _ => continue,
            };
            let case = Case::new(format!("{id}/{stem}"), kind, path.clone(), Some(dir.join("site.toml")));
            cases.push(if kind == Kind::Benign { case } else { case.expects(&[id]) });
        }
    }
    cases
}

/// The shared bed's scenarios. Its truths name what a monitor must report; what is optional there is not asked for.
fn bed(dir: &Path) -> Vec<Case> {
    let mut cases = Vec::new();
    for path in sorted(&dir.join("captures")) {
        let Some(name) = name_of(&path).strip_suffix(".truth.json").map(str::to_owned) else { continue };
        let truth = json(&path);
        let alerts: Vec<&Value> = truth["expected_alerts"].as_array().into_iter().flatten().collect();
        let kind = if alerts.is_empty() { Kind::Benign } else { Kind::Partly };
        let capture = path.with_file_name(format!("{name}.pcap"));
        let mut case = Case::new(format!("bed/{name}"), kind, capture, Some(dir.join("site.toml")));
        case.starts = truth["events"][0]["t0"].as_f64().map(|t| (t * 1e9) as i64);
        case.zero = text(&truth["events"][0]["actor_ip"]);
        for a in alerts.iter().filter(|a| a.get("optional").is_none()) {
            let orig = text(&a["actor_ip"]).or_else(|| text(&a["actor_mac"]));
            case.expected.push(Expected { detectors: vec![text(&a["alert"]).unwrap_or_default()], orig, resp: Vec::new(), user: None });
        }
        cases.push(case);
    }
    cases
}

/// What a word in a capture's path asks for. Only words that name an attack plainly are here; who attacks whom is not written down for these.
const WORDS: &[(&str, &[&str])] = &[
    ("dsgetncchanges", &["dcsync"]),
    ("zerologon", &["exploit-shape"]),
    ("cve-2020-1472", &["exploit-shape"]),
    ("efsrpc", &["exploit-shape"]),
    ("eternalblue-success", &["exploit-shape"]),
    ("eternalromance", &["exploit-shape"]),
    ("doublepulsar", &["exploit-shape"]),
    ("ms017-010", &["exploit-shape"]),
    ("psexec", &["remote-exec", "admin-share"]),
    ("smbexec", &["remote-exec", "admin-share"]),
    ("at_schedule", &["remote-exec"]),
    ("schtask_create", &["remote-exec"]),
    ("sharpsc_create", &["remote-exec"]),
    ("sharpsc_start", &["remote-exec"]),
    ("execmethod", &["remote-exec"]),
    ("psremoting", &["remote-exec", "rdp-fanout", "new-admin-edge"]),
    ("mimikatz_copy_to_host", &["admin-share", "terminal-to-terminal", "new-admin-edge"]),
    ("purplesharp_ad_playbook", &["smb-fanout", "rdp-fanout", "ad-recon"]),
    ("synpingsweep", &["scan"]),
    ("ackpingsweep", &["scan"]),
    ("ps-tcp_syn", &["scan"]),
    ("445_scan", &["scan", "dark-contact"]),
];

/// Called ordinary by their list, and not so on the wire: a Trans2 finished as an NT transaction (MS17-010), and the ping of DoublePulsar (Trans2 0x0e).
const NOT_BENIGN: &[(&str, &[&str])] = &[("smb2-09-trunc-file-logging", &["exploit-shape"]), ("pcap__smbv1.pcap", &["exploit-shape"])];

/// The captures that others made, by their list. Without a word of its own an attack capture is not asked about.
fn others(dir: &Path) -> Vec<Case> {
    let Ok(list) = fs::read_to_string(dir.join("manifest.tsv")) else { return Vec::new() };
    let mut cases = Vec::new();
    for row in list.lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let (Some(class), Some(local)) = (columns.first(), columns.last()) else { continue };
        let (path, file) = (dir.join(local), local.to_lowercase());
        if !path.is_file() {
            continue;
        }
        let asked = |words: &'static [(&str, &[&'static str])]| words.iter().find(|w| file.contains(w.0)).map(|w| w.1);
        let detectors = match *class {
            "C8-benign-enterprise" if file.contains("hydra") => continue,
            "C8-benign-enterprise" => asked(NOT_BENIGN),
            "C3-smb-spread" | "C5-remote-exec" | "C6-scan" => match asked(WORDS) {
                Some(d) => Some(d),
                None => continue,
            },
            _ => continue,
        };
        let name = (*local).to_owned();
        cases.push(match detectors {
            Some(d) => Case::new(name, Kind::Partly, path, None).expects(d),
            None => Case::new(name, Kind::Benign, path, None),
        });
    }
    cases
}
