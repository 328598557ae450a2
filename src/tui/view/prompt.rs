//! Lines being typed, and menus, drawn over the foot of the screen.

use super::pen::Pen;
use crate::tui::app::{App, Prompt, Purpose};
use crate::tui::app::{Choice, span_text};
use crate::tui::export::Format;
use crate::tui::text::T;
use crate::tui::theme::Tone;
use crate::tui::width::width;
use ratatui::layout::Rect;

fn foot(screen: Rect, lines: u16) -> Rect {
    let height = (lines + 2).min(screen.height);
    Rect { x: 0, y: screen.height - height, width: screen.width, height }
}

/// Draws a line being typed.
pub fn draw(app: &App, p: &Prompt, pen: &mut Pen<'_>, screen: Rect) {
    let (title, hints) = about(app, p);
    let inner = pen.frame(foot(screen, 1 + hints.len() as u16), &title);
    let room = usize::from(inner.width.saturating_sub(3));
    let scroll = p.input.visual_scroll(room);
    let mut text = String::new();
    let mut skipped = 0;
    for c in p.input.value().chars() {
        let w = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if skipped < scroll {
            skipped += w;
        } else {
            text.push(c);
        }
    }
    pen.text(inner.x, inner.y, 2, "> ", Tone::Key);
    pen.text(inner.x + 2, inner.y, inner.width.saturating_sub(2), &text, Tone::Strong);
    let at = inner.x + 2 + p.input.visual_cursor().saturating_sub(scroll) as u16;
    pen.choose(Rect { x: at.min(inner.right()), y: inner.y, width: 1, height: 1 });
    for (n, (tone, h)) in hints.iter().enumerate() {
        pen.text(inner.x, inner.y + 1 + n as u16, inner.width, h, *tone);
    }
}

/// Title and hints.
fn about(app: &App, p: &Prompt) -> (String, Vec<(Tone, String)>) {
    let l = &app.look;
    let mut hints = Vec::new();
    let title = match &p.purpose {
        Purpose::Filter(_) => {
            hints.push((Tone::Dim, l.fill(T::FilterHint, &[&app.rows.len().to_string()])));
            l.t(T::KeyFilter).to_owned()
        }
        Purpose::Palette => {
            hints.push((Tone::Dim, l.t(T::PaletteHint).to_owned()));
            l.t(T::KeyPalette).to_owned()
        }
        Purpose::Acknowledge(ids) => {
            hints.push((Tone::Dim, l.t(T::AcknowledgeHint).to_owned()));
            l.fill(T::AcknowledgeTitle, &[ids.first().map_or("", String::as_str), &ids.len().to_string()])
        }
        Purpose::Mute { id, scope, span } => {
            mute_hints(app, id, *scope, *span, &mut hints);
            l.fill(T::MuteTitle, &[id])
        }
        Purpose::Decide { ids, status, span } => {
            hints.push((Tone::Text, l.fill(T::DecideHint, &[l.t(span_text(*span))])));
            l.fill(T::DecideTitle, &[l.word(status), &ids.len().to_string()])
        }
        Purpose::Jump => {
            hints.push((Tone::Dim, l.t(T::JumpHint).to_owned()));
            l.t(T::KeyJump).to_owned()
        }
    };
    if let Some(w) = &p.wrong {
        hints.insert(0, (Tone::Bad, w.clone()));
    }
    (title, hints)
}

fn mute_hints(app: &App, id: &str, scope: usize, span: usize, hints: &mut Vec<(Tone, String)>) {
    let l = &app.look;
    let Some(f) = app.view.findings.get(id) else { return };
    let what = match scope {
        0 => l.fill(T::ScopeBoth, &[&f.detector, &app.names.titled(&f.orig)]),
        1 => l.fill(T::ScopeDetector, &[&f.detector]),
        _ => l.fill(T::ScopeHost, &[&app.names.titled(&f.orig)]),
    };
    hints.push((Tone::Text, l.fill(T::MuteScope, &[&what, l.t(span_text(span))])));
    let p = app.preview(id, scope, span);
    let counts = [p.hidden, p.of, p.severe].map(|n| n.to_string());
    let tone = if p.severe > 0 { Tone::Bad } else { Tone::Good };
    hints.push((tone, l.fill(T::MutePreview, &counts.each_ref().map(String::as_str))));
}

/// Where to go from here.
pub fn pivot(app: &App, choices: &[Choice], pen: &mut Pen<'_>, screen: Rect) {
    let inner = pen.frame(foot(screen, choices.len() as u16), app.look.t(T::KeyPivot));
    for (n, c) in choices.iter().enumerate() {
        let y = inner.y + n as u16;
        pen.text(inner.x, y, 2, &c.key.to_string(), Tone::Key);
        let text = app.look.t(c.text);
        pen.text(inner.x + 3, y, inner.width, text, Tone::Text);
        let x = inner.x + 3 + (width(text) as u16).max(24) + 1;
        pen.text(x, y, inner.right().saturating_sub(x), &app.names.titled(&c.about), Tone::Dim);
    }
}

/// What to write.
pub fn export(app: &App, pen: &mut Pen<'_>, screen: Rect) {
    let inner = pen.frame(foot(screen, Format::ALL.len() as u16), app.look.t(T::KeyExport));
    for (n, f) in Format::ALL.iter().enumerate() {
        pen.text(inner.x, inner.y + n as u16, 2, &f.key().to_string(), Tone::Key);
        pen.text(inner.x + 3, inner.y + n as u16, inner.width, app.look.t(f.text()), Tone::Text);
    }
}
