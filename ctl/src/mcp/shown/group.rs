//! Groups.

use openclaw_proto::v1::{Group, GroupRole, Participant};
use schemars::JsonSchema;
use serde::Serialize;

use super::person::{Person, known, time};
use crate::mcp::untrusted::{Cleaner, MAX_LISTED_CHARS, UntrustedText, id};

/// A group has up to 1,024.
const MAX_PARTICIPANTS: usize = 300;

/// A page of groups.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Groups {
    /// By id, without descriptions and participants.
    pub(crate) groups: Vec<GroupShown>,
    /// For the next page; null on the last one.
    pub(crate) next_cursor: Option<String>,
    /// Number of groups on all pages.
    pub(crate) total: u32,
    /// True if the agent may not know all of them yet.
    pub(crate) incomplete: bool,
}

/// A group.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct GroupShown {
    /// Its id, for `chat` and `to` of other tools.
    group: Option<String>,
    /// Number of participants; 0 if it is not known.
    size: u32,
    /// Who created it.
    owner: Option<Person>,
    /// When it was created.
    created_at: Option<String>,
    /// True if only admins can send messages.
    announce: bool,
    /// The participants; only of a single group.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    participants: Vec<Member>,
    /// How many participants are left out here.
    #[serde(skip_serializing_if = "Option::is_none")]
    participants_left_out: Option<usize>,
    /// The name is `chat_name`, the description `text`.
    untrusted_text: UntrustedText,
}

/// A person in a group.
#[derive(Debug, Serialize, JsonSchema)]
struct Member {
    #[serde(flatten)]
    person: Person,
    /// member, admin or super_admin.
    role: Option<String>,
}

impl From<&Participant> for Member {
    fn from(participant: &Participant) -> Self {
        let Participant { contact, role } = participant;
        Self {
            person: Person::of(&contact.clone().unwrap_or_default()),
            role: known::<GroupRole>(*role),
        }
    }
}

impl From<&Group> for GroupShown {
    fn from(group: &Group) -> Self {
        let mut cleaner = Cleaner::new(MAX_LISTED_CHARS);
        let left_out = group.participants.len().saturating_sub(MAX_PARTICIPANTS);
        let participants = group.participants.iter().take(MAX_PARTICIPANTS);
        Self {
            group: id(&group.id),
            size: group.size,
            owner: Person::known(group.owner.as_ref()),
            created_at: time(group.created_at),
            announce: group.announce,
            participants: participants.map(Member::from).collect(),
            participants_left_out: (left_out > 0).then_some(left_out),
            untrusted_text: UntrustedText {
                chat_name: cleaner.name(&group.name),
                text: cleaner.text(&group.description),
                shortened: cleaner.shortened,
                ..UntrustedText::default()
            },
        }
    }
}
