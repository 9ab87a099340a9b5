//! What happened, in order: the vocabulary of the journal and of WatchEvents.

use std::time::SystemTime;

use super::contact::{ChatId, Contact};
use super::link::Link;
use super::send::{MessageId, SendOutcome, SendState};

/// An event's place in the order; 0 stands before every event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// An event: an occurrence with its place and its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place.
    pub seq: Seq,
    /// When the agent recorded it.
    pub at: SystemTime,
    /// What happened.
    pub what: Occurrence,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Occurrence {
    /// A message arrived.
    Message(Box<Message>),
    /// Messages of ours were delivered or read.
    Receipt(Receipt),
    /// The link changed its state.
    Link(Box<Link>),
    /// A message of ours changed its state.
    Send(SendOutcome),
    /// A message arrived that could not be decrypted.
    Undecryptable(Undecryptable),
}

/// The kinds of occurrences, for filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// [`Occurrence::Message`]
    Message,
    /// [`Occurrence::Receipt`]
    Receipt,
    /// [`Occurrence::Link`]
    Link,
    /// [`Occurrence::Send`]
    Send,
    /// [`Occurrence::Undecryptable`]
    Undecryptable,
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindSet(u8);

impl KindSet {
    /// Every kind.
    pub const ALL: Self = Self(u8::MAX);

    /// The set of these kinds; all of them when there are none.
    pub fn of(kinds: impl IntoIterator<Item = Kind>) -> Self {
        let bits = kinds
            .into_iter()
            .fold(0, |bits, kind| bits | 1 << kind as u8);
        if bits == 0 { Self::ALL } else { Self(bits) }
    }

    /// Whether a kind is in it.
    #[must_use]
    pub const fn contains(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }
}

impl Occurrence {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Message(_) => Kind::Message,
            Self::Receipt(_) => Kind::Receipt,
            Self::Link(_) => Kind::Link,
            Self::Send(_) => Kind::Send,
            Self::Undecryptable(_) => Kind::Undecryptable,
        }
    }

    /// How much memory it holds beside itself, roughly: what the journal's bound counts.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Message(m) => {
                size_of::<Message>()
                    + m.text.capacity()
                    + m.push_name.capacity()
                    + m.chat.heap_bytes()
                    + 64
            }
            Self::Receipt(r) => {
                r.messages
                    .iter()
                    .map(|id| id.as_str().len() + 24)
                    .sum::<usize>()
                    + 64
            }
            Self::Link(_) => size_of::<Link>(),
            Self::Send(s) => s.chat.heap_bytes() + 128,
            Self::Undecryptable(u) => u.chat.heap_bytes() + 64,
        }
    }
}

/// A message in a chat.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    /// Unique within (chat, sender).
    pub id: MessageId,
    /// Where.
    pub chat: ChatId,
    /// Who.
    pub sender: Contact,
    /// The name the sender gave themselves.
    pub push_name: String,
    /// When, by WhatsApp's clock.
    pub sent_at: SystemTime,
    /// Written by the account itself on another device.
    pub from_me: bool,
    /// In a group.
    pub group: bool,
    /// What kind of content, in one word: `text`, `image`, ...
    pub content: &'static str,
    /// The text or the caption.
    pub text: String,
    /// It waited at the server while the agent was away.
    pub offline: bool,
}

/// Never shows text, names or numbers.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message")
            .field("id", &self.id)
            .field("content", &self.content)
            .finish_non_exhaustive()
    }
}

/// Messages of ours were delivered or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Which.
    pub messages: Vec<MessageId>,
    /// Where.
    pub chat: ChatId,
    /// By whom.
    pub by: Contact,
    /// [`SendState::Delivered`] or [`SendState::Read`].
    pub state: SendState,
}

/// A message arrived that could not be decrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecryptable {
    /// Its id.
    pub id: MessageId,
    /// Where.
    pub chat: ChatId,
    /// Who.
    pub sender: Contact,
    /// Why, in one word.
    pub reason: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_filter_means_every_kind() {
        assert_eq!(KindSet::of([]), KindSet::ALL);
        let only = KindSet::of([Kind::Link]);
        assert!(only.contains(Kind::Link) && !only.contains(Kind::Message));
    }
}
