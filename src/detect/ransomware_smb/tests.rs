//! Attack and benign twins of `ransomware-smb`, as lives of handles.

use super::super::testing::*;
use super::*;
use crate::base::{Severity, Timestamp};
use crate::protocols::smb::life::{Content, Magic, Sealed};
use crate::site::Site;

const PC: &str = "10.10.10.12";
const NAS: &str = "10.10.20.10";

fn stage() -> Stage {
    Stage::new(hospital(), build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap())
}

fn content(bytes: u64, entropy: u16, magic: Magic) -> Content {
    Content { bytes, calls: 1, sampled: bytes.min(512) as u16, entropy, magic, head: 1 }
}
fn text(n: u64) -> Content {
    content(n, 4_400, Magic::Unknown)
}
fn noise(n: u64) -> Content {
    content(n, 7_590, Magic::Unknown)
}
fn zip(n: u64) -> Content {
    content(n, 7_400, Magic::Zip)
}

fn handle(path: &str, action: u8) -> Life {
    Life { share: format!("\\\\{NAS}\\karte").into(), path: path.into(), named: true, action, closed: true, disposition: 3, ..Life::default() }
}
fn read(path: &str, c: Content) -> Life {
    Life { read: c, ..handle(path, 1) }
}
fn over(path: &str, c: Content) -> Life {
    Life { written: c, ..handle(path, 3) }
}
fn make(path: &str, c: Content) -> Life {
    Life { written: c, ..handle(path, 2) }
}
fn rename(path: &str, to: &str) -> Life {
    Life { renamed_to: Some(to.into()), ..handle(path, 1) }
}
fn delete(path: &str) -> Life {
    Life { deleted: true, ..handle(path, 1) }
}

/// One life after the other, `gap` seconds apart, from a client to a server.
fn played(lives: Vec<Life>, gap: f64) -> Stage {
    let mut s = stage();
    s.play(events(at(0.0), PC, NAS, lives, gap));
    s
}
fn events(start: Timestamp, from: &str, to: &str, lives: Vec<Life>, gap: f64) -> Vec<Event> {
    let f = FlowInfo { recognised: true, ..flow(start, from, to, 445) };
    let step = Span((gap * 1e9) as u64);
    lives.into_iter().enumerate().map(|(i, l)| message(start + Span(step.0 * i as u64), f, true, Message::SmbWork(Box::new(Work::Life(l))))).collect()
}
fn over_files(n: usize, act: impl Fn(usize, String) -> Vec<Life>) -> Vec<Life> {
    (0..n).flat_map(|i| act(i, format!("ward{}\\doc{i}.{}", i % 4, ["txt", "docx", "pdf", "csv"][i % 4]))).collect()
}
fn was(i: usize) -> Content {
    [text(3_000), zip(9_000), content(7_000, 7_300, Magic::Pdf), text(800)][i % 4]
}

#[test]
fn overwritten_and_renamed_is_an_alarm_at_the_third_file_and_critical_at_twenty() {
    let attack = |n| over_files(n, |i, p| vec![read(&p, was(i)), over(&p, noise(3_000)), rename(&p, &format!("{p}.qx7"))]);
    let s = played(attack(32), 0.1);
    let f = s.findings();
    assert_eq!((f.len(), f[0].severity), (1, Severity::Critical));
    assert_eq!(s.said[0].severity, Severity::High);
    assert_eq!((&s.said[0].evidence["alarm_after_files"], &s.said[0].evidence["extension"]), (&3.into(), &"qx7".into()));
    let mut s = stage();
    s.play(events(at(0.0), PC, NAS, attack(32), 0.1));
    s.end();
    let f = s.findings();
    assert_eq!((&f[0].evidence["files_lost"], f[0].evidence["files"].as_array().unwrap().len()), (&32.into(), 32));
    assert_eq!(f[0].evidence["files"][1]["path"], "ward1\\doc1.docx");
}

