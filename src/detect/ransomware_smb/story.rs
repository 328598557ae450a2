//! What one client did to the files of its servers: how many were lost, which, where, how fast, and what it left behind.

use super::super::{Finding, Scene, Subject};
use super::Tuning;
use super::content::is_note_name;
use super::files::How;
use crate::base::{Addr, Outcome, Service, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::FlowInfo;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Files, shares, servers and endings listed.
const LISTED: usize = 64;
const ENDINGS: usize = 8;
/// Names that may turn out to be notes, and directories remembered of each.
const NOTES: usize = 64;
const DIRECTORIES: usize = 8;
/// A note is short.
const NOTE_BYTES: u64 = 64 << 10;
/// Files that only contradict their names belong to what follows within this time.
const RUN_UP: Span = Span::secs(10);
/// A story that goes on is told again after so long.
const AGAIN: Span = Span::secs(60);

/// One file lost.
#[derive(Clone, Debug)]
pub(super) struct Lost {
    pub ts: Timestamp,
    pub server: Addr,
    pub share: String,
    pub path: Box<str>,
    pub how: How,
}

/// What was said last.
#[derive(Clone, Copy, Debug)]
struct Said {
    severity: Severity,
    count: u64,
    ts: Timestamp,
}

/// A server's part.
#[derive(Clone, Copy, Debug, Default)]
struct Server {
    lost: u64,
    rewritten: u64,
    first: Timestamp,
}

/// One client's story.
#[derive(Debug)]
pub(super) struct Story {
    first: Timestamp,
    last: Timestamp,
    lost: u64,
    /// Of these: only contradicted by their names.
    contradict: u64,
    bytes: u64,
    files: Vec<Lost>,
    how: BTreeSet<How>,
    servers: BTreeMap<Addr, Server>,
    shares: BTreeMap<(Addr, String), u64>,
    endings: BTreeMap<String, u64>,
    /// Renamed with an ending, nothing else seen: they count once something else confirms the ending.
    renamed: Vec<(Lost, String)>,
    notes: BoundedMap<String, BTreeSet<u64>>,
    listings: u64,
    rewritten: u64,
    rewritten_first: Timestamp,
    flows: Vec<FlowInfo>,
    user: Option<(String, &'static str)>,
    said: Option<Said>,
    /// The alarm: how many files were lost, how long after the first.
    alarm: Option<(u64, Span)>,
}

impl Story {
    pub fn new(now: Timestamp) -> Story {
        Story {
            first: now,
            last: now,
            lost: 0,
            contradict: 0,
            bytes: 0,
            files: Vec::new(),
            how: BTreeSet::new(),
            servers: BTreeMap::new(),
            shares: BTreeMap::new(),
            endings: BTreeMap::new(),
            renamed: Vec::new(),
            notes: BoundedMap::new(NOTES),
            listings: 0,
            rewritten: 0,
            rewritten_first: now,
            flows: Vec::new(),
            user: None,
            said: None,
            alarm: None,
        }
    }
    /// When it began.
    pub fn since(&self) -> Timestamp {
        self.first
    }
    /// Something was said of it.
    pub fn is_told(&self) -> bool {
        self.said.is_some()
    }
    /// Nothing happened for so long: what comes is another story.
    pub fn is_over(&self, now: Timestamp, pause: Span) -> bool {
        now.since(self.last) > pause
    }
    pub fn account(&mut self, user: &str, source: &'static str) {
        self.user = Some((user.to_owned(), source));
    }
    pub fn listed(&mut self, listings: u32) {
        self.listings += u64::from(listings);
    }
    fn proof(&mut self, flow: &FlowInfo) {
        if self.flows.len() < Finding::MAX_PROOF && self.flows.iter().all(|f| f.uid != flow.uid) {
            self.flows.push(*flow);
        }
    }
    fn begin(&mut self, now: Timestamp) {
        // What only contradicted its name some time ago was no beginning.
        if self.lost > 0 && self.lost == self.contradict && self.rewritten == 0 && now.since(self.last) > RUN_UP && !self.is_told() {
            let before = std::mem::replace(self, Story::new(now));
            (self.notes, self.listings, self.renamed) = (before.notes, before.listings, before.renamed);
        }
        if self.lost == 0 && self.rewritten == 0 {
            self.first = now;
        }
        self.last = now;
    }
    fn server(&mut self, a: Addr, now: Timestamp) -> Option<&mut Server> {
        if self.servers.len() >= LISTED && !self.servers.contains_key(&a) {
            return None;
        }
        Some(self.servers.entry(a).or_insert(Server { first: now, ..Server::default() }))
    }
    /// A file was lost.
    pub fn lose(&mut self, lost: Lost, bytes: u64, flow: &FlowInfo) {
        self.begin(lost.ts);
        self.proof(flow);
        self.lost += 1;
        self.bytes += bytes;
        self.contradict += u64::from(lost.how == How::Contradicts);
        self.how.insert(lost.how);
        if let Some(s) = self.server(lost.server, lost.ts) {
            s.lost += 1;
        }
        let share = (lost.server, lost.share.clone());
        if self.shares.len() < LISTED || self.shares.contains_key(&share) {
            *self.shares.entry(share).or_insert(0) += 1;
        }
        if self.files.len() < LISTED {
            self.files.push(lost);
        }
    }
    /// An ending that lost files have now.
    pub fn ending(&mut self, end: String) {
        if self.endings.len() < ENDINGS || self.endings.contains_key(&end) {
            *self.endings.entry(end).or_insert(0) += 1;
        }
    }
    /// Renamed with an ending, what happened to its content was not seen.
    pub fn renamed(&mut self, lost: Lost, end: String) {
        if self.renamed.len() < LISTED {
            self.renamed.push((lost, end));
        }
    }
    /// A new file that is short and text: a note, if the same name appears in several directories.
    pub fn wrote_text(&mut self, path: &str, bytes: u64, directory: u64) {
        if bytes > NOTE_BYTES || !is_note_name(path) {
            return;
        }
        let name = path.rsplit('\\').next().unwrap_or(path).to_owned();
        let all = self.notes.entry(name, BTreeSet::new);
        if all.len() < DIRECTORIES {
            all.insert(directory);
        }
    }
    /// Files rewritten under encryption.
    pub fn rewrote(&mut self, n: u32, bytes: u64, server: Addr, flow: &FlowInfo, now: Timestamp) {
        if self.rewritten == 0 {
            self.rewritten_first = now;
        }
        self.begin(now);
        self.proof(flow);
        self.rewritten += u64::from(n);
        self.bytes += bytes;
        if let Some(s) = self.server(server, now) {
            s.rewritten += u64::from(n);
        }
    }
    fn note(&self, tuning: &Tuning) -> Option<&str> {
        let often = self.notes.iter().filter(|(_, d)| d.len() >= tuning.note_directories);
        often.max_by_key(|(name, d)| (d.len(), std::cmp::Reverse(*name))).map(|(name, _)| name.as_str())
    }
    /// The ending that most lost files got, if it is most of them.
    fn uniform(&self) -> Option<(&str, u64)> {
        let (end, n) = self.endings.iter().max_by_key(|(end, n)| (**n, std::cmp::Reverse(*end)))?;
        (*n >= 2).then_some((end.as_str(), *n))
    }
    /// What was only renamed counts with the rest when its ending is that of files known to be lost.
    fn confirm(&mut self) {
        let known: Vec<String> = self.endings.iter().filter(|e| *e.1 >= 2).map(|e| e.0.clone()).collect();
        let (yes, no) = std::mem::take(&mut self.renamed).into_iter().partition(|r| known.contains(&r.1));
        self.renamed = no;
        let yes: Vec<(Lost, String)> = yes;
        for (lost, end) in yes {
            let flow = self.flows.first().copied().unwrap_or_default();
            self.lose(lost, 0, &flow);
            self.ending(end);
        }
    }
    fn judge(&self, tuning: &Tuning) -> Option<(Severity, u64)> {
        let marked = self.note(tuning).is_some() || self.uniform().is_some();
        let enough = if marked { tuning.files_marked } else { tuning.files };
        let hit = self.servers.values().filter(|s| s.lost >= 2).count() as u64;
        // A name may promise too much, so that alone says little; beside other signs it counts.
        let certain = self.lost - self.contradict;
        let counted = if marked && self.lost > 0 || certain >= 2 { self.lost } else { certain };
        if certain < 2 && !marked && self.contradict >= tuning.contradicting {
            return Some((Severity::Low, self.lost + self.rewritten));
        }
        if counted >= enough {
            let worst = self.lost >= tuning.critical_files || hit >= tuning.critical_servers;
            return Some((if worst { Severity::Critical } else { Severity::High }, self.lost + self.rewritten));
        }
        if self.rewritten < tuning.sealed_files {
            return None;
        }
        let sealed = self.servers.values().filter(|s| s.rewritten >= tuning.sealed_files).count() as u64;
        let fast = self.rewritten >= tuning.sealed_many && self.last.since(self.rewritten_first) <= tuning.sealed_window;
        Some((if sealed >= tuning.critical_servers || fast { Severity::High } else { Severity::Medium }, self.lost + self.rewritten))
    }
    /// Tells the story if there is something new to tell; `due` when what waits is to be told.
    pub fn speak(&mut self, client: Addr, scene: &Scene<'_>, tuning: &Tuning, due: bool) -> Option<Finding> {
        self.confirm();
        let (severity, count) = self.judge(tuning)?;
        if let Some(s) = self.said {
            let waited = due || scene.now.since(s.ts) >= AGAIN;
            if severity <= s.severity && count < s.count.saturating_mul(2) && !(waited && count > s.count) {
                return None;
            }
        }
        self.alarm.get_or_insert((count, self.last.since(self.first)));
        self.said = Some(Said { severity: severity.max(self.said.map_or(severity, |s| s.severity)), count, ts: scene.now });
        Some(self.finding(client, severity, count, scene, tuning))
    }
    fn finding(&self, client: Addr, severity: Severity, count: u64, scene: &Scene<'_>, tuning: &Tuning) -> Finding {
        let severity = severity.max(self.said.map_or(severity, |s| s.severity));
        let mut f = Finding::new(super::ID, client.to_string(), scene.now, severity, Subject::addr(client));
        (f.first_ts, f.last_ts, f.service, f.outcome, f.count) = (self.first, self.last, Service::Smb, Outcome::Succeeded, self.servers.len() as u64);
        let mut servers: Vec<(&Addr, &Server)> = self.servers.iter().collect();
        servers.sort_by_key(|s| (s.1.first, *s.0));
        servers.iter().for_each(|s| f.add_resp(*s.0));
        self.flows.iter().for_each(|flow| f.add_flow(flow));
        f.user = self.user.as_ref().map(|u| u.0.clone());
        f.set("user_source", self.user.as_ref().map_or("none: the logon was not readable", |u| u.1));
        f.set("files_lost", count);
        f.set("files", self.files.iter().map(listed).collect::<Vec<_>>());
        f.set("shares", self.shares.iter().map(|((a, share), n)| json!({"server": a.to_string(), "share": share, "files": n})).collect::<Vec<_>>());
        f.set("bytes", self.bytes);
        let seconds = self.last.since(self.first).as_secs_f64();
        f.set("seconds", (seconds * 10.0).round() / 10.0);
        f.set("files_per_minute", (count as f64 * 60.0 / seconds.max(1.0)).round());
        f.set("listings", self.listings);
        if let Some((n, after)) = self.alarm {
            f.set("alarm_after_files", n);
            f.set("alarm_after_seconds", (after.as_secs_f64() * 1000.0).round() / 1000.0);
        }
        self.marks(&mut f, tuning);
        let hops = servers.iter().map(|s| super::super::hop(s.1.first, client, *s.0, Service::Smb, f.user.as_deref(), Outcome::Succeeded));
        f.set("hops", hops.collect::<Vec<_>>());
        f
    }
    fn marks(&self, f: &mut Finding, tuning: &Tuning) {
        let mut reasons: Vec<&'static str> = self.how.iter().map(|h| h.word()).collect();
        f.set("extension", Value::Null);
        f.set("note", Value::Null);
        if let Some((end, n)) = self.uniform() {
            f.set("extension", end);
            f.set("extension_files", n);
            reasons.push("the files got one new ending");
        }
        if let Some(note) = self.note(tuning) {
            f.set("note", note);
            reasons.push("the same text file was left in several directories");
        }
        if self.rewritten > 0 {
            f.set("files_by_size_only", self.rewritten);
            reasons.push("encrypted SMB: files were read, written back as long and renamed, by their sizes");
        }
        f.set("reasons", reasons);
    }
}

fn listed(l: &Lost) -> Value {
    json!({"ts": l.ts.to_string(), "server": l.server.to_string(), "share": l.share, "path": l.path, "how": l.how.word()})
}
