//! What the contract has and this version does not send is refused as such, and nothing of it is sent.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::event::Kind;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::Code;

use crate::harness::{ANNA, WORD, World, fact, refusal, request};

/// The fields of a message's `oneof`, by name, each with bytes of that message in which it is there and empty.
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

/// Requests with everything that is in the contract and not sent yet, each with the field that is named in the answer.
fn unsupported() -> Vec<(String, pb::SendRequest)> {
    let mut requests = Vec::new();
    for (name, bytes) in variants("Content", "kind") {
        if name != "text" {
            let content = pb::Content::decode(&*bytes).unwrap();
            let payload = Some(pb::send_request::Payload::Content(content));
            let request = pb::SendRequest {
                payload,
                ..Default::default()
            };
            requests.push((format!("content.{name}"), request));
        }
    }
    for (name, bytes) in variants("SendRequest", "payload") {
        if name != "content" {
            requests.push((name, pb::SendRequest::decode(&*bytes).unwrap()));
        }
    }
    let mentioning = pb::Content {
        mentions: vec![pb::Contact {
            phone: ANNA.to_owned(),
            lid: String::new(),
        }],
        ..pb::Content::of_text(WORD)
    };
    let mentioning = pb::SendRequest {
        payload: Some(pb::send_request::Payload::Content(mentioning)),
        ..Default::default()
    };
    requests.push(("content.mentions".to_owned(), mentioning));
    let answer = pb::SendRequest {
        reply_to: Some(pb::MessageRef {
            by: Some(pb::message_ref::By::Seq(1)),
        }),
        ..request(ANNA, WORD)
    };
    requests.push(("reply_to".to_owned(), answer));
    requests
}

#[tokio::test]
async fn unsupported_content_is_unimplemented_and_sends_nothing() {
    let world = World::linked().await;
    let requests = unsupported();
    assert!(requests.len() >= 18, "{}", requests.len());
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
    // The token stands for nothing yet.
    let text = pb::SendRequest {
        client_token: "t".to_owned(),
        ..request(ANNA, WORD)
    };
    let sent = world.send_with(text).await.unwrap();
    let heard = world.peer(ANNA).inbox();
    let heard: Vec<_> = heard.iter().map(|it| &it.id).collect();
    assert_eq!(heard, [&sent.message_id]);
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
