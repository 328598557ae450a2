//! Lines that a person types, and menus: filters, commands, notes, reasons.

use super::{App, Effect, stamp};
use crate::base::{Lang, Span, Timestamp};
use crate::engine::journal::{DecisionRecord, MuteRecord, NoteRecord};
use crate::output::clean::is_unsafe;
use crate::tui::acts::Act;
use crate::tui::export::Format;
use crate::tui::feed::Order;
use crate::tui::filter::{FIELDS, Filter, OTHERS, Wrong};
use crate::tui::pane::{Pane, Place, Target};
use crate::tui::text::T;
use crate::tui::theme::{Theme, Tone};
use crate::tui::view::list;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use std::collections::BTreeSet;
use tui_input::{Input, InputRequest};

/// Longest line.
const MAX: usize = 512;
/// Filters remembered.
const HISTORY: usize = 50;
/// How long a mute or a permission lasts, in seconds; 0 = for ever.
const SPANS: &[(u64, T)] =
    &[(3600, T::SpanHour), (8 * 3600, T::SpanShift), (86_400, T::SpanDay), (7 * 86_400, T::SpanWeek), (30 * 86_400, T::SpanMonth), (0, T::SpanEver)];
/// A mute begins with a week, a permission with for ever.
const WEEK: usize = 3;
const EVER: usize = 5;
/// Speeds of a replay.
pub(super) const SPEEDS: &[u32] = &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
/// Commands beside the names of the panes, with what may follow.
const COMMANDS: &[(&str, &[&str])] = &[
    ("export", &["txt", "md", "csv", "svg", "desk"]),
    ("filter", &[]),
    ("freeze", &[]),
    ("help", &[]),
    ("jump", &[]),
    ("lang", &["en", "ja"]),
    ("quit", &[]),
    ("speed", &["1", "10", "100", "1000"]),
    ("theme", &["dark", "light", "contrast", "safe", "none"]),
    ("undo", &[]),
];

/// What a line is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// Filter the rows; what stood there before.
    Filter(String),
    /// A command.
    Palette,
    /// Acknowledge these, with a note.
    Acknowledge(Vec<String>),
    /// Mute what is like this finding: how widely, how long.
    Mute {
        /// The finding.
        id: String,
        /// 0 = this detector at this host, 1 = this detector, 2 = this host.
        scope: usize,
        /// Place in the list of spans.
        span: usize,
    },
    /// Decide about devices.
    Decide {
        /// Device ids.
        ids: Vec<String>,
        /// `authorised refused investigating`.
        status: &'static str,
        /// Place in the list of spans.
        span: usize,
    },
    /// Go to a time.
    Jump,
}

/// A line being typed.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// What for.
    pub purpose: Purpose,
    /// The line.
    pub input: Input,
    /// Why it cannot be taken.
    pub wrong: Option<String>,
    recalled: usize,
}

/// Something to choose from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Menu {
    /// The keys, from this line on.
    Help(usize),
    /// Where to go from what is chosen.
    Pivot(Vec<Choice>),
    /// What to write.
    Export,
}

/// One way to go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Choice {
    /// Its key.
    pub key: char,
    /// Where.
    pub text: T,
    /// What about.
    pub about: String,
    /// How.
    pub go: Go,
}

/// How to get there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Go {
    /// A pane with a filter.
    Filtered(Pane, String),
    /// Something in full.
    Card(Target),
    /// An incident.
    Incident(String),
}

/// How many findings a mute would have hidden.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Preview {
    /// Findings that fit.
    pub hidden: usize,
    /// Findings there are.
    pub of: usize,
    /// Of those that fit, high or critical.
    pub severe: usize,
}

impl Prompt {
    fn new(purpose: Purpose, text: &str) -> Prompt {
        Prompt { purpose, input: Input::new(text.to_owned()), wrong: None, recalled: 0 }
    }
}

/// The words of a span.
pub fn span_text(span: usize) -> T {
    SPANS.get(span).map_or(T::SpanEver, |s| s.1)
}

