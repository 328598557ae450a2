//! TCP conversations (RFC 9293) with handshakes, options, acknowledgements and ends, and openings that fail.

use super::frame::{self, Segment, flag};
use super::net::{Host, MS, Net, S, US};
use std::net::Ipv4Addr;

/// Payload of a full segment on Ethernet.
pub const MSS: usize = 1460;

/// A conversation; `t` is the time of its last segment's arrival.
pub struct Tcp {
    pub a: Host,
    pub b: Host,
    pub t: u64,
    ports: (u16, u16),
    seq: [u32; 2],
    open: bool,
}

impl Tcp {
    /// With a handshake.
    pub fn open(net: &mut Net, t: u64, a: &Host, b: &Host, port: u16) -> Tcp {
        let mut c = Tcp::started(net, t, a, b, port);
        c.segment(net, 1, flag::SYN | flag::ACK, &[]);
        c.segment(net, 0, flag::ACK, &[]);
        c
    }
    fn started(net: &mut Net, t: u64, a: &Host, b: &Host, port: u16) -> Tcp {
        let ports = (net.port(a.ip), port);
        let seq = [net.rng.next() as u32, net.rng.next() as u32];
        let mut c = Tcp { a: *a, b: *b, t, ports, seq, open: true };
        c.segment(net, 0, flag::SYN, &[]);
        c
    }
    /// One segment from one side; options as Windows sends them in a SYN.
    fn segment(&mut self, net: &mut Net, from: usize, flags: u8, payload: &[u8]) {
        let (src, dst, ports) = if from == 0 { (self.a, self.b, self.ports) } else { (self.b, self.a, (self.ports.1, self.ports.0)) };
        let syn = flags & flag::SYN != 0;
        let options: &[u8] = if syn { &[2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2] } else { &[] };
        let ack = if flags & flag::ACK != 0 { self.seq[1 - from] } else { 0 };
        let window = if syn { 64_240 } else { 2_053 };
        let s = Segment { ports, seq: self.seq[from], ack, flags, window };
        let l4 = frame::tcp(src.ip, dst.ip, &s, options, payload);
        self.t = net.ip(self.t, &src, dst.ip, 6, &l4).unwrap_or(self.t) + net.rng.range(20, 120) * US;
        let used = payload.len() as u32 + u32::from(flags & (flag::SYN | flag::FIN) != 0);
        self.seq[from] = self.seq[from].wrapping_add(used);
    }
    fn send(&mut self, net: &mut Net, from: usize, data: &[u8]) {
        let last = data.chunks(MSS).count().saturating_sub(1);
        for (i, part) in data.chunks(MSS).enumerate() {
            let push = if i == last { flag::PSH } else { 0 };
            self.segment(net, from, flag::ACK | push, part);
            if i % 2 == 1 && i != last {
                self.segment(net, 1 - from, flag::ACK, &[]);
            }
        }
        if data.len() > MSS {
            self.segment(net, 1 - from, flag::ACK, &[]);
        }
    }
    /// Data from the originator.
    pub fn up(&mut self, net: &mut Net, data: &[u8]) -> &mut Tcp {
        self.send(net, 0, data);
        self
    }
    /// Data from the responder.
    pub fn down(&mut self, net: &mut Net, data: &[u8]) -> &mut Tcp {
        self.send(net, 1, data);
        self
    }
    /// Nothing for a while.
    pub fn wait(&mut self, ns: u64) -> &mut Tcp {
        self.t += ns;
        self
    }
    /// The next segment not before this time.
    pub fn until(&mut self, t: u64) -> &mut Tcp {
        self.t = self.t.max(t);
        self
    }
    /// Both sides end it.
    pub fn close(&mut self, net: &mut Net) -> u64 {
        self.segment(net, 0, flag::FIN | flag::ACK, &[]);
        self.segment(net, 1, flag::FIN | flag::ACK, &[]);
        self.segment(net, 0, flag::ACK, &[]);
        self.open = false;
        self.t
    }
    /// One side cuts it off: 0 the originator, 1 the responder.
    pub fn reset(&mut self, net: &mut Net, by: usize) -> u64 {
        self.segment(net, by, flag::RST | flag::ACK, &[]);
        self.open = false;
        self.t
    }
}

/// A SYN to whoever holds the address: a port that is closed answers with a reset. When it was over.
pub fn refused(net: &mut Net, t: u64, a: &Host, b: &Host, port: u16) -> u64 {
    let mut c = Tcp::started(net, t, a, b, port);
    c.segment(net, 1, flag::RST | flag::ACK, &[]);
    c.t
}

/// A half-open probe: answered, then reset by the prober.
pub fn half_open(net: &mut Net, t: u64, a: &Host, b: &Host, port: u16) -> u64 {
    let mut c = Tcp::started(net, t, a, b, port);
    c.segment(net, 1, flag::SYN | flag::ACK, &[]);
    c.segment(net, 0, flag::RST, &[]);
    c.t
}

/// A SYN that nobody answers, sent three times (after 1 and 3 seconds) or once.
pub fn unanswered(net: &mut Net, t: u64, a: &Host, dst: Ipv4Addr, port: u16, times: usize) {
    let s = Segment { ports: (net.port(a.ip), port), seq: net.rng.next() as u32, ack: 0, flags: flag::SYN, window: 64_240 };
    let l4 = frame::tcp(a.ip, dst, &s, &[2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2], &[]);
    for after in [0, S, 3 * S].into_iter().take(times) {
        net.ip(t + after, a, dst, 6, &l4);
    }
}

/// A SYN that the firewall refuses with ICMP "administratively prohibited" (RFC 1812, 5.2.7.1).
pub fn prohibited(net: &mut Net, t: u64, a: &Host, firewall: &Host, dst: Ipv4Addr, port: u16) {
    let s = Segment { ports: (net.port(a.ip), port), seq: net.rng.next() as u32, ack: 0, flags: flag::SYN, window: 64_240 };
    let l4 = frame::tcp(a.ip, dst, &s, &[2, 4, 5, 0xb4, 1, 3, 3, 8, 1, 1, 4, 2], &[]);
    for after in [0, S, 3 * S] {
        let there = net.ip(t + after, a, dst, 6, &l4).unwrap_or(t + after);
        let ip = frame::Ip { src: a.ip, dst, proto: 6, ttl: a.ttl - 1, id: 7 };
        let quoted = frame::ipv4(&ip, &l4);
        net.ip(there.saturating_sub(3 * MS), firewall, a.ip, 1, &frame::icmp(3, 13, [0; 4], &quoted[..28]));
    }
}
