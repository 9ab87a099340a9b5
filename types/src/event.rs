//! Events: the vocabulary of the journal and of WatchEvents.
//!
//! Events are written to disk with serde, under the short names given here: see `stored.rs`.

mod call;
mod change;
mod content;
mod filter;
mod group;
mod kind;
mod message;
mod part;
#[cfg(any(test, feature = "samples"))]
pub mod samples;
mod target;
#[cfg(test)]
mod tests;
mod unread;
mod view;

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

pub use call::Call;
pub use change::*;
pub use content::{
    Body, CalendarEvent, Choice, Choices, ContactCard, Content, GroupInvite, LinkPreview, Location,
    MAX_QUOTED_BYTES, Media, MediaKind, MediaPointer, Other, Poll, QuoteCheck, Quoted, Vote,
};
pub use filter::{ChatSet, Filter, MAX_CHATS};
pub use group::GroupChange;
#[cfg(any(test, feature = "samples"))]
pub use kind::every_event_data;
pub use kind::{EventData, Kind, KindSet};
pub use message::*;
pub use target::Target;
pub use unread::*;

use crate::send::MessageId;
use crate::stored::{lenient, time};
use crate::{ChatId, Contact};

/// The sequence number of an event; 0 stands before the first one.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Seq(pub u64);

impl Seq {
    /// The next sequence number.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// An event with its sequence number and time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its sequence number.
    #[serde(rename = "n")]
    pub seq: Seq,
    /// When the agent recorded it.
    #[serde(rename = "t", with = "time")]
    pub at: SystemTime,
    /// What happened.
    #[serde(rename = "w", deserialize_with = "lenient")]
    pub what: EventData,
}

/// The key of a message or change in a chat.
#[derive(Clone, Copy, Debug)]
pub struct NameRef<'a> {
    /// Its id.
    pub id: &'a MessageId,
    /// The chat.
    pub chat: &'a ChatId,
    /// The sender.
    pub sender: &'a Contact,
    /// True if the account itself is the sender.
    pub from_me: bool,
}
