//! Files to send. A client uploads a file here first, and then sends a message that refers to it.
//!
//! ```text
//! begin ──> receiving ──> stored ──> claimed by a message ──> removed, once WhatsApp's server has the message
//!               │           │ ^            │
//!               └ aborted   │ └────────────┘ the message failed, or was cancelled
//!                           └ expired
//! ```
//!
//! A file on the volume is ciphertext, in the form that WhatsApp's media hosts accept; its key is in the vault. The caller
//! encrypts it: this module does not depend on WhatsApp's library. A file without its row was left by an agent that was
//! killed, and is removed at start; a row without its file is removed as well.

mod incoming;
mod inspection;
mod opus;
mod picture;
mod row;
#[cfg(test)]
mod tests;
mod waveform;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use openclaw_types::{Media, MediaId, SendState, Token};
use openclaw_vault::Batch;

use crate::vault::{Ticket, Vault};

pub use incoming::{Encrypted, Incoming};
pub use inspection::FormatError;
pub use opus::NotVoice;

/// The directory on the volume.
pub const DIR: &str = "uploads";
/// The largest file that WhatsApp accepts.
pub const MAX_FILE_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// How long a file is stored that belongs to no message.
pub const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// After this time a file that belongs to no message is removed if a new one needs its space. Otherwise clients whose sends
/// are refused, and that upload the file again each time, would block all others for a day.
const YIELDING_AGE: Duration = Duration::from_secs(10 * 60);

/// Limits of what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadLimits {
    /// The number of files.
    pub files: usize,
    /// Their total size.
    pub bytes: u64,
    /// Bytes to leave free on the volume: the store must always be able to write.
    pub free_bytes: u64,
}

impl Default for UploadLimits {
    fn default() -> Self {
        Self {
            files: 64,
            bytes: 2 * MAX_FILE_BYTES,
            free_bytes: 64 * 1024 * 1024,
        }
    }
}

/// A file that can be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its metadata. The pointer has the key and the hashes, but no path: the file is not at WhatsApp yet.
    pub media: Media,
    /// The size of the ciphertext on the volume.
    pub encrypted_bytes: u64,
    /// The heights of the bars that clients show for a voice message; else empty.
    pub waveform: Vec<u8>,
    /// A small JPEG of it; may be empty.
    pub thumbnail: Vec<u8>,
    /// WhatsApp's MACs of its parts, with which a client can play it before all of it is downloaded; may be empty.
    pub sidecar: Vec<u8>,
    /// True for an animated sticker.
    pub animated: bool,
    /// When it was stored.
    pub created_at: SystemTime,
}

/// The address of a file at WhatsApp.
#[derive(Clone, PartialEq, Eq)]
pub struct Hosted {
    /// The URL, on one media host.
    pub url: String,
    /// The path, valid on any media host.
    pub direct_path: String,
}

/// A client's description of a file.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct NewUpload {
    /// Its metadata, as far as the client gives them; `bytes` is 0 if the client does not give the size.
    pub media: Media,
    /// A small JPEG of it; may be empty.
    pub thumbnail: Vec<u8>,
}

/// Why a file is not stored. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The limit of files is reached.
    #[error("{0} files wait to be sent already")]
    TooMany(usize),
    /// The limit of their total size is reached.
    #[error("the files that wait to be sent may have {0} bytes in total")]
    TooMuch(u64),
    /// The volume has less free space than the file and [`UploadLimits::free_bytes`] need.
    #[error("the agent's volume does not have enough free space")]
    VolumeFull,
    /// The file exceeds WhatsApp's limit.
    #[error("the file is larger than {MAX_FILE_BYTES} bytes")]
    TooLarge,
    /// Its size is not the one that the client declared.
    #[error("the file has {bytes} bytes, but {declared} were declared")]
    OtherSize {
        /// The number received.
        bytes: u64,
        /// The number declared.
        declared: u64,
    },
    /// It is not of the kind that the client declared.
    #[error(transparent)]
    FormatError(#[from] FormatError),
    /// An I/O error of the volume.
    #[error("the file could not be written to the agent's volume")]
    Volume(#[source] io::Error),
}

impl From<io::Error> for UploadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::VolumeFull,
            _ => Self::Volume(error),
        }
    }
}

/// Why a message cannot have a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimDenied {
    /// It never existed, has expired, or was sent.
    #[error("the agent does not have this file, or no longer has it")]
    Gone,
    /// It belongs to another message.
    #[error("this file belongs to another message")]
    Taken,
}

/// The files.
pub struct Uploads {
    vault: Vault,
    dir: PathBuf,
    limits: UploadLimits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stored: BTreeMap<MediaId, Stored>,
    /// Those that are being received, by upload number, with the bytes that are reserved for them.
    receiving: HashMap<u64, u64>,
}

