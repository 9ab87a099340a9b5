//! Looks up the author of a message in the journal, by the message's id, in every chat that has a message with this
//! id.

use openclaw_types::{ChatId, Contact, Event, EventData, MessageId};

use super::{Journal, Mark, MessageName, State, event};
use crate::vault::ok_or_abort;

/// A message, as recorded in an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The chat.
    pub chat: ChatId,
    /// The author. Unknown for a message that was sent with Send: see `ours`.
    pub author: Contact,
    /// True if this account is the author.
    pub ours: bool,
}

impl Written {
    /// The message of an event, or the message that it refers to, if it has this id.
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
    /// The messages in the journal with this id, newest first.
    #[must_use]
    pub fn written(&self, id: &MessageId) -> Vec<Written> {
        let events = self.named(&self.state(), id.as_str());
        let written = events
            .iter()
            .filter_map(|event| Written::of(&event.what, id));
        written.collect()
    }

    /// The messages and changes with this id that are kept, and the outcomes of own messages, newest first.
    #[must_use]
    pub fn events_of(&self, id: &MessageId) -> Vec<Event> {
        let mut events = self.named(&self.state(), id.as_str());
        events.retain(|event| Written::of(&event.what, id).is_some());
        events
    }

    /// The events whose message may have this id.
    pub(super) fn named(&self, state: &State, id: &str) -> Vec<Event> {
        let half = Mark::half_of(id);
        let rows = self
            .vault
            .with(|sealed| state.stored.find_by_id(sealed, half));
        let rows = rows.map(ok_or_abort).unwrap_or_default();
        rows.iter().map(event).collect()
    }
}

/// True if the event is the message with this name.
pub(super) fn is_named(what: &EventData, name: &MessageName) -> bool {
    what.named().is_some_and(|named| {
        let other_side = Some(named.sender).filter(|_| !named.from_me);
        name.is(named.id.as_str(), named.chat, other_side, named.sender)
    })
}
