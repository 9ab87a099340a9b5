//! Switches of the whole process: no debugger, no core file, no way back to privileges.
//!
//! An exec undoes the first, so every image calls [`protect`] again. A step that fails is reported, never fatal: a
//! container may refuse any of them.

use std::fmt;
use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit};

/// Whether other processes of the same user may look inside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Inspection {
    /// No debugger, no `/proc/PID/mem`, no `/proc/PID/environ`, for anyone but root.
    #[default]
    Refused,
    /// As the kernel has it by default: for tests, which look for keys from outside.
    Allowed,
}

/// What [`protect`] reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protection {
    /// Debuggers and memory readers are kept out (`PR_SET_DUMPABLE`), which also means no core file
    /// through a piped `core_pattern`, where the limit alone does not count.
    pub not_dumpable: bool,
    /// The core file limit is zero, for good.
    pub no_core_file: bool,
    /// No program started from here gains privileges (`PR_SET_NO_NEW_PRIVS`).
    pub no_new_privileges: bool,
}

/// Closes the process to others, as far as the kernel lets it.
///
/// Call it after the user was changed (that resets the first switch) and before the first secret is read.
/// Without root, a process that is not dumpable cannot open its own `/proc/self/mem` and `environ` either.
pub fn protect(inspection: Inspection) -> Protection {
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
        no_new_privileges: rustix::thread::set_no_new_privs(true).is_ok(),
    }
}

fn refuse_inspection() -> io::Result<()> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    if rustix::process::dumpable_behavior()? == DumpableBehavior::NotDumpable {
        Ok(())
    } else {
        Err(io::Error::other(
            "the kernel accepted the switch and ignored it",
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
    fn the_text_names_what_was_not_applied() {
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
