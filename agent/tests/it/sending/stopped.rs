//! One token is one message of any kind, across `kill -9`; and voting in a poll works after a kill.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::SendState;
use openclaw_proto::v1::event::Kind;
use openclaw_sim::{By, Fault, Shown};
use serde_json::json;

use super::{by_key, by_seq, cards, deletion, edit, location, new, poll, reaction, vote};
use crate::harness::{ACCOUNT, ANNA, TEST_TIMEOUT, WORD, World, reason, request};

fn queued(request: &pb::SendRequest, token: &str) -> pb::SendRequest {
    pb::SendRequest {
        queue: true,
        client_token: token.to_owned(),
        ..request.clone()
    }
}

#[tokio::test]
async fn one_token_is_one_message_of_any_kind_across_a_kill() {
    let mut world = World::linked().await;
    let url = world.sim.url();
    let (_, seq) = world.anna_said(&json!({ "text": WORD })).await;
    let description =
        json!({ "poll": { "question": WORD, "options": ["a", "b"], "selectable": 1 } });
    let (_, poll_seq) = world.anna_said(&description).await;
    let own = world.send(ANNA, WORD).await.unwrap().message_id;
    let own = by_key(ANNA, &own, None);
    let requests = [
        pb::SendRequest {
            reply_to: by_seq(seq),
            ..request(ANNA, &format!("{WORD} reply"))
        },
        reaction(by_seq(seq), "🐟"),
        new(ANNA, location()),
        new(ANNA, cards(&["Bert"])),
        new(ANNA, poll(1)),
        vote(by_seq(poll_seq), &["b"]),
        edit(own.clone(), &format!("{WORD} edited")),
        deletion(own),
    ];
    world.cut_off().await;
    let before = world.peer(ANNA).inbox_len();
    let mut ids = Vec::new();
    for (n, request) in requests.iter().enumerate() {
        let answer = world.sent(queued(request, &format!("t{n}"))).await;
        assert_eq!(answer.state(), SendState::Accepted);
        ids.push(answer.message_id);
    }
    world.agent.kill().await;
    world.agent.start_again(&url).await;
    world.sim.fault(Fault::Clear).await;
    let arrived = || world.peer(ANNA).inbox_len() == before + ids.len();
    world.sim.until(TEST_TIMEOUT, arrived).await.unwrap();
    for id in &ids {
        world.outcome_of(id).await;
    }
    world.agent.kill().await;
    world.agent.start_again(&url).await;
    world.agent.until_state(pb::LinkState::Connected).await;
    // The same token, with and without the queue; and another draft with it.
    for (n, (draft, id)) in requests.iter().zip(&ids).enumerate() {
        let token = format!("t{n}");
        let again = world.sent(queued(draft, &token)).await;
        assert_eq!(again.message_id, *id);
        let direct = pb::SendRequest {
            client_token: token.clone(),
            ..draft.clone()
        };
        let again = world.send_with(direct).await;
        let again = again.unwrap_or_else(|status| panic!("{n}: {status:?}"));
        assert_eq!(
            (&again.message_id, again.state() >= SendState::ServerAck),
            (id, true)
        );
        let other = &requests[(n + 1) % requests.len()];
        let refused = world.send_with(queued(other, &token)).await.unwrap_err();
        assert_eq!(reason(&refused), "TOKEN_REUSED");
    }
    let inbox = world.peer(ANNA).inbox();
    for id in &ids {
        let times = inbox.iter().filter(|received| received.id == *id);
        assert_eq!(times.count(), 1);
    }
    world.all_acked().await;
    world.finish().await;
}

/// The library stores the secret of a poll shortly after it was received or sent.
#[tokio::test]
async fn polls_received_and_sent_before_a_kill_accept_votes() {
    let mut world = World::linked().await;
    let url = world.sim.url();
    let description =
        json!({ "poll": { "question": WORD, "options": ["a", "b"], "selectable": 1 } });
    let (theirs, seq) = world.anna_said(&description).await;
    world.agent.kill().await;
    world.agent.start_again(&url).await;
    world.agent.until_state(pb::LinkState::Connected).await;
    let ours = world.sent(new(ANNA, poll(1))).await.message_id;
    world.agent.kill().await;
    world.agent.start_again(&url).await;
    world.agent.until_state(pb::LinkState::Connected).await;
    for (id, target, option) in [
        (&theirs, by_seq(seq), "b"),
        (&ours, by_key(ANNA, &ours, None), "later"),
    ] {
        world.sent(vote(target, &[option])).await;
        let is_so = |shown: &Shown| shown.votes.get(ACCOUNT).is_some_and(|it| it == &[option]);
        world.sees(ANNA, id, is_so).await;
    }
    // Anna's vote in our poll is an event.
    let mut events = world.watch().await;
    let anna = world.peer(ANNA);
    let content = json!({ "vote": { "poll": ours, "options": ["yes"] } });
    let content = serde_json::from_value(content).unwrap();
    let message = anna.compose(&content, By::Lid).unwrap();
    anna.send(ACCOUNT, message, By::Lid, None).await.unwrap();
    let voted = events.event(|event| match &event.kind {
        Some(Kind::Message(message)) => match &message.content.as_ref()?.kind {
            Some(pb::content::Kind::PollVote(vote)) => Some(vote.clone()),
            _ => None,
        },
        _ => None,
    });
    let voted = voted.await;
    assert_eq!(voted.target.unwrap().id, ours);
    assert_eq!((&voted.options[0].name[..], voted.sealed), ("yes", false));
    world.all_acked().await;
    world.finish().await;
}
