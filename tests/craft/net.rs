//! A hospital's core switch as its mirror port shows it: every frame is copied where it enters the switch, so a routed packet is seen twice,
//! in both VLANs, the second time from the router's MAC, with one hop less, some microseconds later.

use super::frame::{self, BROADCAST, Ip, Mac};
use super::rng::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Microsecond, millisecond, second in nanoseconds.
pub const US: u64 = 1_000;
pub const MS: u64 = 1_000_000;
pub const S: u64 = 1_000_000_000;
/// 2026-11-21 00:00:00 UTC, nine in the morning in Tokyo.
pub const DAY: u64 = 1_795_219_200 * S;
/// How long a neighbour is remembered before it is asked again.
const ARP_LIFE: u64 = 240 * S;
/// The link between core switch and firewall.
pub const TRANSIT: u16 = 199;

/// A station. On the internet: `vlan` is the transit link, `mac` the firewall's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host {
    pub name: &'static str,
    pub mac: Mac,
    pub ip: Ipv4Addr,
    pub vlan: u16,
    pub ttl: u8,
}

impl Host {
    /// Is it beyond the firewall?
    pub fn is_outside(&self) -> bool {
        self.vlan == TRANSIT && !self.ip.is_private()
    }
}

/// The router's MAC in a VLAN.
pub fn router_mac(vlan: u16) -> Mac {
    [0x00, 0x00, 0x0c, 0x40, 0x00, vlan as u8]
}

/// The router's address in the network of an address.
pub fn gateway_of(ip: Ipv4Addr) -> Ipv4Addr {
    let [a, b, c, _] = ip.octets();
    Ipv4Addr::new(a, b, c, 1)
}

/// The network and what was seen on it.
pub struct Net {
    pub rng: Rng,
    hosts: BTreeMap<Ipv4Addr, Host>,
    arp: BTreeMap<(Mac, Ipv4Addr), u64>,
    ids: BTreeMap<Ipv4Addr, u16>,
    off: BTreeSet<Ipv4Addr>,
    ports: BTreeMap<Ipv4Addr, u16>,
    frames: Vec<(u64, usize, Vec<u8>)>,
    tagged: bool,
}

