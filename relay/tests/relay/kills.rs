//! Kills of the relay, the server and the agent, at random moments while events flow.

use std::time::Duration;

use crate::harness::World;

const ROUNDS: u32 = 12;
const TEXTS_PER_ROUND: u32 = 6;

#[tokio::test]
#[ignore = "needs nats-server and the agent"]
async fn kills_lose_and_double_nothing() {
    let mut chance = fastrand::Rng::with_seed(7);
    let mut world = World::new().await;
    let mut relay = world.relay();
    for round in 0..ROUNDS {
        for text in 0..TEXTS_PER_ROUND {
            world.text(&format!("{round} {text}")).await;
        }
        tokio::time::sleep(Duration::from_millis(chance.u64(0..300))).await;
        match round % 3 {
            0 => {
                relay.kill().await;
                relay = world.relay();
            }
            1 => {
                world.nats[0].kill().await;
                world.restart_nats(0);
            }
            _ => {
                world.agent.kill().await;
                world.restart_agent();
            }
        }
    }
    let texts = usize::try_from(ROUNDS * TEXTS_PER_ROUND).unwrap();
    world.until_received(texts).await;
    world.all_stored().await;
}
