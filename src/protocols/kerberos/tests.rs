//! Messages built byte by byte (RFC 4120, 5), and what is wrong with them.

use super::*;
use crate::protocols::stream::tests::{probe_of, read_split};
use proptest::prelude::*;

/// One DER element.
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let n = content.len();
    let mut out = vec![tag];
    match n {
        0..=0x7f => out.push(n as u8),
        0x80..=0xff => out.extend([0x81, n as u8]),
        _ => out.extend([0x82, (n >> 8) as u8, n as u8]),
    }
    out.extend(content);
    out
}

fn field(n: u8, content: Vec<u8>) -> Vec<u8> {
    tlv(0xa0 + n, &content)
}

fn int(n: i32) -> Vec<u8> {
    let b = n.to_be_bytes();
    let skip = (0..3).take_while(|i| b[*i] == if n < 0 { 0xff } else { 0 } && (b[i + 1] & 0x80 != 0) == (n < 0)).count();
    tlv(2, &b[skip..])
}

fn name(parts: &[&str]) -> Vec<u8> {
    let parts: Vec<u8> = parts.iter().flat_map(|p| tlv(0x1b, p.as_bytes())).collect();
    tlv(0x30, &[field(0, int(1)), field(1, tlv(0x30, &parts))].concat())
}

fn realm(r: &str) -> Vec<u8> {
    tlv(0x1b, r.as_bytes())
}

fn sealed(etype: i32, cipher: &[u8]) -> Vec<u8> {
    tlv(0x30, &[field(0, int(etype)), field(1, int(2)), field(2, tlv(4, cipher))].concat())
}

fn ticket(service: &[&str], etype: i32, cipher: &[u8]) -> Vec<u8> {
    tlv(0x61, &tlv(0x30, &[field(0, int(5)), field(1, realm("HOSP.LOCAL")), field(2, name(service)), field(3, sealed(etype, cipher))].concat()))
}

fn time() -> Vec<u8> {
    tlv(0x18, b"20370913024805Z")
}

fn kdc_request(kind: u8, client: Option<&str>, service: &[&str], etypes: &[i32], padata: &[(i32, Vec<u8>)]) -> Vec<u8> {
    let mut body = field(0, tlv(3, &[0, 0x40, 0x81, 0, 0x10]));
    body.extend(client.map(|c| field(1, name(&[c]))).unwrap_or_default());
    body.extend([field(2, realm("HOSP.LOCAL")), field(3, name(service)), field(5, time()), field(7, int(77))].concat());
    body.extend(field(8, tlv(0x30, &etypes.iter().flat_map(|e| int(*e)).collect::<Vec<_>>())));
    let pa: Vec<u8> = padata.iter().flat_map(|(k, v)| tlv(0x30, &[field(1, int(*k)), field(2, tlv(4, v))].concat())).collect();
    let mut all = [field(1, int(5)), field(2, int(i32::from(kind)))].concat();
    if !pa.is_empty() {
        all.extend(field(3, tlv(0x30, &pa)));
    }
    all.extend(field(4, tlv(0x30, &body)));
    tlv(0x60 + kind, &tlv(0x30, &all))
}

fn kdc_reply(kind: u8, client: &str, service: &[&str], etype: i32, ticket_etype: i32, cipher: &[u8]) -> Vec<u8> {
    kdc_reply_from("HOSP.LOCAL", kind, client, service, etype, ticket_etype, cipher)
}

/// To a client of another realm than the ticket's.
fn kdc_reply_from(home: &str, kind: u8, client: &str, service: &[&str], etype: i32, ticket_etype: i32, cipher: &[u8]) -> Vec<u8> {
    let all = [
        field(0, int(5)),
        field(1, int(i32::from(kind))),
        field(3, realm(home)),
        field(4, name(&[client])),
        field(5, ticket(service, ticket_etype, cipher)),
        field(6, sealed(etype, &[9; 90])),
    ];
    tlv(0x60 + kind, &tlv(0x30, &all.concat()))
}

