//! Tests of the operations allowed on a message, and of quotes in replies.

use std::time::Duration;

use super::*;

fn found(ours: bool, body: Option<Body>, sent_at: Option<SystemTime>) -> Found {
    Found {
        to: Recipient::Group("120363000000000001".into()),
        id: MessageId::new("3EB0AA"),
        author: Contact::default(),
        ours,
        sent_at,
        body,
    }
}

#[test]
fn an_own_text_can_be_edited_for_twenty_minutes() {
    let sent_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let text = || Some(Body::Text("hi".into()));
    let edited = |found: Found, minutes: u64| {
        found.can_be_edited(sent_at + Duration::from_secs(minutes * 60))
    };
    for body in [text(), None] {
        assert_eq!(edited(found(true, body.clone(), Some(sent_at)), 19), Ok(()));
        let late = edited(found(true, body, Some(sent_at)), 20);
        assert_eq!(late, Err(TargetError::EditTooLate));
    }
    let theirs = edited(found(false, text(), Some(sent_at)), 1);
    assert_eq!(theirs, Err(TargetError::NotOurs));
    let unknown = edited(found(true, None, None), 1);
    assert_eq!(unknown, Err(TargetError::Unknown));
    let poll = Some(Body::Poll(Poll::default()));
    let poll = edited(found(true, poll, Some(sent_at)), 1);
    assert_eq!(poll, Err(TargetError::NotAText));
}

#[test]
fn only_a_reply_quotes_and_long_texts_are_truncated() {
    let long = Some(Body::Text("ā".repeat(4_000)));
    let reply = Outgoing::<()>::of_text("yes".to_owned().try_into().unwrap());
    let quoted = found(false, long.clone(), None).referred(&reply).body;
    assert_eq!(quoted.text().len(), MAX_QUOTED_BYTES);
    let gone = Outgoing::Deletion { target: () };
    let body = found(false, long, None).referred(&gone).body;
    assert!(body == Body::Unknown);
}
