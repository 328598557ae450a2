//! Lateral: who administers whom over SMB, RDP and their like; new pairs are marked.

use super::list::{Column, Row, Sort, column, number};
use super::pen::Part;
use crate::engine::journal::EdgeRecord;
use crate::tui::app::App;
use crate::tui::filter::Field;
use crate::tui::text::T;
use crate::tui::theme::Tone;
use std::borrow::Cow;

/// A pair that a finding calls new, or by which a story went.
pub fn is_new(app: &App, e: &EdgeRecord) -> bool {
    app.stories.new_edges.contains(&(e.orig.clone(), e.resp.clone()))
}

impl Row for EdgeRecord {
    const COLUMNS: &'static [Column] = &[
        column(T::ColNew, 5, 0, 0),
        column(T::ColFrom, 15, 1, 0),
        column(T::ColTo, 15, 1, 0),
        column(T::ColService, 6, 0, 0),
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
