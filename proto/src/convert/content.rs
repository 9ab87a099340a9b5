//! The content of a message.

mod media;
mod quoted;

use openclaw_types::{
    Body, CalendarEvent, Choice, Choices, Contact, ContactCard, Content, GroupInvite, LinkPreview,
    Location, MessageId, Other, Poll, Vote,
};
use prost_types::{Duration, Timestamp};

pub use media::{media, media_kind};

use self::media::media_from;
use super::Error;
use super::people::contact;
use super::target::{target, target_from};
use crate::v1;
use crate::v1::content::Kind;

/// The fields that the contract puts in the message itself, next to its content.
#[derive(Default)]
pub(super) struct Frame {
    pub(super) quoted: Option<v1::Quoted>,
    pub(super) view_once: bool,
    pub(super) forwarded: bool,
    pub(super) disappears_after: Option<Duration>,
    pub(super) album_id: String,
    pub(super) mentions_account: bool,
}

pub(super) fn content(content: Content) -> (v1::Content, Frame) {
    let Content {
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
    } = content;
    let kind = kind(body).map(|kind| match kind {
        Kind::Text(v1::Text { body, .. }) => Kind::Text(v1::Text {
            body,
            preview: preview.map(|preview| link_preview(*preview)),
        }),
        Kind::Album(_) => {
            let (images, videos) = album_parts;
            Kind::Album(v1::Album { images, videos })
        }
        kind => kind,
    });
    let content = v1::Content {
        kind,
        mentions: mentions.into_iter().map(contact).collect(),
        truncated,
    };
    let frame = Frame {
        quoted: quoted.map(quoted::quoted),
        view_once,
        forwarded,
        disappears_after: seconds(disappears_after),
        album_id: album.map(text_of).unwrap_or_default(),
        mentions_account,
    };
    (content, frame)
}

pub(super) fn content_from(content: v1::Content, frame: Frame) -> Result<Content, Error> {
    let v1::Content {
        kind,
        mentions,
        truncated,
    } = content;
    let Frame {
        quoted,
        view_once,
        forwarded,
        disappears_after,
        album_id,
        mentions_account,
    } = frame;
    let (preview, album_parts) = match &kind {
        Some(Kind::Text(v1::Text { preview, .. })) => (preview.clone(), (0, 0)),
        Some(Kind::Album(v1::Album { images, videos })) => (None, (*images, *videos)),
        _ => (None, (0, 0)),
    };
    Ok(Content {
        body: kind.map_or(Ok(Body::Unknown), body)?,
        quoted: quoted.map(quoted::quoted_from),
        mentions: mentions.into_iter().map(Contact::from).collect(),
        view_once,
        forwarded,
        truncated,
        disappears_after: seconds_from(disappears_after),
        album: id_of(&album_id),
        mentions_account,
        preview: preview.map(|preview| Box::new(link_preview_from(preview))),
        album_parts,
    })
}

fn kind(body: Body) -> Option<Kind> {
    Some(match body {
        Body::Text(body) => Kind::Text(v1::Text {
            body,
            preview: None,
        }),
        Body::Media(media) => Kind::Media(self::media(*media)),
        Body::Location(location) => Kind::Location(self::location(location)),
        Body::Contacts(cards) => {
            let cards = cards.into_iter().map(contact_card);
            Kind::Contacts(v1::ContactCards {
                cards: cards.collect(),
            })
        }
        Body::Poll(Poll {
            question,
            options,
            selectable,
        }) => Kind::Poll(v1::Poll {
            question,
            options: options.into_iter().map(poll_option).collect(),
            selectable,
        }),
        Body::CalendarEvent(CalendarEvent {
            title,
            description,
            starts_at,
            ends_at,
            place,
            join_link,
            cancelled,
        }) => Kind::CalendarEvent(v1::CalendarEvent {
            title,
            description,
            starts_at: instant(starts_at),
            ends_at: instant(ends_at),
            place,
            join_link,
            cancelled,
        }),
        Body::GroupInvite(GroupInvite {
            title,
            caption,
            group,
            code,
            expires_at,
        }) => Kind::GroupInvite(v1::GroupInvite {
            title,
            caption,
            group,
            code,
            expires_at: instant(expires_at),
        }),
        Body::Choices(Choices { text, options }) => Kind::Choices(v1::Choices {
            text,
            options: options.into_iter().map(choice).collect(),
        }),
        Body::Choice(choice) => Kind::Choice(self::choice(choice)),
        Body::Album => Kind::Album(v1::Album::default()),
        Body::PollVote(vote) => Kind::PollVote(poll_vote(*vote)),
        Body::Pin(pinned) => Kind::Pin(v1::Pin {
            target: target(*pinned),
            unpinned: false,
        }),
        Body::Unpin(unpinned) => Kind::Pin(v1::Pin {
            target: target(*unpinned),
            unpinned: true,
        }),
        Body::TimerChange(after) => Kind::TimerChange(v1::TimerChange {
            disappears_after: seconds(after),
        }),
        // Only edits are sealed, and an edit has its own flag for that.
        Body::Sealed | Body::Unknown => return None,
        Body::Other(Other {
            name,
            text,
            about: target,
        }) => Kind::Other(v1::Other {
            name,
            text,
            target: target.and_then(|target| self::target(*target)),
        }),
    })
}

/// The card as a whole is not part of the event.
fn contact_card(card: ContactCard) -> v1::ContactCard {
    let ContactCard { name, phones } = card;
    v1::ContactCard {
        name,
        phones,
        vcard: String::new(),
    }
}

