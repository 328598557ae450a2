//! SMB set-ups in every order, split and state of repair.

use super::build::{self, NT_STATUS, UNICODE, frame};
use super::frame::{HELD, Reader};
use super::*;
use crate::base::Timestamp;
use crate::protocols::ntlmssp::tests::{authenticate_message, challenge_message, negotiate_message, wide};
use crate::protocols::stream::tests::{probe_of, read_split};
use crate::protocols::{Message, Side, StreamParser};
use proptest::prelude::*;

const LOGON_FAILURE: u32 = 0xc000_006d;

fn smb(m: Smb) -> Message {
    Message::Smb(Box::new(m))
}

/// Feeds whole messages, each with its own frame; answers come from the responder.
fn converse(messages: &[Vec<u8>]) -> Vec<Message> {
    let mut p = Reader::new();
    let mut out = Vec::new();
    for m in messages {
        let answer = m[0] == 0xfe && m[16] & 1 != 0 || m[0] == 0xff && m[9] & 0x80 != 0;
        p.data(if answer { Side::Resp } else { Side::Orig }, Timestamp(0), &frame(m), &mut out);
    }
    assert!(!p.done());
    out
}

fn ntlm_of(m: &Message) -> &Ntlm {
    let Message::Smb(m) = m else { panic!("{m:?}") };
    let Smb::Ntlm(n) = m.as_ref() else { panic!("{m:?}") };
    n
}

/// A whole set-up: negotiation, three rounds of NTLM, two trees, a large write between them.
fn set_up() -> Vec<Vec<u8>> {
    vec![
        build::v2(0, None, 0, 0, &[36, 0, 1, 0, 1, 0, 0, 0]),
        build::negotiate_answer(0x0311, 7, 133_000_000_000_000_000),
        build::session(1, 0, &negotiate_message()),
        build::session_answer(1, 0x44, MORE_PROCESSING_REQUIRED, 0, &challenge_message("HOSP", "EMR", "emr.hosp.local")),
        build::session(2, 0x44, &[b"\xa1\x82\x01\x02".as_slice(), &authenticate_message("HOSP", "doctor", "TERM2")].concat()),
        build::session_answer(2, 0x44, 0, 4, b""),
        build::tree(3, 0x44, r"\\10.10.20.10\IPC$"),
        build::tree_answer(3, 0x44, 0, 2),
        build::write(4, 0x44, 300_000),
        build::tree(5, 0x44, r"\\10.10.20.10\ADMIN$"),
        build::tree_answer(5, 0x44, 0xc000_0022, 0),
    ]
}

#[test]
fn a_whole_set_up() {
    let out = converse(&set_up());
    assert_eq!(out.len(), 7, "{out:#?}");
    assert_eq!(out[0], smb(Smb::Negotiated { dialect: 0x0311, server_guid: [7; 16], system_time: 133_000_000_000_000_000 }));
    assert_eq!(ntlm_of(&out[1]).kind, 1);
    assert_eq!(ntlm_of(&out[2]).server_dns.as_deref(), Some("emr.hosp.local"));
    assert_eq!(ntlm_of(&out[3]).user.as_deref(), Some("doctor"));
    assert_eq!(out[4], smb(Smb::Session { status: 0, session: 0x44, guest: false, encrypted: true, kerberos: false }));
    assert_eq!(out[5], smb(Smb::Tree { path: r"\\10.10.20.10\IPC$".into(), status: 0, kind: 2 }));
    assert_eq!(out[6], smb(Smb::Tree { path: r"\\10.10.20.10\ADMIN$".into(), status: 0xc000_0022, kind: 0 }));
}

#[test]
fn the_wrong_originator_does_not_matter() {
    let mut p = Reader::new();
    let mut out = Vec::new();
    for m in set_up() {
        let answer = m[16] & 1 != 0;
        p.data(if answer { Side::Orig } else { Side::Resp }, Timestamp(0), &frame(&m), &mut out);
    }
    assert_eq!(out, converse(&set_up()));
}

#[test]
fn kerberos_is_told_from_ntlm() {
    let ticket = [b"\x60\x82".as_slice(), &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x01, 0x00], b"\x6e\x82"].concat();
    let out = converse(&[build::session(1, 0, &ticket), build::session_answer(1, 9, 0, 1, b"")]);
    assert_eq!(out, [smb(Smb::Session { status: 0, session: 9, guest: true, encrypted: false, kerberos: true })]);
}

