//! RDP over UDP ([MS-RDPEUDP] 2.2.2.1, 2.2.2.3): recognised by its first datagram. What it carries is under DTLS or TLS.

use super::super::{Message, Probe, Protocol, Reader, Verdict};
use crate::base::Service;

/// Registry line.
pub const PROTOCOL: Protocol = Protocol { service: Service::Rdp, probe, reader: Reader::Datagram(datagram) };

/// RDPUDP_FLAG_SYN.
const SYN: u16 = 0x0001;
/// The transfer units that are allowed (3.1.5.1.1); the datagram is filled up to one.
const UNIT: std::ops::RangeInclusive<u16> = 1132..=1232;

/// The originator's SYN: no datagram acknowledged yet, a window, the flag, a first number, both transfer units.
fn probe(p: &Probe<'_>) -> Verdict {
    let [0xff, 0xff, 0xff, 0xff, w0, w1, f0, f1, _, _, _, _, u0, u1, d0, d1, ..] = *p.payload else { return Verdict::NotForUs };
    let number = |a, b| u16::from_be_bytes([a, b]);
    let fits = number(w0, w1) > 0 && number(f0, f1) & SYN != 0 && UNIT.contains(&number(u0, u1)) && UNIT.contains(&number(d0, d1));
    if fits && p.payload.len() >= usize::from(*UNIT.start()) { Verdict::Certain } else { Verdict::NotForUs }
}

fn datagram(_: &Probe<'_>, _: &mut Vec<Message>) {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::stream::tests::probe_of;

    #[test]
    fn the_first_datagram_tells_it() {
        let mut d = vec![0xff, 0xff, 0xff, 0xff, 0, 64, 0x10, 0x01, 1, 2, 3, 4, 0x04, 0xd0, 0x04, 0xd0];
        d.resize(1232, 0);
        assert_eq!(probe_of(probe, &d, 3389), Verdict::Certain);
        assert_eq!(probe_of(probe, &d[..100], 3389), Verdict::NotForUs);
        let mut other = d.clone();
        other[12] = 9;
        assert_eq!(probe_of(probe, &other, 3389), Verdict::NotForUs);
        assert_eq!(probe_of(probe, &[0xff; 1232], 3389), Verdict::NotForUs);
    }
}
