//! DHCP for IPv6 (RFC 8415): who asks (DUID), who answers, which address.

use super::cursor::{Cursor, text};
use super::{Message, Probe, Protocol, Reader, Verdict};
use crate::base::{Addr, Mac, Service};

/// One DHCPv6 message (the innermost, taken out of relay messages).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dhcpv6 {
    /// Message type: 1 solicit, 2 advertise, 3 request, 5 renew, 7 reply …
    pub kind: u8,
    /// Transaction id (24 bits).
    pub xid: u32,
    /// Client DUID, at most 130 bytes.
    pub client_id: Vec<u8>,
    /// Server DUID.
    pub server_id: Vec<u8>,
    /// MAC inside the client DUID (types LLT and LL).
    pub client_mac: Option<Mac>,
    /// Addresses in IA_NA options.
    pub addrs: Vec<Addr>,
    /// Option 39: client FQDN.
    pub host_name: Option<String>,
    /// Came through a relay with this link address.
    pub relay: Option<Addr>,
}

/// Registry line.
pub const PROTOCOL: Protocol = Protocol { service: Service::Dhcpv6, probe, reader: Reader::Datagram(read) };

/// Relay messages inside relay messages (RFC 8415, 7.6: HOP_COUNT_LIMIT).
const RELAYS_MAX: usize = 8;
/// Addresses kept of one message.
const ADDRS_MAX: usize = 16;
/// A DUID is at most 128 bytes behind its type.
const DUID_MAX: usize = 130;
const NAME_MAX: usize = 255;

const RELAY_FORWARD: u8 = 12;
const RELAY_REPLY: u8 = 13;

fn is_kind(kind: u8) -> bool {
    (1..=36).contains(&kind)
}

/// The content has no mark of its own, so it takes the right ports and options that fill the payload to the byte.
fn probe(p: &Probe<'_>) -> Verdict {
    let usual_port = [p.orig_port, p.resp_port].iter().any(|port| matches!(port, 546 | 547));
    let mut c = Cursor::new(p.payload);
    let head = match c.u8() {
        Some(RELAY_FORWARD | RELAY_REPLY) => c.take(33),
        Some(kind) if is_kind(kind) => c.take(3),
        _ => None,
    };
    let mut options = 0;
    while let Some((code, _)) = option(&mut c) {
        if code == 0 {
            return Verdict::NotForUs;
        }
        options += 1;
    }
    if usual_port && head.is_some() && options > 0 && c.is_empty() { Verdict::Certain } else { Verdict::NotForUs }
}

fn read(p: &Probe<'_>, out: &mut Vec<Message>) {
    match parse(p.payload) {
        Some(d) => out.push(Message::Dhcpv6(Box::new(d))),
        None => out.push(Message::Weird("dhcpv6_unreadable", p.payload.len() as u32)),
    }
}

/// The next option: code and body.
fn option<'a>(c: &mut Cursor<'a>) -> Option<(u16, &'a [u8])> {
    let mut ahead = *c;
    let found = (ahead.u16()?, ahead.vec16()?);
    *c = ahead;
    Some(found)
}

/// Reads one message from its first byte, going through relays to the innermost.
fn parse(bytes: &[u8]) -> Option<Dhcpv6> {
    let mut message = bytes;
    let mut relay = None;
    for _ in 0..=RELAYS_MAX {
        let mut c = Cursor::new(message);
        let kind = c.u8().filter(|k| is_kind(*k))?;
        if !matches!(kind, RELAY_FORWARD | RELAY_REPLY) {
            return Some(read_message(kind, c.u24()?, c, relay));
        }
        let (_hops, link, _peer) = (c.u8()?, Addr::v6(c.array()?), c.array::<16>()?);
        // The relay next to the client knows the client's link; one that is not the first may leave it out.
        relay = if link.is_unspecified() { relay } else { Some(link) };
        message = std::iter::from_fn(|| option(&mut c)).find(|(code, _)| *code == 9)?.1;
    }
    None
}

fn read_message(kind: u8, xid: u32, mut c: Cursor<'_>, relay: Option<Addr>) -> Dhcpv6 {
    let mut d = Dhcpv6 { kind, xid, relay, ..Dhcpv6::default() };
    while let Some((code, body)) = option(&mut c) {
        match code {
            1 => {
                d.client_id = body.iter().take(DUID_MAX).copied().collect();
                d.client_mac = mac_of_duid(body);
            }
            2 => d.server_id = body.iter().take(DUID_MAX).copied().collect(),
            3 => read_addrs(body.get(12..).unwrap_or_default(), &mut d.addrs),
            4 => read_addrs(body.get(4..).unwrap_or_default(), &mut d.addrs),
            39 => d.host_name = body.split_first().and_then(|(_flags, name)| fqdn(name)),
            _ => {}
        }
    }
    d
}

