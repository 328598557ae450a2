//! What goes into the store in one commit.

use crate::assets::{DeviceId, Memory, Status};
use crate::base::{Severity, Timestamp};
use crate::event::Coverage;
use crate::incident::{Fits, Kept, Story};

/// A finding: as the sensor goes on with it, and as people read it (a record of `findings.json`).
#[derive(Clone, PartialEq, Debug)]
pub struct FindingRow {
    /// The finding.
    pub kept: Kept,
    /// Its record, one JSON object.
    pub record: String,
}

/// An incident: as the sensor goes on with it, and as people read it (a record of `incidents.json`).
#[derive(Clone, PartialEq, Debug)]
pub struct IncidentRow {
    /// The incident and what links findings to it.
    pub story: Story,
    /// Its record, one JSON object.
    pub record: String,
}

/// A device as the tables list it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct DeviceRow {
    /// `mac-…` or `ip-…`.
    pub id: String,
    /// MAC; empty if not seen itself.
    pub mac: String,
    /// Addresses.
    pub ips: Vec<String>,
    /// Names.
    pub names: Vec<String>,
    /// Role.
    pub role: String,
    /// Zone.
    pub zone: String,
    /// VLAN.
    pub vlan: Option<u16>,
    /// Status.
    pub status: String,
    /// Forwards for others.
    pub gateway: bool,
    /// First seen.
    pub first_seen: Timestamp,
    /// Last seen.
    pub last_seen: Timestamp,
    /// Number of its first packet.
    pub first_packet: u64,
}

/// A decision about a device, with who made it and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// The device.
    pub device: DeviceId,
    /// What was decided; `None` takes an earlier decision back.
    pub state: Option<Status>,
    /// When it ends.
    pub until: Option<Timestamp>,
    /// When it was made.
    pub ts: Timestamp,
    /// By whom.
    pub who: String,
    /// Why.
    pub why: String,
}

/// A mute, with who asked for it and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Muted {
    /// Its number.
    pub number: u64,
    /// What it hides.
    pub fits: Fits,
    /// When it ends.
    pub until: Timestamp,
    /// When it was made.
    pub ts: Timestamp,
    /// By whom.
    pub who: String,
    /// Why.
    pub why: String,
}

/// A note about a finding, an incident or a device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// Its id.
    pub target: String,
    /// When.
    pub ts: Timestamp,
    /// Who.
    pub who: String,
    /// What.
    pub text: String,
}

/// A line of the audit trail.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Audit {
    /// When.
    pub ts: Timestamp,
    /// Who.
    pub who: String,
    /// As which user of the box; none: the sensor itself.
    pub uid: Option<u32>,
    /// What: one word.
    pub action: String,
    /// On what: an id.
    pub target: String,
    /// The rest.
    pub detail: String,
}

/// A time whose learning was thrown away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Forgotten {
    /// From.
    pub from: Timestamp,
    /// To.
    pub to: Timestamp,
}

/// A log file of flows: where the flows of a time are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Segment {
    /// Its path, relative to the sensor's directory.
    pub path: String,
    /// What is in it: `flows`, `eve` …
    pub kind: String,
    /// First record's time.
    pub first_ts: Timestamp,
    /// Last record's time.
    pub last_ts: Timestamp,
    /// Records.
    pub records: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// What is written in one commit: all of it or none.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Findings, new or revised.
    pub findings: Vec<FindingRow>,
    /// Incidents, new or told anew.
    pub incidents: Vec<IncidentRow>,
    /// Incidents that turned out to be part of another: the one, the other.
    pub merged: Vec<(String, String)>,
    /// What people did.
    pub deeds: Vec<super::Deed>,
    /// Devices and what else was learned, as far as it changed.
    pub learned: Memory,
    /// Devices of which nothing is new but when they were last seen.
    pub seen: Vec<(DeviceId, Timestamp)>,
    /// What was seen and what not in this run so far.
    pub coverage: Option<Coverage>,
    /// The highest numbers ever given to findings and incidents.
    pub numbers: (u64, u64),
    /// The packet time of the batch.
    pub now: Timestamp,
}

impl Batch {
    /// Is there nothing to write?
    pub fn is_empty(&self) -> bool {
        let told = self.findings.is_empty() && self.incidents.is_empty() && self.merged.is_empty() && self.deeds.is_empty();
        told && self.seen.is_empty() && self.learned == Memory::default()
    }
    /// The worst finding in it, for those who count what was lost.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|f| f.kept.finding.severity).max()
    }
}
