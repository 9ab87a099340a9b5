//! Groups.

use openclaw_types::{Contact, Group, GroupRole, Participant};
use prost_types::Timestamp;

use super::content::seconds;
use super::people::contact;
use crate::v1;

/// A group.
#[must_use]
pub fn group(group: Group) -> v1::Group {
    let Group {
        id,
        name,
        description,
        owner,
        created_at,
        announce,
        locked,
        join_approval,
        admins_add,
        disappears_after,
        size,
        participants,
        community,
        known_at,
    } = group;
    let owner = Some(owner).filter(|owner| *owner != Contact::default());
    let member_add_mode = match admins_add {
        None => v1::MemberAddMode::Unspecified,
        Some(false) => v1::MemberAddMode::Everyone,
        Some(true) => v1::MemberAddMode::Admins,
    };
    v1::Group {
        id: id.jid().to_owned(),
        name,
        description,
        owner: owner.map(contact),
        created_at: created_at.map(Timestamp::from),
        announce,
        locked,
        join_approval,
        member_add_mode: member_add_mode.into(),
        disappears_after: seconds(disappears_after),
        size,
        participants: participants.into_iter().map(participant).collect(),
        community: community.map_or_else(String::new, |id| id.jid().to_owned()),
        known_at: known_at.map(Timestamp::from),
    }
}

fn participant(participant: Participant) -> v1::Participant {
    let Participant { contact, role } = participant;
    let role = match role {
        GroupRole::Member => v1::GroupRole::Member,
        GroupRole::Admin => v1::GroupRole::Admin,
        GroupRole::SuperAdmin => v1::GroupRole::SuperAdmin,
    };
    v1::Participant {
        contact: Some(self::contact(contact)),
        role: role.into(),
    }
}
