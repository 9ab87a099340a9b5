//! A restriction of the account by WhatsApp (the reach-out time-lock): its reports and its end. What is sent meanwhile is tested in
//! `outbox::restricted`.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::event::Kind;

use super::{Receiver, linked};
use crate::harness::{ACCOUNT, World};

const METRIC: &str = "\nopenclaw_whatsapp_restricted 1\n";
const HOUR: i64 = 3_600;

impl World {
    /// For this many seconds the account may not write to new people; 0 ends that.
    pub(crate) fn lock_reachouts(&self, seconds: u64) {
        let phone = self.sim.phone(ACCOUNT).unwrap();
        phone.lock_reachouts(seconds, "DEFAULT");
    }

    pub(crate) async fn until_restricted(&self, restricted: bool) -> pb::LinkStatus {
        let holds = |link: &pb::LinkStatus| link.restriction.is_some() == restricted;
        self.agent.until(holds).await
    }

    /// Whether the account was restricted, by the events of a connected link.
    async fn restrictions(&self) -> Vec<bool> {
        let events = self.events().await.into_iter();
        let links = events.filter_map(|event| match event.kind {
            Some(Kind::Link(link)) if link.state() == pb::LinkState::Connected => Some(link),
            _ => None,
        });
        let mut restricted: Vec<bool> = links.map(|link| link.restriction.is_some()).collect();
        restricted.dedup();
        restricted
    }
}

#[tokio::test]
async fn a_time_lock_is_in_status_event_log_metric_and_alerts_until_it_ends() {
    let receiver = Receiver::start().await;
    let mut world = linked(&receiver).await;
    world.lock_reachouts(HOUR.unsigned_abs());
    let link = world.until_restricted(true).await;
    assert_eq!(link.state(), pb::LinkState::Connected);
    let restriction = link.restriction.unwrap();
    assert_eq!((restriction.code, restriction.confirmed), (463, true));
    assert_eq!(restriction.name, "DEFAULT");
    let (since, until) = (restriction.since.unwrap(), restriction.until.unwrap());
    assert!((HOUR - 10..=HOUR + 10).contains(&(until.seconds - since.seconds)));
    let posts = receiver.until(1).await;
    let body = posts[0].json();
    assert_eq!(body["type"], "whatsapp.restricted");
    assert_eq!(body["data"]["state"], "connected");
    let hint = body["data"]["hint"].as_str().unwrap();
    assert!(
        hint.contains("(code 463)") && hint.contains(" UTC"),
        "{hint}"
    );
    assert!(world.agent.get("/metrics").await.body.contains(METRIC));
    let found = crate::access::doctor::diagnosis(&world, "").await;
    assert!(found.iter().any(|it| it.check == "restricted"));

    // It survives a restart, and the login reports it again.
    world
        .until_listed(|listed| listed.alerts[0].state() == pb::AlertState::Delivered)
        .await;
    world.killed(&receiver).await;
    world.agent.until_state(pb::LinkState::Connected).await;
    world.until_restricted(true).await;
    world.lock_reachouts(0);
    world.until_restricted(false).await;
    let posts = receiver.until(2).await;
    assert_eq!(posts[1].json()["type"], "whatsapp.unrestricted");
    assert!(!world.agent.get("/metrics").await.body.contains(METRIC));
    assert_eq!(world.restrictions().await, [false, true, false]);
    world.finish_discreetly().await;
}
