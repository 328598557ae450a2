//! `address-conflict`: two devices claim one address: ARP and neighbour spoofing (ATT&CK T1557.002), duplicate addresses, a listed MAC that
//! contradicts itself. Whoever claims against the ledger or an earlier owner is the originator, never the victim.

use super::claims::{Claims, Told};
use super::{Detector, Finding, Scene, Signature, SignatureError, Subject};
use crate::assets::Status;
use crate::base::{Addr, Mac, Outcome, Service, Severity, Span};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, Interest};
use crate::protocols::{Message, dhcp::Dhcp};

/// Detector id.
pub const ID: &str = "address-conflict";

/// The numbers of `signatures/address-conflict.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// Answers that nobody asked for, claiming others' addresses, before a MAC is called a spoofer.
    pub unsolicited: u32,
    /// How often ownership must have passed to and fro before an address counts as taken twice.
    pub flips: u32,
    /// Time within which those must happen.
    pub window: Span,
    /// An answer belongs to a question asked this short a time before.
    pub answer: Span,
}

impl Default for Tuning {
    fn default() -> Tuning {
        Tuning { unsolicited: 3, flips: 3, window: Span::mins(5), answer: Span::secs(3) }
    }
}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        let [unsolicited, flips, window, answer] = s.require_all(["unsolicited", "flips", "window", "answer"])?;
        let (window, answer) = (Span::secs(window as u64), Span::secs(answer as u64));
        Ok(Tuning { unsolicited: unsolicited as u32, flips: flips as u32, window, answer })
    }
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(AddressConflict::new(Tuning::from_signature(s)?)))
}

/// Spoofers, duplicates and clones remembered; fingerprints remembered.
const STORIES: usize = 8_192;

/// State.
#[derive(Debug)]
pub struct AddressConflict {
    claims: Claims,
    stories: BoundedMap<String, Story>,
    fingerprints: BoundedMap<Mac, (String, String)>,
}

#[derive(Debug)]
struct Story {
    finding: Finding,
    claimed: Vec<Addr>,
    victims: Vec<Mac>,
    told: u64,
}

impl AddressConflict {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> AddressConflict {
        AddressConflict { claims: Claims::new(tuning), stories: BoundedMap::new(STORIES), fingerprints: BoundedMap::new(STORIES) }
    }

    /// A MAC claims an address that is another's.
    fn tell(&mut self, t: &Told, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let (story, severity, why) = match t.spoof {
            true => (format!("spoof:{}", t.mac), Severity::High, "unsolicited claims of others' addresses"),
            false if t.gateway => (format!("spoof:{}", t.mac), Severity::High, "claims the gateway's address while the gateway is alive"),
            false => (format!("duplicate:{}", t.addr), Severity::Medium, "two devices keep claiming the address"),
        };
        let claims = &self.claims;
        let s = self.stories.entry(story.clone(), || {
            let device = scene.assets.device_by_mac(t.mac);
            let own =
                device.and_then(|d| d.addrs.iter().copied().filter(|a| claims.is_own(t.mac, *a)).max_by_key(|a| (!a.is_link_local(), a.is_v4())));
            let mut f = Finding::new(ID, story, event.ts, severity, Subject { addr: own, mac: Some(t.mac) });
            f.first_ts = t.since;
            f.set("why", why);
            f.set("mac", t.mac.to_string());
            f.set("vendor", scene.assets.device_by_mac(t.mac).map_or("", |d| d.vendor));
            f.set("user_source", "ARP and neighbour discovery name no account");
            Story { finding: f, claimed: Vec::new(), victims: Vec::new(), told: 0 }
        });
        s.told += 1;
        let new = !s.claimed.contains(&t.addr) && s.claimed.len() < Finding::MAX_RESP;
        if new {
            s.claimed.push(t.addr);
        }
        if !s.victims.contains(&t.owner) && s.victims.len() < Finding::MAX_RESP {
            s.victims.push(t.owner);
        }
        let f = &mut s.finding;
        f.ts = event.ts;
        f.last_ts = event.ts;
        f.outcome = if t.gateway || scene.assets.is_gateway(t.mac) { Outcome::Succeeded } else { Outcome::Attempted };
        f.add_resp(t.addr);
        f.add_packet(event.packet);
        f.add_vlan(t.vlan);
        f.zone = scene.site.zone_name(t.addr).to_owned();
        f.count = s.claimed.len() as u64;
        f.set("claims", s.claimed.iter().map(Addr::to_string).collect::<Vec<_>>());
        f.set("owners", s.victims.iter().map(Mac::to_string).collect::<Vec<_>>());
        f.set("unsolicited", t.unsolicited);
        f.set("flips", t.flips);
        f.set("gateway", t.gateway || f.evidence.get("gateway").and_then(|g| g.as_bool()).unwrap_or(false));
        f.set("forwards", scene.assets.is_gateway(t.mac));
        if new || s.told.is_power_of_two() {
            out.push(f.clone());
        }
    }

