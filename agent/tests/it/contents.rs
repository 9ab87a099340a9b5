//! Every kind of content: a received one becomes one event of its kind, however it is wrapped; one that this version
//! cannot send is refused, and nothing is sent.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::content::Kind as Body;
use openclaw_proto::v1::event::Kind;
use openclaw_sim::content::Content;
use openclaw_sim::{Broadcast, By, Class, Unopenable};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use serde_json::{Value, json};
use tonic::Code;

use crate::harness::{ACCOUNT, ANNA, BERT, WORD, World, fact, lid, refusal, request};

impl World {
    /// Anna sends this content. Returns its id.
    pub(crate) async fn anna_sends(&self, content: &Value) -> String {
        let content: Content = serde_json::from_value(content.clone()).unwrap();
        let anna = self.peer(ANNA);
        let message = anna.compose(&content, By::Lid).unwrap();
        anna.send(ACCOUNT, message, By::Lid, None).await.unwrap()
    }
}

/// The contract's name for a kind of content.
fn name(body: &Body) -> &'static str {
    match body {
        Body::Text(_) => "text",
        Body::Media(_) => "media",
        Body::Location(_) => "location",
        Body::Contacts(_) => "contacts",
        Body::Poll(_) => "poll",
        Body::CalendarEvent(_) => "calendar_event",
        Body::GroupInvite(_) => "group_invite",
        Body::Choices(_) => "choices",
        Body::Choice(_) => "choice",
        Body::Album(_) => "album",
        Body::PollVote(_) => "poll_vote",
        Body::Pin(_) => "pin",
        Body::TimerChange(_) => "timer_change",
        Body::Other(_) => "other",
    }
}

/// Contents as people and businesses send them, with their kind in the contract.
fn every_content() -> Vec<(Value, &'static str)> {
    let place = json!({ "latitude": 1.5, "longitude": -2.5, "name": WORD });
    let choices = json!([{ "id": "1", "title": WORD }]);
    vec![
        (json!({ "text": WORD }), "text"),
        (
            json!({ "text": WORD, "preview": { "url": "https://example.org", "title": WORD } }),
            "text",
        ),
        (
            json!({ "text": WORD, "context": { "forwarded": 5, "mentions": [format!("{}@s.whatsapp.net", &ACCOUNT[1..])] } }),
            "text",
        ),
        (json!({ "image": { "caption": WORD } }), "media"),
        (json!({ "video": { "seconds": 3, "gif": true } }), "media"),
        (json!({ "video_note": { "seconds": 3 } }), "media"),
        (json!({ "audio": { "seconds": 3, "voice": true } }), "media"),
        (
            json!({ "document": { "name": WORD, "caption": WORD } }),
            "media",
        ),
        (json!({ "sticker": { "animated": true } }), "media"),
        (json!({ "location": place }), "location"),
        (
            json!({ "live_location": { "latitude": 1.0, "longitude": 2.0 } }),
            "location",
        ),
        (
            json!({ "contacts": [{ "name": WORD, "vcard": "BEGIN:VCARD" }] }),
            "contacts",
        ),
        (
            json!({ "contacts": [{ "name": WORD, "vcard": "1" }, { "name": WORD, "vcard": "2" }] }),
            "contacts",
        ),
        (
            json!({ "group_invite": { "group": "1@g.us", "name": WORD, "code": "X" } }),
            "group_invite",
        ),
        (
            json!({ "poll": { "question": WORD, "options": ["a", "b"], "selectable": 1 } }),
            "poll",
        ),
        (
            json!({ "poll": { "question": WORD, "options": ["a", "b"], "selectable": 0 } }),
            "poll",
        ),
        (
            json!({ "event": { "name": WORD, "start": 5, "place": place } }),
            "calendar_event",
        ),
        (
            json!({ "list_reply": { "id": "1", "title": WORD } }),
            "choice",
        ),
        (
            json!({ "buttons_reply": { "id": "1", "title": WORD } }),
            "choice",
        ),
        (
            json!({ "template_reply": { "id": "1", "title": WORD } }),
            "choice",
        ),
        (
            json!({ "list": { "text": WORD, "choices": choices } }),
            "choices",
        ),
        (
            json!({ "buttons": { "text": WORD, "choices": choices } }),
            "choices",
        ),
        (json!({ "album": { "images": 2, "videos": 1 } }), "album"),
        (json!({ "timer": 604_800 }), "timer_change"),
    ]
}

