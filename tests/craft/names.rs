//! Names: DNS (RFC 1035), mDNS (RFC 6762), LLMNR (RFC 4795), NetBIOS names (RFC 1002).

use super::net::{Host, MS, Net};
use std::net::Ipv4Addr;

fn qname(name: &str) -> Vec<u8> {
    let mut out: Vec<u8> = name.split('.').filter(|l| !l.is_empty()).flat_map(|l| [&[l.len() as u8][..], l.as_bytes()].concat()).collect();
    out.push(0);
    out
}

/// A question for an address.
pub fn question(id: u16, flags: u16, name: &str) -> Vec<u8> {
    [&id.to_be_bytes()[..], &flags.to_be_bytes(), &[0, 1, 0, 0, 0, 0, 0, 0], &qname(name), &[0, 1, 0, 1]].concat()
}

/// Its answer; without addresses "no such name".
pub fn answer(id: u16, name: &str, addrs: &[Ipv4Addr]) -> Vec<u8> {
    let flags: u16 = if addrs.is_empty() { 0x8183 } else { 0x8180 };
    let mut out = [&id.to_be_bytes()[..], &flags.to_be_bytes(), &[0, 1, 0, addrs.len() as u8, 0, 0, 0, 0], &qname(name), &[0, 1, 0, 1]].concat();
    for a in addrs {
        out.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 120, 0, 4]);
        out.extend(a.octets());
    }
    out
}

/// A host asks its resolver; when it knows.
pub fn lookup(net: &mut Net, t: u64, a: &Host, resolver: &Host, name: &str, addrs: &[Ipv4Addr]) -> u64 {
    let id = net.rng.next() as u16;
    net.ask(t, a, resolver, 53, &question(id, 0x0100, name), &answer(id, name, addrs))
}

/// A host asks its resolver for a name outside; the resolver asks its forwarder first.
pub fn lookup_outside(net: &mut Net, t: u64, a: &Host, resolver: &Host, forwarder: &Host, name: &str, addrs: &[Ipv4Addr]) -> u64 {
    let (id, id2) = (net.rng.next() as u16, net.rng.next() as u16);
    let port = net.port(a.ip);
    let there = net.udp(t, a, resolver.ip, (port, 53), &question(id, 0x0100, name));
    let known = net.ask(there + MS, resolver, forwarder, 53, &question(id2, 0x0110, name), &answer(id2, name, addrs));
    net.udp(known + MS, resolver, a.ip, (53, port), &answer(id, name, addrs))
}

/// The first level encoding of a NetBIOS name (RFC 1001, 14.1).
fn nb(name: &str, suffix: u8) -> Vec<u8> {
    let mut padded: Vec<u8> = name.bytes().map(|b| b.to_ascii_uppercase()).chain(std::iter::repeat(b' ')).take(15).collect();
    padded.push(suffix);
    let mut out = vec![32];
    out.extend(padded.iter().flat_map(|b| [b'A' + (b >> 4), b'A' + (b & 15)]));
    out.push(0);
    out
}

/// A NetBIOS name registration by broadcast.
pub fn netbios_register(net: &mut Net, t: u64, h: &Host) {
    let [a, b, c, _] = h.ip.octets();
    let id = net.rng.next() as u16;
    let m = [
        &id.to_be_bytes()[..],
        &[0x29, 0x10, 0, 1, 0, 0, 0, 0, 0, 1],
        &nb(h.name, 0),
        &[0, 0x20, 0, 1, 0xc0, 0x0c, 0, 0x20, 0, 1, 0, 4, 0x93, 0xe0, 0, 6, 0, 0],
        &h.ip.octets(),
    ]
    .concat();
    net.udp(t, h, Ipv4Addr::new(a, b, c, 255), (137, 137), &m);
}

/// A NetBIOS name question by broadcast.
pub fn netbios_query(net: &mut Net, t: u64, h: &Host, name: &str) {
    let [a, b, c, _] = h.ip.octets();
    let id = net.rng.next() as u16;
    let m = [&id.to_be_bytes()[..], &[0x01, 0x10, 0, 1, 0, 0, 0, 0, 0, 0], &nb(name, 0x20), &[0, 0x20, 0, 1]].concat();
    net.udp(t, h, Ipv4Addr::new(a, b, c, 255), (137, 137), &m);
}

/// An LLMNR question.
pub fn llmnr_query(net: &mut Net, t: u64, h: &Host, name: &str) {
    let (id, port) = (net.rng.next() as u16, net.port(h.ip));
    net.udp(t, h, Ipv4Addr::new(224, 0, 0, 252), (port, 5355), &question(id, 0, name));
}

/// An LLMNR question and the answer of a host, with the address that it tells.
pub fn llmnr_exchange(net: &mut Net, t: u64, asker: &Host, by: &Host, name: &str, addr: Ipv4Addr) -> u64 {
    let (id, port) = (net.rng.next() as u16, net.port(asker.ip));
    net.udp(t, asker, Ipv4Addr::new(224, 0, 0, 252), (port, 5355), &question(id, 0, name));
    let mut m = answer(id, name, &[addr]);
    m[2..4].copy_from_slice(&0x8000u16.to_be_bytes());
    net.udp(t + 2 * MS, by, asker.ip, (5355, port), &m)
}

/// A NetBIOS question by broadcast and the answer of a host with its own address (RFC 1002, 4.2.13).
pub fn netbios_exchange(net: &mut Net, t: u64, asker: &Host, by: &Host, name: &str) -> u64 {
    let [a, b, c, _] = asker.ip.octets();
    let id = net.rng.next() as u16;
    let ask = [&id.to_be_bytes()[..], &[0x01, 0x10, 0, 1, 0, 0, 0, 0, 0, 0], &nb(name, 0x20), &[0, 0x20, 0, 1]].concat();
    net.udp(t, asker, Ipv4Addr::new(a, b, c, 255), (137, 137), &ask);
    let head = [&id.to_be_bytes()[..], &[0x85, 0, 0, 0, 0, 1, 0, 0, 0, 0]].concat();
    let m = [&head[..], &nb(name, 0x20), &[0, 0x20, 0, 1, 0, 0, 0, 165, 0, 6, 0, 0], &by.ip.octets()].concat();
    net.udp(t + 3 * MS, by, asker.ip, (137, 137), &m)
}

/// An mDNS announcement of the host's own name.
pub fn mdns_announce(net: &mut Net, t: u64, h: &Host) {
    let m =
        [&[0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0][..], &qname(&format!("{}.local", h.name)), &[0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4], &h.ip.octets()]
            .concat();
    net.udp(t, h, Ipv4Addr::new(224, 0, 0, 251), (5353, 5353), &m);
}

/// An mDNS question for printers.
pub fn mdns_printers(net: &mut Net, t: u64, h: &Host) {
    let m = [&[0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], &qname("_ipp._tcp.local"), &[0, 12, 0, 1]].concat();
    net.udp(t, h, Ipv4Addr::new(224, 0, 0, 251), (5353, 5353), &m);
}

/// An SSDP search.
pub fn ssdp_search(net: &mut Net, t: u64, h: &Host) {
    let port = net.port(h.ip);
    let m = b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n";
    net.udp(t, h, Ipv4Addr::new(239, 255, 255, 250), (port, 1900), m);
}
