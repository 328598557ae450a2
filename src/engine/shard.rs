//! One of the 64 virtual shards: all flows between the pairs of addresses that fall into it. Everything here is decided by what the shard
//! itself saw, so the number of workers changes nothing.

use super::listing::{Lately, Tell};
use super::payload::{Found, Readers};
use super::shed::{self, Spared};
use super::told::Told;
use crate::base::{Addr, FiveTuple, Mac, Timestamp, mix64, proto};
use crate::bounded::TimerWheel;
use crate::event::{EventKind, Sighting};
use crate::flow::{Copies, Copy, Flow, FlowTable, Mark, bit};
use crate::protocols::{Message, arp, nd};
use crate::site::Site;
use crate::wire::{Kind, Packet, flag, icmp_ports, tcp};

/// Payload bytes in one direction after which a remote-administration flow is told as grown: a logon and a first screen are past, an
/// inventory's few calls are not.
const GROWN: u64 = 16 * 1024;
/// Longest time between two looks at a flow, in seconds.
const LOOK: u64 = 30;

/// State and pending events of one shard.
pub(super) struct Shard {
    table: FlowTable,
    wheel: TimerWheel,
    copies: Copies,
    lately: Lately,
    readers: Readers,
    /// Hashes of (address, port) that answered: the service ledger of this shard's pairs.
    offers: Vec<u32>,
    cursor: u32,
    found: Vec<(bool, Message)>,
    scratch: Vec<Message>,
    due: Vec<(u32, bool)>,
    /// How overloaded the box is.
    pub(super) level: u8,
    /// What it has to say.
    pub(super) told: Told,
    /// Flows begun.
    pub(super) flows: u64,
}

