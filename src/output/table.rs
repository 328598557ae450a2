//! Lists as aligned columns for a screen, or as CSV (RFC 4180) for a spreadsheet. Every cell passes [`super::clean`].

use super::clean::{cell, clean};
use unicode_width::UnicodeWidthStr;

/// Rows under a head. All rows have the head's length.
#[derive(Clone, Debug, Default)]
pub struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

/// The widest a column becomes before its last cells are simply longer: one hostile name must not push everything off the screen.
const MAX_WIDTH: usize = 44;

impl Table {
    /// An empty table.
    pub fn new(head: &[&'static str]) -> Table {
        Table { head: head.to_vec(), rows: Vec::new() }
    }
    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
    /// Rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }
    /// No rows?
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
    /// Aligned by what a terminal shows (wide characters count two), two spaces between columns, no space at the end of a line.
    pub fn text(&self) -> String {
        let rows: Vec<Vec<String>> = self.rows.iter().map(|r| r.iter().map(|c| clean(c).into_owned()).collect()).collect();
        let widths: Vec<usize> = (0..self.head.len())
            .map(|i| {
                let cells = rows.iter().filter_map(|r| r.get(i)).map(|c| c.width());
                cells.max().unwrap_or(0).min(MAX_WIDTH).max(self.head.get(i).map_or(0, |h| h.len()))
            })
            .collect();
        let mut out = String::new();
        let head: Vec<String> = self.head.iter().map(|h| h.to_uppercase()).collect();
        for r in std::iter::once(&head).chain(&rows) {
            let mut line = String::new();
            for (c, w) in r.iter().zip(&widths) {
                line.push_str(&pad(c, *w));
                line.push_str("  ");
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
    /// Comma-separated, with a head, every cell made harmless.
    pub fn csv(&self) -> Vec<u8> {
        let mut w = csv::Writer::from_writer(Vec::new());
        // Writing into a vector cannot fail, and all rows have the head's length.
        let _ = w.write_record(&self.head);
        let mut out = w.into_inner().unwrap_or_default();
        out.extend_from_slice(&csv_rows(&self.rows));
        out
    }
    /// The rows so far as CSV without a head, and forgets them: for lists that are longer than memory.
    pub fn take_csv_rows(&mut self) -> Vec<u8> {
        csv_rows(&std::mem::take(&mut self.rows))
    }
}

fn csv_rows(rows: &[Vec<String>]) -> Vec<u8> {
    let mut w = csv::Writer::from_writer(Vec::new());
    for r in rows {
        let _ = w.write_record(r.iter().map(|c| cell(c).into_owned()));
    }
    w.into_inner().unwrap_or_default()
}

/// Text filled up with spaces to a width as shown.
pub fn pad(s: &str, width: usize) -> String {
    let have = s.width();
    let mut out = String::with_capacity(s.len() + width.saturating_sub(have));
    out.push_str(s);
    out.extend(std::iter::repeat_n(' ', width.saturating_sub(have)));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_with_wide_characters() {
        let mut t = Table::new(&["name", "role"]);
        t.row(vec!["薬局PC".into(), "terminal".into()]);
        t.row(vec!["a".into(), "b\u{1b}[31m".into()]);
        assert_eq!(t.text(), "NAME    ROLE\n薬局PC  terminal\na       b\\u{1b}[31m\n");
    }

    #[test]
    fn spreadsheets_get_text_not_formulas() {
        let mut t = Table::new(&["name", "note"]);
        t.row(vec!["=cmd|'/c calc'!A1".into(), "a,\"b\"\nc".into()]);
        assert_eq!(String::from_utf8(t.csv()).unwrap(), "name,note\n'=cmd|'/c calc'!A1,\"a,\"\"b\"\"\\u{a}c\"\n");
    }
}
