//! Acks: those of companions, which settle what they are owed, and those that the server answers with.

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Node, NodeValue};

use crate::clock::unix_now;
use crate::number::DeviceId;
use crate::state::link::Link;
use crate::state::queue::Class;
use crate::state::shared::Shared;
use crate::state::user::Acked;
use crate::sync::lock;
use crate::wire::stanza;

/// A companion's `<ack>`.
pub(crate) fn receive(shared: &Shared, id: &DeviceId, node: &Node) {
    let class = stanza::text(node, "class").and_then(|class| Class::parse(&class));
    if let (Some(class), Some(stanza_id)) = (class, stanza::text(node, "id")) {
        settle(shared, id, class, &stanza_id, node);
    }
}

/// Takes an acked stanza off the queue, and notes that it was acked.
pub(crate) fn settle(shared: &Shared, id: &DeviceId, class: Class, stanza_id: &str, node: &Node) {
    let mut state = lock(&shared.state);
    let origin = state.origin(node, "to");
    let Some(user) = state.users.get_mut(&id.0) else {
        return;
    };
    let Some(companion) = user.companions.get_mut(&id.1) else {
        return;
    };
    if companion.queue.ack(class, stanza_id, &origin) {
        user.acked.push(Acked {
            device: id.1,
            class,
            id: stanza_id.to_owned(),
            from: origin,
        });
        drop(state);
        shared.announce();
    }
}

/// `<ack>` for a client's message or receipt.
pub(crate) fn acknowledge(
    shared: &Shared,
    link: &Link,
    id: &DeviceId,
    node: &Node,
    class: &'static str,
) {
    let ack = ack(node, class).build();
    lock(&shared.state).tell(link, Some(&id.0), &ack);
}

/// The `<ack>` for a stanza of a client, so that errors can be added to it.
pub(crate) fn ack(node: &Node, class: &'static str) -> NodeBuilder {
    let mut ack = NodeBuilder::new("ack")
        .attr("class", class)
        .attr("id", node.attrs.get("id").cloned().unwrap_or_default())
        .attr("t", unix_now());
    if let Some(to) = node.attrs.get("to") {
        ack = ack.attr("from", to.clone());
    }
    for name in ["participant", "recipient", "type"] {
        let copied = node
            .attrs
            .get(name)
            .filter(|_| class == "receipt" || name != "type");
        if let Some(value) = copied {
            ack = ack.attr(name, NodeValue::clone(value));
        }
    }
    ack
}
