//! A message's content in the JSON of the control interface, in both directions: `{"image": {…}, "context": {…},
//! "wrapped": […]}`. One key selects the kind; a kind that is not listed here is `raw`, the encoded protobuf.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::binary::Base64;
use super::change::{Pin, Reaction};
use super::choice::{Choice, Offer};
use super::context::Preview;
use super::key::Key;
use super::media::Media;
use super::people::{Card, Invite};
use super::place::Place;
use super::poll::{Event, Poll, Vote};
use super::wrapper::Wrapper;
use crate::wire::file::MediaType;

/// The content of a message: one of the kinds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names describe the content")]
pub enum Kind {
    Text(String),
    Image(Media),
    Video(Media),
    /// A round video.
    VideoNote(Media),
    Audio(Media),
    Document(Media),
    Sticker(Media),
    Location(Place),
    LiveLocation(Place),
    Contacts(Vec<Card>),
    GroupInvite(Invite),
    Poll(Poll),
    /// Encoded and decoded by `phones::poll`, which has the poll's secret.
    Vote(Vote),
    Event(Event),
    List(Offer),
    Buttons(Offer),
    ListReply(Choice),
    ButtonsReply(Choice),
    TemplateReply(Choice),
    /// How many images and videos follow.
    Album {
        images: u32,
        videos: u32,
    },
    Edit(Edit),
    Deletion(Key),
    Reaction(Reaction),
    Pin(Pin),
    /// The chat's timer, in seconds; 0 turns it off.
    Timer(u32),
    /// The encoded protobuf.
    Raw(Base64),
}

/// An edit: new content for a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The message to edit.
    pub about: Key,
    /// The new content.
    pub content: Box<Content>,
}

/// A quoted message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quote {
    /// Its id.
    pub id: String,
    /// Its author, as a JID.
    pub author: String,
    /// Its chat, as a JID, if that is another chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat: Option<String>,
    /// Its content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Box<Content>>,
}

/// The context of a message.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Context {
    /// The quoted message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
    /// The people mentioned, as JIDs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<String>,
    /// How often the message was forwarded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<u32>,
    /// Seconds until the message disappears.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration: Option<u32>,
}

/// A message's content, with the fields that accompany it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct Content {
    #[serde(flatten)]
    pub(crate) kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) context: Option<Context>,
    /// Only for a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) preview: Option<Preview>,
    /// The wrappers, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) wrapped: Vec<Wrapper>,
    /// The album's id; for an image or a video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) album: Option<String>,
    /// The 32-byte secret with which additions to the message, such as votes, are encrypted. Generated for polls and
    /// events if omitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<Base64>,
}

/// A description that is not a valid message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotContent {
    /// The protobuf cannot be read.
    #[error("raw: not an encoded message")]
    Raw,
    /// A vote is encrypted for its poll; it cannot be quoted, nor be the new content of an edit.
    #[error("a vote cannot be part of another message")]
    Vote,
    /// `bytes` and `fill` exclude each other.
    #[error("`bytes` and `fill` are both given")]
    TwoFiles,
    /// A media key has 32 bytes.
    #[error("media_key: not 32 bytes")]
    MediaKey,
    /// The kind has no place for a context.
    #[error("this kind has no context")]
    NoContext,
}

impl TryFrom<Map<String, Value>> for Content {
    type Error = serde_json::Error;

    fn try_from(mut fields: Map<String, Value>) -> Result<Self, serde_json::Error> {
        fn take<T: serde::de::DeserializeOwned + Default>(
            fields: &mut Map<String, Value>,
            name: &str,
        ) -> Result<T, serde_json::Error> {
            let value = fields.remove(name);
            value.map_or_else(|| Ok(T::default()), serde_json::from_value)
        }
        Ok(Self {
            context: take(&mut fields, "context")?,
            preview: take(&mut fields, "preview")?,
            wrapped: take(&mut fields, "wrapped")?,
            // The key of the same name as the kind is an object.
            album: match fields.get("album") {
                Some(Value::String(_)) => take(&mut fields, "album")?,
                _ => None,
            },
            secret: take(&mut fields, "secret")?,
            // The remaining key is the kind, and nothing else may remain.
            kind: serde_json::from_value(Value::Object(fields))?,
        })
    }
}

impl Content {
    /// Plain text.
    pub fn text(text: &str) -> Self {
        Self::from(Kind::Text(text.to_owned()))
    }

    /// The content.
    pub const fn kind(&self) -> &Kind {
        &self.kind
    }
}

impl Kind {
    /// The file of this content, if its kind has one.
    pub(crate) fn media_mut(&mut self) -> Option<(MediaType, &mut Media)> {
        match self {
            Self::Image(media) => Some((MediaType::Image, media)),
            Self::Video(media) | Self::VideoNote(media) => Some((MediaType::Video, media)),
            Self::Audio(media) => Some((MediaType::Audio, media)),
            Self::Document(media) => Some((MediaType::Document, media)),
            Self::Sticker(media) => Some((MediaType::Sticker, media)),
            _ => None,
        }
    }
}

impl From<Kind> for Content {
    fn from(kind: Kind) -> Self {
        Self {
            kind,
            context: None,
            preview: None,
            wrapped: Vec::new(),
            album: None,
            secret: None,
        }
    }
}

#[cfg(test)]
mod tests;