#[test]
fn pending_and_more_processing_are_no_results() {
    let out = converse(&[
        build::session(1, 0, &authenticate_message("D", "eve", "W")),
        build::session_answer(1, 9, PENDING, 0, b""),
        build::session_answer(1, 9, LOGON_FAILURE, 0, b""),
        build::tree(2, 9, r"\\a\b"),
        build::tree_answer(2, 9, PENDING, 0),
        build::tree_answer(2, 9, 0, 1),
        build::tree_answer(2, 9, 0, 1),
    ]);
    assert_eq!(out.len(), 3);
    assert_eq!(out[1], smb(Smb::Session { status: LOGON_FAILURE, session: 9, guest: false, encrypted: false, kerberos: false }));
    assert_eq!(out[2], smb(Smb::Tree { path: r"\\a\b".into(), status: 0, kind: 1 }));
}

#[test]
fn one_direction_only() {
    let open = |id| build::v2(5, None, id, 9, &[0; 56]);
    let tree = |status| smb(Smb::Tree { path: r"\\a\C$".into(), status, kind: 0 });
    assert_eq!(converse(&[build::tree(2, 9, r"\\a\C$"), open(3), open(4)]), [tree(PENDING)]);
    let refused = build::tree_answer(2, 9, 0xc000_0022, 0);
    assert_eq!(converse(&[build::tree(2, 9, r"\\a\C$"), refused, build::tree(4, 9, r"\\a\D$"), open(5)]), [tree(0xc000_0022)]);
}

#[test]
fn compounds_are_walked_and_bounded() {
    let parts = [build::write(1, 9, 70_001), build::tree(2, 9, r"\\a\one"), build::write(3, 9, 5), build::tree(4, 9, r"\\a\two")];
    let mut bad = build::compound(&parts[..2]);
    bad[20..24].copy_from_slice(&3u32.to_le_bytes());
    let out = converse(&[build::compound(&parts), build::compound(&[build::tree_answer(4, 9, 0, 1), build::tree_answer(2, 9, 0, 1)]), bad]);
    let paths: Vec<_> = out.iter().map(|m| format!("{m:?}")).collect();
    assert_eq!(paths.len(), 2);
    assert!(paths[0].contains("two") && paths[1].contains("one"));
}

#[test]
fn encrypted_is_said_once() {
    let transform = [b"\xfdSMB".as_slice(), &[1; 80]].concat();
    let out = converse(&[transform.clone(), transform.clone(), build::tree(1, 9, r"\\a\b"), build::tree_answer(1, 9, 0, 1), transform]);
    assert_eq!(out, [smb(Smb::Encrypted), smb(Smb::Tree { path: r"\\a\b".into(), status: 0, kind: 1 })]);
    let compressed = [b"\xfcSMB".as_slice(), &[1; 80]].concat();
    let out = converse(&[compressed.clone(), compressed]);
    assert_eq!(out[0], Message::Weird("smb_compressed", 0));
    // Its lengths cannot be true, which is said once as well.
    assert!(matches!(&out[1..], [Message::SmbWork(_)]), "{out:?}");
}

#[test]
fn multi_protocol_negotiation() {
    let offer = build::v1(0x72, None, 0, 0, &[(vec![], b"\x02NT LM 0.12\0\x02SMB 2.002\0\x02SMB 2.???\0".to_vec())], &[]);
    let out = converse(&[offer.clone(), build::negotiate_answer(0x02ff, 1, 5), build::negotiate_answer(0x0302, 1, 5)]);
    assert_eq!(out, [smb(Smb::Negotiated { dialect: 0x0302, server_guid: [1; 16], system_time: 5 })]);
    let mut words = vec![0; 34];
    words[23..31].copy_from_slice(&77u64.to_le_bytes());
    let out = converse(&[offer, build::v1(0x72, Some(0), NT_STATUS, 0, &[(words, vec![0; 8])], &[])]);
    assert_eq!(out, [smb(Smb::Negotiated { dialect: 1, server_guid: [0; 16], system_time: 77 })]);
}

