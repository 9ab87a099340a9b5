//! A directory in memory. Tests can change its files behind the store's back.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openclaw_vault::{Disk, DiskFile};

type Content = Arc<Mutex<Vec<u8>>>;

/// A directory; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<BTreeMap<String, Content>>>);

/// A file in the directory.
pub(crate) struct File(Content);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    /// A copy of the directory with the same files.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::default();
        for (name, content) in &*lock(&self.0) {
            copy.write(name, lock(content).clone());
        }
        copy
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        let content = Arc::clone(&lock(&self.0)[name]);
        lock(&content).clone()
    }

    /// Replaces the contents of a file, which may be open.
    pub(crate) fn write(&self, name: &str, bytes: Vec<u8>) {
        let content = Arc::clone(lock(&self.0).entry(name.to_owned()).or_default());
        *lock(&content) = bytes;
    }

    /// A copy of the directory with one file changed.
    pub(crate) fn with(&self, name: &str, bytes: Vec<u8>) -> Self {
        let copy = self.copy();
        copy.write(name, bytes);
        copy
    }
}

impl Disk for Memory {
    type File = File;

    fn open(&self, name: &str) -> io::Result<Option<File>> {
        Ok(lock(&self.0).get(name).cloned().map(File))
    }

    fn create(&self, name: &str) -> io::Result<File> {
        let content = Content::default();
        lock(&self.0).insert(name.to_owned(), Arc::clone(&content));
        Ok(File(content))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = lock(&self.0);
        let file = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        lock(&self.0).remove(name);
        Ok(())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(lock(&self.0).keys().cloned().collect())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for File {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let content = lock(&self.0);
        let from = usize::try_from(at).unwrap_or(usize::MAX).min(content.len());
        let read = buffer.len().min(content.len() - from);
        buffer[..read].copy_from_slice(&content[from..from + read]);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut content = lock(&self.0);
        let at = usize::try_from(at).map_err(io::Error::other)?;
        if content.len() < at + bytes.len() {
            content.resize(at + bytes.len(), 0);
        }
        content[at..at + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).map_err(io::Error::other)?;
        lock(&self.0).resize(length, 0);
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(lock(&self.0).len() as u64)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
