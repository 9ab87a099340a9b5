//! The agent's sealed store, shared by all modules: short reads and ordered writes from any task, and one thread that
//! makes writes durable in groups.
//!
//! No call returns an error. If the store cannot be read or written, the process ends, because a failed fsync cannot
//! be retried. The next start finds everything that was durable, and WhatsApp redelivers what was not acknowledged.

mod account;
mod keeper;
mod source;
mod table;
mod time;
#[cfg(any(test, feature = "trial"))]
pub mod trial;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use openclaw_types::Exit;
use openclaw_vault::{Batch, Entry, Error, Folder, Key, Secret, Summary, Table};
use tokio::sync::watch;
use zeroize::Zeroizing;

use account::{Account, lock};
use source::Source;

pub use keeper::Keeper;
pub use source::Update;
pub use table::Tables;
pub use time::{from_millis, span_millis, to_millis};

/// The sealed store in a real directory.
pub type Sealed = openclaw_vault::Vault<Folder>;

/// A handle to the store. Clones refer to the same store.
#[derive(Clone)]
pub struct Vault {
    shared: Arc<Shared>,
    /// The account whose rows this handle sees; `None` for the account in the store.
    account: Option<Account>,
}

struct Shared {
    state: Mutex<State>,
    /// Notifies the keeper of work.
    work: Condvar,
    /// The last durable ticket.
    durable: watch::Sender<u64>,
    dropped: u64,
    retained: OnceLock<RetainedKey>,
}

/// The secret for the records that survive an erasure.
struct RetainedKey {
    slot: &'static str,
    secret: Box<dyn Fn() -> Option<Secret> + Send + Sync>,
}

struct State {
    /// `None` once erased: reads then find nothing and writes are dropped.
    sealed: Option<Sealed>,
    /// The last ticket that a task waits for.
    wanted: u64,
    stopping: bool,
}

/// A position in the order of writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

impl Ticket {
    /// After every write: never durable.
    pub const NEVER: Self = Self(u64::MAX);
}

impl Vault {
    /// Shares an open store, and starts the keeper thread.
    pub fn start(sealed: Sealed, dropped: u64) -> (Self, Keeper) {
        let vault = Self::over(Some(sealed), dropped);
        let keeper = Keeper::start(Arc::clone(&vault.shared));
        (vault, keeper)
    }

    fn over(sealed: Option<Sealed>, dropped: u64) -> Self {
        let (durable, _) = watch::channel(0);
        let state = State {
            sealed,
            wanted: 0,
            stopping: false,
        };
        let shared = Shared {
            state: Mutex::new(state),
            work: Condvar::new(),
            durable,
            dropped,
            retained: OnceLock::new(),
        };
        Self {
            shared: Arc::new(shared),
            account: None,
        }
    }

    /// The value of a record.
    #[must_use]
    pub fn load(&self, key: Key<'_>) -> Option<Zeroizing<Vec<u8>>> {
        self.read(|source| source.load(key))
    }

    /// True if the record exists.
    #[must_use]
    pub fn contains(&self, key: Key<'_>) -> bool {
        self.read(|source| source.contains(key))
    }

    /// True if the scope has a record.
    #[must_use]
    pub fn contains_scope(&self, table: Table, scope: &[u8]) -> bool {
        self.read(|source| source.contains_scope(table, scope))
    }

    /// The records of a table, or of one scope, in the order in which they were written.
    #[must_use]
    pub fn scan(&self, table: Table, scope: Option<&[u8]>) -> Vec<Entry> {
        self.read(|source| source.scan(table, scope))
    }

