//! Sending and receiving: the caller's result, and the effect at the other side.

use std::time::Duration;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::SendState;
use openclaw_proto::v1::event::Kind;
use openclaw_sim::{By, Fault, IqError};
use tonic::Code;

use crate::harness::{
    ACCOUNT, ANNA, BERT, TEST_TIMEOUT, UNREGISTERED, WORD, World, fact, kinds, lid, reason,
    refusal, request, seconds,
};

fn tokened(text: &str, token: &str) -> pb::SendRequest {
    pb::SendRequest {
        client_token: token.to_owned(),
        ..request(ANNA, text)
    }
}

fn waiting(wait: SendState, timeout: i64) -> pb::SendRequest {
    pb::SendRequest {
        wait: wait.into(),
        timeout: seconds(timeout),
        ..request(ANNA, WORD)
    }
}

#[tokio::test]
async fn a_number_that_is_not_on_whatsapp_is_not_found() {
    let world = World::linked().await;
    world.sim.unknown(UNREGISTERED).unwrap();
    let denied = world.send(UNREGISTERED, WORD).await.unwrap_err();
    assert_eq!(
        refusal(&denied),
        (Code::NotFound, "NOT_ON_WHATSAPP".to_owned())
    );
    assert_eq!(world.peer(UNREGISTERED).inbox_len(), 0);
    assert!(
        world.phone().inbox().is_empty(),
        "nor does the phone show it"
    );
    world.send(ANNA, WORD).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn a_repeated_token_is_one_message() {
    let world = World::linked().await;
    let calls = (0..8).map(|_| world.send_with(tokened(WORD, "order-7")));
    let mut answers = futures::future::try_join_all(calls).await.unwrap();
    for _ in 0..2 {
        answers.push(world.send_with(tokened(WORD, "order-7")).await.unwrap());
    }
    for answer in &answers {
        assert_eq!(answer.message_id, answers[0].message_id);
        assert_eq!(answer.client_token, "order-7");
        assert!(answer.state() >= SendState::ServerAck);
    }
    world.send(ANNA, &format!("{WORD} after")).await.unwrap();
    let fits = |received: &openclaw_sim::Received| received.text != Some(WORD.to_owned());
    world.peer(ANNA).wait_for(fits, TEST_TIMEOUT).await.unwrap();
    assert_eq!(world.peer(ANNA).inbox_len(), 2);
    world.finish().await;
}

#[tokio::test]
async fn a_token_cannot_be_reused_for_another_message() {
    let world = World::linked().await;
    world.send_with(tokened(WORD, "t")).await.unwrap();
    let other_text = tokened(&format!("{WORD}!"), "t");
    let other_person = pb::SendRequest {
        to: BERT.to_owned(),
        ..tokened(WORD, "t")
    };
    for other in [other_text, other_person] {
        let denied = world.send_with(other).await.unwrap_err();
        assert_eq!(
            refusal(&denied),
            (Code::AlreadyExists, "TOKEN_REUSED".to_owned())
        );
    }
    assert_eq!(world.peer(ANNA).inbox_len(), 1);
    assert_eq!(world.peer(BERT).inbox_len(), 0);
    world.finish().await;
}

#[tokio::test]
async fn nothing_is_sent_while_not_connected() {
    let world = World::new().await;
    let denied = world.send(ANNA, WORD).await.unwrap_err();
    assert_eq!(
        refusal(&denied),
        (Code::FailedPrecondition, "NOT_LINKED".to_owned())
    );
    world.link().await;
    world.sim.fault(Fault::Refuse(1_000)).await;
    world.fault(Fault::Drop).await;
    world
        .agent
        .until(|link| link.state() == pb::LinkState::BackingOff && link.attempt >= 2)
        .await;
    let denied = world.send(ANNA, WORD).await.unwrap_err();
    assert_eq!(
        refusal(&denied),
        (Code::FailedPrecondition, "NOT_CONNECTED".to_owned())
    );
    let state = fact(&denied, "state").unwrap();
    assert!(
        ["backing_off", "connecting"].contains(&state.as_str()),
        "{state}"
    );
    world.fault(Fault::DeviceRemoved).await;
    world.sim.fault(Fault::Clear).await;
    world.agent.until_state(pb::LinkState::LoggedOut).await;
    let denied = world.send(ANNA, WORD).await.unwrap_err();
    assert_eq!(fact(&denied, "state").as_deref(), Some("logged_out"));
    assert_eq!(world.peer(ANNA).inbox_len(), 0);
    world.finish().await;
}

#[tokio::test]
async fn delivered_and_read_are_waited_for() {
    let world = World::linked().await;
    let sent = world.send_with(waiting(SendState::Delivered, 20)).await;
    assert_eq!(sent.unwrap().state(), SendState::Delivered);
    let only_new = pb::WatchEventsRequest {
        after: None,
        follow: true,
        filter: kinds([pb::EventKind::Outcome]),
        ..Default::default()
    };
    let mut events = world.watch_with(only_new).await;
    let reading = async {
        let id = events
            .event(|event| match &event.kind {
                Some(Kind::Outcome(outcome)) if outcome.state() == SendState::Delivered => {
                    Some(outcome.message_id.clone())
                }
                _ => None,
            })
            .await;
        let anna = world.peer(ANNA);
        anna.send_receipt(ACCOUNT, &id, Some("read"), By::Lid)
            .await
            .unwrap();
    };
    let (sent, ()) = tokio::join!(world.send_with(waiting(SendState::Read, 20)), reading);
    assert_eq!(sent.unwrap().state(), SendState::Read);
    world.finish().await;
}

#[tokio::test]
async fn a_message_the_server_refuses_has_failed() {
    let world = World::linked().await;
    // A group without the account: the server refuses its messages.
    let group = world
        .sim
        .phone(BERT)
        .unwrap()
        .create_group("Others", &[ANNA])
        .await
        .unwrap();
    let failed = world
        .send_with(pb::SendRequest {
            to: group,
            client_token: "t".to_owned(),
            ..request(ANNA, WORD)
        })
        .await
        .unwrap_err();
    assert_eq!(refusal(&failed), (Code::Aborted, "NOT_SENT".to_owned()));
    assert_eq!(
        fact(&failed, "failure").as_deref(),
        Some("refused_by_server")
    );
    let outcome = world
        .events()
        .await
        .into_iter()
        .find_map(|event| match event.kind {
            Some(Kind::Outcome(outcome)) => Some(outcome),
            _ => None,
        });
    let outcome = outcome.unwrap();
    assert_eq!(
        (
            outcome.state(),
            outcome.reason(),
            outcome.client_token.as_str()
        ),
        (SendState::Failed, pb::SendReason::RefusedByServer, "t")
    );
    assert_eq!(world.agent.status().await.traffic.unwrap().sent, 0);
    let violations = world.finish_with_violations().await;
    assert!(
        violations
            .iter()
            .all(|found| found.rule == "only members write to a group"),
        "{violations:#?}"
    );
}

#[tokio::test]
async fn the_same_token_returns_an_outcome_that_was_unknown() {
    let world = World::linked().await;
    world.send(ANNA, &format!("{WORD} first")).await.unwrap();
    world
        .fault(Fault::Delay(Duration::from_millis(1_800)))
        .await;
    let asked = pb::SendRequest {
        timeout: seconds(1),
        ..tokened(WORD, "slow")
    };
    let late = world.send_with(asked).await.unwrap_err();
    assert_eq!(
        refusal(&late),
        (Code::DeadlineExceeded, "NOT_CONFIRMED".to_owned())
    );
    assert_eq!(fact(&late, "token").as_deref(), Some("slow"));
    let sent = world.send_with(tokened(WORD, "slow")).await.unwrap();
    assert!(sent.state() >= SendState::ServerAck);
    assert_eq!(world.peer(ANNA).inbox_len(), 2, "the first, and this once");
    world.fault(Fault::Delay(Duration::ZERO)).await;
    world.finish().await;
}

#[tokio::test]
async fn a_repeated_token_also_times_out_without_the_state() {
    let world = World::linked().await;
    world.peer(ANNA).answer_with_receipts(false);
    let late = world.send_with(waiting(SendState::Delivered, 1)).await;
    let late = late.unwrap();
    assert_eq!(
        (late.state(), late.wait_expired),
        (SendState::ServerAck, true)
    );
    let again = pb::SendRequest {
        client_token: late.client_token,
        ..request(ANNA, WORD)
    };
    let sent = world.send_with(again).await.unwrap();
    assert_eq!(
        (sent.state(), sent.wait_expired),
        (SendState::ServerAck, false)
    );
    assert_eq!(world.peer(ANNA).inbox_len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn after_a_lost_connection_the_token_returns_the_outcome() {
    let world = World::linked().await;
    world.send(ANNA, &format!("{WORD} first")).await.unwrap();
    world.fault(Fault::HalfOpen).await;
    let cut = async {
        let asked = |received: usize| received > 1;
        let anna = world.peer(ANNA);
        let early = world
            .sim
            .until(Duration::from_millis(300), || asked(anna.inbox_len()));
        assert!(early.await.is_err(), "nothing is read from this socket");
        world.fault(Fault::Drop).await;
        world
            .agent
            .logged("WhatsApp disconnected: connection_lost")
            .await;
        world.agent.until_state(pb::LinkState::Connected).await;
    };
    let (first, ()) = tokio::join!(
        world.send_with(pb::SendRequest {
            timeout: seconds(1),
            ..tokened(WORD, "t")
        }),
        cut
    );
    let lost = first.unwrap_err();
    assert!(["NOT_CONFIRMED", "CONNECTION_LOST"].contains(&reason(&lost).as_str()));
    assert_eq!(fact(&lost, "token").as_deref(), Some("t"));
    let sent = world.send_with(tokened(WORD, "t")).await.unwrap();
    assert!(sent.state() >= SendState::ServerAck);
    let received = world.peer(ANNA).inbox();
    assert_eq!(
        received
            .iter()
            .filter(|received| received.id == sent.message_id)
            .count(),
        1
    );
    assert_eq!(received.len(), 2);
    world.finish().await;
}

#[tokio::test]
async fn two_hundred_sends_in_a_row_keep_their_order() {
    const MANY: usize = 200;
    let world = World::linked().await;
    let texts: Vec<String> = (0..MANY).map(|n| format!("{WORD} {n}")).collect();
    for text in &texts {
        world.send(ANNA, text).await.unwrap();
    }
    let received = world.peer(ANNA).inbox();
    let received: Vec<String> = received
        .into_iter()
        .filter_map(|received| received.text)
        .collect();
    assert_eq!(received, texts);
    assert_eq!(world.agent.status().await.traffic.unwrap().sent, 200);
    world.finish().await;
}

#[tokio::test]
async fn a_text_arrives_byte_for_byte() {
    let world = World::linked().await;
    let longest = format!("{WORD}{}", "🦆".repeat(65_536 - WORD.len()));
    let texts = [
        format!("{WORD} 🦆\n\tKāi tahu — \u{202e}left\u{202c} \u{7}"),
        format!("  {WORD}  "),
        longest,
    ];
    for text in texts {
        let sent = world.send(ANNA, &text).await.unwrap();
        let received = world
            .peer(ANNA)
            .wait_for(|received| received.id == sent.message_id, TEST_TIMEOUT)
            .await
            .unwrap();
        assert!(received.text.as_deref() == Some(text.as_str()));
    }
    world.finish().await;
}

#[tokio::test]
async fn a_message_is_sent_by_number_or_by_lid() {
    let world = World::linked().await;
    // The server knows a LID once its owner exists.
    world.peer(ANNA);
    let addresses = [
        ANNA.to_owned(),
        "+1 (555) 010-0002".to_owned(),
        format!("{}@s.whatsapp.net", ANNA.trim_start_matches('+')),
        format!("{}@lid", lid(ANNA)),
    ];
    for (count, address) in addresses.iter().enumerate() {
        let sent = world.send(address, WORD).await.unwrap();
        assert!(sent.state() >= SendState::ServerAck, "{address}");
        assert_eq!(world.peer(ANNA).inbox_len(), count + 1, "{address}");
        // Whatever the recipient's form: the chat has its canonical name, and the person both addresses.
        let anna = format!("{}@lid", lid(ANNA));
        assert_eq!(sent.chat, anna, "{address}");
        let recipient = sent.recipient.unwrap();
        assert_eq!(
            (&*recipient.phone, recipient.lid),
            (ANNA, anna),
            "{address}"
        );
    }
    world.finish().await;
}

#[tokio::test]
async fn messages_from_the_phone_are_from_me() {
    let world = World::linked().await;
    let mut events = world.watch().await;
    world.phone().send_text(ANNA, WORD).await.unwrap();
    let own = events.message().await;
    assert_eq!(own.text(), WORD);
    let origin = own.origin();
    assert_eq!(origin.from_me, Some(true));
    assert_eq!(origin.sender.as_ref().unwrap().phone, ACCOUNT);
    assert_eq!(origin.chat, format!("{}@lid", lid(ANNA)));
    assert_eq!(world.agent.status().await.traffic.unwrap().received, 0);
    world.finish().await;
}

#[tokio::test]
async fn a_message_that_cannot_be_encrypted_yet_is_not_failed() {
    let world = World::linked().await;
    // A message that gives the account the data it needs for its first messages.
    world.send(ANNA, WORD).await.unwrap();
    let error = IqError {
        xmlns: "encrypt".to_owned(),
        code: 503,
        count: 1_000,
    };
    world.fault(Fault::IqError(error)).await;
    let to_bert = || pb::SendRequest {
        to: BERT.to_owned(),
        ..tokened(WORD, "t")
    };
    let failed = world.send_with(to_bert()).await.unwrap_err();
    assert_eq!(
        refusal(&failed),
        (Code::Unavailable, "NOT_ENCRYPTED".to_owned())
    );
    assert_eq!(world.peer(BERT).inbox_len(), 0);
    world.fault(Fault::Clear).await;
    world.send_with(to_bert()).await.unwrap();
    assert_eq!(world.peer(BERT).inbox_len(), 1);
    world.finish().await;
}
