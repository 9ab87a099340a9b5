//! The session's keys and ratchets: the records of WhatsApp's library, as rows of the vault.
//!
//! ```text
//! signal app_sync protocol secrets device     one file for each of the library's five traits
//! lids pending tokens sent                    atomic reads and writes of `protocol`
//! records                                     keys, encoding, writes and sweeps of rows, and the count of undecodable ones
//! timers                                      disappearing-messages timers of chats
//! groups                                      names, settings and participants of groups
//! profiles                                    names of people, their "about" texts and the ids of their pictures
//! sending                                     the part of a session that must be durable before it is used
//! restore                                     which records of a backup are kept
//! handover                                    an imported account, in memory and from there to an agent
//! ```
//!
//! The vault's log is totally ordered: a write without a commit becomes durable with the next commit. Writes are
//! committed if a peer could see their loss as a reuse of keys. An undecodable row is never an error: it counts as
//! absent and is counted, except for the device's row.

mod app_sync;
pub mod baileys;
mod device;
mod groups;
mod handover;
mod lids;
mod pending;
mod people;
mod profiles;
pub(crate) mod protobuf;
mod protocol;
mod records;
mod restore;
mod secrets;
mod sending;
mod sent;
mod shown;
mod signal;
mod spellings;
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

/// The credentials and Signal state of a device. Clones share it.
#[derive(Clone)]
pub struct Store {
    records: Arc<Records>,
}

impl Store {
    /// The library's records in a vault.
    #[must_use]
    pub fn new(vault: Vault) -> Self {
        let records = Arc::new(Records::new(vault, None));
        Self { records }
    }

    /// Like [`Store::new`], with a journal for the session's messages.
    #[must_use]
    pub fn with_inbox(vault: Vault, inbox: Arc<Journal>) -> Self {
        let records = Arc::new(Records::new(vault, Some(inbox)));
        Self { records }
    }

    /// A store for a session of the account in the vault.
    #[must_use]
    pub fn live(&self) -> Self {
        self.over(self.vault().live())
    }

    /// A store for a device that is being linked: see [`Vault::aside`].
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

    /// Attaches the library's current client.
    pub(crate) fn attach(&self, client: &Client) {
        self.records.attach(&client.persistence_manager());
    }

    /// The store as the library sees it.
    pub(crate) fn backend(&self) -> Arc<dyn Backend> {
        Arc::<Records>::clone(&self.records)
    }

    /// True if a phone has accepted the device.
    ///
    /// # Errors
    /// There is a device that this version cannot decode: neither use nor replace it.
    pub fn is_linked(&self) -> Result<bool, Unreadable> {
        let device = self.records.device()?;
        Ok(device.is_some_and(|device| device.is_registered()))
    }

    /// A message that was sent, as it was encrypted, while it is kept for a device that may request it again. `chat` is the
    /// address that it was sent to.
    pub(crate) fn sent(&self, chat: &str, id: &str) -> Option<Vec<u8>> {
        sent::load(&self.records, chat, id)
    }

    /// The number of rows since the start that this version could not decode. They count as absent.
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

/// Contains credentials, so nothing is shown.
impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}
