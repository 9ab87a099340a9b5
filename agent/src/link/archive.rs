//! Backup and restore: an encrypted stream of the store's content, and its import.
//!
//! ```text
//! backup     store -> pieces; the agent continues to work
//! restore    bytes -> new content, stored separately; nothing changes before all of it is verified.
//!            The bytes are a backup, or a handover: an account from another program
//! ```
//!
//! Only one of them runs at a time. Both run on their own thread, and lock the store for about a millisecond per step.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use openclaw_state::clock;
use openclaw_state::outbox::{Carried, Outbox};
use openclaw_state::vault::{Sealed, Tables, Vault};
use openclaw_types::Phone;
use openclaw_vault::{Backup, Folder, HEADER_BYTES, Key, Op, Reader, Restore, Secret, Summary};
use openclaw_whatsapp::store::{DroppedRecords, Sieve};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::spawn_blocking;

use super::{Agent, Command, Denied, record};
use crate::host::volume;

/// How much of the log one step reads while the store is locked.
const BACKUP_STEP_BYTES: usize = 128 << 10;
/// The largest piece, in bytes.
const MAX_CHUNK_BYTES: usize = 64 << 10;
/// Pieces queued for a slow client.
const MAX_QUEUED_CHUNKS: usize = 2;

/// Why a backup or restore failed. The store is unchanged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The agent's state does not allow it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Another backup or restore is in progress.
    #[error("another backup or restore is in progress")]
    Underway,
    /// The account was unpaired and the store erased meanwhile.
    #[error("the store was erased during the operation")]
    Gone,
    /// The secret does not open the backup.
    #[error("the backup does not open with this {}", .0)]
    WrongSecret(&'static str),
    /// The data is not a backup.
    #[error("this is not a backup")]
    NotABackup,
    /// The backup is truncated or modified.
    #[error("the backup is damaged")]
    Damaged(#[source] openclaw_vault::Error),
    /// The backup contains no account.
    #[error("the backup contains no account")]
    NoAccount,
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] openclaw_vault::Error),
}

/// Creates backups. Clones share the limit of one backup or restore at a time.
#[derive(Clone, Debug)]
pub struct Archive {
    vault: Vault,
    permit: Arc<Semaphore>,
}

/// The description of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The store's id.
    pub store: [u8; 16],
    /// The store's generation: how often it was opened.
    pub generation: u64,
    /// The number of records.
    pub records: u64,
    /// The approximate number of bytes to come.
    pub bytes: u64,
    /// When the backup was created.
    pub created_at: SystemTime,
}

/// What was restored, and what was dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The account's phone number.
    pub phone: Phone,
    /// The number of restored records.
    pub kept: u64,
    /// The records that were dropped.
    pub dropped: DroppedRecords,
    /// The restored send tokens.
    pub tokens: Tokens,
}

/// The send tokens known after a restore: sending again with one of them does not send a second message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Tokens used after this time, that of the backup, are not known.
    pub known_until: SystemTime,
    /// How many are known.
    pub kept: u64,
    /// Messages that were queued in the backup. They are not sent automatically.
    pub waiting: u64,
}

/// A part of a backup.
#[derive(Debug)]
pub enum Piece {
    /// The next bytes, at most 64 KiB.
    Bytes(Vec<u8>),
    /// The end: the backup is complete.
    End {
        /// The number of records at the end.
        records: u64,
        /// The number of bytes sent.
        bytes: u64,
    },
}

/// A backup in progress. Dropping it aborts the backup.
#[derive(Debug)]
pub struct Copy {
    /// Its description.
    pub start: Start,
    /// Its parts.
    pub pieces: mpsc::Receiver<Result<Piece, Error>>,
}

impl Archive {
    /// For this store.
    #[must_use]
    pub fn new(vault: Vault) -> Self {
        Self {
            vault,
            permit: Arc::new(Semaphore::new(1)),
        }
    }

    /// Starts a backup, encrypted with `secret`.
    ///
    /// # Errors
    /// Another backup or restore is running, or there is no store.
    pub fn backup(&self, secret: Secret) -> Result<Copy, Error> {
        let permit = self.acquire()?;
        let summary = self.vault.summary().ok_or(Error::Gone)?;
        let created_at = clock::wall();
        let start = start(&summary, created_at);
        let (send, pieces) = mpsc::channel(MAX_QUEUED_CHUNKS);
        let vault = self.vault.clone();
        spawn_blocking(move || {
            let _permit = permit;
            let writer = PieceWriter {
                send: &send,
                bytes: 0,
            };
            if let Err(error) = copy(&vault, &secret, created_at, writer) {
                tracing::warn!(%error, "backup failed");
                // A failed send means that the client has gone.
                let _ = send.blocking_send(Err(error));
            }
        });
        Ok(Copy { start, pieces })
    }

