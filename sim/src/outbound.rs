//! Messages that a phone or a peer sends: sealed for each companion of those who get them.
//!
//! Between two devices that the simulator plays itself nothing is encrypted: nobody could tell.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use buffa::MessageField;
use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node};
use wacore_libsignal::protocol::ProtocolAddress;
use waproto::whatsapp as wa;
use waproto::whatsapp::message::DeviceSentMessage;

use crate::clock::unix_now;
use crate::content;
use crate::number::Number;
use crate::party::{Enc, Party};
use crate::peer::{By, Received};
use crate::queue::{Class, Item};
use crate::sim::{Error, Shared};
use crate::state::DeviceId;
use crate::sync::{lock, ready};

/// Messages a device 0 remembers for retry receipts.
const REMEMBERED: usize = 2_000;

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

/// A sender's party and name, and the companions that a message goes to.
type Correspondents = (Arc<Mutex<Party>>, String, Vec<DeviceId>);

impl Shared {
    /// Sends text or anything else from device 0 to somebody. Returns the message's id.
    pub(crate) fn send_direct(
        &self,
        from: &Number,
        to: &Number,
        message: &wa::Message,
        by: By,
        id: Option<String>,
    ) -> Result<String, Error> {
        let (party, name, targets) = self.correspondents(from, to)?;
        let envelope = Envelope {
            id: id.unwrap_or_else(crate::id::message),
            from: from.clone(),
            name,
            to: To::User(to.clone(), by),
            named: content::attributes(message),
        };
        // A companion may ask for it again before this function ends.
        self.remember(&envelope, message);
        let copy = copy_for_own_devices(to, by, message);
        let mut sender = lock(&party);
        for target in &targets {
            let message = if target.0 == *from { &copy } else { message };
            self.send_sealed(&mut sender, target, &envelope, message)?;
        }
        drop(sender);
        let id = envelope.id;
        if from != to {
            let chat = if by.is_lid() { from.lid() } else { from.pn() };
            self.hear(to, Received::plain(&id, from, &chat, message));
        }
        self.announce();
        Ok(id)
    }

    /// Sends from device 0 to somebody as one of many who get it: a status, or a broadcast list's message. Returns the
    /// message's id.
    pub(crate) fn send_broadcast(
        &self,
        from: &Number,
        to: &Number,
        list: &str,
        message: &wa::Message,
        by: By,
        id: Option<String>,
    ) -> Result<String, Error> {
        let (party, name, targets) = self.correspondents(from, to)?;
        let envelope = Envelope {
            id: id.unwrap_or_else(crate::id::message),
            from: from.clone(),
            name,
            to: To::Broadcast(list.to_owned(), by),
            named: content::attributes(message),
        };
        self.remember(&envelope, message);
        let mut sender = lock(&party);
        for target in targets.iter().filter(|target| target.0 == *to) {
            self.send_sealed(&mut sender, target, &envelope, message)?;
        }
        drop(sender);
        self.announce();
        Ok(envelope.id)
    }

    /// The sender's party and name, and the companions of both sides.
    fn correspondents(&self, from: &Number, to: &Number) -> Result<Correspondents, Error> {
        let mut state = lock(&self.state);
        if state.unknown.contains(to) {
            return Err(Error::NotOnWhatsApp(to.to_string()));
        }
        state.user(to);
        let user = state.user(from);
        let (party, name) = (Arc::clone(&user.party), user.name.clone());
        let mut targets = state.companions_of(to);
        if from != to {
            targets.extend(state.companions_of(from));
        }
        Ok((party, name, targets))
    }

    /// Sends to a group, with the sender key for whoever has not got it.
    pub(crate) fn send_group(
        &self,
        from: &Number,
        group: &str,
        message: &wa::Message,
        by: By,
        id: Option<String>,
    ) -> Result<String, Error> {
        let (party, name, members) = {
            let mut state = lock(&self.state);
            let members = state.groups.get(group).map(|group| group.members.clone());
            let members = members.ok_or_else(|| Error::NoGroup(Jid::group(group).to_string()))?;
            let user = state.user(from);
            (Arc::clone(&user.party), user.name.clone(), members)
        };
        let envelope = Envelope {
            id: id.unwrap_or_else(crate::id::message),
            from: from.clone(),
            name,
            to: To::Group(group.to_owned(), by),
            named: content::attributes(message),
        };
        self.remember(&envelope, message);
        self.send_to_members(&mut lock(&party), &envelope, group, &members, message)?;
        let chat = Jid::group(group);
        for member in members.iter().filter(|member| *member != from) {
            self.hear(member, Received::plain(&envelope.id, from, &chat, message));
        }
        self.announce();
        Ok(envelope.id)
    }

    fn send_to_members(
        &self,
        sender: &mut Party,
        envelope: &Envelope,
        group: &str,
        members: &[Number],
        message: &wa::Message,
    ) -> Result<(), Error> {
        let jid = Jid::group(group).to_string();
        let me = address(&(envelope.from.clone(), 0));
        let distribution = distribution(&jid, ready(sender.sender_key_distribution(&jid, &me))?);
        let sealed = ready(sender.group_encrypt(&jid, &me, message))?;
        let targets: Vec<DeviceId> = {
            let state = lock(&self.state);
            let of = |member| state.companions_of(member);
            members.iter().flat_map(of).collect()
        };
        for target in targets {
            let fresh = {
                let mut state = lock(&self.state);
                let distributed = &mut state.user(&envelope.from).distributed;
                let known = distributed.entry(group.to_owned()).or_default();
                known.insert(target.clone())
            };
            let mut encs = Vec::with_capacity(2);
            if fresh {
                encs.push(enc(&self.seal(sender, &target, &distribution)?, None));
            }
            encs.push(enc(&sealed, None));
            let item = envelope.item(&target, encs);
            lock(&self.state).deliver(&target, item);
        }
        Ok(())
    }

