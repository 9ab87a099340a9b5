//! The content of a message for a person: its text, or `[kind: details] text`.

use openclaw_proto::Word as _;
use openclaw_proto::v1::content::Kind;
use openclaw_proto::v1::{
    Album, CalendarEvent, Choice, Choices, ContactCard, ContactCards, Content, GroupInvite,
    Location, Media, MediaKind, Other, Pin, Poll, PollOption, PollVote, Target, Text, TimerChange,
};

use crate::render::people::checked;
use crate::render::size::{count, size};
use crate::render::time::{length, moment};
use crate::text::one_line;

/// The parts of a content.
struct Parts<'a> {
    /// Its kind; empty for a text.
    name: String,
    about: Vec<String>,
    text: &'a str,
}

/// `content`, with `notes` on its message.
pub(super) fn line(content: Option<&Content>, notes: Vec<String>) -> String {
    let Parts {
        name,
        mut about,
        text,
    } = parts(content);
    about.extend(notes);
    about.retain(|part| !part.is_empty());
    let about = about.join("; ");
    let text = one_line(text);
    match (name.as_str(), about.as_str(), text.as_str()) {
        ("", "", text) => text.to_owned(),
        ("", about, text) => format!("({about}) {text}"),
        (name, "", "") => format!("[{name}]"),
        (name, about, "") => format!("[{name}: {about}]"),
        (name, "", text) => format!("[{name}] {text}"),
        (name, about, text) => format!("[{name}: {about}] {text}"),
    }
}

fn parts(content: Option<&Content>) -> Parts<'_> {
    let of = |name: &str, about: Vec<String>, text| Parts {
        name: one_line(name),
        about,
        text,
    };
    match content.and_then(|content| content.kind.as_ref()) {
        None => of("unknown", vec![], ""),
        // The preview says nothing that the link does not.
        Some(Kind::Text(Text { body, preview: _ })) => of("", vec![], body),
        Some(Kind::Media(media)) => {
            let name = match media.kind() {
                MediaKind::Unspecified => "media",
                kind => kind.word(),
            };
            of(name, of_media(media), &media.caption)
        }
        Some(Kind::Location(place)) => of("location", of_location(place), &place.caption),
        Some(Kind::Contacts(ContactCards { cards })) => {
            of("contacts", cards.iter().map(of_card).collect(), "")
        }
        Some(Kind::Poll(poll)) => of("poll", of_poll(poll), ""),
        Some(Kind::CalendarEvent(event)) => {
            of("calendar_event", of_event(event), &event.description)
        }
        Some(Kind::GroupInvite(GroupInvite { title, caption, .. })) => {
            of("group_invite", vec![one_line(title)], caption)
        }
        Some(Kind::Choices(Choices { text, options })) => {
            let options = options.iter().map(|option| one_line(&option.text));
            of("choices", options.collect(), text)
        }
        Some(Kind::Choice(Choice { id, text })) => of("choice", vec![one_line(id)], text),
        Some(Kind::Album(album)) => of("album", of_album(album), ""),
        Some(Kind::PollVote(vote)) => of("poll_vote", of_vote(vote), ""),
        Some(Kind::Pin(Pin { target, unpinned })) => {
            let name = if *unpinned { "unpin" } else { "pin" };
            of(name, about(target), "")
        }
        Some(Kind::TimerChange(TimerChange { disappears_after })) => {
            let timer = disappears_after.map_or_else(|| "off".to_owned(), |it| length(it.seconds));
            of("timer_change", vec![timer], "")
        }
        Some(Kind::Other(Other { name, text, target })) => of(name, about(target), text),
    }
}

/// The message that a content refers to.
#[expect(clippy::ref_option, reason = "the generated type has it")]
fn about(target: &Option<Target>) -> Vec<String> {
    let ids = target.iter().map(|target| {
        let id = one_line(&target.id);
        id + checked(target.check())
    });
    ids.collect()
}

/// `Bert (+15550100123)`
fn of_card(card: &ContactCard) -> String {
    let name = one_line(&card.name);
    if card.phones.is_empty() {
        return name;
    }
    let phones: Vec<String> = card.phones.iter().map(|phone| one_line(phone)).collect();
    format!("{name} ({})", phones.join(", "))
}

fn of_album(album: &Album) -> Vec<String> {
    let counts = [(album.images, "image"), (album.videos, "video")];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    counts
        .map(|(number, what)| count(u64::from(number), what))
        .collect()
}

fn of_media(media: &Media) -> Vec<String> {
    let mut about = vec![one_line(&media.file_name), one_line(&media.mime_type)];
    if media.size_bytes > 0 {
        about.push(size(media.size_bytes));
    }
    if media.width > 0 && media.height > 0 {
        about.push(format!("{} × {}", media.width, media.height));
    }
    if let Some(duration) = media.duration {
        let seconds = duration.seconds.max(0);
        about.push(format!("{}:{:02}", seconds / 60, seconds % 60));
    }
    about
}

fn of_location(place: &Location) -> Vec<String> {
    let at = format!("{:.5}, {:.5}", place.latitude, place.longitude);
    let live = if place.live { "live" } else { "" };
    vec![at, one_line(&place.name), live.to_owned()]
}

fn of_poll(poll: &Poll) -> Vec<String> {
    let mut about = vec![one_line(&poll.question)];
    let options = poll.options.iter();
    about.extend(options.map(|PollOption { name }| one_line(name)));
    about
}

fn of_vote(vote: &PollVote) -> Vec<String> {
    let PollVote {
        target,
        options,
        sealed,
    } = vote;
    let mut about = about(target);
    match (options.is_empty(), sealed) {
        (_, true) => {}
        (true, false) => about.push("removed".to_owned()),
        (false, false) => about.extend(options.iter().map(|option| one_line(&option.name))),
    }
    about
}

fn of_event(event: &CalendarEvent) -> Vec<String> {
    let starts = event.starts_at.map_or_else(String::new, moment);
    let ends = event.ends_at.map(|at| format!("to {}", moment(at)));
    let cancelled = if event.cancelled { "cancelled" } else { "" };
    vec![
        one_line(&event.title),
        starts,
        ends.unwrap_or_default(),
        one_line(&event.place),
        one_line(&event.join_link),
        cancelled.to_owned(),
    ]
}
