//! Changes of groups, and groups themselves.

use std::time::{Duration, SystemTime};

use openclaw_types::{
    Contact, Group, GroupChange, GroupChangeKind as Kind, GroupRole, MessageId, Origin, Participant,
};
use whatsapp_rust::Jid;
use whatsapp_rust::features::{GroupMetadata, GroupParticipant, MemberAddMode};
use whatsapp_rust::types::events::GroupUpdate;
use whatsapp_rust::wacore::stanza::groups::{
    GroupNotificationAction as Action, GroupParticipantInfo,
};
use whatsapp_rust::wacore_binary::{JidExt as _, NodeRef};

use super::{chat, contact, content, person};
use crate::session::time::MAX_SECONDS;

/// The maximum length of a text that is kept, in bytes: 2,048 characters of 4 bytes.
const MAX_TEXT_BYTES: usize = 8_192;
/// The maximum number of people in one event: as many as a group has.
const MAX_PEOPLE: usize = 1_024;

/// A change in a notification. Its sender is the group itself where WhatsApp names no one.
pub(in crate::session) fn change(update: &GroupUpdate) -> GroupChange {
    let sender = contact(update.participant.iter().chain(&update.participant_pn));
    // Every notification has an id: without one it could not be acked.
    let id = update.notification_id.as_deref().unwrap_or_default();
    let change = GroupChange {
        origin: Origin {
            id: MessageId::new(&format!("{id}-{}", update.action_index)),
            chat: chat(&update.group_jid),
            sender,
            push_name: String::new(),
            sent_at: SystemTime::from(update.timestamp),
            from_me: false,
            group: true,
            offline: update.offline.is_some(),
            bypassed: false,
            recovered: false,
        },
        change: Kind::Other(String::new()),
        people: Vec::new(),
        text: String::new(),
        enabled: false,
        disappears_after: 0,
    };
    of_action(change, &update.action)
}

fn of_action(change: GroupChange, action: &Action) -> GroupChange {
    let of_people = |kind, people: &[GroupParticipantInfo]| {
        let people = people.iter().take(MAX_PEOPLE).map(informed);
        (kind, people.collect::<Vec<_>>())
    };
    let sender = || vec![change.origin.sender.clone()];
    let (kind, people) = match action {
        Action::Add {
            participants,
            reason,
        } => match reason.as_deref() {
            Some("invite") => of_people(Kind::Joined, participants),
            _ => of_people(Kind::Added, participants),
        },
        Action::Remove { participants, .. } => {
            let (kind, people) = of_people(Kind::Removed, participants);
            match people.as_slice() {
                [one] if one.is_same(&change.origin.sender) => (Kind::Left, people),
                _ => (kind, people),
            }
        }
        Action::Promote { participants } => of_people(Kind::Promoted, participants),
        Action::Demote { participants } => of_people(Kind::Demoted, participants),
        Action::Modify { participants } => of_people(Kind::NumberChanged, participants),
        Action::MembershipApprovalRequest { .. } => (Kind::JoinRequested, sender()),
        Action::CreatedMembershipRequests { requests, .. } => {
            of_people(Kind::JoinRequested, requests)
        }
        Action::RevokedMembershipRequests { participants } => {
            let people = participants.iter().take(MAX_PEOPLE).map(person).collect();
            (Kind::JoinRequestClosed, people)
        }
        // Baileys and whatsmeow read a new code here, which the library takes for a person who has joined.
        Action::Invite { .. } | Action::RevokeInvite => (Kind::InviteReset, Vec::new()),
        Action::Delete { .. } => (Kind::Deleted, Vec::new()),
        _ => return of_setting(change, action),
    };
    GroupChange {
        change: kind,
        people,
        ..change
    }
}

