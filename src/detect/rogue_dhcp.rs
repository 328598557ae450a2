//! `rogue-dhcp`: a DHCP server that nobody put there hands out addresses, routers and name servers (ATT&CK T1557.003). Servers are told apart
//! by the server identifier (RFC 2132, 9.7) per network of the relay, never by the relay's MAC.

use super::{Detector, Finding, Scene, Signature, SignatureError, Subject};
use crate::base::{Addr, Mac, Outcome, Severity, Span, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowInfo, Interest};
use crate::protocols::{Message, dhcp::Dhcp};
use crate::site::{Role, Site, ZoneId, ZoneKind};
use std::collections::BTreeSet;

/// Detector id.
pub const ID: &str = "rogue-dhcp";

/// The numbers of `signatures/rogue-dhcp.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// Without a ledger: how long the server known first counts as alive after its last answer.
    pub alive: Span,
}

impl Default for Tuning {
    fn default() -> Tuning {
        Tuning { alive: Span::hours(24) }
    }
}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        Ok(Tuning { alive: Span::secs(s.require("alive")? as u64) })
    }
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(RogueDhcp::new(Tuning::from_signature(s)?)))
}

/// Networks with a known server, and rogue servers remembered.
const NETWORKS: usize = 4_096;

/// The network that is served: a declared zone, else a /24 (IPv4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Network {
    Zone(ZoneId),
    Prefix(u128),
}

/// What a server hands out.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Known {
    server: Addr,
    routers: BTreeSet<Addr>,
    dns: BTreeSet<Addr>,
    last: Timestamp,
}

/// State.
#[derive(Debug)]
pub struct RogueDhcp {
    tuning: Tuning,
    first: BoundedMap<Network, Known>,
    stories: BoundedMap<(Network, Addr), (Finding, BTreeSet<Mac>)>,
}

impl RogueDhcp {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> RogueDhcp {
        RogueDhcp { tuning, first: BoundedMap::new(NETWORKS), stories: BoundedMap::new(NETWORKS) }
    }

    fn answer(&mut self, flow: &FlowInfo, sender: usize, d: &Dhcp, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let source = if sender == 0 { flow.tuple.orig } else { flow.tuple.resp };
        let relayed = !d.giaddr.is_unspecified();
        let Some(server) = d.server.or(Some(source).filter(|_| !relayed)).filter(|a| !a.is_unspecified() && !a.is_multicast()) else { return };
        let network = network(scene.site, d, server);
        let mac = flow.mac.get(sender).copied().filter(|m| !relayed && m.is_device() && !scene.assets.is_gateway(*m));
        let Some(severity) = self.judge(network, server, d, scene, event.ts) else { return };
        let who = Subject { addr: Some(server), mac };
        let (f, victims) = self.stories.entry((network, server), || {
            let mut f = Finding::new(ID, server.to_string(), event.ts, severity, who);
            f.zone = zone_of(scene.site, network, server);
            f.service = crate::base::Service::Dhcp;
            f.set("server_id", server.to_string());
            f.set("user_source", "DHCP has no accounts");
            (f, BTreeSet::new())
        });
        let before = (f.outcome, victims.len(), f.severity);
        f.ts = event.ts;
        f.last_ts = f.last_ts.max(event.ts);
        f.severity = f.severity.max(severity);
        f.outcome = f.outcome.max(if d.kind == 5 { Outcome::Succeeded } else { Outcome::Attempted });
        f.orig.mac = f.orig.mac.or(mac);
        if victims.len() < 64 {
            victims.insert(d.chaddr);
        }
        f.count = victims.len() as u64;
        if !d.yiaddr.is_unspecified() {
            f.add_resp(d.yiaddr);
        }
        f.add_packet(event.packet);
        f.add_vlan(flow.vlan.get(sender).copied().unwrap_or_default());
        let list = |a: &[Addr]| a.iter().take(8).map(Addr::to_string).collect::<Vec<_>>();
        f.set("routers", list(&d.routers));
        f.set("dns", list(&d.dns));
        f.set("clients", victims.iter().map(Mac::to_string).collect::<Vec<_>>());
        f.set("relay", d.giaddr.to_string());
        f.set("offers_itself", d.routers.contains(&server) || d.dns.contains(&server));
        if let Some(k) = self.first.get(&network).filter(|k| k.server != server) {
            f.set("known_server", k.server.to_string());
        }
        if let Some(m) = f.orig.mac {
            f.set("mac", m.to_string());
        }
        if before != (f.outcome, victims.len(), f.severity) || f.packets.len() == 1 {
            out.push(f.clone());
        }
    }

    /// With a ledger that names servers: is this one of them? Without: does it contradict the one known first, while that is alive?
    fn judge(&mut self, network: Network, server: Addr, d: &Dhcp, scene: &Scene<'_>, ts: Timestamp) -> Option<Severity> {
        let leases = !d.yiaddr.is_unspecified();
        let guest = matches!(network, Network::Zone(z) if scene.site.zones.get(z).is_some_and(|z| z.kind == ZoneKind::Guest));
        let worst = if guest { Severity::Low } else { Severity::High };
        if scene.site.ledger.iter().any(|e| serves(e.role)) {
            let role = scene.site.role(scene.assets.device_of(server).and_then(|d| d.mac), server);
            let listed = role.is_some_and(|r| serves(r) || r == Role::Unknown);
            if listed {
                self.remember(network, server, d, ts);
            }
            return (!listed).then_some(if leases { worst } else { worst.min(Severity::Medium) });
        }
        if !leases {
            return None;
        }
        let alive = self.tuning.alive;
        let rival = self.first.get(&network).filter(|k| k.server != server && ts.since(k.last) <= alive);
        let Some(k) = rival else {
            self.remember(network, server, d, ts);
            return None;
        };
        let set = |a: &[Addr]| a.iter().copied().collect::<BTreeSet<_>>();
        let differs = set(&d.routers) != k.routers || set(&d.dns) != k.dns;
        differs.then_some(worst.min(Severity::Medium))
    }

