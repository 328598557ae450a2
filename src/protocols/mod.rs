//! One file per protocol: bytes in, [`Message`] out. Knows nothing of detection. Every reader is bounded: it never allocates by a number from
//! the wire, never loops without progress, and says with a weird name where it stopped.
#![forbid(unsafe_code)]

pub mod arp;
mod cursor;
pub mod dcerpc;
pub mod dhcp;
pub mod dhcpv6;
pub mod dns;
pub mod field;
pub mod http;
pub mod kerberos;
pub mod nbns;
pub mod nd;
pub mod ntlmssp;
pub mod ntp;
pub mod quic;
pub mod rdp;
pub mod smb;
pub mod ssh;
pub mod stream;
pub mod telnet;
pub mod tls;
pub mod vnc;

use crate::base::{Service, Timestamp};

/// Which end of the flow sent the bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Side {
    /// The originator.
    Orig,
    /// The responder.
    Resp,
}

impl Side {
    /// 0 for the originator, 1 for the responder.
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// What a parser read.
#[derive(Clone, PartialEq, Debug)]
pub enum Message {
    /// ARP (RFC 826).
    Arp(arp::Arp),
    /// IPv6 neighbour discovery and router advertisement (RFC 4861).
    Nd(nd::Nd),
    /// DHCP (RFC 2131).
    Dhcp(Box<dhcp::Dhcp>),
    /// DHCP for IPv6 (RFC 8415).
    Dhcpv6(Box<dhcpv6::Dhcpv6>),
    /// DNS, mDNS or LLMNR; the flow's service says which.
    Dns(Box<dns::Dns>),
    /// NetBIOS name service (RFC 1002).
    Nbns(Box<nbns::Nbns>),
    /// TLS ClientHello or ServerHello, over TCP or out of a QUIC Initial.
    Tls(Box<tls::Hello>),
    /// HTTP/1 request.
    Http(Box<http::Request>),
    /// What HTTP shows of a logon.
    HttpAuth(Box<http::Auth>),
    /// SMB 1, 2 or 3.
    Smb(Box<smb::Smb>),
    /// What was done on an SMB share.
    SmbWork(Box<smb::life::Work>),
    /// RDP connection set-up.
    Rdp(Box<rdp::Rdp>),
    /// Kerberos, also a ticket shown inside SMB or DCE/RPC.
    Kerberos(Box<kerberos::Kerberos>),
    /// DCE/RPC over TCP or an SMB pipe: a bind or a call.
    Rpc(Box<dcerpc::Rpc>),
    /// NTP.
    Ntp(ntp::Ntp),
    /// SSH identification string.
    Ssh(Box<ssh::Banner>),
    /// The opening of a VNC session.
    Vnc(vnc::Vnc),
    /// Something a parser could not read: name and offset in its message.
    Weird(&'static str, u32),
}

/// What is known of a flow when its first payload is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Probe<'a> {
    /// The payload.
    pub payload: &'a [u8],
    /// Who sent it.
    pub from: Side,
    /// The originator's port.
    pub orig_port: u16,
    /// The responder's port.
    pub resp_port: u16,
    /// Packet time.
    pub ts: Timestamp,
}

/// How sure a protocol is that a flow is its own. Judged by content; ports only break ties.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// No.
    NotForUs,
    /// Too few bytes yet, or it could be: ask again with the next payload.
    Unsure,
    /// Yes.
    Certain,
}

/// Reads the two byte streams of one TCP flow.
pub trait StreamParser: Send {
    /// The next bytes of one direction, in order. `out` receives what was read.
    fn data(&mut self, from: Side, ts: Timestamp, bytes: &[u8], out: &mut Vec<Message>);
    /// `lost` bytes of one direction were not captured: find the next message by yourself.
    fn gap(&mut self, from: Side, lost: u64);
    /// The connection was closed or reset, or the flow fell silent: what waits for an answer is told without one. Late segments may still bring more.
    fn end(&mut self, _out: &mut Vec<Message>) {}
    /// The box is overloaded: what is costly and no header is left out from now on, or, with false, read again.
    fn spare(&mut self, _spare: bool) {}
    /// Nothing more is wanted of this flow: the engine stops reassembling it.
    fn done(&self) -> bool;
    /// Bytes held (for the caps).
    fn held(&self) -> usize;
}

/// Reads the datagrams of one flow, with what earlier ones left open.
pub trait DatagramParser: Send {
    /// The next datagram of either side. `out` receives what was read.
    fn datagram(&mut self, p: &Probe<'_>, out: &mut Vec<Message>);
    /// No further datagram will be shown: `out` receives what is known so far.
    fn finish(&mut self, out: &mut Vec<Message>);
    /// Nothing is open any more: the engine forgets this parser and makes a new one when a datagram is recognised again.
    fn done(&self) -> bool;
    /// Bytes held (for the caps).
    fn held(&self) -> usize;
}

/// How a protocol reads.
#[derive(Clone, Copy)]
pub enum Reader {
    /// A TCP stream: makes the flow's parser.
    Stream(fn() -> Box<dyn StreamParser>),
    /// Datagrams: reads one payload at a time, without state.
    Datagram(fn(&Probe<'_>, &mut Vec<Message>)),
    /// Datagrams whose messages may take several: makes a parser for as long as one is open.
    Dialog(fn() -> Box<dyn DatagramParser>),
}

/// One line of the registry.
#[derive(Clone, Copy)]
pub struct Protocol {
    /// Its name.
    pub service: Service,
    /// Is this payload ours?
    pub probe: fn(&Probe<'_>) -> Verdict,
    /// How it is read.
    pub reader: Reader,
}

/// Every protocol over UDP and TCP, in the order in which they are asked. Adding one means one file and one line here.
pub static PROTOCOLS: &[Protocol] = &[
    smb::PROTOCOL,
    rdp::PROTOCOL,
    dcerpc::PROTOCOL,
    tls::PROTOCOL,
    http::PROTOCOL,
    ssh::PROTOCOL,
    vnc::PROTOCOL,
    telnet::PROTOCOL,
    dns::TCP,
    kerberos::TCP,
    dhcp::PROTOCOL,
    dhcpv6::PROTOCOL,
    dns::UDP,
    dns::MDNS,
    dns::LLMNR,
    nbns::PROTOCOL,
    kerberos::UDP,
    quic::PROTOCOL,
    rdp::UDP,
    ntp::PROTOCOL,
];
