//! RDP connection set-up ([MS-RDPBCGR] 2.2.1): TPKT (RFC 1006), X.224, cookie, negotiation, and the client core data where it is in the clear.
#![forbid(unsafe_code)]

use super::field::{array_at, before_wide_nul, cut_at, oem, u16_at, u32_at, utf16};
use super::stream::{Pending, Step};
use super::{Message, Probe, Side, StreamParser, Verdict};
use crate::base::Timestamp;

/// What a connection sequence showed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rdp {
    /// X.224 Connection Request.
    Request {
        /// `mstshash=` cookie: a claim, and cut by the client to nine characters.
        cookie: Option<String>,
        /// requestedProtocols bits: 1 TLS, 2 CredSSP (NLA), 8 CredSSP-EX …
        protocols: u32,
    },
    /// X.224 Connection Confirm: the protocol chosen.
    Confirm {
        /// selectedProtocol: 0 standard RDP security, 1 TLS, 2 CredSSP, 8 CredSSP-EX.
        protocol: u32,
    },
    /// The server refused the negotiation.
    Failure {
        /// failureCode: 1 SSL required, 2 not allowed, 3 no certificate, 5 hybrid required …
        code: u32,
    },
    /// Client core data, readable under Standard RDP Security only.
    Client {
        /// clientName.
        name: String,
        /// clientBuild.
        build: u32,
    },
    /// The server's certificate, where TLS 1.2 shows it.
    Certificate {
        /// The subject's common name: on Windows the computer's.
        subject: String,
        /// SHA-256 of the certificate.
        fingerprint: [u8; 32],
    },
    /// How the network-level logon ended, told from the turns of both sides under TLS.
    Logon {
        /// The server let the user in.
        accepted: bool,
    },
    /// The client asks for the static channel `MS_T120`, which the server keeps for itself: no client does (CVE-2019-0708).
    ReservedChannel,
}

mod sealed;
mod udp;

pub use udp::PROTOCOL as UDP;

/// Registry line.
pub const PROTOCOL: super::Protocol =
    super::Protocol { service: crate::base::Service::Rdp, probe, reader: super::Reader::Stream(|| Box::new(SetUp::new())) };

const PORT: u16 = 3389;
/// The longest message held: client core data lies in the first few hundred bytes.
const HELD: usize = 2048;
/// Messages of one side before the set-up is over (licensing and capabilities follow, which nobody reads).
const MESSAGES: u8 = 4;
/// Bytes before the variable part of CR and CC: TPKT and the fixed part of X.224.
const FIXED: usize = 11;
const COOKIE_CHARS: usize = 256;

const CONNECTION_REQUEST: u8 = 0xe0;
const CONNECTION_CONFIRM: u8 = 0xd0;
const DATA: u8 = 0xf0;
/// CS_NET (2.2.1.3.4), and the channels it may name.
const CLIENT_NETWORK: u16 = 0xc003;
const CHANNELS: usize = 31;
const NEG_REQUEST: u8 = 1;
const NEG_RESPONSE: u8 = 2;
const NEG_FAILURE: u8 = 3;

/// A TPKT message's whole length, if its header is one and fits X.224's length octet for connection set-up.
fn length(b: &[u8]) -> Option<usize> {
    let [3, 0, high, low] = array_at(b, 0)? else { return None };
    let len = usize::from(u16::from_be_bytes([high, low]));
    (len >= 7).then_some(len)
}

/// What lies behind the fixed part of a connection request or confirm, as far as it is there; the code too.
fn connection(b: &[u8]) -> Option<(u8, &[u8])> {
    let len = length(b)?;
    let [li, code, dst_high, dst_low, _, _, class] = array_at(b, 4)?;
    let fits = usize::from(li) + 5 == len && class == 0 && (code == CONNECTION_CONFIRM || (code == CONNECTION_REQUEST && dst_high | dst_low == 0));
    fits.then(|| (code, cut_at(b, FIXED, len - FIXED)))
}

