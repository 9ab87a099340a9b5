//! A chat and a person have one canonical name, whatever address the wire used.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::event::Kind;
use openclaw_sim::{By, Fault};

use crate::harness::{ACCOUNT, ANNA, BERT, WORD, World, lid, reason};

impl World {
    /// Every kept message, oldest first.
    async fn messages(&self) -> Vec<pb::Message> {
        let events = self.events().await.into_iter();
        let messages = events.filter_map(|event| match event.kind {
            Some(Kind::Message(message)) => Some(message),
            _ => None,
        });
        messages.collect()
    }

    async fn writes(&self, who: &str, text: &str, by: By, id: Option<&str>) -> String {
        let message = whatsapp_rust::waproto::whatsapp::Message {
            conversation: Some(text.to_owned()),
            ..Default::default()
        };
        let id = id.map(str::to_owned);
        let sent = self.peer(who).send(ACCOUNT, message, by, id).await;
        sent.unwrap()
    }
}

#[tokio::test]
async fn a_message_delivered_by_number_and_by_lid_is_one_event() {
    let mut world = World::linked().await;
    let orders = [(By::Lid, By::Pn), (By::Pn, By::Lid), (By::Pn, By::Pn)];
    let mut ids = Vec::new();
    for (who, (first, again)) in [ANNA, BERT, "+15550100004"].into_iter().zip(orders) {
        let id = world.writes(who, WORD, first, None).await;
        world.all_acked().await;
        world.writes(who, WORD, again, Some(&id)).await;
        world.all_acked().await;
        ids.push((who, id));
    }
    // And after a restart.
    let url = world.sim.url();
    world.agent.kill().await;
    world.agent.start_again(&url).await;
    for (who, id) in &ids {
        for by in [By::Lid, By::Pn] {
            world.writes(who, WORD, by, Some(id)).await;
        }
    }
    world.all_acked().await;
    let received = world.messages().await;
    let received: Vec<_> = received.iter().map(|it| it.origin().id.clone()).collect();
    assert_eq!(
        received,
        ids.into_iter().map(|(_, id)| id).collect::<Vec<_>>()
    );
    world.finish().await;
}

#[tokio::test]
async fn two_addresses_learnt_from_a_backlog_are_one_person_afterwards() {
    let carl = "+15550100004";
    let mut world = World::linked().await;
    let group = world.phone().create_group("Harbour", &[carl]).await;
    let group = group.unwrap();
    world.all_acked().await;
    world.agent.terminate().await;
    let mut ids = Vec::new();
    for (who, by) in [(ANNA, By::Pn), (BERT, By::Lid)] {
        ids.push((who, world.writes(who, WORD, by, None).await));
    }
    let peer = world.peer(carl);
    let sent = peer.send_to_group_by(&group, WORD, By::Lid);
    sent.await.unwrap();
    let url = world.sim.url();
    world.agent.start_again(&url).await;
    world.all_acked().await;
    let id = world.writes(carl, WORD, By::LidAlone, None).await;
    ids.push((carl, id));
    for _ in 0..2 {
        for (who, id) in &ids {
            for by in [By::LidAlone, By::PnAlone] {
                world.writes(who, WORD, by, Some(id)).await;
            }
        }
        world.all_acked().await;
        world.agent.kill().await;
        world.agent.start_again(&url).await;
    }
    for (who, id) in ids {
        let request = pb::WatchEventsRequest {
            after: Some(0),
            filter: Some(pb::EventFilter {
                chats: vec![who.to_owned()],
                ..Default::default()
            }),
            ..Default::default()
        };
        let found = world.watch_with(request).await.all().await;
        let found: Vec<_> = found.iter().map(|event| event.kind.as_ref()).collect();
        let [Some(Kind::Message(message))] = found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(message.origin().id, id);
        assert_eq!(message.origin().sender.as_ref().unwrap().phone, who);
    }
    world.finish().await;
}

#[tokio::test]
async fn a_chat_has_one_name_in_every_event_and_is_found_by_both_addresses() {
    let world = World::linked().await;
    world.writes(ANNA, WORD, By::Pn, None).await;
    world.writes(ANNA, WORD, By::Lid, None).await;
    world.writes(ANNA, WORD, By::Pn, None).await;
    let sent = world.send(ANNA, WORD).await.unwrap();
    let anna = world.peer(ANNA);
    anna.send_receipt(ACCOUNT, &sent.message_id, Some("read"), By::Pn)
        .await
        .unwrap();
    let mut events = world.watch().await;
    events
        .event(|event| match &event.kind {
            Some(Kind::Outcome(send)) if send.state() == pb::SendState::Read => Some(()),
            _ => None,
        })
        .await;
    let name = format!("{}@lid", lid(ANNA));
    let chats = |events: &[pb::Event]| -> Vec<String> {
        let chats = events
            .iter()
            .filter_map(|event| match event.kind.as_ref()? {
                Kind::Message(it) => Some(it.origin().chat.clone()),
                Kind::Receipt(it) => Some(it.chat.clone()),
                Kind::Outcome(it) => Some(it.chat.clone()),
                _ => None,
            });
        chats.collect()
    };
    let reported = chats(&world.events().await);
    assert!(reported.len() >= 6, "{}", reported.len());
    assert!(
        reported.iter().all(|chat| *chat == name),
        "more than one name"
    );
    for asked in [ANNA, &name] {
        let request = pb::WatchEventsRequest {
            after: Some(0),
            filter: crate::harness::chats([asked]),
            ..Default::default()
        };
        let found = world.watch_with(request).await.all().await;
        assert_eq!(chats(&found).len(), reported.len());
    }
    world.finish().await;
}

