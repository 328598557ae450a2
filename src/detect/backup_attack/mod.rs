//! `backup-attack`: what an intruder does before he encrypts: backups are deleted, renamed or emptied, the backup server is entered after refused
//! logons, shadow copies are deleted by remote execution (ATT&CK T1490). And, as a posture, whose terminals reach the backup server at all.

#[cfg(test)]
mod tests;

use super::hosts::{is_administrator, is_terminal};
use super::sessions::{Change, Sessions, admin_service};
use super::signature::{Signature, SignatureError};
use super::{Detector, Finding, Scene, Subject};
use crate::base::{Addr, Outcome, Service, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowInfo, Interest};
use crate::protocols::Message;
use crate::protocols::dcerpc::{self, Call, Rpc};
use crate::protocols::field::cut;
use crate::protocols::smb::life::{Life, Work};
use crate::site::{Role, ZoneKind};
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

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
/// Characters kept of a path or share.
const NAME: usize = 128;
/// Backups remembered of who makes them, and how long they count: a day, and the time a job may be late.
const MADE: usize = 256;
const CREDIT: Span = Span::hours(26);
/// A file that is there again so soon was saved, not destroyed.
const SAVED: Span = Span::secs(60);
/// Refusals so close are one: a computer tries each of its drives.
const JOINED: Span = Span::secs(2);
/// After so long the same is told again.
const AGAIN: Span = Span::hours(24);

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
    /// Weight of files deleted, renamed, emptied.
    destroyed: f64,
    /// Backups newly written, which is what whoever makes backups does: when, and their names' hash.
    made: VecDeque<(Timestamp, u64)>,
    /// The latest destroyed: when, what, its weight.
    recent: VecDeque<(Timestamp, u64, f64)>,
    count: u64,
    files: Vec<serde_json::Value>,
    flows: Vec<FlowInfo>,
    said: Option<(Severity, u64)>,
}

/// Logons of one client to one backup server.
#[derive(Clone, Copy, Debug, Default)]
struct Logons {
    /// Refusals, those at once as one; and one by one.
    refused: u32,
    all: u32,
    counted: Timestamp,
    last: Timestamp,
}

/// State.
#[derive(Debug)]
pub struct BackupAttack {
    tuning: Tuning,
    sessions: Sessions,
    work: BoundedMap<(Addr, Addr), Deeds>,
    logons: BoundedMap<(Addr, Addr), Logons>,
    exposed: BoundedMap<Addr, Vec<Addr>>,
    commands: BoundedMap<(Addr, Addr, &'static str), (Severity, Timestamp)>,
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
        let bad = life.pipe || life.directory || !life.closed || life.status & 0x8000_0000 != 0;
        if bad || is_backup(scene, client) {
            return;
        }
        let (now, window, weight) = (scene.now, self.tuning.window, weigh(scene, server, life, self.tuning.other));
        let new = life.renamed_to.as_deref().or((life.action == 2 && !life.deleted).then_some(&*life.path));
        if let Some(work) = self.work.get_mut(&(client, server)) {
            new.iter().for_each(|path| work.saved(now, key(life, path)));
        }
        // Written here, or given a backup's name when it was complete.
        let writes = life.action == 2 && life.written.bytes > 0 && new.is_some_and(|p| is_named(p) || says_backup(life));
        let makes = writes || !is_named(&life.path) && life.renamed_to.as_deref().is_some_and(is_named);
        let how = destroyed(life).filter(|_| weight > 0.0);
        if !makes && how.is_none() {
            return;
        }
        let work = self.work.entry((client, server), Deeds::default);
        let Some(how) = how else { return work.make(now, key(life, new.unwrap_or(&life.path))) };
        // Its own file of just now is no backup yet.
        if work.unmake(key(life, &life.path)).is_some_and(|made| now.since(made) <= window) {
            return;
        }
        if now.since(work.last) > window {
            // What was made stays known for a day: whoever makes backups deletes the old ones.
            *work = Deeds { made: std::mem::take(&mut work.made), first: now, ..Deeds::default() };
        }
        work.last = now;
        work.destroy(now, key(life, &life.path), weight);
        if work.files.len() < LISTED {
            let share = cut(life.share.rsplit('\\').next().unwrap_or_default(), NAME);
            let path = cut(&life.path, NAME);
            work.files.push(serde_json::json!({"ts": now.to_string(), "server": server.to_string(), "share": share, "path": path, "how": how}));
        }
        if work.flows.len() < Finding::MAX_PROOF && work.flows.iter().all(|f| f.uid != flow.uid) {
            work.flows.push(*flow);
        }
        self.speak(client, server, scene, out);
    }

