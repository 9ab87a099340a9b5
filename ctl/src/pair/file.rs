//! A QR code in a file. It is a credential: only its owner may read it, and it goes when this goes.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::private_file;

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
        private_file::replace(&self.path, image).map_err(|error| {
            Failure::new(format!("write {}: {error}", self.path.display()))
                .with_hint("name a file in a directory that you can write to")
        })?;
        self.written = true;
        Ok(())
    }
}

impl Drop for CodeFile {
    fn drop(&mut self) {
        if self.written {
            let _ = fs::remove_file(&self.path);
        }
    }
}
