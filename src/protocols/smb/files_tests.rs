//! Files and pipes: lives told once, whatever the order, the split and the state of repair.

use super::build::{self, NT_STATUS, Share, UNICODE, frame};
use super::frame::{HELD, Reader};
use super::life::{Life, Magic, Sealed, Work};
use super::*;
use crate::base::{Span, Timestamp};
use crate::protocols::dcerpc::{self, Outcome, Rpc};
use crate::protocols::ntlmssp::tests::wide;
use crate::protocols::stream::tests::read_split;
use crate::protocols::{Message, Side, StreamParser};
use proptest::prelude::*;

const DENIED: u32 = 0xc000_0022;

fn is_answer(m: &[u8]) -> bool {
    m[0] == 0xfe && m[16] & 1 != 0 || m[0] == 0xff && m[9] & 0x80 != 0
}

fn feed(p: &mut Reader, ts: u64, messages: &[Vec<u8>], out: &mut Vec<Message>) {
    for m in messages {
        p.data(if is_answer(m) { Side::Resp } else { Side::Orig }, Timestamp::new(ts, 0), &frame(m), out);
    }
}

/// What was done, of a whole conversation; trees and weirds are left out.
fn converse(messages: &[Vec<u8>]) -> Vec<Message> {
    let (mut p, mut out) = (Reader::new(), Vec::new());
    feed(&mut p, 0, messages, &mut out);
    p.end(&mut out);
    out.retain(|m| !matches!(m, Message::Smb(_)));
    out
}

fn life(m: &Message) -> &Life {
    match m {
        Message::SmbWork(w) => match w.as_ref() {
            Work::Life(l) => l,
            w => panic!("{w:?}"),
        },
        m => panic!("{m:?}"),
    }
}

fn on_share(more: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    [Share::tree(r"\\emr\karte", 1), more].concat()
}

fn noise(n: usize) -> Vec<u8> {
    let mut x = 9u64;
    let step = |_| {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (x >> 56) as u8
    };
    (0..n).map(step).collect()
}

#[test]
fn a_file_is_read_overwritten_and_renamed() {
    let text = [b"PK\x03\x04".to_vec(), vec![b'a'; 3000]].concat();
    let out = converse(&on_share(vec![
        Share::create(1, r"\wards\karte.docx", 1, 0),
        Share::created(1, 0, 7, 1, 3004),
        Share::read(2, 7, 0, 65_536),
        Share::data(2, 0, &text),
        Share::read(3, 7, 3004, 65_536),
        Share::done(8, 3, 0xc000_0011),
        Share::write(4, 7, 0, &noise(3000)),
        Share::done(9, 4, 0),
        Share::write(5, 7, 3000, &noise(3000)),
        Share::done(9, 5, 0),
        Share::rename(6, 7, r"\wards\karte.docx.locked"),
        Share::done(0x11, 6, 0),
        Share::close(8, 7),
        Share::done(6, 8, 0),
    ]));
    assert_eq!(out.len(), 1, "{out:#?}");
    let l = life(&out[0]);
    assert_eq!((&*l.share, &*l.path, l.named, l.status, l.size), (r"\\emr\karte", r"wards\karte.docx", true, 0, 3004));
    assert_eq!((l.read.bytes, l.read.calls, l.read.magic, l.read.sampled), (3004, 1, Magic::Zip, 512));
    assert_eq!((l.written.bytes, l.written.calls, l.written.magic, l.written.sampled), (6000, 2, Magic::Unknown, 1024));
    assert!(l.read.entropy < 200 && l.written.entropy > 7400, "{} {}", l.read.entropy, l.written.entropy);
    assert_eq!((l.renamed_to.as_deref(), l.deleted, l.closed, l.failed, l.part), (Some(r"wards\karte.docx.locked"), false, true, (0, 0), 0));
    assert_eq!((l.access, l.disposition, l.action), (0x0012_019f, 1, 1));
}

