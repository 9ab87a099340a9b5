//! The complete flow of an operator's first day.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::event::Kind;
use openclaw_proto::v1::{LinkState, SendState};
use openclaw_sim::{By, Fault};

use crate::harness::{
    ACCOUNT, ANNA, BERT, TEST_TIMEOUT, UNREGISTERED, WORD, Watcher, World, fact, lid, refusal,
    request,
};

#[tokio::test]
async fn an_account_is_linked_sends_receives_and_stops_gracefully() {
    let mut world = World::new().await;
    assert_eq!(world.agent.link().await.state(), LinkState::Unlinked);
    let mut events = world.watch().await;
    link_by_qr(&world).await;
    receive_from_people(&world, &mut events).await;
    send_to_people(&world, &mut events).await;
    exchange_in_a_group(&world, &mut events).await;
    let status = world.agent.status().await;
    let traffic = status.traffic.unwrap();
    assert_eq!(
        (traffic.received, traffic.sent, traffic.undecryptable),
        (3, 3, 0)
    );
    world.all_acked().await;

    let exit = world.agent.terminate().await;
    assert_eq!(exit.code(), Some(0));
    assert!(!world.agent.socket.exists(), "the socket file goes with it");
    let rest = events.all().await;
    let last = rest.into_iter().last().and_then(|event| event.kind);
    let reported =
        matches!(last, Some(Kind::Link(link)) if link.reason() == pb::LinkReason::Stopping);
    assert!(
        reported,
        "an open stream gets the reason of its end, and ends without an error"
    );
    let connected = world.agent.logged("WhatsApp connected").await;
    assert_eq!(connected["phone"], "+1 555 XXX XXXX");
    assert_eq!(connected["device"], "OpenClaw");
    world.agent.logged("WhatsApp disconnected: stopping").await;
    world.agent.logged("stopped").await;
    world.finish().await;
}

#[tokio::test]
async fn the_device_has_its_name_and_does_not_suppress_the_phones_notifications() {
    let world = World::linked().await;
    for _ in 0..2 {
        // `available` would suppress notifications on the phone; it is withdrawn on every connection.
        let quiet = || {
            world.phone().companions().iter().any(|device| {
                device.about.name == "OpenClaw" && device.presence.as_deref() == Some("unavailable")
            })
        };
        world.sim.until(TEST_TIMEOUT, quiet).await.unwrap();
        world.fault(Fault::Drop).await;
        world.agent.until_state(LinkState::Connected).await;
    }
    world.finish().await;
}

#[tokio::test]
async fn a_trace_log_has_no_secret() {
    let world = World::linked_with(&["--log", "trace"]).await;
    let mut events = world.watch().await;
    receive_from_people(&world, &mut events).await;
    send_to_people(&world, &mut events).await;
    exchange_in_a_group(&world, &mut events).await;
    world.sim.unknown(UNREGISTERED).unwrap();
    world.send(UNREGISTERED, WORD).await.unwrap_err();
    world.send("+1555", WORD).await.unwrap_err();
    assert!(world.unpair().await.unwrap());
    let method = pb::PhoneCodeMethod {
        phone: ACCOUNT.to_owned(),
    };
    let by_code = pb::PairRequest {
        how: Some(pb::pair_request::How::PhoneCode(method)),
        ..Default::default()
    };
    let mut pairing = world.pair(by_code).await.unwrap();
    pairing.next().await.expect("a code");
    drop(pairing);
    world.link().await;
    world.phone().unlink(None).await.unwrap();
    world.agent.until_state(LinkState::LoggedOut).await;
    // The output is checked at the end of every test.
    world.finish().await;
}

/// While a pairing is in progress, no hint may suggest a command that would be refused.
fn no_refused_command(hint: &str) {
    for command in ["run `openclawctl pair`", "resume", "unpair"] {
        assert!(!hint.contains(command), "{hint}");
    }
}

async fn link_by_qr(world: &World) {
    let mut pairing = world.pair(pb::PairRequest::by_qr()).await.unwrap();
    let qr = pairing.qr().await;
    assert_eq!(qr.ordinal, 1);
    let link = world.agent.link().await;
    assert_eq!(link.state(), LinkState::Linking);
    no_refused_command(&link.hint);
    let sent = world.send(ANNA, WORD).await.unwrap_err();
    let resumed = world.resume().await.unwrap_err();
    for denied in [sent, resumed] {
        assert_eq!(refusal(&denied).1, "NOT_LINKED");
        no_refused_command(&fact(&denied, "hint").unwrap());
    }
    for finding in crate::access::doctor::diagnosis(world, "").await {
        no_refused_command(&finding.hint);
    }
    assert!(world.agent.status().await.pairing);
    let linked = world.phone().scan(&qr.payload).await.unwrap();
    assert_eq!(linked.account, ACCOUNT);
    let linked = pairing.linked().await;
    assert_eq!(
        (linked.phone.as_str(), linked.device.as_str()),
        (ACCOUNT, "OpenClaw")
    );
    let link = world.everything_reports_connected().await;
    assert_eq!(link.phone, ACCOUNT);
    assert_eq!(link.lid, format!("{}@lid", lid(ACCOUNT)));
    assert_eq!(link.device, "OpenClaw");
    assert!(link.linked_at.is_some() && link.since.is_some());
    assert!(
        link.last_frame_at.is_some(),
        "connected is a claim about now"
    );
    let status = world.agent.status().await;
    assert!(!status.pairing);
    assert!(status.vault.is_some(), "the store is there, sealed");
    assert!(status.build.unwrap().simulator);
    world.phone().wait_until_active(TEST_TIMEOUT).await.unwrap();
    let devices = world.phone().companions();
    assert_eq!(devices.len(), 1);
    assert_eq!(devices[0].about.name, "OpenClaw");
}

