//! The results of polls: the last vote of each person, and whether votes may be missing.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::chats_client::ChatsClient;
use openclaw_sim::By;
use openclaw_sim::content::Content;
use pb::PollIncompleteReason as Reason;
use serde_json::json;
use tonic::{Code, Status};
use whatsapp_rust::waproto::whatsapp as wa;

use crate::harness::{ACCOUNT, ANNA, BERT, TEST_TIMEOUT, WORD, World, lid, refusal};
use crate::sending::{by_key, by_seq, new, poll, vote};

/// A vote as the peer with this number sends it.
fn vote_of(world: &World, voter: &str, poll: &str, options: &[&str]) -> wa::Message {
    let content = json!({ "vote": { "poll": poll, "options": options } });
    let content: Content = serde_json::from_value(content).unwrap();
    world.peer(voter).compose(&content, By::Lid).unwrap()
}

impl World {
    async fn poll_results(
        &self,
        poll: Option<pb::MessageRef>,
    ) -> Result<pb::GetPollResultsResponse, Status> {
        let mut chats = ChatsClient::new(self.agent.channel());
        let request = pb::GetPollResultsRequest { poll };
        Ok(chats.get_poll_results(request).await?.into_inner())
    }

    async fn votes_in(&self, group: &str, voter: &str, poll: &str, options: &[&str]) -> u64 {
        let message = vote_of(self, voter, poll, options);
        let peer = self.peer(voter);
        let sent = peer.send_group_message(group, message, None).await;
        self.seq_of(&sent.unwrap()).await
    }
}

/// The voters of each option, by number.
fn voters(results: &pb::GetPollResultsResponse) -> Vec<(&str, Vec<&str>)> {
    let options = results.options.iter().map(|option| {
        assert_eq!(usize::try_from(option.votes).unwrap(), option.voters.len());
        let phones = option.voters.iter().map(|voter| &*voter.phone);
        (&*option.name, phones.collect())
    });
    options.collect()
}

fn reasons(results: &pb::GetPollResultsResponse) -> Vec<Reason> {
    results.incomplete().collect()
}

#[tokio::test]
async fn the_last_vote_of_each_person_counts_and_an_empty_one_removes_it() {
    let world = World::linked().await;
    let group = world.phone().create_group(WORD, &[ANNA, BERT]).await;
    let group = group.unwrap();
    let question = json!({ "poll": { "question": WORD, "options": ["a", "b"], "selectable": 0 } });
    let content: Content = serde_json::from_value(question).unwrap();
    let anna = world.peer(ANNA);
    let message = anna.compose(&content, By::Lid).unwrap();
    let id = anna
        .send_group_message(&group, message, None)
        .await
        .unwrap();
    let seq = world.seq_of(&id).await;
    let none = world.poll_results(by_seq(seq)).await.unwrap();
    assert_eq!((none.question.as_str(), none.voters), (WORD, 0));
    assert_eq!(voters(&none), [("a", vec![]), ("b", vec![])]);

    world.votes_in(&group, ANNA, &id, &["a"]).await;
    world.votes_in(&group, BERT, &id, &["a", "b"]).await;
    world.sent(vote(by_seq(seq), &["b"])).await;
    let of_key = by_key(&group, &id, Some(ANNA));
    for poll in [by_seq(seq), of_key] {
        let all = world.poll_results(poll).await.unwrap();
        assert_eq!(
            voters(&all),
            [("a", vec![ANNA, BERT]), ("b", vec![BERT, ACCOUNT])]
        );
        assert_eq!((all.voters, reasons(&all)), (3, vec![]));
    }
    // Anna changes her vote, Bert removes his, and the account votes again on the phone.
    world.votes_in(&group, ANNA, &id, &["b"]).await;
    let of_vote = world.votes_in(&group, BERT, &id, &[]).await;
    world.votes_in(&group, ACCOUNT, &id, &["a"]).await;
    let changed = world.poll_results(by_seq(seq)).await.unwrap();
    assert_eq!(voters(&changed), [("a", vec![ACCOUNT]), ("b", vec![ANNA])]);
    assert_eq!((changed.voters, reasons(&changed)), (2, vec![]));

    let text = world.peer(BERT).send_to_group(&group, WORD).await.unwrap();
    let text = world.seq_of(&text).await;
    for (poll, code, reason) in [
        (by_seq(text), Code::FailedPrecondition, "NOT_A_POLL"),
        (by_seq(of_vote), Code::FailedPrecondition, "NOT_A_MESSAGE"),
        (by_seq(text + 1_000), Code::NotFound, "NO_SUCH_EVENT"),
        (
            by_key(&group, "3EB0FF", Some(ANNA)),
            Code::NotFound,
            "MESSAGE_UNKNOWN",
        ),
        (None, Code::InvalidArgument, "INVALID_ARGUMENT"),
    ] {
        let refused = world.poll_results(poll).await.unwrap_err();
        assert_eq!(refusal(&refused), (code, reason.to_owned()));
    }
    world.all_acked().await;
    world.finish().await;
}