#[test]
fn in_one_handle_by_a_copy_or_by_a_copy_renamed_over_it() {
    let both = |i: usize, p: &str| Life { read: was(i), written: noise(5_000), ..handle(p, 1) };
    let ways: [(&str, Vec<Life>); 4] = [
        ("in place", over_files(5, |i, p| vec![both(i, &p)])),
        ("a copy beside", over_files(5, |i, p| vec![read(&p, was(i)), make(&format!("{p}.enc"), noise(9_100)), delete(&p)])),
        ("deleted first", over_files(5, |i, p| vec![read(&p, was(i)), delete(&p), make(&format!("{p}.enc"), noise(9_100))])),
        ("a name of chance", over_files(5, |i, p| vec![read(&p, was(i)), make(&format!("x{}", 77 * i), noise(was(i).bytes + 528)), delete(&p)])),
    ];
    for (way, lives) in ways {
        let s = played(lives, 0.3);
        assert_eq!(s.worst(), Some(Severity::High), "{way}");
        assert!(s.said[0].evidence["alarm_after_files"].as_u64() <= Some(4), "{way}");
    }
    let renamed = over_files(5, |i, p| vec![read(&p, was(i)), make(&format!("{p}.t"), noise(9_000)), rename(&format!("{p}.t"), &p)]);
    assert_eq!(played(renamed, 0.3).worst(), Some(Severity::High));
}

#[test]
fn without_a_read_the_name_is_a_promise_and_without_content_the_shape_tells() {
    let unread = |n| over_files(n, |_, p| vec![over(&p, noise(4_000))]);
    assert_eq!((played(unread(9), 0.2).worst(), played(unread(30), 0.2).worst()), (None, Some(Severity::Low)));
    let mut before = vec![over("ward1\\note.txt", noise(400))];
    before.extend((0..10).map(|i| read(&format!("ward1\\x{i}.doc"), was(1))));
    before.extend(over_files(5, |i, p| vec![read(&p, was(i)), over(&p, noise(3_000))]));
    let s = played(before, 2.0);
    assert_eq!(s.said[0].evidence["alarm_after_files"], 4, "what happened long before is no part of it");
    let named = over_files(5, |_, p| vec![over(&p, noise(4_000)), rename(&p, &format!("{p}.qx"))]);
    assert_eq!(played(named, 0.2).worst(), Some(Severity::High));
    let cut = |n: u64| Content { bytes: n, calls: 1, sampled: 10, ..Content::default() };
    let shape = over_files(5, |i, p| vec![read(&p, cut(900 + i as u64)), over(&p, cut(910 + i as u64)), rename(&p, &format!("{p}.qx"))]);
    assert_eq!(played(shape, 0.2).worst(), Some(Severity::High));
}

#[test]
fn slow_is_found_too_and_two_servers_are_critical() {
    let one = |n| over_files(n, |i, p| vec![read(&p, was(i)), over(&p, noise(3_000))]);
    assert_eq!(played(one(5), 200.0).worst(), Some(Severity::High));
    let mut s = stage();
    let mut ev = events(at(0.0), PC, NAS, one(3), 0.1);
    ev.extend(events(at(5.0), PC, "10.10.20.20", one(3), 0.1));
    s.play(ev);
    assert_eq!(s.worst(), Some(Severity::Critical));
    assert_eq!(s.findings()[0].resp.len(), 2);
}

#[test]
fn a_note_is_named_and_files_only_renamed_count_with_the_rest() {
    let mut lives: Vec<Life> = (0..4).map(|d| make(&format!("ward{d}\\RESTORE.txt"), text(900))).collect();
    lives.extend(over_files(3, |i, p| vec![read(&p, was(i)), over(&p, noise(3_000)), rename(&p, &format!("{p}.qx7"))]));
    lives.extend((50..60).map(|i| rename(&format!("ward1\\f{i}.doc"), &format!("ward1\\f{i}.doc.qx7"))));
    let mut s = stage();
    s.play(events(at(0.0), PC, NAS, lives, 0.1));
    s.end();
    let f = &s.findings()[0];
    assert_eq!((&f.evidence["note"], &f.evidence["files_lost"]), (&"RESTORE.txt".into(), &13.into()));
}

