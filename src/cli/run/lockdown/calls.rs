//! System calls by seccomp: no new process, no program, no way into another one, no socket but packet, Unix and netlink.
//!
//! This is a list of what is refused, not of what is allowed: which calls libpcap, SQLite, the C library and the allocator make differs
//! between versions and architectures, and a sensor that stops at a call nobody foresaw is blind. The unit file adds an allow list of systemd's.

use seccompiler::{
    BpfProgram, Error, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch, apply_filter,
};
use std::collections::BTreeMap;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Refused whatever the arguments.
const REFUSED: &[libc::c_long] = &[
    // Programs, and ways into other processes.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // The kernel itself.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    // Its calls go round every filter.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Mounts and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    libc::SYS_setns,
    libc::SYS_unshare,
    // Keys.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
];

/// Calls of the older architectures: newer ones have only `clone`.
#[cfg(target_arch = "x86_64")]
const OLD: &[libc::c_long] = &[libc::SYS_fork, libc::SYS_vfork, libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt, libc::SYS_uselib];
#[cfg(not(target_arch = "x86_64"))]
const OLD: &[libc::c_long] = &[];

/// The second way to the same calls on x86-64 (x32): the same numbers with this bit, and for some calls numbers of their own.
#[cfg(target_arch = "x86_64")]
const X32: Option<(i64, std::ops::RangeInclusive<i64>)> = Some((0x4000_0000, 512..=547));
#[cfg(not(target_arch = "x86_64"))]
const X32: Option<(i64, std::ops::RangeInclusive<i64>)> = None;

/// Families of sockets that stay: the control socket and the notification of the service manager, capture, interfaces.
const FAMILIES: [libc::c_int; 3] = [libc::AF_UNIX, libc::AF_PACKET, libc::AF_NETLINK];

/// Refuses them in this thread and those that it starts.
pub(super) fn restrict() -> Result<(), Error> {
    // With "no such call" the C library falls back to `clone`, whose flags a filter can see.
    let unknown: Rules = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    apply_filter(&compiled(unknown, libc::ENOSYS)?)?;
    apply_filter(&compiled(refused()?, libc::EPERM)?)
}

fn refused() -> Result<Rules, Error> {
    let mut rules: Rules = REFUSED.iter().chain(OLD).map(|n| (*n, Vec::new())).collect();
    if let Some((bit, own)) = X32 {
        let same: Vec<i64> = rules.keys().copied().chain([libc::SYS_socket, libc::SYS_clone, libc::SYS_clone3]).collect();
        rules.extend(same.into_iter().chain(own).map(|n| (n | bit, Vec::new())));
    }
    let others = FAMILIES.iter().map(|family| condition(SeccompCmpOp::Ne, u64::from(family.unsigned_abs())));
    rules.insert(libc::SYS_socket, vec![SeccompRule::new(others.collect::<Result<_, _>>()?)?]);
    // A thread shares its memory with us; what does not is a new process.
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![condition(SeccompCmpOp::MaskedEq(thread), 0)?])?]);
    Ok(rules)
}

fn condition(op: SeccompCmpOp, value: u64) -> Result<SeccompCondition, Error> {
    Ok(SeccompCondition::new(0, SeccompCmpArgLen::Dword, op, value)?)
}

fn compiled(rules: Rules, error: libc::c_int) -> Result<BpfProgram, Error> {
    let arch: TargetArch = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(error.unsigned_abs()), arch)?;
    Ok(filter.try_into()?)
}
