//! A ledger file becomes a [`Ledger`] and a report of how it was read. Good rows are kept whatever the others hold.

use super::columns::{Column, ColumnGuess, ColumnNames, find};
use super::text::{CELL_CAP, Row, decode, guess_separator, plain_lines, rows};
use super::words::{plain, role};
use super::{Entry, Ledger, Role, cells};
use crate::base::{Addr, Mac};
use crate::site::document::{ConfigError, read_capped};
use std::collections::BTreeMap;
use std::path::Path;

/// A larger ledger is not read.
const FILE_CAP: u64 = 64 << 20;
/// Rows beyond this are not read.
pub const ROWS_CAP: usize = 100_000;
/// MACs and addresses taken of one row. Every MAC becomes an entry with all addresses, so what a row may cost is their product: without a cap a row
/// of 256 cells would make a thousand times its own size.
const MACS_CAP: usize = 16;
const IPS_CAP: usize = 32;
/// Warnings beyond this are counted only.
const WARNINGS_CAP: usize = 200;

/// How a ledger was read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LedgerReport {
    /// The file.
    pub file: String,
    /// Character encoding.
    pub encoding: &'static str,
    /// Separator of cells.
    pub separator: char,
    /// Line of the header, from 1; 0 without one.
    pub header_line: u32,
    /// Which column was taken for what.
    pub columns: Vec<ColumnGuess>,
    /// Rows below the header, blank ones not counted.
    pub rows: usize,
    /// Rows of which nothing could be used.
    pub refused: usize,
    /// What is wrong, by line (0 = the whole file).
    pub warnings: Vec<(u32, String)>,
    /// Warnings beyond those listed.
    pub more_warnings: usize,
}

impl LedgerReport {
    /// The warnings as lines: `ledger.csv:7: …`.
    pub fn lines(&self) -> Vec<String> {
        let one = |(line, text): &(u32, String)| match line {
            0 => format!("{}: {text}", self.file),
            line => format!("{}:{line}: {text}", self.file),
        };
        let mut lines: Vec<String> = self.warnings.iter().map(one).collect();
        if self.more_warnings > 0 {
            lines.push(format!("{}: {} more warnings", self.file, self.more_warnings));
        }
        lines
    }
    fn warn(&mut self, line: u32, text: String) {
        if self.warnings.len() < WARNINGS_CAP {
            self.warnings.push((line, text));
        } else {
            self.more_warnings += 1;
        }
    }
}

impl Ledger {
    /// Reads a CSV file.
    pub fn load(path: &Path, names: &ColumnNames) -> Result<(Ledger, LedgerReport), ConfigError> {
        Ledger::parse(&path.display().to_string(), &read_capped(path, FILE_CAP)?, names)
    }

    /// Reads the bytes of a CSV file; `file` is its name for errors.
    pub fn parse(file: &str, bytes: &[u8], names: &ColumnNames) -> Result<(Ledger, LedgerReport), ConfigError> {
        let (text, encoding, damaged) = decode(bytes);
        let text = plain_lines(text);
        let separator = guess_separator(&text);
        let (mut table, cut) = rows(&text, separator, ROWS_CAP + 1);
        let mut report = LedgerReport { file: file.to_owned(), encoding, separator: separator.into(), ..LedgerReport::default() };
        if damaged {
            report.warn(0, format!("some characters are neither UTF-8 nor CP932; read as {encoding}"));
        }
        for line in cut {
            report.warn(line, format!("a cell is longer than {CELL_CAP} bytes, or there are too many; the rest was left out"));
        }
        if table.len() > ROWS_CAP {
            table.truncate(ROWS_CAP);
            report.warn(0, format!("more than {ROWS_CAP} rows; the rest was left out"));
        }
        let (header, columns) = find(&table, names).map_err(|e| ConfigError::whole(file, e))?;
        if !table.is_empty() && !columns.iter().any(|c| matches!(c.column, Column::Mac | Column::Ip)) {
            let help = "name it in [ledger.columns], or head it `MAC` or `IP`";
            return Err(ConfigError::whole(file, format!("has no column of MAC or IP addresses; {help}")));
        }
        report.columns = columns;
        report.header_line = header.and_then(|h| table.get(h)).map_or(0, |r| r.line);
        let entries = entries(&table, header.map_or(0, |h| h + 1), &mut report);
        duplicates(&entries, &mut report);
        let mut ledger = Ledger::new(entries);
        ledger.header = header.and_then(|h| table.get(h)).map(|r| r.cells.clone()).unwrap_or_default();
        ledger.original = table.into_iter().map(|r| (r.line, r.cells)).collect();
        Ok((ledger, report))
    }
}

