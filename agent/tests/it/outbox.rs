//! One token is one message in every case; and a queued message is sent, or reported as not sent.

mod chance;
mod reached;
mod refused;
mod restricted;

use std::time::{Duration, SystemTime};

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::event::Kind;
use openclaw_proto::v1::{LinkState, SendState};
use openclaw_sim::{Fault, IqError, Received};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::harness::{
    ANNA, BERT, TEST_TIMEOUT, UNREGISTERED, WORD, World, fact, lid, refusal, request, seconds,
};

fn tokened(to: &str, text: &str, token: &str) -> pb::SendRequest {
    pb::SendRequest {
        client_token: token.to_owned(),
        ..request(to, text)
    }
}

fn kept(to: &str, text: &str, token: &str) -> pb::SendRequest {
    pb::SendRequest {
        queue: true,
        ..tokened(to, text, token)
    }
}

/// The retry time of an error, which must agree in both of its forms.
fn retry_at(status: &Status) -> SystemTime {
    let reported = fact(status, "retry_at").expect("it says when");
    let reported: prost_types::Timestamp = reported.parse().unwrap();
    let details = status.get_error_details();
    let delay = details.retry_info().and_then(|info| info.retry_delay);
    assert!(delay.is_some(), "{details:?}");
    SystemTime::try_from(reported).unwrap()
}

impl World {
    async fn waiting(&self) -> Vec<pb::QueuedMessage> {
        let answer = self
            .client()
            .list_queue(pb::ListQueueRequest::default())
            .await;
        answer.unwrap().into_inner().messages
    }

    /// The texts that a contact has received, with duplicates.
    fn received_texts(&self, number: &str) -> Vec<String> {
        let received = self.peer(number).inbox().into_iter();
        received.filter_map(|received| received.text).collect()
    }

    async fn until_received(&self, number: &str, text: &str) -> Received {
        let fits = |received: &Received| received.text.as_deref() == Some(text);
        let received = self.peer(number).wait_for(fits, TEST_TIMEOUT).await;
        received.unwrap_or_else(|error| panic!("{number} has not got {text:?}: {error}"))
    }

    /// Waits for the outcome of a message.
    async fn outcome(&self, token: &str) -> pb::SendOutcome {
        let of_it = |event: &pb::Event| match &event.kind {
            Some(Kind::Outcome(outcome)) if outcome.client_token == token => Some(outcome.clone()),
            _ => None,
        };
        self.watch().await.event(of_it).await
    }
}

#[tokio::test]
async fn queued_messages_survive_a_kill_and_are_sent_on_the_next_connection() {
    let mut world = World::linked().await;
    let url = world.sim.url();
    world.cut_off().await;
    let texts: Vec<String> = (0..3).map(|n| format!("{WORD} {n}")).collect();
    let mut ids = Vec::new();
    for (n, text) in texts.iter().enumerate() {
        let request = kept(ANNA, text, &format!("t{n}"));
        let answer = world.send_with(request).await.unwrap();
        assert_eq!(answer.state(), SendState::Accepted);
        let until = SystemTime::try_from(answer.queued_until.unwrap()).unwrap();
        let hour = until.duration_since(openclaw_state::clock::now()).unwrap();
        assert!((3500..=3600).contains(&hour.as_secs()), "{hour:?}");
        ids.push(answer.message_id);
    }
    world.agent.kill().await;
    world.agent.start_again(&url).await;
    let waiting = world.waiting().await;
    let listed: Vec<_> = waiting.iter().map(|it| it.message_id.clone()).collect();
    assert_eq!(listed, ids);
    assert_eq!(
        (waiting[0].to.as_str(), waiting[0].client_token.as_str()),
        (ANNA, "t0")
    );
    // A repeated call gets the same response.
    let again = world.send_with(tokened(ANNA, &texts[0], "t0")).await;
    let again = again.unwrap();
    assert_eq!(
        (&again.message_id, again.state()),
        (&ids[0], SendState::Accepted)
    );
    assert!(again.queued_until.is_some());
    world.sim.fault(Fault::Clear).await;
    world.until_received(ANNA, &texts[2]).await;
    assert_eq!(world.received_texts(ANNA), texts, "in order, each once");
    let outcome = world.outcome("t2").await;
    assert_eq!(outcome.message_id, ids[2]);
    assert!(outcome.state() >= SendState::ServerAck);
    assert!(world.waiting().await.is_empty());
    let known = world.send_with(tokened(ANNA, &texts[0], "t0")).await;
    assert!(known.unwrap().state() >= SendState::ServerAck);
    assert_eq!(world.received_texts(ANNA).len(), 3);
    world.finish().await;
}

