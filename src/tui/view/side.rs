//! What stands beside a table: the map of egress, the fan-out of who administers others, why and what next of a finding.

use super::map;
use super::page::{Doc, draw as draw_page};
use super::pen::Pen;
use crate::engine::journal::EdgeRecord;
use crate::tui::app::{App, stamp};
use crate::tui::pane::Pane;
use crate::tui::text::T;
use crate::tui::theme::Tone;
use crate::tui::width::width;
use ratatui::layout::Rect;

/// Draws what belongs beside the pane's table.
pub fn draw(app: &App, pen: &mut Pen<'_>, area: Rect) {
    match app.pane {
        Pane::Egress => map::draw(app, pen, area),
        Pane::Lateral if app.place().grouped => super::lateral::legend(app, pen, area),
        Pane::Lateral => fan_out(app, pen, area),
        Pane::Findings => why(app, pen, area),
        _ => {}
    }
}

/// The chosen finding: what, why, what next.
fn why(app: &App, pen: &mut Pen<'_>, area: Rect) {
    let Some(f) = app.rows.get(app.place().row).and_then(|id| app.view.findings.get(id)) else {
        pen.head(area, app.look.t(T::WhyWhatNext));
        return;
    };
    pen.head(area, &format!("{} {}", f.id, app.look.t(T::WhyWhatNext)));
    let mut d = Doc::new(&app.look, usize::from(area.width).saturating_sub(4));
    d.text("", &f.summary, Tone::Text, None);
    for (n, step) in f.next.iter().enumerate() {
        d.text(&format!("{}. ", n + 1), step, if n == 0 { Tone::Strong } else { Tone::Text }, None);
    }
    let inner = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    draw_page(pen, inner, &d.lines, 0, None);
}

/// Whom the chosen originator reached: a graph over time, and as a fan.
fn fan_out(app: &App, pen: &mut Pen<'_>, area: Rect) {
    let l = &app.look;
    let chosen = app.rows.get(app.place().row).and_then(|id| app.view.edges.get(id));
    let Some(e) = chosen else {
        pen.head(area, l.t(T::FanOut));
        return;
    };
    let mut mine: Vec<&EdgeRecord> = app.view.edges.values().filter(|x| x.orig == e.orig).collect();
    mine.sort_by(|a, b| a.first_ts.cmp(&b.first_ts).then_with(|| a.resp.cmp(&b.resp)));
    let answered = mine.iter().filter(|x| x.answered > 0).count();
    let counts = [app.names.titled(&e.orig), mine.len().to_string(), answered.to_string()];
    pen.head(area, &l.fill(T::FanOutOf, &counts.each_ref().map(String::as_str)));
    over_time(app, pen, &mine, Rect { y: area.y + 1, height: 1, ..area });
    let rows = usize::from(area.height.saturating_sub(2));
    let columns = usize::from(area.width / 38).max(1);
    let w = area.width / columns as u16;
    for (n, x) in mine.iter().take(rows * columns).enumerate() {
        let (column, row) = (n / rows.max(1), n % rows.max(1));
        let tee = if row + 1 == rows || n + 1 == mine.len() { l.glyphs.elbow } else { l.glyphs.tee };
        let new = super::lateral::is_new(app, x);
        let tone = if new {
            Tone::Bad
        } else if x.answered > 0 {
            Tone::Text
        } else {
            Tone::Dim
        };
        let text = format!("{tee} {}{} {} {}", if new { "+" } else { " " }, l.clock(&x.first_ts), x.service, app.names.titled(&x.resp));
        pen.text(area.x + 1 + column as u16 * w, area.y + 2 + row as u16, w.saturating_sub(1), &text, tone);
    }
}

/// When hosts were reached first: a little graph from the first to now.
fn over_time(app: &App, pen: &mut Pen<'_>, mine: &[&EdgeRecord], area: Rect) {
    let l = &app.look;
    let Some(first) = mine.first().map(|x| stamp(&x.first_ts)) else { return };
    let last = mine.iter().map(|x| stamp(&x.last_ts)).max().unwrap_or(first);
    let (from, to) = (l.clock(&first.to_string()), l.clock(&last.to_string()));
    let x = area.x + 1 + pen.text(area.x + 1, area.y, 12, &format!("{from} "), Tone::Dim);
    let w = area.width.saturating_sub(2 * width(&from) as u16 + 5).min(60);
    let mut bins = vec![0u64; usize::from(w).max(1)];
    let span = last.since(first).0.max(1);
    for e in mine {
        let at = stamp(&e.first_ts).since(first).0 as f64 / span as f64 * (bins.len() - 1) as f64;
        if let Some(b) = bins.get_mut(at as usize) {
            *b += 1;
        }
    }
    pen.graph(x, area.y, w, &bins);
    pen.text(x + w + 1, area.y, 10, &to, Tone::Dim);
}
