//! Replay as a whole: formats, damage, compression, merging, directories, filters.

use super::testfile::{Ng, Pcap, pcap};
use super::*;
use crate::base::Timestamp;
use crate::wire::{Linktype, Weird};
use std::io::{Cursor, Read, Write};
use std::path::PathBuf;

const T: u32 = 1_795_255_200;
const A: &[u8] = b"the first packet";
const B: &[u8] = b"a second, longer packet";

/// A delivered frame: time in ns, bytes, interface, orig_len, admitted.
type Got = (u64, Vec<u8>, u16, u32, bool);

struct Run {
    got: Vec<Got>,
    links: Vec<Linktype>,
    faults: Vec<String>,
    weirds: Vec<Weird>,
    replay: Replay,
}

fn drain(mut replay: Replay) -> Run {
    let (mut got, mut links, mut weirds) = (Vec::new(), Vec::new(), Vec::new());
    let mut block = Block::default();
    let mut number = 0;
    while replay.fill(&mut block) == Fill::Frames {
        assert!(!block.frames.is_empty() && block.frames.len() <= 1024);
        for f in &block.frames {
            number += 1;
            assert_eq!(f.number, number);
            assert_eq!(block.bytes(f).len(), f.cap_len as usize);
            got.push((f.ts.0, block.bytes(f).to_vec(), f.iface, f.orig_len, f.admitted));
            links.push(f.linktype);
        }
        weirds.extend(replay.weirds());
    }
    assert_eq!(replay.fill(&mut block), Fill::End);
    let faults = replay.faults().iter().map(ToString::to_string).collect();
    Run { got, links, faults, weirds, replay }
}

fn bytes(file: &[u8]) -> Run {
    drain(Replay::from_bytes(file.to_vec(), ReplayOptions::default()).unwrap())
}

fn readers(files: &[Vec<u8>], options: ReplayOptions) -> Run {
    let readers = files.iter().enumerate().map(|(i, f)| (format!("f{i}"), Box::new(Cursor::new(f.clone())) as Box<dyn Read + Send>));
    drain(Replay::from_readers(readers.collect(), options).unwrap())
}

fn paths(paths: &[PathBuf]) -> Run {
    drain(Replay::open(paths, ReplayOptions::default()).unwrap())
}

fn ns(secs: u32, nanos: u64) -> u64 {
    u64::from(secs) * 1_000_000_000 + nanos
}

#[test]
fn classic_captures_in_every_dress_read_the_same() {
    for (magic, unit) in [(0xa1b2c3d4u32, 1000), (0xa1b23c4d, 1), (0xa1b2cd34, 1000)] {
        for big in [false, true] {
            let run = bytes(&Pcap { magic, big, micros: 7, ..Pcap::default() }.build(&[(T, A), (T + 1, B)]));
            let want =
                vec![(ns(T, 7 * unit), A.to_vec(), 0, A.len() as u32 + 4, true), (ns(T + 1, 7 * unit), B.to_vec(), 0, B.len() as u32 + 4, true)];
            assert_eq!(run.got, want, "{magic:x} {big}");
            assert_eq!(run.faults, Vec::<String>::new());
        }
    }
}

#[test]
fn lengths_the_other_way_round_before_version_2_4() {
    let mut file = Pcap { minor: 2, ..Pcap::default() }.build(&[(T, A)]);
    file[32..40].rotate_left(4);
    assert_eq!(bytes(&file).got[0].1, A);
}

#[test]
fn a_captured_length_above_the_wire_length_is_kept_and_the_wire_length_raised() {
    let mut file = pcap(1, &[(T, A)]);
    file[36..40].copy_from_slice(&3u32.to_le_bytes());
    let run = bytes(&file);
    assert_eq!((run.got[0].1.as_slice(), run.got[0].3), (A, A.len() as u32));
}

