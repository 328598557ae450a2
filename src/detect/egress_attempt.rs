//! `egress-attempt`: a host of a clinical or supplier zone tried to reach the internet and was refused or got no answer (ATT&CK T1071).
//! Malware that calls home behind a closed firewall looks like this, and so does a forgotten update service.

use super::outbound::{Concern, Outbound, began, concern};
use super::{Detector, Finding, Scene, Signature, SignatureError};
use crate::base::{Outcome, Service, Severity};
use crate::event::{Event, EventKind, Interest};

/// Detector id.
pub const ID: &str = "egress-attempt";

/// The numbers of `signatures/egress-attempt.toml`: none, one packet is enough.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tuning {}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        let _ = s;
        Ok(Tuning {})
    }
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(EgressAttempt::new(Tuning::from_signature(s)?)))
}

/// State.
#[derive(Debug)]
pub struct EgressAttempt {
    outbound: Outbound,
}

impl EgressAttempt {
    /// With these numbers.
    pub fn new(_tuning: Tuning) -> EgressAttempt {
        EgressAttempt { outbound: Outbound::new(ID) }
    }
}

fn severity(c: Concern) -> Severity {
    match c {
        Concern::Forbidden(_) => Severity::Medium,
        Concern::Inventory => Severity::Info,
    }
}

impl Detector for EgressAttempt {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::CONTACT | Interest::CONTACTS
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        match &event.kind {
            EventKind::Contact(c) if c.outcome < Outcome::Answered && scene.site.is_internet(c.flow.tuple.resp) && began(c) => {
                if let Some(why) = concern(scene, c.flow.tuple.orig, c.flow.service) {
                    self.outbound.contact(why, c, event.ts);
                    self.outbound.speak(c.flow.tuple.orig, severity, scene, out);
                }
            }
            EventKind::Contacts(c) if c.bits == 128 && scene.site.is_internet(c.example.resp) => {
                let service = Service::of_port(c.example.proto, c.example.resp_port);
                if let Some(why) = concern(scene, c.source, service) {
                    self.outbound.counted(why, c.source, c.example.resp, c.attempted + c.refused, c.refused > 0, event.ts);
                    self.outbound.speak(c.source, severity, scene, out);
                }
            }
            _ => {}
        }
    }
    fn tick(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        self.outbound.tick(severity, scene, out);
    }
    fn held(&self) -> (usize, u64) {
        self.outbound.held()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::base::proto;
    use crate::event::{Contact, Shape};

    #[test]
    fn refused_by_the_firewall_and_unanswered_are_one_finding() {
        let mut s = Stage::new(hospital(), Box::new(EgressAttempt::new(Tuning::default())));
        let f = flow(at(0.0), "10.10.10.12", "198.51.100.10", 443);
        let refused = Contact { flow: f, outcome: Outcome::Refused, shape: Shape::Syn, icmp: Some((3, 13, a("10.10.10.1"))), tries: 1 };
        let udp = flow_of(at(1.0), "10.10.10.12", "198.51.100.10", 123, proto::UDP);
        s.play(vec![Event { ts: at(0.1), packet: 4, kind: EventKind::Contact(refused) }, contact(at(6.0), udp, Outcome::Attempted, Shape::Udp)]);
        let f = s.findings();
        assert_eq!((f.len(), f[0].severity, f[0].outcome, f[0].count), (1, Severity::Medium, Outcome::Refused, 1));
        assert_eq!((&f[0].evidence["refused_by"][0], &f[0].evidence["contacts"]), (&"10.10.10.1".into(), &2.into()));
    }

    #[test]
    fn answered_inside_and_backscatter_are_silent() {
        let mut s = Stage::new(hospital(), Box::new(EgressAttempt::new(Tuning::default())));
        s.play(vec![
            contact(at(0.1), flow(at(0.0), "10.10.10.12", "198.51.100.10", 443), Outcome::Answered, Shape::Syn),
            contact(at(0.2), flow(at(0.0), "10.10.10.12", "10.10.20.99", 443), Outcome::Attempted, Shape::Syn),
            contact(at(0.3), flow(at(0.0), "10.10.10.12", "198.51.100.10", 50_000), Outcome::Attempted, Shape::Backscatter),
            contact(at(0.4), flow(at(0.0), "10.10.30.11", "198.51.100.10", 443), Outcome::Attempted, Shape::Syn),
        ]);
        assert_eq!(s.findings().len(), 0);
    }
}
