//! `spanward check --format json`: what `check` tells a person, as one object for a script.

use super::{Check, window};
use crate::base::{Cidr, Lang};
use crate::detect::signature::Signatures;
use crate::output::append;
use crate::output::record::SCHEMA;
use crate::site::{Action, ConfigError, Geo, GeoReport, LedgerReport, Role, Rule, Site, Vendor, Zone, ZoneId};
use serde::Serialize;
use std::collections::BTreeMap;

/// The whole report.
#[derive(Serialize)]
struct Object {
    schema: u32,
    /// A run with the same options would start.
    valid: bool,
    /// Language of `warnings`, `errors` and reasons.
    lang: &'static str,
    site: Option<SitePart>,
    zones: Vec<ZonePart>,
    policy: Vec<RulePart>,
    vendors: Vec<VendorPart>,
    ledger: Option<LedgerPart>,
    signatures: Option<SignaturesPart>,
    geoip: Vec<GeoPart>,
    detectors: Vec<DetectorPart>,
    warnings: Vec<String>,
    errors: Vec<ErrorPart>,
}

#[derive(Serialize)]
struct SitePart {
    file: String,
    name: String,
    language: &'static str,
    timezone: String,
    timezone_declared: bool,
    holidays: usize,
    /// A site file or `--clinical` was given.
    declared: bool,
}

#[derive(Serialize)]
struct ZonePart {
    name: String,
    kind: crate::site::ZoneKind,
    networks: Vec<String>,
    vlans: Vec<u16>,
}

#[derive(Serialize)]
struct RulePart {
    from: String,
    to: String,
    services: Vec<&'static str>,
    action: Action,
    owner: String,
    reason: String,
    /// The last day on which the rule applies; null = for ever.
    expires: Option<String>,
}

#[derive(Serialize)]
struct VendorPart {
    name: String,
    sources: Vec<String>,
    hosts: Vec<String>,
    windows: Vec<String>,
}

#[derive(Serialize)]
struct LedgerPart {
    file: String,
    encoding: &'static str,
    separator: char,
    /// Line of the header, from 1; 0 without one.
    header_line: u32,
    columns: Vec<ColumnPart>,
    rows: usize,
    /// Lines that devices are found by; a row with two MACs counts twice.
    entries: usize,
    with_mac: usize,
    refused: usize,
    roles: BTreeMap<&'static str, usize>,
}

#[derive(Serialize)]
struct ColumnPart {
    column: &'static str,
    /// From 1.
    number: usize,
    header: String,
    /// `site file`, `header` or `content`.
    by: &'static str,
}

#[derive(Serialize)]
struct SignaturesPart {
    count: usize,
    replaced: Vec<String>,
}

#[derive(Serialize)]
struct GeoPart {
    file: String,
    kind: String,
    countries: bool,
    networks: bool,
    ipv4_only: bool,
}

#[derive(Serialize)]
struct DetectorPart {
    id: String,
    runs: bool,
    /// Why it does not.
    reason: Option<String>,
}

#[derive(Serialize)]
struct ErrorPart {
    file: String,
    /// From 1; 0 = the whole file.
    line: u32,
    column: u32,
    message: String,
}

impl From<ConfigError> for ErrorPart {
    fn from(e: ConfigError) -> ErrorPart {
        ErrorPart { file: e.file, line: e.line, column: e.column, message: e.message }
    }
}

/// The object, and whether everything is valid.
pub(super) fn object(check: &Check<'_>) -> (Vec<u8>, bool) {
    let mut errors = Vec::new();
    let site = kept(Site::open(check.site, check.clinical), &mut errors);
    let lang = check.lang.unwrap_or(site.as_ref().map_or(Lang::En, |s| s.lang));
    let mut replaced = Vec::new();
    let signatures = kept(signatures(check, &mut replaced), &mut errors);
    let mut geo = Geo::embedded();
    let geoip = check.geoip.iter().filter_map(|file| kept(geo.add(file), &mut errors)).map(GeoPart::from).collect();
    let mut object = Object {
        schema: SCHEMA,
        valid: false,
        lang: lang.word(),
        site: site.as_ref().map(SitePart::from),
        zones: site.iter().flat_map(|s| s.zones.iter()).map(ZonePart::from).collect(),
        policy: site.iter().flat_map(|s| s.policy.rules.iter().map(|r| rule(s, r))).collect(),
        vendors: site.iter().flat_map(|s| s.vendors.iter().map(|v| vendor(s, v))).collect(),
        ledger: site.as_ref().and_then(|s| Some(ledger(s, s.ledger_report.as_ref()?))),
        signatures: signatures.as_ref().map(|s| SignaturesPart { count: s.iter().count(), replaced }),
        geoip,
        detectors: Vec::new(),
        warnings: site.iter().flat_map(warnings).collect(),
        errors,
    };
    if let (Some(site), Some(signatures)) = (&site, &signatures) {
        match (check.detectors)(site, signatures, lang) {
            Ok(list) => object.detectors = list.into_iter().map(detector).collect(),
            Err(message) => object.errors.push(ErrorPart { file: String::new(), line: 0, column: 0, message }),
        }
    }
    object.valid = object.errors.is_empty();
    let mut out = Vec::new();
    append(&mut out, &object);
    out.push(b'\n');
    (out, object.valid)
}

