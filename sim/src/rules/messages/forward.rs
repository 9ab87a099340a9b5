//! Passes a message on to other companions, sealed as it is.

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{JidExt as _, Node};

use crate::clock::unix_now;
use crate::delivery::deliver;
use crate::number::DeviceId;
use crate::rules::messages::transit::Transit;
use crate::state::queue::{Class, Item};
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::address::{By, addressed};
use crate::wire::stanza;

/// Passes ciphertexts on to another companion.
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
    let mut origin = number.digits().to_owned();
    let message = if transit.to.is_group() {
        origin = format!("{}/{origin}", transit.to.user);
        message
            .attr("from", transit.to.clone())
            .attr("participant", number.lid_device(*device))
            .attr("participant_pn", number.pn_device(*device))
            .attr("addressing_mode", "lid")
    } else if let Some(category) = stanza::text(transit.node, "category") {
        message
            .attr("from", number.pn_device(*device))
            .attr("category", category.as_ref())
    } else {
        let by = if transit.to.is_lid() { By::Lid } else { By::Pn };
        let addressee = state.resolve(&transit.to);
        let addressee = addressee.map_or_else(|| number.clone(), |(addressee, _)| addressee);
        addressed(message, transit.from, &addressee, to, by)
    };
    let mut children = encs;
    children.extend(transit.node.get_optional_child("device-identity").cloned());
    let item = Item {
        class: Class::Message,
        id: transit.id.clone(),
        origin,
        node: message.children(children).build(),
    };
    deliver(&mut state, to, item);
}
