//! What is sent: a new message, or a change of one that is there; and how it is written down.
//!
//! A caller names other messages by a [`MessageRef`]. What is written down and sent names them by a [`Referred`], which
//! needs nothing that may be gone by the time it is sent.

#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use super::{MessageId, Token};
use crate::event::{Body, Poll};
use crate::{Contact, Recipient, Seq, Text};

/// What a caller wants sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The recipient. `None` where the chat is that of the message that it is about.
    pub to: Option<Recipient>,
    /// What.
    pub what: Outgoing<MessageRef>,
    /// The caller's name for it; the agent chooses one when there is none.
    pub token: Option<Token>,
}

/// What is sent. Every kind is composed in one place, the session's. Volumes hold the names.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outgoing<M = Referred> {
    /// A new message.
    #[serde(rename = "n")]
    Message(Box<NewMessage<M>>),
    /// A reaction to a message.
    #[serde(rename = "r")]
    Reaction {
        /// The message.
        #[serde(rename = "m")]
        target: M,
        /// The emoji; empty to take the reaction back.
        #[serde(rename = "e")]
        emoji: String,
    },
    /// Another text for a message of the account.
    #[serde(rename = "e")]
    Edit {
        /// The message.
        #[serde(rename = "m")]
        target: M,
        /// What it says from now on.
        #[serde(rename = "t")]
        text: Text,
        /// Who is mentioned in that.
        #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
        mentions: Vec<Contact>,
    },
    /// A message is deleted for everyone.
    #[serde(rename = "d")]
    Deletion {
        /// The message.
        #[serde(rename = "m")]
        target: M,
    },
    /// A vote in a poll.
    #[serde(rename = "v")]
    Vote {
        /// The message with the poll.
        #[serde(rename = "m")]
        target: M,
        /// The selected options; none to take the vote back.
        #[serde(rename = "o")]
        options: Vec<String>,
    },
}

/// A new message.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewMessage<M = Referred> {
    /// What it says.
    #[serde(rename = "c")]
    pub content: NewContent,
    /// The message that it answers.
    #[serde(
        rename = "q",
        default = "none",
        skip_serializing_if = "Option::is_none"
    )]
    pub reply_to: Option<M>,
    /// Who is mentioned in it.
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<Contact>,
}

const fn none<M>() -> Option<M> {
    None
}

/// What a new message says. Volumes hold the names.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NewContent {
    /// A text.
    #[serde(rename = "text")]
    Text(Text),
    /// A place on earth.
    #[serde(rename = "place")]
    Location(Place),
    /// Contact cards: at least one.
    #[serde(rename = "cards")]
    Contacts(Vec<Card>),
    /// A poll.
    #[serde(rename = "poll")]
    Poll(Poll),
}

/// A place on earth.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// Latitude in millionths of a degree.
    #[serde(rename = "a")]
    pub latitude_e6: i32,
    /// Longitude in millionths of a degree.
    #[serde(rename = "o")]
    pub longitude_e6: i32,
    /// Its name; empty for none.
    #[serde(rename = "n", default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its address; empty for none.
    #[serde(rename = "s", default, skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// The text below it; empty for none.
    #[serde(rename = "c", default, skip_serializing_if = "String::is_empty")]
    pub caption: String,
}

/// A contact card.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The name that is shown.
    #[serde(rename = "n")]
    pub name: String,
    /// The card itself, in the format vCard.
    #[serde(rename = "v")]
    pub vcard: String,
}

/// A message, as a caller names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum MessageRef {
    /// By its event.
    #[serde(rename = "s")]
    Seq(Seq),
    /// By WhatsApp's key.
    #[serde(rename = "k")]
    Key {
        /// Its chat.
        #[serde(rename = "c", serialize_with = "address")]
        chat: Recipient,
        /// Its id.
        #[serde(rename = "i")]
        id: MessageId,
        /// Who wrote it; `None` for the account itself.
        #[serde(rename = "s")]
        sender: Option<Contact>,
    },
}

/// A message, as WhatsApp names it within its chat.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Referred {
    /// Its id.
    #[serde(rename = "i")]
    pub id: MessageId,
    /// Who wrote it. Of no meaning for a message of the account.
    #[serde(rename = "a")]
    pub author: Contact,
    /// It is a message of the account.
    #[serde(rename = "m")]
    pub ours: bool,
    /// What a reply quotes of it.
    #[serde(rename = "q", default, skip_serializing_if = "is_unknown")]
    pub body: Body,
}

fn is_unknown(body: &Body) -> bool {
    *body == Body::Unknown
}

