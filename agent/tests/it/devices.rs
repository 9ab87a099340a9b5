//! A contact's new device gets the next message, whether the agent was notified of it or learns of it from an ack.

use openclaw_proto::v1 as pb;
use openclaw_sim::Fault;

use crate::harness::{ANNA, Agent, TEST_TIMEOUT, WORD, Watcher, World, message};

/// A second agent, as a companion of a contact.
async fn companion_of(world: &World, number: &str) -> Agent {
    let agent = Agent::start(&world.sim.url(), &[]).await;
    let request = pb::PairRequest::by_qr();
    let frames = agent.client().pair(request).await.unwrap().into_inner();
    let mut pairing = world.pairing(frames);
    let qr = pairing.qr().await;
    let phone = world.sim.phone(number).unwrap();
    phone.scan(&qr.payload).await.unwrap();
    pairing.linked().await;
    phone.wait_until_active(TEST_TIMEOUT).await.unwrap();
    agent
}

/// Waits until another agent has received this text.
async fn wait_for_text(agent: &Agent, text: &str) {
    let request = pb::WatchEventsRequest {
        after: Some(0),
        follow: true,
        ..Default::default()
    };
    let events = agent.client().watch_events(request).await.unwrap();
    let wanted = |event: &pb::Event| message(event).filter(|it| it.text() == text);
    Watcher::new(events.into_inner()).event(wanted).await;
}

#[tokio::test]
async fn a_contacts_new_device_gets_the_next_message() {
    let world = World::linked().await;
    world.send(ANNA, &format!("{WORD} one")).await.unwrap();
    let mut other = companion_of(&world, ANNA).await;
    world.all_acked().await;
    let second = format!("{WORD} two");
    world.send(ANNA, &second).await.unwrap();
    wait_for_text(&other, &second).await;
    other.terminate().await;
    world.finish().await;
}

#[tokio::test]
async fn a_new_device_without_notification_gets_the_message_after_an_ack_with_another_phash() {
    let world = World::linked().await;
    world.send(ANNA, &format!("{WORD} one")).await.unwrap();
    world.fault(Fault::HideDevices(10)).await;
    let mut other = companion_of(&world, ANNA).await;
    let second = format!("{WORD} two");
    world.send(ANNA, &second).await.unwrap();
    let third = format!("{WORD} three");
    world.send(ANNA, &third).await.unwrap();
    wait_for_text(&other, &third).await;
    other.terminate().await;
    world.finish().await;
}

#[tokio::test]
async fn a_members_new_device_without_notification_gets_messages_after_the_ack() {
    let world = World::linked().await;
    let group = world.phone().create_group(WORD, &[ANNA]).await.unwrap();
    world.send(&group, &format!("{WORD} one")).await.unwrap();
    world.fault(Fault::HideDevices(10)).await;
    let mut other = companion_of(&world, ANNA).await;
    let second = format!("{WORD} two");
    world.send(&group, &second).await.unwrap();
    let third = format!("{WORD} three");
    world.send(&group, &third).await.unwrap();
    wait_for_text(&other, &third).await;
    other.terminate().await;
    world.finish().await;
}
