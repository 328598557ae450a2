//! Findings of one story: the book that keeps findings, and the incidents they grow into. Knows no files and no screens.
#![forbid(unsafe_code)]

mod book;
mod origin;
mod outlook;
mod path;
mod stage;
mod story;
#[cfg(test)]
mod tests;
mod text;
mod words;

pub use book::{Book, Kept};
pub use origin::Clue;
pub use outlook::{Around, Card, Next, Outlook, Served, Why};
pub use path::Hop;
pub use stage::{Stage, stage_of};
pub use story::Incident;
pub use words::titled;
