//! What a message says: one kind of content, and what any kind may have. Nothing is fetched.

mod stored;

use serde::{Deserialize, Serialize};

use super::Target;
use crate::Contact;
use crate::send::MessageId;
use crate::stored::lenient;
use stored::Stored;

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

/// The kinds of content. Volumes hold the names.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Body {
    /// A text.
    #[serde(rename = "text")]
    Text(String),
    /// A file.
    #[serde(rename = "media")]
    Media(Box<Media>),
    /// A place on earth.
    #[serde(rename = "place")]
    Location(Location),
    /// Contact cards, by the names on them.
    #[serde(rename = "cards")]
    Contacts(Vec<String>),
    /// A question with answers to choose from.
    #[serde(rename = "poll")]
    Poll(Poll),
    /// A calendar event.
    #[serde(rename = "event")]
    CalendarEvent(CalendarEvent),
    /// An invitation to a group.
    #[serde(rename = "invite")]
    GroupInvite(GroupInvite),
    /// The answer to buttons or a list.
    #[serde(rename = "choice")]
    Choice(Choice),
    /// What pictures and videos belong to that name it as their album.
    #[serde(rename = "album")]
    Album,
    /// A vote in this poll.
    #[serde(rename = "vote")]
    PollVote(Box<Target>),
    /// This message is pinned.
    #[serde(rename = "pin")]
    Pin(Box<Target>),
    /// This message is no longer pinned.
    #[serde(rename = "unpin")]
    Unpin(Box<Target>),
    /// The chat's new timer in seconds; 0 turns it off.
    #[serde(rename = "timer")]
    TimerChange(u32),
    /// Of an edit: encrypted with a secret that the agent does not have.
    #[serde(rename = "sealed")]
    Sealed,
    /// Everything else, by its name.
    #[serde(rename = "other")]
    Other(Other),
    /// Of a kind that a later version wrote.
    #[default]
    #[serde(rename = "unknown")]
    Unknown,
}

/// A file that a message brings. It stays at WhatsApp.
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

/// A place on earth.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Location {
    /// Latitude in millionths of a degree.
    #[serde(rename = "a", default)]
    pub latitude_e6: i32,
    /// Longitude in millionths of a degree.
    #[serde(rename = "o", default)]
    pub longitude_e6: i32,
    /// Its name and address, as its sender says.
    #[serde(rename = "n", default)]
    pub name: String,
    /// It moves.
    #[serde(rename = "l", default)]
    pub live: bool,
    /// The text below it.
    #[serde(rename = "c", default, skip_serializing_if = "String::is_empty")]
    pub caption: String,
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

/// A calendar event.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CalendarEvent {
    /// Its name.
    #[serde(rename = "n", default)]
    pub title: String,
    /// What it is about.
    #[serde(rename = "t", default)]
    pub description: String,
    /// When it begins, in seconds since 1970; 0 when not known.
    #[serde(rename = "s", default)]
    pub starts_at: i64,
}

/// An invitation to a group.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GroupInvite {
    /// The group's name.
    #[serde(rename = "n", default)]
    pub title: String,
    /// The text of the invitation.
    #[serde(rename = "c", default)]
    pub caption: String,
}

/// The answer to buttons or a list.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Choice {
    /// The sender's own name for what was chosen.
    #[serde(rename = "i", default)]
    pub id: String,
    /// What it says.
    #[serde(rename = "t", default)]
    pub text: String,
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

