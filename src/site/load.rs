//! From the site file to a [`Site`]: what the tables mean, and what in them cannot be meant.

use super::document::{ConfigError, Document, hint, nearest, read_capped};
use super::policy::{Policy, Rule};
use super::schema::{LedgerTable, Moment, PolicyTable, SiteFile, SiteTable, VendorTable, WindowTable, ZoneTable};
use super::vendors::{Vendor, WEEKDAYS, Window, clock_time, local_time, weekday};
use super::{Calendar, Ledger, LedgerReport, Site, Zone, ZoneId, ZoneKind, Zones};
use crate::base::Cidr;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use toml::Spanned;

/// What is wrong with a site file or its ledger.
pub type SiteError = ConfigError;

/// A site file larger than this is not read. The largest that people write hold some hundred lines.
const FILE_CAP: u64 = 4 << 20;
/// More zones than any hospital has; [`ZoneId`] would end at 65,535.
const ZONES_CAP: usize = 1024;
/// Building the search table takes the square of the networks.
const NETWORKS_CAP: usize = 4096;

impl Site {
    /// Reads a site file and the ledger that it names. Paths in the file are relative to it.
    pub fn load(path: &Path) -> Result<Site, SiteError> {
        let bytes = read_capped(path, FILE_CAP)?;
        let mut site = Site::parse(&path.display().to_string(), &bytes, path.parent().unwrap_or(Path::new("")))?;
        site.path = Some(path.to_owned());
        Ok(site)
    }

    /// The site of a text; `dir` is where relative paths start, `file` the name for errors.
    pub fn parse(file: &str, bytes: &[u8], dir: &Path) -> Result<Site, SiteError> {
        let doc = Document::new(file, bytes)?;
        let text: SiteFile = doc.parse()?;
        let mut site = Site { name: text.site.name.clone(), lang: text.site.language, declared: true, ..Site::default() };
        site.calendar = calendar(&doc, text.site)?;
        site.zones = zones(&doc, text.zones)?;
        site.policy = policy(&doc, text.policy, &site)?;
        site.vendors = vendors(&doc, text.vendors, &site.calendar)?;
        (site.capture, site.output, site.notify, site.privacy) = (text.capture, text.output, text.notify, text.privacy);
        for p in [&mut site.output.dir, &mut site.output.eve].into_iter().flatten() {
            *p = dir.join(&*p);
        }
        if let Some(table) = &text.ledger {
            let (ledger, report) = ledger(&doc, table, dir)?;
            (site.ledger, site.ledger_report) = (ledger, Some(report));
        }
        site.warnings = super::advice::warnings(&site);
        Ok(site)
    }

    /// The site of which nothing is declared: private addresses are inside, all others the internet.
    pub fn undeclared() -> Site {
        Site::default()
    }

    /// A site of which only the clinical networks are declared (`--clinical`); an undeclared site if there are none.
    pub fn with_clinical(networks: &[Cidr]) -> Site {
        let mut networks = networks.to_vec();
        networks.sort();
        networks.dedup();
        if networks.is_empty() {
            return Site::undeclared();
        }
        let zone = Zone { name: "clinical".to_owned(), kind: ZoneKind::Clinical, networks, vlans: Vec::new() };
        Site { declared: true, zones: Zones::new(vec![zone]), ..Site::default() }
    }

    /// The site of the command line: `--site`, `--clinical` or neither. Both together are an error: one place says what is clinical.
    pub fn open(path: Option<&Path>, clinical: &[Cidr]) -> Result<Site, SiteError> {
        match path {
            None => Ok(Site::with_clinical(clinical)),
            Some(path) if clinical.is_empty() => Site::load(path),
            Some(path) => Err(ConfigError::whole(
                &path.display().to_string(),
                "--clinical is for running without a site file; declare the network in a zone of kind `clinical` here instead",
            )),
        }
    }
}