    fn speak(&mut self, client: Addr, server: Addr, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some(work) = self.work.get_mut(&(client, server)) else { return };
        while work.made.front().is_some_and(|m| scene.now.since(m.0) > CREDIT) {
            work.made.pop_front();
        }
        let more = work.destroyed - work.made.len() as f64;
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
        f.set("made", work.made.len());
        name(&mut f, work.flows.iter().map(|w| w.uid), scene);
        f.set("hops", [super::hop(work.first, client, server, Service::Smb, f.user.as_deref(), Outcome::Succeeded)]);
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
        if self.commands.get(&(client, server, what)).is_some_and(|s| s.0 >= severity && scene.now.since(s.1) <= AGAIN) {
            return;
        }
        self.commands.insert((client, server, what), (severity, scene.now));
        let mut f = Finding::new(ID, format!("{client}>{server}:{what}"), scene.now, severity, Subject::addr(client));
        (f.first_ts, f.service, f.count, f.outcome) = (scene.now, Service::Rpc, 1, outcome);
        f.add_resp(server);
        f.add_flow(flow);
        f.set("reasons", [what]);
        f.set("command", call.value.chars().take(300).collect::<String>());
        f.set("interface", call.interface.name);
        f.set("operation", call.operation());
        name(&mut f, [flow.uid].into_iter(), scene);
        f.set("hops", [super::hop(scene.now, client, server, Service::Rpc, f.user.as_deref(), outcome)]);
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
                if scene.now.since(logons.counted) >= JOINED {
                    (logons.refused, logons.counted) = (logons.refused + 1, scene.now);
                }
                (logons.all, logons.last) = (logons.all.saturating_add(1), scene.now);
            }
            Change::Entered if s.logged_on => {
                let Logons { refused, all, .. } = std::mem::take(logons);
                if refused < self.tuning.refused && all < 5 * self.tuning.refused {
                    return;
                }
                let severity = if s.shares.admin { Severity::High } else { Severity::Medium };
                let mut f = Finding::new(ID, format!("{client}>{server}:logon"), scene.now, severity, Subject::addr(client));
                (f.first_ts, f.last_ts, f.service, f.count) = (s.flow.first_ts, s.last_ts, admin_service(&s.flow), u64::from(all));
                f.outcome = Outcome::Succeeded;
                f.add_resp(server);
                f.add_flow(&s.flow);
                name(&mut f, [s.flow.uid].into_iter(), scene);
                f.set("reasons", ["the backup server was entered after refused logons"]);
                f.set("refused", all);
                f.set("hops", [super::hop(s.flow.first_ts, client, server, admin_service(&s.flow), f.user.as_deref(), Outcome::Succeeded)]);
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

impl Deeds {
    fn make(&mut self, now: Timestamp, key: u64) {
        if self.made.len() >= MADE {
            self.made.pop_front();
        }
        self.made.push_back((now, key));
    }
    /// A backup that it made itself is gone: it is no credit any more. When it was made.
    fn unmake(&mut self, key: u64) -> Option<Timestamp> {
        let at = self.made.iter().position(|m| m.1 == key)?;
        self.made.remove(at).map(|m| m.0)
    }
    fn destroy(&mut self, now: Timestamp, key: u64, weight: f64) {
        self.destroyed += weight;
        self.count += 1;
        if self.recent.len() >= LISTED {
            self.recent.pop_front();
        }
        self.recent.push_back((now, key, weight));
    }
    /// A file is there under this name: if it was destroyed just before, it was saved.
    fn saved(&mut self, now: Timestamp, key: u64) {
        let Some(at) = self.recent.iter().rposition(|r| r.1 == key && now.since(r.0) <= SAVED) else { return };
        let Some((_, _, weight)) = self.recent.remove(at) else { return };
        self.destroyed -= weight;
        self.count = self.count.saturating_sub(1);
    }
}

/// The account of the latest of these flows that shows one.
fn name(f: &mut Finding, flows: impl DoubleEndedIterator<Item = u64> + Clone, scene: &Scene<'_>) {
    let accounts = &scene.assets.accounts;
    let account = flows.clone().rev().find_map(|uid| accounts.of(uid));
    f.user = account.map(|a| a.user.clone());
    f.set("user_source", account.map_or_else(|| flows.last().map_or("", |uid| accounts.source(uid)), |a| a.source));
}

/// A file's name on its share, as a number.
fn key(life: &Life, path: &str) -> u64 {
    let mut h = DefaultHasher::new();
    (life.share.to_lowercase(), path.to_lowercase()).hash(&mut h);
    h.finish()
}

/// The name says backup, by its ending.
fn is_named(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, end)| ENDINGS.contains(&end.to_lowercase().as_str()))
}

/// The share says backup, by its name.
fn says_backup(life: &Life) -> bool {
    let share = life.share.to_lowercase();
    let share = share.rsplit('\\').next().unwrap_or_default();
    SHARES.iter().any(|s| share.contains(s))
}

/// How much of a backup a file is: on a backup server one with a backup's ending is one, others are some if the share says backup (people keep their
/// documents there, too); elsewhere both share and file must say so. What programs put down for a moment is none.
fn weigh(scene: &Scene<'_>, server: Addr, life: &Life, other: f64) -> f64 {
    let file = life.path.rsplit('\\').next().unwrap_or_default();
    if file.starts_with("~$") || is_partial(file) {
        return 0.0;
    }
    match (is_backup(scene, server), is_named(file), says_backup(life)) {
        (true, true, _) | (false, true, true) => 1.0,
        (true, false, true) => other,
        _ => 0.0,
    }
}

/// What destroys a file: deleted, renamed to another ending, overwritten or emptied where it was there before. A file that was made in this handle is
/// nobody's backup yet.
fn destroyed(life: &Life) -> Option<&'static str> {
    let end = |p: &str| p.rsplit_once('.').map(|e| e.1.to_lowercase());
    match life {
        Life { action: 2, .. } => None,
        Life { deleted: true, .. } => Some("deleted"),
        Life { renamed_to: Some(to), .. } if end(to) != end(&life.path) && !is_partial(to) => Some("renamed"),
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