    fn remember(&mut self, network: Network, server: Addr, d: &Dhcp, ts: Timestamp) {
        let new = || Known { server, routers: d.routers.iter().copied().collect(), dns: d.dns.iter().copied().collect(), last: ts };
        let k = self.first.entry(network, new);
        if k.server == server {
            *k = new();
        }
    }
}

/// Roles that may hand out addresses.
fn serves(r: Role) -> bool {
    matches!(r, Role::Infrastructure | Role::Server | Role::Gateway | Role::Management)
}

fn network(site: &Site, d: &Dhcp, server: Addr) -> Network {
    let at = [d.giaddr, d.yiaddr, d.ciaddr].into_iter().find(|a| !a.is_unspecified()).unwrap_or(server);
    site.zones.of(at).map_or(Network::Prefix(at.0 >> 8), Network::Zone)
}

fn zone_of(site: &Site, n: Network, server: Addr) -> String {
    match n {
        Network::Zone(z) => site.zones.get(z).map(|z| z.name.clone()).unwrap_or_default(),
        Network::Prefix(_) => site.zone_name(server).to_owned(),
    }
}

impl Detector for RogueDhcp {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::DHCP
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        if let EventKind::Message { flow, from_orig, message: Message::Dhcp(d) } = &event.kind
            && d.op == 2
            && matches!(d.kind, 2 | 5)
        {
            self.answer(flow, usize::from(!from_orig), d, event, scene, out);
        }
    }
    fn held(&self) -> (usize, u64) {
        (self.first.len() + self.stories.len(), self.first.evicted() + self.stories.evicted())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::testing_link::*;
    use super::*;

    const NONE: &str = "0.0.0.0";
    const GW: &str = "10.10.10.1";

    fn stage(site: Site) -> Stage {
        Stage::new(site, Box::new(RogueDhcp::new(Tuning::default())))
    }

    #[test]
    fn an_unlisted_server_is_found_by_its_identifier_and_the_relay_is_not() {
        let mut s = stage(ledgered());
        s.play(vec![
            dhcp_answer(at(0.0), ROUTER, 2, "10.10.20.5", GW, "10.10.10.12", GW),
            dhcp_answer(at(1.0), EVIL, 2, "10.10.10.66", NONE, "10.10.10.214", "10.10.10.66"),
            dhcp_answer(at(1.1), ROUTER, 5, "10.10.20.5", GW, "10.10.10.12", GW),
            dhcp_answer(at(1.2), EVIL, 5, "10.10.10.66", NONE, "10.10.10.214", "10.10.10.66"),
        ]);
        let f = s.findings();
        assert_eq!((f.len(), f[0].severity, f[0].outcome, f[0].count), (1, Severity::High, Outcome::Succeeded, 1));
        assert_eq!((f[0].orig, f[0].zone.as_str()), (Subject::both(a("10.10.10.66"), mac(EVIL)), "clinical"));
        assert_eq!(f[0].evidence["known_server"], "10.10.20.5");
        assert_eq!(f[0].evidence["offers_itself"], true);
    }

    #[test]
    fn without_a_ledger_only_a_contradiction_counts() {
        let mut s = Stage::bare(Box::new(RogueDhcp::new(Tuning::default())));
        let one = |t, kind| dhcp_answer(at(t), INFRA, kind, "10.10.20.5", GW, "10.10.10.12", GW);
        s.play(vec![
            one(0.0, 5),
            dhcp_answer(at(1.0), INFRA, 5, "10.10.20.6", GW, "10.10.10.13", GW),
            dhcp_answer(at(2.0), INFRA, 5, "10.10.20.7", GW, NONE, "10.10.10.9"),
            dhcp_answer(at(2.0), INFRA, 5, "192.168.1.1", NONE, "192.168.1.9", "192.168.1.1"),
        ]);
        assert_eq!(s.findings().len(), 0, "a partner with the same settings, an answer to INFORM, another network");
        s.play(vec![one(3.0, 5), dhcp_answer(at(4.0), EVIL, 2, "10.10.10.66", NONE, "10.10.10.214", "10.10.10.66")]);
        assert_eq!((s.findings().len(), s.worst()), (1, Some(Severity::Medium)));
    }

    #[test]
    fn a_listed_terminal_may_not_serve_and_a_replaced_server_may() {
        let mut s = stage(ledgered());
        s.play(vec![dhcp_answer(at(0.0), TERM1, 2, "10.10.10.11", NONE, "10.10.10.50", "10.10.10.11")]);
        assert_eq!(s.worst(), Some(Severity::High));
        let mut s = Stage::bare(Box::new(RogueDhcp::new(Tuning::default())));
        s.play(vec![
            dhcp_answer(at(0.0), INFRA, 5, "10.10.20.5", GW, "10.10.10.12", GW),
            dhcp_answer(at(90_000.0), INFRA, 5, "10.10.20.6", GW, "10.10.10.12", "10.10.10.2"),
        ]);
        assert_eq!(s.findings().len(), 0, "the old one has been silent for a day");
    }
}
