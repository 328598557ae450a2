//! DCE/RPC, connection-oriented (C706, chapter 12; [MS-RPCE] 2.2.2), over TCP on any port and over SMB's named pipes.
//!
//! `pdu` reads the headers, `channel` joins the two directions of one association (bind to answer, request to response), `stub` looks into the few
//! calls whose arguments tell what was done, `names` and `operations` have the interfaces. One message per bind and per call; equal calls are told ever more rarely.

mod channel;
mod names;
mod operations;
mod pdu;
mod stub;
mod tcp;

#[cfg(test)]
pub(crate) mod build;
#[cfg(test)]
mod tests;

pub(crate) use channel::Channel;
pub use names::Interface;
pub use tcp::PROTOCOL;

use super::ntlmssp::Ntlm;

/// What happened on an association.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rpc {
    /// Interfaces were asked for (bind, alter_context).
    Bind(Bind),
    /// A call was made.
    Call(Call),
    /// An NTLMSSP message in an authentication trailer ([MS-RPCE] 2.2.2.11).
    Ntlm(Ntlm),
}

/// A bind or alter_context with its answer (C706, 12.6.4.3 to 12.6.4.5).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bind {
    /// The named pipe, if it came over SMB.
    pub pipe: Option<Pipe>,
    /// Interfaces asked for, each once, with their version and whether the server took them.
    pub interfaces: Vec<Offer>,
    /// Security offered with it.
    pub auth: Auth,
    /// Where the server listens: a port in digits or a pipe; empty if it did not say.
    pub endpoint: String,
    /// The server's word: None if it was not seen.
    pub accepted: Option<bool>,
}

/// The named pipe that an association uses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Pipe {
    /// Its name as the client opened it, empty if nobody saw that.
    pub name: Box<str>,
    /// The handle: see [`super::smb::life::Life::file`].
    pub file: u128,
}

/// One interface asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offer {
    /// Which.
    pub interface: Interface,
    /// Major version.
    pub version: u16,
    /// The server took it in at least one transfer syntax.
    pub accepted: bool,
}

/// Security of an association ([MS-RPCE] 2.2.1.1.7 and 2.2.1.1.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Auth {
    /// 0 none or not seen, 9 SPNEGO, 10 NTLM, 14 TLS, 16 Kerberos, 68 Netlogon.
    pub kind: u8,
    /// 0 not seen, 1 none, 2 connect, 3 call, 4 packet, 5 integrity, 6 privacy: sealed.
    pub level: u8,
}

/// Contents cannot be read at this level.
const PRIVACY: u8 = 6;

/// A request and what came of it (C706, 12.6.4.9, 12.6.4.10, 12.6.4.7).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// The named pipe, if it came over SMB.
    pub pipe: Option<Pipe>,
    /// The interface; UUID 0 when the bind was not seen.
    pub interface: Interface,
    /// Operation number.
    pub op: u16,
    /// Security of the association.
    pub auth: Auth,
    /// Arguments and results are encrypted.
    pub sealed: bool,
    /// What came of it.
    pub outcome: Outcome,
    /// Bytes of arguments, over all fragments.
    pub sent: u32,
    /// Bytes of results, over all fragments.
    pub received: u32,
    /// How many calls of this interface, operation and outcome the association has had, this one included. From the seventeenth on only powers
    /// of two are told, and the last one, without its texts, when the association ends.
    pub nth: u32,
    /// What it is about, where that can be read: service, task, key, file, account, computer, interface asked of the endpoint mapper.
    pub target: String,
    /// And what with: the service's program (`disabled` if it is switched off, `stop` if it is
    /// stopped), the task's XML or command line, the client's challenge in hexadecimal.
    pub value: String,
}

impl Call {
    /// The operation's name, or empty.
    pub fn operation(&self) -> &'static str {
        self.interface.operation(self.op)
    }
}

/// What came of a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// It returned: the code at the end of its results, where that can be read (0 = success).
    Returned(Option<u32>),
    /// It failed below the interface: fault status (5 = access denied, 0x1c010002 = no such operation …).
    Fault(u32),
    /// No answer was seen.
    Unanswered,
}
