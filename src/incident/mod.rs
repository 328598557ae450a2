//! Findings of one story: the book that keeps findings, and the incidents they grow into. Knows no files and no screens.
#![forbid(unsafe_code)]

mod book;

pub use book::{Book, Hop, Incident, Kept, Stage};
