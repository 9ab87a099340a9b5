//! The account whose rows a handle of the vault sees.
//!
//! ```text
//! vault.live()    for a session of the account in the store
//! vault.aside()   for a device that is being linked: its rows are in memory, and those in the store stay unchanged
//! vault.adopt()   the rows of a handle aside atomically replace those in the store: that handle is the live one
//!                 from then on, and the previous one reads and writes nothing any more
//! Vault::in_memory()   rows without a store: an account that is moved into another store
//! ```
//!
//! This applies to [`Tables::ACCOUNT`]. All other tables are the same for every handle.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openclaw_vault::{Batch, Entry, Key, Op, Table};
use zeroize::Zeroizing;

use super::{State, Tables, Ticket, Vault, ok_or_abort};

/// The maximum size of a batch of an account's rows, in bytes: far below the limit of a frame.
const MAX_BATCH_BYTES: usize = 1 << 20;

/// The account of a handle. Shared by its clones.
pub(super) type Account = Arc<Mutex<Holder>>;

/// Where a handle finds the rows of its account.
pub(super) enum Holder {
    /// In the store.
    Live,
    /// In memory.
    Aside(Rows),
    /// Nowhere: another account has replaced it.
    Retired,
}

/// Rows in memory. Values are wiped when dropped.
#[derive(Default)]
pub(super) struct Rows {
    rows: BTreeMap<Name, Row>,
    written: u64,
}

type Name = (u8, Vec<u8>, Vec<u8>);

struct Row {
    /// The position in the order of writes.
    order: u64,
    value: Zeroizing<Vec<u8>>,
}

fn name(key: Key<'_>) -> Name {
    (key.table.0, key.scope.to_vec(), key.id.to_vec())
}

/// True if the table belongs to an account.
pub(super) fn is_account(table: Table) -> bool {
    Tables::ACCOUNT.contains(&table)
}

impl Rows {
    pub(super) fn load(&self, key: Key<'_>) -> Option<Zeroizing<Vec<u8>>> {
        self.rows.get(&name(key)).map(|row| row.value.clone())
    }

    pub(super) fn contains(&self, key: Key<'_>) -> bool {
        self.rows.contains_key(&name(key))
    }

    /// The rows of a table, or of one scope, in the order in which they were written.
    pub(super) fn scan(&self, table: Table, scope: Option<&[u8]>) -> Vec<Entry> {
        let mut found: Vec<_> = self.of(table, scope).collect();
        found.sort_unstable_by_key(|(_, row)| row.order);
        let entry = |((_, scope, id), row): (&Name, &Row)| Entry {
            table,
            scope: scope.clone(),
            id: id.clone(),
            value: row.value.clone(),
        };
        found.into_iter().map(entry).collect()
    }

    pub(super) fn count(&self, table: Table) -> usize {
        self.of(table, None).count()
    }

    pub(super) fn has_scope(&self, table: Table, scope: &[u8]) -> bool {
        self.of(table, Some(scope)).next().is_some()
    }

    fn of<'a>(
        &'a self,
        table: Table,
        scope: Option<&'a [u8]>,
    ) -> impl Iterator<Item = (&'a Name, &'a Row)> {
        let first = (table.0, scope.unwrap_or_default().to_vec(), Vec::new());
        let rows = self.rows.range(first..);
        rows.take_while(move |((number, in_scope, _), _)| {
            *number == table.0 && scope.is_none_or(|scope| scope == *in_scope)
        })
    }

    fn apply(&mut self, op: Op<'_>) {
        match op {
            Op::Put { key, value } => {
                self.written += 1;
                let row = Row {
                    order: self.written,
                    value: Zeroizing::new(value.to_vec()),
                };
                self.rows.insert(name(key), row);
            }
            Op::Delete { key } => drop(self.rows.remove(&name(key))),
            Op::ClearScope { table, scope } => {
                self.rows
                    .retain(|(number, of, _), _| *number != table.0 || of != scope);
            }
            Op::ClearTable { table } => self.rows.retain(|(number, ..), _| *number != table.0),
        }
    }

    fn iter(&self) -> impl Iterator<Item = (Key<'_>, &[u8])> {
        self.rows.iter().map(|((table, scope, id), row)| {
            let key = Key::new(Table(*table), scope, id);
            (key, row.value.as_slice())
        })
    }
}

impl Vault {
    /// A handle for a session of the account in the store.
    #[must_use]
    pub fn live(&self) -> Self {
        self.with_account(Holder::Live)
    }

