//! A file of events: written once, sealed in blocks under a key of its own, read a block at a time.
//!
//! ```text
//! file    = block*
//! block   = ciphertext tag(16)          ChaCha20-Poly1305(key, nonce = the block's index, aad = info | number(8))
//! plain   = (length(4) row)*
//! record  = key(32) newest(8) count(4) (first(8) length(4))* mark(8)*     in the log; lengths are of plaintexts
//! ```
//!
//! Everything is little-endian. Without its record, which has the key, a file cannot be decrypted: removing the
//! record destroys it.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::ROW_HEAD_BYTES;
use crate::disk::{Disk, DiskFile as _, numbered};
use crate::error::Error;
use crate::secret::Key32;
use crate::vault::Entry;

const INFO: &[u8] = b"openclaw/journal/v1 segment";
/// Small, because reading one event opens its whole block.
const BLOCK_BYTES: usize = 16 << 10;
const TAG_BYTES: usize = 16;

pub(crate) fn name(number: u64) -> String {
    format!("journal-{number}.seg")
}

/// The number in a file's name.
pub(crate) fn number(name: &str) -> Option<u64> {
    numbered(name, "journal-", ".seg")
}

/// A chunk that is about to be written into a file.
pub struct Sealing {
    number: u64,
    blocks: Vec<(u64, Zeroizing<Vec<u8>>)>,
    marks: Vec<u64>,
}

impl Sealing {
    pub(super) fn new(number: u64, first: u64, rows: &[Entry]) -> Self {
        let mut sealing = Self {
            number,
            blocks: Vec::new(),
            marks: Vec::new(),
        };
        for (seq, row) in (first..).zip(rows) {
            sealing.add(seq, &row.value);
        }
        sealing
    }

    fn add(&mut self, seq: u64, row: &[u8]) {
        let needed = 4 + row.len();
        let fits = self
            .blocks
            .last()
            .is_some_and(|(_, block)| block.len() + needed <= block.capacity());
        if !fits {
            // The capacity is final: growing would leave a copy of the plaintext behind.
            let block = Zeroizing::new(Vec::with_capacity(BLOCK_BYTES.max(needed)));
            self.blocks.push((seq, block));
        }
        if let Some((_, block)) = self.blocks.last_mut() {
            block.extend(u32::try_from(row.len()).unwrap_or(u32::MAX).to_le_bytes());
            block.extend_from_slice(row);
        }
        self.marks.extend(mark(row).filter(|mark| *mark != 0));
    }

    /// Writes the file and makes it durable. No record refers to it yet.
    pub fn seal(mut self, disk: &impl Disk) -> Result<Segment, Error> {
        let key = Key32::random()?;
        let file = disk.create(&name(self.number)).map_err(Error::Folder)?;
        let cipher = cipher(&key);
        let mut at = 0;
        let mut blocks = Vec::with_capacity(self.blocks.len());
        for (place, (first, plain)) in self.blocks.iter_mut().enumerate() {
            let length = plain.len();
            let aad = associated(self.number);
            let tag = cipher
                .seal_in_place_separate_tag(nonce(place), Aad::from(&aad), plain)
                .expect("a block is shorter than the algorithm's limit");
            file.write_at(plain, at).map_err(Error::Write)?;
            at += length as u64;
            file.write_at(tag.as_ref(), at).map_err(Error::Write)?;
            at += TAG_BYTES as u64;
            blocks.push((*first, length));
        }
        file.sync().map_err(Error::Sync)?;
        disk.sync().map_err(Error::Folder)?;
        Ok(Segment {
            number: self.number,
            key,
            blocks,
            marks: self.marks,
        })
    }
}

/// What the record in the log has about a file of events.
pub struct Segment {
    pub(super) number: u64,
    key: Key32,
    /// The first seq of each block, and the length of its plaintext.
    blocks: Vec<(u64, usize)>,
    pub(super) marks: Vec<u64>,
}

impl Segment {
    /// The length of the file.
    pub(super) fn bytes(&self) -> u64 {
        self.blocks
            .iter()
            .map(|(_, length)| (length + TAG_BYTES) as u64)
            .sum()
    }

    pub(super) fn first(&self) -> Option<u64> {
        self.blocks.first().map(|(first, _)| *first)
    }

