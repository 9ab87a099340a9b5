//! Events in order, in constant memory: the newest are records of the log, older ones are in sealed files.
//!
//! ```text
//! rows    chunk(8, BE), seq(8, BE) -> row         written in the same batch as the changes that belong to it
//! files   "", number(8, BE)        -> key, ranges  a chunk that was moved into `journal-N.seg`, see `segment`
//! state   "", ""                   -> seq(8, LE)   the lowest seq for new events after a start
//! state   "marks", number(8, BE)   -> mark(8, LE)* the marks of a chunk that was deleted
//!
//! row     = time(8) mark(8) event                  little-endian; a mark identifies the event's message, 0 is none
//! ```
//!
//! The upper half of a mark is derived from the message's id only, so that all events of one id can be found: see
//! `marks`.
//!
//! The journal adds its changes to a [`Batch`] that the caller appends to the log, so that an event and the changes
//! that belong to it become durable together. It does not know what an event is, and has no clock.

use std::collections::VecDeque;

use zeroize::Zeroizing;

use crate::batch::Batch;
use crate::disk::Disk;
use crate::error::Error;
use crate::key::{Key, Table};
use crate::vault::{Lsn, Vault};

mod damage;
mod filter;
mod marks;
mod page;
mod recovery;
mod segment;

use filter::Filter;
use marks::{Expired, Rows};

pub use damage::Damage;
pub use page::{Page, Row};
pub(crate) use segment::number as file_number;
pub use segment::{Sealing, Segment};

/// A chunk of this size is moved into a file.
const CHUNK_BYTES: u64 = 256 << 10;
/// So is a chunk with this many rows: each row costs memory while it is in the log.
const CHUNK_ROWS: u64 = 2048;
/// Bytes of a row before the event.
const ROW_HEAD_BYTES: usize = 16;
/// The maximum size of an event: it must fit into a frame with the other changes of its batch.
pub const MAX_EVENT_BYTES: usize = 4 << 20;

/// The tables of the journal.
#[derive(Debug, Clone, Copy)]
pub struct JournalTables {
    /// Events that are not yet in a file.
    pub rows: Table,
    /// The records of the files.
    pub files: Table,
    /// The next seq, for when no event is left, and the marks of deleted chunks.
    pub state: Table,
}

/// How much the journal retains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The size limit in bytes. Above it the oldest files are deleted.
    pub bytes: u64,
    /// Events up to this seq have reached their maximum age.
    pub until: u64,
}

/// The positions of all events. The events themselves are in the vault.
pub struct Journal {
    tables: JournalTables,
    /// The seq of the next event.
    next: u64,
    files: VecDeque<Filed>,
    /// Events that are not yet in a file, oldest first. Never empty: the last chunk receives new events.
    chunks: VecDeque<Chunk>,
    /// Marks of deleted events, oldest first.
    expired: VecDeque<Expired>,
}

/// A run of events that are records of the log.
#[derive(Clone)]
struct Chunk {
    number: u64,
    first: u64,
    rows: u64,
    bytes: u64,
    newest: u64,
    marks: Rows,
}

/// A run of events that is in a file.
struct Filed {
    number: u64,
    first: u64,
    last: u64,
    bytes: u64,
    marks: Filter,
}

impl Chunk {
    fn new(number: u64, first: u64) -> Self {
        Self {
            number,
            first,
            rows: 0,
            bytes: 0,
            newest: 0,
            marks: Rows::default(),
        }
    }

    fn is_full(&self) -> bool {
        self.bytes >= CHUNK_BYTES || self.rows >= CHUNK_ROWS
    }

    fn note(&mut self, row: usize, at: u64, mark: u64) {
        self.count(row, at);
        self.marks.push(mark);
    }

    fn count(&mut self, row: usize, at: u64) {
        self.rows += 1;
        self.bytes += row as u64;
        self.newest = self.newest.max(at);
    }
}

impl Journal {
    /// Adds an event to a batch and returns its seq. The caller must append the batch before the next call to the
    /// journal.
    pub fn push(&mut self, batch: &mut Batch, at: u64, mark: u64, event: &[u8]) -> u64 {
        let seq = self.next;
        if let Some(full) = self.chunks.back().filter(|chunk| chunk.is_full()) {
            let number = full.number + 1;
            self.chunks.push_back(Chunk::new(number, seq));
        }
        let mut row = Zeroizing::new(Vec::with_capacity(ROW_HEAD_BYTES + event.len()));
        row.extend(at.to_le_bytes());
        row.extend(mark.to_le_bytes());
        row.extend_from_slice(event);
        if let Some(chunk) = self.chunks.back_mut() {
            let (scope, id) = (chunk.number.to_be_bytes(), seq.to_be_bytes());
            batch.put(Key::new(self.tables.rows, &scope, &id), &row);
            chunk.note(row.len(), at, mark);
        }
        self.next = seq + 1;
        seq
    }

