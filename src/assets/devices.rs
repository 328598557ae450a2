//! The table of devices: who is seen, which addresses each holds, who forwards for others (HOUSE, invariant 11).

use super::bindings::{Binding, Bindings, Change, Hold, How};
use super::device::{Decision, Device, DeviceId, Status};
use super::gateways::Sources;
use super::naming;
use crate::base::{Addr, Mac, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowInfo, Sighting};
use crate::protocols::{Message, arp::Arp, dhcp::Dhcp, dhcpv6::Dhcpv6, nd::Nd};
use crate::site::{Role, Site};
use crate::wire::Vlans;

/// Most devices known by MAC, and as many known by address only. Beyond, the longest unseen leaves.
const DEVICES: usize = 65_536;
/// Most addresses bound.
const ADDRESSES: usize = 262_144;
/// Most devices that answer for names.
const ANSWERING: usize = 8_192;
/// A MAC that answers ARP for more addresses than this, without asking from them itself, answers for others (proxy ARP, Wi-Fi bridge).
const ANSWERED: usize = 8;
/// Most decisions. A person makes them: the longest unused leaves only when somebody scripts them.
const DECISIONS: usize = 65_536;

#[derive(Debug)]
struct Known {
    device: Device,
    sources: Sources,
}

/// Every device, by MAC and by address.
#[derive(Debug)]
pub(super) struct Devices {
    by_mac: BoundedMap<Mac, Known>,
    behind: BoundedMap<Addr, Device>,
    bindings: Bindings,
    answers: BoundedMap<DeviceId, naming::Answers>,
    decisions: BoundedMap<DeviceId, Decision>,
    since: Option<Timestamp>,
}

impl Default for Devices {
    fn default() -> Self {
        Devices {
            by_mac: BoundedMap::new(DEVICES),
            behind: BoundedMap::new(DEVICES),
            bindings: Bindings::new(ADDRESSES),
            answers: BoundedMap::new(ANSWERING),
            decisions: BoundedMap::new(DECISIONS),
            since: None,
        }
    }
}

/// When and where something was seen.
#[derive(Clone, Copy)]
struct Seen {
    ts: Timestamp,
    packet: u64,
    vlan: Option<u16>,
    ttl: u8,
}

impl Devices {
    /// Places every device anew, after something else was declared.
    pub(super) fn place_all(&mut self, site: &Site) {
        self.by_mac.retain(|_, k| {
            k.device.place(site);
            true
        });
        self.behind.retain(|_, d| {
            d.place(site);
            true
        });
    }
    /// Learns from one event; false if all it told was known in this minute already.
    pub(super) fn update(&mut self, site: &Site, event: &Event) -> bool {
        self.since.get_or_insert(event.ts);
        let seen = |v: Vlans, ttl| Seen { ts: event.ts, packet: event.packet, vlan: v.inner(), ttl };
        match &event.kind {
            EventKind::Sighting(s) => return self.sighting(site, s, seen(s.vlan, s.ttl)),
            EventKind::Link { mac, vlan, message: Message::Arp(a) } => self.arp(site, *mac, a, seen(*vlan, 0)),
            EventKind::Link { mac, vlan, message: Message::Nd(n) } => self.nd(site, *mac, n, seen(*vlan, 0)),
            EventKind::Message { flow, from_orig, message } => {
                let side = usize::from(!from_orig);
                let vlan = flow.vlan.get(side).copied().unwrap_or_default();
                match message {
                    Message::Dhcp(d) => self.dhcp(site, flow, side, d, seen(vlan, flow.ttl)),
                    Message::Dhcpv6(d) => self.dhcpv6(site, d, seen(vlan, flow.ttl)),
                    _ => self.learn_name(site, flow, *from_orig, message, event.ts),
                }
            }
            _ => {}
        }
        true
    }

    fn sighting(&mut self, site: &Site, s: &Sighting, seen: Seen) -> bool {
        if !s.mac.is_device() {
            return true;
        }
        let before = self.see(site, s.mac, seen);
        if s.forwarded {
            self.forwards(site, s.mac);
        }
        let Some(a) = s.addr.filter(|a| !a.is_unspecified() && !a.is_multicast() && !a.is_loopback()) else { return true };
        match self.again(s.mac, a, seen).filter(|_| !s.forwarded) {
            Some(known) => before.min(known).secs() / 60 != seen.ts.secs() / 60,
            None => {
                self.sender(site, s, a, seen);
                true
            }
        }
    }

