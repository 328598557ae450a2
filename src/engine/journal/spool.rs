//! The spool on disk: segments of records, the oldest of which leave when the cap is reached.
//!
//! A segment is a file `NNNNNNNN.journal`: the line [`HEAD`], then records. A record is its payload's length (u32, little endian), its kind
//! (`K` key frame, `D` delta), its tick (u64, nanoseconds) and the payload, a zstd frame with checksum around one JSON object. Every segment
//! begins with a key frame, so each can be read without the others.

use crate::base::Timestamp;
use crate::output::SinkError;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use zstd::bulk::Compressor;

/// First line of a segment; the number is the format's version.
pub(super) const HEAD: &[u8] = b"spanward journal 1\n";
/// Bytes before a record's payload.
pub(super) const RECORD: usize = 13;
/// Cap of a spool unless told otherwise: 256 MiB.
pub const SPOOL: u64 = 256 << 20;
/// zstd's fastest usual level: a view packs to a tenth with any of them.
const LEVEL: i32 = 1;

/// The kinds of records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Kind {
    Key = b'K',
    Delta = b'D',
}

/// A segment's name.
pub(super) fn segment(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:08}.journal"))
}

/// The numbers of the segments in a directory, oldest first.
pub(super) fn segments(dir: &Path) -> io::Result<Vec<u64>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|n| n.strip_suffix(".journal")).filter(|n| n.len() >= 8 && n.bytes().all(|b| b.is_ascii_digit()));
        all.extend(number.and_then(|n| n.parse::<u64>().ok()));
    }
    all.sort_unstable();
    Ok(all)
}

/// Writes records. After an error it takes no more and tells the error at the end.
pub(super) struct Spool {
    dir: PathBuf,
    cap: u64,
    packer: Option<Compressor<'static>>,
    file: Option<File>,
    /// Sizes of the segments that are kept, oldest first; the last is being written.
    sizes: std::collections::VecDeque<u64>,
    number: u64,
    json: Vec<u8>,
    error: Option<SinkError>,
}

impl Spool {
    /// An empty spool in `dir`, which is made if it is missing; segments of an earlier run leave.
    pub(super) fn create(dir: &Path, cap: u64) -> Spool {
        let mut spool = Spool {
            dir: dir.to_owned(),
            cap: cap.max(1 << 16),
            packer: None,
            file: None,
            sizes: std::collections::VecDeque::new(),
            number: 0,
            json: Vec::new(),
            error: None,
        };
        let ready = fs::create_dir_all(dir)
            .and_then(|()| segments(dir))
            .and_then(|old| old.into_iter().try_for_each(|n| fs::remove_file(segment(dir, n))))
            .and_then(|()| {
                let mut packer = Compressor::new(LEVEL)?;
                packer.include_checksum(true)?;
                Ok(packer)
            });
        match ready {
            Ok(packer) => spool.packer = Some(packer),
            Err(e) => spool.fail(&e),
        }
        spool
    }
    /// Segments dropped at the cap so far.
    pub(super) fn dropped(&self) -> u64 {
        self.number - self.sizes.len() as u64
    }
    /// A segment is an eighth of the cap: what is dropped at once is an eighth of what is kept.
    fn segment_cap(&self) -> u64 {
        self.cap / 8
    }
    /// Is the segment full, so that the next record must be a key frame?
    pub(super) fn wants_key(&self) -> bool {
        self.sizes.back().is_none_or(|s| *s >= self.segment_cap())
    }
    /// Appends a record.
    pub(super) fn put(&mut self, kind: Kind, ts: Timestamp, view: &impl Serialize) {
        if self.error.is_none()
            && let Err(e) = self.append(kind, ts, view)
        {
            self.fail(&e);
        }
    }
    fn append(&mut self, kind: Kind, ts: Timestamp, view: &impl Serialize) -> io::Result<()> {
        self.json.clear();
        serde_json::to_writer(&mut self.json, view)?;
        let Some(packer) = &mut self.packer else { return Ok(()) };
        let packed = packer.compress(&self.json)?;
        let len = u32::try_from(packed.len()).map_err(|_| io::Error::other("a view larger than 4 GiB"))?;
        if kind == Kind::Key && self.wants_key() {
            self.open(packed.len() as u64)?;
        }
        let mut record = Vec::with_capacity(RECORD + packed.len());
        record.extend(len.to_le_bytes());
        record.push(kind as u8);
        record.extend(ts.0.to_le_bytes());
        record.extend(packed);
        // One write: whoever reads along sees whole records, or a tail that is still growing.
        if let (Some(file), Some(size)) = (&mut self.file, self.sizes.back_mut()) {
            file.write_all(&record)?;
            *size += record.len() as u64;
        }
        Ok(())
    }
    /// Begins a segment, after making room for it.
    fn open(&mut self, first: u64) -> io::Result<()> {
        let room = self.cap.saturating_sub(self.segment_cap().max(first));
        while self.sizes.iter().sum::<u64>() > room && !self.sizes.is_empty() {
            fs::remove_file(segment(&self.dir, self.number - self.sizes.len() as u64 + 1))?;
            self.sizes.pop_front();
        }
        self.number += 1;
        let mut file = File::create(segment(&self.dir, self.number))?;
        file.write_all(HEAD)?;
        self.file = Some(file);
        self.sizes.push_back(HEAD.len() as u64);
        Ok(())
    }
    fn fail(&mut self, e: &io::Error) {
        self.file = None;
        self.packer = None;
        self.error = Some(SinkError { path: self.dir.display().to_string(), reason: e.to_string() });
    }
    /// What went wrong, if anything did.
    pub(super) fn finish(&mut self) -> Result<(), SinkError> {
        self.file = None;
        self.error.take().map_or(Ok(()), Err)
    }
}
