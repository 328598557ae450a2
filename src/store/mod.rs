//! What must survive a crash, a restart, a power cut: devices, the baseline, incidents, findings, decisions and who made them. One SQLite file (WAL)
//! with typed columns that an auditor can query; `docs/STORE.md` describes it. Knows no screens and no file formats of reports: records come in as
//! JSON texts, made above.
#![forbid(unsafe_code)]

mod copy;
mod deed;
mod error;
mod learned;
mod open;
mod reader;
mod retain;
mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod told;

pub use copy::{backup, restore};
pub use deed::{Carried, Change, Deed, Reply};
pub use error::StoreError;
pub use open::{Moved, Opened, Store};
pub use reader::{Loaded, Preview, Reader, check};
pub use retain::{Keep, Pruned};
pub use rows::{Audit, Batch, DeviceRow, FindingRow, Forgotten, IncidentRow, Muted, Note, Segment, Verdict};
pub use schema::VERSION;

/// The store's name in the sensor's directory.
pub const FILE: &str = "spanward.db";
