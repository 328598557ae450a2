//! Reading a store, while the sensor writes to it or after it has stopped. One moment is read: what is written meanwhile is not seen.

use super::open::{beside, opt_ns, sound, ts};
use super::rows::{Audit, DeviceRow, Muted, Note, Segment, Verdict};
use super::{StoreError, schema};
use crate::assets::{Memory, Status};
use crate::base::Timestamp;
use crate::incident::{Fits, Kept, Pages, Story};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Findings and incidents read back at most; the book keeps no more.
const FINDINGS: usize = 20_000;

/// A store that is open for reading.
#[derive(Debug)]
pub struct Reader {
    conn: Connection,
    path: PathBuf,
}

/// What the sensor goes on with.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// What was learned.
    pub memory: Memory,
    /// Findings and incidents.
    pub pages: Pages,
    /// Decisions about devices that stand, the newest of each device.
    pub verdicts: Vec<Verdict>,
    /// Mutes that were not ended by a person.
    pub mutes: Vec<Muted>,
    /// The highest number of a mute.
    pub last_mute: u64,
    /// A person stopped learning.
    pub paused: bool,
    /// Packet time of the last commit: from then on the sensor was away.
    pub last_ts: Option<Timestamp>,
    /// Rows that could not be used: of detectors that exist no more, or not ours.
    pub skipped: u64,
}

/// A finding that a mute would have hidden.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Preview {
    /// Its id.
    pub id: String,
    /// Detector.
    pub detector: String,
    /// Severity.
    pub severity: String,
    /// Originator.
    pub orig: String,
    /// When it was said last.
    pub ts: Timestamp,
}

impl Loaded {
    pub(super) fn read(c: &Connection) -> Result<Loaded, StoreError> {
        let (memory, mut skipped) = super::learned::read(c)?;
        let findings = findings(c, &mut skipped)?;
        let stories = stories(c, &mut skipped)?;
        let last: Option<i64> = c.query_row("SELECT max(num) FROM mutes", [], |r| r.get(0))?;
        Ok(Loaded {
            memory,
            pages: Pages { findings, stories, numbers: super::told::numbers(c)? },
            verdicts: verdicts(c)?,
            mutes: mutes(c, "WHERE ended IS NULL")?,
            last_mute: last.map_or(0, i64::unsigned_abs),
            paused: c.query_row("SELECT count(*) FROM learning WHERE kind = 'paused' AND until IS NULL", [], |r| r.get::<_, i64>(0))? > 0,
            last_ts: meta(c, "last_ts")?.and_then(|v| v.parse().ok()).map(ts),
            skipped,
        })
    }
}

fn meta(c: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    c.query_row("SELECT value FROM meta WHERE key = ?1", [key], |r| r.get(0)).optional()
}

/// Findings; what cannot be read is counted.
fn findings(c: &Connection, skipped: &mut u64) -> Result<Vec<Kept>, StoreError> {
    let mut s = c.prepare(&format!("SELECT state FROM findings ORDER BY num DESC LIMIT {FINDINGS}"))?;
    let mut rows = s.query([])?;
    let mut out = Vec::new();
    while let Some(r) = rows.next()? {
        match r.get_ref(0)?.as_str().ok().and_then(|t| serde_json::from_str(t).ok()) {
            Some(v) => out.push(v),
            None => *skipped += 1,
        }
    }
    Ok(out)
}

/// Incidents with the time at which a person closed them, which stands in its own column.
fn stories(c: &Connection, skipped: &mut u64) -> Result<Vec<Story>, StoreError> {
    let mut s = c.prepare(&format!("SELECT state, closed FROM incidents WHERE merged_into IS NULL ORDER BY num DESC LIMIT {FINDINGS}"))?;
    let mut rows = s.query([])?;
    let mut out = Vec::new();
    while let Some(r) = rows.next()? {
        let closed: Option<i64> = r.get(1)?;
        match r.get_ref(0)?.as_str().ok().and_then(|t| serde_json::from_str::<Story>(t).ok()) {
            Some(mut story) => {
                story.closed = closed.map(ts);
                out.push(story);
            }
            None => *skipped += 1,
        }
    }
    Ok(out)
}

