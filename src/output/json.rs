//! The JSON contract: the one object of `--format json`, and the files of `--output`. One record per line inside, so that a line number says
//! something. Nothing here depends on machine, workers, time zone, locale or wall time.

use super::file::OutFile;
use super::line::quote_into;
use super::record::{BlockedRecord, DeviceRecord, FindingRecord, IncidentRecord, SCHEMA, SummaryRecord, TableRecord, WeirdRecord};
use super::{Run, SinkError, Words};
use crate::base::Severity;
use crate::incident::Around;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Everything a report says, as records. Made once and written in every form asked for.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The head.
    pub summary: SummaryRecord,
    /// In order of first sight.
    pub devices: Vec<DeviceRecord>,
    /// In order of first emission.
    pub findings: Vec<FindingRecord>,
    /// In order of opening.
    pub incidents: Vec<IncidentRecord>,
    /// Odd input by kind.
    pub weird: Vec<WeirdRecord>,
    /// Tables and their evictions.
    pub tables: Vec<TableRecord>,
    /// What could not run.
    pub blocked: Vec<BlockedRecord>,
}

impl Report {
    /// The report of a run. `blocked` are detector ids with the reason in English and Japanese.
    pub fn new(run: &Run<'_>, words: &dyn Words, blocked: &[(&'static str, &'static str, &'static str)]) -> Report {
        let (lang, findings) = (run.lang, run.book.findings());
        let around = if run.book.incidents().is_empty() { Around::default() } else { Around::of(run.assets, run.book) };
        Report {
            summary: SummaryRecord::new(run),
            devices: run.assets.devices().map(DeviceRecord::from).collect(),
            findings: findings.iter().map(|k| FindingRecord::new(k, words, lang)).collect(),
            incidents: run.book.incidents().iter().map(|i| IncidentRecord::new(i, run, &around, words, lang)).collect(),
            weird: run.weirds.iter().map(WeirdRecord::from).collect(),
            tables: run
                .assets
                .held()
                .into_iter()
                .chain(run.book.held())
                .map(|(name, held, evicted)| TableRecord { name: name.to_owned(), held: held as u64, evicted })
                .collect(),
            blocked: blocked
                .iter()
                .map(|(id, en, ja)| BlockedRecord { detector: (*id).to_owned(), reason: super::pick(lang, en, ja).to_owned() })
                .collect(),
        }
    }
    /// The one object of `--format json`.
    pub fn object(&self) -> Vec<u8> {
        let mut out = opened(&self.summary);
        list(&mut out, "devices", &self.devices);
        list(&mut out, "findings", &self.findings);
        list(&mut out, "incidents", &self.incidents);
        closed(out)
    }
    /// Writes `summary.json findings.json incidents.json devices.json weird.json`; tries them all and returns what went wrong.
    pub fn write_dir(&self, dir: &Path) -> Vec<SinkError> {
        let files = [
            ("summary.json", self.summary_file()),
            ("findings.json", file("findings", &self.findings)),
            ("incidents.json", file("incidents", &self.incidents)),
            ("devices.json", file("devices", &self.devices)),
            ("weird.json", file("weird", &self.weird)),
        ];
        let write = |(name, bytes): (&str, Vec<u8>)| {
            let mut f = OutFile::in_dir(dir, name);
            f.put(&bytes);
            f.finish().err()
        };
        files.into_iter().filter_map(write).collect()
    }
    fn summary_file(&self) -> Vec<u8> {
        let by = |of: &dyn Fn(Severity) -> usize| -> BTreeMap<&str, usize> { Severity::ALL.iter().map(|s| (s.word(), of(*s))).collect() };
        let findings = by(&|s| self.findings.iter().filter(|f| f.severity == s.word()).count());
        let incidents = by(&|s| self.incidents.iter().filter(|i| i.severity == s.word()).count());
        let mut out = opened(&self.summary);
        member(&mut out, "devices", &self.devices.len());
        member(&mut out, "findings", &findings);
        member(&mut out, "incidents", &incidents);
        member(&mut out, "weird", &self.weird.iter().map(|w| w.count).sum::<u64>());
        list(&mut out, "tables", &self.tables);
        list(&mut out, "not_running", &self.blocked);
        closed(out)
    }
}

/// A file of one list: `{"schema":1,"<name>":[…]}`.
fn file(name: &str, records: &[impl Serialize]) -> Vec<u8> {
    #[derive(Serialize)]
    struct Head {
        schema: u32,
    }
    let mut out = opened(&Head { schema: SCHEMA });
    list(&mut out, name, records);
    closed(out)
}

/// The head's members without its closing brace.
fn opened(head: &impl Serialize) -> Vec<u8> {
    let mut out = Vec::with_capacity(4096);
    append(&mut out, head);
    out.pop();
    out
}

fn closed(mut out: Vec<u8>) -> Vec<u8> {
    out.extend_from_slice(b"\n}\n");
    out
}

fn member(out: &mut Vec<u8>, name: &str, v: &impl Serialize) {
    out.extend_from_slice(format!(",\n\"{name}\":").as_bytes());
    append(out, v);
}

