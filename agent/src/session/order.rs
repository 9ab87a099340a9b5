//! The order of arrival within a conversation, where the library does not keep it.
//!
//! It takes messages through a queue for each address (whatsapp-rust 0.7.0, `src/handlers/message.rs`), and the messages of
//! one conversation may come from several: a person's number and LID, and the account's own phone. What overtook a message
//! that came before it waits behind that one, kept durably by [`Admission`](crate::admission::Admission).
//!
//! A stanza is on its way until its message has landed, has failed to, or the library is done with it without either: a
//! duplicate. That shows when the stanza is dropped, and surely when a later one of the same queue is; of the last one it
//! is believed after a while.
//!
//! What waits outlives the process, and so does what it waits for: that was not acknowledged, and WhatsApp delivers it again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::time::Instant;
use whatsapp_rust::OwnedNodeRef;

use super::lock;
use crate::journal::{Mark, MessageName};
use crate::model::{ChatId, MessageId};
use crate::store::Store;

/// How long after its stanza was dropped a message may still land.
const LANDING: Duration = Duration::from_secs(5);
/// How long after a start a message may be delivered again that others wait for.
const REDELIVERY: Duration = Duration::from_secs(60);
/// Stanzas that are remembered before those that are over are looked for.
const MAX_REMEMBERED: usize = 4096;

/// Where a message stands in its conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    chat: String,
    pub(super) number: u64,
}

/// The conversations that something is on its way in.
#[derive(Default)]
pub(super) struct Order(Mutex<State>);

#[derive(Default)]
struct State {
    last: u64,
    chats: HashMap<String, Conversation>,
}

#[derive(Default)]
struct Conversation {
    coming: VecDeque<Coming>,
    /// What landed before something that came before it.
    waiting: BTreeMap<u64, Mark>,
}

struct Coming {
    number: u64,
    /// The address whose queue it is in.
    queue: String,
    id: String,
    stanza: Weak<OwnedNodeRef>,
    /// Until then the stanza may come again, which an earlier process had.
    expected_until: Option<Instant>,
    dropped_at: Option<Instant>,
}

impl Order {
    /// A stanza has arrived.
    pub(super) fn arrived(&self, stanza: &Arc<OwnedNodeRef>, store: &Store) {
        let attribute = |name| {
            stanza
                .get_attr(name)
                .map(|value| value.as_str().to_string())
        };
        let message = stanza.tag() == "message";
        let (Some(from), Some(id)) = (attribute("from").filter(|_| message), attribute("id"))
        else {
            return;
        };
        let (chat, other) = match attribute("recipient") {
            Some(recipient) => (recipient, None),
            None => {
                let other = attribute("sender_lid").or_else(|| attribute("sender_pn"));
                (from.clone(), other)
            }
        };
        // A group's messages are in one queue.
        if ChatId::of_jid(&chat).is_person()
            && let Some(chat) = store.names(&chat, other.as_deref()).into_iter().next()
        {
            let queue = ChatId::of_jid(&from).jid().to_owned();
            self.note(chat, queue, id, Arc::downgrade(stanza));
        }
    }

    fn note(&self, chat: String, queue: String, id: String, stanza: Weak<OwnedNodeRef>) {
        let mut state = lock(&self.0);
        state.last += 1;
        let number = state.last;
        if number.is_multiple_of(MAX_REMEMBERED as u64) {
            state.chats.retain(|_, chat| chat.is_awaited());
        }
        let chat = state.chats.entry(chat).or_default();
        let mut coming = chat.coming.iter_mut();
        if let Some(expected) = coming.find(|it| it.id == id && it.expected_until.is_some()) {
            // It keeps its place.
            (expected.queue, expected.stanza) = (queue, stanza);
            expected.expected_until = None;
            return;
        }
        chat.coming.push_back(Coming {
            number,
            queue,
            id,
            stanza,
            expected_until: None,
            dropped_at: None,
        });
    }

    /// A message waits since an earlier process, for these among others.
    pub(super) fn restore(&self, chat: &str, mark: Mark, behind: Vec<MessageId>, now: Instant) {
        let mut state = lock(&self.0);
        let mut number = state.last;
        let conversation = state.chats.entry(chat.to_owned()).or_default();
        for id in behind {
            number += 1;
            conversation.coming.push_back(Coming {
                number,
                queue: String::new(),
                id: id.as_str().to_owned(),
                stanza: Weak::new(),
                expected_until: Some(now + REDELIVERY),
                dropped_at: None,
            });
        }
        number += 1;
        conversation.waiting.insert(number, mark);
        state.last = number;
    }

    /// What waited at the server has come: what was expected and did not is not there.
    pub(super) fn caught_up(&self, now: Instant) {
        let mut state = lock(&self.0);
        let coming = state.chats.values_mut().flat_map(|chat| &mut chat.coming);
        for coming in coming.filter(|coming| coming.expected_until.is_some()) {
            coming.expected_until = Some(now);
        }
    }

