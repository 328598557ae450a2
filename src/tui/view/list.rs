//! Tables of rows: what the five list panes share. Each of them says its columns, cells and order in a file of its own.

use super::pen::{Part, Pen};
use super::{devices, lateral, side};
use crate::output::record::FindingRecord;
use crate::tui::app::App;
use crate::tui::filter::{Field, Fields, Filter};
use crate::tui::pane::{Pane, Target};
use crate::tui::text::T;
use crate::tui::theme::Tone;
use crate::tui::width::{fit, safe};
use ratatui::layout::Rect;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its head.
    pub head: T,
    /// Columns of the screen that it takes at least.
    pub width: u16,
    /// What it takes of the room that is left.
    pub share: u16,
    /// Numbers stand at the right.
    pub right: bool,
    /// Narrower screens than this do without it.
    pub from: u16,
}

/// A column of text.
pub const fn column(head: T, width: u16, share: u16, from: u16) -> Column {
    Column { head, width, share, right: false, from }
}

/// A column of numbers.
pub const fn number(head: T, width: u16, from: u16) -> Column {
    Column { head, width, share: 0, right: true, from }
}

/// What a column sorts by; numbers come largest first, texts in their order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Sort {
    /// A number.
    Number(std::cmp::Reverse<u64>),
    /// A text.
    Text(String),
}

impl Sort {
    /// By a number.
    pub fn n(n: u64) -> Sort {
        Sort::Number(std::cmp::Reverse(n))
    }
    /// By a text.
    pub fn t(s: &str) -> Sort {
        Sort::Text(s.to_owned())
    }
}

/// A record that is a row.
pub trait Row {
    /// Its columns.
    const COLUMNS: &'static [Column];
    /// What each column shows.
    fn cells(&self, app: &App) -> Vec<Part>;
    /// What a column sorts by.
    fn sort(&self, app: &App, column: usize) -> Sort;
    /// Where it stands when nobody sorts: smallest first.
    fn order(&self, app: &App) -> (u64, String);
    /// What filters look at.
    fn see<'a>(&'a self, app: &'a App, see: &mut dyn FnMut(Field, Cow<'a, str>));
    /// Its severity.
    fn severity(&self) -> Option<&str> {
        None
    }
    /// Its newest time.
    fn last(&self) -> &str;
}

struct Seen<'a, R>(&'a R, &'a App);

impl<R: Row> Fields for Seen<'_, R> {
    fn each<'b>(&'b self, see: &mut dyn FnMut(Field, Cow<'b, str>)) {
        self.0.see(self.1, see);
    }
    fn severity(&self) -> Option<&str> {
        self.0.severity()
    }
    fn last(&self) -> &str {
        self.0.last()
    }
}

/// Runs an expression with the table of a list pane; `$none` for other panes.
macro_rules! with_table {
    ($app:expr, $pane:expr, $table:ident => $run:expr, $none:expr) => {
        match $pane {
            Pane::Devices => {
                let $table = &$app.view.devices;
                $run
            }
            Pane::Egress => {
                let $table = &$app.view.egress;
                $run
            }
            Pane::Lateral => {
                let $table = &$app.view.edges;
                $run
            }
            Pane::Flows => {
                let $table = &$app.view.flows;
                $run
            }
            Pane::Findings => {
                let $table = &$app.view.findings;
                $run
            }
            _ => $none,
        }
    };
}

fn kept<R: Row>(app: &App, table: &BTreeMap<String, R>, filter: &Filter) -> Vec<String> {
    let place = app.place();
    let hidden = |id: &str| app.pane == Pane::Findings && place.filter.is_empty() && app.stories.muted.contains(id);
    let fitting = table.iter().filter(|(id, r)| !hidden(id) && (filter.is_empty() || filter.keeps(&Seen(*r, app))));
    let mut ids: Vec<String> = match place.sort {
        Some(column) => {
            let mut all: Vec<(Sort, &String)> = fitting.map(|(id, r)| (r.sort(app, column), id)).collect();
            all.sort_unstable();
            all.into_iter().map(|(_, id)| id.clone()).collect()
        }
        None => {
            let mut all: Vec<((u64, String), &String)> = fitting.map(|(id, r)| (r.order(app), id)).collect();
            all.sort_unstable();
            all.into_iter().map(|(_, id)| id.clone()).collect()
        }
    };
    if place.reversed {
        ids.reverse();
    }
    ids
}

