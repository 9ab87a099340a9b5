//! The date from which WhatsApp will refuse this version, as announced.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::event::Kind;
use prost_types::Timestamp;
use whatsapp_rust::NodeBuilder;

use super::{Receiver, linked};
use crate::harness::{ACCOUNT, World};

const DATE: i64 = 1_900_000_000;
const LATER: i64 = 1_900_086_400;
const NEXT_STEP: &str = "WhatsApp stops accepting this version at 2030-03-17 17:46:40 UTC: update openclaw-agent before then";
const ANNOUNCED: &str = "WhatsApp will stop accepting this version";
const METRIC: &str = "openclaw_whatsapp_version_expires_seconds 1900000000";

impl World {
    async fn announce(&self, t: Option<&str>) {
        let mut announcement = NodeBuilder::new("client_expiration");
        if let Some(t) = t {
            announcement = announcement.attr("t", t);
        }
        let stanza = NodeBuilder::new("ib").children([announcement.build()]);
        self.sim.send_stanza(ACCOUNT, &stanza.build()).unwrap();
    }

    async fn until_expires(&self, at: Option<i64>) -> pb::LinkStatus {
        let expected = at.map(|seconds| Timestamp { seconds, nanos: 0 });
        self.agent.until(|link| link.expires_at == expected).await
    }

    /// The announced dates in the events of a connected link.
    async fn dates(&self) -> Vec<Option<i64>> {
        let events = self.events().await.into_iter();
        let links = events.filter_map(|event| match event.kind {
            Some(Kind::Link(link)) if link.state() == pb::LinkState::Connected => Some(link),
            _ => None,
        });
        links.map(|link| Some(link.expires_at?.seconds)).collect()
    }
}

#[tokio::test]
async fn an_announced_expiry_is_in_status_event_log_metric_and_one_alert() {
    let receiver = Receiver::start().await;
    let mut world = linked(&receiver).await;
    for _ in 0..2 {
        world.announce(Some(&DATE.to_string())).await;
        let link = world.until_expires(Some(DATE)).await;
        assert_eq!(link.state(), pb::LinkState::Connected);
        assert_eq!(link.hint, NEXT_STEP);
    }
    let posts = receiver.until(1).await;
    let body = posts[0].json();
    assert_eq!(body["type"], "whatsapp.expiring");
    assert_eq!(body["data"]["state"], "connected");
    assert_eq!(body["data"]["expires_at"], "2030-03-17T17:46:40Z");
    assert_eq!(body["data"]["hint"], NEXT_STEP);
    assert!(world.agent.get("/metrics").await.body.contains(METRIC));
    assert_eq!(world.agent.count_logged(ANNOUNCED), 1);

    // It survives a restart, and a repeated announcement is not reported again. An earlier kill would deliver the first
    // alert twice.
    world
        .until_listed(|listed| listed.alerts[0].state() == pb::AlertState::Delivered)
        .await;
    world.killed(&receiver).await;
    world.agent.until_state(pb::LinkState::Connected).await;
    world.until_expires(Some(DATE)).await;
    world.announce(Some(&DATE.to_string())).await;
    world.announce(Some("soon")).await;
    world.announce(Some(&LATER.to_string())).await;
    world.until_expires(Some(LATER)).await;
    let posts = receiver.until(2).await;
    assert_eq!(
        posts[1].json()["data"]["expires_at"],
        "2030-03-18T17:46:40Z"
    );

    world.announce(None).await;
    let link = world.until_expires(None).await;
    assert_eq!(link.hint, "");
    assert!(
        !world
            .agent
            .get("/metrics")
            .await
            .body
            .contains("version_expires")
    );
    let (first, second) = (Some(DATE), Some(LATER));
    assert_eq!(world.dates().await, [None, first, first, second, None]);
    assert_eq!(receiver.count(), 2);
    world.finish().await;
}
