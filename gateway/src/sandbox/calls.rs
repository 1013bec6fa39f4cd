//! System calls, by seccomp: those that no gateway makes fail with EPERM.
//!
//! A list of what is refused, not of what is allowed: the C library and the allocator choose calls of their own from
//! one version to the next, and the unit's `SystemCallFilter=@system-service` is the list of what is allowed. The
//! process of one calculation makes few calls: for it there is a list of these.

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

/// What computing takes, whatever the arguments: memory, threads, time, and what was open before.
const COMPUTING: &[c_long] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_close,
    libc::SYS_fcntl,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_membarrier,
    // Refused by a filter of its own.
    libc::SYS_clone3,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Naming memory, by which allocators tell what they took (linux/prctl.h; libc has it for Android alone).
const PR_SET_VMA: i32 = 0x5356_4d41;

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

/// Filters the calls of this thread, or of every thread of the process; programs may be started if `programs`.
pub(super) fn bound(span: Span, programs: bool) -> Result<(), SandboxError> {
    let failed = |error: &dyn std::fmt::Display| SandboxError::Calls(error.to_string());
    let mut filters = vec![
        compiled(refused(programs).map_err(|error| failed(&error))?, libc::EPERM).map_err(|e| failed(&e))?,
    ];
    if !programs {
        filters.push(hidden().map_err(|error| failed(&error))?);
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

/// Leaves this thread, and those that it starts, the calls of computing.
pub(super) fn enclose() -> Result<(), SandboxError> {
    let failed = |error: &dyn std::fmt::Display| SandboxError::Calls(error.to_string());
    let computing = || -> Result<BpfProgram, seccompiler::BackendError> {
        let (others, these) = (SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow);
        SeccompFilter::new(computing()?, others, these, TargetArch::try_from(std::env::consts::ARCH)?)?
            .try_into()
    };
    // The narrow one comes last: no filter is put on after it.
    for filter in [hidden(), computing()] {
        seccompiler::apply_filter(&filter.map_err(|error| failed(&error))?)
            .map_err(|error| failed(&error))?;
    }
    Ok(())
}

fn computing() -> Result<Rules, seccompiler::BackendError> {
    const CODE: u64 = libc::PROT_EXEC as u64;
    // Memory of its own, which its bound counts, and which never becomes code.
    let own = || argument(3, SeccompCmpOp::MaskedEq(0x0f), libc::MAP_PRIVATE);
    let data = || argument(2, SeccompCmpOp::MaskedEq(CODE), 0);
    let thread = argument(0, SeccompCmpOp::MaskedEq(libc::CLONE_THREAD as u64), libc::CLONE_THREAD);
    let itself = argument(0, SeccompCmpOp::Eq, std::process::id() as i32);
    let mut rules: Rules = COMPUTING.iter().map(|call| (*call, Vec::new())).collect();
    rules.insert(libc::SYS_mmap, rule([data(), own()])?);
    rules.insert(libc::SYS_mprotect, rule([data()])?);
    rules.insert(libc::SYS_clone, rule([thread])?);
    // abort(3).
    rules.insert(libc::SYS_tgkill, rule([itself])?);
    let named = [libc::PR_SET_NAME, PR_SET_VMA].map(|what| rule([argument(0, SeccompCmpOp::Eq, what)]));
    let named: Vec<_> = named.into_iter().collect::<Result<_, _>>()?;
    rules.insert(libc::SYS_prctl, named.into_iter().flatten().collect());
    Ok(rules)
}

/// The flags of clone3(2) stand in memory, where no filter can read them: the C library falls back on clone(2).
fn hidden() -> Result<BpfProgram, seccompiler::BackendError> {
    compiled(Rules::from([(libc::SYS_clone3, Vec::new())]), libc::ENOSYS)
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
