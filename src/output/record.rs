//! The records of our files (`docs/JSON.md`), in the order of the contract; written from a [`Run`] and read back by the table commands.

use super::{Run, Words};
use crate::assets::Device;
use crate::base::{Lang, Timestamp};
use crate::flow::community_id;
use crate::incident::{Around, Card, Hop, Incident, Kept, Next, Outlook, Served};
use crate::wire::Weird;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

pub use super::coverage::{CoverageRecord, SeenRecord};

/// Version of every file we write. It rises when a field changes its meaning or leaves; new fields do not raise it.
pub const SCHEMA: u32 = 1;

/// A flow's id as text.
pub fn uid(uid: u64) -> String {
    format!("{uid:016x}")
}

/// One device.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct DeviceRecord {
    /// Stable id.
    pub id: String,
    /// MAC; empty if it was not seen itself.
    pub mac: String,
    /// Addresses, oldest first.
    pub ips: Vec<String>,
    /// Manufacturer.
    pub vendor: String,
    /// Names, newest last.
    pub names: Vec<String>,
    /// Role.
    pub role: String,
    /// Zone; empty if none.
    pub zone: String,
    /// First seen.
    pub first_seen: String,
    /// Last seen.
    pub last_seen: String,
    /// `listed unlisted new investigating authorised refused expired`.
    pub status: String,
    /// Randomised or software-set MAC.
    #[serde(default)]
    pub randomised: bool,
    /// Forwards for others.
    #[serde(default)]
    pub gateway: bool,
    /// VLAN last seen on.
    #[serde(default)]
    pub vlan: Option<u16>,
    /// Number of its first packet.
    #[serde(default)]
    pub first_packet: u64,
}

impl From<&Device> for DeviceRecord {
    fn from(d: &Device) -> Self {
        DeviceRecord {
            id: d.id.to_string(),
            mac: d.mac.map(|m| m.to_string()).unwrap_or_default(),
            ips: d.addrs.iter().map(|a| a.to_string()).collect(),
            vendor: d.vendor.to_string(),
            names: d.names.to_vec(),
            role: d.role.word().to_owned(),
            zone: d.zone.clone(),
            first_seen: d.first_seen.to_string(),
            last_seen: d.last_seen.to_string(),
            status: d.status.word().to_owned(),
            randomised: d.randomised,
            gateway: d.gateway,
            vlan: d.vlan,
            first_packet: d.first_packet,
        }
    }
}

/// One finding.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct FindingRecord {
    /// `F000001` …
    pub id: String,
    /// Rises with every update.
    pub rev: u32,
    /// Packet time at which the detector spoke.
    pub ts: String,
    /// First evidence.
    pub first_ts: String,
    /// Last evidence.
    pub last_ts: String,
    /// Detector id.
    pub detector: String,
    /// `info low medium high critical`.
    pub severity: String,
    /// `attempted refused answered failed succeeded`.
    pub outcome: String,
    /// The address it had at `ts`, else the MAC.
    pub orig: String,
    /// Every address and MAC of that one device.
    pub orig_all: Vec<String>,
    /// Responders, at most 64.
    pub resp: Vec<String>,
    /// Service.
    pub service: String,
    /// Account, if known.
    pub user: Option<String>,
    /// Zone of the originator.
    pub zone: String,
    /// VLANs.
    pub vlan: Vec<u16>,
    /// Distinct responders, or tries.
    pub count: u64,
    /// MITRE ATT&CK techniques.
    pub attack: Vec<String>,
    /// One sentence.
    pub summary: String,
    /// Community ids of the flows that prove it.
    pub flows: Vec<String>,
    /// Numbers of the packets that prove it.
    pub packets: Vec<u64>,
    /// Numbers and names that prove it.
    pub evidence: BTreeMap<String, Value>,
    /// What was seen and what was not until then.
    pub coverage: SeenRecord,
    /// Its incident; empty if none.
    pub incident: String,
    /// The detector's title.
    #[serde(default)]
    pub title: String,
    /// First steps.
    #[serde(default)]
    pub next: Vec<String>,
}

impl FindingRecord {
    /// A finding with its words.
    pub fn new(k: &Kept, words: &dyn Words, lang: Lang) -> FindingRecord {
        let f = &k.finding;
        let c = &k.coverage;
        FindingRecord {
            id: k.id.clone(),
            rev: k.rev,
            ts: f.ts.to_string(),
            first_ts: f.first_ts.to_string(),
            last_ts: f.last_ts.to_string(),
            detector: f.detector.to_owned(),
            severity: f.severity.word().to_owned(),
            outcome: f.outcome.word().to_owned(),
            orig: f.orig.word(),
            orig_all: k.orig_all.clone(),
            resp: f.resp.iter().map(|a| a.to_string()).collect(),
            service: f.service.word().to_owned(),
            user: f.user.clone(),
            zone: f.zone.clone(),
            vlan: f.vlan.clone(),
            count: f.count,
            attack: words.attack(f.detector),
            summary: words.summary(k, lang),
            flows: f.flows.iter().map(|t| community_id(t).to_string()).collect(),
            packets: f.packets.clone(),
            evidence: f.evidence.iter().map(|(k, v)| (k.to_string(), v.clone())).collect(),
            coverage: SeenRecord::from(c),
            incident: k.incident.clone(),
            title: words.title(f.detector, lang),
            next: words.next(k, lang),
        }
    }
}

