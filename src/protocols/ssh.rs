//! SSH identification strings (RFC 4253, 4.2).

/// One side's banner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Banner {
    /// Sent by the responder.
    pub server: bool,
    /// The software part, at most 255 bytes.
    pub software: String,
}

/// Registry line.
pub const PROTOCOL: super::Protocol =
    super::Protocol { service: crate::base::Service::Ssh, probe: |_| super::Verdict::NotForUs, reader: super::Reader::Datagram(|_, _| {}) };
