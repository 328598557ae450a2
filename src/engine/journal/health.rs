//! How the sensor is: what its tables hold, odd input, its capture points; and what was declared.

use super::view::Changes;
use crate::base::Timestamp;
use crate::event::{Event, EventKind, PortNews};
use crate::output::Run;
use crate::output::record::{BlockedRecord, TableRecord, WeirdRecord};
use crate::output::serde_word;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Kinds of odd input listed, the most frequent first.
const WEIRDS: usize = 16;

/// What the site declares and what cannot run there.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The hospital's name.
    pub name: String,
    /// Its time zone, IANA; empty if it is not declared.
    pub timezone: String,
    /// There is a site file, or a clinical zone was named.
    pub declared: bool,
    /// Zones with their kinds, in the order of the file.
    pub zones: Vec<(String, String)>,
    /// Detectors that cannot run, and why.
    pub blocked: Vec<BlockedRecord>,
}

impl Facts {
    /// Of a run's site.
    pub(super) fn of(run: &Run<'_>, blocked: Vec<BlockedRecord>) -> Facts {
        let zones = run.site.zones.iter().map(|(_, z)| (z.name.clone(), serde_word(&z.kind))).collect();
        let calendar = &run.site.calendar;
        let timezone = if calendar.declared { calendar.timezone.clone() } else { String::new() };
        Facts { name: run.site.name.clone(), timezone, declared: run.site.declared, zones, blocked }
    }
}

/// What the tables hold and what was odd; brought up to date every ten seconds.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    /// Tables of the analyst.
    pub tables: Vec<TableRecord>,
    /// Odd input.
    pub weird: Vec<WeirdRecord>,
}

impl Health {
    pub(super) fn of(run: &Run<'_>) -> Health {
        let tables = run.assets.held().into_iter().map(|(name, held, evicted)| TableRecord { name: name.to_owned(), held: held as u64, evicted });
        let mut weird: Vec<WeirdRecord> = run.weirds.iter().map(WeirdRecord::from).collect();
        weird.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
        weird.truncate(WEIRDS);
        Health { tables: tables.collect(), weird }
    }
}

/// A capture point.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PortRecord {
    /// It can be read.
    pub up: bool,
    /// Since when.
    pub since: String,
    /// Newest loss.
    pub lost_ts: String,
    /// Dropped by the kernel.
    pub kernel: u64,
    /// Dropped by the card or its driver.
    pub card: u64,
    /// Cut because of overload.
    pub shed: u64,
}

/// Takes news of a capture point in.
pub(super) fn port(event: &Event, all: &mut BTreeMap<String, PortRecord>, changed: &mut Changes<PortRecord>) {
    let EventKind::Port { iface, news } = &event.kind else { return };
    let id = format!("{iface:05}");
    let p = all.entry(id.clone()).or_insert_with(|| PortRecord { up: true, ..PortRecord::default() });
    told(p, *news, event.ts);
    changed.set.insert(id, p.clone());
}

fn told(p: &mut PortRecord, news: PortNews, ts: Timestamp) {
    match news {
        PortNews::Dropped { kernel, card } => {
            p.kernel += kernel;
            p.card += card;
            p.lost_ts = ts.to_string();
        }
        PortNews::Shed { frames } => {
            p.shed += frames;
            p.lost_ts = ts.to_string();
        }
        PortNews::Down | PortNews::Up => {
            p.up = news == PortNews::Up;
            p.since = ts.to_string();
        }
    }
}
