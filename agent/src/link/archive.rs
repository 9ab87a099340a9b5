//! Copies of the store: a sealed stream of what it holds, and the way back from one.
//!
//! ```text
//! backup     store -> pieces, while everything else continues
//! restore    bytes -> a new content of the store, apart from the old one; nothing is changed before all of it is known to be good.
//!            The bytes are a backup, or a handover: an account from elsewhere
//! ```
//!
//! One of them runs at a time. Both work on a thread of their own, in steps that hold the store for about a millisecond.

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

/// How much of the log one step reads, with the store locked.
const BACKUP_STEP_BYTES: usize = 128 << 10;
/// The largest piece, in bytes.
const MAX_CHUNK_BYTES: usize = 64 << 10;
/// Pieces that may wait for a slow client.
const MAX_QUEUED_CHUNKS: usize = 2;

/// Why there is no backup, or nothing was restored. The store is as it was.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The agent's state does not allow it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Another one runs.
    #[error("another backup or restore is in progress")]
    Underway,
    /// The store is no more: the account was unpaired meanwhile.
    #[error("the store was erased during the operation")]
    Gone,
    /// What was given does not open it.
    #[error("the backup does not open with this {}", .0)]
    WrongSecret(&'static str),
    /// It is something else.
    #[error("this is not a backup")]
    NotABackup,
    /// It is cut short, or changed.
    #[error("the backup is damaged")]
    Damaged(#[source] openclaw_vault::Error),
    /// It has no account in it.
    #[error("the backup contains no account")]
    NoAccount,
    /// The store could not do it.
    #[error("the store failed")]
    Store(#[source] openclaw_vault::Error),
}

/// What makes copies. Cloned handles are the same: one copy at a time.
#[derive(Clone, Debug)]
pub struct Archive {
    vault: Vault,
    turn: Arc<Semaphore>,
}

/// What a backup is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The store's name.
    pub store: [u8; 16],
    /// How often it was opened.
    pub generation: u64,
    /// Records in it.
    pub records: u64,
    /// About how many bytes will come.
    pub bytes: u64,
    /// Now.
    pub created_at: SystemTime,
}

/// What came back, and what did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The account.
    pub phone: Phone,
    /// Records.
    pub kept: u64,
    /// What was left behind.
    pub dropped: DroppedRecords,
    /// Tokens of messages of ours.
    pub tokens: Tokens,
}

/// What is known of tokens after a restore: the same one is still the same message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Those that were used later are not known: when the backup was made.
    pub known_until: SystemTime,
    /// How many are known.
    pub kept: u64,
    /// Messages that waited then, and are not sent by themselves.
    pub waiting: u64,
}

/// One part of a backup.
#[derive(Debug)]
pub enum Piece {
    /// The next bytes, at most 64 KiB.
    Bytes(Vec<u8>),
    /// All of it was there.
    End {
        /// Records in the store at the end.
        records: u64,
        /// Bytes sent.
        bytes: u64,
    },
}

/// A backup on its way. Dropped, it ends.
#[derive(Debug)]
pub struct Copy {
    /// What it is of.
    pub start: Start,
    /// Its parts.
    pub pieces: mpsc::Receiver<Result<Piece, Error>>,
}

