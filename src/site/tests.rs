//! Site files as people write them.

use super::*;
use std::path::Path;

fn site(text: &str) -> Site {
    Site::parse("site.toml", text.as_bytes(), Path::new("")).unwrap_or_else(|e| panic!("{e}"))
}
fn a(s: &str) -> Addr {
    s.parse().unwrap()
}

const HOSPITAL: &str = r#"
[site]
name = "市立病院"
language = "ja"
timezone = "Asia/Tokyo"
holidays = ["2026-11-23", 2026-12-31]

[zones.ward]
kind = "clinical"
networks = ["10.1.0.0/16", "fd00:1::/32"]
vlans = [10, 11]
[zones.icu]
kind = "clinical"
networks = ["10.1.2.0/24"]
[zones.server]
kind = "server"
networks = ["10.2.0.0/24"]

[[policy]]
from = "ward"
to = "internet"
services = ["tls", "dns"]
action = "allow"
owner = "放射線科"
reason = "遠隔読影"
expires = 2026-11-21

[vendors.acme]
sources = ["10.9.0.10", "10.9.1.0/28"]
hosts = ["10.2.0.20"]
windows = [
  { from = "2026-11-21T09:00", to = 2026-11-21T17:00:00, note = "CT" },
  { days = ["mon"], from = "22:00", to = "02:00" },
]

[capture]
interfaces = ["eth1"]
ring = "128 MiB"
scope = ["10.0.0.0/8"]
[output]
dir = "out"
[notify]
severity = "high"
[privacy]
users = "pseudonym"
packet_days = 30
"#;

#[test]
fn everything_has_its_meaning() {
    let s = Site::parse("x/site.toml", HOSPITAL.as_bytes(), Path::new("x")).unwrap();
    assert_eq!((s.name.as_str(), s.lang, s.declared), ("市立病院", Lang::Ja, true));
    assert_eq!(s.zones.iter().map(|(_, z)| z.name.as_str()).collect::<Vec<_>>(), ["ward", "icu", "server"], "the order of the file");
    assert_eq!((s.zone_name(a("10.1.2.3")), s.zone_name(a("10.1.3.3")), s.zone_name(a("fd00:1::5"))), ("icu", "ward", "ward"));
    assert_eq!(s.calendar.holidays.len(), 2);
    assert_eq!(s.vendor_at(a("10.9.1.5")).map(|v| (v.name.as_str(), v.windows.len())), Some(("acme", 2)));
    assert_eq!(s.capture.ring, Some(Bytes(128 << 20)));
    assert_eq!(s.output.dir.as_deref(), Some(Path::new("x/out")));
    assert_eq!(s.privacy, Privacy { users: Keep::Pseudonym, packet_days: Some(30), record_days: None });
    // It asks for what is not done yet, and that is said.
    assert!(matches!(s.warnings.as_slice(), [w] if w.starts_with("[privacy] is read but not applied")), "{:?}", s.warnings);
}

#[test]
fn a_rule_ends_with_its_day() {
    let s = site(HOSPITAL);
    let judge = |ts| s.judge_at(a("10.1.0.1"), a("198.51.100.1"), Service::Tls, ts).action;
    let midnight = Timestamp::new(1_795_273_200, 0); // 2026-11-21T15:00Z, 22 November in Tokyo
    assert_eq!(judge(Timestamp(midnight.0 - 1)), Action::Allow);
    assert_eq!(judge(midnight), Action::Alert);
    assert_eq!(s.judge(a("10.1.0.1"), a("198.51.100.1"), Service::Tls).action, Action::Allow);
    assert_eq!(s.judge(a("10.1.0.1"), a("198.51.100.1"), Service::Smb).action, Action::Alert, "not among the services");
    assert_eq!(s.judge(a("10.1.2.1"), a("198.51.100.1"), Service::Tls).action, Action::Alert, "another zone, though inside the ward's prefix");
}

#[test]
fn an_empty_file_declares_a_site_without_zones() {
    let s = site("");
    assert!(s.declared && s.zones.iter().next().is_none());
    assert_eq!(s.place(a("10.0.0.1")), Place::Inside);
    assert_eq!(s.warnings.len(), 1, "{:?}", s.warnings);
    assert!(!Site::undeclared().declared);
}

