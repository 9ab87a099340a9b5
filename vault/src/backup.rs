//! Backups: one file with a store's contents at one point in time, sealed to its own secret.
//!
//! ```text
//! backup = header(4096) EPOCH COPY * END       the header as a vault's, with the magic OCBACKUP and one slot
//! ```
//!
//! The header has the source store's id and generation. END has the number of records, so that truncation is
//! detected. The slot is named `handover` if the records do not come from a store that continues to run.

use std::io::{self, Read};
use std::sync::Arc;

use zeroize::{Zeroize as _, Zeroizing};

use crate::batch::{Batch, Op, Ops};
use crate::disk::Disk;
use crate::epoch::History;
use crate::error::Error;
use crate::frame::{HEAD_BYTES, Head, Kind, Opener, Sealer, TAG_BYTES};
use crate::header::{HEADER_BYTES, Header, Locked, Purpose, Slot, SlotInfo, StoreId, Unreadable};
use crate::key::Table;
use crate::log;
use crate::rewrite::{Rewrite, Walk};
use crate::secret::{DataKey, Key32, Secret, on_heap};
use crate::vault::Vault;

/// The slot name in the header of a backup.
const SLOT: &str = "backup";
/// The slot name in the header of a [`Handover`].
const HANDOVER: &str = "handover";
/// The target size of a frame.
const FRAME_BYTES: usize = 64 << 10;

/// A backup in progress. The log that it reads is not deleted while it exists.
pub struct Backup {
    walk: Walk,
    frames: Frames,
    without: Vec<Table>,
    _walker: Arc<()>,
}

impl Backup {
    /// Excludes these tables.
    #[must_use]
    pub fn without(mut self, tables: &[Table]) -> Self {
        self.without.extend(tables);
        self
    }
}

/// Encodes a backup, from the header to END.
struct Frames {
    sealer: Sealer,
    batch: Batch,
    changes: u64,
}

impl Frames {
    /// Appends the header and the EPOCH frame to `out`.
    fn begin(
        slot: &str,
        store: StoreId,
        generation: u64,
        secret: &Secret,
        now: u64,
        out: &mut Vec<u8>,
    ) -> Result<Self, Error> {
        let purpose = Purpose::Backup;
        let data_key = Key32::random()?;
        let header = Header {
            purpose,
            store,
            revision: 1,
            generation,
            log: 0,
            durable: 0,
            slots: vec![Slot::wrap(purpose, store, slot, now, secret, &data_key)?],
        };
        out.extend(header.encode(&data_key));
        let chain = log::start(&data_key, store, 0);
        let sealer = Sealer::begin(&data_key, &chain, &History::default().encode(), out)?;
        Ok(Self {
            sealer,
            batch: Batch::new(),
            changes: 0,
        })
    }

    fn push(&mut self, op: Op<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        // A change may fill a whole frame, so it never shares one beyond the target size.
        if !self.batch.is_empty() && self.batch.len() + op.size() > FRAME_BYTES {
            self.seal(out)?;
        }
        self.batch.push(op);
        self.changes += 1;
        Ok(())
    }

    fn seal(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.sealer
            .seal(Kind::Copy, self.batch.bytes(), out)
            .ok_or(Error::Exhausted)?;
        self.batch.clear();
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        if !self.batch.is_empty() {
            self.seal(out)?;
        }
        let end = self.changes.to_le_bytes();
        self.sealer
            .seal(Kind::End, &end, out)
            .ok_or(Error::Exhausted)
    }
}

/// Imported records in the format of a backup. A backup is a copy of a store that continues to run; these records
/// were never in a store, and the importer guarantees that nothing else uses them any more.
pub struct Handover(Frames);

impl Handover {
    /// Appends the header to `out`.
    pub fn begin(secret: &Secret, now: u64, out: &mut Vec<u8>) -> Result<Self, Error> {
        let store = StoreId::random()?;
        Frames::begin(HANDOVER, store, 0, secret, now, out).map(Self)
    }

