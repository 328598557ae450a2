//! `alert` lines: a finding as existing dashboards expect it.

use super::{begin, sid, tuple, vlan};
use crate::base::{Lang, Severity};
use crate::flow::community_id;
use crate::incident::Kept;
use crate::output::Words;
use crate::output::line::Line;
use crate::wire::Vlans;

/// EVE's severity: 1 is worst.
const fn level(s: Severity) -> u64 {
    match s {
        Severity::Critical | Severity::High => 1,
        Severity::Medium => 2,
        Severity::Low => 3,
        Severity::Info => 4,
    }
}

/// One finding. Ports are those of its first flow; `alert.metadata` and `alert.context` are open and hold the rest.
pub(super) fn write(l: &mut Line, k: &Kept, words: &dyn Words, lang: Lang) {
    let f = &k.finding;
    begin(l, f.ts, "alert");
    if let Some(n) = f.packets.first() {
        l.uint("pcap_cnt", *n);
    }
    let [a, b] = [f.vlan.first(), f.vlan.get(1)].map(|v| Vlans([v.copied().unwrap_or(0), 0]));
    vlan(l, [a, b]);
    match f.flows.first() {
        Some(t) => tuple(l, t),
        None => {
            if let Some(a) = f.orig.addr {
                l.addr("src_ip", a);
            }
            if let Some(a) = f.resp.first() {
                l.addr("dest_ip", *a);
            }
        }
    }
    if let Some(m) = f.orig.mac {
        l.object("ether");
        l.mac("src_mac", m);
        l.close();
    }
    if let Some(t) = f.flows.first() {
        l.word("community_id", community_id(t).as_str());
    }
    l.object("alert");
    body(l, k, words, lang);
    l.close();
}

fn body(l: &mut Line, k: &Kept, words: &dyn Words, lang: Lang) {
    let f = &k.finding;
    let rule = sid::of(f.detector);
    l.word("action", "allowed");
    l.uint("gid", 1);
    l.uint("signature_id", u64::from(rule.sid));
    l.uint("rev", 1);
    l.text("signature", &words.title(f.detector, lang));
    l.word("category", rule.category);
    l.uint("severity", level(f.severity));
    l.object("metadata");
    l.texts("signature_severity", [f.severity.word()]);
    l.texts("detector", [f.detector]);
    l.texts("finding_id", [&k.id]);
    l.list("finding_rev", [k.rev], |l, r| l.quote_display(r));
    l.texts("outcome", [f.outcome.word()]);
    l.texts("incident", Some(&k.incident).filter(|i| !i.is_empty()));
    l.texts("zone", Some(&f.zone).filter(|z| !z.is_empty()));
    l.texts("user", &f.user);
    l.texts("orig_all", &k.orig_all);
    l.list("resp", &f.resp, |l, a| l.put_addr(*a));
    l.texts("mitre_technique_id", words.attack(f.detector));
    l.close();
    l.object("context");
    l.text("summary", &words.summary(k, lang));
    l.uint("count", f.count);
    l.value("evidence", &f.evidence);
    l.close();
}