#[test]
fn ways_to_delete_and_cut() {
    let deleted = |asked: Vec<Vec<u8>>, options| {
        let mut all = vec![Share::create(1, "a.txt", 1, options), Share::created(1, 0, 7, 1, 0)];
        all.extend(asked);
        all.extend([Share::close(8, 7), Share::done(6, 8, 0)]);
        let out = converse(&on_share(all));
        (life(&out[0]).deleted, life(&out[0]).failed, life(&out[0]).truncated)
    };
    let set = |class, info: &[u8], status| vec![Share::set(2, 7, class, info), Share::done(0x11, 2, status)];
    assert_eq!(deleted(set(13, &[1], 0), 0), (true, (0, 0), None));
    assert_eq!(deleted(set(64, &[3, 0, 0, 0], 0), 0), (true, (0, 0), None));
    assert_eq!(deleted([set(13, &[1], 0), set(13, &[0], 0)].concat(), 0), (false, (0, 0), None));
    assert_eq!(deleted(set(13, &[1], DENIED), 0), (false, (1, DENIED), None));
    assert_eq!(deleted(vec![], 0x1000), (true, (0, 0), None));
    assert_eq!(deleted(set(20, &[5, 0, 0, 0, 0, 0, 0, 0], 0), 0), (false, (0, 0), Some(5)));
}

#[test]
fn compounds_speak_of_the_handle_before() {
    let delete =
        build::compound(&[Share::create(1, "old.bak", 1, 0), Share::related(Share::set(2, 0, 13, &[1]), 16), Share::related(Share::close(3, 0), 8)]);
    let answers = build::compound(&[Share::created(1, 0, 7, 1, 0), Share::done(0x11, 2, 0), Share::done(6, 3, 0)]);
    let out = converse(&on_share(vec![delete.clone(), answers]));
    assert_eq!((out.len(), life(&out[0]).deleted, life(&out[0]).closed, &*life(&out[0]).path), (1, true, true, "old.bak"));
    // The open failed: so does all that follows.
    let refused = build::compound(&[Share::created(1, DENIED, 0, 0, 0), Share::done(0x11, 2, DENIED), Share::done(6, 3, DENIED)]);
    let out = converse(&on_share(vec![delete, refused]));
    assert_eq!((out.len(), life(&out[0]).status, life(&out[0]).deleted), (1, DENIED, false));
    let listing = build::compound(&[Share::create(1, "", 1, 1), Share::related(Share::list(2, 0), 8)]);
    let entries = build::compound(&[Share::created(1, 0, 9, 1, 0), Share::done(0x0e, 2, 0)]);
    let out = converse(&on_share(vec![listing, entries, Share::list(3, 9), Share::done(0x0e, 3, 0x8000_0006)]));
    assert_eq!((out.len(), life(&out[0]).listings, life(&out[0]).directory, life(&out[0]).closed), (1, 1, true, false));
}

#[test]
fn an_answer_that_comes_later() {
    let out = converse(&on_share(vec![
        Share::create(1, "a", 1, 0),
        Share::created(1, 0, 7, 1, 0),
        Share::write(2, 7, 0, b"MZ\x90\0"),
        Share::done(9, 2, PENDING),
        Share::close(3, 7),
        Share::done(9, 2, DENIED),
        Share::done(6, 3, 0),
    ]));
    let l = life(&out[0]);
    assert_eq!((out.len(), l.written.bytes, l.written.magic, l.failed), (1, 0, Magic::Pe, (1, DENIED)));
}

#[test]
fn handles_nobody_saw_opened_and_one_direction() {
    let out = converse(&[Share::write(2, 7, 0, b"%PDF-1.7"), Share::done(9, 2, 0), Share::close(3, 7), Share::done(6, 3, 0)]);
    let l = life(&out[0]);
    assert_eq!((out.len(), l.named, &*l.path, &*l.share, l.written.magic, l.closed), (1, false, "", "", Magic::Pdf, true));
    assert_ne!(l.file, 0);
    // Requests only: the share is the one asked for, and the close ends the handle.
    let out = converse(&[build::tree(1, 9, r"\\a\C$"), Share::create(2, "x.exe", 2, 0), Share::write(3, 7, 0, b"MZ"), Share::close(4, 7)]);
    let lives: Vec<_> = out.iter().map(|m| (&*life(m).share, &*life(m).path, life(m).written.bytes, life(m).closed)).collect();
    assert_eq!(lives, [(r"\\a\C$", "", 2, true), (r"\\a\C$", "x.exe", 0, false)]);
    // Answers only: nothing to tell, nothing kept.
    let out = converse(&[Share::created(2, 0, 7, 1, 0), Share::data(3, 0, &[1; 600]), Share::done(6, 4, 0)]);
    assert_eq!(out, []);
}

