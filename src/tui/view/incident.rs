//! The incident: three numbers, one tree, the next action. Below them all that is known of it.

use super::page::{Doc, Line, draw as draw_page, finding_line, first_sentence};
use super::pen::{Part, Pen};
use crate::base::Severity;
use crate::output::record::{HopRecord, IncidentRecord};
use crate::tui::app::{App, stamp};
use crate::tui::pane::Target;
use crate::tui::text::T;
use crate::tui::theme::{Tone, severity};
use crate::tui::width::wrap;
use ratatui::layout::Rect;
use std::collections::BTreeSet;

/// Stages in their order.
const STAGES: &[&str] = &["entry", "recon", "privilege", "spread", "staging", "impact"];
/// From this width on, what to do stands beside what happened.
const WIDE: u16 = 120;
/// Most steps of a path drawn; a longer one is told in numbers.
const MAX_HOPS: usize = 200;

/// Lines above the page.
pub fn head_height(app: &App, body: Rect) -> u16 {
    app.shown_incident().map_or(1, |i| head(app, i, body.width).len() as u16 + 1)
}

/// Lines of the page that fit.
pub fn rows(app: &App, body: Rect) -> u16 {
    body.height.saturating_sub(head_height(app, body))
}

/// Draws the pane.
pub fn draw(app: &App, pen: &mut Pen<'_>, body: Rect) {
    let Some(i) = app.shown_incident() else {
        pen.head(body, app.look.t(T::PaneIncident));
        pen.text(2, body.y + 2, body.width - 4, app.look.t(T::NoIncident), Tone::Good);
        return;
    };
    let head = head(app, i, body.width);
    for (n, parts) in head.iter().enumerate() {
        pen.parts(1, body.y + n as u16, body.width - 2, parts);
    }
    let y = body.y + head.len() as u16;
    pen.head(Rect { y, height: 1, ..body }, "");
    story(app, pen, Rect { y: y + 1, height: body.bottom().saturating_sub(y + 1), ..body }, Some((app.place().top, app.place().row)));
}

/// What happened, and beside it, if there is room, what to do. `at` is the first line and the chosen one.
pub fn story(app: &App, pen: &mut Pen<'_>, area: Rect, at: Option<(usize, usize)>) {
    let Some(i) = app.shown_incident() else { return };
    let left = left_width(area.width);
    draw_page(pen, Rect { width: left, ..area }, &lines(app), at.map_or(0, |a| a.0), at.map(|a| a.1));
    if area.width >= WIDE {
        let right = Rect { x: left + 1, width: area.width - left - 1, ..area };
        let mut d = Doc::new(&app.look, usize::from(right.width).saturating_sub(3));
        todo(app, i, &mut d);
        draw_page(pen, right, &d.lines, 0, None);
    }
}

fn left_width(width: u16) -> u16 {
    if width >= WIDE { width * 55 / 100 } else { width }
}

/// What, how much, from where, how far, what now.
fn head(app: &App, i: &IncidentRecord, width: u16) -> Vec<Vec<Part>> {
    let l = &app.look;
    let (mark, tone) = severity(&i.severity);
    let at = app.stories.all.iter().position(|id| *id == i.id).map_or(0, |n| n + 1);
    let mut out = vec![vec![
        (tone, format!("{mark}{}", l.word(&i.severity))),
        (Tone::Strong, format!(" {} ", i.id)),
        (Tone::Dim, format!("({at}/{}) ", app.stories.all.len())),
        (Tone::Strong, first_sentence(&i.summary).to_owned()),
    ]];
    if let Some(n) = app.stories.desk.seen.get(&i.id) {
        out.push(vec![(Tone::Good, l.fill(T::SeenBy, &[&n.who, &l.clock(&n.ts), &n.note]))]);
    }
    let sep = format!("  {}  ", l.glyphs.sep);
    let lost = if i.files_lost > 0 { Tone::Critical } else { Tone::Strong };
    out.push(vec![
        (Tone::Strong, l.fill(T::NumberHosts, &[&i.hosts.len().to_string()])),
        (Tone::Frame, sep.clone()),
        (lost, l.fill(T::NumberFiles, &[&i.files_lost.to_string()])),
        (Tone::Frame, sep),
        (Tone::Strong, l.fill(T::NumberSince, &[&ago(app, &i.opened), &l.clock(&i.opened), &l.clock(&i.last_ts)])),
    ]);
    out.push(vec![
        (Tone::Dim, format!("{} ", l.t(T::BeganAt))),
        (Tone::Strong, app.names.titled(&i.patient_zero)),
        (Tone::Text, format!("  {}", l.word(&i.origin))),
        (Tone::Dim, i.origin_why.first().map(|w| format!("  ({w})")).unwrap_or_default()),
    ]);
    out.push(meter(app, i));
    if let Some(step) = i.next.first() {
        let begin = format!("{} ", l.t(T::Now));
        let room = usize::from(width).saturating_sub(crate::tui::width::width(&begin) + 3);
        for (n, line) in wrap(step, room).into_iter().take(2).enumerate() {
            let begin = if n == 0 { begin.clone() } else { " ".repeat(crate::tui::width::width(&begin)) };
            out.push(vec![(Tone::Critical, begin.trim_end().to_owned()), (Tone::Text, format!("{}{line}", if n == 0 { " " } else { "" }))]);
            if let Some(l) = out.last_mut().filter(|_| n > 0) {
                l.insert(0, (Tone::Text, begin));
            }
        }
    }
    out
}

