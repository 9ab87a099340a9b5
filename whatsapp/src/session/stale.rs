//! Groups for which the library's list of devices is outdated.
//!
//! The ack of a message to a group shows that a member has a new device: WhatsApp's server adds its own `phash` (a hash of the
//! device list) if the sender's list differs, and none otherwise. The library handles the `phash` of direct messages, and
//! ignores that of groups (whatsapp-rust 0.7.0, `src/send/mod.rs:2304`, `dm_phash`): the new device would receive none of the
//! group's messages until the library queries the list for another reason.

use std::collections::HashSet;
use std::sync::Mutex;

use openclaw_types::Recipient;
use whatsapp_rust::OwnedNodeRef;
use whatsapp_rust::wacore_binary::node::ValueRef;

use super::lock;

/// More groups than a client writes to at once. Further ones are ignored: the ack of their next message has a `phash` again.
const MAX_GROUPS: usize = 256;

/// Groups whose device list has to be queried before the next message.
#[derive(Debug, Default)]
pub(super) struct StaleGroups(Mutex<HashSet<String>>);

impl StaleGroups {
    /// Records the group if the stanza is an ack with a `phash`.
    pub(super) fn arrived(&self, stanza: &OwnedNodeRef) {
        if stanza.tag() != "ack" || stanza.get_attr("phash").is_none() {
            return;
        }
        let from = stanza.get_attr("from").and_then(ValueRef::to_jid);
        let Some(group) = from.filter(|from| from.server.as_str() == "g.us") else {
            return;
        };
        tracing::info!(
            "device list of a group is stale, will be refreshed before the next message"
        );
        let mut groups = lock(&self.0);
        if groups.len() < MAX_GROUPS {
            groups.insert(group.user.to_string());
        }
    }

    /// Whether the recipient's device list has to be queried. Returns true once for each outdated list.
    pub(super) fn take(&self, to: &Recipient) -> bool {
        match to {
            Recipient::Group(id) => lock(&self.0).remove(id.as_str()),
            Recipient::Phone(_) | Recipient::Lid(_) => false,
        }
    }
}
