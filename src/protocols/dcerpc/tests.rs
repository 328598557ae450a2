//! Associations in every order, split and state of repair.

use super::build::{self, NDR, NDR64, SVCCTL};
use super::*;
use crate::base::Timestamp;
use crate::protocols::ntlmssp::tests::authenticate_message;
use crate::protocols::stream::tests::{probe_of, read_split};
use crate::protocols::{Message, Side, StreamParser, Verdict};
use proptest::prelude::*;

fn parser() -> Box<dyn StreamParser> {
    let crate::protocols::Reader::Stream(make) = PROTOCOL.reader else { unreachable!() };
    make()
}

struct Boxed(Box<dyn StreamParser>);

impl StreamParser for Boxed {
    fn data(&mut self, from: Side, ts: Timestamp, bytes: &[u8], out: &mut Vec<Message>) {
        self.0.data(from, ts, bytes, out);
    }
    fn gap(&mut self, from: Side, lost: u64) {
        self.0.gap(from, lost);
    }
    fn done(&self) -> bool {
        self.0.done()
    }
    fn held(&self) -> usize {
        self.0.held()
    }
}

/// Feeds PDUs one by one from the side that their type says, and ends the flow.
fn converse(pdus: &[Vec<u8>]) -> Vec<Rpc> {
    let (mut p, mut out) = (parser(), Vec::new());
    for m in pdus {
        let from = if matches!(m[2], 2 | 3 | 12 | 13 | 15) { Side::Resp } else { Side::Orig };
        p.data(from, Timestamp(0), m, &mut out);
    }
    p.end(&mut out);
    rpcs(out)
}

fn rpcs(out: Vec<Message>) -> Vec<Rpc> {
    out.into_iter()
        .map(|m| match m {
            Message::Rpc(r) => *r,
            m => panic!("{m:?}"),
        })
        .collect()
}

fn call(r: &Rpc) -> &Call {
    let Rpc::Call(c) = r else { panic!("{r:?}") };
    c
}

fn opened() -> Vec<Vec<u8>> {
    vec![build::bind(11, 1, SVCCTL, 2, &[NDR], None), build::bind_ack(12, 1, "\\PIPE\\svcctl", &[(0, NDR)], None)]
}

fn with(more: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    [opened(), more].concat()
}

#[test]
fn a_service_is_created() {
    for (syntaxes, results, context, is64) in
        [(&[NDR][..], &[(0, NDR)][..], 0, false), (&[NDR, NDR64], &[(2, 0), (0, NDR64)], 1, true), (&[NDR, NDR64], &[(0, NDR), (3, 0)], 0, false)]
    {
        let stub = build::create_service("PSEXESVC", "%SystemRoot%\\PSEXESVC.exe", is64);
        let out = converse(&[
            build::bind(11, 1, SVCCTL, 2, syntaxes, None),
            build::bind_ack(12, 1, "49670", results, None),
            build::request(2, context, 12, 3, &stub, None),
            build::response(2, 3, &[&[9u8; 24][..], &[0x31, 4, 0, 0]].concat(), None),
        ]);
        let Rpc::Bind(b) = &out[0] else { panic!("{out:?}") };
        assert_eq!((b.accepted, b.endpoint.as_str(), b.interfaces.len()), (Some(true), "49670", 1));
        assert_eq!((b.interfaces[0].interface.name, b.interfaces[0].version, b.interfaces[0].accepted), ("svcctl", 2, true));
        let c = call(&out[1]);
        assert_eq!((c.interface.name, c.operation(), c.outcome), ("svcctl", "CreateServiceW", Outcome::Returned(Some(0x431))));
        assert_eq!((c.target.as_str(), c.value.as_str()), ("PSEXESVC", "%SystemRoot%\\PSEXESVC.exe"), "{is64}");
        assert_eq!((c.sent as usize, c.received, c.nth, c.sealed), (stub.len(), 28, 1, false));
        assert_eq!(out.len(), 2);
    }
}

