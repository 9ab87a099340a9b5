//! A QR code in a file. It is a credential: only its owner may read it, and it goes when this goes.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The file, there from the first write until the drop.
pub(crate) struct CodeFile {
    path: PathBuf,
    written: bool,
}

impl CodeFile {
    /// Nothing is written yet.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            written: false,
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts `image` in the place of what was there, so that a viewer never sees half of it.
    pub(crate) fn write(&mut self, image: &[u8]) -> Result<(), Failure> {
        self.replace(image).map_err(|error| {
            Failure::new(format!("write {}: {error}", self.path.display()))
                .with_hint("name a file in a directory that you can write to")
        })?;
        self.written = true;
        Ok(())
    }

    fn replace(&self, image: &[u8]) -> io::Result<()> {
        let mut name = self
            .path
            .file_name()
            .ok_or(io::ErrorKind::InvalidFilename)?
            .to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let fresh = self.path.with_file_name(name);
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&fresh)
            .and_then(|mut file| file.write_all(image))
            .and_then(|()| fs::rename(&fresh, &self.path));
        if written.is_err() {
            let _ = fs::remove_file(&fresh);
        }
        written
    }
}

impl Drop for CodeFile {
    fn drop(&mut self) {
        if self.written {
            let _ = fs::remove_file(&self.path);
        }
    }
}
