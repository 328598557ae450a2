//! `password-guessing`: passwords are guessed, or a few are tried on many accounts (ATT&CK T1110.001, T1110.003). Every refused logon counts, whatever
//! carries it; what is said depends on how many accounts, how fast, from where, and whether it ended with success.

mod many;
mod source;
#[cfg(test)]
mod tests;
mod tries;
mod verdict;

use super::signature::{Signature, SignatureError};
use super::{Detector, Finding, Scene, Subject};
use crate::base::{Addr, Outcome, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, Interest};
use many::Many;
use source::Source;
use tries::{Reader, Try};
use verdict::Verdict;

/// Detector id.
pub const ID: &str = "password-guessing";
/// What changed little is said again after this long.
const PAUSE: Span = Span::mins(1);
/// Most accounts named.
const NAMED: usize = 16;
/// Hosts that try logons, remembered with up to 256 accounts each; the longest quiet leaves.
const SOURCES: usize = 2_048;

/// The numbers of `signatures/password-guessing.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// Accounts that are only refused: a spray; behind an address that several use; a spray that is `high`.
    accounts: usize,
    accounts_shared: usize,
    accounts_high: usize,
    /// So many accounts within this time are no people.
    burst: Span,
    /// Refusals of one account within a minute; within the window.
    fast: u32,
    slow: u32,
    /// Refusals after which a success is no typing error that was put right.
    entered: u32,
    /// Computers that refuse one account.
    hosts: usize,
    /// Remote desktops that end within the logon, within a minute; within the window; and what a person needs for one.
    desktop: u32,
    desktop_slow: u32,
    person: Span,
    /// Short shells within a minute.
    shell: u32,
    /// Hosts that one account is refused for.
    sources: usize,
    /// The time in which they are counted together.
    window: Span,
}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        let [accounts, accounts_shared, accounts_high, burst] = s.require_all(["accounts", "accounts_shared", "accounts_high", "burst"])?;
        let [fast, slow, entered, hosts] = s.require_all(["fast", "slow", "entered", "hosts"])?;
        let [desktop, desktop_slow, person, shell] = s.require_all(["desktop", "desktop_slow", "person", "shell"])?;
        let [sources, window] = s.require_all(["sources", "window"])?;
        Ok(Tuning {
            accounts: accounts as usize,
            accounts_shared: accounts_shared as usize,
            accounts_high: accounts_high as usize,
            burst: Span::secs(burst as u64),
            fast: fast as u32,
            slow: slow as u32,
            entered: entered as u32,
            hosts: hosts as usize,
            desktop: desktop as u32,
            desktop_slow: desktop_slow as u32,
            person: Span::millis((person * 1000.0) as u64),
            shell: shell as u32,
            sources: sources as usize,
            window: Span::secs(window as u64),
        })
    }
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(PasswordGuessing::new(Tuning::from_signature(s)?)))
}

/// State.
#[derive(Debug)]
pub struct PasswordGuessing {
    tuning: Tuning,
    reader: Reader,
    sources: BoundedMap<Addr, Source>,
    many: Many,
    dirty: Vec<Addr>,
}

impl PasswordGuessing {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> PasswordGuessing {
        PasswordGuessing { tuning, reader: Reader::new(), sources: BoundedMap::new(SOURCES), many: Many::new(), dirty: Vec::new() }
    }
    fn admit(&mut self, t: &Try) {
        let source = self.sources.entry(t.from, Source::default);
        source.admit(t, self.tuning.window);
        if !source.dirty {
            source.dirty = true;
            self.dirty.push(t.from);
        }
    }
    /// Says what there is to say of those that changed, at once or in the end.
    fn speak(&mut self, scene: &Scene<'_>, pause: Span, out: &mut Vec<Finding>) {
        for orig in std::mem::take(&mut self.dirty) {
            let Some(source) = self.sources.get_mut(&orig) else { continue };
            source.dirty = false;
            let source = &*source;
            let Some(v) = verdict::judge(orig, source, &self.tuning, scene) else { continue };
            let count = tried(&v, source);
            let news = source.said.is_none_or(|(severity, outcome, n)| v.severity > severity || v.outcome > outcome || count >= 2 * n);
            if !news && (source.said.is_some_and(|s| s.2 == count) || scene.now.since(source.said_at) < pause) {
                let waits = source.said.is_some_and(|s| s.2 != count);
                if let Some(s) = self.sources.get_mut(&orig).filter(|_| waits) {
                    s.dirty = true;
                    self.dirty.push(orig);
                }
                continue;
            }
            let (severity, outcome) = source.said.map_or((v.severity, v.outcome), |s| (s.0.max(v.severity), s.1.max(v.outcome)));
            out.push(finding(orig, &v, severity, outcome, count, scene));
            if let Some(s) = self.sources.get_mut(&orig) {
                (s.said, s.said_at) = (Some((severity, outcome, count)), scene.now);
            }
        }
    }
}

