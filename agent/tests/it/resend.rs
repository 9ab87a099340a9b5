//! Contacts with several devices: each gets its own copy, and a copy that a device cannot decrypt is encrypted again
//! for that device.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::LinkState;
use openclaw_proto::v1::event::Kind;
use openclaw_sim::{By, Fault, Peer, Received};

use crate::harness::{ACCOUNT, ANNA, BERT, TEST_TIMEOUT, WORD, World, request, seconds};

impl World {
    /// Sends, and returns the message's id.
    async fn send_text(&self, to: &str, text: &str) -> String {
        let text = format!("{WORD} {text}");
        self.send(to, &text).await.unwrap().message_id
    }
}

/// Waits until these devices have decrypted a message; it is in the inbox once.
async fn opened(peer: &Peer, id: &str, devices: &[u16]) -> Received {
    let all = |it: &Received| it.id == id && it.opened_at.iter().eq(devices);
    let received = peer.wait_for(all, TEST_TIMEOUT).await;
    let inbox = peer.inbox();
    let got: Vec<_> = inbox.iter().filter(|it| it.id == id).collect();
    assert!(received.is_ok(), "{id} at {devices:?}: {}", got.len());
    assert_eq!(got.len(), 1, "{id}");
    received.unwrap()
}

#[tokio::test]
async fn a_copy_that_one_device_cannot_decrypt_is_encrypted_again_for_it() {
    let world = World::linked().await;
    let anna = world.peer(ANNA);
    anna.add_devices(2);
    for device in [0, 2] {
        for times in 1..=4 {
            for keys in [None, Some(true), Some(false)] {
                anna.on_device(device).cannot_open(1, times, keys);
                let id = world.send_text(ANNA, "not at once").await;
                opened(&anna, &id, &[0, 1, 2]).await;
            }
        }
    }
    let id = world.send_text(ANNA, "at once").await;
    opened(&anna, &id, &[0, 1, 2]).await;
    world.finish().await;
}

/// Clients refuse a fifth request. Later messages are not blocked.
#[tokio::test]
async fn a_device_that_asks_a_fifth_time_is_refused() {
    let world = World::linked().await;
    let anna = world.peer(ANNA);
    anna.cannot_open(1, 5, None);
    let lost = world.send_text(ANNA, "never").await;
    let id = world.send_text(ANNA, "the next").await;
    opened(&anna, &id, &[0]).await;
    assert!(anna.inbox().iter().all(|it| it.id != lost));
    let requests = "recipient could not decrypt a message and requests it again";
    world.agent.logged_times(requests, 5).await;
    let metrics = world.agent.get("/metrics").await.body;
    let counted = "\nopenclaw_messages_resend_requested_total 5\n";
    assert!(metrics.contains(counted), "{metrics}");
    world.finish().await;
}

#[tokio::test]
async fn in_a_group_it_is_encrypted_again_for_one_device_only() {
    let world = World::linked().await;
    let (anna, bert) = (world.peer(ANNA), world.peer(BERT));
    anna.add_devices(1);
    let members = [ANNA, BERT];
    let group = world.phone().create_group("Tide", &members).await.unwrap();
    for device in [0, 1] {
        for times in 1..=3 {
            anna.on_device(device).cannot_open(1, times, None);
            let id = world.send_text(&group, "not at once").await;
            assert_eq!(opened(&anna, &id, &[0, 1]).await.chat, group);
            assert_eq!(opened(&bert, &id, &[0]).await.kind, "skmsg");
        }
    }
    let id = world.send_text(&group, "at once").await;
    assert_eq!(opened(&anna, &id, &[0, 1]).await.kind, "skmsg");
    world.finish().await;
}

/// Another device of the account gets its copy again. For the phone itself, the library (0.7.0) takes the other side of
/// the chat for the requesting device (`resolve_retry_chat_info`), and puts the phone's keys into that contact's
/// session: not tested here.
#[tokio::test]
async fn the_accounts_other_device_gets_its_copy_again() {
    let world = World::with(openclaw_sim::Config::default(), &[]).await;
    let own = world.phone().as_peer();
    own.add_devices(1);
    world.link().await;
    for times in 1..=3 {
        own.on_device(1).cannot_open(1, times, None);
        let id = world.send_text(ANNA, "not at once").await;
        opened(&own, &id, &[0, 1]).await;
        opened(&world.peer(ANNA), &id, &[0]).await;
    }
    world.finish().await;
}

