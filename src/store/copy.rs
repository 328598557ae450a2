//! Backups: taken while the sensor writes, and put back only when they are whole.

use super::open::{beside, lock, sound};
use super::{StoreError, check};
use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Pages copied at a time; between two of them the writer writes.
const PAGES: i32 = 1_024;

/// Copies a store to a new file, whole and of one moment. Other directories and disks are fine; an existing file is not overwritten.
pub fn backup(from: &Path, to: &Path) -> Result<u64, StoreError> {
    if to.exists() {
        return Err(StoreError::Exists { path: to.to_owned() });
    }
    // Refuses what is no store before a file is made.
    check(from)?;
    let partial = beside(to, ".partial");
    let result = copy(from, &partial).and_then(|()| settle(&partial)).and_then(|()| {
        name(&partial, to)?;
        std::fs::metadata(to).map(|m| m.len()).map_err(|e| StoreError::io("read", to, &e))
    });
    if result.is_err() {
        // What is half is worse than nothing.
        let _ = std::fs::remove_file(&partial);
    }
    result
}

/// Gives a file that is whole its name, so that a power cut does not take it away again.
fn name(partial: &Path, to: &Path) -> Result<(), StoreError> {
    std::fs::rename(partial, to).map_err(|e| StoreError::io("write", to, &e))?;
    let dir = to.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(dir).and_then(|d| d.sync_all()).map_err(|e| StoreError::io("write", dir, &e))
}

/// One file that is whole: no log beside it, on the disk, and not marked as open.
fn settle(path: &Path) -> Result<(), StoreError> {
    let c = Connection::open(path)?;
    c.pragma_update(None, "journal_mode", "DELETE")?;
    c.pragma_update(None, "synchronous", "FULL")?;
    c.execute("DELETE FROM meta WHERE key = 'open'", [])?;
    sound(&c, path)?;
    c.close().map_err(|(_, e)| e)?;
    let file = std::fs::File::open(path).map_err(|e| StoreError::io("open", path, &e))?;
    file.sync_all().map_err(|e| StoreError::io("write", path, &e))
}

fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let source = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    source.busy_timeout(Duration::from_secs(5))?;
    // Read as of one moment: a page that is written meanwhile does not make the copy begin anew.
    source.execute_batch("BEGIN")?;
    source.query_row("SELECT count(*) FROM meta", [], |r| r.get::<_, i64>(0))?;
    let _ = std::fs::remove_file(to);
    let mut target = Connection::open(to)?;
    Backup::new(&source, &mut target)?.run_to_completion(PAGES, Duration::ZERO, None)?;
    target.close().map_err(|(_, e)| e)?;
    Ok(())
}

/// Puts a backup in the place of a store, after it was checked. What stood there is kept beside it as `.before-<n>`; its path is returned. Refuses
/// while a sensor uses the store.
pub fn restore(from: &Path, to: &Path) -> Result<Option<PathBuf>, StoreError> {
    let _held = lock(to)?;
    check(from)?;
    let partial = beside(to, ".partial");
    copy(from, &partial).and_then(|()| settle(&partial)).inspect_err(|_| drop(std::fs::remove_file(&partial)))?;
    let kept = if to.exists() { Some(put_aside(to)?) } else { None };
    name(&partial, to)?;
    Ok(kept)
}

fn put_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let free = (1..1_000).map(|n| beside(path, &format!(".before-{n}"))).find(|p| !p.exists());
    let to = free.ok_or_else(|| StoreError::Exists { path: beside(path, ".before-999") })?;
    for suffix in ["", "-wal", "-shm"] {
        let from = beside(path, suffix);
        if from.exists() {
            std::fs::rename(&from, beside(&to, suffix)).map_err(|e| StoreError::io("move aside", &from, &e))?;
        }
    }
    Ok(to)
}