fn krb_error(code: i32) -> Vec<u8> {
    let all = [
        field(0, int(5)),
        field(1, int(30)),
        field(4, time()),
        field(5, int(5)),
        field(6, int(code)),
        field(9, realm("HOSP.LOCAL")),
        field(10, name(&["krbtgt", "HOSP.LOCAL"])),
    ];
    tlv(0x7e, &tlv(0x30, &all.concat()))
}

pub(crate) fn ap_req(service: &[&str], cipher: &[u8]) -> Vec<u8> {
    let all = [
        field(0, int(5)),
        field(1, int(14)),
        field(2, tlv(3, &[0, 0x20, 0, 0, 0])),
        field(3, ticket(service, 18, cipher)),
        field(4, sealed(18, &[4; 120])),
    ];
    tlv(0x6e, &tlv(0x30, &all.concat()))
}

/// As GSS-API wraps it (RFC 4121, 4.1).
pub(crate) fn gss(ap_req: &[u8]) -> Vec<u8> {
    tlv(0x60, &[&[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x01, 0x00], ap_req].concat())
}

fn one(b: &[u8]) -> Kerberos {
    match read(b) {
        Some(Message::Kerberos(k)) => *k,
        m => panic!("{m:?}"),
    }
}

#[test]
fn a_logon_with_and_without_preauthentication() {
    let k = one(&kdc_request(10, Some("doctor"), &["krbtgt", "HOSP.LOCAL"], &[18, 17, 23, -135], &[(128, vec![0x30, 0]), (2, vec![1; 60])]));
    assert_eq!((k.kind, k.client.as_deref(), k.service.as_deref()), (10, Some("doctor"), Some("krbtgt/HOSP.LOCAL")));
    assert_eq!((k.offered.as_slice(), k.preauth, k.realm.as_str(), k.options), (&[18, 17, 23, -135][..], true, "HOSP.LOCAL", 0x4081_0010));
    assert!(!one(&kdc_request(10, Some("x"), &["krbtgt", "R"], &[23], &[(128, vec![0x30, 0])])).preauth);
    let k = one(&krb_error(25));
    assert_eq!((k.kind, k.error, k.client, k.service.as_deref()), (30, Some(25), None, Some("krbtgt/HOSP.LOCAL")));
}

#[test]
fn a_ticket_is_known_again() {
    let (tgt, cipher): (Vec<u8>, Vec<u8>) = ((0..900).map(|i| (i % 250) as u8).collect(), (0..1500).map(|i| (i % 249) as u8).collect());
    let as_rep = one(&kdc_reply(11, "doctor", &["krbtgt", "HOSP.LOCAL"], 18, 18, &tgt));
    let tgs_req = one(&kdc_request(12, None, &["cifs", "emr01"], &[18, 23], &[(1, ap_req(&["krbtgt", "HOSP.LOCAL"], &tgt))]));
    assert_eq!((tgs_req.ticket, tgs_req.client, tgs_req.preauth), (as_rep.ticket, None, false));
    let tgs_rep = one(&kdc_reply(13, "doctor", &["cifs", "emr01"], 18, 23, &cipher));
    assert_eq!((tgs_rep.etype, tgs_rep.ticket_etype), (Some(18), Some(23)));
    for blob in [
        ap_req(&["cifs", "emr01"], &cipher),
        gss(&ap_req(&["cifs", "emr01"], &cipher)),
        [vec![0x60; 40], gss(&ap_req(&["cifs", "emr01"], &cipher))].concat(),
    ] {
        let Some(Message::Kerberos(k)) = find_ap_req(&blob) else { panic!() };
        assert_eq!((k.kind, k.ticket, k.service.as_deref()), (14, tgs_rep.ticket, Some("cifs/emr01")));
    }
    assert_ne!(as_rep.ticket, tgs_rep.ticket);
    let cut = gss(&ap_req(&["cifs", "emr01"], &cipher));
    assert_eq!(find_ap_req(&cut[..400]), Some(Message::Weird("kerberos_unreadable", 0)));
    assert_eq!(find_ap_req(b"NTLMSSP\0\x01\0\0\0"), None);
}

