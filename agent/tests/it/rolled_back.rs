//! A rolled back volume: a client that has seen a later state of the store reports it, and nothing is sent until an
//! admin has decided.

use std::path::Path;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::access_client::AccessClient;
use openclaw_proto::v1::admin_client::AdminClient;
use openclaw_proto::v1::{LinkState, Role, RollbackDecision, SendState};
use openclaw_sim::By;
use tonic::{Code, Status};

use crate::harness::{
    ACCOUNT, ANNA, Agent, BERT, Client, TEST_TIMEOUT, TLS, WORD, World, message, refusal, request,
};

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// The state of the store as a client sees it now.
async fn seen(agent: &Agent) -> pb::StoreSeen {
    let vault = agent.status().await.vault.unwrap();
    let latest = vault.history.last().unwrap();
    pb::StoreSeen {
        store_id: vault.store_id.clone(),
        generation: latest.generation,
        id: latest.id,
        commits: latest.commits,
    }
}

/// An agent whose volume is an older copy, and the later state that a client had seen.
async fn rolled_back(args: &[&str]) -> (World, pb::StoreSeen) {
    let mut world = World::linked_with(args).await;
    let url = world.sim.url();
    world.send(ANNA, &format!("{WORD} before")).await.unwrap();
    world.agent.kill().await;
    let (volume, older) = (world.agent.volume(), world.agent.folder().join("older"));
    copy(&volume, &older);
    world.agent.start_again_with(&url, args).await;
    world.agent.until_state(LinkState::Connected).await;
    world.send(ANNA, &format!("{WORD} since")).await.unwrap();
    let seen = seen(&world.agent).await;
    world.agent.kill().await;
    std::fs::remove_dir_all(&volume).unwrap();
    copy(&older, &volume);
    world.agent.start_again_with(&url, args).await;
    world.agent.until_state(LinkState::Connected).await;
    (world, seen)
}

fn with(seen: &pb::StoreSeen, to: &str, token: &str) -> pb::SendRequest {
    pb::SendRequest {
        client_token: token.to_owned(),
        seen: Some(seen.clone()),
        ..request(to, &format!("{WORD} {token}"))
    }
}

async fn report(agent: &Agent, seen: pb::StoreSeen) -> Option<pb::SendHold> {
    let request = pb::ReportStoreRequest { seen: Some(seen) };
    let answer = agent.client().report_store(request).await;
    answer.unwrap().into_inner().hold
}

async fn decide(
    agent: &Agent,
    decision: RollbackDecision,
) -> Result<pb::ResolveRollbackResponse, Status> {
    let request = pb::ResolveRollbackRequest {
        decision: decision.into(),
    };
    let mut admin = AdminClient::new(agent.channel());
    Ok(admin.resolve_rollback(request).await?.into_inner())
}

fn held<T: std::fmt::Debug>(answer: Result<T, Status>) {
    assert_eq!(
        refusal(&answer.unwrap_err()),
        (Code::FailedPrecondition, "STORE_ROLLED_BACK".to_owned())
    );
}

#[tokio::test]
async fn a_report_of_a_later_state_holds_every_send_durably() {
    let (mut world, seen) = rolled_back(&[]).await;
    let url = world.sim.url();
    let received = world.peer(ANNA).inbox_len();
    held(world.send_with(with(&seen, ANNA, "t1")).await);
    // No send is accepted, neither direct nor queued.
    for to in [ANNA, BERT, ACCOUNT] {
        held(world.send(to, WORD).await);
        let kept = pb::SendRequest {
            queue: true,
            ..request(to, WORD)
        };
        held(world.send_with(kept).await);
    }
    for restarted in [false, true] {
        if restarted {
            world.agent.kill().await;
            world.agent.start_again(&url).await;
            world.agent.until_state(LinkState::Connected).await;
        }
        let hold = world.agent.status().await.hold.expect("it is shown");
        let shown = hold.seen.unwrap();
        assert_eq!((shown.generation, shown.id), (seen.generation, seen.id));
        assert!(hold.hint.contains("openclawctl rollback"), "{}", hold.hint);
        held(world.send(BERT, WORD).await);
    }
    let mut access = AccessClient::new(world.agent.channel());
    let diagnosed = access.diagnose(pb::DiagnoseRequest::default()).await;
    let findings = diagnosed.unwrap().into_inner().findings;
    let finding = findings.iter().find(|finding| finding.check == "hold");
    let finding = finding.expect("doctor names it");
    assert_eq!(finding.state(), pb::FindingState::Bad);
    assert_eq!(world.peer(ANNA).inbox_len(), received);
    assert_eq!(world.peer(BERT).inbox_len(), 0);
    world.finish().await;
}