#[tokio::test]
async fn every_kind_of_content_is_recognised_however_it_is_wrapped() {
    let world = World::linked().await;
    let mut events = world.watch().await;
    let wrappers: [&[&str]; 4] = [
        &[],
        &["ephemeral"],
        &["view_once_v2"],
        &["ephemeral", "spoiler"],
    ];
    for (content, kind) in every_content() {
        for wrapped in wrappers {
            let mut content = content.clone();
            content["wrapped"] = json!(wrapped);
            let id = world.anna_sends(&content).await;
            let message = events.message().await;
            assert_eq!(message.origin().id, id, "{content}");
            let body = message.content.unwrap().kind.unwrap();
            assert_eq!(name(&body), kind, "{content}");
        }
    }
    world.all_acked().await;
    world.finish().await;
}

#[tokio::test]
async fn content_has_the_fields_that_a_program_needs_to_act_on_it() {
    let world = World::linked().await;
    let mut events = world.watch().await;
    let place =
        json!({ "latitude": 1.5, "longitude": -2.5, "name": "Yard", "address": "1 Bay Road" });
    let contents = [
        (
            json!({ "text": WORD, "preview": { "url": "https://example.org", "title": "A", "description": "B" } }),
            json!({ "text": { "body": WORD, "preview": { "url": "https://example.org", "title": "A", "description": "B" } } }),
        ),
        (
            json!({ "contacts": [{ "name": "Bert", "vcard": "BEGIN:VCARD\nTEL;waid=15550100003:+1 555 010 0003\nEND:VCARD" }] }),
            json!({ "contacts": { "cards": [{ "name": "Bert", "phones": ["+1 555 010 0003"], "vcard": "" }] } }),
        ),
        (
            json!({ "group_invite": { "group": "1@g.us", "name": WORD, "code": "X", "expires": 1_900_000_000, "caption": "come" } }),
            json!({ "group_invite": { "title": WORD, "caption": "come", "group": "1@g.us", "code": "X", "expires_at": "2030-03-17T17:46:40Z" } }),
        ),
        (
            json!({ "event": { "name": WORD, "start": 1_900_000_000, "end": 1_900_003_600, "join_link": "https://example.org", "canceled": true, "place": place } }),
            json!({ "calendar_event": { "title": WORD, "description": "", "starts_at": "2030-03-17T17:46:40Z", "ends_at": "2030-03-17T18:46:40Z", "place": "Yard, 1 Bay Road", "join_link": "https://example.org", "cancelled": true } }),
        ),
        (
            json!({ "buttons": { "text": WORD, "choices": [{ "id": "1", "title": "yes" }, { "id": "2", "title": "no" }] } }),
            json!({ "choices": { "text": WORD, "options": [{ "id": "1", "text": "yes" }, { "id": "2", "text": "no" }] } }),
        ),
        (
            json!({ "buttons_reply": { "id": "1", "title": WORD } }),
            json!({ "choice": { "id": "1", "text": WORD } }),
        ),
        (
            json!({ "list_reply": { "id": "1", "title": WORD } }),
            json!({ "choice": { "id": "1", "text": WORD } }),
        ),
        (
            json!({ "template_reply": { "id": "1", "title": WORD } }),
            json!({ "choice": { "id": "1", "text": WORD } }),
        ),
        (
            json!({ "album": { "images": 2, "videos": 1 } }),
            json!({ "album": { "images": 2, "videos": 1 } }),
        ),
    ];
    for (sent, expected) in contents {
        world.anna_sends(&sent).await;
        let message = events.message().await;
        let shown = serde_json::to_value(message.content.unwrap()).unwrap();
        for (kind, fields) in expected.as_object().unwrap() {
            assert_eq!(&shown[kind], fields, "{sent}");
        }
    }
    world.finish().await;
}

