//! What is written as pcapng is read back: frames, losses, ports that go and come, frames that were not recorded.

use super::testfile::Ng;
use super::*;
use crate::base::Timestamp;
use crate::wire::{Frame, Linktype};

const T: u64 = 1_795_255_200;

fn frame(number: u64, cap: usize) -> Frame {
    let ts = Timestamp::new(T + number, number as u32);
    Frame { ts, number, off: 0, cap_len: cap as u32, orig_len: cap as u32 + 7, iface: 3, linktype: Linktype::Ethernet, admitted: true }
}

fn notice(at: u32, news: PortNews) -> Notice {
    Notice { ts: Timestamp::new(T + u64::from(at), 5), at, iface: 3, news }
}

/// Everything a reader says of some bytes: (time, bytes, length on the wire) and notices with the number of frames before them.
type Said = (Vec<(u64, Vec<u8>, u32)>, Vec<(u64, PortNews)>);

fn read(inputs: Vec<Vec<u8>>) -> Said {
    let readers = inputs.into_iter().enumerate();
    let readers = readers.map(|(i, b)| (i.to_string(), Box::new(std::io::Cursor::new(b)) as Box<dyn std::io::Read + Send>)).collect();
    let mut replay = Replay::from_readers(readers, ReplayOptions::default()).unwrap();
    let (mut block, mut said): (_, Said) = Default::default();
    while replay.fill(&mut block) == Fill::Frames {
        assert!(!block.frames.is_empty() || !block.notices.is_empty());
        assert!(block.notices.windows(2).all(|w| w[0].at <= w[1].at));
        said.1.extend(block.notices.iter().map(|n| (said.0.len() as u64 + u64::from(n.at), n.news)));
        said.0.extend(block.frames.iter().map(|f| (f.ts.0, block.bytes(f).to_vec(), f.orig_len)));
    }
    assert!(replay.faults().is_empty(), "{:?}", replay.faults());
    said
}

fn write(fill: impl FnOnce(&mut PcapngWriter<Vec<u8>>)) -> Vec<u8> {
    let mut w = PcapngWriter::new(Vec::new(), "spanward test", "a test").unwrap();
    fill(&mut w);
    w.into_inner()
}

#[test]
fn frames_and_news_come_back_in_their_places() {
    let (a, b) = (vec![1u8; 61], vec![2u8; 1500]);
    let block = Block {
        buf: [a.clone(), b.clone()].concat(),
        frames: vec![frame(1, a.len()), Frame { off: a.len() as u32, ..frame(2, b.len()) }],
        notices: vec![
            notice(0, PortNews::Down),
            notice(0, PortNews::Up),
            notice(1, PortNews::Dropped { kernel: 5, card: 2 }),
            notice(1, PortNews::Shed { frames: 9 }),
            notice(2, PortNews::Dropped { kernel: 0, card: 4 }),
        ],
    };
    let bytes = write(|w| w.block(&block, |n| (n == 3).then_some("span0")).unwrap());
    let (frames, news) = read(vec![bytes]);
    let want: Vec<_> = block.frames.iter().zip([a, b]).map(|(f, b)| (f.ts.0, b, f.orig_len)).collect();
    assert_eq!(frames, want);
    assert_eq!(news, block.notices.iter().map(|n| (u64::from(n.at), n.news)).collect::<Vec<_>>());
}

#[test]
fn an_interface_has_its_name_and_a_frame_its_comment() {
    let bytes = write(|w| {
        w.describe(3, Linktype::Ethernet, "span0").unwrap();
        w.frame(&frame(1, 4), b"abcd", Some("F000001 smb-fanout 院内")).unwrap();
        w.frame(&Frame { iface: 9, linktype: Linktype::Sll, ..frame(2, 4) }, b"efgh", None).unwrap();
    });
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("spanward test") && text.contains("F000001 smb-fanout 院内"));
    let mut replay = Replay::from_bytes(bytes, ReplayOptions::default()).unwrap();
    let mut block = Block::default();
    assert_eq!(replay.fill(&mut block), Fill::Frames);
    assert_eq!(block.frames.iter().map(|f| f.linktype).collect::<Vec<_>>(), [Linktype::Ethernet, Linktype::Sll]);
    assert_eq!(replay.interfaces()[0].name, "capture:span0");
}