/// One step of an incident's path.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct HopRecord {
    /// When.
    pub ts: String,
    /// From whom.
    pub from: String,
    /// To whom.
    pub to: String,
    /// By what.
    pub via: String,
    /// As whom.
    pub user: Option<String>,
    /// How it ended.
    pub outcome: String,
    /// The step it follows from: its place in the path, counted from 0.
    #[serde(default)]
    pub after: Option<usize>,
    /// It was made as another account than the one before on its way.
    #[serde(default)]
    pub switched: bool,
}

impl From<&Hop> for HopRecord {
    fn from(h: &Hop) -> Self {
        HopRecord {
            ts: h.ts.to_string(),
            from: h.from.to_string(),
            to: h.to.to_string(),
            via: h.via.word().to_owned(),
            user: h.user.clone(),
            outcome: h.outcome.word().to_owned(),
            after: h.after,
            switched: h.switched,
        }
    }
}

/// A stage of an attack and its first evidence.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct StageRecord {
    /// `entry recon privilege spread staging impact`.
    pub stage: String,
    /// First evidence.
    pub ts: String,
}

/// An account that was used.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct AccountRecord {
    /// Its name.
    pub user: String,
    /// First use.
    pub ts: String,
}

/// A host that may be next.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct NextRecord {
    /// Its address.
    pub host: String,
    /// Its name, if known.
    pub name: String,
    /// Its role.
    pub role: String,
    /// Why.
    pub why: Vec<String>,
}

impl NextRecord {
    fn new(n: &Next, lang: Lang) -> NextRecord {
        let why = n.why.iter().map(|w| w.words(lang)).collect();
        NextRecord { host: n.host.to_string(), name: n.name.clone(), role: n.role.word().to_owned(), why }
    }
}

/// A service that others use.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct ServedRecord {
    /// Service.
    pub service: String,
    /// Port.
    pub port: u16,
    /// Hosts that use it.
    pub users: usize,
    /// Those in a clinical zone.
    pub clinical: usize,
    /// Last use.
    pub last_ts: String,
}

impl From<&Served> for ServedRecord {
    fn from(s: &Served) -> Self {
        let (service, last_ts) = (s.service.word().to_owned(), s.last_ts.to_string());
        ServedRecord { service, port: s.port, users: s.users, clinical: s.clinical, last_ts }
    }
}

/// What stops if a host is cut off, as far as it was seen.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct CutRecord {
    /// Its address.
    pub host: String,
    /// Its name, if known.
    pub name: String,
    /// Its role.
    pub role: String,
    /// Hosts outside the story that use anything of it.
    pub users: usize,
    /// Those in a clinical zone.
    pub clinical: usize,
    /// Its services, the most used first, at most 8.
    pub services: Vec<ServedRecord>,
    /// Services beyond those.
    pub more: usize,
    /// Hosts whose services it uses, at most 8.
    pub uses: Vec<String>,
    /// Since when the network was watched.
    pub since: String,
    /// All this in a sentence.
    pub text: String,
}

impl CutRecord {
    fn new(c: &Card, lang: Lang) -> CutRecord {
        CutRecord {
            host: c.host.to_string(),
            name: c.name.clone(),
            role: c.role.word().to_owned(),
            users: c.users.0,
            clinical: c.users.1,
            services: c.serves.iter().map(ServedRecord::from).collect(),
            more: c.more,
            uses: c.uses.iter().map(|a| a.to_string()).collect(),
            since: c.since.map(|t| t.to_string()).unwrap_or_default(),
            text: c.words(lang),
        }
    }
}