#[test]
fn smb1_extended_security() {
    let flags = NT_STATUS | UNICODE;
    let challenge = challenge_message("HOSP", "OLD", "old.hosp.local");
    let answer = |blob: &[u8]| (vec![0xff, 0, 0, 0, 0, 0, blob.len() as u8, (blob.len() >> 8) as u8], blob.to_vec());
    let out = converse(&[
        build::v1(0x73, None, flags, 1, &[build::v1_session(&negotiate_message())], &[]),
        build::v1(0x73, Some(MORE_PROCESSING_REQUIRED), flags, 1, &[answer(&challenge)], &[]),
        build::v1(0x73, None, flags, 2, &[build::v1_session(&authenticate_message("HOSP", "admin", "XP"))], &[]),
        build::v1(0x73, Some(LOGON_FAILURE), flags, 2, &[(vec![], vec![])], &[]),
    ]);
    assert_eq!(out.len(), 4);
    assert_eq!(ntlm_of(&out[1]).server_name.as_deref(), Some("OLD"));
    assert_eq!(ntlm_of(&out[2]).user.as_deref(), Some("admin"));
    assert_eq!(out[3], smb(Smb::Session { status: LOGON_FAILURE, session: 0x800, guest: false, encrypted: false, kerberos: false }));
}

#[test]
fn smb1_plain_names_and_a_chained_tree() {
    let unicode = |s: &str| [wide(s), vec![0, 0]].concat();
    // Header 32 + word count 1 + 26 + byte count 2 = 61: one byte aligns the text.
    let plain = build::v1_plain(&unicode("受付"), &unicode("CLINIC"), b"\0");
    let request =
        build::v1(0x73, None, NT_STATUS | UNICODE, 3, &[plain, build::v1_tree(&[b"\0".as_slice(), &unicode(r"\\OLD\C$")].concat())], &[0x75]);
    let at = request.windows(4).position(|w| w == [b'\\', 0, b'\\', 0]).unwrap();
    // The tree's text needs the pad only where its offset is odd.
    let request = if at % 2 == 0 { request } else { panic!("the test's own padding") };
    let answer = build::v1(0x73, Some(0), NT_STATUS, 3, &[(vec![0xff, 0, 0, 0, 1, 0], vec![]), build::v1_tree_answer(b"A:")], &[0x75]);
    let out = converse(&[request, answer]);
    assert_eq!((ntlm_of(&out[0]).user.as_deref(), ntlm_of(&out[0]).domain.as_deref()), (Some("受付"), Some("CLINIC")));
    assert_eq!(out[1], smb(Smb::Session { status: 0, session: 0x800, guest: true, encrypted: false, kerberos: false }));
    assert_eq!(out[2], smb(Smb::Tree { path: r"\\OLD\C$".into(), status: 0, kind: 1 }));

    let oem = build::v1(0x73, None, 0, 4, &[build::v1_plain(b"LEGACY\0", b"WG\0", b"")], &[]);
    let refused = build::v1(0x73, Some(0x0002_0002), 0, 4, &[(vec![], vec![])], &[]);
    let out = converse(&[oem, refused]);
    assert_eq!(ntlm_of(&out[0]).user.as_deref(), Some("LEGACY"));
    assert_eq!(out[1], smb(Smb::Session { status: LOGON_FAILURE, session: 0x800, guest: false, encrypted: false, kerberos: false }));
}

#[test]
fn smb1_old_tree_connect() {
    let ask = |mid, path: &[u8], service: &[u8]| build::v1(0x70, None, 0, mid, &[build::v1_old_tree(path, service)], &[]);
    let answer = |mid, status| build::v1(0x70, Some(status), 0, mid, &[(vec![0x68, 0x0b, 1, 0], vec![])], &[]);
    let refused = |mid, status| build::v1(0x70, Some(status), 0, mid, &[(vec![], vec![])], &[]);
    let tree = |path: &str, status, kind| smb(Smb::Tree { path: path.into(), status, kind });
    let out = converse(&[
        ask(1, br"\\OLD\C$", b"A:"),
        ask(2, br"\\OLD\PRN", b"LPT1:"),
        ask(3, b"\\\\OLD\\\x8e\xf3\x95\x74", b"?????"),
        answer(2, 0),
        answer(1, 0),
        // ERRSRV/ERRinvnetname and ERRSRV/ERRbadpw, in the old codes.
        refused(3, 0x0006_0002),
        ask(4, br"\\OLD\IPC$", b"IPC"),
        refused(4, 0x0002_0002),
        // Nobody asked for it.
        answer(9, 0),
    ]);
    let want = [tree(r"\\OLD\PRN", 0, 3), tree(r"\\OLD\C$", 0, 1), tree(r"\\OLD\受付", 0xc000_00cc, 0), tree(r"\\OLD\IPC$", LOGON_FAILURE, 0)];
    assert_eq!(out, want);
}

