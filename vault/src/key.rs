//! What a record is found by.

/// A kind of records. Its numbers are the caller's to give, and to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table(pub u8);

/// A record's full name. It may hold phone numbers, so it has no `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key<'a> {
    /// The kind of record.
    pub table: Table,
    /// What scans within a table go by: a user, a group, a collection. May be empty.
    pub scope: &'a [u8],
    /// The rest of the name.
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