#[test]
fn a_long_comment_is_cut_at_a_character() {
    let long = "記".repeat(5000);
    let bytes = write(|w| w.frame(&frame(1, 4), b"abcd", Some(&long)).unwrap());
    assert!(bytes.len() < 4400 && String::from_utf8_lossy(&bytes).matches('記').count() == 4096 / 3);
    assert_eq!(read(vec![bytes]).0.len(), 1);
}

#[test]
fn frames_that_were_not_recorded_are_losses_for_the_reader() {
    let m = Missing { frames: 12, bytes: 3456, from: Timestamp::new(T, 1), to: Timestamp::new(T + 1, 2), cause: Cause::Slow };
    let bytes = write(|w| {
        w.frame(&frame(1, 4), b"abcd", None).unwrap();
        w.missing(3, m).unwrap();
        w.frame(&frame(2, 4), b"abcd", None).unwrap();
    });
    assert_eq!(read(vec![bytes]).1, [(1, PortNews::Dropped { kernel: 12, card: 0 })]);
    let remark = super::pcapng_write::Remark::Unrecorded(m);
    assert_eq!(super::pcapng_write::Remark::parse(&remark.to_string()), Some(remark));
}

#[test]
fn statistics_of_others_are_totals() {
    let stats = |ng: Ng, iface: u32, drops: &[(u16, u64)]| {
        let mut body: Vec<u8> = [iface, 0, 0].iter().flat_map(|v| v.to_le_bytes()).collect();
        for (code, v) in drops {
            body.extend(code.to_le_bytes().iter().chain(&8u16.to_le_bytes()));
            body.extend(v.to_le_bytes());
        }
        ng.block(5, &body)
    };
    let micros = T * 1_000_000;
    let mut ng = Ng::new(false).interface(1, 0, &[]).enhanced(0, micros, b"a");
    // Interface 7 does not exist, 5 bytes are no count, and what is not about drops is no news: none of it is damage.
    ng = stats(stats(ng, 0, &[(4, 1000), (5, 10), (7, 3)]), 7, &[(5, 9)]).enhanced(0, micros, b"b");
    ng = stats(ng, 0, &[(4, 2000), (5, 10), (7, 4)]).block(5, &[0; 4]).block(5, &[]).enhanced(0, micros, b"c");
    ng = stats(ng, 0, &[(5, 2), (7, 4)]);
    ng = stats(ng, 0, &[(5, 3), (7, 4)]);
    let want = [
        (1, PortNews::Dropped { kernel: 3, card: 10 }),
        (2, PortNews::Dropped { kernel: 1, card: 0 }),
        (3, PortNews::Dropped { kernel: 0, card: 1 }),
    ];
    assert_eq!(read(vec![ng.out]).1, want);
}

#[test]
fn news_of_merged_files_stand_among_their_own_frames() {
    let one = write(|w| {
        w.frame(&frame(1, 1), b"a", None).unwrap();
        w.notice(&notice(4, PortNews::Down)).unwrap();
        w.frame(&frame(5, 1), b"c", None).unwrap();
        w.notice(&notice(6, PortNews::Up)).unwrap();
    });
    let two = write(|w| w.frame(&frame(2, 1), b"b", None).unwrap());
    let (frames, news) = read(vec![one, two]);
    assert_eq!(frames.iter().map(|f| f.1.as_slice()).collect::<Vec<_>>(), [b"a", b"b", b"c"]);
    assert_eq!(news, [(2, PortNews::Down), (3, PortNews::Up)]);
}

