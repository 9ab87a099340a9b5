//! The queue of stanzas for one companion. An item is removed only when the companion acks it. Pure.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;
use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use crate::clock::unix_now;

/// The number of settled items that are remembered.
const MAX_SETTLED: usize = 64;

/// The class of a stanza: the `class` of the `<ack>` that removes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Removed by an ack, or by a receipt that does not request the message again.
    Message,
    /// A receipt from another user.
    Receipt,
    /// A notification.
    Notification,
    /// A user's status in a stanza of its own, acknowledged like a message.
    Status,
    /// A call stanza.
    Call,
}

impl Class {
    /// The stanza's tag.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Receipt => "receipt",
            Self::Notification => "notification",
            Self::Status => "status",
            Self::Call => "call",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [
            Self::Message,
            Self::Receipt,
            Self::Notification,
            Self::Status,
            Self::Call,
        ]
        .into_iter()
        .find(|class| class.as_str() == text)
    }
}

/// One queued stanza.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) class: Class,
    pub(crate) id: String,
    /// The sender, in one spelling: two senders may use the same id.
    pub(crate) origin: String,
    pub(crate) node: Node,
}

impl Item {
    /// A notification of this type, with a generated id.
    pub(crate) fn notification(kind: &'static str, origin: String, node: NodeBuilder) -> Self {
        let id = crate::id::stanza();
        let node = node
            .attr("id", id.as_str())
            .attr("type", kind)
            .attr("t", unix_now())
            .build();
        Self {
            class: Class::Notification,
            id,
            origin,
            node,
        }
    }
}

/// The items in the order of arrival.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    next: u64,
    items: BTreeMap<u64, Entry>,
    by_id: HashMap<(Class, String), Vec<u64>>,
    /// The last settled items, without contents: an ack may be repeated while another item has the same id.
    settled: VecDeque<Item>,
}

#[derive(Debug)]
struct Entry {
    item: Item,
    /// When it was first written to a socket.
    sent_at: Option<Instant>,
}

impl Queue {
    /// Adds an item. Returns its position.
    pub(crate) fn push(&mut self, item: Item) -> u64 {
        let place = self.next;
        let key = (item.class, item.id.clone());
        self.by_id.entry(key).or_default().push(self.next);
        let entry = Entry {
            item,
            sent_at: None,
        };
        self.items.insert(self.next, entry);
        self.next += 1;
        place
    }

    /// The position of the next item to be added.
    pub(crate) fn end(&self) -> u64 {
        self.next
    }

    /// The first item at or after this position, with its position.
    pub(crate) fn at_or_after(&self, place: u64) -> Option<(u64, &Item)> {
        let (place, entry) = self.items.range(place..).next()?;
        Some((*place, &entry.item))
    }

    /// Records that the item at this position was written to a socket.
    pub(crate) fn sent(&mut self, place: u64) {
        if let Some(entry) = self.items.get_mut(&place) {
            entry.sent_at.get_or_insert_with(Instant::now);
        }
    }