impl Shard {
    pub(super) fn new(max_flows: usize) -> Shard {
        Shard {
            table: FlowTable::new(max_flows),
            wheel: TimerWheel::new(1024),
            copies: Copies::default(),
            lately: Lately::default(),
            readers: Readers::default(),
            offers: vec![0; 1024],
            cursor: 0,
            found: Vec::new(),
            scratch: Vec::new(),
            due: Vec::new(),
            level: 0,
            told: Told::default(),
            flows: 0,
        }
    }
    /// Touches the places that depend on the packet alone.
    #[inline]
    pub(super) fn warm_places(&self, p: &Packet, ahead: &mut Ahead) -> u64 {
        ahead.flow = self.table.warm_index(p.hash);
        self.copies.warm(ahead.mark) ^ self.lately.warm(ahead.sighting)
    }
    /// Touches the flow that was found in the index.
    #[inline]
    pub(super) fn warm_flow(&self, ahead: &mut Ahead) -> u64 {
        let (touched, reader) = ahead.flow.map_or((0, 0), |at| self.table.warm_record(at));
        ahead.reader = reader;
        touched
    }
    /// Touches the flow's reader.
    #[inline]
    pub(super) fn warm_reader(&self, ahead: &Ahead) -> u64 {
        self.readers.warm(ahead.reader)
    }
    /// One packet of this shard. `buf` is its block's buffer.
    pub(super) fn packet(&mut self, p: &Packet, buf: &[u8], ahead: &Ahead) {
        let copy = match p.kind {
            Kind::Tcp | Kind::Udp | Kind::Icmp4 | Kind::Icmp6 | Kind::Sctp | Kind::Ip => self.copies.judge(p, ahead.mark),
            _ => Copy::First,
        };
        let forwarded = copy == Copy::Routed;
        if ahead.device {
            match self.lately.admit(ahead.sighting ^ u64::from(forwarded), (p.ts.0 / 60_000_000_000 + 1) as u32) {
                Tell::Known => {}
                Tell::Full => self.told.coverage.unlisted_link += 1,
                Tell::Now => self.sight(p, buf, forwarded),
            }
        }
        match copy {
            Copy::Routed | Copy::Exact => {
                self.told.coverage.duplicates += 1;
                return;
            }
            Copy::Double => self.told.coverage.doubles_kept += 1,
            Copy::First => {}
        }
        match p.kind {
            Kind::Arp => self.link(p, ends_of_link(p, buf).1, arp::parse(buf.get(p.l3 as usize..).unwrap_or(&[])).map(Message::Arp)),
            // A hop limit below 255 was routed: no neighbour sent it (RFC 4861, 6.1 and 7.1).
            Kind::Icmp6 if matches!(p.sport, 133..=137) && p.ttl < 255 => {
                self.told.weird(p.ts, p.number, "icmp6", "nd_not_from_the_link", p.l3.saturating_sub(p.frame))
            }
            Kind::Icmp6 if matches!(p.sport, 133..=137) => {
                self.link(p, ends_of_link(p, buf).1, nd::parse(p.src, buf.get(p.icmp()).unwrap_or(&[])).map(Message::Nd));
            }
            Kind::Icmp4 if matches!(p.sport, 3 | 4 | 5 | 11 | 12) => self.icmp_error(p, buf),
            Kind::Icmp6 if matches!(p.sport, 1..=4) => self.icmp_error(p, buf),
            Kind::Tcp | Kind::Udp | Kind::Icmp4 | Kind::Icmp6 | Kind::Sctp | Kind::Ip => self.flow(p, buf),
            Kind::Fragment | Kind::Link | Kind::Other => {}
        }
    }
    /// Tells that a device was seen: once a minute per (MAC, VLAN, address).
    fn sight(&mut self, p: &Packet, buf: &[u8], forwarded: bool) {
        let (to, mac) = ends_of_link(p, buf);
        let addr = shows_address(p).then_some(p.src);
        self.told.emit(p.ts, p.number, EventKind::Sighting(Sighting { mac, to, vlan: p.vlan, addr, ttl: p.ttl, forwarded, iface: p.iface }));
    }
    fn link(&mut self, p: &Packet, mac: Mac, message: Option<Message>) {
        let Some(message) = message else {
            let (layer, name) = if p.kind == Kind::Arp { ("arp", "arp_unreadable") } else { ("icmp6", "nd_unreadable") };
            return self.told.weird(p.ts, p.number, layer, name, p.l3.saturating_sub(p.frame));
        };
        if self.lately.admit_any() {
            self.told.emit(p.ts, p.number, EventKind::Link { mac, vlan: p.vlan, message });
        } else {
            self.told.coverage.unlisted_link += 1;
        }
    }
    /// An ICMP error quotes the packet it is about (RFC 792; RFC 4443, 2.4).
    fn icmp_error(&mut self, p: &Packet, buf: &[u8]) {
        let Some(quoted) = buf.get(p.icmp()).and_then(|icmp| icmp.get(8..)).and_then(quoted) else { return };
        if self.lately.admit_any() {
            self.told.emit(p.ts, p.number, EventKind::IcmpError { quoted, kind: p.sport as u8, code: p.dport as u8, by: p.src });
        } else {
            self.told.coverage.unlisted_link += 1;
        }
    }
    fn flow(&mut self, p: &Packet, buf: &[u8]) {
        let (key, src_is_a) = p.key();
        let found = match self.table.find(p.hash, &key) {
            Some(at) if self.reopens(at, src_is_a, p) => {
                self.end(at, p.ts, false);
                None
            }
            other => other,
        };
        let at = match found {
            Some(at) => at,
            None => match self.begin(key, src_is_a, p, ends_of_link(p, buf).0) {
                Some(at) => at,
                None => return,
            },
        };
        let Some(flow) = self.table.get_mut(at) else { return };
        let turn = flow.update(src_is_a, p, || ends_of_link(p, buf).1);
        if !flow.has(bit::TOLD)
            && let Some(outcome) = flow.outcome()
            && self.told.contact(flow, outcome, p.ts, p.number)
            && flow.confidence >= crate::base::Confidence::Port
        {
            let t = flow.tuple();
            offer(&mut self.offers, t.resp, t.resp_port);
        }
        if p.proto == proto::TCP && !turn.old {
            self.told.coverage.tcp_bytes += u64::from(p.payload_len);
        }
        if Readers::wants(flow, p) {
            let spared = shed::spared(self.level, flow, p);
            if let Some(what) = spared {
                shed::count(&mut self.told.coverage, what, p);
            }
            // Payload that is not read is as good as not captured.
            let payload = if spared == Some(Spared::Payload) { &[] } else { buf.get(p.payload_range()).unwrap_or(&[]) };
            self.readers.spare = self.level > 0;
            self.readers.read(flow, turn.side, p, payload, &mut Found { messages: &mut self.found, scratch: &mut self.scratch });
            if !self.found.is_empty() {
                self.told.say(&mut self.found, flow, p.ts, p.number);
            }
        }
        if flow.bits & (bit::GROWN | bit::TOLD) == bit::TOLD && flow.payload.iter().any(|b| *b >= GROWN) && flow.service.is_remote_admin() {
            flow.bits |= bit::GROWN;
            self.told.flow(EventKind::FlowGrown, flow, false, p.ts, p.number);
        }
    }
    /// A SYN on a flow that is over: the ports are used again.
    fn reopens(&self, at: u32, src_is_a: bool, p: &Packet) -> bool {
        p.proto == proto::TCP
            && p.tcp_flags & (tcp::SYN | tcp::ACK) == tcp::SYN
            && self.table.get(at).is_some_and(|f| f.is_closed() || f.side(src_is_a) == 1 && !f.has(bit::SYN | bit::SYN_ACK))
    }
    fn begin(&mut self, key: crate::base::FlowKey, src_is_a: bool, p: &Packet, to: Mac) -> Option<u32> {
        if self.table.is_full() {
            let victim = self.table.victim(&mut self.cursor, 8, rank)?;
            self.end(victim, p.ts, true);
            self.told.coverage.evicted_flows += 1;
        }
        let offers = &self.offers;
        let mut flow = Flow::begin(key, src_is_a, p, || (offered(offers, key.a, key.a_port), offered(offers, key.b, key.b_port)));
        flow.note_group(p, to);
        let at = self.table.insert(p.hash, flow)?;
        self.flows += 1;
        self.wheel.arm(at, (p.ts + Flow::ATTEMPT).secs() + 1);
        Some(at)
    }
    /// The end of a tick: expiry on whole seconds, then the summaries.
    pub(super) fn tick(&mut self, now: Timestamp) {
        if now.subsec_nanos() == 0 {
            self.expire(now);
        }
        self.told.close(now);
        self.lately.close();
        self.told.coverage.unparsed_flows = self.readers.given_up;
    }
    fn expire(&mut self, now: Timestamp) {
        let mut due = std::mem::take(&mut self.due);
        let table = &self.table;
        self.wheel.turn(now.secs(), |at| {
            let flow = table.get(at)?;
            if now.since(flow.last_ts) >= flow.timeout() {
                due.push((at, true));
                return None;
            }
            let age = now.since(flow.first_ts);
            if !flow.has(bit::TOLD) && age >= Flow::ATTEMPT || age.0 / 600_000_000_000 > 0 && age.0 % 600_000_000_000 < LOOK * 1_000_000_000 {
                due.push((at, false));
            }
            Some((flow.last_ts + flow.timeout()).secs().saturating_add(1).min(now.secs() + LOOK))
        });
        for (at, over) in due.drain(..) {
            if over {
                self.end(at, now, false);
            } else {
                self.look(at, now);
            }
        }
        self.due = due;
    }
    /// A flow that goes on: tells an attempt that got no answer, or that a long flow is alive.
    fn look(&mut self, at: u32, now: Timestamp) {
        let Some(flow) = self.table.get_mut(at) else { return };
        if !flow.has(bit::TOLD) {
            self.told.attempt(flow, now);
        } else if flow.has(bit::LISTED) && now.since(flow.last_ts) < crate::base::Span::mins(10) {
            self.told.flow(EventKind::FlowAlive, flow, false, now, flow.last_packet());
        }
    }
    /// Ends a flow and takes it out.
    fn end(&mut self, at: u32, now: Timestamp, evicted: bool) {
        self.conclude(at, now, evicted);
        self.table.remove(at);
    }
    /// A flow is over: tells its outcome if that is still open, and its counts if it was listed or more than one packet.
    fn conclude(&mut self, at: u32, now: Timestamp, evicted: bool) {
        let Some(flow) = self.table.get_mut(at) else { return };
        if !flow.has(bit::TOLD) {
            self.told.attempt(flow, now);
        }
        if flow.reader != 0 {
            self.readers.end(flow, now, &mut Found { messages: &mut self.found, scratch: &mut self.scratch });
            if !self.found.is_empty() {
                self.told.say(&mut self.found, flow, now, flow.last_packet());
            }
            self.readers.close(flow);
        }
        self.told.coverage.missed_bytes += u64::from(flow.missed[0]) + u64::from(flow.missed[1]);
        self.told.coverage.one_way_flows += u64::from(flow.is_one_way());
        if flow.has(bit::LISTED) || flow.packets[0] + flow.packets[1] > 1 {
            self.told.flow(EventKind::Flow, flow, evicted, now, flow.last_packet());
        }
    }
    /// The run is over: ends all flows, and gives their memory back.
    pub(super) fn finish(&mut self, now: Timestamp) {
        for at in self.table.numbers() {
            self.conclude(at, now, false);
        }
        self.table.clear();
        self.tick(now);
    }
    /// Live flows, memory of the table, streams being read, bytes they hold.
    pub(super) fn load(&self) -> (usize, usize, usize, usize) {
        let (streams, held) = self.readers.load();
        (self.table.len(), self.table.memory(), streams, held)
    }
}

