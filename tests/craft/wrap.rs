//! The same traffic as other mirror ports show it: in ERSPAN type II (draft-foschiano-erspan), behind a second tag, every frame twice.

use super::frame::{self, Ip};
use std::net::Ipv4Addr;

type Frames = Vec<(u64, Vec<u8>)>;

/// Each frame in GRE with ERSPAN type II, from a switch to the sensor.
pub fn erspan(frames: &Frames) -> Frames {
    let wrapped = |(i, (ts, f)): (usize, &(u64, Vec<u8>))| {
        let vlan = if f[12..14] == [0x81, 0] { u16::from_be_bytes([f[14], f[15]]) } else { 1 };
        let gre = [&[0x10, 0, 0x88, 0xbe][..], &(i as u32).to_be_bytes(), &(0x1000 | vlan).to_be_bytes(), &[0, 1, 0, 0, 0, 0], f].concat();
        let ip = Ip { src: Ipv4Addr::new(10, 40, 250, 1), dst: Ipv4Addr::new(10, 40, 250, 9), proto: 47, ttl: 255, id: i as u16 };
        let outer = frame::eth([0, 0x1b, 0x21, 0, 0x50, 9], [0, 0, 0x0c, 0x40, 0xfa, 1], None, 0x0800, &frame::ipv4(&ip, &gre));
        (*ts, outer)
    };
    frames.iter().enumerate().map(wrapped).collect()
}

/// Each frame behind a service tag (IEEE 802.1ad).
pub fn double_tagged(frames: &Frames) -> Frames {
    frames.iter().map(|(ts, f)| (*ts, [&f[..12], &[0x88, 0xa8, 0x0b, 0xb8], &f[12..]].concat())).collect()
}

/// Each frame twice, as of a port that is copied in both directions.
pub fn doubled(frames: &Frames) -> Frames {
    let mut all: Frames = frames.iter().flat_map(|(ts, f)| [(*ts, f.clone()), (ts + 2_000, f.clone())]).collect();
    all.sort_by_key(|f| f.0);
    all
}

/// Without any TCP opening, as of a capture that begins late or a port that samples: no SYN, no SYN-ACK.
pub fn without_openings(frames: &Frames) -> Frames {
    let opens = |f: &[u8]| f.len() > 51 && f[12..14] == [0x81, 0] && f[16..18] == [8, 0] && f[27] == 6 && f[18 + 20 + 13] & 2 != 0;
    frames.iter().filter(|(_, f)| !opens(f)).cloned().collect()
}