#[test]
fn what_is_sealed_keeps_its_name_only() {
    let token: &[u8] = &[3; 16];
    let stub = build::create_service("X", "Y", false);
    let run = |level| {
        converse(&[
            build::bind(11, 1, SVCCTL, 2, &[NDR], Some((10, level, &[1; 40]))),
            build::bind_ack(12, 1, "", &[(0, NDR)], Some((10, level, &[2; 40]))),
            build::pdu(16, 3, 1, &[0; 4], Some((10, level, &authenticate_message("HOSP", "admin", "PC7")))),
            build::request(2, 0, 12, 3, &stub, Some((10, level, token))),
            build::response(2, 3, &[0; 28], Some((10, level, token))),
        ])
    };
    let out = run(6);
    let Rpc::Ntlm(n) = &out[1] else { panic!("{out:?}") };
    assert_eq!((n.user.as_deref(), n.workstation.as_deref()), (Some("admin"), Some("PC7")));
    let c = call(&out[2]);
    assert_eq!((c.operation(), c.sealed, c.auth, c.target.as_str()), ("CreateServiceW", true, Auth { kind: 10, level: 6 }, ""));
    assert_eq!(c.outcome, Outcome::Returned(None));
    let out = run(5);
    let c = call(&out[2]);
    assert_eq!((c.sealed, c.target.as_str(), c.value.as_str(), c.outcome), (false, "X", "Y", Outcome::Returned(Some(0))));
}

#[test]
fn a_service_that_is_stopped_or_switched_off_says_so() {
    let said = |op: u16, numbers: &[u32]| {
        let stub: Vec<u8> = vec![7; 20].into_iter().chain(numbers.iter().flat_map(|n| n.to_le_bytes())).collect();
        let out = converse(&with(vec![build::request(2, 0, op, 3, &stub, None), build::response(2, 3, &[0; 4], None)]));
        call(&out[1]).value.clone()
    };
    assert_eq!((said(1, &[1]), said(1, &[4])), ("stop".to_owned(), "interrogate".to_owned()));
    let keep = 0xffff_ffff;
    assert_eq!((said(11, &[keep, 4, keep, 0]), said(11, &[keep, 3, keep, 0])), ("disabled".to_owned(), String::new()));
}

#[test]
fn faults_and_silence() {
    let out = converse(&with(vec![build::request(2, 0, 15, 3, &[0; 8], None), build::fault(2, 5), build::request(3, 0, 2, 3, &[0; 20], None)]));
    assert_eq!((call(&out[1]).operation(), call(&out[1]).outcome), ("OpenSCManagerW", Outcome::Fault(5)));
    assert_eq!((call(&out[2]).operation(), call(&out[2]).outcome), ("DeleteService", Outcome::Unanswered));
    // Only the client's direction: each call is told when the next one begins.
    let mut one = vec![build::bind(11, 1, SVCCTL, 2, &[NDR], None)];
    one.extend((2..5).map(|id| build::request(id, 0, 19, 3, &[0; 28], None)));
    let out = converse(&one);
    let Rpc::Bind(b) = &out[0] else { panic!("{out:?}") };
    assert_eq!((b.accepted, out.len()), (None, 4));
    assert!(out[1..].iter().all(|r| call(r).outcome == Outcome::Unanswered && call(r).operation() == "StartServiceW"));
    let out = converse(&[build::bind(11, 1, SVCCTL, 2, &[NDR], None), build::pdu(13, 3, 1, &[4, 0, 1, 5, 0], None)]);
    assert!(matches!(&out[0], Rpc::Bind(b) if b.accepted == Some(false)));
}

#[test]
fn a_call_without_its_bind() {
    let out = converse(&[build::request(2, 0, 12, 3, &[0; 90], None), build::response(2, 3, &[0; 28], None)]);
    let c = call(&out[0]);
    assert_eq!((c.interface.uuid, c.op, c.outcome, c.operation()), (0, 12, Outcome::Returned(None), ""));
}

