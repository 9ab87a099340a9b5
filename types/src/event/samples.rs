//! One of every kind of occurrence and of content, for the tests of those who write them down or pass them on.

use std::time::{Duration, SystemTime};

use super::{
    AuthorCheck, Body, CalendarEvent, Choice, Content, Deletion, Dropped, Edit, GroupInvite,
    Location, Lost, Media, MediaKind, MediaPointer, Message, Occurrence, Origin, Other, Poll,
    Quoted, Reaction, Receipt, Rejected, Target, Undecryptable,
};
use crate::{
    Account, ChatId, Contact, DropReason, Link, LinkState, LostReason, MessageId, Nack, Phone,
    Reason, RejectReason, SendOutcome, SendReason, SendState, Sent, UndecryptableReason,
};

pub(crate) fn at() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::new(1_800_000_000, 123_456_789)
}

fn contact() -> Contact {
    Contact {
        phone: Some("+15550100123".parse().expect("a number")),
        lid: crate::Lid::new("100000000000001"),
    }
}

pub(crate) fn origin() -> Origin {
    Origin {
        id: MessageId::new("3EB0AA"),
        chat: ChatId::new("120363000000000001@g.us".into()),
        sender: contact(),
        push_name: "swordfish".into(),
        sent_at: at(),
        from_me: false,
        group: true,
        offline: true,
        bypassed: false,
        recovered: true,
    }
}

fn content(body: Body) -> Content {
    Content {
        body,
        quoted: Some(Quoted {
            id: MessageId::new("3EB0AB"),
            sender: contact(),
            text: "swordfish".into(),
        }),
        mentions: vec![contact(), Contact::default()],
        view_once: true,
        forwarded: true,
        truncated: false,
        disappears_after: 604_800,
        album: Some(MessageId::new("3EB0AC")),
    }
}

fn pointer() -> MediaPointer {
    MediaPointer {
        direct_path: "/v/swordfish".into(),
        key: b"swordfish".repeat(3),
        sha256: vec![2; 32],
        encrypted_sha256: vec![3; 32],
        key_made_at: 1_800_000_000,
    }
}

fn every_body() -> Vec<Body> {
    let kinds = [
        MediaKind::Image,
        MediaKind::Video,
        MediaKind::Audio,
        MediaKind::Voice,
        MediaKind::Document,
        MediaKind::Sticker,
        MediaKind::Gif,
        MediaKind::VideoNote,
        MediaKind::Unknown,
    ];
    let media = |kind| {
        Body::Media(Box::new(Media {
            kind,
            mime_type: "image/jpeg".into(),
            file_name: "swordfish.jpg".into(),
            bytes: u64::MAX,
            seconds: 7,
            pixels: (640, 480),
            caption: "swordfish".into(),
            pointer: Some(pointer()),
        }))
    };
    let mut all: Vec<Body> = kinds.map(media).into();
    let location = Location {
        latitude_e6: -36_848_461,
        longitude_e6: 174_763_336,
        name: "swordfish".into(),
        live: true,
        caption: "swordfish".into(),
    };
    let poll = Poll {
        question: "swordfish?".into(),
        options: vec!["swordfish".into(), "no".into()],
        selectable: 1,
    };
    let target = Box::new(Target {
        message: MessageId::new("3EB0AC"),
        author: contact(),
        check: AuthorCheck::Checked,
    });
    all.extend([
        Body::Text("swordfish".into()),
        Body::Location(location),
        Body::Poll(poll),
        Body::Contacts(vec!["swordfish".into()]),
        Body::CalendarEvent(CalendarEvent {
            title: "swordfish".into(),
            description: "swordfish".into(),
            starts_at: 1_800_000_000,
        }),
        Body::GroupInvite(GroupInvite {
            title: "swordfish".into(),
            caption: "swordfish".into(),
        }),
        Body::Choice(Choice {
            id: "swordfish".into(),
            text: "swordfish".into(),
        }),
        Body::Album,
        Body::PollVote(target.clone()),
        Body::Pin(target.clone()),
        Body::Unpin(target.clone()),
        Body::TimerChange(86_400),
        Body::Unknown,
        Body::Other(Other {
            name: "product".into(),
            text: "swordfish".into(),
            about: Some(target),
        }),
    ]);
    all
}

