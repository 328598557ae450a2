//! TLS ClientHello and ServerHello (RFC 8446, 4.1; RFC 5246, 7.4.1), JA3 and JA4.

/// What a hello says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Hello {
    /// True for a ServerHello.
    pub server: bool,
    /// Highest version offered or the one chosen (0x0303 = TLS 1.2, 0x0304 = 1.3).
    pub version: u16,
    /// Server name indication.
    pub sni: Option<String>,
    /// ALPN protocols, at most 8.
    pub alpn: Vec<String>,
    /// JA3 (client) or JA3S (server) as MD5 in hexadecimal.
    pub ja3: String,
    /// JA4 of the client; empty for a server.
    pub ja4: String,
    /// Cipher suite chosen by the server.
    pub cipher: u16,
    /// Came out of a QUIC Initial.
    pub quic: bool,
}

/// Registry line.
pub const PROTOCOL: super::Protocol =
    super::Protocol { service: crate::base::Service::Tls, probe: |_| super::Verdict::NotForUs, reader: super::Reader::Datagram(|_, _| {}) };
