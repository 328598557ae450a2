//! IPv6 neighbour discovery (RFC 4861): solicitation, advertisement, router advertisement.

use crate::base::{Addr, Mac};

/// One neighbour-discovery message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nd {
    /// ICMPv6 type: 133 RS, 134 RA, 135 NS, 136 NA, 137 redirect.
    pub kind: u8,
    /// Source address of the packet (`::` in duplicate address detection).
    pub source: Addr,
    /// Target address of NS, NA and redirect.
    pub target: Addr,
    /// Source or target link-layer address option.
    pub mac: Option<Mac>,
    /// RA: router lifetime in seconds (0 = no default router).
    pub lifetime: u16,
    /// RA: first prefix information option, address and length.
    pub prefix: Option<(Addr, u8)>,
    /// NA: override bit.
    pub is_override: bool,
}