#[test]
fn pcapng_in_both_byte_orders_with_all_packet_blocks() {
    for big in [false, true] {
        let offset = if big { 3600i64.to_be_bytes() } else { 3600i64.to_le_bytes() };
        let nano = |n: u64| u64::from(T) * 1_000_000_000 + n;
        let file = Ng::new(big)
            .interface(1, 0, &[(2, b"eth0"), (9, &[9])])
            .interface(113, 0, &[(9, &[0x80 | 20])])
            .interface(101, 0, &[(14, &offset)])
            .block(0x0bad_beef, b"an unknown block")
            .enhanced(0, nano(5), A)
            .enhanced(1, (u64::from(T) << 20) + (1 << 19), B)
            .enhanced(2, u64::from(T - 3600) * 1_000_000 + 600_000, B)
            .obsolete(0, nano(700_000_000), A)
            .simple(A.len() as u32, A)
            .out;
        let run = bytes(&file);
        let times: Vec<u64> = run.got.iter().map(|g| g.0).collect();
        assert_eq!(times, [5, 500_000_000, 600_000_000, 700_000_000, 700_000_000].map(|n| ns(T, n)), "{big}");
        assert_eq!(run.got.iter().map(|g| g.2).collect::<Vec<_>>(), [0, 1, 2, 0, 0]);
        assert_eq!(run.links, [Linktype::Ethernet, Linktype::Sll, Linktype::Raw, Linktype::Ethernet, Linktype::Ethernet]);
        assert_eq!(run.replay.interfaces()[0].name, "capture:eth0");
        assert!(run.faults.is_empty(), "{:?}", run.faults);
    }
}

#[test]
fn a_simple_packet_is_cut_at_the_interfaces_snap_length() {
    let run = bytes(&Ng::new(false).interface(1, 8, &[]).simple(100, &A[..8]).out);
    assert_eq!((run.got[0].1.as_slice(), run.got[0].3), (&A[..8], 100));
}

#[test]
fn sections_may_change_byte_order_and_keep_their_interface() {
    let mut file = Ng::new(false).interface(1, 0, &[]).enhanced(0, u64::from(T) * 1_000_000, A).out;
    file.extend(
        Ng::new(true)
            .interface(1, 0, &[])
            .interface(127, 0, &[])
            .enhanced(0, u64::from(T) * 1_000_000, B)
            .enhanced(1, u64::from(T) * 1_000_000, B)
            .out,
    );
    let run = bytes(&file);
    assert_eq!(run.got.iter().map(|g| g.2).collect::<Vec<_>>(), [0, 0, 1]);
    let weird = run.weirds.first().unwrap();
    assert_eq!((run.weirds.len(), weird.name, weird.number, weird.offset), (1, "unknown_linktype", 3, 127));
}

#[test]
fn odd_time_resolutions_never_overflow() {
    for resol in 0..=255u8 {
        let run = bytes(&Ng::new(false).interface(1, 0, &[(9, &[resol]), (14, &i64::MIN.to_le_bytes())]).enhanced(0, u64::MAX, A).out);
        assert_eq!((run.got.len(), run.faults.len()), (1, 0));
    }
}

