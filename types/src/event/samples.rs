//! A sample of every kind of event and content, for tests of code that stores or converts them.

use std::time::{Duration, SystemTime};

pub use super::every_event_data;
use super::{
    AuthorCheck, Body, Content, LinkPreview, Media, MediaKind, MediaPointer, Origin, QuoteCheck,
    Quoted, Target,
};
use crate::{
    Account, ChatId, Contact, DeviceName, Link, LinkState, MessageId, Nack, Phone, Reason,
    Restriction, SendOutcome, SendReason, SendState, Sent,
};

pub(crate) fn at() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::new(1_800_000_000, 123_456_789)
}

pub(super) fn id() -> MessageId {
    MessageId::new("3EB0AC")
}

pub(super) fn contact() -> Contact {
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

pub(super) fn content(body: Body) -> Content {
    let has_preview = matches!(body, Body::Text(_));
    let is_album = matches!(body, Body::Album);
    Content {
        body,
        quoted: Some(Quoted {
            id: MessageId::new("3EB0AB"),
            sender: contact(),
            text: "swordfish".into(),
            media: every_media().next().map(Box::new),
            check: QuoteCheck::Confirmed,
        }),
        mentions: vec![contact(), Contact::default()],
        view_once: true,
        forwarded: true,
        truncated: false,
        disappears_after: 604_800,
        album: Some(MessageId::new("3EB0AC")),
        mentions_account: true,
        preview: has_preview.then(|| {
            Box::new(LinkPreview {
                url: "https://swordfish".into(),
                title: "swordfish".into(),
                description: "swordfish".into(),
            })
        }),
        album_parts: if is_album { (3, 1) } else { (0, 0) },
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

pub(super) fn every_media() -> impl Iterator<Item = Media> {
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
    kinds.into_iter().map(|kind| Media {
        kind,
        mime_type: "image/jpeg".into(),
        file_name: "swordfish.jpg".into(),
        bytes: u64::MAX,
        seconds: 7,
        pixels: (640, 480),
        caption: "swordfish".into(),
        pointer: Some(pointer()),
    })
}

pub(super) fn target() -> Box<Target> {
    Box::new(Target {
        message: MessageId::new("3EB0AC"),
        author: contact(),
        check: AuthorCheck::Checked,
    })
}

pub(super) fn every_link() -> impl Iterator<Item = Link> {
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
        device: DeviceName::default(),
    };
    states.into_iter().flat_map(move |state| {
        let account = account.clone();
        reasons.clone().map(move |reason| {
            let account = Some(account.clone()).filter(|_| state != LinkState::Unlinked);
            Link {
                state,
                since: at(),
                account,
                code: (state.needs_person() && reason.is_none()).then_some(406),
                expires_at: reason.is_none().then(at),
                restriction: reason.is_none().then(|| Restriction {
                    nack: Nack(463),
                    name: "DEFAULT".to_owned(),
                    since: at(),
                    until: Some(at()),
                    confirmed: true,
                }),
                reason,
            }
        })
    })
}

pub(super) fn outcome() -> SendOutcome {
    SendOutcome {
        sent: Sent {
            id: id(),
            token: "t-1".parse().expect("a token"),
            state: SendState::Failed,
            server_ack_at: Some(at()),
            failure: Some(SendReason::RefusedByServer),
            nack: Some(Nack(479)),
        },
        chat: origin().chat,
    }
}
