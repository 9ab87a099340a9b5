//! Process hardening, in the order that the kernel requires: privileges, inspection, then the sandbox for files and
//! system calls. `Status` reports the result; a container runtime may deny any of it.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use openclaw_harden::privileges::{self, Dropped};
use openclaw_harden::process::{Protection, protect};
use openclaw_harden::sandbox::{Layer, Report, Sandbox};
use openclaw_types::{Confinement, Hardening};

use crate::host::config::Config;
use crate::host::supervisor::Supervisor;
use crate::host::volume;

/// Drops root privileges, if configured, and blocks inspection. Requires a single thread.
///
/// # Errors
/// The process may be in an intermediate state: exit.
pub fn shed(config: &Config) -> Result<Protection, privileges::Error> {
    let mut dirs = vec![config.place.dir.as_path()];
    // The socket's directory may be shared with others: only a directory that must be created is given to the new user.
    dirs.extend(config.socket.parent().filter(|dir| !dir.exists()));
    // User 65532 needs it too. It is created before its owner changes; a path with a mistake in it is not created.
    if !config.place.dir.parent().is_none_or(is_dir) {
        dirs.remove(0);
    }
    if let Some(Dropped {
        identity,
        given,
        linked,
    }) = privileges::drop_if_wanted(config.run_as, &dirs)?
    {
        tracing::info!(
            uid = identity.uid(),
            gid = identity.gid(),
            chowned = given,
            "root privileges dropped"
        );
        for path in linked {
            tracing::warn!(path = %path.display(), "owner stays root: the file has more than one hard link");
        }
    }
    Ok(protect(config.inspection))
}

fn is_dir(path: &Path) -> bool {
    path.as_os_str().is_empty() || path.is_dir()
}

/// Enables the sandbox: denies every system call and path that the agent does not use, and returns the active
/// protection. Requires a single thread and an open store.
#[must_use]
pub fn confine(config: &Config, supervisor: &Supervisor, protection: Protection) -> Hardening {
    let mut sandbox = sandbox(config);
    // Connected already; the next image, after an unpair, must connect again.
    if let Some(file) = supervisor.file() {
        sandbox = sandbox.read_write(file);
    }
    let Report { files, calls } = sandbox.apply();
    let Protection {
        not_dumpable,
        no_core_file,
        no_new_privileges: _,
    } = protection;
    let hardening = Hardening {
        dumpable: !not_dumpable,
        core_dumps: !no_core_file,
        key_page_locked: volume::is_key_page_locked(),
        uid: rustix::process::geteuid().as_raw(),
        files: confinement("files", &files),
        calls: confinement("calls", &calls),
        wipes_memory: true,
    };
    if !hardening.key_page_locked {
        tracing::warn!(
            hint = "raise RLIMIT_MEMLOCK",
            "store key may be swapped out: its page cannot be locked in memory"
        );
    }
    hardening
}

fn sandbox(config: &Config) -> Sandbox {
    let mut sandbox = Sandbox::new().read_write(&config.place.dir);
    if let Some(folder) = folder_of(&config.socket) {
        // A rule needs an existing path. If it cannot be created, binding the socket reports that.
        let _ = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder);
        sandbox = sandbox.read_write(folder);
    }
    // Read again after an unpair; by then the platform may have replaced the file.
    for path in config.source.file().into_iter().flat_map(places) {
        sandbox = sandbox.read_only(path);
    }
    // Both are read again after an unpair.
    let alerts = config.alerts.as_ref();
    let key = alerts.and_then(|alerts| alerts.key.file());
    let ca_file = config.outgoing.ca_file.as_deref();
    for path in key.into_iter().chain(ca_file).flat_map(places) {
        sandbox = sandbox.read_only(path);
    }
    // Read again when it changes: it may be replaced under its name, or be a chain of symlinks as in a Kubernetes
    // ConfigMap. For a file in `/`, only the file is allowed: its directory would allow everything.
    if let Some(file) = config.rules.file() {
        for folder in places(file) {
            let alone = folder == Path::new("/");
            sandbox = sandbox.read_only(if alone { file } else { &folder });
        }
    }
    sandbox
}

/// The directory of a file and, for a symlink, also that of its target.
fn places(path: &Path) -> Vec<PathBuf> {
    let real = path.canonicalize().ok();
    let folders = [Some(path.to_owned()), real];
    folders
        .into_iter()
        .flatten()
        .filter_map(|path| folder_of(&path))
        .collect()
}

fn folder_of(path: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(path).ok()?;
    absolute.parent().map(Path::to_owned)
}

fn confinement(what: &str, layer: &Layer) -> Confinement {
    match layer {
        Layer::Enforced(_) => Confinement::Enforced,
        Layer::Partial(missing) => {
            tracing::info!(layer = what, missing, "sandbox partly enforced");
            Confinement::Partial
        }
        Layer::Unavailable(why) => {
            tracing::warn!(layer = what, reason = why, "sandbox not available");
            Confinement::Unavailable
        }
    }
}
