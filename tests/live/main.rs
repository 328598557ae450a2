//! The sensor on real packet sockets: frames, times, order, loss, interfaces that come and go, and a recording that replays to the same result.
//! Each test makes a network namespace with virtual cables for itself; where that is refused, it says SKIPPED.
#![allow(clippy::disallowed_methods)]

mod equal;
mod house;
mod kill;
mod overload;
mod reading;
mod service;
