//! Flow table and flow state: `cargo bench --bench flow`. Hits are spread over all flows, so the larger tables miss the caches.

use divan::Bencher;
use divan::counter::ItemsCount;
use spanward::base::{Addr, FlowKey, KeyedHash, Mac, Timestamp, mix64};
use spanward::flow::{Flow, FlowTable, community_id};
use spanward::wire::{Kind, Packet, tcp};
use std::hint::black_box;

/// Packets of one pass.
const PACKETS: usize = 1024;

/// The packet of flow `n`: hosts of 10/8 to 256 servers.
fn packet(hash: &KeyedHash, n: u64, flags: u8) -> (Packet, FlowKey, bool) {
    let (a, b) = (0x0a00_0000 | (n >> 4) as u32 & 0xff_ffff, 0xc0a8_0000 | (n & 255) as u32);
    let mut p = Packet { ts: Timestamp(1_795_255_200_000_000_000 + n), number: n + 1, kind: Kind::Tcp, proto: 6, ..Packet::default() };
    (p.src, p.dst, p.sport, p.dport) = (Addr::v4(a), Addr::v4(b), 40_000 + (n & 15) as u16, 445);
    (p.tcp_flags, p.ip_len) = (flags, 60);
    let (key, src_is_a) = p.key();
    p.hash = hash.hash1(mix64(key.a.0 as u64) ^ mix64(key.b.0 as u64 ^ 1) ^ mix64(u64::from(key.a_port) << 16 | u64::from(key.b_port)));
    (p, key, src_is_a)
}

fn table(flows: u64, hash: &KeyedHash) -> FlowTable {
    let mut t = FlowTable::new(flows as usize + PACKETS);
    for n in 0..flows {
        let (p, key, side) = packet(hash, n, tcp::SYN);
        t.insert(p.hash, Flow::begin(key, side, &p, || (false, false)));
    }
    t
}

#[divan::bench(args = [1_000, 64_000, 1_000_000])]
fn find_and_update(bencher: Bencher<'_, '_>, flows: u64) {
    let hash = KeyedHash::new(1);
    let mut t = table(flows, &hash);
    let packets: Vec<_> = (0..PACKETS as u64).map(|i| packet(&hash, mix64(i) % flows, tcp::ACK)).collect();
    bencher.counter(ItemsCount::new(PACKETS)).bench_local(|| {
        let mut found = 0usize;
        for (p, key, side) in &packets {
            if let Some(f) = t.find(p.hash, key).and_then(|at| t.get_mut(at)) {
                black_box(f.update(*side, p, || Mac::ZERO));
                found += 1;
            }
        }
        assert_eq!(found, PACKETS);
    });
}

#[divan::bench(args = [1_000, 1_000_000])]
fn begin_and_end(bencher: Bencher<'_, '_>, flows: u64) {
    let hash = KeyedHash::new(1);
    let mut t = table(flows, &hash);
    let packets: Vec<_> = (0..PACKETS as u64).map(|i| packet(&hash, flows + i, tcp::SYN)).collect();
    bencher.counter(ItemsCount::new(PACKETS)).bench_local(|| {
        let at: Vec<_> = packets.iter().map(|(p, key, side)| t.insert(p.hash, Flow::begin(*key, *side, p, || (false, false)))).collect();
        at.into_iter().flatten().filter(|at| t.remove(*at).is_some()).count()
    });
    assert_eq!(t.len() as u64, flows);
}

#[divan::bench]
fn write_community_id(bencher: Bencher<'_, '_>) {
    let hash = KeyedHash::new(1);
    let (p, key, side) = packet(&hash, 7, tcp::SYN);
    let tuple = Flow::begin(key, side, &p, || (false, false)).tuple();
    bencher.bench_local(|| community_id(black_box(&tuple)));
}

fn main() {
    divan::main();
}
