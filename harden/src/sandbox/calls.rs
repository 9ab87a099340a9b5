//! The calls layer: a seccomp filter that denies system calls which the program never makes.
//!
//! A deny list that returns "not permitted" (`EPERM`): calls that access other processes, load code into the kernel,
//! change mounts and namespaces, or have a history of vulnerabilities. An allow list would break with library
//! updates. `execve` is not denied: the agent replaces its own image, and the files layer lets it execute nothing
//! else.

use std::collections::BTreeMap;
use std::io;

use libc::c_long;
use rustix::thread::SecureComputingMode;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::Layer;

/// Calls that are denied with any arguments.
const REFUSED: &[c_long] = &[
    // Access to other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    // Kernel code, and performance monitoring.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    #[cfg(not(all(target_env = "musl", target_arch = "aarch64")))] // not defined there
    libc::SYS_kexec_file_load,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_lookup_dcookie,
    libc::SYS_nfsservctl,
    // The kernel keyring.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // Mounts, roots and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    // Access to files by handle, which bypasses path rules.
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    // The machine as a whole.
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    libc::SYS_personality,
];

/// Also denied, on architectures that have them.
#[cfg(target_arch = "x86_64")]
const REFUSED_HERE: &[c_long] = &[
    libc::SYS_ioperm,
    libc::SYS_iopl,
    libc::SYS_modify_ldt,
    libc::SYS__sysctl,
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS_sysfs,
];
#[cfg(not(target_arch = "x86_64"))]
const REFUSED_HERE: &[c_long] = &[];

/// The x32 variants of these calls have this bit, and a few have their own numbers.
#[cfg(target_arch = "x86_64")]
const X32: c_long = 0x4000_0000;
#[cfg(target_arch = "x86_64")]
const REFUSED_X32: &[c_long] = &[
    521, // ptrace
    528, // kexec_load
    533, // move_pages
    539, // process_vm_readv
    540, // process_vm_writev
];

/// Flags that `clone` is denied: new namespaces. The flag for time namespaces is missing because its bit is part of
/// the exit signal, and `clone` does not accept it.
const NAMESPACES: [libc::c_int; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// True if an earlier image of this process applied the layer. A filter of another program that denies the same calls
/// is as good.
pub(super) fn already_inside() -> bool {
    let filtered = rustix::thread::secure_computing_mode() == Ok(SecureComputingMode::Filter);
    filtered && unshare_nothing() == Some(libc::EPERM) && clone3_nothing() == Some(libc::ENOSYS)
}

pub(super) fn apply() -> Layer {
    let Ok(target) = TargetArch::try_from(std::env::consts::ARCH) else {
        return Layer::Unavailable("not available for this processor".to_owned());
    };
    let filters = match (without_clone3(target), refusing(target)) {
        (Ok(clone3), Ok(refusing)) => [clone3, refusing],
        (Err(error), _) | (_, Err(error)) => return Layer::Unavailable(error.to_string()),
    };
    for filter in &filters {
        if let Err(error) = seccompiler::apply_filter_all_threads(filter) {
            return Layer::Unavailable(why(error));
        }
    }
    Layer::Enforced(format!(
        "{} calls refused",
        REFUSED.len() + REFUSED_HERE.len()
    ))
}

fn why(error: seccompiler::Error) -> String {
    match error {
        seccompiler::Error::Seccomp(error) | seccompiler::Error::Prctl(error) => {
            format!("the kernel refused: {error}")
        }
        error => error.to_string(),
    }
}

fn refusing(target: TargetArch) -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules = BTreeMap::new();
    for call in REFUSED.iter().chain(REFUSED_HERE) {
        rules.insert(*call, Vec::new());
    }
    let mut clone = Vec::new();
    for flag in NAMESPACES {
        let bit = u64::from(flag.unsigned_abs());
        let operator = SeccompCmpOp::MaskedEq(bit);
        let condition = SeccompCondition::new(0, SeccompCmpArgLen::Dword, operator, bit)?;
        clone.push(SeccompRule::new(vec![condition])?);
    }
    rules.insert(libc::SYS_clone, clone);
    #[cfg(target_arch = "x86_64")]
    {
        let same: Vec<_> = rules
            .iter()
            .map(|(call, rule)| (call | X32, rule.clone()))
            .collect();
        rules.extend(same);
        rules.extend(REFUSED_X32.iter().map(|call| (call | X32, Vec::new())));
    }
    compile(rules, libc::EPERM, target)
}

/// `clone3` passes its flags by pointer, which a filter cannot inspect. If it returns "no such call", C libraries
/// fall back to `clone`.
fn without_clone3(target: TargetArch) -> Result<BpfProgram, seccompiler::BackendError> {
    compile(
        BTreeMap::from([(libc::SYS_clone3, Vec::new())]),
        libc::ENOSYS,
        target,
    )
}

fn compile(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    answer: libc::c_int,
    target: TargetArch,
) -> Result<BpfProgram, seccompiler::BackendError> {
    let answer = SeccompAction::Errno(answer.unsigned_abs());
    SeccompFilter::new(rules, SeccompAction::Allow, answer, target)?.try_into()
}

#[expect(unsafe_code, reason = "probes the kernel's response")]
fn unshare_nothing() -> Option<libc::c_int> {
    // SAFETY: no flag is set, so nothing is unshared; accesses no memory.
    let result = unsafe { libc::unshare(0) };
    (result < 0).then(last_error).flatten()
}

#[expect(unsafe_code, reason = "probes the kernel's response")]
fn clone3_nothing() -> Option<libc::c_int> {
    let nothing = std::ptr::null::<libc::clone_args>();
    // SAFETY: a size of zero is rejected before anything is created or read.
    let result = unsafe { libc::syscall(libc::SYS_clone3, nothing, 0_usize) };
    (result < 0).then(last_error).flatten()
}

fn last_error() -> Option<libc::c_int> {
    io::Error::last_os_error().raw_os_error()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_compiles_for_every_supported_processor() {
        for target in [TargetArch::x86_64, TargetArch::aarch64] {
            let program = refusing(target).expect("compiles");
            // The kernel accepts at most 4096 instructions.
            assert!((50..4096).contains(&program.len()), "{}", program.len());
            assert!(without_clone3(target).is_ok());
        }
    }

    #[test]
    fn replacing_the_image_and_starting_threads_stay_possible() {
        for call in [
            libc::SYS_execve,
            libc::SYS_clone,
            libc::SYS_memfd_create,
            libc::SYS_mlock,
        ] {
            assert!(!REFUSED.contains(&call));
            assert!(!REFUSED_HERE.contains(&call));
        }
    }

    #[test]
    fn no_call_is_listed_twice() {
        let all: Vec<_> = REFUSED.iter().chain(REFUSED_HERE).collect();
        let once: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(all.len(), once.len());
    }

    #[test]
    fn outside_the_sandbox_the_probes_succeed() {
        // The filter of a container may deny either, but in a plain process both succeed.
        if rustix::thread::secure_computing_mode() == Ok(SecureComputingMode::Disabled) {
            assert!(!already_inside());
        }
    }
}
