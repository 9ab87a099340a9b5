//! Changes of groups, and the notifications to their members.

pub(crate) mod change;
pub(crate) mod community;
pub(crate) mod joining;
mod news;

use std::collections::{BTreeMap, HashMap};

use crate::clock::unix_now;
use crate::number::Number;
use crate::state::State;
use crate::state::community::{Place, Role};
use crate::state::group::{Group, SenderKeys, Settings, Subject};
use crate::state::shared::Shared;
use crate::sync::lock;

/// A group to create.
pub(crate) struct Draft<'a> {
    pub(crate) subject: &'a str,
    /// The members, without the creator.
    pub(crate) members: &'a [Number],
    pub(crate) settings: Settings,
    pub(crate) place: Place,
}

impl<'a> Draft<'a> {
    /// A group outside of any community.
    pub(crate) fn new(subject: &'a str, members: &'a [Number]) -> Self {
        Self {
            subject,
            members,
            settings: Settings::default(),
            place: Place::Alone,
        }
    }
}

/// Creates a group and notifies its members' companions. Returns the user part of its JID.
pub(crate) fn make(shared: &Shared, creator: &Number, draft: Draft<'_>) -> String {
    let mut everybody = vec![creator.clone()];
    for member in draft.members {
        if !everybody.contains(member) {
            everybody.push(member.clone());
        }
    }
    let mut state = lock(&shared.state);
    for member in &everybody {
        state.user(member);
    }
    state.groups_made += 1;
    let id = format!("12036300000000{:04}", state.groups_made);
    let now = unix_now();
    let hidden = state.users.iter().filter(|(_, user)| user.hidden);
    let hidden = hidden.map(|(number, _)| number.clone()).collect();
    let group = Group {
        hidden,
        id: id.clone(),
        subject: Subject {
            text: draft.subject.to_owned(),
            by: creator.clone(),
            at: now,
        },
        creator: creator.clone(),
        members: everybody.clone(),
        admins: [creator.clone()].into(),
        created_at: now,
        settings: Settings {
            announcement: draft.settings.announcement
                || draft.place.role() == Some(Role::Announcements),
            ..draft.settings
        },
        place: draft.place,
        invite: crate::id::message(),
        requests: BTreeMap::new(),
        picture: None,
        keys: SenderKeys::default(),
        former: HashMap::new(),
    };
    let created = news::created(&group);
    state.groups.insert(id.clone(), group);
    news::notify(&mut state, &everybody, &created);
    drop(state);
    shared.announce();
    id
}

/// A member has a new number: notifies the members' companions.
pub(crate) fn renumbered(state: &mut State, old: &Number, new: &Number) {
    let mut notices = Vec::new();
    for group in state.groups.values_mut().filter(|group| group.has(old)) {
        let item = news::renumbered(group, old, new);
        for member in &mut group.members {
            if member == old {
                *member = new.clone();
            }
        }
        if group.admins.remove(old) {
            group.admins.insert(new.clone());
        }
        for named in [&mut group.creator, &mut group.subject.by] {
            if named == old {
                *named = new.clone();
            }
        }
        notices.push((group.members.clone(), item));
    }
    for (members, item) in notices {
        news::notify(state, &members, &item);
    }
}

#[cfg(test)]
mod tests;
