//! A stanza from a client, sent on to whoever answers it.

use std::sync::Arc;

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Node, NodeValue};

use crate::iq;
use crate::link::Link;
use crate::login::Role;
use crate::queue::Class;
use crate::sim::Shared;
use crate::stanza;
use crate::state::{Acked, DeviceId};
use crate::sync::lock;

impl Shared {
    /// Handles one stanza. Never waits: the socket's task calls it.
    pub(crate) fn receive(&self, link: &Arc<Link>, role: &Role, node: &Node) {
        match role {
            Role::Refused => {}
            Role::Pairing => match node.tag.as_ref() {
                "iq" if stanza::is(node, "type", "result") => self.receive_pairing(link, node),
                "iq" => iq::answer_unlinked(self, link, node),
                _ => {}
            },
            Role::Companion(id) => self.receive_from(link, id, node),
        }
    }

    fn receive_from(&self, link: &Arc<Link>, id: &DeviceId, node: &Node) {
        match node.tag.as_ref() {
            "iq" => iq::answer(self, link, id, node),
            "message" => self.route_message(link, id, node),
            "receipt" => self.receive_receipt(link, id, node),
            "ack" => self.receive_ack(id, node),
            "presence" => self.receive_presence(id, node),
            "chatstate" | "ib" => {}
            other => tracing::debug!(tag = other, "stanza ignored"),
        }
    }

    fn receive_presence(&self, id: &DeviceId, node: &Node) {
        let kind = stanza::text(node, "type");
        let mut state = lock(&self.state);
        if let (Some(kind), Some(companion)) = (kind, state.companion(id)) {
            companion.presence = Some(kind.into_owned());
        }
        drop(state);
        self.announce();
    }

    fn receive_ack(&self, id: &DeviceId, node: &Node) {
        let class = stanza::text(node, "class").and_then(|class| Class::parse(&class));
        if let (Some(class), Some(stanza_id)) = (class, stanza::text(node, "id")) {
            self.settle(id, class, &stanza_id, node);
        }
    }

    /// Takes an acked stanza off the queue, and notes that it was acked.
    pub(crate) fn settle(&self, id: &DeviceId, class: Class, stanza_id: &str, node: &Node) {
        let mut state = lock(&self.state);
        let origin = self.origin(&state, node, "to");
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
            self.announce();
        }
    }

    /// `<ack>` for a client's message or receipt.
    pub(crate) fn acknowledge(&self, link: &Link, id: &DeviceId, node: &Node, class: &'static str) {
        let ack = ack(node, class).build();
        lock(&self.state).tell(link, Some(&id.0), &ack);
    }
}

pub(crate) fn ack(node: &Node, class: &'static str) -> NodeBuilder {
    let mut ack = NodeBuilder::new("ack")
        .attr("class", class)
        .attr("id", node.attrs.get("id").cloned().unwrap_or_default())
        .attr("t", crate::clock::unix_now());
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
