//! `remote-exec`: a program is made to run on another host from afar: by its service manager, its task scheduler, WMI, remote objects, its registry
//! or a remote shell (ATT&CK T1569.002, T1053, T1047, T1021.003, T1021.006, T1112). Judged by the call and its answer, never by a bind.

mod acts;
#[cfg(test)]
mod tests;
mod web;

use super::pair::{Excuse, NO_SESSION, Scale, Sign, account, cut, excuse, signs};
use super::signature::{Signature, SignatureError};
use super::{Detector, Finding, Scene, Subject};
use crate::base::{Addr, Outcome, Service, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowInfo, Interest};
use crate::protocols::Message;
use crate::protocols::dcerpc::Rpc;
use crate::protocols::smb::life::{Life, Work};
use acts::{Act, Weight};

/// Detector id.
pub const ID: &str = "remote-exec";

/// The numbers of `signatures/remote-exec.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// Acts further apart are two stories.
    window: Span,
    /// An edge first seen this long before is known.
    known: Span,
    /// Points by class of act.
    program: f64,
    method: f64,
    control: f64,
    grave: f64,
    /// A program was left in an administrative share just before.
    file: f64,
    /// What runs is a command line.
    shell: f64,
    scale: Scale,
}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        let [window, known] = s.require_all(["window", "known"])?;
        let [program, method, control, grave, file, shell] = s.require_all(["program", "method", "control", "grave", "file", "command_line"])?;
        let [low, medium, high] = s.require_all(["low", "medium", "high"])?;
        let (window, known) = (Span::secs(window as u64), Span::secs(known as u64));
        Ok(Tuning { window, known, program, method, control, grave, file, shell, scale: Scale { low, medium, high } })
    }
    fn points(&self, w: Weight) -> f64 {
        match w {
            Weight::Program => self.program,
            Weight::Method => self.method,
            Weight::Control => self.control,
            Weight::Grave => self.grave,
        }
    }
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(RemoteExec::new(Tuning::from_signature(s)?)))
}

/// Pairs of hosts remembered. A domain's management server touches every host once a day; those pairs end in one finding of it.
const PAIRS: usize = 16_384;
/// Texts kept of one pair: names and command lines.
const TEXTS: usize = 8;
/// Bytes kept of a name, and of a command line.
const NAME: usize = 128;
const COMMAND: usize = 512;
/// From where or between whom nothing is usual.
const STRANGE: &[&str] = &["terminal to terminal", "from a supplier or guest zone", "from the internet", "the source is in no ledger"];

/// One kind of act between two hosts.
#[derive(Clone, Debug)]
struct Done {
    act: Act,
    outcome: Outcome,
    ts: Timestamp,
    count: u32,
    flow: FlowInfo,
    packet: u64,
}

/// What one host did on another.
#[derive(Clone, Debug, Default)]
struct Story {
    last_ts: Timestamp,
    done: Vec<Done>,
    targets: Vec<String>,
    commands: Vec<String>,
    /// A program left in an administrative share: its name and size, when.
    left: Option<(String, u64, Timestamp)>,
    said: Option<(Severity, usize)>,
    /// What was said of the two before the last silence: how bad, of which acts.
    before: Option<(Severity, Vec<Act>)>,
}

/// What administrators do, by administrator: one line for all their hosts.
#[derive(Clone, Debug, Default)]
struct Rounds {
    first_ts: Timestamp,
    hosts: Vec<Addr>,
    acts: Vec<&'static str>,
    count: u64,
}

/// State.
#[derive(Debug)]
pub struct RemoteExec {
    tuning: Tuning,
    stories: BoundedMap<(Addr, Addr), Story>,
    rounds: BoundedMap<Addr, Rounds>,
    web: web::Sessions,
}

