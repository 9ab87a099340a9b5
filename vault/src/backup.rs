//! Backups: one file that holds a store as it was at one moment, sealed to a secret of its own.
//!
//! ```text
//! backup = header(4096) EPOCH COPY * END       the header as a vault's, with the magic OCBACKUP and one slot
//! ```
//!
//! The header names the store and the generation it is of. END counts the records, so that a cut is noticed. The slot is
//! called `handover` where the records come from elsewhere and nothing else continues with them.

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

/// The name of a backup's one slot.
const SLOT: &str = "backup";
/// The name of a handover's.
const HANDOVER: &str = "handover";
/// Changes are gathered into frames of about this size.
const FRAME_BYTES: usize = 64 << 10;

/// A backup in the making. While it lives, the log it reads is kept.
pub struct Backup {
    walk: Walk,
    frames: Frames,
    without: Vec<Table>,
    _walker: Arc<()>,
}

impl Backup {
    /// Leaves these tables out.
    #[must_use]
    pub fn without(mut self, tables: &[Table]) -> Self {
        self.without.extend(tables);
        self
    }
}

/// What stands in a backup, from its header to its end.
struct Frames {
    sealer: Sealer,
    batch: Batch,
    changes: u64,
}

impl Frames {
    /// Appends the header and what stands before the first change to `out`.
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
        // A change may fill a frame by itself: never behind others.
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

/// Records that are handed over, in the form of a backup. A backup is a copy of a store that continues; what is handed over
/// was in no store, and the one who hands it over vouches that nothing else continues with it.
pub struct Handover(Frames);

impl Handover {
    /// Begins one: appends its first bytes to `out`.
    pub fn begin(secret: &Secret, now: u64, out: &mut Vec<u8>) -> Result<Self, Error> {
        let store = StoreId::random()?;
        Frames::begin(HANDOVER, store, 0, secret, now, out).map(Self)
    }

    /// Adds a change, and appends what comes of it to `out`.
    pub fn push(&mut self, op: Op<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        self.0.push(op, out)
    }

    /// Appends the end to `out`.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        self.0.finish(out)
    }
}

impl<D: Disk> Vault<D> {
    /// Begins a backup: appends its first bytes to `out`.
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

    /// Continues for about `budget` bytes of the log and appends what comes of them to `out`. Returns whether it is whole.
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
        let arrived = walk.step(&self.log, &self.index, budget, |op| {
            if without.contains(&op.table()) {
                return Ok(());
            }
            frames.push(op, out)
        })?;
        if arrived {
            frames.finish(out)?;
        }
        Ok(arrived)
    }

    /// Begins to put other contents in place of all that is in the store.
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
            instead_of: self.log.number,
        })
    }

    /// Puts what was pushed in place of all that is in the store, in one step. Slots and history stay.
    pub fn finish_restore(&mut self, restore: Restore<D>) -> Result<(), Error> {
        let Restore {
            rewrite,
            mut staged,
            writer,
            instead_of,
        } = restore;
        drop(writer);
        self.idle()?;
        // A store that was cleared meanwhile has removed the file that was made next to the old log.
        if self.log.number != instead_of {
            return Err(Error::Busy);
        }
        // From here on it may be the live log.
        staged.is_used = true;
        self.guard(|vault| {
            let slots = vault.header().slots.clone();
            vault.switch(rewrite, slots)
        })
    }
}

/// New contents in the making. No compaction begins meanwhile. Dropped, they leave nothing; what a killed process leaves, the
/// next rewriting or the next start removes.
pub struct Restore<D: Disk> {
    rewrite: Rewrite<D::File>,
    staged: Staged<D>,
    writer: Arc<()>,
    /// The number of the log that was the live one when it began.
    instead_of: u64,
}

impl<D: Disk> Restore<D> {
    /// Adds a change to the new contents.
    pub fn push(&mut self, op: Op<'_>) -> Result<(), Error> {
        self.rewrite.push(op)
    }
}

/// The file of new contents. It goes unless they may be in the store.
struct Staged<D: Disk> {
    disk: D,
    name: String,
    file: Arc<D::File>,
    is_used: bool,
}

impl<D: Disk> Drop for Staged<D> {
    fn drop(&mut self) {
        // The folder may be another store's by now.
        if !self.is_used && self.disk.is_named(&self.name, &self.file).unwrap_or(false) {
            let _ = self.disk.remove(&self.name);
        }
    }
}

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The store it is of.
    pub store: StoreId,
    /// How often that had been opened.
    pub generation: u64,
    /// Its slot: when it was made, and with what kind of secret.
    pub slot: SlotInfo,
}

impl Origin {
    /// Whether it is a [`Handover`].
    #[must_use]
    pub fn is_handover(&self) -> bool {
        self.slot.name == HANDOVER
    }
}

/// Reads a backup from its start to its end.
pub struct Reader<R> {
    input: R,
    origin: Origin,
    opener: Opener,
    at: u64,
    changes: u64,
    frame: Zeroizing<Vec<u8>>,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
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

    /// What it is a backup of.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Bytes read.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Changes read.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Shows the changes of the next frame. Returns whether there is more: at the end, all of it was there and genuine.
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

    /// Reads the next frame as it stands.
    fn read_frame(&mut self) -> Result<Head, Error> {
        let at = self.at;
        let mut head = [0; HEAD_BYTES];
        fill(&mut self.input, &mut head, at)?;
        let head = Head::parse(&head).ok_or(Error::Cut { at })?;
        // Grows with what comes, not with what a forged length says.
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
