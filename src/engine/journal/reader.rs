//! Reads a spool: an index of its records, and the view at any time that is kept.

use super::spool::{HEAD, Kind, RECORD, segment, segments};
use super::view::{Delta, View};
use crate::base::Timestamp;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A view that unpacks to more than this was not written by us.
const MAX_VIEW: u64 = 1 << 30;

/// Why a journal, or a time in it, cannot be shown.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JournalError {
    /// The directory cannot be read, or holds no journal.
    #[error("cannot read the journal {}: {reason}", path.display())]
    Unreadable {
        /// Directory or file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A segment is damaged: what lies before is read, and so are later segments.
    #[error("{} is damaged at byte {offset}: {reason}", path.display())]
    Damaged {
        /// Segment.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// How.
        reason: String,
    },
    /// The time lies before the oldest view that is kept.
    #[error("{asked} is not in the journal: it begins at {first}, {dropped} older segments were dropped at its cap")]
    Before {
        /// The time.
        asked: Timestamp,
        /// The oldest kept.
        first: Timestamp,
        /// Segments dropped.
        dropped: u64,
    },
}

/// One record as it is read in order.
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// A whole view.
    View(Box<View>),
    /// What became different.
    Delta(Box<Delta>),
}

/// Where a record lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    segment: u64,
    offset: u64,
    len: u32,
    kind: Kind,
    ts: Timestamp,
}

/// A journal that is read.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    records: Vec<Place>,
    dropped: u64,
    /// By segment.
    damage: Vec<(u64, JournalError)>,
}

