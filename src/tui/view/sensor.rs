//! The sensor: what it saw and what it did not, what its tables hold, what cannot run.

use super::page::{Doc, Line, draw as draw_page};
use super::pen::{Part, Pen};
use crate::output::record::CoverageRecord;
use crate::output::text::grouped;
use crate::tui::app::App;
use crate::tui::text::T;
use crate::tui::theme::Tone;
use ratatui::layout::Rect;

/// A share of lost payload that hides things: one in a thousand.
const LOSS: f64 = 0.001;

/// Draws the pane.
pub fn draw(app: &App, pen: &mut Pen<'_>, body: Rect) {
    draw_page(pen, body, &lines(app), app.place().top, Some(app.place().row));
}

/// The worst thing that hides something, if there is one.
pub fn trouble(app: &App) -> Option<String> {
    let (l, c) = (&app.look, &app.view.counters.coverage);
    if app.view.ports.values().any(|p| !p.up) {
        return Some(l.t(T::TroublePort).to_owned());
    }
    if c.loss_estimate > LOSS {
        return Some(l.fill(T::TroubleLoss, &[&format!("{:.2}", c.loss_estimate * 100.0)]));
    }
    let drops = c.kernel_drops + c.card_drops;
    if drops > 0 {
        return Some(l.fill(T::TroubleDrops, &[&grouped(drops)]));
    }
    if !app.view.facts.declared {
        return Some(l.t(T::TroubleUndeclared).to_owned());
    }
    None
}

/// Counts of what was not seen: text, number, whether it is worth a warning. The one list of them on the screen.
pub fn unseen(c: &CoverageRecord) -> [(T, u64, bool); 14] {
    [
        (T::CoverKernel, c.kernel_drops, true),
        (T::CoverCard, c.card_drops, true),
        (T::CoverShed, c.shed, true),
        (T::CoverMissed, c.missed_bytes, c.loss_estimate > LOSS),
        (T::CoverOneWay, c.one_way_flows, true),
        (T::CoverSnapped, c.snapped, true),
        (T::CoverUndecoded, c.undecoded, true),
        (T::CoverEvicted, c.evicted_flows, true),
        (T::CoverUnparsed, c.unparsed_flows, true),
        (T::CoverUnlisted, c.unlisted_flows, false),
        (T::CoverLink, c.unlisted_link, false),
        (T::CoverCopies, c.duplicates, false),
        (T::CoverDoubles, c.doubles_kept, false),
        (T::CoverFiltered, c.filtered, false),
    ]
}

/// The health bar: one line for the overview.
pub fn bar(app: &App) -> Vec<Part> {
    let (l, c) = (&app.look, &app.view.counters.coverage);
    let lost = c.loss_estimate > LOSS;
    let mut parts: Vec<Part> = vec![(
        if lost { Tone::Bad } else { Tone::Good },
        format!("{}{}", if lost { "! " } else { "" }, l.fill(T::BarLoss, &[&format!("{:.3}", c.loss_estimate * 100.0)])),
    )];
    let drops = c.kernel_drops + c.card_drops + c.shed;
    parts.push((
        if drops > 0 { Tone::Bad } else { Tone::Good },
        format!("  {}{}", if drops > 0 { "! " } else { "" }, l.fill(T::BarDrops, &[&grouped(drops)])),
    ));
    parts.push((Tone::Text, format!("  {}", l.fill(T::BarCopies, &[&grouped(c.duplicates)]))));
    let one_way = if app.view.counters.flows > 0 { c.one_way_flows as f64 * 100.0 / app.view.counters.flows as f64 } else { 0.0 };
    parts.push((if one_way > 5.0 { Tone::Warn } else { Tone::Text }, format!("  {}", l.fill(T::BarOneWay, &[&format!("{one_way:.1}")]))));
    let blocked = app.view.facts.blocked.len();
    if blocked > 0 {
        parts.push((Tone::Warn, format!("  * {}", l.fill(T::BarBlocked, &[&blocked.to_string()]))));
    }
    if !app.replay && !app.view.ts.is_empty() && app.now > app.at() {
        let lag = app.now.since(app.at()).as_secs_f64();
        parts.push((if lag > 5.0 { Tone::Warn } else { Tone::Text }, format!("  {}", l.fill(T::BarLag, &[&format!("{lag:.0}")]))));
    }
    parts
}

