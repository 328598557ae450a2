//! The description of one packet that travels from the reader to the shards.

use super::icmp::icmp_ports;
use crate::base::{Addr, FlowKey, Timestamp};
use std::ops::Range;

/// TCP flag bits (RFC 9293, 3.1).
pub mod tcp {
    /// No more data from sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// Push function.
    pub const PSH: u8 = 0x08;
    /// Acknowledgement field significant.
    pub const ACK: u8 = 0x10;
    /// Urgent pointer significant.
    pub const URG: u8 = 0x20;
}

/// What the innermost readable layer of a frame is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Kind {
    /// Nothing that spanward decodes (or nothing at all).
    #[default]
    Other,
    /// ARP: `l3` points at its header.
    Arp,
    /// TCP over IP.
    Tcp,
    /// UDP over IP.
    Udp,
    /// ICMP over IPv4; `sport` holds the type, `dport` the code.
    Icmp4,
    /// ICMP over IPv6; `sport` holds the type, `dport` the code.
    Icmp6,
    /// SCTP over IP.
    Sctp,
    /// Another protocol over IP; no ports. Also TCP, UDP, ICMP or SCTP by `proto` whose header is cut or wrong: no host would accept it.
    Ip,
    /// A fragment that waits for the rest: counts for the host and for coverage, not for flows. The reassembled datagram comes as a packet of its own.
    Fragment,
    /// LLC, STP, CDP, LLDP and other link-layer protocols.
    Link,
}

/// How a packet was wrapped; the inner packet is the one described, the outer addresses are remembered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
#[repr(u8)]
pub enum Tunnel {
    /// Not wrapped.
    #[default]
    None,
    /// MPLS labels (RFC 3032).
    Mpls,
    /// PPPoE session (RFC 2516).
    Pppoe,
    /// GRE (RFC 2784, 2890), including transparent Ethernet bridging.
    Gre,
    /// ERSPAN I, II or III: a remote mirror port, not a tunnel of the site's.
    Erspan,
    /// VXLAN (RFC 7348).
    Vxlan,
    /// Geneve (RFC 8926).
    Geneve,
    /// IP in IP: 4in4, 6in4 (RFC 4213), 4in6, 6in6.
    IpIp,
    /// Teredo (RFC 4380): IPv6 over UDP 3544, a way out of the network.
    Teredo,
}

impl Tunnel {
    /// The word used in files.
    pub const fn word(self) -> &'static str {
        match self {
            Tunnel::None => "none",
            Tunnel::Mpls => "mpls",
            Tunnel::Pppoe => "pppoe",
            Tunnel::Gre => "gre",
            Tunnel::Erspan => "erspan",
            Tunnel::Vxlan => "vxlan",
            Tunnel::Geneve => "geneve",
            Tunnel::IpIp => "ipip",
            Tunnel::Teredo => "teredo",
        }
    }
}

/// Bits of [`Packet::flags`].
pub mod flag {
    /// `l2` points at an Ethernet header: destination and source MAC can be read there.
    pub const MAC: u8 = 0x01;
    /// The frame was cut by the snap length.
    pub const SNAPPED: u8 = 0x02;
    /// Put together from fragments; its bytes stand in the block's spare area.
    pub const REASSEMBLED: u8 = 0x04;
    /// The payload is cut: fewer bytes were captured than the headers announce.
    pub const CUT: u8 = 0x08;
    /// IPv6.
    pub const V6: u8 = 0x10;
    /// The MACs are those of the outer frame, because the inner packet has none (GRE, 6in4, Teredo, MPLS): they say nothing of the inner addresses.
    pub const OUTER_MAC: u8 = 0x20;
    /// Cleared by the reader when the frame is not to be analysed (outside `--from/--to`, refused by `--filter`): counted only.
    pub const ADMITTED: u8 = 0x40;
}

/// VLAN identifiers of a frame, outermost first; 0 = none. Deeper tags are skipped and not kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Vlans(pub [u16; 2]);

impl Vlans {
    /// The tag nearest to the payload, if any: the one that names the host's network.
    pub const fn inner(self) -> Option<u16> {
        match self.0 {
            [0, 0] => None,
            [a, 0] => Some(a),
            [_, b] => Some(b),
        }
    }
    /// The tags as a list.
    pub fn list(self) -> impl Iterator<Item = u16> {
        self.0.into_iter().filter(|v| *v != 0)
    }
}

