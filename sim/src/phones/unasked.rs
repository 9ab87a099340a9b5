//! Messages that a companion cannot decrypt.

use buffa::Message as _;
use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node};
use waproto::whatsapp as wa;

use crate::clock::unix_now;
use crate::delivery::deliver;
use crate::number::{DeviceId, Number};
use crate::state::inbox::Received;
use crate::state::queue::{Class, Item};
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::address::{By, addressed};
use crate::wire::content::text_message;

/// Meta AI's address.
const BOT: &str = "13135550002";

/// A bot answers the phone, in an encryption whose secret companions do not have. Returns the answer's id.
pub(crate) fn answer_by_bot(shared: &Shared, account: &Number) -> String {
    let id = crate::id::message();
    let secret = waproto::whatsapp::MessageSecretMessage {
        version: Some(1),
        enc_iv: Some(vec![7; 12]),
        enc_payload: Some(vec![7; 48]),
    };
    let enc = NodeBuilder::new("enc")
        .attr("v", "2")
        .attr("type", "msmsg")
        .bytes(secret.encode_to_vec());
    let meta = NodeBuilder::new("meta").attr("target_id", "3EB0AAAAAAAAAAAAAAAA");
    let from = Jid::pn(BOT);
    let message = NodeBuilder::new("message")
        .attr("from", from.clone())
        .attr("id", id.as_str())
        .attr("t", unix_now())
        .attr("type", "text")
        .children([meta.build(), enc.build()]);
    give(
        shared,
        account,
        &id,
        &from.to_non_ad_string(),
        &message.build(),
    );
    id
}

/// A message that a companion cannot decrypt. Each must be acked nevertheless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unopenable {
    /// `<unavailable>`: only the phone has the message.
    Unavailable,
    /// `<unavailable>` for a view-once message: only the phone shows it.
    ViewOnce,
    /// `<unavailable>` for a message of a business's provider.
    Hosted,
    /// `<unavailable>` for a bot's answer.
    Bot,
    /// An encryption whose secret companions do not have.
    Msmsg,
    /// An unknown encryption type.
    UnknownEnc,
    /// Unencrypted, as only channels are.
    Plaintext,
}

impl Unopenable {
    fn children(self) -> Vec<Node> {
        let unavailable = NodeBuilder::new("unavailable");
        let enc = |kind: &'static str| {
            let enc = NodeBuilder::new("enc").attr("v", "2").attr("type", kind);
            enc.bytes(vec![7; 48]).build()
        };
        match self {
            Self::Unavailable => vec![unavailable.build()],
            Self::ViewOnce => vec![unavailable.attr("type", "view_once").build()],
            Self::Hosted => vec![unavailable.attr("hosted", "true").build()],
            Self::Bot => vec![unavailable.build(), NodeBuilder::new("bot").build()],
            Self::Msmsg => vec![enc("msmsg")],
            Self::UnknownEnc => vec![enc("frskmsg"), enc("tomorrow")],
            Self::Plaintext => {
                let text = text_message("in the clear").encode_to_vec();
                vec![NodeBuilder::new("plaintext").bytes(text).build()]
            }
        }
    }
}

/// Sends the account's companions a message that they cannot decrypt; `shown` is the message that the phone received,
/// if any. Returns its id.
pub(crate) fn unopenable(
    shared: &Shared,
    from: &DeviceId,
    to: &Number,
    form: Unopenable,
    by: By,
    shown: Option<&wa::Message>,
) -> String {
    let id = crate::id::message();
    let name = lock(&shared.state).user(&from.0).name.clone();
    if let Some(shown) = shown {
        let chat = match by.is_lid() {
            true => from.0.lid(),
            false => from.0.pn(),
        };
        let received = Received::plain(&id, from, &chat, shown);
        lock(&shared.state).user(to).receive(0, received);
    }
    let message = NodeBuilder::new("message")
        .attr("id", id.as_str())
        .attr("t", unix_now())
        .attr("type", "text")
        .attr("notify", name);
    let message = addressed(message, from, to, &(to.clone(), 1), by);
    let node = message.children(form.children()).build();
    give(shared, to, &id, from.0.digits(), &node);
    id
}

fn give(shared: &Shared, account: &Number, id: &str, origin: &str, node: &Node) {
    let mut state = lock(&shared.state);
    for companion in state.companions_of(account) {
        let item = Item {
            class: Class::Message,
            id: id.to_owned(),
            origin: origin.to_owned(),
            node: node.clone(),
        };
        deliver(&mut state, &companion, item);
    }
    drop(state);
    shared.announce();
}
