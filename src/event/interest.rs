//! Which events a detector wants to see, so that the others cost it nothing.

use super::{Event, EventKind, FlowInfo};
use crate::base::Service;
use crate::protocols::Message;
use std::ops::BitOr;

/// A set of kinds of events. An event belongs to one or more; a detector is shown the events that share one with its set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interest(u16);

impl Interest {
    /// Devices seen.
    pub const SIGHTING: Interest = Interest(1);
    /// ARP, neighbour discovery.
    pub const LINK: Interest = Interest(1 << 1);
    /// Outcomes of openings, one by one.
    pub const CONTACT: Interest = Interest(1 << 2);
    /// Summaries of openings.
    pub const CONTACTS: Interest = Interest(1 << 3);
    /// ICMP errors.
    pub const ICMP: Interest = Interest(1 << 4);
    /// Flows that ended, live or grew.
    pub const FLOW: Interest = Interest(1 << 5);
    /// A flow of remote administration: its contact, its messages but calls, files and tickets, its end.
    pub const ADMIN: Interest = Interest(1 << 6);
    /// DHCP and DHCPv6.
    pub const DHCP: Interest = Interest(1 << 7);
    /// DNS and its relatives, NetBIOS names.
    pub const NAME: Interest = Interest(1 << 8);
    /// TLS and HTTP: who is spoken to by name.
    pub const HELLO: Interest = Interest(1 << 9);
    /// Every other message.
    pub const OTHER: Interest = Interest(1 << 10);
    /// Coverage of a tick.
    pub const COVERAGE: Interest = Interest(1 << 11);
    /// DCE/RPC: binds, calls, the names in their authentication.
    pub const RPC: Interest = Interest(1 << 12);
    /// Work on SMB shares: lives of file handles.
    pub const FILES: Interest = Interest(1 << 13);
    /// Kerberos, on its own ports and inside others.
    pub const KERBEROS: Interest = Interest(1 << 14);
    /// News of capture points.
    pub const PORT: Interest = Interest(1 << 15);
    /// All of them.
    pub const ALL: Interest = Interest(u16::MAX);

    /// The kinds of the set as numbers below [`Interest::KINDS`], in order.
    #[inline]
    pub fn kinds(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let kind = (left != 0).then(|| left.trailing_zeros() as usize);
            left &= left.wrapping_sub(1);
            kind
        })
    }
    /// How many kinds there can be.
    pub const KINDS: usize = u16::BITS as usize;

    /// What an event belongs to.
    #[inline]
    pub fn of(event: &Event) -> Interest {
        match &event.kind {
            EventKind::Sighting(_) => Interest::SIGHTING,
            EventKind::Link { .. } => Interest::LINK,
            EventKind::Contact(c) => Interest::CONTACT | admin(&c.flow),
            EventKind::Contacts(_) => Interest::CONTACTS,
            EventKind::IcmpError { .. } => Interest::ICMP,
            EventKind::Message { flow, message, .. } => match Interest::message(message) {
                kind @ (Interest::RPC | Interest::FILES | Interest::KERBEROS) => kind,
                kind => kind | admin(flow),
            },
            EventKind::Flow(r) | EventKind::FlowAlive(r) | EventKind::FlowGrown(r) => Interest::FLOW | admin(&r.info),
            EventKind::Port { .. } => Interest::PORT,
            EventKind::Coverage(_) => Interest::COVERAGE,
        }
    }
    const fn message(m: &Message) -> Interest {
        match m {
            Message::Dhcp(_) | Message::Dhcpv6(_) => Interest::DHCP,
            Message::Dns(_) | Message::Nbns(_) => Interest::NAME,
            Message::Tls(_) | Message::Http(_) => Interest::HELLO,
            Message::Rpc(_) => Interest::RPC,
            Message::SmbWork(_) => Interest::FILES,
            Message::Kerberos(_) => Interest::KERBEROS,
            _ => Interest::OTHER,
        }
    }
}

impl BitOr for Interest {
    type Output = Interest;
    #[inline]
    fn bitor(self, other: Interest) -> Interest {
        Interest(self.0 | other.0)
    }
}

/// By content, or by the responder's port: both can make a flow one of remote administration.
#[inline]
fn admin(f: &FlowInfo) -> Interest {
    let by_port = || Service::of_port(f.tuple.proto, f.tuple.resp_port).is_remote_admin();
    if f.service.is_remote_admin() || by_port() { Interest::ADMIN } else { Interest(0) }
}
