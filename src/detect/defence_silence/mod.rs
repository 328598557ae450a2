//! `defence-silence`: computers that reported to their virus protection or update server stop doing so while they are awake, the server answers nobody
//! any more, or somebody stops protection services from afar (ATT&CK T1562.001, T1489).

mod contacts;
mod services;
#[cfg(test)]
mod tests;

use super::hosts::is_administrator;
use super::signature::{Signature, SignatureError};
use super::{Detector, Finding, Scene, Subject};
use crate::base::{Addr, Outcome, Severity, Span, Timestamp, proto};
use crate::bounded::BoundedMap;
use crate::event::{Event, EventKind, FlowInfo, Interest};
use crate::protocols::Message;
use crate::protocols::dcerpc::Rpc;
use contacts::{Contacts, News, Server};
use services::Services;

/// Detector id.
pub const ID: &str = "defence-silence";

/// Ports that agents of protection and update servers report to and that nothing else is usual on: WSUS, Symantec, Kaspersky, ESET, Sophos, Trend Micro,
/// FortiClient, Wazuh, Configuration Manager.
const PORTS: &[u16] = &[8530, 8531, 8014, 13_000, 14_000, 2221, 2222, 8190, 8192, 8194, 4343, 8013, 1514, 10_123];
/// Words in the names of such servers, between dots and dashes.
const NAMES: &[&str] = &["wsus", "antivirus", "av", "edr", "epo", "sep", "sepm", "kaspersky", "officescan", "apexone", "sophos", "eset", "defender"];
/// How often habits are looked through.
const LOOK: Span = Span::mins(1);
/// Stops seen so long before make a silence graver.
const STOPS: Span = Span::hours(24);

/// The numbers of `signatures/defence-silence.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    contacts: u32,
    apart: Span,
    learned: Span,
    pauses: u64,
    patience: Span,
    together: Span,
    hosts: usize,
    many: usize,
    down: Span,
    hole: Span,
    stops: usize,
    mass: usize,
    window: Span,
}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        let [contacts, apart, learned, pauses, patience, together] =
            s.require_all(["contacts", "apart", "learned", "pauses", "patience", "together"])?;
        let [hosts, many, down, hole, stops, mass, window] = s.require_all(["hosts", "many", "down", "hole", "stops", "mass", "window"])?;
        Ok(Tuning {
            contacts: contacts as u32,
            apart: Span::secs(apart as u64),
            learned: Span::secs(learned as u64),
            pauses: pauses as u64,
            patience: Span::secs(patience as u64),
            together: Span::secs(together as u64),
            hosts: hosts as usize,
            many: many as usize,
            down: Span::secs(down as u64),
            hole: Span::secs(hole as u64),
            stops: stops as usize,
            mass: mass as usize,
            window: Span::secs(window as u64),
        })
    }
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(DefenceSilence::new(Tuning::from_signature(s)?)))
}

/// State.
#[derive(Debug)]
pub struct DefenceSilence {
    tuning: Tuning,
    contacts: Contacts,
    services: Services,
    said: BoundedMap<(Server, bool), (Severity, usize)>,
    next_look: Timestamp,
    /// Packets captured so far.
    packets: u64,
}

