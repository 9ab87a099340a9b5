//! The stored encoding round-trips.

use super::*;
use crate::MediaId;

fn text() -> Text {
    Text::try_from("hi".to_owned()).unwrap()
}

fn referred() -> Referred {
    Referred {
        id: MessageId::new("3EB0AA"),
        author: Contact::of_jid("100000000000001@lid"),
        ours: false,
        body: Body::Text("swordfish".into()),
    }
}

fn message(content: NewContent) -> NewMessage {
    NewMessage {
        content,
        reply_to: Some(referred()),
        mentions: vec![Contact::of_jid("15550100123@s.whatsapp.net")],
    }
}

/// The match makes the compiler report a new kind.
fn one_of_each() -> Vec<Outgoing> {
    let contents = vec![
        NewContent::Text(text()),
        NewContent::Location(Place::default()),
        NewContent::Contacts(vec![Card {
            name: "Bert".into(),
            vcard: "BEGIN:VCARD".into(),
        }]),
        NewContent::Poll(Poll::default()),
        NewContent::File(NewFile {
            media: MediaId::new(1, 2),
            caption: "caption".into(),
            view_once: true,
        }),
    ];
    for content in &contents {
        match content {
            NewContent::Text(_)
            | NewContent::Location(_)
            | NewContent::Contacts(_)
            | NewContent::Poll(_)
            | NewContent::File(_) => {}
        }
    }
    let messages = contents.into_iter().map(message);
    let messages = messages.map(|it| Outgoing::Message(Box::new(it)));
    let mut all = vec![
        Outgoing::of_text(text()),
        Outgoing::Reaction {
            target: referred(),
            emoji: "🐟".into(),
        },
        Outgoing::Edit {
            target: referred(),
            text: text(),
            mentions: vec![],
        },
        Outgoing::Deletion { target: referred() },
        Outgoing::Vote {
            target: referred(),
            options: vec!["yes".into()],
        },
    ];
    all.extend(messages);
    all
}

#[test]
fn a_payload_decodes_to_what_was_encoded_and_a_later_format_to_none() {
    for outgoing in one_of_each() {
        assert!(Outgoing::decode(&outgoing.encode()) == Some(outgoing));
    }
    let plain: Outgoing = Outgoing::of_text(text());
    assert_eq!(plain.encode().as_bytes(), b"hi");
    for later in [&b"\0\xa1"[..], b"\0\xa1\x61z\xf6", b"\xff"] {
        assert!(Outgoing::decode(&Payload::kept(later)).is_none());
    }
}

#[test]
fn drafts_that_name_different_messages_are_different() {
    let key = |chat: &str, sender| MessageRef::Key {
        chat: chat.parse().unwrap(),
        id: MessageId::new("3EB0AA"),
        sender,
    };
    let names = [
        MessageRef::Seq(Seq(1)),
        MessageRef::Seq(Seq(2)),
        key("+15550100123", None),
        key("100000000000001@lid", None),
        key("100000000000001@lid", Some(Contact::default())),
    ];
    let encoded = names.map(|target| Outgoing::Deletion { target }.encode());
    let different: std::collections::HashSet<_> = encoded.iter().collect();
    assert_eq!(different.len(), encoded.len());
}

#[test]
fn debug_shows_no_text() {
    for outgoing in one_of_each() {
        let shown = format!("{outgoing:?} {:?}", outgoing.subject());
        assert!(
            !shown.contains("hi") && !shown.contains("swordfish"),
            "{shown}"
        );
    }
}
