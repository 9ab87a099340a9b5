//! Reads stored content: in the current format, and in that of versions before 0.1.0, which had a word, a text and
//! details as separate fields.

use serde::Deserialize;

use super::{
    Body, CalendarEvent, Choice, ContactCard, Content, GroupInvite, LinkPreview, Location, Media,
    MediaKind, Other, Poll, Quoted, Vote,
};
use crate::Contact;
use crate::event::Target;
use crate::send::MessageId;
use crate::stored::lenient;

#[derive(Deserialize)]
pub(super) struct Stored {
    #[serde(rename = "k", default, deserialize_with = "lenient")]
    body: Option<Body>,
    #[serde(rename = "q", default)]
    quoted: Option<Quoted>,
    #[serde(rename = "m", default)]
    mentions: Vec<Contact>,
    #[serde(rename = "v", default)]
    view_once: bool,
    #[serde(rename = "f", default)]
    forwarded: bool,
    #[serde(rename = "x", default)]
    truncated: bool,
    #[serde(rename = "e", default)]
    disappears_after: u32,
    #[serde(rename = "a", default)]
    album: Option<MessageId>,
    #[serde(rename = "y", default)]
    mentions_account: bool,
    #[serde(rename = "l", default)]
    preview: Option<Box<LinkPreview>>,
    #[serde(rename = "c", default)]
    album_parts: (u32, u32),
    #[serde(rename = "w", default)]
    word: String,
    #[serde(rename = "t", default)]
    text: String,
    #[serde(rename = "d", default, deserialize_with = "lenient")]
    details: Option<Details>,
}

/// A contact card; in earlier versions only its name.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum StoredCard {
    Name(String),
    Card {
        #[serde(rename = "n", default)]
        name: String,
        #[serde(rename = "p", default)]
        phones: Vec<String>,
    },
}

impl From<StoredCard> for ContactCard {
    fn from(card: StoredCard) -> Self {
        let (name, phones) = match card {
            StoredCard::Name(name) => (name, Vec::new()),
            StoredCard::Card { name, phones } => (name, phones),
        };
        Self { name, phones }
    }
}

#[derive(Deserialize)]
enum Details {
    #[serde(rename = "media")]
    Media(OldMedia),
    #[serde(rename = "place")]
    Place(Location),
    #[serde(rename = "poll")]
    Poll(Poll),
    #[serde(rename = "cards")]
    Cards(Vec<ContactCard>),
    #[serde(rename = "choice")]
    Choice(String),
    #[serde(rename = "about")]
    About(Box<Target>),
    #[serde(rename = "title")]
    Title(String),
}

#[derive(Deserialize)]
struct OldMedia {
    #[serde(rename = "m", default)]
    mime_type: String,
    #[serde(rename = "n", default)]
    file_name: String,
    #[serde(rename = "s", default)]
    bytes: u64,
    #[serde(rename = "d", default)]
    seconds: u32,
    #[serde(rename = "p", default)]
    pixels: (u32, u32),
    #[serde(rename = "v", default)]
    voice: bool,
}

impl From<Stored> for Content {
    fn from(stored: Stored) -> Self {
        let Stored {
            body,
            quoted,
            mentions,
            view_once,
            forwarded,
            truncated,
            disappears_after,
            album,
            mentions_account,
            preview,
            album_parts,
            word,
            text,
            details,
        } = stored;
        let before = || {
            if word == "disappearing" {
                return Body::TimerChange(disappears_after);
            }
            body_before(word, text, details)
        };
        Self {
            body: body.unwrap_or_else(before),
            quoted,
            mentions,
            view_once,
            forwarded,
            truncated,
            disappears_after,
            album,
            mentions_account,
            preview,
            album_parts,
        }
    }
}

fn body_before(word: String, text: String, details: Option<Details>) -> Body {
    match (word.as_str(), details) {
        (_, Some(Details::Media(media))) => Body::Media(Box::new(media_before(&word, text, media))),
        (_, Some(Details::Place(place))) => Body::Location(Location {
            caption: text,
            ..place
        }),
        (_, Some(Details::Poll(poll))) => Body::Poll(poll),
        (_, Some(Details::Cards(names))) => Body::Contacts(names),
        (_, Some(Details::Choice(id))) => Body::Choice(Choice { id, text }),
        ("poll_vote", Some(Details::About(id))) => Body::PollVote(Box::new(Vote::sealed(*id))),
        ("pin", Some(Details::About(id))) => Body::Pin(id),
        ("event", Some(Details::Title(title))) => Body::CalendarEvent(CalendarEvent {
            title,
            description: text,
            ..CalendarEvent::default()
        }),
        ("group_invite", Some(Details::Title(title))) => Body::GroupInvite(GroupInvite {
            title,
            caption: text,
            ..GroupInvite::default()
        }),
        ("text", _) => Body::Text(text),
        ("album", _) => Body::Album,
        ("sealed", _) => Body::Sealed,
        ("", _) => Body::default(),
        (_, details) => Body::Other(Other {
            about: match details {
                Some(Details::About(id)) => Some(id),
                _ => None,
            },
            name: word,
            text,
        }),
    }
}

fn media_before(word: &str, caption: String, media: OldMedia) -> Media {
    let OldMedia {
        mime_type,
        file_name,
        bytes,
        seconds,
        pixels,
        voice,
    } = media;
    Media {
        kind: match word {
            "image" => MediaKind::Image,
            "video" => MediaKind::Video,
            "audio" if voice => MediaKind::Voice,
            "audio" => MediaKind::Audio,
            "sticker" => MediaKind::Sticker,
            _ => MediaKind::Document,
        },
        mime_type,
        file_name,
        bytes,
        seconds,
        pixels,
        caption,
        pointer: None,
    }
}
