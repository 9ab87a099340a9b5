//! Kinds of chats and their attributes: status updates, channels, broadcast lists, timers, albums, and messages that no
//! companion can decrypt.

mod listed;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::ChatKind;
use openclaw_proto::v1::event::Kind;
use openclaw_sim::{Broadcast, By, content};
use whatsapp_rust::waproto::whatsapp as wa;

use crate::harness::{ACCOUNT, ANNA, BERT, WORD, World, lid, seconds};

/// The user part of the JIDs of lists in these tests.
const LIST: &str = "1690000000";
const CHANNEL: &str = "120363000000000009";
const WEEK: u32 = 604_800;

fn text(text: &str) -> wa::Message {
    wa::Message {
        conversation: Some(text.to_owned()),
        ..Default::default()
    }
}

/// The messages of a watch with a filter for these kinds of chats and these chats.
async fn messages(world: &World, kinds: &[ChatKind], chats: &[&str]) -> Vec<pb::Message> {
    let request = pb::WatchEventsRequest {
        after: Some(0),
        filter: Some(pb::EventFilter {
            chat_kinds: kinds.iter().map(|kind| i32::from(*kind)).collect(),
            chats: chats.iter().map(|&chat| chat.to_owned()).collect(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let events = world.watch_with(request).await.all().await;
    let messages = events.into_iter().filter_map(|event| match event.kind {
        Some(Kind::Message(message)) => Some(message),
        _ => None,
    });
    messages.collect()
}

fn ids(messages: &[pb::Message]) -> Vec<&str> {
    let ids = messages.iter().map(|message| &*message.origin().id);
    ids.collect()
}

#[tokio::test]
async fn a_broadcast_message_is_in_the_chat_with_its_sender() {
    let world = World::linked().await;
    for (peer, by) in [(ANNA, By::Lid), (BERT, By::Pn)] {
        let peer = world.peer(peer);
        let sent = peer.broadcast(ACCOUNT, Broadcast::List(LIST), text(WORD), by, None);
        sent.await.unwrap();
    }
    world.all_acked().await;
    let seen = messages(&world, &[], &[]).await;
    assert_eq!(seen.len(), 2);
    for (message, peer) in seen.iter().zip([ANNA, BERT]) {
        let origin = message.origin();
        assert_eq!(origin.sender.as_ref().unwrap().phone, peer);
        assert_eq!(origin.chat_kind(), ChatKind::Person);
        // A reply to its chat reaches the sender.
        world.send(&origin.chat, "answer").await.unwrap();
        let answered = world.peer(peer).inbox();
        assert!(
            answered
                .iter()
                .any(|it| it.text.as_deref() == Some("answer"))
        );
    }
    world.finish().await;
}

#[tokio::test]
async fn statuses_and_channels_have_a_kind_and_are_sent_on_request() {
    let world = World::linked().await;
    let anna = world.peer(ANNA);
    let status = anna.broadcast(ACCOUNT, Broadcast::Status, text(WORD), By::Lid, None);
    let status = status.await.unwrap();
    let post = world.phone().post_in_channel(CHANNEL, WORD);
    let direct = anna.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
    world.all_acked().await;
    let channel = format!("{CHANNEL}@newsletter");

    let seen = messages(&world, &[], &[]).await;
    assert_eq!(ids(&seen), [&direct]);
    let seen = messages(&world, &[ChatKind::Status], &[]).await;
    assert_eq!(ids(&seen), [&status]);
    let origin = seen[0].origin();
    assert_eq!(origin.chat_kind(), ChatKind::Status);
    assert_eq!(origin.chat, "status@broadcast");
    assert_eq!(origin.sender.as_ref().unwrap().phone, ANNA);
    for (kinds, chats) in [(&[ChatKind::Channel][..], &[][..]), (&[], &[&*channel])] {
        let seen = messages(&world, kinds, chats).await;
        assert_eq!(ids(&seen), [&post]);
        let origin = seen[0].origin();
        assert_eq!(origin.chat, channel);
        assert_eq!(origin.chat_kind(), ChatKind::Channel);
        assert!(origin.not_durable);
        assert_eq!(seen[0].text(), WORD);
    }
    let every = [
        ChatKind::Person,
        ChatKind::Group,
        ChatKind::Status,
        ChatKind::Channel,
    ];
    assert_eq!(messages(&world, &every, &[]).await.len(), 3);
    world.finish().await;
}

/// The timer of the account's last message to a peer, as the simulator's inbox shows it.
fn timer_of_last(world: &World, peer: &str) -> Option<u32> {
    world.peer(peer).inbox().pop().unwrap().expiration
}

#[tokio::test]
async fn a_chats_timer_is_reported_and_applied_to_sent_messages() {
    let mut world = World::linked().await;
    let anna = world.peer(ANNA);
    world.send(ANNA, "before").await.unwrap();
    assert_eq!(timer_of_last(&world, ANNA), None);
    // Received by LID and answered by number: it is one chat.
    let message = content::disappearing(WORD, WEEK);
    anna.send(ACCOUNT, message, By::Lid, None).await.unwrap();
    world.all_acked().await;
    let seen = messages(&world, &[], &[]).await;
    assert_eq!(
        seen.last().unwrap().disappears_after,
        seconds(i64::from(WEEK))
    );
    for to in [ANNA.to_owned(), format!("{}@lid", lid(ANNA))] {
        world.send(&to, "answer").await.unwrap();
        assert_eq!(timer_of_last(&world, ANNA), Some(WEEK), "{to}");
    }
    world.send(BERT, "to another").await.unwrap();
    assert_eq!(timer_of_last(&world, BERT), None);

    // A changed timer survives a restart.
    anna.send(ACCOUNT, content::timer(86_400), By::Pn, None)
        .await
        .unwrap();
    world.all_acked().await;
    world.agent.kill().await;
    let url = world.sim.url();
    world.agent.start_again(&url).await;
    world.agent.until_state(pb::LinkState::Connected).await;
    world.send(ANNA, "a day").await.unwrap();
    assert_eq!(timer_of_last(&world, ANNA), Some(86_400));

    // A message without a timer removes it.
    anna.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
    world.all_acked().await;
    world.send(ANNA, "stays").await.unwrap();
    assert_eq!(timer_of_last(&world, ANNA), None);
    world.finish().await;
}

#[tokio::test]
async fn a_picture_of_an_album_names_its_album() {
    let world = World::linked().await;
    let anna = world.peer(ANNA);
    for caption in ["one", "two"] {
        let part = content::album_part("3EB0ALBUM", caption);
        anna.send(ACCOUNT, part, By::Lid, None).await.unwrap();
    }
    let alone = content::image("alone");
    anna.send(ACCOUNT, alone, By::Lid, None).await.unwrap();
    world.all_acked().await;
    let albums: Vec<_> = messages(&world, &[], &[]).await;
    let albums: Vec<_> = albums
        .iter()
        .map(|message| (message.text(), message.album_id.as_str()))
        .collect();
    let wanted = [("one", "3EB0ALBUM"), ("two", "3EB0ALBUM"), ("alone", "")];
    assert_eq!(albums, wanted);
    world.finish().await;
}

#[tokio::test]
async fn a_message_only_the_phone_can_decrypt_is_reported() {
    let world = World::linked().await;
    let id = world.phone().answer_by_bot();
    let mut watcher = world.watch().await;
    let event = watcher.event(|event| match &event.kind {
        Some(Kind::Undecryptable(message)) => Some(message.clone()),
        _ => None,
    });
    let event = event.await;
    assert_eq!(event.reason(), pb::UndecryptableReason::Bot);
    let origin = event.origin();
    assert_eq!(origin.id, id);
    assert_eq!(origin.sender.as_ref().unwrap().phone, "+13135550002");
    assert!(origin.sent_at.is_some());
    assert_eq!((origin.from_me, origin.offline), (Some(false), Some(false)));
    world.all_acked().await;
    world.finish().await;
}
