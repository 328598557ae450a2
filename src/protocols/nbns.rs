//! NetBIOS name service over UDP 137 (RFC 1002, 4.2).

use super::cursor::{Cursor, text};
use super::{Message, Probe, Protocol, Reader, Verdict};
use crate::base::{Addr, Service};

/// One name-service packet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Nbns {
    /// Transaction id.
    pub id: u16,
    /// True for a response.
    pub response: bool,
    /// 0 query, 5 registration, 6 release, 7 wait, 8 refresh.
    pub opcode: u8,
    /// Response code.
    pub rcode: u8,
    /// The name, trimmed; at most 15 characters. Of a node status response (whose record is named `*`) the node's own first unique name.
    pub name: String,
    /// The sixteenth byte: 0x00 workstation, 0x20 file server, 0x1b/0x1c domain …
    pub suffix: u8,
    /// Addresses in the record.
    pub addrs: Vec<Addr>,
    /// The name belongs to a group.
    pub group: bool,
}

/// Registry line.
pub const PROTOCOL: Protocol = Protocol { service: Service::Nbns, probe, reader: Reader::Datagram(read) };

/// General name service record.
const NB: u16 = 0x20;
/// Node status.
const NBSTAT: u16 = 0x21;
/// Addresses kept of one record.
const ADDRS_MAX: usize = 16;
/// Bytes of a name in first-level encoding.
const ENCODED: usize = 32;

/// Is a label of 32 bytes a NetBIOS name in first-level encoding (RFC 1001, 14.1)? Two letters A to P stand for each byte.
pub(super) fn is_encoded(label: &[u8]) -> bool {
    label.len() == ENCODED && label.iter().all(|b| (b'A'..=b'P').contains(b))
}

fn probe(p: &Probe<'_>) -> Verdict {
    let mut c = Cursor::new(p.payload);
    let (Some(_id), Some(flags), Some([questions, answers, authority, additional])) = (c.u16(), c.u16(), c.array::<8>().map(words)) else {
        return Verdict::NotForUs;
    };
    let sane = matches!(flags >> 11 & 0xf, 0 | 5..=9) && flags & 0x0060 == 0 && questions <= 1 && answers <= 1 && authority == 0 && additional <= 1;
    let named =
        matches!((questions, answers), (1, 0) | (0, 1)) && read_name(&mut c).is_some() && matches!((c.u16(), c.u16()), (Some(NB | NBSTAT), Some(1)));
    if sane && named { Verdict::Certain } else { Verdict::NotForUs }
}

fn words(b: [u8; 8]) -> [u16; 4] {
    [u16::from_be_bytes([b[0], b[1]]), u16::from_be_bytes([b[2], b[3]]), u16::from_be_bytes([b[4], b[5]]), u16::from_be_bytes([b[6], b[7]])]
}

fn read(p: &Probe<'_>, out: &mut Vec<Message>) {
    match parse(p.payload) {
        Some(n) => out.push(Message::Nbns(Box::new(n))),
        None => out.push(Message::Weird("nbns_unreadable", p.payload.len() as u32)),
    }
}

/// Reads one packet: the question, then the first record (an answer, or the additional record of a registration).
fn parse(bytes: &[u8]) -> Option<Nbns> {
    let mut c = Cursor::new(bytes);
    let (id, flags, [questions, answers, _authority, additional]) = (c.u16()?, c.u16()?, words(c.array()?));
    let mut n = Nbns { id, response: flags & 0x8000 != 0, opcode: (flags >> 11 & 0xf) as u8, rcode: (flags & 0xf) as u8, ..Nbns::default() };
    if questions > 0 {
        (n.name, n.suffix) = read_name(&mut c)?;
        c.u32()?;
    }
    if answers > 0 || additional > 0 {
        read_record(&mut c, &mut n, questions == 0);
    }
    if questions == 0 && n.name.is_empty() && n.suffix == 0 { None } else { Some(n) }
}

/// One record; whatever is cut is left out.
fn read_record(c: &mut Cursor<'_>, n: &mut Nbns, takes_name: bool) -> Option<()> {
    if c.rest().first()? & 0xc0 == 0xc0 {
        c.u16()?;
    } else {
        let (name, suffix) = read_name(c)?;
        if takes_name {
            (n.name, n.suffix) = (name, suffix);
        }
    }
    let (kind, _class, _ttl, length) = (c.u16()?, c.u16()?, c.u32()?, c.u16()?);
    let (data, _) = c.take_up_to(usize::from(length));
    match kind {
        NB => read_addresses(data, n),
        NBSTAT => read_status(data, n)?,
        _ => {}
    }
    Some(())
}

/// Entries of two bytes of flags and an address.
fn read_addresses(data: &[u8], n: &mut Nbns) {
    let (entries, _) = data.as_chunks::<6>();
    for [flags, _, a, b, c, d] in entries.iter().take(ADDRS_MAX) {
        n.group |= flags & 0x80 != 0;
        n.addrs.push(Addr::v4(u32::from_be_bytes([*a, *b, *c, *d])));
    }
}

/// A node status response lists the node's names: 15 bytes, suffix, flags.
fn read_status(data: &[u8], n: &mut Nbns) -> Option<()> {
    let (count, list) = data.split_first()?;
    let (entries, _) = list.as_chunks::<18>();
    let unique = entries.iter().take(usize::from(*count)).find(|e| matches!(e, [.., 0x00 | 0x20, flags, _] if flags & 0x80 == 0))?;
    let [name @ .., suffix, _, _] = unique;
    (n.name, n.suffix) = (text(name, 15), *suffix);
    Some(())
}