#[tokio::test]
async fn a_queued_message_is_sent_at_once_while_connected() {
    let world = World::linked().await;
    let request = pb::SendRequest {
        wait: SendState::Delivered.into(),
        ..kept(ANNA, WORD, "t")
    };
    let sent = world.send_with(request).await.unwrap();
    assert_eq!(
        (sent.state(), sent.queued_until),
        (SendState::Delivered, None)
    );
    assert_eq!(world.received_texts(ANNA).len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn a_queued_message_expires_with_a_report_and_is_never_sent() {
    let world = World::linked().await;
    world.cut_off().await;
    let request = pb::SendRequest {
        keep_for: seconds(1),
        ..kept(ANNA, WORD, "t")
    };
    world.send_with(request).await.unwrap();
    let outcome = world.outcome("t").await;
    assert_eq!(
        (outcome.state(), outcome.reason()),
        (SendState::Failed, pb::SendReason::Expired)
    );
    let failed = world.send_with(tokened(ANNA, WORD, "t")).await.unwrap_err();
    assert_eq!(refusal(&failed), (Code::Aborted, "NOT_SENT".to_owned()));
    assert_eq!(fact(&failed, "failure").as_deref(), Some("expired"));
    world.sim.fault(Fault::Clear).await;
    world.agent.until_state(LinkState::Connected).await;
    let after = format!("{WORD} after");
    world.send(ANNA, &after).await.unwrap();
    world.until_received(ANNA, &after).await;
    assert_eq!(world.received_texts(ANNA), [after]);
    world.finish().await;
}

#[tokio::test]
async fn queued_messages_can_be_cancelled() {
    let world = World::linked().await;
    world.cut_off().await;
    let answer = world.send_with(kept(ANNA, WORD, "t")).await.unwrap();
    let cancel = |token: &str| {
        let client_token = token.to_owned();
        let mut client = world.client();
        async move {
            let request = pb::CancelSendRequest { client_token };
            client.cancel_send(request).await
        }
    };
    let cancelled = cancel("t").await.unwrap().into_inner();
    assert_eq!(cancelled.message_id, answer.message_id);
    assert!(cancelled.never_sent);
    let outcome = world.outcome("t").await;
    assert_eq!(
        (outcome.state(), outcome.reason()),
        (SendState::Failed, pb::SendReason::Cancelled)
    );
    let late = cancel("t").await.unwrap_err();
    assert_eq!(
        refusal(&late),
        (Code::FailedPrecondition, "NOT_WAITING".to_owned())
    );
    let unknown = cancel("u").await.unwrap_err();
    assert_eq!(
        refusal(&unknown),
        (Code::NotFound, "UNKNOWN_TOKEN".to_owned())
    );
    world.sim.fault(Fault::Clear).await;
    world.agent.until_state(LinkState::Connected).await;
    let after = format!("{WORD} after");
    world.send(ANNA, &after).await.unwrap();
    assert_eq!(world.received_texts(ANNA), [after]);
    world.finish().await;
}

#[tokio::test]
async fn sends_over_the_rate_limit_are_refused_with_a_retry_time() {
    let world = World::linked_with(&["--send-rate", "30", "--send-burst", "2"]).await;
    world.send(ANNA, &format!("{WORD} 0")).await.unwrap();
    world.send(BERT, &format!("{WORD} 1")).await.unwrap();
    let request = || tokened(BERT, &format!("{WORD} 2"), "t");
    let refused = world.send_with(request()).await.unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::ResourceExhausted, "PACED".to_owned())
    );
    let at = retry_at(&refused);
    let wait = at
        .duration_since(openclaw_state::clock::now())
        .unwrap_or_default();
    assert!(wait <= Duration::from_secs(2), "{wait:?}");
    assert_eq!(world.received_texts(BERT).len(), 1, "nothing was sent");
    tokio::time::sleep(wait).await;
    world.send_with(request()).await.unwrap();
    // Queued messages are delayed instead.
    for n in 3..5 {
        let request = kept(ANNA, &format!("{WORD} {n}"), &format!("t{n}"));
        let sent = world.send_with(request).await.unwrap();
        assert!(sent.state() >= SendState::ServerAck);
    }
    let slowed = openclaw_state::clock::now().duration_since(at).unwrap();
    assert!(slowed >= Duration::from_secs(2), "{slowed:?}");
    assert_eq!(world.received_texts(BERT).len(), 2);
    assert_eq!(world.received_texts(ANNA).len(), 3);
    world.finish().await;
}

