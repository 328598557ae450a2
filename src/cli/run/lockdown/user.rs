//! The user that the sensor becomes when root starts it, and the files that go with it.

use crate::engine::control::People;
use rustix::fs::{FileType, Gid, Mode, OFlags, Uid, fchown, fstat, openat};
use std::path::Path;

/// The user of the service.
const SERVICE: &str = "spanward";
/// Entries of a directory that are looked at when it changes hands. A sensor's directory holds some dozens.
const ENTRIES: usize = 65_536;

/// A user as `/etc/passwd` has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// The user to become; `None` = stay who we are.
pub(super) fn chosen(asked: Option<&str>, root: bool) -> Result<Option<User>, String> {
    choose(&People::load(), asked, root)
}

fn choose(people: &People, asked: Option<&str>, root: bool) -> Result<Option<User>, String> {
    let find = |name: &str| people.account(name).map(|(uid, gid)| User { uid, gid });
    match asked {
        Some(_) if !root => Err("--user: only root can become another user; leave it out".to_owned()),
        Some(name) => match find(name) {
            Some(user) => Ok(Some(user).filter(|u| u.uid != 0)),
            None => Err(format!("--user {name}: there is no such user in /etc/passwd")),
        },
        None if root => Ok(find(SERVICE).filter(|u| u.uid != 0)),
        None => Ok(None),
    }
}

/// Gives a directory that this start made to the user. What was there before is its owner's business.
pub(super) fn hand_over(dir: &Path, user: &User) {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    give(rustix::fs::CWD, dir, flags, user, FileType::Directory);
}

/// Gives root's files in a directory of the user's to the user: an earlier start, or this one, wrote them before it changed hands.
pub(super) fn hand_over_files(dir: &Path, user: &User) {
    let Ok(fd) = rustix::fs::open(dir, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) else { return };
    // Not out of a directory of somebody else's.
    if fstat(&fd).map_or(true, |s| s.st_uid != user.uid) {
        return;
    }
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.take(ENTRIES).flatten() {
        // Not through a link, and without waiting for the other end of a pipe.
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        give(&fd, Path::new(&entry.file_name()), flags, user, FileType::RegularFile);
    }
}

/// A failure shows when the user then cannot write.
fn give(at: impl rustix::fd::AsFd, path: &Path, flags: OFlags, user: &User, kind: FileType) {
    let Ok(fd) = openat(at, path, flags | OFlags::RDONLY, Mode::empty()) else { return };
    let Ok(stat) = fstat(&fd) else { return };
    // A file with a second name may be one that the user only linked here.
    let ours = stat.st_uid == 0 && FileType::from_raw_mode(stat.st_mode) == kind && (kind == FileType::Directory || stat.st_nlink == 1);
    if ours {
        let _ = fchown(&fd, Some(Uid::from_raw(user.uid)), Some(Gid::from_raw(user.gid)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    const PASSWD: &str = "root:x:0:0::/:/bin/sh\nbroken\nspanward:x:990:991::/:\nbad:x:no:1::/:\n";

    #[test]
    fn the_user_is_the_one_asked_for_else_the_service_s() {
        let service = Some(User { uid: 990, gid: 991 });
        let (people, none) = (People::parse(PASSWD, ""), People::default());
        assert_eq!(choose(&people, None, true), Ok(service.clone()));
        assert_eq!(choose(&people, Some("spanward"), true), Ok(service));
        assert_eq!(choose(&people, Some("root"), true), Ok(None));
        assert_eq!((choose(&none, None, true), choose(&people, None, false)), (Ok(None), Ok(None)));
        for (asked, root) in [("nobody-here", true), ("bad", true), ("broken", true), ("spanward", false)] {
            assert!(choose(&people, Some(asked), root).unwrap_err().contains("--user"), "{asked}");
        }
    }

    #[test]
    fn only_our_own_files_change_hands() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("*** SKIPPED only_our_own_files_change_hands: needs root ***");
            return;
        }
        let (dir, user) = (tempfile::tempdir().unwrap(), User { uid: 12_345, gid: 12_346 });
        let (mine, elsewhere) = (dir.path().join("mine"), dir.path().join("elsewhere"));
        std::fs::create_dir(&mine).unwrap();
        std::fs::write(&elsewhere, "").unwrap();
        std::fs::write(mine.join("file"), "").unwrap();
        std::os::unix::fs::symlink(&elsewhere, mine.join("symbolic")).unwrap();
        std::fs::hard_link(&elsewhere, mine.join("hard")).unwrap();
        let owner = |p: &Path| std::fs::metadata(p).unwrap().uid();
        hand_over_files(&mine, &user);
        assert_eq!(owner(&mine.join("file")), 0, "the directory is not the user's");
        hand_over(&mine, &user);
        hand_over_files(&mine, &user);
        assert_eq!((owner(&mine), owner(&mine.join("file")), owner(&elsewhere)), (12_345, 12_345, 0));
    }
}
