//! What a message says: text, or something else that is named and described. Nothing is fetched.

use serde::{Deserialize, Serialize};

use super::Word;
use crate::Contact;
use crate::send::MessageId;
use crate::stored::lenient;

/// The content of a message.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Content {
    /// What it is, in one word: `text`, `image`, ... Never empty.
    #[serde(rename = "w")]
    pub word: Word,
    /// The text or the caption.
    #[serde(rename = "t", default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// What else is known of it.
    #[serde(
        rename = "d",
        default,
        deserialize_with = "lenient",
        skip_serializing_if = "Option::is_none"
    )]
    pub details: Option<Details>,
    /// The message that it answers.
    #[serde(rename = "q", default, skip_serializing_if = "Option::is_none")]
    pub quoted: Option<Quoted>,
    /// Who is mentioned in the text.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<Contact>,
    /// It may be looked at once.
    #[serde(rename = "v", default, skip_serializing_if = "is_false")]
    pub view_once: bool,
    /// It was forwarded.
    #[serde(rename = "f", default, skip_serializing_if = "is_false")]
    pub forwarded: bool,
    /// It was too long, and something of it is missing here.
    #[serde(rename = "x", default, skip_serializing_if = "is_false")]
    pub cut: bool,
    /// It disappears so many seconds after it was sent; 0 when it stays.
    #[serde(rename = "e", default, skip_serializing_if = "is_zero")]
    pub disappears_after: u32,
    /// The album that it is a part of, by the id of the album's message.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub album: Option<MessageId>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(value: &u32) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
pub(super) fn is_false(value: &bool) -> bool {
    !value
}

/// Never shows text, names or numbers.
impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.word)
    }
}

/// The message that a message answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quoted {
    /// Its id.
    #[serde(rename = "i")]
    pub id: MessageId,
    /// Who wrote it.
    #[serde(rename = "s", default)]
    pub sender: Contact,
}

/// What is known of content that is not text alone.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Details {
    /// A picture, a film, a sound, a document or a sticker.
    #[serde(rename = "media")]
    Media(Media),
    /// A place.
    #[serde(rename = "place")]
    Place(Place),
    /// A poll.
    #[serde(rename = "poll")]
    Poll(Poll),
    /// Contact cards, by the names on them.
    #[serde(rename = "cards")]
    Cards(Vec<String>),
    /// The answer to buttons or a list: the sender's name for what was chosen.
    #[serde(rename = "choice")]
    Choice(String),
    /// What it is about: the message with the poll, with the event, the pinned one.
    #[serde(rename = "about")]
    About(MessageId),
    /// What it is called: an event, the group that it invites to.
    #[serde(rename = "title")]
    Title(String),
}

/// Never shows text, names or numbers.
impl std::fmt::Debug for Details {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Media(_) => "media",
            Self::Place(_) => "place",
            Self::Poll(_) => "poll",
            Self::Cards(_) => "cards",
            Self::Choice(_) => "choice",
            Self::About(_) => "about",
            Self::Title(_) => "title",
        })
    }
}

/// A file that a message brings. It stays at WhatsApp.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Media {
    /// Its type, as its sender says.
    #[serde(rename = "m", default)]
    pub mime_type: String,
    /// Its name, of documents.
    #[serde(rename = "n", default, skip_serializing_if = "String::is_empty")]
    pub file_name: String,
    /// Its size in bytes; 0 when not said.
    #[serde(rename = "s", default)]
    pub bytes: u64,
    /// How long it plays, in seconds; 0 for what does not play.
    #[serde(rename = "d", default)]
    pub seconds: u32,
    /// Its width and height in pixels; 0 when not said.
    #[serde(rename = "p", default)]
    pub pixels: (u32, u32),
    /// Recorded as a voice message.
    #[serde(rename = "v", default)]
    pub voice: bool,
}

/// A place on earth.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// Latitude in millionths of a degree.
    #[serde(rename = "a", default)]
    pub latitude_e6: i32,
    /// Longitude in millionths of a degree.
    #[serde(rename = "o", default)]
    pub longitude_e6: i32,
    /// What it is called, or where it is, as its sender says.
    #[serde(rename = "n", default)]
    pub name: String,
    /// It moves.
    #[serde(rename = "l", default)]
    pub live: bool,
}

/// A question with answers to choose from.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Poll {
    /// The question.
    #[serde(rename = "q", default)]
    pub question: String,
    /// The answers.
    #[serde(rename = "o", default)]
    pub options: Vec<String>,
    /// How many may be chosen; 0 for any number.
    #[serde(rename = "n", default)]
    pub selectable: u32,
}

impl Content {
    /// How much memory it holds beside itself, roughly.
    pub(super) fn heap_bytes(&self) -> usize {
        let details = match &self.details {
            None | Some(Details::About(_)) => 0,
            Some(Details::Media(m)) => m.mime_type.capacity() + m.file_name.capacity(),
            Some(Details::Place(p)) => p.name.capacity(),
            Some(Details::Poll(p)) => {
                p.question.capacity() + p.options.iter().map(|o| o.capacity() + 24).sum::<usize>()
            }
            Some(Details::Cards(names)) => names.iter().map(|name| name.capacity() + 24).sum(),
            Some(Details::Choice(text) | Details::Title(text)) => text.capacity(),
        };
        self.text.capacity() + details + self.mentions.len() * size_of::<Contact>()
    }
}
