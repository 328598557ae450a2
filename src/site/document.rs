//! Our own TOML files (<https://toml.io/en/v1.0.0>): read under a size cap, with errors that name file, line, column, key and the nearest valid key.

use serde::de::DeserializeOwned;
use serde_path_to_error::{Path as KeyPath, Segment};
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

/// What is wrong in a file that people write, and where. `Display` is one line: `site.toml:14:1: unknown key …`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// The file as it was named to us.
    pub file: String,
    /// Line from 1; 0 when the message is about the whole file.
    pub line: u32,
    /// Column in characters from 1; 0 when not known.
    pub column: u32,
    /// What is wrong, on one line.
    pub message: String,
}

impl std::error::Error for ConfigError {}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.line, self.column) {
            (0, _) => write!(f, "{}: {}", self.file, self.message),
            (line, 0) => write!(f, "{}:{line}: {}", self.file, self.message),
            (line, column) => write!(f, "{}:{line}:{column}: {}", self.file, self.message),
        }
    }
}

impl ConfigError {
    /// An error about a whole file.
    pub fn whole(file: &str, message: impl Into<String>) -> ConfigError {
        ConfigError { file: file.to_owned(), line: 0, column: 0, message: one_line(message.into()) }
    }
}

/// Names in a message come from files: what would break the line or steer a terminal is escaped.
fn one_line(message: String) -> String {
    if !message.contains(char::is_control) {
        return message;
    }
    message.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// Reads a file of at most `cap` bytes; a larger one is an error before it is read to its end.
pub fn read_capped(path: &Path, cap: u64) -> Result<Vec<u8>, ConfigError> {
    let file = path.display().to_string();
    let wrong = |e: std::io::Error| ConfigError::whole(&file, format!("cannot be read: {e}"));
    let mut bytes = Vec::new();
    File::open(path).map_err(wrong)?.take(cap + 1).read_to_end(&mut bytes).map_err(wrong)?;
    if bytes.len() as u64 > cap {
        return Err(ConfigError::whole(&file, format!("is larger than {} MiB, which no such file needs", cap >> 20)));
    }
    Ok(bytes)
}

/// A TOML text with the name under which errors speak of it.
pub struct Document<'a> {
    file: &'a str,
    text: &'a str,
}

impl<'a> Document<'a> {
    /// The text of `bytes`, which must be UTF-8 (a byte order mark is skipped by TOML itself).
    pub fn new(file: &'a str, bytes: &'a [u8]) -> Result<Document<'a>, ConfigError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Document { file, text }),
            Err(e) => {
                let good = bytes.get(..e.valid_up_to()).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default();
                let doc = Document { file, text: good };
                Err(doc.at(good.len()..good.len(), "is not UTF-8 from here on; save the file as UTF-8"))
            }
        }
    }

    /// The text as `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        let de = toml::Deserializer::parse(self.text).map_err(|e| self.explain(&e, None))?;
        serde_path_to_error::deserialize(de).map_err(|e| self.explain(e.inner(), Some(e.path())))
    }

    /// An error at a place of the text.
    pub fn at(&self, span: Range<usize>, message: impl Into<String>) -> ConfigError {
        let (line, column) = self.position(span.start);
        ConfigError { file: self.file.to_owned(), line, column, message: one_line(message.into()) }
    }

    /// The line of a byte offset, from 1.
    pub fn line(&self, span: &Range<usize>) -> u32 {
        self.position(span.start).0
    }

    fn position(&self, offset: usize) -> (u32, u32) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line as u32, column as u32)
    }

    fn explain(&self, e: &toml::de::Error, path: Option<&KeyPath>) -> ConfigError {
        let place = path.map(Place::new).unwrap_or_default();
        let text = e.message();
        let message = if let Some(rest) = text.strip_prefix("unknown field ") {
            let (word, choices) = quoted(rest);
            format!("unknown key `{word}` in {}{}", place.without(word).table(), hint(word, &choices))
        } else if let Some(rest) = text.strip_prefix("unknown variant ") {
            let (word, choices) = quoted(rest);
            format!("`{word}` is no value of {}{}", place.key(), hint(word, &choices))
        } else if let Some(rest) = text.strip_prefix("missing field ") {
            format!("missing key `{}` in {}", quoted(rest).0, place.table())
        } else if place.0.is_empty() {
            format!("no valid TOML: {text}")
        } else {
            format!("{}: {text}", place.key())
        };
        match e.span() {
            Some(span) => self.at(span, message),
            None => ConfigError::whole(self.file, message),
        }
    }
}

/// "did you mean" when something is near, else the list of what is valid.
pub fn hint(word: &str, choices: &[&str]) -> String {
    match nearest(word, choices.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None if choices.is_empty() => String::new(),
        None => format!("; expected one of {}", choices.iter().map(|c| format!("`{c}`")).collect::<Vec<_>>().join(", ")),
    }
}