/// What can be known of a packet before its turn, so that what it needs of memory is fetched for many packets at a time: a load that misses the
/// caches costs as much as a hundred instructions, ten at a time cost little more than one. Stage by stage in short loops, because a processor
/// looks some hundred instructions ahead and no further.
#[derive(Clone, Copy, Default)]
pub(super) struct Ahead {
    mark: Mark,
    /// What the sighting is known by.
    sighting: u64,
    /// The frame shows a device: its sender is no group and not nobody.
    device: bool,
    flow: Option<u32>,
    reader: u32,
}

impl Ahead {
    /// Of a packet and its block's buffer.
    #[inline]
    pub(super) fn of(p: &Packet, buf: &[u8], site: &Site) -> Ahead {
        let macs = macs(p, buf);
        let device = macs.is_some_and(|[.., g, h, i, j, k, l]| g & 1 == 0 && [*g, *h, *i, *j, *k, *l] != [0; 6]);
        Ahead { mark: Mark::of(p, macs, ends(p, buf)), sighting: sighting(p, macs, site), device, flow: None, reader: 0 }
    }
}

/// Destination and source MAC, where the frame has them.
#[inline]
fn macs<'a>(p: &Packet, buf: &'a [u8]) -> Option<&'a [u8; 12]> {
    if p.has(flag::MAC) { buf.get(p.l2 as usize..).and_then(|b| b.first_chunk::<12>()) } else { None }
}