#[test]
fn fragments_are_put_together_and_bounded() {
    let stub = build::create_service("frag", &"p".repeat(300), false);
    let (a, b) = stub.split_at(61);
    let (b, c) = b.split_at(100);
    let out = converse(&with(vec![
        build::request(2, 0, 12, 1, a, None),
        build::request(2, 0, 12, 0, b, None),
        build::request(2, 0, 12, 2, c, None),
        build::response(2, 1, &[1; 100], None),
        build::response(2, 2, &[0; 8], None),
    ]));
    let got = call(&out[1]);
    assert_eq!((got.target.as_str(), got.value.len(), got.sent as usize, got.received), ("frag", 300, stub.len(), 108));
    // A bomb: fragments without end hold no more than the cap.
    let mut p = parser();
    let mut out = Vec::new();
    for m in opened() {
        p.data(if m[2] == 11 { Side::Orig } else { Side::Resp }, Timestamp(0), &m, &mut out);
    }
    for i in 0..20_000u32 {
        p.data(Side::Orig, Timestamp(0), &build::request(i % 40, 0, 12, u8::from(i < 40), &[0; 1000], None), &mut out);
        assert!(p.held() < 150_000, "{}", p.held());
        out.clear();
    }
}

#[test]
fn equal_calls_are_told_ever_more_rarely() {
    let mut pdus = opened();
    for id in 2..1002 {
        pdus.push(build::request(id, 0, 15, 3, &[0; 8], None));
        pdus.push(build::fault(id, 5));
    }
    let out = converse(&pdus);
    let nth: Vec<u32> = out[1..].iter().map(|r| call(r).nth).collect();
    assert_eq!(nth[..16], (1..17).collect::<Vec<_>>());
    assert_eq!(nth[16..], [32, 64, 128, 256, 512, 1000]);
}

#[test]
fn other_arguments() {
    let one = |interface: &str, op: u16, stub: &[u8]| {
        let uuid = Interface::named(interface).unwrap().uuid;
        let out = converse(&[
            build::bind(11, 1, uuid, 1, &[NDR], None),
            build::bind_ack(12, 1, "", &[(0, NDR)], None),
            build::request(2, 0, op, 3, stub, None),
            build::response(2, 3, &[0; 4], None),
        ]);
        let c = call(&out[1]);
        (c.operation(), c.target.clone(), c.value.clone())
    };
    let text = |s: &str| {
        let mut b = Vec::new();
        build::text(&mut b, s, false);
        b.resize(b.len().next_multiple_of(4), 0);
        b
    };
    let pointed = |s: &str| [vec![1, 0, 0, 0], text(s)].concat();
    let task = [pointed("\\evil"), text("<Task/>")].concat();
    assert_eq!(one("ITaskSchedulerService", 1, &task), ("SchRpcRegisterTask", "\\evil".into(), "<Task/>".into()));
    let job = [pointed("srv"), vec![0; 12], pointed("cmd /c x")].concat();
    assert_eq!(one("atsvc", 0, &job), ("NetrJobAdd", "".into(), "cmd /c x".into()));
    assert_eq!(one("efsrpc", 0, &text("\\\\10.0.0.9\\a\\b")).1, "\\\\10.0.0.9\\a\\b");
    let mut challenge = [pointed("\\\\DC"), text("PC7\0\0")].concat();
    challenge.truncate(challenge.len().next_multiple_of(2));
    challenge.extend([0; 8]);
    let got = one("netlogon", 4, &challenge);
    assert_eq!((got.1.as_str(), got.2.as_str()), ("PC7", "0000000000000000"));
    let key = [vec![7; 20], vec![10, 0, 12, 0], pointed("SYSTEM\\x")].concat();
    assert_eq!(one("winreg", 15, &key), ("BaseRegOpenKey", "SYSTEM\\x".into(), "".into()));
    let tower = [vec![0; 24], vec![5, 0, 19, 0, 0x0d], build::uuid(SVCCTL), vec![2, 0, 2, 0, 0, 0]].concat();
    assert_eq!(one("epmapper", 3, &tower).1, "svcctl");
}

#[test]
fn back_in_step_after_a_hole() {
    let (mut p, mut out) = (parser(), Vec::new());
    for m in opened() {
        p.data(if m[2] == 11 { Side::Orig } else { Side::Resp }, Timestamp(0), &m, &mut out);
    }
    p.data(Side::Orig, Timestamp(0), &build::request(2, 0, 2, 3, &[5; 400], None)[..100], &mut out);
    p.gap(Side::Orig, 400);
    let rest = [vec![5, 0, 0, 5, 5, 0, 5], build::request(3, 0, 19, 3, &[0; 28], None)].concat();
    for b in rest {
        p.data(Side::Orig, Timestamp(0), &[b], &mut out);
    }
    p.data(Side::Resp, Timestamp(0), &build::response(3, 3, &[0; 4], None), &mut out);
    let out = rpcs(out);
    assert_eq!((call(&out[1]).operation(), call(&out[1]).outcome), ("StartServiceW", Outcome::Returned(Some(0))));
    for _ in 0..70 {
        p.data(Side::Orig, Timestamp(0), &[0x41; 65_536], &mut Vec::new());
    }
    assert!(p.done());
}

