//! Egress: who inside reached for what on the internet, and whether it answered.

use super::list::{Column, Row, Sort, column, number};
use super::pen::Part;
use crate::engine::journal::EgressRecord;
use crate::tui::app::App;
use crate::tui::filter::Field;
use crate::tui::text::T;
use crate::tui::theme::Tone;
use std::borrow::Cow;

/// How it ended, in words and tone.
pub fn outcome(e: &EgressRecord) -> (Tone, T) {
    match (e.answered > 0 || e.resp_bytes > 0, e.unwanted) {
        (true, true) => (Tone::Bad, T::EgressAnsweredUnwanted),
        (true, false) => (Tone::Text, T::EgressAnswered),
        (false, true) => (Tone::Warn, T::EgressTriedUnwanted),
        (false, false) => (Tone::Dim, T::EgressTried),
    }
}

impl Row for EgressRecord {
    const COLUMNS: &'static [Column] = &[
        column(T::ColOutcome, 10, 0, 0),
        column(T::ColHost, 15, 1, 0),
        column(T::ColZone, 9, 0, 0),
        column(T::ColTo, 20, 3, 0),
        column(T::ColCountry, 4, 0, 0),
        number(T::ColOut, 9, 0),
        number(T::ColIn, 9, 90),
        column(T::ColService, 8, 0, 100),
        number(T::ColContacts, 7, 110),
        column(T::ColLast, 8, 0, 86),
        column(T::ColNetwork, 12, 2, 130),
    ];
    fn cells(&self, app: &App) -> Vec<Part> {
        let l = &app.look;
        let (tone, word) = outcome(self);
        let mark = match tone {
            Tone::Bad => "! ",
            Tone::Warn => "* ",
            _ => "  ",
        };
        let name = if self.to_name.is_empty() { &self.to } else { &self.to_name };
        let to = if self.port == 0 { name.clone() } else { format!("{name}:{}", self.port) };
        vec![
            (tone, format!("{mark}{}", l.t(word))),
            (Tone::Text, if self.name.is_empty() { self.host.clone() } else { format!("{} {}", self.host, self.name) }),
            (if self.clinical { Tone::Strong } else { Tone::Text }, self.zone.clone()),
            (Tone::Strong, to),
            (Tone::Text, self.country.clone()),
            (Tone::Text, l.bytes(self.orig_bytes)),
            (Tone::Dim, l.bytes(self.resp_bytes)),
            (Tone::Text, self.service.clone()),
            (Tone::Dim, self.contacts.to_string()),
            (Tone::Dim, l.clock(&self.last_ts)),
            (Tone::Dim, self.network.clone()),
        ]
    }
    fn sort(&self, _: &App, column: usize) -> Sort {
        match column {
            0 => Sort::n(u64::from(self.unwanted) * 2 + u64::from(self.answered > 0)),
            1 => Sort::Text(super::devices::padded(&self.host)),
            2 => Sort::t(&self.zone),
            3 => Sort::t(if self.to_name.is_empty() { &self.to } else { &self.to_name }),
            4 => Sort::t(&self.country),
            5 => Sort::n(self.orig_bytes),
            6 => Sort::n(self.resp_bytes),
            7 => Sort::t(&self.service),
            8 => Sort::n(self.contacts),
            9 => Sort::n(crate::tui::app::stamp(&self.last_ts).0),
            _ => Sort::t(&self.network),
        }
    }
    fn order(&self, _: &App) -> (u64, String) {
        let answered = self.answered > 0 || self.resp_bytes > 0;
        let class = 3 - u64::from(self.unwanted) * 2 - u64::from(answered);
        (class, format!("{:020}", u64::MAX - self.orig_bytes))
    }
    fn see<'a>(&'a self, app: &'a App, see: &mut dyn FnMut(Field, Cow<'a, str>)) {
        see(Field::Src, self.host.as_str().into());
        see(Field::Src, self.name.as_str().into());
        see(Field::Dst, self.to.as_str().into());
        see(Field::Dst, self.to_name.as_str().into());
        see(Field::Zone, self.zone.as_str().into());
        see(Field::Port, self.port.to_string().into());
        see(Field::App, self.service.as_str().into());
        see(Field::Status, app.look.t(outcome(self).1).into());
        for t in [&self.country, &self.network, &self.proto] {
            see(Field::Other, t.as_str().into());
        }
    }
    fn last(&self) -> &str {
        &self.last_ts
    }
}