#[test]
fn refused_opens() {
    let mut all = Share::tree(r"\\emr\C$", 1);
    for id in 1..201 {
        all.push(Share::create(id, "secret", 1, 0));
        all.push(Share::created(id, if id % 2 == 0 { DENIED } else { 0xc000_0034 }, 0, 0, 0));
    }
    let out = converse(&all);
    assert!(out.iter().all(|m| life(m).status == DENIED && life(m).closed));
    assert_eq!(out.iter().map(|m| life(m).refused).collect::<Vec<_>>(), (2..=64).step_by(2).chain([128]).collect::<Vec<_>>());
}

#[test]
fn thousands_of_handles() {
    let (mut p, mut out) = (Reader::new(), Vec::new());
    feed(&mut p, 0, &Share::tree(r"\\emr\karte", 1), &mut out);
    for id in 1..5000u64 {
        feed(&mut p, 0, &[Share::create(id, &format!("{id}{}", "長い名前".repeat(40)), 1, 0), Share::created(id, 0, id, 1, 0)], &mut out);
        feed(&mut p, 0, &[Share::write(id + 10_000, id, 0, &noise(100))], &mut out);
        assert!(p.held() < 450_000, "{}", p.held());
    }
    p.end(&mut out);
    let lives = out.iter().filter(|m| matches!(m, Message::SmbWork(_))).count();
    assert_eq!(lives, 4999);
    assert!(out.contains(&Message::Weird("smb_handles_forgotten", 0)));
}

#[test]
fn a_large_copy_costs_next_to_nothing() {
    let (mut p, mut out) = (Reader::new(), Vec::new());
    feed(&mut p, 0, &on_share(vec![Share::create(1, "big.vhdx", 2, 0), Share::created(1, 0, 7, 2, 0)]), &mut out);
    out.clear();
    let body = vec![0x5a; 1 << 20];
    for id in 2..202 {
        let m = frame(&Share::write(id, 7, id << 20, &body));
        for packet in m.chunks(8192) {
            p.data(Side::Orig, Timestamp(0), packet, &mut out);
            assert!(p.held() < 8_000, "{}", p.held());
        }
        feed(&mut p, 0, &[Share::done(9, id, 0)], &mut out);
    }
    assert_eq!(out.iter().map(|m| life(m).written.bytes >> 20).collect::<Vec<_>>(), [64, 128, 192]);
    assert_eq!((life(&out[2]).part, life(&out[2]).written.sampled, life(&out[2]).written.entropy, life(&out[2]).closed), (2, 4096, 0, false));
}

#[test]
fn lives_that_go_on_are_told_in_time() {
    let (mut p, mut out) = (Reader::new(), Vec::new());
    feed(&mut p, 5, &on_share(vec![Share::create(1, "log", 3, 0), Share::created(1, 0, 7, 2, 0)]), &mut out);
    let told = |out: &[Message]| out.iter().filter(|m| matches!(m, Message::SmbWork(_))).count();
    feed(&mut p, 9, &[Share::write(2, 7, 0, b"x"), Share::done(9, 2, 0)], &mut out);
    assert_eq!(told(&out), 0);
    feed(&mut p, 30, &[build::v2(0x0d, None, 3, 9, &[4, 0, 0, 0])], &mut out);
    assert_eq!(told(&out), 1);
    // Nothing happened since: nothing to tell.
    feed(&mut p, 60, &[build::v2(0x0d, None, 4, 9, &[4, 0, 0, 0])], &mut out);
    assert_eq!(told(&out), 1);
    feed(&mut p, 61, &[Share::close(5, 7), Share::done(6, 5, 0)], &mut out);
    let last = life(out.last().unwrap());
    assert_eq!((told(&out), last.part, last.closed, last.opened), (2, 1, true, Timestamp(0) + Span::secs(5)));
    // A tree that is given up takes its handles along.
    feed(&mut p, 62, &[Share::create(6, "b", 1, 0), Share::created(6, 0, 8, 1, 0)], &mut out);
    let mut leave = build::v2(4, None, 7, 9, &[4, 0, 0, 0]);
    leave[36] = 5;
    feed(&mut p, 63, &[leave], &mut out);
    assert_eq!((told(&out), life(out.last().unwrap()).closed), (3, true));
}

