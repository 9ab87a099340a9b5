//! Privacy tokens: the server accepts a first message to a person only with one.

use openclaw_proto::v1::LinkState;
use openclaw_sim::{By, Fault, IqSilence};

use crate::harness::{ACCOUNT, ANNA, BERT, WORD, World};

#[tokio::test]
async fn the_first_message_of_a_newly_linked_account_has_its_token() {
    let mut world = World::linked().await;
    world.send(ANNA, WORD).await.unwrap();
    // Each process fetches the properties that require a token.
    world.agent.kill().await;
    let url = world.sim.url();
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    world.send(BERT, WORD).await.unwrap();
    for who in [ANNA, BERT] {
        assert_eq!(world.peer(who).inbox_len(), 1);
    }
    world.finish().await;
}

#[tokio::test]
async fn a_reply_to_someone_who_wrote_first_needs_no_token() {
    let world = World::linked().await;
    let bert = world.peer(BERT);
    bert.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
    world.all_acked().await;
    world.send(BERT, WORD).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn a_message_is_sent_even_without_the_servers_properties() {
    let mut world = World::linked().await;
    world
        .peer(BERT)
        .send_text(ACCOUNT, WORD, By::Lid)
        .await
        .unwrap();
    world.all_acked().await;
    let (xmlns, count) = ("abt".to_owned(), 2);
    let silence = Fault::IqSilence(IqSilence { xmlns, count });
    world.fault(silence).await;
    world.agent.kill().await;
    let url = world.sim.url();
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    world.send(BERT, WORD).await.unwrap();
    world.finish().await;
}
