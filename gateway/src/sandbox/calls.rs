//! System calls, by seccomp: those that no gateway makes fail with EPERM.
//!
//! A list of what is refused, not of what is allowed: the C library and the allocator choose calls of their own from
//! one version to the next, and the unit's `SystemCallFilter=@system-service` is the list of what is allowed.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

use super::{SandboxError, Span};

/// Refused whatever their arguments.
const REFUSED: &[c_long] = &[
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    // The tree of files, as a whole.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_mount_setattr,
    libc::SYS_mknodat,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_quotactl,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    // The kernel.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_reboot,
    libc::SYS_personality,
    // Namespaces, users, capabilities.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setgroups,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_capset,
    // The machine's name and clock.
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
];

/// Those that one architecture alone has.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[c_long] =
    &[libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt, libc::SYS_mknod, libc::SYS_kexec_file_load];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[c_long] = &[];

/// Starting programs.
const PROGRAMS: &[c_long] = &[libc::SYS_execve, libc::SYS_execveat];
#[cfg(target_arch = "x86_64")]
const PROGRAMS_HERE: &[c_long] = &[libc::SYS_fork, libc::SYS_vfork];
#[cfg(not(target_arch = "x86_64"))]
const PROGRAMS_HERE: &[c_long] = &[];

/// Families of sockets that are left: the internet, files, and netlink, which the resolver asks about addresses.
const FAMILIES: [i32; 4] = [libc::AF_INET, libc::AF_INET6, libc::AF_UNIX, libc::AF_NETLINK];

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// Filters the calls of this thread, or of every thread of the process; programs may be started if `programs`.
pub(super) fn bound(span: Span, programs: bool) -> Result<(), SandboxError> {
    let failed = |error: &dyn std::fmt::Display| SandboxError::Calls(error.to_string());
    let mut filters = vec![
        compiled(refused(programs).map_err(|error| failed(&error))?, libc::EPERM).map_err(|e| failed(&e))?,
    ];
    if !programs {
        // Its flags stand in memory, where no filter can read them: the C library then falls back on clone(2).
        let hidden = Rules::from([(libc::SYS_clone3, Vec::new())]);
        filters.push(compiled(hidden, libc::ENOSYS).map_err(|error| failed(&error))?);
    }
    for filter in &filters {
        match span {
            Span::Process => seccompiler::apply_filter_all_threads(filter),
            Span::Thread => seccompiler::apply_filter(filter),
        }
        .map_err(|error| failed(&error))?;
    }
    Ok(())
}

fn refused(programs: bool) -> Result<Rules, seccompiler::BackendError> {
    let always = REFUSED.iter().chain(REFUSED_HERE);
    let started = PROGRAMS.iter().chain(PROGRAMS_HERE).filter(|_| !programs);
    let mut rules: Rules = always.chain(started).map(|call| (*call, Vec::new())).collect();
    let families = FAMILIES.map(|family| argument(0, SeccompCmpOp::Ne, family));
    rules.insert(libc::SYS_socket, rule(families)?);
    // Memory that may be both written and run, or that becomes code.
    let both = (libc::PROT_WRITE | libc::PROT_EXEC) as u64;
    let written_and_run = argument(2, SeccompCmpOp::MaskedEq(both), libc::PROT_WRITE | libc::PROT_EXEC);
    rules.insert(libc::SYS_mmap, rule([written_and_run])?);
    for call in [libc::SYS_mprotect, libc::SYS_pkey_mprotect] {
        let run = argument(2, SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64), libc::PROT_EXEC);
        rules.insert(call, rule([run])?);
    }
    if !programs {
        // A thread, and no process.
        let process = argument(0, SeccompCmpOp::MaskedEq(libc::CLONE_THREAD as u64), 0);
        rules.insert(libc::SYS_clone, rule([process])?);
    }
    Ok(rules)
}

fn argument(
    index: u8,
    operator: SeccompCmpOp,
    value: i32,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value as u64)
}

/// Refused where all of these hold.
fn rule<const N: usize>(
    conditions: [Result<SeccompCondition, seccompiler::BackendError>; N],
) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    Ok(vec![SeccompRule::new(conditions.into_iter().collect::<Result<_, _>>()?)?])
}

fn compiled(rules: Rules, errno: i32) -> Result<BpfProgram, seccompiler::BackendError> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno as u32), architecture)?
        .try_into()
}