    /// Reads a whole backup from `bytes`, and stores the parts to restore separately from the current content.
    /// [`Staged::put_in_place`] makes them the content; dropping it first leaves no trace.
    async fn stage(&self, secret: Secret, bytes: mpsc::Receiver<Vec<u8>>) -> Result<Staged, Error> {
        let permit = self.acquire()?;
        let vault = self.vault.clone();
        let staging = spawn_blocking(move || stage(vault, &secret, bytes, permit));
        staging
            .await
            .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    fn acquire(&self) -> Result<OwnedSemaphorePermit, Error> {
        Arc::clone(&self.permit)
            .try_acquire_owned()
            .map_err(|_| Error::Underway)
    }
}

fn start(summary: &Summary, created_at: SystemTime) -> Start {
    Start {
        store: summary.store.0,
        generation: summary.epochs.last().map_or(0, |epoch| epoch.generation),
        records: u64::try_from(summary.records).unwrap_or(u64::MAX),
        bytes: summary.live_bytes + u64::try_from(HEADER_BYTES).unwrap_or_default(),
        created_at,
    }
}

/// The sink of a backup, which splits it into pieces.
struct PieceWriter<'a> {
    send: &'a mpsc::Sender<Result<Piece, Error>>,
    bytes: u64,
}

impl PieceWriter<'_> {
    /// Blocks for a slow client. `false` if the client has gone.
    fn write(&mut self, bytes: &mut Vec<u8>) -> bool {
        let delivered = bytes.chunks(MAX_CHUNK_BYTES).all(|piece| {
            self.bytes += u64::try_from(piece.len()).unwrap_or_default();
            let piece = Piece::Bytes(piece.to_vec());
            self.send.blocking_send(Ok(piece)).is_ok()
        });
        bytes.clear();
        delivered
    }
}

fn copy(
    vault: &Vault,
    secret: &Secret,
    now: SystemTime,
    mut to: PieceWriter<'_>,
) -> Result<(), Error> {
    let now = volume::seconds(now);
    let mut out = Vec::new();
    // Records that belong to this agent only; a restore would not bring them back.
    let backup: Backup = with_store(vault, |sealed| sealed.backup(secret, now, &mut out))?;
    let mut backup = backup.without(&Tables::OWN);
    loop {
        let whole = with_store(vault, |sealed| {
            sealed.backup_step(&mut backup, BACKUP_STEP_BYTES, &mut out)
        })?;
        if !to.write(&mut out) {
            return Ok(());
        }
        if whole {
            break;
        }
    }
    let summary = vault.summary().ok_or(Error::Gone)?;
    let end = Piece::End {
        records: u64::try_from(summary.records).unwrap_or(u64::MAX),
        bytes: to.bytes,
    };
    // The client has everything, or has gone.
    let _ = to.send.blocking_send(Ok(end));
    Ok(())
}

fn with_store<R>(
    vault: &Vault,
    work: impl FnOnce(&mut Sealed) -> Result<R, openclaw_vault::Error>,
) -> Result<R, Error> {
    vault
        .with(work)
        .ok_or(Error::Gone)?
        .map_err(|error| match error {
            // For example, a compaction.
            openclaw_vault::Error::Busy => Error::Underway,
            error => Error::Store(error),
        })
}

impl Agent {
    /// Starts a backup of the account, encrypted with `secret`.
    ///
    /// # Errors
    /// There is no account, or another backup or restore is running.
    pub fn backup(&self, secret: Secret) -> Result<Copy, Error> {
        if self.view.borrow().link.account.is_none() {
            return Err(self.view.borrow().not_linked().into());
        }
        self.archive.backup(secret)
    }

    /// Restores the account of a backup into this agent, which must have none, and connects it.
    ///
    /// # Errors
    /// There is an account already, or a part of the backup is invalid. Nothing was changed.
    pub async fn restore(
        &self,
        secret: Secret,
        bytes: mpsc::Receiver<Vec<u8>>,
    ) -> Result<Restored, Error> {
        // Checked again once the upload is complete; this check avoids a useless upload.
        if self.view.borrow().link.account.is_some() {
            return Err(Denied::AlreadyLinked.into());
        }
        let staged = self.archive.stage(secret, bytes).await?;
        self.ask(|reply| Command::Restore(Box::new(staged), reply))
            .await?
    }
}

