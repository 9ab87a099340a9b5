//! Consumers: watches of one chat, watches with a stored cursor, and clients that reconnect at random.

use std::cell::Cell;
use std::time::Duration;

use fastrand::Rng;
use openclaw_proto::v1 as pb;
use openclaw_proto::v1::EventKind;
use openclaw_proto::v1::event::Kind;
use openclaw_proto::v1::watch_events_response::Item;
use openclaw_sim::By;
use tonic::{Code, Status};

use crate::harness::{ACCOUNT, ANNA, BERT, WORD, World, chance, chats, lid, refusal};

const CONSUMER: &str = "billing.v2";

impl World {
    async fn ack(&self, seq: u64, go_back: bool) -> Result<u64, Status> {
        let request = pb::AckEventsRequest {
            consumer: CONSUMER.into(),
            seq,
            go_back,
        };
        let acked = self.client().ack_events(request).await?;
        Ok(acked.into_inner().seq)
    }

    async fn consumers(&self) -> Vec<(String, u64)> {
        let request = pb::ListConsumersRequest::default();
        let listed = self.client().list_consumers(request).await.unwrap();
        let consumers = listed.into_inner().consumers.into_iter();
        consumers.map(|one| (one.name, one.seq)).collect()
    }

    async fn remove(&self) -> Result<(), Status> {
        let consumer = CONSUMER.to_owned();
        let request = pb::RemoveConsumerRequest { consumer };
        self.client().remove_consumer(request).await.map(drop)
    }

    async fn seqs(&self, request: pb::WatchEventsRequest) -> Vec<u64> {
        let events = self.watch_with(request).await.all().await;
        events.into_iter().map(|event| event.seq).collect()
    }

    async fn write(&self, from: &str, text: &str) {
        let sent = self.peer(from).send_text(ACCOUNT, text, By::Lid).await;
        sent.unwrap();
    }
}

