//! A vault for tests in this and other crates.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use openclaw_vault::{Batch, Folder, Key, Key32, Secret, on_heap};

use super::{Keeper, Sealed, Vault};

/// A store in its own temporary directory, which can be closed and reopened.
pub struct Volume {
    dir: tempfile::TempDir,
    keeper: Option<Keeper>,
    /// The open vault.
    pub vault: Vault,
}

impl Volume {
    /// Creates a store.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it creates a directory")]
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path());
        let sealed = Sealed::create(folder, &secret(), "main", 0, on_heap).unwrap();
        let (vault, keeper) = Vault::start(sealed, 0);
        Self {
            dir,
            keeper: Some(keeper),
            vault,
        }
    }

    /// A copy of the store in `folder`.
    #[must_use]
    pub fn of(folder: &str) -> Self {
        Self::of_key(folder, [7; 32])
    }

    /// A copy of the store in `folder`, which opens with this key.
    #[must_use]
    pub fn of_key(folder: &str, mut key: [u8; 32]) -> Self {
        let secret = Secret::Raw(Key32::take(&mut key));
        let dir = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(folder).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), dir.path().join(file.file_name())).unwrap();
        }
        let (sealed, _) = Sealed::open(Folder::new(dir.path()), &secret, on_heap).unwrap();
        let (vault, keeper) = Vault::start(sealed, 0);
        Self {
            dir,
            keeper: Some(keeper),
            vault,
        }
    }

    /// Closes and reopens the store.
    pub fn reopen(&mut self) {
        self.keeper.take().unwrap().stop();
        let folder = Folder::new(self.dir.path());
        let (sealed, _) = Sealed::open(folder, &secret(), on_heap).unwrap();
        let (vault, keeper) = Vault::start(sealed, 0);
        (self.vault, self.keeper) = (vault, Some(keeper));
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// The names of the files with this suffix.
    #[must_use]
    pub fn names(&self, end: &str) -> Vec<String> {
        let files = std::fs::read_dir(self.path()).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(end)).collect()
    }

    /// Writes a row directly into the store, past the shared handle.
    pub fn plant(&self, key: Key<'_>, value: &[u8]) {
        let mut batch = Batch::new();
        batch.put(key, value);
        self.vault.write(&batch);
    }
}

impl Drop for Volume {
    /// The keeper must be stopped first: it writes until then, and a store whose directory is gone ends the process.
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            keeper.stop();
        }
    }
}

fn secret() -> Secret {
    Secret::Raw(Key32::take(&mut [7; 32]))
}
