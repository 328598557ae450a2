//! Which MAC holds which address: claims by ARP (RFC 826), neighbour discovery (RFC 4861), DHCP, link-local use, and plain frames.

use crate::base::{Addr, Mac, Span, Timestamp};
use crate::bounded::BoundedMap;

/// What a binding rests on; later is stronger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum How {
    /// The source of a frame whose sender is not known to forward.
    Frame,
    /// Said by the device itself: ARP, neighbour discovery, a link-local source.
    Claim,
    /// Leased to the device: DHCP acknowledgement for its hardware address.
    Lease,
}

/// One MAC's hold on an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hold {
    /// Who.
    pub mac: Mac,
    /// Why it is believed.
    pub how: How,
    /// When it was first claimed.
    pub since: Timestamp,
    /// Last sign of life under this address.
    pub last: Timestamp,
    /// VLAN of the last sign of life.
    pub vlan: Option<u16>,
    /// Highest time to live seen: a forwarder's is lower.
    pub ttl: u8,
}

/// An address and who holds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Binding {
    /// The holder.
    pub holder: Hold,
    /// Someone else who claims the same address while the holder is alive: the address is disputed.
    pub rival: Option<Hold>,
}

/// What a claim did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// Nothing new.
    Same,
    /// The address was free.
    New,
    /// It passed over from a MAC that had fallen silent, whose lease ended, or whose hold was weak.
    Moved(Mac),
    /// Two MACs claim it now.
    Disputed(Mac),
}

/// A holder that gave no sign of life for so long has left: whoever claims the address then took it over. Shorter, and an ARP spoofer whose
/// victim is quiet for a while owns its address; longer, and a fail-over or a re-used lease stays in doubt.
pub(super) const SILENCE: Span = Span::mins(10);

/// All bindings, capped.
#[derive(Debug)]
pub(super) struct Bindings {
    table: BoundedMap<Addr, Binding>,
}

