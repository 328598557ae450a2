//! `rdp-fanout`: one host opens interactive sessions (RDP, WinRM, SSH, VNC, Telnet) to several hosts in a short time: an intruder at work, or an
//! administrator (ATT&CK T1021.001, .004, .005, .006). Judged by sessions that speak; those that are worked in count double.

use super::fanout::{Fan, Measure, Target, is_terminal};
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
        RdpFanout { sessions: Sessions::new(16_384, Service::is_interactive), fan: Fan::new(ID, tuning.measure) }
    }
}

impl Detector for RdpFanout {
    fn id(&self) -> &'static str {
        ID
    }
    fn interest(&self) -> Interest {
        Interest::ADMIN
    }
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        if let EventKind::Contact(c) = &event.kind
            && admin_service(&c.flow).is_interactive()
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

/// A terminal is not administered by hand from another host; a server that several hosts log on to is a terminal server or a jump host; SSH is also
/// what scripts speak. A session that only spoke weighs half: it may be a refused logon.
fn weigh(scene: &Scene<'_>, _orig: Addr, t: &Target) -> f64 {
    let by_host = match t.service {
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
}
