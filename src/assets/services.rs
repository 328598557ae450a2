//! The service ledger: which host answered on which port.

use crate::base::{Addr, Service, Timestamp};
use crate::event::Event;

/// Who offers what.
#[derive(Debug, Default)]
pub struct Services {}

impl Services {
    pub(super) fn update(&mut self, _event: &Event) {}
    /// Did this host ever answer on this port?
    pub fn offers(&self, _a: Addr, _proto: u8, _port: u16) -> bool {
        false
    }
    /// Distinct hosts that used a service of this host, counted up to 255.
    pub fn users_of(&self, _a: Addr, _service: Service) -> u32 {
        0
    }
    /// When the service was first used.
    pub fn since(&self, _a: Addr, _proto: u8, _port: u16) -> Option<Timestamp> {
        None
    }
}
