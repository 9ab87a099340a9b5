//! The recipient limit of an invitation.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_sim::{By, Config};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::harness::{
    ACCOUNT, ANNA, BERT, Client, TEST_TIMEOUT, TLS, WORD, World, fact, lid, refusal, request,
};

fn limit(known: bool, recipients: &[&str]) -> pb::RecipientLimit {
    pb::RecipientLimit {
        known,
        recipients: recipients.iter().map(|to| (*to).to_owned()).collect(),
    }
}

/// A sender with this limit.
async fn limited(world: &World, limit: pb::RecipientLimit) -> Client {
    let client = Client::new();
    let request = pb::InviteClientRequest {
        role: pb::Role::Sender.into(),
        send_to: Some(limit),
        ..Default::default()
    };
    let code = world.agent.invite_with(request).await;
    client.enroll(&world.agent, &code, "answers").await.unwrap();
    client
}

async fn send(
    agent: &mut AgentClient<Channel>,
    to: &str,
    token: &str,
) -> Result<pb::SendResponse, Status> {
    let mut request = request(to, WORD);
    request.client_token = token.to_owned();
    Ok(agent.send(request).await?.into_inner())
}

async fn is_refused(agent: &mut AgentClient<Channel>, to: &str, token: &str) {
    let denied = send(agent, to, token).await.unwrap_err();
    let reason = (Code::PermissionDenied, "RECIPIENT".to_owned());
    assert_eq!(refusal(&denied), reason, "{denied:?}");
    assert!(fact(&denied, "hint").unwrap().contains("--send-to"));
}

/// Waits until the person has received it, so that no earlier message is in transit.
async fn arrives(world: &World, at: &str, sent: &pb::SendResponse) {
    let received = world.peer(at);
    let received = received.wait_for(|received| received.id == sent.message_id, TEST_TIMEOUT);
    received.await.unwrap();
}

fn lid_jid(number: &str) -> String {
    format!("{}@lid", lid(number))
}

#[tokio::test]
async fn a_limited_client_can_only_send_to_the_recipients_of_its_limit() {
    let mut world = World::linked_with(&TLS).await;
    let group = world.phone().create_group(WORD, &[ANNA]).await.unwrap();
    let other = world.phone().create_group(WORD, &[ANNA, BERT]).await;
    let other = other.unwrap();
    let wanted = limit(false, &[ANNA, &group]);
    let client = limited(&world, wanted.clone()).await;
    let listed = world.agent.list_clients().await;
    assert_eq!(listed.clients[0].send_to, Some(wanted.clone()));
    let caller = client.status(&world.agent).await.caller.unwrap();
    assert_eq!(caller.send_to, Some(wanted.clone()));
    assert_eq!(world.agent.status().await.caller.unwrap().send_to, None);

    for life in 0..2 {
        let mut agent = client.client(&world.agent).await;
        for to in [BERT, &lid_jid(BERT), &other] {
            let token = format!("refused-{life}");
            is_refused(&mut agent, to, &token).await;
            let mut queued = request(to, WORD);
            queued.queue = true;
            let denied = agent.send(queued).await.unwrap_err();
            assert_eq!(denied.code(), Code::PermissionDenied);
        }
        let queue = agent.list_queue(pb::ListQueueRequest::default()).await;
        assert_eq!(queue.unwrap().into_inner().messages, []);
        // The refused call has not used its token.
        let token = format!("refused-{life}");
        let sent = send(&mut agent, &lid_jid(ANNA), &token).await.unwrap();
        arrives(&world, ANNA, &sent).await;
        let sent = send(&mut agent, ANNA, "").await.unwrap();
        arrives(&world, ANNA, &sent).await;
        let sent = send(&mut agent, &group, "").await.unwrap();
        arrives(&world, ANNA, &sent).await;
        if life == 0 {
            drop(agent);
            world.agent.kill().await;
            world.agent.start_again_with(&world.sim.url(), &TLS).await;
            world.agent.until_state(pb::LinkState::Connected).await;
            let caller = client.status(&world.agent).await.caller.unwrap();
            assert_eq!(caller.send_to, Some(wanted.clone()));
        }
    }
    assert_eq!(world.peer(BERT).inbox_len(), 0);
    world.finish().await;
}

