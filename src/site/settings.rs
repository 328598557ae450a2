//! How the sensor works on this site: `[capture]`, `[output]`, `[notify]`, `[privacy]` of the site file.

use super::ledger::one_word;
use crate::base::{Cidr, Severity};
use serde::{Deserialize, Deserializer};
use std::path::PathBuf;

/// `[capture]`: where packets come from.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Capture {
    /// Mirror interfaces; `-i` replaces them.
    pub interfaces: Vec<String>,
    /// Memory for packets the kernel keeps until a worker reads them, per interface.
    pub ring: Option<Bytes>,
    /// Networks that this mirror port is meant to show. Silence elsewhere is no news; empty = everything declared.
    pub scope: Vec<Cidr>,
}

/// `[output]`: where results go.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Output {
    /// Directory of the store and the result files; `-o` replaces it.
    pub dir: Option<PathBuf>,
    /// File for EVE lines; `--eve` replaces it.
    pub eve: Option<PathBuf>,
}

/// `[notify]`: what `spanward ship` sends.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notify {
    /// Findings below this severity are not sent; absent = `high`.
    pub severity: Option<Severity>,
    /// `host:port` of a syslog receiver (RFC 5424 over TCP).
    pub syslog: Option<String>,
    /// Recipients of mail.
    pub mail: Vec<String>,
    /// `https://` address that takes findings as JSON.
    pub webhook: Option<String>,
}

/// What is done with a kind of personal data.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// Kept as it is.
    #[default]
    Plain,
    /// Replaced by a number that stands for the same person within the site.
    Pseudonym,
    /// Left out.
    Drop,
}

/// `[privacy]`: what is kept about people, and how long.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Privacy {
    /// User names seen in logons.
    pub users: Keep,
    /// Days after which evidence packets are deleted; absent = when the space is needed.
    pub packet_days: Option<u16>,
    /// Days after which flows and findings are deleted; absent = when the space is needed.
    pub record_days: Option<u16>,
}

/// A number of bytes, written as `64 MiB`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Bytes(pub u64);

impl std::str::FromStr for Bytes {
    type Err = String;
    fn from_str(s: &str) -> Result<Bytes, String> {
        let digits = s.find(|c: char| !c.is_ascii_digit()).unwrap_or(s.len());
        let (number, unit) = s.split_at_checked(digits).unwrap_or((s, ""));
        let shift = match one_word(unit).as_str() {
            "kib" => 10,
            "mib" => 20,
            "gib" => 30,
            _ => 64,
        };
        number
            .parse::<u64>()
            .ok()
            .and_then(|n| n.checked_mul(1u64.checked_shl(shift)?))
            .filter(|n| *n > 0)
            .map(Bytes)
            .ok_or_else(|| format!("`{s}` is no size (expected a whole number of KiB, MiB or GiB, such as \"64 MiB\")"))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Bytes, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!("64 MiB".parse(), Ok(Bytes(64 << 20)));
        assert_eq!("2GiB".parse(), Ok(Bytes(2 << 30)));
        for s in ["64", "64 MB", "", "MiB", "-1 MiB", "0 KiB", "99999999999999999999 KiB", "18014398509481985 GiB"] {
            assert!(s.parse::<Bytes>().is_err(), "{s}");
        }
    }
}
