//! DNS (RFC 1035), multicast DNS (RFC 6762) and LLMNR (RFC 4795).

use crate::base::Addr;

/// One DNS message, cut to what detectors use.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dns {
    /// Message id.
    pub id: u16,
    /// True for a response.
    pub response: bool,
    /// Response code.
    pub rcode: u8,
    /// Name of the first question, lower case, without the final dot.
    pub name: String,
    /// Type of the first question.
    pub qtype: u16,
    /// Answers of types A and AAAA: owner name and address; at most 32.
    pub addrs: Vec<(String, Addr)>,
    /// Answers of types CNAME and PTR: owner and target; at most 16.
    pub names: Vec<(String, String)>,
    /// Number of questions and of answers as the header says.
    pub counts: (u16, u16),
}

/// Registry line.
pub const TCP: super::Protocol =
    super::Protocol { service: crate::base::Service::Dns, probe: |_| super::Verdict::NotForUs, reader: super::Reader::Datagram(|_, _| {}) };

/// Registry line.
pub const UDP: super::Protocol =
    super::Protocol { service: crate::base::Service::Dns, probe: |_| super::Verdict::NotForUs, reader: super::Reader::Datagram(|_, _| {}) };

/// Registry line.
pub const MDNS: super::Protocol =
    super::Protocol { service: crate::base::Service::Mdns, probe: |_| super::Verdict::NotForUs, reader: super::Reader::Datagram(|_, _| {}) };

/// Registry line.
pub const LLMNR: super::Protocol =
    super::Protocol { service: crate::base::Service::Llmnr, probe: |_| super::Verdict::NotForUs, reader: super::Reader::Datagram(|_, _| {}) };
