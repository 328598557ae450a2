//! `backup-attack`: what an intruder does before he encrypts: backups are deleted, renamed or emptied, the backup server is entered after refused
//! logons, shadow copies are deleted by remote execution (ATT&CK T1490). And, as a posture, whose terminals reach the backup server at all.

use super::hosts::{is_administrator, is_terminal};
use super::sessions::{Change, Sessions, admin_service};
use super::signature::{Signature, SignatureError};
use super::{Detector, Finding, Scene, Subject};
use crate::base::{Addr, Outcome, Service, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowInfo, Interest};
use crate::protocols::Message;
use crate::protocols::dcerpc::{self, Call, Rpc};
use crate::protocols::smb::life::{Life, Work};
use crate::site::{Role, ZoneKind};

/// Detector id.
pub const ID: &str = "backup-attack";

/// Endings of backup files: a hint, never proof.
const ENDINGS: &[&str] = &[
    "bak", "bkf", "vbk", "vib", "vrb", "vbm", "vhd", "vhdx", "avhdx", "tib", "tibx", "spf", "spi", "mrimg", "gho", "v2i", "wbcat", "bkp", "backup",
    "dmp", "fbf",
];
/// Words in the name of a share that holds backups.
const SHARES: &[&str] = &["backup", "bkup", "veeam", "arcserve", "acronis", "バックアップ"];
/// Destroyed files listed.
const LISTED: usize = 64;

/// The numbers of `signatures/backup-attack.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    destroyed: f64,
    many: f64,
    other: f64,
    refused: u32,
    window: Span,
}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        let [destroyed, many, other, refused, window] = s.require_all(["destroyed", "many", "other", "refused", "window"])?;
        Ok(Tuning { destroyed, many, other, refused: refused as u32, window: Span::secs(window as u64) })
    }
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(BackupAttack::new(Tuning::from_signature(s)?)))
}

/// What one client did to the backups on one server.
#[derive(Debug, Default)]
struct Deeds {
    first: Timestamp,
    last: Timestamp,
    /// Weight of files deleted, renamed, emptied; and of backups newly written, which is what whoever makes backups does.
    destroyed: f64,
    made: f64,
    count: u64,
    files: Vec<serde_json::Value>,
    flows: Vec<FlowInfo>,
    said: Option<(Severity, u64)>,
}

/// Logons of one client to one backup server.
#[derive(Clone, Copy, Debug, Default)]
struct Logons {
    refused: u32,
    last: Timestamp,
    said: bool,
}

/// State.
#[derive(Debug)]
pub struct BackupAttack {
    tuning: Tuning,
    sessions: Sessions,
    work: BoundedMap<(Addr, Addr), Deeds>,
    logons: BoundedMap<(Addr, Addr), Logons>,
    exposed: BoundedMap<Addr, Vec<Addr>>,
    commands: BoundedMap<(Addr, Addr, &'static str), Severity>,
}

impl BackupAttack {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> BackupAttack {
        BackupAttack {
            tuning,
            sessions: Sessions::new(16_384, |s| s == Service::Smb || s.is_interactive()),
            work: BoundedMap::new(4_096),
            logons: BoundedMap::new(4_096),
            exposed: BoundedMap::new(256),
            commands: BoundedMap::new(4_096),
        }
    }

