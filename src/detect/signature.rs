//! Signatures: what a detector says about itself and where its thresholds lie, one TOML file per detector. The files are inside the program;
//! `--signatures DIR` replaces them one by one.

use crate::base::{Lang, Severity};
use crate::site::{ConfigError, Document, hint, nearest, read_capped};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use toml::Spanned;

/// The signature files inside the program, by the ids of their detectors. The only list of them.
macro_rules! embedded {
    ($($id:literal),* $(,)?) => {
        &[$((concat!($id, ".toml"), include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/signatures/", $id, ".toml")))),*]
    };
}
const EMBEDDED: &[(&str, &str)] = embedded![
    "ad-recon",
    "address-conflict",
    "backup-attack",
    "admin-share",
    "clinical-egress",
    "dark-contact",
    "dcsync",
    "defence-silence",
    "egress-attempt",
    "exploit-shape",
    "kerberos-abuse",
    "name-poisoning",
    "new-admin-edge",
    "password-guessing",
    "policy-violation",
    "printer-burst",
    "ransomware-smb",
    "rdp-fanout",
    "remote-exec",
    "rogue-dhcp",
    "scan",
    "shared-local-admin",
    "smb-fanout",
    "spread-path",
    "terminal-to-terminal",
    "unknown-device",
    "worm-payload",
];

/// What is wrong with a signature, and where.
pub type SignatureError = ConfigError;

/// No signature needs more.
const FILE_CAP: u64 = 1 << 20;

/// A text in both languages.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text<T> {
    /// English.
    pub en: T,
    /// Japanese.
    pub ja: T,
}

impl<T> Text<T> {
    /// The text in a language.
    pub const fn get(&self, lang: Lang) -> &T {
        match lang {
            Lang::En => &self.en,
            Lang::Ja => &self.ja,
        }
    }
}

/// One number that a detector decides by.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// The name under which the detector asks for it.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// What it counts: `hosts`, `seconds`, `ratio` …
    pub unit: String,
    /// Why this value.
    pub reason: String,
}

/// What one detector says about itself.
#[derive(Clone, PartialEq, Debug)]
pub struct Signature {
    /// The file it was read from.
    pub file: String,
    /// The detector's id.
    pub id: String,
    /// Severity of its findings unless the case makes it more or less.
    pub severity: Severity,
    /// MITRE ATT&CK technique ids.
    pub attack: Vec<String>,
    /// Headline.
    pub title: Text<String>,
    /// One sentence with `{placeholders}`, see [`render`].
    pub summary: Text<String>,
    /// Japanese for the words that the detector puts into its evidence in English.
    pub phrases: BTreeMap<String, String>,
    /// Steps for the person on duty.
    pub first_response: Text<Vec<String>>,
    /// Numbers it decides by.
    pub thresholds: Vec<Threshold>,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureFile {
    id: Spanned<String>,
    severity: Severity,
    #[serde(default)]
    attack: Vec<Spanned<String>>,
    title: Text<String>,
    summary: Text<Spanned<String>>,
    #[serde(default)]
    phrases: BTreeMap<String, String>,
    first_response: Text<Vec<String>>,
    #[serde(default)]
    threshold: Vec<Spanned<Threshold>>,
}

impl Signature {
    /// Reads one signature; its id must be the file's name.
    pub fn parse(file: &str, text: &str) -> Result<Signature, SignatureError> {
        let doc = Document::new(file, text.as_bytes())?;
        let raw: SignatureFile = doc.parse()?;
        let stem = Path::new(file).file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        if raw.id.get_ref() != stem {
            return Err(doc.at(raw.id.span(), format!("`id` is `{}` but the file is named `{stem}.toml`", raw.id.get_ref())));
        }
        if let Some(bad) = raw.attack.iter().find(|t| !is_technique(t.get_ref())) {
            return Err(doc.at(bad.span(), format!("`{}` in `attack` is no ATT&CK technique (expected one such as T1021.002)", bad.get_ref())));
        }
        let mut thresholds: Vec<Threshold> = Vec::new();
        for t in raw.threshold {
            let (span, t) = (t.span(), t.into_inner());
            if thresholds.iter().any(|o| o.name == t.name) {
                return Err(doc.at(span, format!("[[threshold]] `{}` stands twice", t.name)));
            }
            if !t.value.is_finite() || t.value < 0.0 {
                return Err(doc.at(span, format!("[[threshold]] `{}` is {}; expected a number of 0 or more", t.name, t.value)));
            }
            thresholds.push(t);
        }
        for (lang, text) in [("en", &raw.summary.en), ("ja", &raw.summary.ja)] {
            if let Some(rest) = unclosed(text.get_ref()) {
                return Err(doc.at(text.span(), format!("`{lang}` in [summary]: `{rest}` opens a placeholder without closing it")));
            }
        }
        Ok(Signature {
            file: file.to_owned(),
            id: raw.id.into_inner(),
            severity: raw.severity,
            attack: raw.attack.into_iter().map(Spanned::into_inner).collect(),
            title: raw.title,
            summary: Text { en: raw.summary.en.into_inner(), ja: raw.summary.ja.into_inner() },
            phrases: raw.phrases,
            first_response: raw.first_response,
            thresholds,
        })
    }

    /// The value of a threshold.
    pub fn threshold(&self, name: &str) -> Option<f64> {
        self.thresholds.iter().find(|t| t.name == name).map(|t| t.value)
    }

    /// The value of a threshold without which the detector cannot run.
    pub fn require(&self, name: &str) -> Result<f64, SignatureError> {
        self.threshold(name).ok_or_else(|| {
            let near = nearest(name, self.thresholds.iter().map(|t| t.name.as_str()));
            let tail = near.map(|n| format!("; is `{n}` meant?")).unwrap_or_default();
            ConfigError::whole(&self.file, format!("no [[threshold]] named `{name}`, which {} needs{tail}", self.id))
        })
    }

    /// The values of all thresholds that a detector needs, or an error that names every one that is missing.
    pub fn require_all<const N: usize>(&self, names: [&str; N]) -> Result<[f64; N], SignatureError> {
        let missing: Vec<String> = names.iter().filter(|n| self.threshold(n).is_none()).map(|n| format!("`{n}`")).collect();
        match missing.len() {
            0 => Ok(names.map(|n| self.threshold(n).unwrap_or_default())),
            1 => self.require(missing.first().map_or("", |m| m.trim_matches('`'))).map(|_| [0.0; N]),
            _ => Err(ConfigError::whole(&self.file, format!("no [[threshold]] named {}, which {} needs", missing.join(", "), self.id))),
        }
    }
}

/// `T1021` or `T1021.002`.
fn is_technique(s: &str) -> bool {
    let digits = |s: &str, n: usize| s.len() == n && s.bytes().all(|b| b.is_ascii_digit());
    let Some(rest) = s.strip_prefix('T') else { return false };
    match rest.split_once('.') {
        Some((main, sub)) => digits(main, 4) && digits(sub, 3),
        None => digits(rest, 4),
    }
}

/// The signatures of all detectors, by id.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Signatures {
    by_id: BTreeMap<String, Signature>,
}

impl Signatures {
    /// The signatures inside the program. An error is a defect that the test below finds before a user does.
    pub fn embedded() -> Result<Signatures, SignatureError> {
        Signatures::new(EMBEDDED)
    }

    /// The signatures inside the program, replaced by those of a directory (`--signatures`).
    pub fn load_dir(dir: &Path) -> Result<Signatures, SignatureError> {
        let mut all = Signatures::embedded()?;
        all.replace_from(dir)?;
        Ok(all)
    }

    /// From `(file name, text)` pairs.
    pub fn new(files: &[(&str, &str)]) -> Result<Signatures, SignatureError> {
        let read = |(file, text): &(&str, &str)| Signature::parse(file, text).map(|s| (s.id.clone(), s));
        Ok(Signatures { by_id: files.iter().map(read).collect::<Result<_, _>>()? })
    }

    /// Replaces signatures by the `.toml` files of a directory; returns the ids that were replaced. A file for no detector is an error.
    pub fn replace_from(&mut self, dir: &Path) -> Result<Vec<String>, SignatureError> {
        let wrong = |e: std::io::Error| ConfigError::whole(&dir.display().to_string(), format!("cannot be read: {e}"));
        let listed = dir.read_dir().map_err(wrong)?.map(|f| f.map(|f| f.path())).collect::<Result<Vec<_>, _>>().map_err(wrong)?;
        let mut files: Vec<_> = listed.into_iter().filter(|p| p.extension().is_some_and(|e| e == "toml")).collect();
        files.sort();
        if files.is_empty() {
            // A mistyped directory would otherwise change nothing, and nobody would know.
            return Err(ConfigError::whole(&dir.display().to_string(), "holds no signature: files such as scan.toml were expected".to_owned()));
        }
        let mut replaced = Vec::new();
        for path in files {
            let file = path.display().to_string();
            let bytes = read_capped(&path, FILE_CAP)?;
            Document::new(&file, &bytes)?;
            let signature = Signature::parse(&file, std::str::from_utf8(&bytes).unwrap_or_default())?;
            let Some(old) = self.by_id.get_mut(&signature.id) else {
                let ids: Vec<&str> = self.by_id.keys().map(String::as_str).collect();
                return Err(ConfigError::whole(&file, format!("`{}` is no detector{}", signature.id, hint(&signature.id, &ids))));
            };
            for t in &signature.thresholds {
                if old.threshold(&t.name).is_none() {
                    let names: Vec<&str> = old.thresholds.iter().map(|t| t.name.as_str()).collect();
                    return Err(ConfigError::whole(&file, format!("[[threshold]] `{}` is none of {}{}", t.name, old.id, hint(&t.name, &names))));
                }
            }
            replaced.push(signature.id.clone());
            *old = signature;
        }
        Ok(replaced)
    }

    /// The signature of a detector.
    pub fn get(&self, id: &str) -> Option<&Signature> {
        self.by_id.get(id)
    }

    /// The signature of a detector that cannot run without one.
    pub fn require(&self, id: &str) -> Result<&Signature, SignatureError> {
        self.get(id).ok_or_else(|| ConfigError::whole(&format!("signatures/{id}.toml"), "there is no such signature"))
    }

    /// All, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Signature> {
        self.by_id.values()
    }
}