#[test]
fn smb1_old_tree_connect_odd_and_broken() {
    // A client that says Unicode and means it: header 32 + word count 1 + byte count 2 + format 1 = 36, so no byte aligns.
    let text = |s: &str| [b"\x04".as_slice(), &wide(s), &[0, 0]].concat();
    let wide_tree = build::v1(0x70, None, UNICODE, 1, &[(vec![], text(r"\\OLD\D$"))], &[]);
    // One that says it and does not.
    let plain = build::v1(0x70, None, UNICODE, 2, &[build::v1_old_tree(br"\\OLD\E$", b"A:")], &[]);
    let answer = |mid| build::v1(0x70, Some(0), NT_STATUS, mid, &[(vec![0, 0x10, 1, 0], vec![])], &[]);
    let out = converse(&[wide_tree, plain, answer(1), answer(2)]);
    assert_eq!(
        out,
        [smb(Smb::Tree { path: r"\\OLD\D$".into(), status: 0, kind: 0 }), smb(Smb::Tree { path: r"\\OLD\E$".into(), status: 0, kind: 1 })]
    );
    // Without the byte that says text, without its end, longer than any path.
    let broken = build::v1(0x70, None, 0, 3, &[(vec![], b"\x05\\\\a\\b\0".to_vec())], &[]);
    let endless = build::v1(0x70, None, 0, 4, &[(vec![], [b"\x04".as_slice(), &[b'x'; 5000]].concat())], &[]);
    let out = converse(&[broken, answer(3), endless, answer(4)]);
    assert_eq!(out[0], Message::Weird("smb_short_message", 32));
    assert!(matches!(&out[1..], [Message::Smb(m)] if matches!(m.as_ref(), Smb::Tree { path, status: 0, kind: 0 } if path.len() == PATH_CHARS)));
}

#[test]
fn netbios_session_first() {
    let request = [b"\x81\0\0\x44\x20".as_slice(), &[b'C'; 32], b"\0\x20", &[b'D'; 32], b"\0"].concat();
    assert_eq!(probe_of(probe, &request, 139), Verdict::Certain);
    let mut p = Reader::new();
    let mut out = Vec::new();
    p.data(Side::Orig, Timestamp(0), &[request, b"\x85\0\0\0".to_vec(), frame(&build::tree(1, 9, r"\\a\b"))].concat(), &mut out);
    p.data(Side::Resp, Timestamp(0), &[b"\x82\0\0\0".to_vec(), frame(&build::tree_answer(1, 9, 0, 1))].concat(), &mut out);
    assert_eq!(out.len(), 1);
}

#[test]
fn back_in_step_after_a_hole() {
    let mut p = Reader::new();
    let mut out = Vec::new();
    let big = frame(&build::write(1, 9, 100_000));
    p.data(Side::Orig, Timestamp(0), &big[..50_000], &mut out);
    p.gap(Side::Orig, 40_000);
    p.data(Side::Orig, Timestamp(0), &[&big[90_000..], &frame(&build::tree(2, 9, r"\\a\kept"))].concat(), &mut out);
    p.gap(Side::Orig, 30);
    let rest = [&big[90_000..], &frame(&build::tree(3, 9, r"\\a\found"))].concat();
    for b in &rest {
        p.data(Side::Orig, Timestamp(0), &[*b], &mut out);
    }
    p.data(Side::Resp, Timestamp(0), &[frame(&build::tree_answer(2, 9, 0, 1)), frame(&build::tree_answer(3, 9, 0, 1))].concat(), &mut out);
    assert_eq!(out, [r"\\a\kept", r"\\a\found"].map(|s| smb(Smb::Tree { path: s.into(), status: 0, kind: 1 })));
}

