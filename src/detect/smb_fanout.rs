//! `smb-fanout`: one host opens SMB sessions to many hosts that are not its file servers: how ransomware and worms walk through a hospital
//! (ATT&CK T1021.002, T1570). Judged by sessions that speak SMB, so a half-open scan does not count, and a capture without SYNs does.

use super::fanout::{Fan, Measure, Target};
use super::hosts::{is_server, is_task, is_terminal};
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
        SmbFanout { sessions: Sessions::new(16_384, |s| s == Service::Smb), fan: Fan::new(ID, tuning.measure, weigh) }
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
            self.fan.failed(c);
        }
        if let Some((session, change)) = self.sessions.update(event, scene)
            && !matches!(change, Change::Answered | Change::More)
            && session.speaks
        {
            self.fan.session(&session, scene);
            // Somebody who guesses passwords is refused thousands of times a second: those are judged together.
            if change != Change::Refused {
                self.fan.speak(scene, out);
            }
        }
    }
    fn tick(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        self.fan.tick(scene, out);
    }
    fn end(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        self.fan.end(scene, out);
    }
    fn held(&self) -> (usize, u64) {
        let (a, b) = (self.sessions.held(), self.fan.held());
        (a.0 + b.0, a.1 + b.1)
    }
}

/// A file server that others use too is what SMB is for; a terminal is nobody's file server; an administrative share is never a user's. A greeting
/// under way weighs nothing yet, nor do files where it is the originator's task to have them. A refused logon of a copier is a changed password, until
/// there are many.
fn weigh(scene: &Scene<'_>, orig: Addr, t: &Target) -> f64 {
    let task = is_task(scene, orig, t.addr);
    if t.visit.is_pending() || task && t.visit.is_plain() && !t.refused {
        return 0.0;
    }
    if task && t.is_refused() {
        return 0.5;
    }
    let by_host = match () {
        () if is_terminal(scene, t.addr) => 1.5,
        () if is_server(scene, t.addr, Service::Smb) => 0.34,
        () => 1.0,
    };
    if t.is_administered() { f64::max(by_host, 1.5) } else { by_host }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::base::Severity;
    use crate::site::Role;

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
    fn every_host_is_named_in_the_end() {
        let visits = |n: u32| smb_session(at(f64::from(n) * 2.0), "10.10.10.12", &format!("10.10.30.{n}"), &["ADMIN$"]);
        let mut s = stage(hospital());
        s.play((30..53).flat_map(visits).collect());
        assert_eq!(s.findings().last().unwrap().count, 16, "not at each of them");
        s.end();
        assert_eq!(s.findings().last().unwrap().count, 23);
        // While the run goes on: after a minute.
        let mut s = stage(hospital());
        let other = smb_session(at(300.0), "10.10.20.10", "10.10.20.20", &["share"]);
        s.play((30..53).flat_map(visits).chain(other).collect());
        assert_eq!(s.findings().last().unwrap().count, 23);
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

    #[test]
    fn a_look_at_what_shares_there_are_is_low_unless_it_searches_or_comes_from_a_place_of_work() {
        let look = |from: &str| (1..9).flat_map(|n| smb_session(at(f64::from(n)), from, &format!("10.10.30.{n}"), &["IPC$"])).collect::<Vec<_>>();
        let dead = |from: &'static str| {
            (0..5).map(move |n| contact(at(0.5), flow(at(0.1), from, &format!("10.10.30.{}", 100 + n), 445), Outcome::Attempted, Shape::Syn))
        };
        for (site, from, searches, want) in [
            (crate::site::Site::default(), "10.10.20.9", false, Severity::Low),
            (hospital(), "10.10.20.20", false, Severity::Low),
            (hospital(), "10.10.20.9", false, Severity::Medium),
            (hospital(), "10.10.10.12", false, Severity::Medium),
            (hospital(), "10.10.20.9", true, Severity::High),
        ] {
            let mut s = stage(site);
            s.play(if searches { dead("10.10.20.9").chain(look(from)).collect() } else { look(from) });
            assert_eq!(s.worst(), Some(want), "{from}, searches: {searches}; 10.10.20.9 is in no ledger");
        }
    }

    #[test]
    fn a_copier_and_an_archive_at_their_task_are_silent_and_the_same_ones_turned_are_not() {
        let site = || {
            hospital_with(&[
                ("10.10.30.90", Role::Printer),
                ("10.10.20.30", Role::Pacs),
                ("10.10.10.61", Role::Modality),
                ("10.10.10.62", Role::Modality),
                ("10.10.10.63", Role::Modality),
            ])
        };
        let scans = |n: u32| {
            (11..11 + n)
                .flat_map(|i| smb_session(at(f64::from(i) * 9.0), "10.10.30.90", &format!("10.10.10.{i}"), &["IPC$", "scan"]))
                .collect::<Vec<_>>()
        };
        let fetched = (61..64).flat_map(|i| smb_session(at(f64::from(i)), "10.10.20.30", &format!("10.10.10.{i}"), &["IPC$", "export"]));
        let mut s = stage(site());
        s.play(scans(8).into_iter().chain(fetched).chain(smb_refused(at(300.0), "10.10.30.90", "10.10.30.11")).collect());
        assert!(s.said.is_empty(), "{:?}", s.said);
        let mut s = stage(site());
        s.play((11..19).flat_map(|i| smb_refused(at(f64::from(i)), "10.10.30.90", &format!("10.10.10.{i}"))).collect());
        assert!(s.worst() >= Some(Severity::Medium), "refused by eight");
        assert!(s.findings()[0].evidence["refused_logons"].as_u64() >= Some(7), "the eighth may come after the last word");
        let mut s = stage(site());
        s.play((11..16).flat_map(|i| smb_session(at(f64::from(i)), "10.10.20.30", &format!("10.10.10.{i}"), &["IPC$", "ADMIN$"])).collect());
        assert_eq!(s.worst(), Some(Severity::High), "an archive in administrative shares");
    }

    #[test]
    fn the_account_and_the_beginning_are_the_story_s_not_an_honest_visit_s() {
        let mut s = stage(hospital());
        // The file server has other users too, so a visit to it is nothing unusual.
        let mut ev: Vec<_> = (13..17).flat_map(|i| smb_session(at(f64::from(i)), &format!("10.10.10.{i}"), "10.10.20.10", &["karte"])).collect();
        ev.extend(smb_session_as(at(20.0), "10.10.10.12", "10.10.20.10", &["IPC$", "karte"], "nurse3"));
        ev.push(contact(at(50.0), flow(at(45.0), "10.10.10.12", "10.10.20.77", 445), Outcome::Attempted, Shape::Syn));
        let search = |n: u32| {
            contact(
                at(1_805.0),
                flow(at(1_800.0 + f64::from(n)), "10.10.10.12", &format!("10.10.10.{}", 200 + n), 445),
                Outcome::Attempted,
                Shape::Syn,
            )
        };
        ev.extend((0..4).map(search));
        for (i, to) in ["10.10.10.11", "10.10.10.13", "10.10.20.10", "10.10.30.11"].iter().enumerate() {
            ev.extend(smb_session_as(at(1_810.0 + 2.0 * i as f64), "10.10.10.12", to, &["IPC$", "ADMIN$"], "adm-kondo"));
        }
        s.play(ev);
        let f = s.findings();
        let f = f.iter().find(|f| f.orig.addr == Some(a("10.10.10.12"))).unwrap();
        assert_eq!((f.user.as_deref(), f.count, f.severity), (Some("adm-kondo"), 4, Severity::High));
        assert_eq!(f.first_ts, at(1_800.0), "the search that ran up to it, not the morning's visit nor a dead drive");
        assert_eq!(f.evidence["users"].as_array().unwrap().len(), 1);
    }
}
