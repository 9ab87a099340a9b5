//! Numbers that change, that nobody sees, and accounts that have not moved to LIDs.

use crate::rules::numbers;
use crate::sim::peer::Peer;
use crate::sim::phone::Phone;
use crate::state::error::Error;
use crate::sync::lock;

impl Peer {
    /// The contact takes another number: the same person and identity, under other addresses. Returns the contact under the new
    /// number. Nobody has the old one any more.
    ///
    /// # Errors
    /// The number is malformed or in use, or clients are linked to the contact.
    pub fn change_number(&self, new: &str) -> Result<Self, Error> {
        let new = new.parse()?;
        numbers::change(self.shared(), self.number(), &new)?;
        Ok(self.renumbered(new))
    }

    /// Nobody sees the contact's number: others know a LID only, as of somebody with a user name.
    pub fn hide_number(&self, hidden: bool) {
        lock(&self.shared().state).hide(self.number(), hidden);
    }
}

impl Phone {
    /// Whether the account's chats have moved to LIDs. Told at linking; without it, as `Config::lid_migrated` says.
    pub fn set_lid_migrated(&self, migrated: bool) {
        lock(&self.shared().state).user(self.number()).lid_migrated = Some(migrated);
    }
}
