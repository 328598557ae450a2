//! The plain mode, for screen readers and for terminals that can do nothing: lines in, lines out, no cursor is moved. What is new is said as it
//! comes; a command shows a pane as sentences.

use super::acts::Acts;
use super::app::{App, Effect, Link, Msg};
use super::export::Export;
use super::feed::{Feed, News, Order};
use super::pane::Pane;
use super::text::T;
use super::view::{banner, list, page};
use crate::output::clean::clean;
use crossbeam::channel::{Receiver, RecvTimeoutError};
use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

/// Rows of a pane said at once; `more` says the next ones.
const ROWS: usize = 20;

/// The plain mode.
pub struct Plain<'a> {
    app: App,
    out: &'a mut dyn Write,
    told: String,
    /// Findings said already, with their revision.
    said: BTreeMap<String, u32>,
    from: usize,
    save: &'a mut dyn FnMut(&Export) -> Result<String, String>,
}

impl<'a> Plain<'a> {
    /// Writes to `out`; exports go to `save`.
    pub fn new(app: App, out: &'a mut dyn Write, save: &'a mut dyn FnMut(&Export) -> Result<String, String>) -> Plain<'a> {
        Plain { app, out, told: String::new(), said: BTreeMap::new(), from: 0, save }
    }
    /// Runs until `quit` or the end of the input.
    pub fn run(&mut self, feed: &mut dyn Feed, acts: &mut dyn Acts, lines: &Receiver<String>) -> std::io::Result<()> {
        let hello = self.app.look.t(T::PlainHello);
        self.say(hello)?;
        // What there is already comes before the first command.
        while let News::Nothing = self.hear(feed, Duration::from_millis(500))? {
            if !matches!(self.app.link, Link::Waiting) {
                break;
            }
        }
        loop {
            match lines.recv_timeout(Duration::from_millis(100)) {
                Ok(line) => {
                    if !self.command(line.trim(), feed, acts)? {
                        return Ok(());
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            self.hear(feed, Duration::ZERO)?;
        }
    }
    fn say(&mut self, line: &str) -> std::io::Result<()> {
        writeln!(self.out, "{}", clean(line.trim()))?;
        self.out.flush()
    }
    fn hear(&mut self, feed: &mut dyn Feed, wait: Duration) -> std::io::Result<News> {
        let news = feed.next(wait);
        if !matches!(news, News::Nothing) {
            self.app.update(Msg::News(news.clone()));
            self.news()?;
        }
        Ok(news)
    }
    /// Says what changed: the banner, and findings of weight.
    fn news(&mut self) -> std::io::Result<()> {
        let banner = banner(&self.app).1;
        if banner != self.told {
            self.say(&banner)?;
            self.told = banner;
        }
        let view = self.app.view.clone();
        for f in view.findings.values().filter(|f| matches!(f.severity.as_str(), "medium" | "high" | "critical")) {
            if self.said.get(&f.id).is_none_or(|rev| *rev == 0) && !self.app.stories.muted.contains(&f.id) {
                self.said.insert(f.id.clone(), f.rev.max(1));
                let line = format!("{} {} {}: {}", self.app.look.clock(&f.ts), self.app.look.word(&f.severity), f.id, f.summary);
                self.say(&line)?;
            }
        }
        Ok(())
    }
    /// One command; false ends.
    fn command(&mut self, line: &str, feed: &mut dyn Feed, acts: &mut dyn Acts) -> std::io::Result<bool> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "" => {}
            "quit" | "q" => return Ok(false),
            "help" | "?" => self.help()?,
            "more" => self.pane(self.from + ROWS)?,
            "next" | "n" => {
                self.app.perform(super::keys::Do::NextIncident);
                self.app.update(Msg::News(News::Nothing));
                self.pane(0)?;
            }
            _ => {
                let effects = self.app.perform_command(line);
                self.effects(effects, feed, acts)?;
                if let Some((_, m)) = self.app.message.take() {
                    self.say(&m)?;
                }
                if Pane::ALL.iter().any(|p| p.word() == word) || word == "filter" {
                    if word == "incident" && self.app.view.incidents.contains_key(rest) {
                        self.app.incident = Some(rest.to_owned());
                        self.app.update(Msg::News(News::Nothing));
                    }
                    self.pane(0)?;
                }
            }
        }
        Ok(true)
    }
    fn effects(&mut self, effects: Vec<Effect>, feed: &mut dyn Feed, acts: &mut dyn Acts) -> std::io::Result<()> {
        for e in effects {
            match e {
                Effect::Order(o) => {
                    feed.order(o);
                    if matches!(o, Order::Seek(_) | Order::Step(_)) {
                        self.hear(feed, Duration::from_secs(2))?;
                    }
                }
                Effect::Act(a) => {
                    if let Err(why) = acts.act(&a) {
                        self.app.update(Msg::Refused(why));
                    }
                }
                Effect::Export(x) => {
                    let said = (self.save)(&x);
                    self.say(&said.unwrap_or_else(|e| e))?;
                }
                Effect::Quit => {}
            }
        }
        Ok(())
    }
    fn help(&mut self) -> std::io::Result<()> {
        let text = self.app.look.t(T::PlainHelp);
        self.say(text)?;
        let words: Vec<&str> = Pane::ALL.iter().map(|p| p.word()).collect();
        self.say(&words.join(" "))
    }
    /// The pane as sentences: rows with the names of their columns, pages line by line.
    fn pane(&mut self, from: usize) -> std::io::Result<()> {
        self.from = from;
        let app = &self.app;
        let lines: Vec<String> = match app.pane {
            Pane::Overview => app
                .stories
                .all
                .iter()
                .filter_map(|id| app.view.incidents.get(id))
                .map(|i| format!("{} {} {}", app.look.word(&i.severity), i.id, i.summary))
                .collect(),
            Pane::Incident => {
                let head = app.shown_incident().map(|i| format!("{} {} {}", i.id, app.look.word(&i.severity), i.summary));
                head.into_iter().chain(page::lines(app).into_iter().map(|l| l.parts.into_iter().map(|p| p.1).collect())).collect()
            }
            Pane::Sensor => page::lines(app).into_iter().map(|l| l.parts.into_iter().map(|p| p.1).collect()).collect(),
            pane => app.rows.iter().map(|id| sentence(app, pane, id)).collect(),
        };
        let head = app.look.fill(T::PlainHead, &[app.look.t(app.pane.title()), &lines.len().to_string()]);
        self.say(&head)?;
        for l in lines.iter().skip(from).take(ROWS).filter(|l| !l.trim().is_empty()) {
            self.say(l)?;
        }
        if lines.len() > from + ROWS {
            let more = self.app.look.fill(T::PlainMore, &[&(lines.len() - from - ROWS).to_string()]);
            self.say(&more)?;
        }
        Ok(())
    }
}

fn sentence(app: &App, pane: Pane, id: &str) -> String {
    let cells = list::cells(app, id);
    let named = list::columns(pane).iter().zip(cells).filter(|(_, c)| !c.1.trim().is_empty());
    named.map(|(column, c)| format!("{}: {}", app.look.t(column.head), c.1.trim())).collect::<Vec<_>>().join(", ")
}