impl App {
    pub(super) fn ask(&mut self, purpose: Purpose) -> Vec<Effect> {
        let text = if matches!(purpose, Purpose::Filter(_)) { self.place().filter.clone() } else { String::new() };
        self.prompt = Some(Prompt::new(purpose, &text));
        Vec::new()
    }
    pub(super) fn ask_mute(&mut self, id: String) -> Vec<Effect> {
        self.ask(Purpose::Mute { id, scope: 0, span: WEEK })
    }
    pub(super) fn ask_decide(&mut self, status: &'static str) -> Vec<Effect> {
        let ids = self.chosen_devices();
        if ids.is_empty() {
            return self.say(Tone::Dim, self.look.t(T::NothingChosen).to_owned());
        }
        self.ask(Purpose::Decide { ids, status, span: EVER })
    }
    /// A key while a line is being typed.
    pub(super) fn type_key(&mut self, k: KeyEvent) -> Vec<Effect> {
        let Some(mut p) = self.prompt.take() else { return Vec::new() };
        let control = k.modifiers.contains(KeyModifiers::CONTROL);
        let request = match k.code {
            KeyCode::Esc => return self.leave_prompt(&p),
            KeyCode::Char('c') if control => return self.leave_prompt(&p),
            KeyCode::Enter => return self.take(p),
            KeyCode::Tab => return self.tab(p),
            KeyCode::Up | KeyCode::Down => return self.recall(p, k.code == KeyCode::Up),
            KeyCode::Char('s') if control => return self.widen(p),
            KeyCode::Char('u') if control => Some(InputRequest::DeleteLine),
            KeyCode::Char('w') if control => Some(InputRequest::DeletePrevWord),
            KeyCode::Char('a') if control => Some(InputRequest::GoToStart),
            KeyCode::Char('e') if control => Some(InputRequest::GoToEnd),
            KeyCode::Char(c) if !control && !is_unsafe(c) && p.input.value().len() < MAX => Some(InputRequest::InsertChar(c)),
            KeyCode::Backspace => Some(InputRequest::DeletePrevChar),
            KeyCode::Delete => Some(InputRequest::DeleteNextChar),
            KeyCode::Left => Some(InputRequest::GoToPrevChar),
            KeyCode::Right => Some(InputRequest::GoToNextChar),
            KeyCode::Home => Some(InputRequest::GoToStart),
            KeyCode::End => Some(InputRequest::GoToEnd),
            _ => None,
        };
        if let Some(r) = request {
            p.input.handle(r);
            p.wrong = None;
        }
        self.tried(p)
    }
    /// Pasted text becomes typed text.
    pub(super) fn paste(&mut self, s: &str) -> Vec<Effect> {
        if let Some(mut p) = self.prompt.take() {
            for c in s.chars().filter(|c| !is_unsafe(*c)).take(MAX.saturating_sub(p.input.value().len())) {
                p.input.handle(InputRequest::InsertChar(c));
            }
            return self.tried(p);
        }
        Vec::new()
    }
    /// A filter is tried while it is typed.
    fn tried(&mut self, mut p: Prompt) -> Vec<Effect> {
        if matches!(p.purpose, Purpose::Filter(_)) {
            match Filter::parse(p.input.value(), &self.view.ts) {
                Ok(_) => self.place_mut().filter = p.input.value().to_owned(),
                Err(w) => p.wrong = Some(self.wrong(&w)),
            }
        }
        self.prompt = Some(p);
        Vec::new()
    }
    fn leave_prompt(&mut self, p: &Prompt) -> Vec<Effect> {
        if let Purpose::Filter(before) = &p.purpose {
            self.place_mut().filter.clone_from(before);
        }
        Vec::new()
    }
    fn wrong(&self, w: &Wrong) -> String {
        match w {
            Wrong::Field(f) => {
                let all: Vec<&str> = FIELDS.iter().map(|f| f.0).chain(OTHERS.iter().copied()).collect();
                self.look.fill(T::WrongField, &[f, &all.join(" ")])
            }
            Wrong::Severity(s) => self.look.fill(T::WrongSeverity, &[s]),
            Wrong::Time(t) => self.look.fill(T::WrongTime, &[t]),
            Wrong::Regex(r) => self.look.fill(T::WrongRegex, &[r]),
            Wrong::Long => self.look.t(T::WrongLong).to_owned(),
        }
    }
    /// Enter: the line is taken, or stays with a reason.
    fn take(&mut self, mut p: Prompt) -> Vec<Effect> {
        let text = p.input.value().trim().to_owned();
        match p.purpose.clone() {
            Purpose::Filter(_) => {
                if let Err(w) = Filter::parse(&text, &self.view.ts) {
                    p.wrong = Some(self.wrong(&w));
                    self.prompt = Some(p);
                    return Vec::new();
                }
                self.remember(&text);
                self.place_mut().filter = text;
                Vec::new()
            }
            Purpose::Palette => self.command(&text),
            Purpose::Acknowledge(ids) => {
                let note = NoteRecord { ts: self.stamped(), who: self.who.clone(), note: text };
                self.message = Some((Tone::Good, self.look.fill(T::Acknowledged, &[&ids.len().to_string()])));
                self.place_mut().marked.clear();
                if self.pane == Pane::Overview {
                    // On to the next one that is open.
                    *self.place_mut() = Place::default();
                }
                self.act(Act::Seen(ids, Some(note)))
            }
            Purpose::Mute { .. } | Purpose::Decide { .. } if text.is_empty() => {
                p.wrong = Some(self.look.t(T::ReasonNeeded).to_owned());
                self.prompt = Some(p);
                Vec::new()
            }
            Purpose::Mute { id, scope, span } => self.mute(&id, scope, span, text),
            Purpose::Decide { ids, status, span } => self.decide(ids, status, span, &text),
            Purpose::Jump => self.jump(p, &text),
        }
    }
    fn remember(&mut self, text: &str) {
        if !text.is_empty() {
            self.history.retain(|h| h != text);
            self.history.push(text.to_owned());
            if self.history.len() > HISTORY {
                self.history.remove(0);
            }
        }
    }
    fn until(&self, span: usize) -> String {
        match SPANS.get(span) {
            Some((0, _)) | None => String::new(),
            Some((secs, _)) => (stamp(&self.stamped()) + Span::secs(*secs)).to_string(),
        }
    }
    fn mute_of(&self, id: &str, scope: usize, span: usize) -> Option<MuteRecord> {
        let f = self.view.findings.get(id)?;
        let mut m = MuteRecord { ts: self.stamped(), who: self.who.clone(), until: self.until(span), ..MuteRecord::default() };
        if scope != 2 {
            m.detector.clone_from(&f.detector);
        }
        if scope != 1 {
            m.orig.clone_from(&f.orig);
        }
        Some(m)
    }
    fn mute(&mut self, id: &str, scope: usize, span: usize, reason: String) -> Vec<Effect> {
        let Some(m) = self.mute_of(id, scope, span) else { return Vec::new() };
        let number = format!("{}/{}/{}", m.detector, m.orig, m.until);
        self.message = Some((Tone::Good, self.look.fill(T::Muted, &[&self.look.day_clock(&m.until)])));
        self.act(Act::Mute(number, Some(MuteRecord { reason, ..m })))
    }
    /// What a mute would have hidden of what was found in the last thirty days.
    pub fn preview(&self, id: &str, scope: usize, span: usize) -> Preview {
        let Some(m) = self.mute_of(id, scope, span) else { return Preview::default() };
        let since = (stamp(&self.view.ts) - Span::secs(30 * 86_400)).to_string();
        let mut p = Preview::default();
        for f in self.view.findings.values().filter(|f| f.last_ts >= since) {
            p.of += 1;
            if (m.detector.is_empty() || m.detector == f.detector) && (m.orig.is_empty() || m.orig == f.orig) {
                p.hidden += 1;
                p.severe += usize::from(matches!(f.severity.as_str(), "high" | "critical"));
            }
        }
        p
    }
    fn decide(&mut self, ids: Vec<String>, status: &'static str, span: usize, reason: &str) -> Vec<Effect> {
        let until = self.until(span);
        let one = DecisionRecord { ts: self.stamped(), who: self.who.clone(), status: status.to_owned(), reason: reason.to_owned(), until };
        let word = self.look.word(status).to_owned();
        self.message = Some((Tone::Good, self.look.fill(T::Decided, &[&ids.len().to_string(), &word])));
        self.place_mut().marked.clear();
        self.act(Act::Decide(ids.into_iter().map(|id| (id, Some(one.clone()))).collect()))
    }
    fn jump(&mut self, mut p: Prompt, text: &str) -> Vec<Effect> {
        match self.look.instant(text, &self.view.ts).and_then(|t| u64::try_from(t.as_nanosecond()).ok()) {
            Some(ts) => {
                self.tape.plays = false;
                vec![Effect::Order(Order::Seek(Timestamp(ts)))]
            }
            None => {
                p.wrong = Some(self.look.fill(T::WrongTime, &[text]));
                self.prompt = Some(p);
                Vec::new()
            }
        }
    }
    /// Tab: the next span, or the word that is being typed is completed.
    fn tab(&mut self, mut p: Prompt) -> Vec<Effect> {
        match &mut p.purpose {
            // A mute always ends.
            Purpose::Mute { span, .. } => *span = (*span + 1) % EVER,
            Purpose::Decide { span, .. } => *span = (*span + 1) % SPANS.len(),
            Purpose::Filter(_) | Purpose::Palette => {
                let words = if p.purpose == Purpose::Palette { self.commands(p.input.value()) } else { self.values(p.input.value()) };
                if let Some(whole) = completed(p.input.value(), &words) {
                    p.input = Input::new(whole);
                }
            }
            _ => {}
        }
        self.tried(p)
    }
    /// Ctrl-s: how widely a mute reaches.
    fn widen(&mut self, mut p: Prompt) -> Vec<Effect> {
        if let Purpose::Mute { scope, .. } = &mut p.purpose {
            *scope = (*scope + 1) % 3;
        }
        self.prompt = Some(p);
        Vec::new()
    }
    fn recall(&mut self, mut p: Prompt, back: bool) -> Vec<Effect> {
        if matches!(p.purpose, Purpose::Filter(_)) {
            p.recalled = if back { (p.recalled + 1).min(self.history.len()) } else { p.recalled.saturating_sub(1) };
            let text = self.history.len().checked_sub(p.recalled).and_then(|at| self.history.get(at));
            p.input = Input::new(text.cloned().unwrap_or_default());
        }
        self.tried(p)
    }
    /// What can stand where the last word of a command stands.
    fn commands(&self, line: &str) -> Vec<String> {
        match line.split_once(' ') {
            Some((word, _)) => COMMANDS.iter().find(|c| c.0 == word).map(|c| c.1.iter().map(|s| (*s).to_owned()).collect()).unwrap_or_default(),
            None => Pane::ALL.iter().map(|p| p.word()).chain(COMMANDS.iter().map(|c| c.0)).map(str::to_owned).collect(),
        }
    }
    /// What can stand where the last word of a filter stands: names of fields, then values that the rows have.
    fn values(&self, line: &str) -> Vec<String> {
        let word = line.rsplit(' ').next().unwrap_or_default().trim_start_matches(['-', '!']);
        let Some((field, _)) = word.split_once(':') else {
            return FIELDS.iter().map(|f| f.0).chain(OTHERS.iter().copied()).map(|f| format!("{f}:")).collect();
        };
        if field == "sev" {
            return [">=medium", ">=high", "critical"].iter().map(|s| format!("sev:{s}")).collect();
        }
        let Some((_, want)) = FIELDS.iter().find(|f| f.0 == field) else { return Vec::new() };
        let mut all = BTreeSet::new();
        list::each(self, self.pane, &mut |row| {
            row.each(&mut |f, v| {
                if f == *want && all.len() < 500 {
                    all.insert(format!("{field}:{v}"));
                }
            });
        });
        all.into_iter().collect()
    }
    /// A command of the palette.
    pub fn perform_command(&mut self, line: &str) -> Vec<Effect> {
        let effects = self.command(line);
        self.refresh();
        effects
    }
    fn command(&mut self, line: &str) -> Vec<Effect> {
        let (word, rest) = line.split_once(' ').map_or((line, ""), |(w, r)| (w, r.trim()));
        if let Some(pane) = Pane::ALL.iter().find(|p| !word.is_empty() && p.word() == word) {
            return self.go(*pane, Some(rest.to_owned()).filter(|r| !r.is_empty()));
        }
        match (word, rest) {
            ("", _) => Vec::new(),
            ("quit", _) => vec![Effect::Quit],
            ("help", _) => {
                self.menu = Some(Menu::Help(0));
                Vec::new()
            }
            ("undo", _) => self.take_back(),
            ("freeze", _) => {
                self.freeze();
                Vec::new()
            }
            ("filter", f) => self.go(self.pane, Some(f.to_owned())),
            ("export", "desk") => self.export_desk(),
            ("export", f) => match Format::named(f) {
                Some(format) => self.export(format),
                None => self.unknown(line),
            },
            ("theme", t) => match Theme::named(t) {
                Some(theme) => {
                    self.look.theme = theme;
                    Vec::new()
                }
                None => self.unknown(line),
            },
            ("lang", l) => match l.parse::<Lang>() {
                Ok(lang) => {
                    self.look.lang = lang;
                    Vec::new()
                }
                Err(_) => self.unknown(line),
            },
            ("jump", t) if self.replay => self.jump(Prompt::new(Purpose::Jump, t), t),
            ("speed", n) if self.replay => match n.trim_start_matches('x').parse() {
                Ok(n) if (1..=1000).contains(&n) => self.play_at(n),
                _ => self.unknown(line),
            },
            _ => self.unknown(line),
        }
    }
    fn unknown(&mut self, line: &str) -> Vec<Effect> {
        let words: Vec<&str> = Pane::ALL.iter().map(|p| p.word()).chain(COMMANDS.iter().map(|c| c.0)).collect();
        self.say(Tone::Warn, self.look.fill(T::WrongCommand, &[line, &words.join(" ")]))
    }
}