/// IA Address options (5) inside an identity association.
fn read_addrs(options: &[u8], addrs: &mut Vec<Addr>) {
    let mut c = Cursor::new(options);
    while let Some((code, body)) = option(&mut c) {
        match body.first_chunk::<16>() {
            Some(a) if code == 5 && addrs.len() < ADDRS_MAX => addrs.push(Addr::v6(*a)),
            _ => {}
        }
    }
}

/// The Ethernet address in a DUID-LLT (type 1: hardware type, time) or DUID-LL (type 3: hardware type).
fn mac_of_duid(duid: &[u8]) -> Option<Mac> {
    let mut c = Cursor::new(duid);
    let (kind, hardware) = (c.u16()?, c.u16()?);
    if kind == 1 {
        c.u32()?;
    }
    if hardware == 1 && matches!(kind, 1 | 3) && c.len() == 6 { Mac::read(c.rest()) } else { None }
}

/// A name in DNS wire form without compression (RFC 4704), labels joined by dots.
fn fqdn(wire: &[u8]) -> Option<String> {
    let mut c = Cursor::new(wire);
    let mut name = String::new();
    while let Some(label) = c.vec8().filter(|l| !l.is_empty()) {
        let label = text(label, 63);
        if name.len() + label.len() + 1 > NAME_MAX {
            break;
        }
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(&label);
    }
    Some(name).filter(|s| !s.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::protocols::Side;
    use proptest::prelude::*;

    fn probe_of(payload: &[u8], ports: (u16, u16)) -> Probe<'_> {
        Probe { payload, from: Side::Orig, orig_port: ports.0, resp_port: ports.1, ts: Timestamp(0) }
    }

    fn opt(code: u16, body: &[u8]) -> Vec<u8> {
        [&code.to_be_bytes()[..], &(body.len() as u16).to_be_bytes(), body].concat()
    }

    fn addr(s: &str) -> [u8; 16] {
        s.parse::<Addr>().unwrap().0.to_be_bytes()
    }

    fn reply() -> Vec<u8> {
        let iaaddr = opt(5, &[&addr("2001:db8::77")[..], &[0, 0, 0, 9, 0, 0, 0, 9]].concat());
        let ia = opt(3, &[&[0u8; 12][..], &iaaddr].concat());
        let duid = [0, 1, 0, 1, 9, 9, 9, 9, 2, 0, 0, 0, 0, 0x0a];
        [vec![7, 1, 2, 3], opt(1, &duid), opt(2, &[0, 3, 0, 1, 2, 0, 0, 0, 0, 1]), ia, opt(39, b"\x01\x05term3\x04ward\x00")].concat()
    }

    fn relayed(inner: &[u8], link: &str) -> Vec<u8> {
        [&[RELAY_FORWARD, 0][..], &addr(link), &addr("fe80::9"), &opt(18, b"port7"), &opt(9, inner)].concat()
    }

    #[test]
    fn a_reply() {
        let d = parse(&reply()).unwrap();
        assert_eq!((d.kind, d.xid, d.client_mac.unwrap().0[5], d.relay), (7, 0x010203, 0x0a, None));
        assert_eq!((d.addrs[0].to_string().as_str(), d.host_name.as_deref()), ("2001:db8::77", Some("term3.ward")));
        assert_eq!(d.server_id.len(), 10);
    }

    #[test]
    fn relays_are_opened_to_a_bound() {
        let mut m = relayed(&reply(), "2001:db8:1::1");
        m = relayed(&m, "::");
        let d = parse(&m).unwrap();
        assert_eq!((d.kind, d.relay.unwrap().to_string().as_str()), (7, "2001:db8:1::1"));
        for _ in 0..RELAYS_MAX {
            m = relayed(&m, "::");
        }
        assert_eq!(parse(&m), None);
    }

    #[test]
    fn only_on_its_ports_and_to_the_last_byte() {
        let m = reply();
        assert_eq!(probe(&probe_of(&m, (547, 546))), Verdict::Certain);
        assert_eq!(probe(&probe_of(&m, (5000, 5001))), Verdict::NotForUs);
        for n in 0..m.len() {
            let _ = parse(&m[..n]);
        }
        assert_eq!(probe(&probe_of(&m[..m.len() - 1], (547, 546))), Verdict::NotForUs);
        assert_eq!(probe(&probe_of(&[1; 60], (547, 546))), Verdict::NotForUs);
    }

    proptest! {
        #[test]
        fn any_bytes(kind in 0u8..40, bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut m = vec![kind];
            m.extend(bytes);
            let p = probe_of(&m, (546, 547));
            let _ = probe(&p);
            let mut out = Vec::new();
            read(&p, &mut out);
            prop_assert_eq!(out.len(), 1);
        }
        #[test]
        fn any_flip(at in 0usize..90, to in any::<u8>()) {
            let mut m = relayed(&reply(), "2001:db8:1::1");
            if let Some(b) = m.get_mut(at) {
                *b = to;
            }
            let _ = parse(&m);
        }
    }
}
