//! `printer-burst`: one host sends jobs of the same length to several printers within minutes: the note of a ransomware gang, printed everywhere
//! (ATT&CK T1491.001).

use super::hosts::{is_administrator, is_server};
use super::signature::{Signature, SignatureError};
use super::{Detector, Finding, Scene, Subject};
use crate::base::{Addr, Outcome, Service, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowInfo, FlowRecord, Interest};
use crate::protocols::Message;
use crate::protocols::field::cut;
use crate::protocols::smb::Smb;
use crate::protocols::smb::life::Work;
use crate::site::Role;
use std::collections::VecDeque;

/// Detector id.
pub const ID: &str = "printer-burst";

/// The queue's kind of tree ([MS-SMB2] 2.2.10).
const PRINTER_TREE: u8 = 3;
/// IPP: questions of a driver are as long as small jobs, so a job must be longer.
const IPP: u16 = 631;
/// Characters kept of a queue's name, and of its path.
const NAME: usize = 128;
const PATH: usize = 256;
/// Jobs remembered per host.
const JOBS: usize = 64;

/// The numbers of `signatures/printer-burst.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    printers: usize,
    many: usize,
    habitual: usize,
    fast: Span,
    window: Span,
    job: u64,
    ipp_job: u64,
    alike: f64,
    opening: i8,
    closing: i8,
}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        let [printers, many, habitual, fast, window] = s.require_all(["printers", "many", "habitual", "fast", "window"])?;
        let [job, ipp_job, alike, opening, closing] = s.require_all(["job", "ipp_job", "alike", "opening", "closing"])?;
        Ok(Tuning {
            printers: printers as usize,
            many: many as usize,
            habitual: habitual as usize,
            fast: Span::secs(fast as u64),
            window: Span::secs(window as u64),
            job: job as u64,
            ipp_job: ipp_job as u64,
            alike,
            opening: opening as i8,
            closing: closing as i8,
        })
    }
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(PrinterBurst::new(Tuning::from_signature(s)?)))
}

/// A printer: a host, or a queue of a print server.
type Printer = (Addr, String);

/// One job.
#[derive(Clone, Debug)]
struct Job {
    ts: Timestamp,
    printer: Printer,
    bytes: u64,
    flow: FlowInfo,
}

/// What one host prints.
#[derive(Debug, Default)]
struct Source {
    jobs: VecDeque<Job>,
    /// Printers that it printed to before its present jobs, and whether lengths differed: the habit of a print server.
    habit: Vec<Printer>,
    lengths: Vec<u64>,
    said: Option<(Severity, usize)>,
}

/// State.
#[derive(Debug)]
pub struct PrinterBurst {
    tuning: Tuning,
    sources: BoundedMap<Addr, Source>,
    queues: BoundedMap<(u64, String), ()>,
}

impl PrinterBurst {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> PrinterBurst {
        PrinterBurst { tuning, sources: BoundedMap::new(8_192), queues: BoundedMap::new(4_096) }
    }
    /// A connection to a printer that is over: a job if it carried one. Questions about its state are short, or bring back more than they carry.
    fn flow(&mut self, r: &FlowRecord, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let [up, down] = r.payload;
        let least = if r.info.tuple.resp_port == IPP { self.tuning.ipp_job } else { self.tuning.job };
        if r.info.service != Service::Print && Service::of_port(r.info.tuple.proto, r.info.tuple.resp_port) != Service::Print {
            return;
        }
        if r.outcome < Outcome::Answered || up < least || up <= down || scene.site.is_internet(r.info.tuple.resp) {
            return;
        }
        let printer = (r.info.tuple.resp, String::new());
        self.job(Job { ts: r.last_ts, printer, bytes: up, flow: r.info }, scene, out);
    }
    fn job(&mut self, job: Job, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let (window, orig) = (self.tuning.window, job.flow.tuple.orig);
        let source = self.sources.entry(orig, Source::default);
        while source.jobs.front().is_some_and(|j| job.ts.since(j.ts) > window) || source.jobs.len() >= JOBS {
            let Some(old) = source.jobs.pop_front() else { break };
            source.remember(old);
        }
        if source.jobs.is_empty() {
            source.said = None;
        }
        source.jobs.push_back(job);
        self.judge(orig, scene, out);
    }
    fn judge(&mut self, orig: Addr, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let tuning = self.tuning;
        let Some(source) = self.sources.get_mut(&orig) else { return };
        let Some(last) = source.jobs.back().cloned() else { return };
        let alike: Vec<&Job> = first_to_each(source.jobs.iter().filter(|j| is_alike(j.bytes, last.bytes, tuning.alike)));
        let n = alike.len();
        if n < tuning.printers {
            return;
        }
        let start = alike.first().map_or(last.ts, |j| j.ts);
        let fast = last.ts.since(start) <= tuning.fast;
        let off = is_off_hours(scene, last.ts, &tuning);
        let habit = source.is_habitual(&tuning) || is_print_server(scene, orig);
        let severity = match () {
            () if scene.site.may_administer(orig) || is_administrator(scene.assets.role(orig)) => Severity::Info,
            // A print server, or one that prints labels all day, sends alike jobs to several printers; to many more than usual it does not.
            () if habit && (n < tuning.habitual.max(2 * source.habit.len()) || !fast) => return,
            () if habit => Severity::Medium,
            () if n >= tuning.many || fast && off => Severity::High,
            () if fast || off => Severity::Medium,
            // One printer after the other jams.
            () => Severity::Low,
        };
        if source.said.is_some_and(|(s, count)| severity <= s && n < 2 * count) {
            return;
        }
        source.said = Some((severity, n));
        let mut f = Finding::new(ID, orig.to_string(), scene.now, severity, Subject::addr(orig));
        (f.first_ts, f.last_ts, f.service, f.count, f.outcome) = (start, last.ts, Service::Print, n as u64, Outcome::Succeeded);
        for j in &alike {
            f.add_resp(j.printer.0);
            f.add_flow(&j.flow);
        }
        let mut reasons = vec!["jobs of the same length to several printers"];
        reasons.extend(fast.then_some("within two minutes"));
        reasons.extend(off.then_some("outside working hours"));
        f.set("reasons", reasons);
        f.set("bytes", last.bytes);
        f.set("seconds", (last.ts.since(start).as_secs_f64() * 10.0).round() / 10.0);
        f.set("queues", alike.iter().filter(|j| !j.printer.1.is_empty()).map(|j| j.printer.1.clone()).collect::<Vec<_>>());
        f.set("user_source", "none: printing needs no logon");
        out.push(f);
    }
}

