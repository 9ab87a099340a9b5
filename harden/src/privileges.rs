//! From root to a user that owns one directory and nothing else.
//!
//! Container platforms start images as root and mount volumes that root owns; the agent needs neither. Nothing here
//! looks at user names: a distroless image has no `/etc/passwd` to trust.
//!
//! The kernel changes users thread by thread, so [`drop_to`] refuses to run while there are other threads.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::status;

mod owner;

/// The user and group to become. Never root: the parser refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    uid: u32,
    gid: u32,
}

impl Identity {
    /// `nonroot` of the distroless images, so that a volume fits either way of starting.
    pub const NONROOT: Self = Self {
        uid: 65532,
        gid: 65532,
    };

    /// The user's number.
    pub const fn uid(self) -> u32 {
        self.uid
    }

    /// The group's number.
    pub const fn gid(self) -> u32 {
        self.gid
    }
}

/// When to drop privileges, as an operator says it: `auto`, `never` or `UID:GID`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Setting {
    /// In a container that starts its first process as root: to [`Identity::NONROOT`]. Else stay.
    #[default]
    Auto,
    /// Stay the user that started the process.
    Never,
    /// Become this one; an error where that is not possible.
    To(Identity),
}

/// A setting that is not one of the three.
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
            // u32::MAX is the kernel's "leave as it is".
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

/// Who a process with this id and effective user should become, if anyone.
///
/// Process 1 is how a container is distinguished from a host: under an init of its own (`docker run --init`) the
/// agent is not the first process, and the identity must be given.
pub fn wanted(pid: u32, euid: u32, setting: Setting) -> Option<Identity> {
    match setting {
        Setting::Auto => (pid == 1 && euid == 0).then_some(Identity::NONROOT),
        Setting::Never => None,
        Setting::To(identity) => (euid != identity.uid).then_some(identity),
    }
}

/// What [`drop_to`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Who the process is now.
    pub identity: Identity,
    /// How many files and folders were given to it.
    pub given: u64,
    /// Files with a second name (hard links), left as they were: the other name may be anywhere.
    pub linked: Vec<PathBuf>,
}

/// Why privileges could not be dropped. The process may be half-way: end it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Only root can become someone else.
    #[error("cannot switch to user {}:{}: only root can, and this process runs as {euid}", .to.uid, .to.gid)]
    NotRoot {
        /// Who was asked for.
        to: Identity,
        /// Who this is.
        euid: u32,
    },
    /// The kernel changes users thread by thread.
    #[error("cannot drop privileges: {0} threads are already running")]
    Threads(u32),
    /// A directory of the agent's could not be given to the new user.
    #[error("cannot give {} to the new user", path.display())]
    Give {
        /// The file or folder.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// A call that changes who the process is.
    #[error("cannot drop privileges: {step}")]
    Step {
        /// Which one.
        step: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The calls succeeded, and the process still is, or can become, what it was.
    #[error("privileges were dropped, yet the process still has {0}")]
    NotGone(String),
}

/// [`wanted`] for this very process, then [`drop_to`].
///
/// # Errors
/// As [`drop_to`].
pub fn drop_if_wanted(setting: Setting, dirs: &[&Path]) -> Result<Option<Dropped>, Error> {
    let euid = rustix::process::geteuid().as_raw();
    wanted(std::process::id(), euid, setting)
        .map(|identity| drop_to(identity, dirs))
        .transpose()
}

/// Gives `dirs` and what is in them to `identity`, then becomes it, for good.
///
/// A directory that is not there is made, for its owner alone. Symbolic links are given away themselves, never
/// what they point to; other file systems mounted inside are left alone. Without an error, the process has no
/// supplementary groups, no capabilities, and was seen to fail at becoming root again.
///
/// # Errors
/// See [`Error`]; whatever it is, the process must not continue.
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
    become_for_good(identity)?;
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

fn become_for_good(Identity { uid, gid }: Identity) -> Result<(), Error> {
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
    // Kernels before 4.3 have no ambient set, and then nothing is in it.
    let _ = rustix::thread::clear_ambient_capability_set();
    step(
        "refuse new privileges",
        rustix::thread::set_no_new_privs(true),
    )
}

/// So that not even a program with file capabilities gets any. Containers may run without the right to do
/// this, and "no new privileges" then says the same.
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
    fn auto_means_the_first_process_of_a_container_started_as_root() {
        assert_eq!(wanted(1, 0, Setting::Auto), Some(Identity::NONROOT));
        assert_eq!(wanted(4711, 0, Setting::Auto), None);
        assert_eq!(wanted(1, 65532, Setting::Auto), None);
        assert_eq!(wanted(4711, 1000, Setting::Auto), None);
    }

    #[test]
    fn an_identity_is_wanted_unless_it_is_ours_already() {
        let setting = Setting::To(OTHER_USER);
        assert_eq!(wanted(1, 0, setting), Some(OTHER_USER));
        assert_eq!(wanted(4711, 0, setting), Some(OTHER_USER));
        assert_eq!(wanted(4711, 1000, setting), None);
        assert_eq!(wanted(4711, 2000, setting), Some(OTHER_USER));
    }

    #[test]
    fn never_is_never() {
        assert_eq!(wanted(1, 0, Setting::Never), None);
    }

    #[test]
    fn settings_are_parsed() {
        assert_eq!("auto".parse(), Ok(Setting::Auto));
        assert_eq!("never".parse(), Ok(Setting::Never));
        assert_eq!("1000:1001".parse(), Ok(Setting::To(OTHER_USER)));
    }

    #[test]
    fn root_and_nonsense_are_refused() {
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
