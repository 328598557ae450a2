//! Telnet (RFC 854): recognised by its options, so that a remote shell on any port is known as one. Nothing in it is read: it would be passwords.
#![forbid(unsafe_code)]

use super::{Message, Probe, Side, StreamParser, Verdict};
use crate::base::Timestamp;

/// Registry line.
pub const PROTOCOL: super::Protocol =
    super::Protocol { service: crate::base::Service::Telnet, probe, reader: super::Reader::Stream(|| Box::new(Known)) };

const IAC: u8 = 0xff;
/// Options that are in use (RFC 855 and others); the registry has gaps above.
const OPTIONS: u8 = 49;
/// Options in a row that make another port's flow Telnet. One alone may be a picture's bytes.
const IN_A_ROW: usize = 2;

/// WILL, WON'T, DO, DON'T with their options at the beginning.
fn options(b: &[u8]) -> usize {
    b.chunks_exact(3).take_while(|c| matches!(c, [IAC, 0xfb..=0xfe, 0..=OPTIONS])).count()
}

fn probe(p: &Probe<'_>) -> Verdict {
    let home = p.orig_port == 23 || p.resp_port == 23;
    if options(p.payload) >= if home { 1 } else { IN_A_ROW } { Verdict::Certain } else { Verdict::NotForUs }
}

/// Reads nothing.
struct Known;

impl StreamParser for Known {
    fn data(&mut self, _from: Side, _ts: Timestamp, _bytes: &[u8], _out: &mut Vec<Message>) {}
    fn gap(&mut self, _from: Side, _lost: u64) {}
    fn done(&self) -> bool {
        true
    }
    fn held(&self) -> usize {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::stream::tests::probe_of;

    #[test]
    fn options_tell_it() {
        let linux = [0xff, 0xfd, 0x18, 0xff, 0xfd, 0x20, 0xff, 0xfd, 0x23, 0xff, 0xfd, 0x27];
        assert_eq!(probe_of(probe, &linux, 23), Verdict::Certain);
        assert_eq!(probe_of(probe, &linux, 2323), Verdict::Certain);
        assert_eq!(probe_of(probe, &linux[..3], 23), Verdict::Certain);
        assert_eq!(probe_of(probe, &linux[..3], 9100), Verdict::NotForUs);
        assert_eq!(probe_of(probe, b"\xff\xd8\xff\xe0\0\x10JFIF", 80), Verdict::NotForUs);
        assert_eq!(probe_of(probe, b"login: ", 23), Verdict::NotForUs);
    }
}