#[test]
fn damage_names_file_place_and_reason() {
    let mut file = pcap(1, &[(T, A), (T, B), (T, A)]);
    let third = file.len() - A.len() - 16;
    file[third + 8..third + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    let run = bytes(&file);
    assert_eq!(run.got.len(), 2);
    let want =
        format!("capture: damaged at byte {third} (record 3): packet length 4294967295 is larger than 262144; the 2 packets before it were analysed");
    assert_eq!(run.faults, [want]);
    assert_eq!((run.replay.faults()[0].frames, run.replay.faults()[0].offset), (2, third as u64));
}

#[test]
fn pcapng_damage_is_found() {
    let good = || Ng::new(false).interface(1, 0, &[]).enhanced(0, u64::from(T) * 1_000_000, A);
    let end = good().out.len();
    let broken = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut file = good().enhanced(0, u64::from(T) * 1_000_000, B).out;
        change(&mut file);
        let run = bytes(&file);
        assert_eq!(run.got.len(), 1);
        run.faults.join("|")
    };
    let at = |file: &mut Vec<u8>, offset: usize, v: u32| file[offset..offset + 4].copy_from_slice(&v.to_le_bytes());
    for (offset, value, message) in [
        (4, 0xffff_fff0, "block length 4294967280 is larger than 16777216"),
        (4, 31, "block length 31 is not a multiple of 4 that is at least 32"),
        (4, 0, "block length 0 is not a multiple of 4 that is at least 32"),
        (8, 7, "packet of interface 7, but 1 interfaces were described"),
        (20, 25, "packet length 25 in a block that has room for 24"),
        (20, u32::MAX, "packet length 4294967295 in a block that has room for 24"),
        (52, 60, "block length 56 at its start, but 60 at its end"),
        (4, 100_000, "the file ends after 56 of the 100000 bytes of this record"),
    ] {
        let got = broken(&|f| at(f, end + offset, value));
        let want = format!("capture: damaged at byte {end} (record 4): {message}; the one packet before it was analysed");
        assert_eq!(got, want);
    }
}

#[test]
fn what_is_no_capture_is_told() {
    assert_eq!(bytes(b"").faults, ["capture is empty; a pcap or pcapng capture was expected"]);
    assert_eq!(bytes(b"hello, world").faults, ["capture is no capture but text; pcap or pcapng was expected, plain or packed with gzip or zstd"]);
    assert!(bytes(b"%PDF-1.7").faults[0].contains("but a PDF document;"));
    assert!(bytes(b"\x00\x01\x02").faults[0].contains("but something that begins with 00 01 02;"));
    assert_eq!(bytes(b"ab").faults.len(), 1);
    let mut future = pcap(1, &[(T, A)]);
    future[4] = 9;
    assert_eq!(bytes(&future).faults, ["capture: damaged at byte 0 (record 1): format version 9.4, 2.4 was expected; no packet stands before it"]);
    let run = paths(&[PathBuf::from("/nonexistent/x.pcap")]);
    assert_eq!(run.faults, ["/nonexistent/x.pcap cannot be opened: No such file or directory"]);
}

#[test]
fn a_file_cut_anywhere_yields_its_beginning() {
    let nano = u64::from(T) * 1_000_000;
    let files = [
        pcap(1, &[(T, A), (T + 1, B), (T + 2, A)]),
        Pcap { big: true, magic: 0xa1b2cd34, ..Pcap::default() }.build(&[(T, A), (T + 1, B)]),
        Ng::new(false).interface(1, 0, &[(2, b"eth0")]).enhanced(0, nano, A).simple(5, &A[..5]).obsolete(0, nano, B).section().out,
        Ng::new(true).interface(1, 0, &[(9, &[9])]).enhanced(0, nano, A).block(77, b"x").enhanced(0, nano, B).out,
    ];
    for file in files {
        let whole = bytes(&file);
        assert!(whole.faults.is_empty());
        for cut in 0..file.len() {
            let run = bytes(&file[..cut]);
            assert_eq!(run.got[..], whole.got[..run.got.len()], "cut at {cut}");
            assert!(run.faults.len() <= 1);
        }
    }
}

#[test]
fn flipped_bits_never_hurt() {
    let nano = u64::from(T) * 1_000_000;
    let files = [
        pcap(1, &[(T, A), (T + 1, B), (T + 2, A)]),
        Ng::new(false).interface(1, 0, &[(9, &[6])]).enhanced(0, nano, A).simple(5, &A[..5]).obsolete(0, nano, B).out,
    ];
    let mut seed = 0x2545_f491_4f6c_dd1du64;
    for i in 0..20_000 {
        let mut file = files[i % 2].clone();
        for _ in 0..1 + i % 4 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let bit = seed as usize % (file.len() * 8);
            file[bit / 8] ^= 1 << (bit % 8);
        }
        let run = bytes(&file);
        assert!(run.got.len() <= 8 && run.got.windows(2).all(|w| w[0].0 <= w[1].0));
    }
}

