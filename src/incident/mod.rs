//! Findings of one story: the book that keeps findings, and the incidents they grow into. Knows no files and no screens.
#![forbid(unsafe_code)]

mod book;
mod stage;
mod story;
#[cfg(test)]
mod tests;
mod text;

pub use book::{Book, Kept};
pub use stage::{Stage, stage_of};
pub use story::{Hop, Incident};