#[test]
fn rubbish_is_given_up() {
    let mut p = Reader::new();
    let mut out = Vec::new();
    p.data(Side::Orig, Timestamp(0), &frame(&build::tree(2, 9, r"\\a\b")), &mut out);
    for _ in 0..100 {
        p.data(Side::Orig, Timestamp(0), &[0x41; 65_536], &mut out);
    }
    assert!(p.done());
    assert_eq!(out, [Message::Weird("smb_out_of_step", 0)]);
}

#[test]
fn outstanding_requests_are_bounded() {
    let mut p = Reader::new();
    let mut out = Vec::new();
    for id in 0..10_000u64 {
        p.data(Side::Orig, Timestamp(0), &frame(&build::tree(id, 9, &"x".repeat(600))), &mut out);
        assert!(p.held() < 300_000);
    }
    assert_eq!(out, [Message::Weird("smb_requests_unanswered", 0)]);
}

#[test]
fn probes_by_content() {
    let tree = frame(&build::tree(1, 9, r"\\a\b"));
    for port in [445, 139, 4445] {
        assert_eq!(probe_of(probe, &tree, port), Verdict::Certain);
    }
    assert_eq!(probe_of(probe, &tree[..10], 4445), Verdict::Unsure);
    let midstream = [&[0x41; 100], tree.as_slice()].concat();
    assert_eq!(probe_of(probe, &midstream, 445), Verdict::Certain);
    assert_eq!(probe_of(probe, &midstream, 80), Verdict::NotForUs);
    assert_eq!(probe_of(probe, b"\0\0\0\x40\xfeSMB\x41\0aaaaaaaaaaaaaaaaaaaaaa", 80), Verdict::NotForUs);
    assert_eq!(probe_of(probe, b"\0\0\0\x40\xffSMB\x60\0\0\0\0aaaaaaaaaaaaaaaaaa", 80), Verdict::NotForUs);
    assert_eq!(probe_of(probe, b"GET / HTTP/1.1\r\n\r\n", 445), Verdict::Unsure);
    assert_eq!(probe_of(probe, b"", 80), Verdict::NotForUs);
}

fn one_side(answers: bool) -> Vec<u8> {
    set_up().iter().filter(|m| (m[16] & 1 != 0) == answers).flat_map(|m| frame(m)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_split_gives_the_same(cuts in prop::collection::vec(0usize..301_500, 0..12), near in prop::collection::vec(0usize..900, 0..12)) {
        let end = one_side(false).len();
        let cuts: Vec<_> = cuts.into_iter().chain(near.iter().copied()).chain(near.iter().map(|n| end - n)).collect();
        for answers in [false, true] {
            let bytes = one_side(answers);
            let (got, held) = read_split(Reader::new(), Side::Orig, &bytes, &cuts);
            prop_assert_eq!(got, read_split(Reader::new(), Side::Orig, &bytes, &[]).0);
            prop_assert!(held <= 4 * HELD);
        }
    }

    #[test]
    fn damaged_streams_are_survived(flips in prop::collection::vec((0usize..2000, any::<u8>()), 1..20), cut in 0usize..2000, cuts in prop::collection::vec(0usize..2000, 0..12), v1 in any::<bool>()) {
        let mut bytes: Vec<u8> = if v1 {
            let plain = build::v1_plain(b"LEGACY\0", b"WG\0", b"");
            let m = build::v1(0x73, None, NT_STATUS, 3, &[plain, build::v1_tree(b"\\\\a\\b\0")], &[0x75]);
            frame(&m).repeat(8)
        } else {
            set_up().iter().filter(|m| m.len() < 1000).flat_map(|m| frame(m)).collect()
        };
        for (at, x) in flips {
            if let Some(b) = bytes.get_mut(at) { *b ^= x; }
        }
        bytes.truncate(bytes.len() - cut.min(bytes.len()) / 4);
        let (got, held) = read_split(Reader::new(), Side::Orig, &bytes, &cuts);
        prop_assert_eq!(got, read_split(Reader::new(), Side::Orig, &bytes, &[]).0);
        prop_assert!(held <= 4 * HELD + 40_000);
    }
}
