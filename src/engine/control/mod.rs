//! The control socket: where viewers read what the sensor sees, and where people with the right to it act on the sensor.
//!
//! A Unix socket carries frames (`frame`) of JSON messages (`protocol`). The sensor speaks first; a viewer answers with its version, subscribes to
//! the view and gets a key frame, then differences. The server is a thread of its own that never makes anybody else wait: the analyst hands views
//! over through a bounded channel (`hub`) and goes on; whoever asks something that takes time is answered by another thread (`desk`). A viewer that
//! does not read loses differences and gets a fresh key frame; one that stays deaf, floods or speaks nonsense is cut.

mod client;
mod desk;
mod frame;
mod hub;
mod listen;
mod peer;
mod protocol;
mod server;
mod stream;
#[cfg(test)]
mod tests;
mod viewer;

pub use client::{Client, ClientError, News};
pub use desk::{Desk, Done};
pub use frame::{Frames, REQUEST_CAP, pack, unpack};
pub use hub::{Hub, Seat, hub};
pub use listen::{Listening, Place, PlaceError};
pub use peer::{People, Rights, Who};
pub use protocol::{Ask, Code, Error, Request, Said, Standing, VERSION, Welcome};
pub use server::{Limits, Server, Start};