fn consuming() -> pb::WatchEventsRequest {
    pb::WatchEventsRequest {
        consumer: CONSUMER.into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_consumer_continues_after_its_acknowledged_event_however_the_agent_ended() {
    let mut world = World::linked().await;
    for n in 0..10 {
        world.write(ANNA, &format!("{WORD} {n}")).await;
    }
    world.all_acked().await;
    let from_oldest = pb::WatchEventsRequest {
        after: Some(0),
        ..consuming()
    };
    let all = world.seqs(from_oldest).await;
    let kept: Vec<u64> = world.events().await.iter().map(|event| event.seq).collect();
    assert_eq!(all, kept, "it begins where it asks to");
    assert_eq!(world.consumers().await, [(CONSUMER.to_owned(), 0)]);
    let (done, rest) = all.split_at(all.len() - 4);
    let last = *done.last().unwrap();
    assert_eq!(world.ack(last, false).await.unwrap(), last);

    world.agent.kill().await;
    let url = world.sim.url();
    world.agent.start_again(&url).await;
    assert_eq!(world.consumers().await, [(CONSUMER.to_owned(), last)]);
    let after = world.seqs(consuming()).await;
    assert!(after.starts_with(rest), "{after:?} {rest:?}");

    assert_eq!(world.ack(last - 1, false).await.unwrap(), last, "not back");
    assert_eq!(world.ack(last - 1, true).await.unwrap(), last - 1);
    assert_eq!(world.seqs(consuming()).await.first(), Some(&last));
    let asked = pb::WatchEventsRequest {
        after: Some(all[0]),
        ..consuming()
    };
    assert_eq!(
        world.seqs(asked).await.first(),
        Some(&all[1]),
        "`after` takes precedence"
    );
    world.finish().await;
}

#[tokio::test]
async fn a_new_consumer_starts_at_the_head_and_a_crash_loses_nothing() {
    let mut world = World::linked().await;
    for n in 0..3 {
        world.write(ANNA, &format!("{WORD} before {n}")).await;
    }
    world.all_acked().await;
    let head = world.agent.status().await.events.unwrap().head;
    let following = pb::WatchEventsRequest {
        follow: true,
        ..consuming()
    };
    let mut watcher = world.watch_with(following).await;
    match watcher.item().await.unwrap() {
        Some(Item::Heartbeat(beat)) => assert_eq!(beat.head, head, "nothing comes before it"),
        other => panic!("{other:?}"),
    }
    // It has acknowledged nothing, and does not read the following events.
    world.write(BERT, &format!("{WORD} unread")).await;
    world.all_acked().await;
    world.agent.kill().await;
    drop(watcher);
    world.write(BERT, &format!("{WORD} meanwhile")).await;
    let url = world.sim.url();
    world.agent.start_again(&url).await;
    assert_eq!(world.consumers().await, [(CONSUMER.to_owned(), head)]);
    world.agent.until_state(pb::LinkState::Connected).await;
    world.all_acked().await;
    let since = world.events().await.into_iter();
    let since: Vec<_> = since.filter(|event| event.seq > head).collect();
    let seen = world.watch_with(consuming()).await.all().await;
    assert_eq!(seen, since);
    let texts = seen.iter().filter_map(crate::harness::message);
    let texts: Vec<_> = texts.map(|it| it.text().to_owned()).collect();
    assert_eq!(
        texts,
        [format!("{WORD} unread"), format!("{WORD} meanwhile")]
    );
    world.finish().await;
}

#[tokio::test]
async fn a_first_watch_without_events_stores_its_position_before_it_ends() {
    let mut world = World::linked().await;
    world.write(ANNA, WORD).await;
    world.all_acked().await;
    assert_eq!(world.seqs(consuming()).await, [0; 0]);
    let begun = world.consumers().await;
    world.agent.kill().await;
    let url = world.sim.url();
    world.agent.start_again(&url).await;
    assert_eq!(world.consumers().await, begun);
    // Another watch does not start over, although there are new events.
    world.agent.until_state(pb::LinkState::Connected).await;
    let seen = world.seqs(consuming()).await;
    assert_eq!(seen.first(), Some(&(begun[0].1 + 1)));
    assert_eq!(world.consumers().await, begun);
    world.finish().await;
}

#[tokio::test]
async fn a_first_watch_beyond_the_head_stores_no_position_there() {
    let world = World::linked().await;
    let head = world.agent.status().await.events.unwrap().head;
    let beyond = pb::WatchEventsRequest {
        after: Some(head + 1_000),
        ..consuming()
    };
    // Refused or corrected, but not stored: events up to there would be skipped.
    let _ = world.client().watch_events(beyond).await;
    let consumers = world.consumers().await;
    let head = world.agent.status().await.events.unwrap().head;
    let beyond = consumers.iter().filter(|(_, seq)| *seq > head);
    assert_eq!(beyond.count(), 0, "{consumers:?}, and the head is {head}");
    world.finish().await;
}

#[tokio::test]
async fn the_limit_of_consumers_also_applies_to_watches() {
    let world = World::new().await;
    let named = |n: usize| pb::WatchEventsRequest {
        consumer: format!("c{n}"),
        ..Default::default()
    };
    for n in 0..64 {
        world.watch_with(named(n)).await.all().await;
    }
    let refused = world.client().watch_events(named(64)).await.unwrap_err();
    assert_eq!(
        refusal(&refused),
        (Code::ResourceExhausted, "TOO_MANY_CONSUMERS".to_owned())
    );
    world.watch_with(named(63)).await.all().await;
    world.finish().await;
}

#[tokio::test]
async fn a_consumer_survives_the_link_and_is_erased_with_the_store() {
    let world = World::linked().await;
    let head = world.agent.status().await.events.unwrap().head;
    world.ack(head, false).await.unwrap();
    let request = pb::PairRequest {
        replace: true,
        ..pb::PairRequest::by_qr()
    };
    let mut pairing = world.pair(request).await.unwrap();
    let qr = pairing.qr().await;
    world.phone().scan(&qr.payload).await.unwrap();
    pairing.linked().await;
    assert_eq!(world.consumers().await, [(CONSUMER.to_owned(), head)]);
    let after = world.seqs(consuming()).await;
    assert_eq!(
        after.first(),
        Some(&(head + 1)),
        "it continues after its position"
    );
    world.unpair().await.unwrap();
    assert_eq!(world.consumers().await, []);
    world.finish().await;
}

#[tokio::test]
async fn an_invalid_consumer_is_refused() {
    let world = World::linked().await;
    let head = world.agent.status().await.events.unwrap().head;
    let ahead = world.ack(head + 1_000, false).await.unwrap_err();
    assert_eq!(
        refusal(&ahead),
        (Code::InvalidArgument, "SEQ_AHEAD_OF_HEAD".to_owned())
    );
    assert_eq!(world.consumers().await, []);
    let missing = world.remove().await.unwrap_err();
    assert_eq!(
        refusal(&missing),
        (Code::NotFound, "NO_SUCH_CONSUMER".to_owned())
    );
    world.ack(head, false).await.unwrap();
    world.remove().await.unwrap();
    assert_eq!(world.consumers().await, []);
    for consumer in ["a b", "é", &"x".repeat(65)] {
        let request = pb::WatchEventsRequest {
            consumer: consumer.to_owned(),
            ..Default::default()
        };
        let refused = world.client().watch_events(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
    world.finish().await;
}

#[tokio::test]
async fn a_chat_is_watched_by_number_and_by_lid() {
    let world = World::linked().await;
    world.write(ANNA, &format!("{WORD} from anna")).await;
    world.write(BERT, &format!("{WORD} from bert")).await;
    let mut events = world.watch().await;
    world.send(ANNA, &format!("{WORD} to anna")).await.unwrap();
    let by = events.event(|event| match &event.kind {
        Some(Kind::Receipt(receipt)) => receipt.recipient.clone(),
        _ => None,
    });
    let by = by.await;
    let both = (ANNA, &format!("{}@lid", lid(ANNA)));
    assert_eq!((&*by.phone, &by.lid), both, "the stanza has the LID alone");
    world.all_acked().await;
    for chat in [ANNA.to_owned(), format!("{}@lid", lid(ANNA))] {
        let request = pb::WatchEventsRequest {
            after: Some(0),
            filter: chats([&*chat]),
            ..Default::default()
        };
        let events = world.watch_with(request).await.all().await;
        let messages = events.iter().filter_map(crate::harness::message);
        let texts: Vec<String> = messages.map(|message| message.text().to_owned()).collect();
        assert_eq!(texts, [format!("{WORD} from anna")], "{chat}");
        let sends = |event: &&pb::Event| matches!(event.kind, Some(Kind::Outcome(_)));
        assert!(
            events.iter().any(|event| sends(&event)),
            "{chat}: what was sent too"
        );
        let links = |event: &&pb::Event| matches!(event.kind, Some(Kind::Link(_)));
        assert!(!events.iter().any(|event| links(&event)), "{chat}");
    }
    world.finish().await;
}

/// A client that connects and disconnects at random.
#[derive(Clone)]
struct RandomClient {
    request: pb::WatchEventsRequest,
    seen: Vec<u64>,
    rng: Rng,
}

impl RandomClient {
    /// Connects, reads some events, fast or slowly, and disconnects. `true` when no event is left.
    async fn connect_and_read(&mut self, world: &World) -> bool {
        self.request.follow = self.rng.bool();
        let most = self.rng.usize(1..80);
        let slow = self.rng.bool();
        let mut watcher = world.watch_with(self.request.clone()).await;
        for _ in 0..most {
            let patience = Duration::from_millis(self.rng.u64(1..60));
            let Ok(item) = tokio::time::timeout(patience, watcher.item()).await else {
                return false;
            };
            match item.unwrap() {
                Some(Item::Event(event)) => {
                    self.seen.push(event.seq);
                    self.request.after = Some(event.seq);
                }
                Some(Item::Heartbeat(beat)) => {
                    self.request.after = self.request.after.max(Some(beat.head));
                }
                Some(Item::Gap(gap)) => panic!("{gap:?}"),
                Some(Item::Presence(_) | Item::Typing(_)) => panic!("not asked for"),
                None => return true,
            }
            if slow {
                tokio::time::sleep(Duration::from_millis(self.rng.u64(0..3))).await;
            }
        }
        false
    }
}

#[tokio::test]
async fn consumers_that_reconnect_at_random_see_each_event_once() {
    const MESSAGES: usize = 300;
    let mut rng = chance(1);
    let world = World::linked().await;
    let anna = vec![ANNA.to_owned()];
    let messages = vec![EventKind::Message.into()];
    let wanderers = (0..8).map(|n| RandomClient {
        request: pb::WatchEventsRequest {
            after: Some(0),
            filter: Some(pb::EventFilter {
                kinds: if n & 1 == 0 { vec![] } else { messages.clone() },
                chats: if n & 2 == 0 { vec![] } else { anna.clone() },
                ..Default::default()
            }),
            ..Default::default()
        },
        seen: Vec::new(),
        rng: rng.fork(),
    });
    let wanderers: Vec<RandomClient> = wanderers.collect();
    let written = Cell::new(false);
    let wander = wanderers.into_iter().map(|mut wanderer| {
        let (world, written) = (&world, &written);
        async move {
            loop {
                let before = written.get();
                if wanderer.connect_and_read(world).await && before {
                    return wanderer;
                }
            }
        }
    });
    let write = async {
        for n in 0..MESSAGES {
            let from = *rng.choice(&[ANNA, BERT]).unwrap();
            world.write(from, &format!("{WORD} {n}")).await;
            if rng.u8(..8) == 0 {
                tokio::time::sleep(Duration::from_millis(rng.u64(0..20))).await;
            }
        }
        world.all_acked().await;
        written.set(true);
    };
    let (wanderers, ()) = tokio::join!(futures::future::join_all(wander), write);

    let events = world.events().await;
    for wanderer in wanderers {
        let wanted = events.iter().filter(|event| {
            let message = crate::harness::message(event);
            let of_anna = message.as_ref().is_some_and(|message| {
                let sender = message.origin().sender.as_ref();
                sender.is_some_and(|who| who.phone == ANNA)
            });
            let filter = wanderer.request.filter.as_ref().unwrap();
            (filter.kinds.is_empty() || message.is_some()) && (filter.chats.is_empty() || of_anna)
        });
        let wanted: Vec<u64> = wanted.map(|event| event.seq).collect();
        assert!(wanted.len() >= MESSAGES / 4);
        assert_eq!(wanderer.seen, wanted);
    }
    world.finish().await;
}
