//! Five-tuples: with a direction, and without one as a key.

use super::{Addr, KeyedHash};
use serde::{Deserialize, Serialize};
use std::fmt;

/// IP protocol numbers that spanward treats by name.
pub mod proto {
    /// ICMP for IPv4.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// ICMP for IPv6.
    pub const ICMP6: u8 = 58;
    /// SCTP.
    pub const SCTP: u8 = 132;

    /// The protocol's name as Zeek and Suricata write it.
    pub const fn name(p: u8) -> &'static str {
        match p {
            ICMP => "icmp",
            TCP => "tcp",
            UDP => "udp",
            ICMP6 => "ipv6-icmp",
            SCTP => "sctp",
            2 => "igmp",
            4 => "ipip",
            41 => "ipv6",
            47 => "gre",
            50 => "esp",
            51 => "ah",
            89 => "ospf",
            103 => "pim",
            112 => "vrrp",
            _ => "ip",
        }
    }
}

/// Originator and responder of a flow. For ICMP the ports hold type and code (see `flow::community_id`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct FiveTuple {
    /// Originator's address.
    pub orig: Addr,
    /// Responder's address.
    pub resp: Addr,
    /// Originator's port.
    pub orig_port: u16,
    /// Responder's port.
    pub resp_port: u16,
    /// IP protocol number.
    pub proto: u8,
}

impl FiveTuple {
    /// The same flow with originator and responder exchanged.
    pub const fn flipped(self) -> FiveTuple {
        FiveTuple { orig: self.resp, resp: self.orig, orig_port: self.resp_port, resp_port: self.orig_port, proto: self.proto }
    }
}

impl fmt::Display for FiveTuple {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}:{} > {}:{}", proto::name(self.proto), self.orig, self.orig_port, self.resp, self.resp_port)
    }
}

/// A five-tuple without direction: the lower (address, port) end stands first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct FlowKey {
    /// The lower end's address.
    pub a: Addr,
    /// The higher end's address.
    pub b: Addr,
    /// The lower end's port.
    pub a_port: u16,
    /// The higher end's port.
    pub b_port: u16,
    /// IP protocol number.
    pub proto: u8,
}

impl FlowKey {
    /// The key of a packet from `src` to `dst`, and whether `src` is the key's `a` end.
    #[inline(always)]
    pub fn new(src: Addr, dst: Addr, sport: u16, dport: u16, proto: u8) -> (FlowKey, bool) {
        if (src.0, sport) <= (dst.0, dport) {
            (FlowKey { a: src, b: dst, a_port: sport, b_port: dport, proto }, true)
        } else {
            (FlowKey { a: dst, b: src, a_port: dport, b_port: sport, proto }, false)
        }
    }
    /// The keyed hash by which tables find the flow; equal for both directions.
    #[inline]
    pub fn hash(&self, h: &KeyedHash) -> u64 {
        h.hash3(self.a.0, self.b.0, self.ports())
    }
    /// [`FlowKey::hash`] and, for little more work, the hash of the address pair alone ([`KeyedHash::pair`]).
    #[inline(always)]
    pub fn hash_and_pair(&self, h: &KeyedHash) -> (u64, u64) {
        h.hash3_and_pair(self.a.0, self.b.0, self.ports())
    }
    #[inline(always)]
    fn ports(&self) -> u64 {
        u64::from(self.a_port) << 32 | u64::from(self.b_port) << 8 | u64::from(self.proto)
    }
}