fn choice(choice: Choice) -> v1::Choice {
    let Choice { id, text } = choice;
    v1::Choice { id, text }
}

fn choice_from(choice: v1::Choice) -> Choice {
    let v1::Choice { id, text } = choice;
    Choice { id, text }
}

fn link_preview(preview: LinkPreview) -> v1::LinkPreview {
    let LinkPreview {
        url,
        title,
        description,
    } = preview;
    v1::LinkPreview {
        url,
        title,
        description,
    }
}

fn link_preview_from(preview: v1::LinkPreview) -> LinkPreview {
    let v1::LinkPreview {
        url,
        title,
        description,
    } = preview;
    LinkPreview {
        url,
        title,
        description,
    }
}

fn poll_option(name: String) -> v1::PollOption {
    v1::PollOption { name }
}

fn poll_vote(vote: Vote) -> v1::PollVote {
    let Vote {
        target: poll,
        options,
    } = vote;
    v1::PollVote {
        target: target(poll),
        sealed: options.is_none(),
        options: options.into_iter().flatten().map(poll_option).collect(),
    }
}

fn poll_vote_from(vote: v1::PollVote) -> Result<Vote, Error> {
    let v1::PollVote {
        target,
        options,
        sealed,
    } = vote;
    let options = options.into_iter().map(|option| option.name);
    Ok(Vote {
        target: target_from(target)?,
        options: (!sealed).then(|| options.collect()),
    })
}

fn body(kind: Kind) -> Result<Body, Error> {
    Ok(match kind {
        Kind::Text(v1::Text { body, preview: _ }) => Body::Text(body),
        Kind::Media(media) => Body::Media(Box::new(media_from(media))),
        Kind::Location(location) => Body::Location(location_from(location)),
        Kind::Contacts(v1::ContactCards { cards }) => {
            let cards = cards.into_iter().map(|card| ContactCard {
                name: card.name,
                phones: card.phones,
            });
            Body::Contacts(cards.collect())
        }
        Kind::Poll(v1::Poll {
            question,
            options,
            selectable,
        }) => Body::Poll(Poll {
            question,
            options: options.into_iter().map(|option| option.name).collect(),
            selectable,
        }),
        Kind::CalendarEvent(v1::CalendarEvent {
            title,
            description,
            starts_at,
            ends_at,
            place,
            join_link,
            cancelled,
        }) => Body::CalendarEvent(CalendarEvent {
            title,
            description,
            starts_at: instant_from(starts_at),
            ends_at: instant_from(ends_at),
            place,
            join_link,
            cancelled,
        }),
        Kind::GroupInvite(v1::GroupInvite {
            title,
            caption,
            group,
            code,
            expires_at,
        }) => Body::GroupInvite(GroupInvite {
            title,
            caption,
            group,
            code,
            expires_at: instant_from(expires_at),
        }),
        Kind::Choices(v1::Choices { text, options }) => Body::Choices(Choices {
            text,
            options: options.into_iter().map(choice_from).collect(),
        }),
        Kind::Choice(choice) => Body::Choice(choice_from(choice)),
        Kind::Album(_) => Body::Album,
        Kind::PollVote(vote) => Body::PollVote(Box::new(poll_vote_from(vote)?)),
        Kind::Pin(v1::Pin { target, unpinned }) => {
            let target = Box::new(target_from(target)?);
            if unpinned {
                Body::Unpin(target)
            } else {
                Body::Pin(target)
            }
        }
        Kind::TimerChange(v1::TimerChange { disappears_after }) => {
            Body::TimerChange(seconds_from(disappears_after))
        }
        Kind::Other(v1::Other { name, text, target }) => Body::Other(Other {
            name,
            text,
            about: target
                .map(|it| target_from(Some(it)).map(Box::new))
                .transpose()?,
        }),
    })
}

fn location(location: Location) -> v1::Location {
    let Location {
        latitude_e6,
        longitude_e6,
        name,
        live,
        caption,
    } = location;
    v1::Location {
        latitude: f64::from(latitude_e6) / 1e6,
        longitude: f64::from(longitude_e6) / 1e6,
        name,
        live,
        caption,
        address: String::new(),
    }
}

fn location_from(location: v1::Location) -> Location {
    let v1::Location {
        latitude,
        longitude,
        name,
        live,
        caption,
        address: _,
    } = location;
    Location {
        latitude_e6: (latitude * 1e6).round() as i32,
        longitude_e6: (longitude * 1e6).round() as i32,
        name,
        live,
        caption,
    }
}

/// `None` for 0.
fn instant(seconds: i64) -> Option<Timestamp> {
    (seconds != 0).then_some(Timestamp { seconds, nanos: 0 })
}

fn instant_from(at: Option<Timestamp>) -> i64 {
    at.map(|at| at.seconds).unwrap_or_default()
}

fn text_of(id: MessageId) -> String {
    id.into()
}

/// `None` if the text is empty.
pub(super) fn id_of(text: &str) -> Option<MessageId> {
    (!text.is_empty()).then(|| MessageId::new(text))
}

/// `None` for 0.
pub(super) fn seconds(seconds: u32) -> Option<Duration> {
    (seconds != 0).then(|| Duration {
        seconds: seconds.into(),
        nanos: 0,
    })
}

pub(super) fn seconds_from(duration: Option<Duration>) -> u32 {
    let seconds = duration
        .map(|duration| duration.seconds)
        .unwrap_or_default();
    u32::try_from(seconds).unwrap_or_default()
}
