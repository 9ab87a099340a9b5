//! `kill -9` at each step of `pair`, `pair --replace`, `resume` and `restore` (state/src/failpoint.rs): before the last
//! step the old link works, after it the new one.

use std::time::Duration;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::admin_client::AdminClient;
use openclaw_proto::v1::{LinkState, backup_response, restore_request, secret};

use super::{End, replacing};
use crate::harness::{Agent, STARTED, World};

/// How long an agent may take to reach its failpoint.
const LIMIT: Duration = Duration::from_secs(10);

/// The failpoints before the last step.
const BEFORE: [&str; 4] = ["pairing", "shown", "accepted", "adopting"];
/// The failpoints from the last step on.
const AFTER: [&str; 2] = ["adopted", "removed"];

impl World {
    /// Starts another process on the same volume, which kills itself at that failpoint.
    async fn restart_with_failpoint(&mut self, place: &str) {
        self.agent.kill().await;
        let starts = self.agent.count_logged(STARTED);
        let url = self.sim.url();
        self.agent
            .start_with_failpoint(&url, Some(&format!("{place}:1")));
        self.agent.started_times(starts + 1).await;
    }

    /// Waits until the process has ended at its failpoint, and starts another.
    async fn restart_after_kill(&mut self, place: &str) {
        assert!(
            self.agent.kills_itself_within(LIMIT).await,
            "not at {place}"
        );
        let url = self.sim.url();
        self.agent.start_again(&url).await;
    }

    /// Pairs until that process ends.
    async fn pair_until_killed(&mut self, place: &str) {
        let mut pairing = self.pair(replacing()).await;
        if let Ok(pairing) = &mut pairing
            && !matches!(place, "pairing" | "shown")
        {
            let qr = pairing.qr().await;
            // The phone may get no further response after it has accepted.
            let _ = self.phone().scan(&qr.payload).await;
        }
        self.restart_after_kill(place).await;
    }
}

#[tokio::test]
async fn a_connected_link_survives_every_kill_before_the_replacement() {
    let mut world = World::linked().await;
    world.works("at first").await;
    let device = world.devices()[0];
    for place in BEFORE {
        world.restart_with_failpoint(place).await;
        world.agent.until_state(LinkState::Connected).await;
        world.pair_until_killed(place).await;
        world.works(place).await;
        let online = world.phone().companions();
        let old = online.iter().find(|one| one.device == device);
        assert!(old.is_some_and(|one| one.online), "{place}: {online:?}");
    }
    world.link_instead().await;
    world.finish().await;
}

#[tokio::test]
async fn the_new_link_works_after_every_kill_from_the_replacement_on() {
    for place in AFTER {
        let mut world = World::linked().await;
        world.works("at first").await;
        let device = world.devices()[0];
        world.restart_with_failpoint(place).await;
        world.agent.until_state(LinkState::Connected).await;
        world.pair_until_killed(place).await;
        world.works(place).await;
        let online = world.phone().companions();
        let new = online.iter().find(|one| one.online);
        assert!(new.is_some_and(|one| one.device != device), "{online:?}");
        world.finish().await;
    }
}

#[tokio::test]
async fn an_ended_link_survives_every_kill_too() {
    for place in BEFORE.into_iter().chain(AFTER) {
        let mut world = World::linked().await;
        world.works("at first").await;
        world.end(End::Replaced).await;
        world.agent.until_state(LinkState::Replaced).await;
        world.restart_with_failpoint(place).await;
        world.agent.until_state(LinkState::Replaced).await;
        world.pair_until_killed(place).await;
        if BEFORE.contains(&place) {
            let link = world.agent.until_state(LinkState::Replaced).await;
            assert!(link.hint.contains("`openclawctl resume`"), "{}", link.hint);
            assert_eq!(world.resume().await.unwrap().state(), LinkState::Connected);
        }
        world.works(place).await;
        world.finish().await;
    }
}

#[tokio::test]
async fn a_killed_first_pairing_is_complete_or_absent() {
    for place in BEFORE.into_iter().chain(["adopted"]) {
        let mut world = World::new().await;
        world.restart_with_failpoint(place).await;
        world.pair_until_killed(place).await;
        if BEFORE.contains(&place) {
            let link = world.agent.until_state(LinkState::Unlinked).await;
            assert_eq!(link.phone, "");
            world.link().await;
        }
        world.works(place).await;
        world.finish().await;
    }
}

