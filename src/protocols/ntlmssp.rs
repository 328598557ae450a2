//! NTLMSSP messages inside SMB, HTTP, RPC and CredSSP ([MS-NLMP] 2.2.1).

/// One NTLMSSP message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ntlm {
    /// 1 negotiate, 2 challenge, 3 authenticate.
    pub kind: u8,
    /// Authenticate: user name as the client claims it.
    pub user: Option<String>,
    /// Authenticate: domain; challenge: target name.
    pub domain: Option<String>,
    /// Authenticate: the client's workstation name.
    pub workstation: Option<String>,
    /// Challenge: the eight-byte server challenge.
    pub challenge: Option<[u8; 8]>,
    /// Challenge target info: NetBIOS computer name of the server.
    pub server_name: Option<String>,
    /// Challenge target info: DNS name of the server.
    pub server_dns: Option<String>,
    /// Authenticate without a user and without responses: an anonymous logon.
    pub anonymous: bool,
}