#[test]
fn clinical_without_a_site_file() {
    let nets: Vec<crate::base::Cidr> = ["10.1.0.0/16", "10.1.0.0/16", "10.2.0.0/16"].iter().map(|s| s.parse().unwrap()).collect();
    let s = Site::open(None, &nets).unwrap();
    assert!(s.declared);
    assert_eq!((s.kind(a("10.2.0.1")), s.zone_name(a("10.1.0.1"))), (Some(ZoneKind::Clinical), "clinical"));
    assert_eq!(s.judge(a("10.1.0.1"), a("198.51.100.1"), Service::Tls).action, Action::Alert);
    assert!(!Site::open(None, &[]).unwrap().declared);
    let both = Site::open(Some(Path::new("site.toml")), &nets).unwrap_err().to_string();
    assert!(both.starts_with("site.toml: --clinical is for running without a site file"), "{both}");
}

#[test]
fn doubts_are_said() {
    let s = site(
        "[zones.a]\nkind = \"clinical\"\nnetworks = [\"10.0.0.0/24\"]\n\
         [[policy]]\nfrom = \"a\"\nto = \"internet\"\naction = \"allow\"\n\
         [[policy]]\nfrom = \"a\"\nto = \"internet\"\nservices = [\"dns\"]\naction = \"alert\"\n\
         [vendors.v]\nsources = [\"10.9.0.1\"]\nhosts = [\"198.51.100.4\"]\n",
    );
    assert_eq!(
        s.warnings,
        [
            "[[policy]] number 2 never decides: number 1 fits everything that it fits",
            "host 198.51.100.4/32 of [vendors.v] stands in no zone and is no private address",
        ]
    );
}

#[test]
fn a_ledger_is_found_beside_the_site_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("site.toml");
    std::fs::write(&path, "[zones.a]\nkind = \"clinical\"\nnetworks = [\"10.0.0.0/24\"]\n[ledger]\nfile = \"l/台帳.csv\"\n").unwrap();
    std::fs::create_dir(dir.path().join("l")).unwrap();
    let (cp932, ..) = encoding_rs::SHIFT_JIS.encode("ＭＡＣアドレス,IPアドレス,機器名,種別,設置場所\n00-00-0E-10-10-11,10.0.1.5,放射線１,端末,a\n");
    std::fs::write(dir.path().join("l/台帳.csv"), &cp932).unwrap();
    let s = Site::load(&path).unwrap();
    assert_eq!(s.role(Some("00:00:0e:10:10:11".parse().unwrap()), a("10.0.0.99")), Some(Role::Terminal));
    assert_eq!(s.ledger.by_addr(a("10.0.1.5")).unwrap().name, "放射線1");
    assert_eq!(s.warnings, ["ledger line 2: 10.0.1.5 is said to stand in a but stands in no zone"]);
    assert_eq!(s.ledger_report.unwrap().encoding, "CP932");
}

#[test]
fn the_worked_examples_load_without_a_warning() {
    let shared = std::env::var("SPANWARD_SHARED").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared").to_owned());
    for (file, zones, entries) in [("bed/site.toml", 4, 13), ("perf/site.toml", 8, 0)] {
        let path = Path::new(&shared).join(file);
        if !path.exists() {
            println!("skipped: no {}", path.display());
            continue;
        }
        let s = Site::load(&path).unwrap();
        assert_eq!((s.zones.iter().count(), s.ledger.len()), (zones, entries));
        assert_eq!(s.warnings, Vec::<String>::new());
        assert_eq!(s.ledger_report.map(|r| r.warnings).unwrap_or_default(), []);
    }
}

/// Gives away the keys or words that a type knows, instead of a value.
struct Asked<'a>(&'a std::cell::Cell<&'static [&'static str]>);

