//! Passive DNS: which name was asked for before an address was spoken to; names by SNI and Host.

use crate::base::Addr;
use crate::event::Event;

/// Names of addresses.
#[derive(Debug, Default)]
pub struct Names {}

impl Names {
    pub(super) fn update(&mut self, _event: &Event) {}
    /// The latest name by which anyone inside looked the address up, or that a hello or request to it carried.
    pub fn of(&self, _a: Addr) -> Option<&str> {
        None
    }
}