fn service_call() -> (Vec<u8>, Vec<u8>, Vec<u8>, Vec<u8>) {
    use dcerpc::build as rpc;
    let stub = rpc::create_service("PSEXESVC", r"%SystemRoot%\PSEXESVC.exe", false);
    (
        rpc::bind(11, 1, rpc::SVCCTL, 2, &[rpc::NDR], None),
        rpc::bind_ack(12, 1, r"\PIPE\ntsvcs", &[(0, rpc::NDR)], None),
        rpc::request(2, 0, 12, 3, &stub, None),
        rpc::response(2, 3, &[0; 28], None),
    )
}

fn assert_service_call(out: &[Message], pipe: &str) {
    let Message::Rpc(bind) = &out[0] else { panic!("{out:?}") };
    assert!(matches!(bind.as_ref(), Rpc::Bind(b) if b.accepted == Some(true) && b.pipe.as_ref().is_some_and(|p| &*p.name == pipe)));
    let Message::Rpc(call) = &out[1] else { panic!("{out:?}") };
    let Rpc::Call(c) = call.as_ref() else { panic!("{call:?}") };
    assert_eq!(
        (c.interface.name, c.operation(), c.pipe.as_ref().map(|p| &*p.name), c.outcome),
        ("svcctl", "CreateServiceW", Some(pipe), Outcome::Returned(Some(0)))
    );
    assert_eq!((c.target.as_str(), c.value.as_str()), ("PSEXESVC", r"%SystemRoot%\PSEXESVC.exe"));
    let l = life(&out[2]);
    assert_eq!((l.pipe, &*l.path, out.len()), (true, pipe, 3));
}

#[test]
fn a_service_is_created_over_a_pipe() {
    let (bind, ack, call, answer) = service_call();
    let open = || [Share::tree(r"\\emr\IPC$", 2), vec![Share::create(1, "svcctl", 1, 0), Share::created(1, 0, 7, 1, 0)]].concat();
    let mut by_write = open();
    by_write.extend([Share::write(2, 7, 0, &bind), Share::done(9, 2, 0), Share::read(3, 7, 0, 1024), Share::data(3, 0, &ack)]);
    // The call in two writes, the answer in two reads.
    by_write.extend([Share::write(4, 7, 0, &call[..50]), Share::done(9, 4, 0), Share::write(5, 7, 0, &call[50..]), Share::done(9, 5, 0)]);
    by_write.extend([
        Share::read(6, 7, 0, 30),
        Share::data(6, 0x8000_0005, &answer[..30]),
        Share::read(7, 7, 0, 999),
        Share::data(7, 0, &answer[30..]),
    ]);
    by_write.extend([Share::close(8, 7), Share::done(6, 8, 0)]);
    assert_service_call(&converse(&by_write), "svcctl");
    let mut by_ioctl = open();
    by_ioctl.extend([Share::transceive(2, 7, &bind), Share::transceived(2, 0, &ack), Share::transceive(3, 7, &call)]);
    by_ioctl.extend([Share::done(0x0b, 3, PENDING), Share::transceived(3, 0x8000_0005, &answer[..40]), Share::read(4, 7, 0, 999)]);
    by_ioctl.extend([Share::data(4, 0, &answer[40..]), Share::close(8, 7), Share::done(6, 8, 0)]);
    assert_service_call(&converse(&by_ioctl), "svcctl");
    // The open was not seen: a pipe is known by what is written to it.
    let mut unseen = vec![Share::write(2, 7, 0, &bind), Share::done(9, 2, 0), Share::read(3, 7, 0, 1024), Share::data(3, 0, &ack)];
    unseen.extend([Share::transceive(4, 7, &call), Share::transceived(4, 0, &answer), Share::close(8, 7), Share::done(6, 8, 0)]);
    assert_service_call(&converse(&unseen), "");
}