/// The content of a backup, stored separately from the current content.
pub(super) struct Staged {
    vault: Vault,
    restore: Restore<Folder>,
    is_handover: bool,
    dropped: DroppedRecords,
    /// The row of the link.
    link: Option<Vec<u8>>,
    made_at: SystemTime,
    waiting: u64,
    _permit: OwnedSemaphorePermit,
}

impl Staged {
    /// Replaces the whole content of the store, durably and atomically. Returns how many records were restored, and how
    /// many dropped.
    pub(super) fn put_in_place(
        self,
        outbox: &Outbox,
    ) -> Result<(u64, DroppedRecords, Tokens), Error> {
        let Self {
            vault,
            mut restore,
            is_handover,
            dropped,
            link,
            made_at,
            waiting,
            _permit,
        } = self;
        let own = with_store(&vault, |sealed| {
            let mut kept = 0;
            // The agent's own records stay as they are.
            // Tokens that were used here are kept as well.
            // A handover contains no rules, so the current ones stay.
            let rules = is_handover.then_some(Tables::ALLOW);
            let tables = Tables::OWN.into_iter().chain([Tables::OUTBOX]);
            for table in tables.chain(rules) {
                let mut own = Vec::new();
                sealed.scan(table, None, |entry| own.push(entry))?;
                kept += own.len();
                for entry in &own {
                    let key = Key::new(table, &entry.scope, &entry.id);
                    let value = &entry.value;
                    restore.push(Op::Put { key, value })?;
                }
            }
            if let Some(value) = link.as_deref().and_then(record::restored_row) {
                let (key, value) = (record::key(), value.as_slice());
                restore.push(Op::Put { key, value })?;
            }
            sealed.finish_restore(restore)?;
            Ok(kept)
        })?;
        let records = vault.summary().map_or(0, |summary| summary.records);
        let records = records.saturating_sub(own);
        // The sessions are different now, so an earlier hold no longer applies.
        let tokens = Tokens {
            known_until: made_at,
            kept: outbox.reload(),
            waiting,
        };
        outbox.end_hold();
        Ok((u64::try_from(records).unwrap_or(u64::MAX), dropped, tokens))
    }
}

fn stage(
    vault: Vault,
    secret: &Secret,
    bytes: mpsc::Receiver<Vec<u8>>,
    permit: OwnedSemaphorePermit,
) -> Result<Staged, Error> {
    let input = Incoming {
        bytes,
        piece: Vec::new(),
        at: 0,
    };
    let mut reader = Reader::open(input, secret).map_err(|error| unreadable(error, secret))?;
    let mut restore = with_store(&vault, |sealed| sealed.restore())?;
    // A write can fail for lack of space, which is not the backup's fault.
    let (mut failed, mut link) = (None, None);
    let mut write = |op: Op<'_>| {
        if let Op::Put { key, value } = op
            && key == record::key()
        {
            link = Some(value.to_vec());
        }
        restore.push(op).map_err(|error| {
            failed = Some(error);
            openclaw_vault::Error::Broken
        })
    };
    let is_handover = reader.origin().is_handover();
    let mut sieve = if is_handover {
        Sieve::of_handover()
    } else {
        Sieve::default()
    };
    let mut carried = Carried::default();
    let made_at = SystemTime::UNIX_EPOCH + Duration::from_secs(reader.origin().slot.created);
    let read = (|| {
        while reader.next(|op| match carried.take(&op, &mut write)? {
            true => Ok(()),
            false => sieve.sift(op, &mut write),
        })? {}
        sieve.finish(&mut write)
    })();
    match (read, failed) {
        (_, Some(error)) => Err(Error::Store(error)),
        (Err(error), None) => Err(unreadable(error, secret)),
        (Ok(false), None) => Err(Error::NoAccount),
        (Ok(true), None) => Ok(Staged {
            vault,
            restore,
            is_handover,
            dropped: sieve.dropped(),
            link,
            made_at,
            waiting: carried.waiting(),
            _permit: permit,
        }),
    }
}

fn unreadable(error: openclaw_vault::Error, secret: &Secret) -> Error {
    match error {
        openclaw_vault::Error::Foreign => Error::NotABackup,
        openclaw_vault::Error::WrongKey { .. } => Error::WrongSecret(match secret {
            Secret::Raw(_) => "key",
            Secret::Passphrase(_) => "passphrase",
        }),
        error => Error::Damaged(error),
    }
}

/// A reader of the arriving bytes.
struct Incoming {
    bytes: mpsc::Receiver<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            match self.bytes.blocking_recv() {
                Some(piece) => (self.piece, self.at) = (piece, 0),
                None => return Ok(0),
            }
        }
        let read = (&self.piece[self.at..]).read(buffer)?;
        self.at += read;
        Ok(read)
    }
}
