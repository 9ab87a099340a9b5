//! Drops root privileges: changes to a user that owns one directory and nothing else.
//!
//! Container platforms start images as root and mount volumes owned by root; the agent needs neither. User names are
//! not used, because a distroless image has no reliable `/etc/passwd`.
//!
//! The kernel changes the user of one thread at a time, so [`drop_to`] fails if there are other threads.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::status;

mod owner;

/// The user and group to change to. Never root: the parser rejects it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    uid: u32,
    gid: u32,
}

impl Identity {
    /// The `nonroot` user of the distroless images, so that a volume works with either image.
    pub const NONROOT: Self = Self {
        uid: 65532,
        gid: 65532,
    };

    /// The numeric user id.
    pub const fn uid(self) -> u32 {
        self.uid
    }

    /// The numeric group id.
    pub const fn gid(self) -> u32 {
        self.gid
    }
}

/// When to drop privileges, as configured: `auto`, `never` or `UID:GID`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Setting {
    /// In a container whose first process runs as root: change to [`Identity::NONROOT`]. Otherwise do nothing.
    #[default]
    Auto,
    /// Keep the user that started the process.
    Never,
    /// Change to this user; an error if that is not possible.
    To(Identity),
}

/// The setting is none of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `auto`, `never` or `UID:GID` with numbers above 0")]
pub struct BadSetting;

impl FromStr for Setting {
    type Err = BadSetting;

    fn from_str(text: &str) -> Result<Self, BadSetting> {
        match text {
            "auto" => return Ok(Self::Auto),
            "never" => return Ok(Self::Never),
            _ => {}
        }
        let (uid, gid) = text.split_once(':').ok_or(BadSetting)?;
        let number = |text: &str| {
            let number = text.parse().map_err(|_| BadSetting)?;
            // The kernel interprets u32::MAX as "unchanged".
            if number == 0 || number == u32::MAX {
                return Err(BadSetting);
            }
            Ok(number)
        };
        Ok(Self::To(Identity {
            uid: number(uid)?,
            gid: number(gid)?,
        }))
    }
}

/// The identity that a process with this id and effective user should change to, if any.
///
/// Process id 1 distinguishes a container from a host. With an init process (`docker run --init`) the agent is not
/// the first process, and the identity must be configured.
pub fn wanted(pid: u32, euid: u32, setting: Setting) -> Option<Identity> {
    match setting {
        Setting::Auto => (pid == 1 && euid == 0).then_some(Identity::NONROOT),
        Setting::Never => None,
        Setting::To(identity) => (euid != identity.uid).then_some(identity),
    }
}

/// The result of [`drop_to`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The current identity of the process.
    pub identity: Identity,
    /// The number of files and directories that were given to it.
    pub given: u64,
    /// Files with several hard links, which were not changed: another name may be outside of the directory.
    pub linked: Vec<PathBuf>,
}

/// Why privileges could not be dropped. They may be dropped in part: the process must end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Only root can change the user.
    #[error("cannot switch to user {}:{}: only root can, and this process runs as {euid}", .to.uid, .to.gid)]
    NotRoot {
        /// The requested identity.
        to: Identity,
        /// The current effective user.
        euid: u32,
    },
    /// The kernel changes the user of one thread at a time.
    #[error("cannot drop privileges: {0} threads are already running")]
    Threads(u32),
    /// A directory could not be given to the new user.
    #[error("cannot give {} to the new user", path.display())]
    Give {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A system call that changes the identity failed.
    #[error("cannot drop privileges: {step}")]
    Step {
        /// The operation.
        step: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// All calls succeeded, but the process still has privileges, or can regain them.
    #[error("privileges were dropped, yet the process still has {0}")]
    NotGone(String),
}

/// Calls [`drop_to`] with the identity that [`wanted`] returns for this process, if any.
///
/// # Errors
/// See [`drop_to`].
pub fn drop_if_wanted(setting: Setting, dirs: &[&Path]) -> Result<Option<Dropped>, Error> {
    let euid = rustix::process::geteuid().as_raw();
    wanted(std::process::id(), euid, setting)
        .map(|identity| drop_to(identity, dirs))
        .transpose()
}

/// Gives `dirs` and their contents to `identity`, then changes to it, irrevocably.
///
/// A missing directory is created, accessible only to its owner. Symbolic links are changed themselves, never their
/// targets; other file systems mounted inside are skipped. On success the process has no supplementary groups and no
/// capabilities, and an attempt to become root again has failed.
///
/// # Errors
/// See [`Error`]. After any error the process must not continue.
pub fn drop_to(identity: Identity, dirs: &[&Path]) -> Result<Dropped, Error> {
    let euid = rustix::process::geteuid().as_raw();
    if euid != 0 {
        return Err(Error::NotRoot { to: identity, euid });
    }
    let threads = status::threads().map_err(|source| Error::Step {
        step: "count the threads",
        source,
    })?;
    if threads != 1 {
        return Err(Error::Threads(threads));
    }
    let mut dropped = Dropped {
        identity,
        given: 0,
        linked: Vec::new(),
    };
    for dir in dirs {
        make_dir(dir)?;
        owner::give(dir, &mut dropped)?;
    }
    become_identity(identity)?;
    verify(identity)?;
    Ok(dropped)
}

fn make_dir(dir: &Path) -> Result<(), Error> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(dir).map_err(|source| Error::Give {
        path: dir.to_owned(),
        source,
    })
}

