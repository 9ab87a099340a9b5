//! Identifies a message, so that a redelivery is recognised with any address of its sender and at any distance.

use openclaw_types::{ChatId, Contact, Lid};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A hash of a message's chat, sender and id; never 0. The upper half depends on the id only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mark(pub(super) u64);

impl Mark {
    fn new(chat: &str, sender: &str, id: &str) -> Self {
        let low = hash(&["message", chat, sender, id]) & u64::from(u32::MAX);
        Self(u64::from(Self::half_of(id)) << 32 | low.max(1))
    }

    /// The mark of a message that was sent with Send: it can be found by its id, and never equals the mark of an
    /// incoming message.
    pub(super) fn of_sent(id: &str) -> Self {
        Self::new("", "", id)
    }

    /// The mark that earlier versions computed, from the addresses exactly as on the wire.
    fn of_addresses(chat: &str, sender: &str, id: &str) -> Self {
        Self(hash(&[chat, sender, id]).max(1))
    }

    /// The upper half, which all marks with this id share.
    pub(super) fn half_of(id: &str) -> u32 {
        u32::try_from(hash(&["id", id]) >> 32).unwrap_or_default()
    }

    /// The key of a row.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    pub(super) const fn of_bytes(bytes: [u8; 8]) -> Self {
        Self(u64::from_be_bytes(bytes))
    }
}

fn hash(words: &[&str]) -> u64 {
    let mut hash = Sha256::new();
    for word in words {
        hash.update((word.len() as u64).to_le_bytes());
        hash.update(word);
    }
    let hash = hash.finalize();
    hash.first_chunk()
        .map_or(0, |hash| u64::from_le_bytes(*hash))
}

/// A message's id, and all known addresses of its chat and its sender, the preferred one first. It may contain
/// numbers: `Debug` shows only the id.
#[derive(Clone)]
pub struct MessageName {
    chat: Vec<String>,
    sender: Vec<String>,
    id: String,
    earlier: Option<Mark>,
}

impl MessageName {
    /// From the addresses of its chat and its sender. Neither list may be empty; a known LID precedes the number.
    #[must_use]
    pub fn new(chat: Vec<String>, sender: Vec<String>, id: &str) -> Self {
        Self {
            chat,
            sender,
            id: id.to_owned(),
            earlier: None,
        }
    }

    /// Adds the addresses on the wire, from which earlier versions computed the mark.
    #[must_use]
    pub fn addressed(mut self, chat: &str, sender: &str) -> Self {
        self.earlier = Some(Mark::of_addresses(chat, sender, &self.id));
        self
    }

    /// WhatsApp's message id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The addresses of its chat, the preferred one first.
    #[must_use]
    pub fn chats(&self) -> &[String] {
        &self.chat
    }

    /// The mark under which it is stored.
    #[must_use]
    pub fn mark(&self) -> Mark {
        let first = |names: &[String]| names.first().cloned().unwrap_or_default();
        Mark::new(&first(&self.chat), &first(&self.sender), &self.id)
    }

    /// All marks under which it may be stored.
    pub(super) fn marks(&self) -> Vec<u64> {
        let pairs = self
            .chat
            .iter()
            .flat_map(|chat| self.sender.iter().map(move |sender| (chat, sender)));
        let marks = pairs.map(|(chat, sender)| Mark::new(chat, sender, &self.id));
        marks.chain(self.earlier).map(|Mark(mark)| mark).collect()
    }

    /// True if the event's chat and sender match, by any of their addresses.
    pub(super) fn is(
        &self,
        id: &str,
        chat: &ChatId,
        other_side: Option<&Contact>,
        sender: &Contact,
    ) -> bool {
        let in_chat = self.chat.iter().any(|name| name == chat.jid())
            || chat.is_person() && other_side.is_some_and(|who| shares(&self.chat, who));
        self.id == id && in_chat && shares(&self.sender, sender)
    }
}

fn shares(names: &[String], who: &Contact) -> bool {
    let Contact { phone, lid } = who;
    let phone = phone
        .as_ref()
        .map(|phone| ChatId::of_phone(phone).jid().to_owned());
    let lid = lid.as_ref().map(Lid::jid);
    [phone, lid]
        .into_iter()
        .flatten()
        .any(|name| names.contains(&name))
}

impl std::fmt::Debug for MessageName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.id)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn name(chat: &[&str], sender: &[&str], id: &str) -> MessageName {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        MessageName::new(owned(chat), owned(sender), id)
    }

    #[test]
    fn the_mark_depends_on_chat_sender_id_and_their_boundaries() {
        let marks = [
            Mark::new("a", "b", "c"),
            Mark::new("b", "a", "c"),
            Mark::new("ab", "", "c"),
            Mark::new("a", "bc", ""),
            Mark::of_sent("c"),
            Mark::of_addresses("a", "b", "c"),
        ];
        let different: HashSet<_> = marks.iter().collect();
        assert_eq!(different.len(), marks.len());
    }

    #[test]
    fn all_marks_of_an_id_share_their_upper_half() {
        let both = name(
            &["1@lid", "2@s.whatsapp.net"],
            &["1@lid", "2@s.whatsapp.net"],
            "A",
        );
        let marks = both.marks();
        assert_eq!(marks.len(), 4);
        let half = u64::from(Mark::half_of("A"));
        assert!(marks.iter().all(|mark| mark >> 32 == half));
        let by_lid = name(&["1@lid"], &["1@lid"], "A");
        let by_number = name(&["2@s.whatsapp.net"], &["2@s.whatsapp.net"], "A");
        for one in [&by_lid, &by_number] {
            assert!(
                marks.contains(&one.mark().0),
                "found by each of its addresses"
            );
        }
        assert_eq!(both.mark(), by_lid.mark(), "written under the LID");
        assert_ne!(by_lid.mark(), by_number.mark());
    }
}
