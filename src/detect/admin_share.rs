//! `admin-share`: what is done by administrative shares (`ADMIN$`, a drive such as `C$`): programs are left there, hives with password hashes are
//! read, or many hosts refuse them (ATT&CK T1021.002, T1570, T1003.002). To connect to one alone is no finding.

use super::hosts::is_task;
use super::pair::{Excuse, NO_SESSION, Scale, account, cut, excuse, signs};
use super::signature::{Signature, SignatureError};
use super::{Detector, Finding, Scene, Subject};
use crate::base::{Addr, Outcome, Service, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowInfo, Interest};
use crate::protocols::Message;
use crate::protocols::smb::Smb;
use crate::protocols::smb::life::{Life, Magic, Work};

/// Detector id.
pub const ID: &str = "admin-share";

/// The numbers of `signatures/admin-share.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// Visits further apart are two stories.
    window: Span,
    /// An edge first seen this long before is known.
    known: Span,
    /// Points for a program by its content, by its name alone, for another file, for a place from where it starts by itself, for hives read.
    program: f64,
    named: f64,
    file: f64,
    start: f64,
    hive: f64,
    /// So many hosts that refuse an administrative share make it a search for rights.
    refused: usize,
    scale: Scale,
}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        let [window, known, refused] = s.require_all(["window", "known", "refused_hosts"])?;
        let [program, named, file, start, hive] = s.require_all(["program", "named_program", "file", "start_folder", "hive"])?;
        let [low, medium, high] = s.require_all(["low", "medium", "high"])?;
        let (window, known) = (Span::secs(window as u64), Span::secs(known as u64));
        Ok(Tuning { window, known, program, named, file, start, hive, refused: refused as usize, scale: Scale { low, medium, high } })
    }
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(AdminShare::new(Tuning::from_signature(s)?)))
}

/// Acts that add to whatever kind of file it is.
const HASHES: &str = "password hashes were read (hive or directory data base)";
const STARTS: &str = "it starts by itself there";
const FILE: &str = "a file was left";
/// Pairs remembered.
const PAIRS: usize = 16_384;
/// Files named in a finding.
const FILES: usize = 8;
/// Bytes kept of a name.
const NAME: usize = 128;

/// Endings of files that Windows runs.
const PROGRAMS: &[&str] =
    &["exe", "dll", "sys", "scr", "com", "bat", "cmd", "ps1", "vbs", "vbe", "js", "jse", "wsf", "hta", "msi", "lnk", "pif", "cpl"];

/// Does Windows run it, by its name?
pub(super) fn is_named_program(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, end)| PROGRAMS.iter().any(|p| p.eq_ignore_ascii_case(end)))
}

/// Does something run it, by its content?
pub(super) fn is_program(magic: Magic) -> bool {
    matches!(magic, Magic::Pe | Magic::Elf | Magic::Script | Magic::Lnk)
}

/// `ADMIN$`, or a drive's share.
pub(super) fn is_admin(share: &str) -> bool {
    let share = Smb::share(share);
    share == "ADMIN$" || matches!(share.as_bytes(), [b'A'..=b'Z', b'$'])
}

/// A program was written into an administrative share.
pub(super) fn is_program_left(l: &Life) -> bool {
    is_admin(&l.share) && !l.directory && l.written.bytes > 0 && (is_program(l.written.magic) || is_named_program(&l.path))
}

/// Folders out of which programs start by themselves ([T1547.001], [T1053.005]).
fn starts_by_itself(path: &str) -> bool {
    let p = path.to_ascii_lowercase();
    p.contains("\\programs\\startup\\") || p.contains("system32\\tasks\\") || p.contains("\\startup\\") || p.contains("system32\\grouppolicy\\")
}

/// A file with password hashes: a registry hive or a directory's data base by content, or by name where the beginning was not read.
fn holds_secrets(l: &Life) -> bool {
    let base = l.path.rsplit('\\').next().unwrap_or_default().to_ascii_lowercase();
    let config = l.path.to_ascii_lowercase().contains("config\\") || l.path.to_ascii_lowercase().contains("repair\\");
    let by_name = base == "ntds.dit" || config && matches!(base.as_str(), "sam" | "security" | "system");
    l.read.bytes > 0 && (l.read.magic == Magic::Hive && !base.starts_with("ntuser") && !base.starts_with("usrclass") || by_name)
}