/// Ids of the rows that a pane shows, in order.
pub fn rows(app: &App, pane: Pane, filter: &Filter) -> Vec<String> {
    let ids = with_table!(app, pane, t => kept(app, t, filter), Vec::new());
    match pane {
        Pane::Devices if app.place().grouped => devices::groups(app, &ids),
        Pane::Lateral if app.place().grouped => lateral::originators(app, &ids),
        _ => ids,
    }
}

/// Shows every row of a pane to `see`, for completion.
pub fn each(app: &App, pane: Pane, see: &mut dyn FnMut(&dyn Fields)) {
    with_table!(app, pane, t => t.values().for_each(|r| see(&Seen(r, app))), ());
}

/// How many rows there are without a filter.
fn all(app: &App) -> usize {
    with_table!(app, app.pane, t => t.len(), 0)
}

/// The columns of a pane.
pub fn columns(pane: Pane) -> &'static [Column] {
    fn of<R: Row>() -> &'static [Column] {
        R::COLUMNS
    }
    match pane {
        Pane::Devices => of::<crate::output::record::DeviceRecord>(),
        Pane::Egress => of::<crate::engine::journal::EgressRecord>(),
        Pane::Lateral => of::<crate::engine::journal::EdgeRecord>(),
        Pane::Flows => of::<crate::engine::journal::TopFlow>(),
        Pane::Findings => of::<FindingRecord>(),
        _ => &[],
    }
}

/// The columns that are shown: alike rows as one have their own.
pub fn shown_columns(app: &App) -> &'static [Column] {
    match app.pane {
        Pane::Devices if app.place().grouped => devices::GROUP_COLUMNS,
        Pane::Lateral if app.place().grouped => lateral::MATRIX_COLUMNS,
        pane => columns(pane),
    }
}

/// The cells of a row.
pub fn cells(app: &App, id: &str) -> Vec<Part> {
    match app.pane {
        Pane::Devices if app.place().grouped => return devices::group_cells(app, id),
        Pane::Lateral if app.place().grouped => return lateral::matrix_cells(app, id),
        _ => {}
    }
    with_table!(app, app.pane, t => t.get(id).map(|r| r.cells(app)), None).unwrap_or_default()
}

/// What a row is about.
pub fn target(pane: Pane, id: &str) -> Option<Target> {
    let id = id.to_owned();
    Some(match pane {
        Pane::Devices => Target::Device(id),
        Pane::Egress => Target::Egress(id),
        Pane::Lateral => Target::Edge(id),
        Pane::Flows => Target::Flow(id),
        Pane::Findings => Target::Finding(id),
        _ => return None,
    })
}

/// Devices of a group.
pub fn group(app: &App, id: &str) -> Vec<String> {
    devices::members(app, id)
}

/// Shares named in a finding's evidence: `\\host\share`.
pub fn shares(f: &FindingRecord) -> Vec<String> {
    let mut all = Vec::new();
    for v in f.evidence.values() {
        let texts = v.as_array().into_iter().flatten().chain(Some(v)).filter_map(|v| v.as_str());
        for t in texts.filter(|t| t.starts_with("\\\\")) {
            let share: Vec<&str> = t.split('\\').take(4).collect();
            let share = share.join("\\");
            if !all.contains(&share) && all.len() < 16 {
                all.push(share);
            }
        }
    }
    all
}

/// The table's place, and the place of what stands beside it.
pub fn parts(app: &App, body: Rect) -> (Rect, Option<Rect>) {
    let beside = match app.pane {
        Pane::Egress => 64,
        Pane::Lateral | Pane::Findings => 60,
        _ => return (body, None),
    };
    if body.width >= 150 {
        let left = body.width - beside;
        return (Rect { width: left, ..body }, Some(Rect { x: body.x + left + 1, width: beside - 1, ..body }));
    }
    let below = (body.height * 2 / 5).clamp(7, 18);
    let above = body.height.saturating_sub(below);
    (Rect { height: above, ..body }, Some(Rect { y: body.y + above, height: below, ..body }))
}