impl Source {
    /// A job that is no longer of now belongs to the habit.
    fn remember(&mut self, job: Job) {
        if self.habit.len() < JOBS && !self.habit.contains(&job.printer) {
            self.habit.push(job.printer);
        }
        if self.lengths.len() < 8 && !self.lengths.iter().any(|l| is_alike(*l, job.bytes, 0.1)) {
            self.lengths.push(job.bytes);
        }
    }
    /// It printed this and that to several printers before.
    fn is_habitual(&self, t: &Tuning) -> bool {
        self.habit.len() >= t.printers && self.lengths.len() >= 2
    }
}

/// A server, by what it is known to do for others; the ledger's word for a copier or printer that hands jobs on.
fn is_print_server(scene: &Scene<'_>, a: Addr) -> bool {
    let declared = scene.site.role(scene.assets.device_of(a).and_then(|d| d.mac), a);
    match declared {
        Some(Role::Printer | Role::Server | Role::Pacs) => true,
        Some(_) => false,
        None => [Service::Print, Service::Smb, Service::Http, Service::Hl7, Service::Sql].iter().any(|s| is_server(scene, a, *s)),
    }
}

/// The first of these jobs to each printer.
fn first_to_each<'a>(jobs: impl Iterator<Item = &'a Job>) -> Vec<&'a Job> {
    let mut all: Vec<&Job> = Vec::new();
    for j in jobs {
        if all.iter().all(|o| o.printer != j.printer) {
            all.push(j);
        }
    }
    all
}

fn is_alike(a: u64, b: u64, share: f64) -> bool {
    a.abs_diff(b) as f64 <= a.max(b) as f64 * share
}

/// At night, on a Saturday, Sunday or day off: by the hospital's clock, if it declared one.
fn is_off_hours(scene: &Scene<'_>, ts: Timestamp, t: &Tuning) -> bool {
    if !scene.site.calendar.declared {
        return false;
    }
    let local = scene.site.calendar.local(ts);
    let weekend = matches!(local.weekday(), jiff::civil::Weekday::Saturday | jiff::civil::Weekday::Sunday);
    weekend || scene.site.calendar.is_holiday(ts) || local.hour() < t.opening || local.hour() >= t.closing
}

