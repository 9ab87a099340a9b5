//! Process-wide switches: no debugger, no core file, no new privileges.
//!
//! An exec resets the first, so every image calls [`protect`] again. A step that fails is reported and never fatal,
//! because a container may forbid any of them.

use std::fmt;
use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit};

/// Whether other processes of the same user can inspect this one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Inspection {
    /// No debugger, `/proc/PID/mem` or `/proc/PID/environ`, except for root.
    #[default]
    Refused,
    /// The kernel's default: for tests that search for keys from outside.
    Allowed,
}

/// What [`protect`] achieved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// Debuggers and memory readers are locked out (`PR_SET_DUMPABLE`). This also prevents core files through a piped
    /// `core_pattern`, to which the limit does not apply.
    pub not_dumpable: bool,
    /// The core file limit is permanently zero.
    pub no_core_file: bool,
    /// Programs started by this process gain no privileges (`PR_SET_NO_NEW_PRIVS`).
    pub no_new_privileges: bool,
}

/// Protects the process from inspection, as far as the kernel permits.
///
/// Call it after changing the user, which resets the first switch, and before reading the first secret. Without root,
/// a process that is not dumpable cannot open its own `/proc/self/mem` and `environ` either.
pub fn protect(inspection: Inspection) -> Protection {
    Protection {
        no_new_privileges: refuse_new_privileges(),
        ..protect_memory(inspection)
    }
}

/// The same without the last switch, for a program that may start a browser: the browser's own sandbox, or what starts
/// it from a package, may need the privileges of its file.
pub fn protect_memory(inspection: Inspection) -> Protection {
    let not_dumpable = match inspection {
        Inspection::Refused => refuse_inspection().is_ok(),
        Inspection::Allowed => false,
    };
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    Protection {
        not_dumpable,
        no_core_file: rustix::process::setrlimit(Resource::Core, none).is_ok(),
        no_new_privileges: false,
    }
}

/// Programs that are started from now on gain no privileges. Returns whether the kernel permits that.
pub fn refuse_new_privileges() -> bool {
    rustix::thread::set_no_new_privs(true).is_ok()
}

fn refuse_inspection() -> io::Result<()> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    if rustix::process::dumpable_behavior()? == DumpableBehavior::NotDumpable {
        Ok(())
    } else {
        Err(io::Error::other(
            "the kernel accepted the switch but ignored it",
        ))
    }
}

impl fmt::Display for Protection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            not_dumpable,
            no_core_file,
            no_new_privileges,
        } = *self;
        let word = |done| if done { "yes" } else { "no" };
        write!(
            out,
            "not dumpable: {}, no core file: {}, no new privileges: {}",
            word(not_dumpable),
            word(no_core_file),
            word(no_new_privileges)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_lists_what_was_not_applied() {
        let protection = Protection {
            not_dumpable: false,
            no_core_file: true,
            no_new_privileges: true,
        };
        assert_eq!(
            protection.to_string(),
            "not dumpable: no, no core file: yes, no new privileges: yes"
        );
    }

    #[test]
    fn inspection_is_refused_unless_asked_for() {
        assert_eq!(Inspection::default(), Inspection::Refused);
    }
}