fn verdicts(c: &Connection) -> Result<Vec<Verdict>, StoreError> {
    let mut s = c.prepare(
        "SELECT device, state, until, ts, who, why FROM decisions d WHERE num = (SELECT max(num) FROM decisions e WHERE e.device = d.device) ORDER BY num",
    )?;
    let read = |r: &Row<'_>| -> rusqlite::Result<Option<Verdict>> {
        let state = match r.get_ref(1)?.as_str().unwrap_or_default() {
            "authorised" => Status::Authorised,
            "refused" => Status::Refused,
            "investigating" => Status::Investigating,
            _ => return Ok(None),
        };
        let Ok(device) = r.get::<_, String>(0)?.parse() else { return Ok(None) };
        let until = r.get::<_, Option<i64>>(2)?.map(ts);
        Ok(Some(Verdict { device, state: Some(state), until, ts: ts(r.get(3)?), who: r.get(4)?, why: r.get(5)? }))
    };
    let all: Vec<Option<Verdict>> = s.query_map([], read)?.collect::<Result<_, _>>()?;
    Ok(all.into_iter().flatten().collect())
}

fn mutes(c: &Connection, which: &str) -> Result<Vec<Muted>, StoreError> {
    let mut s = c.prepare(&format!("SELECT num, fits, until, ts, who, why FROM mutes {which} ORDER BY num"))?;
    let read = |r: &Row<'_>| -> rusqlite::Result<Option<Muted>> {
        let Ok(fits) = serde_json::from_str(r.get_ref(1)?.as_str().unwrap_or_default()) else { return Ok(None) };
        let number = r.get::<_, i64>(0)?.unsigned_abs();
        Ok(Some(Muted { number, fits, until: ts(r.get(2)?), ts: ts(r.get(3)?), who: r.get(4)?, why: r.get(5)? }))
    };
    let all: Vec<Option<Muted>> = s.query_map([], read)?.collect::<Result<_, _>>()?;
    Ok(all.into_iter().flatten().collect())
}

