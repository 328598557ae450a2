//! Initial packets sealed as in RFC 9001, scattered, reordered and broken.
use super::crypto::STREAM_MAX;
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
fn protect(number: u32, dcid: &[u8], plain: Vec<u8>) -> Vec<u8> {
    seal(number, dcid, &Keys::of(Version::of(number).unwrap(), dcid).unwrap(), plain)
}

/// The same under given keys.
fn seal(number: u32, dcid: &[u8], keys: &Keys, mut plain: Vec<u8>) -> Vec<u8> {
    let version = Version::of(number).unwrap();
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

/// What one datagram yields when nothing follows.
fn read_all(payload: &[u8]) -> Vec<Message> {
    read_flow(&[payload])
}

/// What the originator's datagrams yield when nothing follows.
fn read_flow(payloads: &[&[u8]]) -> Vec<Message> {
    let (mut parser, mut out) = (Opening::default(), Vec::new());
    for p in payloads {
        parser.datagram(&probe_of(p), &mut out);
        assert!(parser.held() < 2 * CONNECTIONS_MAX * STREAM_MAX + 40_000);
    }
    parser.finish(&mut out);
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
    let (mut parser, mut out) = (Opening::default(), Vec::new());
    parser.datagram(&Probe { from: Side::Resp, ..probe_of(&packet) }, &mut out);
    parser.finish(&mut out);
    assert!(out.is_empty() && parser.done());
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

/// A hello as browsers with a post-quantum key share send it: 1,216 bytes longer than the one of RFC 9001.
fn large_hello() -> Vec<u8> {
    let mut m = hex(FRAME)[4..].to_vec();
    m.extend([0xfe, 0x0d, 0x04, 0xbc]); // an extension that nobody reads
    m.extend((0..0x4bcu32).map(|i| (i * 7 % 251) as u8));
    let (body, extensions) = (m.len() - 4, m.len() - 49);
    m[1..4].copy_from_slice(&(body as u32).to_be_bytes()[1..]);
    m[47..49].copy_from_slice(&(extensions as u16).to_be_bytes());
    m
}

fn crypto_frame(offset: usize, data: &[u8]) -> Vec<u8> {
    [&[6, 0x80, (offset >> 16) as u8, (offset >> 8) as u8, offset as u8][..], &(data.len() as u16 | 0x4000).to_be_bytes(), data].concat()
}

/// One datagram with a piece of a stream.
fn piece(stream: &[u8], from: usize, to: usize) -> Vec<u8> {
    protect(1, &DCID, padded(crypto_frame(from, &stream[from..to])))
}

/// A datagram with the first half of a hello, the name in it.
pub(crate) fn half_hello() -> Vec<u8> {
    piece(&large_hello(), 0, 700)
}

fn hellos(out: &[Message]) -> Vec<crate::protocols::tls::Hello> {
    out.iter().map(|m| if let Message::Tls(h) = m { (**h).clone() } else { panic!("{m:?}") }).collect()
}

#[test]
fn a_hello_over_two_datagrams_is_told_once_and_whole() {
    let m = large_hello();
    let (a, b) = (piece(&m, 0, 1100), piece(&m, 1100, m.len()));
    for flow in [vec![&a, &b], vec![&b, &a], vec![&a, &b, &a, &b]] {
        let flow: Vec<&[u8]> = flow.into_iter().map(Vec::as_slice).collect();
        let got = hellos(&read_flow(&flow));
        assert_eq!((got.len(), got[0].sni.as_deref(), got[0].ja3.len()), (1, Some("example.com"), 32));
        assert!(got[0].ja4.starts_with("q13d0212an_"), "{}", got[0].ja4);
    }
    // Sent again before the rest came: the name is told as soon as it is sure that nobody answers, and the whole when it comes.
    let got = hellos(&read_flow(&[&a, &a, &a, &b]));
    assert_eq!((got.len(), got[0].ja4.as_str(), got[0].sni.as_deref(), got[1].ja3.len()), (2, "", Some("example.com"), 32));
}

#[test]
fn the_name_cut_between_two_datagrams() {
    let m = large_hello();
    let at = m.windows(11).position(|w| w == b"example.com").unwrap() + 5;
    let (a, b) = (piece(&m, 0, at), piece(&m, at, at + 1000));
    assert_eq!(read_flow(&[&a]), []);
    assert_eq!(hellos(&read_flow(&[&a, &b]))[0].sni.as_deref(), Some("example.com"));
    assert_eq!(hellos(&read_flow(&[&b, &a]))[0].sni.as_deref(), Some("example.com"));
}

/// The originator goes over to the id that the responder chose, under the keys of the first one.
#[test]
fn the_id_changes_between_two_datagrams() {
    let m = large_hello();
    let keys = Keys::of(Version::V1, &DCID).unwrap();
    let second = seal(1, &[9; 12], &keys, padded(crypto_frame(1100, &m[1100..])));
    let got = hellos(&read_flow(&[&piece(&m, 0, 1100), &second]));
    assert_eq!((got.len(), got[0].ja3.len()), (1, 32));
}

/// After a Retry everything begins again under the keys of another id; the same hello is told once.
#[test]
fn a_retry() {
    let m = large_hello();
    let again = |from, to| protect(1, &[5; 8], padded(crypto_frame(from, &m[from..to])));
    let flow = [piece(&m, 0, 1100), again(0, 1100), again(1100, m.len())];
    let got = hellos(&read_flow(&[&flow[0], &flow[1], &flow[2]]));
    assert_eq!((got[0].ja3.len(), got.iter().filter(|h| h.ja3.len() == 32).count()), (32, 1));
    let whole = [piece(&m, 0, 1100), piece(&m, 1100, m.len()), again(0, 1100), again(1100, m.len())];
    assert_eq!(read_flow(&[&whole[0], &whole[1], &whole[2], &whole[3]]).len(), 1);
}

#[test]
fn what_shows_that_no_more_comes_tells_what_is_known() {
    let m = large_hello();
    let (mut parser, mut out) = (Opening::default(), Vec::new());
    parser.datagram(&probe_of(&piece(&m, 0, 1100)), &mut out);
    assert!(out.is_empty() && !parser.done());
    // The responder's Initial alone acknowledges; behind it a Handshake packet needs the whole hello.
    let initial = protect(1, &[], padded(vec![2, 0, 0, 0, 0]));
    parser.datagram(&Probe { from: Side::Resp, ..probe_of(&initial) }, &mut out);
    assert!(out.is_empty() && !parser.done());
    let handshake = [&initial[..], &[0xe3, 0, 0, 0, 1, 0, 0, 0x40, 30], &[7; 30]].concat();
    parser.datagram(&Probe { from: Side::Resp, ..probe_of(&handshake) }, &mut out);
    assert!(matches!(&out[..], [Message::Tls(h)] if h.sni.is_some() && h.ja3.is_empty()));
    // Its last piece may have been overtaken.
    assert!(!parser.done());
    parser.datagram(&probe_of(&piece(&m, 1100, m.len())), &mut out);
    assert!(matches!(&out[1..], [Message::Tls(h)] if h.ja3.len() == 32) && parser.done());
}

#[test]
fn pieces_that_never_become_a_hello_are_given_up() {
    let (mut parser, mut out) = (Opening::default(), Vec::new());
    let stream = vec![0x5a; STREAM_MAX];
    for n in 0..DATAGRAMS_MAX {
        assert!(n == 0 || !parser.done(), "{n}");
        let at = 1000 + usize::from(n) * 1000;
        parser.datagram(&probe_of(&piece(&stream, at, at + 900)), &mut out);
    }
    assert!(parser.done() && out.is_empty() && parser.held() < 100_000);
    // Beyond what is kept; and no hello at all.
    let far = protect(1, &DCID, padded([&[6, 0xc0, 0, 0, 0, 1, 0, 0, 0, 4][..], b"\x01abc"].concat()));
    assert_eq!(read_all(&far), []);
    assert_eq!(read_all(&protect(1, &DCID, padded(crypto_frame(0, b"\x09\0\0\x04abcd")))), [Message::Weird("quic_no_hello", 0)]);
}

#[test]
fn one_place_with_two_meanings_is_named_and_the_first_stays() {
    let m = large_hello();
    let mut other = m.clone();
    let at = m.windows(11).position(|w| w == b"example.com").unwrap();
    other[at..at + 11].copy_from_slice(b"another.org");
    let out = read_flow(&[&piece(&m, 0, 800), &piece(&other, 0, 800), &piece(&other, 800, m.len())]);
    assert!(out.contains(&Message::Weird("quic_crypto_differs", 0)), "{out:?}");
    let told: Vec<_> = out.iter().filter_map(|m| if let Message::Tls(h) = m { h.sni.clone() } else { None }).collect();
    assert!(!told.is_empty() && told.iter().all(|s| s == "example.com"), "{told:?}");
}

/// The search costs more than all else: a stream made for it, one byte more in every datagram, is searched a few times and no longer.
#[test]
fn the_search_for_a_name_is_bounded() {
    let mut stream = [1, 0, 0].repeat(STREAM_MAX / 3);
    stream[0] = 1; // a ClientHello of 64 KiB that never ends
    stream[1..4].copy_from_slice(&[0, 0xff, 0xf0]);
    let (mut parser, mut out) = (Opening::default(), Vec::new());
    let mut show = |from: usize, to: usize| parser.datagram(&probe_of(&protect(1, &DCID, crypto_frame(from, &stream[from..to]))), &mut out);
    (0..5).for_each(|i| show(i * 13_000, (i + 1) * 13_000 - 100 * i));
    for at in 64_000..64_020 {
        show(at, at + 1);
        show(at, at + 1);
    }
    let Opening { connections, .. } = &parser;
    assert!(out.is_empty() && connections[0].searches <= SEARCHES_MAX);
}

/// Connections under keys of their own in one flow: the older leaves, told as far as it is known, and memory stays bounded.
#[test]
fn many_ids_in_one_flow() {
    let m = large_hello();
    let flow: Vec<Vec<u8>> = (0..20u8).map(|n| protect(1, &[n; 8], padded(crypto_frame(0, &m[..1100])))).collect();
    let flow: Vec<&[u8]> = flow.iter().map(Vec::as_slice).collect();
    let out = read_flow(&flow);
    assert!(matches!(&out[..], [Message::Tls(h)] if h.sni.is_some()), "{out:?}");
}

proptest! {
    #[test]
    fn any_frames(frames in proptest::collection::vec(any::<u8>(), 20..200)) {
        let mut crypto = Crypto::default();
        crypto.read_frames(&frames);
        crypto.whole();
        crypto.partly();
        read_all(&protect(1, &DCID, frames));
    }
    /// What is known is the union of all pieces, whatever their order and overlap; what was known stays known.
    #[test]
    fn pieces_add_up(packets in proptest::collection::vec(proptest::collection::vec((0usize..70_000, 0usize..400, any::<u8>()), 1..6), 1..12)) {
        let (mut crypto, mut known) = (Crypto::default(), std::collections::BTreeSet::new());
        for pieces in packets {
            let frames: Vec<u8> = pieces.iter().flat_map(|(at, len, b)| crypto_frame(*at, &vec![*b; *len])).collect();
            let before = known.len();
            known.extend(pieces.iter().flat_map(|(at, len, _)| *at..(at + len).min(STREAM_MAX)));
            let growth = crypto.read_frames(&frames);
            prop_assert_eq!(growth.grew, known.len() > before);
            prop_assert_eq!(crypto.known(), known.len());
            prop_assert!(crypto.held() <= 2 * STREAM_MAX + 20_000);
        }
        crypto.whole();
        crypto.partly();
    }
    #[test]
    fn any_pieces_over_any_datagrams(cuts in proptest::collection::vec(1usize..1500, 1..12), order in any::<u64>(), overlap in 0usize..60) {
        let m = large_hello();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(m.len())).chain([0, m.len()]).collect();
        cuts.sort_unstable();
        let mut flow: Vec<Vec<u8>> = cuts
            .windows(2)
            .flat_map(|w| [(w[0], w[0].midpoint(w[1])), (w[0].midpoint(w[1]), w[1])])
            .map(|(from, to)| [crypto_frame(from.saturating_sub(overlap), &m[from.saturating_sub(overlap)..to]), vec![1, 0, 0]].concat())
            .collect();
        let mut rng = order;
        for i in (1..flow.len()).rev() {
            rng = rng.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            flow.swap(i, (rng >> 33) as usize % (i + 1));
        }
        let flow: Vec<Vec<u8>> = flow.into_iter().map(|f| protect(1, &DCID, padded(f))).collect();
        let flow: Vec<&[u8]> = flow.iter().map(Vec::as_slice).collect();
        let out = read_flow(&flow);
        let whole: Vec<_> = out.iter().filter(|o| matches!(o, Message::Tls(h) if h.ja3.len() == 32)).collect();
        prop_assert_eq!(whole.len(), 1);
        prop_assert!(!out.iter().any(|o| matches!(o, Message::Weird(..))));
    }
    #[test]
    fn any_flip_is_not_read(at in 6usize..1200, bit in 0u8..8) {
        let mut packet = protect(1, &DCID, padded(hex(FRAME)));
        packet[at] ^= 1 << bit;
        prop_assert!(!read_all(&packet).iter().any(|m| matches!(m, Message::Tls(_))));
    }
}