/// What was done in the administrative shares of one host.
#[derive(Clone, Debug)]
struct Visit {
    flow: FlowInfo,
    first_ts: Timestamp,
    last_ts: Timestamp,
    /// Words with their points, each once.
    acts: Vec<(&'static str, f64)>,
    files: Vec<String>,
    bytes: u64,
    count: u64,
    packets: Vec<u64>,
    said: Option<(Severity, usize)>,
}

/// Hosts that refused an administrative share.
#[derive(Clone, Debug, Default)]
struct Refused {
    hosts: Vec<(Addr, Timestamp, FlowInfo)>,
    said: usize,
}

/// State.
#[derive(Debug)]
pub struct AdminShare {
    tuning: Tuning,
    visits: BoundedMap<(Addr, Addr), Visit>,
    refused: BoundedMap<Addr, Refused>,
}

impl AdminShare {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> AdminShare {
        AdminShare { tuning, visits: BoundedMap::new(PAIRS), refused: BoundedMap::new(4096) }
    }
    /// What a handle's life tells, in words with points.
    fn acts(&self, l: &Life) -> Vec<(&'static str, f64)> {
        let t = &self.tuning;
        let mut all = Vec::new();
        if holds_secrets(l) {
            all.push((HASHES, t.hive));
        }
        let taken = matches!(l.renamed_to.as_deref(), Some(to) if is_named_program(to) && !is_named_program(&l.path));
        // Of a program that was made new the content may be missing, not the intent.
        let made = matches!(l.action, 0 | 2 | 3) && l.access & WRITES != 0 && l.status == 0 && is_named_program(&l.path);
        if is_program(l.read.magic) && l.read.bytes > 0 {
            all.push(("a program was fetched or run from there", t.file));
        }
        if l.written.bytes > 0 || taken || made {
            all.push(match () {
                () if is_program(l.written.magic) => ("a program was left", t.program),
                () if taken || made || is_named_program(&l.path) => ("a file named as a program was left", t.named),
                () => (FILE, t.file),
            });
            if starts_by_itself(&l.path) || l.renamed_to.as_deref().is_some_and(starts_by_itself) {
                all.push((STARTS, t.start));
            }
        }
        all
    }
    fn visit(&mut self, event: &Event, flow: &FlowInfo, l: &Life, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let acts = self.acts(l);
        let (orig, resp) = (flow.tuple.orig, flow.tuple.resp);
        if acts.is_empty() {
            return;
        }
        let excused = excuse(scene, orig, resp);
        let hive = acts.iter().any(|a| a.0 == HASHES);
        // Files are what backup and distribution leave and fetch; hashes are read by a backup only.
        if excused == Excuse::Administrator && (!hive || scene.assets.role(orig) == crate::site::Role::Backup) {
            return;
        }
        let v = self.note(event, flow, l, acts);
        let (first, done, said, weight) = (v.first_ts, v.acts.clone(), v.said, v.acts.len() + v.files.len().min(3));
        // Of several kinds of files the worst counts: who leaves a program looks around too.
        let (special, mut files): (Vec<_>, Vec<_>) = done.into_iter().partition(|a| [STARTS, HASHES].contains(&a.0));
        files.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut all: Vec<_> = files.into_iter().take(1).chain(special).collect();
        // Where one comes every day, or has the task, files that nothing runs are no news.
        let plain = all.iter().all(|a| a.0 == FILE);
        all.extend(signs(scene, orig, resp, first, self.tuning.known));
        if plain && (is_task(scene, orig, resp) || !all.iter().any(|s| s.0 == NO_SESSION)) {
            return;
        }
        let points: f64 = all.iter().map(|s| s.1).sum();
        let Some(severity) = self.tuning.scale.severity(points) else { return };
        let severity = match excused {
            // Nobody administers by password hashes.
            Excuse::Administrator if all.iter().any(|a| a.0 == HASHES) => Severity::Medium,
            Excuse::Administrator | Excuse::Maintainer => severity.min(Severity::Low),
            Excuse::None => severity,
        };
        if said.is_some_and(|s| severity <= s.0 && weight <= s.1) {
            return;
        }
        let severity = severity.max(said.map_or(Severity::Info, |s| s.0));
        if let Some(v) = self.visits.get_mut(&(orig, resp)) {
            v.said = Some((severity, weight));
        }
        out.extend(self.finding(orig, resp, severity, points, all.into_iter().map(|s| s.0).collect(), scene));
    }
    fn note(&mut self, event: &Event, flow: &FlowInfo, l: &Life, acts: Vec<(&'static str, f64)>) -> &mut Visit {
        let key = (flow.tuple.orig, flow.tuple.resp);
        if self.visits.get(&key).is_some_and(|v| event.ts.since(v.last_ts) > self.tuning.window) {
            self.visits.remove(&key);
        }
        let v = self.visits.entry(key, || Visit {
            flow: *flow,
            first_ts: event.ts,
            last_ts: event.ts,
            acts: Vec::new(),
            files: Vec::new(),
            bytes: 0,
            count: 0,
            packets: Vec::new(),
            said: None,
        });
        (v.flow, v.last_ts) = (*flow, event.ts);
        for a in acts {
            if !v.acts.iter().any(|x| x.0 == a.0) {
                v.acts.push(a);
            }
        }
        let name = cut(&format!("{}\\{}", l.share, l.renamed_to.as_deref().unwrap_or(&l.path)), NAME).to_owned();
        if !v.files.contains(&name) {
            v.count += 1;
            v.bytes = v.bytes.saturating_add(l.written.bytes.max(l.read.bytes));
            if v.files.len() < FILES {
                v.files.push(name);
                v.packets.push(event.packet);
            }
        }
        v
    }
    fn finding(&self, orig: Addr, resp: Addr, severity: Severity, points: f64, reasons: Vec<&'static str>, scene: &Scene<'_>) -> Option<Finding> {
        let v = self.visits.get(&(orig, resp))?;
        let mut f = Finding::new(ID, format!("{orig}>{resp}"), scene.now, severity, Subject::addr(orig));
        (f.first_ts, f.last_ts, f.outcome, f.service, f.count) = (v.first_ts, v.last_ts, Outcome::Succeeded, Service::Smb, 1);
        f.add_resp(resp);
        f.add_flow(&v.flow);
        v.packets.iter().for_each(|p| f.add_packet(*p));
        let (user, source) = account(scene, [v.flow.uid]);
        f.user = user;
        f.set("user_source", source);
        f.set("files", v.files.clone());
        f.set("file_count", v.count);
        f.set("bytes", v.bytes);
        f.set("score", points);
        f.set("reasons", reasons);
        f.set("hops", vec![super::hop(v.first_ts, orig, resp, Service::Smb, f.user.as_deref(), Outcome::Succeeded)]);
        Some(f)
    }
    fn refuse(&mut self, event: &Event, flow: &FlowInfo, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let (orig, resp) = (flow.tuple.orig, flow.tuple.resp);
        let (window, least) = (self.tuning.window, self.tuning.refused);
        let r = self.refused.entry(orig, Refused::default);
        r.hosts.retain(|h| event.ts.since(h.1) <= window);
        r.said = r.said.min(r.hosts.len());
        if r.hosts.iter().any(|h| h.0 == resp) || r.hosts.len() >= Finding::MAX_RESP {
            return;
        }
        r.hosts.push((resp, event.ts, *flow));
        let (many, before) = (r.hosts.len(), r.said);
        if many < least || many <= before && before >= Finding::MAX_RESP {
            return;
        }
        r.said = many;
        let severity = if excuse(scene, orig, resp) == Excuse::Administrator { Severity::Info } else { Severity::Medium };
        let mut f = Finding::new(ID, format!("{orig}:refused"), event.ts, severity, Subject::addr(orig));
        let hosts = r.hosts.clone();
        (f.first_ts, f.last_ts) = (hosts.first().map_or(event.ts, |h| h.1), event.ts);
        (f.outcome, f.service, f.count) = (Outcome::Refused, Service::Smb, many as u64);
        for h in &hosts {
            f.add_resp(h.0);
            f.add_flow(&h.2);
        }
        let (user, source) = account(scene, hosts.iter().rev().map(|h| h.2.uid));
        f.user = user;
        f.set("user_source", source);
        f.set("reasons", vec!["several hosts refused their administrative shares"]);
        let user = f.user.clone();
        let hops: Vec<_> = hosts.iter().map(|h| super::hop(h.1, orig, h.0, Service::Smb, user.as_deref(), Outcome::Refused)).collect();
        f.set("hops", hops);
        out.push(f);
    }
}

impl Detector for AdminShare {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::ADMIN | Interest::FILES
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let EventKind::Message { flow, message, .. } = &event.kind else { return };
        match message {
            Message::SmbWork(w) => match w.as_ref() {
                Work::Life(l) if is_admin(&l.share) && !l.directory && !l.pipe => self.visit(event, flow, l, scene, out),
                _ => {}
            },
            Message::Smb(m) => match m.as_ref() {
                Smb::Tree { path, status: ACCESS_DENIED, .. } if is_admin(path) => self.refuse(event, flow, scene, out),
                _ => {}
            },
            _ => {}
        }
    }
    fn held(&self) -> (usize, u64) {
        (self.visits.len() + self.refused.len(), self.visits.evicted() + self.refused.evicted())
    }
}

/// GENERIC_ALL, GENERIC_WRITE, FILE_WRITE_DATA ([MS-SMB2] 2.2.13.1.1).
const WRITES: u32 = 0x5000_0002;
/// STATUS_ACCESS_DENIED.
const ACCESS_DENIED: u32 = 0xc000_0022;

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::protocols::smb::life::Content;
    use crate::site::Role;

