//! `<presence>` and `<chatstate>` of companions: recorded, forwarded to subscribers and recipients, not acked.

use wacore_binary::Node;

use crate::number::DeviceId;
use crate::phones::presence;
use crate::state::presence::Typing;
use crate::state::shared::Shared;
use crate::state::verdict;
use crate::sync::lock;
use crate::wire::stanza;

/// A companion sets its presence, or subscribes to another user's.
pub(crate) fn receive(shared: &Shared, id: &DeviceId, node: &Node) {
    const RULE: &str = "a presence has a type that WhatsApp knows";
    let kind = stanza::text(node, "type").unwrap_or_default().into_owned();
    // The account's push name from now on.
    if let Some(name) = stanza::text(node, "name").filter(|name| !name.is_empty()) {
        lock(&shared.state).user(&id.0).name = name.into_owned();
    }
    match kind.as_str() {
        // A presence without a type only carries the name.
        "" => {}
        "available" | "unavailable" => {
            if let Some(companion) = lock(&shared.state).companion(id) {
                companion.presence = Some(kind.clone());
            }
            presence::set(shared, &id.0, kind == "available");
        }
        "subscribe" => subscribe(shared, id, node),
        "unsubscribe" => {
            let mut state = lock(&shared.state);
            let to = stanza::jid(node, "to").and_then(|jid| state.resolve(&jid));
            if let Some((number, _)) = to {
                let subscribers = &mut state.user(&number).presence.subscribers;
                subscribers.retain(|(device, _)| device != id);
            }
        }
        other => {
            let who = verdict::name_of(id);
            lock(&shared.verdicts).require(&who, RULE, false, other);
        }
    }
    shared.announce();
}

fn subscribe(shared: &Shared, id: &DeviceId, node: &Node) {
    let mut state = lock(&shared.state);
    let Some(to) = stanza::jid(node, "to") else {
        return;
    };
    let Some((number, _)) = state.resolve(&to) else {
        return;
    };
    let by_lid = to.is_lid();
    let subscriber = (id.clone(), by_lid);
    let subscribers = &mut state.user(&number).presence.subscribers;
    subscribers.insert(subscriber);
    if let Some(now) = presence::stanza(&mut state, &number, &id.0, by_lid) {
        presence::send_if_active(&mut state, id, &now);
    }
}

/// A companion types: the recipient's phone shows it, and their companions are notified.
pub(crate) fn receive_typing(shared: &Shared, id: &DeviceId, node: &Node) {
    let state = lock(&shared.state);
    let to = stanza::jid(node, "to").and_then(|jid| Some((state.resolve(&jid)?.0, jid.is_lid())));
    drop(state);
    let (Some((to, by_lid)), Some(child)) = (to, stanza::children(node).first()) else {
        return;
    };
    let what = match child.tag.as_ref() {
        "composing" if stanza::is(child, "media", "audio") => "recording",
        "composing" => "composing",
        _ => "paused",
    };
    let typing = Typing {
        from: id.0.to_string(),
        state: what.to_owned(),
    };
    lock(&shared.state).user(&to).presence.typing.push(typing);
    presence::types(shared, &id.0, &to, what, by_lid);
    shared.announce();
}
