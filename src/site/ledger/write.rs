//! The ledger as a file again: every row and cell as the hospital wrote it, in its own columns, character encoding and separator, with what was decided
//! since: a remark at devices that stand in it, a row for each that was authorised.

use super::columns::Column;
use super::text::CELL_CAP;
use super::words::role;
use super::{Ledger, LedgerReport, Role, cells};
use crate::base::{Addr, Mac};
use encoding_rs::SHIFT_JIS;
use std::collections::BTreeMap;

/// A device that goes into the ledger.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Addition {
    /// Its MAC.
    pub mac: Option<Mac>,
    /// Its address.
    pub ip: Option<Addr>,
    /// Its name, fit for a spreadsheet.
    pub name: String,
    /// Its zone.
    pub zone: String,
    /// Its role.
    pub role: Role,
    /// A remark, fit for a spreadsheet.
    pub note: String,
}

/// Why a ledger is not written back.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{file}:{line}: {why}: the ledger is not written back, because something of it would be lost")]
pub struct Unwritable {
    /// The file.
    pub file: String,
    /// The line; 0 = the whole file.
    pub line: u32,
    /// Why.
    pub why: &'static str,
}

/// Stands for a character that the ledger's encoding does not have, as Japanese printers set it.
const MISSING: char = '〓';

impl Ledger {
    /// The file's bytes, with remarks by line and new rows at the end.
    pub fn written(&self, report: &LedgerReport, remarks: &BTreeMap<u32, String>, new: &[Addition]) -> Result<Vec<u8>, Unwritable> {
        self.is_whole(report)?;
        let note = report.columns.iter().find(|c| c.column == Column::Note).map(|c| c.index);
        let style = Style::of(self, report);
        let mut w =
            csv::WriterBuilder::new().flexible(true).delimiter(report.separator as u8).terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        for (line, row) in self.original() {
            let mut row = row.to_vec();
            if let (Some(at), Some(remark)) = (note, remarks.get(&line)) {
                append(&mut row, at, remark);
            }
            // Writing into a vector cannot fail.
            let _ = w.write_record(&row);
        }
        for a in new {
            let _ = w.write_record(style.row(a, report));
        }
        Ok(encode(&String::from_utf8(w.into_inner().unwrap_or_default()).unwrap_or_default(), report.encoding))
    }
    /// Is there a column for remarks?
    pub fn takes_remarks(report: &LedgerReport) -> bool {
        report.columns.iter().any(|c| c.column == Column::Note)
    }
    /// Was all of the file read, and with its own characters?
    fn is_whole(&self, report: &LedgerReport) -> Result<(), Unwritable> {
        let wrong = |line, why| Err(Unwritable { file: report.file.clone(), line, why });
        if self.original.len() >= super::read::ROWS_CAP {
            return wrong(0, "it has too many rows");
        }
        for (line, row) in self.original() {
            if row.iter().any(|c| c.contains('\u{fffd}')) {
                return wrong(line, "a character could not be read");
            }
            if row.iter().any(|c| c.len() + 4 > CELL_CAP) || row.len() >= super::text::CELLS_CAP {
                return wrong(line, "a cell is too long, or there are too many");
            }
        }
        Ok(())
    }
}

/// Adds a remark to a cell, once.
fn append(row: &mut Vec<String>, at: usize, remark: &str) {
    if row.len() <= at {
        row.resize(at + 1, String::new());
    }
    if let Some(cell) = row.get_mut(at).filter(|c| !c.contains(remark)) {
        let between = if cell.trim().is_empty() { "" } else { " / " };
        *cell = format!("{}{between}{remark}", cell.trim_end());
    }
}

/// How the hospital writes what spanward adds.
struct Style {
    width: usize,
    separator: Option<char>,
    upper: bool,
    /// Its own word for each role.
    roles: Vec<(Role, String)>,
}