/// Delivers a few bytes at a time, as a slow pipe does.
struct Drip(Cursor<Vec<u8>>, usize);
impl Read for Drip {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let n = self.1.min(buf.len());
        self.0.read(&mut buf[..n])
    }
}

#[test]
fn a_pipe_that_drips_reads_the_same() {
    let packets: Vec<(u32, &[u8])> = (0..500).map(|i| (T + i, if i % 3 == 0 { A } else { B })).collect();
    let file = pcap(1, &packets);
    let whole = bytes(&file).got;
    for step in [1, 7, 16, 1000] {
        let drip: Box<dyn Read + Send> = Box::new(Drip(Cursor::new(file.clone()), step));
        let run = drain(Replay::from_readers(vec![("-".into(), drip)], ReplayOptions::default()).unwrap());
        assert_eq!(run.got, whole);
    }
}

#[test]
fn big_records_and_long_files_cross_blocks() {
    let big = vec![7u8; 200_000];
    let packets: Vec<(u32, &[u8])> = (0..3000).map(|i| (T + i, if i % 500 == 3 { big.as_slice() } else { A })).collect();
    let run = bytes(&pcap(1, &packets));
    assert_eq!(run.got.len(), 3000);
    for (i, g) in run.got.iter().enumerate() {
        assert_eq!((g.0, g.1.len()), (ns(T + i as u32, 0), packets[i].1.len()));
    }
    let huge = vec![9u8; 5 << 20];
    let run = bytes(&Pcap { snaplen: 1 << 30, ..Pcap::default() }.build(&[(T, A), (T, &huge), (T, B)]));
    assert_eq!(run.got.iter().map(|g| g.1.len()).collect::<Vec<_>>(), [A.len(), 5 << 20, B.len()]);
}

#[test]
fn a_lying_length_does_not_size_the_buffer() {
    let mut file = Pcap { snaplen: u32::MAX, ..Pcap::default() }.build(&[(T, A), (T, B)]);
    let at = file.len() - B.len() - 8;
    file[at..at + 4].copy_from_slice(&(16u32 << 20).to_le_bytes());
    let mut replay = Replay::from_bytes(file, ReplayOptions::default()).unwrap();
    let mut block = Block::default();
    while replay.fill(&mut block) == Fill::Frames {}
    assert!(block.buf.capacity() <= 1 << 20 && replay.faults().len() == 1);
}

#[test]
fn gzip_and_zstd_are_known_by_content() {
    let file = pcap(1, &[(T, A), (T + 1, B)]);
    let whole = bytes(&file).got;
    let gz = |b: &[u8]| {
        let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        e.write_all(b).unwrap();
        e.finish().unwrap()
    };
    let two_members = [gz(&file[..50]), gz(&file[50..])].concat();
    for packed in [gz(&file), two_members, zstd::encode_all(&file[..], 1).unwrap()] {
        let run = bytes(&packed);
        assert_eq!((run.got, run.faults.len()), (whole.clone(), 0));
    }
    assert!(bytes(&gz(b"no capture at all")).faults[0].contains("is no capture"));
}

