//! Messages that fail to decrypt on a user's devices, and how often the devices have requested them. Pure.

use std::collections::HashMap;

use crate::number::DeviceId;

/// Identifies a message on a user's device: the device, the sender, the message id.
type Key = (u16, DeviceId, String);

/// Messages that fail to decrypt because a test set this up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    /// The device.
    pub(crate) device: u16,
    /// The number of messages.
    pub(crate) messages: u32,
    /// How often the device requests each.
    pub(crate) count: u32,
    /// Whether retry receipts have keys; by default from the second one on, as clients do.
    pub(crate) keys: Option<bool>,
}

/// A retry receipt to send now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ask {
    /// How often the device has requested the message, including this time.
    pub(crate) count: u32,
    pub(crate) keys: bool,
}

#[derive(Debug, Default)]
struct Asked {
    times: u32,
    /// How often it still has to fail.
    left: u32,
    keys: Option<bool>,
}

/// The messages that a user's devices have requested and not received yet, and those that will fail.
#[derive(Debug, Default)]
pub(crate) struct Retries {
    orders: Vec<Order>,
    asked: HashMap<Key, Asked>,
}

impl Retries {
    /// Applies from the next message on.
    pub(crate) fn order(&mut self, order: Order) {
        self.orders.push(order);
    }

    /// A device requests a message again that it may have received, `count` times until it decrypts it.
    pub(crate) fn again(&mut self, key: Key, count: u32, keys: Option<bool>) -> Ask {
        let left = count.saturating_sub(1);
        let asked = self.asked.entry(key).or_default();
        (asked.left, asked.keys) = (left, keys);
        asked.ask()
    }

    /// A message has arrived: returns the retry receipt to send if it has to fail.
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

    /// A message failed to decrypt without a test's setup.
    pub(crate) fn failed(&mut self, key: Key) -> Ask {
        self.asked.entry(key).or_default().ask()
    }

    /// A message was decrypted.
    pub(crate) fn opened(&mut self, key: &Key) {
        self.asked.remove(key);
    }

    /// Whether the device waits for the message to be resent.
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
    fn a_message_is_requested_as_often_as_configured_and_then_decrypts() {
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
    fn keys_are_sent_as_configured() {
        let mut retries = Retries::default();
        let (always, never) = (Some(true), Some(false));
        assert!(retries.again(key(0, "A"), 1, always).keys);
        retries.failed(key(0, "B"));
        assert!(retries.failed(key(0, "B")).keys);
        assert!(!retries.again(key(0, "B"), 1, never).keys);
    }
}
