//! Failures of WhatsApp's server, and the agent's reports of them.

use std::time::{Duration, Instant, SystemTime};

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::LinkState;
use openclaw_proto::v1::event::Kind;
use openclaw_sim::{By, Failure, Fault, IqError};
use tonic::Code;

use crate::harness::{ACCOUNT, ANNA, BERT, WORD, World, fact, reason, refusal};

/// How long to wait for an event that must not happen.
const QUIET: Duration = Duration::from_secs(2);
/// More than any test's reconnects.
const MANY: u32 = 1_000;

fn failure(reason: u16) -> Fault {
    Fault::Failure(Failure {
        reason,
        expire: None,
        code: None,
    })
}

impl World {
    /// Drops the connection; the next login gets this fault.
    async fn fail_login(&self, fault: Fault) {
        self.fault(fault).await;
        self.fault(Fault::Drop).await;
    }

    /// Drops the connection and blocks others until [`Fault::Clear`].
    pub(crate) async fn cut_off(&self) {
        self.sim.fault(Fault::Refuse(MANY)).await;
        self.fault(Fault::Drop).await;
        self.agent
            .logged("WhatsApp disconnected: connection_lost")
            .await;
    }

    /// Checks the connection with a message that arrives.
    pub(crate) async fn receives_again(&self) {
        self.agent.until_state(LinkState::Connected).await;
        let mut events = self.watch().await;
        let text = format!("{WORD} after all");
        self.peer(ANNA)
            .send_text(ACCOUNT, &text, By::Lid)
            .await
            .unwrap();
        events
            .event(|event| match &event.kind {
                Some(Kind::Message(message)) if message.text() == text => Some(()),
                _ => None,
            })
            .await;
        self.everything_reports_connected().await;
    }

    /// The credentials are dead: every interface reports it, the agent does not reconnect, and a phone can link at
    /// once.
    async fn stays_down_until_linked(&self, state: LinkState, reason: &str) -> pb::LinkStatus {
        let link = self.everything_reports(state, reason).await;
        self.agent
            .logged(&format!("WhatsApp disconnected: {reason}"))
            .await;
        assert!(!link.hint.is_empty());
        let before = self.handshakes();
        let reconnected = self.sim.until(QUIET, || self.handshakes() > before).await;
        assert!(reconnected.is_err(), "dead credentials are never retried");
        assert_eq!(self.handshakes(), before);
        let denied = self.send(ANNA, WORD).await.unwrap_err();
        assert_eq!(denied.code(), Code::FailedPrecondition);
        self.link().await;
        self.everything_reports_connected().await;
        link
    }
}

#[tokio::test]
async fn a_dropped_connection_is_opened_again() {
    let world = World::linked().await;
    world.cut_off().await;
    world
        .everything_reports(LinkState::BackingOff, "unreachable")
        .await;
    world.sim.fault(Fault::Clear).await;
    world.receives_again().await;
    world.finish().await;
}

#[tokio::test]
async fn refused_connections_are_retried_with_growing_delays() {
    let world = World::linked().await;
    world.cut_off().await;
    let third = |link: &pb::LinkStatus| link.state() == LinkState::BackingOff && link.attempt >= 3;
    let link = world.agent.until(third).await;
    let since = SystemTime::try_from(link.since.unwrap()).unwrap();
    let retry_at = SystemTime::try_from(link.retry_at.unwrap()).unwrap();
    let delay = retry_at.duration_since(since).unwrap();
    assert!(delay >= Duration::from_millis(1_800), "{delay:?}");
    let failed = world
        .agent
        .logged("WhatsApp connection failed, trying again")
        .await;
    assert_eq!(failed["reason"], "unreachable");
    let denied = world.send(ANNA, WORD).await.unwrap_err();
    assert_eq!(
        refusal(&denied),
        (Code::FailedPrecondition, "NOT_CONNECTED".to_owned())
    );
    world.sim.fault(Fault::Clear).await;
    world.receives_again().await;
    world.finish().await;
}

#[tokio::test]
async fn a_half_open_socket_is_detected_within_the_limit() {
    let world = World::linked_with(&["--keepalive-limit", "2"]).await;
    world.fault(Fault::HalfOpen).await;
    let struck = Instant::now();
    let link = world
        .agent
        .until(|link| link.state() != LinkState::Connected)
        .await;
    assert_eq!(link.reason(), pb::LinkReason::ConnectionLost);
    assert!(
        struck.elapsed() < Duration::from_secs(5),
        "{:?}",
        struck.elapsed()
    );
    world
        .agent
        .logged("WhatsApp disconnected: connection_lost")
        .await;
    world.receives_again().await;
    world.finish().await;
}

#[tokio::test]
async fn a_quiet_connection_that_answers_stays_connected() {
    let world = World::linked_with(&["--keepalive-limit", "2"]).await;
    let before = world.handshakes();
    let started = Instant::now();
    // Longer than the limit, with pings as frequent as possible.
    while started.elapsed() < QUIET + QUIET {
        let answer = world.agent.get("/health/ready").await;
        assert_eq!(answer.code, 200, "{}", answer.body);
        let lost = world
            .sim
            .until(Duration::from_millis(20), || world.handshakes() > before);
        assert!(lost.await.is_err(), "a ping keeps it up");
    }
    world.everything_reports_connected().await;
    world.finish().await;
}

#[tokio::test]
async fn a_slow_server_is_waited_for() {
    let world = World::linked().await;
    let delay = Duration::from_millis(400);
    world.fault(Fault::Delay(delay)).await;
    let started = Instant::now();
    world.send(ANNA, WORD).await.unwrap();
    assert!(
        started.elapsed() >= delay,
        "a message is not reported as sent before the ack"
    );
    world.everything_reports_connected().await;
    world.fault(Fault::Delay(Duration::ZERO)).await;
    world.finish().await;
}