/// ISO transport is also S7's and H.323's: RDP is what carries its cookie or its negotiation, or is bare on its own port.
fn probe(p: &Probe<'_>) -> Verdict {
    let home = p.orig_port == PORT || p.resp_port == PORT;
    let Some((code, variable)) = connection(p.payload) else {
        let begun = p.payload.len() < FIXED && p.payload.iter().zip([3, 0, 0]).all(|(a, b)| *a == b);
        return if begun && home { Verdict::Unsure } else { Verdict::NotForUs };
    };
    let whole = length(p.payload).is_some_and(|len| p.payload.len() >= len);
    match (code, variable) {
        (CONNECTION_REQUEST, v) if v.starts_with(b"Cookie: mstshash=") || v.starts_with(b"Cookie: msts=") => Verdict::Certain,
        (CONNECTION_REQUEST, v) if v.starts_with(b"tsv://") => Verdict::Certain,
        (CONNECTION_REQUEST, v) if negotiation(v).is_some_and(|(kind, _)| kind == NEG_REQUEST) => Verdict::Certain,
        (CONNECTION_CONFIRM, v) if negotiation(v).is_some_and(|(kind, _)| matches!(kind, NEG_RESPONSE | NEG_FAILURE)) => Verdict::Certain,
        (_, []) if home && whole => Verdict::Certain,
        // Old clients and load balancers write other tokens; parameters of ISO transport begin with 0xc0 and more.
        (CONNECTION_REQUEST, [b'A'..=b'z', ..]) if home => Verdict::Certain,
        (_, v) if !whole && v.len() < 8 && v.first().is_none_or(|b| *b < 0xc0) => Verdict::Unsure,
        _ => Verdict::NotForUs,
    }
}

/// A negotiation structure: type, flags, length 8, value.
fn negotiation(b: &[u8]) -> Option<(u8, u32)> {
    match array_at(b, 0)? {
        [kind @ NEG_REQUEST..=NEG_FAILURE, _, 8, 0] => Some((kind, u32_at(b, 4)?)),
        _ => None,
    }
}

/// Reads both sides until the set-up is over; what goes on under TLS is followed from outside.
struct SetUp {
    sides: [(Pending, u8); 2],
    over: bool,
    sealed: Option<Box<sealed::Sealed>>,
}

impl SetUp {
    fn new() -> Self {
        SetUp { sides: [(Pending::new(HELD), 0), (Pending::new(HELD), 0)], over: false, sealed: None }
    }
    fn side(&mut self, from: Side) -> &mut (Pending, u8) {
        let [orig, resp] = &mut self.sides;
        if from == Side::Orig { orig } else { resp }
    }
}

impl StreamParser for SetUp {
    fn data(&mut self, from: Side, _ts: Timestamp, bytes: &[u8], out: &mut Vec<Message>) {
        if let Some(s) = &mut self.sealed {
            return s.data(from, bytes, out);
        }
        let (mut over, before) = (self.over, out.len());
        let (pending, messages) = self.side(from);
        pending.feed(bytes, |w| {
            if w.len() < 4 && w.starts_with(&[3]) {
                return Step::Need(4);
            }
            // What is no TPKT is TLS or a fast-path message: the clear part has ended.
            let Some(len) = length(w).filter(|_| *messages < MESSAGES && !over) else { return Step::Stop };
            let Some(m) = w.get(..len.min(HELD)) else { return Step::Need(len.min(HELD)) };
            *messages += 1;
            over |= read(m, out);
            Step::Take(len as u64)
        });
        self.over = over;
        let read = out.get(before..).unwrap_or_default().iter();
        let chosen = read.filter_map(|m| if let Message::Rdp(r) = m { Some(r.as_ref()) } else { None }).find_map(|r| match r {
            Rdp::Confirm { protocol } if *protocol != 0 => Some(*protocol),
            _ => None,
        });
        self.sealed = chosen.map(|protocol| Box::new(sealed::Sealed::new(protocol, from)));
    }
    fn end(&mut self, out: &mut Vec<Message>) {
        if let Some(s) = &mut self.sealed {
            s.end(out);
        }
    }
    fn gap(&mut self, from: Side, lost: u64) {
        if let Some(s) = &mut self.sealed {
            return s.gap(from, lost);
        }
        // The set-up is the first message or two of each side; behind a hole there is nothing to find.
        self.side(from).0.feed(&[0], |_| Step::Stop);
    }
    fn done(&self) -> bool {
        match &self.sealed {
            Some(s) => s.done(),
            None => self.over || self.sides.iter().all(|s| s.0.stopped()),
        }
    }
    fn held(&self) -> usize {
        self.sides.iter().map(|s| s.0.held()).sum::<usize>() + self.sealed.as_ref().map_or(0, |s| s.held())
    }
}

/// Reads one message; true if nothing readable follows on this connection.
fn read(m: &[u8], out: &mut Vec<Message>) -> bool {
    let (message, over) = match connection(m) {
        Some((CONNECTION_REQUEST, variable)) => (Some(request(variable)), false),
        Some((_, variable)) => match negotiation(variable) {
            Some((NEG_FAILURE, code)) => (Some(Rdp::Failure { code }), true),
            Some((_, protocol)) => (Some(Rdp::Confirm { protocol }), protocol != 0),
            None => (Some(Rdp::Confirm { protocol: 0 }), false),
        },
        None => match client_core(m) {
            Some(client) => {
                let reserved = asks_reserved(m).then(|| Message::Rdp(Box::new(Rdp::ReservedChannel)));
                out.extend([Message::Rdp(Box::new(client))].into_iter().chain(reserved));
                (None, true)
            }
            None => (None, false),
        },
    };
    out.extend(message.map(|r| Message::Rdp(Box::new(r))));
    over
}

