//! The socket's place in the file system: nobody can get at it before it has its rights, and nothing that stands there already is overwritten
//! unless it is our own socket that nobody answers on.

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Stat, chmodat, chownat, openat, renameat, statat, unlinkat};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// Connections that wait to be taken; beyond, connecting waits.
const BACKLOG: i32 = 64;

/// Where the socket is to be, and who may read.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its path.
    pub path: PathBuf,
    /// Group that may connect; none = only our own user.
    pub group: Option<u32>,
}

/// Why a socket cannot be where it should be.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The path has no directory or no name.
    #[error("{} is no path for a socket: give a directory and a name, such as /run/spanward/control.sock", .0.display())]
    Path(PathBuf),
    /// The directory cannot be opened.
    #[error("the directory of {}: {reason}", path.display())]
    Directory {
        /// Socket.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Others may write into the directory, and could put their own socket there.
    #[error("others may write to {}: choose a directory that only root or the sensor's user may write to", .0.display())]
    Open(PathBuf),
    /// Something else has this name.
    #[error("{} exists and is {what}: it was left alone", path.display())]
    Taken {
        /// Socket.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// Somebody answers there.
    #[error("another sensor answers on {}: stop it, or give this one its own --socket", .0.display())]
    Alive(PathBuf),
    /// The kernel refused.
    #[error("cannot open the socket {}: {reason}", path.display())]
    Refused {
        /// Socket.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// A socket that listens. It is taken away when this is dropped.
#[derive(Debug)]
pub struct Listening {
    pub(super) listener: UnixListener,
    dir: OwnedFd,
    name: PathBuf,
    /// Device and inode of the socket: another one of the same name is not ours.
    inode: (u64, u64),
    /// The group that was wanted could not be given: only our own user can connect.
    pub closed_to_group: bool,
}

impl Listening {
    /// Opens the socket.
    pub fn open(place: &Place) -> Result<Listening, PlaceError> {
        let path = &place.path;
        let (Some(parent), Some(name)) = (path.parent().filter(|p| !p.as_os_str().is_empty()), path.file_name()) else {
            return Err(PlaceError::Path(path.clone()));
        };
        let dir = directory(path, parent)?;
        let refused = |e: rustix::io::Errno| PlaceError::Refused { path: path.clone(), reason: e.to_string() };
        free(&dir, path, name.as_ref())?;
        let fresh = PathBuf::from(format!(".{}.{}", name.to_string_lossy(), rustix::process::getpid().as_raw_nonzero()));
        let _ = unlinkat(&dir, &fresh, AtFlags::empty());
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None).map_err(refused)?;
        bind(&socket, &SocketAddrUnix::new(parent.join(&fresh)).map_err(refused)?).map_err(refused)?;
        // Until it listens nobody can connect, whatever its mode was at first.
        let closed_to_group = rights(&dir, &fresh, place.group).map_err(refused)?;
        listen(&socket, BACKLOG).map_err(refused)?;
        renameat(&dir, &fresh, &dir, name).map_err(refused)?;
        let stat = statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW).map_err(refused)?;
        Ok(Listening { listener: UnixListener::from(socket), dir, name: name.into(), inode: inode(&stat), closed_to_group })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if statat(&self.dir, &self.name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|s| inode(&s) == self.inode) {
            let _ = unlinkat(&self.dir, &self.name, AtFlags::empty());
        }
    }
}

#[allow(clippy::useless_conversion, reason = "the fields' types differ between architectures")]
fn inode(s: &Stat) -> (u64, u64) {
    (u64::from(s.st_dev), u64::from(s.st_ino))
}

/// The directory, if nobody else can put something into it: the sensor's own or root's, and not open to all (unless sticky, as /tmp is).
fn directory(path: &Path, parent: &Path) -> Result<OwnedFd, PlaceError> {
    let wrong = |e: rustix::io::Errno| PlaceError::Directory { path: path.to_owned(), reason: io::Error::from(e).to_string() };
    let dir = openat(CWD, parent, OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY, Mode::empty()).map_err(wrong)?;
    let stat = rustix::fs::fstat(&dir).map_err(wrong)?;
    let mode = Mode::from_raw_mode(stat.st_mode);
    let ours = stat.st_uid == 0 || stat.st_uid == rustix::process::geteuid().as_raw();
    if !ours || (mode.contains(Mode::WOTH) && !mode.contains(Mode::SVTX)) {
        return Err(PlaceError::Open(parent.to_owned()));
    }
    Ok(dir)
}

/// Is the name free? A socket of ours on which nobody answers was left by a sensor that is gone: it may be replaced.
fn free(dir: &OwnedFd, path: &Path, name: &Path) -> Result<(), PlaceError> {
    let taken = |what| Err(PlaceError::Taken { path: path.to_owned(), what });
    let stat = match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        Err(e) => return Err(PlaceError::Refused { path: path.to_owned(), reason: io::Error::from(e).to_string() }),
        Ok(stat) => stat,
    };
    let me = rustix::process::geteuid().as_raw();
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Socket if stat.st_uid != me && me != 0 => taken("another user's socket"),
        FileType::Socket if answers(path) => Err(PlaceError::Alive(path.to_owned())),
        FileType::Socket => Ok(()),
        FileType::Symlink => taken("a symbolic link"),
        FileType::Directory => taken("a directory"),
        _ => taken("no socket"),
    }
}

