//! The device ledger (台帳): the devices that the hospital knows.

mod cells;
mod columns;
mod read;
mod text;
mod words;
mod write;
#[cfg(test)]
mod tests;

pub use columns::{Column, ColumnGuess, ColumnNames};
pub use read::LedgerReport;
pub(super) use words::one_word;
pub use write::{Addition, Unwritable};

use crate::base::{Addr, Mac};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a device is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// PC that people work at.
    Terminal,
    /// Server.
    Server,
    /// DNS, DHCP, directory, inventory: expected to administer others.
    Infrastructure,
    /// Management station: expected to administer others.
    Management,
    /// Backup server: expected to reach into others.
    Backup,
    /// Printer.
    Printer,
    /// CT, MR, ultrasound …
    Modality,
    /// Image archive.
    Pacs,
    /// Router, firewall.
    Gateway,
    /// A supplier's box.
    Vendor,
    /// Telephone.
    Phone,
    /// Not known.
    #[default]
    Unknown,
}

impl Role {
    /// The word in files.
    pub const fn word(self) -> &'static str {
        match self {
            Role::Terminal => "terminal",
            Role::Server => "server",
            Role::Infrastructure => "infrastructure",
            Role::Management => "management",
            Role::Backup => "backup",
            Role::Printer => "printer",
            Role::Modality => "modality",
            Role::Pacs => "pacs",
            Role::Gateway => "gateway",
            Role::Vendor => "vendor",
            Role::Phone => "phone",
            Role::Unknown => "unknown",
        }
    }
}

/// One line of the ledger.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Entry {
    /// MAC, if the line has one.
    pub mac: Option<Mac>,
    /// Addresses.
    pub ips: Vec<Addr>,
    /// Name.
    pub name: String,
    /// Zone by name, if given.
    pub zone: String,
    /// Role.
    pub role: Role,
    /// Owner.
    pub owner: String,
    /// Line in the file, from 1.
    pub line: u32,
}

/// All lines, found by MAC and by address.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Vec<Entry>,
    by_mac: BTreeMap<Mac, usize>,
    by_addr: BTreeMap<Addr, usize>,
    header: Vec<String>,
    original: BTreeMap<u32, Vec<String>>,
}

fn one_word_list(cells: &[String]) -> Vec<String> {
    cells.iter().map(|c| one_word(c)).collect()
}

impl Ledger {
    /// Builds the search tables; the first line with a MAC or address wins.
    pub fn new(entries: Vec<Entry>) -> Ledger {
        let (mut by_mac, mut by_addr) = (BTreeMap::new(), BTreeMap::new());
        for (i, e) in entries.iter().enumerate() {
            if let Some(m) = e.mac {
                by_mac.entry(m).or_insert(i);
            }
            for a in &e.ips {
                by_addr.entry(*a).or_insert(i);
            }
        }
        Ledger { entries, by_mac, by_addr, ..Ledger::default() }
    }
    /// No ledger, or an empty one?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
    /// The line of a MAC.
    pub fn by_mac(&self, m: Mac) -> Option<&Entry> {
        self.by_mac.get(&m).and_then(|i| self.entries.get(*i))
    }
    /// The line of an address.
    pub fn by_addr(&self, a: Addr) -> Option<&Entry> {
        self.by_addr.get(&a).and_then(|i| self.entries.get(*i))
    }
    /// All lines.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }
    /// Lines that can be found (a row with two MACs counts twice).
    pub fn len(&self) -> usize {
        self.entries.len()
    }
    /// The header of the file as it was written; empty if it has none.
    pub fn header(&self) -> &[String] {
        &self.header
    }
    /// The cells of a line as they were written, for writing the ledger back in its own columns.
    pub fn cells(&self, line: u32) -> Option<&[String]> {
        self.original.get(&line).map(Vec::as_slice)
    }
    /// Every row of the file as it was written, by line: titles, header, entries, and what could not be read.
    pub fn original(&self) -> impl Iterator<Item = (u32, &[String])> {
        self.original.iter().map(|(line, cells)| (*line, cells.as_slice()))
    }
}
