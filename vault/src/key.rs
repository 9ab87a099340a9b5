//! The key of a record.

/// A kind of record. The caller assigns the numbers and must never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table(pub u8);

/// The full key of a record. It may contain phone numbers, so it has no `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    /// The table.
    pub table: Table,
    /// The part of the key that scans select by: a user, a group, a collection. May be empty.
    pub scope: &'a [u8],
    /// The rest of the key.
    pub id: &'a [u8],
}

impl<'a> Key<'a> {
    /// A key in a scope of its table.
    #[must_use]
    pub fn new(
        table: Table,
        scope: &'a (impl AsRef<[u8]> + ?Sized),
        id: &'a (impl AsRef<[u8]> + ?Sized),
    ) -> Self {
        Self {
            table,
            scope: scope.as_ref(),
            id: id.as_ref(),
        }
    }
}