impl Detector for PrinterBurst {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::FLOW | Interest::FILES | Interest::ADMIN
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        match &event.kind {
            EventKind::Flow(r) => self.flow(r, scene, out),
            EventKind::Message { flow, message: Message::Smb(m), .. } => {
                if let Smb::Tree { path, status: 0, kind: PRINTER_TREE } = m.as_ref() {
                    self.queues.insert((flow.uid, cut(&path.to_lowercase(), PATH)), ());
                }
            }
            EventKind::Message { flow, message: Message::SmbWork(w), .. } => {
                if let Work::Life(l) = w.as_ref()
                    && l.closed
                    && l.written.bytes >= self.tuning.job
                    && self.queues.contains(&(flow.uid, cut(&l.share.to_lowercase(), PATH)))
                {
                    let queue = cut(l.share.rsplit('\\').next().unwrap_or_default(), NAME);
                    let job = Job { ts: scene.now, printer: (flow.tuple.resp, queue), bytes: l.written.bytes, flow: *flow };
                    self.job(job, scene, out);
                }
            }
            _ => {}
        }
    }
    fn held(&self) -> (usize, u64) {
        (self.sources.len() + self.queues.len(), self.sources.evicted() + self.queues.evicted())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::protocols::smb::life::{Content, Life};

    /// 2026-11-21 20:23 UTC; in the tests' site the clock shows UTC: a Saturday evening.
    fn stage() -> Stage {
        stage_by(crate::site::Calendar::new("UTC", vec![]).unwrap())
    }
    fn stage_by(calendar: crate::site::Calendar) -> Stage {
        let site = hospital_with(&[("10.10.20.40", Role::Server), ("10.10.20.41", Role::Management)]);
        Stage::new(
            crate::site::Site { calendar, ..site },
            build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap(),
        )
    }
    fn job(secs: f64, from: &str, printer: u32, bytes: u64) -> Event {
        let f = flow(at(secs), from, &format!("10.10.10.{printer}"), 9100);
        ended(record(f, at(secs + 0.5), [bytes, 40]))
    }
    fn say(ev: Vec<Event>) -> Option<Severity> {
        stage().play(ev).worst()
    }
    const DAYS: f64 = 86_400.0;

    #[test]
    fn the_third_printer_speaks_at_night_high_by_day_medium_and_slowly_low() {
        let jobs =
            |start: f64, gap: f64, n: u32| (0..n).map(|i| job(start + gap * f64::from(i), "10.10.10.12", 200 + i, 2_040 + u64::from(i))).collect();
        assert_eq!(say(jobs(0.0, 4.0, 2)), None);
        assert_eq!(say(jobs(0.0, 4.0, 3)), Some(Severity::High));
        let nowhere = stage_by(crate::site::Calendar::default()).play(jobs(0.0, 4.0, 3)).worst();
        assert_eq!(nowhere, Some(Severity::Medium), "without a time zone nobody knows when it is night");
        // Monday, ten in the morning.
        let monday = 2.0 * DAYS - 10.4 * 3_600.0;
        assert_eq!(say(jobs(monday, 4.0, 3)), Some(Severity::Medium));
        assert_eq!(say(jobs(monday, 150.0, 3)), Some(Severity::Low), "one jams after the other");
        assert_eq!(say(jobs(monday, 4.0, 6)), Some(Severity::High));
        let mut s = Stage::bare(build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap());
        s.play(jobs(0.0, 4.0, 3));
        assert_eq!(s.worst(), Some(Severity::Medium), "without a site file nobody knows the hours");
    }

    #[test]
    fn print_servers_monitoring_and_ordinary_prints_are_silent() {
        let labels = (0..60).map(|i| job(f64::from(i) * 9.0, "10.10.20.40", 200 + i % 5, 1_500)).collect();
        assert_eq!(say(labels), None, "labels all day");
        let polls = (0..30).map(|i| job(f64::from(i), "10.10.10.12", 200 + i, 90)).collect();
        assert_eq!(say(polls), None, "questions about the paper");
        let ipp = (0..9).map(|i| {
            ended(record(flow(at(f64::from(i)), "10.10.10.12", &format!("10.10.10.{}", 200 + i), 631), at(f64::from(i) + 0.3), [900, 4_000]))
        });
        assert_eq!(say(ipp.collect()), None);
        let rounds = (0..3u32)
            .flat_map(|r| (0..14).map(move |i| job(f64::from(r) * 2_000.0 + f64::from(i) * 2.0, "10.10.20.40", 200 + i, 1_500 + 900 * u64::from(r))));
        let mut s = stage();
        s.play(rounds.skip(14).collect());
        let first = s.said.len();
        s.play((0..14).map(|i| job(9_000.0 + f64::from(i) * 2.0, "10.10.20.40", 200 + i, 1_500)).collect());
        assert_eq!(s.said.len(), first, "as many as it is used to");
        s.play((0..28).map(|i| job(20_000.0 + f64::from(i) * 2.0, "10.10.20.40", 200 + i, 1_500)).collect());
        assert!(s.said.len() > first, "twice as many");
        let own = (0..9).map(|i| job(f64::from(i) * 20.0, "10.10.10.12", 200 + i % 3, 3_000 + 4_000 * u64::from(i))).collect();
        assert_eq!(say(own), None, "different documents");
        let firmware = (0..9).map(|i| job(f64::from(i), "10.10.20.41", 200 + i, 900_000)).collect();
        assert_eq!(say(firmware), Some(Severity::Info));
    }

    #[test]
    fn queues_of_one_print_server_are_printers_too() {
        let f = FlowInfo { recognised: true, ..flow(at(0.0), "10.10.10.12", "10.10.20.20", 445) };
        let mut ev = Vec::new();
        for i in 0..4u32 {
            let share = format!("\\\\PRINT\\ward{i}");
            let tree = Message::Smb(Box::new(Smb::Tree { path: share.clone(), status: 0, kind: PRINTER_TREE }));
            ev.push(message(at(f64::from(i)), f, false, tree));
            let written = Content { bytes: 5_000, calls: 1, ..Content::default() };
            let life = Life { share: share.into(), path: "job".into(), named: true, closed: true, written, ..Life::default() };
            ev.push(message(at(f64::from(i) + 0.4), f, true, Message::SmbWork(Box::new(Work::Life(life)))));
        }
        let mut s = stage();
        s.play(ev);
        assert_eq!((s.worst(), s.findings()[0].count), (Some(Severity::High), 3));
    }
}
