//! Which number and LID are the same person's, as far as WhatsApp has reported it.

use openclaw_types::{Contact, EventData};

/// Knows a person's number and LID where they are known to be the same person's.
pub trait People: Send + Sync {
    /// The account itself, as far as it is known.
    fn account(&self) -> Option<Contact>;

    /// The same person with number and LID, where they are known.
    fn resolve_contact(&self, contact: Contact) -> Contact;

    /// The same with number and LID of everyone in it, where they are known, and with one name for the chat: a stanza
    /// often has one of them only.
    fn resolve_contacts(&self, what: EventData) -> EventData;
}
