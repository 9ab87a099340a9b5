//! Receipts: those of companions, which also settle messages, and those that phones and peers answer with.

use std::borrow::Cow;

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, JidExt as _, Node};

use crate::clock::unix_now;
use crate::link::Link;
use crate::number::Number;
use crate::peer::Receipt;
use crate::queue::{Class, Item};
use crate::sim::Shared;
use crate::stanza;
use crate::state::{DeviceId, OwedReceipt};
use crate::sync::lock;

impl Shared {
    /// Settles the messages that a receipt names, acks it, and hands it on.
    pub(crate) fn receive_receipt(&self, link: &Link, id: &DeviceId, node: &Node) {
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
        for stanza_id in &ids {
            self.settle(id, Class::Message, stanza_id, node);
        }
        self.acknowledge(link, id, node, "receipt");
        self.pass_receipt_on(id, node, &ids);
        self.announce();
    }

    /// Phones and peers that opened the message say so, unless they were told not to.
    pub(crate) fn answer_with_receipts(&self, from: &DeviceId, to: &Jid, id: &str) {
        let mut state = lock(&self.state);
        let recipients: Vec<DeviceId> = if to.is_group() {
            let group = state.groups.get(to.user.as_str());
            let members = group.map(|group| group.members.clone()).unwrap_or_default();
            members.into_iter().map(|member| (member, 0)).collect()
        } else {
            state.resolve(to).into_iter().collect()
        };
        for (number, device) in recipients {
            let from_other = number != from.0 && device == 0;
            if from_other && !state.unknown.contains(&number) && state.user(&number).auto_receipts {
                if state.user(&number).offline {
                    let owed = OwedReceipt {
                        to: from.clone(),
                        chat: to.clone(),
                        id: id.to_owned(),
                    };
                    state.user(&number).owed_receipts.push(owed);
                    continue;
                }
                let receipt = receipt(&number, to, id, None);
                state.deliver(from, receipt);
            }
        }
    }

    /// Takes a contact offline, or back: then it confirms what has been delivered to it since.
    pub(crate) fn set_online(&self, number: &Number, online: bool) {
        let mut state = lock(&self.state);
        let user = state.user(number);
        user.offline = !online;
        if !online {
            return;
        }
        for OwedReceipt { to, chat, id } in std::mem::take(&mut user.owed_receipts) {
            let receipt = receipt(number, &chat, &id, None);
            state.deliver(&to, receipt);
        }
        drop(state);
        self.announce();
    }

    /// Hands a companion's receipt to the one whose messages it is about.
    fn pass_receipt_on(&self, from: &DeviceId, node: &Node, ids: &[String]) {
        let kind = stanza::text(node, "type").map(Cow::into_owned);
        let Some(to) = stanza::jid(node, "to") else {
            return;
        };
        let author = stanza::jid(node, "participant").unwrap_or_else(|| to.clone());
        if kind.as_deref() == Some("retry") {
            self.send_again(from, node, &author);
            return;
        }
        let mut state = lock(&self.state);
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
                state.deliver(&companion, item);
            }
        }
    }
}

/// A receipt from a phone or a peer, in the addressing that the message used.
pub(crate) fn receipt(number: &Number, chat: &Jid, id: &str, kind: Option<&str>) -> Item {
    forwarded_receipt(&(number.clone(), 0), chat, id, kind)
}

fn forwarded_receipt(
    (number, device): &DeviceId,
    chat: &Jid,
    id: &str,
    kind: Option<&str>,
) -> Item {
    let by_lid = number.lid_device(*device);
    let receipt = NodeBuilder::new("receipt")
        .attr("id", id)
        .attr("t", unix_now());
    let (receipt, origin) = if chat.is_group() {
        let receipt = receipt
            .attr("from", chat.clone())
            .attr("participant", by_lid);
        (receipt, format!("{}/{}", chat.user, number.digits()))
    } else if chat.is_lid() {
        (receipt.attr("from", by_lid), number.digits().to_owned())
    } else {
        let receipt = receipt.attr("from", number.pn_device(*device));
        (receipt, number.digits().to_owned())
    };
    let receipt = match kind {
        Some(kind) => receipt.attr("type", kind),
        None => receipt,
    };
    Item {
        class: Class::Receipt,
        id: id.to_owned(),
        origin,
        node: receipt.build(),
    }
}