    /// Files of a backup server, or of a share of backups: who destroys more of them than he makes?
    fn life(&mut self, flow: &FlowInfo, life: &Life, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let (client, server) = (flow.tuple.orig, flow.tuple.resp);
        let weight = weigh(scene, server, life, self.tuning.other);
        if weight == 0.0 || life.pipe || life.directory || !life.closed || life.status & 0x8000_0000 != 0 || is_backup(scene, client) {
            return;
        }
        let made = life.action == 2 && life.written.bytes > 0 && !life.deleted;
        let Some(how) = destroyed(life).or(made.then_some("")) else { return };
        let (now, window) = (scene.now, self.tuning.window);
        let work = self.work.entry((client, server), Deeds::default);
        if now.since(work.last) > window {
            // What was made stays known: whoever makes backups deletes the old ones.
            *work = Deeds { made: work.made, first: now, ..Deeds::default() };
        }
        work.last = now;
        if how.is_empty() {
            work.made += weight;
            return;
        }
        work.destroyed += weight;
        work.count += 1;
        if work.files.len() < LISTED {
            let share = life.share.rsplit('\\').next().unwrap_or_default();
            work.files.push(serde_json::json!({"ts": now.to_string(), "server": server.to_string(), "share": share, "path": life.path, "how": how}));
        }
        if work.flows.len() < Finding::MAX_PROOF && work.flows.iter().all(|f| f.uid != flow.uid) {
            work.flows.push(*flow);
        }
        self.speak(client, server, scene, out);
    }

    fn speak(&mut self, client: Addr, server: Addr, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some(work) = self.work.get_mut(&(client, server)) else { return };
        let more = work.destroyed - work.made;
        // An administrator who tidies up by hand is expected; a terminal never has business there.
        let severity = match more {
            m if m < self.tuning.destroyed => return,
            _ if scene.site.may_administer(client) || is_administrator(scene.assets.role(client)) => Severity::Info,
            m if m >= self.tuning.many || is_terminal(scene, client) && m >= 2.0 * self.tuning.destroyed => Severity::High,
            _ => Severity::Medium,
        };
        if work.said.is_some_and(|(s, n)| severity <= s && work.count < 2 * n) {
            return;
        }
        work.said = Some((severity, work.count));
        let mut f = Finding::new(ID, format!("{client}>{server}:files"), scene.now, severity, Subject::addr(client));
        (f.first_ts, f.last_ts, f.service, f.count, f.outcome) = (work.first, work.last, Service::Smb, 1, Outcome::Succeeded);
        f.add_resp(server);
        work.flows.iter().for_each(|flow| f.add_flow(flow));
        f.set("reasons", ["backups were deleted, renamed or emptied"]);
        f.set("files_lost", work.count);
        f.set("files", work.files.clone());
        f.set("made", work.made);
        f.set("user_source", "none: files are told without their logon");
        f.set("hops", [super::hop(work.first, client, server, Service::Smb, None, Outcome::Succeeded)]);
        out.push(f);
    }

    /// Remote execution whose command destroys what a machine could be restored from.
    fn call(&mut self, flow: &FlowInfo, call: &Call, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some(what) = command(&call.value).or_else(|| command(&call.target)) else { return };
        let outcome = match call.outcome {
            dcerpc::Outcome::Returned(Some(0) | None) => Outcome::Succeeded,
            dcerpc::Outcome::Returned(_) | dcerpc::Outcome::Fault(_) => Outcome::Refused,
            dcerpc::Outcome::Unanswered => Outcome::Attempted,
        };
        let (client, server) = (flow.tuple.orig, flow.tuple.resp);
        let admin = scene.site.may_administer(client);
        let severity = if outcome == Outcome::Succeeded && !admin { Severity::High } else { Severity::Medium };
        if self.commands.get(&(client, server, what)).is_some_and(|s| *s >= severity) {
            return;
        }
        self.commands.insert((client, server, what), severity);
        let mut f = Finding::new(ID, format!("{client}>{server}:{what}"), scene.now, severity, Subject::addr(client));
        (f.first_ts, f.service, f.count, f.outcome) = (scene.now, Service::Rpc, 1, outcome);
        f.add_resp(server);
        f.add_flow(flow);
        f.set("reasons", [what]);
        f.set("command", call.value.chars().take(300).collect::<String>());
        f.set("interface", call.interface.name);
        f.set("operation", call.operation());
        f.set("user_source", "none: calls are told without their logon");
        f.set("hops", [super::hop(scene.now, client, server, Service::Rpc, None, outcome)]);
        out.push(f);
    }

