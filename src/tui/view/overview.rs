//! The overview: is it quiet? Open incidents and the next action; what is new since yesterday; traffic by zone; who talks with whom; health.

use super::page::first_sentence;
use super::pen::Pen;
use super::sensor;
use crate::base::Span;
use crate::output::record::IncidentRecord;
use crate::tui::app::App;
use crate::tui::text::T;
use crate::tui::theme::{Tone, severity};
use crate::tui::width::{fit, width, wrap};
use ratatui::layout::Rect;
use std::collections::BTreeSet;

/// Lines below the incidents: next action, traffic and matrix, news, health.
const BELOW: u16 = 13;
/// Zones in the matrix and among the graphs.
const ZONES: usize = 12;

/// Incidents that fit.
pub fn rows(body: Rect) -> u16 {
    let spare = body.height.saturating_sub(BELOW + 1);
    if is_tall(body) { (spare / 4).min(12) } else { spare }.max(2)
}

/// Room for the chosen incident's story on the overview itself.
fn is_tall(body: Rect) -> bool {
    body.height > 30
}

/// Draws the pane.
pub fn draw(app: &App, pen: &mut Pen<'_>, body: Rect) {
    let list = Rect { height: rows(body) + 1, ..body };
    incidents(app, pen, list);
    let y = list.bottom();
    next(app, pen, Rect { y, height: 3, ..body });
    let mut rest = Rect { y: y + 3, height: body.bottom().saturating_sub(y + 6), ..body };
    if is_tall(body) && app.shown_incident().is_some() && !app.rows.is_empty() {
        let story = Rect { height: rest.height - BELOW, ..rest };
        super::incident::story(app, pen, story, None);
        rest = Rect { y: story.bottom(), height: BELOW, ..rest };
    }
    let left = body.width * 45 / 100;
    traffic(app, pen, Rect { width: left, ..rest });
    matrix(app, pen, Rect { x: left + 1, width: body.width - left - 1, ..rest });
    let y = body.bottom().saturating_sub(3);
    pen.head(Rect { y, height: 1, ..body }, app.look.t(T::WhatIsNew));
    pen.text(1, y + 1, body.width - 2, &news(app), Tone::Text);
    pen.text(1, y + 2, 10, &format!("{} ", app.look.t(T::Health)), Tone::Title);
    let used = width(app.look.t(T::Health)) as u16 + 2;
    pen.parts(1 + used, y + 2, body.width - 2 - used, &sensor::bar(app));
}

fn incidents(app: &App, pen: &mut Pen<'_>, area: Rect) {
    let l = &app.look;
    pen.head(area, &l.fill(T::OpenIncidents, &[&app.stories.open.len().to_string(), &app.stories.all.len().to_string()]));
    if app.rows.is_empty() {
        pen.text(2, area.y + 1, area.width - 4, l.t(T::NoIncident), Tone::Good);
        return;
    }
    let place = app.place();
    for (n, id) in app.rows.iter().enumerate().skip(place.top).take(usize::from(area.height) - 1) {
        let Some(i) = app.view.incidents.get(id) else { continue };
        let y = area.y + 1 + (n - place.top) as u16;
        row(app, pen, i, Rect { y, height: 1, ..area });
        if n == place.row {
            pen.text(area.x, y, 1, l.glyphs.chosen, Tone::Key);
            pen.choose(Rect { y, height: 1, ..area });
        }
    }
    let shown = place.top + usize::from(area.height) - 1;
    if app.rows.len() > shown {
        let more = l.fill(T::MoreBelow, &[&(app.rows.len() - shown).to_string()]);
        let w = width(&more) as u16;
        pen.text(area.right().saturating_sub(w + 1), area.y, w, &more, Tone::Key);
    }
}

fn row(app: &App, pen: &mut Pen<'_>, i: &IncidentRecord, area: Rect) {
    let l = &app.look;
    let (mark, tone) = severity(&i.severity);
    let seen = !app.stories.open.contains(&i.id);
    let word = if seen { l.t(T::SeenMark) } else { l.word(&i.severity) };
    let from = app.names.titled(&i.patient_zero);
    let parts = vec![
        (if seen { Tone::Dim } else { tone }, format!("{mark}{}", fit(word, 8, false, ""))),
        (Tone::Strong, format!(" {} ", i.id)),
        (Tone::Dim, format!("{} ", l.clock(&i.opened))),
        (Tone::Strong, format!("{from}  ")),
        (Tone::Dim, format!("{}  ", l.fill(T::NumberHosts, &[&i.hosts.len().to_string()]))),
        (if seen { Tone::Dim } else { Tone::Text }, first_sentence(&i.summary).to_owned()),
    ];
    pen.parts(area.x + 2, area.y, area.width.saturating_sub(2), &parts);
}

/// What to do about the chosen incident.
fn next(app: &App, pen: &mut Pen<'_>, area: Rect) {
    let l = &app.look;
    let Some(i) = app.shown_incident().filter(|_| !app.rows.is_empty()) else {
        pen.text(2, area.y, area.width - 4, &l.fill(T::WatchedSince, &[&l.whole(&app.view.counters.first_ts)]), Tone::Text);
        return;
    };
    let begin = l.fill(T::NowFor, &[&i.id]);
    let w = width(&begin) as u16 + 1;
    pen.text(2, area.y, w, &begin, Tone::Critical);
    let step = i.next.first().map_or("", String::as_str);
    let lines = wrap(step, usize::from(area.width.saturating_sub(w + 4)));
    for (n, line) in lines.iter().take(2).enumerate() {
        pen.text(2 + w, area.y + n as u16, area.width - w - 3, line, Tone::Strong);
    }
    pen.text(2 + w, area.y + lines.len().min(2) as u16, area.width - w - 3, l.t(T::EnterForMore), Tone::Dim);
}

