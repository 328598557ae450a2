//! IP addresses in one shape, and prefixes of them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An IPv4 or IPv6 address as one number: IPv4 stands as its IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2), so it sorts and hashes in one shape.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Addr(pub u128);

const V4: u128 = 0xffff_0000_0000;

impl Addr {
    /// `::`, also used for "none".
    pub const NONE: Addr = Addr(0);

    /// From an IPv4 address in host order.
    pub const fn v4(bits: u32) -> Addr {
        Addr(V4 | bits as u128)
    }
    /// From sixteen bytes in network order.
    pub const fn v6(b: [u8; 16]) -> Addr {
        Addr(u128::from_be_bytes(b))
    }
    /// The IPv4 address in host order, if it is one.
    pub const fn as_v4(self) -> Option<u32> {
        if self.0 >> 32 == V4 >> 32 { Some(self.0 as u32) } else { None }
    }
    /// Is it IPv4?
    pub const fn is_v4(self) -> bool {
        self.0 >> 32 == V4 >> 32
    }
    /// `::` or `0.0.0.0`.
    pub const fn is_unspecified(self) -> bool {
        self.0 == 0 || self.0 == V4
    }
    /// A group address: IPv4 224.0.0.0/4 and 255.255.255.255, IPv6 ff00::/8.
    pub const fn is_multicast(self) -> bool {
        match self.as_v4() {
            Some(a) => a >> 28 == 0xe || a == u32::MAX,
            None => self.0 >> 120 == 0xff,
        }
    }
    /// 127.0.0.0/8 or `::1`.
    pub const fn is_loopback(self) -> bool {
        match self.as_v4() {
            Some(a) => a >> 24 == 127,
            None => self.0 == 1,
        }
    }
    /// 169.254.0.0/16 or fe80::/10.
    pub const fn is_link_local(self) -> bool {
        match self.as_v4() {
            Some(a) => a >> 16 == 0xa9fe,
            None => self.0 >> 118 == 0xfe80 >> 6,
        }
    }
    /// Addresses that no internet host has: RFC 1918, RFC 6598 (100.64.0.0/10), link-local, loopback, 0.0.0.0/8, ULA (fc00::/7), unspecified.
    /// Documentation ranges are not among them: they do appear as stand-ins of the internet.
    pub const fn is_private(self) -> bool {
        match self.as_v4() {
            Some(a) => {
                a >> 24 == 10
                    || a >> 20 == 0xac1
                    || a >> 16 == 0xc0a8
                    || a >> 22 == 0x6440 >> 6
                    || a >> 16 == 0xa9fe
                    || a >> 24 == 127
                    || a >> 24 == 0
            }
            None => self.0 >> 121 == 0xfc >> 1 || self.0 >> 118 == 0xfe80 >> 6 || self.0 <= 1,
        }
    }
    /// As the standard library's type.
    pub const fn ip(self) -> IpAddr {
        match self.as_v4() {
            Some(a) => IpAddr::V4(Ipv4Addr::from_bits(a)),
            None => IpAddr::V6(Ipv6Addr::from_bits(self.0)),
        }
    }
}

impl From<IpAddr> for Addr {
    fn from(ip: IpAddr) -> Addr {
        match ip {
            IpAddr::V4(a) => Addr::v4(a.to_bits()),
            IpAddr::V6(a) => Addr(a.to_bits()),
        }
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.ip(), f)
    }
}

impl fmt::Debug for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Addr {
    type Err = std::net::AddrParseError;
    fn from_str(s: &str) -> Result<Addr, Self::Err> {
        s.trim().parse::<IpAddr>().map(Addr::from)
    }
}

impl Serialize for Addr {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Addr {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Addr, D::Error> {
        let s = String::deserialize(d)?;
        s.parse().map_err(|_| serde::de::Error::custom(format!("`{s}` is no IP address")))
    }
}

/// An address prefix, stored with its host bits cleared. `bits` counts on the 128-bit form (IPv4 /24 is 120).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cidr {
    base: Addr,
    bits: u8,
}

/// Why a text is no prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network (expected an address and prefix length such as 10.0.0.0/24 or 2001:db8::/64)")]
pub struct CidrError(pub String);

