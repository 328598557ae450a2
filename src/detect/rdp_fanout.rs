//! `rdp-fanout`: one host opens interactive sessions (RDP, WinRM, SSH, VNC, Telnet) to several hosts in a short time: an intruder at work, or an
//! administrator (ATT&CK T1021.001, .004, .005, .006). Judged by sessions that speak; those that are worked in count double.

use super::fanout::{Fan, Measure, Target};
use super::hosts::{is_maintained, is_terminal};
use super::sessions::{Change, Sessions, admin_service};
use super::signature::{Signature, SignatureError};
use super::{Detector, Finding, Scene};
use crate::base::{Addr, Outcome, Service};
use crate::event::{Event, EventKind, Interest, Shape};

/// Detector id.
pub const ID: &str = "rdp-fanout";

/// The numbers of `signatures/rdp-fanout.toml`.
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
    Ok(Box::new(RdpFanout::new(Tuning::from_signature(s)?)))
}

/// State.
#[derive(Debug)]
pub struct RdpFanout {
    sessions: Sessions,
    fan: Fan,
}

impl RdpFanout {
    /// With these numbers.
    pub fn new(tuning: Tuning) -> RdpFanout {
        RdpFanout { sessions: Sessions::new(16_384, Service::is_interactive), fan: Fan::new(ID, tuning.measure, weigh) }
    }
}

impl Detector for RdpFanout {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::ADMIN
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, _out: &mut Vec<Finding>) {
        if let EventKind::Contact(c) = &event.kind
            && admin_service(&c.flow).is_interactive()
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
        }
    }
    /// Sessions that last become known as such together; only then is it seen how many ran at once.
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

/// A terminal is not administered by hand from another host; a server that several hosts log on to is a terminal server or a jump host; SSH is also
/// what scripts speak. A session that only spoke weighs half: it may be a refused logon.
fn weigh(scene: &Scene<'_>, orig: Addr, t: &Target) -> f64 {
    let by_host = match t.service {
        _ if is_maintained(scene, orig, t.addr) => 0.34,
        _ if is_terminal(scene, t.addr) => 1.5,
        s if scene.assets.services.users_of(t.addr, s) >= 3 => 0.5,
        Service::Ssh => 0.8,
        _ => 1.0,
    };
    if t.lives || t.service == Service::Winrm { by_host } else { by_host * 0.5 }
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
    fn a_server_that_logs_on_to_terminals_is_found_and_grows() {
        let mut s = stage(hospital());
        s.play((11..16).flat_map(|n| session(at(f64::from(n) * 60.0), "10.10.20.20", &format!("10.10.10.{n}"), 3389, 40)).collect());
        let f = s.findings();
        assert_eq!((f.len(), f[0].severity, f[0].count, f[0].service), (1, Severity::High, 5, Service::Rdp));
        assert!(s.said.len() >= 3, "medium first, then more");
        assert_eq!(s.said[0].severity, Severity::Medium);
    }

    #[test]
    fn winrm_to_three_hosts_in_seconds_is_found_without_a_ledger() {
        let mut s = stage(crate::site::Site::default());
        s.play((5..8).flat_map(|n| session(at(f64::from(n)), "172.18.39.5", &format!("172.18.39.{}", n + 20), 5985, 2)).collect());
        assert_eq!(s.worst(), Some(Severity::Medium));
    }

    #[test]
    fn two_servers_a_refused_guess_and_an_administrator_stay_silent() {
        let mut s = stage(hospital());
        let mut ev = Vec::new();
        ev.extend(session(at(1.0), "10.10.30.11", "10.10.20.20", 3389, 600));
        ev.extend(session(at(700.0), "10.10.30.11", "10.10.20.10", 3389, 600));
        for n in 11..20 {
            ev.extend(session(at(f64::from(n)), "10.10.20.5", &format!("10.10.10.{n}"), 22, 5));
            let f = flow(at(2000.0 + f64::from(n)), "10.10.30.12", "10.10.20.20", 3389);
            ev.push(ended(record(f, at(2000.3 + f64::from(n)), [2_100, 2_400])));
        }
        s.play(ev);
        assert!(s.worst().is_none_or(|w| w < Severity::Medium), "{:?}", s.said);
    }

    #[test]
    fn many_people_behind_one_address_are_quiet_and_one_who_tries_an_account_is_not() {
        let servers = ["10.10.20.10", "10.10.20.20", "10.10.20.5", "10.10.20.30"];
        let mut s = stage(hospital());
        s.play(
            servers
                .iter()
                .enumerate()
                .flat_map(|(i, to)| (0..2).flat_map(move |k| session(at(5.0 * i as f64 + 2.0 * f64::from(k)), "10.10.40.10", to, 3389, 60)))
                .collect(),
        );
        assert_eq!(s.worst(), Some(Severity::Info), "{:?}", s.said);
        let mut s = stage(hospital());
        s.play(servers.iter().enumerate().flat_map(|(i, to)| session(at(i as f64), "10.10.40.10", to, 3389, 60)).collect());
        assert!(s.worst() >= Some(Severity::Medium), "one desktop on each of four servers is one person's, from a supplier");
        let mut s = stage(hospital());
        let tries = (0..8).map(|i| {
            let f = flow(at(f64::from(i) * 2.0), "10.10.40.10", &format!("10.10.20.{}", 40 + i), 3389);
            ended(record(f, at(f64::from(i) * 2.0 + 0.4), [2_100, 2_400]))
        });
        s.play(tries.collect());
        assert!(s.worst() >= Some(Severity::Medium), "logons and nothing more");
        // Windows remote management opens several connections to each host by itself.
        let twice = (0..4).flat_map(|i| {
            (0..2).flat_map(move |k| session(at(f64::from(i) + 0.1 * f64::from(k)), "10.10.30.12", &format!("10.10.20.{}", 40 + i), 5985, 20))
        });
        let mut s = stage(hospital());
        s.play(twice.collect());
        assert!(s.worst() >= Some(Severity::Medium), "connections are no desktops");
    }

    #[test]
    fn a_supplier_on_the_hosts_it_maintains_is_silent() {
        let vendor = crate::site::Vendor {
            sources: vec!["10.10.40.10/32".parse().unwrap()],
            hosts: vec!["10.10.20.0/26".parse().unwrap()],
            ..Default::default()
        };
        let visits = |first: u32| {
            (0..4).flat_map(|i| session(at(f64::from(i) * 60.0), "10.10.40.10", &format!("10.10.20.{}", first + i), 3389, 50)).collect::<Vec<_>>()
        };
        let mut s = stage(crate::site::Site { vendors: vec![vendor.clone()], ..hospital() });
        s.play(visits(10));
        assert!(s.said.is_empty(), "{:?}", s.said);
        let mut s = stage(crate::site::Site { vendors: vec![vendor], ..hospital() });
        s.play(visits(100));
        assert!(s.worst() >= Some(Severity::Medium), "on others it is a stranger");
    }
}
