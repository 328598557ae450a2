//! Seeing once: a mirror port shows a routed packet twice (other VLAN, other MACs, lower TTL, microseconds later) and, in mode `both`, every
//! frame twice.
//!
//! A packet's signature is what routing does not change: addresses, ports, IP identification, sequence numbers, length and the ends of the
//! payload. A routed copy has the same signature within two milliseconds, other MACs and a lower TTL or hop limit; it is always taken out. An
//! exact copy also has the same MACs, VLAN and TTL; it is taken out only where doubling is established: on a (VLAN, MAC pair, interface) where
//! at least 95 % of the last 256 frames came twice. Before that it is only counted, because a retransmission may look the same.

use crate::base::{Span, Timestamp, fold};
use crate::wire::{Packet, flag};

/// What a packet is to those before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Copy {
    /// Seen for the first time.
    First,
    /// The copy that a router sent on.
    Routed,
    /// An exact copy where every frame comes twice.
    Exact,
    /// An exact copy where that is not established: to be counted and used.
    Double,
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    signature: u64,
    ts: Timestamp,
    /// MAC pair, VLAN and interface.
    link: u32,
    ttl: u8,
    macs: u32,
}

/// Doubling on one (VLAN, MAC pair, interface): judged on windows of 256 first frames.
#[derive(Clone, Copy, Debug, Default)]
struct Doubling {
    link: u32,
    firsts: u16,
    doubles: u16,
    established: bool,
}

/// Two packets that fall into the same place, in one cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Place([Seen; 2]);

/// The recent packets of one shard.
#[derive(Debug)]
pub struct Copies {
    seen: Vec<Place>,
    doubling: Vec<Doubling>,
}

/// What of a packet a copy shares; computed before the packet's turn, so that its place in memory is fetched meanwhile.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mark {
    signature: u64,
    macs: u32,
    link: u32,
}

impl Mark {
    /// Of a packet, the first twelve bytes of its Ethernet header, and the first and last bytes of its payload.
    #[inline]
    pub fn of(p: &Packet, macs: Option<&[u8; 12]>, ends: (u64, u64)) -> Mark {
        let macs = macs.map_or(0, pack);
        // Any mixing will do: what is compared is the whole number.
        let link = macs ^ (u32::from(p.vlan.0[0]) << 16 | u32::from(p.iface)).wrapping_mul(0x9e37_79b1);
        Mark { signature: signature(p, ends), macs, link }
    }
    const fn place(self) -> usize {
        (self.signature >> 32) as usize % SEEN
    }
}

/// Places of a shard; each holds two packets. At a million packets a second some thirty fall into the window of one shard.
const SEEN: usize = 64;
const LINKS: usize = 64;
/// Longest time between a packet and its copy: measured 1 to 34 µs on an idle mirror; a loaded switch needs more.
const WINDOW: Span = Span::millis(2);
/// First frames after which doubling on a link is judged.
const FRAMES: u16 = 256;

impl Default for Copies {
    fn default() -> Self {
        Copies { seen: vec![Place::default(); SEEN], doubling: vec![Doubling::default(); LINKS] }
    }
}

impl Copies {
    /// Touches what [`Copies::judge`] will want. The number means nothing.
    #[inline]
    pub fn warm(&self, mark: Mark) -> u64 {
        let link = self.doubling.get(mark.link as usize % LINKS).map_or(0, |d| u64::from(d.link));
        link ^ self.seen.get(mark.place()).map_or(0, |Place([a, _])| a.signature)
    }
    /// Judges a packet and remembers it.
    #[inline]
    pub fn judge(&mut self, p: &Packet, mark: Mark) -> Copy {
        let Mark { signature, macs, link } = mark;
        let Some(Place([a, b])) = self.seen.get_mut(mark.place()) else { return Copy::First };
        let before = match () {
            () if a.signature == signature => Some(&*a),
            () if b.signature == signature => Some(&*b),
            () => None,
        };
        if let Some(before) = before
            && p.ts.since(before.ts) <= WINDOW
        {
            if before.macs != macs && p.ttl < before.ttl && p.has(flag::MAC) {
                return Copy::Routed;
            }
            if before.link == link && p.ttl == before.ttl {
                return if self.double(link) { Copy::Exact } else { Copy::Double };
            }
        }
        // In place of itself, else of the older one.
        let slot = if a.signature == signature || b.signature != signature && a.ts <= b.ts { a } else { b };
        *slot = Seen { signature, ts: p.ts, link, ttl: p.ttl, macs };
        self.first(link);
        Copy::First
    }
    fn entry(&mut self, link: u32) -> Option<&mut Doubling> {
        let d = self.doubling.get_mut(link as usize % LINKS)?;
        if d.link != link {
            *d = Doubling { link, ..Doubling::default() };
        }
        Some(d)
    }
    fn first(&mut self, link: u32) {
        let Some(d) = self.entry(link) else { return };
        d.firsts += 1;
        if d.firsts >= FRAMES {
            d.established = u32::from(d.doubles) * 100 >= u32::from(d.firsts) * 95;
            (d.firsts, d.doubles) = (0, 0);
        }
    }
    fn double(&mut self, link: u32) -> bool {
        let Some(d) = self.entry(link) else { return false };
        d.doubles = d.doubles.saturating_add(1);
        d.established
    }
}

