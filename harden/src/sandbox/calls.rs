//! The calls layer: a seccomp filter of what the program never asks for.
//!
//! A deny list, answering "not permitted" (`EPERM`): calls that look into other processes, load code into the kernel,
//! change mounts and name spaces, or have a history of holes. A list of what is allowed would break with every
//! update of a library; this one cannot. `execve` is not on it: the agent replaces its own image, and the
//! files layer lets it run nothing else.

use std::collections::BTreeMap;
use std::io;

use libc::c_long;
use rustix::thread::SecureComputingMode;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::Layer;

/// Calls refused whatever their arguments are.
const REFUSED: &[c_long] = &[
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    // The kernel's own code, and its measuring of others.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    #[cfg(not(all(target_env = "musl", target_arch = "aarch64")))] // not named there
    libc::SYS_kexec_file_load,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_lookup_dcookie,
    libc::SYS_nfsservctl,
    // Keys of the kernel's keyring.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // Mounts, roots and name spaces.
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
    // Files by handle, past every path rule.
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    // The machine.
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

/// Refused as well, where they exist.
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

/// The x32 variants of the same calls carry this bit, and a few have numbers of their own.
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

/// What `clone` must not be asked for: name spaces of the process's own. The one for time is not on the
/// list: its bit is the exit signal's, and `clone` does not take it.
const NAMESPACES: [libc::c_int; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// Whether an earlier image of this process applied the layer. Another's filter that refuses the same is as good.
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

/// `clone3` hides its flags behind a pointer, where no filter sees them. Answered with "no such call", C
/// libraries fall back to `clone`.
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

#[expect(unsafe_code, reason = "a call made to see what the kernel answers")]
fn unshare_nothing() -> Option<libc::c_int> {
    // SAFETY: no flag is set, so nothing is unshared; no memory is touched.
    let result = unsafe { libc::unshare(0) };
    (result < 0).then(last_error).flatten()
}

#[expect(unsafe_code, reason = "a call made to see what the kernel answers")]
fn clone3_nothing() -> Option<libc::c_int> {
    let nothing = std::ptr::null::<libc::clone_args>();
    // SAFETY: arguments of size zero are refused before anything is made or read.
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
    fn the_filter_compiles_for_every_processor_we_ship_for() {
        for target in [TargetArch::x86_64, TargetArch::aarch64] {
            let program = refusing(target).expect("compiles");
            // The kernel takes no more than 4096 instructions.
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
    fn no_call_is_named_twice() {
        let all: Vec<_> = REFUSED.iter().chain(REFUSED_HERE).collect();
        let once: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(all.len(), once.len());
    }

    #[test]
    fn outside_the_sandbox_the_probes_succeed() {
        // Under a container's own filter either may be refused, but not in a plain process.
        if rustix::thread::secure_computing_mode() == Ok(SecureComputingMode::Disabled) {
            assert!(!already_inside());
        }
    }
}
