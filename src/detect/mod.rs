//! One file per detector: [`Event`] in, [`Finding`] out. A detector sees `Event`, `Assets` and `Site`, nothing else.
#![forbid(unsafe_code)]

mod ad_recon;
mod address_conflict;
mod backup_attack;
mod admin_share;
mod claims;
mod clinical_egress;
mod dark_contact;
mod dcsync;
mod defence_silence;
mod egress_attempt;
mod exploit_shape;
mod fanout;
mod finding;
mod hosts;
mod kerberos_abuse;
mod name_poisoning;
mod new_admin_edge;
mod outbound;
mod pair;
mod password_guessing;
mod policy_violation;
mod printer_burst;
mod ransomware_smb;
mod rdp_fanout;
mod remote_exec;
mod rogue_dhcp;
mod scan;
mod sessions;
mod shared_local_admin;
pub mod signature;
mod smb_fanout;
mod spread_path;
mod terminal_to_terminal;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
pub(crate) mod testing_link;
mod unknown_device;
mod worm_payload;

pub use finding::{DetectorId, Evidence, Finding, Subject};

pub use signature::Signatures;

use crate::assets::Assets;
use crate::base::{Addr, Outcome, Service, Timestamp};
use crate::event::{Event, Interest};
use crate::site::Site;
pub use signature::{Signature, SignatureError};

/// What a detector may look at beside the event.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// What the hospital declared.
    pub site: &'a Site,
    /// What was learned so far, this event included.
    pub assets: &'a Assets,
    /// Packet time: of the event, or of the tick.
    pub now: Timestamp,
}

/// One detector. State is bounded and lives on packet time.
pub trait Detector: Send {
    /// The id of HOUSE section 8, such as `smb-fanout`.
    fn id(&self) -> &'static str;
    /// Why it cannot run on this site, in both languages (`no clinical zone declared`), if so. It is then given no events.
    fn blocked(&self, site: &Site) -> Option<(&'static str, &'static str)> {
        let _ = site;
        None
    }
    /// The events it wants to see; all of them unless it says so.
    fn interest(&self) -> Interest {
        Interest::ALL
    }
    /// One event.
    fn event(&mut self, event: &Event, scene: &Scene<'_>, out: &mut Vec<Finding>);
    /// The end of a tick (every second of packet time, and at the end of the run): windows that passed, things that did not happen.
    fn tick(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let _ = (scene, out);
    }
    /// The end of the run, after its last tick: what waits for an interval to pass is said now.
    fn end(&mut self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let _ = (scene, out);
    }
    /// What it had found before the sensor was restarted, once for each finding, before the first event. Most need not know: a story that is told
    /// again is joined to what was told. A detector that counts what it says in a time must not count it twice.
    fn recall(&mut self, before: &Finding) {
        let _ = before;
    }
    /// Entries held and entries evicted, for the counters that someone sees.
    fn held(&self) -> (usize, u64) {
        (0, 0)
    }
}

/// How a detector is made from its signature.
pub type Build = fn(&Signature) -> Result<Box<dyn Detector>, SignatureError>;

/// Every detector, in the order in which they see an event. Adding one means one file and one line here (and its signature in `signature`).
pub static DETECTORS: &[(&str, Build)] = &[
    (unknown_device::ID, unknown_device::build),
    (address_conflict::ID, address_conflict::build),
    (rogue_dhcp::ID, rogue_dhcp::build),
    (clinical_egress::ID, clinical_egress::build),
    (egress_attempt::ID, egress_attempt::build),
    (policy_violation::ID, policy_violation::build),
    (scan::ID, scan::build),
    (dark_contact::ID, dark_contact::build),
    (smb_fanout::ID, smb_fanout::build),
    (rdp_fanout::ID, rdp_fanout::build),
    (new_admin_edge::ID, new_admin_edge::build),
    (admin_share::ID, admin_share::build),
    (remote_exec::ID, remote_exec::build),
    (dcsync::ID, dcsync::build),
    (exploit_shape::ID, exploit_shape::build),
    (worm_payload::ID, worm_payload::build),
    (spread_path::ID, spread_path::build),
    (ransomware_smb::ID, ransomware_smb::build),
    (backup_attack::ID, backup_attack::build),
    (printer_burst::ID, printer_burst::build),
    (terminal_to_terminal::ID, terminal_to_terminal::build),
    (password_guessing::ID, password_guessing::build),
    (shared_local_admin::ID, shared_local_admin::build),
    (kerberos_abuse::ID, kerberos_abuse::build),
    (name_poisoning::ID, name_poisoning::build),
    (ad_recon::ID, ad_recon::build),
    (defence_silence::ID, defence_silence::build),
];

/// One step of a path as evidence, the same in every detector: `{ts, from, to, via, user, outcome}`. The incident's path is made of these.
pub(crate) fn hop(ts: Timestamp, from: Addr, to: Addr, via: Service, user: Option<&str>, outcome: Outcome) -> serde_json::Value {
    serde_json::json!({
        "ts": ts.to_string(), "ts_ns": ts.0, "from": from.to_string(), "to": to.to_string(), "via": via.word(), "user": user, "outcome": outcome.word(),
    })
}
