//! `policy-violation`: a flow between two zones (or a zone and the internet) for which the site's policy says alert. Clinical and supplier
//! zones towards the internet have detectors of their own.

use super::outbound::began;
use super::{Detector, Finding, Scene, Signature, SignatureError, Subject};
use crate::base::{Addr, Outcome, Service, Severity, Timestamp};
use crate::bounded::BoundedMap;
use crate::event::{Contact, Event, EventKind, Interest};
use crate::site::{Action, Place, Rule, Site, ZoneKind};

/// Detector id.
pub const ID: &str = "policy-violation";

/// The numbers of `signatures/policy-violation.toml`: none, the policy decides.
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
    Ok(Box::new(PolicyViolation::new(Tuning::from_signature(s)?)))
}

/// Stories remembered: (originator, destination zone or internet, service).
const STORIES: usize = 16_384;

/// State.
#[derive(Debug)]
pub struct PolicyViolation {
    stories: BoundedMap<(Addr, Place, Service), Story>,
}

#[derive(Debug)]
struct Story {
    finding: Finding,
    contacts: u64,
    said: (usize, Outcome),
}

impl PolicyViolation {
    /// With these numbers.
    pub fn new(_tuning: Tuning) -> PolicyViolation {
        PolicyViolation { stories: BoundedMap::new(STORIES) }
    }
    fn contact(&mut self, c: &Contact, rule: Option<&Rule>, ts: Timestamp, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let t = &c.flow.tuple;
        let to = scene.site.place(t.resp);
        let story = self.stories.entry((t.orig, to, c.flow.service), || {
            let mac = scene.assets.device_of(t.orig).and_then(|d| d.mac);
            let name = place_name(scene.site, to, t.resp);
            let who = Subject { addr: Some(t.orig), mac };
            let mut f = Finding::new(ID, format!("{}>{name}:{}", t.orig, c.flow.service), ts, Severity::Low, who);
            (f.first_ts, f.service) = (c.flow.first_ts, c.flow.service);
            f.zone = scene.site.zone_name(t.orig).to_owned();
            f.set("from", place_name(scene.site, scene.site.place(t.orig), t.orig));
            f.set("to", name);
            f.set("rule", rule.map_or("default", |r| r.reason.as_str()));
            f.set("owner", rule.map_or("", |r| r.owner.as_str()));
            f.set("user_source", "judged by addresses and service, not by account");
            Story { finding: f, contacts: 0, said: (0, Outcome::Attempted) }
        });
        story.contacts += 1;
        let f = &mut story.finding;
        f.ts = ts;
        f.last_ts = f.last_ts.max(ts);
        f.outcome = f.outcome.max(c.outcome);
        f.severity = if f.outcome >= Outcome::Answered { Severity::Medium } else { Severity::Low };
        f.add_resp(t.resp);
        f.add_flow(&c.flow);
        f.count = f.resp.len() as u64;
        f.set("contacts", story.contacts);
        let now = (f.resp.len(), f.outcome);
        if story.contacts.is_power_of_two() || now != story.said {
            story.said = now;
            out.push(f.clone());
        }
    }
}

fn place_name(site: &Site, p: Place, a: Addr) -> String {
    match p {
        Place::Zone(_) => site.zone_name(a).to_owned(),
        Place::Internet => "internet".to_owned(),
        Place::Inside | Place::Nowhere => "inside".to_owned(),
    }
}

impl Detector for PolicyViolation {
    fn id(&self) -> &'static str {
        ID
    }
    fn blocked(&self, site: &Site) -> Option<(&'static str, &'static str)> {
        let none = !site.policy.rules.iter().any(|r| r.action == Action::Alert);
        none.then_some(("no policy rule says alert", "action = \"alert\" の通信ポリシーが宣言されていません"))
    }
    fn interest(&self) -> Interest {
        Interest::CONTACT
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let EventKind::Contact(c) = &event.kind else { return };
        let t = &c.flow.tuple;
        let verdict = scene.site.judge_at(t.orig, t.resp, c.flow.service, scene.now);
        let own = matches!(scene.site.kind(t.orig), Some(ZoneKind::Clinical | ZoneKind::Vendor)) && scene.site.is_internet(t.resp);
        if verdict.action == Action::Alert && !own && began(c) {
            self.contact(c, verdict.rule, event.ts, scene, out);
        }
    }
    fn held(&self) -> (usize, u64) {
        (self.stories.len(), self.stories.evicted())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::event::Shape;
    use crate::site::Policy;

    fn site() -> Site {
        let site = hospital();
        let z = |ip: &str| site.zones.of(a(ip));
        let rule = |from, to, services: &[Service]| Rule {
            from,
            to,
            services: services.to_vec(),
            action: Action::Alert,
            owner: "IT".into(),
            reason: "offices do not administer the wards".into(),
            expires: None,
        };
        let rules = vec![rule(z("10.10.30.11"), z("10.10.10.11"), &[Service::Rdp, Service::Smb]), rule(z("10.10.10.11"), None, &[])];
        Site { policy: Policy { rules }, ..site }
    }

    #[test]
    fn one_finding_per_originator_zone_and_service() {
        let mut s = Stage::new(site(), Box::new(PolicyViolation::new(Tuning::default())));
        let rdp = |t, resp| contact(at(t), flow(at(t), "10.10.30.11", resp, 3389), Outcome::Answered, Shape::Syn);
        s.play(vec![
            rdp(0.0, "10.10.10.11"),
            rdp(1.0, "10.10.10.12"),
            contact(at(2.0), flow(at(2.0), "10.10.30.11", "10.10.10.11", 445), Outcome::Refused, Shape::Syn),
        ]);
        let f = s.findings();
        assert_eq!(f.iter().map(|f| (f.severity, f.count)).collect::<Vec<_>>(), [(Severity::Medium, 2), (Severity::Low, 1)]);
        assert_eq!(f[0].story, "10.10.30.11>clinical:rdp");
    }

    #[test]
    fn other_services_other_directions_and_egress_are_not_its_business() {
        let mut s = Stage::new(site(), Box::new(PolicyViolation::new(Tuning::default())));
        s.play(vec![
            contact(at(0.0), flow(at(0.0), "10.10.30.11", "10.10.10.11", 9100), Outcome::Answered, Shape::Syn),
            contact(at(0.0), flow(at(0.0), "10.10.10.11", "10.10.30.11", 3389), Outcome::Answered, Shape::Syn),
            contact(at(0.0), flow(at(0.0), "10.10.10.11", "198.51.100.10", 443), Outcome::Answered, Shape::Syn),
        ]);
        assert_eq!(s.findings().len(), 0);
        assert!(PolicyViolation::new(Tuning::default()).blocked(&hospital()).is_some());
        assert!(PolicyViolation::new(Tuning::default()).blocked(&site()).is_none());
    }
}
