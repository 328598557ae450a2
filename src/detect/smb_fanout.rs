//! `smb-fanout`: one host opens SMB sessions to many hosts that are not its file servers: how ransomware and worms walk through a hospital
//! (ATT&CK T1021.002, T1570). Judged by sessions that speak SMB, so a half-open scan does not count, and a capture without SYNs does.

use super::fanout::{Fan, Measure, Target, is_server, is_terminal};
use super::sessions::{Change, Sessions};
use super::signature::{Signature, SignatureError};
use super::{Detector, Finding, Scene};
use crate::base::{Addr, Outcome, Service};
use crate::event::{Event, EventKind, Interest, Shape};

/// Detector id.
pub const ID: &str = "smb-fanout";

/// The numbers of `signatures/smb-fanout.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    measure: Measure,
}

impl Tuning {
    /// From the signature.
    pub fn from_signature(s: &Signature) -> Result<Tuning, SignatureError> {
        Ok(Tuning { measure: Measure::from_signature(s)? })
    }
}

/// For the registry.
pub fn build(s: &Signature) -> Result<Box<dyn Detector>, SignatureError> {
    Ok(Box::new(SmbFanout::new(Tuning::from_signature(s)?)))
}

/// State.
#[derive(Debug)]
pub struct SmbFanout {
    sessions: Sessions,
    fan: Fan,
}

impl SmbFanout {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> SmbFanout {
        SmbFanout { sessions: Sessions::new(16_384, |s| s == Service::Smb), fan: Fan::new(ID, tuning.measure) }
    }
}

impl Detector for SmbFanout {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::ADMIN
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        if let EventKind::Contact(c) = &event.kind
            && c.flow.service == Service::Smb
            && c.shape == Shape::Syn
            && matches!(c.outcome, Outcome::Refused | Outcome::Attempted)
        {
            self.fan.failed(c.flow.tuple.orig, c.flow.tuple.resp, event.ts);
        }
        if let Some((session, change)) = self.sessions.update(event)
            && matches!(change, Change::Speaks | Change::Entered | Change::Lives)
            && session.speaks
        {
            self.fan.session(&session, scene, weigh, out);
        }
    }
    fn held(&self) -> (usize, u64) {
        let (a, b) = (self.sessions.held(), self.fan.held());
        (a.0 + b.0, a.1 + b.1)
    }
}

/// A file server that others use too is what SMB is for; a terminal is nobody's file server; an administrative share is never a user's.
fn weigh(scene: &Scene<'_>, _orig: Addr, t: &Target) -> f64 {
    let by_host = match () {
        () if is_terminal(scene, t.addr) => 1.5,
        () if is_server(scene, t.addr, Service::Smb) => 0.34,
        () => 1.0,
    };
    if t.shares.admin || t.shares.admin_denied { f64::max(by_host, 1.5) } else { by_host }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::base::Severity;

    fn stage(site: crate::site::Site) -> Stage {
        Stage::new(site, build(super::super::signature::Signatures::embedded().unwrap().require(ID).unwrap()).unwrap())
    }

    #[test]
    fn a_terminal_that_visits_six_hosts_is_high_with_all_of_them_listed() {
        let mut s = stage(hospital());
        let targets = ["10.10.10.11", "10.10.10.13", "10.10.20.10", "10.10.20.20", "10.10.30.11", "10.10.30.12"];
        s.play(targets.iter().enumerate().flat_map(|(i, t)| smb_session(at(i as f64 * 2.0), "10.10.10.12", t, &["ADMIN$", "share"])).collect());
        let f = s.findings();
        assert_eq!((f.len(), f[0].severity, f[0].count, f[0].resp.len()), (1, Severity::High, 6, 6));
        assert_eq!(f[0].outcome, Outcome::Succeeded);
        assert_eq!(f[0].evidence["hops"].as_array().unwrap().len(), 6);
    }

    #[test]
    fn without_a_ledger_and_without_a_syn_a_walk_after_a_sweep_is_found() {
        let mut s = stage(crate::site::Site::default());
        let mut ev = Vec::new();
        for n in 0..10 {
            let f = flow(at(0.1), "10.0.0.5", &format!("10.0.0.{}", 100 + n), 445);
            ev.push(contact(at(5.2), f, Outcome::Attempted, Shape::Syn));
        }
        for n in 0..3 {
            let all = smb_session(at(6.0 + f64::from(n)), "10.0.0.5", &format!("10.0.0.{}", 20 + n), &["share"]);
            ev.extend(all.into_iter().filter(|e| !matches!(e.kind, EventKind::Contact(_))));
        }
        s.play(ev);
        assert_eq!(s.worst(), Some(Severity::Medium));
        assert_eq!(s.findings()[0].evidence["failed_responders"], 10);
    }

    #[test]
    fn without_a_ledger_pace_alone_is_medium_and_a_search_makes_it_high() {
        let visits = (0..7).flat_map(|n| smb_session(at(3.0 + f64::from(n)), "10.0.0.5", &format!("10.0.0.{}", 20 + n), &["share"]));
        let mut s = stage(crate::site::Site::default());
        s.play(visits.clone().collect());
        assert_eq!(s.worst(), Some(Severity::Medium), "an inventory does the same");
        let search = (0..5).map(|n| contact(at(2.0), flow(at(0.1), "10.0.0.5", &format!("10.0.0.{}", 100 + n), 445), Outcome::Attempted, Shape::Syn));
        let mut s = stage(crate::site::Site::default());
        s.play(search.chain(visits).collect());
        assert_eq!(s.worst(), Some(Severity::High));
    }

    #[test]
    fn users_of_file_servers_and_inventory_hosts_stay_below_medium() {
        let mut s = stage(hospital());
        let mut ev = Vec::new();
        for pc in 11..20 {
            for (i, server) in ["10.10.20.5", "10.10.20.10", "10.10.20.20"].iter().enumerate() {
                ev.extend(smb_session(at(f64::from(pc) + 0.2 * i as f64), &format!("10.10.10.{pc}"), server, &["IPC$", "karte"]));
            }
            ev.extend(smb_session(at(100.0 + f64::from(pc)), "10.10.20.5", &format!("10.10.10.{pc}"), &["IPC$", "C$"]));
        }
        s.play(ev);
        assert!(s.worst().is_none_or(|w| w < Severity::Medium), "{:?}", s.said);
    }

    #[test]
    fn answered_but_silent_ports_are_no_sessions() {
        let mut s = stage(hospital());
        s.play(
            (11..20)
                .map(|n| {
                    contact(at(f64::from(n)), flow(at(f64::from(n)), "10.10.10.12", &format!("10.10.30.{n}"), 445), Outcome::Answered, Shape::Syn)
                })
                .collect(),
        );
        assert!(s.said.is_empty());
    }
}