    /// The ordinary case of a sighting: a device that is known to hold the address, or an address that is known to be behind this gateway. When
    /// that was last seen; `None` if it is not so.
    fn again(&mut self, mac: Mac, a: Addr, seen: Seen) -> Option<Timestamp> {
        let k = self.by_mac.get(&mac)?;
        let gateway = k.device.gateway;
        match self.bindings.again(a, mac, (seen.ts, seen.vlan, seen.ttl), !gateway) {
            Some(same) => (same && k.device.addrs.contains(&a)).then_some(Timestamp(u64::MAX)),
            None => {
                let d = self.behind.touch(&a).filter(|_| gateway)?;
                let before = d.last_seen;
                d.last_seen = before.max(seen.ts);
                Some(before)
            }
        }
    }

    /// A frame shows a source address.
    fn sender(&mut self, site: &Site, s: &Sighting, a: Addr, seen: Seen) {
        if a.is_link_local() && !s.forwarded {
            return self.claim(site, s.mac, a, if a.is_v4() { How::Frame } else { How::Claim }, seen);
        }
        if self.bindings.get(a).is_some_and(|b| b.holder.how > How::Frame) && self.bindings.alive(a, s.mac, seen.ts, seen.ttl) {
            return self.hold(site, s.mac, a);
        }
        if self.is_gateway(s.mac) {
            return self.behind(site, a, seen);
        }
        if !site.is_inside(a) {
            if self.by_mac.get_mut(&s.mac).is_some_and(|k| k.sources.public(a)) {
                self.forwards(site, s.mac);
            }
            return;
        }
        self.frame(site, s.mac, a, seen);
    }

    /// An inside source address in a frame of a MAC that is not known to forward.
    fn frame(&mut self, site: &Site, mac: Mac, a: Addr, seen: Seen) {
        if self.by_mac.get_mut(&mac).is_some_and(|k| k.sources.unclaimed(a, seen.ttl)) {
            self.forwards(site, mac);
            return self.behind(site, a, seen);
        }
        // The frame with the higher time to live is the nearer to its sender: the other MAC forwarded it.
        let farther = |h: &Hold| h.mac != mac && h.how == How::Frame && h.ttl != 0 && seen.ttl > h.ttl;
        if let Some(h) = self.bindings.get(a).map(|b| b.holder).filter(farther) {
            self.bindings.withdraw(a, h.mac);
            self.release(h.mac, a);
        }
        self.claim(site, mac, a, How::Frame, seen);
    }

    fn arp(&mut self, site: &Site, mac: Mac, m: &Arp, seen: Seen) {
        if !mac.is_device() {
            return;
        }
        self.see(site, mac, seen);
        let sound = m.sender_mac == mac && !m.is_probe() && !m.sender.is_multicast() && !m.sender.is_loopback();
        if !sound || matches!(m.op, 0 | 3..) {
            return;
        }
        if m.op == 2 && !m.is_gratuitous() {
            self.answers(site, mac, m.sender, seen);
        } else {
            self.claim(site, mac, m.sender, How::Claim, seen);
        }
    }

    /// An ARP answer. Who answers for many addresses without ever asking from them is a proxy, and holds none of them.
    fn answers(&mut self, site: &Site, mac: Mac, a: Addr, seen: Seen) {
        let own = self.bindings.get(a).is_some_and(|b| b.holder.mac == mac && b.holder.how > How::Frame);
        let Some(k) = self.by_mac.get_mut(&mac) else { return };
        if !own && k.sources.answered.len() <= ANSWERED && !k.sources.answered.contains(&a) {
            k.sources.answered.push(a);
        }
        if k.sources.answered.len() <= ANSWERED {
            return self.claim(site, mac, a, How::Claim, seen);
        }
        if k.sources.answered.contains(&a) || !own {
            for a in k.sources.answered.clone() {
                self.bindings.forget(a, mac);
                self.release(mac, a);
            }
        }
    }

    fn nd(&mut self, site: &Site, mac: Mac, m: &Nd, seen: Seen) {
        if !mac.is_device() {
            return;
        }
        self.see(site, mac, seen);
        let usable = |a: Addr| !a.is_unspecified() && !a.is_multicast();
        let claimed = match m.kind {
            136 => m.target,
            133..=135 => m.source,
            _ => return,
        };
        // Without a link-layer option only a link-local source is proof: the rest may be a proxy's.
        let sound = m.mac.is_some_and(|x| x == mac) || m.mac.is_none() && claimed == m.source && claimed.is_link_local();
        if sound && usable(claimed) {
            self.claim(site, mac, claimed, How::Claim, seen);
        }
    }