/// What a message that is about another one does with that.
#[derive(Debug, PartialEq, Eq)]
pub enum Subject<'a, M> {
    /// Answers it.
    Quotes(&'a M),
    /// Reacts to it.
    ReactsTo(&'a M),
    /// Changes its text.
    Edits(&'a M),
    /// Deletes it.
    Deletes(&'a M),
    /// Votes in it, for these.
    VotesIn(&'a M, &'a [String]),
}

/// An [`Outgoing`] as bytes, for what stores, compares and counts it without knowing what it is.
///
/// A text alone is its UTF-8. Anything else begins with a zero byte, which no text has; CBOR follows. Volumes hold it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Payload(Box<[u8]>);

impl<M> Outgoing<M> {
    /// A new message with a text.
    #[must_use]
    pub fn of_text(text: Text) -> Self {
        Self::Message(Box::new(NewMessage {
            content: NewContent::Text(text),
            reply_to: None,
            mentions: Vec::new(),
        }))
    }

    /// The message that it is about, where it is about one.
    #[must_use]
    pub fn subject(&self) -> Option<Subject<'_, M>> {
        Some(match self {
            Self::Message(message) => Subject::Quotes(message.reply_to.as_ref()?),
            Self::Reaction { target, .. } => Subject::ReactsTo(target),
            Self::Edit { target, .. } => Subject::Edits(target),
            Self::Deletion { target } => Subject::Deletes(target),
            Self::Vote { target, options } => Subject::VotesIn(target, options),
        })
    }

    /// The poll that it makes, if it makes one.
    #[must_use]
    pub fn new_poll(&self) -> Option<&Poll> {
        match self {
            Self::Message(message) => match &message.content {
                NewContent::Poll(poll) => Some(poll),
                _ => None,
            },
            _ => None,
        }
    }

    /// The same, with another name for the message that it is about.
    pub fn about<N, E>(self, mut name: impl FnMut(M) -> Result<N, E>) -> Result<Outgoing<N>, E> {
        Ok(match self {
            Self::Message(message) => {
                let NewMessage {
                    content,
                    reply_to,
                    mentions,
                } = *message;
                Outgoing::Message(Box::new(NewMessage {
                    content,
                    reply_to: reply_to.map(name).transpose()?,
                    mentions,
                }))
            }
            Self::Reaction { target, emoji } => Outgoing::Reaction {
                target: name(target)?,
                emoji,
            },
            Self::Edit {
                target,
                text,
                mentions,
            } => Outgoing::Edit {
                target: name(target)?,
                text,
                mentions,
            },
            Self::Deletion { target } => Outgoing::Deletion {
                target: name(target)?,
            },
            Self::Vote { target, options } => Outgoing::Vote {
                target: name(target)?,
                options,
            },
        })
    }

    /// The text, of a message that is nothing but a text.
    fn plain_text(&self) -> Option<&Text> {
        match self {
            Self::Message(message) => match &**message {
                NewMessage {
                    content: NewContent::Text(text),
                    reply_to: None,
                    mentions,
                } if mentions.is_empty() => Some(text),
                _ => None,
            },
            _ => None,
        }
    }
}

impl<M: Serialize> Outgoing<M> {
    /// As bytes.
    #[must_use]
    pub fn encode(&self) -> Payload {
        if let Some(text) = self.plain_text() {
            return Payload(text.as_str().as_bytes().into());
        }
        let mut bytes = vec![0];
        ciborium::into_writer(self, &mut bytes).expect("a vector takes what is written to it");
        Payload(bytes.into())
    }
}

impl Outgoing {
    /// The way back. `None` for what a later version encoded.
    #[must_use]
    pub fn decode(payload: &Payload) -> Option<Self> {
        match payload.as_bytes() {
            [0, encoded @ ..] => ciborium::from_reader(encoded).ok(),
            text => {
                let text = std::str::from_utf8(text).ok()?;
                Some(Self::of_text(Text::kept(text.to_owned())))
            }
        }
    }
}

impl Payload {
    /// From a volume.
    #[must_use]
    pub fn kept(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn address<S: Serializer>(chat: &Recipient, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&chat.address())
}

/// Shows how long it is.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// Shows what it is.
impl<M> fmt::Debug for Outgoing<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Message(_) => "message",
            Self::Reaction { .. } => "reaction",
            Self::Edit { .. } => "edit",
            Self::Deletion { .. } => "deletion",
            Self::Vote { .. } => "vote",
        })
    }
}

/// Shows the id.
impl fmt::Debug for Referred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}
