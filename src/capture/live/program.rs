//! The BPF program before a packet socket: the user's filter, and how much of a frame is kept.
//!
//! The kernel shows a program the frame without its outer tag and the tag beside it, which is what `--filter` means everywhere (see
//! `capture::filter`): where the text has a `vlan`, a few instructions ask for the tag and jump to one of the two programs. Whatever accepts a
//! frame goes on to the last part: it says how many bytes are kept, all of them, or, when the box cannot keep up, only the head of long
//! segments of bulk protocols.

use crate::capture::bpf::{Instruction, Program};
use crate::capture::filter::{Compiled, Filter, libpcap};

/// Bytes kept of a long segment of a bulk protocol: every header down to SMB2's, whose largest fixed request is 64 + 57 bytes behind 90 of others.
const HEAD: u32 = 256;
/// The long segments of bulk protocols: full ones, which only a transfer has. Requests, answers, file names and logons are shorter, and
/// everything that opens or ends a connection. Names, addresses, logons and remote control (53, 67, 68, 88, 135, 389, 3389, 5985 …) are never cut.
const BULK: &str = "tcp and greater 1024 and port (445 or 139 or 80 or 443 or 8080 or 8443 or 104 or 2762 or 11112 or 1433 or 1521 or 3306 or 5432 or \
     9100 or 515 or 631 or 2049 or 3260 or 873 or 902 or 10000 or 10080)";

const JUMP: u16 = 0x05;
const JUMP_EQUAL: u16 = 0x15;
const LOAD_BYTE: u16 = 0x30;
const LOAD_HALF: u16 = 0x28;
const AND: u16 = 0x54;
const RETURN: u16 = 0x06;
/// `SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT`: is there a tag beside the frame?
const TAGGED: u32 = (-0x1000i32 + 48).cast_unsigned();
/// `SKF_AD_OFF + SKF_AD_VLAN_TAG`: which?
const TAG: u32 = (-0x1000i32 + 44).cast_unsigned();

const fn op(code: u16, jt: u8, jf: u8, k: u32) -> Instruction {
    Instruction { code, jt, jf, k }
}

/// The program for a link type: `filter` decides, `snaplen` bytes are kept, of bulk only the head if `spare`. None: the kernel cannot do that.
pub(super) fn program(filter: Option<&Filter>, linktype: u32, snaplen: u32, spare: bool) -> Option<Vec<Instruction>> {
    let tail = tail(linktype, snaplen, spare)?;
    let mut code = match filter {
        None => Vec::new(),
        Some(f) => match f.compiled(linktype)? {
            Compiled::Plain(p) => p.instructions().to_vec(),
            Compiled::Tag { vid, with, without } => choose(*vid, with, without)?,
        },
    };
    let accepted = code.len();
    for (at, i) in code.iter_mut().enumerate() {
        match (i.code & 0x1f, i.k) {
            (RETURN, 0) => {}
            (RETURN, _) => *i = op(JUMP, 0, 0, u32::try_from(accepted - at - 1).ok()?),
            // What the accumulator says; libpcap writes no filter that ends so.
            (0x16 | 0x0e, _) => return None,
            _ => {}
        }
    }
    code.extend(tail);
    Some(code)
}

/// With the tag to one program, without it to the other.
fn choose(vid: Option<u16>, with: &Program, without: &Program) -> Option<Vec<Instruction>> {
    let (with, without) = (with.instructions(), without.instructions());
    let other = u32::try_from(with.len()).ok()?;
    let mut code = vec![op(LOAD_BYTE, 0, 0, TAGGED)];
    match vid {
        None => code.extend([op(JUMP_EQUAL, 1, 0, 1), op(JUMP, 0, 0, other)]),
        Some(vid) => code.extend([
            op(JUMP_EQUAL, 1, 0, 1),
            op(JUMP, 0, 0, other + 4),
            op(LOAD_HALF, 0, 0, TAG),
            op(AND, 0, 0, 0x0fff),
            op(JUMP_EQUAL, 1, 0, u32::from(vid)),
            op(JUMP, 0, 0, other),
        ]),
    }
    code.extend(with);
    code.extend(without);
    Some(code)
}

/// How much is kept of what was accepted.
fn tail(linktype: u32, snaplen: u32, spare: bool) -> Option<Vec<Instruction>> {
    if !spare {
        return Some(vec![op(RETURN, 0, 0, snaplen)]);
    }
    let bulk = libpcap(BULK, linktype).ok()?;
    let keep = |i: &Instruction| match i.code & 0x1f {
        RETURN => op(RETURN, 0, 0, if i.k == 0 { snaplen } else { HEAD.min(snaplen) }),
        _ => *i,
    };
    Some(bulk.instructions().iter().map(keep).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_return_of_the_filter_leads_to_what_is_kept() {
        for (text, spare) in [("icmp", false), ("not vlan 10 and tcp", true), ("vlan and icmp", true), ("host 192.0.2.1 and not port 80", false)] {
            let f = Filter::new(text).unwrap();
            let code = program(Some(&f), 1, 262_144, spare).unwrap();
            for (at, i) in code.iter().enumerate() {
                if i.code == RETURN {
                    assert!([0, HEAD, 262_144].contains(&i.k), "{text}: {i:?}");
                }
                if i.code == JUMP {
                    assert!(at + 1 + (i.k as usize) < code.len(), "{text}: a jump out of the program");
                }
            }
            assert!(code.len() < 400);
        }
    }

    #[test]
    fn without_a_filter_all_is_kept() {
        assert_eq!(program(None, 1, 262_144, false).unwrap(), [op(RETURN, 0, 0, 262_144)]);
        assert!(program(None, 1, 262_144, true).unwrap().len() > 20);
        // A link type for which the filter has no meaning.
        assert_eq!(program(Some(&Filter::new("vlan 10").unwrap()), 101, 262_144, false), None);
    }
}