    fn stage(site: crate::site::Site) -> Stage {
        Stage::new(site, build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap())
    }
    fn life(share: &str, path: &str) -> Life {
        Life { share: share.into(), path: path.into(), named: true, closed: true, ..Life::default() }
    }
    fn written(share: &str, path: &str, magic: Magic) -> Life {
        Life { written: Content { bytes: 40_000, magic, ..Content::default() }, action: 2, ..life(share, path) }
    }
    fn read(share: &str, path: &str, magic: Magic) -> Life {
        Life { read: Content { bytes: 40_000, magic, ..Content::default() }, action: 1, ..life(share, path) }
    }
    fn work(secs: f64, orig: &str, resp: &str, l: Life) -> Event {
        // One session of the two hosts.
        message(at(secs), flow(at(0.0), orig, resp, 445), false, Message::SmbWork(Box::new(Work::Life(l))))
    }
    const PC: &str = "10.10.10.12";

    #[test]
    fn a_program_left_on_a_colleagues_computer_is_high_and_names_file_and_account() {
        let mut s = stage(hospital());
        let mut ev = smb_session_as(at(0.0), PC, "10.10.10.13", &["IPC$", "ADMIN$"], "adm-kondo");
        ev.push(work(0.1, PC, "10.10.10.13", written("\\\\pc13\\ADMIN$", "Temp\\a.dat", Magic::Pe)));
        s.play(ev);
        let f = s.findings();
        assert_eq!((f[0].severity, f[0].user.as_deref()), (Severity::High, Some("adm-kondo")));
        assert_eq!(f[0].evidence["files"], serde_json::json!(["\\\\pc13\\ADMIN$\\Temp\\a.dat"]));
    }

