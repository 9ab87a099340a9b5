//! The API: errors with hints, reflection, health, unpairing, and invalid input.

mod hostile;
mod reflection;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::LinkState;
use openclaw_sim::Fault;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::harness::{ANNA, Health, WORD, World, refusal};

#[tokio::test]
async fn an_unknown_service_has_no_health() {
    let world = World::new().await;
    let mut health = Health::new(world.agent.channel());
    assert_eq!(health.check("").await.unwrap(), ServingStatus::Serving);
    assert_eq!(
        health.check("whatsapp").await.unwrap(),
        ServingStatus::NotServing
    );
    let unknown = health.check("telegraph").await.unwrap_err();
    assert_eq!(
        refusal(&unknown),
        (Code::NotFound, "UNKNOWN_SERVICE".to_owned())
    );
    world.finish().await;
}

#[tokio::test]
async fn health_is_pushed_as_it_changes() {
    let world = World::new().await;
    let mut health = Health::new(world.agent.channel());
    let changes = async {
        health
            .follow(
                "whatsapp",
                &[
                    ServingStatus::NotServing,
                    ServingStatus::Serving,
                    ServingStatus::NotServing,
                ],
            )
            .await;
    };
    let happening = async {
        world.link().await;
        world.phone().unlink(None).await.unwrap();
    };
    tokio::join!(changes, happening);
    world.finish().await;
}

#[tokio::test]
async fn unpairing_is_confirmed_by_whatsapp() {
    let world = World::linked().await;
    assert!(world.unpair().await.unwrap());
    assert!(world.phone().companions().is_empty(), "the phone shows it");
    let link = world.everything_reports(LinkState::Unlinked, "").await;
    assert_eq!((link.phone.as_str(), link.lid.as_str()), ("", ""));
    let denied = world.unpair().await.unwrap_err();
    assert_eq!(
        refusal(&denied),
        (Code::FailedPrecondition, "NOT_LINKED".to_owned())
    );
    let denied = world.send(ANNA, WORD).await.unwrap_err();
    assert_eq!(refusal(&denied).1, "NOT_LINKED");
    world.link().await;
    world.finish().await;
}

#[tokio::test]
async fn unpairing_while_offline_is_reported_as_unconfirmed() {
    let world = World::linked().await;
    world.sim.fault(Fault::Refuse(1_000)).await;
    world.fault(Fault::Drop).await;
    world.agent.until_state(LinkState::BackingOff).await;
    assert!(!world.unpair().await.unwrap());
    world.everything_reports(LinkState::Unlinked, "").await;
    assert_eq!(
        world.phone().companions().len(),
        1,
        "WhatsApp still lists the device"
    );
    world.sim.fault(Fault::Clear).await;
    let mut pairing = world.pair(pb::PairRequest::by_qr()).await.unwrap();
    let qr = pairing.qr().await;
    world.phone().scan(&qr.payload).await.unwrap();
    pairing.linked().await;
    assert_eq!(
        world.phone().companions().len(),
        2,
        "a new device, with new keys"
    );
    world.finish().await;
}

#[tokio::test]
async fn unpairing_from_a_silent_server_does_not_hang() {
    let world = World::linked().await;
    world.fault(Fault::HalfOpen).await;
    let confirmed = tokio::time::timeout(crate::harness::TEST_TIMEOUT, world.unpair()).await;
    assert!(!confirmed.expect("an answer").unwrap());
    world.everything_reports(LinkState::Unlinked, "").await;
    world.finish().await;
}

#[tokio::test]
async fn a_dead_link_can_be_unpaired() {
    let world = World::linked().await;
    world.phone().unlink(None).await.unwrap();
    world.agent.until_state(LinkState::LoggedOut).await;
    assert!(!world.unpair().await.unwrap());
    assert_eq!(world.agent.link().await.state(), LinkState::Unlinked);
    world.finish().await;
}