#[test]
fn hidden_content_is_counted_by_size() {
    let (mut p, mut out) = (Reader::new(), Vec::new());
    let sealed = |n: usize| frame(&[b"\xfdSMB".as_slice(), &vec![1; 48 + n]].concat());
    for n in [100, 128, 129, 70_000] {
        p.data(Side::Orig, Timestamp::new(100, 0), &sealed(n), &mut out);
    }
    p.data(Side::Resp, Timestamp::new(101, 0), &sealed(5000), &mut out);
    assert_eq!(out.len(), 1);
    p.data(Side::Resp, Timestamp::new(111, 0), &sealed(50), &mut out);
    let mut want = Sealed { messages: [4, 2], bytes: [70_357, 5050], ..Sealed::default() };
    want.sizes = [[2, 1, 0, 0, 0, 0, 0, 1, 0, 0], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0]];
    assert_eq!(out[1..], [Message::SmbWork(Box::new(Work::Sealed(want)))]);
    p.end(&mut out);
    assert_eq!(out.len(), 2);
    // CVE-2020-0796: offset and size that add up to less than either.
    let mut p = Reader::new();
    let bomb = frame(&[b"\xfcSMB\xff\xff\xff\xff\x01\0\0\0\x10\0\0\0".as_slice(), &[1; 80]].concat());
    let mut out = Vec::new();
    for b in &bomb {
        p.data(Side::Orig, Timestamp(0), &[*b], &mut out);
    }
    assert_eq!(
        out,
        [Message::Weird("smb_compressed", 0), Message::SmbWork(Box::new(Work::Compressed { original: u32::MAX, offset: 16, there: 80 }))]
    );
}

#[test]
fn names_that_are_none() {
    let half = |n: u16| {
        let mut m = Share::create(1, "xx", 1, 0);
        let at = m.len() - 2;
        m[at..].copy_from_slice(&n.to_le_bytes());
        m
    };
    let path = |m: Vec<u8>| life(&converse(&on_share(vec![m, Share::created(1, 0, 7, 1, 0)]))[0]).path.to_string();
    assert_eq!(path(half(0xd800)), "x\u{fffd}");
    // Decomposed as macOS sends it, and with the other slash.
    assert_eq!(path(Share::create(1, "/ga\u{304b}\u{3099}/b", 1, 0)), "ga\u{304c}\\b");
    let mut long = Share::create(1, &"n".repeat(4000), 1, 0);
    assert_eq!(path(long.clone()).len(), PATH_CHARS);
    long[110..112].copy_from_slice(&u16::MAX.to_le_bytes());
    assert_eq!(path(long.clone()).len(), PATH_CHARS);
    long[108..110].copy_from_slice(&60_000u16.to_le_bytes());
    assert_eq!(path(long), "");
}

#[test]
fn lengths_that_lie() {
    let mut write = Share::write(2, 7, 0, &[b'M'; 100]);
    write[68..72].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut data = Share::data(3, 0, b"MZ and more");
    data[68..72].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut rename = Share::rename(4, 7, "to");
    rename[112..116].copy_from_slice(&u32::MAX.to_le_bytes());
    let out = converse(&on_share(vec![
        Share::create(1, "a", 1, 0),
        Share::created(1, 0, 7, 1, 0),
        write,
        Share::done(9, 2, 0),
        Share::read(3, 7, 0, 9),
        data,
        rename,
        Share::done(0x11, 4, 0),
        Share::close(8, 7),
        Share::done(6, 8, 0),
    ]));
    let l = life(&out[0]);
    assert_eq!((l.written.bytes, l.read.bytes, l.renamed_to.as_deref(), l.read.magic), (100, 11, Some("to"), Magic::Pe));
}

