//! The tables, by version. A version is never changed once it was released: what is new is a new one at the end of the list.

use super::StoreError;
use rusqlite::{Connection, Transaction};
use std::path::Path;

/// "SPNW": tells a store from other databases (`PRAGMA application_id`).
pub(super) const APPLICATION: i64 = 0x5350_4e57;

/// From nothing to version 1, from 1 to 2, and so on.
pub(super) const MIGRATIONS: &[&str] = &[include_str!("schema/1.sql")];

/// The version of stores that this spanward writes.
pub const VERSION: i64 = MIGRATIONS.len() as i64;

/// A number that SQLite keeps about the file.
pub(super) fn pragma(c: &Connection, name: &str) -> Result<i64, rusqlite::Error> {
    c.pragma_query_value(None, name, |r| r.get(0))
}

/// Whose file is it, and of which version? An empty file is nobody's yet: version 0.
pub(super) fn version(c: &Connection, path: &Path) -> Result<i64, StoreError> {
    let tables: i64 = c.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
    let (application, version) = (pragma(c, "application_id")?, pragma(c, "user_version")?);
    match (tables, application) {
        (0, _) => Ok(0),
        (_, APPLICATION) => Ok(version),
        _ => Err(StoreError::Foreign { path: path.to_owned() }),
    }
}

/// Brings a store to the last version of a list, each step whole or not at all. Returns the version it had.
pub(super) fn migrate(c: &mut Connection, path: &Path, steps: &[&str]) -> Result<i64, StoreError> {
    let (found, known) = (version(c, path)?, steps.len() as i64);
    if found > known {
        return Err(StoreError::Newer { path: path.to_owned(), found, known });
    }
    if found == 0 {
        // Takes effect only before the first table stands.
        c.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    for (n, step) in steps.iter().enumerate().skip(usize::try_from(found).unwrap_or(0)) {
        let tx: Transaction<'_> = c.transaction()?;
        tx.execute_batch(step)?;
        tx.pragma_update(None, "application_id", APPLICATION)?;
        tx.pragma_update(None, "user_version", n as i64 + 1)?;
        tx.commit()?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(c: &Connection) -> Vec<String> {
        let mut s = c.prepare("SELECT coalesce(sql, name) FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' ORDER BY type, name").unwrap();
        s.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect()
    }
    fn at(version: usize) -> Connection {
        let mut c = Connection::open_in_memory().unwrap();
        migrate(&mut c, Path::new("x"), &MIGRATIONS[..version]).unwrap();
        c
    }

    #[test]
    fn every_version_comes_from_the_one_before() {
        let fresh = shape(&at(MIGRATIONS.len()));
        for before in 0..MIGRATIONS.len() {
            let mut c = at(before);
            assert_eq!(migrate(&mut c, Path::new("x"), &MIGRATIONS[..=before]).unwrap(), before as i64);
            assert_eq!(pragma(&c, "user_version").unwrap(), before as i64 + 1);
            migrate(&mut c, Path::new("x"), MIGRATIONS).unwrap();
            assert_eq!(shape(&c), fresh, "from version {before}");
        }
    }

    #[test]
    fn a_step_is_whole_or_not_at_all_and_the_next_run_goes_on() {
        let mut c = Connection::open_in_memory().unwrap();
        let steps = ["CREATE TABLE a(x) STRICT", "CREATE TABLE a(x INTEGER) STRICT"];
        assert!(migrate(&mut c, Path::new("x"), &steps).is_err());
        let steps = ["CREATE TABLE a(x INTEGER) STRICT", "CREATE TABLE b(x INTEGER) STRICT; INSERT INTO c VALUES (1)"];
        assert!(migrate(&mut c, Path::new("x"), &steps).is_err());
        assert_eq!((pragma(&c, "user_version").unwrap(), shape(&c).len()), (1, 1), "half of the second step would be worse than none");
        let steps = ["CREATE TABLE a(x INTEGER) STRICT", "CREATE TABLE b(x INTEGER) STRICT"];
        assert_eq!(migrate(&mut c, Path::new("x"), &steps).unwrap(), 1);
        assert_eq!((pragma(&c, "user_version").unwrap(), shape(&c).len()), (2, 2));
    }

    #[test]
    fn a_newer_store_and_a_strangers_database_are_refused() {
        let mut c = at(MIGRATIONS.len());
        c.pragma_update(None, "user_version", 999).unwrap();
        let e = migrate(&mut c, Path::new("/x/spanward.db"), MIGRATIONS).unwrap_err().to_string();
        assert!(e.contains("version 999") && e.contains(&format!("up to {VERSION}")), "{e}");
        let mut c = Connection::open_in_memory().unwrap();
        c.execute_batch("CREATE TABLE invoices(x)").unwrap();
        assert!(matches!(migrate(&mut c, Path::new("x"), MIGRATIONS), Err(StoreError::Foreign { .. })));
    }
}
