//! The content of a message: what it is, apart from what its author says in it.

use openclaw_proto::v1::content::Kind;
use openclaw_proto::v1::{self as pb, MediaKind};
use schemars::JsonSchema;
use serde::Serialize;

use super::person::{known, time};
use crate::mcp::place;
use crate::mcp::untrusted::{Cleaner, UntrustedText, mime_type};

/// At most so many options, cards or other texts of one message.
const MAX_DETAILS: usize = 64;

/// What a message is.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct ContentShown {
    /// text, media, location, contacts, poll, calendar_event, group_invite, choice, album, poll_vote, pin, timer_change,
    /// choices, other.
    kind: String,
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) media: Option<MediaShown>,
    /// Degrees north, of a location.
    #[serde(skip_serializing_if = "Option::is_none")]
    latitude: Option<f64>,
    /// Degrees east, of a location.
    #[serde(skip_serializing_if = "Option::is_none")]
    longitude: Option<f64>,
    /// When a calendar event begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    starts_at: Option<String>,
    /// True if the agent recorded only the beginning of the content.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

/// A file in a message.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct MediaShown {
    /// image, video, audio, voice, document, sticker, gif, video_note.
    kind: Option<String>,
    /// As its sender set it.
    mime_type: String,
    /// 0 if it is not known.
    size_bytes: u64,
    /// Playing time.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<i64>,
    /// Where `resources/read` finds it; `get_media` with the seq returns it, too. Null if it cannot be downloaded.
    uri: Option<String>,
}

impl MediaShown {
    pub(crate) fn new(media: &pb::Media, seq: u64) -> Self {
        Self {
            kind: known::<MediaKind>(media.kind),
            mime_type: mime_type(&media.mime_type),
            size_bytes: media.size_bytes,
            seconds: media.duration.map(|duration| duration.seconds),
            uri: media.downloadable.then(|| place::media(seq)),
        }
    }
}

/// Describes a content, and puts its texts where they belong.
pub(super) fn content(
    content: Option<&pb::Content>,
    seq: u64,
    cleaner: &mut Cleaner,
    texts: &mut UntrustedText,
) -> ContentShown {
    let Some(content) = content else {
        return of("unknown");
    };
    texts.text = cleaner.text(content.text());
    let shown = match &content.kind {
        None => of("unknown"),
        Some(kind) => {
            let details = details(kind);
            cleaner.shortened |= details.len() > MAX_DETAILS;
            let details = details.iter().take(MAX_DETAILS).filter(|it| !it.is_empty());
            texts.details = details.map(|text| cleaner.name(text)).collect();
            described(kind, seq, cleaner, texts)
        }
    };
    ContentShown {
        truncated: content.truncated,
        ..shown
    }
}

fn of(kind: &str) -> ContentShown {
    ContentShown {
        kind: kind.to_owned(),
        ..ContentShown::default()
    }
}

fn described(
    kind: &Kind,
    seq: u64,
    cleaner: &mut Cleaner,
    texts: &mut UntrustedText,
) -> ContentShown {
    match kind {
        Kind::Media(media) => {
            texts.file_name = cleaner.name(&media.file_name);
            ContentShown {
                media: Some(MediaShown::new(media, seq)),
                ..of("media")
            }
        }
        Kind::Location(place) => ContentShown {
            latitude: Some(place.latitude),
            longitude: Some(place.longitude),
            ..of("location")
        },
        Kind::CalendarEvent(event) => ContentShown {
            starts_at: time(event.starts_at),
            ..of("calendar_event")
        },
        Kind::Text(_) => of("text"),
        Kind::Contacts(_) => of("contacts"),
        Kind::Poll(_) => of("poll"),
        Kind::GroupInvite(_) => of("group_invite"),
        Kind::Choice(_) => of("choice"),
        Kind::Album(_) => of("album"),
        Kind::PollVote(_) => of("poll_vote"),
        Kind::Pin(_) => of("pin"),
        Kind::TimerChange(_) => of("timer_change"),
        Kind::Choices(_) => of("choices"),
        Kind::Other(_) => of("other"),
    }
}

/// The texts of a content other than its text or caption. The code of an invitation is left out: it lets anyone join.
fn details(kind: &Kind) -> Vec<&str> {
    match kind {
        Kind::Location(pb::Location { name, address, .. }) => vec![name, address],
        Kind::Contacts(pb::ContactCards { cards }) => cards
            .iter()
            .flat_map(|card| std::iter::once(&card.name).chain(&card.phones))
            .map(String::as_str)
            .collect(),
        Kind::Poll(pb::Poll { options, .. }) | Kind::PollVote(pb::PollVote { options, .. }) => {
            options.iter().map(|option| option.name.as_str()).collect()
        }
        Kind::CalendarEvent(event) => vec![&event.title, &event.place, &event.join_link],
        Kind::GroupInvite(invite) => vec![&invite.title],
        Kind::Choices(choices) => choices.options.iter().map(|it| it.text.as_str()).collect(),
        Kind::Other(other) => vec![&other.name],
        Kind::Text(text) => text.preview.as_ref().map_or_else(Vec::new, |preview| {
            vec![&*preview.url, &*preview.title, &*preview.description]
        }),
        Kind::Media(_) | Kind::Choice(_) | Kind::Album(_) | Kind::Pin(_) | Kind::TimerChange(_) => {
            Vec::new()
        }
    }
}
