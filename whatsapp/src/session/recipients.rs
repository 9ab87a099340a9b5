//! What is known of recipients, and when to query it again.
//!
//! - Numbers that are on WhatsApp. The server announces that a contact changed its number; when it refuses a message, the
//!   number may have no account any more.
//! - Groups for which the library's list of devices is outdated. The ack of a message to a group shows that a member has a new
//!   device: WhatsApp's server adds its own `phash` (a hash of the device list) if the sender's list differs, and none
//!   otherwise. The library handles the `phash` of direct messages, and ignores that of groups (whatsapp-rust 0.7.0,
//!   `src/send/mod.rs:2304`, `dm_phash`): the new device would receive none of the group's messages until the library queries
//!   the list for another reason.

use std::collections::HashSet;
use std::sync::Mutex;

use openclaw_types::{Nack, Phone, Recipient};
use whatsapp_rust::OwnedNodeRef;
use whatsapp_rust::wacore_binary::node::ValueRef;

use super::lock;

/// How many phone numbers are remembered to be on WhatsApp. Querying one again costs one round trip.
const MAX_KNOWN_NUMBERS: usize = 1024;
/// More groups than a client writes to at once. Further ones are ignored: the ack of their next message has a `phash` again.
const MAX_STALE_GROUPS: usize = 256;
/// The server's error for a message to an address that does not exist, or of the wrong kind.
const BAD_REQUEST: u16 = 400;

/// What is known of recipients.
#[derive(Debug, Default)]
pub(super) struct Recipients {
    numbers: Mutex<HashSet<Phone>>,
    stale_groups: Mutex<HashSet<String>>,
}

impl Recipients {
    /// Reads a stanza: the ack of a message to a group, or a contact's change of number.
    pub(super) fn arrived(&self, stanza: &OwnedNodeRef) {
        match stanza.tag() {
            "notification" if stanza.get_optional_child("modify").is_some() => {
                lock(&self.numbers).clear();
            }
            "ack" if stanza.get_attr("phash").is_some() => self.note_stale(stanza),
            _ => {}
        }
    }

    fn note_stale(&self, ack: &OwnedNodeRef) {
        let from = ack.get_attr("from").and_then(ValueRef::to_jid);
        let Some(group) = from.filter(|from| from.server.as_str() == "g.us") else {
            return;
        };
        tracing::info!(
            "device list of a group is stale, will be refreshed before the next message"
        );
        let mut groups = lock(&self.stale_groups);
        if groups.len() < MAX_STALE_GROUPS {
            groups.insert(group.user.to_string());
        }
    }

    /// The server refused a message, perhaps because its number has no account any more: all numbers are queried again.
    pub(super) fn refused(&self, nack: Nack) {
        if nack.0 == BAD_REQUEST {
            lock(&self.numbers).clear();
        }
    }

    /// Whether a number is known to be on WhatsApp.
    pub(super) fn knows(&self, phone: &Phone) -> bool {
        lock(&self.numbers).contains(phone)
    }

    /// A number is on WhatsApp.
    pub(super) fn learn(&self, phone: Phone) {
        let mut known = lock(&self.numbers);
        if known.len() >= MAX_KNOWN_NUMBERS {
            known.clear();
        }
        known.insert(phone);
    }

    /// Whether the recipient is a group whose device list has to be queried; true once per ack.
    pub(super) fn take_stale(&self, to: &Recipient) -> bool {
        match to {
            Recipient::Group(id) => lock(&self.stale_groups).remove(id.as_str()),
            Recipient::Phone(_) | Recipient::Lid(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use whatsapp_rust::NodeBuilder;
    use whatsapp_rust::wacore_binary::Node;
    use whatsapp_rust::wacore_binary::marshal::marshal;

    use super::*;

    fn arrives(recipients: &Recipients, stanza: &Node) {
        let packed = marshal(stanza).unwrap().split_off(1);
        recipients.arrived(&OwnedNodeRef::new(packed).unwrap());
    }

    fn ack(from: &str) -> Node {
        NodeBuilder::new("ack")
            .attr("class", "message")
            .attr("from", from)
            .attr("phash", "2:abc")
            .build()
    }

    #[test]
    fn a_group_is_stale_once_after_an_ack_with_another_phash() {
        let recipients = Recipients::default();
        arrives(&recipients, &ack("120363000000000001@g.us"));
        arrives(&recipients, &ack("15550100002@s.whatsapp.net"));
        let group: Recipient = "120363000000000001@g.us".parse().unwrap();
        let other: Recipient = "120363000000000002@g.us".parse().unwrap();
        let person: Recipient = "+15550100002".parse().unwrap();
        let taken = [&group, &group, &other, &person].map(|to| recipients.take_stale(to));
        assert_eq!(taken, [true, false, false, false]);
        for id in 0..2 * MAX_STALE_GROUPS {
            arrives(
                &recipients,
                &ack(&format!("{}@g.us", 120_363_000_000_000_000 + id)),
            );
        }
        assert_eq!(lock(&recipients.stale_groups).len(), MAX_STALE_GROUPS);
    }

    #[test]
    fn numbers_are_forgotten_when_one_may_have_changed() {
        let recipients = Recipients::default();
        let phone: Phone = "+15550100002".parse().unwrap();
        let modify = NodeBuilder::new("modify").build();
        let notice = NodeBuilder::new("notification").children([modify]).build();
        recipients.learn(phone.clone());
        arrives(&recipients, &NodeBuilder::new("notification").build());
        recipients.refused(Nack(463));
        assert!(recipients.knows(&phone));
        arrives(&recipients, &notice);
        assert!(!recipients.knows(&phone));
        recipients.learn(phone.clone());
        recipients.refused(Nack(BAD_REQUEST));
        assert!(!recipients.knows(&phone));
    }
}
