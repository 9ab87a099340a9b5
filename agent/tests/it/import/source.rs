//! The imported directory, which must not be changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::ACCOUNT;
use crate::harness::lid;

/// An auth directory, or a directory that contains one.
pub(crate) struct Source {
    root: TempDir,
    auth: PathBuf,
}

/// The state of a directory: content, modification time and mode of each file.
pub(crate) type State = BTreeMap<String, (Vec<u8>, SystemTime, u32)>;

impl Source {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self::within("", &BTreeMap::new())
    }

    /// One with these files.
    pub(crate) fn of(files: &BTreeMap<String, Vec<u8>>) -> Self {
        Self::within("", files)
    }

    /// One whose auth directory is at `place` in it.
    pub(crate) fn within(place: &str, files: &BTreeMap<String, Vec<u8>>) -> Self {
        let root = tempfile::tempdir().unwrap();
        let auth = root.path().join(place);
        fs::create_dir_all(&auth).unwrap();
        for (name, content) in files {
            fs::write(auth.join(name), content).unwrap();
        }
        Self { root, auth }
    }

    /// The directory to import.
    pub(crate) fn dir(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state().into_iter();
        state.map(|(name, (content, ..))| (name, content)).collect()
    }

    pub(crate) fn put(&self, file: &str, content: &[u8]) {
        fs::write(self.auth.join(file), content).unwrap();
    }

    pub(crate) fn remove(&self, file: &str) {
        fs::remove_file(self.auth.join(file)).unwrap();
    }

    pub(crate) fn state(&self) -> State {
        use std::os::unix::fs::PermissionsExt as _;
        let entries = fs::read_dir(&self.auth).unwrap().map(Result::unwrap);
        let files = entries.filter(|entry| entry.path().is_file());
        files
            .map(|entry| {
                let metadata = entry.metadata().unwrap();
                let content = fs::read(entry.path()).unwrap();
                let mode = metadata.permissions().mode();
                let name = entry.file_name().into_string().unwrap();
                (name, (content, metadata.modified().unwrap(), mode))
            })
            .collect()
    }

    pub(crate) fn json(&self, file: &str) -> Value {
        serde_json::from_slice(&fs::read(self.auth.join(file)).unwrap()).unwrap()
    }

    /// The chain id of the account's sender key for this group.
    pub(crate) fn own_sender_key(&self, group: &str) -> u32 {
        use base64::Engine as _;
        let of_account = format!("sender-key-{group}--{}", lid(ACCOUNT));
        let files = self.files();
        let mut own = files
            .keys()
            .filter(|file| file.starts_with(&of_account) && file.ends_with("--1.json"));
        let file = self.json(own.next().unwrap());
        let text = base64::engine::general_purpose::STANDARD.decode(file["data"].as_str().unwrap());
        let states: Value = serde_json::from_slice(&text.unwrap()).unwrap();
        let newest = states.as_array().unwrap().last().unwrap();
        u32::try_from(newest["senderKeyId"].as_u64().unwrap()).unwrap()
    }
}