/// 2.2.1.1.
fn request(variable: &[u8]) -> Rdp {
    let line = variable.windows(2).position(|w| w == b"\r\n");
    let (token, rest) = match line {
        Some(end) => (cut_at(variable, 0, end), variable.get(end + 2..).unwrap_or_default()),
        None => (&[][..], variable),
    };
    let cookie = token.strip_prefix(b"Cookie: mstshash=").map(|c| oem(c, COOKIE_CHARS)).filter(|c| !c.is_empty());
    let protocols = negotiation(rest).filter(|n| n.0 == NEG_REQUEST).map_or(0, |n| n.1);
    Rdp::Request { cookie, protocols }
}

/// Client core data (2.2.1.3.2) in an MCS Connect Initial: found behind GCC's key "Duca" and a length of one or two bytes.
fn client_core(m: &[u8]) -> Option<Rdp> {
    let [2, DATA, 0x80, 0x7f, 0x65] = array_at(m, 4)? else { return None };
    let key = m.windows(4).position(|w| w == b"Duca")? + 4;
    let core = [1, 2].into_iter().map(|n| cut_at(m, key + n, HELD)).find(|c| c.starts_with(&[0x01, 0xc0]))?;
    let core = cut_at(core, 0, usize::from(u16_at(core, 2)?));
    let name = core.get(24..56)?;
    Some(Rdp::Client { name: utf16(before_wide_nul(name), 16), build: u32_at(core, 20)? })
}

