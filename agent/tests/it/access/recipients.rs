//! `allowTo`: the recipients that the account may write to, for every client.

use std::path::Path;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::chats_client::ChatsClient;
use openclaw_proto::v1::event::Kind;
use openclaw_proto::v1::message_ref::By as Ref;
use openclaw_proto::v1::send_request::Payload;
use openclaw_sim::{By, Fault};
use tonic::{Code, Status};

use super::doctor::diagnosis;
use super::{access, ruled, rules};
use crate::harness::{ACCOUNT, ANNA, BERT, WORD, World, fact, lid, message, refusal, request};

/// Bert, and chats with received messages.
const KNOWN_AND_BERT: &str = "[known, \"+15550100003\"]";

/// Rules that limit recipients only.
fn to(limit: &str) -> String {
    format!(
        "channels:\n  whatsapp:\n    dmPolicy: open\n    allowFrom: [\"*\"]\n    groupPolicy: open\n    allowTo: {limit}\n"
    )
}

async fn reload(world: &World, folder: &Path, limit: &str) {
    std::fs::write(folder.join("openclaw.yml"), to(limit)).unwrap();
    let request = pb::ReloadRulesRequest {};
    access(world).reload_rules(request).await.unwrap();
}

fn is_refused(refused: &Status) {
    let expected = (Code::PermissionDenied, "NOT_ALLOWED_TO".to_owned());
    assert_eq!(refusal(refused), expected);
    let hint = fact(refused, "hint").unwrap();
    assert!(hint.contains("allow reload"), "{hint}");
}

async fn types(world: &World, to: &str) -> Result<(), Status> {
    let request = pb::SetTypingRequest {
        to: to.to_owned(),
        recording: false,
    };
    let mut chats = ChatsClient::new(world.agent.channel());
    chats.set_typing(request).await.map(drop)
}

async fn marks(world: &World, seq: u64) -> Result<(), Status> {
    let by = Some(Ref::Seq(seq));
    let request = pb::MarkReadRequest {
        messages: vec![pb::MessageRef { by }],
    };
    let mut chats = ChatsClient::new(world.agent.channel());
    chats.mark_read(request).await.map(drop)
}

