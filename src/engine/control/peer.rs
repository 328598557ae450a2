//! Who is at the other end of a connection, as the kernel says, and what this person may do.

use crate::capture::sys::peer_groups;
use rustix::net::sockopt::socket_peercred;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// A name file larger than this is not read.
const FILE_CAP: u64 = 4 << 20;

/// Who is at the other end, at the moment of connecting.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Who {
    /// User.
    pub uid: u32,
    /// Its name; `uid 1005` if it has none here.
    pub name: String,
    /// Process.
    pub pid: i32,
    /// Groups of the process.
    #[serde(default)]
    pub groups: Vec<u32>,
}

/// Names of users and groups, as the files of this machine had them at start. A directory service is not asked: use numbers for what only it knows.
#[derive(Clone, Debug, Default)]
pub struct People {
    users: BTreeMap<u32, String>,
    /// User and group of each account.
    accounts: BTreeMap<String, (u32, u32)>,
    groups: BTreeMap<String, u32>,
}

impl People {
    /// Reads `/etc/passwd` and `/etc/group`. What cannot be read has no names.
    pub fn load() -> People {
        let read = |path: &str| crate::site::read_capped(Path::new(path), FILE_CAP).unwrap_or_default();
        People::parse(&String::from_utf8_lossy(&read("/etc/passwd")), &String::from_utf8_lossy(&read("/etc/group")))
    }
    /// The names in two such files.
    pub fn parse(passwd: &str, group: &str) -> People {
        let entry = |line: &str| {
            let mut parts = line.split(':');
            let (name, _, id) = (parts.next()?, parts.next()?, parts.next()?);
            Some((name.to_owned(), id.parse::<u32>().ok()?))
        };
        let mut people = People::default();
        for line in passwd.lines() {
            let Some((name, id)) = entry(line) else { continue };
            if let Some(group) = line.split(':').nth(3).and_then(|g| g.parse().ok()) {
                people.accounts.entry(name.clone()).or_insert((id, group));
            }
            people.users.entry(id).or_insert(name);
        }
        for (name, id) in group.lines().filter_map(entry) {
            people.groups.entry(name).or_insert(id);
        }
        people
    }
    /// A group by name or number.
    pub fn group(&self, name: &str) -> Option<u32> {
        self.groups.get(name).copied().or_else(|| name.parse().ok())
    }
    /// User and group of an account by name.
    pub fn account(&self, name: &str) -> Option<(u32, u32)> {
        self.accounts.get(name).copied()
    }
    /// A user's name.
    pub fn name(&self, uid: u32) -> String {
        self.users.get(&uid).cloned().unwrap_or_else(|| format!("uid {uid}"))
    }
}

impl Who {
    /// Asks the kernel.
    pub fn of(stream: &UnixStream, people: &People) -> io::Result<Who> {
        let cred = socket_peercred(stream)?;
        let uid = cred.uid.as_raw();
        let mut groups = peer_groups(stream)?;
        groups.push(cred.gid.as_raw());
        groups.sort_unstable();
        groups.dedup();
        Ok(Who { uid, name: people.name(uid), pid: cred.pid.as_raw_nonzero().get(), groups })
    }
}

/// Who may act. Everybody who can open the socket may read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rights {
    /// The sensor's own user.
    pub service: u32,
    /// Members of this group.
    pub act: Option<u32>,
}

impl Rights {
    /// Root, the sensor's own user, and members of the group.
    pub fn may_act(&self, who: &Who) -> bool {
        who.uid == 0 || who.uid == self.service || self.act.is_some_and(|g| who.groups.contains(&g))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_files_and_numbers_from_nowhere() {
        let p = People::parse("root:x:0:0::/:/bin/sh\nbroken\nyuki:x:1005:100::/:\n", "spanward:x:990:yuki\nspanward-act:x:991:\n:x:\n");
        assert_eq!((p.name(1005), p.name(7)), ("yuki".to_owned(), "uid 7".to_owned()));
        assert_eq!((p.group("spanward-act"), p.group("990"), p.group("none")), (Some(991), Some(990), None));
        assert_eq!((p.account("yuki"), p.account("nobody"), p.account("broken")), (Some((1005, 100)), None, None));
    }

    #[test]
    fn reading_is_not_acting() {
        let rights = Rights { service: 990, act: Some(991) };
        let who = |uid, groups: &[u32]| Who { uid, groups: groups.to_vec(), ..Who::default() };
        assert!(rights.may_act(&who(0, &[])) && rights.may_act(&who(990, &[])) && rights.may_act(&who(1005, &[100, 991])));
        assert!(!rights.may_act(&who(1005, &[100, 990])));
        assert!(!Rights { service: 990, act: None }.may_act(&who(1005, &[991])));
    }

    #[test]
    fn the_kernel_says_who_we_are() {
        let (a, _b) = UnixStream::pair().unwrap();
        let who = Who::of(&a, &People::load()).unwrap();
        assert_eq!(who.uid, rustix::process::geteuid().as_raw());
        assert!(who.groups.contains(&rustix::process::getegid().as_raw()));
        for g in rustix::process::getgroups().unwrap() {
            assert!(who.groups.contains(&g.as_raw()));
        }
        assert_eq!(who.pid, rustix::process::getpid().as_raw_nonzero().get());
    }
}