/// One packet as the decoder saw it. All offsets count from the start of the block's buffer, so that reassembled data has a place too.
/// 128 bytes, two cache lines: the first holds what every packet needs.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub struct Packet {
    /// Packet time after the clock filter.
    pub ts: Timestamp,
    /// Number of the frame in the whole run, from 1.
    pub number: u64,
    /// Source address, or [`Addr::NONE`]. For ARP the sender's protocol address.
    pub src: Addr,
    /// Destination address, or [`Addr::NONE`]. For ARP the target's protocol address.
    pub dst: Addr,
    /// Keyed hash of the direction-less five-tuple ([`crate::base::FlowKey::hash`]); 0 when there is none.
    pub hash: u64,
    /// TCP sequence number.
    pub seq: u32,
    /// TCP acknowledgement number.
    pub ack: u32,
    /// Where the frame starts.
    pub frame: u32,
    /// Captured bytes of the frame.
    pub cap_len: u32,
    /// Bytes of the frame on the wire.
    pub orig_len: u32,
    /// Where the innermost Ethernet header starts (if [`flag::MAC`]).
    pub l2: u32,
    /// Where the innermost IP (or ARP) header starts; for [`Kind::Link`] where the protocol behind the EtherType or length field starts.
    pub l3: u32,
    /// Where the outermost IP header starts when [`Packet::tunnel`] is set and the outside is IP; else 0.
    pub outer: u32,
    /// Where the transport payload starts: behind the TCP, UDP, SCTP common or 8-byte ICMP header ([`Packet::icmp`] is the whole message);
    /// for ARP and link-layer protocols where their header starts; for `Ip` and `Fragment` behind the IP and extension headers.
    pub payload: u32,
    /// Captured bytes of the transport payload (without padding).
    pub payload_len: u32,
    /// Bytes of the transport payload on the wire by the IP length.
    pub wire_payload_len: u32,
    /// Length of the innermost IP packet by its header (0 = none). For a segmentation-offload frame with length 0: by the frame.
    pub ip_len: u32,
    /// Source port; ICMP: type.
    pub sport: u16,
    /// Destination port; ICMP: code.
    pub dport: u16,
    /// VLAN tags of the innermost Ethernet header.
    pub vlan: Vlans,
    /// TCP window; 0 for others.
    pub window: u16,
    /// IPv4 identification; 0 for IPv6.
    pub ip_id: u16,
    /// Capture interface (order of appearance).
    pub iface: u16,
    /// IP protocol number of the innermost layer.
    pub proto: u8,
    /// TCP flags; ICMP: 0.
    pub tcp_flags: u8,
    /// Time to live or hop limit.
    pub ttl: u8,
    /// Virtual shard, 0..64: a fixed hash of the unordered pair of addresses (of MACs for frames without).
    pub shard: u8,
    /// What the packet is.
    pub kind: Kind,
    /// Bits of [`flag`].
    pub flags: u8,
    /// Outermost-but-innermost-wins wrapping: the last tunnel that was taken off.
    pub tunnel: Tunnel,
    /// How many wrappings were taken off.
    pub depth: u8,
}

const _: () = assert!(size_of::<Packet>() == 128);

impl Packet {
    /// Are all of these flag bits set?
    #[inline]
    pub const fn has(&self, bits: u8) -> bool {
        self.flags & bits == bits
    }
    /// The flow's key, and whether `src` is its `a` end. For ICMP the ports are those of [`icmp_ports`]. [`Packet::hash`] is this key's hash.
    #[inline(always)]
    pub fn key(&self) -> (FlowKey, bool) {
        let (sport, dport) = match self.kind {
            Kind::Icmp4 | Kind::Icmp6 => icmp_ports(self.proto, self.sport, self.dport),
            _ => (self.sport, self.dport),
        };
        FlowKey::new(self.src, self.dst, sport, dport, self.proto)
    }
    /// The captured transport payload, as a range of the block's buffer.
    #[inline]
    pub const fn payload_range(&self) -> Range<usize> {
        self.payload as usize..self.payload as usize + self.payload_len as usize
    }
    /// The captured ICMP message with its 8-byte header, as a range of the block's buffer; empty for other kinds.
    pub const fn icmp(&self) -> Range<usize> {
        match self.kind {
            Kind::Icmp4 | Kind::Icmp6 => self.payload.saturating_sub(8) as usize..self.payload as usize + self.payload_len as usize,
            _ => 0..0,
        }
    }
}

/// Odd input: what, in which layer, where. Counted per name; the first of each is kept as an example.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Weird {
    /// Packet time.
    pub ts: Timestamp,
    /// Number of the frame in the run.
    pub number: u64,
    /// A stable short name such as `ipv4_header_cut`.
    pub name: &'static str,
    /// The layer that was being read: `ethernet`, `vlan`, `ipv4`, `tcp`, `smb`, `clock` …
    pub layer: &'static str,
    /// Offset in the frame (or in the protocol's message) at which reading stopped.
    pub offset: u32,
}
