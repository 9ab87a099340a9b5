//! Joining a group by its invite link: immediately, or after an admin has approved.

use wacore_binary::builder::NodeBuilder;

use super::change::{self, Denied};
use super::news;
use crate::clock::unix_now;
use crate::number::Number;
use crate::state::group::{Change, Group};
use crate::state::shared::Shared;
use crate::sync::lock;

/// The result of following an invite link.
pub(crate) enum Joined {
    /// Joined the group with this id.
    Member(String),
    /// An admin has to approve the request.
    Requested(String),
}

/// Joins by the invite link with this code.
pub(crate) fn join(shared: &Shared, number: &Number, code: &str) -> Result<Joined, Denied> {
    let mut state = lock(&shared.state);
    let group = state.groups.values_mut().find(|group| group.invite == code);
    // WhatsApp's error codes: 406 for an unknown code, 410 for one that was reset.
    let group = group.ok_or(Denied(406))?;
    if group.has(number) {
        return Err(Denied(409));
    }
    let id = group.id.clone();
    if !group.settings.approval {
        group.members.push(number.clone());
        group.former.remove(number);
        let added = NodeBuilder::new("add")
            .attr("reason", "invite")
            .children([group.participant(number)]);
        let item = news::of(group, number, added.build());
        let members = group.members.clone();
        state.user(number);
        news::notify(&mut state, &members, &item);
        drop(state);
        shared.announce();
        return Ok(Joined::Member(id));
    }
    group.requests.insert(number.clone(), unix_now());
    let requested = NodeBuilder::new("requested_user").attr("jid", group.address(number));
    let requested = match group.hidden.contains(number) {
        true => requested,
        false => requested.attr("phone_number", number.pn()),
    };
    let created = NodeBuilder::new("created_membership_requests")
        .attr("request_method", "invite_link")
        .children([requested.build()]);
    notify_admins(shared, state, &id, number, created.build());
    Ok(Joined::Requested(id))
}

/// An admin approves or rejects requests, or a person withdraws their own.
pub(crate) fn decide(
    shared: &Shared,
    id: &str,
    actor: &Number,
    people: &[Number],
    approve: bool,
) -> Result<(), Denied> {
    let mut state = lock(&shared.state);
    let group = state.groups.get_mut(id).ok_or(Denied::NO_GROUP)?;
    let own = people == std::slice::from_ref(actor) && !approve;
    if !group.admins.contains(actor) && !own {
        return Err(Denied::NOT_ALLOWED);
    }
    let (pending, _) = pending(group, people);
    if approve {
        drop(state);
        return change::apply(shared, id, actor, &Change::Add(pending));
    }
    for number in &pending {
        group.requests.remove(number);
    }
    let people = pending.iter().map(|number| group.participant(number));
    let revoked = NodeBuilder::new("revoked_membership_requests").children(people);
    notify_admins(shared, state, id, actor, revoked.build());
    Ok(())
}

/// Splits these people into those who have requested to join, and the others.
pub(crate) fn pending(group: &Group, people: &[Number]) -> (Vec<Number>, Vec<Number>) {
    let asked = |number: &&Number| group.requests.contains_key(number);
    people.iter().cloned().partition(|number| asked(&number))
}

fn notify_admins(
    shared: &Shared,
    mut state: std::sync::MutexGuard<'_, crate::state::State>,
    id: &str,
    actor: &Number,
    action: wacore_binary::Node,
) {
    if let Some(group) = state.groups.get(id) {
        let item = news::of(group, actor, action);
        let admins: Vec<Number> = group.admins.iter().cloned().collect();
        news::notify(&mut state, &admins, &item);
    }
    drop(state);
    shared.announce();
}
