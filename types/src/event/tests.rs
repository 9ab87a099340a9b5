//! Events on disk stay readable: by this version, and as far as possible by an older one.

use ciborium::{Value, cbor};

use super::samples::{at, every_event_data, origin};
use super::*;

fn event(what: EventData) -> Event {
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
fn every_event_reads_as_it_was_written() {
    for what in every_event_data() {
        let event = event(what);
        assert_eq!(read(&written(&event)), event);
    }
}

#[test]
fn fields_of_a_later_version_are_skipped() {
    /// Adds a field to every map with string keys, at every depth.
    fn add(value: &mut Value) {
        match value {
            Value::Map(entries) => {
                entries.iter_mut().for_each(|(_, value)| add(value));
                // An enum's variant is a map with one entry, and must stay so.
                let variant = matches!(&entries[..], [(Value::Text(name), _)] if name.len() > 1);
                if !variant {
                    entries.push(("later".into(), cbor!({"a" => [1, null]}).unwrap()));
                }
            }
            Value::Array(items) => items.iter_mut().for_each(add),
            _ => {}
        }
    }
    for what in every_event_data() {
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
fn an_event_of_a_later_version_keeps_its_seq_and_time() {
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
        assert_eq!(read(&bytes), event(EventData::Unknown));
    }
}

fn content_of(row: &Value) -> Content {
    let mut bytes = Vec::new();
    ciborium::into_writer(row, &mut bytes).unwrap();
    ciborium::from_reader(&bytes[..]).unwrap()
}

#[test]
fn content_of_a_later_version_is_unknown_and_keeps_the_common_fields() {
    let row = cbor!({"k" => {"hologram" => 3}, "v" => true}).unwrap();
    let content = content_of(&row);
    assert_eq!((content.body.name(), content.view_once), ("unknown", true));
}

#[test]
fn content_is_read_as_versions_before_the_first_release_wrote_it() {
    let target = || Box::new(Target::of_id(MessageId::new("3EB0AC")));
    let media = cbor!({"media" => {"m" => "audio/ogg", "s" => 9, "d" => 7, "v" => true}}).unwrap();
    let place = cbor!({"place" => {"a" => 1, "o" => 2, "n" => "Pier", "l" => true}}).unwrap();
    let cases = [
        (
            cbor!({"w" => "text", "t" => "hi", "f" => true}),
            "text",
            "hi",
        ),
        (cbor!({"w" => "audio", "d" => media}), "voice", ""),
        (
            cbor!({"w" => "image", "t" => "look", "d" => {"media" => {"m" => "image/png", "s" => 1}}}),
            "image",
            "look",
        ),
        (
            cbor!({"w" => "location", "t" => "here", "d" => place}),
            "location",
            "here",
        ),
        (
            cbor!({"w" => "poll", "d" => {"poll" => {"q" => "when?", "o" => ["now"]}}}),
            "poll",
            "when?",
        ),
        (
            cbor!({"w" => "contact", "d" => {"cards" => ["Bert"]}}),
            "contacts",
            "",
        ),
        (
            cbor!({"w" => "button", "t" => "Yes", "d" => {"choice" => "yes"}}),
            "choice",
            "Yes",
        ),
        (
            cbor!({"w" => "event", "t" => "bring cake", "d" => {"title" => "Fair"}}),
            "calendar_event",
            "bring cake",
        ),
        (
            cbor!({"w" => "group_invite", "d" => {"title" => "Site"}}),
            "group_invite",
            "",
        ),
        (cbor!({"w" => "album"}), "album", ""),
        (cbor!({"w" => "sealed"}), "sealed", ""),
        (
            cbor!({"w" => "hologram", "t" => "hi", "d" => {"hologram" => 3}}),
            "hologram",
            "hi",
        ),
    ];
    for (row, name, text) in cases {
        let content = content_of(&row.unwrap());
        assert_eq!((content.body.name(), content.body.text()), (name, text));
    }
    let pin = content_of(&cbor!({"w" => "pin", "d" => {"about" => "3EB0AC"}}).unwrap());
    assert_eq!(pin.body, Body::Pin(target()));
    let pin = content_of(&cbor!({"k" => {"pin" => "3EB0AC"}}).unwrap());
    assert_eq!(pin.body, Body::Pin(target()));
    let vote = content_of(&cbor!({"k" => {"vote" => "3EB0AC"}}).unwrap());
    assert_eq!(vote.body, Body::PollVote(Box::new(Vote::sealed(*target()))));
    let comment = content_of(&cbor!({"w" => "comment", "d" => {"about" => "3EB0AC"}}).unwrap());
    assert_eq!(comment.body.target(), Some(&*target()));
    let other = cbor!({"k" => {"other" => {"w" => "keep", "i" => "3EB0AC"}}}).unwrap();
    assert_eq!(content_of(&other).body.target(), Some(&*target()));
    let timer = content_of(&cbor!({"w" => "disappearing", "e" => 86_400}).unwrap());
    assert_eq!(timer.body, Body::TimerChange(86_400));
}

#[test]
fn the_names_on_the_disk_do_not_change() {
    let what = EventData::Message(Box::new(Message {
        origin: Origin {
            push_name: String::new(),
            group: false,
            offline: false,
            recovered: false,
            ..origin()
        },
        content: Content::of_text("hi"),
    }));
    let row: Value = ciborium::from_reader(&written(&event(what))[..]).unwrap();
    let nanos = 1_800_000_000_123_456_789_u64;
    let sender = cbor!({"p" => "15550100123", "l" => "100000000000001"}).unwrap();
    let expected = cbor!({
        "n" => 18_204,
        "t" => nanos,
        "w" => { "msg" => {
            "o" => { "i" => "3EB0AA", "c" => "120363000000000001@g.us", "s" => sender, "t" => nanos },
            "c" => { "k" => { "text" => "hi" } },
        }},
    });
    assert_eq!(row, expected.unwrap());
}

#[test]
fn debug_shows_no_text_name_or_number() {
    for what in every_event_data() {
        let shown = format!("{:?}", event(what));
        for secret in ["swordfish", "0100", "100000000000001", "🐟", "1203"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
