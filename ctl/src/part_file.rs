//! An incomplete output file: it is named `FILE.part`, is readable by its owner only, and is renamed once complete.
//! Dropping it first removes it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::failure::Failure;
use crate::pair::{is_special, special};
use crate::text;

/// The file, with the lock on it.
pub(crate) struct PartFile {
    path: PathBuf,
    part: PathBuf,
    file: File,
    force: bool,
    named: bool,
}

impl PartFile {
    /// Creates or changes only the `.part`. An unlocked `.part` is left from a killed process, and is replaced.
    pub(crate) fn create(path: &Path, force: bool) -> Result<Self, Failure> {
        let name = path
            .file_name()
            .ok_or_else(|| Failure::usage(format!("{} is not the name of a file", shown(path))))?;
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => {
                return Err(Failure::usage(format!("{} is a directory", shown(path)))
                    .with_hint("name a file in it"));
            }
            Ok(found) if is_special(&found) => return Err(special(path)),
            Ok(_) if !force => return Err(exists(path)),
            _ => {}
        }
        let mut part = name.to_owned();
        part.push(".part");
        let part = path.with_file_name(part);
        let file = hold(&part).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => Failure::new(format!(
                "{} is being written by another command",
                shown(&part)
            ))
            .with_reason("FILE_BUSY")
            .with_hint("wait for it, or name another file"),
            _ => Failure::new(format!("cannot write {}: {error}", shown(&part)))
                .with_hint("name a file in a directory that you can write to"),
        })?;
        Ok(Self {
            path: path.to_owned(),
            part,
            file,
            force,
            named: false,
        })
    }

    /// Appends `bytes`.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file
            .write_all(bytes)
            .map_err(|error| self.failed("write", &error))
    }

    /// Discards everything written.
    pub(crate) fn restart(&mut self) -> Result<(), Failure> {
        self.file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .map_err(|error| self.failed("empty", &error))
    }

    /// Makes everything written durable.
    pub(crate) fn sync(&mut self) -> Result<(), Failure> {
        self.file
            .sync_all()
            .map_err(|error| self.failed("sync", &error))
    }

    /// Makes everything written durable, and returns the file at its start for reading.
    pub(crate) fn read_back(&mut self) -> Result<File, Failure> {
        self.file
            .sync_all()
            .and_then(|()| File::open(&self.part))
            .map_err(|error| self.failed("sync", &error))
    }

    /// Renames the file to its final name, durably.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        rename(&self.part, &self.path, self.force).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => exists(&self.path),
            _ => self.failed("rename", &error),
        })?;
        self.named = true;
        let dir = match self.path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        };
        File::open(dir)
            .and_then(|dir| dir.sync_all())
            .map_err(|error| Failure::new(format!("cannot sync {}: {error}", shown(dir))))
    }

    fn failed(&self, what: &str, error: &io::Error) -> Failure {
        Failure::new(format!("{what} {}: {error}", shown(&self.part)))
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.named {
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// Creates or opens the empty file `part`, and locks it.
fn hold(part: &Path) -> io::Result<File> {
    loop {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
            .open(part)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Its previous holder may just have renamed it to its final name: then it must not be truncated.
        let held = file.metadata()?;
        let there = fs::symlink_metadata(part).ok();
        if there.is_some_and(|there| (there.dev(), there.ino()) == (held.dev(), held.ino())) {
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
            file.set_len(0)?;
            return Ok(file);
        }
    }
}

/// Without `force`, fails if `to` exists, even if it was created only now.
fn rename(from: &Path, to: &Path, force: bool) -> io::Result<()> {
    if force {
        return fs::rename(from, to);
    }
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not supported by every file system; the check above must suffice there.
        Err(Errno::INVAL | Errno::NOSYS) if fs::symlink_metadata(to).is_err() => {
            fs::rename(from, to)
        }
        Err(Errno::INVAL | Errno::NOSYS) => Err(io::ErrorKind::AlreadyExists.into()),
        renamed => Ok(renamed?),
    }
}

fn exists(path: &Path) -> Failure {
    Failure::new(format!("{} exists", shown(path)))
        .with_reason("FILE_EXISTS")
        .with_hint("name another file, or add --force to replace it")
}

fn shown(path: &Path) -> String {
    text::one_line(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn it_is_renamed_once_complete_and_is_private() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("b");
        let mut part = PartFile::create(&path, false).unwrap();
        part.write(b"all").unwrap();
        assert_eq!(names(dir.path()), ["b.part"]);
        part.finish().unwrap();
        assert_eq!(names(dir.path()), ["b"]);
        assert_eq!(fs::read(&path).unwrap(), b"all");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn dropping_it_early_removes_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut part = PartFile::create(&dir.path().join("b"), false).unwrap();
        part.write(b"half").unwrap();
        drop(part);
        assert_eq!(names(dir.path()), [""; 0]);
    }

    #[test]
    fn only_the_part_file_of_a_killed_process_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("b");
        fs::write(dir.path().join("b.part"), b"a longer rest").unwrap();
        let mut part = PartFile::create(&path, false).unwrap();
        assert!(PartFile::create(&path, false).is_err());
        part.write(b"all").unwrap();
        part.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"all");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_appears_meanwhile_is_not_replaced_unless_forced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("b");
        for (force, kept) in [(false, "other"), (true, "ours")] {
            let mut part = PartFile::create(&path, force).unwrap();
            part.write(b"ours").unwrap();
            fs::write(&path, b"other").unwrap();
            assert_eq!(part.finish().is_ok(), force);
            assert_eq!(fs::read_to_string(&path).unwrap(), kept);
            assert_eq!(names(dir.path()), ["b"]);
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_pipe_or_a_device_is_not_replaced_even_if_forced() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        for path in [&pipe, Path::new("/dev/null")] {
            for force in [false, true] {
                let refused = PartFile::create(path, force).err().unwrap();
                let text = format!("{refused:?}");
                assert!(
                    text.contains("not a regular file") && !text.contains("--force"),
                    "{text}"
                );
            }
        }
        assert_eq!(names(dir.path()), ["pipe"]);
    }

    #[test]
    fn a_symlink_in_place_of_the_part_file_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("victim"), b"kept").unwrap();
        std::os::unix::fs::symlink("victim", dir.path().join("b.part")).unwrap();
        assert!(PartFile::create(&dir.path().join("b"), false).is_err());
        assert_eq!(fs::read(dir.path().join("victim")).unwrap(), b"kept");
    }
}