/// The choice that a misspelt word most likely meant: at most a third of its letters differ. The first of equals.
pub fn nearest<'c>(word: &str, choices: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.to_lowercase();
    let far = (word.chars().count().min(64) / 3).max(1);
    let (best, d) = choices.map(|c| (c, strsim::osa_distance(&word, &c.to_lowercase()))).min_by_key(|(_, d)| *d)?;
    (d <= far).then_some(best)
}

/// serde's "`word`, expected one of `a`, `b`": the word and the choices.
fn quoted(text: &str) -> (&str, Vec<&str>) {
    // The word itself may hold anything but is followed by "`, expected" or "`, there are no fields".
    let body = text.strip_prefix('`').unwrap_or(text);
    let (word, rest) = body.rsplit_once("`, expected ").or_else(|| body.rsplit_once("`, there are ")).unwrap_or((body.trim_end_matches('`'), ""));
    (word, rest.split('`').skip(1).step_by(2).collect())
}

/// A key's way through the tables: names, and `None` for a place in a list.
#[derive(Default)]
struct Place(Vec<Option<String>>);

impl Place {
    fn new(path: &KeyPath) -> Place {
        let segments = path.iter().filter_map(|s| match s {
            // `toml::Spanned` shows itself as a table with private keys.
            Segment::Map { key } if key.starts_with("$__") => None,
            Segment::Map { key } => Some(Some(key.clone())),
            Segment::Seq { .. } => Some(None),
            Segment::Enum { .. } | Segment::Unknown => None,
        });
        Place(segments.collect())
    }
    fn without(mut self, key: &str) -> Place {
        if self.0.last().is_some_and(|k| k.as_deref() == Some(key)) {
            self.0.pop();
        }
        self
    }
    /// `[zones.icu]`, `[[policy]]`, or `the file`.
    fn table(&self) -> String {
        let names: Vec<&str> = self.0.iter().flatten().map(String::as_str).collect();
        match (names.is_empty(), self.0.last()) {
            (true, _) => "the file".to_owned(),
            (_, Some(None)) => format!("[[{}]]", names.join(".")),
            _ => format!("[{}]", names.join(".")),
        }
    }
    /// `` `vlans` in [zones.icu] ``.
    fn key(&self) -> String {
        match self.0.iter().rposition(Option::is_some) {
            Some(i) => {
                let (before, rest) = self.0.split_at(i);
                let key = rest.first().cloned().flatten().unwrap_or_default();
                format!("`{key}` in {}", Place(before.to_vec()).table())
            }
            None => "the file".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct T {
        #[serde(default)]
        zones: BTreeMap<String, toml::Spanned<Z>>,
        #[serde(default)]
        rule: Vec<Z>,
    }
    #[derive(Deserialize, Debug)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Z {
        networks: Option<Vec<toml::Spanned<u16>>>,
        kind: Option<crate::base::Severity>,
        name: String,
    }

    fn wrong(text: &str) -> String {
        Document::new("f.toml", text.as_bytes()).unwrap().parse::<T>().unwrap_err().to_string()
    }

    #[test]
    fn errors_name_place_key_and_neighbour() {
        assert_eq!(wrong("[zones.a]\nname=\"x\"\nnetwroks = []"), "f.toml:3:1: unknown key `netwroks` in [zones.a]; did you mean `networks`?");
        assert_eq!(wrong("zonse = 1"), "f.toml:1:1: unknown key `zonse` in the file; did you mean `zones`?");
        assert_eq!(wrong("[[rule]]\nname = \"x\"\nkind = \"hihg\""), "f.toml:3:8: `hihg` is no value of `kind` in [[rule]]; did you mean `high`?");
        assert_eq!(wrong("[[rule]]\nkind = \"high\""), "f.toml:1:1: missing key `name` in [[rule]]");
        assert_eq!(
            wrong("[zones.a]\nname=\"x\"\nnetworks = [1, 70000]"),
            "f.toml:3:16: `networks` in [zones.a]: invalid value: integer `70000`, expected u16"
        );
        assert!(wrong("[zones.a\n").starts_with("f.toml:1:9: no valid TOML: "), "{}", wrong("[zones.a\n"));
        assert!(wrong("[zones.a]\n[zones.a]\n").starts_with("f.toml:2:"), "{}", wrong("[zones.a]\n[zones.a]\n"));
    }

    #[test]
    fn a_message_is_one_line_whatever_the_names() {
        assert_eq!(wrong("\"a\\nb\\u001b\" = 1"), "f.toml:1:1: unknown key `a\\nb\\u{1b}` in the file; expected one of `zones`, `rule`");
    }

    #[test]
    fn text_that_is_no_utf8_is_placed() {
        let e = Document::new("f.toml", b"# ok\nname = \"\x89\"").err().unwrap();
        assert_eq!(e.to_string(), "f.toml:2:9: is not UTF-8 from here on; save the file as UTF-8");
    }

    #[test]
    fn nearest_does_not_guess_wildly() {
        assert_eq!(nearest("clinicl", ["vendor", "clinical"].into_iter()), Some("clinical"));
        assert_eq!(nearest("banana", ["vendor", "clinical"].into_iter()), None);
        assert_eq!(nearest("", [].into_iter()), None);
    }
}