fn list(out: &mut Vec<u8>, name: &str, records: &[impl Serialize]) {
    out.extend_from_slice(format!(",\n\"{name}\":[").as_bytes());
    for (i, r) in records.iter().enumerate() {
        out.extend_from_slice(if i == 0 { b"\n" } else { b",\n" });
        append(out, r);
    }
    out.push(b']');
}

/// One value, compact, with everything escaped that a terminal would act upon.
pub fn append(out: &mut Vec<u8>, v: &impl Serialize) {
    let start = out.len();
    if v.serialize(&mut serde_json::Serializer::with_formatter(&mut *out, Careful)).is_err() {
        // Only a map with keys that are no text could fail, and none of our records has one.
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

/// serde_json's compact form, with control, C1 and bidi characters as `\uXXXX`.
struct Careful;

impl serde_json::ser::Formatter for Careful {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, w: &mut W, fragment: &str) -> io::Result<()> {
        if fragment.bytes().all(|b| matches!(b, b' '..=b'~')) {
            return w.write_all(fragment.as_bytes());
        }
        let mut out = Vec::with_capacity(fragment.len() + 16);
        quote_into(&mut out, fragment);
        w.write_all(&out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::sample::Sample;
    use crate::output::{BareWords, clean};
    use proptest::prelude::*;
    use serde_json::Value;

    fn keys(json: &str) -> Vec<String> {
        // The order of the keys at the top of an object, as text.
        let v: serde_json::Map<String, Value> = serde_json::from_str(json).unwrap();
        let mut k: Vec<(usize, String)> = v.keys().map(|k| (json.find(&format!("\"{k}\":")).unwrap(), k.clone())).collect();
        k.sort();
        k.into_iter().map(|e| e.1).collect()
    }

    #[test]
    fn the_one_object_has_the_contracts_fields_in_its_order() {
        let sample = Sample::made();
        let report = Report::new(&sample.run(), &BareWords, &[]);
        let bytes = report.object();
        let text = std::str::from_utf8(&bytes).unwrap();
        let v: Value = serde_json::from_str(text).unwrap();
        let contract = ["schema", "packets", "bytes", "flows", "first_ts", "last_ts", "coverage", "devices", "findings", "incidents"];
        let top: Vec<&str> = v.as_object().unwrap().keys().map(String::as_str).collect();
        let mut want = contract.to_vec();
        want.sort();
        assert_eq!(top, want);
        let finding = text.lines().find(|l| l.starts_with("{\"id\":\"F")).unwrap().trim_end_matches([',', ']']);
        let contract = "id rev ts first_ts last_ts detector severity outcome orig orig_all resp service user zone vlan count attack summary flows \
                        packets evidence coverage incident";
        assert_eq!(keys(finding)[..23].join(" "), contract);
        assert_eq!(v["findings"][0]["orig"], "10.20.1.33");
        assert!(v["findings"][0]["flows"][0].as_str().unwrap().starts_with("1:"));
        let device = serde_json::to_string(&report.devices.first().cloned().unwrap_or_default()).unwrap();
        assert_eq!(keys(&device)[..10].join(" "), "id mac ips vendor names role zone first_seen last_seen status");
        let incident = serde_json::to_string(&IncidentRecord::default()).unwrap();
        assert_eq!(
            keys(&incident).join(" "),
            "id rev opened last_ts severity stage patient_zero origin hosts path findings files_lost summary next stages accounts \
                                            origin_why next_hosts if_cut"
        );
        let coverage = serde_json::to_string(&report.summary.coverage).unwrap();
        assert_eq!(keys(&coverage)[..8].join(" "), "kernel_drops card_drops shed loss_estimate duplicates one_way_flows snapped undecoded");
    }

    #[test]
    fn files_read_back_as_they_were_written() {
        let sample = Sample::made();
        let report = Report::new(&sample.run(), &BareWords, &[("clinical-egress", "no clinical zone declared", "診療ゾーンの宣言がない")]);
        let dir = tempfile::tempdir().unwrap();
        assert!(report.write_dir(dir.path()).is_empty());
        let back: Value = serde_json::from_slice(&std::fs::read(dir.path().join("findings.json")).unwrap()).unwrap();
        let first: FindingRecord = serde_json::from_value(back["findings"][0].clone()).unwrap();
        assert_eq!(first, report.findings[0]);
        let s: Value = serde_json::from_slice(&std::fs::read(dir.path().join("summary.json")).unwrap()).unwrap();
        assert_eq!(s["not_running"][0]["reason"], "no clinical zone declared");
        assert_eq!(s["findings"]["high"], 1);
        let errors = report.write_dir(&dir.path().join("missing"));
        assert_eq!(errors.len(), 5);
    }

    #[test]
    fn an_empty_run_is_a_whole_object() {
        let v: Value = serde_json::from_slice(&Report::default().object()).unwrap();
        assert_eq!(v["devices"], Value::Array(vec![]));
        assert_eq!(v["first_ts"], "");
    }

    proptest! {
        #[test]
        fn any_text_survives_and_nothing_acts_on_a_terminal(s in any::<String>()) {
            let mut out = Vec::new();
            append(&mut out, &s);
            let text = std::str::from_utf8(&out).unwrap();
            prop_assert!(!text.chars().any(clean::is_unsafe));
            prop_assert_eq!(serde_json::from_str::<String>(text).unwrap(), s);
        }
    }
}