fn calendar(doc: &Document, site: SiteTable) -> Result<Calendar, SiteError> {
    let days = site.holidays.iter().map(|d| d.0).collect();
    let declared = site.timezone.is_some();
    let (name, span) = site.timezone.map_or(("UTC".to_owned(), 0..0), |z| (z.get_ref().clone(), z.span()));
    Calendar::new(&name, days)
        .map(|mut c| {
            c.declared = declared;
            c
        })
        .map_err(|near| {
            let tail = near.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
            doc.at(span, format!("`{name}` is no IANA time zone{tail}"))
        })
}

/// The tables of one kind in the order in which the file has them.
fn in_file_order<T>(tables: BTreeMap<String, Spanned<T>>) -> Vec<(String, Range<usize>, T)> {
    let mut list: Vec<_> = tables.into_iter().map(|(name, t)| (name, t.span(), t.into_inner())).collect();
    list.sort_by_key(|t| t.1.start);
    list
}

fn zones(doc: &Document, tables: BTreeMap<String, Spanned<ZoneTable>>) -> Result<Zones, SiteError> {
    if tables.len() > ZONES_CAP {
        return Err(doc.at(0..0, format!("{} zones; at most {ZONES_CAP} are read", tables.len())));
    }
    let mut networks: BTreeMap<Cidr, (String, u32)> = BTreeMap::new();
    let mut vlans: BTreeMap<u16, (String, u32)> = BTreeMap::new();
    let mut zones = Vec::new();
    for (name, span, t) in in_file_order(tables) {
        if name == "internet" || name.trim().is_empty() {
            return Err(doc.at(span, format!("`{name}` cannot name a zone; `internet` is whatever stands in no zone and is no private address")));
        }
        if t.networks.is_empty() && t.vlans.is_empty() {
            return Err(doc.at(span, format!("[zones.{name}] has neither `networks` nor `vlans`, so nothing would stand in it")));
        }
        for n in &t.networks {
            once(doc, &mut networks, *n.get_ref(), n.span(), &name, &format!("network {}", n.get_ref()))?;
        }
        let mut ids = Vec::new();
        for v in &t.vlans {
            let id = u16::try_from(*v.get_ref()).ok().filter(|v| (1..=4094).contains(v));
            let id = id.ok_or_else(|| doc.at(v.span(), format!("`{}` is no VLAN of [zones.{name}] (expected 1 to 4094)", v.get_ref())))?;
            once(doc, &mut vlans, id, v.span(), &name, &format!("VLAN {id}"))?;
            ids.push(id);
        }
        let networks = t.networks.into_iter().map(Spanned::into_inner).collect();
        zones.push(Zone { name, kind: t.kind, networks, vlans: ids });
    }
    if networks.len() > NETWORKS_CAP {
        return Err(doc.at(0..0, format!("{} networks; at most {NETWORKS_CAP} are read", networks.len())));
    }
    Ok(Zones::new(zones))
}

/// Notes that a zone declares `key`; it is an error if it was declared before. A network inside another one is none: the longer prefix wins.
fn once<K: Ord>(doc: &Document, seen: &mut BTreeMap<K, (String, u32)>, key: K, span: Range<usize>, zone: &str, what: &str) -> Result<(), SiteError> {
    match seen.insert(key, (zone.to_owned(), doc.line(&span))) {
        None => Ok(()),
        Some((other, line)) if other == zone => Err(doc.at(span, format!("{what} stands twice in [zones.{zone}] (first on line {line})"))),
        Some((other, line)) => Err(doc.at(span, format!("{what} stands in [zones.{zone}] and in [zones.{other}] (line {line})"))),
    }
}

