//! The file of the log: its name, and appending and reading of frames.

use std::io;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::batch::write_length;
use crate::disk::{DiskFile, numbered};
use crate::epoch::History;
use crate::frame::{Chain, HEAD_BYTES, Head, Kind, MAX_BODY_BYTES, Sealer, TAG_BYTES};
use crate::header::StoreId;
use crate::index::MAX_OFFSET;
use crate::secret::{NoRandom, derive};
use crate::{Batch, Error};

mod frames;
mod recovery;

pub(crate) use frames::Reader;
pub(crate) use recovery::recover;
use recovery::{Recovered, Stretch};

/// The size of a read.
const WINDOW_BYTES: usize = 256 << 10;

const START_INFO: &[u8] = b"openclaw/vault/v1 log";

/// Stands in for the previous tag in a log's first frame, which binds the log to its store, its number and its key.
pub(crate) fn start(data_key: &[u8; 32], store: StoreId, number: u64) -> Chain {
    let mut salt = [0; 24];
    salt[..16].copy_from_slice(&store.0);
    salt[16..].copy_from_slice(&number.to_le_bytes());
    let derived = derive(data_key, &salt, START_INFO);
    *derived.first_chunk().expect("32 bytes hold 16")
}

pub(crate) fn name(number: u64) -> String {
    format!("vault-{number}.log")
}

/// The number in a log's name.
pub(crate) fn number(name: &str) -> Option<u64> {
    numbered(name, "vault-", ".log")
}

/// A log that is open for appending.
pub(crate) struct Log<F> {
    pub(crate) file: Arc<F>,
    pub(crate) number: u64,
    pub(crate) end: u64,
    /// The number of bytes that are durable.
    pub(crate) durable: u64,
    sealer: Sealer,
    stretches: Vec<Stretch>,
    /// The frame that is being sealed; reused, so that a commit allocates nothing.
    frame: Vec<u8>,
    plain: Zeroizing<Vec<u8>>,
}

impl<F: DiskFile> Log<F> {
    /// Starts a log in an empty file, with its first epoch. Nothing is durable yet.
    pub(crate) fn create(
        file: F,
        data_key: &[u8; 32],
        store: StoreId,
        number: u64,
        history: &History,
    ) -> Result<Self, Error> {
        let recovered = Recovered {
            history: History::default(),
            proven: 0,
            end: 0,
            chain: start(data_key, store, number),
            stretches: Vec::new(),
        };
        Self::resume(file, data_key, number, recovered, history)
    }

    /// Continues a log after its last good frame, in a new epoch. Nothing new is durable yet.
    pub(crate) fn resume(
        file: F,
        data_key: &[u8; 32],
        number: u64,
        recovered: Recovered,
        history: &History,
    ) -> Result<Self, Error> {
        rewrite(&file, recovered.proven, recovered.end)?;
        let mut frame = Vec::new();
        let sealer = Sealer::begin(data_key, &recovered.chain, &history.encode(), &mut frame)?;
        let mut log = Self {
            file: Arc::new(file),
            number,
            end: recovered.end,
            durable: 0,
            sealer,
            stretches: recovered.stretches,
            frame,
            plain: Zeroizing::default(),
        };
        log.write_epoch()?;
        Ok(log)
    }

    /// Starts another epoch in the same log.
    pub(crate) fn begin(&mut self, data_key: &[u8; 32], history: &History) -> Result<(), Error> {
        self.frame.clear();
        self.sealer = Sealer::begin(
            data_key,
            &self.sealer.chain(),
            &history.encode(),
            &mut self.frame,
        )?;
        self.write_epoch()
    }

    fn write_epoch(&mut self) -> Result<(), Error> {
        self.stretches.push(Stretch {
            from: self.end,
            subkey: self.sealer.subkey(),
        });
        self.write_frame()
    }

    /// The number of epochs in the log.
    pub(crate) fn epochs(&self) -> usize {
        self.stretches.len()
    }