    /// Sessions with a backup server: refused ones, then one that is let in; and which terminals get there at all.
    fn session(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some((s, change)) = self.sessions.update(event, scene) else { return };
        let (client, server) = (s.flow.tuple.orig, s.flow.tuple.resp);
        if !is_backup(scene, server) || is_backup(scene, client) {
            return;
        }
        if s.speaks && change != Change::More && is_terminal(scene, client) {
            self.expose(client, server, admin_service(&s.flow), scene, out);
        }
        let logons = self.logons.entry((client, server), Logons::default);
        if scene.now.since(logons.last) > self.tuning.window {
            *logons = Logons::default();
        }
        match change {
            Change::Refused => {
                logons.refused += 1;
                logons.last = scene.now;
            }
            Change::Entered if s.logged_on && logons.refused >= self.tuning.refused && !std::mem::replace(&mut logons.said, true) => {
                let severity = if s.shares.admin { Severity::High } else { Severity::Medium };
                let mut f = Finding::new(ID, format!("{client}>{server}:logon"), scene.now, severity, Subject::addr(client));
                (f.first_ts, f.last_ts, f.service, f.count) = (s.flow.first_ts, s.last_ts, admin_service(&s.flow), u64::from(logons.refused));
                f.outcome = Outcome::Succeeded;
                f.add_resp(server);
                f.add_flow(&s.flow);
                f.user.clone_from(&s.user);
                f.set("user_source", if s.user.is_some() { s.user_source } else { "none: the logon was not readable" });
                f.set("reasons", ["the backup server was entered after refused logons"]);
                f.set("refused", logons.refused);
                f.set("hops", [super::hop(s.flow.first_ts, client, server, admin_service(&s.flow), s.user.as_deref(), Outcome::Succeeded)]);
                out.push(f);
            }
            _ => {}
        }
    }

    /// A posture, not an attack: ransomware on any of these terminals would reach the backups.
    fn expose(&mut self, client: Addr, server: Addr, service: Service, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let all = self.exposed.entry(server, Vec::new);
        if all.len() >= LISTED || all.contains(&client) {
            return;
        }
        all.push(client);
        if !all.len().is_power_of_two() {
            return;
        }
        let first = all.first().copied().unwrap_or(client);
        let mut f = Finding::new(ID, format!("{server}:exposed"), scene.now, Severity::Info, Subject::addr(first));
        (f.service, f.count, f.outcome) = (service, all.len() as u64, Outcome::Answered);
        f.add_resp(server);
        f.set("reasons", ["terminals reach the backup server"]);
        f.set("terminals", all.iter().map(|a| a.to_string()).collect::<Vec<_>>());
        out.push(f);
    }
}

impl Detector for BackupAttack {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::ADMIN | Interest::FILES | Interest::RPC
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        match &event.kind {
            EventKind::Message { flow, message: Message::SmbWork(w), .. } => {
                if let Work::Life(life) = w.as_ref() {
                    self.life(flow, life, scene, out);
                }
            }
            EventKind::Message { flow, message: Message::Rpc(m), .. } => {
                if let Rpc::Call(call) = m.as_ref() {
                    self.call(flow, call, scene, out);
                }
            }
            _ => self.session(event, scene, out),
        }
    }
    fn held(&self) -> (usize, u64) {
        let (s, w, l, e, c) = (self.sessions.held(), &self.work, &self.logons, &self.exposed, &self.commands);
        (s.0 + w.len() + l.len() + e.len() + c.len(), s.1 + w.evicted() + l.evicted() + e.evicted() + c.evicted())
    }
}

/// A backup server: by the ledger, or by its zone.
fn is_backup(scene: &Scene<'_>, a: Addr) -> bool {
    scene.assets.role(a) == Role::Backup || scene.site.kind(a) == Some(ZoneKind::Backup)
}