#[tokio::test]
async fn a_phone_that_removes_the_device_logs_it_out() {
    let world = World::linked().await;
    world.phone().unlink(None).await.unwrap();
    world
        .stays_down_until_linked(LinkState::LoggedOut, "logged_out")
        .await;
    world.finish().await;
}

#[tokio::test]
async fn a_device_removed_while_away_is_logged_out_at_its_login() {
    let world = World::linked().await;
    world.cut_off().await;
    world.phone().unlink(None).await.unwrap();
    world.sim.fault(Fault::Clear).await;
    world
        .stays_down_until_linked(LinkState::LoggedOut, "logged_out")
        .await;
    world.finish().await;
}

#[tokio::test]
async fn the_agent_does_not_reconnect_after_it_was_replaced() {
    let world = World::linked().await;
    world.fault(Fault::Replaced).await;
    world
        .stays_down_until_linked(LinkState::Replaced, "replaced")
        .await;
    world.finish().await;
}

#[tokio::test]
async fn a_temporary_ban_has_its_end() {
    let world = World::linked().await;
    let ban = Failure {
        reason: 402,
        expire: Some(3600),
        code: Some(101),
    };
    world.fail_login(Fault::Failure(ban)).await;
    let link = world
        .stays_down_until_linked(LinkState::Banned, "banned")
        .await;
    let until = SystemTime::try_from(link.banned_until.unwrap()).unwrap();
    let since = SystemTime::try_from(link.since.unwrap()).unwrap();
    assert_eq!(
        until.duration_since(since).unwrap().as_secs().div_ceil(60),
        60
    );
    world.finish().await;
}

#[tokio::test]
async fn a_send_while_banned_is_refused_with_the_code_and_the_end() {
    let world = World::linked().await;
    let ban = Failure {
        reason: 402,
        expire: Some(3600),
        code: Some(101),
    };
    world.fail_login(Fault::Failure(ban)).await;
    let link = world.agent.until_state(LinkState::Banned).await;
    let denied = world.send(ANNA, WORD).await.unwrap_err();
    let hint = fact(&denied, "hint").unwrap();
    assert!(hint.contains("(code 402) until 20"), "{hint}");
    assert_eq!(hint, link.hint);
    world.finish().await;
}

#[tokio::test]
async fn a_ban_without_an_end_is_reported_without_one() {
    let world = World::linked().await;
    world.fail_login(failure(403)).await;
    let link = world
        .stays_down_until_linked(LinkState::Banned, "banned")
        .await;
    assert_eq!(link.banned_until, None);
    world.finish().await;
}

#[tokio::test]
async fn an_outdated_client_rests_until_it_is_updated() {
    let world = World::linked().await;
    world.fail_login(failure(405)).await;
    world
        .stays_down_until_linked(LinkState::Outdated, "outdated")
        .await;
    world.finish().await;
}

#[tokio::test]
async fn a_temporarily_refused_login_is_retried() {
    let world = World::linked().await;
    // Twice, so that the refusal lasts long enough to be visible in every interface.
    world.fault(failure(503)).await;
    world.fail_login(failure(503)).await;
    world
        .everything_reports(LinkState::BackingOff, "refused_503")
        .await;
    let failed = world
        .agent
        .logged("WhatsApp connection failed, trying again")
        .await;
    assert_eq!(failed["reason"], "refused_503");
    world.receives_again().await;
    world.finish().await;
}

#[tokio::test]
async fn a_stream_error_503_is_a_lost_connection() {
    let world = World::linked().await;
    world.sim.fault(Fault::Refuse(2)).await;
    world.fault(Fault::StreamError(503)).await;
    world
        .agent
        .logged("WhatsApp disconnected: connection_lost")
        .await;
    world
        .everything_reports(LinkState::BackingOff, "unreachable")
        .await;
    world.receives_again().await;
    world.finish().await;
}

#[tokio::test]
async fn a_stream_error_515_is_a_restart_and_not_a_failure() {
    let world = World::linked().await;
    let before = world.handshakes();
    world.fault(Fault::StreamError(515)).await;
    world.agent.logged("WhatsApp disconnected: restart").await;
    world.receives_again().await;
    assert_eq!(world.handshakes(), before + 1);
    let backed_off = world.events().await.into_iter().any(|event| {
        matches!(event.kind, Some(Kind::Link(link)) if link.state() == LinkState::BackingOff)
    });
    assert!(!backed_off, "at once");
    world.finish().await;
}

#[tokio::test]
async fn the_agent_reconnects_to_a_restarted_server() {
    let world = World::linked().await;
    world.sim.fault(Fault::Restart).await;
    world
        .agent
        .logged("WhatsApp disconnected: connection_lost")
        .await;
    world.receives_again().await;
    world.send(BERT, WORD).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn a_server_with_another_key_under_the_same_root_is_accepted() {
    let world = World::linked().await;
    world.sim.fault(Fault::NewServerKey).await;
    world.fault(Fault::Drop).await;
    world
        .agent
        .logged("WhatsApp disconnected: connection_lost")
        .await;
    world.receives_again().await;
    world.finish().await;
}

#[tokio::test]
async fn a_failing_query_fails_only_its_call() {
    let world = World::linked().await;
    let error = IqError {
        xmlns: "usync".to_owned(),
        code: 503,
        count: MANY,
    };
    world.fault(Fault::IqError(error)).await;
    let failed = world.send(ANNA, WORD).await.unwrap_err();
    assert_eq!(reason(&failed), "NOT_CHECKED");
    world.fault(Fault::Clear).await;
    world.send(ANNA, WORD).await.unwrap();
    world.everything_reports_connected().await;
    world.finish().await;
}
