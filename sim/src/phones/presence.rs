//! Presence and typing of phones and peers. These stanzas are not acked, and not queued for offline companions.

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node};

use crate::clock::unix_now;
use crate::number::{DeviceId, Number};
use crate::state::State;
use crate::state::shared::Shared;
use crate::sync::lock;

/// Sets a phone or a peer online or offline, and notifies subscribers.
pub(crate) fn set(shared: &Shared, number: &Number, available: bool) {
    let mut state = lock(&shared.state);
    let presence = &mut state.user(number).presence;
    presence.available = available;
    if !available {
        presence.last_seen = Some(unix_now());
    }
    for (device, by_lid) in presence.subscribers.clone() {
        let node = stanza(&mut state, number, by_lid);
        tell(&mut state, &device, &node);
    }
    drop(state);
    shared.announce();
}

/// The current `<presence>` of a user.
pub(crate) fn stanza(state: &mut State, number: &Number, by_lid: bool) -> Node {
    let presence = &state.user(number).presence;
    let node = NodeBuilder::new("presence").attr("from", address(number, by_lid));
    match (presence.available, presence.last_seen) {
        (true, _) => node.build(),
        (false, Some(last)) => node.attr("type", "unavailable").attr("last", last).build(),
        (false, None) => node
            .attr("type", "unavailable")
            .attr("last", "deny")
            .build(),
    }
}

/// A phone or a peer types to an account, records (`recording`), or stops (`paused`).
pub(crate) fn types(shared: &Shared, from: &Number, to: &Number, what: &str, by_lid: bool) {
    let child = match what {
        "recording" => NodeBuilder::new("composing").attr("media", "audio"),
        "composing" => NodeBuilder::new("composing"),
        _ => NodeBuilder::new("paused"),
    };
    let node = NodeBuilder::new("chatstate")
        .attr("from", address(from, by_lid))
        .children([child.build()])
        .build();
    let mut state = lock(&shared.state);
    for companion in state.companions_of(to) {
        tell(&mut state, &companion, &node);
    }
}

fn address(number: &Number, by_lid: bool) -> Jid {
    if by_lid { number.lid() } else { number.pn() }
}

/// Writes the stanza to the companion's socket, if it has an active one.
pub(crate) fn tell(state: &mut State, device: &DeviceId, node: &Node) {
    let companion = state.companion(device).filter(|companion| companion.active);
    if let Some(link) = companion.and_then(|companion| companion.link.clone()) {
        state.tell(&link, Some(&device.0), node);
    }
}