/// Both MACs in one number.
#[inline]
fn pack(m: &[u8; 12]) -> u32 {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *m;
    let v = fold(
        u64::from_le_bytes([a, b, c, d, e, f, g, h]) ^ 0xa076_1d64_78bd_642f,
        u64::from(u32::from_le_bytes([i, j, k, l])) ^ 0xe703_7ed1_a0b4_28db,
    );
    v as u32 ^ (v >> 32) as u32
}

/// The keyed hash of the five-tuple stands on both sides of each product: no sender knows it.
#[inline]
fn signature(p: &Packet, ends: (u64, u64)) -> u64 {
    let a = u64::from(p.seq) << 32 | u64::from(p.ack);
    let b =
        u64::from(p.ip_id) << 48 | u64::from(p.ip_len & 0xffff) << 32 | u64::from(p.window) << 16 | u64::from(p.tcp_flags) << 8 | u64::from(p.proto);
    let direction = (p.src.0 as u64).rotate_left(17) ^ (u64::from(p.sport) << 16 | u64::from(p.dport));
    let h = p.hash;
    fold(a ^ h, b ^ h.rotate_left(32)) ^ fold(ends.0 ^ direction ^ h.rotate_left(16), ends.1 ^ h.rotate_left(48)).rotate_left(32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Addr;
    use crate::wire::{Kind, Vlans};

    fn packet(n: u32, us: u64, ttl: u8, vlan: u16) -> Packet {
        Packet {
            ts: Timestamp(1_000_000_000 + us * 1000),
            src: Addr::v4(1),
            dst: Addr::v4(2),
            hash: 99,
            seq: n * 100,
            ip_id: n as u16,
            ip_len: 140,
            proto: 6,
            ttl,
            vlan: Vlans([vlan, 0]),
            kind: Kind::Tcp,
            flags: flag::MAC,
            ..Packet::default()
        }
    }

    fn judge(c: &mut Copies, p: &Packet, macs: &[u8; 12]) -> Copy {
        c.judge(p, Mark::of(p, Some(macs), (0, 0)))
    }

    const HOST: [u8; 12] = [0, 0, 0x0c, 0, 0, 0x10, 0, 0, 0x0e, 1, 1, 1];
    const ROUTER: [u8; 12] = [0, 5, 0x69, 1, 1, 1, 0, 0, 0x0c, 0, 0, 0x20];

    #[test]
    fn a_routed_copy_is_known_by_other_macs_and_lower_ttl_within_two_milliseconds() {
        let mut c = Copies::default();
        assert_eq!(judge(&mut c, &packet(1, 0, 64, 10), &HOST), Copy::First);
        assert_eq!(judge(&mut c, &packet(1, 30, 63, 20), &ROUTER), Copy::Routed);
        assert_eq!(judge(&mut c, &packet(1, 2500, 63, 20), &ROUTER), Copy::First);
        // traceroute: lower TTL from the same MACs is no copy
        assert_eq!(judge(&mut c, &packet(2, 3000, 2, 10), &HOST), Copy::First);
        assert_eq!(judge(&mut c, &packet(2, 3010, 1, 10), &HOST), Copy::First);
    }

    #[test]
    fn doubles_are_kept_until_doubling_is_established() {
        let mut c = Copies::default();
        let mut exact = 0;
        for n in 0..600 {
            let t = u64::from(n) * 5000;
            assert_eq!(judge(&mut c, &packet(n, t, 64, 10), &HOST), Copy::First);
            match judge(&mut c, &packet(n, t + 3, 64, 10), &HOST) {
                Copy::Exact => exact += 1,
                Copy::Double => assert!(n < 256),
                other => panic!("{other:?}"),
            }
        }
        assert!(exact >= 600 - 257, "{exact}");
    }

    #[test]
    fn retransmissions_within_two_milliseconds_are_no_doubling() {
        let mut c = Copies::default();
        for n in 0..2000 {
            let t = u64::from(n) * 5000;
            judge(&mut c, &packet(n, t, 64, 10), &HOST);
            if n % 10 == 0 {
                assert_eq!(judge(&mut c, &packet(n, t + 900, 64, 10), &HOST), Copy::Double);
            }
        }
    }
}
