//! Initial packets sealed as in RFC 9001, scattered, reordered and broken.
use super::initial::{Keys, varint};
use super::*;
use crate::base::Timestamp;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Nonce};
use proptest::prelude::*;

fn hex(s: &str) -> Vec<u8> {
    let digits: Vec<u8> = s.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|p| p[0] << 4 | p[1]).collect()
}

const DCID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];

/// The CRYPTO frame of RFC 9001, A.2.
const FRAME: &str = "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c\
    00000413011302010000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c706e\
    000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b0003020304\
    000d0010000e0403050306030203080408050806002d00020101001c00024001003900320408ffffffffffffffff05048000ffff07048000ffff\
    0801100104800075300901100f088394c8f03e51570806048000ffff";

/// Protects an Initial with packet number 2 in four bytes, as RFC 9001, A.2 does.
fn protect(number: u32, dcid: &[u8], mut plain: Vec<u8>) -> Vec<u8> {
    let version = Version::of(number).unwrap();
    let keys = Keys::of(version, dcid).unwrap();
    let first = if version == Version::V2 { 0xd3 } else { 0xc3 };
    let length = (plain.len() + 4 + 16) as u16 | 0x4000;
    let mut packet = [&[first][..], &number.to_be_bytes(), &[dcid.len() as u8], dcid, &[0, 0], &length.to_be_bytes()].concat();
    let at = packet.len();
    packet.extend([0, 0, 0, 2]);
    let tag = Aes128Gcm::new_from_slice(&keys.key)
        .unwrap()
        .encrypt_inout_detached(&Nonce::from(keys.nonce(2)), &packet, plain.as_mut_slice().into())
        .unwrap();
    packet.extend(plain);
    packet.extend(tag.as_slice());
    let mask = keys.mask(packet[at + 4..].first_chunk().unwrap()).unwrap();
    packet[0] ^= mask[0] & 0x0f;
    for i in 0..4 {
        packet[at + i] ^= mask[1 + i];
    }
    packet
}

fn padded(mut frames: Vec<u8>) -> Vec<u8> {
    frames.resize(1162, 0);
    frames
}

fn probe_of(payload: &[u8]) -> Probe<'_> {
    Probe { payload, from: Side::Orig, orig_port: 50000, resp_port: 443, ts: Timestamp(0) }
}

fn read_all(payload: &[u8]) -> Vec<Message> {
    let mut out = Vec::new();
    read(&probe_of(payload), &mut out);
    out
}

fn hello_of(payload: &[u8]) -> crate::protocols::tls::Hello {
    let out = read_all(payload);
    let [Message::Tls(h)] = out.as_slice() else { panic!("{out:?}") };
    (**h).clone()
}

#[test]
fn keys_of_rfc_9001_and_rfc_9369() {
    let k = Keys::of(Version::V1, &DCID).unwrap();
    assert_eq!(k.key.as_slice(), hex("1f369613dd76d5467730efcbe3b1a22d"));
    assert_eq!(k.iv.as_slice(), hex("fa044b2f42a3fd3b46fb255c"));
    assert_eq!(k.hp.as_slice(), hex("9f50449e04a0e810283a1e9933adedd2"));
    let k = Keys::of(Version::V2, &DCID).unwrap();
    assert_eq!(k.key.as_slice(), hex("8b1a0bc121284290a29e0971b5cd045d"));
    assert_eq!(k.iv.as_slice(), hex("91f73e2351d8fa91660e909f"));
    assert_eq!(k.hp.as_slice(), hex("45b95e15235d6f45a6b19cbcb0294ba9"));
}

#[test]
fn the_packet_of_rfc_9001() {
    let packet = protect(1, &DCID, padded(hex(FRAME)));
    // The published packet's beginning and its tag.
    assert!(packet.starts_with(&hex("c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9b")));
    assert!(packet.ends_with(&hex("e221af44860018ab0856972e194cd934")));
    assert_eq!((packet.len(), probe(&probe_of(&packet))), (1200, Verdict::Certain));
    let h = hello_of(&packet);
    assert_eq!((h.sni.as_deref(), h.alpn.as_slice(), h.version, h.quic), (Some("example.com"), &["alpn".to_owned()][..], 0x0304, true));
    assert!(h.ja4.starts_with("q13d0211an_"), "{}", h.ja4);
}

#[test]
fn version_2_and_the_last_drafts() {
    for number in [0x6b33_43cf, 0xff00_001d] {
        let packet = protect(number, &DCID, padded(hex(FRAME)));
        assert_eq!(probe(&probe_of(&packet)), Verdict::Certain);
        assert_eq!(hello_of(&packet).sni.as_deref(), Some("example.com"));
    }
    // The beginning of RFC 9369's packet.
    assert!(protect(0x6b33_43cf, &DCID, padded(hex(FRAME))).starts_with(&hex("d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485")));
}