/// Which columns fit, and how wide each of them is.
pub fn widths(columns: &[Column], room: u16) -> Vec<u16> {
    let shown = |c: &Column| room >= c.from;
    let used: u16 = columns.iter().filter(|c| shown(c)).map(|c| c.width + 1).sum();
    let shares: u16 = columns.iter().filter(|c| shown(c)).map(|c| c.share).sum();
    let left = room.saturating_sub(used);
    let given = |c: &Column| if shares == 0 { 0 } else { u32::from(left) * u32::from(c.share) / u32::from(shares) };
    columns.iter().map(|c| if shown(c) { c.width + given(c) as u16 } else { 0 }).collect()
}

/// Draws the pane.
pub fn draw(app: &App, pen: &mut Pen<'_>, body: Rect) {
    let (area, beside) = parts(app, body);
    title(app, pen, area);
    let columns = shown_columns(app);
    let widths = widths(columns, area.width.saturating_sub(2));
    heads(app, pen, area, columns, &widths);
    let place = app.place();
    let height = usize::from(area.height.saturating_sub(2));
    for (n, id) in app.rows.iter().enumerate().skip(place.top).take(height) {
        let y = area.y + 2 + (n - place.top) as u16;
        let chosen = n == place.row;
        let mark = if place.marked.contains(id) { pen.look.glyphs.marked } else { " " };
        let cursor = if chosen { pen.look.glyphs.chosen } else { mark };
        pen.text(area.x, y, 1, cursor, Tone::Key);
        let mut x = area.x + 2;
        for ((tone, text), (column, w)) in cells(app, id).into_iter().zip(columns.iter().zip(&widths)) {
            if *w > 0 {
                let text = fit(&safe(&text), usize::from(*w), column.right, pen.look.glyphs.more);
                pen.text(x, y, *w, &text, tone);
                x += w + 1;
            }
        }
        if place.marked.contains(id) {
            pen.text(area.x + 1, y, 1, mark, Tone::Key);
        }
        if chosen {
            pen.choose(Rect { x: area.x, y, width: area.width, height: 1 });
        }
    }
    if app.rows.is_empty() {
        let t = if place.filter.is_empty() { T::NoRows } else { T::NoRowsFiltered };
        pen.text(area.x + 2, area.y + 3, area.width.saturating_sub(4), app.look.t(t), Tone::Dim);
    }
    if let Some(beside) = beside {
        side::draw(app, pen, beside);
    }
}

/// How many of how many, filter, marks.
fn title(app: &App, pen: &mut Pen<'_>, area: Rect) {
    let place = app.place();
    let counts = app.look.fill(T::RowsOf, &[&app.rows.len().to_string(), &all(app).to_string()]);
    let mut text = format!("{} {counts}", app.look.t(app.pane.title()));
    let sep = app.look.glyphs.sep;
    if !place.filter.is_empty() {
        text += &format!(" {sep} / {}", place.filter);
    }
    if !place.marked.is_empty() {
        text += &format!(" {sep} {}", app.look.fill(T::MarkedRows, &[&place.marked.len().to_string()]));
    }
    if app.pane == Pane::Findings && !app.stories.muted.is_empty() && place.filter.is_empty() {
        text += &format!(" {sep} {}", app.look.fill(T::MutedRows, &[&app.stories.muted.len().to_string()]));
    }
    pen.head(area, &text);
}

fn heads(app: &App, pen: &mut Pen<'_>, area: Rect, columns: &[Column], widths: &[u16]) {
    let place = app.place();
    let mut x = area.x + 2;
    for (n, (c, w)) in columns.iter().zip(widths).enumerate().filter(|(_, (_, w))| **w > 0) {
        let sorted = place.sort == Some(n);
        let mark = if !sorted {
            ""
        } else if place.reversed {
            "^"
        } else {
            "v"
        };
        let head = if c.head == T::ColMatrix { lateral::letters(app) } else { app.look.t(c.head).to_owned() };
        let text = fit(&format!("{head}{mark}"), usize::from(*w), c.right, "");
        pen.text(x, area.y + 1, *w, &text, if sorted { Tone::Key } else { Tone::Title });
        x += w + 1;
    }
}
