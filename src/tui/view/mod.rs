//! What the screen looks like: head, banner, tabs, the pane, the tape, the footer; and on top of it menus, lines being typed and things in full.

pub mod help;
mod incident;
pub mod list;
pub mod devices;
mod egress;
mod findings;
mod flows;
mod lateral;
mod map;
mod overview;
pub mod page;
pub mod pen;
mod countries;
mod prompt;
mod sensor;
mod side;

use super::app::{App, Link, Menu};
use super::keys::{KEYS, reaches};
use super::pane::Pane;
use super::text::T;
use super::theme::{Tone, severity};
use super::width::width;
use crate::output::text::grouped;
use pen::{Part, Pen};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Smallest screen that everything fits on.
pub const SMALLEST: (u16, u16) = (80, 24);
/// Lines above the pane: head, banner, tabs.
const ABOVE: u16 = 3;
/// Lines below it: tape or message, footer.
const BELOW: u16 = 2;

/// What the mouse points at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spot {
    /// A tab.
    Pane(Pane),
    /// A row of the pane.
    Row(usize),
}

/// The pane's place on a screen of this size.
pub fn body(size: (u16, u16)) -> Rect {
    Rect { x: 0, y: ABOVE, width: size.0, height: size.1.saturating_sub(ABOVE + BELOW) }
}

/// The whole screen.
pub fn draw(app: &App, buf: &mut Buffer) {
    let area = buf.area;
    let mut pen = Pen { buf, look: &app.look };
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let size = [area.width, area.height, SMALLEST.0, SMALLEST.1].map(|n| n.to_string());
        pen.text(0, 0, area.width, &app.look.fill(T::TooSmall, &size.each_ref().map(String::as_str)), Tone::Warn);
        pen.text(0, 1, area.width, &banner(app).1, banner(app).0);
        return;
    }
    head(app, &mut pen, area);
    let (tone, text) = banner(app);
    let text = super::width::fit(&super::width::safe(&text), usize::from(area.width), false, app.look.glyphs.more);
    pen.text(0, 1, area.width, &text, tone);
    tabs(app, &mut pen);
    let body = body((area.width, area.height));
    match app.cards.last() {
        Some(card) => page::draw_card(app, card, &mut pen, body),
        None => pane(app, &mut pen, body),
    }
    tape(app, &mut pen, area);
    footer(app, &mut pen, area);
    match &app.menu {
        Some(Menu::Help(top)) => help::draw(app, *top, &mut pen, area),
        Some(Menu::Pivot(choices)) => prompt::pivot(app, choices, &mut pen, area),
        Some(Menu::Export) => prompt::export(app, &mut pen, area),
        None => {}
    }
    if let Some(p) = &app.prompt {
        prompt::draw(app, p, &mut pen, area);
    }
}

/// The screen as a buffer.
pub fn render(app: &App) -> Buffer {
    let mut buf = Buffer::empty(Rect { x: 0, y: 0, width: app.size.0, height: app.size.1 });
    draw(app, &mut buf);
    buf
}

fn pane(app: &App, pen: &mut Pen<'_>, body: Rect) {
    match app.pane {
        Pane::Overview => overview::draw(app, pen, body),
        Pane::Incident => incident::draw(app, pen, body),
        Pane::Sensor => sensor::draw(app, pen, body),
        _ => list::draw(app, pen, body),
    }
}

/// Rows of the pane that fit on the screen.
pub fn rows_shown(app: &App) -> usize {
    let body = body(app.size);
    let rows = match app.pane {
        Pane::Overview => overview::rows(body),
        Pane::Incident => incident::rows(app, body),
        Pane::Sensor => body.height,
        _ => list::parts(app, body).0.height.saturating_sub(2),
    };
    usize::from(rows).max(1)
}

/// Product, site, state, time.
fn head(app: &App, pen: &mut Pen<'_>, area: Rect) {
    let sep = format!(" {} ", app.look.glyphs.sep);
    let mut left: Vec<Part> = vec![(Tone::Title, " spanward".into())];
    if !app.view.facts.name.is_empty() {
        left.extend([(Tone::Frame, sep.clone()), (Tone::Strong, app.view.facts.name.clone())]);
    }
    let (tone, state) = state(app);
    left.extend([(Tone::Frame, sep), (tone, state)]);
    let time = if app.view.ts.is_empty() { String::new() } else { app.look.whole(&app.view.ts) };
    let room = area.width.saturating_sub(width(&time) as u16 + 2);
    pen.parts(0, 0, room, &left);
    pen.text(room, 0, area.width - room, &time, Tone::Strong);
}

/// Live, frozen, lost, or how a tape plays.
fn state(app: &App) -> (Tone, String) {
    let l = &app.look;
    match &app.link {
        Link::Waiting => return (Tone::Warn, l.t(T::StateWaiting).to_owned()),
        Link::Lost(since, _) => return (Tone::Critical, l.fill(T::StateLost, &[&l.clock(&since.to_string())])),
        Link::Ended(Some(why)) => return (Tone::Critical, l.fill(T::StateEnded, &[why])),
        Link::Ended(None) | Link::Up => {}
    }
    if app.frozen {
        return (Tone::Warn, l.t(T::StateFrozen).to_owned());
    }
    match (app.replay, app.tape.plays) {
        (false, _) => (Tone::Good, l.t(T::StateLive).to_owned()),
        (true, true) => (Tone::Good, l.fill(T::StatePlays, &[&app.tape.speed.to_string()])),
        (true, false) => (Tone::Text, l.t(T::StateRecorded).to_owned()),
    }
}

