//! `clinical-egress`: a host of a clinical or supplier zone spoke with the internet and was answered (ATT&CK T1041, T1071). One finding per
//! originator, which grows. Without such a zone: an inventory of who leaves, at `info`.

use super::outbound::{Concern, Outbound, began, concern, outside_name};
use super::{Detector, Finding, Scene, Signature, SignatureError};
use crate::base::{Outcome, Service, Severity};
use crate::event::{Event, EventKind, Interest};
use crate::protocols::Message;
use crate::site::ZoneKind;

/// Detector id.
pub const ID: &str = "clinical-egress";

/// The numbers of `signatures/clinical-egress.toml`: none, one answered packet is enough.
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
    Ok(Box::new(ClinicalEgress::new(Tuning::from_signature(s)?)))
}

/// State.
#[derive(Debug)]
pub struct ClinicalEgress {
    outbound: Outbound,
}

impl ClinicalEgress {
    /// With these numbers.
    pub fn new(_tuning: Tuning) -> ClinicalEgress {
        ClinicalEgress { outbound: Outbound::new(ID) }
    }
}

fn severity(c: Concern) -> Severity {
    match c {
        Concern::Forbidden(ZoneKind::Clinical) => Severity::High,
        Concern::Forbidden(_) => Severity::Medium,
        Concern::Inventory => Severity::Info,
    }
}

impl Detector for ClinicalEgress {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::CONTACT | Interest::HELLO | Interest::FLOW
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        match &event.kind {
            EventKind::Contact(c) if c.outcome >= Outcome::Answered && scene.site.is_internet(c.flow.tuple.resp) && began(c) => {
                if let Some(why) = concern(scene, c.flow.tuple.orig, c.flow.service) {
                    self.outbound.contact(why, c, event.ts);
                    self.outbound.speak(c.flow.tuple.orig, severity, scene, out);
                }
            }
            EventKind::Message { flow, from_orig: true, message: Message::Http(r) } if r.proxied && !scene.site.is_internet(flow.tuple.resp) => {
                if let Some(name) = r.host.as_deref().and_then(|h| outside_name(scene, h))
                    && let Some(why) = concern(scene, flow.tuple.orig, Service::Tls)
                {
                    self.outbound.proxied(why, flow, name, event.ts);
                    self.outbound.speak(flow.tuple.orig, severity, scene, out);
                }
            }
            EventKind::Message { flow, from_orig: true, message: Message::Tls(_) | Message::Http(_) } => self.outbound.renamed(flow),
            EventKind::Flow(r) => self.outbound.record(r, true),
            EventKind::FlowAlive(r) => self.outbound.record(r, false),
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
    use crate::base::{Confidence, proto};
    use crate::event::{Contact, Shape};
    use crate::protocols::{http::Request, tls::Hello};
    use crate::site::Site;

    const TERM: &str = "10.10.10.12";
    const WEB: &str = "198.51.100.10";

    fn stage(site: Site) -> Stage {
        Stage::new(site, Box::new(ClinicalEgress::new(Tuning::default())))
    }

    #[test]
    fn one_finding_grows_with_names_ports_and_bytes() {
        let mut s = stage(hospital());
        let one = flow(at(0.0), TERM, WEB, 443);
        let two = flow(at(5.0), TERM, "198.51.100.20", 8443);
        let hello = Message::Tls(Box::new(Hello { sni: Some("www.inet.example".into()), ..Hello::default() }));
        s.play(vec![
            contact(at(0.1), one, Outcome::Answered, Shape::Syn),
            message(at(0.2), one, true, hello),
            ended(record(one, at(3.0), [500, 262_144])),
            contact(at(5.1), two, Outcome::Answered, Shape::Syn),
        ]);
        let f = s.findings();
        assert_eq!((f.len(), f[0].severity, f[0].outcome, f[0].count), (1, Severity::High, Outcome::Answered, 2));
        assert_eq!((f[0].zone.as_str(), f[0].resp.len(), f[0].flows.len()), ("clinical", 2, 2));
        assert_eq!(f[0].evidence["names"][0], "www.inet.example");
        assert_eq!(f[0].evidence["bytes_in"], 262_144);
        assert_eq!(f[0].evidence["ports"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn countries_and_networks_of_the_destinations_are_named() {
        let mut s = stage(hospital());
        let mut geo = crate::site::Geo::embedded();
        geo.add(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/geo/asn.mmdb"))).unwrap();
        s.assets = crate::assets::Assets::new(s.site.clone()).with_geo(std::sync::Arc::new(geo));
        let to = |dest| contact(at(0.1), flow(at(0.0), TERM, dest, 443), Outcome::Answered, Shape::Syn);
        s.play(vec![to("8.8.8.8"), to("1.1.1.1")]);
        let f = s.findings();
        assert_eq!(f[0].evidence["networks"], serde_json::json!(["AS13335 CLOUDFLARENET", "AS15169 GOOGLE"]));
        assert!(f[0].evidence["countries"].as_array().unwrap().contains(&"US".into()));
    }

    #[test]
    fn answers_outward_multicast_other_zones_and_unanswered_are_silent() {
        let mut s = stage(hospital());
        let reverse = flow(at(0.0), WEB, TERM, 3389);
        let mut unsure = flow(at(1.0), TERM, WEB, 50_000);
        unsure.confidence = Confidence::First;
        let resolver = flow_of(at(1.0), "10.10.20.5", "198.51.100.53", 53, proto::UDP);
        let ntp = flow_of(at(1.5), TERM, "239.1.1.1", 123, proto::UDP);
        s.play(vec![
            contact(at(0.1), reverse, Outcome::Answered, Shape::Syn),
            contact(at(1.1), unsure, Outcome::Answered, Shape::Midstream),
            contact(at(1.1), resolver, Outcome::Answered, Shape::Udp),
            contact(at(1.6), ntp, Outcome::Answered, Shape::Udp),
            contact(at(2.0), flow(at(2.0), TERM, WEB, 80), Outcome::Refused, Shape::Syn),
        ]);
        assert_eq!(s.findings().len(), 0);
    }

    #[test]
    fn a_proxy_inside_does_not_hide_where_it_goes() {
        let mut s = stage(hospital());
        let f = flow(at(0.0), TERM, "10.10.20.20", 3128);
        let connect =
            |h: &str| Message::Http(Box::new(Request { method: "CONNECT".into(), host: Some(h.into()), proxied: true, ..Request::default() }));
        s.play(vec![message(at(0.1), f, true, connect("emr.hospital.local:443")), message(at(0.2), f, true, connect("10.10.20.10:443"))]);
        assert_eq!(s.findings().len(), 0);
        s.play(vec![message(at(1.1), f, true, connect("upload.example:443"))]);
        assert_eq!(s.findings()[0].evidence["proxied"][0], "upload.example");
    }

    #[test]
    fn without_a_clinical_zone_it_is_an_inventory() {
        let mut s = stage(Site::default());
        let answered = |f| Contact { flow: f, outcome: Outcome::Answered, shape: Shape::Syn, icmp: None, tries: 1 };
        let kind = EventKind::Contact(answered(flow(at(0.0), "192.168.1.5", WEB, 443)));
        let public = contact(at(0.2), flow(at(0.2), "203.0.113.5", WEB, 443), Outcome::Answered, Shape::Syn);
        s.play(vec![Event { ts: at(0.1), packet: 3, kind }, public]);
        assert_eq!((s.findings().len(), s.worst()), (1, Some(Severity::Info)));
    }
}
