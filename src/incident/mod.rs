//! Findings of one story: the book that keeps findings, and the incidents they grow into. Knows no files and no screens.
#![forbid(unsafe_code)]

mod book;
mod mute;
mod origin;
mod outlook;
mod path;
mod restart;
mod stage;
mod story;
#[cfg(test)]
mod tests;
mod text;
mod words;

pub use book::{Admitted, Book, Kept};
pub use mute::{Fits, Mute, Mutes, Who};
pub use origin::Clue;
pub use outlook::{Around, Card, Next, Outlook, Served, Why};
pub use path::Hop;
pub use restart::{Pages, Story, number};
pub use stage::{Stage, stage_of};
pub use story::Incident;
pub use words::titled;
