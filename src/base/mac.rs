//! Ethernet hardware addresses.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A 48-bit IEEE 802 address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    /// All bits zero: "no address".
    pub const ZERO: Mac = Mac([0; 6]);
    /// The broadcast address.
    pub const BROADCAST: Mac = Mac([0xff; 6]);

    /// From the first six bytes of `b`, if there are that many.
    pub fn read(b: &[u8]) -> Option<Mac> {
        b.first_chunk::<6>().map(|c| Mac(*c))
    }
    /// Group bit set (multicast or broadcast): never a sender.
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }
    /// Locally administered: randomised or set by software, so it has no vendor.
    pub const fn is_local(self) -> bool {
        self.0[0] & 2 != 0
    }
    /// Can stand for a device: neither zero nor a group address.
    pub fn is_device(self) -> bool {
        self != Mac::ZERO && !self.is_group()
    }
    /// As the low 48 bits of a number.
    pub const fn to_u64(self) -> u64 {
        let m = self.0;
        u64::from_be_bytes([0, 0, m[0], m[1], m[2], m[3], m[4], m[5]])
    }
    /// The reverse of [`Mac::to_u64`].
    pub const fn from_u64(v: u64) -> Mac {
        let b = v.to_be_bytes();
        Mac([b[2], b[3], b[4], b[5], b[6], b[7]])
    }
    /// The group address of VRRP (RFC 9568), HSRP or GLBP: a virtual router's MAC, which moves between boxes by design.
    pub fn is_virtual_router(self) -> bool {
        let m = self.0;
        matches!(m, [0x00, 0x00, 0x5e, 0x00, 0x01 | 0x02, _])
            || matches!(m, [0x00, 0x00, 0x0c, 0x07, 0xac, _])
            || matches!(m, [0x00, 0x00, 0x0c, 0x9f, 0xf0..=0xff, _])
            || matches!(m, [0x00, 0x05, 0x73, 0xa0, 0x00..=0x0f, _])
            || matches!(m, [0x00, 0x07, 0xb4, _, _, _])
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let m = self.0;
        write!(f, "{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", m[0], m[1], m[2], m[3], m[4], m[5])
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Twelve hexadecimal digits, with `:`, `-`, `.` or nothing between them.
impl FromStr for Mac {
    type Err = String;
    fn from_str(s: &str) -> Result<Mac, String> {
        let wrong = || format!("`{s}` is no MAC address (expected twelve hexadecimal digits such as 00:11:22:aa:bb:cc)");
        let mut out = [0u8; 6];
        let mut n = 0usize;
        for c in s.trim().chars() {
            if matches!(c, ':' | '-' | '.' | ' ') {
                continue;
            }
            let d = c.to_digit(16).ok_or_else(wrong)? as u8;
            let slot = out.get_mut(n / 2).ok_or_else(wrong)?;
            *slot = *slot << 4 | d;
            n += 1;
        }
        if n == 12 { Ok(Mac(out)) } else { Err(wrong()) }
    }
}

impl Serialize for Mac {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mac {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Mac, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_usual_spellings() {
        let want = Mac([0, 0x11, 0x22, 0xaa, 0xbb, 0xcc]);
        for s in ["00:11:22:aa:bb:cc", "00-11-22-AA-BB-CC", "0011.22aa.bbcc", "001122aabbcc", " 00:11:22:aa:bb:cc "] {
            assert_eq!(s.parse::<Mac>().unwrap(), want, "{s}");
        }
        for s in ["", "00:11:22:aa:bb", "00:11:22:aa:bb:cc:dd", "gg:11:22:aa:bb:cc"] {
            assert!(s.parse::<Mac>().is_err(), "{s}");
        }
        assert_eq!(Mac::from_u64(want.to_u64()), want);
    }

    #[test]
    fn knows_virtual_routers() {
        assert!(Mac([0, 0, 0x5e, 0, 1, 7]).is_virtual_router());
        assert!(Mac([0, 0, 0x0c, 7, 0xac, 1]).is_virtual_router());
        assert!(!Mac([0, 0, 0x0c, 0, 0, 0x10]).is_virtual_router());
    }
}
