//! Which messages do not open at somebody's devices, and how often those have asked for them. Pure.

use std::collections::HashMap;

use crate::number::DeviceId;

/// A message as one of somebody's devices knows it: the device, who sent it, its id.
type Key = (u16, DeviceId, String);

/// What must not open, on command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    /// At which device.
    pub(crate) device: u16,
    /// How many messages.
    pub(crate) messages: u32,
    /// How often the device asks for each.
    pub(crate) count: u32,
    /// Whether it sends keys along; if nothing is said, from the second time on, as clients do.
    pub(crate) keys: Option<bool>,
}

/// A retry receipt that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ask {
    /// How often the device has asked for the message, this time included.
    pub(crate) count: u32,
    pub(crate) keys: bool,
}

#[derive(Debug, Default)]
struct Asked {
    times: u32,
    /// How often it still must not open.
    left: u32,
    keys: Option<bool>,
}

/// What somebody's devices have asked for and not got yet, and what they will ask for.
#[derive(Debug, Default)]
pub(crate) struct Retries {
    orders: Vec<Order>,
    asked: HashMap<Key, Asked>,
}

impl Retries {
    /// From the next message on.
    pub(crate) fn order(&mut self, order: Order) {
        self.orders.push(order);
    }

    /// A device asks once more for a message that it may have got, and `count` times in all until it opens.
    pub(crate) fn again(&mut self, key: Key, count: u32, keys: Option<bool>) -> Ask {
        let left = count.saturating_sub(1);
        let asked = self.asked.entry(key).or_default();
        (asked.left, asked.keys) = (left, keys);
        asked.ask()
    }

    /// A message has come, to be opened: the retry receipt that is due if it must not open.
    pub(crate) fn arrived(&mut self, key: &Key) -> Option<Ask> {
        if let Some(asked) = self.asked.get_mut(key) {
            asked.left = asked.left.checked_sub(1)?;
            return Some(asked.ask());
        }
        let mut orders = self.orders.iter_mut();
        let order = orders.find(|order| order.device == key.0 && order.messages > 0)?;
        order.messages -= 1;
        let (count, keys) = (order.count, order.keys);
        self.orders.retain(|order| order.messages > 0);
        Some(self.again(key.clone(), count, keys))
    }

    /// A message did not open, and nobody ordered that.
    pub(crate) fn failed(&mut self, key: Key) -> Ask {
        self.asked.entry(key).or_default().ask()
    }

    /// It has opened.
    pub(crate) fn opened(&mut self, key: &Key) {
        self.asked.remove(key);
    }

    /// Whether the device waits for the message to be sealed again.
    pub(crate) fn awaits(&self, key: &Key) -> bool {
        self.asked.contains_key(key)
    }
}

impl Asked {
    fn ask(&mut self) -> Ask {
        /// Clients send keys from the second receipt on.
        const KEYS_FROM: u32 = 2;
        self.times += 1;
        Ask {
            count: self.times,
            keys: self.keys.unwrap_or(self.times >= KEYS_FROM),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(device: u16, id: &str) -> Key {
        let sender = ("+15550100001".parse().expect("a number"), 1);
        (device, sender, id.to_owned())
    }

    #[test]
    fn a_message_is_asked_for_as_often_as_ordered_and_then_opens() {
        let mut retries = Retries::default();
        retries.order(Order {
            device: 2,
            messages: 1,
            count: 3,
            keys: None,
        });
        assert_eq!(retries.arrived(&key(0, "A")), None, "another device's");
        for (count, keys) in [(1, false), (2, true), (3, true)] {
            assert_eq!(retries.arrived(&key(2, "A")), Some(Ask { count, keys }));
            assert!(retries.awaits(&key(2, "A")));
        }
        assert_eq!(retries.arrived(&key(2, "A")), None);
        retries.opened(&key(2, "A"));
        assert!(!retries.awaits(&key(2, "A")));
        assert_eq!(retries.arrived(&key(2, "B")), None, "one message only");
    }

    #[test]
    fn keys_go_along_as_ordered() {
        let mut retries = Retries::default();
        let (always, never) = (Some(true), Some(false));
        assert!(retries.again(key(0, "A"), 1, always).keys);
        retries.failed(key(0, "B"));
        assert!(retries.failed(key(0, "B")).keys);
        assert!(!retries.again(key(0, "B"), 1, never).keys);
    }
}
