//! Access to files by Landlock: what a reload reads, what the kernel tells, and the directories that the sensor writes into.

use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, path_beneath_rules};
use std::path::PathBuf;

/// What the rules were written for (Linux 6.10); older kernels enforce what they know.
const KNOWN: ABI = ABI::V5;

/// What every start reads: names, time zones, and what the kernel tells of interfaces.
const SYSTEM: &[&str] = &["/etc/localtime", "/etc/passwd", "/etc/group", "/usr/share/zoneinfo", "/proc", "/sys"];

/// How much of it the kernel enforces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// All.
    Full,
    /// Some: an older kernel.
    Partial,
    /// Nothing: the kernel has no Landlock.
    None,
}

impl State {
    pub(super) const fn word(self) -> &'static str {
        match self {
            State::Full => "full",
            State::Partial => "partial",
            State::None => "none",
        }
    }
}

/// Leaves these paths and nothing else. TCP is refused too, where the kernel knows how.
pub(super) fn restrict(reads: &[PathBuf], writes: &[PathBuf]) -> Result<State, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = AccessFs::from_all(KNOWN) & !AccessFs::Execute;
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .create()?
        .add_rules(path_beneath_rules(SYSTEM, read))?
        .add_rules(path_beneath_rules(reads, read))?
        .add_rules(path_beneath_rules(writes, write))?
        .restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => State::Full,
        RulesetStatus::PartiallyEnforced => State::Partial,
        RulesetStatus::NotEnforced => State::None,
    })
}
