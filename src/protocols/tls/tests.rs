//! Hellos in every cut and order, fingerprints against known values, bytes that only look like TLS.
use super::*;
use proptest::prelude::*;

fn block16(b: &[u8]) -> Vec<u8> {
    [&(b.len() as u16).to_be_bytes()[..], b].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &block16(body)].concat()
}

fn handshake(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &(body.len() as u32).to_be_bytes()[1..], body].concat()
}

fn client_hello(sni: &str, padding: usize) -> Vec<u8> {
    let name = block16(&[&[0][..], &block16(sni.as_bytes())].concat());
    let extensions = [
        extension(0x1a1a, &[]),
        extension(0, &name),
        extension(10, &block16(&[0x2a, 0x2a, 0, 29, 0, 23])),
        extension(11, &[1, 0]),
        extension(13, &block16(&[4, 3, 8, 4])),
        extension(16, &block16(b"\x02h2\x08http/1.1")),
        extension(43, &[6, 0x3a, 0x3a, 3, 4, 3, 3]),
        extension(21, &vec![0; padding]),
    ]
    .concat();
    let ciphers = block16(&[0x0a, 0x0a, 0x13, 1, 0x13, 2]);
    handshake(1, &[&[3, 3][..], &[7; 32], &[0], &ciphers, &[1, 0], &block16(&extensions)].concat())
}

fn server_hello() -> Vec<u8> {
    let extensions = [extension(51, &[0, 29, 0, 0]), extension(43, &[3, 4])].concat();
    handshake(2, &[&[3, 3][..], &[9; 32], &[0], &[0x13, 1, 0], &block16(&extensions)].concat())
}

fn records(kind: u8, content: &[u8], step: usize) -> Vec<u8> {
    content.chunks(step).flat_map(|c| [&[kind, 3, 1][..], &block16(c)].concat()).collect()
}

fn probe_of(payload: &[u8]) -> Verdict {
    probe(&Probe { payload, from: Side::Orig, orig_port: 50000, resp_port: 8443, ts: Timestamp(0) })
}

fn feed(s: &mut Stream, from: Side, bytes: &[u8]) -> Vec<Message> {
    let mut out = Vec::new();
    s.data(from, Timestamp(0), bytes, &mut out);
    out
}

fn hello(out: &[Message]) -> &Hello {
    let [Message::Tls(h), ..] = out else { panic!("{out:?}") };
    h
}

#[test]
fn both_hellos_and_then_nothing() {
    let mut s = Stream::new();
    let out = feed(&mut s, Side::Orig, &records(22, &client_hello("EMR.Hospital.Example", 0), 9999));
    let c = hello(&out);
    assert_eq!((c.sni.as_deref(), c.version, c.server), (Some("emr.hospital.example"), 0x0304, false));
    assert_eq!(c.alpn, ["h2", "http/1.1"]);
    assert!(c.ja4.starts_with("t13d0207h2_"), "{}", c.ja4);
    assert!(!s.done());
    let out = feed(&mut s, Side::Resp, &[records(22, &server_hello(), 9999), records(23, &[5; 4000], 4000)].concat());
    let r = hello(&out);
    assert_eq!((r.server, r.version, r.cipher, r.ja4.as_str(), r.ja3.len()), (true, 0x0304, 0x1301, "", 32));
    assert!(s.done() && s.held() < 2048);
}

#[test]
fn probe_by_content() {
    let whole = records(22, &client_hello("a.example", 0), 9999);
    for n in 1..whole.len() {
        assert_eq!(probe_of(&whole[..n]), if n < 11 { Verdict::Unsure } else { Verdict::Certain }, "{n}");
    }
    assert_eq!(probe_of(&records(22, &server_hello(), 9999)), Verdict::Certain);
    assert_eq!(probe_of(&records(23, &[9; 900], 900)), Verdict::Certain);
    assert_eq!(probe_of(&records(23, &[9; 9000], 9000)[..1400]), Verdict::Certain);
    assert_eq!(probe_of(&[records(20, &[1], 1), records(22, &[0x55; 40], 40)].concat()), Verdict::Certain);
    let benign: [&[u8]; 10] = [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        &[3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0],
        &[0, 0, 0, 0x54, 0xff, b'S', b'M', b'B', 0x72],
        &[22, 3, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0],
        &[22, 3, 1, 0xff, 0xff, 1, 0, 0, 99, 3, 3],
        &[22, 3, 1, 0, 200, 1, 0, 0, 99, 9, 9],
        &[21, 3, 1, 0, 2, 1, 0, 99, 99, 99, 99, 99],
        &[22; 64],
    ];
    for b in benign {
        assert_eq!(probe_of(b), Verdict::NotForUs, "{b:02x?}");
    }
}

#[test]
fn the_middle_of_a_connection_is_given_up_at_once() {
    for from in [Side::Orig, Side::Resp] {
        let mut s = Stream::new();
        assert_eq!(feed(&mut s, from, &records(23, &[5; 3000], 3000)[..1460]), []);
        assert!(s.done());
        assert_eq!(s.held(), 0);
    }
    let mut s = Stream::new();
    feed(&mut s, Side::Orig, &records(22, &client_hello("a.example", 0), 9999));
    assert_eq!(feed(&mut s, Side::Resp, &records(21, &[2, 40], 2)), []);
    assert!(s.done());
}