    /// A message has landed, or will not. Where it stands, if something else may come between.
    pub(super) fn landed(&self, name: &MessageName) -> Option<Place> {
        let mut state = lock(&self.0);
        for chat in name.chats() {
            let Some(conversation) = state.chats.get_mut(chat) else {
                continue;
            };
            let coming = &mut conversation.coming;
            let Some(at) = coming.iter().position(|coming| coming.id == name.id()) else {
                continue;
            };
            let landed = coming.remove(at)?;
            // Its queue is done with those before it. What is still expected is in none that is known.
            let is_done = |it: &Coming| it.number < landed.number && it.queue == landed.queue;
            coming.retain(|it| it.queue.is_empty() || !is_done(it));
            if conversation.is_over() {
                state.chats.remove(chat);
            }
            return Some(Place {
                chat: chat.clone(),
                number: landed.number,
            });
        }
        None
    }

    /// A message that an earlier process had decrypted is to be recorded. Where it stands: where it was waited for, or behind
    /// all that waits in its conversation, if anything does.
    pub(super) fn recovered(&self, name: &MessageName) -> Option<Place> {
        if let Some(place) = self.landed(name) {
            return Some(place);
        }
        let mut state = lock(&self.0);
        let known = |chat: &&String| state.chats.contains_key(*chat);
        let chat = name.chats().iter().find(known)?.clone();
        state.last += 1;
        let number = state.last;
        Some(Place { chat, number })
    }

    /// Whether a message waits, since something that came before it is on its way or waits itself. Returns what is on its way
    /// and was not before the one that waits before it.
    pub(super) fn waits(&self, place: &Place, mark: Mark, now: Instant) -> Option<Vec<MessageId>> {
        let mut state = lock(&self.0);
        let conversation = state.chats.get_mut(&place.chat)?;
        let first = conversation.first_coming(now);
        let before = conversation.waiting.range(..place.number).next_back();
        let before = before.map(|(number, _)| *number);
        if before.is_none() && first.is_none_or(|first| first > place.number) {
            return None;
        }
        let between = before.unwrap_or_default()..place.number;
        let coming = conversation.coming.iter();
        let coming = coming.filter(|coming| between.contains(&coming.number));
        let behind = coming.map(|coming| MessageId::new(&coming.id)).collect();
        conversation.waiting.insert(place.number, mark);
        Some(behind)
    }

    /// Those that wait for nothing any more, in their order.
    pub(super) fn ready(&self, now: Instant) -> Vec<Mark> {
        let mut state = lock(&self.0);
        let mut ready = BTreeMap::new();
        for conversation in state.chats.values_mut() {
            if conversation.waiting.is_empty() {
                continue;
            }
            let first = conversation.first_coming(now).unwrap_or(u64::MAX);
            let mut later = conversation.waiting.split_off(&first);
            std::mem::swap(&mut later, &mut conversation.waiting);
            ready.append(&mut later);
        }
        state
            .chats
            .retain(|_, conversation| !conversation.is_over());
        ready.into_values().collect()
    }

    /// Whether any message waits.
    pub(super) fn has_waiting(&self) -> bool {
        let state = lock(&self.0);
        state.chats.values().any(|chat| !chat.waiting.is_empty())
    }
}

impl Conversation {
    /// The number of the first that is still on its way. Forgets those that are not.
    fn first_coming(&mut self, now: Instant) -> Option<u64> {
        let mut last_dropped: HashMap<&str, u64> = HashMap::new();
        for coming in self.coming.iter().filter(|coming| coming.is_dropped(now)) {
            last_dropped.insert(&coming.queue, coming.number);
        }
        let last: Vec<u64> = last_dropped.into_values().collect();
        self.coming.retain_mut(|coming| {
            if !coming.is_dropped(now) {
                return true;
            }
            let since = *coming.dropped_at.get_or_insert(now);
            last.contains(&coming.number) && now < since + LANDING
        });
        self.coming.front().map(|coming| coming.number)
    }

    fn is_awaited(&self) -> bool {
        let on_its_way = |coming: &Coming| coming.stanza.strong_count() > 0;
        !self.waiting.is_empty() || self.coming.iter().any(on_its_way)
    }

    fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.coming.is_empty()
    }
}

