//! Atomic batches of changes, and their encoding inside a frame.
//!
//! ```text
//! op    = kind(1) table(1) rest
//! put   = 1 table scope-len id-len value-len scope id value
//! del   = 2 table scope-len id-len scope id
//! scope = 3 table scope-len scope                 removes every record of the scope
//! table = 4 table                                 removes every record of the table
//! ```
//!
//! Lengths are LEB128: at most five bytes, in the shortest encoding.

use zeroize::Zeroizing;

use crate::key::{Key, Table};

const PUT: u8 = 1;
const DELETE: u8 = 2;
const CLEAR_SCOPE: u8 = 3;
const CLEAR_TABLE: u8 = 4;

/// Changes, in the order in which they were added. Wiped when dropped.
#[derive(Default)]
pub struct Batch {
    bytes: Zeroizing<Vec<u8>>,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// True if there are no changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The encoded size in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Sets a record's value.
    pub fn put(&mut self, key: Key<'_>, value: &[u8]) {
        self.push(Op::Put { key, value });
    }

    /// Removes a record, if it exists.
    pub fn delete(&mut self, key: Key<'_>) {
        self.push(Op::Delete { key });
    }

    /// Removes every record of a scope.
    pub fn clear_scope(&mut self, table: Table, scope: &[u8]) {
        self.push(Op::ClearScope { table, scope });
    }

    /// Removes every record of a table.
    pub fn clear_table(&mut self, table: Table) {
        self.push(Op::ClearTable { table });
    }

    /// Adds a change. Returns the position and the length of its encoding.
    pub fn push(&mut self, op: Op<'_>) -> (usize, usize) {
        let at = self.bytes.len();
        let out = &mut *self.bytes;
        reserve(out, op.size());
        match op {
            Op::Put { key, value } => {
                out.extend([PUT, key.table.0]);
                lengths(out, &[key.scope.len(), key.id.len(), value.len()]);
                out.extend_from_slice(key.scope);
                out.extend_from_slice(key.id);
                out.extend_from_slice(value);
            }
            Op::Delete { key } => {
                out.extend([DELETE, key.table.0]);
                lengths(out, &[key.scope.len(), key.id.len()]);
                out.extend_from_slice(key.scope);
                out.extend_from_slice(key.id);
            }
            Op::ClearScope { table, scope } => {
                out.extend([CLEAR_SCOPE, table.0]);
                lengths(out, &[scope.len()]);
                out.extend_from_slice(scope);
            }
            Op::ClearTable { table } => {
                out.extend([CLEAR_TABLE, table.0]);
            }
        }
        (at, out.len() - at)
    }

    /// Removes every change, wipes their bytes, and keeps the allocation.
    pub fn clear(&mut self) {
        zeroize::Zeroize::zeroize(&mut *self.bytes);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The changes, in order.
    pub fn ops(&self) -> impl Iterator<Item = Op<'_>> {
        // `push` encoded these bytes, so every change decodes.
        Ops::new(&self.bytes).map_while(|op| op.ok().map(|(_, _, op)| op))
    }
}

/// Grows into a new allocation and wipes the old one; `Vec` itself would free it unwiped.
fn reserve(bytes: &mut Vec<u8>, more: usize) {
    let needed = bytes.len() + more;
    if needed > bytes.capacity() {
        let mut larger = Vec::with_capacity(needed.max(bytes.capacity() * 2));
        larger.extend_from_slice(bytes);
        zeroize::Zeroize::zeroize(bytes);
        *bytes = larger;
    }
}

fn lengths(out: &mut Vec<u8>, lengths: &[usize]) {
    for &length in lengths {
        write_length(out, length);
    }
}

pub(crate) fn write_length(out: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push((length & 0x7f) as u8);
}

/// One change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Op<'a> {
    /// Sets a record's value.
    Put {
        /// The record's key.
        key: Key<'a>,
        /// The record's value.
        value: &'a [u8],
    },
    /// Removes a record.
    Delete {
        /// The record's key.
        key: Key<'a>,
    },
    /// Removes every record of a scope.
    ClearScope {
        /// The scope's table.
        table: Table,
        /// The scope.
        scope: &'a [u8],
    },
    /// Removes every record of a table.
    ClearTable {
        /// The table.
        table: Table,
    },
}

