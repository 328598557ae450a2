//! One file per mistake that people make in a site file, a ledger or a signature, with the message that they get beside it
//! (`<name>.expect`). `UPDATE=1 cargo test --test bad_config` rewrites the messages; read the difference before it is committed.

use spanward::detect::signature::Signature;
use spanward::site::{ColumnNames, Ledger, Site};
use std::path::{Path, PathBuf};

fn dir(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_config").join(kind)
}

/// Runs `said` over every file of a folder that has this ending and compares what it says.
fn compare(kind: &str, ending: &str, at_least: usize, said: impl Fn(&Path) -> String) {
    let mut files: Vec<PathBuf> = dir(kind).read_dir().unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    let (mut cases, mut wrong) = (0, Vec::new());
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == ending)) {
        let expect = file.with_extension("expect");
        if std::env::var_os("UPDATE").is_none() && !expect.exists() {
            // The ledgers that site files of this folder name.
            continue;
        }
        let got = said(file).replace(&format!("{}/", dir(kind).display()), "");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&expect, format!("{got}\n")).unwrap();
        }
        let want = std::fs::read_to_string(&expect).unwrap();
        cases += 1;
        if want.trim_end() != got {
            wrong.push(format!("{}\n  want: {}\n  got:  {got}", file.display(), want.trim_end()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases >= at_least, "only {cases} cases of {kind}");
}

#[test]
fn site_files() {
    compare("site", "toml", 45, |f| Site::load(f).map(|s| format!("accepted, {:?}", s.warnings)).unwrap_or_else(|e| e.to_string()));
}

#[test]
fn ledgers() {
    compare("ledger", "csv", 10, |f| match Ledger::load(f, &ColumnNames::default()) {
        Ok((_, report)) => report.lines().join("\n"),
        Err(e) => e.to_string(),
    });
}

#[test]
fn signatures() {
    compare("signature", "toml", 12, |f| {
        let text = std::fs::read_to_string(f).unwrap();
        Signature::parse(&f.display().to_string(), &text).map_or_else(|e| e.to_string(), |_| "accepted".to_owned())
    });
}

#[test]
fn every_message_has_its_file() {
    for (kind, ending) in [("site", "toml"), ("ledger", "csv"), ("signature", "toml")] {
        for f in dir(kind).read_dir().unwrap().map(|f| f.unwrap().path()).filter(|f| f.extension().is_some_and(|e| e == "expect")) {
            assert!(f.with_extension(ending).exists(), "{} has lost its {ending} file", f.display());
        }
    }
}

#[test]
fn a_file_that_cannot_be_meant_is_refused_by_its_size() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("site.toml");
    std::fs::write(&path, "#".repeat((4 << 20) + 1)).unwrap();
    let e = Site::load(&path).unwrap_err();
    assert_eq!(e.message, "is larger than 4 MiB, which no such file needs");
    let e = Site::load(&dir.path().join("absent.toml")).unwrap_err();
    assert!(e.message.starts_with("cannot be read: "), "{e}");
    assert!(Site::load(dir.path()).is_err(), "a directory");
}