    #[test]
    fn by_content_by_name_and_other_files_weigh_less_and_less() {
        let said = |l: Life| {
            let mut s = stage(crate::site::Site::default());
            s.play(vec![work(0.0, "10.0.0.5", "10.0.0.9", l)]);
            s.worst()
        };
        assert_eq!(said(written("\\\\h\\C$", "temp\\mimikatz.exe", Magic::Pe)), Some(Severity::Medium));
        assert_eq!(said(written("\\\\h\\C$", "temp\\run.bat", Magic::Unknown)), Some(Severity::Medium));
        assert_eq!(said(written("\\\\h\\C$", "temp\\list.txt", Magic::Unknown)), Some(Severity::Low));
        assert_eq!(
            said(written("\\\\h\\C$", "ProgramData\\Microsoft\\Windows\\Start Menu\\Programs\\Startup\\x.lnk", Magic::Lnk)),
            Some(Severity::High)
        );
        assert_eq!(said(read("\\\\h\\ADMIN$", "Temp\\kuTzwqAo.tmp", Magic::Hive)), Some(Severity::High));
        assert_eq!(said(read("\\\\h\\C$", "Windows\\NTDS\\ntds.dit", Magic::Unknown)), Some(Severity::High));
        assert_eq!(said(read("\\\\h\\C$", "Users\\me\\NTUSER.DAT", Magic::Hive)), None, "a profile");
        assert_eq!(said(read("\\\\h\\C$", "data\\plan.xlsx", Magic::Zip)), None);
        assert_eq!(said(read("\\\\h\\C$", "temp\\mimikatz.exe", Magic::Pe)), Some(Severity::Low));
        let made = |access| Life { access, action: 2, ..life("\\\\h\\ADMIN$", "XbTqwe.exe") };
        assert_eq!((said(made(0xc000_0000)), said(made(0x80))), (Some(Severity::Medium), None));
        assert_eq!(said(written("\\\\h\\karte", "setup.exe", Magic::Pe)), None, "an ordinary share");
    }

