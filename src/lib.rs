//! spanward reads every packet of a mirror (SPAN) port and tells the person on duty who is on the network without permission, what leaves
//! the clinical network, and who spreads inside it.
//!
//! The modules below stand in the order of their layers: a module imports only from modules above it. This list is the rule;
//! `tests/tidy.rs` reads it and fails on an upward import.
#![deny(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic))]

pub mod base;
pub mod bounded;
pub mod wire;
pub mod capture;
pub mod flow;
pub mod protocols;
pub mod site;
pub mod event;
pub mod assets;
pub mod detect;
pub mod incident;
pub mod store;
pub mod output;
pub mod engine;
pub mod tui;
pub mod cli;