/// A change of a name or a setting.
fn of_setting(change: GroupChange, action: &Action) -> GroupChange {
    let text = |text: &str| content::cut(text, MAX_TEXT_BYTES).to_owned();
    let switch = |kind, enabled| (kind, String::new(), enabled);
    let (kind, text, enabled) = match action {
        Action::Subject { subject, .. } => (Kind::Name, text(subject), false),
        Action::Description { description, .. } => {
            let description = description.as_deref().unwrap_or_default();
            (Kind::Description, text(description), false)
        }
        Action::Locked { .. } => switch(Kind::Locked, true),
        Action::Unlocked => switch(Kind::Locked, false),
        Action::Announce => switch(Kind::Announce, true),
        Action::NotAnnounce => switch(Kind::Announce, false),
        Action::MembershipApprovalMode { enabled } => switch(Kind::JoinApproval, *enabled),
        Action::MemberAddMode { mode } => switch(Kind::AdminsAdd, mode == "admin_add"),
        Action::Create { raw } => {
            let group = raw.get_optional_child("group").unwrap_or(raw);
            let subject = group.attrs().optional_string("subject");
            let timer = group.get_optional_child("ephemeral");
            let timer = timer.and_then(|timer| timer.attrs().optional_u64("expiration"));
            return GroupChange {
                change: Kind::Created,
                text: text(&subject.unwrap_or_default()),
                disappears_after: timer.and_then(|it| it.try_into().ok()).unwrap_or_default(),
                ..change
            };
        }
        Action::Ephemeral { expiration, .. } => {
            return GroupChange {
                change: Kind::Timer,
                disappears_after: *expiration,
                ..change
            };
        }
        other => switch(Kind::Other(other.tag_name().to_owned()), false),
    };
    GroupChange {
        change: kind,
        text,
        enabled,
        ..change
    }
}

/// A new picture of a group, or its removal.
pub(in crate::session) fn picture(stanza: &NodeRef<'_>) -> Option<GroupChange> {
    let mut attrs = stanza.attrs();
    if stanza.tag != "notification" || attrs.optional_string("type")? != "picture" {
        return None;
    }
    let group = attrs.optional_jid("from").filter(Jid::is_group)?;
    let id = attrs.optional_string("id")?;
    let seconds = attrs.optional_u64("t").unwrap_or_default();
    let seconds = Duration::from_secs(seconds.min(MAX_SECONDS));
    let set = stanza.get_optional_child("set");
    let child = set.or_else(|| stanza.get_optional_child("delete"));
    let author = child.and_then(|child| child.attrs().optional_jid("author"));
    Some(GroupChange {
        origin: Origin {
            id: MessageId::new(&format!("{id}-0")),
            chat: chat(&group),
            sender: author.as_ref().map(person).unwrap_or_default(),
            push_name: String::new(),
            sent_at: SystemTime::UNIX_EPOCH.checked_add(seconds)?,
            from_me: false,
            group: true,
            offline: stanza.get_attr("offline").is_some(),
            bypassed: false,
            recovered: false,
        },
        change: Kind::Picture,
        people: Vec::new(),
        text: String::new(),
        enabled: set.is_some(),
        disappears_after: 0,
    })
}

fn informed(info: &GroupParticipantInfo) -> Contact {
    contact(
        [&info.jid]
            .into_iter()
            .chain(&info.phone_number)
            .chain(&info.lid),
    )
}

/// A group as WhatsApp describes it.
pub(in crate::session) fn group(described: &GroupMetadata, now: SystemTime) -> Group {
    let owner = contact(described.creator.iter().chain(&described.creator_pn));
    let size = u32::try_from(described.participants.len()).unwrap_or(u32::MAX);
    let timer = described.ephemeral.as_ref();
    let timer = timer.and_then(|timer| timer.expiration);
    let text = |text: &str| content::cut(text, MAX_TEXT_BYTES).to_owned();
    Group {
        id: chat(&described.id),
        name: text(&described.subject),
        description: text(described.description.as_deref().unwrap_or_default()),
        owner,
        created_at: described
            .creation_time
            .and_then(|at| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(at))),
        announce: described.is_announcement,
        locked: described.is_locked,
        join_approval: described.membership_approval,
        admins_add: described
            .member_add_mode
            .as_ref()
            .map(|mode| *mode == MemberAddMode::AdminAdd),
        disappears_after: timer.unwrap_or_default(),
        size: described.size.unwrap_or_default().max(size),
        participants: described.participants.iter().map(participant).collect(),
        community: described.parent_group_jid.as_ref().map(chat),
        known_at: Some(now),
    }
}

fn participant(of: &GroupParticipant) -> Participant {
    let jids = [&of.jid].into_iter().chain(&of.phone_number).chain(&of.lid);
    let role = match (of.is_super_admin(), of.is_admin()) {
        (true, _) => GroupRole::SuperAdmin,
        (false, true) => GroupRole::Admin,
        (false, false) => GroupRole::Member,
    };
    Participant {
        contact: contact(jids),
        role,
    }
}
