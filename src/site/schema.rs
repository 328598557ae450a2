//! The site file as it is written: one struct per table, every key optional, unknown keys refused. Meaning is given in `load`.

use super::ledger::ColumnNames;
use super::settings::{Capture, Notify, Output, Privacy};
use super::{Action, ZoneKind};
use crate::base::{Cidr, Lang, Service};
use jiff::civil::Date;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use toml::Spanned;

/// The whole file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SiteFile {
    #[serde(default)]
    pub site: SiteTable,
    #[serde(default)]
    pub zones: BTreeMap<String, Spanned<ZoneTable>>,
    #[serde(default)]
    pub policy: Vec<PolicyTable>,
    pub ledger: Option<LedgerTable>,
    #[serde(default)]
    pub vendors: BTreeMap<String, Spanned<VendorTable>>,
    #[serde(default)]
    pub capture: Capture,
    #[serde(default)]
    pub output: Output,
    #[serde(default)]
    pub notify: Notify,
    #[serde(default)]
    pub privacy: Privacy,
}

/// `[site]`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub struct SiteTable {
    pub name: String,
    pub language: Lang,
    pub timezone: Option<Spanned<String>>,
    pub holidays: Vec<Day>,
}

/// `[zones.<name>]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneTable {
    pub kind: ZoneKind,
    #[serde(default)]
    pub networks: Vec<Spanned<Cidr>>,
    #[serde(default)]
    pub vlans: Vec<Spanned<i64>>,
}

/// `[[policy]]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyTable {
    pub from: Spanned<String>,
    pub to: Spanned<String>,
    #[serde(default)]
    pub services: Vec<Service>,
    pub action: Action,
    #[serde(default)]
    pub owner: String,
    #[serde(default)]
    pub reason: String,
    pub expires: Option<Day>,
}

/// `[ledger]` with `[ledger.columns]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerTable {
    pub file: Spanned<String>,
    #[serde(default)]
    pub columns: ColumnNames,
}

/// `[vendors.<name>]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VendorTable {
    #[serde(default)]
    pub sources: Vec<Cidr>,
    #[serde(default)]
    pub hosts: Vec<Cidr>,
    #[serde(default)]
    pub windows: Vec<WindowTable>,
}

/// One announced window: `from` and `to` with a date, or `days` with `from` and `to` as times of day.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowTable {
    pub from: Spanned<Moment>,
    pub to: Spanned<Moment>,
    #[serde(default)]
    pub days: Vec<Spanned<String>>,
    #[serde(default)]
    pub note: String,
}

/// A date, as a text or as TOML's own date.
#[derive(Clone, Copy)]
pub struct Day(pub Date);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Day, D::Error> {
        d.deserialize_any(Written(|s| {
            // jiff would also take a date with a time, whose time would then be lost.
            let date = if s.len() == 10 { s.parse().ok() } else { None };
            date.map(Day).ok_or_else(|| format!("`{s}` is no date (expected one such as \"2026-12-31\")"))
        }))
    }
}

/// A date and time or a time of day, as a text or as TOML's own type.
pub struct Moment(pub String);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Moment, D::Error> {
        d.deserialize_any(Written(|s| Ok(Moment(s.to_owned()))))
    }
}

/// Judges a text or a TOML date while the reader still knows where it stands, so that an error names its line and not that of a list around it.
struct Written<T>(fn(&str) -> Result<T, String>);

impl<'de, T> Visitor<'de> for Written<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a date or time")
    }
    fn visit_str<E: Error>(self, s: &str) -> Result<T, E> {
        (self.0)(s).map_err(E::custom)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        let date = toml::value::Datetime::deserialize(MapAccessDeserializer::new(map))?;
        (self.0)(&date.to_string()).map_err(A::Error::custom)
    }
}