#[tokio::test]
async fn a_mention_of_the_account_and_a_false_quote_are_recognised() {
    let world = World::linked().await;
    let mut events = world.watch().await;
    for (mentions, of_account) in [
        (vec![format!("{}@s.whatsapp.net", &ACCOUNT[1..])], true),
        (vec!["15550100099@s.whatsapp.net".to_owned()], false),
        (vec![], false),
    ] {
        let context = json!({ "mentions": mentions });
        world
            .anna_sends(&json!({ "text": WORD, "context": context }))
            .await;
        assert_eq!(events.message().await.mentions_account, of_account);
    }
    let id = world
        .anna_sends(&json!({ "text": "the door is open" }))
        .await;
    events.message().await;
    let author = format!("{}@lid", lid(ANNA));
    for (id, text, check) in [
        (id.as_str(), "the door is open", pb::QuoteCheck::Confirmed),
        (&id, "the door is", pb::QuoteCheck::Different),
        (&id, "the door is shut", pb::QuoteCheck::Different),
        ("3EB0FF", "the door is open", pb::QuoteCheck::Unknown),
    ] {
        let quoted = json!({ "id": id, "author": author, "content": { "text": text } });
        world
            .anna_sends(&json!({ "text": WORD, "context": { "quote": quoted } }))
            .await;
        let quoted = events.message().await.quoted.unwrap();
        assert_eq!((quoted.text.as_str(), quoted.check()), (text, check));
    }
    let by_another = json!({ "id": id, "author": format!("{}@lid", lid(BERT)), "content": { "text": "the door is open" } });
    world
        .anna_sends(&json!({ "text": WORD, "context": { "quote": by_another } }))
        .await;
    let quoted = events.message().await.quoted.unwrap();
    assert_eq!(quoted.check(), pb::QuoteCheck::Different);
    world.finish().await;
}

#[tokio::test]
async fn changes_to_a_message_are_recognised_bare_and_wrapped() {
    let world = World::linked().await;
    let mut events = world.watch().await;
    let id = world.anna_sends(&json!({ "text": WORD })).await;
    events.message().await;
    let own = json!({ "id": id, "own": true });
    for wrapped in [json!([]), json!(["edited"]), json!(["ephemeral", "edited"])] {
        let edit = json!({
            "edit": { "about": own, "content": { "text": format!("{WORD} {wrapped}") } },
            "wrapped": wrapped,
        });
        world.anna_sends(&edit).await;
        let edit = events.event(|event| match &event.kind {
            Some(Kind::Edit(edit)) => Some(edit.clone()),
            _ => None,
        });
        let edit = edit.await;
        assert_eq!(edit.target.unwrap().id, id);
        let edited = edit.content.unwrap().kind;
        let text = pb::Text {
            body: format!("{WORD} {wrapped}"),
            ..Default::default()
        };
        assert_eq!(edited, Some(Body::Text(text)));
    }
    for emoji in ["👍", ""] {
        let reaction = json!({ "reaction": { "about": own, "emoji": emoji } });
        world.anna_sends(&reaction).await;
        let reaction = events.event(|event| match &event.kind {
            Some(Kind::Reaction(reaction)) => Some(reaction.clone()),
            _ => None,
        });
        assert_eq!(reaction.await.emoji, emoji);
    }
    world.anna_sends(&json!({ "deletion": own })).await;
    let deletion = events.event(|event| match &event.kind {
        Some(Kind::Deletion(deletion)) => Some(deletion.clone()),
        _ => None,
    });
    assert_eq!(deletion.await.target.unwrap().id, id);
    world.all_acked().await;
    world.finish().await;
}

/// Each is acked, and none blocks later messages.
#[tokio::test]
async fn content_that_no_companion_can_decrypt_is_acked_and_reported() {
    let world = World::linked().await;
    let mut events = world.watch().await;
    let anna = world.peer(ANNA);
    for form in [
        Unopenable::ViewOnce,
        Unopenable::Hosted,
        Unopenable::Bot,
        Unopenable::Unavailable,
        Unopenable::Msmsg,
        Unopenable::UnknownEnc,
    ] {
        let id = anna.send_unopenable(ACCOUNT, form, By::Lid).unwrap();
        let reported = events.event(|event| match &event.kind {
            Some(Kind::Undecryptable(it)) => it.origin.as_ref().map(|origin| origin.id.clone()),
            _ => None,
        });
        assert_eq!(reported.await, id, "{form:?}");
        world.all_acked().await;
    }
    let status = Broadcast::StatusStanza;
    let content: Content = serde_json::from_value(json!({ "text": WORD })).unwrap();
    let message = content.message().unwrap();
    let id = anna.broadcast(ACCOUNT, status, message, By::Lid, None);
    let id = id.await.unwrap();
    world.all_acked().await;
    let acks = world.sim.acks(ACCOUNT).unwrap();
    let acked = acks.iter().find(|ack| ack.id == id).unwrap();
    assert_eq!(acked.class, Class::Status);
    anna.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
    assert_eq!(events.message().await.text(), WORD);
    world.finish().await;
}