impl Reader {
    /// Opens a store for reading; it is never changed, and never waited for long.
    pub fn open(path: &Path) -> Result<Reader, StoreError> {
        if !path.exists() {
            return Err(StoreError::io("read", path, &std::io::ErrorKind::NotFound.into()));
        }
        let conn = connect(path)?;
        let reader = Reader { conn, path: path.to_owned() };
        match reader.begin() {
            Err(e) if e.is_damage() => Err(StoreError::Corrupt { path: path.to_owned(), reason: e.to_string() }),
            Err(e) => Err(e),
            Ok(()) => Ok(reader),
        }
    }
    fn begin(&self) -> Result<(), StoreError> {
        // From here on everything is of one moment.
        self.conn.execute_batch("BEGIN")?;
        let (path, known) = (self.path.clone(), schema::VERSION);
        match schema::version(&self.conn, &path)? {
            0 => Err(empty(&path)),
            found if found > known => Err(StoreError::Newer { path, found, known }),
            found if found < known => Err(StoreError::Older { path, found, known }),
            _ => Ok(()),
        }
    }
    /// All devices, in order of first sight.
    pub fn devices(&self) -> Result<Vec<DeviceRow>, StoreError> {
        let mut s = self.conn.prepare(
            "SELECT d.id, d.mac, d.ips, d.names, d.role, d.zone, d.vlan, d.status, d.gateway, d.first_seen, s.last_seen, d.first_packet \
             FROM devices d JOIN seen s ON s.device = d.num ORDER BY d.first_seen, d.num",
        )?;
        let list = |r: &Row<'_>, n| -> rusqlite::Result<Vec<String>> {
            Ok(serde_json::from_str(r.get_ref(n)?.as_str().unwrap_or_default()).unwrap_or_default())
        };
        let read = |r: &Row<'_>| {
            Ok(DeviceRow {
                id: r.get(0)?,
                mac: r.get::<_, Option<String>>(1)?.unwrap_or_default(),
                ips: list(r, 2)?,
                names: list(r, 3)?,
                role: r.get(4)?,
                zone: r.get(5)?,
                vlan: r.get(6)?,
                status: r.get(7)?,
                gateway: r.get(8)?,
                first_seen: ts(r.get(9)?),
                last_seen: ts(r.get(10)?),
                first_packet: r.get::<_, i64>(11)?.unsigned_abs(),
            })
        };
        Ok(s.query_map([], read)?.collect::<Result<_, _>>()?)
    }
    /// The records of all findings that are shown, in order of first emission, one JSON object each.
    pub fn findings(&self) -> Result<Vec<String>, StoreError> {
        self.texts("SELECT record FROM findings WHERE muted = 0 ORDER BY num")
    }
    /// The records of all incidents, in order of opening, one JSON object each.
    pub fn incidents(&self) -> Result<Vec<String>, StoreError> {
        self.texts("SELECT record FROM incidents WHERE merged_into IS NULL ORDER BY num")
    }
    fn texts(&self, sql: &str) -> Result<Vec<String>, StoreError> {
        let mut s = self.conn.prepare(sql)?;
        Ok(s.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?)
    }
    /// Ids and revisions of findings; for those who check that nothing is missing.
    pub fn revisions(&self) -> Result<Vec<(String, u32)>, StoreError> {
        let mut s = self.conn.prepare("SELECT id, rev FROM findings ORDER BY num")?;
        Ok(s.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<Result<_, _>>()?)
    }
    /// Findings that are kept but not shown, by the number of the mute that hides them.
    pub fn hidden(&self) -> Result<Vec<(u64, u64)>, StoreError> {
        let mut s = self.conn.prepare("SELECT muted, count(*) FROM findings WHERE muted <> 0 GROUP BY muted ORDER BY muted")?;
        let read = |r: &Row<'_>| Ok((r.get::<_, i64>(0)?.unsigned_abs(), r.get::<_, i64>(1)?.unsigned_abs()));
        Ok(s.query_map([], read)?.collect::<Result<_, _>>()?)
    }
    /// The decisions that stand.
    pub fn verdicts(&self) -> Result<Vec<Verdict>, StoreError> {
        verdicts(&self.conn)
    }
    /// All mutes, those that are over too.
    pub fn mutes(&self) -> Result<Vec<Muted>, StoreError> {
        mutes(&self.conn, "")
    }
    /// What a mute would have hidden of what was found since a time: the newest first, at most so many; and how many there were.
    pub fn preview(&self, fits: &Fits, since: Timestamp, most: usize) -> Result<(Vec<Preview>, u64), StoreError> {
        let mut s = self.conn.prepare("SELECT state FROM findings WHERE last_ts >= ?1 ORDER BY num DESC")?;
        let mut rows = s.query(params![opt_ns(Some(since))])?;
        let (mut out, mut all) = (Vec::new(), 0);
        while let Some(r) = rows.next()? {
            let kept = r.get_ref(0)?.as_str().ok().and_then(|t| serde_json::from_str::<Kept>(t).ok());
            let Some(k) = kept.filter(|k| fits.covers(k)) else { continue };
            all += 1;
            if out.len() < most {
                let f = &k.finding;
                let (detector, severity) = (f.detector.to_owned(), f.severity.word().to_owned());
                out.push(Preview { id: k.id.clone(), detector, severity, orig: f.orig.word(), ts: f.ts });
            }
        }
        Ok((out, all))
    }
    /// Notes about a finding, an incident or a device, oldest first.
    pub fn notes(&self, target: &str) -> Result<Vec<Note>, StoreError> {
        let mut s = self.conn.prepare("SELECT target, ts, who, text FROM notes WHERE target = ?1 ORDER BY num")?;
        let read = |r: &Row<'_>| Ok(Note { target: r.get(0)?, ts: ts(r.get(1)?), who: r.get(2)?, text: r.get(3)? });
        Ok(s.query_map([target], read)?.collect::<Result<_, _>>()?)
    }
    /// What was acknowledged: id, revision, when, by whom.
    pub fn acknowledged(&self) -> Result<Vec<(String, u32, Timestamp, String)>, StoreError> {
        let mut s = self.conn.prepare("SELECT target, rev, ts, who FROM acknowledgements ORDER BY target")?;
        let read = |r: &Row<'_>| Ok((r.get(0)?, r.get(1)?, ts(r.get(2)?), r.get(3)?));
        Ok(s.query_map([], read)?.collect::<Result<_, _>>()?)
    }
    /// The newest lines of the audit trail, newest first.
    pub fn audit(&self, most: usize) -> Result<Vec<Audit>, StoreError> {
        let mut s = self.conn.prepare("SELECT ts, who, uid, action, target, detail FROM audit ORDER BY num DESC LIMIT ?1")?;
        let read =
            |r: &Row<'_>| Ok(Audit { ts: ts(r.get(0)?), who: r.get(1)?, uid: r.get(2)?, action: r.get(3)?, target: r.get(4)?, detail: r.get(5)? });
        Ok(s.query_map([most as i64], read)?.collect::<Result<_, _>>()?)
    }
    /// Log files of a kind that hold records of a time, oldest first.
    pub fn segments(&self, kind: &str, from: Timestamp, to: Timestamp) -> Result<Vec<Segment>, StoreError> {
        let sql = "SELECT path, kind, first_ts, last_ts, records, bytes FROM segments WHERE kind = ?1 AND last_ts >= ?2 AND first_ts <= ?3 ORDER BY first_ts, path";
        let mut s = self.conn.prepare(sql)?;
        let read = |r: &Row<'_>| {
            let (records, bytes) = (r.get::<_, i64>(4)?.unsigned_abs(), r.get::<_, i64>(5)?.unsigned_abs());
            Ok(Segment { path: r.get(0)?, kind: r.get(1)?, first_ts: ts(r.get(2)?), last_ts: ts(r.get(3)?), records, bytes })
        };
        Ok(s.query_map(params![kind, opt_ns(Some(from)), opt_ns(Some(to))], read)?.collect::<Result<_, _>>()?)
    }
    /// Everything that the sensor would go on with.
    pub fn load(&self) -> Result<Loaded, StoreError> {
        Loaded::read(&self.conn)
    }
}

