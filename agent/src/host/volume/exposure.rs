//! Who else on the machine can access the volume's directory. Its content is encrypted, but others could delete it or
//! restore an older copy.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::process::{getegid, geteuid, getgroups};

/// A directory that others can write to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    dir: PathBuf,
    mode: u32,
    owner: u32,
    by: By,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Everyone,
    Group,
    Owner,
}

/// The ids of this process.
struct Us {
    uid: u32,
    groups: Vec<u32>,
}

/// Who else can change files in `dir`, if anyone.
#[must_use]
pub fn exposure(dir: &Path) -> Option<Exposure> {
    let mut groups: Vec<u32> = getgroups()
        .unwrap_or_default()
        .into_iter()
        .map(rustix::process::Gid::as_raw)
        .collect();
    groups.push(getegid().as_raw());
    let us = Us {
        uid: geteuid().as_raw(),
        groups,
    };
    let metadata = fs::metadata(dir).ok()?;
    let mode = metadata.mode() & 0o7777;
    let by = us.judge(mode, metadata.uid(), metadata.gid())?;
    Some(Exposure {
        dir: dir.to_owned(),
        mode,
        owner: metadata.uid(),
        by,
    })
}

impl Us {
    fn judge(&self, mode: u32, owner: u32, group: u32) -> Option<By> {
        // Kubernetes' fsGroup: the directory belongs to root, and this process has access by its group.
        let is_by_group = owner == 0 && self.uid != 0 && self.groups.contains(&group);
        if mode & 0o002 != 0 {
            Some(By::Everyone)
        } else if owner != self.uid && owner != 0 {
            Some(By::Owner)
        } else if mode & 0o020 != 0 && !is_by_group {
            Some(By::Group)
        } else {
            None
        }
    }
}

impl Exposure {
    /// The directory's permission bits in octal, as for `chmod`.
    #[must_use]
    pub fn mode(&self) -> String {
        format!("{:04o}", self.mode)
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        let dir = self.dir.display();
        match self.by {
            By::Everyone | By::Group => format!("run `chmod 700 {dir}`"),
            By::Owner => format!("run `chown -R {} {dir}`", geteuid().as_raw()),
        }
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            dir,
            mode,
            owner,
            by,
        } = self;
        let dir = dir.display();
        match by {
            By::Everyone => write!(
                f,
                "everyone on this machine can change the files in {dir} (mode {mode:04o})"
            ),
            By::Group => write!(
                f,
                "its group can change the files in {dir} (mode {mode:04o})"
            ),
            By::Owner => write!(
                f,
                "{dir} belongs to another user ({owner}), who can change its files"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_and_root_may_write_to_the_directory() {
        let us = Us {
            uid: 1000,
            groups: vec![1000, 50],
        };
        for (mode, owner, group, by) in [
            (0o700, 1000, 1000, None),
            (0o755, 1000, 1000, None),
            (0o777, 1000, 1000, Some(By::Everyone)),
            (0o1777, 0, 0, Some(By::Everyone)),
            (0o770, 1000, 1000, Some(By::Group)),
            (0o2775, 0, 50, None),
            (0o2775, 0, 51, Some(By::Group)),
            (0o700, 1001, 1000, Some(By::Owner)),
            (0o755, 0, 0, None),
        ] {
            assert_eq!(us.judge(mode, owner, group), by, "{mode:o} {owner} {group}");
        }
    }
}
