//! The world in braille: where what leaves goes to. Countries are marked at a point inside of them.

use super::countries::COUNTRIES;
use super::egress::outcome;
use super::pen::Pen;
use crate::tui::app::App;
use crate::tui::text::T;
use crate::tui::theme::Tone;
use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::symbols::Marker;
use ratatui::widgets::Widget;
use ratatui::widgets::canvas::{Canvas, Map, MapResolution};
use std::collections::BTreeMap;

/// The map leaves the poles out.
const LATITUDES: [f64; 2] = [-56.0, 78.0];
const LONGITUDES: [f64; 2] = [-180.0, 180.0];
/// Columns for the list beside the map.
const LIST: u16 = 26;

#[derive(Clone, Copy, Default)]
struct Country {
    bytes: u64,
    rows: usize,
    answered: bool,
    unwanted: bool,
}

/// Draws the map, and the countries beside it.
pub fn draw(app: &App, pen: &mut Pen<'_>, area: Rect) {
    pen.head(area, app.look.t(T::MapTitle));
    let inner = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let beside = inner.width >= 70;
    let (map, list) = if beside {
        let map = Rect { width: inner.width - LIST, ..inner };
        (map, Rect { x: map.right(), width: LIST, ..inner })
    } else {
        // Taller than this the world falls apart into dots.
        let map = Rect { height: inner.height.saturating_sub(4).min(inner.width * 3 / 10), ..inner };
        (map, Rect { y: map.bottom(), height: inner.height - map.height, ..inner })
    };
    let countries = countries(app);
    world(pen, map);
    for (code, c) in &countries {
        if let Some((_, lat, lon)) = COUNTRIES.iter().find(|x| x.0 == code) {
            point(pen, map, f64::from(*lat), f64::from(*lon), code, *c);
        }
    }
    listed(app, pen, list, &countries);
}

fn countries(app: &App) -> Vec<(String, Country)> {
    let mut all: BTreeMap<&str, Country> = BTreeMap::new();
    for e in app.rows.iter().filter_map(|id| app.view.egress.get(id)) {
        let c = all.entry(&e.country).or_default();
        c.bytes += e.orig_bytes;
        c.rows += 1;
        c.answered |= e.answered > 0;
        c.unwanted |= matches!(outcome(e).0, Tone::Bad | Tone::Warn);
    }
    let mut all: Vec<(String, Country)> = all.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    all.sort_by_key(|(code, c)| (!c.unwanted, std::cmp::Reverse(c.bytes), code.clone()));
    all
}

fn world(pen: &mut Pen<'_>, area: Rect) {
    let colour = pen.look.style(Tone::Frame).fg.unwrap_or(Color::Reset);
    let marker = if pen.look.glyphs.ascii { Marker::Custom('.') } else { Marker::Braille };
    let coast = Map { color: colour, resolution: if area.width > 90 { MapResolution::High } else { MapResolution::Low } };
    Canvas::default().x_bounds(LONGITUDES).y_bounds(LATITUDES).marker(marker).paint(|c| c.draw(&coast)).render(area, pen.buf);
}

fn point(pen: &mut Pen<'_>, area: Rect, lat: f64, lon: f64, code: &str, c: Country) {
    let part = |v: f64, [from, to]: [f64; 2]| ((v - from) / (to - from)).clamp(0.0, 1.0);
    let x = area.x + (part(lon, LONGITUDES) * f64::from(area.width.saturating_sub(3))) as u16;
    let y = area.y + ((1.0 - part(lat, LATITUDES)) * f64::from(area.height.saturating_sub(1))) as u16;
    let mark = if c.unwanted { "!" } else { pen.look.glyphs.here };
    let tone = if c.unwanted && c.answered {
        Tone::Critical
    } else if c.unwanted {
        Tone::Warn
    } else {
        Tone::Strong
    };
    pen.text(x, y, 3, &format!("{mark}{code}"), tone);
}

fn listed(app: &App, pen: &mut Pen<'_>, area: Rect, countries: &[(String, Country)]) {
    let l = &app.look;
    for (n, (code, c)) in countries.iter().take(usize::from(area.height)).enumerate() {
        let name = if code.is_empty() { l.t(T::CountryUnknown) } else { code };
        let mark = if c.unwanted { "! " } else { "  " };
        let text = format!("{mark}{name} {} ({})", l.bytes(c.bytes), c.rows);
        pen.text(area.x + 1, area.y + n as u16, area.width.saturating_sub(1), &text, if c.unwanted { Tone::Bad } else { Tone::Text });
    }
}
