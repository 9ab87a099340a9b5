//! What happens to groups, and the news of it to their members.

use wacore_binary::builder::NodeBuilder;

use crate::clock::unix_now;
use crate::delivery::deliver;
use crate::number::Number;
use crate::state::group::Group;
use crate::state::queue::Item;
use crate::state::shared::Shared;
use crate::sync::lock;

/// Makes a group and tells its members' companions. Returns the user part of its JID.
pub(crate) fn make(shared: &Shared, creator: &Number, subject: &str, members: &[Number]) -> String {
    let mut everybody = vec![creator.clone()];
    for member in members {
        if !everybody.contains(member) {
            everybody.push(member.clone());
        }
    }
    let mut state = lock(&shared.state);
    for member in &everybody {
        state.user(member);
    }
    let id = format!("12036300000000{:04}", state.groups.len() + 1);
    let group = Group {
        id: id.clone(),
        subject: subject.to_owned(),
        creator: creator.clone(),
        members: everybody.clone(),
        created_at: unix_now(),
    };
    let notification = created(&group);
    state.groups.insert(id.clone(), group);
    for member in &everybody {
        for companion in state.companions_of(member) {
            deliver(&mut state, &companion, notification.clone());
        }
    }
    drop(state);
    shared.announce();
    id
}

/// `<notification type="w:gp2"><create>`.
fn created(group: &Group) -> Item {
    let create = NodeBuilder::new("create")
        .attr("type", "new")
        .children([group.describe()])
        .build();
    let news = NodeBuilder::new("notification")
        .attr("from", group.jid())
        .attr("participant", group.creator.lid())
        .attr("addressing_mode", "lid")
        .children([create]);
    let origin = format!("{}/{}", group.id, group.creator.digits());
    Item::notification("w:gp2", origin, news)
}
