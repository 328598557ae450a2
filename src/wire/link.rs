//! Link layers: Ethernet with any number of tags (IEEE 802.1Q, 802.1ad), LLC and SNAP (IEEE 802.2), Linux cooked captures, loopback, ARP (RFC 826).

use super::read::{at, be16, be32, byte};
use super::walk::{DONE, Next, Step, Walk};
use super::{Kind, Vlans, flag};
use crate::base::Addr;

/// Field values below this are a length (IEEE 802.3, 3.2.6).
const FIRST_ETHERTYPE: u16 = 0x0600;

/// EtherTypes of protocols that live on one link and carry no addresses above it: they are known, not undecoded.
const fn is_link_protocol(t: u16) -> bool {
    matches!(
        t,
        0x2000 // CDP without LLC
            | 0x2003 // Cisco DTP, as some captures show it
            | 0x6002 // DEC MOP
            | 0x8035 // RARP
            | 0x809a // IEEE 802.15.4
            | 0x8137 // IPX
            | 0x8808 // pause frames
            | 0x8809 // LACP, OAM
            | 0x8863 // PPPoE discovery
            | 0x886d // Intel teaming probes
            | 0x8874 // Broadcom loop detection
            | 0x888e // EAPOL
            | 0x8892 // PROFINET
            | 0x8899 // Realtek loop detection
            | 0x88a4 // EtherCAT
            | 0x88b8 // GOOSE
            | 0x88cc // LLDP
            | 0x88f7 // PTP
            | 0x8902 // CFM
            | 0x893a // IEEE 1905
            | 0x9000 // loopback test
            | 0x9003 // Cisco SLPP
    )
}

