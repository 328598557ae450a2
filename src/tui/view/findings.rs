//! Findings: what detectors said, worst and newest first; why and what next stand beside the list.

use super::list::{Column, Row, Sort, column, number, shares};
use super::pen::Part;
use crate::output::record::FindingRecord;
use crate::output::text::rank;
use crate::tui::app::App;
use crate::tui::filter::Field;
use crate::tui::text::T;
use crate::tui::theme::{Tone, severity};
use std::borrow::Cow;

impl Row for FindingRecord {
    const COLUMNS: &'static [Column] = &[
        column(T::ColSeverity, 11, 0, 0),
        column(T::ColTime, 8, 0, 0),
        column(T::ColTitle, 20, 3, 0),
        column(T::ColFrom, 15, 1, 0),
        column(T::ColOutcome, 10, 0, 0),
        number(T::ColCount, 5, 90),
        column(T::ColIncident, 6, 0, 76),
        column(T::ColUser, 10, 1, 110),
        column(T::ColDetector, 18, 0, 130),
    ];
    fn cells(&self, app: &App) -> Vec<Part> {
        let l = &app.look;
        let (mark, tone) = severity(&self.severity);
        let seen = app.stories.desk.seen.contains_key(&self.id);
        let text = if seen { Tone::Dim } else { Tone::Strong };
        let word = if seen { l.t(T::SeenMark) } else { l.word(&self.severity) };
        vec![
            (if seen { Tone::Dim } else { tone }, format!("{mark}{word}")),
            (Tone::Dim, l.clock(&self.ts)),
            (text, if self.title.is_empty() { self.detector.clone() } else { self.title.clone() }),
            (Tone::Text, app.names.titled(&self.orig)),
            (Tone::Text, l.word(&self.outcome).to_owned()),
            (Tone::Dim, self.count.to_string()),
            (Tone::Text, self.incident.clone()),
            (Tone::Text, self.user.clone().unwrap_or_default()),
            (Tone::Dim, self.detector.clone()),
        ]
    }
    fn sort(&self, _: &App, column: usize) -> Sort {
        match column {
            0 => Sort::n(rank(&self.severity) as u64),
            1 => Sort::n(crate::tui::app::stamp(&self.ts).0),
            2 => Sort::t(&self.title),
            3 => Sort::Text(super::devices::padded(&self.orig)),
            4 => Sort::t(&self.outcome),
            5 => Sort::n(self.count),
            6 => Sort::t(&self.incident),
            7 => Sort::t(self.user.as_deref().unwrap_or_default()),
            _ => Sort::t(&self.detector),
        }
    }
    fn order(&self, app: &App) -> (u64, String) {
        let seen = u64::from(app.stories.desk.seen.contains_key(&self.id)) * 10;
        let newest = u64::MAX - crate::tui::app::stamp(&self.ts).0;
        (seen + 9 - rank(&self.severity) as u64, format!("{newest:020}"))
    }
    fn see<'a>(&'a self, app: &'a App, see: &mut dyn FnMut(Field, Cow<'a, str>)) {
        see(Field::Src, self.orig.as_str().into());
        see(Field::Src, app.names.name(&self.orig).into());
        self.orig_all.iter().for_each(|a| see(Field::Src, a.as_str().into()));
        for a in &self.resp {
            see(Field::Dst, a.as_str().into());
            see(Field::Dst, app.names.name(a).into());
        }
        see(Field::Zone, self.zone.as_str().into());
        self.user.iter().for_each(|u| see(Field::User, u.as_str().into()));
        shares(self).into_iter().for_each(|s| see(Field::Share, s.into()));
        see(Field::App, self.service.as_str().into());
        see(Field::Detector, self.detector.as_str().into());
        see(Field::Status, if app.stories.desk.seen.contains_key(&self.id) { "seen" } else { "open" }.into());
        if app.stories.muted.contains(&self.id) {
            see(Field::Status, "muted".into());
        }
        for t in [&self.id, &self.title, &self.summary, &self.incident, &self.outcome] {
            see(Field::Other, t.as_str().into());
        }
        self.attack.iter().for_each(|t| see(Field::Other, t.as_str().into()));
    }
    fn severity(&self) -> Option<&str> {
        Some(&self.severity)
    }
    fn last(&self) -> &str {
        &self.last_ts
    }
}
