//! Below IP and beside it: spanning tree (IEEE 802.1D), LLDP (802.1AB), VRRP (RFC 5798), gratuitous ARP (RFC 5227), IPv6 neighbour discovery
//! (RFC 4861) and multicast listener reports (RFC 3810).

use super::frame::{self, BROADCAST, Mac};
use super::net::{Host, Net, S, router_mac};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A link-local address made of a MAC (RFC 4291, appendix A).
pub fn link_local(m: Mac) -> Ipv6Addr {
    Ipv6Addr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]])
}

/// The multicast group in which a host is asked for an address.
fn solicited(a: Ipv6Addr) -> Ipv6Addr {
    let o = a.octets();
    Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, o[13], o[14], o[15]])
}

fn group_mac(a: Ipv6Addr) -> Mac {
    let o = a.octets();
    [0x33, 0x33, o[12], o[13], o[14], o[15]]
}

/// A host comes up with IPv6: duplicate address detection, listener report, router solicitation.
pub fn ipv6_start(net: &mut Net, t: u64, h: &Host) {
    let ll = link_local(h.mac);
    let group = solicited(ll);
    let none = Ipv6Addr::UNSPECIFIED;
    let dad = frame::icmp6(none, group, 135, &[&[0; 4][..], &ll.octets()].concat());
    net.frame(t, h.vlan, h.mac, group_mac(group), 0x86dd, &frame::ipv6(none, group, 58, 255, &dad));
    let routers = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
    let report = frame::icmp6(ll, routers, 143, &[&[0, 0, 0, 1, 4, 0, 0, 0][..], &group.octets()].concat());
    let hop = [&[58, 0, 5, 2, 0, 0, 1, 0][..], &report].concat();
    net.frame(t + S, h.vlan, h.mac, group_mac(routers), 0x86dd, &frame::ipv6(ll, routers, 0, 1, &hop));
    let all = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
    let ask = frame::icmp6(ll, all, 133, &[&[0; 4][..], &[1, 1], &h.mac].concat());
    net.frame(t + S + S / 4, h.vlan, h.mac, group_mac(all), 0x86dd, &frame::ipv6(ll, all, 58, 255, &ask));
}

/// The router announces itself without any prefix.
pub fn router_advertisement(net: &mut Net, t: u64, vlan: u16) {
    let mac = router_mac(vlan);
    let (ll, all) = (link_local(mac), Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1));
    let body = [&[64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &[1, 1], &mac].concat();
    let m = frame::icmp6(ll, all, 134, &body);
    net.frame(t, vlan, mac, group_mac(all), 0x86dd, &frame::ipv6(ll, all, 58, 255, &m));
}

/// One host asks another by neighbour solicitation and is answered.
pub fn neighbour(net: &mut Net, t: u64, a: &Host, b: &Host) {
    let (la, lb) = (link_local(a.mac), link_local(b.mac));
    let group = solicited(lb);
    let ask = frame::icmp6(la, group, 135, &[&[0; 4][..], &lb.octets(), &[1, 1], &a.mac].concat());
    net.frame(t, a.vlan, a.mac, group_mac(group), 0x86dd, &frame::ipv6(la, group, 58, 255, &ask));
    let answer = frame::icmp6(lb, la, 136, &[&[0x60, 0, 0, 0][..], &lb.octets(), &[2, 1], &b.mac].concat());
    net.frame(t + S / 4000, a.vlan, b.mac, a.mac, 0x86dd, &frame::ipv6(lb, la, 58, 255, &answer));
}

/// One host asks for an address by neighbour solicitation.
pub fn neighbour_question(net: &mut Net, t: u64, from: &Host, target: Ipv6Addr) {
    let (me, group) = (link_local(from.mac), solicited(target));
    let ask = frame::icmp6(me, group, 135, &[&[0; 4][..], &target.octets(), &[1, 1], &from.mac].concat());
    net.frame(t, from.vlan, from.mac, group_mac(group), 0x86dd, &frame::ipv6(me, group, 58, 255, &ask));
}