#[tokio::test]
async fn a_refusal_while_not_connected_names_the_state_and_the_next_attempt() {
    let world = World::linked().await;
    world.cut_off().await;
    let third = |link: &pb::LinkStatus| link.state() == LinkState::BackingOff && link.attempt >= 3;
    let link = world.agent.until(third).await;
    let refused = world.send(ANNA, WORD).await.unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::FailedPrecondition, "NOT_CONNECTED".to_owned())
    );
    assert_eq!(fact(&refused, "state").as_deref(), Some("backing_off"));
    let promised = SystemTime::try_from(link.retry_at.unwrap()).unwrap();
    assert_eq!(retry_at(&refused), promised);
    world.sim.fault(Fault::Clear).await;
    world.agent.until_state(LinkState::Connected).await;
    world.send(ANNA, WORD).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn a_temporary_fault_delays_queued_messages_and_fails_none() {
    let world = World::linked().await;
    world.send(ANNA, WORD).await.unwrap();
    let error = IqError {
        xmlns: "encrypt".to_owned(),
        code: 503,
        count: 1_000,
    };
    world.fault(Fault::IqError(error)).await;
    let request = pb::SendRequest {
        timeout: seconds(1),
        ..kept(BERT, WORD, "t")
    };
    let answer = world.send_with(request).await.unwrap();
    assert_eq!(answer.state(), SendState::Accepted);
    let attempted = async {
        loop {
            let waiting = world.waiting().await.remove(0);
            if waiting.attempts > 0 {
                break waiting;
            }
            tokio::task::yield_now().await;
        }
    };
    let waiting = tokio::time::timeout(TEST_TIMEOUT, attempted).await.unwrap();
    assert_eq!(waiting.reason(), pb::SendReason::NotEncrypted);
    assert!(!waiting.handed_over && waiting.retry_at.is_some());
    // Messages to others are not delayed.
    world.send(ANNA, &format!("{WORD} again")).await.unwrap();
    world.fault(Fault::Clear).await;
    world.until_received(BERT, WORD).await;
    let outcome = world.outcome("t").await;
    assert!(outcome.state() >= SendState::ServerAck);
    world.finish().await;
}

#[tokio::test]
async fn queued_messages_are_sent_once_the_agent_is_linked_again() {
    let world = World::linked().await;
    world
        .send_with(tokened(ANNA, WORD, "before"))
        .await
        .unwrap();
    world.fault(Fault::DeviceRemoved).await;
    world.agent.until_state(LinkState::LoggedOut).await;
    let text = format!("{WORD} at last");
    let kept = world.send_with(kept(ANNA, &text, "t")).await.unwrap();
    world.link().await;
    let received = world.until_received(ANNA, &text).await;
    assert_eq!(received.id, kept.message_id);
    let outcome = world.outcome("t").await;
    assert!(outcome.state() >= SendState::ServerAck);
    // Tokens survive the unpair as well.
    let known = world
        .send_with(tokened(ANNA, WORD, "before"))
        .await
        .unwrap();
    assert!(known.state() >= SendState::ServerAck);
    assert_eq!(world.received_texts(ANNA).len(), 2);
    world.finish().await;
}

#[tokio::test]
async fn a_message_that_no_device_can_decrypt_is_not_reported_as_sent() {
    let world = World::linked().await;
    // WhatsApp has no account and no key for this LID.
    let nobody = format!("{}@lid", lid(UNREGISTERED));
    let failed = world.send_with(tokened(&nobody, WORD, "t")).await;
    assert_eq!(
        refusal(&failed.unwrap_err()),
        (Code::Unavailable, "NOT_ENCRYPTED".to_owned())
    );
    assert!(
        world.phone().inbox().is_empty(),
        "nor does the phone show it"
    );
    world.send_with(tokened(ANNA, WORD, "t")).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn an_unlinked_agent_queues_nothing() {
    let world = World::new().await;
    let denied = world.send_with(kept(ANNA, WORD, "t")).await.unwrap_err();
    assert_eq!(
        refusal(&denied),
        (Code::FailedPrecondition, "NOT_LINKED".to_owned())
    );
    assert!(world.waiting().await.is_empty());
    world.finish().await;
}
