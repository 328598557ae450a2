//! The summary a person reads after `spanward replay`: what was seen, what was not, incidents worst first, findings, next steps, what could not run.

use super::clean::clean;
use super::json::Report;
use super::record::{CoverageRecord, FindingRecord, HopRecord, IncidentRecord};
use super::table::pad;
use super::text_table::{Text, fill};
use crate::base::{Lang, Severity, Span};
use crate::incident::titled;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// How the text is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Style {
    /// Language of the screen.
    pub lang: Lang,
    /// Escape sequences for colour.
    pub colour: bool,
}

/// What went wrong beside the findings; shown at the end.
#[derive(Clone, Debug, Default)]
pub struct Troubles {
    /// Inputs that were not read to their end.
    pub damaged: Vec<String>,
    /// Outputs that could not be written.
    pub unwritten: Vec<String>,
    /// Why a worker failed.
    pub worker: Option<String>,
}

/// What the site declares, for the head of the text.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The hospital's name; empty if none.
    pub name: String,
    /// Zone names in the order of the file.
    pub zones: Vec<String>,
    /// First and last packet differ by this much.
    pub span: Span,
}

/// Most findings listed one by one.
const MAX_FINDINGS: usize = 40;
/// Most steps of a path drawn.
const MAX_HOPS: usize = 60;
/// Most lines of one kind beside an incident's path.
const MAX_BESIDE: usize = 5;
/// Most kinds of odd input named.
const MAX_ODD: usize = 8;

/// The whole text.
pub fn summary(report: &Report, place: &Place, troubles: &Troubles, style: Style) -> String {
    let mut p = Page { out: String::new(), style };
    if !place.name.is_empty() {
        let name = p.bold(&clean(&place.name));
        p.line(&name);
    }
    p.seen(report, place);
    if report.summary.first_ts.is_empty() {
        // "No incident" would be taken for good news.
        p.head(p.get(Text::NothingRead));
    } else {
        p.incidents(report);
        p.findings(report);
    }
    let blocked: Vec<String> = report.blocked.iter().map(|b| format!("{}: {}", b.detector, b.reason)).collect();
    p.block(Text::NotRunning, &blocked);
    p.block(Text::Damaged, &troubles.damaged);
    p.block(Text::NotWritten, &troubles.unwritten);
    p.block(Text::WorkerFailed, troubles.worker.as_slice());
    p.out
}

struct Page {
    out: String,
    style: Style,
}

