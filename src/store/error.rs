//! Why a store could not be used, and what to do.

use std::path::{Path, PathBuf};

/// Why a store could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A newer spanward wrote it.
    #[error(
        "{}: store of version {found}, written by a newer spanward; this one knows versions up to {known} (install the newer spanward again, or restore a backup made before)",
        path.display()
    )]
    Newer {
        /// File.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// An older spanward wrote it, and it is opened for reading only.
    #[error("{}: store of version {found}; `spanward run` brings it to version {known} when it starts", path.display())]
    Older {
        /// File.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version that is read here.
        known: i64,
    },
    /// A database of something else.
    #[error("{}: a database, but not one of spanward's: it is left as it is", path.display())]
    Foreign {
        /// File.
        path: PathBuf,
    },
    /// Another process writes to it.
    #[error("{}: in use by another spanward (stop the sensor first)", path.display())]
    InUse {
        /// File.
        path: PathBuf,
    },
    /// It is damaged.
    #[error("{}: damaged: {reason}", path.display())]
    Corrupt {
        /// File.
        path: PathBuf,
        /// What the check said.
        reason: String,
    },
    /// It is in the way.
    #[error("{}: exists already; it is not overwritten", path.display())]
    Exists {
        /// File.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("cannot {what} {}: {reason}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// File.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// SQLite refused.
    #[error("store: {0}")]
    Sql(#[from] rusqlite::Error),
}

impl StoreError {
    pub(super) fn io(what: &'static str, path: &Path, e: &std::io::Error) -> StoreError {
        StoreError::Io { what, path: path.to_owned(), reason: e.to_string().split(" (os error").next().unwrap_or_default().to_owned() }
    }
    /// Does it say that the file's content is damaged (and not that a disk is full or a file is locked)?
    pub fn is_damage(&self) -> bool {
        match self {
            StoreError::Corrupt { .. } => true,
            StoreError::Sql(e) => {
                matches!(e.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase))
            }
            _ => false,
        }
    }
}