/// A phone that was off for days requests messages sent meanwhile, from a new process of the agent.
#[tokio::test]
async fn a_message_sent_before_a_restart_is_encrypted_again() {
    let mut world = World::linked().await;
    let anna = world.peer(ANNA);
    anna.add_devices(1);
    let members = [ANNA, BERT];
    let group = world.phone().create_group("Tide", &members).await.unwrap();
    for killed in [false, true] {
        anna.set_online(false);
        let mut sent = Vec::new();
        for device in [0, 1] {
            anna.on_device(device).cannot_open(2, 2, None);
            sent.push(world.send_text(ANNA, "to her").await);
            sent.push(world.send_text(&group, "to all").await);
        }
        let url = world.sim.url();
        if killed {
            world.agent.kill().await;
        } else {
            world.agent.terminate().await;
        }
        world.agent.start_again(&url).await;
        world.phone().wait_until_active(TEST_TIMEOUT).await.unwrap();
        anna.set_online(true);
        for id in &sent {
            opened(&anna, id, &[0, 1]).await;
        }
        let id = world.send_text(ANNA, "the next").await;
        opened(&anna, &id, &[0, 1]).await;
    }
    world.finish().await;
}

/// The key was written to a connection that WhatsApp did not read any more. The library does not send it again by itself, so
/// the device asks for it.
#[tokio::test]
async fn a_device_whose_key_for_a_group_was_lost_with_the_connection_receives_each_message() {
    for killed in [false, true] {
        let mut world = World::linked().await;
        let members = [ANNA, BERT];
        let group = world.phone().create_group("Tide", &members).await.unwrap();
        world.send_text(&group, "before").await;
        // This device gets the key with the next message to the group, which no question precedes.
        world.peer(ANNA).add_devices(1);
        let id = world.send_text(ANNA, "to her").await;
        opened(&world.peer(ANNA), &id, &[0, 1]).await;
        world.fault(Fault::HalfOpen).await;
        let first = pb::SendRequest {
            client_token: "t".to_owned(),
            timeout: seconds(1),
            ..request(&group, &format!("{WORD} to all"))
        };
        world.send_with(first.clone()).await.unwrap_err();
        if killed {
            let url = world.sim.url();
            world.agent.kill().await;
            world.agent.start_again(&url).await;
        } else {
            world.fault(Fault::Drop).await;
            let lost = "WhatsApp disconnected: connection_lost";
            world.agent.logged(lost).await;
        }
        world.agent.until_state(LinkState::Connected).await;
        let first = world.send_with(first).await.unwrap().message_id;
        let next = world.send_text(&group, "to all again").await;
        for id in [&first, &next] {
            opened(&world.peer(ANNA), id, &[0, 1]).await;
            opened(&world.peer(BERT), id, &[0]).await;
        }
        let asked = "recipient could not decrypt a message and requests it again";
        assert!(world.agent.count_logged(asked) >= 1);
        world.finish().await;
    }
}

#[tokio::test]
async fn a_contact_with_a_reinstalled_phone_receives_and_sends_each_message_once() {
    let world = World::linked().await;
    let anna = world.peer(ANNA);
    anna.add_devices(1);
    let mut events = world.watch().await;
    let id = world.send_text(ANNA, "to both").await;
    opened(&anna, &id, &[0, 1]).await;
    for round in 0..3 {
        anna.reinstall();
        let text = format!("{WORD} {round}");
        // Alternates which side writes first.
        if round % 2 == 0 {
            anna.send_text(ACCOUNT, &text, By::Lid).await.unwrap();
            assert_eq!(events.message().await.text(), text);
        }
        let id = world.send_text(ANNA, "to the new one").await;
        opened(&anna, &id, &[0]).await;
        if round % 2 == 1 {
            anna.send_text(ACCOUNT, &text, By::Lid).await.unwrap();
            assert_eq!(events.message().await.text(), text);
        }
    }
    world.all_acked().await;
    let kept = world.events().await;
    let messages = kept
        .iter()
        .filter(|event| matches!(event.kind, Some(Kind::Message(_))));
    assert_eq!(messages.count(), 3);
    world.finish().await;
}

#[tokio::test]
async fn messages_of_every_device_of_a_contact_are_attributed_to_it() {
    let world = World::linked().await;
    let anna = world.peer(ANNA);
    anna.add_devices(2);
    let mut events = world.watch().await;
    let members = [ANNA, BERT];
    let group = world.phone().create_group("Tide", &members).await.unwrap();
    for by in [By::Lid, By::Pn] {
        for device in [1, 0, 2] {
            let anna = anna.on_device(device);
            let text = format!("{WORD} {device}");
            anna.send_text(ACCOUNT, &text, by).await.unwrap();
            let received = events.message().await;
            assert_eq!(received.text(), text);
            let sender = received.origin().sender.clone().unwrap();
            assert_eq!(sender.phone, ANNA);
            anna.send_to_group_by(&group, &text, by).await.unwrap();
            let received = events.message().await;
            assert_eq!((received.text(), &received.origin().chat), (&*text, &group));
            assert_eq!(received.origin().sender.clone().unwrap().phone, ANNA);
        }
    }
    let sent = world.send_with(request(ANNA, WORD)).await.unwrap();
    opened(&anna, &sent.message_id, &[0, 1, 2]).await;
    world.finish().await;
}