/// How much of a backup a file is: on a backup server a file with a backup's ending is one, others are some; elsewhere both share and file must say so.
fn weigh(scene: &Scene<'_>, server: Addr, life: &Life, other: f64) -> f64 {
    let path = life.path.to_lowercase();
    let named = path.rsplit_once('.').is_some_and(|(_, end)| ENDINGS.contains(&end));
    let share = life.share.to_lowercase();
    match () {
        () if is_backup(scene, server) => {
            if named {
                1.0
            } else {
                other
            }
        }
        () if named && SHARES.iter().any(|s| share.contains(s)) => 1.0,
        () => 0.0,
    }
}

/// What destroys a file: deleted, renamed to another ending, overwritten or emptied where it was there before. A file that was made in this handle is
/// nobody's backup yet.
fn destroyed(life: &Life) -> Option<&'static str> {
    let end = |p: &str| p.rsplit_once('.').map(|e| e.1.to_lowercase());
    match life {
        Life { action: 2, .. } => None,
        Life { deleted: true, .. } => Some("deleted"),
        Life { renamed_to: Some(to), .. } if end(to) != end(&life.path) && !is_partial(&life.path) => Some("renamed"),
        // Without the answer nobody knows whether there was a file.
        Life { status: 0, action: 0 | 3, .. } | Life { status: 0, truncated: Some(0), size: 1.., .. } if life.size > 0 || life.written.bytes > 0 => {
            Some("overwritten")
        }
        _ => None,
    }
}

/// A file that a backup program is still writing.
fn is_partial(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, end)| matches!(end.to_lowercase().as_str(), "tmp" | "part" | "partial" | "temp" | "new"))
}

