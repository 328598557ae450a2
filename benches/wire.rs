//! Decoding a block of frames that lies in the cache: `cargo bench --bench wire`.
//!
//! Instructions per packet, start-up cancelled out: run the bench binary under `valgrind --tool=callgrind` with `WIRE_PASSES=plain:100` and again
//! with `WIRE_PASSES=plain:300`; the difference of the two totals divided by 200 passes and [`FRAMES`] frames. Mixes: `plain`, `tagged`, `six`,
//! `wrapped`, and `slow` (the plain mix without the fast path).

use divan::Bencher;
use divan::counter::ItemsCount;
use spanward::base::{KeyedHash, Timestamp};
use spanward::wire::{Decoder, Frame, Linktype, Packet};
use std::hint::black_box;

/// Frames of one pass.
const FRAMES: usize = 1000;

/// A TCP or UDP packet between two of many hosts, with a payload of some size.
fn ip(i: usize, six: bool) -> Vec<u8> {
    let is_tcp = i % 10 < 8;
    let body = vec![0x5a; [0, 0, 120, 700, 1400][i % 5]];
    let (sport, dport) = ((40_000 + i % 9_000) as u16, [443u16, 445, 3389, 80][i % 4]);
    let mut l4 = [sport.to_be_bytes(), dport.to_be_bytes()].concat();
    if is_tcp {
        l4.extend([0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 1, 0, 0, 0, 0, 0]);
    } else {
        l4.extend((8 + body.len() as u16).to_be_bytes());
        l4.extend([0, 0]);
    }
    l4.extend(body);
    let (proto, a, b) = (if is_tcp { 6 } else { 17 }, (i % 250) as u8, (i % 7) as u8);
    let len = l4.len() as u16;
    let mut out = if six {
        let mut h = vec![0x60, 0, 0, 0];
        h.extend(len.to_be_bytes());
        h.extend([proto, 64]);
        h.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, a, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, b]);
        h
    } else {
        let mut h = vec![0x45, 0];
        h.extend((20 + len).to_be_bytes());
        h.extend([i as u8, 1, 0x40, 0, 64, proto, 0, 0, 10, 0, 1, a, 10, 0, 2, b]);
        h
    };
    out.extend(l4);
    out
}

fn ethernet(tag: Option<u16>, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    if let Some(id) = tag {
        out.extend([0x81, 0]);
        out.extend(id.to_be_bytes());
    }
    out.extend(ethertype.to_be_bytes());
    out.extend(payload);
    out
}

/// GRE, VXLAN and double tags in turn.
fn wrapped(i: usize) -> Vec<u8> {
    let inner = ip(i, false);
    match i % 3 {
        0 => ethernet(Some(10), 0x8100, &[&[0, 20, 8, 0], inner.as_slice()].concat()),
        1 => {
            let len = (24 + inner.len() as u16).to_be_bytes();
            let header = [0x45, 0, len[0], len[1], 0, 1, 0, 0, 64, 47, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0, 0, 8, 0];
            ethernet(None, 0x0800, &[header.as_slice(), &inner].concat())
        }
        _ => {
            let frame = ethernet(None, 0x0800, &inner);
            let udp = (16 + frame.len() as u16).to_be_bytes();
            let len = (36 + frame.len() as u16).to_be_bytes();
            let header = [0x45, 0, len[0], len[1], 0, 1, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
            let tunnel = [0xc0, 1, 0x12, 0xb5, udp[0], udp[1], 0, 0, 8, 0, 0, 0, 0, 0, 1, 0];
            ethernet(None, 0x0800, &[header.as_slice(), &tunnel, &frame].concat())
        }
    }
}

fn block(mix: &str) -> (Vec<u8>, Vec<Frame>) {
    let (mut buf, mut frames) = (Vec::new(), Vec::new());
    for i in 0..FRAMES {
        let bytes = match mix {
            "tagged" => ethernet(Some((i % 40) as u16 + 1), 0x0800, &ip(i, false)),
            "six" => ethernet(None, 0x86dd, &ip(i, true)),
            "wrapped" => wrapped(i),
            _ => ethernet(None, 0x0800, &ip(i, false)),
        };
        let (off, len) = (buf.len() as u32, bytes.len() as u32);
        buf.extend(bytes);
        let number = i as u64 + 1;
        let linktype = Linktype::Ethernet;
        frames.push(Frame { ts: Timestamp(number), number, off, cap_len: len, orig_len: len, iface: 0, linktype, admitted: true });
    }
    (buf, frames)
}

/// One pass over a block.
#[inline(never)]
fn pass(decoder: &mut Decoder, buf: &mut Vec<u8>, frames: &[Frame], out: &mut Vec<Packet>, is_slow: bool) {
    out.clear();
    for f in frames {
        if is_slow {
            decoder.decode_slowly(buf, f, out);
        } else {
            decoder.decode(buf, f, out);
        }
    }
}

#[divan::bench(args = ["plain", "tagged", "six", "wrapped", "slow"])]
fn decode(bencher: Bencher<'_, '_>, mix: &str) {
    let (mut buf, frames) = block(mix);
    let (mut decoder, mut out) = (Decoder::new(KeyedHash::new(1)), Vec::with_capacity(2 * FRAMES));
    bencher.counter(ItemsCount::new(FRAMES)).bench_local(|| {
        pass(&mut decoder, &mut buf, black_box(&frames), &mut out, mix == "slow");
        out.len()
    });
}

fn main() {
    let Ok(order) = std::env::var("WIRE_PASSES") else { return divan::main() };
    let (mix, n) = order.split_once(':').unwrap_or((order.as_str(), "1"));
    let (mut buf, frames) = block(mix);
    let (mut decoder, mut out) = (Decoder::new(KeyedHash::new(1)), Vec::with_capacity(2 * FRAMES));
    for _ in 0..n.parse::<u32>().unwrap_or(1) {
        pass(&mut decoder, &mut buf, black_box(&frames), &mut out, mix == "slow");
    }
    println!("{} packets", out.len());
}
