//! Every content is converted with its name and properties, and every change with the message that it refers to.

use std::sync::Arc;

use openclaw_types::{
    Choice, ContactCard, Content, Edit, Kind, Lid, Location, Media, MediaKind, MediaPointer, Other,
    Poll, Reaction,
};
use whatsapp_rust::buffa::MessageField;
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::waproto::whatsapp::message as content;
use whatsapp_rust::waproto::whatsapp::message::pin_in_chat_message::Type as PinType;
use whatsapp_rust::waproto::whatsapp::message::protocol_message::Type;

use super::*;

const ANNA: &str = "100000000000001:2@lid";
const GROUP: &str = "120363000000000001@g.us";

fn source(sender: &str, alt: Option<&str>) -> MessageSource {
    MessageSource {
        sender: sender.parse().unwrap(),
        sender_alt: alt.map(|jid| jid.parse().unwrap()),
        ..Default::default()
    }
}

fn arrived(message: wa::Message, change: impl FnOnce(&mut MessageInfo)) -> Option<EventData> {
    let mut info = MessageInfo {
        id: "3EB0AA".into(),
        source: MessageSource {
            chat: "100000000000001@lid".parse().unwrap(),
            ..source(ANNA, Some("15550100002:2@s.whatsapp.net"))
        },
        push_name: "Anna".into(),
        ..MessageInfo::default()
    };
    change(&mut info);
    let inbound = InboundMessage::builder()
        .message(Arc::new(message))
        .info(Arc::new(info));
    event_data(&inbound.build())
}

fn content_of(message: wa::Message) -> Content {
    match arrived(message, |_| {}) {
        Some(EventData::Message(message)) => message.content,
        other => panic!("{other:?}"),
    }
}

fn set<T: Default>(value: T) -> MessageField<T> {
    MessageField::some(value)
}

fn wrapped(message: wa::Message) -> MessageField<content::FutureProofMessage> {
    set(content::FutureProofMessage {
        message: set(message),
    })
}

fn key(id: &str) -> MessageField<wa::MessageKey> {
    set(wa::MessageKey {
        id: Some(id.to_owned()),
        ..Default::default()
    })
}

fn text(text: &str) -> wa::Message {
    wa::Message {
        conversation: Some(text.to_owned()),
        ..Default::default()
    }
}

