//! What the vault asks of a disk: a folder of files, and five things of a file. Tests own the other side.

use std::fs::{self, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// A folder.
pub trait Disk: Send {
    /// A file in it.
    type File: DiskFile;
    /// Opens a file for reading and writing; `None` when there is none of that name.
    fn open(&self, name: &str) -> io::Result<Option<Self::File>>;
    /// Makes an empty file, in place of one of that name. Its name lasts once [`Disk::sync`] has returned.
    fn create(&self, name: &str) -> io::Result<Self::File>;
    /// Renames a file, over another of the new name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file; one that is not there is no error.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// The names in the folder.
    fn names(&self) -> io::Result<Vec<String>>;
    /// Makes names as durable as they will be.
    fn sync(&self) -> io::Result<()>;
    /// Whether a name still stands for a file that was opened under it. A disk that no one else has need not look.
    fn is_named(&self, _name: &str, _file: &Self::File) -> io::Result<bool> {
        Ok(true)
    }
}

/// A file.
pub trait DiskFile: Send + Sync + 'static {
    /// Fills the buffer from an offset, and says how much of it: less only at the file's end.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;
    /// Writes all of it at an offset.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;
    /// Cuts the file.
    fn set_len(&self, length: u64) -> io::Result<()>;
    /// How long it is.
    fn length(&self) -> io::Result<u64>;
    /// Makes what was written durable.
    fn sync(&self) -> io::Result<()>;
    /// Locks the file against every other opening of it, until it is closed. False when it is locked.
    fn lock(&self) -> io::Result<bool> {
        Ok(true)
    }
}

/// The number in the name of one of several files.
pub(crate) fn numbered(name: &str, before: &str, after: &str) -> Option<u64> {
    let digits = name.strip_prefix(before)?.strip_suffix(after)?;
    // One spelling each.
    let number: u64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

/// A real folder. Its files are for their owner alone.
#[derive(Debug, Clone)]
pub struct Folder {
    dir: PathBuf,
}

impl Folder {
    /// Names a folder, which must exist before it is used.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Where it is.
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
            // A name that is not text is none of ours.
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
