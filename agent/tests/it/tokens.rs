//! Privacy tokens: the server accepts the first message to a person only with one.

use openclaw_sim::{By, Config};

use crate::harness::{ACCOUNT, ANNA, BERT, POLL, TEST_TIMEOUT, WORD, World};

async fn strict() -> World {
    let config = Config {
        tokens: true,
        ..Config::default()
    };
    let world = World::with(config, &[]).await;
    world.link().await;
    world
}

/// The salt comes with the app state, some time after the link. What is sent before is refused: the library does not say
/// when it has the salt.
#[tokio::test]
async fn a_first_message_of_a_newly_linked_account_passes_once_its_salt_is_here() {
    let world = strict().await;
    let accepted = async {
        while world.send(ANNA, WORD).await.is_err() {
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::time::timeout(TEST_TIMEOUT, accepted).await.unwrap();
    assert_eq!(world.peer(ANNA).inbox_len(), 1);
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
