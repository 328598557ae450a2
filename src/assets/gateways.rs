//! How a MAC shows that it forwards for others: it sends for addresses that are not its own.

use crate::base::Addr;

/// Distinct internet sources behind one MAC that make it a gateway. One could be a host's own public address.
const PUBLIC: usize = 2;
/// Distinct IPv4 /24 networks of sources never claimed by the MAC. Two could be a host with a second address.
const NETS_V4: usize = 3;
/// Distinct IPv6 /64 networks: a host has a link-local, a unique-local and a few global ones by itself.
const NETS_V6: usize = 5;
/// Distinct IPv4 sources never claimed: more virtual addresses than a server has.
const HOSTS_V4: usize = 8;
/// Distinct sources whose time to live shows that a router was passed.
const ROUTED: usize = 2;

/// Evidence against one MAC, bounded by the thresholds themselves.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Sources {
    public: Vec<Addr>,
    nets: Vec<u128>,
    hosts: Vec<Addr>,
    routed: Vec<Addr>,
    /// Addresses bound by frames alone: withdrawn when the MAC proves a gateway.
    pub(super) weak: Vec<Addr>,
    /// Addresses claimed by answers only: a proxy answers for many.
    pub(super) answered: Vec<Addr>,
}

/// Adds to a small set; returns its size.
fn add<T: PartialEq>(set: &mut Vec<T>, x: T, cap: usize) -> usize {
    if set.len() < cap && !set.contains(&x) {
        set.push(x);
    }
    set.len()
}

/// A time to live that no system starts with: one to three below 64, 128 or 255.
fn has_passed_a_router(ttl: u8) -> bool {
    matches!(ttl, 61..=63 | 125..=127 | 252..=254)
}

impl Sources {
    /// An internet source; true when the MAC is a gateway by that.
    pub(super) fn public(&mut self, a: Addr) -> bool {
        add(&mut self.public, a, PUBLIC) >= PUBLIC
    }
    /// An inside source that the MAC never claimed; true when the MAC is a gateway by that.
    pub(super) fn unclaimed(&mut self, a: Addr, ttl: u8) -> bool {
        let v4 = a.is_v4();
        let net = a.0 >> if v4 { 8 } else { 64 };
        add(&mut self.nets, net, NETS_V4 + NETS_V6);
        let same_family = |n: &&u128| (**n >> 24 == 0xffff) == v4;
        let nets = self.nets.iter().filter(same_family).count();
        let hosts = if v4 { add(&mut self.hosts, a, HOSTS_V4) } else { 0 };
        let routed = if has_passed_a_router(ttl) { add(&mut self.routed, a, ROUTED) } else { 0 };
        nets >= if v4 { NETS_V4 } else { NETS_V6 } || hosts >= HOSTS_V4 || routed >= ROUTED
    }
    /// The MAC claimed an address by itself: it no longer speaks for another.
    pub(super) fn claimed(&mut self, a: Addr) {
        self.hosts.retain(|x| *x != a);
        self.routed.retain(|x| *x != a);
        self.public.retain(|x| *x != a);
        self.weak.retain(|x| *x != a);
    }
    /// Bound by a frame; the oldest leaves at the cap.
    pub(super) fn bound(&mut self, a: Addr) {
        if !self.weak.contains(&a) {
            if self.weak.len() >= super::Device::MAX_ADDRS {
                self.weak.remove(0);
            }
            self.weak.push(a);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a(s: &str) -> Addr {
        s.parse().unwrap()
    }

    #[test]
    fn routers_show_themselves_and_servers_do_not() {
        let mut r = Sources::default();
        assert!(!r.unclaimed(a("10.0.1.5"), 64) && !r.unclaimed(a("10.0.2.5"), 64) && r.unclaimed(a("10.0.3.5"), 64));
        let mut r = Sources::default();
        assert!(!r.public(a("203.0.113.1")) && !r.public(a("203.0.113.1")) && r.public(a("203.0.113.2")));
        let mut r = Sources::default();
        assert!(!r.unclaimed(a("10.0.1.5"), 63) && r.unclaimed(a("10.0.1.6"), 127));
        let mut server = Sources::default();
        for i in 1..8u32 {
            assert!(!server.unclaimed(Addr::v4(0x0a00_0000 + i), 64));
        }
        let mut host = Sources::default();
        for s in ["fe80::1", "fd00::5", "2001:db8:1::5", "2001:db8:1::6", "2001:db8:2::5", "10.0.0.5", "192.168.0.5"] {
            assert!(!host.unclaimed(a(s), 64), "{s}");
        }
    }
}
