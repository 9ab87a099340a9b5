//! What kind of chat something happens in, by the chat's name.

use crate::ChatId;

/// A kind of chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatKind {
    /// A chat of two.
    Person,
    /// A group.
    Group,
    /// The statuses of people who have this account among their contacts.
    Status,
    /// A channel that the account follows.
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

/// The kinds of chats that a reader wants to see. The default leaves out statuses and channels: most readers answer what
/// is written to them, and those are written to no one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChatKinds(u8);

impl Default for ChatKinds {
    fn default() -> Self {
        Self::of([ChatKind::Person, ChatKind::Group])
    }
}

impl ChatKinds {
    /// These; the default where there are none.
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

    /// Whether a kind is among them.
    #[must_use]
    pub const fn contains(self, kind: ChatKind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_in_the_name() {
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
    fn without_a_choice_only_chats_that_can_be_answered_are_seen() {
        for none in [ChatKinds::default(), ChatKinds::of([])] {
            assert!(none.contains(ChatKind::Person) && none.contains(ChatKind::Group));
            assert!(!none.contains(ChatKind::Status) && !none.contains(ChatKind::Channel));
        }
        let only = ChatKinds::of([ChatKind::Status]);
        assert!(only.contains(ChatKind::Status) && !only.contains(ChatKind::Person));
    }
}