impl Archive {
    /// Of this store.
    #[must_use]
    pub fn new(vault: Vault) -> Self {
        Self {
            vault,
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Begins a backup, sealed to `secret`.
    ///
    /// # Errors
    /// Another one runs, or there is no store.
    pub fn backup(&self, secret: Secret) -> Result<Copy, Error> {
        let turn = self.turn()?;
        let summary = self.vault.summary().ok_or(Error::Gone)?;
        let created_at = clock::wall();
        let start = start(&summary, created_at);
        let (send, pieces) = mpsc::channel(MAX_QUEUED_CHUNKS);
        let vault = self.vault.clone();
        spawn_blocking(move || {
            let _turn = turn;
            let outlet = Outlet {
                send: &send,
                bytes: 0,
            };
            if let Err(error) = copy(&vault, &secret, created_at, outlet) {
                tracing::warn!(%error, "backup failed");
                // No one listens any more if this fails.
                let _ = send.blocking_send(Err(error));
            }
        });
        Ok(Copy { start, pieces })
    }

    /// Reads a whole backup from `bytes` and stores what may live on of it apart from the store. It takes the place of what is
    /// in the store with [`Staged::put_in_place`], and leaves no trace when dropped before.
    async fn stage(&self, secret: Secret, bytes: mpsc::Receiver<Vec<u8>>) -> Result<Staged, Error> {
        let turn = self.turn()?;
        let vault = self.vault.clone();
        let staging = spawn_blocking(move || stage(vault, &secret, bytes, turn));
        staging
            .await
            .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    fn turn(&self) -> Result<OwnedSemaphorePermit, Error> {
        Arc::clone(&self.turn)
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

/// Where a backup goes, in pieces.
struct Outlet<'a> {
    send: &'a mpsc::Sender<Result<Piece, Error>>,
    bytes: u64,
}

impl Outlet<'_> {
    /// Waits for a slow client. False when it has gone.
    fn pass(&mut self, bytes: &mut Vec<u8>) -> bool {
        let passed = bytes.chunks(MAX_CHUNK_BYTES).all(|piece| {
            self.bytes += u64::try_from(piece.len()).unwrap_or_default();
            let piece = Piece::Bytes(piece.to_vec());
            self.send.blocking_send(Ok(piece)).is_ok()
        });
        bytes.clear();
        passed
    }
}

fn copy(vault: &Vault, secret: &Secret, now: SystemTime, mut to: Outlet<'_>) -> Result<(), Error> {
    let now = volume::seconds(now);
    let mut out = Vec::new();
    // Of no use to another agent: what is this one's own is not brought back by a restore.
    let backup: Backup = lend(vault, |sealed| sealed.backup(secret, now, &mut out))?;
    let mut backup = backup.without(&Tables::OWN);
    loop {
        let whole = lend(vault, |sealed| {
            sealed.backup_step(&mut backup, BACKUP_STEP_BYTES, &mut out)
        })?;
        if !to.pass(&mut out) {
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
    // The client has all of it, or has gone.
    let _ = to.send.blocking_send(Ok(end));
    Ok(())
}

fn lend<R>(
    vault: &Vault,
    work: impl FnOnce(&mut Sealed) -> Result<R, openclaw_vault::Error>,
) -> Result<R, Error> {
    vault
        .with(work)
        .ok_or(Error::Gone)?
        .map_err(|error| match error {
            // A compaction, for instance.
            openclaw_vault::Error::Busy => Error::Underway,
            error => Error::Store(error),
        })
}

impl Agent {
    /// Begins a backup of the account, sealed to `secret`.
    ///
    /// # Errors
    /// There is no account, or another backup or restore runs.
    pub fn backup(&self, secret: Secret) -> Result<Copy, Error> {
        if self.view.borrow().link.account.is_none() {
            return Err(self.view.borrow().not_linked().into());
        }
        self.archive.backup(secret)
    }

    /// Brings the account of a backup into this agent, which has none, and connects it.
    ///
    /// # Errors
    /// There is an account already, or the backup is not good to its last byte. Nothing has changed.
    pub async fn restore(
        &self,
        secret: Secret,
        bytes: mpsc::Receiver<Vec<u8>>,
    ) -> Result<Restored, Error> {
        // Looked at again once all of it is there; this spares the way.
        if self.view.borrow().link.account.is_some() {
            return Err(Denied::AlreadyLinked.into());
        }
        let staged = self.archive.stage(secret, bytes).await?;
        self.ask(|reply| Command::Restore(Box::new(staged), reply))
            .await?
    }
}

/// The content of a backup, apart from the store.
pub(super) struct Staged {
    vault: Vault,
    restore: Restore<Folder>,
    is_handover: bool,
    dropped: DroppedRecords,
    /// How the link was.
    link: Option<Vec<u8>>,
    made_at: SystemTime,
    waiting: u64,
    _turn: OwnedSemaphorePermit,
}

impl Staged {
    /// Puts it in the place of all that is in the store, durably and at once. Says how many records that are, and how
    /// many were left behind.
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
            _turn,
        } = self;
        let own = lend(&vault, |sealed| {
            let mut kept = 0;
            // What is the agent's own stays, as it is now.
            // Nor is a token forgotten that was used here.
            // A handover has no rules that could take the place of those here.
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
            if let Some(value) = link.as_deref().and_then(record::revived) {
                let (key, value) = (record::key(), value.as_slice());
                restore.push(Op::Put { key, value })?;
            }
            sealed.finish_restore(restore)?;
            Ok(kept)
        })?;
        let records = vault.summary().map_or(0, |summary| summary.records);
        let records = records.saturating_sub(own);
        // The sessions are others now: what went back before does not count.
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
    turn: OwnedSemaphorePermit,
) -> Result<Staged, Error> {
    let input = Incoming {
        bytes,
        piece: Vec::new(),
        at: 0,
    };
    let mut reader = Reader::open(input, secret).map_err(|error| unreadable(error, secret))?;
    let mut restore = lend(&vault, |sealed| sealed.restore())?;
    // Writing it can fail for want of room: that is not the backup's fault.
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
            _turn: turn,
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

/// What arrives, to be read.
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
