//! The JSON shape of a message. Whatever most messages are not is left out instead of `null` or `false`.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::message::Details as Wire;
use serde::Serialize;

use super::{Contact, time};

#[derive(Serialize)]
pub(super) struct Message {
    id: String,
    chat: String,
    sender: Contact,
    push_name: String,
    sent_at: Option<String>,
    from_me: bool,
    group: bool,
    content: String,
    text: String,
    offline: bool,
    #[serde(flatten)]
    details: Option<Details>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quoted: Option<Quoted>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mentions: Vec<Contact>,
    #[serde(skip_serializing_if = "is_false")]
    view_once: bool,
    #[serde(skip_serializing_if = "is_false")]
    forwarded: bool,
    #[serde(skip_serializing_if = "is_false")]
    cut: bool,
    #[serde(skip_serializing_if = "is_false")]
    bypassed: bool,
    #[serde(skip_serializing_if = "is_false")]
    recovered: bool,
    /// Absent from agents that do not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_kind: Option<&'static str>,
    #[serde(skip_serializing_if = "is_zero")]
    disappears_after_seconds: u32,
    #[serde(skip_serializing_if = "String::is_empty")]
    album_id: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(value: &u32) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !value
}

/// One field, named like what it holds.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Details {
    Media(Media),
    Place(Place),
    Poll(Poll),
    Cards(Vec<String>),
    Choice(String),
    AboutId(String),
    Title(String),
}

#[derive(Serialize)]
struct Media {
    mime_type: String,
    file_name: String,
    size: u64,
    seconds: u32,
    width: u32,
    height: u32,
    voice: bool,
}

#[derive(Serialize)]
struct Place {
    latitude: f64,
    longitude: f64,
    name: String,
    live: bool,
}

#[derive(Serialize)]
struct Poll {
    question: String,
    options: Vec<String>,
    selectable: u32,
}

#[derive(Serialize)]
struct Quoted {
    id: String,
    sender: Contact,
}

impl From<pb::Message> for Message {
    fn from(message: pb::Message) -> Self {
        let chat_kind = chat_word(message.chat_kind());
        let pb::Message {
            id,
            chat,
            sender,
            push_name,
            sent_at,
            from_me,
            group,
            content,
            text,
            offline,
            details,
            quoted,
            mentions,
            view_once,
            forwarded,
            cut,
            bypassed,
            recovered,
            chat_kind: _,
            disappears_after_seconds,
            album_id,
        } = message;
        Self {
            id,
            chat,
            sender: Contact::from(sender),
            push_name,
            sent_at: time(sent_at),
            from_me,
            group,
            content,
            text,
            offline,
            details: details.map(Details::from),
            quoted: quoted.map(Quoted::from),
            mentions: mentions
                .into_iter()
                .map(|contact| Contact::from(Some(contact)))
                .collect(),
            view_once,
            forwarded,
            cut,
            bypassed,
            recovered,
            chat_kind,
            disappears_after_seconds,
            album_id,
        }
    }
}

const fn chat_word(kind: pb::ChatKind) -> Option<&'static str> {
    Some(match kind {
        pb::ChatKind::Unspecified => return None,
        pb::ChatKind::Person => "person",
        pb::ChatKind::Group => "group",
        pb::ChatKind::Status => "status",
        pb::ChatKind::Channel => "channel",
    })
}

impl From<pb::Quoted> for Quoted {
    fn from(quoted: pb::Quoted) -> Self {
        let pb::Quoted { id, sender } = quoted;
        Self {
            id,
            sender: Contact::from(sender),
        }
    }
}

impl From<Wire> for Details {
    fn from(details: Wire) -> Self {
        match details {
            Wire::Media(media) => {
                let pb::Media {
                    mime_type,
                    file_name,
                    size,
                    seconds,
                    width,
                    height,
                    voice,
                } = media;
                Self::Media(Media {
                    mime_type,
                    file_name,
                    size,
                    seconds,
                    width,
                    height,
                    voice,
                })
            }
            Wire::Place(place) => {
                let pb::Place {
                    latitude,
                    longitude,
                    name,
                    live,
                } = place;
                Self::Place(Place {
                    latitude,
                    longitude,
                    name,
                    live,
                })
            }
            Wire::Poll(poll) => {
                let pb::Poll {
                    question,
                    options,
                    selectable,
                } = poll;
                Self::Poll(Poll {
                    question,
                    options,
                    selectable,
                })
            }
            Wire::Cards(pb::Cards { names }) => Self::Cards(names),
            Wire::Choice(choice) => Self::Choice(choice),
            Wire::AboutId(id) => Self::AboutId(id),
            Wire::Title(title) => Self::Title(title),
        }
    }
}
