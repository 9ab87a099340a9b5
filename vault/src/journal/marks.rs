//! Looks events up by their mark, at any distance, so that a redelivered message is recognised.
//!
//! In memory there is a [`Filter`] for each file: about 2.5 bytes an event with a mark, and half of that for the
//! oldest files once the total exceeds [`FILTER_BYTES`]. If a filter matches, the file's record is read. Marks
//! outlive their events: the last [`MAX_EXPIRED_MARKS`] marks of deleted events are retained.

use std::collections::BTreeMap;

use super::filter::{Filter, half};
use super::page::Row;
use super::{Journal, segment};
use crate::batch::Batch;
use crate::disk::Disk;
use crate::error::Error;
use crate::key::Key;
use crate::vault::Vault;

/// Above this total the filters of the oldest files are narrowed.
const FILTER_BYTES: usize = 1 << 20;
/// The number of marks that are retained after their events are deleted.
const MAX_EXPIRED_MARKS: usize = 65_536;
/// The maximum number of events of one id that are read. A message and its edits, reactions and receipts are only a
/// few.
const MAX_SAME: usize = 64;

const SCOPE: &str = "marks";

/// The marks of a chunk whose events were deleted. They are stored in the log.
pub(super) struct Expired {
    number: u64,
    count: usize,
    marks: Filter,
}

/// The mark of each row of a chunk, 0 for none, with a bitmap of their hashes, which rules out most other marks
/// quickly.
#[derive(Clone, Default)]
pub(super) struct Rows {
    list: Vec<u64>,
    bits: Vec<u64>,
}

impl Rows {
    /// 16 bits for each row of the longest chunk.
    const BITS: u32 = 1 << 15;

    pub(super) fn push(&mut self, mark: u64) {
        self.list.push(mark);
        if mark != 0 {
            self.bits.resize(Self::BITS as usize / 64, 0);
            let (word, bit) = Self::place(half(mark));
            self.bits[word] |= bit;
        }
    }

    pub(super) fn list(&self) -> &[u64] {
        &self.list
    }

    fn may_hold(&self, key: u32) -> bool {
        let (word, bit) = Self::place(key);
        self.bits.get(word).is_some_and(|bits| bits & bit != 0)
    }

    fn place(key: u32) -> (usize, u64) {
        let bit = key % Self::BITS;
        ((bit / 64) as usize, 1 << (bit % 64))
    }
}

