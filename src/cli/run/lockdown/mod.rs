//! What the sensor gives up once its files are open: root, every capability but the one for packet sockets, most files, most of the kernel.
//!
//! It happens before the first thread is started, because Linux keeps all of this per thread and threads inherit it, and before the mirror
//! interfaces are opened: what a returning interface needs later is what the first opening already had to make do with.

mod calls;
mod files;
mod rights;
mod user;

use crate::base::Lang;
use crate::engine::log::{Log, Priority};
use crate::engine::metrics::Board;
use crate::output::pick;
use std::path::{Path, PathBuf};

/// What is to be given up, and what stays.
pub(super) struct Plan<'a> {
    /// The user to become, if somebody named one.
    pub(super) user: Option<&'a str>,
    /// Files and directories that a reload reads.
    pub(super) reads: Vec<PathBuf>,
    /// Directories that the sensor writes into.
    pub(super) writes: Vec<PathBuf>,
    /// The control socket's directory: it is made and removed there.
    pub(super) sockets: Vec<PathBuf>,
    /// Directories that this start made.
    pub(super) made: Vec<PathBuf>,
}

/// What the process may still do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct LockedDown {
    /// User id.
    uid: u32,
    /// Root was started and no user was there to become.
    stays_root: bool,
    /// Capabilities left, by name; empty = none.
    caps: Vec<String>,
    /// Capabilities that a program started from here could still be given; 0 after a start by root.
    bounding: usize,
    /// Is access to files restricted?
    landlock: files::State,
    /// Threads that already ran and are not restricted. 0, or something is wrong.
    other_threads: usize,
}

/// Gives it up. After an error the process may be anywhere in between and must end.
pub(super) fn lock(plan: &Plan<'_>) -> Result<LockedDown, String> {
    let other_threads = threads().saturating_sub(1);
    let root = rustix::process::geteuid().is_root();
    let user = user::chosen(plan.user, root)?;
    if let Some(user) = &user {
        plan.made.iter().for_each(|dir| user::hand_over(dir, user));
        plan.writes.iter().for_each(|dir| user::hand_over_files(dir, user));
    }
    let stays_root = root && user.is_none();
    let (caps, bounding) = rights::keep_packet_sockets(user.as_ref()).map_err(|e| format!("capabilities: {e}"))?;
    rustix::thread::set_no_new_privs(true).map_err(|e| format!("no_new_privs: {e}"))?;
    writable(&plan.writes, stays_root)?;
    let writes: Vec<PathBuf> = plan.writes.iter().chain(&plan.sockets).cloned().collect();
    let landlock = files::restrict(&plan.reads, &writes).map_err(|e| format!("Landlock: {e}"))?;
    calls::restrict().map_err(|e| format!("seccomp: {e}"))?;
    let uid = rustix::process::geteuid().as_raw();
    Ok(LockedDown { uid, stays_root, caps, bounding, landlock, other_threads })
}

/// Threads of this process.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

/// Can this user write where it must? Better known now than when the first finding is to be saved.
fn writable(dirs: &[PathBuf], stays_root: bool) -> Result<(), String> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    let needs = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
    match dirs.iter().find(|d| accessat(CWD, d.as_path(), needs, AtFlags::EACCESS).is_err()) {
        None => Ok(()),
        Some(dir) if stays_root => Err(format!(
            "{}: the directory belongs to somebody else, and the sensor keeps no right to override that; chown it to root, or name its owner with --user",
            dir.display()
        )),
        Some(dir) => Err(format!("{}: the sensor's user cannot write here; chown it to this user, or name another one with --user", dir.display())),
    }
}

impl LockedDown {
    /// In the log, and on the board for viewers.
    pub(super) fn tell(&self, log: &Log, board: &Board) {
        let caps = if self.caps.is_empty() { "none".to_owned() } else { self.caps.join(",") };
        let text = (
            "locked down: no new programs, no network sockets but packet capture, only the sensor's own files",
            "権限を制限しました。プログラムの起動、キャプチャー以外のネットワーク通信、センサー用以外のファイルへのアクセスはできません",
        );
        let (uid, bounding, landlock) = (self.uid, self.bounding, self.landlock.word());
        log.line(
            Priority::Notice,
            "lockdown",
            text,
            &[("uid", &uid), ("capabilities", &caps), ("bounding", &bounding), ("landlock", &landlock), ("seccomp", &"on")],
        );
        self.warnings().for_each(|w| log.line(Priority::Warning, "lockdown", w, &[]));
        let note = format!("uid {uid}; capabilities {caps}; Landlock {landlock}; seccomp on; no new privileges");
        board.note("lockdown", note);
    }
    fn warnings(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let root = self.stays_root.then_some((
            "the sensor stays root, without root's rights: there is no user spanward; make one, or name one with --user",
            "spanward ユーザーがないため、特権を外した root のまま動作します。ユーザーを作成するか --user で指定してください",
        ));
        let files = (self.landlock != files::State::Full).then_some((
            "this kernel does not restrict access to files completely (Landlock)",
            "このカーネルではファイルアクセスの制限（Landlock）が一部または全部効いていません",
        ));
        let threads = (self.other_threads > 0)
            .then_some(("threads were running already: they are not restricted", "すでに動作中のスレッドがあり、それらには制限が適用されていません"));
        [root, files, threads].into_iter().flatten()
    }
}

/// Somebody asked for no lockdown.
pub(super) fn tell_none(lang: Lang, board: &Board) {
    crate::cli::say(pick(
        lang,
        "NOT LOCKED DOWN (--no-lockdown): the sensor keeps all rights it was started with; for debugging only",
        "権限を制限していません（--no-lockdown）。起動時の権限のまま動作します。デバッグ以外では使用しないでください",
    ));
    board.note("lockdown", "off (--no-lockdown)".to_owned());
}

/// Where a file stands: editors and package managers replace files, so that the directory is what must stay readable.
pub(super) fn place(file: &Path) -> PathBuf {
    match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests;
