//! ARP for IPv4 over Ethernet (RFC 826; probes and announcements RFC 5227).

use crate::base::{Addr, Mac};

/// One ARP message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arp {
    /// 1 request, 2 reply; others as sent.
    pub op: u16,
    /// Sender hardware address: the device that speaks.
    pub sender_mac: Mac,
    /// Sender protocol address (0.0.0.0 in a probe).
    pub sender: Addr,
    /// Target hardware address.
    pub target_mac: Mac,
    /// Target protocol address.
    pub target: Addr,
}

impl Arp {
    /// Sender and target are one address: an announcement of the sender's own binding.
    pub fn is_gratuitous(&self) -> bool {
        self.sender == self.target && !self.sender.is_unspecified()
    }
    /// A probe asks whether an address is free and claims nothing.
    pub fn is_probe(&self) -> bool {
        self.sender.is_unspecified()
    }
}
