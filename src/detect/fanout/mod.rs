//! What the fan-out detectors share: per originator, the distinct responders it opened sessions to within a window, each with a weight that says
//! how unusual it is for such a responder to be visited; and the sum, judged together with confirming behaviour. Novelty alone never alarms. The
//! story begins at the first visit that is unusual: what was honest before is no part of it.

mod source;
mod story;
mod target;
mod verdict;

pub(super) use target::Target;

use super::sessions::{Session, admin_service};
use super::signature::{Signature, SignatureError};
use super::{Finding, Scene};
use crate::base::{Addr, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::Contact;
use source::{PAUSE, Source};
use story::Story;

/// Most responders kept per originator; beyond, only their number is estimated. Raising it costs memory, not precision of the verdict.
const MAX_TARGETS: usize = 128;
/// A visit that weighs less is no unusual one: a file server that others use too.
const UNUSUAL: f64 = 0.5;
/// An edge that existed this long before is habit, not spread.
const HABIT: Span = Span::hours(24);

/// The numbers of one fan-out detector.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    /// Distinct responders, at least.
    pub targets: usize,
    /// Score at which confirmed behaviour is `medium`.
    pub confirmed: f64,
    /// Score at which mere number is `medium`.
    pub plain: f64,
    /// Score at which it is `high`.
    pub high: f64,
    /// Responders that did not answer, refused, or refused the logon, from which on the fan-out looks like a search.
    pub failures: usize,
    /// The time in which they are counted together.
    pub window: Span,
    /// That many responders within this time are no person's work; and what comes after a longer pause is another visit.
    pub burst: Span,
}

impl Measure {
    pub fn from_signature(s: &Signature) -> Result<Measure, SignatureError> {
        let [targets, confirmed, plain, high, failures, window, burst] =
            s.require_all(["targets", "confirmed", "plain", "high", "failures", "window", "burst"])?;
        let (window, burst) = (Span::secs(window as u64), Span::secs(burst as u64));
        Ok(Measure { targets: targets as usize, confirmed, plain, high, failures: failures as usize, window, burst })
    }
}

/// All originators.
#[derive(Debug)]
pub(super) struct Fan {
    id: &'static str,
    measure: Measure,
    weigh: Weigh,
    sources: BoundedMap<Addr, Source>,
    dirty: Vec<Addr>,
    /// Sources of which more responders are known than were said.
    late: Vec<Addr>,
}

/// What a responder's visit weighs.
pub(super) type Weigh = fn(&Scene<'_>, Addr, &Target) -> f64;

impl Fan {
    pub fn new(id: &'static str, measure: Measure, weigh: Weigh) -> Fan {
        Fan { id, measure, weigh, sources: BoundedMap::new(8_192), dirty: Vec::new(), late: Vec::new() }
    }
    pub fn held(&self) -> (usize, u64) {
        (self.sources.len(), self.sources.evicted())
    }
    /// A contact that failed: it may belong to a search for responders.
    pub fn failed(&mut self, c: &Contact) {
        self.sources.entry(c.flow.tuple.orig, Source::default).failed(c.flow.tuple.resp, c.flow.first_ts, self.measure.window);
    }
    /// A session that speaks, entered or lives.
    pub fn session(&mut self, session: &Session, scene: &Scene<'_>) {
        let t = session.flow.tuple;
        let service = admin_service(&session.flow);
        if scene.assets.edges.is_habit(t.orig, t.resp, service, session.flow.first_ts, HABIT) {
            return;
        }
        let source = self.sources.entry(t.orig, Source::default);
        source.admit(session, &self.measure);
        if !source.dirty {
            source.dirty = true;
            self.dirty.push(t.orig);
        }
    }
    /// Says what there is to say of those that changed.
    pub fn speak(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        for orig in std::mem::take(&mut self.dirty) {
            let Some(source) = self.sources.get_mut(&orig) else { continue };
            source.dirty = false;
            if source.targets.len() < self.measure.targets {
                continue;
            }
            let source = &*source;
            let story = Story::of(orig, source, &self.measure, scene, self.weigh);
            let Some(verdict) = story.judge(&self.measure, scene) else { continue };
            if !source.is_news(&verdict, scene.now) {
                if source.said.is_some_and(|said| verdict.count > said.1) {
                    self.wait(orig);
                }
                continue;
            }
            let finding = story.finding(self.id, &source.flow, &self.measure, scene, &verdict);
            if let Some(source) = self.sources.get_mut(&orig) {
                source.said = Some((verdict.severity, verdict.count));
                source.said_at = scene.now;
            }
            out.push(finding);
        }
    }
    fn wait(&mut self, orig: Addr) {
        if let Some(s) = self.sources.get_mut(&orig).filter(|s| !s.late) {
            s.late = true;
            self.late.push(orig);
        }
    }
    /// A second has passed: what changed is said, and what waited long enough.
    pub fn tick(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        self.overdue(scene.now, PAUSE);
        self.speak(scene, out);
    }
    /// The run is over: nothing waits any more.
    pub fn end(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        self.overdue(scene.now, Span(0));
        self.speak(scene, out);
    }
    /// Those that waited for so long come to a word.
    fn overdue(&mut self, now: Timestamp, pause: Span) {
        for orig in std::mem::take(&mut self.late) {
            let Some(s) = self.sources.get_mut(&orig) else { continue };
            if now.since(s.said_at) < pause {
                self.late.push(orig);
                continue;
            }
            s.late = false;
            s.said_at = Timestamp(0);
            if !s.dirty {
                s.dirty = true;
                self.dirty.push(orig);
            }
        }
    }
}