/// Is something wrong? The one line that a tired person reads.
pub fn banner(app: &App) -> (Tone, String) {
    let l = &app.look;
    if let Link::Lost(_, why) = &app.link {
        return (Tone::Critical, format!(" {}", l.fill(T::BannerLost, &[why])));
    }
    if app.view.ts.is_empty() {
        return (Tone::Dim, format!(" {}", l.t(T::BannerWaiting)));
    }
    let open = &app.stories.open;
    let Some(worst) = open.first().and_then(|id| app.view.incidents.get(id)) else {
        return match sensor::trouble(app) {
            Some(t) => (Tone::Warn, format!(" {}", l.fill(T::BannerQuietBut, &[&t]))),
            None => (Tone::Good, format!(" {} {}", l.glyphs.ok, l.t(T::BannerQuiet))),
        };
    };
    let (mark, tone) = severity(&worst.severity);
    let sentence = page::first_sentence(&worst.summary);
    let text = l.fill(T::BannerOpen, &[&grouped(open.len() as u64), l.word(&worst.severity), &worst.id, sentence]);
    (tone, format!(" {mark}{text}"))
}

fn tabs(app: &App, pen: &mut Pen<'_>) {
    let mut x = 0;
    for (pane, text) in tab_texts(app) {
        let (w, chosen) = (width(&text) as u16, pane == app.pane);
        pen.text(x, 2, w, &text, if chosen { Tone::Chosen } else { Tone::Dim });
        x += w + 1;
    }
}

fn tab_texts(app: &App) -> impl Iterator<Item = (Pane, String)> {
    Pane::ALL.iter().map(|p| {
        // Without colour and reversal the chosen one still stands in brackets.
        let (n, title) = (p.number() + 1, app.look.t(p.title()));
        (*p, if *p == app.pane { format!("[{n} {title}]") } else { format!("{n} {title}") })
    })
}

/// What is played and where one is in it; else the last thing to say.
fn tape(app: &App, pen: &mut Pen<'_>, area: Rect) {
    let y = area.height - BELOW;
    if let Some((tone, text)) = &app.message {
        pen.text(1, y, area.width - 2, text, *tone);
        return;
    }
    let (first, last) = app.tape.span;
    if !app.replay || last <= first {
        return;
    }
    let (from, to) = (app.look.clock(&first.to_string()), app.look.clock(&last.to_string()));
    let play = if app.tape.plays { format!("x{} ", app.tape.speed) } else { "|| ".to_owned() };
    let mut x = pen.text(1, y, 8, &play, Tone::Strong) + 1;
    x += pen.text(x, y, 10, &format!("{from} "), Tone::Dim);
    let w = area.width.saturating_sub(x + 11);
    let place = |ts: crate::base::Timestamp| {
        let part = ts.since(first).0 as f64 / last.since(first).0 as f64;
        x + (part.clamp(0.0, 1.0) * f64::from(w.saturating_sub(1))) as u16
    };
    pen.text(x, y, w, &app.look.glyphs.rule.repeat(usize::from(w)), Tone::Frame);
    for (ts, s) in &app.tape.marks {
        let (mark, tone) = severity(s.word());
        if *s >= crate::base::Severity::Medium {
            pen.text(place(*ts), y, 1, mark.get(..1).unwrap_or("!"), tone);
        }
    }
    for ts in &app.tape.bookmarks {
        pen.text(place(*ts), y, 1, "b", Tone::Key);
    }
    pen.text(place(app.at()), y, 1, app.look.glyphs.here, Tone::Strong);
    pen.text(area.width - 10, y, 9, &to, Tone::Dim);
}

/// The keys that matter here.
fn footer(app: &App, pen: &mut Pen<'_>, area: Rect) {
    let mut keys: Vec<_> = KEYS.iter().filter(|k| k.footer > 0 && reaches(k.scope, app.pane, app.replay)).collect();
    keys.sort_by_key(|k| k.footer);
    let mut items: Vec<(&str, T)> = keys.into_iter().map(|k| (k.chords.first().copied().unwrap_or_default(), k.text)).collect();
    if app.replay {
        items.push(("P ] J", T::FooterTape));
    }
    let (mut x, y) = (1, area.height - 1);
    for (chord, text) in items {
        let text = app.look.t(text);
        let w = (width(chord) + width(text)) as u16 + 3;
        // Half a hint is none.
        if x + w <= area.width {
            pen.parts(x, y, w, &[(Tone::Key, chord.to_owned()), (Tone::Dim, format!(" {text}"))]);
            x += w;
        }
    }
}

/// What lies under the mouse.
pub fn at(app: &App, x: u16, y: u16) -> Option<Spot> {
    if y == 2 {
        let mut from = 0;
        for (pane, text) in tab_texts(app) {
            let to = from + width(&text) as u16;
            if (from..to).contains(&x) {
                return Some(Spot::Pane(pane));
            }
            from = to + 1;
        }
        return None;
    }
    let body = body(app.size);
    let first = match app.pane {
        Pane::Overview => body.y + 1,
        Pane::Incident => body.y + incident::head_height(app, body),
        Pane::Sensor => body.y,
        _ => list::parts(app, body).0.y + 2,
    };
    let n = usize::from(y.checked_sub(first)?);
    (n < rows_shown(app)).then(|| Spot::Row(app.place().top + n)).filter(|s| matches!(s, Spot::Row(r) if *r < app.rows.len()))
}