fn image() -> wa::Message {
    wa::Message {
        image_message: set(content::ImageMessage {
            mimetype: Some("image/jpeg".into()),
            caption: Some("look".into()),
            file_length: Some(81_234),
            width: Some(640),
            height: Some(480),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[test]
fn a_sender_has_number_and_lid_whichever_is_the_address() {
    let number = "15550100123:2@s.whatsapp.net";
    let lid = "100000000000001:2@lid";
    for (sender_jid, alt) in [(number, lid), (lid, number)] {
        let contact = sender(&source(sender_jid, Some(alt)));
        assert_eq!(contact.phone.unwrap().e164(), "+15550100123");
        assert_eq!(contact.lid.unwrap().jid(), "100000000000001@lid");
    }
    assert_eq!(sender(&source(lid, None)).phone, None);
}

#[test]
fn messages_between_own_devices_are_no_events() {
    let peer = |info: &mut MessageInfo| info.category = MessageCategory::Peer;
    assert_eq!(arrived(text("hi"), peer), None);
    let keys = protocol(Type::APP_STATE_SYNC_KEY_SHARE, "3EB0AA", None);
    assert!(is_between_devices(&keys));
    for seen in [
        text("hi"),
        protocol(Type::REVOKE, "3EB0AA", None),
        protocol(Type::MESSAGE_EDIT, "3EB0AA", Some(text("later"))),
    ] {
        assert!(!is_between_devices(&seen));
    }
}

#[test]
fn unknown_values_become_other_and_are_not_dropped() {
    let other = Body::Other(Other::named("other"));
    assert_eq!(content_of(wa::Message::default()).body, other);
    assert_eq!(content_of(text("hi")).body, Body::Text("hi".into()));
    let quiet = wa::Message {
        protocol_message: set(content::ProtocolMessage {
            r#type: Some(Type::EPHEMERAL_SETTING),
            ephemeral_expiration: Some(86_400),
            ..Default::default()
        }),
        ..Default::default()
    };
    assert_eq!(content_of(quiet).body, Body::TimerChange(86_400));
}

#[test]
fn media_is_described_and_not_fetched() {
    let media = Media {
        mime_type: "image/jpeg".into(),
        bytes: 81_234,
        pixels: (640, 480),
        caption: "look".into(),
        ..file(MediaKind::Image)
    };
    assert_eq!(content_of(image()).body, Body::Media(Box::new(media)));
    let voice = wa::Message {
        audio_message: set(content::AudioMessage {
            mimetype: Some("audio/ogg".into()),
            seconds: Some(67),
            ptt: Some(true),
            ..Default::default()
        }),
        ..Default::default()
    };
    match content_of(voice).body {
        Body::Media(media) => assert_eq!((media.seconds, media.kind), (67, MediaKind::Voice)),
        other => panic!("{other:?}"),
    }
    let document = wa::Message {
        document_message: set(content::DocumentMessage {
            file_name: Some("plan.pdf".into()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let document = wa::Message {
        document_with_caption_message: wrapped(document),
        ..Default::default()
    };
    match content_of(document).body {
        Body::Media(media) => assert_eq!(media.file_name, "plan.pdf"),
        other => panic!("{other:?}"),
    }
}

fn file(kind: MediaKind) -> Media {
    Media {
        kind,
        mime_type: String::new(),
        file_name: String::new(),
        bytes: 0,
        seconds: 0,
        pixels: (0, 0),
        caption: String::new(),
        pointer: None,
    }
}

#[test]
fn a_pointer_is_kept_if_the_file_can_be_fetched_and_verified() {
    let video = |key: usize, path: &str| {
        let message = wa::Message {
            video_message: set(content::VideoMessage {
                direct_path: Some(path.to_owned()),
                media_key: Some(vec![1; key]),
                file_sha256: Some(vec![2; 32]),
                file_enc_sha256: Some(vec![3; 32]),
                media_key_timestamp: Some(1_800_000_000),
                gif_playback: Some(true),
                ..Default::default()
            }),
            ..Default::default()
        };
        match content_of(message).body {
            Body::Media(media) => (media.kind, media.pointer),
            other => panic!("{other:?}"),
        }
    };
    let pointer = MediaPointer {
        direct_path: "/v/t62".into(),
        key: vec![1; 32],
        sha256: vec![2; 32],
        encrypted_sha256: vec![3; 32],
        key_made_at: 1_800_000_000,
    };
    assert_eq!(video(32, "/v/t62"), (MediaKind::Gif, Some(pointer)));
    for (key, path) in [
        (31, "/v/t62"),
        (0, "/v/t62"),
        (32, ""),
        (32, &*"x".repeat(4_097)),
    ] {
        assert_eq!(video(key, path).1, None, "{key} {}", path.len());
    }
}

#[test]
fn wrappers_are_opened_and_their_properties_kept() {
    let once = wa::Message {
        view_once_message_v2: wrapped(image()),
        ..Default::default()
    };
    let both = wa::Message {
        ephemeral_message: wrapped(once),
        ..Default::default()
    };
    let found = content_of(both);
    assert_eq!((found.body.name(), found.view_once), ("image", true));
    let status = wa::Message {
        group_status_message_v2: wrapped(text("hi")),
        ..Default::default()
    };
    assert_eq!(content_of(status).body.text(), "hi");
}

#[test]
fn places_polls_and_cards_are_described() {
    let place = wa::Message {
        location_message: set(content::LocationMessage {
            degrees_latitude: Some(-36.848_461),
            degrees_longitude: Some(f64::INFINITY),
            name: Some("Harbour".into()),
            address: Some("Auckland".into()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let found = Location {
        latitude_e6: -36_848_461,
        longitude_e6: i32::MAX,
        name: "Harbour, Auckland".into(),
        live: false,
        caption: String::new(),
    };
    assert_eq!(content_of(place).body, Body::Location(found));
    let option = |name: &str| content::poll_creation_message::Option {
        option_name: Some(name.to_owned()),
        ..Default::default()
    };
    let poll = wa::Message {
        poll_creation_message_v3: set(content::PollCreationMessage {
            name: Some("Lunch?".into()),
            options: (0..100).map(|n| option(&n.to_string())).collect(),
            selectable_options_count: Some(1),
            ..Default::default()
        }),
        ..Default::default()
    };
    let found = Poll {
        question: "Lunch?".into(),
        options: (0..64).map(|n| n.to_string()).collect(),
        selectable: 1,
    };
    assert_eq!(content_of(poll).body, Body::Poll(found));
    let card = wa::Message {
        contact_message: set(content::ContactMessage {
            display_name: Some("Bert".into()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let bert = ContactCard {
        name: "Bert".into(),
        ..ContactCard::default()
    };
    assert_eq!(content_of(card).body, Body::Contacts(vec![bert]));
    let pin = |r#type| wa::Message {
        pin_in_chat_message: set(content::PinInChatMessage {
            key: key("3EB0BB"),
            r#type,
            ..Default::default()
        }),
        ..Default::default()
    };
    let is_about = |body: &Body| body.target().map(|it| it.message.clone());
    let pinned = content_of(pin(Some(PinType::PIN_FOR_ALL))).body;
    assert!(matches!(pinned, Body::Pin(_)));
    assert_eq!(is_about(&pinned), Some(MessageId::new("3EB0BB")));
    let unpinned = content_of(pin(Some(PinType::UNPIN_FOR_ALL))).body;
    assert!(matches!(unpinned, Body::Unpin(_)));
    let added = wa::Message {
        poll_add_option_message: set(content::PollAddOptionMessage {
            poll_creation_message_key: key("3EB0BB"),
            ..Default::default()
        }),
        ..Default::default()
    };
    let added = content_of(added).body;
    assert_eq!(added.name(), "poll_option");
    assert_eq!(is_about(&added), Some(MessageId::new("3EB0BB")));
    let answer = wa::Message {
        buttons_response_message: set(content::ButtonsResponseMessage {
            selected_button_id: Some("yes".into()),
            ..Default::default()
        }),
        ..Default::default()
    };
    let found = Choice {
        id: "yes".into(),
        text: String::new(),
    };
    assert_eq!(content_of(answer).body, Body::Choice(found));
}

#[test]
fn quotes_mentions_and_forwarding_are_kept() {
    let context = wa::ContextInfo {
        stanza_id: Some("3EB0BB".into()),
        participant: Some("15550100003@s.whatsapp.net".into()),
        mentioned_jid: vec!["100000000000003@lid".into(), "garbled".into()],
        is_forwarded: Some(true),
        quoted_message: set(text(&"ā".repeat(4_000))),
        ..Default::default()
    };
    let message = wa::Message {
        extended_text_message: set(content::ExtendedTextMessage {
            text: Some("yes @3".into()),
            context_info: set(context),
            ..Default::default()
        }),
        ..Default::default()
    };
    let found = content_of(message);
    let quoted = found.quoted.unwrap();
    assert_eq!(quoted.id.as_str(), "3EB0BB");
    assert_eq!(quoted.text, "ā".repeat(2_048), "4 KiB, in whole characters");
    assert_eq!(quoted.sender.phone.unwrap().e164(), "+15550100003");
    assert_eq!(found.mentions[0].lid, Lid::new("100000000000003"));
    assert_eq!(found.mentions[1], Contact::default());
    assert!(found.forwarded && !found.truncated);
}

#[test]
fn a_text_is_bounded_and_marked_as_truncated() {
    let found = content_of(text(&"ā".repeat(200_000)));
    let length = found.body.text().len();
    assert_eq!((length, found.truncated), (4 * 65_536, true));
}

fn protocol(kind: Type, id: &str, edited: Option<wa::Message>) -> wa::Message {
    wa::Message {
        protocol_message: set(content::ProtocolMessage {
            key: key(id),
            r#type: Some(kind),
            edited_message: edited.map(set).unwrap_or_default(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[test]
fn an_edit_names_its_message_and_the_new_text() {
    let plain = protocol(Type::MESSAGE_EDIT, "3EB0BB", Some(text("later")));
    let in_wrapper = wa::Message {
        edited_message: wrapped(plain.clone()),
        ..Default::default()
    };
    for message in [plain, in_wrapper] {
        let Some(EventData::Edit(edit)) = arrived(message, |_| {}) else {
            panic!("no edit")
        };
        let Edit {
            origin,
            message,
            content,
            author,
            check: _,
        } = *edit;
        assert_eq!(author, origin.sender, "only its author edits a message");
        assert_eq!((origin.id.as_str(), message.as_str()), ("3EB0AA", "3EB0BB"));
        assert_eq!(content.body, Body::Text("later".into()));
    }
}

#[test]
fn a_deletion_names_the_author() {
    let Some(EventData::Deletion(own)) = arrived(protocol(Type::REVOKE, "3EB0BB", None), |_| {})
    else {
        panic!("no deletion")
    };
    assert_eq!(
        (own.message.as_str(), &own.author),
        ("3EB0BB", &own.origin.sender)
    );
    let mut message = protocol(Type::REVOKE, "3EB0BB", None);
    let protocol = message.protocol_message.as_option_mut().unwrap();
    protocol.key.as_option_mut().unwrap().participant = Some("100000000000003@lid".into());
    let in_group = |info: &mut MessageInfo| {
        info.source.chat = GROUP.parse().unwrap();
        info.source.is_group = true;
    };
    let Some(EventData::Deletion(admin)) = arrived(message, in_group) else {
        panic!("no deletion")
    };
    assert_eq!(admin.author.lid, Lid::new("100000000000003"));
    assert_eq!(admin.origin.sender.lid, Lid::new("100000000000001"));
}

#[test]
fn a_reaction_names_its_message_and_an_empty_one_removes_it() {
    for emoji in ["👍", ""] {
        let reaction = wa::Message {
            reaction_message: set(content::ReactionMessage {
                key: key("3EB0BB"),
                text: Some(emoji.to_owned()),
                ..Default::default()
            }),
            ..Default::default()
        };
        let Some(EventData::Reaction(reaction)) = arrived(reaction, |_| {}) else {
            panic!("no reaction")
        };
        let Reaction {
            message,
            emoji: found,
            sealed,
            ..
        } = *reaction;
        assert_eq!(
            (message.as_str(), &*found, sealed),
            ("3EB0BB", emoji, false)
        );
    }
}

#[test]
fn changes_the_library_could_not_decrypt_are_sealed() {
    let edit = wa::Message {
        secret_encrypted_message: set(content::SecretEncryptedMessage {
            target_message_key: key("3EB0BB"),
            ..Default::default()
        }),
        ..Default::default()
    };
    match arrived(edit, |_| {}) {
        Some(EventData::Edit(edit)) => assert_eq!(edit.content.body, Body::Sealed),
        other => panic!("{other:?}"),
    }
    let reaction = wa::Message {
        enc_reaction_message: set(content::EncReactionMessage {
            target_message_key: key("3EB0BB"),
            ..Default::default()
        }),
        ..Default::default()
    };
    match arrived(reaction, |_| {}) {
        Some(EventData::Reaction(reaction)) => assert!(reaction.sealed),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_change_without_a_message_is_an_ordinary_message() {
    for (message, word) in [
        (protocol(Type::REVOKE, "", None), "deletion"),
        (protocol(Type::MESSAGE_EDIT, "3EB0BB", None), "edit"),
    ] {
        let found = arrived(message, |_| {}).unwrap();
        assert_eq!(found.kind(), Kind::Message);
        assert!(matches!(found, EventData::Message(found) if found.content.body.name() == word));
    }
}

#[test]
fn messages_that_bypass_the_hook_are_marked() {
    let recovered = |info: &mut MessageInfo| info.unavailable_request_id = Some("R".into());
    let channel = |info: &mut MessageInfo| {
        info.source.chat = "120363000000000009@newsletter".parse().unwrap();
    };
    let marks = |change: &dyn Fn(&mut MessageInfo)| match arrived(text("hi"), change) {
        Some(EventData::Message(message)) => (message.origin.bypassed, message.origin.recovered),
        other => panic!("{other:?}"),
    };
    assert_eq!(marks(&|_| {}), (false, false));
    assert_eq!(marks(&recovered), (true, true));
    assert_eq!(marks(&channel), (true, false));
}
