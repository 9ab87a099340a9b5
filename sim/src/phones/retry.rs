//! Retry receipts of phones and peers: one of their devices could not decrypt a message, and requests it again from
//! its sender.

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, JidExt as _, Node};

use crate::clock::unix_now;
use crate::number::DeviceId;
use crate::phones::receipts;
use crate::signal::party::{Bundle, Party};
use crate::state::queue::Item;
use crate::state::retries::Ask;
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::stanza::{content, number_bytes};

/// The Signal key type, the value of `<type>`.
const CURVE25519: u8 = 5;

/// A message that a device could not decrypt.
pub(crate) struct Unopened<'a> {
    /// The device.
    pub(crate) device: &'a DeviceId,
    /// The companion that sent the message.
    pub(crate) sender: &'a DeviceId,
    /// The recipient: the group, or the other side of the chat.
    pub(crate) to: &'a Jid,
    pub(crate) id: &'a str,
}

/// Requests the message from its sender again.
pub(crate) fn ask(shared: &Shared, party: &mut Party, unopened: &Unopened<'_>, ask: Ask) {
    let identity = {
        let mut state = lock(&shared.state);
        let (number, device) = unopened.device;
        let added = state.user(number).played.get(device);
        added.map(|added| added.device_identity.clone())
    };
    let item = receipt(unopened, ask, party, identity);
    receipts::owe(
        &mut lock(&shared.state),
        unopened.device,
        unopened.sender,
        item,
    );
}

fn receipt(
    unopened: &Unopened<'_>,
    ask: Ask,
    party: &mut Party,
    device_identity: Option<Vec<u8>>,
) -> Item {
    let Unopened {
        device,
        sender,
        to,
        id,
    } = unopened;
    let retry = NodeBuilder::new("retry")
        .attr("v", "1")
        .attr("id", *id)
        .attr("count", ask.count)
        .attr("t", unix_now());
    let registration = number_bytes(party.registration_id(), 4);
    let mut children = vec![retry.build(), content("registration", registration)];
    if ask.keys {
        children.push(keys(&party.take_bundle(), device_identity));
    }
    // A device of the same account has to name the chat; for other senders, the sender is the chat.
    let recipient = (device.0 == sender.0 && !to.is_group()).then(|| (*to).clone());
    receipts::item(device, to, id, Some("retry"), |node| {
        let node = match recipient {
            Some(recipient) => node.attr("recipient", recipient),
            None => node,
        };
        node.children(children)
    })
}

/// `<keys>`: the keys for a new session.
fn keys(bundle: &Bundle, device_identity: Option<Vec<u8>>) -> Node {
    let mut children = vec![
        content("type", [CURVE25519]),
        content("identity", bundle.identity),
    ];
    if let Some((id, public)) = bundle.one_time {
        let key = [content("id", number_bytes(id, 3)), content("value", public)];
        children.push(NodeBuilder::new("key").children(key).build());
    }
    let signed = [
        content("id", number_bytes(bundle.signed.id, 3)),
        content("value", bundle.signed.public),
        content("signature", bundle.signed.signature),
    ];
    children.push(NodeBuilder::new("skey").children(signed).build());
    children.extend(device_identity.map(|bytes| content("device-identity", bytes)));
    NodeBuilder::new("keys").children(children).build()
}