/// A command that takes away what a machine could be restored from, in the words of a finding.
fn command(text: &str) -> Option<&'static str> {
    if text.len() < 8 {
        return None;
    }
    let t = text.to_lowercase();
    let has = |all: &[&str]| all.iter().all(|w| t.contains(w));
    let deletes = t.contains("delete") || t.contains("remove");
    match () {
        () if has(&["vssadmin"]) && (deletes || t.contains("resize")) || has(&["diskshadow"]) && deletes => Some("shadow copies are deleted"),
        () if (has(&["shadowcopy"]) || has(&["win32_shadow"])) && deletes => Some("shadow copies are deleted"),
        () if has(&["wbadmin"]) && deletes => Some("the backup catalogue is deleted"),
        () if has(&["bcdedit", "/set"]) && (t.contains("recoveryenabled") || t.contains("ignoreallfailures")) => {
            Some("recovery at start is switched off")
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::protocols::dcerpc::Interface;
    use crate::protocols::smb::life::Content;

    const VAULT: &str = "10.10.20.50";

    fn stage() -> Stage {
        let site = hospital_with(&[(VAULT, Role::Backup)]);
        Stage::new(site, build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap())
    }
    fn work(from: &str, to: &str, share: &str, lives: Vec<Life>) -> Vec<Event> {
        let f = FlowInfo { recognised: true, ..flow(at(0.0), from, to, 445) };
        let share: std::sync::Arc<str> = format!("\\\\{to}\\{share}").into();
        let told = |l: Life| Message::SmbWork(Box::new(Work::Life(Life { share: share.clone(), named: true, closed: true, ..l })));
        lives.into_iter().enumerate().map(|(i, l)| message(at(1.0 + i as f64), f, true, told(l))).collect()
    }
    fn delete(path: String) -> Life {
        Life { path: path.into(), action: 1, deleted: true, ..Life::default() }
    }
    fn make(path: String) -> Life {
        Life { path: path.into(), action: 2, written: Content { bytes: 900_000, calls: 9, ..Content::default() }, ..Life::default() }
    }
    fn say(ev: Vec<Event>) -> Option<Severity> {
        stage().play(ev).worst()
    }

    #[test]
    fn a_terminal_that_deletes_backups_is_high_and_who_makes_them_may_delete_the_oldest() {
        let gone = |n: usize| (0..n).map(|i| delete(format!("job{i}.vbk"))).collect::<Vec<_>>();
        assert_eq!(say(work("10.10.10.12", VAULT, "repo", gone(8))), Some(Severity::High));
        assert_eq!(say(work("10.10.20.20", VAULT, "repo", gone(4))), Some(Severity::Medium));
        assert_eq!(say(work("10.10.20.20", VAULT, "repo", gone(2))), None);
        assert_eq!(say(work("10.10.20.20", "10.10.20.10", "sql-backup", gone(4))), Some(Severity::Medium), "a share of backups elsewhere");
        assert_eq!(say(work("10.10.20.20", "10.10.20.10", "karte", gone(9))), None);
        assert_eq!(say(work(VAULT, "10.10.20.10", "backup", gone(9))), None, "the backup server's own retention");
        let turn = (0..9).flat_map(|i| [make(format!("new{i}.bak")), delete(format!("old{i}.bak"))]).collect();
        assert_eq!(say(work("10.10.20.20", VAULT, "sql", turn)), None);
    }

    #[test]
    fn renamed_and_overwritten_backups_count_and_partial_ones_do_not() {
        let to = |p: String, to: String| Life { path: p.into(), action: 1, renamed_to: Some(to.into()), ..Life::default() };
        let locked = (0..4).map(|i| to(format!("j{i}.vbk"), format!("j{i}.vbk.qx"))).collect();
        assert_eq!(say(work("10.10.20.20", VAULT, "repo", locked)), Some(Severity::Medium));
        let done = (0..9).map(|i| to(format!("j{i}.vbk.tmp"), format!("j{i}.vbk"))).collect();
        assert_eq!(say(work("10.10.20.20", VAULT, "repo", done)), None);
    }

    #[test]
    fn commands_that_delete_shadow_copies_are_told_by_their_outcome() {
        let call = |value: &str, outcome| {
            let f = flow(at(0.0), "10.10.20.20", "10.10.20.10", 445);
            let interface = Interface::named("svcctl").unwrap();
            let c = Call {
                pipe: None,
                interface,
                op: 12,
                auth: dcerpc::Auth::default(),
                sealed: false,
                outcome,
                sent: 300,
                received: 24,
                nth: 1,
                target: "x".into(),
                value: value.into(),
            };
            say(vec![message(at(1.0), f, true, Message::Rpc(Box::new(Rpc::Call(c))))])
        };
        let done = dcerpc::Outcome::Returned(Some(0));
        assert_eq!(call("%COMSPEC% /c VSSADMIN.exe Delete Shadows /all /quiet", done), Some(Severity::High));
        assert_eq!(call("cmd /c wmic shadowcopy delete", dcerpc::Outcome::Returned(Some(5))), Some(Severity::Medium));
        assert_eq!(call("bcdedit /set {default} recoveryenabled No", done), Some(Severity::High));
        assert_eq!(call("vssadmin list shadows", done), None);
        assert_eq!(call("C:\\Program Files\\Backup\\agent.exe --service", done), None);
    }

    #[test]
    fn a_logon_that_succeeds_after_refusals_is_told_and_one_slip_is_not() {
        let tries = |n: u32| {
            let mut ev: Vec<Event> = (0..n).flat_map(|i| smb_refused(at(f64::from(i) * 2.0), "10.10.10.12", VAULT)).collect();
            ev.extend(smb_session_as(at(60.0), "10.10.10.12", VAULT, &["IPC$", "repo"], "admin"));
            ev
        };
        assert_eq!(say(tries(4)), Some(Severity::Medium));
        assert_eq!(say(tries(1)), Some(Severity::Info), "only that a terminal gets there");
        assert_eq!(say(smb_session(at(0.0), "10.10.20.20", VAULT, &["repo"])), None);
    }
}
