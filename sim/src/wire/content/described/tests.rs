//! Descriptions and messages convert to each other without loss.

use buffa::MessageField;
use serde_json::json;
use waproto::whatsapp as wa;

use super::*;
use crate::wire::content::attributes;

fn content(value: &Value) -> Content {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"))
}

/// Every kind, with the attributes of its stanza.
fn every_kind() -> Vec<(Value, &'static str, Option<&'static str>)> {
    let key = json!({ "id": "3A", "own": true });
    let other = json!({ "id": "3A", "own": false, "author": "15550100003@s.whatsapp.net" });
    let file = json!({
        "url": "https://127.0.0.1/a", "direct_path": "/a", "media_key": "AAEC", "sha256": "AwQ=",
        "enc_sha256": "BQ==", "size": 7,
    });
    vec![
        (json!({ "text": "hi" }), "text", None),
        (
            json!({ "image": { "caption": "c", "mime": "image/png", "width": 2, "height": 3, "file": file } }),
            "media",
            None,
        ),
        (
            json!({ "video": { "mime": "video/mp4", "seconds": 4, "gif": true, "thumbnail": "AA==" } }),
            "media",
            None,
        ),
        (
            json!({ "video_note": { "mime": "video/mp4", "seconds": 4 } }),
            "media",
            None,
        ),
        (
            json!({ "audio": { "mime": "audio/ogg", "seconds": 5, "voice": true, "waveform": "AAEC" } }),
            "media",
            None,
        ),
        (
            json!({ "document": { "mime": "application/pdf", "name": "a.pdf", "pages": 2 } }),
            "media",
            None,
        ),
        (
            json!({ "sticker": { "mime": "image/webp", "animated": true } }),
            "media",
            None,
        ),
        (
            json!({ "location": { "latitude": 1.5, "longitude": -2.5, "name": "Quay" } }),
            "media",
            None,
        ),
        (
            json!({ "live_location": { "latitude": 1.5, "longitude": -2.5, "sequence": 9 } }),
            "media",
            None,
        ),
        (
            json!({ "contacts": [{ "name": "A", "vcard": "BEGIN:VCARD" }] }),
            "media",
            None,
        ),
        (
            json!({ "contacts": [{ "name": "A", "vcard": "1" }, { "name": "B", "vcard": "2" }] }),
            "media",
            None,
        ),
        (
            json!({ "group_invite": { "group": "1@g.us", "name": "G", "code": "X", "expires": 5 } }),
            "media",
            None,
        ),
        (
            json!({ "poll": { "question": "?", "options": ["a", "b"], "selectable": 1 }, "secret": "AAEC" }),
            "poll",
            None,
        ),
        (
            json!({ "event": { "name": "E", "start": 5, "place": { "latitude": 1.0, "longitude": 2.0 } }, "secret": "AAEC" }),
            "event",
            None,
        ),
        (
            json!({ "list": { "text": "t", "title": "T", "button": "b", "choices": [{ "id": "1", "title": "one" }] } }),
            "media",
            None,
        ),
        (
            json!({ "buttons": { "text": "t", "choices": [{ "id": "1", "title": "one" }] } }),
            "media",
            None,
        ),
        (
            json!({ "list_reply": { "id": "1", "title": "one" } }),
            "media",
            None,
        ),
        (
            json!({ "buttons_reply": { "id": "1", "title": "one" } }),
            "media",
            None,
        ),
        (
            json!({ "template_reply": { "id": "1", "title": "one" } }),
            "text",
            None,
        ),
        (
            json!({ "album": { "images": 2, "videos": 1 } }),
            "text",
            None,
        ),
        (
            json!({ "edit": { "about": key, "content": { "text": "ho" } } }),
            "text",
            Some("1"),
        ),
        (json!({ "deletion": key }), "text", Some("7")),
        (json!({ "deletion": other }), "text", Some("8")),
        (
            json!({ "reaction": { "about": other, "emoji": "👍" } }),
            "reaction",
            None,
        ),
        (
            json!({ "reaction": { "about": other, "emoji": "" } }),
            "reaction",
            Some("7"),
        ),
        (
            json!({ "pin": { "about": other, "pinned": true } }),
            "text",
            Some("2"),
        ),
        (json!({ "timer": 604_800 }), "text", None),
    ]
}

#[test]
fn every_kind_round_trips() {
    for (value, kind, edit) in every_kind() {
        let described = content(&value);
        let message = described.message().expect("a message");
        assert_eq!(attributes(&message), (kind, edit), "{value}");
        let back = serde_json::to_value(Content::of(&message)).expect("JSON");
        assert_eq!(back, value);
    }
}

#[test]
fn every_kind_keeps_its_wrappers_and_attributes() {
    for (value, kind, edit) in every_kind() {
        for wrapper in [
            "ephemeral",
            "view_once",
            "view_once_v2",
            "edited",
            "spoiler",
        ] {
            let mut wrapped = value.clone();
            wrapped["wrapped"] = json!([wrapper, "ephemeral"]);
            let message = content(&wrapped).message().expect("a message");
            let edit = if wrapper == "edited" { Some("1") } else { edit };
            assert_eq!(attributes(&message), (kind, edit), "{wrapped}");
            let back = serde_json::to_value(Content::of(&message)).expect("JSON");
            assert_eq!(back, wrapped);
        }
    }
}

#[test]
fn accompanying_fields_round_trip() {
    let value = json!({
        "text": "see https://example.org",
        "preview": { "url": "https://example.org", "title": "T" },
        "context": {
            "quote": {
                "id": "3A", "author": "15550100003@s.whatsapp.net", "content": { "text": "before" },
            },
            "mentions": ["15550100003@s.whatsapp.net"],
            "forwarded": 5,
            "expiration": 86_400,
        },
    });
    let message = content(&value).message().expect("a message");
    assert_eq!(attributes(&message), ("media", None), "a preview is media");
    let back = serde_json::to_value(Content::of(&message)).expect("JSON");
    assert_eq!(back, value);
    let part = json!({ "image": { "mime": "image/jpeg" }, "album": "3B" });
    let message = content(&part).message().expect("a message");
    let back = serde_json::to_value(Content::of(&message)).expect("JSON");
    assert_eq!(back, part);
}

#[test]
fn anything_else_is_raw() {
    let message = wa::Message {
        placeholder_message: MessageField::some(Default::default()),
        ..Default::default()
    };
    let described = Content::of(&message);
    assert!(matches!(described.kind, Kind::Raw(_)));
    assert_eq!(described.message(), Ok(message));
    let wrong = content(&json!({ "raw": "/w==" }));
    assert_eq!(wrong.message(), Err(NotContent::Raw));
}

#[test]
fn a_description_has_one_kind_and_no_unknown_field() {
    for wrong in [
        json!({}),
        json!({ "text": "a", "timer": 1 }),
        json!({ "txt": "a" }),
        json!({ "image": { "captoin": "a" } }),
        json!({ "text": "a", "context": { "mention": [] } }),
        json!({ "text": "a", "wrapped": ["box"] }),
        json!({ "image": { "thumbnail": "not base64" } }),
    ] {
        let described: Result<Content, _> = serde_json::from_value(wrong.clone());
        assert!(described.is_err(), "{wrong}");
    }
    let bare = content(&json!({ "timer": 1, "context": { "forwarded": 1 } }));
    assert_eq!(bare.message(), Err(NotContent::NoContext));
}
