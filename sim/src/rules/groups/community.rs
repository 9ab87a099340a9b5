//! Communities: a parent group, an announcement group with the same members, and the groups that admins link to them.

use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, Node};

use super::change::{self, Denied};
use super::{Draft, make, news};
use crate::number::Number;
use crate::state::State;
use crate::state::community::{CommunitySettings, Place, Role};
use crate::state::group::{Change, Group};
use crate::state::shared::Shared;
use crate::sync::lock;

/// The subject of a community's general chat.
const GENERAL: &str = "General";
/// The error for a group that is linked to a community already. The simulator's choice.
const LINKED_ALREADY: Denied = Denied::CONFLICT;

/// A group to link or unlink, and the outcome.
pub(crate) type Outcome = (String, Result<(), Denied>);

/// Creates a community: the parent group, the announcement group and, if requested, the general chat. Returns the parent's id.
pub(crate) fn create(
    shared: &Shared,
    creator: &Number,
    subject: &str,
    settings: CommunitySettings,
    general: bool,
) -> String {
    let draft = |subject, place| Draft {
        place,
        ..Draft::new(subject, &[])
    };
    let parent = make(shared, creator, draft(subject, Place::Parent(settings)));
    let linked = |role| Place::Linked {
        parent: parent.clone(),
        role,
    };
    make(shared, creator, draft(subject, linked(Role::Announcements)));
    if general {
        make(shared, creator, draft(GENERAL, linked(Role::General)));
    }
    parent
}

/// Whether a member may create a group in a community.
pub(crate) fn may_create(state: &State, parent: &str, creator: &Number) -> Result<(), Denied> {
    let community = state.groups.get(parent).ok_or(Denied::NO_GROUP)?;
    let Place::Parent(settings) = &community.place else {
        return Err(Denied::NO_GROUP);
    };
    let admin = community.admins.contains(creator);
    match admin || (settings.open_to_groups && community.has(creator)) {
        true => Ok(()),
        false => Err(Denied::NOT_ALLOWED),
    }
}

/// Links groups to a community: the admin of both does it, and the groups' members become the community's. Returns the
/// outcome for each group.
pub(crate) fn link(
    shared: &Shared,
    actor: &Number,
    parent: &str,
    groups: &[String],
) -> Result<Vec<Outcome>, Denied> {
    admin_of(&lock(&shared.state), parent, actor)?;
    let linked = groups.iter().map(|id| {
        let outcome = link_one(shared, actor, parent, id);
        (id.clone(), outcome)
    });
    Ok(linked.collect())
}

fn link_one(shared: &Shared, actor: &Number, parent: &str, id: &str) -> Result<(), Denied> {
    {
        let mut state = lock(&shared.state);
        let group = state.groups.get_mut(id).ok_or(Denied::NO_GROUP)?;
        if !group.admins.contains(actor) {
            return Err(Denied::NOT_ALLOWED);
        }
        if group.place != Place::Alone {
            return Err(LINKED_ALREADY);
        }
        group.place = Place::Linked {
            parent: parent.to_owned(),
            role: Role::Ordinary,
        };
    }
    add_group(shared, actor, parent, id)
}

/// Adds a group's members to its new community, and notifies the community of the group.
pub(crate) fn add_group(
    shared: &Shared,
    actor: &Number,
    parent: &str,
    id: &str,
) -> Result<(), Denied> {
    let members = {
        let mut state = lock(&shared.state);
        announce(&mut state, actor, [parent, id], "link", None);
        let group = state.groups.get(id).ok_or(Denied::NO_GROUP)?;
        group.members.clone()
    };
    shared.announce();
    join_parent(shared, actor, parent, &members)
}

/// Unlinks groups from a community. If requested, members who are in none of its other groups leave the community.
pub(crate) fn unlink(
    shared: &Shared,
    actor: &Number,
    parent: &str,
    groups: &[(String, bool)],
) -> Result<Vec<Outcome>, Denied> {
    admin_of(&lock(&shared.state), parent, actor)?;
    let unlinked = groups.iter().map(|(id, orphans_leave)| {
        let outcome = unlink_one(shared, actor, parent, id, *orphans_leave);
        (id.clone(), outcome)
    });
    Ok(unlinked.collect())
}

fn unlink_one(
    shared: &Shared,
    actor: &Number,
    parent: &str,
    id: &str,
    orphans_leave: bool,
) -> Result<(), Denied> {
    let orphans: Vec<Number> = {
        let mut state = lock(&shared.state);
        let group = state.groups.get_mut(id).ok_or(Denied::NO_GROUP)?;
        let ordinary = Place::Linked {
            parent: parent.to_owned(),
            role: Role::Ordinary,
        };
        if group.place != ordinary {
            return Err(Denied::NO_GROUP);
        }
        group.place = Place::Alone;
        let members = group.members.clone();
        announce(
            &mut state,
            actor,
            [parent, id],
            "unlink",
            Some("unlink_group"),
        );
        let elsewhere: Vec<Number> = linked(&state, parent)
            .filter(|group| !is_announcements(group))
            .flat_map(|group| group.members.clone())
            .collect();
        let admins = state.groups.get(parent).map(|group| group.admins.clone());
        let admins = admins.unwrap_or_default();
        let stays = |it: &Number| elsewhere.contains(it) || admins.contains(it);
        members.into_iter().filter(|it| !stays(it)).collect()
    };
    if orphans_leave {
        remove(shared, actor, parent, &orphans)?;
    }
    shared.announce();
    Ok(())
}

