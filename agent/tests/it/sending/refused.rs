//! An operation that is not allowed on a message is refused with its reason, and nothing is sent.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::event::Kind;
use serde_json::json;

use super::{by_key, by_seq, deletion, edit, new, poll, reaction, vote};
use crate::harness::{ANNA, BERT, WORD, World, reason, request};

async fn refused(world: &World, request: pb::SendRequest) -> String {
    let queued = pb::SendRequest {
        queue: true,
        client_token: "t".to_owned(),
        ..request.clone()
    };
    let refused = world.send_with(queued).await.unwrap_err();
    let again = world.send_with(request).await.unwrap_err();
    assert_eq!(reason(&refused), reason(&again));
    reason(&refused)
}

#[tokio::test]
async fn every_refused_operation_has_its_reason() {
    let world = World::linked().await;
    let (theirs, seq) = world.anna_said(&json!({ "text": WORD })).await;
    let description =
        json!({ "poll": { "question": WORD, "options": ["a", "b"], "selectable": 1 } });
    let (_, poll_seq) = world.anna_said(&description).await;
    let own_poll = world.sent(new(ANNA, poll(1))).await.message_id;
    let mut events = world.watch().await;
    let is_link = |event: &pb::Event| matches!(event.kind, Some(Kind::Link(_)));
    let link = events
        .event(|event| is_link(event).then_some(event.seq))
        .await;
    let before = world.peer(ANNA).inbox_len();
    let cases = [
        ("NO_SUCH_EVENT", reaction(by_seq(u64::MAX), "🐟")),
        ("EVENT_GONE", reaction(by_seq(1), "🐟")),
        ("NOT_A_MESSAGE", reaction(by_seq(link), "🐟")),
        ("NOT_YOUR_MESSAGE", edit(by_seq(seq), WORD)),
        ("NOT_YOUR_MESSAGE", deletion(by_seq(seq))),
        (
            "NOT_YOUR_MESSAGE",
            edit(by_key(ANNA, &theirs, Some(ANNA)), WORD),
        ),
        ("MESSAGE_UNKNOWN", edit(by_key(ANNA, "3EB0FF", None), WORD)),
        ("OTHER_CHAT", edit(by_key(BERT, &own_poll, None), WORD)),
        ("NOT_A_TEXT", edit(by_key(ANNA, &own_poll, None), WORD)),
        ("NOT_A_POLL", vote(by_seq(seq), &["a"])),
        (
            "MESSAGE_UNKNOWN",
            vote(by_key(ANNA, "3EB0FF", Some(ANNA)), &["a"]),
        ),
        ("NO_SUCH_OPTION", vote(by_seq(poll_seq), &["c"])),
        ("TOO_MANY_OPTIONS", vote(by_seq(poll_seq), &["a", "b"])),
        (
            "OTHER_CHAT",
            pb::SendRequest {
                reply_to: by_seq(seq),
                ..request(BERT, WORD)
            },
        ),
        (
            "OTHER_CHAT",
            pb::SendRequest {
                to: BERT.to_owned(),
                ..reaction(by_seq(seq), "🐟")
            },
        ),
        (
            "INVALID_ARGUMENT",
            pb::SendRequest {
                reply_to: by_seq(seq),
                ..reaction(by_seq(seq), "🐟")
            },
        ),
        ("INVALID_ARGUMENT", reaction(None, "🐟")),
    ];
    for (wanted, request) in cases {
        assert_eq!(
            refused(&world, request.clone()).await,
            wanted,
            "{request:?}"
        );
    }
    assert_eq!(world.peer(ANNA).inbox_len(), before);
    // The refused call has not used its token.
    let request = pb::SendRequest {
        client_token: "t".to_owned(),
        ..reaction(by_seq(seq), "🐟")
    };
    world.sent(request).await;
    world.all_acked().await;
    world.finish().await;
}

#[tokio::test]
async fn a_limited_client_reacts_in_its_chats_only() {
    use crate::harness::{Client, TLS};
    let world = World::linked_with(&TLS).await;
    let (_, seq) = world.anna_said(&json!({ "text": WORD })).await;
    for (name, limit, may) in [("anna", ANNA, true), ("bert", BERT, false)] {
        let invite = pb::InviteClientRequest {
            role: pb::Role::Sender.into(),
            name: String::new(),
            send_to: Some(pb::RecipientLimit {
                recipients: vec![limit.to_owned()],
                ..Default::default()
            }),
        };
        let code = world.agent.invite_with(invite).await;
        let client = Client::new();
        client.enroll(&world.agent, &code, name).await.unwrap();
        let mut agent = client.client(&world.agent).await;
        let sent = agent.send(reaction(by_seq(seq), "🐟")).await;
        match may {
            true => drop(sent.unwrap()),
            false => assert_eq!(reason(&sent.unwrap_err()), "RECIPIENT"),
        }
    }
    world.all_acked().await;
    world.finish().await;
}