/// Puts values into a template: `{count}` becomes what `value` says of `count`, or nothing if it knows none; `{{` and `}}` are braces.
/// What is put in is not looked at again.
pub fn render(template: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, brace) = rest.split_at(at);
        out.push_str(before);
        rest = if let Some(after) = brace.strip_prefix("{{") {
            out.push('{');
            after
        } else if let Some(after) = brace.strip_prefix("}}").or_else(|| brace.strip_prefix('}')) {
            out.push('}');
            after
        } else if let Some((name, after)) = brace.get(1..).and_then(|b| b.split_once('}')) {
            // `{key|words}`: the words stand where there is no value.
            let (key, otherwise) = name.split_once('|').unwrap_or((name, ""));
            out.push_str(&value(key.trim()).filter(|v| !v.is_empty()).unwrap_or_else(|| otherwise.to_owned()));
            after
        } else {
            out.push_str(brace);
            ""
        };
    }
    out.push_str(rest);
    out
}

/// What follows a `{` that no `}` closes.
fn unclosed(template: &str) -> Option<&str> {
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let brace = rest.get(at..)?;
        rest = match (brace.strip_prefix("{{"), brace.find('}')) {
            (Some(after), _) => after,
            (None, Some(end)) => brace.get(end + 1..)?,
            (None, None) => return Some(brace),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
id = "smb-fanout"
severity = "high"
attack = ["T1021.002"]
[title]
en = "Spread over SMB"
ja = "SMB による拡散"
[summary]
en = "{orig} reached {count} hosts"
ja = "{orig} が {count} 台に到達"
[first_response]
en = ["Look"]
ja = ["見る"]
[[threshold]]
name = "targets"
value = 5
unit = "hosts"
reason = "nobody needs more"
"#;

    #[test]
    fn a_signature_is_read_and_asked() {
        let s = Signature::parse("smb-fanout.toml", GOOD).unwrap();
        assert_eq!((s.severity, s.threshold("targets"), s.threshold("x")), (Severity::High, Some(5.0), None));
        assert_eq!(s.title.get(Lang::Ja), "SMB による拡散");
        assert_eq!(s.require_all(["targets"]), Ok([5.0]));
        assert_eq!(
            s.require("target").unwrap_err().to_string(),
            "smb-fanout.toml: no [[threshold]] named `target`, which smb-fanout needs; is `targets` meant?"
        );
        assert_eq!(
            s.require_all(["a1", "targets", "b2"]).unwrap_err().to_string(),
            "smb-fanout.toml: no [[threshold]] named `a1`, `b2`, which smb-fanout needs"
        );
    }

    #[test]
    fn the_embedded_ones_are_valid() {
        assert_eq!(Signatures::embedded().map(|s| s.iter().count()), Ok(EMBEDDED.len()));
    }

    #[test]
    fn templates_take_values_and_nothing_else() {
        let v = |k: &str| match k {
            "orig" => Some("10.0.0.1 {count}".to_owned()),
            "count" => Some("7".to_owned()),
            _ => None,
        };
        assert_eq!(render("{orig} → {count}/{ nothing }{{x}} }", &v), "10.0.0.1 {count} → 7/{x} }");
        assert_eq!(render("日本 {count", &v), "日本 {count");
        assert_eq!(render("", &v), "");
    }

    #[test]
    fn a_directory_replaces_by_id_and_knows_only_detectors() {
        let dir = tempfile::tempdir().unwrap();
        let mut all = Signatures::new(&[("smb-fanout.toml", GOOD)]).unwrap();
        std::fs::write(dir.path().join("notes.txt"), "not a signature").unwrap();
        std::fs::write(dir.path().join("smb-fanout.toml"), GOOD.replace("value = 5", "value = 9.5")).unwrap();
        assert_eq!(all.replace_from(dir.path()).unwrap(), ["smb-fanout"]);
        assert_eq!(all.require("smb-fanout").unwrap().threshold("targets"), Some(9.5));
        std::fs::write(dir.path().join("smb-fanuot.toml"), GOOD.replace("smb-fanout", "smb-fanuot")).unwrap();
        let e = all.replace_from(dir.path()).unwrap_err().to_string();
        assert!(e.ends_with("smb-fanuot.toml: `smb-fanuot` is no detector; did you mean `smb-fanout`?"), "{e}");
        assert!(all.require("scan").is_err() && all.replace_from(&dir.path().join("absent")).is_err());
        std::fs::remove_file(dir.path().join("smb-fanuot.toml")).unwrap();
        std::fs::write(dir.path().join("smb-fanout.toml"), GOOD.replace("\"targets\"", "\"target\"")).unwrap();
        let e = all.replace_from(dir.path()).unwrap_err().to_string();
        assert!(e.ends_with("smb-fanout.toml: [[threshold]] `target` is none of smb-fanout; did you mean `targets`?"), "{e}");
    }
}
