//! Keeps the order of arrival within a conversation, which the library does not.
//!
//! The library processes messages through one queue per address (whatsapp-rust 0.7.0, `src/handlers/message.rs`), and
//! the messages of one conversation may use several: those of a person's number and LID, and of the account's own
//! phone. A message that overtook an earlier one waits for it, stored durably by
//! [`Admission`](openclaw_state::admission::Admission).
//!
//! A stanza is pending until its message is processed, or fails to decrypt, or the library discards it as a duplicate.
//! The last case shows only when the stanza is dropped: it is certain once a later stanza of the same queue has been
//! dropped, and for the last stanza of a queue it is assumed after a timeout.
//!
//! Waiting messages survive a restart of the process. The messages that they wait for were not acknowledged, so
//! WhatsApp delivers them again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use openclaw_state::journal::{Mark, MessageName};
use openclaw_types::{ChatId, MessageId};
use tokio::time::Instant;
use whatsapp_rust::OwnedNodeRef;

use super::lock;
use crate::store::Store;

/// How long after its stanza was dropped a message may still be processed.
const LANDING_TIMEOUT: Duration = Duration::from_secs(5);
/// How long after a start WhatsApp may redeliver a message that others wait for.
const REDELIVERY_TIMEOUT: Duration = Duration::from_secs(60);
/// The attributes with the sender's other address: the LID for a number, or the number for a LID.
const OTHER_ADDRESSES: [&str; 4] = [
    "participant_lid",
    "participant_pn",
    "sender_lid",
    "sender_pn",
];
/// Finished conversations are removed after this many stanzas.
const MAX_REMEMBERED: usize = 4096;

/// The position of a message in its conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    chat: String,
    pub(super) number: u64,
}

/// The conversations with pending or waiting messages.
#[derive(Default)]
pub(super) struct Order(Mutex<State>);

#[derive(Default)]
struct State {
    last: u64,
    chats: HashMap<String, Conversation>,
}

#[derive(Default)]
struct Conversation {
    coming: VecDeque<Incoming>,
    /// Messages that were processed before an earlier one.
    waiting: BTreeMap<u64, Mark>,
}

struct Incoming {
    number: u64,
    /// The address whose queue the stanza is in.
    queue: String,
    id: String,
    stanza: Weak<OwnedNodeRef>,
    /// Set for a stanza that an earlier process had received: it may be redelivered until then.
    expected_until: Option<Instant>,
    dropped_at: Option<Instant>,
}

impl Order {
    /// Records a stanza that has arrived. If the stanza has both addresses of the sender, the pair is stored here
    /// first: for a message of the backlog, the library keeps the pair in memory only (whatsapp-rust 0.7.0,
    /// `learn_lid_pn_mapping_fast`).
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
        let sender = attribute("participant").unwrap_or_else(|| from.clone());
        let other_address = OTHER_ADDRESSES.into_iter().find_map(attribute);
        if let Some(other) = other_address {
            store.learn(&sender, &other);
        }
        let chat = attribute("recipient").unwrap_or_else(|| from.clone());
        // A group's messages are all in one queue.
        if ChatId::of_jid(&chat).is_person()
            && let Some(chat) = store.names(&chat, None).into_iter().next()
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
            // A redelivered stanza keeps its position.
            (expected.queue, expected.stanza) = (queue, stanza);
            expected.expected_until = None;
            return;
        }
        chat.coming.push_back(Incoming {
            number,
            queue,
            id,
            stanza,
            expected_until: None,
            dropped_at: None,
        });
    }

    /// Restores a message that an earlier process left waiting for the messages in `behind`.
    pub(super) fn restore(&self, chat: &str, mark: Mark, behind: Vec<MessageId>, now: Instant) {
        let mut state = lock(&self.0);
        let mut number = state.last;
        let conversation = state.chats.entry(chat.to_owned()).or_default();
        for id in behind {
            number += 1;
            conversation.coming.push_back(Incoming {
                number,
                queue: String::new(),
                id: id.as_str().to_owned(),
                stanza: Weak::new(),
                expected_until: Some(now + REDELIVERY_TIMEOUT),
                dropped_at: None,
            });
        }
        number += 1;
        conversation.waiting.insert(number, mark);
        state.last = number;
    }

    /// The backlog is complete: an expected stanza that was not in it will not arrive.
    pub(super) fn caught_up(&self, now: Instant) {
        let mut state = lock(&self.0);
        let coming = state.chats.values_mut().flat_map(|chat| &mut chat.coming);
        for coming in coming.filter(|coming| coming.expected_until.is_some()) {
            coming.expected_until = Some(now);
        }
    }

    /// A message was processed, or never will be. Returns its position, if others of its conversation may be pending.
    pub(super) fn landed(&self, name: &MessageName) -> Option<Position> {
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
            // Earlier stanzas of its queue are finished. An expected stanza has no known queue, and stays.
            let is_done = |it: &Incoming| it.number < landed.number && it.queue == landed.queue;
            coming.retain(|it| it.queue.is_empty() || !is_done(it));
            if conversation.is_over() {
                state.chats.remove(chat);
            }
            return Some(Position {
                chat: chat.clone(),
                number: landed.number,
            });
        }
        None
    }

    /// Positions a message that an earlier process had decrypted: where others wait for it, or else after all messages
    /// of its conversation. `None` if no message of the conversation is pending or waiting.
    pub(super) fn recovered(&self, name: &MessageName) -> Option<Position> {
        if let Some(place) = self.landed(name) {
            return Some(place);
        }
        let mut state = lock(&self.0);
        let known = |chat: &&String| state.chats.contains_key(*chat);
        let chat = name.chats().iter().find(known)?.clone();
        state.last += 1;
        let number = state.last;
        Some(Position { chat, number })
    }

    /// Whether a message has to wait, because an earlier one is pending or waits itself. If so, returns the pending
    /// messages between the previous waiting message and this one.
    pub(super) fn waits(
        &self,
        place: &Position,
        mark: Mark,
        now: Instant,
    ) -> Option<Vec<MessageId>> {
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

    /// Removes and returns the messages that no longer have to wait, in their order.
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
    /// The number of the first pending stanza. Removes those that are no longer pending.
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
            last.contains(&coming.number) && now < since + LANDING_TIMEOUT
        });
        self.coming.front().map(|coming| coming.number)
    }

    fn is_awaited(&self) -> bool {
        let on_its_way = |coming: &Incoming| coming.stanza.strong_count() > 0;
        !self.waiting.is_empty() || self.coming.iter().any(on_its_way)
    }

    fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.coming.is_empty()
    }
}

impl Incoming {
    fn is_dropped(&self, now: Instant) -> bool {
        let expected = self.expected_until.is_some_and(|until| now < until);
        self.stanza.strong_count() == 0 && !expected
    }
}

#[cfg(test)]
mod tests;
