//! An agent continues after every kind of exit.

use std::time::Duration;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::LinkState;
use openclaw_sim::{By, Pattern};

use crate::harness::{ANNA, BERT, TEST_TIMEOUT, WORD, World};

#[tokio::test]
async fn a_restart_keeps_the_link_and_needs_no_new_code() {
    let mut world = World::linked().await;
    let before = world.agent.link().await;
    world.send(ANNA, WORD).await.unwrap();
    assert_eq!(world.agent.terminate().await.code(), Some(0));
    let url = world.sim.url();
    world.agent.start_again(&url).await;
    let after = world.agent.until_state(LinkState::Connected).await;
    // Stored with milliseconds.
    let linked_at = |link: &pb::LinkStatus| link.linked_at.unwrap().seconds;
    assert_eq!(linked_at(&after), linked_at(&before));
    assert_eq!((after.phone, after.lid), (before.phone, before.lid));
    assert_eq!(world.phone().companions().len(), 1, "the same device");
    world.send(ANNA, &format!("{WORD} again")).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn dead_credentials_stay_dead_after_a_restart() {
    let mut world = World::linked().await;
    let url = world.sim.url();
    world.phone().unlink(None).await.unwrap();
    let before = world.agent.until_state(LinkState::LoggedOut).await;
    world.agent.kill().await;
    world.agent.start_again(&url).await;
    let after = world.agent.until_state(LinkState::LoggedOut).await;
    assert_eq!(
        (&after.reason, after.since.unwrap().seconds),
        (&before.reason, before.since.unwrap().seconds)
    );
    assert_eq!(after.phone, before.phone);
    assert_eq!(
        after.linked_at.unwrap().seconds,
        before.linked_at.unwrap().seconds
    );
    // The credentials are not used again: no attempt was made, so none was refused.
    let lines = [
        "WhatsApp connected",
        "WhatsApp connection failed, trying again",
    ];
    let count = |world: &World| lines.map(|line| world.agent.count_logged(line));
    let reported = count(&world);
    world.agent.terminate().await;
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::LoggedOut).await;
    assert_eq!(count(&world), reported);
    // A new pairing links again, with new keys.
    world.link().await;
    world.finish().await;
}

#[tokio::test]
async fn an_agent_killed_as_soon_as_it_is_linked_stays_linked() {
    let mut world = World::new().await;
    let mut pairing = world.pair(pb::PairRequest::by_qr()).await.unwrap();
    let qr = pairing.qr().await;
    world.phone().scan(&qr.payload).await.unwrap();
    pairing.linked().await;
    world.agent.kill().await;
    let url = world.sim.url();
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    world.send(ANNA, WORD).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn an_agent_killed_under_traffic_can_decrypt_and_be_decrypted_at_once() {
    let set = std::env::var("OPENCLAW_TEST_KILLS").ok();
    let kills = set.map_or(40, |kills| kills.parse().unwrap());
    let mut world = World::linked().await;
    let url = world.sim.url();
    for kill in 0..kills {
        // At a random moment, from the start to well into the traffic.
        let moment = Duration::from_millis(kill * 37 % 90);
        // Only the agent is cut off: the others finish what they started.
        let shot = async {
            tokio::time::sleep(moment).await;
            world.agent.kill_without_waiting();
        };
        tokio::join!(traffic(&world, kill), shot);
        world.agent.ended().await;
        world.agent.start_again(&url).await;
        world.agent.until_state(LinkState::Connected).await;
        assert_eq!(world.phone().companions().len(), 1, "the same device");
        works(&world, kill).await;
    }
    world.all_acked().await;
    // The simulator has verified every signature and MAC, and that no message key was used twice.
    world.finish().await;
}

/// Anna and Bert write, and Bert is written to, as fast as possible until the agent is killed.
async fn traffic(world: &World, round: u64) {
    for n in 0.. {
        let text = format!("{WORD} {round} {n}");
        for writer in [ANNA, BERT] {
            let peer = world.peer(writer);
            let _ = peer
                .send_text(crate::harness::ACCOUNT, &text, By::Lid)
                .await;
        }
        if world.send(BERT, &text).await.is_err() {
            break;
        }
    }
}

/// Checks that it sends and receives.
async fn works(world: &World, round: u64) {
    let sent = format!("{WORD} out {round}");
    world.send(ANNA, &sent).await.unwrap();
    let fits = |received: &openclaw_sim::Received| received.text.as_deref() == Some(sent.as_str());
    world.peer(ANNA).wait_for(fits, TEST_TIMEOUT).await.unwrap();
    let received = format!("{WORD} in {round}");
    let mut events = world.watch().await;
    world
        .peer(ANNA)
        .send_text(crate::harness::ACCOUNT, &received, By::Lid)
        .await
        .unwrap();
    while events.message().await.text() != received {}
}

#[tokio::test]
async fn after_a_clean_stop_or_a_kill_the_same_store_continues() {
    let mut world = World::linked().await;
    world.all_acked().await;
    assert_eq!(world.agent.terminate().await.code(), Some(0));
    let url = world.sim.url();
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    let stopped = world.agent.status().await;
    assert_eq!(stopped.vault.as_ref().unwrap().dropped_bytes, 0);
    assert_eq!(stopped.vault.as_ref().unwrap().generation, 2);
    world.agent.kill().await;
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    let killed = world.agent.status().await;
    assert_eq!(killed.vault.as_ref().unwrap().generation, 3);
    assert_eq!(
        killed.vault.unwrap().store_id,
        stopped.vault.unwrap().store_id,
        "the same store"
    );
    assert_eq!(world.phone().companions().len(), 1, "the same device");
    let ik = world.sim.handshakes(Pattern::Ik);
    assert!(ik >= 1, "the server's certificates are remembered: {ik}");
    world.finish().await;
}
