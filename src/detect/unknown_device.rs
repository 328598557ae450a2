//! `unknown-device`: a device that is not in the ledger speaks on the network (ATT&CK T1200). One finding per device, from its first frame;
//! without a ledger an inventory at `info`.

use super::{Detector, Finding, Scene, Signature, SignatureError, Subject};
use crate::assets::{Device, DeviceId, Status};
use crate::base::{Addr, Mac, Outcome, Service, Severity, Span, Timestamp, mix64};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, Interest, Sighting};
use crate::protocols::Message;
use crate::site::{Site, ZoneId, ZoneKind};
use foldhash::fast::FixedState;
use std::collections::BTreeSet;
use std::hash::BuildHasher;

/// Detector id.
pub const ID: &str = "unknown-device";

/// The numbers of `signatures/unknown-device.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// New findings per minute before the rest is summarised (and made up for later).
    pub per_minute: u32,
    /// How long a device without an address waits for one, when the ledger has lines without MAC.
    pub patience: Span,
    /// How long a randomised MAC waits for a DHCP name by which it may be a device already reported.
    pub random_patience: Span,
}

impl Default for Tuning {
    fn default() -> Tuning {
        Tuning { per_minute: 60, patience: Span::secs(60), random_patience: Span::secs(2) }
    }
}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        let [per_minute, patience, random] = s.require_all(["per_minute", "patience", "random_patience"])?;
        Ok(Tuning { per_minute: per_minute as u32, patience: Span::secs(patience as u64), random_patience: Span::secs(random as u64) })
    }
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(UnknownDevice::new(Tuning::from_signature(s)?)))
}

/// Devices remembered: those reported, and those that wait.
const DEVICES: usize = 65_536;
/// A device that asks for an address so soon after its first frame has just joined.
const JOINING: Span = Span::secs(2);
/// The story of those that are not told one by one.
const FLOOD: &str = "flood";
/// MACs listed in one finding of a device that changes its own.
const MACS: usize = 16;

/// What was said of a device.
#[derive(Clone, PartialEq, Debug)]
struct Said {
    severity: Severity,
    zone: String,
    names: usize,
    addrs: Vec<Addr>,
    macs: Vec<Mac>,
    first_ts: Timestamp,
    /// The permission it had ran out, or was refused: that is news.
    ended: Option<Status>,
}

/// What the ledger can tell apart; looked up once.
#[derive(Debug)]
struct Lines {
    without_mac: bool,
    zones_by_ip: BTreeSet<ZoneId>,
}

/// State.
#[derive(Debug)]
pub struct UnknownDevice {
    tuning: Tuning,
    lines: Option<Lines>,
    said: BoundedMap<String, Said>,
    /// What a device looked like when everything about it was said: most events change nothing, and are let through quickly.
    settled: BoundedMap<DeviceId, u64>,
    waiting: BoundedMap<Mac, Timestamp>,
    /// Story of a randomised MAC by its name, and the other way round.
    by_name: BoundedMap<String, String>,
    minute: u64,
    new: u32,
    joined: u32,
    /// Devices not told one by one.
    left: BoundedMap<DeviceId, ()>,
    summarised: u64,
    example: Option<(Subject, Severity)>,
}

impl UnknownDevice {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> UnknownDevice {
        UnknownDevice {
            tuning,
            lines: None,
            said: BoundedMap::new(DEVICES),
            settled: BoundedMap::new(DEVICES),
            waiting: BoundedMap::new(DEVICES / 16),
            by_name: BoundedMap::new(DEVICES / 4),
            minute: 0,
            new: 0,
            joined: 0,
            left: BoundedMap::new(DEVICES),
            summarised: 0,
            example: None,
        }
    }