impl Walk<'_> {
    pub(super) fn ethernet(&mut self, pos: usize) -> Step {
        let Some(e) = at::<14>(self.d, pos) else {
            return self.stop("ethernet", "ethernet_header_cut", pos);
        };
        let t = u16::from_be_bytes([e[12], e[13]]);
        self.p.l2 = pos as u32;
        self.p.flags = self.p.flags & !flag::OUTER_MAC | flag::MAC;
        self.p.vlan = Vlans::default();
        (Next::Type(t), pos + 14)
    }
    /// What follows an EtherType at `pos`.
    pub(super) fn ethertype(&mut self, t: u16, pos: usize) -> Step {
        match t {
            0x0800 | 0x86dd => self.announced_ip(t, pos),
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => self.vlan(pos),
            0x0806 => self.arp(pos),
            0x8847 | 0x8848 => self.mpls(pos),
            0x8864 => self.pppoe(pos),
            0x8926 => self.tag("vntag", pos, 4),
            // IEEE 802.1CB sequence tag, Cisco TrustSec metadata, IEEE 802.1BR port extender tag.
            0xf1c1 => self.tag("rtag", pos, 4),
            0x8909 => self.tag("cmd", pos, 6),
            0x893f => self.tag("etag", pos, 6),
            // Frames in frames: the customer's behind a provider's service tag (IEEE 802.1ah), and Cisco FabricPath.
            0x88e7 => (Next::Ethernet, pos + 4),
            0x8903 => (Next::Ethernet, pos + 2),
            0x88e5 => self.macsec(pos),
            t if t < FIRST_ETHERTYPE => self.llc(t, pos),
            t if is_link_protocol(t) => self.link_protocol(pos),
            _ => DONE,
        }
    }
    /// The EtherType and the version must say the same.
    fn announced_ip(&mut self, t: u16, pos: usize) -> Step {
        let version = byte(self.d, pos).map(|b| b >> 4);
        match (t, version) {
            (0x0800, Some(4)) | (0x86dd, Some(6)) | (_, None) => (Next::Ip, pos),
            _ => self.stop("ip", "ip_version_mismatch", pos),
        }
    }
    fn vlan(&mut self, pos: usize) -> Step {
        let (Some(tci), Some(t)) = (be16(self.d, pos), be16(self.d, pos + 2)) else {
            return self.stop("vlan", "vlan_tag_cut", pos);
        };
        let id = tci & 0x0fff;
        // A priority tag (0) is no VLAN; 4095 is reserved and kept, so that someone sees it.
        let v = &mut self.p.vlan.0;
        match (id, &v) {
            (0, _) => {}
            (_, [0, _]) => v[0] = id,
            _ => v[1] = id,
        }
        (Next::Type(t), pos + 4)
    }
    /// A tag of fixed length with the next EtherType behind it.
    fn tag(&mut self, layer: &'static str, pos: usize, len: usize) -> Step {
        match be16(self.d, pos + len) {
            Some(t) => (Next::Type(t), pos + len + 2),
            None => self.stop(layer, "tag_cut", pos),
        }
    }
    /// MACsec (IEEE 802.1AE, 9.3): readable when only integrity is protected; the check value behind the payload is left to the inner lengths.
    fn macsec(&mut self, pos: usize) -> Step {
        let Some(tci) = byte(self.d, pos) else {
            return self.stop("macsec", "tag_cut", pos);
        };
        if tci & 0x0c != 0 {
            return self.stop("macsec", "macsec_encrypted", pos);
        }
        self.tag("macsec", pos, if tci & 0x20 != 0 { 14 } else { 6 })
    }
    fn llc(&mut self, len: u16, pos: usize) -> Step {
        self.narrow(pos, usize::from(len));
        let Some([dsap, ssap, control]) = at::<3>(self.d, pos).copied() else {
            return self.stop("llc", "llc_header_cut", pos);
        };
        match (dsap, ssap, control) {
            (0xaa, 0xaa, 3) => self.snap(pos),
            (0x06, 0x06, 3) => (Next::Ip, pos + 3),
            _ => self.link_protocol(pos),
        }
    }
    fn snap(&mut self, pos: usize) -> Step {
        let Some([a, b, c, hi, lo]) = at::<5>(self.d, pos + 3).copied() else {
            return self.stop("llc", "snap_header_cut", pos);
        };
        let t = u16::from_be_bytes([hi, lo]);
        match [a, b, c] {
            // RFC 1042, and IEEE 802.1H for bridged tunnels.
            [0, 0, 0 | 0xf8] if t >= FIRST_ETHERTYPE => (Next::Type(t), pos + 8),
            _ => self.link_protocol(pos),
        }
    }
    /// A protocol of the link itself: described by its place only.
    pub(super) fn link_protocol(&mut self, pos: usize) -> Step {
        self.p.kind = Kind::Link;
        self.p.l3 = pos as u32;
        self.payload(pos);
        DONE
    }
    /// ARP for Ethernet and IPv4. Anything else that speaks ARP is a link protocol.
    fn arp(&mut self, pos: usize) -> Step {
        let Some(h) = at::<8>(self.d, pos) else {
            return self.stop("arp", "arp_header_cut", pos);
        };
        if h[2..6] != [8, 0, 6, 4] {
            self.weird("arp", "arp_not_ipv4", pos);
            return self.link_protocol(pos);
        }
        let (Some(sender), Some(target)) = (be32(self.d, pos + 14), be32(self.d, pos + 24)) else {
            return self.stop("arp", "arp_cut", pos);
        };
        self.p.kind = Kind::Arp;
        self.p.l3 = pos as u32;
        self.p.src = Addr::v4(sender);
        self.p.dst = Addr::v4(target);
        self.narrow(pos, 28);
        self.payload(pos);
        DONE
    }
    /// Linux cooked capture, version 1. The header holds the sender's address only, so there is no Ethernet header to point at.
    pub(super) fn sll(&mut self, pos: usize) -> Step {
        let (Some(arphrd), Some(t)) = (be16(self.d, pos + 2), be16(self.d, pos + 14)) else {
            return self.stop("sll", "sll_header_cut", pos);
        };
        self.cooked(arphrd, t, pos + 16)
    }
    /// Linux cooked capture, version 2.
    pub(super) fn sll2(&mut self, pos: usize) -> Step {
        let (Some(t), Some(arphrd), Some(_)) = (be16(self.d, pos), be16(self.d, pos + 8), at::<20>(self.d, pos)) else {
            return self.stop("sll2", "sll_header_cut", pos);
        };
        self.cooked(arphrd, t, pos + 20)
    }
    fn cooked(&mut self, arphrd: u16, t: u16, pos: usize) -> Step {
        match (arphrd, t) {
            // Netlink, radiotap and 802.11 devices: the field is no EtherType.
            (824 | 801..=803, _) => DONE,
            // 802.2 frames without their length field.
            (_, 4) => self.llc(FIRST_ETHERTYPE - 1, pos),
            (_, t) if t < FIRST_ETHERTYPE => self.link_protocol(pos),
            _ => (Next::Type(t), pos),
        }
    }
    /// BSD loopback: an address family in the capturing host's byte order, or in network order.
    pub(super) fn loopback(&mut self, pos: usize, host_order: bool) -> Step {
        let Some(raw) = be32(self.d, pos) else {
            return self.stop("null", "null_header_cut", pos);
        };
        // Families are small numbers: the order with the small reading is the host's.
        let family = if host_order && raw > 0xffff { raw.swap_bytes() } else { raw };
        match family {
            2 => self.announced_ip(0x0800, pos + 4),
            // AF_INET6 of Linux, NetBSD and OpenBSD, FreeBSD, Darwin.
            10 | 24 | 28 | 30 => self.announced_ip(0x86dd, pos + 4),
            _ => self.stop("null", "null_family", pos),
        }
    }
}
