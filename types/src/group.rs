//! Groups: their settings and participants.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::stored::maybe_time;
use crate::{ChatId, Contact};

/// The maximum length of a group's name, in characters.
pub const MAX_GROUP_NAME_CHARS: usize = 100;
/// The maximum length of a group's description, in characters.
pub const MAX_GROUP_DESCRIPTION_CHARS: usize = 2_048;

/// The role of a person in a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupRole {
    /// A member.
    #[default]
    #[serde(rename = "m")]
    Member,
    /// An admin.
    #[serde(rename = "a")]
    Admin,
    /// The creator, whom other admins cannot remove.
    #[serde(rename = "s")]
    SuperAdmin,
}

/// A person in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// The person.
    #[serde(rename = "c")]
    pub contact: Contact,
    /// Their role.
    #[serde(rename = "r", default)]
    pub role: GroupRole,
}

/// A group, as WhatsApp describes it to a member.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its JID.
    #[serde(rename = "i")]
    pub id: ChatId,
    /// Its name: the subject.
    #[serde(rename = "n")]
    pub name: String,
    /// Its description; empty if there is none.
    #[serde(rename = "d", default)]
    pub description: String,
    /// Its creator.
    #[serde(rename = "o", default)]
    pub owner: Contact,
    /// When it was created.
    #[serde(rename = "t", with = "maybe_time", default)]
    pub created_at: Option<SystemTime>,
    /// Only admins can send messages.
    #[serde(rename = "a", default)]
    pub announce: bool,
    /// Only admins can change the name, the description, the picture and the timer.
    #[serde(rename = "l", default)]
    pub locked: bool,
    /// An admin has to approve those who join by the invite link.
    #[serde(rename = "j", default)]
    pub join_approval: bool,
    /// Only admins can add people. `None` if unknown.
    #[serde(rename = "m", default)]
    pub admins_add: Option<bool>,
    /// The timer of new messages in seconds, 0 for none.
    #[serde(rename = "e", default)]
    pub disappears_after: u32,
    /// The number of participants.
    #[serde(rename = "s", default)]
    pub size: u32,
    /// The participants. Empty where they are too many to be kept.
    #[serde(rename = "p", default)]
    pub participants: Vec<Participant>,
    /// The community that it belongs to.
    #[serde(rename = "c", default)]
    pub community: Option<ChatId>,
    /// When WhatsApp last described it. `None` if only its name is known.
    #[serde(rename = "k", with = "maybe_time", default)]
    pub known_at: Option<SystemTime>,
}

impl Group {
    /// A group of which only the name is known.
    #[must_use]
    pub const fn named(id: ChatId, name: String) -> Self {
        Self {
            id,
            name,
            description: String::new(),
            owner: Contact {
                phone: None,
                lid: None,
            },
            created_at: None,
            announce: false,
            locked: false,
            join_approval: false,
            admins_add: None,
            disappears_after: 0,
            size: 0,
            participants: Vec::new(),
            community: None,
            known_at: None,
        }
    }
}

/// Shows neither names nor people.
impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
