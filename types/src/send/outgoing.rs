//! Outgoing content: a new message or a change to an existing one; and its stored encoding.
//!
//! A client refers to another message with a [`MessageRef`]. What is stored and sent has a [`Referred`] instead, which
//! is self-contained: the other message may be gone by the time this one is sent.

#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

use super::{MessageId, NewFile, Token};
use crate::event::{Body, Poll};
use crate::{Contact, Recipient, Seq, Text};

/// What a client wants to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The recipient. `None` if the chat is that of the message that it refers to.
    pub to: Option<Recipient>,
    /// The content.
    pub what: Outgoing<MessageRef>,
    /// The client's token; the agent chooses one if there is none.
    pub token: Option<Token>,
}

/// The content to send. All kinds are converted to protobuf in one place, the session. The names are stored on disk.
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
        /// The emoji; empty to remove the reaction.
        #[serde(rename = "e")]
        emoji: String,
    },
    /// An edit of a message that the account sent.
    #[serde(rename = "e")]
    Edit {
        /// The message.
        #[serde(rename = "m")]
        target: M,
        /// The new text.
        #[serde(rename = "t")]
        text: Text,
        /// The people mentioned in the new text.
        #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
        mentions: Vec<Contact>,
    },
    /// A deletion for everyone.
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
        /// The selected options; empty to retract the vote.
        #[serde(rename = "o")]
        options: Vec<String>,
    },
}

/// A new message.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewMessage<M = Referred> {
    /// Its content.
    #[serde(rename = "c")]
    pub content: NewContent,
    /// The message that it replies to.
    #[serde(
        rename = "q",
        default = "none",
        skip_serializing_if = "Option::is_none"
    )]
    pub reply_to: Option<M>,
    /// The people mentioned in it.
    #[serde(rename = "p", default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<Contact>,
}

const fn none<M>() -> Option<M> {
    None
}

/// The content of a new message. The names are stored on disk.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NewContent {
    /// A text.
    #[serde(rename = "text")]
    Text(Text),
    /// A geographic location.
    #[serde(rename = "place")]
    Location(Place),
    /// Contact cards, at least one.
    #[serde(rename = "cards")]
    Contacts(Vec<Card>),
    /// A poll.
    #[serde(rename = "poll")]
    Poll(Poll),
    /// A file.
    #[serde(rename = "file")]
    File(NewFile),
}

/// A geographic location.
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
    /// The caption; empty for none.
    #[serde(rename = "c", default, skip_serializing_if = "String::is_empty")]
    pub caption: String,
}

/// A contact card.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    /// The displayed name.
    #[serde(rename = "n")]
    pub name: String,
    /// The card, in vCard format.
    #[serde(rename = "v")]
    pub vcard: String,
}

/// A reference to a message, as a client gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum MessageRef {
    /// The message's event.
    #[serde(rename = "s")]
    Seq(Seq),
    /// WhatsApp's message key.
    #[serde(rename = "k")]
    Key {
        /// Its chat.
        #[serde(rename = "c", serialize_with = "address")]
        chat: Recipient,
        /// Its id.
        #[serde(rename = "i")]
        id: MessageId,
        /// The author; `None` for the account itself.
        #[serde(rename = "s")]
        sender: Option<Contact>,
    },
}

/// A reference to a message within its chat, as WhatsApp encodes it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Referred {
    /// Its id.
    #[serde(rename = "i")]
    pub id: MessageId,
    /// The author. Ignored for a message that the account sent.
    #[serde(rename = "a")]
    pub author: Contact,
    /// The account sent the message.
    #[serde(rename = "m")]
    pub ours: bool,
    /// The body that a reply quotes.
    #[serde(rename = "q", default, skip_serializing_if = "is_unknown")]
    pub body: Body,
}

fn is_unknown(body: &Body) -> bool {
    *body == Body::Unknown
}

/// How a message refers to another one.
#[derive(Debug, PartialEq, Eq)]
pub enum Subject<'a, M> {
    /// A reply to it.
    Quotes(&'a M),
    /// A reaction to it.
    ReactsTo(&'a M),
    /// An edit of it.
    Edits(&'a M),
    /// A deletion of it.
    Deletes(&'a M),
    /// A vote in it, for these options.
    VotesIn(&'a M, &'a [String]),
}

/// An [`Outgoing`] as bytes, for code that stores, compares and counts it without knowing its type.
///
/// A plain text is its UTF-8. Anything else is a zero byte, which no text contains, followed by CBOR. Stored on disk.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Payload(Box<[u8]>);

impl<M> Outgoing<M> {
    /// A new message with a plain text.
    #[must_use]
    pub fn of_text(text: Text) -> Self {
        Self::Message(Box::new(NewMessage {
            content: NewContent::Text(text),
            reply_to: None,
            mentions: Vec::new(),
        }))
    }

    /// How it refers to another message, if it does.
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

    /// The poll, if this is a new poll.
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

    /// The file it sends, if any.
    #[must_use]
    pub fn file(&self) -> Option<&NewFile> {
        match self {
            Self::Message(message) => match &message.content {
                NewContent::File(file) => Some(file),
                _ => None,
            },
            _ => None,
        }
    }

    /// The file it sends, mutable.
    pub fn file_mut(&mut self) -> Option<&mut NewFile> {
        match self {
            Self::Message(message) => match &mut message.content {
                NewContent::File(file) => Some(file),
                _ => None,
            },
            _ => None,
        }
    }

    /// Replaces the reference to the other message.
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

    /// The text, if this is a plain text and nothing else.
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
    /// Encodes to bytes.
    #[must_use]
    pub fn encode(&self) -> Payload {
        if let Some(text) = self.plain_text() {
            return Payload(text.as_str().as_bytes().into());
        }
        let mut bytes = vec![0];
        ciborium::into_writer(self, &mut bytes).expect("writing to a vector cannot fail");
        Payload(bytes.into())
    }
}

impl Outgoing {
    /// Decodes. `None` for the format of a later version.
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
    /// From stored bytes.
    #[must_use]
    pub fn kept(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// The encoded bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn address<S: Serializer>(chat: &Recipient, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&chat.address())
}

/// Shows the length.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// Shows the kind.
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
