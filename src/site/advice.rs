//! What in a valid site file is probably not meant: rules that never speak, hosts that stand nowhere, ledger lines against the zones.

use super::policy::Rule;
use super::settings::Privacy;
use super::{Place, Site, ZoneKind};
use std::collections::BTreeMap;

/// At most this many ledger lines are named; the rest is counted.
const NAMED: usize = 20;

/// One line per doubt, in the order of the file.
pub fn warnings(site: &Site) -> Vec<String> {
    let mut out = Vec::new();
    if !site.zones.has(ZoneKind::Clinical) {
        out.push("no zone of kind `clinical` is declared: clinical-to-internet traffic cannot be told from other traffic".to_owned());
    }
    if site.privacy != Privacy::default() {
        out.push(
            "[privacy] is read but not applied yet: names of users stand in all results as they were seen, and nothing is deleted by it".to_owned(),
        );
    }
    silent_rules(site, &mut out);
    homeless_hosts(site, &mut out);
    strange_ledger_lines(site, &mut out);
    out
}

fn silent_rules(site: &Site, out: &mut Vec<String>) {
    let covers = |a: &Rule, b: &Rule| {
        let services = a.services.is_empty() || !b.services.is_empty() && b.services.iter().all(|s| a.services.contains(s));
        let lasts = a.expires.is_none() || b.expires.is_some() && b.expires <= a.expires;
        a.from == b.from && a.to == b.to && services && lasts
    };
    let rules = site.policy.rules.get(..1000).unwrap_or(&site.policy.rules);
    for (i, late) in rules.iter().enumerate() {
        if let Some(j) = rules.iter().take(i).position(|early| covers(early, late)) {
            out.push(format!("[[policy]] number {} never decides: number {} fits everything that it fits", i + 1, j + 1));
        }
    }
}

fn homeless_hosts(site: &Site, out: &mut Vec<String>) {
    for v in &site.vendors {
        for host in v.hosts.iter().filter(|h| matches!(site.place(h.first()), Place::Internet | Place::Nowhere)) {
            out.push(format!("host {host} of [vendors.{}] stands in no zone and is no private address", v.name));
        }
    }
}

/// A ledger line that names one zone while its address stands in another: one of the two is old.
fn strange_ledger_lines(site: &Site, out: &mut Vec<String>) {
    let names: BTreeMap<String, &str> = site.zones.iter().map(|(_, z)| (z.name.to_lowercase(), z.name.as_str())).collect();
    let mut more = 0usize;
    for e in site.ledger.iter() {
        let Some(said) = names.get(&e.zone.to_lowercase()) else { continue };
        for ip in e.ips.iter().filter(|ip| site.zone_name(**ip) != *said) {
            if out.len() >= NAMED {
                more += 1;
                continue;
            }
            let is = Some(site.zone_name(*ip)).filter(|n| !n.is_empty()).unwrap_or("no zone");
            out.push(format!("ledger line {}: {ip} is said to stand in {said} but stands in {is}", e.line));
        }
    }
    if more > 0 {
        out.push(format!("{more} more ledger addresses stand in another zone than the ledger says"));
    }
}
