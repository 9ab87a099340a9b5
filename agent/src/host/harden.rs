//! What the process gives up before it begins, in the order that the kernel wants: privileges, inspection, then files
//! and calls. What was reached is reported in Status; a container may refuse any of it.

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

/// From root to no one, if that is wanted, and closed to others. With one thread only.
///
/// # Errors
/// The process may be half-way: end it.
pub fn shed(config: &Config) -> Result<Protection, privileges::Error> {
    let mut dirs = vec![config.place.dir.as_path()];
    // The socket's folder may be one that others use as well: only one that is to be made is given away.
    dirs.extend(config.socket.parent().filter(|dir| !dir.exists()));
    // Needed by user 65532 as well, and made before it is given away; a name with a mistake in it is not.
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

/// Refuses everything that the agent never asks the kernel for, and reports what protects the process now. With one thread
/// only, and with the store open.
#[must_use]
pub fn confine(config: &Config, supervisor: &Supervisor, protection: Protection) -> Hardening {
    let mut sandbox = sandbox(config);
    // Connected by now; the image that follows an unpair has to connect again.
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
        // What is not there cannot be allowed. That it cannot be made is said when the socket is.
        let _ = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder);
        sandbox = sandbox.read_write(folder);
    }
    // Read again after an unpair, by when the platform may have put another file of that name there.
    for path in config.source.file().into_iter().flat_map(places) {
        sandbox = sandbox.read_only(path);
    }
    // Read again after an unpair as well.
    let alerts = config.alerts.as_ref();
    let key = alerts.and_then(|alerts| alerts.key.file());
    for path in key.into_iter().flat_map(places) {
        sandbox = sandbox.read_only(path);
    }
    // Read again when it has changed: it may be replaced under its name, or be a chain of links as in a Kubernetes
    // ConfigMap. A file in the root is allowed alone, or everything would be.
    if let Some(file) = config.rules.file() {
        for folder in places(file) {
            let alone = folder == Path::new("/");
            sandbox = sandbox.read_only(if alone { file } else { &folder });
        }
    }
    sandbox
}

/// The folder of a file and, where it is a link, that of what it leads to.
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
