//! The agent's sealed store, shared by everything that keeps something: short reads and ordered writes from any task,
//! and one thread that makes them durable together.
//!
//! No call returns an error. A store that cannot read or write what it holds ends the process (a failed fsync cannot be
//! tried again): the next start finds everything that was durable, and WhatsApp delivers again what was not acked.

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

/// The sealed store in its real folder.
pub type Sealed = openclaw_vault::Vault<Folder>;

/// A handle. Cloned handles are the same store.
#[derive(Clone)]
pub struct Vault {
    shared: Arc<Shared>,
    /// Whose rows the account's tables hold for this handle; without one, those that are in the store.
    account: Option<Account>,
}

struct Shared {
    state: Mutex<State>,
    /// There is something to do for the keeper.
    work: Condvar,
    /// The last ticket that is durable.
    durable: watch::Sender<u64>,
    dropped: u64,
    retained: OnceLock<RetainedKey>,
}

/// What opens the records that outlive an erasure.
struct RetainedKey {
    slot: &'static str,
    secret: Box<dyn Fn() -> Option<Secret> + Send + Sync>,
}

struct State {
    /// `None` once erased: then nothing is found, and nothing kept.
    sealed: Option<Sealed>,
    /// The last ticket that someone waits for.
    wanted: u64,
    stopping: bool,
}

/// A place in the order of writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

impl Ticket {
    /// Beyond every write: what is to be durable by it never is.
    pub const NEVER: Self = Self(u64::MAX);
}

impl Vault {
    /// Shares an open store, and starts the thread that keeps it.
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

    /// A record's value.
    #[must_use]
    pub fn load(&self, key: Key<'_>) -> Option<Zeroizing<Vec<u8>>> {
        self.read(|source| source.load(key))
    }

    /// Whether there is a record of that name.
    #[must_use]
    pub fn contains(&self, key: Key<'_>) -> bool {
        self.read(|source| source.contains(key))
    }

    /// Whether there is any record of that scope.
    #[must_use]
    pub fn contains_scope(&self, table: Table, scope: &[u8]) -> bool {
        self.read(|source| source.contains_scope(table, scope))
    }

    /// The records of a table, or of a scope of it, in the order they were written.
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

    /// Writes a batch behind everything written before. It becomes durable with the next commit, no matter whose that is. What is
    /// in memory only, aside, never is.
    pub fn write(&self, batch: &Batch) -> Ticket {
        self.append(batch).unwrap_or(Ticket::NEVER)
    }

    fn append(&self, batch: &Batch) -> Option<Ticket> {
        let mut state = self.shared.lock();
        account::append(&mut state, self.account.as_ref(), batch)
    }

    /// Whether everything up to a place is durable.
    #[must_use]
    pub fn is_durable(&self, ticket: Ticket) -> bool {
        *self.shared.durable.borrow() >= ticket.0
    }

    /// Whether something is waited for that is not durable yet.
    #[must_use]
    pub fn is_syncing(&self) -> bool {
        let state = self.shared.lock();
        state.wanted > state.durable()
    }

    /// Returns once everything up to a place is durable.
    pub async fn durable(&self, ticket: Ticket) {
        self.shared.want(ticket);
        let mut durable = self.shared.durable.subscribe();
        // The sender lives as long as this handle.
        let _ = durable.wait_for(|durable| *durable >= ticket.0).await;
    }

    /// Writes a batch, and returns once it and everything written before is durable. Concurrent commits share one fsync.
    pub async fn commit(&self, batch: &Batch) {
        if let Some(ticket) = self.append(batch) {
            self.durable(ticket).await;
        }
    }

    /// Returns once everything written so far is durable.
    pub async fn flush(&self) {
        self.commit(&Batch::new()).await;
    }

    /// Reads and writes with no one in between. What `change` writes becomes durable with the next commit.
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

    /// As [`Vault::update`], and returns once that is durable.
    pub async fn update_durably<R>(&self, change: impl FnOnce(&mut Update<'_>) -> R) -> R {
        let result = self.update(change);
        self.flush().await;
        result
    }

    /// What may be reported about the store; `None` once it is erased.
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        let state = self.shared.lock();
        state.sealed.as_ref().map(Sealed::summary)
    }

    /// Lends the store itself, for what is rare: a backup's next piece, a restore. Keep it short, nothing else runs.
    pub fn with<R>(
        &self,
        work: impl FnOnce(&mut Sealed) -> Result<R, Error>,
    ) -> Option<Result<R, Error>> {
        let mut state = self.shared.lock();
        let result = state.sealed.as_mut().map(work);
        // A restore makes durable what was written before it.
        drop(state);
        self.shared.work.notify_one();
        result
    }

    /// Names the slot that will open what [`Vault::erase`] leaves, and where its secret comes from.
    pub fn retain_key(
        &self,
        slot: &'static str,
        secret: impl Fn() -> Option<Secret> + Send + Sync + 'static,
    ) {
        let secret = Box::new(secret);
        // Set once, at the start.
        let _ = self.shared.retained.set(RetainedKey { slot, secret });
    }

    /// Ends the store on the disk but for [`Tables::OWN`], at once: what is the agent's own continues under another key.
    /// All of it ends when nothing is there to seal that to. From here on nothing is found, and nothing kept.
    ///
    /// `now` is in seconds since 1970, as slots are dated.
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

    /// Removes the records of these tables, and their bytes from the log, and is durable when it returns. Does not touch
    /// the disk when there are none.
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

/// Credentials are inside.
impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn want(&self, ticket: Ticket) {
        let mut state = self.lock();
        if ticket.0 > *self.durable.borrow() && ticket.0 > state.wanted {
            state.wanted = ticket.0;
            self.work.notify_one();
        }
    }

    /// Notifies those who wait what is durable.
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

    /// An erased store keeps no one waiting.
    fn durable(&self) -> u64 {
        let sealed = self.sealed.as_ref();
        sealed.map_or(u64::MAX, |sealed| sealed.durable().0)
    }
}

/// Nothing can be done about a store that fails, and nothing may be reported as done after it.
pub(crate) fn ok_or_abort<T>(result: Result<T, Error>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => abort(&error),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "nothing may continue without its store, wherever that is noticed"
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
    // A command has no log.
    eprintln!("error: the store failed: {why}\nhint: {hint}");
    // Without unwinding, as an abort would end it, and with the code that a failure has everywhere. What runs until then on
    // other threads reports nothing that is not kept: durable is only what was synced, and nothing is after a failure.
    std::process::exit(i32::from(Exit::Failed.code()));
}