impl Style {
    fn of(ledger: &Ledger, report: &LedgerReport) -> Style {
        let column = |c: Column| report.columns.iter().find(|g| g.column == c).map(|g| g.index);
        let below = || ledger.original().filter(|(line, _)| *line > report.header_line).map(|(_, row)| row);
        let cell = |row: &'_ [String], at: Option<usize>| at.and_then(|i| row.get(i)).cloned().unwrap_or_default();
        let mac = below().map(|row| cell(row, column(Column::Mac))).find(|c| !cells::macs(c).0.is_empty()).unwrap_or_default();
        let mut roles: Vec<(Role, String)> = Vec::new();
        for word in below().map(|row| cell(row, column(Column::Role))) {
            if let Some(r) = role(&word).filter(|r| *r != Role::Unknown && !roles.iter().any(|(known, _)| known == r)) {
                roles.push((r, word));
            }
        }
        Style {
            width: ledger.original().map(|(_, row)| row.len()).max().unwrap_or(0),
            separator: mac.chars().find(|c| matches!(c, ':' | '-' | '.')).or(if mac.is_empty() { Some(':') } else { None }),
            upper: mac.chars().any(|c| c.is_ascii_uppercase()),
            roles,
        }
    }
    fn mac(&self, m: Mac) -> String {
        let plain = m.to_string().replace(':', "");
        let size = if self.separator == Some('.') { 4 } else { 2 };
        let parts: Vec<&str> = (0..12).step_by(size).filter_map(|i| plain.get(i..i + size)).collect();
        let text = parts.join(&self.separator.map(String::from).unwrap_or_default());
        if self.upper { text.to_uppercase() } else { text }
    }
    fn row(&self, a: &Addition, report: &LedgerReport) -> Vec<String> {
        let mut row = vec![String::new(); self.width];
        let (mut mac, mut ip) = (a.mac.map(|m| self.mac(m)), a.ip.map(|a| a.to_string()));
        for c in &report.columns {
            let word = || self.roles.iter().find(|(r, _)| *r == a.role).map_or_else(|| a.role.word().to_owned(), |(_, w)| w.clone());
            let text = match c.column {
                Column::Mac => mac.take(),
                Column::Ip => ip.take(),
                Column::Name => Some(a.name.clone()),
                Column::Zone => Some(a.zone.clone()),
                Column::Role => Some(word()).filter(|_| a.role != Role::Unknown),
                Column::Note => Some(a.note.clone()),
                Column::Owner => None,
            };
            if let (Some(cell), Some(text)) = (row.get_mut(c.index), text) {
                *cell = text;
            }
        }
        row
    }
}

fn encode(text: &str, encoding: &str) -> Vec<u8> {
    let utf16 = |order: fn(u16) -> [u8; 2]| std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(order).collect();
    match encoding {
        "CP932" => cp932(text),
        "UTF-16LE" => utf16(u16::to_le_bytes),
        "UTF-16BE" => utf16(u16::to_be_bytes),
        "UTF-8 with byte order mark" => ["\u{feff}", text].concat().into_bytes(),
        _ => text.as_bytes().to_vec(),
    }
}

