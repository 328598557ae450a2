//! Others' formats: the JSON contract, EVE, CSV, text for a person. Knows nothing of the engine: it is given events, findings and a [`Run`].
#![forbid(unsafe_code)]

pub mod clean;
mod coverage;
mod eve;
mod file;
mod flows;
mod json;
mod line;
pub mod record;
#[cfg(test)]
pub mod sample;
pub mod saved;
pub mod stored;
pub mod table;
pub mod text;
pub mod text_table;
mod words;

pub use eve::Eve;
pub use file::OutFile;
pub use flows::Flows;
pub use json::{Report, append};
pub use words::{BareWords, Words, placeholder, serde_word};

use crate::assets::Assets;
use crate::base::{Lang, Timestamp};
use crate::event::{Coverage, Event};
use crate::incident::{Book, Kept};
use crate::site::Site;
use crate::store::{Deed, Reply};
use crate::wire::Weird;

/// Everything a report is made of: the state when it is written.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// What was declared.
    pub site: &'a Site,
    /// What was learned.
    pub assets: &'a Assets,
    /// Findings and incidents.
    pub book: &'a Book,
    /// What was seen and what not.
    pub coverage: &'a Coverage,
    /// Flows seen, listed or not.
    pub flows: u64,
    /// First packet's time, if there was one.
    pub first_ts: Option<Timestamp>,
    /// Last packet's time.
    pub last_ts: Option<Timestamp>,
    /// Odd input: how often, and the first of its kind.
    pub weirds: &'a [(Weird, u64)],
    /// Language for texts in files.
    pub lang: Lang,
}

/// Where events and findings go while the run lasts. Errors are kept and reported at the end (exit code 4).
pub trait Sink: Send {
    /// One event, after assets and detectors have seen it.
    fn event(&mut self, event: &Event, run: &Run<'_>);
    /// A finding was emitted or revised.
    fn finding(&mut self, kept: &Kept, run: &Run<'_>);
    /// A tick of packet time passed (every second at most).
    fn tick(&mut self, now: Timestamp, run: &Run<'_>) {
        let _ = (now, run);
    }
    /// A person did something. Whoever keeps it takes the reply and answers when it is kept.
    fn deed(&mut self, deed: &Deed, reply: &mut Option<Reply>, run: &Run<'_>) {
        let _ = (deed, reply, run);
    }
    /// The run is over: write what remains, flush, and say what went wrong.
    fn finish(&mut self, run: &Run<'_>) -> Result<(), SinkError>;
}

/// Output that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {}", reason.split(" (os error").next().unwrap_or_default())]
pub struct SinkError {
    /// File.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// The English or the Japanese of two texts.
pub const fn pick<'a>(lang: Lang, en: &'a str, ja: &'a str) -> &'a str {
    match lang {
        Lang::En => en,
        Lang::Ja => ja,
    }
}
