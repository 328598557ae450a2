//! DNS, mDNS, LLMNR and NBNS messages, whole and broken, over UDP and TCP.
use super::*;
use crate::base::Timestamp;
use crate::protocols::{PROTOCOLS, Side, StreamParser};
use proptest::prelude::*;

fn probe_of(payload: &[u8], ports: (u16, u16)) -> Probe<'_> {
    Probe { payload, from: Side::Orig, orig_port: ports.0, resp_port: ports.1, ts: Timestamp(0) }
}

fn wire_name(name: &str) -> Vec<u8> {
    let mut v: Vec<u8> = name.split('.').filter(|l| !l.is_empty()).flat_map(|l| [&[l.len() as u8][..], l.as_bytes()].concat()).collect();
    v.push(0);
    v
}

fn query(name: &str, qtype: u16) -> Vec<u8> {
    let mut v = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    v.extend(wire_name(name));
    v.extend(qtype.to_be_bytes());
    v.extend([0, 1]);
    v
}

/// An answer that points back at the question's name.
fn record(rtype: u16, data: &[u8]) -> Vec<u8> {
    [&[0xc0, 12][..], &rtype.to_be_bytes(), &[0, 1, 0, 0, 0, 60], &(data.len() as u16).to_be_bytes(), data].concat()
}

fn response(name: &str, records: &[Vec<u8>]) -> Vec<u8> {
    let mut v = query(name, 1);
    (v[2], v[3], v[7]) = (0x81, 0x80, records.len() as u8);
    v.extend(records.concat());
    v
}

fn read_all(bytes: &[u8]) -> (Dns, Vec<Message>) {
    let mut out = Vec::new();
    parse(bytes, false, &mut out);
    let Message::Dns(d) = out.remove(0) else { panic!("{out:?}") };
    (*d, out)
}

fn service_of(payload: &[u8], ports: (u16, u16)) -> Service {
    let p = probe_of(payload, ports);
    PROTOCOLS
        .iter()
        .filter(|l| matches!(l.reader, Reader::Datagram(_)))
        .find(|l| (l.probe)(&p) == Verdict::Certain)
        .map_or(Service::Unknown, |l| l.service)
}

#[test]
fn question_and_answers() {
    let (q, rest) = read_all(&query("EMR.Hospital.Example", 1));
    assert_eq!((q.name.as_str(), q.qtype, q.response, q.counts, q.id), ("emr.hospital.example", 1, false, (1, 0), 0x1234));
    assert!(rest.is_empty());
    let records = [record(5, &wire_name("Real.example")), record(1, &[192, 0, 2, 9]), record(28, &[0x20; 16]), record(16, b"\x03txt")];
    let (r, rest) = read_all(&response("www.example", &records));
    assert_eq!(r.names, [("www.example".to_owned(), "real.example".to_owned())]);
    assert_eq!(r.addrs[0], ("www.example".to_owned(), Addr::v4(0xc000_0209)));
    assert_eq!((r.addrs.len(), r.counts, r.response, rest.len()), (2, (1, 4), true, 0));
}

#[test]
fn odd_names_stay_printable() {
    let mut q = query("xxxxxx", 1);
    q[13..19].copy_from_slice(b"a.\\\x00\xffB");
    assert_eq!(read_all(&q).0.name, "a\\.\\\\\\000\\255b");
    let mut q = query("xxxxxx", 1);
    q[13..19].copy_from_slice("受付".as_bytes());
    assert_eq!(read_all(&q).0.name, "受付");
}

#[test]
fn lists_are_cut() {
    let (r, _) = read_all(&response("a.example", &vec![record(1, &[10, 0, 0, 1]); 90]));
    assert_eq!((r.addrs.len(), r.counts), (32, (1, 90)));
    let (r, _) = read_all(&response("a.example", &vec![record(12, &wire_name("p.example")); 90]));
    assert_eq!(r.names.len(), 16);
}

#[test]
fn pointers_that_go_round_are_told() {
    for target in [[0xc0, 12], [0xc0, 40], [0xff, 0xff]] {
        let mut q = query("", 1);
        q.splice(12..13, target);
        let mut out = Vec::new();
        parse(&q, false, &mut out);
        assert!(matches!(out.as_slice(), [Message::Dns(_), Message::Weird("dns_bad_question", 12)]), "{out:?}");
        assert_eq!(service_of(&q, (5000, 53)), Service::Unknown);
    }
}

#[test]
fn the_content_decides() {
    let q = query("www.example", 1);
    assert_eq!(service_of(&q, (5000, 53)), Service::Dns);
    assert_eq!(service_of(&q, (5000, 5300)), Service::Dns);
    assert_eq!(service_of(&q, (5000, 5355)), Service::Llmnr);
    assert_eq!(service_of(&q, (5353, 5353)), Service::Mdns);
    assert_eq!(service_of(&q, (137, 137)), Service::Unknown);
    let cut = response("www.example", &vec![record(1, &[10, 0, 0, 1]); 9]);
    assert_eq!(service_of(&cut[..96], (5000, 53)), Service::Dns);
    assert_eq!(service_of(&cut[..96], (5000, 5300)), Service::Unknown);
}