    /// Adds a change, and appends every frame that is complete to `out`.
    pub fn push(&mut self, op: Op<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        self.0.push(op, out)
    }

    /// Appends the END frame to `out`.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.0.finish(out)
    }
}

impl<D: Disk> Vault<D> {
    /// Starts a backup: appends its header to `out`.
    pub fn backup(&self, secret: &Secret, now: u64, out: &mut Vec<u8>) -> Result<Backup, Error> {
        let (store, generation) = (self.store(), self.header().generation);
        let frames = Frames::begin(SLOT, store, generation, secret, now, out)?;
        Ok(Backup {
            walk: Walk::new(&self.log, &self.data_key, store, self.log.end),
            frames,
            without: Vec::new(),
            _walker: self.walker(),
        })
    }

    /// Processes about `budget` bytes of the log and appends the output to `out`. Returns true once the backup is
    /// complete.
    pub fn backup_step(
        &self,
        backup: &mut Backup,
        budget: usize,
        out: &mut Vec<u8>,
    ) -> Result<bool, Error> {
        let Backup {
            walk,
            frames,
            without,
            ..
        } = backup;
        if walk.number != self.log.number {
            return Err(Error::Busy);
        }
        let complete = walk.step(&self.log, &self.index, budget, |op| {
            if without.contains(&op.table()) {
                return Ok(());
            }
            frames.push(op, out)
        })?;
        if complete {
            frames.finish(out)?;
        }
        Ok(complete)
    }

    /// Starts to replace the whole contents of the store.
    pub fn restore(&self) -> Result<Restore<D>, Error>
    where
        D: Clone,
    {
        self.idle()?;
        let rewrite = self.rewrite(DataKey::clone(&self.data_key))?;
        Ok(Restore {
            staged: Staged {
                disk: self.disk.clone(),
                name: log::name(rewrite.log.number),
                file: Arc::clone(&rewrite.log.file),
                is_used: false,
            },
            rewrite,
            writer: self.writer(),
            replaced_log: self.log.number,
        })
    }

    /// Replaces the whole contents of the store with what was pushed, atomically. Slots and history stay.
    pub fn finish_restore(&mut self, restore: Restore<D>) -> Result<(), Error> {
        let Restore {
            rewrite,
            mut staged,
            writer,
            replaced_log,
        } = restore;
        drop(writer);
        self.idle()?;
        // A clear in the meantime has deleted the staged file together with the old log's other leftovers.
        if self.log.number != replaced_log {
            return Err(Error::Busy);
        }
        // From here on the staged file may be the live log.
        staged.is_used = true;
        self.guard(|vault| {
            let slots = vault.header().slots.clone();
            vault.switch(rewrite, slots)
        })
    }
}

/// The new contents of a store, while they are written. No compaction starts meanwhile. Dropping it deletes its file;
/// what a killed process leaves is deleted by the next rewrite or at the next start.
pub struct Restore<D: Disk> {
    rewrite: Rewrite<D::File>,
    staged: Staged<D>,
    writer: Arc<()>,
    /// The number of the log that was live when the restore started.
    replaced_log: u64,
}

impl<D: Disk> Restore<D> {
    /// Adds a change to the new contents.
    pub fn push(&mut self, op: Op<'_>) -> Result<(), Error> {
        self.rewrite.push(op)
    }
}

/// The file of the new contents. Deleted on drop unless it may have become the live log.
struct Staged<D: Disk> {
    disk: D,
    name: String,
    file: Arc<D::File>,
    is_used: bool,
}

impl<D: Disk> Drop for Staged<D> {
    fn drop(&mut self) {
        // Another store may be in the directory by now.
        if !self.is_used && self.disk.is_named(&self.name, &self.file).unwrap_or(false) {
            let _ = self.disk.remove(&self.name);
        }
    }
}

/// Where a backup comes from, as its header states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The id of the source store.
    pub store: StoreId,
    /// The source store's generation: how often it had been opened.
    pub generation: u64,
    /// The slot: when the backup was made, and which kind of secret opens it.
    pub slot: SlotInfo,
}