#[tokio::test]
async fn the_phones_acceptance_survives_a_kill_if_there_is_no_working_link() {
    let mut world = World::linked().await;
    world.phone().unlink(None).await.unwrap();
    world.agent.until_state(LinkState::LoggedOut).await;
    world.restart_with_failpoint("adopted").await;
    world.agent.until_state(LinkState::LoggedOut).await;
    world.pair_until_killed("adopted").await;
    world.works("again").await;
    world.finish().await;
}

#[tokio::test]
async fn a_killed_resume_had_no_effect_or_continues() {
    for place in ["resuming", "resumed"] {
        let mut world = World::linked().await;
        world.works("at first").await;
        world.end(End::Replaced).await;
        world.agent.until_state(LinkState::Replaced).await;
        world.restart_with_failpoint(place).await;
        world.agent.until_state(LinkState::Replaced).await;
        world.resume().await.unwrap_err();
        world.restart_after_kill(place).await;
        if place == "resuming" {
            world.agent.until_state(LinkState::Replaced).await;
            world.resume().await.unwrap();
        }
        world.works(place).await;
        world.finish().await;
    }
}

const WORDS: &str = "some fine words";

async fn backup(agent: &Agent) -> Vec<u8> {
    let mut client = AdminClient::new(agent.channel());
    let secret = Some(pb::Secret {
        form: Some(secret::Form::Passphrase(WORDS.to_owned())),
    });
    let request = pb::BackupRequest { secret };
    let mut stream = client.backup(request).await.unwrap().into_inner();
    let mut bytes = Vec::new();
    while let Some(piece) = stream.message().await.unwrap() {
        if let Some(backup_response::Frame::Chunk(chunk)) = piece.frame {
            bytes.extend(chunk);
        }
    }
    bytes
}

async fn restore(agent: &Agent, words: &str, bytes: &[u8]) -> Result<(), tonic::Status> {
    let frame = |frame| pb::RestoreRequest { frame: Some(frame) };
    let secret = Some(pb::Secret {
        form: Some(secret::Form::Passphrase(words.to_owned())),
    });
    let start = restore_request::Frame::Start(pb::RestoreStart { secret });
    let chunks = bytes
        .chunks(10_000)
        .map(|chunk| restore_request::Frame::Chunk(chunk.to_vec()));
    let requests: Vec<_> = [start].into_iter().chain(chunks).map(frame).collect();
    let mut client = AdminClient::new(agent.channel());
    client.restore(tokio_stream::iter(requests)).await?;
    Ok(())
}

#[tokio::test]
async fn a_killed_restore_is_complete_or_absent() {
    for (place, end) in [
        ("restoring", None),
        ("restored", None),
        // The device was `replaced` when the backup was made; a restore clears that.
        ("restored", Some(End::Replaced)),
    ] {
        let mut world = World::linked().await;
        world.works("at first").await;
        if let Some(end) = end {
            world.end(end).await;
            world.agent.until_state(LinkState::Replaced).await;
        }
        let device = world.devices();
        let bytes = backup(&world.agent).await;
        world.agent.kill().await;
        world.check_output();
        world.agent = Agent::start(&world.sim.url(), &[]).await;

        // A refused restore changes nothing.
        restore(&world.agent, "other words", &bytes)
            .await
            .unwrap_err();
        let cut = &bytes[..bytes.len() - 1];
        restore(&world.agent, WORDS, cut).await.unwrap_err();
        let link = world.agent.until_state(LinkState::Unlinked).await;
        assert_eq!(link.phone, "");

        world.restart_with_failpoint(place).await;
        restore(&world.agent, WORDS, &bytes).await.unwrap_err();
        world.restart_after_kill(place).await;
        if place == "restoring" {
            world.agent.until_state(LinkState::Unlinked).await;
            restore(&world.agent, WORDS, &bytes).await.unwrap();
        }
        world.works(place).await;
        assert_eq!(world.devices(), device, "without another scan");
        world.finish().await;
    }
}

#[tokio::test]
async fn a_restore_into_a_linked_agent_changes_nothing() {
    let world = World::linked().await;
    world.works("at first").await;
    let bytes = backup(&world.agent).await;
    for state in [LinkState::Connected, LinkState::Replaced] {
        if state == LinkState::Replaced {
            world.end(End::Replaced).await;
            world.agent.until_state(state).await;
        }
        restore(&world.agent, WORDS, &bytes).await.unwrap_err();
        world.agent.until_state(state).await;
    }
    assert_eq!(world.resume().await.unwrap().state(), LinkState::Connected);
    world.works("still").await;
    world.finish().await;
}
