//! RDP connection set-up ([MS-RDPBCGR] 2.2.1): TPKT (RFC 1006), X.224, cookie, negotiation, and the client core data where it is in the clear.

/// What a connection sequence showed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rdp {
    /// X.224 Connection Request.
    Request {
        /// `mstshash=` cookie: a claim, and cut by the client to nine characters.
        cookie: Option<String>,
        /// requestedProtocols bits: 1 TLS, 2 CredSSP (NLA), 8 CredSSP-EX …
        protocols: u32,
    },
    /// X.224 Connection Confirm: the protocol chosen.
    Confirm {
        /// selectedProtocol: 0 standard RDP security, 1 TLS, 2 CredSSP, 8 CredSSP-EX.
        protocol: u32,
    },
    /// The server refused the negotiation.
    Failure {
        /// failureCode: 1 SSL required, 2 not allowed, 3 no certificate, 5 hybrid required …
        code: u32,
    },
    /// Client core data, readable under Standard RDP Security only.
    Client {
        /// clientName.
        name: String,
        /// clientBuild.
        build: u32,
    },
}

/// Registry line.
pub const PROTOCOL: super::Protocol =
    super::Protocol { service: crate::base::Service::Rdp, probe: |_| super::Verdict::NotForUs, reader: super::Reader::Datagram(|_, _| {}) };