    fn dhcp(&mut self, site: &Site, flow: &FlowInfo, side: usize, d: &Dhcp, seen: Seen) {
        let relayed = !d.giaddr.is_unspecified();
        let own_frame = flow.mac.get(side) == Some(&d.chaddr);
        if !d.chaddr.is_device() || !(relayed || own_frame || self.by_mac.contains(&d.chaddr)) {
            return;
        }
        if d.op == 1 {
            self.see(site, d.chaddr, Seen { vlan: seen.vlan.filter(|_| own_frame), ..seen });
            if relayed {
                self.stand_in(site, d.chaddr, d.giaddr);
            }
            if let Some(n) = &d.host_name {
                self.call(site, d.chaddr, n);
            }
        } else if d.kind == 5 {
            let a = if d.yiaddr.is_unspecified() { d.ciaddr } else { d.yiaddr };
            if !a.is_unspecified() && !a.is_multicast() {
                let vlan = seen.vlan.filter(|_| !relayed);
                self.see(site, d.chaddr, Seen { vlan, ..seen });
                self.claim(site, d.chaddr, a, How::Lease, Seen { vlan, ttl: 0, ..seen });
            }
        }
    }

    fn dhcpv6(&mut self, site: &Site, d: &Dhcpv6, seen: Seen) {
        let Some(mac) = d.client_mac.filter(|m| m.is_device() && (d.relay.is_some() || self.by_mac.contains(m))) else { return };
        self.see(site, mac, Seen { vlan: None, ..seen });
        if d.kind == 7 {
            for a in d.addrs.iter().take(4).filter(|a| !a.is_unspecified() && !a.is_multicast()) {
                self.claim(site, mac, *a, How::Lease, Seen { vlan: None, ttl: 0, ..seen });
            }
        } else if let Some(n) = &d.host_name {
            self.call(site, mac, n.split('.').next().unwrap_or(n));
        }
    }

    fn learn_name(&mut self, site: &Site, flow: &FlowInfo, from_orig: bool, message: &Message, ts: Timestamp) {
        let Some((a, name)) = naming::named(flow, from_orig, message) else { return };
        let device = match self.bindings.owner(a) {
            Some(mac) => self.by_mac.get_mut(&mac).map(|k| &mut k.device),
            None => self.behind.get_mut(&a),
        };
        let Some(d) = device else { return };
        let changed =
            if naming::is_answer(flow, message) { self.answers.entry(d.id, naming::Answers::default).admit(d, name, ts) } else { d.call(name) };
        if changed {
            d.place(site);
        }
    }

    /// The device itself was seen. When it was seen before; the beginning of time if never.
    fn see(&mut self, site: &Site, mac: Mac, seen: Seen) -> Timestamp {
        let mut new = false;
        let k = self.by_mac.entry(mac, || {
            new = true;
            Known { device: Device::of_mac(mac, seen.ts, seen.packet), sources: Sources::default() }
        });
        let d = &mut k.device;
        let before = if new { Timestamp(0) } else { d.last_seen };
        d.last_seen = before.max(seen.ts);
        let moved = seen.vlan.is_some() && d.vlan != seen.vlan;
        if moved {
            d.vlan = seen.vlan;
        }
        if new && mac.is_virtual_router() {
            d.gateway = true;
            d.role = Role::Gateway;
        }
        if new {
            d.decision = self.decisions.get(&d.id).copied();
        }
        if new || moved {
            d.place(site);
        }
        before
    }

    /// The zone of a device of which only a relay's address tells where it stands.
    fn stand_in(&mut self, site: &Site, mac: Mac, relay: Addr) {
        let zone = site.zone_name(relay);
        if let Some(k) = self.by_mac.get_mut(&mac)
            && k.device.zone.is_empty()
        {
            k.device.zone = zone.to_owned();
        }
    }

    fn call(&mut self, site: &Site, mac: Mac, name: &str) {
        if let Some(k) = self.by_mac.get_mut(&mac)
            && k.device.call(name)
        {
            k.device.place(site);
        }
    }

    fn hold(&mut self, site: &Site, mac: Mac, a: Addr) {
        if self.bindings.owner(a) == Some(mac)
            && let Some(k) = self.by_mac.get_mut(&mac)
            && k.device.hold(a)
        {
            k.device.place(site);
        }
    }

