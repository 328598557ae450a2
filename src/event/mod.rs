//! What happened on the network: all that a detector sees. Events come ordered by (packet time, shard, count in shard), so the number of
//! workers changes nothing.
#![forbid(unsafe_code)]

use crate::base::{Addr, Confidence, FiveTuple, Mac, Outcome, Service, Span, Timestamp, proto};
mod interest;

pub use crate::capture::PortNews;
pub use crate::flow::Shape;
use crate::flow::{ConnState, History};
use crate::protocols::Message;
use crate::wire::{Tunnel, Vlans};
pub use interest::Interest;

/// One thing that happened.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Packet time.
    pub ts: Timestamp,
    /// Number of the packet that showed it; 0 for things a tick found.
    pub packet: u64,
    /// What.
    pub kind: EventKind,
}

/// What happened. Flows stand in the event itself: an allocation would cost more than the copy.
#[derive(Clone, PartialEq, Debug)]
#[allow(clippy::large_enum_variant)]
pub enum EventKind {
    /// A MAC was seen sending. Repeated at most once a minute per (MAC, VLAN, address) and shard; addresses that are not the site's count as one.
    /// Routed copies count too.
    Sighting(Sighting),
    /// A link-layer protocol message without a flow: ARP, neighbour discovery.
    Link {
        /// Sender's MAC in the Ethernet header.
        mac: Mac,
        /// VLAN tags.
        vlan: Vlans,
        /// The message.
        message: Message,
    },
    /// The outcome of a flow's opening is known: exactly one per flow that is listed (floods: see [`Contacts`]).
    Contact(Contact),
    /// Contacts of one source (or prefix of sources) beyond those that were listed one by one in this tick.
    Contacts(Contacts),
    /// An ICMP error that quotes a packet of another flow (RFC 792, RFC 4443): amends the outcome of that flow's opening.
    IcmpError {
        /// The flow quoted; originator = sender of the quoted packet.
        quoted: FiveTuple,
        /// ICMP type.
        kind: u8,
        /// ICMP code.
        code: u8,
        /// Who sent the error.
        by: Addr,
    },
    /// A protocol message on a flow.
    Message {
        /// The flow.
        flow: FlowInfo,
        /// Who sent it: true for the originator.
        from_orig: bool,
        /// What it says.
        message: Message,
    },
    /// A flow ended (or was evicted), with all its counts. Single unanswered packets are summarised instead.
    Flow(FlowRecord),
    /// A long flow is still alive: sent every ten minutes of its life.
    FlowAlive(FlowRecord),
    /// Bytes of a flow's payload so far, from a quiet or a busy flow: sent when a remote-administration flow has carried 16 KiB in one direction,
    /// so that a session is known as such while it lasts.
    FlowGrown(FlowRecord),
    /// News of a capture point: frames lost, no link, read again.
    Port {
        /// Capture interface.
        iface: u16,
        /// What.
        news: PortNews,
    },
    /// The coverage of the tick that ends: what was not seen or not parsed.
    Coverage(Box<Coverage>),
}

/// A device's MAC seen as the source of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sighting {
    /// Source MAC.
    pub mac: Mac,
    /// Destination MAC.
    pub to: Mac,
    /// VLAN tags.
    pub vlan: Vlans,
    /// Source IP address of the packet, if it had one.
    pub addr: Option<Addr>,
    /// Time to live of the packet.
    pub ttl: u8,
    /// The packet is the routed copy of one seen before: this MAC forwarded it.
    pub forwarded: bool,
    /// Capture interface.
    pub iface: u16,
}

/// What identifies a flow in events.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FlowInfo {
    /// Unique in the run; the same whatever the number of workers.
    pub uid: u64,
    /// Originator and responder.
    pub tuple: FiveTuple,
    /// Why the originator is believed to be the originator.
    pub confidence: Confidence,
    /// What it speaks: by content if recognised, else by the responder's port.
    pub service: Service,
    /// True when `service` was recognised by content.
    pub recognised: bool,
    /// VLAN tags of the originator's packets and of the responder's.
    pub vlan: [Vlans; 2],
    /// MAC of the originator's packets and of the responder's, as first seen (a router's, if routed).
    pub mac: [Mac; 2],
    /// Wrapping it came in.
    pub tunnel: Tunnel,
    /// Time to live of the originator's first packet.
    pub ttl: u8,
    /// First packet's time.
    pub first_ts: Timestamp,
    /// First packet's number.
    pub first_packet: u64,
}

/// How an opening ended. The originator is the flow's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contact {
    /// The flow.
    pub flow: FlowInfo,
    /// `Answered` (SYN-ACK or any payload or packet back), `Refused` (reset, ICMP unreachable or prohibited), `Attempted` (no answer in time).
    pub outcome: Outcome,
    /// What was sent first.
    pub shape: Shape,
    /// Refused by ICMP: type, code and the router that said so.
    pub icmp: Option<(u8, u8, Addr)>,
    /// Packets sent by the originator up to here.
    pub tries: u32,
}

