//! Companions' `<call>` stanzas, and their receipts for incoming calls: recorded, forwarded, acked.

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node};

use crate::delivery::{acks, deliver};
use crate::number::DeviceId;
use crate::state::call::CallSign;
use crate::state::link::Link;
use crate::state::queue::{Class, Item};
use crate::state::shared::Shared;
use crate::state::verdict;
use crate::sync::lock;
use crate::wire::stanza;

/// The actions of a client in a call.
const ACTIONS: [&str; 14] = [
    "accept",
    "enc_rekey",
    "group_update",
    "heartbeat",
    "mute_v2",
    "offer",
    "preaccept",
    "raise_hand",
    "reject",
    "relaylatency",
    "screen_share",
    "terminate",
    "transport",
    "video",
];

/// Forwards a companion's call stanza to the companions of the other side.
pub(crate) fn receive(shared: &Shared, link: &Link, id: &DeviceId, node: &Node) {
    const RULE: &str = "a call has a call id, a creator and an action";
    let read = sign(id, node);
    let who = verdict::name_of(id);
    lock(&shared.verdicts).check(&who, RULE, read.as_ref().map(|_| ()));
    acks::acknowledge(shared, link, id, node, "call");
    let Ok((sign, to)) = read else { return };
    let mut state = lock(&shared.state);
    let Some((number, _)) = state.resolve(&to) else {
        return;
    };
    let from = match to.is_lid() {
        true => id.0.lid_device(id.1),
        false => id.0.pn_device(id.1),
    };
    let passed_on = NodeBuilder::new("call")
        .attr("from", from)
        .attr("id", sign.id.as_str())
        .attr("t", crate::clock::unix_now())
        .children(stanza::children(node).iter().cloned());
    let item = Item {
        class: Class::Call,
        id: sign.id.clone(),
        origin: id.0.digits().to_owned(),
        node: passed_on.build(),
    };
    state.calls.push(CallSign {
        to: number.to_string(),
        ..sign
    });
    for companion in state.companions_of(&number) {
        if companion != *id {
            deliver(&mut state, &companion, item.clone());
        }
    }
    drop(state);
    shared.announce();
}

fn sign(id: &DeviceId, node: &Node) -> Result<(CallSign, Jid), &'static str> {
    let to = stanza::jid(node, "to").ok_or("no `to`")?;
    let stanza_id = stanza::text(node, "id").ok_or("no id")?;
    let known = |child: &&Node| ACTIONS.contains(&child.tag.as_ref());
    let action = stanza::children(node).iter().find(known);
    let action = action.ok_or("no action")?;
    let call = stanza::text(action, "call-id").ok_or("no call-id")?;
    stanza::jid(action, "call-creator").ok_or("no call-creator")?;
    let sign = CallSign {
        call: call.into_owned(),
        id: stanza_id.into_owned(),
        kind: action.tag.to_string(),
        from: id.0.to_string(),
        device: id.1,
        to: String::new(),
    };
    Ok((sign, to))
}

/// A receipt for an incoming call. Returns whether the receipt is one.
pub(crate) fn rings(shared: &Shared, id: &DeviceId, node: &Node) -> bool {
    const RULE: &str = "a receipt for a call has its call id";
    let Some(offer) = node.get_optional_child("offer") else {
        return false;
    };
    let stanza_id = stanza::text(node, "id").unwrap_or_default();
    let named = stanza::text(offer, "call-id").unwrap_or_default();
    let mut state = lock(&shared.state);
    let account = id.0.to_string();
    let offered = state
        .calls
        .iter()
        .find(|sign| sign.id == stanza_id && sign.to == account);
    let (kept, to) = match offered {
        Some(offered) => (offered.call == named, offered.from.clone()),
        // Sent with `/stanza`: the simulator has not recorded the call.
        None => (true, String::new()),
    };
    let detail = format!("call-id {named:?} in the receipt for {stanza_id}");
    state.calls.push(CallSign {
        call: named.into_owned(),
        id: stanza_id.into_owned(),
        kind: "ringing".to_owned(),
        from: account,
        device: id.1,
        to,
    });
    drop(state);
    lock(&shared.verdicts).require(&verdict::name_of(id), RULE, kept, &detail);
    true
}
