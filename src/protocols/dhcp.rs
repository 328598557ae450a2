//! DHCP (RFC 2131, options RFC 2132, 3046, 3396). The device is `chaddr`; its network is the relay's `giaddr`.

use crate::base::{Addr, Mac};

/// One DHCP message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dhcp {
    /// 1 request (from a client), 2 reply (from a server).
    pub op: u8,
    /// Transaction id.
    pub xid: u32,
    /// Option 53: 1 discover, 2 offer, 3 request, 4 decline, 5 ack, 6 nak, 7 release, 8 inform; 0 = BOOTP.
    pub kind: u8,
    /// Client hardware address.
    pub chaddr: Mac,
    /// Client's own address.
    pub ciaddr: Addr,
    /// Address offered or leased.
    pub yiaddr: Addr,
    /// Relay's address; unspecified when the client's network is the frame's own.
    pub giaddr: Addr,
    /// Option 54: server identifier.
    pub server: Option<Addr>,
    /// Option 50: requested address.
    pub requested: Option<Addr>,
    /// Option 12 (or the first label of 81): host name, cut to 255 bytes.
    pub host_name: Option<String>,
    /// Option 60: vendor class.
    pub vendor_class: Option<String>,
    /// Option 55: parameter request list.
    pub parameters: Vec<u8>,
    /// Option 61: client identifier.
    pub client_id: Vec<u8>,
    /// Option 82 present: the message came through a relay or switch that adds it.
    pub agent_info: bool,
    /// Option 3: routers offered.
    pub routers: Vec<Addr>,
    /// Option 6: name servers offered.
    pub dns: Vec<Addr>,
    /// Option 51: lease time in seconds.
    pub lease: Option<u32>,
    /// Option 1: netmask as prefix length.
    pub prefix_len: Option<u8>,
}

/// Registry line.
pub const PROTOCOL: super::Protocol =
    super::Protocol { service: crate::base::Service::Dhcp, probe: |_| super::Verdict::NotForUs, reader: super::Reader::Datagram(|_, _| {}) };