    /// A handle for a device that is being linked. Nothing of it is in the store before it is adopted; if it is
    /// dropped, nothing ever is.
    #[must_use]
    pub fn aside(&self) -> Self {
        self.with_account(Holder::Aside(Rows::default()))
    }

    /// A handle aside without a store: writes to other tables than an account's are dropped.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::over(None, 0).aside()
    }

    /// Passes the rows of a handle aside to `write`, in the order in which they were written. Other handles have
    /// none.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn rows_aside<E>(&self, mut write: impl FnMut(Op<'_>) -> Result<(), E>) -> Result<(), E> {
        let holder = self.account.as_ref().map(lock);
        let Some(Holder::Aside(rows)) = holder.as_deref() else {
            return Ok(());
        };
        let mut rows: Vec<_> = rows.rows.iter().collect();
        rows.sort_unstable_by_key(|(_, row)| row.order);
        rows.into_iter().try_for_each(|((table, scope, id), row)| {
            let key = Key::new(Table(*table), scope, id);
            let value = row.value.as_slice();
            write(Op::Put { key, value })
        })
    }

    fn with_account(&self, holder: Holder) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            account: Some(Arc::new(Mutex::new(holder))),
        }
    }

    /// Atomically replaces the account's rows, except for the tables `keep`, with the rows of `next`, a handle aside.
    /// Durable on return: a kill leaves either the old account or the new one. Retires the handle `before`.
    pub fn adopt(&self, next: &Self, before: Option<&Self>, keep: &[Table]) {
        let mut state = self.shared.lock();
        let mut holder = next.account.as_ref().map(lock);
        if let Some(Holder::Aside(rows)) = holder.as_deref()
            && let Some(sealed) = &mut state.sealed
        {
            let tables = Tables::ACCOUNT.into_iter();
            let tables: Vec<_> = tables.filter(|table| !keep.contains(table)).collect();
            let mut batch = Batch::new();
            rows.iter().for_each(|(key, value)| batch.put(key, value));
            let is_empty = tables.iter().all(|table| sealed.count(*table) == 0);
            if is_empty && batch.len() <= MAX_BATCH_BYTES {
                // Nothing has to be removed from the log, so a batch is sufficient: it is atomic as well.
                ok_or_abort(sealed.append(&batch));
                ok_or_abort(sealed.sync());
            } else {
                ok_or_abort(sealed.replace(&tables, rows.iter()));
            }
        }
        if let Some(holder) = holder.as_deref_mut() {
            *holder = Holder::Live;
        }
        if let Some(before) = before.and_then(|before| before.account.as_ref()) {
            *lock(before) = Holder::Retired;
        }
        self.shared.publish(&state);
    }
}

pub(super) fn lock(account: &Account) -> MutexGuard<'_, Holder> {
    account.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes a batch to where this handle's account is. `None` if nothing was written to the store.