fn answers(path: &Path) -> bool {
    let probe = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None);
    let Ok(probe) = probe else { return false };
    let Ok(addr) = SocketAddrUnix::new(path) else { return false };
    // A full backlog is somebody who is busy.
    matches!(connect(&probe, &addr), Ok(()) | Err(rustix::io::Errno::AGAIN))
}

/// Owner and group may connect; true if the group could not be given.
fn rights(dir: &OwnedFd, name: &Path, group: Option<u32>) -> rustix::io::Result<bool> {
    let given = group.is_some_and(|g| chownat(dir, name, None, Some(Gid::from_raw(g)), AtFlags::SYMLINK_NOFOLLOW).is_ok());
    let mode = if given { Mode::from_raw_mode(0o660) } else { Mode::from_raw_mode(0o600) };
    chmodat(dir, name, mode, AtFlags::empty())?;
    Ok(!given)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::os::unix::net::UnixStream;

    fn place(dir: &Path) -> Place {
        Place { path: dir.join("control.sock"), group: Some(rustix::process::getegid().as_raw()) }
    }

    #[test]
    fn it_has_its_rights_and_is_gone_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path());
        let open = Listening::open(&place).unwrap();
        let meta = std::fs::symlink_metadata(&place.path).unwrap();
        assert_eq!((meta.permissions().mode() & 0o777, meta.gid()), (0o660, place.group.unwrap()));
        assert!(!open.closed_to_group);
        UnixStream::connect(&place.path).unwrap();
        drop(open);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        let open = Listening::open(&Place { group: None, ..place.clone() }).unwrap();
        assert_eq!(std::fs::symlink_metadata(&place.path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(open.closed_to_group);
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_living_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path());
        drop(UnixListener::bind(&place.path).unwrap());
        let first = Listening::open(&place).unwrap();
        assert!(matches!(Listening::open(&place), Err(PlaceError::Alive(_))));
        // Somebody put another socket in its place: it is not ours to take away.
        std::fs::remove_file(&place.path).unwrap();
        let other = UnixListener::bind(&place.path).unwrap();
        drop(first);
        assert!(UnixStream::connect(&place.path).is_ok());
        drop(other);
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path());
        let victim = dir.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        symlink(&victim, &place.path).unwrap();
        assert!(matches!(Listening::open(&place), Err(PlaceError::Taken { what: "a symbolic link", .. })));
        std::fs::remove_file(&place.path).unwrap();
        std::fs::write(&place.path, "precious").unwrap();
        assert!(matches!(Listening::open(&place), Err(PlaceError::Taken { what: "no socket", .. })));
        assert_eq!(std::fs::read(&place.path).unwrap(), b"precious");
        assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
    }

    #[test]
    fn a_directory_where_others_write_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let open = dir.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(Listening::open(&place(&open)), Err(PlaceError::Open(_))));
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o1777)).unwrap();
        assert!(Listening::open(&place(&open)).is_ok());
        symlink(&open, dir.path().join("link")).unwrap();
        assert!(matches!(Listening::open(&place(&dir.path().join("link"))), Err(PlaceError::Directory { .. })));
        assert!(matches!(Listening::open(&Place { path: "control.sock".into(), group: None }), Err(PlaceError::Path(_))));
    }
}