    /// Appends a batch. Returns the offset of its frame, and how many bytes of the plaintext precede the changes.
    pub(crate) fn append(&mut self, kind: Kind, batch: &Batch) -> Result<(u64, usize), Error> {
        let at = self.end;
        let needed = batch.len() + 5;
        if needed > MAX_BODY_BYTES {
            return Err(Error::TooLarge(batch.len()));
        }
        // Checked before sealing: otherwise the next frame would be bound to one that was never written.
        if at + (HEAD_BYTES + needed + TAG_BYTES) as u64 > MAX_OFFSET {
            return Err(Error::Full);
        }
        let mut plain = std::mem::take(&mut self.plain);
        plain.clear();
        if plain.capacity() < needed {
            plain = Zeroizing::new(Vec::with_capacity(needed.next_power_of_two()));
        }
        if kind == Kind::Batch {
            // If the distance does not fit, the frame proves nothing about durability, which is safe.
            let distance = (at - self.durable).min(u64::from(u32::MAX));
            write_length(
                &mut plain,
                usize::try_from(distance).unwrap_or(u32::MAX as usize),
            );
        }
        let skip = plain.len();
        plain.extend_from_slice(batch.bytes());
        self.frame.clear();
        let sealed = self.sealer.seal(kind, &plain, &mut self.frame);
        keep_small(&mut plain);
        self.plain = plain;
        sealed.ok_or(Error::Exhausted)?;
        self.write_frame()?;
        Ok((at, skip))
    }

    fn write_frame(&mut self) -> Result<(), Error> {
        self.file
            .write_at(&self.frame, self.end)
            .map_err(Error::Write)?;
        self.end += self.frame.len() as u64;
        if self.frame.capacity() > WINDOW_BYTES {
            self.frame = Vec::new();
        }
        Ok(())
    }

    /// Makes everything durable.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        self.file.sync().map_err(Error::Sync)?;
        self.durable = self.end;
        Ok(())
    }

    /// Opens the frame at an offset again.
    pub(crate) fn open(&self, at: u64) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.open_again(at)
            .map_err(Error::Read)?
            .ok_or(Error::Damaged { at, end: self.end })
    }

    fn open_again(&self, at: u64) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let stretch = self
            .stretches
            .partition_point(|stretch| stretch.from <= at)
            .checked_sub(1);
        let Some(Stretch { subkey, .. }) = stretch.map(|stretch| &self.stretches[stretch]) else {
            return Ok(None);
        };
        let mut before = [0; TAG_BYTES + HEAD_BYTES];
        let Some(from) = at.checked_sub(TAG_BYTES as u64) else {
            return Ok(None);
        };
        if self.file.read_at(&mut before, from)? != before.len() {
            return Ok(None);
        }
        let (chain, head) = before.split_at(TAG_BYTES);
        let Some((chain, head)) = chain
            .first_chunk()
            .zip(head.first_chunk().and_then(Head::parse))
        else {
            return Ok(None);
        };
        let mut rest = Zeroizing::new(vec![0; head.length + TAG_BYTES]);
        if self.file.read_at(&mut rest, at + HEAD_BYTES as u64)? != rest.len() {
            return Ok(None);
        }
        let length = subkey
            .open(chain, head, &mut rest, 0)
            .map(|plain| plain.len());
        Ok(length.map(|length| {
            rest.truncate(length);
            rest
        }))
    }
}

/// Writes existing bytes once more. If a sync failed in an earlier process, the kernel may still show pages that
/// never reached the disk, and consider them clean.
fn rewrite(file: &impl DiskFile, from: u64, end: u64) -> Result<(), Error> {
    let (mut at, mut buffer) = (from, Vec::new());
    while at < end {
        let length = usize::try_from(end - at).map_or(WINDOW_BYTES, |left| left.min(WINDOW_BYTES));
        buffer.resize(length, 0);
        if file.read_at(&mut buffer, at).map_err(Error::Read)? != length {
            return Err(Error::Damaged { at, end });
        }
        file.write_at(&buffer, at).map_err(Error::Write)?;
        at += length as u64;
    }
    Ok(())
}

/// Frees the plaintext buffer of a large batch.
fn keep_small(plain: &mut Zeroizing<Vec<u8>>) {
    if plain.capacity() > WINDOW_BYTES {
        *plain = Zeroizing::default();
    }
}

impl From<NoRandom> for Error {
    fn from(error: NoRandom) -> Self {
        Self::NoRandom(error)
    }
}
