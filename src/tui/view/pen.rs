//! Writes styled text into a buffer: everything goes through here, so nothing from the wire reaches the terminal uncleaned, and nothing is drawn
//! outside of its place.

use crate::tui::look::Look;
use crate::tui::theme::Tone;
use crate::tui::width::{cut, safe, width};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// A piece of a line.
pub type Part = (Tone, String);

/// Writes into a buffer.
pub struct Pen<'a> {
    /// Where to.
    pub buf: &'a mut Buffer,
    /// How.
    pub look: &'a Look,
}

impl Pen<'_> {
    /// One text at a place, at most `w` columns; returns the columns used.
    pub fn text(&mut self, x: u16, y: u16, w: u16, s: &str, tone: Tone) -> u16 {
        let area = self.buf.area;
        if y >= area.bottom() || y < area.y || x >= area.right() {
            return 0;
        }
        let w = w.min(area.right() - x);
        let s = safe(s);
        let s = cut(&s, usize::from(w), self.look.glyphs.more);
        self.buf.set_stringn(x, y, &s, usize::from(w), self.look.style(tone));
        width(&s) as u16
    }
    /// Pieces one after the other.
    pub fn parts(&mut self, x: u16, y: u16, w: u16, parts: &[Part]) -> u16 {
        let mut used = 0;
        for (tone, s) in parts {
            if used >= w {
                break;
            }
            used += self.text(x + used, y, w - used, s, *tone);
        }
        used
    }
    /// A head with a line behind it.
    pub fn head(&mut self, area: Rect, title: &str) {
        let rule = self.look.glyphs.rule.repeat(usize::from(area.width));
        self.text(area.x, area.y, area.width, &rule, Tone::Frame);
        if !title.is_empty() {
            self.text(area.x + 1, area.y, area.width.saturating_sub(2), &format!(" {title} "), Tone::Title);
        }
    }
    /// The chosen row.
    pub fn choose(&mut self, area: Rect) {
        let area = area.intersection(self.buf.area);
        let style = self.look.style(Tone::Chosen);
        self.buf.set_style(area, style);
    }
    /// Empties a place and draws a frame around it; returns what is inside.
    pub fn frame(&mut self, area: Rect, title: &str) -> Rect {
        let area = area.intersection(self.buf.area);
        for y in area.top()..area.bottom() {
            // A wide character that the frame would cut in half goes as a whole.
            if let Some(c) = area.x.checked_sub(1).and_then(|x| self.buf.cell_mut((x, y))).filter(|c| width(c.symbol()) > 1) {
                c.set_symbol(" ");
            }
            for x in area.left()..area.right() {
                if let Some(c) = self.buf.cell_mut((x, y)) {
                    c.reset();
                }
            }
        }
        let b = self.look.glyphs.border;
        let line = |l: &str, m: &str, r: &str| format!("{l}{}{r}", m.repeat(usize::from(area.width.saturating_sub(2))));
        self.text(area.x, area.y, area.width, &line(b.top_left, b.horizontal_top, b.top_right), Tone::Title);
        for y in area.top() + 1..area.bottom().saturating_sub(1) {
            self.text(area.x, y, 1, b.vertical_left, Tone::Title);
            self.text(area.right().saturating_sub(1), y, 1, b.vertical_right, Tone::Title);
        }
        if area.height > 1 {
            let y = area.bottom() - 1;
            self.text(area.x, y, area.width, &line(b.bottom_left, b.horizontal_bottom, b.bottom_right), Tone::Title);
        }
        self.text(area.x + 2, area.y, area.width.saturating_sub(4), &format!(" {title} "), Tone::Title);
        Rect { x: area.x + 2, y: area.y + 1, width: area.width.saturating_sub(4), height: area.height.saturating_sub(2) }
    }
    /// A little graph of the newest `w` values.
    pub fn graph(&mut self, x: u16, y: u16, w: u16, values: &[u64]) {
        let from = values.len().saturating_sub(usize::from(w));
        let shown = values.get(from..).unwrap_or(&[]);
        let top = shown.iter().copied().max().unwrap_or(0).max(1);
        let levels = self.look.glyphs.levels;
        let text: String = shown
            .iter()
            .map(|v| {
                let level = (v.saturating_mul(7) / top) as usize;
                if *v == 0 { " " } else { levels.get(level).copied().unwrap_or(" ") }
            })
            .collect();
        self.text(x, y, w, &text, Tone::Bar);
    }
}
