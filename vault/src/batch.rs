//! Changes that are made together or not at all, and their bytes inside a frame.
//!
//! ```text
//! op    = kind(1) table(1) rest
//! put   = 1 table scope-len id-len value-len scope id value
//! del   = 2 table scope-len id-len scope id
//! scope = 3 table scope-len scope                 every record of the scope goes
//! table = 4 table                                 every record of the table goes
//! ```
//!
//! Lengths are LEB128, at most five bytes, as short as can be.

use zeroize::Zeroizing;

use crate::key::{Key, Table};

const PUT: u8 = 1;
const DELETE: u8 = 2;
const CLEAR_SCOPE: u8 = 3;
const CLEAR_TABLE: u8 = 4;

/// Changes in the order they were asked for. Wiped when dropped.
#[derive(Default)]
pub struct Batch {
    bytes: Zeroizing<Vec<u8>>,
}

impl Batch {
    /// No changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Nothing was asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Its size in a frame, in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Sets a record's value.
    pub fn put(&mut self, key: Key<'_>, value: &[u8]) {
        self.push(Op::Put { key, value });
    }

    /// Removes a record, if it is there.
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

    /// Adds a change. Returns where its bytes are: position and length.
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

    /// Forgets every change; keeps the memory.
    pub fn clear(&mut self) {
        zeroize::Zeroize::zeroize(&mut *self.bytes);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The changes, in order.
    pub fn ops(&self) -> impl Iterator<Item = Op<'_>> {
        // A batch that was made here can be read here.
        Ops::new(&self.bytes).map_while(|op| op.ok().map(|(_, _, op)| op))
    }
}

/// Grows by moving: what was there is wiped, which `Vec` by itself leaves to the allocator.
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
        /// Its name.
        key: Key<'a>,
        /// Its value.
        value: &'a [u8],
    },
    /// Removes a record.
    Delete {
        /// Its name.
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

    /// No fewer bytes than it takes in a frame, and at most twelve more.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Put { key, value } => 17 + key.scope.len() + key.id.len() + value.len(),
            Self::Delete { key } => 12 + key.scope.len() + key.id.len(),
            Self::ClearScope { scope, .. } => 7 + scope.len(),
            Self::ClearTable { .. } => 2,
        }
    }
}

/// The bytes are not those of changes. Sealed frames never hold such, so this is a fault of a writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("changes that cannot be read at byte {0}")]
pub struct Malformed(pub usize);

/// Reads changes from their bytes: position, length, change.
pub struct Ops<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Ops<'a> {
    /// Of a whole batch.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self::starting_at(bytes, 0)
    }

    /// From a change on that begins there.
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
                // One spelling each: a longer one is refused.
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

    /// Where the next change begins.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The rest as a length, for what precedes changes in a frame.
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
