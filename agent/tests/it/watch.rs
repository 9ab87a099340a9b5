//! Following events: every client sees the same, none waits for another, and every loss is reported.

use std::time::SystemTime;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::EventKind;
use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_proto::v1::event::Kind;
use openclaw_proto::v1::watch_events_response::Item;
use openclaw_sim::By;
use tonic::transport::Endpoint;

use crate::harness::{ACCOUNT, ANNA, TEST_TIMEOUT, WORD, Watcher, World, kinds};

impl World {
    async fn receive(&self, texts: &[String]) {
        for text in texts {
            let anna = self.peer(ANNA);
            anna.send_text(ACCOUNT, text, By::Lid).await.unwrap();
        }
    }
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{WORD} {n}")).collect()
}

fn from(after: u64) -> pb::WatchEventsRequest {
    pb::WatchEventsRequest {
        after: Some(after),
        follow: true,
        ..Default::default()
    }
}

/// A watch over its own connection, which has at most 16 streams.
async fn watch_apart(world: &World) -> Watcher {
    let socket = format!("unix:{}", world.agent.socket.display());
    let channel = Endpoint::from_shared(socket).unwrap().connect_lazy();
    let request = pb::WatchEventsRequest {
        after: Some(0),
        follow: true,
        ..Default::default()
    };
    let events = AgentClient::new(channel).watch_events(request).await;
    Watcher::new(events.unwrap().into_inner())
}

#[tokio::test]
async fn a_hundred_watchers_see_the_same_and_a_stalled_one_delays_none() {
    const WATCHERS: usize = 100;
    let world = World::linked().await;
    // Opened but never read.
    let _stalled = world.watch().await;
    let mut watchers = Vec::with_capacity(WATCHERS);
    for _ in 0..WATCHERS {
        watchers.push(watch_apart(&world).await);
    }
    let sent = texts(100);
    world.receive(&sent).await;
    let count = sent.len();
    let all = watchers.iter_mut().map(|watcher| watcher.texts(count));
    let all = tokio::time::timeout(TEST_TIMEOUT, futures::future::join_all(all));
    for seen in all.await.expect("all of it in time") {
        assert_eq!(seen, sent);
    }
    world.everything_reports_connected().await;
    world.finish().await;
}

#[tokio::test]
async fn a_stalled_watcher_gets_everything_once_it_reads() {
    let world = World::linked().await;
    let mut stalled = world.watch().await;
    // More than all flow-control windows between the two.
    let sent: Vec<String> = (0..400)
        .map(|n| format!("{WORD} {n} {}", "x".repeat(1_000)))
        .collect();
    world.receive(&sent).await;
    world.all_acked().await;
    assert!(stalled.texts(sent.len()).await == sent);
    world.finish().await;
}

#[tokio::test]
async fn an_interrupted_watcher_gets_exactly_the_rest() {
    let world = World::linked().await;
    let sent = texts(20);
    let mut first = world.watch().await;
    world.receive(&sent[..10]).await;
    let mut last = 0;
    for text in &sent[..7] {
        let (seq, received) = first
            .event(|event| match &event.kind {
                Some(Kind::Message(message)) => Some((event.seq, message.text().to_owned())),
                _ => None,
            })
            .await;
        assert_eq!(&received, text);
        last = seq;
    }
    drop(first);
    world.receive(&sent[10..]).await;
    world.all_acked().await;
    let mut second = world.watch_with(from(last)).await;
    for text in &sent[7..] {
        match second.item().await.unwrap() {
            Some(Item::Event(event)) => {
                last += 1;
                assert_eq!(event.seq, last, "neighbours differ by one");
                assert!(
                    matches!(event.kind, Some(Kind::Message(message)) if message.text() == text)
                );
            }
            Some(Item::Heartbeat(_)) => {
                panic!("the end was reached before {text}");
            }
            other => panic!("{other:?}"),
        }
    }
    world.finish().await;
}

#[tokio::test]
async fn without_follow_the_stream_ends_at_the_head() {
    let world = World::linked().await;
    world.receive(&texts(3)).await;
    world.all_acked().await;
    let head = world.agent.status().await.events.unwrap();
    let events = world.events().await;
    assert_eq!(events.first().unwrap().seq, head.oldest);
    assert_eq!(events.last().unwrap().seq, head.head);
    assert!(events.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1));
    let times = events
        .iter()
        .map(|event| SystemTime::try_from(event.recorded_at.unwrap()).unwrap());
    assert!(times.is_sorted());
    world.finish().await;
}

#[tokio::test]
async fn without_after_only_new_events_are_sent() {
    let world = World::linked().await;
    let sent = texts(2);
    world.receive(&sent[..1]).await;
    world.all_acked().await;
    let request = pb::WatchEventsRequest {
        after: None,
        follow: true,
        filter: kinds([EventKind::Message]),
        ..Default::default()
    };
    let mut watcher = world.watch_with(request).await;
    match watcher.item().await.unwrap() {
        Some(Item::Heartbeat(beat)) => {
            let head = world.agent.status().await.events.unwrap().head;
            assert_eq!(beat.head, head, "a followed stream starts with where it is");
        }
        other => panic!("{other:?}"),
    }
    world.receive(&sent[1..]).await;
    assert_eq!(watcher.texts(1).await, sent[1..]);
    world.finish().await;
}

