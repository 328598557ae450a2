//! Who claims which address by ARP and neighbour discovery, whether anyone asked, and how often it passed to and fro.

use super::Scene;
use super::address_conflict::Tuning;
use crate::base::{Addr, Mac, Timestamp};
use crate::bounded::BoundedMap;
use crate::protocols::{arp::Arp, nd::Nd};
use crate::site::Role;
use crate::wire::Vlans;

/// Addresses with claims remembered.
const ADDRESSES: usize = 65_536;
/// Questions remembered.
const QUESTIONS: usize = 16_384;
/// MACs that claim others' addresses remembered.
const CLAIMANTS: usize = 16_384;
/// How often a host that changes its hardware address announces each of its addresses unasked (RFC 4861, section 10: MAX_NEIGHBOR_ADVERTISEMENT).
/// Lower, and a fail-over of a cluster looks like spoofing.
const ANNOUNCED: u32 = 3;
/// Other owners' addresses that a MAC answers for, when asked, before it counts as a proxy.
const PROXIED: usize = 3;
/// Addresses whose announcements are counted one by one: a host has a few, a spoofer of a network any number.
const ANNOUNCES: usize = 8;

/// A claim against the owner, bad enough to be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Told {
    pub mac: Mac,
    pub owner: Mac,
    pub addr: Addr,
    pub vlan: Vlans,
    pub since: Timestamp,
    /// By unsolicited answers.
    pub spoof: bool,
    /// The address is a gateway's.
    pub gateway: bool,
    pub unsolicited: u32,
    pub flips: u32,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    owner: Mac,
    owner_vlan: Vlans,
    last_claim: Mac,
    newcomer: Mac,
    since: Timestamp,
    flips: u32,
}

/// What one MAC did against others.
#[derive(Clone, Debug, Default)]
struct Claimant {
    unsolicited: u32,
    since: Timestamp,
    answered_for: Vec<Addr>,
    /// Neighbour advertisements unasked, by address, most [`ANNOUNCES`]; and the owners against which they went, most two.
    announced: Vec<(Addr, u32)>,
    owners: Vec<Mac>,
}

impl Claimant {
    /// An unasked announcement: does it go beyond what a fail-over sends? One takes over the addresses of one owner, and says so three times.
    fn insists(&mut self, a: Addr, owner: Mac) -> bool {
        if !self.owners.contains(&owner) && self.owners.len() < 2 {
            self.owners.push(owner);
        }
        let times = match self.announced.iter_mut().find(|x| x.0 == a) {
            Some(x) => {
                x.1 += 1;
                x.1
            }
            None => {
                self.announced.push((a, 1));
                1
            }
        };
        // A host has a few addresses; who announces more is none.
        let many = self.announced.len() > ANNOUNCES;
        self.announced.truncate(ANNOUNCES);
        many || times > ANNOUNCED || self.owners.len() > 1
    }
}

#[derive(Debug)]
pub(super) struct Claims {
    tuning: Tuning,
    held: BoundedMap<Addr, Held>,
    questions: BoundedMap<(Addr, Addr), Timestamp>,
    claimants: BoundedMap<Mac, Claimant>,
}

/// One claim as it was sent.
struct Claim {
    mac: Mac,
    vlan: Vlans,
    addr: Addr,
    /// A directed answer, and whether its receiver had asked.
    answer: bool,
    /// A neighbour advertisement that nobody asked for: an announcement to all looks the same as an answer to one.
    announces: bool,
    asked: bool,
}

impl Claims {
    pub(super) fn new(tuning: Tuning) -> Claims {
        Claims { tuning, held: BoundedMap::new(ADDRESSES), questions: BoundedMap::new(QUESTIONS), claimants: BoundedMap::new(CLAIMANTS) }
    }
    pub(super) fn held(&self) -> (usize, u64) {
        (self.held.len() + self.questions.len() + self.claimants.len(), self.held.evicted() + self.questions.evicted() + self.claimants.evicted())
    }