    #[test]
    fn administrators_are_silent_but_hashes_are_for_the_backup_alone() {
        let mut s = stage(hospital_with(&[("10.10.20.6", Role::Backup)]));
        let hive = || read("\\\\h\\C$", "Windows\\System32\\config\\SAM", Magic::Hive);
        s.play(vec![
            work(0.0, "10.10.20.5", PC, written("\\\\h\\ADMIN$", "ccmsetup.exe", Magic::Pe)),
            work(1.0, "10.10.20.6", PC, written("\\\\h\\ADMIN$", "agent.exe", Magic::Pe)),
            work(2.0, "10.10.20.6", PC, hive()),
        ]);
        assert!(s.said.is_empty(), "{:?}", s.said);
        s.play(vec![work(3.0, "10.10.20.5", PC, hive())]);
        assert_eq!(s.worst(), Some(Severity::Medium));
    }

    #[test]
    fn a_plain_file_is_none_where_one_comes_every_day_or_has_the_task() {
        let list = || written("\\\\h\\C$", "temp\\list.txt", Magic::Unknown);
        let day = 100_000.0;
        let later = |l: Life| message(at(day), flow(at(day), "10.0.0.5", "10.0.0.9", 445), false, Message::SmbWork(Box::new(Work::Life(l))));
        let mut s = stage(crate::site::Site::default());
        s.play(smb_session(at(0.0), "10.0.0.5", "10.0.0.9", &["C$"]));
        s.play(vec![later(list())]);
        assert!(s.said.is_empty(), "{:?}", s.said);
        s.play(vec![later(written("\\\\h\\C$", "temp\\run.exe", Magic::Pe))]);
        assert_eq!(s.worst(), Some(Severity::Medium), "a program is news on a known edge too");
        let mut s = stage(hospital_with(&[("10.10.20.60", Role::Printer)]));
        s.play(vec![work(0.0, "10.10.20.60", "10.10.20.20", list())]);
        assert!(s.said.is_empty(), "a copier leaves scans: {:?}", s.said);
    }

    #[test]
    fn three_hosts_that_refuse_are_a_search_for_rights() {
        let denied = |n: u32| {
            let m = Smb::Tree { path: format!("\\\\10.10.20.{n}\\C$"), status: ACCESS_DENIED, kind: 0 };
            message(at(f64::from(n)), flow(at(f64::from(n)), PC, &format!("10.10.20.{n}"), 445), false, Message::Smb(Box::new(m)))
        };
        let mut s = stage(hospital());
        s.play(vec![denied(10), denied(10), denied(20)]);
        assert!(s.said.is_empty());
        s.play(vec![denied(30)]);
        let f = s.findings();
        assert_eq!((f[0].severity, f[0].outcome, f[0].count), (Severity::Medium, Outcome::Refused, 3));
    }
}