/// An encoded name and its scope (skipped): the fifteen characters as text, and the sixteenth byte.
fn read_name(c: &mut Cursor<'_>) -> Option<(String, u8)> {
    let mut ahead = *c;
    let label = ahead.vec8().filter(|l| is_encoded(l))?;
    let mut raw = [0u8; 16];
    for (byte, pair) in raw.iter_mut().zip(label.as_chunks::<2>().0) {
        *byte = (pair[0].wrapping_sub(b'A') << 4) | (pair[1].wrapping_sub(b'A') & 0xf);
    }
    // The scope: labels to the root; a name has at most 255 bytes.
    let start = ahead.len();
    while !ahead.vec8().filter(|l| l.len() < 64)?.is_empty() {
        if start - ahead.len() > 255 {
            return None;
        }
    }
    *c = ahead;
    let [name @ .., suffix] = raw;
    Some((text(&name, 45).chars().take(15).collect(), suffix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::protocols::Side;
    use proptest::prelude::*;

    fn probe_of(payload: &[u8]) -> Probe<'_> {
        Probe { payload, from: Side::Orig, orig_port: 137, resp_port: 137, ts: Timestamp(0) }
    }

    fn encoded(name: &str, suffix: u8) -> Vec<u8> {
        let mut raw = name.as_bytes().to_vec();
        raw.resize(15, b' ');
        raw.push(suffix);
        let mut v = vec![32];
        v.extend(raw.iter().flat_map(|b| [b'A' + (b >> 4), b'A' + (b & 15)]));
        v.push(0);
        v
    }

    fn header(flags: u16, counts: [u8; 4]) -> Vec<u8> {
        [&[0x81, 0x02][..], &flags.to_be_bytes(), &counts.map(|n| [0, n]).concat()].concat()
    }

    fn query() -> Vec<u8> {
        [header(0x0110, [1, 0, 0, 0]), encoded("FILESRV", 0x20), vec![0, 0x20, 0, 1]].concat()
    }

    fn registration() -> Vec<u8> {
        let record = [0xc0, 12, 0, 0x20, 0, 1, 0, 0, 0, 0, 0, 6, 0x80, 0, 10, 1, 10, 5];
        [header(0x2910, [1, 0, 0, 1]), encoded("WARD", 0x1c), vec![0, 0x20, 0, 1], record.to_vec()].concat()
    }

    fn parsed(b: &[u8]) -> Nbns {
        assert_eq!(probe(&probe_of(b)), Verdict::Certain);
        parse(b).unwrap()
    }

    #[test]
    fn query_response_and_registration() {
        let q = parsed(&query());
        assert_eq!((q.name.as_str(), q.suffix, q.response, q.opcode, q.addrs.len()), ("FILESRV", 0x20, false, 0, 0));
        let answer = [0, 0x20, 0, 1, 0, 0, 0, 60, 0, 12, 0, 0, 10, 1, 20, 5, 0, 0, 10, 1, 20, 6];
        let r = parsed(&[header(0x8500, [0, 1, 0, 0]), encoded("FILESRV", 0x20), answer.to_vec()].concat());
        assert_eq!((r.name.as_str(), r.response, r.addrs[1].to_string().as_str(), r.group), ("FILESRV", true, "10.1.20.6", false));
        let g = parsed(&registration());
        assert_eq!((g.opcode, g.name.as_str(), g.suffix, g.group, g.addrs.len()), (5, "WARD", 0x1c, true, 1));
    }

    #[test]
    fn node_status_tells_the_nodes_own_name() {
        let mut names = vec![2];
        names.extend(b"WORKGROUP      \x00\x84\x00");
        names.extend(b"TERM3          \x00\x04\x00");
        names.extend([0; 46]);
        let head = [header(0x8400, [0, 1, 0, 0]), encoded("*", 0), vec![0, 0x21, 0, 1, 0, 0, 0, 0, 0, names.len() as u8]].concat();
        let n = parsed(&[head, names].concat());
        assert_eq!((n.name.as_str(), n.suffix), ("TERM3", 0));
    }

    #[test]
    fn japanese_names_are_text() {
        let mut raw = vec![32u8];
        let mut name = vec![0x8e, 0xf3, 0x95, 0x74, 0x82, 0x50];
        name.resize(15, b' ');
        name.push(0);
        raw.extend(name.iter().flat_map(|b| [b'A' + (b >> 4), b'A' + (b & 15)]));
        raw.push(0);
        assert_eq!(parsed(&[header(0x0110, [1, 0, 0, 0]), raw, vec![0, 0x20, 0, 1]].concat()).name, "受付１");
    }

    #[test]
    fn dns_is_not_ours_nor_is_a_cut_packet() {
        let dns = [header(0x0100, [1, 0, 0, 0]), b"\x03www\x07example\x00\x00\x01\x00\x01".to_vec()].concat();
        assert_eq!(probe(&probe_of(&dns)), Verdict::NotForUs);
        let q = query();
        for n in 0..q.len() {
            assert_eq!(probe(&probe_of(&q[..n])), Verdict::NotForUs, "{n}");
            assert_eq!(parse(&q[..n]), None, "{n}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(probe(&probe_of(&bytes)), Verdict::NotForUs);
            let _ = parse(&bytes);
        }
        #[test]
        fn any_flip_and_cut(at in 0usize..90, to in any::<u8>(), cut in 0usize..90) {
            let mut m = registration();
            if let Some(b) = m.get_mut(at) {
                *b = to;
            }
            m.truncate(cut);
            let _ = (probe(&probe_of(&m)), parse(&m));
        }
    }
}
