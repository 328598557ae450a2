//! The ledger written back: what people decided of devices, in the ledger's own columns.

use super::{Stop, say};
use crate::base::{Addr, Lang, Timestamp};
use crate::output::clean::cell;
use crate::output::pick;
use crate::site::{Addition, Entry, Ledger, LedgerReport, Site};
use crate::store::{DeviceRow, Reader, Verdict};
use std::collections::BTreeMap;

/// The ledger's file with the decisions of a store; those of devices that `keep` leaves out are left out.
pub fn written(site: &Site, report: &LedgerReport, reader: &Reader, keep: &dyn Fn(&DeviceRow) -> bool, quiet: bool) -> Result<Vec<u8>, Stop> {
    let devices: BTreeMap<String, DeviceRow> = reader.devices()?.into_iter().map(|d| (d.id.clone(), d)).collect();
    let (mut remarks, mut new): (BTreeMap<u32, String>, Vec<Addition>) = Default::default();
    for v in reader.verdicts()? {
        let Some(d) = devices.get(&v.device.to_string()).filter(|d| keep(d)) else { continue };
        match entry(&site.ledger, d) {
            Some(e) => drop(remarks.insert(e.line, remark(site, d, &v))),
            None if d.status == "authorised" => new.push(addition(site, d, &v)),
            None => {}
        }
    }
    let unsaid = if Ledger::takes_remarks(report) { 0 } else { remarks.len() };
    if unsaid > 0 && !quiet {
        say(&format!("the ledger has no column for remarks: {unsaid} decisions about devices that stand in it are not written"));
    }
    site.ledger.written(report, &remarks, &new).map_err(|e| Stop::new(super::Exit::Input, e))
}

/// The line of a device, as the sensor finds it: by MAC, else by an address whose line names no other MAC.
fn entry<'a>(ledger: &'a Ledger, d: &DeviceRow) -> Option<&'a Entry> {
    let mac = d.mac.parse().ok();
    let by_addr = || d.ips.iter().filter_map(|a| ledger.by_addr(a.parse().ok()?)).find(|e| e.mac.is_none() || mac.is_none() || e.mac == mac);
    mac.and_then(|m| ledger.by_mac(m)).or_else(by_addr)
}

/// A day as the hospital's calendar has it.
fn day(site: &Site, ts: Timestamp) -> String {
    site.calendar.local(ts).date().to_string()
}

/// A decision in a cell: what, until when, by whom, when, why.
fn remark(site: &Site, d: &DeviceRow, v: &Verdict) -> String {
    let word = match (d.status.as_str(), site.lang) {
        ("authorised", Lang::Ja) => "許可",
        ("refused", Lang::Ja) => "使用不可",
        ("investigating", Lang::Ja) => "調査中",
        ("expired", Lang::Ja) => "許可期限切れ",
        (word, _) => word,
    };
    let until = v.until.map(|t| format!("{}{}", pick(site.lang, " until ", "、期限 "), day(site, t))).unwrap_or_default();
    let text = match site.lang {
        Lang::En => format!("{word}{until} ({}, {}): {}", v.who, day(site, v.ts), v.why),
        Lang::Ja => format!("{word}{until}（{}、{}）: {}", v.who, day(site, v.ts), v.why),
    };
    cell(&text.replace('\n', " ")).into_owned()
}

fn addition(site: &Site, d: &DeviceRow, v: &Verdict) -> Addition {
    let addrs = || d.ips.iter().filter_map(|a| a.parse::<Addr>().ok()).filter(|a| !a.is_link_local());
    Addition {
        mac: d.mac.parse().ok(),
        ip: addrs().find(|a| a.is_v4()).or_else(|| addrs().next()),
        name: d.names.last().map(|n| cell(n).into_owned()).unwrap_or_default(),
        zone: cell(&d.zone).into_owned(),
        role: serde_json::from_value(serde_json::Value::String(d.role.clone())).unwrap_or_default(),
        note: remark(site, d, v),
    }
}
