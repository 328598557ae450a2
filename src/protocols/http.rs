//! HTTP/1 requests (RFC 9112): request line, Host, User-Agent, CONNECT.

/// One request's head.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Request {
    /// `GET`, `POST`, `CONNECT` …
    pub method: String,
    /// Host header, or the authority of CONNECT and absolute forms; at most 255 bytes.
    pub host: Option<String>,
    /// Request target, at most 512 bytes.
    pub target: String,
    /// User-Agent, at most 255 bytes.
    pub user_agent: Option<String>,
    /// The target goes through a proxy (CONNECT or absolute form).
    pub proxied: bool,
}

/// Registry line.
pub const PROTOCOL: super::Protocol =
    super::Protocol { service: crate::base::Service::Http, probe: |_| super::Verdict::NotForUs, reader: super::Reader::Datagram(|_, _| {}) };
