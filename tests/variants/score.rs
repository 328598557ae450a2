//! What was found against what is true: one line for each thing expected and for each thing wrongly said, and the sums.

use super::cases::{Case, Expected, Kind, is_built};
use spanward::base::Severity;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// One finding at `medium` or above.
pub struct Heard {
    pub detector: &'static str,
    pub severity: Severity,
    pub orig: String,
    pub orig_all: Vec<String>,
    pub resp: Vec<String>,
    pub user: Option<String>,
    /// When it first came to `medium`.
    pub at: i64,
    pub files: Option<u64>,
    /// Patient zero of its incident.
    pub zero: Option<String>,
}

impl Heard {
    fn is_by(&self, who: &str) -> bool {
        self.orig == who || self.orig_all.iter().any(|o| o == who)
    }
    fn answers(&self, e: &Expected) -> bool {
        e.detectors.iter().any(|d| d == self.detector)
            && e.orig.as_ref().is_none_or(|o| self.is_by(o))
            && (e.resp.is_empty() || e.resp.iter().any(|r| self.resp.contains(r)))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Met,
    OtherAccount,
    Miss,
    FalseAlarm,
    /// None of its detectors spoke, and not all of them are built.
    NotBuilt,
}

impl Verdict {
    pub fn is_wrong(self) -> bool {
        matches!(self, Verdict::OtherAccount | Verdict::Miss | Verdict::FalseAlarm)
    }
}

/// One row of the table.
pub struct Line {
    pub detectors: Vec<String>,
    pub verdict: Verdict,
    found: String,
    delay: Option<f64>,
    files: Option<u64>,
    note: String,
}

impl Line {
    pub fn row(&self, name: &str) -> String {
        let short: String =
            if name.chars().count() > 44 { format!("…{}", name.chars().skip(name.chars().count() - 43).collect::<String>()) } else { name.into() };
        let what = format!("{} > {}", self.detectors.join("|"), self.found);
        let delay = self.delay.map_or_else(String::new, |d| format!("{d:.1} s"));
        let files = self.files.map_or_else(String::new, |f| f.to_string());
        format!("{short:44} {what:58} {delay:>9} {files:>6}  {:?}{}", self.verdict, self.note)
    }
}

/// Counts of one detector.
#[derive(Default)]
struct Count {
    expected: u32,
    met: u32,
    said: u32,
    false_alarms: u32,
}

#[derive(Default)]
pub struct Score {
    by: BTreeMap<String, Count>,
    zeros: (u32, u32),
    accounts: (u32, u32),
    benign: (u32, u32),
    not_built: BTreeSet<String>,
}

fn account(user: &str) -> String {
    let bare = user.rsplit('\\').next().unwrap_or(user);
    bare.split('@').next().unwrap_or(bare).to_lowercase()
}

fn best<'a>(e: &Expected, heard: &'a [Heard]) -> Option<&'a Heard> {
    heard.iter().filter(|h| h.answers(e)).min_by_key(|h| h.at)
}

/// The lines of one capture.
pub fn judge(case: &Case, heard: &[Heard], score: &mut Score) -> Vec<Line> {
    let mut lines: Vec<Line> = case.expected.iter().map(|e| expected(case, e, heard, score)).collect();
    let asked = |h: &Heard| case.expected.iter().any(|e| h.answers(e));
    for h in heard {
        let right = match case.kind {
            Kind::Attack => asked(h) || case.attackers.iter().any(|a| h.is_by(a)),
            Kind::Partly if !asked(h) => continue,
            Kind::Partly => true,
            Kind::Benign => false,
        };
        let count = score.by.entry(h.detector.to_owned()).or_default();
        count.said += 1;
        if !right {
            count.false_alarms += 1;
            let found = format!("{} {} by {}", h.severity, h.detector, h.orig);
            lines.push(Line {
                detectors: vec![h.detector.into()],
                verdict: Verdict::FalseAlarm,
                found,
                delay: None,
                files: None,
                note: String::new(),
            });
        }
    }
    if case.kind == Kind::Benign {
        score.benign.0 += 1;
        score.benign.1 += u32::from(heard.is_empty());
    }
    lines
}

fn expected(case: &Case, e: &Expected, heard: &[Heard], score: &mut Score) -> Line {
    let mut line =
        Line { detectors: e.detectors.clone(), verdict: Verdict::Miss, found: "nothing".into(), delay: None, files: None, note: String::new() };
    let Some(h) = best(e, heard) else {
        match e.detectors.iter().find(|d| !is_built(d)) {
            Some(d) => {
                score.not_built.insert(d.clone());
                line.verdict = Verdict::NotBuilt;
            }
            None => score.by.entry(e.detectors.first().cloned().unwrap_or_default()).or_default().expected += 1,
        }
        return line;
    };
    let count = score.by.entry(h.detector.to_owned()).or_default();
    count.expected += 1;
    line.found = format!("{} {} by {}", h.severity, h.detector, h.orig);
    line.delay = case.starts.map(|s| (h.at - s) as f64 / 1e9);
    line.files = if case.lost.is_empty() { h.files } else { Some(case.lost.iter().filter(|t| **t <= h.at).count() as u64) };
    line.verdict = Verdict::Met;
    if let (Some(want), Some(got)) = (&e.user, &h.user) {
        score.accounts.0 += 1;
        if account(want) == account(got) {
            score.accounts.1 += 1;
        } else {
            line.verdict = Verdict::OtherAccount;
            line.note = format!(": {got} instead of {want}");
        }
    } else if e.user.is_some() {
        score.accounts.0 += 1;
        line.note = ", no account".into();
    }
    if line.verdict == Verdict::Met {
        count.met += 1;
    }
    if let (Kind::Attack, Some(want), Some(got)) = (case.kind, &case.zero, &h.zero) {
        score.zeros.0 += 1;
        score.zeros.1 += u32::from(want == got);
        if want != got {
            let _ = write!(line.note, ", patient zero {got} instead of {want}");
        }
    }
    line
}

fn share(part: u32, of: u32) -> String {
    if of == 0 { "-".into() } else { format!("{:.3}", f64::from(part) / f64::from(of)) }
}

impl Score {
    /// Precision and recall, of each detector and of all.
    pub fn table(&self) -> String {
        let mut out = format!("{:22} {:>8} {:>5} {:>6} {:>6} {:>6} {:>10}\n", "detector", "expected", "met", "recall", "said", "false", "precision");
        let mut all = Count::default();
        for (id, c) in &self.by {
            row(&mut out, id, c);
            all.expected += c.expected;
            all.met += c.met;
            all.said += c.said;
            all.false_alarms += c.false_alarms;
        }
        row(&mut out, "all", &all);
        let _ = writeln!(out, "accounts named rightly: {} of {} known", self.accounts.1, self.accounts.0);
        let _ = writeln!(out, "patient zero right: {} of {}", self.zeros.1, self.zeros.0);
        let _ = writeln!(out, "benign captures silent: {} of {}", self.benign.1, self.benign.0);
        let _ = writeln!(out, "not built: {}", self.not_built.iter().cloned().collect::<Vec<_>>().join(" "));
        out
    }
}

fn row(out: &mut String, id: &str, c: &Count) {
    let (recall, precision) = (share(c.met, c.expected), share(c.said - c.false_alarms, c.said));
    let _ = writeln!(out, "{id:22} {:>8} {:>5} {recall:>6} {:>6} {:>6} {precision:>10}", c.expected, c.met, c.said, c.false_alarms);
}
