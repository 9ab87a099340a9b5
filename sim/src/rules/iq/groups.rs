//! `w:g2`: what a companion may know of groups, and making one.

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{JidExt, Node};

use crate::number::{DeviceId, Number};
use crate::rules::groups;
use crate::rules::iq::question::Question;
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::stanza;

pub(super) fn answer(shared: &Shared, id: &DeviceId, question: &Question<'_>) -> Node {
    let node = question.node;
    if let Some(create) = question.child.filter(|child| child.tag == "create") {
        return created(shared, id, node, create);
    }
    if question.child_is("participating") {
        let state = lock(&shared.state);
        let own = state
            .groups
            .values()
            .filter(|group| group.members.contains(&id.0));
        let groups = NodeBuilder::new("groups")
            .children(own.map(crate::state::group::Group::describe))
            .build();
        return stanza::result(node, [groups]);
    }
    let Some(jid) = stanza::jid(node, "to").filter(JidExt::is_group) else {
        return stanza::result(node, []);
    };
    if question.set {
        return stanza::result(node, []);
    }
    let state = lock(&shared.state);
    match state.groups.get(jid.user.as_str()) {
        Some(group) if group.members.contains(&id.0) => stanza::result(node, [group.describe()]),
        Some(_) => stanza::error(node, 403, "forbidden"),
        None => stanza::error(node, 404, "item-not-found"),
    }
}

fn created(shared: &Shared, id: &DeviceId, node: &Node, create: &Node) -> Node {
    let subject = stanza::text(create, "subject").unwrap_or_default();
    let members: Vec<Number> = {
        let state = lock(&shared.state);
        create
            .get_children_by_tag("participant")
            .filter_map(|participant| stanza::jid(participant, "jid"))
            .filter_map(|jid| Some(state.resolve(&jid)?.0))
            .collect()
    };
    let group = groups::make(shared, &id.0, &subject, &members);
    let state = lock(&shared.state);
    let described = state
        .groups
        .get(&group)
        .map(crate::state::group::Group::describe);
    stanza::result(node, described)
}
