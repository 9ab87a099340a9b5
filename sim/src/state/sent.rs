//! Sent messages of phones and peers: everything except the ciphertext, so that they can be resent.

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node};
use waproto::whatsapp as wa;

use crate::clock::unix_now;
use crate::number::{DeviceId, Number};
use crate::state::queue::{Class, Item};
use crate::wire::address::{By, addressed, participant};
use crate::wire::{content, stanza};

/// A message that a device has sent and can resend.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) envelope: Envelope,
    pub(crate) message: wa::Message,
    /// Seconds since 1970.
    pub(crate) at: u64,
    /// Its position among all messages.
    pub(crate) place: u64,
}

/// The sender of a message.
pub(crate) struct Sender {
    pub(crate) device: DeviceId,
    pub(crate) name: String,
    pub(crate) device_identity: Option<Vec<u8>>,
}

/// Everything about a message except its content.
#[derive(Clone)]
pub(crate) struct Envelope {
    pub(crate) id: String,
    pub(crate) from: DeviceId,
    /// The signed identity that a companion, unlike a phone, sends with a pkmsg.
    pub(crate) device_identity: Option<Vec<u8>>,
    pub(crate) name: String,
    pub(crate) to: To,
    /// The attributes `type` and `edit` of the stanza.
    pub(crate) named: (&'static str, Option<&'static str>),
}

#[derive(Clone)]
pub(crate) enum To {
    /// To a user, with a copy to the sender's own companions.
    User(Number, By),
    /// To the companions of a group's members.
    Group(String, By),
    /// To a user as one of many recipients: a status (`status`), or a broadcast list by its number. In its own kind of
    /// stanza, or in a `<message>`.
    Broadcast(String, By, Class),
    /// From the phone to one of its own companions.
    OwnCompanion,
}

impl Envelope {
    /// The envelope of a message with this id, or a generated one.
    pub(crate) fn new(sender: &Sender, to: To, message: &wa::Message, id: Option<String>) -> Self {
        Self {
            id: id.unwrap_or_else(crate::id::message),
            from: sender.device.clone(),
            device_identity: sender.device_identity.clone(),
            name: sender.name.clone(),
            to,
            named: content::attributes(message),
        }
    }

    pub(crate) fn to_own_companion(from: &Number) -> Self {
        Self {
            id: crate::id::message(),
            from: (from.clone(), 0),
            device_identity: None,
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
            device_identity,
            name,
            to,
            named: (kind, edit),
        } = self;
        let message = NodeBuilder::new(self.class().as_str())
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
            To::Broadcast(list, by, _) => {
                let message = message
                    .attr("from", format!("{list}@broadcast"))
                    .attr("notify", name.as_str());
                participant(message, from, *by)
            }
            To::OwnCompanion => message.attr("from", from.0.pn()).attr("category", "peer"),
            To::User(to, by) => {
                let message = message.attr("notify", name.as_str());
                addressed(message, from, to, target, *by)
            }
        };
        let opens_session = |enc: &Node| stanza::is(enc, "type", "pkmsg");
        let identity = device_identity.clone();
        let identity = identity.filter(|_| encs.iter().any(opens_session));
        let identity = identity.map(|bytes| stanza::content("device-identity", bytes));
        message.children(encs.into_iter().chain(identity)).build()
    }

    /// The sender's address, in the form of [`Item::origin`].
    fn origin(&self) -> String {
        match &self.to {
            To::Group(group, _) | To::Broadcast(group, ..) => {
                format!("{group}/{}", self.from.0.digits())
            }
            To::User(..) | To::OwnCompanion => self.from.0.digits().to_owned(),
        }
    }

    const fn class(&self) -> Class {
        match self.to {
            To::Broadcast(_, _, class) => class,
            To::User(..) | To::Group(..) | To::OwnCompanion => Class::Message,
        }
    }

    pub(crate) fn item(&self, target: &DeviceId, encs: Vec<Node>) -> Item {
        Item {
            class: self.class(),
            id: self.id.clone(),
            origin: self.origin(),
            node: self.stanza(target, encs),
        }
    }
}
