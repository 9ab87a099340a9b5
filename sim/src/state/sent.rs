//! Messages that a phone or a peer has sent: everything but the ciphertext, so that they can be sent again.

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node};
use waproto::whatsapp as wa;

use crate::clock::unix_now;
use crate::number::{DeviceId, Number};
use crate::state::queue::{Class, Item};
use crate::wire::address::{By, addressed, participant};
use crate::wire::content;

/// A message that device 0 sent, so that it can be sent again.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) envelope: Envelope,
    pub(crate) message: wa::Message,
}

/// Everything about a message but its content.
#[derive(Clone)]
pub(crate) struct Envelope {
    pub(crate) id: String,
    pub(crate) from: Number,
    pub(crate) name: String,
    pub(crate) to: To,
    /// The attributes `type` and `edit` of the stanza.
    pub(crate) named: (&'static str, Option<&'static str>),
}

#[derive(Clone)]
pub(crate) enum To {
    /// To somebody, and a copy to one's own companions.
    User(Number, By),
    /// To the companions of a group's members.
    Group(String, By),
    /// To somebody as one of many: a status (`status`), or a broadcast list by its number.
    Broadcast(String, By),
    /// From the phone to one companion of its own.
    OwnCompanion,
}

impl Envelope {
    /// Of a message under this id, or one of its own.
    pub(crate) fn new(
        (from, name): (&Number, String),
        to: To,
        message: &wa::Message,
        id: Option<String>,
    ) -> Self {
        Self {
            id: id.unwrap_or_else(crate::id::message),
            from: from.clone(),
            name,
            to,
            named: content::attributes(message),
        }
    }

    pub(crate) fn to_own_companion(from: &Number) -> Self {
        Self {
            id: crate::id::message(),
            from: from.clone(),
            name: String::new(),
            to: To::OwnCompanion,
            named: ("text", None),
        }
    }

    /// The `<message>` for one companion, around its `<enc>`s.
    fn stanza(&self, target: &DeviceId, encs: Vec<Node>) -> Node {
        let Self {
            id,
            from,
            name,
            to,
            named: (kind, edit),
        } = self;
        let message = NodeBuilder::new("message")
            .attr("id", id.as_str())
            .attr("t", unix_now())
            .attr("type", *kind);
        let message = match edit {
            Some(edit) => message.attr("edit", *edit),
            None => message,
        };
        let message = match to {
            To::Group(group, by) => {
                let message = message
                    .attr("from", Jid::group(group.as_str()))
                    .attr("notify", name.as_str());
                participant(message, from, *by)
            }
            To::Broadcast(list, by) => {
                let message = message
                    .attr("from", format!("{list}@broadcast"))
                    .attr("notify", name.as_str());
                participant(message, from, *by)
            }
            To::OwnCompanion => message.attr("from", from.pn()).attr("category", "peer"),
            To::User(to, by) => {
                let message = message.attr("notify", name.as_str());
                addressed(message, &(from.clone(), 0), to, target, *by)
            }
        };
        message.children(encs).build()
    }

    /// Who the message is from, in the spelling of [`Item::origin`].
    fn origin(&self) -> String {
        match &self.to {
            To::Group(group, _) | To::Broadcast(group, _) => {
                format!("{group}/{}", self.from.digits())
            }
            To::User(..) | To::OwnCompanion => self.from.digits().to_owned(),
        }
    }

    pub(crate) fn item(&self, target: &DeviceId, encs: Vec<Node>) -> Item {
        Item {
            class: Class::Message,
            id: self.id.clone(),
            origin: self.origin(),
            node: self.stanza(target, encs),
        }
    }
}
