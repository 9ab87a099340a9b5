//! `<notification type="w:gp2">`: reports a change of a group to the companions of the people concerned.

use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use crate::delivery::deliver;
use crate::number::Number;
use crate::state::State;
use crate::state::group::Group;
use crate::state::queue::Item;

/// A group was created.
pub(super) fn created(group: &Group) -> Item {
    let create = NodeBuilder::new("create")
        .attr("type", "new")
        .children([group.describe()])
        .build();
    of(group, &group.creator, create)
}

/// Someone changed a group.
pub(super) fn of(group: &Group, actor: &Number, action: Node) -> Item {
    let news = NodeBuilder::new("notification")
        .attr("from", group.jid())
        .attr("participant", group.address(actor))
        .attr("addressing_mode", group.addressing_mode());
    let news = if group.settings.by_lid && !group.hidden.contains(actor) {
        news.attr("participant_pn", actor.pn())
    } else {
        news
    };
    let origin = format!("{}/{}", group.id, actor.digits());
    Item::notification("w:gp2", origin, news.children([action]))
}

/// A member has a new number.
pub(super) fn renumbered(group: &Group, old: &Number, new: &Number) -> Item {
    let modify = NodeBuilder::new("modify").children([group.participant(new)]);
    of(group, old, modify.build())
}

/// Queues the same notification for each companion of these people.
pub(super) fn notify(state: &mut State, people: &[Number], item: &Item) {
    for number in people {
        for companion in state.companions_of(number) {
            deliver(state, &companion, item.clone());
        }
    }
}
