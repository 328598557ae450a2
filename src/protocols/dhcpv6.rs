//! DHCP for IPv6 (RFC 8415): who asks (DUID), who answers, which address.

use crate::base::{Addr, Mac};

/// One DHCPv6 message (the innermost, taken out of relay messages).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dhcpv6 {
    /// Message type: 1 solicit, 2 advertise, 3 request, 5 renew, 7 reply …
    pub kind: u8,
    /// Transaction id (24 bits).
    pub xid: u32,
    /// Client DUID, at most 130 bytes.
    pub client_id: Vec<u8>,
    /// Server DUID.
    pub server_id: Vec<u8>,
    /// MAC inside the client DUID (types LLT and LL).
    pub client_mac: Option<Mac>,
    /// Addresses in IA_NA options.
    pub addrs: Vec<Addr>,
    /// Option 39: client FQDN.
    pub host_name: Option<String>,
    /// Came through a relay with this link address.
    pub relay: Option<Addr>,
}

/// Registry line.
pub const PROTOCOL: super::Protocol =
    super::Protocol { service: crate::base::Service::Dhcpv6, probe: |_| super::Verdict::NotForUs, reader: super::Reader::Datagram(|_, _| {}) };