impl Op<'_> {
    /// The table that it changes.
    pub const fn table(&self) -> Table {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key.table,
            Self::ClearScope { table, .. } | Self::ClearTable { table } => *table,
        }
    }

    /// An upper bound of the encoded size, at most twelve bytes too large.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Put { key, value } => 17 + key.scope.len() + key.id.len() + value.len(),
            Self::Delete { key } => 12 + key.scope.len() + key.id.len(),
            Self::ClearScope { scope, .. } => 7 + scope.len(),
            Self::ClearTable { .. } => 2,
        }
    }
}

/// The bytes do not decode. Sealed frames never hold such bytes, so this is a bug in the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("changes that cannot be decoded at byte {0}")]
pub struct Malformed(pub usize);

/// Decodes changes: yields position, length and change.
pub struct Ops<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Ops<'a> {
    /// Decodes a whole batch.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self::starting_at(bytes, 0)
    }

    /// Decodes from position `at`, where a change must begin.
    pub(crate) fn starting_at(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..)?.get(..length)?;
        self.at += length;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn length(&mut self) -> Option<usize> {
        let mut length = 0_usize;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                // A value has exactly one encoding: a longer one is rejected.
                let shortest = shift == 0 || byte != 0;
                return (shortest && length <= u32::MAX as usize).then_some(length);
            }
        }
        None
    }

    fn op(&mut self) -> Option<Op<'a>> {
        let kind = self.byte()?;
        let table = Table(self.byte()?);
        Some(match kind {
            PUT => {
                let (scope, id, value) = (self.length()?, self.length()?, self.length()?);
                let key = Key {
                    table,
                    scope: self.take(scope)?,
                    id: self.take(id)?,
                };
                let value = self.take(value)?;
                Op::Put { key, value }
            }
            DELETE => {
                let (scope, id) = (self.length()?, self.length()?);
                let key = Key {
                    table,
                    scope: self.take(scope)?,
                    id: self.take(id)?,
                };
                Op::Delete { key }
            }
            CLEAR_SCOPE => {
                let scope = self.length()?;
                let scope = self.take(scope)?;
                Op::ClearScope { table, scope }
            }
            CLEAR_TABLE => Op::ClearTable { table },
            _ => return None,
        })
    }

    /// The position of the next change.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Decodes a length that precedes the changes in a frame.
    pub(crate) fn leading_length(&mut self) -> Option<usize> {
        self.length()
    }
}

impl<'a> Iterator for Ops<'a> {
    type Item = Result<(usize, usize, Op<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let at = self.at;
        let Some(op) = self.op() else {
            self.at = self.bytes.len();
            return Some(Err(Malformed(at)));
        };
        Some(Ok((at, self.at - at, op)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_read_as_they_were_written() {
        let long = vec![7; 70_000];
        let key = Key::new(Table(3), "scope", "id");
        let ops = [
            Op::Put { key, value: b"" },
            Op::Put { key, value: &long },
            Op::Delete { key },
            Op::ClearScope {
                table: Table(9),
                scope: b"",
            },
            Op::ClearTable { table: Table(255) },
        ];
        let mut batch = Batch::new();
        let places = ops.map(|op| batch.push(op));
        let read: Vec<_> = Ops::new(batch.bytes()).map(Result::unwrap).collect();
        for ((place, op), (at, length, read)) in places.iter().zip(ops).zip(read) {
            assert_eq!(*place, (at, length));
            assert!(read == op);
        }
    }

    #[test]
    fn every_truncation_is_refused_or_ends_between_changes() {
        let mut batch = Batch::new();
        batch.put(Key::new(Table(1), "a", "b"), b"value");
        let end = batch.len();
        batch.delete(Key::new(Table(1), "a", "b"));
        for length in 0..batch.len() {
            let clean = Ops::new(&batch.bytes()[..length]).all(|op| op.is_ok());
            assert_eq!(clean, length == 0 || length == end, "at {length}");
        }
    }

    #[test]
    fn a_longer_spelling_of_a_length_is_refused() {
        let bytes = [CLEAR_SCOPE, 0, 0x80, 0x00];
        assert!(Ops::new(&bytes).next().unwrap().is_err());
    }
}