#[test]
fn a_file_of_news_alone_ends_and_hostile_claims_are_bounded() {
    let alone = write(|w| (0..100_000).for_each(|_| w.notice(&notice(0, PortNews::Down)).unwrap()));
    assert_eq!(read(vec![alone]), (vec![], vec![]));
    let wild = write(|w| {
        w.frame(&frame(1, 1), b"a", None).unwrap();
        for _ in 0..5000 {
            w.notice(&Notice { ts: Timestamp(u64::MAX), ..notice(0, PortNews::Dropped { kernel: u64::MAX, card: u64::MAX }) }).unwrap();
            w.notice(&notice(0, PortNews::Up)).unwrap();
            w.remark(3, Timestamp(0), super::pcapng_write::Remark::Port(PortNews::Shed { frames: u64::MAX })).unwrap();
        }
        w.frame(&frame(2, 1), b"b", None).unwrap();
    });
    let mut replay = Replay::from_bytes(wild, ReplayOptions::default()).unwrap();
    let mut block = Block::default();
    let (mut lost, mut count) = (0u64, 0);
    while replay.fill(&mut block) == Fill::Frames {
        for n in &block.notices {
            count += 1;
            assert!(n.ts >= Timestamp::new(T, 0) && n.ts <= Timestamp::new(T + 3602, 0), "{n:?}");
            lost += match n.news {
                PortNews::Dropped { kernel, card } => kernel + card,
                PortNews::Shed { frames } => frames,
                _ => 0,
            };
        }
    }
    assert!(lost <= 1 << 50 && count <= 1024, "{lost} {count}");
}

#[test]
fn from_and_to_hold_for_news() {
    let bytes = write(|w| {
        for n in 0..4 {
            w.notice(&notice(n, PortNews::Dropped { kernel: 1 << n, card: 0 })).unwrap();
            w.frame(&frame(u64::from(n), 1), b"a", None).unwrap();
        }
    });
    let options = ReplayOptions { from: Some(Timestamp::new(T + 1, 0)), to: Some(Timestamp::new(T + 3, 0)), filter: None };
    let mut replay = Replay::from_bytes(bytes, options).unwrap();
    let (mut block, mut got) = (Block::default(), Vec::new());
    while replay.fill(&mut block) == Fill::Frames {
        got.extend(block.notices.iter().map(|n| n.news));
    }
    assert_eq!(got, [PortNews::Dropped { kernel: 2, card: 0 }, PortNews::Dropped { kernel: 4, card: 0 }]);
}

/// The tools that people will open it with find nothing to complain of.
#[test]
fn wiresharks_tools_read_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.pcapng");
    let bytes = write(|w| {
        w.describe(3, Linktype::Ethernet, "span0").unwrap();
        w.frame(&frame(1, 4), b"abcd", Some("F000001 smb-fanout")).unwrap();
        w.notice(&notice(1, PortNews::Dropped { kernel: 5, card: 2 })).unwrap();
        w.notice(&notice(1, PortNews::Down)).unwrap();
        w.frame(&frame(2, 3), b"abc", None).unwrap();
    });
    std::fs::write(&path, bytes).unwrap();
    let run = |tool: &str, args: &[&str]| std::process::Command::new(tool).args(args).arg(&path).output();
    let Ok(info) = run("capinfos", &["-M"]) else {
        eprintln!("capinfos is not installed: not checked");
        return;
    };
    let text = String::from_utf8_lossy(&info.stdout);
    assert!(info.status.success() && text.contains("Number of packets:   2") && text.contains("span0"), "{text}");
    let fields = run("tshark", &["-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len", "-e", "frame.comment", "-r"]).unwrap();
    let text = String::from_utf8_lossy(&fields.stdout);
    assert!(text.starts_with(&format!("{}.000000001\t11\tF000001 smb-fanout\n", T + 1)), "{text} {}", String::from_utf8_lossy(&fields.stderr));
}