/// Client network data (2.2.1.3.4): a count and channel definitions of twelve bytes, whose names fill eight.
fn asks_reserved(m: &[u8]) -> bool {
    let mut blocks = m.windows(4).position(|w| w == b"Duca").and_then(|at| m.get(at + 5..)).unwrap_or_default();
    // The length before the blocks takes one byte or two.
    if !blocks.starts_with(&[0x01, 0xc0]) {
        blocks = blocks.get(1..).unwrap_or_default();
    }
    while let (Some(kind), Some(len)) = (u16_at(blocks, 0), u16_at(blocks, 2)) {
        let block = cut_at(blocks, 0, usize::from(len));
        if kind == CLIENT_NETWORK {
            let names = block.get(8..).unwrap_or_default().chunks(12).take(CHANNELS);
            return names.filter_map(|c| c.get(..8)).any(|n| n.get(..7).is_some_and(|n| n.eq_ignore_ascii_case(b"MS_T120")) && n.get(7) == Some(&0));
        }
        // A block shorter than its own header would go on for ever.
        let Some(next) = blocks.get(usize::from(len)..).filter(|_| len >= 4) else { return false };
        blocks = next;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::ntlmssp::tests::wide;
    use crate::protocols::stream::tests::{probe_of, read_split};
    use proptest::prelude::*;

    fn x224(code: u8, variable: &[u8]) -> Vec<u8> {
        let len = FIXED + variable.len();
        [&[3, 0, (len >> 8) as u8, len as u8, (len - 5) as u8, code, 0, 0, 0, 0, 0], variable].concat()
    }

    fn connect_initial(name: &str, build: u32) -> Vec<u8> {
        let mut core = vec![0x01, 0xc0, 56, 0, 4, 0, 8, 0];
        core.resize(20, 0);
        core.extend(build.to_le_bytes());
        core.extend(wide(name));
        core.resize(56, 0);
        let body = [b"\x02\xf0\x80\x7f\x65\x82\x01\x00".as_slice(), b"\0\x05\0\x14\x7c\0\x01Duca\x81\x38", &core].concat();
        [&[3, 0, 0, (body.len() + 4) as u8], body.as_slice()].concat()
    }

    #[test]
    fn a_client_that_asks_for_the_reserved_channel_is_told() {
        let with = |names: &[&[u8; 8]]| {
            let mut m = connect_initial("PC", 2600);
            let mut block = vec![0x03, 0xc0, (8 + 12 * names.len()) as u8, 0, names.len() as u8, 0, 0, 0];
            names.iter().for_each(|n| block.extend([&n[..], &[0; 4]].concat()));
            m.extend(block);
            m[3] = m.len() as u8;
            let mut out = Vec::new();
            read(&m, &mut out);
            out.iter().filter(|m| matches!(m, Message::Rdp(r) if matches!(r.as_ref(), Rdp::ReservedChannel))).count()
        };
        assert_eq!(with(&[b"rdpdr\0\0\0", b"rdpsnd\0\0"]), 0);
        assert_eq!(with(&[b"rdpdr\0\0\0", b"MS_T120\0"]), 1);
        assert_eq!(with(&[]), 0);
    }

    fn nla() -> Vec<u8> {
        x224(CONNECTION_REQUEST, b"Cookie: mstshash=vendorsvc\r\n\x01\0\x08\0\x0b\0\0\0")
    }

    #[test]
    fn request_and_confirm() {
        let (got, _) = read_split(SetUp::new(), Side::Orig, &nla(), &[]);
        assert_eq!(got, [Message::Rdp(Box::new(Rdp::Request { cookie: Some("vendorsvc".into()), protocols: 11 }))]);
        let mut p = SetUp::new();
        let mut out = Vec::new();
        p.data(Side::Resp, Timestamp(0), &x224(CONNECTION_CONFIRM, b"\x02\x1f\x08\0\x02\0\0\0"), &mut out);
        assert_eq!(out, [Message::Rdp(Box::new(Rdp::Confirm { protocol: 2 }))]);
        assert!(!p.done(), "the logon is to come");
        let (got, _) = read_split(SetUp::new(), Side::Resp, &x224(CONNECTION_CONFIRM, b"\x03\0\x08\0\x05\0\0\0"), &[]);
        assert_eq!(got, [Message::Rdp(Box::new(Rdp::Failure { code: 5 }))]);
    }

    #[test]
    fn client_name_under_standard_security() {
        let mut p = SetUp::new();
        let mut out = Vec::new();
        p.data(Side::Orig, Timestamp(0), &x224(CONNECTION_REQUEST, b"Cookie: msts=3640205228.15629.0000\r\n"), &mut out);
        p.data(Side::Resp, Timestamp(0), &x224(CONNECTION_CONFIRM, b""), &mut out);
        assert!(!p.done());
        p.data(Side::Orig, Timestamp(0), &connect_initial("ISD2-KM84178", 2600), &mut out);
        assert!(p.done());
        assert_eq!(
            out,
            [Rdp::Request { cookie: None, protocols: 0 }, Rdp::Confirm { protocol: 0 }, Rdp::Client { name: "ISD2-KM84178".into(), build: 2600 }]
                .map(|r| Message::Rdp(Box::new(r)))
        );
    }

    #[test]
    fn tls_ends_it() {
        let mut p = SetUp::new();
        let mut out = Vec::new();
        p.data(Side::Orig, Timestamp(0), &[nla(), b"\x16\x03\x01\0\x05".to_vec()].concat(), &mut out);
        p.gap(Side::Resp, 100);
        assert!(p.done() && p.held() == 0);
    }

    #[test]
    fn other_iso_transport_is_not_rdp() {
        // S7: parameters 0xc1 (calling TSAP), 0xc2, 0xc0.
        let s7 = x224(CONNECTION_REQUEST, b"\xc1\x02\x01\0\xc2\x02\x01\x02\xc0\x01\x0a");
        assert_eq!(probe_of(probe, &s7, 102), Verdict::NotForUs);
        assert_eq!(probe_of(probe, &s7, 3389), Verdict::NotForUs);
        assert_eq!(probe_of(probe, &x224(CONNECTION_REQUEST, b""), 102), Verdict::NotForUs);
        assert_eq!(probe_of(probe, &x224(CONNECTION_REQUEST, b""), 3389), Verdict::Certain);
        // H.225 over TPKT.
        assert_eq!(probe_of(probe, b"\x03\0\0\x40\x08\x02\x1a\x2b\x05\x04\x03\x88\x93\xa5", 1720), Verdict::NotForUs);
        for port in [3389, 13389] {
            assert_eq!(probe_of(probe, &nla(), port), Verdict::Certain);
            assert_eq!(probe_of(probe, &x224(CONNECTION_CONFIRM, b"\x02\x1f\x08\0\x02\0\0\0"), port), Verdict::Certain);
        }
        assert_eq!(probe_of(probe, &nla()[..4], 3389), Verdict::Unsure);
        assert_eq!(probe_of(probe, b"\x16\x03\x01\0\xa5\x01", 3389), Verdict::NotForUs);
    }

    proptest! {
        #[test]
        fn any_split_and_any_flip(cuts in prop::collection::vec(0usize..250, 0..8), flip in prop::option::of((0usize..250, any::<u8>()))) {
            let mut bytes = [x224(CONNECTION_REQUEST, b"Cookie: mstshash=a\r\n\x01\0\x08\0\0\0\0\0"), connect_initial("TERM2", 19041)].concat();
            if let Some(b) = flip.and_then(|f| bytes.get_mut(f.0)) { *b ^= flip.map_or(0, |f| f.1); }
            let (split, held) = read_split(SetUp::new(), Side::Orig, &bytes, &cuts);
            prop_assert_eq!(split, read_split(SetUp::new(), Side::Orig, &bytes, &[]).0);
            prop_assert!(held <= 4 * HELD);
        }
    }
}
