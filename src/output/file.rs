//! Files as they are written: under a temporary name until they are whole, with the first error kept for the end.

use super::SinkError;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Bytes gathered before a write: large enough that the system call does not count.
const BUFFER: usize = 256 * 1024;

/// A file (or standard output) that remembers its first error and takes no more bytes after it.
pub struct OutFile {
    out: Option<BufWriter<Box<dyn Write + Send>>>,
    name: String,
    rename: Option<(PathBuf, PathBuf)>,
    error: Option<SinkError>,
    /// A log: after an error it is tried again at every flush, and goes on with a new line.
    log: Option<PathBuf>,
}

impl OutFile {
    /// `dir/name`, written as `dir/.name.partial` and renamed by [`OutFile::finish`], so that a reader never meets half a file under its name.
    pub fn in_dir(dir: &Path, name: &str) -> OutFile {
        let (temp, path) = (dir.join(format!(".{name}.partial")), dir.join(name));
        let shown = path.display().to_string();
        match File::create(&temp) {
            Ok(f) => OutFile::over(Box::new(f), shown, Some((temp, path))),
            Err(e) => OutFile::failed(shown, &e),
        }
    }
    /// A file written in place (a pipe, a device, a log that someone follows); `-` is standard output.
    pub fn in_place(path: &str) -> OutFile {
        if path == "-" {
            return OutFile::over(Box::new(io::stdout()), "standard output".to_owned(), None);
        }
        match File::create(path) {
            Ok(f) => OutFile::over(Box::new(f), path.to_owned(), None),
            Err(e) => OutFile::failed(path.to_owned(), &e),
        }
    }
    /// `dir/name`, written on from its end: the log of a sensor. When the disk takes bytes again after an error, it goes on; the error is still told
    /// at the end, because lines are missing.
    pub fn appended(dir: &Path, name: &str) -> OutFile {
        let path = dir.join(name);
        let shown = path.display().to_string();
        let file = match log(&path) {
            Ok(f) => OutFile::over(Box::new(f), shown, None),
            Err(e) => OutFile::failed(shown, &e),
        };
        OutFile { log: Some(path), ..file }
    }
    /// Over any writer; used by tests.
    pub fn over(w: Box<dyn Write + Send>, name: String, rename: Option<(PathBuf, PathBuf)>) -> OutFile {
        OutFile { out: Some(BufWriter::with_capacity(BUFFER, w)), name, rename, error: None, log: None }
    }
    fn failed(name: String, e: &io::Error) -> OutFile {
        OutFile { out: None, error: Some(SinkError { path: name.clone(), reason: e.to_string() }), name, rename: None, log: None }
    }
    /// The file, or why it could not be opened, for those who want to know before they have something to write.
    pub fn opened(mut self) -> Result<OutFile, SinkError> {
        self.error.take().map_or(Ok(self), Err)
    }
    /// Takes bytes; after an error they are dropped (the error is reported once, at the end).
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) {
        let Some(out) = &mut self.out else { return };
        if let Err(e) = out.write_all(bytes) {
            self.fail(&e);
        }
    }
    /// Hands buffered bytes over now: what follows the file sees whole lines.
    pub fn flush(&mut self) {
        if self.out.is_none()
            && self.error.is_some()
            && let Some(Ok(file)) = self.log.as_deref().map(log)
        {
            self.out = Some(BufWriter::with_capacity(BUFFER, Box::new(file)));
        }
        if let Some(out) = &mut self.out
            && let Err(e) = out.flush()
        {
            self.fail(&e);
        }
    }
    /// Does it take bytes? If not, what was put last is lost.
    pub fn takes(&self) -> bool {
        self.out.is_some()
    }
    fn fail(&mut self, e: &io::Error) {
        if let Some(out) = self.out.take() {
            // Without a second try to write the rest.
            let _ = out.into_parts();
        }
        // The reader of a pipe went away: it has what it wanted.
        if e.kind() != io::ErrorKind::BrokenPipe {
            self.error = Some(SinkError { path: self.name.clone(), reason: e.to_string() });
        }
    }
    /// Flushes and gives the file its name.
    pub fn finish(&mut self) -> Result<(), SinkError> {
        self.flush();
        if let Some(e) = self.error.take() {
            if let Some((temp, _)) = self.rename.take() {
                let _ = std::fs::remove_file(temp);
            }
            return Err(e);
        }
        self.out = None;
        if let Some((temp, path)) = self.rename.take() {
            std::fs::rename(&temp, &path).map_err(|e| SinkError { path: self.name.clone(), reason: e.to_string() })?;
        }
        Ok(())
    }
}

/// A log, open at its end, behind a whole line.
fn log(path: &Path) -> io::Result<File> {
    let mut file = File::options().append(true).read(true).create(true).open(path)?;
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(io::SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let mut f = OutFile::in_dir(dir.path(), "a.json");
        f.put(b"hello");
        assert!(!dir.path().join("a.json").exists());
        f.finish().unwrap();
        assert_eq!(std::fs::read(dir.path().join("a.json")).unwrap(), b"hello");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_full_disk_is_reported_once_and_a_closed_pipe_never() {
        if Path::new("/dev/full").exists() {
            let mut f = OutFile::in_place("/dev/full");
            f.put(b"x");
            let e = f.finish().unwrap_err();
            assert!(e.to_string().starts_with("cannot write /dev/full: "), "{e}");
            assert!(f.finish().is_ok());
        }
        let (r, w) = io::pipe().unwrap();
        drop(r);
        let mut f = OutFile::over(Box::new(w), "pipe".into(), None);
        f.put(&[b'x'; 300 * 1024]);
        f.finish().unwrap();
        assert!(OutFile::in_dir(Path::new("/nonexistent"), "a").finish().is_err());
    }

    /// Takes so many bytes, then refuses.
    struct Narrow(usize);

    impl Write for Narrow {
        fn write(&mut self, b: &[u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            let n = b.len().min(self.0);
            self.0 -= n;
            Ok(n)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_goes_on_when_the_disk_takes_bytes_again_and_says_at_the_end_that_lines_are_missing() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("l"), "whole\nhal").unwrap();
        let mut f = OutFile::appended(dir.path(), "l");
        f.put(b"second\n");
        f.flush();
        f.out = Some(BufWriter::new(Box::new(Narrow(3))));
        f.put(b"lost\n");
        f.flush();
        f.put(b"lost too\n");
        f.flush();
        f.put(b"third\n");
        assert!(f.finish().unwrap_err().to_string().contains("no storage space"));
        assert_eq!(std::fs::read_to_string(dir.path().join("l")).unwrap(), "whole\nhal\nsecond\nthird\n");
    }
}