    pub(super) fn arp(&mut self, frame: Mac, vlan: Vlans, m: &Arp, ts: Timestamp, scene: &Scene<'_>) -> Option<Told> {
        if m.op == 1 {
            self.questions.insert((m.sender, m.target), ts);
        }
        if m.is_probe() || !matches!(m.op, 1 | 2) || m.sender_mac != frame {
            return None;
        }
        let answer = m.op == 2 && !m.is_gratuitous();
        let asked = answer && self.asked(m.target, m.sender, ts);
        if answer && !asked {
            self.told(m, vlan, ts, scene);
        }
        self.claim(Claim { mac: m.sender_mac, vlan, addr: m.sender, answer, announces: false, asked }, ts, scene)
    }

    pub(super) fn nd(&mut self, frame: Mac, vlan: Vlans, m: &Nd, ts: Timestamp, scene: &Scene<'_>) -> Option<Told> {
        match m.kind {
            135 => {
                self.questions.insert((Addr::NONE, m.target), ts);
                if m.source.is_unspecified() || m.mac != Some(frame) {
                    return None;
                }
                self.claim(Claim { mac: frame, vlan, addr: m.source, answer: false, announces: false, asked: false }, ts, scene)
            }
            136 if m.mac == Some(frame) => {
                let asked = self.asked(Addr::NONE, m.target, ts);
                // Without being asked a host may announce its own address; only overriding another's is told below.
                self.claim(Claim { mac: frame, vlan, addr: m.target, answer: m.is_override, announces: !asked, asked }, ts, scene)
            }
            _ => None,
        }
    }

    /// Who sends an answer knows where to: its receiver's MAC holds its receiver's address, unless another is known to. So a spoofer that tells two
    /// hosts about each other names both owners, though neither of them was heard.
    fn told(&mut self, m: &Arp, vlan: Vlans, ts: Timestamp, scene: &Scene<'_>) {
        let (a, owner) = (m.target, m.target_mac);
        let usable = owner.is_device() && owner != m.sender_mac && !a.is_unspecified() && !a.is_multicast() && !a.is_loopback() && a != m.sender;
        if usable && scene.site.ledger.by_addr(a).and_then(|e| e.mac).is_none() {
            let fresh = Held { owner, owner_vlan: vlan, last_claim: owner, newcomer: owner, since: ts, flips: 0 };
            let h = self.held.entry(a, || fresh);
            // It claimed that address itself before: now it says whose it is.
            if h.owner == m.sender_mac {
                *h = fresh;
            }
        }
    }

    /// Nobody else holds this address.
    pub(super) fn is_own(&self, mac: Mac, a: Addr) -> bool {
        self.held.get(&a).is_none_or(|h| h.owner == mac)
    }

    /// A lease makes its holder the owner.
    pub(super) fn lease(&mut self, a: Addr, mac: Mac, ts: Timestamp) {
        if !a.is_unspecified() && mac.is_device() {
            let vlan = self.held.get(&a).map_or(Vlans::default(), |h| h.owner_vlan);
            self.held.insert(a, Held { owner: mac, owner_vlan: vlan, last_claim: mac, newcomer: mac, since: ts, flips: 0 });
        }
    }

    fn asked(&self, who: Addr, what: Addr, ts: Timestamp) -> bool {
        self.questions.get(&(who, what)).is_some_and(|t| ts.since(*t) <= self.tuning.answer)
    }