impl RemoteExec {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> RemoteExec {
        RemoteExec { tuning, stories: BoundedMap::new(PAIRS), rounds: BoundedMap::new(1024), web: web::Sessions::new(4096) }
    }
    /// The story of a pair that goes on, or a new one after a long silence.
    fn story(&mut self, orig: Addr, resp: Addr, now: Timestamp) -> &mut Story {
        let (window, known) = (self.tuning.window, self.tuning.known);
        let s = self.stories.entry((orig, resp), Story::default);
        if s.last_ts != Timestamp::default() && now.since(s.last_ts) > window {
            let before = if now.since(s.last_ts) <= known { s.told() } else { None };
            *s = Story { before, ..Story::default() };
        }
        s.last_ts = s.last_ts.max(now);
        s
    }
    fn left(&mut self, flow: &FlowInfo, life: &Life, ts: Timestamp) {
        if super::admin_share::is_program_left(life) {
            let name = cut(&format!("{}\\{}", life.share, life.path), NAME).to_owned();
            self.story(flow.tuple.orig, flow.tuple.resp, ts).left = Some((name, life.written.bytes, ts));
        }
    }
    fn act(&mut self, event: &Event, flow: &FlowInfo, new: (Act, Outcome), [target, command]: [&str; 2], scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let (orig, resp) = (flow.tuple.orig, flow.tuple.resp);
        let s = self.story(orig, resp, event.ts);
        s.add(new, event, flow);
        for (list, text) in [(&mut s.targets, cut(target, NAME)), (&mut s.commands, cut(command, COMMAND))] {
            if !text.is_empty() && list.len() < TEXTS && !list.iter().any(|x| x == text) {
                list.push(text.to_owned());
            }
        }
        let Some(s) = self.stories.get(&(orig, resp)) else { return };
        match excuse(scene, orig, resp) {
            // Hives and traces are nobody's daily work.
            Excuse::Administrator if new.0.weight() != Weight::Grave => self.round(flow, new, event.ts, scene, out),
            excused => {
                let (points, reasons) = self.judge(s, orig, resp, scene);
                let backup = scene.assets.role(orig) == crate::site::Role::Backup;
                let Some(severity) = self.severity(s, (points, &reasons), excused, backup) else { return };
                let weight = s.done.len() + s.targets.len() + s.commands.len();
                if s.said.is_some_and(|said| severity <= said.0 && weight <= said.1) || s.is_repeated(severity) {
                    return;
                }
                let severity = severity.max(s.said.map_or(Severity::Info, |said| said.0));
                out.push(s.finding(orig, resp, severity, points, reasons, scene));
                if let Some(s) = self.stories.get_mut(&(orig, resp)) {
                    s.said = Some((severity, weight));
                }
            }
        }
    }
    fn judge(&self, s: &Story, orig: Addr, resp: Addr, scene: &Scene<'_>) -> (f64, Vec<&'static str>) {
        let began = s.done.iter().map(|d| d.flow.first_ts).min().unwrap_or(s.last_ts);
        let mut all: Vec<Sign> = s.done.iter().filter(|d| d.counts()).map(|d| (d.act.word(), self.tuning.points(d.act.weight()))).collect();
        if all.is_empty() {
            // Nothing came of it: the tries weigh as much as what they tried, and never more than `low`.
            all = s.done.iter().map(|d| (d.act.word(), self.tuning.points(d.act.weight()))).collect();
        }
        if s.left.is_some() {
            all.push(("a program was left in an administrative share before", self.tuning.file));
        }
        if s.commands.iter().any(|c| acts::is_command_line(c)) {
            all.push(("what runs is a command line", self.tuning.shell));
        }
        all.extend(signs(scene, orig, resp, began, self.tuning.known));
        (all.iter().map(|s| s.1).sum(), all.into_iter().map(|s| s.0).collect())
    }
    fn severity(&self, s: &Story, (points, reasons): (f64, &[&str]), excused: Excuse, backup: bool) -> Option<Severity> {
        let worst = self.tuning.scale.severity(points)?;
        let most = match s.outcome() {
            Outcome::Succeeded | Outcome::Answered => Severity::High,
            // Only one direction was captured.
            Outcome::Attempted => Severity::Medium,
            Outcome::Refused | Outcome::Failed => Severity::Low,
        };
        let most = match excused {
            Excuse::None => most.min(self.usual(s, reasons)),
            // Hives and traces: nobody administers by them, and a backup reads them by its own means.
            Excuse::Administrator if !backup => most.min(Severity::Medium),
            Excuse::Administrator | Excuse::Maintainer => most.min(Severity::Low),
        };
        Some(worst.min(most))
    }
    /// The most of what administrators without a role in the ledger do all day: they start and stop what is there, and use WMI. What comes from where
    /// nobody administers, or with a program of one's own, is not usual.
    fn usual(&self, s: &Story, reasons: &[&str]) -> Severity {
        let is = |words: &[&str]| reasons.iter().any(|r| words.contains(r));
        let program = s.left.is_some() || s.commands.iter().any(|c| acts::is_command_line(c));
        let heaviest = |w: Weight| s.done.iter().any(|d| d.act.weight() == w);
        let stops = s.done.iter().any(|d| d.act == Act::StopService && d.count > 1);
        if program || stops || is(STRANGE) || heaviest(Weight::Program) || heaviest(Weight::Grave) {
            return Severity::High;
        }
        if heaviest(Weight::Method) && is(&[NO_SESSION]) { Severity::Medium } else { Severity::Low }
    }
    /// An administrator at work: noted, with all its hosts.
    fn round(&mut self, flow: &FlowInfo, new: (Act, Outcome), ts: Timestamp, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let (orig, resp) = (flow.tuple.orig, flow.tuple.resp);
        let r = self.rounds.entry(orig, || Rounds { first_ts: ts, ..Rounds::default() });
        let known = r.hosts.contains(&resp) && r.acts.contains(&new.0.word());
        if known || r.hosts.len() >= Finding::MAX_RESP {
            return;
        }
        if !r.hosts.contains(&resp) {
            r.hosts.push(resp);
            r.count += 1;
        }
        if !r.acts.contains(&new.0.word()) {
            r.acts.push(new.0.word());
        }
        let mut f = Finding::new(ID, format!("rounds:{orig}"), ts, Severity::Info, Subject::addr(orig));
        (f.first_ts, f.last_ts, f.service, f.outcome, f.count) = (r.first_ts, ts, via(flow), new.1, r.count);
        f.resp.clone_from(&r.hosts);
        f.add_flow(flow);
        let (user, source) = account(scene, [flow.uid]);
        f.user = user;
        f.set("user_source", source);
        f.set("acts", r.acts.clone());
        f.set("reasons", vec![if scene.site.may_administer(orig) { "listed as an administrator" } else { "an administrator as learned" }]);
        out.push(f);
    }
}

