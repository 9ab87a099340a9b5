//! Finds the journal in its vault after a clean shutdown or a crash.

use std::collections::{BTreeMap, VecDeque};

use super::filter::Filter;
use super::{Chunk, Filed, Journal, JournalTables, segment};
use crate::batch::Batch;
use crate::disk::Disk;
use crate::error::Error;
use crate::key::Key;
use crate::vault::Vault;

impl Journal {
    /// Finds the journal in a vault, or creates one whose first event gets the seq `first`. Removes unreferenced
    /// files.
    pub fn open<D: Disk>(
        vault: &mut Vault<D>,
        tables: JournalTables,
        first: u64,
    ) -> Result<Self, Error> {
        let mut journal = Self {
            tables,
            next: first,
            files: VecDeque::new(),
            chunks: VecDeque::new(),
            expired: VecDeque::new(),
        };
        let floor = vault.load(Key::new(tables.state, "", ""))?;
        let floor = floor.and_then(|floor| floor.first_chunk().map(|f| u64::from_le_bytes(*f)));
        match floor {
            Some(floor) => journal.next = floor,
            None => {
                let mut batch = Batch::new();
                batch.put(Key::new(tables.state, "", ""), &first.to_le_bytes());
                vault.append(&batch)?;
            }
        }
        journal.find_files(vault)?;
        journal.find_rows(vault)?;
        journal.load_expired(vault)?;
        journal.bound_filters();
        journal.remove_strays(vault)?;
        let last = journal.chunks.back().map(|chunk| chunk.number);
        let last = last.or_else(|| journal.files.back().map(|file| file.number));
        // A number is not reused while marks are stored under it.
        let last = last.max(journal.last_expired());
        if journal.chunks.is_empty() {
            let number = last.map_or(1, |number| number + 1);
            journal.chunks.push_back(Chunk::new(number, journal.next));
        }
        Ok(journal)
    }

    fn find_files<D: Disk>(&mut self, vault: &Vault<D>) -> Result<(), Error> {
        let mut files = BTreeMap::new();
        vault.scan(self.tables.files, None, |entry| {
            let Some(number) = entry.id.first_chunk().map(|id| u64::from_be_bytes(*id)) else {
                return;
            };
            let decoded = segment::Segment::decode(number, &entry.value);
            let Some((segment, _)) = decoded else {
                return;
            };
            if let Some(first) = segment.first() {
                let file = Filed {
                    number,
                    first,
                    last: 0,
                    bytes: segment.bytes(),
                    marks: Filter::of(&segment.marks),
                };
                files.insert(number, file);
            }
        })?;
        self.files = files.into_values().collect();
        // A file ends where the next one begins. The end of the last one is where the rows begin.
        let ends: Vec<u64> = self.files.iter().skip(1).map(|file| file.first).collect();
        for (file, end) in self.files.iter_mut().zip(ends) {
            file.last = end - 1;
        }
        Ok(())
    }

    fn find_rows<D: Disk>(&mut self, vault: &Vault<D>) -> Result<(), Error> {
        let mut chunks: BTreeMap<u64, Chunk> = BTreeMap::new();
        let mut marks: BTreeMap<u64, u64> = BTreeMap::new();
        vault.scan(self.tables.rows, None, |entry| {
            let number = entry.scope.first_chunk().map(|n| u64::from_be_bytes(*n));
            let seq = entry.id.first_chunk().map(|n| u64::from_be_bytes(*n));
            let (Some(number), Some(seq)) = (number, seq) else {
                return;
            };
            let chunk = chunks
                .entry(number)
                .or_insert_with(|| Chunk::new(number, seq));
            let at = segment::time(&entry.value).unwrap_or_default();
            chunk.first = chunk.first.min(seq);
            chunk.count(entry.value.len(), at);
            marks.insert(seq, segment::mark(&entry.value).unwrap_or_default());
        })?;
        self.chunks = chunks.into_values().collect();
        for chunk in &mut self.chunks {
            let seqs = chunk.first..chunk.first + chunk.rows;
            // In seq order; the scan's order may differ.
            marks
                .range(seqs)
                .for_each(|(_, mark)| chunk.marks.push(*mark));
        }
        if let Some(chunk) = self.chunks.back() {
            self.next = self.next.max(chunk.first + chunk.rows);
        }
        if let Some(file) = self.files.back_mut() {
            let end = self.chunks.front().map_or(self.next, |chunk| chunk.first);
            file.last = end - 1;
        }
        Ok(())
    }

    fn remove_strays<D: Disk>(&self, vault: &Vault<D>) -> Result<(), Error> {
        for name in vault.disk.names().map_err(Error::Folder)? {
            let stray = segment::number(&name)
                .is_some_and(|number| !self.files.iter().any(|file| file.number == number));
            if stray {
                vault.disk.remove(&name).map_err(Error::Folder)?;
            }
        }
        Ok(())
    }
}
