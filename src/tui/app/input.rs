//! Keys and mouse: what a person presses becomes what is done.

use super::prompt::{Menu, SPEEDS};
use super::{App, Effect, Purpose};
use crate::base::{Lang, Timestamp};
use crate::tui::export::Format;
use crate::tui::feed::Order;
use crate::tui::keys::{self, Do};
use crate::tui::pane::{Pane, Target};
use crate::tui::text::T;
use crate::tui::theme::Tone;
use crate::tui::view::{self, page};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEvent, MouseEventKind};

impl App {
    /// A key. One that is let go does nothing.
    pub(super) fn key(&mut self, k: KeyEvent) -> Vec<Effect> {
        if k.kind == KeyEventKind::Release {
            return Vec::new();
        }
        if self.prompt.is_some() {
            return self.type_key(k);
        }
        if self.menu.is_some() {
            return self.menu_key(k);
        }
        self.message = None;
        match keys::find(&keys::chord(k), self.pane, self.replay) {
            Some(what) => self.perform(what),
            None => Vec::new(),
        }
    }
    fn menu_key(&mut self, k: KeyEvent) -> Vec<Effect> {
        let Some(menu) = self.menu.take() else { return Vec::new() };
        match (menu, k.code) {
            (_, KeyCode::Char('c')) if k.modifiers.contains(KeyModifiers::CONTROL) => vec![Effect::Quit],
            (Menu::Help(top), KeyCode::Char('j') | KeyCode::Down | KeyCode::PageDown | KeyCode::Char(' ')) => {
                let step = if matches!(k.code, KeyCode::PageDown | KeyCode::Char(' ')) { 10 } else { 1 };
                self.menu = Some(Menu::Help((top + step).min(view::help::last(self))));
                Vec::new()
            }
            (Menu::Help(top), KeyCode::Char('k') | KeyCode::Up | KeyCode::PageUp) => {
                self.menu = Some(Menu::Help(top.saturating_sub(if k.code == KeyCode::PageUp { 10 } else { 1 })));
                Vec::new()
            }
            (Menu::Pivot(choices), KeyCode::Char(c)) => match choices.into_iter().find(|x| x.key == c) {
                Some(choice) => self.follow_choice(choice.go),
                None => Vec::new(),
            },
            (Menu::Export, KeyCode::Char(c)) => match Format::of_key(c) {
                Some(f) => self.export(f),
                None => Vec::new(),
            },
            _ => Vec::new(),
        }
    }
    /// Does what a key says.
    pub fn perform(&mut self, what: Do) -> Vec<Effect> {
        match what {
            Do::Quit => return vec![Effect::Quit],
            Do::Help => self.menu = Some(Menu::Help(0)),
            Do::Show(pane) => return self.go(pane, None),
            Do::NextPane => return self.go(self.pane.beside(1), None),
            Do::PrevPane => return self.go(self.pane.beside(-1), None),
            Do::Down => self.step(1),
            Do::Up => self.step(-1),
            Do::PageDown => self.step(self.height() as isize - 1),
            Do::PageUp => self.step(1 - self.height() as isize),
            Do::First => self.step(isize::MIN / 2),
            Do::Last => self.step(isize::MAX / 2),
            Do::Open => return self.open(),
            Do::Back => self.back(),
            Do::Filter => return self.ask(Purpose::Filter(self.place().filter.clone())),
            Do::Palette => return self.ask(Purpose::Palette),
            Do::Pivot => return self.pivot(),
            Do::Mark => self.mark(),
            Do::Sort => self.sort(),
            Do::Reverse => self.place_mut().reversed ^= true,
            Do::Acknowledge => return self.acknowledge(),
            Do::Mute => return self.mute_chosen(),
            Do::Undo => return self.take_back(),
            Do::Export => self.menu = Some(Menu::Export),
            Do::Freeze => self.freeze(),
            Do::NextIncident => self.turn(1),
            Do::PrevIncident => self.turn(-1),
            Do::Accept => return self.ask_decide("authorised"),
            Do::Refuse => return self.ask_decide("refused"),
            Do::Investigate => return self.ask_decide("investigating"),
            Do::Group => {
                let p = self.place_mut();
                p.grouped ^= true;
                (p.row, p.top) = (0, 0);
                p.id.clear();
            }
            Do::Theme => self.look.theme = self.look.theme.next(),
            Do::Language => self.look.lang = if self.look.lang == Lang::En { Lang::Ja } else { Lang::En },
            Do::Clock => self.look.local ^= true,
            _ => return self.tape_key(what),
        }
        Vec::new()
    }
    /// Keys of a replay.
    fn tape_key(&mut self, what: Do) -> Vec<Effect> {
        let at = self.at();
        let seek = |ts: Option<Timestamp>| ts.map(Order::Seek);
        let order = match what {
            Do::Play => return self.play_at(if self.tape.plays { 0 } else { self.tape.speed }),
            Do::Faster => return self.change_speed(1),
            Do::Slower => return self.change_speed(-1),
            Do::Forward => Some(Order::Step(1)),
            Do::Backward => Some(Order::Step(-1)),
            Do::NextFinding => seek(self.tape.marks.iter().map(|m| m.0).find(|t| *t > at)),
            Do::PrevFinding => seek(self.tape.marks.iter().rev().map(|m| m.0).find(|t| *t < at)),
            Do::NextBookmark => {
                let all = &self.tape.bookmarks;
                seek(all.iter().copied().find(|t| *t > at).or_else(|| all.first().copied()))
            }
            Do::Bookmark => {
                if !self.tape.bookmarks.contains(&at) && self.tape.bookmarks.len() < 100 {
                    self.tape.bookmarks.push(at);
                    self.tape.bookmarks.sort();
                }
                return self.say(Tone::Good, self.look.fill(T::Bookmarked, &[&self.look.clock(&self.view.ts)]));
            }
            Do::Jump => return self.ask(Purpose::Jump),
            _ => None,
        };
        let Some(order) = order else { return self.say(Tone::Dim, self.look.t(T::NothingThere).to_owned()) };
        self.tape.plays = false;
        vec![Effect::Order(Order::Play(0)), Effect::Order(order)]
    }
    /// Plays at a speed; 0 = stands still.
    pub(super) fn play_at(&mut self, speed: u32) -> Vec<Effect> {
        self.tape.plays = speed > 0;
        if speed > 0 {
            self.tape.speed = speed;
        }
        vec![Effect::Order(Order::Play(speed))]
    }
    fn change_speed(&mut self, by: isize) -> Vec<Effect> {
        let at = SPEEDS.iter().position(|s| *s >= self.tape.speed).unwrap_or(0);
        let next = at.saturating_add_signed(by).min(SPEEDS.len() - 1);
        self.tape.speed = SPEEDS.get(next).copied().unwrap_or(1);
        if self.tape.plays { self.play_at(self.tape.speed) } else { Vec::new() }
    }
    fn step(&mut self, by: isize) {
        if let Some(card) = self.cards.last_mut() {
            let last = page::CARD_LINES - 1;
            card.row = card.row.saturating_add_signed(by).min(last);
            return;
        }
        let count = self.rows.len();
        let p = self.place_mut();
        p.row = p.row.saturating_add_signed(by).min(count.saturating_sub(1));
        self.point();
    }
    fn mark(&mut self) {
        let id = self.place().id.clone();
        if !id.is_empty() {
            let p = self.place_mut();
            if !p.marked.remove(&id) {
                p.marked.insert(id);
            }
            self.step(1);
        }
    }
    fn sort(&mut self) {
        let columns = view::list::columns(self.pane).len();
        let p = self.place_mut();
        p.sort = match p.sort {
            None => Some(0),
            Some(n) if n + 1 < columns => Some(n + 1),
            Some(_) => None,
        };
    }
    fn acknowledge(&mut self) -> Vec<Effect> {
        let marked: Vec<String> = self.place().marked.iter().cloned().collect();
        let ids = match self.chosen() {
            _ if self.pane == Pane::Findings && !marked.is_empty() => marked,
            Some(Target::Finding(id)) => vec![id],
            _ => match self.shown_incident() {
                // Whoever has seen the story has seen what it is made of.
                Some(i) => std::iter::once(i.id.clone()).chain(i.findings.clone()).collect(),
                None => return self.say(Tone::Dim, self.look.t(T::NothingChosen).to_owned()),
            },
        };
        self.ask(Purpose::Acknowledge(ids))
    }
    fn mute_chosen(&mut self) -> Vec<Effect> {
        match self.chosen() {
            Some(Target::Finding(id)) if self.view.findings.contains_key(&id) => self.ask_mute(id),
            _ => self.say(Tone::Dim, self.look.t(T::MuteWhat).to_owned()),
        }
    }
    /// The mouse: choose, scroll, change the pane.
    pub(super) fn mouse(&mut self, m: MouseEvent) -> Vec<Effect> {
        if self.prompt.is_some() || self.menu.is_some() {
            return Vec::new();
        }
        match m.kind {
            MouseEventKind::ScrollDown => self.step(3),
            MouseEventKind::ScrollUp => self.step(-3),
            MouseEventKind::Down(_) => match view::at(self, m.column, m.row) {
                Some(view::Spot::Pane(p)) => return self.go(p, None),
                Some(view::Spot::Row(n)) if self.cards.is_empty() => {
                    if self.place().row == n {
                        return self.open();
                    }
                    self.place_mut().row = n;
                    self.point();
                }
                _ => {}
            },
            _ => {}
        }
        Vec::new()
    }
}
