//! Seeing once: a mirror port shows a routed packet twice (other VLAN, other MACs, lower TTL, microseconds later) and, in mode `both`, every
//! frame twice.
//!
//! A packet's signature is what routing does not change: addresses, ports, IP identification, sequence numbers, length and the ends of the
//! payload. A routed copy has the same signature within two milliseconds, other MACs and a lower TTL or hop limit; it is always taken out. An
//! exact copy also has the same MACs, VLAN and TTL; it is taken out only where doubling is established: on a (VLAN, MAC pair, interface) where
//! at least 95 % of the last 256 frames came twice. Before that it is only counted, because a retransmission may look the same.

use crate::base::{Span, Timestamp, mix64};
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

/// The recent packets of one shard.
#[derive(Debug)]
pub struct Copies {
    seen: Vec<Seen>,
    doubling: Vec<Doubling>,
}

const SEEN: usize = 256;
const LINKS: usize = 64;
/// Longest time between a packet and its copy: measured 1 to 34 µs on an idle mirror; a loaded switch needs more.
const WINDOW: Span = Span::millis(2);
/// First frames after which doubling on a link is judged.
const FRAMES: u16 = 256;

impl Default for Copies {
    fn default() -> Self {
        Copies { seen: vec![Seen::default(); SEEN], doubling: vec![Doubling::default(); LINKS] }
    }
}

impl Copies {
    /// Judges a packet and remembers it. `macs` are the first twelve bytes of its Ethernet header (empty without one); `ends` the first and
    /// last bytes of its payload.
    #[inline]
    pub fn judge(&mut self, p: &Packet, macs: &[u8], ends: (u64, u64)) -> Copy {
        let macs = macs.first_chunk::<12>().map_or(0, pack);
        let signature = signature(p, ends);
        let link = mix64(u64::from(macs) << 32 | u64::from(p.vlan.0[0]) << 16 | u64::from(p.iface)) as u32;
        let Some(slot) = self.seen.get_mut(signature as usize % SEEN) else { return Copy::First };
        let recent = slot.signature == signature && p.ts.since(slot.ts) <= WINDOW;
        if recent && slot.macs != macs && p.ttl < slot.ttl && p.has(flag::MAC) {
            return Copy::Routed;
        }
        if recent && slot.link == link && p.ttl == slot.ttl {
            return if self.double(link) { Copy::Exact } else { Copy::Double };
        }
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

fn pack(m: &[u8; 12]) -> u32 {
    let (a, b) = m.split_at(6);
    let num = |s: &[u8]| s.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
    mix64(num(a) << 1 ^ mix64(num(b))) as u32
}

#[inline]
fn signature(p: &Packet, ends: (u64, u64)) -> u64 {
    let a = p.hash ^ (u64::from(p.seq) << 32 | u64::from(p.ack));
    let b =
        u64::from(p.ip_id) << 48 | u64::from(p.ip_len & 0xffff) << 32 | u64::from(p.window) << 16 | u64::from(p.tcp_flags) << 8 | u64::from(p.proto);
    let direction = (p.src.0 as u64).rotate_left(17) ^ (u64::from(p.sport) << 16 | u64::from(p.dport));
    (mix64(a) ^ mix64(b ^ direction.wrapping_mul(3)).rotate_left(11) ^ mix64(ends.0 ^ ends.1.rotate_left(32)).rotate_left(23)) | 1
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

    const HOST: [u8; 12] = [0, 0, 0x0c, 0, 0, 0x10, 0, 0, 0x0e, 1, 1, 1];
    const ROUTER: [u8; 12] = [0, 5, 0x69, 1, 1, 1, 0, 0, 0x0c, 0, 0, 0x20];

    #[test]
    fn a_routed_copy_is_known_by_other_macs_and_lower_ttl_within_two_milliseconds() {
        let mut c = Copies::default();
        assert_eq!(c.judge(&packet(1, 0, 64, 10), &HOST, (0, 0)), Copy::First);
        assert_eq!(c.judge(&packet(1, 30, 63, 20), &ROUTER, (0, 0)), Copy::Routed);
        assert_eq!(c.judge(&packet(1, 2500, 63, 20), &ROUTER, (0, 0)), Copy::First);
        // traceroute: lower TTL from the same MACs is no copy
        assert_eq!(c.judge(&packet(2, 3000, 2, 10), &HOST, (0, 0)), Copy::First);
        assert_eq!(c.judge(&packet(2, 3010, 1, 10), &HOST, (0, 0)), Copy::First);
    }

    #[test]
    fn doubles_are_kept_until_doubling_is_established() {
        let mut c = Copies::default();
        let mut exact = 0;
        for n in 0..600 {
            let t = u64::from(n) * 5000;
            assert_eq!(c.judge(&packet(n, t, 64, 10), &HOST, (0, 0)), Copy::First);
            match c.judge(&packet(n, t + 3, 64, 10), &HOST, (0, 0)) {
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
            c.judge(&packet(n, t, 64, 10), &HOST, (0, 0));
            if n % 10 == 0 {
                assert_eq!(c.judge(&packet(n, t + 900, 64, 10), &HOST, (0, 0)), Copy::Double);
            }
        }
    }
}
