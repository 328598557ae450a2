//! DHCP (RFC 2131, 2132) with a relay agent in the router (RFC 3046).

use super::frame::{self, BROADCAST, Ip, Mac};
use super::net::{Host, MS, Net, US, gateway_of, router_mac};
use std::net::Ipv4Addr;

const NONE: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
/// Message types.
pub const DISCOVER: u8 = 1;
pub const OFFER: u8 = 2;
pub const REQUEST: u8 = 3;
pub const NAK: u8 = 6;
pub const ACK: u8 = 5;
pub const INFORM: u8 = 8;

/// One message before it is written.
#[derive(Clone, Debug)]
pub struct Message {
    pub op: u8,
    pub kind: u8,
    pub xid: u32,
    pub hops: u8,
    pub ciaddr: Ipv4Addr,
    pub yiaddr: Ipv4Addr,
    pub giaddr: Ipv4Addr,
    pub chaddr: Mac,
    pub options: Vec<(u8, Vec<u8>)>,
}

impl Message {
    /// The bytes, options in the order given, padded to 300 bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut b = vec![self.op, 1, 6, self.hops];
        b.extend(self.xid.to_be_bytes());
        b.extend([0, 0, 0, 0]);
        for a in [self.ciaddr, self.yiaddr, NONE, self.giaddr] {
            b.extend(a.octets());
        }
        b.extend(self.chaddr);
        b.extend([0; 10 + 64 + 128]);
        b.extend([99, 130, 83, 99, 53, 1, self.kind]);
        for (code, data) in &self.options {
            b.extend([*code, data.len() as u8]);
            b.extend(data);
        }
        b.push(255);
        b.resize(b.len().max(300), 0);
        b
    }
}

/// A computer that asks for an address, as its system writes it.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    pub mac: Mac,
    pub vlan: u16,
    pub name: &'static str,
    pub class: &'static str,
    /// Option 55.
    pub wants: &'static [u8],
}

/// As Windows asks.
pub fn windows(h: &Host) -> Asker {
    Asker { mac: h.mac, vlan: h.vlan, name: h.name, class: "MSFT 5.0", wants: &[1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252] }
}

/// A server and what it hands out.
#[derive(Clone, Copy, Debug)]
pub struct Server {
    pub host: Host,
    pub id: Ipv4Addr,
    pub router: Ipv4Addr,
    pub dns: Ipv4Addr,
    pub lease: u32,
}

impl Server {
    fn options(&self) -> Vec<(u8, Vec<u8>)> {
        vec![
            (54, self.id.octets().to_vec()),
            (51, self.lease.to_be_bytes().to_vec()),
            (1, vec![255, 255, 255, 0]),
            (3, self.router.octets().to_vec()),
            (6, self.dns.octets().to_vec()),
            (15, b"hill.example".to_vec()),
        ]
    }
    fn says(&self, kind: u8, q: &Message, yiaddr: Ipv4Addr) -> Message {
        let options = if kind == NAK { vec![(54, self.id.octets().to_vec())] } else { self.options() };
        Message { op: 2, kind, hops: 0, ciaddr: NONE, yiaddr, options, ..q.clone() }
    }
}

/// What a client asks, kind by kind.
pub fn request(c: &Asker, kind: u8, xid: u32, options: Vec<(u8, Vec<u8>)>) -> Message {
    let mut all = vec![(61, [&[1][..], &c.mac].concat()), (12, c.name.as_bytes().to_vec())];
    all.extend(options);
    all.extend([(60, c.class.as_bytes().to_vec()), (55, c.wants.to_vec())]);
    Message { op: 1, kind, xid, hops: 0, ciaddr: NONE, yiaddr: NONE, giaddr: NONE, chaddr: c.mac, options: all }
}

/// A client's broadcast.
pub fn broadcast(net: &mut Net, t: u64, vlan: u16, m: &Message) {
    let any = Ipv4Addr::BROADCAST;
    let l4 = frame::udp(NONE.into(), any.into(), (68, 67), &m.bytes());
    let ip = frame::ipv4(&Ip { src: NONE, dst: any, proto: 17, ttl: 128, id: m.xid as u16 }, &l4);
    net.frame(t, vlan, m.chaddr, BROADCAST, 0x0800, &ip);
}

