//! Numbers that people write in another way than WhatsApp: with or without Brazil's ninth digit, Mexico's 1, Argentina's 9.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::SendState;
use openclaw_proto::v1::event::Kind;
use openclaw_sim::Fault;

use crate::harness::{TEST_TIMEOUT, WORD, World, chats, lid, request};

/// As people write them, and as WhatsApp does. The subscriber numbers are made up.
const SPELLED: [(&str, &str); 3] = [
    ("+5511955501234", "+551155501234"),
    ("+525555550123", "+5215555550123"),
    ("+541155550123", "+5491155550123"),
];

fn names_spelled(sent: &pb::SendResponse, spelled: &str) {
    let recipient = sent.recipient.as_ref().unwrap();
    assert_eq!(recipient.phone, spelled);
    assert_eq!(recipient.lid, format!("{}@lid", lid(spelled)));
    assert_eq!(sent.chat, recipient.lid);
}

#[tokio::test]
async fn a_message_goes_to_the_number_as_whatsapp_spells_it_and_that_is_known_from_then_on() {
    for (written, spelled) in SPELLED {
        let mut world = World::linked().await;
        let url = world.sim.url();
        let peer = world.peer(spelled);
        world.sim.spelling(spelled, written).unwrap();
        let delivered = pb::SendRequest {
            wait: SendState::Delivered.into(),
            ..request(written, WORD)
        };
        let sent = world.send_with(delivered).await.unwrap();
        assert_eq!(sent.state(), SendState::Delivered);
        names_spelled(&sent, spelled);
        assert_eq!(peer.inbox_len(), 1);
        // Without a connection, in a new process.
        world.cut_off().await;
        world.agent.kill().await;
        world.agent.start_again(&url).await;
        let kept = pb::SendRequest {
            queue: true,
            client_token: "kept".to_owned(),
            ..request(written, &format!("{WORD} kept"))
        };
        names_spelled(&world.send_with(kept).await.unwrap(), spelled);
        let mut events = world.watch().await;
        world.sim.fault(Fault::Clear).await;
        let outcome = events.event(|event| match &event.kind {
            Some(Kind::Outcome(it)) if it.client_token == "kept" => Some(it.clone()),
            _ => None,
        });
        assert_eq!(outcome.await.chat, format!("{}@lid", lid(spelled)));
        let arrived = peer.wait_for(
            |it| it.text.as_deref() == Some(&*format!("{WORD} kept")),
            TEST_TIMEOUT,
        );
        arrived.await.unwrap();
        let listed = pb::ListEventsRequest {
            filter: chats([written]),
            ..Default::default()
        };
        let listed = world.agent.client().list_events(listed).await.unwrap();
        assert!(!listed.into_inner().events.is_empty());
        world.finish().await;
    }
}