/// What is kept in memory about a file.
#[derive(Debug)]
struct Stored {
    encrypted_bytes: u64,
    created_at: SystemTime,
    claim: Option<Token>,
    /// True if a sweep has seen the claim. Before that the message may not have been submitted yet.
    claim_is_seen: bool,
}

/// The outcome of a sweep for one file.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Stays,
    /// Its message will not be sent: another one can have the file.
    Released,
    Removed,
}

impl Stored {
    /// `outcome` is the state that its message has reached; `None` if there is no such message.
    fn fate(&self, outcome: Option<SendState>, now: SystemTime) -> Fate {
        let is_old = self.created_at + MAX_AGE <= now;
        match (&self.claim, outcome) {
            (Some(_), Some(SendState::Accepted)) => Fate::Stays,
            (Some(_), Some(SendState::ServerAck | SendState::Delivered | SendState::Read)) => {
                Fate::Removed
            }
            (Some(_), None) if !self.claim_is_seen => Fate::Stays,
            _ if is_old => Fate::Removed,
            (Some(_), Some(SendState::Failed) | None) => Fate::Released,
            (None, _) => Fate::Stays,
        }
    }
}

impl State {
    fn bytes(&self) -> u64 {
        let stored = self.stored.values().map(|stored| stored.encrypted_bytes);
        let total: u64 = stored.sum();
        total + self.receiving.values().sum::<u64>()
    }
}

impl Uploads {
    /// Opens the files on the volume at `volume`. Removes what an agent that was killed has left.
    #[must_use]
    pub fn open(vault: Vault, volume: &Path, limits: UploadLimits) -> Self {
        let dir = volume.join(DIR);
        let mut stored = BTreeMap::new();
        let mut batch = Batch::new();
        for (id, upload, claim) in row::load_all(&vault) {
            let length = fs::metadata(dir.join(file_name(id.upload()))).map(|found| found.len());
            if length.ok() != Some(upload.encrypted_bytes) {
                row::delete(&mut batch, id);
                continue;
            }
            let known = Stored {
                encrypted_bytes: upload.encrypted_bytes,
                created_at: upload.created_at,
                claim,
                claim_is_seen: true,
            };
            stored.insert(id, known);
        }
        if !batch.is_empty() {
            vault.write(&batch);
        }
        remove_strays(&dir, &stored);
        let receiving = HashMap::new();
        Self {
            vault,
            dir,
            limits,
            state: Mutex::new(State { stored, receiving }),
        }
    }

    /// Begins to receive a file. Dropping the returned value removes the file, unless it was sealed.
    pub fn begin(
        self: &Arc<Self>,
        new: NewUpload,
        now: SystemTime,
    ) -> Result<Incoming, UploadError> {
        Incoming::begin(Arc::clone(self), new, now)
    }

    /// The row of a stored file.
    #[must_use]
    pub fn load(&self, id: MediaId) -> Option<Upload> {
        row::load(&self.vault, id)
    }

    /// Its address at WhatsApp, if it was uploaded there.
    #[must_use]
    pub fn hosted(&self, id: MediaId) -> Option<Hosted> {
        row::load_hosted(&self.vault, id)
    }

    /// Opens its ciphertext.
    pub fn file(&self, id: MediaId) -> io::Result<File> {
        File::open(self.dir.join(file_name(id.upload())))
    }

    /// Records that it was uploaded to WhatsApp. Durable on return, so that it is not uploaded again.
    pub async fn set_hosted(&self, id: MediaId, hosted: &Hosted) {
        let mut batch = Batch::new();
        row::put_hosted(&mut batch, id, hosted);
        self.vault.commit(&batch).await;
    }

    /// Reserves a file for the message with this token. Durable once a later write to the vault is.
    pub fn claim(&self, id: MediaId, token: &Token) -> Result<(), ClaimDenied> {
        let mut state = self.state();
        let stored = state.stored.get_mut(&id).ok_or(ClaimDenied::Gone)?;
        match &stored.claim {
            Some(other) if other == token => return Ok(()),
            Some(_) => return Err(ClaimDenied::Taken),
            None => {}
        }
        stored.claim = Some(token.clone());
        stored.claim_is_seen = false;
        let mut batch = Batch::new();
        row::put_claim(&mut batch, id, token);
        self.vault.write(&batch);
        Ok(())
    }

    /// Undoes a claim: the message with this token was not accepted.
    pub fn release(&self, id: MediaId, token: &Token) {
        let mut state = self.state();
        let stored = state.stored.get_mut(&id);
        let Some(stored) = stored.filter(|stored| stored.claim.as_ref() == Some(token)) else {
            return;
        };
        stored.claim = None;
        let mut batch = Batch::new();
        row::drop_claim(&mut batch, id);
        self.vault.write(&batch);
    }

