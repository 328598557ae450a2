//! What the list commands list: from a directory that a replay wrote, or from the store of a sensor.

use super::record::{DeviceRecord, FindingRecord, IncidentRecord};
use super::saved::{self, SavedError};
use crate::base::Mac;
use crate::store::{DeviceRow, FILE, Reader, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// Why a list could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// Of a replay's directory.
    #[error(transparent)]
    Saved(#[from] SavedError),
    /// Of a sensor's store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record in the store is none.
    #[error("{path}: {id} is no record that spanward wrote: {reason}")]
    Record {
        /// File.
        path: String,
        /// Its place in the list, from 1.
        id: usize,
        /// Why.
        reason: String,
    },
}

/// A row of the store. What follows from the MAC is not kept there.
impl From<DeviceRow> for DeviceRecord {
    fn from(d: DeviceRow) -> Self {
        let mac = d.mac.parse::<Mac>().ok();
        DeviceRecord {
            vendor: mac.and_then(crate::site::vendor).unwrap_or_default().to_owned(),
            randomised: mac.is_some_and(Mac::is_local),
            id: d.id,
            mac: d.mac,
            ips: d.ips,
            names: d.names,
            role: d.role,
            zone: d.zone,
            first_seen: d.first_seen.to_string(),
            last_seen: d.last_seen.to_string(),
            status: d.status,
            gateway: d.gateway,
            vlan: d.vlan,
            first_packet: d.first_packet,
        }
    }
}

/// A record that is listed.
pub trait Listed: DeserializeOwned + Serialize {
    /// The list's name in files.
    const NAME: &'static str;
    /// All of them in a store.
    fn kept(reader: &Reader, path: &Path) -> Result<Vec<Self>, ListError>;
}

fn read<T: DeserializeOwned>(texts: Vec<String>, path: &Path) -> Result<Vec<T>, ListError> {
    let wrong = |id: usize, e: serde_json::Error| ListError::Record { path: path.display().to_string(), id, reason: e.to_string() };
    texts.iter().zip(1..).map(|(t, n)| serde_json::from_str(t).map_err(|e| wrong(n, e))).collect()
}

impl Listed for DeviceRecord {
    const NAME: &'static str = "devices";
    fn kept(reader: &Reader, _: &Path) -> Result<Vec<Self>, ListError> {
        Ok(reader.devices()?.into_iter().map(DeviceRecord::from).collect())
    }
}

impl Listed for FindingRecord {
    const NAME: &'static str = "findings";
    fn kept(reader: &Reader, path: &Path) -> Result<Vec<Self>, ListError> {
        read(reader.findings()?, path)
    }
}

impl Listed for IncidentRecord {
    const NAME: &'static str = "incidents";
    fn kept(reader: &Reader, path: &Path) -> Result<Vec<Self>, ListError> {
        read(reader.incidents()?, path)
    }
}

/// The store in a directory, if there is one.
pub fn store_in(dir: &Path) -> Result<Option<Reader>, StoreError> {
    let path = dir.join(FILE);
    if path.exists() { Reader::open(&path).map(Some) } else { Ok(None) }
}

/// All records of a kind in a directory: of the store if there is one, else of the files.
pub fn list<T: Listed>(dir: &Path) -> Result<Vec<T>, ListError> {
    match store_in(dir)? {
        Some(reader) => T::kept(&reader, &dir.join(FILE)),
        None => Ok(saved::list(dir, T::NAME)?),
    }
}