impl Origin {
    /// True for a [`Handover`].
    #[must_use]
    pub fn is_handover(&self) -> bool {
        self.slot.name == HANDOVER
    }
}

/// Reads a backup from start to end.
pub struct Reader<R> {
    input: R,
    origin: Origin,
    opener: Opener,
    at: u64,
    changes: u64,
    frame: Zeroizing<Vec<u8>>,
}

impl<R: Read> Reader<R> {
    /// Reads and authenticates the header.
    pub fn open(mut input: R, secret: &Secret) -> Result<Self, Error> {
        let mut header = Vec::with_capacity(HEADER_BYTES);
        input
            .by_ref()
            .take(HEADER_BYTES as u64)
            .read_to_end(&mut header)
            .map_err(Error::Read)?;
        let parsed =
            Header::decode(Purpose::Backup, &header).map_err(|unreadable| match unreadable {
                Unreadable::Newer { version, suite } => Error::Newer { version, suite },
                Unreadable::Foreign => Error::Foreign,
                Unreadable::Short | Unreadable::Malformed => Error::HeaderDamaged,
            })?;
        let Header {
            store, generation, ..
        } = parsed.header;
        let [slot] = &parsed.header.slots[..] else {
            return Err(Error::HeaderDamaged);
        };
        let slot = slot.info.clone();
        let data_key = parsed.open(secret).map_err(|locked| match locked {
            Locked::WrongKey => parsed.header.wrong_key(),
            Locked::Forged => Error::HeaderDamaged,
        })?;
        let chain = log::start(&data_key, store, 0);
        Ok(Self {
            input,
            origin: Origin {
                store,
                generation,
                slot,
            },
            opener: Opener::new(&on_heap(data_key), chain),
            at: HEADER_BYTES as u64,
            changes: 0,
            frame: Zeroizing::default(),
        })
    }

    /// Where the backup comes from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The number of bytes read.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The number of changes read.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Calls `each` for every change of the next frame. Returns false at the end, which proves that the backup is
    /// complete and authentic.
    pub fn next(
        &mut self,
        mut each: impl FnMut(Op<'_>) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        let at = self.at;
        let head = self.read_frame()?;
        let plain = self
            .opener
            .open(head, &mut self.frame)
            .map_err(|_| Error::Cut { at })?;
        self.at += head.frame() as u64;
        match head.kind {
            Kind::Epoch if at == HEADER_BYTES as u64 => Ok(true),
            Kind::Copy => {
                for op in Ops::new(plain) {
                    let (_, _, op) = op.map_err(|_| Error::Malformed { at })?;
                    self.changes += 1;
                    each(op)?;
                }
                Ok(true)
            }
            Kind::End => {
                if *plain != self.changes.to_le_bytes() {
                    return Err(Error::Cut { at });
                }
                let surplus = self.input.read(&mut [0]).map_err(Error::Read)?;
                if surplus > 0 {
                    Err(Error::Surplus)
                } else {
                    Ok(false)
                }
            }
            Kind::Epoch | Kind::Batch => Err(Error::Malformed { at }),
        }
    }

    /// Reads the next frame, still sealed.
    fn read_frame(&mut self) -> Result<Head, Error> {
        let at = self.at;
        let mut head = [0; HEAD_BYTES];
        fill(&mut self.input, &mut head, at)?;
        let head = Head::parse(&head).ok_or(Error::Cut { at })?;
        // The buffer grows with the bytes that arrive: a forged length must not allocate memory.
        self.frame.zeroize();
        let length = head.length + TAG_BYTES;
        let mut input = self.input.by_ref().take(length as u64);
        let read = input.read_to_end(&mut self.frame).map_err(Error::Read)?;
        if read < length {
            return Err(Error::Cut { at });
        }
        Ok(head)
    }
}

fn fill(input: &mut impl Read, buffer: &mut [u8], at: u64) -> Result<(), Error> {
    input
        .read_exact(buffer)
        .map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Error::Cut { at },
            _ => Error::Read(error),
        })
}