#[test]
fn a_compressed_file_cut_in_the_middle_yields_its_beginning() {
    let noise: Vec<u8> = (0..90_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let packets: Vec<(u32, &[u8])> = noise.chunks(900).map(|c| (T, c)).collect();
    let file = pcap(1, &packets);
    let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    e.write_all(&file).unwrap();
    for packed in [e.finish().unwrap(), zstd::encode_all(&file[..], 1).unwrap()] {
        let run = bytes(&packed[..packed.len() * 2 / 3]);
        assert!(run.faults.len() == 1 && run.got.len() < 100, "{:?}", run.faults);
        for (g, p) in run.got.iter().zip(&packets) {
            assert_eq!(g.1, p.1);
        }
        let mut broken = packed.clone();
        broken[20_000.min(packed.len() / 2)] ^= 0x55;
        assert!(bytes(&broken).faults.len() <= 1);
    }
}

#[test]
fn a_compressed_bomb_streams_by() {
    // 256 MiB of one endless pcapng of unknown blocks, and of zeros: no memory, no time.
    let block = Ng::default().block(99, &[0; 65_524]).out;
    let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    e.write_all(&Ng::new(false).out).unwrap();
    for _ in 0..512 {
        e.write_all(&block).unwrap();
    }
    let mut replay = Replay::from_bytes(e.finish().unwrap(), ReplayOptions::default()).unwrap();
    let mut b = Block::default();
    assert_eq!(replay.fill(&mut b), Fill::End);
    assert!(replay.faults().is_empty() && b.buf.capacity() < 1 << 20);
}

#[test]
fn files_are_merged_by_time_and_equals_keep_the_order_of_the_command_line() {
    let one = pcap(1, &[(T, b"a0"), (T + 2, b"a2"), (T + 2, b"a2b"), (T + 9, b"a9")]);
    let two = pcap(1, &[(T + 2, b"b2"), (T + 3, b"b3")]);
    let three = pcap(113, &[(T + 1, b"c1"), (T + 2, b"c2")]);
    let order = |run: Run| run.got.iter().map(|g| String::from_utf8(g.1.clone()).unwrap()).collect::<Vec<_>>();
    assert_eq!(
        order(readers(&[one.clone(), two.clone(), three.clone()], ReplayOptions::default())),
        ["a0", "c1", "a2", "a2b", "b2", "c2", "b3", "a9"]
    );
    assert_eq!(order(readers(&[three, two, one], ReplayOptions::default())), ["a0", "c1", "c2", "b2", "a2", "a2b", "b3", "a9"]);
}

#[test]
fn rotated_files_share_an_interface_and_overlapping_ones_do_not() {
    let (early, late) = (pcap(1, &[(T, A), (T + 5, A)]), pcap(1, &[(T + 6, B)]));
    let run = readers(&[late.clone(), early.clone()], ReplayOptions::default());
    assert_eq!(run.got.iter().map(|g| (g.1.as_slice(), g.2)).collect::<Vec<_>>(), [(A, 0), (A, 0), (B, 0)]);
    let run = readers(&[early, pcap(1, &[(T + 1, B)]), late, pcap(0, &[(T + 7, B)])], ReplayOptions::default());
    assert_eq!(run.got.iter().map(|g| g.2).collect::<Vec<_>>(), [0, 1, 0, 0, 2]);
}

/// Merging must not depend on how many files there are, how long they are or where blocks end.
#[test]
fn merging_long_files_equals_sorting() {
    let mut want = Vec::new();
    let mut files = Vec::new();
    for f in 0..5u32 {
        let bodies: Vec<(u32, Vec<u8>)> = (0..2000u32).map(|i| (T + f * 900 + i + i * f / 3, format!("{f}:{i}").into_bytes())).collect();
        want.extend(bodies.iter().map(|(t, b)| (*t, f, b.clone())));
        files.push(pcap(1, &bodies.iter().map(|(t, b)| (*t, b.as_slice())).collect::<Vec<_>>()));
    }
    want.sort_by_key(|w| (w.0, w.1));
    let run = readers(&files, ReplayOptions::default());
    assert!(run.got.iter().map(|g| &g.1).eq(want.iter().map(|w| &w.2)));
}

#[test]
fn one_broken_file_does_not_keep_the_others() {
    let broken = pcap(1, &[(T + 1, A), (T + 3, A)]);
    let run = readers(&[broken[..broken.len() - 1].to_vec(), b"rubbish".to_vec(), pcap(1, &[(T, B), (T + 2, B)])], ReplayOptions::default());
    assert_eq!((run.got.len(), run.faults.len()), (3, 2));
}

#[test]
fn directories_are_searched_and_what_is_no_capture_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("b")).unwrap();
    std::fs::write(dir.path().join("z.pcap"), pcap(1, &[(T, b"z")])).unwrap();
    std::fs::write(dir.path().join("b/deep.dump"), pcap(1, &[(T, b"deep")])).unwrap();
    std::fs::write(dir.path().join("notes.txt"), "words").unwrap();
    std::fs::write(dir.path().join("empty.pcap"), "").unwrap();
    std::os::unix::fs::symlink(dir.path(), dir.path().join("circle")).unwrap();
    let run = paths(&[dir.path().to_path_buf()]);
    assert_eq!(run.got.iter().map(|g| g.1.as_slice()).collect::<Vec<_>>(), [&b"deep"[..], b"z"]);
    assert_eq!((run.replay.skipped(), run.faults.len()), (2, 0));
    let (read, total) = run.replay.progress();
    assert_eq!(Some(read), total);
    let rubbish = tempfile::tempdir().unwrap();
    std::fs::write(rubbish.path().join("notes.txt"), "words").unwrap();
    assert!(paths(&[rubbish.path().to_path_buf()]).faults[0].ends_with("holds no capture file (1 other files were skipped)"));
}

