//! The layer for files and ports: Landlock.
//!
//! Landlock rules apply to inodes, not to names. So directories are allowed instead of files that other programs
//! replace, such as the resolver's settings. Operations on descriptors that are already open are not restricted.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, LandlockStatus, NetPort, RestrictionStatus, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
    path_beneath_rules,
};

use super::{Layer, Sandbox};
use crate::status;

/// The newest Landlock ABI that this code knows; an older kernel gets the subset that it supports.
const NEWEST: ABI = ABI::V9;

/// The first ABI with rules for ports (Linux 6.7).
const PORTS: ABI = ABI::V4;

/// See [`Sandbox::new`].
pub(super) fn needed_anywhere() -> Vec<PathBuf> {
    let fixed = [
        "/etc",
        "/lib",
        "/lib64",
        "/usr/lib",
        "/usr/local/lib",
        "/usr/share/ca-certificates",
        "/usr/share/zoneinfo",
        "/usr/local/share/ca-certificates",
        "/dev/random",
        "/dev/urandom",
        "/proc",
        "/sys/devices/system/cpu",
        "/sys/fs/cgroup",
    ];
    let mut paths: Vec<PathBuf> = fixed.iter().map(PathBuf::from).collect();
    // Some systems keep the resolver's settings elsewhere, and replace the file on changes.
    if let Ok(settings) = fs::canonicalize("/etc/resolv.conf")
        && let Some(folder) = settings.parent()
        && !paths.iter().any(|path| folder.starts_with(path))
    {
        paths.push(folder.to_owned());
    }
    paths
}

/// True if an earlier image of this process applied the layer: in that case the root directory cannot be listed.
pub(super) fn already_inside() -> bool {
    fs::read_dir("/").is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

pub(super) fn apply(sandbox: &Sandbox) -> Layer {
    match status::threads() {
        Ok(1) => {}
        Ok(threads) => {
            return Layer::Unavailable(format!("{threads} threads were running already"));
        }
        Err(error) => return Layer::Unavailable(format!("threads could not be counted: {error}")),
    }
    match restrict(sandbox) {
        Ok(status) => describe(&status, sandbox),
        Err(error) => Layer::Unavailable(error.to_string()),
    }
}

fn restrict(sandbox: &Sandbox) -> Result<RestrictionStatus, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?;
    if sandbox.connect.is_some() {
        rules = rules.handle_access(AccessNet::ConnectTcp)?;
    }
    if sandbox.bind.is_some() {
        rules = rules.handle_access(AccessNet::BindTcp)?;
    }
    // `path_beneath_rules` skips paths that cannot be opened, and requests only file rights for files.
    let mut rules = rules
        .create()?
        .add_rules(path_beneath_rules(&sandbox.read_only, read))?
        .add_rules(path_beneath_rules(
            &sandbox.read_write,
            AccessFs::from_all(NEWEST) & !AccessFs::Execute,
        ))?
        .add_rules(path_beneath_rules(
            program_files(),
            AccessFs::Execute | AccessFs::ReadFile,
        ))?;
    for port in sandbox.connect.iter().flatten() {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    for port in sandbox.bind.iter().flatten() {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::BindTcp))?;
    }
    rules.restrict_self()
}

fn describe(status: &RestrictionStatus, sandbox: &Sandbox) -> Layer {
    let unavailable = |why: &str| Layer::Unavailable(why.to_owned());
    let abi = match (&status.landlock, &status.ruleset) {
        (LandlockStatus::NotEnabled, _) => return unavailable("switched off in this kernel"),
        (LandlockStatus::NotImplemented, _) => {
            return unavailable("not in this kernel, or blocked by the container");
        }
        (_, RulesetStatus::NotEnforced) => return unavailable("the kernel enforces nothing"),
        (LandlockStatus::Available { effective_abi, .. }, _) => *effective_abi,
    };
    let number = abi as i32;
    if abi < PORTS && (sandbox.connect.is_some() || sandbox.bind.is_some()) {
        return Layer::Partial(format!("ABI {number}: files, but not ports"));
    }
    let missing = sandbox.read_write.iter().filter(|path| !path.exists());
    let missing: String = missing
        .map(|path| format!(", {} does not exist", path.display()))
        .collect();
    Layer::Enforced(format!("ABI {number}{missing}"))
}

/// The files that this process executes and would need to restart: its program, the loader, its libraries.
fn program_files() -> BTreeSet<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let mut files = executable(&maps);
    // The link works even if the program's name has changed.
    files.insert("/proc/self/exe".into());
    files
}

fn executable(maps: &str) -> BTreeSet<PathBuf> {
    let mapped = maps.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let rights = fields.nth(1)?;
        let start = line.find('/')?;
        rights
            .contains('x')
            .then(|| Path::new(&line[start..]).to_owned())
    });
    mapped.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_executable_mappings_are_allowed_to_run() {
        let maps = "\
            00400000-00452000 r--p 00000000 08:02 173521 /usr/local/bin/openclaw-agent\n\
            00452000-00652000 r-xp 00052000 08:02 173521 /usr/local/bin/openclaw-agent\n\
            7f1000000000-7f1000010000 r--p 00000000 08:02 99 /usr/share/some thing.mo\n\
            7f2000000000-7f2000010000 r-xp 00000000 08:02 98 /lib/with space.so\n\
            7f3000000000-7f3000010000 r-xp 00000000 00:00 0 [vdso]\n";
        let expected = ["/lib/with space.so", "/usr/local/bin/openclaw-agent"];
        assert!(executable(maps).into_iter().eq(expected.map(PathBuf::from)));
    }

    #[test]
    fn the_test_parses_every_call_it_runs() {
        let files = program_files();
        let program = std::env::current_exe().expect("named");
        assert!(files.contains(&program), "{files:?}");
    }

    #[test]
    fn with_other_threads_nothing_is_applied() {
        let layer = apply(&Sandbox::new());
        assert!(matches!(layer, Layer::Unavailable(why) if why.contains("threads were running")));
        assert!(fs::read_dir("/").is_ok());
    }
}
