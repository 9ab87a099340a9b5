//! The agent's identity, its name and its store, in Status and in every event.

use openclaw_proto::v1 as pb;

use crate::harness::{WORD, World, run_agent_to_the_end};

impl World {
    /// The agent's identity, which must match the store in Status.
    async fn identity(&self) -> pb::AgentIdentity {
        let status = self.agent.status().await;
        let agent = status.agent.unwrap();
        assert_eq!(agent.store_id, status.vault.unwrap().store_id);
        assert_eq!(agent.store_id.len(), 16);
        agent
    }

    /// Checks the identity in every event, watched and listed.
    async fn events_are_of(&self, agent: &pb::AgentIdentity) {
        let watched = self.events().await;
        let mut client = self.client();
        let listed = client.list_events(pb::ListEventsRequest::default());
        let listed = listed.await.unwrap().into_inner().events;
        assert!(!watched.is_empty() && !listed.is_empty());
        for event in watched.iter().chain(&listed) {
            assert_eq!(event.agent.as_ref(), Some(agent));
        }
    }
}

#[tokio::test]
async fn status_and_events_have_the_agents_name_and_store() {
    let mut world = World::linked_with(&["--name", "site-2"]).await;
    world
        .phone()
        .send_text(crate::harness::ANNA, WORD)
        .await
        .unwrap();
    world.all_acked().await;
    let first = world.identity().await;
    assert_eq!(first.name, "site-2");
    world.events_are_of(&first).await;

    // A new name for the same store: events do not keep the name under which they were recorded.
    let url = world.sim.url();
    world.agent.kill().await;
    let variable = ("OPENCLAW_NAME", "site_3");
    world.agent.start_again_where(&url, &[], variable).await;
    let renamed = world.identity().await;
    assert_eq!(
        (&*renamed.name, &renamed.store_id),
        ("site_3", &first.store_id)
    );
    world.events_are_of(&renamed).await;
    world.finish().await;
}

#[tokio::test]
async fn an_unpair_keeps_the_agents_identity() {
    let world = World::linked().await;
    let before = world.identity().await;
    world.unpair().await.unwrap();
    let after = world.identity().await;
    assert_eq!(after, before);
    world.finish().await;
}

#[tokio::test]
async fn the_default_name_is_used_without_a_name() {
    for args in [&[][..], &["--name", ""]] {
        let world = World::with(openclaw_sim::Config::default(), args).await;
        assert_eq!(world.identity().await.name, "openclaw");
        world.finish().await;
    }
}

#[tokio::test]
async fn an_invalid_name_is_a_configuration_error() {
    for name in ["a b", "a.b", "é", &"x".repeat(65)] {
        let ended =
            run_agent_to_the_end(&["--name", name, "--whatsapp-url", "ws://127.0.0.1:1/ws/chat"])
                .await;
        let printed = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(64), "{name:?}: {printed}");
        assert!(printed.contains("--name"), "{name:?}: {printed}");
    }
}