fn entries(table: &[Row], first: usize, report: &mut LedgerReport) -> Vec<Entry> {
    let mut entries = Vec::new();
    for row in table.iter().skip(first).filter(|r| r.cells.iter().any(|c| !c.trim().is_empty())) {
        report.rows += 1;
        let before = entries.len();
        let columns = std::mem::take(&mut report.columns);
        entries.extend(entry(row, &columns, report));
        report.columns = columns;
        report.refused += usize::from(entries.len() == before);
    }
    entries
}

/// The row's entries: one per MAC (a notebook has two), or one without a MAC.
fn entry(row: &Row, columns: &[ColumnGuess], report: &mut LedgerReport) -> Vec<Entry> {
    let text = |c: Column| columns.iter().filter(move |g| g.column == c).filter_map(|g| row.cells.get(g.index)).map(String::as_str);
    let one = |c: Column| text(c).next().map(plain).unwrap_or_default();
    let (mut macs, mut ips, mut bad): (Vec<Mac>, Vec<Addr>, usize) = (Vec::new(), Vec::new(), 0);
    for cell in text(Column::Mac) {
        let (good, wrong) = cells::macs(cell);
        for w in wrong {
            report.warn(row.line, format!("`{w}` is no MAC address"));
            bad += 1;
        }
        for m in good {
            match m.is_device() {
                true => macs.push(m),
                false => report.warn(row.line, format!("{m} can be no device's MAC address")),
            }
        }
    }
    for cell in text(Column::Ip) {
        let (good, wrong) = cells::addrs(cell);
        for w in wrong {
            report.warn(row.line, format!("`{w}` is no IP address"));
            bad += 1;
        }
        for a in good {
            match a.is_multicast() || a.is_unspecified() || a.is_loopback() {
                true => report.warn(row.line, format!("{a} can be no device's IP address")),
                false => ips.push(a),
            }
        }
    }
    macs.sort();
    macs.dedup();
    if macs.len() > MACS_CAP || ips.len() > IPS_CAP {
        report.warn(row.line, format!("more than {MACS_CAP} MAC or {IPS_CAP} IP addresses; the rest was left out"));
        macs.truncate(MACS_CAP);
        ips.truncate(IPS_CAP);
    }
    if macs.is_empty() && ips.is_empty() {
        if bad == 0 {
            report.warn(row.line, "neither MAC nor IP address: the device cannot be recognised".to_owned());
        }
        return Vec::new();
    }
    let role = role(&one(Column::Role)).unwrap_or_else(|| {
        report.warn(row.line, format!("`{}` is no role that spanward knows; read as `unknown`", one(Column::Role)));
        Role::Unknown
    });
    let whole = Entry { mac: None, ips, name: one(Column::Name), zone: one(Column::Zone), role, owner: one(Column::Owner), line: row.line };
    if macs.is_empty() {
        return vec![whole];
    }
    macs.into_iter().map(|m| Entry { mac: Some(m), ..whole.clone() }).collect()
}

fn duplicates(entries: &[Entry], report: &mut LedgerReport) {
    let (mut macs, mut ips): (BTreeMap<Mac, u32>, BTreeMap<Addr, u32>) = Default::default();
    for e in entries {
        if let Some(first) = e.mac.and_then(|m| macs.insert(m, e.line)) {
            report.warn(e.line, format!("{} stands on line {first} too; the first line counts", e.mac.unwrap_or_default()));
            macs.extend(e.mac.map(|m| (m, first)));
        }
        for ip in &e.ips {
            let first = *ips.entry(*ip).or_insert(e.line);
            if first != e.line {
                report.warn(e.line, format!("{ip} stands on line {first} too; the first line counts"));
            }
        }
    }
    report.warnings.sort_by_key(|w| w.0);
}