impl Bindings {
    pub(super) fn new(cap: usize) -> Bindings {
        Bindings { table: BoundedMap::new(cap) }
    }
    pub(super) fn get(&self, a: Addr) -> Option<&Binding> {
        self.table.get(&a)
    }
    /// The MAC that holds an address beyond doubt.
    pub(super) fn owner(&self, a: Addr) -> Option<Mac> {
        self.table.get(&a).filter(|b| b.rival.is_none()).map(|b| b.holder.mac)
    }
    pub(super) fn counts(&self) -> (usize, u64) {
        (self.table.len(), self.table.evicted())
    }
    /// Puts in a binding of before a restart.
    pub(super) fn take_up(&mut self, a: Addr, b: Binding) {
        self.table.insert(a, b);
    }
    pub(super) fn iter(&self) -> impl Iterator<Item = (Addr, Binding)> {
        self.table.iter().map(|(a, b)| (*a, *b))
    }
    /// Takes back a binding that rested on frames alone.
    pub(super) fn withdraw(&mut self, a: Addr, mac: Mac) -> bool {
        let weak = self.table.get(&a).is_some_and(|b| b.holder.mac == mac && b.holder.how == How::Frame);
        weak && self.table.remove(&a).is_some()
    }
    /// Forgets a claim, whatever it rests on (a proxy's answers for others).
    pub(super) fn forget(&mut self, a: Addr, mac: Mac) {
        let Some(b) = self.table.get_mut(&a) else { return };
        if b.rival.is_some_and(|r| r.mac == mac) {
            b.rival = None;
        } else if b.holder.mac == mac {
            match b.rival.take() {
                Some(r) => b.holder = r,
                None => {
                    self.table.remove(&a);
                }
            }
        }
    }
    /// A sign of life of `mac` under `a`, if it is one of those that claim it. A holder whose rival fell silent is alone again.
    pub(super) fn alive(&mut self, a: Addr, mac: Mac, ts: Timestamp, ttl: u8) -> bool {
        let Some(b) = self.table.touch(&a) else { return false };
        if let Some(r) = b.rival.filter(|r| r.mac == mac) {
            b.rival = Some(b.holder);
            b.holder = r;
        }
        if b.holder.mac != mac {
            return false;
        }
        b.holder.last = b.holder.last.max(ts);
        b.holder.ttl = b.holder.ttl.max(ttl);
        if b.rival.is_some_and(|r| ts.since(r.last) > SILENCE) {
            b.rival = None;
        }
        true
    }
    /// The same device is seen with the address again, where it was, and nobody disputes it: true, and that is all that changes.
    pub(super) fn again(&mut self, a: Addr, mac: Mac, seen: (Timestamp, Option<u16>, u8), weak: bool) -> Option<bool> {
        let b = self.table.touch(&a)?;
        let (ts, vlan, ttl) = seen;
        let h = &mut b.holder;
        let same = h.mac == mac && b.rival.is_none() && h.vlan == vlan && ttl <= h.ttl && (weak || h.how > How::Frame);
        if same {
            h.last = h.last.max(ts);
        }
        Some(same)
    }
    /// `mac` claims `a`. `shared` says that the two may both hold it (legs of one router, virtual routers).
    pub(super) fn claim(&mut self, a: Addr, new: Hold, shared: impl Fn(Mac, Mac) -> bool) -> Change {
        let Some(b) = self.table.touch(&a) else {
            self.table.insert(a, Binding { holder: new, rival: None });
            return Change::New;
        };
        let old = b.holder;
        if old.mac == new.mac {
            b.holder = Hold { since: old.since, how: old.how.max(new.how), ttl: old.ttl.max(new.ttl), ..new };
            let gone = b.rival.is_some_and(|r| new.last.since(r.last) > SILENCE);
            if gone {
                b.rival = None;
            }
            return match b.rival {
                Some(r) => Change::Disputed(r.mac),
                None if gone || old.how < new.how => Change::New,
                None => Change::Same,
            };
        }
        let silent = new.last.since(old.last) > SILENCE;
        let weaker = new.how > How::Frame && old.how == How::Frame;
        if silent || weaker || new.how == How::Lease || shared(old.mac, new.mac) {
            *b = Binding { holder: new, rival: b.rival.filter(|r| !silent && !weaker && new.how != How::Lease && r.mac != new.mac) };
            return Change::Moved(old.mac);
        }
        // Another VLAN is another broadcast domain: the claim is heard by others (a router that asks there with its address here).
        let elsewhere = old.vlan.is_some() && new.vlan.is_some() && old.vlan != new.vlan;
        if new.how == How::Frame || elsewhere {
            return Change::Same;
        }
        let since = b.rival.filter(|r| r.mac == new.mac).map_or(new.since, |r| r.since);
        *b = Binding { holder: Hold { since, ..new }, rival: Some(old) };
        Change::Disputed(old.mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(m: u64, how: How, secs: u64) -> Hold {
        let ts = Timestamp::new(secs, 0);
        Hold { mac: Mac::from_u64(m), how, since: ts, last: ts, vlan: None, ttl: 64 }
    }

    fn a() -> Addr {
        Addr::v4(0x0a00_0005)
    }

    #[test]
    fn a_claim_in_another_vlan_disputes_nothing() {
        let mut b = Bindings::new(8);
        let on = |h: Hold, v| Hold { vlan: Some(v), ..h };
        b.claim(a(), on(hold(1, How::Claim, 0), 10), |_, _| false);
        assert_eq!(b.claim(a(), on(hold(2, How::Claim, 1), 20), |_, _| false), Change::Same);
        assert_eq!(b.owner(a()), Some(Mac::from_u64(1)));
    }

    #[test]
    fn two_claims_dispute_and_silence_settles() {
        let mut b = Bindings::new(8);
        assert_eq!(b.claim(a(), hold(1, How::Claim, 0), |_, _| false), Change::New);
        assert_eq!(b.claim(a(), hold(2, How::Claim, 5), |_, _| false), Change::Disputed(Mac::from_u64(1)));
        assert_eq!(b.owner(a()), None);
        assert_eq!(b.claim(a(), hold(1, How::Claim, 9), |_, _| false), Change::Disputed(Mac::from_u64(2)));
        assert!(b.alive(a(), Mac::from_u64(1), Timestamp::new(700, 0), 64));
        assert_eq!(b.owner(a()), Some(Mac::from_u64(1)));
    }

    #[test]
    fn a_lease_moves_an_address_and_a_claim_beats_a_frame() {
        let mut b = Bindings::new(8);
        b.claim(a(), hold(1, How::Frame, 0), |_, _| false);
        assert_eq!(b.claim(a(), hold(2, How::Claim, 1), |_, _| false), Change::Moved(Mac::from_u64(1)));
        assert_eq!(b.claim(a(), hold(3, How::Frame, 2), |_, _| false), Change::Same);
        assert_eq!(b.claim(a(), hold(4, How::Lease, 3), |_, _| false), Change::Moved(Mac::from_u64(2)));
        assert_eq!(b.owner(a()), Some(Mac::from_u64(4)));
        assert!(!b.withdraw(a(), Mac::from_u64(4)));
    }

    #[test]
    fn legs_of_a_router_share_and_a_forgotten_claim_gives_back() {
        let mut b = Bindings::new(8);
        b.claim(a(), hold(1, How::Claim, 0), |_, _| true);
        assert_eq!(b.claim(a(), hold(2, How::Claim, 1), |_, _| true), Change::Moved(Mac::from_u64(1)));
        b.claim(a(), hold(3, How::Claim, 2), |_, _| false);
        b.forget(a(), Mac::from_u64(3));
        assert_eq!(b.owner(a()), Some(Mac::from_u64(2)));
    }
}
