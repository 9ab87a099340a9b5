//! The kind of a chat, derived from its JID.

use crate::ChatId;

/// A kind of chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatKind {
    /// A one-to-one chat.
    Person,
    /// A group.
    Group,
    /// Statuses of contacts.
    Status,
    /// A channel (newsletter) that the account follows.
    Channel,
}

impl ChatKind {
    /// The kind of a chat.
    #[must_use]
    pub fn of(chat: &ChatId) -> Self {
        match chat.jid().rsplit_once('@') {
            Some((_, "g.us")) => Self::Group,
            Some(("status", "broadcast")) => Self::Status,
            Some((_, "newsletter")) => Self::Channel,
            _ => Self::Person,
        }
    }
}

/// A set of chat kinds. The default leaves out statuses and channels: most clients answer messages, and those cannot be
/// answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChatKinds(u8);

impl Default for ChatKinds {
    fn default() -> Self {
        Self::of([ChatKind::Person, ChatKind::Group])
    }
}

impl ChatKinds {
    /// The set of these kinds; the default set if there are none.
    pub fn of(kinds: impl IntoIterator<Item = ChatKind>) -> Self {
        let bits = kinds
            .into_iter()
            .fold(0, |bits, kind| bits | 1 << kind as u8);
        if bits == 0 {
            Self::default()
        } else {
            Self(bits)
        }
    }

    /// Returns true if the set contains this kind.
    #[must_use]
    pub const fn contains(self, kind: ChatKind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jid_determines_the_kind() {
        for (jid, kind) in [
            ("15550100123@s.whatsapp.net", ChatKind::Person),
            ("100000000000001@lid", ChatKind::Person),
            ("120363000000000001@g.us", ChatKind::Group),
            ("status@broadcast", ChatKind::Status),
            ("120363000000000009@newsletter", ChatKind::Channel),
        ] {
            assert_eq!(ChatKind::of(&ChatId::of_jid(jid)), kind, "{jid}");
        }
    }

    #[test]
    fn the_default_contains_only_chats_that_can_be_answered() {
        for none in [ChatKinds::default(), ChatKinds::of([])] {
            assert!(none.contains(ChatKind::Person) && none.contains(ChatKind::Group));
            assert!(!none.contains(ChatKind::Status) && !none.contains(ChatKind::Channel));
        }
        let only = ChatKinds::of([ChatKind::Status]);
        assert!(only.contains(ChatKind::Status) && !only.contains(ChatKind::Person));
    }
}
