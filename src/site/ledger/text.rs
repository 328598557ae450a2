//! From the bytes of a ledger to rows of cells: character encoding (UTF-8, UTF-16 with a mark, CP932) and separator are found out.

use encoding_rs::{SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE};
use std::borrow::Cow;

/// Cells longer than this are cut: no cell that spanward reads is longer.
pub const CELL_CAP: usize = 4096;
/// Cells beyond this in one row are not read.
pub const CELLS_CAP: usize = 256;
/// Rows by which the separator is judged.
const SAMPLE: usize = 20;

/// The text, the name of its encoding, and whether some bytes had no meaning in it.
pub fn decode(bytes: &[u8]) -> (Cow<'_, str>, &'static str, bool) {
    for (encoding, mark, name) in [
        (UTF_8, &[0xef, 0xbb, 0xbf][..], "UTF-8 with byte order mark"),
        (UTF_16LE, &[0xff, 0xfe][..], "UTF-16LE"),
        (UTF_16BE, &[0xfe, 0xff][..], "UTF-16BE"),
    ] {
        if let Some(rest) = bytes.strip_prefix(mark) {
            let (text, bad) = encoding.decode_without_bom_handling(rest);
            return (text, name, bad);
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return (Cow::Borrowed(text), "UTF-8", false);
    }
    // What the WHATWG calls Shift_JIS is CP932: NEC and IBM characters included.
    let (cp932, bad) = SHIFT_JIS.decode_without_bom_handling(bytes);
    if !bad {
        return (cp932, "CP932", false);
    }
    // Neither: whichever loses fewer characters.
    let utf8 = String::from_utf8_lossy(bytes);
    let lost = |s: &str| s.matches('\u{fffd}').count();
    if lost(&utf8) <= lost(&cp932) { (utf8, "UTF-8", true) } else { (cp932, "CP932", true) }
}

/// The text with every line end (CR LF, or the CR of old spreadsheets) as LF, so that every row begins on a line of its own.
pub fn plain_lines(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { text }
}

/// One row: its first line in the file (from 1) and its cells.
pub struct Row {
    /// Line, from 1.
    pub line: u32,
    /// Cells as they are written.
    pub cells: Vec<String>,
}

/// Rows of a text under a separator; also the lines of rows with cells that had to be cut.
pub fn rows(text: &str, separator: u8, cap: usize) -> (Vec<Row>, Vec<u32>) {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(text.as_bytes());
    let (mut out, mut cut) = (Vec::new(), Vec::new());
    // The text is UTF-8 and in memory, so an error can only be the last record's.
    for record in reader.records().map_while(Result::ok).take(cap) {
        let line = record.position().map_or(0, |p| first_line(text, p));
        if record.len() > CELLS_CAP || record.iter().any(|c| c.len() > CELL_CAP) {
            cut.push(line);
        }
        let cells = record.iter().take(CELLS_CAP).map(|c| c.get(..c.floor_char_boundary(CELL_CAP)).unwrap_or(c).to_owned()).collect();
        out.push(Row { line, cells });
    }
    (out, cut)
}

/// The line on which a record begins; the reader counts blank lines before it as its own.
fn first_line(text: &str, p: &csv::Position) -> u32 {
    let rest = text.as_bytes().get(p.byte() as usize..).unwrap_or_default();
    let blank = rest.iter().take_while(|b| **b == b'\n').count();
    (p.line() as usize + blank) as u32
}

/// The separator under which the first rows have most in common: many rows of the same width, then many cells.
pub fn guess_separator(text: &str) -> u8 {
    let sample = text.get(..text.floor_char_boundary(256 << 10)).unwrap_or(text);
    let score = |separator: u8| {
        let widths: Vec<usize> = rows(sample, separator, SAMPLE).0.iter().map(|r| r.cells.len()).collect();
        let same = |w: usize| widths.iter().filter(|v| **v == w).count();
        widths.iter().filter(|w| **w > 1).map(|w| (same(*w), *w)).max().unwrap_or_default()
    };
    // `max_by_key` takes the last of equals: the comma.
    [b'\t', b';', b','].into_iter().max_by_key(|s| score(*s)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_told_apart() {
        let (sjis, _, _) = SHIFT_JIS.encode("機器名,①,ＭＡＣ");
        assert_eq!(decode(&sjis), (Cow::Borrowed("機器名,①,ＭＡＣ"), "CP932", false));
        assert_eq!(decode("機器名".as_bytes()), (Cow::Borrowed("機器名"), "UTF-8", false));
        assert_eq!(decode("\u{feff}mac".as_bytes()).1, "UTF-8 with byte order mark");
        assert_eq!(decode(b"\xff\xfem\0a\0c\0"), (Cow::Borrowed("mac"), "UTF-16LE", false));
        let (text, _, bad) = decode(b"mac,\xff\xff,name\n");
        assert!(bad && text.contains('\u{fffd}'), "{text}");
    }

    #[test]
    fn separators_inside_cells_do_not_count() {
        assert_eq!(guess_separator("mac,ip\n1,\"10.0.0.1;10.0.0.2\"\n2,10.0.0.3;10.0.0.4"), b',');
        assert_eq!(guess_separator("mac;ip;note\n1;2;a, b\n"), b';');
        assert_eq!(guess_separator("mac\tip\n1\t2,3\n"), b'\t');
        assert_eq!(guess_separator(""), b',');
    }

    #[test]
    fn every_line_end_is_one() {
        let text = plain_lines(Cow::Borrowed("a,b\r\nc,d\re,f\n"));
        assert_eq!(rows(&text, b',', 9).0.iter().map(|r| r.line).collect::<Vec<_>>(), [1, 2, 3]);
    }

    #[test]
    fn rows_know_their_lines_and_are_cut() {
        let (r, cut) = rows(&format!("a,\"b\nc\"\n\nd,{}\n", "é".repeat(4000)), b',', 10);
        assert_eq!(r.iter().map(|r| r.line).collect::<Vec<_>>(), [1, 4]);
        assert_eq!((cut.as_slice(), r[1].cells[1].len()), (&[4][..], CELL_CAP));
    }
}
