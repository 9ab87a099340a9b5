//! However messages are delivered, each becomes one event and is acked.

use std::time::Duration;

use openclaw_proto::v1::event::Kind;
use openclaw_sim::{By, Fault};

use crate::harness::{ACCOUNT, ANNA, WORD, World};

#[tokio::test]
async fn duplicate_and_reordered_messages_become_one_event_each() {
    let world = World::linked().await;
    let anna = world.peer(ANNA);
    let mut events = world.watch().await;
    anna.send_text(ACCOUNT, &format!("{WORD} first"), By::Lid)
        .await
        .unwrap();
    events.message().await;
    world.fault(Fault::Duplicate(2)).await;
    world.fault(Fault::Reorder(6)).await;
    let sent: Vec<String> = (0..4).map(|n| format!("{WORD} {n}")).collect();
    for text in &sent {
        anna.send_text(ACCOUNT, text, By::Lid).await.unwrap();
    }
    let mut received = events.texts(4).await;
    received.sort();
    assert_eq!(received, sent);
    world.all_acked().await;
    anna.send_text(ACCOUNT, &format!("{WORD} last"), By::Lid)
        .await
        .unwrap();
    assert_eq!(
        events.message().await.text(),
        format!("{WORD} last"),
        "no event is a duplicate"
    );
    assert_eq!(world.agent.errors(), [""; 0], "a duplicate is no error");
    world.finish().await;
}

#[tokio::test]
async fn a_backlog_arrives_once_in_order_and_is_acked() {
    const WAITING: usize = 50;
    let world = World::linked().await;
    let mut events = world.watch().await;
    world.cut_off().await;
    let mut ids = Vec::new();
    let mut texts = Vec::new();
    for n in 0..WAITING {
        let text = format!("{WORD} {n}");
        ids.push(
            world
                .peer(ANNA)
                .send_text(ACCOUNT, &text, By::Lid)
                .await
                .unwrap(),
        );
        texts.push(text);
    }
    world.sim.fault(Fault::Clear).await;
    for (id, text) in ids.iter().zip(&texts) {
        let received = events.message().await;
        assert_eq!((&received.origin().id, received.text()), (id, &**text));
        assert_eq!(received.origin().offline, Some(true));
    }
    world.all_acked().await;
    let acked: Vec<String> = world
        .sim
        .acks(ACCOUNT)
        .unwrap()
        .into_iter()
        .map(|ack| ack.id)
        .collect();
    for id in &ids {
        assert_eq!(acked.iter().filter(|acked| *acked == id).count(), 1);
    }
    world.receives_again().await;
    let kept = world.events().await;
    let messages = kept
        .iter()
        .filter(|event| matches!(event.kind, Some(Kind::Message(_))));
    assert_eq!(messages.count(), WAITING + 1);
    world.finish().await;
}

/// The server sends more than the stopped agent could process in that time; when the agent resumes, everything is
/// available at once.
#[tokio::test]
async fn messages_faster_than_the_disk_do_not_fill_the_memory() {
    const MESSAGES: usize = 1_000;
    const EACH: usize = 48 * 1024;
    let config = openclaw_sim::Config {
        // The agent is stopped for longer than the server would wait for a response.
        ping_interval: Duration::from_secs(3600),
        ..openclaw_sim::Config::default()
    };
    let world = World::with(config, &[]).await;
    world.link().await;
    let anna = world.peer(ANNA);
    let mut events = world.watch().await;
    anna.send_text(ACCOUNT, WORD, By::Lid).await.unwrap();
    events.message().await;
    let before = world.agent.peak_kib();
    world.agent.pause();
    let filler = "x".repeat(EACH);
    for n in 0..MESSAGES {
        let text = format!("{WORD} {n} {filler}");
        anna.send_text(ACCOUNT, &text, By::Lid).await.unwrap();
    }
    world.agent.unpause();
    for n in 0..MESSAGES {
        let message = events.message().await;
        let text = message.text();
        assert!(text.starts_with(&format!("{WORD} {n} ")), "the {n}th");
    }
    let grown = world.agent.peak_kib() - before;
    let sent = MESSAGES * EACH / 1024;
    assert!(
        usize::try_from(grown).unwrap() < sent / 2,
        "{grown} KiB more for {sent} KiB"
    );
    world.all_acked().await;
    world.finish().await;
}

/// A message that cannot be decrypted is an event and is requested again; a duplicate is ignored.
#[tokio::test]
async fn faults_the_library_handles_are_not_logged_as_errors() {
    let world = World::linked().await;
    let mut events = world.watch().await;
    let anna = world.peer(ANNA);
    for fault in [Fault::Corrupt(3), Fault::Duplicate(20)] {
        world.fault(fault).await;
        for n in 0..20 {
            let text = format!("{WORD} {n}");
            anna.send_text(ACCOUNT, &text, By::Lid).await.unwrap();
        }
        events.texts(20).await;
        world.all_acked().await;
    }
    assert_eq!(world.agent.errors(), [""; 0]);
    let (log, _) = world.agent.output();
    let of_library = log.iter().filter(|line| line.contains("\"WARN\""));
    assert!(of_library.count() < 20, "{log:#?}");
    world.finish().await;
}