pub(super) fn append(
    state: &mut State,
    account: Option<&Account>,
    batch: &Batch,
) -> Option<Ticket> {
    let mut holder = account.map(lock);
    let holder = holder.as_deref_mut();
    let Some(holder) = holder.filter(|holder| !matches!(holder, Holder::Live)) else {
        return Some(state.append(batch));
    };
    let mut rest = Batch::new();
    for op in batch.ops() {
        match holder {
            _ if !is_account(op.table()) => drop(rest.push(op)),
            Holder::Aside(rows) => rows.apply(op),
            Holder::Live | Holder::Retired => {}
        }
    }
    let whole = batch.is_empty() || !rest.is_empty();
    whole.then(|| state.append(&rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::trial::Volume;

    fn put(vault: &Vault, key: Key<'_>, value: &[u8]) {
        let mut batch = Batch::new();
        batch.put(key, value);
        vault.write(&batch);
    }

    fn loaded(vault: &Vault, key: Key<'_>) -> Option<Vec<u8>> {
        vault.load(key).map(|value| value.to_vec())
    }

    const DEVICE: Key<'static> = Key {
        table: Tables::DEVICE,
        scope: b"",
        id: b"",
    };

    #[test]
    fn a_device_that_is_being_linked_leaves_no_trace_in_the_store() {
        let mut volume = Volume::new();
        put(&volume.vault, DEVICE, b"old");
        let aside = volume.vault.aside();
        assert_eq!(loaded(&aside, DEVICE), None, "it starts empty");
        put(&aside, DEVICE, b"new");
        put(&aside, Key::new(Tables::PREKEYS, "", "1"), b"new");
        assert_eq!(loaded(&aside, DEVICE).unwrap(), b"new");
        assert_eq!(loaded(&volume.vault, DEVICE).unwrap(), b"old");
        drop(aside);
        volume.reopen();
        assert_eq!(loaded(&volume.vault, DEVICE).unwrap(), b"old");
        assert_eq!(volume.vault.scan(Tables::PREKEYS, None).len(), 0);
    }

    #[tokio::test]
    async fn an_account_in_memory_needs_no_store_and_keeps_the_order_of_writes() {
        let vault = Vault::in_memory();
        let (two, one) = (
            Key::new(Tables::PREKEYS, "", "2"),
            Key::new(Tables::PREKEYS, "", "1"),
        );
        for (key, value) in [(two, b"old"), (one, b"one"), (two, b"new")] {
            put(&vault, key, value);
        }
        put(
            &vault,
            Key::new(Tables::ALLOW, "", "entry"),
            b"no account's",
        );
        // There is no keeper, so this must not wait.
        vault.flush().await;
        let mut passed = Vec::new();
        let all = vault.rows_aside(|op| {
            let Op::Put { key, value } = op else {
                panic!("rows are put");
            };
            passed.push((key.id.to_vec(), value.to_vec()));
            Ok::<_, ()>(())
        });
        assert!(all.is_ok());
        let row = |id: &str, value: &str| (id.as_bytes().to_vec(), value.as_bytes().to_vec());
        assert_eq!(passed, [row("1", "one"), row("2", "new")]);
    }

    #[test]
    fn an_adopted_account_replaces_all_of_the_old_one() {
        let mut volume = Volume::new();
        let (session, held, event) = (
            Key::new(Tables::SESSIONS, "user", "address"),
            Key::new(Tables::HELD, "", "1"),
            Key::new(Tables::JOURNAL, "", "1"),
        );
        for key in [DEVICE, session, held, event] {
            put(&volume.vault, key, b"old");
        }
        let (before, aside) = (volume.vault.live(), volume.vault.aside());
        put(&aside, DEVICE, b"new");
        volume.vault.adopt(&aside, Some(&before), &[Tables::HELD]);
        for _ in 0..2 {
            assert_eq!(loaded(&volume.vault, DEVICE).unwrap(), b"new");
            assert_eq!(loaded(&volume.vault, session), None);
            assert_eq!(loaded(&volume.vault, held).unwrap(), b"old");
            assert_eq!(loaded(&volume.vault, event).unwrap(), b"old");
            volume.reopen();
        }
    }

    #[test]
    fn an_adopted_handle_writes_to_the_store_and_the_previous_one_nowhere() {
        let volume = Volume::new();
        let (before, aside) = (volume.vault.live(), volume.vault.aside());
        put(&before, DEVICE, b"old");
        put(&aside, DEVICE, b"new");
        volume.vault.adopt(&aside, Some(&before), &[]);
        put(&before, DEVICE, b"old again");
        assert_eq!(loaded(&before, DEVICE), None);
        put(&aside, DEVICE, b"newer");
        assert_eq!(loaded(&volume.vault, DEVICE).unwrap(), b"newer");
        // Other tables are the same for all handles.
        put(&before, Key::new(Tables::JOURNAL, "", "1"), b"event");
        assert!(volume.vault.contains(Key::new(Tables::JOURNAL, "", "1")));
    }

    #[test]
    fn rows_aside_are_scanned_counted_and_cleared_as_those_in_the_store() {
        let volume = Volume::new();
        for vault in [volume.vault.live(), volume.vault.aside()] {
            for (scope, id) in [("b", "2"), ("a", "1"), ("a", "0"), ("", "9")] {
                put(&vault, Key::new(Tables::SESSIONS, scope, id), b"v");
            }
            let ids = |scope: Option<&[u8]>| -> Vec<Vec<u8>> {
                let rows = vault.scan(Tables::SESSIONS, scope);
                rows.into_iter().map(|row| row.id).collect()
            };
            assert_eq!(ids(Some(b"a")), [b"1", b"0"]);
            assert_eq!(ids(None), [b"2", b"1", b"0", b"9"]);
            assert!(vault.contains_scope(Tables::SESSIONS, b"a"));
            assert!(!vault.contains_scope(Tables::SESSIONS, b"c"));
            let count = |vault: &Vault| vault.update(|update| update.count(Tables::SESSIONS));
            assert_eq!(count(&vault), 4);
            let mut batch = Batch::new();
            batch.clear_scope(Tables::SESSIONS, b"a");
            batch.delete(Key::new(Tables::SESSIONS, "", "9"));
            vault.write(&batch);
            assert_eq!(ids(None), [b"2"]);
            batch.clear_table(Tables::SESSIONS);
            vault.write(&batch);
            assert_eq!(count(&vault), 0);
        }
    }
}