#[test]
fn a_client_of_another_realm_keeps_its_own() {
    let k = one(&kdc_reply_from("LAB.EXAMPLE", 13, "tanaka", &["cifs", "files"], 18, 18, &[7; 300]));
    assert_eq!((k.realm.as_str(), k.home(), k.user().as_deref()), ("HOSP.LOCAL", "LAB.EXAMPLE", Some("tanaka@LAB.EXAMPLE")));
    let k = one(&kdc_request(10, Some("doctor"), &["krbtgt", "HOSP.LOCAL"], &[18], &[]));
    assert_eq!((k.home(), k.user().as_deref()), ("HOSP.LOCAL", Some("doctor@HOSP.LOCAL")));
    assert_eq!(one(&krb_error(25)).user(), None);
}

#[test]
fn a_panic_is_caught_and_told() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let caught = guarded(|| -> u8 { panic!("as if") });
    std::panic::set_hook(hook);
    assert_eq!(caught, Err(()));
}

#[test]
fn probes_by_content() {
    let m = kdc_request(10, Some("doctor"), &["krbtgt", "HOSP.LOCAL"], &[18], &[]);
    let stream = [&(m.len() as u32).to_be_bytes(), m.as_slice()].concat();
    for port in [88, 8088] {
        assert_eq!((probe_of(UDP.probe, &m, port), probe_of(TCP.probe, &stream, port)), (Verdict::Certain, Verdict::Certain));
    }
    assert_eq!((probe_of(TCP.probe, &stream[..3], 88), probe_of(TCP.probe, &stream[..9], 88)), (Verdict::Unsure, Verdict::Unsure));
    assert_eq!((probe_of(TCP.probe, &stream[..9], 80), probe_of(TCP.probe, b"", 88)), (Verdict::NotForUs, Verdict::NotForUs));
    assert_eq!(probe_of(UDP.probe, b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0", 389), Verdict::NotForUs);
}

#[test]
fn lengths_that_lie() {
    let run = |len: u32, rest: &[u8]| read_split(Stream::new(), Side::Orig, &[&len.to_be_bytes(), rest].concat(), &[]);
    assert_eq!(run(0x8000_0000, b"x").0, [Message::Weird("kerberos_out_of_step", 0)]);
    assert_eq!(run(100_000, &[0x6a; 40]), (vec![Message::Weird("kerberos_too_long", 0)], 0));
    let mut m = krb_error(6);
    m[3] ^= 0x40;
    assert!(matches!(read(&m), None | Some(Message::Weird(..))));
}

fn talk() -> Vec<u8> {
    let all = [
        kdc_request(10, Some("doctor"), &["krbtgt", "HOSP.LOCAL"], &[18, 17], &[(2, vec![1; 60])]),
        kdc_reply(11, "doctor", &["krbtgt", "HOSP.LOCAL"], 18, 18, &[7; 1100]),
        krb_error(24),
    ];
    all.iter().flat_map(|m| [&(m.len() as u32).to_be_bytes(), m.as_slice()].concat()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_split_and_any_flip(cuts in prop::collection::vec(0usize..1900, 0..8), flips in prop::collection::vec((0usize..1900, any::<u8>()), 0..6)) {
        let mut bytes = talk();
        for (at, x) in flips {
            if let Some(b) = bytes.get_mut(at) { *b ^= x; }
        }
        let (got, held) = read_split(Stream::new(), Side::Orig, &bytes, &cuts);
        prop_assert_eq!(got, read_split(Stream::new(), Side::Orig, &bytes, &[]).0);
        prop_assert!(held <= 4 * HELD);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = (read(&bytes), find_ap_req(&bytes));
    }
}
