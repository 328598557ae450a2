//! The bytes of one input: a file, a pipe or standard input; gzip and zstd are recognised by their first bytes, never by name.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Anything that can be read.
pub(super) type Bytes = Box<dyn Read + Send>;

/// The largest window a zstd stream may ask for (2^27 bytes, zstd's own default): bounds its memory.
const ZSTD_WINDOW: u32 = 27;
/// Compressed bytes read at once.
const CHUNK: usize = 128 << 10;

/// An open input, unpacked.
pub(super) struct Stream {
    bytes: Bytes,
    /// Bytes that were read to recognise the format and belong to the front.
    pub front: Vec<u8>,
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("front", &self.front.len()).finish_non_exhaustive()
    }
}

/// Adds the bytes it passes on to a counter that the progress bar reads.
struct Counted {
    bytes: Bytes,
    count: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.bytes.read(buf)?;
        self.count.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// Opens a path; the second value says whether it is an ordinary file (which can be opened again and has a size).
pub(super) fn open(path: &Path) -> io::Result<Bytes> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    Ok(Box::new(File::open(path)?))
}

impl Stream {
    /// Looks at the first bytes and unpacks if need be.
    pub fn new(bytes: Bytes, count: Arc<AtomicU64>) -> io::Result<Stream> {
        let mut bytes = Counted { bytes, count };
        let mut front = Vec::with_capacity(4);
        bytes.by_ref().take(4).read_to_end(&mut front)?;
        let packed = |front, bytes| BufReader::with_capacity(CHUNK, Cursor::new(front).chain(bytes));
        Ok(match *front.as_slice() {
            [0x1f, 0x8b, ..] => Stream { bytes: Box::new(flate2::bufread::MultiGzDecoder::new(packed(front, bytes))), front: Vec::new() },
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
                let mut zstd = zstd::stream::read::Decoder::with_buffer(packed(front, bytes))?;
                zstd.window_log_max(ZSTD_WINDOW)?;
                Stream { bytes: Box::new(zstd), front: Vec::new() }
            }
            _ => Stream { bytes: Box::new(bytes), front },
        })
    }
    /// Reads what there is; 0 at the end.
    pub fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.bytes.read(buf) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }
}
