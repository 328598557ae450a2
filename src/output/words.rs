//! Where the words about findings and incidents come from: the signatures. Behind a trait, so that reports can be tested without them.

use crate::base::{Lang, Timestamp};
use crate::detect::Finding;
use crate::detect::signature::{Signature, Signatures, render};
use crate::incident::{Incident, Kept};
use serde::Serialize;
use serde_json::Value;

/// Titles, sentences, first steps and ATT&CK ids by detector.
pub trait Words {
    /// The detector's title.
    fn title(&self, detector: &str, lang: Lang) -> String;
    /// One sentence about this finding.
    fn summary(&self, kept: &Kept, lang: Lang) -> String;
    /// ATT&CK technique ids.
    fn attack(&self, detector: &str) -> Vec<String>;
    /// First steps for a finding, most urgent first.
    fn next(&self, kept: &Kept, lang: Lang) -> Vec<String>;
    /// One sentence about an incident; `mine` are its findings, worst first.
    fn incident(&self, i: &Incident, _mine: &[&Kept], lang: Lang) -> String {
        i.summary(lang)
    }
}

/// The word an enumeration serialises to.
pub fn serde_word(v: &impl Serialize) -> String {
    match serde_json::to_value(v) {
        Ok(Value::String(s)) => s,
        _ => String::new(),
    }
}

/// The value behind a placeholder of a signature's template: the finding's own fields first, then its evidence.
pub fn placeholder(f: &Finding, key: &str, lang: Lang) -> Option<String> {
    Some(match key {
        "orig" => f.orig.word(),
        "mac" if f.orig.mac.is_some() => f.orig.mac?.to_string(),
        "resp" => listed(f.resp.iter().map(|a| a.to_string()), lang),
        "count" => f.count.to_string(),
        "service" => f.service.word().to_owned(),
        "outcome" => f.outcome.word().to_owned(),
        "severity" => f.severity.word().to_owned(),
        "zone" if !f.zone.is_empty() => f.zone.clone(),
        "user" if f.user.is_some() => f.user.clone()?,
        "vlan" if !f.vlan.is_empty() => listed(f.vlan.iter().map(|v| v.to_string()), lang),
        "first_ts" => readable(f.first_ts),
        "last_ts" => readable(f.last_ts),
        "detector" => f.detector.to_owned(),
        _ => plain(f.evidence.get(key)?, lang),
    })
}

/// A time as a person says it: `2026-11-21 20:27:14 UTC`.
fn readable(t: Timestamp) -> String {
    let (y, mo, d, h, mi, s) = t.civil();
    format!("{y:04}-{mo:02}-{d:02} {h:02}:{mi:02}:{s:02} UTC")
}

/// What an empty placeholder leaves behind: empty brackets, doubled and dangling spaces.
fn tidy(text: String) -> String {
    let mut out = text;
    for (from, to) in [
        ("( ", "("),
        (" )", ")"),
        ("(,", "("),
        (",)", ")"),
        ("（、", "（"),
        ("、）", "）"),
        (" （", "（"),
        (" ）", "）"),
        (" ()", ""),
        ("()", ""),
        ("（）", ""),
        ("  ", " "),
        (" .", "."),
        (" ,", ","),
    ] {
        while out.contains(from) {
            out = out.replace(from, to);
        }
    }
    out.trim().to_owned()
}

/// The first few of a list, and how many more there are.
fn listed(items: impl Iterator<Item = String>, lang: Lang) -> String {
    let all: Vec<String> = items.collect();
    let shown: Vec<&str> = all.iter().take(4).map(String::as_str).collect();
    let more = all.len().saturating_sub(shown.len());
    let shown = shown.join(super::pick(lang, ", ", "、"));
    if more == 0 { shown } else { shown + &super::pick(lang, " (+{})", "（ほか {}）").replace("{}", &more.to_string()) }
}

/// An evidence value as words.
fn plain(v: &Value, lang: Lang) -> String {
    match v {
        Value::Null => "-".to_owned(),
        Value::String(s) => s.clone(),
        Value::Array(a) => listed(a.iter().map(|v| plain(v, lang)), lang),
        Value::Object(_) | Value::Bool(_) | Value::Number(_) => v.to_string(),
    }
}