fn become_identity(Identity { uid, gid }: Identity) -> Result<(), Error> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    let step = |step, result: Result<(), Errno>| {
        result.map_err(|error| Error::Step {
            step,
            source: error.into(),
        })
    };
    empty_bounding_set();
    step(
        "clear the supplementary groups",
        rustix::thread::set_thread_groups(&[]),
    )?;
    step(
        "change the group",
        rustix::thread::set_thread_res_gid(gid, gid, gid),
    )?;
    step(
        "change the user",
        rustix::thread::set_thread_res_uid(uid, uid, uid),
    )?;
    let nothing = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    step(
        "drop the capabilities",
        rustix::thread::set_capabilities(None, nothing),
    )?;
    // Kernels before 4.3 have no ambient set, so there is nothing to clear.
    let _ = rustix::thread::clear_ambient_capability_set();
    step(
        "refuse new privileges",
        rustix::thread::set_no_new_privs(true),
    )
}

/// Prevents even programs with file capabilities from gaining any. Containers may lack the right to do this; "no new
/// privileges" then has the same effect.
fn empty_bounding_set() {
    for bit in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        if rustix::thread::remove_capability_from_bounding_set(capability).is_err() {
            return;
        }
    }
}

fn verify(Identity { uid, gid }: Identity) -> Result<(), Error> {
    let field = |name| {
        status::field(name).map_err(|source| Error::Step {
            step: "look at the result",
            source,
        })
    };
    let all = |id: u32| format!("{id}\t{id}\t{id}\t{id}");
    let none = "0000000000000000".to_owned();
    let expected = [
        ("Uid", all(uid)),
        ("Gid", all(gid)),
        ("Groups", String::new()),
        ("CapPrm", none.clone()),
        ("CapEff", none.clone()),
        ("CapInh", none),
    ];
    for (name, expected) in expected {
        let found = field(name)?;
        if found != expected {
            return Err(Error::NotGone(format!("{name} {found}")));
        }
    }
    if rustix::thread::set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT).is_ok() {
        return Err(Error::NotGone("a way back to root".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER_USER: Identity = Identity {
        uid: 1000,
        gid: 1001,
    };

    #[test]
    fn auto_applies_to_the_first_process_of_a_container_run_as_root() {
        assert_eq!(wanted(1, 0, Setting::Auto), Some(Identity::NONROOT));
        assert_eq!(wanted(4711, 0, Setting::Auto), None);
        assert_eq!(wanted(1, 65532, Setting::Auto), None);
        assert_eq!(wanted(4711, 1000, Setting::Auto), None);
    }

    #[test]
    fn an_identity_is_applied_unless_the_process_already_has_it() {
        let setting = Setting::To(OTHER_USER);
        assert_eq!(wanted(1, 0, setting), Some(OTHER_USER));
        assert_eq!(wanted(4711, 0, setting), Some(OTHER_USER));
        assert_eq!(wanted(4711, 1000, setting), None);
        assert_eq!(wanted(4711, 2000, setting), Some(OTHER_USER));
    }

    #[test]
    fn never_changes_nothing() {
        assert_eq!(wanted(1, 0, Setting::Never), None);
    }

    #[test]
    fn settings_are_parsed() {
        assert_eq!("auto".parse(), Ok(Setting::Auto));
        assert_eq!("never".parse(), Ok(Setting::Never));
        assert_eq!("1000:1001".parse(), Ok(Setting::To(OTHER_USER)));
    }

    #[test]
    fn root_and_invalid_settings_are_refused() {
        for text in [
            "",
            "0:0",
            "0:1000",
            "1000:0",
            "1000",
            "a:b",
            "1000:",
            "4294967295:1",
            "1:2:3",
        ] {
            assert_eq!(text.parse::<Setting>(), Err(BadSetting), "{text}");
        }
    }
}