#[tokio::test]
async fn a_token_does_not_bypass_the_limit() {
    let world = World::linked_with(&TLS).await;
    let client = limited(&world, limit(false, &[ANNA])).await;
    let mut agent = client.client(&world.agent).await;
    let _people = [world.peer(ANNA), world.peer(BERT)];
    send(&mut agent, ANNA, "mine").await.unwrap();
    is_refused(&mut agent, BERT, "mine").await;
    // The token of another client's message.
    let mut theirs = request(BERT, WORD);
    theirs.client_token = "theirs".to_owned();
    let sent = world.send_with(theirs).await.unwrap();
    arrives(&world, BERT, &sent).await;
    is_refused(&mut agent, BERT, "theirs").await;
    let denied = send(&mut agent, ANNA, "theirs").await.unwrap_err();
    assert_eq!(refusal(&denied).1, "TOKEN_REUSED");
    assert_eq!(world.peer(BERT).inbox_len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn a_person_is_known_once_they_have_written() {
    let world = World::linked_with(&TLS).await;
    let client = limited(&world, limit(true, &[])).await;
    let mut agent = client.client(&world.agent).await;
    let bert = world.peer(BERT);
    // A message from the account to them does not count.
    let sent = world.send(BERT, WORD).await.unwrap();
    arrives(&world, BERT, &sent).await;
    let anna = world.peer(ANNA);
    is_refused(&mut agent, ANNA, "").await;
    is_refused(&mut agent, BERT, "").await;
    let mut events = world.watch().await;
    anna.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
    let received = events.message().await;
    let chat = &received.origin().chat;
    for to in [ANNA, chat, &lid_jid(ANNA)] {
        let sent = send(&mut agent, to, "").await.unwrap();
        arrives(&world, ANNA, &sent).await;
    }
    // A group is a separate chat: its members do not become known by writing there.
    let group = world.phone().create_group(WORD, &[BERT]).await.unwrap();
    is_refused(&mut agent, &group, "").await;
    bert.send_to_group(&group, WORD).await.unwrap();
    assert_eq!(events.message().await.origin().chat, group);
    let sent = send(&mut agent, &group, "").await.unwrap();
    arrives(&world, BERT, &sent).await;
    is_refused(&mut agent, BERT, "").await;
    is_refused(&mut agent, &lid_jid(BERT), "").await;
    assert_eq!(bert.inbox_len(), 2);
    world.finish().await;
}

#[tokio::test]
async fn a_recipient_is_the_same_person_in_every_spelling() {
    let (listed, shown) = ("+5511955501234", "+551155501234");
    let world = World::linked_with(&TLS).await;
    world.peer(shown);
    world.sim.spelling(shown, listed).unwrap();
    let client = limited(&world, limit(false, &[listed])).await;
    let mut agent = client.client(&world.agent).await;
    for to in [shown, &lid_jid(shown), listed] {
        let sent = send(&mut agent, to, "").await.unwrap();
        arrives(&world, shown, &sent).await;
    }
    is_refused(&mut agent, BERT, "").await;
    world.finish().await;
}

#[tokio::test]
async fn a_limit_is_only_for_senders_and_operators_and_they_cannot_lift_it() {
    let world = World::with(Config::default(), &TLS).await;
    for role in [pb::Role::Reader, pb::Role::Admin] {
        let request = pb::InviteClientRequest {
            role: role.into(),
            send_to: Some(limit(true, &[])),
            ..Default::default()
        };
        let denied = world.agent.clients().invite_client(request).await;
        let reason = (Code::InvalidArgument, "INVALID_ARGUMENT".to_owned());
        assert_eq!(refusal(&denied.unwrap_err()), reason);
    }
    world.finish().await;
}
