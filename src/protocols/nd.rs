//! IPv6 neighbour discovery (RFC 4861): solicitation, advertisement, router advertisement.

use super::cursor::Cursor;
use crate::base::{Addr, Mac};

/// One neighbour-discovery message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Nd {
    /// ICMPv6 type: 133 RS, 134 RA, 135 NS, 136 NA, 137 redirect.
    pub kind: u8,
    /// Source address of the packet (`::` in duplicate address detection).
    pub source: Addr,
    /// Target address of NS, NA and redirect.
    pub target: Addr,
    /// Source or target link-layer address option.
    pub mac: Option<Mac>,
    /// RA: router lifetime in seconds (0 = no default router).
    pub lifetime: u16,
    /// RA: first prefix information option, address and length.
    pub prefix: Option<(Addr, u8)>,
    /// NA: override bit.
    pub is_override: bool,
}

/// Router solicitation.
pub const ROUTER_SOLICITATION: u8 = 133;
/// Router advertisement.
pub const ROUTER_ADVERTISEMENT: u8 = 134;
/// Neighbour solicitation.
pub const NEIGHBOUR_SOLICITATION: u8 = 135;
/// Neighbour advertisement.
pub const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// Redirect.
pub const REDIRECT: u8 = 137;

const SOURCE_MAC: u8 = 1;
const TARGET_MAC: u8 = 2;
const PREFIX: u8 = 3;

/// Reads a neighbour-discovery message. `icmp` starts at the ICMPv6 type. `None` for other types and codes, and when the fixed part is cut;
/// options are read as far as they go. That the hop limit is 255 (so the sender is on this link) is for the caller to look at.
pub fn parse(source: Addr, icmp: &[u8]) -> Option<Nd> {
    let mut c = Cursor::new(icmp);
    let (kind, code, _checksum) = (c.u8()?, c.u8()?, c.u16()?);
    if code != 0 {
        return None;
    }
    let mut nd = Nd { kind, source, target: Addr::NONE, mac: None, lifetime: 0, prefix: None, is_override: false };
    let flags = c.u32()?;
    match kind {
        ROUTER_SOLICITATION => {}
        ROUTER_ADVERTISEMENT => {
            nd.lifetime = flags as u16;
            c.take(8)?;
        }
        NEIGHBOUR_SOLICITATION => nd.target = Addr::v6(c.array()?),
        NEIGHBOUR_ADVERTISEMENT => {
            nd.is_override = flags & 0x2000_0000 != 0;
            nd.target = Addr::v6(c.array()?);
        }
        REDIRECT => {
            nd.target = Addr::v6(c.array()?);
            c.take(16)?;
        }
        _ => return None,
    }
    read_options(&mut nd, c);
    Some(nd)
}

/// Walks the options (RFC 4861, 4.6); one of length zero ends the walk.
fn read_options(nd: &mut Nd, mut c: Cursor<'_>) {
    let wanted = if matches!(nd.kind, NEIGHBOUR_ADVERTISEMENT | REDIRECT) { TARGET_MAC } else { SOURCE_MAC };
    while let (Some(kind), Some(units)) = (c.u8(), c.u8()) {
        let Some(body) = usize::from(units).checked_mul(8).and_then(|n| n.checked_sub(2)).and_then(|n| c.take(n)) else { return };
        match kind {
            k if k == wanted && units == 1 && nd.mac.is_none() => nd.mac = Mac::read(body),
            PREFIX if nd.kind == ROUTER_ADVERTISEMENT && nd.prefix.is_none() => nd.prefix = read_prefix(body),
            _ => {}
        }
    }
}

/// Prefix information without its type and length: prefix length, flags, two lifetimes, reserved, prefix.
fn read_prefix(body: &[u8]) -> Option<(Addr, u8)> {
    let mut c = Cursor::new(body);
    let bits = c.u8().filter(|b| *b <= 128)?;
    c.take(13)?;
    Some((Addr::v6(c.array()?), bits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn source() -> Addr {
        "fe80::1".parse().unwrap()
    }

    fn message(kind: u8, words: &[u8], target: Option<&str>, options: &[&[u8]]) -> Vec<u8> {
        let mut v = vec![kind, 0, 0xab, 0xcd];
        v.extend(words);
        if let Some(t) = target {
            v.extend(t.parse::<Addr>().unwrap().0.to_be_bytes());
        }
        v.extend(options.concat());
        v
    }

    const SLLA: &[u8] = &[1, 1, 2, 0, 0, 0, 0, 0x0a];
    const TLLA: &[u8] = &[2, 1, 2, 0, 0, 0, 0, 0x0b];

    fn prefix_option() -> Vec<u8> {
        let mut v = vec![3, 4, 64, 0xc0, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 0];
        v.extend("2001:db8:7::".parse::<Addr>().unwrap().0.to_be_bytes());
        v
    }

    #[test]
    fn neighbours() {
        let ns = parse(source(), &message(135, &[0; 4], Some("fe80::2"), &[SLLA])).unwrap();
        assert_eq!((ns.target.to_string().as_str(), ns.mac.unwrap().0[5]), ("fe80::2", 0x0a));
        let na = parse(source(), &message(136, &[0x20, 0, 0, 0], Some("fe80::2"), &[TLLA])).unwrap();
        assert_eq!((na.is_override, na.mac.unwrap().0[5]), (true, 0x0b));
        // A source option says nothing in an advertisement.
        assert_eq!(parse(source(), &message(136, &[0; 4], Some("fe80::2"), &[SLLA])).unwrap().mac, None);
    }

    #[test]
    fn routers() {
        let ra = message(134, &[64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0], None, &[SLLA, &prefix_option()]);
        let ra = parse(source(), &ra).unwrap();
        assert_eq!((ra.lifetime, ra.prefix.unwrap().0.to_string().as_str(), ra.prefix.unwrap().1), (1800, "2001:db8:7::", 64));
        assert!(ra.mac.is_some());
        assert!(parse(source(), &message(133, &[0; 4], None, &[SLLA])).unwrap().mac.is_some());
    }

    #[test]
    fn an_option_of_length_zero_ends_the_walk() {
        let nd = parse(source(), &message(135, &[0; 4], Some("fe80::2"), &[&[14, 0, 0, 0, 0, 0, 0, 0], SLLA])).unwrap();
        assert_eq!(nd.mac, None);
    }

    #[test]
    fn other_messages_are_not_read() {
        assert_eq!(parse(source(), &message(128, &[0; 20], None, &[])), None);
        let mut coded = message(135, &[0; 4], Some("fe80::2"), &[SLLA]);
        coded[1] = 1;
        assert_eq!(parse(source(), &coded), None);
    }

    #[test]
    fn truncations_never_invent_a_mac() {
        let whole = message(135, &[0; 4], Some("fe80::2"), &[SLLA]);
        for n in 0..whole.len() {
            match parse(source(), &whole[..n]) {
                Some(nd) => assert!(n >= 24 && nd.mac.is_none(), "{n}"),
                None => assert!(n < 24, "{n}"),
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes(kind in 130u8..140, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut v = vec![kind, 0];
            v.extend(bytes);
            let _ = parse(source(), &v);
        }
    }
}