    /// A listed MAC that asks for an address under another host name and with another vendor class than before: two machines, one MAC.
    fn fingerprint(&mut self, d: &Dhcp, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let (Some(name), Some(class)) = (&d.host_name, &d.vendor_class) else { return };
        if class.starts_with("PXEClient") || name.is_empty() || class.is_empty() {
            return;
        }
        let now = (name.to_lowercase(), class.clone());
        let Some(was) = self.fingerprints.get(&d.chaddr).cloned() else {
            self.fingerprints.insert(d.chaddr, now);
            return;
        };
        let Some(device) = scene.assets.device_by_mac(d.chaddr).filter(|v| v.status == Status::Listed) else { return };
        if was.0 == now.0 || was.1 == now.1 {
            return;
        }
        let addr = device.addrs.iter().copied().find(|a| a.is_v4());
        let mut f = Finding::new(ID, format!("clone:{}", d.chaddr), event.ts, Severity::Medium, Subject { addr, mac: Some(d.chaddr) });
        f.outcome = Outcome::Attempted;
        f.service = Service::Dhcp;
        f.zone.clone_from(&device.zone);
        f.vlan.extend(device.vlan);
        f.count = 1;
        f.add_packet(event.packet);
        f.set("why", "a listed MAC shows itself as another machine");
        f.set("mac", d.chaddr.to_string());
        f.set("vendor", device.vendor);
        f.set("claims", addr.iter().map(Addr::to_string).collect::<Vec<_>>());
        f.set("owners", vec![scene.site.ledger.by_mac(d.chaddr).map_or_else(|| d.chaddr.to_string(), |e| e.name.clone())]);
        f.set("names", vec![was.0.clone(), now.0.clone()]);
        f.set("vendor_classes", vec![was.1.clone(), now.1.clone()]);
        f.set("ledger_name", scene.site.ledger.by_mac(d.chaddr).map_or("", |e| e.name.as_str()));
        f.set("user_source", "DHCP has no accounts");
        if !self.stories.contains(&f.story) {
            self.stories.insert(f.story.clone(), Story { finding: f.clone(), claimed: Vec::new(), victims: Vec::new(), told: 1 });
            out.push(f);
        }
    }
}