#[test]
fn more_files_than_are_kept_open() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..150u32 {
        let name = dir.path().join(format!("{:03}.pcap", (i * 77) % 150));
        std::fs::write(name, pcap(1, &[(T + i * 10, A), (T + i * 10 + 12, B)])).unwrap();
    }
    let run = paths(&[dir.path().to_path_buf()]);
    assert_eq!((run.got.len(), run.faults.len()), (300, 0));
    assert!(run.got.windows(2).all(|w| w[0].0 <= w[1].0) && run.weirds.is_empty());
    assert_eq!(run.replay.interfaces().len(), 2);
}

#[test]
fn frames_outside_from_and_to_are_counted_not_admitted() {
    let file = pcap(1, &[(T, A), (T + 1, A), (T + 2, A), (T + 3, A)]);
    let options = ReplayOptions { from: Some(Timestamp::new(u64::from(T) + 1, 0)), to: Some(Timestamp::new(u64::from(T) + 3, 0)), filter: None };
    let run = readers(&[file], options);
    assert_eq!(run.got.iter().map(|g| g.4).collect::<Vec<_>>(), [false, true, true, false]);
}

#[test]
fn a_clock_in_2106_is_told_and_does_not_lead() {
    let run = bytes(&pcap(1, &[(u32::MAX, A), (T, A), (T + 1, A), (u32::MAX, A), (T + 2, B)]));
    assert_eq!(run.got.iter().map(|g| g.0 / 1_000_000_000).collect::<Vec<_>>(), [T, T, T + 1, T + 1, T + 2].map(u64::from));
    assert_eq!(run.weirds.iter().map(|w| (w.name, w.number)).collect::<Vec<_>>(), [("clock_jump", 1), ("clock_jump", 4)]);
}

#[test]
fn usage_errors_are_errors() {
    assert!(matches!(Replay::open(&[], ReplayOptions::default()), Err(OpenError::NoInput)));
    assert!(matches!(Replay::open(&["-".into(), "-".into()], ReplayOptions::default()), Err(OpenError::StdinTwice(2))));
    let options = ReplayOptions { filter: Some("icmp and and".into()), ..ReplayOptions::default() };
    let text = Replay::from_bytes(Vec::new(), options).unwrap_err().to_string();
    assert!(text.starts_with("--filter 'icmp and and': ") && text.contains("syntax error"), "{text}");
}