fn empty(path: &Path) -> StoreError {
    StoreError::Corrupt { path: path.to_owned(), reason: "there is nothing in it".to_owned() }
}

/// Is a file a store that this version can use, and whole? Returns its version; an older one will be brought up when it is opened for writing.
pub fn check(path: &Path) -> Result<i64, StoreError> {
    let damaged = |e: StoreError| if e.is_damage() { StoreError::Corrupt { path: path.to_owned(), reason: e.to_string() } } else { e };
    let look = || {
        let c = connect(path)?;
        let (found, known) = (schema::version(&c, path)?, schema::VERSION);
        match found {
            0 => return Err(empty(path)),
            _ if found > known => return Err(StoreError::Newer { path: path.to_owned(), found, known }),
            _ => {}
        }
        sound(&c, path).map(|()| found)
    };
    if !path.exists() {
        return Err(StoreError::io("read", path, &std::io::ErrorKind::NotFound.into()));
    }
    look().map_err(damaged)
}

/// A connection that cannot write. A store that was closed in a directory where the reader may make no files is read as it lies: nobody writes to it.
fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let c = Connection::open_with_flags(path, flags)?;
    c.busy_timeout(Duration::from_secs(2))?;
    c.pragma_update(None, "trusted_schema", false)?;
    c.pragma_update(None, "temp_store", "MEMORY")?;
    match c.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get::<_, i64>(0)) {
        Err(rusqlite::Error::SqliteFailure(e, _))
            if matches!(e.code, rusqlite::ErrorCode::CannotOpen | rusqlite::ErrorCode::ReadOnly) && !beside(path, "-wal").exists() =>
        {
            let uri = format!("file:{}?immutable=1", escaped(path));
            Ok(Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)?)
        }
        _ => Ok(c),
    }
}

/// A path as part of a URI.
fn escaped(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-_.~".contains(&b);
    path.as_os_str().as_bytes().iter().map(|b| if plain(*b) { char::from(*b).to_string() } else { format!("%{b:02X}") }).collect()
}
