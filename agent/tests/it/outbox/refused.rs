//! Refusals by WhatsApp's server: the code and its meaning reach the caller, and temporary ones are retried.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::SendState;
use openclaw_sim::{Fault, Nack};
use tonic::Code;

use super::{kept, retry_at, tokened};
use crate::harness::{ANNA, TEST_TIMEOUT, WORD, World, fact, refusal, seconds};

fn nack(code: u16, count: u32) -> Fault {
    Fault::Nack(Nack { code, count })
}

#[tokio::test]
async fn a_temporary_code_is_retried_with_the_same_id_within_the_wait() {
    let world = World::linked().await;
    for (n, code) in [429, 500, 503, 552].into_iter().enumerate() {
        world.fault(nack(code, 1)).await;
        let text = format!("{WORD} {n}");
        let sent = world
            .send_with(tokened(ANNA, &text, &format!("t{n}")))
            .await;
        let sent = sent.unwrap_or_else(|error| panic!("{code}: {error:?}"));
        assert_eq!((&sent.nack, sent.wait_expired), (&None, false), "{code}");
        assert!(sent.state() >= SendState::ServerAck, "{code}");
        let received = world.until_received(ANNA, &text).await;
        assert_eq!(received.id, sent.message_id);
    }
    assert_eq!(world.received_texts(ANNA).len(), 4, "each once");
    world.finish().await;
}

#[tokio::test]
async fn after_a_wait_with_temporary_codes_the_token_can_be_retried() {
    let world = World::linked().await;
    world.fault(nack(503, 1_000)).await;
    let short = pb::SendRequest {
        timeout: seconds(3),
        ..tokened(ANNA, WORD, "t")
    };
    let failed = world.send_with(short.clone()).await.unwrap_err();
    assert_eq!(
        refusal(&failed),
        (Code::Unavailable, "SERVER_ERROR".to_owned())
    );
    assert_eq!(fact(&failed, "code").as_deref(), Some("503"));
    let meaning = fact(&failed, "meaning").expect("in words");
    assert!(meaning.contains("not available"), "{meaning}");
    world.fault(Fault::Clear).await;
    // Nothing is sent automatically: the caller has the error.
    assert!(world.received_texts(ANNA).is_empty());
    let sent = world.send_with(short).await.unwrap();
    assert!(sent.state() >= SendState::ServerAck);
    assert_eq!(world.received_texts(ANNA).len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn a_restricted_account_is_reported_and_not_retried_in_a_loop() {
    let world = World::linked().await;
    for (n, code) in [463, 475].into_iter().enumerate() {
        let token = format!("t{n}");
        world.fault(nack(code, 1)).await;
        let refused = world.send_with(tokened(ANNA, WORD, &token)).await;
        let refused = refused.unwrap_err();
        assert_eq!(
            refusal(&refused),
            (Code::FailedPrecondition, "RESTRICTED".to_owned())
        );
        assert_eq!(fact(&refused, "failure").as_deref(), Some("restricted"));
        assert_eq!(fact(&refused, "code"), Some(code.to_string()));
        assert!(fact(&refused, "meaning").is_some_and(|it| it.contains("restrict")));
        assert!(retry_at(&refused) > openclaw_state::clock::now());
        let outcome = world.outcome(&token).await;
        assert_eq!(
            (outcome.state(), outcome.reason()),
            (SendState::Failed, pb::SendReason::Restricted)
        );
        let refused = outcome.nack.unwrap();
        assert_eq!(refused.code, u32::from(code));
        assert!(!refused.meaning.is_empty() && !outcome.hint.is_empty());
        // An immediate repetition gets the same error, and WhatsApp is not contacted.
        let again = world.send_with(tokened(ANNA, WORD, &token)).await;
        let again = again.unwrap_err();
        assert_eq!(refusal(&again).1, "RESTRICTED");
        let restricted = |link: &pb::LinkStatus| {
            let restriction = link.restriction.as_ref();
            restriction.is_some_and(|it| it.code == u32::from(code))
        };
        world.agent.until(restricted).await;
        let found = crate::access::doctor::diagnosis(&world, "").await;
        let found = found.iter().find(|it| it.check == "restricted").unwrap();
        assert_eq!(found.state(), pb::FindingState::Bad);
        for part in [code.to_string().as_str(), "existing chats can be answered"] {
            assert!(found.text.contains(part), "{}", found.text);
        }
    }
    assert!(world.received_texts(ANNA).is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a_final_code_fails_with_its_meaning() {
    let world = World::linked().await;
    for code in [400, 479, 487, 550] {
        let token = format!("t{code}");
        world.fault(nack(code, 1)).await;
        let refused = world.send_with(tokened(ANNA, WORD, &token)).await;
        let refused = refused.unwrap_err();
        assert_eq!(refusal(&refused), (Code::Aborted, "NOT_SENT".to_owned()));
        assert_eq!(
            fact(&refused, "failure").as_deref(),
            Some("refused_by_server")
        );
        assert_eq!(fact(&refused, "code"), Some(code.to_string()));
        assert!(refused.message().contains(&code.to_string()));
        let outcome = world.outcome(&token).await;
        let refused = outcome.nack.unwrap();
        assert_eq!(refused.code, u32::from(code));
        assert!(!refused.meaning.is_empty());
    }
    world.finish().await;
}

#[tokio::test]
async fn a_queued_message_waits_out_a_temporary_code_and_the_list_shows_it() {
    let mut world = World::linked().await;
    let url = world.sim.url();
    for code in [429, 500, 503] {
        world.fault(nack(code, 1_000)).await;
        let token = format!("t{code}");
        let text = format!("{WORD} {code}");
        let request = pb::SendRequest {
            timeout: seconds(1),
            ..kept(ANNA, &text, &token)
        };
        let answer = world.send_with(request).await.unwrap();
        assert_eq!(answer.state(), SendState::Accepted);
        let refused = async {
            loop {
                let waiting = world.waiting().await.remove(0);
                if waiting.attempts > 0 && waiting.nack.is_some() {
                    break waiting;
                }
                tokio::task::yield_now().await;
            }
        };
        let waiting = tokio::time::timeout(TEST_TIMEOUT, refused).await.unwrap();
        assert_eq!(waiting.client_token, token);
        let refused = waiting.nack.unwrap();
        assert_eq!(refused.code, u32::from(code));
        assert!(!refused.meaning.is_empty());
        if code == 503 {
            world.agent.kill().await;
            world.agent.start_again(&url).await;
            world.agent.until_state(pb::LinkState::Connected).await;
        }
        world.fault(Fault::Clear).await;
        let received = world.until_received(ANNA, &text).await;
        assert_eq!(received.id, answer.message_id);
    }
    assert_eq!(world.received_texts(ANNA).len(), 3, "each once");
    world.finish().await;
}

#[tokio::test]
async fn two_callers_with_one_token_send_one_message_despite_a_refusal() {
    let world = World::linked().await;
    world.fault(nack(500, 1)).await;
    let send = || world.send_with(tokened(ANNA, WORD, "t"));
    let (one, two) = tokio::join!(send(), send());
    assert_eq!(one.unwrap().message_id, two.unwrap().message_id);
    assert_eq!(world.received_texts(ANNA).len(), 1);
    world.finish().await;
}
