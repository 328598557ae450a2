//! NetBIOS name service over UDP 137 (RFC 1002, 4.2).

use crate::base::Addr;

/// One name-service packet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Nbns {
    /// Transaction id.
    pub id: u16,
    /// True for a response.
    pub response: bool,
    /// 0 query, 5 registration, 6 release, 7 wait, 8 refresh.
    pub opcode: u8,
    /// Response code.
    pub rcode: u8,
    /// The name, trimmed; at most 15 characters.
    pub name: String,
    /// The sixteenth byte: 0x00 workstation, 0x20 file server, 0x1b/0x1c domain …
    pub suffix: u8,
    /// Addresses in the record.
    pub addrs: Vec<Addr>,
    /// The name belongs to a group.
    pub group: bool,
}

/// Registry line.
pub const PROTOCOL: super::Protocol =
    super::Protocol { service: crate::base::Service::Nbns, probe: |_| super::Verdict::NotForUs, reader: super::Reader::Datagram(|_, _| {}) };
