//! Receipts that phones and peers answer with, and the form of every receipt for a companion.

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, JidExt as _};

use crate::clock::unix_now;
use crate::delivery::deliver;
use crate::number::{DeviceId, Number};
use crate::state::queue::{Class, Item};
use crate::state::shared::Shared;
use crate::state::user::OwedReceipt;
use crate::sync::lock;

/// Phones and peers that opened the message say so, unless they were told not to.
pub(crate) fn answer(shared: &Shared, from: &DeviceId, to: &Jid, id: &str) {
    let mut state = lock(&shared.state);
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
            deliver(&mut state, from, receipt);
        }
    }
}

/// Takes a contact offline, or back: then it confirms what has been delivered to it since.
pub(crate) fn set_online(shared: &Shared, number: &Number, online: bool) {
    let mut state = lock(&shared.state);
    let user = state.user(number);
    user.offline = !online;
    if !online {
        return;
    }
    for OwedReceipt { to, chat, id } in std::mem::take(&mut user.owed_receipts) {
        let receipt = receipt(number, &chat, &id, None);
        deliver(&mut state, &to, receipt);
    }
    drop(state);
    shared.announce();
}

/// A receipt from a phone or a peer, in the addressing that the message used.
pub(crate) fn receipt(number: &Number, chat: &Jid, id: &str, kind: Option<&str>) -> Item {
    forwarded_receipt(&(number.clone(), 0), chat, id, kind)
}

pub(crate) fn forwarded_receipt(
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
