//! SMB 1 ([MS-CIFS], [MS-SMB]), 2 and 3 ([MS-SMB2]) over TCP 445 and NetBIOS sessions (RFC 1002, 4.3).
//!
//! `frame` finds the messages in the stream, `v1` and `v2` read them, `token` looks into their security blobs. `v1_files` and `v2_files` read what is
//! done with files, `files` keeps the handles, `handle` is one of them, `sample` judges their content, `life` is what is told of them, `rewrites` judges
//! encrypted work by its sizes, `v1_tricks` knows what exploits do with transactions. Requests and responses are told apart
//! by the message's own response bit, never by who is thought to have opened the flow, and joined by message id in a bounded table.

mod files;
mod frame;
mod handle;
pub mod life;
mod rewrites;
mod sample;
pub(super) mod token;
mod v1;
mod v1_files;
mod v1_tricks;
mod v2;
mod v2_files;

#[cfg(test)]
pub(crate) mod build;
#[cfg(test)]
mod files_tests;
#[cfg(test)]
mod tests;

use super::ntlmssp::Ntlm;
use super::{Probe, Verdict};

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
    /// An NTLMSSP message in a session setup, or the names of SMB 1's plain session setup in the form of an authenticate message.
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
        /// NT status; 0x00000103 (pending) where the capture shows only the requests and the tree was used: it was granted, but nobody saw it.
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

/// The server wants another round of the session setup.
pub(crate) const MORE_PROCESSING_REQUIRED: u32 = 0xc000_0016;
/// The answer comes later, under the same message id.
pub(crate) const PENDING: u32 = 0x0000_0103;
/// Characters kept of a tree's path.
const PATH_CHARS: usize = 512;

/// A name below the share: composed, with backslashes, without one at the beginning.
fn name(text: &str) -> Box<str> {
    use unicode_normalization::UnicodeNormalization;
    let text = text.trim_start_matches(['\\', '/']);
    if text.is_ascii() { text.replace('/', "\\").into() } else { text.nfc().map(|c| if c == '/' { '\\' } else { c }).collect::<String>().into() }
}

/// Registry line.
pub const PROTOCOL: super::Protocol =
    super::Protocol { service: crate::base::Service::Smb, probe, reader: super::Reader::Stream(|| Box::new(frame::Reader::new())) };

/// A message at the beginning is certain; on SMB's own ports so is one further in (the capture began in the middle of a body).
fn probe(p: &Probe<'_>) -> Verdict {
    let home = [p.orig_port, p.resp_port].iter().any(|port| matches!(port, 139 | 445));
    match frame::begins(p.payload) {
        frame::Begins::Smb => Verdict::Certain,
        _ if home && frame::find(p.payload).is_some() => Verdict::Certain,
        frame::Begins::TooShort => Verdict::Unsure,
        frame::Begins::Other if home => Verdict::Unsure,
        frame::Begins::Other => Verdict::NotForUs,
    }
}