#[tokio::test]
async fn a_vote_that_cannot_be_decrypted_is_reported_and_the_one_before_counts() {
    let world = World::linked().await;
    let own = world.sent(new(ANNA, poll(1))).await.message_id;
    let anna = world.peer(ANNA);
    let of_anna = vote_of(&world, ANNA, &own, &["yes"]);
    let mut sealed = of_anna.clone();
    let payload = &mut sealed.poll_update_message.get_or_insert_default().vote;
    let payload = payload.get_or_insert_default().enc_payload.as_mut();
    payload.unwrap()[0] ^= 1;
    for (message, yes, people) in [(of_anna, 1, 0), (sealed, 1, 1)] {
        let vote = anna.send(ACCOUNT, message, By::Lid, None).await.unwrap();
        world.seq_of(&vote).await;
        let results = world.poll_results(by_key(ANNA, &own, None)).await.unwrap();
        assert_eq!((results.options[0].votes, results.sealed), (yes, people));
        assert_eq!(
            reasons(&results),
            vec![Reason::SealedVotes; usize::try_from(people).unwrap()]
        );
    }
    // The account votes in its own poll, twice.
    for name in ["no", "later"] {
        world.sent(vote(by_key(ANNA, &own, None), &[name])).await;
    }
    let results = world.poll_results(by_key(ANNA, &own, None)).await.unwrap();
    assert_eq!(
        voters(&results),
        [
            ("yes", vec![ANNA]),
            ("no", vec![]),
            ("later", vec![ACCOUNT])
        ]
    );
    world.all_acked().await;
    world.finish().await;
}

#[tokio::test]
async fn the_results_of_a_poll_that_has_left_the_journal_say_so() {
    let world = World::linked_with(&["--journal-size", "1"]).await;
    let own = world.sent(new(ANNA, poll(1))).await.message_id;
    let question = json!({ "poll": { "question": WORD, "options": ["a", "b"], "selectable": 1 } });
    let theirs = world.anna_sends(&question).await;
    let theirs = world.seq_of(&theirs).await;
    let anna = world.peer(ANNA);
    let text = WORD.repeat(500);
    let writing = async {
        while world.agent.status().await.events.unwrap().oldest <= theirs {
            for _ in 0..20 {
                anna.send_text(ACCOUNT, &text, By::Lid).await.unwrap();
            }
            world.all_acked().await;
        }
    };
    tokio::time::timeout(TEST_TIMEOUT * 2, writing)
        .await
        .expect("the oldest go");
    let message = vote_of(&world, ANNA, &own, &["no"]);
    let vote = anna.send(ACCOUNT, message, By::Lid, None).await.unwrap();
    world.seq_of(&vote).await;
    let chat = format!("{}@lid", lid(ANNA));
    let results = world.poll_results(by_key(&chat, &own, None)).await.unwrap();
    assert_eq!(
        voters(&results),
        [("yes", vec![]), ("no", vec![ANNA]), ("later", vec![])]
    );
    assert_eq!(reasons(&results), [Reason::EventsGone]);
    let gone = world.poll_results(by_seq(theirs)).await.unwrap_err();
    assert_eq!(refusal(&gone), (Code::NotFound, "EVENT_GONE".to_owned()));
    world.finish().await;
}
