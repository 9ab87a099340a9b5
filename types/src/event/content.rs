//! What a message says: one kind of content, and what any kind may have. Files stay where they are.

mod body;
mod stored;
mod vote;

use serde::{Deserialize, Serialize};

use super::Target;
#[cfg(any(test, feature = "samples"))]
use super::samples;
use crate::Contact;
use crate::send::MessageId;
use crate::stored::lenient;
use body::Kind;
use stored::Stored;

pub use body::{Body, CalendarEvent, Choice, GroupInvite, Location, Poll};
pub use vote::Vote;

/// The content of a message.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Content {
    /// What it is.
    #[serde(rename = "k")]
    pub body: Body,
    /// The message that it answers.
    #[serde(rename = "q", skip_serializing_if = "Option::is_none")]
    pub quoted: Option<Quoted>,
    /// Who is mentioned in the text.
    #[serde(rename = "m", skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<Contact>,
    /// It may be viewed once.
    #[serde(rename = "v", skip_serializing_if = "is_false")]
    pub view_once: bool,
    /// It was forwarded.
    #[serde(rename = "f", skip_serializing_if = "is_false")]
    pub forwarded: bool,
    /// It was too long, and something of it is missing here.
    #[serde(rename = "x", skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// It disappears so many seconds after it was sent; 0 when it stays.
    #[serde(rename = "e", skip_serializing_if = "is_zero")]
    pub disappears_after: u32,
    /// The album that it is a part of, by the id of the album's message.
    #[serde(rename = "a", skip_serializing_if = "Option::is_none")]
    pub album: Option<MessageId>,
}

/// A file that a message brings. It stays at WhatsApp until a client downloads it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// What it is.
    #[serde(rename = "k", default, deserialize_with = "lenient")]
    pub kind: MediaKind,
    /// Its type, as its sender says.
    #[serde(rename = "m", default)]
    pub mime_type: String,
    /// Its name, of documents.
    #[serde(rename = "n", default, skip_serializing_if = "String::is_empty")]
    pub file_name: String,
    /// Its size in bytes; 0 when not known.
    #[serde(rename = "s", default)]
    pub bytes: u64,
    /// How long it plays, in seconds; 0 for what does not play.
    #[serde(rename = "d", default)]
    pub seconds: u32,
    /// Its width and height in pixels; 0 when not known.
    #[serde(rename = "p", default)]
    pub pixels: (u32, u32),
    /// The text below it.
    #[serde(rename = "c", default, skip_serializing_if = "String::is_empty")]
    pub caption: String,
    /// Where it is and the key to it.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<MediaPointer>,
}

/// What a file is to WhatsApp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A video.
    Video,
    /// A sound file.
    Audio,
    /// A recorded voice message.
    Voice,
    /// A document.
    Document,
    /// A sticker.
    Sticker,
    /// An animated video ("GIF").
    Gif,
    /// A recorded video message, shown round.
    VideoNote,
    /// What a later version wrote.
    #[default]
    Unknown,
}

/// Where a file is at WhatsApp, the key to it, and what it is checked by. It never leaves the agent.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MediaPointer {
    /// The path at WhatsApp's media hosts.
    #[serde(rename = "p", default)]
    pub direct_path: String,
    /// The key of 32 bytes that the file's keys are derived from.
    #[serde(rename = "k", default)]
    pub key: Vec<u8>,
    /// SHA-256 of the file.
    #[serde(rename = "h", default)]
    pub sha256: Vec<u8>,
    /// SHA-256 of the file as it is at WhatsApp, encrypted.
    #[serde(rename = "e", default)]
    pub encrypted_sha256: Vec<u8>,
    /// When the key was made, in seconds since 1970; 0 when not known. A phone is asked with it to upload again.
    #[serde(rename = "t", default)]
    pub key_made_at: i64,
}

/// Content without a kind of its own.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Other {
    /// In one word.
    #[serde(rename = "w")]
    pub name: String,
    /// Its text, where it has one.
    #[serde(rename = "t", default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The message that it is about.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub about: Option<Box<Target>>,
}

impl Other {
    /// By its name alone.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: String::new(),
            about: None,
        }
    }
}

impl Kind for Other {
    fn name<'a>(&'a self, _: &'a str) -> &'a str {
        &self.name
    }

    fn target(&self) -> Option<&Target> {
        self.about.as_deref()
    }

    fn target_mut(&mut self) -> Option<&mut Target> {
        self.about.as_deref_mut()
    }

    fn text(&self) -> &str {
        &self.text
    }

    fn heap_bytes(&self) -> usize {
        let about = self.about.as_ref().map_or(0, Kind::heap_bytes);
        self.name.capacity() + self.text.capacity() + about
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        vec![Self {
            name: "product".into(),
            text: "swordfish".into(),
            about: Some(samples::target()),
        }]
    }
}

/// The quoted message.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quoted {
    /// Its id.
    #[serde(rename = "i")]
    pub id: MessageId,
    /// Who wrote it.
    #[serde(rename = "s", default)]
    pub sender: Contact,
    /// Its text or caption, as the answer has it.
    #[serde(rename = "t", default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Its file, as the answer has it, without the caption.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub media: Option<Box<Media>>,
}

impl MediaKind {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Voice => "voice",
            Self::Document => "document",
            Self::Sticker => "sticker",
            Self::Gif => "gif",
            Self::VideoNote => "video_note",
            Self::Unknown => "media",
        }
    }
}

impl Kind for Box<Media> {
    fn name<'a>(&'a self, _: &'a str) -> &'a str {
        self.kind.name()
    }

    fn text(&self) -> &str {
        &self.caption
    }

    fn heap_bytes(&self) -> usize {
        let pointer = self.pointer.as_ref().map_or(0, MediaPointer::heap_bytes);
        let texts = [&self.mime_type, &self.file_name, &self.caption];
        size_of::<Media>() + texts.map(String::capacity).iter().sum::<usize>() + pointer
    }

    #[cfg(any(test, feature = "samples"))]
    fn samples() -> Vec<Self> {
        samples::every_media().map(Box::new).collect()
    }
}

impl MediaPointer {
    fn heap_bytes(&self) -> usize {
        let bytes = [&self.key, &self.sha256, &self.encrypted_sha256];
        self.direct_path.capacity() + bytes.map(Vec::capacity).iter().sum::<usize>()
    }
}

impl Content {
    /// A text and nothing else.
    #[must_use]
    pub fn of_text(text: impl Into<String>) -> Self {
        Self {
            body: Body::Text(text.into()),
            ..Self::default()
        }
    }

    /// How much memory it holds in addition to itself, roughly.
    pub(super) fn heap_bytes(&self) -> usize {
        let quoted = self.quoted.as_ref().map_or(0, |quoted| {
            let media = quoted.media.as_ref().map_or(0, Kind::heap_bytes);
            quoted.text.capacity() + media
        });
        self.body.heap_bytes() + quoted + self.mentions.len() * size_of::<Contact>()
    }
}

/// Shows what it is, never text, names, numbers or keys.
impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.body.fmt(f)
    }
}

/// Shows nothing.
impl std::fmt::Debug for MediaPointer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MediaPointer").finish_non_exhaustive()
    }
}

/// Shows the id.
impl std::fmt::Debug for Quoted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.id.fmt(f)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(value: &u32) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
pub(super) fn is_false(value: &bool) -> bool {
    !value
}