/// The line with its last word completed as far as all candidates agree.
fn completed(line: &str, words: &[String]) -> Option<String> {
    let at = line.rfind(' ').map_or(0, |i| i + 1);
    let (before, word) = (line.get(..at)?, line.get(at..)?);
    let sign = if word.starts_with(['-', '!']) { word.get(..1)? } else { "" };
    let word = word.get(sign.len()..)?;
    let mut fitting = words.iter().filter(|w| w.starts_with(word));
    let first = fitting.next()?;
    let common = fitting.fold(first.as_str(), |common, w| {
        let same = common.char_indices().zip(w.chars()).find(|((_, a), b)| a != b).map_or(common.len().min(w.len()), |((i, _), _)| i);
        common.get(..same).unwrap_or_default()
    });
    (common.len() > word.len()).then(|| format!("{before}{sign}{common}"))
}

#[cfg(test)]
mod tests {
    use super::completed;

    #[test]
    fn words_are_completed_as_far_as_they_are_sure() {
        let words = ["src:".to_owned(), "share:".to_owned(), "sev:".to_owned(), "端末".to_owned(), "端子".to_owned()];
        assert_eq!(completed("sr", &words).as_deref(), Some("src:"));
        assert_eq!(completed("app:smb -sh", &words).as_deref(), Some("app:smb -share:"));
        assert_eq!(completed("s", &words), None);
        assert_eq!(completed("x", &words), None);
        assert_eq!(completed("端", &words), None);
        assert_eq!(completed("", &[String::from("one")]).as_deref(), Some("one"));
    }
}