#[test]
fn files_of_smb1() {
    let flags = NT_STATUS | UNICODE;
    let one = |command: u8, status: Option<u32>, mid, words: Vec<u8>, bytes: Vec<u8>| build::v1(command, status, flags, mid, &[(words, bytes)], &[]);
    // A name that needs a byte to stand at an even offset, and one that does not.
    let name = |s: &str| [vec![0], wide(s), vec![0, 0]].concat();
    let even = |s: &str| [wide(s), vec![0, 0]].concat();
    let words = |n: usize, set: &[(usize, Vec<u8>)]| {
        let mut w = vec![0; n * 2];
        w[0] = 0xff;
        for (at, b) in set {
            w[*at..at + b.len()].copy_from_slice(b);
        }
        w
    };
    let tree = one(0x75, None, 1, vec![0xff, 0, 0, 0, 8, 0, 1, 0], [vec![0], even(r"\\OLD\C$"), b"?????\0".to_vec()].concat());
    let connected = one(0x75, Some(0), 1, vec![0xff, 0, 0, 0, 1, 0], b"A:\0NTFS\0".to_vec());
    let create = one(0xa2, None, 2, words(24, &[(15, vec![0x9f, 1, 0x12, 0]), (35, vec![5, 0, 0, 0])]), name(r"\evil.exe"));
    let created = one(0xa2, Some(0), 2, words(34, &[(5, vec![9, 0x40]), (7, vec![2, 0, 0, 0])]), vec![]);
    // Header 32, word count 1, words 28, byte count 2: the data begins at 63.
    let write = one(0x2f, None, 3, words(14, &[(4, vec![9, 0x40]), (20, vec![6, 0]), (22, vec![63, 0])]), b"MZ\x90\0ab".to_vec());
    let written = one(0x2f, Some(0), 3, words(6, &[(4, vec![6, 0])]), vec![]);
    let read = one(0x2e, None, 4, words(12, &[(4, vec![9, 0x40]), (10, vec![0, 2])]), vec![]);
    let data = one(0x2e, Some(0), 4, words(12, &[(10, vec![4, 0]), (12, vec![59, 0])]), b"MZ\x90\0".to_vec());
    let close = one(0x04, None, 5, vec![9, 0x40, 0, 0, 0, 0], vec![]);
    let closed = one(0x04, Some(0), 5, vec![], vec![]);
    let rename = one(0x07, None, 6, vec![0x16, 0], [vec![4], even("a.doc"), vec![4], name("a.doc.enc")].concat());
    let renamed = one(0x07, Some(0), 6, vec![], vec![]);
    let delete = one(0x06, None, 7, vec![0x16, 0], [vec![4], even("b.doc")].concat());
    let gone = one(0x06, Some(DENIED), 7, vec![], vec![]);
    let out = converse(&[tree, connected, create, created, write, written, read, data, close, closed, rename, renamed, delete, gone]);
    assert_eq!(out.len(), 3, "{out:#?}");
    let l = life(&out[0]);
    assert_eq!((&*l.share, &*l.path, l.action, l.access, l.disposition), (r"\\OLD\C$", "evil.exe", 2, 0x0012_019f, 5));
    assert_eq!((l.written.bytes, l.written.magic, l.read.bytes, l.read.magic, l.closed), (6, Magic::Pe, 4, Magic::Pe, true));
    assert_eq!((&*life(&out[1]).path, life(&out[1]).renamed_to.as_deref(), life(&out[1]).deleted), ("a.doc", Some("a.doc.enc"), false));
    assert_eq!((&*life(&out[2]).path, life(&out[2]).deleted, life(&out[2]).status), ("b.doc", false, DENIED));
}

#[test]
fn pipes_of_smb1() {
    let flags = NT_STATUS | UNICODE;
    let (bind, ack, call, answer) = service_call();
    let open = |mid, name: &str| {
        build::v1(0xa2, None, flags, mid, &[(vec![0xff; 1].into_iter().chain([0; 47]).collect(), [vec![0], wide(name), vec![0, 0]].concat())], &[])
    };
    let mut granted = vec![0; 68];
    (granted[0], granted[5]) = (0xff, 7);
    let opened = build::v1(0xa2, Some(0), flags, 2, &[(granted, vec![])], &[]);
    let tree = build::v1(
        0x75,
        None,
        flags,
        1,
        &[(vec![0xff, 0, 0, 0, 8, 0, 1, 0], [vec![0], wide(r"\\OLD\IPC$"), vec![0, 0], b"?????\0".to_vec()].concat())],
        &[],
    );
    let connected = build::v1(0x75, Some(0), flags, 1, &[(vec![0xff, 0, 0, 0, 1, 0], b"IPC\0\0".to_vec())], &[]);
    let transact = |mid, data: &[u8]| {
        let mut w = vec![0u8; 32];
        w[22..24].copy_from_slice(&(data.len() as u16).to_le_bytes());
        w[24..26].copy_from_slice(&67u16.to_le_bytes());
        (w[26], w[28], w[30]) = (2, 0x26, 7);
        build::v1(0x25, None, flags, mid, &[(w, data.to_vec())], &[])
    };
    let answered = |mid, data: &[u8]| {
        let mut w = vec![0u8; 20];
        w[12..14].copy_from_slice(&(data.len() as u16).to_le_bytes());
        w[14..16].copy_from_slice(&55u16.to_le_bytes());
        build::v1(0x25, Some(0), flags, mid, &[(w, data.to_vec())], &[])
    };
    let close = build::v1(0x04, None, flags, 5, &[(vec![7, 0, 0, 0, 0, 0], vec![])], &[]);
    let closed = build::v1(0x04, Some(0), flags, 5, &[(vec![], vec![])], &[]);
    let out = converse(&[
        tree,
        connected,
        open(2, r"\svcctl"),
        opened,
        transact(3, &bind),
        answered(3, &ack),
        transact(4, &call),
        answered(4, &answer),
        close,
        closed,
    ]);
    assert_service_call(&out, "svcctl");
}

