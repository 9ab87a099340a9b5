//! What is on a disk stays readable: by this version, and as far as it goes by an older one.

use std::time::Duration;

use ciborium::{Value, cbor};

use super::*;
use crate::{Account, LinkState, Nack, Phone, Reason, Sent};

fn at() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::new(1_800_000_000, 123_456_789)
}

fn contact() -> Contact {
    Contact {
        phone: Some("+15550100123".parse().unwrap()),
        lid: crate::Lid::new("100000000000001"),
    }
}

fn origin() -> Origin {
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

fn content(details: Option<Details>) -> Content {
    Content {
        word: "image".into(),
        text: "swordfish".into(),
        details,
        quoted: Some(Quoted {
            id: MessageId::new("3EB0AB"),
            sender: contact(),
        }),
        mentions: vec![contact(), Contact::default()],
        view_once: true,
        forwarded: true,
        cut: false,
        disappears_after: 604_800,
        album: Some(MessageId::new("3EB0AC")),
    }
}

fn every_details() -> Vec<Details> {
    let media = Media {
        mime_type: "image/jpeg".into(),
        file_name: "swordfish.jpg".into(),
        bytes: u64::MAX,
        seconds: 7,
        pixels: (640, 480),
        voice: true,
    };
    let place = Place {
        latitude_e6: -36_848_461,
        longitude_e6: 174_763_336,
        name: "swordfish".into(),
        live: true,
    };
    let poll = Poll {
        question: "swordfish?".into(),
        options: vec!["swordfish".into(), "no".into()],
        selectable: 1,
    };
    vec![
        Details::Media(media),
        Details::Place(place),
        Details::Poll(poll),
        Details::Cards(vec!["swordfish".into()]),
        Details::Choice("swordfish".into()),
        Details::About(MessageId::new("3EB0AC")),
        Details::Title("swordfish".into()),
    ]
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
        phone: "+15550100123".parse::<Phone>().unwrap(),
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
                reason,
                code: state.needs_person().then_some(406),
            }))
        })
    })
}

fn every_occurrence() -> Vec<Occurrence> {
    let id = MessageId::new("3EB0AC");
    let (chat, sender) = (origin().chat, contact());
    let message = |details| {
        Occurrence::Message(Box::new(Message {
            origin: origin(),
            content: content(details),
        }))
    };
    let mut all = vec![
        message(None),
        Occurrence::Edit(Box::new(Edit {
            origin: origin(),
            message: id.clone(),
            content: content(None),
            author: contact(),
            check: AuthorCheck::Checked,
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
            "not_the_author",
        ))),
        Occurrence::Send(SendOutcome {
            sent: Sent {
                id: id.clone(),
                token: "t-1".parse().unwrap(),
                state: SendState::Failed,
                server_ack_at: Some(at()),
                failure: Some("refused_by_server".into()),
                nack: Some(Nack(479)),
            },
            chat: chat.clone(),
        }),
        Occurrence::Undecryptable(Undecryptable {
            id: id.clone(),
            chat: chat.clone(),
            sender: sender.clone(),
            reason: "unavailable".into(),
        }),
        Occurrence::Lost(Lost {
            id: id.clone(),
            chat: chat.clone(),
            sender: sender.clone(),
            reason: "acked_not_stored".into(),
        }),
        Occurrence::Dropped(Dropped {
            id,
            chat,
            sender,
            reason: "not_allowed".into(),
        }),
        Occurrence::Unknown,
    ];
    all.extend(
        every_details()
            .into_iter()
            .map(|details| message(Some(details))),
    );
    all.extend(every_link());
    all
}

fn event(what: Occurrence) -> Event {
    Event {
        seq: Seq(18_204),
        at: at(),
        what,
    }
}

fn written(event: &Event) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(event, &mut bytes).unwrap();
    bytes
}

fn read(bytes: &[u8]) -> Event {
    ciborium::from_reader(bytes).unwrap()
}

#[test]
fn every_occurrence_reads_as_it_was_written() {
    for what in every_occurrence() {
        let event = event(what);
        assert_eq!(read(&written(&event)), event);
    }
}

#[test]
fn what_a_later_version_added_is_passed_over() {
    /// Adds a field to every map of strings, at every depth.
    fn add(value: &mut Value) {
        match value {
            Value::Map(entries) => {
                entries.iter_mut().for_each(|(_, value)| add(value));
                // An enum's variant is a map of one entry, and must stay so.
                let variant = matches!(&entries[..], [(Value::Text(name), _)] if name.len() > 1);
                if !variant {
                    entries.push(("later".into(), cbor!({"a" => [1, null]}).unwrap()));
                }
            }
            Value::Array(items) => items.iter_mut().for_each(add),
            _ => {}
        }
    }
    for what in every_occurrence() {
        let event = event(what);
        let mut value: Value = ciborium::from_reader(&written(&event)[..]).unwrap();
        add(&mut value);
        let mut bytes = Vec::new();
        ciborium::into_writer(&value, &mut bytes).unwrap();
        assert!(bytes.len() > written(&event).len());
        assert_eq!(read(&bytes), event);
    }
}

#[test]
fn an_occurrence_of_a_later_version_keeps_its_place_and_time() {
    let nanos = 1_800_000_000_123_456_789_u64;
    for later in [
        cbor!({"later" => {"a" => 1}}).unwrap(),
        cbor!("later").unwrap(),
        cbor!({"msg" => 7}).unwrap(),
        cbor!({"rcpt" => {"i" => [], "c" => "1@g.us", "s" => "later"}}).unwrap(),
    ] {
        let mut bytes = Vec::new();
        let row = cbor!({"n" => 18_204, "t" => nanos, "w" => later}).unwrap();
        ciborium::into_writer(&row, &mut bytes).unwrap();
        assert_eq!(read(&bytes), event(Occurrence::Unknown));
    }
}

#[test]
fn details_of_a_later_version_do_not_hide_the_text() {
    let row = cbor!({"w" => "hologram", "t" => "hi", "d" => {"hologram" => 3}}).unwrap();
    let mut bytes = Vec::new();
    ciborium::into_writer(&row, &mut bytes).unwrap();
    let content: Content = ciborium::from_reader(&bytes[..]).unwrap();
    assert_eq!((&*content.word, &*content.text), ("hologram", "hi"));
    assert_eq!(content.details, None);
}

#[test]
fn the_names_on_the_disk_do_not_change() {
    let text = Content {
        word: "text".into(),
        text: "hi".into(),
        ..Content::default()
    };
    let what = Occurrence::Message(Box::new(Message {
        origin: Origin {
            push_name: String::new(),
            group: false,
            offline: false,
            recovered: false,
            ..origin()
        },
        content: text,
    }));
    let row: Value = ciborium::from_reader(&written(&event(what))[..]).unwrap();
    let nanos = 1_800_000_000_123_456_789_u64;
    let sender = cbor!({"p" => "15550100123", "l" => "100000000000001"}).unwrap();
    let expected = cbor!({
        "n" => 18_204,
        "t" => nanos,
        "w" => { "msg" => {
            "o" => { "i" => "3EB0AA", "c" => "120363000000000001@g.us", "s" => sender, "t" => nanos },
            "c" => { "w" => "text", "t" => "hi" },
        }},
    });
    assert_eq!(row, expected.unwrap());
}

#[test]
fn debug_tells_no_text_name_or_number() {
    for what in every_occurrence() {
        let shown = format!("{:?}", event(what));
        for secret in ["swordfish", "0100", "100000000000001", "🐟", "1203"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