    fn release(&mut self, mac: Mac, a: Addr) {
        if let Some(k) = self.by_mac.get_mut(&mac) {
            k.device.release(a);
        }
    }

    fn claim(&mut self, site: &Site, mac: Mac, a: Addr, how: How, seen: Seen) {
        let hold = Hold { mac, how, since: seen.ts, last: seen.ts, vlan: seen.vlan, ttl: seen.ttl };
        let by_mac = &self.by_mac;
        let routes = |m: Mac| m.is_virtual_router() || by_mac.get(&m).is_some_and(|k| k.device.gateway);
        let listed = |m: Mac| site.ledger.by_mac(m).is_some_and(|e| e.role == Role::Gateway);
        let elsewhere = self.bindings.get(a).is_some_and(|b| b.holder.vlan != seen.vlan);
        // Legs of one router share an address. A spoofer forwards too and so looks like a gateway: in one VLAN that alone is no leg.
        let legs = |x: Mac, y: Mac| x.is_virtual_router() || y.is_virtual_router() || listed(x) && listed(y) || routes(x) && routes(y) && elsewhere;
        let change = self.bindings.claim(a, hold, legs);
        if let Some(k) = self.by_mac.get_mut(&mac) {
            match how {
                How::Frame => k.sources.bound(a),
                _ => k.sources.claimed(a),
            }
        }
        match change {
            Change::Disputed(other) => {
                self.release(mac, a);
                self.release(other, a);
            }
            Change::Moved(other) => {
                if !(self.is_gateway(mac) && self.is_gateway(other)) {
                    self.release(other, a);
                }
                self.hold(site, mac, a);
            }
            Change::New | Change::Same => self.hold(site, mac, a),
        }
        if self.bindings.owner(a) == Some(mac)
            && let Some(was) = self.behind.remove(&a)
            && let Some(k) = self.by_mac.get_mut(&mac)
        {
            k.device.first_seen = k.device.first_seen.min(was.first_seen);
            for n in &was.names {
                k.device.call(n);
            }
        }
    }

    /// A MAC showed that it forwards for others: what was bound to it by frames alone is withdrawn.
    fn forwards(&mut self, site: &Site, mac: Mac) {
        let Some(k) = self.by_mac.get_mut(&mac) else { return };
        if k.device.gateway {
            return;
        }
        k.device.gateway = true;
        if k.device.role == Role::Unknown {
            k.device.role = Role::Gateway;
        }
        let seen = Seen { ts: k.device.last_seen, packet: k.device.first_packet, vlan: None, ttl: 0 };
        for a in std::mem::take(&mut k.sources.weak) {
            if self.bindings.withdraw(a, mac) {
                self.release(mac, a);
                self.behind(site, a, seen);
            }
        }
        if let Some(k) = self.by_mac.get_mut(&mac) {
            k.device.place(site);
        }
    }

    /// An inside address whose own MAC is not seen.
    fn behind(&mut self, site: &Site, a: Addr, seen: Seen) {
        if !site.is_inside(a) || a.is_link_local() || self.bindings.get(a).is_some() {
            return;
        }
        let mut new = false;
        let d = self.behind.entry(a, || {
            new = true;
            Device::of_addr(a, seen.ts, seen.packet)
        });
        d.last_seen = d.last_seen.max(seen.ts);
        if new {
            d.decision = self.decisions.get(&d.id).copied();
            d.place(site);
        }
    }

