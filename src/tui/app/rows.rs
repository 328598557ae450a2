//! The rows of the pane shown: made when the view, the filter or the order changes, and the choice follows its row.

use super::App;
use crate::tui::filter::Filter;
use crate::tui::pane::Pane;
use crate::tui::view::{list, page};
use std::sync::Arc;

/// What the rows were made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Key {
    generation: u64,
    pane: Pane,
    filter: String,
    sort: (Option<usize>, bool, bool),
    incident: Option<String>,
    width: u16,
    look: (crate::base::Lang, bool),
    standing: usize,
}

impl App {
    fn rows_key(&self) -> Key {
        let p = self.place();
        Key {
            generation: self.generation,
            pane: self.pane,
            filter: p.filter.clone(),
            sort: (p.sort, p.reversed, p.grouped),
            incident: self.incident.clone(),
            width: self.size.0,
            look: (self.look.lang, self.look.local),
            standing: self.standing.samples.len() + self.standing.notes.len(),
        }
    }
    pub(super) fn refresh_rows(&mut self) {
        let key = self.rows_key();
        if self.made_of.as_ref() != Some(&key) {
            self.made_of = Some(key);
            self.rows = Arc::new(self.make_rows());
            self.follow();
        }
        self.keep_in_sight();
    }
    fn make_rows(&self) -> Vec<String> {
        match self.pane {
            Pane::Overview => self.stories.all.clone(),
            Pane::Incident | Pane::Sensor => (0..page::lines(self).len()).map(|n| n.to_string()).collect(),
            pane => {
                let filter = Filter::parse(&self.place().filter, &self.view.ts).unwrap_or_default();
                list::rows(self, pane, &filter)
            }
        }
    }
    /// The choice goes where its row went; a row that left gives it to the one in its place.
    fn follow(&mut self) {
        let rows = self.rows.clone();
        let p = self.place_mut();
        match rows.iter().position(|r| *r == p.id) {
            // Whoever stands at the top wants to see the worst, also when something worse comes.
            _ if p.row == 0 => {}
            Some(at) if !p.id.is_empty() => p.row = at,
            _ => p.row = p.row.min(rows.len().saturating_sub(1)),
        }
        self.point();
    }
    /// Notes which row is chosen.
    pub(super) fn point(&mut self) {
        let id = self.rows.get(self.place().row).cloned().unwrap_or_default();
        self.place_mut().id = id;
    }
    /// Scrolls so that the chosen row is on the screen.
    pub(super) fn keep_in_sight(&mut self) {
        let (height, margin) = (self.height(), if self.pane.is_list() { 0 } else { 2 });
        let (row, count) = (self.place().row, self.rows.len());
        let p = self.place_mut();
        p.row = row.min(count.saturating_sub(1));
        let margin = margin.min(height / 3);
        if p.row < p.top + margin {
            p.top = p.row.saturating_sub(margin);
        } else if p.row + margin >= p.top + height {
            p.top = (p.row + margin + 1).saturating_sub(height);
        }
        p.top = p.top.min(count.saturating_sub(height));
        if let Some(card) = self.cards.last().cloned() {
            let lines = page::card(self, &card.target).len();
            let height = usize::from(self.size.1).saturating_sub(page::AROUND).max(1);
            if let Some(c) = self.cards.last_mut() {
                c.row = c.row.min(lines.saturating_sub(1));
                if c.row < c.top {
                    c.top = c.row;
                } else if c.row >= c.top + height {
                    c.top = c.row + 1 - height;
                }
                c.top = c.top.min(lines.saturating_sub(height));
            }
        }
    }
    /// Rows that fit on the screen.
    pub fn height(&self) -> usize {
        crate::tui::view::rows_shown(self)
    }
}
