//! An SMB-heavy capture: twenty hosts in one VLAN copy files from and to one another, message by message as SMB 3.1.1 does it. Written to FILE until
//! it has so many GiB (the same minute again and again, each time a minute later, so memory does not grow):
//!
//!   cargo bench --bench copies -- FILE GIB
//!
//! Then compare `spanward replay` on it with the mix, per byte or per packet (docs/PERFORMANCE.md).

#[path = "../tests/craft/mod.rs"]
mod craft;

use craft::net::{DAY, Host, MS, Net, S};
use craft::smb::{Logon, Smb};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::Ipv4Addr;

const HOSTS: u8 = 20;
const WHO: Logon = Logon { domain: "HILL", user: "copyist", workstation: "COPY" };
/// What each host copies in a round, in bytes: one large file in, a medium one out, and some small ones.
const LARGE: usize = 3 << 20;
const MEDIUM: usize = 1 << 20;
const SMALL: usize = 20_000;
/// A round takes less than this.
const ROUND: u64 = 60 * S;

fn host(n: u8) -> Host {
    Host { name: "COPY", mac: [0x00, 0x14, 0x22, 0x10, 0x00, n], ip: Ipv4Addr::new(10, 40, 20, 100 + n), vlan: 120, ttl: 128 }
}

/// One round: host n copies with host n + 1, n + 7 and n + 13.
fn round() -> Vec<(u64, Vec<u8>)> {
    let hosts: Vec<Host> = (0..HOSTS).map(host).collect();
    let mut net = Net::new(0x0c09_1e5d, &hosts);
    for (n, a) in hosts.iter().enumerate() {
        for (k, size) in [(1, LARGE), (7, MEDIUM), (13, SMALL)] {
            let Some(b) = hosts.get((n + k) % hosts.len()) else { continue };
            let mut s = Smb::connect(&mut net, DAY + (n as u64 * 137 + k as u64 * 11) * MS, a, b);
            s.logon(&mut net, &WHO, 0).tree(&mut net, "pool", 0);
            match size {
                LARGE => s.read(&mut net, &format!("data\\set{n:02}.bin"), size),
                MEDIUM => s.write(&mut net, &format!("in\\part{n:02}.bin"), size),
                _ => (0..12).fold(&mut s, |s, i| s.read(&mut net, &format!("doc\\{n:02}-{i:02}.txt"), size)),
            };
            s.close(&mut net);
        }
    }
    net.capture()
}

fn main() {
    // Cargo adds `--bench`.
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let [file, gib] = args.as_slice() else {
        println!("copies: FILE GIB writes an SMB-heavy capture; nothing is done without them");
        return;
    };
    let want = (gib.parse::<f64>().expect("GIB is a number") * (1u64 << 30) as f64) as u64;
    let frames = round();
    assert!(frames.last().is_some_and(|f| f.0 - DAY < ROUND), "a round must end before the next begins");
    let mut out = BufWriter::with_capacity(1 << 20, File::create(file).expect("FILE can be written"));
    let mut put = |b: &[u8]| out.write_all(b).expect("the disk takes it");
    put(&craft::pcap::file(&[]));
    let (mut written, mut packets, mut rounds) = (0u64, 0u64, 0u64);
    while written < want {
        for (ts, bytes) in &frames {
            let (ts, len) = (ts + rounds * ROUND, bytes.len() as u32);
            for word in [(ts / S) as u32, (ts % S) as u32, len, len] {
                put(&word.to_le_bytes());
            }
            put(bytes);
            written += 16 + u64::from(len);
            packets += 1;
        }
        rounds += 1;
    }
    println!("copies: {written} bytes, {packets} packets, {rounds} minutes");
}