/// One incident.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct IncidentRecord {
    /// `I0001` …
    pub id: String,
    /// Rises with every change.
    pub rev: u32,
    /// First evidence.
    pub opened: String,
    /// Last evidence.
    pub last_ts: String,
    /// Severity.
    pub severity: String,
    /// `entry recon privilege spread staging impact`.
    pub stage: String,
    /// Where it began.
    pub patient_zero: String,
    /// `supplier unlisted-device local beacon internet unknown`.
    pub origin: String,
    /// Every host of the story.
    pub hosts: Vec<String>,
    /// The path, in time order.
    pub path: Vec<HopRecord>,
    /// Ids of its findings.
    pub findings: Vec<String>,
    /// Files known to be lost.
    pub files_lost: u64,
    /// One sentence.
    pub summary: String,
    /// First steps, most urgent first.
    pub next: Vec<String>,
    /// The stages that it came through.
    #[serde(default)]
    pub stages: Vec<StageRecord>,
    /// Accounts that were used.
    #[serde(default)]
    pub accounts: Vec<AccountRecord>,
    /// What speaks for its origin.
    #[serde(default)]
    pub origin_why: Vec<String>,
    /// Hosts that may be next, the likeliest first.
    #[serde(default)]
    pub next_hosts: Vec<NextRecord>,
    /// What stops if a host of the story is cut off.
    #[serde(default)]
    pub if_cut: Vec<CutRecord>,
}

/// Steps of an incident: more than a night's duty can do is no help.
const MAX_NEXT: usize = 8;

impl IncidentRecord {
    /// An incident of a run with its words.
    pub fn new(i: &Incident, run: &Run<'_>, around: &Around, words: &dyn Words, lang: Lang) -> IncidentRecord {
        let outlook = Outlook::of(i, run.site, run.assets, around);
        let mut mine: Vec<&Kept> = run.book.findings().iter().filter(|k| i.findings.contains(&k.id)).collect();
        mine.sort_by_key(|k| std::cmp::Reverse(k.finding.severity));
        // The incident's own steps first: they know the whole story; then what the detectors add.
        let mut next: Vec<String> = i.next(&outlook, lang);
        for step in mine.iter().flat_map(|k| words.next(k, lang)) {
            if next.len() < MAX_NEXT && !next.contains(&step) {
                next.push(step);
            }
        }
        IncidentRecord {
            id: i.id.clone(),
            rev: i.rev,
            opened: i.opened.to_string(),
            last_ts: i.last_ts.to_string(),
            severity: i.severity.word().to_owned(),
            stage: i.stage.word().to_owned(),
            patient_zero: i.patient_zero.clone(),
            origin: i.origin.to_owned(),
            hosts: i.hosts.clone(),
            path: i.path.iter().map(HopRecord::from).collect(),
            findings: i.findings.clone(),
            files_lost: i.files_lost,
            summary: words.incident(i, &mine, lang),
            next,
            stages: i.stages.iter().map(|(s, ts)| StageRecord { stage: s.word().to_owned(), ts: ts.to_string() }).collect(),
            accounts: i.accounts.iter().map(|(user, ts)| AccountRecord { user: user.clone(), ts: ts.to_string() }).collect(),
            origin_why: i.clues.iter().map(|c| c.words(lang)).collect(),
            next_hosts: outlook.next.iter().map(|n| NextRecord::new(n, lang)).collect(),
            if_cut: outlook.cards.iter().map(|c| CutRecord::new(c, lang)).collect(),
        }
    }
}

/// One kind of odd input.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct WeirdRecord {
    /// Name.
    pub name: String,
    /// Layer.
    pub layer: String,
    /// How often.
    pub count: u64,
    /// The first one's packet time.
    pub first_ts: String,
    /// The first one's packet.
    pub first_packet: u64,
    /// Where reading stopped in it.
    pub offset: u32,
}

impl From<&(Weird, u64)> for WeirdRecord {
    fn from((w, n): &(Weird, u64)) -> Self {
        WeirdRecord {
            name: w.name.to_owned(),
            layer: w.layer.to_owned(),
            count: *n,
            first_ts: w.ts.to_string(),
            first_packet: w.number,
            offset: w.offset,
        }
    }
}

/// What a table holds and what it had to let go.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct TableRecord {
    /// Table.
    pub name: String,
    /// Entries at the end.
    pub held: u64,
    /// Entries that had to leave because it was full.
    pub evicted: u64,
}

/// A detector that could not run on this site.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct BlockedRecord {
    /// Detector id.
    pub detector: String,
    /// Why.
    pub reason: String,
}

/// The head of every report.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct SummaryRecord {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Frames read.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Flows, listed or not.
    pub flows: u64,
    /// First packet's time; empty if there was none.
    pub first_ts: String,
    /// Last packet's time; empty if there was none.
    pub last_ts: String,
    /// What was seen and what was not.
    pub coverage: CoverageRecord,
}

impl SummaryRecord {
    /// The head of a run.
    pub fn new(run: &Run<'_>) -> SummaryRecord {
        let ts = |t: Option<Timestamp>| t.map(|t| t.to_string()).unwrap_or_default();
        SummaryRecord {
            schema: SCHEMA,
            packets: run.coverage.packets,
            bytes: run.coverage.bytes,
            flows: run.flows,
            first_ts: ts(run.first_ts),
            last_ts: ts(run.last_ts),
            coverage: run.coverage.into(),
        }
    }
}