impl Journal {
    /// True if there is, or was, an event with one of these marks.
    pub fn knows<D: Disk>(&self, vault: &Vault<D>, marks: &[u64]) -> Result<bool, Error> {
        let in_chunk = |rows: &Rows| {
            let mut marks = marks.iter().filter(|mark| rows.may_hold(half(**mark)));
            marks.any(|mark| rows.list.contains(mark))
        };
        if self.chunks.iter().any(|chunk| in_chunk(&chunk.marks)) {
            return Ok(true);
        }
        let may_hold = |filter: &Filter| marks.iter().any(|mark| filter.may_hold(half(*mark)));
        for file in self.files.iter().rev().filter(|file| may_hold(&file.marks)) {
            let found = self.segment(vault, file.number)?;
            if found.is_some_and(|(segment, _)| segment.marks.iter().any(|m| marks.contains(m))) {
                return Ok(true);
            }
        }
        for expired in self
            .expired
            .iter()
            .rev()
            .filter(|expired| may_hold(&expired.marks))
        {
            let found = vault.load(self.expired_key(&expired.number.to_be_bytes()))?;
            if found.is_some_and(|found| numbers(&found).any(|mark| marks.contains(&mark))) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The retained events whose mark has this upper half, newest first. Events in files that cannot be read are left
    /// out.
    pub fn find_by_id<D: Disk>(&self, vault: &Vault<D>, key: u32) -> Result<Vec<Row>, Error> {
        let matches = |mark: u64| mark != 0 && half(mark) == key;
        let mut found = Vec::new();
        let chunks = self.chunks.iter().rev();
        for chunk in chunks.filter(|chunk| chunk.marks.may_hold(key)) {
            let marked = (chunk.first..).zip(chunk.marks.list());
            let marked = marked.filter(|(_, mark)| matches(**mark));
            let seqs: Vec<u64> = marked.map(|(seq, _)| seq).collect();
            for seq in seqs.into_iter().rev().take(MAX_SAME) {
                // Absent if the event's batch is not written yet.
                if let Some(row) = self.row(vault, seq)? {
                    found.push(Row::of(seq, &row));
                }
            }
        }
        for file in self
            .files
            .iter()
            .rev()
            .filter(|file| file.marks.may_hold(key))
        {
            if found.len() >= MAX_SAME {
                break;
            }
            let Some((segment, _)) = self.segment(vault, file.number)? else {
                continue;
            };
            if segment.marks.iter().any(|mark| matches(*mark)) {
                let opened = vault.disk.open(&segment::name(file.number));
                let Some(opened) = opened.map_err(Error::Folder)? else {
                    continue;
                };
                let mut rows = Vec::new();
                for place in 0..segment.blocks() {
                    let Ok((first, block)) = segment.open(&opened, place) else {
                        continue;
                    };
                    let named = (first..).zip(segment::rows(&block));
                    let named = named.filter(|(_, row)| segment::mark(row).is_some_and(matches));
                    rows.extend(named.map(|(seq, row)| Row::of(seq, row)));
                }
                found.extend(rows.into_iter().rev());
            }
        }
        found.truncate(MAX_SAME);
        Ok(found)
    }

    /// Retains the marks of a chunk that the batch deletes.
    pub(super) fn retain_marks(&mut self, batch: &mut Batch, number: u64, mut marks: Vec<u64>) {
        marks.retain(|mark| *mark != 0);
        if marks.is_empty() {
            return;
        }
        let bytes: Vec<u8> = marks.iter().flat_map(|mark| mark.to_le_bytes()).collect();
        batch.put(self.expired_key(&number.to_be_bytes()), &bytes);
        self.expired.push_back(Expired {
            number,
            count: marks.len(),
            marks: Filter::of(&marks),
        });
        while self
            .expired
            .iter()
            .map(|expired| expired.count)
            .sum::<usize>()
            > MAX_EXPIRED_MARKS
            && let Some(oldest) = self.expired.pop_front()
        {
            batch.delete(self.expired_key(&oldest.number.to_be_bytes()));
        }
    }

    pub(super) fn load_expired<D: Disk>(&mut self, vault: &Vault<D>) -> Result<(), Error> {
        let mut expired = BTreeMap::new();
        vault.scan(self.tables.state, Some(SCOPE.as_bytes()), |entry| {
            let Some(number) = entry.id.first_chunk().map(|id| u64::from_be_bytes(*id)) else {
                return;
            };
            let marks: Vec<u64> = numbers(&entry.value).collect();
            let (count, marks) = (marks.len(), Filter::of(&marks));
            expired.insert(
                number,
                Expired {
                    number,
                    count,
                    marks,
                },
            );
        })?;
        self.expired = expired.into_values().collect();
        Ok(())
    }

    /// The number of the chunk that was deleted last.
    pub(super) fn last_expired(&self) -> Option<u64> {
        self.expired.back().map(|expired| expired.number)
    }

    /// Narrows the filters of the oldest files until their total is below [`FILTER_BYTES`], as far as possible.
    pub(super) fn bound_filters(&mut self) {
        let expired = self.expired.iter_mut().map(|expired| &mut expired.marks);
        let mut filters: Vec<_> = expired
            .chain(self.files.iter_mut().map(|file| &mut file.marks))
            .collect();
        let mut bytes: usize = filters.iter().map(|filter| filter.bytes()).sum();
        for filter in &mut filters {
            if bytes <= FILTER_BYTES {
                break;
            }
            let before = filter.bytes();
            filter.narrow();
            bytes -= before - filter.bytes();
        }
    }

    fn expired_key<'a>(&self, number: &'a [u8]) -> Key<'a> {
        Key::new(self.tables.state, SCOPE, number)
    }
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let (numbers, _) = bytes.as_chunks::<8>();
    numbers.iter().map(|number| u64::from_le_bytes(*number))
}