/// The service by which the act came.
fn via(flow: &FlowInfo) -> Service {
    match super::sessions::admin_service(flow) {
        Service::Smb => Service::Smb,
        Service::Winrm | Service::Http => Service::Winrm,
        _ => Service::Rpc,
    }
}

impl Done {
    /// It came to something, or nobody saw the answer.
    fn counts(&self) -> bool {
        matches!(self.outcome, Outcome::Succeeded | Outcome::Answered | Outcome::Attempted)
    }
    /// Of two outcomes of the same act the one that says more: what succeeded once was done.
    fn rank(outcome: Outcome) -> u8 {
        match outcome {
            Outcome::Refused => 0,
            Outcome::Failed => 1,
            Outcome::Attempted => 2,
            Outcome::Answered => 3,
            Outcome::Succeeded => 4,
        }
    }
}

impl Story {
    fn add(&mut self, (act, outcome): (Act, Outcome), event: &Event, flow: &FlowInfo) {
        match self.done.iter_mut().find(|d| d.act == act) {
            Some(d) => {
                d.count = d.count.saturating_add(1);
                if Done::rank(outcome) > Done::rank(d.outcome) {
                    (d.outcome, d.ts, d.flow, d.packet) = (outcome, event.ts, *flow, event.packet);
                }
            }
            None => self.done.push(Done { act, outcome, ts: event.ts, count: 1, flow: *flow, packet: event.packet }),
        }
    }
    /// What was said of the two up to now.
    fn told(&self) -> Option<(Severity, Vec<Act>)> {
        match self.said {
            Some(said) => Some((said.0, self.done.iter().map(|d| d.act).collect())),
            None => self.before.clone(),
        }
    }
    /// All of it was said before, and no milder: a script that comes every hour is one finding.
    fn is_repeated(&self, severity: Severity) -> bool {
        self.before.as_ref().is_some_and(|b| severity <= b.0 && self.done.iter().all(|d| b.1.contains(&d.act)))
    }
    /// The best that was reached.
    fn outcome(&self) -> Outcome {
        self.done.iter().map(|d| d.outcome).max_by_key(|o| Done::rank(*o)).unwrap_or(Outcome::Attempted)
    }
    fn finding(&self, orig: Addr, resp: Addr, severity: Severity, points: f64, reasons: Vec<&'static str>, scene: &Scene<'_>) -> Finding {
        let ts = scene.now;
        let mut f = Finding::new(ID, format!("{orig}>{resp}"), ts, severity, Subject::addr(orig));
        let (user, source) = account(scene, self.done.iter().map(|d| d.flow.uid));
        f.first_ts = self.done.iter().map(|d| d.ts).min().unwrap_or(ts);
        (f.last_ts, f.outcome, f.count) = (ts, self.outcome(), 1);
        f.service = self.done.first().map_or(Service::Rpc, |d| via(&d.flow));
        f.add_resp(resp);
        for d in &self.done {
            f.add_flow(&d.flow);
            f.add_packet(d.packet);
        }
        let mut techniques: Vec<&str> = self.done.iter().map(|d| d.act.technique()).collect();
        techniques.sort_unstable();
        techniques.dedup();
        let acts: Vec<&str> = self.done.iter().map(|d| d.act.word()).collect();
        f.set("acts", acts);
        f.set("outcomes", self.done.iter().map(|d| d.outcome.word()).collect::<Vec<_>>());
        f.set("tries", self.done.iter().map(|d| u64::from(d.count)).sum::<u64>());
        f.set("techniques", techniques);
        f.set("targets", self.targets.clone());
        f.set("commands", self.commands.clone());
        if let Some((name, bytes, when)) = &self.left {
            f.set("file_left", name.clone());
            f.set("file_bytes", *bytes);
            f.set("file_ts", when.to_string());
            f.first_ts = f.first_ts.min(*when);
        }
        f.set("score", points);
        f.set("reasons", reasons);
        f.set("user_source", source);
        f.set("hops", vec![super::hop(f.first_ts, orig, resp, f.service, user.as_deref(), f.outcome)]);
        f.user = user;
        f
    }
}

impl Detector for RemoteExec {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::ADMIN | Interest::RPC | Interest::FILES
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let flow = match &event.kind {
            EventKind::Message { flow, .. } => flow,
            EventKind::Flow(r) => {
                self.web.ended(r.info.uid);
                return;
            }
            _ => return,
        };
        let EventKind::Message { message, .. } = &event.kind else { return };
        match message {
            Message::Rpc(r) => {
                if let Rpc::Call(c) = r.as_ref()
                    && let Some(act) = Act::of(c)
                {
                    let command = if act.weight() == Weight::Program { c.value.as_str() } else { "" };
                    self.act(event, flow, (act, acts::outcome(act, c)), [&c.target, command], scene, out);
                }
            }
            Message::SmbWork(w) => {
                if let Work::Life(life) = w.as_ref() {
                    self.left(flow, life, event.ts);
                }
            }
            _ => {
                if let Some((outcome, target)) = self.web.update(flow, message) {
                    self.act(event, flow, (Act::Shell, outcome), [&target, ""], scene, out);
                }
            }
        }
    }
    fn held(&self) -> (usize, u64) {
        let b = self.web.held();
        (b.0 + self.stories.len() + self.rounds.len(), b.1 + self.stories.evicted() + self.rounds.evicted())
    }
}
