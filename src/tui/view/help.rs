//! The help: every key that works here, from the registry, and the language of the filter.

use super::pen::{Part, Pen};
use crate::tui::app::App;
use crate::tui::filter::{FIELDS, OTHERS};
use crate::tui::keys::{KEYS, Scope};
use crate::tui::text::T;
use crate::tui::theme::Tone;
use crate::tui::width::fit;
use ratatui::layout::Rect;

/// Scopes in the order of the help, with their heads.
pub const SCOPES: &[(Scope, T)] = &[
    (Scope::All, T::ScopeAll),
    (Scope::Lists, T::ScopeLists),
    (Scope::Stories, T::ScopeStories),
    (Scope::Devices, T::ScopeDevices),
    (Scope::Groups, T::ScopeGroups),
    (Scope::Replay, T::ScopeReplay),
];

fn area(screen: Rect) -> Rect {
    Rect { x: 2, y: 2, width: screen.width.saturating_sub(4), height: screen.height.saturating_sub(4) }
}

/// The lines, in as many columns as fit.
fn lines(app: &App, width: u16) -> Vec<Vec<Part>> {
    let l = &app.look;
    let mut out: Vec<Vec<Part>> = Vec::new();
    let columns = usize::from(width / 36).max(1);
    let w = usize::from(width) / columns;
    for (scope, head) in SCOPES {
        out.push(vec![(Tone::Title, l.t(*head).to_owned())]);
        let keys: Vec<_> = KEYS.iter().filter(|k| k.scope == *scope).collect();
        for row in keys.chunks(columns) {
            let mut parts = Vec::new();
            for k in row {
                parts.push((Tone::Key, fit(&k.chords.join(" "), 14, false, "")));
                parts.push((Tone::Text, fit(l.t(k.text), w.saturating_sub(15), false, l.glyphs.more)));
                parts.push((Tone::Text, " ".to_owned()));
            }
            out.push(parts);
        }
    }
    out.push(vec![(Tone::Title, l.t(T::HelpFilter).to_owned())]);
    let fields: Vec<&str> = FIELDS.iter().map(|f| f.0).chain(OTHERS.iter().copied()).collect();
    for text in [format!("{}:", fields.join(": ")), l.t(T::HelpFilter1).to_owned(), l.t(T::HelpFilter2).to_owned(), l.t(T::HelpFilter3).to_owned()] {
        for line in crate::tui::width::wrap(&text, usize::from(width).saturating_sub(2)) {
            out.push(vec![(Tone::Text, line)]);
        }
    }
    out.push(vec![(Tone::Title, l.t(T::HelpMarks).to_owned())]);
    out.push(vec![(Tone::Text, l.t(T::HelpMarks1).to_owned())]);
    out
}

/// The last line that can stand at the top.
pub fn last(app: &App) -> usize {
    let area = area(Rect { x: 0, y: 0, width: app.size.0, height: app.size.1 });
    lines(app, area.width.saturating_sub(4)).len().saturating_sub(usize::from(area.height.saturating_sub(2)))
}

/// Draws the help over the screen.
pub fn draw(app: &App, top: usize, pen: &mut Pen<'_>, screen: Rect) {
    let inner = pen.frame(area(screen), app.look.t(T::HelpTitle));
    let lines = lines(app, inner.width);
    for (n, parts) in lines.iter().skip(top).take(usize::from(inner.height)).enumerate() {
        pen.parts(inner.x, inner.y + n as u16, inner.width, parts);
    }
    if lines.len() > top + usize::from(inner.height) {
        let more = app.look.fill(T::MoreBelow, &[&(lines.len() - top - usize::from(inner.height)).to_string()]);
        pen.text(inner.x, inner.bottom(), inner.width, &format!(" {more} "), Tone::Key);
    }
}