impl Page {
    fn get(&self, t: Text) -> &'static str {
        t.get(self.style.lang)
    }
    fn fill(&self, t: Text, args: &[&str]) -> String {
        fill(self.get(t), args)
    }
    fn line(&mut self, s: &str) {
        self.out.push_str(s.trim_end());
        self.out.push('\n');
    }
    fn paint(&self, code: &str, s: &str) -> String {
        if self.style.colour { format!("\x1b[{code}m{s}\x1b[0m") } else { s.to_owned() }
    }
    fn bold(&self, s: &str) -> String {
        self.paint("1", s)
    }
    fn severity(&self, word: &str, width: usize) -> String {
        let code = match word {
            "critical" => "1;41;97",
            "high" => "1;31",
            "medium" => "33",
            "low" => "36",
            _ => "2",
        };
        let shown = Text::of_word(word, self.style.lang);
        let gap = " ".repeat(width.saturating_sub(shown.width()));
        format!("{}{gap}", self.paint(code, shown))
    }
    fn label(&mut self, t: Text, s: &str) {
        let label = pad(self.get(t), 10);
        let label = self.bold(&label);
        self.line(&format!("{label}  {s}"));
    }
    fn head(&mut self, s: &str) {
        let s = self.bold(s);
        self.out.push('\n');
        self.line(&s);
    }
    fn block(&mut self, t: Text, items: &[String]) {
        if items.is_empty() {
            return;
        }
        self.head(self.get(t));
        for i in items {
            self.line(&format!("  {}", clean(i)));
        }
    }

    fn seen(&mut self, r: &Report, place: &Place) {
        let s = &r.summary;
        if s.first_ts.is_empty() {
            let nothing = self.get(Text::SeenNothing);
            self.label(Text::Seen, nothing);
        } else {
            let (first, last) = (short(&s.first_ts), short(&s.last_ts));
            let span = self.fill(Text::SeenSpan, &[&first, &last, &self.span(place.span)]);
            self.label(Text::Seen, &span);
        }
        let counts = [s.packets, s.bytes, s.flows, r.devices.len() as u64].map(grouped);
        let counts = self.fill(Text::SeenCounts, &counts.each_ref().map(String::as_str));
        self.line(&format!("            {counts}"));
        self.zones(r, place);
        if !s.first_ts.is_empty() {
            let coverage = self.coverage(&s.coverage);
            self.label(Text::Coverage, &coverage);
        }
        if !r.weird.is_empty() {
            let mut kinds: Vec<_> = r.weird.iter().collect();
            kinds.sort_by(|a, b| b.count.cmp(&a.count).then(a.name.cmp(&b.name)));
            let named: Vec<String> = kinds.iter().take(MAX_ODD).map(|w| format!("{} ×{}", w.name, grouped(w.count))).collect();
            let more = if kinds.len() > MAX_ODD { ", …" } else { "" };
            self.label(Text::Odd, &format!("{}{more}", named.join(", ")));
        }
    }
    fn span(&self, s: Span) -> String {
        let secs = s.0 / 1_000_000_000;
        let (a, b, t) = match secs {
            0..60 => return self.fill(Text::Seconds, &[&format!("{:.1}", s.as_secs_f64())]),
            60..3600 => (secs / 60, secs % 60, Text::Minutes),
            _ => (secs / 3600, secs % 3600 / 60, Text::Hours),
        };
        self.fill(t, &[&a.to_string(), &b.to_string()])
    }
    fn zones(&mut self, r: &Report, place: &Place) {
        if place.zones.is_empty() {
            let none = self.get(Text::ZonesNone);
            self.label(Text::Zones, none);
        } else {
            let count = |z: &str| r.devices.iter().filter(|d| d.zone == z).count();
            let mut parts: Vec<String> = place.zones.iter().map(|z| format!("{} {}", clean(z), count(z))).collect();
            if count("") > 0 {
                parts.push(format!("{} {}", self.get(Text::ZoneNowhere), count("")));
            }
            self.label(Text::Zones, &parts.join(", "));
        }
        let mut by: BTreeMap<&str, usize> = BTreeMap::new();
        for d in &r.devices {
            *by.entry(d.status.as_str()).or_default() += 1;
        }
        if !by.is_empty() {
            let parts: Vec<String> = by.into_iter().map(|(s, n)| format!("{s} {n}")).collect();
            self.label(Text::Devices, &parts.join(", "));
        }
    }
    fn coverage(&self, c: &CoverageRecord) -> String {
        let mut parts = Vec::new();
        if c.loss_estimate > 0.0 {
            parts.push(self.fill(Text::CoverLoss, &[&format!("{:.3}", c.loss_estimate * 100.0)]));
        }
        let counts = [
            (Text::CoverDrops, c.kernel_drops),
            (Text::CoverShed, c.shed),
            (Text::CoverOneWay, c.one_way_flows),
            (Text::CoverSnapped, c.snapped),
            (Text::CoverUndecoded, c.undecoded),
            (Text::CoverEvicted, c.evicted_flows),
            (Text::CoverUnlisted, c.unlisted_flows),
            (Text::CoverUnparsed, c.unparsed_flows),
            (Text::CoverDuplicates, c.duplicates),
            (Text::CoverDoubles, c.doubles_kept),
            (Text::CoverFiltered, c.filtered),
        ];
        parts.extend(counts.into_iter().filter(|c| c.1 > 0).map(|(t, n)| self.fill(t, &[&grouped(n)])));
        if parts.is_empty() { self.get(Text::CoverageWhole).to_owned() } else { parts.join("; ") }
    }

    fn incidents(&mut self, r: &Report) {
        if r.incidents.is_empty() {
            self.head(self.get(Text::IncidentsNone));
            return;
        }
        let head = self.fill(Text::Incidents, &[&r.incidents.len().to_string()]);
        self.head(&head);
        let mut all: Vec<&IncidentRecord> = r.incidents.iter().collect();
        all.sort_by_key(|i| std::cmp::Reverse(rank(&i.severity)));
        for i in all {
            self.incident(i);
        }
    }
    fn incident(&mut self, i: &IncidentRecord) {
        let severity = self.severity(&i.severity, 8);
        self.line(&format!("{severity}  {}  {}", i.id, clean(&i.summary)));
        let lang = self.style.lang;
        let began = self.fill(Text::PatientZero, &[&clean(&i.patient_zero), Text::of_word(&i.origin, lang), Text::of_word(&i.stage, lang)]);
        let since = self.fill(Text::Since, &[&short(&i.opened), &short(&i.last_ts)]);
        self.line(&format!("          {began}; {since}"));
        if !i.path.is_empty() {
            let label = self.get(Text::Path);
            self.line(&format!("          {label}"));
            for l in tree(&i.patient_zero, &i.path, lang) {
                self.line(&format!("            {l}"));
            }
        }
        self.beside(i);
        if !i.next.is_empty() {
            let label = self.get(Text::Next);
            self.line(&format!("          {label}"));
            for (n, step) in i.next.iter().enumerate() {
                self.line(&format!("            {}. {}", n + 1, clean(step)));
            }
        }
    }

    /// How it came in, how far it has come, who may be next, and what a cut would stop.
    fn beside(&mut self, i: &IncidentRecord) {
        let lang = self.style.lang;
        if i.stages.len() > 1 {
            let mut by_time: Vec<_> = i.stages.iter().collect();
            by_time.sort_by(|a, b| a.ts.cmp(&b.ts));
            let stages: Vec<String> = by_time.into_iter().map(|s| format!("{} {}", Text::of_word(&s.stage, lang), clock(&s.ts))).collect();
            self.listed(Text::Stages, &[stages.join(" > ")]);
        }
        self.listed(Text::Because, &i.origin_why);
        let next: Vec<String> = i.next_hosts.iter().map(|n| format!("{}: {}", titled(&n.host, &n.name), n.why.join("; "))).collect();
        self.listed(Text::NextHosts, &next);
        let cut: Vec<String> = i.if_cut.iter().filter(|c| c.users > 0).map(|c| c.text.clone()).collect();
        self.listed(Text::IfCut, &cut);
    }
    fn listed(&mut self, t: Text, lines: &[String]) {
        let label = self.get(t);
        match lines {
            [] => {}
            [one] => self.line(&format!("          {label}: {}", clean(one))),
            many => {
                self.line(&format!("          {label}"));
                for l in many.iter().take(MAX_BESIDE) {
                    self.line(&format!("            {}", clean(l)));
                }
                if many.len() > MAX_BESIDE {
                    let more = self.fill(Text::AndMore, &[&(many.len() - MAX_BESIDE).to_string()]);
                    self.line(&format!("            {more}"));
                }
            }
        }
    }

    fn findings(&mut self, r: &Report) {
        if r.findings.is_empty() {
            self.head(self.get(Text::FindingsNone));
            return;
        }
        let head = self.fill(Text::Findings, &[&r.findings.len().to_string()]);
        self.head(&head);
        let mut shown: Vec<&FindingRecord> = r.findings.iter().filter(|f| f.severity != "info").collect();
        shown.sort_by_key(|f| std::cmp::Reverse(rank(&f.severity)));
        let width = shown.iter().take(MAX_FINDINGS).map(|f| f.detector.len()).max().unwrap_or(0);
        for f in shown.iter().take(MAX_FINDINGS) {
            let severity = self.severity(&f.severity, 8);
            self.line(&format!("{severity}  {}  {}  {}  {}", f.id, pad(&f.detector, width), clock(&f.ts), clean(&f.summary)));
        }
        if shown.len() > MAX_FINDINGS {
            let more = self.fill(Text::FindingsMore, &[&(shown.len() - MAX_FINDINGS).to_string()]);
            self.line(&format!("  {more}"));
        }
        let mut info: BTreeMap<&str, usize> = BTreeMap::new();
        for f in r.findings.iter().filter(|f| f.severity == "info") {
            *info.entry(f.detector.as_str()).or_default() += 1;
        }
        if !info.is_empty() {
            let parts: Vec<String> = info.into_iter().map(|(d, n)| format!("{d} ×{n}")).collect();
            let line = self.fill(Text::FindingsInfo, &[&parts.join(", ")]);
            self.line(&line);
        }
    }
}

