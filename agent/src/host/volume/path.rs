//! Resolves paths with symlinks, `..`, or components that do not exist yet.

use std::path::{Component, Path, PathBuf};

/// The path without symlinks, as far as it exists; `None` if `..` leaves a part that does not exist.
pub(super) fn resolved(path: &Path) -> Option<PathBuf> {
    let existing = path.ancestors().find(|part| part.exists())?;
    let rest = path.strip_prefix(existing).ok()?;
    let plain = rest
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    plain.then(|| Some(existing.canonicalize().ok()?.join(rest)))?
}

/// True if the target of `path` is in the directory `dir`, or would be once it is created.
pub fn is_inside(dir: &Path, path: &Path) -> bool {
    let real = |path: &Path| {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        resolved(&path).unwrap_or_else(|| plain(&path))
    };
    // A dangling symlink: a new file would be created at its target.
    let target = std::fs::read_link(path).map(|target| {
        let folder = path.parent().unwrap_or(Path::new(""));
        folder.join(target)
    });
    let dir = real(dir);
    real(path).starts_with(&dir) || target.is_ok_and(|target| real(&target).starts_with(&dir))
}

/// Removes `..` lexically.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_is_judged_by_its_target() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        std::fs::create_dir_all(at("auth/deep")).unwrap();
        std::fs::write(at("auth/there"), "").unwrap();
        symlink(at("auth"), at("link")).unwrap();
        symlink(at("auth/there"), at("key")).unwrap();
        symlink(at("auth/not-yet"), at("dangling")).unwrap();
        symlink("auth/not-yet", at("relative")).unwrap();
        for inside in [
            "auth/key",
            "auth/deep/key",
            "auth/../auth/key",
            "link/key",
            "key",
            "dangling",
            "relative",
            "auth/no/such/folder/key",
            "elsewhere/../auth/key",
            "auth",
        ] {
            assert!(is_inside(&at("auth"), &at(inside)), "{inside}");
            assert!(is_inside(&at("link"), &at(inside)), "{inside}");
        }
        for outside in [
            "auth.key",
            "authority",
            "elsewhere/key",
            "auth/../key2",
            ".",
        ] {
            assert!(!is_inside(&at("auth"), &at(outside)), "{outside}");
        }
        // A volume that does not exist yet.
        assert!(is_inside(&at("new"), &at("new/key")));
        assert!(!is_inside(&at("new"), &at("new.key")));
        assert!(is_inside(Path::new("/"), &at("key")));
    }
}
