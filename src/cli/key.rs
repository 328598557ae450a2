//! The sensor's own key for spreading flows: made once, kept in its directory, so that a restart goes on with it and nobody outside knows it.
//! A recording has it beside it, so that a replay spreads flows in the same way and gives the same result.

use std::fs::OpenOptions;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The file's name, in the sensor's directory and beside a recording.
pub const FILE: &str = "flow.key";

/// The key kept in a directory; makes one if there is none.
pub fn of(dir: &Path) -> io::Result<u64> {
    if let Some(key) = read(dir)? {
        return Ok(key);
    }
    // The standard library's hasher is seeded by the system's random numbers.
    let key = RandomState::new().hash_one(0);
    write(dir, key)?;
    Ok(key)
}

/// The key beside a recording, if there is one.
pub fn read(dir: &Path) -> io::Result<Option<u64>> {
    let path = dir.join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(None),
        Err(e) => return Err(io::Error::new(e.kind(), format!("{}: {e}", path.display()))),
    };
    match u64::from_str_radix(text.trim(), 16) {
        Ok(key) => Ok(Some(key)),
        Err(_) => {
            Err(io::Error::other(format!("{}: expected a number of 16 hexadecimal digits; remove the file to have a new one made", path.display())))
        }
    }
}

/// Writes a key for nobody else to read.
pub fn write(dir: &Path, key: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(dir.join(FILE))?;
    writeln!(file, "{key:016x}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_made_once_and_is_for_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let key = of(dir.path()).unwrap();
        assert_eq!(of(dir.path()).unwrap(), key);
        assert_eq!(read(dir.path()).unwrap(), Some(key));
        assert_ne!(of(tempfile::tempdir().unwrap().path()).unwrap(), key);
        let mode = std::fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_no_key_is_told_and_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()).unwrap(), None);
        std::fs::write(dir.path().join(FILE), "hello\n").unwrap();
        let e = of(dir.path()).unwrap_err().to_string();
        assert!(e.contains("flow.key") && e.contains("expected"), "{e}");
        assert_eq!(std::fs::read_to_string(dir.path().join(FILE)).unwrap(), "hello\n");
    }
}