/// A summary of unlisted contacts in one tick of one shard: nothing is lost from the counts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contacts {
    /// The source, or the prefix's first address when sources themselves were too many.
    pub source: Addr,
    /// Prefix length on the 128-bit form: 128 = one host.
    pub bits: u8,
    /// Contacts that stayed unanswered.
    pub attempted: u64,
    /// Contacts that were refused.
    pub refused: u64,
    /// Packets of these contacts.
    pub packets: u64,
    /// Bytes of these contacts.
    pub bytes: u64,
    /// Estimated number of distinct responders.
    pub responders: u32,
    /// Estimated number of distinct responder ports.
    pub ports: u32,
    /// One of them, as an example.
    pub example: FiveTuple,
    /// MAC of the example's sender.
    pub mac: Mac,
    /// VLAN of the example.
    pub vlan: Vlans,
}

/// A flow with all its counts. Index 0 is the originator, 1 the responder.
#[derive(Clone, PartialEq, Debug)]
pub struct FlowRecord {
    /// What identifies it.
    pub info: FlowInfo,
    /// Last packet's time.
    pub last_ts: Timestamp,
    /// Last packet's number.
    pub last_packet: u64,
    /// Packets.
    pub packets: [u64; 2],
    /// IP bytes.
    pub bytes: [u64; 2],
    /// Payload bytes on the wire, without retransmissions.
    pub payload: [u64; 2],
    /// Retransmitted segments.
    pub retrans: [u32; 2],
    /// Gaps: stretches acknowledged or passed over but not captured.
    pub gaps: [u32; 2],
    /// Bytes in those gaps.
    pub missed: [u64; 2],
    /// Zeek's connection state.
    pub state: ConnState,
    /// Zeek's history.
    pub history: History,
    /// Outcome of the opening.
    pub outcome: Outcome,
    /// Evicted because a table was full, not ended by itself.
    pub evicted: bool,
}

impl FlowRecord {
    /// First to last packet.
    pub fn duration(&self) -> Span {
        self.last_ts.since(self.info.first_ts)
    }
    /// TCP?
    pub fn is_tcp(&self) -> bool {
        self.info.tuple.proto == proto::TCP
    }
}

/// Counts of what was seen, and of what was not, since the run began.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Coverage {
    /// Frames read.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Frames left out by `--filter`, `--from` or `--to`.
    pub filtered: u64,
    /// Dropped by the kernel, because the box did not read fast enough.
    pub kernel_drops: u64,
    /// Dropped by the card or its driver.
    pub card_drops: u64,
    /// Packets of which something was left out because the box was overloaded: the sum of the three causes below.
    pub shed: u64,
    /// Full segments of file transfers whose content was not judged.
    pub shed_content: u64,
    /// Full segments of bulk transfers whose payload was not read.
    pub shed_payload: u64,
    /// Frames of which only the head was kept.
    pub shed_cut: u64,
    /// Payload bytes of the first two.
    pub shed_bytes: u64,
    /// Payload bytes acknowledged or passed over but not captured.
    pub missed_bytes: u64,
    /// Payload bytes captured in TCP flows.
    pub tcp_bytes: u64,
    /// Copies removed: routed and exact.
    pub duplicates: u64,
    /// Exact copies that were counted but not removed.
    pub doubles_kept: u64,
    /// Flows of which only one direction was seen although the other must exist.
    pub one_way_flows: u64,
    /// Frames cut by the snap length.
    pub snapped: u64,
    /// Frames of which nothing could be decoded.
    pub undecoded: u64,
    /// Flows evicted by a full table.
    pub evicted_flows: u64,
    /// Flows counted in summaries, not listed.
    pub unlisted_flows: u64,
    /// Events of link protocols beyond the cap of a tick: counted only.
    pub unlisted_link: u64,
    /// Flows whose payload reading was given up at a memory cap.
    pub unparsed_flows: u64,
}

impl Coverage {
    /// Adds another shard's counts.
    pub fn add(&mut self, o: &Coverage) {
        self.packets += o.packets;
        self.bytes += o.bytes;
        self.filtered += o.filtered;
        self.kernel_drops += o.kernel_drops;
        self.card_drops += o.card_drops;
        self.shed += o.shed;
        self.shed_content += o.shed_content;
        self.shed_payload += o.shed_payload;
        self.shed_cut += o.shed_cut;
        self.shed_bytes += o.shed_bytes;
        self.missed_bytes += o.missed_bytes;
        self.tcp_bytes += o.tcp_bytes;
        self.duplicates += o.duplicates;
        self.doubles_kept += o.doubles_kept;
        self.one_way_flows += o.one_way_flows;
        self.snapped += o.snapped;
        self.undecoded += o.undecoded;
        self.evicted_flows += o.evicted_flows;
        self.unlisted_flows += o.unlisted_flows;
        self.unlisted_link += o.unlisted_link;
        self.unparsed_flows += o.unparsed_flows;
    }
    /// Share of TCP payload that was on the wire but not captured, 0 to 1.
    pub fn loss_estimate(&self) -> f64 {
        let all = self.missed_bytes + self.tcp_bytes;
        if all == 0 { 0.0 } else { self.missed_bytes as f64 / all as f64 }
    }
}