/// A placeholder's value in a language: what the detector says in English words is said in the signature's Japanese ones.
fn said(s: &Signature, f: &Finding, key: &str, lang: Lang) -> Option<String> {
    // A sentence that names the account must not end in nothing where nobody knows it.
    if key == "user" && f.user.is_none() {
        return Some(super::pick(lang, "unknown", "不明").to_owned());
    }
    if lang == Lang::En || s.phrases.is_empty() {
        return placeholder(f, key, lang);
    }
    let ja = |word: String| s.phrases.get(&word).cloned().unwrap_or(word);
    match f.evidence.get(key) {
        Some(Value::Array(words)) if !matches!(key, "orig" | "resp" | "count") => Some(listed(words.iter().map(|w| ja(plain(w, lang))), lang)),
        _ => placeholder(f, key, lang).map(ja),
    }
}

/// Words without signatures: the ids and numbers themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct BareWords;

impl Words for BareWords {
    fn title(&self, detector: &str, _lang: Lang) -> String {
        detector.to_owned()
    }
    fn summary(&self, kept: &Kept, _lang: Lang) -> String {
        let f = &kept.finding;
        match f.resp.is_empty() {
            true => format!("{}: {}", f.detector, f.orig.word()),
            false => format!(
                "{}: {} > {} ({}, {})",
                f.detector,
                f.orig.word(),
                listed(f.resp.iter().map(|a| a.to_string()), Lang::En),
                f.service,
                f.outcome
            ),
        }
    }
    fn attack(&self, _detector: &str) -> Vec<String> {
        Vec::new()
    }
    fn next(&self, _kept: &Kept, _lang: Lang) -> Vec<String> {
        Vec::new()
    }
}

impl Words for Signatures {
    fn title(&self, detector: &str, lang: Lang) -> String {
        self.get(detector).map_or_else(|| detector.to_owned(), |s| s.title.get(lang).clone())
    }
    fn summary(&self, kept: &Kept, lang: Lang) -> String {
        match self.get(kept.finding.detector) {
            Some(s) => tidy(render(s.summary.get(lang), &|key| said(s, &kept.finding, key, lang))),
            None => BareWords.summary(kept, lang),
        }
    }
    fn attack(&self, detector: &str) -> Vec<String> {
        self.get(detector).map(|s| s.attack.clone()).unwrap_or_default()
    }
    fn next(&self, kept: &Kept, lang: Lang) -> Vec<String> {
        let Some(s) = self.get(kept.finding.detector) else { return Vec::new() };
        s.first_response.get(lang).iter().map(|step| tidy(render(step, &|key| said(s, &kept.finding, key, lang)))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::sample::Sample;

    #[test]
    fn what_a_detector_says_in_english_is_said_in_japanese() {
        let sample = Sample::made();
        let words = Signatures::new(&[(
            "smb-fanout.toml",
            "id = \"smb-fanout\"\nseverity = \"high\"\n[title]\nen = \"\"\nja = \"\"\n[summary]\nen = \"{reasons} {service}\"\n\
             ja = \"{reasons} {service} {orig}\"\n[phrases]\n\"new edge\" = \"初めて\"\nsmb = \"SMB\"\n[first_response]\nen = []\nja = []\n",
        )])
        .unwrap();
        let mut k = sample.book.findings()[0].clone();
        k.finding.set("reasons", vec!["new edge", "unknown"]);
        assert_eq!(words.summary(&k, Lang::En), "new edge, unknown smb");
        assert_eq!(words.summary(&k, Lang::Ja), "初めて、unknown SMB 10.20.1.33");
    }

    #[test]
    fn signatures_give_the_words() {
        let text = "id = \"smb-fanout\"\nseverity = \"high\"\nattack = [\"T1021.002\"]\n\
                    [title]\nen = \"SMB fan-out\"\nja = \"SMB 拡散\"\n\
                    [summary]\nen = \"{orig} reached {count} hosts: {resp} as {user} {hosts}\"\nja = \"{orig} が {count} 台\"\n\
                    [first_response]\nen = [\"Unplug {orig}\"]\nja = [\"切り離す\"]\n";
        let words = Signatures::new(&[("smb-fanout.toml", text)]).unwrap();
        let sample = Sample::made();
        let k = &sample.book.findings()[0];
        assert_eq!(words.summary(k, Lang::En), "10.20.1.33 reached 2 hosts: 10.20.1.40, 10.20.1.41 as unknown 2");
        assert_eq!(words.summary(k, Lang::Ja), "10.20.1.33 が 2 台");
        assert_eq!((words.title("smb-fanout", Lang::Ja).as_str(), words.title("scan", Lang::En).as_str()), ("SMB 拡散", "scan"));
        assert_eq!(words.attack("smb-fanout"), ["T1021.002"]);
        assert_eq!(words.next(k, Lang::En), ["Unplug 10.20.1.33"]);
        assert_eq!(tidy("zone z (, ) was ( x )  .".to_owned()), "zone z was (x).");
    }
}
