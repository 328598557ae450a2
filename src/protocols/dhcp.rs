//! DHCP (RFC 2131, options RFC 2132, 3046, 3396). The device is `chaddr`; its network is the relay's `giaddr`.

use super::cursor::{Cursor, text};
use super::{Message, Probe, Protocol, Reader, Verdict};
use crate::base::{Addr, Mac, Service};

/// One DHCP message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dhcp {
    /// 1 request (from a client), 2 reply (from a server).
    pub op: u8,
    /// Transaction id.
    pub xid: u32,
    /// Option 53: 1 discover, 2 offer, 3 request, 4 decline, 5 ack, 6 nak, 7 release, 8 inform; 0 = BOOTP.
    pub kind: u8,
    /// Client hardware address.
    pub chaddr: Mac,
    /// Client's own address.
    pub ciaddr: Addr,
    /// Address offered or leased.
    pub yiaddr: Addr,
    /// Relay's address; unspecified when the client's network is the frame's own.
    pub giaddr: Addr,
    /// Option 54: server identifier.
    pub server: Option<Addr>,
    /// Option 50: requested address.
    pub requested: Option<Addr>,
    /// Option 12 (or the first label of 81): host name, cut to 255 bytes.
    pub host_name: Option<String>,
    /// Option 60: vendor class.
    pub vendor_class: Option<String>,
    /// Option 55: parameter request list.
    pub parameters: Vec<u8>,
    /// Option 61: client identifier.
    pub client_id: Vec<u8>,
    /// Option 82 present: the message came through a relay or switch that adds it.
    pub agent_info: bool,
    /// Option 3: routers offered.
    pub routers: Vec<Addr>,
    /// Option 6: name servers offered.
    pub dns: Vec<Addr>,
    /// Option 51: lease time in seconds.
    pub lease: Option<u32>,
    /// Option 1: netmask as prefix length.
    pub prefix_len: Option<u8>,
}

/// Registry line.
pub const PROTOCOL: Protocol = Protocol { service: Service::Dhcp, probe, reader: Reader::Datagram(read) };

const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Bytes before the magic cookie.
const FIXED: usize = 236;
/// RFC 3396 lets one option come in many pieces; more than this of one option is not kept.
const OPTION_MAX: usize = 1024;
/// Addresses kept of one list.
const LIST_MAX: usize = 8;
/// Bytes kept of a name, class or identifier.
const TEXT_MAX: usize = 255;

const OVERLOAD: u8 = 52;
/// The options that are read.
const WANTED: [u8; 14] = [1, 3, 6, 12, 50, 51, OVERLOAD, 53, 54, 55, 60, 61, 81, 82];

fn probe(p: &Probe<'_>) -> Verdict {
    let b = p.payload;
    let usual_port = [p.orig_port, p.resp_port].iter().any(|port| matches!(port, 67 | 68));
    let (Some([op, htype, hlen, _]), true) = (b.first_chunk::<4>(), b.len() >= FIXED) else { return Verdict::NotForUs };
    if !matches!(op, 1 | 2) {
        return Verdict::NotForUs;
    }
    let ethernet = (*htype, *hlen) == (1, 6);
    let cookie = b.get(FIXED..).is_some_and(|o| o.starts_with(&COOKIE));
    if (cookie && (ethernet || (usual_port && *hlen <= 16))) || (ethernet && usual_port) { Verdict::Certain } else { Verdict::NotForUs }
}

fn read(p: &Probe<'_>, out: &mut Vec<Message>) {
    let mut weird = None;
    match parse(p.payload, &mut weird) {
        Some(d) => out.push(Message::Dhcp(Box::new(d))),
        None => weird = weird.or(Some(("dhcp_short", p.payload.len()))),
    }
    out.extend(weird.map(|(name, at)| Message::Weird(name, at as u32)));
}