/// The page.
pub fn lines(app: &App) -> Vec<Line> {
    let (l, v) = (&app.look, &app.view);
    let mut d = Doc::new(l, usize::from(app.size.0).saturating_sub(4));
    d.head(T::SensorSeen);
    let c = &v.counters;
    d.pair(T::ColPackets, &grouped(c.packets), None);
    d.pair(T::SensorBytes, &l.bytes(c.bytes), None);
    d.pair(T::PaneFlows, &grouped(c.flows), None);
    d.pair(T::PaneDevices, &grouped(v.devices.len() as u64), None);
    d.pair(T::SensorSince, &l.whole(&c.first_ts), None);
    d.pair(T::ColLast, &l.whole(&c.last_ts), None);
    d.head(T::SensorBlocked);
    if v.facts.blocked.is_empty() {
        d.text("", l.t(T::SensorAllRun), Tone::Good, None);
    }
    for b in &v.facts.blocked {
        d.text(&format!("{}: ", b.detector), &b.reason, Tone::Warn, None);
    }
    d.head(T::SensorUnseen);
    d.pair(T::SensorLoss, &format!("{:.4} %", c.coverage.loss_estimate * 100.0), None);
    for (t, n, bad) in unseen(&c.coverage) {
        let bad = bad && n > 0;
        let mark = if bad { "! " } else { "  " };
        d.parts(vec![(if bad { Tone::Bad } else { Tone::Dim }, format!("{mark}{:>14}  ", grouped(n))), (Tone::Text, l.t(t).to_owned())], None);
    }
    if !v.ports.is_empty() {
        d.head(T::SensorPorts);
        for (n, p) in &v.ports {
            let state = if p.up { (Tone::Good, l.t(T::PortUp)) } else { (Tone::Critical, l.t(T::PortDown)) };
            let n = n.trim_start_matches('0');
            let lost = [p.kernel, p.card, p.shed].map(grouped);
            let lost = l.fill(T::PortLost, &lost.each_ref().map(String::as_str));
            d.parts(
                vec![
                    (Tone::Strong, format!("#{} ", if n.is_empty() { "0" } else { n })),
                    (state.0, state.1.to_owned()),
                    (Tone::Text, format!("  {lost}")),
                ],
                None,
            );
        }
    }
    if app.standing != Default::default() {
        d.head(T::SensorItself);
        for (name, text) in &app.standing.notes {
            d.text(&format!("{name}: "), text, Tone::Text, None);
        }
        for (name, n) in &app.standing.samples {
            d.parts(vec![(Tone::Dim, format!("{n:>16}  ")), (Tone::Text, name.clone())], None);
        }
    }
    d.head(T::SensorTables);
    for t in &v.health.tables {
        let gone = if t.evicted > 0 { Tone::Warn } else { Tone::Dim };
        let text = [grouped(t.held), grouped(t.evicted)];
        d.parts(vec![(Tone::Text, format!("{:<22}", t.name)), (gone, l.fill(T::TableHeld, &text.each_ref().map(String::as_str)))], None);
    }
    if !v.health.weird.is_empty() {
        d.head(T::SensorWeird);
        for w in &v.health.weird {
            let first = l.fill(T::AtPacket, &[&l.clock(&w.first_ts), &w.first_packet.to_string()]);
            d.parts(vec![(Tone::Text, format!("{:>10}  {} ({})  ", grouped(w.count), w.name, w.layer)), (Tone::Dim, first)], None);
        }
    }
    if !v.desk.mutes.is_empty() || !app.stories.desk.mutes.is_empty() {
        d.head(T::SensorMutes);
        for m in app.stories.desk.mutes.values() {
            let scope = format!("{} {}", m.detector, m.orig);
            d.text(&format!("{} ", scope.trim()), &l.fill(T::MuteLine, &[&l.whole(&m.until), &m.who, &m.reason]), Tone::Text, None);
        }
    }
    d.lines
}