fn policy(doc: &Document, tables: Vec<PolicyTable>, site: &Site) -> Result<Policy, SiteError> {
    let names: BTreeMap<&str, ZoneId> = site.zones.iter().map(|(id, z)| (z.name.as_str(), id)).collect();
    let end = |key: &str, place: &Spanned<String>| -> Result<Option<ZoneId>, SiteError> {
        let word = place.get_ref().as_str();
        if word == "internet" {
            return Ok(None);
        }
        names.get(word).copied().map(Some).ok_or_else(|| {
            let choices: Vec<&str> = names.keys().copied().chain(["internet"]).collect();
            doc.at(place.span(), format!("`{word}` in `{key}` of [[policy]] is no declared zone{}", hint(word, &choices)))
        })
    };
    let mut rules = Vec::new();
    for t in tables {
        let (from, to) = (end("from", &t.from)?, end("to", &t.to)?);
        if from.is_none() && to.is_none() {
            return Err(doc.at(t.from.span(), "a [[policy]] from `internet` to `internet` speaks of nothing that is yours"));
        }
        let expires = t.expires.map(|d| site.calendar.end_of_day(d.0));
        rules.push(Rule { from, to, services: t.services, action: t.action, owner: t.owner, reason: t.reason, expires });
    }
    Ok(Policy { rules })
}

fn vendors(doc: &Document, tables: BTreeMap<String, Spanned<VendorTable>>, calendar: &Calendar) -> Result<Vec<Vendor>, SiteError> {
    let mut vendors = Vec::new();
    for (name, span, t) in in_file_order(tables) {
        if t.sources.is_empty() {
            return Err(doc.at(span, format!("[vendors.{name}] has no `sources`, so nobody would be recognised as this supplier")));
        }
        let windows = t.windows.into_iter().map(|w| window(doc, &name, w, calendar)).collect::<Result<_, _>>()?;
        vendors.push(Vendor { name, sources: t.sources, hosts: t.hosts, windows });
    }
    Ok(vendors)
}

fn window(doc: &Document, vendor: &str, w: WindowTable, calendar: &Calendar) -> Result<Window, SiteError> {
    let wrong = |m: &Spanned<Moment>, is_no: &str| doc.at(m.span(), format!("`{}` in `windows` of [vendors.{vendor}] is no {is_no}", m.get_ref().0));
    if w.days.is_empty() {
        let when = |m: &Spanned<Moment>| {
            let local = local_time(&m.get_ref().0).ok_or_else(|| wrong(m, "local date and time (such as \"2026-11-21T09:00\")"))?;
            Ok(calendar.instant(local))
        };
        let (from, to) = (when(&w.from)?, when(&w.to)?);
        if from >= to {
            return Err(wrong(&w.to, &format!("time after `{}`", w.from.get_ref().0)));
        }
        return Ok(Window::Once { from, to, note: w.note });
    }
    let when = |m: &Spanned<Moment>| clock_time(&m.get_ref().0).ok_or_else(|| wrong(m, "time of day (such as \"09:00\"; `days` are given)"));
    let (from, to) = (when(&w.from)?, when(&w.to)?);
    let day = |d: &Spanned<String>| {
        let unknown = || format!("`{}` in `days` of [vendors.{vendor}] is no day of the week{}", d.get_ref(), hint(d.get_ref(), &WEEKDAYS));
        weekday(d.get_ref()).ok_or_else(|| doc.at(d.span(), unknown()))
    };
    let days = w.days.iter().map(day).collect::<Result<_, _>>()?;
    Ok(Window::Weekly { days, from, to, note: w.note })
}

fn ledger(doc: &Document, table: &LedgerTable, dir: &Path) -> Result<(Ledger, LedgerReport), SiteError> {
    let path = dir.join(table.file.get_ref());
    Ledger::load(&path, &table.columns).map_err(|e| {
        let near = || {
            let names: Vec<String> = path.parent()?.read_dir().ok()?.take(4096).filter_map(|f| f.ok()?.file_name().into_string().ok()).collect();
            nearest(path.file_name()?.to_str()?, names.iter().map(String::as_str)).map(|n| format!("; did you mean `{n}`?"))
        };
        let tail = if path.exists() { None } else { near() }.unwrap_or_default();
        let line = if e.line > 0 { format!(" line {}", e.line) } else { String::new() };
        doc.at(table.file.span(), format!("ledger `{}`{line}: {}{tail}", table.file.get_ref(), e.message))
    })
}