impl<'de> serde::Deserializer<'de> for Asked<'_> {
    type Error = serde::de::value::Error;
    fn deserialize_any<V: serde::de::Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom("neither a table nor a word"))
    }
    fn deserialize_struct<V: serde::de::Visitor<'de>>(
        self,
        _: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.set(keys);
        self.deserialize_any(visitor)
    }
    fn deserialize_enum<V: serde::de::Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.set(words);
        self.deserialize_any(visitor)
    }
    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

fn known<'de, T: serde::Deserialize<'de>>() -> &'static [&'static str] {
    let all = std::cell::Cell::new(&[][..]);
    assert!(T::deserialize(Asked(&all)).is_err() && !all.get().is_empty());
    all.get()
}

const PAGE: &str = include_str!("../../docs/SITE.md");

/// The part of the page under a heading, up to the next.
fn under(heading: &str) -> &'static str {
    let at = PAGE.find(&format!("# {heading}\n")).unwrap_or_else(|| panic!("no heading `{heading}`"));
    let rest = &PAGE[at..];
    let body = rest.find('\n').unwrap();
    rest[body..].find("\n#").map_or(&rest[body..], |end| &rest[body..body + end])
}

#[test]
fn the_page_names_every_key_and_word_that_is_read() {
    use super::schema::{LedgerTable, PolicyTable, SiteFile, SiteTable, VendorTable, WindowTable, ZoneTable};
    let tables: [(&str, &[&str]); 11] = [
        ("`[site]`", known::<SiteTable>()),
        ("`[zones.<name>]`", known::<ZoneTable>()),
        ("`[[policy]]`", known::<PolicyTable>()),
        ("`[ledger]`", known::<LedgerTable>()),
        ("`[ledger.columns]`", known::<ColumnNames>()),
        ("`[vendors.<name>]`", known::<VendorTable>()),
        ("`windows`", known::<WindowTable>()),
        ("`[capture]`", known::<Capture>()),
        ("`[output]`", known::<Output>()),
        ("`[notify]`", known::<Notify>()),
        ("`[privacy]`", known::<Privacy>()),
    ];
    for (heading, keys) in tables {
        let rows = under(heading).lines().filter_map(|l| l.strip_prefix("| `")?.split('`').next());
        // What a kind means, and which pairs have a default, stand in tables of their own.
        let rows: Vec<&str> = rows.take_while(|k| *k != "clinical").collect();
        for key in keys {
            assert!(rows.contains(key), "`{key}` of {heading} is not in docs/SITE.md");
        }
        for row in &rows {
            assert!(keys.contains(row), "docs/SITE.md tells of `{row}` in {heading}, which nobody reads");
        }
    }
    for table in known::<SiteFile>() {
        assert!(["`[", "`[["].iter().any(|open| PAGE.contains(&format!("# {open}{table}"))), "[{table}] has no heading in docs/SITE.md");
    }
    let words = [
        ("`[zones.<name>]`", known::<ZoneKind>()),
        ("`[[policy]]`", known::<Action>()),
        ("`[privacy]`", known::<Keep>()),
        ("The ledger file", known::<Role>()),
    ];
    for (heading, words) in words {
        words.iter().for_each(|w| assert!(under(heading).contains(&format!("`{w}`")), "`{w}` is not told under {heading}"));
    }
}

/// Fenced blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let open = format!("```{language}\n");
    PAGE.split(open.as_str()).skip(1).filter_map(|b| b.split("\n```").next()).collect()
}

#[test]
fn the_pages_examples_are_valid() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ledger.csv"), blocks("csv")[0]).unwrap();
    assert!(blocks("toml").len() >= 4);
    for text in blocks("toml") {
        let site = Site::parse("site.toml", text.as_bytes(), dir.path()).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let silent = |w: &&String| !w.starts_with("no zone of kind") && !w.starts_with("[privacy]");
        assert_eq!(site.warnings.iter().find(silent), None, "{text}");
        if let Some(report) = &site.ledger_report {
            assert_eq!((report.warnings.len(), report.rows, site.ledger.len(), report.columns.len()), (0, 3, 4, 6), "{:?}", report.lines());
            assert_eq!(site.ledger.iter().map(|e| e.role.word()).collect::<Vec<_>>(), ["server", "modality", "terminal", "terminal"]);
        }
    }
}
