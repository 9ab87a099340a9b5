//! Where the session's keys and ratchets live: what WhatsApp's library keeps, as rows of the vault.
//!
//! ```text
//! signal app_sync protocol secrets device     one file for each of the library's five traits
//! lids pending tokens sent                    what of `protocol` reads and writes at once
//! records                                     how rows are named, encoded, written, swept, and counted when unreadable
//! timers                                      after how long a chat's messages disappear
//! sending                                     what of a session must be durable before it is used
//! restore                                     what of a backup may live on
//! handover                                    an account from elsewhere, in memory and from there to an agent
//! ```
//!
//! The vault's log is one order: what is only written becomes durable with whatever is committed next. Committed is what
//! a peer could see used twice if it were lost. Nothing here fails on a damaged row: it is absent and counted, but for
//! the device's.

mod app_sync;
pub mod baileys;
mod device;
mod handover;
mod lids;
mod pending;
mod people;
mod protocol;
mod records;
mod restore;
mod secrets;
mod sending;
mod sent;
mod shown;
mod signal;
#[cfg(test)]
mod tests;
mod timers;
mod tokens;

use std::sync::Arc;

use openclaw_state::allow::Book;
use openclaw_state::journal::Journal;
use openclaw_state::vault::Vault;
use openclaw_types::{Lid, Phone};
use whatsapp_rust::client::Client;
use whatsapp_rust::traits::Backend;

use self::records::Records;

pub use self::device::Unreadable;
pub(crate) use self::pending::Pending;
pub use self::restore::{DroppedRecords, Sieve, renew};

/// One device's credentials and Signal state. Cloned handles share it.
#[derive(Clone)]
pub struct Store {
    records: Arc<Records>,
}

impl Store {
    /// What a vault keeps for the library.
    #[must_use]
    pub fn new(vault: Vault) -> Self {
        let records = Arc::new(Records::new(vault, None));
        Self { records }
    }

    /// As [`Store::new`], for a store whose session's messages go to a journal.
    #[must_use]
    pub fn with_inbox(vault: Vault, inbox: Arc<Journal>) -> Self {
        let records = Arc::new(Records::new(vault, Some(inbox)));
        Self { records }
    }

    /// For a session of the account that is in the store.
    #[must_use]
    pub fn live(&self) -> Self {
        self.over(self.vault().live())
    }

    /// For a device in the making: see [`Vault::aside`].
    #[must_use]
    pub fn aside(&self) -> Self {
        self.over(self.vault().aside())
    }

    fn over(&self, vault: Vault) -> Self {
        let records = Arc::new(self.records.over(vault));
        Self { records }
    }

    /// The vault itself.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.records.vault
    }

    /// The library's client is `client` from now on.
    pub(crate) fn attach(&self, client: &Client) {
        self.records.attach(&client.persistence_manager());
    }

    /// For the library.
    pub(crate) fn backend(&self) -> Arc<dyn Backend> {
        Arc::<Records>::clone(&self.records)
    }

    /// Whether a phone has accepted the device.
    ///
    /// # Errors
    /// There is a device and this version cannot read it: neither use nor replace it.
    pub fn is_linked(&self) -> Result<bool, Unreadable> {
        let device = self.records.device()?;
        Ok(device.is_some_and(|device| device.is_registered()))
    }

    /// Rows found since the start that this version cannot read. They count as absent.
    #[must_use]
    pub fn undecodable(&self) -> u64 {
        self.records.undecodable()
    }
}

impl Book for Store {
    fn number_of(&self, lid: &Lid) -> Option<Phone> {
        Phone::of_digits(&lids::number_of(&self.records, lid.user())?)
    }

    fn lid_of(&self, phone: &Phone) -> Option<Lid> {
        Lid::new(&lids::lid_of_number(&self.records, phone.digits())?)
    }
}

/// Credentials are inside.
impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}
