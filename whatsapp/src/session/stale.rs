//! Groups whose devices the library does not know well.
//!
//! A member's new device shows in the ack of a message to the group: WhatsApp's server names its own `phash` when the
//! sender's list of devices is another, and nothing where it is the same. The library compares those of direct messages, and
//! ignores those of groups (whatsapp-rust 0.7.0, `src/send/mod.rs:2304`, `dm_phash`): such a device would get nothing of the
//! group until the list is asked for by chance.

use std::collections::HashSet;
use std::sync::Mutex;

use openclaw_types::Recipient;
use whatsapp_rust::OwnedNodeRef;

use super::lock;

/// More groups than anybody writes to at once. Those beyond show themselves again with the next message.
const MAX_GROUPS: usize = 256;

/// Groups that have to be asked for before the next message.
#[derive(Debug, Default)]
pub(super) struct StaleGroups(Mutex<HashSet<String>>);

impl StaleGroups {
    /// A stanza has arrived: perhaps the ack of a message to a group.
    pub(super) fn arrived(&self, stanza: &OwnedNodeRef) {
        if stanza.tag() != "ack" || stanza.get_attr("phash").is_none() {
            return;
        }
        let Some(from) = stanza.get_attr("from") else {
            return;
        };
        let group = from.to_jid().filter(|it| it.server.as_str() == "g.us");
        let Some(group) = group else {
            return;
        };
        tracing::info!("a group has other devices than the message was encrypted for");
        let mut groups = lock(&self.0);
        if groups.len() < MAX_GROUPS {
            groups.insert(group.user.to_string());
        }
    }

    /// Whether the recipient has to be asked for. Once.
    pub(super) fn take(&self, to: &Recipient) -> bool {
        match to {
            Recipient::Group(id) => lock(&self.0).remove(id.as_str()),
            Recipient::Phone(_) | Recipient::Lid(_) => false,
        }
    }
}