/// Refusals of the story; those of which nothing is kept belong to it.
fn tried(v: &Verdict<'_>, source: &Source) -> u64 {
    v.aims.iter().map(|a| u64::from(a.refused)).sum::<u64>() + source.beyond
}

impl Detector for PasswordGuessing {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::ADMIN | Interest::KERBEROS | Interest::RPC | Interest::OTHER
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        if matches!(event.kind, EventKind::Message { .. } | EventKind::Flow(_) | EventKind::FlowGrown(_) | EventKind::FlowAlive(_))
            && let Some(t) = self.reader.read(event, scene)
        {
            self.admit(&t);
            self.many.admit(&t, &self.tuning, scene, out);
        }
    }
    fn tick(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        self.speak(scene, PAUSE, out);
    }
    fn end(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        self.speak(scene, Span(0), out);
    }
    fn held(&self) -> (usize, u64) {
        let (a, b, c) = (self.reader.held(), &self.sources, self.many.held());
        (a.0 + b.len() + c.0, a.1 + b.evicted() + c.1)
    }
}

fn finding(orig: Addr, v: &Verdict<'_>, severity: Severity, outcome: Outcome, count: u64, scene: &Scene<'_>) -> Finding {
    let mut f = Finding::new(ID, orig.to_string(), scene.now, severity, Subject::addr(orig));
    let aims = v.aims.iter().chain(v.entered.iter());
    f.first_ts = v.aims.iter().map(|a| a.first).min().unwrap_or(scene.now);
    f.last_ts = aims.clone().map(|a| a.last.max(a.good.map_or(Timestamp(0), |g| g.0))).max().unwrap_or(scene.now);
    (f.outcome, f.count) = (outcome, count);
    f.service = v.aims.first().map_or_else(Default::default, |a| a.service);
    for a in aims {
        f.add_resp(a.to);
        f.add_flow(&a.flow);
        if let Some((_, flow)) = a.good.as_ref().filter(|_| outcome == Outcome::Succeeded) {
            f.add_flow(flow);
        }
    }
    let mut accounts: Vec<&str> = v.aims.iter().filter_map(|a| a.account.as_deref()).collect();
    accounts.sort_unstable();
    accounts.dedup();
    let who =
        v.entered.filter(|a| a.account.is_some()).or_else(|| v.aims.iter().copied().find(|a| a.account.is_some()).filter(|_| accounts.len() == 1));
    f.user = who.and_then(|a| a.account.clone());
    let none = if accounts.len() > 1 { "none: several accounts were tried" } else { v.aims.first().map_or("", |a| a.source) };
    f.set("user_source", who.map_or(none, |a| a.source));
    f.set("accounts", accounts.len());
    f.set("tried", accounts.into_iter().take(NAMED).collect::<Vec<_>>());
    f.set("shape", v.shape);
    f.set("reasons", v.reasons.clone());
    f.set("most_in_a_minute", v.aims.iter().map(|a| a.fastest).max());
    f.set("locked", v.aims.iter().any(|a| a.locked));
    f.set("seconds", (f.last_ts.since(f.first_ts).as_secs_f64() * 10.0).round() / 10.0);
    if let Some((a, (ts, _))) = v.entered.and_then(|a| Some((a, a.good?))) {
        f.set("hops", vec![super::hop(ts, orig, a.to, a.service, a.account.as_deref(), Outcome::Succeeded)]);
    }
    f
}