/// A neighbour advertisement that overrides what its receiver knew; `to` may be all stations; `hops` is 255 unless it came through a router.
pub fn neighbour_claim(net: &mut Net, t: u64, vlan: u16, mac: Mac, target: Ipv6Addr, to: Mac, hops: u8) {
    let dst = if to[0] == 0x33 { Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1) } else { link_local(to) };
    let says = frame::icmp6(target, dst, 136, &[&[0x20, 0, 0, 0][..], &target.octets(), &[2, 1], &mac].concat());
    net.frame(t, vlan, mac, to, 0x86dd, &frame::ipv6(target, dst, 58, hops, &says));
}

/// The core switch's hello.
pub fn spanning_tree(net: &mut Net, t: u64) {
    let port = [0x00, 0x00, 0x0c, 0x40, 0x01, 0x07];
    let root = [0x80, 0x00, 0x00, 0x00, 0x0c, 0x40, 0x01, 0x00];
    let bpdu = [&[0x42, 0x42, 3, 0, 0, 2, 2, 0x3c][..], &root, &[0, 0, 0, 0], &root, &[0x80, 7, 0, 0, 20, 0, 2, 0, 15, 0, 0]].concat();
    net.raw(t, frame::llc([0x01, 0x80, 0xc2, 0, 0, 0], port, &bpdu));
}

/// The core switch says who it is.
pub fn lldp(net: &mut Net, t: u64) {
    let port = [0x00, 0x00, 0x0c, 0x40, 0x01, 0x07];
    let tlvs =
        [&[0x02, 7, 4][..], &[0, 0, 0x0c, 0x40, 1, 0], &[0x04, 8, 5], b"Gi1/0/7", &[0x06, 2, 0, 120], &[0x0a, 9], b"core-hill", &[0, 0]].concat();
    net.raw(t, frame::eth([0x01, 0x80, 0xc2, 0, 0, 0x0e], port, None, 0x88cc, &tlvs));
}

/// The master of a virtual router announces itself.
pub fn vrrp(net: &mut Net, t: u64, vlan: u16, master: Ipv4Addr, group: u8, shared: Ipv4Addr, priority: u8) {
    let mut m = [&[0x31, group, priority, 1, 0, 100, 0, 0][..], &shared.octets()].concat();
    let dst = Ipv4Addr::new(224, 0, 0, 18);
    let pseudo = [&master.octets()[..], &dst.octets(), &[0, 112, 0, 12]].concat();
    let sum = frame::checksum(&[&pseudo, &m]);
    m[6..8].copy_from_slice(&sum.to_be_bytes());
    let ip = frame::ipv4(&frame::Ip { src: master, dst, proto: 112, ttl: 255, id: 0 }, &m);
    net.frame(t, vlan, [0, 0, 0x5e, 0, 1, group], [0x01, 0, 0x5e, 0, 0, 18], 0x0800, &ip);
}

/// A station announces that it holds an address.
pub fn gratuitous(net: &mut Net, t: u64, vlan: u16, mac: Mac, ip: Ipv4Addr) {
    net.frame(t, vlan, mac, BROADCAST, 0x0806, &frame::arp(1, (mac, ip), ([0; 6], ip)));
}

/// An ARP answer, asked for or not.
pub fn arp_answer(net: &mut Net, t: u64, vlan: u16, mac: Mac, ip: Ipv4Addr, to: (Mac, Ipv4Addr)) {
    net.frame(t, vlan, mac, to.0, 0x0806, &frame::arp(2, (mac, ip), to));
}

/// An ARP question.
pub fn arp_question(net: &mut Net, t: u64, vlan: u16, from: (Mac, Ipv4Addr), ip: Ipv4Addr) {
    net.frame(t, vlan, from.0, BROADCAST, 0x0806, &frame::arp(1, from, ([0; 6], ip)));
}
