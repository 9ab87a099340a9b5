//! The operations that the vault needs from a disk: a directory of files, and reads, writes, truncation, length and
//! fsync of a file. Tests implement the traits with simulated disks.

use std::fs::{self, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A directory.
pub trait Disk: Send {
    /// The type of its files.
    type File: DiskFile;
    /// Opens a file for reading and writing; `None` if it does not exist.
    fn open(&self, name: &str) -> io::Result<Option<Self::File>>;
    /// Creates an empty file, or replaces an existing one. The name is durable after [`Disk::sync`].
    fn create(&self, name: &str) -> io::Result<Self::File>;
    /// Renames a file and replaces an existing one of the new name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file. It is no error if the file does not exist.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// The names of all files.
    fn names(&self) -> io::Result<Vec<String>>;
    /// Makes creations, renames and removals durable.
    fn sync(&self) -> io::Result<()>;
    /// True if `name` still refers to the file that was opened under it. The default is for disks that no other
    /// process can change.
    fn is_named(&self, _name: &str, _file: &Self::File) -> io::Result<bool> {
        Ok(true)
    }
}

/// A file.
pub trait DiskFile: Send + Sync + 'static {
    /// Reads at an offset and returns the number of bytes: less than the buffer's length only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;
    /// Writes all bytes at an offset.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;
    /// Truncates or extends the file.
    fn set_len(&self, length: u64) -> io::Result<()>;
    /// The length in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Makes all writes durable (fsync).
    fn sync(&self) -> io::Result<()>;
    /// Locks the file against every other open handle, until it is closed. Returns false if it is locked already.
    fn lock(&self) -> io::Result<bool> {
        Ok(true)
    }
}

/// Extracts the number from a name such as `vault-7.log`.
pub(crate) fn numbered(name: &str, before: &str, after: &str) -> Option<u64> {
    let digits = name.strip_prefix(before)?.strip_suffix(after)?;
    // Only the canonical spelling: no leading zeros, no sign.
    let number: u64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

/// A real directory. Only the owner can access its files.
#[derive(Debug, Clone)]
pub struct Folder {
    dir: PathBuf,
}

impl Folder {
    /// Does not access the directory; it must exist before the first operation.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The path of the directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.dir
    }

    fn file(&self, name: &str, create: bool) -> io::Result<fs::File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(create)
            .truncate(create)
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(self.dir.join(name))
    }
}

impl Disk for Folder {
    type File = fs::File;

    fn open(&self, name: &str) -> io::Result<Option<fs::File>> {
        absent(self.file(name, false))
    }

    fn create(&self, name: &str) -> io::Result<fs::File> {
        self.file(name, true)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.dir.join(from), self.dir.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        absent(fs::remove_file(self.dir.join(name))).map(|_| ())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            // All our names are UTF-8, so a name that is not is skipped.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn sync(&self) -> io::Result<()> {
        fs::File::open(&self.dir)?.sync_all()
    }

    fn is_named(&self, name: &str, file: &fs::File) -> io::Result<bool> {
        let ours = file.metadata()?;
        let there = absent(fs::symlink_metadata(self.dir.join(name)))?;
        Ok(there.is_some_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())))
    }
}

fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl DiskFile for fs::File {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let offset = at + filled as u64;
            match std::os::unix::fs::FileExt::read_at(self, &mut buffer[filled..], offset) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        fs::File::set_len(self, length)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn lock(&self) -> io::Result<bool> {
        match self.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}
