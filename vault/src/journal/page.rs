//! Reads events in order, a page at a time.

use std::ops::RangeInclusive;

use zeroize::Zeroizing;

use super::{Filed, Journal, ROW_HEAD_BYTES, segment};
use crate::disk::Disk;
use crate::error::Error;
use crate::journal::segment::Segment;
use crate::key::Key;
use crate::vault::Vault;

/// The maximum size of a page in bytes of events, unless its first event is larger.
const PAGE_BYTES: usize = 256 << 10;

/// An event.
pub struct Row {
    /// The sequence number.
    pub seq: u64,
    /// When it was written.
    pub at: u64,
    /// The caller's encoding of the event.
    pub event: Zeroizing<Vec<u8>>,
}

impl Row {
    pub(super) fn of(seq: u64, row: &[u8]) -> Self {
        Self {
            seq,
            at: segment::time(row).unwrap_or_default(),
            event: Zeroizing::new(row.get(ROW_HEAD_BYTES..).unwrap_or_default().to_vec()),
        }
    }
}

/// What a reader gets at its cursor.
#[derive(Default)]
pub struct Page {
    /// First and last seq of events that are not available: they were deleted, or their file is damaged.
    pub gap: Option<(u64, u64)>,
    /// The error, if damage caused the gap. A gap never has both causes.
    pub damage: Option<Error>,
    /// The events, oldest first.
    pub rows: Vec<Row>,
    bytes: usize,
}

impl Page {
    fn is_full(&self, most: usize) -> bool {
        self.rows.len() >= most || self.bytes >= PAGE_BYTES
    }

    /// Records that the next events cannot be read. Returns false if the page already has something before them.
    fn damage(&mut self, first: u64, last: u64, error: Error) -> bool {
        match (&mut self.gap, &self.damage) {
            _ if !self.rows.is_empty() => return false,
            // Deleted events are reported first, in a gap of their own.
            (Some(_), None) => return false,
            (Some(gap), Some(_)) => gap.1 = last,
            (gap @ None, _) => *gap = Some((first, last)),
        }
        self.damage.get_or_insert(error);
        true
    }

    fn add(&mut self, seq: u64, row: &[u8]) {
        let row = Row::of(seq, row);
        self.bytes += row.event.len();
        self.rows.push(row);
    }
}

impl Journal {
    /// Returns up to `most` events from `from` to `until`, inclusive. A shorter page does not mean that there are no
    /// more.
    pub fn read<D: Disk>(
        &self,
        vault: &Vault<D>,
        from: u64,
        until: u64,
        most: usize,
    ) -> Result<Page, Error> {
        let mut page = Page::default();
        let oldest = self.oldest();
        if from < oldest {
            page.gap = Some((from, oldest - 1));
        }
        let mut seq = from.max(oldest);
        if let Some(file) = self.files.iter().find(|file| file.last >= seq) {
            self.read_file(vault, file, seq..=until, most, &mut page)?;
            return Ok(page);
        }
        while seq <= until && seq < self.next && !page.is_full(most) {
            match self.row(vault, seq)? {
                Some(row) => page.add(seq, &row),
                None if page.rows.is_empty() => {
                    page.gap = Some((page.gap.map_or(seq, |(first, _)| first), seq));
                }
                None => break,
            }
            seq += 1;
        }
        Ok(page)
    }

    pub(super) fn row<D: Disk>(
        &self,
        vault: &Vault<D>,
        seq: u64,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let after = self.chunks.partition_point(|chunk| chunk.first <= seq);
        let Some(chunk) = after.checked_sub(1).map(|place| &self.chunks[place]) else {
            return Ok(None);
        };
        let (scope, id) = (chunk.number.to_be_bytes(), seq.to_be_bytes());
        vault.load(Key::new(self.tables.rows, &scope, &id))
    }

    pub(super) fn segment<D: Disk>(
        &self,
        vault: &Vault<D>,
        number: u64,
    ) -> Result<Option<(Segment, u64)>, Error> {
        let record = vault.load(Key::new(self.tables.files, "", &number.to_be_bytes()))?;
        Ok(record.and_then(|record| Segment::decode(number, &record)))
    }

    /// Reads the intact events of a file up to the first damage; if the damage comes first, only reports it.
    fn read_file<D: Disk>(
        &self,
        vault: &Vault<D>,
        file: &Filed,
        seqs: RangeInclusive<u64>,
        most: usize,
        page: &mut Page,
    ) -> Result<(), Error> {
        let (from, until) = seqs.into_inner();
        let (segment, opened) = match self.open_file(vault, file)? {
            Ok(opened) => opened,
            Err(error) => {
                page.damage(from, file.last, error);
                return Ok(());
            }
        };
        for place in segment.block_of(from)..segment.blocks() {
            let block = match segment.open(&opened, place) {
                Ok(block) => block,
                Err(error) => {
                    let (first, last) = segment.seqs_of(place, file.last);
                    if !page.damage(first.max(from), last, error) {
                        return Ok(());
                    }
                    continue;
                }
            };
            // The next page continues after the damage.
            if page.damage.is_some() {
                return Ok(());
            }
            let (first, block) = block;
            for (seq, row) in (first..).zip(segment::rows(&block)) {
                if seq > until || page.is_full(most) {
                    return Ok(());
                }
                if seq >= from {
                    page.add(seq, row);
                }
            }
        }
        Ok(())
    }

    /// Opens a file if it exists: a missing file is a gap in the events, not a failure of the vault.
    pub(super) fn open_file<D: Disk>(
        &self,
        vault: &Vault<D>,
        file: &Filed,
    ) -> Result<Result<(Segment, D::File), Error>, Error> {
        let name = segment::name(file.number);
        let Some((segment, _)) = self.segment(vault, file.number)? else {
            return Ok(Err(Error::LogMissing(name)));
        };
        Ok(match vault.disk.open(&name) {
            Ok(Some(opened)) => Ok((segment, opened)),
            Ok(None) => Err(Error::LogMissing(name)),
            Err(error) => Err(Error::Folder(error)),
        })
    }
}
