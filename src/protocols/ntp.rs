//! NTP (RFC 5905, 7.3).

/// One NTP packet's head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ntp {
    /// 3 client, 4 server, 5 broadcast, 6 control, 7 private.
    pub mode: u8,
    /// Version number.
    pub version: u8,
    /// Stratum.
    pub stratum: u8,
    /// Transmit timestamp in NTP format (seconds since 1900 in the upper half).
    pub transmit: u64,
}

/// Registry line.
pub const PROTOCOL: super::Protocol =
    super::Protocol { service: crate::base::Service::Ntp, probe: |_| super::Verdict::NotForUs, reader: super::Reader::Datagram(|_, _| {}) };
