//! Three servers: the leader of the stream is killed while events flow.

use std::time::Duration;

use crate::harness::{World, until};

const ROUNDS: usize = 4;
const TEXTS_PER_ROUND: usize = 8;

#[tokio::test]
#[ignore = "needs nats-server and the agent"]
async fn a_killed_leader_loses_and_doubles_nothing() {
    let mut chance = fastrand::Rng::with_seed(3);
    let mut world = World::cluster().await;
    let _relay = world.relay();
    world.all_stored().await;
    for round in 0..ROUNDS {
        for text in 0..TEXTS_PER_ROUND {
            world.text(&format!("{round} {text}")).await;
        }
        tokio::time::sleep(Duration::from_millis(chance.u64(0..400))).await;
        let leader = leader(&world).await;
        world.nats[leader].kill().await;
        world.until_received(TEXTS_PER_ROUND * (round + 1)).await;
        world.all_stored().await;
        world.restart_nats(leader);
    }
    world.all_stored().await;
}

/// The number of the server that leads the stream of events.
async fn leader(world: &World) -> usize {
    let mut name = None;
    until("the stream has a leader", async || {
        let mut stream = world.stream().await;
        if let Ok(info) = stream.info().await {
            name = info.cluster.clone().and_then(|cluster| cluster.leader);
        }
        name.is_some()
    })
    .await;
    name.unwrap().strip_prefix('n').unwrap().parse().unwrap()
}
