//! SMB 1 ([MS-CIFS]), 2 and 3 ([MS-SMB2]) over TCP 445 and NetBIOS sessions (RFC 1002, 4.3).

use super::ntlmssp::Ntlm;

/// What happened on an SMB connection.
#[derive(Clone, PartialEq, Debug)]
pub enum Smb {
    /// The server chose a dialect: 0x0202 … 0x0311, or 0x0001 for SMB 1; with its GUID and system time (Windows FILETIME, 0 = none).
    Negotiated {
        /// Dialect revision.
        dialect: u16,
        /// Server GUID (zero for SMB 1).
        server_guid: [u8; 16],
        /// Server's clock, 100 ns since 1601.
        system_time: u64,
    },
    /// An NTLMSSP message in a session setup.
    Ntlm(Ntlm),
    /// A session setup was answered for good: 0 = logged on, else the NT status (0xc000006d = bad user name or password …).
    Session {
        /// NT status.
        status: u32,
        /// Session id.
        session: u64,
        /// Logged on as guest or anonymous (SessionFlags).
        guest: bool,
        /// The server demands encryption.
        encrypted: bool,
        /// Kerberos or NTLM as the token showed it, else unknown.
        kerberos: bool,
    },
    /// A tree connect was answered.
    Tree {
        /// UNC path as requested.
        path: String,
        /// NT status.
        status: u32,
        /// 1 disk, 2 pipe, 3 printer; 0 unknown.
        kind: u8,
    },
    /// The connection turned to encrypted messages (transform header).
    Encrypted,
}

impl Smb {
    /// The share's last path component in upper case: `ADMIN$`, `C$`, `IPC$`.
    pub fn share(path: &str) -> String {
        path.rsplit('\\').next().unwrap_or(path).to_uppercase()
    }
}

/// Registry line.
pub const PROTOCOL: super::Protocol =
    super::Protocol { service: crate::base::Service::Smb, probe: |_| super::Verdict::NotForUs, reader: super::Reader::Datagram(|_, _| {}) };
