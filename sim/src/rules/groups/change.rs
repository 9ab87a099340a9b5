//! Changes that members make to a group, from a companion or on the phone: applies the change, and notifies all
//! members, including those who have just left or were removed.
//!
//! After a member leaves, the remaining members need new sender keys: phones and peers discard theirs here, and for
//! companions the rule in `rules::messages::group` enforces it.

use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use super::news;
use crate::clock::unix_now;
use crate::number::{DeviceId, Number};
use crate::signal::address;
use crate::state::error::Error;
use crate::state::group::{Change, Group, Subject, approval_mode, invite, member_add_mode};
use crate::state::shared::Shared;
use crate::sync::lock;

/// Why a change is refused, as the error code of an iq.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Denied(pub(crate) u16);

impl Denied {
    pub(crate) const NOT_ALLOWED: Self = Self(403);
    pub(crate) const NO_GROUP: Self = Self(404);
    pub(crate) const CONFLICT: Self = Self(409);

    pub(crate) const fn text(self) -> &'static str {
        match self.0 {
            403 => "forbidden",
            409 => "conflict",
            _ => "item-not-found",
        }
    }

    /// The error for the simulator's API.
    pub(crate) fn of_group(self, jid: &str) -> Error {
        match self {
            Self::NO_GROUP => Error::NoGroup(jid.to_owned()),
            _ => Error::NotAllowed(jid.to_owned()),
        }
    }
}

/// Applies a change to a group on behalf of a member.
pub(crate) fn apply(
    shared: &Shared,
    id: &str,
    actor: &Number,
    change: &Change,
) -> Result<(), Denied> {
    let mut state = lock(&shared.state);
    let group = state.groups.get_mut(id).ok_or(Denied::NO_GROUP)?;
    if !group.has(actor) || (needs_admin(group, change) && !group.admins.contains(actor)) {
        return Err(Denied::NOT_ALLOWED);
    }
    let mut concerned = group.members.clone();
    // A member who leaves is described as they were before the change.
    let action = action(group, actor, change);
    take_effect(group, actor, change);
    let added = group.members.iter().filter(|it| !concerned.contains(it));
    let added: Vec<Number> = added.cloned().collect();
    let item = news::of(group, actor, action);
    let left: Vec<Number> = concerned
        .iter()
        .filter(|it| !group.has(it))
        .cloned()
        .collect();
    let gone = !left.is_empty();
    if gone {
        group.keys.retire(&item.id);
    }
    let former = left.into_iter().map(|number| (number, item.id.clone()));
    group.former.extend(former);
    let members = group.members.clone();
    concerned.extend(added);
    for member in &members {
        state.user(member);
    }
    news::notify(&mut state, &concerned, &item);
    drop(state);
    if gone {
        forget_keys(shared, id, &concerned);
    }
    shared.announce();
    Ok(())
}

fn needs_admin(group: &Group, change: &Change) -> bool {
    match change {
        Change::Leave => false,
        Change::Add(_) => !group.settings.member_add,
        Change::Subject(_) | Change::Description { .. } | Change::Expiration(_) => {
            group.settings.locked
        }
        _ => true,
    }
}

fn take_effect(group: &mut Group, actor: &Number, change: &Change) {
    match change {
        Change::Subject(text) => {
            group.subject = Subject {
                text: text.clone(),
                by: actor.clone(),
                at: unix_now(),
            };
        }
        Change::Add(people) => {
            for number in people {
                if !group.has(number) {
                    group.members.push(number.clone());
                }
                group.requests.remove(number);
                group.former.remove(number);
            }
        }
        Change::Remove(people) => remove(group, people),
        Change::Leave => remove(group, std::slice::from_ref(actor)),
        Change::Promote(people) => {
            let members = people
                .iter()
                .filter(|number| group.members.contains(number));
            group.admins.extend(members.cloned());
        }
        Change::Demote(people) => group.admins.retain(|admin| !people.contains(admin)),
        Change::ResetInvite { code } => group.invite.clone_from(code),
        setting => group.settings.apply(setting),
    }
}

fn remove(group: &mut Group, people: &[Number]) {
    group.members.retain(|member| !people.contains(member));
    group.admins.retain(|admin| !people.contains(admin));
    if group.admins.is_empty() {
        // A group always has an admin.
        group.admins.extend(group.members.first().cloned());
    }
}

/// The child of the notification that describes the change.
fn action(group: &Group, actor: &Number, change: &Change) -> Node {
    let people = |tag: &'static str, people: &[Number]| {
        let people = people.iter().map(|number| group.participant(number));
        NodeBuilder::new(tag).children(people).build()
    };
    let toggle =
        |on: bool, tags: [&'static str; 2]| NodeBuilder::new(tags[usize::from(!on)]).build();
    match change {
        Change::Subject(text) => NodeBuilder::new("subject")
            .attr("subject", text.as_str())
            .attr("s_o", group.address(actor))
            .attr("s_t", unix_now())
            .build(),
        Change::Description { id, text } => {
            let description = NodeBuilder::new("description").attr("id", id.as_str());
            let content = match text {
                Some(text) => NodeBuilder::new("body").string_content(text.as_str()),
                None => NodeBuilder::new("delete"),
            };
            description.children([content.build()]).build()
        }
        Change::Add(added) => people("add", added),
        Change::Remove(removed) => people("remove", removed),
        Change::Leave => people("remove", std::slice::from_ref(actor)),
        Change::Promote(promoted) => people("promote", promoted),
        Change::Demote(demoted) => people("demote", demoted),
        Change::Announcement(on) => toggle(*on, ["announcement", "not_announcement"]),
        Change::Locked(on) => toggle(*on, ["locked", "unlocked"]),
        Change::Expiration(0) => NodeBuilder::new("not_ephemeral").build(),
        Change::Expiration(seconds) => NodeBuilder::new("ephemeral")
            .attr("expiration", *seconds)
            .build(),
        Change::Approval(on) => approval_mode(*on),
        Change::MemberAdd(on) => member_add_mode(*on),
        // The address of every member changes.
        Change::ByLid(_) => people("modify", &group.members),
        // Baileys and whatsmeow read the new code here; the library also knows a `<revoke/>`.
        Change::ResetInvite { code } => invite(code),
    }
}

/// Phones and peers start with new sender keys, which only the current members get.
fn forget_keys(shared: &Shared, id: &str, people: &[Number]) {
    let jid = wacore_binary::Jid::group(id).to_string();
    for number in people {
        let parties: Vec<_> = {
            let mut state = lock(&shared.state);
            let user = state.user(number);
            user.distributed.retain(|(_, group), _| group != id);
            let devices = state.played_by(number);
            let party = |device: DeviceId| Some((state.party(&device)?, device));
            devices.into_iter().filter_map(party).collect()
        };
        for (party, device) in parties {
            lock(&party).forget_sender_key(&jid, &address(&device));
        }
    }
}
