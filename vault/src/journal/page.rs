//! Events read in order, some at a time.

use zeroize::Zeroizing;

use super::{Filed, Journal, ROW_HEAD, segment};
use crate::disk::Disk;
use crate::error::Error;
use crate::journal::segment::Segment;
use crate::key::Key;
use crate::vault::Vault;

/// What one page holds at the most, in bytes of events, unless the first is longer.
const PAGE_BYTES: usize = 256 << 10;

/// An event.
pub struct Row {
    /// Its place.
    pub seq: u64,
    /// When it was written.
    pub at: u64,
    /// What it is.
    pub event: Zeroizing<Vec<u8>>,
}

/// What a cursor finds.
#[derive(Default)]
pub struct Page {
    /// Events that are not there any more, first and last: they were let go of, or their file is harmed.
    pub gap: Option<(u64, u64)>,
    /// Why a file could not be read, if that is the gap's cause.
    pub harmed: Option<Error>,
    /// The events, oldest first.
    pub rows: Vec<Row>,
    bytes: usize,
}

impl Page {
    fn is_full(&self, most: usize) -> bool {
        self.rows.len() >= most || self.bytes >= PAGE_BYTES
    }

    fn add(&mut self, seq: u64, row: &[u8]) {
        let event = row.get(ROW_HEAD..).unwrap_or_default();
        self.bytes += event.len();
        self.rows.push(Row {
            seq,
            at: segment::time(row).unwrap_or_default(),
            event: Zeroizing::new(event.to_vec()),
        });
    }
}

impl Journal {
    /// Up to `most` events from `from` to `until`, both included. Fewer do not mean that there are no more.
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
        if let Some(file) = self.files.iter().find(|file| file.last >= seq).copied() {
            let read = self.read_file(vault, file, seq, until, most, &mut page);
            // What was read before the harm is shown first.
            if let Err(error) = read
                && page.rows.is_empty()
            {
                page.gap = Some((page.gap.map_or(seq, |(first, _)| first), file.last));
                page.harmed = Some(error);
            }
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

    fn row<D: Disk>(
        &self,
        vault: &Vault<D>,
        seq: u64,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let after = self.chunks.partition_point(|chunk| chunk.first <= seq);
        let Some(chunk) = after.checked_sub(1).map(|place| self.chunks[place]) else {
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

    fn read_file<D: Disk>(
        &self,
        vault: &Vault<D>,
        file: Filed,
        from: u64,
        until: u64,
        most: usize,
        page: &mut Page,
    ) -> Result<(), Error> {
        let name = segment::name(file.number);
        let missing = || Error::LogMissing(name.clone());
        let (segment, _) = self.segment(vault, file.number)?.ok_or_else(missing)?;
        let opened = vault.disk.open(&name).map_err(Error::Folder)?;
        let opened = opened.ok_or_else(missing)?;
        for place in segment.block_of(from)..segment.blocks() {
            let (first, block) = segment.open(&opened, place)?;
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
}