/// What was read, or the error put aside.
fn kept<T>(read: Result<T, ConfigError>, errors: &mut Vec<ErrorPart>) -> Option<T> {
    read.map_err(|e| errors.push(e.into())).ok()
}

fn signatures(check: &Check<'_>, replaced: &mut Vec<String>) -> Result<Signatures, ConfigError> {
    let mut all = Signatures::embedded()?;
    if let Some(dir) = check.signatures {
        *replaced = all.replace_from(dir)?;
    }
    Ok(all)
}

fn texts(networks: &[Cidr]) -> Vec<String> {
    networks.iter().map(Cidr::to_string).collect()
}

impl From<&Site> for SitePart {
    fn from(s: &Site) -> SitePart {
        SitePart {
            file: s.path.as_ref().map(|p| p.display().to_string()).unwrap_or_default(),
            name: s.name.clone(),
            language: s.lang.word(),
            timezone: s.calendar.timezone.clone(),
            timezone_declared: s.calendar.declared,
            holidays: s.calendar.holidays.len(),
            declared: s.declared,
        }
    }
}

impl From<(ZoneId, &Zone)> for ZonePart {
    fn from((_, z): (ZoneId, &Zone)) -> ZonePart {
        ZonePart { name: z.name.clone(), kind: z.kind, networks: texts(&z.networks), vlans: z.vlans.clone() }
    }
}

impl From<GeoReport> for GeoPart {
    fn from(g: GeoReport) -> GeoPart {
        GeoPart { file: g.file, kind: g.kind, countries: g.countries, networks: g.networks, ipv4_only: g.ipv4_only }
    }
}

fn rule(site: &Site, r: &Rule) -> RulePart {
    let name = |z: Option<ZoneId>| z.and_then(|z| site.zones.get(z)).map_or("internet", |z| z.name.as_str()).to_owned();
    RulePart {
        from: name(r.from),
        to: name(r.to),
        services: r.services.iter().map(|s| s.word()).collect(),
        action: r.action,
        owner: r.owner.clone(),
        reason: r.reason.clone(),
        expires: r.expires.map(|end| site.calendar.local(end - crate::base::Span(1)).date().to_string()),
    }
}

fn vendor(site: &Site, v: &Vendor) -> VendorPart {
    VendorPart {
        name: v.name.clone(),
        sources: texts(&v.sources),
        hosts: texts(&v.hosts),
        windows: v.windows.iter().map(|w| window(site, w)).collect(),
    }
}

fn ledger(site: &Site, r: &LedgerReport) -> LedgerPart {
    let mut roles: BTreeMap<Role, usize> = BTreeMap::new();
    site.ledger.iter().for_each(|e| *roles.entry(e.role).or_default() += 1);
    let column = |g: &crate::site::ColumnGuess| ColumnPart { column: g.column.word(), number: g.index + 1, header: g.header.clone(), by: g.by };
    LedgerPart {
        file: r.file.clone(),
        encoding: r.encoding,
        separator: r.separator,
        header_line: r.header_line,
        columns: r.columns.iter().map(column).collect(),
        rows: r.rows,
        entries: site.ledger.len(),
        with_mac: site.ledger.iter().filter(|e| e.mac.is_some()).count(),
        refused: r.refused,
        roles: roles.into_iter().map(|(r, n)| (r.word(), n)).collect(),
    }
}

fn warnings(site: &Site) -> Vec<String> {
    let ledger = site.ledger_report.iter().flat_map(LedgerReport::lines);
    site.warnings.iter().cloned().chain(ledger).collect()
}

fn detector((id, runs): (String, Result<(), String>)) -> DetectorPart {
    DetectorPart { id, runs: runs.is_ok(), reason: runs.err() }
}