#[tokio::test]
async fn only_the_requested_kinds_are_sent() {
    let world = World::linked().await;
    world.receive(&texts(2)).await;
    let mut reported = world.watch().await;
    world.send(ANNA, WORD).await.unwrap();
    // The receipt is the last of them.
    reported
        .event(|event| matches!(event.kind, Some(Kind::Receipt(_))).then_some(()))
        .await;
    world.all_acked().await;
    for (kind, fits) in [
        (
            EventKind::Message,
            (|kind| matches!(kind, Kind::Message(_))) as fn(&Kind) -> bool,
        ),
        (EventKind::Link, |kind| matches!(kind, Kind::Link(_))),
        (EventKind::Outcome, |kind| matches!(kind, Kind::Outcome(_))),
        (EventKind::Receipt, |kind| matches!(kind, Kind::Receipt(_))),
    ] {
        let request = pb::WatchEventsRequest {
            after: Some(0),
            follow: false,
            filter: kinds([kind]),
            ..Default::default()
        };
        let events = world.watch_with(request).await.all().await;
        assert!(!events.is_empty(), "{kind:?}");
        assert!(
            events
                .iter()
                .all(|event| event.kind.as_ref().is_some_and(fits)),
            "{kind:?}"
        );
    }
    world.finish().await;
}

#[tokio::test]
async fn a_cursor_of_an_earlier_store_gets_the_gap_first() {
    let world = World::linked().await;
    let oldest = world.agent.status().await.events.unwrap().oldest;
    let mut watcher = world.watch_with(from(7)).await;
    match watcher.item().await.unwrap() {
        Some(Item::Gap(gap)) => assert_eq!((gap.first, gap.last), (8, oldest - 1)),
        other => panic!("{other:?}"),
    }
    match watcher.item().await.unwrap() {
        Some(Item::Event(event)) => assert_eq!(event.seq, oldest),
        other => panic!("{other:?}"),
    }
    world.finish().await;
}

#[tokio::test]
async fn an_overtaken_cursor_gets_the_gap_first() {
    let world = World::linked_with(&["--journal-size", "1"]).await;
    let first = world.agent.status().await.events.unwrap();
    let anna = world.peer(ANNA);
    let text = WORD.repeat(500);
    let writing = async {
        while world.agent.status().await.events.unwrap().oldest <= first.head + 1 {
            for _ in 0..20 {
                anna.send_text(ACCOUNT, &text, By::Lid).await.unwrap();
            }
            world.all_acked().await;
        }
    };
    tokio::time::timeout(TEST_TIMEOUT * 2, writing)
        .await
        .expect("the oldest go");
    let mut watcher = world.watch_with(from(first.head)).await;
    let gap = match watcher.item().await.unwrap() {
        Some(Item::Gap(gap)) => gap,
        other => panic!("{other:?}"),
    };
    assert_eq!(gap.first, first.head + 1);
    match watcher.item().await.unwrap() {
        Some(Item::Event(event)) => assert_eq!(event.seq, gap.last + 1),
        other => panic!("{other:?}"),
    }
    world.finish().await;
}

/// A connection with as many streams as allowed, each reading all kept events.
async fn read_all(world: &World, streams: usize) -> usize {
    let socket = format!("unix:{}", world.agent.socket.display());
    let channel = Endpoint::from_shared(socket).unwrap().connect_lazy();
    let reading = (0..streams).map(|_| {
        let mut agent = AgentClient::new(channel.clone());
        async move {
            let request = pb::WatchEventsRequest {
                after: Some(0),
                ..Default::default()
            };
            let mut events = agent.watch_events(request).await.unwrap().into_inner();
            let mut count = 0;
            while events.message().await.unwrap().is_some() {
                count += 1;
            }
            count
        }
    });
    futures::future::join_all(reading).await.into_iter().sum()
}

#[tokio::test]
async fn short_calls_are_answered_while_many_streams_read_from_the_start() {
    const EVENTS: usize = 400;
    let world = World::linked().await;
    world.receive(&texts(EVENTS)).await;
    world.all_acked().await;
    let watching = async {
        let connections = (0..14).map(|_| read_all(&world, 16));
        let counts = futures::future::join_all(connections).await;
        counts.into_iter().sum::<usize>()
    };
    let mut watching = Box::pin(watching);
    let mut answered = 0;
    let read = loop {
        let socket = format!("unix:{}", world.agent.socket.display());
        let channel = Endpoint::from_shared(socket).unwrap().connect_lazy();
        let mut agent = AgentClient::new(channel);
        tokio::select! {
            read = &mut watching => break read,
            status = agent.status(pb::StatusRequest {}) => {
                status.unwrap();
                answered += 1;
            }
        }
    };
    drop(watching);
    println!("{answered} calls, each on a new connection, while {read} events were read");
    assert!(read >= 224 * EVENTS, "{read}");
    // If each call had to wait for a page of every stream, there would be only a few.
    assert!(answered >= 100, "{answered} calls were answered meanwhile");
    world.finish().await;
}