/// How long ago, in the time that is shown.
fn ago(app: &App, ts: &str) -> String {
    let secs = app.at().since(stamp(ts)).0 / 1_000_000_000;
    match secs {
        0..60 => app.look.fill(T::Seconds, &[&secs.to_string()]),
        60..3600 => app.look.fill(T::Minutes, &[&(secs / 60).to_string()]),
        3600..172_800 => app.look.fill(T::Hours, &[&(secs / 3600).to_string(), &(secs % 3600 / 60).to_string()]),
        _ => app.look.fill(T::Days, &[&(secs / 86_400).to_string()]),
    }
}

/// The stages: those it came through are marked.
fn meter(app: &App, i: &IncidentRecord) -> Vec<Part> {
    let mut parts: Vec<Part> = vec![(Tone::Dim, format!("{} ", app.look.t(T::StageMeter)))];
    for s in STAGES {
        let reached = i.stage == *s || i.stages.iter().any(|x| x.stage == *s);
        let mark = if reached { "[x]" } else { "[ ]" };
        parts.push((if reached { Tone::Bad } else { Tone::Dim }, format!("{mark}{} ", app.look.word(s))));
    }
    parts
}

/// The page below.
pub fn lines(app: &App) -> Vec<Line> {
    let Some(i) = app.shown_incident() else { return Vec::new() };
    let wide = app.size.0 >= WIDE;
    let mut d = Doc::new(&app.look, usize::from(left_width(app.size.0)).saturating_sub(4));
    if !i.path.is_empty() {
        d.head(T::SpreadTree);
        tree(app, i, &mut d);
    }
    if !wide {
        todo(app, i, &mut d);
    }
    d.head(T::TimeLine);
    time_line(app, i, &mut d);
    d.head(T::PaneFindings);
    let mut mine: Vec<_> = i.findings.iter().filter_map(|id| app.view.findings.get(id)).collect();
    mine.sort_by_key(|f| std::cmp::Reverse(f.severity.parse::<Severity>().unwrap_or_default()));
    mine.iter().for_each(|f| finding_line(app, f, &mut d));
    if !i.accounts.is_empty() {
        d.head(T::Accounts);
        for a in &i.accounts {
            d.parts(vec![(Tone::Dim, format!("{} ", app.look.clock(&a.ts))), (Tone::Strong, a.user.clone())], None);
        }
    }
    d.head(T::HostsInIt);
    for h in &i.hosts {
        d.parts(vec![(Tone::Text, app.names.titled(h))], Some(Target::Host(h.clone())));
    }
    d.lines
}

/// What to do, what stops if a host is cut, who may be next.
fn todo(app: &App, i: &IncidentRecord, d: &mut Doc<'_>) {
    d.head(T::NextSteps);
    for (n, step) in i.next.iter().enumerate() {
        d.text(&format!("{}. ", n + 1), step, if n == 0 { Tone::Strong } else { Tone::Text }, None);
    }
    d.head(T::IfCut);
    let used: Vec<_> = i.if_cut.iter().filter(|c| c.users > 0).collect();
    for c in &used {
        d.text("- ", &c.text, Tone::Text, Some(Target::Host(c.host.clone())));
    }
    let unused = i.if_cut.len() - used.len();
    if unused > 0 {
        d.text("- ", &app.look.fill(T::CutUnused, &[&unused.to_string()]), Tone::Dim, None);
    }
    if !i.next_hosts.is_empty() {
        d.head(T::MayBeNext);
        for n in &i.next_hosts {
            let name = if n.name.is_empty() { n.host.clone() } else { format!("{} ({})", n.host, n.name) };
            d.text("- ", &format!("{name}: {}", n.why.join("; ")), Tone::Text, Some(Target::Host(n.host.clone())));
        }
    }
    if i.origin_why.len() > 1 {
        d.head(T::WhyOrigin);
        i.origin_why.iter().for_each(|w| d.text("- ", w, Tone::Dim, None));
    }
}