impl Journal {
    /// Indexes the journal in `dir`. Damage is no error as long as anything can be read: see [`Journal::damage`].
    pub fn open(dir: &Path) -> Result<Journal, JournalError> {
        let unreadable = |reason: String| JournalError::Unreadable { path: dir.to_owned(), reason };
        let numbers = segments(dir).map_err(|e| unreadable(e.to_string()))?;
        let dropped = numbers.first().map_or(0, |n| n.saturating_sub(1));
        let mut journal = Journal { dir: dir.to_owned(), records: Vec::new(), dropped, damage: Vec::new() };
        for n in numbers {
            if let Err(e) = journal.index(n) {
                journal.damage.push((n, e));
            }
        }
        match (journal.records.is_empty(), journal.damage.first()) {
            (false, _) => Ok(journal),
            (true, Some((_, e))) => Err(e.clone()),
            (true, None) => Err(unreadable("it holds no journal (write one first: spanward replay -o DIR --journal CAPTURE)".to_owned())),
        }
    }
    fn index(&mut self, number: u64) -> Result<(), JournalError> {
        let path = segment(&self.dir, number);
        let unreadable = |e: io::Error| JournalError::Unreadable { path: path.clone(), reason: e.to_string() };
        let file = File::open(&path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        let mut file = BufReader::new(file);
        let mut head = [0; HEAD.len()];
        if file.read_exact(&mut head).is_err() || head != *HEAD {
            return Err(self.damaged(number, 0, "it does not begin as a journal of this version"));
        }
        let mut at = HEAD.len() as u64;
        let mut fresh = true;
        while at < size {
            let mut h = [0; RECORD];
            if file.read_exact(&mut h).is_err() {
                return Err(self.damaged(number, at, "it ends in the middle of a record"));
            }
            let [a, b, c, d, kind, ts @ ..] = h;
            let (len, ts) = (u32::from_le_bytes([a, b, c, d]), Timestamp(u64::from_le_bytes(ts)));
            let kind = match kind {
                b'K' => Kind::Key,
                b'D' if !fresh => Kind::Delta,
                _ => return Err(self.damaged(number, at, "there is no record")),
            };
            if self.records.last().is_some_and(|r| r.ts > ts) {
                return Err(self.damaged(number, at, "a record lies before the one before it"));
            }
            let offset = at + RECORD as u64;
            if size - offset < u64::from(len) {
                return Err(self.damaged(number, at, "it ends in the middle of a record"));
            }
            self.records.push(Place { segment: number, offset, len, kind, ts });
            at = offset + u64::from(len);
            file.seek_relative(i64::from(len)).map_err(unreadable)?;
            fresh = false;
        }
        Ok(())
    }
    fn damaged(&self, number: u64, offset: u64, reason: &str) -> JournalError {
        JournalError::Damaged { path: segment(&self.dir, number), offset, reason: reason.to_owned() }
    }
    /// Takes in what was written since: for a journal that is still growing. Only a last record that is not whole yet is no damage.
    pub fn refresh(&mut self) -> Result<(), JournalError> {
        let last = self.records.last().copied();
        let newest = last.map_or(0, |r| r.segment);
        let numbers = segments(&self.dir).map_err(|e| JournalError::Unreadable { path: self.dir.clone(), reason: e.to_string() })?;
        if let Some(first) = numbers.first() {
            self.dropped = first.saturating_sub(1);
            self.records.retain(|r| r.segment >= *first);
            self.damage.retain(|d| d.0 >= *first);
        }
        for n in numbers.into_iter().filter(|n| *n >= newest) {
            self.damage.retain(|d| d.0 != n);
            self.records.retain(|r| r.segment != n);
            if let Err(e) = self.index(n) {
                self.damage.push((n, e));
            }
        }
        Ok(())
    }
    /// The records behind a time, in order, until `more` has seen enough and says false.
    pub fn walk(&self, after: Timestamp, mut more: impl FnMut(Timestamp, Step) -> bool) -> Result<(), JournalError> {
        let n = self.records.partition_point(|r| r.ts <= after);
        for r in self.records.get(n..).unwrap_or(&[]) {
            if !more(r.ts, self.step(r)?) {
                break;
            }
        }
        Ok(())
    }
    fn step(&self, r: &Place) -> Result<Step, JournalError> {
        let path = segment(&self.dir, r.segment);
        let wrong = |reason: String| JournalError::Damaged { path: path.clone(), offset: r.offset - RECORD as u64, reason };
        let mut packed = Vec::new();
        File::open(&path)
            .and_then(|mut f| {
                f.seek(SeekFrom::Start(r.offset))?;
                f.take(u64::from(r.len)).read_to_end(&mut packed)
            })
            .map_err(|e| wrong(e.to_string()))?;
        match r.kind {
            Kind::Key => unpack(&packed).map(|v| Step::View(Box::new(v))),
            Kind::Delta => unpack(&packed).map(|d| Step::Delta(Box::new(d))),
        }
        .map_err(wrong)
    }
    /// The oldest and the newest view that can be read.
    pub fn span(&self) -> (Timestamp, Timestamp) {
        let at = |r: Option<&Place>| r.map(|r| r.ts).unwrap_or_default();
        (at(self.records.first()), at(self.records.last()))
    }
    /// Times of all views, oldest first.
    pub fn times(&self) -> impl Iterator<Item = Timestamp> {
        self.records.iter().map(|r| r.ts)
    }
    /// Segments that were dropped because the spool was full.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
    /// What could not be read, and where.
    pub fn damage(&self) -> impl Iterator<Item = &JournalError> {
        self.damage.iter().map(|(_, e)| e)
    }
    /// The view at a time: exactly what the sensor showed then. A time behind the newest view gets that one, unless damage hides what came.
    pub fn state_at(&self, ts: Timestamp) -> Result<View, JournalError> {
        let n = self.records.partition_point(|r| r.ts <= ts);
        let upto = self.records.get(..n).unwrap_or(&[]);
        let (Some(last), Some(key)) = (upto.last(), upto.iter().rposition(|r| r.kind == Kind::Key)) else {
            return Err(JournalError::Before { asked: ts, first: self.span().0, dropped: self.dropped });
        };
        let ends_here = self.records.get(n).is_none_or(|next| next.segment != last.segment);
        if ts > last.ts && ends_here {
            // A segment that holds nothing readable may lie between.
            let next = self.records.get(n).map_or(u64::MAX, |r| r.segment);
            if let Some((_, e)) = self.damage.iter().find(|(number, _)| (last.segment..next).contains(number)) {
                return Err(e.clone());
            }
        }
        self.rebuild(upto.get(key..).unwrap_or(&[]))
    }
    /// A key frame and the deltas behind it.
    fn rebuild(&self, records: &[Place]) -> Result<View, JournalError> {
        let mut view = View::default();
        let Some(first) = records.first() else { return Ok(view) };
        let path = segment(&self.dir, first.segment);
        let mut file = File::open(&path).map_err(|e| JournalError::Unreadable { path: path.clone(), reason: e.to_string() })?;
        for r in records {
            let wrong = |reason: String| JournalError::Damaged { path: path.clone(), offset: r.offset - RECORD as u64, reason };
            let mut packed = Vec::new();
            file.seek(SeekFrom::Start(r.offset))
                .and_then(|_| file.by_ref().take(u64::from(r.len)).read_to_end(&mut packed))
                .map_err(|e| wrong(e.to_string()))?;
            match r.kind {
                Kind::Key => view = unpack(&packed).map_err(wrong)?,
                Kind::Delta => view.apply(unpack::<Delta>(&packed).map_err(wrong)?),
            }
            if view.ts != r.ts.to_string() {
                return Err(wrong("the record's time is not its view's".to_owned()));
            }
        }
        Ok(view)
    }
}

fn unpack<T: DeserializeOwned>(packed: &[u8]) -> Result<T, String> {
    let mut json = Vec::new();
    let unpacker = zstd::stream::read::Decoder::with_buffer(packed).map_err(|e| e.to_string())?;
    unpacker.take(MAX_VIEW).read_to_end(&mut json).map_err(|e| e.to_string())?;
    serde_json::from_slice(&json).map_err(|e| e.to_string())
}