/// What the router's relay in `vlan` sends for a client, to a server that stands elsewhere, and the answer's way back.
pub fn relayed(net: &mut Net, t: u64, vlan: u16, server: &Server, q: &Message, kind: u8, yiaddr: Ipv4Addr) -> u64 {
    let giaddr = Ipv4Addr::new(10, 40, (vlan - 100) as u8, 1);
    let relay = Host { name: "relay", mac: router_mac(server.host.vlan), ip: giaddr, vlan: server.host.vlan, ttl: 255 };
    let up = Message { hops: 1, giaddr, ..q.clone() };
    let l4 = frame::udp(giaddr.into(), server.host.ip.into(), (67, 67), &up.bytes());
    let leg = (relay.mac, gateway_of(server.host.ip));
    let (t, mac) = net.resolve(t + 15 * US, leg, server.host.vlan, server.host.ip);
    let ip = Ip { src: giaddr, dst: server.host.ip, proto: 17, ttl: 255, id: q.xid as u16 };
    net.frame(t, server.host.vlan, relay.mac, mac.unwrap_or(BROADCAST), 0x0800, &frame::ipv4(&ip, &l4));
    let t = t + net.rng.range(300, 1_500) * US;
    let down = Message { giaddr, ..server.says(kind, q, yiaddr) };
    let l4 = frame::udp(server.host.ip.into(), giaddr.into(), (67, 67), &down.bytes());
    let ip = Ip { src: server.host.ip, dst: giaddr, proto: 17, ttl: 128, id: q.xid as u16 ^ 0x5a5a };
    let (t, _) = net.resolve(t, (server.host.mac, server.host.ip), server.host.vlan, gateway_of(server.host.ip));
    net.frame(t, server.host.vlan, server.host.mac, relay.mac, 0x0800, &frame::ipv4(&ip, &l4));
    // The relay hands it on, from its own address in the client's network.
    to_client(net, t + 20 * US, vlan, (router_mac(vlan), giaddr, 255), &down)
}

/// A server (or relay) answers on the client's own network: to the address it will have, if the client can take that, else to everyone.
pub fn to_client(net: &mut Net, t: u64, vlan: u16, from: (Mac, Ipv4Addr, u8), m: &Message) -> u64 {
    let everyone = m.kind == NAK || m.yiaddr.is_unspecified();
    let (dst, mac) = if everyone { (Ipv4Addr::BROADCAST, BROADCAST) } else { (m.yiaddr, m.chaddr) };
    let l4 = frame::udp(from.1.into(), dst.into(), (67, 68), &m.bytes());
    let ip = frame::ipv4(&Ip { src: from.1, dst, proto: 17, ttl: from.2, id: m.xid as u16 ^ 0x33 }, &l4);
    net.frame(t, vlan, from.0, mac, 0x0800, &ip);
    t + 80 * US
}

/// The four messages by way of the relay, then the probe and announcement of the new address (RFC 5227); when the host is up.
pub fn join(net: &mut Net, t: u64, c: &Asker, server: &Server, ip: Ipv4Addr) -> u64 {
    let xid = net.rng.next() as u32;
    let q = request(c, DISCOVER, xid, vec![]);
    broadcast(net, t, c.vlan, &q);
    let t = relayed(net, t, c.vlan, server, &q, OFFER, ip) + 4 * MS;
    let q = request(c, REQUEST, xid, vec![(50, ip.octets().to_vec()), (54, server.id.octets().to_vec())]);
    broadcast(net, t, c.vlan, &q);
    let t = relayed(net, t, c.vlan, server, &q, ACK, ip) + 30 * MS;
    announce(net, t, c, ip)
}

/// Three probes and an announcement.
pub fn announce(net: &mut Net, t: u64, c: &Asker, ip: Ipv4Addr) -> u64 {
    let mut t = t;
    for _ in 0..3 {
        net.frame(t, c.vlan, c.mac, BROADCAST, 0x0806, &frame::arp(1, (c.mac, NONE), ([0; 6], ip)));
        t += net.rng.range(950, 1_050) * MS;
    }
    net.frame(t, c.vlan, c.mac, BROADCAST, 0x0806, &frame::arp(1, (c.mac, ip), ([0; 6], ip)));
    t + 50 * MS
}

/// Half-way through its lease a host asks its server directly.
pub fn renew(net: &mut Net, t: u64, h: &Host, server: &Server) -> u64 {
    let xid = net.rng.next() as u32;
    let q = Message { ciaddr: h.ip, ..request(&windows(h), REQUEST, xid, vec![]) };
    let there = net.udp(t, h, server.host.ip, (68, 67), &q.bytes()) + net.rng.range(200, 900) * US;
    let a = Message { ciaddr: h.ip, ..server.says(ACK, &q, h.ip) };
    net.udp(there, &server.host, h.ip, (67, 68), &a.bytes())
}

/// A host with an address asks for settings only.
pub fn inform(net: &mut Net, t: u64, h: &Host, server: &Server) {
    let xid = net.rng.next() as u32;
    let q = Message { ciaddr: h.ip, ..request(&windows(h), INFORM, xid, vec![]) };
    let there = net.udp(t, h, server.host.ip, (68, 67), &q.bytes()) + net.rng.range(200, 900) * US;
    let a = Message { ciaddr: h.ip, ..server.says(ACK, &q, NONE) };
    net.udp(there, &server.host, h.ip, (67, 68), &a.bytes());
}

/// What a server that stands in the client's own network says.
pub fn local(net: &mut Net, t: u64, vlan: u16, server: &Server, q: &Message, kind: u8, ip: Ipv4Addr) -> u64 {
    to_client(net, t, vlan, (server.host.mac, server.host.ip, server.host.ttl), &server.says(kind, q, ip))
}