    /// Looks at a device of which something new was heard.
    fn look(&mut self, d: &Device, event: Option<&Event>, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let looks = looks(d);
        // What was held back in this minute is looked at again in the next.
        let held_back = mix64(looks ^ (scene.now.secs() / 60));
        if self.settled.get(&d.id).is_some_and(|s| *s == looks || *s == held_back && !event.is_some_and(|e| joins(d, e))) {
            return;
        }
        let lines = self.lines.get_or_insert_with(|| read(scene.site));
        let Some(severity) = judge(d, lines, scene.site) else {
            self.settled.insert(d.id, looks);
            return;
        };
        if self.waits(d, scene.now) {
            return;
        }
        let story = self.story(d);
        let said = Said {
            severity,
            zone: d.zone.clone(),
            names: d.names.len(),
            addrs: d.addrs.iter().copied().filter(|a| a.is_v4()).collect(),
            macs: d.mac.into_iter().collect(),
            first_ts: d.first_seen,
            ended: Some(d.status).filter(|s| matches!(s, Status::Expired | Status::Refused)),
        };
        let said = match self.said.get(&story).cloned() {
            Some(old) => {
                let macs: Vec<Mac> = old.macs.iter().copied().chain(d.mac.filter(|m| !old.macs.contains(m))).take(MACS).collect();
                let said = Said { macs, first_ts: old.first_ts, severity: old.severity.max(severity), ..said };
                if old == said {
                    self.settled.insert(d.id, looks);
                    return;
                }
                said
            }
            None if self.too_many(d, severity, event, scene.now) => {
                self.settled.insert(d.id, held_back);
                return;
            }
            None => said,
        };
        self.left.remove(&d.id);
        out.push(finding(d, &story, &said, event, scene));
        self.said.insert(story, said);
    }

    /// Nothing is said yet of a MAC that may turn out to be known as soon as its address or name is.
    fn waits(&mut self, d: &Device, now: Timestamp) -> bool {
        let Some(mac) = d.mac else { return false };
        let by_address = self.lines.as_ref().is_some_and(|l| l.without_mac) && !d.addrs.iter().any(|a| !a.is_link_local());
        let patience = match () {
            () if by_address => self.tuning.patience,
            () if d.randomised && d.names.is_empty() => self.tuning.random_patience,
            () => Span(0),
        };
        let wait = now.since(d.first_seen) < patience && !self.said.contains(&d.id.to_string());
        if !wait {
            self.waiting.remove(&mac);
        } else if !self.waiting.contains(&mac) {
            self.waiting.insert(mac, d.first_seen + patience);
        }
        wait
    }

    /// One story per device: its id; that of its address, if it was reported as a host behind a gateway before; that of another randomised MAC
    /// with the same telling name.
    fn story(&mut self, d: &Device) -> String {
        let id = d.id.to_string();
        if self.said.contains(&id) {
            return id;
        }
        if let Some(s) = d.addrs.iter().map(|a| format!("ip-{a}")).find(|s| self.said.contains(s)) {
            return s;
        }
        let telling = |n: &&String| n.len() >= 6 && n.contains(|c: char| c == '-' || c == '_' || c.is_ascii_digit());
        let Some(name) = d.names.iter().find(telling).filter(|_| d.randomised).map(|n| n.to_lowercase()) else { return id };
        self.by_name.entry(name, || id).clone()
    }

    /// Whoever joins before our eyes is not lost in the crowd that was there all the time: those are counted apart.
    fn too_many(&mut self, d: &Device, severity: Severity, event: Option<&Event>, now: Timestamp) -> bool {
        let minute = now.secs() / 60;
        if self.minute != minute {
            (self.minute, self.new, self.joined) = (minute, 0, 0);
        }
        let count = if event.is_some_and(|e| joins(d, e)) { &mut self.joined } else { &mut self.new };
        *count = count.saturating_add(1);
        let too_many = *count > self.tuning.per_minute;
        if too_many {
            self.left.insert(d.id, ());
            self.example = Some((subject(d), severity));
        }
        too_many
    }

    /// One finding for all that were too many.
    fn summarise(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let left = self.left.len() as u64 + self.left.evicted();
        let Some((who, severity)) = self.example.filter(|_| left > self.summarised) else { return };
        self.summarised = left;
        let mut f = Finding::new(ID, FLOOD.into(), scene.now, severity.min(Severity::Medium), who);
        f.count = left;
        f.set("suppressed", left);
        f.set("mac", who.mac.map_or_else(String::new, |m| m.to_string()));
        f.set("names", vec!["and others, not told one by one"]);
        f.set("per_minute", self.tuning.per_minute);
        out.push(f);
    }
}

/// Its first frames ask for an address: it was not there before.
fn joins(d: &Device, event: &Event) -> bool {
    let asks = matches!(&event.kind, EventKind::Message { message: Message::Dhcp(m), .. } if m.op == 1 && m.ciaddr.is_unspecified());
    asks && event.ts.since(d.first_seen) < JOINING
}

