//! Many events: throughput, and memory that stays bounded.

use crate::harness::{World, until};

const TEXTS: usize = 100_000;
/// As many are under way at most.
const CHUNK: usize = 1_000;
/// The relay's own memory, whatever it has relayed.
const MAX_ANONYMOUS_KIB: u64 = 24 * 1024;

#[tokio::test]
#[ignore = "takes minutes"]
async fn a_hundred_thousand_events() {
    let world = World::with("").await;
    let relay = world.relay();
    for at in 1..=TEXTS {
        world.text(&at.to_string()).await;
        if at % CHUNK == 0 {
            until("the stream has them", async || {
                let mut stream = world.stream().await;
                let stored = stream.info().await.unwrap().state.messages;
                stored >= u64::try_from(at).unwrap()
            })
            .await;
        }
    }
    let stored = world.stored().await;
    assert!(stored.len() >= TEXTS, "{}", stored.len());
    for pair in stored.windows(2) {
        let [before, after] = [&pair[0], &pair[1]].map(|event| event.json["seq"].as_u64().unwrap());
        assert_eq!(after, before + 1);
    }
    let own = relay.anonymous_kib();
    println!("{own} KiB of its own");
    assert!(own < MAX_ANONYMOUS_KIB, "{own} KiB");
}
