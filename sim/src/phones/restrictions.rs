//! Restrictions of an account by WhatsApp, and the notifications to its companions.

use serde_json::{Value, json};
use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use crate::delivery::deliver;
use crate::number::Number;
use crate::phones::presence;
use crate::state::queue::Item;
use crate::state::restrictions::{Restrictions, Timelock};
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::stanza;

/// Sets the reach-out time-lock, or ends it, and announces that.
pub(crate) fn set_timelock(shared: &Shared, number: &Number, timelock: Option<Timelock>) {
    let mut state = lock(&shared.state);
    let restrictions = &mut state.user(number).restrictions;
    restrictions.lock(timelock);
    let data =
        json!({ "data": { "xwa2_notify_account_reachout_timelock": describe(restrictions) } });
    let update = NodeBuilder::new("update")
        .attr("op_name", "NotificationUserReachoutTimelockUpdate")
        .bytes(data.to_string().into_bytes())
        .build();
    let news = NodeBuilder::new("notification")
        .attr("from", stanza::server())
        .children([update]);
    let item = Item::notification("mex", String::new(), news);
    for companion in state.companions_of(number) {
        deliver(&mut state, &companion, item.clone());
    }
    drop(state);
    shared.announce();
}

/// The time-lock, in the form of `w:mex`.
pub(crate) fn describe(restrictions: &Restrictions) -> Value {
    match restrictions.timelock() {
        Some(Timelock { ends, kind }) => json!({
            "is_active": true,
            "time_enforcement_ends": ends.to_string(),
            "enforcement_type": kind,
        }),
        None => json!({ "is_active": false }),
    }
}

/// Sets or clears the expiry of the account's clients, and notifies connected companions.
pub(crate) fn set_expiration(shared: &Shared, number: &Number, at: Option<u64>) {
    let mut state = lock(&shared.state);
    state.user(number).restrictions.expiration = at;
    let Some(at) = at else { return };
    for companion in state.companions_of(number) {
        presence::send_if_active(&mut state, &companion, &expiration(at));
    }
}

/// `<ib><client_expiration t/></ib>`.
pub(crate) fn expiration(at: u64) -> Node {
    stanza::ib(NodeBuilder::new("client_expiration").attr("t", at).build())
}