/// The spread as a tree from where it began; what does not hang on it follows as trees of its own. Each step is drawn once.
fn tree(app: &App, i: &IncidentRecord, d: &mut Doc<'_>) {
    let reached: BTreeSet<&str> = i.path.iter().map(|h| h.to.as_str()).collect();
    let mut roots = vec![i.patient_zero.as_str()];
    roots.extend(i.path.iter().map(|h| h.from.as_str()).filter(|f| !reached.contains(f)));
    roots.extend(i.path.iter().map(|h| h.from.as_str()));
    let mut drawn = BTreeSet::new();
    for root in roots {
        if i.path.iter().enumerate().any(|(n, h)| h.from == root && !drawn.contains(&n)) {
            d.parts(vec![(Tone::Strong, app.names.titled(root))], Some(Target::Host(root.to_owned())));
            branch(app, i, root, "", 0, &mut drawn, d);
        }
    }
    if drawn.len() < i.path.len() {
        d.text("", &app.look.fill(T::MoreSteps, &[&(i.path.len() - drawn.len()).to_string()]), Tone::Dim, None);
    }
}

fn branch(app: &App, i: &IncidentRecord, from: &str, indent: &str, depth: usize, drawn: &mut BTreeSet<usize>, d: &mut Doc<'_>) {
    let g = &app.look.glyphs;
    let mine: Vec<(usize, &HopRecord)> = i.path.iter().enumerate().filter(|(n, h)| h.from == from && !drawn.contains(n)).collect();
    for (k, (n, h)) in mine.iter().enumerate() {
        if drawn.len() >= MAX_HOPS || !drawn.insert(*n) {
            continue;
        }
        let last = k + 1 == mine.len();
        d.parts(hop(app, h, &format!("{indent}{} ", if last { g.elbow } else { g.tee })), Some(Target::Host(h.to.clone())));
        // A path deeper than this is no path of one night.
        if depth < 12 {
            let below = format!("{indent}{} ", if last { "  " } else { g.pipe });
            branch(app, i, &h.to, &below, depth + 1, drawn, d);
        }
    }
}

fn hop(app: &App, h: &HopRecord, begin: &str) -> Vec<Part> {
    let l = &app.look;
    let tone = if matches!(h.outcome.as_str(), "succeeded" | "answered") { Tone::Bad } else { Tone::Dim };
    let mut parts = vec![
        (Tone::Frame, begin.to_owned()),
        (Tone::Dim, format!("{} ", l.clock(&h.ts))),
        (Tone::Key, format!("{} {} ", h.via, l.glyphs.arrow)),
        (Tone::Strong, app.names.titled(&h.to)),
        (tone, format!("  {}", l.word(&h.outcome))),
    ];
    if let Some(u) = &h.user {
        let other = if h.switched { format!(" ({})", l.t(T::Switched)) } else { String::new() };
        parts.push((Tone::Text, format!("  {u}{other}")));
    }
    parts
}

/// Stages, steps and findings in the order of time.
fn time_line(app: &App, i: &IncidentRecord, d: &mut Doc<'_>) {
    let l = &app.look;
    let mut all: Vec<(&str, Vec<Part>, Option<Target>)> = Vec::new();
    for s in &i.stages {
        all.push((&s.ts, vec![(Tone::Bad, l.fill(T::StageBegins, &[l.word(&s.stage)]))], None));
    }
    for h in &i.path {
        let text = format!("{} {} {} {} {}", h.from, l.glyphs.arrow, h.to, h.via, l.word(&h.outcome));
        all.push((&h.ts, vec![(Tone::Text, text)], Some(Target::Host(h.to.clone()))));
    }
    for f in i.findings.iter().filter_map(|id| app.view.findings.get(id)) {
        let (mark, tone) = severity(&f.severity);
        let title = if f.title.is_empty() { &f.detector } else { &f.title };
        all.push((&f.first_ts, vec![(tone, mark.to_owned()), (Tone::Text, format!("{} {title}", f.id))], Some(Target::Finding(f.id.clone()))));
    }
    all.sort_by(|a, b| a.0.cmp(b.0));
    for (ts, mut parts, target) in all {
        parts.insert(0, (Tone::Dim, format!("{} ", l.clock(ts))));
        d.parts(parts, target);
    }
}
