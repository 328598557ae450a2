//! Opening a store: one writer, never half a table, and what is damaged is put aside for those who can read it, not thrown away.

use super::schema::{self, MIGRATIONS};
use super::{Batch, Loaded, StoreError};
use crate::base::Timestamp;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};
use rustix::fs::{FlockOperation, flock};
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest wait for a reader that holds a lock. Readers hold none for longer than a moment.
const BUSY: Duration = Duration::from_secs(5);
/// The write-ahead log is cut back to this many bytes when it has been copied into the file.
const LOG_BYTES: i64 = 16 << 20;
/// Files put aside are numbered up to this.
const ASIDE: u32 = 1_000;

/// A store that is open for writing. The lock on it ends with the process, whatever ends the process.
#[derive(Debug)]
pub struct Store {
    pub(super) conn: Connection,
    pub(super) path: PathBuf,
    _lock: File,
}

/// A damaged store that was put aside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moved {
    /// Where it is now.
    pub to: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// An open store, and how it was found.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// A damaged store stood in its place.
    pub moved: Option<Moved>,
    /// The last writer did not close it: it was checked, and it is whole.
    pub unclean: bool,
    /// The version it had before; 0 if it is new.
    pub version: i64,
}

/// A time as SQLite keeps it: nanoseconds, up to the year 2262.
pub(super) fn ns(t: Timestamp) -> i64 {
    i64::try_from(t.0).unwrap_or(i64::MAX)
}

pub(super) fn opt_ns(t: Option<Timestamp>) -> Option<i64> {
    t.map(ns)
}

pub(super) fn ts(ns: i64) -> Timestamp {
    Timestamp(u64::try_from(ns).unwrap_or(0))
}

/// `spanward.db` + `-wal`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(suffix);
    PathBuf::from(name)
}

/// Nobody else writes as long as this file is held.
pub(super) fn lock(path: &Path) -> Result<File, StoreError> {
    let name = beside(path, ".lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o640).open(&name);
    let file = file.map_err(|e| StoreError::io("open", &name, &e))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::InUse { path: path.to_owned() }),
        Err(e) => Err(StoreError::io("lock", &name, &e.into())),
    }
}

impl Store {
    /// Opens a store for writing, makes one if there is none, brings an older one to this version. A damaged one is put aside and a new one begun.
    pub fn open(path: &Path) -> Result<Opened, StoreError> {
        let held = lock(path)?;
        match Store::whole(path) {
            Ok((conn, unclean, version)) => Ok(Opened { store: Store { conn, path: path.to_owned(), _lock: held }, moved: None, unclean, version }),
            Err(e) if e.is_damage() => {
                let numbers = salvage(path);
                let moved = Moved { to: aside(path)?, reason: e.to_string() };
                let (conn, ..) = Store::whole(path)?;
                numbers.iter().try_for_each(|n| super::told::keep_numbers(&conn, *n))?;
                Ok(Opened { store: Store { conn, path: path.to_owned(), _lock: held }, moved: Some(moved), unclean: false, version: 0 })
            }
            Err(e) => Err(e),
        }
    }
    fn whole(path: &Path) -> Result<(Connection, bool, i64), StoreError> {
        // Readable for the sensor's group, whatever the umask of whoever starts it first.
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o640).open(path);
        file.map_err(|e| StoreError::io("open", path, &e))?;
        let mut c = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        c.busy_timeout(BUSY)?;
        // Whose file it is, before anything is changed in it.
        let found = schema::version(&c, path)?;
        if found > schema::VERSION {
            return Err(StoreError::Newer { path: path.to_owned(), found, known: schema::VERSION });
        }
        let unclean = found > 0 && c.query_row("SELECT count(*) FROM meta WHERE key = 'open'", [], |r| r.get::<_, i64>(0))? > 0;
        if unclean {
            sound(&c, path)?;
        }
        if found == 0 {
            c.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        }
        c.pragma_update(None, "journal_mode", "WAL")?;
        c.pragma_update(None, "synchronous", "FULL")?;
        c.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
        c.pragma_update(None, "foreign_keys", true)?;
        c.pragma_update(None, "trusted_schema", false)?;
        // The sensor may write in its own directory only.
        c.pragma_update(None, "temp_store", "MEMORY")?;
        schema::migrate(&mut c, path, MIGRATIONS)?;
        c.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('open', 'yes')", [])?;
        c.set_prepared_statement_cache_capacity(64);
        Ok((c, unclean, found))
    }
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
    /// Writes a batch: when this returns well, it is on the disk, whole.
    pub fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        super::learned::write(&tx, &batch.learned, &batch.seen, batch.now)?;
        super::told::write(&tx, batch)?;
        batch.deeds.iter().try_for_each(|d| d.write(&tx))?;
        tx.commit()?;
        Ok(())
    }
    /// Everything that the sensor goes on with.
    pub fn load(&self) -> Result<Loaded, StoreError> {
        Loaded::read(&self.conn)
    }
    /// Notes where the flows of a time are.
    pub fn add_segment(&mut self, s: &super::Segment) -> Result<(), StoreError> {
        let row = params![s.path, s.kind, ns(s.first_ts), ns(s.last_ts), s.records as i64, s.bytes as i64];
        self.conn.execute("INSERT OR REPLACE INTO segments (path, kind, first_ts, last_ts, records, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)", row)?;
        Ok(())
    }
    /// A log file is gone.
    pub fn drop_segment(&mut self, path: &str) -> Result<(), StoreError> {
        self.conn.execute("DELETE FROM segments WHERE path = ?1", params![path])?;
        Ok(())
    }
    /// Closes it in good order: the next one who opens it need not check it.
    pub fn close(self) -> Result<(), StoreError> {
        self.conn.execute("DELETE FROM meta WHERE key = 'open'", [])?;
        self.conn.close().map_err(|(_, e)| e)?;
        Ok(())
    }
}

/// Every page, every index, every constraint.
pub(super) fn sound(c: &Connection, path: &Path) -> Result<(), StoreError> {
    let mut s = c.prepare("PRAGMA integrity_check(4)")?;
    let said: Vec<String> = s.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?;
    match said.as_slice() {
        [ok] if ok == "ok" => Ok(()),
        _ => Err(StoreError::Corrupt { path: path.to_owned(), reason: said.join("; ") }),
    }
}

/// The numbers given so far, if a damaged store still tells them: they are not to be given twice.
fn salvage(path: &Path) -> Option<(u64, u64)> {
    let c = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
    super::told::numbers(&c).ok()
}

/// Puts a damaged store aside, with the log that belongs to it.
fn aside(path: &Path) -> Result<PathBuf, StoreError> {
    let free = (1..ASIDE).map(|n| beside(path, &format!(".corrupt-{n}"))).find(|p| !p.exists());
    let to = free.ok_or_else(|| StoreError::Exists { path: beside(path, &format!(".corrupt-{}", ASIDE - 1)) })?;
    for suffix in ["", "-wal", "-shm"] {
        let from = beside(path, suffix);
        if from.exists() {
            std::fs::rename(&from, beside(&to, suffix)).map_err(|e| StoreError::io("move aside", &from, &e))?;
        }
    }
    Ok(to)
}