/// Which lines of the ledger have no MAC, and for which zones it knows addresses.
fn read(site: &Site) -> Lines {
    let without_mac = site.ledger.iter().any(|e| e.mac.is_none());
    let zones_by_ip = site.ledger.iter().flat_map(|e| &e.ips).filter_map(|a| site.zones.of(*a)).collect();
    Lines { without_mac, zones_by_ip }
}

/// How bad it is that this device is here; `None` if it may be, or if it cannot be told.
fn judge(d: &Device, lines: &Lines, site: &Site) -> Option<Severity> {
    if matches!(d.status, Status::Listed | Status::Authorised) || d.mac.is_some_and(Mac::is_virtual_router) || is_cluster_node(d, site) {
        return None;
    }
    let inside = |a: &Addr| site.is_inside(*a);
    // The provider's router on the outside of the firewall: it holds nothing inside.
    if d.zone.is_empty() && d.addrs.iter().any(|a| !a.is_link_local()) && !d.addrs.iter().any(|a| inside(a) && !a.is_link_local()) {
        return None;
    }
    // A router is an unknown device by its own address only; its other legs and what it sends for others tell nothing.
    if d.gateway && !d.addrs.iter().any(inside) {
        return None;
    }
    if site.ledger.is_empty() {
        return Some(Severity::Info);
    }
    let zone = d.addrs.iter().find_map(|a| site.zones.of(*a));
    if d.mac.is_none() && !zone.is_some_and(|z| lines.zones_by_ip.contains(&z)) {
        return None;
    }
    let kind = zone.and_then(|z| site.zones.get(z)).map(|z| z.kind).or_else(|| kind_named(site, &d.zone));
    Some(match kind {
        Some(ZoneKind::Clinical | ZoneKind::Server | ZoneKind::Management | ZoneKind::Backup) => Severity::High,
        Some(ZoneKind::Guest) => Severity::Info,
        _ => Severity::Medium,
    })
}

/// A node of a listed load-balanced cluster. Microsoft's NLB sends from a masked MAC (02, the node's priority from 1 to 32, then the cluster's IPv4
/// address) and answers with 02:bf or 03:bf and the same address. It may hold listed addresses and nothing else.
fn is_cluster_node(d: &Device, site: &Site) -> bool {
    let Some(Mac([0x02 | 0x03, 1..=32 | 0xbf, a, b, c, e])) = d.mac else { return false };
    let listed = |a: Addr| site.ledger.by_addr(a).is_some();
    listed(Addr::v4(u32::from_be_bytes([a, b, c, e]))) && d.addrs.iter().all(|a| a.is_link_local() || listed(*a))
}

fn kind_named(site: &Site, name: &str) -> Option<ZoneKind> {
    site.zones.iter().find(|(_, z)| z.name == name).map(|(_, z)| z.kind)
}

/// The address that people know best: IPv4, then global IPv6, then link-local.
fn subject(d: &Device) -> Subject {
    let best = |a: &&Addr| (!a.is_link_local(), a.is_v4());
    Subject { addr: d.addrs.iter().max_by_key(best).copied(), mac: d.mac }
}

/// Everything about a device that [`UnknownDevice::look`] goes by, in one number.
fn looks(d: &Device) -> u64 {
    FixedState::with_seed(0).hash_one((d.gateway, d.status, d.role, &d.zone, &d.names, &d.addrs))
}

fn finding(d: &Device, story: &str, said: &Said, event: Option<&Event>, scene: &Scene<'_>) -> Finding {
    let mut f = Finding::new(ID, story.to_owned(), scene.now, said.severity, subject(d));
    f.first_ts = said.first_ts;
    f.last_ts = d.last_seen;
    f.outcome = Outcome::Succeeded;
    f.zone.clone_from(&d.zone);
    f.vlan.extend(d.vlan);
    f.count = said.macs.len().max(1) as u64;
    f.add_packet(d.first_packet);
    f.add_packet(event.map_or(0, |e| e.packet));
    if let Some(mac) = d.mac {
        f.set("mac", mac.to_string());
        f.set("vendor", d.vendor);
        f.set("randomised", d.randomised);
    }
    f.set("macs", said.macs.iter().map(Mac::to_string).collect::<Vec<_>>());
    f.set("addresses", d.addrs.iter().map(Addr::to_string).collect::<Vec<_>>());
    f.set("names", d.names.clone());
    f.set("role", d.role.word());
    if let Some(s) = said.ended {
        f.set("decision", s.word());
        f.set("standing", if s == Status::Expired { "is no longer permitted" } else { "was refused by a person" });
    }
    f.set("identified_by", if d.mac.is_some() { "mac" } else { "ip" });
    f.set("ledger_lines", scene.site.ledger.iter().count());
    f.set("user_source", "a device that is only seen has no user");
    f
}

