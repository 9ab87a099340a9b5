//! A QR code in a file. It is a credential: only its owner may read it, and it is removed on drop. An existing file is
//! only replaced with `--force`, and only a file written by this process is removed.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::{private_file, text};

/// The file; it exists from the first write until the drop.
pub(crate) struct CodeFile {
    path: PathBuf,
    /// True if the first write may replace an existing file.
    force: bool,
    /// The identity of the file after the last write.
    written: Option<Identity>,
}

impl CodeFile {
    /// Checks the path, and writes nothing yet. A directory is refused, and so is an existing file or symlink without
    /// `force`.
    pub(crate) fn new(path: PathBuf, force: bool) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            return Err(Failure::usage("a code in a file cannot go to stdout")
                .with_hint("each new code replaces the last: name a file, or use `--format unicode`, ascii or raw"));
        }
        let shown = text::one_line(&path.to_string_lossy());
        if path.file_name().is_none() {
            return Err(Failure::usage(match shown.as_str() {
                "" => "the name of the file is empty".to_owned(),
                _ => format!("{shown} names no file"),
            })
            .with_hint("name a file, as in `--format png=code.png`"));
        }
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => {
                Err(Failure::usage(format!("{shown} is a directory"))
                    .with_hint("name a file in it"))
            }
            Ok(found) if is_special(&found) => Err(special(&path)),
            Ok(_) if !force => Err(exists(&path)),
            _ => Ok(Self {
                path,
                force,
                written: None,
            }),
        }
    }

    /// The path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the file atomically, so that a viewer never sees a partial image.
    pub(crate) fn write(&mut self, image: &[u8]) -> Result<(), Failure> {
        let put = if self.force || self.is_ours() {
            private_file::replace(&self.path, image)
        } else {
            private_file::create(&self.path, image)
        };
        put.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => exists(&self.path),
            _ => Failure::new(format!("cannot write {}: {error}", self.path.display()))
                .with_hint("name a file in a directory that you can write to"),
        })?;
        self.written = identity(&self.path);
        Ok(())
    }

    /// True if the file is the one that was last written here.
    fn is_ours(&self) -> bool {
        self.written.is_some() && self.written == identity(&self.path)
    }
}

/// Device, inode, and modification time: inode numbers are reused at once.
type Identity = (u64, u64, i64, i64);

fn identity(path: &Path) -> Option<Identity> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino(), found.ctime(), found.ctime_nsec()))
}

/// True for a pipe, a device or a socket, which a rename would destroy. A symlink itself is replaced.
pub(crate) fn is_special(found: &fs::Metadata) -> bool {
    !found.is_file() && !found.is_dir() && !found.is_symlink()
}

/// The failure for a special file. `--force` does not help.
pub(crate) fn special(path: &Path) -> Failure {
    let shown = text::one_line(&path.to_string_lossy());
    Failure::usage(format!("{shown} is not a regular file"))
        .with_hint("name a file that does not exist yet")
}

fn exists(path: &Path) -> Failure {
    let shown = text::one_line(&path.to_string_lossy());
    Failure::usage(format!("{shown} exists already"))
        .with_reason("FILE_EXISTS")
        .with_hint(
            "name another file, or replace it with --force; it is removed when the pairing ends",
        )
}

impl Drop for CodeFile {
    fn drop(&mut self) {
        if self.is_ours() {
            let _ = fs::remove_file(&self.path);
        }
    }
}