/// The same stream in pieces of `step` bytes, last first, with PING and PADDING between and one piece twice.
fn scrambled(stream: &[u8], step: usize) -> Vec<u8> {
    let mut frames = vec![1, 0, 0];
    for (i, piece) in stream.chunks(step).enumerate().collect::<Vec<_>>().into_iter().rev() {
        let offset = (i * step) as u16 | 0x4000;
        let frame = [&[6][..], &offset.to_be_bytes(), &(piece.len() as u16 | 0x4000).to_be_bytes(), piece, &[0, 1]].concat();
        frames.extend(&frame);
        if i == 1 {
            frames.extend(&frame);
        }
    }
    frames
}

#[test]
fn pieces_in_any_order() {
    let stream = &hex(FRAME)[4..];
    for step in [20, 50, 100, 200] {
        let packet = protect(1, &DCID, padded(scrambled(stream, step)));
        assert_eq!(hello_of(&packet), hello_of(&protect(1, &DCID, padded(hex(FRAME)))), "{step}");
    }
}

#[test]
fn two_packets_in_one_datagram_and_half_a_hello() {
    let stream = &hex(FRAME)[4..];
    let frame =
        |offset: usize, data: &[u8]| [&[6][..], &(offset as u16 | 0x4000).to_be_bytes(), &(data.len() as u16 | 0x4000).to_be_bytes(), data].concat();
    let (a, b) = (protect(1, &DCID, frame(0, &stream[..120])), protect(1, &DCID, frame(120, &stream[120..])));
    assert!(!hello_of(&[a.clone(), b.clone()].concat()).ja4.is_empty());
    let half = hello_of(&a);
    assert_eq!((half.sni.as_deref(), half.ja4.as_str()), (Some("example.com"), ""));
    assert_eq!(read_all(&b), []);
}

/// A datagram that holds only the middle of the hello: the name is found where it lies.
#[test]
fn the_name_in_a_piece_without_beginning() {
    let stream = &hex(FRAME)[4..];
    let piece = &stream[40..120];
    let frame = [&[6, 0x40, 40, 0x40, 80][..], piece].concat();
    let h = hello_of(&protect(1, &DCID, padded(frame)));
    assert_eq!((h.sni.as_deref(), h.version, h.ja3.as_str(), h.quic), (Some("example.com"), 0x0304, "", true));
    // Half a name is none.
    let frame = [&[6, 0x40, 40, 0x40, 25][..], &stream[40..65]].concat();
    assert_eq!(read_all(&protect(1, &DCID, padded(frame))), []);
}

#[test]
fn acks_before_the_hello() {
    let ack = [2, 5, 0, 1, 2, 0, 1, 3, 5, 0, 0, 1, 1, 2, 3];
    let packet = protect(1, &DCID, padded([&ack[..], &hex(FRAME)].concat()));
    assert_eq!(hello_of(&packet).sni.as_deref(), Some("example.com"));
}

#[test]
fn what_is_not_quic_or_not_the_originators() {
    let packet = protect(1, &DCID, padded(hex(FRAME)));
    let mut wrong_keys = packet.clone();
    wrong_keys[6] ^= 1;
    assert_eq!(read_all(&wrong_keys), []);
    let mut out = Vec::new();
    read(&Probe { from: Side::Resp, ..probe_of(&packet) }, &mut out);
    assert_eq!(out, []);
    let other_version = [&[0xc3, 0, 0, 0, 9][..], &packet[5..]].concat();
    for junk in [&[][..], &[0xff; 1200], &[0; 1200], &[0x40; 1200], &[0xc0, 0, 0, 0, 1], &other_version] {
        assert_eq!(probe(&probe_of(junk)), Verdict::NotForUs);
        assert_eq!(read_all(junk), []);
    }
}

#[test]
fn truncations() {
    let packet = protect(1, &DCID, padded(hex(FRAME)));
    for n in 0..packet.len() {
        assert_eq!(read_all(&packet[..n]), [], "{n}");
        probe(&probe_of(&packet[..n]));
    }
}

#[test]
fn numbers_of_every_length() {
    for (bytes, want) in [("25", 37), ("7bbd", 15_293), ("9d7f3e7d", 494_878_333), ("c2197c5eff14e88c", 151_288_809_941_952_652)] {
        assert_eq!(varint(&mut Cursor::new(&hex(bytes))), Some(want));
    }
    assert_eq!(varint(&mut Cursor::new(&[0x40])), None);
}

proptest! {
    #[test]
    fn any_frames(frames in proptest::collection::vec(any::<u8>(), 20..200)) {
        let mut crypto = Crypto::default();
        crypto.read_frames(&frames);
        prop_assert!(crypto.runs().iter().map(|r| r.1.len()).sum::<usize>() <= frames.len());
        crypto.hello();
        read_all(&protect(1, &DCID, frames));
    }
    #[test]
    fn any_flip_is_not_read(at in 6usize..1200, bit in 0u8..8) {
        let mut packet = protect(1, &DCID, padded(hex(FRAME)));
        packet[at] ^= 1 << bit;
        prop_assert!(!read_all(&packet).iter().any(|m| matches!(m, Message::Tls(_))));
    }
}
