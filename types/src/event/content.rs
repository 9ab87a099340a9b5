//! The content of a message: one body, and the fields that any kind of content may have. Files are not downloaded.

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

pub use body::{Body, CalendarEvent, Choice, Choices, ContactCard, GroupInvite, Location, Poll};
pub use vote::Vote;

/// The content of a message.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Content {
    /// The body.
    #[serde(rename = "k")]
    pub body: Body,
    /// The message that it replies to.
    #[serde(rename = "q", skip_serializing_if = "Option::is_none")]
    pub quoted: Option<Quoted>,
    /// The people mentioned in the text.
    #[serde(rename = "m", skip_serializing_if = "Vec::is_empty")]
    pub mentions: Vec<Contact>,
    /// It may be viewed only once.
    #[serde(rename = "v", skip_serializing_if = "is_false")]
    pub view_once: bool,
    /// It was forwarded.
    #[serde(rename = "f", skip_serializing_if = "is_false")]
    pub forwarded: bool,
    /// It was too long, and was cut.
    #[serde(rename = "x", skip_serializing_if = "is_false")]
    pub truncated: bool,
    /// It disappears this many seconds after it was sent; 0 if it does not.
    #[serde(rename = "e", skip_serializing_if = "is_zero")]
    pub disappears_after: u32,
    /// The id of the album's message, if this message belongs to an album.
    #[serde(rename = "a", skip_serializing_if = "Option::is_none")]
    pub album: Option<MessageId>,
    /// The account is mentioned, by its number or its LID, or everyone in the group is.
    #[serde(rename = "y", skip_serializing_if = "is_false")]
    pub mentions_account: bool,
    /// The preview of a link in the text.
    #[serde(rename = "l", skip_serializing_if = "Option::is_none")]
    pub preview: Option<Box<LinkPreview>>,
    /// For [`Body::Album`]: the numbers of its pictures and videos, as announced; 0 if unknown.
    #[serde(rename = "c", skip_serializing_if = "is_empty_album")]
    pub album_parts: (u32, u32),
}

/// The preview of a link, as the sender's client made it.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LinkPreview {
    /// The link, as in the text.
    #[serde(rename = "u", default)]
    pub url: String,
    /// The page's title.
    #[serde(rename = "n", default)]
    pub title: String,
    /// The page's description.
    #[serde(rename = "t", default)]
    pub description: String,
}

/// A file attached to a message. It stays on WhatsApp's media servers until a client downloads it.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Media {
    /// Its kind.
    #[serde(rename = "k", default, deserialize_with = "lenient")]
    pub kind: MediaKind,
    /// The MIME type, as reported by the sender.
    #[serde(rename = "m", default)]
    pub mime_type: String,
    /// The file name, for documents.
    #[serde(rename = "n", default, skip_serializing_if = "String::is_empty")]
    pub file_name: String,
    /// The size in bytes; 0 if unknown.
    #[serde(rename = "s", default)]
    pub bytes: u64,
    /// The duration in seconds; 0 if the file has none.
    #[serde(rename = "d", default)]
    pub seconds: u32,
    /// Width and height in pixels; 0 if unknown.
    #[serde(rename = "p", default)]
    pub pixels: (u32, u32),
    /// The caption.
    #[serde(rename = "c", default, skip_serializing_if = "String::is_empty")]
    pub caption: String,
    /// Its location and key.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<MediaPointer>,
}

/// The kind of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A video.
    Video,
    /// A sound file.
    Audio,
    /// A recorded voice message (PTT).
    Voice,
    /// A document.
    Document,
    /// A sticker.
    Sticker,
    /// An animated video ("GIF").
    Gif,
    /// A round video message (PTV).
    VideoNote,
    /// Written by a later version.
    #[default]
    Unknown,
}

/// The location of a file on WhatsApp's media servers, its key and its checksums. Never leaves the agent.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct MediaPointer {
    /// The path on the media hosts.
    #[serde(rename = "p", default)]
    pub direct_path: String,
    /// The media key of 32 bytes, from which the encryption keys are derived.
    #[serde(rename = "k", default)]
    pub key: Vec<u8>,
    /// SHA-256 of the plain file.
    #[serde(rename = "h", default)]
    pub sha256: Vec<u8>,
    /// SHA-256 of the encrypted file, as it is on the media servers.
    #[serde(rename = "e", default)]
    pub encrypted_sha256: Vec<u8>,
    /// When the key was made, in seconds since 1970; 0 if unknown. Needed to ask a phone for a new upload.
    #[serde(rename = "t", default)]
    pub key_made_at: i64,
}

/// Content of a kind that has no variant of its own.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Other {
    /// A single word.
    #[serde(rename = "w")]
    pub name: String,
    /// Its text, if it has one.
    #[serde(rename = "t", default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// The message that it refers to.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub about: Option<Box<Target>>,
}

impl Other {
    /// With a name and nothing else.
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

/// The maximum length of a quoted text, in bytes.
pub const MAX_QUOTED_BYTES: usize = 4_096;

/// The quoted message.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quoted {
    /// The message's id.
    #[serde(rename = "i")]
    pub id: MessageId,
    /// The author of the message.
    #[serde(rename = "s", default)]
    pub sender: Contact,
    /// Its text or caption, as contained in the reply.
    #[serde(rename = "t", default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Its file, as contained in the reply, without the caption.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub media: Option<Box<Media>>,
    /// Whether the journal confirms the quote.
    #[serde(rename = "k", default, deserialize_with = "lenient")]
    pub check: QuoteCheck,
}

/// Whether the journal confirms a quote, which is the claim of its sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuoteCheck {
    /// Recorded by a version that did not check.
    #[default]
    Unspecified,
    /// The journal has the message in this chat, by this author and with this text.
    Confirmed,
    /// The journal does not have the message, or not its text.
    Unknown,
    /// The journal has the message, and its author or its text is another one.
    Different,
}

impl MediaKind {
    /// The kind's name.
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
    /// A plain text.
    #[must_use]
    pub fn of_text(text: impl Into<String>) -> Self {
        Self {
            body: Body::Text(text.into()),
            ..Self::default()
        }
    }

    /// The approximate size of its heap allocations.
    pub(super) fn heap_bytes(&self) -> usize {
        let quoted = self.quoted.as_ref().map_or(0, |quoted| {
            let media = quoted.media.as_ref().map_or(0, Kind::heap_bytes);
            quoted.text.capacity() + media
        });
        let preview = self.preview.as_ref().map_or(0, |preview| {
            let LinkPreview {
                url,
                title,
                description,
            } = &**preview;
            size_of::<LinkPreview>() + url.capacity() + title.capacity() + description.capacity()
        });
        self.body.heap_bytes() + quoted + preview + self.mentions.len() * size_of::<Contact>()
    }
}

/// Shows the kind, never text, names, numbers or keys.
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_empty_album(parts: &(u32, u32)) -> bool {
    matches!(parts, (0, 0))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(value: &u32) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
pub(super) fn is_false(value: &bool) -> bool {
    !value
}