#[test]
fn both_byte_orders() {
    let mut m = build::request(2, 0, 12, 3, &[], None);
    m[4] = 0;
    m[8..10].reverse();
    m[12..16].reverse();
    m[22..24].reverse();
    let out = converse(&[m]);
    assert_eq!((call(&out[0]).op, call(&out[0]).outcome), (12, Outcome::Unanswered));
}

#[test]
fn probes_by_content() {
    let bind = build::bind(11, 1, SVCCTL, 2, &[NDR], None);
    for port in [135, 49_670, 445] {
        assert_eq!(probe_of(PROTOCOL.probe, &bind, port), Verdict::Certain);
    }
    assert_eq!(probe_of(PROTOCOL.probe, &bind[..9], 49_670), Verdict::Unsure);
    assert_eq!(probe_of(PROTOCOL.probe, &[bind.clone(), b"rubbish here".to_vec()].concat(), 49_670), Verdict::Certain);
    let request = build::request(2, 0, 12, 3, &[0; 30], None);
    assert_eq!(probe_of(PROTOCOL.probe, &request, 49_670), Verdict::Certain);
    assert_eq!(probe_of(PROTOCOL.probe, &[request, b"rubbish here".to_vec()].concat(), 49_670), Verdict::NotForUs);
    // SOCKS 5, and what only begins like it.
    assert_eq!(probe_of(PROTOCOL.probe, b"\x05\x01\x00\x01\x0a\x00\x00\x05\x00\x50", 1080), Verdict::NotForUs);
    assert_eq!(probe_of(PROTOCOL.probe, b"\x05\x02\x00\x02", 1080), Verdict::NotForUs);
    assert_eq!(probe_of(PROTOCOL.probe, b"GET / HTTP/1.1\r\n\r\n", 80), Verdict::NotForUs);
    assert_eq!(probe_of(PROTOCOL.probe, b"", 80), Verdict::NotForUs);
}

fn one_side(answers: bool) -> Vec<u8> {
    let mut all = opened();
    for id in 2..30 {
        let stub = build::create_service(&"s".repeat(id as usize * 7), "program", false);
        all.push(build::request(id, 0, 12, 3, &stub, Some((10, 5, &[1; 16]))));
        all.push(if id % 3 == 0 { build::fault(id, 5) } else { build::response(id, 3, &[0; 28], Some((10, 5, &[1; 16]))) });
    }
    all.iter().filter(|m| matches!(m[2], 2 | 3 | 12) == answers).flatten().copied().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_split_gives_the_same(cuts in prop::collection::vec(0usize..12_000, 0..12), near in prop::collection::vec(0usize..900, 0..12)) {
        for answers in [false, true] {
            let bytes = one_side(answers);
            let cuts: Vec<_> = cuts.iter().copied().chain(near.iter().copied()).collect();
            let (got, held) = read_split(Boxed(parser()), Side::Orig, &bytes, &cuts);
            prop_assert_eq!(got, read_split(Boxed(parser()), Side::Orig, &bytes, &[]).0);
            prop_assert!(held <= 150_000);
        }
    }

    #[test]
    fn damaged_streams_are_survived(flips in prop::collection::vec((0usize..3000, any::<u8>()), 1..20), cuts in prop::collection::vec(0usize..3000, 0..12)) {
        let mut bytes = one_side(false);
        for (at, x) in flips {
            if let Some(b) = bytes.get_mut(at) { *b ^= x; }
        }
        let (got, held) = read_split(Boxed(parser()), Side::Orig, &bytes, &cuts);
        prop_assert_eq!(got, read_split(Boxed(parser()), Side::Orig, &bytes, &[]).0);
        prop_assert!(held <= 150_000);
    }
}
