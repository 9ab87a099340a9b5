//! The prekeys that companions have uploaded: each is used once, and companions are asked to upload more.

use wacore_binary::SERVER_JID;
use wacore_binary::builder::NodeBuilder;

use crate::delivery::deliver;
use crate::number::DeviceId;
use crate::signal::party::Bundle;
use crate::state::State;
use crate::state::queue::Item;
use crate::wire::stanza;

/// Returns a prekey bundle of a companion. Consumes a one-time prekey, and asks the companion for more when few are
/// left.
pub(crate) fn take_bundle(state: &mut State, device: &DeviceId) -> Option<Bundle> {
    let companion = state.companion(device)?;
    let bundle = companion.take_bundle();
    if let Some(count) = companion.wants_prekeys() {
        let notification = low(count);
        deliver(state, device, notification);
    }
    Some(bundle)
}

/// `<notification type="encrypt">`: few prekeys are left.
fn low(count: usize) -> Item {
    let count = NodeBuilder::new("count").attr("value", count).build();
    let request = NodeBuilder::new("notification")
        .attr("from", stanza::server())
        .children([count]);
    Item::notification("encrypt", SERVER_JID.to_owned(), request)
}
