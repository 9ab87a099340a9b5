//! Resuming a link without the phone, and the reports of a link that WhatsApp has ended.

use std::time::Duration;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::LinkState;
use openclaw_sim::Fault;
use tonic::Code;

use crate::harness::{ACCOUNT, World, reason_word, refusal};
use crate::relinking::{ENDS, End, failure};

/// How long to wait for an event that must not happen.
const QUIET: Duration = Duration::from_secs(2);
const METRICS: [&str; 2] = ["--metrics", "on"];
const REMOVED: &str = "the phone removed this device";

impl World {
    /// How often a link went down for this reason, by the metrics.
    async fn drops(&self, reason: &str) -> u64 {
        let metrics = self.agent.get("/metrics").await.body;
        let series = format!("reason=\"{reason}\"}} ");
        let line = metrics
            .lines()
            .find(|line| line.contains("disconnects_total") && line.contains(&series));
        let line = line.unwrap_or_else(|| panic!("no {reason} in {metrics}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Checks that the agent makes no connection.
    async fn stays_down(&self) {
        let before = self.handshakes();
        let reconnected = self.sim.until(QUIET, || self.handshakes() > before).await;
        assert!(reconnected.is_err(), "there is a single attempt");
    }
}

#[tokio::test]
async fn an_ended_link_is_resumed_without_the_phone() {
    for (end, state) in ENDS {
        let world = World::linked().await;
        let device = world.devices();
        world.end(end).await;
        let link = world.agent.until_state(state).await;
        assert!(link.hint.contains("`openclawctl resume`"), "{}", link.hint);
        let before = world.handshakes();
        let link = world.resume().await.unwrap();
        assert_eq!(link.state(), LinkState::Connected, "{end:?}");
        assert_eq!((link.code, link.hint.as_str()), (0, ""));
        assert_eq!(world.handshakes(), before + 1);
        world.works("again").await;
        assert_eq!(world.devices(), device, "the same device");
        world.finish().await;
    }
}

#[tokio::test]
async fn a_refusal_after_resume_is_final_again() {
    for (end, state) in ENDS {
        let world = World::linked().await;
        world.end(end).await;
        world.agent.until_state(state).await;
        // WhatsApp's answer to a login while the verdict stands.
        let code = match end {
            End::Replaced => 402,
            End::Failed(code, _) => code,
        };
        world.fault(failure(code, None)).await;
        let before = world.handshakes();
        let link = world.resume().await.unwrap();
        assert_ne!(link.state(), LinkState::Connected);
        assert_eq!(link.code, u32::from(code), "{end:?}");
        world.stays_down().await;
        assert_eq!(world.handshakes(), before + 1, "one careful attempt");
        assert_eq!(world.resume().await.unwrap().state(), LinkState::Connected);
        world.finish().await;
    }
}

#[tokio::test]
async fn resume_skips_the_delay_before_the_next_attempt() {
    let world = World::linked().await;
    world.sim.fault(Fault::Refuse(1_000)).await;
    world.fault(Fault::Drop).await;
    let patient = |link: &pb::LinkStatus| link.state() == LinkState::BackingOff && link.attempt > 3;
    world.agent.until(patient).await;
    let link = world.resume().await.unwrap();
    assert_eq!(link.state(), LinkState::BackingOff, "{:?}", link.reason());
    assert_eq!(link.attempt, 5, "it was tried at once");
    world.sim.fault(Fault::Clear).await;
    assert_eq!(world.resume().await.unwrap().state(), LinkState::Connected);
    // On a connected link, resume does nothing.
    let before = world.handshakes();
    assert_eq!(world.resume().await.unwrap().state(), LinkState::Connected);
    assert_eq!(world.handshakes(), before);
    world.finish().await;
}

#[tokio::test]
async fn resume_is_refused_if_only_the_phone_can_help() {
    let world = World::new().await;
    let denied = world.resume().await.unwrap_err();
    let precondition = |reason: &str| (Code::FailedPrecondition, reason.to_owned());
    assert_eq!(refusal(&denied), precondition("NOT_LINKED"));
    world.link().await;
    let pairing = world.pair(crate::relinking::replacing()).await.unwrap();
    let denied = world.resume().await.unwrap_err();
    let underway = (Code::AlreadyExists, "ALREADY_PAIRING".to_owned());
    assert_eq!(refusal(&denied), underway);
    drop(pairing);
    world.phone().unlink(None).await.unwrap();
    let link = world.agent.until_state(LinkState::LoggedOut).await;
    assert!(link.hint.contains(REMOVED) && link.hint.contains("`openclawctl pair`"));
    assert!(!link.hint.contains("resume"), "{}", link.hint);
    let before = world.handshakes();
    let denied = world.resume().await.unwrap_err();
    assert_eq!(refusal(&denied), precondition("CREDENTIALS_REVOKED"));
    assert_eq!(world.handshakes(), before);
    world.finish().await;
}

#[tokio::test]
async fn an_invalid_timeout_is_refused_without_an_attempt() {
    let world = World::linked().await;
    world.end(End::Replaced).await;
    world.agent.until_state(LinkState::Replaced).await;
    for (seconds, nanos) in [(0, 0), (-1, 0), (0, -1), (301, 0), (i64::MAX, 0)] {
        let timeout = Some(prost_types::Duration { seconds, nanos });
        let mut client = world.client();
        let denied = client.resume(pb::ResumeRequest { timeout }).await;
        let denied = refusal(&denied.unwrap_err());
        let invalid = (Code::InvalidArgument, "INVALID_ARGUMENT".to_owned());
        assert_eq!(denied, invalid);
    }
    assert_eq!(world.agent.link().await.state(), LinkState::Replaced);
    world.finish().await;
}

#[tokio::test]
async fn a_verdict_has_only_the_facts_that_whatsapp_sent() {
    for (code, state, word) in [
        (401, LinkState::LoggedOut, "logged_out"),
        (402, LinkState::Banned, "banned"),
        (403, LinkState::Banned, "banned"),
        (405, LinkState::Outdated, "outdated"),
        (406, LinkState::LoggedOut, "logged_out"),
        (409, LinkState::Outdated, "outdated"),
    ] {
        let mut world = World::linked_with(&METRICS).await;
        world.end(End::Failed(code, None)).await;
        for life in ["this", "the next"] {
            let link = world.everything_reports(state, word).await;
            assert_eq!(link.code, u32::from(code), "in {life} life");
            assert!(!link.hint.contains(REMOVED), "{code}: {}", link.hint);
            let named = link.hint.contains(&code.to_string()) || state == LinkState::Outdated;
            assert!(named, "{code}: {}", link.hint);
            if life == "this" {
                assert_eq!(world.drops(word).await, 1, "{code}");
                world.agent.terminate().await;
                let url = world.sim.url();
                world.agent.start_again_with(&url, &METRICS).await;
            }
        }
        assert_eq!(world.drops(word).await, 0, "not counted a second time");
        world.finish().await;
    }
}

#[tokio::test]
async fn an_unknown_code_is_reported_and_retried_rarely() {
    for code in [400, 411, 413, 414, 415, 418, 499, 501] {
        let world = World::linked().await;
        world.end(End::Failed(code, None)).await;
        let link = world.agent.until_state(LinkState::BackingOff).await;
        let refused = |link: &pb::LinkStatus| {
            (link.reason(), link.code) == (pb::LinkReason::Refused, u32::from(code))
        };
        let link = if refused(&link) {
            link
        } else {
            world.agent.until(refused).await
        };
        // The delay is long although `attempt`, which counts real attempts, is low.
        assert!(link.attempt <= 3, "{code}: attempt {}", link.attempt);
        let [since, retry_at] = [link.since, link.retry_at].map(|at| at.unwrap().seconds);
        assert!(
            retry_at - since >= 45,
            "{code}: after {} s",
            retry_at - since
        );
        assert_eq!(link.phone, ACCOUNT);
        assert_eq!(world.resume().await.unwrap().state(), LinkState::Connected);
        world.finish().await;
    }
}

#[tokio::test]
async fn every_verdict_is_counted() {
    let world = World::linked_with(&METRICS).await;
    world.end(End::Replaced).await;
    world.agent.until_state(LinkState::Replaced).await;
    assert_eq!(world.drops("replaced").await, 1);
    for (code, word) in [(402, "banned"), (405, "outdated"), (406, "logged_out")] {
        world.fault(failure(code, None)).await;
        let link = world.resume().await.unwrap();
        assert_eq!(reason_word(&link), word);
        // It was never connected in between.
        assert_eq!(world.drops(word).await, 1);
    }
    assert_eq!(world.resume().await.unwrap().state(), LinkState::Connected);
    world.phone().unlink(None).await.unwrap();
    world.agent.until_state(LinkState::LoggedOut).await;
    assert_eq!(world.drops("logged_out").await, 2);
    assert_eq!(world.drops("connection_lost").await, 0);
    world.finish().await;
}