/// The same as addresses; zero where the frame has none.
fn ends_of_link(p: &Packet, buf: &[u8]) -> (Mac, Mac) {
    macs(p, buf).map_or((Mac::ZERO, Mac::ZERO), |[a, b, c, d, e, f, g, h, i, j, k, l]| (Mac([*a, *b, *c, *d, *e, *f]), Mac([*g, *h, *i, *j, *k, *l])))
}

/// Does the packet show an address of its sender?
#[inline]
fn shows_address(p: &Packet) -> bool {
    !p.has(flag::OUTER_MAC) && !matches!(p.kind, Kind::Arp | Kind::Link | Kind::Other) && !p.src.is_unspecified()
}

/// What a sighting is known by: MAC, VLAN, address. All addresses that are not the site's are one: they show that the MAC forwards, and no more.
#[inline]
fn sighting(p: &Packet, macs: Option<&[u8; 12]>, site: &Site) -> u64 {
    let from = macs.map_or(0, |[.., g, h, i, j, k, l]| u64::from_le_bytes([0, 0, *g, *h, *i, *j, *k, *l]));
    let host = match () {
        () if !shows_address(p) => 0,
        () if p.src.is_private() || site.is_inside(p.src) => (p.src.0 as u64).rotate_left(32) ^ (p.src.0 >> 64) as u64 ^ 1,
        () => 1,
    };
    // Each step can be undone, so no address makes two MACs one.
    mix64(mix64(from ^ u64::from(p.vlan.0[0])) ^ host)
}