/// Reads one message from its first byte. `None` when the fixed part is cut or no BOOTP; `weird` tells where the options could not be read.
fn parse(bytes: &[u8], weird: &mut Option<(&'static str, usize)>) -> Option<Dhcp> {
    let mut c = Cursor::new(bytes);
    let ([op, htype, hlen, _hops], xid, _secs_flags) = (c.array::<4>()?, c.u32()?, c.u32()?);
    if !matches!(op, 1 | 2) {
        return None;
    }
    let (ciaddr, yiaddr, _siaddr, giaddr) = (c.u32()?, c.u32()?, c.u32()?, c.u32()?);
    let (chaddr, sname, file) = (c.array::<16>()?, c.take(64)?, c.take(128)?);
    let mut d = Dhcp {
        op,
        xid,
        chaddr: if (htype, hlen) == (1, 6) { Mac::read(&chaddr).unwrap_or_default() } else { Mac::ZERO },
        ciaddr: Addr::v4(ciaddr),
        yiaddr: Addr::v4(yiaddr),
        giaddr: Addr::v4(giaddr),
        ..Dhcp::default()
    };
    if c.array::<4>() != Some(COOKIE) {
        return Some(d); // BOOTP (RFC 951): a vendor area without options
    }
    let mut options = Options::default();
    options.walk(c.rest(), FIXED + COOKIE.len(), weird);
    let overload = options.byte(OVERLOAD).unwrap_or(0);
    if overload & 1 != 0 {
        options.walk(file, 108, weird);
    }
    if overload & 2 != 0 {
        options.walk(sname, 44, weird);
    }
    options.fill(&mut d);
    Some(d)
}

/// The wanted options, each joined from its pieces (RFC 3396).
#[derive(Default)]
struct Options {
    values: [Option<Vec<u8>>; WANTED.len()],
}

impl Options {
    /// Adds one area of options, which starts at `start` in the message.
    fn walk(&mut self, area: &[u8], start: usize, weird: &mut Option<(&'static str, usize)>) {
        let mut c = Cursor::new(area);
        while let Some(code) = c.u8() {
            let body = match code {
                0 => continue,
                255 => return,
                _ => c.vec8(),
            };
            let Some(body) = body else {
                weird.get_or_insert(("dhcp_option_overrun", start + area.len() - c.len()));
                return;
            };
            if let Some(slot) = WANTED.iter().position(|w| *w == code).and_then(|i| self.values.get_mut(i)) {
                let value = slot.get_or_insert_default();
                let room = OPTION_MAX.saturating_sub(value.len());
                value.extend(body.iter().take(room));
            }
        }
    }
    fn get(&self, code: u8) -> Option<&[u8]> {
        WANTED.iter().position(|w| *w == code).and_then(|i| self.values.get(i)?.as_deref())
    }
    fn byte(&self, code: u8) -> Option<u8> {
        self.get(code)?.first().copied()
    }
    fn u32(&self, code: u8) -> Option<u32> {
        Cursor::new(self.get(code)?).u32()
    }
    fn addrs(&self, code: u8) -> Vec<Addr> {
        let (list, _) = self.get(code).unwrap_or_default().as_chunks::<4>();
        list.iter().take(LIST_MAX).map(|a| Addr::v4(u32::from_be_bytes(*a))).collect()
    }
    fn text(&self, code: u8) -> Option<String> {
        self.get(code).map(|b| text(b, TEXT_MAX)).filter(|s| !s.is_empty())
    }
    fn bytes(&self, code: u8) -> Vec<u8> {
        self.get(code).unwrap_or_default().iter().take(TEXT_MAX).copied().collect()
    }
    fn fill(&self, d: &mut Dhcp) {
        d.kind = self.byte(53).unwrap_or(0);
        d.server = self.u32(54).map(Addr::v4);
        d.requested = self.u32(50).map(Addr::v4);
        d.host_name = self.text(12).or_else(|| self.get(81).and_then(first_label_of_fqdn));
        d.vendor_class = self.text(60);
        d.parameters = self.bytes(55);
        d.client_id = self.bytes(61);
        d.agent_info = self.get(82).is_some();
        d.routers = self.addrs(3);
        d.dns = self.addrs(6);
        d.lease = self.u32(51);
        d.prefix_len = self.u32(1).filter(|m| m.leading_ones() == m.count_ones()).map(|m| m.count_ones() as u8);
    }
}

/// Option 81 (RFC 4702): flags, two result codes, then the name in DNS form (flag E) or as text.
fn first_label_of_fqdn(option: &[u8]) -> Option<String> {
    let mut c = Cursor::new(option);
    let [flags, _, _] = c.array::<3>()?;
    let label = if flags & 4 != 0 { c.vec8()? } else { c.rest().split(|b| *b == b'.').next()? };
    Some(text(label, TEXT_MAX)).filter(|s| !s.is_empty())
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

    fn message(op: u8, options: &[u8]) -> Vec<u8> {
        let mut v = vec![op, 1, 6, 0, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 0];
        v.extend([0, 0, 0, 0, 10, 1, 10, 77, 0, 0, 0, 0, 10, 1, 10, 1]);
        v.extend([2, 0, 0, 0, 0, 0x99]);
        v.resize(FIXED, 0);
        v.extend(COOKIE);
        v.extend(options);
        v
    }

    fn parsed(bytes: &[u8]) -> Dhcp {
        let mut weird = None;
        let d = parse(bytes, &mut weird).unwrap();
        assert_eq!(weird, None);
        d
    }

    #[test]
    fn a_request_with_everything() {
        let mut o = vec![53, 1, 3, 12, 5];
        o.extend(b"TERM3");
        o.extend([60, 8]);
        o.extend(b"MSFT 5.0");
        o.extend([55, 4, 1, 3, 6, 15, 61, 7, 1, 2, 0, 0, 0, 0, 0x99, 50, 4, 10, 1, 10, 77, 82, 2, 1, 0, 255]);
        let d = parsed(&message(1, &o));
        assert_eq!((d.kind, d.xid, d.chaddr.to_string().as_str()), (3, 0xdead_beef, "02:00:00:00:00:99"));
        assert_eq!((d.host_name.as_deref(), d.vendor_class.as_deref()), (Some("TERM3"), Some("MSFT 5.0")));
        assert_eq!((d.parameters.as_slice(), d.client_id.len(), d.agent_info), (&[1, 3, 6, 15][..], 7, true));
        assert_eq!((d.requested.unwrap().to_string().as_str(), d.giaddr.to_string().as_str()), ("10.1.10.77", "10.1.10.1"));
    }

    #[test]
    fn an_ack_with_what_it_leases() {
        let o = [
            53, 1, 5, 54, 4, 10, 1, 10, 1, 51, 4, 0, 0, 0x0e, 0x10, 1, 4, 255, 255, 254, 0, 3, 4, 10, 1, 10, 1, 6, 8, 10, 1, 10, 2, 10, 1, 10, 3, 255,
        ];
        let d = parsed(&message(2, &o));
        assert_eq!((d.kind, d.lease, d.prefix_len, d.routers.len(), d.dns.len()), (5, Some(3600), Some(23), 1, 2));
        assert_eq!((d.server.unwrap(), d.yiaddr), (Addr::v4(0x0a01_0a01), Addr::v4(0x0a01_0a4d)));
    }

    #[test]
    fn options_go_on_in_file_and_sname() {
        let mut m = message(2, &[52, 1, 3, 53, 1, 2, 255]);
        m[108..115].copy_from_slice(&[12, 4, b'h', b'o', b's', b't', 255]);
        m[44..49].copy_from_slice(&[12, 2, b'-', b'9', 255]);
        assert_eq!(parsed(&m).host_name.as_deref(), Some("host-9"));
        // Without option 52 those areas are a file and a server name.
        m[240] = 0;
        m[241] = 0;
        m[242] = 0;
        assert_eq!(parsed(&m).host_name, None);
    }

    #[test]
    fn pieces_are_joined_but_not_without_bound() {
        assert_eq!(parsed(&message(1, &[12, 2, b'a', b'b', 53, 1, 1, 12, 1, b'c', 255])).host_name.as_deref(), Some("abc"));
        let long = [61u8, 200].into_iter().chain([7; 200]).collect::<Vec<_>>().repeat(100);
        assert_eq!(parsed(&message(1, &long)).client_id.len(), 255);
    }

    #[test]
    fn the_name_of_option_81_in_both_forms() {
        assert_eq!(parsed(&message(1, b"\x51\x09\x00\xff\xffpc7.ho\xff")).host_name.as_deref(), Some("pc7"));
        assert_eq!(parsed(&message(1, b"\x51\x08\x04\x00\x00\x03pc8\x00\xff")).host_name.as_deref(), Some("pc8"));
    }

    #[test]
    fn bootp_and_other_hardware() {
        let mut m = message(1, &[]);
        m.truncate(FIXED);
        m.extend([0; 64]);
        assert_eq!((parsed(&m).kind, probe(&probe_of(&m, (68, 67)))), (0, Verdict::Certain));
        assert_eq!(probe(&probe_of(&m, (5000, 5001))), Verdict::NotForUs);
        let mut m = message(1, &[53, 1, 1, 255]);
        (m[1], m[2]) = (32, 0);
        assert_eq!((parsed(&m).chaddr, probe(&probe_of(&m, (68, 67)))), (Mac::ZERO, Verdict::Certain));
    }

    #[test]
    fn the_port_does_not_decide() {
        let m = message(1, &[53, 1, 1, 255]);
        assert_eq!(probe(&probe_of(&m, (1068, 1067))), Verdict::Certain);
        for junk in [&[0u8; 300][..], &[1; 300], &m[..200], b"GET / HTTP/1.1\r\n\r\n"] {
            assert_eq!(probe(&probe_of(junk, (68, 67))), Verdict::NotForUs);
        }
    }

    #[test]
    fn an_option_that_runs_over_the_end_is_told() {
        let m = message(1, &[53, 1, 1, 12, 200, b'x']);
        let mut out = Vec::new();
        read(&probe_of(&m, (68, 67)), &mut out);
        assert!(
            matches!(out.as_slice(), [Message::Dhcp(d), Message::Weird("dhcp_option_overrun", 244)] if d.kind == 1 && d.host_name.is_none()),
            "{out:?}"
        );
        for n in 0..m.len() {
            let mut out = Vec::new();
            read(&probe_of(&m[..n], (68, 67)), &mut out);
            assert!(matches!(out.first(), Some(Message::Dhcp(_))) == (n >= FIXED), "{n}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes(options in proptest::collection::vec(any::<u8>(), 0..600), flips in proptest::collection::vec((0usize..240, any::<u8>()), 0..4)) {
            let mut m = message(1, &options);
            for (at, to) in flips {
                m[at] = to;
            }
            let mut out = Vec::new();
            read(&probe_of(&m, (68, 67)), &mut out);
            prop_assert!(out.len() <= 2);
        }
    }
}