/// Deactivates a community: its groups remain, apart from the announcement group.
pub(crate) fn deactivate(shared: &Shared, actor: &Number, parent: &str) -> Result<(), Denied> {
    let mut state = lock(&shared.state);
    admin_of(&state, parent, actor)?;
    let ids: Vec<String> = linked(&state, parent)
        .filter(|group| !is_announcements(group))
        .map(|group| group.id.clone())
        .collect();
    for id in ids {
        announce(
            &mut state,
            actor,
            [parent, &id],
            "unlink",
            Some("delete_parent_group"),
        );
        if let Some(group) = state.groups.get_mut(&id) {
            group.place = Place::Alone;
        }
    }
    let gone: Vec<String> = linked(&state, parent)
        .map(|group| group.id.clone())
        .chain([parent.to_owned()])
        .collect();
    for id in gone {
        if let Some(group) = state.groups.remove(&id) {
            let item = news::of(&group, actor, NodeBuilder::new("delete").build());
            news::notify(&mut state, &group.members, &item);
        }
    }
    drop(state);
    shared.announce();
    Ok(())
}

/// A member of the community joins one of its groups.
pub(crate) fn join(
    shared: &Shared,
    number: &Number,
    parent: &str,
    id: &str,
) -> Result<Node, Denied> {
    let mut state = lock(&shared.state);
    let community = state.groups.get(parent).ok_or(Denied::NO_GROUP)?;
    if !community.has(number) {
        return Err(Denied::NOT_ALLOWED);
    }
    let group = state.groups.get_mut(id).ok_or(Denied::NO_GROUP)?;
    if group.place.parent() != Some(parent) {
        return Err(Denied::NO_GROUP);
    }
    if group.has(number) {
        return Err(Denied::CONFLICT);
    }
    group.members.push(number.clone());
    group.former.remove(number);
    let added = NodeBuilder::new("add")
        .attr("reason", "linked_group_join")
        .children([group.participant(number)]);
    let item = news::of(group, number, added.build());
    let (members, described) = (group.members.clone(), group.describe());
    news::notify(&mut state, &members, &item);
    drop(state);
    shared.announce();
    Ok(described)
}

/// New members of the parent group are in the announcement group, too.
pub(crate) fn join_parent(
    shared: &Shared,
    actor: &Number,
    parent: &str,
    people: &[Number],
) -> Result<(), Denied> {
    let announcements = {
        let state = lock(&shared.state);
        let mut groups = linked(&state, parent);
        groups
            .find(|group| is_announcements(group))
            .map(|group| group.id.clone())
    };
    for id in announcements.iter().map(String::as_str).chain([parent]) {
        let new: Vec<Number> = {
            let state = lock(&shared.state);
            let group = state.groups.get(id).ok_or(Denied::NO_GROUP)?;
            let new = people.iter().filter(|number| !group.has(number));
            new.cloned().collect()
        };
        if !new.is_empty() {
            change::apply(shared, id, actor, &Change::Add(new))?;
        }
    }
    Ok(())
}

/// Removes people from the community and from those of its groups that the actor administers.
pub(crate) fn remove(
    shared: &Shared,
    actor: &Number,
    parent: &str,
    people: &[Number],
) -> Result<(), Denied> {
    let ids: Vec<String> = {
        let state = lock(&shared.state);
        admin_of(&state, parent, actor)?;
        let groups = linked(&state, parent).filter(|group| group.admins.contains(actor));
        groups.map(|group| group.id.clone()).collect()
    };
    for id in ids.iter().map(String::as_str).chain([parent]) {
        let present: Vec<Number> = {
            let state = lock(&shared.state);
            let group = state.groups.get(id).ok_or(Denied::NO_GROUP)?;
            people.iter().filter(|it| group.has(it)).cloned().collect()
        };
        if !present.is_empty() {
            change::apply(shared, id, actor, &Change::Remove(present))?;
        }
    }
    Ok(())
}

/// The groups that are linked to a community.
pub(crate) fn linked<'a>(state: &'a State, parent: &'a str) -> impl Iterator<Item = &'a Group> {
    let groups = state.groups.values();
    groups.filter(move |group| group.place.parent() == Some(parent))
}

pub(crate) fn is_announcements(group: &Group) -> bool {
    group.place.role() == Some(Role::Announcements)
}

/// Whether the community exists and the actor is an admin of it.
fn admin_of(state: &State, parent: &str, actor: &Number) -> Result<(), Denied> {
    let community = state.groups.get(parent).ok_or(Denied::NO_GROUP)?;
    if !matches!(community.place, Place::Parent(_)) {
        return Err(Denied::NO_GROUP);
    }
    match community.admins.contains(actor) {
        true => Ok(()),
        false => Err(Denied::NOT_ALLOWED),
    }
}

/// Notifies the members of a community that a group was linked or unlinked, and the group's members about the community.
fn announce(
    state: &mut State,
    actor: &Number,
    [parent, id]: [&str; 2],
    what: &'static str,
    reason: Option<&'static str>,
) {
    for (of, about, kind) in [(parent, id, "sub_group"), (id, parent, "parent_group")] {
        let (Some(group), Some(other)) = (state.groups.get(of), state.groups.get(about)) else {
            continue;
        };
        let target = NodeBuilder::new("group")
            .attr("jid", Jid::group(about))
            .attr("subject", other.subject.text.as_str())
            .attr("s_t", other.subject.at);
        let link = match what {
            "link" => NodeBuilder::new("link").attr("link_type", kind),
            _ => NodeBuilder::new("unlink").attr("unlink_type", kind),
        };
        let link = match reason {
            Some(reason) => link.attr("unlink_reason", reason),
            None => link,
        };
        let item = news::of(group, actor, link.children([target.build()]).build());
        let members = group.members.clone();
        news::notify(state, &members, &item);
    }
}