/// What may best be given up when the table is full: an opening without an answer, then what is closed, then small flows; last what speaks a
/// remote-administration protocol.
fn rank(f: &Flow) -> u32 {
    let answered = f.packets[1] > 0 || f.has(bit::ONE_WAY);
    match (answered, f.is_closed(), f.service.is_remote_admin()) {
        (false, ..) => 0,
        (true, true, _) => 1,
        (true, false, false) => 2 + u32::from(f.bytes[0] + f.bytes[1] > 4096),
        (true, false, true) => 4,
    }
}

fn offer_slot(a: Addr, port: u16) -> (usize, u32) {
    let h = mix64(a.0 as u64 ^ (a.0 >> 64) as u64 ^ u64::from(port) << 40);
    ((h >> 32) as usize % 1024, h as u32 | 1)
}

fn offer(offers: &mut [u32], a: Addr, port: u16) {
    let (at, tag) = offer_slot(a, port);
    if let Some(slot) = offers.get_mut(at) {
        *slot = tag;
    }
}

fn offered(offers: &[u32], a: Addr, port: u16) -> bool {
    let (at, tag) = offer_slot(a, port);
    offers.get(at) == Some(&tag)
}

fn ends(p: &Packet, buf: &[u8]) -> (u64, u64) {
    let payload = buf.get(p.payload_range()).unwrap_or(&[]);
    let first = payload.first_chunk::<8>().map_or(payload.len() as u64, |c| u64::from_le_bytes(*c));
    let last = payload.last_chunk::<8>().map_or(0, |c| u64::from_le_bytes(*c));
    (first, last)
}

/// The five-tuple of a quoted IP header and the first eight bytes behind it.
fn quoted(b: &[u8]) -> Option<FiveTuple> {
    let first = *b.first()?;
    let (orig, resp, proto, rest) = if first >> 4 == 4 {
        let h = b.first_chunk::<20>()?;
        let ihl = usize::from(first & 15) * 4;
        (Addr::v4(u32::from_be_bytes([h[12], h[13], h[14], h[15]])), Addr::v4(u32::from_be_bytes([h[16], h[17], h[18], h[19]])), h[9], b.get(ihl..)?)
    } else {
        let h = b.first_chunk::<40>()?;
        let addr = |at: usize| h.get(at..at + 16).and_then(|s| s.first_chunk::<16>()).map(|c| Addr::v6(*c));
        (addr(8)?, addr(24)?, h[6], b.get(40..)?)
    };
    let ports = rest.first_chunk::<4>();
    let (sport, dport) = match proto {
        proto::ICMP | proto::ICMP6 => ports.map(|p| icmp_ports(proto, u16::from(p[0]), u16::from(p[1])))?,
        proto::TCP | proto::UDP | proto::SCTP => ports.map(|p| (u16::from_be_bytes([p[0], p[1]]), u16::from_be_bytes([p[2], p[3]])))?,
        // Others have no ports, and may be quoted without a single byte of theirs.
        _ => (0, 0),
    };
    Some(FiveTuple { orig, resp, orig_port: sport, resp_port: dport, proto })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_makes_two_devices_one() {
        let site = Site::default();
        let frame = |n: u8| [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, n];
        for addr in ["10.0.0.5", "fd00::a0b4:28da:1a03:7ed1", "fe80::a0b4:28da:1983:7ed1", "fd00::", "203.0.113.9"] {
            let p = Packet { src: addr.parse().unwrap(), kind: Kind::Udp, flags: flag::MAC, ..Packet::default() };
            let keys: std::collections::BTreeSet<u64> = (1..=200).map(|n| sighting(&p, Some(&frame(n)), &site)).collect();
            assert_eq!(keys.len(), 200, "{addr}");
        }
    }

    #[test]
    fn only_devices_are_sighted() {
        let site = Site::default();
        let of = |mac: [u8; 6]| {
            let buf = [[2, 0, 0, 0, 0, 1], mac].concat();
            Ahead::of(&Packet { flags: flag::MAC, ..Packet::default() }, &buf, &site).device
        };
        assert!(of([2, 0, 0, 0, 0, 9]) && !of([1, 0, 0x5e, 0, 0, 1]) && !of([0; 6]) && !of([0xff; 6]));
    }
}
