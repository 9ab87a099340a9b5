//! A message's content as the control interface describes it, both ways: `{"image": {…}, "context": {…}, "wrapped": […]}`.
//! One key names the kind; what has no name here is `raw`, the encoded protobuf.

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

/// What a message says: one of the kinds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is named as its content is")]
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
    /// Made and read by `phones::poll`, which knows the poll's secret.
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

/// Other content for a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The message.
    pub about: Key,
    /// What it says from now on.
    pub content: Box<Content>,
}

/// The message that is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quote {
    /// Its id.
    pub id: String,
    /// Who wrote it, as a JID.
    pub author: String,
    /// Where it is, as a JID, if that is another chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat: Option<String>,
    /// What it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Box<Content>>,
}

/// What stands beside a message's content.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Context {
    /// The message that is answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
    /// Who is mentioned, as JIDs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<String>,
    /// How often it was forwarded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forwarded: Option<u32>,
    /// After how many seconds it disappears.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration: Option<u32>,
}

/// What a message says, and what stands beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct Content {
    #[serde(flatten)]
    pub(crate) kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) context: Option<Context>,
    /// Of a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) preview: Option<Preview>,
    /// The outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) wrapped: Vec<Wrapper>,
    /// Of an image or a video: the album's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) album: Option<String>,
    /// What addons to the message, such as votes, are encrypted under: 32 bytes. A poll and an event get one by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<Base64>,
}

/// A description that no message can be made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotContent {
    /// The protobuf cannot be read.
    #[error("raw: not an encoded message")]
    Raw,
    /// A vote is encrypted for its poll; it cannot be quoted or be what a message is edited to.
    #[error("a vote stands by itself")]
    Vote,
    /// A file has one content.
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
            // The kind of that name is an object.
            album: match fields.get("album") {
                Some(Value::String(_)) => take(&mut fields, "album")?,
                _ => None,
            },
            secret: take(&mut fields, "secret")?,
            // What is left is the kind, and nothing else.
            kind: serde_json::from_value(Value::Object(fields))?,
        })
    }
}

impl Content {
    /// Plain text.
    pub fn text(text: &str) -> Self {
        Self::from(Kind::Text(text.to_owned()))
    }

    /// What it is.
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