impl Coming {
    fn is_dropped(&self, now: Instant) -> bool {
        let expected = self.expected_until.is_some_and(|until| now < until);
        self.stanza.strong_count() == 0 && !expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use whatsapp_rust::NodeBuilder;
    use whatsapp_rust::wacore_binary::marshal::marshal;

    const CHAT: &str = "1@lid";

    fn stanza() -> Arc<OwnedNodeRef> {
        let node = NodeBuilder::new("message").build();
        // Without the byte that says whether it is compressed.
        Arc::new(OwnedNodeRef::new(marshal(&node).unwrap().split_off(1)).unwrap())
    }

    fn named(id: &str) -> MessageName {
        MessageName::new(vec![CHAT.into()], vec![CHAT.into()], id)
    }

    impl Order {
        fn comes(&self, queue: &str, id: &str) -> Arc<OwnedNodeRef> {
            let stanza = stanza();
            self.note(
                CHAT.into(),
                queue.into(),
                id.into(),
                Arc::downgrade(&stanza),
            );
            stanza
        }

        /// Lands, and waits or not.
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
    async fn what_overtook_a_message_waits_until_that_has_landed() {
        let order = Order::default();
        let _held = [("a", "1"), ("a", "2"), ("b", "3"), ("a", "4"), ("b", "5")]
            .map(|(queue, id)| order.comes(queue, id));
        assert!(!order.lands("1"), "nothing came before it");
        assert!(order.lands("3") && order.lands("5"));
        assert!(order.is_ready().is_empty() && order.has_waiting());
        assert!(!order.lands("2"));
        assert_eq!(order.is_ready(), marks(&["3"]), "4 is on its way");
        assert!(!order.lands("4"));
        assert_eq!(order.is_ready(), marks(&["5"]));
        assert!(lock(&order.0).chats.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_never_lands_holds_the_others_up_for_a_moment_only() {
        let order = Order::default();
        let (first, _second) = (order.comes("a", "1"), order.comes("b", "2"));
        drop(first);
        assert!(order.lands("2"), "the first may land yet");
        assert!(order.is_ready().is_empty());
        tokio::time::advance(LANDING).await;
        assert_eq!(order.is_ready(), marks(&["2"]));
        assert!(!order.has_waiting());
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_is_done_with_what_came_before_one_that_it_is_done_with() {
        let order = Order::default();
        let duplicate = order.comes("a", "1");
        let (next, _other) = (order.comes("a", "2"), order.comes("b", "3"));
        drop(duplicate);
        drop(next);
        assert!(order.lands("3"), "2 may land yet, and 1 will not");
        assert!(!order.lands("2"));
        assert_eq!(order.is_ready(), marks(&["3"]));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_restart_what_waits_waits_for_what_is_delivered_again() {
        let before = Order::default();
        let held = [("a", "1"), ("b", "2"), ("a", "3"), ("b", "4")]
            .map(|(queue, id)| before.comes(queue, id));
        let mut rows = Vec::new();
        for id in ["2", "4"] {
            let name = named(id);
            let place = before.landed(&name).unwrap();
            let behind = before.waits(&place, name.mark(), Instant::now()).unwrap();
            rows.push((name.mark(), behind));
        }
        drop(held);
        assert_eq!(rows[1].1, [MessageId::new("3")], "1 is said once");

        let order = Order::default();
        for (mark, behind) in rows {
            order.restore(CHAT, mark, behind, Instant::now());
        }
        assert!(order.is_ready().is_empty());
        let _held = [("b", "5"), ("a", "1"), ("a", "3")].map(|(queue, id)| order.comes(queue, id));
        assert!(order.lands("5"), "it is behind those that wait");
        assert!(!order.lands("1"));
        assert_eq!(order.is_ready(), marks(&["2"]));
        order.caught_up(Instant::now());
        assert!(!order.lands("3"));
        assert_eq!(order.is_ready(), marks(&["4", "5"]));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_delivered_again_is_waited_for_until_all_has_come() {
        for caught_up in [true, false] {
            let order = Order::default();
            let mark = named("2").mark();
            order.restore(CHAT, mark, vec![MessageId::new("1")], Instant::now());
            tokio::time::advance(REDELIVERY / 2).await;
            assert!(order.is_ready().is_empty());
            if caught_up {
                order.caught_up(Instant::now());
            } else {
                tokio::time::advance(REDELIVERY).await;
            }
            order.is_ready();
            tokio::time::advance(LANDING).await;
            assert!(!order.has_waiting() || order.is_ready() == [mark]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_decrypted_before_a_start_passes_nothing_that_waits() {
        let order = Order::default();
        let behind = ["1", "2"].map(MessageId::new).to_vec();
        let mark = named("3").mark();
        order.restore(CHAT, mark, behind, Instant::now());
        let recovers = |id| {
            let name = named(id);
            let place = order.recovered(&name).unwrap();
            order.waits(&place, name.mark(), Instant::now()).is_some()
        };
        assert!(recovers("4"), "it came after 3, which waits");
        let _first = order.comes("a", "1");
        assert!(recovers("2"), "1 is on its way");
        assert!(recovers("5") && order.is_ready().is_empty());
        assert!(!order.lands("1"));
        assert_eq!(order.is_ready(), marks(&["2", "3", "4", "5"]));
        assert!(order.recovered(&named("6")).is_none(), "nothing waits");
    }

    #[test]
    fn one_queue_alone_never_waits_and_leaves_nothing_behind() {
        let order = Order::default();
        for id in ["1", "2", "3"] {
            let stanza = order.comes("a", id);
            drop(stanza);
            assert!(order.landed(&named(id)).is_some());
        }
        assert!(order.landed(&named("4")).is_none());
        assert!(lock(&order.0).chats.is_empty());
    }
}