    fn read<R>(&self, read: impl FnOnce(&Source<'_>) -> R) -> R {
        let state = self.shared.lock();
        let holder = self.account.as_ref().map(lock);
        read(&Source {
            sealed: state.sealed.as_ref(),
            holder: holder.as_deref(),
        })
    }

    /// Appends a batch after all earlier writes. It becomes durable with the next commit of any task. Rows that are
    /// only in memory, of a handle aside, never do.
    pub fn write(&self, batch: &Batch) -> Ticket {
        self.append(batch).unwrap_or(Ticket::NEVER)
    }

    fn append(&self, batch: &Batch) -> Option<Ticket> {
        let mut state = self.shared.lock();
        account::append(&mut state, self.account.as_ref(), batch)
    }

    /// True if everything up to this ticket is durable.
    #[must_use]
    pub fn is_durable(&self, ticket: Ticket) -> bool {
        *self.shared.durable.borrow() >= ticket.0
    }

    /// True if a task waits for a write that is not durable yet.
    #[must_use]
    pub fn is_syncing(&self) -> bool {
        let state = self.shared.lock();
        state.wanted > state.durable()
    }

    /// Returns once everything up to this ticket is durable.
    pub async fn durable(&self, ticket: Ticket) {
        self.shared.request_sync(ticket);
        let mut durable = self.shared.durable.subscribe();
        // The sender lives as long as this handle, so this cannot fail.
        let _ = durable.wait_for(|durable| *durable >= ticket.0).await;
    }

    /// Writes a batch, and returns once it and all earlier writes are durable. Concurrent commits share one fsync.
    pub async fn commit(&self, batch: &Batch) {
        if let Some(ticket) = self.append(batch) {
            self.durable(ticket).await;
        }
    }

    /// Returns once all writes so far are durable.
    pub async fn flush(&self) {
        self.commit(&Batch::new()).await;
    }

    /// Reads and writes atomically. The writes of `change` become durable with the next commit.
    pub fn update<R>(&self, change: impl FnOnce(&mut Update<'_>) -> R) -> R {
        let mut state = self.shared.lock();
        let holder = self.account.as_ref().map(lock);
        let mut update = Update {
            source: Source {
                sealed: state.sealed.as_ref(),
                holder: holder.as_deref(),
            },
            batch: Batch::new(),
        };
        let result = change(&mut update);
        let batch = update.batch;
        drop(holder);
        account::append(&mut state, self.account.as_ref(), &batch);
        result
    }

    /// Like [`Vault::update`], and returns once the writes are durable.
    pub async fn update_durably<R>(&self, change: impl FnOnce(&mut Update<'_>) -> R) -> R {
        let result = self.update(change);
        self.flush().await;
        result
    }

    /// The facts that may be reported about the store; `None` once it is erased.
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        let state = self.shared.lock();
        state.sealed.as_ref().map(Sealed::summary)
    }

    /// Gives access to the store itself for rare operations such as a step of a backup, or a restore. Keep it short:
    /// everything else is blocked.
    pub fn with<R>(
        &self,
        work: impl FnOnce(&mut Sealed) -> Result<R, Error>,
    ) -> Option<Result<R, Error>> {
        let mut state = self.shared.lock();
        let result = state.sealed.as_mut().map(work);
        // A restore also makes earlier writes durable.
        drop(state);
        self.shared.work.notify_one();
        result
    }

    /// Sets the slot that will open what [`Vault::erase`] keeps, and the source of its secret.
    pub fn retain_key(
        &self,
        slot: &'static str,
        secret: impl Fn() -> Option<Secret> + Send + Sync + 'static,
    ) {
        let secret = Box::new(secret);
        // Called once, at start, so it is not set yet.
        let _ = self.shared.retained.set(RetainedKey { slot, secret });
    }

    /// Erases the store on the disk at once, except for [`Tables::OWN`], the agent's own records, which are resealed
    /// under another key. Erases them too if there is no secret to seal them with. From then on, reads find nothing
    /// and writes are dropped.
    ///
    /// `now` is in seconds since 1970, like the dates of slots.
    pub fn erase(&self, now: u64) {
        let retained = self.shared.retained.get();
        let retained = retained.and_then(|retained| Some((retained.slot, (retained.secret)()?)));
        let mut state = self.shared.lock();
        if let Some(sealed) = state.sealed.take() {
            let has_own = Tables::OWN.iter().any(|table| sealed.count(*table) > 0);
            if has_own && retained.is_none() {
                tracing::error!(
                    hint = "enroll clients again",
                    "TLS key erased with the store"
                );
            }
            match retained.filter(|_| has_own) {
                Some((slot, secret)) => {
                    drop(ok_or_abort(sealed.erase_but(
                        &Tables::OWN,
                        &secret,
                        slot,
                        now,
                    )));
                }
                None => drop(ok_or_abort(sealed.erase())),
            }
        }
        self.shared.publish(&state);
    }

    /// Removes all records of these tables, also from the log. Durable on return. Does not access the disk if there
    /// are none.
    pub fn clear(&self, tables: &[Table]) {
        let mut state = self.shared.lock();
        if let Some(sealed) = &mut state.sealed
            && tables.iter().any(|table| sealed.count(*table) > 0)
        {
            ok_or_abort(sealed.clear(tables));
        }
        self.shared.publish(&state);
    }

    /// Bytes of an unfinished write that were dropped when the store was opened.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped
    }
}

/// Contains credentials, so nothing is shown.
impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn request_sync(&self, ticket: Ticket) {
        let mut state = self.lock();
        if ticket.0 > *self.durable.borrow() && ticket.0 > state.wanted {
            state.wanted = ticket.0;
            self.work.notify_one();
        }
    }

    /// Notifies waiting tasks of what is durable.
    fn publish(&self, state: &State) {
        let now = state.durable();
        self.durable.send_if_modified(|durable| {
            let news = now > *durable;
            *durable = now.max(*durable);
            news
        });
    }
}

impl State {
    fn append(&mut self, batch: &Batch) -> Ticket {
        let sealed = self.sealed.as_mut();
        Ticket(sealed.map_or(0, |sealed| ok_or_abort(sealed.append(batch)).0))
    }

    /// For an erased store everything counts as durable, so that no task waits forever.
    fn durable(&self) -> u64 {
        let sealed = self.sealed.as_ref();
        sealed.map_or(u64::MAX, |sealed| sealed.durable().0)
    }
}

/// Ends the process on an error: a failed store cannot be repaired, and nothing may be reported as done after the
/// failure.
pub(crate) fn ok_or_abort<T>(result: Result<T, Error>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => abort(&error),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "nothing may continue without its store, wherever the failure is detected"
)]
fn abort(error: &Error) -> ! {
    let cause = std::error::Error::source(error);
    let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    let why = format!("{error}{cause}");
    let hint = match error {
        Error::Replaced(_) => {
            "only one process may change the files of a volume: stop the agent before its volume is moved, copied back or restored, then start it again on the right volume"
        }
        _ => {
            "check whether the volume is full, then start again; nothing that was acknowledged is lost"
        }
    };
    tracing::error!(error = why, hint, "store failed, exiting");
    // Commands have no log.
    eprintln!("error: the store failed: {why}\nhint: {hint}");
    // Exits without unwinding, like an abort, but with the exit code for failures. Other threads that still run
    // cannot report anything that is not stored: only synced writes count as durable, and nothing is synced after a
    // failure.
    std::process::exit(i32::from(Exit::Failed.code()));
}
