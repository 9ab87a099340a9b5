//! Delivers queued stanzas to companions: from the queue to the socket, and until they are acked.

pub(crate) mod acks;
pub(crate) mod backlog;
pub(crate) mod prekeys;

use std::time::Duration;

use wacore_binary::Node;

use crate::number::DeviceId;
use crate::state::State;
use crate::state::feed::Feed;
use crate::state::link::Link;
use crate::state::queue::{Class, Item};
use crate::wire::stanza;

/// Queues a stanza for a companion, and sends it if the companion is connected.
pub(crate) fn deliver(state: &mut State, device: &DeviceId, item: Item) {
    let Some(user) = state.users.get_mut(&device.0) else {
        return;
    };
    let delay = user.faults.delay.or(state.faults.delay);
    let Some(companion) = user.companions.get_mut(&device.1) else {
        return;
    };
    let delay = delay.max(turnaround(&item));
    let (class, node) = (item.class, item.node.clone());
    let place = companion.queue.push(item);
    let Some(link) = companion.link.clone().filter(|_| companion.active) else {
        return;
    };
    if companion.feed.is_some() {
        return;
    }
    if link.room() == 0 {
        companion.feed = Some(Feed::from(place));
        return;
    }
    companion.queue.sent(place);
    for node in mangled(state, device, class, node) {
        link.send(&node, delay);
    }
    cut_if_asked(state, device, &link);
}

/// Closes a socket after the stanza that was written last, if a fault requires it.
fn cut_if_asked(state: &mut State, device: &DeviceId, link: &Link) {
    let user = state.users.get_mut(&device.0);
    if user.is_some_and(|user| user.faults.cuts_after_this()) {
        link.cut_after_queued();
    }
}

/// The minimum delay of a retry receipt. A real device answers over a network, after the client has finished sending
/// the message; clients drop a retry request that arrives while they are still sending.
fn turnaround(item: &Item) -> Option<Duration> {
    const TURNAROUND: Duration = Duration::from_millis(100);
    let retry = item.class == Class::Receipt && stanza::is(&item.node, "type", "retry");
    retry.then_some(TURNAROUND)
}

/// Applies the companion's faults to a stanza.
pub(crate) fn mangled(state: &mut State, device: &DeviceId, class: Class, node: Node) -> Vec<Node> {
    if class != Class::Message {
        return vec![node];
    }
    let own = state.users.get_mut(&device.0).map(|user| &mut user.faults);
    let faults = match own {
        Some(own) if own.touches_messages() => own,
        _ => &mut state.faults,
    };
    faults.mangle(&device.0, device.1, node)
}