async fn receive_from_people(world: &World, events: &mut Watcher) {
    for by in [By::Lid, By::Pn] {
        let text = format!("{WORD} {by:?}");
        let id = world
            .peer(ANNA)
            .send_text(ACCOUNT, &text, by)
            .await
            .unwrap();
        let received = events.message().await;
        let origin = received.origin();
        assert_eq!(origin.id, id);
        assert_eq!(received.content, Some(pb::Content::of_text(text)));
        let sender = origin.sender.as_ref().unwrap();
        assert_eq!(sender.phone, ANNA, "{by:?}");
        assert_eq!(sender.lid, format!("{}@lid", lid(ANNA)), "{by:?}");
        assert_eq!(origin.chat_kind(), pb::ChatKind::Person);
        assert_eq!((origin.from_me, origin.offline), (Some(false), Some(false)));
        assert!(!origin.not_durable);
        assert!(!origin.push_name.is_empty());
    }
}

async fn send_to_people(world: &World, events: &mut Watcher) {
    let text = format!("{WORD} out");
    let sent = world.send(BERT, &text).await.unwrap();
    assert!(sent.state() >= SendState::ServerAck && sent.server_ack_at.is_some());
    let received = world
        .peer(BERT)
        .wait_for(|received| received.id == sent.message_id, TEST_TIMEOUT)
        .await
        .unwrap();
    assert_eq!(received.text.as_deref(), Some(text.as_str()));
    for state in [SendState::ServerAck, SendState::Delivered] {
        outcome(events, &sent, state).await;
    }
    world
        .peer(BERT)
        .send_receipt(ACCOUNT, &sent.message_id, Some("read"), By::Lid)
        .await
        .unwrap();
    outcome(events, &sent, SendState::Read).await;
    let receipt = events.event(|event| match &event.kind {
        Some(Kind::Receipt(receipt)) => Some(receipt.clone()),
        _ => None,
    });
    let receipt = receipt.await;
    assert_eq!(receipt.message_ids, [sent.message_id]);
    assert_eq!(receipt.state(), SendState::Read);
    assert_eq!(receipt.recipient.unwrap().lid, format!("{}@lid", lid(BERT)));
}

async fn outcome(events: &mut Watcher, sent: &pb::SendResponse, state: SendState) {
    let outcome = events
        .event(|event| match &event.kind {
            Some(Kind::Outcome(outcome)) => Some(outcome.clone()),
            _ => None,
        })
        .await;
    assert_eq!(outcome.state(), state);
    assert_eq!(
        (outcome.client_token, outcome.message_id),
        (sent.client_token.clone(), sent.message_id.clone())
    );
}

async fn exchange_in_a_group(world: &World, events: &mut Watcher) {
    let group = world
        .phone()
        .create_group("Harbour", &[ANNA, BERT])
        .await
        .unwrap();
    let text = format!("{WORD} to all");
    world.peer(ANNA).send_to_group(&group, &text).await.unwrap();
    let received = events.message().await;
    let origin = received.origin();
    assert_eq!((&*origin.chat, received.text()), (&*group, &*text));
    assert_eq!(origin.chat_kind(), pb::ChatKind::Group);
    let sender = origin.sender.as_ref().unwrap();
    assert_eq!(
        (sender.phone.as_str(), &sender.lid),
        (ANNA, &format!("{}@lid", lid(ANNA)))
    );
    for text in [format!("{WORD} from us"), format!("{WORD} again")] {
        let sent = world.send_with(request(&group, &text)).await.unwrap();
        assert_eq!((&sent.chat, &sent.recipient), (&group, &None));
        for member in [ANNA, BERT] {
            let received = world
                .peer(member)
                .wait_for(|received| received.id == sent.message_id, TEST_TIMEOUT)
                .await
                .unwrap();
            assert_eq!(
                (received.text.as_deref(), &received.chat),
                (Some(text.as_str()), &group)
            );
        }
    }
}