/// The last hour: frames in all, and contacts begun in each zone.
fn traffic(app: &App, pen: &mut Pen<'_>, area: Rect) {
    let l = &app.look;
    pen.head(area, l.t(T::Traffic));
    let rates = &app.view.rates;
    let name = 12.min(area.width / 3);
    let graph = area.width.saturating_sub(name + 9);
    let steps = steps(app, usize::from(graph));
    let mut line = |y: u16, title: &str, values: Vec<u64>, now: String| {
        if y < area.bottom() {
            pen.text(area.x + 1, y, name, title, Tone::Text);
            pen.graph(area.x + 1 + name, y, graph, &values);
            pen.text(area.x + 1 + name + graph, y, 8, &format!("{now:>7}"), Tone::Dim);
        }
    };
    let bytes: Vec<u64> = steps.iter().map(|k| rates.get(k).map_or(0, |r| r.bytes)).collect();
    let total = bytes.last().copied().unwrap_or(0) / 10;
    line(area.y + 1, l.t(T::TrafficAll), bytes, format!("{}/s", l.bytes(total).replace(' ', "")));
    let zones: BTreeSet<&String> = rates.values().flat_map(|r| r.zones.keys()).collect();
    for (n, z) in zones.into_iter().take(ZONES).enumerate() {
        let values: Vec<u64> = steps.iter().map(|k| rates.get(k).and_then(|r| r.zones.get(z)).copied().unwrap_or(0)).collect();
        let sum = values.iter().sum::<u64>();
        line(area.y + 2 + n as u16, z, values, sum.to_string());
    }
}

/// Keys of the newest steps, also of those in which nothing was seen.
fn steps(app: &App, n: usize) -> Vec<String> {
    let Some(last) = app.view.rates.keys().next_back().and_then(|k| k.parse::<u64>().ok()) else { return Vec::new() };
    let first = app.view.rates.keys().next().and_then(|k| k.parse::<u64>().ok()).unwrap_or(last);
    (0..n as u64).rev().filter_map(|i| last.checked_sub(i * 10)).filter(|s| *s >= first).map(|s| format!("{s:011}")).collect()
}

/// Who talks with whom: contacts from row to column; what the policy does not permit is marked.
fn matrix(app: &App, pen: &mut Pen<'_>, area: Rect) {
    let l = &app.look;
    pen.head(area, l.t(T::Matrix));
    let pairs: Vec<(&str, &str, u64, u64)> =
        app.view.zones.iter().filter_map(|(k, z)| k.split_once('>').map(|(a, b)| (a, b, z.contacts, z.alerts))).collect();
    let froms: BTreeSet<&str> = pairs.iter().map(|p| p.0).collect();
    let tos: BTreeSet<&str> = pairs.iter().map(|p| p.1).collect();
    let (name, cell) = (10u16, 7u16);
    let columns = usize::from(area.width.saturating_sub(name + 1) / cell);
    for (c, to) in tos.iter().take(columns).enumerate() {
        pen.text(area.x + name + cell * c as u16, area.y + 1, cell - 1, &format!("{:>6}", crate::tui::width::cut(to, 6, "")), Tone::Title);
    }
    for (r, from) in froms.iter().take(usize::from(area.height.saturating_sub(2))).enumerate() {
        let y = area.y + 2 + r as u16;
        pen.text(area.x + 1, y, name - 2, from, Tone::Title);
        for (c, to) in tos.iter().take(columns).enumerate() {
            let Some((_, _, n, alerts)) = pairs.iter().find(|p| p.0 == *from && p.1 == *to) else { continue };
            let (mark, tone) = if *alerts > 0 { ("!", Tone::Bad) } else { ("", Tone::Text) };
            pen.text(area.x + name + cell * c as u16, y, cell - 1, &format!("{:>6}", format!("{mark}{}", short(*n))), tone);
        }
    }
}

/// A count in five columns.
fn short(n: u64) -> String {
    match n {
        0..100_000 => n.to_string(),
        100_000..10_000_000 => format!("{}k", n / 1000),
        _ => format!("{}M", n / 1_000_000),
    }
}

/// What was not there a day ago.
fn news(app: &App) -> String {
    let since = (app.at() - Span::secs(86_400)).to_string();
    let l = &app.look;
    let v = &app.view;
    let counts = [
        v.devices.values().filter(|d| d.first_seen >= since && super::devices::status(app, d) != "listed").count(),
        v.edges.values().filter(|e| super::lateral::is_new(app, e)).count(),
        v.egress.values().filter(|e| e.first_ts >= since && e.unwanted).count(),
        v.findings.values().filter(|f| f.first_ts >= since && matches!(f.severity.as_str(), "medium" | "high" | "critical")).count(),
    ];
    let counts = counts.map(|n| n.to_string());
    l.fill(T::NewsLine, &counts.each_ref().map(String::as_str))
}