#[tokio::test]
async fn a_backlog_by_number_and_by_lid_is_in_the_order_of_arrival() {
    const WAITING: usize = 60;
    let world = World::linked().await;
    world
        .writes(ANNA, &format!("{WORD} first"), By::Lid, None)
        .await;
    world.all_acked().await;
    world.cut_off().await;
    let mut texts = vec![format!("{WORD} first")];
    for n in 0..WAITING {
        // Runs of different lengths by each address.
        let by = if n % 7 < 4 { By::Pn } else { By::Lid };
        let text = format!("{WORD} {n}");
        world.writes(ANNA, &text, by, None).await;
        texts.push(text);
    }
    world.sim.fault(Fault::Clear).await;
    let mut events = world.watch().await;
    let received = events.texts(WAITING + 1).await;
    assert_eq!(received, texts);
    world.all_acked().await;
    world.finish().await;
}

#[tokio::test]
async fn both_sides_of_a_conversation_are_in_order_across_many_batches() {
    const WAITING: usize = 900;
    let world = World::linked().await;
    world.writes(ANNA, WORD, By::Lid, None).await;
    world.all_acked().await;
    world.cut_off().await;
    let mut texts = vec![WORD.to_owned()];
    for n in 0..WAITING {
        let text = format!("{WORD} {n}");
        // Long runs by one address, so that the other queues are far ahead.
        match n % 300 {
            0..200 => world.writes(ANNA, &text, By::Pn, None).await,
            200..290 => world.writes(ANNA, &text, By::Lid, None).await,
            _ => world.phone().send_text(ANNA, &text).await.unwrap(),
        };
        texts.push(text);
    }
    world.sim.fault(Fault::Clear).await;
    let mut events = world.watch().await;
    let received = events.texts(WAITING + 1).await;
    let wrong = received
        .iter()
        .zip(&texts)
        .position(|(received, text)| received != text);
    assert_eq!(wrong, None, "the first message out of order");
    world.all_acked().await;
    assert_eq!(world.messages().await.len(), WAITING + 1);
    let held = world.agent.status().await.rules.unwrap().held;
    assert_eq!(held, 0, "no message is still held");
    world.finish().await;
}

#[tokio::test]
async fn a_contact_without_a_number_is_named_and_answered_by_its_lid() {
    let world = World::linked().await;
    let anna = world.peer(ANNA);
    anna.hide_number(true);
    world.writes(ANNA, WORD, By::Lid, None).await;
    world.all_acked().await;
    let name = format!("{}@lid", lid(ANNA));
    let messages = world.messages().await;
    let [message] = &messages[..] else {
        panic!("{}", messages.len())
    };
    let sender = message.origin().sender.clone().unwrap();
    assert_eq!((sender.phone, sender.lid), (String::new(), name.clone()));
    assert_eq!(message.origin().chat, name);
    world.send(&name, WORD).await.unwrap();
    assert_eq!(anna.inbox_len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn a_contact_with_a_new_number_is_another_contact_and_the_old_number_is_unassigned() {
    const NEW: &str = "+15550100055";
    let world = World::linked().await;
    world.writes(ANNA, WORD, By::Lid, None).await;
    world.send(ANNA, WORD).await.unwrap();
    let moved = world.peer(ANNA).change_number(NEW).unwrap();
    world.all_acked().await;
    let sent = moved.send_text(ACCOUNT, WORD, By::Lid).await;
    sent.unwrap();
    world.all_acked().await;
    let messages = world.messages().await.into_iter();
    let senders = messages.map(|message| message.origin().sender.clone().unwrap().phone);
    assert_eq!(senders.collect::<Vec<_>>(), [ANNA, NEW]);
    world.send(NEW, WORD).await.unwrap();
    assert!(
        moved
            .inbox()
            .iter()
            .any(|it| it.text.as_deref() == Some(WORD))
    );
    let refused = world.send(ANNA, WORD).await.unwrap_err();
    assert_eq!(reason(&refused), "NOT_ON_WHATSAPP");
    world.finish().await;
}

#[tokio::test]
async fn a_known_number_is_queried_again_after_a_refused_message() {
    let world = World::linked().await;
    world.send(ANNA, WORD).await.unwrap();
    world.sim.unknown(ANNA).unwrap();
    for refusal in ["NOT_SENT", "NOT_ON_WHATSAPP"] {
        let refused = world.send(ANNA, WORD).await.unwrap_err();
        assert_eq!(reason(&refused), refusal);
    }
    assert_eq!(world.finish_with_violations().await.len(), 1);
}
