//! Where a handle of the vault reads and writes its rows, and atomic updates.

use openclaw_vault::{Batch, Entry, Key, Table};
use zeroize::Zeroizing;

use super::account::{Holder, Rows, is_account};
use super::{Sealed, ok_or_abort};

/// Where reads find their rows.
pub(super) struct Source<'a> {
    pub(super) sealed: Option<&'a Sealed>,
    pub(super) holder: Option<&'a Holder>,
}

/// The rows of one table.
enum Backing<'a> {
    Store(&'a Sealed),
    Aside(&'a Rows),
    Nowhere,
}

impl Source<'_> {
    fn at(&self, table: Table) -> Backing<'_> {
        match self.holder {
            Some(Holder::Aside(rows)) if is_account(table) => Backing::Aside(rows),
            Some(Holder::Retired) if is_account(table) => Backing::Nowhere,
            _ => self.sealed.map_or(Backing::Nowhere, Backing::Store),
        }
    }

    pub(super) fn load(&self, key: Key<'_>) -> Option<Zeroizing<Vec<u8>>> {
        match self.at(key.table) {
            Backing::Store(sealed) => ok_or_abort(sealed.load(key)),
            Backing::Aside(rows) => rows.load(key),
            Backing::Nowhere => None,
        }
    }

    pub(super) fn contains(&self, key: Key<'_>) -> bool {
        match self.at(key.table) {
            Backing::Store(sealed) => sealed.contains(key),
            Backing::Aside(rows) => rows.contains(key),
            Backing::Nowhere => false,
        }
    }

    pub(super) fn contains_scope(&self, table: Table, scope: &[u8]) -> bool {
        match self.at(table) {
            Backing::Store(sealed) => sealed.contains_scope(table, scope),
            Backing::Aside(rows) => rows.has_scope(table, scope),
            Backing::Nowhere => false,
        }
    }

    pub(super) fn scan(&self, table: Table, scope: Option<&[u8]>) -> Vec<Entry> {
        match self.at(table) {
            Backing::Store(sealed) => scan(sealed, table, scope),
            Backing::Aside(rows) => rows.scan(table, scope),
            Backing::Nowhere => Vec::new(),
        }
    }

    pub(super) fn count(&self, table: Table) -> usize {
        match self.at(table) {
            Backing::Store(sealed) => sealed.count(table),
            Backing::Aside(rows) => rows.count(table),
            Backing::Nowhere => 0,
        }
    }
}

/// An atomic series of reads and writes. Reads do not see the writes, which all happen at the end.
pub struct Update<'a> {
    pub(super) source: Source<'a>,
    pub(super) batch: Batch,
}

impl Update<'_> {
    /// The value of a record before this update.
    #[must_use]
    pub fn load(&self, key: Key<'_>) -> Option<Zeroizing<Vec<u8>>> {
        self.source.load(key)
    }

    /// True if the record existed before this update.
    #[must_use]
    pub fn contains(&self, key: Key<'_>) -> bool {
        self.source.contains(key)
    }

    /// The records of a table, or of one scope, before this update.
    #[must_use]
    pub fn scan(&self, table: Table, scope: Option<&[u8]>) -> Vec<Entry> {
        self.source.scan(table, scope)
    }

    /// The number of records in a table before this update.
    #[must_use]
    pub fn count(&self, table: Table) -> usize {
        self.source.count(table)
    }

    /// The writes of this update.
    pub fn batch(&mut self) -> &mut Batch {
        &mut self.batch
    }
}

fn scan(sealed: &Sealed, table: Table, scope: Option<&[u8]>) -> Vec<Entry> {
    let mut entries = Vec::new();
    ok_or_abort(sealed.scan(table, scope, |entry| entries.push(entry)));
    entries
}
