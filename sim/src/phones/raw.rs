//! Arbitrary stanzas, for those that the simulator has no rule for, for example because only a later version of
//! WhatsApp sends them.

use wacore_binary::Node;

use crate::clock::unix_now;
use crate::delivery::deliver;
use crate::number::Number;
use crate::phones::presence;
use crate::state::queue::{Class, Item};
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::stanza;

/// Sends a stanza to all companions of an account. A stanza that has to be acked is queued until it is; any other is
/// sent only to connected companions. Returns its id.
pub(crate) fn send(shared: &Shared, account: &Number, node: &Node) -> String {
    let given = stanza::text(node, "id").map(std::borrow::Cow::into_owned);
    let id = given.unwrap_or_else(crate::id::stanza);
    let mut node = node.clone();
    let class = Class::parse(&node.tag);
    if class.is_some() {
        node.attrs.insert("id", id.clone());
        node.attrs.insert("t", unix_now());
    }
    let origin = stanza::text(&node, "from").unwrap_or_default().into_owned();
    let mut state = lock(&shared.state);
    for companion in state.companions_of(account) {
        match class {
            Some(class) => {
                let item = Item {
                    class,
                    id: id.clone(),
                    origin: origin.clone(),
                    node: node.clone(),
                };
                deliver(&mut state, &companion, item);
            }
            None => presence::send_if_active(&mut state, &companion, &node),
        }
    }
    drop(state);
    shared.announce();
    id
}
