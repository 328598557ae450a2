//! The state of the screen and how it changes: [`App::update`] takes a message and says what is to be done outside. No terminal, no file, no clock.

mod input;
mod moves;
mod prompt;
mod rows;
mod story;

pub use prompt::{Choice, Menu, Preview, Prompt, Purpose, span_text};
pub use story::{Names, Stories};

use super::acts::{Act, apply};
use super::export::Export;
use super::feed::{News, Order, Standing};
use super::look::Look;
use super::pane::{Pane, Place, Target};
use super::text::T;
use super::theme::Tone;
use crate::base::{Severity, Timestamp};
use crate::engine::journal::{Desk, MuteRecord, View};
use ratatui::crossterm::event::{KeyEvent, MouseEvent};
use std::sync::Arc;

/// What can happen.
#[derive(Clone, Debug)]
pub enum Msg {
    /// A key.
    Key(KeyEvent),
    /// The mouse.
    Mouse(MouseEvent),
    /// Text that was pasted.
    Paste(String),
    /// The terminal has another size.
    Size(u16, u16),
    /// News of the feed.
    News(News),
    /// The wall clock.
    Clock(Timestamp),
    /// An export is done, or why not.
    Done(Result<String, String>),
    /// The sensor refused the last act, and why.
    Refused(String),
}

/// What is to be done outside.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Tell the feed.
    Order(Order),
    /// Tell the sensor, or nobody on a replay.
    Act(Act),
    /// Write a file.
    Export(Export),
    /// End.
    Quit,
}

/// The line to the sensor.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Link {
    /// Nothing came yet.
    #[default]
    Waiting,
    /// Views come.
    Up,
    /// Lost since, and why.
    Lost(Timestamp, String),
    /// Nothing more comes, and why.
    Ended(Option<String>),
}

/// What is recorded, and how it is played.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Tape {
    /// First and last view.
    pub span: (Timestamp, Timestamp),
    /// When findings appeared.
    pub marks: Vec<(Timestamp, Severity)>,
    /// It plays.
    pub plays: bool,
    /// So many times as fast as it happened.
    pub speed: u32,
    /// Times to come back to.
    pub bookmarks: Vec<Timestamp>,
}

/// Where one came from: what Esc goes back to.
#[derive(Clone, PartialEq, Debug)]
struct Visit {
    pane: Pane,
    place: Place,
    cards: Vec<Card>,
    incident: Option<String>,
}

/// Something shown in full.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Card {
    /// What.
    pub target: Target,
    /// The chosen line.
    pub row: usize,
    /// First line on the screen.
    pub top: usize,
}

/// Everything the screen is made of.
pub struct App {
    /// How to show things.
    pub look: Look,
    /// How the sensor itself stands, if one is attached.
    pub standing: Standing,
    /// What is shown.
    pub view: Arc<View>,
    /// What came last: differs while frozen.
    latest: Arc<View>,
    /// The screen stands still.
    pub frozen: bool,
    /// Something recorded is shown.
    pub replay: bool,
    /// The line to the sensor.
    pub link: Link,
    /// How it is played.
    pub tape: Tape,
    /// The pane shown.
    pub pane: Pane,
    places: Vec<Place>,
    visits: Vec<Visit>,
    /// Things opened, the newest last.
    pub cards: Vec<Card>,
    /// The incident that its pane shows; `None` = the worst that is open.
    pub incident: Option<String>,
    /// A line that is being typed.
    pub prompt: Option<Prompt>,
    /// A menu or the help.
    pub menu: Option<Menu>,
    /// The last thing to say.
    pub message: Option<(Tone, String)>,
    /// Filters typed before.
    history: Vec<String>,
    desk: Desk,
    undo: Vec<Act>,
    /// The last thing that was sent was an act, not its undoing.
    did: bool,
    who: String,
    /// The wall clock, as last told.
    pub now: Timestamp,
    /// Columns and lines.
    pub size: (u16, u16),
    /// Rows of the pane shown.
    pub rows: Arc<Vec<String>>,
    made_of: Option<rows::Key>,
    generation: u64,
    /// Names and what is open, made once per view.
    pub names: Names,
    /// Open and seen incidents, and what is muted.
    pub stories: Stories,
}