    /// The seq of the newest event. If there is none, one less than the next seq.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.next - 1
    }

    /// The seq of the oldest retained event. If there is none, the next seq.
    #[must_use]
    pub fn oldest(&self) -> u64 {
        self.files
            .front()
            .map(|file| file.first)
            .or_else(|| self.chunks.front().map(|chunk| chunk.first))
            .unwrap_or(self.next)
    }

    /// The size of the retained events in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let files: u64 = self.files.iter().map(|file| file.bytes).sum();
        files + self.chunks.iter().map(|chunk| chunk.bytes).sum::<u64>()
    }

    /// The number of files.
    #[must_use]
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// Reads the next chunk that should move into a file. Seal it without holding a lock, then call
    /// [`Journal::filed`].
    pub fn filing<D: Disk>(&self, vault: &Vault<D>) -> Result<Option<Sealing>, Error> {
        let Some(chunk) = self.chunks.front().filter(|_| self.chunks.len() > 1) else {
            return Ok(None);
        };
        let mut rows = Vec::new();
        let scope = chunk.number.to_be_bytes();
        vault.scan(self.tables.rows, Some(&scope), |entry| rows.push(entry))?;
        rows.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        Ok(Some(Sealing::new(chunk.number, chunk.first, &rows)))
    }

    /// Records that a chunk is in its file, where it is read from now on. Returns the batch to append.
    pub fn filed<D: Disk>(
        &mut self,
        vault: &mut Vault<D>,
        segment: &Segment,
    ) -> Result<Lsn, Error> {
        let chunk = self.chunks.front();
        let chunk = chunk.filter(|chunk| chunk.number == segment.number && self.chunks.len() > 1);
        let Some(chunk) = chunk.cloned() else {
            return Ok(vault.written());
        };
        let mut batch = Batch::new();
        let number = chunk.number.to_be_bytes();
        batch.put(
            Key::new(self.tables.files, "", &number),
            &segment.encode(chunk.newest),
        );
        batch.clear_scope(self.tables.rows, &number);
        let lsn = vault.append(&batch)?;
        self.chunks.pop_front();
        self.files.push_back(Filed {
            number: chunk.number,
            first: chunk.first,
            last: chunk.first + chunk.rows - 1,
            bytes: segment.bytes(),
            marks: Filter::of(chunk.marks.list()),
        });
        self.bound_filters();
        Ok(lsn)
    }

    /// Deletes events beyond the retention. Returns the files to remove once the deletion is durable.
    pub fn expire<D: Disk>(
        &mut self,
        vault: &mut Vault<D>,
        retention: Retention,
    ) -> Result<Vec<u64>, Error> {
        let mut batch = Batch::new();
        let mut expired = Vec::new();
        let too_old = |last: u64| last <= retention.until;
        while let Some(file) = self.files.front()
            && (too_old(file.last) || self.bytes() > retention.bytes)
        {
            let number = file.number;
            if let Some((segment, _)) = self.segment(vault, number)? {
                self.retain_marks(&mut batch, number, segment.marks);
            }
            batch.delete(Key::new(self.tables.files, "", &number.to_be_bytes()));
            expired.push(number);
            self.files.pop_front();
        }
        while let Some(chunk) = self.chunks.front()
            && self.files.is_empty()
            && chunk.rows > 0
            && too_old(chunk.first + chunk.rows - 1)
        {
            let (number, marks) = (chunk.number, chunk.marks.list().to_vec());
            self.retain_marks(&mut batch, number, marks);
            batch.clear_scope(self.tables.rows, &number.to_be_bytes());
            self.chunks.pop_front();
            if self.chunks.is_empty() {
                self.chunks.push_back(Chunk::new(number + 1, self.next));
            }
        }
        if !batch.is_empty() {
            // So that seqs are not reused when no event is left.
            batch.put(
                Key::new(self.tables.state, "", ""),
                &self.next.to_le_bytes(),
            );
            vault.append(&batch)?;
        }
        Ok(expired)
    }

    /// Removes the files that [`Journal::expire`] returned. If that fails, the next start removes them.
    pub fn remove(disk: &impl Disk, expired: &[u64]) {
        for number in expired {
            let _ = disk.remove(&segment::name(*number));
        }
    }
}