#[tokio::test]
async fn the_account_writes_only_to_listed_recipients_and_known_chats() {
    let (world, _folder) = ruled(&to(KNOWN_AND_BERT), &[]).await;
    world.send(BERT, WORD).await.unwrap();
    world
        .send(&format!("{}@lid", lid(BERT)), WORD)
        .await
        .unwrap();
    for to in [ANNA, "120363000000000001@g.us"] {
        is_refused(&world.send(to, WORD).await.unwrap_err());
        is_refused(&types(&world, to).await.unwrap_err());
    }
    assert!(world.peer(ANNA).inbox().is_empty());
    let mut events = world.watch().await;
    let anna = world.peer(ANNA);
    anna.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
    events.event(message).await;
    world.send(ANNA, WORD).await.unwrap();
    types(&world, ANNA).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn the_limit_is_listed_and_diagnosed_and_changes_with_the_file() {
    let (world, folder) = ruled(&to(KNOWN_AND_BERT), &[]).await;
    assert!(rules(&world).await.recipients_limited);
    let request = pb::ListAllowedRequest::default();
    let listed = access(&world).list_allowed(request).await.unwrap();
    let listed = listed.into_inner().allowed.into_iter();
    let listed = listed.filter(|it| it.list() == pb::AllowedList::AllowTo);
    let listed: Vec<_> = listed.map(|it| (it.who, it.source)).collect();
    let line = |who: &str| (who.to_owned(), "line 6".to_owned());
    assert_eq!(listed, [line(BERT), line("known")]);
    let request = pb::DiagnoseRequest::default();
    let found = access(&world).diagnose(request).await.unwrap();
    let findings = found.into_inner().findings;
    assert!(findings.iter().any(|it| it.check == "recipients"));
    // Of a person: who is listed, and who has written.
    let of = async |who: &str| {
        let found = diagnosis(&world, who).await;
        let found = found.into_iter().find(|it| it.check == "recipient");
        found.unwrap().state()
    };
    assert_eq!(of(BERT).await, pb::FindingState::Good);
    assert_eq!(of(ANNA).await, pb::FindingState::Note);
    let mut events = world.watch().await;
    let anna = world.peer(ANNA);
    anna.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
    events.event(message).await;
    assert_eq!(of(ANNA).await, pb::FindingState::Good);
    reload(&world, folder.path(), "[\"*\"]").await;
    assert!(!rules(&world).await.recipients_limited);
    world.send(ANNA, WORD).await.unwrap();
    world.finish().await;
}

/// What a client could do to a message of Anna's, or in a chat.
fn everything(seq: u64, group: &str) -> Vec<pb::SendRequest> {
    let target = || {
        let by = Some(Ref::Seq(seq));
        Some(pb::MessageRef { by })
    };
    let content = || Some(pb::Content::of_text(WORD));
    let poll = pb::Content {
        kind: Some(pb::content::Kind::Poll(pb::Poll {
            question: WORD.to_owned(),
            options: ["yes", "no"]
                .map(|name| pb::PollOption {
                    name: name.to_owned(),
                })
                .to_vec(),
            selectable: 1,
        })),
        ..Default::default()
    };
    let about = |payload| pb::SendRequest {
        payload: Some(payload),
        ..Default::default()
    };
    vec![
        request(ANNA, WORD),
        request(&format!("{}@lid", lid(ANNA)), WORD),
        request(group, WORD),
        pb::SendRequest {
            queue: true,
            ..request(ANNA, WORD)
        },
        pb::SendRequest {
            reply_to: target(),
            ..about(Payload::Content(content().unwrap()))
        },
        pb::SendRequest {
            to: ANNA.to_owned(),
            ..about(Payload::Content(poll))
        },
        about(Payload::Reaction(pb::ReactionDraft {
            target: target(),
            emoji: "👍".to_owned(),
        })),
    ]
}

#[tokio::test]
async fn nothing_is_sent_to_a_recipient_that_the_rules_do_not_allow() {
    let (world, folder) = ruled(&to("[\"*\"]"), &[]).await;
    let mut events = world.watch().await;
    let (anna, bert) = (world.peer(ANNA), world.peer(BERT));
    let group = world.phone().create_group(WORD, &[ANNA, BERT]).await;
    let group = group.unwrap();
    anna.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
    let seq = events
        .event(|event| message(event).map(|_| event.seq))
        .await;
    let sent = world.send(ANNA, WORD).await.unwrap();
    let own = || {
        let key = pb::MessageKey {
            chat: ANNA.to_owned(),
            id: sent.message_id.clone(),
            sender: None,
        };
        let by = Some(Ref::Key(key));
        Some(pb::MessageRef { by })
    };
    anna.wait_for(|it| it.id == sent.message_id, crate::harness::TEST_TIMEOUT)
        .await
        .unwrap();
    reload(&world, folder.path(), "[\"+15550100003\"]").await;
    let before = anna.inbox_len();
    let mut requests = everything(seq, &group);
    let edit = pb::EditDraft {
        target: own(),
        content: Some(pb::Content::of_text(WORD)),
    };
    for payload in [
        Payload::Edit(edit),
        Payload::Deletion(pb::DeletionDraft { target: own() }),
    ] {
        requests.push(pb::SendRequest {
            payload: Some(payload),
            ..Default::default()
        });
    }
    for request in requests {
        is_refused(&world.send_with(request).await.unwrap_err());
    }
    is_refused(&marks(&world, seq).await.unwrap_err());
    is_refused(&types(&world, &group).await.unwrap_err());
    // Bert's message would come after anything to Anna.
    world.send(BERT, WORD).await.unwrap();
    let arrived = |it: &openclaw_sim::Received| it.text.as_deref() == Some(WORD);
    bert.wait_for(arrived, crate::harness::TEST_TIMEOUT)
        .await
        .unwrap();
    assert_eq!(anna.inbox_len(), before);
    assert!(anna.typing().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a_kept_message_is_checked_again_when_it_leaves() {
    for limit in ["[]", "[known]", KNOWN_AND_BERT] {
        let (world, folder) = ruled(&to("[\"*\"]"), &[]).await;
        let group = world.phone().create_group(WORD, &[BERT]).await.unwrap();
        let mut events = world.watch().await;
        let bert = world.peer(BERT);
        bert.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
        events.event(message).await;
        world.cut_off().await;
        for (token, to) in [("anna", ANNA), ("group", &*group), ("bert", BERT)] {
            let request = pb::SendRequest {
                queue: true,
                client_token: token.to_owned(),
                ..request(to, WORD)
            };
            world.send_with(request).await.unwrap();
        }
        reload(&world, folder.path(), limit).await;
        world.sim.fault(Fault::Clear).await;
        for token in ["anna", "group", "bert"] {
            let outcome = events.event(|event| match &event.kind {
                Some(Kind::Outcome(it)) if it.client_token == token => Some(it.clone()),
                _ => None,
            });
            let outcome = outcome.await;
            if token == "bert" && limit != "[]" {
                assert!(outcome.state() >= pb::SendState::ServerAck, "{outcome:?}");
                continue;
            }
            assert_eq!(outcome.state(), pb::SendState::Failed);
            assert_eq!(outcome.reason(), pb::SendReason::NotAllowedTo);
            assert!(outcome.hint.contains("allow"), "{outcome:?}");
        }
        assert!(world.peer(ANNA).inbox().is_empty());
        world.finish().await;
    }
}