#[test]
fn other_traffic_on_the_port_is_refused() {
    let rows: [&[u8]; 8] = [
        b"",
        &[0; 12],
        &[0; 64],
        &[0xff; 64],
        b"\x17\xfe\xfd\x00\x01\x00\x00\x00\x00\x00\x01\x00\x2fsecret bytes of a tunnel",
        b"\x38\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00\x00\x00\x00",
        b"\x01\x00\x00\x00\x11\x22\x33\x44\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        b"GET / HTTP/1.1\r\nHost: example\r\n\r\n",
    ];
    for row in rows {
        for ports in [(5000, 53), (5000, 5353), (5000, 5355)] {
            assert_eq!(service_of(row, ports), Service::Unknown, "{row:02x?} {ports:?}");
        }
    }
}

#[test]
fn multicast_answers_name_the_sender() {
    let mut v = vec![0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 1];
    v.extend([wire_name("_ipp._tcp.local"), vec![0, 12, 0, 1, 0, 0, 0, 60, 0, 8, 5], b"Kyosh".to_vec(), vec![0xc0, 12]].concat());
    v.extend([wire_name("Kyosh.local"), vec![0, 1, 0x80, 1, 0, 0, 0, 60, 0, 4, 10, 1, 30, 9]].concat());
    assert_eq!(service_of(&v, (5353, 5353)), Service::Mdns);
    let mut out = Vec::new();
    read_multicast(&probe_of(&v, (5353, 5353)), &mut out);
    let [Message::Dns(d)] = out.as_slice() else { panic!("{out:?}") };
    assert_eq!(d.names, [("_ipp._tcp.local".to_owned(), "kyosh._ipp._tcp.local".to_owned())]);
    assert_eq!(d.addrs, [("kyosh.local".to_owned(), Addr::v4(0x0a01_1e09))]);
}

fn prefixed(m: &[u8]) -> Vec<u8> {
    [&(m.len() as u16).to_be_bytes()[..], m].concat()
}

fn stream() -> Box<dyn StreamParser> {
    let Reader::Stream(make) = TCP.reader else { panic!() };
    make()
}

#[test]
fn over_tcp_with_a_gap() {
    let a = prefixed(&query("one.example", 1));
    let mut s = stream();
    let mut out = Vec::new();
    s.data(Side::Orig, Timestamp(0), &a[..9], &mut out);
    s.gap(Side::Orig, 500);
    assert_eq!(s.held(), 0);
    s.data(Side::Orig, Timestamp(0), b"the rest of something", &mut out);
    s.data(Side::Orig, Timestamp(0), &prefixed(&query("two.example", 1)), &mut out);
    assert!(matches!(out.as_slice(), [Message::Dns(d)] if d.name == "two.example"), "{out:?}");
    s.data(Side::Resp, Timestamp(0), b"\x00\x14HTTP/1.1 400 Bad Request", &mut out);
    s.data(Side::Orig, Timestamp(0), &[0; 40], &mut out);
    assert!(s.done());
}

#[test]
fn tcp_probe() {
    let a = prefixed(&query("one.example", 1));
    let verdict = |b: &[u8], port| (TCP.probe)(&probe_of(b, (5000, port)));
    assert_eq!((verdict(&a, 53), verdict(&a, 9999)), (Verdict::Certain, Verdict::Certain));
    assert_eq!((verdict(&a[..2], 53), verdict(&a[..2], 9999)), (Verdict::Unsure, Verdict::NotForUs));
    assert_eq!(verdict(b"GET / HTTP/1.1\r\n\r\n", 53), Verdict::NotForUs);
    assert_eq!(verdict(b"SSH-2.0-OpenSSH_9.2\r\n", 53), Verdict::NotForUs);
}

proptest! {
    #[test]
    fn any_split_of_the_stream_gives_the_same(cuts in proptest::collection::vec(1usize..40, 1..30)) {
        let whole = [prefixed(&query("one.example", 1)), prefixed(&response("two.example", &[record(1, &[10, 0, 0, 1])]))].concat();
        let mut want = Vec::new();
        stream().data(Side::Orig, Timestamp(0), &whole, &mut want);
        prop_assert_eq!(want.len(), 2);
        let (mut got, mut s, mut rest, mut cuts) = (Vec::new(), stream(), whole.as_slice(), cuts.into_iter().cycle());
        while !rest.is_empty() {
            let (now, later) = rest.split_at(cuts.next().unwrap().min(rest.len()));
            s.data(Side::Orig, Timestamp(0), now, &mut got);
            rest = later;
        }
        prop_assert_eq!(got, want);
    }

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300), port in prop_oneof![Just(53u16), Just(5353), Just(5355)]) {
        prop_assert_eq!(service_of(&bytes, (40000, port)), Service::Unknown);
        let mut out = Vec::new();
        parse(&bytes, true, &mut out);
        stream().data(Side::Orig, Timestamp(0), &bytes, &mut out);
    }

    #[test]
    fn any_flip_and_cut(at in 0usize..200, to in any::<u8>(), cut in 0usize..200) {
        let mut m = response("www.example", &[record(5, &wire_name("real.example")), record(1, &[1, 2, 3, 4]), record(12, &[0xc0, 12])]);
        if let Some(b) = m.get_mut(at) {
            *b = to;
        }
        m.truncate(cut);
        let mut out = Vec::new();
        parse(&m, true, &mut out);
        prop_assert!(out.len() <= 2);
        service_of(&m, (40000, 53));
    }
}
