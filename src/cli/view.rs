//! What the list commands share: the directory, the form, filters by host and time.

use super::{Exit, ListFormat, Stop, emit, say};
use crate::base::{Addr, Cidr, Mac, Timestamp};
use crate::output::append;
use crate::output::record::SCHEMA;
use crate::output::saved::SavedError;
use crate::output::stored::{self, ListError, Listed};
use crate::output::table::Table;
use std::path::PathBuf;
use std::str::FromStr;

/// Options of every list.
#[derive(clap::Args, Clone, Debug)]
pub struct View {
    /// Directory that `replay -o` wrote, or the sensor's (it holds `spanward.db`)
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    pub format: ListFormat,
    /// Only what involves this address, network, MAC or name
    #[arg(long, value_name = "HOST")]
    pub host: Option<Host>,
    /// Only what was seen at or after this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub since: Option<Timestamp>,
    /// Only what was seen before this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub until: Option<Timestamp>,
}

/// A time of the command line: RFC 3339 with a zone.
pub fn time(s: &str) -> Result<Timestamp, String> {
    s.parse()
}

/// Whom a list is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Host {
    /// An address or a network.
    Net(Cidr),
    /// A MAC.
    Mac(Mac),
    /// Part of a name.
    Name(String),
}

impl FromStr for Host {
    type Err = String;
    fn from_str(s: &str) -> Result<Host, String> {
        let s = s.trim();
        if s.is_empty() {
            return Err("expected an address, a network, a MAC or a name".to_owned());
        }
        Ok(s.parse().map(Host::Net).or_else(|_| s.parse().map(Host::Mac)).unwrap_or_else(|_: String| Host::Name(s.to_lowercase())))
    }
}

impl Host {
    /// Is any of these texts (addresses, MACs, names) the host?
    pub fn is_any<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> bool {
        texts.into_iter().any(|t| match self {
            Host::Net(n) => t.parse::<Addr>().is_ok_and(|a| n.contains(a)),
            Host::Mac(m) => t.parse::<Mac>().is_ok_and(|o| o == *m),
            Host::Name(n) => t.to_lowercase().contains(n.as_str()),
        })
    }
}

impl View {
    /// Does something that lasted from `first` to `last` (RFC 3339 as we write it, which sorts as text) fall into the time asked for?
    pub fn covers(&self, first: &str, last: &str) -> bool {
        self.since.is_none_or(|t| last >= t.to_string().as_str()) && self.until.is_none_or(|t| first < t.to_string().as_str())
    }
    /// Is it about the host asked for?
    pub fn involves<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> bool {
        self.host.as_ref().is_none_or(|h| h.is_any(texts))
    }
    /// Reads all records of a kind, keeps what is asked for, and writes it in the form asked for.
    pub fn list<T: Listed>(&self, keep: impl Fn(&T) -> bool, head: &[&'static str], row: impl Fn(&T) -> Vec<String>) -> Result<Exit, Stop> {
        let (mut all, name) = (stored::list::<T>(&self.dir)?, T::NAME);
        all.retain(|t| keep(t));
        if self.format == ListFormat::Json {
            let mut out = format!("{{\"schema\":{SCHEMA},\n\"{name}\":[").into_bytes();
            for (i, t) in all.iter().enumerate() {
                out.extend_from_slice(if i == 0 { b"\n" } else { b",\n" });
                append(&mut out, t);
            }
            out.extend_from_slice(b"]\n}\n");
            return emit(&out).map(|()| Exit::Done);
        }
        let mut table = Table::new(head);
        all.iter().for_each(|t| table.row(row(t)));
        self.show(&table)
    }
    /// Writes a table as columns or CSV.
    pub fn show(&self, table: &Table) -> Result<Exit, Stop> {
        match self.format {
            ListFormat::Csv => emit(&table.csv())?,
            _ if table.is_empty() => say("nothing to list"),
            _ => emit(table.text().as_bytes())?,
        }
        Ok(Exit::Done)
    }
}

impl From<ListError> for Stop {
    fn from(e: ListError) -> Stop {
        Stop::new(Exit::Input, e)
    }
}

impl From<SavedError> for Stop {
    fn from(e: SavedError) -> Stop {
        Stop::new(Exit::Input, e)
    }
}

/// A list in one cell.
pub fn joined(items: &[String]) -> String {
    items.join(" ")
}

/// A time in a cell: to the second on the screen, whole in CSV.
pub fn at(ts: &str, format: ListFormat) -> String {
    match format {
        ListFormat::Table => ts.chars().take(19).collect::<String>().replace('T', " "),
        _ => ts.to_owned(),
    }
}

/// One of the words that a field can have, as a value parser with a helpful error.
pub fn one_of(words: &'static [&'static str]) -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_by_what_they_are_called() {
        let host = |s: &str| s.parse::<Host>().unwrap();
        let texts = ["10.20.1.33", "00:11:22:aa:bb:cc", "PC-Ward3"];
        for s in ["10.20.1.33", "10.20.0.0/16", "00-11-22-AA-BB-CC", "ward"] {
            assert!(host(s).is_any(texts), "{s}");
        }
        for s in ["10.20.1.3", "10.21.0.0/16", "00:11:22:aa:bb:cd", "icu"] {
            assert!(!host(s).is_any(texts), "{s}");
        }
    }

    #[test]
    fn times_need_a_zone() {
        assert_eq!(time("2026-11-21T19:00:00+09:00").unwrap(), time("2026-11-21T10:00:00Z").unwrap());
        assert!(time("2026-11-21").unwrap_err().contains("expected one such as"));
        assert!(time("1960-01-01T00:00:00Z").is_err());
    }
}