    pub(super) fn encode(&self, newest: u64) -> Zeroizing<Vec<u8>> {
        let length = 44 + 12 * self.blocks.len() + 8 * self.marks.len();
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        bytes.extend_from_slice(self.key.bytes());
        bytes.extend(newest.to_le_bytes());
        bytes.extend(as_u32(self.blocks.len()).to_le_bytes());
        for (first, length) in &self.blocks {
            bytes.extend(first.to_le_bytes());
            bytes.extend(as_u32(*length).to_le_bytes());
        }
        for mark in &self.marks {
            bytes.extend(mark.to_le_bytes());
        }
        bytes
    }

    /// Decodes a record: the segment, and the time of its newest event.
    pub(super) fn decode(number: u64, bytes: &[u8]) -> Option<(Self, u64)> {
        let (key, rest) = bytes.split_first_chunk::<32>()?;
        let (newest, rest) = rest.split_first_chunk::<8>()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        let (blocks, marks) = rest.split_at_checked(count.checked_mul(12)?)?;
        let mut key = *key;
        let segment = Self {
            number,
            key: Key32::take(&mut key),
            blocks: blocks.chunks_exact(12).map_while(block).collect(),
            marks: marks.chunks_exact(8).map_while(u64_at_start).collect(),
        };
        Some((segment, u64::from_le_bytes(*newest)))
    }

    /// The index of the block that holds an event.
    pub(super) fn block_of(&self, seq: u64) -> usize {
        let after = self.blocks.partition_point(|(first, _)| *first <= seq);
        after.saturating_sub(1)
    }

    /// The first and last seq of a block, in a file that ends with `last`.
    pub(super) fn seqs_of(&self, place: usize, last: u64) -> (u64, u64) {
        let first = self.blocks.get(place).map_or(last, |(first, _)| *first);
        let next = self.blocks.get(place + 1);
        (first, next.map_or(last, |(first, _)| first - 1))
    }

    /// The number of blocks.
    pub(super) fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Opens a block: returns its first seq and its rows.
    pub(super) fn open(
        &self,
        file: &impl crate::disk::DiskFile,
        place: usize,
    ) -> Result<(u64, Zeroizing<Vec<u8>>), Error> {
        let (first, length) = self.blocks[place];
        let before: usize = self.blocks[..place]
            .iter()
            .map(|(_, l)| l + TAG_BYTES)
            .sum();
        let at = before as u64;
        let mut bytes = Zeroizing::new(vec![0; length + TAG_BYTES]);
        let read = file.read_at(&mut bytes, at).map_err(Error::Read)?;
        let aad = associated(self.number);
        let opened = (read == bytes.len())
            .then(|| cipher(&self.key).open_in_place(nonce(place), Aad::from(&aad), &mut bytes))
            .is_some_and(|opened| opened.is_ok());
        if !opened {
            return Err(Error::EventsDamaged(name(self.number)));
        }
        bytes.truncate(length);
        Ok((first, bytes))
    }
}

/// Splits a block into rows.
pub(super) fn rows(mut block: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = block.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (row, rest) = rest.split_at_checked(length)?;
        block = rest;
        Some(row)
    })
}

pub(super) fn mark(row: &[u8]) -> Option<u64> {
    row.get(8..ROW_HEAD_BYTES).and_then(u64_at_start)
}

pub(super) fn time(row: &[u8]) -> Option<u64> {
    u64_at_start(row)
}

fn u64_at_start(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

fn block(bytes: &[u8]) -> Option<(u64, usize)> {
    let (first, length) = bytes.split_first_chunk::<8>()?;
    let length = u32::from_le_bytes(*length.first_chunk()?);
    Some((u64::from_le_bytes(*first), usize::try_from(length).ok()?))
}

fn as_u32(length: usize) -> u32 {
    u32::try_from(length).expect("a chunk is much shorter")
}

fn cipher(key: &Key32) -> Box<LessSafeKey> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key.bytes())
        .expect("the key has the algorithm's length");
    // On the heap, where the allocator wipes it when it is freed.
    Box::new(LessSafeKey::new(key))
}

fn nonce(place: usize) -> Nonce {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&(place as u64).to_le_bytes());
    Nonce::assume_unique_for_key(nonce)
}

fn associated(number: u64) -> Vec<u8> {
    [INFO, &number.to_le_bytes()].concat()
}
