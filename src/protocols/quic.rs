//! QUIC Initial packets (RFC 9000, 17.2.2; keys RFC 9001, 5.2; version 2 RFC 9369): the ClientHello inside.

/// Registry line.
pub const PROTOCOL: super::Protocol =
    super::Protocol { service: crate::base::Service::Quic, probe: |_| super::Verdict::NotForUs, reader: super::Reader::Datagram(|_, _| {}) };