impl App {
    /// Nothing to show yet. `who` is written beside what is decided.
    pub fn new(look: Look, replay: bool, who: &str) -> App {
        let mut app = App {
            look,
            standing: Standing::default(),
            view: Arc::default(),
            latest: Arc::default(),
            frozen: false,
            replay,
            link: Link::Waiting,
            tape: Tape { speed: 1, ..Tape::default() },
            pane: Pane::Overview,
            places: vec![Place::default(); Pane::ALL.len()],
            visits: Vec::new(),
            cards: Vec::new(),
            incident: None,
            prompt: None,
            menu: None,
            message: None,
            history: Vec::new(),
            desk: Desk::default(),
            undo: Vec::new(),
            did: false,
            who: who.to_owned(),
            now: Timestamp::default(),
            size: (80, 24),
            rows: Arc::default(),
            made_of: None,
            generation: 0,
            names: Names::default(),
            stories: Stories::default(),
        };
        app.refresh();
        app
    }
    /// Where one is in the pane shown.
    pub fn place(&self) -> &Place {
        static NOWHERE: std::sync::LazyLock<Place> = std::sync::LazyLock::new(Place::default);
        self.places.get(self.pane.number()).unwrap_or(&NOWHERE)
    }
    fn place_mut(&mut self) -> &mut Place {
        let at = self.pane.number();
        if self.places.len() <= at {
            self.places.resize(at + 1, Place::default());
        }
        let last = self.places.len() - 1;
        #[allow(clippy::indexing_slicing, reason = "resized above")]
        &mut self.places[at.min(last)]
    }
    /// Takes a message in; says what is to be done.
    pub fn update(&mut self, msg: Msg) -> Vec<Effect> {
        let effects = match msg {
            Msg::Key(k) => self.key(k),
            Msg::Mouse(m) => self.mouse(m),
            Msg::Paste(s) => self.paste(&s),
            Msg::Size(w, h) => {
                self.size = (w, h);
                Vec::new()
            }
            Msg::News(n) => {
                self.news(n);
                Vec::new()
            }
            Msg::Clock(t) => {
                self.now = t;
                Vec::new()
            }
            Msg::Done(Ok(said)) => self.say(Tone::Good, said),
            Msg::Done(Err(why)) => self.say(Tone::Bad, why),
            Msg::Refused(why) => {
                // What was not done must not look as if it were.
                if self.did
                    && let Some(opposite) = self.undo.pop()
                {
                    apply(&mut self.desk, opposite);
                    self.generation += 1;
                }
                self.say(Tone::Bad, why)
            }
        };
        self.refresh();
        effects
    }
    fn say(&mut self, tone: Tone, what: String) -> Vec<Effect> {
        self.message = Some((tone, what));
        Vec::new()
    }
    fn news(&mut self, news: News) {
        match news {
            News::Nothing => {}
            News::View(v) => self.show(Arc::new(*v)),
            News::Delta(d) => {
                let mut latest = std::mem::take(&mut self.latest);
                if !self.frozen {
                    // The screen's copy is let go first: then nothing has to be copied.
                    self.view = Arc::default();
                }
                Arc::make_mut(&mut latest).apply(*d);
                self.show(latest);
            }
            News::Recorded(first, last, marks) => {
                (self.tape.span, self.tape.marks) = ((first, last), marks);
            }
            News::Lost(why) => self.link = Link::Lost(self.now, why),
            News::Standing(s) => self.standing = s,
            News::Back => self.link = Link::Up,
            News::Ended(why) => self.link = Link::Ended(why),
        }
    }
    fn show(&mut self, view: Arc<View>) {
        self.link = Link::Up;
        self.latest = view;
        if !self.frozen {
            self.view = self.latest.clone();
            self.generation += 1;
        }
        if self.tape.plays && self.at() >= self.tape.span.1 && self.tape.span.1 > Timestamp::default() {
            self.tape.plays = false;
        }
    }
    fn freeze(&mut self) {
        self.frozen = !self.frozen;
        if !self.frozen {
            self.view = self.latest.clone();
            self.generation += 1;
        }
    }
    /// The time of what is shown.
    pub fn at(&self) -> Timestamp {
        stamp(&self.view.ts)
    }
    /// What people did, here and elsewhere.
    pub fn desk(&self) -> Desk {
        let mut all = self.view.desk.clone();
        all.seen.extend(self.desk.seen.clone());
        all.mutes.extend(self.desk.mutes.clone());
        all.decisions.extend(self.desk.decisions.clone());
        all
    }
    /// The time that is written beside what is done now: the wall clock's with a sensor, the shown one in a replay.
    fn stamped(&self) -> String {
        if self.replay || self.now == Timestamp::default() { self.view.ts.clone() } else { self.now.to_string() }
    }
    fn act(&mut self, act: Act) -> Vec<Effect> {
        let opposite = apply(&mut self.desk, act.clone());
        self.did = true;
        self.undo.push(opposite);
        if self.undo.len() > 100 {
            self.undo.remove(0);
        }
        self.generation += 1;
        vec![Effect::Act(act)]
    }
    fn take_back(&mut self) -> Vec<Effect> {
        let Some(act) = self.undo.pop().map(|a| self.numbered(a)) else { return self.say(Tone::Dim, self.look.t(T::NothingToUndo).to_owned()) };
        apply(&mut self.desk, act.clone());
        self.did = false;
        self.generation += 1;
        self.message = Some((Tone::Good, self.look.t(T::Undone).to_owned()));
        vec![Effect::Act(act)]
    }
    /// A mute is ended by the name that the sensor gave it, which came with a later view.
    fn numbered(&mut self, act: Act) -> Act {
        let Act::Mute(name, None) = &act else { return act };
        let Some(mine) = self.desk.mutes.get(name) else { return act };
        let same = |m: &MuteRecord| m.detector == mine.detector && m.orig == mine.orig && m.reason == mine.reason;
        match self.view.desk.mutes.iter().find(|(_, m)| same(m)) {
            Some((number, _)) => {
                let number = number.clone();
                self.desk.mutes.remove(name);
                Act::Mute(number, None)
            }
            None => act,
        }
    }
    /// Brings what is derived up to date.
    fn refresh(&mut self) {
        if self.stories.generation != Some(self.generation) {
            self.look.set_zone(&self.view.facts.timezone);
            self.names = Names::of(&self.view);
            self.stories = Stories::of(&self.view, &self.desk(), self.generation);
        }
        self.refresh_rows();
    }
}

/// An RFC 3339 time; the beginning of time if it is none.
pub fn stamp(ts: &str) -> Timestamp {
    let t = ts.parse::<jiff::Timestamp>().ok().and_then(|t| u64::try_from(t.as_nanosecond()).ok());
    t.map(Timestamp).unwrap_or_default()
}