impl Cidr {
    /// The prefix of `bits` bits (0..=32 for IPv4, 0..=128 for IPv6) that holds `addr`.
    pub fn new(addr: Addr, bits: u8) -> Option<Cidr> {
        let bits = if addr.is_v4() { bits.checked_add(96).filter(|b| *b <= 128)? } else { Some(bits).filter(|b| *b <= 128)? };
        Some(Cidr { base: Addr(addr.0 & Self::mask(bits)), bits })
    }
    fn mask(bits: u8) -> u128 {
        if bits == 0 { 0 } else { u128::MAX << (128 - u32::from(bits)) }
    }
    /// The first address of the prefix.
    pub fn first(self) -> Addr {
        self.base
    }
    /// The last address of the prefix.
    pub fn last(self) -> Addr {
        Addr(self.base.0 | !Self::mask(self.bits))
    }
    /// Prefix length in the address family's own count (IPv4 0..=32).
    pub fn prefix_len(self) -> u8 {
        if self.base.is_v4() && self.bits >= 96 { self.bits - 96 } else { self.bits }
    }
    /// Does the prefix hold this address?
    pub fn contains(self, a: Addr) -> bool {
        a.0 & Self::mask(self.bits) == self.base.0
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix_len())
    }
}

impl fmt::Debug for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `10.0.0.0/24`, `2001:db8::/64`, or a bare address for that one host. Host bits may be set; they are cleared.
impl FromStr for Cidr {
    type Err = CidrError;
    fn from_str(s: &str) -> Result<Cidr, CidrError> {
        let wrong = || CidrError(s.to_owned());
        let (a, n) = match s.trim().split_once('/') {
            Some((a, n)) => (a, Some(n.parse::<u8>().map_err(|_| wrong())?)),
            None => (s.trim(), None),
        };
        let addr: Addr = a.parse().map_err(|_| wrong())?;
        Cidr::new(addr, n.unwrap_or(if addr.is_v4() { 32 } else { 128 })).ok_or_else(wrong)
    }
}

impl<'de> Deserialize<'de> for Cidr {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Cidr, D::Error> {
        /// Judges the text while the reader still knows where it stands, so that an error names the line of this network, not of its list.
        struct Written;
        impl serde::de::Visitor<'_> for Written {
            type Value = Cidr;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a network such as \"10.0.0.0/24\"")
            }
            fn visit_str<E: serde::de::Error>(self, s: &str) -> Result<Cidr, E> {
                s.parse().map_err(E::custom)
            }
        }
        d.deserialize_str(Written)
    }
}

impl Serialize for Cidr {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a(s: &str) -> Addr {
        s.parse().unwrap()
    }

    #[test]
    fn private_and_public() {
        for s in [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "169.254.1.1",
            "127.0.0.1",
            "0.0.0.0",
            "fe80::1",
            "fd00::1",
            "::1",
        ] {
            assert!(a(s).is_private(), "{s}");
        }
        for s in [
            "9.255.255.255",
            "11.0.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "192.167.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "203.0.113.5",
            "8.8.8.8",
            "2001:db8::1",
            "2606::1",
        ] {
            assert!(!a(s).is_private(), "{s}");
        }
        assert!(
            a("255.255.255.255").is_multicast()
                && a("ff02::1").is_multicast()
                && a("239.1.1.1").is_multicast()
                && !a("10.255.255.255").is_multicast()
        );
    }

    #[test]
    fn prefixes() {
        let c: Cidr = "10.1.2.3/8".parse().unwrap();
        assert_eq!(c.to_string(), "10.0.0.0/8");
        assert!(c.contains(a("10.255.0.1")) && !c.contains(a("11.0.0.0")));
        assert_eq!(c.last(), a("10.255.255.255"));
        let six: Cidr = "2001:db8::/32".parse().unwrap();
        assert!(six.contains(a("2001:db8:1::5")) && !six.contains(a("10.0.0.1")));
        for s in ["10.0.0.0/33", "x/8", "10.0.0.0/", "::/129"] {
            assert!(s.parse::<Cidr>().is_err(), "{s}");
        }
        let all: Cidr = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains(a("1.2.3.4")) && !all.contains(a("::5")));
    }
}