#[test]
fn what_comes_before_tls_is_skipped() {
    let mut s = Stream::new();
    assert_eq!(feed(&mut s, Side::Resp, b"220 mail.example ESMTP\r\n"), []);
    assert_eq!(feed(&mut s, Side::Orig, b"STARTTLS\r\n"), []);
    assert_eq!(feed(&mut s, Side::Resp, b"220 ready\r\n"), []);
    assert!(!s.done());
    assert!(!hello(&feed(&mut s, Side::Orig, &records(22, &client_hello("a.example", 0), 9999))).server);
    assert!(hello(&feed(&mut s, Side::Resp, &records(22, &server_hello(), 9999))).server);
    assert!(s.done());
    let mut s = Stream::new();
    let told: Vec<Message> = (0..20).flat_map(|_| feed(&mut s, Side::Orig, b"EHLO again\r\n")).collect();
    assert_eq!(told, [Message::Weird("tls_no_record", 0)]);
    assert!(s.done());
}

#[test]
fn one_way_traffic_is_not_waited_for_without_end() {
    let mut s = Stream::new();
    feed(&mut s, Side::Orig, &records(22, &client_hello("a.example", 0), 9999));
    feed(&mut s, Side::Orig, &[0; 60_000]);
    assert!(!s.done());
    feed(&mut s, Side::Orig, &[0; 6_000]);
    assert!(s.done());
}

#[test]
fn a_hello_that_lost_its_end_still_names_the_responder() {
    let whole = records(22, &client_hello("a.example", 1500), 9999);
    let mut s = Stream::new();
    assert_eq!(feed(&mut s, Side::Orig, &whole[..1200]), []);
    s.gap(Side::Orig, (whole.len() - 1200) as u64);
    assert!(!s.done());
    let out = feed(&mut s, Side::Resp, &records(22, &server_hello(), 9999));
    assert_eq!((hello(&out).sni.as_deref(), hello(&out).ja3.as_str()), (Some("a.example"), ""));
    assert!(matches!(out.as_slice(), [_, Message::Weird("tls_hello_cut", _), Message::Tls(_)]), "{out:?}");
    assert!(s.done());
}

#[test]
fn a_hello_without_end_is_refused() {
    let mut s = Stream::new();
    let huge = [&[1u8, 0x10, 0, 0][..], &[3; 70_000]].concat();
    assert_eq!(feed(&mut s, Side::Orig, &records(22, &huge, 16_000)), [Message::Weird("tls_hello_too_long", 1)]);
    assert!(s.done() && s.held() < 70_000);
    let mut s = Stream::new();
    let out = feed(&mut s, Side::Orig, &records(22, &handshake(1, &[3; 60_000]), 16_000));
    assert!(matches!(out.as_slice(), [Message::Tls(_) | Message::Weird(..)]), "{out:?}");
}

#[test]
fn truncations_give_no_fingerprint() {
    let whole = client_hello("a.example", 10);
    for n in 0..whole.len() {
        if let Some(h) = hello::parse(&whole[..n], false) {
            assert_eq!((h.ja3.as_str(), h.ja4.as_str()), ("", ""), "{n}");
        }
    }
    assert!(!hello::parse(&whole, false).unwrap().ja3.is_empty());
}

#[test]
fn tls_parser_agrees_about_the_built_hello() {
    use tls_parser::{TlsExtension, TlsMessage, TlsMessageHandshake, parse_tls_extensions, parse_tls_plaintext};
    let bytes = records(22, &client_hello("a.example", 10), 9999);
    let (_, plain) = parse_tls_plaintext(&bytes).unwrap();
    let TlsMessage::Handshake(TlsMessageHandshake::ClientHello(c)) = &plain.msg[0] else { panic!() };
    let (_, extensions) = parse_tls_extensions(c.ext.unwrap()).unwrap();
    let name = extensions.iter().find_map(|e| if let TlsExtension::SNI(l) = e { Some(l[0].1) } else { None }).unwrap();
    let mut s = Stream::new();
    assert_eq!(hello(&feed(&mut s, Side::Orig, &bytes)).sni.as_deref().unwrap().as_bytes(), name);
}

proptest! {
    #[test]
    fn any_split_gives_the_same_hellos(cuts in proptest::collection::vec(1usize..300, 1..40), step in 1usize..700) {
        let stream = records(22, &client_hello("a.example", 900), step);
        let want = feed(&mut Stream::new(), Side::Orig, &records(22, &client_hello("a.example", 900), 9999));
        let (mut s, mut got, mut rest, mut cuts) = (Stream::new(), Vec::new(), stream.as_slice(), cuts.into_iter().cycle());
        while !rest.is_empty() {
            let (now, later) = rest.split_at(cuts.next().unwrap().min(rest.len()));
            s.data(Side::Orig, Timestamp(0), now, &mut got);
            rest = later;
        }
        prop_assert_eq!(got, want);
    }

    #[test]
    fn any_bytes(chunks in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..200)), 0..8), kind in 0u8..26) {
        let mut s = Stream::new();
        for (i, (resp, bytes)) in chunks.iter().enumerate() {
            let from = if *resp { Side::Resp } else { Side::Orig };
            let bytes = if i == 0 { records(kind, bytes, 150) } else { bytes.clone() };
            prop_assert!(feed(&mut s, from, &bytes).len() <= 3);
            s.gap(from, u64::from(kind));
        }
        prop_assert!(s.held() < 200_000);
    }

    #[test]
    fn random_bytes_are_not_taken_for_tls(bytes in proptest::collection::vec(any::<u8>(), 5..100)) {
        prop_assert_eq!(probe_of(&bytes), Verdict::NotForUs);
    }

    #[test]
    fn any_flip(at in 0usize..300, to in any::<u8>()) {
        let mut m = client_hello("a.example", 10);
        if let Some(b) = m.get_mut(at) {
            *b = to;
        }
        let _ = hello::parse(&m, false);
        feed(&mut Stream::new(), Side::Orig, &records(22, &m, 50));
    }
}
