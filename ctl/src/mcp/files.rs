//! The directory of `--files`: the only local files that an assistant can send.
//!
//! The kernel resolves each path beneath the directory (`openat2`), so that no `..`, no link and no file that is replaced
//! meanwhile leads out of it.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, open, openat2};
use rustix::io::Errno;

use crate::failure::{Exit, Failure};
use crate::text::one_line;

pub(super) struct Files {
    dir: PathBuf,
    given: PathBuf,
    handle: OwnedFd,
}

impl Files {
    /// # Errors
    /// It is no directory, or cannot be opened.
    pub(super) fn open(given: &Path) -> Result<Self, Failure> {
        let shown = one_line(&given.to_string_lossy());
        let failed = |error: std::io::Error| Failure::usage(format!("--files: {shown}: {error}"));
        let dir = given.canonicalize().map_err(failed)?;
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let handle = open(&dir, flags, Mode::empty()).map_err(|error| failed(error.into()))?;
        Ok(Self {
            dir,
            given: given.to_owned(),
            handle,
        })
    }

    /// Opens a file by its path in the directory, or by its whole path.
    ///
    /// # Errors
    /// It is outside of the directory, no file, or cannot be read.
    pub(super) fn read(&self, path: &Path) -> Result<File, Failure> {
        let within = [&self.dir, &self.given]
            .into_iter()
            .find_map(|dir| path.strip_prefix(dir).ok())
            .unwrap_or(path);
        // So that opening a pipe does not wait for its other end.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let opened = openat2(&self.handle, within, flags, Mode::empty(), resolve);
        let file = File::from(opened.map_err(|error| self.failed(path, error))?);
        if file.metadata().is_ok_and(|found| found.is_file()) {
            return Ok(file);
        }
        let shown = one_line(&path.to_string_lossy());
        Err(Failure::usage(format!("{shown} is not a file")))
    }

    fn failed(&self, path: &Path, error: Errno) -> Failure {
        let shown = one_line(&path.to_string_lossy());
        match error {
            Errno::XDEV | Errno::LOOP => Failure::new(format!(
                "{shown} is outside of the directory whose files may be sent"
            ))
            .with_exit(Exit::Refused)
            .with_reason("FILE_OUTSIDE")
            .with_hint(format!(
                "put the file into {}, or ask the operator to start `openclawctl mcp` with another --files",
                one_line(&self.dir.to_string_lossy())
            )),
            error => Failure::usage(format!("{shown}: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read as _;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_files_beneath_the_directory_are_opened() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("shared");
        fs::create_dir_all(dir.join("sub")).unwrap();
        fs::write(dir.join("sub/a.txt"), "a").unwrap();
        fs::write(place.path().join("secret"), "secret").unwrap();
        symlink("../secret", dir.join("out")).unwrap();
        symlink("sub/a.txt", dir.join("in")).unwrap();
        symlink("..", dir.join("up")).unwrap();
        let files = Files::open(&dir).unwrap();

        for path in ["sub/a.txt", "sub/../sub/a.txt", "in"] {
            let mut text = String::new();
            let mut file = files.read(Path::new(path)).unwrap();
            file.read_to_string(&mut text).unwrap();
            assert_eq!(text, "a", "{path}");
        }
        assert!(files.read(&dir.join("sub/a.txt")).is_ok());
        let outside = place.path().join("secret");
        for path in ["../secret", "out", "up/secret", outside.to_str().unwrap()] {
            let refused = files.read(Path::new(path)).unwrap_err();
            assert_eq!(refused.reason(), Some("FILE_OUTSIDE"), "{path}");
        }
        for path in ["", ".", "sub", "missing"] {
            assert!(files.read(Path::new(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn a_directory_that_does_not_exist_is_refused_at_the_start() {
        let place = tempfile::tempdir().unwrap();
        assert!(Files::open(&place.path().join("missing")).is_err());
    }
}
