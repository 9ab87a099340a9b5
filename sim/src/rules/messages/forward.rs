//! Forwards a message to other companions, without decrypting it.

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{JidExt as _, Node, Server};

use crate::clock::unix_now;
use crate::delivery::deliver;
use crate::number::DeviceId;
use crate::rules::messages::transit::Transit;
use crate::state::queue::{Class, Item};
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::address::{By, addressed, participant};
use crate::wire::stanza;

/// The attributes and children that the server forwards with the ciphertext.
const PASSED_ON: &[&str] = &["device-identity", "meta", "biz", "bot", "reporting"];

/// Forwards ciphertexts to another companion.
pub(super) fn forward(shared: &Shared, transit: &Transit<'_>, to: &DeviceId, encs: Vec<Node>) {
    let mut state = lock(&shared.state);
    let name = state.user(&transit.from.0).name.clone();
    let (number, device) = transit.from;
    let message = NodeBuilder::new("message")
        .attr("id", transit.id.as_str())
        .attr("t", unix_now())
        .attr("notify", name)
        .attr(
            "type",
            stanza::text(transit.node, "type")
                .unwrap_or_default()
                .as_ref(),
        );
    let message = match transit.node.attrs.get("edit") {
        Some(edit) => message.attr("edit", edit.clone()),
        None => message,
    };
    let mut origin = number.digits().to_owned();
    let message = if transit.to.is_group() {
        origin = format!("{}/{origin}", transit.to.user);
        participant(
            message.attr("from", transit.to.clone()),
            transit.from,
            By::Lid,
        )
    } else if transit.to.server == Server::Broadcast {
        origin = format!("{}/{origin}", transit.to.user);
        let message = message.attr("from", transit.to.clone());
        participant(message, transit.from, By::Lid)
    } else if let Some(category) = stanza::text(transit.node, "category") {
        let from = match transit.to.is_lid() {
            true => number.lid_device(*device),
            false => number.pn_device(*device),
        };
        message
            .attr("from", from)
            .attr("category", category.as_ref())
    } else {
        let by = if transit.to.is_lid() { By::Lid } else { By::Pn };
        // A resent message for one device of the account has to name the chat.
        let chat = transit.recipient().filter(|_| to.0 == *number);
        let addressee = state.resolve(chat.as_ref().unwrap_or(&transit.to));
        let addressee = addressee.map_or_else(|| number.clone(), |(addressee, _)| addressee);
        addressed(message, transit.from, &addressee, to, by)
    };
    let mut children = encs;
    let passed_on = |child: &&Node| PASSED_ON.contains(&child.tag.as_ref());
    let node = transit.node;
    children.extend(stanza::children(node).iter().filter(passed_on).cloned());
    let item = Item {
        class: Class::Message,
        id: transit.id.clone(),
        origin,
        node: message.children(children).build(),
    };
    deliver(&mut state, to, item);
}
