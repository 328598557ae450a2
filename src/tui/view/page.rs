//! Pages of lines: the incident, the sensor, and every single thing in full. A line may be about something, which Enter opens.

use super::pen::{Part, Pen};
use super::{devices, egress, incident, lateral, sensor};
use crate::output::record::FindingRecord;
use crate::tui::app::{App, Card};
use crate::tui::look::Look;
use crate::tui::pane::{Pane, Target};
use crate::tui::text::T;
use crate::tui::theme::{Tone, severity};
use crate::tui::width::{safe, width, wrap};
use ratatui::layout::Rect;
use serde_json::Value;

/// Lines around a thing in full: head, banner, tabs, its frame, tape, footer.
pub const AROUND: usize = 7;
/// Longest page of one thing; findings name at most 64 hosts and 32 packets, so nothing is cut.
pub const CARD_LINES: usize = 2000;

/// A line of a page.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Line {
    /// What it says.
    pub parts: Vec<Part>,
    /// What it is about.
    pub target: Option<Target>,
}

/// A page being written.
pub struct Doc<'a> {
    look: &'a Look,
    width: usize,
    /// Its lines so far.
    pub lines: Vec<Line>,
}

impl<'a> Doc<'a> {
    /// A page of this width.
    pub fn new(look: &'a Look, width: usize) -> Doc<'a> {
        Doc { look, width: width.max(20), lines: Vec::new() }
    }
    /// A head.
    pub fn head(&mut self, t: T) {
        if !self.lines.is_empty() {
            self.lines.push(Line::default());
        }
        self.lines.push(Line { parts: vec![(Tone::Title, self.look.t(t).to_owned())], target: None });
    }
    /// Text, wrapped behind a beginning that stands in the first line only.
    pub fn text(&mut self, begin: &str, s: &str, tone: Tone, target: Option<Target>) {
        let indent = width(begin);
        for (n, l) in wrap(&safe(s), self.width.saturating_sub(indent)).into_iter().enumerate() {
            let begin = if n == 0 { begin.to_owned() } else { " ".repeat(indent) };
            self.lines.push(Line { parts: vec![(Tone::Key, begin), (tone, l)], target: target.clone() });
        }
    }
    /// One line of pieces.
    pub fn parts(&mut self, parts: Vec<Part>, target: Option<Target>) {
        self.lines.push(Line { parts, target });
    }
    /// A name and what it is.
    pub fn pair(&mut self, t: T, s: &str, target: Option<Target>) {
        if !s.is_empty() {
            let name = crate::tui::width::fit(self.look.t(t), 14, false, "");
            let indent = width(&name) + 1;
            for (n, l) in wrap(&safe(s), self.width.saturating_sub(indent)).into_iter().enumerate() {
                let name = if n == 0 { format!("{name} ") } else { " ".repeat(indent) };
                self.lines.push(Line { parts: vec![(Tone::Dim, name), (Tone::Text, l)], target: target.clone() });
            }
        }
    }
}

/// The lines of the pane shown, if it is a page.
pub fn lines(app: &App) -> Vec<Line> {
    match app.pane {
        Pane::Incident => incident::lines(app),
        Pane::Sensor => sensor::lines(app),
        _ => Vec::new(),
    }
}

/// A page's lines from one on.
pub fn draw(pen: &mut Pen<'_>, area: Rect, lines: &[Line], top: usize, chosen: Option<usize>) {
    for (n, l) in lines.iter().enumerate().skip(top).take(usize::from(area.height)) {
        let y = area.y + (n - top) as u16;
        let mark = if l.target.is_some() && chosen == Some(n) { pen.look.glyphs.chosen } else { " " };
        pen.text(area.x, y, 1, mark, Tone::Key);
        pen.parts(area.x + 2, y, area.width.saturating_sub(2), &l.parts);
        if chosen == Some(n) {
            pen.choose(Rect { x: area.x, y, width: area.width, height: 1 });
        }
    }
    if lines.len() > top + usize::from(area.height) {
        let more = pen.look.fill(T::MoreBelow, &[&(lines.len() - top - usize::from(area.height)).to_string()]);
        let w = width(&more) as u16;
        pen.text(area.right().saturating_sub(w + 1), area.bottom().saturating_sub(1), w, &more, Tone::Key);
    }
}

/// Something in full.
pub fn draw_card(app: &App, card: &Card, pen: &mut Pen<'_>, body: Rect) {
    let inner = pen.frame(body, &title(app, &card.target));
    draw(pen, inner, &self::card(app, &card.target), card.top, Some(card.row));
}

fn title(app: &App, t: &Target) -> String {
    let l = &app.look;
    match t {
        Target::Device(id) => {
            let d = app.view.devices.get(id);
            let addr = d.map_or(id.as_str(), devices::address);
            format!("{} {}", l.t(T::CardDevice), app.names.titled(addr))
        }
        Target::Host(a) => format!("{} {}", l.t(T::CardHost), app.names.titled(a)),
        Target::Finding(id) => format!("{} {id}", l.t(T::CardFinding)),
        Target::Incident(id) => format!("{} {id}", l.t(T::PaneIncident)),
        Target::Egress(id) => format!("{} {id}", l.t(T::PaneEgress)),
        Target::Edge(id) => format!("{} {id}", l.t(T::PaneLateral)),
        Target::Flow(id) => format!("{} {id}", l.t(T::CardFlow)),
    }
}

/// The lines of something in full.
pub fn card(app: &App, t: &Target) -> Vec<Line> {
    let mut d = Doc::new(&app.look, usize::from(app.size.0).saturating_sub(8));
    match t {
        Target::Device(id) => device(app, id, &mut d),
        Target::Host(a) => host(app, a, &mut d),
        Target::Finding(id) => finding(app, id, &mut d),
        Target::Incident(_) => {}
        Target::Egress(id) => going_out(app, id, &mut d),
        Target::Edge(id) => edge(app, id, &mut d),
        Target::Flow(id) => flow(app, id, &mut d),
    }
    if d.lines.is_empty() {
        d.text("", app.look.t(T::Gone), Tone::Dim, None);
    }
    d.lines.truncate(CARD_LINES);
    d.lines
}

fn device(app: &App, id: &str, d: &mut Doc<'_>) {
    let Some(r) = app.view.devices.get(id) else { return };
    let l = &app.look;
    let status = devices::status(app, r);
    let (tone, mark) = devices::tone(status);
    d.parts(vec![(tone, format!("{mark}{}", l.word(status)))], None);
    if let Some(x) = app.stories.desk.decisions.get(id) {
        let until = if x.until.is_empty() { l.t(T::SpanEver).to_owned() } else { l.whole(&x.until) };
        d.pair(T::ColDecided, &l.fill(T::DecidedBy, &[&x.who, &l.whole(&x.ts), &x.reason, &until]), None);
    }
    d.pair(T::ColAddress, &r.ips.join(", "), None);
    d.pair(T::ColMac, &r.mac, None);
    d.pair(T::ColName, &r.names.join(", "), None);
    d.pair(T::ColVendor, if r.randomised { l.t(T::Randomised) } else { &r.vendor }, None);
    d.pair(T::ColRole, l.word(&r.role), None);
    d.pair(T::ColZone, &r.zone, None);
    d.pair(T::ColVlan, &r.vlan.map(|v| v.to_string()).unwrap_or_default(), None);
    d.pair(T::ColFirst, &l.fill(T::AtPacket, &[&l.whole(&r.first_seen), &r.first_packet.to_string()]), None);
    d.pair(T::ColLast, &l.whole(&r.last_seen), None);
    for a in &r.ips {
        around(app, a, d);
    }
    if r.ips.is_empty() {
        around(app, &r.mac, d);
    }
}

fn host(app: &App, a: &str, d: &mut Doc<'_>) {
    d.pair(T::ColAddress, a, None);
    d.pair(T::ColName, app.names.name(a), None);
    around(app, a, d);
}

/// What is known of a host everywhere else: what stops if it is cut, its findings, whom it reached, what it reached outside.
fn around(app: &App, a: &str, d: &mut Doc<'_>) {
    cut(app, a, d);
    let findings: Vec<&FindingRecord> =
        app.view.findings.values().filter(|f| f.orig == a || f.orig_all.iter().any(|o| o == a) || f.resp.iter().any(|r| r == a)).collect();
    if !findings.is_empty() {
        d.head(T::PaneFindings);
        findings.iter().rev().take(50).for_each(|f| finding_line(app, f, d));
    }
    let edges: Vec<_> = app.view.edges.iter().filter(|(_, e)| e.orig == a || e.resp == a).take(100).collect();
    if !edges.is_empty() {
        d.head(T::PaneLateral);
        for (id, e) in edges {
            let arrow = app.look.glyphs.arrow;
            let new = if lateral::is_new(app, e) { "+ " } else { "  " };
            let text = format!("{} {arrow} {}  {}  {}", e.orig, e.resp, e.service, e.users.join(", "));
            d.parts(vec![(Tone::Bad, new.into()), (Tone::Text, text)], Some(Target::Edge(id.clone())));
        }
    }
    let out: Vec<_> = app.view.egress.iter().filter(|(_, e)| e.host == a).take(100).collect();
    if !out.is_empty() {
        d.head(T::PaneEgress);
        for (id, e) in out {
            let (tone, word) = egress::outcome(e);
            let name = if e.to_name.is_empty() { &e.to } else { &e.to_name };
            let text = format!("{}  {name}:{} {}  {}", app.look.t(word), e.port, e.country, app.look.bytes(e.orig_bytes));
            d.parts(vec![(tone, text)], Some(Target::Egress(id.clone())));
        }
    }
}

/// What stops if a host is cut off: by its incident's card, else by what was learned of it.
fn cut(app: &App, a: &str, d: &mut Doc<'_>) {
    if a.is_empty() {
        return;
    }
    let l = &app.look;
    let told = app.view.incidents.values().flat_map(|i| &i.if_cut).find(|c| c.host == a);
    if let Some(c) = told {
        d.head(T::IfCut);
        d.text("", &c.text, Tone::Strong, None);
        return;
    }
    d.head(T::IfCut);
    let Some(s) = app.view.serves.get(a) else {
        d.text("", l.t(T::CutNobody), Tone::Text, None);
        return;
    };
    d.text("", &l.fill(T::CutUsers, &[&s.users.to_string(), &s.clinical.to_string()]), Tone::Strong, None);
    for x in &s.services {
        let text = [x.service.clone(), x.port.to_string(), x.users.to_string(), x.clinical.to_string(), l.clock(&x.last_ts)];
        d.text("  ", &l.fill(T::CutService, &text.each_ref().map(String::as_str)), Tone::Text, None);
    }
    for u in &s.some {
        d.parts(vec![(Tone::Dim, format!("  {} ", l.glyphs.arrow)), (Tone::Text, app.names.titled(u))], Some(Target::Host(u.clone())));
    }
}

/// A finding in one line.
pub fn finding_line(app: &App, f: &FindingRecord, d: &mut Doc<'_>) {
    let (mark, tone) = severity(&f.severity);
    let title = if f.title.is_empty() { &f.detector } else { &f.title };
    let head = format!("{mark}{} ", app.look.clock(&f.ts));
    d.parts(vec![(tone, head), (Tone::Text, format!("{} {title}  {}", f.id, app.names.titled(&f.orig)))], Some(Target::Finding(f.id.clone())));
}

fn finding(app: &App, id: &str, d: &mut Doc<'_>) {
    let Some(f) = app.view.findings.get(id) else { return };
    let l = &app.look;
    let (mark, tone) = severity(&f.severity);
    d.parts(vec![(tone, format!("{mark}{}", l.word(&f.severity))), (Tone::Strong, format!("  {}", f.title))], None);
    d.text("", &f.summary, Tone::Text, None);
    if let Some(n) = app.stories.desk.seen.get(id) {
        d.pair(T::SeenMark, &format!("{} {} {}", n.who, l.whole(&n.ts), n.note), None);
    }
    d.head(T::NextSteps);
    for (n, step) in f.next.iter().enumerate() {
        d.text(&format!("{}. ", n + 1), step, Tone::Text, None);
    }
    d.head(T::Evidence);
    d.pair(T::ColFrom, &app.names.titled(&f.orig), Some(Target::Host(f.orig.clone())));
    for r in &f.resp {
        d.pair(T::ColTo, &app.names.titled(r), Some(Target::Host(r.clone())));
    }
    d.pair(T::ColOutcome, &format!("{} ({})", l.word(&f.outcome), f.count), None);
    d.pair(T::ColUser, f.user.as_deref().unwrap_or_default(), None);
    d.pair(T::ColService, &f.service, None);
    d.pair(T::ColTime, &format!("{} {} {}", l.whole(&f.first_ts), l.glyphs.arrow, l.whole(&f.last_ts)), None);
    d.pair(T::ColIncident, &f.incident, Some(Target::Incident(f.incident.clone())).filter(|_| !f.incident.is_empty()));
    d.pair(T::ColPackets, &f.packets.iter().map(u64::to_string).collect::<Vec<_>>().join(" "), None);
    d.pair(T::CardFlow, &f.flows.join(" "), None);
    d.pair(T::Attack, &f.attack.join(" "), None);
    for (k, v) in &f.evidence {
        d.text(&format!("{k}: "), &plain(v), Tone::Dim, None);
    }
    d.head(T::SeenUnder);
    let c = &f.coverage;
    let text = [c.packets.to_string(), c.kernel_drops.to_string(), format!("{:.3}", c.loss_estimate * 100.0), c.one_way_flows.to_string()];
    d.text("", &l.fill(T::SeenUnderText, &text.each_ref().map(String::as_str)), Tone::Dim, None);
}

/// A value of the evidence in a line.
fn plain(v: &Value) -> String {
    match v {
        Value::String(s) => s.clone(),
        Value::Array(all) if all.iter().all(|v| !v.is_object()) => all.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn going_out(app: &App, id: &str, d: &mut Doc<'_>) {
    let Some(e) = app.view.egress.get(id) else { return };
    let l = &app.look;
    let (tone, word) = egress::outcome(e);
    d.parts(vec![(tone, l.t(word).to_owned())], None);
    d.pair(T::ColHost, &app.names.titled(&e.host), Some(Target::Host(e.host.clone())));
    d.pair(T::ColZone, &e.zone, None);
    d.pair(T::ColTo, &format!("{} {}", e.to, e.to_name), Some(Target::Host(e.to.clone())).filter(|_| e.to != "…"));
    d.pair(T::ColService, &format!("{} {}/{}", e.service, e.port, e.proto), None);
    d.pair(T::ColCountry, &e.country, None);
    d.pair(T::ColNetwork, &e.network, None);
    d.pair(T::ColContacts, &l.fill(T::OfAnswered, &[&e.contacts.to_string(), &e.answered.to_string()]), None);
    d.pair(T::ColOut, &l.bytes(e.orig_bytes), None);
    d.pair(T::ColIn, &l.bytes(e.resp_bytes), None);
    d.pair(T::ColFirst, &l.whole(&e.first_ts), None);
    d.pair(T::ColLast, &l.whole(&e.last_ts), None);
    let about: Vec<&FindingRecord> = app.view.findings.values().filter(|f| f.orig == e.host && f.resp.contains(&e.to)).collect();
    if !about.is_empty() {
        d.head(T::PaneFindings);
        about.iter().for_each(|f| finding_line(app, f, d));
    }
}

fn edge(app: &App, id: &str, d: &mut Doc<'_>) {
    let Some(e) = app.view.edges.get(id) else { return };
    let l = &app.look;
    if lateral::is_new(app, e) {
        d.parts(vec![(Tone::Bad, format!("+ {}", l.t(T::NewMark)))], None);
    }
    d.pair(T::ColFrom, &app.names.titled(&e.orig), Some(Target::Host(e.orig.clone())));
    d.pair(T::ColTo, &app.names.titled(&e.resp), Some(Target::Host(e.resp.clone())).filter(|_| e.resp != "…"));
    d.pair(T::ColZone, &format!("{} {} {}", e.zone, l.glyphs.arrow, e.to_zone), None);
    d.pair(T::ColService, &e.service, None);
    d.pair(T::ColUser, &e.users.join(", "), None);
    d.pair(T::ColContacts, &l.fill(T::OfAnswered, &[&e.contacts.to_string(), &e.answered.to_string()]), None);
    d.pair(T::ColOut, &l.bytes(e.orig_bytes), None);
    d.pair(T::ColIn, &l.bytes(e.resp_bytes), None);
    d.pair(T::ColFirst, &l.whole(&e.first_ts), None);
    d.pair(T::ColLast, &l.whole(&e.last_ts), None);
    let about: Vec<&FindingRecord> = app.view.findings.values().filter(|f| f.orig == e.orig && f.resp.contains(&e.resp)).collect();
    if !about.is_empty() {
        d.head(T::PaneFindings);
        about.iter().for_each(|f| finding_line(app, f, d));
    }
}

fn flow(app: &App, id: &str, d: &mut Doc<'_>) {
    let Some(f) = app.view.flows.get(id) else { return };
    let l = &app.look;
    d.pair(T::ColFrom, &format!("{} {}", app.names.titled(&f.orig), f.orig_port), Some(Target::Host(f.orig.clone())));
    d.pair(T::ColTo, &format!("{} {}", app.names.titled(&f.resp), f.resp_port), Some(Target::Host(f.resp.clone())));
    d.pair(T::ColService, &format!("{} {}", f.service, f.proto), None);
    d.pair(T::ColState, &f.conn_state, None);
    d.pair(T::ColPackets, &f.packets.to_string(), None);
    d.pair(T::ColOut, &l.bytes(f.orig_bytes), None);
    d.pair(T::ColIn, &l.bytes(f.resp_bytes), None);
    d.pair(T::ColFirst, &l.whole(&f.ts), None);
    d.pair(T::ColLast, &l.whole(&f.last_ts), None);
}

/// The first sentence of a text.
pub fn first_sentence(s: &str) -> &str {
    let ends = [s.find('。').map(|i| i + '。'.len_utf8()), s.find(". ").map(|i| i + 1)];
    ends.into_iter().flatten().min().and_then(|i| s.get(..i)).unwrap_or(s)
}