    fn claim(&mut self, c: Claim, ts: Timestamp, scene: &Scene<'_>) -> Option<Told> {
        let a = c.addr;
        if !c.mac.is_device() || a.is_unspecified() || a.is_multicast() || a.is_loopback() || a.is_link_local() && a.is_v4() {
            return None;
        }
        let listed = scene.site.ledger.by_addr(a).and_then(|e| e.mac);
        let window = self.tuning.window;
        let fresh = Held { owner: c.mac, owner_vlan: c.vlan, last_claim: c.mac, newcomer: c.mac, since: ts, flips: 0 };
        let h = self.held.entry(a, || match listed {
            Some(owner) => Held { owner, last_claim: owner, ..fresh },
            None => fresh,
        });
        if c.mac == h.owner {
            h.owner_vlan = c.vlan;
        }
        if may_share(h.owner, c.mac, scene) || c.mac != h.owner && h.owner_vlan != c.vlan && both_tagged(h.owner_vlan, c.vlan) {
            return None;
        }
        // A long time without any claim against the owner, and the newcomer never contradicted: it moved.
        if c.mac != h.owner && ts.since(h.since) > window && h.newcomer == c.mac && h.flips <= 1 && listed.is_none() {
            *h = fresh;
            return None;
        }
        if c.mac != h.last_claim {
            if c.mac != h.owner && (h.newcomer != c.mac || ts.since(h.since) > window) {
                (h.newcomer, h.since, h.flips) = (c.mac, ts, 0);
            }
            h.flips += 1;
            h.last_claim = c.mac;
        }
        if c.mac == h.owner {
            return None;
        }
        let h = *h;
        self.weigh(&c, &h, ts, scene)
    }

    /// A claim against the owner: is it enough?
    fn weigh(&mut self, c: &Claim, h: &Held, ts: Timestamp, scene: &Scene<'_>) -> Option<Told> {
        let m = self.claimants.entry(c.mac, || Claimant { since: ts, ..Claimant::default() });
        if ts.since(m.since) > self.tuning.window {
            (m.since, m.unsolicited) = (ts, 0);
            m.announced.clear();
            m.owners.clear();
        }
        if c.answer && c.asked && !m.answered_for.contains(&c.addr) && m.answered_for.len() < PROXIED {
            m.answered_for.push(c.addr);
        }
        let insists = !c.announces || m.insists(c.addr, h.owner);
        m.unsolicited += u32::from(c.answer && !c.asked && insists);
        let gateway = is_gateway_address(h.owner, c.addr, scene);
        let spoof = m.unsolicited >= self.tuning.unsolicited;
        let proxy = m.answered_for.len() >= PROXIED && !gateway;
        let both_insist = h.flips >= self.tuning.flips && !proxy && !(c.answer && c.asked && !gateway);
        let trusted = scene.site.ledger.by_mac(c.mac).is_some_and(|e| matches!(e.role, Role::Gateway | Role::Infrastructure));
        (!trusted && (spoof || both_insist)).then_some(Told {
            mac: c.mac,
            owner: h.owner,
            addr: c.addr,
            vlan: c.vlan,
            since: m.since.min(h.since),
            spoof,
            gateway,
            unsolicited: m.unsolicited,
            flips: h.flips,
        })
    }
}

fn both_tagged(a: Vlans, b: Vlans) -> bool {
    a.inner().is_some() && b.inner().is_some()
}

/// Two MACs that hold one address by design: virtual routers, load balancing, the ports of one team, the legs of one listed router.
fn may_share(a: Mac, b: Mac, scene: &Scene<'_>) -> bool {
    let by_design = |m: Mac| m.is_virtual_router() || matches!(m.0, [0x02 | 0x03, 0xbf, ..]);
    let team = a.to_u64() >> 8 == b.to_u64() >> 8;
    let router = |m: Mac| scene.site.ledger.by_mac(m).is_some_and(|e| e.role == Role::Gateway);
    a != b && (by_design(a) || by_design(b) || team || router(a) && router(b))
}

fn is_gateway_address(owner: Mac, a: Addr, scene: &Scene<'_>) -> bool {
    scene.assets.is_gateway(owner) || scene.site.ledger.by_addr(a).is_some_and(|e| e.role == Role::Gateway)
}
