//! Values that the contract has and the model does not (yet) are distinguished from absent ones.

use openclaw_types::{Body, Event, EventData, LinkState, MediaKind, SendReason, samples};

use super::*;
use crate::v1;
use crate::v1::event::Kind;

/// An event as a client receives it.
fn wire(kind: Kind) -> v1::Event {
    v1::Event {
        recorded_at: Some(Timestamp::default()),
        kind: Some(kind),
        ..Default::default()
    }
}

fn read(kind: Kind) -> EventData {
    Event::try_from(wire(kind)).unwrap().what
}

fn origin() -> Option<v1::Origin> {
    Some(v1::Origin {
        sent_at: Some(Timestamp::default()),
        ..Default::default()
    })
}

fn message(kind: Option<v1::content::Kind>) -> Kind {
    Kind::Message(v1::Message {
        origin: origin(),
        content: Some(v1::Content {
            kind,
            ..Default::default()
        }),
        ..Default::default()
    })
}

fn body(kind: Option<v1::content::Kind>) -> Body {
    match read(message(kind)) {
        EventData::Message(message) => message.content.body,
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_values_of_a_later_version_become_unknown() {
    assert_eq!(body(None), Body::Unknown);
    let media = v1::Media {
        kind: 99,
        ..Default::default()
    };
    let media = body(Some(v1::content::Kind::Media(media)));
    assert!(matches!(media, Body::Media(media) if media.kind == MediaKind::Unknown));
    let edit = |content, sealed| {
        let edit = v1::Edit {
            origin: origin(),
            target: Some(v1::Target::default()),
            content,
            sealed,
        };
        Event::try_from(wire(Kind::Edit(edit))).map(|event| event.what)
    };
    let body_of = |what| match what {
        Ok(EventData::Edit(edit)) => edit.content.body,
        other => panic!("{other:?}"),
    };
    assert_eq!(body_of(edit(None, true)), Body::Sealed);
    let unknown = edit(Some(v1::Content::default()), false);
    assert_eq!(body_of(unknown), Body::Unknown);
    assert_eq!(edit(None, false), Err(missing("content")));
}

#[test]
fn a_sealed_edit_has_no_content() {
    let mut sealed = 0;
    for what in samples::every_event_data() {
        let at = SystemTime::UNIX_EPOCH;
        let seq = openclaw_types::Seq(1);
        let event = event(
            Event { seq, at, what },
            v1::AgentIdentity::default(),
            None,
            |_| String::new(),
        );
        if let Some(Kind::Edit(edit)) = event.kind {
            assert_ne!(edit.sealed, edit.content.is_some());
            sealed += usize::from(edit.sealed);
        }
    }
    assert_eq!(sealed, 1);
}

#[test]
fn an_unknown_reason_stays_visible() {
    let failure = |reason, other: &str| {
        let outcome = v1::SendOutcome {
            client_token: "t-1".into(),
            state: v1::SendState::Failed.into(),
            reason,
            other_reason: other.into(),
            ..Default::default()
        };
        match read(Kind::Outcome(outcome)) {
            EventData::Outcome(outcome) => outcome.sent.failure,
            other => panic!("{other:?}"),
        }
    };
    let other = |word: &str| Some(SendReason::Other(word.into()));
    assert_eq!(failure(77, ""), other("unknown reason 77"));
    assert_eq!(failure(77, "full_moon"), other("full_moon"));
    assert_eq!(
        failure(v1::SendReason::Other.into(), "full_moon"),
        other("full_moon")
    );
    // The contract has this reason; the model has no variant for it.
    assert_eq!(failure(v1::SendReason::Held.into(), ""), other("held"));
    assert_eq!(failure(0, ""), None);
    assert_eq!(
        failure(v1::SendReason::Expired.into(), ""),
        Some(SendReason::Expired)
    );
}

#[test]
fn an_unknown_link_reason_is_an_error_and_not_none() {
    let status = |reason| v1::LinkStatus {
        state: v1::LinkState::LoggedOut.into(),
        since: Some(Timestamp::default()),
        reason,
        ..Default::default()
    };
    let refused = Event::try_from(wire(Kind::Link(status(99))));
    assert_eq!(refused, Err(missing("reason")));
    match read(Kind::Link(status(0))) {
        EventData::Link(link) => {
            assert_eq!((link.state, link.reason), (LinkState::LoggedOut, None));
        }
        other => panic!("{other:?}"),
    }
}
