//! An agent's reports about its link, in every interface at once.

use openclaw_proto::v1::LinkState;
use openclaw_proto::v1::event::Kind;
use openclaw_proto::{Word as _, v1 as pb};
use tonic_health::pb::health_check_response::ServingStatus;

use super::{Health, World};

impl World {
    /// Checks that Status, events, HTTP and gRPC health report this state with this reason, and that the link is down.
    pub(crate) async fn everything_reports(
        &self,
        state: LinkState,
        reason: &str,
    ) -> pb::LinkStatus {
        let fits = |link: &pb::LinkStatus| link.state() == state && reason_word(link) == reason;
        let link = self.agent.until(fits).await;
        let mut events = self.watch().await;
        let reported = events.event(|event| match &event.kind {
            Some(Kind::Link(link)) if fits(link) => Some(link.clone()),
            _ => None,
        });
        assert_eq!(reported.await.hint, link.hint);
        self.http_reports(state, reason).await;
        let mut health = Health::new(self.agent.channel());
        health.until("", ServingStatus::Serving).await;
        health.until("whatsapp", ServingStatus::NotServing).await;
        link
    }

    /// Checks that Status, HTTP and gRPC health report that the link is up.
    pub(crate) async fn everything_reports_connected(&self) -> pb::LinkStatus {
        let link = self.agent.until_state(LinkState::Connected).await;
        assert_eq!(link.reason(), pb::LinkReason::Unspecified);
        assert_eq!(link.hint, "");
        let health = self.agent.get("/health").await;
        assert_eq!(health.code, 200);
        let body = health.json();
        assert_eq!(body["status"], "healthy", "{body}");
        assert_eq!(body["whatsapp"]["connected"], true);
        assert_eq!(body["whatsapp"]["phone"], "+1 555 XXX XXXX");
        assert_eq!(self.agent.get("/health/ready").await.code, 200);
        let mut health = Health::new(self.agent.channel());
        health.until("", ServingStatus::Serving).await;
        health.until("whatsapp", ServingStatus::Serving).await;
        let checked = health.check("whatsapp").await.unwrap();
        assert_eq!(checked, ServingStatus::Serving);
        link
    }

    async fn http_reports(&self, state: LinkState, reason: &str) {
        let name = name(state);
        // A state that alternates is soon reached again.
        let mut answer = self.agent.get("/health/ready").await;
        for _ in 0..200 {
            if answer.json()["status"] == name.as_str() {
                break;
            }
            tokio::time::sleep(super::process::POLL).await;
            answer = self.agent.get("/health/ready").await;
        }
        let body = answer.json();
        assert_eq!(answer.code, 503, "{body}");
        assert_eq!(body["status"], name.as_str());
        assert_eq!(body["whatsapp"]["connected"], false);
        assert_eq!(body["whatsapp"]["state"], name.as_str());
        let reported = body["whatsapp"]["reason"].as_str();
        assert_eq!(reported.unwrap_or_default(), reason);
        assert!(!body["status"].to_string().contains("healthy"));
        let health = self.agent.get("/health").await;
        assert_eq!(health.code, 200, "the process itself is healthy");
        assert!(!health.body.contains("healthy"), "{}", health.body);
        assert_eq!(self.agent.get("/health/live").await.code, 200);
    }
}

/// The reason why the link is down, as in HTTP and the log: one word, with the code of a refusal.
pub(crate) fn reason_word(link: &pb::LinkStatus) -> String {
    match link.reason() {
        pb::LinkReason::Unspecified => String::new(),
        pb::LinkReason::Refused => format!("refused_{}", link.code),
        reason => reason.word().to_owned(),
    }
}

/// A state's name outside the wire format.
fn name(state: LinkState) -> String {
    let name = state.as_str_name().trim_start_matches("LINK_STATE_");
    name.to_ascii_lowercase()
}
