//! The house rules that a compiler does not check: layers, companions of a detector, sizes, clocks.
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut todo = vec![dir.to_path_buf()];
    while let Some(d) = todo.pop() {
        for e in fs::read_dir(&d).unwrap().map(Result::unwrap) {
            let p = e.path();
            if p.is_dir() {
                todo.push(p);
            } else if p.extension().is_some_and(|x| x == "rs") {
                all.push(p);
            }
        }
    }
    all.sort();
    all
}

/// The order of `pub mod` lines in lib.rs is the order of the layers.
fn layers() -> Vec<String> {
    let lib = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    lib.lines().filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';').map(str::to_owned)).collect()
}

/// The code of a file without its test module (which stands last by custom).
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().unwrap_or(text)
}

#[test]
fn a_module_imports_only_from_layers_above_it() {
    let layers = layers();
    assert!(layers.len() >= 12, "lib.rs lists the layers: {layers:?}");
    let rank: BTreeMap<&str, usize> = layers.iter().enumerate().map(|(i, l)| (l.as_str(), i)).collect();
    let mut wrong = Vec::new();
    let mut checked = 0;
    for file in sources(&root().join("src")) {
        let rel = file.strip_prefix(root().join("src")).unwrap().to_path_buf();
        let module = rel.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned();
        let Some(&mine) = rank.get(module.as_str()) else { continue };
        let text = fs::read_to_string(&file).unwrap();
        for (n, line) in code(&text).lines().enumerate() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for part in line.split("crate::").skip(1) {
                let name: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                checked += 1;
                if rank.get(name.as_str()).is_some_and(|r| *r > mine) {
                    wrong.push(format!("src/{}:{}: `{module}` imports `{name}`, which is below it", rel.display(), n + 1));
                }
            }
        }
    }
    assert!(checked > 100, "only {checked} imports seen: does the check still read them?");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_detector_has_its_companions() {
    let mut missing = Vec::new();
    let ids: Vec<&str> = spanward::detect::DETECTORS.iter().map(|d| d.0).collect();
    for id in &ids {
        let file = id.replace('-', "_");
        for want in [
            format!("src/detect/{file}.rs"),
            format!("signatures/{id}.toml"),
            format!("docs/detectors/{id}.md"),
            format!("captures/{id}/attack.pcap"),
            format!("captures/{id}/attack.findings.json"),
            format!("captures/{id}/benign.pcap"),
            format!("captures/{id}/RECIPE.md"),
        ] {
            if !root().join(&want).exists() && !root().join(want.replace(".rs", "/mod.rs")).exists() {
                missing.push(want);
            }
        }
    }
    for sig in fs::read_dir(root().join("signatures")).unwrap().map(|e| e.unwrap().path()) {
        let id = sig.file_stem().unwrap().to_string_lossy().into_owned();
        if !ids.contains(&id.as_str()) {
            missing.push(format!("a detector `{id}` for {}", sig.display()));
        }
    }
    assert!(missing.is_empty(), "missing:\n{}", missing.join("\n"));
}

#[test]
fn nobody_below_the_engine_looks_at_the_wall_clock() {
    let mut wrong = Vec::new();
    for file in sources(&root().join("src")) {
        let rel = file.strip_prefix(root()).unwrap().display().to_string();
        if ["src/engine/", "src/tui/", "src/cli/", "src/main.rs"].iter().any(|p| rel.starts_with(p)) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for (n, line) in code(&text).lines().enumerate() {
            if line.contains("SystemTime::now") || line.contains("Instant::now") || line.contains("Timestamp::now") || line.contains("Zoned::now") {
                wrong.push(format!("{rel}:{}: {}", n + 1, line.trim()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_code_stands_in_one_module_only() {
    let mut wrong = Vec::new();
    for file in sources(&root().join("src")) {
        let rel = file.strip_prefix(root()).unwrap().display().to_string();
        let text = fs::read_to_string(&file).unwrap();
        let has = text
            .lines()
            .any(|l| !l.trim_start().starts_with("//") && (l.contains("unsafe {") || l.contains("unsafe fn") || l.contains("unsafe impl")));
        if has && rel != "src/capture/sys.rs" {
            wrong.push(rel);
        }
    }
    assert!(wrong.is_empty(), "unsafe code outside src/capture/sys.rs: {}", wrong.join(", "));
}

#[test]
fn a_file_begins_with_what_it_is_for_and_stays_readable() {
    let mut wrong = Vec::new();
    for file in sources(&root().join("src")) {
        let rel = file.strip_prefix(root()).unwrap().display().to_string();
        let text = fs::read_to_string(&file).unwrap();
        if !text.starts_with("//! ") {
            wrong.push(format!("{rel}: does not begin with a `//!` sentence"));
        }
        let lines = code(&text).lines().count();
        if lines > 600 {
            wrong.push(format!("{rel}: {lines} lines without its tests; a file of 60 to 450 lines is one thought"));
        }
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        if ["utils", "util", "common", "helpers", "types", "misc", "manager"].contains(&name.as_str()) {
            wrong.push(format!("{rel}: is named after nothing"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
