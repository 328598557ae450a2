//! ARP for IPv4 over Ethernet (RFC 826; probes and announcements RFC 5227).

use super::cursor::Cursor;
use crate::base::{Addr, Mac};

/// One ARP message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arp {
    /// 1 request, 2 reply; others as sent.
    pub op: u16,
    /// Sender hardware address: the device that speaks.
    pub sender_mac: Mac,
    /// Sender protocol address (0.0.0.0 in a probe).
    pub sender: Addr,
    /// Target hardware address.
    pub target_mac: Mac,
    /// Target protocol address.
    pub target: Addr,
}

impl Arp {
    /// Sender and target are one address: an announcement of the sender's own binding.
    pub fn is_gratuitous(&self) -> bool {
        self.sender == self.target && !self.sender.is_unspecified()
    }
    /// A probe asks whether an address is free and claims nothing.
    pub fn is_probe(&self) -> bool {
        self.sender.is_unspecified()
    }
}

/// Reads an ARP message. `bytes` start at the hardware type; padding behind the message is ignored. `None` unless it is Ethernet and IPv4.
pub fn parse(bytes: &[u8]) -> Option<Arp> {
    let mut c = Cursor::new(bytes);
    if (c.u16()?, c.u16()?, c.u8()?, c.u8()?) != (1, 0x0800, 6, 4) {
        return None;
    }
    Some(Arp { op: c.u16()?, sender_mac: Mac(c.array()?), sender: Addr::v4(c.u32()?), target_mac: Mac(c.array()?), target: Addr::v4(c.u32()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: [u8; 28] = [
        0, 1, 8, 0, 6, 4, 0, 1, 0x02, 0, 0, 0, 0, 0x0a, 10, 1, 10, 5, 0, 0, 0, 0, 0, 0, 10, 1, 10, 1, //
    ];

    #[test]
    fn reads_a_request_and_ignores_padding() {
        let mut padded = REQUEST.to_vec();
        padded.extend([0; 18]);
        let a = parse(&padded).unwrap();
        assert_eq!((a.op, a.sender_mac.to_string().as_str()), (1, "02:00:00:00:00:0a"));
        assert_eq!((a.sender.to_string().as_str(), a.target.to_string().as_str()), ("10.1.10.5", "10.1.10.1"));
        assert!(!a.is_gratuitous() && !a.is_probe());
    }

    #[test]
    fn probe_and_announcement() {
        let mut p = REQUEST;
        p[14..18].fill(0);
        assert!(parse(&p).unwrap().is_probe());
        let mut g = REQUEST;
        g[24..28].copy_from_slice(&[10, 1, 10, 5]);
        assert!(parse(&g).unwrap().is_gratuitous());
    }

    #[test]
    fn every_truncation_and_every_other_medium_is_refused() {
        for n in 0..REQUEST.len() {
            assert_eq!(parse(&REQUEST[..n]), None, "{n}");
        }
        for i in 0..6 {
            let mut b = REQUEST;
            b[i] ^= 0x11;
            assert_eq!(parse(&b), None, "byte {i}");
        }
    }
}