fn every_link() -> impl Iterator<Item = Occurrence> {
    let states = [
        LinkState::Unlinked,
        LinkState::Linking,
        LinkState::Connecting,
        LinkState::Connected,
        LinkState::BackingOff {
            attempt: 3,
            until: at(),
        },
        LinkState::LoggedOut,
        LinkState::Replaced,
        LinkState::Banned { until: None },
        LinkState::Banned { until: Some(at()) },
        LinkState::Outdated,
    ];
    let reasons = [None, Some(Reason::Refused(503)), Some(Reason::Stopping)];
    let account = Account {
        phone: "+15550100123".parse::<Phone>().expect("a number"),
        lid: None,
        linked_at: at(),
    };
    states.into_iter().flat_map(move |state| {
        let account = account.clone();
        reasons.clone().map(move |reason| {
            let account = Some(account.clone()).filter(|_| state != LinkState::Unlinked);
            Occurrence::Link(Box::new(Link {
                state,
                since: at(),
                account,
                code: (state.needs_person() && reason.is_none()).then_some(406),
                reason,
            }))
        })
    })
}

/// One of each, with every field set.
#[must_use]
pub fn every_occurrence() -> Vec<Occurrence> {
    let id = MessageId::new("3EB0AC");
    let (chat, sender) = (origin().chat, contact());
    let message = |body| {
        Occurrence::Message(Box::new(Message {
            origin: origin(),
            content: content(body),
        }))
    };
    let mut all = vec![
        Occurrence::Edit(Box::new(Edit {
            origin: origin(),
            message: id.clone(),
            content: content(Body::Text("swordfish".into())),
            author: contact(),
            check: AuthorCheck::Checked,
        })),
        Occurrence::Edit(Box::new(Edit {
            origin: origin(),
            message: id.clone(),
            content: Content {
                body: Body::Sealed,
                ..Content::default()
            },
            author: contact(),
            check: AuthorCheck::Unknown,
        })),
        Occurrence::Deletion(Box::new(Deletion {
            origin: origin(),
            message: id.clone(),
            author: contact(),
            check: AuthorCheck::AdminAssumed,
        })),
        Occurrence::Reaction(Box::new(Reaction {
            origin: origin(),
            message: id.clone(),
            author: contact(),
            emoji: "🐟".into(),
            sealed: false,
            check: AuthorCheck::Unknown,
        })),
        Occurrence::Receipt(Receipt {
            messages: vec![id.clone(), MessageId::new("3EB0AD")],
            chat: chat.clone(),
            by: contact(),
            state: SendState::Read,
            check: AuthorCheck::Unspecified,
        }),
        Occurrence::Rejected(Box::new(Rejected::of(
            &origin(),
            &id,
            "edit".into(),
            contact(),
            RejectReason::NotTheAuthor,
        ))),
        Occurrence::Outcome(SendOutcome {
            sent: Sent {
                id: id.clone(),
                token: "t-1".parse().expect("a token"),
                state: SendState::Failed,
                server_ack_at: Some(at()),
                failure: Some(SendReason::RefusedByServer),
                nack: Some(Nack(479)),
            },
            chat: chat.clone(),
        }),
        Occurrence::Undecryptable(Undecryptable {
            id: id.clone(),
            chat: chat.clone(),
            sender: sender.clone(),
            from_me: Some(true),
            sent_at: Some(at()),
            offline: Some(false),
            reason: UndecryptableReason::Unavailable,
        }),
        Occurrence::Lost(Lost {
            id: id.clone(),
            chat: chat.clone(),
            sender: sender.clone(),
            from_me: None,
            sent_at: None,
            offline: None,
            reason: LostReason::NotKept,
        }),
        Occurrence::Dropped(Dropped {
            id,
            chat,
            sender,
            from_me: Some(false),
            sent_at: Some(at()),
            offline: Some(true),
            reason: DropReason::NotListed,
        }),
        Occurrence::Unknown,
    ];
    all.extend(every_body().into_iter().map(message));
    all.extend(every_link());
    all
}
