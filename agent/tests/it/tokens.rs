//! Privacy tokens: the server takes the first message to somebody only with one.

use openclaw_sim::{By, Config};

use crate::harness::{ACCOUNT, ANNA, BERT, PATIENCE, WORD, World};

async fn strict() -> World {
    let config = Config {
        tokens: true,
        ..Config::default()
    };
    let world = World::with(config, &[]).await;
    world.link().await;
    world
}

#[tokio::test]
async fn the_first_message_of_a_newly_linked_account_is_not_refused() {
    let world = strict().await;
    world.send(ANNA, WORD).await.unwrap();
    let fits = |heard: &openclaw_sim::Received| heard.text.as_deref() == Some(WORD);
    world.peer(ANNA).wait_for(fits, PATIENCE).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn somebody_who_wrote_first_is_answered() {
    let world = strict().await;
    let bert = world.peer(BERT);
    bert.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
    world.all_acked().await;
    world.send(BERT, WORD).await.unwrap();
    world.finish().await;
}
