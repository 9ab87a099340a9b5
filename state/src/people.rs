//! Which number and LID belong to one person, according to WhatsApp, and the names of people.

use std::time::SystemTime;

use openclaw_types::{Contact, EventData};

/// Looks up numbers and LIDs of persons, and remembers their names.
pub trait People: Send + Sync {
    /// The account itself, if known.
    fn account(&self) -> Option<Contact>;

    /// Adds the contact's number or LID, if known.
    fn resolve_contact(&self, contact: Contact) -> Contact;

    /// Adds number and LID of every contact in the event, if known, and replaces the chat by its canonical name: a
    /// stanza often has only one of the two addresses.
    fn resolve_contacts(&self, what: EventData) -> EventData;

    /// Remembers the name that the sender of an allowed message gives themselves. Durable with the next commit of the
    /// vault.
    fn learn_name(&self, what: &EventData, now: SystemTime);
}
