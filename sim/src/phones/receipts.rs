//! Receipts that phones and peers send, and the form of every receipt for a companion.

pub(crate) mod form;

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, JidExt as _};

use crate::clock::unix_now;
use crate::delivery::deliver;
use crate::number::{DeviceId, Number};
use crate::state::State;
use crate::state::queue::{Class, Item};
use crate::state::shared::Shared;
use crate::sync::lock;

/// Sends delivery receipts from the devices that decrypted the message, unless receipts are disabled.
pub(crate) fn answer(shared: &Shared, from: &DeviceId, to: &Jid, id: &str, opened_at: &[DeviceId]) {
    let mut state = lock(&shared.state);
    for device in opened_at.iter().filter(|device| device.0 != from.0) {
        let unknown = state.unknown.contains(&device.0);
        if !unknown && state.user(&device.0).auto_receipts {
            owe(
                &mut state,
                device,
                from,
                forwarded_receipt(device, to, id, None),
            );
        }
    }
}

/// Sends a receipt from a device that the simulator runs, now or once the device is online.
pub(crate) fn owe(state: &mut State, device: &DeviceId, to: &DeviceId, item: Item) {
    let user = state.user(&device.0);
    if user.offline {
        user.owed_receipts.push((to.clone(), item));
    } else {
        deliver(state, to, item);
    }
}

/// Takes a contact offline or online; once online, it sends its pending receipts.
pub(crate) fn set_online(shared: &Shared, number: &Number, online: bool) {
    let mut state = lock(&shared.state);
    let user = state.user(number);
    user.offline = !online;
    if !online {
        return;
    }
    for (to, item) in std::mem::take(&mut user.owed_receipts) {
        deliver(&mut state, &to, item);
    }
    drop(state);
    shared.announce();
}

/// A device's receipt, with the same addressing as the message.
pub(crate) fn forwarded_receipt(
    device: &DeviceId,
    chat: &Jid,
    id: &str,
    kind: Option<&str>,
) -> Item {
    item(device, chat, id, kind, |receipt| receipt)
}

/// A device's receipt for a message in a chat, with extra children.
pub(crate) fn item(
    (number, device): &DeviceId,
    chat: &Jid,
    id: &str,
    kind: Option<&str>,
    complete: impl FnOnce(NodeBuilder) -> NodeBuilder,
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
        node: complete(receipt).build(),
    }
}
