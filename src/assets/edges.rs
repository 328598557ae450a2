//! Remote-administration edges: who used SMB, RDP, RPC, WinRM, SSH, VNC, Telnet to whom, since when.

use crate::base::{Addr, Service, Timestamp};
use crate::event::Event;

/// One edge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edge {
    /// First answered flow.
    pub first_ts: Timestamp,
    /// Last answered flow.
    pub last_ts: Timestamp,
    /// Answered flows.
    pub flows: u64,
}

/// All edges, capped.
#[derive(Debug, Default)]
pub struct Edges {}

impl Edges {
    pub(super) fn update(&mut self, _event: &Event) {}
    /// The edge, if it was ever answered.
    pub fn get(&self, _orig: Addr, _resp: Addr, _service: Service) -> Option<&Edge> {
        None
    }
    /// Distinct responders that `orig` reached with a service.
    pub fn fan_out(&self, _orig: Addr, _service: Service) -> u32 {
        0
    }
}
