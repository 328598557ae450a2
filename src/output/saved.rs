//! Reads back what a replay wrote to a directory. Errors name the file, the line and the reason.

use super::record::SCHEMA;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Why a saved file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// It cannot be opened or read.
    #[error("cannot read {}: {reason}{hint}", path.display())]
    Unreadable {
        /// File.
        path: PathBuf,
        /// The system's reason.
        reason: String,
        /// What to do.
        hint: &'static str,
    },
    /// It is not what we write, or only a part of it.
    #[error("{}:{line}: {reason}", path.display())]
    Wrong {
        /// File.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

/// A saved line longer than this is not ours.
const MAX_LINE: u64 = 1 << 20;
/// A saved list larger than this is not ours either: 65,536 devices take 30 MB.
const MAX_FILE: u64 = 1 << 30;

fn unreadable(path: &Path, e: &std::io::Error) -> SavedError {
    let hint = match e.kind() {
        std::io::ErrorKind::NotFound => " (write it first: spanward replay -o DIR CAPTURE)",
        _ => "",
    };
    SavedError::Unreadable { path: path.to_owned(), reason: e.to_string(), hint }
}

fn wrong(path: &Path, line: usize, reason: impl Into<String>) -> SavedError {
    SavedError::Wrong { path: path.to_owned(), line: line.max(1), reason: reason.into() }
}

/// What a JSON reader's complaint means for the person who reads it.
fn because(e: &serde_json::Error) -> String {
    if e.is_eof() { "the file ends in the middle: it was cut or is still being written".to_owned() } else { e.to_string() }
}

/// The records of `dir/<name>.json`.
pub fn list<T: DeserializeOwned>(dir: &Path, name: &str) -> Result<Vec<T>, SavedError> {
    #[derive(Deserialize)]
    struct Head {
        schema: u32,
    }
    let path = dir.join(format!("{name}.json"));
    let file = File::open(&path).map_err(|e| unreadable(&path, &e))?;
    let mut text = String::new();
    file.take(MAX_FILE).read_to_string(&mut text).map_err(|e| unreadable(&path, &e))?;
    let head: Head = serde_json::from_str(&text).map_err(|e| wrong(&path, e.line(), because(&e)))?;
    if head.schema != SCHEMA {
        return Err(wrong(&path, 1, format!("schema {} is not known to this version (it reads schema {SCHEMA})", head.schema)));
    }
    let mut all: serde_json::Map<String, Value> = serde_json::from_str(&text).map_err(|e| wrong(&path, e.line(), because(&e)))?;
    let Some(Value::Array(items)) = all.remove(name) else { return Err(wrong(&path, 1, format!("there is no list `{name}`"))) };
    // Records stand one per line, behind the head's line and the list's.
    let record = |(i, v)| serde_json::from_value(v).map_err(|e: serde_json::Error| wrong(&path, i + 3, e.to_string()));
    items.into_iter().enumerate().map(record).collect()
}

/// One line of a line-by-line file.
#[derive(Clone, PartialEq, Debug)]
pub struct Saved {
    /// The line as it stands, with its keys in their order.
    pub line: String,
    /// What it says.
    pub value: Value,
}

/// The lines of `dir/<name>`, one JSON object each, read one at a time. Stops behind the first error.
pub fn lines(dir: &Path, name: &str) -> Result<impl Iterator<Item = Result<Saved, SavedError>> + use<>, SavedError> {
    let path = dir.join(name);
    let file = File::open(&path).map_err(|e| unreadable(&path, &e))?;
    let (mut reader, mut number, mut stopped) = (BufReader::with_capacity(1 << 16, file), 0usize, false);
    let mut next = move || -> Result<Option<Saved>, SavedError> {
        number += 1;
        let mut line = Vec::new();
        reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).map_err(|e| unreadable(&path, &e))?;
        if line.is_empty() {
            return Ok(None);
        }
        let line = String::from_utf8(line).map_err(|_| wrong(&path, number, "not a line that spanward wrote: no UTF-8"))?;
        let value: Value = serde_json::from_str(&line).map_err(|e| wrong(&path, number, because(&e)))?;
        match value.get("schema").and_then(Value::as_u64) {
            Some(s) if s == u64::from(SCHEMA) => Ok(Some(Saved { line: line.trim_end().to_owned(), value })),
            Some(s) => Err(wrong(&path, number, format!("schema {s} is not known to this version (it reads schema {SCHEMA})"))),
            None => Err(wrong(&path, number, "not a line that spanward wrote: no `schema`")),
        }
    };
    Ok(std::iter::from_fn(move || {
        if stopped {
            return None;
        }
        let item = next().transpose();
        stopped = item.as_ref().is_none_or(|r| r.is_err());
        item
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::record::DeviceRecord;
    use crate::output::{BareWords, Report, sample::Sample};

    fn message(dir: &Path, text: &str) -> String {
        std::fs::write(dir.join("devices.json"), text).unwrap();
        list::<DeviceRecord>(dir, "devices").unwrap_err().to_string().replace(&dir.display().to_string(), "DIR")
    }

    #[test]
    fn errors_name_file_line_and_reason() {
        let tmp = tempfile::tempdir().unwrap();
        let d = tmp.path();
        let e = list::<DeviceRecord>(d, "devices").unwrap_err().to_string();
        assert!(e.starts_with("cannot read ") && e.contains("spanward replay -o"), "{e}");
        assert_eq!(
            message(d, "{\"schema\":1,\n\"devices\":[\n{"),
            "DIR/devices.json:3: the file ends in the middle: it was cut or is still being written"
        );
        assert!(message(d, "{\"schema\":7}").ends_with(":1: schema 7 is not known to this version (it reads schema 1)"));
        assert!(message(d, "{\"schema\":1}").ends_with(":1: there is no list `devices`"));
        assert!(message(d, "hello").contains("DIR/devices.json:1: "));
        assert!(message(d, "{\"schema\":1,\n\"devices\":[\n{\"id\":5}]}").contains("DIR/devices.json:3: invalid type: integer"));
    }

    #[test]
    fn lines_are_read_up_to_the_damage() {
        let tmp = tempfile::tempdir().unwrap();
        std::fs::write(tmp.path().join("flows.jsonl"), "{\"schema\":1}\n{\"schema\":1,\"a\":2}\n{\"schema\":1,\"b").unwrap();
        let all: Vec<_> = lines(tmp.path(), "flows.jsonl").unwrap().collect();
        assert_eq!(all.len(), 3);
        assert!(all[2].as_ref().unwrap_err().to_string().contains("flows.jsonl:3: the file ends in the middle"));
    }

    #[test]
    fn what_a_report_writes_is_read() {
        let (sample, tmp) = (Sample::made(), tempfile::tempdir().unwrap());
        let report = Report::new(&sample.run(), &BareWords, &[]);
        assert!(report.write_dir(tmp.path()).is_empty());
        assert_eq!(list::<crate::output::record::FindingRecord>(tmp.path(), "findings").unwrap(), report.findings);
    }
}
