//! What the server still owes one companion. An item leaves only when the companion acks it. Pure.

use std::collections::{BTreeMap, HashMap};

use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use crate::clock::unix_now;

/// What kind of stanza is owed: the `class` of the `<ack>` that settles it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Settled by an ack or by any receipt for the id.
    Message,
    /// A receipt from somebody else.
    Receipt,
    /// A notification.
    Notification,
    /// Somebody's status in a stanza of its own, settled as a message is.
    Status,
}

impl Class {
    /// The stanza's tag.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Receipt => "receipt",
            Self::Notification => "notification",
            Self::Status => "status",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [
            Self::Message,
            Self::Receipt,
            Self::Notification,
            Self::Status,
        ]
        .into_iter()
        .find(|class| class.as_str() == text)
    }
}

/// One stanza that is owed.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) class: Class,
    pub(crate) id: String,
    /// Who it came from, in one spelling: two senders may use the same id.
    pub(crate) origin: String,
    pub(crate) node: Node,
}

impl Item {
    /// A notification of this type, under an id of its own.
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

/// The items in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    next: u64,
    items: BTreeMap<u64, Item>,
    by_id: HashMap<(Class, String), Vec<u64>>,
}

impl Queue {
    /// Adds an item. Returns its place.
    pub(crate) fn push(&mut self, item: Item) -> u64 {
        let place = self.next;
        let key = (item.class, item.id.clone());
        self.by_id.entry(key).or_default().push(self.next);
        self.items.insert(self.next, item);
        self.next += 1;
        place
    }

    /// The place of the next item to come.
    pub(crate) fn end(&self) -> u64 {
        self.next
    }

    /// The first item at this place or behind it, and its place.
    pub(crate) fn at_or_after(&self, place: u64) -> Option<(u64, &Item)> {
        let (place, item) = self.items.range(place..).next()?;
        Some((*place, item))
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Settles an id. Of several items with that id, those from `origin`; if none is from there, all of them.
    /// Returns whether anything was owed.
    pub(crate) fn ack(&mut self, class: Class, id: &str, origin: &str) -> bool {
        let key = (class, id.to_owned());
        let Some(entries) = self.by_id.remove(&key) else {
            return false;
        };
        let items = &mut self.items;
        let (settled, kept): (Vec<u64>, Vec<u64>) = entries
            .into_iter()
            .partition(|entry| items.get(entry).is_some_and(|item| item.origin == origin));
        let (settled, kept) = if settled.is_empty() {
            (kept, settled)
        } else {
            (settled, kept)
        };
        for entry in settled {
            items.remove(&entry);
        }
        if !kept.is_empty() {
            self.by_id.insert(key, kept);
        }
        true
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Item> {
        self.items.values()
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

    #[test]
    fn a_reader_passes_what_was_settled_meanwhile() {
        let mut queue = Queue::default();
        let places = ["A", "B", "C"].map(|id| queue.push(item(id, "one")));
        assert!(queue.ack(Class::Message, "B", "one"));
        let (place, next) = queue.at_or_after(places[1]).expect("one is left");
        assert_eq!((place, next.id.as_str()), (places[2], "C"));
        assert!(queue.at_or_after(queue.end()).is_none());
    }

    #[test]
    fn an_ack_settles_one_senders_item_only() {
        let mut queue = Queue::default();
        for (id, origin) in [("A", "one"), ("A", "two"), ("B", "one")] {
            queue.push(item(id, origin));
        }
        assert!(queue.ack(Class::Message, "A", "two"));
        assert_eq!(ids(&queue), [("A", "one"), ("B", "one")]);
        assert!(!queue.ack(Class::Receipt, "A", "one"));
        assert!(queue.ack(Class::Message, "A", "spelt otherwise"));
        assert!(!queue.ack(Class::Message, "A", "one"));
        assert_eq!(ids(&queue), [("B", "one")]);
    }
}
