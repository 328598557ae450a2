//! Lateral: who administers whom over SMB, RDP and their like; new pairs are marked.

use super::list::{Column, Row, Sort, column, number};
use super::pen::{Part, Pen};
use crate::engine::journal::EdgeRecord;
use crate::tui::app::App;
use crate::tui::filter::Field;
use crate::tui::text::T;
use crate::tui::theme::Tone;
use ratatui::layout::Rect;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// A pair that a finding calls new, or by which a story went.
pub fn is_new(app: &App, e: &EdgeRecord) -> bool {
    app.stories.new_edges.contains(&(e.orig.clone(), e.resp.clone()))
}

impl Row for EdgeRecord {
    const COLUMNS: &'static [Column] = &[
        column(T::ColNew, 5, 0, 0),
        column(T::ColFrom, 15, 1, 0),
        column(T::ColTo, 15, 1, 0),
        column(T::ColVia, 6, 0, 0),
        column(T::ColUser, 10, 2, 0),
        number(T::ColContacts, 6, 0),
        number(T::ColAnswered, 7, 74),
        column(T::ColFirst, 14, 0, 110),
        column(T::ColLast, 8, 0, 100),
        number(T::ColOut, 9, 120),
        number(T::ColIn, 9, 130),
    ];
    fn cells(&self, app: &App) -> Vec<Part> {
        let l = &app.look;
        let titled = |a: &str, name: &str| if name.is_empty() { a.to_owned() } else { format!("{a} {name}") };
        let new = is_new(app, self);
        let answered = if self.answered > 0 { Tone::Text } else { Tone::Dim };
        vec![
            (Tone::Bad, if new { format!("+ {}", l.t(T::NewMark)) } else { String::new() }),
            (answered, titled(&self.orig, &self.orig_name)),
            (answered, titled(&self.resp, &self.resp_name)),
            (if new { Tone::Strong } else { answered }, self.service.clone()),
            (Tone::Text, self.users.join(", ")),
            (Tone::Dim, self.contacts.to_string()),
            (Tone::Dim, self.answered.to_string()),
            (Tone::Dim, l.day_clock(&self.first_ts)),
            (Tone::Dim, l.clock(&self.last_ts)),
            (Tone::Dim, l.bytes(self.orig_bytes)),
            (Tone::Dim, l.bytes(self.resp_bytes)),
        ]
    }
    fn sort(&self, app: &App, column: usize) -> Sort {
        match column {
            0 => Sort::n(u64::from(is_new(app, self))),
            1 => Sort::Text(super::devices::padded(&self.orig)),
            2 => Sort::Text(super::devices::padded(&self.resp)),
            3 => Sort::t(&self.service),
            4 => Sort::t(self.users.first().map_or("", String::as_str)),
            5 => Sort::n(self.contacts),
            6 => Sort::n(self.answered),
            7 => Sort::t(&self.first_ts),
            8 => Sort::n(crate::tui::app::stamp(&self.last_ts).0),
            9 => Sort::n(self.orig_bytes),
            _ => Sort::n(self.resp_bytes),
        }
    }
    fn order(&self, app: &App) -> (u64, String) {
        let class = u64::from(!is_new(app, self)) * 2 + u64::from(self.answered == 0);
        (class, format!("{} {}", self.first_ts, super::devices::padded(&self.orig)))
    }
    fn see<'a>(&'a self, app: &'a App, see: &mut dyn FnMut(Field, Cow<'a, str>)) {
        see(Field::Src, self.orig.as_str().into());
        see(Field::Src, self.orig_name.as_str().into());
        see(Field::Dst, self.resp.as_str().into());
        see(Field::Dst, self.resp_name.as_str().into());
        see(Field::Zone, self.zone.as_str().into());
        see(Field::Zone, self.to_zone.as_str().into());
        see(Field::App, self.service.as_str().into());
        self.users.iter().for_each(|u| see(Field::User, u.as_str().into()));
        if is_new(app, self) {
            see(Field::Status, "new".into());
        }
    }
    fn last(&self) -> &str {
        &self.last_ts
    }
}