/// Severities as numbers, worst highest; a word we do not know stands lowest.
pub fn rank(word: &str) -> usize {
    Severity::ALL.iter().position(|s| s.word() == word).unwrap_or(0)
}

/// `2026-11-21 10:00:00` out of an RFC 3339 text.
fn short(ts: &str) -> String {
    clean(&ts.chars().take(19).collect::<String>().replace('T', " ")).into_owned()
}

/// `10:00:00` out of an RFC 3339 text.
fn clock(ts: &str) -> String {
    clean(&ts.chars().skip(11).take(8).collect::<String>()).into_owned()
}

/// A number with thin groups: 1,234,567.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// The path as a tree from where it began; steps that do not hang on it follow as trees of their own. Each step is drawn once.
fn tree(zero: &str, path: &[HopRecord], lang: Lang) -> Vec<String> {
    let mut t = Tree { path, lang, drawn: BTreeSet::new(), lines: Vec::new() };
    let reached: BTreeSet<&str> = path.iter().map(|h| h.to.as_str()).collect();
    let mut roots = vec![zero];
    roots.extend(path.iter().map(|h| h.from.as_str()).filter(|f| !reached.contains(f)));
    roots.extend(path.iter().map(|h| h.from.as_str()));
    for root in roots {
        if path.iter().enumerate().any(|(i, h)| h.from == root && !t.drawn.contains(&i)) && t.lines.len() < MAX_HOPS {
            t.lines.push(clean(root).into_owned());
            t.branch(root, "", 0);
        }
    }
    if t.drawn.len() < path.len() {
        t.lines.push(format!("… +{}", path.len() - t.drawn.len()));
    }
    t.lines
}