    /// Removes the files whose messages have reached WhatsApp's server, and expired ones. `outcome` returns the state that
    /// the message with a token has reached.
    pub fn sweep(&self, now: SystemTime, outcome: impl Fn(&Token) -> Option<SendState>) {
        let mut batch = Batch::new();
        let mut removed = Vec::new();
        let mut state = self.state();
        for (id, stored) in &mut state.stored {
            let outcome = stored.claim.as_ref().and_then(&outcome);
            let fate = stored.fate(outcome, now);
            stored.claim_is_seen = true;
            match fate {
                Fate::Stays => {}
                Fate::Released => {
                    stored.claim = None;
                    row::drop_claim(&mut batch, *id);
                }
                Fate::Removed => {
                    row::delete(&mut batch, *id);
                    removed.push(*id);
                }
            }
        }
        if batch.is_empty() {
            return;
        }
        for id in &removed {
            state.stored.remove(id);
        }
        self.vault.write(&batch);
        drop(state);
        // After the rows: a file without a row is removed at the next start.
        for id in removed {
            self.remove_file(id.upload());
        }
    }

    /// Removes files that belong to no message, oldest first, until there is room for a file of `bytes` bytes, within the limits
    /// and on the volume.
    fn evict_unclaimed(&self, bytes: u64, now: SystemTime) {
        loop {
            let oldest = {
                let state = self.state();
                let is_full = state.stored.len() + state.receiving.len() >= self.limits.files
                    || state.bytes().saturating_add(bytes) > self.limits.bytes
                    // An error shows when the file is created.
                    || self.has_space(bytes).is_ok_and(|has_space| !has_space);
                let unclaimed = state.stored.iter().filter(|(_, it)| it.claim.is_none());
                let old = unclaimed.filter(|(_, it)| it.created_at + YIELDING_AGE <= now);
                let oldest = old.min_by_key(|(_, stored)| stored.created_at);
                oldest.map(|(id, _)| *id).filter(|_| is_full)
            };
            match oldest {
                Some(id) => self.discard(id),
                None => return,
            }
        }
    }

    /// When a file that was stored at `created_at` expires.
    #[must_use]
    pub fn expires_at(created_at: SystemTime) -> SystemTime {
        created_at + MAX_AGE
    }

    /// Removes a file, unless it belongs to a message.
    pub fn discard(&self, id: MediaId) {
        let mut state = self.state();
        let stored = state.stored.get(&id);
        if stored.is_none_or(|stored| stored.claim.is_some()) {
            return;
        }
        state.stored.remove(&id);
        let mut batch = Batch::new();
        row::delete(&mut batch, id);
        self.vault.write(&batch);
        drop(state);
        self.remove_file(id.upload());
    }

    fn store(&self, id: MediaId, upload: &Upload) -> Ticket {
        let mut batch = Batch::new();
        row::put(&mut batch, id, upload);
        let stored = Stored {
            encrypted_bytes: upload.encrypted_bytes,
            created_at: upload.created_at,
            claim: None,
            claim_is_seen: false,
        };
        let mut state = self.state();
        state.receiving.remove(&id.upload());
        state.stored.insert(id, stored);
        self.vault.write(&batch)
    }

    fn remove_file(&self, upload: u64) {
        if let Err(error) = fs::remove_file(self.dir.join(file_name(upload))) {
            tracing::warn!(%error, "uploaded file not removed, will retry at the next start");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Its name on the volume.
fn file_name(upload: u64) -> String {
    format!("{upload:016x}")
}

/// Removes every file without a row.
fn remove_strays(dir: &Path, stored: &BTreeMap<MediaId, Stored>) {
    // Absent until something is uploaded.
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    let known: HashSet<String> = stored.keys().map(|id| file_name(id.upload())).collect();
    let is_ours = |name: &str| {
        let digits = name.bytes().all(|byte| byte.is_ascii_hexdigit());
        name.len() == 16 && digits && !known.contains(name)
    };
    let mut count = 0;
    for entry in entries.flatten() {
        let name = entry.file_name();
        // The agent did not create any other name.
        let Some(name) = name.to_str().filter(|name| is_ours(name)) else {
            continue;
        };
        match fs::remove_file(dir.join(name)) {
            Ok(()) => count += 1,
            Err(error) => tracing::warn!(%error, "unfinished upload not removed"),
        }
    }
    if count > 0 {
        tracing::info!(count, "unfinished uploads removed");
    }
}

/// Contains the keys of files, so nothing is shown.
impl std::fmt::Debug for Uploads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Uploads").finish_non_exhaustive()
    }
}

/// Shows only the kind.
impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.media.kind.name())
    }
}

/// Shows only the kind.
impl std::fmt::Debug for NewUpload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.media.kind.name())
    }
}

/// The address is a secret: anyone who has it and the key can read the file.
impl std::fmt::Debug for Hosted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hosted").finish_non_exhaustive()
    }
}
