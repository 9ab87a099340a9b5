//! The journal survives the process, and contains each event once.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::LinkState;
use openclaw_proto::v1::event::Kind;
use openclaw_sim::{By, Fault};
use openclaw_state::vault::{Sealed, Tables};
use openclaw_vault::{Batch, Folder, Key, Secret, on_heap};

use crate::harness::{ACCOUNT, ANNA, WORD, World, lid};

/// The texts in the journal, in order.
async fn texts(world: &World) -> Vec<String> {
    let events = world.events().await;
    let texts = events.into_iter().filter_map(|event| match event.kind {
        Some(Kind::Message(message)) => Some(message.text().to_owned()),
        _ => None,
    });
    texts.collect()
}

async fn write(world: &World, number: usize) -> String {
    let text = format!("{WORD} {number}");
    let anna = world.peer(ANNA);
    anna.send_text(ACCOUNT, &text, By::Lid).await.unwrap();
    text
}

#[tokio::test]
async fn events_survive_a_kill_and_a_cursor_continues_after_it() {
    let mut world = World::linked().await;
    let url = world.sim.url();
    let mut written = Vec::new();
    let mut events = world.watch().await;
    let mut cursor = 0;
    for number in 0..5 {
        written.push(write(&world, number).await);
        let text = written[number].clone();
        cursor = events
            .event(|event| {
                matches!(&event.kind, Some(Kind::Message(message)) if message.text() == text)
                    .then_some(event.seq)
            })
            .await;
    }
    world.agent.kill().await;
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    assert_eq!(texts(&world).await, written);
    written.push(write(&world, 5).await);
    let after = pb::WatchEventsRequest {
        after: Some(cursor),
        follow: true,
        ..Default::default()
    };
    let mut events = world.watch_with(after).await;
    assert_eq!(
        events.message().await.text(),
        written[5],
        "and none before it"
    );
    assert_eq!(texts(&world).await, written);
    world.finish().await;
}

#[tokio::test]
async fn a_message_delivered_again_after_a_restart_is_recorded_once() {
    let mut world = World::linked().await;
    let url = world.sim.url();
    write(&world, 0).await;
    let mut events = world.watch().await;
    let written = write(&world, 1).await;
    while events.message().await.text() != written {}
    world.all_acked().await;
    let before = texts(&world).await;
    world.agent.kill().await;
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    world.fault(Fault::Duplicate(3)).await;
    let last = write(&world, 2).await;
    let mut events = world.watch().await;
    let mark = write(&world, 3).await;
    while events.message().await.text() != mark {}
    world.all_acked().await;
    assert_eq!(texts(&world).await, [before, vec![last, mark]].concat());
    world.finish().await;
}

#[tokio::test]
async fn linking_again_keeps_earlier_events() {
    let world = World::linked().await;
    let mut events = world.watch().await;
    let written = write(&world, 0).await;
    while events.message().await.text() != written {}
    let request = pb::PairRequest {
        replace: true,
        ..pb::PairRequest::by_qr()
    };
    let mut pairing = world.pair(request).await.unwrap();
    let qr = pairing.qr().await;
    world.phone().scan(&qr.payload).await.unwrap();
    pairing.linked().await;
    assert_eq!(texts(&world).await, [written]);
    world.finish().await;
}

/// The state after a power failure between the ack to WhatsApp and the write of the journal's rows.
#[tokio::test]
async fn an_acked_message_not_yet_recorded_is_recorded_at_the_next_start() {
    let mut world = World::linked().await;
    let url = world.sim.url();
    assert_eq!(world.agent.terminate().await.code(), Some(0));
    let text = format!("{WORD} found");
    let length = u8::try_from(text.len()).unwrap();
    // A message's first field is its text.
    let whole = [&[0x0a, length][..], text.as_bytes()].concat();
    {
        let secret = std::fs::read_to_string(world.agent.key_file()).unwrap();
        let secret = Secret::parse_key(&secret).unwrap();
        let folder = Folder::new(world.agent.volume());
        let (mut sealed, _) = Sealed::open(folder, &secret, on_heap).unwrap();
        let mut batch = Batch::new();
        let (chat, sender) = (format!("{}@lid", lid(ANNA)), format!("{}@lid", lid(ANNA)));
        for (id, message) in [("3EB0F0", &whole[..]), ("3EB0F1", b"\x0a\xff")] {
            let name = [
                &(sender.len() as u64).to_be_bytes()[..],
                sender.as_bytes(),
                id.as_bytes(),
            ]
            .concat();
            let row = [&1_i64.to_be_bytes()[..], message].concat();
            let key = Key::new(Tables::PENDING_INBOUND, &chat, &name);
            batch.put(key, &row);
        }
        sealed.append(&batch).unwrap();
        sealed.close().unwrap();
    }
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    let reported = async |world: &World| {
        let events = world.events().await;
        let lost = events.iter().filter_map(|event| match &event.kind {
            Some(Kind::Lost(lost)) => Some((lost.origin().id.clone(), lost.reason())),
            _ => None,
        });
        (texts(world).await, lost.collect::<Vec<_>>())
    };
    let expected = (
        vec![text],
        vec![("3EB0F1".to_owned(), pb::LostReason::Unreadable)],
    );
    assert_eq!(reported(&world).await, expected);
    world.agent.kill().await;
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    assert_eq!(reported(&world).await, expected, "once");
    world.finish().await;
}