struct Tree<'a> {
    path: &'a [HopRecord],
    lang: Lang,
    drawn: BTreeSet<usize>,
    lines: Vec<String>,
}

impl Tree<'_> {
    fn branch(&mut self, from: &str, indent: &str, depth: usize) {
        let mine: Vec<usize> = self.path.iter().enumerate().filter(|(i, h)| h.from == from && !self.drawn.contains(i)).map(|e| e.0).collect();
        for (n, i) in mine.iter().enumerate() {
            let Some(h) = self.path.get(*i) else { continue };
            if self.lines.len() >= MAX_HOPS || !self.drawn.insert(*i) {
                continue;
            }
            let last = n + 1 == mine.len();
            let mut l = format!("{indent}{} {} → {}", if last { "└─" } else { "├─" }, clean(&h.via), clean(&h.to));
            let _ = write!(l, "  {}  {}", clock(&h.ts), Text::of_word(&h.outcome, self.lang));
            if let Some(u) = &h.user {
                let other = if h.switched { format!(" {}", Text::Switched.get(self.lang)) } else { String::new() };
                let _ = write!(l, "  ({}{other})", clean(u));
            }
            self.lines.push(l);
            // A path deeper than this is no path of one night.
            if depth < 16 {
                self.branch(&h.to, &format!("{indent}{}", if last { "   " } else { "│  " }), depth + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::clean::is_unsafe;
    use crate::output::sample::Sample;
    use crate::output::{BareWords, Report};

    fn hop(from: &str, to: &str) -> HopRecord {
        HopRecord {
            ts: "2026-11-21T10:00:00.000000000Z".into(),
            from: from.into(),
            to: to.into(),
            via: "rdp".into(),
            user: None,
            outcome: "succeeded".into(),
            ..HopRecord::default()
        }
    }

    #[test]
    fn says_what_was_seen_in_both_languages() {
        let sample = Sample::made();
        let report = Report::new(&sample.run(), &BareWords, &[("clinical-egress", "no clinical zone declared", "診療ゾーンの宣言がない")]);
        let place = Place { name: "St. \u{1b}[2J".into(), zones: vec!["ward".into()], span: Span::secs(60) };
        let troubles = Troubles { damaged: vec!["a.pcap: cut at 99".into()], ..Default::default() };
        for (lang, words) in [
            (Lang::En, ["1,000 packets", "smb-fanout", "Could not run", "33.333 % of TCP"]),
            (Lang::Ja, ["パケット 1,000", "検知（1）", "動作できない", "高"]),
        ] {
            let s = summary(&report, &place, &troubles, Style { lang, colour: false });
            for w in words {
                assert!(s.contains(w), "{w} in\n{s}");
            }
            assert!(!s.replace('\n', "").chars().any(is_unsafe), "{s}");
            let coloured = summary(&report, &place, &troubles, Style { lang, colour: true });
            assert!(coloured.contains("\x1b[1;31m") && !s.contains('\x1b'));
        }
        let empty = summary(&Report::default(), &Place::default(), &Troubles::default(), Style::default());
        assert!(empty.contains("no packets") && empty.contains("No packet was analysed") && !empty.contains("No incident"), "{empty}");
    }

    #[test]
    fn a_path_is_a_tree_and_ends_even_when_it_is_a_circle() {
        let path = [hop("a", "b"), hop("b", "c"), hop("b", "d"), hop("d", "a"), hop("x", "y")];
        let lines = tree("a", &path, Lang::En);
        let want = [
            "a",
            "└─ rdp → b  10:00:00  succeeded",
            "   ├─ rdp → c  10:00:00  succeeded",
            "   └─ rdp → d  10:00:00  succeeded",
            "      └─ rdp → a  10:00:00  succeeded",
            "x",
            "└─ rdp → y  10:00:00  succeeded",
        ];
        assert_eq!(lines, want);
        let long: Vec<HopRecord> = (0..500).map(|i| hop(&format!("h{i}"), &format!("h{}", i + 1))).collect();
        assert!(tree("h0", &long, Lang::En).len() <= MAX_HOPS + 2);
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
