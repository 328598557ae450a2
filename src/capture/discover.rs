//! From the names on the command line to inputs: files, `-`, and directories with all files below them, sorted by name.

use super::fault::{Fault, FaultKind};
use super::input::{Input, Origin};
use std::fs;
use std::path::{Path, PathBuf};

/// Files of one run at most; beyond it the search ends with a fault.
const MAX_FILES: usize = 100_000;
/// Directories within directories at most.
const MAX_DEPTH: usize = 32;

/// A directory that was named, and what became of the files in it.
#[derive(Debug)]
pub(super) struct Directory {
    pub name: String,
    /// Files in it that are captures.
    pub captures: u64,
    /// Files in it that are not.
    pub skipped: u64,
}

/// The inputs in command-line order, the directories, and what could not be searched.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub inputs: Vec<Input>,
    pub directories: Vec<Directory>,
    pub faults: Vec<Fault>,
}

impl Found {
    /// Looks up every path.
    pub fn new(paths: &[PathBuf]) -> Found {
        let mut found = Found::default();
        for path in paths {
            if path.is_dir() {
                found.directories.push(Directory { name: path.display().to_string(), captures: 0, skipped: 0 });
                found.search(path, found.directories.len() - 1, 0);
            } else {
                found.add(path, None);
            }
        }
        found
    }
    fn add(&mut self, path: &Path, found_in: Option<usize>) {
        let order = u32::try_from(self.inputs.len()).unwrap_or(u32::MAX);
        let meta = fs::metadata(path).ok();
        let regular = path != Path::new("-") && meta.as_ref().is_none_or(|m| m.is_file());
        let (name, origin) = match path.to_str() {
            Some("-") => ("standard input".to_string(), Origin::Pipe(path.to_path_buf())),
            _ if regular => (path.display().to_string(), Origin::File(path.to_path_buf())),
            _ => (path.display().to_string(), Origin::Pipe(path.to_path_buf())),
        };
        let mut input = Input::new(name, order, found_in, origin);
        input.size = meta.filter(|m| regular && m.is_file()).map(|m| m.len());
        self.inputs.push(input);
    }
    fn search(&mut self, dir: &Path, index: usize, depth: usize) {
        let entries = match fs::read_dir(dir) {
            Err(e) => return self.fault(dir, e.to_string()),
            Ok(_) if depth > MAX_DEPTH => return self.fault(dir, format!("more than {MAX_DEPTH} directories deep")),
            Ok(entries) => entries,
        };
        let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
        paths.sort();
        for path in paths {
            if self.inputs.len() >= MAX_FILES {
                return self.fault(dir, format!("more than {MAX_FILES} files"));
            }
            // Links to files are followed, links to directories are not: they may lead in a circle.
            match fs::symlink_metadata(&path) {
                Ok(m) if m.is_dir() => self.search(&path, index, depth + 1),
                _ if path.is_file() => self.add(&path, Some(index)),
                _ => {}
            }
        }
    }
    fn fault(&mut self, dir: &Path, message: String) {
        self.faults.push(Fault { file: dir.display().to_string(), offset: 0, record: 0, frames: 0, kind: FaultKind::Search(message) });
    }
}
