//! The server's reaction to a stanza: each file has the rules for one kind of stanza. This file dispatches stanzas to
//! them.
//!
//! A rule that a client broke is a violation (`state::verdict`); the rules also decide how the server responds to it.

mod calls;
pub(crate) mod channels;
pub(crate) mod devices;
pub(crate) mod groups;
mod iq;
mod limits;
pub(crate) mod login;
mod messages;
pub(crate) mod numbers;
pub(crate) mod pairing;
mod presence;
mod receipts;
pub(crate) mod role;
pub(crate) mod tokens;

use std::sync::Arc;

use wacore_binary::Node;

use crate::delivery::{acks, backlog};
use crate::number::DeviceId;
use crate::state::link::Link;
use crate::state::shared::Shared;
use crate::wire::stanza;
use role::Role;

/// Handles one stanza. Never blocks: the socket's task calls it.
pub(crate) fn receive(shared: &Shared, link: &Arc<Link>, role: &Role, node: &Node) {
    match role {
        Role::Refused => {}
        Role::Pairing => match node.tag.as_ref() {
            "iq" if stanza::is(node, "type", "result") || stanza::is(node, "type", "error") => {
                pairing::receive(shared, link, node);
            }
            "iq" => iq::answer_unlinked(shared, link, node),
            _ => {}
        },
        Role::Companion(id) => receive_from(shared, link, id, node),
    }
}

fn receive_from(shared: &Shared, link: &Arc<Link>, id: &DeviceId, node: &Node) {
    match node.tag.as_ref() {
        "iq" => iq::answer(shared, link, id, node),
        "message" => messages::route(shared, link, id, node),
        "call" => calls::receive(shared, link, id, node),
        "receipt" => receipts::receive(shared, link, id, node),
        "ack" => acks::receive(shared, link, id, node),
        "presence" => presence::receive(shared, id, node),
        "ib" => backlog::request(shared, link, id, node),
        "chatstate" => presence::receive_typing(shared, id, node),
        other => tracing::debug!(tag = other, "stanza ignored"),
    }
}
