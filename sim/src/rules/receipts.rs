//! Receipts: those of companions, which also acknowledge messages, and those that phones and peers send.

use std::borrow::Cow;

use wacore_binary::{Jid, Node};

use crate::delivery::{acks, deliver};
use crate::number::DeviceId;
use crate::phones::receipts::{self, forwarded_receipt};
use crate::phones::{resend, reupload};
use crate::rules::calls;
use crate::state::config::Leniency;
use crate::state::inbox::Receipt;
use crate::state::link::Link;
use crate::state::queue::Class;
use crate::state::shared::Shared;
use crate::state::verdict;
use crate::sync::lock;
use crate::wire::stanza;

/// Receipts of these types acknowledge the message, as one without a type does.
const SETTLING: [&str; 8] = [
    "hist_sync",
    "inactive",
    "peer_msg",
    "played",
    "read",
    "read-self",
    "sender",
    "server-error",
];
/// Receipts of these types request the message again, and do not acknowledge it (whatsapp-rust#647).
const RETRYING: [&str; 2] = ["enc_rekey_retry", "retry"];

/// Removes the messages of a receipt from the queue, acks the receipt, and forwards it.
pub(crate) fn receive(shared: &Shared, link: &Link, id: &DeviceId, node: &Node) {
    let Some(first) = stanza::text(node, "id") else {
        return;
    };
    let listed = node
        .get_optional_child("list")
        .map(stanza::children)
        .unwrap_or_default();
    let rest = listed.iter().filter_map(|item| stanza::text(item, "id"));
    let ids: Vec<String> = std::iter::once(first)
        .chain(rest)
        .map(Cow::into_owned)
        .collect();
    if settles(shared, id, node) {
        for stanza_id in &ids {
            acks::settle(shared, link, id, Class::Message, stanza_id, node);
            acks::settle(shared, link, id, Class::Call, stanza_id, node);
        }
    }
    acks::acknowledge(shared, link, id, node, "receipt");
    if calls::rings(shared, id, node) {
        shared.announce();
        return;
    }
    forward_receipt(shared, id, node, &ids);
    shared.announce();
}

/// Whether a receipt of this type acknowledges its messages. An unknown type breaks a rule.
fn settles(shared: &Shared, id: &DeviceId, node: &Node) -> bool {
    const RULE: &str = "a receipt has a type that WhatsApp knows";
    let Some(kind) = stanza::text(node, "type") else {
        return true;
    };
    if !shared.config.is_strict(Leniency::Acks) {
        return true;
    }
    let settling = SETTLING.contains(&kind.as_ref());
    let known = settling || RETRYING.contains(&kind.as_ref());
    let who = verdict::name_of(id);
    lock(&shared.verdicts).require(&who, RULE, known, &kind);
    settling
}

/// A companion could not decrypt a message: the device that sent it encrypts it again.
fn ask_again(shared: &Shared, asker: &DeviceId, node: &Node, to: &Jid, author: &Jid) {
    let (author, played) = {
        let state = lock(&shared.state);
        let Some(author) = state.resolve(author) else {
            return;
        };
        let played = state.plays(&author);
        (author, played)
    };
    if played {
        resend::send_again(shared, asker, node, &author);
        return;
    }
    let id = stanza::text(node, "id").unwrap_or_default();
    let receipt = receipts::item(asker, to, &id, Some("retry"), |receipt| {
        let receipt = match node.attrs.get("recipient") {
            Some(recipient) => receipt.attr("recipient", recipient.clone()),
            None => receipt,
        };
        receipt.children(stanza::children(node).iter().cloned())
    });
    deliver(&mut lock(&shared.state), &author, receipt);
}

/// Forwards a companion's receipt to the author of its messages.
fn forward_receipt(shared: &Shared, from: &DeviceId, node: &Node, ids: &[String]) {
    let kind = stanza::text(node, "type").map(Cow::into_owned);
    let Some(to) = stanza::jid(node, "to") else {
        return;
    };
    let author = stanza::jid(node, "participant").unwrap_or_else(|| to.clone());
    if kind.as_deref() == Some("retry") {
        ask_again(shared, from, node, &to, &author);
        return;
    }
    if kind.as_deref() == Some("server-error") {
        reupload::answer(shared, from, node);
        return;
    }
    let mut state = lock(&shared.state);
    let Some((author, _)) = state.resolve(&author) else {
        return;
    };
    if author == from.0 {
        return;
    }
    for id in ids {
        let receipt = Receipt {
            id: id.clone(),
            from: from.0.to_string(),
            kind: kind.clone().unwrap_or_else(|| "delivery".to_owned()),
        };
        state.user(&author).receipts.push(receipt);
        for companion in state.companions_of(&author) {
            let item = forwarded_receipt(from, &to, id, kind.as_deref());
            deliver(&mut state, &companion, item);
        }
    }
}
