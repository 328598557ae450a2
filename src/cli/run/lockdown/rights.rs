//! User, groups and capabilities: what is left is the right to open packet sockets.

use super::user::User;
use caps::{CapSet, Capability, CapsHashSet};
use rustix::process::{Gid, Uid};
use rustix::thread;
use std::fmt::Display;

/// Opens an interface that comes back.
const KEPT: Capability = Capability::CAP_NET_RAW;

/// Becomes the user and drops everything else. The names of what is left, and how many capabilities another program could still be given.
pub(super) fn keep_packet_sockets(user: Option<&User>) -> Result<(Vec<String>, usize), String> {
    let bounding = bound();
    if let Some(user) = user {
        become_user(user)?;
    }
    let held = caps::read(None, CapSet::Permitted).map_err(text)?;
    let kept: CapsHashSet = held.into_iter().filter(|c| *c == KEPT).collect();
    // Kernels before 4.3 have no ambient set.
    let _ = thread::clear_ambient_capability_set();
    for set in [CapSet::Effective, CapSet::Permitted] {
        caps::set(None, set, &kept).map_err(text)?;
    }
    caps::clear(None, CapSet::Inheritable).map_err(text)?;
    let mut left: Vec<String> = caps::read(None, CapSet::Permitted).map_err(text)?.iter().map(ToString::to_string).collect();
    left.sort();
    Ok((left, bounding))
}

/// Empties the bounding set, as far as we may: without root it takes a right that a service does not have, and no_new_privs does the same.
fn bound() -> usize {
    let there = || caps::all().into_iter().filter(|c| caps::has_cap(None, CapSet::Bounding, *c).unwrap_or(false));
    there().filter(|c| *c != KEPT).for_each(|c| drop(caps::drop(None, CapSet::Bounding, c)));
    there().filter(|c| *c != KEPT).count()
}

/// Groups first: after the user is changed they can no longer be.
fn become_user(user: &User) -> Result<(), String> {
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    thread::set_keep_capabilities(true).map_err(text)?;
    thread::set_thread_groups(&[gid]).map_err(text)?;
    thread::set_thread_res_gid(gid, gid, gid).map_err(text)?;
    thread::set_thread_res_uid(uid, uid, uid).map_err(text)?;
    thread::set_keep_capabilities(false).map_err(text)
}

fn text(e: impl Display) -> String {
    e.to_string()
}