fn cp932(text: &str) -> Vec<u8> {
    let has = |s: &str| !SHIFT_JIS.encode(s).2;
    if has(text) {
        return SHIFT_JIS.encode(text).0.into_owned();
    }
    let known: String = text.chars().map(|c| if has(c.encode_utf8(&mut [0; 4])) { c } else { MISSING }).collect();
    SHIFT_JIS.encode(&known).0.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::ColumnNames;

    const TEXT: &str = "資産台帳 2026年度,,,,\r\n機器名,IPアドレス,MACアドレス,種別,備考\r\n受付1,10.0.0.5,00-11-22-AA-BB-CC,端末,\"窓口, 左\"\r\n\
                        ?,10.0.0.6,,プリンタ,\r\n壊れた行,x,y\r\n";

    fn read(bytes: &[u8]) -> (Ledger, LedgerReport) {
        Ledger::parse("ledger.csv", bytes, &ColumnNames::default()).unwrap()
    }
    fn addition() -> Addition {
        let mac = Some("00:11:22:33:44:ff".parse().unwrap());
        let (name, note) = ("検査PC😀".to_owned(), "許可".to_owned());
        Addition { mac, ip: Some("10.0.0.9".parse().unwrap()), name, zone: "ward".into(), role: Role::Terminal, note }
    }

    #[test]
    fn what_was_read_is_written_in_every_encoding() {
        let utf16 = |order: fn(u16) -> [u8; 2]| std::iter::once(0xfeff).chain(TEXT.encode_utf16()).flat_map(order).collect::<Vec<u8>>();
        for bytes in [
            TEXT.as_bytes().to_vec(),
            ["\u{feff}", TEXT].concat().into_bytes(),
            SHIFT_JIS.encode(TEXT).0.into_owned(),
            utf16(u16::to_le_bytes),
            utf16(u16::to_be_bytes),
            TEXT.replace(',', ";").replace("窓口;", "窓口,").into_bytes(),
        ] {
            let (ledger, report) = read(&bytes);
            let back = ledger.written(&report, &BTreeMap::new(), &[]).unwrap();
            let plain = |b: &[u8]| super::super::text::decode(b).0.replace('"', "");
            assert_eq!(plain(&back), plain(&bytes), "{}", report.encoding);
            assert_eq!(read(&back).1.encoding, report.encoding);
        }
    }

    #[test]
    fn decisions_stand_in_the_ledgers_own_columns_and_spellings() {
        for bytes in [TEXT.as_bytes().to_vec(), SHIFT_JIS.encode(TEXT).0.into_owned()] {
            let (ledger, report) = read(&bytes);
            assert!(Ledger::takes_remarks(&report));
            let remarks = BTreeMap::from([(3, "使用不可（tanaka）".to_owned()), (4, "調査中".to_owned())]);
            let back = ledger.written(&report, &remarks, &[addition()]).unwrap();
            let text = super::super::text::decode(&back).0.into_owned();
            let name = if report.encoding == "CP932" { "検査PC〓" } else { "検査PC😀" };
            assert!(text.contains("受付1,10.0.0.5,00-11-22-AA-BB-CC,端末,\"窓口, 左 / 使用不可（tanaka）\"\r\n"), "{text}");
            assert!(text.contains("?,10.0.0.6,,プリンタ,調査中\r\n"), "{text}");
            assert!(text.ends_with(&format!("{name},10.0.0.9,00-11-22-33-44-FF,端末,許可\r\n")), "{text}");
            // Written once more, nothing is added twice, and the device is now one of the ledger's.
            let (again, report) = read(&back);
            assert!(again.by_mac("00:11:22:33:44:ff".parse().unwrap()).is_some_and(|e| e.role == Role::Terminal));
            assert_eq!(again.written(&report, &remarks, &[]).unwrap(), back);
        }
    }

    #[test]
    fn a_ledger_of_which_something_would_be_lost_is_not_written() {
        let (ledger, report) = read(b"name,mac\r\n\xff\xff,00:11:22:33:44:55\r\n");
        let e = ledger.written(&report, &BTreeMap::new(), &[]).unwrap_err().to_string();
        assert!(e.starts_with("ledger.csv:2: a character could not be read"), "{e}");
        let (ledger, report) = read(format!("name,mac\n{},00:11:22:33:44:55\n", "x".repeat(5_000)).as_bytes());
        assert!(ledger.written(&report, &BTreeMap::new(), &[]).is_err());
    }

    #[test]
    fn without_a_column_for_remarks_rows_are_added_and_remarks_are_not() {
        let (ledger, report) = read(b"mac\n0011.2233.4455\n");
        assert!(!Ledger::takes_remarks(&report));
        let back = ledger.written(&report, &BTreeMap::from([(2, "x".to_owned())]), &[addition()]).unwrap();
        assert_eq!(String::from_utf8(back).unwrap(), "mac\r\n0011.2233.4455\r\n0011.2233.44ff\r\n");
    }
}