/// Columns of the matrix: who, how many, and one mark for each responder.
pub const MATRIX_COLUMNS: &[Column] =
    &[column(T::ColFrom, 20, 1, 0), number(T::ColTargets, 7, 0), number(T::ColNewTargets, 4, 0), column(T::ColMatrix, 26, 3, 0)];
/// Responders in the matrix: one letter each.
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Originators of these rows, the widest fan-out first.
pub fn originators(app: &App, ids: &[String]) -> Vec<String> {
    let mut fans: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for e in ids.iter().filter_map(|id| app.view.edges.get(id)) {
        fans.entry(&e.orig).or_default().insert(&e.resp);
    }
    let mut all: Vec<(&str, usize)> = fans.into_iter().map(|(a, f)| (a, f.len())).collect();
    all.sort_by_key(|(a, n)| (std::cmp::Reverse(*n), super::devices::padded(a)));
    all.into_iter().map(|(a, _)| a.to_owned()).collect()
}

/// Responders with their letters: those of new pairs first, then those most others reach.
fn responders(app: &App) -> Vec<(char, &str)> {
    let mut all: BTreeMap<&str, (bool, usize)> = BTreeMap::new();
    for e in app.view.edges.values().filter(|e| e.resp != "…") {
        let r = all.entry(&e.resp).or_default();
        r.0 |= is_new(app, e);
        r.1 += 1;
    }
    let mut all: Vec<(&str, (bool, usize))> = all.into_iter().collect();
    all.sort_by_key(|(a, (new, n))| (!new, std::cmp::Reverse(*n), super::devices::padded(a)));
    LETTERS.chars().zip(all.into_iter().map(|(a, _)| a)).collect()
}

/// A row of the matrix: `+` new, `o` answered, `.` tried.
pub fn matrix_cells(app: &App, orig: &str) -> Vec<Part> {
    let mine: Vec<&EdgeRecord> = app.view.edges.values().filter(|e| e.orig == orig).collect();
    let targets: BTreeSet<&str> = mine.iter().map(|e| e.resp.as_str()).collect();
    let new: BTreeSet<&str> = mine.iter().filter(|e| is_new(app, e)).map(|e| e.resp.as_str()).collect();
    let mark = |resp: &str| match mine.iter().filter(|e| e.resp == resp).map(|e| e.answered > 0).max() {
        Some(_) if new.contains(resp) => '+',
        Some(true) => 'o',
        Some(false) => '.',
        None => ' ',
    };
    vec![
        (Tone::Text, app.names.titled(orig)),
        (Tone::Dim, targets.len().to_string()),
        (if new.is_empty() { Tone::Dim } else { Tone::Bad }, new.len().to_string()),
        (Tone::Strong, responders(app).into_iter().map(|(_, a)| mark(a)).collect()),
    ]
}

/// The letters over the matrix.
pub fn letters(app: &App) -> String {
    responders(app).into_iter().map(|r| r.0).collect()
}

/// Which letter is whom.
pub fn legend(app: &App, pen: &mut Pen<'_>, area: Rect) {
    pen.head(area, app.look.t(T::MatrixLegend));
    let rows = usize::from(area.height.saturating_sub(1)).max(1);
    let columns = usize::from(area.width / 26).max(1);
    let w = area.width / columns as u16;
    for (n, (letter, a)) in responders(app).into_iter().take(rows * columns).enumerate() {
        let (x, y) = (area.x + 1 + (n / rows) as u16 * w, area.y + 1 + (n % rows) as u16);
        pen.parts(x, y, w.saturating_sub(1), &[(Tone::Key, format!("{letter} ")), (Tone::Text, app.names.titled(a))]);
    }
}