/// The fields of a message's `oneof`, by name, each with the encoding of a message in which it is present and empty.
fn variants(message: &str, oneof: &str) -> Vec<(String, Vec<u8>)> {
    let set = FileDescriptorSet::decode(openclaw_proto::DESCRIPTORS).unwrap();
    let messages = set.file.iter().flat_map(|file| &file.message_type);
    let mut messages = messages.filter(|found| found.name() == message);
    let message = messages.next().unwrap();
    let index = message.oneof_decl.iter().position(|it| it.name() == oneof);
    let index = i32::try_from(index.unwrap()).unwrap();
    let fields = message.field.iter();
    let fields = fields.filter(|field| field.oneof_index == Some(index));
    let encoded = |number: i32| {
        let tag = u64::try_from(number).unwrap() << 3 | 2;
        let mut bytes = Vec::new();
        prost::encoding::encode_varint(tag, &mut bytes);
        bytes.push(0);
        bytes
    };
    let variants = fields.map(|field| (field.name().to_owned(), encoded(field.number())));
    variants.collect()
}

/// Requests with every content of the contract that cannot be sent yet, each with the field that the error names.
fn unsupported() -> Vec<(String, pb::SendRequest)> {
    let mut requests = Vec::new();
    for (name, bytes) in variants("Content", "kind") {
        // These can be sent.
        if !["text", "media", "location", "contacts", "poll"].contains(&&*name) {
            let content = pb::Content::decode(&*bytes).unwrap();
            let payload = Some(pb::send_request::Payload::Content(content));
            let request = pb::SendRequest {
                payload,
                ..Default::default()
            };
            requests.push((format!("content.{name}"), request));
        }
    }
    requests
}

#[tokio::test]
async fn unsupported_content_is_unimplemented_and_sends_nothing() {
    let world = World::linked().await;
    let requests = unsupported();
    assert!(requests.len() >= 8, "{}", requests.len());
    for queue in [false, true] {
        for (field, request) in &requests {
            let request = pb::SendRequest {
                to: ANNA.to_owned(),
                client_token: "t".to_owned(),
                queue,
                ..request.clone()
            };
            let refused = world.send_with(request).await.unwrap_err();
            let unsupported = (Code::Unimplemented, "CONTENT_UNSUPPORTED".to_owned());
            assert_eq!(refusal(&refused), unsupported, "{field}");
            assert_eq!(fact(&refused, "field").as_ref(), Some(field));
        }
    }
    let mut client = world.client();
    let queue = client.list_queue(pb::ListQueueRequest::default());
    assert!(queue.await.unwrap().into_inner().messages.is_empty());
    // The refused call has not used its token.
    let text = pb::SendRequest {
        client_token: "t".to_owned(),
        ..request(ANNA, WORD)
    };
    let sent = world.send_with(text).await.unwrap();
    let received = world.peer(ANNA).inbox();
    let received: Vec<_> = received.iter().map(|it| &it.id).collect();
    assert_eq!(received, [&sent.message_id]);
    let outcomes = world.events().await.into_iter();
    let mut outcomes = outcomes.filter_map(|event| match event.kind {
        Some(Kind::Outcome(outcome)) => Some(outcome),
        _ => None,
    });
    assert!(outcomes.all(|outcome| outcome.message_id == sent.message_id));
    world.finish().await;
}

#[tokio::test]
async fn a_request_without_anything_to_send_is_refused() {
    let world = World::linked().await;
    let empty = pb::send_request::Payload::Content(pb::Content::default());
    for (field, payload) in [("payload", None), ("content.kind", Some(empty))] {
        let request = pb::SendRequest {
            to: ANNA.to_owned(),
            payload,
            ..Default::default()
        };
        let refused = world.send_with(request).await.unwrap_err();
        let invalid = (Code::InvalidArgument, "INVALID_ARGUMENT".to_owned());
        assert_eq!(refusal(&refused), invalid, "{field}");
        assert_eq!(fact(&refused, "field").as_deref(), Some(field));
    }
    assert_eq!(world.peer(ANNA).inbox_len(), 0);
    world.finish().await;
}
