//! NTP (RFC 5905, 7.3; control messages RFC 9327, 2; private messages of ntpd).
#![forbid(unsafe_code)]

use super::field::array_at;
use super::{Message, Probe, Verdict};

/// One NTP packet's head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ntp {
    /// 3 client, 4 server, 5 broadcast, 6 control, 7 private.
    pub mode: u8,
    /// Version number.
    pub version: u8,
    /// Stratum.
    pub stratum: u8,
    /// Transmit timestamp in NTP format (seconds since 1900 in the upper half).
    pub transmit: u64,
}

/// Registry line.
pub const PROTOCOL: super::Protocol = super::Protocol { service: crate::base::Service::Ntp, probe, reader: super::Reader::Datagram(read) };

const PORT: u16 = 123;
/// The header without extensions.
const HEADER: usize = 48;
/// Root delays of 16 seconds and more (16.16 fixed point) do not occur; random bytes have them.
const ROOT_DELAY: u32 = 16 << 16;

fn probe(p: &Probe<'_>) -> Verdict {
    let home = p.orig_port == PORT || p.resp_port == PORT;
    if home && parse(p.payload).is_some() { Verdict::Certain } else { Verdict::NotForUs }
}

fn read(p: &Probe<'_>, out: &mut Vec<Message>) {
    match parse(p.payload) {
        Some(ntp) => out.push(Message::Ntp(ntp)),
        None => out.push(Message::Weird("ntp_malformed", 0)),
    }
}

/// Reads a datagram; None if it is not NTP's.
pub fn parse(b: &[u8]) -> Option<Ntp> {
    let [first, second, ..] = *b else { return None };
    let (mode, version) = (first & 7, first >> 3 & 7);
    match mode {
        1..=5 if (1..=4).contains(&version) => time(b, mode, version),
        6 if (1..=4).contains(&version) && control(b, second) => Some(Ntp { mode, version, stratum: 0, transmit: 0 }),
        7 if (1..=4).contains(&version) && private(b) => Some(Ntp { mode, version, stratum: 0, transmit: 0 }),
        _ => None,
    }
}

/// A packet that carries time: every field of the head within what clocks have.
fn time(b: &[u8], mode: u8, version: u8) -> Option<Ntp> {
    let [_, stratum, poll, precision] = array_at(b, 0)?;
    let delay = u32::from_be_bytes(array_at(b, 4)?);
    let transmit = u64::from_be_bytes(array_at(b, 40)?);
    let poll_fits = (-6..=17).contains(&poll.cast_signed());
    // chrony's clients say 32 on purpose.
    let precision_fits = (-32..=0).contains(&precision.cast_signed()) || precision == 32;
    let delay_fits = delay < ROOT_DELAY || delay.wrapping_neg() < ROOT_DELAY;
    let answer_fits = mode == 3 || transmit != 0;
    let fits = b.len().is_multiple_of(4) && b.len() >= HEADER && stratum <= 16 && poll_fits && precision_fits && delay_fits && answer_fits;
    fits.then_some(Ntp { mode, version, stratum, transmit })
}

/// Operation, then a count of data bytes that are there.
fn control(b: &[u8], second: u8) -> bool {
    let Some([high, low]) = array_at(b, 10) else { return false };
    let (operation, count) = (second & 0x1f, usize::from(u16::from_be_bytes([high, low])));
    matches!(operation, 1..=12 | 31) && (12 + count..12 + count + 96).contains(&b.len())
}

/// Implementation 0, 2 or 3, and items that are there (ntpd's `monlist` has request code 42 or 20).
fn private(b: &[u8]) -> bool {
    let Some([_, _, implementation, request, h, l, sh, sl]) = array_at(b, 0) else { return false };
    let (items, size) = (usize::from(u16::from_be_bytes([h & 0x0f, l])), usize::from(u16::from_be_bytes([sh & 0x0f, sl])));
    matches!(implementation, 0 | 2 | 3) && request <= 46 && sh & 0xf0 == 0 && b.len() >= 8 + items * size && b.len() <= 8 + 500 + 192
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::stream::tests::probe_of;

    fn server() -> Vec<u8> {
        let mut b = vec![0x24, 2, 6, 0xe8, 0, 0, 1, 0, 0, 0, 2, 0, 10, 0, 0, 1];
        b.resize(40, 0xee);
        b.extend([0xec, 0x9b, 1, 2, 3, 4, 5, 6]);
        b
    }

    #[test]
    fn a_server_answers() {
        assert_eq!(parse(&server()), Some(Ntp { mode: 4, version: 4, stratum: 2, transmit: 0xec9b_0102_0304_0506 }));
        assert_eq!(probe_of(probe, &server(), 123), Verdict::Certain);
        assert_eq!(probe_of(probe, &server(), 124), Verdict::NotForUs);
        let mut client = vec![0u8; 48];
        client[0] = 0x1b;
        assert_eq!(parse(&client).unwrap().mode, 3);
    }

    #[test]
    fn monlist_and_readvar() {
        assert_eq!(parse(&[0x17, 0, 3, 42, 0, 0, 0, 0]).unwrap().mode, 7);
        assert_eq!(parse(&[0x16, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap().mode, 6);
    }

    #[test]
    fn junk_is_not_ntp() {
        assert_eq!(parse(&[]), None);
        assert_eq!(parse(&server()[..47]), None);
        assert_eq!(parse(&[0x24; 48]), None);
        assert_eq!(parse(&[b'x'; 48]), None);
        let mut x = 1u64;
        for n in 0..20_000usize {
            let junk: Vec<u8> = (0..(n % 90))
                .map(|_| {
                    x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (x >> 56) as u8
                })
                .collect();
            if let Some(ntp) = parse(&junk) {
                // Nothing but eight or twelve well-filled bytes speaks for control and private messages.
                assert!(ntp.mode >= 6, "{junk:?}");
            }
        }
    }
}
