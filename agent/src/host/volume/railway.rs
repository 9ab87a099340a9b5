//! On Railway, the store must be on a volume: a deployment discards all other files of the container, which would lose
//! the link without notice.

use std::path::{Path, PathBuf};

use super::Mistake;
use super::path::resolved;

/// The mistake if the store in `dir` would not survive a deployment, with a hint. Writes nothing.
#[must_use]
pub fn off_the_volume(dir: &Path) -> Option<Mistake> {
    let here = ["RAILWAY_ENVIRONMENT_ID", "RAILWAY_PROJECT_ID"];
    // An unreadable variable still shows that this is Railway.
    here.into_iter()
        .find(|name| !matches!(openclaw_settings::variable(name), Ok(None)))?;
    match openclaw_settings::variable("RAILWAY_VOLUME_MOUNT_PATH") {
        Ok(mount) => judge(dir, mount.map(PathBuf::from).as_deref()),
        Err(refused) => Some(Mistake::from(refused.to_string())),
    }
}

fn judge(dir: &Path, mount: Option<&Path>) -> Option<Mistake> {
    let dir = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let Some(mount) = mount else {
        return Some(Mistake {
            text: format!(
                "this service has no volume (RAILWAY_VOLUME_MOUNT_PATH is not set), so what is in {} would be lost with \
                 the next deployment, and with it the link to WhatsApp",
                dir.display()
            ),
            hint: Some(format!(
                "run `railway volume add --mount-path {}` for this service, then `railway redeploy`; `railway run` runs a program on your own machine, without the volume",
                dir.display()
            )),
        });
    };
    if is_on(&dir, mount) {
        return None;
    }
    Some(Mistake {
        text: format!(
            "{} is not on the volume, which is mounted at {}: it would be lost with the next deployment, and with it the \
             link to WhatsApp",
            dir.display(),
            mount.display()
        ),
        hint: Some(format!(
            "run `railway variable set OPENCLAW_AUTH_DIR={}` for this service, or mount the volume at {}",
            mount.display(),
            dir.display()
        )),
    })
}

/// Compares the resolved paths, not their spelling.
fn is_on(dir: &Path, mount: &Path) -> bool {
    let Ok(mount) = mount.canonicalize() else {
        return false;
    };
    resolved(dir).is_some_and(|dir| dir.starts_with(mount))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume() -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let mount = root.path().join("volume");
        std::fs::create_dir(&mount).unwrap();
        (root, mount)
    }

    #[test]
    fn a_folder_on_the_volume_or_below_it_is_accepted() {
        let (_root, mount) = volume();
        for dir in [mount.clone(), mount.join("auth"), mount.join("one/two")] {
            assert_eq!(judge(&dir, Some(&mount)), None, "{}", dir.display());
        }
    }

    #[test]
    fn a_folder_outside_the_volume_is_refused_with_the_next_step() {
        let (root, mount) = volume();
        let beside = [
            root.path().join("auth"),
            root.path().join("volume-2"),
            mount.join("../auth"),
            mount.join("no/../../../auth"),
            root.path().to_owned(),
        ];
        for dir in beside {
            let hint = judge(&dir, Some(&mount)).and_then(|mistake| mistake.hint);
            let set = format!(
                "`railway variable set OPENCLAW_AUTH_DIR={}`",
                mount.display()
            );
            assert!(hint.unwrap().contains(&set), "{}", dir.display());
        }
    }

    #[test]
    fn symlinks_are_resolved() {
        let (root, mount) = volume();
        let outside = root.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::os::unix::fs::symlink(&outside, mount.join("auth")).unwrap();
        assert!(judge(&mount.join("auth"), Some(&mount)).is_some());
        std::os::unix::fs::symlink(&mount, outside.join("auth")).unwrap();
        assert_eq!(judge(&outside.join("auth"), Some(&mount)), None);
    }

    #[test]
    fn without_a_volume_the_command_that_makes_one_is_named() {
        let mistake = judge(Path::new("/app/auth"), None).unwrap();
        assert!(mistake.text.contains("has no volume"));
        let add = "`railway volume add --mount-path /app/auth`";
        assert!(mistake.hint.unwrap().contains(add));
    }

    #[test]
    fn a_missing_volume_contains_no_path() {
        let mount = Path::new("/no/such/volume");
        assert!(judge(mount, Some(mount)).is_some());
    }
}
