//! A QR code in a file. It is a credential: only its owner may read it, and it goes when this goes. What was there before
//! is someone's: it is replaced only when that is asked for, and nothing is removed that this has not written.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::{private_file, text};

/// The file, there from the first write until the drop.
pub(crate) struct CodeFile {
    path: PathBuf,
    /// Whether what is there may be replaced at the first write.
    force: bool,
    /// What was written last.
    written: Option<Identity>,
}

impl CodeFile {
    /// Nothing is written yet. Refused are a directory, and what is there already unless `force` is given; a link is
    /// something that is there.
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

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts `image` in the place of what was there, so that a viewer never sees half of it.
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

    /// Whether what is there is what was written last.
    fn is_ours(&self) -> bool {
        self.written.is_some() && self.written == identity(&self.path)
    }
}

/// Device, number, and when it was last changed: numbers are given again at once.
type Identity = (u64, u64, i64, i64);

fn identity(path: &Path) -> Option<Identity> {
    let found = fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino(), found.ctime(), found.ctime_nsec()))
}

/// A pipe, a device or a socket: it would be gone, and what was read from it with it. A link is replaced
/// itself.
pub(crate) fn is_special(found: &fs::Metadata) -> bool {
    !found.is_file() && !found.is_dir() && !found.is_symlink()
}

/// Refuses something special. `--force` does not help.
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