#[test]
fn back_in_step_after_a_hole_in_a_file() {
    let (mut p, mut out) = (Reader::new(), Vec::new());
    feed(&mut p, 0, &on_share(vec![Share::create(1, "a", 1, 0), Share::created(1, 0, 7, 1, 0)]), &mut out);
    let m = frame(&Share::write(2, 7, 0, &noise(60_000)));
    p.data(Side::Orig, Timestamp(0), &m[..300], &mut out);
    p.gap(Side::Orig, 50_000);
    p.data(Side::Orig, Timestamp(0), &m[50_300..], &mut out);
    feed(&mut p, 0, &[Share::done(9, 2, 0), Share::close(3, 7), Share::done(6, 3, 0)], &mut out);
    assert!(matches!(out.last(), Some(m) if life(m).closed));
}

/// One side of work on a few files and a pipe, with large writes.
fn one_side(answers: bool) -> Vec<u8> {
    let (bind, ack, call, answer) = service_call();
    let mut all = Share::tree(r"\\emr\IPC$", 2);
    all.extend([Share::create(1, "svcctl", 1, 0), Share::created(1, 0, 7, 1, 0), Share::transceive(2, 7, &bind), Share::transceived(2, 0, &ack)]);
    all.extend([Share::write(3, 7, 0, &call), Share::done(9, 3, 0), Share::read(4, 7, 0, 999), Share::data(4, 0, &answer)]);
    for id in 10..20u64 {
        all.extend([Share::create(id * 10, "file", 1, 0), Share::created(id * 10, 0, id, 1, 0)]);
        all.extend([Share::write(id * 10 + 1, id, 0, &noise(id as usize * 300)), Share::done(9, id * 10 + 1, 0)]);
        all.push(build::compound(&[Share::rename(id * 10 + 2, id, "other"), Share::related(Share::close(id * 10 + 3, id), 8)]));
    }
    all.iter().filter(|m| is_answer(m) == answers).flat_map(|m| frame(m)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_split_gives_the_same(cuts in prop::collection::vec(0usize..60_000, 0..12), near in prop::collection::vec(0usize..1500, 0..12)) {
        let cuts: Vec<_> = cuts.into_iter().chain(near).collect();
        for answers in [false, true] {
            let bytes = one_side(answers);
            let (got, held) = read_split(Reader::new(), Side::Orig, &bytes, &cuts);
            prop_assert_eq!(got, read_split(Reader::new(), Side::Orig, &bytes, &[]).0);
            prop_assert!(held <= 8 * HELD);
        }
    }

    #[test]
    fn damaged_streams_are_survived(flips in prop::collection::vec((0usize..4000, any::<u8>()), 1..20), cuts in prop::collection::vec(0usize..4000, 0..12), answers in any::<bool>()) {
        let mut bytes = one_side(answers);
        for (at, x) in flips {
            if let Some(b) = bytes.get_mut(at) { *b ^= x; }
        }
        let (got, held) = read_split(Reader::new(), Side::Orig, &bytes, &cuts);
        prop_assert_eq!(got, read_split(Reader::new(), Side::Orig, &bytes, &[]).0);
        prop_assert!(held <= 8 * HELD);
    }
}