impl Detector for AddressConflict {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::LINK | Interest::DHCP
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let told = match &event.kind {
            EventKind::Link { mac, vlan, message: Message::Arp(m) } => self.claims.arp(*mac, *vlan, m, event.ts, scene),
            EventKind::Link { mac, vlan, message: Message::Nd(m) } => self.claims.nd(*mac, *vlan, m, event.ts, scene),
            EventKind::Message { message: Message::Dhcp(d), .. } if d.op == 1 => return self.fingerprint(d, event, scene, out),
            EventKind::Message { message: Message::Dhcp(d), .. } if d.kind == 5 => return self.claims.lease(d.yiaddr, d.chaddr, event.ts),
            _ => None,
        };
        if let Some(t) = told {
            self.tell(&t, event, scene, out);
        }
    }
    fn held(&self) -> (usize, u64) {
        let (n, out) = self.claims.held();
        (n + self.stories.len() + self.fingerprints.len(), out + self.stories.evicted() + self.fingerprints.evicted())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::testing_link::*;
    use super::*;
    use crate::site::Site;

    const GW: &str = "10.10.10.1";
    const TERM: &str = "10.10.10.11";

    fn play(site: Site, events: Vec<Event>) -> Stage {
        let mut s = Stage::new(site, Box::new(AddressConflict::new(Tuning::default())));
        s.play(events);
        s
    }
    fn meet() -> Vec<Event> {
        vec![arp_from(at(0.0), 1, TERM1, TERM, GW), arp_from(at(0.01), 2, ROUTER, GW, TERM), arp_from(at(0.1), 1, EVIL, "10.10.10.79", TERM)]
    }

    #[test]
    fn arp_poisoning_both_ways_names_the_spoofer_and_both_victims() {
        for site in [ledgered(), Site::default()] {
            let mut ev = meet();
            for i in 0..5 {
                let t = 4.0 + 2.0 * f64::from(i);
                ev.push(arp_from(at(t), 2, EVIL, GW, TERM));
                ev.push(arp_from(at(t + 0.01), 2, EVIL, TERM, GW));
            }
            let s = play(site, ev);
            let f = s.findings();
            assert_eq!((f.len(), f[0].severity, f[0].count), (1, Severity::High, 2));
            assert_eq!(f[0].orig, Subject::both(a("10.10.10.79"), mac(EVIL)));
            assert_eq!(f[0].evidence["claims"].as_array().unwrap().len(), 2);
        }
    }

    #[test]
    fn a_spoofer_is_named_where_only_its_own_answers_are_seen() {
        let (one, two) = ("b0:7f:b9:00:00:01", "dc:f5:05:00:00:02");
        let lie = |t: f64| [arp_to(at(t), EVIL, "10.0.0.153", one, "10.0.0.157"), arp_to(at(t + 0.01), EVIL, "10.0.0.157", two, "10.0.0.153")];
        let s = play(Site::default(), (0..4).flat_map(|i| lie(f64::from(i))).collect());
        let f = s.findings();
        assert_eq!((f.len(), f[0].severity, f[0].orig.mac, f[0].count), (1, Severity::High, Some(mac(EVIL)), 2));
        assert_eq!((f[0].evidence["owners"].as_array().unwrap().len(), f[0].orig.addr), (2, None), "never a victim's address");
        // Its benign twin: the questions are not mirrored, so every answer looks unasked; each host answers for itself alone.
        let honest = |t: f64| {
            [
                arp_to(at(t), one, "10.0.0.157", two, "10.0.0.153"),
                arp_to(at(t + 0.01), two, "10.0.0.153", one, "10.0.0.157"),
                arp_to(at(t + 0.02), TERM1, "10.0.0.11", one, "10.0.0.157"),
            ]
        };
        assert_eq!(play(Site::default(), (0..9).flat_map(|i| honest(f64::from(i))).collect()).findings().len(), 0);
    }

    #[test]
    fn a_duplicate_address_is_medium_and_needs_both_to_insist() {
        let claim = |t, m| arp_from(at(t), 1, m, "10.10.10.50", "10.10.10.1");
        let (one, two) = ("00:00:0e:00:00:01", "00:0c:29:00:00:02");
        let s = play(Site::default(), vec![claim(0.0, one), claim(1.0, two), claim(2.0, one), claim(3.0, two), claim(4.0, one)]);
        assert_eq!((s.findings().len(), s.worst()), (1, Some(Severity::Medium)));
        assert_eq!(s.findings()[0].orig.mac, Some(mac(two)), "the newcomer");
        let s = play(Site::default(), vec![claim(0.0, one), claim(1.0, two), claim(5.0, two), claim(9.0, two)]);
        assert_eq!(s.findings().len(), 0, "a fail-over: the address moves once");
    }

    #[test]
    fn teams_virtual_routers_proxies_legs_and_leases_are_silent() {
        let claim = |t, m: &str, ip: &str| arp_from(at(t), 1, m, ip, "10.10.10.250");
        let mut ev = Vec::new();
        for i in 0..8 {
            let t = f64::from(i);
            ev.push(claim(t, if i % 2 == 0 { "00:0c:29:00:00:10" } else { "00:0c:29:00:00:11" }, "10.10.10.50"));
            ev.push(claim(t, if i % 2 == 0 { "00:00:5e:00:01:07" } else { "00:0c:29:00:00:77" }, "10.10.10.254"));
            ev.push(claim(t, if i % 2 == 0 { "02:bf:0a:0a:0a:33" } else { "00:0c:29:00:00:33" }, "10.10.10.51"));
        }
        assert_eq!(play(Site::default(), ev).findings().len(), 0);
        let mut proxy = Vec::new();
        for i in 0..6u32 {
            let ip = format!("10.10.10.{}", 60 + i);
            let host = format!("00:0c:29:00:01:{:02x}", 16 + i * 8);
            for round in 0..4 {
                let t = f64::from(i) + 10.0 * f64::from(round);
                proxy.push(claim(t, &host, &ip));
                proxy.push(arp_from(at(t + 0.1), 1, TERM1, TERM, &ip));
                proxy.push(arp_from(at(t + 0.2), 2, "00:1a:1e:00:00:01", &ip, TERM));
            }
        }
        let s = play(Site::default(), proxy);
        assert_eq!(s.findings().len(), 0, "a Wi-Fi controller answers for its stations when asked: {:?}", s.said);
        let lease = dhcp_answer(at(1.0), ROUTER, 5, "10.10.20.5", GW, "10.10.10.50", GW);
        let reuse = vec![claim(0.0, EVIL, "10.10.10.50"), lease, claim(2.0, TERM1, "10.10.10.50")];
        assert_eq!(play(ledgered(), reuse).findings().len(), 0);
    }

    #[test]
    fn a_fail_over_announces_three_times_and_who_goes_on_or_claims_from_two_is_a_spoofer() {
        let (old, new) = ("00:50:56:00:00:01", "00:0c:29:00:00:02");
        let owned = |t: f64, a: &str| advertised(at(t), old, a);
        let told = |ev: Vec<Event>| {
            let s = play(Site::default(), ev);
            s.findings().iter().map(|f| (f.severity, f.orig.mac)).collect::<Vec<_>>()
        };
        let mut moved = vec![owned(0.0, "fe80::30"), owned(0.1, "fd00::30")];
        moved.extend((0..3).flat_map(|i| [advertised(at(9.0 + f64::from(i)), new, "fe80::30"), advertised(at(9.1 + f64::from(i)), new, "fd00::30")]));
        assert_eq!(told(moved), [], "two addresses of one owner, three times each");
        let mut insists = vec![owned(0.0, "fe80::1")];
        insists.extend((0..8).map(|i| advertised(at(9.0 + 2.0 * f64::from(i)), new, "fe80::1")));
        assert_eq!(told(insists), [(Severity::High, Some(mac(new)))]);
        let mut both = vec![owned(0.0, "fe80::1"), advertised(at(0.1), TERM1, "fe80::11")];
        both.extend((0..3).flat_map(|i| [advertised(at(9.0 + f64::from(i)), new, "fe80::1"), advertised(at(9.1 + f64::from(i)), new, "fe80::11")]));
        assert_eq!(told(both), [(Severity::High, Some(mac(new)))], "between two");
    }

    #[test]
    fn a_cloned_mac_contradicts_itself() {
        let two = |m| {
            vec![dhcp_ask(at(0.0), m, "TERM1", "MSFT 5.0"), dhcp_ask(at(1.0), m, "kali", "udhcp 1.35"), dhcp_ask(at(2.0), m, "kali", "udhcp 1.35")]
        };
        let s = play(ledgered(), two(TERM1));
        assert_eq!((s.findings().len(), s.worst(), s.said.len()), (1, Some(Severity::Medium), 1));
        assert_eq!(play(ledgered(), two(EVIL)).findings().len(), 0, "an unlisted one is unknown-device's business");
        let renamed = vec![dhcp_ask(at(0.0), TERM1, "TERM1", "MSFT 5.0"), dhcp_ask(at(1.0), TERM1, "WARD3-PC1", "MSFT 5.0")];
        assert_eq!(play(ledgered(), renamed).findings().len(), 0);
    }
}