impl Body {
    /// What it is, in one word.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Text(_) => "text",
            Self::Media(media) => media.kind.name(),
            Self::Location(_) => "location",
            Self::Contacts(_) => "contacts",
            Self::Poll(_) => "poll",
            Self::CalendarEvent(_) => "calendar_event",
            Self::GroupInvite(_) => "group_invite",
            Self::Choice(_) => "choice",
            Self::Album => "album",
            Self::PollVote(_) => "poll_vote",
            Self::Pin(_) => "pin",
            Self::Unpin(_) => "unpin",
            Self::TimerChange(_) => "timer_change",
            Self::Sealed => "sealed",
            Self::Other(other) => &other.name,
            Self::Unknown => "unknown",
        }
    }

    /// The text or the caption; empty for content without any.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Media(media) => &media.caption,
            Self::Location(location) => &location.caption,
            Self::CalendarEvent(event) => &event.description,
            Self::GroupInvite(invite) => &invite.caption,
            Self::Choice(choice) => &choice.text,
            Self::Other(other) => &other.text,
            Self::Poll(poll) => &poll.question,
            Self::Contacts(_)
            | Self::Album
            | Self::PollVote(_)
            | Self::Pin(_)
            | Self::Unpin(_)
            | Self::TimerChange(_)
            | Self::Sealed
            | Self::Unknown => "",
        }
    }

    /// The message that it is about, where it is about one.
    #[must_use]
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::PollVote(target) | Self::Pin(target) | Self::Unpin(target) => Some(target),
            Self::Other(other) => other.about.as_deref(),
            Self::Text(_)
            | Self::Media(_)
            | Self::Location(_)
            | Self::Contacts(_)
            | Self::Poll(_)
            | Self::CalendarEvent(_)
            | Self::GroupInvite(_)
            | Self::Choice(_)
            | Self::Album
            | Self::TimerChange(_)
            | Self::Sealed
            | Self::Unknown => None,
        }
    }

    /// The same, for a change.
    pub fn target_mut(&mut self) -> Option<&mut Target> {
        match self {
            Self::PollVote(target) | Self::Pin(target) | Self::Unpin(target) => Some(target),
            Self::Other(other) => other.about.as_deref_mut(),
            Self::Text(_)
            | Self::Media(_)
            | Self::Location(_)
            | Self::Contacts(_)
            | Self::Poll(_)
            | Self::CalendarEvent(_)
            | Self::GroupInvite(_)
            | Self::Choice(_)
            | Self::Album
            | Self::TimerChange(_)
            | Self::Sealed
            | Self::Unknown => None,
        }
    }

    fn heap_bytes(&self) -> usize {
        let of_names = |names: &[String]| names.iter().map(|name| name.capacity() + 24).sum();
        match self {
            Self::Text(text) => text.capacity(),
            Self::Media(m) => {
                let pointer = m.pointer.as_ref().map_or(0, MediaPointer::heap_bytes);
                let texts = [&m.mime_type, &m.file_name, &m.caption];
                size_of::<Media>() + texts.map(String::capacity).iter().sum::<usize>() + pointer
            }
            Self::Location(l) => l.name.capacity() + l.caption.capacity(),
            Self::Contacts(names) => of_names(names),
            Self::Poll(p) => p.question.capacity() + of_names(&p.options),
            Self::CalendarEvent(e) => e.title.capacity() + e.description.capacity(),
            Self::GroupInvite(i) => i.title.capacity() + i.caption.capacity(),
            Self::Choice(c) => c.id.capacity() + c.text.capacity(),
            Self::Other(o) => {
                let about = o.about.as_ref().map_or(0, |_| size_of::<Target>());
                o.name.capacity() + o.text.capacity() + about
            }
            Self::PollVote(_) | Self::Pin(_) | Self::Unpin(_) => size_of::<Target>(),
            Self::Album | Self::TimerChange(_) | Self::Sealed | Self::Unknown => 0,
        }
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
        let quoted = self
            .quoted
            .as_ref()
            .map_or(0, |quoted| quoted.text.capacity());
        self.body.heap_bytes() + quoted + self.mentions.len() * size_of::<Contact>()
    }
}

/// Shows what it is, never text, names, numbers or keys.
impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.body.fmt(f)
    }
}

/// Shows what it is, never text, names, numbers or keys.
impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
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