    pub(super) fn by_addr(&self, a: Addr) -> Option<&Device> {
        match self.bindings.get(a) {
            Some(_) => self.bindings.owner(a).and_then(|m| self.by_mac(m)),
            None => self.behind.get(&a),
        }
    }
    pub(super) fn by_addr_mut(&mut self, a: Addr) -> Option<&mut Device> {
        match self.bindings.owner(a) {
            Some(m) => self.by_mac.get_mut(&m).map(|k| &mut k.device),
            None => self.behind.get_mut(&a),
        }
    }
    pub(super) fn by_mac(&self, m: Mac) -> Option<&Device> {
        self.by_mac.get(&m).map(|k| &k.device)
    }
    pub(super) fn binding(&self, a: Addr) -> Option<&Binding> {
        self.bindings.get(a)
    }
    pub(super) fn is_gateway(&self, m: Mac) -> bool {
        m.is_virtual_router() || self.by_mac(m).is_some_and(|d| d.gateway)
    }
    pub(super) fn iter(&self) -> impl Iterator<Item = &Device> {
        self.by_mac.values().map(|k| &k.device).chain(self.behind.values())
    }
    fn by_id_mut(&mut self, id: DeviceId) -> Option<&mut Device> {
        match id {
            DeviceId::Mac(m) => self.by_mac.get_mut(&m).map(|k| &mut k.device),
            DeviceId::Addr(a) => self.behind.get_mut(&a),
        }
    }
    /// Takes a decision, or takes it back. It need not have been seen yet.
    pub(super) fn decide(&mut self, site: &Site, id: DeviceId, decision: Option<Decision>) {
        match decision {
            Some(d) => drop(self.decisions.insert(id, d)),
            None => drop(self.decisions.remove(&id)),
        }
        if let Some(d) = self.by_id_mut(id) {
            d.decision = decision;
            d.place(site);
        }
    }
    /// Decisions whose time is over at `now`: their devices, of which that was not known.
    pub(super) fn expire(&mut self, now: Timestamp) -> Vec<DeviceId> {
        let over = |d: &Decision| d.status(now) == Status::Expired;
        let due: Vec<DeviceId> = self.decisions.iter().filter(|(_, d)| over(d)).map(|(id, _)| *id).collect();
        let mut gone = Vec::new();
        for id in due {
            if let Some(d) = self.by_id_mut(id).filter(|d| d.status != Status::Expired) {
                d.status = Status::Expired;
                gone.push(id);
            }
        }
        gone
    }
    /// Takes up what was known before a restart; the longest unseen first.
    pub(super) fn restore(&mut self, site: &Site, mut devices: Vec<Device>, mut bindings: Vec<(Addr, Binding)>, since: Option<Timestamp>) {
        self.since = since;
        devices.sort_by_key(|d| (d.last_seen, d.id));
        let now = devices.last().map(|d| d.last_seen).unwrap_or_default();
        for mut d in devices {
            d.decision = self.decisions.get(&d.id).copied();
            d.place(site);
            // A permission that had run out before the restart, while its device was away, does not run out again.
            if let Some(x) = d.decision {
                d.status = x.status(now);
            }
            match d.id {
                DeviceId::Mac(m) => drop(self.by_mac.insert(m, Known { device: d, sources: Sources::default() })),
                DeviceId::Addr(a) => drop(self.behind.insert(a, d)),
            }
        }
        bindings.sort_by_key(|(a, b)| (b.holder.last, *a));
        for (a, b) in bindings {
            // What rests on frames alone is withdrawn if its holder turns out to forward for others.
            if b.holder.how == How::Frame
                && let Some(k) = self.by_mac.get_mut(&b.holder.mac)
            {
                k.sources.bound(a);
            }
            self.bindings.take_up(a, b);
        }
    }
    pub(super) fn bindings(&self) -> impl Iterator<Item = (Addr, Binding)> {
        self.bindings.iter()
    }
    pub(super) fn held(&self) -> [(&'static str, usize, u64); 5] {
        let (n, out) = self.bindings.counts();
        [
            ("devices", self.by_mac.len(), self.by_mac.evicted()),
            ("hosts_behind_gateways", self.behind.len(), self.behind.evicted()),
            ("address_bindings", n, out),
            ("name_answers", self.answers.len(), self.answers.evicted()),
            ("decisions", self.decisions.len(), self.decisions.evicted()),
        ]
    }
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// Every address and MAC of the one device; the words given stand first.
    pub(super) fn identities(&self, addr: Option<Addr>, mac: Option<Mac>) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        let mut add = |s: String| {
            if !out.contains(&s) {
                out.push(s);
            }
        };
        let disputed = |a: Addr| self.bindings.get(a).is_some_and(|b| b.rival.is_some());
        if let Some(a) = addr.filter(|a| mac.is_none() || !disputed(*a)) {
            add(a.to_string());
        }
        // A gateway's MAC stands for the gateway only: for an address that it holds itself, or for none.
        let own = |m: &Mac| addr.is_none_or(|a| !self.is_gateway(*m) || self.bindings.owner(a) == Some(*m));
        let device = mac.filter(own).and_then(|m| self.by_mac(m)).or_else(|| addr.and_then(|a| self.by_addr(a)));
        for a in device.iter().flat_map(|d| &d.addrs) {
            add(a.to_string());
        }
        for m in device.and_then(|d| d.mac).into_iter().chain(mac.filter(own)) {
            add(m.to_string());
        }
        out
    }
}
