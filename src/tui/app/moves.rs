//! Ways from one thing to another: panes, things in full, and back. Any two things are two keys apart.

use super::prompt::{Choice, Go, Menu};
use super::{App, Card, Effect, Visit};
use crate::output::record::{FindingRecord, IncidentRecord};
use crate::tui::export::{self, Export, Format};
use crate::tui::pane::{Pane, Place, Target};
use crate::tui::text::T;
use crate::tui::theme::Tone;
use crate::tui::view::devices::address;
use crate::tui::view::{list, page};

/// Visits that Esc can go back.
const VISITS: usize = 64;

/// Whom and what a thing is about.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Subject {
    orig: String,
    resp: String,
    user: String,
    share: String,
    incident: String,
}

impl App {
    /// The incident that its pane shows.
    pub fn shown_incident(&self) -> Option<&IncidentRecord> {
        if self.pane == Pane::Overview
            && let Some(i) = self.rows.get(self.place().row).and_then(|id| self.view.incidents.get(id))
        {
            return Some(i);
        }
        let chosen = self.incident.as_ref().and_then(|id| self.view.incidents.get(id));
        chosen.or_else(|| self.stories.all.first().and_then(|id| self.view.incidents.get(id)))
    }
    /// Shows a pane; a filter replaces the one that stood there.
    pub(super) fn go(&mut self, pane: Pane, filter: Option<String>) -> Vec<Effect> {
        if pane == self.pane && self.cards.is_empty() && filter.is_none() {
            return Vec::new();
        }
        if pane == Pane::Incident && self.pane == Pane::Overview && filter.is_none() {
            self.incident = self.shown_incident().map(|i| i.id.clone());
        }
        self.leave();
        self.pane = pane;
        self.cards.clear();
        if let Some(f) = filter {
            *self.place_mut() = Place { filter: f, ..Place::default() };
        }
        Vec::new()
    }
    /// Notes where one is, for Esc.
    fn leave(&mut self) {
        let visit = Visit { pane: self.pane, place: self.place().clone(), cards: self.cards.clone(), incident: self.incident.clone() };
        self.visits.push(visit);
        if self.visits.len() > VISITS {
            self.visits.remove(0);
        }
    }
    /// Esc: closes what is open, takes marks and filter away, then goes back to where one came from.
    pub(super) fn back(&mut self) {
        if self.cards.pop().is_some() {
            return;
        }
        if !self.place().marked.is_empty() {
            self.place_mut().marked.clear();
            return;
        }
        match self.visits.pop() {
            Some(v) => {
                self.pane = v.pane;
                *self.place_mut() = v.place;
                (self.cards, self.incident) = (v.cards, v.incident);
            }
            None => self.place_mut().filter.clear(),
        }
    }
    /// What is chosen.
    pub fn chosen(&self) -> Option<Target> {
        if let Some(card) = self.cards.last() {
            let lines = page::card(self, &card.target);
            return lines.into_iter().nth(card.row).and_then(|l| l.target).or_else(|| Some(card.target.clone()));
        }
        let id = self.rows.get(self.place().row)?;
        match self.pane {
            Pane::Overview => Some(Target::Incident(id.clone())),
            Pane::Incident | Pane::Sensor => {
                let line = page::lines(self).into_iter().nth(self.place().row)?;
                line.target.or_else(|| self.shown_incident().filter(|_| self.pane == Pane::Incident).map(|i| Target::Incident(i.id.clone())))
            }
            Pane::Devices if self.place().grouped => None,
            Pane::Lateral if self.place().grouped => Some(Target::Host(id.clone())),
            pane => list::target(pane, id),
        }
    }
    /// Enter.
    pub(super) fn open(&mut self) -> Vec<Effect> {
        if self.pane == Pane::Devices && self.place().grouped && self.cards.is_empty() {
            let ids = self.chosen_devices();
            let p = self.place_mut();
            p.grouped = false;
            p.marked = ids.into_iter().collect();
            return Vec::new();
        }
        match self.chosen() {
            Some(Target::Incident(id)) if self.pane != Pane::Incident || !self.cards.is_empty() => self.show_incident(id),
            Some(Target::Incident(_)) | None => Vec::new(),
            Some(t) => self.open_card(t),
        }
    }
    fn open_card(&mut self, t: Target) -> Vec<Effect> {
        let t = match t {
            Target::Host(a) => match self.names.device(&a) {
                Some(id) => Target::Device(id.to_owned()),
                None => Target::Host(a),
            },
            t => t,
        };
        if self.cards.last().is_none_or(|c| c.target != t) && self.cards.len() < VISITS {
            self.cards.push(Card { target: t, row: 0, top: 0 });
        }
        Vec::new()
    }
    fn show_incident(&mut self, id: String) -> Vec<Effect> {
        self.leave();
        self.cards.clear();
        self.pane = Pane::Incident;
        self.incident = Some(id);
        *self.place_mut() = Place::default();
        Vec::new()
    }
    /// The next incident, or the one before.
    pub(super) fn turn(&mut self, by: isize) {
        let all = &self.stories.all;
        let at = self.shown_incident().and_then(|i| all.iter().position(|id| *id == i.id)).unwrap_or(0);
        let next = (at as isize + by).rem_euclid(all.len().max(1) as isize) as usize;
        let Some(id) = all.get(next).cloned() else { return };
        if self.pane == Pane::Overview {
            self.place_mut().row = next;
            return self.point();
        }
        self.pane = Pane::Incident;
        self.cards.clear();
        self.incident = Some(id);
        *self.place_mut() = Place::default();
    }
    /// Devices that are marked, or the chosen one, or all of the chosen group.
    pub(super) fn chosen_devices(&self) -> Vec<String> {
        let p = self.place();
        if self.cards.is_empty() && p.grouped {
            return list::group(self, &p.id);
        }
        match self.chosen() {
            _ if self.cards.is_empty() && !p.marked.is_empty() => p.marked.iter().cloned().collect(),
            Some(Target::Device(id)) => vec![id],
            _ => Vec::new(),
        }
    }
    /// `p`: where one can go from here.
    pub(super) fn pivot(&mut self) -> Vec<Effect> {
        let choices = self.chosen().map(|t| self.choices(&self.subject(&t))).unwrap_or_default();
        if choices.is_empty() {
            return self.say(Tone::Dim, self.look.t(T::NothingChosen).to_owned());
        }
        self.menu = Some(Menu::Pivot(choices));
        Vec::new()
    }
    fn subject(&self, t: &Target) -> Subject {
        let of_host = |a: &str| Subject { orig: a.to_owned(), incident: self.incident_of_host(a), ..Subject::default() };
        match t {
            Target::Device(id) => {
                let d = self.view.devices.get(id);
                of_host(d.map_or("", address))
            }
            Target::Host(a) => of_host(a),
            Target::Finding(id) => self.view.findings.get(id).map(of_finding).unwrap_or_default(),
            Target::Incident(id) => self.view.incidents.get(id).map(of_incident).unwrap_or_default(),
            Target::Egress(id) => self.view.egress.get(id).map(|e| Subject { resp: e.to.clone(), ..of_host(&e.host) }).unwrap_or_default(),
            Target::Edge(id) => self.view.edges.get(id).map_or_else(Subject::default, |e| Subject {
                resp: e.resp.clone(),
                user: e.users.last().cloned().unwrap_or_default(),
                ..of_host(&e.orig)
            }),
            Target::Flow(id) => self.view.flows.get(id).map(|f| Subject { resp: f.resp.clone(), ..of_host(&f.orig) }).unwrap_or_default(),
        }
    }
    fn incident_of_host(&self, a: &str) -> String {
        let involves = |id: &&String| self.view.incidents.get(*id).is_some_and(|i| i.hosts.iter().any(|h| h == a));
        self.stories.all.iter().find(involves).cloned().unwrap_or_default()
    }
    fn choices(&self, s: &Subject) -> Vec<Choice> {
        let mut all = Vec::new();
        let mut add = |key, text, about: &str, go| {
            if !about.is_empty() && about != "…" {
                all.push(Choice { key, text, about: about.to_owned(), go });
            }
        };
        let host = format!("host:{}", s.orig);
        add('i', T::GoIncident, &s.incident, Go::Incident(s.incident.clone()));
        add('d', T::GoDevice, &s.orig, Go::Card(Target::Host(s.orig.clone())));
        add('r', T::GoResponder, &s.resp, Go::Card(Target::Host(s.resp.clone())));
        add('n', T::GoFindings, &s.orig, Go::Filtered(Pane::Findings, host.clone()));
        add('l', T::GoLateral, &s.orig, Go::Filtered(Pane::Lateral, host.clone()));
        add('e', T::GoEgress, &s.orig, Go::Filtered(Pane::Egress, host.clone()));
        add('f', T::GoFlows, &s.orig, Go::Filtered(Pane::Flows, host));
        add('u', T::GoUser, &s.user, Go::Filtered(Pane::Findings, format!("user:\"{}\"", s.user)));
        add('U', T::GoUserEdges, &s.user, Go::Filtered(Pane::Lateral, format!("user:\"{}\"", s.user)));
        add('s', T::GoShare, &s.share, Go::Filtered(Pane::Findings, format!("share:\"{}\"", s.share)));
        all
    }
    pub(super) fn follow_choice(&mut self, go: Go) -> Vec<Effect> {
        match go {
            Go::Filtered(pane, filter) => self.go(pane, Some(filter)),
            Go::Card(t) => self.open_card(t),
            Go::Incident(id) => self.show_incident(id),
        }
    }
    /// Writes what is shown: the screen (txt, svg) or all rows of the pane (md, csv).
    pub(super) fn export(&mut self, format: Format) -> Vec<Effect> {
        vec![Effect::Export(export::of(self, format))]
    }
    pub(super) fn export_desk(&mut self) -> Vec<Effect> {
        let bytes = serde_json::to_vec_pretty(&self.desk()).unwrap_or_default();
        vec![Effect::Export(Export { name: export::name(self, "desk", "json"), bytes })]
    }
}

fn of_finding(f: &FindingRecord) -> Subject {
    Subject {
        orig: f.orig.clone(),
        resp: f.resp.first().cloned().unwrap_or_default(),
        user: f.user.clone().unwrap_or_default(),
        share: list::shares(f).into_iter().next().unwrap_or_default(),
        incident: f.incident.clone(),
    }
}

fn of_incident(i: &IncidentRecord) -> Subject {
    Subject {
        orig: i.patient_zero.clone(),
        resp: i.hosts.iter().find(|h| **h != i.patient_zero).cloned().unwrap_or_default(),
        user: i.accounts.last().map(|a| a.user.clone()).unwrap_or_default(),
        incident: i.id.clone(),
        ..Subject::default()
    }
}