    /// The first item that was sent this long ago and is not acked.
    pub(crate) fn overdue(&self, after: Duration) -> Option<&Item> {
        let late = |entry: &&Entry| entry.sent_at.is_some_and(|at| at.elapsed() >= after);
        self.items.values().find(late).map(|entry| &entry.item)
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Removes the items with this id for which `settled` is true: several senders may have used one id. Returns `None`
    /// if no item has the id, or if the ack is for an item that was settled before.
    pub(crate) fn settle(
        &mut self,
        class: Class,
        id: &str,
        mut settled: impl FnMut(&Item) -> bool,
    ) -> Option<Vec<Item>> {
        let key = (class, id.to_owned());
        let places = self.by_id.remove(&key)?;
        let mut taken = Vec::new();
        let mut kept = Vec::new();
        for place in places {
            if self
                .items
                .get(&place)
                .is_some_and(|entry| settled(&entry.item))
            {
                taken.extend(self.items.remove(&place).map(|entry| entry.item));
            } else {
                kept.push(place);
            }
        }
        let mut same_id = self
            .settled
            .iter()
            .filter(|item| item.class == class && item.id == id);
        let again = taken.is_empty() && same_id.any(settled);
        if !kept.is_empty() {
            self.by_id.insert(key, kept);
        }
        self.remember(&taken);
        (!again).then_some(taken)
    }

    fn remember(&mut self, settled: &[Item]) {
        let without_content = |item: &Item| Item {
            class: item.class,
            id: item.id.clone(),
            origin: item.origin.clone(),
            node: Node::new(item.node.tag.clone(), item.node.attrs.clone(), None),
        };
        self.settled.extend(settled.iter().map(without_content));
        let surplus = self.settled.len().saturating_sub(MAX_SETTLED);
        self.settled.drain(..surplus);
    }

    /// The items with this id.
    pub(crate) fn with_id(&self, class: Class, id: &str) -> impl Iterator<Item = &Item> {
        let places = self.by_id.get(&(class, id.to_owned()));
        let places = places.into_iter().flatten();
        places.filter_map(|place| Some(&self.items.get(place)?.item))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Item> {
        self.items.values().map(|entry| &entry.item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, origin: &str) -> Item {
        Item {
            class: Class::Message,
            id: id.into(),
            origin: origin.into(),
            node: NodeBuilder::new("message").build(),
        }
    }

    fn ids(queue: &Queue) -> Vec<(&str, &str)> {
        queue
            .iter()
            .map(|item| (item.id.as_str(), item.origin.as_str()))
            .collect()
    }

    fn settle(queue: &mut Queue, id: &str, origin: &str) -> Option<usize> {
        let settled = queue.settle(Class::Message, id, |item| item.origin == origin);
        settled.map(|settled| settled.len())
    }

    #[test]
    fn a_reader_skips_items_that_were_settled_meanwhile() {
        let mut queue = Queue::default();
        let places = ["A", "B", "C"].map(|id| queue.push(item(id, "one")));
        assert_eq!(settle(&mut queue, "B", "one"), Some(1));
        let (place, next) = queue.at_or_after(places[1]).expect("one is left");
        assert_eq!((place, next.id.as_str()), (places[2], "C"));
        assert!(queue.at_or_after(queue.end()).is_none());
    }

    #[test]
    fn an_ack_settles_only_the_item_of_its_sender() {
        let mut queue = Queue::default();
        for (id, origin) in [("A", "one"), ("A", "two"), ("B", "one")] {
            queue.push(item(id, origin));
        }
        assert_eq!(settle(&mut queue, "A", "two"), Some(1));
        assert_eq!(ids(&queue), [("A", "one"), ("B", "one")]);
        assert!(queue.settle(Class::Receipt, "A", |_| true).is_none());
        assert_eq!(settle(&mut queue, "A", "three"), Some(0), "it remains");
        assert_eq!(settle(&mut queue, "A", "two"), None, "acked again");
        assert_eq!(settle(&mut queue, "A", "one"), Some(1));
        assert_eq!(settle(&mut queue, "A", "one"), None);
        queue.push(item("A", "four"));
        assert_eq!(
            settle(&mut queue, "A", "two"),
            None,
            "also before it was added"
        );
        assert_eq!(settle(&mut queue, "A", "four"), Some(1));
        assert_eq!(ids(&queue), [("B", "one")]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sent_stanza_without_an_ack_becomes_overdue() {
        let mut queue = Queue::default();
        queue.push(item("A", "one"));
        let sent = queue.push(item("B", "one"));
        queue.sent(sent);
        let after = Duration::from_secs(60);
        assert!(queue.overdue(after).is_none());
        tokio::time::advance(after / 2).await;
        queue.sent(sent);
        tokio::time::advance(after / 2).await;
        let overdue = queue.overdue(after).map(|item| item.id.as_str());
        assert_eq!(overdue, Some("B"), "counted from the first time");
    }
}
