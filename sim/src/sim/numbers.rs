//! Changing and hiding numbers, and accounts that are not migrated to LIDs.

use crate::rules::numbers;
use crate::sim::peer::Peer;
use crate::sim::phone::Phone;
use crate::state::error::Error;
use crate::sync::lock;

impl Peer {
    /// Moves the contact to another number: the same person and identity, under new addresses. Returns the contact
    /// with the new number. The old number is then not on WhatsApp.
    ///
    /// # Errors
    /// The number is malformed or in use, or clients are linked to the contact.
    pub fn change_number(&self, new: &str) -> Result<Self, Error> {
        let new = new.parse()?;
        numbers::change(self.shared(), self.number(), &new)?;
        Ok(self.renumbered(new))
    }

    /// Hides the contact's number, as for a person with a user name: others get only the LID.
    pub fn hide_number(&self, hidden: bool) {
        lock(&self.shared().state).hide(self.number(), hidden);
    }
}

impl Phone {
    /// Sets whether the account's chats are migrated to LIDs, which companions learn at linking. The default is
    /// `Config::lid_migrated`.
    pub fn set_lid_migrated(&self, migrated: bool) {
        lock(&self.shared().state).user(self.number()).lid_migrated = Some(migrated);
    }
}
