//! Who wrote a message, as the journal knows: by its id, in every chat that has a message of that id.

use openclaw_types::{ChatId, Contact, Event, EventData, MessageId};

use super::{Journal, Mark, MessageName, State, event};
use crate::vault::ok_or_abort;

/// A message, as an event has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Where.
    pub chat: ChatId,
    /// By whom. Not known of a message that was given to Send: see `ours`.
    pub author: Contact,
    /// By this account.
    pub ours: bool,
}

impl Written {
    /// The message that an event is, or is about, if its id is this one.
    #[must_use]
    pub fn of(what: &EventData, id: &MessageId) -> Option<Self> {
        if let EventData::Outcome(outcome) = what {
            return (outcome.sent.id == *id).then(|| Self {
                chat: outcome.chat.clone(),
                author: Contact::default(),
                ours: true,
            });
        }
        let named = what.named()?;
        (named.id == id).then(|| Self {
            chat: named.chat.clone(),
            author: named.sender.clone(),
            ours: named.from_me,
        })
    }
}

impl Journal {
    /// The messages of that id that are kept, the newest first.
    #[must_use]
    pub fn written(&self, id: &MessageId) -> Vec<Written> {
        let events = self.named(&self.state(), id.as_str());
        let written = events
            .iter()
            .filter_map(|event| Written::of(&event.what, id));
        written.collect()
    }

    /// The events that may be of that id.
    pub(super) fn named(&self, state: &State, id: &str) -> Vec<Event> {
        let half = Mark::half_of(id);
        let rows = self.vault.with(|sealed| state.kept.named(sealed, half));
        let rows = rows.map(ok_or_abort).unwrap_or_default();
        rows.iter().map(event).collect()
    }
}

/// Whether an event is what arrived under that name.
pub(super) fn is_named(what: &EventData, name: &MessageName) -> bool {
    what.named().is_some_and(|named| {
        let other_side = Some(named.sender).filter(|_| !named.from_me);
        name.is(named.id.as_str(), named.chat, other_side, named.sender)
    })
}
