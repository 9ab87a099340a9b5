//! Records changes of groups, and calls. Each is recorded once, even if WhatsApp delivers it again.

use std::time::SystemTime;

use openclaw_state::journal::{Arrival, MessageName};
use openclaw_types::{Call, CallState, EventData, GroupChange, Origin};

use super::Inbound;
use crate::session::names;

impl Inbound {
    /// Applies a change of a group to the stored group, and records it before its ack is sent.
    pub(super) fn group_changed(&self, mut change: GroupChange, now: SystemTime) {
        let GroupChange { origin, .. } = &mut change;
        origin.from_me = self.store.is_account(&origin.sender).unwrap_or_default();
        let name = self.name_of_change(&change.origin);
        self.store.change_group(&change);
        if self.journal.knows(&name) {
            return;
        }
        let what = Some(EventData::GroupChange(Box::new(change)));
        let ticket = self.record(vec![(None, Arrival { name, what })], now);
        self.gate.owe(self.store.vault(), ticket);
    }

    /// The name that identifies a change of a group. The group stands in for a sender that is not known.
    fn name_of_change(&self, origin: &Origin) -> MessageName {
        let group = origin.chat.jid();
        let jids = names::jids(&origin.sender).map(|jid| jid.map(|jid| jid.to_string()));
        let mut known = jids.iter().flatten().map(String::as_str);
        let sender = known.next().unwrap_or(group);
        let others = [None, known.next()];
        self.store
            .message_name([group, sender], others, origin.id.as_str())
    }

    /// Records a call, once for each of its states.
    pub(super) fn called(&self, call: Call, now: SystemTime) {
        let chat = call.origin.chat.jid();
        let name = |state: &CallState| {
            let id = format!("{}-{state}", call.origin.id.as_str());
            self.store.message_name([chat, chat], [None, None], &id)
        };
        let is_known = |state: &CallState| self.journal.knows(&name(state));
        // A call that another device has taken also ends.
        let is_taken = is_known(&CallState::Answered) || is_known(&CallState::Declined);
        if is_known(&call.state) || call.state == CallState::Missed && is_taken {
            return;
        }
        let name = name(&call.state);
        let what = Some(EventData::Call(Box::new(call)));
        self.record(vec![(None, Arrival { name, what })], now);
    }
}
