//! The order within one conversation: which messages wait for which, and for how long.

use super::*;
use whatsapp_rust::NodeBuilder;
use whatsapp_rust::wacore_binary::marshal::marshal;

const CHAT: &str = "1@lid";

fn stanza() -> Arc<OwnedNodeRef> {
    let node = NodeBuilder::new("message").build();
    // Without the leading byte, which marks compression.
    Arc::new(OwnedNodeRef::new(marshal(&node).unwrap().split_off(1)).unwrap())
}

fn named(id: &str) -> MessageName {
    MessageName::new(vec![CHAT.into()], vec![CHAT.into()], id)
}

impl Order {
    fn arrives(&self, queue: &str, id: &str) -> Arc<OwnedNodeRef> {
        let stanza = stanza();
        self.note(
            CHAT.into(),
            queue.into(),
            id.into(),
            Arc::downgrade(&stanza),
        );
        stanza
    }

    /// Processes a message; returns whether it has to wait.
    fn lands(&self, id: &str) -> bool {
        let name = named(id);
        let place = self.landed(&name).unwrap();
        self.waits(&place, name.mark(), Instant::now()).is_some()
    }

    fn is_ready(&self) -> Vec<Mark> {
        self.ready(Instant::now())
    }
}

fn marks(ids: &[&str]) -> Vec<Mark> {
    ids.iter().map(|id| named(id).mark()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_message_that_overtook_another_waits_for_it() {
    let order = Order::default();
    let _held = [("a", "1"), ("a", "2"), ("b", "3"), ("a", "4"), ("b", "5")]
        .map(|(queue, id)| order.arrives(queue, id));
    assert!(!order.lands("1"), "it is the first");
    assert!(order.lands("3") && order.lands("5"));
    assert!(order.is_ready().is_empty() && order.has_waiting());
    assert!(!order.lands("2"));
    assert_eq!(order.is_ready(), marks(&["3"]), "4 is pending");
    assert!(!order.lands("4"));
    assert_eq!(order.is_ready(), marks(&["5"]));
    assert!(lock(&order.0).chats.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_never_lands_delays_the_others_only_until_the_timeout() {
    let order = Order::default();
    let (first, _second) = (order.arrives("a", "1"), order.arrives("b", "2"));
    drop(first);
    assert!(order.lands("2"), "1 may still land");
    assert!(order.is_ready().is_empty());
    tokio::time::advance(LANDING_TIMEOUT).await;
    assert_eq!(order.is_ready(), marks(&["2"]));
    assert!(!order.has_waiting());
}

#[tokio::test(start_paused = true)]
async fn finishing_a_stanza_finishes_those_before_it() {
    let order = Order::default();
    let duplicate = order.arrives("a", "1");
    let (next, _other) = (order.arrives("a", "2"), order.arrives("b", "3"));
    drop(duplicate);
    drop(next);
    assert!(order.lands("3"), "2 may still land, but 1 will not");
    assert!(!order.lands("2"));
    assert_eq!(order.is_ready(), marks(&["3"]));
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_waiting_messages_wait_for_redelivered_ones() {
    let before = Order::default();
    let held = [("a", "1"), ("b", "2"), ("a", "3"), ("b", "4")]
        .map(|(queue, id)| before.arrives(queue, id));
    let mut rows = Vec::new();
    for id in ["2", "4"] {
        let name = named(id);
        let place = before.landed(&name).unwrap();
        let behind = before.waits(&place, name.mark(), Instant::now()).unwrap();
        rows.push((name.mark(), behind));
    }
    drop(held);
    assert_eq!(rows[1].1, [MessageId::new("3")], "1 is listed once");

    let order = Order::default();
    for (mark, behind) in rows {
        order.restore(CHAT, mark, behind, Instant::now());
    }
    assert!(order.is_ready().is_empty());
    let _held = [("b", "5"), ("a", "1"), ("a", "3")].map(|(queue, id)| order.arrives(queue, id));
    assert!(order.lands("5"), "it is behind waiting messages");
    assert!(!order.lands("1"));
    assert_eq!(order.is_ready(), marks(&["2"]));
    order.caught_up(Instant::now());
    assert!(!order.lands("3"));
    assert_eq!(order.is_ready(), marks(&["4", "5"]));
}

#[tokio::test(start_paused = true)]
async fn a_missing_message_is_waited_for_until_the_backlog_ends() {
    for caught_up in [true, false] {
        let order = Order::default();
        let mark = named("2").mark();
        order.restore(CHAT, mark, vec![MessageId::new("1")], Instant::now());
        tokio::time::advance(REDELIVERY_TIMEOUT / 2).await;
        assert!(order.is_ready().is_empty());
        if caught_up {
            order.caught_up(Instant::now());
        } else {
            tokio::time::advance(REDELIVERY_TIMEOUT).await;
        }
        order.is_ready();
        tokio::time::advance(LANDING_TIMEOUT).await;
        assert!(!order.has_waiting() || order.is_ready() == [mark]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_decrypted_by_an_earlier_process_does_not_overtake_waiting_ones() {
    let order = Order::default();
    let behind = ["1", "2"].map(MessageId::new).to_vec();
    let mark = named("3").mark();
    order.restore(CHAT, mark, behind, Instant::now());
    let recovers = |id| {
        let name = named(id);
        let place = order.recovered(&name).unwrap();
        order.waits(&place, name.mark(), Instant::now()).is_some()
    };
    assert!(recovers("4"), "it is behind 3, which waits");
    let _first = order.arrives("a", "1");
    assert!(recovers("2"), "1 is pending");
    assert!(recovers("5") && order.is_ready().is_empty());
    assert!(!order.lands("1"));
    assert_eq!(order.is_ready(), marks(&["2", "3", "4", "5"]));
    assert!(order.recovered(&named("6")).is_none(), "nothing waits");
}

#[test]
fn a_single_queue_never_waits_and_leaves_no_state() {
    let order = Order::default();
    for id in ["1", "2", "3"] {
        let stanza = order.arrives("a", id);
        drop(stanza);
        assert!(order.landed(&named(id)).is_some());
    }
    assert!(order.landed(&named("4")).is_none());
    assert!(lock(&order.0).chats.is_empty());
}