impl DefenceSilence {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> DefenceSilence {
        DefenceSilence {
            tuning,
            contacts: Contacts::new(),
            services: Services::new(),
            said: BoundedMap::new(512),
            next_look: Timestamp(0),
            packets: 0,
        }
    }
    /// A host's own TCP connection, as far as it got; `None` if nobody can tell yet.
    fn contact(&mut self, flow: &FlowInfo, outcome: Outcome, now: Timestamp, scene: &Scene<'_>) {
        let t = flow.tuple;
        if t.proto != proto::TCP || !scene.site.is_inside(t.orig) {
            return;
        }
        let answered = outcome >= Outcome::Answered;
        if answered {
            self.contacts.wake(t.orig, now);
            self.contacts.wake(t.resp, now);
        }
        if !scene.site.is_inside(t.resp) || !is_defence(scene, t.resp, t.resp_port) {
            return;
        }
        let server = (t.resp, t.resp_port);
        if answered {
            self.contacts.answered(t.orig, server, now, self.tuning.apart);
        } else {
            self.contacts.failed(t.orig, server, now, &self.tuning);
        }
    }
    fn silent(&mut self, server: Server, hosts: &[(Addr, Timestamp)], scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let n = hosts.len();
        let Some((first, since)) = hosts.iter().min_by_key(|h| (h.1, h.0)).copied() else { return };
        let stopped = self.services.stopped_since(scene.now, STOPS);
        let severity = match () {
            () if n >= self.tuning.many || n >= self.tuning.hosts && stopped => Severity::High,
            () if n >= self.tuning.hosts => Severity::Medium,
            () => Severity::Low,
        };
        let story = format!("{}:{}:silent", server.0, server.1);
        let Some(mut f) = self.finding(server, false, (severity, n), story, first, scene) else { return };
        (f.first_ts, f.outcome) = (since, Outcome::Attempted);
        let mut reasons = vec!["hosts that are awake no longer report to their protection server: victims, not culprits"];
        reasons.extend(stopped.then_some("protection services were stopped from afar before"));
        f.set("reasons", reasons);
        let listed = hosts.iter().take(Finding::MAX_RESP);
        f.set("hosts", listed.map(|h| serde_json::json!({"host": h.0.to_string(), "last_contact": h.1.to_string()})).collect::<Vec<_>>());
        out.push(f);
    }
    fn down(&mut self, server: Server, hosts: &[Addr], since: Timestamp, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let story = format!("{}:{}:down", server.0, server.1);
        let Some(mut f) = self.finding(server, true, (Severity::Medium, hosts.len()), story, server.0, scene) else { return };
        (f.first_ts, f.outcome) = (since, Outcome::Failed);
        f.set("reasons", ["the protection server does not answer any more"]);
        f.set("hosts", hosts.iter().take(Finding::MAX_RESP).map(|h| serde_json::json!({"host": h.to_string()})).collect::<Vec<_>>());
        out.push(f);
    }
    /// A finding about a server's hosts, unless it was said.
    fn finding(
        &mut self,
        server: Server,
        down: bool,
        (severity, n): (Severity, usize),
        story: String,
        orig: Addr,
        scene: &Scene<'_>,
    ) -> Option<Finding> {
        if self.said.get(&(server, down)).is_some_and(|(s, count)| severity <= *s && n < 2 * count) {
            return None;
        }
        self.said.insert((server, down), (severity, n));
        let mut f = Finding::new(ID, story, scene.now, severity, Subject::addr(orig));
        (f.count, f.last_ts) = (n as u64, scene.now);
        f.add_resp(server.0);
        f.set("port", server.1);
        f.set("user_source", "none: nobody logs on");
        Some(f)
    }
}

/// A server that computers report to: by the port, or by its name on a web port. The ledger's role does not tell: consoles have web pages, too.
fn is_defence(scene: &Scene<'_>, a: Addr, port: u16) -> bool {
    if PORTS.contains(&port) {
        return true;
    }
    let web = matches!(port, 80 | 443 | 8080 | 8081 | 8443);
    let named = || scene.assets.names.of(a).is_some_and(|n| n.to_lowercase().split(['.', '-', '_']).any(|w| NAMES.contains(&w)));
    web && named()
}

impl Detector for DefenceSilence {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::CONTACT | Interest::FLOW | Interest::RPC | Interest::COVERAGE
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        match &event.kind {
            EventKind::Contact(c) => {
                self.contacts.hear(event.ts, self.tuning.hole);
                self.contact(&c.flow, c.outcome, event.ts, scene);
            }
            EventKind::FlowAlive(r) => {
                self.contacts.hear(event.ts, self.tuning.hole);
                self.contact(&r.info, r.outcome, r.last_ts, scene);
            }
            EventKind::Coverage(c) if c.packets > self.packets => {
                self.packets = c.packets;
                self.contacts.hear(event.ts, self.tuning.hole);
            }
            EventKind::Message { flow, message: Message::Rpc(m), .. } => {
                if let Rpc::Call(call) = m.as_ref() {
                    let orig = flow.tuple.orig;
                    let admin = scene.site.may_administer(orig) || is_administrator(scene.assets.role(orig));
                    out.extend(self.services.call(flow, call, admin, scene.now, &self.tuning));
                }
            }
            _ => {}
        }
    }
    fn tick(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        if scene.now < self.next_look {
            return;
        }
        self.next_look = scene.now + LOOK;
        let tuning = self.tuning;
        for (server, news) in self.contacts.look(scene.now, &tuning) {
            match news {
                News::Silent(hosts) => self.silent(server, &hosts, scene, out),
                News::Down(hosts, since) => self.down(server, &hosts, since, scene, out),
            }
        }
    }
    fn held(&self) -> (usize, u64) {
        let (c, s) = (self.contacts.held(), self.services.held());
        (c.0 + s.0 + self.said.len(), c.1 + s.1 + self.said.evicted())
    }
}