impl Net {
    /// With the stations that are there from the beginning.
    pub fn new(seed: u64, hosts: &[Host]) -> Net {
        Net {
            rng: Rng::new(seed),
            hosts: hosts.iter().map(|h| (h.ip, *h)).collect(),
            arp: BTreeMap::new(),
            ids: BTreeMap::new(),
            off: BTreeSet::new(),
            ports: BTreeMap::new(),
            frames: Vec::new(),
            tagged: true,
        }
    }
    /// A station joins, or another one takes its address over.
    pub fn join(&mut self, h: Host) {
        self.arp.retain(|k, _| k.1 != h.ip);
        self.off.remove(&h.ip);
        self.hosts.insert(h.ip, h);
    }
    /// A station is switched off.
    pub fn leave(&mut self, h: Host) {
        self.arp.retain(|k, _| k.1 != h.ip);
        self.off.insert(h.ip);
    }
    /// Whoever holds the address and is on.
    pub fn holder(&self, ip: Ipv4Addr) -> Option<Host> {
        self.hosts.get(&ip).copied().filter(|_| !self.off.contains(&ip))
    }
    /// A fresh port of this host.
    pub fn port(&mut self, ip: Ipv4Addr) -> u16 {
        let start = 49_160 + (self.rng.next() >> 40) as u16 % 8_000;
        let p = self.ports.entry(ip).or_insert(start);
        *p = if *p >= 65_000 { 49_160 } else { *p + 1 };
        *p
    }
    /// A frame as it enters the switch.
    pub fn frame(&mut self, t: u64, vlan: u16, src: Mac, dst: Mac, ethertype: u16, payload: &[u8]) {
        let tag = self.tagged.then_some(vlan);
        self.raw(t, frame::eth(dst, src, tag, ethertype, payload));
    }
    /// A frame as it is.
    pub fn raw(&mut self, t: u64, bytes: Vec<u8>) {
        self.frames.push((t, self.frames.len(), bytes));
    }
    /// `from` (or the router, by its MAC) makes sure of a neighbour's MAC; when it knows it, and whether it does.
    pub fn resolve(&mut self, t: u64, from: (Mac, Ipv4Addr), vlan: u16, target: Ipv4Addr) -> (u64, Option<Mac>) {
        let router = gateway_of(target);
        let mac = if target == router { Some(router_mac(vlan)) } else { self.holder(target).filter(|h| h.vlan == vlan).map(|h| h.mac) };
        if mac.is_some() && self.arp.get(&(from.0, target)).is_some_and(|until| *until > t) {
            return (t, mac);
        }
        let ask = frame::arp(1, from, ([0; 6], target));
        let Some(mac) = mac else {
            // Three questions, a second apart, then silence; a question under way is not repeated.
            if self.arp.get(&(from.0, target)).is_none_or(|until| *until <= t) {
                self.arp.insert((from.0, target), t + 3 * S);
                for i in 0..3 {
                    let at = t + i * S + self.rng.range(0, 900) * US;
                    self.frame(at, vlan, from.0, BROADCAST, 0x0806, &ask);
                }
            }
            return (t, None);
        };
        self.frame(t, vlan, from.0, BROADCAST, 0x0806, &ask);
        let answered = t + self.rng.range(90, 600) * US;
        self.frame(answered, vlan, mac, from.0, 0x0806, &frame::arp(2, (mac, target), from));
        self.arp.insert((from.0, target), t + ARP_LIFE + self.rng.range(0, 60) * S);
        // Who is asked learns the asker's address too.
        self.arp.insert((mac, from.1), t + ARP_LIFE);
        (answered + 30 * US, Some(mac))
    }
    /// An IPv4 packet on its whole way; when it arrived, if it did.
    pub fn ip(&mut self, t: u64, from: &Host, dst: Ipv4Addr, proto: u8, l4: &[u8]) -> Option<u64> {
        let id = self.ids.entry(from.ip).or_insert((u32::from(from.ip) >> 3) as u16);
        *id = id.wrapping_add(1);
        let ip = Ip { src: from.ip, dst, proto, ttl: from.ttl, id: *id };
        if dst.is_broadcast() || dst.is_multicast() || dst.octets()[3] == 255 {
            let mac = if dst.is_multicast() { multicast_mac(dst) } else { BROADCAST };
            let ttl = match dst.octets() {
                [224, 0, 0, 251] => 255,
                [224, ..] => 1,
                [239, ..] => 4,
                _ => ip.ttl,
            };
            let ip = Ip { ttl, ..ip };
            self.frame(t, from.vlan, from.mac, mac, 0x0800, &frame::ipv4(&ip, l4));
            return Some(t);
        }
        if dst == gateway_of(from.ip) || same_network(from.ip, dst) && !from.is_outside() {
            let (t, mac) = self.resolve(t, (from.mac, from.ip), from.vlan, dst);
            self.frame(t, from.vlan, from.mac, mac?, 0x0800, &frame::ipv4(&ip, l4));
            return Some(t + self.rng.range(40, 180) * US);
        }
        self.routed(t, from, ip, l4)
    }
    fn routed(&mut self, t: u64, from: &Host, ip: Ip, l4: &[u8]) -> Option<u64> {
        let asks = if from.is_outside() { (from.mac, Ipv4Addr::new(10, 40, 99, 2)) } else { (from.mac, from.ip) };
        let (t, router) = self.resolve(t, asks, from.vlan, gateway_of(asks.1));
        self.frame(t, from.vlan, from.mac, router?, 0x0800, &frame::ipv4(&ip, l4));
        let t = t + self.rng.range(3_000, 20_000);
        let inside = ip.dst.is_private();
        let (vlan, hop) = if inside { (vlan_of(ip.dst), ip.dst) } else { (TRANSIT, Ipv4Addr::new(10, 40, 99, 2)) };
        let (t, mac) = self.resolve(t, (router_mac(vlan), gateway_of(hop)), vlan, hop);
        let ip = Ip { ttl: ip.ttl - 1, ..ip };
        self.frame(t, vlan, router_mac(vlan), mac?, 0x0800, &frame::ipv4(&ip, l4));
        let way = if inside { self.rng.range(60, 240) * US } else { self.rng.range(4, 9) * MS };
        Some(t + way)
    }
    /// A UDP datagram; when it arrived.
    pub fn udp(&mut self, t: u64, from: &Host, dst: Ipv4Addr, ports: (u16, u16), payload: &[u8]) -> u64 {
        let l4 = frame::udp(from.ip.into(), dst.into(), ports, payload);
        self.ip(t, from, dst, 17, &l4).unwrap_or(t)
    }
    /// A question and its answer over UDP; when the answer arrived.
    pub fn ask(&mut self, t: u64, a: &Host, b: &Host, port: u16, question: &[u8], answer: &[u8]) -> u64 {
        let mine = self.port(a.ip);
        let there = self.udp(t, a, b.ip, (mine, port), question) + self.rng.range(80, 900) * US;
        self.udp(there, b, a.ip, (port, mine), answer)
    }
    /// An echo and its answer, if anyone is there.
    pub fn ping(&mut self, t: u64, a: &Host, dst: Ipv4Addr, seq: u16) -> Option<u64> {
        let rest = [0, 1, (seq >> 8) as u8, seq as u8];
        let body = b"abcdefghijklmnopqrstuvwabcdefghi";
        let there = self.ip(t, a, dst, 1, &frame::icmp(8, 0, rest, body))?;
        let b = self.holder(dst)?;
        self.ip(there + 60 * US, &b, a.ip, 1, &frame::icmp(0, 0, rest, body))
    }
    /// Everything, in time order.
    pub fn capture(mut self) -> Vec<(u64, Vec<u8>)> {
        self.frames.sort_by_key(|f| (f.0, f.1));
        self.frames.into_iter().map(|f| (f.0, f.2)).collect()
    }
}

/// The VLAN of an inside address: 10.40.N.x is VLAN 100 + N.
pub fn vlan_of(ip: Ipv4Addr) -> u16 {
    100 + u16::from(ip.octets()[2])
}

fn same_network(a: Ipv4Addr, b: Ipv4Addr) -> bool {
    a.octets()[..3] == b.octets()[..3]
}

/// RFC 1112, 6.4.
fn multicast_mac(a: Ipv4Addr) -> Mac {
    let [_, b, c, d] = a.octets();
    [0x01, 0x00, 0x5e, b & 0x7f, c, d]
}