#[tokio::test]
async fn renewing_sends_with_new_sessions_and_breaks_none() {
    let (mut world, seen) = rolled_back(&[]).await;
    assert!(report(&world.agent, seen.clone()).await.is_some());
    held(world.send(ANNA, WORD).await);
    let renewed = decide(&world.agent, RollbackDecision::Renew).await.unwrap();
    assert!(renewed.sessions_dropped > 0);
    world.agent.until_state(LinkState::Connected).await;
    assert_eq!(world.agent.status().await.hold, None);
    // Neither this client's own record nor a restart holds sends again.
    let sent = world.send_with(with(&seen, ANNA, "t")).await.unwrap();
    assert!(sent.state() >= SendState::ServerAck);
    let fits = |received: &openclaw_sim::Received| received.id == sent.message_id;
    world.peer(ANNA).wait_for(fits, TEST_TIMEOUT).await.unwrap();
    let anna = world.peer(ANNA);
    let text = format!("{WORD} back");
    anna.send_text(ACCOUNT, &text, By::Lid).await.unwrap();
    let back = |event: &pb::Event| message(event).filter(|it| it.text() == text).map(drop);
    world.watch().await.event(back).await;
    let url = world.sim.url();
    world.agent.kill().await;
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    world.send_with(with(&seen, BERT, "u")).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn accepting_continues_with_the_store_as_it_is() {
    // Nothing was sent since the copy: the case in which to accept.
    let mut world = World::linked().await;
    let seen = pb::StoreSeen {
        generation: 9,
        ..seen(&world.agent).await
    };
    held(world.send_with(with(&seen, ANNA, "t")).await);
    decide(&world.agent, RollbackDecision::Accept)
        .await
        .unwrap();
    let again = decide(&world.agent, RollbackDecision::Accept).await;
    assert_eq!(
        refusal(&again.unwrap_err()),
        (Code::FailedPrecondition, "NOT_HELD".to_owned())
    );
    world.send_with(with(&seen, BERT, "t")).await.unwrap();
    let url = world.sim.url();
    world.agent.kill().await;
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    world.send_with(with(&seen, BERT, "u")).await.unwrap();
    // Another rollback holds sends again.
    let other = pb::StoreSeen {
        id: seen.id ^ 1,
        generation: seen.generation + 40,
        ..seen
    };
    held(world.send_with(with(&other, BERT, "v")).await);
    world.finish().await;
}

#[tokio::test]
async fn queued_messages_are_held_and_sent_afterwards() {
    let mut world = World::linked().await;
    let url = world.sim.url();
    world.cut_off().await;
    let kept = pb::SendRequest {
        queue: true,
        client_token: "k".to_owned(),
        ..request(ANNA, WORD)
    };
    world.send_with(kept).await.unwrap();
    let further = pb::StoreSeen {
        generation: 9,
        ..seen(&world.agent).await
    };
    let hold = report(&world.agent, further).await.expect("held");
    assert_eq!(hold.queued, 1);
    world.sim.fault(openclaw_sim::Fault::Clear).await;
    for _ in 0..2 {
        world.agent.until_state(LinkState::Connected).await;
        let queue = world
            .client()
            .list_queue(pb::ListQueueRequest::default())
            .await;
        let queue = queue.unwrap().into_inner().messages;
        assert!(queue.len() == 1 && queue[0].held);
        assert_eq!(world.peer(ANNA).inbox_len(), 0);
        world.agent.kill().await;
        world.agent.start_again(&url).await;
    }
    world.agent.until_state(LinkState::Connected).await;
    decide(&world.agent, RollbackDecision::Renew).await.unwrap();
    let fits = |received: &openclaw_sim::Received| received.text.as_deref() == Some(WORD);
    world.peer(ANNA).wait_for(fits, TEST_TIMEOUT).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn a_report_without_a_rollback_holds_nothing() {
    let world = World::linked().await;
    let now = seen(&world.agent).await;
    let other_store = pb::StoreSeen {
        store_id: vec![7; 16],
        generation: 99,
        ..now.clone()
    };
    let earlier = pb::StoreSeen {
        commits: 0,
        ..now.clone()
    };
    for text in [now.clone(), other_store, earlier] {
        assert_eq!(report(&world.agent, text.clone()).await, None);
        let request = pb::SendRequest {
            seen: Some(text),
            ..request(ANNA, WORD)
        };
        world.send_with(request).await.unwrap();
    }
    let bad = pb::StoreSeen {
        store_id: vec![7; 15],
        ..now
    };
    let refused = world.send_with(with(&bad, ANNA, "t")).await.unwrap_err();
    assert_eq!(refusal(&refused).0, Code::InvalidArgument);
    world.finish().await;
}

#[tokio::test]
async fn a_reader_cannot_hold_sends_and_only_an_admin_releases_them() {
    let world = World::linked_with(&TLS).await;
    let admin = Client::first(&world.agent).await;
    let reader = Client::invited(&world.agent, Role::Reader).await;
    let operator = Client::invited(&world.agent, Role::Operator).await;
    let further = pb::StoreSeen {
        generation: 9,
        ..seen(&world.agent).await
    };
    let request = || pb::ReportStoreRequest {
        seen: Some(further.clone()),
    };
    let denied = |answer: Status| {
        assert_eq!(
            refusal(&answer),
            (Code::PermissionDenied, "ROLE".to_owned())
        );
    };
    let mut client = reader.client(&world.agent).await;
    denied(client.report_store(request()).await.unwrap_err());
    denied(client.send(with(&further, ANNA, "t")).await.unwrap_err());
    world.send(ANNA, WORD).await.unwrap();
    let mut client = operator.client(&world.agent).await;
    let hold = client.report_store(request()).await.unwrap().into_inner();
    assert!(hold.hold.is_some());
    let accept = pb::ResolveRollbackRequest {
        decision: RollbackDecision::Accept.into(),
    };
    let mut by_operator = AdminClient::new(operator.connect(&world.agent).await.unwrap());
    denied(by_operator.resolve_rollback(accept).await.unwrap_err());
    let mut by_admin = AdminClient::new(admin.connect(&world.agent).await.unwrap());
    by_admin.resolve_rollback(accept).await.unwrap();
    world.send(ANNA, WORD).await.unwrap();
    world.finish().await;
}
