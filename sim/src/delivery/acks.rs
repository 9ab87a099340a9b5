//! Acks: those of companions, which remove stanzas from the queue, and those that the server sends.
//!
//! An ack identifies its stanza by class, id and addresses. An ack with wrong addresses removes nothing: the server
//! sends `<stream:error><ack/></stream:error>` and ends the stream, at every login until the stanza is acked
//! (whatsapp-rust#633, #647, #1101).

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node, NodeValue};

use crate::clock::unix_now;
use crate::number::DeviceId;
use crate::state::State;
use crate::state::config::Leniency;
use crate::state::link::Link;
use crate::state::queue::{Class, Item};
use crate::state::shared::Shared;
use crate::state::user::Acked;
use crate::state::verdict;
use crate::sync::lock;
use crate::wire::ending;
use crate::wire::stanza;

/// A companion's `<ack>`.
pub(crate) fn receive(shared: &Shared, link: &Link, id: &DeviceId, node: &Node) {
    const RULE: &str = "an ack has a class and an id";
    let class = stanza::text(node, "class").and_then(|class| Class::parse(&class));
    let stanza_id = stanza::text(node, "id");
    let who = verdict::name_of(id);
    let named = class.is_some() && stanza_id.is_some();
    let detail = format!("class {:?}", stanza::text(node, "class"));
    lock(&shared.verdicts).require(&who, RULE, named, &detail);
    if let (Some(class), Some(stanza_id)) = (class, stanza_id) {
        settle(shared, link, id, class, &stanza_id, node);
    }
}

/// Removes an acked stanza from the queue, and records the ack. An ack that does not match its stanza ends the stream.
pub(crate) fn settle(
    shared: &Shared,
    link: &Link,
    id: &DeviceId,
    class: Class,
    stanza_id: &str,
    node: &Node,
) {
    const RULE: &str = "an ack has the addresses of its stanza";
    let strict = shared.config.is_strict(Leniency::Acks);
    let mut state = lock(&shared.state);
    let Some(companion) = state.companion(id) else {
        return;
    };
    let mut outcome = Ok(());
    let settled = companion.queue.settle(class, stanza_id, |item| {
        let compared = mismatch(item, node);
        let fits = !strict || compared.is_ok();
        outcome = compared;
        fits
    });
    let is_behind = companion.feed.is_some();
    let Some(settled) = settled else {
        // Already acked: a client may repeat an ack.
        return;
    };
    if !settled.is_empty() {
        outcome = Ok(());
    }
    note(&mut state, id, settled);
    if is_behind {
        // This may have been the last ack that the end of the backlog waited for.
        link.wake();
    }
    drop(state);
    let who = verdict::name_of(id);
    if !lock(&shared.verdicts).check(&who, RULE, outcome) {
        link.end(&ending::owed_ack(class.as_str(), stanza_id));
    }
    shared.announce();
}

fn note(state: &mut State, id: &DeviceId, settled: Vec<Item>) {
    let acked = settled.into_iter().map(|item| Acked {
        device: id.1,
        class: item.class,
        id: item.id,
        from: item.origin,
    });
    state.user(&id.0).acked.extend(acked);
}

/// Compares the addresses of an ack or a receipt with those of its stanza: `to` must be the stanza's `from`, and
/// `participant` and `recipient` must be the same.
fn mismatch(owed: &Item, ack: &Node) -> Result<(), String> {
    for (name, of_owed) in [
        ("to", "from"),
        ("participant", "participant"),
        ("recipient", "recipient"),
    ] {
        let (found, expected) = (stanza::jid(ack, name), stanza::jid(&owed.node, of_owed));
        // The ack of a group member's receipt may omit the member.
        let optional = owed.class == Class::Receipt && name == "participant" && found.is_none();
        if found != expected && !optional {
            let show =
                |jid: Option<Jid>| jid.map_or_else(|| "none".to_owned(), |jid| jid.to_string());
            return Err(format!(
                "{} {}: {name} is {}, the stanza has {of_owed} {}",
                owed.class.as_str(),
                owed.id,
                show(found),
                show(expected),
            ));
        }
    }
    Ok(())
}

/// The `<ack>` for a client's message or receipt.
pub(crate) fn acknowledge(
    shared: &Shared,
    link: &Link,
    id: &DeviceId,
    node: &Node,
    class: &'static str,
) {
    let ack = ack(node, class).build();
    lock(&shared.state).send_unqueued(link, Some(&id.0), &ack);
}

/// The `<ack>` for a client's stanza, to which an error can be added.
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