#[test]
fn honest_work_stays_silent() {
    let jpg = content(90_000, 7_560, Magic::Image);
    let append = Content { head: 0, ..noise(20_000) };
    let works: [(&str, Vec<Life>); 12] = [
        ("backup", over_files(60, |i, p| vec![read(&p, was(i))])),
        ("restore", over_files(60, |i, p| vec![make(&p, was(i))])),
        ("restore of encrypted archives", over_files(60, |i, _| vec![make(&format!("store\\{i:x}"), noise(8_000))])),
        ("virus scan", over_files(60, |i, p| if i == 9 { vec![read(&p, was(i)), delete(&p)] } else { vec![read(&p, was(i))] })),
        (
            "office",
            over_files(20, |_, p| {
                vec![
                    read(&p, zip(9_000)),
                    make("ward\\~a.tmp", zip(9_300)),
                    rename(&p, "ward\\~b.tmp"),
                    rename("ward\\~a.tmp", &p),
                    delete("ward\\~b.tmp"),
                ]
            }),
        ),
        ("pictures", (0..40).flat_map(|i| vec![read(&format!("p\\{i}.jpg"), jpg), over(&format!("p\\{i}.jpg"), jpg)]).collect()),
        (
            "PDF appended to",
            (0..40)
                .map(|i| Life { read: content(9_000, 7_500, Magic::Pdf), written: append, size: 200_000, ..handle(&format!("p\\{i}.pdf"), 1) })
                .collect(),
        ),
        (
            "compression",
            over_files(30, |i, p| vec![read(&p, text(9_000 + i as u64)), make(&format!("{p}.gz"), content(2_000, 7_600, Magic::Gzip)), delete(&p)]),
        ),
        ("database", (0..20).map(|i| Life { read: text(90_000), written: append, size: 1 << 30, ..handle(&format!("db\\{i}.dat"), 1) }).collect()),
        ("log rotation", (0..30).map(|i| rename(&format!("log\\a{i}.log"), &format!("log\\a{i}.log.1"))).collect()),
        ("mass rename", over_files(60, |_, p| vec![rename(&p, &format!("{p}.bak"))])),
        ("archive move", over_files(60, |_, p| vec![rename(&p, &format!("2025\\{p}"))])),
    ];
    for (name, lives) in works {
        let mut s = played(lives, 0.2);
        s.end();
        assert!(s.said.is_empty(), "{name}: {:?}", s.said);
    }
}

#[test]
fn a_few_encrypted_documents_and_text_overwritten_with_text_say_nothing() {
    let mut lives = over_files(2, |i, p| vec![read(&p, was(i)), over(&p, noise(3_000))]);
    lives.extend(over_files(40, |_, p| vec![read(&p, text(3_000)), over(&p, text(3_100))]));
    assert!(played(lives, 0.2).said.is_empty());
}

#[test]
fn under_encryption_eight_rewritten_files_are_medium_and_two_servers_high() {
    let sealed = |to: &str, start: f64, n: u32, gap: f64| -> Vec<Event> {
        let f = FlowInfo { recognised: true, ..flow(at(start), PC, to, 445) };
        let work = Sealed { messages: [20, 20], rewritten: 4, rewritten_bytes: 20_000, ..Sealed::default() };
        (0..n).map(|i| message(at(start + gap * f64::from(i)), f, true, Message::SmbWork(Box::new(Work::Sealed(work.clone()))))).collect()
    };
    let play = |ev: Vec<Event>| {
        let mut s = Stage::new(Site::default(), build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap());
        s.play(ev);
        (s.worst(), s.said.first().map(|f| f.evidence["alarm_after_files"].clone()))
    };
    assert_eq!(play(sealed(NAS, 0.0, 1, 1.0)).0, None);
    assert_eq!(play(sealed(NAS, 0.0, 3, 60.0)), (Some(Severity::Medium), Some(8.into())));
    assert_eq!(play(sealed(NAS, 0.0, 9, 1.0)).0, Some(Severity::High));
    let two = sealed(NAS, 0.0, 2, 1.0).into_iter().chain(sealed("10.10.20.20", 9.0, 2, 1.0)).collect();
    assert_eq!(play(two).0, Some(Severity::High));
}