/// Frames that switches send on every port (STP, LLDP, CDP, loop tests) come from a MAC per port: they show no device.
fn is_switch_chatter(s: &Sighting) -> bool {
    s.addr.is_none() && (matches!(s.to.0, [0x01, 0x80, 0xc2, ..] | [0x01, 0x00, 0x0c, 0xcc | 0xcd, ..]) || s.to == s.mac)
}

impl Detector for UnknownDevice {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::SIGHTING | Interest::LINK | Interest::DHCP | Interest::NAME | Interest::ADMIN | Interest::OTHER
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let assets = scene.assets;
        let device = match &event.kind {
            EventKind::Sighting(s) if is_switch_chatter(s) => None,
            EventKind::Sighting(s) => {
                if let Some(d) = s.addr.and_then(|a| assets.device_of(a)).filter(|d| d.mac != Some(s.mac)) {
                    self.look(d, Some(event), scene, out);
                }
                assets.device_by_mac(s.mac)
            }
            EventKind::Link { mac, .. } => assets.device_by_mac(*mac),
            EventKind::Message { message: Message::Dhcp(d), .. } => assets.device_by_mac(d.chaddr),
            EventKind::Message { message: Message::Dhcpv6(d), .. } => d.client_mac.and_then(|m| assets.device_by_mac(m)),
            // What is asked of a name server names nobody who asks.
            EventKind::Message { flow, message: Message::Dns(_), .. } if flow.service == Service::Dns => None,
            EventKind::Message {
                flow,
                from_orig,
                message: Message::Nbns(_) | Message::Dns(_) | Message::Smb(_) | Message::Rdp(_) | Message::HttpAuth(_),
            } => assets.device_of(if *from_orig { flow.tuple.orig } else { flow.tuple.resp }),
            _ => None,
        };
        if let Some(d) = device {
            self.look(d, Some(event), scene, out);
        }
    }
    fn tick(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let due: Vec<Mac> = self.waiting.iter().filter(|(_, t)| **t <= scene.now).map(|(m, _)| *m).collect();
        for mac in due {
            self.waiting.remove(&mac);
            if let Some(d) = scene.assets.device_by_mac(mac) {
                self.look(d, None, scene, out);
            }
        }
        if scene.now.secs() / 60 != self.minute {
            self.summarise(scene, out);
        }
    }
    fn end(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        self.summarise(scene, out);
    }
    fn recall(&mut self, before: &Finding) {
        let list = |key: &str| before.evidence.get(key).and_then(|v| v.as_array()).into_iter().flatten().filter_map(|v| v.as_str());
        let parsed = |key| list(key).filter_map(|a| a.parse::<Addr>().ok()).filter(|a| a.is_v4()).collect();
        let word = before.evidence.get("decision").and_then(|v| v.as_str());
        let said = Said {
            severity: before.severity,
            zone: before.zone.clone(),
            names: list("names").count(),
            addrs: parsed("addresses"),
            macs: list("macs").filter_map(|m| m.parse().ok()).take(MACS).collect(),
            first_ts: before.first_ts,
            ended: [Status::Expired, Status::Refused].into_iter().find(|s| Some(s.word()) == word),
        };
        if before.story == FLOOD {
            self.summarised = before.count;
        } else {
            self.said.insert(before.story.clone(), said);
        }
    }
    fn held(&self) -> (usize, u64) {
        (self.said.len() + self.waiting.len() + self.by_name.len(), self.said.evicted() + self.waiting.evicted() + self.by_name.evicted())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::testing_link::*;
    use super::*;

    fn stage(site: Site) -> Stage {
        Stage::new(site, Box::new(UnknownDevice::new(Tuning::default())))
    }

    #[test]
    fn the_first_frame_is_enough_and_updates_keep_the_story() {
        let mut s = stage(ledgered());
        s.play(vec![
            sighting(at(0.0), EVIL, None, 0),
            arp_from(at(0.4), 1, EVIL, "10.10.10.77", "10.10.10.1"),
            dhcp_ask(at(1.0), EVIL, "LAPTOP-TANAKA", "x"),
        ]);
        let f = s.findings();
        assert_eq!((f.len(), f[0].severity, f[0].zone.as_str(), f[0].story.as_str()), (1, Severity::High, "clinical", "mac-00:07:40:66:66:66"));
        assert_eq!(f[0].orig, Subject::both(a("10.10.10.77"), mac(EVIL)));
        assert_eq!(f[0].evidence["names"][0], "LAPTOP-TANAKA");
        assert_eq!(s.said.len(), 3);
    }

    #[test]
    fn listed_devices_their_routers_and_hosts_behind_them_are_silent() {
        let mut s = stage(ledgered());
        s.play(vec![
            arp_from(at(0.0), 1, TERM1, "10.10.10.11", "10.10.10.1"),
            sighting(at(0.1), ROUTER, Some("10.10.20.5"), 63),
            sighting(at(0.2), ROUTER, Some("203.0.113.5"), 50),
            sighting(at(0.2), ROUTER, Some("10.99.0.5"), 50),
            sighting_to(at(0.3), "00:00:0c:99:00:01", "01:80:c2:00:00:00"),
        ]);
        assert_eq!(s.findings().len(), 0, "{:?}", s.said);
    }

    #[test]
    fn an_unlisted_address_behind_a_gateway_is_known_by_address() {
        let mut s = stage(ledgered());
        s.play(vec![sighting(at(0.1), ROUTER, Some("10.10.10.99"), 63)]);
        assert_eq!(s.findings()[0].orig, Subject::addr(a("10.10.10.99")));
        assert_eq!(s.findings()[0].evidence["identified_by"], "ip");
    }

    #[test]
    fn a_node_of_a_listed_cluster_is_none_as_long_as_it_holds_nothing_else() {
        let told = |mac: &str, addrs: &[&str]| {
            let mut s = stage(ledgered());
            s.play(addrs.iter().enumerate().map(|(i, a)| sighting(at(i as f64), mac, Some(a), 128)).collect());
            s.findings().iter().filter(|f| f.severity >= Severity::Medium).count()
        };
        // 10.10.20.5 is listed; 10.10.20.99 and 10.10.10.222 are not.
        assert_eq!(told("02:01:0a:0a:14:05", &["10.10.20.5"]), 0);
        assert_eq!(told("02:02:0a:0a:14:05", &["10.10.10.222"]), 1, "the MAC alone excuses no other address");
        assert_eq!(told("02:01:0a:0a:14:63", &["10.10.20.99"]), 1, "nor does a cluster that nobody listed");
        assert_eq!(told("02:21:0a:0a:14:05", &["10.10.20.5"]), 1, "a cluster has at most 32 nodes");
    }

    #[test]
    fn without_a_ledger_it_is_an_inventory() {
        let mut s = Stage::bare(Box::new(UnknownDevice::new(Tuning::default())));
        s.play(vec![arp_from(at(0.0), 1, TERM1, "10.10.10.11", "10.10.10.1"), arp_from(at(0.0), 1, EVIL, "10.10.10.77", "10.10.10.1")]);
        assert_eq!((s.findings().len(), s.worst()), (2, Some(Severity::Info)));
    }

    #[test]
    fn the_providers_router_outside_is_nobodys_unknown_device() {
        let mut s = stage(ledgered());
        let isp = "00:11:22:00:00:01";
        let arp = untagged(arp_from(at(0.0), 1, isp, "203.0.113.1", "203.0.113.2"));
        s.play(vec![arp, untagged(sighting(at(0.5), isp, Some("198.51.100.7"), 50))]);
        assert_eq!(s.findings().len(), 0, "{:?}", s.said);
    }

    #[test]
    fn a_ledger_of_addresses_waits_for_the_address() {
        let mut s = stage(hospital());
        s.play(vec![dhcp_ask(at(0.0), TERM1, "TERM1", "MSFT 5.0"), arp_from(at(3.0), 1, TERM1, "10.10.10.11", "10.10.10.1")]);
        assert_eq!(s.findings().len(), 0);
        let mut s = stage(hospital());
        s.play(vec![sighting(at(0.0), EVIL, None, 0), sighting(at(70.0), EVIL, None, 0)]);
        assert_eq!(s.findings().len(), 1, "nothing came: it is reported");
    }

    #[test]
    fn a_phone_that_changes_its_mac_is_one_device() {
        let mut s = stage(ledgered());
        let (one, two) = ("da:a1:19:00:00:01", "da:a1:19:00:00:02");
        s.play(vec![
            sighting(at(0.0), one, None, 0),
            dhcp_ask(at(0.5), one, "Taros-iPhone", "x"),
            sighting(at(900.0), two, None, 0),
            dhcp_ask(at(900.5), two, "Taros-iPhone", "x"),
        ]);
        assert_eq!((s.findings().len(), s.findings()[0].count), (1, 2));
    }

    #[test]
    fn who_was_told_before_a_restart_is_no_news_after_it() {
        let crowd = || {
            (0..500u32).map(|i| {
                arp_from(
                    at(1.0 + f64::from(i) / 10.0),
                    1,
                    &Mac::from_u64(0x0007_4000_0000 + u64::from(i)).to_string(),
                    &format!("10.10.10.{}", i % 200 + 20),
                    "10.10.10.1",
                )
            })
        };
        let mut before = stage(ledgered());
        before.play(crowd().take(50).collect());
        let told = before.findings();
        assert_eq!(told.len(), 50);
        let mut after = stage(ledgered());
        told.iter().for_each(|f| after.recall(f));
        after.play(crowd().take(50).collect());
        assert_eq!(after.findings().len(), 0, "{:?}", after.said);
        after.play(vec![sighting(at(600.0), EVIL, None, 0)]);
        assert_eq!(after.findings().len(), 1, "who is new is");
    }

    #[test]
    fn a_permission_that_ran_out_is_news() {
        let mut s = stage(ledgered());
        let id = DeviceId::Mac(mac(EVIL));
        s.assets.decide(id, Some(crate::assets::Decision { state: Status::Authorised, until: Some(at(100.0)) }));
        s.play(vec![arp_from(at(0.0), 1, EVIL, "10.10.10.77", "10.10.10.1"), sighting(at(70.0), EVIL, None, 0)]);
        assert_eq!(s.findings().len(), 0, "permitted");
        assert_eq!(s.assets.expire(at(100.0)), [id]);
        s.play(vec![sighting(at(140.0), EVIL, None, 0), sighting(at(210.0), EVIL, None, 0)]);
        let f = s.findings();
        assert_eq!((f.len(), f[0].evidence["decision"].as_str(), f[0].severity), (1, Some("expired"), Severity::High));
    }

    #[test]
    fn a_flood_of_macs_is_summed_up() {
        let mut s = stage(ledgered());
        let mut events: Vec<Event> = (0..5_000u32)
            .map(|i| sighting(at(1.0 + f64::from(i) / 1e4), &Mac::from_u64(0x0007_4000_0000 + u64::from(i)).to_string(), None, 0))
            .collect();
        events.push(sighting(at(130.0), TERM1, None, 0));
        s.play(events);
        let f = s.findings();
        assert!(f.len() <= 62, "{}", f.len());
        assert!(f.iter().any(|f| f.story == "flood" && f.count > 4_800));
    }

    #[test]
    fn who_joins_is_told_beside_the_crowd_that_was_there() {
        let there = |i: u32| Mac::from_u64(0x0007_4000_0000 + u64::from(i)).to_string();
        let mut events: Vec<Event> = (0..500).map(|i| sighting(at(1.0 + f64::from(i) / 1e3), &there(i), None, 0)).collect();
        events.push(dhcp_ask(at(5.0), EVIL, "laptop", "x"));
        // One of the crowd asks as well, long after it was first seen: it did not join.
        events.push(dhcp_ask(at(9.0), &there(499), "pc499", "x"));
        let mut s = stage(Site::default());
        s.play(events);
        s.end();
        let f = s.findings();
        assert!(f.iter().any(|f| f.orig.mac == Some(mac(EVIL))));
        let flood = f.iter().find(|f| f.story == "flood").unwrap();
        assert_eq!((f.len(), flood.count), (62, 440));
    }
}
