//! Receipts of every form that clients receive, for the companions of an account.

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node};

use crate::clock::unix_now;
use crate::delivery::deliver;
use crate::number::{DeviceId, Number};
use crate::phones::receipts;
use crate::state::queue::{Class, Item};
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::address::By;

/// The type of a receipt. `delivery` has no `type` attribute on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
pub enum ReceiptType {
    /// Delivered.
    #[serde(rename = "delivery")]
    Delivery,
    /// Read.
    #[serde(rename = "read")]
    Read,
    /// Read on the account's own phone.
    #[serde(rename = "read-self")]
    ReadSelf,
    /// Played.
    #[serde(rename = "played")]
    Played,
    /// Played on the account's own phone.
    #[serde(rename = "played-self")]
    PlayedSelf,
    /// Another device of the account received its copy.
    #[serde(rename = "sender")]
    Sender,
    /// Delivered to a device that is not in use.
    #[serde(rename = "inactive")]
    Inactive,
    /// Requests another upload of the message's file.
    #[serde(rename = "server-error")]
    ServerError,
    /// A history sync was received.
    #[serde(rename = "hist_sync")]
    HistSync,
    /// A message between the account's own devices was received.
    #[serde(rename = "peer_msg")]
    PeerMsg,
    /// Sent, but the recipient does not support messages to a LID.
    #[serde(rename = "sent")]
    Sent,
}

impl ReceiptType {
    const fn on_the_wire(self) -> Option<&'static str> {
        match self {
            Self::Delivery => None,
            Self::Read => Some("read"),
            Self::ReadSelf => Some("read-self"),
            Self::Played => Some("played"),
            Self::PlayedSelf => Some("played-self"),
            Self::Sender => Some("sender"),
            Self::Inactive => Some("inactive"),
            Self::ServerError => Some("server-error"),
            Self::HistSync => Some("hist_sync"),
            Self::PeerMsg => Some("peer_msg"),
            Self::Sent => Some("sent"),
        }
    }
}

/// A receipt for one message or several.
#[derive(Debug, Clone)]
pub struct ReceiptForm {
    /// The type.
    pub kind: ReceiptType,
    /// The message id, which is also the stanza's id.
    pub id: String,
    /// Further messages, in a `<list>`.
    pub rest: Vec<String>,
    /// The JID of the group that the message was sent to.
    pub group: Option<Jid>,
    /// Group members whose receipts are combined in one `<participants>`.
    pub members: Vec<Number>,
    /// For receipts of the account's own devices: the recipient of the message.
    pub recipient: Option<Number>,
    /// How the sender is addressed.
    pub by: By,
}

/// Sends a receipt from a device to the companions of an account.
pub(crate) fn send(shared: &Shared, from: &DeviceId, to: &Number, form: &ReceiptForm) {
    let chat = match (&form.group, form.by.is_lid()) {
        (Some(group), _) => group.clone(),
        (None, true) => from.0.lid(),
        (None, false) => from.0.pn(),
    };
    let item = match form.members.is_empty() {
        true => one(from, &chat, form),
        false => gathered(from, &chat, form),
    };
    let mut state = lock(&shared.state);
    for companion in state.companions_of(to) {
        deliver(&mut state, &companion, item.clone());
    }
    drop(state);
    shared.announce();
}

fn one(from: &DeviceId, chat: &Jid, form: &ReceiptForm) -> Item {
    let kind = form.kind.on_the_wire();
    receipts::item(from, chat, &form.id, kind, |receipt| {
        let receipt = match &form.recipient {
            Some(recipient) if form.by.is_lid() => receipt.attr("recipient", recipient.lid()),
            Some(recipient) => receipt.attr("recipient", recipient.pn()),
            None => receipt,
        };
        receipt.children(children(form))
    })
}

fn children(form: &ReceiptForm) -> Vec<Node> {
    let mut children = Vec::new();
    if !form.rest.is_empty() {
        let item = |id: &String| NodeBuilder::new("item").attr("id", id.as_str()).build();
        let list = NodeBuilder::new("list").children(form.rest.iter().map(item));
        children.push(list.build());
    }
    if form.kind == ReceiptType::Sent {
        let error = NodeBuilder::new("error").attr("reason", "lid");
        children.push(error.attr("type", "feature-incapable").build());
    }
    children
}

/// The receipts of several members of a group: the sender is the group.
fn gathered(from: &DeviceId, chat: &Jid, form: &ReceiptForm) -> Item {
    let user = |number: &Number| {
        let user = NodeBuilder::new("user").attr("jid", number.lid_device(from.1));
        user.attr("t", unix_now()).build()
    };
    let participants = NodeBuilder::new("participants")
        .attr("key", form.id.as_str())
        .children(form.members.iter().map(user))
        .build();
    let receipt = NodeBuilder::new("receipt")
        .attr("from", chat.clone())
        .attr("id", form.id.as_str())
        .attr("t", unix_now());
    let receipt = match form.kind.on_the_wire() {
        Some(kind) => receipt.attr("type", kind),
        None => receipt,
    };
    Item {
        class: Class::Receipt,
        id: form.id.clone(),
        origin: chat.user.to_string(),
        node: receipt.children([participants]).build(),
    }
}