    /// Encrypts for one companion and delivers.
    pub(crate) fn send_sealed(
        &self,
        sender: &mut Party,
        target: &DeviceId,
        envelope: &Envelope,
        message: &wa::Message,
    ) -> Result<(), Error> {
        let sealed = self.seal(sender, target, message)?;
        let item = envelope.item(target, vec![enc(&sealed, None)]);
        lock(&self.state).deliver(target, item);
        Ok(())
    }

    /// Encrypts for one companion; without a session, with one of its prekeys.
    pub(crate) fn seal(
        &self,
        sender: &mut Party,
        target: &DeviceId,
        message: &wa::Message,
    ) -> Result<Enc, Error> {
        let address = address(target);
        let bundle = if sender.has_session(&address) {
            None
        } else {
            lock(&self.state).take_bundle(target)
        };
        Ok(ready(sender.encrypt(&address, bundle.as_ref(), message))?)
    }

    fn remember(&self, envelope: &Envelope, message: &wa::Message) {
        let mut state = lock(&self.state);
        let sent: &mut VecDeque<Sent> = &mut state.user(&envelope.from).sent;
        if sent.len() >= REMEMBERED {
            sent.pop_front();
        }
        sent.push_back(Sent {
            envelope: envelope.clone(),
            message: message.clone(),
        });
    }

    /// Device 0 of a user has got a message. The same one twice counts once.
    pub(crate) fn hear(&self, number: &Number, received: Received) {
        let mut state = lock(&self.state);
        let user = state.user(number);
        if user
            .heard
            .insert((received.from.clone(), received.id.clone()))
        {
            user.inbox.push(received);
        }
    }
}

/// `<enc>`; a retry carries its count.
pub(crate) fn enc(sealed: &Enc, count: Option<u32>) -> Node {
    let node = NodeBuilder::new("enc")
        .attr("v", "2")
        .attr("type", sealed.kind.as_str());
    let node = match count {
        Some(count) => node.attr("count", count),
        None => node,
    };
    node.bytes(sealed.bytes.clone()).build()
}

/// The name of a device among parties. Always by LID: how a stanza is addressed does not change whose device it is.
pub(crate) fn address((number, device): &DeviceId) -> ProtocolAddress {
    ProtocolAddress::new(&number.lid_user(), u32::from(*device).into())
}

/// How a one-to-one message names its sender to `target`. Beside each address stands the other one of the same user.
/// A copy for the sender's own companion names the chat instead (`recipient`), and beside it that user's other address:
/// a client that found its own there would take it for the chat's.
pub(crate) fn addressed(
    message: NodeBuilder,
    (from, device): &DeviceId,
    to: &Number,
    target: &DeviceId,
    by: By,
) -> NodeBuilder {
    let own_copy = target.0 == *from;
    let (message, beside) = match by.is_lid() {
        true => (
            message
                .attr("from", from.lid_device(*device))
                .attr("addressing_mode", "lid"),
            ("sender_pn", from.pn_device(*device)),
        ),
        false => (
            message
                .attr("from", from.pn_device(*device))
                .attr("addressing_mode", "pn"),
            ("sender_lid", from.lid_device(*device)),
        ),
    };
    match by.is_lid() {
        _ if !own_copy && by.tells_both() => message.attr(beside.0, beside.1),
        _ if !own_copy => message,
        true => message
            .attr("recipient", to.lid())
            .attr("peer_recipient_pn", to.pn()),
        false => message
            .attr("recipient", to.pn())
            .attr("peer_recipient_lid", to.lid()),
    }
}

/// How a group's message names who wrote it.
fn participant(message: NodeBuilder, from: &Number, by: By) -> NodeBuilder {
    let message = match by.is_lid() {
        true => message
            .attr("participant", from.lid())
            .attr("addressing_mode", "lid"),
        false => message
            .attr("participant", from.pn())
            .attr("addressing_mode", "pn"),
    };
    match by {
        By::Lid => message.attr("participant_pn", from.pn()),
        By::Pn => message.attr("participant_lid", from.lid()),
        By::LidAlone | By::PnAlone => message,
    }
}

/// What one's own companions get: the message and whom it went to.
fn copy_for_own_devices(to: &Number, by: By, message: &wa::Message) -> wa::Message {
    let destination = if by.is_lid() { to.lid() } else { to.pn() };
    wa::Message {
        device_sent_message: MessageField::some(DeviceSentMessage {
            destination_jid: Some(destination.to_string()),
            message: MessageField::some(message.clone()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

pub(crate) fn distribution(group: &str, key: Vec<u8>) -> wa::Message {
    wa::Message {
        sender_key_distribution_message: MessageField::some(
            wa::message::SenderKeyDistributionMessage {
                group_id: Some(group.to_owned()),
                axolotl_sender_key_distribution_message: Some(key),
            },
        ),
        ..Default::default()
    }
}

pub(crate) fn text_message(text: &str) -> wa::Message {
    wa::Message {
        conversation: Some(text.to_owned()),
        ..Default::default()
    }
}
